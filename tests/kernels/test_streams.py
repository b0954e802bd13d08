"""Rows that compiled code cannot read as they are: the same bits, without a copy of the data."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError
from derive.kernels.bound import Bound
from derive.kernels.compile import compile_nodes
from derive.kernels.streams import CHUNK_ROWS
from tests.kernels.statements import OBJECTIVES, derivatives, draw


def _kernel(dtype=np.float64, backend="numba"):
    loss = dv.parse(
        "sum(softplus(X @ w) - y * (X @ w)) / n + lam/2 * sumsq(w)",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    )
    nodes = {"value": loss.node, "gradient": dv.gradient(loss, "w").node}
    return compile_nodes(nodes, unknowns=["w"], dtype=dtype, backend=backend)


@pytest.fixture(scope="module")
def kernels():
    return {kind: _kernel(kind) for kind in (np.float64, np.float32)}


def _data(n, d, dtype=np.float64):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, d)).astype(dtype)
    return X, (rng.random(n) < 0.5).astype(dtype), rng.standard_normal(d).astype(dtype)


def _same(a, b):
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 31, 33, CHUNK_ROWS + 1, 3 * CHUNK_ROWS + 77])
def test_layouts_have_the_bits_of_rows_in_order(kernels, dtype, n):
    """Fortran order, strides, whole numbers and foreign byte order: the result of contiguous rows."""
    X, y, w = _data(n, 5, dtype)
    kernel = kernels[dtype]
    expected = kernel.bind(X=X, y=y, lam=0.5)(w=w)
    wide = np.zeros((2 * n, 9), dtype)
    wide[::2, 1:6] = X
    swapped = X.astype(X.dtype.newbyteorder())
    for other in (np.asfortranarray(X), wide[::2, 1:6], np.flip(np.flip(X, 0).copy(), 0), swapped):
        bound = kernel.bind(X=other, y=y.astype(np.int8), lam=0.5)
        assert bound.arrays["X"] is other
        _same(bound(w=w), expected)
        _same(kernel(X=other, y=y, lam=0.5, w=w), expected)


def test_read_only_arrays_need_no_other_code(kernels):
    """Memory that may not be written to is read by the same compiled function."""
    X, y, w = _data(100, 5)
    kernel = kernels[np.float64]
    expected = kernel.bind(X=X, y=y, lam=0.5)(w=w)
    X.flags.writeable = False
    _same(kernel.bind(X=X, y=y, lam=0.5)(w=w), expected)
    signatures = len(kernel.module.partial.signatures)
    _same(kernel(X=X, y=y, lam=0.5, w=w), expected)
    assert len(kernel.module.partial.signatures) == signatures


@pytest.mark.parametrize("order", ["C", "F"])
def test_files_are_read_in_spans(kernels, tmp_path, order):
    """A memory-mapped file: memory added by binding and calling is a small part of the data, in either order."""
    n, d = 60_000, 40
    stored = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (n, d), order == "F")
    rng = np.random.default_rng(0)
    stored[:] = rng.standard_normal((n, d))
    stored.flush()
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    y, w = np.zeros(n), rng.standard_normal(d)
    kernel = kernels[np.float64]
    expected = kernel.bind(X=np.ascontiguousarray(X, np.float64), y=y, lam=0.5)(w=w)
    _same(kernel.bind(X=X[:100], y=y[:100], lam=0.5)(w=w), kernel(X=X[:100], y=y[:100], lam=0.5, w=w))
    tracemalloc.start()
    _same(kernel.bind(X=X, y=y, lam=0.5)(w=w), expected)
    _same(kernel(X=X, y=y, lam=0.5, w=w), expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6 < X.size * 8 / 6


@pytest.mark.parametrize(("n", "d"), [(1, 3), (700, 5), (3000, 40), (2500, 330)])
def test_single_precision_is_read_as_it_is(kernels, n, d):
    """A matrix that only products of rows read keeps its kind in compiled code: the bits of doubles."""
    X, y, w = _data(n, d)
    X, y = X.astype(np.float32), y.astype(np.float32)
    kernel = kernels[np.float64]
    expected = kernel.bind(X=X.astype(float), y=y.astype(float), lam=0.5)(w=w)
    for threads in (1, 2):
        bound = kernel.bind(X=X, y=y, lam=0.5, threads=threads)
        for _ in range(2):
            _same(bound(w=w), expected)
        (matrix,) = (a for a in bound._first if np.ndim(a) == 2)
        assert matrix.dtype == np.float32 and np.shares_memory(matrix, X)
    _same(kernel(X=X, y=y, lam=0.5, w=w), expected)
    X[n - 1, 0] = np.nan
    with pytest.raises(DataError, match=f"X has nan at row {n - 1}, column 0"):
        kernel(X=X, y=y, lam=0.5, w=w)


def test_entries_that_are_read_otherwise_become_doubles():
    """Squares of entries in single precision, and products of two, would be rounded to it."""
    shapes = {"X": ("n", "d"), "Z": ("n", "d"), "w": ("d",)}
    rng = np.random.default_rng(0)
    X, Z, w = (rng.standard_normal(s) for s in ((900, 7), (900, 7), (7,)))
    X, Z = X.astype(np.float32), Z.astype(np.float32)
    for text, singles in (
        ("sum(exp(X @ w)) + sum(X**2 * w)", ()),
        ("sum(exp(X @ w) * sum(X * Z, axis=1))", ()),
        ("sum(exp(X @ w) * (Z @ w))", (0, 1)),
        ("sum(exp(X @ w)) + sum(Z**2 * w)", (0,)),
    ):
        f = dv.parse(text, variables=shapes)
        kernel = compile_nodes({"f": f.node, "g": dv.gradient(f, "w").node}, unknowns=["w"])
        data = {k: a for k, a in (("X", X), ("Z", Z)) if k in kernel.variables}
        doubles = kernel.bind({k: a.astype(float) for k, a in data.items()})
        _same(kernel.bind(data)(w=w), doubles(w=w))
        assert singles == kernel.module.SINGLES, text


def test_threads_share_the_path(kernels):
    """Two threads over Fortran order have the bits of one."""
    X, y, w = _data(9 * CHUNK_ROWS, 16)
    kernel = kernels[np.float64]
    expected = kernel.bind(X=X, y=y, lam=0.5)(w=w)
    _same(kernel.bind(X=np.asfortranarray(X), y=y, lam=0.5, threads=2)(w=w), expected)
    _same(kernel.bind(X=X, y=y, lam=0.5, threads=3)(w=w), expected)


def test_conversion_on_request(kernels):
    """For many calls, data in memory are converted once; a file is not read into memory."""
    X, y, w = _data(500, 5)
    kernel = kernels[np.float64]
    bound = kernel.bind(X=np.asfortranarray(X), y=y, lam=0.5, convert=True)
    assert bound.arrays["X"].flags.c_contiguous
    _same(bound(w=w), kernel.bind(X=X, y=y, lam=0.5)(w=w))


@pytest.mark.parametrize("order", ["C", "F"])
def test_entries_are_checked_on_the_way(kernels, order):
    """A call without binding names the array, row and column of an entry that is not finite, late rows too."""
    X, y, w = _data(40_000, 7)
    X = np.array(X, order=order)
    X[39_998, 3] = np.inf
    kernel = kernels[np.float64]
    for call in (lambda: kernel(X=X, y=y, lam=0.5, w=w), lambda: kernel.bind(X=X, y=y, lam=0.5)):
        with pytest.raises(DataError, match=r"X has inf at row 39998, column 3"):
            call()
    X[39_998, 3] = 1e200  # large, but a number
    assert np.isfinite(kernel.bind(X=X, y=y, lam=0.5)(w=0 * w)["value"])


def test_facts_hold_on_the_way():
    """A declared fact is checked in the same pass, and its row counted from the start."""
    loss = dv.parse(
        "sum(c * (X @ w))", variables={"X": ("n", "d"), "c": ("n",), "w": ("d",)}, facts={"c": ("positive",)}
    )
    kernel = compile_nodes({"value": loss.node}, unknowns=["w"])
    X, _, w = _data(100_000, 3)
    c = np.ones(100_000)
    c[77_777] = -1
    with pytest.raises(DataError, match=r"c was declared positive, but is -1.0 at index \(77777,\)"):
        kernel(X=X, c=c, w=w)


def test_statements_that_look_further_still_copy():
    """A softmax along the rows needs all rows at once: Fortran order is converted, the result is right."""
    loss = dv.parse("sum(softmax(X @ w, axis=0) * y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    kernel = compile_nodes({"value": loss.node}, unknowns=["w"])
    X, y, w = _data(300, 5)
    assert kernel.blocks is None
    bound = kernel.bind(X=np.asfortranarray(X), y=y)
    assert isinstance(bound, Bound)
    np.testing.assert_allclose(bound(w=w)["value"], loss.evaluate(X=X, y=y, w=w), rtol=1e-13)


@pytest.mark.parametrize("name", ["mixture", "network", "principal_components", "normalised"])
def test_objectives_in_any_order(name):
    """Where a pass reads its data by rows alone, Fortran order gives the bits of row order; else it is converted."""
    objective = OBJECTIVES[name]()
    unknowns = [v.name for v in objective[1]]
    kernel = compile_nodes(derivatives(objective, second=False), unknowns=unknowns)
    arrays = draw(kernel.nodes, n=2 * CHUNK_ROWS + 45, d=3, k=2, h=4)
    point = {u: arrays.pop(u) for u in unknowns if u in arrays}
    expected = kernel.bind(arrays)(point)
    turned = {k: np.asfortranarray(a) if isinstance(a, np.ndarray) else a for k, a in arrays.items()}
    _same(kernel.bind(turned)(point), expected)
