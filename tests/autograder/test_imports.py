"""Who may import whom: the plan of the house, held against every import that the packages make."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
WORKER, COORDINATOR = "autograder.engine.worker", "autograder.engine.coordinator"
FLOORS: Final = (
    ("autograder.authoring", "autograder.notebooks"),
    ("autograder.grading",),
    ("autograder.feedback",),
    ("autograder.commands", "autograder.nbgrader_plugins"),
)


@dataclass(frozen=True)
class Import:
    """One import of a module of ours by another, at whatever depth; at_start: when the first is imported."""

    by: str
    of: str
    at_start: bool

    def __str__(self) -> str:
        return f"{self.by} imports {self.of}"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {
    module_name(path): path
    for package in ("autograder", "userops")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def statements(node: ast.AST, at_start: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import below a node, and whether it runs when the module does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_start
        elif isinstance(child, ast.If) and ast.unparse(child.test) in (
            "TYPE_CHECKING",
            "typing.TYPE_CHECKING",
        ):
            for inner in child.body:
                yield from statements(ast.Module([inner], []), at_start=False)
            for inner in child.orelse:
                yield from statements(ast.Module([inner], []), at_start)
        else:
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from statements(child, at_start and not later)


def imports(name: str, source: str) -> Iterator[Import]:
    for statement, at_start in statements(ast.parse(source)):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            assert statement.level == 0, f"{name}: a relative import"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        for full in names:
            of = next((known for known in (full, full.rpartition(".")[0]) if known in MODULES), None)
            if of is not None and of != name:
                yield Import(name, of, at_start)


IMPORTS: Final = [
    one for name, path in MODULES.items() for one in imports(name, path.read_text(encoding="utf-8"))
]


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def between(by: str, *of: str) -> list[str]:
    """The imports of the second by the first."""
    return sorted({str(one) for one in IMPORTS if within(one.by, by) and within(one.of, *of)})


def room(module: str) -> str:
    """The package that a module lives in; the engine's packages, what they share, and its face are rooms, too."""
    parts = module.split(".")
    if parts[:2] != ["autograder", "engine"]:
        return ".".join(parts[:2])
    if len(parts) == 2:
        return "autograder.engine (its face)"
    return (
        ".".join(parts[:3]) if f"autograder.engine.{parts[2]}" in PACKAGES else "autograder.engine (shared)"
    )


PACKAGES: Final = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def circle(arrows: Mapping[str, Collection[str]]) -> list[str]:
    """What remains when everything that nothing imports, or that imports nothing, is taken away again and again."""
    left = {a: set(targets) for a, targets in arrows.items()}
    while True:
        targets = set().union(*left.values())
        kept = {a: of & left.keys() for a, of in left.items() if a in targets and of & left.keys()}
        if kept == left:
            return sorted(left)
        left = kept


def test_the_imports_were_found() -> None:
    assert {one.by.split(".")[0] for one in IMPORTS} == {"autograder", "userops"}
    assert len(IMPORTS) > 200
    assert "autograder.engine imports autograder.engine.coordinator.pool" in map(
        str, IMPORTS
    )  # TYPE_CHECKING
    assert any(not one.at_start for one in IMPORTS)


def test_the_learners_package_knows_nothing_of_the_autograder() -> None:
    assert between("userops", "autograder") == []


def test_the_trusted_side_and_the_other_never_import_each_other() -> None:
    assert between(WORKER, COORDINATOR) + between(COORDINATOR, WORKER) == []


def test_what_runs_beside_the_walls_imports_nothing_but_the_engine() -> None:
    assert [one for one in between(WORKER, "autograder") if " autograder.engine" not in one] == []


def test_serialization_stands_below_both() -> None:
    assert between("autograder.engine.serialization", WORKER, COORDINATOR) == []


def test_commands_are_imported_by_nobody() -> None:
    """``cli`` names them as strings."""
    assert [str(one) for one in IMPORTS if within(one.of, "autograder.commands")] == []


@pytest.mark.parametrize("floor", range(len(FLOORS) - 1))
def test_no_floor_leans_on_one_above(floor: int) -> None:
    above = [package for packages in FLOORS[floor + 1 :] for package in packages]
    assert [one for package in FLOORS[floor] for one in between(package, *above)] == []


def test_no_module_needs_itself_to_be_imported() -> None:
    arrows: dict[str, set[str]] = {name: set() for name in MODULES}
    for one in IMPORTS:
        if one.at_start:
            arrows[one.by].add(one.of)
    assert circle(arrows) == []


def test_no_circle_of_rooms() -> None:
    arrows: dict[str, set[str]] = {}
    for one in IMPORTS:
        if within(one.by, "autograder") and within(one.of, "autograder") and room(one.by) != room(one.of):
            arrows.setdefault(room(one.by), set()).add(room(one.of))
    assert circle(arrows) == []
