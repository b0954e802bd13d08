"""Statements and data that have no optimum, or from which one is hard to reach: each is named, nothing is lost."""

from __future__ import annotations

import inspect
import signal
import sys
import time
import warnings
from typing import Any

import mpmath
import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, NotCertifiedWarning, ParseError, SizeError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 3))
SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
DATA = {"X": X, "y": X[:, 0]}


def solve(objective: str, shapes: Any, data: Any, **settings: Any) -> Any:
    return dv.minimize(objective, over="w", variables=shapes).solve(data, backend="numpy", **settings)


@pytest.mark.parametrize(
    ("start", "error", "words"),
    [
        (np.zeros(4), SizeError, "axis 0 has length 4"),
        (np.full(3, np.nan), DataError, "not finite"),
        (np.zeros((3, 1)), SizeError, "w"),
    ],
)
def test_wrong_start(start: Any, error: Any, words: str) -> None:
    """A warm start of a wrong size, or with holes, is an error that names the unknown."""
    with pytest.raises(error, match=words):
        solve("sumsq(X @ w - y)", SHAPES, DATA, start={"w": start})


@pytest.mark.parametrize(
    ("objective", "shapes", "data", "words"),
    [
        ("log(w) - w", {"w": ()}, {}, "unbounded|no minimum"),
        ("-log(w)", {"w": ()}, {}, "unbounded|no minimum"),
        ("w[0]**2 - w[1]**2", {"w": (2,)}, {}, "unbounded"),
        ("sum(softplus(w*y))", {"w": (), "y": ("n",)}, {"y": np.ones(3)}, "no minimum is attained"),
        ("sumsq(exp(w*y))", {"w": (), "y": ("n",)}, {"y": np.ones(3)}, "no minimum is attained"),
        ("log(-1 - w**2)", {"w": ()}, {}, "not finite at the start"),
        ("w**3", {"w": ()}, {}, "unbounded"),
        ("sum(w)", {"w": (2,)}, {}, "unbounded"),
        ("norm(w, 1) - 2*sum(w)", {"w": (2,)}, {}, "unbounded"),
    ],
)
def test_no_minimum(objective: str, shapes: Any, data: Any, words: str) -> None:
    """What has no minimum is said to have none."""
    import re

    result = solve(objective, shapes, data)
    assert not result.success
    assert re.search(words, result.message), result.message


@pytest.mark.parametrize("seed", [1, 12, 28, 34])
def test_separable_data_in_large_units(seed: int) -> None:
    """Margins so large that value and slope are 0, or rounding, from the start: a tail and no end."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(2, 30)), int(rng.integers(1, 6))
    rows = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-4, 6)
    labels = np.eye(3)[np.argmax(rows @ rng.standard_normal((d, 3)), axis=1)]
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "w": ("d", "k")}
    result = solve("sum(logsumexp(X @ w, axis=1)) - sum(Y*(X @ w))", shapes, {"X": rows, "Y": labels})
    assert not result.success and "no minimum is attained" in result.message
    half = (rows @ rng.standard_normal(d) > 0).astype(float)
    result = solve("mean(softplus(X @ w) - y*(X @ w))", SHAPES, {"X": rows, "y": half})
    assert not result.success and "no minimum is attained" in result.message


@pytest.mark.parametrize(
    ("objective", "shape", "optimum"),
    [("w[0]**2 - w[1]**2 + w[1]**4", (2,), -0.25), ("sumsq(w**2 - 1)", (2,), 0.0)],
)
def test_saddle_start(objective: str, shape: Any, optimum: float) -> None:
    """A start at a saddle or a maximum, where the gradient vanishes, is left along negative curvature."""
    result = solve(objective, {"w": shape}, {}, start={"w": np.zeros(2)})
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, abs=1e-12)


@pytest.mark.parametrize(("objective", "optimum"), [("w - log(w)", 1.0), ("(w - 5)**2 + 0*sqrt(w - 2)", 0.0)])
def test_start_outside_the_domain(objective: str, optimum: float) -> None:
    """Without a start of the user's, one is found where the objective is defined."""
    result = solve(objective, {"w": ()}, {})
    assert result.success, result.message
    assert result.fun == pytest.approx(optimum, abs=1e-12)


@pytest.mark.parametrize("name", ["lbfgs", "bfgs", "newton-cg", "nesterov"])
def test_a_saddle_is_never_certified(name: str) -> None:
    """Methods that see no Hessian: the certificate looks for curvature by itself, and the message names it."""
    result = solve("sum((w**2 - 1)**2)", {"w": (2,)}, {}, start={"w": np.zeros(2)}, method=name)
    assert not result.success and "saddle" in result.message and (result["w"] == 0).all()


def test_factorisation_leaves_zero() -> None:
    """u = v = 0 is a saddle of ‖A − uvᵀ‖²; the plan's method goes on from a point nearby."""
    shapes = {"A": ("n", "m"), "u": ("n", "k"), "v": ("m", "k")}
    problem = dv.minimize("sumsq(A - u @ v.T)", over=["u", "v"], variables=shapes)
    zero = {"u": np.zeros((3, 1)), "v": np.zeros((2, 1))}
    result = problem.solve(A=np.outer(np.arange(3.0), [1.0, 2.0]), start=zero, backend="numpy")
    assert result.success and result.fun < 1e-12


@pytest.mark.parametrize(
    ("objective", "fact", "conditions"),
    [
        ("exp(-w)", "positive", []),
        ("1/w", "nonnegative", []),
        ("w**2 - 3*w**2", "nonnegative", []),
        ("w", "", ["w <= 1"]),
        ("2*abs(w) - 3*w", "", []),
    ],
)
def test_no_minimum_with_constraints(objective: str, fact: str, conditions: list[str]) -> None:
    """Facts and constraints that hold nothing back."""
    facts = {"w": (fact,)} if fact else None
    problem = dv.minimize(objective, over="w", variables={"w": ()}, facts=facts, subject_to=conditions)
    result = problem.solve(backend="numpy")
    assert not result.success
    assert "unbounded" in result.message or "no minimum is attained" in result.message


@pytest.mark.parametrize(
    "conditions",
    [
        ["w >= 1", "sum(w) <= 1"],
        ["sum(w) == 1", "sum(w) == 2"],
        ["w >= 1", "w <= 0"],
        ["sumsq(w) <= -1"],
        ["sumsq(w) <= 1", "sum(w) >= 3"],
    ],
)
def test_infeasible(conditions: list[str]) -> None:
    """No point satisfies the constraints; the point that comes back says by how much."""
    problem = dv.minimize("sumsq(w)", over="w", variables={"w": ("d",)}, subject_to=conditions)
    result = problem.solve(d=2, backend="numpy")
    assert not result.success
    assert "infeasible" in result.message and "violated" in str(result.certificate)
    assert np.isfinite(result["w"]).all()


@pytest.mark.parametrize(
    ("conditions", "proved"),
    [
        (["sumsq(w) <= 1", "sum(w) >= 3"], True),
        (["sumsq(w) <= 1", "sumsq(w - 5) <= 1"], True),
        (["sum(exp(w)) <= 1", "sum(w) == 2"], True),
        (["logsumexp(w) <= 0", "w >= 0"], True),
        (["w**4 <= -1"], True),
        (["w[0]*w[1] >= 1", "sumsq(w) <= 1"], False),  # not convex: nothing is claimed
    ],
)
def test_curved_conditions_that_exclude_each_other(conditions: list[str], proved: bool) -> None:
    """Cutting planes prove it where all conditions are convex; elsewhere they may be infeasible."""
    problem = dv.minimize("sumsq(w - 1)", over="w", variables={"w": ("d",)}, subject_to=conditions)
    result = problem.solve(d=2)
    assert not result.success and "constraints are violated by" in result.message
    assert result.message.startswith("infeasible: no point") is proved, result.message


@pytest.mark.parametrize("seed", range(12))
def test_touching_conditions_are_not_excluded(seed: int) -> None:
    """Convex conditions that share a point, or a little more, in any units."""
    from derive.solving.contradictions import are_concave, exclude_each_other
    from derive.solving.instance import Instance
    from derive.solving.placed import Placed

    rng = np.random.default_rng(seed)
    scale, room = 10.0 ** rng.uniform(-3, 3), 10.0 ** rng.uniform(-9, 0)
    B, c, x = rng.standard_normal((3, 3)), scale * rng.standard_normal(3), scale * rng.standard_normal(3)
    shapes = {"B": ("d", "d"), "c": ("d",), "w": ("d",), "r": (), "s": ()}
    conditions = ["sumsq(B @ w - c) <= r", "sum((w - c)**4) <= s"]
    problem = dv.minimize("sumsq(w)", over="w", variables=shapes, subject_to=conditions)
    data = {"B": B, "c": c, "r": ((B @ x - c) ** 2).sum() + room, "s": ((x - c) ** 4).sum()}
    instance = Instance(problem._posed, data, {})
    placed = Placed(problem._posed.constrained, instance.data, instance.binding)
    point = placed.start({"w": np.zeros(3)}, False)
    assert are_concave([side for side, _ in placed.derived.bent], placed.derived.problem.unknowns)
    assert not exclude_each_other(placed.functions(point, "numpy"), placed.layout.pack(point))


def test_few_iterations_tell_nothing_of_the_constraints() -> None:
    """A run that somebody limits has not converged; that the constraints may be infeasible would be a guess."""
    problem = dv.minimize(
        "sum(w*log(w))/10 + sumsq(X @ w - y)",
        over="w",
        variables=SHAPES,
        subject_to=["w >= 0", "sum(w) == 1"],
    )
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 6))
    data = {"X": rows, "y": rows @ rng.standard_normal(6) + 0.3 * rng.standard_normal(400)}
    result = problem.solve(data, max_iterations=1)
    assert not result.success and result.status == 1
    assert result.message.startswith("not converged after 1 iterations")
    assert problem.solve(data).success


def test_an_interrupt_loses_nothing() -> None:
    """Ctrl-C in the middle of a run: the best point so far, not certified, by every way that a problem can go."""
    rows = {"X": X, "y": (X[:, 0] > 0.1).astype(float)}
    for objective, conditions in (
        ("sum(softplus(X @ w)) - y @ X @ w + sumsq(w)", []),
        ("sumsq(y - exp(X @ w))", []),
        ("sum(softplus(X @ w)) - y @ X @ w + sumsq(w)", ["sum(w) == 1"]),
    ):

        def interrupt(seen: Any) -> None:
            if seen.nit == 2:
                raise KeyboardInterrupt

        problem = dv.minimize(objective, over="w", variables=SHAPES, subject_to=conditions)
        result = problem.solve(rows, backend="numpy", callback=interrupt)
        assert not result.success and "interrupted" in result.message
        assert np.isfinite(result["w"]).all() and result.nit <= 3


def test_bad_settings() -> None:
    wrong: list[dict[str, Any]] = [
        *({"max_time": -1.0}, {"max_iterations": 0}, {"max_iterations": 1.5}, {"tolerance": 2.0}),
        *(
            {"tolerance": "x"},
            {"starts": 0},
            {"seed": "x"},
            {"callback": 3},
            {"method": 3},
            {"options": {"a": 1}},
        ),
    ]
    for each in wrong:
        (name,) = each
        with pytest.raises(dv.errors.ArgumentError, match=name):
            solve("sumsq(X @ w - y)", SHAPES, DATA, **each)
    with pytest.raises(dv.errors.ArgumentError, match="backend"):
        dv.minimize("sumsq(w)", over="w", variables={"w": ("d",)}).solve(d=2, backend="jax")
    with pytest.raises(DataError, match="does not hold numbers"):
        solve("sumsq(X @ w - y)", SHAPES, DATA, start={"w": ["a", "b", "c"]})


def test_singular_system() -> None:
    """Repeated columns: one of the many minimisers."""
    result = solve("sumsq(X @ w - y)", SHAPES, {"X": np.hstack([X, X]), "y": X[:, 0] + 1})
    assert result.success, result.message


def test_limits_of_a_run() -> None:
    """Time and iterations that ran out are named."""
    growth = ("sumsq(y - exp(w*y))", {"w": (), "y": ("n",)}, {"y": np.arange(1.0, 5.0)})
    assert "max_time" in solve(*growth, max_time=1e-9).message
    assert "1 iterations" in solve(*growth, max_iterations=1).message


@pytest.mark.parametrize("subject_to", [[], ["sum(w) == 1"]])
def test_an_interrupt_before_the_first_step(subject_to: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while something is derived or compiled: the start comes back, judged, and nothing is raised."""

    def interrupted(*given: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("derive.solving.route._once", interrupted)
    problem = dv.minimize(
        "sumsq(X @ w)", over="w", variables={"X": ("n", "d"), "w": ("d",)}, subject_to=subject_to
    )
    found = problem.solve(X=np.eye(2), start={"w": [3.0, 4.0]})
    assert not found.success and found.nit == 0 and found.fun == 25.0
    assert found.message.startswith("interrupted before the first step")
    assert found["w"].tolist() == [3.0, 4.0]


def test_an_interrupt_while_data_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data may be in a file, or have to be computed: the start comes back, which nobody has looked at."""

    def interrupted(*given: Any) -> Any:
        raise KeyboardInterrupt

    problem = dv.minimize("sumsq(X @ w)", over="w", variables={"X": ("n", "d"), "w": ("d",)})
    monkeypatch.setattr("derive.evaluate.check_entries", interrupted)
    with pytest.warns(NotCertifiedWarning, match="not judged"):
        found = problem.solve(X=np.eye(2))
    assert not found.success and np.isnan(found.fun) and found["w"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("objective", "subject_to"),
    [
        ("sum(softplus(-y*(X @ w))) + sumsq(w)", []),
        ("sumsq(X @ w - y) + norm(w, 1)", []),
        ("sumsq(X @ w - y) + norm(w)", []),
        ("sumsq(y - sin(X @ w))", []),
        ("sumsq(X @ w - y)", ["sum(w) == 1"]),
        ("sum(abs(X @ w - y))", []),
        ("norm(X @ w - y) + norm(w)", ["norm(w) <= 1"]),
    ],
)
def test_an_interrupt_anywhere_loses_nothing(objective: str, subject_to: list[str]) -> None:
    """Ctrl-C at calls spread over the whole of `solve`: nothing is raised, and late in a run its point comes back."""
    rows = np.random.default_rng(0).standard_normal((30, 4))
    problem = dv.minimize(objective, over="w", variables=SHAPES, subject_to=subject_to)
    given = {"X": rows[:, 1:], "y": rows[:, 0]}
    plain, calls, last = problem.solve(given), 0, 0

    def interrupt(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        if event == "call":
            calls += 1
            generates = (
                frame.f_code.co_flags & inspect.CO_GENERATOR
            )  # may be one that is thrown away, and raises nothing
            if 0 < last <= calls and not generates:
                sys.setprofile(None)
                raise KeyboardInterrupt

    def found() -> Any:
        nonlocal calls
        calls = 0
        sys.setprofile(interrupt)
        try:
            return problem.solve(given)
        finally:
            sys.setprofile(None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        found()
        whole = calls
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            last = int(share * whole)
            result = found()
            assert result.success or "interrupted" in result.message
            assert np.isfinite(result["w"]).all()
        assert result.fun == pytest.approx(plain.fun, rel=1e-3)


def test_a_start_without_names() -> None:
    """An array alone is the start of the only unknown; of several it is refused with an example."""
    one = dv.minimize("sumsq(w - 1)", over="w", variables={"w": (2,)})
    assert one.solve(start=np.zeros(2), backend="numpy").success
    with pytest.raises(dv.errors.SizeError, match="axis 0 has length 3, but was declared 2"):
        one.solve(start=np.zeros(3))
    two = dv.minimize("sumsq(w - v)", over=["v", "w"], variables={"w": (2,), "v": (2,)})
    with pytest.raises(dv.errors.ArgumentError, match="'v': …, 'w': …"):
        two.solve(start=np.zeros(2))
    with pytest.raises(dv.errors.ArgumentError, match="max_time is a number of seconds"):
        two.solve(max_time="soon")


def test_a_matrix_that_becomes_singular_is_named() -> None:
    """log det S + tr S⁻¹C falls without end where C has no full rank: the message says what vanishes."""
    problem = dv.minimize(
        "logdet(S) + tr(inv(S) @ C)", over="S", variables={"S": (2, 2), "C": (2, 2)},
        facts={"S": ("pd",), "C": ("psd",)},
    )  # fmt: skip
    found = problem.solve(C=np.ones((2, 2)), backend="numpy", method="lbfgs", max_iterations=300)
    assert not found.success and "an eigenvalue of S vanishes" in found.message


def test_a_linear_objective_that_equalities_do_not_hold() -> None:
    """It has no curvature and no feasible iterate: unbounded, not infeasible."""
    problem = dv.minimize("sum(w)", over="w", variables={"w": (3,)}, subject_to=["w[0] + w[1] == 1"])
    found = problem.solve()
    assert not found.success and "unbounded below" in found.message


def test_what_is_not_certified_is_a_warning_and_a_result() -> None:
    """The warning says what the message says, and points at the caller."""
    with pytest.warns(NotCertifiedWarning, match="unbounded") as seen:
        result = solve("sum(w)", {"w": (2,)}, {})
    assert not result.success
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve("sumsq(w)", {"w": (2,)}, {}).success


def test_a_run_out_of_time_is_not_called_unbounded() -> None:
    """A gradient that is merely small, and a step ahead: no sign that no minimum is attained."""
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((400, 30)), np.sign(rng.standard_normal(400))
    problem = dv.minimize("sum(log(1 + exp(-y * (X @ w))))", over="w", variables=SHAPES)
    result = problem.solve(X=A, y=b, method="lbfgs", max_iterations=2, backend="numpy")
    assert not result.success
    assert "no minimum" not in result.message, result.message


def test_infinite_residuals_at_the_start() -> None:
    """Named in the message; nothing else is printed or warned of."""
    result = solve("sum(log(X @ w)**2)", {"X": ("n", "d"), "w": ("d",)}, {"X": X})
    assert not result.success
    assert "not finite at the start" in result.message


def test_a_step_into_rounding_is_taken_back() -> None:
    """The likelihood of a Gaussian process: Newton's second step makes the covariance singular in double precision,
    where its value is rounding; shorter steps from the same start end at the optimum."""
    rng = np.random.default_rng(71)
    n, d = int(rng.integers(8, 40)), int(rng.integers(1, 6))
    points, slope = rng.standard_normal((n, d)), rng.standard_normal(d)
    y = points @ slope + 0.3 * rng.standard_normal(n)
    apart = ((points[:, None] - points[None]) ** 2).sum(-1)
    covariance = "(exp(a)*exp(-R*exp(-b)/2) + exp(c)*eye(n))"
    problem = dv.minimize(
        f"dot(y, solve({covariance}, y))/2 + logdet({covariance})/2 + (a**2 + b**2 + c**2)/20",
        over=["a", "b", "c"],
        variables={"R": ("n", "n"), "y": ("n",), "a": (), "b": (), "c": ()},
    )
    result = problem.solve(R=apart, y=y)
    assert result.success, result.message
    assert result.fun == pytest.approx(-24.4903986814886, rel=1e-9)


@pytest.mark.parametrize("size", [1.0, 1e3])
@pytest.mark.parametrize(("text", "bounds"), [("X @ w", []), ("X @ w", ["w >= -1"]), ("X @ w + b", [])])
def test_data_that_are_separable_but_for_some_rows(text: str, bounds: list[str], size: float) -> None:
    """Rows that overlap hold all but one direction, in which the loss falls for ever: 2 log 2 is not attained."""
    shapes: dict[str, Any] = {**SHAPES, "b": ()} if "b" in text else SHAPES
    over = ["w", "b"] if "b" in text else ["w"]
    problem = dv.minimize(f"sum(softplus(-y*({text})))", over=over, subject_to=bounds, variables=shapes)
    rows = np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    data = {"X": size * rows[:, : 1 if "b" in text else 2], "y": np.array([-1.0, -1.0, -1.0, 1.0])}
    result = problem.solve(data) if not bounds else problem.solve({**data, "X": data["X"] * [1, -1]})
    assert not result.success and "no minimum is attained" in result.message
    some = np.array([1.0, -1.0, 1.0, -1.0])
    held = problem.solve({**data, "y": some} if not bounds else {**data, "y": some, "X": data["X"] * [1, -1]})
    assert held.success, held.message


def test_a_maximum_that_is_not_attained_is_called_one() -> None:
    result = dv.maximize("sumsq(w)", over="w", variables={"w": ("d",)}).solve(d=2)
    assert not result.success and "unbounded above: it rose to" in result.message


def test_a_start_at_which_a_condition_cannot_move() -> None:
    """‖w‖² ≥ 1 from 0, where its slope vanishes."""
    problem = dv.minimize("sumsq(w)", over="w", subject_to="sumsq(w) >= 1", variables={"w": ("d",)})
    result = problem.solve(d=3)
    assert result.success and result.fun == pytest.approx(1.0)


def test_curvature_that_is_rounding() -> None:
    """RᵀR of few rows is flat but for rounding; where the objective falls along that, nothing far away is certified."""
    shapes = {"w": ("d",), "P": ("d", "d"), "c": ("d",), "G": ("m", "d"), "A": ("k", "d")}
    problem = dv.minimize(
        "dot(w, P @ w)/2 + dot(c, w)", over="w", variables=shapes, facts={"P": ("psd",)},
        subject_to=["G @ w <= 1", "A @ w == 1"],
    )  # fmt: skip
    for seed in (0, 1, 6):
        rng = np.random.default_rng(seed)
        R, c = 30 * rng.standard_normal((5, 14)), 3 * rng.standard_normal(14)
        P, G, A = R.T @ R, rng.standard_normal((3, 14)), rng.standard_normal((2, 14))
        result = problem.solve(P=(P + P.T) / 2, c=c, G=G, A=A)
        assert not result.success and "unbounded" in result.message


def test_an_interrupt_of_a_large_problem_is_not_followed_by_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before the first step: matrices of all slacks would take longer than the run, and much memory."""

    def interrupted(*given: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("derive.solving.route._once", interrupted)
    rows = np.random.default_rng(0).standard_normal((30_000, 2))
    problem = dv.minimize("sum(abs(X @ w - y))", over="w", variables=SHAPES)
    with pytest.warns(NotCertifiedWarning, match="not judged"):
        result = problem.solve(X=rows, y=rows[:, 0])
    assert not result.success and result.fun == pytest.approx(np.abs(rows[:, 0]).sum())


def test_interrupts_of_compiled_code() -> None:
    """Python hears Ctrl-C when compiled code returns, and may call it a SystemError: the best point comes back."""
    rows = np.random.default_rng(0).standard_normal((2000, 20))
    problem = dv.minimize("sum(abs(X @ w - y))", over="w", variables=SHAPES)
    given = {"X": rows[:, 1:], "y": rows[:, 0]}
    problem.solve(given)
    began = time.perf_counter()
    problem.solve(given)
    spent = time.perf_counter() - began

    armed = False  # an alarm that comes late would end the test instead

    def interrupt(*given: Any) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for share in np.linspace(0.2, 0.95, 16):
            armed = True
            signal.setitimer(signal.ITIMER_REAL, float(share) * spent)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", NotCertifiedWarning)
                    result = problem.solve(given)
                armed = False
            except KeyboardInterrupt:  # while data were still read, or after the answer
                continue
            finally:
                armed = False
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            assert result.success or "interrupted" in result.message
            assert np.isfinite(result["w"]).all()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_norms_of_singular_values_in_conditions() -> None:
    """Of affine matrices the optimum is found, kinks or not; where others have kinks it is said what to do."""
    rows = np.random.default_rng(0).standard_normal((6, 4))
    s = np.linalg.svd(rows, compute_uv=False)
    shapes = {"X": ("n", "d"), "W": ("n", "d"), "t": ()}
    problem = dv.minimize("sumsq(X - W)", over="W", subject_to="nuclear_norm(W) <= t", variables=shapes)
    result = problem.solve(X=rows, t=0.9 * s.sum())
    assert result.success and result.fun == pytest.approx((0.1 * s.sum()) ** 2 / 4)
    result = problem.solve(X=rows, t=0.3 * s.sum())
    kept = np.linalg.svd(result["W"], compute_uv=False)
    assert result.success and kept.sum() == pytest.approx(0.3 * s.sum())
    lowered = s - kept  # alike where something is left, and no more than that elsewhere
    np.testing.assert_allclose(lowered[kept > 1e-6], lowered.max(), atol=1e-6)
    product = dv.minimize(
        "sumsq(X - A @ B)", over=["A", "B"], subject_to="nuclear_norm(A @ B) <= t",
        variables={"X": ("n", "d"), "A": ("n", 4), "B": (4, "d"), "t": ()},
    )  # fmt: skip
    with pytest.warns(NotCertifiedWarning, match=r"a condition holds nuclear_norm, with kinks"):
        assert not product.solve(X=rows, t=0.3 * s.sum()).success


def test_a_matrix_that_grows_without_end() -> None:
    """A run that leaves the numbers ends in words, not in an error about the data."""
    problem = dv.minimize("-logdet(T)", over="T", variables={"T": (2, 2)}, facts={"T": ("psd",)})
    with pytest.warns(NotCertifiedWarning, match="unbounded"):
        assert not problem.solve().success


def test_what_an_interrupt_is_called() -> None:
    from derive.kernels.interrupt import is_interrupt, uninterrupted

    middle, outer = SystemError("a result with an exception set"), SystemError("again")
    middle.__cause__, outer.__cause__ = KeyboardInterrupt(), middle
    assert is_interrupt(outer) and is_interrupt(KeyboardInterrupt())
    assert not is_interrupt(SystemError()) and not is_interrupt(ValueError())
    calls: list[int] = []

    def last(value: int) -> int:
        calls.append(value)
        if len(calls) == 1:
            raise outer
        return value

    assert uninterrupted(last, 3) == 3 and calls == [3, 3]


T = np.linspace(0.0, 2.0, 20)
DECAY = 2.0 * np.exp(-1.3 * T) + 0.01 * np.random.default_rng(1).standard_normal(20)


@pytest.mark.parametrize("method", [None, "newton", "lbfgs"])
@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("bounds", [[], ["b >= 0", "b <= 1e6"]])
@pytest.mark.parametrize("start", [{"a": 1.0, "b": 1e5}, {"a": 1.0, "b": 1e6}, {"a": -1.0, "b": 500.0}])
def test_plateaus_are_not_certified(method: Any, shift: float, bounds: Any, start: Any) -> None:
    """Where exp(−bt) underflows all derivatives vanish, and prove nothing; the plan's method goes on from below."""
    if method is not None and bounds:
        return
    shapes = {"t": ("n",), "y": ("n",), "a": (), "b": ()}
    problem = dv.minimize("sumsq(y - a*exp(-b*t))", over=["a", "b"], subject_to=bounds, variables=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(t=T + shift, y=DECAY, start=start, method=method, backend="numpy")
    assert result.fun < 0.01 or not result.success, result.message


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ("a*tanh(b*(t - c))", {"a": -500.0, "b": 490.0, "c": 75.0}),
        ("a*exp(-((t - b)/c)**2)", {"a": 29.0, "b": -1e5, "c": 150.0}),
        ("a*exp(-((t - b)/c)**2)", {"a": -36.0, "b": 5898.0, "c": -91.0}),
        ("a*sigmoid(b*(t - c))", {"a": 3.0, "b": -2e4, "c": 5e4}),
    ],
)
def test_saturated_models_are_not_certified(model: str, start: Any) -> None:
    """Data far from where a step, a peak or a curve is: all of it is level there."""
    shapes = {"t": ("n",), "y": ("n",), "a": (), "b": (), "c": ()}
    problem = dv.minimize(f"sumsq(y - {model})", over=["a", "b", "c"], variables=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(t=T, y=DECAY, start=start, method="lbfgs", backend="numpy")
    assert not result.success and "minimum" in result.message, result.message


FAR_AWAY: list[tuple[str, dict[str, float]]] = [
    ("a*exp(-b*t) + c", {"a": -674400.0, "b": -1.265e-06, "c": 674400.0}),
    ("a*tanh(b*(t - c))", {"a": 24620.0, "b": -3.464e-05, "c": 1.858}),
    ("a*tanh(b*(t - c))", {"a": 0.7316, "b": 1.131e22, "c": -2.805e23}),
    ("a - b*exp(-c*t**2)", {"a": -2233000.0, "b": -2233000.0, "c": 2.268e-07}),
    ("a*(1 - exp(-b*t))", {"a": -6.942e10, "b": -4.245e-10}),
    ("a*t/(b + t)", {"a": -1.199e15, "b": -1.203e15}),
    ("a/(1 + ((t - b)/c)**2)", {"a": 4648.0, "b": 2185000.0, "c": 19470.0}),
    ("a*exp(-((t - b)/c)**2)", {"a": 0.3371, "b": 199.0, "c": 40340.0}),
    ("a*(t + 0.1)**b", {"a": 6.764e-22, "b": -20.77}),
    ("a*(t + 0.1)**b", {"a": 4.68908516e-38, "b": -36.9336867}),
    ("a*tanh(b*(t - c))", {"a": 0.73163626, "b": 4.828e13, "c": -5.229e14}),
]


@pytest.mark.parametrize("method", [None, "lbfgs"])
@pytest.mark.parametrize(("model", "start"), FAR_AWAY)
def test_fits_that_run_to_infinity_are_not_certified(model: str, start: Any, method: Any) -> None:
    """Unknowns that cancel, sigmoids stretched to lines, powers that leave one datum: steps that have no end."""
    shapes = {"t": ("n",), "y": ("n",), **dict.fromkeys(start, ())}
    problem = dv.minimize(f"sumsq(y - {model})", over=list(start), variables=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(t=T, y=DECAY, start=start, method=method, backend="numpy", max_iterations=300)
    assert not result.success or max(abs(result[name]) for name in start) < 100.0, result.message


@pytest.mark.parametrize(
    ("text", "point", "end"),
    [
        ("(w - 1)**2 + 1e-18*u**2", {"w": 1.0, "u": 1e-9}, "STRICT_MINIMUM"),
        ("w**2 - 1e-18*u**2", {"w": 0.0, "u": 0.0}, "NO_MINIMUM"),
        ("w**2 + exp(-u)", {"w": 0.0, "u": 1e4}, "NO_END"),
        ("w**2 + exp(-1e30*u)", {"w": 0.0, "u": 1.0}, "NO_END"),
        ("w**2 + 1/(1 + u**2)", {"w": 0.0, "u": 1e8}, "NO_END"),
        ("w**2 + u**4", {"w": 0.0, "u": 1e-3}, "UNTOLD"),
        ("(w - u)**2", {"w": 1.0, "u": 1.0}, "UNTOLD"),
        ("(w - tanh(u))**2", {"w": 1.0, "u": 1e5}, "UNTOLD"),
    ],
)
def test_where_steps_lead_in_many_digits(text: str, point: Any, end: str) -> None:
    """Newton's steps shrink quadratically, by a share, or not; exp(−u) is not 0 at any u."""
    from derive.kernels import settled
    from derive.kernels.oracle import Layout, gradient_key

    f = dv.parse(text, variables={"w": (), "u": ()})
    nodes = {gradient_key(name): dv.gradient(f, name).node for name in point}
    layout = Layout.of(dict.fromkeys(point, ()))
    found = settled.Settling(nodes, {}, layout).at(layout.pack(point))
    assert found == getattr(settled, end)


@pytest.mark.parametrize("conditions", [[], ["w[0] + w[1] >= -1e9"]])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("far", [1.0, 1e5])
def test_separable_data_in_any_units(conditions: Any, scale: float, far: float) -> None:
    """Far along the way that separates them, the likelihood underflows to 0, and so do its derivatives."""
    way = np.array([1.0, -2.0, 0.5])
    data = {"X": X * scale, "y": np.sign(X @ way)}
    problem = dv.minimize("mean(softplus(-y*(X @ w)))", over="w", subject_to=conditions, variables=SHAPES)
    with pytest.warns(NotCertifiedWarning, match="no minimum"):
        result = problem.solve(data, start={"w": far * way}, backend="numpy")
    assert not result.success


@pytest.mark.parametrize("seed", [9, 15])
def test_separable_data_beside_a_bound(seed: int) -> None:
    """Few rows hold what is left of the likelihood, in two of three directions: the others vanish in any digits."""
    rng = np.random.default_rng(seed)
    way = rng.standard_normal(3)
    way[0] = abs(way[0])
    rows = rng.standard_normal((12, 3)) * 10.0 ** rng.uniform(-2, 2)
    y = np.sign(rows @ way)
    start = 10.0 ** rng.uniform(-1, 6) * (way if seed % 2 else np.abs(rng.standard_normal(3)))
    problem = dv.minimize("sum(softplus(-y*(X @ w)))", over="w", subject_to="w[0] >= 0", variables=SHAPES)
    with pytest.warns(NotCertifiedWarning, match="no minimum"):
        assert not problem.solve(X=rows, y=y, start={"w": start}).success


def test_flat_minima_are_certified() -> None:
    """Edges that are no tails: a hinge squared, columns of zeros, twice the same column, factors that turn, an unknown
    that does nothing, two exponentials with a minimum far between them."""
    y = np.sign(X @ [1.0, -2.0, 0.5])
    assert solve("sum(maximum(0, 1 - y*(X @ w))**2)", SHAPES, {"X": X, "y": y}).success
    doubled = np.column_stack([X[:, 0], X[:, 0], 0.0 * X[:, 0]])
    assert solve("sum(log(cosh(X @ w - y)))", SHAPES, {"X": doubled, "y": X[:, 1]}).success
    shapes = {"A": ("n", "m"), "u": ("n", "k"), "v": ("m", "k")}
    factors = dv.minimize("sumsq(A - u @ v.T)", over=["u", "v"], variables=shapes)
    assert factors.solve(A=X, start={"u": X[:, :2], "v": np.eye(3)[:, :2]}).success
    assert solve("exp(-w) + exp(w - 100)", {"w": ()}, {}, start=50.0).success


def test_values_that_a_small_gradient_hides() -> None:
    """Columns that are nearly the same: a slope of 10⁻⁹ in each unknown, and yet a step that lowers the objective."""
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((9, 2))
    rows[:, 1] = rows[:, 0] + 1e-6 * rng.standard_normal(9)
    P = np.diag(10.0 ** rng.uniform(0, 3, 9))
    y = 1e3 * rng.standard_normal(9)
    root = np.sqrt(P)
    best = root @ rows @ np.linalg.lstsq(root @ rows, root @ y, rcond=1e-15)[0] - root @ y
    shapes = {**SHAPES, "P": ("n", "n")}
    problem = dv.minimize(
        "dot(X @ w - y, P @ (X @ w - y))", over="w", variables=shapes, facts={"P": ("psd",)}
    )
    result = problem.solve(X=rows, y=y, P=P)
    assert result.success and result.fun == pytest.approx(best @ best, rel=1e-8)
    fast = problem.prepare(X=rows, y=y, P=P)
    near = {"w": result["w"] * (1.0 + 1e-6)}
    worse = fast.certify(near)
    assert worse.value < (1.0 + 1e-7) * result.fun or not worse.ok()


def test_absolute_deviations_with_columns_nearly_alike() -> None:
    """The condition of an interior point's systems is squared, that of a vertex is not."""
    from scipy.optimize import linprog

    problem = dv.minimize("norm(X @ w - y, 1)", over="w", variables=SHAPES)
    for seed in (13, 37, 39, 264):
        rng = np.random.default_rng(seed)
        rows = rng.standard_normal((29, 10))
        rows[:, -1] = rows[:, 0] + 1e-6 * rng.standard_normal(29)
        y = rows @ rng.standard_normal(10) + 0.3 * rng.standard_normal(29)
        y[:2] += 1e3 if seed % 2 else 1e6
        result = problem.solve(X=rows, y=y)
        cost = np.concatenate([np.zeros(10), np.ones(29)])
        above = np.block([[rows, -np.eye(29)], [-rows, -np.eye(29)]])
        right = linprog(cost, above, np.concatenate([y, -y]), bounds=(None, None)).fun
        assert result.success and result.fun == pytest.approx(right, rel=1e-7), result.message


def test_small_objectives_of_prepared_programs() -> None:
    """A hinge of 10⁻⁶ in all beside slacks of 1; divergences of 10⁻⁴ under entropies."""
    shapes = {**SHAPES, "lam": ()}
    hinge = dv.minimize("sum(maximum(0, 1 - y*(X @ w))) + lam/2*sumsq(w)", over="w", variables=shapes)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((10, 3))
    fast = hinge.prepare(X=rows, y=np.sign(rows @ [1.0, -2.0, 0.5]), lam=3e-8)
    assert fast.certify(fast()).ok()
    where = ["w >= 0", "sum(w) == 1", "dot(a, w) == b"]
    kl = dv.minimize(
        "sum(w*log(w/q))",
        over="w",
        subject_to=where,
        variables={"w": ("n",), "q": ("n",), "a": ("n",), "b": ()},
    )
    q = rng.dirichlet(np.ones(12))
    a = rng.standard_normal(12)
    fast = kl.prepare(q=q, a=a, b=float(a @ q) + 1e-3)
    assert fast.certify(fast()).ok()


def test_least_norms_in_any_units() -> None:
    """Equations that hold to 10⁻⁸ of their largest term leave small columns without digits."""
    text, shapes = "norm(w)", {"A": ("m", "n"), "b": ("m",), "w": ("n",)}
    problems = [
        dv.minimize(f, over="w", subject_to="A @ w == b", variables=shapes) for f in (text, "sumsq(w)")
    ]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        m, n = (2, 2) if seed % 2 else (3, 5)
        A = rng.standard_normal((m, n)) * 10.0 ** np.resize([3.0, -4.0, 0.0], n)
        b = A @ rng.standard_normal(n)
        with mpmath.workdps(40):
            many = mpmath.matrix(A.tolist())
            least = many.T * mpmath.lu_solve(many * many.T, mpmath.matrix(b.tolist()))
            norm = float(mpmath.norm(least))
        for problem, value in zip(problems, (norm, norm**2), strict=True):
            result = problem.solve(A=A, b=b)
            assert result.success and result.fun == pytest.approx(value, rel=1e-8), result.message


def test_one_class_is_at_rest() -> None:
    """A softmax of one class is constant: what is left is a penalty, whose minimum is 0 but for rounding."""
    text = "sum(logsumexp(X @ W, axis=1)) - sum(Y * (X @ W)) + sumsq(W)"
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k")}
    for seed in range(4):
        rows = np.random.default_rng(seed).standard_normal((7, 3))
        assert dv.minimize(text, over="W", variables=shapes).solve(X=rows, Y=np.ones((7, 1))).success


def test_designs_with_one_row_twice_are_certified() -> None:
    """What is level is so exactly: the directions of a simplex are found in many digits."""
    text, where = "-logdet(V.T @ diag(p) @ V)", ["p >= 0", "sum(p) == 1"]
    problem = dv.minimize(text, over="p", subject_to=where, variables={"V": ("m", "n"), "p": ("m",)})
    for seed in range(4):
        V = np.random.default_rng(seed).standard_normal((6, 2))
        result = problem.solve(V=np.vstack([V, V[:1], V[1:2]]))
        assert result.success, result.message


@pytest.mark.parametrize(
    ("objective", "bounds"),
    [("(w[0]*w[1] - 1)**2", ["w >= 0"]), ("w[0]**2 + w[1]**2 - 3*w[0]*w[1]", ["w >= 0", "w <= 1"])],
)
def test_corners_are_left_together(objective: str, bounds: Any) -> None:
    """At 0 no single entry leads down, two do."""
    problem = dv.minimize(objective, over="w", subject_to=bounds, variables={"w": (2,)})
    assert np.allclose(problem.solve()["w"], 1.0)
    assert not problem.prepare().certify({"w": np.zeros(2)}).ok()


def test_no_pivot_in_many_digits() -> None:
    """A growth curve from a start at which nothing bends: refinement has no system to solve."""
    x = np.arange(1.0, 16.0)
    names = ["a", "b", "c", "d"]
    shapes = {"t": ("n",), "y": ("n",), **dict.fromkeys(names, ())}
    problem = dv.minimize("sumsq(y - a/((1 + exp(b - c*t))**(1/d)))", over=names, variables=shapes)
    start = dict(zip(names, (-0.15520352299051662, 0.12451820418203333, 159.25, 0.64756), strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(t=x, y=700.0 / (1.0 + np.exp(3.0 - 0.6 * x)), start=start, backend="numpy")
    assert np.isfinite(result.fun)


def test_no_better_in_many_digits() -> None:
    """What refinement makes worse is not taken."""
    shapes = {"t": ("n",), "y": ("n",), "a": (), "b": ()}
    problem = dv.minimize("sumsq(y - a*exp(-b*t))", over=["a", "b"], variables=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(t=T, y=DECAY, start={"a": -31.0, "b": -152.2})
    assert np.isfinite(result.fun) or not result.success


def test_unused_declarations() -> None:
    """What occurs nowhere needs no data; given, it still tells sizes."""
    shapes = {**SHAPES, "z": ("d",), "q": ()}
    problem = dv.minimize("sumsq(X @ w - y)", over="w", variables=shapes)
    assert problem.solve(DATA).success and problem.solve(DATA, z=np.ones(3), q=1.0).success
    assert problem.prepare(DATA, q=1.0)(q=2.0)["w"].shape == (3,)
    with pytest.raises(SizeError):
        problem.solve(DATA, z=np.ones(4))
    alone = dv.minimize("sumsq(w - 1)", over="w", variables={"w": ("d",), "z": ("d",)})
    assert alone.solve(z=np.zeros(4)).x.shape == (4,)
    assert {v.name for v in problem.declared} == {"X", "y", "w", "z", "q"}


def test_time_is_up_for_proofs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of constraints that was stopped is judged once, and not tried with other multipliers and points."""
    import derive.kernels.kkt as kkt

    judged: list[Any] = []
    certify = kkt.certify_kkt
    monkeypatch.setattr(
        kkt, "certify_kkt", lambda *given, **told: judged.append(given) or certify(*given, **told)
    )
    problem = dv.minimize(
        "sum(softplus(-y*(X @ w)))", over="w", subject_to=["sumsq(w) <= 0.1"], variables=SHAPES
    )
    with pytest.warns(NotCertifiedWarning, match="max_time"):
        problem.solve(X=X, y=np.sign(X[:, 1]), max_time=1e-9, backend="numpy")
    assert len(judged) == 1


@pytest.mark.parametrize("over", [["W"], ["W", "b"]])
def test_classes_that_are_separable_in_part_have_no_minimum(over: list[str]) -> None:
    """One of several classes is told apart by an indicator: its weight has no end, though the others overlap. A small
    penalty ends it, and classes that overlap throughout are fitted."""
    rng = np.random.default_rng(3)
    rows = np.column_stack([rng.standard_normal((45, 2)), np.r_[np.ones(6), np.zeros(39)]])
    named = np.eye(3)[np.r_[np.zeros(6, int), rng.integers(0, 3, 39)]]
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "b": ("k",), "lam": ()}
    scores = "X @ W + b" if "b" in over else "X @ W"
    loss = f"sum(logsumexp({scores}, axis=1)) - sum(Y*({scores}))"
    used = {name: shapes[name] for name in ("X", "Y", *over)}
    stated = dv.minimize(loss, over=over, variables=used)
    with pytest.warns(NotCertifiedWarning, match="no minimum is attained"):
        assert not stated.solve(X=rows, Y=named).success
    assert stated.solve(X=rows[:, :2], Y=named).success
    held = dv.minimize(f"{loss} + lam*sumsq(W)", over=over, variables={**used, "lam": ()})
    assert held.solve(X=rows, Y=named, lam=1e-6).success


def test_many_rows_separable_in_part() -> None:
    """Without a Hessian, the last part of the run tells: 100 unknowns, of which one runs away."""
    rng = np.random.default_rng(100)
    rows = np.column_stack([rng.standard_normal((5000, 100)), np.r_[np.ones(8), np.zeros(4992)]])
    signs = np.r_[np.ones(8), rng.choice([-1.0, 1.0], 4992)]
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    stated = dv.minimize("sum(softplus(-y*(X @ w)))", over="w", variables=shapes)
    with pytest.warns(NotCertifiedWarning, match="no minimum is attained"):
        assert not stated.solve(X=rows, y=signs).success
    assert stated.solve(X=rows[:, :-1], y=signs).success


@pytest.mark.parametrize("penalty", ["", " + lam*(sum(abs(S)) - tr(S))"])
def test_covariances_that_are_singular(penalty: str) -> None:
    """Without a penalty on what the data leave open, the likelihood of Gaussians rises without end."""
    shapes = {"S": ("d", "d"), "C": ("d", "d")} | ({"lam": ()} if penalty else {})
    stated = dv.minimize(
        "tr(C @ S) - logdet(S)" + penalty, over="S", variables=shapes, facts={"S": ("psd",), "C": ("psd",)}
    )
    given = {"C": np.diag([1.0, 2.0, 0.0])} | ({"lam": 0.1} if penalty else {})
    with pytest.warns(NotCertifiedWarning, match="unbounded below"):
        assert not stated.solve(given).success
    assert stated.solve({**given, "C": np.diag([1.0, 2.0, 0.5])}).success


def test_starts_near_bounds() -> None:
    """Logarithms under upper bounds have values between 0 and these: contradictions are named, optima found."""
    shapes = {"w": (4,)}
    held = dv.minimize("sumsq(w)", over="w", variables=shapes, subject_to=["sum(log(w)) >= -4", "w <= 1"])
    found = held.solve()
    assert found.success and found.fun == pytest.approx(4.0 * np.exp(-2.0))
    none = dv.minimize("sumsq(w)", over="w", variables=shapes, subject_to=["sum(log(w)) >= 1", "w <= 1"])
    with pytest.warns(NotCertifiedWarning, match="infeasible"):
        assert not none.solve().success
    roots = dv.minimize("sumsq(w)", over="w", variables=shapes, subject_to=["sum(sqrt(w)) >= 2", "w <= 1"])
    assert roots.solve().fun == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("objective", "subject_to"),
    [
        ("norm(X @ w - y) - 1000*sum(w)", []),
        ("norm(w, 1) + norm(X @ w - y) - 1000*sum(w)", ["w >= 0"]),
        ("sum(w)", ["norm(w) <= 5 - w[0]"]),
    ],
)
def test_norms_that_do_not_hold(objective: str, subject_to: list[str]) -> None:
    """A direction that leaves no cone, and along which the objective falls, is found as such."""
    used = {name: shape for name, shape in SHAPES.items() if name in objective or name == "w"}
    stated = dv.minimize(objective, over="w", variables=used, subject_to=subject_to)
    given: dict[str, Any] = {name: DATA[name] for name in used if name in DATA}
    with pytest.warns(NotCertifiedWarning, match="unbounded below"):
        assert not stated.solve(given or {"d": 3}).success


def test_groups_that_run_away_are_not_certified() -> None:
    """Far out every slope is rounding beside the Hessian: that proves nothing."""
    rng = np.random.default_rng(0)
    rng.standard_normal((8, 4)), rng.standard_normal(8)
    c, rows = rng.standard_normal(4), rng.standard_normal((2, 4))
    shapes = {"A": ("m", "d"), "w": ("d",), "c": ("d",)}
    stated = dv.minimize("sumsq(A @ w) + norm(w) + 5*dot(c, w)", over="w", variables=shapes)
    with pytest.warns(NotCertifiedWarning):
        assert not stated.solve(A=rows, c=c).success


@pytest.mark.parametrize("seed", [4, 7, 8, 26])
def test_separable_data_under_bounds_have_no_minimum(seed: int) -> None:
    """Far out unknowns of 10⁷ cancel in margins of 40: the slope along the ray is rounding, values there are not."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 16))
    n = int(rng.integers(2, 8 * d + 3))
    scale = 10.0 ** int(rng.choice([0, -3, -20, 3, 0]))
    rows, towards = rng.standard_normal((n, d)), np.abs(rng.standard_normal(d))
    problem = dv.minimize(
        "sum(log(1 + exp(-t * (X @ w))))",
        over="w",
        subject_to=["w >= 0"],
        variables={"X": ("n", "d"), "t": ("n",), "w": ("d",)},
    )
    with pytest.warns(NotCertifiedWarning, match="no minimum"):
        assert not problem.solve(X=scale * rows, t=np.sign(rows @ towards)).success


@pytest.mark.parametrize(
    "objective",
    [
        "sum(log(1 + exp(-t * (X @ w)))) + norm(w)/100 - dot(c, w)",
        "sum(log(1 + exp(-t * (X @ w)))) - norm(w)/100",
    ],
)
def test_groups_that_fall_along_a_ray_are_named_soon(objective: str) -> None:
    """They took 50,000 iterations and an interior point, which called the constraints infeasible."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((30, 5))
    signs = np.sign(rows @ rng.standard_normal(5))
    problem = dv.minimize(
        objective, over="w", variables={"X": ("n", "d"), "t": ("n",), "w": ("d",), "c": ("d",)}
    )
    with pytest.warns(NotCertifiedWarning, match="unbounded"):
        result = problem.solve(X=rows, t=signs, c=rows.T @ signs / 30)
    assert not result.success and result.nit < 5000


def test_nuclear_norms_that_fall_along_a_ray() -> None:
    given = np.random.default_rng(0).standard_normal((6, 4))
    problem = dv.minimize(
        "nuclear_norm(W)/10 - sum(Y * W)", over="W", variables={"W": ("n", "d"), "Y": ("n", "d")}
    )
    with pytest.warns(NotCertifiedWarning, match="unbounded"):
        assert not problem.solve(Y=given).success


def test_what_falls_for_ever() -> None:
    """A line does, also behind a hill; what is bounded below, or bends up far out, does not."""
    from derive.kernels.neighbourhood import falls_outwards
    from derive.kernels.optimizers.state import falls_for_ever

    x = np.ones(1)
    assert falls_for_ever(lambda u: float(5.0 - u[0]), x)
    assert not falls_for_ever(lambda u: float(np.exp(-u[0])), x)
    assert not falls_for_ever(lambda u: float(1e-12 * u[0] ** 2 - u[0]), x)
    assert not falls_for_ever(lambda u: float("nan"), x)
    assert falls_outwards(lambda u: float(np.exp(-u[0])), x, 1e-8)
    assert not falls_outwards(lambda u: float((u[0] - 1.0) ** 2), x, 1e-8)
    assert not falls_outwards(lambda u: float((u[0] - 1.05) ** 4), x, 1e-8)
    assert not falls_outwards(lambda u: float(max(0.0, 1.0 - u[0])), x, 1e-8)


@pytest.mark.parametrize("fact", [(), ("positive",)])
def test_what_falls_to_the_edge_of_its_domain(fact: tuple[str, ...]) -> None:
    """√w + w falls to w = 10⁻²⁰⁰, whose square is 0, and −log w without end: results without other warnings."""
    objective = "-sum(log(w))" if fact else "sum(sqrt(w) + w)"
    problem = dv.minimize(objective, over="w", variables={"w": ("d",)}, facts={"w": fact})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NotCertifiedWarning)
        result = problem.solve(start={"w": np.ones(3)}, backend="numpy")
    assert not result.success
    assert ("unbounded below" if fact else "not finite at") in result.message


@pytest.mark.parametrize("condition", ["w", "w <="])
def test_constraints_have_two_sides(condition: str) -> None:
    """The error says how a constraint is written."""
    loss = dv.parse("sumsq(w)", variables={"w": ("d",)})
    with pytest.raises(ParseError, match=r"one side only(.|\n)*<=, >= or =="):
        dv.minimize(loss, over="w", subject_to=condition)
