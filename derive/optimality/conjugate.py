"""Fenchel conjugates of convex functions of one number, derived with SymPy.

    f*(u) = sup_z  u z − f(z)

The function is cut at its kinks into smooth pieces. Where a piece is strictly convex, f'(z) = u is solved for z and
f*(u) = u z(u) − f(z(u)); at a kink b with slopes from p to q, f*(u) = u b − f(b) for p ≤ u ≤ q. The domain of f*
is the closure of the range of slopes (Rockafellar, Convex Analysis, §12 and §26). The function may hold further
symbols; their signs are taken from SymPy's assumptions, and what these do not decide is an error.

    >>> import sympy
    >>> z = sympy.Symbol("z", real=True)
    >>> print(conjugate(sympy.log(1 + sympy.exp(z)), z))
    u*log(u) + (1 - u)*log(1 - u)    for 0 <= u <= 1
    >>> print(conjugate(sympy.Abs(z), z))
    0    for -1 <= u <= 1
    >>> print(conjugate(sympy.Max(0, 1 - z), z))
    u    for -1 <= u <= 0
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import sympy

from ..convexity.scalar import nonnegative
from ..errors import UnsupportedError
from ..operators import REGISTRY, Elementwise
from .legendre import U, legendre

#: Operators of the registry, by name, inside SymPy expressions.
RELU, STEP = sympy.Function("relu"), sympy.Function("step")
_OO = sympy.oo


@final
@dataclass(frozen=True)
class Piece:
    """f*(u) = value for low ≤ u ≤ high."""

    value: sympy.Expr
    low: sympy.Expr
    high: sympy.Expr


@final
@dataclass(frozen=True)
class Conjugate:
    """The conjugate piece by piece, in the symbol `u`; +∞ outside `low` ≤ u ≤ `high`.

    `closed` says whether the ends of the domain belong to it.
    """

    pieces: tuple[Piece, ...]
    closed: tuple[bool, bool] = (True, True)

    @property
    def low(self) -> sympy.Expr:
        """The lower end of the domain."""
        return self.pieces[0].low

    @property
    def high(self) -> sympy.Expr:
        """The upper end of the domain."""
        return self.pieces[-1].high

    @property
    def value(self) -> sympy.Expr:
        """One expression for the whole domain: the pieces joined by clipping u to their intervals."""
        total = sympy.S.Zero
        for k, piece in enumerate(self.pieces):
            u: sympy.Expr = U
            if k:
                u = piece.low + RELU(u - piece.low)
                total -= piece.value.subs(U, piece.low)
            if k < len(self.pieces) - 1:
                u = u - RELU(U - piece.high) if k else piece.high - RELU(piece.high - U)
            total += piece.value.subs(U, u) if piece.value.has(U) else piece.value
        return sympy.factor_terms(_constants_opened(total))

    @property
    def slope(self) -> sympy.Expr:
        """The derivative of `value`: where the least upper bound is attained."""
        atoms = sorted(self.value.atoms(RELU), key=str)
        named = {atom: sympy.Dummy(real=True) for atom in atoms}
        bare = self.value.xreplace(named)
        slope = sympy.diff(bare, U)
        for atom, r in named.items():
            slope += sympy.diff(bare, r) * STEP(atom.args[0]) * sympy.diff(atom.args[0], U)
        return sympy.simplify(slope.xreplace({r: atom for atom, r in named.items()}))

    def domain(self) -> str:
        """The domain as an inequality; empty where it is the whole line."""
        left, right = ("<=" if c else "<" for c in self.closed)
        if self.low == -_OO and self.high == _OO:
            return ""
        if self.low == -_OO:
            return f"u {right} {self.high}"
        if self.high == _OO:
            return f"u {'>=' if self.closed[0] else '>'} {self.low}"
        return f"u == {self.low}" if self.low == self.high else f"{self.low} {left} u {right} {self.high}"

    def __str__(self) -> str:
        if len(self.pieces) == 1:
            return f"{self.pieces[0].value}" + (f"    for {self.domain()}" if self.domain() else "")
        inner = "; ".join(f"{p.value} from {p.low} to {p.high}" for p in self.pieces)
        return inner

    def latex(self) -> str:
        """f*(u) in LaTeX, with its domain."""
        value = sympy.latex(self.pieces[0].value if len(self.pieces) == 1 else self._cases())
        domain = self.domain()
        if not domain:
            return f"f^*(u) = {value}"
        shown = domain.replace("<=", r"\le").replace(">=", r"\ge").replace("==", "=")
        return rf"f^*(u) = {value}, \quad {shown}"

    def _cases(self) -> sympy.Expr:
        return sympy.Piecewise(*((p.value, p.high >= U) for p in self.pieces))


def conjugate(function: sympy.Expr, z: sympy.Symbol) -> Conjugate:
    """The Fenchel conjugate of a convex function of `z`, where it has values, and at z > 0 where `z` is positive.

    Raises `UnsupportedError` where convexity is not shown or SymPy inverts no slope.
    """
    left, right = _domain(function, z)
    cuts = [
        c for c in _kinks(function, z) if not (c - left).is_nonpositive and not (right - c).is_nonpositive
    ]
    ends = [left, *cuts, right]
    smooth = [_between(function, z, a, b) for a, b in itertools.pairwise(ends)]
    slopes = [sympy.simplify(sympy.diff(e, z)) for e in smooth]
    for e, (a, b) in zip(smooth, itertools.pairwise(ends), strict=True):
        if not _convex(e, z, a, b):
            raise UnsupportedError(f"{function} is not shown to be convex")
    pieces: list[Piece] = []
    if left.is_finite and (edge := _edge(smooth[0], slopes[0], z, left, "+")) is not None:
        pieces.append(Piece(edge[0], -_OO, edge[1]))
    for k, (e, s, (a, b)) in enumerate(zip(smooth, slopes, itertools.pairwise(ends), strict=True)):
        if k:
            if sympy.simplify(e.subs(z, a) - smooth[k - 1].subs(z, a)) != 0:
                raise UnsupportedError(f"{function} jumps at {z} = {a}")
            before = slopes[k - 1].subs(z, a)
            after = s.subs(z, a)
            gap = sympy.simplify(after - before)
            if not gap.is_nonnegative:
                raise UnsupportedError(f"{function} is not shown to be convex at its kink {z} = {a}")
            if gap.is_positive:
                pieces.append(Piece(sympy.simplify(U * a - e.subs(z, a)), before, after))
        if s.has(z):
            pieces.append(Piece(*legendre(e, s, z, a, b)))
    if right.is_finite and (edge := _edge(smooth[-1], slopes[-1], z, right, "-")) is not None:
        pieces.append(Piece(edge[0], edge[1], _OO))
    if not pieces:  # an affine function
        pieces = [Piece(sympy.simplify(-smooth[0].subs(z, 0)), slopes[0], slopes[0])]
    pieces = _joined(pieces)
    finite = (_finite(pieces[0].value, pieces[0].low, "+"), _finite(pieces[-1].value, pieces[-1].high, "-"))
    return Conjugate(tuple(pieces), finite)


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


def _domain(function: sympy.Expr, z: sympy.Symbol) -> tuple[sympy.Expr, sympy.Expr]:
    """The interval in which the logarithms, roots and quotients in the function have values."""
    left, right = sympy.S.Zero if z.is_nonnegative else -_OO, _OO
    powers = {p for p in function.atoms(sympy.Pow) if not (p.exp.is_Integer and p.exp.is_positive)}
    for inside in {e.args[0] for e in (*function.atoms(sympy.log), *powers)}:
        slope = sympy.diff(inside, z)
        if not inside.has(z) or slope.has(z) or slope.is_positive is None:
            continue  # an odd pole such as 1/z is left to the proof of convexity
        end = sympy.simplify(-inside.subs(z, 0) / slope)
        if slope.is_positive:
            left = sympy.Max(left, end)
        else:
            right = sympy.Min(right, end)
    if left.has(sympy.Max) or right.has(sympy.Min):
        raise UnsupportedError(f"where {function} has values depends on the signs of its parameters")
    return left, right


def _edge(
    e: sympy.Expr, s: sympy.Expr, z: sympy.Symbol, end: sympy.Expr, side: str
) -> tuple[sympy.Expr, sympy.Expr] | None:
    """At an end b of the domain with a finite slope p: f*(u) = u b − f(b) for slopes beyond p; and p."""
    slope, value = sympy.limit(s, z, end, side), sympy.limit(e, z, end, side)
    return (sympy.simplify(U * end - value), slope) if slope.is_finite and value.is_finite else None


def _constants_opened(value: sympy.Expr) -> sympy.Expr:
    """log(1/c) -> −log c, so that constants cancel."""
    return value.replace(lambda e: isinstance(e, sympy.log) and not e.has(U), lambda e: sympy.expand_log(e))


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Neighbours with one expression become one piece."""
    found = [pieces[0]]
    for p in pieces[1:]:
        if sympy.simplify(found[-1].value - p.value) == 0:
            found[-1] = Piece(found[-1].value, found[-1].low, p.high)
        else:
            found.append(p)
    return found


def _finite(value: sympy.Expr, at: sympy.Expr, side: str) -> bool:
    """Whether the conjugate is finite at the end of its domain."""
    if not at.is_finite:
        return False
    return bool(sympy.limit(value, U, at, side).is_finite)


def _kinks(function: sympy.Expr, z: sympy.Symbol) -> list[sympy.Expr]:
    """Where the pieces of the function meet, in order."""
    found: set[sympy.Expr] = set()
    for atom in function.atoms(sympy.Abs, sympy.Max, sympy.Min, sympy.Piecewise):
        if not atom.has(z):
            continue
        if isinstance(atom, sympy.Abs):
            equations = [atom.args[0]]
        elif isinstance(atom, sympy.Piecewise):
            equations = [
                c.lhs - c.rhs for _, c in atom.args if isinstance(c, sympy.core.relational.Relational)
            ]
        else:
            args = atom.args
            equations = [args[i] - args[j] for i in range(len(args)) for j in range(i)]
        for equation in equations:
            roots = sympy.solve(equation, z)
            found |= {r for r in roots if r.is_real and not (z.is_nonnegative and r.is_nonpositive)}
    try:
        return sorted(found)
    except TypeError:
        raise UnsupportedError(f"the order of the kinks of {function} depends on its parameters") from None


def _between(function: sympy.Expr, z: sympy.Symbol, a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """The smooth expression that the function is on (a, b)."""
    if a.is_finite and b.is_finite:
        probe = (a + b) / 2
    elif a.is_finite:
        probe = a + 1
    elif b.is_finite:
        probe = b - 1
    else:
        probe = sympy.S.Zero

    def resolve(e: sympy.Expr) -> sympy.Expr:
        if not e.args or not e.has(z):
            return e
        if isinstance(e, sympy.Piecewise):
            for value, condition in e.args:
                if condition == sympy.true or condition.subs(z, probe) == sympy.true:
                    return resolve(value)
            raise UnsupportedError(f"which case of {e} holds depends on its parameters")
        args = [resolve(x) for x in e.args]
        if isinstance(e, sympy.Abs):
            at = args[0].subs(z, probe)
            if at.is_nonnegative or at.is_nonpositive:
                return args[0] if at.is_nonnegative else -args[0]
            raise UnsupportedError(f"the sign of {args[0]} depends on its parameters")
        if isinstance(e, sympy.Max | sympy.Min):
            best = args[0]
            for other in args[1:]:
                difference = (other - best).subs(z, probe)
                if difference.is_positive is None:
                    raise UnsupportedError(f"which argument of {e} counts depends on its parameters")
                if difference.is_positive == isinstance(e, sympy.Max):
                    best = other
            return best
        return e.func(*args)

    return resolve(function)


def registered() -> Iterator[tuple[str, sympy.Expr, Conjugate]]:
    """Name, statement and conjugate of every elementwise operator of one argument that is convex or concave.

    A concave operator is listed with its negative; one that is defined for positive numbers alone, on these.
    """
    for operator in REGISTRY.values():
        if not isinstance(operator, Elementwise) or operator.arity != 1 or operator.settings:
            continue
        real, positive = sympy.Symbol("z", real=True), sympy.Symbol("z", positive=True)
        statement = operator.statement(real)
        if not statement.is_real:
            statement = operator.statement(positive)
        (z,) = statement.free_symbols
        if z is positive and sympy.limit(sympy.diff(statement, z), z, 0, "+").is_finite:
            continue  # its natural domain is larger
        for sign in (1, -1):
            try:
                found = conjugate(sign * statement, z)
            except (UnsupportedError, NotImplementedError, ValueError, TypeError):
                continue
            yield ("-" if sign < 0 else "") + operator.name, sign * statement, found
            break


__all__ = ["Conjugate", "Piece", "U", "conjugate", "registered"]
