"""``python -m autograder.commands.cases``: run a chapter's cases and show a table."""

from __future__ import annotations

import argparse
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from autograder.authoring.case_runner import (
    one_line,
)
from autograder.authoring.cases import CaseResult, run_chapter, run_untouched
from autograder.authoring.chapter import read_chapter
from autograder.authoring.repository import chapter_path, chapter_paths, find_root
from userops import LANGUAGES
from userops.errors import CourseError


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases of the chapters named; 0: all behave, 1: some misbehave, 2: a cell or a file is at fault."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.authoring.cases",
        description="Run a chapter's cases in this process.",
        epilog="Example: python -m autograder.authoring.cases ch01 --lang zh --only dau --verbose",
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="ch01 or ch01_metrics (default: all)")
    parser.add_argument("--lang", choices=LANGUAGES, help="one language (default: both)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="EXERCISE", help="a solution cell's grade_id"
    )
    parser.add_argument("--verbose", action="store_true", help="show what the learner reads in every case")
    args = parser.parse_args(argv)
    try:
        root = find_root()
        paths = [chapter_path(root, name) for name in args.chapters] or chapter_paths(root)
        answers = wrong = 0
        for path in paths:
            chapter = read_chapter(path)
            for lang in [args.lang] if args.lang else LANGUAGES:
                results = run_chapter(chapter, lang, only=args.only)
                print(table(results, verbose=args.verbose))
                answers += len(results)
                wrong += sum(not result.ok for result in results)
                for graded in [] if args.only else run_untouched(chapter, lang):
                    if graded.points:
                        wrong += 1
                        print(f"✗  {lang}  {graded.grade_id}: the untouched notebook earns {graded.points:g}")
    except CourseError as error:
        print(f"autograder.authoring.cases: {error}", file=sys.stderr)
        return 2
    print(f"{answers} answers, {wrong} misbehave." if wrong else f"{answers} answers, all behave.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
