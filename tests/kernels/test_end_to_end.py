"""From the statement to a certified optimum, on the interpreter: derived gradients and Hessians drive every
method, and the answers are those of closed forms and of SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special

from derive.build import add, inner
from derive.data import load
from derive.declaring import parse
from derive.differentiate import gradients, jacobian
from derive.kernels.certificate import certify_statement
from derive.kernels.compile import compile_nodes
from derive.kernels.optimizers import METHODS
from derive.kernels.optimizers.driver import minimize
from derive.kernels.oracle import (
    VALUE,
    Layout,
    Oracle,
    direction_name,
    gradient_key,
    hessian_key,
    hvp_key,
    oracle_of,
)
from derive.node import Node, Variable, variable, variables
from derive.reparametrise import Reparametrised, reparametrise
from derive.sizes import ONE

Array = np.ndarray[Any, Any]


class Stated:
    """A statement with its data, brought to the form that optimizers consume."""

    def __init__(
        self,
        text: str,
        sizes: Mapping[str, tuple[Any, ...]],
        unknowns: list[str],
        data: Mapping[str, Any],
        start: Mapping[str, Any],
        facts: Mapping[str, tuple[str, ...]] | None = None,
        hessian: bool = True,
    ) -> None:
        expression = parse(text, variables=dict(sizes), facts=dict(facts or {}))
        declared = {v.name: v for v in variables(expression.node)}
        self.data = data
        self.free: Reparametrised = reparametrise(expression.node, [declared[u] for u in unknowns])
        first = self.free.backward(start)
        self.layout = Layout.of({u.name: np.shape(first[u.name]) for u in self.free.unknowns})
        self.start = self.layout.pack(first)
        slopes = gradients(self.free.objective, self.free.unknowns)
        self.nodes: dict[str, Node] = {VALUE: self.free.objective}
        self.nodes |= {gradient_key(u.name): g for u, g in zip(self.free.unknowns, slopes, strict=True)}
        blocks = {}
        if hessian:
            blocks = {
                hessian_key(u.name, v.name): jacobian(slopes[i], v)
                for i, u in enumerate(self.free.unknowns)
                for v in self.free.unknowns[i:]
            }
        self.proof = {**self.nodes, **blocks}
        products, directions = _hvp(slopes, self.free.unknowns)
        names = list(self.layout.names)
        self.oracle: Oracle = oracle_of(
            self.layout,
            self._bound(self.nodes, names),
            hessian=self._bound(blocks, names) if hessian else None,
            hvp=self._bound(products, [*names, *directions]),
        )

    def _bound(self, outputs: Mapping[str, Node], unknowns: list[str]) -> Any:
        names = {v.name for node in outputs.values() for v in variables(node)}
        kernel = compile_nodes(outputs, unknowns=unknowns, backend="numpy")
        return kernel.bind(**{n: a for n, a in self.data.items() if n in names})

    def solve(self, method: str, **options: Any) -> Any:
        """The result, certified by the interpreter; `answer` is in the terms of the statement."""

        def judge(x: Array, magnitude: float, since: Any) -> Any:
            return certify_statement(self.proof, self.data, self.layout.unpack(x), magnitude=magnitude)

        result = minimize(self.oracle, self.start, method, certificate=judge, **options)
        result["answer"] = self.free.forward(self.layout.unpack(result.x))
        return result


def _hvp(slopes: list[Node], unknowns: tuple[Variable, ...]) -> tuple[dict[str, Node], list[str]]:
    """H·v, part by part, from the gradient of ⟨∇f, v⟩."""
    directions = [variable(direction_name(u.name), u.shape) for u in unknowns]
    along = add([(ONE, inner(g, v)) for g, v in zip(slopes, directions, strict=True)], ())
    products = gradients(along, unknowns)
    return (
        {hvp_key(u.name): p for u, p in zip(unknowns, products, strict=True)},
        [v.name for v in directions],
    )


@pytest.mark.parametrize(
    "name", [name for name, record in METHODS.items() if record.needs <= {"gradient", "hessian", "hvp"}]
)
def test_ridge_regression(name: str) -> None:
    """½‖Xw − y‖² + ½λ‖w‖² has the solution (XᵀX + λI)⁻¹Xᵀy."""
    raw = load("diabetes")
    X = (raw["X"] - raw["X"].mean(0)) / raw["X"].std(0)
    y = raw["y"] - raw["y"].mean()
    problem = Stated(
        "sumsq(X @ w - y)/2 + lam/2*sumsq(w)",
        {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()},
        ["w"],
        {"X": X, "y": y, "lam": 1.0},
        {"w": np.zeros(X.shape[1])},
    )
    result = problem.solve(name)
    assert result.success, result.message
    exact = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
    np.testing.assert_allclose(result["answer"]["w"], exact, rtol=1e-5, atol=1e-6)
    assert result.certificate.curvature > 0


LOGISTIC = "sum(log(1 + exp(-y * (X @ w))))"
LOGISTIC_SIZES = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}


@pytest.mark.parametrize("name", ["newton", "lbfgs", "newton-cg"])
def test_logistic_regression(name: str) -> None:
    """Against SciPy; and separable data, which have no minimiser, are said to be so."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = np.sign(X @ [1.0, -2.0, 0.5] + 2 * rng.standard_normal(60))
    start = {"w": np.zeros(3)}
    problem = Stated(LOGISTIC, LOGISTIC_SIZES, ["w"], {"X": X, "y": y}, start)
    result = problem.solve(name)
    reference = scipy.optimize.minimize(lambda w: np.logaddexp(0, -y * (X @ w)).sum(), np.zeros(3), tol=1e-10)
    assert result.success, result.message
    np.testing.assert_allclose(result["answer"]["w"], reference.x, atol=1e-4)
    assert result.fun <= reference.fun * (1 + 1e-14)
    separable = Stated(LOGISTIC, LOGISTIC_SIZES, ["w"], {"X": X, "y": np.sign(X @ [1.0, -2, 0.5])}, start)
    lost = separable.solve(name)
    assert not lost.success
    assert "no minimum is attained" in lost.message


@pytest.mark.parametrize("name", ["newton", "lbfgs", "newton-cg"])
def test_gaussian_mixture(name: str) -> None:
    """Weights on the simplex and covariances pd, stated as themselves: the optimum that EM finds."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal([0, 0], [1, 0.5], (60, 2)), rng.normal([4, 2], [0.5, 1], (40, 2))])
    start = {
        "p": np.full(2, 0.5),
        "mu": np.array([[0.5, 0.5], [3.0, 2.0]]),
        "S": np.stack([np.eye(2)] * 2),
    }
    problem = Stated(
        "-mean(logsumexp(log(p) - logdet(S)/2 - d/2*log(2*pi)"
        ' - einsum("nka,kab,nkb->nk", X[:, None, :] - mu, inv(S), X[:, None, :] - mu)/2, axis=1))',
        {"X": ("n", "d"), "p": ("k",), "mu": ("k", "d"), "S": ("k", "d", "d")},
        ["p", "mu", "S"],
        {"X": X},
        start,
        {"p": ("simplex", "positive"), "S": ("pd",)},
    )
    result = problem.solve(name)
    assert result.success, result.message
    likelihood, p, mu = _em(X, **start)
    np.testing.assert_allclose(-result.fun, likelihood, rtol=1e-11)
    np.testing.assert_allclose(result["answer"]["p"], p, atol=1e-5)
    np.testing.assert_allclose(result["answer"]["mu"], mu, atol=1e-5)


def _em(X: Array, p: Array, mu: Array, S: Array) -> tuple[float, Array, Array]:
    """Expectation–maximisation (Bishop 2006, § 9.2.2), 2000 rounds."""
    for _ in range(2000):
        gap = X[:, None, :] - mu
        logs = np.log(p) - np.linalg.slogdet(2 * np.pi * S)[1] / 2
        logs = logs - np.einsum("nka,kab,nkb->nk", gap, np.linalg.inv(S), gap) / 2
        total = scipy.special.logsumexp(logs, axis=1)
        shares = np.exp(logs - total[:, None])
        counts = shares.sum(0)
        p, mu = counts / len(X), shares.T @ X / counts[:, None]
        gap = X[:, None, :] - mu
        S = np.einsum("nk,nka,nkb->kab", shares, gap, gap) / counts[:, None, None]
    return float(total.mean()), p, mu


@pytest.mark.parametrize("name", ["lbfgs", "newton", "newton-cg"])
def test_pca_reconstruction(name: str) -> None:
    """min ‖X − UVᵀ‖²_F is the sum of the squares of the left-out singular values (Eckart & Young 1936).

    Not convex, and the minimisers form a family (U, V) ~ (UR, VR⁻ᵀ): the Hessian is singular there.
    """
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 5)) @ np.diag([5, 3, 1, 0.5, 0.2])
    problem = Stated(
        "sumsq(X - U @ V.T)",
        {"X": ("n", "d"), "U": ("n", "k"), "V": ("d", "k")},
        ["U", "V"],
        {"X": X},
        {"U": 0.1 * rng.standard_normal((12, 2)), "V": 0.1 * rng.standard_normal((5, 2))},
    )
    result = problem.solve(name)
    assert result.success, result.message
    values = np.linalg.svd(X, compute_uv=False)
    np.testing.assert_allclose(result.fun, (values[2:] ** 2).sum(), rtol=1e-10)
    assert result.certificate.curvature > -1e-7


@pytest.mark.parametrize("name", ["lbfgs", "newton", "newton-cg"])
def test_small_network(name: str) -> None:
    """A tanh network with weight decay: not convex; a certified local minimum, as good as SciPy's."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((40, 3))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    start = {"A": 0.5 * rng.standard_normal((3, 4)), "b": np.zeros(4), "c": 0.5 * rng.standard_normal(4)}
    problem = Stated(
        "sumsq(tanh(X @ A + b) @ c - y)/2 + 0.01*(sumsq(A) + sumsq(c) + sumsq(b))",
        {"X": ("n", "d"), "y": ("n",), "A": ("d", "h"), "b": ("h",), "c": ("h",)},
        ["A", "b", "c"],
        {"X": X, "y": y},
        start,
    )
    result = problem.solve(name)
    assert result.success, result.message
    assert result.certificate.curvature > 0
    polished = scipy.optimize.minimize(
        problem.oracle.value_gradient, result.x, jac=True, method="BFGS", tol=1e-9
    )
    assert result.fun <= polished.fun * (1 + 1e-12)
