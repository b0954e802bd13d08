"""Euclidean norms of affine functions as second-order cones, where all else is linear and the objective quadratic.

The smooth form says t ≥ ‖u‖²/t, whose curvature 1/t grows without bound where a norm vanishes. A cone says t ≥ ‖u‖,
and its interior point (`optimizers.cone_program`) takes ten to twenty steps whatever vanishes. Norms are those that
became slacks in `smoothing`; their conditions are left out, and what is left has to be linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import is_zero
from ..differentiate import jacobian
from ..node import Einsum, Node, Variable, topological, variables
from ..second import second_derivative
from ..smoothing import Kink, conditions_of
from .constrained import Constrained
from .inside import numbers
from .stated import check_slopes

if TYPE_CHECKING:
    from .instance import Instance

#: Unknowns, slacks included, and numbers in dense matrices, up to which this way goes.
UNKNOWNS, ENTRIES = 800, 1_500_000


@final
class SecondOrder:
    """The derived matrices of one problem."""

    def __init__(
        self,
        derived: Constrained,
        norms: list[tuple[Kink, Node]],
        linear: list[int],
        curved: Sequence[int] = (),
    ) -> None:
        self.derived, self.norms, self.linear, self.curved = derived, norms, linear, curved
        problem = derived.problem
        self.unknowns = problem.unknowns
        moving = set(self.unknowns)
        self.nodes: dict[str, Node] = {"f": problem.objective}
        slopes = {v: jacobian(problem.objective, v) for v in self.unknowns}
        for i, v in enumerate(self.unknowns):
            if not is_zero(slopes[v]):
                self.nodes[f"c {v.name}"] = slopes[v]
            for w in self.unknowns[i:]:
                block = second_derivative(slopes[v], v, w)
                if not is_zero(block):
                    self.nodes[f"Q {v.name} {w.name}"] = block
        self.stated: dict[str, Node] = {f"E {k}": e for k, e in enumerate(problem.equalities)}
        self.stated |= {f"C {k}": problem.inequalities[k] for k in linear}
        self.stated |= {f"U {k}": u for k, (_, u) in enumerate(norms)}
        constant = [node for key, node in self.nodes.items() if key[0] == "Q"]
        for key, node in self.stated.items():
            self.nodes[key] = node
            for v in self.unknowns:
                slope = jacobian(node, v)
                if not is_zero(slope):
                    self.nodes[f"{key} {v.name}"] = slope
                    constant.append(slope)
        for k, i in enumerate(curved):
            self.nodes[f"B {k}"] = problem.inequalities[i]
            for v, slope in _slopes(problem.inequalities[i], self.unknowns).items():
                self.nodes[f"B {k} {v.name}"] = slope
                for w, bend in _slopes(slope, self.unknowns).items():
                    self.nodes[f"P {k} {v.name} {w.name}"] = bend
                    constant.append(bend)
        self.is_program = not moving & set(variables(*constant)) if constant else True

    @property
    def axes(self) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """Of each array of norms the slack, the axes of u, and those of them that count the norms."""
        return [(kink.slack.name, *_axes(kink.atom)) for kink, _ in self.norms]

    def describe(self) -> str:
        """What was recognised, in words."""
        return f"{len(self.norms)} array(s) of norms as second-order cones, {self.derived.describe()}"

    def program(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """The matrices on data and the layout; None where they are large, or the objective is not convex."""
        from ..kernels.optimizers.cone_arranged import arranged_cones
        from ..kernels.optimizers.cone_quadratics import with_quadratics

        check_slopes(self.derived.problem, arrays)
        binding = instance.binding
        layout = self.derived.layout(self.unknowns, binding)
        shapes = {key: binding.shape(node.shape) for key, node in self.stated.items()}
        bent = {f"B {k}": binding.shape(self.nodes[f"B {k}"].shape) for k in range(len(self.curved))}
        n, rows = layout.size, sum(int(np.prod(s, dtype=np.int64)) for s in shapes.values())
        rows += n * sum(int(np.prod(s, dtype=np.int64)) for s in bent.values())
        if n > UNKNOWNS or n * rows > ENTRIES:
            return None
        zero = {v.name: np.zeros(binding.shape(v.shape)) for v in self.unknowns}
        values = numbers(list(self.nodes.values()), {**arrays, **zero})
        if not all(np.isfinite(a).all() for a in values):
            return None
        found = dict(zip(self.nodes, values, strict=True))
        program: Any = arranged_cones(found, layout, shapes, self.axes)
        if self.curved:
            program = with_quadratics(program, found, layout, bent)
        return (program, layout) if program is not None and is_definite(program.Q) else None

    def multipliers(self, instance: Instance, answer: Any) -> dict[str, list[Any]]:
        """Those of the conditions of the smooth form: half of what presses on t, for t − ‖u‖²/t ≥ 0."""
        from ..kernels.optimizers.cone_arranged import owners

        binding, problem = instance.binding, self.derived.problem
        found: dict[str, list[Any]] = {"equality": [], "inequality": []}
        at = 0
        for node in problem.equalities:
            shape = binding.shape(node.shape)
            size = int(np.prod(shape, dtype=np.int64))
            found["equality"].append(answer.nu[at : at + size].reshape(shape))
            at += size
        at, places = 0, self._places()
        below: dict[int, Any] = {}
        for k in self.linear:
            shape = binding.shape(problem.inequalities[k].shape)
            size = int(np.prod(shape, dtype=np.int64))
            below[k] = answer.z[at : at + size].reshape(shape)
            at += size
        for j, (kink, u) in enumerate(self.norms):
            owner = owners(*_axes(kink.atom), binding.shape(u.shape))
            shape = binding.shape(kink.atom.shape)
            heads = np.zeros(int(np.prod(shape, dtype=np.int64)))
            for group, size in enumerate(np.bincount(owner, minlength=heads.size)):
                heads[group] = 0.5 * answer.z[at]
                at += 1 + int(size)
            rounded, positive = places[j]
            below[rounded], below[positive] = heads.reshape(shape), np.zeros(shape)
        found["inequality"] = [below[k] for k in range(len(problem.inequalities))]
        return found

    def _places(self) -> list[tuple[int, int]]:
        """Where the two conditions of each norm stand among the inequalities."""
        stated = list(self.derived.problem.inequalities)
        return [tuple(stated.index(c) for c in conditions_of(kink)) for kink, _ in self.norms]  # type: ignore[misc]


def second_order(derived: Constrained, curved: bool = False) -> SecondOrder | None:
    """The form with cones, or None where there is no norm, or something else is not linear.

    curved  whether other conditions may be quadratic, of which there is one at least then; data tell which are convex
    """
    problem = derived.problem
    if derived.cones or (not curved and not any(k.name == "norm" for k in problem.kinks)):
        return None
    stated = list(problem.inequalities)
    norms: list[tuple[Kink, Node]] = []
    for kink in problem.kinks:
        if kink.name != "norm":
            continue
        (squares,) = kink.atom.operands
        assert isinstance(squares, Einsum)
        (core,) = squares.operands
        (u,) = core.operands
        inner = any(other.atom in topological([u]) for other in problem.kinks)
        plain = len(set(squares.inputs[0])) == u.order and set(squares.output) <= set(squares.inputs[0])
        conditions = conditions_of(kink)
        if inner or not plain or kink.sign < 0 or any(stated.count(c) != 1 for c in conditions):
            return None
        norms.append((kink, u))
    taken = {c for kink, _ in norms for c in conditions_of(kink)}
    rest = [k for k, c in enumerate(stated) if c not in taken]
    bent = [k for k in rest if curved and _is_bent(stated[k], problem.unknowns)]
    if curved and not bent:
        return None
    found = SecondOrder(derived, norms, [k for k in rest if k not in bent], bent)
    return found if found.is_program else None


def _slopes(node: Node, unknowns: Sequence[Variable]) -> dict[Variable, Node]:
    """The derivatives that are not zero."""
    found = {v: jacobian(node, v) for v in unknowns}
    return {v: slope for v, slope in found.items() if not is_zero(slope)}


def _is_bent(node: Node, unknowns: Sequence[Variable]) -> bool:
    """Whether a slope depends on unknowns."""
    slopes = list(_slopes(node, unknowns).values())
    return bool(slopes) and bool(set(unknowns) & set(variables(*slopes)))


def _axes(atom: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of u in an array of norms of u, and those of them that count the norms."""
    (squares,) = atom.operands
    assert isinstance(squares, Einsum)
    return squares.inputs[0], squares.output


def is_definite(Q: Any) -> bool:
    """Whether Q is positive semidefinite to rounding."""
    size = float(np.abs(Q).max(initial=0.0))
    if size == 0.0:
        return True
    try:
        np.linalg.cholesky(Q + 1e-12 * size * len(Q) * np.eye(len(Q)))
    except np.linalg.LinAlgError:
        return False
    return True
