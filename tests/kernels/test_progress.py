"""The bar of a long fit: the share of the way done, and silence where there is no terminal."""

from __future__ import annotations

import math

import pytest

from derive.kernels.optimizers import progress
from derive.kernels.optimizers.progress import Progress


def test_share_of_the_way() -> None:
    """From 1 to 10⁻⁸ there are eight powers of ten; the best point so far counts."""
    bar = Progress("", enabled=False, tolerance=1e-8)
    assert bar.done(1.0) == 0.0
    assert bar.done(1e-2) == pytest.approx(0.25)
    assert bar.done(1e-1) == pytest.approx(0.25)
    assert bar.done(math.nan) == pytest.approx(0.25)
    assert bar.done(1e-9) == 1.0


def test_start_at_the_goal() -> None:
    """A start that is within the tolerance, or no number, is no division by zero."""
    assert Progress("", enabled=False).done(1e-12) == 0.0
    assert Progress("", enabled=False).done(math.nan) == 0.0


def test_silent_in_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written where nobody watches."""
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with Progress("L-BFGS", enabled=True) as bar:
        bar.update(1, 1.0, 1.0)
        bar.update(2, 0.5, 0.1)
    assert capsys.readouterr() == ("", "")
