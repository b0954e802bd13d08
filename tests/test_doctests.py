"""Every example in a docstring is run.

pytest's own `--doctest-modules` goes by files and would import kernels/ under its folder's name instead
of as `derive.kernels`; here modules are found by name, so both halves are covered by a plain `pytest`.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

# `__main__` is a program, not a library: importing it would run it.
MODULES = ["derive"] + [
    found.name
    for package in ("derive", "derive.kernels")
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
    if not found.name.endswith(".__main__")
]


@pytest.mark.parametrize("name", sorted({*MODULES, "derive.kernels"}))
def test_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed result is the documented one."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    outcome = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert outcome.failed == 0, capsys.readouterr().out
