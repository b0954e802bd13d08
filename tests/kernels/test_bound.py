"""Bound kernels: the fast path checks what compiled code does not; threads change nothing but the time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, DataError, SizeError
from derive.kernels.bound import CHUNK_ROWS, CHUNKS, Bound
from derive.kernels.compile import compile_nodes
from derive.kernels.threads import combined, mapped, single_blas_thread
from tests.kernels.statements import OBJECTIVES, assert_close, derivatives, draw


def bound_of(name: str, rows: int, threads: int = 1, **sizes: int) -> tuple[Bound, dict[str, object]]:
    """A bound objective with its first derivatives, and a point for its unknowns."""
    objective = OBJECTIVES[name]()
    outputs = derivatives(objective, second=False)
    unknowns = [v.name for v in objective[1]]
    data = draw(outputs, n=rows, **sizes)
    point = {u: data.pop(u) for u in unknowns}
    return compile_nodes(outputs, unknowns=unknowns).bind(data, threads=threads), point


# ---------------------------------------------------------------- the fast path


def test_any_layout_of_the_unknown() -> None:
    """Strided, read-only, misaligned, integer and listed unknowns give the value of the plain array."""
    bound, _ = bound_of("ridge", 50, d=4)
    w = np.array([1.0, -2.0, 3.0, 0.0])
    wanted = bound(w=w)
    frozen = w.copy()
    frozen.flags.writeable = False
    bytes_ = np.zeros(8 * 4 + 1, np.uint8)
    misaligned = bytes_[1:].view(np.float64)
    misaligned[:] = w
    for other in (np.repeat(w, 2)[::2], frozen, misaligned, w.astype(int), w.tolist(), w.astype(np.float32)):
        found = bound(w=other)
        for key, value in wanted.items():
            assert np.array_equal(found[key], value)


@pytest.mark.parametrize("wrong", [np.ones(3), np.ones((4, 1)), np.ones((1, 4)), 1.0, np.ones(5)[::2]])
def test_wrong_shapes_never_reach_compiled_code(wrong: object) -> None:
    bound, _ = bound_of("ridge", 50, d=4)
    bound(w=np.ones(4))
    with pytest.raises(DataError, match="w has shape"):
        bound(w=wrong)


@pytest.mark.parametrize(
    "wrong", ["abc", None, [1, 2, [3], 4], np.array(["1", "2", "3", "4"]), 1j * np.ones(4)]
)
def test_what_is_no_array_of_numbers(wrong: object) -> None:
    bound, _ = bound_of("ridge", 50, d=4)
    for _ in range(3):  # the first call and the quick ones behind it
        with pytest.raises(DataError, match="w "):
            bound(w=wrong)
        bound(w=np.ones(4))


def test_kinds_of_results() -> None:
    """Numbers are NumPy scalars, arrays are new at each call."""
    bound, point = bound_of("ridge", 50, d=4)
    first, second = bound(point), bound(**point)
    assert isinstance(first["value"], np.float64)
    assert not np.shares_memory(first["gradient_w"], second["gradient_w"])
    assert bound.setup_seconds > 0


def test_data_stay_where_they_are() -> None:
    """Read-only and memory-mapped data are neither copied nor written to."""
    bound, point = bound_of("ridge", 50, d=4)
    X = bound.arrays["X"]
    X.flags.writeable = False
    again = bound.kernel.bind(bound.arrays)
    assert np.shares_memory(again.arrays["X"], X)
    assert np.array_equal(again(point)["gradient_w"], bound(point)["gradient_w"])


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("name", ["ridge", "mixture", "network", "principal_components"])
def test_threads_do_not_change_a_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derive.kernels.bound.WORTH_THREADS", 0)
    alone, point = bound_of(name, 3 * CHUNK_ROWS + 17, d=3, k=2, h=4)
    wanted = alone(point)
    for threads in (2, 3, 0):
        bound = alone.kernel.bind(alone.arrays, threads=threads)
        found = bound(point)
        for key, value in wanted.items():
            assert np.array_equal(found[key], value), (threads, key)


def test_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than chunks times their smallest length."""
    monkeypatch.setattr("derive.kernels.bound.WORTH_THREADS", 0)
    alone, point = bound_of("ridge", CHUNKS * CHUNK_ROWS + 5, d=2)
    bound = alone.kernel.bind(alone.arrays, threads=2)
    assert bound(point)["value"] == alone(point)["value"]


def test_small_and_several_passes_stay_on_one_thread() -> None:
    for name, rows in (("ridge", 100), ("normalised", 3000)):
        alone, point = bound_of(name, rows, d=3)
        bound = alone.kernel.bind(alone.arrays, threads=2)
        assert np.array_equal(bound(point)["gradient_w"], alone(point)["gradient_w"])


def test_bound_kernels_in_threads_of_the_caller() -> None:
    """One bound kernel may be called from several threads at once."""
    bound, point = bound_of("network", 100, d=3, k=2, h=4)
    wanted = bound(point)["value"]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: bound(point)["value"], range(20))) == {wanted}


def test_wrong_numbers_of_threads() -> None:
    bound, _ = bound_of("ridge", 5, d=2)
    for threads in (-1, 1.5, True):
        with pytest.raises(ArgumentError, match="threads"):
            bound.kernel.bind(bound.arrays, threads=threads)  # type: ignore[arg-type]


def test_errors_in_a_thread_are_raised() -> None:
    def task(k: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        if k == 2:
            raise DataError("second")
        return np.ones(1)

    with pytest.raises(DataError, match="second"):
        list(mapped(task, range(4), 2))


def test_blas_is_given_back_its_threads() -> None:
    """Also when users overlap."""
    from threadpoolctl import threadpool_info

    def counts() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    with single_blas_thread():
        pass
    before = counts()
    with single_blas_thread():
        with single_blas_thread():
            assert set(counts()) <= {1}
        assert set(counts()) <= {1}
    assert counts() == before


def test_sum_of_one_part_is_a_copy() -> None:
    part = np.ones(3)
    assert_close(combined([part]), part)
    assert combined([part]) is not part


def test_a_size_is_learnt_from_an_unknown_that_dropped_out() -> None:
    """∇²‖w‖² = 2I has no w in it, but its size is that of w: called, bound, and at another size."""
    w = dv.vector("w", "d")
    hessian = dv.hessian(dv.sumsq(w), w)
    kernel = dv.compile(hessian, backend="numpy")
    assert kernel(w=np.ones(3)).tolist() == (2 * np.eye(3)).tolist()
    for bound in (kernel.bind(), kernel.bind(d=2)):
        assert bound(w=np.ones(2)).tolist() == (2 * np.eye(2)).tolist()
    several = dv.compile({"H": hessian}, backend="numpy").bind()
    assert [several(w=np.ones(k))["H"].shape for k in (2, 3)] == [(2, 2), (3, 3)]
    with pytest.raises(SizeError, match="size d is not bound"):
        several()


def test_strange_names_where_there_are_no_unknowns() -> None:
    """They are an error at every call, not at the first one alone."""
    bound = dv.compile(dv.parse("sum(a)", variables={"a": ("n",)})).bind(a=np.ones(3))
    for _ in range(3):
        assert bound() == 3.0
        with pytest.raises(DataError, match="q is no unknown"):
            bound(q=1.0)
