"""``userops grade``: a whole class, whoever hands in whatever; what is shown, what is done again, what is kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import plain_executor
import pytest
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

from autograder import cli
from autograder.grading.class_report import ClassReport
from autograder.progress import Progress
from userops.errors import CourseError


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "repo")


@pytest.fixture
def small(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A copy of the small checkout, which is the current folder; the command runs the stand-in."""
    small = copy_small(template, tmp_path / "repo")
    monkeypatch.chdir(small.repo.root)
    monkeypatch.setitem(sys.modules, "autograder.engine", plain_executor)
    for name in ("USEROPS_DATA", "USEROPS_COURSE"):
        monkeypatch.delenv(name, raising=False)
    return small


def run(*arguments: str) -> int:
    return cli.main(["grade", *arguments])


# ------------------------------------------------------------------------------------------ the command


def test_a_class_is_graded_and_the_terminal_says_how_it_went(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in_class(small, 4)
    assert run("1", "--no-feedback") == 1
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("ch01_small: 5 students, 4 graded, 0 unchanged, 1 refused  (")
    assert lines[1] == "median 3 of 5 points (3 more for a reader to give)"
    assert lines[2].startswith("  refused  broken: ch01_small.ipynb is not a notebook, or is damaged")
    assert len(lines) == 3
    assert said.err.splitlines()[-1].startswith("ch01_small: 5/5 students, ")
    shutil.rmtree(small.folder / "submitted" / "broken")
    assert run("ch01", "--no-feedback") == 0
    assert capsys.readouterr().out.startswith("ch01_small: 4 students, 0 graded, 4 unchanged, 0 refused")


def test_json_is_for_scripts_and_progress_stays_out_of_it(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in_class(small, 2)
    small.hand_in("王小明", SWAPPED, "zh")
    assert run("small", "--json", "--no-feedback") == 1
    result = json.loads(capsys.readouterr().out)
    assert result["graded"] == {"student-00": 5.0, "student-01": 3.0, "王小明": 3.0}
    assert result["unchanged"] == []
    assert [r["student"] for r in result["refused"]] == ["broken"]
    assert (result["students"], result["median"], result["possible"], result["by_hand"]) == (4, 3.0, 5.0, 3.0)
    assert result["course"] == str(small.folder)


def test_the_course_may_lie_elsewhere(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.hand_in("wang")
    shutil.move(small.folder, tmp_path / "spring")
    monkeypatch.setenv("USEROPS_COURSE", str(tmp_path / "spring"))
    assert run("ch01", "--no-feedback") == 0
    assert (tmp_path / "spring" / "autograded" / "wang").is_dir()
    assert not small.folder.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ch09"], "there is no chapter “ch09”"),
        (["ch02"], "Nobody's ch02_other lies in"),
        (["ch01", "--student", "zhao"], "zhao has handed in no ch01_small"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_2(
    small: Small, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small.hand_in("wang")
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
    assert not (small.folder / "autograded").exists()


@pytest.mark.parametrize("workers", ["0", "-1", "two"])
def test_a_number_of_workers_that_makes_no_sense_is_a_usage_error(workers: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("ch01", "--workers", workers)
    assert stopped.value.code == 2


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--help")
    said = capsys.readouterr().out
    assert "userops grade ch04 --student wang li" in said
    assert "exit status: 0 everybody graded" in said
    assert "read your files" in " ".join(said.split())  # what is lost without a sandbox


def test_the_options_reach_the_engine(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Engine(plain_executor.Engine):
        def __init__(self, **options: Any) -> None:
            asked.append(options)
            super().__init__()

    monkeypatch.setattr(plain_executor, "Engine", Engine)
    small.hand_in("wang")
    assert (
        run("ch01", "--no-feedback", "--workers", "3", "--unconfined", "--scheduler", "tcp://head:8786") == 0
    )
    assert run("ch01", "--no-feedback", "--force") == 0
    assert asked == [
        {"workers": 3, "confined": False, "scheduler": "tcp://head:8786"},
        {"workers": None, "confined": True, "scheduler": None},
    ]


def test_feedback_pages_are_made_unless_one_says_no(small: Small) -> None:
    small.hand_in("wang", EVENTS, "zh")
    page = small.folder / "feedback" / "wang" / CHAPTER / f"{CHAPTER}.html"
    assert run("ch01", "--no-feedback") == 0
    assert not page.exists()
    assert run("ch01") == 0  # unchanged, and the page is still to be made
    assert "你数的是事件，要数的是人" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_made_costs_no_grade(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    small.hand_in("wang")
    (small.folder / "feedback").touch()
    assert run("ch01") == 0
    assert "  wang: " in capsys.readouterr().out
    assert small.rows("wang")["grades"]["pair_test"][0] == 3.0


# ------------------------------------------------------------------------------------------ what is done


def test_a_second_run_does_only_what_changed_and_force_does_all(small: Small) -> None:
    for name in ("a", "b", "c"):
        small.hand_in(name)
    assert sorted(small.grade().graded) == ["a", "b", "c"]
    started = plain_executor.Engine.started
    before = everything(small)
    assert sorted(small.grade().unchanged) == ["a", "b", "c"]
    assert plain_executor.Engine.started == started  # nothing to run, nothing is started
    assert everything(small) == before
    small.hand_in("b", EVENTS)  # the same time, another file
    small.hand_in("c", when="2026-03-05 08:00:00 UTC")  # the same file, another time
    report = small.grade()
    assert (report.unchanged, sorted(report.graded)) == (["a"], ["b", "c"])
    assert small.rows("c")["when"].day == 5
    assert (small.autograded("c") / "timestamp.txt").read_text(
        encoding="utf-8"
    ) == "2026-03-05 08:00:00 UTC\n"
    assert sorted(small.grade(force=True).graded) == ["a", "b", "c"]


def spoil_mark(small: Small) -> None:
    path = small.autograded("wang") / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.userops.graded = "another"
    path.chmod(0o644)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def spoil_file(small: Small) -> None:
    path = small.autograded("wang") / f"{CHAPTER}.ipynb"
    path.chmod(0o644)
    path.write_text('{"metadata": [', encoding="utf-8")


def spoil_time(small: Small) -> None:
    (small.autograded("wang") / "timestamp.txt").unlink()


def spoil_row(small: Small) -> None:
    with small.book as book:
        book.remove_submission(CHAPTER, "wang")


def spoil_score(small: Small) -> None:
    with small.book as book:
        book.find_grade("pair_test", CHAPTER, CHAPTER, "wang").auto_score = None
        book.db.commit()


def by_nbgrader(small: Small) -> None:
    """An autograded folder that stock nbgrader made carries no mark of ours."""
    path = small.autograded("wang") / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    del notebook.metadata["userops"]
    path.chmod(0o644)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


@pytest.mark.parametrize("spoil", [spoil_mark, spoil_file, spoil_time, spoil_row, spoil_score, by_nbgrader])
def test_what_is_not_known_to_be_its_grade_is_graded_again(small: Small, spoil: Any) -> None:
    small.hand_in("wang")
    small.grade()
    before = everything(small)
    spoil(small)
    assert small.grade().graded == {"wang": 5.0}
    assert everything(small) == before


def test_a_new_engine_grades_everybody_again(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.hand_in("wang")
    small.grade()
    monkeypatch.setattr(plain_executor, "VERSION", "plain 2")
    assert small.grade().graded == {"wang": 5.0}


def test_chosen_students_alone_are_graded(small: Small) -> None:
    decomposed = unicodedata.normalize("NFD", "José")
    for name in ("a", "b", decomposed):
        small.hand_in(name)
    assert sorted(small.grade("José", "b").graded) == sorted(["b", decomposed])
    assert small.grade("b").points == {"b": 5.0}


def test_students_whom_nbgraders_settings_leave_out_are_left_out(small: Small) -> None:
    for name in ("a", "b"):
        small.hand_in(name)
    path = small.repo.root / "nbgrader_config.py"
    line = '\nc.CourseDirectory.student_id_exclude = "a,x"\n'
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    assert list(small.grade().graded) == ["b"]


def test_only_known_students_where_nbgraders_settings_say_so(small: Small) -> None:
    for name in ("a", "b"):
        small.hand_in(name)
    with small.book as book:
        book.add_student("a", first_name="Ann")
    path = small.repo.root / "nbgrader_config.py"
    path.write_text(
        path.read_text(encoding="utf-8") + "\nc.Autograde.create_student = False\n", encoding="utf-8"
    )
    report = small.grade()
    assert list(report.graded) == ["a"]
    assert "No student b is in the gradebook" in report.refused[0].reason


def test_both_languages_share_one_gradebook_and_keep_their_words(small: Small) -> None:
    small.hand_in("jane", EVENTS, "en")
    small.hand_in("小明", EVENTS, "zh")
    notebook = small.answered(EVENTS, "zh")  # neither cell nor metadata say which language it is
    notebook.cells = [c for c in notebook.cells if "use_language(" not in c.source]
    del notebook.metadata["userops"]
    small.place("who").write_text(nbformat.writes(notebook), encoding="utf-8")
    assert small.grade().graded == {"jane": 3.0, "小明": 3.0, "who": 3.0}
    words = {name: small.rows(name)["comments"]["people"][0] for name in ("jane", "小明", "who")}
    assert words["小明"] == "你数的是事件，要数的是人。"
    assert words["jane"] == words["who"] == "You counted events. Count people."
    marked = nbformat.read(small.autograded("小明") / f"{CHAPTER}.ipynb", as_version=4).metadata.userops
    assert (marked.lang, marked.chapter, marked.met) == (
        "zh",
        CHAPTER,
        {"people_test": ["events"]},
    )


def test_cells_that_were_put_right_are_noted_for_the_feedback(small: Small) -> None:
    notebook = small.answered(RIGHT)
    notebook.cells = [
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "pair_test"
    ]
    small.place("wang").write_text(nbformat.writes(notebook), encoding="utf-8")
    assert small.grade().graded == {"wang": 5.0}
    graded = nbformat.read(small.autograded("wang") / f"{CHAPTER}.ipynb", as_version=4)
    assert graded.metadata.userops.changes == [["missing", "pair_test"]]


# ------------------------------------------------------------------------------------------ who is refused


def test_each_fault_costs_its_own_submission_alone(small: Small, tmp_path: Path) -> None:
    """Every kind of thing that may lie in ``submitted/``, among students who did nothing wrong."""
    honest = {"李 雷": RIGHT, "o'neil+1": SWAPPED, "Zoë": {}}
    for name, answers in honest.items():
        small.hand_in(name, answers)
    faults = ["a-link", "a-pipe", "nothing", "half", "gbk", "huge", "deep", "when", "long" * 40]
    for name in faults:
        small.hand_in(name)
    place = {name: small.place(name) for name in faults}
    text = place["half"].read_text(encoding="utf-8")
    place["a-link"].unlink()
    place["a-link"].symlink_to(small.place("Zoë"))
    place["a-pipe"].unlink()
    os.mkfifo(place["a-pipe"])
    place["nothing"].unlink()
    place["half"].write_text(text[: len(text) // 2], encoding="utf-8")
    place["gbk"].write_bytes(text.replace("count", "数").encode("gbk"))
    os.truncate(place["huge"], 10**10)
    place["deep"].write_text("[" * 10**6, encoding="utf-8")
    (place["when"].parent / "timestamp.txt").write_text("soon", encoding="utf-8")
    report = small.grade()
    assert report.graded == {"李 雷": 5.0, "o'neil+1": 3.0, "Zoë": 0.0}
    assert {refused.student for refused in report.refused} == set(faults)
    assert all("\n" not in refused.reason and not refused.kept for refused in report.refused)
    with small.book as book:  # who was refused is in no list with no points
        assert {student.id for student in book.students} == set(honest)
    assert {path.name for path in (small.folder / "autograded").iterdir()} == set(honest)


def test_a_refused_submission_keeps_the_last_good_grade_and_says_so(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    small.hand_in("wang", SWAPPED)
    small.grade()
    before = everything(small)
    small.place("wang").write_text("{", encoding="utf-8")
    (small.place("wang").parent / "timestamp.txt").write_text("2026-03-09 08:00:00 UTC\n", encoding="utf-8")
    assert run("ch01", "--force", "--no-feedback") == 1
    assert "(The grade of an earlier submission stays.)" in capsys.readouterr().out
    assert (
        everything(small) == before
    )  # with the earlier time: formgrader shows that the new one is not graded


def test_a_wrong_name_is_graded_with_a_note(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    path = small.hand_in("wang")
    path.rename(path.with_name("作业.ipynb"))
    assert run("ch01", "--no-feedback") == 0
    assert "  wang: graded 作业.ipynb in the place of ch01_small.ipynb" in capsys.readouterr().out
    assert small.grade().unchanged == ["wang"]


def broken_engine(what: str) -> Any:
    """An executor with a fault of its own."""

    class Engine(plain_executor.Engine):
        def run(self, plan: Any, jobs: Iterable[Any]) -> Iterator[Any]:
            for ran in super().run(plan, jobs):
                if ran.key != "b":
                    yield ran
                elif what == "trouble":
                    yield plain_executor.SubmissionResult(
                        "b", ran.notebook, trouble="The student process could not be started."
                    )
                elif what == "nonsense":
                    yield plain_executor.SubmissionResult("b", nbformat.from_dict({"cells": [{}]}))

    return SimpleNamespace(
        VERSION="x", chapter_plan=plain_executor.chapter_plan, Job=plain_executor.Job, Engine=Engine
    )


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("trouble", "The student process could not be started."),
        ("nonsense", "its result could not be read"),
        ("lost", "its run ended without a result"),
    ],
)
def test_a_run_that_fails_costs_its_own_submission_alone(small: Small, what: str, reason: str) -> None:
    for name in ("a", "b", "c"):
        small.hand_in(name)
    report = small.grade(executor=broken_engine(what))
    assert sorted(report.graded) == ["a", "c"]
    (refused,) = report.refused
    assert refused.student == "b"
    assert reason in refused.reason


def test_an_engine_that_cannot_start_stops_the_command_with_its_sentence(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(engine: object) -> None:
        raise CourseError("There is no bubblewrap here.")

    small.hand_in("wang")
    monkeypatch.setattr(plain_executor.Engine, "__enter__", refuse)
    assert run("ch01") == 2
    assert capsys.readouterr().err.endswith("userops grade: There is no bubblewrap here.\n")


def test_jobs_are_made_only_as_the_engine_asks_for_them(small: Small) -> None:
    """A class of 100,000 is never in memory together."""
    made: list[str] = []
    most = 0

    class Engine(plain_executor.Engine):
        def run(self, plan: Any, jobs: Iterable[Any]) -> Iterator[Any]:
            nonlocal most
            for number, job in enumerate(jobs):
                most = max(most, len(made) - number)
                yield plain_executor.run_one(plan, job)

    def job(**known: Any) -> Any:
        made.append(known["key"])
        return plain_executor.Job(**known)

    for number in range(6):
        small.hand_in(f"s{number}")
    executor = SimpleNamespace(chapter_plan=plain_executor.chapter_plan, Job=job, Engine=Engine)
    assert len(small.grade(executor=executor).graded) == 6
    assert most == 1


# ------------------------------------------------------------------------------------------ what is shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar_with_rate_and_remaining_time() -> None:
    terminal = Terminal()
    with Progress("ch01", 40, terminal) as bar:
        bar.bar.mininterval = 0
        for _ in range(3):
            bar.step()
        shown = terminal.getvalue()
    assert "3/40" in shown
    assert "student/s" in shown or "s/student" in shown
    assert "<" in shown  # elapsed<remaining


def test_elsewhere_there_are_plain_lines_now_and_then() -> None:
    stream = io.StringIO()
    with Progress("ch01", 40, stream) as bar:
        for _ in range(40):
            bar.step()
        assert stream.getvalue().count("\n") == 1  # it took no time at all: the last one alone
        bar.done = 10
        assert bar.line(20.0) == "ch01: 10/40 students, 0.5/s, 60 s left"
        assert bar.line(2000.0) == "ch01: 10/40 students, 0.005/s, 1.7 h left"
    assert "\r" not in stream.getvalue()


def test_a_students_id_cannot_paint_the_terminal() -> None:
    report = ClassReport(CHAPTER, Path("course"), notes={"\x1b[31mred\n": ["a note"]})
    assert "\x1b" not in report.summary()
    assert r"\x1b[31mred\n: a note" in report.summary()
