"""The text of numbers in generated source: sizes, coefficients and constant powers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import final

import sympy
from sympy.printing.codeprinter import PrintMethodNotImplementedError
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pycode import PythonCodePrinter

from ..errors import UnsupportedError
from ..sizes import Size


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Python's text, with whole-number division for rounded quotients: floats would round them twice."""

    def _print_floor(self, expr: sympy.floor) -> str:
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        return f"(({self._print(top)}) // ({self._print(bottom)}))"

    def _print_ceiling(self, expr: sympy.ceiling) -> str:
        top, bottom = sympy.fraction(sympy.together(expr.args[0]))
        return f"(-((-({self._print(top)})) // ({self._print(bottom)})))"


@final
class _Coefficients(_Printer):
    """Powers in floating point: compiled, a whole number to the power −n is 0, and a high power overflows."""

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        base, exponent = expr.args
        if exponent in (-1, sympy.S.Half, -sympy.S.Half):  # a quotient, a square root
            return str(super()._print_Pow(expr, rational))
        text = f"({float(base)!r})" if base.is_number else f"float({self._print(base)})"
        return f"{text}**{self.parenthesize(exponent, PRECEDENCE['Pow'])}"

    def _print_Function(self, expr: sympy.Function) -> str:
        """A function of numbers alone is a number: ψ(2) has no name in Python."""
        return str(super()._print_Function(expr)) if expr.free_symbols else repr(float(expr))


_printer = _Printer({"fully_qualified_modules": True})
_coefficients = _Coefficients({"fully_qualified_modules": True})


_POWER = re.compile(r"\b(\w+)\*\*(\d+)\b")


@final
class Sizes:
    """Names `n0`, `n1`, … for the symbolic sizes; users' names never reach the source."""

    def __init__(self, symbols: Iterable[sympy.Symbol]) -> None:
        self.names = {s: f"n{k}" for k, s in enumerate(sorted(symbols, key=lambda s: s.name))}
        self._texts: dict[Size, str] = {}
        self._own = {s: sympy.Symbol(name, integer=True, positive=True) for s, name in self.names.items()}

    def text(self, value: sympy.Expr) -> str:
        """Any formula over sizes."""
        return str(_printer.doprint(value.xreplace(self._own)))

    def real(self, value: sympy.Expr) -> str:
        """Any formula over sizes, as a coefficient."""
        try:
            return str(_coefficients.doprint(value.xreplace(self._own)))
        except PrintMethodNotImplementedError:
            raise UnsupportedError(
                f"the coefficient {value} has no compiled form; use backend='numpy'"
            ) from None

    def integer(self, value: Size) -> str:
        """A whole number over sizes."""
        if value.is_Integer:
            return str(int(value))
        if value not in self._texts:
            text = self.text(sympy.expand(value))
            if (
                "/" not in text
            ):  # a power of whole numbers is a loop of numba's, compiled anew for every kernel
                text = _POWER.sub(lambda m: "*".join([m[1]] * int(m[2])), text)
            self._texts[value] = f"int({text})" if "/" in text.replace("//", "") else text
        return self._texts[value]


def coefficient(value: sympy.Expr, sizes: Sizes) -> str:
    """A coefficient as a scalar expression, in parentheses where it is compound."""
    if not value.free_symbols:
        text = repr(float(value))
        return f"({text})" if text.startswith("-") else text
    return f"({sizes.real(value)})"


def power_text(x: str, exponent: sympy.Expr) -> str:
    """x to a constant power, by multiplications and square roots where that is exact."""
    doubled = 2 * exponent
    if doubled.is_Integer and 0 < abs(doubled) <= 12:
        whole, half = divmod(abs(int(doubled)), 2)
        base = x if x.startswith("{") else f"({x})"
        factors = [base] * whole + ([f"sqrt({x})"] if half else [])
        product = " * ".join(factors)
        return f"1.0 / ({product})" if doubled < 0 else f"({product})"
    if exponent.is_Integer:
        return f"({x}) ** {float(exponent)!r}"
    return f"({x}) ** ({float(exponent)!r})"
