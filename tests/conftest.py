"""What several kinds of test share: how they are dealt to two workers, and a copy of the course to write to."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

ROOT: Final = Path(__file__).resolve().parents[1]


# What one test of a folder or file takes, in seconds of the machine that CONTRIBUTING's numbers come from: the first
# that a test's id begins with. Only the order of the groups rests on it (the longest first, so that two workers end
# together), and `python tests/bench/project_suite.py JUNIT.XML` prints what a run really took.
SECONDS: Final = (
    ("tests/test_environment.py", 5.0),
    ("tests/test_readme.py", 6.0),
    ("tests/browser/", 12.0),
    ("tests/autograder/grading/test_class_end_to_end.py", 12.0),
    ("tests/autograder/engine/test_engine_agreement.py", 8.0),
    ("tests/autograder/engine/test_engine_wire.py", 0.05),
    ("tests/autograder/engine/", 1.0),
    ("tests/autograder/bank/", 0.5),
    ("tests/autograder/grading/", 0.5),
    ("tests/chapters/test_ch", 2.0),
    ("", 0.05),
)
# Files whose tests of one chapter (in one language, where that is said) share nothing with those of another.
BY_CHAPTER: Final = (
    "tests/chapters/",
    "tests/autograder/engine/test_engine_agreement.py",
    "tests/autograder/grading/test_class_end_to_end.py",
)
ANSWER: Final = 0.2  # seconds an answer of a chapter takes: a case, a reference, a blank one


class TogetherScheduling(LoadScopeScheduling):
    """Keeps on one worker the tests that share something costly, and deals the longest groups first."""

    _in_order = False

    def _split_scope(self, nodeid: str) -> str:
        """The group of a test: tests of one group run on one worker, one after the other."""
        return group_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a worker the longest group that is left."""
        if not self._in_order:
            longest_first = sorted(self.workqueue.items(), key=lambda group: -seconds_of(*group))
            self.workqueue = OrderedDict(longest_first)
            self._in_order = True
        super()._assign_work_unit(node)


def group_of(nodeid: str) -> str:
    """Name what a test shares: the one browser, a chapter's results in a language, its file's fixtures, or nothing."""
    if nodeid.startswith("tests/browser/"):
        return "browser"
    path = nodeid.split("::")[0]
    if path.startswith(BY_CHAPTER) and (chapter := re.search(r"\[(ch\d\d_\w+(?:-(?:en|zh))?)\]$", nodeid)):
        return f"{path}[{chapter[1]}]"
    return nodeid if path.count("/") == 1 else path  # the slow tests of README and environment stand alone


def seconds_of(group: str, nodeids: Iterable[str]) -> float:
    """Roughly what the tests of a group take together."""
    of_file = sum(next(each for start, each in SECONDS if nodeid.startswith(start)) for nodeid in nodeids)
    edition = re.fullmatch(r"tests/chapters/.*\[(ch\d\d_\w+)-(?:en|zh)\]", group)
    return of_file + (ANSWER * answers_of(edition[1]) if edition else 0.0)


@cache
def answers_of(chapter: str) -> int:
    """The number of cases in a chapter's source."""
    source = ROOT / "solutions" / f"{chapter}.md"
    return len(re.findall(r"^:case:", source.read_text(encoding="utf-8"), flags=re.MULTILINE))


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
