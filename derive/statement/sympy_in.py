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

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, final

import sympy
from sympy.matrices import expressions as ma
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement

from ..errors import DeriveError, LimitError, UnsupportedError
from ..node import Node, Variable
from .sympy_matrices import Matrices
from .sympy_scalars import Rule, is_matrix


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
    except DeriveError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError) as error:
        # SymPy builds trees that it cannot work with itself, such as a sum up to a matrix
        raise UnsupportedError(f"SymPy refuses a part of this expression: {error}") from error
    unused = sorted(set(reader.facts) - set(reader.found))
    if unused:
        raise UnsupportedError(f"facts are given for {unused[0]!r}, which does not occur")
    return node, tuple(reader.found.values())


@final
class _Reader(Matrices):
    """A reading with its table of node types; what is not in it is refused by name."""

    nodes: ClassVar[Mapping[Any, Rule]] = {
        sympy.Symbol: Matrices.symbol,
        sympy.Dummy: Matrices.symbol,
        sympy.Idx: Matrices.symbol,
        sympy.Add: Matrices.add,
        sympy.Mul: Matrices.mul,
        sympy.Pow: Matrices.pow,
        sympy.polygamma: Matrices.polygamma,
        sympy.Heaviside: Matrices.heaviside,
        sympy.Piecewise: Matrices.piecewise,
        sympy.Sum: Matrices.sum,
        sympy.Indexed: Matrices.indexed,
        sympy.KroneckerDelta: Matrices.kronecker_delta,
        MatrixElement: Matrices.element,
        ma.MatrixSymbol: Matrices.matrix_symbol,
        ma.OneMatrix: Matrices.constant,
        ma.ZeroMatrix: Matrices.constant,
        ma.Identity: Matrices.constant,
        ma.MatMul: Matrices.matmul,
        ma.MatAdd: Matrices.matadd,
        ma.MatPow: Matrices.matpow,
        ma.Transpose: Matrices.transpose,
        ma.Adjoint: Matrices.transpose,
        ma.Inverse: Matrices.inverse,
        ma.Trace: Matrices.trace,
        ma.Determinant: Matrices.determinant,
        ma.HadamardProduct: Matrices.hadamard,
        ma.HadamardPower: Matrices.hadamard_power,
        DiagMatrix: Matrices.diag_matrix,
        DiagonalMatrix: Matrices.diagonal_part,
        DiagonalOf: Matrices.diagonal_of,
        ElementwiseApplyFunction: Matrices.apply_function,
        ma.KroneckerProduct: Matrices.kronecker,
    }


__all__ = ["is_matrix", "read"]
