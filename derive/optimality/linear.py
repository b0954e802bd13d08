"""Closed forms where stationarity is linear in the unknown, free or under affine equations.

    ∇f(w) = H w − b           =>   w = H⁻¹ b
    ∇f(W) = A W − B           =>   W = A⁻¹ B        (and W A − B  =>  W = B A⁻¹)
    H w + Gᵀν = c,  G w = b   =>   ν = (G H⁻¹ Gᵀ)⁻¹ (G H⁻¹ c − b),   w = H⁻¹ (c − Gᵀν)

(Boyd & Vandenberghe, Convex Optimization, §10.1.) Where H is singular, the solution of least norm is H⁺ b.
"""

from __future__ import annotations

from .. import notation
from ..build import add, constant_value, einsum, matmul, power, transpose, zero
from ..differentiate import jacobian, substitute
from ..errors import UnsupportedError
from ..node import Node, depends_on
from ..operators import apply
from ..simplify import simplify
from ..sizes import ONE
from .affine import MINUS, Affine, affine, bare
from .case import Case
from .common import without_common_factor
from .solutions import ClosedForm

#: Facts that a solution of linear equations is not checked for.
_OPEN = frozenset({"positive", "nonnegative", "nonzero", "pd", "psd"})


def linear(case: Case) -> ClosedForm:
    """The solution of linear stationarity."""
    unknown = case.unknown
    system = affine(case.slope if case.binding else without_common_factor(case.slope), unknown)
    extra = unknown.facts - {"symmetric"}
    if extra - _OPEN or (extra & {"pd", "psd"} and system.side not in ("scalar", "entries")):
        raise UnsupportedError(
            f"{unknown.name} is {', '.join(sorted(extra))}, which a linear solution need not be"
        )
    if "symmetric" in unknown.facts and unknown.order >= 2 and system.side not in ("scalar", "entries"):
        raise UnsupportedError(
            f"stationarity in the symmetric {unknown.name} is a Lyapunov equation in general"
        )
    if case.binding:
        return _constrained(case, system)
    solution = simplify(system.solve(system.constant))
    conditions = [system.invertible(), _inside(case, solution)]
    otherwise = ""
    if conditions[0] and system.side in ("left", "right"):
        ends = [f"pinv({notation.text(system.matrix)})", _factor(system.constant)]
        ends = ends if system.side == "left" else ends[::-1]
        otherwise = f"{unknown.name} = {ends[0]} @ {ends[1]}, of least norm, if there is a solution"
    return ClosedForm(
        unknown,
        solution,
        system.matrix,
        " and ".join(c for c in conditions if c),
        why(case, system),
        None,
        case.fixed,
        otherwise,
        system,
        requires=_asked(case, solution),
    )


def _factor(node: Node) -> str:
    text = notation.text(node)
    return f"({text})" if " + " in text or " - " in text else text


def _asked(case: Case, solution: Node) -> tuple[tuple[Node, str], ...]:
    """What the facts on the unknown ask of the solution, where it is not visible."""
    if not any(c.kind == "open" for c in case.conditions):
        return ()
    wanted = "pd" if "pd" in case.unknown.facts else "positive"
    if wanted in solution.facts:
        return ()
    return ((solution, "pd" if wanted == "pd" else ">"),)


def _inside(case: Case, solution: Node) -> str:
    """The same in words."""
    for node, sign in _asked(case, solution):
        text = notation.text(node)
        return f"{text} is positive definite" if sign == "pd" else f"{text} > 0"
    return ""


def why(case: Case, system: Affine) -> str:
    """The reason, naming the matrix."""
    what = notation.text(bare(system.matrix))
    kind = "matrix" if system.side in ("left", "right", "batch") else "weight"
    return (
        f"stationarity is linear in {case.unknown.name} with the {kind} {what}, "
        "by multiplying out for all sizes"
    )


def _constrained(case: Case, system: Affine) -> ClosedForm:
    """The KKT system of a quadratic with one affine equation, by its Schur complement."""
    unknown, conditions = case.unknown, case.binding
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
    inner = notation.text(bare(middle))
    condition = f"{inner} is invertible" if residual.order else f"{inner} != 0"
    if middle.facts & {"invertible", "nonzero", "positive"} or (constant_value(middle) or 0) != 0:
        condition = ""
    both = " and ".join(c for c in (system.invertible(), condition, _inside(case, solution)) if c)
    name = conditions[0].multiplier.name if conditions[0].multiplier is not None else "nu"
    return ClosedForm(
        unknown,
        solution,
        system.matrix,
        both,
        why(case, system),
        nu,
        case.fixed,
        "",
        system,
        name,
        requires=_asked(case, solution),
    )
