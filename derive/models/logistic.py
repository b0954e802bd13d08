"""Logistic regression with labels 0 and 1 and a small ridge penalty, which keeps separable data bounded."""

from __future__ import annotations

from .model import Claim, Model, standardised, with_intercept, zeros

MODEL = Model(
    name="logistic",
    title="Logistic regression",
    statement="sum(log(1 + exp(X @ w)) - y * (X @ w)) + lam/2*sumsq(w)",
    variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    facts={"lam": ("positive",)},
    unknowns=("w",),
    data_set="breast_cancer",
    prepare=lambda raw: {
        "X": with_intercept(standardised(raw["X"])),
        "y": raw["y"].astype(float),
        "lam": 1.0,
    },
    start=zeros(("w", "X")),
    claims=(
        Claim("gradient", "w", "X.T @ (sigmoid(X @ w) - y) + lam*w"),
        Claim("hessian", "w", "X.T @ diag(sigmoid(X @ w)*(1 - sigmoid(X @ w))) @ X + lam*eye(d)"),
    ),
    source="Bishop, Pattern Recognition and Machine Learning, eq. 4.90",
)
