"""Four thin steps that ``nbgrader_config.py`` adds to stock nbgrader, each against a trap of nbgrader's own.

=====================  ============================================================================
``RestoreCells``       a copied, deleted or retyped cell aborts the whole batch, or loses its score
``RunCells``           a kernel that dies takes the points of every exercise before it along
``ReadScores``         a stray warning costs a test all its points; ``np.float64(1.5)`` earns all
``HideHiddenTests``    the feedback shows the hidden tests
=====================  ============================================================================

They are nbgrader preprocessors like any other, named in the configuration and in no other place.
``RunCells`` alone decides how a submission is run: another executor takes its place in one line of
``nbgrader_config.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import nbformat
from jupyter_core.utils import ensure_async
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Integer, List

from autograder.outcome import hide_tests, settle
from autograder.restore import restore
from autograder.truth import from_gradebook

Resources = dict[str, Any]

DEAD: Final = "The kernel died while this cell ran; nothing after it could run.  内核在运行这个单元格时崩溃，之后的单元格都没有运行。"


class RestoreCells(NbGraderPreprocessor):
    """Put every cell back into its place before nbgrader's own sanitising looks at the notebook."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        ids = resources["nbgrader"]
        with Gradebook(ids["db_url"]) as gradebook:
            truth = from_gradebook(gradebook, ids["notebook"], ids["assignment"])
        order = self._order(ids["assignment"], ids["notebook"])
        truth.sort(key=lambda cell: order.get(cell.grade_id, len(order)))
        for change in restore(nb, truth):
            self.log.warning("%s: cell %r was %s", ids["student"], change.grade_id, change.what)
        return nb, resources

    def _order(self, assignment: str, notebook: str) -> Mapping[str, int]:
        """Places of the cells in the source notebook: the gradebook does not keep their order."""
        # nbconvert's exporter is a preprocessor's parent, and nbgrader's converter is the exporter's.
        coursedir = self.parent.parent.coursedir
        folder = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
        try:
            source = nbformat.read(folder / f"{notebook}.ipynb", as_version=4)
        except OSError:
            return {}
        ids = (cell.metadata.get("nbgrader", {}).get("grade_id") for cell in source.cells)
        return {grade_id: place for place, grade_id in enumerate(ids) if grade_id}


class RunCells(Execute):
    """Run a submission as nbgrader does, but let a kernel that dies cost only what it did not run."""

    max_characters = Integer(
        200_000,
        help="Text a cell may print before the rest is left out (an endless loop prints gigabytes).",
    ).tag(config=True)

    max_flood = Integer(
        2_000_000,
        help="Text after which a cell is interrupted: the kernel's memory fills up with what nobody reads.",
    ).tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: Resources, km: Any = None
    ) -> tuple[NotebookNode, Resources]:
        self._dead = False
        self._interrupting: dict[int, asyncio.Task[None]] = {}
        self._printed: dict[int, int] = {}
        return super().preprocess(nb, resources, km)

    def preprocess_cell(
        self, cell: NotebookNode, resources: Resources, index: int
    ) -> tuple[NotebookNode, Resources]:
        if cell.cell_type == "code" and cell.source.strip() and self._dead:
            cell.outputs = [_error("DeadKernelError", DEAD)]
            return cell, resources
        try:
            return super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self._dead = True
            cell.outputs.append(_error("DeadKernelError", DEAD))
            return cell, resources

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str, cell_index: int
    ) -> NotebookNode | None:
        if msg["msg_type"] == "stream":
            printed = self._printed.get(cell_index, 0)
            text = msg["content"]["text"]
            self._printed[cell_index] = printed + len(text)
            if printed > self.max_flood and cell_index not in self._interrupting:
                # Called from within nbclient's loop; the kernel's answer is read there as usual.
                self._interrupting[cell_index] = asyncio.get_running_loop().create_task(
                    ensure_async(self.km.interrupt_kernel())
                )
            if printed >= self.max_characters:
                return None
            if printed + len(text) > self.max_characters:
                msg["content"]["text"] = text[: self.max_characters - printed] + "\n[…]\n"
        return super().output(outs, msg, display_id, cell_index)


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class ReadScores(NbGraderPreprocessor):
    """Make nbgrader read a test's outcome as it was meant, just before it writes it down."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Resources, index: int
    ) -> tuple[NotebookNode, Resources]:
        if is_grade(cell) and cell.cell_type == "code":
            settle(cell)
        return cell, resources


class HideHiddenTests(NbGraderPreprocessor):
    """Leave the hidden tests out of the feedback: their code, and what a traceback shows of it."""

    # nbconvert's HTML exporter sets this for every step, and warns of a step that does not know it.
    display_data_priority = List(["text/html", "image/png", "text/plain"]).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        hide_tests(nb)
        return nb, resources


def stamp(*, notebooks: Sequence[str], **_: Any) -> None:
    """Give a submission that was copied in by hand a ``timestamp.txt``: when its newest notebook was saved.

    nbgrader compares timestamps to see that a submission has come again, and skips one that has none.
    The hook is called before each submission with the paths of its notebooks.
    """
    for folder in {Path(notebook).parent for notebook in notebooks}:
        path = folder / "timestamp.txt"
        if not path.exists():
            newest = max(notebook.stat().st_mtime for notebook in folder.glob("*.ipynb"))
            moment = datetime.fromtimestamp(newest, tz=UTC)
            path.write_text(f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC\n", encoding="utf-8")
