"""Read a measured run of the suite: seconds by step, what a chapter adds, and the projection for twenty chapters.

    make test ARGS="--junitxml=/somewhere/junit.xml"
    python tests/bench/project_suite.py /somewhere/junit.xml
    python tests/bench/project_suite.py /somewhere/junit.xml --chapters 20 --workers 2

The steps that grow with the chapters are told by the tests' names; a test that runs for some chapters only (the
first and the last, say) is part of the rest. What a chapter adds is the mean over the chapters of the run, and the
rest stays as it is.
"""

from __future__ import annotations

import argparse
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# The step of a test that is run for every chapter: the first pattern that is found in "its file::its name".
STEPS: Final = (
    ("cases", r"chapters\.test_chapters::test_(every_case|reference|no_case)"),
    ("kernel runs", r"chapters\.test_chapters::test_it_runs_in_a_kernel"),
    ("untouched notebooks", r"chapters\.test_chapters::test_the_untouched"),
    ("builds", r"chapters\.test_chapters::test_the_committed"),
    ("lints", r"chapters\.test_chapters::"),
    ("agreement", r"engine\.test_engine_agreement::"),
    ("explorers in the browser", r"browser\.test_explorers::test_moving"),
)


@dataclass
class Step:
    """The seconds of one step, by chapter (or explorer), as one worker counts them."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def total(self) -> float:
        """Seconds of all of them."""
        return sum(self.seconds.values())


def main() -> int:
    """Print the table; 2 if the file cannot be read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("junit", type=Path, help="the XML file that pytest --junitxml wrote")
    parser.add_argument("--chapters", type=int, default=20, help="chapters to project to (20)")
    parser.add_argument("--workers", type=int, default=2, help="test workers, a core each (2)")
    args = parser.parse_args()
    try:
        suite = ElementTree.parse(args.junit).getroot()
    except (OSError, ElementTree.ParseError) as error:
        print(f"project_suite: {args.junit} cannot be read: {error}", file=sys.stderr)
        return 2
    print(report(suite, args.chapters, args.workers))
    return 0


def report(suite: ElementTree.Element, wanted: int, workers: int) -> str:
    """The table of steps, and the projection."""
    steps, rest, chapters = measured(suite)
    present = len(chapters) or 1
    lines = [
        f"{'step':<26}{f'{present} chapters':>14}{'a chapter adds':>18}{f'{wanted} chapters':>16}   (seconds of one worker)"
    ]
    total = projected = rest
    for name, step in steps.items():
        each = step.total / present
        total += step.total
        projected += each * wanted
        lines.append(f"{name:<26}{step.total:>14.0f}{each:>18.1f}{each * wanted:>16.0f}")
    lines.append(f"{'the rest':<26}{rest:>14.0f}{'':>18}{rest:>16.0f}")
    lines.append(
        f"{'together':<26}{total:>14.0f}{(projected - total) / max(wanted - present, 1):>18.1f}{projected:>16.0f}"
    )
    # How far from an even deal the measured run was: collecting, starting, the last test of one worker alone.
    element = suite if suite.tag == "testsuite" else suite.find("testsuite")
    wall = float(element.get("time", 0)) if element is not None else 0.0
    lines.append("")
    lines.append(
        f"Measured: {wall:.0f} s on the clock, {total / workers:.0f} s if {workers} workers shared it evenly."
    )
    idle = max(wall - total / workers, 0.0)
    at = projected / workers + idle
    lines.append(
        f"Projected for {wanted} chapters: {projected / workers:.0f} s + {idle:.0f} s that the deal loses"
        f" = {at:.0f} s ({at / 60:.1f} minutes)."
    )
    return "\n".join(lines)


def measured(suite: ElementTree.Element) -> tuple[dict[str, Step], float, set[str]]:
    """The steps' seconds by chapter, the seconds of all other tests, and the chapters of the run."""
    steps = {name: Step() for name, _ in STEPS}
    rest, chapters = 0.0, set()
    for test in suite.iter("testcase"):
        name, seconds = f"{test.get('classname')}::{test.get('name')}", float(test.get("time", 0))
        step = next((step for step, pattern in STEPS if re.search(pattern, name)), None)
        of = re.search(r"\[([^\]]+)\]$", name)
        if step is None or of is None:
            rest += seconds
            continue
        steps[step].seconds[of[1]] += seconds
        if chapter := re.match(r"ch\d\d_\w+", of[1]):
            chapters.add(chapter[0])
    return steps, rest, chapters


if __name__ == "__main__":
    sys.exit(main())
