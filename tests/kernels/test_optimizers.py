"""Optimizers on textbook problems: known optima, SciPy's answers, and the ways in which a run can end.

Every method of the registry is tried on every problem that it can serve; a new method is tested by
registering it.
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.optimize

from derive.data import load
from derive.errors import ArgumentError, SizeError
from derive.kernels.certificate import certify
from derive.kernels.optimizers import METHODS, method
from derive.kernels.optimizers.compiled import closure_of, nopython
from derive.kernels.optimizers.driver import minimize
from derive.kernels.optimizers.schedules import SCHEDULES, rate_at
from derive.kernels.oracle import Oracle

Array = np.ndarray[Any, Any]
#: Methods for any smooth objective; the others need the residuals of a sum of squares.
GENERAL = [
    name
    for name, record in METHODS.items()
    if "residual_jacobian" not in record.functions and record.rate != "stochastic"
]
FAST = [name for name, record in METHODS.items() if record.rate == "superlinear"]
LINEAR = [name for name, record in METHODS.items() if record.rate == "linear"]
STOCHASTIC = [name for name, record in METHODS.items() if record.rate == "stochastic"]


def rosenbrock(n: int) -> Oracle:
    """Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)², minimum 0 at 1 (Moré, Garbow & Hillstrom 1981)."""

    def residual_jacobian(x: Array) -> tuple[Array, Array]:
        eye = np.eye(n)
        r = np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])
        J = np.vstack([10 * (eye[1:] - 2 * x[:-1, None] * eye[:-1]), -eye[:-1]])
        return np.sqrt(2) * r, np.sqrt(2) * J

    return Oracle(
        n,
        lambda x: (scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)),
        hessian=scipy.optimize.rosen_hess,
        residual_jacobian=residual_jacobian,
    )


def squares(X: Array, y: Array, with_hessian: bool = True) -> Oracle:
    """½‖Xw − y‖²."""

    def value_gradient(w: Array) -> tuple[float, Array]:
        r = X @ w - y
        return float(r @ r) / 2, X.T @ r

    if with_hessian:
        return Oracle(X.shape[1], value_gradient, hessian=lambda w: X.T @ X)
    return Oracle(X.shape[1], value_gradient, hvp=lambda w, v: X.T @ (X @ v))


def logistic(X: Array, t: Array, lam: float = 0.0) -> Oracle:
    """Σ log(1 + exp(−tᵢ xᵢᵀw)) + ½λ‖w‖², t = ±1."""

    def value_gradient(w: Array) -> tuple[float, Array]:
        z = -t * (X @ w)
        return float(np.logaddexp(0, z).sum() + lam / 2 * w @ w), -X.T @ (t * _sigmoid(z)) + lam * w

    def hessian(w: Array) -> Array:
        s = _sigmoid(-t * (X @ w))
        return (X.T * (s * (1 - s))) @ X + lam * np.eye(X.shape[1])

    return Oracle(X.shape[1], value_gradient, hessian=hessian)


def _sigmoid(z: Array) -> Array:
    return np.where(z > 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def longley() -> tuple[Array, Array]:
    raw = load("longley")
    return np.column_stack([np.ones(len(raw["X"])), raw["X"]]), raw["y"]


# NIST StRD, Longley, certified values.
LONGLEY = np.array(
    [
        -3482258.63459582,
        15.0618722713733,
        -0.0358191792925910,
        -2.02022980381683,
        -1.03322686717359,
        -0.0511041056535807,
        1829.15146461355,
    ]
)


class Rows:
    """Batches of Σᵢ fᵢ(x) in NumPy: `gradient_of(x, rows)` is the gradient of the terms of some rows."""

    def __init__(self, count: int, gradient_of: Any) -> None:
        self.count, self.gradient_of, self.size, self.seed = count, gradient_of, count, 0

    def prepare(self, size: int, seed: int, shuffle: bool) -> int:
        self.size, self.seed = size, seed
        return -(-self.count // size)

    def gradient(self, x: Array, epoch: int, batch: int) -> Array:
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        rows = order[batch * self.size : (batch + 1) * self.size]
        return np.asarray(self.gradient_of(x, rows) * (self.count / rows.size))


def conditioned(condition: float, n: int = 6) -> Oracle:
    """½xᵀHx − 1ᵀx with eigenvalues from 1 to the condition number, along random axes."""
    q = np.linalg.qr(np.random.default_rng(5).standard_normal((n, n)))[0]
    h = (q * np.geomspace(1.0, condition, n)) @ q.T
    return Oracle(n, lambda x: (float(x @ h @ x) / 2 - x.sum(), h @ x - 1.0), hessian=lambda x: h)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("with_hessian", [True, False])
def test_linear_rate(name: str, with_hessian: bool) -> None:
    """A convex quadratic, condition 30: certified, and at the minimiser."""
    full = conditioned(30.0)
    oracle = full if with_hessian else Oracle(6, full.value_gradient)
    result = minimize(oracle, np.zeros(6), name)
    assert result.success, result.message
    assert result.nit < 800
    np.testing.assert_allclose(result.x, np.linalg.solve(full.hessian(result.x), np.ones(6)), rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in GENERAL if n in FAST])
def test_ill_conditioned(name: str) -> None:
    """Condition 10⁶ for methods that see the Hessian, 10⁴ for those that see gradients alone."""
    oracle = conditioned(1e6 if "hessian" in METHODS[name].needs else 1e4)
    result = minimize(oracle, np.zeros(6), name)
    assert result.success, result.message
    least = -np.linalg.solve(oracle.hessian(result.x), np.ones(6)).sum() / 2
    assert result.fun - least <= 1e-10 * abs(least)


@pytest.mark.parametrize("name", LINEAR)
def test_the_valley_is_followed(name: str) -> None:
    """Slow methods on the banana valley: downhill all the way, and honest about not being there."""
    result = minimize(rosenbrock(2), [-1.2, 1.0], name, max_iterations=1500)
    assert result.fun < 0.5
    assert result.success == (result.certificate.stationarity <= 1e-8)


@pytest.mark.parametrize("name", FAST)
def test_rosenbrock(name: str) -> None:
    """The banana valley from the classical start."""
    result = minimize(rosenbrock(2), [-1.2, 1.0], name)
    assert result.success, result.message
    assert result.certificate.stationarity <= 1e-8
    np.testing.assert_allclose(result.x, [1, 1], rtol=1e-7)


@pytest.mark.parametrize("name", GENERAL)
def test_ridge_logistic_agrees_with_scipy(name: str) -> None:
    """A convex problem with curvature everywhere."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 10))
    t = np.sign(X @ np.ones(10) + 3 * rng.standard_normal(200))
    oracle = logistic(X, t, 0.1)
    result = minimize(oracle, np.zeros(10), name)
    reference = scipy.optimize.minimize(
        oracle.value_gradient, np.zeros(10), jac=True, hess=oracle.hessian, method="trust-exact", tol=1e-11
    )
    assert result.success, result.message
    assert abs(result.fun - reference.fun) <= 1e-13 * reference.fun
    np.testing.assert_allclose(result.x, reference.x, atol=1e-7)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_mini_batches(name: str) -> None:
    """Ridge-logistic: within 10⁻³ of the optimum after 60 epochs; the same seed gives the same bits, another not."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 5))
    t = np.sign(X @ np.ones(5) + 2 * rng.standard_normal(200))
    full = logistic(X, t, 1.0)

    def gradient_of(w: Array, rows: Array) -> Array:
        z = -t[rows] * (X[rows] @ w)
        return -X[rows].T @ (t[rows] * _sigmoid(z)) + rows.size / 200 * w

    oracle = Oracle(5, full.value_gradient, batches=Rows(200, gradient_of))
    rate = {"sgd": 0.003, "rmsprop": 0.02, "adam": 0.05}[name]
    options = {"batch_size": 16, "epochs": 60, "learning_rate": rate}
    found = minimize(oracle, np.zeros(5), name, options=options)
    least = minimize(full, np.zeros(5), "newton").fun
    assert found.fun - least <= 1e-3 * least
    assert not found.success and "60 epochs" in found.message and found.nit == 60
    again = minimize(oracle, np.zeros(5), name, options=options)
    assert (again.x == found.x).all()
    assert (minimize(oracle, np.zeros(5), name, options={**options, "seed": 1}).x != found.x).any()


def test_schedules() -> None:
    """Constant, inverse, step and cosine; all rise during the warm-up and never above the rate."""
    ends = {"constant": 1.0, "inverse": 1 / 10.9, "step": 0.01, "cosine": 0.5 * (1 + np.cos(0.99 * np.pi))}
    for name, code in SCHEDULES.items():
        rates = [rate_at(code, 1.0, 0.0, t, 100) for t in range(100)]
        assert rates[0] == 1.0 and rates[-1] == pytest.approx(ends[name])
        assert all(a >= b for a, b in pairwise(rates))
        warm = [rate_at(code, 1.0, 0.1, t, 100) for t in range(100)]
        assert warm[0] == pytest.approx(0.1) and max(warm) <= 1.0


def test_newton_reaches_the_last_digits_of_longley() -> None:
    """Raw columns, condition number 5·10⁹: at least ten certified digits in every coefficient."""
    result = minimize(squares(*longley()), np.zeros(7), "newton")
    assert result.success
    assert (np.abs(result.x / LONGLEY - 1)).max() < 1e-10


@pytest.mark.parametrize("with_hessian", [True, False])
@pytest.mark.parametrize("name", ["lbfgs", "newton-cg"])
def test_gradient_methods_solve_longley(name: str, with_hessian: bool) -> None:
    """Slopes decide where values have lost their digits; columns differ by 10⁵ in scale."""
    result = minimize(squares(*longley(), with_hessian), np.zeros(7), name)
    assert result.success, result.message
    assert (np.abs(result.x / LONGLEY - 1)).max() < 1e-6


def test_newton_ignores_the_units_of_the_unknowns() -> None:
    """x ↦ Dx with D from 10⁻⁶ to 10⁶: the same iterations."""
    d = 10.0 ** np.linspace(-6, 6, 10)
    plain = rosenbrock(10)
    scaled = Oracle(
        10,
        lambda x: (plain.value_gradient(x * d)[0], plain.value_gradient(x * d)[1] * d),
        hessian=lambda x: plain.hessian(x * d) * np.outer(d, d),
    )
    start = np.tile([-1.2, 1.0], 5)
    a, b = minimize(plain, start, "newton"), minimize(scaled, start / d, "newton")
    assert a.success and b.success
    assert abs(a.nit - b.nit) <= 1
    np.testing.assert_allclose(b.x * d, a.x, rtol=1e-7)


def test_newton_leaves_a_saddle() -> None:
    """f = (x² − 1)²/4 + y² from (0, 1) → gradient along y only; the saddle (0, 0) is no answer."""
    oracle = Oracle(
        2,
        lambda v: ((v[0] ** 2 - 1) ** 2 / 4 + v[1] ** 2, np.array([v[0] ** 3 - v[0], 2 * v[1]])),
        hessian=lambda v: np.array([[3 * v[0] ** 2 - 1, 0.0], [0.0, 2.0]]),
    )
    for start in ([0.0, 1.0], [0.0, 0.0]):
        result = minimize(oracle, start, "newton")
        assert result.success
        np.testing.assert_allclose(np.abs(result.x), [1, 0], atol=1e-8)


def test_a_saddle_is_named() -> None:
    """A gradient method that starts at a saddle stays there, and says so."""
    oracle = Oracle(
        2, lambda v: (v[0] ** 2 - v[1] ** 2, np.array([2, -2]) * v), hessian=lambda v: np.diag([2.0, -2])
    )
    result = minimize(oracle, [0.0, 0.0], "lbfgs")
    assert not result.success
    assert "saddle" in result.message


@pytest.mark.parametrize("name", ["lbfgs", "newton", "newton-cg"])
@pytest.mark.parametrize("with_hessian", [True, False])
def test_separable_data_are_recognised(name: str, with_hessian: bool) -> None:
    """The logistic loss of separable data falls to 0 at infinity; no minimiser is reported."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 10))
    full = logistic(X, np.sign(X @ np.ones(10)))
    oracle = full
    if not with_hessian:
        oracle = Oracle(10, full.value_gradient, hvp=lambda w, v: full.hessian(w) @ v)
        if name == "newton":
            pytest.skip("needs the Hessian")
    result = minimize(oracle, np.zeros(10), name)
    assert not result.success
    assert "no minimum is attained" in result.message


def test_unbounded_objectives_are_recognised() -> None:
    """f = −exp(x) falls to −∞."""
    oracle = Oracle(1, lambda x: (float(-np.exp(x[0])), -np.exp(x)))
    result = minimize(oracle, [0.0], "lbfgs")
    assert not result.success
    assert "unbounded" in result.message


def test_the_overdetermined_start_is_certified_at_once() -> None:
    """Started at the minimum, zero iterations."""
    result = minimize(rosenbrock(3), np.ones(3), "lbfgs")
    assert result.success and result.nit == 0


def test_nan_is_avoided_or_named() -> None:
    """x − log x has no value for x ≤ 0; steps that go there are shortened. NaN at the start is named."""

    def value_gradient(x: Array) -> tuple[float, Array]:
        return float((x - np.log(x)).sum()), 1 - 1 / x

    oracle = Oracle(1, value_gradient)
    result = minimize(oracle, [50.0], "lbfgs")
    assert result.success
    np.testing.assert_allclose(result.x, 1, rtol=1e-7)
    bad = minimize(oracle, [-1.0], "lbfgs")
    assert not bad.success
    assert "not finite at the start" in bad.message


def test_nan_everywhere_but_at_the_start_is_named() -> None:
    """When no step leads to a finite value the message says so."""
    oracle = Oracle(2, lambda x: (float("nan") if x.any() else 1.0, np.ones(2)))
    result = minimize(oracle, np.zeros(2), "lbfgs")
    assert not result.success
    assert "not finite" in result.message
    np.testing.assert_array_equal(result.x, 0)


def test_an_interrupt_keeps_the_best_point() -> None:
    """Ctrl-C returns what there is, `success=False`."""
    plain, count = rosenbrock(10), 0

    def value_gradient(x: Array) -> tuple[float, Array]:
        nonlocal count
        count += 1
        if count == 30:
            raise KeyboardInterrupt
        return plain.value_gradient(x)

    result = minimize(Oracle(10, value_gradient), np.zeros(10), "lbfgs")
    assert not result.success
    assert "interrupted" in result.message
    assert result.fun == min(result.history.objective) < scipy.optimize.rosen(np.zeros(10))


def test_limits_give_results_not_exceptions() -> None:
    """max_iterations, max_time and the callback's StopIteration."""
    assert "3 iterations" in minimize(rosenbrock(10), np.zeros(10), "lbfgs", max_iterations=3).message
    slow = Oracle(10, lambda x: (time.sleep(0.02), rosenbrock(10).value_gradient(x))[1])
    timed = minimize(slow, np.zeros(10), "lbfgs", max_time=0.1)
    assert "max_time" in timed.message and timed.time < 2

    def stop(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        if intermediate_result.nit == 4:
            raise StopIteration

    stopped = minimize(rosenbrock(10), np.zeros(10), "lbfgs", callback=stop)
    assert stopped.nit == 4 and not stopped.success and "callback" in stopped.message


def test_history() -> None:
    """One entry per iteration, the start included."""
    result = minimize(rosenbrock(4), np.zeros(4), "newton")
    history = result.history
    assert len(history) == result.nit + 1 == len(history.time) == len(history.gradient_norm)
    assert history.objective[0] == scipy.optimize.rosen(np.zeros(4))
    assert all(a <= b for a, b in zip(history.time, history.time[1:], strict=False))


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="did you mean lbfgs"):
        minimize(rosenbrock(2), [0.0, 0.0], "lbfg")
    with pytest.raises(ArgumentError, match="needs the hessian"):
        minimize(Oracle(1, lambda x: (x[0] ** 2, 2 * x)), [1.0], "newton")
    with pytest.raises(SizeError, match="3 entries"):
        minimize(rosenbrock(2), np.zeros(3), "lbfgs")
    with pytest.raises(ArgumentError, match="no option 'rate'; its options: memory"):
        minimize(rosenbrock(2), np.zeros(2), "lbfgs", options={"rate": 1.0})
    oracle = Oracle(1, lambda x: (x @ x, 2 * x), batches=Rows(1, lambda x, rows: 2 * x))
    with pytest.raises(ArgumentError, match="schedule of sgd is one of constant"):
        minimize(oracle, [1.0], "sgd", options={"schedule": "linear"})
    with pytest.raises(ArgumentError, match="needs the batch_gradient"):
        minimize(rosenbrock(2), np.zeros(2), "adam")
    with pytest.raises(ArgumentError, match="uses no derivatives"):
        method("Nelder-Mead")


def test_scipy_spellings() -> None:
    assert method("L-BFGS-B").name == "lbfgs"
    assert method("trust-exact").name == "newton"
    assert method("Newton-CG").name == "newton-cg"
    assert [method(n).name for n in ("BFGS", "CG", "dogleg", "lm")] == [
        "bfgs",
        "nonlinear-cg",
        "dogleg",
        "levenberg-marquardt",
    ]


# ---------------------------------------------------------------- one source, Python and machine code

QUARTIC = np.arange(1.0, 7.0)


def quartic(x: Array) -> tuple[float, Array]:
    """Σ aᵢxᵢ² + (Σ xᵢ² − 1)²: convex or not, depending on where one stands."""
    s = np.sum(x * x) - 1.0
    return np.sum(QUARTIC * x * x) / 10.0 + s * s, QUARTIC * x / 5.0 + 4.0 * s * x


def quartic_hessian(x: Array) -> Array:
    s = np.sum(x * x) - 1.0
    h = 8.0 * np.outer(x, x)
    for i in range(x.size):
        h[i, i] += QUARTIC[i] / 5.0 + 4.0 * s
    return h


def quartic_hvp(x: Array, v: Array) -> Array:
    s = np.sum(x * x) - 1.0
    return 8.0 * np.dot(x, v) * x + (QUARTIC / 5.0 + 4.0 * s) * v


def quartic_batch(x: Array, epoch: int, batch: int) -> Array:
    s = np.sum(x * x) - 1.0
    return (QUARTIC * x / 5.0 + 4.0 * s * x) * (1.0 + 0.1 * (batch - 0.5) * (epoch + 1.0))


def curved_residual(x: Array) -> tuple[Array, Array]:
    """rᵢ = xᵢ − i/10, r₀ = 2(‖x‖² − 1)."""
    n = x.size
    r, J = np.empty(n + 1), np.zeros((n + 1, n))
    r[0] = 2.0 * (np.sum(x * x) - 1.0)
    for i in range(n):
        r[i + 1] = x[i] - i / 10.0
        J[i + 1, i] = 1.0
        J[0, i] = 4.0 * x[i]
    return r, J


#: Compiling a step takes seconds: one of each kind.
COMPILED = ["gradient-descent-fixed", "lbfgs", "newton-cg", "adam"]


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_steps_are_the_python_steps(name: str) -> None:
    """The same source under numba makes the same iterates, to rounding."""
    import numba

    plain = {
        "value_gradient": quartic,
        "hessian": quartic_hessian,
        "hvp": quartic_hvp,
        "residual_jacobian": curved_residual,
    }
    plain["batch_gradient"] = quartic_batch
    fast = {key: numba.njit(function) for key, function in plain.items()}
    record = METHODS[name]
    step = nopython(record.step)
    x = np.linspace(0.5, -0.7, 6)
    oracle = Oracle(
        6,
        quartic,
        hessian=quartic_hessian,
        residual_jacobian=curved_residual,
        batches=Rows(4, lambda x, rows: quartic_batch(x, 0, 0)),
    )
    f, g = quartic(x)
    options = record.chosen({"batch_size": 2} if record.rate == "stochastic" else None)
    a, b = record.start(oracle, x, f, g, options), record.start(oracle, x, f, g, options)
    for _ in range(8):
        a = record.step(a, *(plain[k] for k in record.functions))
        b = step(b, *(fast[k] for k in record.functions))
        assert a.status == b.status
        assert a.evaluations == b.evaluations
        np.testing.assert_allclose(a.x, b.x, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_the_functions_of_a_step_are_listed_callees_first(name: str) -> None:
    """What a standalone file has to hold."""
    functions = closure_of(METHODS[name].step)  # type: ignore[arg-type]
    assert functions[-1] is METHODS[name].step
    assert "all_finite" in [f.__name__ for f in functions]
    assert len(set(functions)) == len(functions)


# ---------------------------------------------------------------- the certificate


def test_certificate_does_not_depend_on_units() -> None:
    """With the Hessian, scaling f and x leaves the scaled gradient as it was."""
    rng = np.random.default_rng(1)
    h = np.cov(rng.standard_normal((5, 20)))
    g, x = 1e-9 * rng.standard_normal(5), rng.standard_normal(5)
    d, c = 10.0 ** rng.uniform(-5, 5, 5), 1e6
    plain = certify(3.0, g, x, hessian=h, magnitude=1.0)
    other = certify(c * 3.0, c * g / d, x * d, hessian=c * h / np.outer(d, d), magnitude=c)
    np.testing.assert_allclose(other.stationarity, plain.stationarity, rtol=1e-10)
    np.testing.assert_allclose(other.curvature, plain.curvature, rtol=1e-6)


def test_certificate_refuses() -> None:
    """A slope, a saddle, a NaN."""
    x = np.ones(2)
    assert not certify(1.0, np.array([1e-3, 0]), x).ok()
    assert certify(1.0, np.array([1e-9, 0]), x).ok()
    assert not certify(1.0, np.zeros(2), x, hessian=np.diag([1.0, -1.0])).ok()
    nothing = certify(float("nan"), np.zeros(2), x)
    assert not nothing.ok()
    assert "nan" in str(nothing)


def test_certificate_reads() -> None:
    text = str(certify(0.5, np.array([1e-12, 0]), np.ones(2), hessian=np.eye(2)))
    assert text.startswith("certified: scaled gradient")
    assert "smallest eigenvalue" in text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("batch_size", 7.5, "a whole number from 1"),
        ("epochs", 0, "a whole number from 1"),
        ("momentum", 1.0, "a number from 0, below 1"),
        ("learning_rate", "fast", "a number ≥ 0"),
        ("learning_rate", np.nan, "a number ≥ 0"),
        ("schedule", "linear", "one of constant"),
        ("warmup", -3, "a number ≥ 0"),
    ],
)
def test_options_that_mean_nothing(name: str, value: object, words: str) -> None:
    """An error that says what was expected of which option."""
    with pytest.raises(ArgumentError, match=f"option {name} of sgd is {words}.*, not {value!r}"):
        METHODS["sgd"].chosen({name: value})
    assert METHODS["lbfgs"].chosen({"memory": np.int64(3)})["memory"] == 3
