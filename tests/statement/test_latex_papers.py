r"""Formulas as papers and lecture notes write them, each beside NumPy code for the same number.

The code is written from the formula's meaning and shares nothing with the reader. A formula without code is refused:
ambiguous as it stands, or not of the language. Every other formula is evaluated at two choices of unequal sizes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, gammaln, logsumexp, softmax

from derive.domains import Array
from derive.errors import DeriveError
from derive.evaluate import evaluate
from derive.node import size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.latex import parse_latex_node

SIZES = ({"n": 5, "d": 3, "k": 4, "m": 2, "h": 6, "r": 2}, {"n": 3, "d": 4, "k": 2, "m": 5, "h": 3, "r": 1})
#: What letters stand for in most formulas; a formula may declare its own.
SHAPES: dict[str, list[str]] = {
    **{key: ["n", "d"] for key in "X".split()},
    **{key: ["n"] for key in "y t xi alpha".split()},
    **{key: ["d"] for key in "w x mu theta phi u v".split()},
    **{key: ["d", "k"] for key in "W B".split()},
    "Y": ["n", "k"],
    "b": [],
    "lam": [],
    "c": ["k"],
    "z": ["k"],
    "Sigma": ["d", "d"],
    "S": ["d", "d"],
    "Q": ["d", "d"],
    "A": ["d", "d"],
    "M": ["d", "d"],
    "K": ["n", "n"],
    "L": ["n", "n"],
    "R": ["n", "m"],
    "U": ["n", "r"],
    "V": ["m", "r"],
    "sigma": [],
    "tau": [],
    "gamma": [],
    "eps": [],
    "beta": [],
    "rho": [],
}
FACTS = {
    **{key: ["pd"] for key in ("Sigma", "S", "M", "K")},
    **{key: ["positive"] for key in ("lam", "sigma", "tau", "gamma", "eps", "rho")},
}
Formula = tuple[str, str, Callable[..., Any] | None, dict[str, Any]]
FORMULAS: list[Formula] = []


def f(names: str, latex: str, meaning: Callable[..., Any] | None, **more: Any) -> None:
    """One formula: the names it uses, its LaTeX, its meaning; `shapes`, `facts`, `symbols` where they are its own."""
    FORMULAS.append((names, latex, meaning, more))


def softplus(z: Array) -> Array:
    return np.logaddexp(0, z)


def sq(a: Any) -> Any:
    return np.sum(np.asarray(a) ** 2)


def rows(a: Array) -> range:
    return range(len(a))


inv, det, norm = np.linalg.inv, np.linalg.det, np.linalg.norm

# ---------------------------------------------------------------- linear regression and its relatives
f(
    "X y w",
    r"\hat R(w) = \frac1n \sum_{i=1}^n \bigl(y_i - \langle x_i, w\rangle\bigr)^2",
    lambda X, y, w: sq(y - X @ w) / len(y),
)
f(
    "X y w b lam",
    r"J(w,b) = \frac{1}{2n}\sum_{i=1}^{n}(y_i - w^\top x_i - b)^2 + \frac{\lambda}{2}\lVert w\rVert_2^2",
    lambda X, y, w, b, lam: sq(y - X @ w - b) / (2 * len(y)) + lam / 2 * sq(w),
)
f(
    "X y lam",
    r"\hat w = (X^\top X + n\lambda I)^{-1}X^\top y",
    lambda X, y, lam: inv(X.T @ X + len(y) * lam * np.eye(X.shape[1])) @ X.T @ y,
    shapes={"w": ["d"]},
    extra=["w"],
)
f("X y w", r"\mathrm{RSS}(w) = (y - Xw)^T(y - Xw)", lambda X, y, w: sq(y - X @ w))
f(
    "X y w lam",
    r"\text{minimize}\quad \frac12\|Xw-y\|_2^2+\lambda\|w\|_1",
    lambda X, y, w, lam: sq(y - X @ w) / 2 + lam * abs(w).sum(),
)
f(
    "X y w alpha",
    r"\sum_{i=1}^{n} \alpha_i\,(y_i - w^\top x_i)^2",
    lambda X, y, w, alpha: (alpha * (y - X @ w) ** 2).sum(),
)
f("X y w K", r"(y - Xw)^\top K^{-1} (y - Xw)", lambda X, y, w, K: (y - X @ w) @ inv(K) @ (y - X @ w))
f("X y w", r"\bar y = \frac{1}{n}\sum_{i=1}^n y_i", lambda X, y, w: y.mean())
f(
    "y",
    r"\frac{1}{n-1}\sum_{i=1}^{n}(y_i - \bar y)^2,\quad \bar y=\frac{1}{n}\sum_{i=1}^n y_i",
    lambda y: sq(y - y.mean()) / (len(y) - 1),
)
f(
    "X y w",
    r"1 - \frac{\sum_i (y_i - x_i^\top w)^2}{\sum_i (y_i - \bar y)^2}, \qquad \bar{y} = \frac1n \sum_j y_j",
    lambda X, y, w: 1 - sq(y - X @ w) / sq(y - y.mean()),
)
f(
    "X y w tau",
    r"\frac{1}{n}\sum_{i=1}^n \max\{\tau(y_i - x_i^\top w), (\tau-1)(y_i - x_i^\top w)\}",
    lambda X, y, w, tau: np.mean(np.maximum(tau * (y - X @ w), (tau - 1) * (y - X @ w))),
)
f(
    "X y w gamma",
    r"\sum_{i} \gamma^2\left(\sqrt{1+\left(\frac{y_i - x_i^\top w}{\gamma}\right)^2}-1\right)",
    lambda X, y, w, gamma: (gamma**2 * (np.sqrt(1 + ((y - X @ w) / gamma) ** 2) - 1)).sum(),
)
f(
    "X y w eps",
    r"\sum_{i=1}^n \max\left(0, |y_i - w^\top x_i| - \epsilon\right)",
    lambda X, y, w, eps: np.maximum(0, abs(y - X @ w) - eps).sum(),
)
f(
    "X y w lam rho",
    r"\frac{1}{2n}\|y-Xw\|_2^2 + \lambda\rho\|w\|_1 + \frac{\lambda(1-\rho)}{2}\|w\|_2^2",
    lambda X, y, w, lam, rho: (
        sq(y - X @ w) / 2 / len(y) + lam * rho * abs(w).sum() + lam * (1 - rho) / 2 * sq(w)
    ),
)
f("w lam", r"\lambda \sum_{j=1}^{d-1} |w_{j+1} - w_j|", lambda w, lam: lam * abs(np.diff(w)).sum())

# ---------------------------------------------------------------- generalised linear models
f(
    "X y w",
    r"\ell(w) = \sum_{i=1}^n \left[ y_i x_i^\top w - \log\left(1 + e^{x_i^\top w}\right)\right]",
    lambda X, y, w: (y * (X @ w) - softplus(X @ w)).sum(),
)
f(
    "X y w",
    r"-\frac{1}{n}\sum_{i=1}^{n}\Big[y_i\log p_i + (1-y_i)\log(1-p_i)\Big], \quad p_i = \sigma(w^\top x_i)",
    lambda X, y, w: -np.mean(y * np.log(expit(X @ w)) + (1 - y) * np.log(1 - expit(X @ w))),
)
f(
    "X y w",
    r"\sum_{i=1}^n \log\left(1 + \exp\left(-y_i\, w^\top x_i\right)\right)",
    lambda X, y, w: softplus(-y * (X @ w)).sum(),
)
f(
    "X y w",
    r"\sum_i \left(\exp(\eta_i) - y_i\eta_i + \log\Gamma(y_i + 1)\right),\ \eta_i = x_i^\top w",
    lambda X, y, w: (np.exp(X @ w) - y * (X @ w) + gammaln(y + 1)).sum(),
    facts={"y": ["positive"]},
)
f(
    "X y w",
    r"\sum_{i=1}^n \left(\frac{y_i}{e^{x_i^\top w}} + x_i^\top w\right)",
    lambda X, y, w: (y / np.exp(X @ w) + X @ w).sum(),
)
f(
    "X Y W",
    r"-\sum_{i=1}^n\sum_{j=1}^k Y_{ij}\log\frac{\exp(w_j^\top x_i)}{\sum_{l=1}^k \exp(w_l^\top x_i)}",
    lambda X, Y, W: -(Y * (X @ W - logsumexp(X @ W, axis=1, keepdims=True))).sum(),
)
f(
    "X W c",
    r"\frac1n\sum_{i=1}^n \log\sum_{j=1}^k e^{x_i^\top w_j + c_j}",
    lambda X, W, c: logsumexp(X @ W + c, axis=1).mean(),
)
f("X y w", r"\nabla_w \ell = X^\top\left(y - \sigma(Xw)\right)", lambda X, y, w: X.T @ (y - expit(X @ w)))
f(
    "X y w",
    r"\nabla^2_w L = X^\top \operatorname{diag}\left(\sigma(Xw)\odot(1-\sigma(Xw))\right)X",
    lambda X, y, w: X.T @ np.diag(expit(X @ w) * (1 - expit(X @ w))) @ X,
)
f(
    "X y w",
    r"\nabla L(w) = \sum_{i=1}^{n} \left(\sigma(w^\top x_i)-y_i\right)x_i",
    lambda X, y, w: X.T @ (expit(X @ w) - y),
)
f(
    "X y w",
    r"\frac{\partial L}{\partial w_j} = \sum_{i=1}^n \left(\sigma(x_i^\top w) - y_i\right) x_{ij}",
    lambda X, y, w: X.T @ (expit(X @ w) - y),
)
f("X y w", r"-\sum_{i=1}^n \log \Phi(y_i\, x_i^\top w)", None)

# ---------------------------------------------------------------- margins and kernels
f(
    "X y w b lam",
    r"\frac{\lambda}{2}\|w\|^2 + \frac{1}{n}\sum_{i=1}^n \max\bigl(0,\, 1 - y_i(w\cdot x_i + b)\bigr)",
    lambda X, y, w, b, lam: lam / 2 * sq(w) + np.mean(np.maximum(0, 1 - y * (X @ w + b))),
)
f(
    "X y w b lam",
    r"\frac12 \|w\|^2 + \lambda\sum_{i=1}^n \xi_i, \qquad \xi_i = \max(0, 1-y_i(w^\top x_i+b))",
    lambda X, y, w, b, lam: sq(w) / 2 + lam * np.maximum(0, 1 - y * (X @ w + b)).sum(),
)
f(
    "X y alpha",
    r"\sum_{i=1}^n\alpha_i - \frac12\sum_{i=1}^n\sum_{j=1}^n \alpha_i\alpha_j y_i y_j x_i^\top x_j",
    lambda X, y, alpha: alpha.sum() - (alpha * y) @ X @ X.T @ (alpha * y) / 2,
)
f(
    "K y alpha",
    r"\mathbf 1^\top\alpha - \tfrac12\alpha^\top\operatorname{diag}(y)K\operatorname{diag}(y)\alpha",
    lambda K, y, alpha: alpha.sum() - alpha @ np.diag(y) @ K @ np.diag(y) @ alpha / 2,
)
f(
    "K y alpha lam",
    r"\|y-K\alpha\|_2^2+\lambda\,\alpha^\top K\alpha",
    lambda K, y, alpha, lam: sq(y - K @ alpha) + lam * alpha @ K @ alpha,
)
f(
    "K y lam",
    r"\hat\alpha = (K+\lambda I_n)^{-1}y",
    lambda K, y, lam: inv(K + lam * np.eye(len(y))) @ y,
    extra=["alpha"],
)
f(
    "X alpha gamma x",
    r"\sum_{i=1}^n \alpha_i \exp\left(-\gamma\|x_i - x\|_2^2\right)",
    lambda X, alpha, gamma, x: sum(alpha[i] * np.exp(-gamma * sq(X[i] - x)) for i in rows(X)),
)
f(
    "X u gamma alpha",
    r"\sum_{i=1}^n \alpha_i e^{-\gamma\|x_i-u\|^2}",
    lambda X, u, gamma, alpha: sum(alpha[i] * np.exp(-gamma * sq(X[i] - u)) for i in rows(X)),
)
f(
    "X sigma y",
    r"\sum_{i,j} y_iy_j\exp\left(-\frac{\|x_i-x_j\|^2}{2\sigma^2}\right)",
    lambda X, sigma, y: sum(
        y[i] * y[j] * np.exp(-sq(X[i] - X[j]) / (2 * sigma**2)) for i in rows(X) for j in rows(X)
    ),
)
f(
    "X y b",
    r"\sum_{i=1}^{n}\sum_{j=1}^{n}y_iy_j\left(x_i^\top x_j+b\right)^3",
    lambda X, y, b: y @ (X @ X.T + b) ** 3 @ y,
)
f(
    "K L",
    r"\frac{1}{(n-1)^2}\operatorname{tr}(KHLH), \quad H = I - \frac1n \mathbf 1\mathbf 1^\top",
    lambda K, L: (
        np.trace(K @ (np.eye(len(K)) - 1 / len(K)) @ L @ (np.eye(len(K)) - 1 / len(K))) / (len(K) - 1) ** 2
    ),
)

# ---------------------------------------------------------------- Gaussians, mixtures, processes
f(
    "X mu Sigma",
    r"-\frac{n}{2}\log|\Sigma| - \frac12\sum_{i=1}^n (x_i-\mu)^\top\Sigma^{-1}(x_i-\mu)",
    lambda X, mu, Sigma: (
        -len(X) / 2 * np.log(det(Sigma)) - sum((x - mu) @ inv(Sigma) @ (x - mu) for x in X) / 2
    ),
)
f(
    "x mu Sigma",
    r"\mathcal{N}(x\mid\mu,\Sigma) ="
    r" \frac{1}{(2\pi)^{d/2}|\Sigma|^{1/2}}\exp\left(-\frac12(x-\mu)^\top\Sigma^{-1}(x-\mu)\right)",
    lambda x, mu, Sigma: (
        np.exp(-(x - mu) @ inv(Sigma) @ (x - mu) / 2) / ((2 * np.pi) ** (len(x) / 2) * np.sqrt(det(Sigma)))
    ),
)
f(
    "y K sigma",
    r"-\frac12 y^\top(K+\sigma^2 I)^{-1}y - \frac12\log|K+\sigma^2 I| - \frac n2\log 2\pi",
    lambda y, K, sigma: (
        -y @ inv(K + sigma**2 * np.eye(len(y))) @ y / 2
        - np.log(det(K + sigma**2 * np.eye(len(y)))) / 2
        - len(y) / 2 * np.log(2 * np.pi)
    ),
)
f(
    "y K",
    r"\tfrac{1}{2}\mathbf{y}^\top K^{-1}\mathbf{y}+\tfrac{1}{2}\log\det K+\tfrac{n}{2}\log(2\pi)",
    lambda y, K: y @ inv(K) @ y / 2 + np.log(det(K)) / 2 + len(y) / 2 * np.log(2 * np.pi),
)
f(
    "S Sigma",
    r"\log\det\Sigma + \operatorname{tr}(S\Sigma^{-1})",
    lambda S, Sigma: np.log(det(Sigma)) + np.trace(S @ inv(Sigma)),
)
f(
    "S Theta lam",
    r"\operatorname{tr}(S\Theta) - \log\det\Theta + \lambda\|\Theta\|_1",
    None,
    shapes={"Theta": ["d", "d"]},
    facts={"Theta": ["pd"]},
)
f(
    "Sigma S mu v",
    r"\frac12\left[\operatorname{tr}(S^{-1}\Sigma) + (\mu -"
    r" v)^\top S^{-1}(\mu - v) - d + \log\frac{|S|}{|\Sigma|}\right]",
    lambda Sigma, S, mu, v: (
        (np.trace(inv(S) @ Sigma) + (mu - v) @ inv(S) @ (mu - v) - len(mu) + np.log(det(S) / det(Sigma))) / 2
    ),
)
f(
    "X M pi s",
    r"\sum_{i=1}^n\log\sum_{j=1}^k \pi_j \exp\left(-\frac{1}{2s}\|x_i-m_j\|^2\right)",
    lambda X, M, pi, s: sum(np.log(sum(pi[j] * np.exp(-sq(x - M[j]) / (2 * s)) for j in rows(M))) for x in X),
    shapes={"M": ["k", "d"], "pi": ["k"], "s": []},
    facts={"M": [], "pi": ["positive"], "s": ["positive"]},
)
f(
    "R2 M X",
    r"\sum_{i=1}^n\sum_{j=1}^k r_{ij}\|x_i-m_j\|^2",
    lambda R2, M, X: sum(R2[i, j] * sq(X[i] - M[j]) for i in rows(X) for j in rows(M)),
    shapes={"R2": ["n", "k"], "M": ["k", "d"]},
    facts={"M": []},
    symbols={"r": "R2"},
)
f(
    "X mu",
    r"\hat\Sigma = \frac{1}{n}\sum_{i=1}^n (x_i-\mu)(x_i-\mu)^\top",
    lambda X, mu: (X - mu).T @ (X - mu) / len(X),
)
f(
    "X",
    r"S = \frac{1}{n-1}\sum_{i=1}^n (x_i-\bar x)(x_i-\bar x)^\top,\quad \bar x = \frac1n\sum_{i=1}^n x_i",
    lambda X: np.atleast_2d(np.cov(X.T)),
    extra=[],
)
f("X", r"\frac1n\sum_{i=1}^n \|x_i - \bar x\|_2^2", lambda X: sq(X - X.mean(0)) / len(X))
f(
    "X y",
    r"\frac{1}{n}\sum_{i=1}^n (x_i-\bar x)(y_i-\bar y)",
    lambda X, y: (X - X.mean(0)).T @ (y - y.mean()) / len(y),
)
f(
    "mu2 s2",
    r"D_{\mathrm{KL}} = \frac12\sum_{j=1}^k\left(\mu_j^2+\sigma_j^2-\log\sigma_j^2-1\right)",
    lambda mu2, s2: (mu2**2 + s2**2 - np.log(s2**2) - 1).sum() / 2,
    shapes={"mu2": ["k"], "s2": ["k"]},
    facts={"s2": ["positive"]},
    symbols={r"\mu": "mu2", r"\sigma": "s2"},
)
f(
    "mu2 s2",
    r"-\frac12\sum_{j}\left(1+\log\sigma_j^2-\mu_j^2-\sigma_j^2\right)",
    lambda mu2, s2: -(1 + np.log(s2**2) - mu2**2 - s2**2).sum() / 2,
    shapes={"mu2": ["k"], "s2": ["k"]},
    facts={"s2": ["positive"]},
    symbols={r"\mu": "mu2", r"\sigma": "s2"},
)
f(
    "p q",
    r"\mathrm{KL}(p\,\|\,q) = \sum_{i} p_i\log\frac{p_i}{q_i}",
    lambda p, q: (p * np.log(p / q)).sum(),
    shapes={"p": ["k"], "q": ["k"]},
    facts={"p": ["positive"], "q": ["positive"]},
)
f(
    "p q",
    r"H(p, q) = -\sum_{i=1}^k p_i\log q_i",
    lambda p, q: -(p * np.log(q)).sum(),
    shapes={"p": ["k"], "q": ["k"]},
    facts={"p": ["positive"], "q": ["positive"]},
)
f(
    "p q",
    r"\frac12\sum_i p_i \log\frac{2p_i}{p_i+q_i}+\frac12\sum_i q_i\log\frac{2q_i}{p_i+q_i}",
    lambda p, q: (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))).sum() / 2,
    shapes={"p": ["k"], "q": ["k"]},
    facts={"p": ["positive"], "q": ["positive"]},
)

# ---------------------------------------------------------------- low rank, components, discriminants, graphs
f(
    "R U V lam",
    r"\|R-UV^\top\|_F^2+\lambda\left(\|U\|_F^2+\|V\|_F^2\right)",
    lambda R, U, V, lam: sq(R - U @ V.T) + lam * (sq(U) + sq(V)),
)
f("R U V", r"\sum_{i=1}^n\sum_{j=1}^m\left(R_{ij}-u_i^\top v_j\right)^2", lambda R, U, V: sq(R - U @ V.T))
f(
    "R U V C",
    r"\frac12\sum_{i,j} c_{ij}(r_{ij}-u_i^\top v_j)^2",
    lambda R, U, V, C: (C * (R - U @ V.T) ** 2).sum() / 2,
    shapes={"C": ["n", "m"]},
)
f(
    "R U V C",
    r"\tfrac12\bigl\|C\circ(R-UV^T)\bigr\|_F^2",
    lambda R, U, V, C: sq(C * (R - U @ V.T)) / 2,
    shapes={"C": ["n", "m"]},
)
f(
    "R U V",
    r"\frac{\partial}{\partial U}\|R-UV^\top\|_F^2 = -2(R-UV^\top)V",
    lambda R, U, V: -2 * (R - U @ V.T) @ V,
)
f("R U V", r"\nabla_V \tfrac12\|R-UV^\top\|_F^2 = -(R-UV^\top)^\top U", lambda R, U, V: -(R - U @ V.T).T @ U)
f("X W", r"\sum_{i=1}^n\|x_i-WW^\top x_i\|_2^2", lambda X, W: sq(X - X @ W @ W.T))
f("X W", r"-\operatorname{tr}(W^\top X^\top X W)", lambda X, W: -np.trace(W.T @ X.T @ X @ W))
f(
    "X W",
    r"\frac{1}{n}\|X - XWW^\top\|_F^2 = \frac1n\operatorname{tr}\left((X"
    r" - XWW^\top)^\top(X - XWW^\top)\right)",
    lambda X, W: sq(X - X @ W @ W.T) / len(X),
)
f("w S M", r"J(w) = \frac{w^\top S w}{w^\top M w}", lambda w, S, M: (w @ S @ w) / (w @ M @ w))
f(
    "w mu v S",
    r"\frac{\left(w^\top(\mu-v)\right)^2}{w^\top S w}",
    lambda w, mu, v, S: (w @ (mu - v)) ** 2 / (w @ S @ w),
)
f(
    "W S M",
    r"\operatorname{tr}\left\{(W^\top S W)^{-1}(W^\top M W)\right\}",
    lambda W, S, M: np.trace(inv(W.T @ S @ W) @ (W.T @ M @ W)),
    shapes={"W": ["d", "r"]},
)
f("y L", r"y^\top L y = \frac12\sum_{i,j}A_{ij}(y_i-y_j)^2", None, shapes={"A": ["n", "n"]})  # type: ignore[arg-type]
f(
    "y A",
    r"\frac12\sum_{i=1}^n\sum_{j=1}^n A_{ij}(y_i-y_j)^2",
    lambda y, A: sum(A[i, j] * (y[i] - y[j]) ** 2 for i in rows(y) for j in rows(y)) / 2,
    shapes={"A": ["n", "n"]},
)
f("Y L", r"\operatorname{Tr}(Y^\top L Y)", lambda Y, L: np.trace(Y.T @ L @ Y))
f(
    "y A",
    r"y^\top(D-A)y,\quad D=\operatorname{diag}(A\mathbf 1)",
    lambda y, A: y @ (np.diag(A.sum(1)) - A) @ y,
    shapes={"A": ["n", "n"]},
)
f(
    "X M",
    r"\sum_{i=1}^n\sum_{j=1}^n (x_i-x_j)^\top M(x_i-x_j)",
    lambda X, M: sum((a - b) @ M @ (a - b) for a in X for b in X),
)
f(
    "x y2 M",
    r"\sqrt{(x-y)^\top M(x-y)}",
    lambda x, y2, M: np.sqrt((x - y2) @ M @ (x - y2)),
    shapes={"y2": ["d"]},
    symbols={"y": "y2"},
)
f(
    "x u v gamma B",
    r"\max\left(0,\,\|Bx-Bu\|_2^2-\|Bx-Bv\|_2^2+\gamma\right)",
    lambda x, u, v, gamma, B: max(0, sq(B @ x - B @ u) - sq(B @ x - B @ v) + gamma),
    shapes={"B": ["k", "d"]},
)
f(
    "x u v gamma",
    r"\left[\gamma+\|x-u\|^2-\|x-v\|^2\right]_+",
    lambda x, u, v, gamma: max(0, gamma + sq(x - u) - sq(x - v)),
)

# ---------------------------------------------------------------- attention, contrast, networks
f(
    "Q K V",
    r"\operatorname{softmax}\left(\frac{QK^\top}{\sqrt{d}}\right)V",
    None,
    shapes={"Q": ["n", "d"], "K": ["m", "d"], "V": ["m", "k"]},
    facts={"K": []},
)
f(
    "Q K V",
    r"\operatorname{softmax}_{\text{row}}\left(\frac{QK^\top}{\sqrt{d}}\right)V",
    lambda Q, K, V: softmax(Q @ K.T / np.sqrt(Q.shape[1]), axis=1) @ V,
    shapes={"Q": ["n", "d"], "K": ["m", "d"], "V": ["m", "k"]},
    facts={"K": []},
)
f(
    "q K V",
    r"\sum_{j=1}^m \frac{\exp(q^\top k_j)}{\sum_{l=1}^m \exp(q^\top k_l)}\,v_j",
    lambda q, K, V: softmax(K @ q) @ V,
    shapes={"q": ["d"], "K": ["m", "d"], "V": ["m", "k"]},
    facts={"K": []},
)
f(
    "U V tau",
    r"-\frac1n\sum_{i=1}^n\log\frac{\exp(u_i^\top v_i/\tau)}{\sum_{j=1}^n\exp(u_i^\top v_j/\tau)}",
    lambda U, V, tau: -np.mean(np.diag(U @ V.T) / tau - logsumexp(U @ V.T / tau, axis=1)),
    shapes={"V": ["n", "r"]},
)
f(
    "u v tau",
    r"\exp\left(\frac{u^\top v}{\tau\,\|u\|\,\|v\|}\right)",
    lambda u, v, tau: np.exp(u @ v / (tau * norm(u) * norm(v))),
)
f(
    "X Y W c",
    r"\frac{1}{2n}\left\|\tanh(XW+\mathbf 1c^\top)-Y\right\|_F^2",
    lambda X, Y, W, c: sq(np.tanh(X @ W + c) - Y) / (2 * len(X)),
)
f(
    "x W1 W2 c",
    r"W_2\,\sigma(W_1x+c)",
    lambda x, W1, W2, c: W2 @ expit(W1 @ x + c),
    shapes={"W1": ["k", "d"], "W2": ["m", "k"]},
)
f(
    "X W v2 y",
    r"\frac12\|\operatorname{ReLU}(XW)v-y\|_2^2",
    lambda X, W, v2, y: sq(np.maximum(X @ W, 0) @ v2 - y) / 2,
    shapes={"v2": ["k"]},
    symbols={"v": "v2"},
)
f(
    "x gamma beta eps",
    r"\gamma\,\frac{x-\mu}{\sqrt{s+\epsilon}}+\beta\mathbf 1,\quad"
    r" \mu=\frac1d\sum_{j=1}^d x_j,\ s=\frac1d\sum_{j=1}^d(x_j-\mu)^2",
    lambda x, gamma, beta, eps: gamma * (x - x.mean()) / np.sqrt(x.var() + eps) + beta,
)  # type: ignore[arg-type]
f("z c", r"-\sum_{j=1}^k c_j z_j+\log\sum_{j=1}^k e^{z_j}", lambda z, c: -(c * z).sum() + logsumexp(z))
f("T y2", r"\sum_{t=1}^{n-1} T_{y_t y_{t+1}}", None)
f(
    "T z c",
    r"\log\sum_{i=1}^k\sum_{j=1}^k\exp\left(z_i+T_{ij}+c_j\right)",
    lambda T, z, c: logsumexp(z[:, None] + T + c),
    shapes={"T": ["k", "k"]},
)
f("X W Y", r"\operatorname{tr}\left(\exp(XW)^\top Y\right)", lambda X, W, Y: (np.exp(X @ W) * Y).sum())
f("X W", r"\mathbf 1^\top \operatorname{sech}^2(XW)\mathbf 1", lambda X, W: (1 / np.cosh(X @ W) ** 2).sum())
f(
    "x",
    r"\sum_i \left(\operatorname{sech}(x_i)+\operatorname{csch}(x_i)\coth(x_i)\right)",
    lambda x: (1 / np.cosh(x) + 1 / np.sinh(x) / np.tanh(x)).sum(),
)  # type: ignore[arg-type]
f("x", r"\operatorname{sech}(x)^\top x", lambda x: x @ (1 / np.cosh(x)))
f("x u", r"\cot(x)^\top u+\sec(u)^\top x", lambda x, u: u @ (1 / np.tan(x)) + x @ (1 / np.cos(u)))

# ---------------------------------------------------------------- left sides and chains
f("X y w", r"f(w)=\tfrac12\|Xw-y\|^2=\tfrac12(Xw-y)^\top(Xw-y)", lambda X, y, w: sq(X @ w - y) / 2)
f("X y w", r"\nabla_w f = X^\top(Xw-y)", lambda X, y, w: X.T @ (X @ w - y))
f("X y w", r"\nabla_w f = X^\top(Xw-y) = X^\top Xw - X^\top y", lambda X, y, w: X.T @ (X @ w - y))
f("X y w", r"\nabla_w\,\tfrac12\|Xw-y\|_2^2 = X^\top(Xw-y)", lambda X, y, w: X.T @ (X @ w - y))
f(
    "X y w",
    r"\frac{\partial}{\partial w}\,\frac12\|Xw-y\|_2^2 = X^\top(Xw-y)",
    lambda X, y, w: X.T @ (X @ w - y),
)
f("x A", r"\frac{\partial}{\partial x}\left(x^\top Ax\right) = (A+A^\top)x", lambda x, A: (A + A.T) @ x)
f("x A", r"\frac{\partial x^\top Ax}{\partial x} = (A+A^\top)x", lambda x, A: (A + A.T) @ x)
f("A x", r"\frac{\partial\, x^\top Ax}{\partial A} = xx^\top", lambda A, x: np.outer(x, x))
f("Sigma", r"\frac{\partial\log\det\Sigma}{\partial\Sigma} = \Sigma^{-1}", lambda Sigma: inv(Sigma))
f("Sigma", r"\nabla_\Sigma \log|\Sigma| = \Sigma^{-\top}", lambda Sigma: inv(Sigma))
f("A W", r"\frac{\partial}{\partial W}\operatorname{tr}(W^\top AW) = (A+A^\top)W", lambda A, W: (A + A.T) @ W)
f(
    "X y w",
    r"\frac{d}{dw}\left[\tfrac12(Xw-y)^\top(Xw-y)\right] = X^\top(Xw-y)",
    lambda X, y, w: X.T @ (X @ w - y),
)
f("X w", r"\nabla_w^2\,\tfrac12\|Xw\|^2 = X^\top X", lambda X, w: X.T @ X)
f("X w", r"\frac{\partial^2}{\partial w\,\partial w^\top}\,\tfrac12\|Xw\|^2 = X^\top X", lambda X, w: X.T @ X)
f("X w", r"H = \nabla^2 f(w) = X^\top X", lambda X, w: X.T @ X)
f("X y w lam", r"w^{(t+1)} = w - \lambda X^\top(Xw-y)", lambda X, y, w, lam: w - lam * X.T @ (X @ w - y))  # type: ignore[arg-type]
f("x u", r"\cos\theta = \frac{x^\top u}{\|x\|\|u\|}", None)


f(
    "X y w lam",
    r"w_{k+1} = w_k - \frac{\lambda}{n}X^\top(Xw_k-y)",
    lambda X, y, w, lam: w - lam / len(y) * X.T @ (X @ w - y),
)
f(
    "X y w lam rho",
    r"\mathbf{w}^{(t+1)} = (1-\lambda\rho)\mathbf{w}^{(t)} -"
    r" \lambda\,\mathbf{X}^\top(\mathbf{X}\mathbf{w}^{(t)}-\mathbf{y})",
    lambda X, y, w, lam, rho: (1 - lam * rho) * w - lam * X.T @ (X @ w - y),
)
f(
    "X y w lam",
    r"w \leftarrow w - \lambda\sum_{i=1}^n\left(\sigma(w^\top x_i)-y_i\right)x_i",
    lambda X, y, w, lam: w - lam * X.T @ (expit(X @ w) - y),
)
f(
    "X",
    r"\sum_{i=1}^{n}\log\sum_{j=1}^{n}\exp\left(-\tfrac12\|x_i-x_j\|^2\right)",
    lambda X: sum(np.log(sum(np.exp(-sq(a - b) / 2) for b in X)) for a in X),
)
f("X y w", r"\prod_{i=1}^n \sigma(x_i^\top w)^{y_i}\left(1-\sigma(x_i^\top w)\right)^{1-y_i}", None)
f(
    "X y w",
    r"\sum_{i=1}^n y_i\log\sigma(x_i^\top w)+\sum_{i=1}^n(1-y_i)\log\left(1-\sigma(x_i^\top w)\right)",
    lambda X, y, w: (y * np.log(expit(X @ w)) + (1 - y) * np.log(1 - expit(X @ w))).sum(),
)
f(
    "X y w",
    r"-\frac{1}{n}\left(y^\top\log\hat y+(\mathbf"
    r" 1-y)^\top\log(\mathbf 1-\hat y)\right),\quad \hat y=\sigma(Xw)",
    lambda X, y, w: -(y @ np.log(expit(X @ w)) + (1 - y) @ np.log(1 - expit(X @ w))) / len(y),
)
f(
    "X Y W",
    r"-\frac1n\operatorname{tr}\left(Y^\top\log P\right),\quad P=\operatorname{softmax}_{\mathrm{row}}(XW)",
    lambda X, Y, W: -np.trace(Y.T @ np.log(softmax(X @ W, axis=1))) / len(X),
)
f(
    "X Y W",
    r"\frac{\partial\mathcal L}{\partial W}=\frac1nX^\top(P-Y),\qquad"
    r" P=\operatorname{softmax}_{\mathrm{row}}(XW)",
    lambda X, Y, W: X.T @ (softmax(X @ W, axis=1) - Y) / len(X),
)
f(
    "x W1 c W2",
    r"\frac12\|W_2\tanh(W_1x+c)-x\|^2",
    lambda x, W1, c, W2: sq(W2 @ np.tanh(W1 @ x + c) - x) / 2,
    shapes={"W1": ["k", "d"], "W2": ["d", "k"]},
)
f("X A", r"\|X-XA\|_F^2+\sum_{i}A_{ii}^2", lambda X, A: sq(X - X @ A) + sq(np.diag(A)))
f("x A S", r"x^\top(A\otimes S)x", None)
f(
    "A S",
    r"\operatorname{tr}(A\otimes S)=\operatorname{tr}(A)\operatorname{tr}(S)",
    lambda A, S: np.trace(A) * np.trace(S),
)
f(
    "A M",
    r"\operatorname{vec}(A)^\top(M\otimes M)\operatorname{vec}(A)",
    lambda A, M: np.trace(A.T @ M @ A @ M),
)
f("M", r"\log\det M = \log|M|", lambda M: np.log(det(M)))
f(
    "Sigma mu x",
    r"\left(1+\frac{1}{4}(x-\mu)^\top\Sigma^{-1}(x-\mu)\right)^{-\frac{4+d}{2}}",
    lambda Sigma, mu, x: (1 + (x - mu) @ inv(Sigma) @ (x - mu) / 4) ** (-(4 + len(x)) / 2),
)
f(
    "X y w sigma",
    r"-\frac n2\log(2\pi\sigma^2)-\frac{1}{2\sigma^2}\|y-Xw\|_2^2",
    lambda X, y, w, sigma: -len(y) / 2 * np.log(2 * np.pi * sigma**2) - sq(y - X @ w) / (2 * sigma**2),
)
f(
    "X y S sigma",
    r"\left(\sigma^{-2}X^\top X+S^{-1}\right)^{-1}\sigma^{-2}X^\top y",
    lambda X, y, S, sigma: inv(X.T @ X / sigma**2 + inv(S)) @ X.T @ y / sigma**2,
)
f(
    "W mu X sigma",
    r"\log\det(WW^\top+\sigma^2I)+\frac1n\sum_{i=1}^n(x_i-\mu)^\top(WW^\top+\sigma^2I)^{-1}(x_i-\mu)",
    lambda W, mu, X, sigma: (
        np.log(det(W @ W.T + sigma**2 * np.eye(len(W))))
        + np.mean([(x - mu) @ inv(W @ W.T + sigma**2 * np.eye(len(W))) @ (x - mu) for x in X])
    ),
)
f(
    "p lam",
    r"-\sum_{i=1}^k p_i\log p_i-\lambda\left(\sum_{i=1}^k p_i-1\right)",
    lambda p, lam: -(p * np.log(p)).sum() - lam * (p.sum() - 1),
    shapes={"p": ["k"]},
    facts={"p": ["positive"]},
)
f("z tau", r"\operatorname{softmax}(z/\tau)_1", lambda z, tau: softmax(z / tau)[0])
f("z", r"\frac{\partial p_i}{\partial z_j}=p_i(\delta_{ij}-p_j)", None)
f(
    "z",
    r"\operatorname{diag}(p)-pp^\top,\quad p=\operatorname{softmax}(z)",
    lambda z: np.diag(softmax(z)) - np.outer(softmax(z), softmax(z)),
)
f("X y", r"\frac{\sum_{i=1}^n y_i x_i}{\sum_{i=1}^n y_i}", lambda X, y: X.T @ y / y.sum())
f(
    "X y u sigma",
    r"\frac{\sum_{i=1}^n y_i\exp\left(-\frac{\|x_i-u\|^2}{2\sigma^2}\right)}{\sum_{j"
    r"=1}^n\exp\left(-\frac{\|x_j-u\|^2}{2\sigma^2}\right)}",
    lambda X, y, u, sigma: softmax([-sq(x - u) / (2 * sigma**2) for x in X]) @ y,
)
f(
    "y t",
    r"\frac{\sum_i(y_i-\bar y)(t_i-\bar t)}{\sqrt{\sum_i(y_i-\bar y)^2}\sqrt{\sum_i(t_i-\bar t)^2}}",
    lambda y, t: np.corrcoef(y, t)[0, 1],
)
f(
    "K y alpha",
    r"\sum_{i=1}^n\log\left(1+e^{-y_i(K\alpha)_i}\right)+\tfrac12\alpha^\top K\alpha",
    lambda K, y, alpha: softplus(-y * (K @ alpha)).sum() + alpha @ K @ alpha / 2,
)
f(
    "R U V b",
    r"\sum_{i=1}^n\sum_{j=1}^m\log\left(1+e^{-R_{ij}(u_i^\top v_j+b)}\right)",
    lambda R, U, V, b: softplus(-R * (U @ V.T + b)).sum(),
)
f(
    "R U V",
    r"\sum_{i,j}\left(R_{ij}\log\frac{R_{ij}}{(UV^\top)_{ij}}-R_{ij}+(UV^\top)_{ij}\right)",
    lambda R, U, V: (R * np.log(R / (U @ V.T)) - R + U @ V.T).sum(),
    facts={key: ["positive"] for key in "RUV"},
)
f("X w y", r"\max_{i}\,|x_i^\top w-y_i|", lambda X, w, y: abs(X @ w - y).max())
f("x A", r"\left\langle x, Ax\right\rangle=x^\top Ax=\sum_{i,j}A_{ij}x_ix_j", lambda x, A: x @ A @ x)
f("x A", r"x^\top Ax = x^\top A^\top A x", None)
f(
    "X y w",
    r"\frac1{2n}\|Xw-y\|^2 = \frac1{2n}\sum_{i=1}^n(x_i^\top w-y_i)^2",
    lambda X, y, w: sq(X @ w - y) / (2 * len(y)),
)
f(
    "X W",
    r"\left\|XW\right\|_F^2=\operatorname{tr}(W^\top X^\top XW)=\sum_{i=1}^n\|W^\top x_i\|_2^2",
    lambda X, W: sq(X @ W),
)
f("S A", r"\nabla_S\operatorname{tr}(SA)=\tfrac12(A+A^\top)", lambda S, A: (A + A.T) / 2)
f(
    "x sigma",
    r"\frac{1}{\sqrt{2\pi}\,\sigma}\sum_{j=1}^{d}e^{-x_j^2/(2\sigma^2)}",
    lambda x, sigma: np.exp(-(x**2) / (2 * sigma**2)).sum() / (np.sqrt(2 * np.pi) * sigma),
)
# functions with parameters as subscripts, names with marks, squares that are defined, logarithms on the left
f(
    "X y theta",
    r"J(\theta)=\frac12\sum_{i=1}^n(h_\theta(x^{(i)})-y^{(i)})^2,\qquad h_\theta(x)=\theta^T x",
    lambda X, y, theta: sq(X @ theta - y) / 2,
)
f(
    "X y w b",
    r"\frac1n\sum_i (f_{w,b}(x_i)-y_i)^2, \quad f_{w,b}(x)=w^\top x+b",
    lambda X, y, w, b: np.mean((X @ w + b - y) ** 2),
)
f("X y w", r"\sum_i f_i(x_i), \quad f_i(x)=y_i w^\top x", None)
f("X y w", r"\sum_i f_w(x_i)+f_y(x_i), \quad f_w(x)=w^\top x", None)
f(
    "X y w tau",
    r"\sum_i\rho_\tau(y_i-x_i^\top w),\quad\rho_\tau(u)=u(\tau-\mathbb{1}\{u<0\})",
    lambda X, y, w, tau: np.sum((y - X @ w) * (tau - (y - X @ w < 0))),
)
f(
    "X y w gamma",
    r"\sum_i L_\gamma(y_i, x_i^\top w),\quad L_\gamma(a,b)=\begin{cases}\frac12(a-b)^2 & \text{if } |a-b|\le\gamma,"
    r"\\ \gamma|a-b|-\frac12\gamma^2 & \text{otherwise.}\end{cases}",
    lambda X, y, w, gamma: np.where(
        np.abs(X @ w - y) <= gamma, (X @ w - y) ** 2 / 2, gamma * np.abs(X @ w - y) - gamma**2 / 2
    ).sum(),
)
f(
    "y K sigma",
    r"\log p(y\mid X)=-\tfrac12 y^\top K_y^{-1}y-\tfrac12\log|K_y|,\quad K_y=K+\sigma^2 I",
    lambda y, K, sigma: (
        -y @ np.linalg.solve(K + sigma**2 * np.eye(len(y)), y) / 2
        - np.linalg.slogdet(K + sigma**2 * np.eye(len(y)))[1] / 2
    ),
)
f("y K", r"-\log |K| = y^\top y", None)
f(
    "x eps",
    r"\sum_i\frac{x_i-m}{\sqrt{s^2+\epsilon}}x_i,\quad m=\frac1d\sum_i x_i,\quad s^2=\frac1d\sum_i(x_i-m)^2",
    lambda x, eps: np.sum((x - x.mean()) / np.sqrt(x.var() + eps) * x),
    symbols={r"\epsilon": "eps"},
)
# sums that begin or end at an index
f("x", r"\sum_{i=1}^{d}\sum_{j=i+1}^{d} x_i x_j", lambda x: (x.sum() ** 2 - x @ x) / 2)
f("x", r"\sum_{i=1}^{d-1}\sum_{j=i+1}^{d} x_i x_j^2", lambda x: np.triu(np.outer(x, x**2), 1).sum())
f("x", r"\sum_{i=2}^{d}\sum_{j=1}^{i-1} x_i x_j^2", lambda x: np.tril(np.outer(x, x**2), -1).sum())
f("x", r"\sum_{i=1}^{d}\sum_{j=1}^{i} x_i x_j^2", lambda x: np.tril(np.outer(x, x**2)).sum())
f("x", r"\sum_{i=1}^{d-1}\sum_{j=i}^{d} x_i x_j^2", lambda x: np.triu(np.outer(x, x**2))[:-1].sum())
f(
    "theta",
    r"\sum_{i=1}^d\left(\theta_i-\log\sum_{j=i}^d e^{\theta_j}\right)",
    lambda theta: np.sum(theta - np.log(np.cumsum(np.exp(theta)[::-1])[::-1])),
)
f("x y", r"\sum_{i=1}^{d}\sum_{j=i}^{n} x_i y_j", None)
f("x", r"\sum_{i=1}^{d}\sum_{j=i+2}^{d} x_i x_j", None)
f("x", r"\sum_{j=i+1}^{d} x_j", None)
f("X y w", r"\sum_{i=1}^n y^{(i)}+(x^{(i)})^\top w", lambda X, y, w: np.sum(y + X @ w))
f("X y w b", r"\sum_{i=1}^n y^{(i)}+b+(x^{(i)})^\top w", None)


def drawn(
    names: list[str], shapes: dict[str, list[str]], facts: dict[str, Any], sizes: dict[str, int]
) -> dict[str, Array]:
    rng = np.random.default_rng([len(names), sizes["n"], *"".join(names).encode()])
    found: dict[str, Array] = {}
    for name in names:
        array = np.asarray(rng.standard_normal([sizes[s] for s in shapes[name]]))
        if "positive" in facts.get(name, ()):
            array = np.abs(array) + 0.5
        if "pd" in facts.get(name, ()):
            array = array @ array.T / len(array) + np.eye(len(array))
        found[name] = array
    return found


def setting(names: str, more: dict[str, Any]) -> tuple[list[str], dict[str, list[str]], dict[str, Any]]:
    wanted = [*names.split(), *more.get("extra", [])]
    shapes = {k: v for k, v in {**SHAPES, **more.get("shapes", {})}.items() if k in wanted}
    facts = {k: v for k, v in {**FACTS, **more.get("facts", {})}.items() if k in wanted}
    return wanted, shapes, facts


@pytest.mark.parametrize("formula", FORMULAS, ids=[f"{k}" for k in range(len(FORMULAS))])
def test_formula(formula: Formula) -> None:
    """What is read is the number that the formula means, or nothing."""
    names, latex, meaning, more = formula
    wanted, shapes, facts = setting(names, more)
    try:
        node = parse_latex_node(latex, declare(shapes, facts), more.get("symbols"))
    except DeriveError:
        assert meaning is None, latex
        return
    assert meaning is not None, "this is read now: say what it means"
    for sizes in SIZES:
        data = drawn(wanted, shapes, facts, sizes)
        value = np.asarray(meaning(**{k: data[k] for k in inspect.signature(meaning).parameters}))
        known = {v.name: data[v.name] for v in occurring(node)}
        found = np.asarray(evaluate(node, {**known, **{s.name: sizes[s.name] for s in size_symbols(node)}}))
        assert found.shape == value.shape
        np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-11)
