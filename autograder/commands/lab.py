"""Open JupyterLab on the course, with everything in place.

Makes the notebooks and folders that are missing (never touching a notebook that is already there), starts
JupyterLab for this computer alone, prints where to start and opens a browser where there is a screen.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Final

from autograder.authoring.repository import repository
from userops import LANGUAGES

if TYPE_CHECKING:
    pass

from autograder.grading.course import course_folder
from autograder.jupyter.server import DEFAULT_PORT, has_screen, prepare, require_free_port, serve, start_path

EXAMPLE: Final = """\
examples:
  userops lab                     the English edition, from the first chapter
  userops lab --lang zh           the Chinese edition (中文版)
  userops lab ch04 --no-browser   chapter 4; only print the address"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``userops lab``."""
    parser.add_argument(
        "chapter", nargs="?", metavar="CHAPTER", help="what to open, such as ch04 (default: ch00)"
    )
    parser.add_argument("--lang", choices=LANGUAGES, default="en", help="the edition to open (default: en)")
    parser.add_argument(
        "--port", type=int, help=f"the port to use (default: {DEFAULT_PORT} or the next free one)"
    )
    parser.add_argument(
        "--instructor",
        action="store_true",
        help="show nbgrader's panels for instructors (default: where `userops course` has made a gradebook)",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address; open no browser")


def run(args: argparse.Namespace) -> int:
    """Prepare the course, then serve JupyterLab until Ctrl-C; returns 0 after an ordinary stop."""
    repo = repository()
    start = start_path(repo, args.lang, args.chapter)
    if args.port is not None:
        require_free_port(args.port)
    for problem in prepare(repo):
        print(f"userops lab: {problem}", file=sys.stderr)
    browser = not args.no_browser and has_screen(os.environ)
    instructor = args.instructor or (course_folder(repo) / "gradebook.db").is_file()
    return serve(repo.root, start, lang=args.lang, port=args.port, browser=browser, instructor=instructor)
