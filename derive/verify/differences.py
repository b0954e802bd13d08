r"""Central differences: the derivative of numbers, against which derived formulas are held.

    D_v f(x) ≈ (f(x + hv) − f(x − hv)) / 2h,      error  h² f‴/6  +  ε|f|/h

In double precision (ε = 2⁻⁵²) the best h leaves about 10 digits; with 50 digits and h = 10⁻¹⁵ a right
derivative agrees to 28 or so. Differences of a gradient are a Hessian: `value` need not be a scalar.

For a symmetric unknown the step is symmetric, (E_ij + E_ji)/2, which gives the symmetric part of the
unconstrained gradient: the convention of the whole project.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import sympy

from ..domains import Array, Float, Mp
from ..errors import SizeError
from ..evaluate import evaluate_bound
from ..node import Node, Variable
from ..sizes import Binding
from ..stable import stabilise

DIGITS = 50
#: Entries whose true derivative is below this fraction of the largest one are measured against that fraction:
#: the rounding noise of differences does not shrink with the entry.
FLOOR = {None: 1e-2, "mpmath": 1e-6}


class _Arithmetic:
    """Double precision, or mpmath with a number of digits."""

    def __init__(self, digits: int | None) -> None:
        self.digits = digits
        self.work = digits or 15
        self.domain = Float() if digits is None else Mp(digits)
        self.step: Any = 2.0**-17 if digits is None else mpmath.mpf(10) ** (-(3 * digits // 10))

    def arrays(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        with mpmath.workdps(self.work):
            return {name: self.domain.array(a) for name, a in arrays.items()}

    def values(self, node: Node, arrays: Mapping[str, Array], binding: Binding) -> Array:
        return evaluate_bound([node], arrays, binding, digits=self.digits)[0]


def directional_difference(
    value: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    direction: Array,
    *,
    digits: int | None = None,
    step: Any = None,
) -> Array:
    """(f(x + hv) − f(x − hv)) / 2h, in the shape of `value`.

    The default step is relative to the largest entry of the unknown.
    """
    (value,) = stabilise([value])
    return _directional(value, wrt, arrays, binding, direction, _Arithmetic(digits), step)


def _directional(
    value: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    direction: Array,
    arithmetic: _Arithmetic,
    step: Any,
) -> Array:
    with mpmath.workdps(arithmetic.work):
        here = arithmetic.arrays(arrays)
        x = here[wrt.name]
        v = arithmetic.domain.array(direction)
        h = arithmetic.step * max(1, _largest(x)) if step is None else step
        # A tuple of two evaluations, not one with a batch axis: statements know their own axes only.
        ahead = arithmetic.values(value, {**here, wrt.name: np.asarray(x + v * h)}, binding)
        behind = arithmetic.values(value, {**here, wrt.name: np.asarray(x - v * h)}, binding)
        return np.asarray((ahead - behind) / (2 * h))


def directions(wrt: Variable, shape: tuple[int, ...]) -> Iterable[tuple[tuple[int, ...], Array]]:
    """The step of every entry: E_ij, or (E_ij + E_ji)/2 for a symmetric unknown."""
    symmetric = "symmetric" in wrt.facts and len(shape) >= 2
    for index in np.ndindex(shape):
        step = np.zeros(shape)
        step[index] = 1.0
        if symmetric:
            step = (step + np.swapaxes(step, -1, -2)) / 2
        yield index, step


def differences(
    value: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    step: Any = None,
) -> Array:
    """The derivative by central differences, entry by entry; axes of `value`, then of `wrt`."""
    (value,) = stabilise([value])
    arithmetic = _Arithmetic(digits)
    shape = binding.shape(wrt.shape)
    out = np.empty((*shape, *binding.shape(value.shape)), dtype=arithmetic.domain.dtype)
    for index, direction in directions(wrt, shape):
        out[index] = _directional(value, wrt, arrays, binding, direction, arithmetic, step)
    return np.transpose(out, [*range(len(shape), out.ndim), *range(len(shape))])


@dataclass(frozen=True)
class DerivativeError:
    """How far a derivative is from differences: the worst entry, and where it is."""

    worst: float
    index: tuple[int, ...]
    derived: Any
    measured: Any
    digits: int | None

    @property
    def agreeing_digits(self) -> float:
        """−log₁₀ of the worst relative error."""
        return 400.0 if self.worst == 0 else -float(mpmath.log10(self.worst))


def compare(derived: Array, measured: Array, floor: float, natural: Any = 0) -> tuple[Any, tuple[int, ...]]:
    """The worst relative error per entry and its index.

    An entry is measured against itself, but never against less than `floor` times the largest entry,
    or than `natural`, the size that rounding alone explains.
    """
    derived, measured = np.asarray(derived), np.asarray(measured)
    scale = max(_largest(derived), _largest(measured))
    worst: Any = 0
    where: tuple[int, ...] = (0,) * derived.ndim
    for index in np.ndindex(derived.shape):
        gap = abs(derived[index] - measured[index])
        if gap != gap:  # NaN on either side is the worst of errors
            return float("inf"), index
        if gap == 0:
            continue
        against = max(abs(derived[index]), abs(measured[index]), floor * scale, natural)
        if gap / against > worst:
            worst, where = gap / against, index
    return worst, where


def derivative_error(
    value: Node,
    derivative: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    step: Any = None,
    floor: float | None = None,
) -> DerivativeError:
    """A derived derivative against central differences, entry by entry.

    value        f, of any shape; its gradient when `derivative` is a Hessian
    derivative   axes of `value`, then of `wrt`
    digits       None for double precision, else the digits of mpmath
    """
    measured = differences(value, wrt, arrays, binding, digits=digits, step=step)
    return _error(value, derivative, wrt, arrays, binding, measured, digits, floor)


def _error(
    value: Node,
    derivative: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    measured: Array,
    digits: int | None,
    floor: float | None,
    along: Array | None = None,
) -> DerivativeError:
    arithmetic = _Arithmetic(digits)
    (derivative, value) = stabilise([derivative, value])
    with mpmath.workdps(arithmetic.work):
        here = arithmetic.arrays(arrays)
        derived = arithmetic.values(derivative, here, binding)
        if along is not None:
            k = derived.ndim - along.ndim
            step = arithmetic.domain.array(along)
            derived = np.asarray((derived * step).sum(axis=tuple(range(k, derived.ndim))))
        if derived.shape != measured.shape:
            raise SizeError(f"the derivative has shape {derived.shape}, differences have {measured.shape}")
        size = _largest(arithmetic.values(value, here, binding))
        noise = 2.0**-52 if digits is None else mpmath.mpf(10) ** -digits
        natural = noise * size / (arithmetic.step * max(1, _largest(here[wrt.name])))
        used = floor if floor is not None else FLOOR[None if digits is None else "mpmath"]
        worst, index = compare(derived, measured, used, natural)
        return DerivativeError(float(worst), index, derived[index], measured[index], digits)


def gradient_error(
    value: Node,
    derivative: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    floor: float | None = None,
) -> float:
    """The worst relative error per entry, as one number; see `derivative_error`."""
    return derivative_error(value, derivative, wrt, arrays, binding, digits=digits, floor=floor).worst


def directional_error(
    value: Node,
    derivative: Node,
    wrt: Variable,
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    count: int = 3,
    seed: int = 0,
) -> float:
    """The worst relative error of ⟨derivative, v⟩ in random directions v: two evaluations each,
    whatever the number of unknowns."""
    worst = 0.0
    for direction in random_directions(wrt, binding, count, seed):
        measured = directional_difference(value, wrt, arrays, binding, direction, digits=digits)
        found = _error(value, derivative, wrt, arrays, binding, measured, digits, None, along=direction)
        worst = max(worst, found.worst)
    return worst


def random_directions(wrt: Variable, binding: Binding, count: int, seed: int) -> Iterable[Array]:
    """Directions of unit length; symmetric ones for a symmetric unknown."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        direction = generator.standard_normal(binding.shape(wrt.shape))
        if "symmetric" in wrt.facts and direction.ndim >= 2:
            direction = (direction + np.swapaxes(direction, -1, -2)) / 2
        yield np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-300))


def thin(
    variables: Iterable[Variable],
    arrays: Mapping[str, Array],
    binding: Binding,
    data_axis: sympy.Expr,
    rows: int = 12,
) -> tuple[dict[str, Array], Binding]:
    """The first `rows` rows of all arrays along the data axis (a size symbol), and the sizes then."""
    total = binding.values.get(data_axis)
    if total is None or total <= rows:
        return dict(arrays), binding
    declared = {v.name: v for v in variables}
    kept: dict[str, Array] = {}
    for name, array in arrays.items():
        shape: Sequence[sympy.Expr] = declared[name].shape if name in declared else ()
        kept[name] = array[tuple(slice(rows) if size == data_axis else slice(None) for size in shape)]
    smaller = Binding({**binding.values, data_axis: rows})
    return kept, smaller


def _largest(array: Array) -> Any:
    return (
        max((abs(v) for v in array.flat), default=0) if array.dtype == object else float(np.abs(array).max())
    )
