"""Euclidean norms of affine functions as second-order cones, where all else is linear and the objective quadratic.

The smooth form says t ≥ ‖u‖²/t, whose curvature 1/t grows without bound where a norm vanishes. A cone says t ≥ ‖u‖,
and its interior point (`optimizers.cone_program`) takes ten to twenty steps whatever vanishes. Norms are those that
became slacks in `smoothing`; their conditions are left out, and what is left has to be linear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import is_zero
from ..differentiate import jacobian
from ..node import Einsum, Node, topological, variables
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

    def __init__(self, derived: Constrained, norms: list[tuple[Kink, Node]], linear: list[int]) -> None:
        self.derived, self.norms, self.linear = derived, norms, linear
        problem = derived.problem
        self.unknowns = problem.unknowns
        moving = set(self.unknowns)
        self.nodes: dict[tuple[Any, ...], Node] = {("f",): problem.objective}
        slopes = {v: jacobian(problem.objective, v) for v in self.unknowns}
        for i, v in enumerate(self.unknowns):
            if not is_zero(slopes[v]):
                self.nodes["c", v.name] = slopes[v]
            for w in self.unknowns[i:]:
                block = second_derivative(slopes[v], v, w)
                if not is_zero(block):
                    self.nodes["Q", v.name, w.name] = block
        self.stated: list[tuple[str, int, Node]] = [("E", k, e) for k, e in enumerate(problem.equalities)]
        self.stated += [("C", k, problem.inequalities[k]) for k in linear]
        self.stated += [("U", k, u) for k, (_, u) in enumerate(norms)]
        for kind, k, node in self.stated:
            self.nodes[kind, k] = node
            for v in self.unknowns:
                slope = jacobian(node, v)
                if not is_zero(slope):
                    self.nodes[kind, k, v.name] = slope
        constant = [node for key, node in self.nodes.items() if key[0] == "Q" or len(key) == 3]
        self.is_program = not moving & set(variables(*constant)) if constant else True

    def describe(self) -> str:
        """What was recognised, in words."""
        return f"{len(self.norms)} array(s) of norms as second-order cones, {self.derived.describe()}"

    def program(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any] | None:
        """The matrices on data and the layout; None where they are large, or the objective is not convex."""
        from ..kernels.optimizers.cone_problem import ConeProgram
        from ..kernels.optimizers.second_order import Cones
        from ..kernels.oracle import Layout

        check_slopes(self.derived.problem, arrays)
        binding = instance.binding
        layout = Layout.of({v.name: binding.shape(v.shape) for v in self.unknowns})
        n = layout.size
        shapes = {(kind, k): binding.shape(node.shape) for kind, k, node in self.stated}
        rows = {key: int(np.prod(s, dtype=np.int64)) for key, s in shapes.items()}
        if n > UNKNOWNS or n * sum(rows.values()) > ENTRIES:
            return None
        zero = {v.name: np.zeros(binding.shape(v.shape)) for v in self.unknowns}
        found = dict(zip(self.nodes, numbers(list(self.nodes.values()), {**arrays, **zero}), strict=True))
        sizes = dict(zip(layout.names, layout.sizes, strict=True))

        def matrix(kind: str) -> tuple[Any, Any]:
            blocks, offsets = [np.zeros((0, n))], [np.zeros(0)]
            for key, count in rows.items():
                if key[0] != kind:
                    continue
                block = np.zeros((count, n))
                for name, place in layout.slices.items():
                    if (*key, name) in found:
                        block[:, place] = np.reshape(found[*key, name], (count, sizes[name]))
                blocks.append(block)
                offsets.append(np.ravel(found[key]))
            return np.vstack(blocks), np.concatenate(offsets)

        Q, c = np.zeros((n, n)), np.zeros(n)
        for key, part in found.items():
            if key[0] == "c":
                c[layout.slices[key[1]]] = np.ravel(part)
            if key[0] == "Q":
                a, b = (layout.slices[name] for name in key[1:])
                Q[a, b] = np.reshape(part, (sizes[key[1]], sizes[key[2]]))
                Q[b, a] = Q[a, b].T
        if not all(np.isfinite(a).all() for a in found.values()) or not _definite(Q):
            return None
        E, e = matrix("E")
        C, c0 = matrix("C")
        U, u0 = matrix("U")
        parts, offsets, widths, at = [C], [c0], [], 0
        for k, (kink, _) in enumerate(self.norms):
            owner = _groups(kink.atom, shapes["U", k])
            count = rows["U", k]
            order = np.argsort(owner, kind="stable")
            slots = np.arange(layout.slices[kink.slack.name].start, layout.slices[kink.slack.name].stop)
            for group, inside in enumerate(
                np.split(order, np.searchsorted(owner[order], np.arange(1, slots.size)))
            ):
                head = np.zeros((1, n))
                head[0, slots[group]] = 1.0
                parts += [head, U[at + inside]]
                offsets += [np.zeros(1), u0[at + inside]]
                widths.append(1 + inside.size)
            at += count
        cones = Cones(C.shape[0], widths)
        program = ConeProgram(
            Q, c, float(found["f",]), E, e, np.vstack(parts), np.concatenate(offsets), cones
        )
        return program, layout

    def multipliers(self, instance: Instance, answer: Any) -> dict[str, list[Any]]:
        """Those of the conditions of the smooth form: half of what presses on t, for t − ‖u‖²/t ≥ 0."""
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
            owner = _groups(kink.atom, binding.shape(u.shape))
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


def second_order(derived: Constrained) -> SecondOrder | None:
    """The form with cones, or None where there is no norm, or something else is not linear."""
    problem = derived.problem
    if derived.cones or not any(k.name == "norm" for k in problem.kinks):
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
    linear = [k for k, c in enumerate(stated) if c not in taken]
    found = SecondOrder(derived, norms, linear)
    return found if found.is_program else None


def _groups(atom: Node, shape: tuple[int, ...]) -> Any:
    """For each entry of u the number of the norm that it belongs to."""
    (squares,) = atom.operands
    assert isinstance(squares, Einsum)
    labels = squares.inputs[0]
    index = np.indices(shape).reshape(len(shape), -1)
    lengths = [shape[labels.index(i)] for i in squares.output]
    if not lengths:
        return np.zeros(index.shape[1], dtype=int)
    return np.ravel_multi_index([index[labels.index(i)] for i in squares.output], lengths)


def _definite(Q: Any) -> bool:
    """Whether Q is positive semidefinite to rounding."""
    size = float(np.abs(Q).max(initial=0.0))
    if size == 0.0:
        return True
    try:
        np.linalg.cholesky(Q + 1e-12 * size * len(Q) * np.eye(len(Q)))
    except np.linalg.LinAlgError:
        return False
    return True
