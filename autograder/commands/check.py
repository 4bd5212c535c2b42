"""Grade my own notebook, hidden tests included, and show what is right, what is not yet, and why.

The notebook is checked as it was last saved, in a temporary copy: your file is never changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import Final

from autograder.authoring.repository import repository, shown
from autograder.feedback.own_page import require_writable, write_page
from autograder.feedback.page import STATES, page_of
from autograder.grading.single import CheckResult, check, find_notebook
from autograder.jupyter.server import has_screen
from autograder.notebooks.submissions import language_of_notebook, read_notebook
from autograder.progress import Progress
from userops import LANGUAGES

EXAMPLE: Final = """\
examples:
  userops check ch01                  my notebook of chapter 1 (notebooks/en or notebooks/zh, the one I worked in)
  userops check retention --lang zh   the Chinese one
  userops check ~/copy.ipynb          a notebook somewhere else"""


INTRO: Final = "Running {name} ({total} code cells) …"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``userops check``."""
    parser.add_argument("chapter", help="ch01, 1, metrics, or the path of a notebook")
    parser.add_argument(
        "--lang", choices=LANGUAGES, help="which edition (default: the one that holds answers)"
    )
    parser.add_argument("--no-browser", action="store_true", help="write the page, do not open it")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the page to another file")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Run ``userops check``; 0 whenever the notebook could be graded, whatever its points."""
    repo = repository()
    path, chapter = find_notebook(repo, args.chapter, args.lang)
    notebook = read_notebook(path)
    lang = language_of_notebook(notebook, path) or args.lang or "en"
    page_path = args.output or repo.feedback / f"{chapter}.{lang}.html"
    repo.require_tables(chapter)
    require_writable(page_path)
    with Progress(chapter, 0, sys.stderr, unit="cell", intro=INTRO) as bar:
        result = check(repo, chapter, lang, notebook, progress=bar.at)
    write_page(page_path, page_of(result, shown(repo, path)))
    if args.json:
        print(json.dumps(result.as_json(path, page_path), ensure_ascii=False, indent=1))
        return 0
    print(_summary(result))
    print(f"\n{_t(lang, 'Feedback', '学习反馈')}: {page_path.resolve()}")
    if not args.no_browser and has_screen(os.environ):
        webbrowser.open(page_path.resolve().as_uri())
    return 0


# ------------------------------------------------------------------------------------------ what is shown


def _summary(result: CheckResult) -> str:
    """The result in a few lines for the terminal."""
    lang, marks = result.lang, result.marks
    word = _t(lang, "points", "分")
    lines = [f"{result.chapter} ({lang})  {marks.points:g} / {marks.possible:g} {word}"]
    if marks.by_hand:
        lines[0] += _t(
            lang, f"  (+ {marks.by_hand:g} for you to judge)", f"（另有 {marks.by_hand:g} 分请自己评）"
        )
    for verdict in marks.verdicts:
        symbol, *texts = STATES[verdict.state]
        earned = "–" if verdict.points is None else f"{verdict.points:g}"
        lines.append(
            f"  {symbol} {verdict.exercise.number:<5} {earned:>4} / {verdict.possible:g}  {verdict.exercise.title}"
            f"  [{texts[lang == 'zh']}]"
        )
        if verdict.wrong and verdict.state != "not_attempted":
            lines += [f"          {line}" for line in verdict.wrong[0].splitlines()[:3]]
    return "\n".join(lines)


def _t(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en
