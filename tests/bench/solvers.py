"""Solvers against the specialists, to the same optimum.

Two rows are ours: the prepared solver (`Problem.prepare`: data bound and checked, then compiled code from data to
minimiser), and the whole call of `Problem.solve`, with its checks and its certificate by the interpreter. Everybody's
answer is judged by one objective in NumPy; who is further than 1e-8 from the best one is shown as not solved. Runs
are interleaved, times are medians of processor time, on one thread where `OMP_NUM_THREADS=1` says so. A peer that is
not installed is left out.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import derive as dv

from . import constrained, programs
from . import solver_peers as peers
from .table import Table

Array = np.ndarray[Any, Any]
Run = Callable[[], Any]  # solves, and returns the minimiser


@dataclass
class Case:
    """One problem on data: the objective in NumPy, and who solves it."""

    name: str
    size: str
    objective: Callable[[Array], float]
    runs: dict[str, Run]


SHAPES = {"X": ("n", "d"), "y": ("n",), "t": ("n",), "w": ("d",), "a": ("n",), "lam": (), "C": ()}


def ours(text: str, over: str, conditions: list[str], tolerance: float = 1e-9, **data: Any) -> dict[str, Run]:
    """The prepared solver and the whole call. The tolerance is on what a step promises, as everybody's is loosened to
    what 1e-8 in the objective takes; `solve` goes on until its certificate holds.
    """
    words = " ".join([text, *conditions])
    shapes = {k: v for k, v in SHAPES.items() if k in data or k == over}
    assert all(k in words for k in shapes), words
    problem = dv.minimize(text, over=over, subject_to=conditions, variables=shapes)
    fast = problem.prepare(**data)
    return {
        "derive, prepared": lambda: fast(tolerance=tolerance)[over],
        "derive, solve + certificate": lambda: problem.solve(**data)[over],
    }


def regression(n: int, d: int, condition: float = 1.0) -> tuple[Array, Array, Array]:
    """Features (correlated, with that condition number), a response, its sign."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    if condition > 1.0:
        turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
        X = np.ascontiguousarray(X @ (np.geomspace(1.0, 1.0 / condition, d)[:, None] * turn))
    y = X @ rng.standard_normal(d) / np.sqrt(d) * (1.0 if condition == 1.0 else 3.0) + rng.standard_normal(n)
    return X, y, np.where(y > 0, 1.0, -1.0)


def logistic(n: int, d: int, condition: float = 1.0) -> Case:
    """Σ log(1 + exp(−tᵢ xᵢᵀw)) + ½λ‖w‖²"""
    X, _, t = regression(n, d, condition)
    lam = 1.0 if condition == 1.0 else 1e-3

    def objective(w: Array) -> float:
        return float(np.logaddexp(0.0, -t * (X @ w)).sum() + lam / 2 * w @ w)

    aim = 1e-4 if n < 1000 else 2e-9
    runs = ours("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", "w", [], aim, X=X, t=t, lam=lam)
    name = "ridge-logistic" + ("" if condition == 1.0 else f", condition {condition:.0e}")
    return Case(name, f"{n}×{d}", objective, runs | peers.logistic(X, t, lam, objective))


def lasso(n: int, d: int, ratio: float = 1.0) -> Case:
    """½‖Xw − y‖² + λ‖w‖₁"""
    X, y, _ = regression(n, d)
    lam = 0.05 * float(np.abs(X.T @ y).max())

    def objective(w: Array) -> float:
        return float(np.sum((X @ w - y) ** 2) / 2 + lam * np.abs(w).sum())

    runs = ours("sumsq(X @ w - y)/2 + lam*norm(w, 1)", "w", [], X=X, y=y, lam=lam)
    return Case("lasso", f"{n}×{d}", objective, runs | peers.lasso(X, y, lam))


def path(n: int, d: int, ratio: float = 1.0) -> Case:
    """One hundred values of λ from the largest that matters down to its thousandth: the sum of all objectives."""
    X, y, _ = regression(n, d)
    lams = float(np.abs(X.T @ y).max()) / ratio * np.geomspace(1.0, 1e-3, 100)

    def objective(w: Array) -> float:
        fits = ((X @ w.T - y[:, None]) ** 2).sum(axis=0) / 2
        return float(
            (fits + lams * (ratio * np.abs(w).sum(axis=1) + (1 - ratio) / 2 * (w**2).sum(axis=1))).sum()
        )

    text = f"sumsq(X @ w - y)/2 + lam*({ratio}*norm(w, 1) + {1 - ratio}/2*sumsq(w))"
    shapes = {k: SHAPES[k] for k in ("X", "y", "lam", "w")}
    fast = dv.minimize(text, over="w", variables=shapes).prepare(X=X, y=y, lam=float(lams[0]))
    runs: dict[str, Run] = {"derive, prepared": lambda: fast.path("lam", lams)["w"]}
    name = "lasso path" if ratio == 1.0 else "elastic-net path"
    return Case(name, f"{n}×{d}", objective, runs | peers.path(X, y, lams, ratio))


def nonnegative(n: int, d: int) -> Case:
    """½‖Xw − y‖², w ≥ 0"""
    rng = np.random.default_rng(0)
    X = np.abs(rng.standard_normal((n, d)))
    y = X @ np.maximum(rng.standard_normal(d), 0) + rng.standard_normal(n)

    def objective(w: Array) -> float:
        return float(np.sum((X @ np.maximum(w, 0) - y) ** 2) / 2)

    runs = ours("sumsq(X @ w - y)/2", "w", ["w >= 0"], X=X, y=y)
    return Case("NNLS", f"{n}×{d}", objective, runs | peers.nonnegative(X, y))


def support_vectors(n: int, d: int) -> Case:
    """½‖Σ aᵢtᵢxᵢ‖² − Σ aᵢ, 0 ≤ a ≤ C; judged by the primal objective of w = Σ aᵢtᵢxᵢ."""
    X, _, t = regression(n, d)
    C = 0.1

    def objective(w: Array) -> float:
        w = X.T @ (w * t) if w.size == n else w
        return float(w @ w / 2 + C * np.maximum(0, 1 - t * (X @ w)).sum())

    runs = ours("sumsq(X.T @ (a*t))/2 - sum(a)", "a", ["a >= 0", "a <= C"], X=X, t=t, C=C)
    return Case("SVM dual", f"{n}×{d}", objective, runs | peers.support_vectors(X, t, C))


def softmax(n: int, d: int, k: int) -> Case:
    """Σ logsumexp(xᵢᵀW) − ⟨Y, XW⟩ + ½λ‖W‖²: many unknowns"""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    labels = np.argmax(X @ rng.standard_normal((d, k)) + 2 * rng.standard_normal((n, k)), axis=1)
    text = "sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam/2*sumsq(W)"
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}
    problem = dv.minimize(text, over="W", variables=shapes, facts={"lam": ("positive",)})
    data = {"X": X, "Y": np.eye(k)[labels], "lam": 1.0}

    def objective(W: Array) -> float:
        return float(problem.objective.evaluate({**data, "W": W.reshape(d, k)}))

    runs: dict[str, Run] = {"derive, solve + certificate": lambda: problem.solve(data)["W"]}
    return Case("softmax regression", f"{n}×{d}→{k}", objective, runs | peers.softmax(X, labels, 1.0))


def groups(n: int, count: int, size: int) -> Case:
    """½‖Σ XₘWₘ − y‖² + λ Σ_g ‖w_g‖₂"""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, count, size))
    y = np.einsum("igm,gm->i", X[:, :8], rng.standard_normal((8, size))) + rng.standard_normal(n)
    lam = 0.1 * float(np.linalg.norm(np.einsum("igm,i->gm", X, y), axis=1).max())
    text = 'sumsq(einsum("igm,gm->i", X, W) - y)/2 + lam*sum(sqrt(sum(W**2, axis=1)))'
    shapes = {"X": ("n", "g", "m"), "y": ("n",), "W": ("g", "m"), "lam": ()}
    problem = dv.minimize(text, over="W", variables=shapes, facts={"lam": ("positive",)})

    def objective(W: Array) -> float:
        W = W.reshape(count, size)
        fit = np.einsum("igm,gm->i", X, W) - y
        return float(fit @ fit / 2 + lam * np.linalg.norm(W, axis=1).sum())

    runs: dict[str, Run] = {"derive, solve + certificate": lambda: problem.solve(X=X, y=y, lam=lam)["W"]}
    return Case("group lasso", f"{n}, {count} of {size}", objective, runs | peers.groups(X, y, lam))


def tasks(n: int, d: int, k: int) -> Case:
    """½‖XW − Y‖² + λ Σ_j ‖W_j‖₂: the rows of W are the groups"""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    Y = X[:, :8] @ rng.standard_normal((8, k)) + rng.standard_normal((n, k))
    lam = 0.1 * float(np.linalg.norm(X.T @ Y, axis=1).max())
    text = "sumsq(X @ W - Y)/2 + lam*sum(sqrt(sum(W**2, axis=1)))"
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}
    problem = dv.minimize(text, over="W", variables=shapes, facts={"lam": ("positive",)})

    def objective(W: Array) -> float:
        return float(np.sum((X @ W - Y) ** 2) / 2 + lam * np.linalg.norm(W, axis=1).sum())

    runs: dict[str, Run] = {"derive, solve + certificate": lambda: problem.solve(X=X, Y=Y, lam=lam)["W"]}
    return Case("multi-task lasso", f"{n}×{d}→{k}", objective, runs | peers.tasks(X, Y, lam))


def program(name: str, n: int, d: int) -> Case:
    """Programs: a fit on the simplex, a portfolio, the SVM dual with intercept, and ones of kinks or many rows."""
    X, y, t = regression(n, d)
    b, c = (
        1.0 + np.abs(y),
        X.T @ np.abs(np.sin(np.arange(n))),
    )  # w = 0 is inside, and the linear program is bounded
    Q = np.cov(X, rowvar=False)
    K = X @ X.T + 0.5 * np.eye(n) if name == "svm" else np.eye(1)
    mu = 0.1 * np.abs(X).mean(axis=0)
    shapes = {**SHAPES, "Q": ("d", "d"), "K": ("n", "n"), "mu": ("d",), "b": ("n",), "c": ("d",)}
    data = {"X": X, "y": y, "t": t, "Q": Q, "K": K, "mu": mu, "C": 0.1, "b": b, "c": c}
    simplex = ["w >= 0", "sum(w) == 1"]
    over, text, conditions, facts = {
        "simplex": ("w", "sumsq(X @ w - y)/2", simplex, {}),
        "portfolio": ("w", "dot(w, Q @ w) - dot(mu, w)", simplex, {"Q": ("psd",)}),
        "svm": (
            "a",
            "dot(a*t, K @ (a*t))/2 - sum(a)",
            ["a >= 0", "a <= C", "dot(a, t) == 0"],
            {"K": ("psd",)},
        ),
        "absolute": ("w", "sum(abs(X @ w - y)) + sumsq(w)/2", [], {}),
        "quantile": ("w", "sum(maximum(0.3*(y - X @ w), -0.7*(y - X @ w)))", [], {}),
        "hinge": ("w", "sum(maximum(0, 1 - t*(X @ w))) + sumsq(w)/2", [], {}),
        "linear": ("w", "-dot(c, w)", ["X @ w <= b"], {}),
    }[name]
    words = (
        " ".join([text, *conditions])
        .replace("(", " ")
        .replace("*", " ")
        .replace(")", " ")
        .replace(",", " ")
        .split()
    )
    given = {k: v for k, v in data.items() if k in words}
    problem = dv.minimize(
        text,
        over=over,
        subject_to=conditions,
        variables={k: shapes[k] for k in [*given, over]},
        facts=facts,
    )
    fast = problem.prepare(given)

    def objective(x: Array) -> float:
        return float(problem.objective.evaluate({**given, over: x}))

    runs: dict[str, Run] = {
        "derive, prepared": lambda: fast()[over],
        "derive, solve + certificate": lambda: problem.solve(given)[over],
    }
    return Case(f"program: {name}", f"{n}×{d}", objective, runs | peers.program(name, data))


def conditioned(kind: str, name: str, make: Any, solvers: tuple[str, ...]) -> Case:
    """Under constraints, stated for CVXPY as well."""
    size, objective, runs, build = constrained.runs(make(np.random.default_rng(0)))
    return Case(f"{kind}: {name}", size, objective, runs | peers.cvxpy(build, solvers))


def mixture(n: int, d: int, k: int = 5, iterations: int = 20) -> Case:
    """The same number of iterations of EM from the same start: full covariances, judged by the likelihood."""
    from derive.models.gaussian_mixture import MODEL

    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) + 3 * rng.standard_normal((k, d))[rng.integers(0, k, n)]
    start = {"pi_": np.full(k, 1 / k), "mu": X[rng.permutation(n)[:k]], "Sigma": np.stack([np.eye(d)] * k)}
    problem = dv.minimize(
        MODEL.statement, over=list(MODEL.unknowns), variables=MODEL.variables, facts=MODEL.facts
    )
    fast = problem.prepare(X=X, start=start, method="em")
    sizes = [(k,), (k, d), (k, d, d)]

    def flat(point: dict[str, Array]) -> Array:
        return np.concatenate([np.ravel(point[name]) for name in ("pi_", "mu", "Sigma")])

    def objective(x: Array) -> float:
        parts = np.split(x, np.cumsum([int(np.prod(s)) for s in sizes])[:-1])
        pi_, mu, Sigma = (p.reshape(s) for p, s in zip(parts, sizes, strict=True))
        return float(problem.objective.evaluate(X=X, pi_=pi_, mu=mu, Sigma=Sigma))

    runs: dict[str, Run] = {"derive, prepared": lambda: flat(fast(iterations=iterations, tolerance=-1.0))}
    return Case("Gaussian mixture, EM", f"{n}×{d}", objective, runs | peers.mixture(X, start, iterations))


CASES: dict[str, tuple[Callable[[], Case], bool]] = {
    "logistic-small": (lambda: logistic(200, 10), True),
    "lasso-small": (lambda: lasso(200, 10), True),
    "nnls-small": (lambda: nonnegative(200, 10), True),
    "svm-small": (lambda: support_vectors(200, 10), True),
    "lasso-path-small": (lambda: path(200, 10), True),
    "program-simplex": (lambda: program("simplex", 200, 10), True),
    "program-portfolio": (lambda: program("portfolio", 200, 10), True),
    "program-svm": (lambda: program("svm", 100, 10), True),
    "program-absolute": (lambda: program("absolute", 100, 10), True),
    **{
        f"constraints-{name}": (lambda n=name, f=f: conditioned("constraints", n, f, ("CLARABEL",)), True)
        for name, f in constrained.PROBLEMS.items()
    },
    **{
        f"program-{name}": (lambda n=name, f=f, s=s: conditioned("program", n, f, s), True)
        for name, (f, s) in programs.PROGRAMS.items()
    },
    "softmax": (lambda: softmax(2000, 100, 10), True),
    "groups": (lambda: groups(200, 500, 3), True),
    "tasks": (lambda: tasks(200, 500, 5), True),
    "program-quantile": (lambda: program("quantile", 2000, 20), False),
    "program-hinge": (lambda: program("hinge", 5000, 50), False),
    "program-linear": (lambda: program("linear", 2000, 20), False),
    "logistic": (lambda: logistic(20_000, 100), False),
    "logistic-large": (lambda: logistic(200_000, 100), False),
    "logistic-ill": (lambda: logistic(20_000, 100, 1e6), False),
    "lasso": (lambda: lasso(20_000, 100), False),
    "lasso-path": (lambda: path(20_000, 100), False),
    "elastic-net-path": (lambda: path(20_000, 100, 0.5), False),
    "nnls": (lambda: nonnegative(20_000, 100), False),
    "mixture": (lambda: mixture(20_000, 8), False),
    "mixture-large": (lambda: mixture(200_000, 8), False),
}


def rows_of(case: Case, rounds: int, longest: float) -> list[list[str]]:
    """One row per solver: time, ratio to our prepared solver, gap to the best objective."""
    found: dict[str, Array] = {}
    once: dict[str, float] = {}
    rows: list[list[str]] = []
    for who, run in list(case.runs.items()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run()  # compiles
                began = time.process_time()
                found[who] = np.asarray(run())
                once[who] = time.process_time() - began
                for _ in range(20 if once[who] < 1e-3 else 0):  # the first call finds the caches cold
                    began = time.process_time()
                    run()
                    once[who] = min(once[who], time.process_time() - began)
        except (ImportError, dv.DeriveError) as error:  # not installed, or gives up and says so
            del case.runs[who]
            if isinstance(error, dv.DeriveError):
                rows.append([case.name, case.size, who, "–", "gives up", "–"])
    values = {who: case.objective(w) for who, w in found.items()}
    best = min(values.values())
    times: dict[str, list[float]] = {who: [] for who in found}
    for _ in range(rounds):
        for who in found:
            if once[who] > longest and times[who]:
                continue
            repeat = max(1, int(2e-3 / max(once[who], 1e-6)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                began = time.process_time()
                for _ in range(repeat):
                    case.runs[who]()
                times[who].append((time.process_time() - began) / repeat)
    ours = next(who for who in times if who.startswith("derive"))
    base = statistics.median(times[ours])
    for who in sorted(found, key=lambda w: statistics.median(times[w])):
        spent, gap = statistics.median(times[who]), (values[who] - best) / abs(best)
        agreed = f"{spent / base:.2f}" if gap <= 1e-8 else f"({spent / base:.2f}, not solved)"
        rows.append([case.name, case.size, who, f"{1e3 * spent:.3f}", agreed, f"{gap:.0e}"])
    return rows


def table(quick: bool = False, only: str = "") -> Table:
    """Milliseconds to the optimum."""
    rows: list[list[str]] = []
    for name, (make, small) in CASES.items():
        if (only and only != name) or (quick and not small):
            continue
        rows += rows_of(make(), 5 if quick else 15 if small else 7, 3.0)
    return Table(
        "Solvers to the same optimum",
        ["problem", "size", "solver", "ms", "ratio", "gap"],
        rows,
        "ratio: time over that of the prepared solver, or of `solve` where that gives up; "
        "gap: relative distance to the best objective.",
    )
