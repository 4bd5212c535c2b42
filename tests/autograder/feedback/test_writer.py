"""A class's pages: from gradebook and graded notebook to one file, by our own door and by stock nbgrader's."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log, parse_utc
from small_course import CHAPTER, make_small_course
from traitlets.config import Config

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.feedback.notebook_html import notebook_html
from autograder.feedback.page import ClassDetails, Page, render
from autograder.feedback.writer import FeedbackWriter
from autograder.grading.course import make_course, nbgrader_settings
from autograder.grading.marks import CellGrade, mark
from autograder.grading.master import from_edition
from autograder.notebooks.restore import restore
from userops.errors import CourseError

ROOT = Path(__file__).resolve().parents[3]
NAME = "ch01_small"
MOMENT = parse_utc("2026-03-04 05:06 UTC")
SECRETS = ("SECRET_FRAME", "HIDDEN TESTS", "drop_duplicates", "score.part", "score.total")

# nbgrader's own way of adding a submission.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type <Submitted.*:sqlalchemy.exc.SAWarning")

Change_ = Callable[[NotebookNode], None]


class Course(SimpleNamespace):
    """A course of one small chapter."""

    repo: Repository
    folder: Path
    config: Config
    coursedir: CourseDirectory

    @property
    def gradebook(self) -> Gradebook:
        return Gradebook(self.coursedir.db_url, "userops")

    def page(self, student: str) -> Path:
        return self.folder / "feedback" / student / NAME / f"{NAME}.html"

    def graded(
        self, student: str, lang: str = "en", change: Change_ | None = None, **scores: float
    ) -> NotebookNode:
        """Put a graded submission into ``autograded/`` and the gradebook; return its notebook."""
        notebook = executed(self.repo, lang)
        if change is not None:
            change(notebook)
        folder = self.folder / "autograded" / student / NAME
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{NAME}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
        (folder / "timestamp.txt").write_text("2026-03-04 05:06:00 UTC", encoding="utf-8")
        with self.gradebook as book:
            book.update_or_create_student(student)
            book.update_or_create_submission(NAME, student, timestamp=MOMENT)
            for test, score in {"people_test": 0.0, "pair_test": 1.0, **scores}.items():
                grade = book.find_grade(test, NAME, NAME, student)
                grade.auto_score = score
                grade.needs_manual_grade = False
            book.db.commit()
        return notebook

    def write(self, student: str, *, force: bool = False) -> str:
        with FeedbackWriter(self.repo, self.coursedir, NAME) as writer:
            writer.write(student, force=force)
        return self.page(student).read_text(encoding="utf-8")

    def changed(self, *students: str) -> list[bool]:
        """Whether each student's page was another than before; one writer for all, as ``userops grade`` has."""
        with FeedbackWriter(self.repo, self.coursedir, NAME) as writer:
            return [writer.write(student).changed for student in students]


def cell_of(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def noting(key: str = "userops_graded", **noted: Any) -> Change_:
    """What a run notes in the graded notebook."""
    return lambda notebook: notebook.metadata.update({key: noted})


def error(name: str, text: str, *frames: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[*frames, f"{name}: {text}"])


def executed(repo: Repository, lang: str) -> NotebookNode:
    """The small chapter as a mistaken learner's notebook looks after grading."""
    master = edition(read_chapter(repo.source(NAME)), lang, release=False)
    notebook = edition(read_chapter(repo.source(NAME)), lang, release=True)
    restore(notebook, from_edition(master))
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    cell_of(notebook, "people").source = "def people(events):\n    return len(events)"
    cell_of(notebook, "pair").source = "first, second = 1, 1"
    cell_of(
        notebook, "memo"
    ).source = "## My memo\n\nTwo **people** <script>alert(1)</script> [x](javascript:alert(1))"
    test = cell_of(notebook, "people_test")
    said = {"en": "You counted events. Count people.", "zh": "你数的是事件，要数的是人。"}[lang]
    frame = f"Cell In[{test.execution_count}], line 9\n----> 9 check.number(people(SECRET_FRAME), 3)"
    test.outputs = [
        new_output("stream", name="stdout", text="hidden data that the learner's code printed\n"),
        error("CheckError", said, frame),
    ]
    part = {"en": "✓ the first number\n✗ the second number: No.", "zh": "✓ 第一个数\n✗ 第二个数：不对。"}[
        lang
    ]
    cell_of(notebook, "pair_test").outputs = [
        new_output("stream", name="stdout", text=part),
        new_output("execute_result", data={"text/plain": "1.0"}, execution_count=9),
    ]
    return notebook


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Course:
    repo = make_small_course(tmp_path_factory.mktemp("class") / "repo")
    folder = repo.root / "course"
    make_course(repo, folder, "en", [NAME])
    with nbgrader_settings(repo, folder) as config:
        coursedir = CourseDirectory(config=config)
    return Course(repo=repo, folder=folder, config=config, coursedir=coursedir)


@pytest.fixture
def course(made: Course) -> Course:
    """The course, and nobody in it."""
    with made.gradebook as book:
        for student in list(book.students):
            book.remove_student(student.id)
    for step in ("autograded", "feedback"):
        shutil.rmtree(made.folder / step, ignore_errors=True)
    return made


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


# ------------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("lang", "html_lang", "words"),
    [
        ("en", "en", ("1.1 How many people?", "You counted events.", "1 · Counting people", "Waits for your instructor")),
        ("zh", "zh-CN", ("1.1 有多少人？", "你数的是事件", "1 · 数人", "等老师评阅")),
    ],
)  # fmt: skip
def test_the_page_is_in_the_submissions_language(
    course: Course, lang: str, html_lang: str, words: tuple[str, ...]
) -> None:
    """The course's text is English: what counts is the notebook that came."""
    course.graded("ada", lang, noting(met={"people_test": ["events"]}))
    html = course.write("ada")
    assert f'<html lang="{html_lang}">' in html
    for word in words:
        assert word in text_of(html)
    assert "<code>events</code>" in html  # the misconception
    assert ("Rubric" in html) == (lang == "en")
    assert ("评分标准" in html) == (lang == "zh")
    assert "MODEL ANSWER" not in html  # not before the points are given
    assert "参考答案" not in html
    assert "2026-03-04 05:06 UTC" in html


def test_nothing_hidden_is_shown(course: Course) -> None:
    course.graded("ada")
    html = course.write("ada")
    for secret in (*SECRETS, "hidden data"):
        assert secret not in html
    assert "check.number(" in html  # the visible part
    assert "# … hidden tests" in html


def test_what_an_instructor_gave_is_shown(course: Course) -> None:
    course.graded("ada", people_test=2.0)
    with course.gradebook as book:
        memo = book.find_grade("memo", NAME, NAME, "ada")
        memo.manual_score, memo.extra_credit, memo.needs_manual_grade = 2.0, 0.5, False
        book.find_comment(
            "memo", NAME, NAME, "ada"
        ).manual_comment = "Good. <img src=x onerror=alert(1)> **Why?**"
        book.find_comment("pair", NAME, NAME, "ada").manual_comment = "Look at `second`."
        book.find_comment("people", NAME, NAME, "ada").auto_comment = "AUTOMATIC"
        pair = book.find_grade("pair_test", NAME, NAME, "ada")
        pair.manual_score = 2.0
        book.find_submission_notebook(NAME, NAME, "ada").late_submission_penalty = 1.5
        book.db.commit()
        total = book.find_submission_notebook(NAME, NAME, "ada").score
    html = course.write("ada")
    text = text_of(html)
    assert total == 6.5
    assert " 5 / 8 points" in text  # 2 + 2 + 2.5 - 1.5
    assert "Late penalty: −1.5" in text
    assert "2.5 / 3 points (0.5 of them extra credit)" in text
    assert "Marked by your instructor" in text
    assert "Your instructor gave these points." in text
    assert "<strong>Why?</strong>" in html
    assert "Look at <code>second</code>." in html
    assert "MODEL ANSWER" in html
    assert "AUTOMATIC" not in html
    assert "<img" not in html


def test_an_empty_notebook_blames_nobody(course: Course) -> None:
    def empty(notebook: NotebookNode) -> None:
        for grade_id in ("people", "pair", "memo"):
            stub = next(
                c
                for c in from_edition(edition(read_chapter(course.repo.source(NAME)), "en", release=False))
                if c.grade_id == grade_id
            )
            cell_of(notebook, grade_id).source = stub.source

    course.graded("ada", "en", empty, people_test=0.0, pair_test=0.0, memo=0.0)
    text = text_of(course.write("ada"))
    assert text.count("Nothing has been written here.") == 3
    assert " 0 / 8 points" in text


@pytest.mark.parametrize("key", ["userops", "userops_graded"])
def test_cells_put_right_are_named(course: Course, key: str) -> None:
    changes = [["missing", "setup"], ["edited", "pair_test"], ["duplicate", "pair"]]
    course.graded("ada", "en", noting(key, met={"pair_test": ["swapped"]}, changes=changes))
    html = course.write("ada")
    assert "<code>setup</code> was missing" in html
    assert "<code>pair_test</code> had been changed" in html
    assert "<code>pair</code> stood there twice" in html
    assert "<code>swapped</code>" in html


@pytest.mark.parametrize(
    "left", [5, {"met": 3, "changes": "x"}, {"met": {"a": "bc"}}, {"changes": [1, ["x"], ["<b>", "y"]]}]
)
def test_notes_of_another_shape_are_not_believed(course: Course, left: object) -> None:
    course.graded("ada", "en", lambda notebook: notebook.metadata.update({"userops_graded": left}))
    assert "<b>" not in course.write("ada")


def test_a_chapter_that_the_instructor_changed_is_told_as_it_is_graded(course: Course) -> None:
    """The page follows what the gradebook grades by, not what the checkout holds."""
    source = course.repo.source(NAME)
    course.graded("ada", "zh")
    try:
        source.write_text(CHAPTER.replace("grade_id: pair_test", "grade_id: other_test"), encoding="utf-8")
        html = course.write("ada")
    finally:
        source.write_text(CHAPTER, encoding="utf-8")
    assert '<html lang="zh-CN">' in html
    assert "1.1 How many people?" in text_of(html)  # the course's own source is English


# ------------------------------------------------------------------------------------------ the page itself


class Structure(HTMLParser):
    """What a screen reader goes by."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_is_well_structured_and_loads_nothing(course: Course, lang: str) -> None:
    def more(notebook: NotebookNode) -> None:
        notebook.cells.append(new_markdown_cell("# Mine\n\n###### deep\n\n![x](https://evil.example/x.png)"))
        cell_of(notebook, "setup").outputs = [new_output("display_data", data={"image/png": "AAAA"})]

    course.graded("ada", lang, more)
    html = course.write("ada")
    page = Structure(html)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert [len(page.all(name)) for name in ("html", "main", "header", "footer", "nav", "title")] == [1] * 6
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = page.all("a")
    assert links[0] == {"class": "skip", "href": "#exercises"}
    assert all(str(link["href"])[1:] in ids for link in links)
    assert all(section["aria-labelledby"] in ids for section in page.all("section", "nav"))
    assert all(heading.get("scope") in ("col", "row") for heading in page.all("th"))
    assert all(picture.get("alt") for picture in page.all("img"))
    # A symbol is never all there is: it is hidden from readers, and a word stands beside it.
    for symbol in "✓◐✗○✎":
        for place in re.finditer(symbol, html.split('id="notebook"')[0]):
            assert html[: place.start()].endswith('<span aria-hidden="true">')
    loads = [
        value
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key in ("src", "srcset", "data")
    ]
    assert loads == ["data:image/png;base64,AAAA"]
    assert not page.all("script", "link", "iframe", "object", "base")
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html


def test_no_hidden_line_of_a_real_chapter_is_shown() -> None:
    """Every test of chapter 1 fails with a traceback that quotes it all, and prints its own source."""
    chapter = read_chapter(Repository(ROOT).source("ch01_metrics"))
    master = edition(chapter, "zh", release=False)
    notebook, master_cells = edition(chapter, "zh", release=True), from_edition(master)
    restore(notebook, master_cells)
    hidden: set[str] = set()
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            quoted = f"Cell In[{count}], line 3\n" + "\n".join(
                f"----> {n} {line}" for n, line in enumerate(cell.source.splitlines())
            )
            cell.outputs = [
                new_output("stream", name="stdout", text=cell.source),
                error("KeyError", "'x'", quoted),
                new_output("execute_result", data={"text/plain": cell.source}, execution_count=count),
            ]
            inside = False
            for line in cell.source.splitlines():
                inside = ("BEGIN HIDDEN" in line) or (inside and "END HIDDEN" not in line)
                hidden |= {line.strip()} if inside else set()
    shown = "\n".join(cell.source for cell in edition(chapter, "zh", release=True).cells)
    secrets = [line for line in hidden if len(line) > 12 and line not in shown]
    assert len(secrets) > 100
    from autograder.notebooks.outline import outline

    asked = outline(master)
    grades = {cell.grade_id: CellGrade(0.0, cell.points) for cell in master_cells}
    marks = mark(notebook, asked.exercises, master_cells, "zh", grades=grades, misconceptions_met={})
    html = render(
        Page("ch01_metrics", "zh", "x.ipynb", "", asked, marks, of_class=ClassDetails("ada", notebook=notebook_html(notebook, "zh")))
    )  # fmt: skip
    plain = (
        html.replace("&#39;", "'")
        .replace("&#34;", '"')
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
    )
    assert [line for line in secrets if line in plain] == []


# ------------------------------------------------------------------------------------------ files


def test_a_page_is_written_once_and_again_when_something_changed(course: Course) -> None:
    course.graded("ada")
    course.graded("bo")
    assert course.changed("ada", "bo") == [True, True]
    before = course.page("ada").read_bytes()
    assert course.changed("ada", "bo") == [False, False]
    with course.gradebook as book:
        book.find_comment("people", NAME, NAME, "bo").manual_comment = "Nearly."
        book.db.commit()
    assert course.changed("ada", "bo") == [False, True]
    course.graded("ada", "en", lambda notebook: notebook.cells.append(new_markdown_cell("more")))
    assert course.changed("ada", "bo") == [True, False]
    assert course.page("ada").read_bytes() != before
    assert {path.name for path in course.page("ada").parent.iterdir()} == {f"{NAME}.html", "timestamp.txt"}
    assert course.page("ada").stat().st_mode & 0o777 == 0o644


def test_a_student_without_grades_gets_a_sentence_and_stops_nobody(course: Course) -> None:
    course.graded("bo")
    course.graded("cy")
    with course.gradebook as book:
        book.remove_submission(NAME, "cy")
    (course.folder / "autograded" / "di" / NAME).mkdir(parents=True)
    (course.folder / "autograded" / "di" / NAME / f"{NAME}.ipynb").write_text("{", encoding="utf-8")
    with FeedbackWriter(course.repo, course.coursedir, NAME) as writer:
        for student in ("cy", "di", "ed"):
            with pytest.raises(CourseError, match=r"(grade it|grade the submission)"):
                writer.write(student)
        assert writer.write("bo").changed


def test_a_failed_write_leaves_the_old_page(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.graded("ada")
    old = course.write("ada")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CourseError, match=r"cannot be written \(No space left on device\)"):
        course.write("ada", force=True)
    monkeypatch.undo()
    assert course.page("ada").read_text(encoding="utf-8") == old
    assert {path.name for path in course.page("ada").parent.iterdir()} == {f"{NAME}.html", "timestamp.txt"}


def test_a_link_in_place_of_the_timestamp_is_not_followed(course: Course) -> None:
    course.graded("ada")
    secret = course.folder / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    stamp = course.folder / "autograded" / "ada" / NAME / "timestamp.txt"
    stamp.unlink()
    stamp.symlink_to(secret)
    course.write("ada")
    stamp.unlink()
    assert not (course.page("ada").parent / "timestamp.txt").exists()


# ------------------------------------------------------------------------------------------ nbgrader's door


def test_stock_generate_feedback_makes_the_same_page(course: Course) -> None:
    course.graded("ada", "zh")
    course.graded("王小明", "en")
    ours = {student: course.write(student) for student in ("ada", "王小明")}
    for student in ours:
        course.page(student).unlink()
    course.coursedir.assignment_id = NAME
    converter = GenerateFeedback(coursedir=course.coursedir, config=course.config)
    converter.force = True  # as for every page that is there and no older than the grades
    log = capture_log(converter)
    assert log["success"], log
    for student, html in ours.items():
        assert course.page(student).read_text(encoding="utf-8") == html
        assert (course.page(student).parent / "timestamp.txt").is_file()
    # And ours finds nothing to do after it.
    assert not any(course.changed(*ours))


def test_metadata_of_a_page_are_its_own(course: Course) -> None:
    """The digest tells states apart; it holds no path and no time."""
    course.graded("ada")
    html = course.write("ada")
    assert str(course.folder) not in html
    assert json.dumps(html)  # no lone surrogates
