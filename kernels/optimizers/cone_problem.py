"""A quadratic program over second-order cones as matrices, and what solves it."""

from __future__ import annotations

from dataclasses import dataclass

from ..oracle import Matrix, Vector
from .second_order import Cones


@dataclass(frozen=True)
class ConeProgram:
    """minimise ½xᵀQx + cᵀx + f0 subject to Ex + e = 0, Gx + g in the cones.

    slacks, heads  so many of the last unknowns are private, as `cone_presolve` says; heads come last
    """

    Q: Matrix
    c: Vector
    f0: float
    E: Matrix
    e: Vector
    G: Matrix
    g: Vector
    cones: Cones
    slacks: int = 0
    heads: int = 0

    def value(self, x: Vector) -> float:
        """The objective."""
        return float(self.f0 + x @ (self.c + 0.5 * (self.Q @ x)))


@dataclass(frozen=True)
class ConeAnswer:
    """x and its multipliers: ν of the equalities, z of the cones."""

    x: Vector
    nu: Vector
    z: Vector
    status: int
    iterations: int
