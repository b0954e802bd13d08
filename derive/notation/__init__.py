"""Ways out: matrix notation, index notation, LaTeX, text."""

from __future__ import annotations

from ..node import Node, size_symbols, variables
from . import index
from .latex import latex as _latex
from .matrix import to_tree
from .names import latex_name
from .naming import with_names
from .text import write


def text(node: Node) -> str:
    """The expression in the text language; parsing it gives the expression back."""
    return write(to_tree(node))


def tokens(node: Node) -> int:
    """The length of the text form, in tokens."""
    return to_tree(node).cost


def latex(node: Node, named: bool = True) -> str:
    """The expression in LaTeX. With `named`, repeated parts of a long result are named and listed behind it."""
    tree = to_tree(node)
    if not named:
        return _latex(tree)
    found = with_names(tree, _taken(node))
    words = _latex(found.main)
    if found.where:
        parts = [f"{latex_name(name)} = {_latex(t)}" for name, t in found.where]
        words += r" \quad\text{where } " + r",\; ".join(parts)
    return words


def lines(node: Node) -> list[str]:
    """The expression for the terminal: index notation beyond two axes, repeated parts named below."""
    tree = to_tree(node)
    found = with_names(tree, _taken(node))
    show = index.plain if tree.order > 2 else write
    out = [show(found.main)]
    out += [f"  where {name} = {write(t)}" if not k else f"        {name} = {write(t)}" for k, (name, t) in enumerate(found.where)]
    return out


def _taken(node: Node) -> set[str]:
    names = {v.name for v in variables(node)} | {s.name for s in size_symbols(node)}
    return names | set(index.FREE) | set("I")
