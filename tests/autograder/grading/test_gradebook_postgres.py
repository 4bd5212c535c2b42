"""The gradebook on a PostgreSQL server: the same rows as in SQLite, from a real server that the tests start.

The server is Debian's package ``postgresql`` (.ci/run installs it). It refuses to run as root, so root starts
it as the user whom the package makes. It listens on a socket in its own temporary folder and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from small_class import (
    CHAPTER,
    EVENTS,
    RIGHT,
    SWAPPED,
    Small,
    copy_small,
    everything,
    hand_in_class,
    make_template,
)
from small_course import make_small_course

from autograder.grading.course import make_course, nbgrader_settings
from autograder.grading.database_errors import GradingStoppedError
from autograder.grading.gradebook import ChapterGradebook, GradedSubmission

HERE = Path(__file__).parents[1]


def program(name: str) -> str:
    """A program of the server's, from PATH or from where Debian keeps them."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        pytest.fail(f"There is no {name}: install Debian's package postgresql (apt-get install postgresql).")
    return found


def as_who() -> list[str]:
    """How to run the server: by oneself, or, for root, as its own user."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--inh-caps=-all"]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A running server; its address without a database's name: ``postgresql+psycopg://...?host=...``."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [*as_who(), program("initdb"), "-D", str(folder / "data"), "-U", "grader", "-A", "trust", "--no-sync", "-E", "UTF8"],
            env=environment, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        log = (folder / "log").open("wb")
        running = subprocess.Popen(
            [*as_who(), program("postgres"), "-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off"],
            env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            for _ in range(600):
                with contextlib.suppress(psycopg.OperationalError):
                    psycopg.connect(f"host={folder} user=grader dbname=postgres").close()
                    break
                assert running.poll() is None, (folder / "log").read_text(encoding="utf-8")
                time.sleep(0.05)
            yield str(folder)
        finally:
            running.send_signal(signal.SIGQUIT)  # at once: nobody needs its data
            running.wait()
            log.close()


def execute(server: str, command: str) -> None:
    with psycopg.connect(f"host={server} user=grader dbname=postgres", autocommit=True) as connection:
        connection.execute(command)


@pytest.fixture(scope="module")
def template(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small checkout whose course keeps its gradebook on the server, in the database ``template_book``."""
    execute(server, "CREATE DATABASE template_book")
    repo = make_small_course(tmp_path_factory.mktemp("template") / "repo")
    point_at(repo.root, address(server, "template_book"))
    make_course(repo, repo.root / "course", "en", [CHAPTER])
    return repo.root


def address(server: str, database: str, driver: str = "postgresql+psycopg") -> str:
    return f"{driver}://grader@/{database}?host={server}"


def point_at(root: Path, url: str) -> None:
    """As an instructor does: one line in nbgrader_config.py."""
    path = root / "nbgrader_config.py"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if "db_url" not in line]
    path.write_text("\n".join([*kept, f"c.CourseDirectory.db_url = {url!r}", ""]), encoding="utf-8")


@pytest.fixture
def small(server: str, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """A copy of the checkout and of its database; the checkout is the current folder."""
    name = f"book_{time.monotonic_ns()}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE template_book")
    small = copy_small(template, tmp_path / "repo")
    small.url = address(server, name)
    point_at(small.repo.root, small.url)
    monkeypatch.chdir(small.repo.root)
    for variable in ("USEROPS_DATA", "USEROPS_COURSE"):
        monkeypatch.delenv(variable, raising=False)
    yield small
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def test_a_course_is_made_and_graded_on_the_server_as_in_a_file(small: Small, tmp_path: Path) -> None:
    in_a_file = copy_small(make_template(tmp_path / "made"), tmp_path / "file")
    for one in (small, in_a_file):
        hand_in_class(one)
        one.hand_in("王小明", SWAPPED, "zh")
        assert len(one.grade().graded) == 13
    assert everything(small) == everything(in_a_file)
    assert not (small.folder / "gradebook.db").exists()


def test_nothing_unchanged_is_graded_again_and_what_a_person_gave_survives(small: Small) -> None:
    small.hand_in("wang", EVENTS, "zh")
    small.grade()
    with small.book as book:
        book.find_grade("memo", CHAPTER, CHAPTER, "wang").manual_score = 2.5
        book.find_comment("memo", CHAPTER, CHAPTER, "wang").manual_comment = "说得好。"
        book.db.commit()
    assert small.grade().unchanged == ["wang"]
    small.hand_in("wang", RIGHT, "zh", when="2026-03-03 08:00:00 UTC")
    assert small.grade().graded == {"wang": 7.5}
    assert small.rows("wang")["grades"]["memo"] == (None, 2.5, None, True)
    assert small.rows("wang")["comments"]["memo"] == (None, "说得好。")


def test_formgrader_sees_the_class(small: Small) -> None:
    hand_in_class(small, 4)
    small.grade()
    with nbgrader_settings(small.repo, small.folder) as config:
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        assert api.get_autograded_students(CHAPTER) == {f"student-{i:02}" for i in range(4)}


def test_the_short_form_of_the_address_will_do(small: Small) -> None:
    point_at(small.repo.root, str(small.url).replace("postgresql+psycopg:", "postgresql:"))
    small.hand_in("wang")
    assert small.grade().graded == {"wang": 5.0}


def test_text_that_the_server_cannot_hold_is_made_so_that_it_can(small: Small) -> None:
    words = {"people": "a\0b\ud800"}
    with (
        nbgrader_settings(small.repo, small.folder) as config,
        ChapterGradebook(CourseDirectory(config=config), config, CHAPTER) as book,
    ):
        book.save(
            GradedSubmission("wang", small.answered(EVENTS), "2026-03-02 08:30:00 UTC", "d", "en", words)
        )
    assert small.rows("wang")["comments"]["people"] == ("ab\ufffd", None)


def test_a_server_that_goes_away_ends_in_a_sentence_and_a_rerun_completes(
    small: Small, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        small.hand_in(name)
    real = ChapterGradebook._rows

    def cut_off(book: ChapterGradebook, submission: GradedSubmission, *rest: Any) -> float:
        points = real(book, submission, *rest)
        if submission.student == "b":
            execute(
                server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'book_%'"
            )
        return points

    with monkeypatch.context() as patch:
        patch.setattr(ChapterGradebook, "_rows", cut_off)
        with pytest.raises(
            GradingStoppedError, match=r"The gradebook cannot be used .* what is graded so far is kept"
        ) as caught:
            small.grade()
    assert "\n" not in str(caught.value)
    report = small.grade()
    assert (report.unchanged, sorted(report.graded)) == (["a"], ["b", "c"])


def test_killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(
    small: Small, server: str, tmp_path: Path
) -> None:
    hand_in_class(small)
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_grading.py"), str(small.repo.root), "11", "4"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert int(done.stderr.split("killed ")[1].split()[0]) >= 5
    assert json.loads(done.stdout[done.stdout.rindex('{\n "chapter"') :])["students"] == 13
    after = everything(small)
    assert small.grade(force=True).number == 13
    assert everything(small) == after
    assert {name: rows["grades"]["people_test"][0] for name, rows in after["rows"].items()} == {
        f"student-{i:02}": (2.0, 0.0, 2.0, 0.0)[i % 4] for i in range(12)
    }


def test_an_address_that_leads_nowhere_gets_a_sentence_without_the_password(small: Small) -> None:
    point_at(small.repo.root, "postgresql+psycopg://grader:secret@127.0.0.1:1/book")
    small.hand_in("wang")
    with pytest.raises(GradingStoppedError, match="The gradebook cannot be used") as caught:
        small.grade()
    assert "secret" not in str(caught.value)
