"""The cases of every chapter, by the engine: the points the author declares, and the misconception met.

The cases' own test (tests/chapters) runs every one of them in a single process; here whole notebooks are handed in,
two of each chapter. ``tests/bench/bench_agreement.py`` runs all of them, and by stock nbgrader, too, cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from class_of_cases import Student, students
from nbgrader.utils import determine_grade

from autograder.authoring.chapter import Chapter, read_chapter
from autograder.authoring.edition import edition
from autograder.authoring.repository import chapter_paths, find_root
from autograder.engine import Engine, Job, SubmissionResult, chapter_plan
from autograder.grading.master import from_edition
from autograder.notebooks.restore import restore
from autograder.notebooks.scoring import normalise_outcome

CHAPTERS = [path.stem for path in chapter_paths(find_root())]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


def points(ran: SubmissionResult, chapter: Chapter) -> dict[str, float]:
    """Points by exercise."""
    cells = {c.metadata.nbgrader.grade_id: c for c in ran.notebook.cells if "nbgrader" in c.metadata}
    earned = {}
    for exercise in chapter.exercises:
        tests = [cells[str(test.grade_id)] for test in exercise.tests]
        for test in tests:
            normalise_outcome(test)
        earned[exercise.key] = sum(determine_grade(test)[0] or 0.0 for test in tests)
    return earned


def met(ran: SubmissionResult, chapter: Chapter, wanted: dict[str, str]) -> dict[str, str]:
    """Of the misconceptions wanted, those that were met."""
    came = {
        e.key: [k for t in e.tests for k in ran.misconceptions_met.get(str(t.grade_id), ())]
        for e in chapter.exercises
    }
    return {key: name for key, name in wanted.items() if name in came[key]}


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_engine_gives_every_case_what_its_author_declares(engine: Engine, name: str) -> None:
    chapter = read_chapter(find_root() / "solutions" / f"{name}.md")
    master_cells = from_edition(edition(chapter, "en", release=False))
    everybody = students(chapter, lean=True)
    # Two of them, far apart: the even ones are in English, the odd ones in Chinese.
    some = everybody[len(everybody) // 3 & ~1], everybody[2 * len(everybody) // 3 | 1]
    assert {student.lang for student in some} == {"en", "zh"}
    handed_in: dict[str, Student] = {student.name: student for student in some}
    for student in handed_in.values():
        restore(student.notebook, master_cells)
    jobs = (Job(s.name, s.notebook, s.lang) for s in handed_in.values())
    wrong = []
    for ran in engine.run(chapter_plan(name, master_cells), jobs):
        student = handed_in[ran.key]
        assert ran.trouble is None and not ran.notes
        earned, meets = points(ran, chapter), met(ran, chapter, student.meets)
        wrong += [
            (ran.key, key, earned[key], declared, student.meets.get(key))
            for key, declared in student.points.items()
            if earned[key] != declared or meets.get(key) != student.meets.get(key)
        ]
    assert wrong == []
