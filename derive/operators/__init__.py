"""Operators as data. Importing this package fills the registry."""

from . import access, elementwise, linalg, masks, reductions, scalar  # noqa: F401  (they register themselves)
from .base import REGISTRY, Operator, apply, lookup, normal_axes, rebuild
from .elementwise import Elementwise

__all__ = ["REGISTRY", "Elementwise", "Operator", "apply", "lookup", "normal_axes", "rebuild"]
