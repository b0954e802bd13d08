"""Newton's method in many digits: the last step to an answer that double precision cannot reach.

Gradient and Hessian are evaluated from the statement by the mpmath interpreter; the system is solved with the
unknowns scaled by the Hessian's diagonal. A Hessian costs as much as many gradients and serves for several steps
(the chord method): near the answer every step then gains as many digits as the Hessian is right to. It refines, and
finds nothing: a step that is no small correction ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from derive.evaluate import bind, evaluate_bound
from derive.node import Node, size_symbols, variables
from derive.stable import stabilise

from .oracle import Layout, Vector, gradient_key, hessian_key

DIGITS = 60
#: A Hessian is kept as long as every step is that much shorter than the one before.
GAIN = 50
#: Steps relative to the unknowns: one that is rounding of double precision and far less, and no correction any more.
SETTLED, NO_CORRECTION = 1e-22, 10.0
#: Farther from where it began, over the unknowns or 1, it no longer refines.
FAR = 1e3


class Derivatives:
    """Gradient and Hessian of a statement in many digits, as functions of the flat vector.

    `exact` holds data as they were written (decimals, fractions), which double precision would round. Methods are to be
    called within `mpmath.workdps`.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        data: Mapping[str, Any],
        layout: Layout,
        x: Vector,
        digits: int = DIGITS,
        exact: Mapping[str, Any] | None = None,
    ) -> None:
        keys = [gradient_key(a) for a in layout.names if gradient_key(a) in nodes]
        self.blocks = [k for k in nodes if k.startswith("hessian ")]
        ready = stabilise([nodes[k] for k in [*keys, *self.blocks]])
        given = {**data, **layout.unpack(x)}
        arrays, self.binding = bind(
            variables(*ready), given, sizes=size_symbols(*ready), extra=True, check_facts=False
        )
        self.layout, self.digits = layout, digits
        self.keys, self.slopes, self.bends = keys, ready[: len(keys)], ready[len(keys) :]
        with mpmath.workdps(digits):
            self.arrays = {**arrays, **{k: as_written(a) for k, a in (exact or {}).items() if k in arrays}}

    def gradient(self, point: list[Any]) -> list[Any]:
        """Its entries; those of unknowns without a node are 0."""
        found = dict(zip(self.keys, self._at(self.slopes, point), strict=True))
        parts = [found.get(gradient_key(name), mpmath.mpf(0)) for name in self.layout.names]
        return [v for a, size in zip(parts, self.layout.sizes, strict=True) for v in _flat(a, size)]

    def hessian(self, point: list[Any]) -> Any:
        """A matrix of mpmath."""
        found = self._at(self.bends, point)
        return _matrix(dict(zip(self.blocks, found, strict=True)), self.layout)

    def _at(self, nodes: list[Node], point: list[Any]) -> list[Any]:
        moved = {**self.arrays, **_shaped(point, self.layout)}
        return evaluate_bound(nodes, moved, self.binding, digits=self.digits)


def refine(
    nodes: Mapping[str, Node],
    data: Mapping[str, Any],
    layout: Layout,
    x: Vector,
    *,
    digits: int = DIGITS,
    steps: int = 30,
    exact: Mapping[str, Any] | None = None,
) -> Vector | None:
    """The stationary point near x, rounded to double; None if Newton's method does not settle.

    `exact` as of `Derivatives`.
    """
    of = Derivatives(nodes, data, layout, x, digits, exact)
    with mpmath.workdps(digits):
        began = point = [mpmath.mpf(float(value)) for value in x]
        system: tuple[Any, list[Any]] | None = None
        before = mpmath.inf
        for _ in range(steps):
            if system is None:
                system = _scaled(of.hessian(point))
            g = of.gradient(point)
            matrix, scale = system
            try:  # the matrix keeps its factors
                step = mpmath.lu_solve(matrix, mpmath.matrix([-s * v for s, v in zip(scale, g, strict=True)]))
            except (ZeroDivisionError, TypeError):  # the latter where mpmath finds no pivot
                return None
            change = [s * v for s, v in zip(scale, step, strict=True)]
            point = [p + c for p, c in zip(point, change, strict=True)]
            size = max(
                abs(c) / max(abs(p), mpmath.mpf(10) ** -30) for p, c in zip(point, change, strict=True)
            )
            if not mpmath.isfinite(size) or (size > NO_CORRECTION and size > 4 * before):
                return None
            far = max(abs(p - s) / max(abs(s), mpmath.mpf(1)) for p, s in zip(point, began, strict=True))
            if far > FAR:
                return None
            if size < SETTLED:
                return np.array([float(p) for p in point])
            if GAIN * size > before:
                system = None
            before = size
    return None


def _scaled(h: Any) -> tuple[Any, list[Any]]:
    """The Hessian with ones on its diagonal, and the scales that make them."""
    n = h.rows
    scale = [1 / mpmath.sqrt(abs(h[i, i])) if h[i, i] != 0 else mpmath.mpf(1) for i in range(n)]
    matrix = mpmath.matrix(n, n)
    for i in range(n):
        for j in range(n):
            matrix[i, j] = scale[i] * h[i, j] * scale[j]
    return matrix, scale


def as_written(array: Any) -> Any:
    """Decimals and fractions as numbers of as many digits as are being used."""
    given = np.asarray(array, dtype=object)
    found = np.empty(given.shape, dtype=object)
    for place in np.ndindex(given.shape):
        value = given[place]
        if isinstance(value, Fraction):
            found[place] = mpmath.mpf(value.numerator) / value.denominator
        else:
            found[place] = mpmath.mpf(str(value) if isinstance(value, Decimal | str) else value)
    return found


def _flat(array: Any, size: int) -> list[Any]:
    found = list(np.asarray(array, dtype=object).reshape(-1))
    return found * size if len(found) == 1 and size > 1 else found


def _shaped(point: list[Any], layout: Layout) -> dict[str, Any]:
    found = {}
    for name, shape, place in zip(layout.names, layout.shapes, layout.slices.values(), strict=True):
        array = np.empty(shape, dtype=object)
        array.reshape(-1)[:] = point[place]
        found[name] = array
    return found


def _matrix(named: Mapping[str, Any], layout: Layout) -> Any:
    h = mpmath.matrix(layout.size, layout.size)
    sizes = dict(zip(layout.names, layout.sizes, strict=True))
    for a, at in layout.slices.items():
        for b, bt in layout.slices.items():
            key = hessian_key(a, b)
            if key not in named:
                continue
            block = np.asarray(named[key], dtype=object).reshape(sizes[a], sizes[b])
            for i in range(sizes[a]):
                for j in range(sizes[b]):
                    h[at.start + i, bt.start + j] = block[i, j]
                    h[bt.start + j, at.start + i] = block[i, j]
    return h
