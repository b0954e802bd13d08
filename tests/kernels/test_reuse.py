"""Blocks in the memory of others: the text says so, and no result changes a bit."""

from __future__ import annotations

import re

import numpy as np
import pytest

from derive.kernels import sweeps
from derive.kernels.compile import compile_nodes
from tests.kernels.statements import OBJECTIVES, derivatives, draw

SHARED = re.compile(r"^    (v\d+) = (v\d+)$", re.M)


def kernel_of(name: str):  # type: ignore[no-untyped-def]
    objective = OBJECTIVES[name]()
    unknowns = [v.name for v in objective[1]]
    return compile_nodes(derivatives(objective, second=False), unknowns=unknowns, backend="python")


def test_a_network_keeps_three_blocks_for_five() -> None:
    """Activations take the place of what they are computed from, and so do the gradients before and after them."""
    pairs = SHARED.findall(kernel_of("network").source)
    assert len(pairs) >= 2
    assert len({old for _, old in pairs}) == len(pairs)  # each once


@pytest.mark.parametrize("name", OBJECTIVES)
def test_no_bit_changes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reuse and without, under plain Python, blocks that end early included."""
    shared = kernel_of(name)
    data = draw(shared.nodes, n=37, d=3, k=2, p=4, h=5)
    found = shared(data)
    monkeypatch.setattr(sweeps, "reusable", lambda *_: {})
    plain = kernel_of(name)
    assert not SHARED.search(plain.source.partition("for b in range")[0])
    for key, value in plain(data).items():
        assert np.array_equal(found[key], value, equal_nan=True), key


def test_what_is_read_again_stays() -> None:
    """A block that a later loop reads is nobody's room; nor is one that is read at other entries."""
    import derive as dv

    text = "sum(tanh(X @ W) * sigmoid(X @ W)) + sumsq(tanh(X @ W) @ V)"
    f = dv.parse(text, variables={"X": ("n", "d"), "W": ("d", "h"), "V": ("h", "k")})
    outputs = {"value": f, "W": dv.gradient(f, "W"), "V": dv.gradient(f, "V")}
    rng = np.random.default_rng(0)
    data = {
        "X": rng.standard_normal((70, 3)),
        "W": rng.standard_normal((3, 4)),
        "V": rng.standard_normal((4, 2)),
    }
    found = dv.compile(outputs)(**data)
    for key, expression in outputs.items():
        assert np.allclose(found[key], expression.evaluate(**data), rtol=1e-12)
