"""Display trees spelled in the text language; parsing the result gives the expression back."""

from __future__ import annotations

from .costs import ATOM, POWER, below, quotient, setting, spread_key, stands_bare, starts_negative
from .numerals import in_product, number_text
from .tree import Tree


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
            text += " - " + piece[1:] if starts_negative(a) else " + " + piece
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
            words.append(setting(key, value))
        return f"{name}({', '.join(words)})"
    if t.op == "index":
        return f"{_wrap(args[0], ATOM)}[{t.data}]"
    if t.op == "einsum":
        return f'einsum("{t.data}", {", ".join(write(a) for a in args)})'
    raise AssertionError(f"no text for a tree of kind {t.op}")


def _product(t: Tree) -> str:
    coefficient, split = t.data
    nums, dens = t.args[:split], t.args[split:]
    minus, p, q = quotient(coefficient)
    words = [in_product(p)] if p != 1 or not nums else []
    words += [write(a) if stands_bare(a, nums) else f"({write(a)})" for a in nums]
    text = ("-" if minus else "") + " * ".join(words)
    under = below(q) + [_wrap(a, POWER) for a in dens]
    if len(under) > 1:
        return f"{text} / ({' * '.join(under)})"
    return f"{text} / {under[0]}" if under else text
