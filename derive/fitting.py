"""Fitting a model: its arrays, from the shipped data set or from a user's file, and the solver's answer in words.

A `.csv` is read as the shipped sets are (one header line; the last column is the target, if the model has
one) and treated as the model treats its own data. A `.npz` holds the model's arrays by name, and is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .arrays_in_files import number_at, numbers, read_npz, read_table, save
from .data import describe as describe_data
from .data import load
from .errors import ArgumentError, DataError
from .evaluate import bind
from .models import Model
from .node import size_symbols

Arrays = dict[str, Any]
SEED = 0


def data_names(model: Model) -> list[str]:
    """The variables that are data, not unknowns."""
    return [name for name in model.variables if name not in model.unknowns]


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
        arrays = read_npz(path)
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


def _read_csv(path: Path, target: bool) -> Arrays:
    """Features and target; an error names the row (counted from 0 below the header) and the column."""
    header, rows = read_table(path)
    if target and len(header) < 2:
        raise DataError(f"{path} has one column; features and a target are needed")
    table = np.array(
        [[number_at(path, i, header[j], word) for j, word in enumerate(row)] for i, row in enumerate(rows)]
    )
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


__all__ = ["arrays_of", "data_names", "describe", "fit", "numbers", "record", "save", "start_of"]
