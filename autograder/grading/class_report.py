"""What became of a class: who was graded, who was not and why, for a terminal and for a script."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autograder.progress import duration


@dataclass(frozen=True)
class RefusedSubmission:
    """A submission that was not graded, and why; ``kept`` if the grade of an earlier one stays."""

    student: str
    reason: str
    kept: bool


@dataclass
class ClassReport:
    """What became of a class.

    Attributes:
        chapter, folder: the chapter's id and the course's folder.
        graded: points of those graded now, by student.
        unchanged: those graded before.
        refused: those that could not be graded.
        notes: what the instructor should know, by student.
        points: everybody's points by the gradebook, of those graded now or before.
        possible, by_hand: the most a student can earn by tests, and from a reader.
        seconds: how long it took.
    """

    chapter: str
    folder: Path
    graded: dict[str, float] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    refused: list[RefusedSubmission] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=dict)
    possible: float = 0.0
    by_hand: float = 0.0
    seconds: float = 0.0

    def note(self, student: str, *notes: str) -> None:
        """Add what the instructor should know of a student, a sentence each."""
        if notes:
            self.notes.setdefault(student, []).extend(notes)

    @property
    def median(self) -> float | None:
        """The median of the points of everybody who has been graded."""
        return statistics.median(self.points.values()) if self.points else None

    @property
    def number(self) -> int:
        """How many students there are."""
        return len(self.graded) + len(self.unchanged) + len(self.refused)

    def as_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "chapter": self.chapter,
            "course": str(self.folder),
            "students": self.number,
            "graded": dict(sorted(self.graded.items())),
            "unchanged": sorted(self.unchanged),
            "refused": [asdict(refused) for refused in self.refused],
            "notes": dict(sorted(self.notes.items())),
            "median": self.median,
            "possible": self.possible,
            "by_hand": self.by_hand,
            "seconds": round(self.seconds, 1),
        }

    def summary(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.chapter}: {self.number} student{'s' if self.number != 1 else ''}, {len(self.graded)} graded, "
            f"{len(self.unchanged)} unchanged, {len(self.refused)} refused  ({duration(self.seconds)})"
        ]
        if self.median is not None:
            lines.append(
                f"median {self.median:g} of {self.possible:g} points"
                + (f" ({self.by_hand:g} more for a reader to give)" if self.by_hand else "")
            )
        for student, notes in sorted(self.notes.items()):
            lines += [f"  {_shown(student)}: {note}" for note in notes]
        for refused in self.refused:
            stays = " (The grade of an earlier submission stays.)" if refused.kept else ""
            lines.append(f"  refused  {_shown(refused.student)}: {refused.reason}{stays}")
        return "\n".join(lines)


def _shown(student: str) -> str:
    """A student's id as it can stand in a line, whatever is in it."""
    return student if student.isprintable() else ascii(student)[1:-1]
