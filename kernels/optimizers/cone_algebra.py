"""The algebra of cones as plain loops: products, quotients, the scaling of Nesterov and Todd, and the way to the edge.

`cones` are the length m of the orthant and the groups of cones behind it (`cone_groups`). The scaling W is `roots` =
√(s/z) on the orthant, and w̄ and η of each cone in `mean`, as long as s, and `eta` (`second_order`); λ = Wz.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array
from ..special import within
from .cone_groups import COUNT, FIRST, SIZE, Places, combined, products
from .program_vectors import copied

#: `roots`, `mean`, `eta` and λ.
Scaled = tuple[Array, Array, Array, Array]


@inner
def rooms(cones: Places, s: Array) -> Scaled:
    """Room for a scaling."""
    m = cones[0]
    return np.empty(m), np.empty(s.size), np.empty(degree(cones) - m), np.empty(s.size)


@inner
def degree(cones: Places) -> int:
    """⟨e, e⟩"""
    m, groups, _ = cones
    for g in range(groups.shape[0]):
        m += groups[g, COUNT]
    return int(m)


@inner
def unscaled(cones: Places, W: Scaled) -> None:
    """W becomes the identity."""
    m, groups, _ = cones
    roots, mean, eta, _ = W
    for i in range(m):
        roots[i] = 1.0
    for i in range(mean.size):
        mean[i] = 0.0
    for k in range(eta.size):
        eta[k] = 1.0
    for g in range(groups.shape[0]):
        for k in range(groups[g, FIRST], groups[g, FIRST] + groups[g, COUNT]):
            mean[k] = 1.0


@inner
def inside(cones: Places, a: Array) -> None:
    """A multiple of e is added where the vector is not well inside the cones."""
    m, groups, room = cones
    rest = room[0]
    depth = np.inf
    for i in range(m):
        depth = min(depth, a[i])
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        products(a, a, first, count, size, rest)
        for k in range(count):
            depth = min(depth, a[first + k] - np.sqrt(rest[k]))
    if not depth > 1e-2:
        for i in range(m):
            a[i] += 1.0 - depth
        for g in range(groups.shape[0]):
            for k in range(groups[g, FIRST], groups[g, FIRST] + groups[g, COUNT]):
                a[k] += 1.0 - depth


@inner
def scaling(cones: Places, s: Array, z: Array, W: Scaled) -> None:
    """W of s and z."""
    m, groups, room = cones
    roots, mean, eta, lam = W
    for i in range(m):
        roots[i] = np.sqrt(s[i] / z[i])
    of_s, of_z, both, at = room[0], room[1], room[2], 0
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        s_0, z_0, mean_0 = s[first : first + count], z[first : first + count], mean[first : first + count]
        here = eta[at : at + count]
        products(s, s, first, count, size, of_s)
        products(z, z, first, count, size, of_z)
        products(s, z, first, count, size, both)
        for k in range(count):
            u, v = np.sqrt(of_s[k]), np.sqrt(of_z[k])
            u = np.sqrt(max((s_0[k] - u) * (s_0[k] + u), 0.0))
            v = np.sqrt(max((z_0[k] - v) * (z_0[k] + v), 0.0))
            gamma = 2.0 * np.sqrt(0.5 * (1.0 + (both[k] + s_0[k] * z_0[k]) / (u * v)))
            here[k] = np.sqrt(u / v)
            of_s[k], of_z[k] = 1.0 / (u * gamma), -1.0 / (v * gamma)
        combined(of_s, s, of_z, z, first, count, size, mean)
        products(mean, mean, first, count, size, both)
        for k in range(count):
            mean_0[k] = np.sqrt(1.0 + both[k])  # of length 1 to rounding
        at += count
    copied(z, lam)
    times(cones, W, lam, False)


@within
def times(cones: Places, W: Scaled, x: Array, inverse: bool) -> None:
    """x becomes W x, or W⁻¹ x: W = η (−J + q qᵀ/q₀) on a cone, q = e + w̄, whose inverse is J (…) J / η."""
    m, groups, room = cones
    roots, mean, eta, _ = W
    for i in range(m):
        x[i] = x[i] / roots[i] if inverse else x[i] * roots[i]
    sign, at = -1.0 if inverse else 1.0, 0
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        if count > 1:
            times_all(mean, eta, at, first, count, size, sign, room, x)
        else:
            head, product, share = 1.0 + mean[first], 0.0, 1.0 / eta[at] if inverse else eta[at]
            for i in range(first + 1, first + size):
                product += mean[i] * x[i]
            product = x[first] + sign * product / head
            x[first] = share * (product * head - x[first])
            for i in range(first + 1, first + size):
                x[i] = share * (sign * product * mean[i] + x[i])
        at += count


@inner
def times_all(
    mean: Array, eta: Array, at: int, first: int, count: int, size: int, sign: float, room: Array, x: Array
) -> None:
    """The same for a group of several cones, the first of them `at` among all."""
    a, b = room[0], room[1]
    x_0, mean_0, here = x[first : first + count], mean[first : first + count], eta[at : at + count]
    products(mean, x, first, count, size, a)
    for k in range(count):
        head, share = 1.0 + mean_0[k], here[k] if sign > 0.0 else 1.0 / here[k]
        product = x_0[k] + sign * a[k] / head
        x_0[k] = share * (product * head - x_0[k])
        a[k], b[k] = share * sign * product, share
    combined(a, mean, b, x, first, count, size, x)


@inner
def quotient(cones: Places, d: Array, x: Array, found: Array) -> None:
    """The y with x ∘ y = d, for x inside."""
    m, groups, room = cones
    for i in range(m):
        found[i] = d[i] / x[i]
    mixed, rest = room[0], room[1]
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        x_0, d_0, y_0 = x[first : first + count], d[first : first + count], found[first : first + count]
        products(x, d, first, count, size, mixed)
        products(x, x, first, count, size, rest)
        for k in range(count):
            u = np.sqrt(rest[k])
            y_0[k] = (x_0[k] * d_0[k] - mixed[k]) / ((x_0[k] - u) * (x_0[k] + u))
            rest[k] = 1.0 / x_0[k]
            mixed[k] = -y_0[k] * rest[k]
        combined(rest, d, mixed, x, first, count, size, found)


@inner
def corrected(cones: Places, lam: Array, u: Array, goal: float, q: Array) -> None:
    """q = λ \\ (goal e + u ∘ (λ + u)) − λ, for u = W⁻¹Δs of a step with WΔz = −λ − u."""
    m, groups, room = cones
    found = np.empty(u.size)
    for i in range(m):
        found[i] = goal + u[i] * (lam[i] + u[i])
    a, b = room[0], room[1]
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        u_0, lam_0, y_0 = u[first : first + count], lam[first : first + count], found[first : first + count]
        products(u, u, first, count, size, a)
        products(u, lam, first, count, size, b)
        for k in range(count):
            y_0[k] = goal + u_0[k] * (lam_0[k] + u_0[k]) + a[k] + b[k]
            a[k], b[k] = u_0[k], lam_0[k] + 2.0 * u_0[k]
        combined(a, lam, b, u, first, count, size, found)
    quotient(cones, found, lam, q)
    for i in range(q.size):
        q[i] -= lam[i]


@inner
def centred(cones: Places, lam: Array, u: Array, q: Array, t: float, least: float, most: float) -> None:
    """q += λ \\ (what brings the eigenvalues of (λ + tu) ∘ (λ + t(q − u)) between two numbers)."""
    m, groups, room = cones
    lack, found, other = np.empty(u.size), np.empty(u.size), np.empty(u.size)
    for i in range(u.size):
        found[i], other[i] = lam[i] + t * u[i], lam[i] + t * (q[i] - u[i])
    for i in range(m):
        p = found[i] * other[i]
        lack[i] = min(max(p, least), most) - p
    heads, squares, none = room[0], room[1], room[2]
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        products(found, other, first, count, size, heads)
        combined(found[first:], other, other[first:], found, first, count, size, lack)
        products(lack, lack, first, count, size, squares)
        for k in range(count):
            head, length = heads[k] + found[first + k] * other[first + k], np.sqrt(squares[k])
            low, high = min(max(head - length, least), most), min(max(head + length, least), most)
            lack[first + k] = 0.5 * (low + high) - head
            squares[k] = 0.5 * (high - low) / length - 1.0 if length > 0.0 else 0.0
            none[k] = 0.0
        combined(squares, lack, none, lack, first, count, size, lack)
    quotient(cones, lack, lam, found)
    for i in range(q.size):
        q[i] += found[i]


@within
def above(d: float, goal: float) -> float:
    """½(d + √(d² + 4 goal)), without cancellation."""
    large = 0.5 * (abs(d) + np.sqrt(d * d + 4.0 * goal))
    return float(large if d > 0.0 else goal / large)


@inner
def smoothed(cones: Places, unit: Array, s: Array, z: Array, goal: float) -> None:
    """The s and z inside with s ∘ z = goal e whose difference is that of these, on the orthant that of s/u and zu: of
    each eigenvalue d of that they have ½(√(d² + 4 goal) ± d).
    """
    m, groups, room = cones
    d = np.empty(s.size)
    for i in range(m):
        here = s[i] / unit[i] - z[i] * unit[i]
        s[i], z[i] = unit[i] * above(here, goal), above(-here, goal) / unit[i]
    for i in range(m, s.size):
        d[i] = s[i] - z[i]
    of_s, of_z, none = room[0], room[1], room[2]
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        products(d, d, first, count, size, of_s)
        for k in range(count):
            head, length = d[first + k], np.sqrt(of_s[k])
            low, high = above(head - length, goal), above(head + length, goal)
            other, more = above(length - head, goal), above(-head - length, goal)
            s[first + k], z[first + k] = 0.5 * (low + high), 0.5 * (other + more)
            half = 0.5 / length if length > 0.0 else 0.0
            of_s[k], of_z[k], none[k] = half * (high - low), half * (more - other), 0.0
        combined(of_s, d, none, d, first, count, size, s)
        combined(of_z, d, none, d, first, count, size, z)


@inner
def longest_step(cones: Places, x: Array, dx: Array, most: float) -> float:
    """The longest step along dx that stays in the cones, at most so much."""
    m, groups, room = cones
    best = most
    for i in range(m):
        if not x[i] + best * dx[i] >= 0.0:
            best = -x[i] / dx[i]
    rests, mixed, bents = room[0], room[1], room[2]
    for g in range(groups.shape[0]):
        first, count, size = groups[g, FIRST], groups[g, COUNT], groups[g, SIZE]
        x_0, dx_0 = x[first : first + count], dx[first : first + count]
        products(x, x, first, count, size, rests)
        products(x, dx, first, count, size, mixed)
        products(dx, dx, first, count, size, bents)
        for k in range(count):
            u, v = np.sqrt(rests[k]), np.sqrt(bents[k])
            rests[k], bents[k] = (x_0[k] - u) * (x_0[k] + u), (dx_0[k] - v) * (dx_0[k] + v)
        for k in range(count):
            both, rest, bent = x_0[k] * dx_0[k] - mixed[k], rests[k], bents[k]
            # inside at this step: bent t² + 2 both t + rest and the head are not negative
            if rest + best * (2.0 * both + best * bent) >= 0.0 and x_0[k] + best * dx_0[k] >= 0.0:
                continue
            root = np.sqrt(max(both * both - bent * rest, 0.0))
            t = rest / (root - both) if both < 0.0 else -(both + root) / bent
            if t > 0.0:  # the first root above 0
                best = min(best, t)
            if dx_0[k] < 0.0:
                best = min(best, -x_0[k] / dx_0[k])
    return best
