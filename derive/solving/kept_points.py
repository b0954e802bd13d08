"""The latest point of a long run on disk, of methods whose state is more than a point: the run begins anew from it.

The file is that of `checkpoint`, with a mark made of the statement and the data.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from ..expression import Expression

if TYPE_CHECKING:
    from .instance import Instance
    from .options import Options


@final
class KeptPoint:
    """One file: `load` at the beginning, `save` at the end, `watching` in between.

    resumed  whether there was a file
    """

    def __init__(self, path: str | Path, instance: Instance) -> None:
        self.path, self.instance, self.last = Path(path), instance, time.perf_counter()
        self.resumed = False
        posed, digest = instance.posed, hashlib.sha256()
        for node in (posed.minimised, *posed.equalities, *posed.inequalities):
            digest.update(str(Expression(node)).encode())
        for name, array in sorted(instance.checked.items()):
            digest.update(repr((name, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        self.mark = digest.hexdigest() + repr(sorted(instance.shapes.items()))

    def load(self) -> dict[str, Any] | None:
        """The unknowns by name, if there is a file."""
        from ..kernels.optimizers.checkpoint import read

        arrays = read(self.path, self.mark, "problem or data")
        self.resumed = arrays is not None
        return None if arrays is None else {name.removeprefix("of "): a for name, a in arrays.items()}

    def save(self, point: Mapping[str, Any]) -> None:
        """Write the point."""
        from ..kernels.optimizers.checkpoint import write

        write(self.path, self.mark, {f"of {name}": np.asarray(a) for name, a in point.items()})
        self.last = time.perf_counter()

    def watching(self, callback: Callable[[Any], None] | None) -> Callable[[Any], None]:
        """The callback, which keeps the latest point where the last write is long enough ago."""

        from ..kernels.optimizers import checkpoint

        def seen(result: Any) -> None:
            if time.perf_counter() - self.last >= checkpoint.EVERY:
                self.save(self.instance.latest())
            if callback is not None:
                callback(result)

        return seen


def keeping(
    instance: Instance, point: Mapping[str, Any], options: Options
) -> tuple[KeptPoint | None, dict[str, Any], Options]:
    """The file if one is asked for, the point in it, which is then the start, and options that keep later ones."""
    if options.checkpoint is None:
        return None, dict(point), options
    kept = KeptPoint(options.checkpoint, instance)
    before = kept.load() or {}
    instance.start = {**instance.start, **before}
    return kept, {**point, **before}, replace(options, callback=kept.watching(options.callback))
