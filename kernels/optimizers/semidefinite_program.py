"""Quadratic programs with positive semidefinite unknowns, as one compiled loop.

    minimise ½xᵀQx + cᵀx   subject to   Ex + e = 0,  Cx + r ≥ 0,  Z ⪰ 0 for blocks Z of x

with coordinates of symmetric matrices (`halves`). Predictor and corrector in Nesterov and Todd's scaling
(`semidefinite_algebra`); what is left for Δx and Δν has

    K = Q + Cᵀ diag(λ/s) C + W⁻¹⊗W⁻¹

in it, factorised with E L⁻ᵀ below. Where Q is a multiple qI of the identity in each block and no row of C meets one,
K⁻¹ is known: for q = 0 it is G⊗G Gᵀ⊗Gᵀ, else W⁻¹ = U diag(δ) Uᵀ leaves 1/(δᵢδⱼ + q) in the basis U⊗U.
Sources: Todd, Toh & Tütüncü, SIAM J. Optim. 8 (1998); Vandenberghe, The CVXOPT linear and quadratic cone program
solvers (2010), for the start.
"""

from __future__ import annotations

import numpy as np

from ..apart import apart, inner
from ..oracle import Array
from ..rowwise import dot_rows
from .normal_matrix import is_column
from .program_vectors import copied, largest, longest, moved, product
from .semidefinite_algebra import Blocks, Scaling, goals, matrix, scaled, shifted, straight
from .semidefinite_algebra import longest as longest_within
from .semidefinite_systems import Program, Scaled, System, factored, newton_step, start_step

#: x, ν, s, λ, Λ, or a step of them; what is left of the conditions for x, ν and s.
Point = tuple[Array, Array, Array, Array, Array]
Residual = tuple[Array, Array, Array]
#: The share of the way to the boundary that is taken.
KEEP = 0.98
#: Steps without anything gained before a run ends.
PATIENCE = 3
#: What linear conditions lack by rounding, from which on steps are refined.
ROUGH = 1e-12


@inner
def conditions(program: Program, x: Array, out: Array) -> None:
    """Cx"""
    C, first, place, entry = program[4], program[6], program[7], program[8]
    q = C.shape[0]
    for p in range(q):
        out[p] = product(C[p], x)
    for p in range(first.size - 1):
        found = 0.0
        for a in range(first[p], first[p + 1]):
            found += entry[a] * x[place[a]]
        out[q + p] = found


@inner
def returned(program: Program, lam: Array, t: float, u: Array) -> None:
    """u += t Cᵀλ"""
    C, first, place, entry = program[4], program[6], program[7], program[8]
    q = C.shape[0]
    for p in range(q):
        moved(u, t * lam[p], C[p])
    for p in range(first.size - 1):
        for a in range(first[p], first[p + 1]):
            u[place[a]] += t * entry[a] * lam[q + p]


@inner
def bent(Q: Array, x: Array, out: Array) -> None:
    """Qx"""
    if is_column(Q):
        for i in range(x.size):
            out[i] = Q[i, 0] * x[i]
    else:
        dot_rows(Q, x, out)


@inner
def held(u: Array, y: Array, blocks: Blocks) -> float:
    """Σ tr(ZΛ)"""
    found = 0.0
    for b in range(blocks[0].size):
        side, at = blocks[0][b], blocks[1][b]
        last = at + side * (side + 1) // 2
        found += product(u[at:last], y[at:last])
    return found


@inner
def raised(s: Array) -> None:
    """The same for slacks as `shifted` for matrices."""
    low = np.inf
    for p in range(s.size):
        low = min(low, s[p])
    for p in range(s.size if low < 1e-2 else 0):
        s[p] += 1.0 - low


@inner
def plain(blocks: Blocks, W: Scaling) -> None:
    """The scaling at the identity."""
    for b in range(blocks[0].size):
        side = blocks[0][b]
        for k in range(3):
            a = matrix(W[k], blocks, b)
            for i in range(side):
                for j in range(side):
                    a[i, j] = 1.0 if i == j else 0.0


@inner
def slope(program: Program, point: Point, rx: Array) -> float:
    """Qx + c − Eᵀν − Cᵀλ − Λ; the objective without its constant."""
    Q, c, E = program[:3]
    x, nu, _, lam, y = point
    bent(Q, x, rx)
    f = 0.0
    for i in range(x.size):
        f += x[i] * (0.5 * rx[i] + c[i])
        rx[i] += c[i] - y[i]
    for j in range(nu.size):
        moved(rx, -nu[j], E[j])
    returned(program, lam, -1.0, rx)
    return f


@inner
def left(program: Program, step: Point, residual: Residual, more: Residual) -> None:
    """What a step leaves of the conditions that are linear, but for those of slacks."""
    Q, E = program[0], program[2]
    dx, dnu, _, dlam, dy = step
    bent(Q, dx, more[0])
    for i in range(dx.size):
        more[0][i] += residual[0][i] - dy[i]
    for j in range(dnu.size):
        moved(more[0], -dnu[j], E[j])
        more[1][j] = residual[1][j] + product(E[j], dx)
    returned(program, dlam, -1.0, more[0])


@inner
def towards(
    program: Program, blocks: Blocks, W: Scaling, system: System, residual: Residual, ratio: Array, pull: Array,
    moves: Scaled, step: Point,
) -> None:  # fmt: skip
    """The step of these residuals for R and Δλ + (λ/s)Δs = pull."""
    rx, re, rc = residual
    dx, dnu, ds, dlam, dy = step
    for i in range(dx.size):
        dx[i] = -rx[i]
    for p in range(ds.size):
        dlam[p] = pull[p] - ratio[p] * rc[p]
    returned(program, dlam, 1.0, dx)
    newton_step(program, blocks, W, system, rx, re, moves, dx, dnu, dy)
    conditions(program, dx, ds)
    for p in range(ds.size):
        ds[p] += rc[p]
        dlam[p] = pull[p] - ratio[p] * ds[p]


@inner
def reach(blocks: Blocks, W: Scaling, move: Array, s: Array, ds: Array, keep: float) -> float:
    """The longest step at most 1 that leaves a share 1 − keep of matrices and slacks."""
    t: float = longest(s, ds)
    found: float = min(longest_within(blocks, W, move, keep), keep * t if t < 1.0 else t)
    return found


@inner
def room(program: Program) -> Point:
    """x, ν, s, λ, Λ"""
    n, m, k = program[1].size, program[3].size, program[5].size
    return np.zeros(n), np.zeros(m), np.zeros(k), np.zeros(k), np.zeros(n)


@inner
def begun(program: Program, blocks: Blocks, system: System, point: Point) -> None:
    """Where minimising with ½‖s‖² + ½Σ‖Z‖² instead of the conditions leads, moved inside."""
    x, nu, s, lam, y = point
    c, e, rest = program[1], program[3], program[5]
    for i in range(x.size):
        x[i] = -c[i]
    returned(program, rest, -1.0, x)
    start_step(blocks, system, e, x, nu)
    conditions(program, x, s)
    for p in range(s.size):
        s[p] += rest[p]
        lam[p] = -s[p]
    for b in range(blocks[0].size):
        at, side = blocks[1][b], blocks[0][b]
        for i in range(at, at + side * (side + 1) // 2):
            y[i] = -x[i]
    raised(s)
    raised(lam)
    shifted(x, blocks, 1.0)
    shifted(y, blocks, 1.0)


@inner
def gap_of(blocks: Blocks, point: Point, step: Point, a: float, t: float) -> float:
    """sᵀλ + Σ tr(ZΛ) after steps of these lengths."""
    x, _, s, lam, y = point
    dx, _, ds, dlam, dy = step
    found: float = (
        held(x, y, blocks) + a * held(dx, y, blocks) + t * held(x, dy, blocks) + a * t * held(dx, dy, blocks)
    )
    for p in range(s.size):
        found += (s[p] + a * ds[p]) * (lam[p] + t * dlam[p])
    return found


@apart
def interior(
    program: Program, blocks: Blocks, known_inverse: bool, tolerance: float, enough: float, most: int
) -> tuple[Array, Array, Array, Array, float, int]:
    """x, ν, λ, Λ, the largest violation of the conditions, and the number of steps.

    enough  the violation that is enough where the next step does not lower it
    """
    Q, E, e, rest = program[0], program[2], program[3], program[5]
    n, m, k = Q.shape[0], e.size, rest.size
    rows, entries = 0, 0
    for b in range(blocks[0].size):
        rows += blocks[0][b]
        entries += blocks[0][b] ** 2
    W = np.empty(entries), np.empty(entries), np.empty(entries), np.ones(rows)
    system = (
        np.empty((0 if known_inverse else n + m, n)),
        np.empty((m, n)),
        np.empty((m, m)),
        np.empty(entries if known_inverse else 0),
        np.empty(n if known_inverse else 0),
    )
    point, step, more, best = room(program), room(program), room(program), room(program)
    residual, beside = (np.empty(n), np.empty(m), np.empty(k)), (np.empty(n), np.empty(m), np.zeros(k))
    ratio, pull, none = np.ones(k), np.empty(k), np.zeros(k)
    moves, again = (np.empty(entries), np.empty(entries), np.empty(entries)), (
        np.empty(entries), np.empty(entries), np.zeros(entries),
    )  # fmt: skip
    x, nu, s, lam, y = point
    rx, re, rc = residual
    least, stall, count, total, rough, expected = np.inf, 0, 0, rows + k, False, (np.inf, np.inf)
    plain(blocks, W)
    if not factored(program, blocks, W, ratio, system):
        return x, nu, lam, y, np.inf, 0
    begun(program, blocks, system, point)
    linear = largest(Q.ravel()) == 0.0
    while True:
        f = slope(program, point, rx)
        conditions(program, x, rc)
        for p in range(k):
            rc[p] += rest[p] - s[p]
        for j in range(m):
            re[j] = product(E[j], x) + e[j]
        gap, bias, miss = gap_of(blocks, point, step, 0.0, 0.0), largest(rx), largest(re)
        rough = rough or max(bias - 10.0 * expected[0], miss - 10.0 * expected[1]) > ROUGH
        lack = largest(rc)
        worst = max(max(miss, lack), max(bias, gap / max(1.0, abs(f)))) + 0.0 * (miss + lack + bias + gap + f)
        stall = 0 if worst < 0.5 * least else stall + 1
        if worst < least:
            least = worst
            for j in range(5):
                copied(point[j], best[j])
        if worst <= tolerance or not worst < np.inf or count >= most or stall > PATIENCE:
            break
        if stall > 0 and least <= enough and worst > least:
            break
        for p in range(k):
            ratio[p] = lam[p] / s[p]
            pull[p] = -lam[p]
        if not scaled(x, y, blocks, W) or not factored(program, blocks, W, ratio, system):
            break
        count += 1
        straight(blocks, W, moves[2])
        a, t, ds, dlam = 1.0, 1.0, step[2], step[3]
        for turn in range(2):
            towards(program, blocks, W, system, residual, ratio, pull, moves, step)
            if turn == 1 and rough:
                left(program, step, residual, beside)
                towards(program, blocks, W, system, beside, ratio, none, again, more)
                for j in range(5):
                    moved(step[j], 1.0, more[j])
                for j in range(2):
                    moved(moves[j], 1.0, again[j])
            keep = KEEP if turn == 1 else 1.0
            a, t = reach(blocks, W, moves[0], s, ds, keep), reach(blocks, W, moves[1], lam, dlam, keep)
            if not linear:
                a = t = min(a, t)
            if turn == 0:
                share = max(gap_of(blocks, point, step, a, t) / gap, 0.0)
                centre = min(max(share**3, 1e-6), 1.0) * gap / total
                goals(blocks, W, centre, moves[0], moves[1], moves[2])
                for p in range(k):
                    pull[p] = (centre - ds[p] * dlam[p]) / s[p] - lam[p]
        moved(x, a, step[0])
        moved(nu, t, step[1])
        moved(s, a, ds)
        moved(lam, t, dlam)
        moved(y, t, step[4])
        expected = (1.0 - t) * bias, (1.0 - a) * miss
    return best[0], best[1], best[3], best[4], least, count
