"""Multipliers between a solver's flat vectors and the arrays of the conditions that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

#: Of equalities and inequalities: the shape of each by its number.
Shapes = Mapping[str, Mapping[int, tuple[int, ...]]]
#: A share of what pulls at unknowns that may be rounding.
ROUNDING = 1e-8


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
    return {} if cone is None or not names else {"psd": [layout.unpack(cone)[name] for name in sorted(names)]}


def cleared(functions: Any, answer: Any) -> Any:
    """The answer with multipliers of exactly 0 where they hardly press.

    What rounding presses has no size of its own: where nothing else does, no residual beside it would be small.
    """
    v, h = functions.values(answer.z), functions.hessian(answer.z, answer.nu, answer.lam)
    pulls = abs(h) @ np.abs(answer.z) + np.abs(v.g) + abs(v.E).T @ np.abs(answer.nu)
    presses = answer.lam
    if answer.lam.size:
        largest = abs(v.C).max(axis=1)
        largest = largest if isinstance(largest, np.ndarray) else np.ravel(largest.toarray())
        presses = largest * np.abs(answer.lam)
    least = ROUNDING * float(pulls.max(initial=0.0)) or np.inf
    return replace(answer, lam=np.where((v.c > 0.0) & (presses < least), 0.0, answer.lam))


def kept(z: Any, shapes: Shapes, iterations: int) -> Any:
    """The answer of a run that was stopped from outside: its latest point, without multipliers."""
    from ..kernels.optimizers import interior_point as ip

    count = {k: sum(int(np.prod(s)) for s in v.values()) for k, v in shapes.items()}
    return ip.Answer(z, np.zeros(count["equality"]), np.zeros(count["inequality"]), ip.STOPPED, iterations)
