"""Kernels bound by memory, and calls on small data: everybody's time as a multiple of the kernel's.

Generalised linear models touch every entry of X twice and do little with it, so the time of one read of X, measured
in the same run by a loop that adds its entries, is the limit. On small data the limit is entering compiled code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import compute, handwritten, peers
from .compute import Arrays, Case
from .kernels import agree, interleaved, peak
from .table import RESULTS, Table, duration


def logistic(X: Any, y: Any, w: Any) -> tuple[Any, ...]:
    z = X @ w
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1, e) / (1 + e)
    return (np.maximum(z, 0) + np.log1p(e) - y * z).sum(), X.T @ (p - y)


def least_squares(X: Any, y: Any, w: Any) -> tuple[Any, ...]:
    r = X @ w - y
    return r @ r / 2, X.T @ r


STATEMENTS = {
    "logistic": ("sum(softplus(X @ w)) - y @ (X @ w)", compute.logistic, logistic),
    "least squares": ("sumsq(X @ w - y)/2", peers.least_squares, least_squares),
}
SIZES = {
    "logistic": ((200, 10), (20_000, 100), (200_000, 100), (20_000, 1000), (20_000, 2000)),
    "least squares": ((200, 10), (200_000, 100), (20_000, 1000)),
}


def _data(n: int, d: int) -> Callable[[], Arrays]:
    def make() -> Arrays:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((n, d))
        return {"X": X, "y": (rng.random(n) < 0.5).astype(float), "w": rng.standard_normal(d) / d}

    return make


def cases() -> list[Case]:
    """Every statement at its sizes."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    return [
        Case(name, f"{n} × {d}", text, shapes, ("w",), _data(n, d), objective, plain)
        for name, (text, objective, plain) in STATEMENTS.items()
        for n, d in SIZES[name]
    ]


def compressed(case: Case, arrays: Arrays, seconds: float) -> str:
    """What binding cost where it compressed the data, and what a call takes without; nothing where it did not."""
    kernel, point = compute.kernel(case), {k: arrays[k] for k in case.unknowns}
    data = {k: a for k, a in arrays.items() if k not in point}
    bound = kernel.bind(data)
    if not bound.moments:
        return ""
    plain = kernel.bind(data, moments=False)
    took = [
        float(np.median([kernel.bind(data, moments=m).setup_seconds for _ in range(9)]))
        for m in (None, False)
    ]
    calls = {"short": lambda: bound(point), "plain": lambda: plain(point)}
    found = interleaved(calls, seconds / 4, time.process_time)
    return (
        f" {case.name}, {case.size}: the data enter through squares alone, so binding puts a triangular factor in the "
        f"place of their rows; it takes {duration(took[0])}, without that {duration(took[1])}, and a call then "
        f"{duration(found['plain'])}, {found['plain'] / found['short']:.2f} times as long."
    )


def table(quick: bool) -> Table:
    """One row per case."""
    hand, read = handwritten.yardsticks(), handwritten.reader()
    columns = ["NumPy", *peers.PEERS, "by hand"]
    rows, remarks = [], ""
    for case in cases():
        arrays = case.arrays()
        mine, first = compute.ours(case, arrays)
        everybody = compute.calls(case, arrays)
        everybody["by hand"] = lambda f=hand[case.name], a=arrays: f(**a)  # type: ignore[misc]
        for other, call in everybody.items():
            agree(mine(), [np.asarray(a) for a in call()], f"{case.name}, {other}")
        X = arrays["X"]
        before = peak(reset=True)
        mine()
        after = peak()
        calls = {"ours": mine, **everybody, "read": lambda X=X: read(X)}
        seconds = 0.3 if quick else 8.0 if X.size > 1_000_000 else 1.5
        found = interleaved(calls, seconds, time.process_time)
        RESULTS[f"{case.name} {case.size}"] = found
        remarks += compressed(case, arrays, seconds)
        ours = found["ours"]
        best = min(found[c] for c in columns[:-1] if c in found)
        extra = "–" if before is None or after is None else f"{after - before:.1f} MB"
        rows.append(
            [
                f"{case.name}, {case.size}",
                duration(ours),
                *(f"{found[c] / ours:.2f}" if c in found else "–" for c in columns),
                f"{best / ours:.2f}",
                f"{ours / found['read']:.2f}",
                f"{X.nbytes / found['read'] / 1e9:.1f} GB/s",
                extra,
                f"{first:.1f} s",
            ]
        )
    return Table(
        "Rows: everybody's time as a multiple of the kernel's",
        [
            "case",
            "kernel",
            *columns,
            "best peer",
            "kernel / one read of X",
            "that read",
            "memory",
            "first call",
        ],
        rows,
        "Value and gradient. Medians of processor time on one thread, calls taking turns, data bound beforehand, "
        "results equal to 1e-9. `by hand`: numba loops written for this one problem. `memory`: what a call adds to the "
        "most that the process has had. The first call compiles, unless the kernel is in the cache. PyTensor: "
        f"mode NUMBA.{remarks}{compute.remark()}",
    )
