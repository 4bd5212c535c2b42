"""What grading a chapter needs, worked out once; and a submission as the steps that its notebook makes."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nbformat import NotebookNode

from autograder.notebooks.names import names_of, parsed
from autograder.notebooks.regions import hidden_lines
from autograder.notebooks.restore import MasterCell

Role = Literal["learner", "locked", "test"]


@dataclass(frozen=True)
class Step:
    """One code cell.

    Attributes:
        index: its place in the notebook.
        role: whose process runs it; a locked cell is run by both.
        count: its execution count.
        needs: of a test, the learner's names that it reads.
        hidden: of a test, the hidden lines (first and last, from 1).
        name: its grade id, for notes.
        visible: of a test, how many of its first lines run before anything hidden does.
    """

    index: int
    role: Role
    source: str
    count: int
    needs: tuple[str, ...] = ()
    hidden: tuple[tuple[int, int], ...] = ()
    name: str = ""
    visible: int = 0


@dataclass(frozen=True)
class ChapterPlan:
    """A chapter, as its submissions are graded.

    Attributes:
        chapter: its id.
        master_cells: its nbgrader cells as handed out, in order; tests with their hidden part.
        needs: a test's grade id -> the learner's names that it reads.
        samples: (users, seed) of the sample datasets that tests ask for, made once beforehand.
    """

    chapter: str
    master_cells: tuple[MasterCell, ...]
    needs: Mapping[str, tuple[str, ...]]
    samples: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Job:
    """One submission: whose, its restored notebook, its language."""

    key: str
    notebook: NotebookNode
    lang: str


@dataclass(frozen=True)
class SubmissionResult:
    """A submission that has been run.

    Attributes:
        notebook: executed, with outputs and execution counts.
        misconceptions_met: a test's grade id -> the misconceptions met, in order.
        trouble: why it could not be run at all, in a sentence; None if it was.
        cpu, wall: seconds, of both processes together.
        notes: what happened on the way, for the log.
        parts: seconds of wall clock by part.
    """

    key: str
    notebook: NotebookNode
    misconceptions_met: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str | None = None
    cpu: float = 0.0
    wall: float = 0.0
    notes: tuple[str, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)


def chapter_plan(chapter: str, master_cells: Sequence[MasterCell]) -> ChapterPlan:
    """Work out which names each test takes from the learner.

    A test may read names of locked cells and names that answers define; what no locked cell and no test binds
    comes from the learner. A name that the chapter itself fixes is never taken from a submission.

    Args:
        chapter: its id.
        master_cells: its cells in the order of the source (``autograder.grading.master``).
    """
    fixed: set[str] = set()
    needs: dict[str, tuple[str, ...]] = {}
    samples: set[tuple[int, int]] = set()
    for cell in master_cells:
        if cell.cell_type != "code":
            continue
        if cell.grade and not cell.solution:
            needs[cell.grade_id] = tuple(
                sorted((names_of(cell.source).reads | _read_first(cell.source)) - fixed)
            )
        elif cell.fixed:
            fixed |= names_of(cell.source).binds
        if cell.fixed:
            samples |= _samples(cell.source)
    return ChapterPlan(chapter, tuple(master_cells), needs, tuple(sorted(samples)))


def _read_first(source: str) -> frozenset[str]:
    """Names that a test reads and only then binds itself: it has put a learner's name aside."""
    bound: set[str] = set()
    found: set[str] = set()
    for statement in parsed(source).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(statement.name)
            continue
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.For | ast.With):
            bound |= stored
        found |= {node.id for node in names if not isinstance(node.ctx, ast.Store)} - bound
        bound |= stored
    return frozenset(found) & names_of(source).binds


def _samples(source: str) -> set[tuple[int, int]]:
    """The sample datasets that a cell asks for by plain numbers."""
    found = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "sample":
            given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
            seed, users = given.get("seed"), given.get("users", 400)
            if isinstance(seed, int) and isinstance(users, int):
                found.add((users, seed))
    return found


def steps(notebook: NotebookNode, plan: ChapterPlan) -> list[Step]:
    """The code cells of a restored notebook, in order, with their execution counts."""
    known = {cell.grade_id: cell for cell in plan.master_cells}
    found: list[Step] = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        master = known.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        count = len(found) + 1
        if master is not None and master.grade and not master.solution:
            hidden = hidden_lines(master.source)
            found.append(
                Step(
                    index,
                    "test",
                    master.source,
                    count,
                    plan.needs.get(master.grade_id, ()),
                    hidden,
                    master.grade_id,
                    seen_before(master.source),
                )
            )
        elif master is not None and master.fixed:
            found.append(Step(index, "locked", master.source, count, name=master.grade_id))
        else:
            found.append(Step(index, "learner", cell.source, count, name=master.grade_id if master else ""))
    return found


@functools.lru_cache(maxsize=4096)
def seen_before(source: str) -> int:
    """How many of a test's first lines can run by themselves before anything hidden does."""
    hidden = hidden_lines(source)
    tree = parsed(source)
    if not hidden or not tree.body:
        return 0
    reaching = next((node for node in tree.body if (node.end_lineno or 0) >= hidden[0][0]), None)
    return hidden[0][0] - 1 if reaching is None else min(hidden[0][0], _first_line(reaching)) - 1


def _first_line(node: ast.stmt) -> int:
    marks: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(mark.lineno for mark in marks)])


def executed(job: Job, plan: ChapterPlan, outputs: Mapping[int, list[NotebookNode]]) -> NotebookNode:
    """The notebook with its outputs; a copy."""
    notebook = copy.deepcopy(job.notebook)
    counts = {step.index: step.count for step in steps(job.notebook, plan)}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs = list(outputs.get(index, []))
            cell.execution_count = counts.get(index)
    return notebook
