"""What a lint finds: one sentence about one place in a chapter's source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from autograder.authoring.chapter import Cell, Chapter

Level = Literal["error", "warning"]
Rule = Callable[[Chapter], Iterator["Problem"]]


@dataclass(frozen=True, order=True)
class Problem:
    """A fault in a chapter's source; ``line`` is 1-based in the chapter's file."""

    chapter: str
    line: int
    rule: str
    message: str
    cell: str = ""
    level: Level = "error"

    def __str__(self) -> str:
        where = f" ({self.cell})" if self.cell else ""
        return f"solutions/{self.chapter}.md:{self.line}: {self.rule}: {self.message}{where}"


def at(
    chapter: Chapter, cell: Cell, rule: str, message: str, *, offset: int = 0, level: Level = "error"
) -> Problem:
    """A problem in ``cell``, ``offset`` lines below its first line."""
    return Problem(chapter.name, cell.line + offset, rule, message, cell.name, level)


CJK: Final = "\u3400-\u4dbf\u4e00-\u9fff"
