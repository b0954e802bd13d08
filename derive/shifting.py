"""Sums of exponentials in which every exponential is taken relative to the largest.

    log Σ_k c_k exp z_k         =  m + log Σ_k c_k exp(z_k − m),                 m = max_k z_k
    exp z_k / Σ_j c_j exp z_j   =  exp(z_k − m) / Σ_j c_j exp(z_j − m)

for weights c of any sign. A term of the sum without an exponential counts as one with the exponent 0:

    log(c + exp z)              =  m + log(c exp(−m) + exp(z − m)),               m = max(0, z)

Without it, all densities of a mixture are 0 at a point far from its centres: the
logarithm is −∞ and the gradient 0/0, though both are ordinary numbers.

The second line is a case of a rule about degrees. Where all exponentials are multiplied by exp(−m), a product of
them is multiplied by exp(−m) as often as its degree in them says; if that is 0, nothing happens to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import sympy

from .build import add, einsum, full, power, scale, split_power, split_scale
from .factors import Factor
from .node import Apply, Einsum, Labels, Node, Ones, Sum, ones
from .operators import apply
from .sizes import ONE, ZERO, Size
from .sums import flat_terms

MINUS = sympy.S.NegativeOne
#: Stands for the largest of exponents that are all −∞, so that exp(−∞ − m) is 0.
_LEAST = sympy.Integer(-(2**1000))


class Part(NamedTuple):
    """An exponential, the axes of it along which m stands, and exp(z − m)."""

    exponential: Node
    rows: Labels
    instead: Node


class Shift(NamedTuple):
    """The largest exponent of a sum of exponentials, the axes of the sum along which it stands, the exponentials.

    bare   whether some terms of the sum have no exponential: m >= 0
    """

    m: Node
    along: Labels
    parts: tuple[Part, ...]
    bare: bool = False


class Shifted(NamedTuple):
    """A product with exp(z − m) instead of exp z: it is exp(m)^degree times that, m standing along `rows`."""

    degree: sympy.Expr
    rows: Labels
    node: Node


# ---------------------------------------------------------------- the largest exponent


def shift_of(total: Node) -> Shift | None:
    """What to take off the exponents of a sum of exponentials, where it is one and nothing is taken off yet.

    Either one product, summed over axes of its exponential, or several, whose exponentials stand along all axes, and
    terms without exponential beside them.
    """
    terms = total.terms if isinstance(total, Sum) else ((ONE, total),)
    if not terms:
        return None
    several = len(terms) > 1
    found: list[tuple[Node, tuple[int | None, ...]]] = []
    bare: list[Node] = []
    for _, term in terms:
        if several and not any(True for _ in _exponentials(term)):
            bare.append(term)
            continue
        for exponential, axes in _exponentials(term):
            kept = [k for k in axes if k is not None]
            enough = len(kept) == total.order if several else len(kept) < len(axes)
            if enough and len(set(kept)) == len(kept) and not _is_relative(exponential.operands[0]):
                found.append((exponential, axes))
                break
        else:
            return None
    if not found:
        return None
    along = tuple(range(total.order)) if several else tuple(k for k in found[0][1] if k is not None)
    largest = [_largest(exponential.operands[0], axes, along) for exponential, axes in found]
    least = scale(ZERO if bare else _LEAST, full(largest[0].shape))
    m = reduce(lambda a, b: apply("maximum", a, b), [*largest, least])
    parts = []
    for exponential, axes in dict(found).items():
        z, rows = exponential.operands[0], tuple(axes.index(k) for k in along)
        off = spread(m, rows, range(z.order), z.shape)
        parts.append(Part(exponential, rows, apply("exp", add([(ONE, z), (MINUS, off)]))))
    return Shift(m, along, tuple(parts), bool(bare))


def _largest(z: Node, axes: tuple[int | None, ...], along: Labels) -> Node:
    """The largest of the entries that are summed over, the axes that are kept in the order of the sum's."""
    summed = tuple(a for a, k in enumerate(axes) if k is None)
    most = apply("max", z, axes=summed) if summed else z
    return einsum([(most, tuple(k for k in axes if k is not None))], along)


def _exponentials(node: Node) -> Iterator[tuple[Node, tuple[int | None, ...]]]:
    """The exponentials among the factors of a product, and where their axes are in it; None: summed over."""
    if isinstance(node, Apply) and node.op == "exp":
        yield node, tuple(range(node.order))
    if not isinstance(node, Einsum):
        return
    for factor, labels in node.factors:
        for exponential, axes in _exponentials(factor):
            along = (None if k is None else labels[k] for k in axes)
            yield exponential, tuple(node.output.index(i) if i in node.output else None for i in along)


def _is_relative(z: Node) -> bool:
    """Whether a largest entry has been taken off."""
    terms = [term for _, term in flat_terms(z)]
    inner = [f for term in terms for f in (term.operands if isinstance(term, Einsum) else (term,))]
    return any(isinstance(f, Apply) and f.op in ("max", "maximum") for f in inner)


def repeated(factors: Sequence[Factor], output: Sequence[int], shape: Sequence[Size]) -> Node:
    """The product, repeated along the axes of `output` that no factor has."""
    had = {i for _, labels in factors for i in labels}
    missing = [(ones((size,)), (i,)) for i, size in zip(output, shape, strict=True) if i not in had]
    return einsum([*factors, *missing], tuple(output))


def spread(node: Node, labels: Labels, output: Sequence[int], shape: Sequence[Size]) -> Node:
    """An array with these labels repeated along the axes of `output` that it lacks."""
    return repeated([(node, labels)], output, shape)


# ---------------------------------------------------------------- degrees


def shifted(node: Node, shift: Shift, done: dict[Node, Shifted] | None = None) -> Shifted:
    """The node with exp(z − m) instead of exp z, and its degree; what has no degree stays, and counts as 0."""
    done = {} if done is None else done
    if node not in done:
        done[node] = _shifted(node, shift, done) or Shifted(ZERO, (), node)
    return done[node]


def _shifted(node: Node, shift: Shift, done: dict[Node, Shifted]) -> Shifted | None:
    for part in shift.parts:
        if node is part.exponential:
            return Shifted(ONE, part.rows, part.instead)
    base, exponent = split_power(node)
    if base is not node:
        inside = shifted(base, shift, done)
        return Shifted(exponent * inside.degree, inside.rows, power(inside.node, exponent))
    if isinstance(node, Sum):
        return _shifted_sum(node, [shifted(term, shift, done) for term in node.operands], shift)
    if isinstance(node, Einsum):
        factors = [(shifted(factor, shift, done), labels) for factor, labels in node.factors]
        same = {ls[-1]: ls[-2] for o, ls in node.factors if _is_diagonal(o) and ls[-2] in node.output}
        places = {
            tuple(same.get(labels[k], labels[k]) for k in f.rows) for f, labels in factors if f.degree != 0
        }
        degree = sum((f.degree for f, _ in factors), ZERO)
        if len(places) > 1:
            return None
        (place,) = places or {()}
        if degree != 0 and not set(place) <= set(node.output):
            return None
        where = tuple(node.output.index(i) for i in place) if degree != 0 else ()
        return Shifted(degree, where, einsum([(f.node, labels) for f, labels in factors], node.output))
    return None


def _shifted_sum(node: Sum, terms: Sequence[Shifted], shift: Shift) -> Shifted | None:
    """Terms of one degree; of several, those below the highest are multiplied by exp(−m) as often, where m >= 0."""
    rows = {term.rows for term in terms if term.degree != 0}
    degrees = {term.degree for term in terms}
    if len(rows) > 1 or (len(degrees) > 1 and not shift.bare):
        return None
    (along,) = rows or {()}
    degree = max(degrees)

    def level(term: Shifted) -> Node:
        if term.degree == degree:
            return term.node
        off = apply("exp", scale(term.degree - degree, shift.m))
        return _times(term.node, spread(off, along, range(node.order), node.shape))

    found = [(c, level(term)) for c, term in zip(node.coefficients, terms, strict=True)]
    return Shifted(degree, along if degree != 0 else (), add(found, node.shape))


def _is_diagonal(node: Node) -> bool:
    """Whether all entries off the diagonal are zero: diag(u) diag(v), and what else is multiplied by diag(u)."""
    if "diagonal" in node.facts:
        return True
    if isinstance(node, Sum):
        return all(map(_is_diagonal, node.operands))
    whole = set(node.output) if isinstance(node, Einsum) and node.order == 2 else None
    return isinstance(node, Einsum) and any(
        set(labels) == whole and _is_diagonal(o) for o, labels in node.factors
    )


def _times(a: Node, b: Node) -> Node:
    axes = tuple(range(a.order))
    return einsum([(a, axes), (b, axes)], axes)


# ---------------------------------------------------------------- rules


def _argument_of_log(node: Node) -> tuple[sympy.Expr, Node] | None:
    """`(c, a)` when the node is log(c a)."""
    return split_scale(node.operands[0]) if isinstance(node, Apply) and node.op == "log" else None


def log_of_exponential_factor(node: Node) -> Node | None:
    """log(exp(z) a) -> z + log a, where z stands along all or some axes of the product"""
    c, core = _argument_of_log(node) or (ONE, node)
    for exponential, axes in _exponentials(core) if isinstance(core, Einsum) and core is not node else ():
        along = tuple(k for k in axes if k is not None)
        if len(along) < len(axes):
            continue
        z, rows = exponential.operands[0], tuple(range(exponential.order))
        found = shifted(core, Shift(z, along, (Part(exponential, rows, full(z.shape)),)))
        if found.degree == 1 and found.rows == along:
            below = apply("log", scale(c, found.node))
            return add([(ONE, spread(z, along, range(core.order), core.shape)), (ONE, below)])
    return None


def log_of_sum_of_exponentials(node: Node) -> Node | None:
    """log Σ c exp z -> m + log Σ c exp(z − m)"""
    c, core = _argument_of_log(node) or (ONE, node)
    shift = shift_of(core) if core is not node else None
    if shift is None:
        return None
    found = shifted(core, shift)
    if found.degree != 1 or found.rows != shift.along:
        return None
    m = spread(shift.m, shift.along, range(core.order), core.shape)
    return add([(ONE, m), (ONE, apply("log", scale(c, found.node)))])


def log_of_one_plus(t: Node) -> Node | None:
    """log(1 + t) for a sum t of exponentials, as m + log1p(expm1(−m) + t exp(−m)) with m = max(0, z)"""
    shift = shift_of(add([(ONE, full(t.shape)), (ONE, t)]))
    if shift is None or not shift.bare:
        return None
    found = shifted(t, shift)
    if found.degree != 1 or found.rows != shift.along:
        return None
    less = apply("expm1", scale(MINUS, shift.m))
    return add([(ONE, shift.m), (ONE, apply("log1p", add([(ONE, less), (ONE, found.node)])))])


def exponential_over_sum(node: Node) -> Node | None:
    """exp(z) / Σ c exp z -> exp(z − m) / Σ c exp(z − m), and whatever else has degree 0"""
    for _, found, _ in _over_sums(node):
        if found.degree == 0 and found.node is not node:
            return found.node
    return None


def exponential_over_more(node: Node) -> Node | None:
    """exp(z) / (1 + c exp z)² -> exp(−m) exp(z − m) / (exp(−m) + c exp(z − m))², m = max(0, z), in negative degrees

    A product of degree −1 may be a factor of one of degree 0: those come first.
    """
    for shift, found, degrees in _over_sums(node):
        above = any(f in degrees and degrees[f].degree.is_positive for f in node.operands)
        if shift.bare and found.degree.is_negative and above:
            off = spread(
                apply("exp", scale(found.degree, shift.m)), found.rows, range(node.order), node.shape
            )
            return _times(found.node, off)
    return None


def _over_sums(node: Node) -> Iterator[tuple[Shift, Shifted, dict[Node, Shifted]]]:
    """A product relative to each sum of exponentials that it divides by, and its parts."""
    for total in _divisors(node) if isinstance(node, Einsum) else ():
        shift = shift_of(total)
        if shift is not None:
            parts: dict[Node, Shifted] = {}
            yield shift, shifted(node, shift, parts), parts


def _divisors(node: Node) -> Iterator[Node]:
    """What is divided by in a product, also in products and sums within it."""
    seen, waiting = {node}, [node]
    while waiting:
        for part in waiting.pop().operands:
            base, exponent = split_power(part)
            if exponent.is_negative and base not in seen:
                yield base
            if part not in seen and isinstance(part, Einsum | Sum):
                waiting.append(part)
            seen |= {part, base}


def largest_taken_off(node: Node) -> Node | None:
    """softmax(z − m 1) -> softmax(z),  log Σ exp(z − m 1) -> log Σ exp z − m, where m is a largest entry

    the same along the axes: how numerical code writes them. Other constants stay where they are stated.
    """
    if not isinstance(node, Apply) or node.op not in ("softmax", "logsumexp"):
        return None
    z, axes = node.operands[0], node.param("axes")
    terms = [(c, term, _without_axes(term, axes)) for c, term in flat_terms(z)] if isinstance(z, Sum) else []
    taken = [(c, m) for c, _, m in terms if m is not None and _is_largest(m)]
    if not taken:
        return None
    rest = [(c, term) for c, term, m in terms if m is None or not _is_largest(m)]
    plain = apply(node.op, add(rest, z.shape), axes=axes)
    return plain if node.op == "softmax" else add([(ONE, plain), *taken], node.shape)


def _is_largest(node: Node) -> bool:
    """Whether the node is a largest entry, perhaps repeated."""
    factors = node.operands if isinstance(node, Einsum) else (node,)
    rest = [f for f in factors if not isinstance(f, Ones)]
    return len(rest) == 1 and isinstance(rest[0], Apply) and rest[0].op == "max"


def _without_axes(term: Node, axes: Sequence[int]) -> Node | None:
    """The term without axes along which it only repeats; None where it depends on one of them."""
    output = tuple(range(term.order))
    factors = [(term, output)]
    if isinstance(term, Einsum):
        factors, output = list(term.factors), term.output
    gone = {output[a] for a in axes}
    kept = [(f, ls) for f, ls in factors if gone.isdisjoint(ls)]
    if any(not isinstance(f, Ones) for f, ls in factors if not gone.isdisjoint(ls)):
        return None
    return repeated(
        kept, [i for i in output if i not in gone], [s for a, s in enumerate(term.shape) if a not in axes]
    )
