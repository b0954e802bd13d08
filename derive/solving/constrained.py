"""From a problem with constraints or kinks to its answer: the smooth form, its Lagrangian, an interior point.

Everything is derived: the epigraph form (`smoothing`), the Lagrangian L = f − νᵀe − λᵀc, its gradient and
Hessian, the Jacobians of the constraints. What facts on unknowns say is in `conditions`, where a run begins in
`inside`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import sympy

from ..build import add, inner, is_zero
from ..differentiate import gradients, jacobian, substitute
from ..errors import UnsupportedError
from ..node import Node, Variable, variable, variables
from ..second import second_derivative
from ..sizes import ONE, Binding
from ..smoothing import Smooth, smooth
from ..stable import recognise
from . import costs
from .conditions import conditions_of_facts, free_form
from .inside import defined, inside, middle, numbers
from .multipliers import cone_duals, duals, kept
from .reasons import failure, fitted
from .sparse import DENSE, Sparse, dense
from .stated import check_slopes, statement_value

MINUS = sympy.S.NegativeOne
#: Above this many numbers in the data the kernels are compiled; below, compiling costs more than it saves.
COMPILE_FROM = 200_000
#: Dense matrices have this many rows at most; those of conditions may have twice as many entries.
LARGEST = 4000


@final
class Constrained:
    """The derived functions of one problem, ready to be solved on data."""

    def __init__(
        self,
        objective: Node,
        unknowns: Sequence[Variable],
        equalities: Sequence[Node],
        inequalities: Sequence[Node],
    ) -> None:
        from ..kernels.kkt import condition_key, jacobian_key, multiplier_name
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
        self.conditions = {"equality": self.problem.equalities, "inequality": self.problem.inequalities}
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
                if not is_zero(block):
                    self.second[hessian_key(v.name, u.name)] = block
        self.linear = not any(set(names) & set(variables(node)) for node in self.slopes.values())
        self.quadratic = self.linear and not any(set(names) & set(variables(b)) for b in self.second.values())
        self._kernels: dict[str, Any] = {}
        self._large: Sparse | None = None

    @property
    def _bent(self) -> list[tuple[Node, list[Node]]]:
        """Inequalities that are not linear, with their slopes."""
        found = []
        for k, node in enumerate(self.conditions["inequality"]):
            slopes = [s for key, s in self.slopes.items() if key.startswith(f"jacobian inequality {k} ")]
            if any(set(self.problem.unknowns) & set(variables(s)) for s in slopes):
                found.append((node, slopes))
        return found

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
            parts.append(f"{', '.join(sorted(self.cones))} in the cone of positive semidefinite matrices")
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
        from ..kernels.kkt import interpreter

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

    def run(
        self,
        data: Mapping[str, Any],
        binding: Binding,
        start: Mapping[str, Any],
        given: bool,
        settings: Mapping[str, Any],
        backend: str | None,
        method: str = "interior-point",
        convex: Callable[[], bool] | None = None,
    ) -> Any:
        """Solve from a start, certify, and give SciPy's result over the statement's unknowns.

        convex  whether the problem is proved to be; asked where much depends on it
        """
        from ..kernels.clock import now
        from ..kernels.kkt import certify_kkt
        from ..kernels.optimizers import CONSTRAINED, semidefinite
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.optimizers.halves import blocks_of
        from ..kernels.optimizers.progress import Progress
        from ..kernels.optimizers.quadratic_program import solve_program
        from ..kernels.optimizers.result import History, Result
        from ..kernels.optimizers.units import Units, unusual
        from ..kernels.oracle import Layout
        from ..kernels.semidefinite import certify_semidefinite

        record = CONSTRAINED[method]
        began = time.perf_counter()
        arrays = {**{s.name: k for s, k in binding.values.items()}, **data}
        layout = Layout.of({v.name: binding.shape(v.shape) for v in self.problem.unknowns})
        shapes = {
            kind: {k: binding.shape(node.shape) for k, node in enumerate(nodes)}
            for kind, nodes in self.conditions.items()
        }
        rows = sum(int(np.prod(s, dtype=np.int64)) for each in shapes.values() for s in each.values())
        suited = method == "interior-point" and layout.size > DENSE and convex is not None and convex()
        sparse = self._sparse(layout, shapes, arrays) if suited else None
        if sparse is None and (layout.size > LARGEST or rows * layout.size > 2 * LARGEST**2):
            raise UnsupportedError(
                f"the interior point would need dense matrices for {layout.size} unknowns (slacks included) and "
                f"{rows} constraints; its limit is {LARGEST} unknowns"
            )
        if method == "projected-gradient" and not self.linear:
            raise UnsupportedError("projected-gradient takes bounds and simplexes alone: use interior-point")
        blocks = blocks_of(layout, self.cones)
        if blocks and method != "interior-point":
            raise UnsupportedError(
                f"method {method} does not keep {', '.join(sorted(self.cones))} positive semidefinite: "
                "use interior-point"
            )
        check_slopes(self.problem, arrays)
        point = inside(self.problem, self.free.unknowns, arrays, self.free.backward(start), given)
        if not given:
            steep = [node for key, node in self.slopes.items() if key.startswith("jacobian equality")]
            nodes = list(self.first.values())
            point = defined(self.problem, self.free.unknowns, arrays, point, nodes, steep, self._bent)
        filled = {**point, **{v.name: np.zeros(binding.shape(v.shape)) for v in self.multipliers}}
        amount = sum(int(np.size(a)) for a in data.values())
        chosen = backend or ("numba" if amount >= COMPILE_FROM else "numpy")

        def functions_by(backend: str) -> Any:
            derive = self._functions if sparse is None else sparse.functions
            return derive(layout, shapes, arrays, filled, backend)

        functions = functions_by(chosen)
        entered = now()  # what is derived and loaded is not counted
        if self.linear and not given:
            point = layout.unpack(middle(functions, layout.pack(point)))
        history = History()
        ended: list[str] = []
        late: list[bool] = []  # time ran out: a point that is certified all the same is the answer
        latest = [layout.pack(point)]

        def watch(iteration: int, z: Any, value: float, error: float) -> bool:
            history.objective.append(value)
            history.scaled_gradient.append(error)
            history.time.append(time.perf_counter() - began)
            latest[0] = z
            bar.update(iteration, value, error)
            limit = settings.get("max_time")
            if limit is not None and now() - entered >= limit:
                late.append(True)
                ended.append(f"not converged within max_time = {limit:g} s ({iteration} iterations)")
                return True
            callback = settings.get("callback")
            if callback is not None and iteration:
                seen: Any = Result()
                seen.update(x=z, fun=value, nit=iteration)
                callback(seen)
            return False

        most = min(settings["max_iterations"], record.most)
        watched = bool(settings.get("progress")) or settings.get("callback") is not None

        def solved(functions: Any, z: Any, watch: Any) -> Any:
            if sparse is not None:
                return sparse.solve(functions, z, most, watch, watched)
            found = None
            if method == "interior-point" and self.quadratic and not watched:
                found = solve_program(functions, z, watch=watch)
            if found is None or found.status != ip.CONVERGED:
                found = record.solve(functions, z, max_iterations=most, watch=watch)
            return ip.polish(functions, found)

        def judged(answer: Any) -> tuple[Any, Any, float, Any]:
            judge = functions if chosen == "numpy" else functions_by("numpy")
            z = answer.z if blocks else ip.snapped(judge, answer)
            found = self.free.forward(layout.unpack(z))
            value = statement_value(self.original, arrays, found)
            told = {"statement_value": value, "tolerance": settings["tol"]}
            if blocks:
                dual = np.zeros(z.size) if cone is None else cone
                return z, found, value, certify_semidefinite(judge, layout, answer, dual, blocks, **told)
            if far:
                return z, found, value, far[0].certify(judge, layout, replace(answer, z=z), **told)
            return z, found, value, certify_kkt(judge, layout, z, answer.nu, answer.lam, **told)

        answer: Any = None
        cone: Any = None
        proof: Any = None
        first = latest[0]
        groups = [int(np.prod(s, dtype=np.int64)) for each in shapes.values() for s in each.values()]
        far: list[Any] = []  # units that differ so much from 1 that the certificate is given in them
        measured = method == "interior-point" and not blocks and sparse is None
        bar = Progress(method, bool(settings.get("progress")), settings["tol"])
        with np.errstate(all="ignore"), bar:
            try:
                if blocks:
                    answer, cone = semidefinite.solve_semidefinite(
                        functions, latest[0], blocks, max_iterations=most, watch=watch
                    )
                    answer, cone = semidefinite.on_face(functions, answer, cone, blocks)
                else:
                    answer = solved(functions, first, watch)
                if measured and not given and unusual(functions, answer.z):
                    units = Units.at(functions, first, groups)
                    far += [units] if units is not None and units.are_strange() else []
                z, found, value, proof = judged(answer)
                for at in (first, answer.z) if measured else ():
                    units = None if proof.ok() or ended else Units.at(functions, at, groups)
                    if units is not None:
                        other = units.solve(functions, at, solved, watch)
                        found_there = judged(other)
                        if found_there[3].ok() and other.status != ip.UNBOUNDED:
                            answer, (z, found, value, proof) = other, found_there
            except KeyboardInterrupt:
                ended.append("interrupted; the latest point is kept")
                answer = kept(latest[0], shapes) if proof is None else answer
            except StopIteration:
                ended.append("stopped by the callback")
                answer = kept(latest[0], shapes) if proof is None else answer
            if proof is None:
                z, found, value, proof = judged(answer)
        success = proof.ok() and not (ended and answer.status == ip.STOPPED and not late)
        message = (
            f"certified: {proof.reason()}"
            if success
            else failure(
                answer,
                proof,
                ended,
                dense(functions_by("numpy")),
                z,
                self.linear,
                self.quadratic and not blocks,
            )
        )
        result: Any = Result()
        result.update(
            x=np.concatenate([np.ravel(found[v.name]) for v in self.wanted]),
            fun=value,
            nit=answer.iterations,
            status=0 if success else 1 + answer.status,
            message=message,
            success=success,
            method=method,
            certificate=proof,
            multipliers={**duals(answer, shapes), **cone_duals(layout, cone, self.cones)},
            history=history,
            time=time.perf_counter() - began,
        )
        return result, found

    def _sparse(self, layout: Any, shapes: Any, arrays: Mapping[str, Any]) -> Sparse | None:
        """The sparse form, if the problem is large and most entries of its matrices vanish."""
        if self.cones or layout.size <= DENSE:
            return None
        if self._large is None:
            self._large = Sparse(self)
        zeros = layout.unpack(np.zeros(layout.size))
        return self._large if self._large.suits(layout, shapes, arrays, zeros) else None

    def entries(self, binding: Binding) -> int:
        """How many entries the Hessian and the Jacobians of the smooth form have, slacks included."""
        nodes = (*self.problem.unknowns, *self.problem.equalities, *self.problem.inequalities)
        sizes = [int(np.prod(binding.shape(node.shape), dtype=np.int64)) for node in nodes]
        return sum(sizes[: len(self.problem.unknowns)]) * sum(sizes)

    def certified(
        self,
        data: Mapping[str, Any],
        binding: Binding,
        found: Mapping[str, Any],
        tolerance: float,
        proved: bool = False,
    ) -> tuple[Any, dict[str, list[Any]]]:
        """The certificate of a point that came without multipliers, and the multipliers that fit best.

        proved  whether it is a minimum if it is stationary: a Hessian that costs much is then left alone
        """
        from ..kernels.kkt import certify_kkt
        from ..kernels.optimizers import interior_point as ip
        from ..kernels.oracle import Layout

        if self.cones:
            raise UnsupportedError("a point without multipliers is not certified in the cone of psd matrices")
        arrays = {**{s.name: k for s, k in binding.values.items()}, **data}
        check_slopes(self.problem, arrays)
        layout = Layout.of({v.name: binding.shape(v.shape) for v in self.problem.unknowns})
        shapes = {
            kind: {k: binding.shape(node.shape) for k, node in enumerate(nodes)}
            for kind, nodes in self.conditions.items()
        }
        point = {k: np.asarray(a, dtype=np.float64) for k, a in self.free.backward(found).items()}
        for kink in self.problem.kinks:
            point[kink.slack.name] = np.asarray(numbers([kink.atom], {**arrays, **point})[0])
        filled = {**point, **{v.name: np.zeros(binding.shape(v.shape)) for v in self.multipliers}}
        functions = self._functions(layout, shapes, arrays, filled, "numpy")
        z = layout.pack(point)
        nu, lam = fitted(functions.values(z))
        value = statement_value(self.original, arrays, found)
        amount = sum(int(np.size(a)) for a in data.values())
        curved = not proved or costs.hessian(layout.shapes, amount) < costs.SPARED
        proof = certify_kkt(
            functions, layout, z, nu, lam, statement_value=value, tolerance=tolerance, curved=curved
        )
        return proof, duals(ip.Answer(z, nu, lam, ip.CONVERGED, 0), shapes)

    def _functions(
        self, layout: Any, shapes: Any, arrays: Mapping[str, Any], filled: Mapping[str, Any], backend: str
    ) -> Any:
        """The solver's view of the problem on data."""
        from ..kernels.kkt import functions_of

        first, slopes, second = (
            self.evaluator(part, nodes, arrays, filled, backend)
            for part, nodes in (("first", self.first), ("slopes", self.slopes), ("second", self.second))
        )
        return functions_of(
            layout, first, slopes, second, shapes, linear=self.linear, quadratic=self.quadratic
        )

    def program(
        self, arrays: Mapping[str, Any], binding: Binding, start: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        """Of a quadratic program: the layout, a start, the order of the variables with slacks last, and the rest
        of what `quadratic_program.interior` takes before the start; from sparse matrices where those are smaller."""
        from ..kernels.optimizers.quadratic_program import arranged_program
        from ..kernels.optimizers.sparse_program import condensed
        from ..kernels.oracle import Layout

        layout = Layout.of({v.name: binding.shape(v.shape) for v in self.problem.unknowns})
        shapes = {
            kind: {k: binding.shape(node.shape) for k, node in enumerate(nodes)}
            for kind, nodes in self.conditions.items()
        }
        check_slopes(self.problem, arrays)
        point = inside(self.problem, self.free.unknowns, arrays, self.free.backward(start), False)
        filled = {**point, **{v.name: np.zeros(binding.shape(v.shape)) for v in self.multipliers}}
        z = layout.pack(point)
        sparse = self._sparse(layout, shapes, arrays)  # whether it is convex, the numbers tell
        if sparse is not None:
            made = condensed(sparse.functions(layout, shapes, arrays, filled, "numpy"), z)
        else:
            made = arranged_program(self._functions(layout, shapes, arrays, filled, "numpy"), z)
        if made is None:
            raise UnsupportedError(
                f"a program of {layout.size} unknowns (slacks included) that is not convex, or is too large to be "
                "prepared: use solve"
            )
        order, parts = made
        return layout, z, order, parts
