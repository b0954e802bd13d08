"""Solvers against their peers, to the same optimum: the whole `solve` call, certificate included.

Interleaved, medians. A peer that is not installed is left out; a row is measured only when both objectives
agree to 1e-8.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

import derive as dv

from .table import Table

Run = Callable[[], float]  # solves, and returns the objective reached


def data(n: int, d: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    y = X @ rng.standard_normal(d) + rng.standard_normal(n)
    return X, y, np.where(y > 0, 1.0, -1.0)


def logistic(n: int, d: int) -> dict[str, Run]:
    """Σ log(1 + exp(−tᵢ xᵢᵀw)) + ½‖w‖²"""
    X, _, t = data(n, d)
    problem = dv.minimize(
        "sum(softplus(-t * (X @ w))) + sumsq(w)/2",
        over="w",
        variables={"X": ("n", "d"), "t": ("n",), "w": ("d",)},
    )

    def value_gradient(w: Any) -> tuple[float, Any]:
        m = t * (X @ w)
        return float(np.logaddexp(0, -m).sum() + w @ w / 2), w - X.T @ (t / (1 + np.exp(m)))

    def scipy_run() -> float:
        options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
        found = scipy.optimize.minimize(
            value_gradient, np.zeros(d), jac=True, method="L-BFGS-B", options=options
        )
        return float(found.fun)

    return {"derive": lambda: float(problem.solve(X=X, t=t).fun), "scipy L-BFGS-B": scipy_run}


def nonnegative(n: int, d: int) -> dict[str, Run]:
    """½‖Xw − y‖², w ≥ 0"""
    X, y, _ = data(n, d)
    problem = dv.minimize(
        "sumsq(X @ w - y)/2",
        over="w",
        subject_to=["w >= 0"],
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    )
    return {
        "derive": lambda: float(problem.solve(X=X, y=y).fun),
        "scipy nnls": lambda: float(scipy.optimize.nnls(X, y)[1] ** 2 / 2),
    }


def lasso(n: int, d: int) -> dict[str, Run]:
    """½‖Xw − y‖² + λ‖w‖₁"""
    X, y, _ = data(n, d)
    lam = 0.1 * float(np.abs(X.T @ y).max())
    problem = dv.minimize(
        "sumsq(X @ w - y)/2 + lam*norm(w, 1)",
        over="w",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    )
    runs: dict[str, Run] = {"derive": lambda: float(problem.solve(X=X, y=y, lam=lam).fun)}
    try:
        from sklearn.linear_model import Lasso
    except ImportError:
        return runs

    def sklearn_run() -> float:
        w = Lasso(alpha=lam / n, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(X, y).coef_
        return float(np.sum((X @ w - y) ** 2) / 2 + lam * np.abs(w).sum())

    return {**runs, "scikit-learn": sklearn_run}


CASES = {"ridge-logistic": logistic, "NNLS": nonnegative, "lasso": lasso}


def table(quick: bool = False) -> Table:
    """Milliseconds to the optimum."""
    rows = []
    for name, case in CASES.items():
        for n, d in [(200, 10)] if quick else [(200, 10), (20_000, 100)]:
            runs = case(n, d)
            values = {who: run() for who, run in runs.items()}  # derived and compiled here
            best = min(values.values())
            times: dict[str, list[float]] = {who: [] for who in runs}
            for _ in range(3 if quick else 7):
                for who, run in runs.items():
                    began = time.perf_counter()
                    run()
                    times[who].append(time.perf_counter() - began)
            ours = statistics.median(times["derive"])
            for who in runs:
                spent = statistics.median(times[who])
                gap = (values[who] - best) / max(1.0, abs(best))
                agreed = f"{spent / ours:.2f}" if gap <= 1e-8 else f"not solved ({gap:.0e})"
                rows.append([name, f"{n}×{d}", who, f"{1e3 * spent:.2f}", agreed])
    return Table(
        "Solvers, whole call with certificate",
        ["problem", "size", "solver", "ms", "ratio to derive"],
        rows,
        "A ratio above 1 says that derive is faster.",
    )
