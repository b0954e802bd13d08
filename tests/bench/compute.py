"""Kernels bound by arithmetic: everybody's time as a multiple of the kernel's, one thread.

Each case states its objective once in the text language, once over a namespace with NumPy's names (for JAX,
PyTorch and autograd), and where a person would write it so, once in plain NumPy with derivatives. A case may name its
`floor`: the matrix products of value and gradient alone, about the least that can be done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import peers
from .table import RESULTS, Table, duration

Arrays = dict[str, Any]
Call = Callable[[], Sequence[Any]]


@dataclass(frozen=True)
class Case:
    """One job. `kind`: gradient (with the value), hessian (of the only unknown), or hvp (along `t`)."""

    name: str
    size: str
    statement: str
    variables: dict[str, tuple[str, ...]]
    unknowns: tuple[str, ...]
    arrays: Callable[[], Arrays]
    objective: Callable[..., Any]
    plain: Callable[..., Sequence[Any]] | None = None
    floor: Callable[..., Any] | None = None
    kind: str = "gradient"
    structured: bool = False
    apart: Callable[..., Any] | None = (
        None  # the unknowns of our statement, out of the one vector of the others
    )
    spread: Callable[..., Any] | None = None  # the entries of what NumPy by hand keeps without zeros
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skip: tuple[str, ...] = ()


# ---------------------------------------------------------------- objectives


def _lse(xp: Any, z: Any, axis: int) -> Any:
    if xp.__name__ == "torch":
        return xp.logsumexp(z, axis)
    if xp.__name__ == "jax.numpy":
        from jax.nn import logsumexp

        return logsumexp(z, axis=axis)
    if xp.__name__ == "pytensor":
        return xp.logsumexp(z, axis=axis)
    from autograd.scipy.special import logsumexp

    return logsumexp(z, axis=axis)


def softmax_regression(xp: Any, X: Any, Y: Any, W: Any) -> Any:
    Z = X @ W
    return _lse(xp, Z, 1).sum() - (Y * Z).sum()


def softmax_regression_plain(X: Any, Y: Any, W: Any) -> Sequence[Any]:
    Z = X @ W
    top = Z.max(1, keepdims=True)
    e = np.exp(Z - top)
    total = e.sum(1, keepdims=True)
    return (top + np.log(total)).sum() - (Y * Z).sum(), X.T @ (e / total - Y)


def network(xp: Any, X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    Z = xp.tanh(X @ W1 + b1) @ W2 + b2
    return _lse(xp, Z, 1).sum() - (Y * Z).sum()


def network_plain(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Sequence[Any]:
    H = np.tanh(X @ W1 + b1)
    Z = H @ W2 + b2
    top = Z.max(1, keepdims=True)
    e = np.exp(Z - top)
    total = e.sum(1, keepdims=True)
    D = e / total - Y
    B = (D @ W2.T) * (1 - H * H)
    value = (top + np.log(total)).sum() - (Y * Z).sum()
    return value, X.T @ B, B.sum(0), H.T @ D, D.sum(0)


def network_products(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    H = X @ W1
    D = H @ W2
    return X.T @ (D @ W2.T), H.T @ D


def flat_network(xp: Any, X: Any, Y: Any, theta: Any) -> Any:
    d, k = X.shape[1], Y.shape[1]
    h = (theta.shape[0] - k) // (d + 1 + k)
    a, b, c = d * h, d * h + h, d * h + h + h * k
    return network(xp, X, Y, theta[:a].reshape((d, h)), theta[a:b], theta[b:c].reshape((h, k)), theta[c:])


def mixture(xp: Any, X: Any, alpha: Any, mu: Any, Sigma: Any) -> Any:
    r = X[:, None, :] - mu
    s = xp.einsum("kab,nkb->nka", xp.linalg.inv(Sigma), r)
    logs = xp.log(alpha) - xp.linalg.slogdet(Sigma)[1] / 2 - (r * s).sum(-1) / 2
    return -_lse(xp, logs, 1).sum()


def mixture_plain(X: Any, alpha: Any, mu: Any, Sigma: Any) -> Sequence[Any]:
    P = np.linalg.inv(Sigma)
    r = X[:, None, :] - mu
    s = np.einsum("kab,nkb->nka", P, r, optimize=True)
    logs = np.log(alpha) - np.linalg.slogdet(Sigma)[1] / 2 - (r * s).sum(-1) / 2
    top = logs.max(1, keepdims=True)
    e = np.exp(logs - top)
    total = e.sum(1, keepdims=True)
    q = e / total
    value = -(top + np.log(total)).sum()
    g_sigma = (q.sum(0)[:, None, None] * P - np.einsum("nk,nka,nkb->kab", q, s, s, optimize=True)) / 2
    return value, -q.sum(0) / alpha, -np.einsum("nk,nka->ka", q, s, optimize=True), g_sigma


def factored_mixture(xp: Any, X: Any, alpha: Any, mu: Any, rho: Any, L: Any) -> Any:
    """Precisions as factors: log-diagonal rho, and what is below the diagonal from L."""
    d = X.shape[1]
    below, eye = np.tril(np.ones((d, d)), -1), np.eye(d)
    if xp.__name__ == "torch":
        below, eye = xp.from_numpy(below), xp.from_numpy(eye)
    Q = L * below + xp.exp(rho)[:, :, None] * eye
    v = xp.einsum("kab,nkb->nka", Q, X[:, None, :] - mu)
    logs = alpha + rho.sum(1) - (v * v).sum(-1) / 2
    return -_lse(xp, logs, 1).sum()


def diagonal_mixture(xp: Any, X: Any, alpha: Any, mu: Any, v: Any) -> Any:
    r = X[:, None, :] - mu
    logs = xp.log(alpha) - xp.log(v).sum(1) / 2 - (r * r / v).sum(-1) / 2
    return -_lse(xp, logs, 1).sum()


def diagonal_mixture_plain(X: Any, alpha: Any, mu: Any, v: Any) -> Sequence[Any]:
    p = 1 / v
    m = mu * p
    logs = np.log(alpha) - np.log(v).sum(1) / 2 - (mu * m).sum(1) / 2 + X @ m.T - (X * X) @ (p.T / 2)
    top = logs.max(1, keepdims=True)
    e = np.exp(logs - top)
    total = e.sum(1, keepdims=True)
    q = e / total
    count, first, second = q.sum(0), q.T @ X, q.T @ (X * X)
    square = second - 2 * mu * first + count[:, None] * mu * mu
    g_mu = -(first - count[:, None] * mu) * p
    return -(top + np.log(total)).sum(), -count / alpha, g_mu, (count[:, None] - square * p) * p / 2


def attention(xp: Any, X: Any, T: Any, Q: Any, K: Any, V: Any) -> Any:
    scores = (X @ Q) @ xp.swapaxes(X @ K, 1, 2) / np.sqrt(X.shape[2])
    e = xp.exp(scores)
    R = (e / e.sum(2)[:, :, None]) @ (X @ V) - T
    return (R * R).sum() / 2


def attention_plain(X: Any, T: Any, Q: Any, K: Any, V: Any) -> Sequence[Any]:
    scale = 1 / np.sqrt(X.shape[2])
    q, k, v = X @ Q, X @ K, X @ V
    s = q @ k.swapaxes(1, 2) * scale
    s -= s.max(2, keepdims=True)
    p = np.exp(s)
    p /= p.sum(2, keepdims=True)
    R = p @ v - T
    g_v = p.swapaxes(1, 2) @ R
    g_p = R @ v.swapaxes(1, 2)
    g_s = (g_p - (g_p * p).sum(2, keepdims=True)) * p * scale
    rows = X.reshape(-1, X.shape[2])
    flat = [(a.reshape(rows.shape)) for a in (g_s @ k, g_s.swapaxes(1, 2) @ q, g_v)]
    return (R * R).sum() / 2, *(rows.T @ a for a in flat)


def attention_products(X: Any, T: Any, Q: Any, K: Any, V: Any) -> Any:
    rows = X.reshape(-1, X.shape[2])
    q, k, v = ((rows @ A).reshape(X.shape) for A in (Q, K, V))
    s = q @ k.swapaxes(1, 2)
    r = s @ v
    found = s.swapaxes(1, 2) @ r, r @ v.swapaxes(1, 2), s @ k, s.swapaxes(1, 2) @ q
    return [rows.T @ a.reshape(rows.shape) for a in (found[0], found[2], found[3])]


def convolution(xp: Any, X: Any, T: Any, w: Any) -> Any:
    if xp.__name__ == "torch":
        found = xp.nn.functional.conv1d(X, w)
    else:
        import jax

        found = jax.lax.conv_general_dilated(X, w, (1,), "VALID", dimension_numbers=("NCH", "OIH", "NCH"))
    R = xp.maximum(found, 0 * found) - T
    return (R * R).sum() / 2


def _unfolded(X: Any, w: Any) -> Any:
    """The windows of X as a matrix: (batch, channels · width, places)."""
    view = np.lib.stride_tricks.sliding_window_view(X, w.shape[2], 2)
    batch, channels, places, width = view.shape
    return np.ascontiguousarray(view.swapaxes(2, 3)).reshape(batch, channels * width, places)


def convolution_plain(X: Any, T: Any, w: Any) -> Sequence[Any]:
    A = _unfolded(X, w)
    H = w.reshape(len(w), -1) @ A
    R = np.maximum(H, 0) - T
    G = (R * (H > 0) @ A.swapaxes(1, 2)).sum(0)
    return (R * R).sum() / 2, G.reshape(w.shape)


def convolution_products(X: Any, T: Any, w: Any) -> Any:
    """On one unfolded signal again and again, so that the unfolding does not count."""
    A = _unfolded(X[:1], w)[0]
    flat = w.reshape(len(w), -1)
    return [(flat @ A) @ A.T for _ in range(len(X))]


def pca(xp: Any, X: Any, W: Any) -> Any:
    R = X - (X @ W) @ W.T
    return (R * R).sum() / 2


def pca_plain(X: Any, W: Any) -> Sequence[Any]:
    S = X @ W
    R = S @ W.T - X
    return (R * R).sum() / 2, X.T @ (R @ W) + R.T @ S


def pca_products(X: Any, W: Any) -> Any:
    S = X @ W
    R = S @ W.T
    return X.T @ (R @ W), R.T @ S


def factorisation(xp: Any, T: Any, M: Any, V: Any, U: Any) -> Any:
    R = M * (T - U @ V.T)
    return (R * R).sum()


def factorisation_blocks(T: Any, M: Any, V: Any, U: Any) -> Sequence[Any]:
    """The blocks on the diagonal, as one product: nothing that is zero."""
    n, k = V.shape
    return [((2 * M * M) @ (V[:, :, None] * V[:, None, :]).reshape(n, k * k)).reshape(-1, k, k)]


def on_the_diagonal(blocks: Any) -> Any:
    """Blocks as a Hessian: written through a view of the diagonal into zeros, which is the quickest way in NumPy."""
    m, k, _ = blocks.shape
    H = np.zeros((m, k, m, k))
    np.einsum("iaib->iab", H)[...] = blocks
    return H


def factorisation_hessian(T: Any, M: Any, V: Any, U: Any) -> Sequence[Any]:
    return [on_the_diagonal(*factorisation_blocks(T, M, V, U))]


RANK = 5


def _factors(T: Any, theta: Any, k: int = RANK) -> tuple[Any, Any]:
    """Both factors out of one vector."""
    m, n = T.shape[0], T.shape[1]
    return theta[: m * k].reshape((m, k)), theta[m * k :].reshape((n, k))


def both_factors(xp: Any, T: Any, theta: Any) -> Any:
    U, V = _factors(T, theta)
    R = T - U @ V.T
    return (R * R).sum()


def both_factors_cores(T: Any, theta: Any) -> Sequence[Any]:
    """What the Hessian in both factors is made of: VᵀV, UᵀU, and −2(T − UVᵀ) beside U and V themselves."""
    U, V = _factors(T, theta)
    return [2 * V.T @ V, 2 * U.T @ U, 2 * (U @ V.T - T), 2 * U, V]


def in_their_places(by_v: Any, by_u: Any, R: Any, U: Any, V: Any) -> Any:
    """The joint matrix: views of its blocks, and of the diagonals of blocks, are written to."""
    (m, k), n = U.shape, len(V)
    H = np.zeros(((m + n) * k, (m + n) * k))
    np.einsum("iaib->iab", H[: m * k, : m * k].reshape(m, k, m, k))[...] = by_v
    np.einsum("iaib->iab", H[m * k :, m * k :].reshape(n, k, n, k))[...] = by_u
    cross = H[: m * k, m * k :].reshape(m, k, n, k)
    np.multiply(U[:, None, None, :], V.T[None, :, :, None], out=cross)
    np.einsum("iaja->ija", cross)[...] += R[:, :, None]
    H[m * k :, : m * k] = H[: m * k, m * k :].T
    return H


def both_factors_hessian(T: Any, theta: Any) -> Sequence[Any]:
    return [in_their_places(*both_factors_cores(T, theta))]


def factorisation_hvp(T: Any, M: Any, V: Any, U: Any, t: Any) -> Sequence[Any]:
    return [2 * (M * M * (t @ V.T)) @ V]


def logistic(xp: Any, X: Any, y: Any, w: Any) -> Any:
    z = X @ w
    return (xp.logaddexp(0 * z, z) - y * z).sum()


def logistic_hessian(X: Any, y: Any, w: Any) -> Sequence[Any]:
    p = 1 / (1 + np.exp(-(X @ w)))
    return [(X.T * (p * (1 - p))) @ X]


# ---------------------------------------------------------------- data


def _classes(n: int, d: int, k: int, hidden: int = 0, flat: bool = False) -> Callable[[], Arrays]:
    def make() -> Arrays:
        rng = np.random.default_rng(0)
        found: Arrays = {"X": rng.standard_normal((n, d)), "Y": np.eye(k)[rng.integers(k, size=n)]}
        if not hidden:
            return {**found, "W": rng.standard_normal((d, k)) * 0.1}
        if flat:
            return {**found, "theta": rng.standard_normal(d * hidden + hidden + hidden * k + k) * 0.3}
        found |= {"W1": rng.standard_normal((d, hidden)) / np.sqrt(d), "b1": rng.standard_normal(hidden)}
        return {**found, "W2": rng.standard_normal((hidden, k)) / hidden**0.5, "b2": rng.standard_normal(k)}

    return make


def _mixture(n: int, d: int, k: int, kind: str) -> Callable[[], Arrays]:
    def make() -> Arrays:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d)) + 3 * rng.standard_normal((k, d))[rng.integers(k, size=n)]
        alpha = rng.random(k) + 0.5
        found: Arrays = {"X": X, "alpha": alpha / alpha.sum(), "mu": 3 * rng.standard_normal((k, d))}
        if kind == "diagonal":
            return {**found, "v": rng.random((k, d)) + 0.5}
        if kind == "factored":
            return {
                **found,
                "rho": rng.standard_normal((k, d)) * 0.2,
                "L": rng.standard_normal((k, d, d)) * 0.2,
            }
        A = rng.standard_normal((k, d, d)) / np.sqrt(d)
        return {**found, "Sigma": A @ A.swapaxes(1, 2) + np.eye(d)}

    return make


def _attention() -> Arrays:
    rng = np.random.default_rng(0)
    weights = {name: rng.standard_normal((64, 64)) / 8 for name in ("Q", "K", "V")}
    return {"X": rng.standard_normal((8, 128, 64)), "T": rng.standard_normal((8, 128, 64)), **weights}


def _convolution() -> Arrays:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((32, 16, 5)) / np.sqrt(80)
    return {"X": rng.standard_normal((64, 16, 512)), "T": rng.standard_normal((64, 32, 508)), "w": w}


def _projection() -> Arrays:
    rng = np.random.default_rng(0)
    return {"X": rng.standard_normal((50_000, 100)), "W": rng.standard_normal((100, 10)) / 10}


def _ratings(m: int, n: int, direction: bool) -> Callable[[], Arrays]:
    def make() -> Arrays:
        rng = np.random.default_rng(0)
        found: Arrays = {"T": rng.standard_normal((m, n)), "M": (rng.random((m, n)) < 0.3).astype(float)}
        found |= {"V": rng.standard_normal((n, 5)), "U": rng.standard_normal((m, 5))}
        return {**found, "t": rng.standard_normal((m, 5))} if direction else found

    return make


def _whole_factors() -> Arrays:
    rng = np.random.default_rng(0)
    return {"T": rng.standard_normal((100, 100)), "theta": rng.standard_normal(1000)}


def _labelled(n: int, d: int) -> Callable[[], Arrays]:
    def make() -> Arrays:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d))
        return {"X": X, "y": (rng.random(n) < 0.5).astype(float), "w": rng.standard_normal(d) / d}

    return make


_FIT = "sum(logsumexp({z}, axis=1)) - sum(Y * ({z}))"
_NETWORK = "tanh(X @ W1 + b1) @ W2 + b2"
_QUADRATIC = 'einsum("nka,kab,nkb->nk", X[:, None, :] - mu, inv(Sigma), X[:, None, :] - mu)'
_FLAT = (
    "tanh(X @ reshape(theta[:d*h], (d, h)) + theta[d*h:d*h + h]) @ reshape(theta[d*h + h:d*h + h + h*k], (h, k))"
    " + theta[d*h + h + h*k:]"
)
_MASKED = "sumsq(M * (T - U @ V.T))"
_MASKED_SHAPES = {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}

CASES = (
    Case(
        "softmax regression", "100000 × 50 → 10", _FIT.format(z="X @ W"),
        {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k")}, ("W",),
        _classes(100_000, 50, 10), softmax_regression, softmax_regression_plain,
    ),
    Case(
        "network", "10000, 64-128-10", _FIT.format(z=_NETWORK),
        {"X": ("n", "d"), "Y": ("n", "k"), "W1": ("d", "h"), "b1": ("h",), "W2": ("h", "k"), "b2": ("k",)},
        ("W1", "b1", "W2", "b2"), _classes(10_000, 64, 10, 128), network, network_plain, network_products,
    ),
    Case(
        "mixture, covariances", "50000 × 8, k = 5",
        f"-sum(logsumexp(log(alpha) - logdet(Sigma)/2 - {_QUADRATIC}/2, axis=1))",
        {"X": ("n", "d"), "alpha": ("k",), "mu": ("k", "d"), "Sigma": ("k", "d", "d")},
        ("alpha", "mu", "Sigma"), _mixture(50_000, 8, 5, "full"), mixture, mixture_plain,
        facts={"Sigma": ("pd",), "alpha": ("positive",)},
    ),
    Case(
        "mixture, precision factors", "50000 × 8, k = 5",
        '-sum(logsumexp(alpha + sum(rho, axis=1) - sum(einsum("kab,nkb->nka", tril(L, -1)'
        ' + einsum("ka,ab->kab", exp(rho), eye(d)), X[:, None, :] - mu)**2, axis=2)/2, axis=1))',
        {"X": ("n", "d"), "alpha": ("k",), "mu": ("k", "d"), "rho": ("k", "d"), "L": ("k", "d", "d")},
        ("alpha", "mu", "rho", "L"), _mixture(50_000, 8, 5, "factored"), factored_mixture,
    ),
    Case(
        "mixture, variances", "50000 × 8, k = 5",
        "-sum(logsumexp(log(alpha) - sum(log(v), axis=1)/2 - sum((X[:, None, :] - mu)**2 / v, axis=2)/2, axis=1))",
        {"X": ("n", "d"), "alpha": ("k",), "mu": ("k", "d"), "v": ("k", "d")}, ("alpha", "mu", "v"),
        _mixture(50_000, 8, 5, "diagonal"), diagonal_mixture, diagonal_mixture_plain,
        facts={"v": ("positive",), "alpha": ("positive",)},
    ),
    Case(
        "attention", "batch 8, length 128, width 64",
        'sumsq(softmax(einsum("bid,bjd->bij", X @ Q, X @ K) / sqrt(d), axis=2) @ (X @ V) - T)/2',
        {"X": ("b", "l", "d"), "T": ("b", "l", "d"), "Q": ("d", "d"), "K": ("d", "d"), "V": ("d", "d")},
        ("Q", "K", "V"), _attention, attention, attention_plain, attention_products,
    ),
    Case(
        "convolution", "64 signals, 16 × 512, 32 kernels of 5", "sumsq(relu(conv1d(X, w)) - T)/2",
        {"X": ("b", "c", "l"), "T": ("b", "o", "l - p + 1"), "w": ("o", "c", "p")}, ("w",),
        _convolution, convolution, convolution_plain, convolution_products, skip=("autograd",),
    ),
    Case(
        "PCA", "50000 × 100, rank 10", "sumsq(X - X @ W @ W.T)/2",
        {"X": ("n", "d"), "W": ("d", "r")}, ("W",), _projection, pca, pca_plain, pca_products,
    ),
    Case(
        "logistic, Hessian", "20000 × 200", "sum(softplus(X @ w)) - y @ (X @ w)",
        {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, ("w",), _labelled(20_000, 200), logistic, logistic_hessian,
        kind="hessian", skip=("autograd", "torch", "torch.compile", "pytensor"),
    ),
    Case(
        "network, Hessian", "1000, 8-16-3 (195 unknowns)", _FIT.format(z=_FLAT),
        {"X": ("n", "d"), "Y": ("n", "k"), "theta": ("d*h + h + h*k + k",)}, ("theta",),
        _classes(1000, 8, 3, 16, flat=True), flat_network, kind="hessian", skip=("autograd",),
    ),
    Case(
        "factorisation, Hessian", "100 × 100, k = 5", _MASKED, _MASKED_SHAPES, ("U",),
        _ratings(100, 100, False), factorisation, factorisation_hessian, kind="hessian",
    ),
    Case(
        "factorisation, structured Hessian", "100 × 100, k = 5", _MASKED, _MASKED_SHAPES, ("U",),
        _ratings(100, 100, False), factorisation, factorisation_blocks, kind="hessian", structured=True,
        spread=on_the_diagonal,
    ),
    Case(
        "factorisation, Hessian in both factors", "100 × 100, k = 5",
        "sumsq(T - reshape(theta[:m*k], (m, k)) @ reshape(theta[m*k:], (n, k)).T)",
        {"T": ("m", "n"), "theta": ("m*k + n*k",)}, ("theta",), _whole_factors, both_factors, both_factors_hessian,
        kind="hessian", skip=("torch", "autograd"),
    ),
    Case(
        "factorisation, structured Hessian in both factors", "100 × 100, k = 5", "sumsq(T - U @ V.T)",
        {"T": ("m", "n"), "U": ("m", "k"), "V": ("n", "k")}, ("theta",), _whole_factors, both_factors,
        both_factors_cores, kind="hessian", structured=True, spread=in_their_places, skip=("torch", "autograd"),
        apart=lambda T, theta: dict(zip("UV", _factors(T, theta), strict=True)),
    ),
    Case(
        "factorisation, Hessian times vector", "1000 × 1000, k = 5", _MASKED, _MASKED_SHAPES, ("U",),
        _ratings(1000, 1000, True), factorisation, factorisation_hvp, kind="hvp",
    ),
)  # fmt: skip


# ---------------------------------------------------------------- everybody


def outputs(case: Case) -> dict[str, Any]:
    """What a kernel of the case computes."""
    import derive as dv

    f = dv.parse(case.statement, variables=case.variables, facts=case.facts)
    if case.kind == "hessian":
        return {"hessian": dv.hessian(f, ["U", "V"] if case.apart else case.unknowns[0])}
    if case.kind == "hvp":
        (name,) = case.unknowns
        return {"hvp": dv.hvp(f, name, dv.tensor("t", *case.variables[name]))}
    slopes = dv.gradient(f, list(case.unknowns))
    return {"value": f, **{f"gradient {u}": g for u, g in zip(case.unknowns, slopes, strict=True)}}


def kernel(case: Case) -> Any:
    """The compiled statement, without data."""
    import derive as dv

    found = outputs(case)
    return dv.compile(found["hessian"], structured=True) if case.structured else dv.compile(found)


def ours(case: Case, arrays: Arrays) -> tuple[Call, float]:
    """A bound kernel, and the seconds that its first call took."""
    compiled = kernel(case)
    point = {k: arrays[k] for k in case.unknowns}
    if case.apart is not None:
        data = {k: a for k, a in arrays.items() if k not in point}
        point = case.apart(**arrays)
        arrays = {**data, **point}
    began = time.process_time()
    bound: Any = compiled.bind({k: a for k, a in arrays.items() if k not in point})
    if case.structured:
        bound(**point)
        return lambda: [bound(**point)], time.process_time() - began
    known = bound.kernel.unknowns  # one that drops out of a second derivative is no unknown any more
    point = {k: a for k, a in point.items() if k in known}
    bound(**point)
    return lambda: list(bound(**point).values()), time.process_time() - began


def by_jax(case: Case, arrays: Arrays) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    data = {k: jax.numpy.asarray(a) for k, a in arrays.items() if k not in (*case.unknowns, "t")}
    name = case.unknowns[0]
    point = jax.numpy.asarray(arrays[name])

    def value(u: Any, given: Any) -> Any:
        return case.objective(jax.numpy, **{name: u}, **given)

    if case.kind == "gradient":
        return peers._jax(case.objective, arrays, case.unknowns)
    if case.kind == "hessian":
        hessian = jax.jit(jax.hessian(value))
        return lambda: [jax.block_until_ready(hessian(point, data))]
    push = jax.jit(lambda u, t, given: jax.jvp(jax.grad(lambda a: value(a, given)), (u,), (t,))[1])
    direction = jax.numpy.asarray(arrays["t"])
    return lambda: [jax.block_until_ready(push(point, direction, data))]


def by_torch(case: Case, arrays: Arrays, compiled: bool = False) -> Call:
    import torch
    from torch.func import grad, hessian, jvp

    torch.set_num_threads(peers.THREADS)
    if case.kind == "gradient":
        return peers._torch(case.objective, arrays, case.unknowns)
    given = {k: torch.as_tensor(a) for k, a in arrays.items() if k not in (*case.unknowns, "t")}
    name = case.unknowns[0]
    point = torch.as_tensor(arrays[name])

    def value(u: Any) -> Any:
        return case.objective(torch, **{name: u}, **given)

    if case.kind == "hessian":
        second = torch.compile(hessian(value)) if compiled else hessian(value)
        return lambda: [second(point)]
    direction = torch.as_tensor(arrays["t"])
    along: Any = lambda u, t: jvp(grad(value), (u,), (t,))[1]
    product = torch.compile(along) if compiled else along
    return lambda: [product(point, direction)]


def by_autograd(case: Case, arrays: Arrays) -> Call:
    if case.kind == "gradient":
        return peers._autograd(case.objective, arrays, case.unknowns)
    import autograd
    import autograd.numpy as xp

    name = case.unknowns[0]
    rest = {k: a for k, a in arrays.items() if k not in (name, "t")}
    if case.kind == "hessian":
        second = autograd.hessian(lambda u: case.objective(xp, **{name: u}, **rest))
        return lambda: [second(arrays[name])]
    product = autograd.hessian_vector_product(lambda u: case.objective(xp, **{name: u}, **rest))
    return lambda: [product(arrays[name], arrays["t"])]


def by_torch_compiled(case: Case, arrays: Arrays) -> Call:
    if case.kind == "gradient":
        return peers._torch_compiled(case.objective, arrays, case.unknowns)
    return by_torch(case, arrays, compiled=True)


def by_pytensor(case: Case, arrays: Arrays) -> Call:
    if case.kind == "gradient":
        return peers._pytensor(case.objective, arrays, case.unknowns)
    import pytensor
    import pytensor.tensor as pt

    (name,) = case.unknowns
    shape = arrays[name].shape
    flat = pt.dvector(name)  # Hessians are those of vectors
    data = {k: pytensor.shared(np.asarray(a)) for k, a in arrays.items() if k not in (name, "t")}
    value = case.objective(peers._PyTensorNames(), **{name: flat.reshape(shape)}, **data)
    if case.kind == "hessian":
        found = pytensor.gradient.hessian(value, flat).reshape((*shape, *shape))
    else:
        direction = pytensor.shared(arrays["t"].ravel())
        found = pt.grad((pt.grad(value, flat) * direction).sum(), flat).reshape(shape)
    function = pytensor.function([pytensor.In(flat, borrow=True)], found, mode="NUMBA")
    point = arrays[name].ravel()
    return lambda: [function(point)]


MAKERS = {
    "jax": by_jax,
    "torch": by_torch,
    "torch.compile": by_torch_compiled,
    "autograd": by_autograd,
    "pytensor": by_pytensor,
}
#: Peers that are compiled already; cases that differ only in what we give back share them.
_MADE: dict[Any, Call] = {}
#: Peers that could not do a case, and why.
FAILED: dict[str, set[str]] = {}


def remark() -> str:
    """Who is missing, for the text below a table."""
    absent = peers.missing()
    text = f" Not installed, so not compared: {', '.join(absent)}." if absent else ""
    failed = "; ".join(f"{peer} ({', '.join(sorted(cases))})" for peer, cases in sorted(FAILED.items()))
    return text + (f" Not able to do a case as it is written here: {failed}." if failed else "")


def calls(case: Case, arrays: Arrays, wanted: Sequence[str] = tuple(MAKERS)) -> dict[str, Call]:
    """The installed peers, ready to be called with nothing."""
    absent = [*peers.missing(), *case.skip]
    found: dict[str, Call] = {}
    for peer, make in MAKERS.items():
        if peer in wanted and peer not in absent:
            try:
                key = peer, case.objective, case.size, case.kind
                if key not in _MADE:
                    _MADE[key] = make(case, arrays)
                    _MADE[key]()
                call = _MADE[key]
            except Exception:
                FAILED.setdefault(peer, set()).add(case.name)
            else:
                found[peer] = call
    if case.plain is not None:
        plain = case.plain
        found["NumPy"] = lambda: plain(**arrays)
    return found


def table(quick: bool, only: str = "") -> Table:
    """One row per case."""
    from .handwritten import yardsticks
    from .kernels import agree, interleaved

    columns, hand = ["NumPy", *MAKERS], yardsticks()
    rows = []
    for case in CASES:
        if only not in ("", case.name):
            continue
        arrays = case.arrays()
        mine, first = ours(case, arrays)
        everybody = calls(case, arrays)
        if case.name in hand:
            everybody["by hand"] = lambda f=hand[case.name], a=arrays: f(**a)  # type: ignore[misc]
        for peer, call in everybody.items():
            results = [r.dense() if case.structured else r for r in mine()]
            theirs = [np.asarray(a) for a in call()]
            if peer == "NumPy" and case.spread is not None:
                theirs = [case.spread(*theirs)]
            agree(results, theirs, f"{case.name}, {peer}")
        floor = case.floor
        if floor is not None:
            everybody["floor"] = lambda f=floor, a=arrays: f(**a)  # type: ignore[misc]
        found = interleaved({"ours": mine, **everybody}, 0.3 if quick else 4.0, time.process_time)
        ratios = [
            f"{found[c] / found['ours']:.2f}" if c in found else "–" for c in [*columns, "by hand", "floor"]
        ]
        RESULTS[f"{case.name} {case.size}"] = found
        best = min(found[c] for c in columns if c in found)
        best_text = f"{best / found['ours']:.2f}"
        rows.append([case.name, case.size, duration(found["ours"]), *ratios, best_text, f"{first:.1f} s"])
    return Table(
        "Arithmetic: everybody's time as a multiple of the kernel's",
        ["case", "size", "kernel", *columns, "by hand", "products alone", "best peer", "first call"],
        rows,
        "Medians of processor time on one thread, calls taking turns, data bound beforehand, results equal to 1e-9. "
        "`by hand`: numba loops written for this one problem. "
        f"`products alone`: the matrix products of value and gradient by NumPy, nothing else.{remark()}",
    )
