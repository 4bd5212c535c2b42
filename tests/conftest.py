"""What several kinds of test share: how they are dealt to two workers, and a copy of the course to write to."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT: Final = Path(__file__).resolve().parents[1]


class TogetherScheduling(LoadScopeScheduling):
    """Keeps on one worker the tests that share something costly."""

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test: tests of one group run on one worker, one after the other."""
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Name what a test shares: the one browser, a chapter's results, its file's fixtures, or nothing."""
    if nodeid.startswith("tests/browser/"):
        return "browser"
    if nodeid.startswith("tests/chapters/") and (chapter := re.search(r"\bch\d\d_\w+", nodeid)):
        return chapter[0]
    path = nodeid.split("::")[0]
    return nodeid if path.count("/") == 1 else path  # the slow tests of README and environment stand alone


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> TogetherScheduling:
    """Deal the tests by :func:`group_of` (xdist's own groups do not work with this pytest)."""
    return TogetherScheduling(config, log)


def course_files(root: Path) -> list[Path]:
    """Return the course's files, relative to ``root``: those git knows or would add, without ignored ones."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode("utf-8").split("\0")
    return [Path(name) for name in names if name and (root / name).is_file()]


def copy_course(to: Path) -> Path:
    """Copy the course, without its environment, into the new folder ``to``; returns it."""
    for name in course_files(ROOT):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)
    return to


@pytest.fixture
def course_copy(tmp_path: Path) -> Path:
    """A test's own copy of the course: what one test writes, such as answers, no other finds."""
    return copy_course(tmp_path / "course")


@pytest.fixture(scope="session")
def shared_course_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for tests that drive one JupyterLab together, and leave their answers in it."""
    return copy_course(tmp_path_factory.mktemp("copy") / "course")
