"""Rays of positive semidefinite matrices along which an objective falls through all powers of ten.

A likelihood of Gaussians without a penalty rises without end where the covariance of the data is singular: from the
identity I along vvᵀ, v an eigenvector of the slope far out. Runs end there among numbers that say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..differentiate import gradients
from .inside import numbers

if TYPE_CHECKING:
    from .placed import Placed

#: How far out the slope is looked at; where the objective is, step by step; eigenvectors that are tried.
FAR, STEPS, TRIED = 1e6, 10.0 ** np.arange(0, 13, 2), 3


def falls_on_a_ray(placed: Placed, found: Mapping[str, Any]) -> bool:
    """Whether there is such a ray in one of the unknowns, the others being as found."""
    derived = placed.derived
    for v in derived.wanted:
        if not v.facts & {"psd", "pd"} or v.order != 2:
            continue
        one = np.eye(len(found[v.name]))
        far = {**placed.arrays, **found, v.name: FAR * one}
        try:
            (slope,) = numbers(gradients(derived.original, [v]), far)
            ways = np.linalg.eigh((slope + slope.T) / 2)[1].T[:TRIED]
            for way in ways:
                values = [placed.value({**found, v.name: one + t * np.outer(way, way)}) for t in STEPS]
                if (np.diff(values) < -1e-9 * np.abs(values[:-1])).all():
                    return True
        except (ValueError, np.linalg.LinAlgError):
            continue
    return False


__all__ = ["falls_on_a_ray"]
