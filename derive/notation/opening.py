"""Sums opened before they are factored, where terms then fall together: multiplied out, over one denominator."""

from __future__ import annotations

from ..sizes import ONE
from .chains import chain
from .makers import mul, total
from .tree import Tree, parts


def _collected(terms: list[Tree]) -> list[Tree]:
    """The terms of a sum, like ones collected."""
    whole = total(terms)
    return list(whole.args) if whole.op == "sum" else [] if whole.op == "zero" else [whole]


def multiplied_out(terms: list[Tree], constants: list[Tree]) -> list[Tree] | None:
    """e (log P − 1) + e -> e log P,  A (B − I) C + A C -> A B C: opened, where terms then fall together."""
    opened, left = list[Tree](), list(reversed(terms))
    while left:
        pieces = _pieces(left.pop())
        if len(pieces) == 1:
            opened += pieces
        else:
            left += reversed(pieces)
        if len(opened) + len(left) > 12:
            return None
    if len(opened) == len(terms):
        return None
    found = _collected([*opened, *constants])
    return found if len(found) < len(opened) + len(constants) else None


def _pieces(t: Tree) -> list[Tree]:
    """The terms of a product with its first short sum opened, also one inside a matrix product."""
    c, nums, dens = parts(t)
    for k, x in enumerate(nums):
        if _short_sum(x) and (len(nums) > 1 or c != 1 or dens):
            return [mul(c, [*nums[:k], a, *nums[k + 1 :]], dens) for a in x.args]
        inside = (j for j, f in enumerate(x.args) if _short_sum(f) and f.order == 2)  # x − a stays as it is
        if x.op == "chain" and (j := next(inside, None)) is not None:
            inner = [chain(*x.args[:j], a, *x.args[j + 1 :]) for a in x.args[j].args]
            return [mul(c, [*nums[:k], a, *nums[k + 1 :]], dens) for a in inner]
    return [t]


def _short_sum(t: Tree) -> bool:
    return t.op == "sum" and len(t.args) <= 4


def over_one_denominator(terms: list[Tree], constants: list[Tree]) -> list[Tree] | None:
    """1 − u/(1 + u) -> 1/(1 + u): another term brought over a denominator, where terms then fall together."""
    every = [*terms, *constants]
    if len(every) > 4:
        return None
    for k, t in enumerate(every):
        c, nums, dens = parts(t)
        for j, below in enumerate(dens):
            if below.op != "sum" or len(below.args) > 4:
                continue
            rest = mul(c, nums, [*dens[:j], *dens[j + 1 :]])
            for m, other in enumerate(every):
                if m == k or parts(other)[2]:
                    continue
                above = _collected([rest, *(mul(ONE, [other, a]) for a in below.args)])
                if 0 < len(above) < 1 + len(below.args):
                    merged = mul(ONE, [total(above)], [below])
                    return [merged, *(x for i, x in enumerate(every) if i not in (k, m))]
    return None
