"""Conditions on symmetric matrices each once: what is stated for Zᵢⱼ and for Zⱼᵢ says the same of their half.

Rows that come twice make the system of a step singular, and of two multipliers only the sum is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..oracle import Array, Matrix, Vector
from .halves import Halves
from .interior_point import Answer, Functions, Values


def different(rows: Matrix, values: Vector) -> tuple[Matrix, Vector, Array]:
    """Rows of length 1, each once, how long they were, and which they are; rows of zeros are left out."""
    sizes = np.linalg.norm(rows, axis=1)
    kept = np.flatnonzero(sizes > 0.0)
    made = rows[kept] / sizes[kept, None]
    _, first = np.unique(np.column_stack([made, values[kept] / sizes[kept]]), axis=0, return_index=True)
    first = np.sort(first)
    return made[first], sizes[kept[first]], kept[first]


def each_once(
    functions: Functions, halves: Halves, z: Vector
) -> tuple[Functions, Callable[[Answer], Answer]]:
    """The problem without conditions that say in halves what others say, and the way back to all multipliers.

    Rows of zeros stay where they are violated: such a condition is a contradiction. Whether conditions are the same is
    asked at two points, lest they only are so at one.
    """
    v, w = functions.values(z), functions.values(z + np.linspace(0.5, 1.0, z.size))
    if not (v.finite() and w.finite()):
        return functions, lambda answer: answer

    def kept(E: Matrix, e: Vector, F: Matrix, f: Vector) -> Array:
        both = np.hstack([halves.shut(E.T).T, halves.shut(F.T).T])
        found = different(both, e)[2]
        same = different(both[found], f[found])[2] if len(found) else found
        broken = np.flatnonzero(~both.any(axis=1) & (e != 0.0))
        return np.sort(np.concatenate([found if len(same) == len(found) else np.arange(e.size), broken]))

    equal, above = kept(v.E, v.e, w.E, w.e), kept(v.C, v.c, w.C, w.c)
    if equal.size == v.e.size and above.size == v.c.size:
        return functions, lambda answer: answer

    def whole(nu: Vector, lam: Vector) -> tuple[Vector, Vector]:
        all_nu, all_lam = np.zeros(v.e.size), np.zeros(v.c.size)
        all_nu[equal], all_lam[above] = nu, lam
        return all_nu, all_lam

    def values(point: Vector) -> Values:
        u = functions.values(point)
        return replace(u, e=u.e[equal], E=u.E[equal], c=u.c[above], C=u.C[above])

    def hessian(point: Vector, nu: Vector, lam: Vector) -> Matrix:
        return functions.hessian(point, *whole(nu, lam))

    def back(answer: Answer) -> Answer:
        answer.nu, answer.lam = whole(answer.nu, answer.lam)
        return answer

    return Functions(functions.size, values, hessian), back
