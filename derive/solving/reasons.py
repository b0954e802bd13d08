"""What a point tells about constraints: the multipliers that fit it best, and why a run has found no optimum.

    a combination of linear constraints with no solution        infeasible
    a direction of descent without curvature and without end    unbounded

Both are linear programs, looked at only where a run has failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..node import Apply, Node, Variable, topological
from ..smoothing import SINGULAR
from ..statuses import INFEASIBLE, ITERATIONS, NO_MINIMUM, NO_STEP, NO_VALUE

if TYPE_CHECKING:
    from .posed import Posed

#: An entry or an eigenvalue below this share of the largest is about to vanish.
EDGE = 1e-9
#: Columns whose largest entries are as many times those of others are in very different units.
UNEVEN = 1e3
#: Shares of the largest inequality up to which others count as active.
NARROW, WIDE = 1e-8, 1e-4
#: A point that violates no condition by more is worth other multipliers.
NEAR = 1e-8
#: A residual over the slope that no signs of multipliers would mend.
BEYOND = 1e-3
#: The words for a fall without end.
ENDLESS = "the objective is unbounded below on the feasible set, or has no minimum that is attained"


def failure(
    answer: Any,
    proof: Any,
    ended: Sequence[tuple[int, str]],
    functions: Any,
    z: Any,
    linear: bool,
    quadratic: bool,
    blocks: Sequence[tuple[int, int]] = (),
) -> tuple[int, str]:
    """Why a run has no certified answer, status and words; `ended` holds what stopped it, if anything did.

    blocks  where positive semidefinite matrices lie
    """
    from ..kernels.optimizers import interior_point as ip

    if ended:
        status, words = ended[0]
        return status, f"{words}; {proof.reason()}"
    falls = partial(falls_in_cones, blocks=blocks) if blocks else falls_along_recession
    if answer.status == ip.NOT_FINITE:
        words = "the objective, a constraint or a derivative is not finite at the start or during the run"
        return NO_VALUE, words
    if not proof.primal <= proof.tolerance:
        if linear and contradict(functions, z):
            return INFEASIBLE, contradiction(proof)
        if quadratic and falls(functions, z):
            return NO_MINIMUM, ENDLESS
        words = f"no feasible point was found: the constraints may be infeasible ({_violated(proof)})"
        return INFEASIBLE, words
    away = answer.status == ip.UNBOUNDED or not np.abs(z).max(initial=0.0) < 1e10
    higher = functions.values(z).f > functions.values(0.0 * z).f  # than where it began, or near that
    if (away and not higher) or (quadratic and falls(functions, z)):
        return NO_MINIMUM, ENDLESS
    status = ITERATIONS if answer.status == ip.LIMIT else NO_STEP
    return status, f"not certified after {answer.iterations} iterations: {proof.reason()}"


def contradiction(proof: Any) -> str:
    """The words for constraints that are proved to exclude each other."""
    return f"infeasible: no point satisfies the constraints ({_violated(proof)})"


def _violated(proof: Any) -> str:
    """How much constraints are violated; what else does not hold tells nothing then."""
    return str(proof.reason()).partition("; ")[0]


def kinked(conditions: Sequence[Node]) -> str:
    """What to do about norms of singular values in conditions, in words; "" where there are none.

    Where singular values vanish, or are equal, these have kinks, and the smooth form has none in their place.
    """
    found = {node.op for node in topological(conditions) if isinstance(node, Apply)}.intersection(SINGULAR)
    if not found:
        return ""
    return (
        f"; a condition holds {' and '.join(sorted(found))}, with kinks where singular values vanish or are equal: "
        "give it a weight in the objective instead (lam*nuclear_norm(W)), chosen so that the condition holds"
    )


def between_kinks(posed: Posed) -> str:
    """What to do where descent has ended between kinks inside an objective, in words; "" where there are none."""
    if posed.sided is None:
        return ""
    return (
        f"; the objective has kinks inside ({', '.join(posed.kinked)}), between which descent has ended: start "
        "elsewhere, add a penalty on the unknowns, or put a smooth function in their place, as softplus for relu"
    )


def of_a_maximum(message: str) -> str:
    """The words about what is minimised, of a problem that is stated as a maximum."""
    message = re.sub(r"it fell to -?(\S+)", lambda m: f"it rose to {m[1]}", message)
    for below, above in (
        ("unbounded below", "unbounded above"),
        ("no minimum", "no maximum"),
        ("keeps falling", "keeps rising"),
        ("the objective falls", "the objective rises"),
        ("may fall", "may rise"),
        ("lower the objective", "raise the objective"),
    ):
        message = message.replace(below, above)
    return message


def at_the_edge(found: Mapping[str, Any], unknowns: Sequence[Variable]) -> str:
    """Which open facts are about to be lost at a point where a run has failed, in words; "" where none is."""
    for v in unknowns:
        a = np.asarray(found[v.name], dtype=np.float64)
        if not np.isfinite(a).all():
            continue
        if "pd" in v.facts:
            values = np.linalg.eigvalsh(a)
            worst = float((values[..., 0] / np.maximum(np.abs(values[..., -1]), 1e-300)).min())
            if worst < EDGE:
                what = f"an eigenvalue of {v.name} vanishes beside the largest ({worst:.1e})"
                return f"{what}: the objective may fall without end towards singular matrices; add a penalty"
        elif "positive" in v.facts and float(a.min()) < EDGE * max(1.0, float(a.max())):
            where = np.unravel_index(int(a.argmin()), a.shape)
            entry = f"{v.name}[{', '.join(map(str, where))}]" if a.ndim else v.name
            return f"{entry} vanishes ({float(a.min()):.1e}): the objective may fall without end there; add a penalty"
    return ""


def fitted(v: Any, even: bool = False, reach: float = NARROW) -> tuple[Any, Any]:
    """Multipliers ν and λ ≥ 0, of active inequalities, that make the gradient of the Lagrangian smallest.

    even   whether its entries count by the largest slopes of conditions in them, as they do where units differ by far
    reach  a share of the largest inequality up to which others count as active
    """
    import scipy.sparse
    from scipy.optimize import lsq_linear
    from scipy.sparse.linalg import lsmr

    sparse = not isinstance(v.C, np.ndarray)
    active = active_rows(v, reach)
    A: Any = (scipy.sparse.vstack if sparse else np.vstack)([v.E, v.C[active]]).T
    nu, lam = np.zeros(v.e.size), np.zeros(v.c.size)
    if A.shape[1] and np.isfinite(A.sum()) and np.isfinite(v.g).all():
        low = np.concatenate([np.full(nu.size, -np.inf), np.zeros(active.size)])
        g, units = v.g, np.ones(A.shape[1])
        if even and not sparse:
            shares = _nonzero(np.abs(A).max(axis=1))
            A, g = A / shares[:, None], g / shares
            units = _nonzero(np.abs(A).max(axis=0))
            A = A / units
        if sparse:
            found = lsmr(A, g, atol=1e-10, btol=1e-10)[0]  # of any signs
            if np.abs(A @ found - g).max() <= BEYOND * np.abs(g).max():
                found = lsq_linear(A.tocsr(), g, (low, np.inf), tol=1e-14, lsmr_tol=1e-14, max_iter=25).x
            found = np.maximum(found, low)
        elif active.size:
            found = lsq_linear(A, g, (low, np.inf), tol=1e-14, method="bvls").x
        else:
            found = np.linalg.lstsq(A, g, rcond=None)[0]
        found = found / units
        nu, lam[active] = found[: nu.size], found[nu.size :]
    return nu, lam


def _nonzero(x: Any) -> Any:
    """x, with 1 in place of 0."""
    return np.where(x > 0.0, x, 1.0)


def all_fitted(v: Any) -> Iterator[tuple[Any, Any]]:
    """Multipliers that fit, one way after the other where they may differ; first none, as where nothing presses."""
    yield np.zeros(v.e.size), np.zeros(v.c.size)
    yield fitted(v)
    if isinstance(v.C, np.ndarray):
        near, nearer = (active_rows(v, reach).size for reach in (WIDE, NARROW))
        if are_uneven(np.vstack([v.E, v.C[active_rows(v, WIDE)]])):
            yield fitted(v, even=True)
        if near > nearer:
            yield fitted(v, even=True, reach=WIDE)


def answers_at(points: Iterable[Callable[[], Any]], functions: Any, answer: Any) -> Iterator[Any]:
    """The answer at other points, those that keep the conditions, with multipliers that fit there in turn."""
    for make in points:
        point = make()
        if point is None:
            continue
        v = functions.values(point)
        size = np.abs(point)
        broken = (np.abs(v.e) > NEAR * (1.0 + abs(v.E) @ size)).any()
        if not v.finite() or broken or (v.c < -NEAR * (1.0 + abs(v.C) @ size)).any():
            continue
        for nu, lam in all_fitted(v):
            yield replace(answer, z=point, nu=nu, lam=lam)


def active_rows(v: Any, reach: float) -> Any:
    """The inequalities that hold with no more room than a share of the largest one."""
    return np.flatnonzero(v.c <= reach * max(1.0, float(np.abs(v.c).max(initial=0.0))))


def are_uneven(E: Any) -> bool:
    """Whether conditions have their unknowns in very different units."""
    if not isinstance(E, np.ndarray) or E.size == 0:
        return False
    largest = np.abs(E).max(axis=0)
    least = largest.min(where=largest > 0.0, initial=np.inf)
    return bool(largest.max() > UNEVEN * least)


def falls_along_recession(functions: Any, z: Any) -> bool:
    """Whether a quadratic program falls along a direction that bends nowhere upwards and leaves no constraint."""
    from scipy.optimize import linprog

    v = functions.values(z)
    H = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size))
    slope = v.g - H @ z
    straight = np.vstack([H, v.E]) if v.e.size else H
    found = linprog(
        slope,
        A_ub=-v.C if v.c.size else None,
        b_ub=np.zeros(v.c.size) if v.c.size else None,
        A_eq=straight,
        b_eq=np.zeros(len(straight)),
        bounds=(-1.0, 1.0),
    )
    if found.status == 0 and found.fun < -1e-6 * (1.0 + np.abs(slope).max(initial=0.0)):
        return True
    _, sizes, rows = np.linalg.svd(v.E)
    free = rows[int((sizes > 1e-12 * sizes.max(initial=0.0)).sum()) :].T
    bends, ways = np.linalg.eigh(free.T @ H @ free)
    if not bends.size or bends[0] >= -1e-10 * np.abs(bends).max():
        return False
    moved = v.C @ (free @ ways[:, 0])
    least = -1e-12 * np.abs(moved).max(initial=0.0)
    return bool((moved >= least).all() or (-moved >= least).all())


def falls_in_cones(functions: Any, z: Any, blocks: Sequence[tuple[int, int]]) -> bool:
    """The same with positive semidefinite unknowns: the steepest such direction with entries of at most 1."""
    from ..kernels.optimizers.halves import matrix_at
    from ..kernels.optimizers.interior_point import Functions, Values
    from ..kernels.optimizers.semidefinite import solve_semidefinite

    v = functions.values(z)
    H = functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size))
    slope, straight = v.g - H @ z, np.vstack([H[H.any(axis=1)], v.E])
    size, one = float(np.abs(slope).max(initial=0.0)) or 1.0, np.eye(z.size)
    above = np.vstack([v.C, one, -one])
    room = np.append(np.zeros(v.c.size), np.ones(2 * z.size))

    def values(d: Any) -> Any:
        return Values(float(slope @ d) / size, slope / size, straight @ d, straight, above @ d + room, above)

    still = np.zeros((z.size, z.size))
    d = solve_semidefinite(Functions(z.size, values, lambda *_: still), np.zeros(z.size), blocks)[0].z
    lowest = min(float(np.linalg.eigvalsh(matrix_at(d, b))[0]) for b in blocks)
    off = max(float(np.abs(straight @ d).max(initial=0.0)), -float((above @ d + room).min()), -lowest)
    return bool(float(slope @ d) < -1e-4 * size and off < 1e-7)


def contradict(functions: Any, z: Any) -> bool:
    """Whether linear constraints exclude each other (phase 1 of linear programming)."""
    from scipy.optimize import linprog

    v = functions.values(z)
    found = linprog(
        np.zeros(z.size),
        A_ub=-v.C if v.c.size else None,
        b_ub=v.c - v.C @ z if v.c.size else None,
        A_eq=v.E if v.e.size else None,
        b_eq=v.E @ z - v.e if v.e.size else None,
        bounds=(None, None),
    )
    return bool(found.status == 2)
