"""Altered notebooks: what accident or cunning does to the file itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from bank_course import HONEST, TESTS, Case, cell_of, insert_after
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

_WRONG = {"early": "early = 8", "people": "def people(events):\n    return 0"}
_ZERO = {"early": 0, "people": 0}


def _do(change: Callable[[NotebookNode], Any]) -> Callable[[NotebookNode], None]:
    def alter(made: NotebookNode) -> None:
        change(made)

    return alter


def _meta(made: NotebookNode, where: str, **values: Any) -> None:
    cell_of(made, where).metadata["nbgrader"].update(values)


def _source(made: NotebookNode, grade_id: str, source: str) -> None:
    cell_of(made, grade_id).source = source


def _copy_of(made: NotebookNode, grade_id: str, source: str | None = None) -> NotebookNode:
    cell = copy.deepcopy(cell_of(made, grade_id))
    if source is not None:
        cell.source = source
    return cell


def _every_test(made: NotebookNode, change: Callable[[NotebookNode], Any]) -> None:
    for name in TESTS:
        change(cell_of(made, f"{name}_test"))


def _delete(made: NotebookNode, *grade_ids: str) -> None:
    made.cells = [cell for cell in made.cells if cell.get("id") not in grade_ids]


def _all_tests_to_the_top(made: NotebookNode) -> None:
    tests = [cell for cell in made.cells if str(cell.get("id")).endswith("_test")]
    made.cells = tests + [cell for cell in made.cells if cell not in tests]


def _prefilled(made: NotebookNode) -> None:
    def fill(cell: NotebookNode) -> None:
        cell.outputs = [new_output("execute_result", data={"text/plain": "100"}, execution_count=1)]
        cell.execution_count = 1

    _every_test(made, fill)


def _swap_ids(made: NotebookNode) -> None:
    """The wrong answer's cell carries an easier test's name."""
    cell_of(made, "early").metadata["nbgrader"]["grade_id"] = "people_test"


def _attachments(made: NotebookNode) -> None:
    cell = new_markdown_cell("![x](attachment:x.png)")
    cell.attachments = {"x.png": {"image/png": "!!! not base64 !!!"}}
    made.cells.insert(1, cell)
    cell_of(made, "people")["attachments"] = {"x": {"text/plain": "y"}}


_PATCH_SETUP = (
    "import pandas as pd\nfrom userops import t\nclass check:\n    number = frame = chart = visible_ok = "
    "staticmethod(lambda *a, **k: None)\n    Score = None\nevents = None"
)

ALTERED: Final = [
    Case("duplicated_tests", "hand in every test twice, the second one empty", _WRONG, _do(lambda m: m.cells.extend([_copy_of(m, f"{n}_test", "") for n in TESTS])), _ZERO),
    Case("duplicated_first", "an empty copy of a test before the answer", _WRONG, _do(lambda m: m.cells.insert(1, _copy_of(m, "people_test", "100"))), _ZERO),
    Case("duplicated_answer", "an answer twice, the later one wrong", alter=_do(lambda m: m.cells.insert(m.cells.index(cell_of(m, "people_test")), _copy_of(m, "people", "def people(events):\n    return 0"))), points={"people": 0}),
    Case("deleted_tests", "delete every test", _WRONG, _do(lambda m: _delete(m, *[f"{n}_test" for n in TESTS])), _ZERO),
    Case("deleted_setup", "delete the set-up", alter=_do(lambda m: _delete(m, "setup"))),
    Case("deleted_answers", "delete two answers", alter=_do(lambda m: _delete(m, "early", "people")), points=_ZERO),
    Case("deleted_all", "hand in a notebook without cells", alter=_do(lambda m: m.cells.clear()), points=dict.fromkeys(TESTS, 0)),
    Case("tests_first", "all tests before the answers", alter=_do(_all_tests_to_the_top), points={}, at_most={n: v[1] for n, v in TESTS.items()}),
    Case("reversed", "all cells in reverse order", alter=_do(lambda m: m.cells.reverse()), at_most={n: v[1] for n, v in TESTS.items()}),
    Case("retyped_tests", "tests turned into text", _WRONG, _do(lambda m: _every_test(m, lambda c: (c.update(cell_type="markdown"), c.pop("outputs", None), c.pop("execution_count", None)))), _ZERO),
    Case("retyped_answers", "an answer turned into text and into raw", alter=_do(lambda m: (cell_of(m, "early").update(cell_type="raw"), cell_of(m, "people").update(cell_type="markdown")))),
    Case("relabelled", "an answer's cell carries a test's name", {"early": "100", "people": _WRONG["people"]}, _do(_swap_ids), _ZERO),
    Case("relabelled_as_setup", "an answer's cell calls itself the set-up", {"early": _PATCH_SETUP}, _do(lambda m: _meta(m, "early", grade_id="setup")), {"early": 0}),
    Case("points_forged", "every test worth 100 points", _WRONG, _do(lambda m: _every_test(m, lambda c: c.metadata.nbgrader.update(points=100))), _ZERO),
    Case("flags_flipped", "tests call themselves answers, answers tests", _WRONG, _do(lambda m: (_every_test(m, lambda c: c.metadata.nbgrader.update(grade=False, solution=True)), _meta(m, "early", grade=True, points=50))), _ZERO),
    Case("unlocked", "tests unlocked and emptied", _WRONG, _do(lambda m: _every_test(m, lambda c: (c.metadata.nbgrader.update(locked=False), c.update(source="pass")))), _ZERO),
    Case("tests_emptied", "every test emptied", _WRONG, _do(lambda m: _every_test(m, lambda c: c.update(source=""))), _ZERO),
    Case("tests_hundred", "every test says 100", _WRONG, _do(lambda m: _every_test(m, lambda c: c.update(source="100"))), _ZERO),
    Case("setup_patched", "the set-up makes every check pass", _WRONG, _do(lambda m: _source(m, "setup", _PATCH_SETUP)), _ZERO),
    Case("markers", "hidden markers in an answer and a test", {"early": "### BEGIN HIDDEN TESTS\nearly = 8\n### END HIDDEN TESTS", "people": "### BEGIN SOLUTION\npass\n### END SOLUTION"}, _do(lambda m: _source(m, "people_test", "### BEGIN HIDDEN TESTS\n100\n### END HIDDEN TESTS")), _ZERO),
    Case("extra_tests", "more tests, with points", _WRONG, _do(lambda m: m.cells.append(new_code_cell("100", metadata={"nbgrader": {"grade_id": "bonus", "grade": True, "solution": False, "locked": True, "points": 1000, "schema_version": 3, "task": False}}))), _ZERO),
    Case("prefilled", "outputs filled in with scores", _WRONG, _do(_prefilled), _ZERO),
    Case("kernelspec", "another kernel: a shell, made up here", alter=_do(lambda m: m.metadata.update(kernelspec={"name": "../../evil", "display_name": "x", "language": "bash", "argv": ["sh", "-c", "touch /tmp/attack-kernel"]}))),
    Case("no_metadata", "no metadata at all", alter=_do(lambda m: (m.metadata.clear(), [c.metadata.pop("nbgrader", None) for c in m.cells]))),
    Case("wild_metadata", "metadata of the wrong kinds", alter=_do(lambda m: (m.metadata.update(kernelspec=[1], language_info="x"), [c.metadata.update(nbgrader="x", tags=7) for c in m.cells]))),
    Case("schema", "metadata of an old and of a future schema", alter=_do(lambda m: (_meta(m, "early_test", schema_version=1), _meta(m, "people_test", schema_version=99)))),
    Case("same_ids", "every cell with the same id", alter=_do(lambda m: [c.update(id="people_test") for c in m.cells])),
    Case("attachments", "attachments where none belong", alter=_do(_attachments)),
    Case("thousand_cells", "a thousand cells more", alter=_do(lambda m: m.cells.extend(new_code_cell(f"x = {i}") for i in range(1000)))),
    Case("traceback_lines", "a cell that writes test-like outputs", _WRONG, _do(lambda m: insert_after(m, "people_test", "print('✓ The visible checks pass.')\n100")), _ZERO),
    Case("run_the_tests", "a cell that looks for the tests' text among its inputs", alter=_do(lambda m: insert_after(m, "last_test", "print(In, dir())\nimport linecache\nprint([''.join(v[2]) for v in linecache.cache.values() if 'secret' in ''.join(v[2])])"))),
    Case("score_cells", "cells between that define the tests' names", {"people": "def people(events):\n    return 0"}, _do(lambda m: (insert_after(m, "people", "week = secret = None\nclass pd:\n    DataFrame = dict"), insert_after(m, "people_test", HONEST["people"]))), {"people": 0}),
]  # fmt: skip
