"""A smooth objective under linear conditions, its loop compiled with two kernels: for few unknowns.

As `joined`, but the conditions are numbers when the data are bound (`arranged`), and of the Hessian nothing is computed
that its structure shows to be zero: unknowns whose block is a diagonal have an entry each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import scipy.sparse

from ..sizes import Binding
from .cache import load
from .compile import entry_of
from .flat_conditions import KINDS, FlatConditions
from .inline import on_data
from .joined import Pair
from .optimizers.interior_point import Answer, Values
from .optimizers.program_arranged import SMALLER, slacks_apart, thinned
from .optimizers.slacks import directions
from .optimizers.smooth_program import smooth_program
from .optimizers.sparse_order import without_long_rows
from .optimizers.sparse_program import slacks_last
from .optimizers.thin_program import widened
from .oracle import Array, Layout

#: Unknowns and equalities up to which a run is compiled whole, and entries of the conditions' matrices.
LARGEST, ENTRIES = 2500, 4_000_000
#: Unknowns where the matrices are sparse.
WIDE = 50_000
#: Steps at most.
MOST = 60
#: Rows are few if there are so many variables for each.
FEW = 2
HEAD = '''"""Generated solver: a smooth objective under linear conditions, with its kernels."""

from __future__ import annotations

import numpy as np

from derive.kernels.apart import apart, inner
from derive.kernels.optimizers.interior_point import CONVERGED, LIMIT, NOT_FINITE, STALLED
from derive.kernels.optimizers.smooth_program import FEW, HALVINGS, NEAR
from derive.kernels.optimizers.smooth_step import (
    ALPHA, ERROR, accepted_program, aimed_at, first_point, of_objective, room_for, room_of_system, to_the_middle,
    tried,
)
'''


def fits(size: int, equalities: int, inequalities: int) -> bool:
    """Whether a run on so many unknowns and rows of conditions is one for this code."""
    return size + equalities <= LARGEST and (equalities + inequalities) * size <= ENTRIES


def fits_without_zeros(size: int, equalities: int) -> bool:
    """The same where the conditions' matrices are sparse, of which those of equalities alone become dense."""
    return size <= WIDE and equalities <= LARGEST and equalities * size <= ENTRIES


@final
class JoinedProgram:
    """The loop for two kernels: the objective and its slope; the blocks of its Hessian, diagonals where they are lone.

    dense  the unknowns whose blocks are matrices
    """

    def __init__(self, pair: Pair, layout: Layout, dense: Sequence[str]) -> None:
        self.pair, self.dense = pair, dense
        text = FlatConditions(
            layout.names, [len(s) for s in layout.shapes], dict.fromkeys(KINDS, ()), pair.data
        )
        first, second = pair.calls
        functions = [
            "@inner\n" + text.objective(*first),
            "@inner\n" + text.parts(dense, *second),
            "@apart\n" + on_data(smooth_program, ("objective", "curvature")),
        ]
        self.source = HEAD + pair.imports + "\n\n" + "\n\n\n".join(functions) + "\n"
        self.module = load(self.source)

    def bind(
        self, arrays: Mapping[str, Array], binding: Binding, layout: Layout, at: Values, z: Array
    ) -> tuple[Callable[[Array, float], Answer], int] | None:
        """The loop on data, of a start and a tolerance, and the size of its matrices; the conditions are those at z.

        None where too much is left of sparse conditions.
        """
        data = self.pair.on(arrays, binding, [k for shape in layout.shapes for k in shape])
        inside = np.full(layout.size, -1)
        for name in self.dense:
            place = layout.slices[name]
            inside[place] = inside.max() + 1 + np.arange(layout.sizes[layout.names.index(name)])
        made = (
            arranged(inside, at, z) if isinstance(at.C, np.ndarray) else arranged_without_zeros(inside, at, z)
        )
        if made is None:
            return None
        more, program = made
        order = program[0]
        x = np.empty(layout.size)
        entry = entry_of(self.module.smooth_program, [data, program, x, 0.5, 1])

        places, rows = np.argsort(order)[: z.size], more[0]

        def run(start: Array, tolerance: float) -> Answer:
            full = np.concatenate([start, rows @ start + more[1]]) if rows.size else start
            found, nu, lam, status, steps, error = entry(data, program, full.take(order), tolerance, MOST)
            return Answer(found.take(places), nu[: at.e.size], lam, status, steps, [error])

        return run, max(program[6].shape[1], program[3].size)


def arranged(inside: Array, v: Values, z: Array) -> tuple[tuple[Array, Array], tuple[Any, ...]]:
    """The rows of the variables that stand for long rows, and the `Linear` program of `smooth_program`.

    inside  the place of each variable in the dense block of the Hessian, −1 on its diagonal
    """
    n, met = z.size, np.outer(inside >= 0, inside >= 0)
    pattern = np.where(met, 1.0, np.eye(n))
    none = np.zeros(n)
    E, C, e, c = (np.ascontiguousarray(a) for a in (v.E, v.C, v.e - v.E @ z, v.c - v.C @ z))
    order, parts = slacks_apart(pattern, none, E, C)
    made, more = widened(pattern, none, E, e, C, c, 0, FEW), (np.zeros((0, n)), np.zeros(0))
    if made is not None:
        _, (wide, slope, rows, equal, above, rest) = made
        further, others = slacks_apart(wide, slope, rows, above)
        if others[0].size <= SMALLER * parts[0].size:
            order, parts, more = further, others, (rows[e.size :, :n], equal[e.size :])
            e, c = equal, rest
    H, h, _, equalities, lines = parts
    return more, (order, inside, equalities, e, lines, c, H, h)


def arranged_without_zeros(
    inside: Array, v: Values, z: Array
) -> tuple[tuple[Array, Array], tuple[Any, ...]] | None:
    """The same of sparse conditions; None where too many variables are no slacks."""
    k = int(inside.max(initial=-1)) + 1
    if k > LARGEST:
        return None
    dense = np.flatnonzero(inside >= 0)
    block = np.repeat(dense, k), np.tile(dense, k)
    lone = np.flatnonzero(inside < 0)
    where = np.concatenate([block[0], lone]), np.concatenate([block[1], lone])
    stated: Any = scipy.sparse.csr_array((np.ones(where[0].size), where), shape=(z.size, z.size))
    pattern, _, E, e, C, c = without_long_rows(
        stated, np.zeros(z.size), v.E, v.e - v.E @ z, v.C, v.c - v.C @ z
    )
    n, m = pattern.shape[0], c.size
    further = E[v.e.size :]  # what variables for long rows are
    more = np.ascontiguousarray(further[:, : z.size].toarray()), e[v.e.size :]
    order, r, owner = slacks_last(pattern, C)
    if r > LARGEST or m * r > ENTRIES:
        return None
    own, owned = np.zeros(m), np.flatnonzero(owner >= 0)
    own[owned] = np.asarray(C[owned, order[owner[owned]]]).reshape(-1)
    rows = directions(np.ascontiguousarray(C[:, order[:r]].toarray()), own, owner, n - r)
    core = np.ascontiguousarray(pattern[order[:r]][:, order[:r]].toarray())
    equal = np.ascontiguousarray(E[:, order].toarray())
    return more, (order, inside, equal, e, rows, c, thinned(core, rows), np.ones(n - r))
