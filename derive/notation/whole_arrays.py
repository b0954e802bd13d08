"""How operators on whole arrays are headed in LaTeX: windows, running sums, triangles, entries picked and placed.

windows_{k}(y), windows^⊤(G)      the adjoint of an operator carries a ⊤
X_{J, :}, scatter_{J, :}(G)       entries picked by whole numbers, and put back
∂max(z)                           the documented subgradient of the largest entry
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from .joined import stacked_parts
from .numerals import latex_number
from .tree import Tree

Write = Callable[[Tree], str]


def axis_label(axis: object, order: int) -> str:
    """How an axis is named below an operator: column by column, row by row, or by its number."""
    if axis is None or order < 2:
        return ""
    if order == 2:
        return f"\\mathrm{{{ {0: 'col', 1: 'row'}.get(axis, axis) }}}"  # type: ignore[call-overload]
    return f"\\mathrm{{axis}}\\,{axis}"


def head(t: Tree) -> str | None:
    """What stands in front of the argument in parentheses; None where the name alone says all."""
    name, settings = t.data
    given: dict[str, Any] = dict(settings)
    label = axis_label(given.get("axis"), t.args[0].order)
    match name:
        case "cumsum":
            return _head("\\operatorname{cumsum}", label, bool(given.get("reverse")))
        case "windows":
            return _head("\\operatorname{windows}", _listed(given.get("size"), given.get("stride"), label))
        case "overlap_add":
            outer = axis_label(given.get("axis"), t.args[0].order - 1)
            return _head("\\operatorname{windows}", _listed(given.get("stride"), outer), True)
        case "tril":
            return _head("\\operatorname{tril}", _listed(given.get("k") or None))
        case "reshape":
            sizes = " \\times ".join(latex_number(a.data) for a in t.args[1:])
            return _head("\\operatorname{reshape}", sizes)
        case "place":
            entries = ", ".join(value.text for key, value in settings if hasattr(value, "text"))
            return _head("\\operatorname{place}", f"[{entries.replace(' * ', ' ')}]")
    return None


def picked(t: Tree, write: Callable[[Tree], str], array: Callable[[Tree], str]) -> str:
    """X_{J, :} for take, scatter_{J, :}(G) for its adjoint."""
    name, settings = t.data
    axis = int(dict(settings).get("axis", 0))
    order = t.args[0].order - (t.args[1].order - 1 if name == "scatter_add" else 0)
    entries = [":"] * order
    entries[axis] = write(t.args[1])
    key = ", ".join(entries)
    if name == "take":
        return f"{array(t.args[0])}_{{{key}}}"
    return f"\\operatorname{{scatter}}_{{{key}}}({write(t.args[0])})"


def stacked(t: Tree, write: Write) -> str:
    """Blocks one below the other or side by side."""
    between = " & " if dict(t.data[1]).get("axis") else " \\\\ "
    return f"\\begin{{bmatrix}} {between.join(write(a) for a in stacked_parts(t))} \\end{{bmatrix}}"


def _head(name: str, below: str, turned: bool = False) -> str:
    return name + ("^\\top" if turned else "") + (f"_{{{below}}}" if below else "")


def _listed(*values: object) -> str:
    return ", ".join(
        latex_number(v) if isinstance(v, sympy.Expr) else str(v) for v in values if v is not None and v != ""
    )
