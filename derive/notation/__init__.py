"""Ways out: matrix notation, index notation, LaTeX, text, source code, SymPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from ..errors import LimitError
from ..node import Node, size_symbols, variables
from . import index
from .blocks import blocks
from .code import code
from .kronecker import commutation, kronecker, uses
from .latex import latex as _latex
from .matrix import to_tree
from .names import latex_name
from .naming import Named, with_names
from .sympy_out import to_sympy
from .text import write
from .tree import Tree, behind, rendering

P = ParamSpec("P")
R = TypeVar("R")


def _limited(printer: Callable[P, R]) -> Callable[P, R]:
    """Nesting of thousands, which nobody could read, is refused by our own error."""

    @wraps(printer)
    def guarded(*args: P.args, **keywords: P.kwargs) -> R:
        try:
            return printer(*args, **keywords)
        except RecursionError:
            raise LimitError("the expression is nested too deeply to be printed as one formula") from None

    return guarded


@_limited
def text(node: Node) -> str:
    """The expression in the text language; parsing it gives the expression back."""
    return write(to_tree(node))


@_limited
def tokens(node: Node) -> int:
    """The length of the text form, in tokens."""
    return to_tree(node).cost


@_limited
def latex(node: Node, named: bool = True) -> str:
    """The expression in LaTeX. With `named`, repeated parts of a long result are named and listed behind it."""
    if not named:
        return _latex(to_tree(node))
    (words,), where = latex_together([node])
    return words + (f" \\quad\\text{{where }} {where}" if where else "")


@_limited
def latex_together(nodes: Sequence[Node]) -> tuple[list[str], str]:
    """Several expressions in LaTeX, and the names of the parts that they share or repeat."""
    found, taken = _named(nodes)
    out = []
    for main in found.mains:
        words = _latex(main)
        matrix, block = _as_matrix(main, taken), blocks(main)
        if matrix is not None:
            words += f" \\quad\\text{{or, on }} \\operatorname{{vec}},\\quad {_latex(matrix)}"
            if uses(matrix, name := commutation(taken)):
                words += f" \\text{{ with }} {name} \\operatorname{{vec}}(V) = \\operatorname{{vec}}(V^\\top)"
        elif block is not None:
            by, body = block
            which = "\\cdot j \\cdot l" if by == "jl" else "i \\cdot k \\cdot"
            words += f" \\quad\\text{{or, in blocks,}}\\quad H_{{{which}}} = {_latex(body)}"
        out.append(words)
    parts = [f"{_left(latex_name(name), t, '_{', '}', ' ')} = {_latex(t)}" for name, t in found.where]
    return out, ",\\; ".join(parts)


@_limited
def lines(node: Node) -> list[str]:
    """The expression for the terminal: index notation where matrix notation does not reach, repeated parts named."""
    (main,), where = lines_together([node])
    return main + where


@_limited
def lines_together(nodes: Sequence[Node]) -> tuple[list[list[str]], list[str]]:
    """Several expressions for the terminal, and the lines that name the parts that they share or repeat."""
    found, taken = _named(nodes)
    out = []
    for main in found.mains:
        words = [_plain(main)]
        matrix, block = _as_matrix(main, taken), blocks(main)
        if matrix is not None:
            behind = f"  with {name} @ vec(V) = vec(V.T)" if uses(matrix, name := commutation(taken)) else ""
            words.append(f"  or, on vec, {write(matrix)}{behind}")
        elif block is not None:
            by, body = block
            words.append(f"  or, by blocks, for each {' and '.join(by)}: {write(body)}")
        out.append(words)
    where = [
        f"  {'     ' if k else 'where'} {_left(name, t, '[', ']', ',')} = {_plain(t)}"
        for k, (name, t) in enumerate(found.where)
    ]
    return out, where


def _named(nodes: Sequence[Node]) -> tuple[Named, set[str]]:
    """The trees of some expressions with names for what they repeat, and the names that are taken."""
    trees, symmetric = [], set[Tree]()
    for node in nodes:
        trees.append(to_tree(node))
        symmetric |= rendering.symmetric
    rendering.symmetric |= symmetric
    taken = set[str]().union(*map(_taken, nodes))
    return with_names(trees, taken, shortest=40 if len(trees) == 1 else 20), taken


def _as_matrix(tree: Tree, taken: set[str]) -> Tree | None:
    """A result of order four as a matrix, if it has a Kronecker form."""
    return kronecker(tree, commutation(taken))


def _plain(tree: Tree) -> str:
    return index.plain(tree) if index.needed(tree) else write(tree)


def _left(name: str, tree: Tree, opening: str, closing: str, between: str) -> str:
    """The left side of a definition, with indices where its right side has them."""
    if not tree.order or not index.needed(tree):
        return name
    return f"{name}{opening}{between.join(index.letters(tree.order))}{closing}"


def _taken(node: Node) -> set[str]:
    names = {v.name for v in variables(node)} | {s.name for s in size_symbols(node)}
    return names | set(index.FREE) | set("I")


__all__ = [
    "Tree",
    "behind",
    "code",
    "latex",
    "latex_name",
    "latex_together",
    "lines",
    "lines_together",
    "text",
    "to_sympy",
    "tokens",
]
