"""Normal densities, factorials and functions defined behind the formula, as papers write them; against SciPy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import derive as dv

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3))
M = RNG.normal(size=(2, 3))
S = np.stack([np.eye(3) + np.outer(v, v) for v in RNG.normal(size=(2, 3))])
W = np.array([0.3, 0.7])
B = RNG.normal(size=3)
Y = np.array([0.0, 2, 5, 1])

MIXTURE = {"X": ("n", "d"), "mu": ("K", "d"), "Sigma": ("K", "d", "d"), "pi": ("K",)}
AT_MIXTURE = {"X": X, "mu": M, "Sigma": S, "pi": W}
WANTED = float(
    np.log(sum(w * stats.multivariate_normal(m, s).pdf(X) for w, m, s in zip(W, M, S, strict=True))).sum()
)


@pytest.mark.parametrize(
    "text",
    [
        r"\sum_{i=1}^n\log\sum_{k=1}^K \pi_k \mathcal{N}(x_i\mid\mu_k,\Sigma_k)",
        r"\sum_i \ln\left\{\sum_{k=1}^K \pi_k"
        r" \mathcal N\left(\mathbf{x}_i|\boldsymbol{\mu}_k,\boldsymbol{\Sigma}_k\right)\right\}",
        r"\sum_{i=1}^n\log\sum_{k=1}^K\pi_k\mathcal N(x_i;\mu_k,\Sigma_k)",
        r"\sum_{i=1}^n\log\sum_{k=1}^K\frac{\pi_k}{(2\pi)^{d/2}|\Sigma_k|^{1/2}}"
        r"\exp\left(-\tfrac12(x_i-\mu_k)^\top\Sigma_k^{-1}(x_i-\mu_k)\right)",
    ],
)
def test_a_mixture(text: str) -> None:
    f = dv.parse_latex(text, variables=MIXTURE)
    assert np.isclose(float(f.evaluate(**AT_MIXTURE)), WANTED, rtol=1e-13)
    far = {**AT_MIXTURE, "X": 1000 * X}
    for unknown in MIXTURE:
        assert np.isfinite(dv.gradient(f, unknown).evaluate(**far)).all()


CASES: list[tuple[str, dict[str, Any], dict[str, Any], float]] = [
    (
        r"\log\mathcal N(y\mid Xw,\sigma^2 I)+\log\mathcal N(w\mid 0,\tau I_d)",
        {"X": ("n", "d"), "y": ("n",), "w": ("d",), "sigma": (), "tau": ()},
        {"X": X, "y": Y, "w": B, "sigma": 0.7, "tau": 2.0},
        stats.norm(X @ B, 0.7).logpdf(Y).sum() + stats.norm(0, np.sqrt(2)).logpdf(B).sum(),
    ),
    (
        r"-\log\prod_{i=1}^n \mathcal N(y_i \mid \mu,\sigma^2)",
        {"y": ("n",), "mu": (), "sigma": ()},
        {"y": Y, "mu": 0.4, "sigma": 1.5},
        -stats.norm(0.4, 1.5).logpdf(Y).sum(),
    ),
    (
        r"\mathcal N(|x|\mid\mu,s)",
        {"x": (), "mu": (), "s": ()},
        {"x": -0.3, "mu": 0.1, "s": 4.0},
        stats.norm(0.1, 2).pdf(0.3),
    ),
    (
        r"\sum_{i=1}^n\left(y_i a - e^a-\log y_i!\right)",
        {"y": ("n",), "a": ()},
        {"y": Y, "a": 0.3},
        stats.poisson(np.exp(0.3)).logpmf(Y).sum(),
    ),
    (r"\frac{m!}{k!(m-k)!}", {"m": (), "k": ()}, {"m": 7.0, "k": 3.0}, special.comb(7, 3)),
    (r"\mathrm{\pi}\sum_k\pi_k+2\pi", {"pi": ("K",)}, {"pi": W}, 3 * np.pi),
    (r"\frac{1}{\sqrt{d_k}}\sum_j q_j", {"q": ("d_k",)}, {"q": B}, B.sum() / np.sqrt(3)),
]


@pytest.mark.parametrize(("text", "declared", "at", "wanted"), CASES, ids=[c[0] for c in CASES])
def test_a_value(text: str, declared: dict[str, Any], at: dict[str, Any], wanted: float) -> None:
    assert np.isclose(float(dv.parse_latex(text, variables=declared).evaluate(**at)), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        r"\mathcal N(x\mid\mu,s)",  # a column has no variance
        r"\mathcal N(s\mid\mu)",
        r"\mathcal N(s,s)",
        r"\mathcal N(s\mid\mu,s",
        r"\mathcal N(s\mid 0, S)",
        r"s^2!",
        r"s!!",
        r"s!^2",
        r"3!",
        r"S!",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(dv.DeriveError):
        dv.parse_latex(text, variables={"x": ("d",), "mu": ("d",), "s": (), "S": ("d", "d")})


DEFINED = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "b": ()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"\sum_{i=1}^n (y_i - f(x_i))^2,\quad f(x)=w^\top x+b", "sumsq(X @ w - y + b)"),
        (
            r"\sum_{i=1}^n\ell(y_i,f(x_i)),\quad \ell(a,z)=\log(1+e^{-az}),\quad f(x)=w^\top x",
            "sum(softplus(-y * (X @ w)))",
        ),
        (r"g(y)+g(2y),\quad g(u)=\|h(u)\|^2,\quad h(u)=u\odot u", "17 * sum(y ** 4)"),
        (r"\sum_{i=1}^n g(x_i),\quad g(x)=\sum_{j=1}^d x_j^2", "sumsq(X)"),
        (r"g(b)+g(w),\quad g(u)=\|c\|,\quad c=u", "norm(w) + abs(b)"),
        (r"f(y),\quad f(y)=\|y\|", "norm(y)"),
    ],
)
def test_functions_defined_behind_the_formula(text: str, wanted: str) -> None:
    assert str(dv.parse_latex(text, variables=DEFINED)) == wanted


#: Every line twice the one behind it.
_LETTERS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu".split()
_DOUBLING = (
    "".join(rf",\quad \{a}(z)=\{b}(z)\{b}(2z)" for a, b in itertools.pairwise(_LETTERS))
    + rf",\quad \{_LETTERS[-1]}(z)=z"
)


@pytest.mark.parametrize(
    "text",
    [
        r"\sum_{i=1}^n g(x_i),\quad g(u)=\sum_{i=1}^d u_i^2",  # one name for two indices
        r"\sum_{i=1}^n g(y_i),\quad g(u)=c\cdot c,\quad c=\sum_{i=1}^n u",  # the same, one definition further
        r"g(b),\quad g(u)=h(u)+1,\quad h(u)=g(u)",
        r"g(b,b),\quad g(u)=u+1",
        r"g(b)+g,\quad g(u)=u+1",
        r"f(b)f(2b),\quad f(y)=y+1",  # y is declared
        r"g(w),\quad g(u)=u^2",
        r"g(b),\quad g(u)=y_iu",
        r"\alpha(b)" + _DOUBLING,
    ],
)
def test_definitions_that_are_refused(text: str) -> None:
    with pytest.raises(dv.DeriveError):
        dv.parse_latex(text, variables=DEFINED)


def test_pi_is_printed_upright_beside_a_variable_pi() -> None:
    f = dv.parse("2 * pi * sum(p)", variables={"p": ("k",)})
    assert f.latex() == r"2 \pi \mathbf{1}^\top p"
    g = dv.parse_latex(r"2\pi\sum_k\pi_k", variables={"pi": ("k",)})
    assert g.latex() == r"2 \mathrm{\pi} \mathbf{1}^\top \pi"
    assert dv.parse_latex(g.latex(), variables={"pi": ("k",)}).node is g.node
