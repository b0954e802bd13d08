"""Display trees spelled in the text language; parsing the result gives the expression back."""

from __future__ import annotations

from typing import final

from .costs import (
    ATOM,
    POWER,
    below,
    quotient,
    same_axes,
    setting,
    spread_key,
    stands_bare,
    starts_negative,
    sum_setting,
    summed_axes,
)
from .numerals import in_product, number_text
from .tree import Tree


def write(t: Tree) -> str:
    """The tree in the text language."""
    return _Writer().write(t)


def _sizes(t: Tree) -> str:
    return ", ".join(number_text(s) for s in t.data)


@final
class _Writer:
    """One text; a part that occurs many times is spelled once."""

    def __init__(self) -> None:
        self.known: dict[Tree, str] = {}

    def write(self, t: Tree) -> str:
        found = self.known.get(t)
        if found is None:
            found = self.known[t] = self.spelled(t)
        return found

    def wrap(self, t: Tree, level: int) -> str:
        text = self.write(t)
        return f"({text})" if t.level < level else text

    def spelled(self, t: Tree) -> str:
        args = t.args
        if t.op == "var":
            return str(t.data)
        if t.op == "entry":  # of blocks; for reading only
            name, key = t.data
            return f"{name}[{', '.join(key)}]"
        if t.op == "num":
            return number_text(t.data)
        if t.op in ("ones", "zeros"):
            return f"{t.op}({_sizes(t)})"
        if t.op == "eye":
            return f"eye({number_text(t.data[0])})"
        if t.op == "zero":
            return "0"
        if t.op == "T":
            return self.wrap(args[0], ATOM) + ".T"
        if t.op == "chain":
            return " @ ".join(self.wrap(a, POWER) for a in args)
        if t.op == "sum":
            text = self.write(args[0])
            for a in args[1:]:
                piece = self.write(a)
                text += " - " + piece[1:] if starts_negative(a) else " + " + piece
            return text
        if t.op == "mul":
            return self.product(t)
        if t.op == "pow":
            return f"{self.wrap(args[0], ATOM)} ** {self.wrap(args[1], POWER)}"
        if t.op in ("outer", "diag"):
            return f"{t.op}({', '.join(self.write(a) for a in args)})"
        if t.op == "spread":
            key = spread_key(t.data)
            return f"{self.wrap(args[0], ATOM)}[{key}]" if key else self.write(args[0])
        if t.op == "diagonal":
            return f"diag({self.write(args[0])})"
        if t.op == "call":
            name, settings = t.data
            words = [self.write(a) for a in args]
            for key, value in settings:
                words.append(setting(key, value))
            return f"{name}({', '.join(words)})"
        if t.op == "index":
            return f"{self.wrap(args[0], ATOM)}[{t.data}]"
        if t.op == "compare":
            return f"{self.write(args[0])} {t.data} {self.write(args[1])}"
        if t.op == "einsum" and same_axes(t):
            return " * ".join(self.wrap(a, POWER) for a in args)
        if t.op == "einsum" and (axes := summed_axes(t)) is not None:
            inside = self.write(args[0])
            return f"sum({inside}{sum_setting(t, axes)})" if axes else inside
        if t.op == "einsum":
            return f'einsum("{t.data}", {", ".join(self.write(a) for a in args)})'
        raise AssertionError(f"no text for a tree of kind {t.op}")

    def product(self, t: Tree) -> str:
        coefficient, split = t.data
        nums, dens = t.args[:split], t.args[split:]
        minus, p, q = quotient(coefficient)
        words = [in_product(p)] if p != 1 or not nums else []
        words += [self.write(a) if stands_bare(a, nums) else f"({self.write(a)})" for a in nums]
        text = ("-" if minus else "") + " * ".join(words)
        under = below(q) + [self.wrap(a, POWER) for a in dens]
        if len(under) > 1:
            return f"{text} / ({' * '.join(under)})"
        return f"{text} / {under[0]}" if under else text
