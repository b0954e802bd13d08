"""Expressions as random elements of a prime field: an exact test whether an expression vanishes identically.

Entries of variables are random field elements. A function that is no rational operation is a *free symbol*:
its value is a random element determined by the value of its argument, so that equal arguments give equal
symbols and nothing else is known of it. Exponentials are more: exp(Σ cₖ tₖ) = Π e(tₖ)^cₖ with a free symbol
e(t) per term, so exp(a + b) = exp(a) exp(b), and σ, tanh, sinh, softmax, sin and cos (through e^{iz},
i = √−1 in the field) are rational functions of such symbols. An expression that vanishes under these rules
vanishes for the real functions too; one that does not may still be zero.

Sums over an axis of symbolic size are weighted, Σᵢ μᵢ xᵢ, with random weights whose total stands for the
size wherever the size is a number. One evaluation at small arrays thereby speaks for all sizes, if the axes
are long enough: see `bounds` and the design note on proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import prod
from typing import Any

import numpy as np
import sympy

from ..domains import Array
from ..errors import UnsupportedError
from ..node import Apply, Delta, Einsum, Labels, Node, Ones, Sum, Variable, topological
from ..sizes import ONE
from ..sums import flat_terms
from .exponents import elementwise, is_local, logarithm, logarithmic, pointwise

#: Exponents of exponentials may have denominators that divide this.
DENOMINATOR = 5040
_LARGEST = 4000  # entries of one array
_WORK = 3_000_000  # terms of one product


class Unlucky(Exception):
    """A division by zero in the field: another draw will do."""


class Field:
    """One random evaluation, modulo a prime that is 1 mod 4, at given lengths of the symbolic sizes."""

    def __init__(self, p: int, seed: bytes, lengths: Mapping[sympy.Expr, int]) -> None:
        self.p, self.seed, self.lengths = p, seed, dict(lengths)
        self.symbols = 0  # how many free symbols were asked for
        self.imaginary = self._root_of_minus_one()
        self._weights: dict[sympy.Expr, Array] = {}
        self._totals: dict[sympy.Symbol, int] = {}
        for s in sorted({x for size in lengths for x in size.free_symbols}, key=str):
            self._totals[s] = self.random("size", str(s))
        self._done: dict[Node, Array] = {}

    # ------------------------------------------------------------ numbers

    def random(self, *key: object) -> int:
        """The field element that belongs to this key; never zero."""
        self.symbols += 1
        text = "|".join(map(str, key)).encode()
        width = self.p.bit_length() // 8 + 9
        digest = b"".join(
            blake2b(text, digest_size=64, key=self.seed, salt=bytes([k])).digest()
            for k in range(width // 64 + 1)
        )
        return int.from_bytes(digest[:width], "big") % (self.p - 1) + 1

    def _root_of_minus_one(self) -> int:
        for k in range(2, 200):
            root = pow(k, (self.p - 1) // 4, self.p)
            if root * root % self.p == self.p - 1:
                return root
        raise UnsupportedError("no square root of -1 was found")

    def inverse(self, value: int) -> int:
        if value % self.p == 0:
            raise Unlucky
        return pow(value, -1, self.p)

    def number(self, value: sympy.Expr) -> int:
        """A coefficient: rational exactly, sizes as totals of weights, anything else a free symbol."""
        if value.is_Rational:
            return int(value.p) * self.inverse(int(value.q)) % self.p
        if value.is_Symbol:
            if value not in self._totals:
                self._totals[value] = self.random("size", str(value))
            return self._totals[value]
        if value.is_Add:
            return sum(self.number(a) for a in value.args) % self.p
        if value.is_Mul:
            return prod((self.number(a) for a in value.args), start=1) % self.p
        if value.is_Pow and value.exp.is_Rational:
            base = value.base
            whole = int(sympy.floor(value.exp))
            part = value.exp - whole
            found = (
                pow(self.number(base), whole, self.p)
                if whole >= 0
                else pow(self.inverse(self.number(base)), -whole, self.p)
            )
            if part:
                root = self.random("root", part.q, self.number(base))
                found = found * pow(root, int(part.p), self.p) % self.p
            return found
        return self.random("constant", sympy.srepr(value))

    def length(self, size: sympy.Expr) -> int:
        return int(size) if size.is_Integer else self.lengths[size]

    def shape(self, node: Node) -> tuple[int, ...]:
        return tuple(self.length(s) for s in node.shape)

    def weights(self, size: sympy.Expr) -> Array | None:
        """Random weights whose total is the size; none for a size that is a number."""
        if size.is_Integer:
            return None
        if size not in self._weights:
            k = self.length(size)
            w = [self.random("weight", size, i) for i in range(k - 1)]
            last = (self.number(size) - sum(w)) % self.p
            self._weights[size] = np.array([*w, last], dtype=object)
        return self._weights[size]

    def each(self, function: Callable[..., int], *arrays: Array) -> Array:
        """A function of entries."""
        out = np.empty(arrays[0].shape, dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = function(*(a[index] for a in arrays))
        return out

    def oracle(self, name: object, *arrays: Array) -> Array:
        """A free symbol per value of the arguments."""
        return self.each(lambda *xs: self.random("free", name, *xs), *arrays)

    # ------------------------------------------------------------ nodes

    def value(self, root: Node) -> Array:
        """The expression at this random point."""
        for node in topological([root]):
            if node not in self._done:
                self._done[node] = self._value(node)
        return self._done[root]

    def _value(self, node: Node) -> Array:
        if prod(self.shape(node)) > _LARGEST:
            raise UnsupportedError("the arrays of an exact test would be too large")
        if isinstance(node, Variable):
            return self._variable(node)
        if isinstance(node, Ones):
            return np.full(self.shape(node), 1, dtype=object)
        if isinstance(node, Delta):
            return np.array(np.eye(self.shape(node)[0]).astype(int).tolist(), dtype=object)
        if isinstance(node, Sum):
            total = np.full(self.shape(node), 0, dtype=object)
            for c, term in node.terms:
                total = (total + self.number(c) * self._done[term]) % self.p
            return np.asarray(total, dtype=object)
        if isinstance(node, Einsum):
            return self.product(
                [(self._done[o], ls) for o, ls in node.factors],
                node.output,
                node.label_sizes(),
            )
        assert isinstance(node, Apply)
        rule = _RULES.get(node.op)
        return rule(self, node) if rule is not None else self._opaque(node)

    def _variable(self, v: Variable) -> Array:
        out = np.empty(self.shape(v), dtype=object)
        for index in np.ndindex(out.shape):
            name = index
            if "symmetric" in v.facts and len(index) >= 2:
                name = (*index[:-2], *sorted(index[-2:]))
            out[index] = self.random("entry", v.name, name)
        return out

    def product(
        self, factors: list[tuple[Array, Labels]], output: Labels, sizes: Mapping[int, sympy.Expr]
    ) -> Array:
        """Σ over the labels that are not in the output, weighted."""
        work = list(factors)
        for label in {i for _, ls in factors for i in ls} - set(output):
            w = self.weights(sizes[label])
            if w is not None:
                work.append((w, (label,)))
        lengths = {i: self.length(sizes[i]) for i in sizes}
        while len(work) > 1:
            best: tuple[Any, ...] | None = None
            for a in range(len(work)):
                for b in range(a):
                    la, lb = set(work[a][1]), set(work[b][1])
                    others = set(output).union(*(ls for k, (_, ls) in enumerate(work) if k not in (a, b)))
                    kept = (la | lb) & others
                    size = prod(lengths[i] for i in kept)
                    flops = prod(lengths[i] for i in la | lb)
                    key = (not la & lb, size - work[a][0].size - work[b][0].size, flops, a, b)
                    if best is None or key < best[0]:
                        best = (key, a, b, tuple(sorted(kept)), flops)
            assert best is not None
            _, a, b, kept, flops = best
            if flops > _WORK:
                raise UnsupportedError("the products of an exact test would be too large")
            merged = self._pair(work[a], work[b], kept)
            work = [f for k, f in enumerate(work) if k not in (a, b)] + [(merged, kept)]
        array, labels = work[0]
        return np.asarray(np.einsum(array, list(labels), list(output)) % self.p, dtype=object)

    def _pair(self, x: tuple[Array, Labels], y: tuple[Array, Labels], kept: Labels) -> Array:
        found = np.einsum(x[0], list(x[1]), y[0], list(y[1]), list(kept))
        return np.asarray(found % self.p, dtype=object)

    # ------------------------------------------------------------ operators

    def exponential(self, z: Node, factor: int = 1) -> Array:
        """exp(factor · z) as a product of free symbols, one per term of z."""
        return self._power_product(z, sympy.Integer(factor), "exp")

    def circular(self, z: Node) -> Array:
        """e^{iz}."""
        return self._power_product(z, ONE, "exp of i times")

    def _power_product(self, z: Node, factor: sympy.Expr, kind: str) -> Array:
        found = np.full(self.shape(z), 1, dtype=object)
        for c, term in flat_terms(z):
            c = c * factor
            inner = logarithm(c, term) if kind == "exp" else None
            if inner is not None:
                base = self._integer_power(self._logged(inner[0]), int(c), free=not is_local(inner[0]))
                axes = [(1 if k not in inner[1] else n) for k, n in enumerate(self.shape(z))]
                moved = np.broadcast_to(base.reshape(axes), self.shape(z))
            else:
                rational, rest = c.as_coeff_Mul()
                if DENOMINATOR % int(rational.q) == 0:
                    whole, value = int(rational * DENOMINATOR), self._scaled(rest, term)
                else:
                    whole, value = DENOMINATOR, self._scaled(c, term)
                if abs(whole) > 10**6 * DENOMINATOR:
                    whole, value = DENOMINATOR, self._scaled(c, term)
                e = self.oracle(kind, value)
                moved = self.each(lambda v, w=whole: self._pow(v, w), e)
            found = np.asarray(found * moved % self.p, dtype=object)
        return found

    def _scaled(self, c: sympy.Expr, term: Node) -> Array:
        return np.asarray(self.number(c) * self.value(term) % self.p, dtype=object)

    def _pow(self, value: int, exponent: int) -> int:
        return pow(value if exponent >= 0 else self.inverse(value), abs(exponent), self.p)

    def _logged(self, node: Apply) -> Array:
        """u for a node log u, log(1 + u), log(1 + exp z) or log Σ exp z."""
        if node.op == "logsumexp":
            return self._total_exp(node)
        if node.op == "softplus":
            return np.asarray((1 + self.exponential(node.operands[0])) % self.p, dtype=object)
        return np.asarray((self.value(node.operands[0]) + (node.op == "log1p")) % self.p, dtype=object)

    def _total_exp(self, node: Apply, keep: bool = False) -> Array:
        """Σ exp z over the axes of a softmax or log-sum-exp."""
        z = node.operands[0]
        axes = node.param("axes")
        labels = tuple(range(z.order))
        kept = tuple(i for i in labels if i not in axes)
        total = self.product([(self.exponential(z), labels)], kept, dict(enumerate(z.shape)))
        return np.asarray(np.expand_dims(total, axes), dtype=object) if keep else total

    def _integer_power(self, base: Array, k: int, free: bool) -> Array:
        """base^k; a reciprocal of something that was summed over an axis is a free symbol (`free`)."""
        if k >= 0 or not free or base.ndim == 0:
            return self.each(lambda v: self._pow(v, k), base)
        return self.each(lambda v: self._pow(self.random("reciprocal", v), -k), base)

    def power(self, node: Apply) -> Array:
        x = node.operands[0]
        base, e = self.value(x), node.param("exponent")
        if not e.is_Rational:
            return self.oracle(("power", sympy.srepr(e)), base)
        whole = int(sympy.floor(e))
        found = self._integer_power(base, whole, free=x.order > 0 and not pointwise(x))
        if e != whole:
            part = e - whole
            root = self.oracle(("root", int(part.q)), base)
            found = found * self.each(lambda v: self._pow(v, int(part.p)), root)
        return np.asarray(found % self.p, dtype=object)

    def rational(self, node: Apply, function: Callable[[int], int], factor: int) -> Array:
        """A rational function of exp(factor · z); a free symbol where exp(log u) makes it one of u."""
        e = self.exponential(node.operands[0], factor)
        if node.op not in ("exp", "expm1") and any(logarithmic(node.operands[0])):
            return self.oracle((node.op, "of"), e)
        return self.each(function, e)

    def softmax(self, node: Apply) -> Array:
        e = self.exponential(node.operands[0])
        total = self._total_exp(node)
        down = self._integer_power(total, -1, free=True)
        down = np.expand_dims(down, node.param("axes"))
        return np.asarray(e * down % self.p, dtype=object)

    def inv(self, node: Apply) -> Array:
        """A free matrix per value of the argument; transposed and symmetric arguments give such inverses."""
        a = self.value(node.operands[0])
        out = np.empty(a.shape, dtype=object)
        for batch in np.ndindex(a.shape[:-2]):
            here, there = _key(a[batch]), _key(a[batch].T)
            name, flip = min((here, False), (there, True))
            for i, j in np.ndindex(a.shape[-2:]):
                place = tuple(sorted((i, j))) if here == there else (j, i) if flip else (i, j)
                out[(*batch, i, j)] = self.random("inverse", name, place)
        return out

    def determinant(self, node: Apply) -> Array:
        """det or log|det|: free symbols, the same for the transpose."""
        a = self.value(node.operands[0])
        out = np.empty(a.shape[:-2], dtype=object)
        for batch in np.ndindex(out.shape):
            out[batch] = self.random(node.op, min(_key(a[batch]), _key(a[batch].T)))
        return out

    def _opaque(self, node: Apply) -> Array:
        """Any other operator: entry by entry if it is elementwise, else a free array for its operands."""
        arrays = [self.value(o) for o in node.operands]
        if elementwise(node):
            return self.oracle((node.op, str(node.params)), *arrays)
        name = (node.op, str(node.params), *map(_key, arrays))
        out = np.empty(self.shape(node), dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = self.random("array", name, index)
        return out


def _key(a: Array) -> str:
    text = f"{a.shape}" + ",".join(map(str, a.flat))
    return blake2b(text.encode(), digest_size=32).hexdigest()


def _of_exp(function: Callable[[Field, int], int], factor: int = 1) -> Callable[[Field, Apply], Array]:
    return lambda f, node: f.rational(node, lambda e: function(f, e) % f.p, factor)


def _of_circle(function: Callable[[Field, int], int]) -> Callable[[Field, Apply], Array]:
    return lambda f, node: f.each(lambda e: function(f, e) % f.p, f.circular(node.operands[0]))


def _cos(f: Field, e: int) -> int:
    return (e + f.inverse(e)) * f.inverse(2)


def _sin(f: Field, e: int) -> int:
    return (e - f.inverse(e)) * f.inverse(2 * f.imaginary)


def _log(f: Field, node: Apply) -> Array:
    return f.oracle("log", f.value(node.operands[0]))


_RULES: dict[str, Callable[[Field, Apply], Array]] = {
    "exp": _of_exp(lambda f, e: e),
    "expm1": _of_exp(lambda f, e: e - 1),
    "sigmoid": _of_exp(lambda f, e: e * f.inverse(1 + e)),
    "tanh": _of_exp(lambda f, e: (e - 1) * f.inverse(e + 1), 2),
    "sinh": _of_exp(lambda f, e: (e - f.inverse(e)) * f.inverse(2)),
    "cosh": _of_exp(lambda f, e: (e + f.inverse(e)) * f.inverse(2)),
    "softplus": lambda f, n: f.oracle("log", f.each(lambda e: (1 + e) % f.p, f.exponential(n.operands[0]))),
    "log": _log,
    "log1p": lambda f, n: f.oracle("log", f.each(lambda v: (1 + v) % f.p, f.value(n.operands[0]))),
    "sin": _of_circle(_sin),
    "cos": _of_circle(_cos),
    "tan": _of_circle(lambda f, e: _sin(f, e) * f.inverse(_cos(f, e))),
    "logsumexp": lambda f, n: f.oracle("log", f._total_exp(n)),
    "softmax": Field.softmax,
    "power": Field.power,
    "inv": Field.inv,
    "det": Field.determinant,
    "logdet": Field.determinant,
}
__all__ = ["DENOMINATOR", "Field", "Unlucky"]
