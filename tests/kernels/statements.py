"""Objectives built from bare nodes, and data for them at any sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

import derive.differentiate as differentiate
from derive.build import add, broadcast, einsum, inner, matmul, multiply, power, scale, total, transpose
from derive.evaluate import evaluate
from derive.node import Node, Variable, ones, size_symbols, variable, variables
from derive.operators import apply
from derive.second import hessian
from derive.sizes import sizes

ONE, MINUS, HALF = sympy.S.One, sympy.S.NegativeOne, sympy.S.Half
n, d, k, p, h = sizes("n d k p h")
X, y, w = variable("X", (n, d)), variable("y", (n,)), variable("w", (d,))
lam = variable("lam", (), ["positive"])
Objective = tuple[Node, list[Variable]]


def minus(a: Node, b: Node) -> Node:
    return add([(ONE, a), (MINUS, b)])


def least_squares() -> Objective:
    """½‖Xw − y‖²"""
    r = minus(matmul(X, w), y)
    return scale(HALF, inner(r, r)), [w]


def ridge() -> Objective:
    """½‖Xw − y‖² + ½λ‖w‖²"""
    return add([(ONE, least_squares()[0]), (HALF, multiply(lam, inner(w, w)))]), [w]


def logistic() -> Objective:
    """Σ softplus(z) − yᵀz + ½λ‖w‖², z = Xw"""
    z = matmul(X, w)
    return add(
        [(ONE, total(apply("softplus", z))), (MINUS, inner(y, z)), (HALF, multiply(lam, inner(w, w)))]
    ), [w]


def mixture() -> Objective:
    """−Σᵢ log Σⱼ πⱼ N(xᵢ; μⱼ, Σⱼ)"""
    weights, mean = variable("pi", (k,), ["positive"]), variable("mu", (k, d))
    covariance = variable("Sigma", (k, d, d), ["pd"])
    diff = minus(
        einsum([(X, (0, 2)), (ones((k,)), (1,))], (0, 1, 2)),
        einsum([(mean, (1, 2)), (ones((n,)), (0,))], (0, 1, 2)),
    )
    distance = einsum([(diff, (0, 1, 2)), (apply("inv", covariance), (1, 2, 3)), (diff, (0, 1, 3))], (0, 1))

    def per_component(node: Node) -> Node:
        return einsum([(node, (1,)), (ones((n,)), (0,))], (0, 1))

    logits = add(
        [
            (ONE, per_component(apply("log", weights))),
            (-HALF, distance),
            (-HALF, per_component(apply("logdet", covariance))),
        ]
    )
    constant = scale(n * d * sympy.log(2 * sympy.pi) / 2, ones(()))
    return minus(constant, total(apply("logsumexp", logits, axes=(1,)))), [weights, mean, covariance]


def network() -> Objective:
    """Cross-entropy of a network with one hidden layer of tanh units."""
    Y, W1, b1 = variable("Y", (n, k)), variable("W1", (d, h)), variable("b1", (h,))
    W2, b2 = variable("W2", (h, k)), variable("b2", (k,))
    hidden = apply("tanh", add([(ONE, matmul(X, W1)), (ONE, broadcast(b1, (n, h)))]))
    Z = add([(ONE, matmul(hidden, W2)), (ONE, broadcast(b2, (n, k)))])
    return scale(1 / n, minus(total(apply("logsumexp", Z, axes=(1,))), inner(Y, Z))), [W1, b1, W2, b2]


def principal_components() -> Objective:
    """½‖X − X W Wᵀ‖²"""
    W = variable("W", (d, k))
    r = minus(X, matmul(matmul(X, W), transpose(W)))
    return scale(HALF, inner(r, r)), [W]


def centred_components() -> Objective:
    """The same after centring: two passes over the data."""
    W = variable("W", (d, k))
    mean = einsum([(X, (0, 1))], (1,))
    C = minus(X, scale(1 / n, broadcast(mean, (n, d))))
    r = minus(C, matmul(matmul(C, W), transpose(W)))
    return scale(HALF, inner(r, r)), [W]


def normalised() -> Objective:
    """A batch-normalised tanh unit: three passes over the data."""
    mean = einsum([(X, (0, 1))], (1,))
    C = minus(X, scale(1 / n, broadcast(mean, (n, d))))
    variance = add([(1 / n, einsum([(C, (0, 1)), (C, (0, 1))], (1,))), (sympy.Rational(1, 100), ones((d,)))])
    z = einsum([(C, (0, 1)), (power(variance, -HALF), (1,)), (w, (1,))], (0,))
    r = minus(apply("tanh", z), y)
    return inner(r, r), [w]


def factorisation() -> Objective:
    """‖M ∘ (T − U Vᵀ)‖²"""
    M, T = variable("M", (n, p)), variable("T", (n, p))
    U, V = variable("U", (n, k)), variable("V", (p, k))
    r = multiply(M, minus(T, matmul(U, transpose(V))))
    return inner(r, r), [U, V]


def attention() -> Objective:
    """‖softmax(QKᵀ/√d) V‖²: a softmax along the axis of the data."""
    Q, K, V = variable("Q", (n, d)), variable("K", (n, d)), variable("V", (n, k))
    scores = scale(1 / sympy.sqrt(d), matmul(Q, transpose(K)))
    out = matmul(apply("softmax", scores, axes=(1,)), V)
    return inner(out, out), [Q, K, V]


OBJECTIVES: dict[str, Callable[[], Objective]] = {
    f.__name__: f
    for f in (
        least_squares, ridge, logistic, mixture, network, principal_components, centred_components,
        normalised, factorisation, attention,
    )
}  # fmt: skip


def derivatives(objective: Objective, *, second: bool = True) -> dict[str, Node]:
    """Value, gradients, and if wanted Hessians, a mixed block and a Hessian-vector product."""
    f, unknowns = objective
    found: dict[str, Node] = {"value": f}
    for v, g in zip(unknowns, differentiate.gradients(f, unknowns), strict=True):
        found[f"gradient_{v.name}"] = g
    if second:
        for v in unknowns:
            found[f"hessian_{v.name}"] = hessian(f, v)
        found["mixed"] = hessian(f, unknowns[0], unknowns[-1])
        found["hvp"] = differentiate.hvp(f, unknowns[0], variable("direction", unknowns[0].shape))
    return found


def draw(nodes: Mapping[str, Node], seed: int = 0, **numbers: int) -> dict[str, Any]:
    """Random data for the variables of some nodes, as their facts demand."""
    rng = np.random.default_rng(seed)
    data: dict[str, Any] = {}
    for v in variables(*nodes.values()):
        shape = [int(s.subs({t: numbers[t.name] for t in s.free_symbols})) for s in v.shape]
        a = rng.standard_normal(shape)
        if "pd" in v.facts:
            a = a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])
        elif "positive" in v.facts:
            a = np.abs(a) + 0.1
        elif v.name in ("y", "M"):
            a = (a > 0).astype(float)
        elif v.name == "Y":
            a = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
        data[v.name] = a if shape else float(a)
    return data


def reference(node: Node, data: Mapping[str, Any], **numbers: int) -> np.ndarray[Any, Any]:
    """The interpreter's value; sizes that no variable of the node tells come from `numbers`."""
    own = variables(node)
    told = {s for v in own for s in v.shape}
    more = {s.name: numbers[s.name] for s in size_symbols(node) if s not in told}
    return evaluate(node, {**{v.name: data[v.name] for v in own}, **more})


def assert_close(found: Any, wanted: Any, tolerance: float = 1e-11, what: str = "") -> None:
    """Entries agree relative to the largest."""
    assert np.shape(found) == np.shape(wanted), what
    largest = max(1e-3, float(np.max(np.abs(wanted))))
    assert float(np.max(np.abs(np.asarray(found) - wanted))) <= tolerance * largest, what
