"""Products whose columns are pairs: half of them is multiplied, and nothing that is not symmetric is taken for it."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv

WEIGHTED = {"W": ("m", "n"), "V": ("n", "k")}
STATEMENTS = {
    'einsum("ij,ja,jb->iab", W, V, V)': True,
    'einsum("ij,ja,jb->iba", W, V, 2*V)': True,
    'einsum("ij,ja,jb->iab", W, V, exp(V))': False,
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_pairs_of_columns(statement: str) -> None:
    """Text without numba and kernels agree with NumPy at distinct sizes, in several blocks of rows, and at 1."""
    f = dv.parse(statement, variables=WEIGHTED)
    for backend in ("python", "numba"):
        kernel = dv.compile({"b": f}, backend=backend)
        for m, n, k in ((300, 7, 3), (5, 4, 1), (9, 1, 2)):
            if backend == "numba" and m != 300:
                continue
            rng = np.random.default_rng(m)
            W, V = rng.standard_normal((m, n)), rng.standard_normal((n, k))
            bound = kernel.bind(W=W, V=V)
            wanted = f.evaluate(W=W, V=V)
            np.testing.assert_allclose(bound()["b"], wanted, rtol=1e-12, atol=1e-12)
            if m == 300:
                assert ("half of its columns" in bound.kernel.source) == STATEMENTS[statement]
