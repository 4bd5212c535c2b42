"""The READMEs keep what they promise: their commands run, their links lead somewhere, both say the same."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from autograder.authoring.course_map import course_map, with_map
from autograder.authoring.repository import chapter_paths
from autograder.environment import bootstrap
from userops.errors import CourseError

ROOT: Final = Path(__file__).resolve().parents[1]
READMES: Final = {"en": "README.md", "zh": "README.zh.md"}


def text_of(lang: str) -> str:
    return (ROOT / READMES[lang]).read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """The lines of the fenced console blocks, in order."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


# ---------------------------------------------------------------- what is written


def test_both_readmes_give_the_same_commands() -> None:
    chinese = [
        line.replace("make lab-zh", "make lab").replace("--lang zh", "--lang en")
        for line in commands(text_of("zh"))
    ]
    assert chinese == commands(text_of("en"))
    assert {"make lab", "make test", "userops check ch01", "userops build"} <= set(chinese)


@pytest.mark.parametrize("lang", READMES)
def test_it_opens_with_what_one_gets_a_picture_and_the_commands(lang: str) -> None:
    text = text_of(lang)
    badges = re.findall(r"https://mybinder\.org/v2/gh/\S+?(?=\))", text)
    picture = text.index("![", text.index("\n", text.rindex("mybinder.org")))
    assert len(badges) == 2
    assert text.index(badges[0]) < picture < text.index("```bash")
    repository = re.search(r"git clone https://github\.com/(\S+?)\.git", text)
    assert repository is not None
    for badge in badges:
        parts = urlsplit(badge)
        assert parts.path == f"/v2/gh/{repository[1]}/HEAD"
        opened = parse_qs(parts.query)["urlpath"][0].removeprefix("lab/tree/")
        assert (ROOT / opened).is_file(), f"Binder would open {opened}, which is not there"


@pytest.mark.parametrize("name", [*READMES.values(), "CONTRIBUTING.md"])
def test_links_inside_the_course_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("lang", READMES)
def test_the_picture_is_small_and_readable(lang: str) -> None:
    path = ROOT / "solutions" / "figures" / f"readme-lab-{lang}.png"
    assert f"({path.relative_to(ROOT).as_posix()})" in text_of(lang)
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        assert picture.width >= 1000


@pytest.mark.parametrize("lang", READMES)
def test_the_map_of_the_course_is_fresh(lang: str) -> None:
    text = text_of(lang)
    assert with_map(text, course_map(ROOT, lang)) == text, "run: make build"
    for path in chapter_paths(ROOT):
        assert f"(notebooks/{lang}/{path.stem}/{path.stem}.ipynb)" in text


def test_a_stale_map_and_a_missing_place_are_noticed() -> None:
    text = text_of("en")
    assert with_map(text.replace("| minutes |", "| hours |"), course_map(ROOT, "en")) == text
    with pytest.raises(CourseError, match="place for the map"):
        with_map("# A README without marks", course_map(ROOT, "en"))


# ---------------------------------------------------------------- what runs


class Console:
    """A newcomer's console: a folder, an environment, and the commands that change them."""

    def __init__(self, folder: Path, home: Path, origin: Path, address: str) -> None:
        self.folder = folder
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("MAKE", "JUPYTER", "PYTEST", "USEROPS")) and k != "ARGS"
        }
        for variable in ("DISPLAY", "WAYLAND_DISPLAY", "PYTHONPATH", "VIRTUAL_ENV"):
            kept.pop(variable, None)
        self.environment = kept | {
            "HOME": str(home),
            "CI": "true",  # no browser window
            # `git clone https://...` brings this checkout instead.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{origin}.insteadOf",
            "GIT_CONFIG_VALUE_0": address,
        }

    def run(self, command: str) -> str:
        """Run one command as it stands; returns what it printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, f"`{command}` ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def go(self, command: str) -> str:
        self.folder = self.folder / shlex.split(command)[1]
        return ""

    def activate(self, command: str) -> str:
        self.environment["PATH"] = self.run(f'{command} && printf %s "$PATH"')
        return ""

    def serve(self, command: str) -> str:
        """Run a command that serves until it is stopped: wait for its address, ask it, stop it."""
        server = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        # A server that says nothing would be waited for without end.
        too_late = threading.Timer(180, os.killpg, (server.pid, signal.SIGKILL))
        too_late.start()
        said: list[str] = []
        try:
            assert server.stdout is not None
            with server.stdout as lines:
                for line in lines:
                    said.append(line)
                    if found := re.search(r"http://\S+", line):
                        with urllib.request.urlopen(found[0], timeout=60) as answer:
                            assert answer.status == 200
                        os.killpg(server.pid, signal.SIGTERM)
        finally:
            too_late.cancel()
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        printed = "".join(said)
        assert "http://" in printed, f"`{command}` gave no address:\n{printed}"
        assert "Traceback" not in printed and "ERROR" not in printed
        return printed


def lend_environment(course: Path) -> None:
    """Give a clone this checkout's environment, finished and current, instead of making another."""
    venv = course / ".venv"
    venv.mkdir()
    for part in (ROOT / ".venv").iterdir():
        if part.name != ".ready":
            (venv / part.name).symlink_to(part)
    (venv / ".ready").write_text(bootstrap.stamp_text(course), encoding="utf-8")


@pytest.fixture
def console(course_copy: Path, tmp_path: Path) -> Console:
    """A console in an empty folder, from where the course can be cloned."""
    origin, home, folder = tmp_path / "origin", tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    address = commands(text_of("en"))[0].split()[2]
    console = Console(folder, home, origin, address)
    git = f"git --git-dir={origin} --work-tree={course_copy} -c user.name=Test -c user.email=test@example.org"
    console.run(f"git init --quiet --bare {origin} && git --git-dir={origin} config core.bare false")
    console.run(f"{git} add --all && {git} commit --quiet --message Course")
    return console


def test_the_commands_of_the_readme_run_in_their_order(console: Console) -> None:
    special: dict[str, Callable[[str], str]] = {
        "cd ": console.go,
        "source ": console.activate,
        "make lab": console.serve,
        # Not the whole suite within itself: what it would run.
        "make test": lambda command: console.run(command.replace("make", "make -n")),
    }
    said = {}
    for command in commands(text_of("en")):
        if command.startswith("nbgrader collect"):
            # In between, a student hands in: in JupyterLab's Assignment List, or by these two.
            console.run("nbgrader fetch_assignment ch01_metrics && nbgrader submit ch01_metrics")
        act = next((act for start, act in special.items() if command.startswith(start)), console.run)
        said[command] = act(command)
        if command.startswith("git clone"):
            lend_environment(console.folder / "userops-course")

    assert "notebooks/en/ch00_orientation/ch00_orientation.ipynb" in said["make lab"]
    assert "pytest" in said["make test"]
    grades = (console.folder / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("ch01_metrics,") for line in grades)

    chinese = console.serve("make lab-zh")
    assert "notebooks/zh/ch00_orientation/ch00_orientation.ipynb" in chinese
    assert "make lab-zh" in commands(text_of("zh"))
