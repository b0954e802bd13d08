"""Long runs kept on disk: the whole state of an optimizer, so that a resumed run makes the same steps.

The file is an `.npz` of numbers (no pickle), written under a temporary name and renamed. A mark made of the method, its
options, the layout of the unknowns and the value and gradient at the start says which run it belongs to: the
same problem, data and start give the same bits there, and anything else is refused.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np

from derive.errors import DataError
from derive.files import atomic

#: Seconds between two writes.
EVERY = 30.0
HISTORY = ("objective", "gradient_norm", "scaled_gradient", "time", "evaluations")


@final
class Checkpoint:
    """One file; `save` when `due`, `load` at the beginning."""

    def __init__(self, path: str | Path, mark: str) -> None:
        self.path, self.mark = Path(path), mark
        self.last = time.perf_counter()

    def due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.perf_counter() - self.last >= EVERY

    def save(self, state: Any, best: tuple[Any, ...], history: Any) -> None:
        """Write everything."""
        arrays = _flat("state", state)
        arrays |= {f"best.{k}": np.asarray(part) for k, part in enumerate(best)}
        arrays |= {f"history.{name}": np.asarray(getattr(history, name)) for name in HISTORY}
        write(self.path, self.mark, arrays)
        self.last = time.perf_counter()

    def load(self, state: Any, history: Any) -> tuple[Any, tuple[Any, ...]] | None:
        """The state and the best point as they were, if there is a file; `history` is filled."""
        arrays = read(self.path, self.mark, "problem, data, start, method or options")
        if arrays is None:
            return None
        for name in HISTORY:
            getattr(history, name)[:] = arrays[f"history.{name}"].tolist()
        best = (arrays["best.0"], float(arrays["best.1"]), arrays["best.2"])
        return _shaped("state", state, arrays), best


def write(path: Path, mark: str, arrays: Mapping[str, Any]) -> None:
    """The arrays and the mark of their run, as a file that is either whole or not there."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{"mark": np.array(mark), **arrays})


def read(path: Path, mark: str, told_apart: str) -> dict[str, Any] | None:
    """The arrays of the run with that mark, if there is a file; what else it is, is an error that says so."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        found = str(arrays.pop("mark"))
    except OSError as error:
        raise DataError(f"the checkpoint {path} cannot be read: {error}") from None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise DataError(
            f"the checkpoint {path} cannot be read: it is none, or not a whole one; remove it, or name another file"
        ) from None
    if found != mark:
        raise DataError(
            f"the checkpoint {path} belongs to another run ({told_apart} differ); remove it, or name another file"
        )
    return arrays


def mark_of(method: str, options: Mapping[str, Any], layout: Any, f: float, g: Any) -> str:
    """What tells one run from another."""
    shapes = list(zip(layout.names, layout.shapes, strict=True))
    return repr((method, sorted(options.items()), shapes, float(f), np.asarray(g).tobytes().hex()[:4096]))


def _flat(name: str, value: Any) -> dict[str, Any]:
    """A state's fields by name, states inside it included."""
    if not hasattr(value, "_fields"):
        return {name: np.asarray(value)}
    found: dict[str, Any] = {}
    for field in value._fields:
        found |= _flat(f"{name}.{field}", getattr(value, field))
    return found


def _shaped(name: str, like: Any, arrays: Mapping[str, Any]) -> Any:
    """A state of the same type from its fields."""
    if hasattr(like, "_fields"):
        return type(like)(*(_shaped(f"{name}.{f}", getattr(like, f), arrays) for f in like._fields))
    found = arrays[name]
    if isinstance(like, bool | int | float):
        return type(like)(found)
    return found[()] if found.ndim == 0 else np.array(found)
