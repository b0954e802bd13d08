"""The oracle: value, gradient, Hessian and Hessian-vector product on one flat float64 vector.

Optimizers know nothing of unknowns, shapes or statements; they see f : ℝᴺ → ℝ. The `Layout` says how the
unknowns lie in x: one after the other in the order given, each flattened in C order (last axis fastest).
A symmetric unknown is stored whole, both triangles; its gradient is symmetric, so the iterates stay so.

An oracle is made of plain functions of x (`Oracle`) or of bound kernels (`oracle_of`). It remembers its
last point, counts evaluations, and returns NaN where the statement has no finite value, which line
searches and trust regions treat as "too far". It is no optimizer and draws no conclusions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from derive.errors import DataError, SizeError

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Array = np.ndarray[Any, Any]

#: The name of the value among a kernel's outputs.
VALUE = "value"


def gradient_key(name: str) -> str:
    """The name of the gradient with respect to one unknown among a kernel's outputs."""
    return f"gradient {name}"


def hessian_key(row: str, column: str) -> str:
    """The name of one block of the Hessian: axes of `row`, then axes of `column`."""
    return f"hessian {row} {column}"


def hvp_key(name: str) -> str:
    """The name of the part of H·v that belongs to one unknown."""
    return f"hvp {name}"


def direction_name(name: str) -> str:
    """The variable that stands for the part of v that belongs to one unknown."""
    return f"_direction_{name}"


class Kernel(Protocol):
    """A bound kernel: arrays of the unknowns by keyword in, arrays by output name out."""

    def __call__(self, **unknowns: Array) -> Mapping[str, Array]: ...


@dataclass(frozen=True)
class Layout:
    """Where each unknown lies in the flat vector: in the order given, each in C order.

    even   those that are symmetric matrices
    lower  those of which nothing above the diagonal means anything
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    even: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()

    @staticmethod
    def of(
        shapes: Mapping[str, Sequence[int]], even: Iterable[str] = (), lower: Iterable[str] = ()
    ) -> Layout:
        """The layout of unknowns in the order of the mapping."""
        known = tuple(tuple(int(k) for k in s) for s in shapes.values())
        return Layout(tuple(shapes), known, frozenset(even), frozenset(lower))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of entries of each unknown."""
        return tuple(int(np.prod(s, dtype=np.int64)) for s in self.shapes)

    @cached_property
    def size(self) -> int:
        """The number of entries of all unknowns together."""
        return sum(self.sizes)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The place of each unknown."""
        ends = np.cumsum((0, *self.sizes))
        return {n: slice(int(a), int(b)) for n, a, b in zip(self.names, ends, ends[1:], strict=False)}

    def meaningless(self) -> Matrix:
        """Rows that vanish on the steps which mean something: of symmetric ones Zᵢⱼ − Zⱼᵢ, of lower ones Zᵢⱼ above."""
        found = []
        for name, shape, place in zip(self.names, self.shapes, self.slices.values(), strict=True):
            if name in self.even or name in self.lower:
                own = np.arange(place.start, place.stop).reshape(-1, *shape[-2:])
                above = np.triu_indices(shape[-1], 1)
                rows = np.zeros((own.shape[0] * above[0].size, self.size))
                rows[np.arange(len(rows)), own[:, above[0], above[1]].ravel()] = 1.0
                if name in self.even:
                    rows[np.arange(len(rows)), own[:, above[1], above[0]].ravel()] = -1.0
                found.append(rows)
        return np.concatenate(found) if found else np.zeros((0, self.size))

    def pack(self, arrays: Mapping[str, Any]) -> Vector:
        """One flat vector from an array per unknown."""
        x = np.empty(self.size)
        for name, shape, place in zip(self.names, self.shapes, self.slices.values(), strict=True):
            if name not in arrays:
                raise DataError(f"no array was given for the unknown {name}")
            array = np.asarray(arrays[name], dtype=np.float64)
            if array.shape != shape:
                raise SizeError(f"the unknown {name} has shape {shape}, the array given {array.shape}")
            x[place] = array.reshape(-1)
        return x

    def unpack(self, x: Vector) -> dict[str, Array]:
        """One array per unknown: views of the flat vector."""
        if x.shape != (self.size,):
            raise SizeError(f"a point has {self.size} entries, but the vector given has shape {x.shape}")
        places = self.slices.values()
        return {n: x[p].reshape(s) for n, s, p in zip(self.names, self.shapes, places, strict=True)}

    def place_of(self, index: int) -> str:
        """The entry of the flat vector as the user knows it, such as `w[3]`."""
        for name, shape, place in zip(self.names, self.shapes, self.slices.values(), strict=True):
            if place.start <= index < place.stop:
                where = np.unravel_index(index - place.start, shape)
                return name + (f"[{', '.join(str(int(i)) for i in where)}]" if shape else "")
        raise SizeError(f"a point has {self.size} entries; there is no entry {index}")


@dataclass
class Counts:
    """How often each function was evaluated; `nonfinite` counts points without a finite value."""

    value: int = 0
    gradient: int = 0
    hessian: int = 0
    hvp: int = 0
    batches: int = 0
    nonfinite: int = 0


class Batches(Protocol):
    """Estimates of the gradient from some rows of the data at a time."""

    def prepare(self, size: int, seed: int, shuffle: bool) -> int:
        """Choose the rows per batch and the order; returns the number of batches of an epoch."""

    def gradient(self, x: Vector, epoch: int, batch: int) -> Vector:
        """An unbiased estimate of ∇f(x) from one batch."""


class Oracle:
    """f, ∇f, ∇²f and ∇²f·v of a flat vector. What was not given is None in `has`."""

    def __init__(
        self,
        size: int,
        value_gradient: Callable[[Vector], tuple[float, Vector]],
        *,
        value: Callable[[Vector], float] | None = None,
        hessian: Callable[[Vector], Matrix] | None = None,
        hvp: Callable[[Vector, Vector], Vector] | None = None,
        residual_jacobian: Callable[[Vector], tuple[Vector, Matrix]] | None = None,
        batches: Batches | None = None,
        layout: Layout | None = None,
    ) -> None:
        self.batches = batches
        self.size = size
        self.layout = Layout(("x",), ((size,),)) if layout is None else layout
        self.counts = Counts()
        self._value_gradient = value_gradient
        self._value = value
        self._hessian = hessian
        self._hvp = hvp
        self._residual_jacobian = residual_jacobian
        self._point: Vector | None = None
        self._at_point: tuple[float, Vector] | None = None
        self._hessian_point: Vector | None = None
        self._hessian_at_point: Matrix | None = None

    @property
    def has(self) -> frozenset[str]:
        """What this oracle offers, among gradient, hessian, hvp, residual_jacobian, batch_gradient."""
        offered = {"gradient"}
        if self.batches is not None:
            offered.add("batch_gradient")
        if self._residual_jacobian is not None:
            offered.add("residual_jacobian")
        if self._hessian is not None:
            offered |= {"hessian", "hvp"}
        if self._hvp is not None:
            offered.add("hvp")
        return frozenset(offered)

    def value(self, x: Vector) -> float:
        """f(x); NaN where it is not defined."""
        if self._at_point is not None and self._point is not None and np.array_equal(x, self._point):
            return self._at_point[0]
        if self._value is None:
            return self.value_gradient(x)[0]
        self.counts.value += 1
        try:
            found = float(self._value(x))
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            found = float("nan")
        self.counts.nonfinite += not np.isfinite(found)
        return found

    def value_gradient(self, x: Vector) -> tuple[float, Vector]:
        """f(x) and ∇f(x), from one evaluation; NaN where they are not defined."""
        if self._at_point is not None and self._point is not None and np.array_equal(x, self._point):
            return self._at_point
        self.counts.value += 1
        self.counts.gradient += 1
        try:
            f, g = self._value_gradient(x)
            found = float(f), np.array(g, dtype=np.float64).reshape(-1)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            found = float("nan"), np.full(self.size, np.nan)
        if found[1].shape != (self.size,):
            raise SizeError(f"the gradient has {found[1].size} entries, the point {self.size}")
        self.counts.nonfinite += not (np.isfinite(found[0]) and bool(np.isfinite(found[1]).all()))
        self._point, self._at_point = x.copy(), found
        return found

    def hessian(self, x: Vector) -> Matrix:
        """∇²f(x), dense and exactly symmetric."""
        if self._hessian is None:
            raise DataError("this oracle was built without a Hessian")
        known = self._hessian_point
        if self._hessian_at_point is not None and known is not None and np.array_equal(x, known):
            return self._hessian_at_point
        self.counts.hessian += 1
        try:
            raw = np.asarray(self._hessian(x), dtype=np.float64)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            raw = np.full((self.size, self.size), np.nan)
        if raw.shape != (self.size, self.size):
            raise SizeError(f"the Hessian has shape {raw.shape}, the point {self.size} entries")
        found: Matrix = np.ascontiguousarray((raw + raw.T) / 2)
        self._hessian_point, self._hessian_at_point = x.copy(), found
        return found

    def residual_jacobian(self, x: Vector) -> tuple[Vector, Matrix]:
        """r(x) and its Jacobian, for an objective ½‖r(x)‖²; NaN where they are not defined."""
        if self._residual_jacobian is None:
            raise DataError("this oracle was built without residuals")
        self.counts.value += 1
        self.counts.gradient += 1
        try:
            r, J = self._residual_jacobian(x)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            r, J = np.full(1, np.nan), np.full((1, self.size), np.nan)
        self.counts.nonfinite += not bool(np.isfinite(r).all())
        return r, J

    def batch_gradient(self, x: Vector, epoch: int, batch: int) -> Vector:
        """∇f(x), estimated from one batch of rows of an epoch; NaN where it is not defined."""
        assert self.batches is not None
        self.counts.batches += 1
        try:
            return self.batches.gradient(x, epoch, batch)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            return np.full(self.size, np.nan)

    def hvp(self, x: Vector, v: Vector) -> Vector:
        """∇²f(x)·v, without the Hessian where a kernel for it was given."""
        if self._hvp is None:
            return np.asarray(self.hessian(x) @ v)
        self.counts.hvp += 1
        try:
            return np.asarray(self._hvp(x, v), dtype=np.float64).reshape(-1)
        except (DataError, np.linalg.LinAlgError, FloatingPointError):
            return np.full(self.size, np.nan)


def oracle_of(
    layout: Layout,
    value_gradient: Kernel,
    *,
    value: Kernel | None = None,
    hessian: Kernel | None = None,
    hvp: Kernel | None = None,
    batches: Batches | None = None,
) -> Oracle:
    """The oracle of bound kernels.

    `value_gradient` puts out `VALUE` and `gradient_key(a)` for every unknown a, `hessian` the blocks
    `hessian_key(a, b)` (for a pair a, b one of the two orders is enough), `hvp` takes the unknowns and
    `direction_name(a)` as well and puts out `hvp_key(a)`.
    """
    names = layout.names

    def flat_value_gradient(x: Vector) -> tuple[float, Vector]:
        out = value_gradient(**layout.unpack(x))
        return float(out[VALUE]), joined([out[gradient_key(a)] for a in names], layout)

    def flat_value(x: Vector) -> float:
        assert value is not None
        return float(value(**layout.unpack(x))[VALUE])

    def flat_hessian(x: Vector) -> Matrix:
        assert hessian is not None
        return assemble(layout, hessian(**layout.unpack(x)))

    def flat_hvp(x: Vector, v: Vector) -> Vector:
        assert hvp is not None
        directions = {direction_name(a): part for a, part in layout.unpack(v).items()}
        out = hvp(**layout.unpack(x), **directions)
        return joined([out[hvp_key(a)] for a in names], layout)

    return Oracle(
        layout.size,
        flat_value_gradient,
        value=None if value is None else flat_value,
        hessian=None if hessian is None else flat_hessian,
        hvp=None if hvp is None else flat_hvp,
        batches=batches,
        layout=layout,
    )


def joined(parts: Sequence[Array], layout: Layout) -> Vector:
    """One flat vector from an array per unknown; constants may have lost their axes."""
    shaped = [
        (p if np.shape(p) == s else np.broadcast_to(p, s)).reshape(-1)
        for p, s in zip(parts, layout.shapes, strict=True)
    ]
    return np.concatenate(shaped)


def assemble(layout: Layout, blocks: Mapping[str, Array]) -> Matrix:
    """The dense Hessian from blocks named by `hessian_key`; a missing block is its mirror's transpose."""
    full = np.empty((layout.size, layout.size))
    places, sizes = layout.slices, dict(zip(layout.names, layout.sizes, strict=True))
    for a in layout.names:
        for b in layout.names:
            if hessian_key(a, b) in blocks:
                block = np.asarray(blocks[hessian_key(a, b)]).reshape(sizes[a], sizes[b])
            else:
                block = np.asarray(blocks[hessian_key(b, a)]).reshape(sizes[b], sizes[a]).T
            full[places[a], places[b]] = block
    return full


def stacked(
    evaluate: Callable[[dict[str, Array]], Mapping[str, Array]],
    layout: Layout,
    shapes: Sequence[tuple[int, ...]],
    roots: Sequence[float],
) -> Callable[[Vector], tuple[Vector, Matrix]]:
    """x ↦ (r, J): the residuals one below the other, each times the root of twice its weight.

    `evaluate` gives "residual k" and, where it does not vanish, "jacobian k unknown".
    """
    sizes = dict(zip(layout.names, layout.sizes, strict=True))

    def residual_jacobian(x: Vector) -> tuple[Vector, Matrix]:
        found = evaluate(layout.unpack(x))
        parts, blocks = [], []
        for k, (shape, root) in enumerate(zip(shapes, roots, strict=True)):
            r = np.broadcast_to(found[f"residual {k}"], shape).reshape(-1)
            block = np.zeros((r.size, layout.size))
            for name, place in layout.slices.items():
                part = found.get(f"jacobian {k} {name}")
                if part is not None:
                    block[:, place] = np.asarray(part).reshape(r.size, sizes[name])
            parts.append(root * r)
            blocks.append(root * block)
        return np.concatenate(parts), np.vstack(blocks)

    return residual_jacobian
