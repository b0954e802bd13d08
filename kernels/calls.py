"""The Python face of a bound kernel, written out for its arguments and results.

A call on small data takes a microsecond or two, and every loop over names, every tuple put together and every
look-up in Python costs a tenth of that. So the face is generated text, as the kernel is, with names of its own
only: `u…` are the names of unknowns, `d…` the data, `x…` values, `o…` arrays for results, `k…` the names of
results. Results are new arrays at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Face = Callable[[Mapping[str, Any]], dict[str, Any]]


def face(
    entry: Callable[..., Any],
    *,
    first: Sequence[Any],
    last: Sequence[Any],
    unknowns: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    results: Sequence[str],
    made: Mapping[int, tuple[int, ...]],
    numbers: Sequence[str],
    dtype: np.dtype[Any],
    checked: Callable[[Mapping[str, Any]], Sequence[Any]],
) -> Face:
    """The function of the unknowns by name that calls `entry` and names its results.

    first, last  arguments before and after the unknowns
    made         shapes of the results that are allocated here, by position; `entry` returns the others
    checked      the values of the unknowns after all checks, where a quick look does not suffice
    """

    def short(shape: tuple[int, ...]) -> Any:
        """The length of a vector: quicker to compare, and to allocate by, than a shape."""
        return shape[0] if len(shape) == 1 else shape

    given: dict[str, Any] = {
        "entry": entry,
        "checked": checked,
        "known": np.ndarray,
        "dtype": dtype,
        "empty": np.empty,
        "number": dtype.type,
    }
    given |= {f"d{i}": array for i, array in enumerate(first)}
    given |= {f"n{i}": number for i, number in enumerate(last)}
    given |= {f"u{i}": name for i, name in enumerate(unknowns)}
    given |= {f"s{i}": short(shape) for i, shape in enumerate(shapes)}
    given |= {f"k{i}": name for i, name in enumerate(results)}
    given |= {f"t{i}": short(shape) for i, shape in made.items()}
    values = [f"x{i}" for i in range(len(unknowns))]
    lines = [f"{x} = unknowns.get(u{i})" for i, x in enumerate(values)]
    tests = [f"len(unknowns) == {len(unknowns)}"]
    for i, x in enumerate(values):
        tests += [
            f"{x}.__class__ is known",
            f"{x}.dtype is dtype",
            f"len({x}) == s{i} and {x}.ndim == 1" if len(shapes[i]) == 1 else f"{x}.shape == s{i}",
            f"{x}.flags.carray",
        ]
        if not shapes[i]:
            tests[-4:] = [f"{x}.__class__ is float"]
    lines.append(f"if not ({' and '.join(tests)}):")
    target = f"({''.join(f'{x}, ' for x in values)}) = " if values else ""
    lines.append(f"    {target}checked(unknowns)")
    kind = "" if dtype == np.float64 else ", dtype"
    lines += [f"o{i} = empty(t{i}{kind})" for i in made]
    arguments = [*(f"d{i}" for i in range(len(first))), *values, *(f"n{i}" for i in range(len(last)))]
    arguments += [f"o{i}" for i in made]
    returned = [f"o{i}" for i in range(len(results)) if i not in made]
    target = f"({', '.join(returned)},) = " if returned else ""
    lines.append(f"{target}entry({', '.join(arguments)})")
    scalars = set(numbers)
    pairs = [f"k{i}: number(o{i})" if name in scalars else f"k{i}: o{i}" for i, name in enumerate(results)]
    lines.append(f"return {{{', '.join(pairs)}}}")
    text = "def call(unknowns):\n" + "\n".join(f"    {line}" for line in lines)
    exec(compile(text, "<bound kernel>", "exec"), given)  # our own text only
    found: Face = given["call"]
    return found
