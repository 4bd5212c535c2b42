"""A chapter's nbgrader cells as they were handed out: read from an edition, or from a gradebook.

Grading needs the stubs (to know an answer from none), the tests with their hidden part and the points, and
nothing else; two lists of these cells that are equal grade every submission alike.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions

from autograder.authoring.chapter import read_chapter
from autograder.authoring.edition import edition, nbgrader_config
from autograder.notebooks.outline import Outline, outline
from autograder.notebooks.restore import MasterCell, master_cells_of

# ------------------------------------------------------------------------------------------ what was asked


@dataclass(frozen=True)
class Asked:
    """What a chapter asks in one language; read once, used for the whole class.

    ``prose`` are the chapter's own Markdown cells; ``made_from`` tells one state of the chapter from another.
    """

    outline: Outline
    master_cells: tuple[MasterCell, ...]
    prose: frozenset[str]
    made_from: str

    @property
    def graded(self) -> set[str]:
        return {cell.grade_id for cell in self.master_cells if cell.grade or cell.solution}


def asks(master: NotebookNode) -> Asked:
    master_cells = tuple(from_edition(master))
    prose = [
        cell.source
        for cell in master.cells
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata
    ]
    made_from = hashlib.blake2b(json.dumps(master, sort_keys=True).encode("utf-8")).hexdigest()
    return Asked(outline(master), master_cells, frozenset(prose), made_from)


@functools.lru_cache(maxsize=64)
def asked_from_chapter(source: Path, changed: int, lang: str) -> Asked:
    """The chapter's edition in a language; ``changed`` is when the source was (a server runs for weeks)."""
    return asks(edition(read_chapter(source), lang, release=False))


@functools.lru_cache(maxsize=64)
def asked_from_notebook(source: Path, changed: int) -> Asked:
    return asks(nbformat.read(source, as_version=4))


def from_edition(notebook: NotebookNode) -> list[MasterCell]:
    """The cells of an instructor's edition (``autograder.authoring.edition.edition``), in order."""
    cleared, _ = ClearSolutions(config=nbgrader_config()).preprocess(copy.deepcopy(notebook), {})
    return master_cells_of(cleared)


def from_gradebook(gradebook: Gradebook, notebook: str, assignment: str) -> list[MasterCell]:
    """The cells that a gradebook grades a notebook by, in no order (a gradebook keeps none).

    Raises:
        nbgrader.api.MissingEntry: the gradebook does not know the notebook.
    """
    known = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in known.grade_cells}
    solutions = {cell.name for cell in known.solution_cells}
    return [
        MasterCell(
            grade_id=cell.name,
            cell_type=cell.cell_type,
            source=cell.source,
            grade=cell.name in points,
            solution=cell.name in solutions,
            locked=bool(cell.locked),
            points=points.get(cell.name, 0.0),
        )
        for cell in known.source_cells
    ]
