"""Least squares: minimise half the sum of squared residuals."""

from __future__ import annotations

from .model import Claim, Model, with_intercept, zeros

MODEL = Model(
    name="least_squares",
    title="Least squares",
    statement="sumsq(X @ w - y)/2",
    variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)},
    unknowns=("w",),
    data_set="longley",
    prepare=lambda raw: {"X": with_intercept(raw["X"]), "y": raw["y"]},
    start=zeros(("w", "X")),
    claims=(
        Claim("gradient", "w", "X.T @ (X @ w - y)"),
        Claim("hessian", "w", "X.T @ X"),
    ),
    source="Boyd & Vandenberghe, Convex Optimization, §1.2.1",
)
