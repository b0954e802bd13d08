"""The expression DAG: six closed kinds of immutable, hash-consed node.

    Variable    a named array with sizes and facts
    Ones        the array of ones of some shape (the number 1 when the shape is empty)
    Delta       the identity matrix, the Kronecker delta of Einstein notation
    Sum         a weighted sum of nodes of one shape; the empty sum is the zero array
    Einsum      a product of nodes over labelled axes; output labels are 0, 1, …, order-1
    Apply       an operator (by name) on nodes, with parameters

Nodes are bare data. Two structurally equal nodes are one object, so that `is` decides equality and
every traversal can be memoised by identity. What nodes *mean* is in `evaluate`; how they are put into
normal form while being built is in `build`; what an operator is, is in `operators`.
All traversals here are iterative: a chain of ten thousand nodes is no problem.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import blake2b
from typing import Any, final

import sympy

from .sizes import Coefficient, Shape, show_shape, tuple_text

Labels = tuple[int, ...]
Params = tuple[tuple[str, Any], ...]

_IMPLIED = {
    "pd": ("psd", "symmetric", "invertible"),
    "psd": ("symmetric",),
    "diagonal": ("symmetric",),
    "orthogonal": ("invertible",),
    "positive": ("nonnegative", "nonzero"),
}
#: Facts a variable may be declared with. `integer` and the sign facts are about every entry.
KNOWN_FACTS = frozenset(
    "positive nonnegative nonzero integer symmetric psd pd diagonal orthogonal invertible simplex".split()
)
MATRIX_FACTS = frozenset("symmetric psd pd diagonal orthogonal invertible".split())
_WEIGHT_CAP = 10**9


def close_facts(facts: Iterable[str]) -> frozenset[str]:
    """The facts together with all that they imply."""
    found: set[str] = set()
    stack = list(facts)
    while stack:
        fact = stack.pop()
        if fact not in found:
            found.add(fact)
            stack.extend(_IMPLIED.get(fact, ()))
    return frozenset(found)


class Node:
    """A node of the DAG. Compare with `is`; order with `sort_key`. Nothing can be set on it once it is made.

    shape     the sizes of its axes
    operands  the nodes it is made of
    facts     what is known of its value
    digest    a hash of the structure, the same in every process
    weight    the number of leaves of the expression written out as a tree
    """

    __slots__ = ("__weakref__", "digest", "facts", "operands", "shape", "weight")
    shape: Shape
    operands: tuple[Node, ...]
    facts: frozenset[str]
    digest: bytes
    weight: int

    @property
    def order(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """A total order, the same in every process: heavy before light, then by name."""
        return (-self.weight, self.name if isinstance(self, Variable) else "~", self.digest)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"nodes do not change: {name} cannot be set")

    def __reduce__(self) -> Any:
        raise TypeError("nodes are not pickled; send the text or the generated source instead")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {show_shape(self.shape)} {self.digest.hex()[:8]}>"


@final
class Variable(Node):
    """A named array."""

    __slots__ = ("name",)
    name: str


@final
class Ones(Node):
    """The array of ones."""

    __slots__ = ()


@final
class Delta(Node):
    """The identity matrix."""

    __slots__ = ()


@final
class Sum(Node):
    """A weighted sum; `coefficients[i]` belongs to `operands[i]`."""

    __slots__ = ("coefficients",)
    coefficients: tuple[Coefficient, ...]

    @property
    def terms(self) -> tuple[tuple[Coefficient, Node], ...]:
        return tuple(zip(self.coefficients, self.operands, strict=True))


@final
class Einsum(Node):
    """A product over labelled axes. `inputs[i]` labels the axes of `operands[i]`;
    the output is labelled 0 … order-1, all other labels are summed over."""

    __slots__ = ("inputs",)
    inputs: tuple[Labels, ...]

    @property
    def factors(self) -> tuple[tuple[Node, Labels], ...]:
        """Every operand with the labels of its axes."""
        return tuple(zip(self.operands, self.inputs, strict=True))

    @property
    def uses(self) -> Counter[int]:
        """How many axes of operands each label has."""
        return Counter(i for labels in self.inputs for i in labels)

    @property
    def output(self) -> Labels:
        return tuple(range(self.order))

    @property
    def summed(self) -> Labels:
        """The labels that are summed over, in increasing order."""
        found = {i for labels in self.inputs for i in labels}
        return tuple(sorted(found - set(self.output)))

    def label_sizes(self) -> dict[int, sympy.Expr]:
        """The size of every label."""
        return {i: s for node, labels in self.factors for i, s in zip(labels, node.shape, strict=True)}


@final
class Apply(Node):
    """An operator, by its registered name, on operands, with hashable parameters."""

    __slots__ = ("op", "params")
    op: str
    params: Params

    def param(self, name: str, default: Any = None) -> Any:
        """The parameter of that name."""
        for key, value in self.params:
            if key == name:
                return value
        return default


_table: weakref.WeakValueDictionary[bytes, Node] = weakref.WeakValueDictionary()
_lock = threading.RLock()


def _intern(
    kind: type[Node],
    shape: Shape,
    operands: tuple[Node, ...],
    facts: frozenset[str],
    extra: str,
    **slots: Any,
) -> Any:
    text = f"{kind.__name__}|{show_shape(shape)}|{extra}|".encode()
    digest = blake2b(text + b"".join(o.digest for o in operands), digest_size=16).digest()
    with _lock:
        found = _table.get(digest)
        if found is not None:
            return found
        node = object.__new__(kind)
        own = 0 if kind is Ones else 1
        weight = min(_WEIGHT_CAP, sum(o.weight for o in operands) or own)
        slots.update(shape=shape, operands=operands, facts=facts, digest=digest, weight=weight)
        for name, value in slots.items():
            object.__setattr__(node, name, value)
        _table[digest] = node
        return node


def variable(name: str, shape: Shape, facts: Iterable[str] = ()) -> Variable:
    """The variable of that name, shape and facts."""
    closed = close_facts(facts)
    node: Variable = _intern(Variable, shape, (), closed, name + "|" + ",".join(sorted(closed)), name=name)
    return node


_POSITIVE = close_facts(["positive", "integer"])


def ones(shape: Shape = ()) -> Ones:
    """The array of ones."""
    facts = _POSITIVE
    if len(shape) == 2 and shape[0] == shape[1]:
        facts = facts | close_facts(["psd"])
    node: Ones = _intern(Ones, shape, (), facts, "")
    return node


def delta(size: sympy.Expr) -> Delta:
    """The identity matrix of that size."""
    facts = close_facts(["pd", "diagonal", "orthogonal", "nonnegative", "integer"])
    node: Delta = _intern(Delta, (size, size), (), facts, "")
    return node


@lru_cache(maxsize=65536)
def _coefficient_text(value: Coefficient) -> str:
    """SymPy's printer is slow; most coefficients are the same few numbers."""
    return str(value)


def _setting_text(value: Any) -> str:
    """An option inside a tuple, as Python writes it; those of slices hold sizes, in tuples of tuples."""
    if isinstance(value, tuple):
        return tuple_text([_setting_text(each) for each in value])
    return _coefficient_text(value) if isinstance(value, sympy.Basic) else repr(value)


def raw_sum(
    shape: Shape, terms: Iterable[tuple[Coefficient, Node]], facts: frozenset[str] = frozenset()
) -> Sum:
    """A weighted sum exactly as given; use `build.add` for the normal form."""
    pairs = tuple(terms)
    coefficients = tuple(c for c, _ in pairs)
    node: Sum = _intern(
        Sum,
        shape,
        tuple(t for _, t in pairs),
        facts,
        ";".join(map(_coefficient_text, coefficients)),
        coefficients=coefficients,
    )
    return node


def raw_einsum(
    shape: Shape, operands: tuple[Node, ...], inputs: tuple[Labels, ...], facts: frozenset[str] = frozenset()
) -> Einsum:
    """A product exactly as given; use `build.einsum` for the normal form."""
    text = ";".join(",".join(map(str, labels)) for labels in inputs)
    node: Einsum = _intern(Einsum, shape, operands, facts, text, inputs=inputs)
    return node


def raw_apply(
    op: str, shape: Shape, operands: tuple[Node, ...], params: Params, facts: frozenset[str]
) -> Apply:
    """An operator application exactly as given; use `operators.apply` for the normal form."""
    text = op + "|" + ";".join(f"{k}={_setting_text(v) if isinstance(v, tuple) else v}" for k, v in params)
    node: Apply = _intern(Apply, shape, operands, facts, text, op=op, params=params)
    watching = _made.get()
    if watching is not None:
        watching.append(node)
    return node


_made: ContextVar[list[Apply] | None] = ContextVar("made", default=None)


@contextmanager
def made() -> Iterator[list[Apply]]:
    """The operator applications that are built in the block, those that cancel included: x/x is 1, and divides by x."""
    found: list[Apply] = []
    token = _made.set(found)
    try:
        yield found
    finally:
        _made.reset(token)


def topological(roots: Iterable[Node]) -> Iterator[Node]:
    """Every node reachable from the roots, once, operands before users."""
    seen: set[Node] = set()
    for root in roots:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((o, False) for o in reversed(node.operands) if o not in seen)


def transform(
    roots: Iterable[Node],
    rule: Callable[[Node, tuple[Node, ...]], Node],
    memo: dict[Node, Node] | None = None,
) -> list[Node]:
    """Rewrite bottom-up: `rule(node, new_operands)` gives the new node; every node is visited once."""
    done: dict[Node, Node] = {} if memo is None else memo
    wanted = list(roots)
    for root in wanted:
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, expanded = stack.pop()
            if node in done:
                continue
            if expanded:
                done[node] = rule(node, tuple(done[o] for o in node.operands))
            else:
                stack.append((node, True))
                stack.extend((o, False) for o in node.operands if o not in done)
    return [done[root] for root in wanted]


def variables(*roots: Node) -> tuple[Variable, ...]:
    """The variables of an expression, by name."""
    found = {node for node in topological(roots) if isinstance(node, Variable)}
    return tuple(sorted(found, key=lambda v: v.name))


def size_symbols(*roots: Node) -> tuple[sympy.Symbol, ...]:
    """The symbolic sizes of an expression: those of its arrays and those in its coefficients."""
    found: set[sympy.Symbol] = set()
    for node in topological(roots):
        for size in node.shape:
            found |= size.free_symbols
        if isinstance(node, Sum):
            for coefficient in node.coefficients:
                found |= coefficient.free_symbols
        elif isinstance(node, Apply):
            stack = [value for _, value in node.params]
            while stack:  # settings nest: an index is a tuple of tuples
                value = stack.pop()
                if isinstance(value, tuple):
                    stack.extend(value)
                elif isinstance(value, sympy.Expr):
                    found |= value.free_symbols
    return tuple(sorted(found, key=lambda s: s.name))


def depends_on(root: Node, target: Node) -> bool:
    """Whether `target` occurs in `root`."""
    return any(node is target for node in topological([root]))
