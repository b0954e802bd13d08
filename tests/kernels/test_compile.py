"""Kernels as users meet them: checks at the door, bound data, layouts, types, parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from derive.build import matmul, total
from derive.errors import ArgumentError, DataError, SizeError, UnsupportedError
from derive.kernels.compile import Kernel, combined, compile_nodes
from derive.kernels.streams import chunk_starts
from derive.node import variable
from derive.operators import apply
from tests.kernels.statements import OBJECTIVES, X, assert_close, d, derivatives, draw, w

BACKENDS = ["numba", "python", "numpy"]


def ridge(backend: str = "python", dtype: Any = np.float64) -> Kernel:
    outputs = derivatives(OBJECTIVES["ridge"](), second=False)
    return compile_nodes(outputs, unknowns=["w"], backend=backend, dtype=dtype)


def data_for(kernel: Kernel, seed: int = 0, **numbers: int) -> dict[str, Any]:
    return draw(kernel.nodes, seed, **numbers)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bound_is_unbound(backend: str) -> None:
    """Binding changes when data are checked, not what comes out."""
    kernel = ridge(backend)
    data = data_for(kernel, n=40, d=3)
    bound = kernel.bind(X=data["X"], y=data["y"], lam=data["lam"])
    for found, wanted in zip(bound(w=data["w"]).values(), kernel(data).values(), strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_have_numpy_types(backend: str) -> None:
    found = ridge(backend)(data_for(ridge(), n=4, d=2))
    assert isinstance(found["value"], np.float64)
    assert found["gradient_w"].dtype == np.float64


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda a: a[::-1][::-1],
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: a.tolist(),
    ],
)
def test_any_layout(change: Any) -> None:
    """Column-major, reversed and strided arrays, and lists, are all the same to a kernel."""
    kernel = ridge("numba")
    data = data_for(kernel, n=33, d=4)
    changed = {name: change(a) if name != "lam" else a for name, a in data.items()}
    wanted = kernel(data)
    for found in (kernel(changed), kernel.bind({k: changed[k] for k in ("X", "y", "lam")})(w=changed["w"])):
        assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


def test_read_only_data() -> None:
    kernel = ridge("numba")
    data = data_for(kernel, n=9, d=2)
    wanted = kernel(data)
    for name in ("X", "y", "w"):
        data[name].flags.writeable = False
    assert np.array_equal(kernel(data)["gradient_w"], wanted["gradient_w"])


def test_single_precision() -> None:
    """float32 data are used as they are; sums over the data are kept in double precision."""
    kernel = ridge("numba", np.float32)
    data = data_for(kernel, n=500, d=3)
    found, wanted = kernel(data), ridge("numpy")(data)
    assert found["gradient_w"].dtype == np.float32
    assert isinstance(found["value"], np.float32)
    assert_close(found["value"], wanted["value"], 1e-5)
    assert_close(found["gradient_w"], wanted["gradient_w"], 1e-5)


@pytest.mark.parametrize("name", ["network", "mixture", "logistic"])
def test_single_precision_everywhere(name: str) -> None:
    objective = OBJECTIVES[name]()
    outputs = derivatives(objective, second=False)
    data = draw(outputs, n=50, d=3, k=2, h=4)
    unknowns = [v.name for v in objective[1]]
    found = compile_nodes(outputs, unknowns=unknowns, dtype=np.float32, backend="python")(data)
    wanted = compile_nodes(outputs, unknowns=unknowns, backend="numpy")(data)
    for key in outputs:
        assert found[key].dtype == np.float32
        assert_close(found[key], wanted[key], 1e-4, key)


@pytest.mark.parametrize("backend", BACKENDS)
def test_output_as_long_as_the_data(backend: str) -> None:
    """Predictions are written block by block."""
    kernel = compile_nodes(
        {"z": apply("sigmoid", matmul(X, w)), "s": total(matmul(X, w))}, unknowns=["w"], backend=backend
    )
    data = draw(kernel.nodes, n=300, d=2)
    found = kernel(data)
    assert_close(found["z"], 1 / (1 + np.exp(-data["X"] @ data["w"])))
    assert_close(found["s"], (data["X"] @ data["w"]).sum())


def test_inputs_as_outputs_are_copies() -> None:
    kernel = compile_nodes({"w": w, "X": X}, unknowns=["w"], backend="python")
    data = draw(kernel.nodes, n=3, d=2)
    found = kernel(data)
    assert np.array_equal(found["X"], data["X"])
    assert not np.shares_memory(found["X"], data["X"])
    assert not np.shares_memory(found["w"], data["w"])


# ---------------------------------------------------------------- at the door


@pytest.mark.parametrize("backend", BACKENDS)
def test_faults_name_the_culprit(backend: str) -> None:
    """Missing, surplus, wrongly sized, empty and non-finite arrays."""
    kernel = ridge(backend)
    data = data_for(kernel, n=5, d=2)
    bad = data["X"].copy()
    bad[3, 1] = np.nan
    for change, error, text in (
        ({"X": bad}, DataError, "row 3, column 1"),
        ({"w": np.ones(3)}, SizeError, "w"),
        ({"X": np.empty((0, 2)), "y": np.empty(0)}, SizeError, "empty"),
        ({"lam": -1.0}, DataError, "positive"),
        ({"extra": 1.0}, DataError, "extra"),
        ({"y": np.array(["a"] * 5)}, DataError, "y"),
    ):
        with pytest.raises(error, match=text):
            kernel({**data, **change})
    with pytest.raises(DataError, match="lam"):
        kernel({name: data[name] for name in ("X", "y", "w")})


@pytest.mark.parametrize("backend", BACKENDS)
def test_bound_calls_check_shapes(backend: str) -> None:
    """Compiled code does not look at sizes, so the call does: every time."""
    kernel = ridge(backend)
    data = data_for(kernel, n=5, d=2)
    bound = kernel.bind(X=data["X"], y=data["y"], lam=0.1)
    with pytest.raises(SizeError):
        bound(w=np.ones(3))
    bound(w=np.ones(2))
    with pytest.raises(DataError, match="w has shape"):
        bound(w=np.ones(3))
    with pytest.raises(DataError, match="no array was given for w"):
        bound()
    with pytest.raises(DataError, match="surplus"):
        bound(w=np.ones(2), surplus=1.0)
    with pytest.raises(DataError, match="unknown"):
        kernel.bind(data)


@pytest.mark.parametrize("backend", BACKENDS)
def test_singular_matrices(backend: str) -> None:
    """A checked call raises; a bound one gives NaN, which line searches understand."""
    A = variable("A", (d, d))
    kernel = compile_nodes({"f": matmul(apply("inv", A), w)}, unknowns=["A"], backend=backend)
    with pytest.raises(DataError, match="inv of a matrix"):
        kernel(A=np.ones((2, 2)), w=np.ones(2))
    if backend != "numpy":
        assert np.isnan(kernel.bind(w=np.ones(2))(A=np.ones((2, 2)))["f"]).all()


def test_wrong_options() -> None:
    f = OBJECTIVES["ridge"]()[0]
    with pytest.raises(ArgumentError, match="backend"):
        compile_nodes({"f": f}, backend="cuda")
    with pytest.raises(ArgumentError, match="float64 or float32"):
        compile_nodes({"f": f}, dtype=np.int64)
    with pytest.raises(ArgumentError, match="at least one"):
        compile_nodes({})


def test_unknowns_that_do_not_occur() -> None:
    """The Hessian of least squares does not contain w; callers may give it all the same."""
    outputs = {"h": derivatives(OBJECTIVES["least_squares"]())["hessian_w"]}
    bound = compile_nodes(outputs, unknowns=["w"], backend="python").bind(X=np.eye(3)[:, :2])
    assert np.array_equal(bound(w=np.ones(2))["h"], np.eye(2))


# ---------------------------------------------------------------- in parts


@pytest.mark.parametrize("backend", ["numba", "python"])
@pytest.mark.parametrize("rows", [1, 1023, 1025, 4 * 1024 + 5])
def test_parts_add_up_bitwise(backend: str, rows: int) -> None:
    """The chunks of `evaluate`, computed one by one in any order and reduced, give the very same bits."""
    if backend == "python" and rows > 3000:
        pytest.skip("slow under plain Python")
    kernel = ridge(backend)
    data = data_for(kernel, n=rows, d=3)
    bound = kernel.bind(X=data["X"], y=data["y"], lam=data["lam"])
    starts = chunk_starts(rows)
    parts = {i: bound.partial(slice(i, i + starts.step), w=data["w"]) for i in reversed(starts)}
    found = bound.reduce([parts[i] for i in starts], w=data["w"])
    for key, value in bound(w=data["w"]).items():
        assert np.array_equal(found[key], value)


def test_parts_that_cannot_be() -> None:
    kernel = compile_nodes({"z": matmul(X, w)}, unknowns=["w"], backend="python")
    bound = kernel.bind(X=np.ones((3, 2)))
    with pytest.raises(UnsupportedError, match="one pass"):
        bound.partial(slice(0, 2), w=np.ones(2))
    bound = ridge().bind(X=np.ones((3, 2)), y=np.ones(3), lam=1.0)
    with pytest.raises(DataError, match="range of rows"):
        bound.partial(slice(2, 2), w=np.ones(2))


@pytest.mark.parametrize("count", range(1, 20))
def test_tree_takes_every_part_once(count: int) -> None:
    parts = [np.array([float(i), 1.0]) for i in range(count)]
    assert np.array_equal(combined(parts), [count * (count - 1) / 2, count])


def test_tree_of_threads_has_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever stretch of chunks is computed first, the additions are those of the tree."""
    rng = np.random.default_rng(0)
    module: Any = ridge("python").bind(X=np.ones((3, 2)), y=np.ones(3), lam=1.0).kernel.module
    for count in range(1, 65):
        given = rng.standard_normal((count, 5)) * 10.0 ** rng.integers(-8, 8, (count, 5))
        wanted = combined(list(given))

        def partial(lo: int, hi: int, acc: Any, *rest: Any, given: Any = given) -> None:
            assert not acc.any()
            acc[:] = given[lo]

        monkeypatch.setattr(module, "partial", partial)
        for first in range(3):
            parts = np.full((count, 5), np.nan)
            turns = np.zeros(3 + 2 + count, np.int64)
            turns[3] = first  # who comes
            arguments = module.share.__code__.co_argcount - 5
            module.share(turns, parts, 1, count, 0, *[None] * arguments)
            assert np.array_equal(parts[0], wanted)
            assert turns[4] == 1
