"""A problem with constraints and many unknowns, seen by the solver without the zeros of its matrices.

Slack variables of kinks, bounds, sums along rows or columns: their Jacobians and Hessians are mostly zero, by a
structure that is read off the derivatives. What is computed are the cores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np
import scipy.sparse

from ..errors import DataError
from .inside import numbers

#: Up to this many unknowns, slacks included, dense matrices are as good.
DENSE = 120
#: The largest number of entries that are stored.
MOST = 40_000_000
#: A share of entries beyond which a dense matrix is the better form.
SHARE = 0.2
#: From so many unknowns on Hessians of low rank are not built; and the part of the unknowns that the rank may be.
WIDE, PART = 1000, 3


@final
class Sparse:
    """The sparse form of a problem; see `Constrained`, whose names it uses."""

    def __init__(self, derived: Any) -> None:
        self.derived = derived
        self.names = [v.name for v in derived.problem.unknowns]

    @cached_property
    def slopes(self) -> Any:
        """The Jacobians of the conditions, in blocks."""
        from ..kernels.conditions import jacobian_key
        from ..kernels.sparse import Blocks

        order = {
            jacobian_key(kind, k, name): node.order
            for kind, nodes in self.derived.conditions.items()
            for k, node in enumerate(nodes)
            for name in self.names
        }
        return Blocks(self.derived.slopes, order)

    @cached_property
    def second(self) -> Any:
        """The Hessian of the Lagrangian, in blocks."""
        from ..kernels.oracle import hessian_key
        from ..kernels.sparse import Blocks

        orders = {v.name: v.order for v in self.derived.problem.unknowns}
        order = {hessian_key(a, b): orders[a] for a in self.names for b in self.names}
        return Blocks(self.derived.second, order)

    @cached_property
    def ranks(self) -> dict[str, Any] | None:
        """Of each unknown with curvature its Hessian as `ranks.Squares`; None where one has another form."""
        from ..kernels.oracle import hessian_key
        from ..kernels.ranks import squares

        lone = {hessian_key(name, name): name for name in self.names}
        if not self.derived.quadratic or any(key not in lone for key in self.derived.second):
            return None
        found = {lone[key]: squares(block) for key, block in self.derived.second.items()}
        return None if None in found.values() else found

    def ranked(self, layout: Any, arrays: Mapping[str, Any], point: Mapping[str, Any]) -> Any:
        """The Hessian as `Ranked` where it is large, and its rank a small part of it; None where not."""
        from ..kernels.optimizers.sparse_program import Ranked

        if layout.size < WIDE or not self.ranks:
            return None
        nodes: dict[Any, Any] = {}
        for name, (diagonal, parts) in self.ranks.items():
            nodes |= {(name, -1, 0): diagonal} if diagonal is not None else {}
            nodes |= {(name, k, i): node for k, pair in enumerate(parts) for i, node in enumerate(pair)}
        found = dict(zip(nodes, numbers(list(nodes.values()), {**arrays, **point}), strict=True))
        D, lines, weights = np.zeros(layout.size), [], []
        for (name, k, i), value in found.items():
            place = layout.slices[name]
            if k < 0:
                D[place] = np.ravel(value)
            elif i == 1:
                columns = np.reshape(value, (place.stop - place.start, -1))
                line = np.zeros((columns.shape[1], layout.size))
                line[:, place] = columns.T
                lines.append(line)
                weights.append(np.full(len(line), float(found[name, k, 0])))
            if PART * sum(map(len, lines)) > layout.size:
                return None
        return Ranked(D, np.concatenate(lines), np.concatenate(weights))

    def stored(self, layout: Any, shapes: Mapping[str, Mapping[int, tuple[int, ...]]]) -> tuple[int, int]:
        """The numbers of entries that are stored, of Jacobians and of the Hessian."""
        from ..kernels.conditions import jacobian_key
        from ..kernels.oracle import hessian_key

        sizes = dict(zip(layout.names, layout.shapes, strict=True))
        count, curved = 0, 0
        for kind, each in shapes.items():
            for k, shape in each.items():
                for name in self.names:
                    key = jacobian_key(kind, k, name)
                    count += self.slopes.size(key, shape, sizes[name]) if key in self.slopes else 0
        for a in self.names:
            for b in self.names:
                key = hessian_key(a, b)
                once = self.second.size(key, sizes[a], sizes[b]) if key in self.second else 0
                curved += once if a == b else 2 * once
        return count, curved

    def suits(
        self,
        layout: Any,
        shapes: Mapping[str, Mapping[int, tuple[int, ...]]],
        arrays: Mapping[str, Any],
        point: Mapping[str, Any],
    ) -> bool:
        """Whether most entries of the matrices vanish, by structure or, of linear conditions, on these data."""
        n, m = layout.size, sum(int(np.prod(s)) for each in shapes.values() for s in each.values())
        count, curved = self.stored(layout, shapes)
        if curved > SHARE * n * n and self._unfolds(layout, shapes, arrays, point):
            curved = 0
        if count + curved > MOST or curved > SHARE * n * n:
            return False
        if count > SHARE * n * m and self.derived.linear:
            found = self.derived.evaluator("slope cores", self.slopes.cores, arrays, point, "numpy")(point)
            count = sum(self.jacobian(found, kind, layout, shapes).nnz for kind in shapes)
        return bool(count <= SHARE * n * m)

    def _unfolds(self, layout: Any, shapes: Any, arrays: Mapping[str, Any], point: Mapping[str, Any]) -> bool:
        """Whether a Hessian of low rank leaves a small program."""
        from ..kernels.optimizers.sparse_program import condensed

        if self.stored(layout, shapes)[0] > MOST or self.ranked(layout, arrays, point) is None:
            return False
        functions = self.functions(layout, shapes, arrays, point, "numpy")
        return condensed(functions, np.zeros(layout.size)) is not None

    def jacobian(self, found: Mapping[str, Any], kind: str, layout: Any, shapes: Any) -> Any:
        """One kind of conditions by all unknowns, from the values of the cores."""
        from ..kernels.conditions import jacobian_key

        parts = dict(zip(layout.names, layout.shapes, strict=True))
        lines = [
            [_placed(self.slopes, found, jacobian_key(kind, k, a), shape, parts[a]) for a in self.names]
            for k, shape in shapes[kind].items()
        ]
        if not lines:
            return scipy.sparse.csr_array((0, layout.size))
        full = scipy.sparse.csr_array(scipy.sparse.block_array(lines, format="csr"))
        full.eliminate_zeros()
        return full

    def functions(
        self, layout: Any, shapes: Any, arrays: Mapping[str, Any], filled: Mapping[str, Any], backend: str
    ) -> Any:
        """The solver's view of the problem on data, as `functions_of` gives it, with sparse matrices."""
        from ..kernels.conditions import flat_gradient, multiplier_parts, rows_of
        from ..kernels.optimizers.interior_point import Functions
        from ..kernels.optimizers.sparse_interior_point import SparseValues
        from ..kernels.oracle import VALUE, hessian_key

        derived, parts = self.derived, dict(zip(layout.names, layout.shapes, strict=True))
        first = derived.evaluator("first", derived.first, arrays, filled, backend)
        slopes = derived.evaluator("slope cores", self.slopes.cores, arrays, filled, backend)
        constant: list[Any] = []
        if self.stored(layout, shapes)[1] > SHARE * layout.size**2:
            constant += [h for h in (self.ranked(layout, arrays, filled),) if h is not None]
        second = derived.evaluator("second cores", self.second.cores, arrays, filled, backend)
        empty: Any = scipy.sparse.csr_array((0, layout.size))

        known: dict[str, Any] = {}

        def values(z: Any) -> Any:
            point = layout.unpack(z)
            try:
                found = first(point)
                if not known or not derived.linear:
                    moving = slopes(point)
                    known.update({kind: self.jacobian(moving, kind, layout, shapes) for kind in shapes})
            except (DataError, np.linalg.LinAlgError, FloatingPointError):
                nothing = np.zeros(0)
                return SparseValues(np.nan, np.full(z.size, np.nan), nothing, empty, nothing, empty)
            e, c = (rows_of(found, kind, shapes[kind]) for kind in ("equality", "inequality"))
            E, C = known["equality"], known["inequality"]
            return SparseValues(float(found[VALUE]), flat_gradient(layout, found), e, E, c, C)

        def hessian(z: Any, nu: Any, lam: Any) -> Any:
            if constant:
                return constant[0]
            found = second({**layout.unpack(z), **multiplier_parts(shapes, nu, lam)})
            lines = [
                [_placed(self.second, found, hessian_key(a, b), parts[a], parts[b]) for b in self.names]
                for a in self.names
            ]
            for i, a in enumerate(self.names):
                for j, b in enumerate(self.names[:i]):
                    if hessian_key(a, b) not in self.second:
                        lines[i][j] = lines[j][i].T
            full = scipy.sparse.block_array(lines, format="csr")
            full = scipy.sparse.csr_array((full + full.T) / 2)
            if derived.quadratic:
                constant.append(full)
            return full

        return Functions(layout.size, values, hessian)

    def solve(self, functions: Any, z: Any, most: int, watch: Any, watched: bool) -> Any:
        """A quadratic program that is small without its slacks by compiled code, anything else by sparse factors."""
        from ..kernels.optimizers import sparse_interior_point as general
        from ..kernels.optimizers.interior_point import CONVERGED, LIMIT, STALLED
        from ..kernels.optimizers.quadratic_program import solve_program
        from ..kernels.optimizers.sparse_program import Ranked, condensed

        ranked = False
        if self.derived.quadratic:
            v = functions.values(z)
            ranked = isinstance(functions.hessian(z, np.zeros(v.e.size), np.zeros(v.c.size)), Ranked)
        if self.derived.quadratic and (ranked or not watched):
            answer = solve_program(functions, z, arranged=condensed, max_iterations=80, watch=watch)
            if ranked or answer.status == CONVERGED:
                return answer
        answer = general.solve(functions, z, max_iterations=most, watch=watch)
        if answer.status in (STALLED, LIMIT) and not self.derived.quadratic:
            answer = general.solve(functions, z, max_iterations=most, watch=watch, careful=True)
        return answer


def _placed(
    blocks: Any, found: Mapping[str, Any], key: str, rows: tuple[int, ...], columns: tuple[int, ...]
) -> Any:
    """A block, or as many zeros."""
    if key in blocks:
        return blocks.matrix(found, key, rows, columns)
    return scipy.sparse.csr_array((math.prod(rows), math.prod(columns)))


def dense(functions: Any) -> Any:
    """The same functions with dense matrices, for what looks at a problem only where a run has failed."""
    from ..kernels.optimizers.interior_point import Functions, Values

    def full(matrix: Any) -> Any:
        return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()

    def values(z: Any) -> Any:
        v = functions.values(z)
        return Values(v.f, v.g, v.e, full(v.E), v.c, full(v.C))

    return Functions(functions.size, values, lambda z, nu, lam: full(functions.hessian(z, nu, lam)))
