"""Arrays joined: stack(a, b) along a new axis, of which each is one entry; concatenate(A, B) otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from ..node import Apply
from ..sizes import ONE
from .makers import mul, total
from .tree import Tree, call, make, num, parts


def joined(operands: Sequence[Tree], node: Apply) -> Tree:
    """The tree of a concatenation; an axis is named where it is not the first."""
    axis = node.param("axis")
    settings = [("axis", axis)] if axis else []
    bare = [_without_axis(t, axis) for t in operands]
    if all(o.shape[axis] == 1 for o in node.operands) and all(b is not None for b in bare):
        return call("stack", *(b for b in bare if b is not None), data=settings, order=node.order)
    return call("concatenate", *operands, data=settings, order=node.order)


def _without_axis(t: Tree, axis: int) -> Tree | None:
    """x where the tree is x[None, :], or s where it is s 1 of one entry."""
    c, nums, dens = parts(t)
    arrays = [x for x in nums if x.order]
    if len(arrays) != 1 or any(x.order for x in dens):
        return None
    (inner,) = arrays
    rest = [x for x in nums if not x.order]
    if inner.op == "ones" and inner.data == (ONE,):
        if len(rest) == 1 and rest[0].op == "sum" and not dens:
            return total([mul(c, [a]) for a in rest[0].args])
        return mul(c, rest, dens) if rest or dens or c != 1 else num(ONE)
    if inner.op == "index" and isinstance(inner.data, str):
        words = inner.data.split(", ")
        if words == ["None" if k == axis else ":" for k in range(t.order)]:
            return mul(c, [*rest, inner.args[0]], dens)
    return None


def stacked_parts(t: Tree) -> list[Tree]:
    """What stands in the rows or columns of a matrix put together; vectors one below the other are its rows."""
    if t.order == 1 and t.data[0] == "concatenate":  # a number above a vector
        return [b if (b := _without_axis(a, 0)) is not None else a for a in t.args]
    if t.data[0] != "stack" or t.order != 2 or dict(t.data[1]).get("axis"):
        return list(t.args)
    return [make("index", a, data="None, :", order=2) for a in t.args]
