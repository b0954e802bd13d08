"""A function that is compiled once serves all its callers, and comes back from the cache with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from derive.kernels.cache import load

INNER = '''"""Called from elsewhere."""

from derive.kernels.library import compiled


@compiled
def inner(x, y):
    """A sum, and twice the vector."""
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * y
    return total, x + x


@compiled
def outer(x):
    total, twice = inner(x, 2.0)
    return total + twice[0]
'''
CALLER = '''"""Calls another module."""

from derive.kernels.special import compiled
from {name} import outer


@compiled
def loop(x, count):
    total = 0.0
    for _ in range(count):
        total += outer(x)
    return total
'''
HIDDEN = '''"""Called by compiled code only."""

from derive.kernels.library import compiled, inner


@inner
def hidden(x):
    return x + 1


@compiled
def shown(x):
    return hidden(x)
'''
AGAIN = """
import sys
import numpy as np
from derive.kernels.cache import load
load(sys.argv[1])
caller = load(sys.argv[2])
print(caller.loop(np.arange(3.0) + 1, 2), sum(caller.loop.stats.cache_hits.values()))
"""


def test_called_by_its_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers hold no copy of the code; another process finds all of it in the cache."""
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "cache"))
    module = load(INNER)
    caller = CALLER.format(name=module.__name__)
    x = np.arange(3.0) + 1
    assert load(caller).loop(x, 2) == 28.0
    assert module.inner(x, 2.0)[0] == 12.0
    assert module.inner(x.astype(np.float32), 2.0)[0] == 12.0  # other types, another symbol
    (text,) = module.outer.inspect_llvm().values()
    assert "@derive_" in text
    assert not [line for line in text.splitlines() if line.startswith("define") and "inner" in line]
    run = [sys.executable, "-c", AGAIN, INNER, caller]
    done = subprocess.run(run, capture_output=True, text=True, env=dict(os.environ), check=True)
    assert done.stdout.split() == ["28.0", "1"]


def test_inner_functions_have_no_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python is told so, before and after compiled callers exist."""
    monkeypatch.setenv("DERIVE_CACHE", str(tmp_path / "cache"))
    module = load(HIDDEN)
    for _ in range(2):
        with pytest.raises(TypeError, match="hidden is called by compiled code only"):
            module.hidden(1)
        assert module.shown(1) == 2
