"""Products with a short side agree with NumPy for all layouts and remainders, and write nowhere else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import njit

from derive.kernels import smallproducts
from derive.kernels.cache import cache_folder, machine_code
from derive.kernels.lapack import gemm, gemm_add, gemm_add_ahead, gemm_ahead

# not kept on disk: code there would call whatever has the name now
compiled = njit(error_model="numpy")


@compiled
def _product(left, right, out):
    gemm(left, right, out)


@compiled
def _added(left, right, out):
    gemm_add(left, right, out)


@compiled
def _product_ahead(left, right, out, rows):
    gemm_ahead(left, right, out, rows)


@compiled
def _added_ahead(left, right, out, rows):
    gemm_add_ahead(left, right, out, rows)


def _laid(rng, rows, columns, by_rows):
    """A matrix inside a larger one: entries of its rows, or of its columns, are neighbours."""
    shape = (rows, columns) if by_rows else (columns, rows)
    made = rng.standard_normal((shape[0] + 1, shape[1] + 3))[: shape[0], : shape[1]]
    return made if by_rows else made.T


@pytest.mark.parametrize("layouts", list(itertools.product([True, False], repeat=2)))
def test_all_ways_and_remainders(layouts):
    """out = AB and out += AB where A and B lie by rows or by columns: direct, turned, packed and dot forms."""
    rng = np.random.default_rng(0)
    sizes = [(1, 1, 1), (5, 1, 9), (10, 256, 50), (50, 10, 256), (9, 26, 17), (64, 200, 5), (200, 5, 601)]
    sizes += [tuple(map(int, rng.integers(1, 70, 3))) for _ in range(30)]
    sizes.append((300, 300, 60))
    for m, n, k in sizes:
        A, B = _laid(rng, m, k, layouts[0]), _laid(rng, k, n, layouts[1])
        for call, before in ((_product, np.nan), (_added, 2.0)):
            room = np.full((m + 2, n + 4), 7.0)
            out = room[1:-1, 2:-2]
            out[:] = before
            call(A, B, out)
            wanted = A @ B + (0.0 if call is _product else before)
            np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-12 * k, err_msg=f"{m, n, k}")
            out[:] = 7.0
            assert (room == 7.0).all()


def test_fetching_changes_nothing():
    """Whether the next rows are fetched meanwhile, and whether there are any, does not show in the result."""
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((40, 50))
    for m, n, k in ((10, 40, 50), (1, 1, 1), (40, 30, 300)):
        A, B = rng.standard_normal((m, k)), rng.standard_normal((k, n))
        for plain, ahead in ((_product, _product_ahead), (_added, _added_ahead)):
            found, wanted = np.ones((m, n)), np.ones((m, n))
            plain(A, B, wanted)
            ahead(A, B, found, rows)
            np.testing.assert_array_equal(found, wanted)


def test_equal_rows_have_equal_bits():
    """A row of the result does not depend on where the block begins that it is in."""
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((24, 50)), rng.standard_normal((50, 10))
    first, second = np.empty((24, 10)), np.empty((24, 10))
    _product(A, B, first)
    _product(np.ascontiguousarray(A[::-1]), B, second)
    np.testing.assert_array_equal(first, second[::-1])


def test_machine_code_in_the_cache_is_checked(tmp_path, monkeypatch):
    """Code that was cut off or changed on disk is made again."""
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "cache"))
    made = []

    def make():
        made.append(1)
        return b"code" * 100

    assert machine_code("test", make) == machine_code("test", make) == b"code" * 100
    (file,) = cache_folder().glob("*.o")
    file.write_bytes(file.read_bytes()[:-1])
    assert machine_code("test", make) == b"code" * 100
    assert len(made) == 2


def test_the_name_is_known_where_it_is_used():
    """Registered once, before anything is compiled that calls it."""
    assert smallproducts.register() is smallproducts.register()
