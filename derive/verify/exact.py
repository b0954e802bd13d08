"""SymPy as an oracle: a statement at small sizes, in scalars, differentiated component by component.

At fixed sizes a statement *is* a SymPy expression in the entries of its arrays, and `sympy.diff` knows
nothing of our tensor calculus. Where the two agree exactly (rational functions) or to 50 digits (the rest),
they vouch for each other. For a symmetric unknown the entries s_ij and s_ji are one symbol; the derivative
by that symbol is G_ij + G_ji, so the gradient in the space of symmetric matrices has half of it off the
diagonal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import mpmath
import numpy as np
import sympy

from ..domains import Array, Exact
from ..errors import UnsupportedError
from ..evaluate import run
from ..node import Node, Variable, variables
from ..sizes import Binding
from .numbers import NotFinite, largest, values
from .sampling import Point, draw

DIGITS = 50
_POINTS = 3
_SIGNS = {"positive": "positive", "nonnegative": "nonnegative", "integer": "integer", "nonzero": "nonzero"}


def entries(v: Variable, binding: Binding) -> Array:
    """An array of symbols that carry the facts: real, positive, shared across the diagonal, zero off it."""
    shape = binding.shape(v.shape)
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        named = index
        if "symmetric" in v.facts and len(shape) >= 2 and index[-1] < index[-2]:
            named = (*index[:-2], index[-1], index[-2])
        if "diagonal" in v.facts and len(shape) >= 2 and index[-1] != index[-2]:
            out[index] = sympy.S.Zero
            continue
        assumptions = {name: True for fact, name in _SIGNS.items() if fact in v.facts}
        if "pd" in v.facts and index[-1] == index[-2]:
            assumptions["positive"] = True
        name = "_".join([v.name, *map(str, named)])
        out[index] = sympy.Symbol(name, real=True, **assumptions)
    return out


def _away_from_kinks(x: mpmath.mpf, order: int = 0) -> int:
    """SymPy's second derivative of |x| and max: a distribution at the kink, 0 elsewhere."""
    if x == 0:
        raise UnsupportedError("SymPy has a distribution here: the point is a kink")
    return 0


class Oracle:
    """One statement at fixed sizes."""

    def __init__(self, objective: Node, binding: Binding, others: Iterable[Node] = ()) -> None:
        self.binding = binding
        self.variables = variables(objective, *others)
        self.arrays = {v.name: entries(v, binding) for v in self.variables}
        self.objective = objective
        (self.value,) = self.expand([objective])

    def expand(self, nodes: Sequence[Node]) -> list[Array]:
        """Nodes as arrays of SymPy scalars."""
        return run(nodes, self.arrays, self.binding, Exact())

    def diff(self, value: Array, wrt: Variable) -> Array:
        """∂value/∂wrt by `sympy.diff`; axes of the value, then of the unknown."""
        symbols = self.arrays[wrt.name]
        symmetric = "symmetric" in wrt.facts and symbols.ndim >= 2
        out = np.empty((*np.shape(value), *symbols.shape), dtype=object)
        for index in np.ndindex(np.shape(value)):
            scalar = np.asarray(value, dtype=object)[index]
            found: dict[sympy.Symbol, sympy.Expr] = {}
            for place in np.ndindex(symbols.shape):
                symbol: sympy.Expr = symbols[place]
                if not symbol.is_Symbol:  # a structural zero is no unknown
                    out[index + place] = None
                    continue
                if symbol not in found:
                    found[symbol] = sympy.diff(scalar, symbol)
                half = symmetric and place[-1] != place[-2]
                out[index + place] = found[symbol] / 2 if half else found[symbol]
        return out

    def points(self, seed: int = 0) -> list[Point]:
        """Three rational points at which the objective is finite."""
        found: list[Point] = []
        for k in range(40):
            style = ("generic", "unit", "generic positive")[k % 3]
            point = draw(self.variables, self.binding, seed + k, style)
            try:
                values([self.objective], point, 20)
            except NotFinite:
                continue
            found.append(point)
            if len(found) == _POINTS:
                return found
        raise UnsupportedError("no points were found at which the statement is finite")

    def disagreement(self, expected: Array, derived: Node) -> str | None:
        """None when a derived expression equals SymPy's, else what differs.

        Rational functions are compared exactly, everything else to 50 digits at three rational points.
        """
        wanted = np.asarray(expected, dtype=object)
        known = [i for i in np.ndindex(wanted.shape) if wanted[i] is not None]
        symbols = sorted({s for a in self.arrays.values() for s in a.flat if s.is_Symbol}, key=str)
        scalars: list[sympy.Expr] = [wanted[i] for i in known]
        if all(scalar.is_rational_function(*symbols) for scalar in scalars):
            (written,) = self.expand([derived])
            for i in known:
                if sympy.cancel(sympy.together(written[i] - wanted[i])) != 0:
                    return f"entry {i}: derived {written[i]}, SymPy has {wanted[i]}"
            return None
        names = [{"DiracDelta": _away_from_kinks}, "mpmath"]
        function = sympy.lambdify(symbols, scalars, names, cse=True)
        for point in self.points():
            with mpmath.workdps(DIGITS + 20):
                arguments = [self._number(s, point) for s in symbols]
                theirs = np.array([mpmath.mpmathify(v) for v in function(*arguments)], dtype=object)
                (array,) = values([derived], point, DIGITS + 20)
                ours = np.array([array[i] for i in known], dtype=object)
                gap, size = largest(ours - theirs), max(largest(ours), largest(theirs), 1)
                if gap > mpmath.mpf(10) ** -DIGITS * size:
                    k = max(range(len(known)), key=lambda j: abs(ours[j] - theirs[j]))
                    return (
                        f"entry {known[k]}: derived {mpmath.nstr(ours[k], 20)}, "
                        f"SymPy has {mpmath.nstr(theirs[k], 20)}"
                    )
        return None

    def _number(self, symbol: sympy.Symbol, point: Point) -> mpmath.mpf:
        for name, array in self.arrays.items():
            for index in np.ndindex(array.shape):
                if array[index] is symbol or array[index] == symbol:
                    exact: sympy.Rational = point.arrays[name][index]
                    return mpmath.mpf(int(exact.p)) / int(exact.q)
        raise KeyError(symbol)
