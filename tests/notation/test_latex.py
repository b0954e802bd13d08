r"""LaTeX: a small set of exact strings, and every formula we can get hold of parses.

The strings are what a textbook prints. A change that alters one of them is a change to look at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import derive as dv
from derive.models import REGISTRY
from derive.presenting import gradients, hessians

CASES = Path(__file__).resolve().parents[1] / "data" / "textbook.json"

# objective, declarations, facts, by, order, LaTeX
EXACT: list[tuple[str, dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], str, int, str]] = [
    ("x @ B @ x", {"x": ("n",), "B": ("n", "n")}, {}, "x", 1, r"(B + B^\top) x"),
    ("x @ A @ x", {"x": ("n",), "A": ("n", "n")}, {"A": ("symmetric",)}, "x", 1, r"2 A x"),
    ("x @ A @ x", {"x": ("n",), "A": ("n", "n")}, {}, "A", 1, r"x x^\top"),
    ("logdet(S)", {"S": ("n", "n")}, {"S": ("pd",)}, "S", 1, r"S^{-1}"),
    ("tr(A @ X)", {"A": ("m", "n"), "X": ("n", "m")}, {}, "X", 1, r"A^\top"),
    ("sumsq(A @ x - b)", {"A": ("m", "n"), "x": ("n",), "b": ("m",)}, {}, "x", 1, r"2 A^\top (A x - b)"),
    ("sumsq(A @ x - b)", {"A": ("m", "n"), "x": ("n",), "b": ("m",)}, {}, "x", 2, r"2 A^\top A"),
    ("logsumexp(x)", {"x": ("n",)}, {}, "x", 1, r"\operatorname{softmax}(x)"),
    ("sum(x**4)", {"x": ("n",)}, {}, "x", 2, r"12 \operatorname{diag}(x^{\odot 2})"),
    (
        "sum(log(1 + exp(X @ w)))",
        {"X": ("n", "d"), "w": ("d",)},
        {},
        "w",
        2,
        r"X^\top \operatorname{diag}(\sigma(X w) \odot (\mathbf{1} - \sigma(X w))) X",
    ),
    ("sumsq(conv1d(y, c))/2", {"y": ("n",), "c": ("k",)}, {}, "c", 1,
     r"\operatorname{windows}_{k}(y)^\top \operatorname{windows}_{k}(y) c"),
    ("sum(cumsum(y)**2)/2", {"y": ("n",)}, {}, "y", 1, r"\operatorname{cumsum}^\top(\operatorname{cumsum}(y))"),
    ("sum(take(X, J, axis=0) @ w)", {"X": ("n", "d"), "J": ("m",), "w": ("d",)}, {"J": ("integer",)}, "w", 1,
     r"X_{J, :}^\top \mathbf{1}"),
    ("sum(concatenate((X, Z), axis=1) @ w)", {"X": ("n", "d"), "Z": ("n", "k"), "w": ("d+k",)}, {}, "w", 1,
     r"\begin{bmatrix} X & Z \end{bmatrix}^\top \mathbf{1}"),
    ("max(A @ x)", {"A": ("m", "n"), "x": ("n",)}, {}, "x", 1, r"A^\top \partial\max(A x)"),
    ("relu(sumsq(a - p) - t)", {"a": ("n",), "p": ("n",), "t": ()}, {}, "a", 1,
     r"2 \, \mathbf{1}[\lVert a - p \rVert_2^2 > t] (a - p)"),
    ("sum(maximum(0, 1 - y*(X @ w)))", {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, {}, "w", 1,
     r"-X^\top (y \odot \mathbf{1}[y \odot (X w) < 1])"),
    ("sum(maximum(t*(y - X @ w), (t - 1)*(y - X @ w)))", {"X": ("n", "d"), "y": ("n",), "w": ("d",), "t": ()}, {},
     "w", 1, r"\frac{1}{2} X^\top (\mathbf{1} + \operatorname{sign}(X w - y) - 2 t \mathbf{1})"),
    ("sum(clip(x, -1, 1))", {"x": ("n",)}, {}, "x", 1, r"\mathbf{1}[x > -1] \odot \mathbf{1}[x < 1]"),
    ("log(1 + exp(a) + exp(b))", {"a": (), "b": ()}, {}, "a", 1, r"\frac{\exp(a)}{1 + \exp(a) + \exp(b)}"),
    ("tr(X @ X.T @ (eye(n) - ones(n, n)/n) @ L @ (eye(n) - ones(n, n)/n))", {"X": ("n", "d"), "L": ("n", "n")},
     {"L": ("symmetric",)}, "X", 1,
     r"2 \left(I - \frac{1}{n} \mathbf{1}\mathbf{1}^\top\right) L "
     r"\left(I - \frac{1}{n} \mathbf{1}\mathbf{1}^\top\right) X"),
    ("tr(X.T @ (eye(n) - ones(n, n)/n) @ X)", {"X": ("n", "d")}, {}, "X", 1,
     r"2 (X - \mathbf{1} \operatorname{mean}_{\mathrm{col}}(X)^\top)"),
    ("sumsq(conv2d(I, F) - T)/2", {"I": ("p", "q"), "F": ("h", "h"), "T": ("p-h+1", "q-h+1")}, {}, "F", 1,
     r"\sum_{m, n} \left(\sum_{h, u} F_{h u} I_{m + h - 1, n + u - 1} - T_{m n}\right) I_{m + i - 1, n + j - 1}"),
    ("sumsq(diff(x))/2", {"x": ("n",)}, {}, "x", 1,
     r"\operatorname{place}_{[1:]}(u) - \operatorname{place}_{[:-1]}(u) \quad\text{where } u = x_{[1:]} - x_{[:-1]}"),
    ("-log(softmax(W @ x)[0])", {"W": ("k", "d"), "x": ("d",)}, {}, "W", 1,
     r"(\operatorname{softmax}(W x) - \operatorname{place}_{[0]}(1)) x^\top"),
    ("tr(A @ inv(B)) - logdet(A @ inv(B))", {"A": ("n", "n"), "B": ("n", "n")}, {"A": ("pd",), "B": ("pd",)}, "A", 1,
     r"B^{-1} - A^{-1}"),
    ("-sum(softmax(p) * log_softmax(p))", {"p": ("k",)}, {}, "p", 1,
     r"\operatorname{softmax}(p) \odot ((p^\top \operatorname{softmax}(p)) \mathbf{1} - p)"),
    ("sum(P*log(1 + sum((Y[:, None, :] - Y)**2, axis=2)))", {"P": ("n", "n"), "Y": ("n", "k")}, {"P": ("symmetric",)},
     "Y", 1, r"4 \sum_{m} \frac{(Y_{i j} - Y_{m j}) P_{i m}}{1 + \sum_{n} (Y_{i n} - Y_{m n})^{2}}"),
    ("logdet(exp(-sum((X[:, None, :] - X)**2, axis=2)/(2*l**2)) + s*eye(n))/2", {"X": ("n", "d"), "l": (), "s": ()},
     {"l": ("positive",), "s": ("positive",)}, "X", 1,
     r"-\frac{1}{l^{2}} \sum_{m} (R^{-1})_{i m} P_{i m} (X_{i j} - X_{m j}) \quad\text{where } P_{i j} = "
     r"\exp\left(-\frac{1}{2 l^{2}} \sum_{m} (X_{i m} - X_{j m})^{2}\right),\; R = P + s I"),
    ("a @ exp(-sum((X[:, None, :] - X)**2/l**2, axis=2)/2) @ a", {"X": ("n", "d"), "a": ("n",), "l": ("d",)}, {},
     "l", 1,
     r"\sum_{m, n} \frac{\exp\left(-\frac{1}{2} \sum_{h} \frac{(X_{m h} - X_{n h})^{2}}{l_{h}^{2}}\right) "
     r"(X_{m i} - X_{n i})^{2} a_{m} a_{n}}{l_{i}^{3}}"),
    ("sum(P*(f[:, None] - f)**2)/2", {"P": ("n", "n"), "f": ("n",)}, {"P": ("symmetric",)}, "P", 1,
     r"\frac{1}{2} (f \mathbf{1}^\top - \mathbf{1} f^\top)^{\odot 2}"),
    ("n*sum((X @ w)**4)/sumsq(X @ w)**2", {"X": ("n", "d"), "w": ("d",)}, {}, "w", 0,
     r"\frac{n \mathbf{1}^\top (X w)^{\odot 4}}{\lVert X w \rVert_2^4}"),
    ("rho*(q @ exp(x/rho))", {"rho": (), "q": ("n",), "x": ("n",)}, {}, "q", 0,
     r"\rho q^\top \exp\left(\frac{x}{\rho}\right)"),
    ("sum(F*(W @ V.T + b[:, None])**2)", {"F": ("n", "m"), "W": ("n", "k"), "V": ("m", "k"), "b": ("n",)}, {}, "b", 1,
     r"2 (F \odot (W V^\top + b \mathbf{1}^\top)) \mathbf{1}"),
    ("sumsq(U.T @ X.T @ X @ U - eye(k))/4 - tr(U.T @ X.T @ Y @ V)",
     {"X": ("n", "p"), "Y": ("n", "q"), "U": ("p", "k"), "V": ("q", "k")}, {}, "U", 1,
     r"X^\top (X (U U^\top X^\top X U - U) - Y V)"),
    ("logdet(U.T @ X.T @ X @ U)", {"X": ("n", "p"), "U": ("p", "k")}, {}, "U", 0,
     r"\log\det (U^\top X^\top X U)"),
    ("sumsq(tanh(X @ w) - y)/2", {"X": ("n", "d"), "y": ("n",), "w": ("d",)}, {}, "w", 2,
     r"X^\top \operatorname{diag}((h \odot (3 h - 2 y) - \mathbf{1}) \odot (h^{\odot 2} - \mathbf{1})) X"
     r" \quad\text{where } h = \tanh(X w)"),
    ("x @ A @ x / (x @ x)", {"A": ("n", "n"), "x": ("n",)}, {"A": ("symmetric",)}, "x", 2,
     r"\frac{2}{x^\top x} \left(\frac{1}{x^\top x} \left(2 \left(\left(\frac{2 t}{x^\top x} x - A x\right) x^\top"
     r" - x x^\top A\right) - t I\right) + A\right) \quad\text{where } t = x^\top A x"),
    ("sumsq(A @ W @ B)/2", {"A": ("m", "n"), "W": ("n", "p"), "B": ("p", "q")}, {}, "W", 2,
     r"(B B^\top)_{j l} (A^\top A)_{i k} \quad\text{or, on } \operatorname{vec},\quad (B B^\top) \otimes (A^\top A)"),
    ("sumsq(X - U @ V.T)/2", {"X": ("n", "d"), "U": ("n", "k"), "V": ("d", "k")}, {}, "U", 1,
     r"(U V^\top - X) V"),
    ("sum(t * sigmoid((W @ x)[h:]) * tanh((W @ x)[:h]))", {"W": ("2*h", "d"), "x": ("d",), "t": ("h",)}, {}, "x", 1,
     r"-W^\top \begin{bmatrix} t \odot (v^{\odot 2} - \mathbf{1}) \odot u \\ t \odot (u - \mathbf{1})"
     r" \odot v \odot u \end{bmatrix} \quad\text{where } u = \sigma((W x)_{[h:]}),\; v = \tanh((W x)_{[:h]})"),
    ("sum(x[h:2*h])", {"x": ("4*h",)}, {}, "x", 0, r"\mathbf{1}^\top x_{[h:2 h]}"),
    ("y @ inv(kron(A, B)) @ y + logdet(kron(A, B))", {"A": ("n", "n"), "B": ("m", "m"), "y": ("n*m",)},
     {"A": ("pd",), "B": ("pd",)}, "A", 1,
     r"m A^{-1} - A^{-1} \operatorname{reshape}_{n \times m}(y) B^{-1} \operatorname{reshape}_{n \times m}(y)^\top"
     r" A^{-1}"),
    ("stack([-a**2 - b**2, a])", {"a": (), "b": ()}, {}, "a", 0,
     r"\begin{bmatrix} -b^2 - a^2 \\ a \end{bmatrix}"),
    ("sum(sqrt(sum((X[:, None, :] - Y)**2, axis=2)))", {"X": ("n", "d"), "Y": ("m", "d")}, {}, "X", 1,
     r"\sum_{m} \frac{X_{i j} - Y_{m j}}{\sqrt{\sum_{n} (X_{i n} - Y_{m n})^{2}}}"),
    ("logsumexp(stack([a, 2*b]))", {"a": (), "b": ()}, {}, "a", 0,
     r"\operatorname{logsumexp}\left(\begin{bmatrix} a \\ 2 b \end{bmatrix}\right)"),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "variables", "facts", "by", "order", "latex"), EXACT)
def test_exact_strings(objective: str, variables: Any, facts: Any, by: str, order: int, latex: str) -> None:
    """What a textbook prints."""
    expression = dv.parse(objective, variables=variables, facts=facts)
    if order:
        expression = (dv.gradient if order == 1 else dv.hessian)(expression, by)
    assert expression.latex() == latex


LINES: list[tuple[str, dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], str, list[str]]] = [
    ("mean(exp(-g*sum((X[:, None, :] - Y)**2, axis=2)))", {"X": ("n", "d"), "Y": ("m", "d"), "g": ()}, {}, "Y",
     ["2 g Σ_{h} exp(-g Σ_{u} (X[h,u] - Y[i,u])**2) (X[h,j] - Y[i,j]) / (m * n)"]),  # m is a size, and no index
    ("sum(R*sum((X[:, None, :] - M)**2/V, axis=2))/2 + sum(R @ log(V))/2",
     {"X": ("n", "d"), "R": ("n", "k"), "M": ("k", "d"), "V": ("k", "d")}, {}, "V",
     ["(Σ_{m} R[m,i] / V[i,j] - Σ_{m} (X[m,j] - M[i,j])**2 R[m,i] / V[i,j]**2) / 2"]),
    ("sumsq(A @ L.T) + sum(relu(1 + sum((A @ L.T)**2, axis=1) - sum((B @ L.T)**2, axis=1)))",
     {"A": ("n", "d"), "B": ("n", "d"), "L": ("k", "d")}, {}, "L",
     ["2 * L @ (A.T @ diag(1 + u) @ A - B.T @ diag(u) @ B)",
      "  where u = step(1 + sum((A @ L.T) ** 2, axis=1) - sum((B @ L.T) ** 2, axis=1))"]),
    ("sum(X @ softplus(W).T - X @ softplus(-W).T)", {"X": ("n", "d"), "W": ("k", "d")}, {}, "X",
     ["outer(ones(n), sum(W, axis=0))"]),
    ("r*log(mean(exp(x/r)))", {"x": ("n",), "r": ()}, {}, "x", ["softmax(x / r)"]),
    ("tr(inv(exp(-sum((X[:, None, :] - X)**2, axis=2)) + s*eye(n)))", {"X": ("n", "d"), "s": ()}, {}, "s",
     ["-sumsq(inv(R))", "  where R[i,j] = exp(-Σ_{m} (X[i,m] - X[j,m])**2) + s δ[i,j]"]),
]  # fmt: skip


@pytest.mark.parametrize(("objective", "variables", "facts", "by", "lines"), LINES)
def test_index_notation_in_text(
    objective: str, variables: Any, facts: Any, by: str, lines: list[str]
) -> None:
    """Divisors divide, summation indices are no names in use, and what is inverted has a name."""
    assert dv.gradient(dv.parse(objective, variables=variables, facts=facts), by).lines() == lines


def test_models_that_fit_a_line() -> None:
    """The gradients and Hessians that open every textbook."""
    shown = {d.wrt: d.latex for name in ("ridge", "logistic") for d in gradients(REGISTRY[name])}
    assert shown[("w",)] == r"\nabla_{w} f = X^\top (\sigma(X w) - y) + \lambda w"
    (hessian,) = hessians(REGISTRY["ridge"])
    assert hessian.latex == r"\nabla_{w}^2 f = X^\top X + \lambda I"


def parse(formula: str) -> None:
    """Matplotlib's own TeX reads the formula; it lacks the two fences, which have a plain twin."""
    from matplotlib.mathtext import MathTextParser

    plain = formula.replace("\\lVert", "\\Vert").replace("\\rVert", "\\Vert")
    MathTextParser("agg").parse(f"${plain}$")


@pytest.mark.parametrize("name", list(REGISTRY))
def test_models_parse(name: str) -> None:
    """Statement, gradients, Hessians and products of every model are LaTeX, of any number of axes."""
    model = REGISTRY[name]
    parse(model.expression().latex())
    for each in gradients(model) + hessians(model):
        assert "\t" not in each.latex and "\n" not in each.latex
        parse(each.latex)


def test_textbook_parses() -> None:
    """So are the derivatives of the textbook cases."""
    for case in json.loads(CASES.read_text(encoding="utf-8")):
        expression = dv.parse(case["objective"], variables=case["declare"], facts=case["facts"])
        derive = {1: dv.gradient, 2: dv.hessian}.get(case["order"], dv.jacobian)
        parse(derive(expression, case["wrt"]).latex())
