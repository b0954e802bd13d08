"""The factors of a product: their canonical order, and what is known of the product from them."""

from __future__ import annotations

from math import prod

from .node import Apply, Delta, Einsum, Labels, Node, Sum
from .sizes import Coefficient

Factor = tuple[Node, Labels]
_SIGNS = ("positive", "nonnegative", "nonzero", "integer")


def swappable(node: Node, labels: Labels) -> bool:
    """Whether the last two axes of a factor are interchangeable."""
    return len(labels) >= 2 and "symmetric" in node.facts


def swapped(labels: Labels) -> Labels:
    """The labels with the last two exchanged."""
    return (*labels[:-2], labels[-1], labels[-2])


def canonical(factors: list[Factor], output: Labels) -> tuple[tuple[Node, ...], tuple[Labels, ...]]:
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
            symmetric = swappable(node, ls)
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
        if swappable(node, ls) and colour[ls[-2]] > colour[ls[-1]]:
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
    done = [(node, swapped(ls) if swappable(node, ls) and ls[-2] > ls[-1] else ls) for node, ls in done]
    done.sort(key=lambda f: (f[0].sort_key, f[1]))
    return tuple(n for n, _ in done), tuple(ls for _, ls in done)


def product_facts(operands: tuple[Node, ...], inputs: tuple[Labels, ...], order: int) -> frozenset[str]:
    """Signs multiply; a product that reads the same under transposition is symmetric."""
    facts = set(frozenset.intersection(*(_signs(o, ls) for o, ls in zip(operands, inputs, strict=True))))
    summed = {i for ls in inputs for i in ls} - set(range(order))
    if summed and "positive" not in facts:
        facts.discard("nonzero")
    if any(isinstance(n, Delta) and sorted(ls) == [0, 1] for n, ls in zip(operands, inputs, strict=True)):
        facts |= {"symmetric", "diagonal"} if order == 2 else set()  # diag(v)
        facts |= {"psd"} if order == 2 and _on_diagonal(operands, inputs, "nonnegative") else set()
        facts |= {"pd", "invertible"} if order == 2 and _on_diagonal(operands, inputs, "positive") else set()
    elif order == 2 and (len(operands) > 1 or operands[0].order > 2):
        turned = [_exchanged(n, ls) for n, ls in zip(operands, inputs, strict=True)]
        swapped = [(n, ls) for n, (_, ls) in zip(operands, turned, strict=True)]
        sizes = {
            i: s for n, ls in zip(operands, inputs, strict=True) for i, s in zip(ls, n.shape, strict=True)
        }
        same = prod(sign for sign, _ in turned) == 1
        if same and sizes[0] == sizes[1] and canonical(swapped, (0, 1)) == (operands, inputs):
            facts.add("symmetric")
            if _is_gram(operands, inputs):
                facts.add("psd")
            facts |= _multiple(operands, inputs)
        elif sizes[0] == sizes[1] and not {"symmetric", "psd"} & facts:
            facts |= _palindrome(_chain(operands, inputs))
    return frozenset(facts)


def _chain(operands: tuple[Node, ...], inputs: tuple[Labels, ...]) -> list[tuple[Node, bool]]:
    """The factors of a product of two matrices, products among them opened, each with whether it is transposed.

    Empty where it is none, or a long one.
    """
    if len(operands) != 2 or any(len(ls) != 2 for ls in inputs):
        return []
    middle = set(inputs[0]) & set(inputs[1])
    if len(middle) != 1 or middle & {0, 1}:
        return []
    first = 0 if 0 in inputs[0] else 1
    found: list[tuple[Node, bool]] = []
    for k, turned in ((first, inputs[first][0] != 0), (1 - first, inputs[1 - first][1] != 1)):
        node = operands[k]
        inner = _chain(node.operands, node.inputs) if isinstance(node, Einsum) else []
        if turned:
            inner = [(n, not t) for n, t in reversed(inner)]
        found += inner or [(node, turned)]
    return found if len(found) <= 16 else []


def _palindrome(chain: list[tuple[Node, bool]]) -> set[str]:
    """Aᵀ B A is symmetric where B is, Aᵀ Bᵀ B A psd."""
    for (left, a), (right, b) in zip(chain, reversed(chain), strict=True):
        if left is not right or (a == b and "symmetric" not in left.facts):
            return set()
    if not chain:
        return set()
    middle = chain[len(chain) // 2][0]
    return {"symmetric"} | ({"psd"} if len(chain) % 2 == 0 or "psd" in middle.facts else set())


def _exchanged(node: Node, labels: Labels) -> tuple[int, Labels]:
    """The labels with 0 and 1 exchanged; of differences of all pairs the same ones, with the sign that they get."""
    if len(labels) > 2 and sorted(labels[:2]) == [0, 1] and (sign := mirrored(node)):
        return sign, labels
    return 1, tuple({0: 1, 1: 0}.get(i, i) for i in labels)


def mirrored(node: Node) -> int:
    """±1 for an array that is ± itself with its first two axes exchanged, as Xᵢ − Xⱼ and (Xᵢ − Xⱼ)²; else 0."""
    if node.order < 2 or node.shape[0] != node.shape[1]:
        return 0
    if node.order == 2 and "symmetric" in node.facts:
        return 1
    if isinstance(node, Apply):
        sign = mirrored(node.operands[0]) if len(node.operands) == 1 else 0
        even = node.op == "abs" or (node.op == "power" and node.param("exponent").is_even)
        return abs(sign) if even else max(sign, 0) * (node.op == "power")
    if not isinstance(node, Sum) or not all(isinstance(t, Einsum) for t in node.operands):
        return 0
    terms, images = dict[object, Coefficient](), dict[object, Coefficient]()
    for c, t in node.terms:
        assert isinstance(t, Einsum)
        own = [(n, tuple({0: 1, 1: 0}.get(i, i) for i in ls)) for n, ls in t.factors]
        terms[t.operands, t.inputs] = c
        images[canonical(own, t.output)] = c
    if terms == images:
        return 1
    return -1 if terms == {form: -c for form, c in images.items()} else 0


def _signs(node: Node, labels: Labels) -> frozenset[str]:
    """Signs of the entries that are read: on its diagonal a psd matrix is nonnegative, a pd one positive."""
    found = node.facts & set(_SIGNS)
    if len(labels) >= 2 and labels[-1] == labels[-2] and "psd" in node.facts:
        found |= {"nonnegative"} | ({"positive", "nonzero"} if "pd" in node.facts else set())
    return found


def _on_diagonal(operands: tuple[Node, ...], inputs: tuple[Labels, ...], sign: str) -> bool:
    """Whether all factors beside a delta have that sign where it is not 0."""
    pairs = zip(operands, inputs, strict=True)
    return all(sign in _signs(n, ls) for n, ls in pairs if not isinstance(n, Delta))


def _multiple(operands: tuple[Node, ...], inputs: tuple[Labels, ...]) -> set[str]:
    """What is known of matrices multiplied entry by entry and with numbers: Schur's theorem."""
    matrices = [n for n, ls in zip(operands, inputs, strict=True) if sorted(ls) == [0, 1]]
    numbers = [n for n, ls in zip(operands, inputs, strict=True) if not ls]
    if len(matrices) + len(numbers) < len(operands) or not matrices:
        return set()
    if all("pd" in n.facts for n in matrices) and all("positive" in n.facts for n in numbers):
        return {"pd", "psd", "invertible", "symmetric"}
    if all("psd" in n.facts for n in matrices) and all("nonnegative" in n.facts for n in numbers):
        return {"psd", "symmetric"}
    return set()


def _is_gram(operands: tuple[Node, ...], inputs: tuple[Labels, ...]) -> bool:
    """Whether the product is visibly `M D Mᵀ` with `D` diagonal and nonnegative, or `M S Mᵀ`, `S` psd,
    entry by entry times psd matrices."""
    pairs = [(n, ls) for n, ls in zip(operands, inputs, strict=True)]
    left = [f for f in pairs if 0 in f[1] and 1 not in f[1]]
    right = [f for f in pairs if 1 in f[1] and 0 not in f[1]]
    middle = [f for f in pairs if 0 not in f[1] and 1 not in f[1]]
    across = [f for f in pairs if 0 in f[1] and 1 in f[1]]
    if any("psd" not in n.facts or sorted(ls) != [0, 1] for n, ls in across):
        return False  # a Schur product with a matrix that is not known to be positive semidefinite
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
