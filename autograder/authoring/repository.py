"""Where things stand in the repository: its root, its chapters, and the chapter a person means by a short name.

Every command starts from these three questions, so they are answered once, here.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from autograder.authoring.chapter import CHAPTER_NAME, SOURCES
from userops.errors import CourseError

OUTPUT: Final = "notebooks"


def notebook_path(root: Path, chapter: str, lang: str) -> Path:
    """Where a learner's notebook stands; ``chapter`` is the full name (``ch04_retention``)."""
    return root / OUTPUT / lang / chapter / f"{chapter}.ipynb"


def find_root(start: Path | None = None) -> Path:
    """Return the course's folder: the nearest one above ``start`` (default: here) that holds chapters.

    Falls back to the folder this package was installed from.

    Raises:
        CourseError: neither holds a ``solutions/`` folder.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / SOURCES).is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise CourseError(f"No {SOURCES}/ folder at or above {here}: run this from the course's folder.")


def chapter_paths(root: Path) -> list[Path]:
    """Return the chapters' sources in order. A note (``README.md``) in the folder is not a chapter."""
    return sorted(p for p in (root / SOURCES).glob("*.md") if CHAPTER_NAME.fullmatch(p.stem))


@dataclass(frozen=True)
class Repository:
    """The folders of one checkout."""

    root: Path

    @property
    def datasets(self) -> Path:
        """The tables, or the folder that ``USEROPS_DATA`` names instead."""
        return Path(os.environ.get("USEROPS_DATA", self.root / "datasets"))

    @property
    def feedback(self) -> Path:
        """Where a self-learner's feedback pages are written (git-ignored)."""
        return self.root / ".userops" / "feedback"

    def source(self, chapter: str) -> Path:
        """The chapter's source in both languages."""
        return self.root / SOURCES / f"{chapter}.md"

    def notebook(self, chapter: str, lang: str) -> Path:
        """The learner's notebook of a chapter in one language."""
        return notebook_path(self.root, chapter, lang)

    def chapters(self) -> list[str]:
        """Every chapter's id, in order: ``["ch00_orientation", "ch01_metrics", ...]``."""
        return [path.stem for path in chapter_paths(self.root)]

    def chapter(self, name: str) -> str:
        """Return the chapter that ``name`` means: ``ch01``, ``1``, ``metrics``, ``ch01_metrics``, its source's path.

        Raises:
            CourseError: no chapter, or more than one, answers to the name.
        """
        return _match(name, self.chapters())

    def require_tables(self, chapter: str) -> None:
        """Refuse to go on while a table that the chapter loads is missing: everybody would earn nothing.

        Raises:
            CourseError: names the tables that are missing.
        """
        code = self.source(chapter).read_text(encoding="utf-8")
        wanted = sorted(set(re.findall(r"""\bload\(\s*["'](\w+)["']""", code)))
        missing = [name for name in wanted if not (self.datasets / f"{name}.parquet").is_file()]
        if missing:
            raise CourseError(
                f"{chapter} needs tables that are missing in {self.datasets} ({', '.join(missing)}): get them back "
                "with `git restore datasets`, or make them anew with `userops data simulate --out datasets`."
            )


def repository(start: Path | None = None) -> Repository:
    """Find the checkout around ``start`` (the current folder), else the one this package belongs to.

    Raises:
        CourseError: neither is inside a checkout of the course.
    """
    return Repository(find_root(start))


def _match(name: str, chapters: Sequence[str]) -> str:
    wanted = Path(name.strip().lower()).name.removesuffix(".ipynb").removesuffix(".md").replace("-", "_")
    if not chapters:
        raise CourseError(
            "there is no chapter in solutions/: this checkout is incomplete; get a fresh copy of the course."
        )
    if wanted in chapters:
        return wanted
    if re.fullmatch(r"(ch|chapter[ _]?)?\d{1,2}", wanted):
        number = int(re.sub(r"\D", "", wanted))
        found = [chapter for chapter in chapters if int(chapter[2:4]) == number]
    else:
        found = [
            c for c in chapters if wanted and (c.startswith(wanted) or c.split("_", 1)[1].startswith(wanted))
        ]
    if len(found) == 1:
        return found[0]
    if found:
        raise CourseError(f"“{name}” could mean {_either(found)}: say which.")
    nearest = _nearest(wanted, chapters)
    raise CourseError(
        f"there is no chapter “{name}”: did you mean {nearest}? (All chapters: {', '.join(chapters)}.)"
    )


def _nearest(wanted: str, chapters: Sequence[str]) -> str:
    """The chapter whose number, word or whole id looks most like ``wanted``."""

    def likeness(chapter: str) -> float:
        parts = (chapter, chapter.split("_")[0], chapter.split("_", 1)[1], *chapter.split("_")[1:])
        return max(difflib.SequenceMatcher(None, wanted, part).ratio() for part in parts)

    return max(chapters, key=likeness)


def _either(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def shown(repo: Repository, path: Path) -> str:
    """A path as a person would write it: from the course's folder if it lies inside."""
    path = path.resolve()
    return path.relative_to(repo.root).as_posix() if path.is_relative_to(repo.root) else str(path)
