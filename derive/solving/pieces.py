"""Objectives with kinks inside, written with the side of each: max(u, 0) = s u, so that F(x; s) is smooth.

|u|, max(u, v) and min(u, v) are max(u, 0), max(u − v, 0) and linear terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import add, multiply, zero
from ..differentiate import gradients, substitute
from ..node import Node, Variable, variable
from ..second import second_derivative
from ..sizes import ONE
from ..smoothing import MINUS, bends_of

if TYPE_CHECKING:
    from .instance import Instance


@final
class Sided:
    """The functions of one statement, derived once; kernels are made when they are asked for."""

    def __init__(self, f: Node, unknowns: tuple[Variable, ...]) -> None:
        from ..kernels.invariance import symmetries_of
        from ..kernels.oracle import VALUE, gradient_key, hessian_key

        replaced: dict[Node, Node] = {}
        self.unknowns, self.sides = unknowns, list[Variable]()
        self.arguments: dict[str, Node] = {}
        shifts: list[Variable] = []
        for atom, u in bends_of([f], unknowns):
            first, second = atom.operands[0], atom.operands[-1]
            side = variable(f"_side_{len(self.sides)}", u.shape)
            shift = variable(f"_shift_{len(self.sides)}", u.shape)
            self.sides.append(side)
            self.arguments[side.name] = u
            u, first, second = (substitute(node, {**replaced}) for node in (u, first, second))
            r = add([(ONE, multiply(side, u)), (ONE, shift)], u.shape)
            replaced[atom] = {
                "relu": r,
                "abs": add([(2 * ONE, r), (MINUS, u)], u.shape),
                "maximum": add([(ONE, second), (ONE, r)], u.shape),
                "minimum": add([(ONE, first), (MINUS, r)], u.shape),
            }[atom.op]
            shifts.append(shift)
        F = substitute(f, {**replaced})
        slopes = gradients(F, list(unknowns))
        self.outputs = {VALUE: F}
        self.outputs |= {gradient_key(v.name): g for v, g in zip(unknowns, slopes, strict=True)}
        rises = gradients(F, shifts) if shifts else []
        self.outputs |= {s.name.replace("side", "rise"): g for s, g in zip(self.sides, rises, strict=True)}
        self.blocks = {
            hessian_key(v.name, w.name): second_derivative(slopes[i], v, w)
            for i, v in enumerate(unknowns)
            for w in unknowns[i:]
        }
        at_rest: dict[Node, Node] = {shift: zero(shift.shape) for shift in shifts}
        self.outputs = {k: substitute(node, {**at_rest}) for k, node in self.outputs.items()}
        self.blocks = {k: substitute(node, {**at_rest}) for k, node in self.blocks.items()}
        self.symmetries = symmetries_of(self.outputs, [v.name for v in unknowns])
        self._kernels: dict[str, list[Any]] = {}

    def kernels(self, backend: str) -> list[Any]:
        """Arguments, values with gradients, and Hessians."""
        from ..kernels.compile import compile_nodes

        if backend not in self._kernels:
            names, sides = [v.name for v in self.unknowns], [s.name for s in self.sides]
            self._kernels[backend] = [
                compile_nodes(nodes, unknowns=moved, backend=backend) if nodes else None
                for nodes, moved in (
                    (self.arguments, names),
                    (self.outputs, [*names, *sides]),
                    (self.blocks, [*names, *sides]),
                )
            ]
        return self._kernels[backend]

    def bind(self, instance: Instance, arrays: Mapping[str, Any], backend: str) -> OnSides:
        """The functions on data."""
        return OnSides(self, instance, arrays, backend)


@final
class OnSides:
    """F(x; s) on data, over flat vectors of unknowns and sides (see `kernels.optimizers.pieces.Pieces`)."""

    def __init__(self, sided: Sided, instance: Instance, arrays: Mapping[str, Any], backend: str) -> None:
        from ..kernels.oracle import Layout

        shape = instance.binding.shape
        self.layout = Layout.of({v.name: shape(v.shape) for v in sided.unknowns})
        self._of_sides = Layout.of({s.name: shape(s.shape) for s in sided.sides})
        self._names, known = [s.name for s in sided.sides], {**instance.sizes, **arrays}
        self._arguments, self._values, self._blocks = (
            _bound(kernel, known) for kernel in sided.kernels(backend)
        )

    def sides(self, x: Any) -> Any:
        """The arguments of all kinks."""
        found = self._arguments(self.layout.unpack(x))
        return np.concatenate([np.ravel(found[name]) for name in self._names] or [np.zeros(0)])

    def at(self, x: Any, s: Any) -> tuple[float, Any, Any]:
        """F, its gradient, and its slopes in the kinks."""
        from ..kernels.oracle import VALUE, gradient_key

        found = self._values({**self.layout.unpack(x), **self._of_sides.unpack(s)})
        g = np.concatenate([np.ravel(found[gradient_key(name)]) for name in self.layout.names])
        rises = [np.ravel(found[name.replace("side", "rise")]) for name in self._names]
        return float(found[VALUE]), g, np.concatenate(rises or [np.zeros(0)])

    def hessian(self, x: Any, s: Any) -> Any:
        """∇²F in x."""
        from ..kernels.oracle import assemble

        found = self._blocks({**self.layout.unpack(x), **self._of_sides.unpack(s)})
        h = assemble(self.layout, found)
        return (h + h.T) / 2


def _bound(kernel: Any, known: Mapping[str, Any]) -> Any:
    """The kernel on the data it reads, as a function of one mapping of arrays."""
    if kernel is None:
        return lambda unknowns: {}
    wanted = ({*kernel.variables} | {s.name for s in kernel.symbols}) - {*kernel.unknowns}
    bound = kernel.bind({k: a for k, a in known.items() if k in wanted}, convert=True)
    moved = set(kernel.unknowns)

    def at(unknowns: Mapping[str, Any]) -> Any:
        with np.errstate(all="ignore"):
            return bound({k: a for k, a in unknowns.items() if k in moved})

    return at
