"""Data at the door of a solver file: what is missing, surplus, of a wrong size or not finite is named."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class DataError(ValueError):
    """Numbers that are missing, surplus, of a wrong size, or not finite."""


class SizeError(DataError):
    """Sizes that do not fit."""


class Statement(NamedTuple):
    """Sizes and facts by name; a size is a name or a number. `free` says how unknowns are freed of facts.

    Arrays that are `idle` occur in no formula: they may be given, and tell sizes.
    """

    data: dict[str, tuple[Any, ...]]
    unknowns: dict[str, tuple[Any, ...]]
    facts: dict[str, tuple[str, ...]]
    free: dict[str, tuple[str, str]]
    rows: str
    maximize: bool
    idle: dict[str, tuple[Any, ...]]


class Solution(NamedTuple):
    """The answer: unknowns by name, the objective as stated, and whether the certificate holds."""

    unknowns: dict[str, Any]
    value: float
    success: bool
    message: str
    certificate: Any
    iterations: int


def learn_sizes(name: str, shape: tuple[Any, ...], actual: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Enter what an array tells about the sizes; raise where two arrays disagree."""
    stated = f"({', '.join(map(str, shape))})" if shape else "a number"
    if len(actual) != len(shape):
        raise SizeError(f"{name} has the shape {actual}; it is stated to be {stated}")
    for axis, (size, number) in enumerate(zip(shape, actual, strict=True)):
        if number < 1:
            raise SizeError(f"{name} is empty: its shape is {actual}")
        wanted = sizes.setdefault(size, number) if isinstance(size, str) else size
        if wanted != number:
            known = f"{size} is {wanted}" if isinstance(size, str) else f"it is stated to be {wanted}"
            raise SizeError(f"axis {axis} of {name} has length {number}, but {known}")


def check_facts(name: str, array: Any, facts: tuple[str, ...]) -> None:
    """Raise where an array does not have the facts that were stated of it."""
    if "positive" in facts and not (array > 0).all():
        raise DataError(f"{name} is stated to be positive")
    if "nonnegative" in facts and not (array >= 0).all():
        raise DataError(f"{name} is stated to be nonnegative")
    if "integer" in facts and not (array == np.round(array)).all():
        raise DataError(f"{name} is stated to hold whole numbers")
    if "simplex" in facts and not np.allclose(array.sum(axis=-1), 1.0, atol=1e-8):
        raise DataError(f"{name} is stated to lie on the simplex")
    if "symmetric" in facts and not np.allclose(array, np.swapaxes(array, -1, -2), rtol=1e-10):
        raise DataError(f"{name} is stated to be symmetric")
    if {"psd", "pd"} & set(facts):
        least = np.linalg.eigvalsh(array).min()
        if least < -1e-10 * np.abs(array).max() or ("pd" in facts and least <= 0):
            raise DataError(
                f"{name} is stated to be positive {'definite' if 'pd' in facts else 'semidefinite'}"
            )


def as_numbers(name: str, value: Any, facts: tuple[str, ...]) -> Any:
    """A float64 array in row-major order, checked."""
    if np.iscomplexobj(value):
        raise DataError(f"{name} holds complex numbers; real ones are meant")
    try:
        array = np.require(np.asarray(value, dtype=np.float64), np.float64, ["C", "A"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} does not hold numbers: {error}") from None
    if not np.isfinite(array).all():
        where = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{name}[{where}] is not finite" if where else f"{name} is not finite")
    check_facts(name, array, facts)
    return array


def as_size(name: str, value: Any) -> int:
    """A whole number from 1 on."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1 or number != value:
        raise SizeError(f"{name} is a size, a whole number from 1 on, not {value}")
    return number


def check_options(tolerance: float, max_iterations: int, max_time: float | None) -> None:
    """Raise where a run could not be limited so."""
    if not tolerance > 0.0:
        raise DataError(f"the tolerance is a positive number, not {tolerance}")
    if max_iterations < 0:
        raise DataError(f"max_iterations is a number from 0 on, not {max_iterations}")
    if max_time is not None and not max_time >= 0.0:
        raise DataError(f"max_time is a number of seconds from 0 on, not {max_time}")


def checked(
    statement: Statement, given: dict[str, Any], start: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, int]]:
    """(data and start as arrays, sizes), or an error that names what is wrong."""
    known = {size for shape in statement.data.values() for size in shape if isinstance(size, str)}
    known |= {size for shape in statement.unknowns.values() for size in shape if isinstance(size, str)}
    found: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, value in given.items():
        if name in statement.idle:
            array = as_numbers(name, value, statement.facts.get(name, ()))
            learn_sizes(name, statement.idle[name], array.shape, sizes)
        elif name in known and name not in statement.data and np.ndim(value) == 0:
            sizes[name] = as_size(name, value)
        elif name not in statement.data:
            raise DataError(f"{name} is not among the data: {', '.join(statement.data) or 'there are none'}")
    for name, shape in statement.data.items():
        if name not in given:
            missing = "array was given for" if shape else "number was given for"
            raise DataError(f"no {missing} {name}")
        found[name] = as_numbers(name, given[name], statement.facts.get(name, ()))
        learn_sizes(name, shape, found[name].shape, sizes)
    for name, value in start.items():
        if name not in statement.unknowns:
            raise DataError(f"the start has {name}, which is no unknown: {', '.join(statement.unknowns)}")
        found[name] = as_numbers(name, value, statement.facts.get(name, ()))
        learn_sizes(name, statement.unknowns[name], found[name].shape, sizes)
    for shape in statement.unknowns.values():
        for size in shape:
            if isinstance(size, str) and size not in sizes:
                raise DataError(f"the size {size} is not told by any array; give it by name, or a start")
    return found, sizes


def shapes_in_numbers(
    shapes: dict[str, tuple[Any, ...]], sizes: dict[str, int]
) -> dict[str, tuple[int, ...]]:
    """Shapes with numbers for the names of sizes."""
    return {
        name: tuple(sizes[s] if isinstance(s, str) else int(s) for s in shape)
        for name, shape in shapes.items()
    }
