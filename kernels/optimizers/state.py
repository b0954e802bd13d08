"""What all optimizer states have in common, and the measure by which they stop.

A state is a NamedTuple of arrays and scalars whose first fields are

    x, f, g       the point, its value and its gradient
    status        RUNNING, or why no further step is possible
    evaluations   how often f and ∇f were computed
    length        ‖x_new − x_old‖ of the last step

and `step(state, value_gradient, …) -> state` makes one iteration. Steps and all that they call stay within
the subset of Python that numba compiles, so that the same source runs under Python, compiled, or
emitted into a standalone file. Work arrays in a state (memory of L-BFGS) are overwritten by the next step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

Vector = np.ndarray[tuple[int], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
ValueGradient = Callable[[Vector], tuple[float, Vector]]
HessianOf = Callable[[Vector], Matrix]
HessianProduct = Callable[[Vector, Vector], Vector]

RUNNING = 0
STALLED = 1  # no step improves on the point: rounding level, or a gradient that is not one
UNBOUNDED = 2  # the value fell to −∞
NOT_FINITE = 3  # NaN or ∞ where no shorter step avoids it
FINISHED = 4  # the planned number of epochs is done

#: Relative size below which two objective values are taken as equal.
NOISE = 1e-12


class State(Protocol):
    """The fields that every state has."""

    @property
    def x(self) -> Vector: ...
    @property
    def f(self) -> float: ...
    @property
    def g(self) -> Vector: ...
    @property
    def status(self) -> int: ...
    @property
    def evaluations(self) -> int: ...
    @property
    def length(self) -> float: ...


Step = Callable[..., Any]


def scaled_gradient(x: Vector, f: float, g: Vector, magnitude: float) -> float:
    """max_i |g_i| max(1, |x_i|) / max(|f|, magnitude), the relative gradient.

    To first order the relative change of f when x_i moves by its own size
    (Dennis & Schnabel, Numerical Methods for Unconstrained Optimization, 1983, eq. 7.2.5);
    `magnitude` is the typical size of f.
    """
    largest = float(np.max(np.abs(g) * np.maximum(1.0, np.abs(x))))
    if largest == 0.0:
        return 0.0
    return largest / max(abs(f), magnitude, 1e-300)


def all_finite(f: float, g: Vector) -> bool:
    """Whether the value and every entry of the gradient are finite."""
    return bool(np.isfinite(f)) and bool(np.all(np.isfinite(g)))


def falls_for_ever(value: Callable[[Vector], float], x: Vector) -> bool:
    """Whether an objective falls along the ray from 0 through x as a line does at least, from 10⁴ to 10¹² times x."""
    values = [value(10.0**k * x) for k in range(4, 13)]
    return values[0] < 0.0 and all(b <= 5.0 * a for a, b in itertools.pairwise(values))
