"""Arrays from and to files: `.npz` by name, `.csv` columns by name, numbers as NAME=NUMBER. Never a pickle."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ArgumentError, DataError
from .files import atomic

CELLS = 50_000_000  # numbers in one file


def numbers(settings: Sequence[str]) -> dict[str, float]:
    """`lam=0.1` as a name and a number."""
    found: dict[str, float] = {}
    for word in settings:
        name, sign, value = word.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not sign or not math.isfinite(number):
            raise ArgumentError(f"--set {word}: write NAME=NUMBER, as lam=0.1")
        if name in found:
            raise ArgumentError(f"--set: {name} is given twice")
        found[name] = number
    return found


def read(path: Path, exact: bool = False) -> dict[str, Any]:
    """The arrays of a file by name; with `exact`, decimals of a `.csv` stay as they are written."""
    if path.suffix == ".npz":
        return read_npz(path)
    if path.suffix == ".csv":
        return read_columns(path, exact)
    raise DataError(f"{path}: arrays come as .npz or .csv")


def read_npz(path: Path) -> dict[str, Any]:
    """The arrays of an `.npz`; what could run code is refused."""
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.is_file() and not zipfile.is_zipfile(path):
        raise DataError(f"{path} is no .npz archive: write one with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError, TypeError, EOFError) as error:
        raise DataError(f"{path} cannot be read as .npz without pickles: {error}") from None


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header of a `.csv` and its rows, all of one length."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    if len(lines) < 2:
        raise DataError(f"{path} is empty: a header line and at least one row are needed")
    header, rows = lines[0], lines[1:]
    if len(header) * len(rows) > CELLS:
        raise DataError(f"{path} has more than {CELLS} numbers; give it as .npz")
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(f"{path}: row {i} has {len(row)} values under {len(header)} names")
    return header, rows


def number_at(path: Path, i: int, name: str, word: str) -> float:
    """The number that a cell holds; an error names row (counted from 0 below the header) and column."""
    try:
        found = float(word)
    except ValueError:
        raise DataError(f"{path}: row {i}, column {name!r}: {word!r} is no number") from None
    if not math.isfinite(found):
        raise DataError(f"{path}: row {i}, column {name!r}: {word} is not finite")
    return found


def read_columns(path: Path, exact: bool = False) -> dict[str, Any]:
    """Every column under its name, as a vector; with `exact`, of `Decimal`."""
    header, rows = read_table(path)
    names = [name.strip() for name in header]
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two columns have one name")
    found: dict[str, Any] = {}
    for j, name in enumerate(names):
        column = np.array([number_at(path, i, name, row[j]) for i, row in enumerate(rows)])
        found[name] = column
        if exact:
            try:
                found[name] = np.array([Decimal(row[j].strip()) for row in rows], dtype=object)
            except InvalidOperation:
                found[name] = column
    return found


def save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to an `.npz`, under a temporary name first, so that no half-written file is left."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
