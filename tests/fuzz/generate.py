"""Random well-typed expressions, each with a second, independent meaning.

A `Piece` is a node together with the recipe it was built from. The node has gone through the normalising
constructors; `value` follows the recipe alone. So the algebra of `build` (deltas removed, powers merged, like
terms collected, naive spellings recognised) is tested against what was asked for, and not against itself.
Pieces are written to and read from JSON: a failing one becomes a regression test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import sympy

from derive.build import add, einsum
from derive.domains import Domain
from derive.errors import DeriveError
from derive.evaluate import bound_params
from derive.node import Node, delta, ones, variable
from derive.operators import REGISTRY, Elementwise, Option, apply, lookup
from derive.sizes import Binding, Shape, size_symbol

N, D, K = (size_symbol(s) for s in "ndk")
ONE, TWO = sympy.S.One, sympy.Integer(2)
SIZES = {N: 3, D: 2, K: 2}
AXES = (N, D, K, ONE, TWO)
SHAPES: tuple[Shape, ...] = (
    *((), (), (N,), (D,), (N, D), (D, N), (D, D), (N, N), (1,), (1, 1), (1, N), (N, 1), (TWO,), (K, D, D)),
    *((K, N), (N + D,), (N * D,), (K, N, D)),
)
SHAPES = tuple(tuple(sympy.sympify(s) for s in shape) for shape in SHAPES)


@dataclass(eq=False)
class Piece:
    """kind: variable, ones, delta, sum, einsum or apply; `extra` as JSON would hold it."""

    kind: str
    node: Node
    parts: tuple[Piece, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        return self.node.shape

    def value(self, arrays: dict[str, Any], binding: Binding, domain: Domain, memo: dict[int, Any]) -> Any:
        """What the recipe says, step by step."""
        found = memo.get(id(self))
        if found is None:
            parts = [p.value(arrays, binding, domain, memo) for p in self.parts]
            found = memo[id(self)] = self._step(parts, arrays, binding, domain)
        return found

    def _step(self, parts: list[Any], arrays: dict[str, Any], binding: Binding, domain: Domain) -> Any:
        if self.kind == "variable":
            return arrays[self.extra["name"]]
        if self.kind == "ones":
            return domain.array(np.ones(binding.shape(self.extra["shape"]), dtype=int))
        if self.kind == "delta":
            return domain.array(np.eye(*binding.shape(self.extra["shape"]), dtype=int))
        if self.kind == "sum":
            total: Any = 0
            for c, part in zip(self.extra["coefficients"], parts, strict=True):
                total = total + part * domain.number(sympy.sympify(c).subs(binding.values))
            return np.asarray(total, dtype=domain.dtype)
        if self.kind == "einsum":
            return domain.einsum([tuple(i) for i in self.extra["inputs"]], tuple(self.extra["output"]), parts)
        params = bound_params(self.extra["params"], binding)
        return lookup(self.extra["op"]).value(parts, params, domain)

    def walk(self, seen: set[int] | None = None) -> list[Piece]:
        """All pieces within, this one last."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return []
        seen.add(id(self))
        return [p for part in self.parts for p in part.walk(seen)] + [self]

    def to_json(self) -> Any:
        extra: dict[str, Any] = {}
        for key, value in self.extra.items():
            extra[key] = _plain(value)
        return {"kind": self.kind, "parts": [p.to_json() for p in self.parts], **extra}

    def __str__(self) -> str:
        if self.kind == "variable":
            return str(self.extra["name"])
        if self.kind in ("ones", "delta"):
            return f"{self.kind}{self.extra['shape']}"
        inside = ", ".join(map(str, self.parts))
        if self.kind == "sum":
            return f"sum{[str(c) for c in self.extra['coefficients']]}({inside})"
        if self.kind == "einsum":
            return f"einsum{[*self.extra['inputs'], '->', self.extra['output']]}({inside})"
        params = "".join(f"; {k}={v}" for k, v in self.extra["params"])
        return f"{self.extra['op']}({inside}{params})"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float) else {"sympy": str(value)}


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_rich(v) for v in value)
    if isinstance(value, dict):
        return sympy.sympify(value["sympy"], locals={str(s): s for s in SIZES})
    return value


def from_json(data: Any) -> Piece:
    """The piece that `to_json` wrote."""
    parts = tuple(from_json(p) for p in data["parts"])
    extra = {k: _rich(v) for k, v in data.items() if k not in ("kind", "parts")}
    return MAKE[data["kind"]](parts, extra)


# ---------------------------------------------------------------- recipes


def _variable(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    return Piece("variable", variable(extra["name"], tuple(extra["shape"]), extra["facts"]), (), extra)


def _ones(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    return Piece("ones", ones(tuple(extra["shape"])), (), extra)


def _delta(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    return Piece("delta", delta(extra["shape"][0]), (), extra)


def _sum(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    terms = [(sympy.sympify(c), p.node) for c, p in zip(extra["coefficients"], parts, strict=True)]
    return Piece("sum", add(terms), parts, extra)


def _einsum(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    factors = [(p.node, tuple(i)) for p, i in zip(parts, extra["inputs"], strict=True)]
    return Piece("einsum", einsum(factors, tuple(extra["output"])), parts, extra)


def _apply(parts: tuple[Piece, ...], extra: dict[str, Any]) -> Piece:
    return Piece("apply", apply(extra["op"], *(p.node for p in parts), **dict(extra["params"])), parts, extra)


MAKE = {
    "variable": _variable,
    "ones": _ones,
    "delta": _delta,
    "sum": _sum,
    "einsum": _einsum,
    "apply": _apply,
}


def op(name: str, *parts: Piece, **params: Any) -> Piece:
    """An operator on pieces."""
    return _apply(parts, {"op": name, "params": tuple(sorted(params.items()))})


def total_of(coefficients: list[Any], parts: list[Piece]) -> Piece:
    """A weighted sum of pieces."""
    return _sum(tuple(parts), {"coefficients": tuple(sympy.sympify(c) for c in coefficients)})


def product(parts: list[Piece], inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> Piece:
    """A product of pieces over labelled axes."""
    return _einsum(tuple(parts), {"inputs": tuple(inputs), "output": output})


def constant(value: Any, shape: Shape) -> Piece:
    """An array filled with one number."""
    return total_of([value], [_ones((), {"shape": shape})])


def identity(shape: Shape) -> Piece:
    """The identity matrix, the same for every matrix of a batch."""
    k = len(shape) - 2
    eye = [_delta((), {"shape": shape[-2:]}), *(_ones((), {"shape": (s,)}) for s in shape[:-2])]
    return product(eye, [(k, k + 1), *((i,) for i in range(k))], (*range(k), k, k + 1))


# ---------------------------------------------------------------- arguments inside the domain


def positive(x: Piece, random: Random) -> Piece:
    """Something above 0 made of x."""
    choice = random.randrange(4)
    if choice == 0:
        return op("exp", op("tanh", x))
    if choice == 1:
        return total_of(
            [1, sympy.Rational(1, 3)], [op("power", x, exponent=TWO), _ones((), {"shape": x.shape})]
        )
    if choice == 2:
        return op("softplus", x)
    return op("sigmoid", x)


def bounded(x: Piece, random: Random) -> Piece:
    """Something between −1 and 1."""
    return total_of([sympy.Rational(9, 10)], [op(random.choice(("tanh", "sin")), x)])


def above_one(x: Piece, random: Random) -> Piece:
    return total_of([1, sympy.Rational(5, 4)], [positive(x, random), _ones((), {"shape": x.shape})])


#: Arguments by the domain that an operator's record states; the others get anything bounded.
DOMAIN = {"positive": positive, "within 1": bounded, "above 1": above_one}
TAME = frozenset("sin cos arctan tanh erf erfc sigmoid softplus abs sign relu step gelu arcsinh".split())
EXPONENTS = [sympy.Rational(p, q) for p, q in ((2, 1), (3, 1), (1, 2), (-1, 1), (-2, 1), (3, 2), (-1, 2))]


def unary(name: str, x: Piece, random: Random) -> Piece:
    """An elementwise operator on an argument inside its domain."""
    operator = lookup(name)
    assert isinstance(operator, Elementwise)
    params = {"order": sympy.Integer(random.choice((2, 2, 3)))} if name == "polygamma" else {}
    if operator.domain:
        return op(name, DOMAIN[operator.domain](x, random), **params)
    return op(name, x if name in TAME or random.random() < 0.15 else bounded(x, random), **params)


#: Powers have makers of their own. A new elementwise operator is drawn as soon as it is registered.
def elementwise_names() -> list[str]:
    return sorted(o.name for o in REGISTRY.values() if isinstance(o, Elementwise) and o.name != "power")


def other_names() -> list[str]:
    return sorted(set(REGISTRY) - MADE - set(elementwise_names()))


#: Operators with makers below; any other one is tried on arguments of the wanted shape, its options drawn.
MADE = frozenset(
    "power logsumexp softmax max min max_share min_share cholesky inv det logdet cumsum tril windows overlap_add "
    "take scatter_add slice reshape concatenate place nuclear_norm spectral_norm polar leading_dyad sylvester".split()
)
FACTS = ((), (), (), ("positive",), ("nonnegative",), ("nonzero",))
SQUARE_FACTS = (
    (),
    (),
    ("symmetric",),
    ("pd",),
    ("psd",),
    ("diagonal",),
    ("invertible",),
    ("symmetric", "positive"),
)


class Generator:
    """Expressions over a handful of variables, drawn from one stream of random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.pool: dict[Shape, list[Piece]] = {}
        self.names = 0
        elementwise = elementwise_names()
        self.unary = [name for name in elementwise if lookup(name).arity == 1]
        self.several = [name for name in elementwise if lookup(name).arity > 1]
        self.others = other_names()

    def leaf(self, shape: Shape) -> Piece:
        random = self.random
        known = self.pool.setdefault(shape, [])
        if known and random.random() < 0.7:
            return random.choice(known)
        roll = random.random()
        if roll < 0.1:
            return constant(sympy.Rational(random.randint(-3, 3), 2), shape)
        if len(shape) == 2 and shape[0] == shape[1] and roll < 0.25:
            return _delta((), {"shape": shape})
        self.names += 1
        square = len(shape) >= 2 and shape[-1] == shape[-2]
        facts = random.choice(SQUARE_FACTS if square else FACTS)
        found = _variable((), {"name": f"v{self.names}", "shape": shape, "facts": facts})
        known.append(found)
        return found

    def objective(self, depth: int = 4) -> Piece:
        """A scalar expression."""
        shape = self.random.choice(SHAPES)
        inside = self.piece(shape, depth)
        labels = tuple(range(len(shape)))
        if self.random.random() < 0.5:
            return product([inside], [labels], ())
        weights = self.leaf(shape)
        return product([inside, weights], [labels, labels], ())

    def piece(self, shape: Shape, depth: int) -> Piece:
        """An expression of that shape."""
        if depth <= 0 or self.random.random() < 0.08:
            return self.leaf(shape)
        makers = [self.sum, self.einsum, self.einsum, self.elementwise, self.elementwise, self.reduction]
        makers += [self.power, self.binary, self.access, self.times, self.broadcast, self.naive]
        makers += [self.linear_algebra] * 2 + [self.moved] * 2
        makers += [self.other] if self.others else []
        for _ in range(6):
            found = self.random.choice(makers)(shape, depth - 1)
            if found is not None:
                return found
        return self.leaf(shape)

    def sum(self, shape: Shape, depth: int) -> Piece:
        random = self.random
        parts = [self.piece(shape, depth) for _ in range(random.choice((1, 2, 2, 3)))]
        choices = [1, -1, 2, sympy.Rational(-1, 2), sympy.Rational(1, 3), 1 / N, -D, 1]
        return total_of([random.choice(choices) for _ in parts], parts)

    def times(self, shape: Shape, depth: int) -> Piece:
        labels = tuple(range(len(shape)))
        a = self.piece(shape, depth)
        if self.random.random() < 0.4:
            return product([a, self.piece((), depth)], [labels, ()], labels)
        if self.random.random() < 0.3:
            return product([a, a], [labels, labels], labels)
        return product([a, self.piece(shape, depth)], [labels, labels], labels)

    def broadcast(self, shape: Shape, depth: int) -> Piece | None:
        if not shape:
            return None
        labels = tuple(range(len(shape)))
        kept = tuple(i for i in labels if self.random.random() < 0.5)
        inner = self.piece(tuple(shape[i] for i in kept), depth)
        rest = [(_ones((), {"shape": (shape[i],)}), (i,)) for i in labels if i not in kept]
        return product([inner, *(p for p, _ in rest)], [kept, *(i for _, i in rest)], labels)

    def einsum(self, shape: Shape, depth: int) -> Piece:
        """One to three factors; labels may repeat within a factor and between factors."""
        random = self.random
        output = tuple(range(len(shape)))
        size = dict(enumerate(shape))
        for extra in range(random.choice((0, 1, 1, 2))):
            size[len(shape) + extra] = random.choice(AXES)
        todo = list(size)
        random.shuffle(todo)
        inputs: list[list[int]] = [[] for _ in range(random.choice((1, 2, 2, 3)))]
        for label in todo:
            inputs[random.randrange(len(inputs))].append(label)
        for labels in inputs:  # more uses of the labels, repeats included
            while size and len(labels) < 3 and random.random() < 0.35:
                labels.insert(random.randrange(len(labels) + 1), random.choice(list(size)))
        parts = []
        for labels in inputs:
            if len(labels) > 3:
                parts.append(self.leaf(tuple(size[i] for i in labels)))
            elif len(labels) == 2 and size[labels[0]] == size[labels[1]] and random.random() < 0.2:
                parts.append(_delta((), {"shape": (size[labels[0]],) * 2}))
            else:
                parts.append(self.piece(tuple(size[i] for i in labels), depth - (len(inputs) > 2)))
        return product(parts, [tuple(i) for i in inputs], output)

    def elementwise(self, shape: Shape, depth: int) -> Piece | None:
        return unary(self.random.choice(self.unary), self.piece(shape, depth), self.random)

    def other(self, shape: Shape, depth: int) -> Piece | None:
        """An operator that nothing here knows of, if it takes arguments of this shape and keeps it."""
        name = self.random.choice(self.others)
        operator = lookup(name)
        parts = [self.piece(shape, depth) for _ in range(max(operator.arity, 1))]
        if operator.domain:
            parts = [DOMAIN[operator.domain](part, self.random) for part in parts]
        settings = {o.name: self.setting(o, shape) for o in operator.options or () if shape}
        try:
            found = op(name, *parts, **settings)
        except DeriveError:
            return None
        return found if found.shape == shape else None

    def setting(self, option: Option, shape: Shape) -> Any:
        """An option of an operator on an array of that shape."""
        match option.kind:
            case "axis":
                return self.random.randrange(len(shape))
            case "flag":
                return self.random.random() < 0.5
            case "size":
                return self.random.choice((ONE, TWO))
        return self.random.choice((-1, 0, 1))

    def power(self, shape: Shape, depth: int) -> Piece:
        exponent = self.random.choice(EXPONENTS)
        base = self.piece(shape, depth)
        if exponent.is_integer and exponent > 0:
            return op("power", base, exponent=exponent)
        if self.random.random() < 0.3:  # √(x²), (x²)^(3/2) …: kinks and sign cases
            square = op("power", base, exponent=TWO)
            return op("power", square, exponent=exponent)
        return op("power", positive(base, self.random), exponent=exponent)

    def binary(self, shape: Shape, depth: int) -> Piece:
        random = self.random
        name = random.choice(self.several)
        parts = [self.piece(shape, depth) for _ in range(lookup(name).arity)]
        if name == "pow":
            parts = [positive(parts[0], random), bounded(parts[1], random)]
        return op(name, *parts)

    def reduction(self, shape: Shape, depth: int) -> Piece | None:
        random = self.random
        name = random.choice(("logsumexp", "logsumexp", "softmax", "softmax", "max", "min", "share"))
        if name == "share":
            name = random.choice(("max_share", "min_share"))
        if name in ("softmax", "max_share", "min_share"):
            if not shape:
                return None
            axes = tuple(sorted(random.sample(range(len(shape)), random.randint(1, len(shape)))))
            return op(name, self.piece(shape, depth), axes=axes)
        axis = random.randint(0, len(shape))
        if len(shape) > 2:
            return None
        wide = (*shape[:axis], random.choice(AXES), *shape[axis:])
        return op(name, self.piece(wide, depth), axes=(axis,))

    def linear_algebra(self, shape: Shape, depth: int) -> Piece | None:
        random = self.random
        square = len(shape) >= 2 and shape[-1] == shape[-2]
        if square and random.random() < 0.3:
            return op("cholesky", self.definite(shape, depth))
        if square and random.random() < 0.8:
            return op("inv", self.invertible(shape, depth))
        if len(shape) > 1:
            return self.singular(shape, depth)
        size = random.choice((D, N, TWO, ONE))
        if random.random() < 0.3:
            return op(random.choice(("nuclear_norm", "spectral_norm")), self.spread((*shape, size, N), depth))
        return op(random.choice(("det", "logdet")), self.invertible((*shape, size, size), depth))

    def singular(self, shape: Shape, depth: int) -> Piece:
        """What the slopes of norms of singular values are made of."""
        name = self.random.choice(("polar", "leading_dyad", "sylvester"))
        if name != "sylvester":
            return op(name, self.spread(shape, depth))
        batch, (m, n) = shape[:-2], shape[-2:]
        sides = [self.gram((*batch, size, size), 0) for size in (m, n)]
        return op(name, *sides, self.piece(shape, depth))

    def spread(self, shape: Shape, depth: int) -> Piece:
        """A matrix whose singular values differ: a variable of its own, moved by a little."""
        self.names += 1
        own = _variable((), {"name": f"v{self.names}", "shape": shape, "facts": ()})
        return total_of([1, sympy.Rational(1, 5)], [own, op("tanh", self.piece(shape, depth))])

    def invertible(self, shape: Shape, depth: int) -> Piece:
        """A Aᵀ + I, 3I + a small matrix, or an invertible variable times an orthogonal change of nothing."""
        if self.random.random() < 0.5:
            return self.gram(shape, depth)
        small = op("tanh", self.piece(shape, depth))
        return total_of([sympy.Rational(1, 3), self.random.choice((3, -3, 2))], [small, identity(shape)])

    def definite(self, shape: Shape, depth: int) -> Piece:
        """A Aᵀ + I, or a matrix whose lower triangle is that of a positive definite one."""
        if self.random.random() < 0.5:
            return self.gram(shape, depth)
        small = op("tanh", self.piece(shape, depth))
        return total_of([sympy.Rational(1, 4), 2], [small, identity(shape)])

    def gram(self, shape: Shape, depth: int) -> Piece:
        k = len(shape) - 2
        batch, a = tuple(range(k)), self.piece(shape, depth)
        product_ = product([a, a], [(*batch, k, 50), (*batch, k + 1, 50)], (*batch, k, k + 1))
        return total_of([1, 1], [product_, identity(shape)])

    def moved(self, shape: Shape, depth: int) -> Piece | None:
        """Running sums, triangles, windows, and entries by number."""
        random = self.random
        if not shape:
            return None
        axis = random.randrange(len(shape))
        wide = list(shape)
        match random.choice(("cumsum", "tril", "windows", "overlap_add", "take", "scatter_add")):
            case "cumsum":
                back = {"reverse": True} if random.random() < 0.5 else {}
                return op("cumsum", self.piece(shape, depth), axis=axis, **back)
            case "tril" if len(shape) > 1:
                return op("tril", self.piece(shape, depth), k=random.choice((0, 0, -1, 1)))
            case "windows" if len(shape) > 1 and axis < len(shape) - 1:
                *wide, size = shape
                stride = random.choice((ONE, ONE, TWO))
                wide[axis] = sympy.expand((shape[axis] - 1) * stride + size)
                steps = {"stride": stride} if stride != 1 else {}
                return op("windows", self.piece(tuple(wide), depth), axis=axis, size=size, **steps)
            case "overlap_add" if len(shape) < 3 and shape[axis] in (N, D, TWO):
                size = (
                    shape[axis]
                    if random.random() < 0.3
                    else ONE
                    if shape[axis] != N
                    else random.choice((ONE, TWO))
                )
                if shape[axis] == N and size == 2:
                    return None  # 2 ≤ n cannot be shown for every n
                wide[axis] = sympy.expand(shape[axis] - size + 1)
                return op("overlap_add", self.piece((*wide, size), depth), axis=axis, size=shape[axis])
            case "take" if len(shape) < 3 or shape[axis] in (N, D):
                source = random.choice((N, D, shape[axis]))
                places = self.places(shape[axis : axis + 1], source, depth)
                wide[axis] = source
                return op("take", self.piece(tuple(wide), depth), places, axis=axis)
            case "scatter_add":
                length = random.choice((N, D, K))
                places = self.places((length,), shape[axis], depth)
                wide[axis] = length
                return op("scatter_add", self.piece(tuple(wide), depth), places, axis=axis, size=shape[axis])
        return None

    def places(self, shape: Shape, size: sympy.Expr, depth: int) -> Piece:
        """Whole numbers from 0 to size − 1: all 0, counted up, or 0 and 1 by the sign of something."""
        choice = self.random.random()
        if choice < 0.4 and size in (N, D, K, 2):  # sizes of at least 2
            return op("step", self.piece(shape, min(depth, 1)))
        if choice < 0.8 and shape == (size,):
            one = _ones((), {"shape": shape})
            return total_of([1, -1], [op("cumsum", one, axis=0), one])
        return constant(0, shape)

    def access(self, shape: Shape, depth: int) -> Piece | None:
        random = self.random
        choice = random.random()
        if choice < 0.35:  # a part of something larger
            index: list[Any] = []
            wide: list[Any] = []
            for s in shape:
                step = random.choice((1, 1, 2, -1))
                start = random.choice((0, 1))
                if step == -1:
                    index.append(("range", s - 1 + start, s, sympy.S.NegativeOne))
                else:
                    index.append(("range", sympy.Integer(start), s, sympy.Integer(step)))
                wide.append(sympy.expand(s * abs(step) + start))
            if len(shape) < 3 and random.random() < 0.5:
                axis = random.randint(0, len(shape))
                size = random.choice((N, D, TWO))
                index.insert(axis, ("at", random.choice((sympy.S.Zero, size - 1))))
                wide.insert(axis, size)
            return op("slice", self.piece(tuple(wide), depth), index=tuple(index))
        if choice < 0.6:
            if len(shape) == 2:
                return op("reshape", self.piece((sympy.expand(shape[0] * shape[1]),), depth), shape=shape)
            if shape == (N * D,):
                return op("reshape", self.piece((N, D), depth), shape=shape)
            return op("reshape", self.piece((*shape, ONE), depth), shape=shape)
        if choice < 0.85:
            for axis, s in enumerate(shape):
                pair = {N + D: (N, D), TWO: (ONE, ONE)}.get(s)
                if pair:
                    parts = [self.piece((*shape[:axis], p, *shape[axis + 1 :]), depth) for p in pair]
                    return op("concatenate", *parts, axis=axis)
            return None
        if shape and shape[0] in (N, D):  # put into zeros: the adjoint of a slice, as an operator of its own
            inner = (TWO if shape[0] == N else ONE, *shape[1:])
            rest = tuple(("range", sympy.S.Zero, s, ONE) for s in shape[1:])
            if shape[0] == N:
                return None  # 2 ≤ n cannot be shown for every n
            return op(
                "place",
                self.piece(inner, depth),
                index=(("range", sympy.S.Zero, ONE, ONE), *rest),
                shape=shape,
            )
        return None

    def naive(self, shape: Shape, depth: int) -> Piece | None:
        """Spellings that the recogniser turns into stable operators."""
        z = self.piece(shape, depth)
        labels = tuple(range(len(shape)))
        one = _ones((), {"shape": shape})
        exp = op("exp", z)
        choice = self.random.randrange(6)
        if choice == 0:
            return op("log", total_of([1, 1], [one, exp]))
        if choice == 1:
            minus = op("exp", total_of([-1], [z]))
            return op("power", total_of([1, 1], [one, minus]), exponent=sympy.Integer(-1))
        if choice == 2:
            return op("log", total_of([1, -1], [one, op("sigmoid", z)]))
        if choice == 3 and shape:
            total = product([exp], [labels], labels[:-1])
            return product(
                [exp, op("power", total, exponent=sympy.Integer(-1))], [labels, labels[:-1]], labels
            )
        if choice == 4 and len(shape) <= 2:
            wide = self.piece((*shape, self.random.choice(AXES)), depth)
            inner = tuple(range(len(shape) + 1))
            return op("log", product([op("exp", wide)], [inner], labels))
        if choice == 5:
            return total_of([1, -1], [op("power", op("tanh", z), exponent=TWO), one])
        return None
