"""One writer: what nbgrader would have written, whole or not at all, and nothing a person gave is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import plain_executor
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.apps.api import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from small_class import (
    CHAPTER,
    EVENTS,
    RIGHT,
    SWAPPED,
    Small,
    cell_of,
    copy_small,
    everything,
    hand_in_class,
    make_template,
)
from sqlalchemy import event, text

from autograder.grading import gradebook, result_files
from autograder.grading.course import nbgrader_settings
from autograder.grading.database_errors import GradingStoppedError
from autograder.grading.gradebook import ChapterGradebook, GradedSubmission
from autograder.grading.result_files import ResultFiles
from userops.errors import CourseError

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template") / "repo")


@pytest.fixture
def small(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A copy of the small checkout, its gradebook included; it is the current folder."""
    small = copy_small(template, tmp_path / "repo")
    monkeypatch.chdir(small.repo.root)
    for name in ("USEROPS_DATA", "USEROPS_COURSE"):
        monkeypatch.delenv(name, raising=False)
    return small


class opened:
    """The book of a small course, as ``grade`` opens it."""

    def __init__(self, small: Small, wait: float = 60.0) -> None:
        self.small, self.wait = small, wait

    def __enter__(self) -> ChapterGradebook:
        with nbgrader_settings(self.small.repo, self.small.folder) as config:
            self.config = config
            self.coursedir = CourseDirectory(config=config)
            self.book = ChapterGradebook(self.coursedir, config, CHAPTER, wait=self.wait)
        return self.book

    def __exit__(self, *_: object) -> None:
        self.book.__exit__()


def settings(small: Small, text: str) -> None:
    """Add lines to the course's nbgrader_config.py."""
    path = small.repo.root / "nbgrader_config.py"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


# ------------------------------------------------------------------------------------------ as nbgrader


class RunPlainly(NbGraderPreprocessor):
    """In the place of the kernel: the stand-in, so that both graders see the same outputs."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        master_cells: list[Any] = []
        plan = plain_executor.ChapterPlan(CHAPTER, tuple(master_cells))
        lang = nb.metadata.userops.lang
        return plain_executor.run_one(plan, plain_executor.Job("x", nb, lang)).notebook, resources


def stock(small: Small) -> None:
    """``nbgrader autograde``, with its own steps in their own order."""
    with nbgrader_settings(small.repo, small.folder) as config:
        steps = list(config.Autograde.autograde_preprocessors)
        steps[steps.index("autograder.nbgrader_plugins.preprocessors.RunCells")] = RunPlainly
        config.Autograde.autograde_preprocessors = steps
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id = CHAPTER
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own, about SQLAlchemy
            Autograde(coursedir=coursedir, config=config).start()


def same_without_words(rows: dict[str, Any]) -> dict[str, Any]:
    """Rows without our own words: nbgrader has none but "No response."."""
    kept = {"No response.": "No response.", "没有作答。": "No response."}
    comments = {name: (kept.get(auto), manual) for name, (auto, manual) in rows["comments"].items()}
    return {**rows, "comments": comments}


LATE = """
c.LateSubmissionPlugin.penalty_method = "zero"
"""


@pytest.mark.parametrize("plugin", ["", LATE])
def test_the_rows_are_nbgraders_own(small: Small, tmp_path: Path, plugin: str) -> None:
    """Scores, what waits for a reader, lateness, comments: row by row what stock nbgrader writes."""
    settings(small, plugin)
    with small.book as book:
        book.update_or_create_assignment(CHAPTER, duedate="2026-03-02 00:00:00 UTC")
    hand_in_class(small, 8)
    small.hand_in("early", when="2026-03-01 23:59:59 UTC")
    shutil.rmtree(small.folder / "submitted" / "broken")
    theirs = Small(type(small.repo)(Path(shutil.copytree(small.repo.root, tmp_path / "theirs"))))
    stock(theirs)
    small.grade()
    with small.book as mine, theirs.book as other:
        names = sorted(s.id for s in mine.students)
        assert names == sorted(s.id for s in other.students)
        assert mine.find_submission(CHAPTER, "student-00").total_seconds_late == 8.5 * 3600
    assert len(names) == 9
    for name in names:
        assert same_without_words(small.rows(name)) == theirs.rows(name)
    assert small.rows("student-00")["late"] == (5.0 if plugin else None)
    assert small.rows("early")["late"] is None
    for name in names:  # the notebooks say the same, but for our mark and the words a cell carries
        mine, other = (
            nbformat.read(one.autograded(name) / f"{CHAPTER}.ipynb", as_version=4) for one in (small, theirs)
        )
        assert mine.metadata.kernelspec == other.metadata.kernelspec
        assert [(c.cell_type, c.source, c.get("outputs")) for c in mine.cells] == [
            (c.cell_type, c.source, c.get("outputs")) for c in other.cells
        ]
        assert [c.metadata.nbgrader for c in mine.cells if "nbgrader" in c.metadata] == [
            {k: v for k, v in c.metadata.nbgrader.items() if k != "cell_type"}
            for c in other.cells
            if "nbgrader" in c.metadata
        ]
        times = [
            (one.autograded(name) / "timestamp.txt").read_text(encoding="utf-8") for one in (small, theirs)
        ]
        assert times[0] == times[1]


def test_formgrader_sees_everybody_as_autograded(small: Small) -> None:
    hand_in_class(small, 4)
    small.grade()
    with nbgrader_settings(small.repo, small.folder) as config:
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        assert api.get_autograded_students(CHAPTER) == {f"student-{i:02}" for i in range(4)}
        found = {s["student"]: s for s in api.get_submissions(CHAPTER)}
        assert found["student-00"]["autograded"]
        assert found["student-00"]["needs_manual_grade"]
        assert found["student-00"]["score"] == 5
        assert not found["broken"]["autograded"]
        shown = {s["student"]: s for s in api.get_notebook_submissions(CHAPTER, CHAPTER)}
        assert shown["student-01"]["failed_tests"]
        assert not shown["student-00"]["failed_tests"]


def test_the_gradebooks_comments_carry_the_words_in_the_students_language(small: Small) -> None:
    small.hand_in("wang", EVENTS, "zh")
    small.hand_in("jane", EVENTS)
    small.hand_in("right")
    small.hand_in("nobody", {}, "zh")
    small.grade()
    assert small.rows("wang")["comments"]["people"] == ("你数的是事件，要数的是人。", None)
    assert small.rows("jane")["comments"]["people"] == ("You counted events. Count people.", None)
    assert set(small.rows("right")["comments"].values()) == {(None, None)}
    assert set(small.rows("nobody")["comments"].values()) == {("没有作答。", None)}


# ------------------------------------------------------------------------------------------ by hand


def test_what_a_person_gave_survives_grading_again(small: Small) -> None:
    small.hand_in("wang", SWAPPED)
    small.grade()
    with small.book as book:
        memo, test = (book.find_grade(name, CHAPTER, CHAPTER, "wang") for name in ("memo", "pair_test"))
        memo.manual_score, memo.needs_manual_grade = 2.5, False
        test.manual_score, test.extra_credit, test.needs_manual_grade = 2.0, 0.5, False
        book.find_comment("memo", CHAPTER, CHAPTER, "wang").manual_comment = "Well said. 说得好。"
        book.find_comment("pair", CHAPTER, CHAPTER, "wang").manual_comment = "See me."
        book.find_student("wang").first_name = "小明"
        book.db.commit()
    small.hand_in("wang", EVENTS, when="2026-03-03 08:00:00 UTC")
    report = small.grade()
    rows = small.rows("wang")
    assert rows["grades"]["memo"] == (None, 2.5, None, True)  # looked at again: the answer is another one
    assert rows["grades"]["pair_test"] == (3.0, 2.0, 0.5, True)
    assert rows["grades"]["people_test"] == (0.0, None, None, False)
    assert rows["comments"]["memo"][1] == "Well said. 说得好。"
    assert rows["comments"]["pair"][1] == "See me."
    assert report.graded == report.points == {"wang": 5.0}  # 2.5 + 2 + 0.5
    with small.book as book:
        assert book.find_student("wang").first_name == "小明"
        assert book.find_submission(CHAPTER, "wang").score == 5.0


def test_an_extension_counts(small: Small) -> None:
    settings(small, LATE)
    with small.book as book:
        book.update_or_create_assignment(CHAPTER, duedate="2026-03-02 00:00:00 UTC")
    small.hand_in("wang")
    small.grade()
    assert small.rows("wang")["late"] == 5.0
    with small.book as book:
        book.grant_extension(CHAPTER, "wang", days=1)
    assert small.grade(force=True).graded == {"wang": 5.0}
    assert small.rows("wang")["late"] is None


PLUGIN = """
from nbgrader.plugins import BasePlugin

class Own(BasePlugin):
    def late_submission_penalty(self, student_id, score, seconds):
        return {"much": 99, "less": -1, "none": None, "half": score / 2}.get(student_id) if student_id != "fails" else 1 / 0
"""


def test_a_plugin_of_ones_own_costs_between_nothing_and_everything(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_penalty.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings(small, '\nc.AssignLatePenalties.plugin_class = "own_penalty.Own"\n')
    with small.book as book:
        book.update_or_create_assignment(CHAPTER, duedate="2026-03-02 00:00:00 UTC")
    for name in ("much", "less", "none", "half", "fails"):
        small.hand_in(name)
    report = small.grade()
    assert report.graded == {"much": 0.0, "less": 5.0, "none": 5.0, "half": 2.5}
    assert report.points == report.graded
    (refused,) = report.refused
    assert "late penalty could not be worked out (ZeroDivisionError" in refused.reason


@pytest.mark.parametrize(
    ("outputs", "score"),
    [
        ([], 3.0),
        ([new_output("execute_result", data={"text/plain": "np.float64(1.5)"})], 1.5),
        ([new_output("execute_result", data={"text/plain": "7"})], 3.0),
        ([new_output("execute_result", data={"text/plain": "-inf"})], 0.0),
        ([new_output("execute_result", data={"text/plain": "nan"})], 0.0),
        ([new_output("execute_result", data={"text/plain": "False"})], 0.0),
        ([new_output("execute_result", data={"text/plain": "a table"})], 3.0),
        ([new_output("execute_result", data={"text/html": "<b>"})], 3.0),
        ([new_output("stream", name="stderr", text="careful")], 3.0),
        ([new_output("error", ename="E", evalue="", traceback=[])], 0.0),
    ],
)
def test_a_score_is_a_plain_float_within_the_points(small: Small, outputs: list[Any], score: float) -> None:
    with opened(small) as book:
        notebook = small.answered(RIGHT)
        cell_of(notebook, "pair_test").outputs = outputs
        book.save(GradedSubmission("wang", notebook, "2026-03-02 08:30:00 UTC", "digest", "en"))
    assert small.rows("wang")["grades"]["pair_test"][0] == score
    with sqlite3.connect(small.folder / "gradebook.db") as raw:
        assert {type(value) for (value,) in raw.execute("select auto_score from grade")} <= {
            float,
            type(None),
        }
    raw.close()


# ------------------------------------------------------------------------------------------ whole or not


def test_a_submission_is_one_transaction(small: Small) -> None:
    commits: list[object] = []
    with opened(small) as book:
        event.listen(book.gradebook.engine, "commit", commits.append)
        for number in (1, 2):
            book.save(
                GradedSubmission(
                    f"s{number}", small.answered(RIGHT), "2026-03-02 08:30:00 UTC", "digest", "en"
                )
            )
            assert len(commits) == number


def test_a_result_that_lacks_a_test_is_not_written_down(small: Small) -> None:
    with opened(small) as book:
        notebook = small.answered(RIGHT)
        notebook.cells.remove(cell_of(notebook, "pair_test"))
        with pytest.raises(CourseError, match="its result lacks the cell pair_test"):
            book.save(GradedSubmission("wang", notebook, "2026-03-02 08:30:00 UTC", "digest", "en"))
        assert book.done() == {}


def test_text_that_a_database_cannot_hold_is_made_so_that_it_can(small: Small) -> None:
    with opened(small) as book:
        book.save(
            GradedSubmission(
                "wang", small.answered(EVENTS), "2026-03-02 08:30:00 UTC", "d", "en", {"people": "a\0b\ud800"}
            )
        )
    assert small.rows("wang")["comments"]["people"] == ("ab\ufffd", None)


def test_half_a_character_that_was_printed_costs_nothing(small: Small) -> None:
    notebook = small.answered(RIGHT)
    cell_of(notebook, "pair").outputs = [new_output("stream", name="stdout", text="\ud83d")]
    with opened(small) as book:
        assert book.save(GradedSubmission("wang", notebook, "2026-03-02 08:30:00 UTC", "d", "en")) == 5.0
        assert book.files.is_graded("wang", "2026-03-02 08:30:00 UTC", "d")


class Killed(BaseException):
    """The process is gone: nothing catches this."""


POINTS = [
    (ResultFiles, "write"),
    (ChapterGradebook, "_rows"),
    (ChapterGradebook, "_record"),
    (ResultFiles, "put"),
    (Path, "rename"),
]


@pytest.mark.parametrize(("owner", "point"), POINTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_stopped_between_any_two_steps_a_rerun_completes(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, point: str, when: str
) -> None:
    """``wang`` comes again; everything after the point does not happen, tidying up neither."""
    small.hand_in("wang", EVENTS)
    small.grade()
    small.hand_in("wang", SWAPPED, when="2026-03-03 08:30:00 UTC")
    small.hand_in("zhang")
    other = Small(type(small.repo)(Path(shutil.copytree(small.repo.root, tmp_path / "other"))))
    other.grade()
    real = getattr(owner, point)

    def stopped(*args: Any) -> None:
        if when == "after":
            real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, point, stopped)
        patch.setattr(result_files.shutil, "rmtree", lambda *args, **kwargs: None)
        with pytest.raises(Killed):
            small.grade()
    moved = when == "after" and point in ("put", "rename")  # what is left to do is not grading
    assert small.grade().graded.keys() == ({"zhang"} if moved else {"wang", "zhang"})
    assert everything(small) == everything(other)


def test_killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(small: Small, tmp_path: Path) -> None:
    """The real command, killed by SIGKILL between any two steps and at random moments, then run to its end."""
    hand_in_class(small)
    other = Small(type(small.repo)(Path(shutil.copytree(small.repo.root, tmp_path / "other"))))
    done = subprocess.run(
        [sys.executable, str(HERE / "killed_grading.py"), str(small.repo.root), "7", "8"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr  # one of the class is refused
    assert int(done.stderr.split("killed ")[1].split()[0]) >= 9
    report = json.loads(done.stdout[done.stdout.rindex('{\n "chapter"') :])
    assert len(report["graded"]) + len(report["unchanged"]) == 12
    other.grade()
    assert everything(small) == everything(other)


def test_a_gradebook_put_back_from_a_backup_is_filled_again(small: Small, tmp_path: Path) -> None:
    shutil.copy(small.folder / "gradebook.db", tmp_path)
    small.hand_in("wang")
    small.grade()
    shutil.copy(tmp_path / "gradebook.db", small.folder)
    assert small.grade().graded == {"wang": 5.0}


# ------------------------------------------------------------------------------------------ locked, full


def test_a_locked_database_is_waited_for(small: Small) -> None:
    small.hand_in("wang")
    holder = sqlite3.connect(small.folder / "gradebook.db", check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    released = threading.Timer(0.4, lambda: (holder.rollback(), holder.close()))
    released.start()
    assert small.grade().graded == {"wang": 5.0}
    released.join()


def test_a_database_that_stays_locked_ends_in_a_sentence_and_a_rerun_completes(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.hand_in("wang")
    monkeypatch.setattr(gradebook.ChapterGradebook.__init__, "__kwdefaults__", {"wait": 0.2})
    holder = sqlite3.connect(small.folder / "gradebook.db")
    holder.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(
            GradingStoppedError, match=r"by another program, and was not free within 0\.2 seconds"
        ):
            small.grade()
        assert not (small.autograded("wang")).exists()
        assert list((small.folder / "autograded" / "wang").iterdir()) == []
    finally:
        holder.rollback()
        holder.close()
    assert small.grade().graded == {"wang": 5.0}


def test_a_full_disk_ends_in_a_sentence_and_a_rerun_completes(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.hand_in("a")
    small.hand_in("b")
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == f"{CHAPTER}.ipynb" and path.parent.parent.name == "b":
            real(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(GradingStoppedError, match=r"The disk that holds .* is full: free some space"):
            small.grade()
    assert list((small.folder / "autograded" / "b").iterdir()) == []
    assert small.grade().graded == {"b": 5.0}


def test_a_database_without_space_ends_in_a_sentence_and_a_rerun_completes(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own refusal, with a real limit to its file."""
    hand_in_class(small)
    real = ChapterGradebook._rows

    def limited(book: ChapterGradebook, submission: GradedSubmission, *rest: Any) -> float:
        pages = book.gradebook.db.execute(text("PRAGMA page_count")).scalar()
        book.gradebook.db.execute(text(f"PRAGMA max_page_count = {pages}"))
        book.gradebook.db.commit()
        return real(book, submission, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ChapterGradebook, "_rows", limited)
        with pytest.raises(GradingStoppedError, match=r"The disk that holds .* is full"):
            small.grade()
    report = small.grade()
    assert len(report.graded) + len(report.unchanged) == 12
    assert [r.student for r in report.refused] == ["broken"]


def test_a_chapter_is_graded_by_one_program_at_a_time(small: Small) -> None:
    small.hand_in("wang")
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(small.folder / f".grading-{CHAPTER}.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(GradingStoppedError, match="is being graded by another program already"):
            small.grade()
        other.kill()
    assert small.grade().graded == {"wang": 5.0}


# ------------------------------------------------------------------------------------------ no course


def no_gradebook(small: Small) -> None:
    (small.folder / "gradebook.db").unlink()


def no_chapter(small: Small) -> None:
    with small.book as book:
        book.remove_assignment(CHAPTER)


def no_source(small: Small) -> None:
    shutil.rmtree(small.folder / "source")


def another_source(small: Small) -> None:
    path = small.folder / "source" / CHAPTER / f"{CHAPTER}.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("isinstance(first, int)", "first"), encoding="utf-8"
    )


def no_database(small: Small) -> None:
    (small.folder / "gradebook.db").write_bytes(b"not a database, but long enough to be read as one" * 99)


def two_notebooks(small: Small) -> None:
    with small.book as book:
        book.add_notebook("extra", CHAPTER)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (no_gradebook, "There is no gradebook .*: make it with `userops course`"),
        (no_chapter, f"has no {CHAPTER}: add it with `userops course {CHAPTER}`"),
        (no_source, f"cannot be read: make it again with `userops course {CHAPTER}`"),
        (another_source, "and the gradebook do not fit: run `nbgrader generate_assignment"),
        (no_database, "The gradebook cannot be used"),
        (two_notebooks, r"has more notebooks than its own \(extra\)"),
    ],
)
def test_a_course_that_cannot_be_graded_by_gets_a_sentence(
    small: Small, change: Callable[[Small], None], sentence: str
) -> None:
    small.hand_in("wang")
    change(small)
    with pytest.raises(CourseError, match=sentence) as caught:
        small.grade()
    assert "\n" not in str(caught.value)
    assert not (small.folder / "autograded").exists()
