"""``python -m autograder.commands.cases``: run a chapter's cases and show a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from autograder.authoring.case_table import table
from autograder.authoring.cases import count_answers, run_chapter, run_untouched
from autograder.authoring.chapter import read_chapter
from autograder.authoring.repository import repository
from autograder.progress import Progress
from userops import LANGUAGES
from userops.errors import CourseError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases of the chapters named; 0: all behave, 1: some misbehave, 2: a cell or a file is at fault."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.commands.cases",
        description="Run a chapter's cases: right answers must earn, wrong ones meet their message.",
        epilog="Example: python -m autograder.commands.cases ch01 --lang zh --only dau --verbose",
    )
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="ch01 or ch01_metrics (default: all)")
    parser.add_argument("--lang", choices=LANGUAGES, help="one language (default: both)")
    parser.add_argument(
        "--only", action="append", default=[], metavar="EXERCISE", help="a solution cell's grade_id"
    )
    parser.add_argument("--verbose", action="store_true", help="show what the learner reads in every case")
    args = parser.parse_args(argv)
    try:
        repo = repository()
        chapters = [repo.chapter(name) for name in args.chapters] or repo.chapters()
        answers = wrong = 0
        for name in dict.fromkeys(chapters):
            chapter = read_chapter(repo.source(name))
            for lang in [args.lang] if args.lang else LANGUAGES:
                count = count_answers(chapter, args.only)
                with Progress(f"{chapter.name} {lang}", count, sys.stderr, unit="answer") as bar:
                    results = run_chapter(chapter, lang, only=args.only, progress=bar.step)
                print(table(results, verbose=args.verbose))
                answers += len(results)
                wrong += sum(not result.ok for result in results)
                for graded in [] if args.only else run_untouched(chapter, lang):
                    if graded.points:
                        wrong += 1
                        print(f"✗  {lang}  {graded.grade_id}: the untouched notebook earns {graded.points:g}")
    except CourseError as error:
        print(f"autograder.commands.cases: {error}", file=sys.stderr)
        return 2
    print(f"{answers} answers, {wrong} misbehave." if wrong else f"{answers} answers, all behave.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
