"""Gaussian mixture with full covariances: the negative log-likelihood per observation.

Weights on the simplex, means and positive definite covariances are stated as themselves;
`reparametrise` derives the unconstrained form that an optimizer sees.
"""

from __future__ import annotations

import numpy as np

from .model import Arrays, Claim, Model

_COMPONENTS = 3
_GAPS = "(X[:, None, :] - mu)"
_LOGS = (
    f'log(pi_) - logdet(Sigma)/2 - d/2*log(2*pi) - einsum("nka,kab,nkb->nk", {_GAPS}, inv(Sigma), {_GAPS})/2'
)
# The responsibilities r_nk, and S_k^{-1} (x_n - mu_k).
_SHARES = f"softmax({_LOGS}, axis=1)"
_WHITENED = f'einsum("kab,nkb->nka", inv(Sigma), {_GAPS})'
# What Sigma_k^{-1} leaves of the scatter of one observation, and of all: the factors of the Hessian in Sigma.
_EXCESS = f'(einsum("nka,nkb->nkab", {_WHITENED}, {_WHITENED}) - inv(Sigma))'
_SCATTER = f'einsum("nk,nka,nkb->kab", {_SHARES}, {_WHITENED}, {_WHITENED})'


def _in_covariances() -> str:
    """The Hessian in Sigma: between components through the responsibilities, within one through the inverse."""
    between = (
        f'einsum("nk,nl,nkab,nlcd->kablcd", {_SHARES}, {_SHARES}, {_EXCESS}, {_EXCESS})'
        f' - einsum("nk,kl,nkab,nkcd->kablcd", {_SHARES}, eye(k), {_EXCESS}, {_EXCESS})'
    )
    # Sigma is symmetric: every index of the one factor meets every index of the other.
    scatter = "".join(
        f' + einsum("kl,k{p},k{q}->kablcd", eye(k), inv(Sigma), {_SCATTER})'
        for p, q in (("ac", "bd"), ("ad", "bc"), ("bd", "ac"), ("bc", "ad"))
    )
    volume = "".join(
        f' - einsum("k,kl,k{p},k{q}->kablcd", sum({_SHARES}, axis=0), eye(k), inv(Sigma), inv(Sigma))'
        for p, q in (("ac", "bd"), ("ad", "bc"))
    )
    return f"({between}{scatter}{volume})/(4*n)"


def _start(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """Weights, means and covariances of the clusters that k-means finds.

    The likelihood has no upper bound where a component collapses onto few observations;
    a start near the clusters leads to the optimum that is meant.
    """
    from scipy.cluster.vq import kmeans2

    X = arrays["X"]
    tries = [kmeans2(X, _COMPONENTS, minit="++", seed=rng) for _ in range(10)]
    centres, label = min(tries, key=lambda found: ((X - found[0][found[1]]) ** 2).sum())
    spread = np.cov(X, rowvar=False) * 0.01
    return {
        "pi_": np.bincount(label, minlength=_COMPONENTS) / len(X),
        "mu": centres,
        "Sigma": np.stack([np.cov(X[label == j], rowvar=False) + spread for j in range(_COMPONENTS)]),
    }


MODEL = Model(
    name="gaussian_mixture",
    title="Gaussian mixture",
    statement=(
        "-mean(logsumexp(log(pi_) - logdet(Sigma)/2 - d/2*log(2*pi)"
        ' - einsum("nka,kab,nkb->nk", X[:, None, :] - mu, inv(Sigma), X[:, None, :] - mu)/2, axis=1))'
    ),
    variables={"X": ("n", "d"), "pi_": ("k",), "mu": ("k", "d"), "Sigma": ("k", "d", "d")},
    facts={"pi_": ("positive", "simplex"), "Sigma": ("pd",)},
    unknowns=("pi_", "mu", "Sigma"),
    data_set="iris",
    prepare=lambda raw: {"X": raw["X"]},
    start=_start,
    claims=(
        Claim("gradient", "pi_", f"-mean({_SHARES}, axis=0)/pi_"),
        Claim("gradient", "mu", f'-einsum("nk,nka->ka", {_SHARES}, {_WHITENED})/n'),
        Claim(
            "gradient",
            "Sigma",
            f"(sum({_SHARES}, axis=0)[:, None, None]*inv(Sigma)"
            f' - einsum("nk,nka,nkb->kab", {_SHARES}, {_WHITENED}, {_WHITENED}))/(2*n)',
        ),
        Claim("hessian", "pi_", f"({_SHARES}).T @ ({_SHARES})/n/outer(pi_, pi_)"),
        Claim(
            "hessian",
            "mu",
            f'(einsum("nk,kl,kab->kalb", {_SHARES}, eye(k), inv(Sigma))'
            f' - einsum("nk,kl,nka,nlb->kalb", {_SHARES}, eye(k), {_WHITENED}, {_WHITENED})'
            f' + einsum("nk,nl,nka,nlb->kalb", {_SHARES}, {_SHARES}, {_WHITENED}, {_WHITENED}))/n',
        ),
        Claim("hessian", "Sigma", _in_covariances()),
    ),
    source="Bishop, Pattern Recognition and Machine Learning, eq. 9.14",
)
