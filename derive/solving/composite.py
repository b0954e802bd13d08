"""Smooth problems with weights on |x| and bounds, few enough for a dense Hessian: proximal Newton.

A constant Hessian takes one step, by coordinate descent and exact solves on the free entries. Small problems are
evaluated by the interpreter, for compiling a kernel takes longer than solving; the loop and its kernel are compiled
whole by `Problem.prepare`, with `backend="numba"`, and where the data are large.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import is_zero, zero
from ..differentiate import gradients, jacobian, substitute
from ..domains import Float
from ..errors import DataError
from ..evaluate import planned
from ..node import Node, Variable, variables
from ..stable import recognise, stabilise
from .options import Options
from .sampled import Sampled
from .separable import Separable

if TYPE_CHECKING:
    from .instance import Instance

#: Unknowns up to which a dense Hessian is formed.
LARGEST = 1500
#: Above this many numbers in the data kernels are compiled.
COMPILE_FROM = 200_000
#: The loop stops where its next step would gain less than this share of the objective.
AIM = 1e-9
#: Names for the accelerated proximal gradient, and its iterations at most.
FIRST_ORDER, ITERATIONS = ("fista", "proximal-gradient", "ista"), 50_000
#: Sweeps of coordinate descent at most.
SWEEPS = 5000


@final
class Composite:
    """The derived functions of one separable problem, ready to be solved on data."""

    def __init__(self, structure: Separable, stated: Node) -> None:
        from ..kernels.oracle import VALUE, gradient_key, hessian_key

        self.structure, self.unknowns = structure, structure.unknowns
        f, names = structure.smooth, structure.unknowns
        slopes = gradients(f, names)
        self.outputs: dict[str, Node] = {VALUE: f}
        self.outputs.update({gradient_key(v.name): g for v, g in zip(names, slopes, strict=True)})
        self.blocks: dict[str, Node] = {}
        for i, v in enumerate(names):
            for u in names[i:]:
                block = jacobian(slopes[i], u)
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
        self._wholes: dict[Any, Any] = {}
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

    def judge(
        self, instance: Instance, arrays: Mapping[str, Any], second: bool = True
    ) -> Callable[[Any], Any]:
        """Value, gradient, Hessian (None without `second`) and the statement's own value, by the interpreter."""
        from ..kernels.oracle import VALUE, gradient_key

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

    def compiled(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """The loop compiled whole, on data: x, λ, low, high, tolerance, most steps to what the loop returns."""
        from ..kernels.whole import NEWTON, QUADRATIC, Whole

        layout = self.layout(instance)
        orders = tuple(len(s) for s in layout.shapes)
        if orders not in self._wholes:
            loop = QUADRATIC if self.quadratic else NEWTON
            self._wholes[orders] = Whole(self._compiled_kernel(), layout, loop)
        return self._wholes[orders].bind(arrays, instance.binding, layout)

    def moments_compiled(self, instance: Instance, arrays: Mapping[str, Any]) -> tuple[Any, Any]:
        """Gradient at 0 and Hessian of a quadratic, by the compiled kernel."""
        self.compiled(instance, arrays)
        layout = self.layout(instance)
        whole = self._wholes[tuple(len(s) for s in layout.shapes)]
        found: tuple[Any, Any] = whole.moments(arrays, instance.binding, layout)
        return found

    def _compiled_kernel(self) -> Any:
        """Value, gradient and Hessian at x; of a quadratic, gradient at 0 and Hessian."""
        from ..kernels.compile import compile_nodes

        if not self.quadratic:
            return compile_nodes({**self.outputs, **self.blocks}, unknowns=[v.name for v in self.unknowns])
        return compile_nodes(self._at_zero())

    def sampling(self, instance: Instance, arrays: Mapping[str, Any]) -> Any:
        """The loop with Hessians from a sample of the rows, where there are so many rows that it pays; else None."""
        from ..kernels.optimizers.sampled_newton import sampled_newton

        if self.quadratic or not self.structure.is_plain:
            return None
        if self._sampled is None:
            self._sampled = Sampled(self.structure.smooth, self.unknowns, instance.posed.given)
        count = self._sampled.count(instance)
        if count is None:
            return None
        layout = self.layout(instance)
        both, sampled = self._sampled.bind(instance, arrays, layout, count)

        def loop(x: Any, l1: Any, low: Any, high: Any, tol: float, most: int) -> Any:
            x, _, first, *rest = sampled_newton(both, sampled, x, tol, most)
            return x, first, *rest

        return loop

    def affine_in(self, number: Variable) -> dict[str, Node] | None:
        """Of a quadratic: the derivatives of gradient at 0 and Hessian in a number on which they depend affinely."""
        if not self.quadratic or any(
            number in set(variables(b.slope, b.offset)) for b in self.structure.bounds
        ):
            return None
        found = {k: jacobian(node, number) for k, node in self._at_zero().items()}
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

    def _at_zero(self) -> dict[str, Node]:
        """Gradient at 0 and Hessian of a quadratic."""
        from ..kernels.oracle import VALUE

        zeros: dict[Node, Node] = {v: zero(v.shape) for v in self.unknowns}
        at_zero = {k: substitute(node, zeros) for k, node in self.outputs.items() if k != VALUE}
        return {**at_zero, **self.blocks}

    def _gradient(self, layout: Any, found: Mapping[str, Any]) -> Any:
        from ..kernels.oracle import gradient_key

        return np.concatenate([np.ravel(found[gradient_key(a)]) for a in layout.names])

    def _loop(self, instance: Instance, arrays: Mapping[str, Any], judge: Any, compiled: bool) -> Any:
        """The loop as `(x, λ, low, high, tolerance, most) -> (x, F at the start, status, steps, evaluations)`."""
        from ..kernels.optimizers.proximal_newton import proximal_newton
        from ..kernels.optimizers.quadratic import minimum

        if not compiled and self.quadratic:

            def once(x: Any, l1: Any, low: Any, high: Any, tol: float, most: int) -> Any:
                f, g, h, _ = judge(x)
                found = x.copy()
                if not (np.isfinite(g).all() and np.isfinite(h).all()):
                    return found, f, 3, 1, 1
                status = minimum(h, g - h @ x, l1, low, high, found, tol, most)
                return found, f + float(l1 @ np.abs(x)), status, 1, 1

            return once
        if not compiled:

            def newton(*leading: Any) -> Any:
                x, _, first, *rest = proximal_newton(lambda x: judge(x)[:3], *leading)
                return x, first, *rest

            return newton
        sampled = self.sampling(instance, arrays)
        if sampled is not None:
            return sampled
        whole = self.compiled(instance, arrays)
        if self.quadratic:

            def whole_once(*leading: Any) -> Any:
                x, status = whole(*leading)
                return x, np.inf, status, 1, 1

            return whole_once

        def whole_newton(*leading: Any) -> Any:
            x, _, first, *rest = whole(*leading)
            return x, first, *rest

        return whole_newton

    def _first_order(self, instance: Instance, arrays: Mapping[str, Any], judge: Any, compiled: bool) -> Any:
        """FISTA, in the form of `_loop`."""
        from ..kernels.optimizers.fista import fista
        from ..kernels.optimizers.penalties import PENALTIES

        layout = self.layout(instance)
        if compiled:
            if self._sampled is None:
                self._sampled = Sampled(self.structure.smooth, self.unknowns, instance.posed.given)
            value_gradient = self._sampled.bind_first(instance, arrays, layout)
        else:

            def value_gradient(x: Any) -> tuple[float, Any]:
                f, g, _, _ = judge(x)
                return f, g

        def loop(x: Any, l1: Any, low: Any, high: Any, tol: float, most: int) -> Any:
            penalty = PENALTIES["separable"].of(l1, low, high)
            return fista(value_gradient, penalty, x, tol=tol, most=ITERATIONS)

        return loop

    # ---------------------------------------------------------------- solving

    def run(self, instance: Instance, point: Mapping[str, Any], options: Options) -> tuple[Any, Any] | None:
        """SciPy's result and the arrays of the unknowns; None where this method does not reach the optimum."""
        began = time.perf_counter()
        arrays, layout = instance.numbers, self.layout(instance)
        with np.errstate(all="ignore"):
            l1, low, high, each = self.entries(instance, arrays)
            if (l1 < 0).any() or (low > high).any():
                return None
            first_order = options.method in FIRST_ORDER or layout.size > LARGEST
            judge = self.judge(instance, arrays, not first_order)
            large = options.backend is None and instance.amount >= COMPILE_FROM
            compiled = options.backend == "numba" or large
            if first_order:
                loop = self._first_order(instance, arrays, judge, compiled)
            else:
                loop = self._loop(instance, arrays, judge, compiled)
            x = layout.pack(point)
            found = self._certified(loop, judge, x, l1, low, high, options, layout)
        if found is None:
            return None
        x, proof, slope, steps, evaluations = found
        history = _history(proof, slope, evaluations, began)
        result = _result(x, proof, slope, steps, evaluations, history)
        result.method = "fista" if first_order else self.method
        if not self.structure.is_plain:
            result.multipliers = self._multipliers(layout, slope, l1, x, each)
        return result, layout.unpack(x)

    def _certified(
        self, loop: Any, judge: Any, x: Any, l1: Any, low: Any, high: Any, options: Options, layout: Any
    ) -> Any:
        """The loop, twice if need be, until the interpreter agrees: (x, certificate, gradient, steps, evaluations)."""
        from ..kernels.optimizers.proximal_newton import CONVERGED

        steps = evaluations = 0
        most = SWEEPS if self.quadratic else min(options.max_iterations, 100)
        first = None
        for aim in (AIM, AIM**2):
            x, begun, status, count, tried = loop(x, l1, low, high, aim, most)
            first = begun if first is None else first
            steps, evaluations = steps + count, evaluations + tried
            if status != CONVERGED:
                return None
            proof, g = self._proof(judge, x, (l1, low, high), first, options.tolerance, layout)
            if proof.ok():
                return x, proof, g, steps, evaluations
        return None

    def certificate(self, instance: Instance, arrays: Mapping[str, Any], x: Any, options: Options) -> Any:
        """The certificate of a point."""
        with np.errstate(all="ignore"):
            limits = self.entries(instance, arrays)[:3]
            judge, layout = self.judge(instance, arrays), self.layout(instance)
            return self._proof(judge, x, limits, np.inf, options.tolerance, layout)[0]

    def _proof(
        self, judge: Any, x: Any, limits: Any, first: float, tolerance: float, layout: Any
    ) -> tuple[Any, Any]:
        """The certificate, and the gradient."""
        from ..kernels.certificate import certify
        from ..kernels.separable import certify_separable

        f, g, h, stated = judge(x)
        if self.structure.is_plain:
            gain = first - f
            size = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
            near = {"hessian": h} if h is not None else {"gradient_at": lambda point: judge(point)[1]}
            return certify(f, g, x, **near, magnitude=size, tolerance=tolerance, layout=layout), g
        proof: Any = certify_separable(
            f,
            g,
            h,
            limits[0],
            limits[1],
            limits[2],
            x,
            statement_value=stated,
            tolerance=tolerance,
            layout=layout,
        )
        return proof, g

    def _multipliers(
        self, layout: Any, g: Any, l1: Any, x: Any, each: list[tuple[Any, Any]]
    ) -> dict[str, list[Any]]:
        """One nonnegative array per bound, zero where it is not active."""
        from ..kernels.separable import slopes

        left, right = slopes(g, l1, x)
        found = []
        for bound, (rate, edge) in zip(self.structure.bounds, each, strict=True):
            place = layout.slices[bound.unknown.name]
            shape = layout.shapes[layout.names.index(bound.unknown.name)]
            slope = np.where(rate > 0, np.maximum(right[place], 0.0), np.maximum(-left[place], 0.0))
            with np.errstate(all="ignore"):
                found.append(np.where(x[place] == edge, slope / np.abs(rate), 0.0).reshape(shape))
        return {"equality": [], "inequality": found}


def _history(proof: Any, slope: Any, evaluations: int, began: float) -> Any:
    from ..kernels.optimizers.result import History

    history = History()
    history.objective.append(proof.value)
    history.scaled_gradient.append(proof.stationarity)
    history.gradient_norm.append(float(np.abs(slope).max()))
    history.time.append(time.perf_counter() - began)
    history.evaluations.append(evaluations)
    return history


def _result(x: Any, proof: Any, slope: Any, steps: int, evaluations: int, history: Any) -> Any:
    from ..kernels.optimizers.result import Result

    result: Any = Result()
    result.update(
        x=x,
        fun=proof.value,
        jac=slope,
        nit=steps,
        nfev=evaluations,
        njev=evaluations,
        nhev=evaluations,
        status=0,
        message=f"certified: {proof.reason()}",
        success=True,
        certificate=proof,
        history=history,
        time=history.time[-1],
    )
    return result
