"""Inverses that meet another factor become solves; everything asked of one matrix shares its factor."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.kernels.compile import compile_nodes

SHAPES = {
    "K": ("p", "p"),
    "S": ("k", "d", "d"),
    "y": ("p",),
    "B": ("p", "q"),
    "M": ("k", "d"),
    "C": ("k", "d", "q"),
}
#: statement, solves, inverses left
CASES = {
    "y @ inv(K) @ y": (1, 0),
    "y @ inv(K) @ y / 2 + logdet(K) / 2": (1, 0),
    "inv(K) @ B": (1, 0),
    "B.T @ inv(K) @ B + tr(inv(K))": (0, 1),
    "sum(inv(K) * inv(K)) + det(K)": (0, 1),
    'einsum("kab,kb->ka", inv(S), M)': (1, 0),
    'einsum("kab,kbq->qka", inv(S), C)': (1, 0),
}


def _data(seed: int = 0, **sizes: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    found = {name: rng.standard_normal([sizes[s] for s in shape]) for name, shape in SHAPES.items()}
    for name in ("K", "S"):
        A = found[name]
        found[name] = A @ np.swapaxes(A, -1, -2) + 0.5 * np.eye(A.shape[-1])
    return found


@pytest.mark.parametrize("fact", ["pd", "invertible"])
@pytest.mark.parametrize("statement", CASES)
def test_solves(statement: str, fact: str) -> None:
    """As many solves as there are; the interpreter's values, by Cholesky or by elimination."""
    e = dv.parse(statement, variables=SHAPES, facts={"K": (fact,), "S": (fact,)})
    kernel = compile_nodes({"value": e.node}, backend="python")
    text = kernel.source
    solves, inverses = CASES[statement]
    assert len(re.findall(r"\bsolve\b", text)) == solves
    assert len(re.findall(r": inv\b", text)) == inverses
    if fact == "pd":
        assert "eliminate" not in text
        assert text.count("    potrf(") == 1
    else:
        assert "potrf" not in text
        assert text.count("eliminate(v") == 1
    for sizes in ({"p": 4, "q": 3, "k": 2, "d": 3}, {"p": 1, "q": 1, "k": 1, "d": 1}):
        data = {v: a for v, a in _data(**sizes).items() if v in e.variables}
        found, wanted = kernel(data)["value"], e.evaluate(**data)
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gaussian_process(dtype: Any) -> None:
    """½ yᵀK⁻¹y + ½ log det K with gradients: one factorisation, compiled, in both precisions; NaN if indefinite."""
    f = dv.parse("y @ inv(K) @ y / 2 + logdet(K) / 2", variables=SHAPES, facts={"K": ("pd",)})
    outputs = {"value": f, "K": dv.gradient(f, "K"), "y": dv.gradient(f, "y")}
    kernel = compile_nodes({k: e.node for k, e in outputs.items()}, unknowns=["K"], dtype=dtype)
    assert kernel.source.count("    potrf(") == 1
    data = {k: a for k, a in _data(p=7, q=1, k=1, d=1).items() if k in "Ky"}
    bound = kernel.bind(y=data["y"].astype(dtype))
    found = bound(K=data["K"].astype(dtype))
    for name, e in outputs.items():
        np.testing.assert_allclose(
            found[name], e.evaluate(**data), rtol=2e-4 if dtype == np.float32 else 1e-11
        )
    assert np.isnan(bound(K=-np.eye(7, dtype=dtype))["value"])


def test_rows_of_data_meet_the_inverse_itself() -> None:
    """xᵢᵀ S⁻¹ xᵢ over many rows: one product per row, not a solve per row."""
    f = dv.parse("sum((X @ inv(S)) * X)", variables={"X": ("n", "d"), "S": ("d", "d")}, facts={"S": ("pd",)})
    text = compile_nodes({"value": f.node}, unknowns=["S"]).source
    assert "potrs" not in text
    assert ": inv" in text
