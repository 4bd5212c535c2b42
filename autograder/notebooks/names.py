"""Read a cell's Python without running it: the names it needs and gives, and small questions about calls."""

from __future__ import annotations

import ast
import builtins
import functools
import symtable
from dataclasses import dataclass
from typing import Final, TypeGuard

# IPython gives the first two to every notebook.
_ALWAYS: Final = frozenset({"display", "get_ipython", "__name__"}) | frozenset(dir(builtins))


@dataclass(frozen=True)
class Names:
    """Names a cell needs from outside, names it binds at top level, and those it binds by import."""

    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()


@functools.lru_cache(maxsize=4096)
def names_of(source: str) -> Names:
    """Analyse one cell's names with Python's own symbol tables; a cell that is not Python has none."""
    try:
        table = symtable.symtable(_without_inlined(source), "<cell>", "exec")
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


def _without_inlined(source: str) -> str:
    """The source with each comprehension as a generator, which uses the same names.

    Since Python 3.12 a comprehension's own names stand among those of the scope around it.
    """
    return ast.unparse(_AsGenerators().visit(ast.parse(source)))


class _AsGenerators(ast.NodeTransformer):
    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return self.generic_visit(ast.GeneratorExp(pair, node.generators))


@functools.lru_cache(maxsize=4096)
def parsed(source: str) -> ast.Module:
    """The cell's syntax tree, shared and not to be changed; empty when it is not Python (a lint tells)."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def is_call(node: ast.AST, owner: str, attribute: str) -> TypeGuard[ast.Call]:
    """Whether ``node`` is ``owner.attribute(...)``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == attribute
        and is_name(node.func.value, owner)
    )


def is_name(node: ast.expr, name: str) -> bool:
    """Whether ``node`` is the plain name ``name``."""
    return isinstance(node, ast.Name) and node.id == name
