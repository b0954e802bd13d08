"""SymPy's index notation as nodes: sums over indices, entries of arrays, Kronecker deltas."""

from __future__ import annotations

from typing import Any

import sympy

from ..errors import SizeError, UnsupportedError
from ..node import delta, ones
from ..sizes import Size, same_size
from .indexing import index as indexed
from .labelled import Label, Labelled, contract, fresh
from .sympy_scalars import COLUMN, ROW, Scalars, every, refused, short


class Indices(Scalars):
    """The part of a reading that knows indices."""

    def sum(self, e: Any) -> Labelled:
        hidden: dict[Any, Any] = {}  # the meaning that an index of the same name has outside
        limits = []
        for limit in reversed(e.limits):  # the outer index first
            if len(limit) != 3:
                raise UnsupportedError(f"SymPy's Sum without limits, in {short(e)}")
            i, low, high = limit
            if (low.free_symbols | high.free_symbols) & set(self.indices):
                raise UnsupportedError(f"the range of {i} in {short(e)} depends on another index")
            if low not in (0, 1):
                raise UnsupportedError(
                    f"the index {i} starts at {low} in {short(e)}; it must run over a whole axis"
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
                    f"the index {name} of {short(user)} has no range; write Sum(…, ({name}, 0, n - 1)), "
                    f"Idx('{name}', n) or IndexedBase(…, shape=…)"
                )
            count, start = self.indices[name]
            if size is not None and not same_size(size, count):
                raise SizeError(
                    f"the index {name} of {short(user)} runs over {count} values, the axis has {size}"
                )
            if start + shift == 0 or (start == 1 and shift == 0 and not strict):
                return name, None
        raise UnsupportedError(
            f"the index {i} of {short(user)} does not run over the whole axis"
            + ("; entries of SymPy matrices are counted from 0" if strict else "")
        )

    def picked(self, value: Labelled, picks: dict[Label, tuple[Label | None, Size | None]]) -> Labelled:
        """The value with some of its axes named by an index or cut at a position."""
        cut = [picks[i][1] if i in picks and picks[i][0] is None else every() for i in value.labels]
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
                raise SizeError(f"index {i} of {short(e)} is out of range")
        return self.picked(matrix, picks)

    def indexed(self, e: Any) -> Labelled:
        """x[i] of an IndexedBase."""
        name = str(e.base.label)
        known = self.found.get(name) or self.known.get(name)
        given = None if e.base.shape is None else [self.size(s) for s in e.base.shape]
        if given is not None and len(given) != len(e.indices):
            raise SizeError(f"{short(e)} has {len(e.indices)} indices, but {name} has {len(given)} axes")
        if known is not None and known.order == len(e.indices):
            given = list(known.shape)
        places = []
        for k, i in enumerate(e.indices):
            label, place = self.position(i, given[k] if given else None, e, strict=False)
            if label is None and given is None:
                raise UnsupportedError(
                    f"{short(e)} has a fixed index; give the sizes: IndexedBase({name!r}, shape=…)"
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
            raise refused(e)
        i, j = labels
        size = self.indices[i][0]
        if not same_size(size, self.indices[j][0]):
            raise SizeError(f"the indices of {short(e)} run over {size} and {self.indices[j][0]} values")
        return Labelled(delta(size), (ROW, COLUMN)).renamed({ROW: i, COLUMN: j})
