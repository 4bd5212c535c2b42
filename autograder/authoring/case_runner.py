"""Run a chapter's cells in this process as a notebook would, one after another, and say what came of each."""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import linecache
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from autograder.authoring.chapter import Cell, Chapter
from userops.errors import CourseError

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


class CellError(CourseError):
    """A cell that must run did not: says the chapter, the cell and the line."""


def must_run(chapter: Chapter, cell: Cell, names: Namespace) -> None:
    """Run a cell that has to work: a locked cell, a worked example, a reference solution.

    Raises:
        CellError: it fails, warns or writes to stderr.
    """
    run = run_cell(cell, chapter, names, strict=True)
    where = f"{chapter.path.name}, {cell.name}"
    if run.error is not None:
        raise CellError(f"{where}, line {run.error_line or cell.line}: {say(run.error)}")
    if run.stderr:
        raise CellError(f"{where}, line {cell.line}: the cell writes to stderr: {one_line(run.stderr)}")


def run_cell(
    cell: Cell, chapter: Chapter, names: Namespace, *, source: str | None = None, strict: bool
) -> Run:
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
    # A cell does not inherit this module's own ``from __future__`` imports.
    if not isinstance(final, ast.Expr):
        exec(compile(tree, filename, "exec", dont_inherit=True), names)
        return None, False
    exec(compile(ast.Module(tree.body[:-1], []), filename, "exec", dont_inherit=True), names)
    value = eval(compile(ast.Expression(final.value), filename, "eval", dont_inherit=True), names)
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


def fresh_names() -> Namespace:
    """What a notebook holds before its first cell."""
    from IPython.display import display

    return {"__name__": "__main__", "__builtins__": __builtins__, "display": display}


def copy_of(names: Namespace) -> Namespace:
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
def notebook_process(chapter: Chapter, lang: str) -> Iterator[None]:
    """This process as a learner's kernel finds itself: language, folder, figures that need no screen."""
    import matplotlib

    from userops import _language, use_language

    language, here = _language._current, Path.cwd()
    params, backend = matplotlib.rcParams.copy(), matplotlib.get_backend()
    try:
        matplotlib.use("Agg")
        use_language(lang)
        os.chdir(chapter.root)
        with _tables_read_once():
            yield
    finally:
        os.chdir(here)
        _language._current = language
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # restoring passes through retired parameters
            matplotlib.rcParams.update(params)
        matplotlib.use(backend)


@contextlib.contextmanager
def _tables_read_once() -> Iterator[None]:
    """Read each table once for all cases: pandas copies on write, so a shallow copy is a fresh frame."""
    import userops

    load, sample = userops.load, userops.sample
    tables: dict[Any, Any] = {}

    def once(key: Any, make: Callable[[], Any]) -> Any:
        if key not in tables:
            tables[key] = make()
        return tables[key].copy(deep=False)

    def load_once(table: str, columns: Any = None) -> Any:
        chosen = columns if columns is None or isinstance(columns, str) else tuple(columns)
        return once((table, chosen), lambda: load(table, columns))

    def sample_once(table: str, *, seed: int, users: int = 400) -> Any:
        return once((table, seed, users), lambda: sample(table, seed=seed, users=users))

    userops.load, userops.sample = load_once, sample_once
    try:
        yield
    finally:
        userops.load, userops.sample = load, sample


def say(error: BaseException) -> str:
    """An error in one line: a check's own message, else the error's name and message."""
    text = " ".join(str(error).split())
    return text if type(error).__name__ == "CheckError" else f"{type(error).__name__}: {text}".rstrip(": ")


def one_line(text: str, limit: int = 200) -> str:
    """The text without line breaks, cut at ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
