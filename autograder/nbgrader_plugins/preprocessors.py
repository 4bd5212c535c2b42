"""Four thin steps that ``nbgrader_config.py`` adds to stock nbgrader, each against a trap of nbgrader's own.

=====================  ============================================================================
``RestoreCells``       a copied, deleted or retyped cell aborts the whole batch, or loses its score
``RunCells``           learners' code runs with the instructor's rights, and beside the tests
``ReadScores``         a stray warning costs a test all its points; ``np.float64(1.5)`` earns all
``HideHiddenTests``    the feedback shows the hidden tests
=====================  ============================================================================

They are nbgrader preprocessors like any other, named in the configuration and in no other place.
``RunCells`` is the door by which nbgrader's own commands and formgrader's button run submissions with
``autograder.engine``.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade
from traitlets import Bool, Integer, List

from autograder.engine import Engine, Job, Limits, chapter_plan
from autograder.grading.master import from_gradebook
from autograder.grading.outcomes import hide_tests
from autograder.notebooks.restore import MasterCell, restore
from autograder.notebooks.scoring import normalise_outcome
from autograder.notebooks.submissions import language_of_notebook
from autograder.notebooks.timestamps import TIMESTAMP, write_timestamp
from userops.errors import CourseError

Resources = dict[str, Any]


class RestoreCells(NbGraderPreprocessor):  # type: ignore[misc]  # (nbgrader has no types)
    """Put every cell back into its place before nbgrader's own sanitising looks at the notebook."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Restore one submission's notebook in place; what was put right is logged."""
        ids = resources["nbgrader"]
        for change in restore(nb, _master_cells(self, ids)):
            self.log.warning("%s: cell %r was %s", ids["student"], change.grade_id, change.what)
        return nb, resources


class RunCells(NbGraderPreprocessor):  # type: ignore[misc]  # (nbgrader has no types)
    """Run a submission as ``userops grade`` does: the learner's cells behind walls, the tests out of their reach.

    The fork servers start with the first notebook and are ended a while after the last one: ``nbgrader
    autograde`` runs a class with one start, and formgrader's button leaves nothing behind.
    """

    timeout = Integer(60, help="Seconds of wall clock for one cell, or for one test with all its calls.").tag(
        config=True
    )
    idle = Integer(90, help="Seconds without a submission after which the fork servers are ended.").tag(
        config=True
    )
    confined = Bool(
        True,
        help="Run submissions behind walls; without them, what students hand in runs with your rights. "
        "The environment variable USEROPS_UNCONFINED=1 says the same as False.",
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Run one submission; its outputs, and what only the run knew, come back in the notebook.

        Raises:
            CourseError: it could not be run.
        """
        ids = resources["nbgrader"]
        master_cells = _master_cells(self, ids)
        ready = chapter_plan(ids["assignment"], master_cells)
        job = Job(str(ids["student"]), nb, language_of_notebook(nb) or "en")
        confined = self.confined and not os.environ.get("USEROPS_UNCONFINED")
        engine = _shared.take(Limits(cell_seconds=self.timeout), confined)
        try:
            ran = next(iter(engine.run(ready, [job])))
        finally:
            _shared.give_back(self.idle)
        for note in ran.notes:
            self.log.warning("%s: %s", ids["student"], note)
        if ran.trouble:
            raise CourseError(ran.trouble)
        ran.notebook.metadata["userops_graded"] = {
            "met": {test: list(keys) for test, keys in ran.misconceptions_met.items() if keys}
        }
        return ran.notebook, resources


class _Shared:
    """One engine for all notebooks of a program, ended when it has stood idle, or with the program."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def take(self, limits: Limits, confined: bool) -> Engine:
        self._lock.acquire()
        if self._timer is not None:
            self._timer.cancel()
        if self._engine is None or (self._engine.limits, self._engine.confined) != (limits, confined):
            self.end()
            self._engine = Engine(workers=1, confined=confined, limits=limits)
        return self._engine

    def give_back(self, idle: float) -> None:
        self._timer = threading.Timer(idle, self.end)
        self._timer.daemon = True
        self._timer.start()
        self._lock.release()

    def end(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None


_shared: Final = _Shared()
atexit.register(_shared.end)


def _master_cells(step: NbGraderPreprocessor, ids: dict[str, Any]) -> list[MasterCell]:
    """The notebook's cells as the gradebook knows them, in the order of the source."""
    # nbconvert's exporter is a preprocessor's parent, and nbgrader's converter is the exporter's.
    coursedir = step.parent.parent.coursedir
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", ids["assignment"]))
    with Gradebook(ids["db_url"]) as gradebook:
        source = folder / f"{ids['notebook']}.ipynb"
        return from_gradebook(gradebook, ids["notebook"], ids["assignment"], source)


class ReadScores(NbGraderPreprocessor):  # type: ignore[misc]  # (nbgrader has no types)
    """Make nbgrader read a test's outcome as it was meant, just before it writes it down."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: Resources, index: int
    ) -> tuple[NotebookNode, Resources]:
        """Normalise the outcome of a graded code cell in place."""
        if is_grade(cell) and cell.cell_type == "code":
            normalise_outcome(cell)
        return cell, resources


class HideHiddenTests(NbGraderPreprocessor):  # type: ignore[misc]  # (nbgrader has no types)
    """Leave the hidden tests out of the feedback: their code, and what a traceback shows of it."""

    # nbconvert's HTML exporter sets this for every step, and warns of a step that does not know it.
    display_data_priority = List(["text/html", "image/png", "text/plain"]).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Hide the tests of one graded notebook in place."""
        hide_tests(nb)
        return nb, resources


def stamp(*, notebooks: Sequence[str], **_: Any) -> None:
    """Give a submission that was copied in by hand a ``timestamp.txt``: when its newest notebook was saved.

    nbgrader compares timestamps to see that a submission has come again, and skips one that has none.
    The hook is called before each submission with the paths of its notebooks.
    """
    for folder in {Path(notebook).parent for notebook in notebooks}:
        if not (folder / TIMESTAMP).exists():
            newest = max(notebook.stat().st_mtime for notebook in folder.glob("*.ipynb"))
            write_timestamp(folder, newest)
