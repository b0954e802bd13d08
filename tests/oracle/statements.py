"""The six founding models, stated with the constructors of the engine (no parser in between)."""

from __future__ import annotations

import sympy

from derive.build import (
    add,
    broadcast,
    einsum,
    full,
    inner,
    matmul,
    multiply,
    negate,
    scale,
    total,
    transpose,
)
from derive.node import Node, Variable, variable
from derive.operators import apply
from derive.sizes import sizes

n, d, k, h, m, r = sizes("n d k h m r")
ONE, HALF = sympy.S.One, sympy.S.Half
X = variable("X", (n, d))
y = variable("y", (n,))
w = variable("w", (d,))
lam = variable("lam", (), ("positive",))


def minus(a: Node, b: Node) -> Node:
    return add([(ONE, a), (-ONE, b)])


def plus(*nodes: Node) -> Node:
    return add([(ONE, a) for a in nodes])


def sumsq(a: Node) -> Node:
    return inner(a, a)


def least_squares() -> Node:
    """½‖Xw − y‖²"""
    return scale(HALF, sumsq(minus(matmul(X, w), y)))


def ridge() -> Node:
    """½‖Xw − y‖² + ½λ‖w‖²"""
    return plus(least_squares(), scale(HALF, multiply(lam, sumsq(w))))


def logistic() -> Node:
    """Σ log(1 + exp(x·w)) − y·(Xw), with the spelled-out softplus."""
    z = matmul(X, w)
    return minus(total(apply("log", plus(full((n,)), apply("exp", z)))), inner(y, z))


pi = variable("pi_", (k,), ("positive", "simplex"))
mu = variable("mu", (k, d))
Sigma = variable("Sigma", (k, d, d), ("pd",))


def gaussian_mixture() -> Node:
    """−(1/n) Σₙ log Σₖ πₖ N(xₙ; μₖ, Σₖ), the constant left out."""
    shape = (n, k, d)
    gap = minus(einsum([(X, (0, 2)), (full((k,)), (1,))], (0, 1, 2)), broadcast(mu, shape))
    maha = einsum([(gap, (0, 1, 2)), (apply("inv", Sigma), (1, 2, 3)), (gap, (0, 1, 3))], (0, 1))
    score = add([(ONE, apply("log", pi)), (-HALF, apply("logdet", Sigma))])
    inside = add([(ONE, broadcast(score, (n, k))), (-HALF, maha)])
    return scale(-1 / n, total(apply("logsumexp", inside, axes=(1,))))


W1 = variable("W1", (d, h))
b1 = variable("b1", (h,))
W2 = variable("W2", (h, m))
Y = variable("Y", (n, m))


def mlp(activation: str, loss: str) -> Node:
    """One hidden layer; squared loss or cross entropy with the spelled-out softmax."""
    hidden = apply(activation, plus(matmul(X, W1), broadcast(b1, (n, h))))
    out = matmul(hidden, W2)
    if loss == "squared":
        return scale(HALF / n, sumsq(minus(out, Y)))
    exp = apply("exp", out)
    normal = einsum([(exp, (0, 1))], (0,))
    softmax = einsum([(exp, (0, 1)), (apply("power", normal, exponent=-ONE), (0,))], (0, 1))
    return negate(scale(1 / n, inner(Y, apply("log", softmax))))


W = variable("W", (d, r))


def pca() -> Node:
    """‖X − X W Wᵀ‖²/2n"""
    return scale(HALF / n, sumsq(minus(X, matmul(matmul(X, W), transpose(W)))))


#: name: (statement, unknowns, sizes)
MODELS: dict[str, tuple[Node, tuple[Variable, ...], dict[sympy.Symbol, int]]] = {
    "least_squares": (least_squares(), (w,), {n: 3, d: 2}),
    "ridge": (ridge(), (w, lam), {n: 3, d: 2}),
    "logistic": (logistic(), (w,), {n: 3, d: 2}),
    "gaussian_mixture": (gaussian_mixture(), (pi, mu, Sigma), {n: 2, k: 2, d: 2}),
    "pca": (pca(), (W,), {n: 2, d: 3, r: 2}),
    **{
        f"mlp_{a}_{loss}": (mlp(a, loss), (W1, b1, W2), {n: 2, d: 2, h: 2, m: 2})
        for a in ("tanh", "relu", "softplus")
        for loss in ("squared", "cross_entropy")
    },
}
