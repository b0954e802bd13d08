"""Dicts, lists and tuples of arrays as one vector, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..domains import Array
from ..errors import ArgumentError


@dataclass(frozen=True)
class Structure:
    """The arrays of a nested structure, in order: where each stands, and its shape."""

    example: Any
    leaves: tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...]

    def flat(self, x: Any) -> Array:
        """All the entries as one vector. Raises `ArgumentError` where x is of another structure."""
        parts = []
        for path, shape in self.leaves:
            try:
                part = x
                for key in path:
                    part = part[key]
                array = np.asarray(part)
            except (KeyError, IndexError, TypeError):
                raise ArgumentError(f"there is no part {_shown(path)}") from None
            if array.shape != shape:
                raise ArgumentError(f"part {_shown(path)} has shape {array.shape}, the point's has {shape}")
            parts.append(array.ravel())
        return np.concatenate([p.astype(float) for p in parts]) if parts else np.zeros(0)

    def like(self, vector: Array) -> Any:
        """The structure with these entries."""
        pieces, at = {}, 0
        for path, shape in self.leaves:
            size = int(np.prod(shape))
            pieces[path] = vector[at : at + size].reshape(shape).copy()
            at += size
        return _filled(self.example, (), pieces)

    def path(self, index: int) -> tuple[Any, ...]:
        """Where an entry of the vector stands: keys, then the index within the array."""
        for path, shape in self.leaves:
            size = int(np.prod(shape))
            if index < size:
                return (*path, *(int(i) for i in np.unravel_index(index, shape)))
            index -= size
        raise ArgumentError(f"there is no entry {index}")


def structure(x: Any) -> Structure | None:
    """The structure of a dict, list or tuple that holds arrays; None for an array, a number, a list of numbers."""
    if not isinstance(x, Mapping) and not (isinstance(x, list | tuple) and any(_nested(v) for v in x)):
        return None
    leaves: list[tuple[tuple[Any, ...], tuple[int, ...]]] = []
    _collect(x, (), leaves)
    return Structure(x, tuple(leaves))


def _nested(x: Any) -> bool:
    return isinstance(x, Mapping | np.ndarray) or (isinstance(x, list | tuple) and any(_nested(v) for v in x))


def _parts(x: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(x, Mapping):
        return list(x.items())
    return list(enumerate(x)) if isinstance(x, list | tuple) else None


def _collect(x: Any, path: tuple[Any, ...], leaves: list[tuple[tuple[Any, ...], tuple[int, ...]]]) -> None:
    parts = _parts(x)
    if parts is None:
        leaves.append((path, np.asarray(x, dtype=float).shape))
    for key, inner in parts or ():
        _collect(inner, (*path, key), leaves)


def _filled(x: Any, path: tuple[Any, ...], pieces: Mapping[tuple[Any, ...], Array]) -> Any:
    parts = _parts(x)
    if parts is None:
        piece = pieces[path]
        return piece if piece.ndim else piece[()]
    made = [(key, _filled(inner, (*path, key), pieces)) for key, inner in parts]
    if isinstance(x, Mapping):
        return dict(made)
    values = [value for _, value in made]
    if isinstance(x, tuple):
        return type(x)(*values) if hasattr(x, "_fields") else tuple(values)
    return values


def _shown(path: tuple[Any, ...]) -> str:
    return "".join(f"[{key!r}]" for key in path)


__all__ = ["Structure", "structure"]
