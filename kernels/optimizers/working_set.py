"""Sparse answers to large problems: the problem solved on few unknowns, the others zero, until no other would move.

    minimise f(x) + φ(x),      φ with a kink, or a bound, at 0

Each round looks at the whole gradient, takes the slices (entries, rows, groups) that are not zero and those whose
optimality distance is largest, at most twice as many, and solves the problem on these. The objective falls from round
to round, so that no set comes twice; where nothing outside is violated any more the answer is that of the whole
problem. What solves the small problem is the caller's business; that it was the same problem is seen from the gradient
of the whole.
Sources: Massias, Gramfort & Salmon, ICML (2018), and Bertrand et al., NeurIPS (2022), for sets that double.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..oracle import Array, Vector
from .fista import CONVERGED, NOT_FINITE, STEPS
from .penalties import Penalty

FIRST = 20  # slices in the first set
ROUNDS = 50
LARGEST = 750  # entries in a set: with more, dense matrices cost more than the passes they save
GAVE_UP = 5


def working_sets(
    value_gradient: Callable[[Vector], tuple[float, Vector]],
    penalty: Penalty,
    slices: Array,
    solve: Callable[[Array, Array, Vector], tuple[Vector, int] | None],
    x: Vector,
    *,
    tol: float,
    most: int = ROUNDS,
    largest: int = LARGEST,
    watch: Callable[[int, Vector, float, float], bool] | None = None,
) -> tuple[Vector, float, int, int, int]:
    """`(x, F at the start, status, rounds, evaluations)`; the penalty has its parameters.

    slices    the slice of each entry, −1 for entries that are always free
    solve     of the numbers of the slices, the entries, and x there: x there at the optimum, and evaluations; or None
    watch     of the iteration, x, F and the largest distance: true ends the run
    """
    count = int(slices.max(initial=-1)) + 1
    first, before, evaluations, allowed = np.inf, np.inf, 0, FIRST
    inside = np.zeros(x.size, dtype=bool)
    for k in range(most + 1):
        f, g = value_gradient(x)
        evaluations += 1
        total = f + penalty.value(x)
        if k == 0:
            first = total
        if not np.isfinite(total) or not np.isfinite(g).all():
            return x, first, NOT_FINITE, k, evaluations
        size = max(1.0, abs(total))
        gaps = penalty.distance(g, x) * np.maximum(1.0, np.abs(x))
        error = float(gaps.max(initial=0.0))
        stop = watch is not None and watch(k, x, total, error)
        if error <= tol * size:
            return x, first, CONVERGED, k, evaluations
        worst = np.zeros(count)
        np.maximum.at(worst, slices[slices >= 0], gaps[slices >= 0])
        left = float(gaps[inside].max(initial=0.0))
        if left > max(1e-2 * before, tol * size) or (k > 0 and left == worst.max(initial=0.0)):
            return x, first, GAVE_UP, k, evaluations  # another problem, or one that is not solved on its set
        before = float(worst.max(initial=0.0))
        if k == most:
            break
        if stop:
            return x, first, STEPS, k, evaluations
        held = np.zeros(count, dtype=bool)
        held[slices[(slices >= 0) & (x != 0.0)]] = True
        allowed = max(allowed, 2 * int(held.sum()))
        if 2 * allowed > count:
            held[:] = True
        else:
            order = np.argsort(-np.where(held, -1.0, worst), kind="stable")
            fresh = order[: allowed - int(held.sum())]
            held[fresh[worst[fresh] > 0.0]] = True
        chosen = np.flatnonzero(held)
        inside = np.append(held, True)[slices]
        entries = np.flatnonzero(inside)
        if entries.size > largest:
            return x, first, GAVE_UP, k, evaluations  # not sparse
        solved = solve(chosen, entries, x[entries])
        if solved is None:
            return x, first, GAVE_UP, k, evaluations
        x = x.copy()
        x[entries], more = solved
        evaluations += more
    return x, first, STEPS, most, evaluations
