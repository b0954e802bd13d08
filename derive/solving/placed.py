"""A problem with constraints on data: sizes and functions, where a run begins, what a point and multipliers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..errors import UnsupportedError
from ..sizes import Binding
from . import costs
from .cone_multipliers import fitted_in_cones
from .inside import at_kink, defined, inside
from .multipliers import cone_duals, duals
from .preparing import alone, dense_loop
from .reasons import fitted
from .sparse import DENSE, MOST, Sparse
from .stated import check_slopes, evened, statement_value

if TYPE_CHECKING:
    from .constrained import Constrained


@final
class Placed:
    """The derived functions on data.

    layout  the unknowns of the smooth form, slacks included, as one vector
    shapes  those of the conditions, by kind and number
    sparse  the form without zeros, once it was looked for and suits
    """

    def __init__(self, derived: Constrained, data: Mapping[str, Any], binding: Binding) -> None:
        self.derived, self.binding = derived, binding
        self.arrays = {**{s.name: k for s, k in binding.values.items()}, **data}
        self.amount = sum(int(np.size(a)) for a in data.values())
        self.layout = derived.layout(derived.problem.unknowns, binding)
        self.shapes = {
            kind: {k: binding.shape(node.shape) for k, node in enumerate(nodes)}
            for kind, nodes in derived.conditions.items()
        }
        self.sparse: Sparse | None = None
        check_slopes(derived.problem, self.arrays)

    @property
    def rows(self) -> list[int]:
        """How many rows each condition has."""
        return [int(np.prod(s, dtype=np.int64)) for each in self.shapes.values() for s in each.values()]

    @property
    def is_small(self) -> bool:
        """Whether the interior point may be compiled whole."""
        from ..kernels.joined import fits

        return not self.derived.cones and fits(self.layout.size, *self.counts)

    @property
    def is_smooth_program(self) -> bool:
        """Whether the loop for a smooth objective under linear conditions may be."""
        from ..kernels.joined_program import fits, fits_without_zeros

        derived, (equalities, inequalities) = self.derived, self.counts
        if not derived.linear or derived.quadratic or derived.cones:
            return False
        if fits(self.layout.size, equalities, inequalities):
            return True
        if self.sparse is None and fits_without_zeros(self.layout.size, equalities):
            self.look_for_zeros()
        return self.sparse is not None and fits_without_zeros(self.layout.size, equalities)

    @property
    def counts(self) -> tuple[int, int]:
        """How many equalities and inequalities there are."""
        equalities, inequalities = (
            sum(int(np.prod(s, dtype=np.int64)) for s in self.shapes[kind].values())
            for kind in ("equality", "inequality")
        )
        return equalities, inequalities

    def joined(self) -> Any:
        """The interior point compiled whole, on these data."""
        made = self.derived.joined(self.layout)
        return made.bind(self.arrays, self.binding, self.layout, self.shapes)

    def joined_program(self, z: Any) -> Any:
        """The loop for a smooth objective under linear conditions, which are read at z; None if they have no values."""
        values = self.functions(self.layout.unpack(z), "numpy").values(z)
        if not all(
            np.isfinite(part).all() for part in (values.e, _numbers(values.E), values.c, _numbers(values.C))
        ):
            return None
        made = self.derived.joined_program(self.layout)
        return made.bind(self.arrays, self.binding, self.layout, values, z)

    def look_for_zeros(self) -> None:
        """The sparse form is taken if the problem is large and most entries of its matrices vanish."""
        if self.derived.cones or self.layout.size <= DENSE:
            return
        zeros = self.layout.unpack(np.zeros(self.layout.size))
        if self.derived.sparse.suits(self.layout, self.shapes, self.arrays, zeros):
            self.sparse = self.derived.sparse

    def start(self, start: Mapping[str, Any], given: bool) -> dict[str, Any]:
        """Where a run begins: inside the constraints as far as that is easy, and where everything has a value."""
        derived, free = self.derived, self.derived.free
        point = inside(derived.problem, free.unknowns, self.arrays, free.backward(start), given)
        if given:
            return point
        steep = [node for key, node in derived.slopes.items() if key.startswith("jacobian equality")]
        nodes = list(derived.first.values())
        return defined(derived.problem, free.unknowns, self.arrays, point, nodes, steep, derived.bent)

    def functions(self, point: Mapping[str, Any], backend: str) -> Any:
        """The solver's view; the point has the unknowns' shapes."""
        zeros = {v.name: np.zeros(self.binding.shape(v.shape)) for v in self.derived.multipliers}
        form: Any = self.derived if self.sparse is None else self.sparse
        return form.functions(self.layout, self.shapes, self.arrays, {**point, **zeros}, backend)

    def program(self, start: Mapping[str, Any]) -> Any:
        """A solver of the quadratic program, which has no form yet: its `take` tells whether there is one."""
        from ..kernels.optimizers.program_forms import ProgramSolver, forms

        derived, free = self.derived, self.derived.free
        point = inside(derived.problem, free.unknowns, self.arrays, free.backward(start), False)
        z = self.layout.pack(point)
        self.look_for_zeros()
        size, rows = self.layout.size, sum(self.rows)
        if self.sparse is None and size * max(size, rows) > MOST:
            raise UnsupportedError(
                f"dense matrices of {size} unknowns (slacks included) and {rows} conditions would take "
                f"{8e-9 * size * (size + rows):.1f} GB: state fewer, or conditions that meet few unknowns each"
            )
        functions = self.functions(point, "numpy")
        return ProgramSolver(forms(functions, z, self.sparse is not None, dense_loop), z)

    def certified(
        self, found: Mapping[str, Any], tolerance: float, proved: bool = False, given: Any = None
    ) -> tuple[Any, dict[str, list[Any]]]:
        """The certificate of a point that came without multipliers, and the multipliers that fit best.

        proved  whether it is a minimum if it is stationary: a Hessian that costs much is then left alone
        given   the answer of a run: if the point is that, so are its slacks and multipliers; with Λ, where there are
                semidefinite unknowns
        """
        from ..kernels.kkt import certify_kkt
        from ..kernels.optimizers import interior_point as ip

        point = self.lifted(found)
        functions = self.functions(point, "numpy")
        z = self.layout.pack(point)
        if self.derived.cones:
            return self._in_cones(functions, z, self.value(found), tolerance, given)
        if given is not None and np.array_equal(self._own(z), self._own(given.z)):
            z, nu, lam = given.z, given.nu, given.lam
        else:
            nu, lam = fitted(functions.values(z))
        curved = not proved or costs.hessian(self.layout.shapes, self.amount) < costs.SPARED
        value = self.value(found)
        proof = certify_kkt(
            functions,
            self.layout,
            z,
            nu,
            lam,
            statement_value=value,
            tolerance=tolerance,
            curved=curved,
            quadratic=self.derived.quadratic,
            settles=self.settles,
        )
        return self.unkinked(proof, z), self.multipliers(ip.Answer(z, nu, lam, ip.CONVERGED, 0))

    def _in_cones(
        self, functions: Any, z: Any, value: float, tolerance: float, given: Any
    ) -> tuple[Any, dict[str, list[Any]]]:
        """The same with positive semidefinite unknowns."""
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.optimizers.halves import blocks_of
        from ..kernels.semidefinite import certify_semidefinite

        blocks = blocks_of(self.layout, self.derived.cones)
        answers: list[Any] = (
            [] if given is None or not np.array_equal(self._own(z), self._own(given[0].z)) else [given]
        )
        nu, lam, cone = fitted_in_cones(functions.values(z), z, blocks)
        none = (
            np.zeros(nu.size),
            np.zeros(lam.size),
        )  # where all vanishes, rounding has nothing to be small beside
        answers += [
            (ip.Answer(z, nu, lam, ip.CONVERGED, 0), cone),
            (ip.Answer(z, *none, ip.CONVERGED, 0), 0.0 * z),
        ]
        proofs = []
        for answer, cone in answers:  # multipliers of a run are large where nothing is inside all conditions
            told: dict[str, Any] = {"statement_value": value, "tolerance": tolerance}
            told["quadratic"] = self.derived.quadratic
            proof: Any = alone(
                partial(certify_semidefinite, **told), functions, self.layout, answer, cone, blocks
            )
            proofs.append((self.unkinked(proof, answer.z), self.multipliers(answer, cone)))
            if proofs[-1][0].ok():
                return proofs[-1]
        return proofs[0]

    def unkinked(self, proof: Any, z: Any) -> Any:
        """The certificate of a point, which holds only where it lies at no kink that the form has kept."""
        if not proof.ok():
            return proof
        kinks = self.derived.left.at(self.arrays, self.layout.unpack(z))
        return replace(proof, kinks=kinks) if kinks else proof

    def lifted(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The unknowns of the smooth form at an answer, slacks included."""
        point = {k: np.asarray(a, dtype=np.float64) for k, a in self.derived.free.backward(found).items()}
        for kink in self.derived.problem.kinks:
            point |= at_kink(kink, {**self.arrays, **point})
        return point

    @property
    def settles(self) -> Any:
        """What a point is in many digits along directions that keep linear conditions; None where they are curved."""
        from ..kernels.settled import Settling

        return Settling(self.derived.first, self.arrays, self.layout).at if self.derived.linear else None

    def even(self, z: Any) -> Any:
        """The point with symmetric matrices where unknowns are stated to be."""
        return evened(z, self.layout, self.derived.even)

    def _own(self, z: Any) -> Any:
        """The entries that are no slacks."""
        slacks = {
            v.name for kink in self.derived.problem.kinks for v in (kink.slack, kink.matrix) if v is not None
        }
        return np.concatenate([z[place] for name, place in self.layout.slices.items() if name not in slacks])

    def value(self, found: Mapping[str, Any]) -> float:
        """The objective as stated, at an answer, by the interpreter."""
        return statement_value(self.derived.original, self.arrays, found)

    def multipliers(self, answer: Any, cone: Any = None) -> dict[str, list[Any]]:
        """The multipliers in the shapes of the conditions, those of the cone too."""
        return {**duals(answer, self.shapes), **cone_duals(self.layout, cone, self.derived.stated_cones)}


def _numbers(matrix: Any) -> Any:
    """The entries of a matrix that are stored."""
    return matrix if isinstance(matrix, np.ndarray) else matrix.data
