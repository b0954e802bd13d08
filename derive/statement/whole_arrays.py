"""Functions of whole arrays whose records say how they are called: the operands, then the options.

Functions that are more than their operator (a reduction over all axes, a check of facts) are stated by hand in the
modules beside this one, under the same name.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..node import Node
from ..operators import Elementwise, Operator, Option, apply, normal_axes, on_register
from .signature import FUNCTIONS, Function, Parameter, alias

_OPERANDS = "ABCD"


def _as_function(operator: Operator) -> None:
    """Operators with options are functions under their own names, as soon as they are registered."""
    if isinstance(operator, Elementwise) or operator.options is None or operator.name in FUNCTIONS:
        return
    name, count, options = operator.name, operator.arity, operator.options

    def meaning(*values: Any, **named: Any) -> Node:
        operands = values[:count]
        settings = dict(zip((o.name for o in options), values[count:], strict=False)) | named
        for option in options:
            settings.setdefault(option.name, option.default)
            if option.kind == "axis":
                settings[option.name] = _axis(settings[option.name], operands[0].order, name)
        return apply(name, *operands, **settings)

    parameters = [Parameter(letter, "array") for letter in _OPERANDS[:count]]
    parameters += [_parameter(option) for option in options]
    FUNCTIONS[name] = Function(name, tuple(parameters), meaning, (operator.__doc__ or "").strip())


def _parameter(option: Option) -> Parameter:
    axis = option.kind == "axis"
    return Parameter(option.name, "integer" if axis else option.kind, axis or option.default is not None)


def _axis(axis: int | None, order: int, name: str) -> int:
    """The axis from the front; it need not be said where there is only one."""
    if axis is None and order != 1:
        raise ArgumentError(f"{name}: say along which axis, as in {name}(A, axis=0)")
    (found,) = normal_axes(0 if axis is None else axis, order, name)
    return found


on_register(_as_function)
for _other, _name in (("normnuc", "nuclear_norm"), ("sigma_max", "spectral_norm")):
    alias(_other, FUNCTIONS[_name])
