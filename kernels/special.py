"""Elementary functions for compiled kernels.

They are straight-line code without branches or library calls, so that a loop around them vectorises. They are
written once against a small arithmetic interface (`_Lane`) and emitted as LLVM instructions, which costs next to
nothing to compile. Range reduction subtracts k·ln 2 in two parts (Cody & Waite) through fused multiply-adds, because
fast-math flags would reorder anything else. Errors are at most 3 units in the last place, for all arguments,
infinite and denormal results included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import event
from numba.extending import intrinsic

from . import clock
from .cache import on_disk
from .machine import has_wide_vectors
from .translate import Loops

#: Reassociation lets reductions vectorise; NaN and infinity keep their meaning.
FLAGS = {"reassoc", "contract", "arcp", "nsz"}
#: For functions that are compiled with each kernel that calls them.
helper = njit(fastmath=FLAGS, error_model="numpy", nogil=True, pipeline_class=Loops)

#: The same, as part of their callers: what takes many arrays costs more to call than to run where they are short.
within = njit(fastmath=FLAGS, error_model="numpy", nogil=True, pipeline_class=Loops, forceinline=True)


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, kept on disk."""
    return on_disk(njit(fastmath=FLAGS, error_model="numpy", nogil=True, pipeline_class=Loops)(function))


class _Compiling(event.Listener):  # type: ignore[misc]
    """The clock of runs stands while numba compiles, or reads from disk what it has compiled: both under its lock."""

    def on_start(self, event: Any) -> None:
        clock.begin()

    def on_end(self, event: Any) -> None:
        clock.end()


event.register("numba:compiler_lock", _Compiling())

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

    def minus_exactly(self, o: float) -> _Lane:
        """self − o as it stands: numba gives flags that allow to reorder to whatever has none."""
        return self._new(self.b.fsub(self.v, _F(o), flags=["nsz"]))

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

    def signed_as(self, o: _Lane) -> _Lane:
        """The magnitude of self, the sign of another."""
        kind = ir.FunctionType(_F, [_F, _F])
        return self._new(
            self.b.call(self.b.module.declare_intrinsic("llvm.copysign", [_F], kind), [self.v, o.v])
        )

    def _call(self, name: str) -> _Lane:
        return self._new(self.b.call(self.b.module.declare_intrinsic(name, [_F]), [self.v]))

    def scaled(self, k: Any) -> _Lane:
        """self · 2ᵏ for a whole number; with long vectors in two instructions."""
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


def _polynomial(x: _Lane, square: _Lane, coefficients: list[float]) -> _Lane:
    """Even and odd powers by themselves: two chains, each half as long."""
    odd, even = (_horner(square, coefficients[(len(coefficients) + k) % 2 :: 2]) for k in (0, 1))
    return odd.fma(x, even)


#: (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2: interpolated at Chebyshev points, relative error of eʳ below 2e-17.
_EXP_TAIL = [
    2.510038549551032e-08, 2.7620088445409746e-07, 2.7557268459997064e-06, 2.4801521295954376e-05,
    0.00019841269863053618, 0.0013888888917213717, 0.008333333333330062, 0.04166666666662413,
    0.16666666666666669, 0.5,
]  # fmt: skip


#: 1.5 · 2⁵²: what is added to it becomes a whole number, in the last bits.
_SHIFT = 6755399441055744.0


def _reduced(x: _Lane) -> tuple[_Lane, Any]:
    """(eʳ − 1, k) with x = k ln 2 + r and |r| ≤ ln 2 / 2."""
    shifted = x.fma(_LOG2E, _SHIFT)
    k = shifted.minus_exactly(_SHIFT)
    r = k.fma(-_LN2_HIGH, x)
    r = k.fma(-_LN2_LOW, r)
    square = r * r
    q = square.fma(_polynomial(r, square, _EXP_TAIL), r)
    return q, x.b.sub(shifted.bits(), x._new(_SHIFT).bits())


def _scaled(x: _Lane) -> tuple[_Lane, Callable[[_Lane], _Lane]]:
    """(eʳ − 1, y ↦ 2ᵏ y) with x = k ln 2 + r; the ends underflow and overflow as they should."""
    q, k = _reduced(x.at_least(-750.0).at_most(710.0))
    return q, _scaling(x.b, k)


def _scaling(b: Any, k: Any) -> Callable[[_Lane], _Lane]:
    """y ↦ 2ᵏ y."""
    if has_wide_vectors():
        return lambda y: y.scaled(k)
    half = b.sub(b.lshr(b.add(k, _I(2048)), _I(1)), _I(1024))  # shorter vectors cannot shift signs
    first, second = _power_of_two(b, half), _power_of_two(b, b.sub(k, half))
    return lambda y: y * first * second


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


def _decay(x: _Lane) -> tuple[_Lane, _Lane, _Lane]:
    """e = e^−|x|, 1 / (1 + e), and e − 1 without cancellation.

    Where nothing overflows, 2ᵏ(eʳ − 1) + 2ᵏ is e, rounded once.
    """
    q, k = _reduced((0.0 - x.magnitude()).at_least(-750.0))
    power = _scaling(x.b, k)(x._new(1.0))
    e = power.fma(q, power)
    return e, 1.0 / (e + 1.0), power.fma(q, power - 1.0)


def _sigmoid(x: _Lane) -> _Lane:
    """1 / (1 + e⁻ˣ), through e^−|x| so that nothing overflows."""
    e, r, _ = _decay(x)
    return (e * r).where(x.less(0.0), r)


def _cosigmoid(x: _Lane) -> _Lane:
    """1 / (1 + eˣ), the sigmoid of −x."""
    e, r, _ = _decay(x)
    return r.where(x.less(0.0), e * r)


def _softplus(x: _Lane) -> _Lane:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|)."""
    return x.at_least(0.0) + _log1p_unit(_decay(x)[0])


def _tanh(x: _Lane) -> _Lane:
    """(1 − e) / (1 + e) with e = e^−|2x|, and the sign of x."""
    _, r, less = _decay(x * 2.0)
    return (less * r).signed_as(x)


def _as_intrinsic(body: Any) -> Any:
    def typer(typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return body(_Lane(builder, args[0])).v

        return types.float64(types.float64), generate

    typer.__name__ = body.__name__.strip("_")
    typer.__doc__ = body.__doc__
    made = intrinsic(typer)
    made.is_chain = True  # loops around it take several turns at a time
    return made


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
