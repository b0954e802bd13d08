"""From nodes to display trees: matrix notation by series–parallel reduction of the index graph.

In a product, axis labels are vertices, matrices are edges, vectors sit on vertices. A summed vertex with one
edge is a matrix–vector product, with two edges a matrix product (a vector on it is a diagonal matrix between
them), a loop is a diagonal or a trace, parallel edges multiply elementwise, what is disconnected is an outer
product. What cannot be reduced prints as an `einsum` (text) or with an explicit sum (index notation).
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..node import Apply, Delta, Einsum, Node, Ones, Sum, Variable, topological, transform
from ..operators import lookup
from ..operators.elementwise import Elementwise
from ..simplify import simplify
from ..sizes import ONE, tidy
from . import factor
from .tree import Tree, call, chain, lengths, make, mul, num, number_cost, symmetric, total, transpose, var

Labels = tuple[int, ...]
LETTERS = "ijklmnopqrstuvabcdefgh"


#: The size of the data axis of the expression being rendered: the commonest first axis of its variables.
_rows: dict[str, sympy.Expr | None] = {}


def to_tree(root: Node) -> Tree:
    """The display tree of an expression."""
    node = simplify(root)
    symmetric.clear()
    lengths.clear()
    firsts = [n.shape[0] for n in topological([node]) if isinstance(n, Variable) and n.order]
    _rows["size"] = max(firsts, key=firsts.count) if firsts else None
    trees: dict[Node, Tree] = {}

    def visit(n: Node, operands: tuple[Node, ...]) -> Node:
        trees[n] = _tree(n, [trees[o] for o in operands])
        if n.order == 2 and "symmetric" in n.facts:
            symmetric.add(trees[n])
        return n

    transform([node], visit)
    return with_broadcasting(trees[node])


def _tree(node: Node, operands: list[Tree]) -> Tree:
    if isinstance(node, Variable):
        return var(node.name, node.order)
    if isinstance(node, Ones):
        return make("ones", data=node.shape, order=node.order) if node.order else num(ONE)
    if isinstance(node, Delta):
        return make("eye", data=node.shape[:1], order=2)
    if isinstance(node, Sum):
        return _sum(node, operands)
    if isinstance(node, Einsum):
        return factor.rearranged(product_tree(list(zip(operands, node.inputs, strict=True)), node))
    assert isinstance(node, Apply)
    return _application(node, operands)


def with_broadcasting(root: Tree) -> Tree:
    """In sums, what is repeated along axes written as NumPy broadcasts it: `b` on every row, `v[:, None]`."""
    done: dict[Tree, Tree] = {}
    stack: list[tuple[Tree, bool]] = [(root, False)]
    while stack:
        t, ready = stack.pop()
        if t in done:
            continue
        if not ready:
            stack.append((t, True))
            stack.extend((a, False) for a in t.args)
            continue
        args = [done[a] for a in t.args]
        if t.op == "sum" and t.order > 1:
            masks = [_repeated(a, new) for a, new in zip(t.args, args, strict=True)]
            covered = [any(m[0][k] for m in masks) for k in range(t.order)]
            if all(covered):
                args = [x for m in masks for x in _opened_spread(m[1])]
        new = t if tuple(args) == t.args else make(t.op, *args, data=t.data, order=t.order)
        if t in symmetric:
            symmetric.add(new)
        done[t] = new
    return done[root]


def _opened_spread(t: Tree) -> list[Tree]:
    """A repeated sum as its repeated terms."""
    if t.op == "spread" and t.args[0].op == "sum":
        kept = []
        for a in t.args[0].args:
            c, nums, dens = _split(a)
            at = [k for k, x in enumerate(nums) if x.order]
            if len(at) != 1 or any(x.order for x in dens):
                return [t]
            part = make("spread", nums[at[0]], data=t.data, order=t.order)
            kept.append(mul(c, [*nums[: at[0]], part, *nums[at[0] + 1 :]], dens))
        return kept
    return [t]


def _repeated(old: Tree, new: Tree) -> tuple[tuple[bool, ...], Tree]:
    """(the axes along which the term is not merely repeated, the term written with broadcasting)."""
    if not old.order:
        return (False,) * 8, new
    full = (True,) * old.order
    c, nums, dens = _split(new)
    at = [k for k, x in enumerate(nums) if x.order]
    if len(at) != 1 or any(x.order for x in dens):
        return full, new
    inner = nums[at[0]]
    if inner.op == "outer" and any(a.op == "ones" for a in inner.args):
        mask = tuple(a.op != "ones" for a in inner.args)
        real = [a for a in inner.args if a.op != "ones"]
    elif inner.op == "einsum":
        inputs, output = inner.data.split("->")
        pairs = [(a, s) for a, s in zip(inner.args, inputs.split(","), strict=True) if a.op != "ones"]
        if len(pairs) != 1 or [i for i in output if i in pairs[0][1]] != list(pairs[0][1]):
            return full, new
        mask = tuple(i in pairs[0][1] for i in output)
        real = [pairs[0][0]]
    else:
        return full, new
    if len(real) != 1 or all(mask):
        return full, new
    spread = make("spread", real[0], data=mask, order=old.order)
    return mask, mul(c, [*nums[: at[0]], spread, *nums[at[0] + 1 :]], dens)


def _sum(node: Sum, operands: list[Tree]) -> Tree:
    if not operands:
        return make("zeros", data=node.shape, order=node.order) if node.order else num(sympy.S.Zero)
    terms: list[Tree] = []
    constants: list[Tree] = []
    for c, n, t in zip(node.coefficients, node.operands, operands, strict=True):
        plain = isinstance(n, Ones) or (
            isinstance(n, Einsum) and all(isinstance(o, Ones) for o in n.operands)
        )
        if plain and node.order and len(node.operands) > 1:
            constants.append(num(c))  # broadcasting: 1 + x, not ones(n) + x
        elif (
            isinstance(n, Einsum)
            and node.order
            and len(node.operands) > 1
            and _scalar_broadcast(n, t) is not None
        ):
            constants.append(scaled(c, _scalar_broadcast(n, t) or t))
        else:
            terms.append(scaled(c, t))
    if not any(t.order for t in terms):  # all are repeated scalars: nothing would carry the shape
        return factor.shortest([scaled(c, t) for c, t in zip(node.coefficients, operands, strict=True)], [])
    return factor.shortest(terms, constants)


def scaled(c: sympy.Expr, tree: Tree) -> Tree:
    """c · tree; a sum divided by its number of terms is a mean."""
    if c.free_symbols and tree in lengths:
        rest = tidy(c * lengths[tree])
        new = sympy.fraction(rest)[0].free_symbols - sympy.fraction(c)[0].free_symbols
        if number_cost(rest) < number_cost(c) and not new:
            return mul(rest, [call("mean", *tree.args)])
    if tree.op == "sum" and c.is_Rational and c != 1:
        spread = factor.shortest([mul(c, [t]) for t in tree.args], [])
        return min(mul(c, [tree]), spread, key=lambda t: t.cost)
    return mul(c, [tree])


def _scalar_broadcast(node: Einsum, tree: Tree) -> Tree | None:
    """The scalar when the node is a scalar repeated over all axes."""
    for o, ls in zip(node.operands, node.inputs, strict=True):
        if ls and not isinstance(o, Ones) and any(i in node.output for i in ls):
            return None
    if not any(isinstance(o, Ones) for o in node.operands):
        return None
    if tree.op == "mul":
        coefficient, split = tree.data
        nums = [a for a in tree.args[:split] if a.op != "ones"]
        if all(not a.order for a in (*nums, *tree.args[split:])):
            return mul(coefficient, nums, list(tree.args[split:]))
        outer = [a for a in nums if a.order]
        if all(a.op == "outer" and all(b.op == "ones" for b in a.args) for a in outer):
            return mul(coefficient, [a for a in nums if not a.order], list(tree.args[split:]))
    return None


def _application(node: Apply, operands: list[Tree]) -> Tree:
    if node.op == "power":
        return power_tree(node, operands[0])
    if node.op == "pow":
        return make("pow", operands[0], operands[1], order=node.order)
    operator = lookup(node.op)
    if isinstance(operator, Elementwise):
        return call(node.op, *operands, order=node.order)
    if node.op in ("logsumexp", "softmax", "max", "min", "max_share", "min_share"):
        axes = node.param("axes")
        settings = (
            [] if len(axes) == node.operands[0].order else [("axis", axes[0] if len(axes) == 1 else axes)]
        )
        return call(node.op, *operands, data=settings, order=node.order)
    if node.op == "reshape":
        return call("reshape", *operands, *(num(s) for s in node.param("shape")), order=node.order)
    if node.op == "slice":
        return make("index", operands[0], data=_index_text(node), order=node.order)
    if node.op == "concatenate":
        return call("concatenate", *operands, data=[("axis", node.param("axis"))], order=node.order)
    settings = [(k, v) for k, v in node.params]
    return call(node.op, *operands, data=settings, order=node.order)


def _index_text(node: Apply) -> str:
    """A slice as it is written between brackets."""
    from .text import number_text

    words = []
    for entry, size in zip(node.param("index"), node.operands[0].shape, strict=True):
        if entry[0] == "at":
            words.append(number_text(entry[1]))
            continue
        _, start, count, step = entry
        stop = sympy.expand(start + count * step)
        text = ("" if start == 0 else number_text(start)) + ":"
        text += "" if stop == size else number_text(stop)
        words.append(text + (f":{number_text(step)}" if step != 1 else ""))
    return ", ".join(words)


def power_tree(node: Apply, base: Tree) -> Tree:
    """x ** p; negative exponents as quotients, roots of sums of squares as norms."""
    exponent: sympy.Expr = node.param("exponent")
    inner = node.operands[0]
    if exponent.is_negative:
        positive = _positive_power(inner, base, -exponent)
        return mul(ONE, [], [positive])
    return _positive_power(inner, base, exponent)


def _positive_power(inner: Node, base: Tree, exponent: sympy.Expr) -> Tree:
    doubled = 2 * exponent
    if doubled.is_Integer and not exponent.is_Integer and base.op in ("call", "chain") and not base.order:
        vector = _squared_norm_of(base)
        if vector is not None:
            norm = call("norm", vector)
            return norm if doubled == 1 else make("pow", norm, num(doubled))
    if exponent == 1:
        return base
    if exponent == sympy.S.Half:
        return call("sqrt", base, order=base.order)
    return make("pow", base, num(exponent), order=base.order)


def _squared_norm_of(t: Tree) -> Tree | None:
    """v when the tree is v @ v or sumsq(v)."""
    if t.op == "chain" and len(t.args) == 2 and t.args[0] is t.args[1] and t.args[0].order == 1:
        return t.args[0]
    if t.op == "call" and t.data[0] == "sumsq":
        return t.args[0]
    return None


# ---------------------------------------------------------------- products


def product_tree(factors: list[tuple[Tree, Labels]], node: Einsum) -> Tree:
    """The tree of a product of trees over labelled axes."""
    if any(len(labels) > 2 for _, labels in factors):
        return einsum_tree(factors, node.order)
    graph = _Graph(factors, set(node.output), node.label_sizes())
    graph.reduce()
    stuck = any(i not in graph.output for _, i, j in graph.edges for i in (i, j))
    if stuck or node.order > 2:
        left: list[tuple[Tree, Labels]] = [(t, ()) for t in graph.scalars]
        left += [(t, (i,)) for i, ts in sorted(graph.vectors.items()) for t in ts]
        left += [(t, (i, j)) for t, i, j in graph.edges]
        return einsum_tree(left, node.order)
    return graph.finish(node.order)


def einsum_tree(factors: Sequence[tuple[Tree, Labels]], order: int) -> Tree:
    """The product as an explicit einsum call, scalars and numbers in front."""
    labels = sorted({i for _, ls in factors for i in ls})
    if len(labels) > len(LETTERS):
        letters = {i: chr(0x61 + k) if k < 26 else chr(0x41 + k - 26) for k, i in enumerate(labels)}
    else:
        letters = {i: LETTERS[k] for k, i in enumerate(labels)}
    front: list[Tree] = [t for t, ls in factors if not ls]
    inside = [(t, ls) for t, ls in factors if ls]
    spec = ",".join("".join(letters[i] for i in ls) for _, ls in inside)
    spec += "->" + "".join(letters[i] for i in range(order))
    body = make("einsum", *(t for t, _ in inside), data=spec, order=order)
    return mul(ONE, [*front, body])


class _Graph:
    """The index graph of one product while it is being reduced."""

    def __init__(
        self, factors: list[tuple[Tree, Labels]], output: set[int], sizes: dict[int, sympy.Expr]
    ) -> None:
        self.output, self.sizes = output, sizes
        self.scalars: list[Tree] = []
        self.vectors: dict[int, list[Tree]] = {}
        self.edges: list[tuple[Tree, int, int]] = []
        for tree, labels in factors:
            if not labels:
                self.scalars.append(tree)
            elif len(labels) == 1:
                self.vectors.setdefault(labels[0], []).append(tree)
            else:
                self.add_edge(tree, *labels)

    def add_edge(self, tree: Tree, i: int, j: int) -> None:
        if i == j:
            self.vectors.setdefault(i, []).append(_diagonal(tree))
            return
        for k, (other, a, b) in enumerate(self.edges):
            if {a, b} == {i, j}:
                same = tree if (a, b) == (i, j) else transpose(tree)
                self.edges[k] = (mul(ONE, [other, same]), a, b)
                return
        self.edges.append((tree, i, j))

    def weight(self, label: int) -> Tree | None:
        """The product of the vectors on a vertex."""
        found = self.vectors.get(label)
        return mul(ONE, found) if found else None

    def touching(self, label: int) -> list[tuple[Tree, int, int]]:
        return [e for e in self.edges if label in e[1:]]

    def reduce(self) -> None:
        """Eliminate summed labels, leaves before series."""
        progress = True
        while progress:
            progress = False
            labels = {i for _, a, b in self.edges for i in (a, b)} | set(self.vectors)
            summed = sorted(labels - self.output)
            for degree in (0, 1, 2):
                # A vector on the vertex first: 1ᵀ(Xw), not (1ᵀX)w.
                # The axis of the data last: sum(A * (R @ W.T), axis=0), a sum over the rows.
                for label in sorted(
                    summed, key=lambda i: (i not in self.vectors, self.sizes[i] == _rows.get("size"), i)
                ):
                    if len(self.touching(label)) == degree:
                        self.eliminate(label, degree)
                        progress = True
                        break
                if progress:
                    break

    def eliminate(self, label: int, degree: int) -> None:
        weight = self.vectors.pop(label, None)
        touching = self.touching(label)
        self.edges = [e for e in self.edges if label not in e[1:]]
        if degree == 0:
            found = _contract(weight or [])
            for t in _split(found)[1]:
                if t.op == "call" and t.data == ("sum", ()):
                    lengths[t] = self.sizes[label]
            self.scalars.append(found)
            return
        oriented = [(t, b) if a == label else (transpose(t), a) for t, a, b in touching]
        if degree == 1:
            matrix, other = oriented[0]  # rows of `matrix` run over `label`
            alone = other not in self.output and not self.touching(other) and not self.vectors.get(other)
            if weight is None and alone:
                found = sum_all(min(matrix, transpose(matrix), key=lambda t: t.cost))
                for t in _split(found)[1]:
                    if t.op == "call" and t.data == ("sum", ()):
                        lengths[t] = self.sizes[label] * self.sizes[other]
                self.scalars.append(found)
                return
            self.vectors.setdefault(other, []).append(_matrix_times(transpose(matrix), weight))
            return
        (left, a), (right, b) = oriented
        between = [make("diag", mul(ONE, weight), order=2)] if weight else []
        if a == b:  # a cycle of length two: Σ_label left[label, a] right[label, a]
            product = chain(transpose(left), *between, right)
            if a in self.output or self.touching(a) or self.vectors.get(a):
                self.vectors.setdefault(a, []).append(_diagonal(product))
            else:
                self.scalars.append(_trace(product))
            return
        product = chain(transpose(left), *between, right)
        closing = [e for e in self.edges if {a, b} == set(e[1:])]
        if closing and all(
            i not in self.output and len(self.touching(i)) == 1 and not self.vectors.get(i) for i in (a, b)
        ):  # the last edge of a cycle
            other, p, _ = closing[0]
            self.edges.remove(closing[0])
            self.scalars.append(_trace(chain(product, transpose(other) if p == a else other)))
            return
        for p, q in ((a, b), (b, a)):  # a loop through p that only q closes: the diagonal of a product
            free = q not in self.output and not self.vectors.get(q) and len(self.touching(q)) == len(closing)
            if closing and free:
                other, x, _ = closing[0]
                back = chain(product if p == a else transpose(product), other if x == q else transpose(other))
                hadamard = mul(ONE, [product if p == a else transpose(product), other if x == p else transpose(other)])
                rows = call("sum", hadamard, data=[("axis", 1)], order=1)
                loop = _diagonal(back)
                if loop.cost + 8 <= rows.cost:  # much shorter, or the sum over a product reads better
                    self.edges.remove(closing[0])
                    self.vectors.setdefault(p, []).append(loop)
                    return
        self.add_edge(product, a, b)

    def finish(self, order: int) -> Tree:
        if order == 0:
            return mul(ONE, self.scalars)
        if order == 1:
            return mul(ONE, [*self.scalars, *self.vectors.get(0, [])])
        u, v = self.weight(0), self.weight(1)
        edges = [t if (a, b) == (0, 1) else transpose(t) for t, a, b in self.edges]
        if not edges:
            assert u is not None and v is not None
            return mul(ONE, [*self.scalars, _outer(u, v)])
        matrix = edges[0]
        if matrix.op == "eye" and (u is not None or v is not None):
            both = [w for w in (u, v) if w is not None]
            c, nums, dens = _split(mul(ONE, both))
            inner = [t for t in nums if t.order] or [make("ones", data=matrix.data, order=1)]
            if dens and any(t.order for t in dens):
                body = make("diag", mul(ONE, inner, [t for t in dens if t.order]), order=2)
            elif inner[0].op == "ones":
                body = matrix
            else:
                body = make("diag", mul(ONE, inner), order=2)
            return mul(
                c, [*self.scalars, *[t for t in nums if not t.order], body], [t for t in dens if not t.order]
            )
        if u is None and v is None:
            return mul(ONE, [*self.scalars, matrix])
        sides = [make("diag", w, order=2) if w is not None else None for w in (u, v)]
        return mul(ONE, [*self.scalars, chain(*(t for t in (sides[0], matrix, sides[1]) if t is not None))])


def _split(t: Tree) -> tuple[sympy.Expr, list[Tree], list[Tree]]:
    from .tree import parts

    return parts(t)


def _outer(u: Tree, v: Tree) -> Tree:
    """u vᵀ, numbers and scalars in front; one vector in a denominator stays in its place."""
    front: list[Tree] = []
    below: list[Tree] = []
    coefficient: sympy.Expr = ONE
    kept: list[Tree] = []
    for w in (u, v):
        c, nums, dens = _split(w)
        coefficient = coefficient * c
        front += [t for t in nums if not t.order]
        below += [t for t in dens if not t.order]
        kept.append(mul(ONE, [t for t in nums if t.order], [t for t in dens if t.order]))
    return mul(coefficient, [*front, make("outer", *kept, order=2)], below)


def _diagonal(t: Tree) -> Tree:
    """The diagonal of a matrix as a vector."""
    if t.op == "diag":
        return t.args[0]
    c, nums, dens = _split(t)
    if len(nums) > 1 or c != 1 or dens:
        return mul(
            c, [_diagonal(x) if x.order else x for x in nums], [_diagonal(x) if x.order else x for x in dens]
        )
    if t.op == "T":
        return _diagonal(t.args[0])
    return make("diagonal", t, order=1)


def _trace(t: Tree) -> Tree:
    c, nums, dens = _split(t)
    inner = [x for x in nums if x.order]
    if (c != 1 or len(nums) > 1 or dens) and len(inner) == 1 and not any(d.order for d in dens):
        return mul(c, [*[x for x in nums if not x.order], _trace(inner[0])], dens)
    if t.op == "T":
        return _trace(t.args[0])
    return call("tr", _shortest_rotation(t))


def _shortest_rotation(t: Tree) -> Tree:
    """tr is invariant under rotation of a product: take the one with the fewest transposes."""
    if t.op != "chain":
        return t
    best = t
    for k in range(1, len(t.args)):
        turned = chain(*t.args[k:], *t.args[:k])
        if turned.cost < best.cost:
            best = turned
    return best


def _contract(vectors: list[Tree]) -> Tree:
    """Σᵢ of a product of vectors: v @ w, sumsq(v), sum(v)."""
    coefficient, nums, dens = _split(mul(ONE, vectors))
    scalars = [t for t in nums if not t.order]
    under = [t for t in dens if not t.order]
    top = [t for t in nums if t.order]
    bottom = [t for t in dens if t.order]
    if len(top) == 1 and not bottom:
        return mul(coefficient, [*scalars, sum_tree(top[0])], under)
    if not bottom and len(top) >= 2:
        best = min(range(len(top)), key=lambda k: -top[k].cost)
        right = top[best]
        left = mul(ONE, [t for k, t in enumerate(top) if k != best])
        return mul(coefficient, [*scalars, _dot(left, right)], under)
    return mul(coefficient, [*scalars, call("sum", mul(ONE, top, bottom))], under)


def _dot(a: Tree, b: Tree) -> Tree:
    """a @ b; a matrix product on one side is written through."""
    if b.op == "chain" and a.op != "chain":
        a, b = b, a
    if a.op == "chain" and a.args[-1].order == 1 and a.args[0].order == 2:
        # (A v) @ b = b @ A @ v, or v @ Aᵀ @ b
        first = chain(b, *a.args)
        second = chain(*(transpose(x) for x in reversed(a.args)), b)
        return first if first.cost <= second.cost else second
    return chain(a, b)


def sum_tree(v: Tree) -> Tree:
    """The sum of the entries of a vector or matrix."""
    if v.op == "diagonal":
        return call("tr", v.args[0])
    if v.op == "pow" and v.args[1].op == "num" and v.args[1].data == 2:
        base = v.args[0]
        if base.op == "var" and base.order == 1:
            return chain(base, base)
        return call("sumsq", base)
    return call("sum", v)


def sum_all(matrix: Tree) -> Tree:
    """The sum of all entries of a matrix, numbers and scalars in front."""
    c, nums, dens = _split(matrix)
    tensors = [t for t in nums if t.order]
    under = [t for t in dens if t.order]
    front, below = [t for t in nums if not t.order], [t for t in dens if not t.order]
    return mul(c, [*front, sum_tree(mul(ONE, tensors, under))], below)


def _matrix_times(matrix: Tree, weight: list[Tree] | None) -> Tree:
    """A v; without a vector the row sums of A."""
    if weight is None:
        turned = transpose(matrix)
        if turned.cost < matrix.cost:
            return call("sum", turned, data=[("axis", 0)], order=1)
        return call("sum", matrix, data=[("axis", 1)], order=1)
    vector = mul(ONE, weight)
    c, nums, dens = _split(vector)
    front = [t for t in nums if not t.order]
    under = [t for t in dens if not t.order]
    body = mul(ONE, [t for t in nums if t.order], [t for t in dens if t.order])
    return mul(c, [*front, chain(matrix, body)], under)
