"""Show an unanswered exercise as such in a notebook: no error to a person who leafs through it, one to nbgrader.

A front end in which a person sits runs the cells below an error no more; so there an exercise without an answer,
and a cell that waits for one, end well, with a quiet box. Whatever runs a notebook to grade it (nbgrader, nbclient)
takes no input from a keyboard, and gets the error that it must score as zero.
"""

from __future__ import annotations

import functools
import json
import linecache
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from userops._language import chapter, t
from userops.check._error import CheckError, box, not_attempted
from userops.check._score import undefined

_INSTALLED: Final = "_userops_handler"  # an attribute of the shell, which outlives a reload of this module
_EXERCISES: Final = Path(__file__).parents[1] / "exercises.json"

_running = ""  # the id of the running cell, where the front end tells
_open: set[str] = set()  # ids of answers that were run as they were handed out


def install() -> None:
    """Install the handler if a notebook or IPython shell is running; do nothing elsewhere."""
    try:
        shell = get_ipython()  # type: ignore[name-defined]
    except NameError:
        return
    if shell is not None and not getattr(shell, _INSTALLED, False):
        shell.set_custom_exc((NotImplementedError, NameError, CheckError), _handle)
        shell.events.register("pre_run_cell", _remember)
        shell.events.register("post_run_cell", _end_well)
        setattr(shell, _INSTALLED, True)


def _handle(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    message = unanswered(error, trace, shell.user_ns)
    by_a_person = _is_read_by_a_person(shell)
    if message is None and by_a_person and _tests().get(_running) in _open:
        message = not_attempted()  # the name it reads has a value from an example above
    if message is not None:
        if by_a_person:
            if _running and isinstance(error, NotImplementedError):
                _open.add(_running)
            _show(message)
            error.__userops_waits__ = True  # type: ignore[attr-defined]
            return
        if not isinstance(error, CheckError):
            error._render_traceback_ = lambda: box(message, "not_attempted")  # type: ignore[attr-defined]
    # Shown through IPython's own road: the kernel sends an error output, which nbgrader scores zero.
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _is_read_by_a_person(shell: Any) -> bool:
    """Whether the front end could ask for input: those that grade say that they cannot."""
    return bool(getattr(getattr(shell, "kernel", None), "_allow_stdin", False))


def _remember(info: Any) -> None:
    """Keep the id of the cell that is about to run: in a chapter's own notebook its grade id."""
    global _running
    _running = str(getattr(info, "cell_id", None) or "")


def _end_well(result: Any) -> None:
    """Let a cell that waits count as run, so that the front end goes on with the next one."""
    if getattr(getattr(result, "error_in_exec", None), "__userops_waits__", False):
        result.error_in_exec = None
    elif getattr(result, "success", False):
        _open.discard(_running)


def _show(message: str) -> None:
    from IPython.display import display

    heading = t("Not attempted yet", "还没有作答")
    lines = "<br>".join(_inline(line) for line in message.splitlines())
    html = (
        '<div style="border-left:3px solid var(--jp-border-color1,#bdbdbd);padding:.3em .8em;'
        f'color:var(--jp-ui-font-color2,#616161)"><b>○ {heading}</b><br>{lines}</div>'
    )
    plain = "\n".join(box(message, "not_attempted")).replace("\x1b[1m", "").replace("\x1b[0m", "")
    display({"text/html": html, "text/plain": plain}, raw=True)  # type: ignore[no-untyped-call]


def _inline(line: str) -> str:
    """A line as HTML, with what stands between backticks set as code."""
    parts = escape(line, quote=False).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is just a character
        return escape(line, quote=False)
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def unanswered(error: BaseException, trace: TracebackType | None, namespace: dict[str, Any]) -> str | None:
    """Return the message if ``error`` comes from an unanswered exercise, else None.

    A stub's ``raise NotImplementedError()`` counts wherever a notebook cell holds it. An undefined name counts in a
    test cell itself, and wherever it is one that an exercise of the chapter gives: a typing error in a learner's own
    code keeps its traceback.
    """
    if isinstance(error, CheckError):
        return error.message if error.state == "not_attempted" else None
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    cells = [(f, line) for f, line in frames if f.f_globals is namespace]
    if not cells or cells[-1][0] is not frames[-1][0]:
        return None
    frame, line = frames[-1]
    filename = frame.f_code.co_filename
    one_cell = {f.f_code.co_filename for f, _ in cells} == {filename}
    if isinstance(error, NotImplementedError):
        if not linecache.getline(filename, line).strip().startswith("raise NotImplementedError"):
            return None
        first = linecache.getlines(cells[0][0].f_code.co_filename)
        is_test = any("check." in text for text in first)
        number = _exercises().get(frame.f_code.co_name)
        return not_attempted() if one_cell or is_test or number is None else _waits(number)
    if not isinstance(error, NameError) or error.name is None or error.name in namespace:
        return None
    is_test = any("check." in text for text in linecache.getlines(filename))
    if one_cell and is_test:
        return undefined(error)
    number = _exercises().get(error.name)
    return None if number is None else _waits(number)


def _waits(number: str) -> str:
    return t(
        f"This cell waits for exercise {number}: answer that one, run its cell, then run this one.",
        f"本单元格在等练习 {number}：先作答并运行那个单元格，再运行本单元格。",
    )


def _exercises() -> dict[str, str]:
    """Which exercise of the running chapter a name waits for."""
    return _index().get(chapter() or "", {}).get("names", {})


def _tests() -> dict[str, str]:
    """Which answer a test cell of the running chapter tests."""
    return _index().get(chapter() or "", {}).get("tests", {})


@functools.cache
def _index() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = json.loads(_EXERCISES.read_text(encoding="utf-8"))
    return found
