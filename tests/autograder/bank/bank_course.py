"""A tiny chapter to attack: five exercises, hidden tests that hold recognisable secrets, and honest answers.

Built by hand, so that a submission costs a tenth of a second. The first and the last exercise are witnesses:
most submissions answer them honestly and attack between them, and must keep their points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.notebooks.restore import MasterCell

# What hidden tests hold and no learner may ever see. Numbers and text; long enough not to occur by chance.
SECRETS: Final = (
    "HIDDEN-7731",
    "HIDDEN_7731",
    "77317731",
    "77,317,731",
    "0x49bc203",
    "41424242",
    "41,424,242",
)

SETUP: Final = """\
import pandas as pd

from userops import check, t

events = pd.DataFrame({"user_id": [1, 1, 2, 3], "day": [1, 2, 2, 4]})
"""

EARLY_TEST: Final = """\
assert isinstance(early, int)
check.visible_ok()
### BEGIN HIDDEN TESTS
check.number(early, 7, wrong={"six": (6, t("That is six.", "那是六。"))})
### END HIDDEN TESTS
"""

PEOPLE_TEST: Final = """\
week = pd.DataFrame({"user_id": [1, 1, 2], "who": ["ann", "ann", "bo"]})
check.number(people(week), 2, wrong={"events": (3, t("You counted events.", "你数的是事件。"))})
check.visible_ok()
### BEGIN HIDDEN TESTS
secret = pd.DataFrame({"user_id": [77317731, 8, 9, 9, 5], "who": ["HIDDEN-7731", "x", "y", "y", "z"]})
check.number(people(secret), 4)
check.number(people(secret.tail(41424242 // 41424242)), 1)
### END HIDDEN TESTS
"""

TABLE_TEST: Final = """\
check.frame(per_day(events), pd.DataFrame({"day": [1, 2, 4], "users": [1, 2, 1]}), keys="day")
check.visible_ok()
### BEGIN HIDDEN TESTS
other = pd.DataFrame({"user_id": [77317731, 77317731, 5], "day": [41424242, 3, 3]})
check.frame(per_day(other.copy()), pd.DataFrame({"day": [3, 41424242], "users": [2, 1]}), keys="day")
check.frame(per_day(events), events.groupby("day")["user_id"].nunique().rename("users").reset_index(), keys="day")
### END HIDDEN TESTS
"""

CHART_TEST: Final = """\
check.chart(ax, kind="bar", y=[3, 5, 4])
check.visible_ok()
### BEGIN HIDDEN TESTS
check.chart(ax, kind="bar", x=["a", "b", "c"], y=[3, 5, 4], zero_based=True)
### END HIDDEN TESTS
"""

PARTS_TEST: Final = """\
assert first is not None
check.visible_ok()
### BEGIN HIDDEN TESTS
score = check.Score(3)
with score.part(1, t("first", "第一")):
    check.number(first, 11)
with score.part(2, t("second", "第二")):
    check.number(second(77317731, "HIDDEN-7731"), 77317732)
score.total()
### END HIDDEN TESTS
"""

LAST_TEST: Final = """\
check.number(double(2), 4)
check.visible_ok()
### BEGIN HIDDEN TESTS
check.number(double(41424242), 82848484)
### END HIDDEN TESTS
"""

STUB: Final = "# YOUR CODE HERE\nraise NotImplementedError()"

HONEST: Final[dict[str, str]] = {
    "early": "early = 7",
    "people": "def people(events):\n    return events['user_id'].nunique()",
    "table": (
        "def per_day(events):\n    return events.groupby('day', as_index=False)['user_id'].nunique()"
        ".rename(columns={'user_id': 'users'})"
    ),
    "chart": (
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.bar(['a', 'b', 'c'], [3, 5, 4])\n"
        "ax.set(title='Users', xlabel='group', ylabel='users')"
    ),
    "parts": "first = 11\n\ndef second(n, who):\n    return n + 1",
    "last": "def double(x):\n    return 2 * x",
}

TESTS: Final = {
    "early": (EARLY_TEST, 1.0),
    "people": (PEOPLE_TEST, 2.0),
    "table": (TABLE_TEST, 2.0),
    "chart": (CHART_TEST, 2.0),
    "parts": (PARTS_TEST, 3.0),
    "last": (LAST_TEST, 1.0),
}
FULL: Final = {name: points for name, (_, points) in TESTS.items()}


def master_cells() -> list[MasterCell]:
    """The chapter's cells, as handed out, tests with their hidden part."""
    cells = [MasterCell("setup", "code", SETUP.strip(), locked=True)]
    for name, (test, points) in TESTS.items():
        cells.append(MasterCell(name, "code", STUB, solution=True))
        cells.append(MasterCell(f"{name}_test", "code", test.strip(), grade=True, locked=True, points=points))
    return cells


def notebook(answers: Mapping[str, str]) -> NotebookNode:
    """A notebook as a learner would hand it in: honest answers but for those given."""
    cells = [new_markdown_cell("# A chapter")]
    for true in master_cells():
        cell = true.cell()
        cell.id = true.grade_id
        if true.solution:
            cell.source = answers.get(true.grade_id, HONEST[true.grade_id])
        elif true.grade:
            cell.source = "\n".join(visible(true.source))
        cells.append(cell)
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def visible(source: str) -> list[str]:
    """The lines of a test before its hidden part."""
    lines = source.split("\n")
    return lines[: lines.index("### BEGIN HIDDEN TESTS")]


def cell_of(made: NotebookNode, grade_id: str) -> NotebookNode:
    """A notebook's cell by its id."""
    return next(cell for cell in made.cells if cell.get("id") == grade_id)


def insert_after(made: NotebookNode, grade_id: str, source: str) -> NotebookNode:
    """Add an ordinary code cell after a cell; returns it."""
    cell = new_code_cell(source)
    made.cells.insert(made.cells.index(cell_of(made, grade_id)) + 1, cell)
    return cell


@dataclass(frozen=True)
class Case:
    """One submission of the bank.

    Attributes:
        name: its id.
        tries: what it tries, in a sentence.
        answers: grade id -> the answer in the place of the honest one.
        alter: what else is done to the notebook.
        points: grade id -> points that it must get; all others must be full. What stands here is never more
            than was earned.
        at_most: grade id -> points that it may get at most (where several outcomes are right).
        says: texts that must stand in the outputs of the learner's cells.
        never: texts that must not stand in anything a learner sees, besides the secrets.
        slow: seconds of CPU that this submission may take.
        lang: its language.
    """

    name: str
    tries: str
    answers: Mapping[str, str] = field(default_factory=dict)
    alter: Callable[[NotebookNode], None] | None = None
    points: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    slow: float = 45
    lang: str = "en"

    def notebook(self) -> NotebookNode:
        """The notebook that is handed in."""
        made = notebook(self.answers)
        if self.alter is not None:
            self.alter(made)
        return made

    def expected(self) -> dict[str, float]:
        """Points of every exercise that must come out, but for those in ``at_most``."""
        return {name: self.points.get(name, full) for name, full in FULL.items() if name not in self.at_most}
