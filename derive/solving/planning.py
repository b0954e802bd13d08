"""What would be chosen for these sizes, or data, and why: the order of `route`, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..sizes import Binding
from .closed import suits
from .composite import LARGEST
from .instance import Instance
from .posed import Posed
from .reduced import shared_size
from .ways import steps_before_newton, why_closed_form, why_quasi_newton


def plan(posed: Posed, given: Mapping[str, Any]) -> Any:
    """The method that would be chosen for these sizes, or data, and why; with the facts that are known."""
    known = {v.name: v for v in posed.given}
    for name in given:
        if name not in {*known, *(v.name for v in posed.idle)} and name not in {
            s.name for s in posed.symbols
        }:
            raise ArgumentError(f"{name} is neither a size nor data of this problem")
    instance = Instance(posed, given, {}) if all(name in given for name in known) else None
    chosen = _planned(posed, instance, given)
    return replace(chosen, notes=lambda: _notes(posed, instance))


def _notes(posed: Posed, instance: Instance | None) -> list[str]:
    """What is proved of the problem, and the constants on data."""
    facts = posed.facts if instance is None else instance.facts
    left = _kinks_left(posed)
    if not facts.is_convex:
        return left
    kind = "concave" if posed.sign < 0.0 else "convex"
    if facts.posed.signs:
        kind += f" for {facts.posed.signs}"
    found = [*left, f"  proved {kind}: every certified answer is a global optimum"]
    if instance is None:
        assert facts.convexity is not None
        for _, sign, bound in facts.convexity.inequalities():
            which = "strong convexity: Hessian" if sign == ">=" else "smoothness: Hessian"
            found.append(f"  {which} {sign} {bound}")
        return found
    constants = instance.constants
    found += constants.lines()
    if constants.condition is not None:
        found.append(f"  condition            {constants.condition:.4g}   (L/μ)")
    return found


def _kinks_left(posed: Posed) -> list[str]:
    """What no method here splits off or smooths by slack variables, in words."""
    split = posed.composite is not None and not posed.composite.structure.is_plain
    if split or posed.is_constrained or posed.nuclear is not None or posed.grouped is not None:
        return []
    if posed.is_smooth:
        return []
    return [
        f"  kinks of {' and '.join(posed.kinked)} stay as they are: descent goes on between them and along them, to a "
        "local minimum"
    ]


def _planned(posed: Posed, instance: Instance | None, given: Mapping[str, Any]) -> Any:
    from ..kernels.plan import Plan, choose

    if suits(posed) and (forms := posed.facts.closed_forms) is not None:
        return Plan("closed-form", why_closed_form(forms))
    if instance is not None:
        binding = instance.binding
    else:
        binding = Binding({s: int(given[s.name]) for s in posed.symbols if s.name in given})
        for v in posed.given:
            if v.name in given:
                binding.learn(v.name, v.shape, np.shape(given[v.name]))
    shapes = [binding.shape(v.shape) for v in posed.unknowns]
    amount = _count([binding.shape(v.shape) for v in posed.given])
    facts = posed.facts if instance is None else instance.facts
    if steps_before_newton(posed, binding, facts):
        if facts.is_convex:
            return why_quasi_newton(shapes, amount)
        return choose(_count(shapes), max(v.order for v in posed.unknowns))
    if posed.nuclear is not None:
        return Plan("proximal-gradient", posed.nuclear.describe())
    composite = posed.composite
    if composite is not None and not composite.structure.is_plain and shared_size(posed, binding, facts):
        return Plan(composite.method, f"{composite.describe()}, on working sets")
    if composite is not None:
        few = _count(shapes) <= LARGEST
        if few and (posed.squares is None or not composite.structure.is_plain):
            return Plan(composite.method, composite.describe())
        if not composite.structure.is_plain:
            return Plan("fista", "weights on |x| or bounds, and too many unknowns for a Hessian")
    if posed.grouped is not None:
        return Plan("proximal-gradient", posed.grouped.describe())
    if posed.is_constrained:
        return Plan("interior-point", (posed.cones or posed.constrained).describe())
    if posed.squares is not None and posed.squares.fits(binding):
        return Plan("levenberg-marquardt", posed.squares.describe())
    return choose(_count(shapes), max(v.order for v in posed.unknowns))


def _count(shapes: Any) -> int:
    return sum(int(np.prod(s, dtype=np.int64)) for s in shapes)
