"""Index notation: every axis named, every sum written out, for results of any order.

`H_{ijkl} = \\delta_{ik} (X^\\top X)_{jl}`: parts of at most two axes stay in matrix notation and carry
their indices behind them; the matrices of a batch carry theirs as a subscript, as in `\\Sigma_k^{-1}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import sympy

from ..sizes import ONE, is_negative
from .chains import chain
from .index_functions import REDUCTIONS, Functions, entrywise, needed, side_by_side
from .names import latex_name
from .numerals import latex_number, number_text
from .tree import Tree, make, names_in, parts

FREE = "ijklpqrs"
BOUND = "mnhuvwtabcdefg"


def letters(order: int) -> list[str]:
    """The indices of the axes of a result."""
    return list(FREE[:order])


def latex(t: Tree) -> str:
    """The tree in index notation, LaTeX; free indices are i, j, k, … in the order of the axes."""
    return _Writer(False, t).write(t, letters(t.order), True)


def plain(t: Tree) -> str:
    """The tree in index notation as plain text."""
    return _Writer(True, t).write(t, letters(t.order), True)


_Factors = tuple[sympy.Expr, list[str], list[str], list[str], list[str]]


@final
class _Writer(Functions):
    """One rendering; `used` counts the summation indices taken so far."""

    def __init__(self, plain: bool, root: Tree) -> None:
        self.plain = plain
        self.used = 0
        taken = names_in(root)
        self.bound = [c for c in BOUND if c not in taken]  # Σ_h … / m, where m is a size

    def fresh(self) -> str:
        """A summation index not in use."""
        self.used += 1
        return self.bound[self.used - 1] if self.used <= len(self.bound) else f"m{self.used}"

    def matrix(self, t: Tree) -> str:
        """A part in matrix notation."""
        if self.plain:
            from .text import write

            return write(t)
        from .latex import latex as write_latex

        return latex_name(t.data) if t.op == "var" else write_latex(t)

    def number(self, value: sympy.Expr) -> str:
        if self.plain:
            return number_text(value).replace(" ** ", "**")
        return latex_number(value)

    def bracket(self, text: str) -> str:
        tall = not self.plain and ("\\frac" in text or "\\sum" in text)
        return f"\\left({text}\\right)" if tall else f"({text})"

    def subscripted(self, t: Tree, indices: Sequence[str]) -> str:
        """A part in matrix notation, with its indices."""
        text = self.matrix(t)
        if self.plain:
            plain_call = t.op == "call" and t.data[0] not in REDUCTIONS
            return f"{text if t.op == 'var' or plain_call else f'({text})'}[{','.join(indices)}]"
        if t.op == "var" and "_" in text:  # W_{1} with indices: W_{1,ij}
            head, inside = text.split("_", 1)
            return f"{head}_{{{inside.strip('{}')},{side_by_side(indices)}}}"
        if t.op != "var":
            text = f"({text})"
        return f"{text}_{{{side_by_side(indices)}}}"

    # ---------------------------------------------------------------- one entry

    def write(self, t: Tree, indices: list[str], top: bool = False) -> str:
        """The entry of the tree at the indices."""
        if t.op == "sum":
            return self.sum(t, indices, top)
        if t.op == "num":
            text = self.number(t.data)
            return text if t.level >= 3 or top else self.bracket(text)
        if _is_product(t):
            return self.product(t, indices)
        if t.op == "eye":
            i, j = indices
            return f"δ[{i},{j}]" if self.plain else f"\\delta_{{{i} {j}}}"
        if t.op == "ones":
            return "1"
        if t.op in ("zeros", "zero"):
            return "0"
        if t.op == "einsum":
            return self.einsum(t, indices)
        if t.op == "pow":
            return self.power(t, indices)
        of_name = t.op == "call" and len(t.args) == 1 and t.args[0].op == "var"
        if of_name and t.args[0].order == t.order > 0 and entrywise(t.data[0]):
            return f"{self.head(t.data[0], [])}({self.write(t.args[0], indices)})"  # entry by entry
        if not needed(t) and not _is_sum(t):
            if t.order:
                return self.subscripted(t, indices)
            text = self.matrix(t)
            return text if t.level >= 3 or top else self.bracket(text)
        return self.compound(t, indices)

    def compound(self, t: Tree, indices: list[str]) -> str:
        """A part that matrix notation does not reach, taken apart."""
        args = t.args
        match t.op:
            case "diag":
                i, j = indices
                return f"{self.write(make_eye(), [i, j])} {self.write(args[0], [i])}"
            case "diagonal":
                return self.write(args[0], [indices[0], indices[0]])
            case "chain":
                return self.chain(args, indices)
            case "call":
                return self.call(t, indices)
            case "index" if "None" in t.data:
                return self.write(
                    args[0], [i for i, e in zip(indices, t.data.split(", "), strict=True) if e != "None"]
                )
            case "index":
                behind = f"[{','.join(indices)}]" if self.plain else f"_{{{' '.join(indices)}}}"
                part = f"{self.array(args[0])}[{t.data}]"
                return (part if self.plain else f"({part})") + behind
        return self.subscripted(t, indices)

    def sum(self, t: Tree, indices: list[str], top: bool) -> str:
        text = ""
        start = self.used
        for k, a in enumerate(t.args):
            self.used = start  # every term may use the same summation indices
            piece = self.write(a, indices if a.order else [], top=a.op == "num")
            if piece.startswith("-"):
                text += f" - {piece[1:].lstrip()}" if k else piece
            else:
                text += f" + {piece}" if k else piece
        return text if top else self.bracket(text)

    def chain(self, factors: Sequence[Tree], indices: list[str]) -> str:
        free = list(indices)
        left = free.pop(0) if factors[0].order == 2 else None
        words: list[str] = []
        summed: list[str] = []
        for k, f in enumerate(factors):
            last = k == len(factors) - 1
            if f.order == 1 and not last:
                left = self.fresh()
                summed.append(left)
                words.append(self.write(f, [left]))
            elif f.order == 1:
                words.append(self.write(f, [str(left)]))
            else:
                right = free.pop(0) if last else self.fresh()
                if not last:
                    summed.append(right)
                words.append(self.write(f, [str(left), right]))
                left = right
        return f"{self.sigma(summed)} {' '.join(words)}"

    def sigma(self, summed: Sequence[str]) -> str:
        return f"Σ_{{{','.join(summed)}}}" if self.plain else f"\\sum_{{{', '.join(summed)}}}"

    def power(self, t: Tree, indices: list[str]) -> str:
        base = self.base(t.args[0], indices)
        exponent = t.args[1]
        text = self.write(exponent, indices if exponent.order else [], True)
        if not self.plain:
            return f"{base}^{{{text}}}"
        return f"{base}**{text if exponent.level >= 4 else f'({text})'}"

    def base(self, t: Tree, indices: list[str]) -> str:
        """What a power is taken of."""
        text = self.write(t, indices)
        return self.bracket(text) if t.op in ("einsum", "chain", "mul", "pow", "outer") else text

    def product(self, t: Tree, indices: list[str]) -> str:
        """An entry of a product, or of what is one entry by entry: A_ij u_i v_j for diag(u) A diag(v)."""
        coefficient, scalars, words, sums, under = self.factors(t, indices)
        p, q = sympy.fraction(coefficient)
        sign = "-" if is_negative(p) else ""
        return sign + self.quotient(-p if sign else p, q, scalars, words + sums, under)

    def factors(self, t: Tree, indices: list[str]) -> _Factors:
        """Coefficient, scalar names, factors, sums that stand behind them, and divisors."""
        scalars, words, sums, under = list[str](), list[str](), list[str](), list[str]()
        coefficient, inner = ONE, list[tuple[Tree, list[str]]]()
        match t.op:
            case "mul":
                coefficient, nums, dens = parts(t)
                inner = [(a, indices if a.order else []) for a in nums]
                alone = not self.plain and len(dens) == 1 and sympy.fraction(coefficient)[1] == ONE
                under = [self.write(a, indices if a.order else [], alone) for a in dens]
            case "outer":
                inner = [(t.args[0], indices[:1]), (t.args[1], indices[1:])]
            case "T":
                inner = [(t.args[0], indices[::-1])]
            case "spread":
                inner = [(t.args[0], [i for i, keep in zip(indices, t.data, strict=True) if keep])]
            case "chain" if t.order == 2 and (ends := [k for k in (0, -1) if t.args[k].op == "diag"]):
                rest = t.args[len(ends) and ends[0] == 0 : len(t.args) - (-1 in ends)]
                inner = [(chain(*rest), indices), *((t.args[k].args[0], [indices[k]]) for k in ends)]
            case _ if _all_ones(t):
                pass
            case "einsum" | "chain":
                sums = [self.write(t, indices)]
            case _ if _is_sum(t):
                sums = [self.write(t, indices)]
            case "var" if not t.order:
                scalars = [self.write(t, indices)]
            case _:
                words = [self.write(t, indices)]
        for a, at in inner:
            c, own, *lists = self.factors(a, at)
            coefficient = coefficient * c
            scalars += own
            for into, more in zip((words, sums, under), lists, strict=True):
                into += more
        return coefficient, scalars, words, sums, under

    def quotient(
        self, p: sympy.Expr, q: sympy.Expr, scalars: list[str], words: list[str], under: list[str]
    ) -> str:
        """Factors over divisors, numbers before either."""
        top = [self.number(p)] if p != ONE else []
        bottom = ([self.number(q)] if q != ONE else []) + under
        if self.plain:
            divisor = " ".join(bottom)
            text = " ".join([*top, *scalars, *words]) or "1"
            several = len(bottom) > 1 or (not under and " " in divisor)  # a sum has its own parentheses
            return text + (f" / ({divisor})" if several else f" / {divisor}" if bottom else "")
        front = top + scalars
        if bottom:
            above = _without_brackets(front[0]) if len(front) == 1 else " ".join(front) or "1"
            front = [f"\\frac{{{above}}}{{{' '.join(bottom)}}}"]
        return " ".join([*front, *words]) or "1"

    def einsum(self, t: Tree, indices: list[str]) -> str:
        inputs, output = t.data.split("->")
        names = dict(zip(output, indices, strict=True))
        specs = inputs.split(",")
        real = [(a, s) for a, s in zip(t.args, specs, strict=True) if a.op != "ones"]
        used = {c for _, s in real for c in s}
        summed = [c for c in dict.fromkeys("".join(specs)) if c not in names]
        for c in summed:
            names[c] = self.fresh()
        product: _Factors = ONE, [], [], [], []
        for a, spec in real:
            c, *lists = self.factors(a, [names[i] for i in spec])
            product = (product[0] * c, *(x + y for x, y in zip(product[1:], lists, strict=True)))
        coefficient, scalars, words, sums, under = product
        shown = [names[c] for c in summed if c in used]
        p, q = sympy.fraction(coefficient)
        sign = "-" if is_negative(p) else ""
        if self.plain or sums or not under:
            body = self.quotient(-p if sign else p, q, scalars, words + sums, under)
        else:  # all over the divisors: Σ r² / l²
            body = self.quotient(-p if sign else p, q, scalars + words, [], under)
        return f"{sign}{self.sigma(shown)} {body}" if shown else sign + body


def _without_brackets(text: str) -> str:
    """A text without brackets around the whole of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth and k < len(text) - 1:
            return text
    return text[1:-1]


def _is_product(t: Tree) -> bool:
    """Whether an entry is a product of entries."""
    if t.op == "chain":
        return t.order == 2 and "diag" in (t.args[0].op, t.args[-1].op)
    return t.op in ("mul", "outer", "T", "spread")


def _is_sum(t: Tree) -> bool:
    """Whether an entry is a sum along an axis."""
    return t.op == "call" and t.data[0] == "sum" and t.order > 0


def _all_ones(t: Tree) -> bool:
    """Whether every entry is 1, which a product need not say."""
    return t.op == "ones" or (t.op in ("outer", "spread", "T") and all(map(_all_ones, t.args)))


def make_eye() -> Tree:
    """An identity whose size does not show."""
    return make("eye", data=(ONE,), order=2)


__all__ = ["BOUND", "FREE", "latex", "letters", "needed", "plain"]
