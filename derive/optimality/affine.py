"""An array expression that is affine in an unknown, as A·w − b, read off its derivative and proved.

    side "scalar"    a w            a number
         "entries"   a ∘ w          an array over some of the axes of w
         "left"      A w            a matrix on the first axis of w
         "right"     w A            a matrix on the last axis of w
         "batch"     A[k] w[k]      a matrix for every leading index, on the last axis of w

The derivative along a direction D must be A·D term by term; that the expression is A·w − b is then proved by
multiplying out, for all sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import sympy

from .. import notation
from ..build import Factor, add, einsum, is_zero, matmul, power, scale, split_scale, zero
from ..convexity.entry_functions import factors_of
from ..differentiate import jvp, substitute
from ..errors import DeriveError, UnsupportedError
from ..evaluate import evaluate_bound
from ..node import (
    Delta,
    Labels,
    Node,
    Ones,
    Variable,
    delta,
    depends_on,
    ones,
    size_symbols,
    variable,
    variables,
)
from ..operators import apply
from ..simplify import expand, simplify
from ..sizes import ONE
from ..sums import flat_terms
from ..verify.proof import proof
from ..verify.sampling import distinct_sizes, draw

MINUS = sympy.S.NegativeOne
#: Expressions of more parts than this are looked at in numbers before they are multiplied out.
LONG = 20


@final
@dataclass(frozen=True)
class Affine:
    """The expression A·w − b in an unknown w."""

    unknown: Variable
    matrix: Node
    constant: Node
    side: str

    def solve(self, right: Node) -> Node:
        """The w for which the linear part is `right`."""
        plain = tuple(range(right.order))
        if self.side in ("scalar", "entries"):
            over = plain[: self.matrix.order] if self.side == "entries" else ()
            return einsum([(right, plain), (power(self.matrix, MINUS), over)], plain)
        inverse = apply("inv", self.matrix)
        if self.side == "batch":
            *lead, last = plain
            return einsum([(inverse, (*lead, last, 99)), (right, (*lead, 99))], plain)
        return matmul(inverse, right) if self.side == "left" else matmul(right, inverse)

    def times(self, w: Node) -> Node:
        """The linear part of the expression at w."""
        plain = tuple(range(w.order))
        if self.side in ("scalar", "entries"):
            return einsum([(self.matrix, plain[: self.matrix.order]), (w, plain)], plain)
        if self.side == "batch":
            *lead, last = plain
            return einsum([(self.matrix, (*lead, last, 99)), (w, (*lead, 99))], plain)
        return matmul(self.matrix, w) if self.side == "left" else matmul(w, self.matrix)

    def invertible(self) -> str:
        """The condition under which `solve` works, in words; empty where facts grant it."""
        facts = self.matrix.facts
        if "invertible" in facts or facts & {"nonzero", "positive"}:
            return ""
        if self.side in ("left", "right") and definite(self.matrix):
            return ""
        c, core = split_scale(simplify(self.matrix))
        what = notation.text(core if c.is_nonzero else scale(c, core))
        if self.side in ("scalar", "entries"):
            return f"{what} != 0"
        return f"{what} is invertible"


def _bends(slope: Node, unknown: Variable) -> bool:
    """Whether three points on a line show that the expression is not affine in the unknown."""
    binding = distinct_sizes(size_symbols(slope, unknown))[0]
    start, along = (  # near zero: far out many functions no longer bend
        {n: np.asarray(a, dtype=np.float64) / 2 for n, a in draw(vs, binding, seed).arrays.items()}
        for vs, seed in ((sorted({*variables(slope), unknown}, key=lambda v: v.name), 0), ([unknown], 1))
    )
    name = unknown.name
    try:
        a, b, c = (
            evaluate_bound([slope], {**start, name: start[name] + t * along[name]}, binding)[0]
            for t in (0.0, 0.25, 0.5)
        )
    except (DeriveError, np.linalg.LinAlgError, ArithmeticError):
        return False
    scale = np.max(np.abs([a, b, c]))
    return bool(np.isfinite(scale) and np.max(np.abs(a - 2 * b + c)) > 1e-5 * scale + 1e-12)


def affine(slope: Node, unknown: Variable) -> Affine:
    """`slope` as A·w − b; raises `UnsupportedError` where it is not of that form."""
    if slope.weight > LONG and _bends(slope, unknown):
        raise UnsupportedError(f"stationarity is not linear in {unknown.name}: seen in numbers")
    step = variable("_step", unknown.shape)
    along = expand(jvp(slope, unknown, step))
    if depends_on(along, unknown):
        raise UnsupportedError(
            f"stationarity is not linear in {unknown.name}: {notation.text(simplify(slope))} = 0"
        )
    if is_zero(along):
        raise UnsupportedError(f"stationarity does not determine {unknown.name}")
    constant = simplify(add([(MINUS, substitute(slope, {unknown: zero(unknown.shape)}))], slope.shape))
    matrix, side = _factor(along, step, unknown)
    found = Affine(unknown, matrix, constant, side)
    claimed = add([(ONE, found.times(unknown)), (MINUS, constant), (MINUS, slope)], slope.shape)
    if not is_zero(expand(claimed)) and proof(claimed, zero(claimed.shape)) is None:
        raise UnsupportedError(f"stationarity in {unknown.name} could not be brought to the form A w = b")
    return found


def bare(matrix: Node) -> Node:
    """The matrix without a positive number in front, for a statement about its inverse."""
    c, core = split_scale(simplify(matrix))
    return core if c.is_positive else scale(c, core)


def definite(matrix: Node) -> bool:
    """Whether facts show a symmetric matrix to be positive definite: psd terms, one of them pd."""
    if "pd" in matrix.facts:
        return True
    some = False
    for c, term in flat_terms(matrix):
        if not c.is_positive:
            return False
        scalars = [n for n, ls in factors_of(term) if not ls]
        rest = [f for f in factors_of(term) if f[1]]
        core = einsum(rest, (0, 1)) if scalars else term
        strict = "pd" in core.facts and all("positive" in n.facts for n in scalars)
        if not strict and not ("psd" in core.facts and all("nonnegative" in n.facts for n in scalars)):
            return False
        some = some or strict
    return some


def _sides(order: int) -> tuple[str, ...]:
    if order == 0:
        return ("scalar",)
    if order == 1:
        return ("scalar", "entries", "left")
    if order == 2:
        return ("scalar", "entries", "left", "right", "batch")
    return ("scalar", "entries", "batch")


def _factor(along: Node, step: Variable, unknown: Variable) -> tuple[Node, str]:
    """A with along = A·step, read off term by term."""
    terms = flat_terms(along)
    for side in _sides(unknown.order):
        pieces = [_piece(node, step, side) for _, node in terms]
        if all(p is not None for p in pieces):
            found = [(c, p) for (c, _), p in zip(terms, pieces, strict=True) if p is not None]
            return _reduced(simplify(add(found, found[0][1].shape)), side)
    raise UnsupportedError(f"stationarity in {unknown.name} is linear, but no product with one matrix")


def _reduced(matrix: Node, side: str) -> tuple[Node, str]:
    """A weight that is the same along trailing axes, without these axes."""
    while side == "entries" and matrix.order:
        constant = sum_last(matrix)
        if constant is None:
            break
        matrix = constant
    return (matrix, "scalar") if side == "entries" and not matrix.order else (matrix, side)


def sum_last(node: Node) -> Node | None:
    """The array without its last axis where all entries along that axis are equal, else None."""
    terms = flat_terms(node)
    last = node.order - 1
    found: list[tuple[sympy.Expr, Node]] = []
    for c, t in terms:
        factors = factors_of(t)
        bare = [f for f in factors if last in f[1]]
        if any(not isinstance(n, Ones) for n, _ in bare) or any(isinstance(n, Delta) for n, _ in bare):
            return None
        kept = [f for f in factors if f not in bare]
        missing = [k for k in range(last) if not any(k in ls for _, ls in kept)]
        kept += [(ones((node.shape[k],)), (k,)) for k in missing]
        found.append((c, einsum(kept, tuple(range(last)))))
    return add(found, node.shape[:-1])


def constant_over(node: Node, count: int) -> Node | None:
    """The node over so many leading axes alone, where it is the same along the others; else None."""
    while node.order > count:
        reduced = sum_last(node)
        if reduced is None:
            return None
        node = reduced
    return node


def _piece(node: Node, step: Variable, side: str) -> Node | None:
    """The factor of `step` in one term, in the shape that the side asks for."""
    order = step.order
    plain: Labels = tuple(range(order))
    factors = factors_of(node)
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
        if side == "entries":
            return _spread(scalar, (), step)
        axis = 0 if side == "left" else order - 1
        if side == "batch":
            return _diagonal([(scalar, ())], step)
        return einsum([(scalar, ()), (delta(step.shape[axis]), (0, 1))], (0, 1))
    if side == "scalar":
        return None
    if side == "entries":
        if labels != plain:
            return None
        over = tuple(i for i in plain if i in used)
        return _spread(einsum(rest, over), over, step)
    axis = 0 if side == "left" else order - 1
    kept = [k for k in range(order) if k != axis]
    if side == "batch":
        if any(labels[k] != k for k in kept):
            return None
        if labels[axis] == axis:
            return _diagonal(rest, step)
        lead = tuple(kept)
        fill: list[Factor] = [(ones((step.shape[k],)), (k,)) for k in lead if k not in used]
        return einsum([*rest, *fill], (*lead, axis, labels[axis])) if labels[axis] in used else None
    if any(labels[k] != k or k in used for k in kept):
        return None
    inside = labels[axis]
    if inside == axis:  # an elementwise factor: a diagonal matrix
        fresh = 99
        return einsum([*rest, (delta(step.shape[axis]), (axis, fresh))], (axis, fresh))
    wanted = (axis, inside) if side == "left" else (inside, axis)
    return einsum(rest, wanted) if set(wanted) <= used else None


def _spread(weight: Node, over: Labels, step: Variable) -> Node:
    """A weight over some axes, repeated along the others."""
    fill: list[Factor] = [(ones((s,)), (k,)) for k, s in enumerate(step.shape) if k not in over]
    return einsum([(weight, over), *fill], tuple(range(step.order)))


def _diagonal(rest: list[Factor], step: Variable) -> Node:
    """Weights as diagonal matrices, one for every leading index."""
    used = {i for _, ls in rest for i in ls}
    last = step.order - 1
    fill: list[Factor] = [(ones((step.shape[k],)), (k,)) for k in range(last) if k not in used]
    return einsum([*rest, *fill, (delta(step.shape[last]), (last, 99))], (*range(last), last, 99))


__all__ = ["MINUS", "Affine", "affine", "bare", "constant_over", "definite", "factors_of", "sum_last"]
