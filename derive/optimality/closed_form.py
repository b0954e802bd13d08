"""Stationarity that is linear in an unknown, solved in matrix notation.

    ∇f(w) = H w − b           =>   w = H⁻¹ b
    ∇f(W) = A W − B           =>   W = A⁻¹ B        (and W A − B  =>  W = B A⁻¹)
    H w + Gᵀν = c,  G w = b   =>   ν = (G H⁻¹ Gᵀ)⁻¹ (G H⁻¹ c − b),   w = H⁻¹ (c − Gᵀν)

Nothing here knows least squares: the pattern is looked for in the derived gradient, whose derivative along a
direction D must be A D. That the gradient is A W − B is proved by multiplying out, for all sizes; that the
inverse exists is the condition printed with the result (Boyd & Vandenberghe, Convex Optimization, §10.1).
With several unknowns each is solved for with the others held fixed: the steps of an alternating scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import sympy

from .. import notation
from ..build import add, constant_value, einsum, is_zero, matmul, negate, power, transpose, zero
from ..differentiate import gradient, jacobian, jvp, substitute
from ..errors import UnsupportedError
from ..node import Einsum, Labels, Node, Sum, Variable, delta, depends_on, variable
from ..operators import apply
from ..simplify import expand, simplify
from ..sizes import ONE
from ..stable import recognise
from .lagrangian import MINUS, Condition, Lagrangian

#: Facts that would have to hold of the solution too.
_FREE = frozenset({"symmetric"})


@final
@dataclass(frozen=True)
class ClosedForm:
    """`unknown = solution`, where `condition` holds; `matrix` is what has to be inverted.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> dv.minimize(loss, over="w").closed_form()["w"].lines()[0]
    'w = inv(X.T @ X) @ X.T @ y'
    """

    unknown: Variable
    solution: Node
    matrix: Node
    condition: str
    proof: str
    multiplier: Node | None = None
    fixed: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The solution, its condition and the reason, in the text language."""
        held = f" for fixed {', '.join(self.fixed)}" if self.fixed else ""
        out = [f"{self.unknown.name} = {notation.text(self.solution)}{held}"]
        if self.multiplier is not None:
            out.append(f"nu = {notation.text(self.multiplier)}")
        if self.condition:
            out.append(f"  if {self.condition}")
        return [*out, f"  because {self.proof}"]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def latex(self) -> str:
        """The solution in LaTeX."""
        return f"{notation.latex(self.unknown)} = {notation.latex(self.solution, named=False)}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@final
@dataclass(frozen=True)
class _Linear:
    """An expression as A w − b; `side` is where the unknown stands: "left" A w, "right" w A, "scalar"."""

    matrix: Node
    constant: Node
    side: str

    def solve(self, right: Node) -> Node:
        """The unknown for which the linear part is `right`."""
        if self.side == "scalar":
            labels = tuple(range(right.order))
            return einsum([(right, labels), (power(self.matrix, MINUS), ())], labels)
        inverse = apply("inv", self.matrix)
        return matmul(inverse, right) if self.side == "left" else matmul(right, inverse)


def closed_form(
    objective: Node, unknown: Variable, conditions: Sequence[Condition] = (), fixed: Sequence[Variable] = ()
) -> ClosedForm:
    """The stationary point of `objective` in one unknown, subject to at most one affine vector equation.

    Raises `UnsupportedError` where stationarity is not linear, or a constraint is no equation.
    """
    bound = unknown.facts - _FREE
    if bound:
        raise UnsupportedError(
            f"{unknown.name} is {', '.join(sorted(bound))}, which a linear solution need not be"
        )
    if unknown.order >= 2 and unknown.facts:
        raise UnsupportedError(
            f"stationarity in the symmetric {unknown.name} is a Lyapunov equation in general"
        )
    slope = simplify(gradient(recognise(objective), unknown))
    system = _linear(slope, unknown)
    held = tuple(v.name for v in fixed)
    if not conditions:
        solution = simplify(system.solve(system.constant))
        what = notation.text(simplify(system.matrix))
        return ClosedForm(
            unknown, solution, system.matrix, _invertible(system, what), _why(unknown, what), None, held
        )
    return _constrained(system, unknown, conditions, held)


def closed_forms(stated: Lagrangian) -> dict[Variable, ClosedForm]:
    """The closed forms of a problem, one unknown at a time with the others held fixed.

    Raises `UnsupportedError` where there is none.
    """
    objective = stated.objective if stated.sense == "minimize" else negate(stated.objective)
    found: dict[Variable, ClosedForm] = {}
    reasons: list[UnsupportedError] = []
    for v in stated.unknowns:
        others = [u for u in stated.unknowns if u is not v]
        try:
            found[v] = closed_form(objective, v, stated.conditions, others)
        except UnsupportedError as error:
            reasons.append(error)
    if not found:
        raise reasons[0]
    return found


def _linear(slope: Node, unknown: Variable) -> _Linear:
    """`slope` as A w − b, proved by multiplying out."""
    step = variable("_step", unknown.shape)
    along = expand(jvp(slope, unknown, step))
    if depends_on(along, unknown):
        raise UnsupportedError(f"stationarity is not linear in {unknown.name}: {notation.text(slope)} = 0")
    constant = simplify(add([(MINUS, substitute(slope, {unknown: zero(unknown.shape)}))], slope.shape))
    matrix, side = _factor(along, step, unknown)
    claimed = add([(ONE, _times(matrix, unknown, side)), (MINUS, constant), (MINUS, slope)], slope.shape)
    if not is_zero(expand(claimed)):
        raise UnsupportedError(f"stationarity in {unknown.name} could not be brought to the form A w = b")
    return _Linear(matrix, constant, side)


def _times(matrix: Node, unknown: Node, side: str) -> Node:
    if side == "scalar":
        labels = tuple(range(unknown.order))
        return einsum([(matrix, ()), (unknown, labels)], labels)
    return matmul(matrix, unknown) if side == "left" else matmul(unknown, matrix)


def _factor(along: Node, step: Variable, unknown: Variable) -> tuple[Node, str]:
    """A with along = A·step (or step·A), read off term by term."""
    terms = _terms(along)
    order = unknown.order
    if order > 2:
        raise UnsupportedError(f"{unknown.name} has {order} axes; closed forms are for vectors and matrices")
    if not terms:
        raise UnsupportedError(f"stationarity does not determine {unknown.name}")
    for side in ("scalar", "left", "right") if order == 2 else ("scalar", "left") if order else ("scalar",):
        pieces = [_piece(node, step, side) for _, node in terms]
        if all(p is not None for p in pieces):
            found = [(c, p) for (c, _), p in zip(terms, pieces, strict=True) if p is not None]
            return simplify(add(found, found[0][1].shape)), side
    raise UnsupportedError(f"stationarity in {unknown.name} is linear, but no product with one matrix")


def _terms(node: Node) -> list[tuple[sympy.Expr, Node]]:
    found: list[tuple[sympy.Expr, Node]] = []
    stack: list[tuple[sympy.Expr, Node]] = [(ONE, node)]
    while stack:
        c, n = stack.pop()
        if isinstance(n, Sum):
            stack += [(c * k, t) for k, t in n.terms]
        else:
            found.append((c, n))
    return found


def _piece(node: Node, step: Variable, side: str) -> Node | None:
    """The factor of `step` in one term, as a scalar, or as a matrix from the axis it replaces."""
    order = step.order
    plain: Labels = tuple(range(order))
    factors = (
        list(zip(node.operands, node.inputs, strict=True)) if isinstance(node, Einsum) else [(node, plain)]
    )
    places = [k for k, (n, _) in enumerate(factors) if n is step]
    if len(places) != 1:
        return None
    labels = factors[places[0]][1]
    rest = [f for k, f in enumerate(factors) if k != places[0]]
    used = {i for _, ls in rest for i in ls}
    if labels == plain and not used & set(plain):
        scalar = einsum(rest, ())
        if side == "scalar":
            return scalar
        axis = 0 if side == "left" else order - 1
        return einsum([(scalar, ()), (delta(step.shape[axis]), (0, 1))], (0, 1))
    if side == "scalar":
        return None
    axis = 0 if side == "left" else order - 1
    kept = [k for k in range(order) if k != axis]
    if any(labels[k] != k or k in used for k in kept):
        return None
    inside = labels[axis]
    size = step.shape[axis]
    if inside == axis:  # an elementwise factor: a diagonal matrix
        fresh = 99
        return einsum([*rest, (delta(size), (axis, fresh))], (axis, fresh))
    wanted = (axis, inside) if side == "left" else (inside, axis)
    return einsum(rest, wanted) if set(wanted) <= used else None


def _invertible(system: _Linear, what: str) -> str:
    if "invertible" in system.matrix.facts or "nonzero" in system.matrix.facts:
        return ""
    if system.side == "scalar" and system.matrix.facts & {"positive"}:
        return ""
    return f"{what} != 0" if system.side == "scalar" and not system.matrix.order else f"{what} is invertible"


def _why(unknown: Variable, what: str) -> str:
    return (
        f"stationarity is linear in {unknown.name} with the matrix {what}, by multiplying out for all sizes"
    )


def _constrained(
    system: _Linear, unknown: Variable, conditions: Sequence[Condition], held: tuple[str, ...]
) -> ClosedForm:
    """The KKT system of a quadratic with one affine equation, by its Schur complement."""
    if len(conditions) != 1 or conditions[0].kind != "==" or unknown.order != 1:
        raise UnsupportedError("a closed form with constraints is known for one affine equation on a vector")
    residual = conditions[0].residual
    slope = simplify(jacobian(residual, unknown))
    if depends_on(slope, unknown) or residual.order > 1:
        raise UnsupportedError("the equation is not affine in the unknown, or not a vector equation")
    right = simplify(add([(MINUS, substitute(residual, {unknown: zero(unknown.shape)}))], residual.shape))
    free = system.solve(system.constant)
    if residual.order == 0:
        middle = matmul(slope, system.solve(slope))
        gap = add([(ONE, matmul(slope, free)), (MINUS, right)], ())
        nu = einsum([(power(middle, MINUS), ()), (gap, ())], ())
        pull = einsum([(slope, (0,)), (nu, ())], (0,))
    else:
        middle = matmul(slope, system.solve(transpose(slope)))
        gap = add([(ONE, matmul(slope, free)), (MINUS, right)], right.shape)
        nu = matmul(apply("inv", middle), gap)
        pull = matmul(transpose(slope), nu)
    nu = simplify(nu)
    solution = simplify(system.solve(add([(ONE, system.constant), (MINUS, simplify(pull))], unknown.shape)))
    what = notation.text(simplify(system.matrix))
    inner = notation.text(simplify(middle))
    condition = f"{inner} is invertible" if residual.order else f"{inner} != 0"
    if middle.facts & {"invertible", "nonzero", "positive"} or (constant_value(middle) or 0) != 0:
        condition = ""
    both = " and ".join(c for c in (_invertible(system, what), condition) if c)
    return ClosedForm(unknown, solution, system.matrix, both, _why(unknown, what), nu, held)
