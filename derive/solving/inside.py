"""Where a run under constraints begins: inside simple bounds, on the right side of kinks, all values finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..differentiate import jacobian
from ..evaluate import bind, evaluate_bound
from ..node import Node, Variable, size_symbols, variables
from ..smoothing import Kink, Smooth, matrix_of
from ..stable import stabilise

#: How far inside single bounds other starts are, where the first had no values.
NEARER = 0.1


def numbers(nodes: Sequence[Node], arrays: Mapping[str, Any]) -> list[Any]:
    """The nodes by the interpreter; arrays that do not occur are passed over."""
    ready = stabilise(nodes)
    values, binding = bind(
        variables(*ready), arrays, sizes=size_symbols(*ready), extra=True, check_facts=False
    )
    return evaluate_bound(ready, values, binding)


def inside(
    problem: Smooth,
    free: Sequence[Variable],
    arrays: Mapping[str, Any],
    point: Mapping[str, Any],
    given: bool,
    room: float = 1.0,
) -> dict[str, Any]:
    """Inside the simple bounds, by `room` where there is one alone, with slacks on the right side of their kinks."""
    found = {k: np.array(v, dtype=np.float64) for k, v in point.items()}
    if not given:
        _into_bounds(problem, free, found, arrays, room)
    kinks: list[Kink] = list(problem.kinks)
    for kink in kinks:
        at = at_kink(kink, {**arrays, **found})
        value, side = at[kink.slack.name], 1.0 if kink.sign > 0 else -1.0
        at[kink.slack.name] = np.asarray(value + side * np.maximum(1.0, np.abs(value)), dtype=np.float64)
        found |= at
    return found


def at_kink(kink: Kink, point: Mapping[str, Any]) -> dict[str, Any]:
    """What stands for a kink where it is just met: the slack, and the matrix of a norm of singular values."""
    found = {kink.slack.name: np.asarray(numbers([kink.atom], point)[0], dtype=np.float64)}
    if kink.matrix is not None:
        (U,) = numbers([kink.atom.operands[0]], point)
        found[kink.matrix.name] = matrix_of(kink.name, U)
    return found


def defined(
    problem: Smooth,
    free: Sequence[Variable],
    arrays: Mapping[str, Any],
    point: dict[str, Any],
    nodes: Sequence[Node],
    steep: Sequence[Node],
    bent: Sequence[tuple[Node, Sequence[Node]]] = (),
) -> dict[str, Any]:
    """The start, or a few others, whichever first gives a finite gradient and conditions that can move.

    steep  slopes of equalities;  bent  inequalities c ≥ 0 that are not linear, with their slopes
    """
    rng = np.random.default_rng(0)
    names = [v.name for v in free]
    others: list[dict[str, Any]] = [
        {k: np.full(np.shape(point[k]), c) for k in names} for c in (1.0, 0.1, 10.0)
    ]
    others += [{k: rng.random(np.shape(point[k])) for k in names}]
    others += [{k: rng.standard_normal(np.shape(point[k])) for k in names} for _ in range(5)]
    for k in range(len(others) + 1):
        # nearer to the bounds than at first: log(w) with w ≤ 1 has values there alone
        found = point if k == 0 else inside(problem, free, arrays, others[k - 1], False, NEARER)
        try:
            finite = all(np.isfinite(a).all() for a in numbers(nodes, {**arrays, **found}))
            moves = not steep or all(np.any(a) for a in numbers(steep, {**arrays, **found}))
            if finite and moves and not any(_stuck(c, slopes, {**arrays, **found}) for c, slopes in bent):
                return found
        except ValueError:
            continue
    return point


def _stuck(condition: Node, slopes: Sequence[Node], arrays: Mapping[str, Any]) -> bool:
    """Whether a condition c ≥ 0 is violated where all its slopes vanish, as ‖x‖² ≥ 1 at 0, or has none, as √x there."""
    value, *found = numbers([condition, *slopes], arrays)
    if not all(np.isfinite(a).all() for a in found):
        return True
    return bool(np.any(value < 0.0)) and not any(np.any(a) for a in found)


def middle(functions: Any, z: Any) -> Any:
    """The start z, or where values are not finite there, a point deep inside linear constraints, if that helps.

    Slack t of at most 1 is maximised over   Ez + e = 0,  Cz + c ≥ t |row|,  a linear program.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack

    with np.errstate(all="ignore"):
        v = functions.values(z)
        if v.finite():
            return z
        E, C = (csr_array(part) for part in (v.E, v.C))
        if not all(np.isfinite(part).all() for part in (v.e, E.data, v.c, C.data)):
            return z
        n, lengths = z.size, np.sqrt((C * C).sum(axis=1))
        above: Any = hstack([-C, csr_array(lengths[:, None])]) if v.c.size else None
        equal: Any = hstack([E, csr_array((v.e.size, 1))]) if v.e.size else None
        found = linprog(
            np.append(np.zeros(n), -1.0),
            A_ub=above,
            b_ub=v.c - C @ z if v.c.size else None,
            A_eq=equal,
            b_eq=E @ z - v.e if v.e.size else None,
            bounds=[(None, None)] * n + [(None, 1.0)],
        )
        if found.status == 0:
            deep = np.asarray(found.x)[:n]
            return deep if functions.values(deep).finite() else z
    return z


@lru_cache(maxsize=64)
def _bounds(conditions: tuple[Node, ...], free: tuple[Variable, ...], slacks: frozenset[str]) -> Any:
    """The conditions that are one bound for each entry of one unknown, and its name."""
    from ..kernels.structure import cross

    named, found = {v.name: v for v in free}, []
    for node in conditions:
        inside = [n for n in named if named[n] in variables(node)]
        if len(inside) != 1 or {v.name for v in variables(node)} & slacks:
            continue
        unknown = named[inside[0]]
        slope = jacobian(node, unknown)
        if unknown in variables(slope) or node.shape != unknown.shape:
            continue
        if all(len(term.ties) == node.order for term in cross(slope, node.order)):
            found.append((node, unknown.name))
    return found


def _into_bounds(
    problem: Smooth,
    free: Sequence[Variable],
    found: dict[str, Any],
    arrays: Mapping[str, Any],
    room: float,
) -> None:
    """Move unknowns to the middle of their bounds, or inside a single one."""
    low = {k: np.full(v.shape, -np.inf) for k, v in found.items()}
    high = {k: np.full(v.shape, np.inf) for k, v in found.items()}
    zeros = {k: np.zeros_like(v) for k, v in found.items()}
    slacks = frozenset(k.slack.name for k in problem.kinks)
    for node, name in _bounds(tuple(problem.inequalities), tuple(free), slacks):
        ones_ = {**zeros, name: np.ones_like(found[name])}
        base, moved = (numbers([node], {**arrays, **at})[0] for at in (zeros, ones_))
        rate = np.asarray(moved - base, dtype=float)
        with np.errstate(all="ignore"):
            edge = -base / rate
        low[name] = np.where(rate > 0, np.maximum(low[name], edge), low[name])
        high[name] = np.where(rate < 0, np.minimum(high[name], edge), high[name])
    for name, value in found.items():
        lo, hi = low[name], high[name]
        both = np.isfinite(lo) & np.isfinite(hi)
        with np.errstate(invalid="ignore"):
            value = np.where(both, (lo + hi) / 2, value)
        value = np.where(np.isfinite(lo) & ~both, np.maximum(value, lo + room), value)
        found[name] = np.where(np.isfinite(hi) & ~both, np.minimum(value, hi - room), value)
