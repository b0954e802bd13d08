"""Display trees spelled in the text language; parsing the result gives the expression back."""

from __future__ import annotations

import sympy

from .tree import ATOM, POWER, Tree, _negative, parts, spread_key, stands_bare


def number_text(value: sympy.Expr) -> str:
    """A coefficient in the text language."""
    if value.is_Rational and not value.is_Integer:
        return f"{value.p} / {value.q}"
    if value.is_Integer or value.is_Symbol:
        return str(value)
    if value is sympy.pi:
        return "pi"
    if value is sympy.E:
        return "exp(1)"
    if value.is_Add:
        text = ""
        for k, a in enumerate(value.as_ordered_terms()):
            negative = _negative(a)
            text += ("-" if negative and not k else " - " if negative else " + " if k else "") + number_text(
                -a if negative else a
            )
        return text
    if value.is_Mul:
        p, q = sympy.fraction(value)
        if _negative(p):
            return "-" + number_text(-value)
        factors = sympy.Mul.make_args(p)
        top = " * ".join(_in_product(f) for f in factors)
        if q == 1:
            return top
        under = _in_product(q) if not q.is_Mul else "(" + number_text(q) + ")"
        return f"{top} / {under}"
    if value.is_Pow:
        if value.exp == sympy.S.Half:
            return f"sqrt({number_text(value.base)})"
        if value.exp.is_negative:
            return f"1 / {_in_power(1 / value)}"
        return f"{_in_power(value.base)} ** {_in_power(value.exp)}"
    if isinstance(value, sympy.exp):
        return f"exp({number_text(value.args[0])})"
    if isinstance(value, sympy.Function):
        names = {"loggamma": "lgamma", "Abs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
        name = type(value).__name__
        return f"{names.get(name, name)}({', '.join(number_text(a) for a in value.args)})"
    return str(value)


def _in_product(value: sympy.Expr) -> str:
    text = number_text(value)
    return f"({text})" if value.is_Add else text


def _in_power(value: sympy.Expr) -> str:
    text = number_text(value)
    atomic = (value.is_Integer and value >= 0) or value.is_Symbol or isinstance(value, sympy.Function)
    return text if atomic or text.startswith("sqrt(") else f"({text})"


def _wrap(t: Tree, level: int) -> str:
    text = write(t)
    return f"({text})" if t.level < level else text


def _sizes(t: Tree) -> str:
    return ", ".join(number_text(s) for s in t.data)


def write(t: Tree) -> str:
    """The tree in the text language."""
    args = t.args
    if t.op == "var":
        return str(t.data)
    if t.op == "num":
        return number_text(t.data)
    if t.op in ("ones", "zeros"):
        return f"{t.op}({_sizes(t)})"
    if t.op == "eye":
        return f"eye({number_text(t.data[0])})"
    if t.op == "zero":
        return "0"
    if t.op == "T":
        return _wrap(args[0], ATOM) + ".T"
    if t.op == "chain":
        return " @ ".join(_wrap(a, POWER) for a in args)
    if t.op == "sum":
        text = write(args[0])
        for a in args[1:]:
            piece = write(a)
            text += " - " + piece[1:] if _negative(parts(a)[0]) and piece.startswith("-") else " + " + piece
        return text
    if t.op == "mul":
        return _product(t)
    if t.op == "pow":
        return f"{_wrap(args[0], ATOM)} ** {_wrap(args[1], POWER)}"
    if t.op in ("outer", "diag"):
        return f"{t.op}({', '.join(write(a) for a in args)})"
    if t.op == "spread":
        key = spread_key(t.data)
        return f"{_wrap(args[0], ATOM)}[{key}]" if key else write(args[0])
    if t.op == "diagonal":
        return f"diag({write(args[0])})"
    if t.op == "call":
        name, settings = t.data
        words = [write(a) for a in args]
        for key, value in settings:
            words.append(f"{key}={value}" if key else str(value))
        return f"{name}({', '.join(words)})"
    if t.op == "index":
        return f"{_wrap(args[0], ATOM)}[{t.data}]"
    if t.op == "einsum":
        return f'einsum("{t.data}", {", ".join(write(a) for a in args)})'
    raise AssertionError(f"no text for a tree of kind {t.op}")


def _product(t: Tree) -> str:
    coefficient, split = t.data
    nums, dens = t.args[:split], t.args[split:]
    p, q = sympy.fraction(coefficient)
    sign = "-" if _negative(p) else ""
    p = -p if sign else p
    words = [_in_product(p)] if p != 1 or not nums else []
    for a in nums:
        bare = stands_bare(a, nums)
        words.append(write(a) if bare else f"({write(a)})")
    text = " * ".join(words)
    under = (
        [_in_product(q)]
        if q != 1 and not q.is_Mul
        else [number_text(f) for f in sympy.Mul.make_args(q)]
        if q != 1
        else []
    )
    under += [_wrap(a, POWER) for a in dens]
    if len(under) == 1:
        text += f" / {under[0]}"
    elif under:
        text += f" / ({' * '.join(under)})"
    return sign + text
