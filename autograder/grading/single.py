"""Grade one notebook, as its author sees it: ``userops check``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.notebooks.answers import holds_answers
from autograder.notebooks.submissions import read_notebook
from userops import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.engine import ChapterPlan, Engine, SubmissionResult
    from autograder.grading.marks import Marks
    from autograder.notebooks.restore import Change
from autograder.authoring.repository import shown

CellProgress = Callable[[int, int], None]  # code cells done, and their total


# ------------------------------------------------------------------------------------------ which notebook


def find_notebook(repo: Repository, name: str, lang: str | None = None) -> tuple[Path, str]:
    """Return the notebook that ``name`` means, and its chapter.

    Args:
        repo: the checkout.
        name: a chapter by any name ``Repository.chapter`` knows, or the path of a notebook or its folder.
        lang: the edition; without it the one in which somebody has answered, English if neither or both.

    Raises:
        CourseError: no such chapter or file, or a notebook of no chapter.
    """
    path = Path(name).expanduser()
    if path.suffix == ".ipynb" or (os.sep in name and not path.is_file()):
        return _by_path(repo, path)
    if path.is_file():
        raise CourseError(f"{path} is not a notebook (.ipynb): give a chapter (ch01) or a notebook's path.")
    chapter = repo.chapter(name)
    editions = [repo.notebook(chapter, code) for code in ((lang,) if lang else LANGUAGES)]
    there = [path for path in editions if path.is_file()]
    if not there:
        raise CourseError(
            f"{shown(repo, editions[0])} is missing: make it with `userops build {chapter}`, or give the path of yours."
        )
    answered = [path for path in there if len(there) > 1 and _answered(path)]
    return (answered if len(answered) == 1 else there)[0], chapter


def _by_path(repo: Repository, path: Path) -> tuple[Path, str]:
    if path.is_dir():
        inside = sorted(path.glob("*.ipynb"))
        if len(inside) != 1:
            raise CourseError(
                f"{path} holds {len(inside) or 'no'} notebooks: give the path of the one to check."
            )
        path = inside[0]
    if not path.is_file():
        raise CourseError(f"There is no file {path}: check the path, or give the chapter alone (ch01).")
    named = read_notebook(path).metadata.get("userops", {})
    chapters = repo.chapters()
    for name in (named.get("chapter") if isinstance(named, Mapping) else None, path.stem, path.parent.name):
        if name in chapters:
            return path, name
    # A copy that lost its metadata: "ch01_metrics-Copy1.ipynb".
    starts = [chapter for chapter in chapters if path.stem.startswith(chapter)]
    if len(starts) == 1:
        return path, starts[0]
    raise CourseError(
        f"{path.name} is no chapter of this course that I know: name the file like its chapter, such as {chapters[0]}.ipynb."
    )


def _answered(path: Path) -> bool:
    try:
        return holds_answers(read_notebook(path))
    except (CourseError, KeyError, AttributeError):
        return True  # broken by somebody: the one that was worked on


# ------------------------------------------------------------------------------------------ the check itself


@dataclass(frozen=True)
class CheckResult:
    """What a check found."""

    chapter: str
    lang: str
    marks: Marks
    changes: tuple[Change, ...]
    outline: Any
    seconds: float

    def as_json(self, notebook: Path, page: Path) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "chapter": self.chapter,
            "lang": self.lang,
            "notebook": str(notebook),
            "points": self.marks.points,
            "possible": self.marks.possible,
            "by_hand": self.marks.by_hand,
            "exercises": [verdict.as_json() for verdict in self.marks.verdicts],
            "restored": [{"cell": change.grade_id, "what": change.what} for change in self.changes],
            "seconds": round(self.seconds, 1),
            "feedback": str(page.resolve()),
        }


def check(
    repo: Repository, chapter: str, lang: str, notebook: NotebookNode, *, progress: CellProgress | None = None
) -> CheckResult:
    """Run a learner's notebook with the chapter's hidden tests, in a temporary folder, and judge it.

    Args:
        repo: the checkout.
        chapter: the chapter's id.
        lang: the edition's language.
        notebook: as read by ``read_notebook``; it is changed in place (a copy of the learner's file).
        progress: called with the number of code cells done and their total.
    """
    from autograder.engine import chapter_plan
    from autograder.grading.marks import mark
    from autograder.grading.master import from_edition
    from autograder.notebooks.outline import outline
    from autograder.notebooks.restore import restore

    started = time.monotonic()
    master = edition(read_chapter(repo.source(chapter)), lang, release=False)
    master_cells = from_edition(master)
    changes = restore(notebook, master_cells)
    asked = outline(master)
    ran = _run(chapter_plan(chapter, master_cells), notebook, lang, progress)
    marks = mark(ran.notebook, asked.exercises, master_cells, lang, misconceptions_met=ran.misconceptions_met)
    return CheckResult(chapter, lang, marks, tuple(changes), asked, time.monotonic() - started)


def _engine() -> Engine:
    """What runs the notebook."""
    from autograder.engine import Engine
    from autograder.engine.sandbox import missing

    return Engine(workers=1, confined=missing() is None)


def _run(
    plan: ChapterPlan, notebook: NotebookNode, lang: str, progress: CellProgress | None
) -> SubmissionResult:
    """Run the cells as an instructor's grading does: the tests apart from the answers, the hidden ones too.

    Behind walls where there can be any; elsewhere without, for it is the learner's own code on their own computer.
    """
    from autograder.engine import Job

    with _engine() as engine:
        ran = next(iter(engine.run(plan, [Job("me", notebook, lang)], watch=progress)))
    if ran.trouble:
        raise CourseError(ran.trouble)
    return ran
