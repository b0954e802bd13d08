"""Ridge regression: least squares with a squared penalty on the weights (Hoerl & Kennard 1970)."""

from __future__ import annotations

from .model import Claim, Model, standardised, zeros

MODEL = Model(
    name="ridge",
    title="Ridge regression",
    statement="sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
    variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    facts={"lam": ("positive",)},
    unknowns=("w",),
    data_set="diabetes",
    prepare=lambda raw: {"X": standardised(raw["X"]), "y": raw["y"] - raw["y"].mean(), "lam": 10.0},
    start=zeros(("w", "X")),
    claims=(
        Claim("gradient", "w", "X.T @ (X @ w - y) + lam*w"),
        Claim("hessian", "w", "X.T @ X + lam*eye(d)"),
    ),
    source="Bishop, Pattern Recognition and Machine Learning, eq. 3.27",
)
