"""Arithmetic on nodes with NumPy's broadcasting over symbolic sizes.

Axes are aligned from the right. Two sizes fit when they are provably equal, when one of them is
literally 1, or when the axis is missing; that n and d might be the same number is never assumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import final

import sympy

from ..build import add as weighted_sum
from ..build import constant_value, einsum, full, is_zero, negate, scale, split_power, split_scale
from ..build import power as constant_power
from ..errors import ArgumentError, LimitError, SizeError
from ..limits import DIGITS, EXPONENT
from ..node import Node, Sum, ones
from ..operators import apply
from ..sizes import Coefficient, Shape, Size, same_size, show_shape

#: Operations in the symbolic part of one coefficient, such as `1/(2*n*(n - 1))`.
COEFFICIENT_LENGTH = 50
#: The largest power of a size in a coefficient.
COEFFICIENT_DEGREE = 64


@final
class Misfit(SizeError):
    """Two sizes that would have to be equal; the inference of undeclared sizes makes them so."""

    pair: tuple[Size, Size]


def unequal(message: str, p: Size, q: Size) -> Misfit:
    """The error for two sizes that are not known to be equal."""
    error = Misfit(message)
    error.pair = (p, q)
    return error


def common_shape(a: Shape, b: Shape, what: str) -> Shape:
    """The shape of two operands broadcast against each other; `what` is the operator's sign or name."""
    found: list[sympy.Expr] = []
    for k in range(1, max(len(a), len(b)) + 1):
        if k > len(a) or k > len(b):
            found.append(b[-k] if k > len(a) else a[-k])
        elif same_size(a[-k], b[-k]) or b[-k] == 1:
            found.append(a[-k])
        elif a[-k] == 1:
            found.append(b[-k])
        else:
            raise misfit(a, b, what, a[-k], b[-k])
    return tuple(reversed(found))


def misfit(a: Shape, b: Shape, what: str, p: Size, q: Size) -> Misfit:
    """The error for two shapes of which two sizes do not fit."""
    joined = f"{show_shape(a)} {what} {show_shape(b)}" if not what.isidentifier() else ""
    known = p.is_Integer and q.is_Integer
    reason = f"{p} is not {q}" if known else f"{p} and {q} are not known to be equal"
    message = f"sizes {joined or f'{show_shape(a)} and {show_shape(b)}'} do not fit: {reason}"
    remedy = _remedy(a, b, what)
    return unequal(f"{message}; {remedy}" if remedy else message, p, q)


def _remedy(a: Shape, b: Shape, what: str) -> str:
    """What would make two shapes fit, where something small would."""
    matrix, vector = (a, b) if len(a) == 2 else (b, a)
    both, mixed = len(a) == len(b) == 2, len(matrix) == 2 and len(vector) == 1
    if what == "@" and both:
        if same_size(a[0], b[0]) or same_size(a[1], b[1]):
            return f"they would with .T behind the {'left' if same_size(a[0], b[0]) else 'right'} one"
        return "they would the other way round" if same_size(a[0], b[1]) else ""
    if what == "@":
        fits = mixed and same_size(matrix[0] if matrix is a else matrix[1], vector[0])
        return "they would with .T behind the matrix" if fits else ""
    if what not in ("+", "-", "*", "/", "**"):
        return ""
    if mixed and same_size(matrix[0], vector[0]):
        return "one number for each row is v[:, None]"
    turned = both and same_size(a[0], b[1]) and same_size(a[1], b[0])
    return "they would with .T behind one of them" if turned else ""


def _labels(node: Node, shape: Shape, spare: int) -> tuple[int, ...]:
    """Labels of the node's axes in a product of that shape; axes of size 1 that are repeated get spare
    labels, over which the product is summed: a sum of one term."""
    offset = len(shape) - node.order
    return tuple(
        offset + k if same_size(size, shape[offset + k]) else spare + k for k, size in enumerate(node.shape)
    )


def broadcast_to(node: Node, shape: Shape) -> Node:
    """The node repeated along new and size-1 axes."""
    labels = tuple(range(len(shape)))
    if node.order == len(shape) and all(same_size(a, b) for a, b in zip(node.shape, shape, strict=True)):
        return node
    factors = [(ones((s,)), (i,)) for i, s in enumerate(shape)]
    return einsum([(node, _labels(node, shape, 1000)), *factors], labels)


def broadcast(what: str, *nodes: Node) -> tuple[Node, ...]:
    """All the nodes in their common shape."""
    shape = nodes[0].shape
    for node in nodes[1:]:
        shape = common_shape(shape, node.shape, what)
    return tuple(broadcast_to(node, shape) for node in nodes)


def total(terms: Sequence[tuple[int, Node]]) -> Node:
    """Σ ±nodeᵢ, broadcast to one shape, in one step however many terms there are."""
    shape = terms[0][1].shape
    for sign, node in terms[1:]:
        shape = common_shape(shape, node.shape, "+" if sign > 0 else "-")
    _check_coefficients([node for _, node in terms])
    return checked(
        weighted_sum([(sympy.Integer(sign), broadcast_to(node, shape)) for sign, node in terms], shape)
    )


def add(a: Node, b: Node) -> Node:
    """a + b"""
    return total([(1, a), (1, b)])


def sub(a: Node, b: Node) -> Node:
    """a - b"""
    return total([(1, a), (-1, b)])


def neg(a: Node) -> Node:
    """-a"""
    return negate(a)


def mul(a: Node, b: Node) -> Node:
    """a * b, entry by entry"""
    shape = common_shape(a.shape, b.shape, "*")
    labels = tuple(range(len(shape)))
    return checked(einsum([(a, _labels(a, shape, 1000)), (b, _labels(b, shape, 2000))], labels))


def div(a: Node, b: Node) -> Node:
    """a / b, entry by entry"""
    if is_zero(b):
        raise ArgumentError("division by zero")
    common_shape(a.shape, b.shape, "/")
    return mul(a, constant_power(b, sympy.S.NegativeOne))


def pow(a: Node, b: Node) -> Node:
    """a ** b, entry by entry; a constant exponent is a power, any other the operator `pow`"""
    shape = common_shape(a.shape, b.shape, "**")
    exponent = constant_value(b)
    if exponent is None:
        return apply("pow", *broadcast("**", a, b))
    base = broadcast_to(a, shape)
    if exponent.is_number and abs(exponent) > EXPONENT:
        raise LimitError(f"an exponent beyond ±{EXPONENT}")
    constant = constant_value(base)
    if constant is not None:
        return scale(_constant_power(constant, exponent), full(shape))
    found = checked(constant_power(base, exponent))
    _, merged = split_power(split_scale(found)[1])
    if merged.is_number and abs(merged) > EXPONENT:
        raise LimitError(f"powers of powers make an exponent beyond ±{EXPONENT}")
    return found


def _constant_power(base: Coefficient, exponent: Coefficient) -> Coefficient:
    """A power of exact constants, refused before it is worked out where it would be enormous."""
    if base == 0 and exponent.is_number and not exponent > 0 and exponent != 0:
        raise ArgumentError(f"division by zero: 0 ** ({exponent})")
    # of 1000 + n the 1000 counts: SymPy may take the power apart
    fixed = abs(exponent if exponent.is_number else exponent.as_coeff_Add()[0])
    if base.is_Rational:
        digits = max(len(str(abs(base.p))), len(str(base.q)))
        if base not in (0, 1, -1) and digits * fixed > 2 * DIGITS:
            raise LimitError(f"{_short(base)} ** {_short(exponent)} has more than {DIGITS} digits")
    elif not base.is_Atom:
        terms, degree = 1 + sympy.count_ops(base), int(min(fixed, EXPONENT))
        if base.is_Add and math.comb(degree + terms - 1, degree) > COEFFICIENT_LENGTH:
            raise LimitError(f"({_short(base)}) ** {exponent} has too many terms")
    value = sympy.sqrt(base) if exponent == sympy.S.Half else base**exponent
    if value.is_number and value.is_real is False:
        raise ArgumentError(f"({base}) ** ({exponent}) is not a real number")
    check_coefficient(value)
    return value


def matmul(a: Node, b: Node) -> Node:
    """a @ b: NumPy's product on the last two axes; an inner product when both are vectors"""
    if a.order == 0 or b.order == 0:
        raise SizeError(
            f"sizes {show_shape(a.shape)} @ {show_shape(b.shape)}: a scalar is multiplied with *, not @"
        )
    p, q = a.shape[-1], b.shape[-2] if b.order > 1 else b.shape[0]
    if not same_size(p, q):
        raise misfit(a.shape, b.shape, "@", p, q)
    batch_a, batch_b = a.shape[:-2], b.shape[:-2]
    batch = common_shape(batch_a, batch_b, "@")
    n = len(batch)
    row, column, middle = n, n + 1, n + 2

    def front(sizes: Shape, spare: int) -> list[int]:
        offset = n - len(sizes)
        return [offset + k if same_size(s, batch[offset + k]) else spare + k for k, s in enumerate(sizes)]

    labels_a = [*front(batch_a, 1000), *([row] if a.order > 1 else []), middle]
    labels_b = [*front(batch_b, 2000), middle, *([column] if b.order > 1 else [])]
    output = [*range(n), *([row] if a.order > 1 else []), *([column] if b.order > 1 else [])]
    return checked(einsum([(a, tuple(labels_a)), (b, tuple(labels_b))], tuple(output)))


def elementwise(name: str, *nodes: Node) -> Node:
    """A registered elementwise operator with its operands broadcast."""
    return checked(apply(name, *broadcast(name, *nodes)))


#: The binary operators of the text language.
BINARY: dict[str, Callable[[Node, Node], Node]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": div,
    "@": matmul,
    "**": pow,
}


def binary(op: str, a: Node, b: Node) -> Node:
    """One of `+ - * / @ **` with broadcasting."""
    return BINARY[op](a, b)


# ---------------------------------------------------------------- caps on coefficients


_LARGEST = 10**DIGITS


def checked(node: Node) -> Node:
    """The node, unless its coefficient has grown beyond the caps."""
    if isinstance(node, Sum) and len(node.operands) == 1:
        check_coefficient(node.coefficients[0])
    return node


def _check_coefficients(nodes: Sequence[Node]) -> None:
    """Refuse a sum of many different constants such as √2 + √3 + … or 1/n + 1/(n+1) + …"""
    different = {c for c, _ in map(split_scale, nodes) if not c.is_Rational}
    if len(different) > 1 and sum(1 + sympy.count_ops(c) for c in different) > COEFFICIENT_LENGTH:
        raise LimitError("a sum of too many different coefficients")


def check_coefficient(value: Coefficient) -> None:
    """Refuse numbers of absurd length, and coefficients that have become long polynomials."""
    if value.is_Rational:
        if abs(value.p) >= _LARGEST or value.q >= _LARGEST:
            raise LimitError(f"a number has more than {DIGITS} digits")
    elif not value.is_Symbol:
        if sympy.count_ops(value) > COEFFICIENT_LENGTH:
            raise LimitError("a coefficient has become too long")
        for p in value.atoms(sympy.Pow):
            if p.base.free_symbols and p.exp.is_number and abs(p.exp) > COEFFICIENT_DEGREE:
                raise LimitError(
                    f"{_short(p)} as a coefficient: the degree is more than {COEFFICIENT_DEGREE}"
                )
        for i in value.atoms(sympy.Integer):
            if abs(i.p) >= _LARGEST:
                raise LimitError(f"a number has more than {DIGITS} digits")


def _short(value: Coefficient) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:8]}…{text[-4:]}"
