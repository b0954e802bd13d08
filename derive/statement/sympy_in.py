"""SymPy expressions as statements: matrix expressions, index notation, and scalars.

Every node type that is understood stands in one of the tables at the end; anything else is refused by
name. `.diff` is never called, and nothing is evaluated by SymPy: its trees are only read.

Shapes: an axis whose size is literally 1 is dropped, so an n×1 `MatrixSymbol` is a vector, and so is a 1×n one;
`x.T*A*x` is a scalar. A `Symbol` is a size if it occurs in a shape or in the range of an index, or if it is a
positive integer (as `dv.sizes` makes them); otherwise it is a scalar variable. Assumptions of symbols
(`positive`, `integer`, …) become facts. Everything is real.

Index notation: a bound index runs over a whole axis, from 0 or from 1. An index that is not bound is an axis of
the result; several are taken in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, final

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.matrices import expressions as ma
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement

from ..build import number, power, scale, zero
from ..errors import LimitError, SizeError, UnsupportedError
from ..node import Node, Variable, delta, ones, variable
from ..operators import apply
from ..operators.scalar import _FUNCTIONS as ENTRYWISE
from ..sizes import (
    ONE,
    Shape,
    Size,
    as_coefficient,
    as_size,
    check_digits,
    same_shape,
    same_size,
    show_shape,
    size_symbol,
)
from . import arithmetic as ar
from .declarations import check_facts, check_variable_name
from .indexing import Span
from .indexing import index as indexed
from .labelled import Label, Labelled, contract, entrywise, fresh, product, total, union
from .products import kron

#: The labels of the two axes of a matrix.
ROW: Label = "row"
COLUMN: Label = "column"
#: Matrix powers are written out up to this exponent.
POWERS = 32


def read(
    expression: Any,
    variables: Iterable[Variable] = (),
    facts: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Node, tuple[Variable, ...]]:
    """The node of a SymPy expression, and the variables that were met.

    `variables` are known already: a symbol of that name means that variable. `facts` adds facts to new ones.
    """
    reader = _Reader(variables, facts or {})
    try:
        node = reader.statement(expression)
    except RecursionError:
        raise LimitError("the SymPy expression is nested too deeply") from None
    unused = sorted(set(reader.facts) - set(reader.found))
    if unused:
        raise UnsupportedError(f"facts are given for {unused[0]!r}, which does not occur")
    return node, tuple(reader.found.values())


def is_matrix(value: Any) -> bool:
    """Whether SymPy takes the object for a matrix."""
    return isinstance(value, ma.MatrixExpr | sympy.MatrixBase)


@final
class _Reader:
    """One reading: the variables met, and the indices in force."""

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
        rule = _NODES.get(type(e))
        if rule is not None:
            return rule(self, e)
        if isinstance(e, sympy.Number | sympy.NumberSymbol):
            return self.number(e)
        if type(e) in ENTRYWISE:
            return self.function(type(e), [self.scalar(a, e) for a in e.args], e)
        raise _refused(e)

    def scalar(self, e: Any, user: Any) -> Labelled:
        """An expression that has to be a scalar (or an entry) where it stands."""
        value = self.value(e)
        if ROW in value.labels or COLUMN in value.labels:
            raise UnsupportedError(
                f"SymPy's {type(user).__name__} of a matrix, in {_short(user)}, has no entrywise meaning; "
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
        elif not same_shape(_squeezed(known.shape), shape):
            raise SizeError(
                f"{name} has sizes {show_shape(known.shape)}, but stands for {show_shape(shape)} in the SymPy "
                "expression (axes of size 1 do not count)"
            )
        self.found[name] = known
        return known

    def array(self, name: str, shape: Shape, symbol: Any = None) -> Node:
        """The variable without its axes of size 1."""
        found = self.variable(name, _squeezed(shape), symbol)
        return indexed(found, [sympy.S.Zero if s == 1 else _all() for s in found.shape])

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
            raise _refused(e)
        if name in ("maximum", "minimum"):
            found = arguments[0]
            for other in arguments[1:]:
                found = entrywise(lambda a, b: apply(name, a, b), found, other)
            return found
        if len(arguments) != 1:
            raise _refused(e)
        return entrywise(lambda a: apply(name, a), arguments[0])

    def polygamma(self, e: Any) -> Labelled:
        order, argument = e.args
        if not order.is_Integer or order < 0:
            raise _refused(e)
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
            raise _refused(e)
        sign = entrywise(lambda a: apply("sign", a), argument)
        return total([Labelled(number(1)), sign], [sympy.S.Half, sympy.S.Half])

    def piecewise(self, e: Any) -> Labelled:
        pairs = [(a.args[0], a.args[1]) for a in e.args]
        if pairs[-1][1] != True:  # noqa: E712  (SymPy's true)
            raise UnsupportedError(f"SymPy's Piecewise without a last case (…, True), in {_short(e)}")
        found = self.scalar(pairs[-1][0], e)
        for case, condition in reversed(pairs[:-1]):
            found = self.choice(condition, self.scalar(case, e), found)
        return found

    def choice(self, condition: Any, then: Labelled, otherwise: Labelled) -> Labelled:
        """`then` where the condition holds, else `otherwise`."""
        if not isinstance(condition, Relational):
            raise _refused(condition)
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

    # ------------------------------------------------------------ index notation

    def sum(self, e: Any) -> Labelled:
        hidden: dict[Any, Any] = {}  # the meaning that an index of the same name has outside
        limits = []
        for limit in reversed(e.limits):  # the outer index first
            if len(limit) != 3:
                raise UnsupportedError(f"SymPy's Sum without limits, in {_short(e)}")
            i, low, high = limit
            if (low.free_symbols | high.free_symbols) & set(self.indices):
                raise UnsupportedError(f"the range of {i} in {_short(e)} depends on another index")
            if low not in (0, 1):
                raise UnsupportedError(
                    f"the index {i} starts at {low} in {_short(e)}; it must run over a whole axis"
                )
            hidden[i] = self.indices.get(i)
            self.indices[i] = (self.size(high - low + 1), int(low))
            limits.append(i)
        labels = {i: ("index", i, fresh()) for i in limits}
        value = self.scalar(e.function, e).renamed(dict(labels))
        sizes = {labels[i]: self.indices[i][0] for i in limits}
        for i in limits:
            del self.indices[i]
            if hidden[i] is not None:
                self.indices[i] = hidden[i]
        missing = [Labelled(ones((s,)), (i,)) for i, s in sizes.items() if i not in value.labels]
        return contract([value, *missing], [i for i in value.labels if i not in sizes])

    def position(
        self, i: Any, size: Size | None, user: Any, strict: bool
    ) -> tuple[Label | None, Size | None]:
        """An index as (label, None) for a whole axis, or (None, position)."""
        if i.is_Integer:
            return None, i
        terms = [a for a in sympy.Add.make_args(i) if isinstance(a, sympy.Symbol | sympy.Idx)]
        if len(terms) == 1:
            name = terms[0]
            shift = i - name
            if isinstance(name, sympy.Idx) and name not in self.indices and name.upper is not None:
                self.indices[name] = (self.size(name.upper - name.lower + 1), int(name.lower))
            if name not in self.indices and size is not None:
                self.indices[name] = (size, 0)
            if name not in self.indices:
                raise UnsupportedError(
                    f"the index {name} of {_short(user)} has no range; write Sum(…, ({name}, 0, n - 1)), "
                    f"Idx('{name}', n) or IndexedBase(…, shape=…)"
                )
            count, start = self.indices[name]
            if size is not None and not same_size(size, count):
                raise SizeError(
                    f"the index {name} of {_short(user)} runs over {count} values, the axis has {size}"
                )
            if start + shift == 0 or (start == 1 and shift == 0 and not strict):
                return name, None
        raise UnsupportedError(
            f"the index {i} of {_short(user)} does not run over the whole axis"
            + ("; entries of SymPy matrices are counted from 0" if strict else "")
        )

    def picked(self, value: Labelled, picks: dict[Label, tuple[Label | None, Size | None]]) -> Labelled:
        """The value with some of its axes named by an index or cut at a position."""
        cut = [picks[i][1] if i in picks and picks[i][0] is None else _all() for i in value.labels]
        node = indexed(value.node, cut)
        kept = [i for i in value.labels if not (i in picks and picks[i][0] is None)]
        names: dict[Label, Label] = {i: picks[i][0] for i in kept if i in picks}
        return Labelled(node, tuple(kept)).renamed(names)

    def element(self, e: Any) -> Labelled:
        """X[i, j] of a matrix."""
        matrix = self.value(e.parent)
        sizes = matrix.sizes()
        picks = {}
        for axis, i in ((ROW, e.i), (COLUMN, e.j)):
            if axis in sizes:
                picks[axis] = self.position(i, sizes[axis], e, strict=True)
            elif i.is_Integer and i != 0:
                raise SizeError(f"index {i} of {_short(e)} is out of range")
        return self.picked(matrix, picks)

    def indexed(self, e: Any) -> Labelled:
        """x[i] of an IndexedBase."""
        name = str(e.base.label)
        known = self.found.get(name) or self.known.get(name)
        given = None if e.base.shape is None else [self.size(s) for s in e.base.shape]
        if given is not None and len(given) != len(e.indices):
            raise SizeError(f"{_short(e)} has {len(e.indices)} indices, but {name} has {len(given)} axes")
        if known is not None and known.order == len(e.indices):
            given = list(known.shape)
        places = []
        for k, i in enumerate(e.indices):
            label, place = self.position(i, given[k] if given else None, e, strict=False)
            if label is None and given is None:
                raise UnsupportedError(
                    f"{_short(e)} has a fixed index; give the sizes: IndexedBase({name!r}, shape=…)"
                )
            places.append((label, place))
        shape = tuple(given) if given else tuple(self.indices[label][0] for label, _ in places)
        kept = tuple(("axis", k) for k, s in enumerate(shape) if s != 1)
        picks = {("axis", k): place for k, place in enumerate(places)}
        return self.picked(
            Labelled(self.array(name, shape), kept), {k: v for k, v in picks.items() if k in kept}
        )

    def kronecker_delta(self, e: Any) -> Labelled:
        places = [self.position(i, None, e, strict=False) for i in e.args]
        labels = [label for label, _ in places]
        if None in labels:
            raise _refused(e)
        i, j = labels
        size = self.indices[i][0]
        if not same_size(size, self.indices[j][0]):
            raise SizeError(f"the indices of {_short(e)} run over {size} and {self.indices[j][0]} values")
        return Labelled(delta(size), (ROW, COLUMN)).renamed({ROW: i, COLUMN: j})

    # ------------------------------------------------------------ matrices

    def axes(self, e: Any, labels: Sequence[Label] = (ROW, COLUMN)) -> tuple[tuple[Label, ...], Shape]:
        """(labels, sizes) of a SymPy matrix without its axes of size 1."""
        pairs = [(i, self.size(s)) for i, s in zip(labels, e.shape, strict=True)]
        kept = [(i, s) for i, s in pairs if s != 1]
        return tuple(i for i, _ in kept), tuple(s for _, s in kept)

    def matrix_symbol(self, e: Any) -> Labelled:
        labels, shape = self.axes(e)
        return Labelled(self.array(str(e.name), shape), labels)

    def constant(self, e: Any) -> Labelled:
        """OneMatrix, ZeroMatrix, Identity."""
        labels, shape = self.axes(e)
        if isinstance(e, ma.Identity):
            return Labelled(delta(shape[0]) if shape else ones(()), labels)
        if isinstance(e, ma.ZeroMatrix):
            return Labelled(zero(shape), labels)
        return product(
            [Labelled(ones(()))] + [Labelled(ones((s,)), (i,)) for i, s in zip(labels, shape, strict=True)]
        )

    def matmul(self, e: Any) -> Labelled:
        found: Labelled | None = None
        scalars = []
        for a in e.args:
            value = self.value(a)
            if not is_matrix(a):
                scalars.append(value)
            else:
                found = value if found is None else _times(found, value)
        assert found is not None
        return product([*scalars, found]) if scalars else found

    def matadd(self, e: Any) -> Labelled:
        return total([self.value(a) for a in e.args])

    def matpow(self, e: Any) -> Labelled:
        base, exponent = e.args
        if not exponent.is_Integer:
            raise UnsupportedError(
                f"SymPy's MatPow with the exponent {exponent}, in {_short(e)}: only whole numbers"
            )
        if abs(exponent) > POWERS:
            raise LimitError(f"the matrix power {exponent} in {_short(e)} is beyond ±{POWERS}")
        if exponent == 0:
            return self.constant(ma.Identity(e.shape[0]))
        value = self.value(base)
        value = self.inverted(value) if exponent < 0 else value
        found = value
        for _ in range(abs(int(exponent)) - 1):
            found = _times(found, value)
        return found

    def transpose(self, e: Any) -> Labelled:
        return self.value(e.args[0]).renamed({ROW: COLUMN, COLUMN: ROW})

    def inverse(self, e: Any) -> Labelled:
        return self.inverted(self.value(e.args[0]))

    def inverted(self, value: Labelled) -> Labelled:
        if ROW not in value.labels:
            return Labelled(power(value.node, -ONE), value.labels)
        batch = [i for i in value.labels if i not in (ROW, COLUMN)]
        labels = (*batch, ROW, COLUMN)
        return Labelled(apply("inv", value.ordered(labels)), labels)

    def trace(self, e: Any) -> Labelled:
        value = self.value(e.args[0]).renamed({COLUMN: ROW})
        return contract([value], [i for i in value.labels if i != ROW])

    def determinant(self, e: Any) -> Labelled:
        value = self.value(e.args[0])
        if ROW not in value.labels:
            return value
        batch = tuple(i for i in value.labels if i not in (ROW, COLUMN))
        return Labelled(apply("det", value.ordered([*batch, ROW, COLUMN])), batch)

    def hadamard(self, e: Any) -> Labelled:
        return product([self.value(a) for a in e.args])

    def hadamard_power(self, e: Any) -> Labelled:
        return entrywise(ar.pow, self.value(e.args[0]), self.value(e.args[1]))

    def diag_matrix(self, e: Any) -> Labelled:
        value = self.value(e.args[0])
        axes = [i for i in value.labels if i in (ROW, COLUMN)]
        if not axes:
            return value
        if len(axes) == 2:
            return self.diagonal_part(e)
        vector = value.renamed({axes[0]: ROW})
        return contract(
            [vector, Labelled(delta(value.sizes()[axes[0]]), (ROW, COLUMN))], [*vector.labels, COLUMN]
        )

    def diagonal_part(self, e: Any) -> Labelled:
        """The matrix with the entries off its diagonal set to 0."""
        value = self.value(e.args[0])
        sizes = value.sizes()
        if not (ROW in sizes and COLUMN in sizes and same_size(sizes[ROW], sizes[COLUMN])):
            raise UnsupportedError(
                f"SymPy's {type(e).__name__} of a matrix that is not square, in {_short(e)}"
            )
        return product([value, Labelled(delta(sizes[ROW]), (ROW, COLUMN))])

    def diagonal_of(self, e: Any) -> Labelled:
        value = self.value(e.args[0])
        sizes = value.sizes()
        if not (ROW in sizes and COLUMN in sizes and same_size(sizes[ROW], sizes[COLUMN])):
            raise UnsupportedError(f"SymPy's DiagonalOf of a matrix that is not square, in {_short(e)}")
        return value.renamed({COLUMN: ROW})

    def apply_function(self, e: Any) -> Labelled:
        """X.applyfunc(f): a function of every entry."""
        value = self.value(e.expr)
        if not isinstance(e.function, sympy.Lambda):
            return self.function(e.function, [value], e)
        (argument,) = e.function.variables
        hidden = self.bound.get(argument)
        inside = {axis: fresh() for axis in (ROW, COLUMN)}  # entries: within the function no axis is in sight
        self.bound[argument] = entries = value.renamed(dict(inside))
        found = self.scalar(e.function.expr, e)
        if hidden is None:
            del self.bound[argument]
        else:
            self.bound[argument] = hidden
        sizes = union([entries, found])
        missing = [Labelled(ones((s,)), (i,)) for i, s in sizes.items()]
        back = {label: axis for axis, label in inside.items()}
        return contract([found, *missing], tuple(sizes)).renamed(back)

    def kronecker(self, e: Any) -> Labelled:
        found: Node | None = None
        for a in e.args:
            value = self.value(a)
            if set(value.labels) - {ROW, COLUMN}:
                raise UnsupportedError(f"a Kronecker product with indices inside, in {_short(e)}")
            full = [_all() if i in value.labels else None for i in (ROW, COLUMN)]
            node = indexed(value.ordered([i for i in (ROW, COLUMN) if i in value.labels]), full)
            found = node if found is None else kron(found, node)
        assert found is not None
        labels = tuple(i for i, s in zip((ROW, COLUMN), found.shape, strict=True) if s != 1)
        return Labelled(indexed(found, [sympy.S.Zero if s == 1 else _all() for s in found.shape]), labels)


# ---------------------------------------------------------------- helpers


def _times(a: Labelled, b: Labelled) -> Labelled:
    """The matrix product."""
    middle = fresh()
    left, right = a.renamed({COLUMN: middle}), b.renamed({ROW: middle})
    labels = union([left, right])
    return contract([left, right], [i for i in labels if i != middle])


def _squeezed(shape: Shape) -> Shape:
    return tuple(s for s in shape if s != 1)


def _all() -> Span:
    """A whole axis."""
    return Span()


def _short(e: Any) -> str:
    try:
        text = str(e)
    except ValueError:  # a number of thousands of digits
        text = type(e).__name__
    return text if len(text) <= 80 else text[:77] + "…"


def _refused(e: Any) -> UnsupportedError:
    name = "undefined function" if isinstance(e, AppliedUndef) else type(e).__name__
    return UnsupportedError(
        f"SymPy's {name} is not understood, in {_short(e)}; from_sympy reads matrix expressions, scalars and sums "
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


#: Every node type that is read, with its rule; numbers and the functions of `ENTRYWISE` come on top.
_NODES: dict[Any, Callable[[_Reader, Any], Labelled]] = {
    sympy.Symbol: _Reader.symbol,
    sympy.Dummy: _Reader.symbol,
    sympy.Idx: _Reader.symbol,
    sympy.Add: _Reader.add,
    sympy.Mul: _Reader.mul,
    sympy.Pow: _Reader.pow,
    sympy.polygamma: _Reader.polygamma,
    sympy.Heaviside: _Reader.heaviside,
    sympy.Piecewise: _Reader.piecewise,
    sympy.Sum: _Reader.sum,
    sympy.Indexed: _Reader.indexed,
    sympy.KroneckerDelta: _Reader.kronecker_delta,
    MatrixElement: _Reader.element,
    ma.MatrixSymbol: _Reader.matrix_symbol,
    ma.OneMatrix: _Reader.constant,
    ma.ZeroMatrix: _Reader.constant,
    ma.Identity: _Reader.constant,
    ma.MatMul: _Reader.matmul,
    ma.MatAdd: _Reader.matadd,
    ma.MatPow: _Reader.matpow,
    ma.Transpose: _Reader.transpose,
    ma.Adjoint: _Reader.transpose,
    ma.Inverse: _Reader.inverse,
    ma.Trace: _Reader.trace,
    ma.Determinant: _Reader.determinant,
    ma.HadamardProduct: _Reader.hadamard,
    ma.HadamardPower: _Reader.hadamard_power,
    DiagMatrix: _Reader.diag_matrix,
    DiagonalMatrix: _Reader.diagonal_part,
    DiagonalOf: _Reader.diagonal_of,
    ElementwiseApplyFunction: _Reader.apply_function,
    ma.KroneckerProduct: _Reader.kronecker,
}

__all__ = ["is_matrix", "read"]
