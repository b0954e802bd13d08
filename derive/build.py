"""Normalising constructors for sums and products: the algebra that every expression obeys by construction.

`add` (in `sums`) collects like terms and pulls out the common content, so that `2r` and `r` share `r`;
`einsum` eliminates ones and deltas, merges equal factors into powers and moves coefficients outside.
Nothing is distributed here: a product of sums stays a product of sums, so that sharing survives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import sympy

from .errors import SizeError
from .factors import Factor, canonical, mirrored, product_facts, swappable, swapped
from .node import (
    Apply,
    Delta,
    Einsum,
    Labels,
    Node,
    Ones,
    Sum,
    delta,
    ones,
    raw_apply,
    raw_einsum,
)
from .sizes import (
    ONE,
    Coefficient,
    Shape,
    Size,
    as_coefficient,
    is_negative,
    same_size,
    show_shape,
    tidy,
)
from .sums import add, is_zero, negate, scale, split_scale, zero

#: The whole algebra under one roof; sums and the order of factors have files of their own.
__all__ = [
    "Factor",
    "add",
    "broadcast",
    "constant_value",
    "einsum",
    "full",
    "inner",
    "is_zero",
    "matmul",
    "multiply",
    "negate",
    "number",
    "power",
    "raw_elementwise",
    "scale",
    "split_power",
    "split_scale",
    "swap_last",
    "swapped",
    "total",
    "transpose",
    "zero",
]


# ---------------------------------------------------------------- constants


def number(value: object, shape: Shape = ()) -> Node:
    """The array of that shape filled with one exact number."""
    return scale(as_coefficient(value), full(shape))


def full(shape: Shape) -> Node:
    """The array of ones in normal form (one vector of ones per axis)."""
    if len(shape) <= 1:
        return ones(shape)
    return einsum([(ones((s,)), (i,)) for i, s in enumerate(shape)], tuple(range(len(shape))))


def constant_value(node: Node) -> Coefficient | None:
    """The number with which the array is filled, or None when it is not a constant array."""
    if is_zero(node):
        return sympy.S.Zero
    c, rest = split_scale(node)
    return c if isinstance(rest, Ones) or _is_ones_product(rest) else None


def _is_ones_product(node: Node) -> bool:
    return isinstance(node, Einsum) and all(isinstance(o, Ones) for o in node.operands)


# ---------------------------------------------------------------- powers


def split_power(node: Node) -> tuple[Node, Coefficient]:
    """`(base, exponent)` of an elementwise power with a constant exponent."""
    if isinstance(node, Apply) and node.op == "power" and len(node.operands) == 1:
        return node.operands[0], node.param("exponent")
    return node, ONE


def _raised(value: Coefficient, exponent: Coefficient) -> Coefficient:
    """The power of a number; of a fraction without SymPy's questions about it, which take longer than the rest."""
    if not (value.is_Rational and exponent.is_Integer and abs(exponent) <= 64):
        return value**exponent
    p, q, k = int(value.p), int(value.q), int(exponent)
    return sympy.Rational(p**k, q**k) if k > 0 else sympy.Rational(q**-k, p**-k)


def power(base: Node, exponent: Coefficient) -> Node:
    """The elementwise power with a constant exponent, in normal form."""
    if exponent == 1:
        return base
    if exponent == 0:
        return full(base.shape)
    constant = constant_value(base)
    if constant is not None and not (constant == 0 and not exponent.is_positive):
        value = _raised(constant, exponent)
        if value.is_real:
            return scale(tidy(value), full(base.shape))
    c, rest = split_scale(base)
    if c != 1 and (exponent.is_integer or c.is_positive):
        return scale(tidy(c**exponent), power(rest, exponent))
    if c != 1 and is_negative(c) and c != -1 and c.is_number:
        return scale(tidy((-c) ** exponent), power(scale(sympy.S.NegativeOne, rest), exponent))
    inner, inner_exponent = split_power(base)
    if inner_exponent != 1:
        if exponent.is_integer or "nonnegative" in inner.facts:
            return power(inner, tidy(inner_exponent * exponent))
        if exponent == sympy.S.Half and inner_exponent.is_integer and inner_exponent.is_even:
            root = power(inner, inner_exponent / 2)
            return root if (inner_exponent / 2).is_even else raw_elementwise("abs", root)
    if isinstance(base, Einsum) and not base.summed and all(_plain(i) for i in base.inputs):
        rigid = [o for o in base.operands if not isinstance(o, Ones)]
        if exponent.is_integer or all("nonnegative" in o.facts for o in rigid):
            factors: list[Factor] = []
            for node, labels in base.factors:
                factors.append((node if isinstance(node, Ones) else power(node, exponent), labels))
            if not any(isinstance(o, Delta) for o in base.operands) or exponent.is_positive:
                return einsum(factors, base.output)
    if isinstance(base, Delta) and exponent.is_positive:
        return base
    for axis, size in enumerate(base.shape if isinstance(base, Sum) else ()):
        if (once := without_axis(base, axis)) is not None:  # √(v 1ᵀ + c 1 1ᵀ) -> √(v + c) 1ᵀ
            return repeated_along(power(once, exponent), axis, size)
    facts = set()
    if "symmetric" in base.facts or (base.order == 2 and exponent.is_even and mirrored(base)):
        facts.add("symmetric")
    if "positive" in base.facts:
        facts |= {"positive", "nonnegative", "nonzero"}
    elif exponent.is_even or ("nonnegative" in base.facts and exponent.is_positive):
        facts.add("nonnegative")
    if "nonzero" in base.facts:
        facts.add("nonzero")
    if "integer" in base.facts and exponent.is_Integer and exponent.is_positive:
        facts.add("integer")
    return raw_apply("power", base.shape, (base,), (("exponent", exponent),), frozenset(facts))


def without_axis(node: Node, axis: int) -> Node | None:
    """The node without an axis along which it only repeats; None where it depends on that."""
    if isinstance(node, Ones):
        return ones((*node.shape[:axis], *node.shape[axis + 1 :]))
    if isinstance(node, Sum) and node.operands:
        inner = [without_axis(t, axis) for t in node.operands]
        shape = (*node.shape[:axis], *node.shape[axis + 1 :])
        known = [(c, t) for c, t in zip(node.coefficients, inner, strict=True) if t is not None]
        return add(known, shape) if len(known) == len(inner) else None
    if not isinstance(node, Einsum):
        return None
    label = node.output[axis]
    if any(label in ls and not isinstance(o, Ones) for o, ls in node.factors):
        return None
    kept = [(o, ls) for o, ls in node.factors if label not in ls]
    return einsum(kept, tuple(i for i in node.output if i != label))


def repeated_along(node: Node, axis: int, size: Size) -> Node:
    """The node repeated along a new axis."""
    labels = tuple(range(node.order + 1))
    return einsum([(node, (*labels[:axis], *labels[axis + 1 :])), (ones((size,)), (axis,))], labels)


def raw_elementwise(op: str, operand: Node, facts: Iterable[str] = ("nonnegative",)) -> Node:
    """An elementwise operator by name, for the few that the algebra itself produces."""
    kept = set(facts) | ({"symmetric"} & operand.facts)
    return raw_apply(op, operand.shape, (operand,), (), frozenset(kept))


def _plain(labels: Labels) -> bool:
    return len(set(labels)) == len(labels)


# ---------------------------------------------------------------- products


def einsum(factors: Iterable[Factor], output: Labels, inline: Callable[[Einsum], bool] | None = None) -> Node:
    """The product of the factors over labelled axes, in normal form.

    A label repeated within a factor is a diagonal; a label not in `output` is summed over. Factors that
    are ones or deltas disappear wherever they can. `inline` decides which inner products are opened;
    by default only those that hold ones or deltas, and mere transposes, so that sharing is kept.
    """
    return _Product(output, inline or _opens).build(factors)


def _opens(node: Einsum) -> bool:
    if len(node.operands) == 1 and not node.summed:
        return True
    return any(isinstance(o, Ones | Delta) for o in node.operands)


class _Product:
    """The work of one `einsum` call."""

    def __init__(self, output: Labels, inline: Callable[[Einsum], bool]) -> None:
        self.output = output
        self.inline = inline
        self.coefficient: Coefficient = ONE
        self.size: dict[int, Size] = {}
        self.parent: dict[int, int] = {}
        self.flat: list[Factor] = []
        self.fresh = itertools.count(-1, -1)
        self.vanishes = False

    def root(self, label: int) -> int:
        while label in self.parent:
            label = self.parent[label]
        return label

    def merge(self, a: int, b: int) -> None:
        a, b = self.root(a), self.root(b)
        if a != b:
            if b in self.output and a not in self.output:
                a, b = b, a
            self.parent[b] = a

    def note_sizes(self, node: Node, labels: Labels) -> None:
        if len(labels) != node.order:
            raise SizeError(f"{node!r} has {node.order} axes but {len(labels)} labels")
        for label, size in zip(labels, node.shape, strict=True):
            known = self.size.setdefault(label, size)
            if known is not size and not same_size(known, size):
                raise SizeError(f"one axis label stands for sizes {known} and {size}")

    def open(self, factors: Iterable[Factor]) -> None:
        """Flatten the factors into `self.flat`; coefficients, ones and deltas are taken aside."""
        stack = list(reversed([(n, tuple(labels)) for n, labels in factors]))
        while stack:
            node, labels = stack.pop()
            self.note_sizes(node, labels)
            if isinstance(node, Sum):
                if not node.operands:
                    self.vanishes = True
                    self.flat.append((node, labels))
                elif len(node.operands) == 1:
                    self.coefficient = self.coefficient * node.coefficients[0]
                    stack.append((node.operands[0], labels))
                else:
                    self.flat.append((node, labels))
            elif isinstance(node, Ones):
                continue
            elif isinstance(node, Delta):
                self.merge(*labels)
            elif isinstance(node, Einsum) and self.inline(node):
                names: dict[int, int] = dict(enumerate(labels))
                for i in node.summed:
                    names[i] = next(self.fresh)
                inner = [(o, tuple(names[i] for i in ls)) for o, ls in node.factors]
                stack.extend(reversed(inner))
            else:
                self.flat.append((node, labels))

    def build(self, factors: Iterable[Factor]) -> Node:
        self.open(factors)
        for label in self.output:
            if label not in self.size:
                raise SizeError(f"output label {label} of a product has no factor")
        shape = tuple(self.size[label] for label in self.output)
        if self.vanishes:
            return zero(shape)
        # Axes tied by deltas: the first output label of a class carries the factors,
        # every further output label of it keeps one delta.
        ties: list[tuple[int, int]] = []
        for label in self.output:
            r = self.root(label)
            if r != label:
                ties.append((r, label))
        merged = [(node, tuple(self.root(i) for i in labels)) for node, labels in self.flat]
        merged = _merge_powers(merged)
        used = {i for _, labels in merged for i in labels}
        for label in sorted({self.root(i) for i in self.size}, reverse=True):
            if label in used:
                continue
            if label not in self.output:
                self.coefficient = self.coefficient * self.size[label]
            elif not any(r == label for r, _ in ties):
                merged.append((ones((self.size[label],)), (label,)))
        merged += [(delta(self.size[r]), (r, label)) for r, label in ties]
        return scale(tidy(self.coefficient), self.product(merged, shape))

    def product(self, factors: list[Factor], shape: Shape) -> Node:
        if not factors:
            return ones(shape)
        if len(factors) == 1:
            node, labels = factors[0]
            if labels == self.output:
                return node
            if swappable(node, labels) and swapped(labels) == self.output:
                return node
        operands, inputs = canonical(factors, self.output)
        facts = product_facts(operands, inputs, len(self.output))
        return raw_einsum(shape, operands, inputs, facts)


def _merge_powers(factors: list[Factor]) -> list[Factor]:
    """Equal factors on equal axes become one power: `x_i x_i` is `(x²)_i`, `x_i / x_i` is 1."""
    groups: dict[tuple[Node, Labels], Coefficient] = {}
    where: dict[tuple[Node, Labels], Labels] = {}
    for node, labels in factors:
        base, exponent = split_power(node)
        key = (base, (*labels[:-2], *sorted(labels[-2:])) if swappable(base, labels) else labels)
        groups[key] = groups.get(key, sympy.S.Zero) + exponent
        where.setdefault(key, labels)
    merged: list[Factor] = []
    for key, exponent in groups.items():
        exponent = tidy(exponent)
        if exponent != 0:
            merged.append((power(key[0], exponent), where[key]))
    return merged


# ---------------------------------------------------------------- common products


def transpose(node: Node, axes: Sequence[int] | None = None) -> Node:
    """Axes permuted, reversed by default."""
    order = tuple(reversed(range(node.order))) if axes is None else tuple(axes)
    return einsum([(node, tuple(range(node.order)))], order)


def swap_last(node: Node) -> Node:
    """The transpose on the last two axes."""
    k = node.order
    return transpose(node, [*range(k - 2), k - 1, k - 2])


def multiply(*nodes: Node) -> Node:
    """The elementwise product of arrays of one shape (scalars are broadcast)."""
    shape = max((n.shape for n in nodes), key=len)
    labels = tuple(range(len(shape)))
    factors: list[Factor] = [(n, labels if n.order else ()) for n in nodes]
    if all(n.order == 0 for n in nodes) and shape:
        factors.append((ones(shape), labels))
    return einsum(factors, labels)


def broadcast(node: Node, shape: Shape) -> Node:
    """`node` repeated along new leading axes to `shape`."""
    if node.order == len(shape):
        return node
    labels = tuple(range(len(shape)))
    factors: list[Factor] = [(ones((s,)), (i,)) for i, s in enumerate(shape)]
    return einsum([(node, labels[len(shape) - node.order :]), *factors], labels)


def total(node: Node) -> Node:
    """The sum of all entries."""
    return einsum([(node, tuple(range(node.order)))], ())


def inner(a: Node, b: Node) -> Node:
    """The sum of all products of entries of two arrays of one shape."""
    labels = tuple(range(a.order))
    return einsum([(a, labels), (b, labels)], ())


def matmul(a: Node, b: Node) -> Node:
    """NumPy's `@`: inner product of vectors, products on the last two axes, batches in front."""
    if a.order == 0 or b.order == 0:
        raise SizeError("@ needs arrays with at least one axis; use * with a scalar")
    if not same_size(a.shape[-1], b.shape[max(b.order - 2, 0)]):
        raise SizeError(f"sizes {show_shape(a.shape)} @ {show_shape(b.shape)} do not fit")
    inner_label = 1000
    la = [*range(100, 100 + a.order - 1), inner_label]
    lb = [inner_label] if b.order == 1 else [*range(200, 200 + b.order - 2), inner_label, 300]
    batch_a, batch_b = a.order - 2, b.order - 2
    for k in range(1, min(batch_a, batch_b) + 1):  # batches are aligned from the right
        lb[batch_b - k] = la[batch_a - k]
    output = [i for i in lb[: max(batch_b, 0)] if i not in la] + la[:-1] + lb[max(batch_b, 0) + 1 :]
    return einsum([(a, tuple(la)), (b, tuple(lb))], tuple(output))
