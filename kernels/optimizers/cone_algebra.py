"""The algebra of cones as plain loops: products, quotients, the scaling of Nesterov and Todd, and the way to the edge.

`cones` are the length m of the orthant and where the cones behind it begin, the end of the last among them. The
scaling W is `roots` = √(s/z) on the orthant, and w̄ and η of each cone in `mean` and `eta` (`second_order`).
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from .program_vectors import copied

#: The length of the orthant, and the places where cones begin.
Places = tuple[int, Array]


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
    copied(z, lam)
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
    copied(ds, first)
    copied(dz, second)
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
