"""Test cells give the points they meant, and say only what a learner may see."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.utils import determine_grade

from autograder.grading.outcomes import (
    HIDDEN_NOTE,
    Complaint,
    complaints,
    hide_tests,
    test_counts,
)
from autograder.notebooks.restore import MasterCell
from autograder.notebooks.scoring import normalise_outcome

test_counts.__test__ = False  # a function of ours, not a test


def graded(*outputs: NotebookNode, source: str = "assert True", count: int = 7) -> NotebookNode:
    cell = MasterCell("x_test", "code", source, grade=True, locked=True, points=3.0).cell()
    cell.outputs, cell.execution_count = list(outputs), count
    return cell


def result(text: str) -> NotebookNode:
    return new_output("execute_result", data={"text/plain": text, "text/html": "<b>x</b>"}, execution_count=7)


def error(*traceback: str, name: str = "KeyError", value: str = "'ts'") -> NotebookNode:
    return new_output("error", ename=name, evalue=value, traceback=list(traceback))


@pytest.mark.parametrize(
    ("shown", "points"),
    [
        ("1.5", 1.5),
        ("np.float64(1.5)", 1.5),
        ("np.int64(2)", 2.0),
        ("0.0", 0.0),
        ("3.0000000000000004", 3.0),
        ("99", 3.0),
        ("-1.0", 0.0),
        ("nan", 0.0),
        ("np.float64(nan)", 0.0),
        ("False", 0.0),
        ("True", 3.0),
        ("   a  b\n0  1  2", 3.0),
    ],
)
def test_a_last_value_is_read_as_it_was_meant(shown: str, points: float) -> None:
    cell = graded(result(shown))
    normalise_outcome(cell)
    assert determine_grade(cell) == (points, 3.0)


def test_a_warning_costs_nothing_and_stays_to_be_read() -> None:
    cell = graded(new_output("stream", name="stderr", text="RuntimeWarning: divide"), result("2.0"))
    assert determine_grade(cell)[0] == 0  # nbgrader's own reading
    normalise_outcome(cell)
    assert determine_grade(cell)[0] == 2
    assert cell.outputs[0].text == "RuntimeWarning: divide"


def test_an_error_stays_an_error() -> None:
    cell = graded(result("3.0"), error("KeyError: 'ts'"))
    cell.outputs.reverse()
    normalise_outcome(cell)
    assert determine_grade(cell)[0] == 0


FRAMES = (
    "\x1b[31m---------------------\x1b[39m",
    "\x1b[31mKeyError\x1b[39m   Traceback (most recent call last)",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line 9\x1b[39m\n----> 9 people(SECRET)\n",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[6]\x1b[39m, line 2, in people(events)\n      1 def people(events):\n----> 2     return events['ts']\n",
    "\x1b[36mFile \x1b[39m/lib/pandas/frame.py:10, in DataFrame.__getitem__(self)\n---> 10 raise KeyError(key)\n",
    "\x1b[31mKeyError\x1b[39m: 'ts'",
)


def test_a_complaint_names_the_learners_line_and_no_test_line() -> None:
    cell = graded(error(*FRAMES))
    assert complaints(cell, frozenset({7})) == [Complaint("KeyError", "'ts'", "return events['ts']")]
    assert complaints(graded(error(*FRAMES[:3], FRAMES[5])), frozenset({7}))[0].where is None


def test_a_syntax_error_names_no_temporary_file() -> None:
    cell = graded(error(name="SyntaxError", value="invalid syntax (2445660835.py, line 1)"))
    assert complaints(cell)[0].message == "invalid syntax (line 1)"


def test_hidden_tests_are_left_out_of_code_and_tracebacks() -> None:
    source = "people(week)\n### BEGIN HIDDEN TESTS\npeople(SECRET)\n### END HIDDEN TESTS"
    other = "### BEGIN HIDDEN TESTS\nreference = SECRET\n### END HIDDEN TESTS"
    frame = "Cell In[8], line 2, in reference(x)\n----> 2 SECRET\n"
    answer = new_code_cell("def people(events): ...", execution_count=6)
    notebook = new_notebook(
        cells=[answer, graded(error(*FRAMES, frame), source=source), graded(source=other, count=8)]
    )
    assert test_counts(notebook) == {7, 8}
    hide_tests(notebook)
    assert "SECRET" not in str(notebook)
    assert notebook.cells[0] == answer
    assert notebook.cells[1].source == f"people(week)\n{HIDDEN_NOTE}"
    assert notebook.cells[2].source == HIDDEN_NOTE
    shown = "".join(notebook.cells[1].outputs[0].traceback)
    assert "events['ts']" in shown
    assert "KeyError" in shown
    assert "pandas/frame.py" not in shown
