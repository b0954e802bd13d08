"""What a symbolic array can be asked as a NumPy array can: `a.sum(axis=0)`, `a.reshape(…)`, `a.mT`, `len(a)`.

Every method has the meaning of NumPy's function of its name; there is no arithmetic here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import sympy

from .sizes import Shape, product


class ArrayMethods(ABC):
    """The methods, over two things that a symbolic array gives: its shape, and NumPy's functions on it."""

    __slots__ = ()

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """The symbolic sizes of the axes."""

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @abstractmethod
    def _method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """NumPy's function of that name, applied to this array."""

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum of the entries, along axes if given."""
        return self._method("sum", axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean of the entries, along axes if given."""
        return self._method("mean", axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest entry, along axes if given."""
        return self._method("max", axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest entry, along axes if given."""
        return self._method("min", axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The variance, along axes if given."""
        return self._method("var", axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        """The standard deviation, along axes if given."""
        return self._method("std", axis=axis, ddof=ddof, keepdims=keepdims)

    def dot(self, other: Any) -> Any:
        """`np.dot(self, other)`."""
        return self._method("dot", other)

    def trace(self) -> Any:
        """The sum of the diagonal of the first two axes."""
        return self._method("trace")

    def diagonal(self) -> Any:
        """The diagonal of the first two axes."""
        return self._method("diagonal")

    def reshape(self, *shape: Any) -> Any:
        """The entries in row-major order under another shape; -1 stands for what is left."""
        return self._method("reshape", shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """All entries in one row."""
        return self._method("ravel")

    flatten = ravel

    def transpose(self, *axes: Any) -> Any:
        """Axes permuted, reversed by default."""
        return self._method(
            "transpose", (axes[0] if isinstance(axes[0], tuple | list) else axes) if axes else None
        )

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return self._method("swapaxes", axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """Without axes of size 1."""
        return self._method("squeeze", axis)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """Not below `min`, not above `max`."""
        return self._method("clip", min, max)

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return self._method("swapaxes", -1, -2)

    @property
    def size(self) -> sympy.Expr:
        """The number of entries."""
        return product(self.shape)

    def __len__(self) -> int:
        if self.ndim and self.shape[0].is_Integer:
            return int(self.shape[0])
        if self.ndim:
            raise TypeError(f"len({self}) is the symbol {self.shape[0]}; write {self}.shape[0]")
        raise TypeError(f"{self} is a scalar and has no length")
