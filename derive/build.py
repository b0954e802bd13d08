"""Normalising constructors for sums and products: the algebra that every expression obeys by construction.

`add` collects like terms and pulls out the common content, so that `2r` and `r` share `r`;
`einsum` eliminates ones and deltas, merges equal factors into powers and moves coefficients outside.
Nothing is distributed here: a product of sums stays a product of sums, so that sharing survives.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import sympy

from .errors import SizeError
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
    raw_sum,
)
from .sizes import (
    ONE,
    Coefficient,
    Shape,
    Size,
    as_coefficient,
    is_negative,
    is_short,
    is_whole,
    same_shape,
    same_size,
    show_shape,
    sign_of,
    tidy,
)

Factor = tuple[Node, Labels]
_SIGNS = ("positive", "nonnegative", "nonzero", "integer")


# ---------------------------------------------------------------- sums


def zero(shape: Shape) -> Sum:
    """The zero array."""
    return raw_sum(shape, (), frozenset({"nonnegative", "integer"}))


def is_zero(node: Node) -> bool:
    """Whether the node is the zero array."""
    return isinstance(node, Sum) and not node.operands


def number(value: object, shape: Shape = ()) -> Node:
    """The array of that shape filled with one exact number."""
    return scale(as_coefficient(value), full(shape))


def split_scale(node: Node) -> tuple[Coefficient, Node]:
    """`(c, rest)` with `node = c·rest`, the coefficient taken off the front."""
    if isinstance(node, Sum) and len(node.operands) == 1:
        return node.coefficients[0], node.operands[0]
    return ONE, node


def constant_value(node: Node) -> Coefficient | None:
    """The number with which the array is filled, or None when it is not a constant array."""
    if is_zero(node):
        return sympy.S.Zero
    c, rest = split_scale(node)
    return c if isinstance(rest, Ones) or _is_ones_product(rest) else None


def _is_ones_product(node: Node) -> bool:
    return isinstance(node, Einsum) and all(isinstance(o, Ones) for o in node.operands)


def scale(coefficient: Coefficient, node: Node) -> Node:
    """`coefficient · node`."""
    return add([(coefficient, node)], node.shape)


def negate(node: Node) -> Node:
    """`-node`."""
    return scale(sympy.S.NegativeOne, node)


def _content(coefficients: Sequence[Coefficient]) -> Coefficient:
    """The common factor of the coefficients, with the sign of the first."""
    first = coefficients[0]
    if len(coefficients) == 1:
        return first
    ratios = [c / first if c.is_Rational and first.is_Rational else tidy(c / first) for c in coefficients]
    if all(r.is_Rational for r in ratios):
        num = sympy.ilcm(*(int(r.q) for r in ratios))
        den = sympy.igcd(*(int(r.p * (num // r.q)) for r in ratios))
        return first * sympy.Rational(den, num)
    numbers = [c.as_coeff_Mul()[0] for c in coefficients]
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


# ---------------------------------------------------------------- powers


def split_power(node: Node) -> tuple[Node, Coefficient]:
    """`(base, exponent)` of an elementwise power with a constant exponent."""
    if isinstance(node, Apply) and node.op == "power" and len(node.operands) == 1:
        return node.operands[0], node.param("exponent")
    return node, ONE


def power(base: Node, exponent: Coefficient) -> Node:
    """The elementwise power with a constant exponent, in normal form."""
    if exponent == 1:
        return base
    if exponent == 0:
        return full(base.shape)
    constant = constant_value(base)
    if constant is not None and not (constant == 0 and not exponent.is_positive):
        value = constant**exponent
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
            for node, labels in zip(base.operands, base.inputs, strict=True):
                factors.append((node if isinstance(node, Ones) else power(node, exponent), labels))
            if not any(isinstance(o, Delta) for o in base.operands) or exponent.is_positive:
                return einsum(factors, base.output)
    if isinstance(base, Delta) and exponent.is_positive:
        return base
    facts = set()
    if "symmetric" in base.facts:
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


def raw_elementwise(op: str, operand: Node, facts: Iterable[str] = ("nonnegative",)) -> Node:
    """An elementwise operator by name, for the few that the algebra itself produces."""
    kept = set(facts) | ({"symmetric"} & operand.facts)
    return raw_apply(op, operand.shape, (operand,), (), frozenset(kept))


def _plain(labels: Labels) -> bool:
    return len(set(labels)) == len(labels)


def full(shape: Shape) -> Node:
    """The array of ones in normal form (one vector of ones per axis)."""
    if len(shape) <= 1:
        return ones(shape)
    return einsum([(ones((s,)), (i,)) for i, s in enumerate(shape)], tuple(range(len(shape))))


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
                inner = [
                    (o, tuple(names[i] for i in ls)) for o, ls in zip(node.operands, node.inputs, strict=True)
                ]
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
            if _swappable(node, labels) and swapped(labels) == self.output:
                return node
        operands, inputs = _canonical(factors, self.output)
        facts = _product_facts(operands, inputs, len(self.output))
        return raw_einsum(shape, operands, inputs, facts)


def _merge_powers(factors: list[Factor]) -> list[Factor]:
    """Equal factors on equal axes become one power: `x_i x_i` is `(x²)_i`, `x_i / x_i` is 1."""
    groups: dict[tuple[Node, Labels], Coefficient] = {}
    where: dict[tuple[Node, Labels], Labels] = {}
    for node, labels in factors:
        base, exponent = split_power(node)
        key = (base, (*labels[:-2], *sorted(labels[-2:])) if _swappable(base, labels) else labels)
        groups[key] = groups.get(key, sympy.S.Zero) + exponent
        where.setdefault(key, labels)
    merged: list[Factor] = []
    for key, exponent in groups.items():
        exponent = tidy(exponent)
        if exponent != 0:
            merged.append((power(key[0], exponent), where[key]))
    return merged


def _swappable(node: Node, labels: Labels) -> bool:
    """Whether the last two axes of a factor are interchangeable."""
    return len(labels) >= 2 and "symmetric" in node.facts


def swapped(labels: Labels) -> Labels:
    """The labels with the last two exchanged."""
    return (*labels[:-2], labels[-1], labels[-2])


def _canonical(factors: list[Factor], output: Labels) -> tuple[tuple[Node, ...], tuple[Labels, ...]]:
    """Order the factors and number the labels so that equal products become equal nodes.

    Labels are coloured by where they occur, the colours refined as in graph canonisation; what ties
    remain are (nearly always) symmetries of the product.
    """
    position = {label: i for i, label in enumerate(output)}
    labels = {i for _, ls in factors for i in ls}
    colour: dict[int, int] = {i: position.get(i, len(output)) for i in labels}
    for _ in range(3):
        seen: dict[int, list[tuple[object, ...]]] = {i: [] for i in labels}
        for node, ls in factors:
            symmetric = _swappable(node, ls)
            others = tuple(colour[j] for j in ls)
            if symmetric:
                others = (*others[:-2], *sorted(others[-2:]))
            for axis, i in enumerate(ls):
                seen[i].append(
                    (node.sort_key, len(ls) if symmetric and axis >= len(ls) - 2 else axis, others)
                )
        keys = {i: (colour[i], sorted(seen[i])) for i in labels}
        ranks: dict[int, int] = {}
        rank = -1
        previous: object = None
        for i in sorted(labels, key=lambda i: keys[i]):
            if keys[i] != previous:
                rank, previous = rank + 1, keys[i]
            ranks[i] = rank
        if ranks == colour:
            break
        colour = ranks
    ordered: list[tuple[Node, Labels]] = []
    for node, ls in factors:
        if _swappable(node, ls) and colour[ls[-2]] > colour[ls[-1]]:
            ls = swapped(ls)
        ordered.append((node, ls))
    ordered.sort(key=lambda f: (f[0].sort_key, tuple(colour[i] for i in f[1])))
    number = {label: i for i, label in enumerate(output)}
    # Ties are broken one label at a time, following the factors.
    for _, ls in ordered:
        for i in ls:
            if i not in number:
                number[i] = len(number)
    done = [(node, tuple(number[i] for i in ls)) for node, ls in ordered]
    done = [(node, swapped(ls) if _swappable(node, ls) and ls[-2] > ls[-1] else ls) for node, ls in done]
    done.sort(key=lambda f: (f[0].sort_key, f[1]))
    return tuple(n for n, _ in done), tuple(ls for _, ls in done)


def _product_facts(operands: tuple[Node, ...], inputs: tuple[Labels, ...], order: int) -> frozenset[str]:
    """Signs multiply; a product that reads the same under transposition is symmetric."""
    facts = set(frozenset.intersection(*(o.facts for o in operands)) & set(_SIGNS))
    summed = {i for ls in inputs for i in ls} - set(range(order))
    if summed and "positive" not in facts:
        facts.discard("nonzero")
    if order == 2 and len(operands) > 1:
        swapped = [
            (n, tuple({0: 1, 1: 0}.get(i, i) for i in ls)) for n, ls in zip(operands, inputs, strict=True)
        ]
        sizes = {
            i: s for n, ls in zip(operands, inputs, strict=True) for i, s in zip(ls, n.shape, strict=True)
        }
        if sizes[0] == sizes[1] and _canonical(swapped, (0, 1)) == (operands, inputs):
            facts.add("symmetric")
            if _is_gram(operands, inputs):
                facts.add("psd")
    return frozenset(facts)


def _is_gram(operands: tuple[Node, ...], inputs: tuple[Labels, ...]) -> bool:
    """Whether the product is visibly `M D Mᵀ` with `D` diagonal and nonnegative, or `M S Mᵀ`, `S` psd."""
    pairs = [(n, ls) for n, ls in zip(operands, inputs, strict=True)]
    left = [f for f in pairs if 0 in f[1] and 1 not in f[1]]
    right = [f for f in pairs if 1 in f[1] and 0 not in f[1]]
    middle = [f for f in pairs if 0 not in f[1] and 1 not in f[1]]
    if len(left) != 1 or len(right) != 1 or left[0][0] is not right[0][0]:
        return False
    inner_left = tuple(None if i == 0 else i for i in left[0][1])
    inner_right = tuple(None if i == 1 else i for i in right[0][1])
    if all("nonnegative" in n.facts and len(ls) <= 1 for n, ls in middle):
        return inner_left == inner_right
    if len(left[0][1]) != 2 or len(middle) != 1 or "psd" not in middle[0][0].facts:
        return False
    ends = {i for i in (*inner_left, *inner_right) if i is not None}
    return set(middle[0][1]) == ends and len(middle[0][1]) == 2


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
