"""Lints of a chapter's code: what test cells may use and do, stubs, language, paths.

They read the code without running it. What only a run can show (a wrong case that passes, a warning) is the
business of ``autograder.cases``.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import symtable
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from autograder.problems import CJK, Problem, at
from autograder.source import CODE_STUB, Cell, Chapter, Exercise, stub, visible

# IPython gives these two to every notebook.
_ALWAYS: Final = frozenset(dir(builtins)) | {"display", "get_ipython", "__name__"}
_CHINESE: Final = re.compile(f"[{CJK}]")


@dataclass(frozen=True)
class Names:
    """Names a cell needs from outside, names it binds at top level, and those it binds by import."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()


def names_of(source: str) -> Names:
    """Analyse one cell's names with Python's own symbol tables; a cell that is not Python has none."""
    try:
        table = symtable.symtable(source, "<cell>", "exec")
    except SyntaxError:
        return Names()
    binds, imports, reads = set(), set(), set()
    for symbol in table.get_symbols():
        if symbol.is_imported():
            imports.add(symbol.get_name())
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            binds.add(symbol.get_name())
        if symbol.is_referenced():
            reads.add(symbol.get_name())
    scopes = list(table.get_children())
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        for symbol in scope.get_symbols():
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
            elif symbol.is_global() and symbol.is_referenced():
                reads.add(symbol.get_name())
    return Names(frozenset(reads - binds - _ALWAYS), frozenset(binds), frozenset(imports))


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
        for name, line in _definitions(_parsed(cell.source)).items():
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


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


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
        node.lineno for node in ast.walk(_parsed(source)) if isinstance(node, ast.Name) and node.id == name
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
        for node in ast.walk(_parsed(cell.source)):
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
                yield at(
                    chapter, cell, "quiet-tests", f"`{what}` in a test cell {fault}", offset=node.lineno - 1
                )


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
        tree = _parsed(cell.source)
        own = silent | _silent_functions(tree)
        if cell.kind == "locked":
            silent = own
            continue
        found = _find_scores(tree)
        variants = [("", tree)]
        if "BEGIN HIDDEN TESTS" in cell.source:
            variants.append(("without its hidden tests, ", _parsed(visible(cell))))
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
        body = _parsed(visible(cell)).body
        says = [any(_is_call(n, "check", "visible_ok") for n in ast.walk(statement)) for statement in body]
        if "BEGIN HIDDEN TESTS" in cell.source:
            counts = bool(body) and _total_of(body[-1], _find_scores(_parsed(cell.source))) is not None
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
        if isinstance(node, ast.Assign) and _is_call(node.value, "check", "Score"):
            maximum = _number(node.value.args[0]) if node.value.args else None
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


def _is_call(node: ast.AST, owner: str, attribute: str) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == attribute
        and _is_name(node.func.value, owner)
    )


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _total_of(statement: ast.stmt, scores: dict[str, _Score]) -> str | None:
    """The score whose ``total()`` a statement is."""
    if isinstance(statement, ast.Expr):
        return next((name for name in scores if _is_call(statement.value, name, "total")), None)
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
        return _is_name(node.func.value, "check") and node.func.attr not in ("met", "Score", "CheckError")
    return isinstance(node.func, ast.Name) and node.func.id in silent | {"print"}


def _number(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def comments(chapter: Chapter) -> Iterator[Problem]:
    """Code is shared by both editions: its comments are English."""
    for cell in chapter.cells:
        if not cell.is_code or cell.kind == "case":
            continue
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
        except (tokenize.TokenError, SyntaxError):
            continue
        for token in tokens:
            if token.type == tokenize.COMMENT and _CHINESE.search(token.string):
                message = "comments in shared code are English: say it in the text around the cell"
                yield at(chapter, cell, "language", message, offset=token.start[0] - 1)


# Calls whose text arguments are values of a table, a pattern or a query, not something shown to a reader.
_VALUE_CALLS: Final = {
    "DataFrame", "Series", "Index", "array", "Categorical", "isin", "eq", "ne", "get", "query", "contains",
    "startswith", "endswith", "match", "fullmatch", "search", "findall", "sub", "split", "replace", "count",
    "map", "fillna", "where", "sql", "execute", "compile", "text", "choice", "items", "mapping", "encode",
}  # fmt: skip
_LABEL_CALLS: Final = {
    "set_title",
    "set_xlabel",
    "set_ylabel",
    "suptitle",
    "title",
    "xlabel",
    "ylabel",
    "annotate",
}
_MESSAGE_ARGUMENTS: Final = {"wrong", "hint", "why"}


def language(chapter: Chapter) -> Iterator[Problem]:
    """What a learner reads from code goes through ``t(english, chinese)``."""
    for cell in chapter.cells:
        if not cell.is_code or cell.kind == "case":
            continue
        tree = _parsed(cell.source)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _is_name(node.func, "t"):
                yield from _bad_translation(chapter, cell, node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                chain = _chain(node, parents)
                if _in_translation(chain):
                    continue
                if _CHINESE.search(node.value) and not _is_value(chain) and not _is_answer(cell, chain):
                    message = "Chinese in shared code: put it into t(english, chinese)"
                    yield at(chapter, cell, "language", message, offset=node.lineno - 1)
                elif (
                    _is_shown(chain)
                    and re.search(r"[a-z]{3}", node.value)
                    and not _CHINESE.search(node.value)
                ):
                    message = f"“{node.value[:40]}” is shown to Chinese readers too: use t(english, chinese)"
                    yield at(chapter, cell, "language", message, offset=node.lineno - 1)


def _bad_translation(chapter: Chapter, cell: Cell, call: ast.Call) -> Iterator[Problem]:
    def bad(message: str) -> Problem:
        return at(chapter, cell, "language", message, offset=call.lineno - 1)

    if len(call.args) != 2 or call.keywords:
        yield bad("t() takes two texts: t(english, chinese)")
        return
    texts = ["".join(_strings(arg)) for arg in call.args]
    if re.search(f"[{CJK}，。；：？！]{{13,}}", texts[0]):
        yield bad("the first text of t() is English")
    if texts[0] == texts[1]:
        return  # a name that is the same in both languages
    if re.search(r"[A-Za-z]{3}", texts[1]) and not _CHINESE.search(texts[1]):
        yield bad("the second text of t() is Chinese")
    if _CHINESE.search(texts[0]) and not re.search(r"[A-Za-z]", texts[0]):
        yield bad("the first text of t() is English")


def _strings(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _chain(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> list[tuple[ast.AST, ast.AST]]:
    """Pairs (node, its child on the way), from the nearest parent outwards."""
    out: list[tuple[ast.AST, ast.AST]] = []
    while node in parents:
        out.append((parents[node], node))
        node = parents[node]
    return out


def _in_translation(chain: list[tuple[ast.AST, ast.AST]]) -> bool:
    return any(isinstance(node, ast.Call) and _is_name(node.func, "t") for node, _ in chain)


def _is_value(chain: list[tuple[ast.AST, ast.AST]]) -> bool:
    """Whether a literal is a table's value or column, a pattern, a query, or a docstring."""
    for at_parent, child in chain:
        if isinstance(at_parent, ast.keyword) and at_parent.arg in _MESSAGE_ARGUMENTS | {"title", "label"}:
            return False
        if isinstance(at_parent, ast.Compare | ast.Subscript):
            return True
        if isinstance(at_parent, ast.Dict) and child in at_parent.keys:
            return True
        if isinstance(at_parent, ast.Call) and child is not at_parent.func:
            function = at_parent.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in _VALUE_CALLS:
                return True
    return isinstance(chain[0][0], ast.Expr) if chain else False


def _is_answer(cell: Cell, chain: list[tuple[ast.AST, ast.AST]]) -> bool:
    """Whether a literal is what a solution cell assigns (a province's name, a list of values)."""
    kinds = (ast.Assign, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.Module, ast.AnnAssign, ast.Return)
    return cell.kind == "solution" and all(
        isinstance(node, (*kinds, ast.FunctionDef, ast.If, ast.IfExp)) for node, _ in chain
    )


def _is_shown(chain: list[tuple[ast.AST, ast.AST]]) -> bool:
    """Whether a literal is a chart's label or a check's message itself, not a key or an argument of it."""
    for node, child in chain:
        if isinstance(node, ast.Dict):
            if child in node.keys:
                return False
        elif isinstance(node, ast.Tuple):
            if child is not node.elts[-1] or len(node.elts) < 2:
                return False
        elif isinstance(node, ast.keyword):
            return node.arg in _MESSAGE_ARGUMENTS
        elif isinstance(node, ast.Call):
            function = node.func
            return (
                isinstance(function, ast.Attribute)
                and function.attr in _LABEL_CALLS
                and child in node.args[:1]
            )
        elif not isinstance(node, ast.JoinedStr | ast.BinOp):
            return False
    return False


def proven(chapter: Chapter) -> Iterator[Problem]:
    """Every misconception that a test names is proved by a case (a warning)."""
    for exercise in chapter.exercises:
        shown = {cell.case.wrong for cell in exercise.cases if cell.case and not cell.case.other}
        for test, key, line in _misconceptions(exercise):
            if key not in shown:
                message = f"no case shows the misconception “{key}”"
                yield at(chapter, test, "proven", message, offset=line - 1, level="warning")


def _misconceptions(exercise: Exercise) -> Iterator[tuple[Cell, str, int]]:
    seen: set[str] = set()
    for test in exercise.tests:
        for node in ast.walk(_parsed(test.source)):
            if not (
                isinstance(node, ast.keyword) and node.arg == "wrong" and isinstance(node.value, ast.Dict)
            ):
                continue
            for key in node.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value not in seen:
                    seen.add(key.value)
                    yield test, key.value, key.lineno
