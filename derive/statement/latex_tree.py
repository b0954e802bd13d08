"""The tree of a LaTeX formula before it has a meaning, and what can be said of it from its form alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from .latex_names import Label


@final
@dataclass(frozen=True, eq=False)
class Tree:
    """One part of a formula, with its place in the text.

    kind        data                          args
    number      an exact number
    name        a `Name`
    declared    the declared name itself
    ones zeros
    sub         the labels                    the base
    power       "" or "odot"                  base, exponent
    T  invT                                   the base
    prime                                     the base
    group       the bracket                   the content
    abs  norm   labels of the norm            the content, the matrix of a weighted norm
    inner                                     both sides
    sum         the signs                     the terms
    circled     the operators between         the parts
    product     the connectors between        the parts
    chain                                     factors side by side
    frac  sqrt                                numerator, denominator; radicand, degree
    call        a `Called`                    the arguments
    big         a `Big`                       the body, upper bounds, the condition
    indicator   the signs                     the sides of a comparison
    cases                                     values and conditions in turn
    plus                                      the content of ( … )_+
    applied     the name, the parameters      the arguments of a function defined behind the formula
    factorial                                 what stands before `!`
    density                                   the point, mean and covariance of a normal density
    """

    kind: str
    args: tuple[Tree, ...]
    data: Any
    start: int
    end: int

    def walk(self) -> Iterator[Tree]:
        """This tree and all below it."""
        stack = [self]
        while stack:
            tree = stack.pop()
            yield tree
            stack.extend(tree.args)


@final
@dataclass(frozen=True)
class Called:
    """A function as it is called: its name, primes, subscript, whether its argument had brackets, and whether a circled
    sign above it says that it acts on every entry."""

    name: str
    primes: int = 0
    labels: tuple[Label, ...] = ()
    bracketed: bool = True
    entries: bool = False


@final
@dataclass(frozen=True)
class Big:
    """`\\sum`, `\\prod`, `\\max`, `\\min` over indices: lower bound, whether there is an upper one, a condition."""

    operator: str
    indices: tuple[str, ...]
    lower: int = 1
    bounded: bool = False
    conditional: bool = False

    @property
    def within(self) -> int:
        """How many parts at the end of the operator stand below its indices, as its body does."""
        return 1 if self.conditional else 0


def free_labels(tree: Tree) -> set[str]:
    """The letters that stand in subscripts and that no big operator inside binds."""
    found: set[str] = set()
    stack: list[tuple[Tree, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        part, bound = stack.pop()
        if part.kind == "sub":
            found |= {label.text for label in part.data if label.kind == "name"} - bound
        if part.kind == "big":
            inner = bound | set(part.data.indices)
            count = len(part.args) - part.data.within
            stack.extend((a, inner) for a in (part.args[0], *part.args[count:]))
            stack.extend((a, bound) for a in part.args[1:count])
        else:
            stack.extend((a, bound) for a in part.args)
    return found


def trailing_big(tree: Tree) -> Tree | None:
    """The big operator whose body ends where this term ends, if there is one."""
    while tree.kind in ("chain", "product", "circled"):
        tree = tree.args[-1]
    return tree if tree.kind == "big" else None


def replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    """The tree with its trailing part `old` replaced."""
    if tree is old:
        return new
    args = (*tree.args[:-1], replaced(tree.args[-1], old, new))
    return Tree(tree.kind, args, tree.data, tree.start, new.end)


def is_open(tree: Tree) -> bool:
    """Whether a tree is a number, or a name with scripts: what a function without brackets goes on reading."""
    while tree.kind in ("sub", "power", "T", "invT", "prime", "factorial"):
        tree = tree.args[0]
    return tree.kind in ("number", "name", "declared", "ones")


def is_number(tree: Tree) -> bool:
    """Whether the tree is a number as typed."""
    return tree.kind == "number"
