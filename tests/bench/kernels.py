"""The models at the sizes of their data sets, and growth with the number of rows.

The NumPy forms are written as one would by hand, with the obvious intermediates shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import peers
from .table import RESULTS, Table, duration

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
    found: list[tuple[str, str, Arrays]] = [
        ("ridge", "442 × 10", _linear(442, 10, 1, True, False)),
        ("logistic", "569 × 30", _linear(569, 30, 2, True, True)),
        ("gaussian_mixture", "150 × 4, k = 3", _mixture(150, 4, 3)),
        ("mlp", "1797, 64-16-10", _network(1797, 64, 16, 10)),
    ]
    W = rng.standard_normal((13, 2)) / np.sqrt(13)
    found.append(("pca", "178 × 13, r = 2", {"X": rng.standard_normal((178, 13)), "W": W}))
    return found


def agree(ours: Sequence[Any], theirs: Sequence[Any], what: str) -> None:
    """Equal to 1e-9 of the largest entry; a wrong result is not timed."""
    for a, b in zip(ours, theirs, strict=True):
        scale = max(float(np.abs(np.asarray(b)).max()), 1e-300)
        gap = float(np.abs(np.asarray(a) - np.asarray(b)).max()) / scale
        if not gap < 1e-9:
            raise AssertionError(f"{what}: kernel and peer differ by {gap:.1e}")


def interleaved(
    calls: Mapping[str, Callable[[], Any]],
    seconds: float,
    clock: Any,
    share: float = 0.5,
    pause: float = 0.0,
) -> dict[str, float]:
    """Median seconds per call; the calls take turns, so that all see the same machine.

    Who takes more than ten times as long as the quickest has every fourth turn, which leaves more turns to the others.

    share  the part of the calls that was quicker, where it is not the half
    pause  seconds between two turns, after which a call is made that does not count: threads of some libraries look
           for work a while longer, on the processor of whoever is next
    """
    once: dict[str, float] = {}
    for name, call in calls.items():
        began = time.perf_counter()
        call()
        once[name] = max(time.perf_counter() - began, 1e-6)
    # a sample of about a millisecond, so that reading the clock does not count
    repeats = {name: max(1, int(1e-3 / spent)) for name, spent in once.items()}
    slow = {name for name, spent in once.items() if spent > 10.0 * min(once.values())}
    times: dict[str, list[float]] = {name: [] for name in calls}
    deadline = time.perf_counter() + seconds
    turns = 0
    while time.perf_counter() < deadline or turns < 5:
        turns += 1
        for name, call in calls.items():
            if name in slow and turns % 4 != 1:
                continue
            if pause:
                time.sleep(pause)
                call()
            began = clock()
            for _ in range(repeats[name]):
                call()
            times[name].append((clock() - began) / repeats[name])
    return {name: float(np.quantile(t, share)) for name, t in times.items()}


def bound_kernel(name: str, arrays: Arrays, threads: int = 1) -> tuple[Callable[[], Any], float]:
    """Value and gradient by our kernel, and the seconds of the first call."""
    import derive as dv
    from derive.models import get

    model = get(name)
    outputs = {"value": model.expression()}
    gradients = dv.gradient(outputs["value"], list(model.unknowns))
    outputs.update({f"gradient {u}": g for u, g in zip(model.unknowns, gradients, strict=True)})
    point = {u: arrays[u] for u in model.unknowns}
    began = time.perf_counter()
    kernel = dv.compile(outputs).bind({k: a for k, a in arrays.items() if k not in point})
    if threads > 1:
        kernel = kernel.kernel.bind(kernel.arrays, threads=threads)  # type: ignore[attr-defined]
    kernel(**point)
    return lambda: kernel(**point), time.perf_counter() - began


def table(quick: bool) -> Table:
    """One row per model and size: the kernel's time, and everybody else's as a multiple of it."""
    from derive.models import get

    columns = ["NumPy", "jax", "torch", "autograd"]
    rows = []
    for name, size, arrays in cases():
        ours, first = bound_kernel(name, arrays)
        calls: dict[str, Callable[[], Any]] = {"NumPy": lambda f=PLAIN[name], a=arrays: f(**a)}
        calls.update(peers.calls(name, arrays, list(get(name).unknowns), columns))
        for other, call in calls.items():
            agree(list(ours().values()), call(), f"{name}, {other}")
        found = interleaved({"ours": ours, **calls}, 0.2 if quick else 1.5, time.process_time)
        ratios = [f"{found[c] / found['ours']:.2f}" if c in found else "–" for c in columns]
        rows.append([name, size, duration(found["ours"]), *ratios, f"{first:.1f} s"])
    absent = peers.missing()
    note = f" Not installed, so not compared: {', '.join(absent)}." if absent else ""
    return Table(
        "Models at the sizes of their data: everybody's time as a multiple of the kernel's",
        ["model", "size", "kernel", *columns, "first call"],
        rows,
        "Medians of processor time on one thread, calls taking turns, data bound beforehand, results equal to 1e-9. "
        "The first call compiles, unless the kernel is in "
        f"the cache.{note}",
    )


def hessians(quick: bool) -> Table:
    """The Hessian of logistic regression against NumPy and the symmetric update of BLAS alone."""
    import scipy.linalg.blas

    import derive as dv
    from derive.models import get

    arrays = _linear(20_000, 200, 3, True, True)
    X, w, lam = arrays["X"], arrays["w"], arrays["lam"]
    given = {"X": X, "lam": lam}
    kernel = dv.compile({"hessian": dv.hessian(get("logistic").expression(), "w")}).bind(given)

    def plain() -> Any:
        p = 1 / (1 + np.exp(-(X @ w)))
        return (X.T * (p * (1 - p))) @ X + lam * np.eye(len(w))

    agree([kernel(w=w)["hessian"]], [plain()], "Hessian")
    columns = np.asfortranarray(X.T)
    calls = {
        "ours": lambda: kernel(w=w),
        "NumPy": plain,
        "dsyrk": lambda: scipy.linalg.blas.dsyrk(1.0, columns, lower=1),
    }
    found = interleaved(calls, 0.5 if quick else 3.0, time.process_time)
    RESULTS["dsyrk 20000 × 200"] = found
    row = ["logistic", "20000 × 200", duration(found["ours"])]
    row += [f"{found[name] / found['ours']:.2f}" for name in ("NumPy", "dsyrk")]
    return Table(
        "Hessian: everybody's time as a multiple of the kernel's",
        ["model", "size", "kernel", "NumPy", "dsyrk alone"],
        [row],
        "`dsyrk alone`: the symmetric product XᵀX by BLAS, without weights: about the least that can be done.",
    )


def peak(reset: bool = False) -> float | None:
    """The most memory this process has had at once, in MB, since the last reset; None where nobody tells."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
    except (OSError, StopIteration):
        return None


def growth(quick: bool) -> Table:
    """Time and memory against the number of rows, for logistic regression with 20 columns."""
    rows = []
    for n in (1_000, 10_000, 100_000, 1_000_000):
        ours, _ = bound_kernel("logistic", _linear(n, 20, 4, True, True))
        before = peak(reset=True)
        found = interleaved({"ours": ours}, 0.1 if quick else 0.5, time.process_time)["ours"]
        after = peak()
        extra = "–" if before is None or after is None else f"{after - before:.1f} MB"
        rows.append([f"{n}", duration(found), f"{1e9 * found / n:.2f} ns", extra])
    return Table(
        "Growth with the number of rows: logistic value and gradient, d = 20",
        ["rows", "kernel", "per row", "peak memory added by the calls"],
        rows,
        "The calls add no memory that depends on n.",
    )
