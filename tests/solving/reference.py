"""The optima of `cases` by CVXPY (Clarabel at 1e-12 where it gets there), into tests/data/optima.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .cases import CASES, DECLARED, Case, data

TARGET = Path(__file__).parent.parent / "data" / "optima.json"


def shape_of(c: Case) -> tuple[int, ...]:
    """The unknown's shape."""
    sizes = {"n": c.n, "d": c.d, "m": 2}
    return tuple(sizes.get(s, s) for s in DECLARED[c.unknown])


def optimum(c: Case) -> float:
    """The optimal value."""
    import cvxpy as cp

    square = c.facts.get(c.unknown, ()) and "pd" in c.facts[c.unknown]
    unknown = cp.Variable(shape_of(c), **({"PSD": True} if square else {}))
    scope: dict[str, Any] = {**data(c), c.unknown: unknown, "cp": cp, "np": np, "n": c.n, "d": c.d}
    goal = (cp.Minimize if c.sense == "min" else cp.Maximize)(eval(c.reference, scope))
    problem = cp.Problem(goal, [eval(each, scope) for each in c.limits])
    fine = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
    problem.solve(solver="CLARABEL", **fine)
    return float(problem.value)


if __name__ == "__main__":
    found = {c.name: optimum(c) for c in CASES}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
