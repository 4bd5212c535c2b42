"""Lints of test cells: quiet, points on purpose, and every misconception proved by a case."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from autograder.authoring.chapter import Cell, Chapter, ExerciseSource, visible
from autograder.authoring.lints.problem import Problem, at
from autograder.notebooks.names import is_call, is_name, parsed

_NOISY_NAMES: Final = {
    "plt": "draws",
    "sns": "draws",
    "warnings": "may write to stderr",
    "logging": "may write to stderr",
}
_NOISY_METHODS: Final = {"plot": "draws", "savefig": "draws", "show": "draws", "stderr": "writes to stderr"}


def quiet_tests(chapter: Chapter) -> Iterator[Problem]:
    """A test cell draws nothing and writes nothing to stderr: stock nbgrader gives such a cell zero."""
    for cell in chapter.of_kind("test"):
        for node in ast.walk(parsed(cell.source)):
            fault, what = None, ""
            if isinstance(node, ast.Name) and node.id in _NOISY_NAMES:
                fault, what = _NOISY_NAMES[node.id], node.id
            elif isinstance(node, ast.Attribute) and node.attr in _NOISY_METHODS:
                fault, what = _NOISY_METHODS[node.attr], f".{node.attr}"
            elif isinstance(node, ast.Import | ast.ImportFrom):
                modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                what = next(
                    (m for m in modules if m.split(".")[0] in ("warnings", "logging", "matplotlib")), ""
                )
                fault = "may draw or write to stderr" if what else None
            elif isinstance(node, ast.Assert):
                fault, what = "raises an error that no learner can read: use check", "assert"
            if fault:
                line = getattr(node, "lineno", 1)
                yield at(chapter, cell, "quiet-tests", f"`{what}` in a test cell {fault}", offset=line - 1)


@dataclass
class _Score:
    """One ``name = check.Score(maximum)`` and its ``name.part(points)`` calls; None: not a plain number."""

    maximum: float | None
    line: int
    parts: list[float | None] = field(default_factory=list)


def scores(chapter: Chapter) -> Iterator[Problem]:
    """The last line of a test cell is partial credit on purpose, or no value at all."""
    silent: set[str] = set()
    for cell in chapter.of_kind("locked", "test"):
        tree = parsed(cell.source)
        own = silent | _silent_functions(tree)
        if cell.kind == "locked":
            silent = own
            continue
        found = _find_scores(tree)
        variants = [("", tree)]
        if "BEGIN HIDDEN TESTS" in cell.source:
            variants.append(("without its hidden tests, ", parsed(visible(cell))))
        for prefix, variant in variants:
            last = variant.body[-1] if variant.body else None
            if not isinstance(last, ast.Expr) or _total_of(last, found) or _gives_nothing(last.value, own):
                continue
            message = f"{prefix}the cell ends with a value, which nbgrader reads as points: end with a check"
            yield at(chapter, cell, "trailing-value", message, offset=last.lineno - 1)
        yield from _score_faults(chapter, cell, tree, found)


def visible_ok(chapter: Chapter) -> Iterator[Problem]:
    """The visible part of a test cell with hidden tests ends by saying so; no other does (a warning)."""
    for cell in chapter.of_kind("test"):
        body = parsed(visible(cell)).body
        says = [any(is_call(n, "check", "visible_ok") for n in ast.walk(statement)) for statement in body]
        if "BEGIN HIDDEN TESTS" in cell.source:
            counts = bool(body) and _total_of(body[-1], _find_scores(parsed(cell.source))) is not None
            if not counts and not any(says[-1:]):
                yield at(chapter, cell, "visible-ok", "end the visible part with `check.visible_ok()`")
        elif any(says):
            message = "`check.visible_ok()` announces hidden tests, but this cell has none: remove it"
            yield at(chapter, cell, "visible-ok", message, level="warning")


def _score_faults(
    chapter: Chapter, cell: Cell, tree: ast.Module, found: dict[str, _Score]
) -> Iterator[Problem]:
    if not found:
        return
    last = _total_of(tree.body[-1], found)
    if last is None:
        message = "the last line must be `score.total()`, or nbgrader sees no partial credit"
        yield at(chapter, cell, "score", message)
    elif cell.source.rstrip().endswith(";"):
        yield at(chapter, cell, "score", "a semicolon hides the points from nbgrader: remove it")
    elif found[last].maximum not in (None, cell.points) and cell.points:
        message = f"check.Score({found[last].maximum:g}), but the cell is worth {cell.points:g} points"
        yield at(chapter, cell, "score", message, offset=found[last].line - 1)
    for score in found.values():
        if score.maximum is None or None in score.parts:
            continue
        total = sum(part or 0 for part in score.parts)
        if total != score.maximum:
            message = f"the parts add up to {total:g}, not to {score.maximum:g}"
            yield at(chapter, cell, "score", message, offset=score.line - 1)


def _find_scores(tree: ast.Module) -> dict[str, _Score]:
    found: dict[str, _Score] = {}
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While | ast.FunctionDef)]
    repeated = {id(node) for loop in loops for node in ast.walk(loop)}
    calls: list[tuple[str, ast.Call]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_call(made := node.value, "check", "Score"):
            maximum = _number(made.args[0]) if made.args else None
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = _Score(maximum, node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "part":
            calls.append((getattr(node.func.value, "id", ""), node))
    for name, call in calls:
        if name in found:
            # How often a loop or a function runs is not known here; Score.total() checks the sum again.
            points = None if id(call) in repeated or not call.args else _number(call.args[0])
            found[name].parts.append(points)
    return found


def _total_of(statement: ast.stmt, scores: dict[str, _Score]) -> str | None:
    """The score whose ``total()`` a statement is."""
    if isinstance(statement, ast.Expr):
        return next((name for name in scores if is_call(statement.value, name, "total")), None)
    return None


def _silent_functions(tree: ast.Module) -> set[str]:
    """Functions of a cell that never return a value."""
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and not any(isinstance(n, ast.Yield | ast.YieldFrom) for n in ast.walk(node))
        and all(_returns_nothing(n.value) for n in ast.walk(node) if isinstance(n, ast.Return))
    }


def _returns_nothing(value: ast.expr | None) -> bool:
    return (
        value is None
        or (isinstance(value, ast.Constant) and value.value is None)
        or _gives_nothing(value, set())
    )


def _gives_nothing(node: ast.expr, silent: set[str]) -> bool:
    """Calls known to return None: the checks themselves, print, and helpers without a return."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return is_name(node.func.value, "check") and node.func.attr not in (
            "misconceptions_met",
            "Score",
            "CheckError",
        )
    return isinstance(node.func, ast.Name) and node.func.id in silent | {"print"}


def _number(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def proven(chapter: Chapter) -> Iterator[Problem]:
    """Every misconception that a test names is proved by a case (a warning)."""
    for exercise in chapter.exercises:
        shown = {cell.case.wrong for cell in exercise.cases if cell.case and not cell.case.other}
        for test, key, line in _misconceptions(exercise):
            if key not in shown:
                message = f"no case shows the misconception “{key}”"
                yield at(chapter, test, "proven", message, offset=line - 1, level="warning")


def _misconceptions(exercise: ExerciseSource) -> Iterator[tuple[Cell, str, int]]:
    seen: set[str] = set()
    for test in exercise.tests:
        for node in ast.walk(parsed(test.source)):
            if not (
                isinstance(node, ast.keyword) and node.arg == "wrong" and isinstance(node.value, ast.Dict)
            ):
                continue
            for key in node.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value not in seen:
                    seen.add(key.value)
                    yield test, key.value, key.lineno
