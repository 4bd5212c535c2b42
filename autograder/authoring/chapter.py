"""Read a chapter's source (``solutions/chNN_name.md``, MyST through Jupytext) into a typed ``Chapter``.

Reading is lenient: whatever Jupytext can read becomes a ``Chapter``, and ``autograder.authoring.lints.rules`` says what is
wrong with it. Only a file that cannot be read at all raises.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from jupytext.myst import MystMetadataParsingError, myst_to_notebook

from autograder.notebooks.regions import replaced, spans, without_hidden
from userops.errors import CourseError

CellKind = Literal["prose", "locked", "worked", "solution", "test", "memo", "case", "unknown"]

SOURCES: Final = "solutions"
CHAPTER_NAME: Final = re.compile(r"ch(\d\d)_[a-z0-9_]+")

# What nbgrader's release puts in the place of an answer: one text in both editions, because nbgrader gives
# zero to an answer whose checksum has not changed, and one gradebook grades both languages.
CODE_STUB: Final = "# YOUR CODE HERE  在这里写代码\nraise NotImplementedError()"
TEXT_STUB: Final = "YOUR ANSWER HERE  在这里作答"


@dataclass(frozen=True)
class Case:
    """What a case cell claims: an answer to ``of`` that is right, or wrong in a known way."""

    of: str | None
    right: str | None = None  # a label: "SQL through DuckDB"
    wrong: str | None = None  # the key of the misconception whose message must be met
    other: bool = False  # wrong, but not a named misconception
    points: float | None = None  # what it must earn; None: all when right, nothing when wrong
    unknown_fields: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """A short name for tables and test ids."""
        return self.right or self.wrong or "?"


@dataclass(frozen=True)
class Cell:
    """One cell of the source, with the 1-based ``line`` of its first line of text in the file."""

    index: int
    line: int
    kind: CellKind
    lang: str | None
    source: str
    is_code: bool
    nbgrader: Mapping[str, Any] | None = None
    case: Case | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grade_id(self) -> str | None:
        """nbgrader's id of the cell, if it has one."""
        return None if self.nbgrader is None else self.nbgrader.get("grade_id")

    @property
    def points(self) -> float:
        """Points of a graded cell; 0 for any other."""
        points = (self.nbgrader or {}).get("points", 0)
        return float(points) if isinstance(points, int | float) else 0.0

    @property
    def name(self) -> str:
        """How messages call the cell: its grade id, its case, else its kind."""
        if self.case is not None:
            return f"case of {self.case.of}: {self.case.label}"
        return self.grade_id or f"{self.kind} cell"


@dataclass(frozen=True)
class ExerciseSource:
    """A solution cell, the cells that grade it, and the cases that prove the grading.

    ``steps`` are the locked and test cells between this solution cell and the next one, in order: what has
    to run after an answer in order to grade it.
    """

    solution: Cell
    steps: tuple[Cell, ...]
    cases: tuple[Cell, ...]

    @property
    def key(self) -> str:
        """The solution cell's grade id."""
        return self.solution.grade_id or f"line {self.solution.line}"

    @property
    def tests(self) -> tuple[Cell, ...]:
        """The test cells that give this exercise its points."""
        return tuple(cell for cell in self.steps if cell.kind == "test")

    @property
    def points(self) -> float:
        """Points that can be earned."""
        return sum(cell.points for cell in self.tests)


@dataclass(frozen=True)
class Chapter:
    """A chapter as its author wrote it: header fields and cells in order of appearance."""

    name: str
    path: Path
    header: Mapping[str, Any]
    cells: tuple[Cell, ...]
    text: str

    @property
    def root(self) -> Path:
        """The course's folder: the one that holds ``solutions/``."""
        return self.path.resolve().parent.parent

    @property
    def title(self) -> Mapping[str, str]:
        """The title by language (empty when the header lacks it)."""
        title = self.header.get("title")
        return title if isinstance(title, dict) else {}

    @property
    def minutes(self) -> int:
        """The time a learner needs, in minutes."""
        minutes = self.header.get("minutes")
        return minutes if isinstance(minutes, int) else 0

    @property
    def builds_on(self) -> tuple[str, ...]:
        """Names of the chapters this one builds on."""
        return tuple(self.header.get("builds_on") or ())

    @property
    def number(self) -> int | None:
        """4 for ``ch04_retention``; None when the file's name is not a chapter's."""
        match = CHAPTER_NAME.fullmatch(self.name)
        return int(match[1]) if match else None

    @property
    def points(self) -> float:
        """Points of the whole chapter, manually graded ones included."""
        return sum(cell.points for cell in self.cells if cell.kind in ("test", "memo"))

    def of_kind(self, *kinds: CellKind) -> Iterator[Cell]:
        """Cells of these kinds, in order of appearance."""
        return (cell for cell in self.cells if cell.kind in kinds)

    @property
    def exercises(self) -> tuple[ExerciseSource, ...]:
        """The automatically graded exercises in order of appearance."""
        found: list[ExerciseSource] = []
        starts = [cell.index for cell in self.of_kind("solution")]
        for start, end in zip(starts, [*starts[1:], len(self.cells)], strict=True):
            solution = self.cells[start]
            steps = [c for c in self.cells[start + 1 : end] if c.kind in ("locked", "test")]
            # Locked cells after the last test belong to what follows; running them grades nothing.
            while steps and steps[-1].kind == "locked":
                steps.pop()
            cases = [c for c in self.of_kind("case") if c.case and c.case.of == solution.grade_id]
            found.append(ExerciseSource(solution, tuple(steps), tuple(cases)))
        return tuple(found)


def stub(cell: Cell) -> str:
    """What a learner finds in a solution cell: the answer's region replaced by the stub.

    nbgrader makes the real stub; this one is for reading and running a cell on its own.
    """
    if not spans(cell.source, "SOLUTION"):
        return CODE_STUB
    return replaced(cell.source, "SOLUTION", CODE_STUB.split("\n"))


def visible(cell: Cell) -> str:
    """A test cell as a learner sees it, without its hidden tests."""
    return without_hidden(cell.source)


def read_chapter(path: Path | str) -> Chapter:
    """Read one chapter from its file.

    Raises:
        CourseError: the file is missing, is not UTF-8, or Jupytext cannot read it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"There is no file {path}: check the chapter's name.") from None
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{path.name} is not UTF-8 (byte {error.start}): save it as UTF-8 in your editor."
        ) from None
    return parse_chapter(text, path)


def parse_chapter(text: str, path: Path | str) -> Chapter:
    """Read one chapter from its text; ``path`` is where it stands or would stand.

    Raises:
        CourseError: Jupytext cannot read the text.
    """
    path = Path(path)
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        with warnings.catch_warnings():
            # Jupytext only warns of a mixture of lexers; the course has Python alone, and so says the lint.
            warnings.simplefilter("ignore")
            notebook = myst_to_notebook(text, add_source_map=True)
    except (MystMetadataParsingError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise CourseError(f"{path.name}: a cell's or the header's metadata cannot be read: {said}") from None

    lines = text.split("\n")
    starts = notebook.metadata.get("source_map", [])
    cells = tuple(
        _read_cell(index, raw, _first_line(lines, start, raw.source))
        for index, (raw, start) in enumerate(zip(notebook.cells, starts, strict=True))
    )
    header = notebook.metadata.get("userops")
    return Chapter(path.stem, path, dict(header) if isinstance(header, dict) else {}, cells, text)


def _first_line(lines: list[str], start: int, source: str) -> int:
    """1-based line of the cell's first line: Jupytext's map points at its options or at a blank line."""
    body = source.split("\n")
    for at in range(start, min(start + 40, len(lines))):
        if [line.rstrip() for line in lines[at : at + len(body)]] == [line.rstrip() for line in body]:
            return at + 1
    return start + 1


def _read_cell(index: int, raw: Any, line: int) -> Cell:
    metadata = dict(raw.metadata)
    nbgrader = metadata.get("nbgrader")
    nbgrader = dict(nbgrader) if isinstance(nbgrader, dict) else None
    case = _read_case(metadata["case"]) if "case" in metadata else None
    return Cell(
        index=index,
        line=line,
        kind=_kind(raw.cell_type, nbgrader, case),
        lang=metadata.get("lang"),
        source=raw.source,
        is_code=raw.cell_type == "code",
        nbgrader=nbgrader,
        case=case,
        metadata=metadata,
    )


def _read_case(raw: Any) -> Case:
    if not isinstance(raw, dict):
        return Case(of=None, unknown_fields=(str(raw),))
    known = {"of", "right", "wrong", "other", "points"}
    points = raw.get("points")
    return Case(
        of=raw.get("of"),
        right=None if raw.get("right") is None else str(raw["right"]),
        wrong=None if raw.get("wrong") is None else str(raw["wrong"]),
        other=raw.get("other") is True,
        points=float(points) if isinstance(points, int | float) else None,
        unknown_fields=tuple(sorted(set(raw) - known)),
    )


def _kind(cell_type: str, nbgrader: Mapping[str, Any] | None, case: Case | None) -> CellKind:
    if case is not None:
        return "case" if cell_type == "code" and nbgrader is None else "unknown"
    if nbgrader is None:
        return _PLAIN_KINDS.get(cell_type, "unknown")
    flags = tuple(bool(nbgrader.get(key)) for key in ("solution", "grade", "locked"))
    return _GRADED_KINDS.get((cell_type, *flags), "unknown")


_PLAIN_KINDS: Final[dict[str, CellKind]] = {"markdown": "prose", "code": "worked"}
# By type, and by nbgrader's marks: solution, grade, locked.
_GRADED_KINDS: Final[dict[tuple[object, ...], CellKind]] = {
    ("code", True, False, False): "solution",
    ("code", False, True, True): "test",
    ("code", False, False, True): "locked",
    ("markdown", True, True, False): "memo",
}
