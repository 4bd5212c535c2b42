"""Build the learner's notebooks (notebooks/en, notebooks/zh) from the chapters in solutions/.

One source makes two editions. An edition keeps the prose of its language and every shared code cell, and
differs in code by its first cell alone, so that nbgrader's checksums are equal and one gradebook grades both.
The release is made by nbgrader's own preprocessors: what stands in notebooks/ is what
``nbgrader generate_assignment`` would release.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import html
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from autograder.lints import lint
from autograder.problems import Problem
from autograder.source import (
    CHAPTER_NAME,
    CODE_STUB,
    SOURCES,
    TEXT_STUB,
    Chapter,
    chapter_path,
    chapter_paths,
    find_root,
    read_chapter,
)
from userops._language import LANGUAGES
from userops.errors import CourseError

EXAMPLE: Final = "Example: userops build ch04            build one chapter\n         userops build --check         fail when notebooks/ is stale (CI)"
OUTPUT: Final = "notebooks"

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
_CELL_ID_LENGTH: Final = 64  # nbformat's limit


class BadSource(CourseError):
    """Chapters that cannot be built; ``problems`` says what to mend, place by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        places = "\n".join(str(problem) for problem in problems)
        super().__init__(f"{len(problems)} place(s) to mend before the notebooks can be built:\n{places}")


@dataclass
class BuildReport:
    """What a build did, or what ``check`` found; paths are relative to the course's folder."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)  # path: why, or a short diff
    warnings: list[str] = field(default_factory=list)


def nbgrader_config() -> Config:
    """The settings a release depends on; ``nbgrader_config.py`` holds the same."""
    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    return config


def edition(chapter: Chapter, lang: str, *, release: bool) -> NotebookNode:
    """Return one language's notebook, without outputs.

    Args:
        chapter: the chapter as read by ``autograder.source.read_chapter``.
        lang: ``"en"`` or ``"zh"``.
        release: True gives the learner's notebook (stubs, no hidden tests, checksums); False the
            instructor's source for nbgrader (solutions and hidden tests). Neither holds cases.

    Raises:
        CourseError: the chapter cannot become a valid nbgrader notebook.
        ValueError: an unknown language.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"unknown language {lang!r}: use one of {', '.join(LANGUAGES)}")
    notebook = nbformat.v4.new_notebook(metadata=json.loads(json.dumps(_METADATA)))
    notebook.metadata["userops"] = {"chapter": chapter.name, "lang": lang}
    notebook.cells = [_language_cell(lang), *_cells(chapter, lang)]
    _validate(chapter, notebook)
    if release:
        notebook = _released(chapter, notebook)
        _validate(chapter, notebook)
    return notebook


def render(notebook: NotebookNode) -> str:
    """The text of a notebook file: keys sorted, one final newline; equal notebooks give equal bytes."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def notebook_path(root: Path, chapter: str, lang: str) -> Path:
    """Where a learner's notebook stands; ``chapter`` is the full name (``ch04_retention``)."""
    return root / OUTPUT / lang / chapter / f"{chapter}.ipynb"


def _language_cell(lang: str) -> NotebookNode:
    cell = nbformat.v4.new_code_cell(
        f'from userops import use_language\n\nuse_language("{lang}")',
        metadata={"deletable": False, "editable": False},
    )
    cell.id = "language"
    return cell


def _cells(chapter: Chapter, lang: str) -> Iterator[NotebookNode]:
    for cell, cell_id in zip(chapter.cells, _cell_ids(chapter), strict=True):
        if cell.kind == "case" or cell.lang not in (None, "both", lang):
            continue
        metadata = {key: value for key, value in cell.metadata.items() if key not in ("lang", "case")}
        metadata = json.loads(json.dumps(metadata))
        if cell.is_code:
            node = nbformat.v4.new_code_cell(cell.source, metadata=metadata)
        else:
            node = nbformat.v4.new_markdown_cell(_render_details(cell.source), metadata=metadata)
        node.id = cell_id
        yield node


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


def build(
    root: Path,
    check: bool = False,
    *,
    only: Sequence[str] = (),
    overwrite: bool = False,
    strict: bool = False,
) -> BuildReport:
    """Build every chapter (or those named in ``only``) in both languages.

    All of it is built in a temporary folder first: an error leaves the last good notebooks as they were.
    A notebook whose chapter is gone from ``solutions/`` is removed, unless ``only`` is given.

    Args:
        root: the course's folder.
        check: change nothing; say in ``report.stale`` what differs from a fresh build.
        only: names or numbers of chapters.
        overwrite: replace notebooks even if somebody has answered in them.
        strict: the lints' warnings are errors too.

    Raises:
        CourseError: a source is at fault, or somebody's answers would be lost.
    """
    paths = [chapter_path(root, name) for name in only] if only else chapter_paths(root)
    if not paths:
        raise CourseError(
            f"There is no chapter in {root / SOURCES}: add one (see CONTRIBUTING.md) and build again."
        )
    report = BuildReport()
    chapters = [read_chapter(path) for path in dict.fromkeys(paths)]
    report.warnings = _lint(chapters, strict=strict)

    texts = {
        notebook_path(root, chapter.name, lang): render(edition(chapter, lang, release=True))
        for chapter in chapters
        for lang in LANGUAGES
    }
    gone = [] if only else [p for p in _built_notebooks(root) if p not in texts]
    changed = {path: text for path, text in texts.items() if _text(path) != text}
    report.unchanged = [_show(root, path) for path in texts if path not in changed]
    if check:
        for path, text in changed.items():
            report.stale[_show(root, path)] = _difference(_text(path), text)
        for path in gone:
            report.stale[_show(root, path)] = f"its chapter is no longer in {SOURCES}/"
        return report

    if not overwrite:
        _refuse_to_lose_answers(root, [*changed, *gone])
    _swap(root, changed)
    for path in gone:
        path.unlink()
        with contextlib.suppress(OSError):  # something else lives in the folder: leave it
            path.parent.rmdir()
    report.written = [_show(root, path) for path in changed]
    report.removed = [_show(root, path) for path in gone]
    return report


def _lint(chapters: Iterable[Chapter], *, strict: bool) -> list[str]:
    """Return the warnings; raise one error that lists everything that stops the build."""
    problems = [problem for chapter in chapters for problem in lint(chapter)]
    fatal = [p for p in problems if strict or p.level == "error"]
    if fatal:
        raise BadSource(fatal)
    return [str(problem) for problem in problems]


def _show(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _built_notebooks(root: Path) -> list[Path]:
    """Notebooks that stand where a build puts them; nothing else under ``notebooks/`` is the build's."""
    return sorted(
        path
        for lang in LANGUAGES
        for path in (root / OUTPUT / lang).glob("*/*.ipynb")
        if path.stem == path.parent.name and CHAPTER_NAME.fullmatch(path.stem)
    )


def _swap(root: Path, texts: dict[Path, str]) -> None:
    """Write all files beside ``notebooks/``, then move each into its place in one step."""
    if not texts:
        return
    try:
        with tempfile.TemporaryDirectory(prefix=".build-", dir=root) as temporary:
            ready = []
            for number, (path, text) in enumerate(texts.items()):
                new = Path(temporary) / f"{number}.ipynb"
                new.write_bytes(text.encode("utf-8"))
                ready.append((new, path))
            for _, path in ready:
                path.parent.mkdir(parents=True, exist_ok=True)
            for new, path in ready:
                new.replace(path)
    except OSError as error:
        raise CourseError(
            f"The notebooks cannot be written to {root / OUTPUT} ({error.strerror}): check the folder's permissions."
        ) from error


def _refuse_to_lose_answers(root: Path, paths: Iterable[Path]) -> None:
    answered = [_show(root, path) for path in paths if _holds_answers(path)]
    if answered:
        raise CourseError(
            f"Somebody has written answers in {', '.join(answered)}: move that work elsewhere, or build with "
            "--overwrite to replace it."
        )


def _holds_answers(path: Path) -> bool:
    """Whether an answer cell differs from its stub (nbgrader's checksum tells)."""
    from nbgrader.utils import compute_checksum, is_solution

    text = _text(path)
    if text is None:
        return False
    try:
        cells = nbformat.reads(text, as_version=4).cells
    except Exception:  # a file that is not a notebook holds no answers that could be kept as one
        return False
    return any(
        is_solution(cell) and cell.metadata.nbgrader.get("checksum") not in (None, compute_checksum(cell))
        for cell in cells
    )


def _difference(old: str | None, new: str, limit: int = 12) -> str:
    if old is None:
        return "it has not been built"
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "committed", "fresh build", lineterm="", n=0
    )
    shown = [line if len(line) <= 160 else line[:157] + "..." for line in lines]
    more = len(shown) - limit
    return "\n".join(shown[:limit] + ([f"... and {more} more lines"] if more > 0 else []))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops build``."""
    parser.add_argument(
        "chapters", nargs="*", metavar="CHAPTER", help="ch04 or ch04_retention (default: all)"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when a notebook is stale"
    )
    parser.add_argument("--strict", action="store_true", help="treat the lints' warnings as errors")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace notebooks even if they hold answers"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Run ``userops build``; 0: done or fresh, 1: stale (with ``--check``)."""
    try:
        report = build(
            find_root(), args.check, only=args.chapters, overwrite=args.overwrite, strict=args.strict
        )
    except CourseError as error:
        if not args.json:
            raise
        problems = [vars(problem) for problem in getattr(error, "problems", [])]
        print(json.dumps({"error": str(error), "problems": problems}, ensure_ascii=False, indent=1))
        return 2
    if args.json:
        print(json.dumps(vars(report), ensure_ascii=False, indent=1))
        return 1 if report.stale else 0
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for path, why in report.stale.items():
        print(f"stale: {path}\n{why}")
    for path in report.written:
        print(f"built {path}")
    for path in report.removed:
        print(f"removed {path}")
    if report.stale:
        print(f"{len(report.stale)} notebook(s) are stale: run `userops build` and commit the result.")
    elif args.check:
        print(f"{len(report.unchanged)} notebook(s) are fresh.")
    elif report.unchanged:
        print(f"{len(report.unchanged)} notebook(s) were up to date.")
    return 1 if report.stale else 0
