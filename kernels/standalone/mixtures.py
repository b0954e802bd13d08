"""Expectation–maximisation in a solver file: kernel and steps as text, and whether they belong together.

The closed forms of the M-step are those of one family of statements. So before a file is written they are tried on the
statement at hand, on random data: they have to maximise its own bound.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import final

import numpy as np

from ...errors import UnsupportedError
from ...node import Variable
from ...solving import Instance
from ...solving.posed import Posed
from ...solving.starts import random_start
from ..inline import on_data
from ..optimizers import em
from ..oracle import VALUE, gradient_key
from . import data, trial
from .kernel_texts import Kernels
from .vector_texts import VECTORS
from .writing import stated_shape


@final
class LikelihoodFunction:
    """The kernel of a mixture as `likelihood(weights, means, covariances, data)`; `scale` is a number made of sizes."""

    def __init__(self, kernels: Kernels, roles: Sequence[str], scale: str) -> None:
        self.roles, self.scale = tuple(roles), scale
        inputs = kernels.inputs["mixture"]
        self.data = [name for name in inputs if name not in roles]
        given = {name: f"d{k}" for k, name in enumerate(self.data)}
        given |= dict(zip(roles, ("weights", "means", "covariances"), strict=True))
        slopes = [gradient_key(a) for a in roles]
        named = {VALUE: "value", **dict(zip(slopes, ("gw", "gm", "gS"), strict=True))}
        self.text = LIKELIHOOD.format(
            data=", ".join(given[name] for name in self.data),
            arguments=", ".join(given[name] for name in inputs),
            results=", ".join(named[key] for key in kernels.outputs["mixture"]),
            scale=scale,
        ).strip("\n")


def em_functions() -> dict[str, str]:
    """The text of the steps of expectation–maximisation, by name."""
    return {
        "maximised": "@strict\n" + VECTORS["maximised"].strip("\n"),
        "climb": f"@inside\n{on_data(em.climb, ('likelihood',))}",
    }


def check_step(posed: Posed, declared: Sequence[Variable], rows: str) -> None:
    """Raise `UnsupportedError` where the closed forms do not maximise the bound; `rows` names the data size."""
    mixture = posed.mixture
    assert mixture is not None
    shapes = {v.name: ast.literal_eval(stated_shape(v)) for v in (*posed.given, *posed.unknowns)}
    unknowns = {v.name: shapes.pop(v.name) for v in posed.unknowns}
    facts = {v.name: tuple(v.facts) for v in declared}
    statement = data.Statement(shapes, unknowns, facts, {}, rows, False, {})
    for seed in range(3):
        instance = Instance(posed, trial.random_data(statement, seed), {})
        point = random_start(posed.unknowns, instance.shapes, np.random.default_rng(seed))
        if not mixture.is_step(instance, point, mixture.bind(instance, "numpy")):
            raise UnsupportedError(
                "the closed forms of the M-step do not maximise the bound of this statement; use method='lbfgs'"
            )


LIKELIHOOD = '''
@strict
def likelihood(weights, means, covariances, data):
    """The objective and its slopes in weights, means and covariances."""
    ({data},) = data
    ({results},) = mixture_evaluate({arguments})
    return value, gw, gm, gS


def value_gradient(x, data):
    """f and ∇f in the free unknowns, from the slopes in those as stated."""
    layout, *mixture = data
    free = layout.unpack(x)
    point = stated_point(STATEMENT, free)
    f, *slopes = likelihood(*(np.ascontiguousarray(point[name]) for name in ROLES), tuple(mixture))
    return f, layout.pack(free_slopes(STATEMENT, free, dict(zip(ROLES, slopes))))


def scale_of(sizes):
    """c of the objective c Σ log Σ exp."""
    return float({scale})


@strict
def ascend(state, scale, tolerance, most, data):
    """Up to `most` steps of expectation–maximisation: state, steps."""
    (f, weights, means, covariances, gw, gm, gS, fall) = state
    s, taken = climb(data, State(f, weights, means, covariances, gw, gm, gS, fall), scale, tolerance, most)
    return (s.f, s.weights, s.means, s.covariances, s.gw, s.gm, s.gS, s.fall), taken
'''
