"""Display trees: what a person would write, before it is spelled as text or LaTeX.

A tree has one of a few kinds (`op`):

    var name | num value | ones, eye, zeros sizes | T a | chain a b …  (matrix products)
    mul coefficient · numerators / denominators (elementwise, scalars included)
    sum a b … | pow base exponent | call name args | diag v | diagonal A | outer u v
    spread a (repeated along the axes that its mask leaves out, within a sum) | index a key (a slice) | einsum spec args
    compare a b sign (the condition of a choice)

`order` is the number of axes. `cost` counts the tokens of the text form; all choices between equal forms
are made by it, so that the printed result is the short one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

import sympy

from .costs import cost_of, level_of


@final
class Tree:
    """One display tree; build with `make`, compare with `is`."""

    __slots__ = ("args", "cost", "data", "level", "op", "order")

    def __init__(self, op: str, args: tuple[Tree, ...], data: Any, order: int) -> None:
        self.op, self.args, self.data, self.order = op, args, data, order
        self.level = level_of(self)
        self.cost = cost_of(self)

    def __repr__(self) -> str:
        from .text import write

        return f"<{write(self)}>"


def make(op: str, *args: Tree, data: Any = None, order: int = 0) -> Tree:
    """The tree of that kind; equal trees are one object."""
    key = (op, args, data, order)
    found = rendering.made.get(key)
    if found is None:
        found = rendering.made[key] = Tree(op, args, data, order)
    return found


def var(name: str, order: int) -> Tree:
    """A name."""
    return make("var", data=name, order=order)


def num(value: sympy.Expr) -> Tree:
    """A scalar number or size expression."""
    return make("num", data=sympy.sympify(value))


def call(name: str, *args: Tree, data: Any = (), order: int = 0) -> Tree:
    """A function call; `data` holds its keyword settings as pairs."""
    return make("call", *args, data=(name, tuple(data)), order=order)


def parts(t: Tree) -> tuple[sympy.Expr, list[Tree], list[Tree]]:
    """(coefficient, numerators, denominators) of any tree."""
    if t.op == "mul":
        coefficient, split = t.data
        return coefficient, list(t.args[:split]), list(t.args[split:])
    if t.op == "num":
        return t.data, [], []
    return sympy.S.One, [t], []


def names_in(t: Tree) -> set[str]:
    """The names that a tree shows: variables, and sizes that stand as numbers."""
    found, seen = set[str](), set[Tree]()
    stack = [t]
    while stack:
        t = stack.pop()
        if t in seen:
            continue
        seen.add(t)
        stack.extend(t.args)
        if t.op == "var":
            found.add(t.data)
        elif t.op in ("num", "mul"):
            number = t.data if t.op == "num" else t.data[0]
            found |= {str(s) for s in number.free_symbols}
    return found


@final
class Rendering(threading.local):
    """What is known of the trees of the expression that is being rendered, one record per thread.

    symmetric   trees that are known to be symmetric, from the facts on the nodes
    made        all trees, by kind and parts: equal trees are one object
    lengths     the number of terms of each `sum(…)`: a sum over its number of terms is a mean
    data_size   the size of the data axis; it is summed over last
    kept        differences that stand in the result both ways round; they are not turned round again
    transposes  transposes already worked out
    sizes       the number of entries of vectors
    rooted      whether numbers that the normal form took out of the sums under roots and quotients are put back,
                None where there are none
    late        names whose terms stand behind the others in sums: multipliers behind the objective
    results     what makers gave for the same arguments; choosing between equal forms asks for the same trees often
    """

    def __init__(self) -> None:
        self.made: dict[Any, Tree] = {}
        self.symmetric: set[Tree] = set()
        self.lengths: dict[Tree, sympy.Expr] = {}
        self.data_size: sympy.Expr | None = None
        self.kept: set[Tree] = set()
        self.transposes: dict[Tree, Tree] = {}
        self.sizes: dict[Tree, sympy.Expr] = {}
        self.results: dict[Any, Tree] = {}
        self.late: frozenset[str] = frozenset()
        self.rooted: bool | None = None

    def start(
        self, data_size: sympy.Expr | None, kept: set[Tree] | None = None, rooted: bool | None = None
    ) -> None:
        """Forget the last expression."""
        self.symmetric, self.lengths, self.data_size = set(), {}, data_size
        self.kept, self.transposes, self.sizes, self.results = kept or set(), {}, {}, {}
        self.rooted = rooted
        if len(self.made) > 50_000 and kept is None:
            self.made = {}  # never while an expression is rendered: equal trees must stay one object

    def once(self, maker: Callable[..., Tree], *args: Any) -> Tree:
        """maker(*args), worked out once while no sum becomes known as a mean."""
        key = (maker, args, len(self.lengths))
        found = self.results.get(key)
        if found is None:
            found = self.results[key] = maker(*args)
        return found


rendering = Rendering()


@contextmanager
def behind(names: Iterable[str]) -> Iterator[None]:
    """In what is rendered meanwhile, terms with these names stand behind the others."""
    before, rendering.late = rendering.late, frozenset(names)
    try:
        yield
    finally:
        rendering.late = before
