"""Make an instructor's course, ready for nbgrader, or bring an existing one up to date.

Writes the chapters' sources (with solutions and hidden tests), the gradebook and the students' release into
course/ (git-ignored). Run it again whenever chapters change: what students have handed in and what has been
graded is never overwritten.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition, render
from autograder.authoring.repository import Repository
from autograder.grading.atomic_write import replace_text
from userops import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    from autograder.notebooks.restore import MasterCell


# What nbgrader makes of submissions; a chapter with any of these is in use.
WORK: Final = ("submitted", "autograded", "feedback")
BACKUP: Final = "backup"

ChapterState = Literal["made", "refreshed", "unchanged", "remade"]


@dataclass(frozen=True)
class Made:
    """What became of one chapter; ``points`` are the most a student can earn in it."""

    chapter: str
    state: ChapterState
    points: float
    released_before: bool = False


@dataclass(frozen=True)
class CoursePlan:
    """One chapter: its new source, and what stands in its way."""

    chapter: str
    text: str
    points: float
    known: bool  # the gradebook has it
    same: bool  # everything that grades depend on is as it was
    same_ids: bool  # no graded cell came or went
    in_use: bool  # somebody has handed it in, or it has been graded


def course_folder(repo: Repository, named: Path | None = None) -> Path:
    """The course's folder: the one named, else ``USEROPS_COURSE``, else ``course/``; always absolute."""
    if named is None and os.environ.get("USEROPS_COURSE"):
        named = Path(os.environ["USEROPS_COURSE"])
    return (named or repo.root / "course").expanduser().resolve()


def course_language(folder: Path) -> str | None:
    """The language of the text of an existing course, if it can be told."""
    for path in sorted((folder / "source").glob("ch*/ch*.ipynb")):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            lang = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("userops", {}).get("lang")
            if lang in LANGUAGES:
                return str(lang)
    return None


# ------------------------------------------------------------------------------------------ the work


def make_course(
    repo: Repository, folder: Path, lang: str, names: Sequence[str] = (), *, replace: bool = False
) -> list[Made]:
    """Make the course, or bring it up to date, and say what became of each chapter.

    Args:
        repo: the checkout.
        folder: the course's folder; made if missing.
        lang: the language of the prose; what is graded is the same in both.
        names: chapters by any name ``Repository.chapter`` knows; all of them by default.
        replace: go on when a change would alter how handed-in work is graded, after a backup.

    Raises:
        CourseError: an unknown chapter, a missing table, a folder that is not a course or cannot be written, or a change that
            would alter grades (and not ``replace``). Nothing has been changed then.
    """
    chapters = [repo.chapter(name) for name in names] or repo.chapters()
    if not chapters:
        raise CourseError(
            f"There is no chapter in {repo.root / 'solutions'}: get a fresh copy of the course."
        )
    chapters = sorted(set(chapters))
    for chapter in chapters:
        repo.require_tables(chapter)
    editions = {
        chapter: edition(read_chapter(repo.source(chapter)), lang, release=False) for chapter in chapters
    }
    _require_course_folder(folder)
    with nbgrader_settings(repo, folder) as config:
        return _make_all(config, folder, editions, replace=replace)


def _make_all(
    config: Config, folder: Path, editions: Mapping[str, NotebookNode], *, replace: bool
) -> list[Made]:
    """Plan every chapter first, so that a refusal comes before the first change."""
    coursedir = _coursedir(config)
    with _busy(folder):
        plans = [_plan(coursedir, chapter, new) for chapter, new in editions.items()]
    conflicts = [plan for plan in plans if plan.in_use and not plan.same]
    if conflicts and not replace:
        raise CourseError(
            f"{', '.join(plan.chapter for plan in conflicts)}: work has been handed in or graded in {folder}, and "
            "what it is graded by has changed. Finish grading first and keep the course as it is, or make a new "
            "course with --course-dir, or remake it here with --replace (a backup is kept)."
        )
    stamp = _stamp(folder)
    if conflicts:
        _back_up(coursedir, folder, folder / BACKUP / stamp)
    return [_make(coursedir, config, folder, plan, folder / BACKUP / stamp) for plan in plans]


@contextlib.contextmanager
def nbgrader_settings(repo: Repository, folder: Path) -> Iterator[Config]:
    """nbgrader's settings, as every nbgrader command reads them, for the course in ``folder``.

    The settings also say in what environment kernels start; it holds inside the block alone.

    Raises:
        CourseError: the checkout has no settings.
    """
    from traitlets.config.loader import PyFileConfigLoader

    if not (repo.root / "nbgrader_config.py").is_file():
        raise CourseError(f"{repo.root} has no nbgrader_config.py: get a fresh copy of the course.")
    before = dict(os.environ)
    os.environ["USEROPS_COURSE"] = str(folder)
    try:
        yield PyFileConfigLoader("nbgrader_config.py", path=str(repo.root)).load_config()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _coursedir(config: Config) -> CourseDirectory:
    from nbgrader.coursedir import CourseDirectory

    return CourseDirectory(config=config)


def _require_course_folder(folder: Path) -> None:
    """Make the folder if it is missing; refuse one that is something else, or that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CourseError(
            f"{folder} cannot be written ({error.strerror}): choose another folder with --course-dir, "
            "or change its permissions."
        ) from error
    course = {"gradebook.db", "source", "release", "exchange", "cache", BACKUP, *WORK}
    if names and not names & course:
        raise CourseError(
            f"{folder} holds other things, and no course: choose an empty folder with --course-dir."
        )


@contextlib.contextmanager
def _busy(folder: Path) -> Iterator[None]:
    """Turn what a database says when it cannot be used into a sentence."""
    from sqlalchemy.exc import DatabaseError

    try:
        yield
    except DatabaseError as error:
        raise CourseError(
            f"The gradebook of {folder} cannot be used ({error.orig}): wait until other grading has finished and try "
            "again; if it is damaged, take a copy from its backup/ folder."
        ) from error


def _plan(coursedir: CourseDirectory, chapter: str, new: NotebookNode) -> CoursePlan:
    """Compare a chapter's new source with what the gradebook grades by."""
    from nbgrader.api import Gradebook, MissingEntry

    from autograder.grading.master import fits, from_edition, from_gradebook

    cells = from_edition(new)
    known: list[MasterCell] = []
    in_use = _has_work(coursedir, chapter)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook, contextlib.suppress(MissingEntry):
        in_use |= len(gradebook.find_assignment(chapter).submissions) > 0
        known = from_gradebook(gradebook, chapter, chapter)
    return CoursePlan(
        chapter=chapter,
        text=render(new),
        points=sum(cell.points for cell in cells),
        known=bool(known),
        same=fits(cells, known),
        same_ids={cell.grade_id for cell in known} == {cell.grade_id for cell in cells},
        in_use=in_use,
    )


def _has_work(coursedir: CourseDirectory, chapter: str) -> bool:
    """Whether anybody's work on a chapter lies in the course's folders, or waits in the exchange."""
    root = Path(coursedir.root)
    inbound = root / "exchange" / coursedir.course_id / "inbound"
    return any(
        next(found, None) is not None
        for found in (*((root / step).glob(f"*/{chapter}") for step in WORK), inbound.glob(f"*+{chapter}+*"))
    )


def _make(coursedir: CourseDirectory, config: Config, folder: Path, plan: CoursePlan, backup: Path) -> Made:
    source = folder / "source" / plan.chapter / f"{plan.chapter}.ipynb"
    old = _read(source)
    outbound = folder / "exchange" / coursedir.course_id / "outbound" / plan.chapter
    released = folder / "release" / plan.chapter / f"{plan.chapter}.ipynb"
    if plan.same and old == plan.text and released.is_file():
        return Made(plan.chapter, "unchanged", plan.points, outbound.is_dir())
    remade = plan.in_use and not plan.same
    with _writing(folder), _busy(folder):
        if old is not None and old != plan.text:
            # It may hold an instructor's own changes.
            _keep(source, backup / source.relative_to(folder))
        source.parent.mkdir(parents=True, exist_ok=True)
        replace_text(source, plan.text)
        if remade:
            _forget(coursedir, folder, plan)
        _generate(coursedir, config, folder, plan.chapter)
    state: ChapterState = "remade" if remade else "refreshed" if plan.known else "made"
    return Made(plan.chapter, state, plan.points, outbound.is_dir())


def _generate(coursedir: CourseDirectory, config: Config, folder: Path, chapter: str) -> None:
    """Run ``nbgrader generate_assignment``; if it fails, the last release is put back."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.utils import capture_log, temp_attrs

    release = folder / "release" / chapter
    # nbgrader deletes the release before it knows whether it can make another.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".release-") as temporary:
        kept = Path(temporary) / chapter
        if release.is_dir():
            shutil.copytree(release, kept)
        with temp_attrs(coursedir, assignment_id=chapter):
            converter = GenerateAssignment(coursedir=coursedir, config=config)
            converter.force = True
            result = capture_log(converter)
        if not result["success"]:
            if kept.is_dir():
                shutil.rmtree(release, ignore_errors=True)
                shutil.copytree(kept, release)
            raise CourseError(f"nbgrader could not make {chapter}: {_said(result)}")


def _said(result: dict[str, str]) -> str:
    """The last line that says something, of what nbgrader logged or raised."""
    lines = (result.get("log", "") + "\n" + result.get("error", "")).splitlines()
    errors = [line for line in lines if re.match(r"\w*(Error|Exception)\b", line) or "[ERROR]" in line]
    return (errors or lines or ["it did not say why"])[-1].strip()


def _forget(coursedir: CourseDirectory, folder: Path, plan: CoursePlan) -> None:
    """Drop what was graded by the old tests, so that the next autograde grades everything again.

    Where graded cells came or went, nbgrader cannot keep the old grades at all; otherwise scores that were
    given by hand stay.
    """
    from nbgrader.api import Gradebook

    if not plan.same_ids and plan.known:
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            gradebook.remove_assignment(plan.chapter)
    for step in ("autograded", "feedback"):
        for path in (folder / step).glob(f"*/{plan.chapter}"):
            shutil.rmtree(path)


# ------------------------------------------------------------------------------------------ files


def _stamp(folder: Path) -> str:
    """A name for a new backup: the time, with a number where two fall into one second."""
    name = f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}"
    taken = sum(1 for _ in (folder / BACKUP).glob(f"{name}*"))
    return f"{name}-{taken + 1}" if taken else name


def _back_up(coursedir: CourseDirectory, folder: Path, backup: Path) -> None:
    """Copy the whole course, the gradebook in one consistent piece."""
    prefix = "sqlite:///"
    if not coursedir.db_url.startswith(prefix):
        raise CourseError(
            f"The gradebook is not a file ({coursedir.db_url.split(':')[0]}): back it up with its own tools and "
            "remove the chapter from it, then run this again."
        )
    database = Path(coursedir.db_url.removeprefix(prefix))
    with _writing(folder):
        backup.mkdir(parents=True)
        for path in folder.iterdir():
            if path.is_dir() and path.name not in (BACKUP, "cache"):
                shutil.copytree(path, backup / path.name)
        if database.is_file():
            with (
                contextlib.closing(sqlite3.connect(database)) as old,
                contextlib.closing(sqlite3.connect(backup / database.name)) as new,
            ):
                old.backup(new)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"{error.filename or folder} cannot be written ({error.strerror}): check permissions and free space, "
            "and run this again."
        ) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _keep(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        shutil.copy2(path, copy)
