"""Verdicts as one self-contained HTML page: formulas drawn as pictures inside it, nothing loaded from anywhere.

Formulas are set by Matplotlib's own TeX (no TeX is needed); one that it cannot set stands there as LaTeX source.
Matplotlib is imported when the first formula is drawn.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np

from ..domains import Array
from ..errors import DeriveError
from ..node import Node, Variable
from ..notation import latex, text
from .loglog import svg
from .numbers import NotFinite
from .points import Points
from .style import is_latex
from .sweep import taylor_sweep
from .verdict import Counterexample, Diagnosis, Verdict, show_number

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { padding: .2rem .7rem; text-align: left; vertical-align: top; }
table.list td:first-child { white-space: nowrap; }
table.list tr + tr { border-top: 1px solid #d8dde3; }
table.array td { border: 1px solid #d8dde3; font: 13px monospace; }
td.off { background: #ffe3e0; }
section { border-top: 2px solid #d8dde3; margin-top: 1.5rem; padding-top: .5rem; }
.proved { color: #176f2c; } .refuted { color: #b3261e; } .agrees { color: #8a5a00; } .unsupported { color: #57606a; }
.status { font-weight: 700; }
img.formula { vertical-align: middle; max-width: 100%; }
code { background: #f3f5f7; padding: 0 .2rem; }
"""
#: What Matplotlib's TeX writes in other ways.
_REPLACED = (
    *((rf"\{side}{name}", sign) for side in "lr" for name, sign in (("Vert", r"\|"), ("vert", "|"))),
    *((word, "") for word in (r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\!", r"\displaystyle")),
    (r"^\top", r"^{\mathsf{T}}"),  # Matplotlib spaces a bare \top like a relation
    (r"^{\top}", r"^{\mathsf{T}}"),
    (r"\tfrac", r"\frac"),
    (r"\dfrac", r"\frac"),
    (r"\succeq", r"\succcurlyeq"),
    (r"\text", r"\mathrm"),
    (r"\mathbb 1", r"\mathbf{1}"),
)
_SHOWN = 6  # rows and columns of an array


def page(verdicts: Sequence[tuple[str, Verdict]], title: str = "Checked derivations") -> str:
    """The page for verdicts with their headings; several are preceded by a table."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if len(verdicts) > 1:
        parts.append(_table(verdicts))
    parts += [
        f'<section id="c{k}">{_section(heading, v)}</section>' for k, (heading, v) in enumerate(verdicts, 1)
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _table(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    rows = [
        f'<tr><td><a href="#c{k}">{html.escape(heading)}</a></td><td>{_status(v)}</td>'
        f"<td>{_remark(v)}</td></tr>"
        for k, (heading, v) in enumerate(verdicts, 1)
    ]
    counts = {
        s: sum(v.status == s for _, v in verdicts) for s in ("proved", "agrees", "refuted", "unsupported")
    }
    words = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    return f'<p>{len(verdicts)} claims: {words}</p><table class="list">{"".join(rows)}</table>'


def _remark(v: Verdict) -> str:
    """What the table says about a verdict: the diagnosis, or why there is none."""
    if v.diagnosis is not None:
        return _said(v.diagnosis)
    return html.escape(v.reason.split("\n")[0]) if v.status in ("refuted", "unsupported") else ""


def _said(found: Diagnosis) -> str:
    """A diagnosis with its formulas drawn."""
    pieces = found.pieces or (found.sentence,)
    return "".join(
        html.escape(p) if isinstance(p, str) else _node(p) or f"<code>{html.escape(text(p))}</code>"
        for p in pieces
    )


def _status(v: Verdict) -> str:
    return f'<span class="status {v.status}">{v.status}</span>'


def _section(heading: str, v: Verdict) -> str:
    parts = [f"<h2>{html.escape(heading)}: {_status(v)}</h2>"]
    about = v.about
    if about is not None:
        of = f" with respect to {about.wrt.name}" if about.wrt is not None else ""
        parts.append(f"<p>Objective {_node(about.objective)}; {html.escape(about.kind + of)}.</p>")
        written = about.source if is_latex(about.source) else ""
        formula = _formula(written) if written else _node(about.claim)
        parts.append(f"<p>Claim {formula or f'<code>{html.escape(about.source)}</code>'}</p>")
    if v.status == "refuted" and v.right is not None:
        parts.append(f"<p>Right {_node(v.right)}</p>")
    first, _, shown = v.reason.partition("\n")  # an error of the parser shows the place below its first line
    parts.append(f"<p>{html.escape(first[:1].upper() + first[1:])}{'' if shown else '.'}</p>")
    if shown:
        parts.append(f"<pre>{html.escape(shown)}</pre>")
    if v.diagnosis is not None:
        parts.append(f"<p><b>Diagnosis ({html.escape(v.diagnosis.kind)}).</b> {_said(v.diagnosis)}.</p>")
    if v.counterexample is not None:
        parts.append(_counterexample(v.counterexample))
    plot = remainders(v, digits=30)
    if plot is not None:
        parts.append(_plot(plot))
    return "\n".join(parts)


def _counterexample(c: Counterexample) -> str:
    at = ", ".join(f"{k} = {n}" for k, n in c.sizes.items())
    data = "".join(f"<tr><td>{html.escape(k)}</td><td>{_array(a, 12)}</td></tr>" for k, a in c.data.items())
    off = set(c.differing)
    return (
        f"<p>Counterexample{f' at {html.escape(at)}' if at else ''}:</p><table>{data}"
        f"<tr><td>claimed</td><td>{_array(c.claimed, c.digits, off)}</td></tr>"
        f"<tr><td>right</td><td>{_array(c.right, c.digits, off)}</td></tr></table>"
    )


def _array(array: Array, digits: int, off: set[tuple[int, ...]] = frozenset()) -> str:  # type: ignore[assignment]
    """An array as a table, the entries in `off` marked."""
    array = np.asarray(array)
    if array.ndim == 0:
        return f"<code>{html.escape(show_number(array[()], digits))}</code>"
    flat = array.reshape(-1, array.shape[-1])
    rows = []
    for i, index in enumerate(list(np.ndindex(array.shape[:-1]))[:_SHOWN]):
        cells = [
            f"<td{' class=off' if (*index, j) in off else ''}>{html.escape(show_number(flat[i, j], digits))}</td>"
            for j in range(min(array.shape[-1], _SHOWN))
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    cut = flat.shape[0] > _SHOWN or flat.shape[1] > _SHOWN
    return f'<table class="array">{"".join(rows)}</table>{" …" if cut else ""}'


# ---------------------------------------------------------------- pictures


def _node(node: Node | None) -> str:
    if node is None:
        return ""
    try:
        return _formula(latex(node, named=False))
    except DeriveError:
        return ""


@lru_cache(maxsize=4096)
def _formula(source: str) -> str:
    """The formula as a picture, or its source where it cannot be drawn."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    plain = source.strip().strip("$")
    for old, new in _REPLACED:
        plain = new.join(re.split(re.escape(old) + r"(?![A-Za-z])", plain))
    out = io.BytesIO()
    try:
        import matplotlib

        with matplotlib.rc_context({"svg.hashsalt": "derive", "mathtext.fontset": "cm"}):
            math_to_image(f"${plain}$", out, prop=FontProperties(size=15), format="svg")
    except (ValueError, RuntimeError, KeyError):
        return f"<code>{html.escape(source)}</code>"
    return _image(_undated(out.getvalue()), "svg+xml", source, "formula")


def _undated(svg: bytes) -> bytes:
    return re.sub(rb"<metadata>.*?</metadata>", b"", svg, flags=re.DOTALL)


def _image(data: bytes, kind: str, text: str, style: str) -> str:
    code = base64.b64encode(data).decode()
    return (
        f'<img class="{style}" alt="{html.escape(text, quote=True)}" src="data:image/{kind};base64,{code}">'
    )


Remainders = tuple[tuple[float, ...], list[tuple[str, tuple[float, ...], float]]]


def remainders(v: Verdict, digits: int = 50) -> Remainders | None:
    """|f(x + hv) − f(x) − h⟨g, v⟩| for the claimed and the right gradient, step by step."""
    about = v.about
    if about is None or about.kind != "gradient" or about.claim is None or v.right is None:
        return None
    if not isinstance(about.wrt, Variable) or about.claim.shape != v.right.shape:
        return None
    curves = []
    try:
        point = next(iter(Points([about.objective, about.claim, v.right], 0, {}).generic(1)), None)
        if point is None:
            return None
        for name, node in (("claimed", about.claim), ("right", v.right)):
            sweep = taylor_sweep(about.objective, node, about.wrt, point.arrays, point.binding, digits=digits)
            curves.append((name, sweep.errors, sweep.slope))
    except (DeriveError, NotFinite, mpmath.libmp.NoConvergence):
        return None
    return sweep.steps, curves


def draw(axes: Any, found: Remainders) -> Any:
    """The remainders on log–log axes: order 2 where the gradient is right, 1 where it is wrong."""
    steps, curves = found
    for name, errors, slope in curves:
        shown = [(h, e) for h, e in zip(steps, errors, strict=True) if e > 0]
        if shown:
            order = f", order {slope:.2f}" if slope == slope else ""
            axes.loglog(*zip(*shown, strict=True), marker="o", markersize=3, linewidth=1, label=name + order)
    axes.set_xlabel("step h")
    axes.set_ylabel("Taylor remainder")
    axes.grid(True, linewidth=0.4, alpha=0.6)
    axes.legend(fontsize=8)
    return axes


def _plot(found: Remainders) -> str:
    steps, curves = found
    named = []
    for name, errors, slope in curves:
        order = f", order {slope:.2f}" if slope == slope else ""
        named.append((name + order, list(zip(steps, errors, strict=True))))
    return f"<p>{svg(named, 'step h', 'Taylor remainder')}</p>"


__all__ = ["draw", "page", "remainders"]
