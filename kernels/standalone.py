"""What every generated solver file has besides its kernels and its optimizer.

These functions run nowhere in the project itself: `codegen` writes their source into the file. They therefore use NumPy
and the standard library alone. A `Statement` holds the names, which are data here and never code.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .certificate import Certificate
from .optimizers.interior_point import Answer, Functions, polish, snapped
from .optimizers.state import FINISHED, NOT_FINITE, RUNNING, STALLED, UNBOUNDED, scaled_gradient
from .oracle import Oracle


class DataError(ValueError):
    """Numbers that are missing, surplus, of a wrong size, or not finite."""


class SizeError(DataError):
    """Sizes that do not fit."""


class Statement(NamedTuple):
    """Sizes and facts by name; a size is a name or a number. `free` says how unknowns are freed of facts."""

    data: dict[str, tuple[Any, ...]]
    unknowns: dict[str, tuple[Any, ...]]
    facts: dict[str, tuple[str, ...]]
    free: dict[str, tuple[str, str]]
    rows: str
    maximize: bool


class Solution(NamedTuple):
    """The answer: unknowns by name, the objective as stated, and whether the certificate holds."""

    unknowns: dict[str, Any]
    value: float
    success: bool
    message: str
    certificate: Any
    iterations: int


# ---------------------------------------------------------------- data at the door


def learn_sizes(name: str, shape: tuple[Any, ...], actual: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Enter what an array tells about the sizes; raise where two arrays disagree."""
    if len(actual) != len(shape):
        raise SizeError(f"{name} has {len(actual)} axes, not {len(shape)}: {actual} for sizes {shape}")
    for axis, (size, number) in enumerate(zip(shape, actual, strict=True)):
        wanted = sizes.setdefault(size, number) if isinstance(size, str) else size
        if wanted != number or number < 1:
            raise SizeError(f"axis {axis} of {name} has length {number}, but {size} is {wanted}")


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
    try:
        array = np.require(np.asarray(value, dtype=np.float64), np.float64, ["C", "A"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} does not hold numbers: {error}") from None
    if not np.isfinite(array).all():
        where = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{name}[{where}] is not finite" if where else f"{name} is not finite")
    check_facts(name, array, facts)
    return array


def checked(
    statement: Statement, given: dict[str, Any], start: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, int]]:
    """(data and start as arrays, sizes), or an error that names what is wrong."""
    known = {size for shape in statement.data.values() for size in shape if isinstance(size, str)}
    known |= {size for shape in statement.unknowns.values() for size in shape if isinstance(size, str)}
    found: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, value in given.items():
        if name in known and name not in statement.data and np.ndim(value) == 0:
            sizes[name] = int(value)
        elif name not in statement.data:
            raise DataError(f"{name} is not among the data: {', '.join(statement.data) or 'there are none'}")
    for name, shape in statement.data.items():
        if name not in given:
            raise DataError(f"no array was given for {name}")
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


def starting_point(statement: Statement, sizes: dict[str, int], found: dict[str, Any], seed: int = 0) -> Any:
    """Arrays for all unknowns: those given, else zero for vectors and small random numbers for matrices."""
    rng = np.random.default_rng(seed)
    point = {}
    for name, shape in shapes_in_numbers(statement.unknowns, sizes).items():
        facts = statement.facts.get(name, ())
        if name in found:
            point[name] = found[name]
        elif "simplex" in facts:
            point[name] = np.full(shape, 1.0 / shape[-1])
        elif {"psd", "pd"} & set(facts):
            point[name] = np.broadcast_to(np.eye(shape[-1]), shape).copy()
        elif "positive" in facts:
            point[name] = np.ones(shape)
        elif len(shape) <= 1:
            point[name] = np.zeros(shape)
        else:
            point[name] = rng.standard_normal(shape) / np.sqrt(shape[-2])
            if "symmetric" in facts:
                point[name] = (point[name] + np.swapaxes(point[name], -1, -2)) / 2
    return point


# ---------------------------------------------------------------- free unknowns


def freed(kind: str, name: str, a: Any) -> Any:
    """The free value that stands for a constrained one."""
    if kind in ("positive", "simplex"):
        if not (a > 0).all():
            raise DataError(f"the start of {name} must be positive")
        logs = np.log(a)
        return logs if kind == "positive" else logs - logs.mean(axis=-1, keepdims=True)
    if kind == "pd":
        try:
            lower = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            raise DataError(f"the start of {name} is not positive definite") from None
        diagonal = np.diagonal(lower, axis1=-2, axis2=-1)
        return np.tril(lower, -1) + np.log(diagonal)[..., None] * np.eye(a.shape[-1])
    return a


def bound_again(kind: str, a: Any) -> Any:
    """The constrained value that a free one stands for."""
    if kind == "positive":
        return np.exp(a)
    if kind == "simplex":
        e = np.exp(a - a.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    if kind == "pd":
        diagonal = np.diagonal(a, axis1=-2, axis2=-1)
        lower = np.tril(a, -1) + np.exp(diagonal)[..., None] * np.eye(a.shape[-1])
        return lower @ np.swapaxes(lower, -1, -2)
    return a


def free_point(statement: Statement, point: dict[str, Any]) -> dict[str, Any]:
    """All unknowns in free form, by their free names."""
    return {free: freed(kind, name, point[name]) for name, (free, kind) in statement.free.items()}


def stated_point(statement: Statement, free: dict[str, Any]) -> dict[str, Any]:
    """All unknowns as stated, by their own names."""
    return {name: bound_again(kind, np.asarray(free[n])) for name, (n, kind) in statement.free.items()}


# ---------------------------------------------------------------- kernels by name


def caller(kernel: Any, inputs: tuple[str, ...], outputs: tuple[str, ...], given: dict[str, Any]) -> Any:
    """The kernel as a function of unknowns by name; `given` holds data and sizes."""

    def value_of(name: str, unknowns: dict[str, Any]) -> Any:
        value = unknowns[name] if name in unknowns else given[name]
        if isinstance(value, int):
            return value
        array = np.require(value, np.float64, ["C", "A"])
        return array if array.ndim else float(array)

    def evaluate(mapping: Any = None, **unknowns: Any) -> dict[str, Any]:
        point = {**(mapping or {}), **unknowns}
        return dict(zip(outputs, kernel(*[value_of(name, point) for name in inputs]), strict=True))

    return evaluate


# ---------------------------------------------------------------- the run


def descend(
    oracle: Oracle,
    functions: tuple[str, ...],
    begin: Callable[..., Any],
    step: Callable[..., Any],
    x: Any,
    judge: Callable[[Any, float], Certificate],
    *,
    tolerance: float,
    max_iterations: int,
    max_time: float | None,
) -> tuple[Any, Certificate, str, int]:
    """Steps until the certificate holds or something ends the run: (best point, certificate, message, steps)."""
    began = time.perf_counter()
    f, g = oracle.value_gradient(x)
    first, best, aim = f, (x, f), tolerance
    state = begin(oracle, x, f, g)
    called = [getattr(oracle, name) for name in functions]
    message, iteration, magnitude = "", 0, 1.0
    try:
        for iteration in range(max_iterations + 1):
            gain = first - best[1]
            magnitude = min(1.0, gain) if np.isfinite(gain) and gain > 0.0 else 1.0
            if state.status == UNBOUNDED or state.f < -1e20 * max(1.0, abs(first)):
                message = "the objective is unbounded below"
                break
            if state.status == NOT_FINITE:
                where = "at the start" if iteration == 0 else "during the run"
                message = f"the objective or a derivative of it is not finite {where}"
                break
            if np.abs(state.x).max(initial=0.0) > 1e60:
                message = "no minimum is attained: the unknowns grow without bound"
                break
            measure = scaled_gradient(state.x, state.f, state.g, magnitude)
            if measure <= aim:
                proof = judge(state.x, magnitude)
                if proof.ok(tolerance):
                    best = polished(state, step, called, magnitude)
                    break
                if proof.runs_away() and aim <= 1e-3 * tolerance:
                    break
                aim = max(min(aim, measure) / 10.0, 1e-8 * tolerance)
            if state.status in (STALLED, FINISHED):
                message = "no further step improves the objective"
                break
            if iteration == max_iterations:
                message = f"not converged after {max_iterations} iterations"
                break
            if max_time is not None and time.perf_counter() - began >= max_time:
                message = f"not converged within {max_time:g} s ({iteration} iterations)"
                break
            state = step(state, *called)
            if not np.isfinite(best[1]) or state.f <= best[1] + 1e-12 * abs(best[1]):
                best = (state.x, state.f)
    except KeyboardInterrupt:
        message = f"interrupted after {iteration} iterations; the best point so far is kept"
    proof = judge(best[0], magnitude)
    reason = proof.reason()
    found = f"certified: {reason}" if proof.ok(tolerance) else f"{message}; {reason}" if message else reason
    return best[0], proof, found, iteration


def polished(state: Any, step: Callable[..., Any], called: list[Any], magnitude: float) -> tuple[Any, float]:
    """A few more steps while each at least halves the gradient."""
    best = state
    for _ in range(3):
        before = scaled_gradient(best.x, best.f, best.g, magnitude)
        if before <= 1e-14:
            break
        after = step(best, *called)
        if after.status != RUNNING or scaled_gradient(after.x, after.f, after.g, magnitude) > 0.5 * before:
            break
        best = after
    return best.x, best.f


def inside(functions: Functions, solve: Callable[..., Answer], z: Any, max_time: float | None) -> Any:
    """The interior point's answer, the message of what ended it early, if anything did."""
    began = time.perf_counter()
    latest, ended = [z], [""]

    def watch(iteration: int, point: Any, value: float, error: float) -> bool:
        latest[0] = point
        if max_time is not None and time.perf_counter() - began >= max_time:
            ended[0] = f"not converged within {max_time:g} s ({iteration} iterations)"
        return bool(ended[0])

    try:
        answer = polish(functions, solve(functions, z, watch=watch))
    except KeyboardInterrupt:
        ended[0] = "interrupted; the latest point is kept"
        v = functions.values(latest[0])
        answer = Answer(latest[0], np.zeros(v.e.size), np.zeros(v.c.size), 2, 0)
    answer.z = snapped(functions, answer)
    return answer, ended[0]


# ---------------------------------------------------------------- files


def load_arrays(path: str) -> dict[str, Any]:
    """The arrays of an .npz; pickled objects, which could run anything, are refused."""
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


# ---------------------------------------------------------------- the self-test


def random_data(statement: Statement, seed: int) -> dict[str, Any]:
    """Small random data with the stated facts; sizes differ from each other, so that a transposition shows."""
    rng = np.random.default_rng(seed)
    named = [*statement.data.values(), *statement.unknowns.values()]
    names = list(dict.fromkeys(s for shape in named for s in shape if isinstance(s, str)))
    others = [s for s in names if s != statement.rows]
    others = others if seed % 2 == 0 else others[::-1]
    sizes = {**{s: 2 + k % 4 for k, s in enumerate(others)}, statement.rows: 24}
    if seed >= 4:  # few rows, as constraints need them
        sizes = {**{s: 5 + k % 4 for k, s in enumerate(others)}, statement.rows: 3}
    found: dict[str, Any] = {s: sizes[s] for s in names if s not in statement.data}
    for k, (name, shape) in enumerate(shapes_in_numbers(statement.data, sizes).items()):
        kind = seed % 4 if k > 0 else 0
        found[name] = random_array(shape, statement.facts.get(name, ()), rng, kind)
    told = {s for name in statement.data for s in statement.data[name]}
    return {name: value for name, value in found.items() if name in statement.data or name not in told}


def random_array(shape: tuple[int, ...], facts: tuple[str, ...], rng: Any, kind: int) -> Any:
    """Numbers with the facts; where there are none, normal, positive, labels (0 or 1, one per row), or ±1."""
    noise = rng.standard_normal(shape)
    if "simplex" in facts:
        return np.exp(noise) / np.exp(noise).sum(axis=-1, keepdims=True)
    if {"psd", "pd"} & set(facts):
        return noise @ np.swapaxes(noise, -1, -2) / shape[-1] + np.eye(shape[-1])
    if "integer" in facts:
        return rng.integers(0, 2, shape).astype(float)
    if (
        {"positive", "nonnegative"} & set(facts)
        or (kind > 0 and not shape)
        or (kind == 1 and len(shape) == 1)
    ):
        return 0.1 + rng.random(shape)
    if "symmetric" in facts:
        return (noise + np.swapaxes(noise, -1, -2)) / 2
    if kind == 2 and shape:
        largest = noise.max(axis=-1, keepdims=True) if len(shape) > 1 else np.maximum(noise, 0.0)
        return (noise == largest) * 1.0
    if kind == 3 and len(shape) == 1:
        return np.where(noise > 0, 1.0, -1.0)
    return noise


def difference_error(function: Any, slope: Any, x: Any) -> float:
    """The largest error of a derivative against central differences of order four, relative to its size."""
    exact = np.asarray(slope(x))
    found = np.empty_like(exact)
    for i in range(x.size):
        h = 1e-3 * max(1.0, abs(x[i]))
        near, far = np.zeros(x.size), np.zeros(x.size)
        near[i], far[i] = h, 2.0 * h
        close = np.asarray(function(x + near)) - np.asarray(function(x - near))
        wide = np.asarray(function(x + far)) - np.asarray(function(x - far))
        found[..., i] = (8.0 * close - wide) / (12.0 * h)
    return float(np.abs(found - exact).max(initial=0.0) / max(1.0, np.abs(exact).max(initial=0.0)))
