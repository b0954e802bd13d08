"""The latest point of a long run on disk, of methods whose state is more than a point: the run begins anew from it.

The file is an `.npz` of numbers (no pickle), written under a temporary name and renamed. A mark made of the statement
and the data says which run it belongs to; anything else is refused.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..errors import DataError
from ..expression import Expression
from ..files import atomic

if TYPE_CHECKING:
    from .instance import Instance

#: Seconds between two writes.
EVERY = 30.0


@final
class KeptPoint:
    """One file: `load` at the beginning, `save` at the end, `watching` in between."""

    def __init__(self, path: str | Path, instance: Instance) -> None:
        self.path, self.instance, self.last = Path(path), instance, time.perf_counter()
        posed, digest = instance.posed, hashlib.sha256()
        for node in (posed.minimised, *posed.equalities, *posed.inequalities):
            digest.update(str(Expression(node)).encode())
        for name, array in sorted(instance.checked.items()):
            digest.update(repr((name, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        self.mark = digest.hexdigest() + repr(sorted(instance.shapes.items()))

    def load(self) -> dict[str, Any] | None:
        """The unknowns by name, if there is a file."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            mark = str(arrays.pop("mark"))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(
                f"the checkpoint {self.path} cannot be read ({error}); remove it, or name another file"
            ) from None
        if mark != self.mark:
            raise DataError(
                f"the checkpoint {self.path} belongs to another run (problem or data differ); remove it, or name "
                "another file"
            )
        return {name.removeprefix("of "): a for name, a in arrays.items()}

    def save(self, point: Mapping[str, Any]) -> None:
        """Write the point."""
        arrays: dict[str, Any] = {f"of {name}": np.asarray(a) for name, a in point.items()}
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, mark=np.array(self.mark), **arrays)
        self.last = time.perf_counter()

    def watching(self, callback: Callable[[Any], None] | None) -> Callable[[Any], None]:
        """The callback, which keeps the latest point where the last write is long enough ago."""

        def seen(result: Any) -> None:
            if time.perf_counter() - self.last >= EVERY:
                self.save(self.instance.latest())
            if callback is not None:
                callback(result)

        return seen
