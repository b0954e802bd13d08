"""Symbolic sizes: SymPy integer symbols, their comparison, and their binding to numbers.

A size is a positive SymPy integer or expression over positive integer symbols (`n`, `3`, `n - k + 1`).
Two sizes are equal only when SymPy proves it; equality is never assumed. Coefficients of expressions
are SymPy expressions over the same symbols, so that `1/(2*n)` and `sqrt(d)` stay exact.
"""

from __future__ import annotations

import keyword
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeAlias

import sympy

from .errors import DeclarationError, SizeError
from .limits import DIGITS, FIXED_SIZE

Size: TypeAlias = sympy.Expr
Shape: TypeAlias = tuple[sympy.Expr, ...]
Coefficient: TypeAlias = sympy.Expr

ONE: Coefficient = sympy.S.One
ZERO: Coefficient = sympy.S.Zero
HALF: Coefficient = sympy.S.Half


def check_name(name: object, what: str = "variable") -> str:
    """Return `name` if it is an identifier of the language, else raise `DeclarationError`."""
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise DeclarationError(
            f"{name!r} cannot name a {what}: a name is a letter followed by letters, digits or _"
        )
    if keyword.iskeyword(name) and name != "lambda":
        raise DeclarationError(f"{name!r} cannot name a {what}: it is a reserved word; try {name}_")
    return name


@lru_cache(maxsize=4096)
def size_symbol(name: str) -> sympy.Symbol:
    """The size called `name`: a positive integer symbol."""
    return sympy.Symbol(check_name(name, "size"), integer=True, positive=True)


def sizes(names: str) -> Any:
    """Declare symbolic sizes, as `n, d = sizes("n d")`.

    One name gives one size, several a tuple. Sizes are at least 1.

    >>> n, d = sizes("n d")
    >>> n.is_positive
    True
    """
    found = tuple(size_symbol(name) for name in names.replace(",", " ").split())
    if not found:
        raise DeclarationError("sizes() was given no name; write sizes('n d')")
    return found[0] if len(found) == 1 else found


def as_size(value: object) -> Size:
    """A size from a name, a whole number ≥ 1, or a SymPy expression over sizes."""
    if isinstance(value, str):
        text = value.strip()
        return as_size(int(text)) if text.isdigit() and len(text) < 12 else size_symbol(text)
    if isinstance(value, bool):
        raise DeclarationError(f"a size is a name or a whole number, not {value!r}")
    if isinstance(value, sympy.Expr):
        size: Size = sympy.expand(value)
        if isinstance(size, sympy.Symbol):
            return size_symbol(size.name)
        if not size.is_integer or not all(s.is_integer for s in size.free_symbols):
            raise DeclarationError(f"{size} is not a size: sizes are whole numbers ≥ 1")
        if not size.is_Integer:
            return size
        value = int(size)
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise DeclarationError(f"a size is a name or a whole number, not {value!r}") from None
    if number != value or not 1 <= number <= FIXED_SIZE:
        raise DeclarationError(f"{value} is not a size: sizes are whole numbers from 1 to {FIXED_SIZE}")
    return sympy.Integer(number)


def as_shape(values: Iterable[object]) -> Shape:
    """A tuple of sizes."""
    if isinstance(values, str):
        raise DeclarationError(f"a shape is a list of sizes such as ['n', 'd'], not the text {values!r}")
    return tuple(as_size(v) for v in values)


def same_size(a: Size, b: Size) -> bool:
    """Whether the two sizes are provably equal."""
    return a is b or a == b or sympy.expand(a - b) == 0


def same_shape(a: Shape, b: Shape) -> bool:
    """Whether the two shapes are provably equal, axis by axis."""
    return len(a) == len(b) and all(same_size(p, q) for p, q in zip(a, b, strict=True))


def show_shape(shape: Iterable[Size]) -> str:
    """`(n, d)`, `(n,)`, `()`: as NumPy prints a shape."""
    return _shape_text(tuple(shape))


@lru_cache(maxsize=65536)
def _shape_text(shape: Shape) -> str:
    """SymPy's printer is slow, and every node is asked for its shape."""
    return tuple_text([s.name if isinstance(s, sympy.Symbol) else str(s) for s in shape])


def tuple_text(parts: Sequence[str]) -> str:
    """`(a, b)`, `(a,)`, `()`: a tuple as Python writes it."""
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def product(shape: Iterable[Size]) -> Size:
    """The number of entries of an array of this shape."""
    total: Size = ONE
    for s in shape:
        total = total * s
    return total


@lru_cache(maxsize=65536)
def _tidy(value: Coefficient) -> Coefficient:
    if not value.free_symbols:
        return sympy.nsimplify(value)
    found = sympy.factor_terms(sympy.cancel(value))
    logs = {log: sympy.Dummy() for log in value.atoms(sympy.log)}
    if not logs or found.is_number:
        return found
    # SymPy takes log(2π) apart; it stays together where that is not longer
    whole = sympy.factor_terms(sympy.cancel(value.xreplace(logs))).xreplace(
        {d: log for log, d in logs.items()}
    )
    return min(whole, found, key=lambda v: v.count_ops())


def tidy(value: Coefficient) -> Coefficient:
    """The normal form of a coefficient: numbers as they are, symbolic ones cancelled."""
    if value.is_Rational or value.is_Symbol:
        return value
    if value.is_Mul and not any(a.is_Add for a in value.args):
        return value  # SymPy collects the factors of a product by itself
    if value.is_number:
        return sympy.expand(value) if value.is_Add else value
    return _tidy(value)


def is_whole(value: Coefficient) -> bool:
    """Whether a coefficient is a polynomial in sizes with whole coefficients.

    Read off its form: SymPy's own `is_integer` takes milliseconds the first time.
    """
    if value.is_Symbol:
        return bool(value.is_integer)
    if value.is_Pow:
        return bool(value.exp.is_Integer and value.exp > 0) and is_whole(value.base)
    if value.is_Add or value.is_Mul:
        return all(map(is_whole, value.args))
    return bool(value.is_Integer)


def sign_of(value: Coefficient) -> int | None:
    """1, 0 or −1 where the form of a coefficient shows its sign: fractions, sizes, their products and powers."""
    if value.is_Rational:
        return int(value.p > 0) - int(value.p < 0)
    if value.is_Symbol:
        return 1 if value.is_positive else None
    if value.is_NumberSymbol:
        return 1  # π and e; SymPy's other constants are positive too
    if value.is_Pow:
        return 1 if value.exp.is_Rational and sign_of(value.base) == 1 else None
    if value.is_Mul:
        signs = [sign_of(a) for a in value.args]
        return None if None in signs else math.prod(s for s in signs if s is not None)
    if isinstance(value, sympy.log) and sign_of(value.args[0]) == 1 and value.args[0].is_number:
        beyond = value.args[0].evalf(15) - 1
        return (1 if beyond > 0 else -1) if abs(beyond) > 1e-9 else None
    return None


@lru_cache(maxsize=4096)
def is_negative(value: Coefficient) -> bool:
    """Whether the coefficient is written with a leading minus."""
    sign = sign_of(value)
    if sign is not None:
        return sign < 0
    return bool(value < 0) if value.is_number else bool(value.could_extract_minus_sign())


@lru_cache(maxsize=4096)
def is_short(value: Coefficient, most: int = 12) -> bool:
    """Whether a coefficient is of few operations; SymPy's own count of them takes a tenth of a millisecond."""
    left, stack = most, [value]
    while stack and left >= 0:
        args = stack.pop().args
        left -= max(1, len(args) - 1) if args else 0
        stack.extend(args)
    return left >= 0


def as_coefficient(value: object) -> Coefficient:
    """An exact coefficient: decimal numbers are exact rationals (`0.1` is 1/10)."""
    if isinstance(value, bool):
        return sympy.Integer(int(value))
    if isinstance(value, int):
        return sympy.Integer(value)
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, sympy.Expr):
        return sympy.nsimplify(value, rational=True) if value.has(sympy.Float) else value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a NumPy scalar
        return as_coefficient(value.item())
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise DeclarationError(f"{value} cannot be a coefficient: it is not finite")
        return sympy.Rational(repr(value))
    raise DeclarationError(f"{value!r} is not a number")


def digits_of(value: Coefficient) -> int:
    """Decimal digits of the largest whole number inside a coefficient."""
    bits = max((abs(i.p).bit_length() for i in value.atoms(sympy.Integer)), default=1)
    rational = value if value.is_Rational else None
    if rational is not None:
        bits = max(abs(rational.p).bit_length(), rational.q.bit_length())
    return max(1, math.ceil(bits * math.log10(2)))  # Python itself writes no number of more than 4300 digits


def check_digits(value: Coefficient) -> Coefficient:
    """Refuse numbers of absurd length."""
    from .errors import LimitError

    if digits_of(value) > DIGITS:
        raise LimitError(f"a number has more than {DIGITS} digits")
    return value


@lru_cache(maxsize=4096)
def _substituted(value: Coefficient, numbers: tuple[tuple[sympy.Symbol, int], ...]) -> Coefficient:
    """`subs`, remembered: the interpreter asks for the same few values at every evaluation."""
    return value.subs(dict(numbers)) if value.free_symbols else value


class Binding:
    """Numbers for the symbolic sizes, learnt from the shapes of arrays.

    `learn(name, symbolic, actual)` unifies a declared shape with an array's shape and raises a
    `SizeError` naming the array and the axis where they disagree.
    """

    def __init__(self, known: Mapping[sympy.Symbol, int] | None = None) -> None:
        self.values: dict[sympy.Symbol, int] = dict(known or {})
        self.origin: dict[sympy.Symbol, str] = {}

    def learn(self, name: str, symbolic: Shape, actual: tuple[int, ...]) -> None:
        """Unify the declared shape of `name` with the shape of the array given for it."""
        if len(symbolic) != len(actual):
            raise SizeError(
                f"{name} was declared {show_shape(symbolic)}, an array of order {len(symbolic)}, "
                f"but the array given has shape {actual}"
            )
        for axis, (size, number) in enumerate(zip(symbolic, actual, strict=True)):
            if number == 0:
                raise SizeError(f"{name} is empty: axis {axis} has length 0, and sizes are at least 1")
            if size.is_Symbol and size not in self.values:
                self.values[size] = number
                self.origin[size] = f"axis {axis} of {name}"
                continue
            if not size.is_Symbol and not size.is_Integer:
                self._solve(size, number, f"axis {axis} of {name}")
            wanted = self.number(size, default=None)
            if wanted is not None and wanted != number:
                source = self.origin.get(size) if size.is_Symbol else None
                because = f" ({size} = {wanted} from {source})" if source else ""
                expected = f"{size} = {wanted}" if size.free_symbols else f"was declared {wanted}"
                raise SizeError(f"{name}: axis {axis} has length {number}, but {expected}{because}")

    def _solve(self, size: Size, number: int, origin: str) -> None:
        """Learn the one unknown symbol of a size such as n - k + 1, where it is affine in it."""
        missing = [s for s in size.free_symbols if s not in self.values]
        if len(missing) != 1:
            return
        (symbol,) = missing
        gap = self.substitute(size) - number
        slope = sympy.diff(gap, symbol)
        if not slope.is_Integer or slope == 0:
            return
        value = -gap.subs(symbol, 0) / slope
        if value.is_Integer and value >= 1:
            self.values[symbol] = int(value)
            self.origin[symbol] = origin

    def number(self, size: Size, default: int | None = -1) -> int | None:
        """The number that a size stands for; `default=None` gives None where it is not known yet."""
        if size.is_Integer:
            return int(size)
        missing = [s for s in size.free_symbols if s not in self.values]
        if missing:
            if default is None:
                return None
            raise self._unbound(missing)
        return int(self.substitute(size))

    def _unbound(self, missing: Iterable[sympy.Symbol]) -> SizeError:
        names = ", ".join(sorted(str(s) for s in missing))
        return SizeError(f"size {names} is not bound: give an array that has it, or {names}=…")

    def coefficient(self, value: Coefficient) -> Coefficient:
        """The value of a coefficient; a `SizeError` naming the sizes in it that no number is known for."""
        found = self.substitute(value)
        if not found.is_Number and found.free_symbols:
            raise self._unbound(found.free_symbols)
        return found

    def substitute(self, value: Coefficient) -> Coefficient:
        """The value with numbers for the sizes in it."""
        if value.is_Number:
            return value
        if value.is_Symbol:
            return sympy.Integer(self.values[value]) if value in self.values else value
        return _substituted(value, tuple(self.values.items()))

    def shape(self, shape: Shape) -> tuple[int, ...]:
        """The shape in numbers; every size is at least 1."""
        return tuple(self._length(s) for s in shape)

    def _length(self, size: Size) -> int:
        number = int(self.number(size) or 0)
        if number < 1:
            known = ", ".join(f"{s} = {self.values[s]}" for s in sorted(size.free_symbols, key=str))
            raise SizeError(f"the size {size} is {number} for {known}, and sizes are at least 1")
        return number


class _CallableModule(ModuleType):
    """`derive.sizes("n d")` works whether the name means the function or, once imported, this module."""

    def __call__(self, names: str) -> Any:
        return sizes(names)


sys.modules[__name__].__class__ = _CallableModule
