"""Functions of one number cut at their kinks: the intervals on which they are smooth, and whether they are convex.

    max(|z| − e, 0)  is  −z − e on (−∞, −e),  0 on (−e, 0) and (0, e),  z − e on (e, ∞)

The innermost |·|, max, min or choice is decided first, so that the ends of the intervals of those around it are roots
of smooth functions. The signs of further symbols are taken from SymPy's assumptions; a kink whose place, or a branch
whose turn these do not decide, is an error, never left out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cmp_to_key
from typing import final

import sympy

from ..errors import UnsupportedError
from .scalar import nonnegative

_KINKED = (sympy.Abs, sympy.Max, sympy.Min, sympy.Piecewise, sympy.sign)
Interval = tuple[sympy.Expr, sympy.Expr, sympy.Expr]
_OO = sympy.oo


@final
@dataclass(frozen=True)
class Smooth:
    """What a function is between two of its kinks, or ends of its domain."""

    function: sympy.Expr
    slope: sympy.Expr
    low: sympy.Expr
    high: sympy.Expr


def convex_pieces(function: sympy.Expr, z: sympy.Symbol) -> list[Smooth]:
    """The smooth pieces of a convex function where it has values, in order, and at z > 0 where `z` is positive.

    It is convex if its pieces are, and where they meet it has their value and its slope does not fall. Raises
    `UnsupportedError` where that is not shown.
    """
    start = sympy.S.Zero if z.is_nonnegative else -_OO
    cut = [_defined(e, z, a, b) for e, a, b in intervals(function, z, start, _OO)]
    found = [Smooth(e, sympy.simplify(sympy.diff(e, z)), a, b) for e, a, b in cut if a != b]
    if not found or any(p.high != q.low for p, q in itertools.pairwise(found)):
        raise UnsupportedError(f"{function} is not defined on an interval")
    if not all(_convex(p.function, z, p.low, p.high) for p in found):
        raise UnsupportedError(f"{function} is not shown to be convex")
    for p, q in itertools.pairwise(found):
        beside = q.function.subs(z, q.low)
        if any(sympy.simplify(e.subs(z, q.low) - beside) != 0 for e in (p.function, function)):
            raise UnsupportedError(f"{function} jumps at {z} = {q.low}")
        if not sympy.simplify(q.slope.subs(z, q.low) - p.slope.subs(z, q.low)).is_nonnegative:
            raise UnsupportedError(f"{function} is not shown to be convex at its kink {z} = {q.low}")
    return found


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


def _convex(e: sympy.Expr, z: sympy.Symbol, a: sympy.Expr, b: sympy.Expr) -> bool:
    """Whether the second derivative is nonnegative on (a, b), measured from an end where there is one."""
    t = sympy.Symbol("t", positive=True)
    bend = sympy.diff(e, z, 2)
    if nonnegative(bend):
        return True
    if a.is_finite and b.is_finite and nonnegative(sympy.factor(bend.subs(z, a + (b - a) / (1 + t)))):
        return True
    if a.is_finite:
        return nonnegative(bend.subs(z, a + t))
    return bool(b.is_finite) and nonnegative(bend.subs(z, b - t))


def _defined(e: sympy.Expr, z: sympy.Symbol, left: sympy.Expr, right: sympy.Expr) -> Interval:
    """A smooth expression on the part of (left, right) where its logarithms, roots and quotients have values."""
    powers = {p for p in e.atoms(sympy.Pow) if not (p.exp.is_Integer and p.exp.is_positive)}
    for inside in {f.args[0] for f in (*e.atoms(sympy.log), *powers)}:
        slope = sympy.diff(inside, z)
        if not inside.has(z) or slope.has(z) or slope.is_positive is None:
            continue  # an odd pole such as 1/z is left to the proof of convexity
        end = sympy.simplify(-inside.subs(z, 0) / slope)
        if slope.is_positive:
            left = sympy.Min(sympy.Max(left, end), right)
        else:
            right = sympy.Max(sympy.Min(right, end), left)
    if left.has(sympy.Max, sympy.Min) or right.has(sympy.Max, sympy.Min):
        raise UnsupportedError(f"where {e} has values depends on the signs of its parameters")
    return e, left, right


def _after(a: sympy.Expr, b: sympy.Expr, undecided: bool) -> bool:
    """Whether a < b; `undecided` where their parameters do not tell."""
    larger = (b - a).is_extended_positive
    return undecided if larger is None else bool(larger)


__all__ = ["Smooth", "convex_pieces", "intervals"]
