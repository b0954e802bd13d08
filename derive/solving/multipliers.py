"""Multipliers between a solver's flat vectors and the arrays of the conditions that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

#: Of equalities and inequalities: the shape of each by its number.
Shapes = Mapping[str, Mapping[int, tuple[int, ...]]]


def duals(answer: Any, shapes: Shapes) -> dict[str, list[Any]]:
    """ν and λ of an answer, one array for each condition."""
    found: dict[str, list[Any]] = {}
    for kind, flat in (("equality", answer.nu), ("inequality", answer.lam)):
        ends = np.cumsum([int(np.prod(s)) for s in shapes[kind].values()])[:-1]
        parts = np.split(flat, ends) if shapes[kind] else []
        found[kind] = [p.reshape(s) for p, s in zip(parts, shapes[kind].values(), strict=True)]
    return found


def cone_duals(layout: Any, cone: Any, names: Collection[str]) -> dict[str, list[Any]]:
    """Λ of each positive semidefinite unknown; nothing where there is none."""
    return {} if cone is None else {"psd": [layout.unpack(cone)[name] for name in sorted(names)]}


def kept(z: Any, shapes: Shapes) -> Any:
    """The answer of a run that was stopped from outside: its latest point, without multipliers."""
    from ..kernels.optimizers import interior_point as ip

    count = {k: sum(int(np.prod(s)) for s in v.values()) for k, v in shapes.items()}
    return ip.Answer(z, np.zeros(count["equality"]), np.zeros(count["inequality"]), ip.STOPPED, 0)
