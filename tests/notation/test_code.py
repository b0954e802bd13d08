"""Generated functions are run, and give what the interpreter gives.

JAX and PyTorch source is run on NumPy arrays behind a few renamed functions (`shims`).
"""

from __future__ import annotations

import ast
import sys
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, DeclarationError
from derive.node import size_symbols
from tests.notation import shims
from tests.statement.corpus import cases, draw

TARGETS = ["numpy", "jax", "torch"]


def run(source: str, target: str, monkeypatch: pytest.MonkeyPatch, name: str = "f") -> Any:
    """The function that the source defines."""
    modules = {"numpy": {}, "jax": shims.jax(), "torch": shims.torch()}[target]
    for module, stand_in in modules.items():
        monkeypatch.setitem(sys.modules, module, stand_in)
    space: dict[str, Any] = {}
    exec(compile(source, "<generated>", "exec"), space)
    return space[name]


def parsed(case: dict[str, Any]) -> dv.Expression:
    """The objective and its derivative."""
    return dv.parse(case["objective"], variables=case["declare"], facts=case["facts"])


CASES = cases("gradients")


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_against_the_interpreter(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Objectives of the literature and their gradients, in every target."""
    loss = parsed(case)
    slope = dv.jacobian(loss, case["wrt"]) if loss.shape else dv.gradient(loss, case["wrt"])
    sizes = case["sizes"][0]
    arrays = {k: np.asarray(v, dtype=float) for k, v in draw(case, sizes).items()}
    for expression in (loss, slope):
        free = {s.name: sizes[s.name] for s in size_symbols(expression.node)}
        wanted = expression.evaluate({v: arrays[v] for v in expression.variables}, **free)
        for target in TARGETS:
            source = dv.code(expression, target)
            tree = ast.parse(source).body[-1]
            assert isinstance(tree, ast.FunctionDef)
            given = {k: v for k, v in free.items() if k in {a.arg for a in tree.args.kwonlyargs}}
            found = run(source, target, monkeypatch)(*(arrays[v] for v in expression.variables), **given)
            np.testing.assert_allclose(
                np.broadcast_to(found, wanted.shape), wanted, rtol=1e-9, atol=1e-10, err_msg=source
            )


SHAPES: dict[str, tuple[Any, ...]] = {
    "X": ("n", "d"),
    "Z": ("n", "d"),
    "S": ("d", "d"),
    "T": ("k", "n", "d"),
    "y": ("n",),
    "w": ("d",),
    "p": ("n",),
    "t": (),
}
SPELLINGS = [
    "where(y, y, p)",
    "max(X, axis=1)",
    "max_share(X, axis=1)",
    "min(X) + t",
    "softmax(X)",
    "logsumexp(X)",
    "softmax(X, axis=0)",
    "log_softmax(X, axis=1)",
    "relu(X) + abs(X) + sign(X) + step(X)",
    "gelu(y) + erf(y) + erfc(y)",
    "lgamma(p) + digamma(p) + trigamma(p)",
    "X[0] + X[-1]",
    "X[1:n-1]",
    "reshape(X, n * d)",
    "concatenate((X, Z), axis=1)",
    "kron(w, y)",
    "tril(S, -1) + eye(d)",
    "zeros(n, d)",
    "ones(n, d) / 3",
    "pi * sqrt(2) * y",
    "exp(1) * t ** 3 / n",
    "p ** y",
    "X * w + t",
    "X + y[:, None]",
    "T @ w",
    "sum(T, axis=(0, 2))",
    'einsum("kij,ij->k", T, X)',
    "outer(y, w)",
    "diag(w) @ S @ diag(w)",
    "y @ diag(p) @ X",
    "inv(S) @ w + solve(S, w)",
    "logdet(S @ S.T) + det(S) + tr(S)",
    "norm(X) * norm(w, 1)",
    "maximum(y, 0) - minimum(y, p)",
    "mean(X, axis=0)",
    "expm1(y) + log1p(p) + tanh(y) + arctan(y)",
    "1 - sigmoid(y)",
    "1 - tanh(y) ** 2",
]


@pytest.mark.parametrize("text", SPELLINGS)
@pytest.mark.parametrize("target", TARGETS)
def test_spellings(text: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every function of the language in every target."""
    rng = np.random.default_rng(8)
    sizes = {"n": 5, "d": 3, "k": 2}
    arrays = {k: rng.standard_normal([sizes[s] for s in v]) for k, v in SHAPES.items()}
    arrays["p"] = np.abs(arrays["p"]) + 0.3
    expression = dv.parse(text, variables=SHAPES)
    free = {s.name: sizes[s.name] for s in size_symbols(expression.node)}
    wanted = expression.evaluate({v: arrays[v] for v in expression.variables}, **free)
    source = dv.code(expression, target)
    keywords = {a.arg for a in ast.parse(source).body[-1].args.kwonlyargs}  # type: ignore[attr-defined]
    found = run(source, target, monkeypatch)(
        *(arrays[v] for v in expression.variables), **{k: v for k, v in free.items() if k in keywords}
    )
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12, err_msg=source)


def test_reads_like_a_person_wrote_it() -> None:
    """The whole text of two well-known gradients."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    logistic = dv.parse("mean(log(1 + exp(-y * (X @ w))))", variables=shapes)
    assert (
        dv.code(dv.gradient(logistic, "w"), name="gradient")
        == '''from scipy import special


def gradient(X, w, y):
    """-X.T @ (y * sigmoid(-y * (X @ w))) / n.

    X : (n, d)
    w : (d,)
    y : (n,)
    """
    n = X.shape[0]
    return -X.T @ (y * special.expit(-y * (X @ w))) / n
'''
    )
    normal = dv.parse("inv(X.T @ X + lam * eye(d)) @ X.T @ y", variables={**shapes, "lam": ()})
    assert "np.linalg.solve(X.T @ X + lam * np.eye(d), X.T @ y)" in dv.code(normal)


def test_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naive spellings do not overflow."""
    shapes = {"y": ("n",)}
    f = run(dv.code(dv.parse("sum(log(1 + exp(y)))", variables=shapes)), "numpy", monkeypatch)
    assert f(np.array([1000.0, -1000.0])) == 1000.0
    g = run(dv.code(dv.parse("1 - 1/(1 + exp(-y))", variables=shapes)), "numpy", monkeypatch)
    assert g(np.array([50.0]))[0] == pytest.approx(np.exp(-50.0))


def test_sharing_is_kept() -> None:
    """A deep chain of squares is computed once per link: the text grows linearly."""
    x = dv.vector("x", "n")
    z = x
    for _ in range(12):
        z = dv.tanh(z) * (z + 1)
    assert len(dv.code(dv.gradient(z.sum(), x))) < 12_000


def test_names_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are words of Python, modules or the function itself get a trailing underscore."""
    expression = dv.parse(
        "lambda * sumsq(np) + f + special_", variables={"lambda": (), "np": ("n",), "f": (), "special_": ()}
    )
    source = dv.code(expression)
    assert "def f(f_, lambda_, np_, special_):" in source
    assert run(source, "numpy", monkeypatch)(1.0, 2.0, np.array([3.0]), 4.0) == 23.0
    with pytest.raises(DeclarationError):
        dv.code(expression, name="a b")
    with pytest.raises(DeclarationError):
        dv.code(expression, name="import")
    with pytest.raises(ArgumentError, match="targets"):
        dv.code(expression, target="fortran")


def test_sizes_that_no_argument_shows() -> None:
    """They are asked for by keyword."""
    assert "def f(t, *, n):" in dv.code(dv.parse("t * ones(n)", variables={"t": (), "x": ("n",)}))


@pytest.mark.parametrize("target", TARGETS)
def test_deterministic(target: str) -> None:
    """The same text every time."""
    loss = dv.parse("sumsq(tanh(X @ w) - y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    assert dv.code(dv.gradient(loss, "w"), target) == dv.code(dv.gradient(loss, "w"), target)


def real(source: str, target: str) -> tuple[Any, Any]:
    """(the function that the source defines, what makes an array of that library in double precision)."""
    library = pytest.importorskip(target)
    if target == "jax":
        library.config.update("jax_enable_x64", True)
    space: dict[str, Any] = {}
    exec(source, space)
    make = {"jax": lambda a: library.numpy.asarray(a), "torch": lambda a: library.tensor(np.asarray(a))}
    return space["f"], make.get(target, np.asarray)


def agrees(expression: dv.Expression, target: str, arrays: dict[str, Any], sizes: dict[str, int]) -> None:
    """The function, run on arrays of its own library, gives what the interpreter gives."""
    free = {s.name: sizes[s.name] for s in size_symbols(expression.node)}
    wanted = expression.evaluate({v: arrays[v] for v in expression.variables}, **free)
    source = dv.code(expression, target)
    function, make = real(source, target)
    keywords = {a.arg for a in ast.parse(source).body[-1].args.kwonlyargs}  # type: ignore[attr-defined]
    found = np.asarray(
        function(
            *(make(arrays[v]) for v in expression.variables),
            **{k: v for k, v in free.items() if k in keywords},
        )
    )
    assert found.shape == np.shape(wanted), source
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-10, err_msg=source)


@pytest.mark.parametrize("target", ["jax", "torch"])
def test_with_the_real_library(target: str) -> None:
    """Gradients of the literature on the library's own arrays, where it is installed."""
    for case in CASES[:: 6 if target == "torch" else 60]:
        loss = parsed(case)
        slope = dv.jacobian(loss, case["wrt"]) if loss.shape else dv.gradient(loss, case["wrt"])
        sizes = case["sizes"][0]
        arrays = {k: np.asarray(v, dtype=float) for k, v in draw(case, sizes).items()}
        agrees(slope, target, arrays, sizes)


#: New arrays, places and slices, whose spelling or type differs between the libraries.
OWN_WAYS = [
    "take(X, J)",
    "take(X, J, axis=1)",
    "X[::-1, 1:]",
    "X[1:, 0]",
    "cumsum(X, axis=1)",
    "conv1d(y, w)",
    "windows(y, d, axis=0)",
    "S @ (eye(d) / 3 + ones(d, d) / 7)",
    "X.T @ step(y)",
    "polygamma(2, p)",
    "where(y, 1 / 3, 0)",
    "maximum(1 / 3, y)",
    "cholesky(S @ S.T + eye(d))",
    "kron(X, S)",
    "vec(X) / 3",
]


@pytest.mark.parametrize("target", TARGETS)
def test_own_ways(target: str) -> None:
    """Operators, and the gradients of what they make, in every library that is installed."""
    rng = np.random.default_rng(5)
    sizes = {"n": 5, "d": 3, "k": 2}
    shapes = {**SHAPES, "J": ("k",)}
    arrays = {k: rng.standard_normal([sizes[s] for s in v]) for k, v in shapes.items()}
    arrays["p"], arrays["J"] = np.abs(arrays["p"]) + 0.3, np.array([2.0, 0.0])
    for text in OWN_WAYS[:: 2 if target == "jax" else 1]:  # every operation of JAX is compiled on its own
        expression = dv.parse(text, variables=shapes, facts={"p": ["positive"], "J": ["integer"]})
        agrees(expression, target, arrays, sizes)
        for name in [v for v in ("X", "y") if v in expression.variables][:1]:
            agrees(dv.gradient(dv.sumsq(expression), name), target, arrays, sizes)


def test_vectors_inside_a_product(monkeypatch: pytest.MonkeyPatch) -> None:
    """(Dᵀ X b) X c: from the left, a vector inside a chain ends one product and begins the next."""
    shapes = {"X": ("n", "d"), "D": ("n", "n"), "b": ("d",), "c": ("d",)}
    expression = dv.parse("D.T @ X @ b @ X @ c + dot(b, X.T @ D @ X @ c)", variables=shapes)
    rng = np.random.default_rng(1)
    arrays = {"X": rng.standard_normal((4, 3)), "D": rng.standard_normal((4, 4))}
    arrays |= {"b": rng.standard_normal(3), "c": rng.standard_normal(3)}
    f = run(dv.code(expression), "numpy", monkeypatch)
    assert f(**arrays) == pytest.approx(float(expression.evaluate(arrays)), rel=1e-12)
