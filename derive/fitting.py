"""Fitting a model: its arrays, from the shipped data set or from a user's file, and the solver's answer in words.

A `.csv` is read as the shipped sets are (one header line; the last column is the target, if the model has
one) and treated as the model treats its own data. A `.npz` holds the model's arrays by name, and is taken as it is.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .data import describe as describe_data
from .data import load
from .errors import ArgumentError, DataError
from .evaluate import bind
from .models import Model
from .node import size_symbols

Arrays = dict[str, Any]
SEED = 0
CELLS = 50_000_000  # numbers in one file


def data_names(model: Model) -> list[str]:
    """The variables that are data, not unknowns."""
    return [name for name in model.variables if name not in model.unknowns]


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


def arrays_of(model: Model, path: Path | None = None, settings: Mapping[str, float] | None = None) -> Arrays:
    """The model's data, checked: every array there, of fitting sizes, finite, with its facts."""
    settings = dict(settings or {})
    scalars = [name for name in data_names(model) if model.variables[name] == ()]
    strangers = [name for name in settings if name not in scalars]
    if strangers:
        raise ArgumentError(
            f"{model.name} has no number called {strangers[0]}; it has {', '.join(scalars) or 'none'}"
        )
    if path is None:
        arrays = model.prepare(load(model.data_set))
    elif path.suffix == ".npz":
        arrays = _read_npz(path)
    elif path.suffix == ".csv":
        arrays = _prepared(model, _read_csv(path, target=has_target(model)))
    else:
        raise DataError(f"{path}: data come as .csv or .npz")
    arrays = {**arrays, **settings}
    _check(model, arrays)
    return arrays


def has_target(model: Model) -> bool:
    """Whether the model predicts something, so that the last column of a table is its target."""
    return bool({"y", "Y"} & set(model.variables))


def _check(model: Model, arrays: Arrays) -> None:
    expression = model.expression()
    wanted = [v for v in expression.declared if v.name not in model.unknowns]
    bind(wanted, arrays, sizes=size_symbols(expression.node))


def _prepared(model: Model, raw: Arrays) -> Arrays:
    if has_target(model) and describe_data(model.data_set).classes:
        labels = raw["y"]
        bad = (labels < 0) | (labels != np.round(labels)) | (labels > 10_000)
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(f"the target is a class label 0, 1, …, but is {labels[row]:g} in row {row}")
        raw = {**raw, "y": labels.astype(np.int64)}
    return model.prepare(raw)


def _read_npz(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:  # a pickle could run anything
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise DataError(f"{path} cannot be read as .npz without pickles: {error}") from None


def _read_csv(path: Path, target: bool) -> Arrays:
    """Features and target; an error names the row (counted from 0 below the header) and the column."""
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
    if target and len(header) < 2:
        raise DataError(f"{path} has one column; features and a target are needed")
    table = np.empty((len(rows), len(header)))
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(f"{path}: row {i} has {len(row)} values under {len(header)} names")
        for j, word in enumerate(row):
            try:
                table[i, j] = float(word)
            except ValueError:
                raise DataError(f"{path}: row {i}, column {header[j]!r}: {word!r} is no number") from None
            if not math.isfinite(table[i, j]):
                raise DataError(f"{path}: row {i}, column {header[j]!r}: {word} is not finite")
    if not target:
        return {"X": table}
    return {"X": np.ascontiguousarray(table[:, :-1]), "y": table[:, -1].copy()}


def start_of(model: Model, arrays: Arrays) -> Arrays:
    """The model's start point, the same at every call."""
    return model.start(arrays, np.random.default_rng(SEED))


def fit(
    model: Model,
    arrays: Arrays,
    *,
    method: str | None = None,
    max_time: float | None = None,
    progress: bool = False,
) -> Any:
    """SciPy's `OptimizeResult` of the model on these arrays, with the unknowns by name and a certificate."""
    from . import minimize

    problem = minimize(model.expression(), over=list(model.unknowns))
    return problem.solve(
        arrays, start=start_of(model, arrays), method=method, max_time=max_time, progress=progress
    )


def save(path: Path, arrays: Arrays) -> None:
    """Write arrays to an `.npz`, under a temporary name first, so that no half-written file is left."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


class atomic:
    """`with atomic(path) as temporary:` the temporary file becomes `path` only if nothing fails."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        try:
            handle, name = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{self.path.stem}-", suffix=self.path.suffix
            )
        except OSError as error:
            raise DataError(f"{self.path} cannot be written: {error}") from None
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None:
            self.temporary.unlink(missing_ok=True)
            return
        umask = os.umask(0)
        os.umask(umask)
        self.temporary.chmod(0o666 & ~umask)  # mkstemp's 0600 is not what a report should have
        self.temporary.replace(self.path)


def record(model: Model, result: Any) -> dict[str, Any]:
    """The answer for JSON."""
    return {
        "model": model.name,
        "objective": float(result.fun),
        "iterations": int(result.nit),
        "certified": bool(result.success),
        "message": str(result.message),
        "certificate": str(result.certificate),
        "unknowns": {u: np.asarray(result[u]).tolist() for u in model.unknowns},
    }


def describe(model: Model, arrays: Arrays, result: Any) -> list[str]:
    """The answer in words."""
    shapes = ", ".join(f"{k} {np.shape(v)}" if np.ndim(v) else f"{k} = {v:g}" for k, v in arrays.items())
    lines = [f"{model.title} on {shapes}", *str(result.certificate).splitlines()]
    if not result.success:
        lines.insert(1, str(result.message))
    lines.append(f"iterations  {result.nit}")
    for name in model.unknowns:
        value = np.array2string(np.asarray(result[name]), precision=6, threshold=40, edgeitems=3)
        lines += [f"{name} ="] + ["  " + line for line in value.splitlines()]
    return lines
