"""A chapter's nbgrader cells as they were handed out: read from an edition, or from a gradebook.

Grading needs the stubs (to know an answer from none), the tests with their hidden part and the points, and
nothing else; two lists of these cells that are equal grade every submission alike.
"""

from __future__ import annotations

import copy

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearSolutions

from autograder.build import nbgrader_config
from autograder.restore import TrueCell, true_cells


def from_edition(notebook: NotebookNode) -> list[TrueCell]:
    """The cells of an instructor's edition (``autograder.build.edition``), in order."""
    cleared, _ = ClearSolutions(config=nbgrader_config()).preprocess(copy.deepcopy(notebook), {})
    return true_cells(cleared)


def from_gradebook(gradebook: Gradebook, notebook: str, assignment: str) -> list[TrueCell]:
    """The cells that a gradebook grades a notebook by, in no order (a gradebook keeps none).

    Raises:
        nbgrader.api.MissingEntry: the gradebook does not know the notebook.
    """
    known = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in known.grade_cells}
    solutions = {cell.name for cell in known.solution_cells}
    return [
        TrueCell(
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
