"""The index graph of a product and its series–parallel reduction to matrix notation.

Axis labels are vertices, matrices are edges, vectors sit on vertices. A summed vertex with one edge is a
matrix–vector product, with two edges a matrix product (a vector on it is a diagonal matrix between them),
a loop is a diagonal or a trace, parallel edges multiply elementwise, what is disconnected is an outer product.
"""

from __future__ import annotations

import sympy

from ..sizes import ONE
from .along import repeated
from .chains import chain, diagonal_matrix
from .makers import even, mul, outer, squared_norm, total, transpose
from .tree import Tree, call, make, num, parts, rendering

Labels = tuple[int, ...]


class Graph:
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
        """A matrix between two labels; on one label, its diagonal."""
        if i == j:
            self.vectors.setdefault(i, []).append(_diagonal(tree))
            return
        for k, (other, a, b) in enumerate(self.edges):
            if {a, b} == {i, j}:
                same = tree if (a, b) == (i, j) else transpose(tree)
                for one, rest in ((same, other), (other, same)):
                    if (vector := repeated(one)) is not None:  # A ∘ (1 vᵀ) is A diag(v)
                        self.vectors.setdefault((a, b)[vector[0]], []).append(vector[1])
                        self.edges[k] = (rest, a, b)
                        return
                self.edges[k] = (mul(ONE, [other, same]), a, b)
                return
        self.edges.append((tree, i, j))

    def weight(self, label: int) -> Tree | None:
        """The product of the vectors on a vertex."""
        found = self.vectors.get(label)
        return mul(ONE, found) if found else None

    def touching(self, label: int) -> list[tuple[Tree, int, int]]:
        """The matrices that meet in a label."""
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
                    summed, key=lambda i: (i not in self.vectors, self.sizes[i] == rendering.data_size, i)
                ):
                    if len(self.touching(label)) == degree:
                        self.eliminate(label, degree)
                        progress = True
                        break
                if progress:
                    break

    def eliminate(self, label: int, degree: int) -> None:
        """Sum over a label that so many matrices touch."""
        weight = self.vectors.pop(label, None)
        touching = self.touching(label)
        self.edges = [e for e in self.edges if label not in e[1:]]
        if degree == 0:
            found = _contract(weight or [])
            for t in parts(found)[1]:
                if t.op == "call" and t.data == ("sum", ()):
                    rendering.lengths[t] = self.sizes[label]
            self.scalars.append(found)
            return
        oriented = [(t, b) if a == label else (transpose(t), a) for t, a, b in touching]
        if degree == 1:
            matrix, other = oriented[0]  # rows of `matrix` run over `label`
            alone = other not in self.output and not self.touching(other) and not self.vectors.get(other)
            if weight is None and alone:
                found = sum_all(min(matrix, transpose(matrix), key=lambda t: t.cost))
                for t in parts(found)[1]:
                    if t.op == "call" and t.data == ("sum", ()):
                        rendering.lengths[t] = self.sizes[label] * self.sizes[other]
                self.scalars.append(found)
                return
            product = _matrix_times(transpose(matrix), weight)
            if weight is None and self.sizes[label] == 1:
                product = _only_row(matrix) or product
            elif weight is None:
                rendering.lengths[product] = self.sizes[label]
            self.vectors.setdefault(other, []).append(product)
            return
        (left, a), (right, b) = oriented
        between = [diagonal_matrix(mul(ONE, weight))] if weight else []
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
            back, start, _ = closing[0]
            self.edges.remove(closing[0])
            self.scalars.append(_trace(chain(product, transpose(back) if start == a else back)))
            return
        for p, q in ((a, b), (b, a)):  # a loop through p that only q closes: the diagonal of a product
            free = q not in self.output and not self.vectors.get(q) and len(self.touching(q)) == len(closing)
            if closing and free:
                last, x, _ = closing[0]
                forth = product if p == a else transpose(product)
                back = chain(forth, last if x == q else transpose(last))
                hadamard = mul(ONE, [forth, last if x == p else transpose(last)])
                turned = mul(ONE, [transpose(forth), transpose(last) if x == p else last])
                rows = min(
                    call("sum", hadamard, data=[("axis", 1)], order=1),
                    call("sum", turned, data=[("axis", 0)], order=1),
                    key=lambda t: t.cost,
                )
                loop = _diagonal(back)
                # Clearly shorter; else the sum over a product reads better, over the data above all.
                if loop.cost + (12 if self.sizes[q] == rendering.data_size else 4) <= rows.cost:
                    self.edges.remove(closing[0])
                    self.vectors.setdefault(p, []).append(loop)
                    return
        self.add_edge(product, a, b)

    def finish(self, order: int) -> Tree:
        """The tree of what is left, over no, one or two labels."""
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
            c, nums, dens = parts(mul(ONE, both))
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
        sides = [diagonal_matrix(w) if w is not None else None for w in (u, v)]
        return mul(ONE, [*self.scalars, chain(*(t for t in (sides[0], matrix, sides[1]) if t is not None))])


def _outer(u: Tree, v: Tree) -> Tree:
    """u vᵀ, numbers and scalars in front; one vector in a denominator stays in its place."""
    front: list[Tree] = []
    below: list[Tree] = []
    coefficient: sympy.Expr = ONE
    kept: list[Tree] = []
    if u is v:
        u = v = even(u)
    for w in (u, v):
        c, nums, dens = parts(w)
        coefficient = coefficient * c
        front += [t for t in nums if not t.order]
        below += [t for t in dens if not t.order]
        kept.append(mul(ONE, [t for t in nums if t.order], [t for t in dens if t.order]))
    return mul(coefficient, [*front, outer(*kept)], below)


def _diagonal(t: Tree) -> Tree:
    """The diagonal of a matrix as a vector."""
    if t.op == "diag":
        return t.args[0]
    c, nums, dens = parts(t)
    if len(nums) > 1 or c != 1 or dens:
        return mul(
            c, [_diagonal(x) if x.order else x for x in nums], [_diagonal(x) if x.order else x for x in dens]
        )
    if t.op == "T":
        return _diagonal(t.args[0])
    found = make("diagonal", t, order=1)
    half, odd = divmod(len(t.args), 2)
    if (
        t.op == "chain"
        and not odd
        and all(transpose(f) is t.args[-1 - k] for k, f in enumerate(t.args[:half]))
    ):
        square = make("pow", chain(*t.args[:half]), num(sympy.Integer(2)), order=2)  # (M Mᵀ)ᵢᵢ = Σⱼ Mᵢⱼ²
        rows = call("sum", square, data=[("axis", 1)], order=1)
        return min(found, rows, key=lambda x: x.cost)
    return found


def _trace(t: Tree) -> Tree:
    c, nums, dens = parts(t)
    inner = [x for x in nums if x.order]
    if (c != 1 or len(nums) > 1 or dens) and len(inner) == 1 and not any(d.order for d in dens):
        return mul(c, [*[x for x in nums if not x.order], _trace(inner[0])], dens)
    if t.op == "T":
        return _trace(t.args[0])
    whole = call("tr", _shortest_rotation(t))
    if t.op == "sum" and any(parts(a)[1][-1:] and parts(a)[1][-1].op == "outer" for a in t.args):
        split = total([_trace(a) for a in t.args])  # tr(A − u uᵀ) = tr A − uᵀu
        return split if split.cost < whole.cost else whole
    if t.op == "outer":
        return _contract(list(t.args))
    return whole


def _shortest_rotation(t: Tree) -> Tree:
    """tr is invariant under rotation of a product: the one with the fewest transposes, Wᵀ A W where there is such."""
    if t.op != "chain":
        return t
    turned = [chain(*t.args[k:], *t.args[:k]) for k in range(len(t.args))]
    back = [transpose(f) for f in reversed(t.args)]
    turned += [chain(*back[k:], *back[:k]) for k in range(len(back))]

    def key(x: Tree) -> tuple[int, bool, str]:
        """Ties go by name: tr(C S), not tr(S C)."""
        gram = x.op == "chain" and x.args[0].op == "T" and x.args[0].args[0] is x.args[-1]
        names = [str(a.data) for a in x.args if a.op == "var"]
        return x.cost, not gram, " ".join(names) if len(names) == len(x.args) else ""

    return min(turned, key=key)


def _only_row(matrix: Tree) -> Tree | None:
    """B[0, :] of an array with one row: shorter than the sum over it."""
    turned = matrix.op == "T"
    whole = matrix.args[0] if turned else matrix
    if whole.op not in ("var", "call"):
        return None
    return make("index", whole, data=":, 0" if turned else "0, :", order=1)


def _contract(vectors: list[Tree]) -> Tree:
    """Σᵢ of a product of vectors: v @ w, sumsq(v), sum(v)."""
    coefficient, nums, dens = parts(mul(ONE, vectors))
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
    if all(t.op == "chain" and t.args[0].order == 2 and t.args[-1].order == 1 for t in (a, b)):
        # (A u) @ (B v) = u @ Aᵀ @ B @ v
        turned = [chain(*(transpose(x) for x in reversed(p.args)), q) for p, q in ((a, b), (b, a))]
        return min(turned, key=lambda t: t.cost)
    if a.op == "chain" and a.args[-1].order == 1 and a.args[0].order == 2:
        # (A v) @ b = b @ A @ v, or v @ Aᵀ @ b
        first = chain(b, *a.args)
        second = chain(*(transpose(x) for x in reversed(a.args)), b)
        return first if first.cost <= second.cost else second
    return chain(a, b)


def sum_tree(v: Tree) -> Tree:
    """The sum of the entries of a vector or matrix."""
    if v.op == "diagonal":
        return _trace(v.args[0])
    if v.op == "pow" and v.args[1].op == "num" and v.args[1].data == 2:
        return squared_norm(v.args[0])
    return call("sum", v)


def sum_all(matrix: Tree) -> Tree:
    """The sum of all entries of a matrix, numbers and scalars in front."""
    c, nums, dens = parts(matrix)
    tensors = [t for t in nums if t.order]
    under = [t for t in dens if t.order]
    front, below = [t for t in nums if not t.order], [t for t in dens if not t.order]
    found = sum_tree(mul(ONE, tensors, under))
    if len(tensors) == 2 and not under:  # Σ Aᵢⱼ Bᵢⱼ = tr(Aᵀ B), where there are products or inverses anyway
        a, b = tensors
        traces = [_trace(chain(transpose(a), b)), _trace(chain(transpose(b), a))]
        algebraic = any(t.op == "chain" or (t.op == "call" and t.data[0] == "inv") for t in tensors)
        algebraic = algebraic or all(t.op == "var" for t in tensors)
        found = min([found, *traces], key=lambda t: 2 * t.cost + (t is found and algebraic))
    return mul(c, [*front, found], below)


def _matrix_times(matrix: Tree, weight: list[Tree] | None) -> Tree:
    """A v; without a vector the row sums of A."""
    if weight is None:
        c, nums, dens = parts(matrix)
        if c.is_number and c != 1 and (nums or dens):
            return mul(c, [_matrix_times(mul(ONE, nums, dens), None)])
        turned = transpose(matrix)
        if turned.cost < matrix.cost:
            return call("sum", turned, data=[("axis", 0)], order=1)
        return call("sum", matrix, data=[("axis", 1)], order=1)
    vector = mul(ONE, weight)
    c, nums, dens = parts(vector)
    front = [t for t in nums if not t.order]
    under = [t for t in dens if not t.order]
    body = mul(ONE, [t for t in nums if t.order], [t for t in dens if t.order])
    return mul(c, [*front, chain(matrix, body)], under)
