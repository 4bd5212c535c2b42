"""A class, for real, through stock nbgrader: release, hand in, collect, autograde, feedback, CSV.

The students' notebooks are the learner's notebooks in both languages, filled in with the chapter's own cases,
whose points the authors declare (and tests/chapters proves). Every nbgrader command is the real program, run
from the repository's root on a course in a temporary folder.
"""

from __future__ import annotations

import copy
import csv
import html
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import ExchangeSubmit
from traitlets.config import Config

from autograder.authoring.chapter import Chapter, ExerciseSource, read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import Repository
from autograder.grading.course import make_course, nbgrader_settings
from autograder.notebooks.outline import outline

ROOT: Final = Path(__file__).resolve().parents[3]
REPO: Final = Repository(ROOT)
CHAPTER: Final = "ch01_metrics"
WARNS: Final = """\
import sys

get_ipython().events.register("pre_run_cell", lambda *_: print("careful", file=sys.stderr))
"""
MEMO: Final = "A memo. 一篇短报告。"

# The class is made once: with several workers, one of them takes the whole module.
pytestmark = pytest.mark.xdist_group("class-end-to-end")

Points = dict[str, float]


@dataclass
class Student:
    """One student: the notebook handed in, and the points that each exercise must get."""

    name: str
    lang: str
    expected: Points
    notebook: NotebookNode
    text: str | None = None  # handed in instead of the notebook: a broken file

    @property
    def total(self) -> float:
        return sum(self.expected.values())


@dataclass
class Course:
    """The course in a temporary folder, and what each command said."""

    folder: Path
    config: Config = field(default_factory=Config)
    said: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)

    def nbgrader(self, *arguments: str) -> int:
        """Run a real nbgrader command from the repository's root."""
        environment = {**os.environ, "USEROPS_COURSE": str(self.folder), "NO_COLOR": "1"}
        # As a person would whose environment is not activated.
        program = Path(sys.executable).with_name("nbgrader")
        done = subprocess.run(
            [str(program), *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        self.said[arguments[0]] = done.stdout + done.stderr
        self.status[arguments[0]] = done.returncode
        return done.returncode

    @property
    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "userops")

    def scores(self, student: str) -> Points:
        """Automatic scores by test cell."""
        with self.gradebook as book:
            submission = book.find_submission(CHAPTER, student)
            return {
                grade.name: grade.auto_score for notebook in submission.notebooks for grade in notebook.grades
            }

    def feedback(self, student: str) -> str:
        return (self.folder / "feedback" / student / CHAPTER / f"{CHAPTER}.html").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ notebooks


def cell_of(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def filled_in(
    chapter: Chapter, lang: str, answers: Mapping[str, str], *, explorers: bool = False
) -> NotebookNode:
    """The learner's notebook with these answers, and a memo.

    An explorer shows something, defines nothing and takes seconds to start: most of the class has deleted them.
    """
    notebook = edition(chapter, lang, release=True)
    if not explorers:
        notebook.cells = [c for c in notebook.cells if "explorer" not in c.metadata.get("tags", [])]
    for grade_id, source in answers.items():
        cell_of(notebook, grade_id).source = source
    if answers:
        for memo in chapter.of_kind("memo"):
            cell_of(notebook, str(memo.grade_id)).source = MEMO
    return notebook


def references(chapter: Chapter) -> dict[str, str]:
    return {exercise.key: exercise.solution.source for exercise in chapter.exercises}


def full(chapter: Chapter) -> Points:
    return {exercise.key: exercise.points for exercise in chapter.exercises}


def with_cases(chapter: Chapter, name: str, lang: str, kind: str, number: int) -> Student:
    """Answer each exercise with its ``number``-th right (or wrong) case, starting over where there are fewer."""
    answers, expected = {}, {}
    for exercise in chapter.exercises:
        cases = [
            cell
            for cell in exercise.cases
            if cell.case and (cell.case.right is not None) == (kind == "right")
        ]
        chosen = cases[number % len(cases)]
        assert chosen.case is not None
        answers[exercise.key] = chosen.source
        lost = exercise.points if kind == "right" else 0.0
        expected[exercise.key] = lost if chosen.case.points is None else chosen.case.points
    return Student(name, lang, expected, filled_in(chapter, lang, answers))


def spoilt(
    chapter: Chapter, name: str, lang: str, spoil: Callable[[NotebookNode, list[ExerciseSource]], Points]
) -> Student:
    """A notebook with every reference answer, to which something happens; returns what that costs."""
    notebook = filled_in(chapter, lang, references(chapter))
    changes = spoil(notebook, list(chapter.exercises))
    return Student(name, lang, {**full(chapter), **changes}, notebook)


def kernel_dies(notebook: NotebookNode, exercises: list[ExerciseSource]) -> Points:
    """The third answer kills Python: that costs the third exercise alone."""
    cell_of(notebook, exercises[2].key).source = "import os\n\nos._exit(1)"
    return {exercises[2].key: 0.0}


def code_fails(notebook: NotebookNode, exercises: list[ExerciseSource]) -> Points:
    """One answer does not parse, and an experiment of the learner's raises."""
    cell_of(notebook, exercises[0].key).source = "def broken(:\n    return"
    notebook.cells.insert(3, nbformat.v4.new_code_cell("1 / 0"))
    return {exercises[0].key: 0.0}


def cells_deleted(notebook: NotebookNode, exercises: list[ExerciseSource]) -> Points:
    """A test is gone (the answer still counts), an answer with its test (no points), and the set-up."""
    gone = {exercises[0].tests[0].grade_id, exercises[1].key, exercises[1].tests[0].grade_id}
    gone.add(next(c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata))
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in gone]
    return {exercises[1].key: 0.0}


def cells_copied(notebook: NotebookNode, exercises: list[ExerciseSource]) -> Points:
    """An answer and a test stand there twice, as JupyterLab pastes them; tests and metadata are tampered with.

    And every cell gets a warning on stderr from the learner's own code.
    """
    for grade_id in (exercises[0].key, str(exercises[1].tests[0].grade_id)):
        place = notebook.cells.index(cell_of(notebook, grade_id))
        copied = copy.deepcopy(notebook.cells[place])
        copied.id = f"copy-{grade_id}"[:64]
        notebook.cells.insert(place + 1, copied)
    cell_of(notebook, str(exercises[2].tests[0].grade_id)).source = "99.0"
    cell_of(notebook, exercises[2].key).metadata.nbgrader.schema_version = 2
    cell_of(notebook, str(exercises[0].tests[0].grade_id)).metadata.nbgrader.points = 1000
    notebook.cells.insert(2, nbformat.v4.new_code_cell(WARNS))
    return {}


def a_class(chapter: Chapter) -> list[Student]:
    answers, everything, nothing = references(chapter), full(chapter), dict.fromkeys(full(chapter), 0.0)
    broken = Student("lost-power", "en", nothing, filled_in(chapter, "en", answers))
    broken.text = nbformat.writes(broken.notebook)[:-4000]
    return [
        Student("reference-en", "en", everything, filled_in(chapter, "en", answers, explorers=True)),
        with_cases(chapter, "right-1", "zh", "right", 0),
        with_cases(chapter, "right-2", "en", "right", 1),
        with_cases(chapter, "wrong-1-en", "en", "wrong", 0),
        with_cases(chapter, "wrong-1-zh", "zh", "wrong", 0),
        with_cases(chapter, "wrong-2", "zh", "wrong", 1),
        with_cases(chapter, "wrong-3", "en", "wrong", 2),
        Student("blank-王小明", "zh", nothing, filled_in(chapter, "zh", {}, explorers=True)),
        spoilt(chapter, "kernel-dies", "en", kernel_dies),
        spoilt(chapter, "code-fails", "zh", code_fails),
        spoilt(chapter, "cells-deleted", "en", cells_deleted),
        spoilt(chapter, "cells-copied", "zh", cells_copied),
        broken,
    ]


# ------------------------------------------------------------------------------------------ the class


def hand_in(course: Course, work: Path, student: Student) -> None:
    """``nbgrader submit``, as this student (one program for all: it is the course's door, not the student's)."""
    assignment = work / student.name / CHAPTER
    assignment.mkdir(parents=True, exist_ok=True)
    text = student.text if student.text is not None else nbformat.writes(student.notebook)
    (assignment / f"{CHAPTER}.ipynb").write_text(text, encoding="utf-8")
    coursedir = CourseDirectory(config=course.config)
    coursedir.assignment_id, coursedir.student_id = CHAPTER, student.name
    submit = ExchangeSubmit(coursedir=coursedir, authenticator=Authenticator(), config=course.config)
    submit.assignment_dir = str(assignment.parent)
    submit.start()


@pytest.fixture(scope="module")
def chapter() -> Chapter:
    return read_chapter(REPO.source(CHAPTER))


@pytest.fixture(scope="module")
def students(chapter: Chapter) -> list[Student]:
    return a_class(chapter)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, students: list[Student]) -> Course:
    """The whole way, once."""
    folder = tmp_path_factory.mktemp("class") / "course"
    work = tmp_path_factory.mktemp("students")
    make_course(REPO, folder, "en", [CHAPTER])
    with nbgrader_settings(REPO, folder) as config:
        course = Course(folder, config)
    assert course.nbgrader("release_assignment", CHAPTER) == 0
    for student in students:
        hand_in(course, work, student)
    course.nbgrader("collect", CHAPTER)
    course.nbgrader("autograde", CHAPTER)
    course.nbgrader("generate_feedback", CHAPTER)
    course.nbgrader("export", "--to", str(folder / "grades.csv"))
    return course


def by_exercise(chapter: Chapter, scores: Points) -> Points:
    return {
        exercise.key: sum(scores[str(test.grade_id)] or 0.0 for test in exercise.tests)
        for exercise in chapter.exercises
    }


def test_the_class_is_large_and_bilingual(students: list[Student]) -> None:
    assert len(students) >= 12
    assert {student.lang for student in students} == {"en", "zh"}
    assert len({student.total for student in students}) > 4


def test_everybody_is_collected(course: Course, students: list[Student]) -> None:
    assert course.status["collect"] == 0
    assert {path.name for path in (course.folder / "submitted").iterdir()} == {s.name for s in students}


def test_every_score_is_as_expected(course: Course, students: list[Student], chapter: Chapter) -> None:
    got = {s.name: by_exercise(chapter, course.scores(s.name)) for s in students if s.text is None}
    assert got == {s.name: s.expected for s in students if s.text is None}


def test_one_broken_notebook_stops_nobody_and_is_named(course: Course, students: list[Student]) -> None:
    assert course.status["autograde"] == 1  # nbgrader says that not all went well
    (broken,) = [student for student in students if student.text is not None]
    assert f"error processing assignment '{CHAPTER}' for student '{broken.name}'" in course.said["autograde"]
    autograded = {
        path.parent.parent.name for path in (course.folder / "autograded").glob(f"*/{CHAPTER}/*.ipynb")
    }
    assert autograded == {student.name for student in students} - {broken.name}


def test_the_same_answers_earn_the_same_in_both_languages(course: Course) -> None:
    assert course.scores("wrong-1-en") == course.scores("wrong-1-zh")


def test_the_memo_waits_for_a_reader_and_an_empty_one_does_not(course: Course, chapter: Chapter) -> None:
    (memo,) = [str(cell.grade_id) for cell in chapter.of_kind("memo")]
    with course.gradebook as book:
        for student, waits in (("right-1", True), ("blank-王小明", False)):
            assert book.find_grade(memo, CHAPTER, CHAPTER, student).needs_manual_grade is waits
    assert course.scores("blank-王小明")[memo] == 0


def test_the_csv_holds_everybody_once_with_the_sum(
    course: Course, students: list[Student], chapter: Chapter
) -> None:
    assert course.status["export"] == 0
    with (course.folder / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: float(row["score"]) for name, row in rows.items()} == {s.name: s.total for s in students}
    assert {float(row["max_score"]) for row in rows.values()} == {chapter.points}


def test_feedback_comes_in_the_students_own_language_and_shows_no_hidden_test(
    course: Course, students: list[Student], chapter: Chapter
) -> None:
    assert course.status["generate_feedback"] == 0
    hidden = hidden_lines(chapter)
    assert hidden
    titles = {lang: outline(edition(chapter, lang, release=False)).title for lang in ("en", "zh")}
    for student in students:
        if student.text is not None:
            continue
        page = html.unescape(re.sub(r"<[^>]+>", "", course.feedback(student.name)))
        here, there = ("zh", "en") if student.lang == "zh" else ("en", "zh")
        assert titles[here] in page
        assert titles[there] not in page
        assert not [line for line in hidden if line in page], student.name


def hidden_lines(chapter: Chapter) -> list[str]:
    """Lines that stand in hidden tests alone, long enough to be told from anything else."""
    hidden: list[str] = []
    shown: list[str] = []
    for cell in chapter.cells:
        inside = False
        for line in cell.source.splitlines():
            if "HIDDEN TESTS" in line:
                inside = "BEGIN" in line
            else:
                (hidden if cell.kind == "test" and inside else shown).append(line.strip())
    elsewhere = "\n".join(shown)
    return [line for line in hidden if len(line) > 30 and line not in elsewhere]


def test_misconceptions_reach_the_feedback(course: Course, chapter: Chapter) -> None:
    """The checks' messages are in the page: Chinese ones in a Chinese notebook."""
    assert "✗ 还不对" in course.feedback("wrong-1-zh")
    assert "✗ Not yet right" in course.feedback("wrong-1-en")


def test_put_back_cells_show_in_the_feedback(course: Course, chapter: Chapter) -> None:
    page = course.feedback("cells-deleted")
    assert page.count("was missing and has been put back") == 4
    assert str(chapter.exercises[0].tests[0].grade_id) in page


def test_a_second_run_grades_only_what_came_again(course: Course, chapter: Chapter, tmp_path: Path) -> None:
    """A resubmission replaces the first; nobody else's file is touched."""
    before = {
        path: path.stat().st_mtime_ns for path in (course.folder / "autograded").glob(f"*/{CHAPTER}/*.ipynb")
    }
    again = Student("blank-王小明", "en", full(chapter), filled_in(chapter, "en", references(chapter)))
    hand_in(course, tmp_path, again)
    assert course.nbgrader("collect", CHAPTER, "--update") == 0
    course.nbgrader("autograde", CHAPTER)
    assert by_exercise(chapter, course.scores(again.name)) == again.expected
    changed = {path.parent.parent.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert changed == {again.name}


# ------------------------------------------------------------------------------------------ the other chapters


@pytest.fixture(scope="module")
def all_chapters(tmp_path_factory: pytest.TempPathFactory) -> Course:
    folder = tmp_path_factory.mktemp("all") / "course"
    make_course(REPO, folder, "zh")
    return Course(folder)


# Another group than the class: another worker can take it.
@pytest.mark.xdist_group("every-other-chapter")
@pytest.mark.parametrize("name", [REPO.chapters()[0], REPO.chapters()[-1]])
def test_another_chapter_can_be_graded(all_chapters: Course, name: str) -> None:
    """The reference answers, copied into ``submitted/`` by hand, earn all that tests can give.

    The first chapter and the last, by nbgrader's own command; ``engine/test_engine_agreement.py`` runs all of them.
    """
    chapter = read_chapter(REPO.source(name))
    lang = "zh" if REPO.chapters().index(name) % 2 else "en"
    folder = all_chapters.folder / "submitted" / "anyone" / name
    folder.mkdir(parents=True)
    notebook = filled_in(chapter, lang, references(chapter), explorers=True)
    (folder / f"{name}.ipynb").write_text(nbformat.writes(notebook), encoding="utf-8")
    assert all_chapters.nbgrader("autograde", name) == 0, all_chapters.said["autograde"][-3000:]
    with all_chapters.gradebook as book:
        grades = book.find_submission_notebook(name, name, "anyone").grades
        scores = {grade.name: grade.auto_score for grade in grades}
    assert by_exercise(chapter, scores) == full(chapter)
