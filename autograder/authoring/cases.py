"""Run a chapter's cases: right answers must earn their points, wrong ones lose them and meet their message.

A chapter runs once, in this process, from top to bottom with the reference solutions. At each solution cell
every case of that exercise is tried first, in a copy of the names as they stand there, followed by the
exercise's test cells; nothing else may rely on what a test cell leaves behind. Points are given as nbgrader
gives them.

    python -m autograder.authoring.cases ch01 --lang zh --only dau
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from autograder.authoring.case_runner import (
    Namespace,
    copy_of,
    fresh_names,
    must_run,
    notebook_process,
    one_line,
    run_cell,
    say,
)
from autograder.authoring.chapter import Cell, Chapter, Exercise, stub
from userops.errors import CourseError

Role = Literal["reference", "blank", "right", "wrong"]


@dataclass(frozen=True)
class Graded:
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
    role: Role
    label: str
    line: int
    expected: float
    wanted: str | None  # the misconception that must be met
    graded: tuple[Graded, ...]
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


def run_chapter(chapter: Chapter, lang: str, *, only: Sequence[str] = ()) -> list[CaseResult]:
    """Run the chapter with its reference solutions, and every case of every exercise.

    Args:
        chapter: as read by ``autograder.authoring.chapter.read_chapter``.
        lang: ``"en"`` or ``"zh"``.
        only: grade ids of solution cells; the run stops after the last of them.

    Returns:
        For each exercise: the reference, the blank answer, then its cases in order of appearance.

    Raises:
        CellError: a locked cell, a worked example or a reference solution fails, warns or writes to stderr.
        CourseError: ``only`` names no exercise.
    """
    exercises = {exercise.solution.index: exercise for exercise in chapter.exercises}
    wanted = set(only) or {exercise.key for exercise in exercises.values()}
    unknown = sorted(wanted - {exercise.key for exercise in exercises.values()})
    if unknown:
        known = ", ".join(exercise.key for exercise in exercises.values())
        raise CourseError(f"{chapter.name} has no exercise {unknown[0]!r}: use one of these: {known}.")
    last = max((i for i, e in exercises.items() if e.key in wanted), default=-1)

    results: list[CaseResult] = []
    with notebook_process(chapter, lang):
        names = fresh_names()
        for cell in chapter.cells:
            if only and cell.index > last:
                break
            if cell.kind == "solution":
                exercise = exercises[cell.index]
                if exercise.key in wanted:
                    results += _run_exercise(chapter, lang, exercise, names)
                must_run(chapter, cell, names)
            elif cell.kind in ("locked", "worked") and not (
                only and "explorer" in cell.metadata.get("tags", [])
            ):
                must_run(chapter, cell, names)
            elif cell.kind == "test":
                # The reference was graded in a copy; a notebook leaves the test cell's own names behind.
                run_cell(cell, chapter, names, strict=False)
    return results


def run_untouched(chapter: Chapter, lang: str) -> list[Graded]:
    """Run the notebook as released, with no answer in it, on through every error as nbgrader does."""
    graded: list[Graded] = []
    with notebook_process(chapter, lang):
        names = fresh_names()
        for cell in chapter.cells:
            if cell.kind == "solution":
                run_cell(cell, chapter, names, source=stub(cell), strict=False)
            elif cell.kind == "test":
                graded.append(_grade(cell, chapter, names))
            elif cell.kind == "locked":
                must_run(chapter, cell, names)
            elif cell.kind == "worked":
                run_cell(cell, chapter, names, strict=False)
    return graded


def _is_explorer(cell: Cell) -> bool:
    """An explorer shows something and defines nothing: where only names matter it is left out."""
    return "explorer" in cell.metadata.get("tags", [])


def _run_exercise(chapter: Chapter, lang: str, exercise: Exercise, names: Namespace) -> Iterator[CaseResult]:
    solution = exercise.solution
    possible = exercise.points

    def attempt(
        role: Role, label: str, cell: Cell, source: str, expected: float, wanted: str | None
    ) -> CaseResult:
        trial = copy_of(names)
        answer = run_cell(cell, chapter, trial, source=source, strict=False)
        graded: list[Graded] = []
        for step in exercise.steps:
            if step.kind == "test":
                graded.append(_grade(step, chapter, trial))
            else:
                run_cell(step, chapter, trial, strict=False)
        # Its functions and its names hold each other: without this, tables pile up until a collection.
        trial.clear()
        return CaseResult(
            chapter.name,
            lang,
            exercise.key,
            role,
            label,
            cell.line,
            expected,
            wanted,
            tuple(graded),
            None if answer.error is None else say(answer.error),
        )

    yield attempt("reference", "reference solution", solution, solution.source, possible, None)
    yield attempt("blank", "left blank", solution, stub(solution), 0.0, None)
    for cell in exercise.cases:
        case = cell.case
        assert case is not None
        if case.right is not None:
            expected = possible if case.points is None else case.points
            yield attempt("right", case.right, cell, cell.source, expected, None)
        else:
            wanted = None if case.other else case.wrong
            yield attempt("wrong", case.label, cell, cell.source, case.points or 0.0, wanted)


def _grade(cell: Cell, chapter: Chapter, names: Namespace) -> Graded:
    """Run a test cell and give points as nbgrader does: an error or stderr costs all, a number is credit."""
    from nbgrader.utils import get_partial_grade

    from userops import check
    from userops.check.grader import unanswered

    check.reset()
    run = run_cell(cell, chapter, names, strict=False)
    met = tuple(check.misconceptions_met())
    grade_id, possible = cell.grade_id or "?", cell.points
    if run.error is not None:
        message = unanswered(run.error, run.error.__traceback__, names) or say(run.error)
        return Graded(grade_id, 0.0, possible, message, met)
    if run.stderr:
        return Graded(grade_id, 0.0, possible, run.stderr.strip(), met)
    points, trouble = possible, None
    if run.shows:
        from IPython.lib.pretty import pretty

        shown = pretty(run.value)
        try:
            points = float(get_partial_grade({"data": {"text/plain": shown}}, possible))
        except (ValueError, KeyError) as error:
            points, trouble = 0.0, f"nbgrader refuses the value {shown!r}: {error}"
        if trouble is None and type(run.value) not in (float, int):
            trouble = f"the last value is {type(run.value).__name__}, which nbgrader takes for full points"
    return Graded(grade_id, points, possible, run.stdout.strip(), met, trouble)
