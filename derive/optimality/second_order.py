"""Second-order conditions: the curvature of the Lagrangian on the tangent space of the active constraints.

    dᵀ ∇²ₓₓL(x, λ, ν) d > 0   for all d ≠ 0 with  ∇h(x)ᵀd = 0,  ∇gᵢ(x)ᵀd = 0 where gᵢ(x) = 0

With Z a basis of that space, the inertia of ZᵀHZ decides: all positive, a strict local minimum; a negative value, a
saddle; a zero value, nothing is decided at second order (Nocedal & Wright, Numerical Optimization, Theorems 12.5 and
12.6). An active inequality whose multiplier is zero bends only one way: it is left out where a minimum is claimed
and kept where a descent direction is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from .. import notation
from ..build import add
from ..differentiate import jacobian, jvp
from ..domains import Array
from ..errors import UnsupportedError
from ..node import Node, Variable, variable
from ..second import second_derivative
from ..simplify import simplify
from ..sizes import ONE
from .kkt import KKT
from .residual import PointInNumbers, Residual, kkt_residual

#: Relative to the largest eigenvalue: what is smaller counts as zero.
_ZERO = 1e-8
#: An inequality counts as active if it is this close to equality, and its multiplier as positive above it.
_ACTIVE = 1e-6
#: First-order conditions must hold this well for a point to be classified.
_STATIONARY = 1e-5


@final
@dataclass(frozen=True)
class Curvature:
    """The reduced Hessian at a point.

    status      "minimum" ("maximum" for a problem that maximises), "saddle", "degenerate" or "not stationary"
    inertia     numbers of positive, negative and zero eigenvalues of ZᵀHZ
    reduced     ZᵀHZ; `basis` is Z, one column per direction of the tangent space
    active      the number of active constraints, equations included
    """

    status: str
    inertia: tuple[int, int, int]
    eigenvalues: Array = field(repr=False)
    reduced: Array = field(repr=False)
    basis: Array = field(repr=False)
    active: int
    residual: Residual = field(repr=False)

    def __str__(self) -> str:
        positive, negative, zero = self.inertia
        size = f"{self.basis.shape[1]} of {self.basis.shape[0]} dimensions"
        return (
            f"{self.status}: on the tangent space ({size}) the Hessian of the Lagrangian has {positive} positive, "
            f"{negative} negative and {zero} zero eigenvalues"
        )


@final
class SecondOrder:
    """The Hessian of the Lagrangian and the tangent space; `at` classifies a point.

    >>> import derive as dv
    >>> sizes = {"C": ("d", "d"), "w": ("d",)}
    >>> loss = dv.parse("w @ C @ w", variables=sizes, facts={"C": ["symmetric"]})
    >>> conditions = dv.minimize(loss, over="w", subject_to=["w @ w == 1"]).second_order()
    >>> print(conditions)
    Hessian of the Lagrangian
      2 * (C + nu_1 * eye(d))    (in w, w)
    tangent space
      2 * w @ d_w == 0
    >>> conditions.at({"w": [0.0, 1.0]}, C=[[2.0, 0.0], [0.0, 1.0]]).status
    'minimum'
    """

    def __init__(self, kkt: KKT) -> None:
        self.kkt = kkt
        wrt = kkt.unknowns
        slopes = kkt.stationarity
        self.blocks: dict[tuple[Variable, Variable], Node] = {
            (v, u): simplify(second_derivative(slopes[v], v, u)) for k, v in enumerate(wrt) for u in wrt[k:]
        }

    def tangent(self) -> list[tuple[Node, str]]:
        """The linearised constraints along a direction d, with a remark for inequalities."""
        found: list[tuple[Node, str]] = []
        for c in self.kkt.lagrangian.conditions:
            if c.kind not in ("==", "<="):
                continue
            total: Node | None = None
            for v in self.kkt.unknowns:
                along = jvp(c.residual, v, variable(f"d_{v.name}", v.shape, v.facts & {"symmetric"}))
                total = along if total is None else _plus(total, along)
            assert total is not None
            found.append((simplify(total), "" if c.kind == "==" else "where active"))
        return found

    def lines(self) -> list[str]:
        """Hessian and tangent space in the text language."""
        out = ["Hessian of the Lagrangian"]
        for (v, u), node in self.blocks.items():
            shown = notation.lines(node)
            out += [f"  {shown[0]}    (in {v.name}, {u.name})", *(f"  {line}" for line in shown[1:])]
        conditions = self.tangent()
        if conditions:
            out.append("tangent space")
            out += [f"  {notation.text(n)} == 0" + (f"    ({r})" if r else "") for n, r in conditions]
        return out

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def latex(self) -> str:
        """Hessian and tangent space as one aligned block."""
        rows = [
            rf"\nabla^2_{{{notation.latex(v)} {notation.latex(u)}}} L &= {notation.latex(n, named=False)}"
            for (v, u), n in self.blocks.items()
        ]
        rows += [
            rf"{notation.latex(n, named=False)} &= 0" + (rf" \quad \text{{({r})}}" if r else "")
            for n, r in self.tangent()
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def at(
        self, point: Mapping[str, Any], arrays: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Curvature:
        """The curvature at a point that holds the unknowns and, where known, multipliers."""
        data = {**(arrays or {}), **more}
        residual = kkt_residual(self.kkt, point, data)
        return _curvature(self, {**point, **residual.multipliers}, data, residual)


def _plus(a: Node, b: Node) -> Node:
    return add([(ONE, a), (ONE, b)], a.shape)


def _curvature(
    conditions: SecondOrder, point: Mapping[str, Any], data: Mapping[str, Any], residual: Residual
) -> Curvature:
    kkt = conditions.kkt
    stated = kkt.lagrangian
    wrt = kkt.unknowns
    constraints = [c for c in stated.conditions if c.kind in ("==", "<=", "psd")]
    linear = [jacobian(c.residual, v) for c in constraints for v in wrt]
    nodes = [*conditions.blocks.values(), *linear, *(c.residual for c in constraints)]
    numbers = PointInNumbers(nodes, kkt, point, data)
    values = iter(numbers.values(nodes, numbers.given))
    shapes = [numbers.given[v.name].shape for v in wrt]
    sizes = [int(np.prod(s, dtype=int)) for s in shapes]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    hessian = np.zeros((starts[-1], starts[-1]))
    for v, u in conditions.blocks:
        i, j = wrt.index(v), wrt.index(u)
        block = next(values).reshape(sizes[i], sizes[j])
        hessian[starts[i] : starts[i + 1], starts[j] : starts[j + 1]] = block
        hessian[starts[j] : starts[j + 1], starts[i] : starts[i + 1]] = block.T
    if stated.sense == "maximize":
        hessian = -hessian
    slopes = [np.hstack([next(values).reshape(-1, k) for k in sizes]) for _ in constraints]
    strong: list[Array] = [_antisymmetric(wrt, shapes, starts)]
    weak: list[Array] = []
    for c, slope in zip(constraints, slopes, strict=True):
        at = next(values)
        if c.kind == "psd":
            if np.linalg.eigvalsh(at).min() < _ACTIVE:
                raise UnsupportedError(
                    "second-order conditions on the boundary of the psd cone are not derived"
                )
            continue
        if c.kind == "==":
            strong.append(slope)
            continue
        assert c.multiplier is not None
        active = at.ravel() > -_ACTIVE
        held = np.asarray(numbers.given[c.multiplier.name]).ravel() > _ACTIVE
        strong.append(slope[active & held])
        weak.append(slope[active & ~held])
    loose = _null_space(np.vstack(strong))
    tight = _null_space(np.vstack([*strong, *weak])) if weak else loose
    return _classified(
        hessian, loose, tight, sum(len(s) for s in [*strong[1:], *weak]), residual, stated.sense
    )


def _classified(
    hessian: Array, loose: Array, tight: Array, active: int, residual: Residual, sense: str
) -> Curvature:
    """Verdict from the Hessian on the larger and the smaller of the two tangent spaces."""
    scale = max(1.0, float(np.abs(hessian).max(initial=0.0)))
    wide = np.linalg.eigvalsh(loose.T @ hessian @ loose) if loose.shape[1] else np.zeros(0)
    narrow = np.linalg.eigvalsh(tight.T @ hessian @ tight) if tight.shape[1] else np.zeros(0)
    zero = _ZERO * scale
    inertia = (int((wide > zero).sum()), int((wide < -zero).sum()), int((np.abs(wide) <= zero).sum()))
    best = "minimum" if sense == "minimize" else "maximum"
    if (
        max(residual.stationarity, residual.primal, residual.dual, residual.complementarity)
        > _STATIONARY * scale
    ):
        status = "not stationary"
    elif (narrow < -zero).any():
        status = "saddle"
    elif inertia[1] or inertia[2]:
        status = "degenerate"
    else:
        status = best
    return Curvature(status, inertia, wide, loose.T @ hessian @ loose, loose, active, residual)


def _null_space(rows: Array) -> Array:
    """An orthonormal basis of the directions that all rows annihilate."""
    if not rows.shape[0]:
        return np.eye(rows.shape[1])
    _, s, right = np.linalg.svd(rows, full_matrices=True)
    rank = int((s > 1e-10 * max(1.0, s.max(initial=0.0))).sum())
    return np.asarray(right[rank:].T)


def _antisymmetric(wrt: tuple[Variable, ...], shapes: list[tuple[int, ...]], starts: Array) -> Array:
    """Rows that vanish on symmetric directions, for unknowns that are symmetric."""
    rows: list[Array] = []
    for v, shape, start in zip(wrt, shapes, starts, strict=False):
        if "symmetric" not in v.facts or len(shape) != 2:
            continue
        for i in range(shape[0]):
            for j in range(i):
                row = np.zeros(int(starts[-1]))
                row[start + i * shape[1] + j], row[start + j * shape[1] + i] = 1.0, -1.0
                rows.append(row)
    return np.array(rows).reshape(-1, int(starts[-1]))


__all__ = ["Curvature", "SecondOrder"]
