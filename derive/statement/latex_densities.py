"""`\\mathcal N(x \\mid \\mu, \\Sigma)`, the normal density of a number or of a column; and `x!`.

N(x | μ, s)  =  exp(−((x − μ)²/s + log(2πs))/2)
N(x | μ, Σ)  =  exp(−((x − μ)ᵀ Σ⁻¹ (x − μ) + log det Σ + d log(2π))/2)
"""

from __future__ import annotations

import sympy

from ..build import number
from ..errors import SizeError
from . import latex_functions as lf
from . import latex_values as lv
from .latex_names import Name
from .latex_tokens import Token
from .latex_tree import Called, Tree
from .latex_values import Value

_STYLES = frozenset({"mathcal", "mathscr"})


def begins(style: Token, letter: Tree) -> bool:
    """Whether a letter with its style is the name of the normal density."""
    return style.value in _STYLES and letter.kind == "name" and letter.data == Name("N")


def separator(tokens: list[Token], start: int) -> int | None:
    """Where x ends in `(x \\mid μ, Σ)`, `(x | μ, Σ)`, `(x; μ, Σ)`; None where no such arguments begin at `start`."""
    if start >= len(tokens) or tokens[start].kind != "open":
        return None
    depth, found = 0, dict[str, list[int]]()
    for k in range(start, len(tokens)):
        token = tokens[k]
        depth += {"open": 1, "{": 1, "close": -1, "}": -1}.get(token.kind, 0)
        if depth == 0:
            break
        if depth == 1:
            plain = token.kind == "bar" and token.value == "|" and not token.side
            sign = "|" if plain else token.value
            if plain or token.kind == ";" or (token.kind, sign) == ("command", "mid"):
                found.setdefault(sign, []).append(k)
    for sign in ("mid", ";", "|"):
        if len(found.get(sign, ())) == 1:
            return found[sign][0]
    return None


def normal(x: Value, mean: Value, spread: Value) -> Value:
    """The density. Not the product of its parts: det Σ of many unknowns is too large or too small for a number."""
    apart = lv.add([(1, x), (-1, mean)])
    two_pi = lf.call(Called("log"), [_constant(2 * sympy.pi)], ["2\\pi"])
    if x.kind == "scalar" and spread.kind == "scalar":
        square = lv.product(lv.product(apart, apart), lv.reciprocal(spread))
        size = lf.call(Called("log"), [lv.product(_constant(2 * sympy.pi), spread)], ["2\\pi s"])
        inside = lv.add([(1, square), (1, size)])
    elif x.kind == "column" and spread.kind == "matrix":
        d = x.core[0]
        (spread,) = lv.unify([(d, size) for size in spread.core], "the covariance", spread)
        square = lv.chain([lv.transposed(apart), lf.inverse(spread), apart])
        size = lf.call(Called("logdet"), [spread], ["\\Sigma"])
        inside = lv.add([(1, square), (1, size), (1, lv.product(_constant(d), two_pi))])
    else:
        raise SizeError(
            f"the normal density of {x.shown} with {spread.shown}: a number has a variance, a column a covariance "
            "matrix, such as \\sigma^2 I"
        )
    half = lv.product(_constant(sympy.Rational(-1, 2)), inside)
    return lf.call(Called("exp"), [half], ["…"])


def factorial(value: Value) -> Value:
    """x! = Γ(x + 1), of a number or of every entry of a column."""
    if value.kind not in ("scalar", "column"):
        raise SizeError(f"the factorial of {value.shown}")
    return lf.call(Called("gamma"), [lv.add([(1, value), (1, _one_like(value))])], ["x + 1"])


def _constant(value: sympy.Expr) -> Value:
    return Value(number(value), "scalar")


def _one_like(value: Value) -> Value:
    return _constant(sympy.S.One) if value.kind == "scalar" else lv.ones_vector(value.core[0])
