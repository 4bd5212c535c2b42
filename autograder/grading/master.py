"""A chapter's nbgrader cells as they were handed out: read from an edition, or from a gradebook.

Grading needs the stubs (to know an answer from none), the tests with their hidden part and the points, and
nothing else; two lists of these cells that are equal grade every submission alike (``fits``).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable
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

# ------------------------------------------------------------------------------------------ cells


def read_master(path: Path) -> NotebookNode:
    """An instructor's notebook from a course's ``source/``, solutions and hidden tests and all.

    Raises:
        OSError, ValueError: it is not there, or is no notebook.
    """
    master: NotebookNode = nbformat.read(path, as_version=4)
    return master


def from_edition(notebook: NotebookNode) -> list[MasterCell]:
    """The cells of an instructor's edition (``autograder.authoring.edition.edition``), in order."""
    cleared, _ = ClearSolutions(config=nbgrader_config()).preprocess(copy.deepcopy(notebook), {})
    return master_cells_of(cleared)


def from_gradebook(
    gradebook: Gradebook, notebook: str, assignment: str, source: Path | None = None
) -> list[MasterCell]:
    """The cells that a gradebook grades a notebook by.

    Args:
        gradebook: nbgrader's, open.
        notebook, assignment: their names.
        source: the course's source notebook, whose order they get if it is there; a gradebook keeps none.

    Raises:
        nbgrader.api.MissingEntry: the gradebook does not know the notebook.
    """
    known = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in known.grade_cells}
    solutions = {cell.name for cell in known.solution_cells}
    cells = [
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
    if source is None:
        return cells
    try:
        ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in read_master(source).cells]
    except OSError:
        return cells
    order = {grade_id: place for place, grade_id in enumerate(ids)}
    return sorted(cells, key=lambda cell: order.get(cell.grade_id, len(order)))


# ------------------------------------------------------------------------------------------ does it still fit?


def fits(source: Iterable[MasterCell], gradebook: Iterable[MasterCell]) -> bool:
    """Whether a source still is what a gradebook grades by, in whatever order: both grade every submission alike."""
    return _by_id(source) == _by_id(gradebook)


def _by_id(cells: Iterable[MasterCell]) -> dict[str, MasterCell]:
    return {cell.grade_id: cell for cell in cells}


# ------------------------------------------------------------------------------------------ what a page tells


@dataclass(frozen=True)
class MasterEdition:
    """A chapter in one language, with all that a feedback page tells of it; read once, used for the whole class.

    ``prose`` are the chapter's own Markdown cells.
    """

    outline: Outline
    master_cells: tuple[MasterCell, ...]
    prose: frozenset[str]

    @property
    def judged(self) -> set[str]:
        """Ids of the cells for which a gradebook holds a grade or a comment."""
        return {cell.grade_id for cell in self.master_cells if cell.grade or cell.solution}


def master_edition(master: NotebookNode) -> MasterEdition:
    """What a page tells of an instructor's notebook."""
    prose = [
        cell.source
        for cell in master.cells
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata
    ]
    return MasterEdition(outline(master), tuple(from_edition(master)), frozenset(prose))


def edition_beside(chapter: Path, source: Path, lang: str, judged: Iterable[str]) -> MasterEdition | None:
    """The chapter in a language, if its cells are those that a gradebook knows; else the course's own source.

    Args:
        chapter: the chapter's text in the checkout, in both languages.
        source: the course's source notebook, in the course's language.
        lang: the language that is wished for.
        judged: ids of the cells that the gradebook holds grades or comments for.

    Returns:
        None if the chapter does not fit and there is no source.
    """
    if chapter.is_file():
        found = _of_chapter(chapter, chapter.stat().st_mtime_ns, lang)
        if found.judged == set(judged):
            return found
    return _of_source(source, source.stat().st_mtime_ns) if source.is_file() else None


# By the time of their last change, too: a server runs for weeks.
@functools.lru_cache(maxsize=64)
def _of_chapter(chapter: Path, changed: int, lang: str) -> MasterEdition:
    return master_edition(edition(read_chapter(chapter), lang, release=False))


@functools.lru_cache(maxsize=64)
def _of_source(source: Path, changed: int) -> MasterEdition:
    return master_edition(read_master(source))
