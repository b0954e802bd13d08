"""Looking for a reason why a function is not convex: a point and a direction of negative curvature, or a
segment above whose midpoint the function lies too high. What is found in double precision is checked in 50
digits; nothing follows when nothing is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import mpmath
import numpy as np

from ..differentiate import gradients, jacobian
from ..domains import Array
from ..errors import DeriveError
from ..evaluate import evaluate_bound
from ..node import Node, Variable, size_symbols, variables
from ..sizes import Binding
from ..stable import stabilise
from ..verify.sampling import distinct_sizes, draw

DIGITS = 50
_STYLES = ("generic", "generic positive", "unit", "whole", "natural")


@final
@dataclass(frozen=True)
class Counterexample:
    """At `point`, along `direction`: dᵀ∇²f d < 0, or f((x + (x+d))/2) above the mean of f(x) and f(x+d)."""

    kind: str  # "curvature" or "chord"
    sizes: Mapping[str, int]
    point: Mapping[str, Array]
    direction: Mapping[str, Array]
    value: float

    def __str__(self) -> str:
        shown = ", ".join(f"{k} = {np.round(v.astype(float), 4).tolist()}" for k, v in self.point.items())
        along = ", ".join(
            f"d{k} = {np.round(v.astype(float), 4).tolist()}" for k, v in self.direction.items()
        )
        what = "d'Hd" if self.kind == "curvature" else "mean of the ends minus the middle"
        return f"at {shown}; along {along}: {what} = {self.value:.6g} < 0"


def search(
    objective: Node,
    unknowns: Sequence[Variable],
    form: Node | None,
    directions: Mapping[Variable, Variable],
    *,
    tries: int = 12,
    seed: int = 0,
) -> Counterexample | None:
    """A counterexample to convexity, or None. `form` is the second derivative along `directions`."""
    wanted = sorted({*variables(objective), *unknowns}, key=lambda v: v.name)
    symbols = size_symbols(objective, *unknowns)
    slopes = gradients(objective, unknowns)
    blocks = [jacobian(g, v) for g in slopes for v in unknowns]
    for binding in distinct_sizes(symbols)[:2]:
        for k in range(tries):
            point = draw(wanted, binding, seed + k, _STYLES[k % len(_STYLES)])
            data = {n: np.asarray(a, dtype=np.float64) for n, a in point.arrays.items()}
            rng = np.random.default_rng(seed + k)
            try:
                for trial in _directions(unknowns, blocks, data, binding, rng) if form is not None else ():
                    found = _curved(form, unknowns, directions, data, trial, binding)  # type: ignore[arg-type]
                    if found is not None and _defined(objective, found, binding):
                        return found
            except (DeriveError, np.linalg.LinAlgError, ArithmeticError):
                pass
            try:
                other = draw(unknowns, binding, seed + 1000 + k, _STYLES[(k // 2) % len(_STYLES)])
                ends = {n: np.asarray(a, dtype=np.float64) for n, a in other.arrays.items()}
                found = _chord(objective, unknowns, data, ends, binding)
                if found is not None:
                    return found
            except (DeriveError, np.linalg.LinAlgError, ArithmeticError):
                continue
    return None


def _directions(
    unknowns: Sequence[Variable], blocks: list[Node], data: dict[str, Array], binding: Binding, rng: Any
) -> list[dict[str, Array]]:
    """The eigenvector of the smallest eigenvalue of the Hessian, and random directions."""
    shapes = [binding.shape(v.shape) for v in unknowns]
    counts = [int(np.prod(s, dtype=int)) for s in shapes]
    values = evaluate_bound(stabilise(blocks), data, binding)
    table = np.block(
        [
            [values[i * len(unknowns) + j].reshape(counts[i], counts[j]) for j in range(len(unknowns))]
            for i in range(len(unknowns))
        ]
    )
    found: list[Array] = []
    if np.isfinite(table).all():
        found.append(np.linalg.eigh((table + table.T) / 2)[1][:, 0])
    found.append(rng.standard_normal(sum(counts)))
    trials = []
    for flat in found:
        pieces = np.split(flat, np.cumsum(counts)[:-1])
        trial: dict[str, Array] = {}
        for v, piece, shape in zip(unknowns, pieces, shapes, strict=True):
            d = np.round(piece, 6).reshape(shape)
            if "symmetric" in v.facts and len(shape) >= 2:
                d = (d + np.swapaxes(d, -1, -2)) / 2
            if "diagonal" in v.facts and len(shape) >= 2:
                d = d * np.eye(shape[-1])
            if "simplex" in v.facts:
                d = d - d.mean(axis=-1, keepdims=True)
            trial[v.name] = d
        trials.append(trial)
    return trials


def _curved(
    form: Node,
    unknowns: Sequence[Variable],
    directions: Mapping[Variable, Variable],
    data: dict[str, Array],
    trial: dict[str, Array],
    binding: Binding,
) -> Counterexample | None:
    arrays = {**data, **{directions[v].name: trial[v.name] for v in unknowns}}
    for v in variables(form):
        if v.name not in arrays:  # a kink, which is elsewhere
            arrays[v.name] = np.zeros(binding.shape(v.shape))
    (quick,) = evaluate_bound(stabilise([form]), arrays, binding)
    if not quick < -1e-9:
        return None
    (exact,) = evaluate_bound([form], arrays, binding, digits=DIGITS)
    value = exact[()]
    if not (mpmath.isfinite(value) and value < -(mpmath.mpf(10) ** -20)):
        return None
    return Counterexample(
        "curvature",
        _sizes(binding),
        {v.name: data[v.name] for v in unknowns}
        | {k: a for k, a in data.items() if k not in {v.name for v in unknowns}},
        trial,
        float(value),
    )


def _defined(objective: Node, found: Counterexample, binding: Binding) -> bool:
    """Whether the function is real around the point: the form of its Hessian may go on where it does not."""
    for t in (-1e-6, 0, 1e-6):
        moved = {k: a + t * found.direction[k] if k in found.direction else a for k, a in found.point.items()}
        if _value(objective, moved, binding) is None:
            return False
    return True


def _value(objective: Node, point: Mapping[str, Array], binding: Binding) -> Any:
    """The function at a point; None where it is not real, or where twice the digits give another number.

    The logarithm of a determinant that is 0 is some number at each precision.
    """
    value, again = (
        evaluate_bound([objective], dict(point), binding, digits=digits)[0][()]
        for digits in (DIGITS, 2 * DIGITS)
    )
    real = mpmath.isfinite(value) and mpmath.im(value) == 0 and mpmath.isfinite(again)
    same = real and abs(value - again) <= mpmath.mpf(10) ** (-DIGITS // 2) * (1 + abs(value))
    return value if same else None


def _chord(
    objective: Node,
    unknowns: Sequence[Variable],
    data: dict[str, Array],
    ends: dict[str, Array],
    binding: Binding,
) -> Counterexample | None:
    """f at the middle of a segment against the mean of its ends."""
    middle = {v.name: (data[v.name] + ends[v.name]) / 2 for v in unknowns}
    places = [data, {**data, **ends}, {**data, **middle}]
    a, b, m = (float(evaluate_bound(stabilise([objective]), p, binding)[0]) for p in places)
    if not (np.isfinite([a, b, m]).all() and m > (a + b) / 2 + 1e-9 * (1 + abs(a) + abs(b))):
        return None
    exact = [_value(objective, p, binding) for p in places]
    if any(e is None for e in exact):
        return None
    gap = (exact[0] + exact[1]) / 2 - exact[2]
    if not gap < -(mpmath.mpf(10) ** -20):
        return None
    step = {v.name: ends[v.name] - data[v.name] for v in unknowns}
    return Counterexample("chord", _sizes(binding), dict(data), step, float(gap))


def _sizes(binding: Binding) -> dict[str, int]:
    return {str(s): n for s, n in sorted(binding.values.items(), key=lambda kv: str(kv[0]))}
