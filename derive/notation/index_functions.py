"""Functions in index notation: an entry of f(A) from entries of A, or from the whole array where f needs all of it.

softmax along j of Z_ij,   (S_k^{-1})_ij of a batch,   x_{i + a - 1} of windows,   (cholesky(A))_ij
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..operators import REGISTRY, Elementwise
from .names import latex_name
from .tree import Tree
from .whole_arrays import head

_ALONG = ("softmax", "max_share", "min_share")
REDUCTIONS = ("sum", "mean", "logsumexp", "max", "min")


class Functions(ABC):
    """The part of a rendering that writes functions; `plain` is for text, otherwise LaTeX."""

    plain: bool

    @abstractmethod
    def write(self, t: Tree, indices: list[str], top: bool = False) -> str:
        """The entry of the tree at the indices."""

    @abstractmethod
    def fresh(self) -> str:
        """A summation index not in use."""

    @abstractmethod
    def matrix(self, t: Tree) -> str:
        """A part in matrix notation."""

    @abstractmethod
    def subscripted(self, t: Tree, indices: Sequence[str]) -> str:
        """A part in matrix notation, with its indices."""

    @abstractmethod
    def sigma(self, summed: Sequence[str]) -> str:
        """The sign of a sum over the indices."""

    @abstractmethod
    def bracket(self, text: str) -> str:
        """The text between parentheses."""

    @abstractmethod
    def base(self, t: Tree, indices: list[str]) -> str:
        """What a power is taken of."""

    def call(self, t: Tree, indices: list[str]) -> str:
        name, settings = t.data
        (argument, *_) = t.args
        axis = dict(settings).get("axis")
        if name in (*REDUCTIONS, *_ALONG):
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
        if not entrywise(name):
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


def side_by_side(indices: Sequence[str]) -> str:
    """i j k;  i + a, j  where one is a sum."""
    return (", " if any(" " in i for i in indices) else " ").join(indices)


def entrywise(name: str) -> bool:
    """Whether a function works entry by entry, as every elementwise operator does."""
    return isinstance(REGISTRY.get(name), Elementwise) or (
        name not in REGISTRY and name not in ("norm", "kron", "vec", "stack")
    )
