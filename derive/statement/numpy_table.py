"""The table of NumPy's functions on nodes, by name; the modules of NumPy's functions fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..build import number
from ..node import Node
from ..sizes import as_coefficient
from .functions import FUNCTIONS

Meaning = Callable[..., Any]
F = TypeVar("F", bound=Meaning)

#: Functions of `numpy` and of `numpy.linalg`, with NumPy's own parameters.
NUMPY: dict[str, Meaning] = {}
LINALG: dict[str, Meaning] = {}


def as_node(value: Any) -> Node:
    """A node, or a number as a constant."""
    return value if isinstance(value, Node) else number(as_coefficient(value))


def call(name: str, *args: Any, **settings: Any) -> Node:
    """A function of the language; settings that are None are left to their defaults."""
    return FUNCTIONS[name](*args, **{k: v for k, v in settings.items() if v is not None})


def numpy_function(*names: str) -> Callable[[F], F]:
    def record(meaning: F) -> F:
        for name in names or (meaning.__name__.strip("_"),):
            NUMPY[name] = meaning
        return meaning

    return record


def linalg_function(*names: str) -> Callable[[F], F]:
    def record(meaning: F) -> F:
        for name in names or (meaning.__name__.strip("_"),):
            LINALG[name] = meaning
        return meaning

    return record
