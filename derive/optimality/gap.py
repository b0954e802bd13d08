"""Duality in numbers: a dual point from a primal one, made feasible by scaling, and the gap.

Any dual feasible point bounds the optimum: g(α) ≤ f*. From a primal point w the slope α = ∇h(Xw) of the loss is
the dual point that belongs to it; where it breaks a homogeneous constraint, such as ‖Xᵀα‖∞ ≤ λ, it is scaled back,
α ← α · min(1, λ/‖Xᵀα‖∞), which is how the lasso's gap is computed (Kim, Koh, Lustig, Boyd, Gorinevsky, An
Interior-Point Method for Large-Scale ℓ1-Regularized Least Squares, 2007, §III).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import DataError
from ..evaluate import bind, evaluate_bound
from ..node import Node, Variable, size_symbols, variables
from ..stable import stabilise
from ..statement.arithmetic import sub
from .dual import Dual
from .lagrangian import Relation

#: How far a constraint may be missed by a point that counts as feasible.
FEASIBLE = 1e-7


def evaluate_nodes(nodes: list[Node], arrays: Mapping[str, Any]) -> list[Array]:
    """The nodes on arrays by name; arrays that do not occur are passed over."""
    wanted = list(variables(*nodes))
    symbols = set(size_symbols(*nodes))
    names = {v.name for v in wanted} | {s.name for s in symbols}
    data = {k: a for k, a in arrays.items() if k in names}
    bound, binding = bind(wanted, data, sizes=symbols, check_facts=False)
    return evaluate_bound(stabilise(nodes), bound, binding)


def violation(dual: Dual, arrays: Mapping[str, Any]) -> float:
    """The largest violation of the constraints of the dual, signs of multipliers included."""
    worst = [0.0]
    for r in dual.relations:
        (gap,) = evaluate_nodes([sub(r.left, r.right)], arrays)
        signed = {"<=": gap, ">=": -gap, "==": np.abs(gap)}[r.sign]
        worst.append(float(np.max(signed)))
    for v in dual.unknowns:
        a = np.asarray(arrays[v.name], dtype=np.float64)
        if "nonnegative" in v.facts:
            worst.append(float(np.max(-a)))
        if "psd" in v.facts:
            worst.append(-float(np.linalg.eigvalsh(a).min()))
    return max(worst)


def bound(dual: Dual, arrays: Mapping[str, Any], tolerance: float = FEASIBLE) -> float:
    """The value of the dual at a feasible point, which bounds the optimum; `DataError` where it is not feasible."""
    if (worst := violation(dual, arrays)) > tolerance:
        raise DataError(f"the dual point violates its constraints by {worst:.3g}")
    (value,) = evaluate_nodes([dual.objective], arrays)
    return float(value)


def candidate(
    dual: Dual, arrays: Mapping[str, Any], multipliers: Mapping[str, Array] | None = None
) -> dict[str, Array] | None:
    """A feasible dual point from a primal one, or None where scaling makes none.

    `arrays` holds the data and the primal unknowns, `multipliers` those of constraints, by name.
    """
    point = dict(multipliers or {})
    found = evaluate_nodes(list(dual.multipliers.values()), arrays)
    point |= {v.name: a for v, a in zip(dual.multipliers, found, strict=True)}
    if any(v.name not in point for v in dual.unknowns):
        return None  # multipliers of constraints do not follow from the primal point alone
    return feasible(dual, {v.name: point[v.name] for v in dual.unknowns}, arrays)


def feasible(dual: Dual, point: Mapping[str, Array], arrays: Mapping[str, Any]) -> dict[str, Array] | None:
    """A dual point made feasible: signs first, then scaled back; None where that does not suffice."""
    point = {k: np.asarray(a, dtype=np.float64) for k, a in point.items()}
    for v in dual.unknowns:
        if "nonnegative" in v.facts:
            point[v.name] = np.maximum(point[v.name], 0.0)
    shrink = 1.0
    for r in dual.relations:
        shrink = min(shrink, _allowed(r, dual.unknowns, {**arrays, **point}))
    point = {name: shrink * a for name, a in point.items()}
    return point if violation(dual, {**arrays, **point}) <= FEASIBLE else None


def _allowed(r: Relation, unknowns: tuple[Variable, ...], arrays: Mapping[str, Any]) -> float:
    """The largest s ≤ 1 with which s·α satisfies a constraint, whose left side is taken to be homogeneous."""
    if r.sign == "==" or any(v in unknowns for v in variables(r.right)):
        return 1.0
    left, right = evaluate_nodes([r.left, r.right], arrays)
    left, right = np.broadcast_arrays(left, right)
    slack = 1e-9 * (1 + np.abs(right) + np.abs(left).max())
    over = left > right + slack if r.sign == "<=" else left < right - slack
    if not over.any():
        return 1.0
    ratio = right[over] / left[over]
    return float(ratio.min()) if (ratio >= 0).all() else 1.0


def recover(dual: Dual, arrays: Mapping[str, Any]) -> dict[str, Array]:
    """The primal unknowns that a dual optimum determines, by name."""
    values = evaluate_nodes(list(dual.primal.values()), arrays)
    return {v.name: a for v, a in zip(dual.primal, values, strict=True)}


__all__ = ["bound", "candidate", "evaluate_nodes", "feasible", "recover", "violation"]
