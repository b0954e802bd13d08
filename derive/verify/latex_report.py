r"""Verdicts in LaTeX: the claim, the right formula, what is wrong, and the counterexample as matrices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ..domains import Array
from ..errors import DeriveError
from ..node import Node
from ..notation import latex, text
from ..notation.names import latex_name
from .style import is_latex

if TYPE_CHECKING:
    from .verdict import Diagnosis, Verdict

_SHOWN = 6
_SPECIAL = re.compile(r"([#$%&_{}])")
_SIGNS = {
    "⟨": r"$\langle$", "⟩": r"$\rangle$", "ᵀ": r"$^\top$", "−": "$-$", "≠": r"$\ne$", "≥": r"$\ge$", "≤": r"$\le$",
    "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$", "σ": r"$\sigma$", "λ": r"$\lambda$",
}  # fmt: skip


def report(v: Verdict) -> str:
    """A block of LaTeX for one verdict (amsmath)."""
    lines = [rf"\textbf{{{v.status}}}: {words(v.reason.splitlines()[0])}."]
    about = v.about
    if about is not None:
        claimed = about.source if is_latex(about.source) else _node(about.claim)
        lines += [
            _display("f", _node(about.objective)),
            _display(r"\text{claim}", claimed.strip().strip("$")),
        ]
    if v.status == "refuted" and v.right is not None:
        lines.append(_display(r"\text{right}", _node(v.right)))
    if v.diagnosis is not None:
        lines.append(rf"\emph{{Diagnosis ({v.diagnosis.kind}):}} {_said(v.diagnosis)}.")
    if v.counterexample is not None:
        c = v.counterexample
        at = ", ".join(f"{latex_name(k)} = {n}" for k, n in c.sizes.items())
        rows = [f"{latex_name(name)} &= {_array(a, 12)}" for name, a in c.data.items()]
        rows += [
            rf"\text{{claimed}} &= {_array(c.claimed, c.digits)}",
            rf"\text{{right}} &= {_array(c.right, c.digits)}",
        ]
        lines.append("Counterexample" + (f" at ${at}$" if at else "") + ":")
        lines.append("\\begin{align*}\n  " + " \\\\\n  ".join(rows) + "\n\\end{align*}")
    return "\n".join(line for line in lines if line) + "\n"


def words(text: str) -> str:
    """Plain words with LaTeX's special characters written out; what is LaTeX already goes into mathematics."""
    if "\\" in text:
        text = text.replace("\\", r"\textbackslash ")
        return "".join(_SIGNS.get(ch, ch) for ch in re.sub(r"([#$%&_{}])", r"\\\1", text))
    return "".join(_SIGNS.get(ch, ch) for ch in _SPECIAL.sub(r"\\\1", text))


def _said(found: Diagnosis) -> str:
    """A diagnosis with its formulas as mathematics."""
    pieces = found.pieces or (found.sentence,)
    return "".join(
        words(p) if isinstance(p, str) else f"${_node(p)}$" if _node(p) else words(text(p)) for p in pieces
    )


def _display(name: str, formula: str) -> str:
    return rf"\[ {name} = {formula} \]" if formula else ""


def _node(node: Node | None) -> str:
    try:
        return "" if node is None else latex(node, named=False)
    except DeriveError:
        return ""


def _array(array: Array, digits: int) -> str:
    from .verdict import show_number

    array = np.asarray(array)
    if array.ndim == 0:
        return _number(show_number(array[()], digits))
    flat = array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(-1, 1)
    short = digits if array.size <= 2 else min(digits, 12)
    rows = [" & ".join(_number(show_number(x, short)) for x in row[:_SHOWN]) for row in flat[:_SHOWN]]
    return r"\begin{pmatrix} " + r" \\ ".join(rows) + r" \end{pmatrix}"


def _number(text: str) -> str:
    if "/" in text:
        p, q = text.split("/")
        return rf"-\tfrac{{{p[1:]}}}{{{q}}}" if p.startswith("-") else rf"\tfrac{{{p}}}{{{q}}}"
    return r"\text{undefined}" if text == "undefined" else re.sub(r"e([+-]?\d+)", r"\\cdot 10^{\1}", text)


__all__ = ["report", "words"]
