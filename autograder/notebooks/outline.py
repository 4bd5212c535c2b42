"""What a chapter asks: its exercises with their titles, prompts and cells, read from an instructor's edition."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from nbformat import NotebookNode

_HEADING: Final = re.compile(r"^(?P<marks>#{1,4})\s+(?P<text>.+?)\s*$", re.MULTILINE)
_EXERCISE: Final = re.compile(r"(?:Exercise|练习)\s*(?P<number>\d+\.\d+)\s*·\s*(?P<title>.+)")
_CJK: Final = re.compile(r"[\u3400-\u9fff]")


@dataclass
class Exercise:
    """One exercise of one edition.

    Attributes:
        number: ``"1.2"``; empty when the cells stand under no exercise's heading.
        title: the heading without number.
        section: heading of the chapter's section that the exercise belongs to: where to read again.
        prompt: Markdown of what is asked, hints included.
        solutions, tests: grade ids, in order.
        memo: grade id of the answer that a person reads, if there is one.
        model: Markdown of the memo's model answer.
    """

    number: str = ""
    title: str = ""
    section: str = ""
    prompt: str = ""
    solutions: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    memo: str | None = None
    model: str = ""

    @property
    def name(self) -> str:
        """What to call an exercise without a title: its first cell."""
        return next(iter([*self.solutions, *self.tests, *([self.memo] if self.memo else [])]), "")

    @property
    def asks(self) -> bool:
        """Whether there is anything to answer."""
        return bool(self.solutions or self.tests or self.memo)


@dataclass(frozen=True)
class Outline:
    """A chapter's title and its exercises, in order."""

    title: str
    exercises: tuple[Exercise, ...]


def outline(edition: NotebookNode) -> Outline:
    """Read the exercises of an instructor's edition (``edition(chapter, lang, release=False)``)."""
    lang = edition.metadata.get("userops", {}).get("lang", "en")
    title = section = ""
    found = [Exercise()]
    for cell in edition.cells:
        meta = cell.metadata.get("nbgrader")
        if meta is None and cell.cell_type == "markdown":
            for heading, body in _parts(cell.source):
                text = heading.lstrip("# ")
                if match := _EXERCISE.fullmatch(text):
                    found.append(Exercise(match["number"], match["title"], section, body))
                elif heading.startswith("## "):
                    section = text
                    found.append(Exercise(section=section))
                elif heading.startswith("# "):
                    title = text
                elif found[-1].title and not found[-1].asks:
                    found[-1].prompt += f"\n\n{heading}\n\n{body}"
        elif meta is not None:
            if _by_hand(cell) and found[-1].memo:
                found.append(Exercise(section=section))
            _add(found[-1], cell, lang)
    return Outline(title, tuple(exercise for exercise in found if exercise.asks))


def _parts(text: str) -> Iterable[tuple[str, str]]:
    """Split a prose cell at its headings: ``("## 1 · People", "text")``; what stands before them has none."""
    starts = [match for match in _HEADING.finditer(text) if not _in_fence(text, match.start())]
    edges = [match.start() for match in starts] + [len(text)]
    if text[: edges[0]].strip():
        yield "", text[: edges[0]].strip()
    for match, end in zip(starts, edges[1:], strict=True):
        yield match[0].strip(), text[match.end() : end].strip()


def _in_fence(text: str, place: int) -> bool:
    """Whether a line stands in a fenced block: a Python comment is no heading."""
    return len(re.findall(r"^```", text[:place], re.MULTILINE)) % 2 == 1


def _by_hand(cell: NotebookNode) -> bool:
    """Whether only a reader can judge a cell: a memo, code without a test, nbgrader's task."""
    meta = cell.metadata.nbgrader
    written = cell.cell_type == "markdown" and bool(meta.get("grade") or meta.get("solution"))
    return written or bool(meta.get("task") or (meta.get("grade") and meta.get("solution")))


def _add(exercise: Exercise, cell: NotebookNode, lang: str) -> None:
    meta = cell.metadata.nbgrader
    if _by_hand(cell):
        exercise.memo = meta.grade_id
        if meta.get("task"):
            exercise.prompt = exercise.prompt or cell.source
        elif cell.cell_type == "markdown":
            exercise.model = in_language(cell.source, lang)
    elif meta.get("solution"):
        exercise.solutions.append(meta.grade_id)
    elif meta.get("grade"):
        exercise.tests.append(meta.grade_id)


def in_language(text: str, lang: str) -> str:
    """The paragraphs of a bilingual text that are in one language; all of them if that leaves none."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    kept = [part for part in paragraphs if (len(_CJK.findall(part)) * 4 > len(part)) == (lang == "zh")]
    return "\n\n".join(kept or paragraphs)
