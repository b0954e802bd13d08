"""Value and gradient by a bound kernel against the same in plain NumPy.

Calls alternate, so that both see the same machine; medians are compared. The NumPy forms are written as
one would by hand, with the obvious intermediates shared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Table, duration

Arrays = dict[str, Any]


def least_squares(X: Any, y: Any, w: Any) -> tuple[Any, ...]:
    r = X @ w - y
    return r @ r / 2, X.T @ r


def ridge(X: Any, y: Any, w: Any, lam: float) -> tuple[Any, ...]:
    r = X @ w - y
    return r @ r / 2 + lam / 2 * (w @ w), X.T @ r + lam * w


def logistic(X: Any, y: Any, w: Any, lam: float) -> tuple[Any, ...]:
    z = X @ w
    e = np.exp(-np.abs(z))
    value = (np.maximum(z, 0) + np.log1p(e) - y * z).sum() + lam / 2 * (w @ w)
    p = np.where(z >= 0, 1, e) / (1 + e)
    return value, X.T @ (p - y) + lam * w


def gaussian_mixture(X: Any, pi_: Any, mu: Any, Sigma: Any) -> tuple[Any, ...]:
    n, d = X.shape
    P = np.linalg.inv(Sigma)
    r = X[:, None, :] - mu
    s = np.einsum("kab,nkb->nka", P, r, optimize=True)
    logs = np.log(pi_) - np.linalg.slogdet(Sigma)[1] / 2 - d / 2 * np.log(2 * np.pi) - (r * s).sum(-1) / 2
    top = logs.max(1, keepdims=True)
    e = np.exp(logs - top)
    total = e.sum(1, keepdims=True)
    value = -(top + np.log(total)).mean()
    q = e / total / n
    g_mu = -np.einsum("nk,nka->ka", q, s, optimize=True)
    g_sigma = (q.sum(0)[:, None, None] * P - np.einsum("nk,nka,nkb->kab", q, s, s, optimize=True)) / 2
    return value, -q.sum(0) / pi_, g_mu, g_sigma


def mlp(X: Any, Y: Any, lam: float, W1: Any, b1: Any, W2: Any, b2: Any) -> tuple[Any, ...]:
    n = len(X)
    H = np.tanh(X @ W1 + b1)
    Z = H @ W2 + b2
    top = Z.max(1, keepdims=True)
    e = np.exp(Z - top)
    total = e.sum(1, keepdims=True)
    value = (top + np.log(total)).mean() - (Y * Z).sum() / n + lam / 2 * ((W1**2).sum() + (W2**2).sum())
    D = (e / total - Y) / n
    B = (D @ W2.T) * (1 - H**2)
    return value, X.T @ B + lam * W1, B.sum(0), H.T @ D + lam * W2, D.sum(0)


def pca(X: Any, W: Any) -> tuple[Any, ...]:
    n = len(X)
    S = X @ W
    R = S @ W.T - X
    return (R**2).sum() / (2 * n), (X.T @ (R @ W) + R.T @ S) / n


PLAIN: dict[str, Callable[..., tuple[Any, ...]]] = {
    f.__name__: f for f in (least_squares, ridge, logistic, gaussian_mixture, mlp, pca)
}


def _linear(n: int, d: int, seed: int, lam: bool, labels: bool) -> Arrays:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = (rng.random(n) < 0.5).astype(float) if labels else rng.standard_normal(n)
    return {"X": X, "y": y, "w": rng.standard_normal(d) / d, **({"lam": 0.5} if lam else {})}


def _mixture(n: int, d: int, k: int) -> Arrays:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((k, d, d)) / np.sqrt(d)
    weights = rng.random(k) + 0.5
    return {
        "X": rng.standard_normal((n, d)),
        "pi_": weights / weights.sum(),
        "mu": rng.standard_normal((k, d)),
        "Sigma": A @ np.swapaxes(A, 1, 2) + np.eye(d),
    }


def _network(n: int, a: int, b: int, c: int) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        "X": rng.standard_normal((n, a)),
        "Y": np.eye(c)[rng.integers(c, size=n)],
        "lam": 1e-3,
        "W1": rng.standard_normal((a, b)) / np.sqrt(a),
        "b1": rng.standard_normal(b),
        "W2": rng.standard_normal((b, c)) / np.sqrt(b),
        "b2": rng.standard_normal(c),
    }


def cases() -> list[tuple[str, str, Arrays]]:
    """Model, size in words, arrays."""
    rng = np.random.default_rng(0)
    found: list[tuple[str, str, Arrays]] = []
    for n, d in ((200, 10), (20_000, 100)):
        size = f"{n} × {d}"
        found.append(("least_squares", size, _linear(n, d, 0, False, False)))
        found.append(("ridge", size, _linear(n, d, 1, True, False)))
        found.append(("logistic", size, _linear(n, d, 2, True, True)))
    found.append(("gaussian_mixture", "150 × 4, k = 3", _mixture(150, 4, 3)))
    found.append(("gaussian_mixture", "20000 × 8, k = 5", _mixture(20_000, 8, 5)))
    found.append(("mlp", "1797, 64-16-10", _network(1797, 64, 16, 10)))
    found.append(("mlp", "10000, 64-128-10", _network(10_000, 64, 128, 10)))
    for n, d, r in ((178, 13, 2), (5_000, 50, 5)):
        found.append(("pca", f"{n} × {d}, r = {r}", {
            "X": rng.standard_normal((n, d)), "W": rng.standard_normal((d, r)) / np.sqrt(d)
        }))  # fmt: skip
    return found


def measure(name: str, arrays: Arrays, seconds: float) -> tuple[float, float, float]:
    """Median seconds of kernel and NumPy, and the first call's with compiling; correctness first."""
    import derive as dv
    from derive.models import get

    model = get(name)
    expression = model.expression()
    outputs = {"value": expression}
    gradients = dv.gradient(expression, list(model.unknowns))
    outputs.update({f"gradient {u}": g for u, g in zip(model.unknowns, gradients, strict=True)})
    point = {u: arrays[u] for u in model.unknowns}
    began = time.perf_counter()
    kernel = dv.compile(outputs).bind({k: a for k, a in arrays.items() if k not in point})
    computed = kernel(**point)
    first = time.perf_counter() - began
    plain = PLAIN[name]
    for ours, theirs in zip(computed.values(), plain(**arrays), strict=True):
        scale = max(float(np.abs(theirs).max()), 1e-300)
        gap = float(np.abs(np.asarray(ours) - theirs).max()) / scale
        if not gap < 1e-9:
            raise AssertionError(f"{name}: kernel and NumPy differ by {gap:.1e}")
    times: tuple[list[float], list[float]] = ([], [])
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(times[0]) < 5:
        for k, call in enumerate((lambda: kernel(**point), lambda: plain(**arrays))):
            began = time.perf_counter()
            call()
            times[k].append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1]), first


def table(quick: bool) -> Table:
    """One row per model and size."""
    rows = []
    for name, size, arrays in cases():
        ours, theirs, first = measure(name, arrays, 0.2 if quick else 1.0)
        rows.append([name, size, duration(ours), duration(theirs), f"{theirs / ours:.2f}", f"{first:.1f} s"])
    return Table(
        "Value and gradient: kernel against NumPy",
        ["model", "size", "kernel", "NumPy", "NumPy / kernel", "first call"],
        rows,
        "Medians of alternating calls, data bound beforehand, results equal to 1e-9. The first call compiles, "
        "unless the kernel is in the cache.",
    )
