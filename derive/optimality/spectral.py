"""Closed forms under orthonormality, WᵀW = I or WᵀBW = I, and of quotients of quadratic forms.

The objective is first reduced on the feasible set (WᵀW -> I). Its derived gradient is then

    A W          =>  A W = B W diag(ρ): eigenvectors, the largest or the smallest (Ky Fan)
    M, no W      =>  W = U Vᵀ from the singular value decomposition of ∓M (Procrustes)

and for a quotient, whose gradient is s₁(w) A w + s₂(w) B w:  A w = ρ B w with ρ = −s₂/s₁ (Rayleigh, Fisher).
(Golub & Van Loan, Matrix Computations, §6.4.1, §8.1, §8.7.) That the projected gradient of the objective *as stated*
is that of the reduced one, (I − WWᵀ) A W up to a factor, is proved by multiplying out.
"""

from __future__ import annotations

import sympy

from .. import notation
from ..build import (
    Factor,
    add,
    einsum,
    is_zero,
    matmul,
    negate,
    power,
    scale,
    split_power,
    split_scale,
    swap_last,
)
from ..convexity.entry_functions import factors_of
from ..convexity.signs import components
from ..differentiate import gradient, substitute
from ..errors import UnsupportedError
from ..node import Delta, Einsum, Labels, Node, Ones, Sum, Variable, delta, depends_on, ones, transform
from ..operators import rebuild, rewritten
from ..simplify import expand, simplify
from ..sizes import ONE, same_size
from ..sums import flat_terms
from ..verify.proof import proof
from .affine import MINUS, affine, definite
from .case import Case, orthonormal
from .solutions import ClosedForm, Eigenvectors, Polar


def eigenvectors(case: Case) -> ClosedForm:
    """Extreme eigenvectors, or the orthonormal polar factor."""
    unknown = case.unknown
    metric = _metric(case)
    square = _is_square_matrix(unknown)
    reduced = _reduced(case.objective, unknown, square) if metric is None else case.objective
    slope = simplify(expand(gradient(reduced, unknown)))
    if is_zero(slope):
        raise UnsupportedError(f"the objective does not depend on {unknown.name} where the constraint holds")
    if not depends_on(slope, unknown):
        if metric is not None or unknown.order != 2:
            return _direction(case, slope, metric)
        return _procrustes(case, slope)
    system = affine(slope, unknown)
    if system.side not in ("left", "scalar") or not is_zero(expand(system.constant)):
        raise UnsupportedError(f"stationarity in {unknown.name} is no eigenproblem")
    matrix = system.matrix
    if system.side == "scalar":
        raise UnsupportedError(f"the objective does not depend on {unknown.name} where the constraint holds")
    if "symmetric" not in matrix.facts and not is_zero(
        expand(add([(ONE, matrix), (MINUS, swap_last(matrix))]))
    ):
        raise UnsupportedError(f"stationarity in {unknown.name} is no symmetric eigenproblem")
    shown, largest = _turned(simplify(matrix))
    why = _proof_of_eigenproblem(case, matrix, metric)
    count = unknown.shape[1] if unknown.order == 2 else None
    solution = Eigenvectors(shown, metric, largest, count)
    conditions = []
    if metric is not None and not definite(metric):
        conditions.append(f"{notation.text(metric)} is positive definite")
    if count is not None:
        conditions.append(f"{count} <= {unknown.shape[0]}")
    return ClosedForm(unknown, solution, shown, " and ".join(conditions), why, None, case.fixed)


def _is_square_matrix(unknown: Variable) -> bool:
    """Whether WᵀW = I implies WWᵀ = I."""
    return unknown.order == 2 and same_size(*unknown.shape)


def _turned(matrix: Node) -> tuple[Node, bool]:
    """The matrix without its factor in front, and whether the largest eigenvalues are wanted for a minimum."""
    c, core = split_scale(matrix)
    if not c.is_number:
        return (negate(matrix), True) if c.could_extract_minus_sign() else (matrix, False)
    return core, bool(c < 0)


def _metric(case: Case) -> Node | None:
    """B for the constraint WᵀBW = I, None for WᵀW = I; raises where there is another constraint."""
    unknown = case.unknown
    if len(case.binding) != 1 or case.binding[0].kind != "==" or unknown.order not in (1, 2):
        raise UnsupportedError("this closed form is for one orthonormality constraint")
    residual = expand(case.binding[0].residual)
    order = unknown.order
    found: list[tuple[sympy.Expr, Node]] = []
    identity = sympy.S.Zero
    for c, term in flat_terms(residual):
        factors = factors_of(term)
        if not depends_on(term, unknown):
            if not (isinstance(term, Delta) if order == 2 else isinstance(term, Ones) and not term.order):
                raise UnsupportedError("the right side of the constraint is not the identity")
            identity += c
            continue
        squared = [k for k, (n, _) in enumerate(factors) if n is not unknown and depends_on(n, unknown)]
        if len(factors) == 1 and squared and order == 1 and factors[0][0] is power(unknown, sympy.Integer(2)):
            found.append((c, delta(unknown.shape[0])))
            continue
        places = [k for k, (n, _) in enumerate(factors) if n is unknown]
        rest = [f for k, f in enumerate(factors) if k not in places]
        if len(places) != 2 or squared:
            raise UnsupportedError("the constraint is not quadratic in the unknown")
        la, lb = (factors[k][1] for k in places)
        if order == 2 and {la[1], lb[1]} != {0, 1}:
            raise UnsupportedError("the constraint is not orthonormality of columns")
        if order == 2 and la[1] == 1:
            la, lb = lb, la
        if la[0] == lb[0]:
            if any(la[0] in ls for _, ls in rest):
                weight = einsum([*rest, (delta(unknown.shape[0]), (la[0], 99))], (la[0], 99))
                found.append((c, weight))
            else:
                found.append((c, einsum([*rest, (delta(unknown.shape[0]), (50, 51))], (50, 51))))
        else:
            found.append((c, einsum(rest, (la[0], lb[0]))))
    if not found or identity == 0:
        raise UnsupportedError("the constraint is not orthonormality of columns")
    metric = simplify(add([(-c / identity, n) for c, n in found]))
    return None if isinstance(metric, Delta) else metric


def _reduced(objective: Node, unknown: Variable, square: bool) -> Node:
    """The objective with WᵀW -> I wherever it stands."""
    squares = power(unknown, sympy.Integer(2)) if unknown.order == 1 else None
    root = expand(squares_multiplied_out(expand(objective)))
    for _ in range(6):
        better = expand(rewritten(root, lambda node: orthonormal(node, unknown, square)))
        if squares is not None:
            total = einsum([(squares, (0,))], ())
            better = expand(substitute(better, {total: ones(())}))
        if better is root:
            break
        root = better
    return root


def squares_multiplied_out(root: Node) -> Node:
    """Σ (a + b + …)² with the squares multiplied out, products inside with labels of their own."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        while isinstance(new, Einsum):
            factors = factors_of(new)
            place = next((k for k, (n, _) in enumerate(factors) if _is_square(n)), None)
            if place is None:
                return new
            (square, labels), rest = factors[place], [f for k, f in enumerate(factors) if k != place]
            terms = flat_terms(split_power(square)[0])
            views = [[_relabelled(t, labels, 1000 * (side + 1)) for _, t in terms] for side in (0, 1)]
            found = [
                (c * e, einsum([*rest, *views[0][i], *views[1][j]], new.output))
                for i, (c, _) in enumerate(terms)
                for j, (e, _) in enumerate(terms)
            ]
            opened = add(found, new.shape)
            if opened is new or not isinstance(opened, Einsum):
                return opened
            new = opened
        return new

    return transform([root], rewrite)[0]


def _is_square(node: Node) -> bool:
    base, exponent = split_power(node)
    return bool(exponent == 2) and (isinstance(base, Sum) or (isinstance(base, Einsum) and bool(base.summed)))


def _relabelled(term: Node, labels: Labels, fresh: int) -> list[Factor]:
    """The factors of a term whose axes are called `labels`, summed labels renamed."""
    place = dict(enumerate(labels))
    return [(n, tuple(place.get(i, i + fresh) for i in ls)) for n, ls in factors_of(term)]


def _direction(case: Case, slope: Node, metric: Node | None) -> ClosedForm:
    """min ⟨m, w⟩ on the sphere: w = −m / ‖m‖, and −B⁻¹m / √(mᵀB⁻¹m) on an ellipsoid."""
    from ..operators import apply

    if case.unknown.order != 1:
        raise UnsupportedError("a linear objective under WᵀBW = I is not known here")
    pulled = slope if metric is None else matmul(apply("inv", metric), slope)
    length = power(einsum([(slope, (0,)), (pulled, (0,))], ()), -sympy.S.Half)
    solution = simplify(einsum([(scale(MINUS, pulled), (0,)), (length, ())], (0,)))
    conditions = [f"{notation.text(split_scale(slope)[1])} != 0"]
    if metric is not None and not definite(metric):
        conditions.append(f"{notation.text(metric)} is positive definite")
    why = "the objective is linear on the feasible set (Cauchy–Schwarz)"
    return ClosedForm(
        case.unknown,
        solution,
        slope,
        " and ".join(conditions),
        why,
        None,
        case.fixed,
        kind="a minimum over all that satisfy the constraint",
    )


def _procrustes(case: Case, slope: Node) -> ClosedForm:
    c, core = split_scale(simplify(slope))
    matrix = core if c.is_number and c < 0 else negate(core)
    _same_projection(case, slope)
    why = (
        f"where the constraint holds the objective is linear in {case.unknown.name} with the derived gradient "
        f"{notation.text(slope)}, and tr(W.T @ M) is largest at the orthonormal polar factor of M"
    )
    condition = f"{notation.text(matrix)} has full column rank"
    return ClosedForm(case.unknown, Polar(matrix), matrix, condition, why, None, case.fixed)


def _same_projection(case: Case, slope: Node) -> None:
    """The parts of both gradients that are normal to W agree where WᵀW = I; raises where that is not shown.

    With P = I − WWᵀ: P ∇f = P ∇f_reduced. What is tangential and not symmetric in Wᵀ∇f must agree as well.
    """
    unknown = case.unknown
    square = _is_square_matrix(unknown)
    difference = add([(ONE, case.slope), (MINUS, slope)], slope.shape)
    column = unknown.order == 1
    if column:
        inner = einsum([(unknown, (0,)), (difference, (0,))], ())
        back = einsum([(unknown, (0,)), (inner, ())], (0,))
        skew = None
    else:
        inner = matmul(swap_last(unknown), difference)
        back = matmul(unknown, inner)
        skew = add([(ONE, inner), (MINUS, swap_last(inner))], inner.shape)
    normal = add([(ONE, difference), (MINUS, back)], difference.shape)
    for part in (normal, skew):
        if part is not None and not is_zero(_reduced(expand(part), unknown, square)):
            raise UnsupportedError(
                "the reduced objective could not be shown to have the same stationary points"
            )


def _proof_of_eigenproblem(case: Case, matrix: Node, metric: Node | None) -> str:
    name, shown = case.unknown.name, notation.text(_turned(simplify(matrix))[0])
    shown = f"({shown})" if " + " in shown or " - " in shown else shown
    tail = "rho" if case.unknown.order == 1 else "N, N symmetric"
    middle = f"{name} * {tail}" if case.unknown.order == 1 else f"{name} @ {tail}"
    if metric is None:
        labels = tuple(range(case.unknown.order))
        slope = einsum([(matrix, (0, 9)), (case.unknown, (9, *labels[1:]))], labels)
        _same_projection(case, slope)
    else:
        middle = f"{notation.text(metric)} @ {middle}"
    return (
        f"the derived stationarity of the Lagrangian is {shown} @ {name} = {middle}, by multiplying out where the "
        "constraint holds, and the objective there is the sum of the eigenvalues up to a factor and a constant"
    )


# ---------------------------------------------------------------- quotients


def quotient(case: Case) -> ClosedForm:
    """Stationary points of a quotient of quadratic forms: generalised eigenvectors."""
    unknown = case.unknown
    if unknown.order != 1:
        raise UnsupportedError("a quotient of quadratic forms is in one vector")
    _homogeneous(case)
    groups: dict[Node, list[tuple[sympy.Expr, Node]]] = {}
    for c, term in flat_terms(expand(case.slope)):
        vector, scalar = _split(term, unknown)
        groups.setdefault(vector, []).append((c, scalar))
    merged = _merged(groups)
    if len(merged) != 2:
        raise UnsupportedError(f"stationarity in {unknown.name} is no eigenproblem")
    (one, s1), (other, s2) = merged
    for a, b, top, bottom in ((one, other, s1, s2), (other, one, s2, s1)):
        rho = scale(MINUS, einsum([(bottom, ()), (power(top, MINUS), ())], ()))
        sign = _sign_of(case.objective, rho)
        if sign:
            return _quotient(case, a, b, rho, sign)
    raise UnsupportedError("the objective is not the eigenvalue of the eigenproblem that stationarity is")


def _homogeneous(case: Case) -> None:
    """A constraint on the length of w leaves a function of its direction alone."""
    for c in case.binding:
        if c.kind != "==" or not is_zero(simplify(einsum([(case.slope, (0,)), (case.unknown, (0,))], ()))):
            raise UnsupportedError("this closed form is for an unknown without constraints")


def _split(term: Node, unknown: Variable) -> tuple[Node, Node]:
    """A term as scalar · vector, the vector being M w."""
    if not isinstance(term, Einsum):
        return term, ones(())
    parts = components(term, (0,))
    vectors = [n for n, ls in parts if ls == (0,)]
    scalars = [(n, ()) for n, ls in parts if ls == ()]
    if len(vectors) != 1:
        raise UnsupportedError(f"stationarity in {unknown.name} is no eigenproblem")
    vector = vectors[0]
    if not depends_on(vector, unknown):  # c (cᵀw), the rank-one form of a quadratic (wᵀc)²
        along = einsum([(vector, (0,)), (unknown, (0,))], ())
        place = next((k for k, (n, _) in enumerate(scalars) if n is along), None)
        if place is None:
            raise UnsupportedError(f"stationarity in {unknown.name} is no eigenproblem")
        del scalars[place]
        vector = einsum([(vector, (0,)), (vector, (9,)), (unknown, (9,))], (0,))
    return vector, einsum(scalars, ()) if scalars else ones(())


def _merged(groups: dict[Node, list[tuple[sympy.Expr, Node]]]) -> list[tuple[Node, Node]]:
    """Vectors with the same scalar in front belong together: (A + cI) w."""
    found: list[tuple[Node, Node]] = []
    for vector, terms in groups.items():
        scalar = simplify(add(terms, ()))
        c, core = split_scale(scalar)
        for k, (other, s) in enumerate(found):
            if s is core:
                found[k] = (add([(ONE, other), (c, vector)]), s)
                break
        else:
            found.append((scale(c, vector), core))
    return found


def _sign_of(objective: Node, rho: Node) -> int:
    """+1 where the objective is ρ, −1 where it is −ρ, up to a positive factor; 0 otherwise."""
    for sign in (1, -1):
        if proof(objective, scale(sympy.Integer(sign), rho)) is not None:
            return sign
    return 0


def _quotient(case: Case, a: Node, b: Node, rho: Node, sign: int) -> ClosedForm:
    unknown = case.unknown
    numerator, denominator = affine(a, unknown), affine(b, unknown)
    first, second = (
        scale_matrix(s.matrix, unknown) if s.side == "scalar" else s.matrix for s in (numerator, denominator)
    )
    if not all("symmetric" in m.facts for m in (first, second)):
        raise UnsupportedError(f"stationarity in {unknown.name} is no symmetric eigenproblem")
    # A w = ρ B w with B positive definite: the sign in front of B goes to A, a common number goes away, and
    # the sign in front of A turns ρ and with it the order.
    c, second = split_scale(second)
    first = simplify(scale(1 / c, first)) if c.is_number else first
    second = second if c.is_number else scale(c, second)
    e, core = split_scale(first)
    largest = sign < 0
    if e.is_number:
        first, largest = core, largest != bool(e < 0)
    metric = None if isinstance(second, Delta) else second
    conditions = []
    if metric is not None and not definite(metric):
        conditions.append(f"{notation.text(metric)} is positive definite")
    why = (
        f"the derived stationarity is {_times(first, unknown)} = rho * {_times(second, unknown)}, "
        "and the objective is rho up to a factor, identically"
    )
    return ClosedForm(
        unknown,
        Eigenvectors(first, metric, largest, None),
        first,
        " and ".join(conditions),
        why,
        None,
        case.fixed,
    )


def _times(matrix: Node, unknown: Variable) -> str:
    return notation.text(simplify(matmul(matrix, unknown)))


def scale_matrix(c: Node, unknown: Variable) -> Node:
    """c·I of the size of the unknown."""
    return einsum([(c, ()), (delta(unknown.shape[0]), (0, 1))], (0, 1))
