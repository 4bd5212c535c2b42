"""A handed-in notebook is put back into the form that was handed out, and answers are left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.nbgraderformat import MetadataValidator

from autograder.notebooks.regions import without_hidden
from autograder.notebooks.restore import Change, MasterCell, master_cells_of, restore

TEST = "assert x\n### BEGIN HIDDEN TESTS\nassert x == 1\n### END HIDDEN TESTS"
TRUTH = (
    MasterCell("setup", "code", "import math", locked=True),
    MasterCell("x", "code", "raise NotImplementedError()", solution=True),
    MasterCell("x_test", "code", TEST, grade=True, locked=True, points=2.0),
    MasterCell("memo", "markdown", "YOUR ANSWER HERE", grade=True, solution=True, points=3.0),
)


def handed_out() -> NotebookNode:
    """What a learner gets: hidden tests left out, prose between the cells."""
    cells: list[NotebookNode] = [new_code_cell('from userops import use_language\n\nuse_language("en")')]
    for true in TRUTH:
        cell = true.cell()
        cell.source = without_hidden(cell.source)
        cells += [new_markdown_cell(f"About {true.grade_id}"), cell]
    return new_notebook(cells=cells)


def get(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """The one cell with this id."""
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    return cell


def order(notebook: NotebookNode) -> list[str]:
    return [c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata]


def remove(notebook: NotebookNode, *grade_ids: str) -> None:
    notebook.cells = [
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in grade_ids
    ]


def put_right(change: Callable[[NotebookNode], object]) -> tuple[NotebookNode, list[Change]]:
    """Hand out, let a learner do ``change``, restore; whatever it was, nbgrader must like the result."""
    notebook = handed_out()
    change(notebook)
    changes = restore(notebook, TRUTH)
    assert order(notebook) == [true.grade_id for true in TRUTH]
    MetadataValidator().validate_nb(notebook)
    assert get(notebook, "x_test").source == TEST
    assert [master_cells_of(notebook)[i] for i in (0, 2)] == [TRUTH[0], TRUTH[2]]
    return notebook, changes


def test_an_untouched_notebook_gets_its_hidden_tests_and_nothing_is_reported() -> None:
    notebook, changes = put_right(lambda nb: None)
    assert changes == []
    assert len(notebook.cells) == len(handed_out().cells)


def test_answers_are_left_alone() -> None:
    def answer(nb: NotebookNode) -> None:
        get(nb, "x").source = "x = 1"
        get(nb, "memo").source = "Because."

    notebook, changes = put_right(answer)
    assert (get(notebook, "x").source, get(notebook, "memo").source) == ("x = 1", "Because.")
    assert changes == []


@pytest.mark.parametrize(
    "gone", [("setup",), ("x",), ("x_test",), ("memo",), ("x", "x_test"), ("setup", "x", "x_test", "memo")]
)
def test_what_was_deleted_is_put_back_in_its_place_with_a_note(gone: tuple[str, ...]) -> None:
    notebook, changes = put_right(lambda nb: remove(nb, *gone))
    assert changes == [Change("missing", grade_id) for grade_id in gone]
    for grade_id in gone:
        above = notebook.cells[notebook.cells.index(get(notebook, grade_id)) - 1]
        assert above.cell_type == "markdown"
        assert grade_id in above.source
    assert "use_language" in notebook.cells[0].source  # the language comes before everything


def test_a_set_up_cell_goes_to_the_very_top_when_the_language_cell_is_gone_too() -> None:
    def change(nb: NotebookNode) -> None:
        remove(nb, "setup")
        del nb.cells[0]

    notebook, _ = put_right(change)
    assert notebook.cells.index(get(notebook, "setup")) == 1  # under its note


def test_of_two_copies_of_an_answer_the_last_changed_one_counts() -> None:
    def change(nb: NotebookNode) -> None:
        place = nb.cells.index(get(nb, "x"))
        stub = copy.deepcopy(nb.cells[place])
        nb.cells[place].source = "x = 1"
        nb.cells.insert(place + 1, stub)

    notebook, changes = put_right(change)
    assert get(notebook, "x").source == "x = 1"
    assert changes == [Change("duplicate", "x")]


def with_copy_at_the_end(grade_id: str) -> tuple[NotebookNode, list[Change]]:
    notebook = handed_out()
    notebook.cells.append(copy.deepcopy(get(notebook, grade_id)))
    return notebook, restore(notebook, TRUTH)


@pytest.mark.parametrize("grade_id", ["setup", "x", "x_test", "memo"])
def test_a_copied_cell_keeps_its_part_once(grade_id: str) -> None:
    notebook, changes = with_copy_at_the_end(grade_id)
    MetadataValidator().validate_nb(notebook)
    assert sorted(order(notebook)) == sorted(true.grade_id for true in TRUTH)
    assert changes == [Change("duplicate", grade_id)]
    assert len(notebook.cells) == len(handed_out().cells) + 1


def test_a_copied_set_up_cell_still_runs_first() -> None:
    notebook, _ = with_copy_at_the_end("setup")
    assert order(notebook)[0] == "setup"


def test_edited_tests_and_set_up_say_again_what_they_said() -> None:
    def change(nb: NotebookNode) -> None:
        get(nb, "x_test").source = "pass"
        get(nb, "setup").source = ""

    notebook, changes = put_right(change)
    assert get(notebook, "setup").source == "import math"
    assert changes == [Change("edited", "setup"), Change("edited", "x_test")]


@pytest.mark.parametrize(("grade_id", "new_type"), [("x", "markdown"), ("x_test", "raw"), ("memo", "code")])
def test_a_cell_that_changed_its_type_gets_it_back(grade_id: str, new_type: str) -> None:
    def change(nb: NotebookNode) -> None:
        cell = get(nb, grade_id)
        cell.cell_type = new_type
        if new_type != "code":
            del cell["outputs"], cell["execution_count"]

    notebook, changes = put_right(change)
    true = next(true for true in TRUTH if true.grade_id == grade_id)
    assert get(notebook, grade_id).cell_type == true.cell_type
    assert ("outputs" in get(notebook, grade_id)) == (true.cell_type == "code")
    assert changes == [Change("retyped", grade_id)]


@pytest.mark.parametrize(
    "forged",
    [
        {"grade_id": "x", "schema_version": 2},
        {"grade_id": "x", "schema_version": 99, "points": "many", "grade": "yes"},
        {
            "grade_id": "x",
            "schema_version": 3,
            "solution": False,
            "grade": True,
            "locked": False,
            "points": 100,
        },
    ],
)
def test_forged_metadata_become_the_chapters_own(forged: dict[str, object]) -> None:
    def change(nb: NotebookNode) -> None:
        get(nb, "x").metadata["nbgrader"] = NotebookNode(forged)

    notebook, _ = put_right(change)
    assert get(notebook, "x").metadata.nbgrader == TRUTH[1].metadata()


@pytest.mark.parametrize("meta", [{}, None, "x", {"grade_id": "extra", "grade": True}, {"grade_id": 7}])
def test_metadata_of_no_cell_of_this_chapter_are_dropped(meta: object) -> None:
    def change(nb: NotebookNode) -> None:
        nb.cells.append(new_code_cell("1/0"))
        nb.cells[-1].metadata["nbgrader"] = NotebookNode(meta) if isinstance(meta, dict) else meta

    notebook, changes = put_right(change)
    assert "nbgrader" not in notebook.cells[-1].metadata
    assert [change.what for change in changes] == ["unknown"]


def test_a_cell_that_lost_its_metadata_is_known_by_its_id() -> None:
    def change(nb: NotebookNode) -> None:
        for grade_id in ("x", "x_test"):
            cell = get(nb, grade_id)
            cell.id = grade_id  # as the build names it
            cell.source = "x = 1"
            del cell.metadata["nbgrader"]

    notebook, changes = put_right(change)
    assert get(notebook, "x").source == "x = 1"
    assert changes == [Change("stripped", "x"), Change("stripped", "x_test"), Change("edited", "x_test")]
    assert len(notebook.cells) == len(handed_out().cells)


def test_an_id_does_not_make_a_second_copy_of_a_cell() -> None:
    notebook = handed_out()
    notebook.cells.append(new_code_cell("x = 2", id="x"))
    assert restore(notebook, TRUTH) == []
    assert "nbgrader" not in notebook.cells[-1].metadata


def test_what_is_not_a_cell_is_dropped_and_what_lacks_a_field_gets_it() -> None:
    def change(nb: NotebookNode) -> None:
        del get(nb, "x")["outputs"]
        nb.cells += [NotebookNode(cell_type="heading", source="x"), NotebookNode(cell_type="code")]
        nb.cells.append(NotebookNode(cell_type="code", source="1"))

    notebook, _ = put_right(change)
    assert notebook.cells[-1] == NotebookNode(
        cell_type="code",
        source="1",
        metadata=NotebookNode(),
        outputs=[],
        execution_count=None,
        id=f"cell-{len(notebook.cells) - 1}",
    )
    assert get(notebook, "x").outputs == []
    assert len(notebook.cells) == len(handed_out().cells) + 1


def test_cells_put_back_into_an_old_notebook_have_no_ids() -> None:
    notebook = handed_out()
    notebook.nbformat_minor = 2
    for cell in notebook.cells:
        del cell["id"]
    remove(notebook, "x_test")
    restore(notebook, TRUTH)
    assert not any("id" in cell for cell in notebook.cells)


def test_restoring_twice_changes_nothing_more() -> None:
    notebook, _ = put_right(lambda nb: remove(nb, "x_test", "setup"))
    before = copy.deepcopy(notebook)
    assert restore(notebook, TRUTH) == []
    assert notebook == before
