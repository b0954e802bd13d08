"""A formula in the notation of a claim: text for text, LaTeX with the claim's symbols for LaTeX, SymPy for SymPy."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from ..differentiate import substitute
from ..errors import DeriveError
from ..node import Node, variable, variables
from ..notation import latex, text, to_sympy
from ..simplify import simplify
from ..sizes import same_shape
from ..statement.text import parse_node


def is_latex(claim: str) -> bool:
    """Whether a text looks like LaTeX."""
    return any(sign in claim for sign in "\\^$")


def in_style(claim: object, node: Node, symbols: Mapping[str, str] | None = None) -> str:
    """The formula as the author of the claim would write it; empty where it cannot be printed."""
    try:
        node = simplify(node)
        if isinstance(claim, str) and is_latex(claim):
            return latex(_renamed(node, symbols or {}), named=False)
        if isinstance(claim, sympy.Basic | sympy.MatrixBase):
            try:
                return str(to_sympy(node))
            except DeriveError:
                return text(node)
        return text(node)
    except DeriveError:
        return ""


def as_printed(node: Node) -> Node:
    """The formula in the form in which it is printed, like terms and common factors collected."""
    simple = simplify(node)
    try:
        found = parse_node(text(simple), {v.name: v for v in variables(simple)})
    except DeriveError:
        return simple
    return found if same_shape(found.shape, node.shape) else simple


def _renamed(node: Node, symbols: Mapping[str, str]) -> Node:
    """Declared names under the symbols that stand for them in the claim: {"\\Sigma": "S"} writes S as Sigma."""
    back = {name: symbol.strip().lstrip("\\") for symbol, name in symbols.items()}
    taken = {v.name for v in variables(node)}
    change: dict[Node, Node] = {
        v: variable(back[v.name], v.shape, v.facts)
        for v in variables(node)
        if v.name in back and back[v.name].isidentifier() and back[v.name] not in taken
    }
    return substitute(node, change) if change else node


__all__ = ["as_printed", "in_style", "is_latex"]
