"""The worked pages of the docs are run, and every number on them is what comes out."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("name", ["optimality.md", "convexity.md"])
def test_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is what the page shows."""
    outcome = doctest.testfile(str(DOCS / name), module_relative=False, encoding="utf-8")
    assert outcome.attempted > 3
    assert outcome.failed == 0, capsys.readouterr().out
