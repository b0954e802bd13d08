"""Matrices that repeat a vector along an axis, beside others in an elementwise product: scaled rows or columns.

A ∘ (1 vᵀ) = A diag(v),    A ∘ (v 1ᵀ) = diag(v) A,    A ∘ (1 1ᵀ + 1 vᵀ) = A diag(1 + v)
"""

from __future__ import annotations

from .makers import mul, total
from .tree import Tree, parts


def repeated(t: Tree) -> tuple[int, Tree] | None:
    """The vector that a matrix repeats, and the axis along which it lies."""
    if t.op == "outer":
        ones = [a.op == "ones" for a in t.args]
        return (1, t.args[1]) if ones == [True, False] else (0, t.args[0]) if ones == [False, True] else None
    if t.op == "spread" and t.args[0].order == 1:
        return int(t.data[1]), t.args[0]
    if t.op == "mul":
        c, nums, dens = parts(t)
        inner = [repeated(x) for x in nums if x.order]
        if len(inner) != 1 or inner[0] is None or any(x.order for x in dens):
            return None
        axis, v = inner[0]
        return axis, mul(c, [*(x for x in nums if not x.order), v], dens)
    if t.op == "sum":
        found = [repeated(a) for a in t.args if a.order]
        axes = {f[0] for f in found if f is not None}
        if None in found or len(axes) != 1:
            return None
        vectors = iter(f[1] for f in found if f is not None)
        return axes.pop(), total([next(vectors) if a.order else a for a in t.args])
    return None


__all__ = ["repeated"]
