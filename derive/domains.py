"""The number systems in which an expression can be evaluated.

One interpreter serves all of them: double (and single) precision NumPy, mpmath at any number of digits,
and exact SymPy scalars. A domain says how numbers are made and how the linear algebra is done;
the last two work on NumPy arrays of objects.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, final

import mpmath
import numpy as np
import sympy

Array = np.ndarray[Any, Any]


class Domain(ABC):
    """How numbers are represented."""

    name: str
    dtype: Any

    @abstractmethod
    def number(self, value: sympy.Expr) -> Any:
        """An exact constant as a number of this domain."""

    @abstractmethod
    def array(self, value: Any) -> Array:
        """Input data as an array of this domain."""

    @abstractmethod
    def elementwise(
        self, statement: Callable[..., sympy.Expr], numpy: Callable[..., Any], arrays: list[Array]
    ) -> Array:
        """An elementwise operator, stated in SymPy, with its NumPy form."""

    @abstractmethod
    def inv(self, a: Array) -> Array:
        """The inverse on the last two axes."""

    @abstractmethod
    def det(self, a: Array) -> Array:
        """The determinant on the last two axes."""

    @abstractmethod
    def logdet(self, a: Array) -> Array:
        """log |det| on the last two axes."""

    def einsum(self, inputs: list[tuple[int, ...]], output: tuple[int, ...], arrays: list[Array]) -> Array:
        """The product over labelled axes."""
        args: list[Any] = []
        for array, labels in zip(arrays, inputs, strict=True):
            args += [array, list(labels)]
        return np.asarray(np.einsum(*args, list(output), optimize=False))


#: Entries of an array between two factors; NumPy would have no such array larger than the largest factor, and multiply
#: three at once in a loop where two products of matrices do.
ROOM = 1 << 24


#: Multiplications from which a product of two arrays goes to BLAS, which takes some microseconds of Python.
MANY = 4096


def _pays(inputs: Sequence[tuple[int, ...]], output: tuple[int, ...], arrays: Sequence[Array]) -> bool:
    """Whether two arrays are multiplied as matrices: they share an axis that is summed, and are large."""
    if not (set(inputs[0]) & set(inputs[1])) - set(output):
        return False
    sizes = {
        i: k for labels, a in zip(inputs, arrays, strict=True) for i, k in zip(labels, a.shape, strict=True)
    }
    return bool(math.prod(sizes.values()) >= MANY)


@lru_cache(maxsize=1024)
def _order(
    inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...], shapes: tuple[tuple[int, ...], ...]
) -> Any:
    """The order in which several factors are multiplied, two at a time."""
    args: list[Any] = []
    for labels, shape in zip(inputs, shapes, strict=True):
        args += [np.broadcast_to(0.0, shape), list(labels)]
    how = "optimal" if len(inputs) <= 5 else "greedy"
    return np.einsum_path(*args, list(output), optimize=(how, ROOM))[0]


@lru_cache(maxsize=4096)
def _blas(
    left: tuple[int, ...], right: tuple[int, ...], output: tuple[int, ...]
) -> Callable[[Array, Array], Any] | None:
    """The same product as one call of BLAS: one shared axis, which is summed, and no other repeated."""
    shared = set(left) & set(right)
    if len(left) > 2 or len(right) > 2 or len(shared) != 1 or shared & set(output):
        return None
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        return None
    (label,) = shared
    rest = [*(i for i in left if i != label), *(i for i in right if i != label)]
    if sorted(rest) != sorted(output):
        return None
    turn_left, turn_right = left[-1] != label, right[0] != label
    turn_out = len(output) == 2 and rest != list(output)

    def product(a: Array, b: Array) -> Any:
        found = np.dot(a.T if turn_left else a, b.T if turn_right else b)
        return found.T if turn_out else found

    return product


@final
class Float(Domain):
    """IEEE arithmetic through NumPy and SciPy."""

    name = "float"

    def __init__(self, dtype: Any = np.float64) -> None:
        self.dtype = np.dtype(dtype)

    def number(self, value: sympy.Expr) -> Any:
        return self.dtype.type(float(value))

    def array(self, value: Any) -> Array:
        return np.asarray(value, dtype=self.dtype)

    def elementwise(
        self, statement: Callable[..., sympy.Expr], numpy: Callable[..., Any], arrays: list[Array]
    ) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(numpy(*arrays))

    def inv(self, a: Array) -> Array:
        return np.asarray(np.linalg.inv(a))

    def det(self, a: Array) -> Array:
        return np.asarray(np.linalg.det(a))

    def logdet(self, a: Array) -> Array:
        return np.asarray(np.linalg.slogdet(a)[1])

    def einsum(self, inputs: list[tuple[int, ...]], output: tuple[int, ...], arrays: list[Array]) -> Array:
        if len(arrays) == 2 and len(output) < 3:
            known = _blas(inputs[0], inputs[1], output)
            if known is not None:
                return np.asarray(known(*arrays))
        args: list[Any] = []
        for array, labels in zip(arrays, inputs, strict=True):
            args += [array, list(labels)]
        if len(arrays) > 2 or (len(arrays) == 2 and _pays(inputs, output, arrays)):
            order = _order(tuple(inputs), output, tuple(a.shape for a in arrays))
            return np.asarray(np.einsum(*args, list(output), optimize=order))
        return np.asarray(np.einsum(*args, list(output)))


class _Objects(Domain):
    """Arrays of Python number objects; the linear algebra is Gaussian elimination, matrix by matrix."""

    dtype = object

    @abstractmethod
    def is_zero(self, value: Any) -> bool:
        """Whether a pivot vanishes."""

    @abstractmethod
    def magnitude(self, value: Any) -> Any:
        """How good a pivot is."""

    @abstractmethod
    def log_abs(self, value: Any) -> Any:
        """log |value|."""

    def simplify(self, value: Any) -> Any:
        return value

    def einsum(self, inputs: list[tuple[int, ...]], output: tuple[int, ...], arrays: list[Array]) -> Array:
        """Two factors at a time: all at once would take steps exponential in the number of factors."""
        work = [(np.asarray(a, dtype=object), ls) for a, ls in zip(arrays, inputs, strict=True)]
        while len(work) > 2:
            lengths = {i: n for a, ls in work for i, n in zip(ls, a.shape, strict=True)}
            best: tuple[Any, ...] | None = None
            for p, q in itertools.combinations(range(len(work)), 2):
                both = set(work[p][1]) | set(work[q][1])
                others = [ls for k, (_, ls) in enumerate(work) if k not in (p, q)]
                kept = tuple(sorted(both & set(output).union(*others)))
                size = math.prod(lengths[i] for i in kept) - work[p][0].size - work[q][0].size
                key = (size, math.prod(lengths[i] for i in both), p, q)
                if best is None or key < best[0]:
                    best = (key, p, q, kept)
            assert best is not None
            _, p, q, kept = best
            merged = super().einsum([work[p][1], work[q][1]], kept, [work[p][0], work[q][0]])
            work = [f for k, f in enumerate(work) if k not in (p, q)]
            work.append((np.asarray(merged, dtype=object), kept))
        return super().einsum([ls for _, ls in work], output, [a for a, _ in work])

    def _eliminate(self, a: Array, right: Array) -> tuple[Array, Any]:
        """Gauss–Jordan on `[a | right]`: the solution and the determinant."""
        n = a.shape[0]
        work = np.concatenate([a, right], axis=1).astype(object)
        det: Any = self.number(sympy.S.One)
        for k in range(n):
            pivot = max(range(k, n), key=lambda i: self.magnitude(work[i, k]))
            if self.is_zero(work[pivot, k]):
                raise np.linalg.LinAlgError("Singular matrix")
            if pivot != k:
                work[[k, pivot]] = work[[pivot, k]]
                det = -det
            det = self.simplify(det * work[k, k])
            work[k] = [self.simplify(v / work[k, k]) for v in work[k]]
            for i in range(n):
                if i != k and not self.is_zero(work[i, k]):
                    factor = work[i, k]
                    work[i] = [self.simplify(v - factor * p) for v, p in zip(work[i], work[k], strict=True)]
        return work[:, n:], det

    def _each(self, a: Array, function: Callable[[Array], Any], drop: int) -> Array:
        shape = a.shape[: a.ndim - 2] + a.shape[a.ndim - 2 : a.ndim - drop]
        out = np.empty(shape, dtype=object)
        for index in np.ndindex(a.shape[:-2]):
            out[index] = function(a[index])
        return out

    def inv(self, a: Array) -> Array:
        eye = self.array(np.eye(a.shape[-1], dtype=int))
        return self._each(a, lambda m: self._eliminate(m, eye)[0], 0)

    def det(self, a: Array) -> Array:
        def one(m: Array) -> Any:
            try:
                return self._eliminate(m, m[:, :0])[1]
            except np.linalg.LinAlgError:
                return self.number(sympy.S.Zero)

        return self._each(a, one, 2)

    def logdet(self, a: Array) -> Array:
        dets = self.det(a)
        out = np.empty(dets.shape, dtype=object)
        for index in np.ndindex(dets.shape):
            out[index] = self.log_abs(dets[index])
        return out


@final
class Mp(_Objects):
    """mpmath at a number of decimal digits (set `mpmath.workdps` around the evaluation)."""

    name = "mpmath"

    def __init__(self, digits: int = 50) -> None:
        self.digits = digits

    def number(self, value: sympy.Expr) -> Any:
        if value.is_Rational:
            return mpmath.mpf(int(value.p)) / int(value.q)
        return mpmath.mpmathify(value.evalf(mpmath.mp.dps + 5))

    def array(self, value: Any) -> Array:
        source = np.asarray(value, dtype=object)
        if all(type(entry) is mpmath.mpf for entry in source.flat):
            return source  # converted before: differences evaluate the same data many times
        out = np.empty(source.shape, dtype=object)
        for index in np.ndindex(source.shape):
            entry = source[index]
            if isinstance(entry, sympy.Expr):
                out[index] = self.number(entry)
            else:
                out[index] = mpmath.mpf(entry.item() if isinstance(entry, np.generic) else entry)
        return out

    def elementwise(
        self, statement: Callable[..., sympy.Expr], numpy: Callable[..., Any], arrays: list[Array]
    ) -> Array:
        scalar = _mp_function(statement, len(arrays))
        out = np.empty(arrays[0].shape, dtype=object)
        for index in np.ndindex(out.shape):
            value = mpmath.mpmathify(scalar(*(a[index] for a in arrays)))
            if isinstance(value, mpmath.mpc):
                # No real value, as in double precision: √−1·√−1 is no −1 here.
                value = value.real if value.imag == 0 else mpmath.nan
            out[index] = value
        return out

    def is_zero(self, value: Any) -> bool:
        return bool(value == 0)

    def magnitude(self, value: Any) -> Any:
        return abs(value)

    def log_abs(self, value: Any) -> Any:
        return mpmath.log(abs(value))


@lru_cache(maxsize=1024)
def _mp_function(statement: Callable[..., sympy.Expr], arity: int) -> Callable[..., Any]:
    symbols = sympy.symbols(f"x0:{arity}", real=True)
    expression = statement(*symbols)
    if not isinstance(expression, sympy.Expr):
        expression = sympy.sympify(expression)
    function: Callable[..., Any] = sympy.lambdify(symbols, expression, "mpmath")
    return function


@final
class Exact(_Objects):
    """SymPy scalars: the explicit expansion that `sympy.diff` can check."""

    name = "sympy"

    def number(self, value: sympy.Expr) -> Any:
        return value

    def array(self, value: Any) -> Array:
        source = np.asarray(value, dtype=object)
        out = np.empty(source.shape, dtype=object)
        for index in np.ndindex(source.shape):
            entry = source[index]
            out[index] = sympy.sympify(entry.item() if isinstance(entry, np.generic) else entry)
        return out

    def elementwise(
        self, statement: Callable[..., sympy.Expr], numpy: Callable[..., Any], arrays: list[Array]
    ) -> Array:
        out = np.empty(arrays[0].shape, dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = statement(*(a[index] for a in arrays))
        return out

    def is_zero(self, value: Any) -> bool:
        return bool(sympy.cancel(value) == 0)

    def magnitude(self, value: Any) -> Any:
        # Any pivot that is not identically zero will do; prefer the simplest.
        return -1 if self.is_zero(value) else 1 / (1 + sympy.count_ops(value))

    def simplify(self, value: Any) -> Any:
        return sympy.cancel(value)

    def log_abs(self, value: Any) -> Any:
        return sympy.log(sympy.Abs(value)) if not value.is_positive else sympy.log(value)
