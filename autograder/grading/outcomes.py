"""Read what a test cell left behind, and show of it only what a learner may see.

What the outputs say *to the learner* is read by ``complaints``, and ``hide_tests`` removes from a notebook what
shows a hidden test. (What the outputs are worth: ``autograder.notebooks.scoring``.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.notebooks.regions import without_hidden

HIDDEN_NOTE: Final = "# … hidden tests · 隐藏测试 …"

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME: Final = re.compile(r"\s*(?:Cell In\[(?P<cell>\d+)\]|File ).*")
_ARROW: Final = re.compile(r"^-+> *(?P<line>\d+) (?P<code>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Complaint:
    """One error of a cell, in words that show no test.

    Attributes:
        name: the exception's class (``"CheckError"`` when a check spoke).
        message: its message; never a traceback.
        where: the learner's own line that raised it, if it was the learner's code.
    """

    name: str
    message: str
    where: str | None = None

    @property
    def from_check(self) -> bool:
        """Whether a check spoke."""
        return self.name == "CheckError"


def complaints(cell: NotebookNode, tests: frozenset[int] = frozenset()) -> list[Complaint]:
    """The errors among a cell's outputs.

    Args:
        cell: an executed code cell.
        tests: execution counts of all test cells, whose lines are not shown (see ``test_counts``).
    """
    return [
        Complaint(output.ename, _message(output.evalue), _own_line(output.traceback, tests))
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def test_counts(notebook: NotebookNode) -> frozenset[int]:
    """Execution counts of the notebook's test cells: ``Cell In[7]`` in a traceback is one of these, or not."""
    return frozenset(cell.execution_count for cell in _tests(notebook) if cell.execution_count)


def hide_tests(notebook: NotebookNode) -> None:
    """Remove the hidden tests from an executed notebook in place: their code, and what tracebacks show of it."""
    counts = test_counts(notebook)
    for cell in _tests(notebook):
        cell.source = visible_source(cell.source)
        cell.outputs = [
            _shown(output, counts) if output.output_type == "error" else output for output in cell.outputs
        ]


def visible_source(source: str) -> str:
    """A test's text as it may be shown: a note stands for the hidden part, if there is one."""
    visible = without_hidden(source)
    return source if visible == source else f"{visible.rstrip()}\n{HIDDEN_NOTE}".lstrip()


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is a test: code that is graded and is no answer."""
    meta = cell.metadata.get("nbgrader", {})
    return bool(cell.cell_type == "code" and meta.get("grade") and not meta.get("solution"))


def _tests(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if is_test(cell))


def _shown(output: NotebookNode, tests: frozenset[int]) -> NotebookNode:
    kept = [item for item in output.traceback if not _FRAME.match(_plain(item)) or _is_own(item, tests)]
    shown: NotebookNode = new_output("error", ename=output.ename, evalue=output.evalue, traceback=kept)
    return shown


def _own_line(traceback: list[str], tests: frozenset[int]) -> str | None:
    """The innermost line of the learner's own cells in a traceback."""
    for item in reversed(traceback):
        if _is_own(item, tests) and (arrow := _ARROW.search(_plain(item))):
            return arrow["code"].strip()
    return None


def _is_own(item: str, tests: frozenset[int]) -> bool:
    match = _FRAME.match(_plain(item))
    return bool(match and match["cell"] and int(match["cell"]) not in tests)


def _message(text: str) -> str:
    """An error's message; a syntax error names a temporary file that means nothing to a reader."""
    return re.sub(r"\(\d+\.py, (line \d+)\)", r"(\1)", _plain(text))


def _plain(text: str) -> str:
    return _ANSI.sub("", text)
