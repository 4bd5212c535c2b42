"""Build the learner's notebooks (notebooks/en, notebooks/zh) from the chapters in solutions/.

One source makes two editions. An edition keeps the prose of its language and every shared code cell, and
differs in code by its first cell alone, so that nbgrader's checksums are equal and one gradebook grades both.
The release is made by nbgrader's own preprocessors: what stands in notebooks/ is what
``nbgrader generate_assignment`` would release.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from autograder.authoring.build import build
from autograder.authoring.repository import find_root
from userops.errors import CourseError

EXAMPLE: Final = "Example: userops build ch04            build one chapter\n         userops build --check         fail when notebooks/ is stale (CI)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops build``."""
    parser.add_argument(
        "chapters", nargs="*", metavar="CHAPTER", help="ch04 or ch04_retention (default: all)"
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when a notebook is stale"
    )
    parser.add_argument("--strict", action="store_true", help="treat the lints' warnings as errors")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace notebooks even if they hold answers"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Run ``userops build``; 0: done or fresh, 1: stale (with ``--check``)."""
    try:
        report = build(
            find_root(), args.check, only=args.chapters, overwrite=args.overwrite, strict=args.strict
        )
    except CourseError as error:
        if not args.json:
            raise
        problems = [vars(problem) for problem in getattr(error, "problems", [])]
        print(json.dumps({"error": str(error), "problems": problems}, ensure_ascii=False, indent=1))
        return 2
    if args.json:
        print(json.dumps(vars(report), ensure_ascii=False, indent=1))
        return 1 if report.stale else 0
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for path, why in report.stale.items():
        print(f"stale: {path}\n{why}")
    for path in report.written:
        print(f"built {path}")
    for path in report.removed:
        print(f"removed {path}")
    if report.stale:
        print(f"{len(report.stale)} notebook(s) are stale: run `userops build` and commit the result.")
    elif args.check:
        print(f"{len(report.unchanged)} notebook(s) are fresh.")
    elif report.unchanged:
        print(f"{len(report.unchanged)} notebook(s) were up to date.")
    return 1 if report.stale else 0
