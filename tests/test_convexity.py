"""Convexity: what is certified is convex, what is refuted is not, and known traps are never certified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import derive as dv
from derive.convexity import Convexity, convexity
from derive.convexity.scalar import nonnegative
from derive.operations import find_variable

VARIABLES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"),
    "y": ("n",),
    "w": ("d",),
    "lam": (),
    "x": ("d",),
    "s": (),
    "t": (),
    "r": (),
    "W": ("d", "k"),
    "V": ("d", "k"),
    "S": ("d", "d"),
    "C": ("d", "d"),
    "Y": ("n", "k"),
    "p": ("d",),
    "q": ("d",),
}
FACTS = {"lam": ["positive"], "S": ["pd"], "p": ["positive"], "q": ["positive"], "r": ["positive"]}


def verdict(text: str, names: str, **more: bool) -> Convexity:
    loss = dv.parse(text, variables=VARIABLES, facts=FACTS)
    return convexity(loss.node, [find_variable(loss, name) for name in names.split()], **more)


#: Convex, and rejected by disciplined convex programming as written (or beyond its rules).
BEYOND_DCP: Sequence[tuple[str, str]] = [
    ("sum(p * log(p / q))", "p q"),
    ("sum(p * log(p))", "p"),
    ("sum(sqrt(1 + x**2))", "x"),
    ("sqrt(1 + sumsq(x))", "x"),
    ("sum(log(1 + exp(x)))", "x"),
    ("(X @ w - y) @ (X @ w - y)", "w"),
    ("w @ X.T @ X @ w - 2 * y @ X @ w + y @ y", "w"),
    ("sum(log(1 + exp(-y * (X @ w)))) + lam / 2 * (w @ w)", "w"),
    ("log(sum(exp(X @ w)))", "w"),
    ("sum(log(cosh(x)))", "x"),
    ("s**2 + t**2 + s*t", "s t"),
    ("exp(s + t) + (s - t)**2", "s t"),
    ("sumsq(x) / r", "x r"),
    ("sum(1 / p)", "p"),
    ("tr(inv(S))", "S"),
    ("norm(X @ w - y)**3", "w"),
    ("sum(x * x * x * x)", "x"),
    ("sum(exp(x) + exp(-x))", "x"),
    ("sum(relu(x) * relu(x))", "x"),
    ("-sum(log(y - X @ w))", "w"),
    ("sum(p**(3/2))", "p"),
]
CONVEX: Sequence[tuple[str, str]] = [
    *BEYOND_DCP,
    ("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", "w"),
    ("logsumexp(X @ w)", "w"),
    ("norm(X @ w - y)", "w"),
    ("sum(exp(X @ w)) - y @ X @ w", "w"),
    ("-logdet(S)", "S"),
    ("tr(C @ S) - logdet(S)", "S"),
    ("sum(abs(X @ w - y)) + lam*norm(w, 1)", "w"),
    ("sum(maximum(1 - y*(X @ w), 0)) + lam*sumsq(w)", "w"),
    ("max(x)", "x"),
    ("sumsq(X @ W - Y) + lam*sumsq(W)", "W"),
    ("r**3", "r"),
    ("sum(logsumexp(X @ W, axis=1)) - sum(Y * (X @ W))", "W"),
]
TRAPS: Sequence[tuple[str, str]] = [
    ("s * t", "s t"),
    ("s**3", "s"),
    ("(1 - s)**2 + 100*(t - s**2)**2", "s t"),
    ("sum(x) / sum(p)", "p x"),
    ("logdet(S)", "S"),
    ("sumsq(W @ V.T - C)", "W V"),
    ("-sum(abs(x))", "x"),
    ("min(x)", "x"),
    ("1 / t**2", "t"),
    ("1 / sumsq(x)", "x"),
    ("sum(sigmoid(x))", "x"),
    ("-norm(x)", "x"),
    ("sum(log(1 + x**2))", "x"),
    ("w @ C @ w", "w"),
    ("sum(minimum(x**2, 1))", "x"),
    ("sum(step(x))", "x"),
    ("sum(sign(x))", "x"),
    ("norm(x)**(1/2)", "x"),
    ("abs(sumsq(x) - 1)", "x"),
    ("exp(-sumsq(x))", "x"),
    ("sumsq(W.T @ W - eye(k))", "W"),
    ("sum(x * abs(x))", "x"),
    ("det(S)", "S"),
    ("-logsumexp(x)", "x"),
    ("sum(where(x, x**2, 1))", "x"),
    ("sqrt(sqrt(sumsq(x)))", "x"),
    ("sum(relu(x) * relu(-x + 1))", "x"),
]


@pytest.mark.parametrize(("text", "names"), CONVEX)
def test_convex(text: str, names: str) -> None:
    """There is a proof, and it can be read."""
    found = verdict(text, names)
    assert found.status == "convex", found
    assert found.proof is None or ">= 0" in found.lines()[-1]


@pytest.mark.parametrize(("text", "names"), TRAPS)
def test_never_certified(text: str, names: str) -> None:
    """No proof is found of what is false."""
    assert verdict(text, names, look=False).status == "undecided"


@pytest.mark.parametrize(("text", "names"), TRAPS[:20])
def test_refuted_or_undecided(text: str, names: str) -> None:
    """A counterexample is a real one: the function violates convexity on numbers."""
    found = verdict(text, names)
    assert found.status in ("not convex", "undecided")
    if found.counterexample is not None:
        assert found.counterexample.value < 0


def test_counterexample_by_hand() -> None:
    """x y has negative curvature along (1, −1); the counterexample says where and along what."""
    found = verdict("s * t", "s t")
    assert found.counterexample is not None and found.counterexample.kind == "curvature"
    d = found.counterexample.direction
    assert 2 * float(d["s"]) * float(d["t"]) == pytest.approx(found.counterexample.value)


def test_domains() -> None:
    """A domain that is not convex spoils the certificate; one that is, is named."""
    assert "not known" in verdict("1 / t**2", "t", look=False).reason
    assert verdict("-sum(log(y - X @ w))", "w").domain == ("y - X @ w > 0",)


def test_problem() -> None:
    """A problem is convex when its objective, its inequalities and its equations allow it."""
    given = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    loss = "sumsq(X @ w - y)"
    good = dv.minimize(loss, over="w", subject_to=["sumsq(w) <= 1", "sum(w) == 1"], variables=given)
    assert good.convexity().status == "convex"
    assert "sum(w) == 1    [affine]" in str(good.convexity())
    bad = dv.minimize(loss, over="w", subject_to=["sumsq(w) == 1"], variables=given)
    assert bad.convexity().status == "undecided"
    wrong = dv.minimize(loss, over="w", subject_to=["sumsq(w) >= 1"], variables=given)
    assert wrong.convexity().status == "undecided"
    assert dv.maximize(loss, over="w", variables=given).convexity().status == "not convex"


def random_statement(rng: np.random.Generator, depth: int = 3) -> str:
    """A random expression in s, t (of either sign) and r > 0."""
    if depth == 0 or rng.random() < 0.15:
        return str(rng.choice(["s", "t", "r", "(s + t)", "(s - 2*t)", "2"]))
    a, b = random_statement(rng, depth - 1), random_statement(rng, depth - 1)
    forms = [
        f"({a} + {b})",
        f"({a} - {b})",
        f"({a} * {b})",
        f"({a})**2",
        f"exp({a})",
        f"log(1 + exp({a}))",
        f"sqrt(1 + ({a})**2)",
        f"abs({a})",
        f"relu({a})",
        f"({a}) / r",
        f"log(r) * ({a})",
        f"maximum({a}, {b})",
        f"tanh({a})",
    ]
    return str(rng.choice(forms))


def test_fuzz() -> None:
    """Whatever is certified survives a search for chords below the graph."""
    rng = np.random.default_rng(3)
    certified = 0
    for _ in range(30):
        text = random_statement(rng)
        loss = dv.parse(text, variables={"s": (), "t": (), "r": ()}, facts={"r": ["positive"]})
        found = convexity(loss.node, [find_variable(loss, n) for n in "str"], look=False)
        if found.status != "convex":
            continue
        certified += 1
        a = rng.normal(size=(3, 8)) * 2
        b = a + rng.normal(size=(3, 8)) * rng.choice([0.1, 1, 3], size=8)
        a[2], b[2] = np.abs(a[2]), np.abs(b[2])
        for i in range(8):
            ends = []
            for point in (a[:, i], b[:, i], (a[:, i] + b[:, i]) / 2):
                ends.append(float(loss.evaluate(dict(zip("str", point, strict=True)))))
            if np.isfinite(ends).all():
                assert ends[2] <= (ends[0] + ends[1]) / 2 + 1e-8 * (1 + abs(ends[0]) + abs(ends[1])), text
    assert certified >= 6


def test_scalar_signs() -> None:
    """Signs of a few numbers, by SymPy and by Sturm."""
    import sympy

    x, p = sympy.Symbol("x", real=True), sympy.Symbol("p", positive=True)
    assert nonnegative(x**4 - 2 * x**2 + 1)
    assert nonnegative(x**2 - x + 1, strict=True)
    assert nonnegative(1 / p + p) and not nonnegative(x) and not nonnegative(p - 1)
    assert nonnegative(1 - sympy.tanh(x) ** 2)
    assert not nonnegative(x**3 + 1) and not nonnegative(1 - x**2)


def test_bounds_of_the_hessian() -> None:
    """λI ≤ ∇²f ≤ λI + Xᵀdiag(y²)X/4 for ridge-logistic regression, never violated on random points."""
    text = "sum(log(1 + exp(-y * (X @ w)))) + lam / 2 * (w @ w)"
    loss = dv.parse(text, variables=VARIABLES, facts=FACTS)
    found = verdict(text, "w")
    assert found.lower is not None and found.upper is not None
    lower, upper = dv.Expression(found.lower), dv.Expression(found.upper)
    assert lower.same_as(dv.parse("lam * eye(d)", variables=VARIABLES, facts=FACTS))
    claim = dv.parse("lam * eye(d) + X.T @ diag(y**2) @ X / 4", variables=VARIABLES, facts=FACTS)
    assert upper.same_as(claim)
    rng = np.random.default_rng(0)
    hessian = dv.hessian(loss, "w")
    for _ in range(20):
        data = {"X": rng.normal(size=(5, 3)), "y": rng.normal(size=5), "lam": 0.3}
        h = hessian.evaluate({**data, "w": rng.normal(size=3)})
        assert np.linalg.eigvalsh(upper.evaluate(data) - h).min() > -1e-10
        assert np.linalg.eigvalsh(h).min() > 0.3 - 1e-10
    square = verdict("sumsq(X @ w - y)/2", "w")
    assert square.lower is square.upper
