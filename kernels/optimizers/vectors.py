"""Vectors and matrices in the steps of optimizers.

Under Python these are NumPy. Solver files hold plain loops of the same names and meaning instead
(`standalone.vector_texts`), each compiled once: numba takes a tenth of a second for every whole-array expression, and
half a second for a product.
"""

from __future__ import annotations

import numpy as np

from .state import Matrix, Vector


def dot(a: Vector, b: Vector) -> float:
    """aᵀb"""
    return float(np.dot(a, b))


def norm(a: Vector) -> float:
    """‖a‖"""
    return float(np.sqrt(np.dot(a, a)))


def distance(a: Vector, b: Vector) -> float:
    """‖a − b‖"""
    return norm(a - b)


def along(x: Vector, t: float, p: Vector) -> Vector:
    """x + tp"""
    return x + t * p


def scaled(t: float, p: Vector) -> Vector:
    """tp"""
    return t * p


def zeros(size: int) -> Vector:
    """A vector of zeros."""
    return np.zeros(size)


def put(rows: Matrix, i: int, v: Vector) -> None:
    """Row i of a matrix becomes v."""
    rows[i] = v


def product(a: Vector, b: Vector) -> Vector:
    """a ∘ b"""
    return a * b


def quotient(a: Vector, b: Vector) -> Vector:
    """aᵢ / bᵢ"""
    return a / b


def times(m: Matrix, v: Vector) -> Vector:
    """Mv"""
    found: Vector = m @ v
    return found


def turned_times(m: Matrix, v: Vector) -> Vector:
    """Mᵀv"""
    found: Vector = m.T @ v
    return found


def divided(m: Matrix, scale: Vector) -> Matrix:
    """mᵢⱼ / (dᵢ dⱼ)"""
    found: Matrix = m / scale / scale.reshape(-1, 1)
    return found


def columns_divided(m: Matrix, scale: Vector) -> Matrix:
    """mᵢⱼ / dⱼ"""
    found: Matrix = m / scale
    return found


def greater(a: Vector, b: Vector) -> Vector:
    """The larger of aᵢ and bᵢ."""
    return np.maximum(a, b)


def same(a: Vector, b: Vector) -> bool:
    """Whether all entries are equal."""
    return bool(np.all(a == b))


def finite_entries(m: Matrix) -> bool:
    """Whether all entries of a matrix are finite, or their sum at least."""
    return bool(np.isfinite(np.sum(m)))
