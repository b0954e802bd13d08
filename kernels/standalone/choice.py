"""Which way a solver file takes for a problem, and by what method: what `solve` would do, as far as a file can."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import ArgumentError, UnsupportedError
from ...node import size_symbols, variables
from ...problem import Problem
from ...solving.inside import numbers
from ...solving.posed import Posed
from ...solving.ways import EM
from ..optimizers import method

ON_SQUARES = ("levenberg-marquardt", "gauss-newton")


class Way(NamedTuple):
    """ "separable", "constrained", "cones", "mixture", "squares" or "free", and the name of the method.

    then  the method that goes on where it does not arrive
    """

    kind: str
    method: str
    then: str = ""


def way_of(problem: Problem, wanted: str | None) -> Way:
    """The way for a problem; `wanted` is the method that somebody asks for, by our name or SciPy's.

    Raises `ArgumentError` for a method that is not for such a problem, `UnsupportedError` where no file would do.
    """
    posed, asked = problem.posed, (wanted or "").lower()
    if posed.nuclear is not None and wanted is None:
        names = ", ".join(v.name for v in posed.nuclear.weights)
        raise UnsupportedError(
            f"no solver file finds matrices of low rank, which a weight on the nuclear norm of {names} asks for: "
            "use solve; or name a method, such as lbfgs, for optima of full rank"
        )
    if _suits_separable(problem, wanted):
        assert posed.composite is not None
        return Way("separable", posed.composite.method)
    if wanted is None and _is_over_cones(problem):
        return Way("cones", "interior-point")
    inside = wanted is None and _may_end_on_the_boundary(problem) and not _falls_with_kinks(posed)
    if asked in ("interior-point", "trust-constr", "slsqp") or inside:
        return Way("constrained", "interior-point")
    if posed.relations:
        raise ArgumentError(f"method {wanted} takes no constraints; leave the choice to the plan")
    if asked in EM:
        return Way("mixture", "lbfgs")
    name = method(wanted).name if wanted else None
    if name in ON_SQUARES or (name is None and posed.squares is not None):
        if posed.squares is None:
            raise ArgumentError(f"method {wanted} is for sums of squares in vectors")
        return Way("squares", name or ON_SQUARES[0])
    order = max(v.order for v in posed.unknowns)
    if (
        name is None
        and order > 1
        and posed.is_smooth
        and not any("symmetric" in v.facts for v in posed.unknowns)
    ):
        return Way("free", "lbfgs", "newton")
    few = order <= 1 and not posed.is_constrained  # kinks have no second derivative to go by
    return Way("free", name or ("newton" if few else "lbfgs"))


def _suits_separable(problem: Problem, wanted: str | None) -> bool:
    """Whether it is smooth plus weights on |x| and bounds, and of a kind whose loop needs no good start."""
    composite = problem.posed.composite
    asked = (wanted or "").lower() in ("coordinate-descent", "proximal-newton", "active-set")
    if composite is None or composite.structure.is_plain:
        if asked:
            raise ArgumentError(f"method {wanted} is for smooth objectives with weights on |x| and bounds")
        return False
    if wanted is not None:
        return asked
    return composite.quadratic or problem.convexity().status == "convex"


def _may_end_on_the_boundary(problem: Problem) -> bool:
    """Whether there are constraints, or the optimum of a convex problem may lie where facts end."""
    if problem.posed.is_constrained:
        return True
    inward = any(v.facts & {"simplex", "positive"} for v in problem.posed.unknowns)
    return inward and problem.convexity().status == "convex"


def _is_over_cones(problem: Problem) -> bool:
    """Whether it is a convex quadratic program but for norms of affine functions, whatever the data."""
    posed = problem.posed
    return posed.is_constrained and posed.cones is not None and problem.convexity().status == "convex"


def _falls_with_kinks(posed: Posed) -> bool:
    """Whether the objective falls with a kink whatever the data: then slack variables do not stand for it."""
    if posed.relations or not posed.is_constrained:
        return False
    for kink in posed.constrained.problem.kinks:
        if kink.slope is not None and not variables(kink.slope):
            sizes = {s.name: 2 for s in size_symbols(kink.slope)}
            if float(np.min(numbers([kink.slope], sizes)[0])) < 0.0:
                return True
    return False
