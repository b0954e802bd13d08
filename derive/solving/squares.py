"""Sums of squares: the residual of an objective, recognised symbolically, and its solution.

    f(x) = Σ_k c_k ‖r_k(x)‖²,  c_k > 0 known

is minimised by Levenberg–Marquardt on the derived Jacobians of √(2c_k) r_k; a constant Jacobian makes it linear
least squares, solved directly from an orthogonal factorisation of the Jacobian, never from its square. Where the
condition estimate says that double precision loses digits, or on request, the answer is refined by Newton's
method in many digits (`kernels.precision`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import sympy

from ..build import is_zero
from ..differentiate import gradients, jacobian
from ..node import Apply, Einsum, Node, Sum, Variable, variables
from ..reparametrise import Reparametrised, reparametrise
from ..second import second_derivative
from ..sizes import ONE, Binding, Coefficient
from ..stable import recognise
from ..statuses import BY_HAND
from .costs import COMPILE_FROM

if TYPE_CHECKING:
    from .instance import Instance

#: Levenberg–Marquardt is chosen up to this many unknowns and entries of the Jacobian.
UNKNOWNS, ENTRIES = 100, 200_000
#: Small problems are refined in many digits: linear ones above this condition number of the scaled Jacobian,
#: others where the scaled gradient stays above this.
CONDITION, SETTLED = 30.0, 1e-12
SMALL, REFINED = 200_000, 30


@dataclass(frozen=True)
class Residual:
    """One term c‖r‖²."""

    weight: Coefficient
    node: Node


def residuals(objective: Node) -> list[Residual] | None:
    """The terms of a sum of squares, or None if the objective is no such sum."""
    terms = objective.terms if isinstance(objective, Sum) else ((ONE, objective),)
    found = []
    for c, node in terms:
        core = node
        if isinstance(core, Einsum):
            if len(core.operands) != 1 or core.output or len(set(core.inputs[0])) != len(core.inputs[0]):
                return None
            core = core.operands[0]
        if not (isinstance(core, Apply) and core.op == "power" and core.param("exponent") == 2):
            return None
        if not c.is_positive:
            return None
        found.append(Residual(c, core.operands[0]))
    return found or None


@final
class LeastSquares:
    """The derived functions of one sum of squares, ready to be solved on data."""

    def __init__(self, objective: Node, unknowns: Sequence[Variable], terms: Sequence[Residual]) -> None:
        from ..kernels.oracle import VALUE, gradient_key, hessian_key

        self.free: Reparametrised = reparametrise(objective, unknowns)
        found = residuals(self.free.objective)
        self.terms = list(terms) if found is None else found
        names = self.free.unknowns
        self.outputs: dict[str, Node] = {}
        for k, term in enumerate(self.terms):
            self.outputs[f"residual {k}"] = term.node
            for v in names:
                slope = jacobian(term.node, v)
                if not is_zero(slope):
                    self.outputs[f"jacobian {k} {v.name}"] = slope
        self.linear = not any(
            set(names) & set(variables(node))
            for key, node in self.outputs.items()
            if key.startswith("jacobian")
        )
        slopes = gradients(self.free.objective, names)
        self.statement: dict[str, Node] = {VALUE: self.free.objective}
        self.statement.update({gradient_key(v.name): g for v, g in zip(names, slopes, strict=True)})
        for i, v in enumerate(names):
            for u in names[i:]:
                self.statement[hessian_key(v.name, u.name)] = second_derivative(slopes[i], v, u)
        self._kernels: dict[str, Any] = {}

    @staticmethod
    def of(objective: Node, unknowns: Sequence[Variable]) -> LeastSquares | None:
        """The problem, if it is a sum of squares in vectors and numbers."""
        terms = residuals(recognise(objective))
        if terms is None or any(v.order > 1 for v in unknowns):
            return None
        free = reparametrise(recognise(objective), unknowns)
        if residuals(free.objective) is None:
            return None
        return LeastSquares(recognise(objective), unknowns, terms)

    def fits(self, binding: Binding) -> bool:
        """Whether the Jacobian is small enough to be factorised at every step."""
        rows = sum(int(np.prod(binding.shape(t.node.shape), dtype=np.int64)) for t in self.terms)
        count = sum(int(np.prod(binding.shape(v.shape), dtype=np.int64)) for v in self.free.unknowns)
        return count <= UNKNOWNS and rows * count <= ENTRIES

    def describe(self) -> str:
        """What was recognised, in words."""
        return "linear least squares: orthogonal factorisation" if self.linear else "a sum of squares"

    def run(
        self,
        instance: Instance,
        start: Mapping[str, Any],
        settings: Mapping[str, Any],
        precision: str | None,
        backend: str | None,
        method: str = "levenberg-marquardt",
    ) -> Any:
        """Solve from a start, certify; SciPy's result and the arrays of the unknowns."""
        from ..kernels.certificate import certify_statement
        from ..kernels.optimizers.driver import minimize as drive
        from ..kernels.oracle import Layout, Oracle, stacked
        from ..kernels.precision import refine

        data, binding, arrays = instance.data, instance.binding, instance.arrays
        names = self.free.unknowns
        layout = Layout.of({v.name: binding.shape(v.shape) for v in names})
        x0 = layout.pack(self.free.backward(start))
        amount = sum(int(np.size(a)) for a in data.values())
        evaluate = self._evaluator(
            arrays, layout.unpack(x0), backend or ("numba" if amount >= COMPILE_FROM else "numpy")
        )
        roots = [float(sympy.sqrt(2 * binding.substitute(t.weight))) for t in self.terms]
        shapes = [binding.shape(t.node.shape) for t in self.terms]
        residual_jacobian = stacked(evaluate, layout, shapes, roots)

        def value_gradient(x: Any) -> Any:
            with np.errstate(all="ignore"):  # infinite residuals at a start, say
                r, J = residual_jacobian(x)
                return 0.5 * float(r @ r), J.T @ r

        begun = value_gradient(x0)[0]

        def judge(x: Any, magnitude: float, since: Any = ()) -> Any:
            if self.linear and np.isfinite(begun):  # the gain counts from before the direct solution
                magnitude = max(magnitude if begun > 1.0 else 0.0, min(1.0, begun), 1e-300)
            instance.latest = lambda: self.free.forward(layout.unpack(x))
            return certify_statement(
                self.statement, arrays, layout.unpack(x), magnitude=magnitude, tolerance=settings["tol"]
            )

        if self.linear:
            with np.errstate(all="ignore"):
                x0 = x0 + _direct(*residual_jacobian(x0))
        oracle = Oracle(layout.size, value_gradient, residual_jacobian=residual_jacobian, layout=layout)
        result: Any = drive(oracle, x0, method, certificate=judge, **settings)
        note = ""
        if result.status in BY_HAND:
            precision = "double"
        if precision is None and layout.size * amount <= SMALL and layout.size <= REFINED:
            condition = _condition(residual_jacobian(result.x)[1])
            if self.linear and condition > CONDITION:
                precision, note = "high", f"; condition {condition:.0e}, so refined in many digits"
            elif not self.linear and result.certificate.stationarity > SETTLED:
                precision, note = "high", "; slow convergence, so refined by Newton's method in many digits"
        if precision == "high" and np.isfinite(result.x).all():
            better = refine(self.statement, arrays, layout, result.x, exact=instance.exact)
            proof = None if better is None else judge(better, 1.0)
            if proof is not None and (proof.ok() or (not result.success and proof.value <= result.fun)):
                result.x, result.certificate, result.fun = better, proof, proof.value
                if proof.ok():
                    result.success, result.status = True, 0
                    result.message = f"certified: {proof.reason()}; refined in many digits"
        result.note = note
        return result, self.free.forward(layout.unpack(result.x))

    def _evaluator(self, data: Mapping[str, Any], point: Mapping[str, Any], backend: str) -> Any:
        if backend == "numpy":
            from ..kernels.conditions import interpreter

            return interpreter(self.outputs, data, point)
        from ..kernels.compile import compile_nodes

        if backend not in self._kernels:
            occurring = {v.name for v in variables(*self.outputs.values())}
            moving = [v.name for v in self.free.unknowns if v.name in occurring]
            self._kernels[backend] = compile_nodes(self.outputs, unknowns=moving, backend=backend)
        kernel = self._kernels[backend]
        wanted = set(kernel.unknowns)
        known = (set(kernel.variables) - wanted) | {s.name for s in kernel.symbols}
        bound = kernel.bind({k: a for k, a in data.items() if k in known}, convert=True)
        return lambda unknowns: bound({k: a for k, a in unknowns.items() if k in wanted})


def _direct(r: Any, J: Any) -> Any:
    """The minimiser of ‖r + Jp‖, of least length where there are several; columns scaled to length 1."""
    norms = np.linalg.norm(J, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    if not (np.isfinite(r).all() and np.isfinite(norms).all()):
        return np.zeros(J.shape[1])
    return np.linalg.lstsq(J / norms, -r, rcond=None)[0] / norms


def _condition(J: Any) -> float:
    """The condition number of the Jacobian with columns scaled to length 1."""
    norms = np.linalg.norm(J, axis=0)
    if not np.isfinite(norms).all() or not (norms > 0).all():
        return 1.0
    return float(np.linalg.cond(J / norms))
