"""Rows in Dask: the bits of the local result, by threads and by processes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, SizeError, UnsupportedError
from derive.kernels import cluster
from derive.kernels.compile import compile_nodes
from derive.kernels.streams import chunk_starts

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")


@pytest.fixture(scope="module")
def problem():
    loss = dv.parse(
        "sum(softplus(X @ w) - y * (X @ w)) / n + lam/2 * sumsq(w)",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
    )
    nodes = {"value": loss.node, "gradient": dv.gradient(loss, "w").node}
    rng = np.random.default_rng(0)
    X = rng.standard_normal((9_001, 5))
    y = (rng.random(9_001) < 0.5).astype(float)
    return compile_nodes(nodes, unknowns=["w"]), X, y, rng.standard_normal(5)


def _same(a, b):
    for key in b:
        np.testing.assert_array_equal(a[key], b[key])


def test_arrays_have_the_bits_of_the_local_result(problem):
    """Blocks of Dask need not be ours: any cut, other order, other kind of number, one array or both."""
    kernel, X, y, w = problem
    local = kernel.bind(X=X, y=y, lam=0.5)(w=w)
    with dask.config.set(scheduler="threads"):
        for chunks in ((1000, 5), (4097, 2), (9_001, 5)):
            _same(kernel.bind(X=da.from_array(X, chunks), y=y, lam=0.5)(w=w), local)
        both = {
            "X": da.from_array(np.asfortranarray(X), (2000, 5)),
            "y": da.from_array(y.astype(np.int8), 3000),
        }
        _same(kernel.bind(both, lam=0.5)(w=w), local)
        _same(kernel(both, lam=0.5, w=w), local)


def test_delayed_blocks(problem):
    """A list of delayed blocks of rows, of lengths that nobody was told."""
    kernel, X, y, w = problem
    blocks = [dask.delayed(np.array)(X[:4000]), dask.delayed(np.array)(X[4000:])]
    with dask.config.set(scheduler="synchronous"):
        _same(kernel.bind(X=blocks, y=y, lam=0.5)(w=w), kernel.bind(X=X, y=y, lam=0.5)(w=w))


def test_the_public_face(problem):
    """`dv.compile(...).bind` takes them as well."""
    _, X, y, w = problem
    loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    gradient = dv.compile(dv.gradient(loss, "w"))
    with dask.config.set(scheduler="synchronous"):
        found = gradient.bind(X=da.from_array(X, (2000, 5)), y=da.from_array(y, 2000))(w=w)
    np.testing.assert_array_equal(found, gradient.bind(X=X, y=y)(w=w))


def test_workers_get_text_and_numbers(problem, monkeypatch):
    """A task holds the source, its hash, numbers and arrays: it can be pickled, and no node is in it."""
    kernel, X, y, w = problem
    seen = []

    def spy(*arguments):
        seen.append(pickle.dumps(arguments))
        return cluster_sums(*arguments)

    cluster_sums = cluster.worker_sums
    monkeypatch.setattr(cluster, "worker_sums", spy)
    with dask.config.set(scheduler="synchronous"):
        kernel.bind(X=da.from_array(X, (5000, 5)), y=y, lam=0.5)(w=w)
    assert len(seen) == len(chunk_starts(len(X)))
    assert all(b"derive.node" not in task and b"sympy" not in task for task in seen)


def test_damaged_source_is_refused():
    with pytest.raises(DataError, match="damaged"):
        cluster.worker_sums("text", "0", 0, (), (), "float64", {})


def test_entries_are_checked_by_the_tasks(problem):
    """The error names array, row and column as it does locally."""
    kernel, X, y, w = problem
    bad = X.copy()
    bad[8_123, 2] = np.nan
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(DataError, match="X has nan at row 8123, column 2"),
    ):
        kernel.bind(X=da.from_array(bad, (3000, 5)), y=y, lam=0.5)(w=w)


def test_statements_that_look_further_are_refused():
    """A softmax along the rows cannot be cut: an error says what to do."""
    loss = dv.parse("sum(softmax(X @ w, axis=0) * y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    kernel = compile_nodes({"value": loss.node}, unknowns=["w"])
    X = da.zeros((100, 3), chunks=50)
    with pytest.raises(UnsupportedError, match="X cannot be read block by block"):
        kernel.bind(X=X, y=np.zeros(100))


@pytest.mark.filterwarnings("error")
def test_rows_of_dask_at_every_door() -> None:
    """Compiled expressions and solvers take arrays and delayed blocks alike; unknown lengths are named."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    loss = dv.parse("sumsq(X @ w - y)", variables=shapes)
    rng = np.random.default_rng(5)
    X, y, w = rng.standard_normal((3000, 3)), rng.standard_normal(3000), rng.standard_normal(3)
    blocks = [dask.delayed(np.array)(X[k : k + 700]) for k in range(0, 3000, 700)]
    rows = da.from_array(X, chunks=(700, 3))
    kernel, problem = dv.compile({"value": loss}), dv.minimize(loss, over="w")
    with dask.config.set(scheduler="synchronous"):
        value = kernel.bind(X=X, y=y, moments=False)(w=w)["value"]
        best = problem.solve(X=X, y=y)["w"]
        for given in (blocks, rows):
            assert kernel.bind(X=given, y=y)(w=w)["value"] == value
            np.testing.assert_array_equal(problem.solve(X=given, y=y)["w"], best)
        unknown = rows[rows[:, 0] > 0.0]
        with pytest.raises(SizeError, match="X has unknown lengths"):
            kernel.bind(X=unknown, y=y)
        with pytest.raises(SizeError, match="X has unknown lengths"):
            problem.solve(X=unknown, y=y)
