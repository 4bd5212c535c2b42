"""What a feedback page is made of: texts that can do nothing but be read, and tests that show nothing hidden."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.authoring.chapter import read_chapter
from autograder.authoring.repository import Repository
from autograder.feedback import safe_html
from autograder.feedback.notebook_html import notebook_html
from autograder.feedback.safe_html import _rebuilt, chapter_html, learner_html, plain, table_html
from autograder.grading.check_messages import spoken
from autograder.grading.marks import CellGrade, mark
from autograder.notebooks.outline import Exercise, outline
from autograder.notebooks.restore import MasterCell

REPO = Repository(Path(__file__).resolve().parents[3])


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def assert_harmless(markup: str) -> None:
    """No tag runs, fetches, styles or leads anywhere but to the web."""
    for tag, attributes in Tags(markup).tags:
        assert tag not in (
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "form",
            "svg",
            "math",
            "link",
            "base",
            "meta",
        )
        for name, value in attributes.items():
            assert not name.startswith("on"), markup
            assert name != "style"
            if name == "href":
                assert re.match(r"(https?://|mailto:)", str(value)), markup
            if name in ("src", "srcset", "background"):
                assert tag == "img", markup
                assert str(value).startswith("data:image/"), markup


# ------------------------------------------------------------------------------------------ a learner's text

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "handler": "text <img src=x onerror=alert(1)> text",
    "block": "<div onclick=alert(1)>\n\n# x\n\n</div>",
    "frame": "<iframe src=https://evil.example></iframe>",
    "javascript": "[x](javascript:alert(1)) [y](JaVaScript:alert(1)) [z](&#106;avascript:alert(1))",
    "tab": "[x](java\tscript:alert(1)) [y](<java script:alert(1)>)",
    "data": "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "reference": "[x][r]\n\n[r]: javascript:alert(1)",
    "autolink": "<javascript:alert(1)>",
    "quote": '[x](https://a.example/"onmouseover="alert(1) "title\\" onclick=x")',
    "picture": "![x](https://evil.example/track.png) ![](//evil.example/t.png) ![a\" onerror=\"alert(1)](x.png)",
    "file": "[x](file:///etc/passwd) [y](../../gradebook.db) [z](//evil.example)",
    "fence": "```js\" onload=\"alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "mermaid": "```mermaid\n</pre><script>alert(1)</script>\n```",
    "table": "| <script>x</script> | [b](javascript:x) |\n|---|---|\n| <img src=x onerror=y> | 2 |",
    "formula": "$<script>alert(1)</script>$ \\begin{x}<script>alert(1)</script>\\end{x}",
    "style": "<style>body{display:none}</style>",
    "close": "</div></section></main></details><h1>Full marks</h1>",
    "null": "<scr\x00ipt>alert(1)</scr\x00ipt>",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_learners_text_can_do_nothing_but_be_read(name: str) -> None:
    html = learner_html(HOSTILE[name])
    assert_harmless(html)
    assert "</section" not in html
    assert "<h1" not in html


@pytest.mark.parametrize("name", HOSTILE)
def test_each_of_the_two_defences_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markdown that escapes HTML, and bleach: a hole in one is none in the page."""
    assert_harmless(safe_html._learner_markdown.render(plain(HOSTILE[name])))
    monkeypatch.setattr(safe_html, "_learner_markdown", safe_html._chapter_markdown)
    assert_harmless(learner_html.__wrapped__(HOSTILE[name]))


def test_a_learners_markdown_is_set_as_markdown() -> None:
    assert learner_html("![a chart](x.png)") == '<p><span class="soft">[a chart]</span></p>\n'
    html = learner_html(
        "# Memo\n\nTwo **people**, `a<b`:\n\n- one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[w](https://w.example/?a=1&b=2)"
    )
    assert '<p class="heading">Memo</p>' in html
    assert "<strong>people</strong>" in html
    assert "<code>a&lt;b</code>" in html
    assert html.count('<th scope="col">') == 2
    assert '<div class="scroll" tabindex="0"><table>' in html
    assert 'href="https://w.example/?a=1&amp;b=2"' in html
    assert 'rel="noopener noreferrer"' in html


def test_the_chapters_own_hints_fold() -> None:
    html = chapter_html(
        "<details><summary>Hint</summary>One.</details>\n\n#### Also\n\n[here](../ch02.ipynb)"
    )
    assert "<details><summary>Hint</summary>One.</details>" in html
    assert '<p class="heading">Also</p>' in html
    assert "href" not in html  # a path beside the notebook leads nowhere from a page


def test_colours_and_control_characters_are_taken_out() -> None:
    assert (
        plain("\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07x\x1b]8;;\x07 a\x00b\u202ec") == "red x abc"
    )


# ------------------------------------------------------------------------------------------ tables

HOSTILE_TABLES = {
    "handler": '<table onclick="x()"><tr onmouseover="x()"><td style="background:url(https://evil.example)">1</td></tr></table>',
    "picture": "<table><tr><td><img src=x onerror=alert(1)></td></tr></table>",
    "script": "<table><tr><td><script>alert(1)</script></td></tr></table>",
    "link": '<table><tr><td><a href="javascript:alert(1)">x</a></td></tr></table>',
    "style": "<style>@import url(https://evil.example)</style><table><tr><td>1</td></tr></table>",
    "half a tag": "<table><tr><td>1</td></tr></table><img src=x onerror=alert(1)",
    "comment": "<table><tr><td><!--><img src=x onerror=alert(1)>--></td></tr></table>",
    "closes": "</div></details></section><table><tr><td>1</td></tr></table><h1>Full marks</h1>",
    "quote": '<table class="a" title="x><img src=y onerror=z>"><tr><td>1</td></tr></table>',
    "nested style": "<sty<style></style>le>x</style><table><tr><td>1</td></tr></table>",
    "entity": "<table><tr><td>&lt;script&gt;alert(1)&lt;/script&gt;</td></tr></table>",
    "foreign": "<table><tr><td><svg><g onload=alert(1)></svg><math href=javascript:x></math></td></tr></table>",
}


@pytest.mark.parametrize("name", HOSTILE_TABLES)
def test_a_table_keeps_its_cells_alone(name: str) -> None:
    html = table_html(HOSTILE_TABLES[name])
    assert_harmless(html)
    assert {tag for tag, _ in Tags(html).tags} <= {"table", "tbody", "thead", "tr", "td", "th", "p"}
    assert {key for _, attributes in Tags(html).tags for key in attributes} <= {"colspan", "rowspan", "scope"}
    assert not re.search("</(div|details|section)", html)


def test_what_is_no_table_of_pandas_is_cleaned() -> None:
    assert "<b>x</b>" in table_html("<table><tr><td><b>x</b><i>y</td></tr></table>")
    assert table_html("<table><tr><td><a href=x>z</a></td></tr></table>") == (
        "<table><tbody><tr><td>z</td></tr></tbody></table>"
    )


def test_what_pandas_writes_is_kept_without_the_slow_way() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], ["<x>", "y & z"]])
    table = pd.DataFrame({("top", "m"): range(4), ("top", "n"): list("p<q>")}, index=index)._repr_html_()
    rebuilt = _rebuilt(re.sub(r"<style.*?</style>", "", table, flags=re.DOTALL))
    assert rebuilt is not None
    assert table_html(table) == rebuilt
    assert 'rowspan="2"' in rebuilt
    assert '<th colspan="2" scope="col">top</th>' in rebuilt
    assert '<th scope="row">&lt;x&gt;</th>' in rebuilt
    assert rebuilt.count("<td>") == 8


# ------------------------------------------------------------------------------------------ what a test says

TEST = '''\
check.number(f(1), 1)
check.visible_ok()
### BEGIN HIDDEN TESTS
score = check.Score(3)
with score.part(1, t("the table", "表")):
    check.frame(f(SECRET_FRAME_OF_THE_HIDDEN_TEST), expected, hint="Count people.")
for key in ("a", "b"):
    with score.part(1, f"`{key}`: form"):
        check.number(f(SECRET_FRAME_OF_THE_HIDDEN_TEST[key]), 42)
score.total()
### END HIDDEN TESTS
'''  # fmt: skip


def test_cell(*outputs: NotebookNode, source: str = TEST) -> NotebookNode:
    meta = {"grade_id": "x_test", "grade": True, "solution": False, "locked": True, "points": 3.0}
    return new_code_cell(
        source, metadata={"nbgrader": NotebookNode(meta)}, outputs=list(outputs), execution_count=7
    )


test_cell.__test__ = False  # type: ignore[attr-defined]


def printed(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def test_parts_are_told_and_the_learners_prints_are_not() -> None:
    cell = test_cell(
        printed(
            "debug: hidden data\n✗ the table: Column `n` differs.\nCount people.\nmore hidden data\n"
            "✓ hidden data\n✗ hidden: data\n✓ `a`: form\n✗ `b`: form: Yours is 7.\nhidden data\n"
        )
    )
    right, wrong = spoken(cell)
    assert right == ["`a`: form"]
    assert wrong == ["the table: Column `n` differs.\nCount people.", "`b`: form: Yours is 7."]


@pytest.mark.parametrize(
    "text",
    [
        "✗ the table: 7 8 9\n✓ the table\n",
        "✓ the table\n✗ the table: 7 8 9\n",
        "✗ the table: 7 8 9✓ the table\n",
        "✗ the table: 7 8 9 ✗ the table: Wrong.\n",
    ],
)
def test_a_line_that_the_learner_forged_loses_its_message(text: str) -> None:
    right, wrong = spoken(test_cell(printed(text)))
    assert "7 8 9" not in "".join(right + wrong)


def test_every_part_of_every_chapter_is_recognised_once() -> None:
    """Names of parts are literal texts of their test, and no two parts of a test have the same."""
    seen = 0
    for chapter in REPO.chapters():
        for cell in read_chapter(REPO.source(chapter)).cells:
            if cell.kind != "test":
                continue
            names = []
            for node in ast.walk(ast.parse(cell.source)):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "part"
                ):
                    texts = [
                        part
                        for part in ast.walk(node.args[1])
                        if isinstance(part, ast.Constant | ast.JoinedStr)
                    ]
                    assert texts, (chapter, cell.grade_id)
                    names.append(ast.unparse(node.args[1]))
                    for part in texts:
                        if isinstance(part, ast.Constant) and len(str(part.value)) > 3:
                            line = f"✗ {part.value}: It differs."
                            _, wrong = spoken(test_cell(printed(line), source=cell.source))
                            assert wrong == [line[2:]], (chapter, cell.grade_id)
                            seen += 1
            assert len(names) == len(set(names)), (chapter, cell.grade_id)
    assert seen > 10


# ------------------------------------------------------------------------------------------ the notebook


def shown(*cells: NotebookNode, lang: str = "en") -> str:
    return str(notebook_html(new_notebook(cells=list(cells)), lang))


def error(name: str, text: str, *frames: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[*frames, f"\x1b[31m{name}\x1b[0m: {text}"])


FRAME = (
    "Cell \x1b[92mIn[7]\x1b[39m, line 6\n----> 6 check.frame(f(SECRET_FRAME_OF_THE_HIDDEN_TEST), expected)"
)
OWN = "Cell \x1b[92mIn[3]\x1b[39m, line 2\n----> 2 return table['<img src=x>']"


def test_a_test_shows_its_visible_lines_and_what_its_checks_say() -> None:
    html = shown(
        test_cell(
            printed("hidden data printed by the learner\n✓ the table\n"),
            new_output("display_data", data={"image/png": "aGlkZGVu", "text/plain": "hidden figure"}),
            error("KeyError", "'<img src=x>'", FRAME, OWN),
        )
    )
    assert "check.number(f(1), 1)" in html
    assert "✓ the table" in html
    assert "KeyError" in html
    assert "return table[" in html
    for secret in ("SECRET_FRAME", "HIDDEN TESTS", "hidden data", "aGlkZGVu", "hidden figure", "<img"):
        assert secret not in html


def test_a_learners_cell_shows_no_hidden_line_either() -> None:
    line = 'check.frame(f(SECRET_FRAME_OF_THE_HIDDEN_TEST), expected, hint="Count people.")'
    table = f"<table><tr><td>{line}</td></tr></table>"
    html = shown(
        test_cell(),
        new_code_cell(
            "print(In[7])",
            execution_count=8,
            outputs=[
                printed(f"a\n{line}\n"),
                error("ValueError", "x", FRAME, OWN),
                new_output(
                    "execute_result", data={"text/html": table, "text/plain": line}, execution_count=8
                ),
                new_output("display_data", data={"text/markdown": line, "text/plain": line}),
            ],
        ),
    )
    assert "SECRET_FRAME" not in html
    assert html.count("[left out: it shows a hidden test]") == 3
    assert "return table[" in html


def test_outputs_are_text_tables_and_pictures() -> None:
    html = shown(
        new_code_cell(
            "x = '<script>'",
            execution_count=2,
            outputs=[
                printed("\x1b[32m10%\x1b[0m\rdone <b>\n"),
                new_output("display_data", data={"image/png": "iVBO\nRw0K", "text/plain": "<Figure>"}),
                new_output("display_data", data={"image/png": 'x" onerror="alert(1)', "text/plain": "x"}),
                new_output("display_data", data={"image/svg+xml": "<svg onload='alert(1)'></svg>"}),
                new_output("display_data", data={"text/html": "<script>alert(1)</script>", "text/plain": "plain <i>"}),
                new_output("display_data", data={"application/javascript": "alert(1)"}),
                printed("y" * 50_000),
            ],
        ),
        new_markdown_cell("![me](attachment:me.png)", attachments={"me.png": {"image/png": "AAAA", "text/html": "<script>"}}),
    )  # fmt: skip
    assert_harmless(html)
    assert "x = &#39;&lt;script&gt;&#39;" in html
    assert ">done &lt;b&gt;</pre>" in html
    assert 'alt="Picture that this cell made" src="data:image/png;base64,iVBORw0K"' in html
    assert "data:image/svg+xml;base64," in html
    assert "plain &lt;i&gt;" in html
    assert 'src="data:image/png;base64,AAAA"' in html
    assert "y" * 20_001 not in html
    assert "[the rest is left out]" in html


def test_the_chapters_prose_leaves_its_headings() -> None:
    prose = "## 1 · People\n\nLong prose.\n\n```python\n# no heading\n```"
    cells = [new_markdown_cell(prose), new_markdown_cell("# Mine\n\nmy own words")]
    html = str(notebook_html(new_notebook(cells=cells), "en", frozenset([prose])))
    assert "<h3>1 · People</h3>" in html
    assert "Long prose" not in html
    assert "no heading" not in html
    assert '<p class="heading">Mine</p>' in html
    assert "my own words" in html


# ------------------------------------------------------------------------------------------ points by hand

MEMO = MasterCell("memo", "markdown", "Write here.", grade=True, solution=True, points=3.0)
ANSWER = MasterCell("x", "code", "# here", solution=True)
CHECK = MasterCell("x_test", "code", TEST, grade=True, locked=True, points=3.0)


def graded(
    grades: dict[str, CellGrade], *, memo: str = "My memo.", code: str = "x = 1"
) -> list[tuple[str, float | None]]:
    cells = []
    for true, source in ((ANSWER, code), (CHECK, TEST), (MEMO, memo)):
        cell = true.cell()
        cell.source = source
        cells.append(cell)
    exercises = [Exercise("1.1", solutions=["x"], tests=["x_test"]), Exercise("1.2", memo="memo")]
    marks = mark(
        new_notebook(cells=cells),
        exercises,
        [ANSWER, CHECK, MEMO],
        "en",
        grades=grades,
        misconceptions_met={},
    )
    return [(verdict.state, verdict.points) for verdict in marks.verdicts]


def test_points_come_from_the_gradebook() -> None:
    test, memo = CellGrade(1.5, 3.0), CellGrade(None, 3.0)
    assert graded({"x_test": test, "memo": memo}) == [("partly", 1.5), ("memo", None)]
    given = {
        "x_test": CellGrade(3.0, 3.0, extra=0.5, by_hand=True),
        "memo": CellGrade(2.0, 3.0, extra=1.0, by_hand=True),
    }
    assert graded(given) == [("right", 3.5), ("marked", 3.0)]
    nothing = {"x_test": CellGrade(0.0, 3.0), "memo": CellGrade(0.0, 3.0)}
    assert graded(nothing, memo="Write here.", code="# here") == [
        ("not_attempted", 0.0),
        ("not_attempted", 0.0),
    ]
    assert graded({**nothing, "memo": CellGrade(1.0, 3.0, by_hand=True)}, memo="")[1] == ("marked", 1.0)


def test_the_notebook_is_not_changed_by_reading_it() -> None:
    cell = test_cell(new_output("stream", name="stderr", text="careful"))
    notebook = new_notebook(cells=[cell])
    before = nbformat.writes(notebook)
    exercise = Exercise("1.1", tests=["x_test"])
    mark(notebook, [exercise], [CHECK], "en", misconceptions_met={}, grades={"x_test": CellGrade(0.0, 3.0)})
    notebook_html(notebook, "en")
    assert nbformat.writes(notebook) == before


def test_a_long_error_message_is_cut() -> None:
    """The learner's code writes it: it could carry a whole hidden table."""
    cells = [ANSWER.cell(), test_cell(error("ValueError", "row " * 200, FRAME, OWN))]
    cells[0].source = "x = 1"
    exercise = Exercise("1.1", solutions=["x"], tests=["x_test"])
    grades = {"x_test": CellGrade(0.0, 3.0)}
    notebook = new_notebook(cells=cells)
    marks = mark(notebook, [exercise], [ANSWER, CHECK], "en", misconceptions_met={}, grades=grades)
    assert 300 < len(marks.verdicts[0].wrong[0]) < 450
    assert "row " * 100 not in shown(cells[1])


def test_cells_for_a_reader_are_exercises_of_their_own() -> None:
    """nbgrader's other kinds: code that is graded by hand, and tasks."""

    def cell(make: object, source: str, **meta: object) -> NotebookNode:
        return make(source, metadata={"nbgrader": NotebookNode(meta)})  # type: ignore[operator]

    notebook = new_notebook(
        cells=[
            cell(new_code_cell, "code", grade_id="a", grade=True, solution=True),
            cell(new_markdown_cell, "Do it.", grade_id="b", task=True, points=2),
            cell(new_markdown_cell, "Read only.", grade_id="c", locked=True),
        ]
    )
    first, second = outline(notebook).exercises
    assert (first.memo, first.name, first.model) == ("a", "a", "")
    assert (second.memo, second.prompt, second.model) == ("b", "Do it.", "")
