"""Scalar and small-matrix functions for compiled kernels.

The elementary functions are straight-line code without branches or library calls, so that a loop around them
vectorises. They are written once against a small arithmetic interface (`_Lane`) and emitted as LLVM
instructions, which costs next to nothing to compile. Range reduction subtracts k·ln 2 in two parts
(Cody & Waite) through fused multiply-adds, because fast-math flags would reorder anything else, and rounds
with `llvm.rint` for the same reason. Errors are at most 2 units in the last place, for all arguments,
infinite and denormal results included.

`plain` holds the same names for generated source that runs without numba.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic
from numba.np.arrayobj import make_array

from . import smallproducts
from .lanes import cross_rows, cross_rows_symmetric, form_rows, mix_rows, moments_rows, turn_rows
from .narrow import NARROW, narrow_gram
from .rowwise import add_rows, add_then_dot, dot_rows, full_width

__all__ = [
    "add_rows",
    "add_then_dot",
    "cross_rows",
    "cross_rows_symmetric",
    "dot_rows",
    "form_rows",
    "full_width",
    "mix_rows",
    "moments_rows",
    "turn_rows",
]  # for generated source, which imports from here

#: Reassociation lets reductions vectorise; NaN and infinity keep their meaning.
FLAGS = {"reassoc", "contract", "arcp", "nsz"}
compiled = njit(fastmath=FLAGS, error_model="numpy", nogil=True, cache=True)
_helper = njit(fastmath=FLAGS, error_model="numpy", nogil=True)

_F = ir.DoubleType()
_I = ir.IntType(64)
_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


class _Lane:
    """A double inside an LLVM builder, with arithmetic."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.b = builder
        self.v = value if isinstance(value, ir.Value) else _F(float(value))

    def _of(self, other: Any) -> Any:
        return other.v if isinstance(other, _Lane) else _F(float(other))

    def _new(self, value: Any) -> _Lane:
        return _Lane(self.b, value)

    def __add__(self, o: Any) -> _Lane:
        return self._new(self.b.fadd(self.v, self._of(o)))

    def __sub__(self, o: Any) -> _Lane:
        return self._new(self.b.fsub(self.v, self._of(o)))

    def __rsub__(self, o: Any) -> _Lane:
        return self._new(self.b.fsub(self._of(o), self.v))

    def __mul__(self, o: Any) -> _Lane:
        return self._new(self.b.fmul(self.v, self._of(o)))

    def __truediv__(self, o: Any) -> _Lane:
        return self._new(self.b.fdiv(self.v, self._of(o)))

    def __rtruediv__(self, o: Any) -> _Lane:
        return self._new(self.b.fdiv(self._of(o), self.v))

    __radd__, __rmul__ = __add__, __mul__

    def fma(self, times: Any, plus: Any) -> _Lane:
        """self · times + plus, rounded once."""
        return self._new(self.b.fma(self.v, self._of(times), self._of(plus)))

    def less(self, o: Any) -> Any:
        return self.b.fcmp_ordered("<", self.v, self._of(o))

    def where(self, condition: Any, other: Any) -> _Lane:
        """self where the condition holds, else other."""
        return self._new(self.b.select(condition, self.v, self._of(other)))

    def at_least(self, low: float) -> _Lane:
        return self._new(self.b.select(self.less(low), _F(low), self.v))

    def at_most(self, high: float) -> _Lane:
        return self._new(self.b.select(self.b.fcmp_ordered(">", self.v, _F(high)), _F(high), self.v))

    def magnitude(self) -> _Lane:
        return self._call("llvm.fabs")

    def rounded(self) -> _Lane:
        return self._call("llvm.rint")

    def _call(self, name: str) -> _Lane:
        return self._new(self.b.call(self.b.module.declare_intrinsic(name, [_F]), [self.v]))

    def scaled(self, k: Any) -> _Lane:
        """self · 2ᵏ for a whole number of 32 bits, in one instruction where there is one."""
        kind = ir.FunctionType(_F, [_F, k.type])
        function = self.b.module.declare_intrinsic("llvm.ldexp", [_F, k.type], kind)
        return self._new(self.b.call(function, [self.v, k]))

    def bits(self) -> Any:
        return self.b.bitcast(self.v, _I)


def _from_bits(b: Any, bits: Any) -> _Lane:
    return _Lane(b, b.bitcast(bits, _F))


def _power_of_two(b: Any, k: Any) -> _Lane:
    """2ᵏ for an integer -1022 ≤ k ≤ 1023."""
    return _from_bits(b, b.shl(b.add(k, _I(1023)), _I(52)))


def _horner(x: _Lane, coefficients: list[float]) -> _Lane:
    total = x._new(coefficients[0])
    for c in coefficients[1:]:
        total = total.fma(x, c)
    return total


#: (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2: interpolated at Chebyshev points, relative error of eʳ below 2e-17.
_EXP_TAIL = [
    2.510038549551032e-08, 2.7620088445409746e-07, 2.7557268459997064e-06, 2.4801521295954376e-05,
    0.00019841269863053618, 0.0013888888917213717, 0.008333333333330062, 0.04166666666662413,
    0.16666666666666669, 0.5,
]  # fmt: skip


def _reduced(x: _Lane) -> tuple[_Lane, Any]:
    """(eʳ − 1, k) with x = k ln 2 + r and |r| ≤ ln 2 / 2."""
    k = (x * _LOG2E).rounded()
    r = k.fma(-_LN2_HIGH, x)
    r = k.fma(-_LN2_LOW, r)
    q = (r * r).fma(_horner(r, _EXP_TAIL), r)
    # 32 bits in between: vector units without 64-bit conversion can do this one
    whole = x.b.fptosi(k.v, ir.IntType(32))
    return q, whole if _scales() else x.b.sext(whole, _I)


def _scaled(x: _Lane) -> tuple[_Lane, Callable[[_Lane], _Lane]]:
    """(eʳ − 1, y ↦ 2ᵏ y) with x = k ln 2 + r; the ends underflow and overflow as they should."""
    q, k = _reduced(x.at_least(-750.0).at_most(710.0))
    if _scales():
        return q, lambda y: y.scaled(k)
    half = x.b.ashr(k, _I(1))
    a, b = _power_of_two(x.b, half), _power_of_two(x.b, x.b.sub(k, half))
    return q, lambda y: y * a * b


@lru_cache(maxsize=1)
def _scales() -> bool:
    """Whether the processor has an instruction that multiplies by powers of two."""
    features = llvmlite.binding.get_host_cpu_features()
    return bool(features.get("avx512f") and features.get("avx512vl"))


def _exp(x: _Lane) -> _Lane:
    """eˣ."""
    q, scale = _scaled(x)
    return scale(q + 1.0)


def _expm1(x: _Lane) -> _Lane:
    """eˣ − 1 = 2ᵏ(eʳ − 1) + (2ᵏ − 1), where k = 0 without any cancellation; eˣ where the 1 does not count."""
    q, scale = _scaled(x)
    power = scale(x._new(1.0))
    return power.fma(q, power - 1.0).where(x.less(50.0), scale(q + 1.0))


#: (2 artanh(s)/s − 2) / s² in powers of s², for |s| ≤ 3 − 2√2: likewise, relative error below 5e-18.
_ATANH_TAIL = [
    0.14616449685043406, 0.15331721600556042, 0.18182889125261723, 0.2222221113479508,
    0.28571428625975487, 0.39999999999899505, 0.6666666666666667,
]  # fmt: skip


def _log_mantissa(f: _Lane) -> _Lane:
    """log(1 + f) for √½ − 1 ≤ f ≤ √2 − 1 as 2 artanh(s), s = f / (2 + f)."""
    s = f / (f + 2.0)
    z = s * s
    tail = z * _horner(z, _ATANH_TAIL)
    half = 0.5 * f * f
    return f - (half - s * (half + tail))


def _log1p_unit(e: _Lane) -> _Lane:
    """log(1 + e) for 0 ≤ e ≤ 1."""
    b = e.b
    large = b.fcmp_ordered(">", e.v, _F(0.41421356237309503))
    f = (0.5 * e - 0.5).where(large, e)
    k = e._new(1.0).where(large, 0.0)
    return k.fma(_LN2_HIGH, k.fma(_LN2_LOW, _log_mantissa(f)))


_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_MANTISSA_BITS = (1 << 52) - 1


def _log(x: _Lane) -> _Lane:
    """log x = k ln 2 + log m with x = 2ᵏ m and √½ ≤ m < √2; denormal numbers are scaled up first."""
    b = x.b
    tiny = x.less(2.2250738585072014e-308)
    scaled = (x * 2.0**54).where(tiny, x)
    above = b.sub(scaled.bits(), _I(_SQRT_HALF_BITS))
    k = b.sitofp(b.trunc(b.ashr(above, _I(52)), ir.IntType(32)), _F)
    mantissa = _from_bits(b, b.add(b.and_(above, _I(_MANTISSA_BITS)), _I(_SQRT_HALF_BITS)))
    power = x._new(k) - x._new(54.0).where(tiny, 0.0)
    value = power.fma(_LN2_HIGH, power.fma(_LN2_LOW, _log_mantissa(mantissa - 1.0)))
    value = value.where(x.less(math.inf), x)  # infinity and NaN are their own logarithms
    value = x._new(math.nan).where(x.less(0.0), value)
    return x._new(-math.inf).where(b.fcmp_ordered("==", x.v, _F(0.0)), value)


# Statements such as tanh and its derivative need several of these at once. They are written so that
# the compiler finds e^−|x| and 1 / (1 + e^−|x|) in each of them to be the same and computes them once.


def _decay(x: _Lane) -> tuple[_Lane, _Lane]:
    """e = e^−|x| and 1 / (1 + e)."""
    e = _exp(0.0 - x.magnitude())
    return e, 1.0 / (e + 1.0)


def _sigmoid(x: _Lane) -> _Lane:
    """1 / (1 + e⁻ˣ), through e^−|x| so that nothing overflows."""
    e, r = _decay(x)
    return (e * r).where(x.less(0.0), r)


def _cosigmoid(x: _Lane) -> _Lane:
    """1 / (1 + eˣ), the sigmoid of −x."""
    e, r = _decay(x)
    return r.where(x.less(0.0), e * r)


def _softplus(x: _Lane) -> _Lane:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|)."""
    return x.at_least(0.0) + _log1p_unit(_decay(x)[0])


def _tanh(x: _Lane) -> _Lane:
    """(1 − e) / (1 + e) with e = e^−|2x|, and the sign of x."""
    twice = x * 2.0
    value = (0.0 - _expm1(0.0 - twice.magnitude())) * _decay(twice)[1]
    return (0.0 - value).where(x.less(0.0), value)


def _as_intrinsic(body: Any) -> Any:
    def typer(typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return body(_Lane(builder, args[0])).v

        return types.float64(types.float64), generate

    typer.__name__ = body.__name__.strip("_")
    typer.__doc__ = body.__doc__
    return intrinsic(typer)


cosigmoid = _as_intrinsic(_cosigmoid)
exp = _as_intrinsic(_exp)
expm1 = _as_intrinsic(_expm1)
log = _as_intrinsic(_log)
sigmoid = _as_intrinsic(_sigmoid)
softplus = _as_intrinsic(_softplus)
tanh = _as_intrinsic(_tanh)


def _as_choice(name: str) -> Any:
    """`llvm.maximum` or `llvm.minimum`: NaN where either is, and loops that collect extremes vectorise."""

    def typer(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(_F, [_F, _F])
            return builder.call(builder.module.declare_intrinsic(name, [_F], kind), args)

        return types.float64(types.float64, types.float64), generate

    return intrinsic(typer)


larger, smaller = _as_choice("llvm.maximum"), _as_choice("llvm.minimum")
log1p, sqrt = math.log1p, math.sqrt
sin, cos, tan, sinh, cosh = math.sin, math.cos, math.tan, math.sinh, math.cosh
asin, acos, atan, asinh, acosh, atanh = (
    math.asin, math.acos, math.atan, math.asinh, math.acosh, math.atanh,
)  # fmt: skip
erf, erfc, lgamma = math.erf, math.erfc, math.lgamma


@_helper
def digamma(x: float) -> float:
    """ψ(x): upward recurrence to x ≥ 10, then the asymptotic series; reflection below 0."""
    shift = 0.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.nan
        shift = -math.pi / math.tan(math.pi * (x - math.floor(x)))
        x = 1.0 - x
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    tail = z * (
        1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (691 / 32760 - z / 12)))))
    )
    return shift + math.log(x) - 0.5 / x - tail


@_helper
def trigamma(x: float) -> float:
    """ψ′(x), likewise."""
    shift = 0.0
    sign = 1.0
    if x <= 0.0:
        if x == math.floor(x):
            return math.inf
        s = math.pi / math.sin(math.pi * (x - math.floor(x)))
        shift = s * s
        sign = -1.0
        x = 1.0 - x
    while x < 10.0:
        shift += sign / (x * x)
        x += 1.0
    z = 1.0 / (x * x)
    tail = 1 / 6 - z * (1 / 30 - z * (1 / 42 - z * (1 / 30 - z * (5 / 66 - z * (691 / 2730 - z * 7 / 6)))))
    return shift + sign * (1.0 / x + 0.5 * z + z / x * tail)


@_helper
def polygamma(order: int, x: float) -> float:
    """The derivative of ψ of order ≥ 2: upward recurrence to x ≥ 20, then the asymptotic series."""
    factorial = math.gamma(order + 0.0)  # (order − 1)!
    shift = 0.0
    while x < 20.0:
        shift += order * factorial / x ** (order + 1)
        x += 1.0
    power = factorial / x**order
    total = power * (1.0 + 0.5 * order / x)
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
    for k in range(1, 8):
        # (2k + order − 1)! / (2k)!, built up from the term before
        power *= (2 * k + order - 1.0) * (2 * k + order - 2.0) / (2 * k * (2 * k - 1.0) * x * x)
        total += bernoulli[k - 1] * power
    value = shift + total
    return value if order % 2 == 1 else -value


def _register_blas() -> None:
    """SciPy's BLAS under names of our own, so that compiled code in the cache finds it in any process."""
    for module, names in (
        ("blas", "dgemm sgemm dsyrk"),
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

    def strides(self, builder: Any) -> tuple[Any, Any]:
        """From row to row and from column to column, in entries."""
        one = _I(1)
        return builder.select(self.by_rows, self.distance, one), builder.select(
            self.by_rows, one, self.distance
        )


def _matrix_of(context: Any, builder: Any, kind: Any, value: Any) -> _Matrix:
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
    real = signature.args[2].dtype
    left, right, out, *block = (
        _matrix_of(context, builder, kind, value) for kind, value in zip(signature.args, args, strict=True)
    )
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
    return context.get_dummy_value()


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


@intrinsic
def syrk(typing_context: Any, block: Any, factor: Any, out: Any) -> Any:
    """out += factor · blockᵀ block, the lower triangle alone; both contiguous, float64, in row order."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, target = (make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2))
        rows, columns = cgutils.unpack_tuple(builder, given.shape)
        narrow, byte = ir.IntType(32), ir.IntType(8)
        few = builder.icmp_signed("<=", columns, ir.IntType(64)(NARROW))
        with builder.if_then(few):
            narrow_gram(builder, given.data, target.data, rows, columns, args[1])
        none = cgutils.is_null(builder, rows)
        with builder.if_then(builder.not_(builder.or_(few, none))):

            def place(value: Any) -> Any:
                return cgutils.alloca_once_value(builder, value)

            # What is the lower triangle by rows is the upper one by columns, as Fortran sees it.
            n, k = (place(builder.trunc(v, narrow)) for v in (columns, rows))
            arguments = [place(byte(ord("U"))), place(byte(ord("N"))), n, k, place(args[1]), given.data, n]
            arguments += [place(_F(1.0)), target.data, n]
            _call_blas(builder, "dsyrk", arguments)
        return context.get_dummy_value()

    return types.void(block, types.float64, out), generate


def _by_cholesky(
    builder: Any, context: Any, name: str, kinds: Sequence[Any], values: Sequence[Any]
) -> tuple[Any, Any]:
    """LAPACK's routine for the triangle that is the lower one by rows; (its report, the data of the matrix)."""
    narrow, byte = ir.IntType(32), ir.IntType(8)
    matrix, *others = (make_array(k)(context, builder, v) for k, v in zip(kinds, values, strict=True))

    def place(value: Any) -> Any:
        return cgutils.alloca_once_value(builder, value)

    n = place(builder.trunc(cgutils.unpack_tuple(builder, matrix.shape)[0], narrow))
    report = place(narrow(0))
    arguments = [place(byte(ord("U"))), n]
    arguments += [place(builder.trunc(cgutils.unpack_tuple(builder, o.shape)[0], narrow)) for o in others]
    arguments += [matrix.data, n]
    for other in others:
        arguments += [other.data, n]
    _call_blas(builder, ("d" if kinds[0].dtype == types.float64 else "s") + name, [*arguments, report])
    return builder.load(report), matrix.data


@intrinsic
def potrf(typing_context: Any, matrix: Any) -> Any:
    """The Cholesky factor in place of the lower triangle; NaN where there is none. Contiguous, as are those below."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        report, data = _by_cholesky(builder, context, "potrf", signature.args, args)
        failed = builder.icmp_signed("!=", report, ir.IntType(32)(0))
        with builder.if_then(failed):
            builder.store(context.get_value_type(signature.args[0].dtype)(math.nan), data)
        return context.get_dummy_value()

    return types.void(matrix), generate


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


@_helper
def mirror(matrix: Any) -> None:
    """The upper triangle from the lower one."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@_helper
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


@_helper
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
        for i in range(0 if columns else k + 1, size):
            if i != k:
                factor = work[i, k]
                for j in range(k + 1, size):
                    work[i, j] -= factor * work[k, j]
                for j in range(columns):
                    right[i, j] -= factor * right[k, j]
    return determinant, logarithm
