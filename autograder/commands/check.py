"""Grade my own notebook, hidden tests included, and show what is right, what is not yet, and why.

The notebook is checked as it was last saved, in a temporary copy: your file is never changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autograder.authoring.repository import repository
from autograder.notebooks.submissions import language_of_notebook, read_notebook
from autograder.progress import Progress
from userops import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from autograder.feedback.page import Page
from autograder.authoring.repository import shown
from autograder.grading.single import CheckResult, check, find_notebook

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
    _require_writable(page_path)
    from autograder.feedback.page import page_of

    with Progress(chapter, 0, sys.stderr, unit="cell", intro=INTRO) as bar:
        result = check(repo, chapter, lang, notebook, progress=bar.at)
    _write_page(page_path, page_of(result, shown(repo, path)))
    if args.json:
        print(json.dumps(result.as_json(path, page_path), ensure_ascii=False, indent=1))
        return 0
    print(_summary(result))
    print(f"\n{_t(lang, 'Feedback', '学习反馈')}: {page_path.resolve()}")
    if not args.no_browser and _has_screen(os.environ):
        webbrowser.open(page_path.resolve().as_uri())
    return 0


# ------------------------------------------------------------------------------------------ what is shown


def _summary(result: CheckResult) -> str:
    """The result in a few lines for the terminal."""
    from autograder.feedback.page import STATES

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


def _require_writable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CourseError(
            f"The feedback cannot be written to {path.parent} ({error.strerror}): name another file with --output."
        ) from error


def _write_page(path: Path, page: Page) -> None:
    from autograder.feedback.page import render

    try:
        path.write_text(render(page), encoding="utf-8")
    except OSError as error:
        raise CourseError(
            f"The feedback cannot be written to {path} ({error.strerror}): name another file with --output."
        ) from error


def _has_screen(environ: Mapping[str, str]) -> bool:
    """Whether a browser could be seen here."""
    if sys.platform in ("darwin", "win32"):
        return not environ.get("SSH_CONNECTION")
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _t(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en
