"""Put a handed-in notebook back into the form that was handed out, without touching an answer.

Learners copy, delete, move and retype cells by accident. Whatever happened, afterwards every cell of the
chapter is there once, in a place where it can run, with its own metadata; locked cells and tests say what
they said when they were written; and each answer is the learner's. Both ways of grading use this: nbgrader's
(through ``autograder.nbgrader_plugins.preprocessors``) and the self-learner's (``userops check``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.nbgraderformat import SCHEMA_VERSION
from nbgrader.utils import compute_checksum, is_locked

from autograder.notebooks.normalize import free_id, has_ids, tidy, utf8
from autograder.notebooks.regions import without_hidden

LONGEST: Final = 100  # characters of an id that nobody knows

# The sentences stand in both languages: which one the learner reads is not known for certain here.
PUT_BACK: Final = "> **This cell was missing and has been put back: `{grade_id}`**  ·  **这个单元格原本缺失，已经补回：`{grade_id}`**"


@dataclass(frozen=True)
class MasterCell:
    """One of a chapter's nbgrader cells, as it was handed out (tests with their hidden part)."""

    grade_id: str
    cell_type: Literal["code", "markdown"]
    source: str
    grade: bool = False
    solution: bool = False
    locked: bool = False
    points: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether the text is the chapter's, not the learner's (nbgrader: a test is always locked)."""
        return not self.solution and (self.grade or self.locked)

    def metadata(self) -> NotebookNode:
        """The cell's nbgrader metadata, complete, in the current schema."""
        meta = NotebookNode(
            grade=self.grade,
            grade_id=self.grade_id,
            locked=self.locked,
            schema_version=SCHEMA_VERSION,
            solution=self.solution,
            task=False,
        )
        if self.grade:
            meta.points = self.points
        return meta

    def cell(self) -> NotebookNode:
        """A fresh copy of the cell."""
        make: Callable[..., NotebookNode] = new_code_cell if self.cell_type == "code" else new_markdown_cell
        return make(source=self.source, metadata={"nbgrader": self.metadata()})

    def is_answered_by(self, text: str) -> bool:
        """Whether a learner's text in this cell is anything but what was handed out."""
        return text.strip() not in ("", self.source.strip())

    @cached_property
    def checksum(self) -> str:
        """nbgrader's checksum of the cell as handed out: an answer with this checksum is no answer."""
        return str(compute_checksum(self.cell()))


@dataclass(frozen=True)
class Change:
    """Something that was not as handed out and has been put right."""

    what: Literal["missing", "duplicate", "edited", "retyped", "stripped", "unknown"]
    grade_id: str


def master_cells_of(notebook: NotebookNode) -> list[MasterCell]:
    """The nbgrader cells of a handed-out notebook (solutions already cleared), in order."""
    return [
        MasterCell(
            grade_id=cell.metadata.nbgrader.grade_id,
            cell_type=cell.cell_type,
            source=cell.source,
            grade=cell.metadata.nbgrader.get("grade", False),
            solution=cell.metadata.nbgrader.get("solution", False),
            locked=is_locked(cell),
            points=float(cell.metadata.nbgrader.get("points", 0)),
        )
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    ]


def restore(notebook: NotebookNode, master_cells: Sequence[MasterCell]) -> list[Change]:
    """Put ``notebook`` right in place; return what had to be changed, in the order it was found.

    A cell that appears twice keeps its part once: an answer where it was last changed, a set-up cell where it
    stands first, a test where it stands last. The copies stay, as ordinary cells. What is missing is put back
    after the cell that it followed, under a note that says so.
    """
    known = {cell.grade_id: cell for cell in master_cells}
    changes = _tidy(notebook, known)
    for grade_id, places in _places(notebook).items():
        if len(places) > 1:
            keep = _which(known[grade_id], places)
            changes.append(Change("duplicate", grade_id))
            for cell in places:
                if cell is not keep:
                    del cell.metadata["nbgrader"]
    for cell in _graded(notebook):
        changes += _put_right(cell, known[cell.metadata.nbgrader.grade_id])
    return changes + _put_back(notebook, master_cells)


def _tidy(notebook: NotebookNode, known: Mapping[str, MasterCell]) -> list[Change]:
    """Put the form right, and drop nbgrader metadata that is not of this chapter."""
    changes = []
    tidy(notebook)
    for cell in notebook.cells:
        # Learners are told which cells not to touch; a forged tag must not matter to whoever grades.
        if "nbgrader" in cell.metadata:
            meta = cell.metadata["nbgrader"]
            grade_id = meta.get("grade_id") if isinstance(meta, Mapping) else None
            if not isinstance(grade_id, str) or grade_id not in known:
                del cell.metadata["nbgrader"]
                changes.append(
                    Change("unknown", utf8(grade_id[:LONGEST]) if isinstance(grade_id, str) else "?")
                )
    return changes + _recognise(notebook, known)


def _recognise(notebook: NotebookNode, known: Mapping[str, MasterCell]) -> list[Change]:
    """Find cells that lost their metadata by their ids: the build makes an nbgrader cell's id its grade id.

    Some editors keep one and not the other; the answer would count as deleted.
    """
    there, changes = set(_places(notebook)), []
    for cell in notebook.cells:
        grade_id = cell.get("id")
        if "nbgrader" not in cell.metadata and grade_id in known and grade_id not in there:
            cell.metadata["nbgrader"] = known[grade_id].metadata()
            there.add(grade_id)
            changes.append(Change("stripped", grade_id))
    return changes


def _complete(cell: NotebookNode) -> None:
    """Give a code cell the fields it must have, and other cells none of them."""
    if cell.cell_type == "code":
        if not isinstance(cell.get("outputs"), list):
            cell.outputs = []
        cell.setdefault("execution_count", None)
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _graded(notebook: NotebookNode) -> Iterable[NotebookNode]:
    return (cell for cell in notebook.cells if "nbgrader" in cell.metadata)


def _places(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    places: dict[str, list[NotebookNode]] = {}
    for cell in _graded(notebook):
        places.setdefault(cell.metadata.nbgrader.grade_id, []).append(cell)
    return places


def _which(true: MasterCell, places: Sequence[NotebookNode]) -> NotebookNode:
    if true.solution:
        answered = [cell for cell in places if true.is_answered_by(cell.source)]
        return (answered or places)[-1]
    return places[-1] if true.grade else places[0]


def _put_right(cell: NotebookNode, true: MasterCell) -> list[Change]:
    changes = []
    if cell.cell_type != true.cell_type:
        cell.cell_type = true.cell_type
        _complete(cell)
        cell.pop("attachments", None)
        changes.append(Change("retyped", true.grade_id))
    cell.metadata["nbgrader"] = true.metadata()
    if true.fixed and cell.source != true.source:
        # A released test lacks its hidden part, so only a text that differs outside of it was edited.
        if cell.source.strip() != without_hidden(true.source).strip():
            changes.append(Change("edited", true.grade_id))
        cell.source = true.source
    return changes


def _put_back(notebook: NotebookNode, master_cells: Sequence[MasterCell]) -> list[Change]:
    changes: list[Change] = []
    there = {cell.metadata.nbgrader.grade_id for cell in _graded(notebook)}
    if all(true.grade_id in there for true in master_cells):
        return changes
    ids = {cell.id for cell in notebook.cells if "id" in cell}
    # Before everything else only the cell that fixes the language.
    last = 0 if notebook.cells and _fixes_language(notebook.cells[0]) else -1
    for true in master_cells:
        here = next(
            (i for i, c in enumerate(notebook.cells) if _grade_id(c) == true.grade_id),
            None,
        )
        if here is None:
            note, cell = new_markdown_cell(PUT_BACK.format(grade_id=true.grade_id)), true.cell()
            note.id, cell.id = free_id(f"note-{true.grade_id}", ids), free_id(true.grade_id, ids)
            notebook.cells[last + 1 : last + 1] = [note, cell]
            here = last + 2
            changes.append(Change("missing", true.grade_id))
        last = here
    if not has_ids(notebook):
        for cell in notebook.cells:
            cell.pop("id", None)
    return changes


def _grade_id(cell: NotebookNode) -> str | None:
    return cell.metadata.nbgrader.grade_id if "nbgrader" in cell.metadata else None


def _fixes_language(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and "use_language(" in cell.source
