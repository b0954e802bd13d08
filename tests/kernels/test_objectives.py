"""Three-path agreement on whole objectives: emitted source, compiled kernel and interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from derive.kernels.compile import compile_nodes
from tests.kernels.statements import OBJECTIVES, assert_close, derivatives, draw, n, reference

SIZES = [
    {"n": 7, "d": 3, "k": 2, "p": 4, "h": 5},
    {"n": 1, "d": 2, "k": 3, "p": 5, "h": 1},
    {"n": 4, "d": 1, "k": 1, "p": 1, "h": 2},
]
PASSES = {"centred_components": 2, "normalised": 3}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_emitted_source(name: str) -> None:
    """Value, gradients, Hessians, a mixed block and a Hessian-vector product, together."""
    objective = OBJECTIVES[name]()
    outputs = derivatives(objective)
    kernel = compile_nodes(outputs, unknowns=[v.name for v in objective[1]], backend="python")
    for numbers in SIZES:
        data = draw(outputs, **numbers)
        found = kernel(data)
        for key, node in outputs.items():
            assert_close(found[key], reference(node, data, **numbers), what=f"{key} at {numbers}")


@pytest.mark.parametrize("name", ["logistic", "mixture", "network", "centred_components"])
def test_compiled(name: str) -> None:
    """numba and Python give the same numbers for the same source, over several blocks and chunks."""
    objective = OBJECTIVES[name]()
    outputs = derivatives(objective, second=name == "logistic")
    unknowns = [v.name for v in objective[1]]
    kernel = compile_nodes(outputs, unknowns=unknowns)
    interpreter = compile_nodes(outputs, unknowns=unknowns, backend="numpy")
    around = [{"n": rows, "d": 4, "k": 3, "h": 6} for rows in (63, 64, 65, 255, 256, 257, 1023, 1025, 5001)]
    for numbers in (*SIZES, *around):
        data = draw(outputs, **numbers)
        found, wanted = kernel(data), interpreter(data)
        for key in outputs:
            assert_close(found[key], wanted[key], 1e-10, f"{key} at {numbers}")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_number_of_passes(name: str) -> None:
    """The value reads the data once, after centring twice, after batch normalisation three times."""
    f, unknowns = OBJECTIVES[name]()
    program = compile_nodes({"value": f}, unknowns=[v.name for v in unknowns]).program
    assert sum(step.sweep is not None for step in program.steps) == PASSES.get(name, 1)


@pytest.mark.parametrize("name", ["mixture", "network", "logistic"])
def test_gradients_tell_what_is_no_data(name: str) -> None:
    """The rows are those of the data, also where nobody said which variables are unknown."""
    outputs = derivatives(OBJECTIVES[name](), second=False)
    assert compile_nodes(outputs).program.data_size is n


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 255, 256, 257, 300])
def test_rows_around_the_block(rows: int) -> None:
    """One row, a block less one, a block, a block and one."""
    objective = OBJECTIVES["logistic"]()
    outputs = derivatives(objective)
    kernel = compile_nodes(outputs, unknowns=["w"], backend="python")
    data = draw(outputs, n=rows, d=2)
    found = kernel(data)
    for key, node in outputs.items():
        assert_close(found[key], reference(node, data, n=rows, d=2), what=key)


def test_stable_at_ten_thousand() -> None:
    """The logistic loss and its gradient are finite and right at |z| = 10⁴."""
    objective = OBJECTIVES["logistic"]()
    outputs = derivatives(objective, second=False)
    data = {
        "X": np.array([[1e4], [-1e4], [30.0]]),
        "y": np.array([0.0, 1.0, 1.0]),
        "w": np.ones(1),
        "lam": 1e-3,
    }
    found = compile_nodes(outputs, unknowns=["w"])(data)
    assert found["value"] == pytest.approx(2e4 + np.log1p(np.exp(-30.0)) + 5e-4, rel=1e-15)
    assert found["gradient_w"][0] == pytest.approx(2e4 - 30.0 / (1 + np.exp(30.0)) + 1e-3, rel=1e-15)
