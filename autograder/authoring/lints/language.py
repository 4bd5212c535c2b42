"""Lints of language in shared code: what a learner reads goes through ``t()``, comments are English."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import Final

from autograder.authoring.chapter import Cell, Chapter
from autograder.authoring.lints.problem import CJK, Problem, at
from autograder.notebooks.names import is_name, parsed

_CHINESE: Final = re.compile(f"[{CJK}]")


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
    "map", "fillna", "where", "to_datetime", "strftime", "strptime", "sql", "execute", "compile", "text", "choice", "items", "mapping", "encode",
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
        tree = parsed(cell.source)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and is_name(node.func, "t"):
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
    return any(isinstance(node, ast.Call) and is_name(node.func, "t") for node, _ in chain)


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
