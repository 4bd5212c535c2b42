"""Grade my own notebook, hidden tests included, and show what is right, what is not yet, and why.

The notebook is checked as it was last saved, in a temporary copy: your file is never changed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from autograder.build import edition
from autograder.repository import Repository, repository
from autograder.source import read_chapter
from autograder.submissions import language_of, read_notebook
from userops._language import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.engine import Engine, Plan, Ran
    from autograder.feedback import Page
    from autograder.marks import Marks
    from autograder.restore import Change

EXAMPLE: Final = """\
examples:
  userops check ch01                  my notebook of chapter 1 (notebooks/en or notebooks/zh, the one I worked in)
  userops check retention --lang zh   the Chinese one
  userops check ~/copy.ipynb          a notebook somewhere else"""

Progress = Callable[[int, int], None]


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
    lang = language_of(notebook, path) or args.lang or "en"
    page_path = args.output or repo.feedback / f"{chapter}.{lang}.html"
    repo.require_tables(chapter)
    _require_writable(page_path)

    progress = _Progress(chapter, sys.stderr)
    result = check(repo, chapter, lang, notebook, progress=progress)
    progress.done()
    page = result.page(_shown(repo, path))
    _write_page(page_path, page)
    if args.json:
        print(json.dumps(result.as_json(path, page_path), ensure_ascii=False, indent=1))
        return 0
    print(_summary(result))
    print(f"\n{_t(lang, 'Feedback', '学习反馈')}: {page_path.resolve()}")
    if not args.no_browser and _has_screen(os.environ):
        webbrowser.open(page_path.resolve().as_uri())
    return 0


# ------------------------------------------------------------------------------------------ which notebook


def find_notebook(repo: Repository, name: str, lang: str | None = None) -> tuple[Path, str]:
    """Return the notebook that ``name`` means, and its chapter.

    Args:
        repo: the checkout.
        name: a chapter by any name ``Repository.chapter`` knows, or the path of a notebook or its folder.
        lang: the edition; without it the one in which somebody has answered, English if neither or both.

    Raises:
        CourseError: no such chapter or file, or a notebook of no chapter.
    """
    path = Path(name).expanduser()
    if path.suffix == ".ipynb" or (os.sep in name and not path.is_file()):
        return _by_path(repo, path)
    if path.is_file():
        raise CourseError(f"{path} is not a notebook (.ipynb): give a chapter (ch01) or a notebook's path.")
    chapter = repo.chapter(name)
    editions = [repo.notebook(chapter, code) for code in ((lang,) if lang else LANGUAGES)]
    there = [path for path in editions if path.is_file()]
    if not there:
        raise CourseError(
            f"{_shown(repo, editions[0])} is missing: make it with `userops build {chapter}`, or give the path of yours."
        )
    answered = [path for path in there if len(there) > 1 and _answered(path)]
    return (answered if len(answered) == 1 else there)[0], chapter


def _by_path(repo: Repository, path: Path) -> tuple[Path, str]:
    if path.is_dir():
        inside = sorted(path.glob("*.ipynb"))
        if len(inside) != 1:
            raise CourseError(
                f"{path} holds {len(inside) or 'no'} notebooks: give the path of the one to check."
            )
        path = inside[0]
    if not path.is_file():
        raise CourseError(f"There is no file {path}: check the path, or give the chapter alone (ch01).")
    named = read_notebook(path).metadata.get("userops", {})
    chapters = repo.chapters()
    for name in (named.get("chapter") if isinstance(named, Mapping) else None, path.stem, path.parent.name):
        if name in chapters:
            return path, name
    # A copy that lost its metadata: "ch01_metrics-Copy1.ipynb".
    starts = [chapter for chapter in chapters if path.stem.startswith(chapter)]
    if len(starts) == 1:
        return path, starts[0]
    raise CourseError(
        f"{path.name} is no chapter of this course that I know: name the file like its chapter, such as {chapters[0]}.ipynb."
    )


def _answered(path: Path) -> bool:
    """Whether an answer cell of a released notebook differs from its stub (nbgrader's checksum tells)."""
    from nbgrader.utils import compute_checksum, is_solution

    try:
        cells = read_notebook(path).cells
        return any(
            is_solution(cell) and cell.metadata.nbgrader.get("checksum") not in (None, compute_checksum(cell))
            for cell in cells
        )
    except (CourseError, KeyError, AttributeError):
        return True  # broken by somebody: the one that was worked on


# ------------------------------------------------------------------------------------------ the check itself


@dataclass(frozen=True)
class Result:
    """What a check found."""

    chapter: str
    lang: str
    marks: Marks
    changes: tuple[Change, ...]
    outline: Any
    seconds: float

    def page(self, notebook: str) -> Page:
        """The feedback page's contents; ``notebook`` is the path to show."""
        from autograder.feedback import Page

        return Page(
            chapter=self.chapter,
            lang=self.lang,
            notebook=notebook,
            when=f"{datetime.now():%Y-%m-%d %H:%M}",
            outline=self.outline,
            marks=self.marks,
            changes=self.changes,
        )

    def as_json(self, notebook: Path, page: Path) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "chapter": self.chapter,
            "lang": self.lang,
            "notebook": str(notebook),
            "points": self.marks.points,
            "possible": self.marks.possible,
            "by_hand": self.marks.by_hand,
            "exercises": [verdict.as_json() for verdict in self.marks.verdicts],
            "restored": [{"cell": change.grade_id, "what": change.what} for change in self.changes],
            "seconds": round(self.seconds, 1),
            "feedback": str(page.resolve()),
        }


def check(
    repo: Repository, chapter: str, lang: str, notebook: NotebookNode, *, progress: Progress | None = None
) -> Result:
    """Run a learner's notebook with the chapter's hidden tests, in a temporary folder, and judge it.

    Args:
        repo: the checkout.
        chapter: the chapter's id.
        lang: the edition's language.
        notebook: as read by ``read_notebook``; it is changed in place (a copy of the learner's file).
        progress: called with the number of code cells done and their total.
    """
    from autograder.engine import plan
    from autograder.exercises import outline
    from autograder.marks import mark
    from autograder.restore import restore
    from autograder.truth import from_edition

    started = time.monotonic()
    master = edition(read_chapter(repo.source(chapter)), lang, release=False)
    truth = from_edition(master)
    changes = restore(notebook, truth)
    asked = outline(master)
    ran = _run(plan(chapter, truth), notebook, lang, progress)
    marks = mark(ran.notebook, asked.exercises, truth, lang, met=ran.met)
    return Result(chapter, lang, marks, tuple(changes), asked, time.monotonic() - started)


def _engine() -> Engine:
    """What runs the notebook."""
    from autograder.engine import Engine
    from autograder.engine.sandbox import missing

    return Engine(workers=1, confined=missing() is None)


def _run(plan: Plan, notebook: NotebookNode, lang: str, progress: Progress | None) -> Ran:
    """Run the cells as an instructor's grading does: the tests apart from the answers, the hidden ones too.

    Behind walls where there can be any; elsewhere without, for it is the learner's own code on their own computer.
    """
    from autograder.engine import Job

    with _engine() as engine:
        ran = next(iter(engine.run(plan, [Job("me", notebook, lang)], watch=progress)))
    if ran.trouble:
        raise CourseError(ran.trouble)
    return ran


# ------------------------------------------------------------------------------------------ what is shown


class _Progress:
    """One line on a terminal that says how far the run is; two plain lines elsewhere."""

    def __init__(self, chapter: str, stream: Any) -> None:
        self.chapter, self.stream = chapter, stream
        self.live = bool(getattr(stream, "isatty", lambda: False)())
        self.said = False

    def __call__(self, done: int, total: int) -> None:
        if self.live:
            bar = "█" * (done * 24 // max(total, 1))
            self.stream.write(f"\r{self.chapter}  {bar:<24}  {done}/{total}")
            self.stream.flush()
        elif not self.said:
            print(f"Running {self.chapter} ({total} code cells) …", file=self.stream, flush=True)
        self.said = True

    def done(self) -> None:
        """Clear the line."""
        if self.live and self.said:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


def _summary(result: Result) -> str:
    """The result in a few lines for the terminal."""
    from autograder.feedback import STATES

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
    from autograder.feedback import render

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


def _shown(repo: Repository, path: Path) -> str:
    """A path as a person would write it: from the course's folder if it lies inside."""
    path = path.resolve()
    return path.relative_to(repo.root).as_posix() if path.is_relative_to(repo.root) else str(path)


def _t(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en
