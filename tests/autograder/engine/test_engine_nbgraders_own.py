"""nbgrader's own shipped test notebooks: the scores of stock nbgrader's executor, cell by cell."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nbformat
import nbgrader
import pytest
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute
from nbgrader.utils import determine_grade, is_grade
from traitlets.config import Config

from autograder.engine import Engine, Job, chapter_plan
from autograder.notebooks.restore import master_cells_of, restore

FILES: Final = Path(nbgrader.__file__).parent / "tests" / "apps" / "files"
# A submission, and the notebook that was handed out.
PAIRS: Final = {
    "test": "test",
    "submitted-changed": "submitted-unchanged",
    "submitted-unchanged": "submitted-unchanged",
    "submitted-locked-cell-changed": "submitted-unchanged",
    "submitted-cheat-attempt-alternative": "submitted-unchanged",
    "autotest-hidden-changed-wrong": "autotest-hidden-changed-wrong",
    "autotest-simple-changed": "autotest-simple-changed",
    "autotest-simple-unchanged": "autotest-simple-unchanged",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=1) as engine:
        yield engine


def read(name: str) -> NotebookNode:
    return nbformat.read(FILES / f"{name}.ipynb", as_version=4)


def ours(engine: Engine, name: str, master: str) -> NotebookNode:
    master_cells = master_cells_of(read(master))
    notebook = read(name)
    restore(notebook, master_cells)
    (ran,) = engine.run(chapter_plan("ps1", master_cells), [Job("bitdiddle", notebook, "en")])
    assert ran.trouble is None
    return ran.notebook


def scores(notebook: NotebookNode) -> dict[str, float | None]:
    return {
        cell.metadata.nbgrader.grade_id: determine_grade(cell)[0]
        for cell in notebook.cells
        if is_grade(cell) and cell.cell_type == "code"
    }


@pytest.mark.parametrize("name", PAIRS)
def test_its_scores_are_stock_nbgraders(engine: Engine, tmp_path: Path, name: str) -> None:
    notebook = read(name)
    restore(notebook, master_cells_of(read(PAIRS[name])))
    config = Config()
    config.ExecutePreprocessor.kernel_name = "python3"
    theirs, _ = Execute(config=config).preprocess(
        copy.deepcopy(notebook), {"metadata": {"path": str(tmp_path)}}
    )
    assert scores(ours(engine, name, PAIRS[name])) == scores(theirs)
    assert len(scores(theirs)) > 0


def test_the_cheat_that_stock_nbgrader_lets_through_earns_nothing(engine: Engine) -> None:
    """It replaces the shell's ``showtraceback``, so that no failing test says so; here the tests are elsewhere."""
    found = scores(ours(engine, "submitted-cheat-attempt", "submitted-unchanged"))
    assert found["bar"] == 0
