"""The algebra of cones as plain loops: products, quotients, the scaling of Nesterov and Todd, and the way to the edge.

`cones` are the length m of the orthant and where the cones behind it begin, the end of the last among them. The
scaling W is `roots` = √(s/z) on the orthant, and w̄ and η of each cone in `mean` and `eta` (`second_order`); λ = Wz.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..special import within
from .program_vectors import copied

#: The length of the orthant, and the places where cones begin.
Places = tuple[int, Array]
#: `roots`, `mean`, `eta` and λ.
Scaled = tuple[Array, Array, Array, Array]


@inner
def rooms(cones: Places, s: Array) -> Scaled:
    """Room for a scaling."""
    m, starts = cones
    return np.empty(m), np.empty(s.size - m), np.empty(starts.size - 1), np.empty(s.size)


@inner
def degree(cones: Places) -> int:
    """⟨e, e⟩"""
    m, starts = cones
    return m + starts.size - 1


@inner
def unscaled(cones: Places, W: Scaled) -> None:
    """W becomes the identity."""
    m, starts = cones
    roots, mean, eta, _ = W
    for i in range(m):
        roots[i] = 1.0
    for i in range(mean.size):
        mean[i] = 0.0
    for k in range(starts.size - 1):
        mean[starts[k] - m], eta[k] = 1.0, 1.0


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


@within
def tail(a: Array, first: int, last: int) -> float:
    """‖u‖ of the cone (t, u) at these places."""
    found = 0.0
    for i in range(first + 1, last):
        found += a[i] * a[i]
    return float(np.sqrt(found))


@inner
def scaling(cones: Places, s: Array, z: Array, W: Scaled) -> None:
    """W of s and z."""
    m, starts = cones
    roots, mean, eta, lam = W
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
    times(cones, W, lam, False)


@within
def times(cones: Places, W: Scaled, x: Array, inverse: bool) -> None:
    """x becomes W x, or W⁻¹ x: W = η (−J + q qᵀ/q₀) on a cone, q = e + w̄, whose inverse is J (…) J / η."""
    m, starts = cones
    roots, mean, eta, _ = W
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
def corrected(cones: Places, lam: Array, u: Array, goal: float, q: Array) -> None:
    """q = λ \\ (goal e + u ∘ (λ + u)) − λ, for u = W⁻¹Δs of a step with WΔz = −λ − u."""
    m, starts = cones
    found = np.empty(u.size)
    for i in range(m):
        found[i] = goal + u[i] * (lam[i] + u[i])
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        head, other = u[first], lam[first] + u[first]
        total = goal + head * other
        for i in range(first + 1, last):
            both = lam[i] + u[i]
            total += u[i] * both
            found[i] = head * both + other * u[i]
        found[first] = total
    quotient(cones, found, lam, q)
    for i in range(q.size):
        q[i] -= lam[i]


@inner
def centred(cones: Places, lam: Array, u: Array, q: Array, t: float, least: float, most: float) -> None:
    """q += λ \\ (what brings the eigenvalues of (λ + tu) ∘ (λ + t(q − u)) between two numbers)."""
    m, starts = cones
    lack, found = np.empty(u.size), np.empty(u.size)
    for i in range(m):
        p = (lam[i] + t * u[i]) * (lam[i] + t * (q[i] - u[i]))
        lack[i] = min(max(p, least), most) - p
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        a, b = lam[first] + t * u[first], lam[first] + t * (q[first] - u[first])
        head, square = a * b, 0.0
        for i in range(first + 1, last):
            c, d = lam[i] + t * u[i], lam[i] + t * (q[i] - u[i])
            head += c * d
            lack[i] = a * d + b * c
            square += lack[i] * lack[i]
        length = np.sqrt(square)
        low, high = min(max(head - length, least), most), min(max(head + length, least), most)
        lack[first] = 0.5 * (low + high) - head
        share = 0.5 * (high - low) / length - 1.0 if length > 0.0 else 0.0
        for i in range(first + 1, last):
            lack[i] *= share
    quotient(cones, lack, lam, found)
    for i in range(q.size):
        q[i] += found[i]


@inner
def longest_step(cones: Places, x: Array, dx: Array, most: float) -> float:
    """The longest step along dx that stays in the cones, at most so much."""
    m, starts = cones
    best = most
    for i in range(m):
        if not x[i] + best * dx[i] >= 0.0:
            best = -x[i] / dx[i]
    for k in range(starts.size - 1):
        first, last = starts[k], starts[k + 1]
        head, square = x[first] + best * dx[first], 0.0
        for i in range(first + 1, last):
            y = x[i] + best * dx[i]
            square += y * y
        if head >= 0.0 and head * head >= square:  # mostly
            continue
        of_x, of_dx = tail(x, first, last), tail(dx, first, last)
        mixed = x[first] * dx[first]
        for i in range(first + 1, last):
            mixed -= x[i] * dx[i]
        bent, rest = (dx[first] - of_dx) * (dx[first] + of_dx), (x[first] - of_x) * (x[first] + of_x)
        root = np.sqrt(
            max(mixed * mixed - bent * rest, 0.0)
        )  # the first root above 0 of bent t² + 2 mixed t + rest
        t = rest / (root - mixed) if mixed < 0.0 else -(mixed + root) / bent
        if t > 0.0:
            best = min(best, t)
        if dx[first] < 0.0:
            best = min(best, -x[first] / dx[first])
    return best
