"""Lints of names: plain Python, stubs that keep their ``def`` line, and what a test cell may rely on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from autograder.authoring.chapter import CODE_STUB, Chapter, stub, visible
from autograder.authoring.lints.problem import Problem, at
from autograder.notebooks.names import Names, names_of, parsed


def syntax(chapter: Chapter) -> Iterator[Problem]:
    """Code cells are plain Python that stands alone: no magics, no star imports, no ``../`` paths."""
    for cell in chapter.cells:
        if not cell.is_code:
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError as error:
            magic = re.match(r"\s*[%!]", (error.text or ""))
            message = (
                "write plain Python: no magics or shell lines" if magic else f"not valid Python: {error.msg}"
            )
            yield at(chapter, cell, "syntax", message, offset=max(0, (error.lineno or 1) - 1))
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                yield at(chapter, cell, "syntax", "import names one by one, not *", offset=node.lineno - 1)
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.search(r"\.\.[/\\]", node.value)
            ):
                message = "no paths with ../ : read tables with load(), which finds them from any folder"
                yield at(chapter, cell, "paths", message, offset=node.lineno - 1)


def stubs(chapter: Chapter) -> Iterator[Problem]:
    """What a learner finds in an answer cell: valid Python, the ``def`` line kept, the answer not given."""
    for exercise in chapter.exercises:
        cell = exercise.solution
        if "### BEGIN SOLUTION" not in cell.source:
            continue  # told by the lint of regions
        kept = stub(cell)
        try:
            tree = ast.parse(kept)
        except SyntaxError as error:
            yield at(chapter, cell, "stub", f"with the region taken out, the cell is not Python: {error.msg}")
            continue
        asked = frozenset().union(*(names_of(test.source).reads for test in exercise.tests))
        defined = _definitions(tree)
        for name, line in _definitions(parsed(cell.source)).items():
            if name in asked and name not in defined:
                message = f"the line `def {name}` and its docstring stand above ### BEGIN SOLUTION"
                yield at(chapter, cell, "stub", message, offset=line - 1)
        given = names_of(kept)
        for name in sorted((given.binds - given.imports - set(defined)) & asked):
            message = f"`{name}` is given outside of the region: leave it undefined until it is answered"
            yield at(chapter, cell, "stub", message)
        if CODE_STUB.split("\n")[0] in cell.source:
            yield at(chapter, cell, "stub", "the build writes the stub: remove it from the source")


def _definitions(tree: ast.Module) -> dict[str, int]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node.lineno for node in tree.body if isinstance(node, kinds)}


def test_names(chapter: Chapter) -> Iterator[Problem]:
    """A test cell uses names from locked cells and answers up to there; its visible part stands alone."""
    locked: set[str] = set()
    answers: set[str] = set()
    for cell in chapter.cells:
        names = names_of(cell.source) if cell.is_code else Names()
        if cell.kind == "locked":
            for name in sorted(names.reads - locked):
                message = f"a locked cell uses `{name}`, which no locked cell above defines"
                yield at(chapter, cell, "locked-names", message)
            locked |= names.binds
        elif cell.kind == "solution":
            # What the reference imports inside of its region, a learner need not import.
            answers |= (names.binds - names.imports) | names_of(stub(cell)).binds
        elif cell.kind == "test":
            unknown = names.reads - locked - answers
            for name in sorted(unknown):
                message = (
                    f"the test uses `{name}`: only names from locked cells, names that solution cells define "
                    "up to here, and its own are allowed (helpers of several tests stand in a locked cell)"
                )
                yield at(chapter, cell, "test-names", message, offset=_first_use(cell.source, name))
            shown = names_of(visible(cell))
            for name in sorted((shown.reads & names.binds) - locked - answers - unknown):
                message = f"the visible part uses `{name}`, which only the hidden tests define"
                yield at(chapter, cell, "test-names", message, offset=_first_use(cell.source, name))


def _first_use(source: str, name: str) -> int:
    found = (
        node.lineno for node in ast.walk(parsed(source)) if isinstance(node, ast.Name) and node.id == name
    )
    return min(found, default=1) - 1


def rebinding(chapter: Chapter) -> Iterator[Problem]:
    """Nobody rebinds a locked cell's name, and no cell relies on a name that a test cell left behind."""
    asked = frozenset().union(*(names_of(test.source).reads for test in chapter.of_kind("test")))
    locked: set[str] = set()
    imported: set[str] = set()
    answers: set[str] = set()
    owner: dict[str, str] = {}
    for cell in chapter.cells:
        if not cell.is_code or cell.kind == "case":
            continue
        names = names_of(cell.source)
        if cell.kind != "locked":
            for name in sorted(names.binds & locked - (names.imports & imported)):
                message = f"`{name}` comes from a locked cell, and tests rely on it: use another name"
                yield at(chapter, cell, "rebinding", message)
        if cell.kind == "test":
            for name in sorted(names.binds & answers - locked):
                message = f"the test overwrites `{name}`, a name of the learner's answer: use another name"
                yield at(chapter, cell, "rebinding", message)
        else:
            for name in sorted(n for n in names.reads if owner.get(n) == "test"):
                message = (
                    f"`{name}` was last set by a test cell: set it again, or give the test's another name"
                )
                yield at(chapter, cell, "rebinding", message, offset=_first_use(cell.source, name))
        if cell.kind == "locked":
            locked |= names.binds
            imported |= names.imports
        elif cell.kind == "solution":
            given = names_of(stub(cell))
            answers |= (names.binds & asked) | (given.binds - given.imports)
        owner.update(dict.fromkeys(names.binds, cell.kind))
