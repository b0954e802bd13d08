"""Kinks for which no slack stands, in a form that is taken to be smooth: whether a point lies at one of them.

Where it does, the interpreter's slope is that of one side, and the multipliers of other kinks, for which slacks do
stand, may take the place of what is missing: 0 is no sum of subgradients then, though the conditions hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from ..build import inner
from ..differentiate import gradients, substitute
from ..node import Node, ones, variable, variables
from ..smoothing import Smooth, bends_of
from .inside import numbers

#: Relative changes of the unknowns within which a kink may lie, and how many of them are looked at.
NEAR, LOOKS = 1e-7, 4
#: Slopes over the objective that no certificate would see; an unknown that vanishes moves by such a share of others.
UNSEEN, LEAST = 1e-6, 1e-3


@final
class LeftKinks:
    """Those of one problem: of each its operator, its argument, and the slopes of what it occurs in."""

    def __init__(self, problem: Smooth) -> None:
        self.objective, self.unknowns = problem.objective, problem.unknowns
        functions = (problem.objective, *problem.equalities, *problem.inequalities)
        self.parts: list[tuple[str, Node, list[Node]]] = []
        for atom, u in bends_of(functions, problem.unknowns):
            stand = variable("_kink", atom.shape)
            slopes = []
            for f in functions:
                held = substitute(f, {atom: stand})
                if stand in variables(held):
                    slope = gradients(inner(ones(f.shape), held), [stand])[0]
                    slopes.append(substitute(slope, {stand: atom}))
            self.parts.append((atom.op, u, slopes))

    def at(self, arrays: Mapping[str, Any], point: Mapping[str, Any]) -> tuple[str, ...]:
        """The operators of those at which a point lies, and whose slopes there matter."""
        if not self.parts:
            return ()
        here = {v.name: np.asarray(point[v.name], dtype=np.float64) for v in self.unknowns}
        largest = max(float(np.abs(a).max(initial=0.0)) for a in here.values())
        lengths = {name: np.maximum(np.abs(a), max(LEAST * largest, 1e-300)) for name, a in here.items()}
        arguments = [u for _, u, _ in self.parts]
        before = numbers(arguments, {**arrays, **here})
        size = max(1.0, abs(float(numbers([self.objective], {**arrays, **here})[0])))
        change = [np.zeros(np.shape(u)) for u in before]
        rng = np.random.default_rng(0)
        for _ in range(LOOKS):
            moved = {
                name: a + NEAR * lengths[name] * rng.choice([-1.0, 1.0], a.shape) for name, a in here.items()
            }
            after = numbers(arguments, {**arrays, **moved})
            change = [np.maximum(c, np.abs(b - a)) for c, a, b in zip(change, before, after, strict=True)]
        found = []
        for (name, _, slopes), u, c in zip(self.parts, before, change, strict=True):
            near = np.abs(u) <= c
            if near.any():
                bent = sum(np.abs(s) for s in numbers(slopes, {**arrays, **here}))
                if (np.broadcast_to(bent, np.shape(u)) * c / NEAR)[near].max() > UNSEEN * size:
                    found.append(name)
        return tuple(dict.fromkeys(found))
