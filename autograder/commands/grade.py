"""Grade what a class has handed in: everybody's notebook of one chapter, side by side.

Reads course/submitted/<student>/<chapter>/, writes course/autograded/ and the gradebook, from which
formgrader, nbgrader's feedback and its export read. A submission that was graded before and has not changed
is left alone; one that cannot be graded is refused with a sentence, keeps the grade of the student's last
good submission, and stops nobody else. Stopped in the middle, run the same command again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Final

from autograder.authoring.repository import repository
from autograder.feedback.writer import FeedbackWriter
from autograder.grading.batch import grade
from autograder.grading.course import course_folder
from autograder.progress import Progress

EXAMPLE: Final = """\
examples:
  userops grade ch04                        what is new or has changed
  userops grade ch04 --student wang li      two students
  userops grade ch04 --force                everybody again (what was given by hand stays)
  userops grade ch04 --json > result.json   for a script; progress goes to the terminal
  userops grade ch04 --scheduler tcp://head:8786   on a Dask cluster

exit status: 0 everybody graded, 1 somebody refused, 2 nothing could be done

then, from the same folder:
  userops lab                               read memos and look at the results (menu nbgrader → Formgrader)
  nbgrader export                           grades.csv"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops grade``."""
    parser.add_argument("chapter", metavar="CHAPTER", help="ch04, 4 or retention")
    parser.add_argument(
        "--student", nargs="+", action="extend", default=[], metavar="NAME", help="these students alone"
    )
    parser.add_argument("--force", action="store_true", help="grade again what has not changed, too")
    parser.add_argument(
        "--workers", type=_positive, metavar="N", help="submissions at a time (default: one a core)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run on the Dask cluster with this scheduler")
    parser.add_argument(
        "--unconfined",
        action="store_true",
        help="run without a sandbox where there is none: the learners' code can then read your files, change them, "
        "and use the network",
    )
    parser.add_argument("--no-feedback", action="store_true", help="make no feedback pages")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def run(args: argparse.Namespace) -> int:
    """Run ``userops grade``: 0 everybody graded, 1 somebody refused; a CourseError (2) when nothing could be done."""
    repo = repository()
    chapter = repo.chapter(args.chapter)
    report = grade(
        repo,
        course_folder(repo),
        chapter,
        wanted=args.student,
        force=args.force,
        options={
            "workers": args.workers,
            "confined": not (args.unconfined or os.environ.get("USEROPS_UNCONFINED")),
            "scheduler": args.scheduler,
        },
        pages=None if args.no_feedback else lambda coursedir, name: FeedbackWriter(repo, coursedir, name),
        progress=lambda total: Progress(chapter, total, sys.stderr),
    )
    print(json.dumps(report.as_json(), ensure_ascii=False, indent=1) if args.json else report.summary())
    return 1 if report.refused else 0
