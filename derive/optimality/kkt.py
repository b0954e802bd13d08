"""The Karush–Kuhn–Tucker conditions of a problem, derived from its Lagrangian.

    ∇ₓL = 0,   g(x) ≤ 0,  h(x) = 0,   λ ≥ 0,   λ ∘ g(x) = 0        (and S ⪰ 0, Λ ⪰ 0, Λ S = 0)

(Boyd & Vandenberghe, Convex Optimization, §5.5.3; for matrices §5.9.2: ⟨Λ, S⟩ = 0 with both psd is Λ S = 0.)
They are necessary under a constraint qualification, and sufficient for a convex problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from .. import notation
from ..build import add, matmul, multiply, negate, scale, split_scale
from ..differentiate import gradients, substitute
from ..node import Node, Sum, Variable, variable, variables
from ..simplify import simplify
from ..sizes import show_shape
from ..stable import recognise
from ..sums import flat_terms
from .kinks import kinks
from .lagrangian import MINUS, Condition, Lagrangian


@final
@dataclass(frozen=True)
class Line:
    """One condition: `left sign right`, with a remark. `right` is None for zero."""

    left: Node
    sign: str
    right: Node | None = None
    remark: str = ""

    def text(self) -> str:
        """In the text language; `psd` and `pd` are written `⪰ 0` and `≻ 0`."""
        right = "0" if self.right is None else notation.text(self.right)
        return f"{notation.text(self.left)} {self.sign} {right}"

    def latex(self) -> str:
        """In LaTeX."""
        signs = {"==": "=", "<=": r"\le", ">=": r"\ge", "⪰": r"\succeq", "≻": r"\succ", ">": ">"}
        right = "0" if self.right is None else notation.latex(self.right, named=False)
        return f"{notation.latex(self.left, named=False)} {signs[self.sign]} {right}"


@final
class KKT:
    """The conditions; `str()` and `latex()` print them, `stationarity` holds the derived gradients.

    >>> import derive as dv
    >>> sizes = {"A": ("m", "d"), "b": ("m",), "w": ("d",)}
    >>> print(dv.minimize("sumsq(w) / 2", over="w", subject_to=["A @ w == b"], variables=sizes).kkt())
    stationarity
      w + A.T @ nu_1 == 0    (in w)
    primal feasibility
      A @ w == b
    multipliers: nu_1 (m,)
    """

    def __init__(self, lagrangian: Lagrangian) -> None:
        self.lagrangian = lagrangian
        wrt = lagrangian.unknowns
        self.stationarity: dict[Variable, Node] = dict(
            zip(wrt, gradients(recognise(lagrangian.node), wrt), strict=True)
        )

    @property
    def unknowns(self) -> tuple[Variable, ...]:
        """What is sought."""
        return self.lagrangian.unknowns

    @property
    def multipliers(self) -> tuple[Variable, ...]:
        """The multipliers."""
        return self.lagrangian.multipliers

    def groups(self) -> dict[str, list[Line]]:
        """The conditions under their names."""
        conditions = self.lagrangian.conditions
        return {
            "stationarity": [
                Line(_unsigned(g), "==", None, f"in {v.name}") for v, g in self.stationarity.items()
            ],
            "primal feasibility": [_primal(c) for c in conditions],
            "dual feasibility": [
                Line(c.multiplier, "⪰" if c.kind == "psd" else ">=")
                for c in conditions
                if c.multiplier is not None and c.kind != "=="
            ],
            "complementary slackness": [
                Line(_slackness(c), "==") for c in conditions if c.multiplier is not None and c.kind != "=="
            ],
        }

    def kinks(self) -> list[tuple[str, str]]:
        """What stands in stationarity for more than one number at kinks: the subdifferential has to hold 0.

        Each as text and as LaTeX.
        """
        return kinks(self.stationarity.values(), self.unknowns)

    def lines(self) -> list[str]:
        """The conditions in the text language, under their names."""
        out: list[str] = []
        with notation.behind(v.name for v in self.multipliers):
            for title, lines in self.groups().items():
                if not lines:
                    continue
                out.append(title)
                for line in lines:
                    out.append(f"  {line.text()}" + (f"    ({line.remark})" if line.remark else ""))
                if title == "stationarity":
                    out += [f"  where {text}" for text, _ in self.kinks()]
        if self.multipliers:
            sized = [f"{v.name} {show_shape(v.shape)}" + _kind(v) for v in self.multipliers]
            out.append("multipliers: " + ", ".join(sized))
        return out

    def record(self) -> dict[str, Any]:
        """The conditions as plain data."""
        with notation.behind(v.name for v in self.multipliers):
            found: dict[str, Any] = {
                title: [line.text() for line in lines] for title, lines in self.groups().items() if lines
            }
        if self.kinks():
            found["kinks"] = [text for text, _ in self.kinks()]
        found["multipliers"] = {v.name: [str(s) for s in v.shape] for v in self.multipliers}
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def latex(self) -> str:
        """The conditions as one aligned block."""
        rows: list[str] = []
        with notation.behind(v.name for v in self.multipliers):
            for title, lines in self.groups().items():
                for k, line in enumerate(lines):
                    rows.append(f"&{line.latex()} && " + (rf"\text{{({title})}}" if k == 0 else ""))
                if title == "stationarity":
                    rows += [rf"&\text{{where }} {words}" for _, words in self.kinks()]
        return "\\begin{aligned}\n" + " \\\\\n".join(r.rstrip(" &") for r in rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def _unsigned(slope: Node) -> Node:
    """−a = 0 as a = 0."""
    c, core = split_scale(simplify(slope))
    return scale(-c, core) if c.is_number and c < 0 and not isinstance(core, Sum) else slope


def _kind(v: Variable) -> str:
    return " symmetric" if "symmetric" in v.facts and "psd" not in v.facts and v.order else ""


def _primal(c: Condition) -> Line:
    if c.statement is not None:
        return Line(c.statement.left, c.statement.sign, c.statement.right)
    if c.kind == "open":
        return Line(c.residual, "≻" if "pd" in c.residual.facts else ">")
    if c.kind == "psd":
        return Line(c.residual, "⪰")
    if c.kind == "<=":
        return Line(scale(MINUS, c.residual), ">=")
    # A fact such as Σp = 1 would be used to simplify its own statement: it is shown of an array without facts.
    bare = without_facts(c.residual)
    terms = flat_terms(bare)
    left = [(k, t) for k, t in terms if variables(t)]
    right = [(-k, t) for k, t in terms if not variables(t)]
    return Line(add(left, bare.shape), c.kind, add(right, bare.shape) if right else None)


def without_facts(node: Node) -> Node:
    """The expression with arrays of the same names that are not known to lie on a simplex or to be orthogonal."""
    new: dict[Node, Node] = {}
    for v in variables(node):
        if v.facts & {"simplex", "orthogonal"}:
            new[v] = variable(v.name, v.shape, v.facts - {"simplex", "orthogonal"})
    return substitute(node, new) if new else node


def _slackness(c: Condition) -> Node:
    assert c.multiplier is not None
    if c.kind == "psd":
        return matmul(c.multiplier, c.residual)
    residual = c.residual if c.statement is not None and c.statement.sign != ">=" else negate(c.residual)
    return multiply(c.multiplier, residual)
