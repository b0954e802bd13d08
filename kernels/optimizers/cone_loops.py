"""What a step of the cone program is made of, as plain loops: `cone_vectors` for small programs, compiled once.

`cones` are the length m of the orthant and where the cones behind it begin, the end of the last among them. The
scaling W is `roots` = √(s/z) on the orthant, and w̄ and η of each cone in `mean` and `eta` (`second_order`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from ..apart import apart, elsewhere, inner
from ..oracle import Array
from . import cone_program
from .normal_matrix import factor, substitute

#: The length of the orthant, and the places where cones begin.
Places = tuple[int, Array]
#: The rows of G block by block, each row of the orthant and each cone with the columns where it has entries: these
#: columns, where those of each block begin; its entries row by row, where those of each block begin.
Blocks = tuple[Array, Array, Array, Array]


@inner
def rooms(cones: Places, s: Array) -> tuple[Array, Array, Array, Array]:
    """Room for a scaling and for λ."""
    m, starts = cones
    return np.empty(m), np.empty(s.size - m), np.empty(starts.size - 1), np.empty(s.size)


@inner
def degree(cones: Places) -> int:
    """⟨e, e⟩"""
    m, starts = cones
    return m + starts.size - 1


@inner
def inner_product(s: Array, z: Array) -> float:
    """sᵀz"""
    found = 0.0
    for i in range(s.size):
        found += s[i] * z[i]
    return found


@inner
def most(x: Array) -> float:
    """max |xᵢ|, 0 of nothing; NaN where one is."""
    found, finite = 0.0, 0.0
    for i in range(x.size):
        found = max(found, abs(x[i]))
        finite += 0.0 * x[i]
    return found + finite


@inner
def put(x: Array, to: Array) -> None:
    """The entries of x in another array."""
    for i in range(x.size):
        to[i] = x[i]


@inner
def advanced(x: Array, t: float, dx: Array) -> None:
    """x += t dx, as far as dx goes."""
    for i in range(dx.size):
        x[i] += t * dx[i]


@inner
def applied(G: Blocks, cones: Places, x: Array, found: Array) -> None:
    """found = Gx"""
    columns, begins, entries, places = G
    m, starts = cones
    for k in range(begins.size - 1):
        mine = columns[begins[k] : begins[k + 1]]
        first = k if k < m else starts[k - m]
        last = k + 1 if k < m else starts[k - m + 1]
        at = places[k]
        for i in range(first, last):
            row, total = entries[at : at + mine.size], 0.0
            for a in range(mine.size):
                total += row[a] * x[mine[a]]
            found[i] = total
            at += mine.size


@inner
def returned(G: Blocks, cones: Places, t: float, z: Array, x: Array) -> None:
    """x += t Gᵀz"""
    columns, begins, entries, places = G
    m, starts = cones
    for k in range(begins.size - 1):
        mine = columns[begins[k] : begins[k + 1]]
        first = k if k < m else starts[k - m]
        last = k + 1 if k < m else starts[k - m + 1]
        at = places[k]
        for i in range(first, last):
            row, factor_of = entries[at : at + mine.size], t * z[i]
            for a in range(mine.size):
                x[mine[a]] += factor_of * row[a]
            at += mine.size


@inner
def residuals(
    Q: Array,
    c: Array,
    E: Array,
    e: Array,
    G: Blocks,
    g: Array,
    cones: Places,
    x: Array,
    nu: Array,
    s: Array,
    z: Array,
    rx: Array,
    ry: Array,
    rs: Array,
) -> float:
    """Qx + c − Eᵀν − Gᵀz, Ex + e, s − Gx − g; the objective without its constant."""
    f = 0.0
    for i in range(x.size):
        bent = inner_product(Q[i], x)
        f += x[i] * (c[i] + 0.5 * bent)
        rx[i] = bent + c[i]
    for k in range(e.size):
        ry[k] = inner_product(E[k], x) + e[k]
        advanced(rx, -nu[k], E[k])
    applied(G, cones, x, rs)
    for p in range(g.size):
        rs[p] = s[p] - rs[p] - g[p]
    returned(G, cones, -1.0, z, rx)
    return f


@inner
def inside(cones: Places, a: Array) -> None:
    """A multiple of e is added where the vector is not well inside the cones."""
    m, starts = cones
    depth = np.inf
    for i in range(m):
        depth = min(depth, a[i])
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        depth = min(depth, a[first] - tail(a, first, last))
    if not depth > 1e-2:
        for i in range(m):
            a[i] += 1.0 - depth
        for k in range(starts.size - 1):
            a[starts[k]] += 1.0 - depth


@inner
def tail(a: Array, first: int, last: int) -> float:
    """‖u‖ of the cone (t, u) at these places."""
    found = 0.0
    for i in range(first + 1, last):
        found += a[i] * a[i]
    return float(np.sqrt(found))


@inner
def first_point(
    Q: Array,
    c: Array,
    E: Array,
    e: Array,
    G: Blocks,
    g: Array,
    cones: Places,
    x: Array,
    nu: Array,
    s: Array,
    z: Array,
) -> bool:
    """Where a run begins; False where the matrices allow none."""
    roots, mean, eta, _ = rooms(cones, s)
    for a in (roots, eta):
        for i in range(a.size):
            a[i] = 1.0
    m, starts = cones
    for i in range(mean.size):
        mean[i] = 0.0
    for k in range(starts.size - 1):
        mean[starts[k] - m] = 1.0
    there, lifted, L, S = factors(normal_matrix(Q, G, cones, roots, mean, eta), E)
    if not there:
        return False
    p, q = np.empty(c.size), np.empty(e.size)
    for i in range(c.size):
        p[i] = -c[i]
    returned(G, cones, -1.0, g, p)
    for k in range(e.size):
        q[k] = -e[k]
    solve_system(lifted, E, L, S, p, q, 2, x, nu)
    applied(G, cones, x, s)
    for k in range(g.size):
        s[k] += g[k]
        z[k] = -s[k]
    inside(cones, s)
    inside(cones, z)
    return True


@inner
def scaling(cones: Places, s: Array, z: Array, roots: Array, mean: Array, eta: Array, lam: Array) -> None:
    """W of s and z, and λ = Wz."""
    m, starts = cones
    for i in range(m):
        roots[i] = np.sqrt(s[i] / z[i])
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        of_s, of_z = tail(s, first, last), tail(z, first, last)
        size = np.sqrt(max((s[first] - of_s) * (s[first] + of_s), 0.0))
        other = np.sqrt(max((z[first] - of_z) * (z[first] + of_z), 0.0))
        both = 0.0
        for i in range(first, last):
            both += s[i] / size * (z[i] / other)
        gamma = 2.0 * np.sqrt(0.5 * (1.0 + both))
        rest = 0.0
        for i in range(first + 1, last):
            w = (s[i] / size - z[i] / other) / gamma
            mean[i - m] = w
            rest += w * w
        mean[first - m] = np.sqrt(1.0 + rest)  # of length 1 to rounding
        eta[k] = np.sqrt(size / other)
    put(z, lam)
    times(cones, roots, mean, eta, lam, False)


@inner
def times(cones: Places, roots: Array, mean: Array, eta: Array, x: Array, inverse: bool) -> None:
    """x becomes W x, or W⁻¹ x: W = η (−J + q qᵀ/q₀) on a cone, q = e + w̄, whose inverse is J (…) J / η."""
    m, starts = cones
    for i in range(m):
        x[i] = x[i] / roots[i] if inverse else x[i] * roots[i]
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        sign = -1.0 if inverse else 1.0
        head = 1.0 + mean[first - m]
        product = head * x[first]
        for i in range(first + 1, last):
            product += sign * mean[i - m] * x[i]
        product /= head
        factor_of = 1.0 / eta[k] if inverse else eta[k]
        x[first] = factor_of * (product * head - x[first])
        for i in range(first + 1, last):
            x[i] = factor_of * (sign * product * mean[i - m] + x[i])


@inner
def normal_matrix(Q: Array, G: Blocks, cones: Places, roots: Array, mean: Array, eta: Array) -> Array:
    """Q + Gᵀ W⁻² G, of cones as a product of W⁻¹G with itself, which does not cancel."""
    columns, begins, entries, places = G
    m, starts = cones
    n, widest, longest = Q.shape[0], 1, 1
    for k in range(begins.size - 1):
        widest = max(widest, begins[k + 1] - begins[k])
    for k in range(starts.size - 1):
        longest = max(longest, starts[k + 1] - starts[k])
    M, turned, square = np.empty((n, n)), np.empty((longest, widest)), np.empty((widest, widest))
    product = np.empty(widest)
    for i in range(n):
        for j in range(i + 1):
            M[i, j] = Q[i, j]
    for k in range(begins.size - 1):
        mine = columns[begins[k] : begins[k + 1]]
        count = mine.size
        of = entries[places[k] :]
        if k < m:
            weight = 1.0 / (roots[k] * roots[k])
            for a in range(count):
                t = weight * of[a]
                for b in range(a + 1):
                    M[mine[a], mine[b]] += t * of[b]
            continue
        rows, first = starts[k - m + 1] - starts[k - m], starts[k - m] - m
        scale, head = 1.0 / eta[k - m], 1.0 + mean[first]
        for a in range(count):
            product[a] = head * of[a]
        for i in range(1, rows):
            row, t = of[i * count : (i + 1) * count], mean[first + i]
            for a in range(count):
                product[a] -= t * row[a]
        for a in range(count):
            product[a] /= head
            turned[0, a] = scale * (product[a] * head - of[a])
        for i in range(1, rows):
            row, t, into = of[i * count : (i + 1) * count], mean[first + i], turned[i]
            for a in range(count):
                into[a] = scale * (row[a] - product[a] * t)
        for a in range(count):
            for b in range(a + 1):
                square[a, b] = 0.0
        for i in range(rows):
            row = turned[i]
            for a in range(count):
                t, into = row[a], square[a]
                for b in range(a + 1):
                    into[b] += t * row[b]
        for a in range(count):
            into = M[mine[a]]
            for b in range(a + 1):
                into[mine[b]] += square[a, b]
    for i in range(n):
        for j in range(i):
            M[j, i] = M[i, j]
    return M


@inner
def factors(M: Array, E: Array) -> tuple[bool, Array, Array, Array]:
    """Whether there are any; M, lifted by rounding where it is singular; Cholesky factors of it and of E M⁻¹ Eᵀ."""
    n, q = M.shape[0], E.shape[0]
    lifted, L, S, half = np.empty((n, n)), np.empty((n, n)), np.empty((q, q)), np.empty((q, n))
    top = 0.0
    for i in range(n):
        top = max(top, M[i, i])
        for j in range(n):
            lifted[i, j] = M[i, j]
    for turn in range(2):
        if turn == 1:
            for i in range(n):
                lifted[i, i] += 1e-13 * max(M[i, i], 1e-3 * top)
        for i in range(n):
            for j in range(i + 1):
                L[i, j] = lifted[i, j]
        definite: bool = factor(L)
        if definite:
            for k in range(q):
                row = half[k]
                for j in range(n):
                    t = E[k, j]
                    for i in range(j):
                        t -= L[j, i] * row[i]
                    row[j] = t / L[j, j]
                for i in range(k + 1):
                    S[k, i] = inner_product(half[k], half[i])
                S[k, k] *= 1.0 + 1e-15
            definite = factor(S)
        if definite:
            return True, lifted, L, S
    return False, lifted, L, S


@inner
def solve_system(
    M: Array, E: Array, L: Array, S: Array, p: Array, q: Array, turns: int, x: Array, nu: Array
) -> None:
    """Mx − Eᵀν = p, Ex = q, in as many turns: M is ill-conditioned near the boundary."""
    n, m = p.size, q.size
    first, second, dx, dnu = np.empty(n), np.empty(m), np.empty(n), np.empty(m)
    put(p, first)
    put(q, second)
    for turn in range(turns):
        if turn > 0:
            for i in range(n):
                first[i] = p[i] - inner_product(M[i], x)
            for k in range(m):
                advanced(first, nu[k], E[k])
                second[k] = q[k] - inner_product(E[k], x)
        put(first, dx)
        substitute(L, dx)
        if m > 0:
            for k in range(m):
                dnu[k] = second[k] - inner_product(E[k], dx)
            substitute(S, dnu)
            for k in range(m):
                advanced(first, dnu[k], E[k])
            put(first, dx)
            substitute(L, dx)
        for k in range(m):
            nu[k] = nu[k] + dnu[k] if turn > 0 else dnu[k]
        for i in range(n):
            x[i] = x[i] + dx[i] if turn > 0 else dx[i]


@inner
def multiplied(cones: Places, x: Array, y: Array, found: Array) -> None:
    """x ∘ y"""
    m, starts = cones
    for i in range(m):
        found[i] = x[i] * y[i]
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        total = x[first] * y[first]
        for i in range(first + 1, last):
            total += x[i] * y[i]
            found[i] = x[first] * y[i] + y[first] * x[i]
        found[first] = total


@inner
def quotient(cones: Places, d: Array, x: Array, found: Array) -> None:
    """The y with x ∘ y = d, for x inside."""
    m, starts = cones
    for i in range(m):
        found[i] = d[i] / x[i]
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        total, rest = x[first] * d[first], tail(x, first, last)
        for i in range(first + 1, last):
            total -= x[i] * d[i]
        y = total / ((x[first] - rest) * (x[first] + rest))
        for i in range(first + 1, last):
            found[i] = (d[i] - y * x[i]) / x[first]
        found[first] = y


@inner
def affine_target(cones: Places, lam: Array, target: Array) -> None:
    """−λ ∘ λ"""
    multiplied(cones, lam, lam, target)
    for i in range(target.size):
        target[i] = -target[i]


@inner
def corrected_target(
    cones: Places,
    roots: Array,
    mean: Array,
    eta: Array,
    lam: Array,
    ds: Array,
    dz: Array,
    goal: float,
    target: Array,
) -> None:
    """goal · e − λ ∘ λ − W⁻¹Δs ∘ WΔz"""
    m, starts = cones
    first, second, found = np.empty(ds.size), np.empty(ds.size), np.empty(ds.size)
    put(ds, first)
    put(dz, second)
    times(cones, roots, mean, eta, first, True)
    times(cones, roots, mean, eta, second, False)
    multiplied(cones, first, second, found)
    affine_target(cones, lam, target)
    for i in range(target.size):
        target[i] -= found[i]
        if i < m:
            target[i] += goal
    for k in range(starts.size - 1):
        target[starts[k]] += goal


@inner
def newton_step(
    G: Blocks,
    M: Array,
    E: Array,
    L: Array,
    S: Array,
    cones: Places,
    roots: Array,
    mean: Array,
    eta: Array,
    lam: Array,
    target: Array,
    share: float,
    turns: int,
    rx: Array,
    ry: Array,
    rs: Array,
    dx: Array,
    dnu: Array,
    ds: Array,
    dz: Array,
) -> None:
    """Δx, Δν, Δs, Δz for λ ∘ (WΔz + W⁻¹Δs) = target, the residuals lowered by a share.

    turns  those of the linear system
    """
    n, m = dx.size, ds.size
    q, rest = np.empty(m), np.empty(m)
    right, below = np.empty(n), np.empty(dnu.size)
    quotient(cones, target, lam, q)
    put(rs, rest)
    times(cones, roots, mean, eta, rest, True)
    for i in range(m):
        rest[i] = q[i] + share * rest[i]
    times(cones, roots, mean, eta, rest, True)
    for i in range(n):
        right[i] = -share * rx[i]
    returned(G, cones, 1.0, rest, right)
    for k in range(dnu.size):
        below[k] = -share * ry[k]
    solve_system(M, E, L, S, right, below, turns, dx, dnu)
    applied(G, cones, dx, ds)
    for p in range(m):
        ds[p] -= share * rs[p]
    put(ds, dz)
    times(cones, roots, mean, eta, dz, True)
    for p in range(m):
        dz[p] = q[p] - dz[p]
    times(cones, roots, mean, eta, dz, True)


@inner
def longest_step(cones: Places, x: Array, dx: Array) -> float:
    """The longest step along dx that stays in the cones, infinite where all do."""
    m, starts = cones
    best = np.inf
    for i in range(m):
        if dx[i] < 0.0:
            best = min(best, -x[i] / dx[i])
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        of_x, of_dx = tail(x, first, last), tail(dx, first, last)
        mixed = x[first] * dx[first]
        for i in range(first + 1, last):
            mixed -= x[i] * dx[i]
        square, rest = (dx[first] - of_dx) * (dx[first] + of_dx), (x[first] - of_x) * (x[first] + of_x)
        inside_root = mixed * mixed - square * rest
        if inside_root >= 0.0:  # the first root above 0 of square t² + 2 mixed t + rest
            root = np.sqrt(inside_root)
            t = rest / (root - mixed) if mixed < 0.0 else -(mixed + root) / square
            if t > 0.0:
                best = min(best, t)
        if dx[first] < 0.0:
            best = min(best, -x[first] / dx[first])
    return best


noted = inner(elsewhere(cone_program.noted, globals()))
ends = inner(elsewhere(cone_program.ends, globals()))
cone_loop = apart(elsewhere(cone_program.cone_loop, globals()))

#: Unknowns and numbers in the matrices up to which loops take less time than NumPy.
LARGEST, ENTRIES = 200, 100_000


def blocks(G: Array, cones: Places) -> Blocks:
    """The rows of a matrix block by block, without columns of zeros."""
    m, starts = cones
    bounds = [*range(m), *(int(k) for k in starts)]
    found = [G[a:b] for a, b in pairwise(bounds)]
    columns = [np.flatnonzero(np.any(block != 0.0, axis=0)) for block in found]
    entries = [block[:, mine].reshape(-1) for block, mine in zip(found, columns, strict=True)]
    begins, places = (np.cumsum([0, *(part.size for part in parts)]) for parts in (columns, entries))
    return (
        np.concatenate([*columns, np.zeros(0)]).astype(np.int64),
        begins.astype(np.int64),
        np.concatenate([*entries, np.zeros(0)]),
        places.astype(np.int64),
    )


def on_program(program: cone_program.ConeProgram) -> Callable[..., int]:
    """The loop on one program: a function of the state and the steps."""
    matrices = tuple(np.ascontiguousarray(a) for a in (program.Q, program.c, program.E, program.e, program.g))
    places = program.cones.places
    return partial(cone_loop, matrices, blocks(program.G, places), places, float(program.f0))


def fits(unknowns: int, equalities: int, rows: int) -> bool:
    """Whether a program of these sizes is one for loops."""
    return unknowns + equalities <= LARGEST and (equalities + rows) * unknowns <= ENTRIES
