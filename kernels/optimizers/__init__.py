"""The optimizers, as records: what each needs of the oracle, how it starts and how it steps.

`METHODS` is keyed by our name; `method` accepts SciPy's spellings as well (`L-BFGS-B`, `trust-exact`, …).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.errors import ArgumentError

from ..oracle import Oracle, Vector
from . import gradient_descent, lbfgs, levenberg_marquardt, newton, newton_cg


@dataclass(frozen=True)
class Method:
    """One optimizer.

    functions : the members of the oracle that `step` is called with, after the state
    start     : (oracle, x, f, g) -> state
    step      : (state, *functions) -> state, in the subset of Python that numba compiles
    scipy     : SciPy's names for the same or the nearest method
    polish    : whether a few more steps are cheap once the tolerance is met
    """

    name: str
    functions: tuple[str, ...]
    start: Callable[[Oracle, Vector, float, Vector], Any]
    step: Callable[..., Any]
    scipy: tuple[str, ...]
    title: str
    polish: bool = False

    @property
    def needs(self) -> frozenset[str]:
        """Among gradient, hessian, hvp, residual_jacobian."""
        return frozenset({"value_gradient": "gradient"}.get(f, f) for f in self.functions)


#: Above this many unknowns the Hessian is not computed merely to learn the scales of the unknowns.
SCALED_UP_TO = 200
MEMORY = 10


def _diagonal(oracle: Oracle, x: Vector) -> Vector:
    """The inverse of the Hessian's diagonal at the start, where that is cheap and positive; else ones."""
    if "hessian" in oracle.has and oracle.size <= SCALED_UP_TO:
        diagonal = np.diagonal(oracle.hessian(x))
        if np.isfinite(diagonal).all() and diagonal.min() > 0.0:
            return np.asarray(1.0 / diagonal)
    return np.ones(oracle.size)


METHODS: dict[str, Method] = {
    m.name: m
    for m in (
        Method(
            "gradient-descent",
            ("value_gradient",),
            lambda o, x, f, g: gradient_descent.start(x, f, g, _diagonal(o, x)),
            gradient_descent.step,
            ("gd",),
            "gradient descent (Barzilai–Borwein)",
        ),
        Method(
            "lbfgs",
            ("value_gradient",),
            lambda o, x, f, g: lbfgs.start(x, f, g, _diagonal(o, x), MEMORY),
            lbfgs.step,
            ("L-BFGS-B", "BFGS", "CG"),
            "L-BFGS",
        ),
        Method(
            "newton",
            ("value_gradient", "hessian"),
            lambda o, x, f, g: newton.start(x, f, g, o.hessian(x)),
            newton.step,
            ("trust-exact", "dogleg", "trust-region"),
            "Newton (trust region)",
            polish=True,
        ),
        Method(
            "newton-cg",
            ("value_gradient", "hvp"),
            lambda o, x, f, g: newton_cg.start(x, f, g),
            newton_cg.step,
            ("Newton-CG", "trust-ncg", "trust-krylov"),
            "Newton–CG (trust region)",
        ),
        Method(
            "levenberg-marquardt",
            ("residual_jacobian",),
            lambda o, x, f, g: levenberg_marquardt.start(x, o.residual_jacobian),
            levenberg_marquardt.step,
            ("lm", "leastsq"),
            "Levenberg–Marquardt (trust region)",
            polish=True,
        ),
    )
}


def method(name: str) -> Method:
    """The optimizer of that name, ours or SciPy's, in any case."""
    wanted = name.lower().replace("_", "-")
    for record in METHODS.values():
        if wanted == record.name or wanted in {s.lower() for s in record.scipy}:
            return record
    known = [*METHODS, *(s for m in METHODS.values() for s in m.scipy)]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ArgumentError(f"there is no method called {name!r} (known: {', '.join(METHODS)}){hint}")
