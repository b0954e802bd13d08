"""Every penalty: its proximal map minimises what it says, and the optimality distance vanishes there alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derive.kernels.optimizers.fista import CONVERGED, fista
from derive.kernels.optimizers.matrices import Matrices
from derive.kernels.optimizers.penalties import PENALTIES

RNG = np.random.default_rng(5)
WEIGHTS = RNG.random(6) + 0.2
PARAMETERS: dict[str, tuple[Any, ...]] = {
    "norm1": (WEIGHTS,),
    "squared-norm": (0.7,),
    "elastic-net": (0.4, 0.9),
    "group": (0.8,),
    "groups": (0.3 * WEIGHTS, np.array([0, 1, 0, -1, 1, 1]), np.array([0.5, 0.9])),
    "box": (-0.3, 0.6),
    "nonnegative": (),
    "simplex": (1.5,),
    "separable": (WEIGHTS, -0.2, 0.9),
    "nuclear": (
        Matrices([(0, 2, 2, 0.8)]),
        np.array([0.0, 0.0, 0.0, 0.0, 0.3, 0.2]),
        np.array([-np.inf] * 4 + [-0.2, -0.1]),
        np.array([np.inf] * 4 + [0.9, 0.7]),
    ),
}


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_prox(name: str) -> None:
    """u = prox_{tφ}(v) satisfies 0 ∈ u − v + t∂φ(u), and no nearby point is better."""
    penalty = PENALTIES[name].of(*PARAMETERS[name])
    for t in (0.3, 1.0, 2.5):
        v = 1.5 * RNG.standard_normal(6)
        u = penalty.prox(v, t)
        assert float(penalty.distance((u - v) / t, u).max()) < 1e-12
        best = 0.5 * float((u - v) @ (u - v)) + t * penalty.value(u)
        assert np.isfinite(best)
        for _ in range(40):
            w = penalty.prox(u + 0.1 * RNG.standard_normal(6), 1e-12)
            assert 0.5 * float((w - v) @ (w - v)) + t * penalty.value(w) >= best - 1e-9


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_distance_is_not_zero_elsewhere(name: str) -> None:
    """At a point that is no minimiser the distance is positive."""
    penalty = PENALTIES[name].of(*PARAMETERS[name])
    v = np.array([1.4, -2.0, 0.5, 2.2, -1.1, 0.9])
    elsewhere = penalty.prox(-v, 0.7)
    assert float(penalty.distance(elsewhere - v, elsewhere).max()) > 1e-3


def test_group_is_whole_rows() -> None:
    """Rows of a matrix vanish together."""
    V = np.array([[0.1, -0.1, 0.05], [2.0, 1.0, -2.0]])
    found = PENALTIES["group"].of(0.9).prox(V, 1.0)
    assert (found[0] == 0.0).all()
    np.testing.assert_allclose(found[1], V[1] * (1 - 0.9 / 3.0))


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_fista(name: str) -> None:
    """A least-squares fit with each penalty ends at a certified point."""
    X, y = RNG.standard_normal((15, 6)), RNG.standard_normal(15)
    penalty = PENALTIES[name].of(*PARAMETERS[name])

    def value_gradient(w: Any) -> tuple[float, Any]:
        r = X @ w - y
        return 0.5 * float(r @ r), X.T @ r

    x, first, status, _, _ = fista(value_gradient, penalty, np.zeros(6), tol=1e-10, most=5000)
    assert status == CONVERGED
    f, g = value_gradient(x)
    assert float(penalty.distance(g, x).max()) <= 1e-9 * max(1.0, f + penalty.value(x))
    assert f + penalty.value(x) <= first + 1e-12
