"""One step of the interior point for semidefinite unknowns, from predictor and corrector.

At a point with Z, Λ ≻ 0 and s, λ > 0 there is a G with G⁻¹ZG⁻ᵀ = GᵀΛG = D, a diagonal. With H = G⁻ᵀ and W⁻¹ = HHᵀ,
Newton's step towards D² = T, s ∘ λ = g takes

    ΔΛ = HRHᵀ − W⁻¹ΔZW⁻¹,   Rᵢⱼ = 2 (T − D²)ᵢⱼ/(dᵢ + dⱼ),   Δλ = g/s − λ − (λ/s)Δs.

The predictor goes for T = 0. How far it gets says how far μ is lowered, and its second-order error is put on the
right-hand side of the step that is taken: T = μI − ½(ΔZ̃ΔΛ̃ + ΔΛ̃ΔZ̃), scaled as Z and Λ are; one factor serves both.
Sources: Mehrotra, SIAM J. Optim. 2 (1992); Nesterov & Todd, SIAM J. Optim. 8 (1998); Todd, Toh & Tütüncü, ibid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..oracle import Matrix, Vector
from .halves import Block, Halves, matrix_at
from .interior_point import Values
from .interior_vectors import step_within

#: The share of the way to the boundary that is taken; below the second, the predictor's error is no guide.
KEEP, SHORT = 0.95, 0.1


@dataclass(frozen=True)
class Scaling:
    """G, H and W⁻¹ of a pair of definite matrices, and d."""

    G: Matrix
    H: Matrix
    inverse: Matrix
    d: Vector

    @staticmethod
    def of(part: Matrix, dual: Matrix) -> Scaling:
        """That of Z and Λ; raises `LinAlgError` where one is not definite."""
        lower = np.linalg.cholesky(part)
        squares, turn = np.linalg.eigh(lower.T @ dual @ lower)
        if not squares[0] > 0.0:
            raise np.linalg.LinAlgError
        d = np.sqrt(squares)
        G = lower @ (turn / np.sqrt(d))
        H = dual @ G / d
        return Scaling(G, H, H @ H.T, d)

    def target(self, mu: float, first: Matrix, second: Matrix) -> Matrix:
        """HRHᵀ for T = μI less the second-order error of a step with these ΔZ and ΔΛ."""
        error = (self.H.T @ first @ self.H) @ (self.G.T @ second @ self.G)
        goal = -(error + error.T) / (self.d[:, None] + self.d)
        goal[np.diag_indices_from(goal)] += mu / self.d - self.d
        return np.asarray(self.H @ goal @ self.H.T)


@dataclass(frozen=True)
class Step:
    """Δz, Δs, Δν, Δλ, and of each block ΔZ and ΔΛ."""

    dz: Vector
    ds: Vector
    dnu: Vector
    dlam: Vector
    steps: list[Matrix]
    moves: list[Matrix]


@dataclass(frozen=True)
class Point:
    """Where a run is: the functions there, slacks and multipliers, the matrices and their multipliers."""

    v: Values
    s: Vector
    nu: Vector
    lam: Vector
    parts: list[Matrix]
    duals: list[Matrix]
    scalings: list[Scaling]
    halves: Halves
    blocks: Sequence[Block]

    def gap(self) -> float:
        """⟨s, λ⟩ + Σ tr(ZΛ)"""
        inner = (float((a * b).sum()) for a, b in zip(self.parts, self.duals, strict=True))
        return float(self.s @ self.lam) + sum(inner)

    def ahead(self, step: Step, t: float) -> float:
        """The gap after a step of that length."""
        pairs = zip(self.parts, step.steps, self.duals, step.moves, strict=True)
        inner = (float(((a + t * da) * (b + t * db)).sum()) for a, da, b, db in pairs)
        return float((self.s + t * step.ds) @ (self.lam + t * step.dlam)) + sum(inner)

    def within(self, step: Step, keep: float) -> float:
        """The longest step that leaves that share of everything that is to stay positive."""
        t = min(step_within(self.s, step.ds, keep), step_within(self.lam, step.dlam, keep))
        moving = (*zip(self.parts, step.steps, strict=True), *zip(self.duals, step.moves, strict=True))
        return min(t, *(_longest(a, da, keep) for a, da in moving))

    def towards(
        self, solve: Callable[[Vector], Vector], targets: Sequence[Matrix], goal: float | Vector
    ) -> Step:
        """Newton's step for HRHᵀ = these and s ∘ λ = the goal."""
        v, s, lam, halves = self.v, self.s, self.lam, self.halves
        rest = goal / s - lam - (lam / s) * (v.c - s)
        pull = v.g - v.E.T @ self.nu - v.C.T @ (lam + rest)
        for (start, side), dual, target in zip(self.blocks, self.duals, targets, strict=True):
            pull[start : start + side * side] -= (dual + target).ravel()
        found = solve(np.concatenate([-halves.shut(pull), -v.e]))
        count = halves.first.size
        dz = halves.open(found[:count])
        ds = v.C @ dz + (v.c - s)
        steps, moves = [matrix_at(dz, b) for b in self.blocks], []
        for scaling, target, step in zip(self.scalings, targets, steps, strict=True):
            move = target - scaling.inverse @ step @ scaling.inverse
            moves.append((move + move.T) / 2)
        return Step(dz, ds, -found[count:], goal / s - lam - (lam / s) * ds, steps, moves)

    def next_step(self, solve: Callable[[Vector], Vector], least: float) -> tuple[Step, float]:
        """The step and its length; μ is not lowered below that share of what it is."""
        gap, total = self.gap(), self.s.size + sum(len(a) for a in self.parts)
        first = self.towards(solve, [-a for a in self.duals], 0.0)
        left = max(self.ahead(first, self.within(first, 1.0)), 0.0)
        mu = max((left / gap) ** 3, 1e-6, least) * gap / total
        made = zip(self.scalings, first.steps, first.moves, strict=True)
        targets = [scaling.target(mu, step, move) for scaling, step, move in made]
        taken = self.towards(solve, targets, mu - first.ds * first.dlam)
        length = self.within(taken, KEEP)
        if length < SHORT:
            mu = 0.5 * gap / total
            still = [np.zeros_like(a) for a in self.parts]
            made = zip(self.scalings, still, still, strict=True)
            taken = self.towards(solve, [scaling.target(mu, a, b) for scaling, a, b in made], mu)
            length = self.within(taken, KEEP)
        return taken, length


def _longest(a: Matrix, da: Matrix, keep: float) -> float:
    """The longest step that leaves the given share of a definite matrix."""
    lower = np.linalg.cholesky(a)
    half = scipy.linalg.solve_triangular(lower, da, lower=True, check_finite=False)
    turned = scipy.linalg.solve_triangular(lower, half.T, lower=True, check_finite=False)
    least = float(np.linalg.eigvalsh((turned + turned.T) / 2)[0])
    return min(1.0, -keep / least) if least < 0.0 else 1.0
