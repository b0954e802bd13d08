"""Broken input for every way in, a sample of the campaign of `tests.fuzz.hostile`: only the project's own errors."""

from __future__ import annotations

import warnings
from contextlib import suppress
from random import Random

import pytest
from sympy.utilities.exceptions import SymPyDeprecationWarning

from derive.errors import DeriveError
from tests.fuzz.hostile import WAYS, examples

COUNTS = {"text": 150, "latex": 150, "problem": 150, "notes": 20, "sympy": 60}


@pytest.mark.parametrize("way", WAYS)
def test_broken_input_is_refused(way: str) -> None:
    """Anything else that is raised is an error of ours."""
    for seed in range(COUNTS[way]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SymPyDeprecationWarning)
            _, work = WAYS[way](Random(seed), examples(way))
            with suppress(DeriveError):
                work()
