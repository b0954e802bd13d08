"""Patterns of closed forms on statements that no model states: the text, and numbers found without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import linalg

import derive as dv
from derive.errors import DeriveError, UnsupportedError

VARIABLES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"),
    "Y": ("n", "d"),
    "Z": ("n", "k"),
    "R": ("n", "k"),
    "U": ("n", "k"),
    "W": ("d", "k"),
    "C": ("k", "d"),
    "V": ("k", "d"),
    "D": ("k", "d", "d"),
    "T": ("d", "d"),
    "A": ("d", "d"),
    "B": ("d", "d"),
    "Q": ("d", "d"),
    "P": ("k", "k"),
    "N": ("k", "k"),
    "F": ("e", "d"),
    "g": ("e",),
    "w": ("d",),
    "c": ("d",),
    "mu": ("d",),
    "y": ("n",),
    "z": ("n",),
    "p": ("k",),
    "q": ("k",),
    "a": ("k",),
    "b": (),
    "v": (),
    "tau": (),
    "lam": (),
}
FACTS = {
    "R": ["positive"],
    "V": ["positive"],
    "D": ["pd"],
    "T": ["pd"],
    "A": ["symmetric"],
    "B": ["pd"],
    "Q": ["orthogonal"],
    "P": ["simplex"],
    "N": ["positive"],
    "p": ["simplex"],
    "a": ["positive"],
    "q": ["positive"],
    "v": ["positive"],
    "tau": ["positive"],
    "lam": ["positive"],
    "y": ["positive"],
}
SIZES = {"n": 9, "d": 4, "k": 3, "e": 2}
Arrays = Mapping[str, Any]


def problem(sense: str, objective: str, over: object, conditions: Sequence[str] = ()) -> dv.Problem:
    loss = dv.parse(objective, variables=VARIABLES, facts=FACTS)
    return getattr(dv, sense)(loss, over=over, subject_to=list(conditions))


def data() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    found: dict[str, Any] = {}
    for name, shape in VARIABLES.items():
        a = np.asarray(rng.standard_normal(tuple(SIZES[s] for s in shape)))
        facts = FACTS.get(name, [])
        if "pd" in facts:
            a = a @ np.swapaxes(a, -1, -2) + np.eye(a.shape[-1])
        if "symmetric" in facts:
            a = a + a.T
        found[name] = np.abs(a) + 0.2 if "positive" in facts else a
    return found


@dataclass(frozen=True)
class Case:
    """A statement, the text of its solution, and the solution found in another way."""

    sense: str
    objective: str
    over: str
    text: str
    numbers: Callable[[Arrays], Any]
    conditions: tuple[str, ...] = ()
    up_to: str = field(default="")  # "sign": eigenvectors; "span": orthonormal bases


def _least_squares(a: Any, b: Any) -> Any:
    return np.linalg.lstsq(a, b, rcond=None)[0]


def _means(r: Any, x: Any) -> Any:
    return np.array([np.average(x, axis=0, weights=r[:, k]) for k in range(r.shape[1])])


CASES = [
    Case(
        "minimize",
        "n/2*logdet(T) + tr(inv(T) @ (X - mu).T @ (X - mu))/2",
        "T",
        "T = (X - mu).T @ (X - mu) / n",
        lambda d: np.mean([np.outer(x - d["mu"], x - d["mu"]) for x in d["X"]], axis=0),
    ),
    Case(
        "maximize",
        "n*logdet(T)/2 - tr(T @ (X - mu).T @ (X - mu))/2",
        "T",
        "T = n * inv((X - mu).T @ (X - mu))",
        lambda d: np.linalg.inv(np.mean([np.outer(x - d["mu"], x - d["mu"]) for x in d["X"]], axis=0)),
    ),
    Case(
        "minimize",
        "sumsq(X - X @ W @ W.T)",
        "W",
        "W = the eigenvectors of X.T @ X to the k largest eigenvalues, as columns",
        lambda d: np.linalg.svd(d["X"], full_matrices=False)[2][:3].T,
        ("W.T @ W == eye(k)",),
        "span",
    ),
    Case(
        "minimize",
        "tr(W.T @ A @ W)",
        "W",
        "W = the eigenvectors of A relative to B to the k smallest eigenvalues, as columns",
        lambda d: linalg.eigh(d["A"], d["B"])[1][:, :3],
        ("W.T @ B @ W == eye(k)",),
        "span",
    ),
    Case(
        "minimize",
        "sumsq(X @ w)",
        "w",
        "w = the eigenvector of X.T @ X to the smallest eigenvalue",
        lambda d: np.linalg.svd(d["X"])[2][-1],
        ("w @ w == 1",),
        "sign",
    ),
    Case(
        "minimize",
        "sumsq(X @ Q - Y)",
        "Q",
        "Q = U @ V.T, where U @ diag(s) @ V.T = X.T @ Y (singular values)",
        lambda d: linalg.orthogonal_procrustes(d["X"], d["Y"])[0],
    ),
    Case(
        "minimize",
        "w @ A @ w / (w @ B @ w)",
        "w",
        "w = the eigenvector of A relative to B to the smallest eigenvalue",
        lambda d: linalg.eigh(d["A"], d["B"])[1][:, 0],
        (),
        "sign",
    ),
    Case(
        "maximize",
        "(w @ c)**2 / (w @ B @ w)",
        "w",
        "w = the eigenvector of outer(c, c) relative to B to the largest eigenvalue",
        lambda d: np.linalg.solve(d["B"], d["c"]) / np.sqrt(d["c"] @ np.linalg.solve(d["B"], d["c"])),
        (),
        "sign",
    ),
    Case(
        "minimize",
        "einsum('ik,ikd,ikd->', R, X[:, None, :] - C, X[:, None, :] - C)",
        "C",
        "C = diag(1 / sum(R, axis=0)) @ R.T @ X",
        lambda d: _means(d["R"], d["X"]),
    ),
    Case(
        "maximize",
        "sum(R * log(p))",
        "p",
        "p = sum(R, axis=0) / sum(R)",
        lambda d: d["R"].sum(0) / d["R"].sum(),
    ),
    Case(
        "maximize",
        "sum(N * log(P))",
        "P",
        "P = diag(1 / sum(N, axis=1)) @ N",
        lambda d: (d["N"].T / d["N"].sum(1)).T,
    ),
    Case(
        "minimize",
        "sum(a * log(a)) - a @ q",
        "a",
        "a = softmax(q)",
        lambda d: np.exp(d["q"]) / np.exp(d["q"]).sum(),
        ("sum(a) == 1",),
    ),
    Case(
        "minimize",
        "sumsq(w)",
        "w",
        "w = F.T @ inv(F @ F.T) @ g",
        lambda d: np.linalg.pinv(d["F"]) @ d["g"],
        ("F @ w == g",),
    ),
    Case(
        "minimize",
        "sumsq(X @ w - z) + lam * w @ B @ w",
        "w",
        "w = inv(lam * B + X.T @ X) @ X.T @ z",
        lambda d: _least_squares(
            np.vstack([d["X"], np.sqrt(0.7) * np.linalg.cholesky(d["B"]).T]), np.r_[d["z"], np.zeros(4)]
        ),
    ),
    Case(
        "minimize",
        "sum(y * (X @ w - z)**2)",
        "w",
        "w = inv(X.T @ diag(y) @ X) @ X.T @ (y * z)",
        lambda d: _least_squares(np.sqrt(d["y"])[:, None] * d["X"], np.sqrt(d["y"]) * d["z"]),
    ),
    Case(
        "minimize",
        "sumsq(X @ W - Z)",
        "W",
        "W = inv(X.T @ X) @ X.T @ Z",
        lambda d: _least_squares(d["X"], d["Z"]),
    ),
    Case(
        "minimize",
        "n/2*log(v) + sumsq(z - b)/(2*v)",
        "v",
        "v = sumsq(z - b) / n",
        lambda d: np.mean((d["z"] - d["b"]) ** 2),
    ),
    Case("maximize", "n*log(tau) - tau*sum(y)", "tau", "tau = n / sum(y)", lambda d: 1 / np.mean(d["y"])),
    Case(
        "minimize",
        "(v - b)**2/2 - lam*log(v)",
        "v",
        "v = (sqrt(4 * lam + b ** 2) + b) / 2",
        lambda d: np.roots([1, -d["b"], -0.7]).max(),
    ),
    Case(
        "maximize",
        "c @ w",
        "w",
        "w = c / norm(c)",
        lambda d: d["c"] / np.linalg.norm(d["c"]),
        ("sumsq(w) == 1",),
    ),
    Case("minimize", "sum(exp(z)) - y @ z", "z", "z = log(y)", lambda d: np.log(d["y"])),
    Case(
        "minimize",
        "einsum('ik,kd->', R, log(V))/2 + einsum('ik,ikd,kd->', R, (X[:, None, :] - C)**2, 1/V)/2",
        "V",
        "",
        lambda d: np.array(
            [np.average((d["X"] - d["C"][k]) ** 2, axis=0, weights=d["R"][:, k]) for k in range(3)]
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.sense} {c.objective} over {c.over}")
def test_pattern(case: Case) -> None:
    """The derived stationarity is solved; the numbers agree with another way of computing them to 1e-10."""
    arrays = {**data(), "lam": 0.7}
    stated = problem(case.sense, case.objective, case.over, case.conditions)
    form = stated.closed_form()[case.over]
    if case.text:
        assert form.lines()[0] == case.text
    assert form.latex() and "because" in str(form)
    given = {v.name: arrays[v.name] for v in stated.objective.declared if v.name != case.over}
    found = form.evaluate({**given, **SIZES})
    expected = case.numbers(arrays)
    if case.up_to == "sign":
        found, expected = (x / np.linalg.norm(x) * np.sign(x[0]) for x in (found, expected))
    if case.up_to == "span":
        assert np.abs(found @ np.linalg.lstsq(found, expected, rcond=None)[0] - expected).max() < 1e-10
    else:
        assert np.abs(found - expected).max() < 1e-10


@pytest.mark.parametrize("case", [c for c in CASES if c.up_to != "sign"], ids=lambda c: c.objective)
def test_no_point_nearby_is_better(case: Case) -> None:
    """A feasible point near the solution has no better value."""
    arrays = {**data(), "lam": 0.7}
    stated = problem(case.sense, case.objective, case.over, case.conditions)
    names = {v.name for v in stated.objective.declared}
    given = {k: a for k, a in arrays.items() if k in names and k != case.over}
    best = stated.closed_form()[case.over].evaluate({**given, **SIZES})
    rng = np.random.default_rng(0)
    sign = 1 if case.sense == "minimize" else -1

    def value(x: Any) -> float:
        return sign * float(stated.objective.evaluate({**given, case.over: x}))

    least = value(best)
    for _ in range(5):
        moved = _feasible(case, best + 0.05 * rng.standard_normal(np.shape(best)), best, arrays)
        assert value(moved) >= least - 1e-9 * (1 + abs(least))


def _feasible(case: Case, x: Any, best: Any, arrays: Arrays) -> Any:
    """A point near `x` that satisfies the facts and conditions."""
    facts = FACTS.get(case.over, [])
    if "pd" in facts:
        return (x + x.T) / 2 if np.linalg.eigvalsh((x + x.T) / 2).min() > 0 else best
    if "positive" in facts:
        x = np.abs(x)
    if "simplex" in facts or "sum(a) == 1" in case.conditions:
        x = np.abs(x)
        return x / x.sum(-1, keepdims=True)
    if "orthogonal" in facts or "W.T @ W == eye(k)" in case.conditions:
        left, _, right = np.linalg.svd(x, full_matrices=False)
        return left @ right
    if "W.T @ B @ W == eye(k)" in case.conditions:
        return x @ np.linalg.inv(np.linalg.cholesky(x.T @ arrays["B"] @ x)).T
    if any("w == 1" in c or "sumsq(w) == 1" in c for c in case.conditions):
        return x / np.linalg.norm(x)
    if "F @ w == g" in case.conditions:
        return x - np.linalg.pinv(arrays["F"]) @ (arrays["F"] @ x - arrays["g"])
    return x


def test_em_step() -> None:
    """The M-step of a mixture with full covariances: three blocks, in data and responsibilities alone."""
    objective = (
        "sum(R * log(p)) - einsum('ik,k->', R, logdet(D))/2"
        " - einsum('ik,ikd,kde,ike->', R, X[:, None, :] - C, inv(D), X[:, None, :] - C)/2"
    )
    forms = problem("maximize", objective, ["p", "C", "D"]).closed_form(joint=True)
    assert forms["p"].lines()[0] == "p = sum(R, axis=0) / sum(R)"
    assert forms["C"].lines()[0] == "C = diag(1 / sum(R, axis=0)) @ R.T @ X"
    arrays = data()
    given = {"R": arrays["R"], "X": arrays["X"]}
    centres = forms["C"].evaluate(given)
    covariances = forms["D"].evaluate(given, C=centres)
    for k in range(3):
        expected = np.cov(arrays["X"].T, aweights=arrays["R"][:, k], ddof=0)
        assert np.abs(covariances[k] - expected).max() < 1e-12


def test_joint_elimination() -> None:
    """Intercept and slopes together: centred least squares; mean and covariance together: the sample's."""
    arrays = data()
    line = problem("minimize", "sumsq(X @ w + b - z)", ["w", "b"]).closed_form(joint=True)
    w = line["w"].evaluate(X=arrays["X"], z=arrays["z"])
    b = line["b"].evaluate(X=arrays["X"], z=arrays["z"], w=w)
    expected = _least_squares(np.c_[arrays["X"], np.ones(9)], arrays["z"])
    assert np.abs(np.r_[w, b] - expected).max() < 1e-10
    both = problem("minimize", "n/2*logdet(T) + tr(inv(T) @ (X - mu).T @ (X - mu))/2", ["T", "mu"])
    forms = both.closed_form(joint=True)
    assert list(forms) == ["mu", "T"]
    mean = forms["mu"].evaluate(X=arrays["X"])
    assert np.abs(forms["T"].evaluate(X=arrays["X"], mu=mean) - np.cov(arrays["X"].T, ddof=0)).max() < 1e-12
    with pytest.raises(UnsupportedError):
        problem("minimize", "sumsq(X - U @ W.T) + lam*sumsq(U) + lam*sumsq(W)", ["U", "W"]).closed_form(
            joint=True
        )


def test_alternating_least_squares() -> None:
    """Block by block, each step lowers the objective; the steps are ridge regressions."""
    stated = problem("minimize", "sumsq(X - U @ W.T) + lam*sumsq(U) + lam*sumsq(W)", ["U", "W"])
    forms = stated.closed_form()
    assert forms["U"].lines()[0] == "U = X @ W @ inv(W.T @ W + lam * eye(k)) for fixed W"
    assert forms["U"].condition == ""
    arrays = {k: data()[k] for k in ("X", "W")} | {"lam": 0.3}
    values = []
    for _ in range(6):
        arrays["U"] = forms["U"].evaluate(arrays)
        arrays["W"] = forms["W"].evaluate(arrays)
        values.append(float(stated.objective.evaluate(arrays)))
    assert values == sorted(values, reverse=True)


def test_agrees_with_a_solver() -> None:
    """The fit of the solver, certified, and the closed form to 1e-10."""
    arrays = data()
    sizes = {"X": ("n", "d"), "z": ("n",), "w": ("d",), "lam": ()}
    loss = dv.parse("sumsq(X @ w - z)/2 + lam/2*sumsq(w)", variables=sizes, facts={"lam": ["positive"]})
    stated = dv.minimize(loss, over="w")
    given = {"X": arrays["X"], "z": arrays["z"], "lam": 0.3}
    fitted = stated.solve(given, backend="numpy", tolerance=1e-12)
    assert np.abs(stated.closed_form()["w"].evaluate(given) - fitted["w"]).max() < 1e-10


def test_conditions_are_checked_on_data() -> None:
    """Outside its condition a closed form gives no number."""
    nearest = problem("minimize", "sumsq(w - c)", "w", ["w >= 0"]).closed_form()["w"]
    assert nearest.condition == "c >= 0"
    assert nearest.evaluate(c=[1.0, 2.0]).tolist() == [1.0, 2.0]
    with pytest.raises(UnsupportedError, match="needs c to be >= 0"):
        nearest.evaluate(c=[1.0, -2.0])
    covariance = problem("minimize", "n/2*logdet(T) + tr(inv(T) @ X.T @ X)/2", "T").closed_form()["T"]
    with pytest.raises(UnsupportedError, match="positive definite"):
        covariance.evaluate(X=np.zeros((3, 2)))


def test_singular_data_give_the_solution_of_least_norm() -> None:
    """Two equal columns: the pseudo-inverse; a gradient that is nowhere zero is an error."""
    x = np.random.default_rng(1).standard_normal((6, 3))
    x = np.c_[x, x[:, 0]]
    z = np.arange(6.0)
    form = problem("minimize", "sumsq(X @ w - z)", "w").closed_form()["w"]
    assert np.abs(form.evaluate(X=x, z=z) - np.linalg.pinv(x) @ z).max() < 1e-9
    unbounded = problem("minimize", "sumsq(X @ w)/2 - c @ w", "w").closed_form()["w"]
    with pytest.raises(UnsupportedError, match="no w makes the gradient zero"):
        unbounded.evaluate(X=x, c=[1.0, 0, 0, 0])


@pytest.mark.parametrize(
    ("sense", "objective", "over", "conditions"),
    [
        ("minimize", "-sumsq(w) + c @ w", "w", ()),  # a maximum
        ("minimize", "sumsq(X @ w - z)", "w", ("w >= 0",)),
        ("minimize", "n*log(b) + sumsq(z)/b**2", "b", ()),  # two roots of either sign
        ("minimize", "tr(W.T @ A @ W) + sum(W)", "W", ("W.T @ W == eye(k)",)),
        ("minimize", "tr(W.T @ A @ W)", "W", ("W @ W.T == eye(d)",)),
        ("minimize", "tr(W.T @ A @ W)", "W", ("W.T @ W + W.T @ B @ W == 0*eye(k)",)),
        ("minimize", "sumsq(X @ W - Z)", "W", ("W.T @ W == eye(k)",)),  # the unbalanced Procrustes problem
        ("minimize", "w @ A @ w / (w @ B @ w) + sumsq(w)", "w", ()),
        ("minimize", "exp(w @ A @ w / (w @ B @ w)) - w @ c", "w", ()),
        ("maximize", "sum(N * log(P))", "P", ("sum(P, axis=0) == 1",)),
        ("minimize", "sum(q * a * log(a))", "a", ("sum(a) == 1",)),  # weights differ: no closed form
        ("minimize", "logdet(T) + tr(inv(T) @ A) + tr(T)", "T", ()),  # a Riccati equation
    ],
)
def test_nothing_is_claimed(sense: str, objective: str, over: str, conditions: tuple[str, ...]) -> None:
    """Where no pattern matches, there is an error that says why."""
    with pytest.raises(DeriveError):
        problem(sense, objective, over, conditions).closed_form()
