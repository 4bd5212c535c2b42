"""A readable table of what a chapter's cases gave."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from autograder.authoring.case_runner import one_line
from autograder.authoring.cases import CaseResult


@dataclass
class _Table:
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        widths = [max(map(_width, column)) for column in zip(*self.rows, strict=True)] if self.rows else []
        for row in self.rows:
            cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
            yield "  ".join(cells).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def table(results: Iterable[CaseResult], *, verbose: bool = False) -> str:
    """A readable table of results: ✓ or ✗, and what came instead below a row that misbehaves."""
    results = list(results)
    rows = _Table()
    for r in results:
        what = f"{r.role}: {r.label}" if r.role in ("right", "wrong") else r.label
        rows.rows.append(
            (
                "✓" if r.ok else "✗",
                r.lang,
                r.exercise,
                what,
                f"{r.points:g}/{r.possible:g}",
                ", ".join(r.misconceptions_met),
            )
        )
    out: list[str] = []
    for r, line in zip(results, rows.lines(), strict=True):
        out.append(line)
        if not r.ok:
            out.append(f"      line {r.line}: {r.trouble}")
        elif verbose and r.message:
            out.append(f"      {one_line(r.message, 400)}")
    return "\n".join(out)
