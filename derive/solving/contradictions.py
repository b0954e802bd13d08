"""Whether convex conditions exclude each other, proved by cutting planes.

A concave c lies below each of its tangents, so that c(z) ≥ 0 implies c(p) + ∇c(p)·(z − p) ≥ 0 for every p. Where the
tangents at a few points, and the equations, have no common point, the conditions have none. Each point is where the
tangents so far are violated least.
Source: Kelley, The cutting-plane method for solving convex programs, J. SIAM 8 (1960).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..build import inner, negate
from ..convexity import convexity
from ..differentiate import substitute
from ..node import Node, Variable, variable

#: Points at most, unknowns at most, and the violation, over the size of the unknowns, that is none.
POINTS, FEW, NOTHING = 40, 300, 1e-6
#: How far from the first point, over its size.
FAR = 1e3


def are_concave(conditions: Sequence[Node], unknowns: Sequence[Variable]) -> bool:
    """Whether the sides that are to be nonnegative are proved concave everywhere, whatever signs are stated."""
    bare = [variable(v.name, v.shape) for v in unknowns]
    to: dict[Node, Node] = dict(zip(unknowns, bare, strict=True))
    for side in conditions:
        marks = variable("_marks", side.shape, {"nonnegative"})
        found = convexity(inner(marks, substitute(negate(side), to)), bare, look=False)
        if found.status != "convex" or found.domain:
            return False
    return True


def exclude_each_other(functions: Any, first: Any) -> bool:
    """Whether no point satisfies the conditions, which must be concave functions that are to be nonnegative, and linear
    equations."""
    from scipy.optimize import linprog

    n, p = first.size, first
    if n > FEW or not np.isfinite(first).all():
        return False
    size = 1.0 + float(np.abs(first).max(initial=0.0))
    rows: list[Any] = []
    levels: list[Any] = []
    for _ in range(POINTS):
        v = functions.values(p)
        for _ in range(20):  # outside a domain: nearer to where there is a value
            if v.finite():
                break
            p = (p + first) / 2.0
            v = functions.values(p)
        if not (v.finite() and isinstance(v.C, np.ndarray)):
            return False
        steep = np.abs(v.C).max(axis=1, initial=0.0)
        steep = np.where(steep > 0.0, steep, 1.0)
        rows.append(v.C / steep[:, None])
        levels.append((v.c - v.C @ p) / steep)
        C, c = np.vstack(rows), np.concatenate(levels)
        found: Any = linprog(
            np.append(np.zeros(n), 1.0),
            A_ub=np.column_stack([-C, -np.ones(c.size)]),
            b_ub=c,
            A_eq=np.column_stack([v.E, np.zeros(v.e.size)]) if v.e.size else None,
            b_eq=v.E @ p - v.e if v.e.size else None,
            bounds=[*[(None, None)] * n, (0.0, None)],
        )
        if found.status == 2 and v.e.size:
            return True  # the equations alone
        if found.status != 0:
            return False
        if found.x[n] > NOTHING * size:
            return True
        p = np.clip(found.x[:n], first - FAR * size, first + FAR * size)
    return False


__all__ = ["are_concave", "exclude_each_other"]
