"""Classes of students made from the chapters' cases: each answer is one whose points the author declares."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbformat import NotebookNode

from autograder.authoring.chapter import Cell, Chapter, ExerciseSource, stub
from autograder.authoring.edition import edition
from autograder.notebooks.names import names_of

MEMO = "A memo. 一篇短报告。"


@dataclass
class Student:
    """One student: a notebook, the points each exercise must get, and the misconceptions it must meet.

    An exercise whose answer builds on another one is left out of ``points`` where that other one is not right.
    """

    name: str
    lang: str
    notebook: NotebookNode
    points: dict[str, float] = field(default_factory=dict)
    meets: dict[str, str] = field(default_factory=dict)


Answer = tuple[str, float, str | None]  # source, points, the misconception to meet


def students(chapter: Chapter, size: int | None = None, *, lean: bool = False) -> list[Student]:
    """Deal the answers (reference, blank, every case) to as many students as are needed for each to occur.

    Args:
        chapter: whose cases.
        size: another number of students: the first so many, or the same hands again under other names.
        lean: leave out the worked examples, unless an answer uses what they define.
    """
    answers = {exercise.key: list(_answers(exercise)) for exercise in chapter.exercises}
    relies = _relies(chapter)
    hands: list[dict[str, Answer]] = []
    left = list(answers)
    while left:
        # Of these none builds on another; the rest of the class's answers are the references.
        dealt: list[str] = []
        for key in left:
            if not relies[key] & set(dealt):
                dealt.append(key)
        left = [key for key in left if key not in dealt]
        for number in range(max(len(answers[key]) for key in dealt)):
            hand = {key: of[0] for key, of in answers.items()}
            for place, key in enumerate(dealt):
                of = answers[key]
                # A step of its own for each exercise: no two students hand in the same mixture.
                hand[key] = of[(number + place * (number // len(of))) % len(of)]
            hands.append(hand)
    if size is not None:
        hands = [hands[number % len(hands)] for number in range(size)]
    made = []
    for number, hand in enumerate(hands):
        lang = "zh" if number % 2 else "en"
        student = Student(f"student-{number:03}", lang, _notebook(chapter, lang, lean))
        cells = {c.metadata.nbgrader.grade_id: c for c in student.notebook.cells if "nbgrader" in c.metadata}
        spoilt: set[str] = set()
        for key, (source, points, meets) in hand.items():
            cells[key].source = source
            if relies[key] & spoilt:
                spoilt.add(key)
                continue
            if (source, points, meets) != answers[key][0]:
                spoilt.add(key)
            student.points[key] = points
            if meets:
                student.meets[key] = meets
        for memo in chapter.of_kind("memo"):
            cells[str(memo.grade_id)].source = MEMO
        made.append(student)
    return made


def _relies(chapter: Chapter) -> dict[str, set[str]]:
    """The exercises that each exercise's answers or tests take names from."""
    owners: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for exercise in chapter.exercises:
        cells = [exercise.solution, *exercise.cases, *exercise.steps]
        reads = frozenset().union(*(names_of(cell.source).reads for cell in cells))
        found[exercise.key] = {owners[name] for name in reads if name in owners}
        owners |= dict.fromkeys(names_of(exercise.solution.source).binds, exercise.key)
    return found


def _notebook(chapter: Chapter, lang: str, lean: bool) -> NotebookNode:
    notebook = edition(chapter, lang, release=True)
    if lean:
        answers = [cell for e in chapter.exercises for cell in (e.solution, *e.cases)]
        given = frozenset().union(*(names_of(cell.source).binds for cell in chapter.of_kind("locked")))
        wanted = frozenset().union(*(names_of(cell.source).reads for cell in answers)) - given
        kept = []
        for c in reversed(notebook.cells):
            example = (
                c.cell_type == "code" and "nbgrader" not in c.metadata and "use_language" not in c.source
            )
            if example and not names_of(c.source).binds & wanted:
                continue
            if example:  # what it uses must be there, too
                wanted |= names_of(c.source).reads - given
            kept.append(c)
        notebook.cells = kept[::-1]
    return notebook


def _answers(exercise: ExerciseSource) -> list[Answer]:
    found: list[Answer] = [
        (exercise.solution.source, exercise.points, None),
        (stub(exercise.solution), 0.0, None),
    ]
    return found + [_of(cell, exercise.points) for cell in exercise.cases]


def _of(cell: Cell, possible: float) -> Answer:
    case = cell.case
    assert case is not None
    usual = 0.0 if case.right is None else possible
    meets = case.wrong if case.right is None and not case.other else None
    return cell.source, usual if case.points is None else case.points, meets
