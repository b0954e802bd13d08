"""Arrays of a solver file from and to .npz, and numbers from its command line."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .data import DataError


def load_arrays(path: str) -> dict[str, Any]:
    """The arrays of an .npz; pickled objects, which could run anything, are refused."""
    if not Path(path).exists():
        raise DataError(f"there is no file {path}")
    if Path(path).is_file() and not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no .npz archive: write one with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError, TypeError, EOFError) as error:
        raise DataError(f"{path} cannot be read as .npz without pickles: {error}") from None


def save_arrays(path: str, arrays: dict[str, Any]) -> None:
    """Write an .npz under a temporary name first, so that no half-written file is left."""
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".npz")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def numbers(words: list[str]) -> dict[str, float]:
    """`lam=0.1` as a name and a number."""
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise DataError(f"--set {word}: write NAME=NUMBER, as lam=0.1")
    return found
