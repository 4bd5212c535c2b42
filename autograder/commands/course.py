"""Make an instructor's course, ready for nbgrader, or bring an existing one up to date.

Writes the chapters' sources (with solutions and hidden tests), the gradebook and the students' release into
course/ (git-ignored). Run it again whenever chapters change: what students have handed in and what has been
graded is never overwritten.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from autograder.authoring.repository import repository
from autograder.grading.course import course_folder, course_language, make_course
from userops import LANGUAGES

EXAMPLE: Final = """\
examples:
  userops course --lang zh            every chapter, with Chinese text
  userops course --lang en ch01 ch04  two chapters
  userops course --course-dir ~/spring-class

then, from the same folder:
  nbgrader release_assignment ch01_metrics    hand out
  nbgrader collect ch01_metrics               collect
  nbgrader autograde ch01_metrics             grade
  nbgrader generate_feedback ch01_metrics     feedback pages
  nbgrader export                             grades.csv"""


# ------------------------------------------------------------------------------------------ command line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops course``."""
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="ch04, 4 or retention (default: all)")
    parser.add_argument(
        "--lang", choices=LANGUAGES, help="language of the text (default: as before; at first, en)"
    )
    parser.add_argument("--course-dir", type=Path, metavar="FOLDER", help="another folder than course/")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="remake chapters even if that changes how handed-in work is graded; the course is backed up first",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Run ``userops course``."""
    repo = repository()
    folder = course_folder(repo, args.course_dir)
    lang = args.lang or course_language(folder) or "en"
    made = make_course(repo, folder, lang, args.chapters, replace=args.replace)
    if args.json:
        result = {"course": str(folder), "lang": lang, "chapters": [asdict(chapter) for chapter in made]}
        print(json.dumps(result, ensure_ascii=False, indent=1))
        return 0
    for chapter in made:
        print(f"{chapter.state:>9}  {chapter.chapter}  ({chapter.points:g} points)")
    print(f"\nThe course is in {folder} (text: {lang}).")
    again = [c.chapter for c in made if c.released_before and c.state != "unchanged"]
    if again:
        print(f"Students already have {', '.join(again)}: hand out the new text with")
        print(f"  nbgrader release_assignment {again[0]} --force")
    setting = "" if folder == repo.root / "course" else f"USEROPS_COURSE={folder} "
    print(
        f"Next: {setting}userops lab (menu nbgrader → Formgrader), or on the command line, from {repo.root}:"
    )
    print(f"  {setting}nbgrader release_assignment {made[0].chapter}")
    return 0
