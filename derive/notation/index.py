"""Index notation: every axis named, every sum written out, for results of any order.

`H_{ijkl} = \\delta_{ik} (X^\\top X)_{jl}`: parts of at most two axes stay in matrix notation and carry
their indices behind them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..sizes import ONE
from .tree import Tree, _negative, parts

FREE = "ijklpqrs"
BOUND = "mnhuvwtabcdefg"


def latex(t: Tree) -> str:
    """The tree in index notation, LaTeX; free indices are i, j, k, … in the order of the axes."""
    return _Writer(plain=False).write(t, list(FREE[: t.order]), True)


def plain(t: Tree) -> str:
    """The tree in index notation as plain text."""
    return _Writer(plain=True).write(t, list(FREE[: t.order]), True)


class _Writer:
    def __init__(self, plain: bool) -> None:
        self.plain = plain
        self.used = 0

    def matrix(self, t: Tree) -> str:
        """A part in matrix notation."""
        if self.plain:
            from .text import write

            return write(t)
        from .latex import latex as write_latex

        return write_latex(t)

    def subscripted(self, t: Tree, indices: Sequence[str]) -> str:
        text = self.matrix(t)
        if t.op != "var":
            text = f"({text})"
        if self.plain:
            return f"{text}[{','.join(indices)}]"
        if "_" in text and t.op == "var":
            text = f"({text})"
        return f"{text}_{{{' '.join(indices)}}}"

    def write(self, t: Tree, indices: list[str], top: bool = False) -> str:
        """The entry of the tree at the indices."""
        if t.op == "sum":
            text = ""
            start = self.used
            for k, a in enumerate(t.args):
                self.used = start  # every term may use the same summation indices
                piece = self.write(a, indices if a.order else [])
                if piece.startswith("-"):
                    text += f" - {piece[1:]}" if k else piece
                else:
                    text += f" + {piece}" if k else piece
            return text if top else self.bracket(text)
        if not t.order:
            text = self.matrix(t)
            return text if t.level >= 3 or top else self.bracket(text)
        if t.op == "mul":
            return self.product(t, indices)
        if t.op == "einsum":
            return self.einsum(t, indices)
        if t.op == "eye":
            i, j = indices
            return f"δ[{i},{j}]" if self.plain else f"\\delta_{{{i} {j}}}"
        if t.op == "ones":
            return "1"
        if t.op == "outer" and len(indices) == 2:
            return f"{self.write(t.args[0], indices[:1])} {self.write(t.args[1], indices[1:])}"
        if t.op == "pow" and not t.args[1].order:
            base = self.write(t.args[0], indices)
            if t.args[0].op == "einsum":
                base = self.bracket(base)
            exponent = self.matrix(t.args[1])
            return f"{base}**{exponent}" if self.plain else f"{base}^{{{exponent}}}"
        if t.op == "call" and t.order > 2:
            name, _ = t.data
            if all(a.order == t.order for a in t.args):
                inside = ", ".join(self.write(a, indices, True) for a in t.args)
                head = name if self.plain else f"\\operatorname{{{name.replace('_', ' ')}}}"
                return f"{head}({inside})"
            if name == "inv":
                inside = self.slices(t.args[0], indices[:-2])
                i, j = indices[-2:]
                return f"inv({inside})[{i},{j}]" if self.plain else f"({inside}^{{-1}})_{{{i} {j}}}"
        if (
            t.op == "call"
            and t.data[0] in ("logdet", "det")
            and t.order == len(indices)
            and t.args[0].order > 2
        ):
            inside = self.slices(t.args[0], indices)
            head = t.data[0] if self.plain else "\\log\\det " if t.data[0] == "logdet" else "\\det "
            return f"{head}({inside})"
        return self.subscripted(t, indices)

    def slices(self, t: Tree, indices: Sequence[str]) -> str:
        """The matrix of a batch at the leading indices."""
        if t.op == "var":
            return self.subscripted(t, indices)
        return self.subscripted(t, [*indices, "·", "·"] if self.plain else [*indices, "\\cdot", "\\cdot"])

    def bracket(self, text: str) -> str:
        return f"({text})" if self.plain or "\\frac" not in text else f"\\left({text}\\right)"

    def product(self, t: Tree, indices: list[str]) -> str:
        coefficient, nums, dens = parts(t)
        p, q = sympy.fraction(coefficient)
        sign = "-" if _negative(p) else ""
        p = -p if sign else p
        sums, words = [], []
        for a in nums:
            piece = self.write(a, indices if a.order else [])
            (sums if a.op == "einsum" else words).append(piece)
        words += sums
        under = [self.write(a, indices if a.order else []) for a in dens]
        top = [self.number(p)] if p != ONE else []
        bottom = ([self.number(q)] if q != ONE else []) + under
        if self.plain:
            text = " ".join([*top, *words]) or "1"
            return (
                sign
                + text
                + (f" / ({' '.join(bottom)})" if len(bottom) > 1 else f" / {bottom[0]}" if bottom else "")
            )
        if bottom:
            front = f"\\frac{{{' '.join(top) or '1'}}}{{{' '.join(bottom)}}}"
            return sign + " ".join([front, *words])
        return sign + " ".join([*top, *words])

    def number(self, value: sympy.Expr) -> str:
        if self.plain:
            from .text import number_text

            return number_text(value)
        from .latex import number

        return number(value)

    def einsum(self, t: Tree, indices: list[str]) -> str:
        inputs, output = t.data.split("->")
        names = dict(zip(output, indices, strict=True))
        specs = inputs.split(",")
        real = [(a, s) for a, s in zip(t.args, specs, strict=True) if a.op != "ones"]
        used = {c for _, s in real for c in s}
        summed = [c for c in dict.fromkeys("".join(specs)) if c not in names]
        for c in summed:
            names[c] = BOUND[self.used] if self.used < len(BOUND) else f"m{self.used}"
            self.used += 1
        words = [self.write(a, [names[c] for c in s]) for a, s in real]
        shown = [names[c] for c in summed if c in used]
        body = " ".join(words) or "1"
        if not shown:
            return body
        return f"Σ_{{{','.join(shown)}}} {body}" if self.plain else f"\\sum_{{{', '.join(shown)}}} {body}"
