"""Loops over the slacks and multipliers of a quadratic program's conditions, each compiled once.

s are slacks, λ their multipliers, ratio λ/s; rc what conditions lack, Cz + c − s.
"""

from __future__ import annotations

import numpy as np

from ..apart import inner
from ..oracle import Array


@inner
def largest(x: Array) -> float:
    """max |xᵢ|, 0 of nothing; NaN where one is not finite. Four at a time: each waits for the one before it."""
    a, b, c, d, finite = 0.0, 0.0, 0.0, 0.0, 0.0
    whole = x.size - x.size % 4
    for i in range(0, whole, 4):
        a = abs(x[i]) if abs(x[i]) > a else a
        b = abs(x[i + 1]) if abs(x[i + 1]) > b else b
        c = abs(x[i + 2]) if abs(x[i + 2]) > c else c
        d = abs(x[i + 3]) if abs(x[i + 3]) > d else d
    for i in range(whole, x.size):
        a = abs(x[i]) if abs(x[i]) > a else a
    for i in range(x.size):
        finite += 0.0 * x[i]
    return max(max(a, b), max(c, d)) + finite


@inner
def product(x: Array, y: Array) -> float:
    """xᵀy"""
    found = 0.0
    for i in range(x.size):
        found += x[i] * y[i]
    return found


@inner
def missing(s: Array, rc: Array, lam: Array) -> float:
    """Σ λₚ |sₚ + rcₚ|, what complementarity lacks at the point itself."""
    found = 0.0
    for p in range(s.size):
        found += lam[p] * abs(s[p] + rc[p])
    return found


@inner
def longest(x: Array, dx: Array) -> float:
    """The longest step at most 1 that keeps x + t dx ≥ 0."""
    t = 1.0
    for i in range(x.size):
        if x[i] + t * dx[i] < 0.0:  # rarely: a division for each would take longer
            t = -x[i] / dx[i]
    return t


@inner
def moved(x: Array, t: float, dx: Array) -> None:
    """x += t dx, as far as dx goes."""
    for i in range(dx.size):
        x[i] += t * dx[i]


@inner
def copied(x: Array, to: Array) -> None:
    """The entries of x in another array."""
    for i in range(to.size):
        to[i] = x[i]


@inner
def weights(s: Array, lam: Array, inverse: Array, ratio: Array) -> None:
    """1/s and λ/s"""
    for p in range(s.size):
        inverse[p] = 1.0 / s[p]
        ratio[p] = lam[p] * inverse[p]


@inner
def steps(ratio: Array, u: Array, lam: Array, rc: Array, ds: Array, dlam: Array) -> None:
    """From Cdz in ds: ds = C dz + rc,  dλ = −λ − u − (λ/s) C dz, where u has (λ/s) rc."""
    for p in range(ds.size):
        dlam[p] = -lam[p] - u[p] - ratio[p] * ds[p]
    for p in range(ds.size):
        ds[p] += rc[p]


@inner
def ahead(s: Array, lam: Array, ds: Array, dlam: Array, a: float, b: float) -> float:
    """(s + a ds)ᵀ(λ + b dλ)"""
    found = 0.0
    for p in range(s.size):
        found += (s[p] + a * ds[p]) * (lam[p] + b * dlam[p])
    return found


@inner
def lifted(s: Array, lam: Array, least: float) -> None:
    """No product sₚλₚ is left far behind by the others: the less of the two is made larger."""
    for p in range(s.size):
        if s[p] * lam[p] < least:
            if s[p] < lam[p]:
                s[p] = least / lam[p]
            else:
                lam[p] = least / s[p]


@inner
def corrected(ratio: Array, rc: Array, inverse: Array, ds: Array, dlam: Array, goal: float, u: Array) -> None:
    """u = (λ/s) rc + (ds ∘ dλ − goal)/s"""
    for p in range(u.size):
        u[p] = ratio[p] * rc[p] + (ds[p] * dlam[p] - goal) * inverse[p]


@inner
def centred(ratio: Array, rc: Array, inverse: Array, goal: float, u: Array) -> None:
    """u = (λ/s) rc − goal/s"""
    for p in range(u.size):
        u[p] = ratio[p] * rc[p] - goal * inverse[p]


@inner
def turned(s: Array, lam: Array, ds: Array, dlam: Array, side: Array) -> int:
    """How many conditions a whole step sees on another side than the one before: 1 where λ falls by more than s, −1."""
    found = 0
    for p in range(s.size):
        here = 1.0 if ds[p] * lam[p] > dlam[p] * s[p] else -1.0
        found += 1 if here != side[p] else 0
        side[p] = here
    return found


@inner
def smoothed(s: Array, lam: Array, unit: Array, goal: float) -> None:
    """s and λ become the positive ones with sₚλₚ = goal for which s/u − λu is what it was: ½(√(d² + 4 goal) ± d)."""
    for p in range(s.size):
        d = s[p] / unit[p] - lam[p] * unit[p]
        large = 0.5 * (abs(d) + np.sqrt(d * d + 4.0 * goal))
        less = goal / large
        s[p] = unit[p] * (large if d > 0.0 else less)
        lam[p] = (less if d > 0.0 else large) / unit[p]
