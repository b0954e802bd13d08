"""Convexity: what is certified is convex, what is refuted is not, and known traps are never certified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import derive as dv
from derive.convexity import Convexity, convexity
from derive.convexity.scalar import nonnegative
from derive.operations import find_variable
from tests.bench.dcp import FACTS as ROW_FACTS
from tests.bench.dcp import PAGE, ROWS, SHAPES
from tests.convexity_fuzz import outcome, scalar

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
    ("sum(where(x == 1, 5, x**2))", "x"),
    ("sum(where(abs(x) <= 1, x**2, abs(x) + 1))", "x"),
    ("sum(where(abs(x) <= lam, x**2/2, abs(x) - lam/2))", "x"),
    ("sum(where(x > 0, x, 2*x))", "x"),
    ("sum(where(abs(x) <= 1, 1 - (1 - x**2)**3, 1))", "x"),
    ("sum(t*where(x > 0, x**2, 0))", "x"),
    ("sqrt(sqrt(sumsq(x)))", "x"),
    ("sum(relu(x) * relu(-x + 1))", "x"),
]


@pytest.mark.parametrize(("text", "names"), CONVEX)
def test_convex(text: str, names: str) -> None:
    """There is a proof, and it can be read."""
    found = verdict(text, names)
    assert found.status == "convex", found
    assert found.proof is None or ">= 0" in found.proof.lines()[-1]
    assert all(f"{kink.name} is the second derivative of" in str(found) for kink in found.kinks)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sum(where(abs(X @ w - y) <= lam, (X @ w - y)**2/2, lam*(abs(X @ w - y) - lam/2)))", "w"),
        ("sum(where(y > X @ w, 3/4, 1/4)*(y - X @ w)**2) + sumsq(w)", "w"),
        ("sum(where(x >= 1, 0, where(x <= 0, 1/2 - x, (1 - x)**2/2)))", "x"),
        ("sum(lam*where(x > 0, x**2, 0)) + logsumexp(x)", "x"),
    ],
)
def test_losses_by_cases(text: str, names: str) -> None:
    """Huber's, the expectile loss, the smoothed hinge: entry by entry, no slope falls where the pieces meet."""
    found = verdict(text, names, look=False)
    assert found.status == "convex", found
    assert "entry by entry" in "\n".join(found.lines())


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


def test_bounds_by_numbers_are_signs() -> None:
    """1/(x + c) is convex where x >= 0, x³ where x >= 1; other bounds say nothing of signs."""
    given = {"x": ("n",), "c": ("n",)}
    shares = dv.parse("sum(1/(x + c))", variables=given, facts={"c": ("positive",)})
    for bound in ("x >= 0", "0 <= x", "x >= 2"):
        found = dv.minimize(shares, over="x", subject_to=["sum(x) == 1", bound]).convexity()
        assert found.status == "convex" and found.domain[0] in ("x >= 0", "x > 0")
    cubes = dv.parse("sum(x**3)", variables={"x": ("n",)})
    assert dv.minimize(cubes, over="x", subject_to="x >= 1").convexity().status == "convex"
    assert dv.maximize(cubes, over="x", subject_to="x >= 1").convexity().status == "not convex"
    for bound in ("x >= -1", "x <= 1", "x + c >= 0", "x == 1"):
        assert dv.minimize(shares, over="x", subject_to=bound).convexity().status == "not convex"


def test_fuzz() -> None:
    """Whatever is certified among random statements has no chord below its graph, in 30 digits."""
    found = [
        outcome(scalar(np.random.default_rng([7, k]), 2), np.random.default_rng(k), 4) for k in range(60)
    ]
    assert not [f for f in found if f.violation]
    assert sum(f.status == "convex" for f in found) >= 3


def test_the_table_of_the_docs() -> None:
    """Each row again: what the page says is proved is proved, what it says is not convex never is."""
    rows = [
        line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    assert len(rows) == len(ROWS)
    for row, cells in zip(ROWS, rows, strict=True):
        assert cells[0] == f"| `{row.text}`"
        loss = dv.parse(row.text, variables=SHAPES, facts=ROW_FACTS)
        unknowns = [find_variable(loss, name) for name in row.unknowns.split()]
        assert convexity(loss.node, unknowns, look=False).status == cells[2].replace(
            "not convex", "undecided"
        )
        assert not (cells[2] != "convex" and cells[3].startswith("convex"))  # as strong as the rules of DCP


#: Losses in the columns of a matrix of points: the gradient at 10,000 points in one evaluation.
SMOOTH = [
    (
        "sum(log(1 + exp(-y*(X @ w)))) + lam/2*(w @ w)",
        "sum(log(1 + exp(-y[:, None]*(X @ P)))) + lam/2*sumsq(P)",
    ),
    ("sumsq(X @ w - y)/2 + lam*(w @ w)", "sumsq(X @ P - y[:, None])/2 + lam*sumsq(P)"),
    ("sum(sqrt(1 + (X @ w - y)**2)) + lam*(w @ w)", "sum(sqrt(1 + (X @ P - y[:, None])**2)) + lam*sumsq(P)"),
    ("logsumexp(X @ w) + lam*(w @ w)", "sum(logsumexp(X @ P, axis=0)) + lam*sumsq(P)"),
    ("sum(log(cosh(X @ w - y)))", "sum(log(cosh(X @ P - y[:, None])))"),
]


@pytest.mark.parametrize(("text", "batch"), SMOOTH)
def test_constants_hold_on_ten_thousand_points(text: str, batch: str) -> None:
    """μ‖a − b‖² ≤ ⟨∇f(a) − ∇f(b), a − b⟩ and ‖∇f(a) − ∇f(b)‖ ≤ L‖a − b‖, for 10,000 pairs."""
    rng = np.random.default_rng(4)
    data = {"X": rng.normal(size=(6, 3)), "y": rng.normal(size=6), "lam": 0.3}
    low, high = verdict(text, "w").constants(data)
    shapes = {**VARIABLES, "P": ("d", "m")}
    gradient = dv.gradient(dv.parse(batch, variables=shapes, facts=FACTS), "P")
    scale = rng.choice([1e-3, 1.0, 10.0], size=10_000)
    a = rng.normal(size=(3, 10_000)) * 3
    b = a + rng.normal(size=(3, 10_000)) * scale
    g = gradient.evaluate({**data, "P": a}) - gradient.evaluate({**data, "P": b})
    length = np.linalg.norm(a - b, axis=0)
    assert high is not None
    assert (np.linalg.norm(g, axis=0) <= high * length * (1 + 1e-9) + 1e-12).all()
    if low is not None:
        assert ((g * (a - b)).sum(0) >= low * length**2 * (1 - 1e-9) - 1e-12).all()


def test_constants_of_matrices_and_numbers() -> None:
    """Bounds of the Hessian in a matrix unknown and in a number."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, 3))
    top = np.linalg.eigvalsh(x.T @ x)[-1]
    ridge = verdict("sumsq(X @ W - Y)/2 + lam*sumsq(W)", "W").constants(X=x, lam=0.5, k=2)
    assert ridge == pytest.approx((np.linalg.eigvalsh(x.T @ x)[0] + 1, top + 1))
    soft = verdict("sum(logsumexp(X @ W, axis=1))", "W").constants(X=x, k=2)
    assert soft == (0.0, pytest.approx(top))
    assert verdict("lam*s**2 + softplus(s)", "s").constants(lam=2.0) == pytest.approx((4.0, 4.25))
    assert verdict("sum(exp(X @ w))", "w").constants(X=x)[1] is None


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


def test_bounds_where_negative_terms_are_dominated() -> None:
    """Log-sum-exp with ridge: the variance that is left is proved as it stands, not multiplied out."""
    variables = {"A": ("m", "n"), "b": ("m",), "x": ("n",)}
    found = dv.minimize("logsumexp(A @ x + b) + sumsq(x)/20", over="x", variables=variables).convexity()
    assert found.lower is not None
    assert dv.Expression(found.lower).same_as(dv.parse("eye(n)/10", variables={"n_": ("n",)}))


def test_bounds_of_several_unknowns_and_beside_kinks() -> None:
    """As quadratic forms in the directions; a kink leaves the lower bound."""
    loss = dv.parse(
        "sum(log(1 + exp(-y*(X @ w + s)))) + lam/2*sumsq(w)",
        variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "s": (), "lam": ()},
        facts={"lam": ("positive",)},
    )
    found = dv.minimize(loss, over=["w", "s"]).convexity()
    assert "second derivative >= lam * (d_w @ d_w)" in str(found)
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((6, 2)), np.array([1.0, -1.0, 2.0, 1.0, -1.0, 0.5])
    ones = np.column_stack([X, np.ones(6)])
    low, high = found.constants(X=X, y=y, lam=0.7)
    expected = ones.T @ np.diag(y**2) @ ones / 4 + np.diag([0.7, 0.7, 0.0])
    assert low == 0.0 and high == pytest.approx(np.linalg.eigvalsh(expected)[-1])
    text = "sumsq(X @ w - y)/2 + lam*norm(w, 1)"
    lasso = dv.parse(
        text, variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}, facts={"lam": ("positive",)}
    )
    found = dv.minimize(lasso, over="w").convexity()
    low, high = found.constants(X=X, y=y, lam=0.7)
    assert low == pytest.approx(np.linalg.eigvalsh(X.T @ X)[0]) and high is None
    assert found.record()["kinks"] == {"kink_1": "abs(w)"}


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("x @ inv(S) @ x + tr(S)", ["x", "S"]),  # a square in the metric of inv(S)
        ("maximum(sumsq(x), sum(exp(x)))", ["x"]),
        ("sum(maximum(x, 0)**2)", ["x"]),
    ],
)
def test_metrics_and_maxima(text: str, over: list[str]) -> None:
    """Matrix fractions jointly, maxima of functions of one unknown, squared hinges."""
    shapes = {"x": ("n",), "S": ("n", "n")}
    used = {k: shapes[k] for k in over}
    loss = dv.parse(text, variables=used, facts={"S": ("pd",)} if "S" in used else {})
    assert dv.minimize(loss, over=over).convexity().status == "convex"
    assert dv.maximize(loss, over=over).convexity().status == "not convex"


def test_long_forms_are_doubted_before_they_are_proved() -> None:
    """A network's loss is not convex: that is seen at a point, whether or not an example was asked for."""
    sizes = {f"W{k}": (f"d{k - 1}", f"d{k}") for k in (1, 2, 3)}
    loss = dv.parse(
        "sumsq(tanh(tanh(X @ W1) @ W2) @ W3 - Y)", variables={"X": ("n", "d0"), "Y": ("n", "d3"), **sizes}
    )
    unknowns = [find_variable(loss, name) for name in sizes]
    found = convexity(loss.node, unknowns, look=False)
    assert (
        found.status == "not convex" and found.counterexample is not None and found.counterexample.value < 0
    )
