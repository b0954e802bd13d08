"""EM from the statement of a mixture: responsibilities, closed M-steps, monotone likelihood."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.errors import UnsupportedError

SHAPES = {"X": ("n", "d"), "p": ("k",), "M": ("k", "d"), "S": ("k", "d", "d")}
FACTS = {"p": ["simplex", "positive"], "S": ["pd"]}
MIXTURE = (
    "sum(logsumexp(log(p) - logdet(S)/2"
    " - einsum('ikd,kde,ike->ik', X[:, None, :] - M, inv(S), X[:, None, :] - M)/2, axis=1))"
)


def test_gaussian_mixture() -> None:
    """Ten steps of EM in closed form, each raising the likelihood; the first against formulas written by hand."""
    stated = dv.maximize(MIXTURE, over=["p", "M", "S"], variables=SHAPES, facts=FACTS)
    step, shares = stated.expectation()
    assert str(shares["R"]).startswith("softmax(")
    forms = step.closed_form(joint=True)
    assert forms["p"].lines()[0] == "p = mean(R, axis=0)"
    assert forms["M"].lines()[0] == "M = diag(1 / sum(R, axis=0)) @ R.T @ X"
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 4]
    point = {"p": np.array([0.5, 0.5]), "M": x[[0, 45]], "S": np.array([np.eye(2)] * 2)}
    values = []
    for k in range(10):
        r = shares["R"].evaluate(X=x, **point)
        assert np.abs(r.sum(1) - 1).max() < 1e-12
        data = {"R": r, "X": x}
        for name, form in forms.items():
            data[name] = form.evaluate(data)
        point = {name: data[name] for name in point}
        if k == 0:
            assert point["p"] == pytest.approx(r.mean(0))
            assert point["M"] == pytest.approx((r.T @ x) / r.sum(0)[:, None])
            assert point["S"][1] == pytest.approx(np.cov(x.T, aweights=r[:, 1], ddof=0))
        values.append(float(stated.objective.evaluate(X=x, **point)))
    assert values == sorted(values) and values[-1] > values[0]


def test_the_surrogate_touches_and_bounds() -> None:
    """−f at the point itself differs by the entropy alone, and lies below elsewhere."""
    sizes = {"w": ("d",), "X": ("n", "d")}
    stated = dv.minimize("-logsumexp(X @ w) + sumsq(w)", over="w", variables=sizes)
    step, shares = stated.expectation()
    rng = np.random.default_rng(1)
    x, here = rng.normal(size=(4, 3)), rng.normal(size=3)
    r = shares["R"].evaluate(X=x, w=here)
    constant = float(stated.objective.evaluate(X=x, w=here) - step.objective.evaluate(X=x, w=here, R=r))
    for _ in range(20):
        w = here + rng.normal(size=3)
        bound = float(step.objective.evaluate(X=x, w=w, R=r)) + constant
        assert float(stated.objective.evaluate(X=x, w=w)) <= bound + 1e-12
    assert step.closed_form()["w"].lines()[0] == "w = X.T @ R / 2"


def test_no_expectation() -> None:
    """An objective that rises in its log-sum-exp, or has none, is refused."""
    sizes = {"w": ("d",), "X": ("n", "d")}
    for objective in ("logsumexp(X @ w)", "sumsq(X @ w)", "logsumexp(X @ w)**2"):
        with pytest.raises(UnsupportedError):
            dv.minimize(objective, over="w", variables=sizes).expectation()
