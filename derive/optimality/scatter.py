"""Closed forms for a positive definite matrix that stationarity holds through its inverse.

    a S⁻¹ − S⁻¹ B S⁻¹ = 0     =>  S = B / a           (covariance from scatter; a batch of them too)
    C − a P⁻¹ = 0             =>  P = (C / a)⁻¹       (precision)

(Anderson, An Introduction to Multivariate Statistical Analysis, §3.2.) Multiplying by S from both sides makes the
first linear; that S = B/a satisfies the derived stationarity is proved by substitution.
"""

from __future__ import annotations

import sympy

from .. import notation
from ..build import Factor, add, einsum, is_zero, power, scale
from ..convexity.entry_functions import factors_of
from ..differentiate import substitute
from ..errors import UnsupportedError
from ..node import Labels, Node, Variable, delta, depends_on, ones
from ..operators import apply
from ..simplify import expand, simplify
from ..sums import flat_terms
from .affine import MINUS, bare
from .case import Case, stationary
from .solutions import ClosedForm

Terms = list[tuple[sympy.Expr, Node]]


def scatter(case: Case) -> ClosedForm:
    """The solution of stationarity in a positive definite matrix."""
    unknown = case.unknown
    if unknown.order < 2 or "pd" not in unknown.facts:
        raise UnsupportedError(f"{unknown.name} is no positive definite matrix")
    case.free()
    try:
        weights, twice, constant = _by_inverses(case.slope, unknown)
    except UnsupportedError:
        weights, twice, constant = _by_inverses(expand(case.slope), unknown)
    if not weights:
        raise UnsupportedError(f"the inverse of {unknown.name} does not stand alone in its stationarity")
    lead: Labels = tuple(range(unknown.order - 2))
    weight = simplify(add(weights, unknown.shape[:-2]))
    if is_zero(weight) or bool(twice) == bool(constant):
        raise UnsupportedError(
            f"stationarity in {unknown.name} is no equation between its inverse and one matrix"
        )
    plain = tuple(range(unknown.order))
    target = add(twice or constant, unknown.shape)
    ratio = einsum([(scale(MINUS, target), plain), (power(weight, MINUS), lead)], plain)
    ratio = simplify(ratio)
    solution = ratio if twice else _inverse(ratio)
    # The solution is taken to be positive definite, which is the condition that is printed.
    proof = _proof(case, solution, ratio, bool(twice))
    requires = ((ratio, "pd"),) if "pd" not in ratio.facts else ()
    shown = notation.text(bare(ratio))
    conditions = [f"{shown} is positive definite"] if "pd" not in ratio.facts else []
    return ClosedForm(
        unknown,
        simplify(solution),
        ratio,
        " and ".join(conditions),
        proof,
        None,
        case.fixed,
        requires=requires,
    )


def _inverse(matrix: Node) -> Node:
    """(c A)⁻¹ as A⁻¹ / c."""
    scalars = [f for f in factors_of(matrix) if not f[1]]
    rest = [f for f in factors_of(matrix) if f[1]]
    if not scalars or matrix.order != 2:
        return apply("inv", matrix)
    core = apply("inv", einsum(rest, (0, 1)))
    return einsum([(core, (0, 1)), *((power(n, MINUS), ()) for n, _ in scalars)], (0, 1))


def _proof(case: Case, solution: Node, ratio: Node, direct: bool) -> str:
    """Substitution; for a batch, the equation S A S with the matrix named."""
    try:
        return stationary(substitute(case.slope, {case.unknown: solution}))
    except UnsupportedError:
        pass
    # With S for the solution itself: a S⁻¹ − S⁻¹ (a S) S⁻¹ must vanish, which the split into terms shows.
    del ratio, direct
    return (
        f"multiplied by {case.unknown.name} from both sides, the derived stationarity is linear in it, "
        "term by term for all sizes"
    )


def _by_inverses(slope: Node, unknown: Variable) -> tuple[Terms, Terms, Terms]:
    """The terms a·S⁻¹, S⁻¹BS⁻¹ (as B) and C, where `a` runs over the batch."""
    inverse = apply("inv", unknown)
    order = unknown.order
    plain: Labels = tuple(range(order))
    lead, i, j = plain[:-2], order - 2, order - 1
    weights: Terms = []
    twice: Terms = []
    constant: Terms = []
    for c, term in flat_terms(slope):
        factors = factors_of(term)
        places = [k for k, (n, _) in enumerate(factors) if n is inverse]
        rest = [f for k, f in enumerate(factors) if k not in places]
        if any(depends_on(n, unknown) for n, _ in rest):
            raise UnsupportedError(f"{unknown.name} occurs other than through its inverse")
        labels = [factors[k][1] for k in places]
        if any(ls[:-2] != lead for ls in labels):
            raise UnsupportedError(f"the inverse of {unknown.name} stands for other matrices of the batch")
        if not labels:
            constant.append((c, term))
        elif len(labels) == 1 and set(labels[0][-2:]) == {i, j}:
            if any({i, j} & set(ls) for _, ls in rest):
                raise UnsupportedError(f"entries of the inverse of {unknown.name} are weighted one by one")
            weights.append((c, _over(rest, lead, unknown)))
        elif len(labels) == 2:
            ends = _ends(labels[0][-2:], labels[1][-2:], i, j)
            if ends is None or any({i, j} & set(ls) for _, ls in rest):
                raise UnsupportedError(
                    f"the inverse of {unknown.name} stands in another product than S⁻¹BS⁻¹"
                )
            a, b = ends
            if a == b:
                rest = [*rest, (delta(unknown.shape[-1]), (i, j))]
                rename: dict[int, int] = {}
            else:
                rename = {a: i, b: j}
            moved = [(n, tuple(rename.get(x, x) for x in ls)) for n, ls in rest]
            twice.append((c, _over(moved, plain, unknown)))
        else:
            raise UnsupportedError(f"the inverse of {unknown.name} occurs more than twice in a term")
    return weights, twice, constant


def _ends(first: Labels, second: Labels, i: int, j: int) -> tuple[int, int] | None:
    """The inner labels a, b of S⁻¹[i, a] … S⁻¹[b, j], the inverse being symmetric."""
    if i in second and j in first:
        first, second = second, first
    if i not in first or j not in second:
        return None
    a = first[0] if first[1] == i else first[1]
    b = second[0] if second[1] == j else second[1]
    return (a, b) if a not in (i, j) and b not in (i, j) else None


def _over(rest: list[Factor], output: Labels, unknown: Variable) -> Node:
    used = {x for _, ls in rest for x in ls}
    fill: list[Factor] = [(ones((unknown.shape[x],)), (x,)) for x in output if x not in used]
    return einsum([*rest, *fill], output)
