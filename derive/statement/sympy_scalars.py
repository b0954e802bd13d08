"""SymPy's scalars, names and sizes as nodes: the ground of matrices and of index notation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.matrices import expressions as ma

from ..build import number, scale
from ..errors import SizeError, UnsupportedError
from ..node import Node, Variable, variable
from ..operators import apply
from ..operators.scalar import ENTRYWISE
from ..sizes import (
    ONE,
    Shape,
    Size,
    as_coefficient,
    as_size,
    check_digits,
    same_shape,
    show_shape,
    size_symbol,
)
from . import arithmetic as ar
from .declarations import check_facts, check_variable_name
from .indexing import Span
from .indexing import index as indexed
from .labelled import Label, Labelled, entrywise, product, total

#: The labels of the two axes of a matrix.
ROW: Label = "row"
COLUMN: Label = "column"
#: Matrix powers are written out up to this exponent.
POWERS = 32

#: How a node type is read: a method of the reading, called with the node.
Rule = Callable[[Any, Any], Labelled]


class Scalars:
    """One reading: the variables met, the indices in force, names, sizes, and scalar arithmetic."""

    #: Every node type that is read, with its rule; numbers and the functions of `ENTRYWISE` come on top.
    nodes: ClassVar[Mapping[Any, Rule]] = {}

    def __init__(self, variables: Iterable[Variable], facts: Mapping[str, Iterable[str]]) -> None:
        self.known = {v.name: v for v in variables}
        self.facts = facts
        self.found: dict[str, Variable] = {}
        self.size_names: set[str] = {
            s.name for v in self.known.values() for a in v.shape for s in a.free_symbols
        }
        self.indices: dict[sympy.Expr, tuple[Size, int]] = {}  # its size, and whether it starts at 0 or 1
        self.bound: dict[sympy.Symbol, Labelled] = {}  # arguments of functions given to applyfunc

    # ------------------------------------------------------------ the whole

    def statement(self, e: Any) -> Node:
        if not isinstance(e, sympy.Basic | sympy.MatrixBase):
            raise UnsupportedError(f"{e!r} is not a SymPy expression")
        self.size_names |= set(_size_names(e))
        value = self.value(e)
        free = sorted((i for i in value.labels if i not in (ROW, COLUMN)), key=str)
        return value.ordered([*free, *(i for i in (ROW, COLUMN) if i in value.labels)])

    def value(self, e: Any) -> Labelled:
        """Any expression; matrices have the labels ROW and COLUMN."""
        rule = self.nodes.get(type(e))
        if rule is not None:
            return rule(self, e)
        if isinstance(e, sympy.Number | sympy.NumberSymbol):
            return self.number(e)
        if type(e) in ENTRYWISE:
            return self.function(type(e), [self.scalar(a, e) for a in e.args], e)
        raise refused(e)

    def scalar(self, e: Any, user: Any) -> Labelled:
        """An expression that has to be a scalar (or an entry) where it stands."""
        value = self.value(e)
        if ROW in value.labels or COLUMN in value.labels:
            raise UnsupportedError(
                f"SymPy's {type(user).__name__} of a matrix, in {short(user)}, has no entrywise meaning; "
                "write X.applyfunc(f) or HadamardProduct for functions and products of the entries"
            )
        return value

    # ------------------------------------------------------------ names and sizes

    def size(self, e: Any) -> Size:
        """A SymPy size, its symbols taken by name."""
        e = sympy.sympify(e)
        names = {s: size_symbol(s.name) for s in e.free_symbols if isinstance(s, sympy.Symbol)}
        return as_size(e.xreplace(names))

    def variable(self, name: str, shape: Shape, symbol: Any = None) -> Variable:
        """The variable of that name; its shape has to be the same wherever it occurs."""
        known = self.found.get(name) or self.known.get(name)
        if known is None:
            check_variable_name(name)
            wanted = [*self.facts.get(name, ()), *_assumptions(symbol)]
            known = variable(name, shape, check_facts(name, shape, wanted))
        elif not same_shape(squeezed(known.shape), shape):
            raise SizeError(
                f"{name} has sizes {show_shape(known.shape)}, but stands for {show_shape(shape)} in the SymPy "
                "expression (axes of size 1 do not count)"
            )
        self.found[name] = known
        return known

    def array(self, name: str, shape: Shape, symbol: Any = None) -> Node:
        """The variable without its axes of size 1."""
        found = self.variable(name, squeezed(shape), symbol)
        return indexed(found, [sympy.S.Zero if s == 1 else every() for s in found.shape])

    def symbol(self, e: sympy.Symbol) -> Labelled:
        if e in self.bound:
            return self.bound[e]
        if e in self.indices:
            raise UnsupportedError(
                f"the index {e} stands as a number in the SymPy expression; it can only be an index"
            )
        if e.name in self.known or e.name in self.facts:
            return Labelled(self.array(e.name, (), e))
        if e.name in self.size_names or (e.is_integer and e.is_positive):
            return Labelled(number(size_symbol(e.name)))
        if e.is_real is False:
            raise UnsupportedError(f"{e} is assumed not to be real; everything here is")
        return Labelled(self.array(e.name, (), e))

    def number(self, e: sympy.Expr) -> Labelled:
        if e.is_finite is not True or e.is_real is not True:
            raise UnsupportedError(f"{e} is not a real number")
        return Labelled(number(check_digits(as_coefficient(e))))

    # ------------------------------------------------------------ scalars

    def add(self, e: Any) -> Labelled:
        return total([self.scalar(a, e) for a in e.args])

    def mul(self, e: Any) -> Labelled:
        return product([self.scalar(a, e) for a in e.args])

    def pow(self, e: Any) -> Labelled:
        base, exponent = e.args
        if base is sympy.S.Exp1:
            return self.function(sympy.exp, [self.scalar(exponent, e)], e)
        return entrywise(ar.pow, self.scalar(base, e), self.scalar(exponent, e))

    def function(self, kind: Any, arguments: Sequence[Labelled], e: Any) -> Labelled:
        """A function of the table on arguments that have been read."""
        name = ENTRYWISE.get(kind)
        if name is None:
            raise refused(e)
        if name in ("maximum", "minimum"):
            found = arguments[0]
            for other in arguments[1:]:
                found = entrywise(lambda a, b: apply(name, a, b), found, other)
            return found
        if len(arguments) != 1:
            raise refused(e)
        return entrywise(lambda a: apply(name, a), arguments[0])

    def polygamma(self, e: Any) -> Labelled:
        order, argument = e.args
        if not order.is_Integer or order < 0:
            raise refused(e)
        name, settings = (
            (("digamma", {}), ("trigamma", {}))[int(order)] if order < 2 else ("polygamma", {"order": order})
        )
        return entrywise(lambda a: apply(name, a, **settings), self.scalar(argument, e))

    def heaviside(self, e: Any) -> Labelled:
        """H(t) with H(0) = 0 is step(t), with H(0) = ½ it is (1 + sign t)/2."""
        argument, at_zero = self.scalar(e.args[0], e), e.args[1]
        if at_zero == 0:
            return entrywise(lambda a: apply("step", a), argument)
        if at_zero != sympy.S.Half:
            raise refused(e)
        sign = entrywise(lambda a: apply("sign", a), argument)
        return total([Labelled(number(1)), sign], [sympy.S.Half, sympy.S.Half])

    def piecewise(self, e: Any) -> Labelled:
        pairs = [(a.args[0], a.args[1]) for a in e.args]
        if pairs[-1][1] != True:  # noqa: E712  (SymPy's true)
            raise UnsupportedError(f"SymPy's Piecewise without a last case (…, True), in {short(e)}")
        found = self.scalar(pairs[-1][0], e)
        for case, condition in reversed(pairs[:-1]):
            found = self.choice(condition, self.scalar(case, e), found)
        return found

    def choice(self, condition: Any, then: Labelled, otherwise: Labelled) -> Labelled:
        """`then` where the condition holds, else `otherwise`."""
        if not isinstance(condition, Relational):
            raise refused(condition)
        difference = total(
            [self.scalar(condition.lhs, condition), self.scalar(condition.rhs, condition)], [ONE, -ONE]
        )
        kind = type(condition)
        if kind in (sympy.Eq, sympy.Ge, sympy.Le):
            then, otherwise = otherwise, then  # the opposite is stated: not equal, less, greater
        above = entrywise(lambda d: apply("step", d), difference)
        below = entrywise(lambda d: apply("step", scale(-ONE, d)), difference)
        tests = {sympy.Gt: above, sympy.Le: above, sympy.Lt: below, sympy.Ge: below}
        test = tests.get(kind, difference)
        return entrywise(lambda c, a, b: apply("where", c, a, b), test, then, otherwise)


def squeezed(shape: Shape) -> Shape:
    return tuple(s for s in shape if s != 1)


def short(e: Any) -> str:
    try:
        text = str(e)
    except ValueError:  # a number of thousands of digits
        text = type(e).__name__
    return text if len(text) <= 80 else text[:77] + "…"


def refused(e: Any) -> UnsupportedError:
    name = "undefined function" if isinstance(e, AppliedUndef) else type(e).__name__
    return UnsupportedError(
        f"SymPy's {name} is not understood, in {short(e)}; from_sympy reads matrix expressions, scalars and sums "
        "over indices"
    )


def _assumptions(symbol: Any) -> Iterator[str]:
    """What SymPy assumes of a symbol, as facts."""
    if isinstance(symbol, sympy.Symbol):
        if symbol.is_positive:
            yield "positive"
        elif symbol.is_nonnegative:
            yield "nonnegative"
        elif symbol.is_nonzero:
            yield "nonzero"
        if symbol.is_integer:
            yield "integer"


def _size_names(e: Any) -> Iterator[str]:
    """The names of symbols that stand in shapes or in ranges of indices."""
    for part in sympy.preorder_traversal(e):
        sizes: Iterable[Any] = ()
        if isinstance(part, ma.MatrixSymbol | ma.OneMatrix | ma.ZeroMatrix | ma.Identity):
            sizes = part.shape
        elif isinstance(part, sympy.IndexedBase):
            sizes = part.shape or ()
        elif isinstance(part, sympy.Idx):
            sizes = [s for s in (part.lower, part.upper) if s is not None]
        elif isinstance(part, sympy.Sum):
            sizes = [s for limit in part.limits for s in limit[1:]]
        for size in sizes:
            yield from (s.name for s in sympy.sympify(size).free_symbols if isinstance(s, sympy.Symbol))


def every() -> Span:
    """A whole axis."""
    return Span()


def is_matrix(value: Any) -> bool:
    """Whether SymPy takes the object for a matrix."""
    return isinstance(value, ma.MatrixExpr | sympy.MatrixBase)
