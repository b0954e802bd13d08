"""What methods start with: scales of the unknowns, a first length, a run of mini-batches; and the options for these."""

from __future__ import annotations

import numpy as np

from derive.errors import ArgumentError

from ..oracle import Oracle, Vector
from . import sgd
from .records import Options
from .schedules import SCHEDULES

#: Above this many unknowns the Hessian is not computed merely to learn the scales of the unknowns.
SCALED_UP_TO = 200


def inverse_diagonal(oracle: Oracle, x: Vector) -> Vector:
    """The inverse of the Hessian's diagonal at the start, where that is cheap and positive; else ones."""
    if "hessian" in oracle.has and oracle.size <= SCALED_UP_TO:
        diagonal = np.diagonal(oracle.hessian(x))
        if np.isfinite(diagonal).all() and diagonal.min() > 0.0:
            return np.asarray(1.0 / diagonal)
    return np.ones(oracle.size)


def first_length(oracle: Oracle, x: Vector, g: Vector, options: Options) -> float:
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


def planned_epochs(oracle: Oracle, options: Options) -> sgd.Run:
    """The run of mini-batches that the options ask for."""
    assert oracle.batches is not None  # `needs` says so
    if options["learning_rate"] is None:
        raise ArgumentError(
            "the learning_rate of mini-batches is a number: no bound of the curvature holds for them"
        )
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


LENGTH: Options = {"learning_rate": None}
BATCHES: Options = {
    "batch_size": 32,
    "epochs": 100,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "warmup": 0.0,
    "seed": 0,
    "shuffle": True,
}
