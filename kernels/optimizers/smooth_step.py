"""What a step of `smooth_program` is made of, each part compiled once for all problems."""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..special import within
from .interior_point import TINY
from .normal_matrix import is_column
from .program_factors import Held, System, direction, factored, rounding
from .program_system import (
    conditions,
    less_multiples,
    measures,
    pressed,
    refined,
    rooms,
    steepest,
    with_equalities,
)
from .program_vectors import (
    ahead,
    centred,
    copied,
    corrected,
    largest,
    longest,
    product,
    steps,
    weights,
)
from .quadratic_program import CENTRAL, FINE, SHORT
from .slacks import Directions, backward, gathered

#: What a step has to gain for its length.
GAIN = 1e-2
#: What is a gain of the merit beside its size, and what is rounding: then the lack of the conditions may become so many
#: times as large.
FALL, NOISE, LOOSE = 1e-10, 1e-12, 10.0
#: The first slack of a condition that does not hold well, beside the length of its row.
INSIDE, ROOM = 1e-3, 0.1
#: Further out rounding tells no point from others: a run that begins there has not converged.
FAR = 1e14
#: The order of the variables in the loop, slacks last; of each variable of the objective its place in the dense part of
#: the Hessian, −1 on the diagonal; E, e; the rows of C, c; the shapes of what the slacks leave, and of these.
Linear = tuple[Array, Array, Array, Array, Directions, Array, Array, Array]
#: z, s, ν, λ, or a step in them
Point = tuple[Array, Array, Array, Array]
#: ∇f − Eᵀν, Ez + e, Cz + c − s
Lack = tuple[Array, Array, Array]
#: λ/s, 1/s, the right-hand sides of the rows and of the slope; a number for each direction of the rows
Work = tuple[Array, Array, Array, Array, Array]
#: What a run keeps in numbers: the sizes of slopes and of the objective at the start; of the point the objective, the
#: error, the gap as its share of the objective, and what the conditions lack; the barrier that the step aims at, how
#: long it may be; how far E K⁻¹ Eᵀ is off by rounding.
SIZE, HEIGHT, VALUE, ERROR, SHARE, MISSING, GOAL, ALPHA, DUAL = range(9)


@inner
def room_for(program: Linear, start: Array) -> tuple[Point, Point, Point, Lack, Lack, Array]:
    """The point, the next one, the step; what both lack; and the numbers."""
    n, q, m = start.size, program[3].size, program[5].size
    point = np.empty(n + 1), np.empty(m), np.zeros(q), np.empty(m)
    trial = np.empty(n + 1), np.empty(m), np.empty(q), np.empty(m)
    step = np.empty(n + 1), np.empty(m), np.empty(q), np.empty(m)
    lack, other = (np.empty(n + 1), np.empty(q), np.empty(m)), (np.empty(n + 1), np.empty(q), np.empty(m))
    copied(start, point[0][:n])
    point[0][n] = trial[0][n] = 0.0
    return point, trial, step, lack, other, np.zeros(DUAL + 1)


@inner
def of_objective(z: Array, order: Array, size: int) -> Array:
    """The variables of the objective in its own order."""
    x = np.empty(size)
    for a in range(order.size):
        if order[a] < size:
            x[order[a]] = z[a]
    return x


@inner
def room_of_system(program: Linear, point: Point) -> tuple[Array, Array, System, Held, Work]:
    """The Hessian of the variables that are no slacks, that of the slacks, their system, and the rest of the room."""
    n, m = point[0].size - 1, point[1].size
    H, h = np.zeros(program[6].shape), np.zeros(program[7].size)
    system, held, b = rooms(H, h, program[2], program[4], n, 1.0)
    return H, h, system, held, (np.empty(m), np.empty(m), np.empty(m), np.empty(n + 1), b)


@within
def put_hessian(core: Array, bend: Array, program: Linear, H: Array, h: Array) -> None:
    """The Hessian in the order of the loop; what its structure shows to be zero is so already."""
    order, inside = program[0], program[1]
    size, r, thin = inside.size, H.shape[0], is_column(H)
    for a in range(r + h.size):
        i, t = order[a], 0.0
        k = inside[i] if i < size else -1
        if k >= 0:
            t = core[k, k]
        elif i < size:
            t = bend[i]
        if a >= r:
            h[a - r] = t
        elif thin:
            H[a, 0] = t
        else:
            H[a, a] = t
            for b in range(a if k >= 0 else 0):
                j = order[b]
                if j < size and inside[j] >= 0:
                    H[a, b] = H[b, a] = core[k, inside[j]]


@within
def lacking(f: float, g: Array, program: Linear, point: Point, b: Array, lack: Lack, numbers: Array) -> None:
    """What the conditions of an optimum lack at a point, in arrays and as shares; NaN where f is not defined."""
    order, _, E, e, rows, c, _, _ = program
    z, s, nu, lam = point
    push, re, rc = lack
    n = order.size
    slope = np.empty(n + 1)
    for a in range(n):
        push[a] = g[order[a]] if order[a] < g.size else 0.0
    push[n] = 0.0
    less_multiples(E, nu, push)
    backward(rows, lam, b, slope)
    for a in range(n):
        slope[a] = push[a] - slope[a]
    for i in range(e.size):
        re[i] = product(E[i], z[:n]) + e[i]
    conditions(rows, b, z, rc)
    for p in range(c.size):
        rc[p] += c[p] - s[p]
    steep, gap = largest(slope[:n]) / numbers[SIZE], product(s, lam)
    off = (largest(rc) + largest(re)) / (1.0 + largest(z))
    numbers[VALUE] = f
    numbers[SHARE] = gap / max(abs(f), TINY * numbers[HEIGHT])
    numbers[ERROR] = max(steep, max(off, numbers[SHARE])) + 0.0 * f
    if not largest(z) < FAR:
        numbers[ERROR] = np.inf
    rest = np.sqrt(product(slope[:n], slope[:n]) / n) / numbers[SIZE]
    numbers[MISSING] = rest + off + gap / numbers[HEIGHT] + 0.0 * f


@inner
def first_point(
    f: float, g: Array, program: Linear, point: Point, b: Array, lack: Lack, numbers: Array
) -> None:
    """Slacks and multipliers at the start."""
    rows, c = program[4], program[5]
    z, s, _, lam = point
    measure = np.empty(c.size)
    numbers[SIZE] = max(largest(g), abs(f) / (1.0 + largest(z)))
    if not numbers[SIZE] > 0.0:
        numbers[SIZE] = 1.0
    numbers[HEIGHT] = max(numbers[SIZE], abs(f))
    conditions(rows, b, z, s)
    measures(rows, b, measure)
    for p in range(c.size):
        s[p] += c[p]
        if not s[p] > INSIDE * measure[p]:
            s[p] = max(ROOM * measure[p], abs(s[p]))
        lam[p] = numbers[SIZE] / measure[p]
    lacking(f, g, program, point, b, lack, numbers)


@within
def turned_by(program: Linear, system: System, lack: Lack, work: Work, point: Point, step: Point) -> None:
    """The step for the right-hand side u of the rows."""
    _, _, u, push, b = work
    dz, ds, dnu, _ = step
    direction(system, push, u, lack[1], b, dz, dnu)
    gathered(program[4], b, dz, ds)


@within
def lengths(point: Point, step: Point, size: float, numbers: Array) -> None:
    """How long the step may be."""
    _, s, _, lam = point
    keep = max(0.995, 1.0 - product(s, lam) / (max(s.size, 1) * size))
    numbers[ALPHA] = keep * min(longest(s, step[1]), longest(lam, step[3])) if s.size > 0 else 1.0


@inner
def to_the_middle(
    program: Linear, system: System, lack: Lack, work: Work, point: Point, step: Point, numbers: Array
) -> None:
    """The step of Newton's method for half of the barrier."""
    ratio, inverse, u, _, _ = work
    _, s, _, lam = point
    numbers[GOAL] = 0.5 * product(s, lam) / max(s.size, 1)
    centred(ratio, lack[2], inverse, numbers[GOAL], u)
    turned_by(program, system, lack, work, point, step)
    steps(ratio, u, lam, lack[2], step[1], step[3])
    lengths(point, step, numbers[SIZE], numbers)


@inner
def aimed_at(
    core: Array,
    bend: Array,
    program: Linear,
    H: Array,
    h: Array,
    system: System,
    held: Held,
    work: Work,
    point: Point,
    step: Point,
    lack: Lack,
    numbers: Array,
    tol: float,
) -> bool:
    """Whether there is a step, and the step: Mehrotra's, or to the middle where that is out of reach."""
    ratio, inverse, u, push, b = work
    z, s, _, lam = point
    dz, ds, dnu, dlam = step
    free, re, rc = lack
    n, m, size, share = z.size - 1, s.size, numbers[SIZE], numbers[SHARE]
    put_hessian(core, bend, program, H, h)
    top = max(steepest(H), largest(h))
    if not top < np.inf:
        return False
    with_equalities(H, system[1], n, size + top, held[0], held[1])
    weights(s, lam, inverse, ratio)
    if not factored(h, system, held, ratio, b, 1e-14 * (1.0 + top), max(numbers[DUAL], 1e-300)):
        return False
    if numbers[DUAL] == 0.0:
        numbers[DUAL] = rounding(system)
    copied(free, push)
    pressed(system[1], held[1], re, push)
    for p in range(m):
        u[p] = ratio[p] * rc[p]
    turned_by(program, system, lack, work, point, step)
    numbers[GOAL] = 0.0
    if m > 0:
        steps(ratio, u, lam, rc, ds, dlam)
        gap = product(s, lam)
        sigma = (ahead(s, lam, ds, dlam, longest(s, ds), longest(lam, dlam)) / gap) ** 3
        numbers[GOAL] = max(sigma * gap, 0.03 * tol * max(abs(numbers[VALUE]), TINY * numbers[HEIGHT])) / m
        corrected(ratio, rc, inverse, ds, dlam, numbers[GOAL], u)
        turned_by(program, system, lack, work, point, step)
    if share < FINE:
        left, more, rd = np.empty(n + 1), np.empty(n + 1), np.empty(m)
        refined(
            H, h, system, held[1], push, ratio, u, re, b, dz, dnu, 0.01 * tol * size, rd, left, more,
        )  # fmt: skip
        gathered(program[4], b, dz, ds)
    steps(ratio, u, lam, rc, ds, dlam)
    lengths(point, step, size, numbers)
    if numbers[ALPHA] < SHORT:
        to_the_middle(program, system, lack, work, point, step, numbers)
    return bool(largest(dz) < np.inf and largest(dlam) < np.inf)


@inner
def tried(point: Point, step: Point, share: float, trial: Point) -> None:
    """The point at a share of the step. No product is left far behind the others; slacks stay what conditions are."""
    z, s, nu, lam = trial
    for i in range(z.size):
        z[i] = point[0][i] + share * step[0][i]
    for p in range(s.size):
        s[p] = point[1][p] + share * step[1][p]
        lam[p] = point[3][p] + share * step[3][p]
    for i in range(nu.size):
        nu[i] = point[2][i] + share * step[2][i]
    least = CENTRAL * product(s, lam) / max(s.size, 1)
    for p in range(s.size):
        lam[p] = max(lam[p], least / s[p])


@inner
def merit_of(f: float, point: Point, lack: Lack, goal: float, penalty: float) -> float:
    """f − μ Σ log s + ρ(‖Ez + e‖₁ + ‖Cz + c − s‖₁)"""
    logs, broken = 0.0, 0.0
    for p in range(point[1].size):
        logs += np.log(point[1][p])
        broken += abs(lack[2][p])
    for i in range(lack[1].size):
        broken += abs(lack[1][i])
    return f - goal * logs + penalty * broken


@inner
def gains(
    point: Point, step: Point, lack: Lack, trial: Point, other: Lack, before: Array, numbers: Array
) -> bool:
    """Whether the merit falls, or does not change and what is missing grows little."""
    penalty = 0.0
    for k in range(2, 4):
        for i in range(point[k].size):
            penalty = max(penalty, abs(point[k][i] + step[k][i]))
    old = merit_of(before[VALUE], point, lack, numbers[GOAL], 2.0 * penalty)
    new = merit_of(numbers[VALUE], trial, other, numbers[GOAL], 2.0 * penalty)
    still = new < old + NOISE * abs(old) and numbers[MISSING] < LOOSE * before[MISSING]
    return bool(new < old - FALL * abs(old) or still)


@inner
def accepted_program(
    f: float, g: Array, program: Linear, trial: Point, work: Work, other: Lack, share: float, tol: float, point: Point,
    step: Point, lack: Lack, numbers: Array,
) -> bool:  # fmt: skip
    """Whether the next point is better than the point, which it then is."""
    before = np.empty(numbers.size)
    copied(numbers, before)
    lacking(f, g, program, trial, work[4], other, numbers)
    there = bool(numbers[MISSING] <= (1.0 - GAIN * share) * before[MISSING] or numbers[ERROR] <= tol)
    if not there and numbers[ERROR] < np.inf:
        there = gains(point, step, lack, trial, other, before, numbers)
    if there:
        copied(trial[0], point[0])
        copied(trial[1], point[1])
        copied(trial[2], point[2])
        copied(trial[3], point[3])
        copied(other[0], lack[0])
        copied(other[1], lack[1])
        copied(other[2], lack[2])
    else:
        copied(before, numbers)
    return there
