"""The models that ship with the project, one short file each."""

from __future__ import annotations

import difflib

from ..errors import ArgumentError
from . import gaussian_mixture, least_squares, logistic, mlp, pca, ridge
from .model import Model

REGISTRY: dict[str, Model] = {
    m.MODEL.name: m.MODEL for m in (least_squares, ridge, logistic, gaussian_mixture, mlp, pca)
}


def get(name: str) -> Model:
    """The model of that name."""
    if name in REGISTRY:
        return REGISTRY[name]
    close = difflib.get_close_matches(name, REGISTRY, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ArgumentError(f"no model is called {name!r}{hint}; there are {', '.join(REGISTRY)}")


__all__ = ["REGISTRY", "Model", "get"]
