"""Sums opened before they are factored, where terms then fall together: multiplied out, over one denominator."""

from __future__ import annotations

from ..sizes import ONE
from .makers import mul, total
from .tree import Tree, parts


def _collected(terms: list[Tree]) -> list[Tree]:
    """The terms of a sum, like ones collected."""
    whole = total(terms)
    return list(whole.args) if whole.op == "sum" else [] if whole.op == "zero" else [whole]


def multiplied_out(terms: list[Tree], constants: list[Tree]) -> list[Tree] | None:
    """e (log P − 1) + e -> e log P: products of sums opened, where terms then fall together."""
    opened, left = list[Tree](), list(reversed(terms))
    while left:
        t = left.pop()
        c, nums, dens = parts(t)
        at = next((k for k, x in enumerate(nums) if x.op == "sum" and len(x.args) <= 4), None)
        if at is None or (len(nums) == 1 and c == 1 and not dens):
            opened.append(t)
        else:
            left += [mul(c, [*nums[:at], a, *nums[at + 1 :]], dens) for a in reversed(nums[at].args)]
        if len(opened) + len(left) > 12:
            return None
    if len(opened) == len(terms):
        return None
    found = _collected([*opened, *constants])
    return found if len(found) < len(opened) + len(constants) else None


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
