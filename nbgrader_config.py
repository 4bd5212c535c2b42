"""nbgrader's settings: every nbgrader command, and JupyterLab's nbgrader menus, read this from the repository root.

An instructor's whole working state lives in the git-ignored folder ``course/``.
"""

from pathlib import Path

c = get_config()  # noqa: F821  (nbgrader puts it there)

_course = Path(__file__).resolve().parent / "course"
_exchange = _course / "exchange"
# The JupyterLab menus fail with "exchange not found" rather than make the folder themselves.
try:
    _exchange.mkdir(parents=True, exist_ok=True)
except OSError:
    # A read-only checkout can still be read, and validated; nbgrader names the folder when it needs it.
    pass

c.CourseDirectory.root = str(_course)
c.CourseDirectory.course_id = "userops"
c.Exchange.root = str(_exchange)
c.Exchange.cache = str(_course / "cache")
