"""Arrays that are given by name: together from a mapping and keywords, and which of them are wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from .errors import ArgumentError
from .evaluate import as_plain
from .node import Variable
from .sizes import Binding


def merge_arrays(arrays: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays given as one mapping and by keyword; lists of delayed blocks become Dask arrays of known shapes."""
    twice = set(arrays or {}) & set(more)
    if twice:
        raise ArgumentError(f"{', '.join(sorted(twice))} is given twice")
    given = {**(arrays or {}), **more}
    if "dask" not in sys.modules:
        return given
    from .kernels.cluster import as_rows, is_lazy

    return {name: as_rows(name, a) if is_lazy(a) else a for name, a in given.items()}


def _symbols(v: Variable) -> set[sympy.Symbol]:
    return {s for size in v.shape for s in size.free_symbols}


def relevant(declared: Iterable[Variable], data: Mapping[str, Any], wanted: set[str]) -> dict[str, Any]:
    """The data that are wanted, and names that nobody declared, to be refused by whoever takes them.

    Sizes that are wanted and not given are learnt from all declared arrays, those that dropped out among them.
    """
    declared = tuple(declared)
    known = {v.name for v in declared} | {s.name for v in declared for s in _symbols(v)}
    kept = {k: a for k, a in data.items() if k in wanted or k not in known}
    missing = wanted - kept.keys()
    if not any(v.name in data and {s.name for s in _symbols(v)} & missing for v in declared):
        return kept
    shown = Binding()
    for v in (*declared, *declared):  # twice: a size such as h*d waits for d
        if v.name in data:
            given = data[v.name]  # an array of blocks has a shape, and is not to be read for it
            shown.learn(
                v.name, v.shape, (given if hasattr(given, "shape") else as_plain(v.name, given)).shape
            )
    return {**{s.name: n for s, n in shown.values.items() if s.name in missing}, **kept}
