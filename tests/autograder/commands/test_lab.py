"""``userops lab`` up to the start of the server; tests/browser and tests/test_readme.py start it for real."""

from __future__ import annotations

import json
import socket
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from small_course import make_small_course

from autograder.authoring.repository import Repository
from autograder.commands import lab as command
from autograder.jupyter import server
from userops.errors import CourseError


@pytest.fixture
def course(tmp_path: Path) -> Repository:
    return make_small_course(tmp_path / "course")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


# --- what must be there


def test_missing_notebooks_and_folders_are_made(course: Repository) -> None:
    notebook = course.notebook("ch01_small", "zh")
    built = notebook.read_text(encoding="utf-8")
    notebook.unlink()
    assert server.prepare(course) == []
    assert notebook.read_text(encoding="utf-8") == built
    assert (course.root / "course" / "exchange").is_dir()
    assert not list(course.root.rglob("*.partial"))


def test_a_learners_work_is_never_built_over(course: Repository) -> None:
    path = course.notebook("ch01_small", "en")
    mine = nbformat.read(path, as_version=4)
    mine.cells[-1].source = "my own words"
    nbformat.write(mine, path)
    before = path.read_bytes()
    server.prepare(course)
    assert path.read_bytes() == before


def test_a_chapter_that_cannot_be_built_is_named_and_the_rest_opens(course: Repository) -> None:
    course.source("ch03_broken").write_text("---\nnot: a chapter\n---\n+++ {", encoding="utf-8")
    problems = server.prepare(course)
    assert len(problems) == 1 and problems[0].startswith("ch03_broken was not built: ")
    assert course.notebook("ch02_other", "en").is_file()


def test_missing_data_are_said(course: Repository) -> None:
    (course.datasets / "users.parquet").unlink()
    with pytest.raises(CourseError, match=r"^The course's data are not in .*git checkout datasets"):
        server.prepare(course)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    # A file stands where the folder should be: that fails for an administrator, too.
    (tmp_path / "course").touch()
    with pytest.raises(CourseError, match=r"cannot be written to: copy the course to a folder of your own"):
        server.make_folder(tmp_path / "course" / "exchange")


def test_it_starts_with_the_first_chapter_or_the_one_named(course: Repository) -> None:
    assert server.start_path(course, "en", None) == Path("notebooks/en/ch01_small/ch01_small.ipynb")
    assert server.start_path(course, "zh", "ch02") == Path("notebooks/zh/ch02_other/ch02_other.ipynb")
    with pytest.raises(CourseError, match="ch09"):
        server.start_path(course, "en", "ch09")


# --- the port and the screen


def test_a_taken_port_is_said_before_anything_starts(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "serve", lambda *args, **options: pytest.fail("it was started"))
    with pytest.raises(CourseError, match=rf"^Port {taken_port} is taken by another program: choose another"):
        command.run(Namespace(chapter=None, lang="en", port=taken_port, no_browser=True))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_said(port: int) -> None:
    with pytest.raises(CourseError, match="is not a port"):
        server.require_free_port(port)


def test_a_free_port_is_accepted(taken_port: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    server.require_free_port(free)


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "10.0.0.1 22"}, "darwin", False),
        ({}, "win32", True),
    ],
)
def test_a_browser_is_opened_only_where_it_can_be_seen(
    environ: dict[str, str], platform: str, expected: bool
) -> None:
    assert server.has_screen(environ, platform) is expected


# --- JupyterLab's options and what is printed


def options(port: int | None = None) -> dict[str, str]:
    words = server.lab_arguments(Path("/course"), Path("notebooks/en/a b.ipynb"), port=port, browser=False)
    return dict(word.removeprefix("--").split("=", 1) for word in words)


def test_jupyterlab_is_local_offline_and_keeps_to_the_courses_folder() -> None:
    found = options()
    assert found["ServerApp.ip"] == "127.0.0.1"
    assert found["LabApp.news_url"] == "None"
    assert found["LabApp.check_for_updates_class"].endswith(".NeverCheckForUpdate")
    assert found["LabApp.extension_manager"] == "readonly"
    assert found["LabApp.workspaces_dir"].startswith("/course/.userops/")
    assert len(found["IdentityProvider.token"]) >= 32
    assert options()["IdentityProvider.token"] != found["IdentityProvider.token"], "a new key at every start"


def test_the_next_free_port_is_taken_unless_one_is_named() -> None:
    assert (options()["ServerApp.port"], options()["ServerApp.port_retries"]) == ("8888", "50")
    assert (options(8899)["ServerApp.port"], options(8899)["ServerApp.port_retries"]) == ("8899", "0")


def test_the_news_are_off_in_jupyterlabs_own_settings() -> None:
    path = server.SETTINGS / "labconfig" / "default_setting_overrides.json"
    found = json.loads(path.read_text(encoding="utf-8"))["@jupyterlab/apputils-extension:notification"]
    assert found == {"fetchNews": "false", "checkForUpdates": False}


def test_the_address_is_quoted() -> None:
    assert server.lab_path(Path("notebooks/zh/a b.ipynb")) == "/lab/tree/notebooks/zh/a%20b.ipynb"


@pytest.mark.parametrize(("lang", "other"), [("en", "make lab-zh"), ("zh", "make lab")])
def test_the_welcome_says_where_to_start_and_how_to_get_the_other_edition(lang: str, other: str) -> None:
    said = server.welcome("http://127.0.0.1:8888/lab?token=k", Path("notebooks/x.ipynb"), lang)
    assert "http://127.0.0.1:8888/lab?token=k" in said
    assert "notebooks/x.ipynb" in said and other in said and "Ctrl-C" in said
