"""The bar of a long fit: the share of the way done, and silence where there is no terminal."""

from __future__ import annotations

import math

import numpy as np
import pytest

import derive as dv
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


def test_the_picture_of_a_compiled_run_says_that_only_its_end_is_known() -> None:
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.choice([-1.0, 1.0], 60)
    loss = dv.parse(
        "sum(log(1 + exp(-y * (X @ w)))) + sumsq(w)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    )
    found = dv.minimize(loss, over="w").solve(X=X, y=y)
    assert len(found.history) == 1
    axes = found.plot(Figure().add_subplot())
    assert "progress=True" in axes.texts[0].get_text()
    assert axes.lines[0].get_xdata().tolist() == [found.nit]


def test_the_time_of_a_bar_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar appears after a second, which counts."""
    from rich.console import Console

    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(Console, "is_terminal", True)
    with Progress("L-BFGS", enabled=True) as bar:
        bar.began -= 60.0
        bar.update(1, 1.0, 1.0)
        assert bar._bar.tasks[0].elapsed > 59.0
