"""Mixture likelihoods, recognised in the statement, and their solution by expectation–maximisation.

    f(θ) = c Σₙ logsumexpₖ ℓₙₖ(θ),  c < 0

The unknowns' facts say which are weights (`simplex`), covariances (`pd`) and means. That the closed forms of the M-step
belong to this statement is checked on its own surrogate, Σ rₙₖ ℓₙₖ with the responsibilities r held fixed: its gradient
has to vanish after the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..build import inner, split_scale
from ..differentiate import gradients
from ..domains import Float
from ..errors import UnsupportedError
from ..evaluate import planned
from ..node import Apply, Einsum, Node, Sum, Variable, variable
from ..operators import apply
from ..stable import stabilise

if TYPE_CHECKING:
    from .instance import Instance


@final
class Mixture:
    """The derived functions of one mixture likelihood."""

    def __init__(
        self, objective: Node, unknowns: tuple[Variable, ...], core: Apply, coefficient: Any
    ) -> None:
        from ..kernels.optimizers.em import Roles
        from ..kernels.oracle import VALUE, gradient_key

        self.unknowns, self.coefficient = unknowns, coefficient
        self.exponents = core.operands[0]

        def named(fact: str) -> str:
            return next(v.name for v in unknowns if fact in v.facts)

        means = next(v.name for v in unknowns if not v.facts & {"simplex", "pd"})
        self.roles = Roles(named("simplex"), means, named("pd"))
        slopes = gradients(objective, unknowns)
        self.outputs: dict[str, Node] = {VALUE: objective}
        self.outputs |= {gradient_key(v.name): g for v, g in zip(unknowns, slopes, strict=True)}
        self.shares = variable("_shares", self.exponents.shape)
        surrogate = inner(self.shares, self.exponents)
        self.surrogate = dict(zip([v.name for v in unknowns], gradients(surrogate, unknowns), strict=True))
        self.responsibilities = apply("softmax", self.exponents, axes=core.param("axes"))
        self._kernel: Any = None

    @staticmethod
    def of(objective: Node, unknowns: tuple[Variable, ...]) -> Mixture | None:
        """The problem, if it is such a likelihood with weights on the simplex, means and covariances."""
        if isinstance(objective, Sum) and len(objective.terms) != 1:
            return None
        coefficient, node = split_scale(objective)
        if not isinstance(node, Einsum) or len(node.operands) != 1 or node.output:
            return None
        core = node.operands[0]
        if not (isinstance(core, Apply) and core.op == "logsumexp" and core.operands[0].order == 2):
            return None
        if coefficient.is_positive or len(unknowns) != 3:
            return None
        kinds = sorted(
            "simplex" if "simplex" in v.facts else "pd" if "pd" in v.facts else "" for v in unknowns
        )
        if kinds != ["", "pd", "simplex"]:
            return None
        orders = {k: v.order for v in unknowns for k in ("simplex", "pd") if k in v.facts}
        if orders != {"simplex": 1, "pd": 3} or [v.order for v in unknowns if not v.facts] != [2]:
            return None
        return Mixture(objective, unknowns, core, coefficient)

    def bind(self, instance: Instance, backend: str) -> Any:
        """Value and gradients by name at a point given by name."""
        from ..kernels.compile import compile_nodes
        from ..kernels.conditions import interpreter
        from ..kernels.oracle import VALUE, gradient_key

        names = [v.name for v in self.unknowns]
        if backend == "numpy":
            shapes = {a: np.zeros(s) for a, s in instance.shapes.items()}
            evaluate = interpreter(self.outputs, instance.arrays, shapes)
        else:
            if self._kernel is None:
                self._kernel = compile_nodes(self.outputs, unknowns=names)
            kernel = self._kernel
            wanted = (set(kernel.variables) - set(names)) | {s.name for s in kernel.symbols}
            evaluate = kernel.bind({k: a for k, a in instance.arrays.items() if k in wanted})

        def value_gradient(point: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
            out = evaluate(point)
            return float(out[VALUE]), {a: out[gradient_key(a)] for a in names}

        return value_gradient

    def scale(self, instance: Instance) -> float:
        """c."""
        return float(instance.binding.substitute(self.coefficient))

    def is_step(self, instance: Instance, point: Mapping[str, Any], value_gradient: Any) -> bool:
        """Whether the closed forms maximise the surrogate of this statement: checked at this point, on these data."""
        from ..kernels.optimizers.em import update

        arrays = instance.numbers
        with np.errstate(all="ignore"):
            _, slopes = value_gradient(point)
            after = update(point, slopes, self.roles, self.scale(instance))
            if after is None:
                return False
            (shares,) = planned(stabilise([self.responsibilities]), instance.binding, Float())(
                {**arrays, **point}
            )
            rates = planned(stabilise(list(self.surrogate.values())), instance.binding, Float())
            held = {**arrays, self.shares.name: shares}
            before = dict(zip(self.surrogate, rates({**held, **point}), strict=True))
            at_step = dict(zip(self.surrogate, rates({**held, **after}), strict=True))
        for name in self.surrogate:
            if name == self.roles.weights:  # on the simplex the gradient is constant, not zero
                at_step[name] = at_step[name] - at_step[name].mean()
            size = max(float(np.abs(before[name]).max()), float(np.abs(shares).sum()) * 1e-3)
            if not float(np.abs(at_step[name]).max()) <= 1e-6 * size:
                return False
        return True


@final
class PreparedMixture:
    """Expectation–maximisation on given data: `fast(iterations=20)` gives the unknowns by name."""

    def __init__(self, instance: Instance, point: Mapping[str, Any]) -> None:
        mixture = instance.posed.mixture
        if mixture is None:
            raise UnsupportedError(
                "the objective is no mixture likelihood with weights, means and covariances"
            )
        self._mixture, self._instance, self._point = mixture, instance, dict(point)
        self._value_gradient = mixture.bind(instance, "numba")
        if not mixture.is_step(instance, point, self._value_gradient):
            raise UnsupportedError(
                "the closed forms of the M-step do not maximise the bound of this statement"
            )

    def __call__(
        self, *, start: Mapping[str, Any] | None = None, iterations: int = 1000, tolerance: float = 1e-12
    ) -> dict[str, Any]:
        """The point after so many iterations, or where the objective falls by less than the tolerance, relatively."""
        from ..kernels.optimizers.em import expectation_maximisation

        point = {**self._point, **(start or {})}
        mixture = self._mixture
        scale = mixture.scale(self._instance)
        return expectation_maximisation(
            self._value_gradient, point, mixture.roles, scale, tol=tolerance, most=iterations
        )[0]
