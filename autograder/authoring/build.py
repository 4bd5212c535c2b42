"""Build the learner's notebooks (notebooks/en, notebooks/zh) from the chapters in solutions/.

One source makes two editions. An edition keeps the prose of its language and every shared code cell, and
differs in code by its first cell alone, so that nbgrader's checksums are equal and one gradebook grades both.
The release is made by nbgrader's own preprocessors: what stands in notebooks/ is what
``nbgrader generate_assignment`` would release.
"""

from __future__ import annotations

import contextlib
import difflib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from autograder.authoring.chapter import CHAPTER_NAME, SOURCES, Chapter, read_chapter
from autograder.authoring.edition import SourceError, edition, render
from autograder.authoring.exercise_index import INDEX, index_text
from autograder.authoring.lints.rules import lint
from autograder.authoring.repository import OUTPUT, Repository, chapter_paths, notebook_path
from autograder.notebooks.answers import holds_answers
from userops import LANGUAGES
from userops.errors import CourseError


@dataclass
class BuildReport:
    """What a build did, or what ``check`` found; paths are relative to the course's folder."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)  # path: why, or a short diff
    warnings: list[str] = field(default_factory=list)


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
    repo = Repository(root)
    paths = [repo.source(repo.chapter(name)) for name in only] if only else chapter_paths(root)
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
    if (root / INDEX.parent).is_dir():
        texts[root / INDEX] = index_text(root, chapters)
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
        raise SourceError(fatal)
    return [str(problem) for problem in problems]


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
    """Whether a notebook that a build would replace holds somebody's work."""
    text = _text(path)
    if text is None:
        return False
    try:
        return holds_answers(nbformat.reads(text, as_version=4))
    except Exception:  # a file that is not a notebook holds no answers that could be kept as one
        return False


def _difference(old: str | None, new: str, limit: int = 12) -> str:
    if old is None:
        return "it has not been built"
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "committed", "fresh build", lineterm="", n=0
    )
    shown = [line if len(line) <= 160 else line[:157] + "..." for line in lines]
    more = len(shown) - limit
    return "\n".join(shown[:limit] + ([f"... and {more} more lines"] if more > 0 else []))


def _show(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
