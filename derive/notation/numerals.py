"""Numbers and size expressions in the text language, and how many tokens they take."""

from __future__ import annotations

import re
from functools import lru_cache, reduce

import sympy
from sympy.printing.latex import LatexPrinter

from ..errors import UnsupportedError
from ..operators.scalar import ENTRYWISE
from ..sizes import is_negative
from .names import latex_name

_TOKEN = re.compile(r"\.T\b|\*\*|[A-Za-z_]\w*|\d+\.?\d*(?:e-?\d+)?|\S")
#: What the language calls the functions of SymPy that coefficients can hold.
_FUNCTIONS = {
    **{function.__name__: name for function, name in ENTRYWISE.items()},
    **{name: name for name in "digamma ceiling floor arctan".split()},
}


class arctan(sympy.Function):  # type: ignore[misc]
    """arctan as it is written, never worked out; see `without_pi`."""

    is_real = True
    is_positive = True
    nargs = 1

    def _eval_evalf(self, precision: int) -> sympy.Expr:
        return sympy.atan(self.args[0])._eval_evalf(precision)


_UPRIGHT_PI = sympy.Dummy("pi", positive=True)


def without_pi(value: sympy.Expr) -> sympy.Expr:
    """π as 4 arctan(1), for expressions in which `pi` is the name of a variable or size."""
    return value.subs(sympy.pi, 4 * arctan(sympy.S.One)) if value.has(sympy.pi) else value


def latex_number(value: sympy.Expr) -> str:
    """A coefficient in LaTeX; π upright where `pi` is the name of a variable or size."""
    if value.has(arctan):
        value = value.subs(arctan(sympy.S.One), _UPRIGHT_PI / 4)
    value = factored(value)
    names = {s: latex_name(s.name) for s in value.free_symbols - {_UPRIGHT_PI}}
    if value.is_Mul:
        value = sympy.Mul(*factors(value), evaluate=False)
    settings = {"symbol_names": {**names, _UPRIGHT_PI: "\\mathrm{\\pi}"}, "fold_frac_powers": True}
    return str(_Printer(settings).doprint(value))


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX with brackets as the other functions have them."""

    def _print_log(self, value: sympy.Expr, exp: str | None = None) -> str:
        inside = self._print(value.args[0])
        bracket = f"\\left({inside}\\right)" if "\\frac" in inside else f"({inside})"
        return f"\\log{bracket}" if exp is None else f"\\log{bracket}^{{{exp}}}"


@lru_cache(maxsize=4096)
def factored(value: sympy.Expr) -> sympy.Expr:
    """n² − 2n + 1 -> (n − 1)²: the sums in a coefficient as products, where that is shorter."""
    if value.is_Pow and value.exp.is_Integer:
        return factored(value.base) ** value.exp
    if value.is_Mul:
        return sympy.Mul(*map(factored, value.args))
    if not value.is_Add or value.is_number or not value.is_polynomial():
        return value
    found = sympy.factor(value)
    return found if _length(found) <= _length(value) else value


def _length(value: sympy.Expr) -> int:
    """Tokens of a polynomial: its names, numbers, and what stands between."""
    if not value.args:
        return 1
    brackets = 0 if value.is_Add else 2 * sum(1 for a in value.args if a.is_Add)
    return sum(map(_length, value.args)) + len(value.args) - 1 + brackets


def factors(value: sympy.Expr) -> list[sympy.Expr]:
    """The factors of a product, powers with one exponent as one: (2π)^(d/2), not 2^(d/2) π^(d/2)."""
    by_exponent: dict[sympy.Expr, list[sympy.Expr]] = {}
    found: list[sympy.Expr] = []
    for f in sympy.Mul.make_args(value):
        if f.is_Pow and not f.exp.is_number:
            by_exponent.setdefault(f.exp, []).append(f.base)
        else:
            found.append(f)
    powers = [sympy.Pow(sympy.Mul(*bases), k, evaluate=False) for k, bases in by_exponent.items()]
    return [*found, *powers]


def count(text: str) -> int:
    """The number of tokens: names, numbers, `.T`, `**`, and single marks."""
    return len(_TOKEN.findall(text))


@lru_cache(maxsize=4096)
def number_text(value: sympy.Expr) -> str:
    """A coefficient in the text language."""
    if value.is_Rational and not value.is_Integer:
        return f"{value.p} / {value.q}"
    if value.is_Integer or value.is_Symbol:  # SymPy's printer takes its time
        return str(int(value) if value.is_Integer else value.name)
    if value is sympy.pi:
        return "pi"
    if value is sympy.E:
        return "exp(1)"
    value = factored(value)
    if value.is_Add:
        text = ""
        for k, a in enumerate(value.as_ordered_terms()):
            negative = is_negative(a)
            text += ("-" if negative and not k else " - " if negative else " + " if k else "") + number_text(
                -a if negative else a
            )
        return text
    if value.is_Mul:
        p, q = sympy.fraction(value)
        if is_negative(p):
            return "-" + in_product(-value)
        if p != 1 or q != 1:
            top = " * ".join(in_product(f) for f in factors(p))
            return top if q == 1 else f"{top} / {divisor(q)}"
    if value.is_Pow:
        if value.exp == sympy.S.Half:
            return f"sqrt({number_text(value.base)})"
        if is_negative(value.exp):
            return f"1 / {divisor(1 / value)}"
        return f"{in_power(value.base)} ** {in_power(value.exp)}"
    if isinstance(value, sympy.Max | sympy.Min):
        texts = sorted(number_text(a) for a in value.args)
        return reduce(lambda a, b: f"{ENTRYWISE[value.func]}({a}, {b})", texts)
    if isinstance(value, sympy.Function) and type(value).__name__ in _FUNCTIONS:
        return f"{_FUNCTIONS[type(value).__name__]}({', '.join(number_text(a) for a in value.args)})"
    if isinstance(value, sympy.polygamma):
        return f"polygamma({', '.join(number_text(a) for a in value.args)})"
    raise UnsupportedError(f"the constant {value} has no form in the text language")


def in_product(value: sympy.Expr) -> str:
    """A factor in front of others."""
    text = number_text(value)
    return f"({text})" if value.is_Add else text


def divisor(value: sympy.Expr) -> str:
    """What stands behind a slash."""
    text = number_text(value)
    if value.is_Pow and not is_negative(value.exp):
        return text
    return f"({text})" if value.is_Add or value.is_Mul or " / " in text or text.startswith("-") else text


def in_power(value: sympy.Expr) -> str:
    """A base or an exponent."""
    return number_text(value) if is_atomic(value) else f"({number_text(value)})"


def is_atomic(value: sympy.Expr) -> bool:
    """Whether the number is written as one name, whole number or function call."""
    return bool(
        (value.is_Integer and value >= 0)
        or value.is_Symbol
        or isinstance(value, sympy.Function | sympy.Max | sympy.Min)
        or value in (sympy.pi, sympy.E)
        or (value.is_Pow and value.exp == sympy.S.Half)
    )


@lru_cache(maxsize=4096)
def number_cost(value: sympy.Expr) -> int:
    """Tokens of a coefficient written out."""
    return count(number_text(value))
