"""Run a chapter's cases: right answers must earn their points, wrong ones lose them and meet their message.

A chapter runs once, in this process, from top to bottom with the reference solutions. At each solution cell
every case of that exercise is tried first, in a copy of the names as they stand there, followed by the
exercise's test cells. Points are given as nbgrader gives them.

    python -m autograder.cases ch01 --lang zh --only dau
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import io
import linecache
import os
import sys
import traceback
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from autograder.source import (
    Cell,
    Chapter,
    Exercise,
    chapter_path,
    chapter_paths,
    find_root,
    read_chapter,
    stub,
)
from userops._language import LANGUAGES
from userops.errors import CourseError

Role = Literal["reference", "blank", "right", "wrong"]
Namespace = dict[str, Any]

_SMALL: Final = 10_000  # entries of a list or dict that are worth copying one by one


@dataclass(frozen=True)
class Run:
    """What came of running one cell."""

    stdout: str = ""
    stderr: str = ""
    value: Any = None  # of the last expression, if the notebook would show it
    shows: bool = False
    error: BaseException | None = None
    error_line: int | None = None  # 1-based line in the chapter's file


@dataclass(frozen=True)
class Graded:
    """What one test cell gave."""

    grade_id: str
    points: float
    possible: float
    message: str  # what the learner reads: the error, or what was printed
    met: tuple[str, ...] = ()
    trouble: str | None = None  # a fault of the test cell itself


@dataclass(frozen=True)
class CaseResult:
    """One answer to one exercise: what it should give, and what it gave."""

    chapter: str
    lang: str
    exercise: str
    role: Role
    label: str
    line: int
    expected: float
    wanted: str | None  # the misconception that must be met
    graded: tuple[Graded, ...]
    error: str | None = None  # what the answer itself raised

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(g.points for g in self.graded)

    @property
    def possible(self) -> float:
        """Points that could be earned."""
        return sum(g.possible for g in self.graded)

    @property
    def met(self) -> tuple[str, ...]:
        """Keys of the misconceptions met, in order, each once."""
        return tuple(dict.fromkeys(key for g in self.graded for key in g.met))

    @property
    def message(self) -> str:
        """What the learner reads from the test cells that cost points (all cells when none did)."""
        lost = [g for g in self.graded if g.points < g.possible] or list(self.graded)
        return "\n".join(g.message for g in lost if g.message)

    @property
    def trouble(self) -> str | None:
        """Why this case misbehaves, in a phrase; None when it does what it claims."""
        for g in self.graded:
            if g.trouble:
                return f"{g.grade_id}: {g.trouble}"
        if self.role in ("reference", "right") and self.error:
            return f"the answer fails: {self.error}"
        if abs(self.points - self.expected) > 1e-9:
            came = f"earns {self.points:g} of {self.possible:g}, should earn {self.expected:g}"
            return f"{came}; the learner reads: {_one_line(self.message)}" if self.message else came
        if self.role == "wrong" and self.wanted is not None and self.wanted not in self.met:
            met = f"meets {', '.join(self.met)}" if self.met else "meets no misconception"
            return f"{met}; the learner reads: {_one_line(self.message)}"
        if self.role == "wrong" and self.wanted is None and self.met:
            return f"is told to be no known misconception, but meets {', '.join(self.met)}"
        if self.role in ("reference", "right") and self.expected == self.possible and self.met:
            return f"is right, but meets {', '.join(self.met)}"
        return None

    @property
    def ok(self) -> bool:
        """Whether the case does what it claims."""
        return self.trouble is None


class CellError(CourseError):
    """A cell that must run did not: says the chapter, the cell and the line."""


def run_chapter(chapter: Chapter, lang: str, *, only: Sequence[str] = ()) -> list[CaseResult]:
    """Run the chapter with its reference solutions, and every case of every exercise.

    Args:
        chapter: as read by ``autograder.source.read_chapter``.
        lang: ``"en"`` or ``"zh"``.
        only: grade ids of solution cells; the run stops after the last of them.

    Returns:
        For each exercise: the reference, the blank answer, then its cases in order of appearance.

    Raises:
        CellError: a locked cell, a worked example or a reference solution fails, warns or writes to stderr.
        CourseError: ``only`` names no exercise.
    """
    exercises = {exercise.solution.index: exercise for exercise in chapter.exercises}
    wanted = set(only) or {exercise.key for exercise in exercises.values()}
    unknown = sorted(wanted - {exercise.key for exercise in exercises.values()})
    if unknown:
        known = ", ".join(exercise.key for exercise in exercises.values())
        raise CourseError(f"{chapter.name} has no exercise {unknown[0]!r}: use one of these: {known}.")
    last = max((i for i, e in exercises.items() if e.key in wanted), default=-1)

    results: list[CaseResult] = []
    with _notebook_process(chapter, lang):
        names = _fresh_names()
        for cell in chapter.cells:
            if only and cell.index > last:
                break
            if cell.kind == "solution":
                exercise = exercises[cell.index]
                if exercise.key in wanted:
                    results += _run_exercise(chapter, lang, exercise, names)
                _must_run(chapter, cell, names)
            elif cell.kind in ("locked", "worked") and not (
                only and "explorer" in cell.metadata.get("tags", [])
            ):
                _must_run(chapter, cell, names)
            elif cell.kind == "test":
                # The reference was graded in a copy; a notebook leaves the test cell's own names behind.
                _run(cell, chapter, names, strict=False)
    return results


def run_untouched(chapter: Chapter, lang: str) -> list[Graded]:
    """Run the notebook as released, with no answer in it, on through every error as nbgrader does."""
    graded: list[Graded] = []
    with _notebook_process(chapter, lang):
        names = _fresh_names()
        for cell in chapter.cells:
            if cell.kind == "solution":
                _run(cell, chapter, names, source=stub(cell), strict=False)
            elif cell.kind == "test":
                graded.append(_grade(cell, chapter, names))
            elif cell.kind == "locked":
                _must_run(chapter, cell, names)
            elif cell.kind == "worked" and not _is_explorer(cell):
                _run(cell, chapter, names, strict=False)
    return graded


def _is_explorer(cell: Cell) -> bool:
    """An explorer shows something and defines nothing: where only names matter it is left out."""
    return "explorer" in cell.metadata.get("tags", [])


def _run_exercise(chapter: Chapter, lang: str, exercise: Exercise, names: Namespace) -> Iterator[CaseResult]:
    solution = exercise.solution
    possible = exercise.points

    def attempt(
        role: Role, label: str, cell: Cell, source: str, expected: float, wanted: str | None
    ) -> CaseResult:
        trial = _copy_of(names)
        answer = _run(cell, chapter, trial, source=source, strict=False)
        graded: list[Graded] = []
        for step in exercise.steps:
            if step.kind == "test":
                graded.append(_grade(step, chapter, trial))
            else:
                _run(step, chapter, trial, strict=False)
        return CaseResult(
            chapter.name,
            lang,
            exercise.key,
            role,
            label,
            cell.line,
            expected,
            wanted,
            tuple(graded),
            None if answer.error is None else _say(answer.error),
        )

    yield attempt("reference", "reference solution", solution, solution.source, possible, None)
    yield attempt("blank", "left blank", solution, stub(solution), 0.0, None)
    for cell in exercise.cases:
        case = cell.case
        assert case is not None
        if case.right is not None:
            expected = possible if case.points is None else case.points
            yield attempt("right", case.right, cell, cell.source, expected, None)
        else:
            wanted = None if case.other else case.wrong
            yield attempt("wrong", case.label, cell, cell.source, case.points or 0.0, wanted)


def _must_run(chapter: Chapter, cell: Cell, names: Namespace) -> None:
    run = _run(cell, chapter, names, strict=True)
    where = f"{chapter.path.name}, {cell.name}"
    if run.error is not None:
        raise CellError(f"{where}, line {run.error_line or cell.line}: {_say(run.error)}")
    if run.stderr:
        raise CellError(f"{where}, line {cell.line}: the cell writes to stderr: {_one_line(run.stderr)}")


def _grade(cell: Cell, chapter: Chapter, names: Namespace) -> Graded:
    """Run a test cell and give points as nbgrader does: an error or stderr costs all, a number is credit."""
    from nbgrader.utils import get_partial_grade

    from userops import check
    from userops.check._notebook import unanswered

    check.reset()
    run = _run(cell, chapter, names, strict=False)
    met = tuple(check.met())
    grade_id, possible = cell.grade_id or "?", cell.points
    if run.error is not None:
        message = unanswered(run.error, run.error.__traceback__, names) or _say(run.error)
        return Graded(grade_id, 0.0, possible, message, met)
    if run.stderr:
        return Graded(grade_id, 0.0, possible, run.stderr.strip(), met)
    points, trouble = possible, None
    if run.shows:
        from IPython.lib.pretty import pretty

        shown = pretty(run.value)
        try:
            points = float(get_partial_grade({"data": {"text/plain": shown}}, possible))
        except (ValueError, KeyError) as error:
            points, trouble = 0.0, f"nbgrader refuses the value {shown!r}: {error}"
        if trouble is None and type(run.value) not in (float, int):
            trouble = f"the last value is {type(run.value).__name__}, which nbgrader takes for full points"
    return Graded(grade_id, points, possible, run.stdout.strip(), met, trouble)


def _run(cell: Cell, chapter: Chapter, names: Namespace, *, source: str | None = None, strict: bool) -> Run:
    """Run one cell as a notebook would.

    Args:
        source: instead of the cell's own text.
        strict: warnings are errors, and figures are drawn (a missing glyph shows only then). Otherwise
            warnings go to stderr, each time, under Python's own filters.
    """
    text = cell.source if source is None else source
    filename = f"<{chapter.name} line {cell.line}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    out, err = io.StringIO(), io.StringIO()
    value, shows, error = None, False, None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        _set_filters(strict)
        try:
            value, shows = _execute(text, filename, names)
            if strict:
                _draw_figures()
        except (Exception, SystemExit) as raised:
            error = raised
        finally:
            _close_figures()
    line = None if error is None else _line_of(error, filename, cell.line)
    return Run(out.getvalue(), err.getvalue(), value, shows, error, line)


def _execute(text: str, filename: str, names: Namespace) -> tuple[Any, bool]:
    """Run the statements; return the last expression's value and whether a notebook shows it."""
    from IPython.core.displayhook import DisplayHook

    tree = ast.parse(text, filename)
    final = tree.body[-1] if tree.body else None
    if not isinstance(final, ast.Expr):
        exec(compile(tree, filename, "exec"), names)
        return None, False
    exec(compile(ast.Module(tree.body[:-1], []), filename, "exec"), names)
    value = eval(compile(ast.Expression(final.value), filename, "eval"), names)
    # IPython keeps quiet about None, and about a last line that ends with a semicolon.
    return value, value is not None and not DisplayHook.semicolon_at_end_of_expression(text)


def _set_filters(strict: bool) -> None:
    warnings.resetwarnings()
    if strict:
        warnings.simplefilter("error")
    else:
        warnings.simplefilter("always")
        # Python hides these unless they come from the cell itself.
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("always", category=DeprecationWarning, module="__main__")
    # As in a notebook, even if whoever calls this process collects warnings for itself.
    warnings.showwarning = _write_warning
    # Figures are drawn without a screen here; a notebook shows them.
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")


def _write_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=sys.stderr)


def _draw_figures() -> None:
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot as plt

        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()


def _close_figures() -> None:
    """A notebook shows and closes a cell's figures at its end; an Axes in a name stays usable."""
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot as plt

        plt.close("all")


def _line_of(error: BaseException, filename: str, first: int) -> int:
    if isinstance(error, SyntaxError) and error.filename == filename:
        return first + (error.lineno or 1) - 1
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == filename]
    return first + (frames[-1].lineno or 1) - 1 if frames else first


def _fresh_names() -> Namespace:
    from IPython.display import display

    return {"__name__": "__main__", "__builtins__": __builtins__, "display": display}


def _copy_of(names: Namespace) -> Namespace:
    """The names with values that a case cannot change behind the reference's back.

    pandas copies lazily, arrays and plain containers are copied; anything else is shared.
    """
    import numpy as np
    import pandas as pd

    seen: dict[int, Any] = {}

    def isolated(value: Any, depth: int = 0) -> Any:
        if id(value) in seen:
            return seen[id(value)]
        if isinstance(value, pd.DataFrame | pd.Series):
            new: Any = value.copy(deep=False)
        elif isinstance(value, np.ndarray):
            new = value.copy()
        elif type(value) in (list, dict, set) and depth < 3 and len(value) <= _SMALL:
            if isinstance(value, dict):
                new = {key: isolated(item, depth + 1) for key, item in value.items()}
            elif isinstance(value, list):
                new = [isolated(item, depth + 1) for item in value]
            else:
                new = copy.copy(value)
        else:
            return value
        seen[id(value)] = new
        return new

    return {key: value if key.startswith("__") else isolated(value) for key, value in names.items()}


@contextlib.contextmanager
def _notebook_process(chapter: Chapter, lang: str) -> Iterator[None]:
    """This process as a learner's kernel finds itself: language, folder, figures that need no screen."""
    import matplotlib

    from userops import _language, use_language

    language, here = _language._current, Path.cwd()
    params, backend = matplotlib.rcParams.copy(), matplotlib.get_backend()
    try:
        matplotlib.use("Agg")
        use_language(lang)
        os.chdir(chapter.root)
        yield
    finally:
        os.chdir(here)
        _language._current = language
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # restoring passes through retired parameters
            matplotlib.rcParams.update(params)
        matplotlib.use(backend)


def _say(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if type(error).__name__ == "CheckError" else f"{type(error).__name__}: {text}".rstrip(": ")


def _one_line(text: str, limit: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


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
            ("✓" if r.ok else "✗", r.lang, r.exercise, what, f"{r.points:g}/{r.possible:g}", ", ".join(r.met))
        )
    out: list[str] = []
    for r, line in zip(results, rows.lines(), strict=True):
        out.append(line)
        if not r.ok:
            out.append(f"      line {r.line}: {r.trouble}")
        elif verbose and r.message:
            out.append(f"      {_one_line(r.message, 400)}")
    return "\n".join(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases of the chapters named; 0: all behave, 1: some misbehave, 2: a cell or a file is at fault."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.cases",
        description="Run a chapter's cases in this process.",
        epilog="Example: python -m autograder.cases ch01 --lang zh --only dau --verbose",
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
        print(f"autograder.cases: {error}", file=sys.stderr)
        return 2
    print(f"{answers} answers, {wrong} misbehave." if wrong else f"{answers} answers, all behave.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
