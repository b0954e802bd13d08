"""Values at a point to any number of digits, and the comparison of two arrays to so many digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np

from ..domains import Array, Mp
from ..errors import DataError
from ..evaluate import evaluate_bound
from ..node import Apply, Node, topological
from .sampling import Point

_SQUARED = frozenset("erf erfc gelu".split())
#: Operators that come as close to a limit as exp(-|x|), or exp(-x²), to 0.
_EXPONENTIAL = _SQUARED | frozenset(
    "exp expm1 sinh cosh tanh sech csch coth sigmoid softplus logsumexp softmax log_softmax logaddexp".split()
)
_ROUGH = 30  # digits for the sizes of values
_MOST_HIDDEN = 3000


class NotFinite(Exception):
    """An expression has no finite real value at a point: the point is outside its domain."""


def values(nodes: Sequence[Node], point: Point, digits: int = 60) -> list[Array]:
    """The values of several expressions at one exact point, in mpmath.

    Raises `NotFinite` when an entry is infinite, undefined or not real.
    """
    with mpmath.workdps(digits):
        domain = Mp(digits)
        arrays = {name: domain.array(a) for name, a in point.arrays.items()}
    try:
        found = evaluate_bound(nodes, arrays, point.binding, digits=digits)
    except (DataError, TypeError) as error:  # TypeError: comparisons of complex numbers
        raise NotFinite(str(error)) from None
    return [real(a, digits) for a in found]


def real(array: Array, digits: int) -> Array:
    """The array as real mpmath numbers, or `NotFinite`."""
    out = np.empty(np.shape(array), dtype=object)
    with mpmath.workdps(digits):
        for index in np.ndindex(out.shape):
            value = mpmath.mpmathify(np.asarray(array)[index])
            if isinstance(value, mpmath.mpc):
                if value.imag != 0:
                    raise NotFinite("not a real number")
                value = value.real
            if not mpmath.isfinite(value):
                raise NotFinite("not a finite number")
            out[index] = value
    return out


def largest(array: Array) -> Any:
    """The largest absolute entry; 0 for an array without entries."""
    return max((abs(v) for v in np.asarray(array).flat), default=0)


def relative_gap(a: Array, b: Array) -> Any:
    """max |a − b| over the largest entry of either; 0 when both vanish."""
    scale = max(largest(a), largest(b))
    return largest(np.asarray(a) - np.asarray(b)) / scale if scale else scale


def same_value(a: Node, b: Node, point: Point, digits: int = 40) -> bool:
    """Whether two expressions of one shape agree to so many digits at the point.

    Evaluated with 20 guard digits, and again with twice the digits if they seem to differ: a difference that
    shrinks with the precision is rounding (an exact zero computed by cancellation), one that stays is real,
    unless functions are so close to their limits that even those digits do not show it, as 1 − σ(400): then once
    more with as many as that takes. Raises `NotFinite` where a value is all rounding, as the inverse of a singular
    matrix, and where it would take too many digits.
    """
    first, second = values([a, b], point, digits + 20)
    with mpmath.workdps(digits + 20):
        gap = largest(first - second)
        if gap <= mpmath.mpf(10) ** -digits * max(largest(first), largest(second)):
            return True
    coarse = (first, second)
    first, second = values([a, b], point, 2 * digits + 40)
    with mpmath.workdps(2 * digits + 40):
        finer = largest(first - second)
        scale = max(largest(first), largest(second))
        if finer <= mpmath.mpf(10) ** -digits * scale or finer <= gap * mpmath.mpf(10) ** -(digits // 2):
            return True
        if any(
            largest(x - y) > mpmath.mpf(10) ** -(digits // 2) * scale
            for x, y in zip(coarse, (first, second), strict=True)
        ):
            raise NotFinite("not determined: a matrix is singular but for rounding")
    hidden = _hidden_digits([a, b], point)
    if hidden <= digits:
        return False
    if hidden > _MOST_HIDDEN:
        raise NotFinite("not determined: terms cancel to too many digits")
    first, second = values([a, b], point, 2 * (digits + hidden))
    with mpmath.workdps(2 * (digits + hidden)):
        scale = max(largest(first), largest(second))
        return bool(largest(first - second) <= mpmath.mpf(10) ** -digits * scale)


def _hidden_digits(nodes: Sequence[Node], point: Point) -> int:
    """To how many digits a term may vanish beside another: the range of the exponents of all values on the way, and of
    exp(-|x|) wherever a function with exponentials in it has the argument x."""
    inner = list(topological(nodes))
    with mpmath.workdps(_ROUGH):
        domain = Mp(_ROUGH)
        arrays = {name: domain.array(a) for name, a in point.arrays.items()}
        found = dict(zip(inner, evaluate_bound(inner, arrays, point.binding, digits=_ROUGH), strict=True))
        low = high = mpmath.mpf(0)
        for node, array in found.items():
            sizes = [abs(v) for v in np.asarray(array).flat if v != 0 and mpmath.isfinite(v)]
            exponents = [mpmath.log10(v) for v in sizes]
            if isinstance(node, Apply) and node.op in _EXPONENTIAL:
                power = 2 if node.op in _SQUARED else 1
                arguments = (largest(np.asarray(found[o])) for o in node.operands)
                exponents += [-(v**power) / mpmath.log(10) for v in arguments if mpmath.isfinite(v)]
            low, high = min([low, *exponents]), max([high, *exponents])
        return int(high - low)
