r"""Operators on whole arrays in LaTeX, by their records.

    \operatorname{cumsum}_{\mathrm{row}}(X)       \operatorname{tril}_{-1}(A)       \operatorname{chol}(A)

Below the name stand the options as print puts them: numbers and sizes in the order of the record, then row or col for
the axis, which a matrix needs and a vector does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from ..errors import AmbiguityError, ArgumentError, SizeError
from ..node import Node
from ..operators import REGISTRY, Elementwise, Operator
from .functions import FUNCTIONS
from .latex_names import Label
from .latex_values import Value

#: The axis that is meant, from the end.
AXIS = {"row": -1, "rows": -1, "col": -2, "cols": -2, "column": -2, "columns": -2}


def record_of(word: str) -> Operator | None:
    """The operator on one whole array that a word names, by its name or by how its record heads it."""
    for operator in REGISTRY.values():
        if isinstance(operator, Elementwise) or operator.arity != 1 or not _is_function(operator):
            continue
        if word in (operator.name, operator.name.replace("_", "")) or operator.latex == _headed(word):
            return operator
    return None


def _headed(word: str) -> str:
    return f"\\operatorname{{{word}}}"


def _is_function(operator: Operator) -> bool:
    """Whether the language has it as a function of the array and the options of its record."""
    found = FUNCTIONS.get(operator.name)
    return found is not None and (operator.options is not None or len(found.parameters) == 1)


def on_whole_array(operator: Operator, value: Value, labels: Sequence[Label], spelled: str) -> Value:
    """The operator on the axes behind the indices."""
    if value.kind == "scalar":
        raise SizeError(f"{operator.name} of a scalar")
    named = [label for label in labels if label.text in AXIS]
    given = _numbers([label for label in labels if label not in named], operator)
    settings: dict[str, Any] = {}
    for option in operator.options or ():
        if option.kind == "axis":
            settings[option.name] = _axis(operator, value, named, spelled)
        elif option.kind in ("integer", "size") and given:
            settings[option.name] = given.pop(0)
    if given or (named and not any(o.kind == "axis" for o in operator.options or ())):
        raise ArgumentError(f"{operator.name} has no such subscript; {FUNCTIONS[operator.name].usage}")
    node = FUNCTIONS[operator.name](value.node, **settings)
    return Value(node, _kind(node, value), value.indices)


def _numbers(labels: Sequence[Label], operator: Operator) -> list[sympy.Integer]:
    """Whole numbers below the name, with their signs."""
    found: list[sympy.Integer] = []
    sign = 1
    for label in labels:
        if label.kind == "other" and label.text == "-" and sign == 1:
            sign = -1
        elif label.kind == "number":
            found.append(sympy.Integer(sign * int(label.text)))
            sign = 1
        else:
            raise ArgumentError(f"{operator.name}: below the name stand whole numbers, and row or col")
    return found


def _axis(operator: Operator, value: Value, named: Sequence[Label], spelled: str) -> int:
    if len(value.core) == 1 and not named:
        return -1
    if value.kind != "matrix" or len(named) > 1:
        raise ArgumentError(f"{operator.name}: row or col is said of a matrix, and once")
    if not named:
        name = operator.name
        raise AmbiguityError(
            f"{name} of a matrix: along every row, or every column?",
            (f"{name}({spelled}, axis=1)", f"{name}({spelled}, axis=0)"),
            hint=rf"write \operatorname{{{name}}}_{{\mathrm{{row}}}}(…)",
        )
    return AXIS[named[0].text]


def _kind(node: Node, value: Value) -> str:
    order = node.order - len(value.indices)
    if order == len(value.core):
        return value.kind
    return {0: "scalar", 1: "column", 2: "matrix"}.get(order, "tensor")
