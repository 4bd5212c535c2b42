"""A stand-in for ``autograder.engine``: the same three names, and nothing but ``exec`` in this very process.

For tests of what stands around the engine: finding, reading, restoring, writing down. It knows no danger.
"""

from __future__ import annotations

import ast
import contextlib
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.notebooks.restore import MasterCell
from userops import language, use_language
from userops.check import misconceptions_met, reset

VERSION: Final = "plain 1"


@dataclass(frozen=True)
class ChapterPlan:
    chapter: str
    master_cells: tuple[MasterCell, ...]


def chapter_plan(chapter: str, master_cells: Sequence[MasterCell]) -> ChapterPlan:
    return ChapterPlan(chapter, tuple(master_cells))


@dataclass(frozen=True)
class Job:
    key: str
    notebook: NotebookNode
    lang: str


@dataclass(frozen=True)
class SubmissionResult:
    key: str
    notebook: NotebookNode
    misconceptions_met: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str | None = None
    cpu: float = 0.0
    wall: float = 0.0
    notes: tuple[str, ...] = ()


class Engine:
    """Runs one submission after the other; ``pause`` seconds each, so that there is something to interrupt."""

    pause: float = 0.0
    started: int = 0

    def __init__(self, **options: Any) -> None:
        self.options = options
        type(self).started += 1

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, plan: ChapterPlan, jobs: Iterable[Job]) -> Iterator[SubmissionResult]:
        for job in jobs:
            time.sleep(self.pause)
            yield run_one(plan, job)


def run_one(plan: ChapterPlan, job: Job) -> SubmissionResult:
    """Run a notebook's code cells in order; the last expression of a cell is its value, as in Jupyter."""
    tests = {cell.grade_id for cell in plan.master_cells if cell.grade and not cell.solution}
    names: dict[str, Any] = {"__name__": "__main__"}
    found: dict[str, tuple[str, ...]] = {}
    before = language()
    use_language(job.lang)
    try:
        code = [cell for cell in job.notebook.cells if cell.cell_type == "code"]
        for count, cell in enumerate(code, 1):
            reset()
            cell.execution_count, cell.outputs = count, outputs(cell.source, names, count)
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in tests and misconceptions_met():
                found[grade_id] = tuple(misconceptions_met())
    finally:
        use_language(before)
    return SubmissionResult(job.key, job.notebook, found)


def outputs(source: str, names: dict[str, Any], count: int) -> list[NotebookNode]:
    """What Jupyter would show of a cell, without a traceback."""
    printed, found, value = io.StringIO(), [], None
    try:
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, "cell", "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    except Exception as error:
        name = type(error).__name__
        found.append(new_output("error", ename=name, evalue=str(error), traceback=[f"{name}: {error}"]))
    if printed.getvalue():
        found.insert(0, new_output("stream", name="stdout", text=printed.getvalue()))
    if value is not None:
        data = {"text/plain": repr(value)}
        found.append(new_output("execute_result", data=data, execution_count=count))
    return found
