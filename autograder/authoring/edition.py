"""From a chapter's source to one language's notebook, as nbgrader releases it or keeps it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from autograder.authoring.chapter import CODE_STUB, TEXT_STUB, Chapter
from autograder.authoring.lints.problem import Problem
from autograder.authoring.one_language import in_language
from userops import LANGUAGES
from userops.errors import CourseError

# A kernel adds its own version to language_info when it saves; a build leaves it out, so that the same
# source gives the same bytes on every machine.
_METADATA: Final = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}
_EXERCISE_HEADING: Final = re.compile(r"^#+ (?:Exercise|练习) ([\d.]+\w?)", re.MULTILINE)
_CELL_ID_LENGTH: Final = 64  # nbformat's limit


class SourceError(CourseError):
    """Chapters that cannot be built; ``problems`` says what to mend, place by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        places = "\n".join(str(problem) for problem in problems)
        super().__init__(f"{len(problems)} place(s) to mend before the notebooks can be built:\n{places}")


def nbgrader_config() -> Config:
    """The settings a release depends on; ``nbgrader_config.py`` holds the same."""
    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    return config


def edition(chapter: Chapter, lang: str, *, release: bool) -> NotebookNode:
    """Return one language's notebook, without outputs.

    Args:
        chapter: the chapter as read by ``autograder.authoring.chapter.read_chapter``.
        lang: ``"en"`` or ``"zh"``.
        release: True gives the learner's notebook (stubs, no hidden tests, checksums); False the
            instructor's source for nbgrader (solutions and hidden tests). Neither holds cases.

    Raises:
        CourseError: the chapter cannot become a valid nbgrader notebook.
        ValueError: an unknown language.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}: use one of {', '.join(LANGUAGES)}")
    notebook: NotebookNode = nbformat.v4.new_notebook(metadata=json.loads(json.dumps(_METADATA)))
    notebook.metadata["userops"] = {"chapter": chapter.name, "lang": lang}
    notebook.cells = [_language_cell(chapter, lang), *_cells(chapter, lang)]
    _validate(chapter, notebook)
    if release:
        notebook = _released(chapter, notebook)
        _validate(chapter, notebook)
    return notebook


def render(notebook: NotebookNode) -> str:
    """The text of a notebook file: keys sorted, one final newline; equal notebooks give equal bytes."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def _language_cell(chapter: Chapter, lang: str) -> NotebookNode:
    cell: NotebookNode = nbformat.v4.new_code_cell(
        f'from userops import use_language\n\nuse_language("{lang}", "{chapter.name}")',
        metadata={"deletable": False, "editable": False},
    )
    cell.id = "language"
    return cell


def _cells(chapter: Chapter, lang: str) -> Iterator[NotebookNode]:
    titles = _test_titles(chapter)
    for cell, cell_id in zip(chapter.cells, _cell_ids(chapter), strict=True):
        if cell.kind == "case" or cell.lang not in (None, "both", lang):
            continue
        metadata = {key: value for key, value in cell.metadata.items() if key not in ("lang", "case")}
        metadata = json.loads(json.dumps(metadata))
        if cell.kind == "test":
            # Folded, a cell shows its first line.
            metadata["jupyter"] = {"source_hidden": True}
            node = nbformat.v4.new_code_cell(
                f"{titles[str(cell.grade_id)]}\n{cell.source}", metadata=metadata
            )
        elif cell.kind == "worked" and cell.is_code:
            node = nbformat.v4.new_code_cell(in_language(cell.source, lang), metadata=metadata)
        elif cell.is_code:
            node = nbformat.v4.new_code_cell(cell.source, metadata=metadata)
        else:
            node = nbformat.v4.new_markdown_cell(_render_details(cell.source), metadata=metadata)
        node.id = cell_id
        yield node


def _test_titles(chapter: Chapter) -> dict[str, str]:
    """The first line of each test cell, by grade id; it is the same in both editions, as nbgrader wants it."""
    titles, number = {}, ""
    for cell in chapter.cells:
        if cell.kind == "prose" and (found := _EXERCISE_HEADING.findall(cell.source)):
            number = found[-1]
        elif cell.kind == "test":
            points = f"{cell.points:g}"
            unit = "point" if cell.points == 1 else "points"
            titles[str(cell.grade_id)] = (
                f"# Exercise {number}: test, {points} {unit} ｜ 练习 {number}：检查，{points} 分"
                if number
                else f"# Test, {points} {unit} ｜ 检查，{points} 分"
            )
    return titles


def _cell_ids(chapter: Chapter) -> list[str]:
    """One id a cell: its grade id, else its place after the last cell with one.

    Counting from the nearest grade id keeps most ids when a cell is inserted. Twins share an id, so that
    the two editions correspond cell by cell; cases are not counted.
    """
    ids: list[str] = []
    anchor, count = "start", 0
    for cell in chapter.cells:
        if cell.grade_id:
            anchor, count = str(cell.grade_id), 0
            ids.append(anchor[:_CELL_ID_LENGTH])
            continue
        if cell.kind != "case" and cell.lang != "zh":
            count += 1
        ids.append(f"{anchor[: _CELL_ID_LENGTH - 5]}--{count}")
    return ids


_DETAILS: Final = re.compile(
    r"^(<details[^>]*><summary>)(.*?)(</summary>)(.*)(</details>)[ \t]*$", re.MULTILINE
)


def _render_details(text: str) -> str:
    """Turn the Markdown inside a one-line ``<details>`` into HTML.

    Markdown leaves the inside of an HTML block alone: a hint would show its backticks and asterisks.
    """

    def inline(fragment: str) -> str:
        out: list[str] = []
        for part in re.split(r"(<code>.*?</code>|``.+?``|`.+?`)", fragment):
            if part.startswith("`"):
                part = f"<code>{html.escape(part.strip('`').strip(), quote=False)}</code>"
            elif not part.startswith("<code>"):
                part = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", part)
                part = re.sub(r"(?<![*\w])\*(?!\s)(.+?)(?<!\s)\*(?![*\w])", r"<em>\1</em>", part)
            out.append(part)
        return "".join(out)

    def replace(match: re.Match[str]) -> str:
        opened, summary, closed, body, end = match.groups()
        return f"{opened}{inline(summary)}{closed}{inline(body)}{end}"

    return _DETAILS.sub(replace, text)


def _released(chapter: Chapter, notebook: NotebookNode) -> NotebookNode:
    """Do what ``nbgrader generate_assignment`` does to a notebook, in its order, without its database."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import IncludeHeaderFooter, InstantiateTests, SaveCells

    # Headers and footers and templated tests are not used; SaveCells writes the gradebook and nothing else.
    unused = (IncludeHeaderFooter, InstantiateTests, SaveCells)
    config = nbgrader_config()
    resources: dict[str, Any] = {}
    try:
        for preprocessor in GenerateAssignment().preprocessors:
            if preprocessor not in unused:
                notebook, resources = preprocessor(config=config).preprocess(notebook, resources)
    except RuntimeError as error:
        raise CourseError(f"{chapter.name}: nbgrader cannot release it: {error}") from error
    return notebook


def _validate(chapter: Chapter, notebook: NotebookNode) -> None:
    from jsonschema import ValidationError
    from nbgrader.nbgraderformat import MetadataValidator

    ids = [cell.id for cell in notebook.cells]
    twice = sorted({cell_id for cell_id in ids if ids.count(cell_id) > 1})
    if twice:
        raise CourseError(f"{chapter.name}: two cells would have the id {twice[0]!r}: rename one grade_id.")
    try:
        nbformat.validate(notebook)
        MetadataValidator().validate_nb(notebook)
    except ValidationError as error:
        raise CourseError(f"{chapter.name}: not a valid nbgrader notebook: {error.message}") from None
