"""Smooth problems with weights on |x| and bounds: what is derived about them, and its numbers on data.

How they are solved is in `loops`, what an answer is in `answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import is_zero, zero
from ..differentiate import gradients, jacobian, substitute
from ..domains import Float
from ..errors import DataError
from ..evaluate import planned
from ..node import Node, Variable, variables
from ..second import second_derivative
from ..stable import recognise, stabilise
from .sampled import Sampled
from .separable import Separable

if TYPE_CHECKING:
    from ..kernels.settled import Settling
    from .instance import Instance
    from .posed import Posed

#: Unknowns up to which a dense Hessian is formed.
LARGEST = 1500


@final
class Judge:
    """The interpreter's view of one problem on its data, and whether points settle in many digits.

    smooth  value and gradient alone
    convex  whether that is proved, which takes a while the first time
    """

    def __init__(
        self,
        at: Callable[[Any], tuple[float, Any, Any, float]],
        smooth: Callable[[Any], tuple[float, Any]],
        settling: Settling,
        convex: Callable[[], bool],
    ) -> None:
        self._at, self.smooth, self.settles, self.convex = at, smooth, settling.at, convex

    def __call__(self, x: Any) -> tuple[float, Any, Any, float]:
        """Value, gradient, Hessian if asked for, and the statement's own value."""
        return self._at(x)


@final
class Composite:
    """The derived functions of one separable problem, ready to be solved on data."""

    def __init__(self, structure: Separable, stated: Node) -> None:
        from ..kernels.invariance import symmetries_of
        from ..kernels.oracle import VALUE, gradient_key, hessian_key

        self.structure, self.unknowns = structure, structure.unknowns
        f, names = structure.smooth, structure.unknowns
        slopes = gradients(f, names)
        self.outputs: dict[str, Node] = {VALUE: f}
        self.outputs.update({gradient_key(v.name): g for v, g in zip(names, slopes, strict=True)})
        self.blocks: dict[str, Node] = {}
        for i, v in enumerate(names):
            for u in names[i:]:
                block = second_derivative(slopes[i], v, u)
                if not is_zero(block):
                    self.blocks[hessian_key(v.name, u.name)] = block
        moving = set(names)
        self.quadratic = not any(moving & set(variables(b)) for b in self.blocks.values())
        limits = {f"slope {k}": b.slope for k, b in enumerate(structure.bounds)}
        limits |= {f"offset {k}": b.offset for k, b in enumerate(structure.bounds)}
        limits |= {f"weight {v.name}": w for v, w in structure.weights.items()}
        self.limits = limits
        judged = {**self.outputs, **self.blocks, "stated": recognise(stated)}
        self._ready = dict(zip(judged, stabilise(list(judged.values())), strict=True))
        self._limits = dict(zip(limits, stabilise(list(limits.values())), strict=True))
        self.limit_names = {v.name for v in variables(*limits.values())}
        self.symmetries = symmetries_of(self.outputs, [v.name for v in names])
        self._sampled: Sampled | None = None

    @property
    def method(self) -> str:
        """The name of what runs."""
        if self.structure.is_plain:
            return "newton"
        return "coordinate-descent" if self.quadratic else "proximal-newton"

    def describe(self) -> str:
        """What was recognised, in words."""
        parts = ["quadratic" if self.quadratic else "smooth"]
        if self.structure.weights:
            parts.append("weights on |" + "|, |".join(v.name for v in self.structure.weights) + "|")
        if self.structure.bounds:
            parts.append(f"{len(self.structure.bounds)} array(s) of bounds")
        how = (
            "coordinate descent and exact solves on the free entries" if self.quadratic else "proximal Newton"
        )
        if self.structure.is_plain:
            how = "Newton's method"
        return " + ".join(parts) + ": " + how

    # ---------------------------------------------------------------- numbers

    def entries(
        self, instance: Instance, arrays: Mapping[str, Any]
    ) -> tuple[Any, Any, Any, list[tuple[Any, Any]]]:
        """Weights of |x|, lower and upper bounds, as flat vectors; the last is what one bound says, each."""
        layout = self.layout(instance)
        each: list[tuple[Any, Any]] = []
        l1 = np.zeros(layout.size)
        low, high = np.full(layout.size, -np.inf), np.full(layout.size, np.inf)
        if not self._limits:
            return l1, low, high, each
        key = tuple(sorted(instance.sizes.items()))
        evaluate = instance.posed.remembered(
            ("limits", key), lambda: planned(list(self._limits.values()), instance.binding, Float())
        )
        found = dict(zip(self._limits, evaluate(arrays), strict=True))
        places = layout.slices
        for v in self.structure.weights:
            l1[places[v.name]] = found[f"weight {v.name}"].reshape(-1)
        with np.errstate(all="ignore"):
            for k, bound in enumerate(self.structure.bounds):
                place = places[bound.unknown.name]
                rate, offset = found[f"slope {k}"].reshape(-1), found[f"offset {k}"].reshape(-1)
                edge = -offset / rate + 0.0
                each.append((rate, edge))
                low[place] = np.where(rate > 0, np.maximum(low[place], edge), low[place])
                high[place] = np.where(rate < 0, np.minimum(high[place], edge), high[place])
        return l1, low, high, each

    def layout(self, instance: Instance) -> Any:
        """Where each unknown lies in the flat vector."""
        from ..kernels.oracle import Layout

        key = ("layout", tuple(instance.shapes.items()))
        made: Any = instance.posed.remembered(key, lambda: Layout.of(instance.shapes))
        return made

    def judge(self, instance: Instance, arrays: Mapping[str, Any], second: bool = True) -> Judge:
        """Value, gradient, Hessian (None without `second`) and the statement's own value, by the interpreter."""
        from ..kernels.oracle import VALUE, gradient_key
        from ..kernels.settled import Settling

        layout = self.layout(instance)
        key = ("judge", second, tuple(sorted(instance.sizes.items())))
        ready = {k: node for k, node in self._ready.items() if second or k not in self.blocks}
        evaluate = instance.posed.remembered(
            key, lambda: planned(list(ready.values()), instance.binding, Float())
        )
        names = list(ready)
        whole = f"hessian {layout.names[0]} {layout.names[0]}"
        single = len(layout.names) == 1

        def at(x: Any) -> tuple[float, Any, Any, float]:
            try:
                values = evaluate({**arrays, **layout.unpack(x)})
            except (DataError, np.linalg.LinAlgError, FloatingPointError, ZeroDivisionError, OverflowError):
                n = layout.size
                return np.nan, np.full(n, np.nan), np.full((n, n), np.nan), np.nan
            found = dict(zip(names, values, strict=True))
            if not second:
                return float(found[VALUE]), self._gradient(layout, found), None, float(found["stated"])
            if single:
                g = np.asarray(found[gradient_key(layout.names[0])]).reshape(-1)
                block = found.get(whole)
                h = np.zeros((g.size, g.size)) if block is None else np.array(block).reshape(g.size, g.size)
            else:
                g = self._gradient(layout, found)
                h = self._assembled(layout, found)
            return float(found[VALUE]), g, h, float(found["stated"])

        settling = Settling(self.outputs, {**instance.sizes, **arrays}, layout)
        return Judge(at, self.slope(instance, arrays), settling, lambda: instance.facts.is_convex)

    def slope(self, instance: Instance, arrays: Mapping[str, Any]) -> Callable[[Any], tuple[float, Any]]:
        """Value and gradient of the smooth part at a flat vector, by the interpreter."""
        from ..kernels.oracle import VALUE

        layout = self.layout(instance)
        ready = [self._ready[key] for key in self.outputs]
        evaluate = instance.posed.remembered(
            ("slope", tuple(sorted(instance.sizes.items()))),
            lambda: planned(ready, instance.binding, Float()),
        )

        def at(x: Any) -> tuple[float, Any]:
            try:
                values = evaluate({**arrays, **layout.unpack(x)})
            except (DataError, np.linalg.LinAlgError, FloatingPointError, ZeroDivisionError, OverflowError):
                return np.nan, np.full(layout.size, np.nan)
            found = dict(zip(self.outputs, values, strict=True))
            return float(found[VALUE]), self._gradient(layout, found)

        return at

    def sampled(self, posed: Posed) -> Sampled:
        """The kernels of the smooth part alone, without Hessians or with those of samples, made once."""
        if self._sampled is None:
            self._sampled = Sampled(self.structure.smooth, self.unknowns, posed.given)
        return self._sampled

    def kernel(
        self, instance: Instance, arrays: Mapping[str, Any]
    ) -> Callable[[Any], tuple[float, Any, Any]]:
        """Value, gradient and Hessian at a flat vector, compiled."""
        from ..kernels.compile import compile_nodes
        from ..kernels.oracle import VALUE

        made = instance.posed.remembered(
            "kernel",
            lambda: compile_nodes({**self.outputs, **self.blocks}, unknowns=[v.name for v in self.unknowns]),
        )
        wanted = (set(made.variables) - set(made.unknowns)) | {s.name for s in made.symbols}
        layout = self.layout(instance)
        given = {k: a for k, a in {**arrays, **instance.sizes}.items() if k in wanted}
        bound = made.bind(given, checked=True)

        def at(x: Any) -> tuple[float, Any, Any]:
            found = bound(layout.unpack(x))
            return float(found[VALUE]), self._gradient(layout, found), self._assembled(layout, found)

        return at

    def _assembled(self, layout: Any, found: Mapping[str, Any]) -> Any:
        from ..kernels.oracle import hessian_key

        h = np.zeros((layout.size, layout.size))
        places, sizes = layout.slices, dict(zip(layout.names, layout.sizes, strict=True))
        for a in layout.names:
            for b in layout.names:
                block = found.get(hessian_key(a, b))
                if block is not None:
                    flat = np.asarray(block).reshape(sizes[a], sizes[b])
                    h[places[a], places[b]] = flat
                    h[places[b], places[a]] = flat.T
        return h

    def affine_in(self, number: Variable) -> dict[str, Node] | None:
        """Of a quadratic: the derivatives of gradient at 0 and Hessian in a number on which they depend affinely."""
        if not self.quadratic or any(
            number in set(variables(b.slope, b.offset)) for b in self.structure.bounds
        ):
            return None
        found = {k: jacobian(node, number) for k, node in self.at_zero().items()}
        weights = [jacobian(w, number) for w in self.structure.weights.values()]
        if any(number in set(variables(node)) for node in (*found.values(), *weights)):
            return None
        return found

    def moments(
        self, instance: Instance, arrays: Mapping[str, Any], nodes: Mapping[str, Node]
    ) -> tuple[Any, Any]:
        """Hessian and gradient at 0, or derivatives of them, as flat arrays by the interpreter."""
        ready = stabilise(list(nodes.values()))
        found = dict(zip(nodes, planned(ready, instance.binding, Float())(arrays), strict=True))
        layout = self.layout(instance)
        return self._assembled(layout, found), self._gradient(layout, found)

    def at_zero(self) -> dict[str, Node]:
        """Gradient at 0 and Hessian of a quadratic."""
        from ..kernels.oracle import VALUE

        zeros: dict[Node, Node] = {v: zero(v.shape) for v in self.unknowns}
        at_zero = {k: substitute(node, zeros) for k, node in self.outputs.items() if k != VALUE}
        return {**at_zero, **self.blocks}

    def _gradient(self, layout: Any, found: Mapping[str, Any]) -> Any:
        from ..kernels.oracle import gradient_key

        return np.concatenate([np.ravel(found[gradient_key(a)]) for a in layout.names])
