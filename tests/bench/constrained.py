"""Convex problems under constraints that are no quadratic programs, for our solvers and for CVXPY with Clarabel.

Each is stated twice, in our language and for CVXPY, on data drawn here; the objective that judges both is the
interpreter's. CVXPY's problem is built once, as ours is prepared once. The unknown is x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import derive as dv

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Statement:
    """One problem in words, in our language, and for CVXPY: `reference(cp, x)` gives objective and conditions."""

    size: str
    length: int | tuple[int, ...]
    text: str
    conditions: list[str]
    data: dict[str, Any]
    reference: Callable[[Any, Any], tuple[Any, list[Any]]]
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kind: dict[str, bool] = field(default_factory=dict)  # of CVXPY's variable


def entropy(rng: np.random.Generator) -> Statement:
    A, p = rng.standard_normal((4, 40)), rng.random(40) + 0.05
    b = A @ (p / p.sum())
    return Statement(
        "40 weights, 4 moments", 40, "sum(x*log(x))", ["A @ x == b", "sum(x) == 1"], {"A": A, "b": b},
        lambda cp, x: (-cp.sum(cp.entr(x)), [A @ x == b, cp.sum(x) == 1]),
    )  # fmt: skip


def growth(rng: np.random.Generator) -> Statement:
    A = 0.1 * rng.standard_normal((100, 20)) + 0.05 * rng.random(20)
    S = np.cov(A.T)
    S, r = (S + S.T) / 2, float(1.5 * S.sum() / 400)
    return Statement(
        "20 assets, risk limit", 20, "-sum(log(1 + A @ x))", ["sum(x) == 1", "x >= 0", "x @ S @ x <= r"],
        {"A": A, "S": S, "r": r},
        lambda cp, x: (
            -cp.sum(cp.log(1 + A @ x)), [cp.sum(x) == 1, x >= 0, cp.quad_form(x, cp.psd_wrap(S)) <= r]
        ),
        {"S": ("psd",)},
    )  # fmt: skip


def ball(rng: np.random.Generator) -> Statement:
    A = rng.standard_normal((200, 10))
    b = np.sign(A @ rng.standard_normal(10) + 0.5 * rng.standard_normal(200))
    return Statement(
        "logistic, 200×10", 10, "sum(log(1 + exp(-b*(A @ x))))", ["sumsq(x) <= r"], {"A": A, "b": b, "r": 1.0},
        lambda cp, x: (cp.sum(cp.logistic(-cp.multiply(b, A @ x))), [cp.sum_squares(x) <= 1.0]),
    )  # fmt: skip


def geometric(rng: np.random.Generator) -> Statement:
    A, B = rng.standard_normal((2, 8, 6))
    b, c = rng.standard_normal(8), rng.standard_normal(8) - 4.0
    return Statement(
        "6 unknowns, 8 monomials", 6, "logsumexp(A @ x + b)", ["logsumexp(B @ x + c) <= 0", "x <= 3", "x >= -3"],
        {"A": A, "B": B, "b": b, "c": c},
        lambda cp, x: (cp.log_sum_exp(A @ x + b), [cp.log_sum_exp(B @ x + c) <= 0, x <= 3, x >= -3]),
    )  # fmt: skip


def balls(rng: np.random.Generator) -> Statement:
    A, B, b = rng.standard_normal((60, 8)), rng.standard_normal((4, 8)), 3.0 * rng.standard_normal(60)
    return Statement(
        "squares, 60×8, two norms", 8, "sumsq(A @ x - b)/2", ["norm(x) <= r", "norm(B @ x) <= r"],
        {"A": A, "b": b, "B": B, "r": 0.5},
        lambda cp, x: (cp.sum_squares(A @ x - b) / 2, [cp.norm(x) <= 0.5, cp.norm(B @ x) <= 0.5]),
    )  # fmt: skip


def root(rng: np.random.Generator) -> Statement:
    A, b = rng.standard_normal((60, 8)), rng.standard_normal(60)
    return Statement(
        "norm of residuals, 60×8", 8, "norm(A @ x - b) + r*norm(x, 1)", [], {"A": A, "b": b, "r": 0.8},
        lambda cp, x: (cp.norm(A @ x - b) + 0.8 * cp.norm1(x), []), {"r": ("positive",)},
    )  # fmt: skip


def cut(rng: np.random.Generator) -> Statement:
    """Goemans and Williamson's relaxation of a maximum cut."""
    A = np.triu(rng.random((25, 25)) * (rng.random((25, 25)) < 0.4), 1)
    A = A + A.T
    return Statement(
        "25 nodes", (25, 25), "tr(A @ x)", ["diag(x) == 1"], {"A": A},
        lambda cp, x: (cp.trace(A @ x), [cp.diag(x) == 1]), {"x": ("psd",), "A": ("symmetric",)}, {"PSD": True},
    )  # fmt: skip


def correlation(rng: np.random.Generator) -> Statement:
    """The nearest correlation matrix (Higham 2002)."""
    A = rng.standard_normal((40, 40))
    A = (A + A.T) / 2
    return Statement(
        "40 × 40", (40, 40), "sumsq(x - A)/2", ["diag(x) == 1"], {"A": A},
        lambda cp, x: (cp.sum_squares(x - A) / 2, [cp.diag(x) == 1]), {"x": ("psd",)}, {"PSD": True},
    )  # fmt: skip


PROBLEMS = {f.__name__: f for f in (entropy, growth, ball, geometric, balls, root, cut, correlation)}


def runs(made: Statement) -> tuple[str, Callable[[Array], float], dict[str, Callable[[], Any]], Any]:
    """The size in words, the objective, our ways to solve it, and what builds the problem for CVXPY."""
    shapes = {k: np.shape(a) for k, a in made.data.items()} | {"x": np.empty(made.length).shape}
    lengths = {size: f"n{size}" for shape in shapes.values() for size in shape}  # equal sizes have one name
    problem = dv.minimize(
        made.text,
        over="x",
        subject_to=made.conditions,
        variables={k: tuple(lengths[size] for size in shape) for k, shape in shapes.items()},
        facts=made.facts,
    )
    fast = problem.prepare(made.data)
    wanted = {k: v for k, v in made.data.items() if k in made.text}

    def objective(x: Array) -> float:
        return float(problem.objective.evaluate({**wanted, "x": x}))

    def build(cp: Any) -> tuple[Any, Any]:
        x = cp.Variable(made.length, **made.kind)
        goal, conditions = made.reference(cp, x)
        return cp.Problem(cp.Minimize(goal), conditions), x

    ours = {
        "derive, prepared": lambda: fast()["x"],
        "derive, solve + certificate": lambda: problem.solve(made.data)["x"],
    }
    return made.size, objective, ours, build
