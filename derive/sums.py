"""Weighted sums in normal form: like terms collected, the common content of the coefficients in front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from .errors import SizeError
from .node import Node, Sum, raw_sum
from .sizes import (
    ONE,
    Coefficient,
    Shape,
    is_negative,
    is_short,
    is_whole,
    same_shape,
    show_shape,
    sign_of,
    tidy,
)


def zero(shape: Shape) -> Sum:
    """The zero array."""
    return raw_sum(shape, (), frozenset({"nonnegative", "integer"}))


def is_zero(node: Node) -> bool:
    """Whether the node is the zero array."""
    return isinstance(node, Sum) and not node.operands


def split_scale(node: Node) -> tuple[Coefficient, Node]:
    """`(c, rest)` with `node = c·rest`, the coefficient taken off the front."""
    if isinstance(node, Sum) and len(node.operands) == 1:
        return node.coefficients[0], node.operands[0]
    return ONE, node


def scale(coefficient: Coefficient, node: Node) -> Node:
    """`coefficient · node`."""
    return add([(coefficient, node)], node.shape)


def negate(node: Node) -> Node:
    """`-node`."""
    return scale(sympy.S.NegativeOne, node)


def flat_terms(node: Node) -> list[tuple[Coefficient, Node]]:
    """The terms of a nested sum with their coefficients."""
    found: list[tuple[Coefficient, Node]] = []
    stack: list[tuple[Coefficient, Node]] = [(ONE, node)]
    while stack:
        c, n = stack.pop()
        if isinstance(n, Sum):
            stack += [(c * k, t) for k, t in reversed(n.terms)]
        else:
            found.append((c, n))
    return found


def _content(coefficients: Sequence[Coefficient]) -> Coefficient:
    """The common factor of the coefficients, with the sign of the first."""
    first = coefficients[0]
    if len(coefficients) == 1:
        return first
    numbers, rests = zip(*(c.as_coeff_Mul() for c in coefficients), strict=True)
    if all(rest == rests[0] for rest in rests):
        ratios = [number / numbers[0] for number in numbers]
    elif any(rest.has(sympy.Add) for rest in rests):  # (n + 1)/(2n + 2) is a number too
        ratios = [tidy(c / first) for c in coefficients]
    else:
        ratios = []
    if ratios and all(r.is_Rational for r in ratios):
        num = sympy.ilcm(*(int(r.q) for r in ratios))
        den = sympy.igcd(*(int(r.p * (num // r.q)) for r in ratios))
        return first * sympy.Rational(den, num)
    sign = sympy.S.NegativeOne if is_negative(first) else ONE
    if all(q.is_Rational for q in numbers):
        common = sympy.ilcm(*(int(q.q) for q in numbers))
        return sign * sympy.Rational(sympy.igcd(*(int(q * common) for q in numbers)), common)
    return sign


def add(terms: Iterable[tuple[Coefficient, Node]], shape: Shape | None = None) -> Node:
    """The weighted sum `Σ cᵢ·nodeᵢ` in normal form: like terms collected, common content in front."""
    pairs = list(terms)
    if shape is None:
        shape = pairs[0][1].shape
    for _, node in pairs:
        if node.shape != shape and not same_shape(node.shape, shape):
            raise SizeError(f"cannot add arrays of sizes {show_shape(shape)} and {show_shape(node.shape)}")
    collected = _collect(pairs, nested=False)
    if len(collected) > 1:
        collected = _collect([(c, n) for n, c in collected.items()], nested=True)
    if not collected:
        return zero(shape)
    ordered = sorted(collected.items(), key=lambda item: item[0].sort_key)
    if len(ordered) == 1:
        node, c = ordered[0]
        return node if c == 1 else raw_sum(shape, [(c, node)], _sum_facts([(c, node)]))
    content = _content([c for _, c in ordered])
    primitive = [(c if content == 1 else tidy(c / content), n) for n, c in ordered]
    result = raw_sum(shape, primitive, _sum_facts(primitive))
    return result if content == 1 else raw_sum(shape, [(content, result)], _sum_facts([(content, result)]))


def _collect(pairs: Iterable[tuple[Coefficient, Node]], nested: bool) -> dict[Node, Coefficient]:
    """Coefficients by node. `nested` opens sums of several terms too; a lone scaled sum stays whole."""
    found: dict[Node, Coefficient] = {}
    stack = list(reversed(list(pairs)))
    while stack:
        c, node = stack.pop()
        if isinstance(node, Sum) and (nested or len(node.operands) <= 1):
            stack.extend((c * k, t) for k, t in reversed(node.terms))
            continue
        total = tidy(found.get(node, sympy.S.Zero) + c)
        if total == 0:
            found.pop(node, None)
        else:
            found[node] = total
    return found


def _is_nonzero(c: Coefficient) -> bool:
    """Whether it is not 0, read off where it can be: SymPy deduces all there is to know of every new number."""
    sign = sign_of(c)
    return bool(c.is_nonzero) if sign is None else sign != 0


def _is_nonnegative(c: Coefficient) -> bool:
    sign = sign_of(c)
    return bool(c.is_nonnegative) if sign is None else sign >= 0


def _sum_facts(terms: Sequence[tuple[Coefficient, Node]]) -> frozenset[str]:
    """What is known of a weighted sum from its terms."""
    # Of a long polynomial in sizes SymPy would isolate the real roots, which takes minutes.
    if not all(is_short(c) for c, _ in terms):
        return frozenset(frozenset.intersection(*(n.facts for _, n in terms)) & {"symmetric", "diagonal"})
    found = set(frozenset.intersection(*(n.facts for _, n in terms)))
    keep = {"symmetric", "diagonal"} & found
    # SymPy is asked last: a first question about a coefficient takes it a tenth of a millisecond.
    if "integer" in found and all(is_whole(c) for c, _ in terms):
        keep.add("integer")
    if len(terms) == 1 and found & {"invertible", "nonzero"} and _is_nonzero(terms[0][0]):
        keep |= found & {"invertible", "nonzero"}
    if found & {"nonnegative", "psd"} and all(_is_nonnegative(c) for c, _ in terms):
        keep |= found & {"nonnegative", "psd"}
        if any("positive" in n.facts for _, n in terms) and "nonnegative" in found:
            keep |= {"positive", "nonzero"}
        if any("pd" in n.facts for _, n in terms) and "psd" in found:
            keep |= {"pd", "psd", "invertible", "symmetric"}
    return frozenset(keep)
