"""Verification: finite differences, many digits, verdicts on hand derivations."""

from .assumptions import Assumptions
from .check import check_claim, check_same
from .differences import (
    DerivativeError,
    derivative_error,
    differences,
    directional_difference,
    directional_error,
    gradient_error,
    thin,
)
from .sampling import Point, draw
from .sweep import StepSweep, step_sweep, taylor_sweep
from .verdict import Counterexample, Diagnosis, Verdict

__all__ = [
    "Assumptions",
    "Counterexample",
    "DerivativeError",
    "Diagnosis",
    "Point",
    "StepSweep",
    "Verdict",
    "check_claim",
    "check_same",
    "derivative_error",
    "differences",
    "directional_difference",
    "directional_error",
    "draw",
    "gradient_error",
    "step_sweep",
    "taylor_sweep",
    "thin",
]
