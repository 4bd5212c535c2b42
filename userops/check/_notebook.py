"""Show an unanswered exercise as such in a notebook, while it stays an error for nbgrader."""

from __future__ import annotations

import linecache
from types import TracebackType
from typing import Any, Final

from userops.check._error import box, not_attempted
from userops.check._score import undefined

_INSTALLED: Final = "_userops_handler"  # an attribute of the shell, which outlives a reload of this module


def install() -> None:
    """Install the handler if a notebook or IPython shell is running; do nothing elsewhere."""
    try:
        shell = get_ipython()  # type: ignore[name-defined]
    except NameError:
        return
    if shell is not None and not getattr(shell, _INSTALLED, False):
        shell.set_custom_exc((NotImplementedError, NameError), _handle)
        setattr(shell, _INSTALLED, True)


def _handle(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    message = unanswered(error, trace, shell.user_ns)
    if message is not None:
        error._render_traceback_ = lambda: box(message, "not_attempted")  # type: ignore[attr-defined]
    # Still shown through IPython's own road: the kernel sends an error output, which nbgrader scores zero.
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def unanswered(error: BaseException, trace: TracebackType | None, namespace: dict[str, Any]) -> str | None:
    """Return the message if ``error`` comes from an unanswered exercise, else None.

    A stub's ``raise NotImplementedError()`` counts wherever a notebook cell holds it; an undefined name
    counts only in a test cell itself, so that a typing error in a learner's own code keeps its traceback.
    """
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    cells = [(f, line) for f, line in frames if f.f_globals is namespace]
    if not cells or cells[-1][0] is not frames[-1][0]:
        return None
    frame, line = frames[-1]
    filename = frame.f_code.co_filename
    if isinstance(error, NotImplementedError):
        stub = linecache.getline(filename, line).strip().startswith("raise NotImplementedError")
        return not_attempted() if stub else None
    if not isinstance(error, NameError) or error.name is None or error.name in namespace:
        return None
    one_cell = {f.f_code.co_filename for f, _ in cells} == {filename}
    is_test = any("check." in text for text in linecache.getlines(filename))
    return undefined(error) if one_cell and is_test else None
