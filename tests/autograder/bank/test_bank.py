"""Hands in faulty and dishonest notebooks, all through one engine, honest ones between them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from bank_altered import ALTERED
from bank_course import FULL, SECRETS, Case, master_cells, notebook
from bank_faults import FAULTS
from bank_lies import LIES
from bank_reach import REACH
from nbgrader.utils import determine_grade

from autograder.engine import Engine, Job, Limits, SubmissionResult, chapter_plan
from autograder.grading.outcomes import complaints, hide_tests
from autograder.grading.outcomes import test_counts as counts_of_tests
from autograder.notebooks.restore import restore
from autograder.notebooks.scoring import normalise_outcome

ROOT: Final = Path(__file__).resolve().parents[3]
LIMITS: Final = Limits(cell_seconds=1.5, submission_seconds=30, cpu_seconds=30, memory_mb=512, message_mb=64)
# Many cases hang, and each costs its cell's seconds; on a machine that has much else to do, an honest cell may take
# as long. What was stopped for that, and should not have been, runs again with time enough.
PATIENT: Final = replace(LIMITS, cell_seconds=60, submission_seconds=300)
CASES: Final = [*FAULTS, *ALTERED, *LIES, *REACH]
EVERY: Final = 4  # cases, then a neighbour
SHARED: Final = (Path("/tmp"), Path("/dev/shm"))
CANARY: Final = "CANARY-5a1d"  # stands in the environment, and in files beside the course


@dataclass
class Graded:
    """What came of a submission: the run, the points of each exercise, all that its learner may see."""

    ran: SubmissionResult
    points: dict[str, float]
    seen: str


@dataclass
class Bank:
    """What came of all of them, and what stood outside before and after."""

    graded: dict[str, Graded]
    before: dict[str, str]
    after: dict[str, str]
    left: list[str]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    beside = tmp_path_factory.mktemp("beside")
    (beside / "gradebook.db").write_text(CANARY, encoding="utf-8")
    shared = [canary(folder) for folder in SHARED]
    os.environ["BANK_SECRET"] = CANARY
    before = standing(beside, shared)
    made = chapter_plan("ch99_bank", master_cells())
    try:
        with Engine(workers=2, limits=LIMITS) as engine:
            graded = {ran.key: judged(ran) for ran in engine.run(made, jobs(str(beside)))}
            time.sleep(0.2)
            left = outliving()
        if again := {key for key in graded if was_stopped_too_early(key, graded[key])}:
            with Engine(workers=2, limits=PATIENT) as engine:
                some = (job for job in jobs(str(beside)) if job.key in again)
                graded |= {ran.key: judged(ran) for ran in engine.run(made, some)}
        yield Bank(graded, before, standing(beside, shared), left)
    finally:
        del os.environ["BANK_SECRET"]
        for path in shared:
            path.unlink(missing_ok=True)


def jobs(beside: str) -> Iterator[Job]:
    """Every case, and between them honest neighbours."""
    for number, case in enumerate(CASES):
        case = replace(
            case,
            answers={
                k: v.replace("@BESIDE@", beside).replace("@ROOT@", str(ROOT)) for k, v in case.answers.items()
            },
        )
        pairs = [(case.name, case.notebook())]
        if number % EVERY == EVERY - 1 or number == len(CASES) - 1:
            pairs.append((f"after {number // EVERY}", notebook({})))
        for key, handed_in in pairs:
            restore(handed_in, master_cells())
            yield Job(key, handed_in, case.lang)


def was_stopped_too_early(key: str, graded: Graded) -> bool:
    """Whether the clock took points that this submission should have."""
    expected = next((case.expected() for case in CASES if case.name == key), FULL)
    short = any(graded.points[name] < points for name, points in expected.items())
    return short and any("took too long" in note for note in graded.ran.notes)


def judged(ran: SubmissionResult) -> Graded:
    """Read points and what is seen, as grading and feedback do."""
    points, texts = {}, [ran.trouble or "", *ran.notes, json.dumps(dict(ran.misconceptions_met))]
    counts = counts_of_tests(ran.notebook)
    for cell in ran.notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("grade"):
            normalise_outcome(cell)
            given, most = determine_grade(cell)
            points[meta["grade_id"].removesuffix("_test")] = most if given is None else given
            texts += [f"{item.message} {item.where}" for item in complaints(cell, counts)]
    hide_tests(ran.notebook)
    texts += [json.dumps(cell.get("outputs", []), ensure_ascii=False) for cell in ran.notebook.cells]
    return Graded(ran, points, "\n".join(texts))


def canary(folder: Path) -> Path:
    """Make a file that holds a secret in a folder that every user of this computer may write to."""
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, prefix="bank-canary-", delete=False, encoding="utf-8"
    ) as file:
        file.write(CANARY)
    return Path(file.name)


def standing(beside: Path, shared: list[Path]) -> dict[str, str]:
    """Files outside that no submission may touch -> size, time and (for small ones) content."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    here = Path(__file__).parent
    paths = [ROOT / name for name in tracked.splitlines()] + sorted(beside.rglob("*"))
    paths += [*shared, Path("/proc/sys/kernel/core_pattern")]
    mine = ("userops/", "datasets/", "notebooks/", "solutions/")
    found = {}
    for path in paths:
        # Colleagues may be at work on tests and code beside this run; nobody edits what a course is made of.
        relative = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        if path.is_file() and (not relative or relative.startswith(mine) or here in path.parents):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    for place in map(str, (*SHARED, Path.home(), ROOT)):
        found[place] = "\n".join(sorted(n for n in os.listdir(place) if "attack" in n))  # noqa: PTH208
    return found


def outliving() -> list[str]:
    """Names of processes that descend from this one's fork servers, besides these."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            name, rest = stat[: stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
            children.setdefault(int(rest[1]), []).append(int(entry.name))
            names[int(entry.name)] = name.split("(", 1)[1]
    # us -> bwrap -> bwrap (first process of its namespace) -> the fork server -> forks
    depth, level, all_of_them = 0, [os.getpid()], []
    while level:
        level = [child for pid in level for child in children.get(pid, [])]
        if depth == 0:
            level = [pid for pid in level if names[pid] == "bwrap"]
        depth += 1
        all_of_them.append([f"{pid} {names[pid]}" for pid in level])
    return [name for level_ in all_of_them[3:] for name in level_]


def test_the_bank_is_large() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 75
    assert all(len(group) >= 15 for group in (FAULTS, ALTERED, LIES, REACH))


def points(bank: Bank, case: Case) -> None:
    """None earns a point that it did not earn, and what was earned beside the attack is kept."""
    graded = bank.graded[case.name]
    assert graded.ran.trouble is None
    got = {name: graded.points[name] for name in case.expected()}
    assert got == case.expected(), f"{case.tries}: {graded.ran.notes}"
    for name, most in case.at_most.items():
        assert 0 <= graded.points[name] <= most


def neighbour(bank: Bank, case: Case) -> None:
    """The honest submission that comes next gets all its points."""
    graded = bank.graded[f"after {CASES.index(case) // EVERY}"]
    assert (graded.ran.trouble, graded.ran.notes, graded.points) == (None, (), FULL)


def nothing_learnt(bank: Bank, case: Case) -> None:
    """Nothing that a learner sees holds a secret of a hidden test, of the host, or of the course."""
    seen = bank.graded[case.name].seen
    for secret in (*SECRETS, CANARY, "BEGIN SOLUTION", *case.never):
        place = seen.find(secret)
        assert place < 0, f"{case.tries}: …{seen[max(place - 200, 0) : place + 100]}…"
    for text in case.says:
        assert text in seen


def within_its_limits(bank: Bank, case: Case) -> None:
    """It has been ended, and had no more of the processor than one submission may have."""
    assert bank.graded[case.name].ran.cpu < case.slow


VIEWS: Final = (points, neighbour, nothing_learnt, within_its_limits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_does_no_harm(bank: Bank, case: Case) -> None:
    failed = []
    for view in VIEWS:
        try:
            view(bank, case)
        except AssertionError as error:
            failed.append(f"{view.__name__}: {view.__doc__}\n{error}")
    assert not failed, "\n\n".join(failed)


def test_nothing_acts_in_a_browser(bank: Bank) -> None:
    """Whoever looks at an executed notebook runs nothing of its author's, and loads nothing."""
    shown = [
        str(value)
        for graded in bank.graded.values()
        for cell in graded.ran.notebook.cells
        for output in cell.get("outputs", [])
        for mime, value in output.get("data", {}).items()
        if mime not in ("text/plain", "image/png")
    ]
    assert any("<table" in text for text in shown)
    for text in shown:
        assert not re.search(
            r"(?i)<(?:script|iframe|svg|form|link|object|embed)|<[^>]*\son\w+\s*=|src=.?[^d]|url\(", text
        )


def test_nothing_changed_outside(bank: Bank) -> None:
    changed = [path for path in bank.before if bank.before[path] != bank.after.get(path)]
    assert not changed


def test_nothing_outlives(bank: Bank) -> None:
    assert bank.left == []
