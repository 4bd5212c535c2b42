"""``userops check`` grades a learner's own notebook, explains, shows no hidden test, and touches nothing."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from small_course import make_small_course

from autograder import cli
from autograder.authoring.repository import Repository
from autograder.commands import check as command
from autograder.engine import Engine, Limits
from autograder.engine.sandbox import missing
from autograder.feedback import own_page
from autograder.feedback import page as feedback_page
from autograder.grading import single
from autograder.grading.course import make_course
from autograder.grading.single import CheckResult, check, find_notebook
from autograder.notebooks import submissions
from autograder.notebooks.outline import in_language, outline
from autograder.notebooks.submissions import language_of_notebook, read_notebook
from autograder.progress import Progress
from userops.errors import CourseError

Answer = Callable[[NotebookNode], None]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_course(tmp_path_factory.mktemp("small") / "repo").root


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine for all tests: its start takes seconds."""
    with Engine(workers=1, limits=Limits(cell_seconds=20)) as engine:
        yield engine


@pytest.fixture(autouse=True)
def one_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "_engine", lambda: nullcontext(engine))


@pytest.fixture
def repo(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of the small checkout, which is the current folder; no browser opens."""
    repo = Repository(Path(shutil.copytree(template, tmp_path / "repo")))
    monkeypatch.chdir(repo.root)
    monkeypatch.delenv("USEROPS_DATA", raising=False)
    monkeypatch.setattr(command.webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    return repo


def put(notebook: NotebookNode, grade_id: str, source: str) -> None:
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    cell.source = source


def answer(repo: Repository, lang: str, change: Answer) -> Path:
    """Let a learner work on the notebook; return its path."""
    path = repo.notebook("ch01_small", lang)
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def graded(repo: Repository, lang: str, change: Answer) -> CheckResult:
    return check(repo, "ch01_small", lang, read_notebook(answer(repo, lang, change)))


def page(result: CheckResult) -> str:
    return feedback_page.render(feedback_page.page_of(result, "notebooks/x.ipynb"))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def right(notebook: NotebookNode) -> None:
    put(notebook, "people", "def people(events):\n    return len(set(events['user_id']))")
    put(notebook, "pair", "first, second = 1, 2")
    put(notebook, "memo", "Two people came <script>alert(1)</script>.")


def mistaken(notebook: NotebookNode) -> None:
    put(notebook, "people", "def people(events):\n    return len(events)")
    put(notebook, "pair", "first, second = 1, 1")


def states(result: CheckResult) -> list[tuple[str, float | None, str]]:
    return [(v.exercise.number, v.points, v.state) for v in result.marks.verdicts]


def assert_nothing_hidden(result: CheckResult) -> None:
    shown = page(result) + json.dumps(result.as_json(Path("x.ipynb"), Path("x.html")), ensure_ascii=False)
    for secret in ("SECRET_FRAME", "HIDDEN TESTS", "drop_duplicates", "nunique", "score.part"):
        assert secret not in shown


# ------------------------------------------------------------------------------------------ what is found


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_right_notebook_earns_everything_and_the_memo_is_for_its_author_to_judge(
    repo: Repository, lang: str
) -> None:
    result = graded(repo, lang, right)
    assert states(result) == [("1.1", 2.0, "right"), ("1.2", 3.0, "right"), ("1.3", None, "memo")]
    assert (result.marks.points, result.marks.possible, result.marks.by_hand) == (5.0, 5.0, 3.0)
    html = page(result)
    assert_nothing_hidden(result)
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert ("MODEL ANSWER" in html) == (lang == "en")
    assert ("参考答案：来了两个人" in html) == (lang == "zh")
    assert ("评分标准" in html) == (lang == "zh")


@pytest.mark.parametrize(
    ("lang", "said", "part"),
    [
        ("en", "You counted events. Count people.", "the second number: That is the first number."),
        ("zh", "你数的是事件，要数的是人。", "第二个数：这是第一个数。"),
    ],
)
def test_a_misconception_is_told_in_the_notebooks_language(
    repo: Repository, lang: str, said: str, part: str
) -> None:
    result = graded(repo, lang, mistaken)
    first, second, memo = result.marks.verdicts
    assert states(result) == [("1.1", 0.0, "not_yet"), ("1.2", 1.0, "partly"), ("1.3", None, "not_attempted")]
    assert (first.wrong, first.misconceptions) == ((said,), ("events",))
    assert (second.wrong, second.misconceptions) == ((part,), ("swapped",))
    assert len(second.right) == 1
    assert memo.answer == ""
    html = page(result)
    assert_nothing_hidden(result)
    assert said in html
    assert {"en": "1 · Counting people", "zh": "1 · 数人"}[lang] in text_of(html)  # where to read again
    assert "MODEL ANSWER" not in html  # not before there is an answer to compare


def test_an_untouched_notebook_earns_nothing_and_blames_nobody(repo: Repository) -> None:
    result = graded(repo, "en", lambda notebook: None)
    assert [state for *_, state in states(result)] == ["not_attempted"] * 3
    assert result.marks.points == 0
    assert text_of(page(result)).count("Nothing has been written here yet") == 3
    assert_nothing_hidden(result)


def test_an_error_in_a_hidden_test_names_the_learners_line_alone(repo: Repository) -> None:
    def change(notebook: NotebookNode) -> None:
        put(
            notebook,
            "people",
            "def people(events):\n    if 9 in set(events['user_id']):\n        raise KeyError('nine')\n    return 2",
        )
        put(notebook, "pair", "first, second = (1, 2")

    result = graded(repo, "en", change)
    first, second, _ = result.marks.verdicts
    assert len(first.wrong) == 1
    assert "KeyError: 'nine'" in first.wrong[0]
    assert "raise KeyError('nine')" in first.wrong[0]
    assert len(second.wrong) == 1
    assert "SyntaxError" in second.wrong[0]
    assert_nothing_hidden(result)


def test_a_damaged_notebook_is_put_right_and_says_what_was_changed(repo: Repository) -> None:
    def change(notebook: NotebookNode) -> None:
        right(notebook)
        put(notebook, "pair_test", "3.0")
        # The language cell is gone too: the checks still speak the edition's language.
        notebook.cells = [c for c in notebook.cells if c.id not in ("language", "people_test", "setup")]
        mistaken(notebook)

    result = graded(repo, "zh", change)
    assert [(c.what, c.grade_id) for c in result.changes] == [
        ("edited", "pair_test"),
        ("missing", "setup"),
        ("missing", "people_test"),
    ]
    assert states(result)[:2] == [("1.1", 0.0, "not_yet"), ("1.2", 1.0, "partly")]
    assert result.marks.verdicts[0].wrong == ("你数的是事件，要数的是人。",)
    assert "检查时补回或还原的单元格" in page(result)


@pytest.fixture
def impatient(engine: Engine) -> Iterator[None]:
    """No cell may run for more than three seconds."""
    usual, engine.limits = engine.limits, Limits(cell_seconds=3)
    yield
    engine.limits = usual


def test_the_engine_of_a_check_is_confined_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert single._engine().confined is (missing() is None)


def test_a_flood_and_a_dead_kernel_cost_their_own_cells_only(repo: Repository) -> None:
    def change(notebook: NotebookNode) -> None:
        right(notebook)
        place = next(i for i, c in enumerate(notebook.cells) if c.id == "pair_test")
        flood, death = "while True: print('flood ' * 10_000)", "import os; os._exit(1)"
        notebook.cells[place + 1 : place + 1] = [nbformat.v4.new_code_cell(code) for code in (flood, death)]

    result = graded(repo, "en", change)
    assert states(result)[:2] == [("1.1", 2.0, "right"), ("1.2", 3.0, "right")]
    assert len(page(result)) < 100_000


def test_a_loop_without_end_and_a_dead_kernel_are_named(repo: Repository, impatient: None) -> None:
    def change(notebook: NotebookNode) -> None:
        put(notebook, "people", "def people(events):\n    while True: pass")
        put(notebook, "pair", "import os; os._exit(1)")

    result = graded(repo, "en", change)
    first, second, _ = result.marks.verdicts
    assert "`while True: pass`" in first.wrong[0]
    assert "loop that never ends" in first.wrong[0]
    assert "Python itself stopped here" in second.wrong[0]
    assert result.marks.points == 0


# ------------------------------------------------------------------------------------------ the command


def run(*arguments: str) -> int:
    return cli.main(["check", *arguments])


def test_the_command_writes_the_page_and_touches_nothing_else(
    repo: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = answer(repo, "zh", mistaken)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in repo.root.rglob("*") if p.is_file()}
    opened: list[str] = []
    monkeypatch.setattr(command.webbrowser, "open", opened.append)
    monkeypatch.setattr(command, "has_screen", lambda environ: True)
    assert run("small") == 0  # the Chinese notebook, because somebody has answered in it
    written = repo.root / ".userops" / "feedback" / "ch01_small.zh.html"
    assert opened == [written.as_uri()]
    after = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in repo.root.rglob("*") if p.is_file()}
    assert set(after) - set(before) == {written}
    assert {p: after[p] for p in before} == before
    assert path in before
    said = capsys.readouterr()
    assert "ch01_small (zh)  1 / 5 分" in said.out
    assert "你数的是事件" in said.out
    assert str(written) in said.out
    assert said.err == "Running ch01_small (6 code cells) …\n"


def test_json_is_for_scripts_and_the_page_goes_where_it_is_told(
    repo: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    path = answer(repo, "en", mistaken)
    target = repo.root / "out" / "page.html"
    assert run(str(path), "--json", "--output", str(target)) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["points"], result["possible"], result["by_hand"]) == (1.0, 5.0, 3.0)
    assert result["exercises"][0] == {
        "exercise": "1.1",
        "title": "How many people?",
        "cells": ["people"],
        "state": "not_yet",
        "points": 0.0,
        "possible": 2.0,
        "right": [],
        "wrong": ["You counted events. Count people."],
        "misconceptions": ["events"],
        "read_again": "1 · Counting people",
    }
    assert Path(result["feedback"]) == target
    assert target.is_file()
    assert not (repo.root / ".userops").exists()


def test_progress_is_one_line_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with Progress("ch01", 0, stream, unit="cell", intro=command.INTRO) as bar:
            bar.at(0, 2)
            bar.at(1, 2)
    assert terminal.getvalue().count("\r") >= 3
    assert "cell/s" in terminal.getvalue() or "s/cell" in terminal.getvalue()
    assert "1/2" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    assert pipe.getvalue().count("\n") == 1


# ------------------------------------------------------------------------------------------ which notebook


def test_without_answers_the_english_notebook_is_meant(repo: Repository) -> None:
    assert find_notebook(repo, "1")[0] == repo.notebook("ch01_small", "en")


def test_the_notebook_with_answers_is_meant_and_an_option_decides(repo: Repository) -> None:
    zh = answer(repo, "zh", right)
    assert find_notebook(repo, "ch01") == (zh, "ch01_small")
    assert find_notebook(repo, "ch01", "en")[0] == repo.notebook("ch01_small", "en")
    answer(repo, "en", right)
    assert find_notebook(repo, "ch01")[0] == repo.notebook("ch01_small", "en")


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_a_copy_elsewhere_is_recognised(repo: Repository, tmp_path: Path, keeps_metadata: bool) -> None:
    copy = tmp_path / ("mine.ipynb" if keeps_metadata else "ch01_small-Copy1.ipynb")
    notebook = nbformat.read(repo.notebook("ch01_small", "zh"), as_version=4)
    if not keeps_metadata:
        del notebook.metadata["userops"]
    copy.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert find_notebook(repo, str(copy)) == (copy, "ch01_small")
    assert language_of_notebook(read_notebook(copy), copy) == "zh"


def test_a_folder_with_one_notebook_will_do(repo: Repository) -> None:
    path = repo.notebook("ch01_small", "en")
    assert find_notebook(repo, f"{path.parent}/")[0] == path
    shutil.copy(path, path.with_name("other.ipynb"))
    with pytest.raises(CourseError, match="holds 2 notebooks"):
        find_notebook(repo, f"{path.parent}/")


# ------------------------------------------------------------------------------------------ bad input

GOOD = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
R = {**GOOD, "metadata": {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}}
BROKEN: dict[str, tuple[bytes, str]] = {
    "truncated": (json.dumps(GOOD).encode()[:-9], "is not a notebook, or is damaged"),
    "empty": (b"", "is not a notebook, or is damaged"),
    "a list": (b"[1, 2]", "is not a notebook, or is damaged"),
    "cells are text": (b'{"nbformat": 4, "cells": "x"}', "is not a notebook, or is damaged"),
    "deep": (b"[" * 100_000, "is not a notebook, or is damaged"),
    "old": (b'{"nbformat": 3, "worksheets": []}', "old notebook format 3: open it in JupyterLab"),
    "future": (b'{"nbformat": 5, "cells": []}', r"newer notebook format \(5\)"),
    "not text": ("{“}".encode("gbk"), "not UTF-8"),
    "another language": (json.dumps(R).encode(), "runs r, not Python: in JupyterLab choose Kernel"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_not_our_kind_of_notebook_gets_a_sentence(
    repo: Repository, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, sentence = BROKEN[fault]
    path = repo.notebook("ch01_small", "en")
    path.write_bytes(content)
    assert run("ch01", "--lang", "en") == 2
    error = capsys.readouterr().err
    assert re.search(sentence, error)
    assert error.count("\n") == 1


def test_a_notebook_full_of_outputs_is_refused_before_it_is_read(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "LARGEST", 1000)
    with pytest.raises(CourseError, match="Clear Outputs of All Cells"):
        read_notebook(repo.notebook("ch01_small", "en"))


def test_other_python_kernels_are_welcome(repo: Repository) -> None:
    path = answer(
        repo, "en", lambda nb: nb.metadata.update(kernelspec={"name": "conda-env-x", "language": "python"})
    )
    assert read_notebook(path).cells


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smal1", "there is no chapter “smal1”: did you mean ch01_small"),
        ("nowhere/x.ipynb", "There is no file nowhere/x.ipynb"),
        ("pyproject.toml", "is not a notebook"),
    ],
)
def test_a_name_of_nothing_gets_a_sentence(
    repo: Repository, name: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_notebook_of_no_chapter_gets_a_sentence(repo: Repository, tmp_path: Path) -> None:
    path = tmp_path / "diary.ipynb"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    with pytest.raises(CourseError, match=r"diary\.ipynb is no chapter of this course"):
        find_notebook(repo, str(path))


def test_a_missing_notebook_says_how_to_make_it(repo: Repository) -> None:
    shutil.rmtree(repo.root / "notebooks")
    with pytest.raises(CourseError, match="userops build ch01_small"):
        find_notebook(repo, "ch01")


def test_missing_tables_are_named_before_anything_runs(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.require_tables("ch01_small")
    path = repo.source("ch01_small")
    code = 'load("orders"); load("users")\nimport pandas'
    path.write_text(path.read_text(encoding="utf-8").replace("import pandas", code), encoding="utf-8")
    monkeypatch.setattr(command, "check", lambda *args, **kwargs: pytest.fail("it ran"))
    assert run("ch01") == 2
    with pytest.raises(CourseError, match=r"missing in .*datasets \(orders\): get them back"):
        make_course(repo, repo.root / "course", "en")
    assert not (repo.root / "course").exists()


@pytest.mark.parametrize("fault", ["read-only", "a file in the way"])
def test_a_page_that_cannot_be_written_is_refused_before_the_run(
    repo: Repository, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if fault == "read-only":

        def refuse(*args: object, **kwargs: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(own_page.tempfile, "TemporaryFile", refuse)
    else:
        (repo.root / ".userops").touch()
    monkeypatch.setattr(command, "check", lambda *args, **kwargs: pytest.fail("it ran"))
    assert run("ch01") == 2
    assert "name another file with --output" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------ the page


class Structure(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module")
def mistaken_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    repo = make_small_course(tmp_path_factory.mktemp("page") / "repo")
    return page(graded(repo, "zh", mistaken))


def test_the_page_is_well_structured(mistaken_page: str) -> None:
    structure = Structure()
    structure.feed(mistaken_page)
    assert structure.all("html") == [{"lang": "zh-CN"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in structure.all("meta")
    assert len(structure.all("h1")) == len(structure.all("main")) == len(structure.all("title")) == 1
    levels = [int(tag[1]) for tag, _ in structure.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    ids = [attrs["id"] for _, attrs in structure.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in structure.all("a"):
        assert str(link["href"])[1:] in ids
    for section in structure.all("section", "nav"):
        assert section["aria-labelledby"] in ids
    # Every state is a word; the symbol beside it is not read aloud.
    for attrs in structure.all("span"):
        if str(attrs.get("class", "")).startswith("state"):
            assert re.search(r"(正确|还不对|还没有作答|请自己评)</span>", mistaken_page)
    assert mistaken_page.count('aria-hidden="true"') == 6


def test_the_page_needs_nothing_from_the_network(mistaken_page: str) -> None:
    addresses = re.findall(r"(?:src|href)=[\"']?([^\"' >]+)", mistaken_page)
    assert addresses
    assert all(address.startswith("#e") for address in addresses)
    assert "@import" not in mistaken_page
    assert "url(" not in mistaken_page


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_of_text_has_enough_contrast(mistaken_page: str, scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", mistaken_page, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    assert len(colours) == 11
    for ground in ("paper", "card"):
        for name, colour in colours.items():
            if name not in ("paper", "card", "line"):
                light, dark = sorted((luminance(colour), luminance(colours[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def test_a_message_is_text_with_code_in_it() -> None:
    assert feedback_page._inline_code("use `a<b>` & <i>") == "use <code>a&lt;b&gt;</code> &amp; &lt;i&gt;"
    assert feedback_page._inline_code("a ` alone") == "a ` alone"


# ------------------------------------------------------------------------------------------ the outline


def test_the_outline_of_a_chapter() -> None:
    def markdown(text: str) -> NotebookNode:
        return nbformat.v4.new_markdown_cell(text)

    def cell(make: Callable[..., NotebookNode], source: str, **meta: object) -> NotebookNode:
        return make(source, metadata={"nbgrader": NotebookNode(meta)})

    code, note = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    notebook = nbformat.v4.new_notebook(
        metadata={"userops": {"lang": "zh"}},
        cells=[
            markdown("# 第 1 章"),
            cell(code, "import x", grade_id="setup", locked=True),
            markdown(
                "## 1 · 人\n\n正文。\n\n### 练习 1.1 · 数一数\n\n写函数。\n\n```python\n# 不是标题\n```"
            ),
            markdown("补充。"),
            cell(code, "x", grade_id="x", solution=True),
            cell(code, "x", grade_id="x_test", grade=True),
            markdown("看图。"),
            markdown("### 练习 1.2 · 报告\n\n写两句。"),
            cell(note, "One.\n\n一句。", grade_id="memo", solution=True, grade=True),
            markdown("## 小结"),
        ],
    )
    found = outline(notebook)
    assert found.title == "第 1 章"
    first, second = found.exercises
    assert (first.number, first.title, first.section) == ("1.1", "数一数", "1 · 人")
    assert first.prompt.startswith("写函数。")
    assert "# 不是标题" in first.prompt
    assert "补充。" in first.prompt
    assert "看图" not in first.prompt
    assert (first.solutions, first.tests, first.memo) == (["x"], ["x_test"], None)
    assert (second.number, second.memo, second.model) == ("1.2", "memo", "一句。")


def test_a_text_in_one_language_stays_whole() -> None:
    assert in_language("One.\n\nTwo.", "zh") == "One.\n\nTwo."
    assert in_language("**20:00**，因为晚上人多。\n\nAt 20:00.", "en") == "At 20:00."
