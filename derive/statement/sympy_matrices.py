"""SymPy's matrix expressions as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.matrices import expressions as ma

from ..build import power, zero
from ..errors import LimitError, UnsupportedError
from ..node import Node, delta, ones
from ..operators import apply
from ..sizes import ONE, Shape, same_size
from . import arithmetic as ar
from .indexing import index as indexed
from .labelled import Label, Labelled, contract, entrywise, fresh, product, total, union
from .products import kron
from .sympy_indices import Indices
from .sympy_scalars import COLUMN, POWERS, ROW, every, is_matrix, short


class Matrices(Indices):
    """The part of a reading that knows matrices."""

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
                found = value if found is None else times(found, value)
        assert found is not None
        return product([*scalars, found]) if scalars else found

    def matadd(self, e: Any) -> Labelled:
        return total([self.value(a) for a in e.args])

    def matpow(self, e: Any) -> Labelled:
        base, exponent = e.args
        if not exponent.is_Integer:
            raise UnsupportedError(
                f"SymPy's MatPow with the exponent {exponent}, in {short(e)}: only whole numbers"
            )
        if abs(exponent) > POWERS:
            raise LimitError(f"the matrix power {exponent} in {short(e)} is beyond ±{POWERS}")
        if exponent == 0:
            return self.constant(ma.Identity(e.shape[0]))
        value = self.value(base)
        value = self.inverted(value) if exponent < 0 else value
        found = value
        for _ in range(abs(int(exponent)) - 1):
            found = times(found, value)
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
                f"SymPy's {type(e).__name__} of a matrix that is not square, in {short(e)}"
            )
        return product([value, Labelled(delta(sizes[ROW]), (ROW, COLUMN))])

    def diagonal_of(self, e: Any) -> Labelled:
        value = self.value(e.args[0])
        sizes = value.sizes()
        if not (ROW in sizes and COLUMN in sizes and same_size(sizes[ROW], sizes[COLUMN])):
            raise UnsupportedError(f"SymPy's DiagonalOf of a matrix that is not square, in {short(e)}")
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
                raise UnsupportedError(f"a Kronecker product with indices inside, in {short(e)}")
            full = [every() if i in value.labels else None for i in (ROW, COLUMN)]
            node = indexed(value.ordered([i for i in (ROW, COLUMN) if i in value.labels]), full)
            found = node if found is None else kron(found, node)
        assert found is not None
        labels = tuple(i for i, s in zip((ROW, COLUMN), found.shape, strict=True) if s != 1)
        return Labelled(indexed(found, [sympy.S.Zero if s == 1 else every() for s in found.shape]), labels)


def times(a: Labelled, b: Labelled) -> Labelled:
    """The matrix product."""
    middle = fresh()
    left, right = a.renamed({COLUMN: middle}), b.renamed({ROW: middle})
    labels = union([left, right])
    return contract([left, right], [i for i in labels if i != middle])
