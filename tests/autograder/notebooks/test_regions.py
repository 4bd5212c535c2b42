"""Answers and hidden tests are found where nbgrader finds them."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import ClearHiddenTests

from autograder.notebooks.regions import hidden_lines, replaced, spans, without_hidden

TWO = "a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc\nif d:\n    ### BEGIN HIDDEN TESTS\n    e\n    ### END HIDDEN TESTS"


def test_spans_hold_their_marks() -> None:
    assert hidden_lines(TWO) == ((2, 4), (7, 9))
    assert spans(TWO, "SOLUTION") == ()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a\n### BEGIN HIDDEN TESTS\nb", ((2, 3),)),  # not closed: to the end
        ("### BEGIN HIDDEN TESTS\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc", ((1, 4),)),
        ("a\n### END HIDDEN TESTS\nb", ()),
    ],
)
def test_marks_that_do_not_match_hide_too_much_rather_than_too_little(
    source: str, found: tuple[tuple[int, int], ...]
) -> None:
    assert hidden_lines(source) == found


def test_what_is_left_is_what_nbgrader_releases() -> None:
    cell = new_code_cell(TWO)
    ClearHiddenTests()._remove_hidden_test_region(cell)
    assert without_hidden(TWO) == cell.source == "a\nc\nif d:"
    assert without_hidden("a\nb") == "a\nb"


def test_what_stands_instead_is_indented_as_the_mark() -> None:
    source = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
    assert replaced(source, "SOLUTION", ["# here", "pass"]) == "def f():\n    # here\n    pass\n"
