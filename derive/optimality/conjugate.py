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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import sympy

from ..convexity.kinked import convex_pieces
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
        if (half := self._half()) is not None:
            return half.value.subs(U, sympy.Abs(U))
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

    def _half(self) -> Conjugate | None:
        """The pieces for u > 0, where those for u < 0 are the same mirrored."""
        right = tuple(p for p in self.pieces if p.high.is_extended_positive)
        if len(self.pieces) == 1 or len(right) != (len(self.pieces) + 1) // 2:
            return None
        x = sympy.Dummy(positive=True)
        for p, q in zip(reversed(self.pieces), self.pieces, strict=False):
            gap = p.value.subs(U, x) - q.value.subs(U, -x)
            if p in right and (p.high != -q.low or sympy.simplify(gap) != 0):
                return None
        return Conjugate(right)

    @property
    def slope(self) -> sympy.Expr:
        """The derivative of `value`: where the least upper bound is attained."""
        if (half := self._half()) is not None:
            return sympy.sign(U) * half.slope.subs(U, sympy.Abs(U))
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
    smooth = convex_pieces(function, z)
    left, right = smooth[0].low, smooth[-1].high
    pieces: list[Piece] = []
    first, last = smooth[0], smooth[-1]
    if left.is_finite and (edge := _edge(first.function, first.slope, z, left, "+")) is not None:
        pieces.append(Piece(edge[0], -_OO, edge[1]))
    for k, piece in enumerate(smooth):
        if k:
            a, before, after = (
                piece.low,
                smooth[k - 1].slope.subs(z, piece.low),
                piece.slope.subs(z, piece.low),
            )
            if sympy.simplify(after - before).is_positive:
                pieces.append(Piece(sympy.simplify(U * a - piece.function.subs(z, a)), before, after))
        if piece.slope.has(z):
            pieces += _smooth(piece.function, piece.slope, z, piece.low, piece.high)
    if right.is_finite and (edge := _edge(last.function, last.slope, z, right, "-")) is not None:
        pieces.append(Piece(edge[0], edge[1], _OO))
    if not pieces:  # an affine function
        pieces = [Piece(sympy.simplify(-first.function.subs(z, 0)), first.slope, first.slope)]
    pieces = _joined(pieces)
    finite = (_finite(pieces[0].value, pieces[0].low, "+"), _finite(pieces[-1].value, pieces[-1].high, "-"))
    return Conjugate(tuple(pieces), finite)


def _smooth(e: sympy.Expr, s: sympy.Expr, z: sympy.Symbol, a: sympy.Expr, b: sympy.Expr) -> list[Piece]:
    """The piece of a strictly convex smooth one; of an even one two, where the slope has a root of one sign only."""
    try:
        return [Piece(*legendre(e, s, z, a, b))]
    except UnsupportedError:
        if a != -b or sympy.simplify(e.subs(z, -z) - e) != 0:
            raise
        right = Piece(*legendre(e, s, z, sympy.S.Zero, b))
        return [Piece(right.value.subs(U, -U), -right.high, -right.low), right]


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
