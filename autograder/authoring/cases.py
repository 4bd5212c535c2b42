"""Run a chapter's cases: right answers must earn their points, wrong ones lose them and meet their message.

A chapter runs once from top to bottom with the reference solutions. At each solution cell every case of that
exercise is tried first, in a fork of the process as it stands there, followed by the exercise's test cells;
nothing else may rely on what a test cell leaves behind. Points are given as submissions' are.

    python -m autograder.commands.cases ch01 --lang zh --only dau
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.utils import determine_grade

from autograder.authoring.case_runner import CellOutcome, TrialNotebook, one_line
from autograder.authoring.chapter import Cell, Chapter, ExerciseSource, stub
from autograder.engine.coordinator.plan import chapter_plan
from autograder.notebooks.restore import MasterCell
from autograder.notebooks.scoring import automatic_score
from userops.errors import CourseError

AnswerRole = Literal["reference", "blank", "right", "wrong"]


@dataclass(frozen=True)
class GradedTest:
    """What one test cell gave."""

    grade_id: str
    points: float
    possible: float
    message: str  # what the learner reads: the error, or what was printed
    misconceptions_met: tuple[str, ...] = ()
    trouble: str | None = None  # a fault of the test cell itself


@dataclass(frozen=True)
class CaseResult:
    """One answer to one exercise: what it should give, and what it gave."""

    chapter: str
    lang: str
    exercise: str
    role: AnswerRole
    label: str
    line: int
    expected: float
    wanted: str | None  # the misconception that must be met
    graded: tuple[GradedTest, ...]
    error: str | None = None  # what the answer itself raised

    @property
    def points(self) -> float:
        """Points earned."""
        return sum(g.points for g in self.graded)

    @property
    def possible(self) -> float:
        """Points that could be earned."""
        return sum(g.possible for g in self.graded)

    @property
    def misconceptions_met(self) -> tuple[str, ...]:
        """Keys of the misconceptions met, in order, each once."""
        return tuple(dict.fromkeys(key for g in self.graded for key in g.misconceptions_met))

    @property
    def message(self) -> str:
        """What the learner reads from the test cells that cost points (all cells when none did)."""
        lost = [g for g in self.graded if g.points < g.possible] or list(self.graded)
        return "\n".join(g.message for g in lost if g.message)

    @property
    def trouble(self) -> str | None:
        """Why this case misbehaves, in a phrase; None when it does what it claims."""
        for g in self.graded:
            if g.trouble:
                return f"{g.grade_id}: {g.trouble}"
        if self.role in ("reference", "right") and self.error:
            return f"the answer fails: {self.error}"
        if abs(self.points - self.expected) > 1e-9:
            came = f"earns {self.points:g} of {self.possible:g}, should earn {self.expected:g}"
            return f"{came}; the learner reads: {one_line(self.message)}" if self.message else came
        if self.role == "wrong" and self.wanted is not None and self.wanted not in self.misconceptions_met:
            met = (
                f"meets {', '.join(self.misconceptions_met)}"
                if self.misconceptions_met
                else "meets no misconception"
            )
            return f"{met}; the learner reads: {one_line(self.message)}"
        if self.role == "wrong" and self.wanted is None and self.misconceptions_met:
            return f"is told to be no known misconception, but meets {', '.join(self.misconceptions_met)}"
        if self.role in ("reference", "right") and self.expected == self.possible and self.misconceptions_met:
            return f"is right, but meets {', '.join(self.misconceptions_met)}"
        return None

    @property
    def ok(self) -> bool:
        """Whether the case does what it claims."""
        return self.trouble is None


def run_chapter(
    chapter: Chapter,
    lang: str,
    *,
    only: Sequence[str] = (),
    progress: Callable[[], None] = lambda: None,
) -> list[CaseResult]:
    """Run the chapter with its reference solutions, and every case of every exercise.

    Args:
        chapter: as read by ``autograder.authoring.chapter.read_chapter``.
        lang: ``"en"`` or ``"zh"``.
        only: grade ids of solution cells; the run stops after the last of them.
        progress: called after each answer (``count_answers`` says how many there will be).

    Returns:
        For each exercise: the reference, the blank answer, then its cases in order of appearance.

    Raises:
        CellError: a locked cell, a worked example or a reference solution fails, warns or writes to stderr.
        CourseError: ``only`` names no exercise.
    """
    wanted = {exercise.solution.index: exercise for exercise in _wanted(chapter, only)}
    last = max((cell.index for e in wanted.values() for cell in (e.solution, *e.steps)), default=-1)
    tried: dict[int, list[CaseResult]] = {}
    references: dict[str, GradedTest] = {}
    with TrialNotebook(chapter, lang, _samples(chapter)) as notebook:
        for cell in chapter.cells:
            if only and cell.index > last:
                break
            if cell.kind == "test":
                references[cell.grade_id or ""] = _grade(cell, notebook.run(cell))
            elif cell.kind == "solution":
                if exercise := wanted.get(cell.index):
                    tried[cell.index] = _try_all(notebook, chapter, lang, exercise, progress)
                    progress()  # the reference itself: it is run here
                notebook.must_run(cell)
            elif cell.kind in ("locked", "worked") and not (only and _is_explorer(cell)):
                notebook.must_run(cell)
    results: list[CaseResult] = []
    for index, exercise in wanted.items():
        graded = tuple(references[cell.grade_id or ""] for cell in exercise.tests)
        results += [_result(chapter, lang, answers(exercise)[0], graded), *tried[index]]
    return results


def run_untouched(chapter: Chapter, lang: str) -> list[GradedTest]:
    """Run the notebook as released, with no answer in it, on through every error as nbgrader does."""
    graded: list[GradedTest] = []
    with TrialNotebook(chapter, lang, _samples(chapter)) as notebook:
        for cell in chapter.cells:
            if cell.kind == "solution":
                notebook.run(cell, source=stub(cell))
            elif cell.kind == "test":
                graded.append(_grade(cell, notebook.run(cell)))
            elif cell.kind == "locked":
                notebook.must_run(cell)
            elif cell.kind == "worked":
                notebook.run(cell)
    return graded


@dataclass(frozen=True)
class Answer:
    """An answer to one exercise, and what it should give."""

    exercise: ExerciseSource
    role: AnswerRole
    label: str
    cell: Cell  # where it stands
    source: str
    expected: float
    wanted: str | None = None  # the misconception that must be met


def answers(exercise: ExerciseSource) -> list[Answer]:
    """The reference, the blank answer, then the exercise's cases in order of appearance."""
    solution, possible = exercise.solution, exercise.points
    found = [
        Answer(exercise, "reference", "reference solution", solution, solution.source, possible),
        Answer(exercise, "blank", "left blank", solution, stub(solution), 0.0),
    ]
    for cell in exercise.cases:
        case = cell.case
        assert case is not None
        if case.right is not None:
            expected = possible if case.points is None else case.points
            found.append(Answer(exercise, "right", case.right, cell, cell.source, expected))
        else:
            wanted = None if case.other else case.wrong
            found.append(Answer(exercise, "wrong", case.label, cell, cell.source, case.points or 0.0, wanted))
    return found


def count_answers(chapter: Chapter, only: Sequence[str] = ()) -> int:
    """How many answers ``run_chapter`` tries.

    Raises:
        CourseError: ``only`` names no exercise.
    """
    return sum(len(answers(exercise)) for exercise in _wanted(chapter, only))


def _wanted(chapter: Chapter, only: Sequence[str]) -> list[ExerciseSource]:
    known = {exercise.key: exercise for exercise in chapter.exercises}
    unknown = sorted(set(only) - known.keys())
    if unknown:
        raise CourseError(
            f"{chapter.name} has no exercise {unknown[0]!r}: use one of these: {', '.join(known)}."
        )
    return [exercise for key, exercise in known.items() if not only or key in only]


def _is_explorer(cell: Cell) -> bool:
    """An explorer shows something and defines nothing: where only names matter it is left out."""
    return "explorer" in cell.metadata.get("tags", [])


def _samples(chapter: Chapter) -> tuple[tuple[int, int], ...]:
    """(users, seed) of the sample datasets that the chapter's tests ask for."""
    cells = [
        MasterCell(cell.grade_id or "", "code", cell.source, grade=cell.kind == "test", locked=True)
        for cell in chapter.of_kind("locked", "test")
    ]
    return chapter_plan(chapter.name, cells).samples


def _try_all(
    notebook: TrialNotebook,
    chapter: Chapter,
    lang: str,
    exercise: ExerciseSource,
    progress: Callable[[], None],
) -> list[CaseResult]:
    """Try every answer but the reference, at the exercise's place."""
    tried = answers(exercise)[1:]
    results: dict[int, CaseResult] = {}
    sources = [answer.source for answer in tried]
    for at, own, outcomes in notebook.attempt(exercise.solution, sources, exercise.steps):
        graded = tuple(
            _grade(cell, outcome)
            for cell, outcome in zip(exercise.steps, outcomes, strict=True)
            if cell.kind == "test"
        )
        results[at] = _result(chapter, lang, tried[at], graded, own.error)
        progress()
    return [results[at] for at in range(len(tried))]


def _result(
    chapter: Chapter, lang: str, answer: Answer, graded: tuple[GradedTest, ...], error: str | None = None
) -> CaseResult:
    return CaseResult(
        chapter.name,
        lang,
        answer.exercise.key,
        answer.role,
        answer.label,
        answer.cell.line,
        answer.expected,
        answer.wanted,
        graded,
        error,
    )


def _grade(cell: Cell, outcome: CellOutcome) -> GradedTest:
    """Give a test cell's points as a submission's are given; where stock nbgrader would give others, say so."""
    node = new_code_cell(cell.source, metadata={"nbgrader": dict(cell.nbgrader or {})})
    node.outputs = [NotebookNode(output) for output in outcome.outputs]
    refused, stock = None, 0.0
    try:
        stock = float(determine_grade(node)[0])
    except (KeyError, ValueError) as error:
        refused = f"nbgrader refuses the last value: {error}"
    shown = next((o["data"]["text/plain"] for o in node.outputs if o.output_type == "execute_result"), None)
    points = automatic_score(node) or 0.0
    failed, noise = outcome.failure, outcome.text("stderr").strip()
    trouble = None
    if failed is None:
        if refused is not None:
            trouble = refused
        elif noise and points:
            trouble = f"it writes to stderr, for which nbgrader gives nothing: {one_line(noise)}"
        elif shown is not None and not _is_number(shown):
            trouble = f"the last value is {one_line(shown, 40)}, which nbgrader takes for full points"
        elif stock != points:
            trouble = f"nbgrader would give {stock:g} points, not {points:g}"
    message = failed or noise or outcome.text("stdout").strip()
    return GradedTest(cell.grade_id or "?", points, cell.points, message, outcome.misconceptions_met, trouble)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
