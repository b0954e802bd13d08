"""Where a prepared loop ends nowhere: once more by the way of `solve`, which tries more than what is prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DataError
from .instance import Instance
from .options import Options
from .route import solve


def by_solve(instance: Instance, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The minimiser by name; a `DataError` with the reason where there is none to be found."""
    posed = instance.posed
    sizes = {str(s): instance.sizes[str(s)] for s in posed.symbols}
    given = {v.name: arrays[v.name] for v in posed.given}
    result = solve(posed, {**sizes, **given}, instance.start, Options(), guaranteed=False)
    if not result.success:
        raise DataError(f"the prepared solver finds no optimum, and `solve` none: {result.message}")
    return {name: result[name] for name in posed.names}
