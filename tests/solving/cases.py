"""Small problems with their statement in our language and, for the reference values, in CVXPY's.

`python -m tests.solving.reference` solves them with CVXPY and writes the optima to `tests/data/optima.json`;
the tests need no CVXPY. Data are drawn from a seed that belongs to the name.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """Statement, unknowns, constraints, and the same for CVXPY; `sizes` draws the data in `data`."""

    name: str
    objective: str
    unknown: str
    conditions: tuple[str, ...]
    reference: str  # CVXPY's objective in `cp`, the unknown and the data
    limits: tuple[str, ...] = ()
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sense: str = "min"
    n: int = 24
    d: int = 5


def case(name: str, objective: str, reference: str, *conditions: str, **more: Any) -> Case:
    """A case whose constraints are "ours | CVXPY's", or the same in both."""
    pairs = [c.split(" | ") for c in conditions]
    ours = tuple(p[0] for p in pairs if p[0])
    theirs = tuple(p[-1] for p in pairs if p[-1])
    return Case(name, objective, more.pop("unknown", "w"), ours, reference, theirs, **more)


def data(c: Case) -> dict[str, Any]:
    """Everything any case may ask for."""
    rng = np.random.default_rng(zlib.crc32(c.name.encode()))
    n, d, m = c.n, c.d, 2
    X = rng.standard_normal((n, d))
    truth = rng.standard_normal(d)
    y = X @ truth + 0.4 * rng.standard_normal(n)
    B = rng.standard_normal((d, d + 3))
    K = X @ X.T + 0.5 * np.eye(n)
    counts = rng.poisson(np.exp(0.3 * X @ truth)).astype(float)
    return {
        "X": X,
        "y": y,
        "t": np.where(y > 0, 1.0, -1.0),
        "z": (y > 0).astype(float),
        "counts": counts,
        "Q": B @ B.T / d,
        "S": np.cov(rng.standard_normal((3 * d, d)), rowvar=False),
        "K": (K + K.T) / 2,
        "c": rng.standard_normal(d),
        "mu": 0.1 * rng.standard_normal(d),
        "A": rng.standard_normal((m, d)),
        "b": 0.3 * rng.standard_normal(m),
        "G": rng.standard_normal((n, d)),
        "h": 1.0 + rng.random(n),
        "low": -0.2 - rng.random(d),
        "high": 0.2 + rng.random(d),
        "weights": 0.5 + rng.random(d),
        "lam": 1.5,
        "tau": 0.3,
        "Y": np.eye(3)[rng.integers(0, 3, n)],
        "V": rng.standard_normal((d, 3)),
        "P": rng.random((d, d)) + 0.1,
        "M": rng.standard_normal((d, d)),
        "C": 0.7,
    }


DECLARED: dict[str, tuple[Any, ...]] = {
    "X": ("n", "d"),
    "y": ("n",),
    "t": ("n",),
    "z": ("n",),
    "counts": ("n",),
    "Q": ("d", "d"),
    "S": ("d", "d"),
    "K": ("n", "n"),
    "c": ("d",),
    "mu": ("d",),
    "A": ("m", "d"),
    "b": ("m",),
    "G": ("n", "d"),
    "h": ("n",),
    "low": ("d",),
    "high": ("d",),
    "weights": ("d",),
    "lam": (),
    "tau": (),
    "Y": ("n", 3),
    "V": ("d", 3),
    "P": ("d", "d"),
    "M": ("d", "d"),
    "C": (),
    "w": ("d",),
    "a": ("n",),
    "W": ("d", 3),
    "T": ("d", "d"),
    "v": (),
}

LS = "0.5*cp.sum_squares(X@w-y)"
SQ = "sumsq(X @ w - y)/2"
LOG = "cp.sum(cp.logistic(-cp.multiply(t, X@w)))"
QUAD = "dot(w, Q @ w)/2"
CQUAD = "0.5*cp.quad_form(w, Q)"
PSD = {"Q": ("psd",)}

# fmt: off
CASES = [
    # smooth, no constraints
    case("ols", SQ, LS),
    case("ridge", f"{SQ} + lam/2*sumsq(w)", f"{LS}+lam/2*cp.sum_squares(w)"),
    case("weighted_ls", "sum(h*(X @ w - y)**2)", "cp.sum(cp.multiply(h, cp.square(X@w-y)))"),
    case(
        "logistic_ridge", "sum(log(1 + exp(-t*(X @ w)))) + lam/2*sumsq(w)", f"{LOG}+lam/2*cp.sum_squares(w)"
    ),
    case(
        "logistic_mean",
        "mean(softplus(X @ w) - z*(X @ w)) + lam*sumsq(w)",
        "cp.sum(cp.logistic(X@w)-cp.multiply(z,X@w))/24+lam*cp.sum_squares(w)",
    ),
    case(
        "poisson",
        "sum(exp(X @ w) - counts*(X @ w)) + lam/2*sumsq(w)",
        "cp.sum(cp.exp(X@w)-cp.multiply(counts,X@w))+lam/2*cp.sum_squares(w)",
    ),
    case(
        "softmax",
        "sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam/2*sumsq(W)",
        "cp.sum(cp.log_sum_exp(X@W,axis=1))-cp.sum(cp.multiply(Y,X@W))+lam/2*cp.sum_squares(W)",
        unknown="W",
    ),
    case(
        "kernel_logistic",
        "sum(softplus(-t*(K @ a))) + lam/2*dot(a, K @ a)",
        "cp.sum(cp.logistic(-cp.multiply(t,K@a)))+lam/2*cp.quad_form(a,K)",
        unknown="a",
        facts={"K": ("psd",)},
        n=12,
    ),
    case("lse", "logsumexp(G @ w + h) + 0.05*sumsq(w)", "cp.log_sum_exp(G@w+h)+0.05*cp.sum_squares(w)"),
    case(
        "squared_hinge",
        "sum(maximum(0, 1 - t*(X @ w))**2) + lam/2*sumsq(w)",
        "cp.sum(cp.square(cp.pos(1-cp.multiply(t,X@w))))+lam/2*cp.sum_squares(w)",
    ),
    case(
        "covariance",
        "tr(S @ T) - logdet(T)",
        "cp.trace(S@T)-cp.log_det(T)",
        unknown="T",
        facts={"T": ("pd",)},
    ),
    case(
        "covariance_ridge",
        "tr(S @ T) - logdet(T) + lam*sumsq(T)",
        "cp.trace(S@T)-cp.log_det(T)+lam*cp.sum_squares(T)",
        unknown="T",
        facts={"T": ("pd",)},
        d=3,
    ),
    case(
        "multi_ridge",
        "sumsq(X @ W - Y) + lam*sumsq(W)",
        "cp.sum_squares(X@W-Y)+lam*cp.sum_squares(W)",
        unknown="W",
    ),
    case("analytic_centre", "-sum(log(h - G @ w))", "-cp.sum(cp.log(h-G@w))"),
    # penalties
    case("lasso", f"{SQ} + lam*norm(w, 1)", f"{LS}+lam*cp.norm1(w)"),
    case("lasso_abs", "mean((y - X @ w)**2) + 0.1*sum(abs(w))", "cp.sum_squares(X@w-y)/24+0.1*cp.norm1(w)"),
    case(
        "lasso_weighted",
        f"{SQ} + lam*sum(weights*abs(w))",
        f"{LS}+lam*cp.sum(cp.multiply(weights,cp.abs(w)))",
    ),
    case("lasso_wide", f"{SQ} + lam*norm(w, 1)", f"{LS}+lam*cp.norm1(w)", n=8, d=20),
    case(
        "elastic_net",
        f"{SQ} + lam*norm(w, 1) + tau/2*sumsq(w)",
        f"{LS}+lam*cp.norm1(w)+tau/2*cp.sum_squares(w)",
    ),
    case("group_lasso", f"{SQ} + 5*norm(w)", f"{LS}+5*cp.norm(w)"),
    case(
        "group_rows",
        "sumsq(X @ W - Y)/2 + lam*sum(sqrt(sum(W**2, axis=1)))",
        "0.5*cp.sum_squares(X@W-Y)+lam*cp.sum(cp.norm(W,2,axis=1))",
        unknown="W",
    ),
    case("sqrt_lasso", "norm(X @ w - y) + 0.5*norm(w, 1)", "cp.norm(X@w-y)+0.5*cp.norm1(w)"),
    case("logistic_l1", "sum(log(1 + exp(-t*(X @ w)))) + lam*norm(w, 1)", f"{LOG}+lam*cp.norm1(w)"),
    case(
        "logistic_elastic",
        "sum(softplus(-t*(X @ w))) + lam*norm(w, 1) + tau/2*sumsq(w)",
        f"{LOG}+lam*cp.norm1(w)+tau/2*cp.sum_squares(w)",
    ),
    case(
        "poisson_l1",
        "sum(exp(X @ w) - counts*(X @ w)) + lam*norm(w, 1)",
        "cp.sum(cp.exp(X@w)-cp.multiply(counts,X@w))+lam*cp.norm1(w)",
    ),
    case(
        "softmax_l1",
        "sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam*norm(W, 1)",
        "cp.sum(cp.log_sum_exp(X@W,axis=1))-cp.sum(cp.multiply(Y,X@W))+lam*cp.sum(cp.abs(W))",
        unknown="W",
    ),
    case("fused", f"{SQ} + lam*norm(w[1:] - w[:-1], 1)", f"{LS}+lam*cp.norm1(cp.diff(w))"),
    case("least_absolute", "sum(abs(X @ w - y))", "cp.norm1(X@w-y)"),
    case(
        "least_absolute_ridge",
        "sum(abs(X @ w - y)) + lam/2*sumsq(w)",
        "cp.norm1(X@w-y)+lam/2*cp.sum_squares(w)",
    ),
    case("chebyshev", "max(abs(X @ w - y))", "cp.norm_inf(X@w-y)"),
    case(
        "quantile",
        "sum(maximum(0.3*(y - X @ w), (0.3 - 1)*(y - X @ w)))",
        "cp.sum(cp.maximum(0.3*(y-X@w),-0.7*(y-X@w)))",
    ),
    case(
        "huber",
        "sum(minimum(abs(y - X @ w), 1)**2/2 + abs(y - X @ w) - minimum(abs(y - X @ w), 1))",
        "0.5*cp.sum(cp.huber(y-X@w,1))",
    ),
    case(
        "hinge",
        "C*sum(maximum(0, 1 - t*(X @ w))) + sumsq(w)/2",
        "C*cp.sum(cp.pos(1-cp.multiply(t,X@w)))+0.5*cp.sum_squares(w)",
    ),
    case(
        "hinge_relu",
        "sum(relu(1 - t*(X @ w))) + lam*sumsq(w)",
        "cp.sum(cp.pos(1-cp.multiply(t,X@w)))+lam*cp.sum_squares(w)",
    ),
    case(
        "hinge_l1",
        "sum(relu(1 - t*(X @ w))) + lam*norm(w, 1)",
        "cp.sum(cp.pos(1-cp.multiply(t,X@w)))+lam*cp.norm1(w)",
    ),
    case(
        "epsilon_svr",
        "C*sum(maximum(abs(y - X @ w) - 0.2, 0)) + sumsq(w)/2",
        "C*cp.sum(cp.pos(cp.abs(y-X@w)-0.2))+0.5*cp.sum_squares(w)",
    ),
    case(
        "glasso",
        "tr(S @ T) - logdet(T) + 0.2*sum(abs(T))",
        "cp.trace(S@T)-cp.log_det(T)+0.2*cp.sum(cp.abs(T))",
        unknown="T",
        facts={"T": ("pd",)},
        d=4,
    ),
    case("max_affine", "max(G @ w + h) + sumsq(w)/2", "cp.max(G@w+h)+0.5*cp.sum_squares(w)"),
    # bounds
    case("nnls", SQ, LS, "w >= 0"),
    case("nnls_fact", SQ, LS, " | w >= 0", facts={"w": ("nonnegative",)}),
    case("box_ls", SQ, LS, "w >= low", "w <= high"),
    case("box_number", SQ, LS, "w >= -0.3", "w <= 0.4"),
    case("upper_only", SQ, LS, "w <= 0.1"),
    case("two_sided_abs", SQ, LS, "abs(w) <= 0.5 | cp.abs(w) <= 0.5"),
    case("box_qp", f"{QUAD} + dot(c, w)", f"{CQUAD}+c@w", "w >= -1", "w <= 1", facts=PSD),
    case(
        "logistic_nonneg",
        "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)",
        f"{LOG}+lam/2*cp.sum_squares(w)",
        "w >= 0",
    ),
    case("lasso_nonneg", f"{SQ} + lam*sum(w)", f"{LS}+lam*cp.sum(w)", "w >= 0"),
    case("lasso_box", f"{SQ} + lam*norm(w, 1)", f"{LS}+lam*cp.norm1(w)", "w <= 0.5", "w >= -0.5"),
    case("nnls_wide", SQ, LS, "w >= 0", n=4, d=9),
    case(
        "poisson_bounds",
        "sum(exp(X @ w) - counts*(X @ w))",
        "cp.sum(cp.exp(X@w)-cp.multiply(counts,X@w))",
        "w >= low",
        "w <= high",
    ),
    # simplex
    case("simplex_ls", SQ, LS, "w >= 0", "sum(w) == 1 | cp.sum(w) == 1"),
    case("simplex_fact", SQ, LS, " | w >= 0", " | cp.sum(w) == 1", facts={"w": ("simplex",)}),
    case(
        "simplex_projection",
        "sumsq(w - c)/2",
        "0.5*cp.sum_squares(w-c)",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
    ),
    case(
        "entropy",
        "sum(w*log(w)) + dot(c, w)",
        "-cp.sum(cp.entr(w))+c@w",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
    ),
    case(
        "max_entropy",
        "-sum(w*log(w))",
        "cp.sum(cp.entr(w))",
        "sum(w) == 1 | cp.sum(w) == 1",
        "dot(mu, w) >= 0.01 | mu@w >= 0.01",
        sense="max",
    ),
    case(
        "portfolio",
        "lam*dot(w, Q @ w) - dot(mu, w)",
        "lam*cp.quad_form(w,Q)-mu@w",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
        facts=PSD,
    ),
    case(
        "portfolio_max",
        "dot(mu, w) - lam*dot(w, Q @ w)",
        "mu@w-lam*cp.quad_form(w,Q)",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
        facts=PSD,
        sense="max",
    ),
    case("min_variance", "dot(w, Q @ w)", "cp.quad_form(w,Q)", "sum(w) == 1 | cp.sum(w) == 1", facts=PSD),
    case(
        "d_optimal",
        "-logdet(G.T @ diag(a) @ G)",
        "-cp.log_det(G.T@cp.diag(a)@G)",
        "a >= 0",
        "sum(a) == 1 | cp.sum(a) == 1",
        unknown="a",
        n=9,
        d=3,
    ),
    case(
        "kl_projection",
        "sum(w*log(w/weights))",
        "cp.sum(cp.rel_entr(w,weights))",
        "sum(w) == 1 | cp.sum(w) == 1",
        "w >= 0",
    ),
    case(
        "mixture_weights",
        "-sum(log(P @ w))",
        "-cp.sum(cp.log(P@w))",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
    ),
    case(
        "optimal_transport_entropic",
        "sum(T*M) + tau*sum(T*log(T))",
        "cp.sum(cp.multiply(T,M))-tau*cp.sum(cp.entr(T))",
        "sum(T, axis=1) == ones(d)/d | cp.sum(T,axis=1) == np.ones(4)/4",
        "sum(T, axis=0) == ones(d)/d | cp.sum(T,axis=0) == np.ones(4)/4",
        unknown="T",
        d=4,
    ),
    # linear programs
    case("lp_simplex", "dot(c, w)", "c@w", "w >= 0", "sum(w) == 1 | cp.sum(w) == 1"),
    case("lp_box", "dot(c, w)", "c@w", "w >= low", "w <= high", "A @ w <= b + 1"),
    case("lp_polyhedron", "dot(c, w)", "c@w", "G @ w <= h", n=30),
    case(
        "assignment",
        "sum(T*P)",
        "cp.sum(cp.multiply(T,P))",
        "T >= 0",
        "sum(T, axis=1) == 1 | cp.sum(T,axis=1) == 1",
        "sum(T, axis=0) == 1 | cp.sum(T,axis=0) == 1",
        unknown="T",
        d=4,
    ),
    case("basis_pursuit", "norm(w, 1)", "cp.norm1(w)", "A @ w == b", d=8),
    case("linf_min", "max(abs(w))", "cp.norm_inf(w)", "A @ w == b", d=6),
    # equalities, inequalities
    case("equality_ls", SQ, LS, "A @ w == b"),
    case("min_norm", "sumsq(w)", "cp.sum_squares(w)", "A @ w == b"),
    case("min_norm_root", "norm(w)", "cp.norm(w)", "A @ w == b"),
    case(
        "equality_logistic",
        "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)",
        f"{LOG}+lam/2*cp.sum_squares(w)",
        "A @ w == b",
    ),
    case("inequality_ls", SQ, LS, "A @ w <= b"),
    case("inequality_qp", f"{QUAD} + dot(c, w)", f"{CQUAD}+c@w", "G @ w <= h", facts=PSD),
    case("ball", "dot(c, w)", "c@w", "sumsq(w) <= 1 | cp.sum_squares(w) <= 1"),
    case("ball_norm", SQ, LS, "norm(w) <= 0.7 | cp.norm(w) <= 0.7"),
    case("l1_ball", SQ, LS, "norm(w, 1) <= 1 | cp.norm1(w) <= 1"),
    case("ellipsoid", "dot(c, w)", "c@w", "dot(w, Q @ w) <= 1 | cp.quad_form(w,Q) <= 1", facts=PSD),
    case("lasso_equality", f"{SQ} + lam*norm(w, 1)", f"{LS}+lam*cp.norm1(w)", "sum(w) == 1 | cp.sum(w) == 1"),
    case("isotonic", "sumsq(w - c)/2", "0.5*cp.sum_squares(w-c)", "w[1:] >= w[:-1]", d=9),
    case("monotone_ls", SQ, LS, "w[:-1] <= w[1:]"),
    case(
        "svm_dual",
        "dot(a*t, K @ (a*t))/2 - sum(a)",
        "0.5*cp.quad_form(cp.multiply(a,t),K)-cp.sum(a)",
        "a >= 0",
        "a <= C",
        "dot(a, t) == 0 | a@t == 0",
        unknown="a",
        facts={"K": ("psd",)},
    ),
    case(
        "svm_dual_max",
        "sum(a) - dot(a*t, K @ (a*t))/2",
        "cp.sum(a)-0.5*cp.quad_form(cp.multiply(a,t),K)",
        "a >= 0",
        "a <= C",
        unknown="a",
        facts={"K": ("psd",)},
        sense="max",
    ),
    case(
        "svm_dual_linear",
        "sumsq(X.T @ (a*t))/2 - sum(a)",
        "0.5*cp.sum_squares(X.T@cp.multiply(a,t))-cp.sum(a)",
        "a >= 0",
        "a <= C",
        unknown="a",
    ),
    case(
        "logdet_max",
        "logdet(T) - tr(S @ T)",
        "cp.log_det(T)-cp.trace(S@T)",
        unknown="T",
        facts={"T": ("pd",)},
        sense="max",
        d=3,
    ),
    case(
        "trace_one",
        "tr(M.T @ T) + sumsq(T)",
        "cp.trace(M.T@T)+cp.sum_squares(T)",
        "tr(T) == 1 | cp.trace(T) == 1",
        unknown="T",
        d=3,
    ),
    case("geometric", "log(sum(exp(G @ w)))", "cp.log_sum_exp(G@w)", "sum(w) == 1 | cp.sum(w) == 1"),
    case(
        "water_filling",
        "-sum(log(weights + w))",
        "-cp.sum(cp.log(weights+w))",
        "w >= 0",
        "sum(w) == 1 | cp.sum(w) == 1",
    ),
    case(
        "inverse_sum",
        "sum(1/w)",
        "cp.sum(cp.inv_pos(w))",
        "sum(w) == 1 | cp.sum(w) == 1",
        facts={"w": ("positive",)},
    ),
    case(
        "trend_filter",
        "sumsq(w - c)/2 + 0.3*norm(w[2:] - 2*w[1:-1] + w[:-2], 1)",
        "0.5*cp.sum_squares(w-c)+0.3*cp.norm1(cp.diff(w,2))",
        d=12,
    ),
    case(
        "tv_denoise",
        "sumsq(w - c)/2 + 0.4*sum(abs(w[1:] - w[:-1]))",
        "0.5*cp.sum_squares(w-c)+0.4*cp.norm1(cp.diff(w))",
        d=15,
    ),
]
