"""Lagrangians and KKT systems: exact text, finite differences, and known optima."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, DeclarationError, UnsupportedError

VARIABLES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"),
    "y": ("n",),
    "w": ("d",),
    "A": ("m", "d"),
    "b": ("m",),
    "W": ("d", "k"),
    "S": ("d", "d"),
    "C": ("d", "d"),
    "p": ("d",),
    "t": (),
    "R": ("d", "d"),
}
FACTS = {"C": ["symmetric"], "S": ["psd"], "p": ["simplex"], "R": ["orthogonal"]}


def problem(objective: str, over: object, *conditions: str, sense: str = "minimize") -> dv.Problem:
    loss = dv.parse(objective, variables=VARIABLES, facts=FACTS)
    return getattr(dv, sense)(loss, over=over, subject_to=list(conditions))


def test_constrained_least_squares() -> None:
    """Xᵀ(Xw − y) + Aᵀλ + ν𝟏 = 0: 𝟏 is written in LaTeX, and is NumPy's broadcasting in the text."""
    kkt = problem("sumsq(X @ w - y)/2", "w", "A @ w <= b", "sum(w) == 1").kkt()
    assert kkt.lines() == [
        "stationarity",
        "  X.T @ (X @ w - y) + A.T @ lambda_1 + nu_1 == 0    (in w)",
        "primal feasibility",
        "  A @ w <= b",
        "  sum(w) == 1",
        "dual feasibility",
        "  lambda_1 >= 0",
        "complementary slackness",
        "  lambda_1 * (A @ w - b) == 0",
        "multipliers: lambda_1 (m,), nu_1 ()",
    ]
    assert r"X^\top (X w - y) + A^\top \lambda_{1} + \nu_{1} \mathbf{1} = 0" in kkt.latex()
    assert r"\lambda_{1} \odot (A w - b) = 0" in kkt.latex()


def test_orthonormality_has_a_symmetric_multiplier() -> None:
    """max tr(WᵀCW), WᵀW = I  =>  CW = WN: the eigenproblem."""
    kkt = problem("tr(W.T @ C @ W)", "W", "W.T @ W == eye(k)", sense="maximize").kkt(names=["N"])
    assert kkt.lines()[1] == "  2 * (C @ W - W @ N) == 0    (in W)"
    assert "symmetric" in kkt.multipliers[0].facts


def test_semidefinite_unknown() -> None:
    """S ⪰ 0 has a multiplier Λ ⪰ 0 with ΛS = 0."""
    text = str(problem("tr(C @ S) - logdet(S)", "S", "tr(S) == 1").kkt())
    assert "C - inv(S) - Lambda_1 + nu_1 * eye(d) == 0" in text
    assert "S ⪰ 0" in text and "Lambda_1 ⪰ 0" in text and "Lambda_1 @ S == 0" in text


def test_simplex_box_ball_and_orthogonal() -> None:
    """Facts are constraints; bounds and balls keep the side on which they were stated."""
    assert "lambda_1 * p == 0" in str(problem("p @ C @ p", "p").kkt())
    text = str(problem("sumsq(X @ w - y)", "w", "w >= -1", "w <= 1", "sumsq(w) <= t").kkt())
    assert "lambda_1 * (1 + w) == 0" in text and "lambda_2 * (w - 1) == 0" in text
    assert "R.T @ R == eye(d)" in str(problem("sumsq(X @ R - X)", "R").kkt())


def test_names() -> None:
    """Users name multipliers; clashes and surplus names are refused."""
    stated = problem("sumsq(w)/2", "w", "norm(w) <= 1")
    assert "mu >= 0" in str(stated.kkt(names=["mu"]))
    with pytest.raises(DeclarationError, match="taken"):
        stated.kkt(names=["w"])
    with pytest.raises(ArgumentError, match="more names"):
        stated.kkt(names=["a", "b"])
    whole = dv.minimize("sumsq(z)", over="z", variables={"z": ("d",)}, facts={"z": ["integer"]})
    with pytest.raises(UnsupportedError, match="integer"):
        whole.kkt()


@pytest.mark.parametrize(
    ("objective", "over", "conditions", "sense"),
    [
        ("sumsq(X @ w - y)/2", "w", ("A @ w <= b", "sum(w) == 1"), "minimize"),
        ("tr(W.T @ C @ W)", "W", ("W.T @ W == eye(k)",), "maximize"),
        ("sum(exp(X @ w))", "w", ("sumsq(w) <= t", "w >= -1"), "minimize"),
        ("tr(C @ S) - logdet(S)", "S", ("tr(S) == 1",), "minimize"),
    ],
)
def test_stationarity_is_the_slope_of_the_lagrangian(
    objective: str, over: str, conditions: tuple[str, ...], sense: str
) -> None:
    """⟨∇ₓL, v⟩ = (L(x + hv) − L(x − hv)) / 2h"""
    stated = problem(objective, over, *conditions, sense=sense)
    rng, sizes = np.random.default_rng(0), {"n": 4, "d": 3, "k": 2, "m": 2}
    lagrangian = stated.lagrangian()
    kkt = stated.kkt()
    (gradient,) = [dv.Expression(g, lagrangian.declared) for g in kkt.stationarity.values()]
    arrays = {}
    for v in lagrangian.declared:
        shape = tuple(sizes[str(s)] for s in v.shape)
        a = np.asarray(rng.standard_normal(shape))
        if "symmetric" in v.facts and len(shape) == 2:
            a = a @ a.T + np.eye(shape[0])
        if "simplex" in v.facts:
            a = np.full(shape, 1 / shape[-1])
        if "orthogonal" in v.facts:
            a = np.eye(shape[-1])
        arrays[v.name] = np.abs(a) if "nonnegative" in v.facts else a
    step = rng.standard_normal(arrays[over].shape)
    step = step + step.T if "symmetric" in kkt.unknowns[0].facts else step
    h = 1e-5

    def at(t: float) -> float:
        return float(lagrangian.evaluate({**arrays, over: arrays[over] + t * step}))

    slope = np.sum(gradient.evaluate(arrays) * step)
    assert slope == pytest.approx((at(h) - at(-h)) / (2 * h), rel=1e-6)


def test_residual_of_a_known_optimum() -> None:
    """The projection onto the simplex satisfies its conditions; another point does not."""
    stated = dv.minimize(
        "sumsq(p - c)/2", over="p", variables={"p": ("d",), "c": ("d",)}, facts={"p": ["simplex"]}
    )
    c = np.array([0.9, 0.5, -0.3])
    good = stated.kkt_residual({"p": [0.7, 0.3, 0.0]}, c=c)
    assert good.largest < 1e-10
    assert good.multipliers["lambda_1"] == pytest.approx([0, 0, 0.5])
    assert stated.kkt_residual({"p": [0.5, 0.5, 0.0]}, c=c).largest > 0.05
    given = stated.kkt_residual({"p": [0.7, 0.3, 0.0], "lambda_1": [0, 0, 0.5], "nu_1": 0.2}, c=c)
    assert given.largest < 1e-12
    assert stated.kkt_residual({"p": [0.7, 0.4, 0.0]}, c=c).primal == pytest.approx(0.1)


def test_residual_of_an_eigenvector() -> None:
    """An eigenvector is stationary for the Rayleigh quotient on the sphere, with its eigenvalue as multiplier."""
    stated = problem("w @ C @ w", "w", "w @ w == 1", sense="maximize")
    matrix = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 1]])
    values, vectors = np.linalg.eigh(matrix)
    found = stated.kkt_residual({"w": vectors[:, 2]}, C=matrix)
    assert found.largest < 1e-10
    assert float(found.multipliers["nu_1"]) == pytest.approx(values[2])


def test_kinks_are_named() -> None:
    """0 ∈ Xᵀ(Xw − y) + λ ∂‖w‖₁: sign(0) stands for any number of [−1, 1]; smooth conditions name nothing."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
    lasso = dv.minimize("sumsq(X @ w - y)/2 + lam*norm(w, 1)", over="w", variables=shapes).kkt()
    assert lasso.lines()[2] == "  where sign(0) is any number in [-1, 1]"
    assert r"\operatorname{sign}(0) \in [-1, 1]" in lasso.latex()
    assert lasso.record()["kinks"] == ["sign(0) is any number in [-1, 1]"]
    for text, word in (
        ("sum(maximum(0, 1 - y*(X @ w)))", "step(0)"),
        ("norm(X @ w - y)", "v / norm(v)"),
        ("max(X @ w)", "largest"),
        ("sum(maximum(y, X @ w))", "sign(0)"),
        ("lam*sumsq(w) + sign(lam)*sum(y*(X @ w))", ""),
        ("sumsq(w)/norm(y)", ""),
    ):
        used = {k: v for k, v in shapes.items() if k in text}
        found = [t for t, _ in dv.minimize(text, over="w", variables=used).kkt().kinks()]
        assert len(found) == bool(word) and all(word in t for t in found)
