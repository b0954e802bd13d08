"""The lazy front: every public name is there, whatever was imported before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import derive as dv

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", dv.__all__)
def test_public_names(name: str) -> None:
    """`__all__` tells the truth, and every name says what it is."""
    assert callable(getattr(dv, name)) and getattr(dv, name).__doc__


@pytest.mark.parametrize(
    "before", ["import derive.sizes", "dv.scalar('lam')", "from derive.models import REGISTRY"]
)
def test_sizes_is_the_function(before: str) -> None:
    """The module `derive.sizes` does not hide the function `dv.sizes`."""
    code = f"import derive as dv\n{before}\nimport derive.sizes\nprint(dv.sizes('n d'), derive.sizes('k'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "(n, d) k\n", done.stderr


def test_unknown_names() -> None:
    """A name that is nowhere is an AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="gradeint"):
        _ = dv.gradeint
