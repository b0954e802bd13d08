"""Operators as data. Importing this package fills the registry."""

from . import (  # noqa: F401  (they register themselves)
    access,
    cholesky,
    cumulative,
    functions,
    gather,
    linalg,
    masks,
    reductions,
    scalar,
    singular,
    sylvester,
    windows,
)
from .base import (
    REGISTRY,
    Operator,
    Option,
    apply,
    is_linear,
    lookup,
    normal_axes,
    on_register,
    rebuild,
    register,
    rewritten,
    spelled_out,
)
from .elementwise import Elementwise

__all__ = [
    "REGISTRY",
    "Elementwise",
    "Operator",
    "Option",
    "apply",
    "is_linear",
    "lookup",
    "normal_axes",
    "on_register",
    "rebuild",
    "register",
    "rewritten",
    "spelled_out",
]
