"""Random expressions: meaning, gradient, Hessian–vector product and facts, against 50 digits."""

from __future__ import annotations

import json
from pathlib import Path

import mpmath
import numpy as np
import pytest

from derive.node import raw_sum, variable
from derive.sizes import ONE, sizes
from tests.fuzz.checks import Skip, Wrong, _fact, check
from tests.fuzz.generate import Generator, from_json

HERE = Path(__file__).parent
BATCHES, EACH = 15, 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_expressions(batch: int) -> None:
    """The normal form means what was stated; ∇ and ∇²v agree with differences to 20 digits."""
    for seed in range(batch * EACH, (batch + 1) * EACH):
        piece = Generator(seed).objective(4)
        try:
            check(piece, seed)
        except Skip:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {piece}") from error


@pytest.mark.parametrize("path", sorted((HERE / "regressions").glob("*.json")), ids=lambda p: p.stem)
def test_regression(path: Path) -> None:
    """Expressions that were once wrong."""
    saved = json.loads(path.read_text())
    piece = from_json(saved["piece"])
    for k in range(3):
        try:
            check(piece, saved["seed"] + k, compiled=saved.get("compiled", False) and k == 0)
        except Skip:
            continue


def test_pieces_survive_json() -> None:
    """A regression file holds the whole expression."""
    for seed in range(30):
        piece = Generator(seed).objective(4)
        assert from_json(json.loads(json.dumps(piece.to_json()))).node is piece.node


def test_a_false_claim_of_an_inverse_is_seen() -> None:
    """At any scale; a matrix of huge condition is no false claim."""
    n = sizes("n")
    node = raw_sum((n, n), [(ONE, variable("a", (n, n)))], frozenset({"invertible"}))
    with mpmath.workdps(30):
        big = mpmath.mpf(10) ** 20
        _fact(node, np.array([[big, mpmath.mpf(1)], [mpmath.mpf(1), mpmath.mpf(1)]], dtype=object))
        for scale in (big, 1 / big):
            with pytest.raises(Wrong, match="not invertible"):
                _fact(node, np.array([[scale, 2 * scale], [3 * scale, 6 * scale]], dtype=object))
