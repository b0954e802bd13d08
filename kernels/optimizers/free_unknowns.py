"""Unknowns without sign that an equality determines are put in terms of the others.

    minimise ½xᵀQx + cᵀx   subject to   Ex + e = 0,  Cx + r ≥ 0

Rows of [E | e] are combined by L until each of the chosen unknowns xⱼ is in one of them alone: x = Ty + t of others.
With λ and the multipliers μ of the remaining rows those of all are

    ν = L₀ᵀμ + L₁ᵀ (Qx + c − Cᵀλ)ⱼ,

for the gradient of the Lagrangian vanishes in the chosen unknowns, which remaining rows do not meet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..oracle import Array, Vector

#: A row, of length 1, gives an unknown whose entry in it is as large.
PIVOT = 0.1
#: Others that may take the place of an unknown where it bends the objective or is in an inequality.
SHORT = 2

#: Q, c, E, e, C, r
Matrices = tuple[Array, Array, Array, Array, Array, Array]


@dataclass(frozen=True)
class Determined:
    """The program in the other unknowns, and the way back; `rest` are their places."""

    whole: Matrices
    program: Matrices
    rest: Array
    chosen: Array
    T: Array
    t: Vector
    left: Array  # L₀
    own: Array  # L₁

    def back(self, y: Vector, mu: Vector, lam: Vector) -> tuple[Vector, Vector]:
        """x and ν"""
        Q, c, _, _, C, _ = self.whole
        x = self.T @ y + self.t
        slope = Q[self.chosen] @ x + c[self.chosen] - C[:, self.chosen].T @ lam
        return x, self.left.T @ mu + self.own.T @ slope

    def spread(self, y: Vector) -> Vector:
        """Entries of the others at their places, 0 elsewhere."""
        found = np.zeros(self.t.size)
        found[self.rest] = y
        return found


def determined(whole: Matrices, free: Array) -> Determined:
    """Those of the unknowns `free` are chosen that an equality gives without filling the matrices."""
    Q, c, E, e, C, r = whole
    n, m = c.size, e.size
    sizes = np.linalg.norm(E, axis=1)
    L = np.eye(m) / np.where(sizes > 0.0, sizes, 1.0)[:, None]
    R = np.hstack([L @ E, (L @ e)[:, None], L])
    plain = np.logical_not(np.count_nonzero(C, axis=0) + np.count_nonzero(Q, axis=0))
    rows: list[int] = []
    chosen: list[int] = []
    open_rows = np.ones(m, bool)
    for j in np.flatnonzero(free):
        column = np.where(open_rows, np.abs(R[:, j]), 0.0)
        i = int(column.argmax()) if m else 0
        if not m or column[i] < PIVOT:
            continue
        if not plain[j] and np.count_nonzero(R[i, :n]) - 1 > SHORT:
            continue
        R[i] /= R[i, j]
        others = np.flatnonzero(R[:, j])
        others = others[others != i]
        R[others] -= np.outer(R[others, j], R[i])
        R[others, j] = 0.0
        rows.append(i)
        chosen.append(int(j))
        open_rows[i] = False
    rest = np.setdiff1d(np.arange(n), chosen)
    T, t = np.zeros((n, rest.size)), np.zeros(n)
    T[rest, np.arange(rest.size)] = 1.0
    T[chosen], t[chosen] = -R[rows][:, rest], -R[rows, n]
    program = (
        T.T @ Q @ T, T.T @ (c + Q @ t), R[open_rows][:, rest], R[open_rows, n], C @ T, r + C @ t,
    )  # fmt: skip
    return Determined(
        whole, program, rest, np.array(chosen, np.int64), T, t, R[open_rows, n + 1 :], R[rows, n + 1 :]
    )
