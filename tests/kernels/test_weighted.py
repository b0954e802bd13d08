"""Weighted products through an array that is never stored agree with NumPy, and write nowhere else."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

import derive as dv
from derive.kernels.weighted import MOST, twice_weighted_products, weighted_products

compiled = njit(error_model="numpy")


@compiled
def _once(a, b, x, c, work, out):
    weighted_products(a, b, x, c, work, out)


@compiled
def _twice(a, b, x, y, c, work, out):
    twice_weighted_products(a, b, x, y, c, work, out)


SIZES = [
    (1, 1, 1, 1),
    (3, 8, 2, 3),
    (4, 9, 5, 5),
    (17, 70, 3, 8),
    (33, 100, 5, 5),
    (11, 50, 2, 4),
    (12, 30, 3, 6),
]
SIZES += [(5, 31, 3, 7), (7, 5, 1, 2), (9, 13, 10, MOST + 1), (20, 64, 40, 33)]


@pytest.mark.parametrize("sizes", SIZES)
def test_agrees_with_numpy(sizes):
    """(X ∘ AB) Cᵀ and (X ∘ Y ∘ AB) Cᵀ for every number of columns, last rows and last vectors included."""
    m, n, k, l = sizes
    rng = np.random.default_rng(0)
    shapes = ((m, k), (k, n), (m, n), (m, n), (l, n))
    a, b, x, y, c = (rng.standard_normal(shape) for shape in shapes)
    for call, weights in ((_once, (x,)), (_twice, (x, y))):
        room = np.full((m + 2, l), 7.0)
        call(a, b, *weights, c, np.full((m, n), np.nan), room[1:-1])
        wanted = (np.prod(weights, axis=0) * (a @ b)) @ c.T
        np.testing.assert_allclose(room[1:-1], wanted, rtol=1e-12, atol=1e-12)
        assert np.all(room[[0, -1]] == 7.0)


def test_columns_behind_the_last_one_do_not_count():
    """An infinite factor meets no zeros where a vector goes beyond the columns."""
    a, b = np.array([[np.inf]]), np.ones((1, 3))
    out = np.empty((1, 2))
    _once(a, b, np.ones((1, 3)), np.ones((2, 3)), np.empty((1, 3)), out)
    assert np.all(out == np.inf)


def test_columns_as_neighbours_are_refused():
    """Not compiled, rather than read in another order."""
    square = np.ones((3, 3))
    with pytest.raises(TypingError):
        _once(square, square, np.asfortranarray(square), square, square.copy(), square.copy())


SHAPES = {"T": ("m", "n"), "M": ("m", "n"), "V": ("n", "k"), "U": ("m", "k")}


@pytest.mark.parametrize("statement", ["sumsq(M * (T - U @ V.T))", "sum(M * (T - U @ V.T)**2)"])
@pytest.mark.parametrize("sizes", [(70, 33, 3), (5, 12, MOST + 2), (41, 1, 1), (1, 9, 2)])
def test_products_with_hessians_of_weighted_factorisations(statement, sizes):
    """Σⱼ 2 wᵢⱼ (t Vᵀ)ᵢⱼ vⱼ, the weights read once: interpreter, text without numba, and kernel."""
    m, n, k = sizes
    rng = np.random.default_rng(1)
    arrays = {"M": rng.random((m, n)), "V": rng.standard_normal((n, k)), "t": rng.standard_normal((m, k))}
    f = dv.parse(statement, variables=SHAPES)
    product = dv.hvp(f, "U", dv.tensor("t", "m", "k"))
    weights = arrays["M"] ** (2 if statement.startswith("sumsq") else 1)
    wanted = 2 * (weights * (arrays["t"] @ arrays["V"].T)) @ arrays["V"]
    for backend in ("numpy", "python", "numba"):
        found = dv.compile({"h": product}, backend=backend)(arrays)["h"]
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def test_the_text_of_the_kernel_holds_one_call():
    """Nothing as wide as the data is computed outside the call; float32 keeps its three steps."""
    f = dv.parse("sumsq(M * (T - U @ V.T))", variables=SHAPES)
    product = dv.hvp(f, "U", dv.tensor("t", "m", "k"))
    arrays = {"M": np.ones((90, 40)), "V": np.ones((40, 2)), "t": np.ones((90, 2))}
    texts = []
    for dtype in (np.float64, np.float32):
        bound = dv.compile({"h": product}, backend="python", dtype=dtype).bind(arrays)
        bound()
        texts.append(bound.kernel.source)
    assert "twice_weighted_products(" in texts[0] and "gemm" not in texts[0]
    assert "weighted_products" not in texts[1] and "gemm" in texts[1]


def test_kernels_from_the_cache_find_the_code():
    """A new process that compiles nothing itself has the function under its name before it loads who calls it."""
    script = (
        "import numpy as np, derive as dv\n"
        f"f = dv.parse('sumsq(M * (T - U @ V.T))', variables={SHAPES!r})\n"
        "h = dv.compile(dv.hvp(f, 'U', dv.tensor('t', 'm', 'k')))\n"
        "print(h(M=np.ones((4, 3)), V=np.ones((3, 2)), t=np.ones((4, 2))).sum())\n"
    )
    exec(script, {})  # the kernel is in the cache now
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert made.stdout.strip() == "96.0", made.stderr
