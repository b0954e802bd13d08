"""How a run has ended: `result.status`, with one meaning whatever the method. 0 is success, as in SciPy."""

from __future__ import annotations

SUCCESS, ITERATIONS, TIME, INTERRUPT, STOPPED, NO_STEP, NO_MINIMUM, NO_VALUE, INFEASIBLE = range(9)
#: Ended by whoever runs it, who wants no other run after it.
BY_HAND = (INTERRUPT, STOPPED)

__all__ = [
    "BY_HAND",
    "INFEASIBLE",
    "INTERRUPT",
    "ITERATIONS",
    "NO_MINIMUM",
    "NO_STEP",
    "NO_VALUE",
    "STOPPED",
    "SUCCESS",
    "TIME",
]
