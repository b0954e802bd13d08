"""Matrices in compiled kernels: products, Cholesky factors and solves by BLAS and LAPACK, small elimination.

BLAS and LAPACK are SciPy's, called through their addresses without any check: the shapes in generated code are right
by construction. Products of which a side is short go to `smallproducts`, narrow Gram matrices to `narrow`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic
from numba.np.arrayobj import make_array

from . import smallproducts
from .gram import NARROW
from .narrow import narrow_gram
from .special import helper

_F = ir.DoubleType()
_I = ir.IntType(64)


def _register_blas() -> None:
    """SciPy's BLAS under names of our own, so that compiled code in the cache finds it in any process."""
    for module, names in (
        ("blas", "dgemm sgemm dsyrk dtrsm"),
        ("lapack", "dpotrf spotrf dpotri spotri dpotrs spotrs"),
    ):
        for name in names.split():
            address = get_cython_function_address(f"scipy.linalg.cython_{module}", name)
            llvmlite.binding.add_symbol(f"derive_{name}", address)


_register_blas()
smallproducts.register()


def _call_blas(builder: Any, name: str, arguments: Sequence[Any]) -> None:
    """Fortran's convention: pointers to everything."""
    kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, f"derive_{name}"), list(arguments))


@dataclass(frozen=True)
class _Matrix:
    """A matrix in memory: neighbours are entries of a row (`by_rows`) or of a column; the others have a `distance`."""

    rows: Any
    columns: Any
    data: Any
    by_rows: Any
    distance: Any

    def turned(self, builder: Any) -> _Matrix:
        """The transposed matrix."""
        return _Matrix(self.columns, self.rows, self.data, builder.not_(self.by_rows), self.distance)

    def strides(self, builder: Any) -> tuple[Any, Any]:
        """From row to row and from column to column, in entries."""
        one = _I(1)
        return builder.select(self.by_rows, self.distance, one), builder.select(
            self.by_rows, one, self.distance
        )


def matrix_of(context: Any, builder: Any, kind: Any, value: Any) -> _Matrix:
    """A matrix of compiled code as it lies in memory."""
    array = make_array(kind)(context, builder, value)
    rows, columns = cgutils.unpack_tuple(builder, array.shape)
    down, across = cgutils.unpack_tuple(builder, array.strides)
    size = context.get_constant(types.intp, kind.dtype.bitwidth // 8)
    by_rows = builder.icmp_signed("==", across, size)
    distance = builder.sdiv(builder.select(by_rows, down, across), size)
    # with a single row, or a single column, the distance says nothing; BLAS wants it long enough all the same
    least = builder.select(by_rows, columns, rows)
    distance = builder.select(builder.icmp_signed("<", distance, least), least, distance)
    return _Matrix(rows, columns, array.data, by_rows, distance)


def _gemm(context: Any, builder: Any, signature: Any, args: Any, keep: bool) -> Any:
    """out = left · right + keep · out, by register tiles where a side is short, else by BLAS.

    A fourth array is a block of rows, the next one of which is fetched from memory meanwhile.
    """
    matrices = [
        matrix_of(context, builder, kind, value) for kind, value in zip(signature.args, args, strict=True)
    ]
    product(context, builder, signature.args[2].dtype, matrices, keep)
    return context.get_dummy_value()


def product(context: Any, builder: Any, real: Any, matrices: Sequence[_Matrix], keep: bool) -> None:
    """The same for matrices as they lie."""
    left, right, out, *block = matrices
    if real == types.float64 and smallproducts.register():
        sizes = [out.rows, out.columns, left.columns]
        with builder.if_else(smallproducts.suits(builder, *sizes)) as (short, long):
            with short:
                pairs = [v for m in (left, right) for v in (m.data, *m.strides(builder))]
                arguments = [*sizes, *pairs, out.data, out.distance, ir.IntType(1)(keep)]
                arguments += smallproducts.following(builder, *((b.data, b.rows, b.columns) for b in block))
                kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
                function = cgutils.get_or_insert_function(builder.module, kind, smallproducts.NAME)
                builder.call(function, arguments)
            with long:
                _dgemm(context, builder, real, left, right, out, float(keep))
    else:
        _dgemm(context, builder, real, left, right, out, float(keep))


def _dgemm(
    context: Any, builder: Any, real: Any, left: _Matrix, right: _Matrix, out: _Matrix, keep: float
) -> None:
    """What is stored by rows is transposed in Fortran's eyes: outᵀ = rightᵀ leftᵀ."""
    narrow, byte = ir.IntType(32), ir.IntType(8)
    number = context.get_value_type(real)

    def place(value: Any) -> Any:
        return cgutils.alloca_once_value(builder, value)

    def flag(by_rows: Any) -> Any:
        return place(builder.select(by_rows, byte(ord("N")), byte(ord("T"))))

    def whole(value: Any) -> Any:
        return place(builder.trunc(value, narrow))

    arguments = [flag(right.by_rows), flag(left.by_rows)]
    arguments += [whole(out.columns), whole(out.rows), whole(left.columns)]
    arguments += [place(number(1.0)), right.data, whole(right.distance), left.data, whole(left.distance)]
    arguments += [place(number(keep)), out.data, whole(out.distance)]
    _call_blas(builder, "dgemm" if real == types.float64 else "sgemm", arguments)


@intrinsic
def gemm(typing_context: Any, left: Any, right: Any, out: Any) -> Any:
    """out = left · right. `out` is stored by rows; the factors by rows or by columns.

    `np.dot` calls BLAS behind checks that cost a tenth of a second of compile time each; the shapes here
    are right by construction.
    """
    return types.void(left, right, out), lambda c, b, s, a: _gemm(c, b, s, a, False)


@intrinsic
def gemm_add(typing_context: Any, left: Any, right: Any, out: Any) -> Any:
    """out += left · right, likewise."""
    return types.void(left, right, out), lambda c, b, s, a: _gemm(c, b, s, a, True)


@intrinsic
def gemm_ahead(typing_context: Any, left: Any, right: Any, out: Any, rows: Any) -> Any:
    """out = left · right, while the rows that follow these in memory are fetched."""
    return types.void(left, right, out, rows), lambda c, b, s, a: _gemm(c, b, s, a, False)


@intrinsic
def gemm_add_ahead(typing_context: Any, left: Any, right: Any, out: Any, rows: Any) -> Any:
    """out += left · right, likewise."""
    return types.void(left, right, out, rows), lambda c, b, s, a: _gemm(c, b, s, a, True)


def _syrk(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
    """Few columns by `narrow`, some by `smallproducts`, many by BLAS; a fourth array is that of `_gemm`.

    Rows in single precision are taken as they are, and added in double precision: however many columns there are.
    """
    block, target = (make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2))
    single = signature.args[0].dtype == types.float32
    rows, columns = cgutils.unpack_tuple(builder, block.shape)

    def elsewhere(known: bool) -> None:
        if single or known:
            narrow_gram(builder, block.data, target.data, rows, columns, args[1])
        else:
            _dsyrk(builder, block.data, target.data, rows, columns, args[1])

    few = builder.icmp_signed("<=", columns, _I(NARROW))
    with builder.if_then(few):
        elsewhere(known=True)
    with builder.if_then(builder.not_(builder.or_(few, cgutils.is_null(builder, rows)))):
        if not smallproducts.register():
            elsewhere(known=False)
            return context.get_dummy_value()
        suits = smallproducts.triangle_suits(builder, rows, columns, args[1], single)
        with builder.if_else(suits) as (here, long):
            with here:
                data = [
                    matrix_of(context, builder, k, a)
                    for k, a in zip(signature.args[3:], args[3:], strict=True)
                ]
                arguments = [columns, rows, block.data, target.data]
                arguments += smallproducts.following(builder, *((m.data, m.rows, m.columns) for m in data))
                kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
                name = smallproducts.TRIANGLE_SINGLE if single else smallproducts.TRIANGLE
                builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
            with long:
                elsewhere(known=False)
    return context.get_dummy_value()


def _dsyrk(builder: Any, block: Any, target: Any, rows: Any, columns: Any, factor: Any) -> None:
    narrow, byte = ir.IntType(32), ir.IntType(8)

    def place(value: Any) -> Any:
        return cgutils.alloca_once_value(builder, value)

    # What is the lower triangle by rows is the upper one by columns, as Fortran sees it.
    n, k = (place(builder.trunc(v, narrow)) for v in (columns, rows))
    arguments = [place(byte(ord("U"))), place(byte(ord("N"))), n, k, place(factor), block, n]
    _call_blas(builder, "dsyrk", [*arguments, place(_F(1.0)), target, n])


@intrinsic
def syrk(typing_context: Any, block: Any, factor: Any, out: Any) -> Any:
    """out += factor · blockᵀ block, the lower triangle alone; both contiguous, in row order, out of doubles."""
    return types.void(block, types.float64, out), _syrk


@intrinsic
def syrk_ahead(typing_context: Any, block: Any, factor: Any, out: Any, rows: Any) -> Any:
    """The same, while the rows that follow these in memory are fetched."""
    return types.void(block, types.float64, out, rows), _syrk


def _by_cholesky(
    builder: Any, context: Any, name: str, kinds: Sequence[Any], values: Sequence[Any]
) -> tuple[Any, Any]:
    """LAPACK's routine for the triangle that is the lower one by rows; (its report, the data of the matrix)."""
    narrow, byte = ir.IntType(32), ir.IntType(8)
    matrix, *others = (make_array(k)(context, builder, v) for k, v in zip(kinds, values, strict=True))

    def place(value: Any) -> Any:
        return cgutils.alloca_once_value(builder, value)

    n = place(builder.trunc(cgutils.unpack_tuple(builder, matrix.shape)[1], narrow))
    report = place(narrow(0))
    arguments = [place(byte(ord("U"))), n]
    arguments += [place(builder.trunc(cgutils.unpack_tuple(builder, o.shape)[0], narrow)) for o in others]
    arguments += [matrix.data, n]
    for other in others:
        arguments += [other.data, n]
    _call_blas(builder, ("d" if kinds[0].dtype == types.float64 else "s") + name, [*arguments, report])
    return builder.load(report), matrix.data


def _solve_below(builder: Any, array: Any) -> None:
    """The rows B below a Cholesky factor become B L⁻ᵀ."""
    narrow, byte = ir.IntType(32), ir.IntType(8)
    rows, columns = cgutils.unpack_tuple(builder, array.shape)
    below = builder.gep(array.data, [builder.mul(columns, columns)])

    def place(value: Any) -> Any:
        return cgutils.alloca_once_value(builder, value)

    n, m = (place(builder.trunc(v, narrow)) for v in (columns, builder.sub(rows, columns)))
    flags = [place(byte(ord(c))) for c in "LUTN"]
    _call_blas(builder, "dtrsm", [*flags, n, m, place(_F(1.0)), array.data, n, below, n])


@intrinsic
def potrf(typing_context: Any, matrix: Any) -> Any:
    """The Cholesky factor in place of the lower triangle; NaN where there is none. Contiguous, as are those below.

    Doubles may have more rows than columns: the rows B below become B L⁻ᵀ.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if matrix.dtype == types.float64 and smallproducts.register():
            array = make_array(matrix)(context, builder, args[0])
            rows, columns = cgutils.unpack_tuple(builder, array.shape)
            none = ir.Constant(array.data.type, None)
            _call_blas(builder, "cholesky", [columns, rows, array.data, none])
            return context.get_dummy_value()
        report, data = _by_cholesky(builder, context, "potrf", signature.args, args)
        failed = builder.icmp_signed("!=", report, ir.IntType(32)(0))
        with builder.if_else(failed) as (lost, found):
            with lost:
                builder.store(context.get_value_type(signature.args[0].dtype)(math.nan), data)
            with found:
                if matrix.dtype == types.float64:
                    _solve_below(builder, make_array(matrix)(context, builder, args[0]))
        return context.get_dummy_value()

    return types.void(matrix), generate


@intrinsic
def potrf_above(typing_context: Any, matrix: Any, least: Any) -> Any:
    """`potrf` of a square matrix of doubles, without the columns whose pivots are not above these numbers.

    They have ∞ on the diagonal and zeros below. Only where `smallproducts` is.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        square, bounds = (
            make_array(k)(context, builder, a) for k, a in zip(signature.args, args, strict=True)
        )
        rows, columns = cgutils.unpack_tuple(builder, square.shape)
        _call_blas(builder, "cholesky", [columns, rows, square.data, bounds.data])
        return context.get_dummy_value()

    return types.void(matrix, least), generate


@intrinsic
def potri(typing_context: Any, factor: Any) -> Any:
    """The lower triangle of the inverse in place of a Cholesky factor."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _by_cholesky(builder, context, "potri", signature.args, args)
        return context.get_dummy_value()

    return types.void(factor), generate


@intrinsic
def potrs(typing_context: Any, factor: Any, right: Any) -> Any:
    """Every row of `right` solved for, in place, by a Cholesky factor."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _by_cholesky(builder, context, "potrs", signature.args, args)
        return context.get_dummy_value()

    return types.void(factor, right), generate


@helper
def mirror(matrix: Any) -> None:
    """The upper triangle from the lower one."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@helper
def cholesky(matrix: Any, factor: Any) -> None:
    """The lower triangular factor of a positive definite matrix, row by row; NaN where it is not one."""
    size = matrix.shape[0]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = rest / factor[j, j]
            else:
                factor[i, i] = math.sqrt(rest) if rest > 0.0 else math.nan
        for j in range(i + 1, size):
            factor[i, j] = 0.0


@helper
def eliminate(matrix: Any, work: Any, right: Any, columns: int) -> Any:
    """Gauss–Jordan elimination with partial pivoting: (det, log |det|), and `right` becomes A⁻¹ times what it was.

    `work` is scratch of the matrix's size; `columns` is the number of right-hand sides, perhaps 0. A singular
    matrix gives (0, −∞) and NaN.
    """
    size = matrix.shape[0]
    for i in range(size):
        for j in range(size):
            work[i, j] = matrix[i, j]
    determinant = 1.0
    logarithm = 0.0
    for k in range(size):
        pivot = k
        for i in range(k + 1, size):
            if abs(work[i, k]) > abs(work[pivot, k]):
                pivot = i
        head = work[pivot, k]
        if head == 0.0:
            for i in range(size):
                for j in range(columns):
                    right[i, j] = math.nan
            return 0.0, -math.inf
        logarithm += math.log(abs(head))
        determinant *= head if pivot == k else -head
        if pivot != k:
            for j in range(k, size):
                work[k, j], work[pivot, j] = work[pivot, j], work[k, j]
            for j in range(columns):
                right[k, j], right[pivot, j] = right[pivot, j], right[k, j]
        for j in range(k + 1, size):
            work[k, j] /= head
        for j in range(columns):
            right[k, j] /= head
        for i in range(0 if columns > 0 else k + 1, size):
            if i != k:
                factor = work[i, k]
                for j in range(k + 1, size):
                    work[i, j] -= factor * work[k, j]
                for j in range(columns):
                    right[i, j] -= factor * right[k, j]
    return determinant, logarithm
