"""Functions of one number cut at their kinks: the intervals on which they are smooth, and what they are there.

    max(|z| − e, 0)  is  −z − e on (−∞, −e),  0 on (−e, 0) and (0, e),  z − e on (e, ∞)

The innermost |·|, max, min or choice is decided first, so that the ends of the intervals of those around it are roots
of smooth functions. The signs of further symbols are taken from SymPy's assumptions; a kink whose place, or a branch
whose turn these do not decide, is an error, never left out.
"""

from __future__ import annotations

import itertools
from functools import cmp_to_key

import sympy

from ..errors import UnsupportedError

_KINKED = (sympy.Abs, sympy.Max, sympy.Min, sympy.Piecewise, sympy.sign)
Interval = tuple[sympy.Expr, sympy.Expr, sympy.Expr]


def intervals(function: sympy.Expr, z: sympy.Symbol, left: sympy.Expr, right: sympy.Expr) -> list[Interval]:
    """The smooth expressions that the function is between its kinks on (left, right), each with its ends, in order."""
    inside = [e for e in function.atoms(*_KINKED) if e.has(z)]
    innermost = [e for e in inside if not any(o is not e and e.has(o) for o in inside)]
    if not innermost:
        return [(function, left, right)]
    first = min(innermost, key=str)
    found: list[Interval] = []
    for a, b in itertools.pairwise([left, *_kinks(first, z, left, right), right]):
        found += intervals(function.xreplace({first: _branch(first, z, a, b)}), z, a, b)
    return found


def _kinks(e: sympy.Expr, z: sympy.Symbol, left: sympy.Expr, right: sympy.Expr) -> list[sympy.Expr]:
    """Where |·|, max, min or a choice between smooth things changes on (left, right), in order."""
    if isinstance(e, sympy.Abs | sympy.sign):
        equations = [e.args[0]]
    elif isinstance(e, sympy.Piecewise):
        tests = {r for _, c in e.args for r in c.atoms(sympy.core.relational.Relational) if r.has(z)}
        equations = [r.lhs - r.rhs for r in tests]
    else:
        equations = [x - y for x, y in itertools.combinations(e.args, 2)]
    found: set[sympy.Expr] = set()
    for equation in equations:
        try:
            roots = sympy.solve(equation, z)
        except NotImplementedError:
            raise UnsupportedError(f"the kinks of {e} are not found") from None
        for root in roots:
            if root.is_real is False or not _after(left, root, True) or not _after(root, right, True):
                continue
            if not (root.is_real and _after(left, root, False) and _after(root, right, False)):
                raise UnsupportedError(f"where {e} has its kink {z} = {root} depends on its parameters")
            found.add(root)

    def order(a: sympy.Expr, b: sympy.Expr) -> int:
        if a == b:
            return 0
        if (a - b).is_positive is None:
            raise UnsupportedError(f"the order of the kinks of {e} depends on its parameters")
        return 1 if (a - b).is_positive else -1

    return sorted(found, key=cmp_to_key(order))


def _branch(e: sympy.Expr, z: sympy.Symbol, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """What |·|, max, min or a choice is on (a, b), between two of its kinks."""
    probe = _between(a, b)
    if isinstance(e, sympy.Piecewise):
        for value, condition in e.args:
            holds = condition if condition in (sympy.true, sympy.false) else condition.subs(z, probe)
            if holds == sympy.true:
                return value
            if holds != sympy.false:
                break
        raise UnsupportedError(f"which case of {e} holds depends on its parameters")
    if isinstance(e, sympy.Abs | sympy.sign):
        at = e.args[0].subs(z, probe)
        if not (at.is_nonnegative or at.is_nonpositive):
            raise UnsupportedError(f"the sign of {e.args[0]} depends on its parameters")
        sign = sympy.S.One if at.is_nonnegative else -sympy.S.One
        return sign * e.args[0] if isinstance(e, sympy.Abs) else sign
    best = e.args[0]
    for other in e.args[1:]:
        larger = (other - best).subs(z, probe).is_positive
        if larger is None:
            raise UnsupportedError(f"which argument of {e} counts depends on its parameters")
        if larger == isinstance(e, sympy.Max):
            best = other
    return best


def _between(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """A number in (a, b)."""
    if a.is_finite and b.is_finite:
        return (a + b) / 2
    if a.is_finite:
        return a + 1
    return b - 1 if b.is_finite else sympy.S.Zero


def _after(a: sympy.Expr, b: sympy.Expr, undecided: bool) -> bool:
    """Whether a < b; `undecided` where their parameters do not tell."""
    larger = (b - a).is_extended_positive
    return undecided if larger is None else bool(larger)


__all__ = ["Interval", "intervals"]
