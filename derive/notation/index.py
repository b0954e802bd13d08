"""Index notation: every axis named, every sum written out, for results of any order.

`H_{ijkl} = \\delta_{ik} (X^\\top X)_{jl}`: parts of at most two axes stay in matrix notation and carry
their indices behind them; the matrices of a batch carry theirs as a subscript, as in `\\Sigma_k^{-1}`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..operators import REGISTRY, Elementwise
from ..sizes import ONE, is_negative
from .names import latex_name
from .numerals import latex_number, number_text
from .tree import Tree, make, parts
from .whole_arrays import head

FREE = "ijklpqrs"
BOUND = "mnhuvwtabcdefg"
_ALONG = ("softmax", "max_share", "min_share")
_REDUCTIONS = ("sum", "mean", "logsumexp", "max", "min")


def needed(t: Tree) -> bool:
    """Whether the tree holds something that matrix notation cannot say."""
    seen: set[Tree] = set()
    stack = [t]
    while stack:
        t = stack.pop()
        if t in seen:
            continue
        seen.add(t)
        if t.order > 2 or t.op == "einsum":
            return True
        stack.extend(t.args)
    return False


def letters(order: int) -> list[str]:
    """The indices of the axes of a result."""
    return list(FREE[:order])


def latex(t: Tree) -> str:
    """The tree in index notation, LaTeX; free indices are i, j, k, … in the order of the axes."""
    return _Writer(plain=False).write(t, letters(t.order), True)


def plain(t: Tree) -> str:
    """The tree in index notation as plain text."""
    return _Writer(plain=True).write(t, letters(t.order), True)


class _Writer:
    """One rendering; `used` counts the summation indices taken so far."""

    def __init__(self, plain: bool) -> None:
        self.plain = plain
        self.used = 0

    def fresh(self) -> str:
        """A summation index not in use."""
        self.used += 1
        return BOUND[self.used - 1] if self.used <= len(BOUND) else f"m{self.used}"

    def matrix(self, t: Tree) -> str:
        """A part in matrix notation."""
        if self.plain:
            from .text import write

            return write(t)
        from .latex import latex as write_latex

        return latex_name(t.data) if t.op == "var" else write_latex(t)

    def number(self, value: sympy.Expr) -> str:
        if self.plain:
            return number_text(value)
        return latex_number(value)

    def bracket(self, text: str) -> str:
        tall = not self.plain and ("\\frac" in text or "\\sum" in text)
        return f"\\left({text}\\right)" if tall else f"({text})"

    def subscripted(self, t: Tree, indices: Sequence[str]) -> str:
        """A part in matrix notation, with its indices."""
        text = self.matrix(t)
        if self.plain:
            plain_call = t.op == "call" and t.data[0] not in _REDUCTIONS
            return f"{text if t.op == 'var' or plain_call else f'({text})'}[{','.join(indices)}]"
        if t.op == "var" and "_" in text:  # W_{1} with indices: W_{1,ij}
            head, inside = text.split("_", 1)
            return f"{head}_{{{inside.strip('{}')},{_side_by_side(indices)}}}"
        if t.op != "var":
            text = f"({text})"
        return f"{text}_{{{_side_by_side(indices)}}}"

    # ---------------------------------------------------------------- one entry

    def write(self, t: Tree, indices: list[str], top: bool = False) -> str:
        """The entry of the tree at the indices."""
        if t.op == "sum":
            return self.sum(t, indices, top)
        if t.op == "num":
            text = self.number(t.data)
            return text if t.level >= 3 or top else self.bracket(text)
        if t.op == "mul":
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
        if t.op == "spread":
            return self.write(t.args[0], [i for i, keep in zip(indices, t.data, strict=True) if keep])
        of_name = t.op == "call" and len(t.args) == 1 and t.args[0].op == "var"
        if of_name and t.args[0].order == t.order > 0 and _entrywise(t.data[0]):
            return f"{self.head(t.data[0], [])}({self.write(t.args[0], indices)})"  # entry by entry
        if not needed(t):
            if t.order:
                return self.subscripted(t, indices)
            text = self.matrix(t)
            return text if t.level >= 3 or top else self.bracket(text)
        return self.compound(t, indices)

    def compound(self, t: Tree, indices: list[str]) -> str:
        """A part that matrix notation does not reach, taken apart."""
        args = t.args
        match t.op:
            case "T":
                return self.write(args[0], indices[::-1])
            case "outer":
                return f"{self.write(args[0], indices[:1])} {self.write(args[1], indices[1:])}"
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
                text += f" - {piece[1:]}" if k else piece
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
        coefficient, nums, dens = parts(t)
        p, q = sympy.fraction(coefficient)
        sign = "-" if is_negative(p) else ""
        p = -p if sign else p
        sums: list[str] = []
        words: list[str] = []
        for a in nums:
            if _all_ones(a):
                continue
            piece = self.write(a, indices if a.order else [])
            (sums if a.op in ("einsum", "chain") else words).append(piece)
        words += sums
        alone = not self.plain and len(dens) == 1 and q == ONE
        under = [self.write(a, indices if a.order else [], alone) for a in dens]
        top = [self.number(p)] if p != ONE else []
        bottom = ([self.number(q)] if q != ONE else []) + under
        if self.plain:
            text = " ".join([*top, *words]) or "1"
            divisor = (
                f" / ({' '.join(bottom)})"
                if len(" ".join(bottom).split()) > 1
                else f" / {bottom[0]}"
                if bottom
                else ""
            )
            return sign + text + divisor
        if bottom:
            front = f"\\frac{{{' '.join(top) or '1'}}}{{{' '.join(bottom)}}}"
            return sign + " ".join([front, *words])
        return sign + (" ".join([*top, *words]) or "1")

    def einsum(self, t: Tree, indices: list[str]) -> str:
        inputs, output = t.data.split("->")
        names = dict(zip(output, indices, strict=True))
        specs = inputs.split(",")
        real = [(a, s) for a, s in zip(t.args, specs, strict=True) if a.op != "ones"]
        used = {c for _, s in real for c in s}
        summed = [c for c in dict.fromkeys("".join(specs)) if c not in names]
        for c in summed:
            names[c] = self.fresh()
        words = [self.write(a, [names[c] for c in s]) for a, s in real]
        shown = [names[c] for c in summed if c in used]
        body = " ".join(words) or "1"
        return f"{self.sigma(shown)} {body}" if shown else body

    # ---------------------------------------------------------------- functions

    def call(self, t: Tree, indices: list[str]) -> str:
        name, settings = t.data
        (argument, *_) = t.args
        axis = dict(settings).get("axis")
        if name in (*_REDUCTIONS, *_ALONG):
            axes = range(argument.order) if axis is None else [axis] if isinstance(axis, int) else list(axis)
            inner, reduced = [], []
            free = list(indices)
            for k in range(argument.order):
                keep = name in _ALONG or k not in axes
                inner.append(free.pop(0) if keep else self.fresh())
                if k in axes:
                    reduced.append(inner[-1])
            if name == "sum":
                return f"{self.sigma(reduced)} {self.write(argument, inner)}"
            return f"{self.head(name, reduced)}{self.bracket(self.write(argument, inner, True))}"
        if name in ("sumsq", "norm"):
            inner = [self.fresh() for _ in range(argument.order)]
            squares = f"{self.sigma(inner)} {self.base(argument, inner)}" + ("**2" if self.plain else "^2")
            if name == "sumsq":
                return squares
            return f"sqrt({squares})" if self.plain else f"\\sqrt{{{squares}}}"
        if name in ("inv", "logdet", "det"):
            return self.batched(name, argument, indices)
        if name == "windows" and dict(settings).get("stride", 1) == 1:
            return self.window(argument, indices, argument.order - 1 if axis is None else int(axis))
        if not _entrywise(name):
            return self.applied(t, indices)
        if all(a.order in (0, t.order) for a in t.args):
            inside = ", ".join(self.write(a, indices if a.order else [], True) for a in t.args)
            if name == "sqrt" and not self.plain:
                return f"\\sqrt{{{inside}}}"
            return f"{self.head(name, [])}{self.bracket(inside)}"
        return self.subscripted(t, indices)

    def window(self, array: Tree, indices: list[str], axis: int) -> str:
        """An entry of windows is one of the array: x_{i + a - 1}, counted from 1; x[i + a] in text, from 0."""
        *at, inside = indices
        at[axis] = f"{at[axis]} + {inside}" + ("" if self.plain else " - 1")
        return self.write(array, at)

    def array(self, t: Tree) -> str:
        """A whole array: its name, in matrix notation, or the entry between brackets with its indices behind."""
        if t.op == "var" or not needed(t):
            return self.matrix(t)
        inner = [self.fresh() for _ in range(t.order)]
        entry = self.write(t, inner, True)
        if not inner:
            return entry
        return f"[{entry}][{','.join(inner)}]" if self.plain else f"[{entry}]_{{{' '.join(inner)}}}"

    def applied(self, t: Tree, indices: Sequence[str]) -> str:
        """An entry of an operator on whole arrays."""
        name, settings = t.data
        words = [f"{key}={value}" if key else str(value) for key, value in settings]
        inside = ", ".join(self.array(a) for a in t.args)
        if self.plain:
            return f"{name}({', '.join([inside, *words])})[{','.join(indices)}]"
        below = f"_{{\\mathrm{{{', '.join(words)}}}}}" if words else ""
        special = head(t) or self.head(name, []) + below
        if name == "reshape":
            inside = self.array(t.args[0])
        return f"{special}({inside})_{{{' '.join(indices)}}}"

    def head(self, name: str, under: Sequence[str]) -> str:
        where = "_{" + " ".join(under) + "}" if under else ""
        if self.plain:
            return name + where
        short = {
            "exp": "\\exp",
            "log": "\\log",
            "tanh": "\\tanh",
            "sigmoid": "\\sigma",
            "max": "\\max",
            "min": "\\min",
            "max_share": "\\partial\\max",
            "min_share": "\\partial\\min",
        }
        return short.get(name, f"\\operatorname{{{name.replace('_', ' ')}}}") + where

    def batched(self, name: str, argument: Tree, indices: list[str]) -> str:
        """inv, det, logdet of the matrices of a batch."""
        batch = argument.order - 2
        one = self.slices(argument, indices[:batch])
        rest = indices[batch:]
        if self.plain:
            return f"{name}({one})" + (f"[{','.join(rest)}]" if rest else "")
        if name == "inv":
            bare = one if argument.op == "var" else f"({one})"
            return f"({bare}^{{-1}})_{{{' '.join(rest)}}}"
        return f"\\log\\det {one}" if name == "logdet" else f"\\det {one}"

    def slices(self, t: Tree, batch: Sequence[str]) -> str:
        """One matrix of a batch."""
        if not batch:
            return self.matrix(t)
        if t.op == "var" and self.plain:
            return f"{t.data}[{','.join(batch)}]"
        if t.op == "var":
            name = latex_name(t.data)
            return f"{name}_{{{' '.join(batch)}}}" if "_" not in name else self.subscripted(t, batch)
        dots = ["·", "·"] if self.plain else ["\\cdot", "\\cdot"]
        return (
            self.write(t, [*batch, *dots]) if t.op == "var" else f"[{self.write(t, [*batch, *dots], True)}]"
        )


def _side_by_side(indices: Sequence[str]) -> str:
    """i j k;  i + a, j  where one is a sum."""
    return (", " if any(" " in i for i in indices) else " ").join(indices)


def _all_ones(t: Tree) -> bool:
    """Whether every entry is 1, which a product need not say."""
    return t.op == "ones" or (t.op in ("outer", "spread", "T") and all(map(_all_ones, t.args)))


def _entrywise(name: str) -> bool:
    """Whether a function works entry by entry, as every elementwise operator does."""
    return isinstance(REGISTRY.get(name), Elementwise) or (
        name not in REGISTRY and name not in ("norm", "kron", "vec")
    )


def make_eye() -> Tree:
    """An identity whose size does not show."""
    return make("eye", data=(ONE,), order=2)
