"""Calls on few rows are machine code: the same results as through Python, for whatever it is given."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError
from derive.kernels.bound import Bound
from derive.kernels.compile import compile_nodes
from derive.kernels.entrance import is_possible
from tests.kernels.statements import OBJECTIVES, derivatives, draw

pytestmark = pytest.mark.skipif(not is_possible(), reason="an interpreter or a NumPy that looks different")


def bound_of(name: str, dtype: type = np.float64, **sizes: int) -> tuple[Bound, dict[str, np.ndarray]]:
    """A bound objective after its first call, and a point."""
    objective = OBJECTIVES[name]()
    outputs = derivatives(objective, second=False)
    unknowns = [v.name for v in objective[1]]
    data = draw(outputs, **sizes)
    data = {k: np.asarray(a, dtype) for k, a in data.items()}
    point = {u: data.pop(u) for u in unknowns}
    bound = compile_nodes(outputs, unknowns=unknowns, dtype=dtype).bind(data)
    bound(point)
    return bound, point


def is_short(bound: object) -> bool:
    return type(bound.__call__).__name__ == "builtin_function_or_method"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("ridge", {"n": 7, "d": 3}),
        ("ridge", {"n": 1, "d": 1}),
        ("principal_components", {"n": 9, "d": 3, "k": 2}),
    ],
)
def test_the_same_results(name: str, sizes: dict[str, int], dtype: type) -> None:
    """Vectors, matrices, numbers; by name and as one mapping; new arrays at each call, owned by the caller."""
    bound, point = bound_of(name, dtype, **sizes)
    assert is_short(bound)
    wanted = bound._usual(point)
    for found in (bound(point), bound(**point)):
        assert list(found) == list(wanted)
        for key, value in wanted.items():
            assert type(found[key]) is type(value) and found[key].dtype == value.dtype
            assert np.array_equal(found[key], value) and not np.shares_memory(found[key], value)
            assert not isinstance(value, np.ndarray) or (found[key].flags.owndata and found[key].flags.carray)


def test_what_is_no_plain_array_goes_the_other_way() -> None:
    """Subclasses, other kinds of number, other layouts, lists: converted. Everything else: an error that says what."""
    bound, point = bound_of("ridge", n=8, d=4)
    w = point["w"] = np.array([1.0, -2.0, 3.0, 0.0])
    wanted = bound(w=w)
    for other in (w.astype(int), w.tolist(), np.repeat(w, 2)[::2], w.astype(">f8"), w.view(np.recarray)):
        assert np.array_equal(bound(w=other)["gradient_w"], wanted["gradient_w"])
    frozen = w.copy()
    frozen.flags.writeable = False
    assert np.array_equal(bound(w=frozen)["gradient_w"], wanted["gradient_w"])
    for wrong in ({"w": w[:3]}, {"w": w[None]}, {}, {"w": w, "v": w}, {"v": w}):
        with pytest.raises(DataError):
            bound(**wrong)
    with pytest.raises(TypeError):
        bound(w, w)
    with pytest.raises(TypeError):
        bound(3)


def test_numbers_among_the_unknowns_and_one_result() -> None:
    """Floats of Python and of NumPy; a single result comes without a dict."""
    f = dv.parse("sumsq(x - c) * c", variables={"x": ("n",), "c": ()})
    at = dv.compile(f).bind(x=np.arange(5.0))
    for c in (0.5, np.float64(0.5), np.float32(0.5)):
        assert at(c=c) == at({"c": c}) == f.evaluate(x=np.arange(5.0), c=0.5)
    assert at(c=2) == f.evaluate(x=np.arange(5.0), c=2.0)
    with pytest.raises(DataError):
        at()
    value = dv.compile({"value": f}).bind(x=np.arange(5.0))
    assert value(c=1.0)["value"] == 15 and is_short(value)
    assert value({"c": 1.0}, **{})["value"] == 15


def test_nothing_is_leaked_or_lost() -> None:
    """References are what they were but for those of the results; data live as long as they are needed."""
    bound, point = bound_of("ridge", n=8, d=4)
    kept = point["w"], np.dtype(np.float64), bound.kernel.names[0]
    before = [sys.getrefcount(k) for k in kept]
    for _ in range(100):
        found = bound(point)
    after, made = [sys.getrefcount(k) for k in kept], sys.getrefcount(found["gradient_w"])
    assert after == [before[0], before[1] + 1, before[2] + 1]  # what `found` holds
    assert made == 2  # `found` and the argument
    call, wanted = bound.__call__, bound(point)["value"]
    gone = weakref.ref(bound)
    del bound, found
    gc.collect()
    assert call(point)["value"] == wanted
    del call
    gc.collect()
    assert gone() is None


def test_large_data_keep_to_the_usual_way() -> None:
    """Threads of the caller's run at the same time there."""
    bound, _ = bound_of("ridge", n=5000, d=4)
    assert not is_short(bound)


# ---------------------------------------------------------------- small data that are compressed unasked

LEAST_SQUARES = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
KERNEL = dv.compile({"value": LEAST_SQUARES, "gradient": dv.gradient(LEAST_SQUARES, "w")})


def test_small_data_are_compressed_unless_one_says_no() -> None:
    """The same results to rounding, even for small residuals; all rows for `partial`."""
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((60, 5)), rng.standard_normal(5)
    y = X @ w + 1e-6 * rng.standard_normal(60)
    plain, short = KERNEL.bind(X=X, y=y, moments=False), KERNEL.bind(X=X, y=y)
    assert short.moments and not plain.moments and is_short(short) is False
    for at, digits in ((w, 1e-9), (w + 1, 1e-14)):
        wanted, found = plain(w=at), short(w=at)
        assert np.isclose(found["value"], wanted["value"], rtol=digits, atol=0)
        assert np.allclose(found["gradient"], wanted["gradient"], rtol=digits, atol=1e-12)
    assert is_short(short)
    assert np.array_equal(short.partial(slice(0, 60), w=w), plain.partial(slice(0, 60), w=w))
    with pytest.raises(DataError, match="w has shape"):
        short(w=np.ones(4))


def test_rows_of_uneven_length_stay() -> None:
    """A row of 10¹² that fits would cost all others their digits."""
    rng = np.random.default_rng(1)
    X, w = rng.standard_normal((60, 5)), rng.standard_normal(5)
    y = rng.standard_normal(60)
    X[7] *= 1e12
    y[7] = X[7] @ w
    bound = KERNEL.bind(X=X, y=y)
    assert not bound.moments
    assert KERNEL.bind(X=X, y=y, moments=True).moments
    exact = sum((a @ w - b) ** 2 for k, (a, b) in enumerate(zip(X, y, strict=True)) if k != 7) / 2
    assert np.isclose(bound(w=w)["value"], exact, rtol=1e-7)


def test_small_data_in_another_layout_are_converted() -> None:
    X, y, w = np.asfortranarray(np.arange(12.0).reshape(4, 3)), np.ones(4), np.ones(3)
    bound, streamed = KERNEL.bind(X=X, y=y), KERNEL.bind(X=X, y=y, convert=False)
    assert np.array_equal(bound(w=w)["gradient"], streamed(w=w)["gradient"])
    assert is_short(bound) and not is_short(streamed)
