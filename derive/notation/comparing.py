"""Conditions as they are written: z > 0 with what is subtracted on the other side, 1 − u > 0 as u < 1."""

from __future__ import annotations

from ..sizes import ONE, ZERO, is_negative
from .makers import mul, total
from .tree import Tree, make, num, parts


def compared(z: Tree, sign: str = ">") -> Tree:
    """`z > 0` or `z <= 0` as a comparison of what is added with what is taken away, arrays first.

    Where nothing is taken away a number is, so that 1 + x > 0 is x > −1.
    """
    turned = {">": "<", "<=": ">="}[sign]
    terms = z.args if z.op == "sum" else (z,)
    negative = [is_negative(parts(t)[0]) for t in terms]
    if not any(negative) and any(t.op != "num" for t in terms):
        negative = [t.op == "num" for t in terms]
    left = total([t for t, minus in zip(terms, negative, strict=True) if not minus])
    right = total([_negated(t) for t, minus in zip(terms, negative, strict=True) if minus])
    if right.order > left.order or (left.op == "zero"):
        left, right, sign = right, left, turned
    if right.op == "zero":
        right = num(ZERO)
    return make("compare", left, right, data=sign, order=z.order)


def indicated(choice: Tree) -> Tree | None:
    """The comparison of which where(…, 1, 0) or where(…, 0, 1) is the indicator; None for other choices."""
    test, *values = choice.args
    if test.op != "compare" or values not in ([num(ONE), num(ZERO)], [num(ZERO), num(ONE)]):
        return None
    opposite = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}[test.data]
    return test if values[0] is num(ONE) else make("compare", *test.args, data=opposite, order=test.order)


def condition(mask: Tree) -> Tree:
    """The condition of a choice: a comparison where the mask is one in terms of step, else the mask as it is."""
    if mask.op == "call" and mask.data == ("step", ()):
        return compared(mask.args[0])
    if mask.op == "sum" and len(mask.args) == 2:
        one, rest = mask.args
        c, nums, dens = parts(rest)
        step = len(nums) == 1 and not dens and nums[0].op == "call" and nums[0].data == ("step", ())
        if one.op == "num" and one.data == 1 and c == -1 and step:
            return compared(nums[0].args[0], "<=")
    return mask


def _negated(t: Tree) -> Tree:
    c, nums, dens = parts(t)
    return mul(-c, nums, dens)
