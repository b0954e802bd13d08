"""The least that a result can take: bytes written or read at the speed of memory, one product, entering compiled code.

Where NumPy by hand is near that already, no kernel can be many times quicker. The parts are measured in the same run,
in turns with the kernel, so that the bound is that of this machine at this time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import compute, handwritten
from .compute import Arrays
from .kernels import interleaved
from .table import RESULTS, Table, duration

Parts = Mapping[str, Callable[[], Any]]


def _filled(size: int) -> Callable[[], Any]:
    """Zeros in a new array, as every call makes one."""
    return lambda: np.empty(size).fill(0.0)


def _blocks(a: Arrays) -> Callable[[], Any]:
    """The blocks Σⱼ Mᵢⱼ² vⱼ vⱼᵀ as one product of matrices, lower triangles alone; squares and pairs exist before."""
    k = a["V"].shape[1]
    pairs = [(p, q) for p in range(k) for q in range(p + 1)]
    squares, right = a["M"] ** 2, np.stack([a["V"][:, p] * a["V"][:, q] for p, q in pairs], axis=1)
    out = np.empty((len(squares), len(pairs)))
    return lambda: np.matmul(squares, right, out=out)


def _entered() -> Callable[[], Any]:
    """A bound kernel with next to nothing to do."""
    import derive as dv

    bound = dv.compile({"value": dv.parse("sumsq(w)", variables={"w": ("d",)})}).bind({})
    w = np.ones(1)
    bound(w=w)
    return lambda: bound(w=w)


def _parts(case: compute.Case, arrays: Arrays) -> dict[str, Callable[[], Any]]:
    if "theta" in arrays:
        size = len(arrays["theta"])
        if not case.structured:
            return {f"write {8 * size**2 / 1e6:.0f} MB": _filled(size**2)}
        U, V = compute._factors(**arrays)
        out = np.empty(arrays["T"].shape)
        return {"the product": lambda: np.matmul(U, V.T, out=out), "a call": _entered()}
    m, k = arrays["U"].shape
    if case.kind == "hvp":
        read, M = handwritten.reader(), arrays["M"]
        return {f"read {M.nbytes / 1e6:.0f} MB": lambda: read(M)}
    if case.structured:
        return {"the product": _blocks(arrays), "a call": _entered()}
    return {f"write {8 * (m * k) ** 2 / 1e6:.0f} MB": _filled((m * k) ** 2), "the product": _blocks(arrays)}


def table(quick: bool) -> Table:
    """One row per case of which somebody asked for a multiple that is beyond the bound."""
    rows = []
    for case in compute.CASES:
        if not case.name.startswith("factorisation"):
            continue
        arrays, plain = case.arrays(), case.plain
        assert plain is not None
        mine, _ = compute.ours(case, arrays)
        parts = _parts(case, arrays)
        calls = {"ours": mine, "NumPy": lambda f=plain, a=arrays: f(**a), **parts}
        found = interleaved(calls, 0.3 if quick else 2.0, time.process_time)
        least = sum(found[name] for name in parts)
        RESULTS[f"bound of {case.name} {case.size}"] = {**found, "least": least}
        words = " + ".join(f"{name} {duration(found[name])}" for name in parts)
        rows.append(
            [
                case.name,
                case.size,
                duration(found["ours"]),
                duration(found["NumPy"]),
                words,
                f"{found['ours'] / least:.2f}",
                f"{found['NumPy'] / least:.1f}",
            ]
        )
    return Table(
        "Bounds: what cannot be less",
        ["case", "size", "kernel", "NumPy", "at least", "kernel / least", "NumPy / least"],
        rows,
        "The parts are measured alone, in turns with the kernel. `NumPy / least`: how many times quicker than NumPy by "
        "hand anything could be on this machine. Most entries of the dense Hessian are zeros, and all are written.",
    )
