"""Step lengths of first-order methods from the derived constants μ ≤ ∇²f ≤ L, where the caller chose none.

    gradient-descent-fixed   2/(L + μ), without μ 1/L      (Nesterov 2018, theorems 2.1.15 and 2.1.14)
    nesterov-fixed           1/L, momentum (√κ − 1)/(√κ + 1), κ = L/μ         (scheme 2.2.22)
    momentum                 of a quadratic 4/(√L + √μ)², friction ((√κ − 1)/(√κ + 1))²   (Polyak 1964)
    the others               1/L as the first trial

The constants are those of the statement in its own unknowns; where these go through free ones, nothing is chosen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from .instance import Instance

#: Methods whose first length is an option.
_TRIALS = ("gradient-descent-armijo", "gradient-descent-wolfe", "nesterov", "momentum")


class Lengths(NamedTuple):
    """Options for the method, and the reason in words."""

    options: dict[str, float]
    reason: str


def lengths(method: str, instance: Instance, chosen: Any) -> Lengths | None:
    """The options that follow from the constants; None where the caller chose, or nothing is derived."""
    if method not in ("gradient-descent-fixed", "nesterov-fixed", *_TRIALS):
        return None
    if chosen.get("learning_rate") is not None or any(v.facts for v in instance.posed.unknowns):
        return None
    constants = instance.constants
    L, mu = constants.smooth, constants.strong or 0.0
    if L is None:
        return None
    known = f"L = {L:.4g} = λ_max of {constants.smooth_from}"
    if mu > 0.0:
        known += f", μ = {mu:.4g} = λ_min of {constants.strong_from}"
    root = float(np.sqrt(L / mu)) if mu > 0.0 else np.inf
    if method == "gradient-descent-fixed" and mu > 0.0:
        return _made("2/(L + μ)", 2.0 / (L + mu), known)
    if method == "nesterov-fixed" and mu > 0.0 and chosen.get("momentum") is None:
        beta = (root - 1.0) / (root + 1.0)
        return _made("1/L", 1.0 / L, known, "(√κ − 1)/(√κ + 1)", beta)
    if method == "momentum" and mu > 0.0 and _is_quadratic(instance) and "momentum" not in chosen:
        beta = ((root - 1.0) / (root + 1.0)) ** 2
        return _made(
            "4/(√L + √μ)²", 4.0 / (np.sqrt(L) + np.sqrt(mu)) ** 2, known, "((√κ − 1)/(√κ + 1))²", beta
        )
    return _made("1/L", 1.0 / L, known)


def _made(formula: str, value: float, known: str, friction: str = "", beta: float = 0.0) -> Lengths:
    options = {"learning_rate": float(value)}
    reason = f"length {formula} = {value:.4g}"
    if friction:
        options["momentum"] = float(beta)
        reason += f", momentum {friction} = {beta:.4g}"
    return Lengths(options, f"{reason}; {known}")


def _is_quadratic(instance: Instance) -> bool:
    composite = instance.posed.composite
    return composite is not None and composite.quadratic
