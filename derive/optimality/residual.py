"""How far a point is from satisfying the KKT conditions, in numbers, by the interpreter.

    stationarity      ‖∇ₓL‖∞
    primal            max(g(x)₊, |h(x)|, −λ_min(S)₊)
    dual              max((−λ)₊, −λ_min(Λ)₊)
    complementarity   max |λ ∘ g(x)|, |Λ S|

Multipliers that are not given are those that fit best: stationarity and λ ∘ g(x) = 0 are linear in them,
so they solve a least-squares problem with λ ≥ 0. No tolerance is applied here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..differentiate import jacobian
from ..domains import Array
from ..errors import DataError
from ..evaluate import bind, check_access, evaluate_bound
from ..node import Node, Variable, size_symbols, variables
from ..sizes import Binding
from ..stable import stabilise
from .kkt import KKT

Linear = tuple[Array, Array]


@final
@dataclass(frozen=True)
class Residual:
    """The four violations, and the multipliers with which they were measured."""

    stationarity: float
    primal: float
    dual: float
    complementarity: float
    multipliers: Mapping[str, Array] = field(repr=False)

    @property
    def largest(self) -> float:
        """The largest of the four."""
        return max(self.stationarity, self.primal, self.dual, self.complementarity)


def kkt_residual(kkt: KKT, point: Mapping[str, Any], data: Mapping[str, Any]) -> Residual:
    """The violations at `point`, which holds the unknowns and, where known, multipliers."""
    names = {v.name for v in (*kkt.unknowns, *kkt.multipliers)}
    for name in point:
        if name not in names:
            raise DataError(f"the point has {name}, which is neither an unknown nor a multiplier")
    conditions = kkt.lagrangian.conditions
    nodes = [*kkt.stationarity.values(), *(c.residual for c in conditions)]
    found = PointInNumbers(nodes, kkt, point, data)
    given = dict(found.given)
    missing = [v for v in kkt.multipliers if v.name not in given]
    if missing:
        given.update(_fitted(kkt, found, missing))
    slopes = found.values(list(kkt.stationarity.values()), given)
    measures = found.values([c.residual for c in conditions], given)
    primal, dual, slack = [0.0], [0.0], [0.0]
    for c, residual in zip(conditions, measures, strict=True):
        lam = None if c.multiplier is None else given[c.multiplier.name]
        if c.kind == "==":
            primal.append(float(np.abs(residual).max()))
            continue
        primal.append(
            -_least(residual, matrix=c.kind == "psd" or "pd" in c.residual.facts)
            if c.kind != "<="
            else float(residual.max())
        )
        if lam is not None:
            dual.append(-_least(lam, matrix=c.kind == "psd"))
            slack.append(float(np.abs(lam @ residual if c.kind == "psd" else lam * residual).max()))
    steepest = max(float(np.abs(s).max()) for s in slopes)
    return Residual(
        steepest, max(primal), max(dual), max(slack), {v.name: given[v.name] for v in kkt.multipliers}
    )


def _least(a: Array, matrix: bool) -> float:
    """The smallest entry, or the smallest eigenvalue."""
    return float(np.linalg.eigvalsh((a + np.swapaxes(a, -1, -2)) / 2).min() if matrix else a.min())


class PointInNumbers:
    """Data and point, checked and bound to sizes."""

    def __init__(
        self, nodes: list[Node], kkt: KKT, point: Mapping[str, Any], data: Mapping[str, Any]
    ) -> None:
        inside = {*kkt.unknowns, *kkt.multipliers}
        outside = [v for v in variables(*nodes, kkt.lagrangian.objective) if v not in inside]
        symbols = size_symbols(*nodes, kkt.lagrangian.objective)
        bind(outside, data, sizes=symbols)  # facts of the data are checked; those of the point are measured
        wanted = [v for v in (*outside, *inside) if v in outside or v.name in point or v in kkt.unknowns]
        arrays, binding = bind(wanted, {**data, **point}, sizes=symbols, check_facts=False)
        self.given, self.binding = arrays, binding
        for v in kkt.multipliers:
            if v.name in point:
                binding.learn(v.name, v.shape, np.shape(point[v.name]))

    def shape(self, v: Variable) -> tuple[int, ...]:
        """The shape of a multiplier in numbers."""
        return Binding(self.binding.values).shape(v.shape)

    def values(self, nodes: list[Node], arrays: Mapping[str, Array]) -> list[Array]:
        """The nodes evaluated in double precision."""
        stable = stabilise(nodes)
        check_access(stable, arrays, self.binding)
        return evaluate_bound(stable, arrays, self.binding)


def _fitted(kkt: KKT, found: PointInNumbers, missing: list[Variable]) -> dict[str, Array]:
    """The missing multipliers that fit stationarity and complementary slackness best."""
    from scipy.optimize import lsq_linear

    zeros = {v.name: np.zeros(found.shape(v)) for v in missing}
    start = {**found.given, **zeros}
    slopes = list(kkt.stationarity.values())
    target = np.concatenate([s.ravel() for s in found.values(slopes, start)])
    columns: list[Array] = []
    for v in missing:
        size = zeros[v.name].size
        blocks = found.values([jacobian(s, v) for s in slopes], start)
        slack = {c.multiplier: c.residual for c in kkt.lagrangian.conditions if c.kind == "<="}
        rows = [b.reshape(-1, size) for b in blocks]
        if v in slack:
            (g,) = found.values([slack[v]], start)
            rows.append(np.diag(g.ravel()))
        else:
            rows.append(np.zeros((0, size)))
        columns.append(np.concatenate(rows))
    extra = [c.shape[0] - target.size for c in columns]
    matrix = np.zeros((target.size + sum(extra), sum(c.shape[1] for c in columns)))
    row, column = target.size, 0
    lower: list[Array] = []
    for v, block, more in zip(missing, columns, extra, strict=True):
        here = slice(column, column + block.shape[1])
        matrix[: target.size, here] = block[: target.size]
        matrix[row : row + more, here] = block[target.size :]
        row, column = row + more, column + block.shape[1]
        lower.append(np.full(block.shape[1], 0.0 if "nonnegative" in v.facts else -np.inf))
    bounds = np.concatenate(lower)
    right = np.concatenate([-target, np.zeros(sum(extra))])
    solution = (
        lsq_linear(matrix, right, (bounds, np.inf), tol=1e-14, method="bvls")["x"]
        if (bounds > -np.inf).any()
        else np.linalg.lstsq(matrix, right, rcond=None)[0]
    )
    out: dict[str, Array] = {}
    start_at = 0
    for v in missing:
        shape = zeros[v.name].shape
        size = int(np.prod(shape, dtype=int))
        value = solution[start_at : start_at + size].reshape(shape)
        start_at += size
        if "symmetric" in v.facts and len(shape) >= 2:
            value = (value + np.swapaxes(value, -1, -2)) / 2
        out[v.name] = value
    return out
