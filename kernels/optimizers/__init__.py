"""The optimizers, as records: what each needs of the oracle, how it starts and how it steps.

`METHODS` is keyed by our name; `method` accepts SciPy's spellings as well (`L-BFGS-B`, `trust-exact`, …).
"""

from __future__ import annotations

import difflib

from derive.errors import ArgumentError

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
from .beginnings import BATCHES, LENGTH, first_length, inverse_diagonal, planned_epochs
from .records import ConstrainedMethod, Method

__all__ = ["CONSTRAINED", "METHODS", "ConstrainedMethod", "Method", "constrained_method", "method"]

#: How many pairs L-BFGS keeps.
MEMORY = 10
#: SciPy's methods without derivatives, which have no place here.
DERIVATIVE_FREE = {"nelder-mead", "powell", "cobyla", "cobyqa"}

METHODS: dict[str, Method] = {
    m.name: m
    for m in (
        Method(
            "gradient-descent",
            ("value_gradient",),
            lambda o, x, f, g, c: gradient_descent.start(x, f, g, inverse_diagonal(o, x)),
            gradient_descent.step,
            ("gd", "barzilai-borwein"),
            "gradient descent (Barzilai–Borwein)",
            rate="linear",
        ),
        Method(
            "gradient-descent-fixed",
            ("value_gradient",),
            lambda o, x, f, g, c: fixed_step.start(x, f, g, first_length(o, x, g, c)),
            fixed_step.step,
            (),
            "gradient descent (fixed length)",
            rate="linear",
            options=LENGTH,
        ),
        Method(
            "gradient-descent-armijo",
            ("value_gradient",),
            lambda o, x, f, g, c: armijo.start(x, f, g, first_length(o, x, g, c)),
            armijo.step,
            ("armijo",),
            "gradient descent (Armijo)",
            rate="linear",
            options=LENGTH,
        ),
        Method(
            "gradient-descent-wolfe",
            ("value_gradient",),
            lambda o, x, f, g, c: steepest_descent.start(x, f, g, first_length(o, x, g, c)),
            steepest_descent.step,
            ("steepest-descent", "wolfe"),
            "gradient descent (strong Wolfe)",
            rate="linear",
            options=LENGTH,
        ),
        Method(
            "momentum",
            ("value_gradient",),
            lambda o, x, f, g, c: momentum.start(x, f, g, first_length(o, x, g, c), float(c["momentum"])),
            momentum.step,
            ("heavy-ball",),
            "gradient descent with momentum",
            rate="linear",
            options={**LENGTH, "momentum": 0.9},
        ),
        Method(
            "nesterov",
            ("value_gradient",),
            lambda o, x, f, g, c: nesterov.start(x, f, g, first_length(o, x, g, c)),
            nesterov.step,
            ("accelerated-gradient",),
            "Nesterov's accelerated gradient",
            rate="linear",
            options=LENGTH,
        ),
        Method(
            "nesterov-fixed",
            ("value_gradient",),
            lambda o, x, f, g, c: nesterov_fixed.start(x, f, g, first_length(o, x, g, c), c["momentum"]),
            nesterov_fixed.step,
            (),
            "Nesterov's accelerated gradient (fixed length)",
            rate="linear",
            options={**LENGTH, "momentum": None},
        ),
        Method(
            "nonlinear-cg",
            ("value_gradient",),
            lambda o, x, f, g, c: nonlinear_cg.start(x, f, g, first_length(o, x, g, LENGTH)),
            nonlinear_cg.step,
            ("CG", "conjugate-gradient"),
            "nonlinear conjugate gradients",
        ),
        Method(
            "bfgs",
            ("value_gradient",),
            lambda o, x, f, g, c: bfgs.start(x, f, g, inverse_diagonal(o, x)),
            bfgs.step,
            ("BFGS",),
            "BFGS",
        ),
        Method(
            "lbfgs",
            ("value_gradient",),
            lambda o, x, f, g, c: lbfgs.start(x, f, g, inverse_diagonal(o, x), max(1, int(c["memory"]))),
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
            ("lm", "leastsq", "trf"),
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
            lambda o, x, f, g, c: sgd.start(x, f, g, planned_epochs(o, c), float(c["momentum"])),
            sgd.step,
            (),
            "stochastic gradient descent",
            rate="stochastic",
            options={**BATCHES, "momentum": 0.0},
        ),
        Method(
            "rmsprop",
            ("value_gradient", "batch_gradient"),
            lambda o, x, f, g, c: rmsprop.start(x, f, g, planned_epochs(o, c), float(c["decay"])),
            rmsprop.step,
            (),
            "RMSprop",
            rate="stochastic",
            options={**BATCHES, "decay": 0.9},
        ),
        Method(
            "adam",
            ("value_gradient", "batch_gradient"),
            lambda o, x, f, g, c: adam.start(
                x, f, g, planned_epochs(o, c), float(c["beta1"]), float(c["beta2"])
            ),
            adam.step,
            (),
            "Adam",
            rate="stochastic",
            options={**BATCHES, "beta1": 0.9, "beta2": 0.999},
        ),
    )
}


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
