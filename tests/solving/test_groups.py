"""Weights on norms of groups: read off any spelling, solved by the proximal way, certified exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.groups import certify_groups

SHAPES = {"X": ("n", "d"), "y": ("n",), "t": ("n",), "B": ("n", "k"), "w": ("d",), "W": ("d", "k"), "lam": ()}
RNG = np.random.default_rng(3)
X = RNG.standard_normal((30, 6))
DATA = {
    "X": X,
    "y": X @ [2.0, -1.0, 0.0, 0.0, 0.1, 0.0] + 0.3 * RNG.standard_normal(30),
    "t": np.where(X[:, 0] + RNG.standard_normal(30) > 0, 1.0, -1.0),
    "B": np.outer(X[:, 1], [1.0, -2.0]) + 0.2 * RNG.standard_normal((30, 2)),
    "lam": 3.0,
}
SQUARES, ROWS = "sumsq(X @ w - y)/2", "sumsq(X @ W - B)/2"
CASES = {
    "slices": (f"{SQUARES} + lam*(norm(w[:2]) + 2*norm(w[2:5]))", "w"),
    "by hand": (f"{SQUARES} + lam*sqrt(w[0]**2 + w[1]**2) + lam*sqrt(sumsq(w[3:]))", "w"),
    "sparse": (f"{SQUARES} + lam/3*norm(w, 1) + lam*(norm(w[:3]) + norm(w[3:]))", "w"),
    "logistic": ("sum(softplus(-t*(X @ w))) + lam*(norm(w[:2]) + norm(w[2:]))", "w"),
    "rows": (f"{ROWS} + lam*sum(sqrt(sum(W**2, axis=1)))", "W"),
    "columns": (f"{ROWS} + lam*sum(sqrt(sum(W**2, axis=0)))", "W"),
    "all": (f"{ROWS} + 30*lam*norm(W)", "W"),
    "scaled": (f"{SQUARES} + norm(2*lam*w[:2]) + lam*norm(3*w[2:])", "w"),
}


def problem(objective: str, over: str) -> tuple[Any, dict[str, Any]]:
    used = [
        name
        for name in ("X", "y", "t", "B", "lam")
        if name in objective.replace("sqrt", "").replace("softplus", "")
    ]
    variables = {name: SHAPES[name] for name in (*used, over)}
    stated = dv.minimize(objective, over=over, variables=variables, facts={"lam": ("positive",)})
    return stated, {name: DATA[name] for name in used}


@pytest.mark.parametrize("name", CASES)
def test_groups(name: str) -> None:
    """The optimum of the interior point, found without slack variables, with groups that vanish whole."""
    objective, over = CASES[name]
    stated, data = problem(objective, over)
    found = stated.solve(data)
    expected = stated.solve(data, method="interior-point")
    assert found.success and found.fun == pytest.approx(expected.fun, rel=1e-9)
    np.testing.assert_allclose(found[over], expected[over], atol=2e-5)
    if name != "scaled":  # whose weight is data under the root: not plain entries of the unknown
        assert found.method == "proximal-gradient" and "norms of groups" in stated.plan(data).reason
    if name == "rows":
        assert (np.abs(found["W"]).max(axis=1) == 0.0).sum() >= 3


def test_what_overlaps_goes_elsewhere() -> None:
    """Overlapping groups have no such proximal map; a group under constraints has none either."""
    stated, data = problem(f"{SQUARES} + lam*(norm(w[:3]) + norm(w[2:]))", "w")
    found = stated.solve(data)
    assert found.success and found.method == "interior-point"
    bound = dv.minimize(
        f"{SQUARES} + 3*norm(w)", over="w", subject_to=["w >= 0"],
        variables={name: SHAPES[name] for name in ("X", "y", "w")},
    )  # fmt: skip
    assert bound.solve(X=DATA["X"], y=DATA["y"]).method == "interior-point"


def test_certificate_refuses_points_nearby() -> None:
    """Zero is optimal up to the norm of the gradient, and not beyond."""
    g, group = np.array([3.0, -4.0]), np.array([0, 0])
    zero, none = np.zeros(2), np.zeros(2)

    def at(weight: float, x: Any) -> bool:
        found = certify_groups(
            1.0, g, np.eye(2), none, group, np.array([weight]), x, statement_value=value(weight, x)
        )
        return found.ok()

    def value(weight: float, x: Any) -> float:
        return 1.0 + weight * float(np.sqrt(x @ x))

    assert at(5.0, zero) and at(6.0, zero) and not at(4.999, zero)
    along = -g / 5.0
    assert at(5.0, along) and not at(5.0, along + np.array([1e-3, 0.0]))


def test_fewer_rows_than_unknowns() -> None:
    """Steps along what does not bend would be rounding over rounding: a run went to 10⁹ and "fell for ever"."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((2, 9))
    X[:, -1] = X[:, 0] + 1e-6 * rng.standard_normal(2)
    B = np.ones((2, 2)) + 0.1 * rng.standard_normal((2, 2))
    stated, _ = problem(CASES["rows"][0], "W")
    for lam in (1e-7, 1e-4, 1e-2):
        found = stated.solve(X=X, B=B, lam=lam)
        assert found.success and found.fun < 3.0 * lam, found.message
