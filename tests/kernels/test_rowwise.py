"""Products of rows with a vector agree with NumPy at all remainders, and write nowhere else."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
from numba.core.errors import TypingError

from derive.kernels import rough, rowwise
from derive.kernels.arrays import SHORT_SINGLES, alongside, room_alongside
from derive.kernels.gram import NARROW
from derive.kernels.kept import add_then_keep
from derive.kernels.lapack import syrk, syrk_ahead
from derive.kernels.rowwise import FEW, LONG, add_rows, add_then_dot, dot_rows
from derive.kernels.smallproducts import TRIANGLE_COLUMNS, TRIANGLE_MOST
from derive.kernels.special import compiled, helper


@compiled
def _dot(block, w, z):
    dot_rows(block, w, z)


@compiled
def _add(block, r, g):
    add_rows(block, r, g)


@compiled
def _gram(block, factor, out):
    syrk(block, factor, out)


@compiled
def _gram_ahead(block, factor, out):
    syrk_ahead(block, factor, out, block)


@compiled
def _both(block, r, g, after, w, z):
    add_then_dot(block, r, g, after, w, z)


@compiled
def _rough_dot(block, w, z):
    rough.dot_rows(block, w, z)


@compiled
def _rough_add(block, r, g):
    rough.add_rows(block, r, g)


@compiled
def _rough_both(block, r, g, after, w, z):
    rough.add_then_dot(block, r, g, after, w, z)


EXACT, ROUGH = (_dot, _add, _both), (_rough_dot, _rough_add, _rough_both)


def _guarded(values):
    """A contiguous view of the values with 7s around it."""
    room = np.full(values.size + 32, 7, values.dtype)
    room[16:-16] = values.reshape(-1)
    return room, room[16:-16].reshape(values.shape)


@pytest.mark.parametrize(
    ("dtype", "products"),
    [(np.float64, EXACT), (np.float32, EXACT), (np.float64, ROUGH), (np.float32, ROUGH)],
)
def test_dot_and_add_at_all_remainders(dtype, products):
    """z = Xw and g += Xᵀr for rows and columns around multiples of eight; neighbours stay as they were."""
    rng = np.random.default_rng(0)
    dot, add, _ = products
    tolerance = 1e-13 if dtype == np.float64 and products is EXACT else 1e-5
    for n in (0, 1, 7, 8, 9, 19):
        for d in (1, 3, 8, 15, 16, 17, 31, 33, 40, 50):
            _, X = _guarded(rng.standard_normal((n, d)).astype(dtype))
            _, w = _guarded(rng.standard_normal(d).astype(dtype))
            room, z = _guarded(np.zeros(n + 2, dtype))
            dot(X, w, z)
            np.testing.assert_allclose(z[:n], X @ w, rtol=tolerance, atol=tolerance * 10)
            assert np.all(z[n:] == 0) and np.all(room[:16] == 7) and np.all(room[-16:] == 7)
            r = rng.standard_normal(n + 2).astype(dtype)
            room, g = _guarded(np.ones(d))
            add(X, r, g)
            np.testing.assert_allclose(g, 1 + X.T @ r[:n], rtol=tolerance, atol=tolerance * 10)
            assert np.all(room[:16] == 7) and np.all(room[-16:] == 7)


@pytest.mark.parametrize(
    ("dtype", "products"), [(np.float64, EXACT), (np.float32, EXACT), (np.float32, ROUGH)]
)
def test_results_do_not_depend_on_where_the_data_lie(dtype, products):
    """Long rows are read from the end of a line on: bit for bit the same from every place; neighbours stay."""
    rng = np.random.default_rng(1)
    dot, add, both = products
    for d in (LONG, LONG + 1, LONG + 4, LONG + 6, LONG + 71):
        X, w, r = (rng.standard_normal(shape).astype(dtype) for shape in ((21, d), d, 21))
        found = []
        for k in range(9):
            room = np.full(X.size + 32, 7, dtype)
            block = room[k : k + X.size].reshape(X.shape)
            block[...] = X
            (before, z), (around, g) = _guarded(np.zeros(21, dtype)), _guarded(np.ones(d))
            dot(block, w, z)
            add(block, r, g)
            both(block[:10], r, g, block[10:], w, z)
            found.append(np.concatenate([z, g]))
            assert all(
                np.all(each[end] == 7) for each in (before, around) for end in (slice(16), slice(-16, None))
            )
        np.testing.assert_allclose(found[0][:11], X[10:] @ w, rtol=1e-4)
        np.testing.assert_allclose(found[0][21:], 1 + X.T @ r + X[:10].T @ r[:10], rtol=1e-4, atol=1e-4)
        assert all(np.array_equal(found[0], each) for each in found)


def test_gram_matrices_at_all_remainders():
    """The lower triangle of out += s·XᵀX, in registers, by tiles and by BLAS; neighbours stay as they were."""
    rng = np.random.default_rng(0)
    widths = (
        1,
        2,
        3,
        7,
        8,
        9,
        15,
        21,
        NARROW,
        NARROW + 1,
        72,
        73,
        100,
        TRIANGLE_COLUMNS,
        TRIANGLE_COLUMNS + 1,
        TRIANGLE_MOST + 1,
    )
    for n, d, factor in itertools.product((0, 1, 5, 8, 19), widths, (-0.5, 1.0)):
        _, X = _guarded(rng.standard_normal((n, d)))
        for call in (_gram, _gram_ahead):
            room, out = _guarded(np.ones((d, d)))
            call(X, factor, out)
            np.testing.assert_allclose(np.tril(out), np.tril(1 + factor * X.T @ X), rtol=1e-13, atol=1e-12)
            assert np.all(room[:16] == 7) and np.all(room[-16:] == 7)


def test_gram_matrices_of_rows_in_single_precision():
    """Sums of one block are singles, added to doubles; neighbours stay as they were."""
    rng = np.random.default_rng(3)
    widths = (1, 9, NARROW, NARROW + 1, 64, 65, 79, 100, 200, 333, 900)
    for n, d, factor in itertools.product((0, 1, 8, 19), widths, (-0.5, 1.0)):
        _, X = _guarded(rng.standard_normal((n, d)).astype(np.float32))
        wide = X.astype(np.float64)
        for call in (_gram, _gram_ahead):
            room, out = _guarded(np.ones((d, d)))
            call(X, factor, out)
            np.testing.assert_allclose(np.tril(out), np.tril(1 + factor * wide.T @ wide), rtol=0, atol=2e-5)
            assert np.all(room[:16] == 7) and np.all(room[-16:] == 7)


@pytest.mark.parametrize("products", [EXACT, ROUGH])
def test_rows_of_two_blocks_have_the_bits_of_one_after_the_other(products):
    """Reading both blocks in one loop changes the order of reading, not of adding; rough sums may be of other bits."""
    rng = np.random.default_rng(1)
    dot, add, both = products
    close = 1e-12 if products is EXACT else 1e-4
    same = (
        np.testing.assert_array_equal if products is EXACT else partial(np.testing.assert_allclose, atol=1e-5)
    )
    for d in (FEW - 1, FEW + 1, FEW + 30, 400):
        for n, m in ((16, 16), (16, 9), (16, 0), (9, 16)):
            X, Y = rng.standard_normal((n, d)), rng.standard_normal((m, d))
            r, w = rng.standard_normal(n), rng.standard_normal(d)
            g, z = np.ones(d), np.zeros(m)
            both(X, r, g, Y, w, z)
            h, u = np.ones(d), np.zeros(m)
            add(X, r, h)
            dot(Y, w, u)
            same(g, h)
            same(z, u)
            np.testing.assert_allclose(z, Y @ w, rtol=close, atol=close)


@pytest.mark.parametrize("zen", [False, True])
def test_both_ways_of_reading_two_blocks(zen, monkeypatch):
    """Eight rows of both in one loop, or few rows at a time: NumPy's numbers, the bits of the products alone."""
    monkeypatch.setattr(rowwise, "ZEN", zen)
    monkeypatch.setattr(rowwise, "TURNS", 2 if zen else 1)
    monkeypatch.setattr(rowwise, "MANY", 16 if zen else 8)
    both = helper(lambda block, r, g, after, w, z: add_then_dot(block, r, g, after, w, z))
    dot = helper(lambda block, w, z: dot_rows(block, w, z))
    add = helper(lambda block, r, g: add_rows(block, r, g))
    rng = np.random.default_rng(2)
    for d in (5, FEW + 1, FEW + 7, 130, LONG + 9):
        for n, m in ((1, 1), (2, 3), (4, 4), (7, 15), (16, 0), (0, 8), (18, 23)):
            X, Y = rng.standard_normal((n, d)), rng.standard_normal((m, d))
            r, w = rng.standard_normal(n), rng.standard_normal(d)
            (around, g), (before, z), u, h = (
                _guarded(np.ones(d)),
                _guarded(np.zeros(m)),
                np.zeros(m),
                np.ones(d),
            )
            both(X, r, g, Y, w, z)
            np.testing.assert_allclose(g, 1 + X.T @ r, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(z, Y @ w, rtol=1e-12, atol=1e-12)
            dot(Y, w, u)
            add(X, r, h)
            np.testing.assert_array_equal(z, u)
            np.testing.assert_array_equal(g, h)
            assert all(np.all(a[:16] == 7) and np.all(a[-16:] == 7) for a in (around, before))


@compiled
def _keep(kept, m, r, g, after, w, z):
    add_then_keep(kept, m, r, g, after, w, z)


@compiled
def _rough_keep(kept, m, r, g, after, w, z):
    rough.add_then_keep(kept, m, r, g, after, w, z)


@pytest.mark.parametrize(
    ("dtype", "keep", "close"),
    [(np.float64, _keep, 1e-13), (np.float32, _keep, 1e-5), (np.float32, _rough_keep, 1e-5)],
)
def test_rows_are_kept_until_the_sum_has_taken_them(dtype, keep, close):
    """NumPy's numbers for any number of rows before and after, from every place with the same bits; neighbours stay."""
    rng = np.random.default_rng(5)
    for d, (n, m) in itertools.product(
        (1, 7, 8, 17, 40, 130, LONG + 9), ((0, 3), (3, 3), (1, 0), (2, 3), (3, 1))
    ):
        X, Y = (rng.standard_normal((k, d)).astype(dtype) for k in (n, m))
        r, w = rng.standard_normal(n).astype(dtype), rng.standard_normal(d).astype(dtype)
        found = []
        for k in range(9):
            room = np.zeros(Y.size + 16, dtype)
            after = room[k : k + Y.size].reshape(Y.shape)
            after[...] = Y
            around_kept, kept = _guarded(np.zeros((max(n, m), d + 5), dtype))
            kept[:n, :d] = X
            (before, z), (around, g) = _guarded(np.zeros(m, dtype)), _guarded(np.ones(d))
            keep(kept, n, r, g, after, w, z)
            np.testing.assert_array_equal(kept[:m, :d], Y)
            np.testing.assert_array_equal(kept[m:n, :d], X[m:])
            assert not kept[:, d:].any()
            for each in (around_kept, before, around):
                assert np.all(each[:16] == 7) and np.all(each[-16:] == 7)
            found.append(np.concatenate([z, g]))
        np.testing.assert_allclose(found[0][:m], Y @ w, rtol=close, atol=close * 30)
        np.testing.assert_allclose(found[0][m:], 1 + X.T @ r, rtol=close, atol=close * 30)
        assert all(np.array_equal(found[0], each) for each in found)


def test_rows_of_another_precision_are_not_kept():
    """A copy has the numbers of the rows; anything else is refused before it runs."""
    with pytest.raises(TypingError):
        _keep(
            np.zeros((1, 8)), 0, np.ones(1), np.ones(8), np.ones((1, 8), np.float32), np.ones(8), np.ones(1)
        )


@helper
def _lying(rows, vector):
    return alongside(rows, vector)


@helper
def _room(rows, count):
    return room_alongside(rows, count)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_room_for_rows_is_whole_lines_long(dtype):
    """Its rows begin at the place in a line, and the first at that in a page, where a vector alongside does."""
    room = np.zeros(3 * LONG + 16, dtype)
    for k, d, count in itertools.product(range(9), (LONG, LONG + 1, 40), (0, 1, 5)):
        rows = room[k : k + 3 * d].reshape(3, d)
        found = _room(rows, count)
        assert found.shape[0] == (0 if dtype == np.float32 and d <= SHORT_SINGLES else count)
        assert found.dtype == dtype and d <= found.shape[1] < d + 64 // found.itemsize
        assert found.strides[0] % 64 == 0
        assert found.ctypes.data % 4096 == _lying(rows, np.zeros(d, dtype)).ctypes.data % 4096


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_vector_lies_as_rows_do(dtype):
    """The same entries in memory of their own; with long rows of whole lines both begin as far behind a line."""
    room = np.zeros(3 * LONG + 16, dtype)
    for k, d in itertools.product(range(9), (LONG, LONG + 1, 40)):
        rows, vector = room[k : k + 3 * d].reshape(3, d), np.arange(d, dtype=dtype)
        found = _lying(rows, vector)
        np.testing.assert_array_equal(found, vector)
        assert found.dtype == dtype and not np.shares_memory(found, vector)
        if d == LONG and dtype == np.float64:
            assert (found.ctypes.data - rows.ctypes.data) % 64 == 0


def test_values_that_are_not_numbers_come_through():
    """NaN and ∞ of a row reach its sum and no other; masked columns do not matter."""
    X = np.ones((9, 11))
    X[3, 10], X[8, 0] = np.nan, np.inf
    z = np.zeros(9)
    _dot(X, np.ones(11), z)
    assert np.isnan(z[3]) and np.isinf(z[8]) and np.isfinite(np.delete(z, [3, 8])).all()
