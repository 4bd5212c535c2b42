"""Whether anybody has answered in a released notebook."""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_solution


def holds_answers(notebook: NotebookNode) -> bool:
    """Whether an answer cell differs from its stub (nbgrader's checksum tells).

    Raises:
        AttributeError, KeyError, TypeError: it is no released notebook; somebody has worked on its metadata.
    """
    return any(
        is_solution(cell) and cell.metadata.nbgrader.get("checksum") not in (None, compute_checksum(cell))
        for cell in notebook.cells
    )
