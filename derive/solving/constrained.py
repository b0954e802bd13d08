"""What is derived of a problem with constraints or kinks: the smooth form, its Lagrangian, the slopes of conditions.

The epigraph form is in `smoothing`, what facts on unknowns say in `conditions`; the Lagrangian is L = f − νᵀe − λᵀc.
On data it is a `Placed` problem, which `constrained_run` solves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, final

import numpy as np
import sympy

from ..build import add, einsum, inner, is_zero
from ..differentiate import gradients, jacobian, substitute
from ..node import Node, Variable, delta, variable, variables
from ..second import second_derivative
from ..sizes import ONE, Binding, Coefficient
from ..smoothing import Smooth, smooth
from ..stable import recognise
from .conditions import conditions_of_facts, free_form
from .left_kinks import LeftKinks
from .sparse import Sparse

MINUS, HALF = sympy.S.NegativeOne, sympy.S.Half


def _uneven(unknown: Variable) -> list[tuple[Coefficient, Node]]:
    """½(I − transposition) on matrices, as terms: 0 on symmetric ones, the identity on the others.

    Derivatives by a symmetric unknown know nothing of directions that leave the symmetric matrices. Hessians would be
    singular there, and steps arbitrary.
    """
    k = unknown.order
    straight = [(delta(size), (i, k + i)) for i, size in enumerate(unknown.shape)]
    last = unknown.shape[-1]
    crossed = [*straight[:-2], (delta(last), (k - 2, 2 * k - 1)), (delta(last), (k - 1, 2 * k - 2))]
    axes = tuple(range(2 * k))
    return [(HALF, einsum(straight, axes)), (-HALF, einsum(crossed, axes))]


@final
class Constrained:
    """The derived functions of one problem, without data."""

    def __init__(
        self,
        objective: Node,
        unknowns: Sequence[Variable],
        equalities: Sequence[Node],
        inequalities: Sequence[Node],
    ) -> None:
        from ..kernels.conditions import condition_key, jacobian_key, multiplier_name
        from ..kernels.oracle import VALUE, gradient_key, hessian_key

        self.original, self.wanted = recognise(objective), tuple(unknowns)
        more_equal, more_above = conditions_of_facts(unknowns)
        self.free, bare = free_form(recognise(objective), unknowns)
        plain: dict[Node, Node] = dict(zip(unknowns, bare, strict=True))
        #: Unknowns that are positive semidefinite and may be singular.
        self.cones = frozenset(
            v.name for v, b in zip(unknowns, bare, strict=True) if "psd" in v.facts and "pd" not in b.facts
        )

        def express(node: Node) -> Node:
            return self.free.express(substitute(recognise(node), plain))

        self.problem: Smooth = smooth(
            self.free.objective,
            self.free.unknowns,
            [express(c) for c in (*more_equal, *equalities)],
            [express(c) for c in (*more_above, *inequalities)],
        )
        self.stated_cones = self.cones
        self.cones |= {k.matrix.name for k in self.problem.kinks if k.matrix is not None}
        self.conditions = {"equality": self.problem.equalities, "inequality": self.problem.inequalities}
        #: Unknowns that are symmetric matrices and have no cone to stay in.
        self.even = (
            frozenset(v.name for v in self.problem.unknowns if "symmetric" in v.facts and v.order > 1)
            - self.cones
        )
        #: Unknowns that stand for positive definite matrices by their factors.
        self.lower = frozenset(
            u.name for u, b in zip(self.free.unknowns, bare, strict=True) if "pd" in b.facts
        )
        f, names = self.problem.objective, self.problem.unknowns
        slopes = dict(zip(names, gradients(f, names), strict=True))
        self.first: dict[str, Node] = {VALUE: f}
        self.slopes: dict[str, Node] = {}
        self.first.update({gradient_key(v.name): g for v, g in slopes.items() if not is_zero(g)})
        terms = [(ONE, f)]
        self.multipliers: list[Variable] = []
        for kind, nodes in self.conditions.items():
            for k, node in enumerate(nodes):
                self.first[condition_key(kind, k)] = node
                for v in names:
                    slope = jacobian(node, v)
                    if not is_zero(slope):
                        self.slopes[jacobian_key(kind, k, v.name)] = slope
                dual = variable(multiplier_name(kind, k), node.shape)
                self.multipliers.append(dual)
                terms.append((MINUS, inner(dual, node)))
        lagrangian = add(terms, ())
        self.second: dict[str, Node] = {}
        firsts = gradients(lagrangian, names)
        for i, v in enumerate(names):
            for u in names[i:]:
                block = second_derivative(firsts[i], v, u)
                if i == names.index(u) and v.name in self.even:
                    block = add([(ONE, block), *_uneven(v)], block.shape)
                if not is_zero(block):
                    self.second[hessian_key(v.name, u.name)] = block
        self.linear = not any(set(names) & set(variables(node)) for node in self.slopes.values())
        self.quadratic = self.linear and not any(set(names) & set(variables(b)) for b in self.second.values())
        self._kernels: dict[str, Any] = {}

    @property
    def symmetric(self) -> frozenset[str]:
        """Unknowns that are symmetric matrices, in a cone or not."""
        return self.even | self.cones

    def layout(self, unknowns: Sequence[Variable], binding: Binding) -> Any:
        """Where these unknowns, slacks included, lie in a flat vector."""
        from ..kernels.oracle import Layout

        shapes = {v.name: binding.shape(v.shape) for v in unknowns}
        return Layout.of(shapes, self.symmetric, self.lower)

    @cached_property
    def left(self) -> LeftKinks:
        """The kinks for which no slack stands."""
        return LeftKinks(self.problem)

    @cached_property
    def sparse(self) -> Sparse:
        """The same without the zeros of its matrices."""
        return Sparse(self)

    @property
    def linear_equations(self) -> bool:
        """Whether all equalities are linear."""
        names = set(self.problem.unknowns)
        moving = (key for key, s in self.slopes.items() if names & set(variables(s)))
        return not any(key.startswith("jacobian equality ") for key in moving)

    @property
    def bent(self) -> list[tuple[Node, list[Node]]]:
        """Inequalities that are not linear, with their slopes."""
        found = []
        for k, node in enumerate(self.conditions["inequality"]):
            slopes = [s for key, s in self.slopes.items() if key.startswith(f"jacobian inequality {k} ")]
            if any(set(self.problem.unknowns) & set(variables(s)) for s in slopes):
                found.append((node, slopes))
        return found

    @property
    def in_cones(self) -> str:
        """What has to stay positive semidefinite, in words."""
        norms = sorted({k.name for k in self.problem.kinks if k.matrix is not None})
        return ", ".join([*sorted(self.stated_cones), *(f"the matrix of {name}" for name in norms)])

    def describe(self) -> str:
        """What was recognised, in words."""
        parts = []
        if self.problem.kinks:
            kinds = sorted({k.name for k in self.problem.kinks})
            parts.append(f"{', '.join(kinds)} smoothed by slack variables")
        count = {kind: len(nodes) for kind, nodes in self.conditions.items()}
        if count["equality"]:
            parts.append(f"{count['equality']} equality constraint(s)")
        if count["inequality"]:
            parts.append(f"{count['inequality']} inequality constraint(s)")
        if self.cones:
            parts.append(f"{self.in_cones} in the cone of positive semidefinite matrices")
        kind = (
            "quadratic, linear constraints"
            if self.quadratic
            else "linear constraints"
            if self.linear
            else "nonlinear"
        )
        return f"{kind}: " + ("; ".join(parts) or "no constraints")

    # ------------------------------------------------------------------ numbers

    def evaluator(
        self,
        part: str,
        nodes: Mapping[str, Node],
        data: Mapping[str, Any],
        point: Mapping[str, Any],
        backend: str,
    ) -> Any:
        """The nodes as a function of the unknowns; kernels are kept under the name of the part."""
        from ..kernels.conditions import interpreter

        if not nodes:
            return lambda unknowns: {}
        if backend == "numpy":
            return interpreter(nodes, data, point)
        from ..kernels.compile import compile_nodes

        moving = [v.name for v in (*self.problem.unknowns, *self.multipliers)]
        occurring = {v.name for v in variables(*nodes.values())}
        key = f"{part} {backend}"
        if key not in self._kernels:
            self._kernels[key] = compile_nodes(
                nodes, unknowns=[m for m in moving if m in occurring], backend=backend
            )
        kernel = self._kernels[key]
        known = {v for v in kernel.variables if v not in kernel.unknowns}
        sizes = {s.name for s in kernel.symbols}
        bound = kernel.bind({k: a for k, a in data.items() if k in known or k in sizes}, convert=True)
        wanted = set(kernel.unknowns)
        return lambda unknowns: bound({k: a for k, a in unknowns.items() if k in wanted})

    def functions(
        self, layout: Any, shapes: Any, arrays: Mapping[str, Any], filled: Mapping[str, Any], backend: str
    ) -> Any:
        """The solver's view of the problem on data, with dense matrices."""
        from ..kernels.conditions import functions_of

        first, slopes, second = (
            self.evaluator(part, nodes, arrays, filled, backend)
            for part, nodes in (("first", self.first), ("slopes", self.slopes), ("second", self.second))
        )
        return functions_of(
            layout, first, slopes, second, shapes, linear=self.linear, quadratic=self.quadratic
        )

    def pair(self, first: Mapping[str, Node], second: Mapping[str, Node]) -> Any:
        """Kernels of first and second derivatives, for a loop that is compiled with them."""
        from ..kernels.compile import compile_nodes
        from ..kernels.joined import Pair

        moving = [v.name for v in (*self.problem.unknowns, *self.multipliers)]

        def kernel(nodes: Mapping[str, Node]) -> Any:
            occurring = {v.name for v in variables(*nodes.values())}
            return compile_nodes(nodes, unknowns=[name for name in moving if name in occurring])

        return Pair(kernel(first), kernel(second) if second else None)

    def joined(self, layout: Any) -> Any:
        """The interior point compiled with the kernels of this problem, for few unknowns; `bind` gives it data."""
        from ..kernels.joined import Joined

        if "joined" not in self._kernels:
            orders = {kind: [len(node.shape) for node in nodes] for kind, nodes in self.conditions.items()}
            pair = self.pair({**self.first, **self.slopes}, self.second)
            self._kernels["joined"] = Joined(pair, layout, orders)
        return self._kernels["joined"]

    @cached_property
    def parts(self) -> tuple[list[str], dict[str, Node]]:
        """The unknowns whose blocks of the Hessian are no diagonals, and its blocks, diagonals as arrays."""
        from ..kernels.oracle import hessian_key
        from ..kernels.structure import diagonal

        names = [v.name for v in self.problem.unknowns]
        pairs = {hessian_key(a, b): (a, b) for a in names for b in names}
        lone = {key: diagonal(block) for key, block in self.second.items() if len(set(pairs[key])) == 1}
        dense = {name for key in self.second if lone.get(key) is None for name in pairs[key]}
        blocks: dict[str, Node] = {}
        for key, block in self.second.items():
            thin = None if dense & set(pairs[key]) else lone[key]
            blocks[key] = block if thin is None else thin
        return [name for name in names if name in dense], blocks

    def joined_program(self, layout: Any) -> Any:
        """The loop for a smooth objective under linear conditions, in the same way."""
        from ..kernels.joined_program import JoinedProgram
        from ..kernels.oracle import VALUE, gradient_key

        if "joined program" not in self._kernels:
            dense, blocks = self.parts
            wanted = {VALUE, *(gradient_key(v.name) for v in self.problem.unknowns)}
            pair = self.pair({key: node for key, node in self.first.items() if key in wanted}, blocks)
            self._kernels["joined program"] = JoinedProgram(pair, layout, dense)
        return self._kernels["joined program"]

    def entries(self, binding: Binding) -> int:
        """How many entries the Hessian and the Jacobians of the smooth form have, slacks included."""
        nodes = (*self.problem.unknowns, *self.problem.equalities, *self.problem.inequalities)
        sizes = [int(np.prod(binding.shape(node.shape), dtype=np.int64)) for node in nodes]
        return sum(sizes[: len(self.problem.unknowns)]) * sum(sizes)
