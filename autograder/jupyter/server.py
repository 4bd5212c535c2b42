"""Open JupyterLab on the course, with everything in place.

Makes the notebooks and folders that are missing (never touching a notebook that is already there), starts
JupyterLab for this computer alone, prints where to start and opens a browser where there is a screen.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from autograder.authoring.repository import Repository
from userops import LANGUAGES
from userops.errors import CourseError

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

DEFAULT_PORT: Final = 8888

# The folders that nbgrader's menus in JupyterLab expect to find, and may write to.
COURSE_FOLDERS: Final = ("course", "course/exchange")

# JupyterLab's own defaults for the course (no news, no updates); see ``lab_arguments``.
SETTINGS: Final = Path(__file__).resolve().parent

# For who has no class to grade: nbgrader's menus without the instructor's panels.
LEARNERS_SETTINGS: Final = SETTINGS / "learner"


# ---------------------------------------------------------------- what must be there


def prepare(repo: Repository) -> list[str]:
    """Make the folders and the notebooks that are missing.

    Existing notebooks are left alone: they may hold a learner's work. Returns one sentence for each chapter
    that could not be built, so that an author can open the course and mend it.

    Raises:
        CourseError: the folder cannot be written to, or the course's data are not there.
    """
    for name in COURSE_FOLDERS:
        make_folder(repo.root / name)
    if not (repo.datasets / "users.parquet").is_file():
        raise CourseError(
            f"The course's data are not in {repo.datasets}: bring them back with 'git checkout datasets', "
            "or make them anew with 'userops data simulate --out datasets'."
        )
    problems = []
    for chapter in repo.chapters():
        missing = [lang for lang in LANGUAGES if not repo.notebook(chapter, lang).exists()]
        try:
            for lang in missing:
                _build_notebook(repo, chapter, lang)
        except CourseError as error:
            problems.append(f"{chapter} was not built: {error}")
    return problems


def make_folder(path: Path) -> None:
    """Make the folder ``path`` if it is missing.

    Raises:
        CourseError: it cannot be made, or no file can be made in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise CourseError(
            f"The folder {path} cannot be written to: copy the course to a folder of your own and start it there."
        )


def _build_notebook(repo: Repository, chapter: str, lang: str) -> None:
    from autograder.authoring.chapter import read_chapter
    from autograder.authoring.edition import edition, render

    text = render(edition(read_chapter(repo.source(chapter)), lang, release=True))
    target = repo.notebook(chapter, lang)
    make_folder(target.parent)
    # Written beside it and moved into place: an interrupted start leaves no half notebook.
    partial = target.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(target)


def start_path(repo: Repository, lang: str, chapter: str | None) -> Path:
    """Return what to open, relative to the repository: the chapter that ``chapter`` means, else the first one.

    Raises:
        CourseError: no chapter answers to the name.
    """
    chapters = repo.chapters()
    if chapter is not None or chapters:
        wanted = chapters[0] if chapter is None else repo.chapter(chapter)
        return repo.notebook(wanted, lang).relative_to(repo.root)
    return Path("notebooks")


def require_free_port(port: int) -> None:
    """Check that a server could listen on ``port`` of this computer.

    Raises:
        CourseError: it is taken, forbidden or no port at all.
    """
    if not 0 < port <= 65535:
        raise CourseError(
            f"{port} is not a port: choose a number from 1024 to 65535, such as {DEFAULT_PORT + 1}."
        )
    with socket.socket() as probe:
        # As the server itself does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CourseError(
                f"Port {port} is taken by another program: choose another, or leave the port out to use a free one."
            ) from None


def has_screen(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser could be shown: a display on Linux; on macOS and Windows, no remote shell."""
    if environ.get("CI") or environ.get("SSH_CONNECTION"):
        return False
    if platform.startswith("linux"):
        return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
    return True


# ---------------------------------------------------------------- JupyterLab


def lab_arguments(root: Path, start: Path, *, port: int | None, browser: bool) -> list[str]:
    """Return JupyterLab's own options for the course: local, quiet, and asking no other computer for anything."""
    state = root / ".userops" / "lab"
    options = {
        "ServerApp.root_dir": root,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port or DEFAULT_PORT,
        "ServerApp.port_retries": 0 if port else 50,
        "ServerApp.open_browser": browser,
        "ServerApp.default_url": lab_path(start),
        "LabApp.default_url": lab_path(start),
        # A key of our own keeps Jupyter from printing the address a second time, in its own words.
        "IdentityProvider.token": secrets.token_hex(24),
        # Ctrl-C stops without a question: the browser saves the notebooks, not the server.
        "ServerApp.answer_yes": True,
        "ServerApp.log_level": "ERROR",
        "LabApp.log_level": "ERROR",
        "KernelManager.transport_encryption": "auto",
        # Layout and preferences stay in the course's ignored folder, apart from the user's other Jupyters.
        "LabApp.workspaces_dir": state / "workspaces",
        "LabApp.user_settings_dir": state / "settings",
        # The course works offline: no news feed, no check for updates, no catalogue of extensions.
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Jupyter refuses root unless told. In a container there is no other user, and only this computer is served.
        options["ServerApp.allow_root"] = True
    return [f"--{name}={value}" for name, value in options.items()]


def lab_path(start: Path) -> str:
    """Return the path part of the address that opens ``start``."""
    return f"/lab/tree/{quote(start.as_posix())}"


def serve(
    root: Path, start: Path, *, lang: str, port: int | None, browser: bool, instructor: bool = False
) -> int:
    """Run JupyterLab in this process until it is stopped; returns its exit status.

    ``instructor`` shows nbgrader's panels for making, collecting and grading assignments.
    """
    os.chdir(root)  # nbgrader reads its settings from the folder that the server was started in
    _put_first("JUPYTER_CONFIG_PATH", SETTINGS)
    if not instructor:
        _put_first("JUPYTER_CONFIG_PATH", LEARNERS_SETTINGS)
    _put_first(
        "PATH", Path(sys.executable).parent
    )  # so that JupyterLab's terminal knows userops and nbgrader

    from jupyterlab.labapp import LabApp

    server = LabApp.initialize_server(argv=lab_arguments(root, start, port=port, browser=browser))
    server.io_loop.add_callback(lambda: print(welcome(address(server, start), start, lang), flush=True))
    server.start()
    return 0


def _put_first(variable: str, folder: Path) -> None:
    rest = os.environ.get(variable)
    os.environ[variable] = os.pathsep.join(filter(None, [str(folder), rest]))


def address(server: ServerApp, start: Path) -> str:
    """Return the address to open, with the key that lets only this computer's user in."""
    token = server.identity_provider.token
    query = f"?{urlencode({'token': token})}" if token else ""
    return f"http://127.0.0.1:{server.port}{server.base_url.rstrip('/')}{lab_path(start)}{query}"


def welcome(url: str, start: Path, lang: str) -> str:
    """Return what is printed once JupyterLab answers: the address, where to start, the other edition."""
    if lang == "zh":
        return f"""
课程已在 JupyterLab 中打开（中文版）。

  网址    {url}
  起点    {start.as_posix()}
  英文版  make lab（或 userops lab --lang en）
  结束    在这里按 Ctrl-C；已保存的笔记本不受影响
"""
    return f"""
The course is open in JupyterLab (English edition).

  Address   {url}
  Start in  {start.as_posix()}
  中文版    make lab-zh (or userops lab --lang zh)
  Stop      Ctrl-C here; saved notebooks stay as they are
"""
