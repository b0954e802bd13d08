"""The functions of a problem with conditions, as a solver and a certificate see them:

    minimise f(z)  subject to  e(z) = 0,  c(z) ≥ 0    with multipliers ν and λ ≥ 0

Objective, conditions, Jacobians and the Hessian of the Lagrangian are evaluated by name, compiled or by the
interpreter, and put together as flat vectors and matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from derive.errors import DataError
from derive.evaluate import bind, evaluate_bound
from derive.node import Node, size_symbols, variables
from derive.stable import stabilise

from .optimizers.interior_point import Functions, Values
from .oracle import VALUE, Array, Layout, Matrix, Vector, assemble, gradient_key, hessian_key

Evaluate = Callable[[Mapping[str, Array]], Mapping[str, Array]]


def condition_key(kind: str, number: int) -> str:
    """The name of one constraint array; `kind` is "equality" or "inequality"."""
    return f"{kind} {number}"


def jacobian_key(kind: str, number: int, unknown: str) -> str:
    """The name of the derivative of one constraint array."""
    return f"jacobian {kind} {number} {unknown}"


def multiplier_name(kind: str, number: int) -> str:
    """The variable that stands for the multipliers of one constraint array."""
    return f"_{kind}_{number}"


def rows_of(found: Mapping[str, Array], kind: str, shapes: Mapping[int, tuple[int, ...]]) -> Vector:
    """The values of all conditions of one kind, one below the other."""
    parts = [np.zeros(0)]
    for k, shape in shapes.items():
        parts.append(np.broadcast_to(found[condition_key(kind, k)], shape).reshape(-1))
    return np.concatenate(parts)


def flat_gradient(layout: Layout, found: Mapping[str, Array]) -> Vector:
    """The gradient as one vector; unknowns that the objective does not hold may be missing."""
    g = np.zeros(layout.size)
    for name, place in layout.slices.items():
        part = found.get(gradient_key(name))
        if part is not None:
            g[place] = np.asarray(part).reshape(-1)
    return g


def functions_of(
    layout: Layout,
    first: Evaluate,
    slopes: Evaluate,
    second: Evaluate,
    shapes: Mapping[str, Mapping[int, tuple[int, ...]]],
    *,
    linear: bool = False,
    quadratic: bool = False,
) -> Functions:
    """A solver's view of evaluations by name.

    `first` takes the unknowns and gives the objective, its gradient and the constraints, `slopes` the Jacobians,
    `second` takes the multipliers as well and gives the blocks of the Lagrangian's Hessian; blocks that vanish
    may be missing. `shapes` are those of the constraint arrays by kind and number. Jacobians of linear constraints
    and the Hessian of a quadratic problem are evaluated once.
    """
    sizes = dict(zip(layout.names, layout.sizes, strict=True))

    known: dict[str, Matrix] = {}

    def jacobian(found: Mapping[str, Array], kind: str) -> Matrix:
        blocks = [np.zeros((0, layout.size))]
        for k, shape in shapes[kind].items():
            count = int(np.prod(shape, dtype=np.int64))
            block = np.zeros((count, layout.size))
            for name, place in layout.slices.items():
                part = found.get(jacobian_key(kind, k, name))
                if part is not None:
                    block[:, place] = np.asarray(part).reshape(count, sizes[name])
            blocks.append(block)
        return np.vstack(blocks)

    def values(z: Vector) -> Values:
        point = layout.unpack(z)
        try:
            found = first(point)
            if linear and not known:
                fixed = slopes(point)
                known.update({kind: jacobian(fixed, kind) for kind in shapes})
            moving = {} if linear else slopes(point)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            n = layout.size
            E, C = (
                np.full((sum(int(np.prod(s, dtype=np.int64)) for s in shapes[kind].values()), n), np.nan)
                for kind in ("equality", "inequality")
            )
            return Values(np.nan, np.full(n, np.nan), E[:, 0], E, C[:, 0], C)
        g, (e, c) = (
            flat_gradient(layout, found),
            (rows_of(found, kind, shapes[kind]) for kind in ("equality", "inequality")),
        )
        E, C = (known[kind] if linear else jacobian(moving, kind) for kind in ("equality", "inequality"))
        return Values(float(found[VALUE]), g, e, E, c, C)

    constant: list[Matrix] = []

    def hessian(z: Vector, nu: Vector, lam: Vector) -> Matrix:
        if constant:
            return constant[0]
        given = {**layout.unpack(z), **multiplier_parts(shapes, nu, lam)}
        try:
            found = dict(second(given))
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            return np.full((layout.size, layout.size), np.nan)
        for a in layout.names:
            for b in layout.names:
                if hessian_key(a, b) not in found and hessian_key(b, a) not in found:
                    found[hessian_key(a, b)] = np.zeros((sizes[a], sizes[b]))
        full = assemble(layout, found)
        full = np.asarray((full + full.T) / 2)
        if quadratic and np.isfinite(full).all():
            constant.append(full)
        return full

    return Functions(layout.size, values, hessian)


def multiplier_parts(
    shapes: Mapping[str, Mapping[int, tuple[int, ...]]], nu: Vector, lam: Vector
) -> dict[str, Array]:
    """The multipliers of each constraint array by its name, in its shape."""
    found: dict[str, Array] = {}
    for kind, flat in (("equality", nu), ("inequality", lam)):
        at = 0
        for k, shape in shapes[kind].items():
            count = int(np.prod(shape, dtype=np.int64))
            found[multiplier_name(kind, k)] = np.asarray(flat[at : at + count]).reshape(shape)
            at += count
    return found


def interpreter(nodes: Mapping[str, Node], data: Mapping[str, Any], point: Mapping[str, Any]) -> Evaluate:
    """The named nodes by the reference interpreter, on checked data."""
    names = list(nodes)
    ready = stabilise([nodes[k] for k in names])
    given = {**data, **point}
    arrays, binding = bind(
        variables(*ready), given, sizes=size_symbols(*ready), extra=True, check_facts=False
    )

    def evaluate(unknowns: Mapping[str, Array]) -> Mapping[str, Array]:
        moved = {**arrays, **{k: v for k, v in unknowns.items() if k in arrays}}
        return dict(zip(names, evaluate_bound(ready, moved, binding), strict=True))

    return evaluate
