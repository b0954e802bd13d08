"""The optimizers, as records: what each needs of the oracle, how it starts and how it steps.

`METHODS` is keyed by our name; `method` accepts SciPy's spellings as well (`L-BFGS-B`, `trust-exact`, …).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from derive.errors import ArgumentError

from ..oracle import Oracle, Vector
from . import (
    adam,
    armijo,
    augmented_lagrangian,
    bfgs,
    dogleg,
    fixed_step,
    gauss_newton,
    gradient_descent,
    interior_point,
    lbfgs,
    levenberg_marquardt,
    momentum,
    nesterov,
    nesterov_fixed,
    newton,
    newton_cg,
    newton_cholesky,
    nonlinear_cg,
    projected_gradient,
    rmsprop,
    sgd,
    steepest_descent,
)
from .schedules import SCHEDULES

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """One optimizer.

    functions : the members of the oracle that `step` is called with, after the state
    start     : (oracle, x, f, g, options) -> state
    step      : (state, *functions) -> state, in the subset of Python that numba compiles
    scipy     : SciPy's names for the same or the nearest method
    polish    : whether a few more steps are cheap once the tolerance is met
    rate      : how fast it converges near a minimum: "superlinear", "linear" or "stochastic" (to a neighbourhood)
    options   : the names and the defaults of what a caller may choose
    """

    name: str
    functions: tuple[str, ...]
    start: Callable[[Oracle, Vector, float, Vector, Options], Any]
    step: Callable[..., Any]
    scipy: tuple[str, ...]
    title: str
    polish: bool = False
    rate: str = "superlinear"
    options: Options = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """Among gradient, hessian, hvp, residual_jacobian, batch_gradient."""
        return frozenset({"value_gradient": "gradient"}.get(f, f) for f in self.functions)

    def chosen(self, options: Options | None) -> dict[str, Any]:
        """The defaults, overruled by what a caller chose; an unknown name is an error."""
        given = dict(options or {})
        for name, value in given.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise ArgumentError(f"method {self.name} has no option {name!r}; its options: {known}")
            default = self.options[name]
            if isinstance(default, str) or isinstance(value, str):
                if value not in SCHEDULES:
                    raise ArgumentError(f"{name} is one of {', '.join(SCHEDULES)}, not {value!r}")
            elif not isinstance(value, bool | int | float | np.number | None) or (
                value is not None and not (np.isfinite(value) and value >= 0)
            ):
                raise ArgumentError(f"option {name} of {self.name} is a number ≥ 0, not {value!r}")
        return {**self.options, **given}


#: Above this many unknowns the Hessian is not computed merely to learn the scales of the unknowns.
SCALED_UP_TO = 200
MEMORY = 10
#: SciPy's methods without derivatives, which have no place here.
DERIVATIVE_FREE = {"nelder-mead", "powell", "cobyla", "cobyqa"}


def _diagonal(oracle: Oracle, x: Vector) -> Vector:
    """The inverse of the Hessian's diagonal at the start, where that is cheap and positive; else ones."""
    if "hessian" in oracle.has and oracle.size <= SCALED_UP_TO:
        diagonal = np.diagonal(oracle.hessian(x))
        if np.isfinite(diagonal).all() and diagonal.min() > 0.0:
            return np.asarray(1.0 / diagonal)
    return np.ones(oracle.size)


def _length(oracle: Oracle, x: Vector, g: Vector, options: Options) -> float:
    """The length asked for, or one over an estimate of the largest curvature at the start (power iteration)."""
    if options.get("learning_rate") is not None:
        return float(options["learning_rate"])
    size = float(np.sqrt(g @ g))
    if not np.isfinite(size) or size == 0.0:
        return 1.0
    v, curvature = g / size, 0.0
    far = 1e-6 * max(1.0, float(np.abs(x).max(initial=0.0)))
    for _ in range(8):
        if "hvp" in oracle.has:
            hv = oracle.hvp(x, v)
        else:
            hv = (oracle.value_gradient(x + far * v)[1] - g) / far
        grown = float(np.sqrt(hv @ hv))
        if not np.isfinite(grown) or grown == 0.0:
            break
        v, curvature = hv / grown, max(curvature, grown)
    return 1.0 / curvature if curvature > 0.0 else 1.0 / size


def _epochs(oracle: Oracle, options: Options) -> sgd.Run:
    """The run of mini-batches that the options ask for."""
    assert oracle.batches is not None  # `needs` says so
    if options["learning_rate"] is None or not options["epochs"] >= 1 or not options["batch_size"] >= 1:
        raise ArgumentError("learning_rate, epochs and batch_size are numbers, the last two at least 1")
    batches = oracle.batches.prepare(
        int(options["batch_size"]), int(options["seed"]), bool(options["shuffle"])
    )
    schedule = SCHEDULES[options["schedule"]]
    return sgd.Run(
        batches,
        int(options["epochs"]),
        float(options["learning_rate"]),
        schedule,
        float(options["warmup"]),
    )


_LENGTH: Options = {"learning_rate": None}
_BATCHES: Options = {
    "batch_size": 32,
    "epochs": 100,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 0.0,
    "seed": 0,
    "shuffle": True,
}

METHODS: dict[str, Method] = {
    m.name: m
    for m in (
        Method(
            "gradient-descent",
            ("value_gradient",),
            lambda o, x, f, g, c: gradient_descent.start(x, f, g, _diagonal(o, x)),
            gradient_descent.step,
            ("gd", "barzilai-borwein"),
            "gradient descent (Barzilai–Borwein)",
            rate="linear",
        ),
        Method(
            "gradient-descent-fixed",
            ("value_gradient",),
            lambda o, x, f, g, c: fixed_step.start(x, f, g, _length(o, x, g, c)),
            fixed_step.step,
            (),
            "gradient descent (fixed length)",
            rate="linear",
            options=_LENGTH,
        ),
        Method(
            "gradient-descent-armijo",
            ("value_gradient",),
            lambda o, x, f, g, c: armijo.start(x, f, g, _length(o, x, g, c)),
            armijo.step,
            ("armijo",),
            "gradient descent (Armijo)",
            rate="linear",
            options=_LENGTH,
        ),
        Method(
            "gradient-descent-wolfe",
            ("value_gradient",),
            lambda o, x, f, g, c: steepest_descent.start(x, f, g, _length(o, x, g, c)),
            steepest_descent.step,
            ("steepest-descent", "wolfe"),
            "gradient descent (strong Wolfe)",
            rate="linear",
            options=_LENGTH,
        ),
        Method(
            "momentum",
            ("value_gradient",),
            lambda o, x, f, g, c: momentum.start(x, f, g, _length(o, x, g, c), float(c["momentum"])),
            momentum.step,
            ("heavy-ball",),
            "gradient descent with momentum",
            rate="linear",
            options={**_LENGTH, "momentum": 0.9},
        ),
        Method(
            "nesterov",
            ("value_gradient",),
            lambda o, x, f, g, c: nesterov.start(x, f, g, _length(o, x, g, c)),
            nesterov.step,
            ("accelerated-gradient",),
            "Nesterov's accelerated gradient",
            rate="linear",
            options=_LENGTH,
        ),
        Method(
            "nesterov-fixed",
            ("value_gradient",),
            lambda o, x, f, g, c: nesterov_fixed.start(x, f, g, _length(o, x, g, c), c["momentum"]),
            nesterov_fixed.step,
            (),
            "Nesterov's accelerated gradient (fixed length)",
            rate="linear",
            options={**_LENGTH, "momentum": None},
        ),
        Method(
            "nonlinear-cg",
            ("value_gradient",),
            lambda o, x, f, g, c: nonlinear_cg.start(x, f, g, _length(o, x, g, _LENGTH)),
            nonlinear_cg.step,
            ("CG", "conjugate-gradient"),
            "nonlinear conjugate gradients",
        ),
        Method(
            "bfgs",
            ("value_gradient",),
            lambda o, x, f, g, c: bfgs.start(x, f, g, _diagonal(o, x)),
            bfgs.step,
            ("BFGS",),
            "BFGS",
        ),
        Method(
            "lbfgs",
            ("value_gradient",),
            lambda o, x, f, g, c: lbfgs.start(x, f, g, _diagonal(o, x), max(1, int(c["memory"]))),
            lbfgs.step,
            ("L-BFGS-B", "L-BFGS"),
            "L-BFGS",
            options={"memory": MEMORY},
        ),
        Method(
            "newton",
            ("value_gradient", "hessian"),
            lambda o, x, f, g, c: newton.start(x, f, g, o.hessian(x)),
            newton.step,
            ("trust-exact", "trust-region"),
            "Newton (trust region)",
            polish=True,
        ),
        Method(
            "newton-cholesky",
            ("value_gradient", "hessian"),
            lambda o, x, f, g, c: newton_cholesky.start(x, f, g, o.hessian(x)),
            newton_cholesky.step,
            (),
            "Newton (line search)",
            polish=True,
        ),
        Method(
            "dogleg",
            ("value_gradient", "hessian"),
            lambda o, x, f, g, c: dogleg.start(x, f, g, o.hessian(x)),
            dogleg.step,
            ("dogleg",),
            "dogleg (trust region)",
            polish=True,
        ),
        Method(
            "newton-cg",
            ("value_gradient", "hvp"),
            lambda o, x, f, g, c: newton_cg.start(x, f, g),
            newton_cg.step,
            ("Newton-CG", "trust-ncg", "trust-krylov"),
            "Newton–CG (trust region)",
        ),
        Method(
            "levenberg-marquardt",
            ("residual_jacobian",),
            lambda o, x, f, g, c: levenberg_marquardt.start(x, o.residual_jacobian),
            levenberg_marquardt.step,
            ("lm", "leastsq"),
            "Levenberg–Marquardt (trust region)",
            polish=True,
        ),
        Method(
            "gauss-newton",
            ("residual_jacobian",),
            lambda o, x, f, g, c: gauss_newton.start(x, o.residual_jacobian),
            gauss_newton.step,
            (),
            "Gauss–Newton (line search)",
            polish=True,
        ),
        Method(
            "sgd",
            ("value_gradient", "batch_gradient"),
            lambda o, x, f, g, c: sgd.start(x, f, g, _epochs(o, c), float(c["momentum"])),
            sgd.step,
            (),
            "stochastic gradient descent",
            rate="stochastic",
            options={**_BATCHES, "momentum": 0.0},
        ),
        Method(
            "rmsprop",
            ("value_gradient", "batch_gradient"),
            lambda o, x, f, g, c: rmsprop.start(x, f, g, _epochs(o, c), float(c["decay"])),
            rmsprop.step,
            (),
            "RMSprop",
            rate="stochastic",
            options={**_BATCHES, "decay": 0.9},
        ),
        Method(
            "adam",
            ("value_gradient", "batch_gradient"),
            lambda o, x, f, g, c: adam.start(x, f, g, _epochs(o, c), float(c["beta1"]), float(c["beta2"])),
            adam.step,
            (),
            "Adam",
            rate="stochastic",
            options={**_BATCHES, "beta1": 0.9, "beta2": 0.999},
        ),
    )
}


@dataclass(frozen=True)
class ConstrainedMethod:
    """One method for constraints: `solve(functions, z, max_iterations=…, watch=…) -> Answer`, and its limit."""

    name: str
    solve: Callable[..., interior_point.Answer]
    scipy: tuple[str, ...]
    title: str
    most: int


CONSTRAINED: dict[str, ConstrainedMethod] = {
    m.name: m
    for m in (
        ConstrainedMethod(
            "interior-point",
            interior_point.solve,
            ("trust-constr", "SLSQP"),
            "interior point",
            500,
        ),
        ConstrainedMethod(
            "augmented-lagrangian",
            augmented_lagrangian.solve,
            ("alm",),
            "augmented Lagrangian",
            100,
        ),
        ConstrainedMethod(
            "projected-gradient",
            projected_gradient.solve,
            ("TNC", "spg"),
            "spectral projected gradient",
            10_000,
        ),
    )
}


def constrained_method(name: str | None) -> ConstrainedMethod | None:
    """The method for constraints of that name, ours or SciPy's, in any case."""
    wanted = (name or "").lower().replace("_", "-")
    for record in CONSTRAINED.values():
        if wanted == record.name or wanted in {s.lower() for s in record.scipy}:
            return record
    return None


def method(name: str) -> Method:
    """The optimizer of that name, ours or SciPy's, in any case."""
    wanted = name.lower().replace("_", "-")
    for record in METHODS.values():
        if wanted == record.name or wanted in {s.lower() for s in record.scipy}:
            return record
    known = [*METHODS, *CONSTRAINED, *(s for m in METHODS.values() for s in m.scipy)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]}?" if close else ""
    if wanted in DERIVATIVE_FREE:
        hint = "; it uses no derivatives, and here they are at hand: leave the choice to the plan"
    raise ArgumentError(
        f"there is no method called {name!r} (known: {', '.join([*METHODS, *CONSTRAINED])}){hint}"
    )
