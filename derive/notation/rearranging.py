"""Products that hold a sum, written otherwise where that is shorter: multiplied out and factored anew, divided."""

from __future__ import annotations

from .chains import chain
from .factor import shortest
from .makers import mul, total, transpose
from .tree import Tree, parts


def rearranged(t: Tree) -> Tree:
    """A product that holds a short sum, multiplied out and factored anew, where that is shorter."""
    if t.cost > 150:
        return t
    best = _divided(t)
    c, nums, dens = parts(t)
    at = next((k for k, x in enumerate(nums) if x.op == "chain" and x.order == t.order), None)
    if at is None:
        return best
    product = nums[at]
    for k, f in enumerate(product.args):
        if f.op != "sum" or len(f.args) > 3:
            continue
        if any(x is f or transpose(x) is f for j, x in enumerate(product.args) if j != k):
            continue  # H L H stays
        pieces = [chain(*product.args[:k], a, *product.args[k + 1 :]) for a in f.args]
        found = mul(c, [*nums[:at], shortest(pieces, []), *nums[at + 1 :]], dens)
        if found.cost < best.cost:
            best = found
    return best


def _divided(t: Tree) -> Tree:
    """(a − b) / (c a) -> (1 − b/a) / c, where that is shorter."""
    c, nums, dens = parts(t)
    best = t
    for k, f in enumerate(nums):
        if f.op != "sum" or len(f.args) > 3:
            continue
        for j, below in enumerate(dens):
            if below not in {x for a in f.args for x in parts(a)[1]}:
                continue
            pieces = []
            for a in f.args:
                ca, na, da = parts(a)
                held = below in na
                pieces.append(
                    mul(ca, [x for x in na if x is not below] if held else na, da if held else [*da, below])
                )
            found = mul(c, [*nums[:k], total(pieces), *nums[k + 1 :]], [*dens[:j], *dens[j + 1 :]])
            if found.cost < best.cost and found.order == t.order:
                best = found
    return best
