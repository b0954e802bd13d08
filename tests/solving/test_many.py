"""Many unknowns: which method comes first, and that the other takes over where it has to."""

import numpy as np
import pytest

import derive as dv
from derive.kernels.invariance import symmetries_of
from derive.kernels.neighbourhood import curvature_by_differences
from derive.kernels.optimizers.lbfgs import descend
from derive.kernels.optimizers.newton import arrive
from derive.kernels.oracle import Layout, gradient_key
from derive.kernels.plateau import Plateau
from derive.solving import costs, many

SOFTMAX = "sum(logsumexp(X @ W, axis=1)) - sum(Y*(X @ W)) + lam/2*sumsq(W)"
SHAPES = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}


def softmax(n, d, k, condition=1.0):
    """A softmax regression and data, with features of that condition."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)) * np.geomspace(1.0, 1.0 / condition, d)
    Y = np.eye(k)[rng.integers(0, k, n)]
    problem = dv.minimize(SOFTMAX, over="W", variables=SHAPES, facts={"lam": ("positive",)})
    return problem, {"X": X, "Y": Y, "lam": 1.0 / condition}


def test_newtons_method_is_worth_more_gradients_the_more_unknowns_there_are():
    worth = [costs.gradients_for_newton([(d, 3)], 100 * d) for d in (10, 30, 100, 400)]
    assert worth == sorted(worth)
    assert costs.quasi_newton_first([(10, 3)], 1000) == 0
    assert costs.quasi_newton_first([(400, 3)], 40_000) > costs.GRADIENTS
    assert costs.quasi_newton_first([(4000, 3)], 40_000) == 0  # no Hessian at all


def test_many_unknowns_begin_with_a_quasi_newton_method_and_the_plan_says_so():
    problem, data = softmax(60, 70, 3)
    result = problem.solve(data)
    assert result.success and result.method == "lbfgs"
    assert "gradients" in str(problem.plan(data)).splitlines()[0]
    slope = dv.gradient(problem.objective, "W").evaluate({**data, "W": result["W"]})
    assert np.abs(slope).max() < 1e-6


def test_newtons_method_takes_over_where_the_condition_is_bad():
    problem, data = softmax(60, 70, 3, condition=1e4)
    result = problem.solve(data)
    assert result.success and result.method == "newton"
    few = problem.solve(data, method="lbfgs", backend="numpy", max_iterations=5000)
    assert result.fun <= few.fun + 1e-9 * abs(few.fun)


def test_curvature_is_left_to_kernels_only_where_they_agree():
    H = np.diag([3.0, 1.0, -0.5, 2.0])
    asked = []

    def right(x):
        asked.append(x)
        return H @ x

    x = np.ones(4)
    alone = curvature_by_differences(right, x)
    slow = len(asked)
    assert curvature_by_differences(right, x, lambda point: H @ point) == pytest.approx(alone)
    assert len(asked) == slow + 2
    assert curvature_by_differences(right, x, lambda point: np.abs(H) @ point) == alone


RNG = np.random.default_rng(4)
ROWS = "sumsq(X @ W - Y)/2 + lam*sum(sqrt(sum(W**2, axis=1)))"


def test_rows_of_a_matrix_are_let_in_as_they_are_needed():
    n, d, k = 30, 400, 3
    X = RNG.standard_normal((n, d))
    Y = X[:, :4] @ RNG.standard_normal((4, k)) + 0.1 * RNG.standard_normal((n, k))
    lam = 0.2 * float(np.linalg.norm(X.T @ Y, axis=1).max())
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}
    problem = dv.minimize(ROWS, over="W", variables=shapes, facts={"lam": ("positive",)})
    found = problem.solve(X=X, Y=Y, lam=lam, backend="numpy")
    assert found.success and found.nit < 15, found.message
    G, size = X.T @ (X @ found["W"] - Y), np.linalg.norm(found["W"], axis=1)
    assert 0 < (size > 0).sum() < 40
    np.testing.assert_allclose(
        G[size > 0], -lam * found["W"][size > 0] / size[size > 0, None], atol=1e-6 * lam
    )
    assert (np.linalg.norm(G[size == 0], axis=1) <= lam * (1 + 1e-9)).all()
    slow = problem.solve(X=X, Y=Y, lam=lam, backend="numpy", method="fista")
    assert found.fun <= slow.fun * (1 + 1e-9)


@pytest.mark.parametrize("text", ["sum(softplus(-t*(X @ w + b)))", "sumsq(X @ w + b - t)/2"])
def test_weights_with_an_intercept_and_bounds(text):
    """An unknown that is in no slice is in every set; entries at a bound of 0 are left out as well."""
    n, d = 30, 1100
    X = RNG.standard_normal((n, d))
    t = np.where(X[:, :3].sum(axis=1) + 0.5 > 0, 1.0, -1.0)
    shapes = {"X": ("n", "d"), "t": ("n",), "w": ("d",), "b": (), "lam": ()}
    statement = f"{text} + lam*sum(abs(w))"
    problem = dv.minimize(statement, over=["w", "b"], subject_to=["w >= 0"], variables=shapes)
    found = problem.solve(X=X, t=t, lam=3.0, backend="numpy")
    assert found.success and "working sets" in found.plan.reason, found.message
    assert (found["w"] >= 0).all() and 0 < (found["w"] > 0).sum() < n
    slope = [dv.gradient(dv.parse(text, variables=shapes), v) for v in ("w", "b")]
    along, across = (g.evaluate(X=X, t=t, w=found["w"], b=found["b"]) for g in slope)
    assert abs(across) < 1e-5 and (along >= -3.0 - 1e-5).all()
    np.testing.assert_allclose(along[found["w"] > 0], -3.0, atol=1e-5)


def test_what_is_another_problem_on_fewer_unknowns_is_given_up():
    """An entry that is zero counts in log Σ exp: the working sets see it, and the whole problem is solved."""
    d = 1600
    c = RNG.standard_normal(d)
    shapes = {"c": ("d",), "w": ("d",), "lam": ()}
    text = "logsumexp(w + c) + sumsq(w - c)/2 + lam*sum(abs(w))"
    problem = dv.minimize(text, over="w", variables=shapes, facts={"lam": ("positive",)})
    found = problem.solve(c=c, lam=2.0, backend="numpy")
    assert found.success and found.method == "fista", found.message
    assert 0 < (found["w"] != 0).sum() < d


def test_block_descent_ends_at_the_optimum():
    """Blocks of 1, 2 and 3 entries: the conditions of the optimum; without weights, the solution of Gx = c."""
    from derive.kernels.optimizers.block_descent import blocks, descend
    from derive.kernels.optimizers.penalties import PENALTIES

    A, group = RNG.standard_normal((9, 6)), np.array([1, 0, 1, -1, 1, 0])
    G, c, l1, weights = A.T @ A, 5 * RNG.standard_normal(6), np.full(6, 0.3), np.array([1.0, 2.0])
    x = np.zeros(6)
    assert descend(G, c, l1, *blocks(group, weights), x, 1e-26, 10_000) < 10_000
    distance = PENALTIES["groups"].of(l1, group, weights).distance(G @ x - c, x)
    np.testing.assert_allclose(distance, 0.0, atol=1e-10)
    free = np.zeros(6)
    descend(G, c, np.zeros(6), *blocks(np.full(6, -1), np.zeros(0)), free, 1e-28, 10_000)
    np.testing.assert_allclose(G @ free, c, atol=1e-10)


@pytest.mark.parametrize("method", [None, "fista"])
@pytest.mark.parametrize("penalty", ["sum(abs(W))", "sum(sqrt(sum(W**2, axis=1)))"])
def test_every_step_is_seen_and_may_be_the_last(penalty, method):
    """The callback sees each iteration, history and picture keep it; StopIteration keeps the last point."""
    X = RNG.standard_normal((20, 600))
    Y = X[:, :2] @ RNG.standard_normal((2, 1)) + 0.1 * RNG.standard_normal((20, 1))
    lam = 0.1 * float(np.abs(X.T @ Y).max())
    shapes = {"X": ("n", "d"), "Y": ("n", "k"), "W": ("d", "k"), "lam": ()}
    facts = {"lam": ("positive",)}
    problem = dv.minimize(f"sumsq(X @ W - Y)/2 + lam*{penalty}", over="W", variables=shapes, facts=facts)
    seen = []
    found = problem.solve(
        X=X, Y=Y, lam=lam, backend="numpy", method=method, callback=lambda step: seen.append(step.fun)
    )
    assert found.success, found.message
    assert len(seen) > 1 and seen[-1] == pytest.approx(found.fun, rel=1e-6)
    assert len(found.history) == len(seen) + 1

    def stop(step):
        if step.nit == 1:
            raise StopIteration

    stopped = problem.solve(X=X, Y=Y, lam=lam, backend="numpy", method=method, callback=stop)
    assert not stopped.success and "stopped by the callback" in stopped.message
    assert stopped.fun == pytest.approx(seen[0])


@pytest.mark.parametrize("lam", [1e-3, 0.3])
def test_answers_that_are_not_sparse_are_found_all_the_same(lam):
    """The set grows past what pays, the run gives up, and the whole problem goes on from there."""
    n, d = 30, 1600
    X = RNG.standard_normal((n, d)) / n
    y = RNG.standard_normal(n)
    text = "sumsq(X @ w - y)/2 + sum((w - 1)**2)/2 + lam*sum(abs(w))"
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
    problem = dv.minimize(text, over="w", variables=shapes, facts={"lam": ("positive",)})
    found = problem.solve(X=X, y=y, lam=lam, backend="numpy")
    assert found.success and found.method == "fista", found.message
    w = found["w"]
    g = X.T @ (X @ w - y) + w - 1
    assert (w > 0).sum() > d // 2
    np.testing.assert_allclose(g[w > 0], -lam, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "conditions", "rows", "columns"),
    [
        ("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", [], 60, 150),  # a quasi-Newton method first
        ("sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)", [], 30, 1600),  # no dense Hessian at all
        ("sumsq(X @ w - t)/2 + lam*norm(w, 1)", [], 30, 1600),  # working sets
        ("sumsq(X @ w - t)/2 + lam*sumsq(w)", ["w >= 0"], 30, 1600),  # an answer that is not sparse
        ("sumsq(X @ w - t)/2 + lam*sumsq(w)", ["w >= 0.1", "w <= 1"], 30, 1600),  # no answer of zeros
    ],
)
def test_prepared_solvers_for_many_unknowns_reach_the_certified_optimum(text, conditions, rows, columns):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((rows, columns))
    data = {"X": X, "t": np.sign(X[:, :3].sum(axis=1)), "lam": 2.0}
    shapes = {"X": ("n", "d"), "t": ("n",), "w": ("d",), "lam": ()}
    problem = dv.minimize(text, over="w", subject_to=conditions, variables=shapes)
    result = problem.solve(data)
    fast = problem.prepare(data)
    assert result.success
    assert fast.certify(fast(), 1e-5).value == pytest.approx(result.fun, rel=1e-8)
    halved = problem.solve({**data, "lam": 1.0})
    assert fast.certify(fast(lam=1.0), 1e-5).value == pytest.approx(halved.fun, rel=1e-8)


def test_the_quasi_newton_loop_says_whether_it_has_ended():
    H = np.diag(np.geomspace(1.0, 1e3, 30))

    def bowl(x):
        return 1.0 + x @ H @ x / 2, H @ x

    state, first, ended, _ = descend(bowl, np.ones(30), 1e-12, 500)
    assert (
        ended and first == pytest.approx(1.0 + np.trace(H) / 2) and state.f == pytest.approx(1.0, rel=1e-12)
    )
    assert not descend(bowl, np.ones(30), 1e-12, 3)[2]
    assert not descend(lambda x: (-float(x.sum()), -np.ones(30)), np.ones(30), 1e-12, 20)[2]  # no minimum


def test_prepared_without_convexity_descends_by_gradients_alone():
    """Where Newton's method would meet Hessians that are not definite: certified from random starts, at size 1 too."""
    problem = dv.minimize(
        "sumsq(U @ V.T - M)/2 + lam/2*(sumsq(U) + sumsq(V))",
        over=["U", "V"],
        variables={"U": ("m", "r"), "V": ("n", "r"), "M": ("m", "n"), "lam": ()},
    )
    rng = np.random.default_rng(1)
    for m, n, r in ((7, 5, 2), (1, 4, 1), (3, 1, 1)):
        M = 2.0 * rng.standard_normal((m, n))
        start = {"U": rng.standard_normal((m, r)), "V": rng.standard_normal((n, r))}
        prepared = problem.prepare(M=M, lam=0.5, start=start)
        found = prepared()
        assert prepared.certify(found).ok()
        s = np.maximum(np.linalg.svd(M)[1][:r] - 0.5, 0.0)  # the singular values that are left
        assert np.allclose(np.linalg.svd(found["U"] @ found["V"].T)[1][:r], s, atol=1e-6)


def test_interpreter_multiplies_in_a_cheap_order():
    """A Hessian's product of four arrays, and of two with a sum over a long axis, means what einsum says."""
    rng = np.random.default_rng(2)
    P, X = rng.random((40, 3)), rng.standard_normal((40, 20))
    four = dv.parse(
        'einsum("mj,ml,mi,mk->ijkl", P, P, X, X)', variables={"P": ("m", "k"), "X": ("m", "d")}
    ).evaluate(P=P, X=X)
    assert np.allclose(four, np.einsum("mj,ml,mi,mk->ijkl", P, P, X, X))


NETWORK = "sumsq(tanh(X @ W) @ v - y)/2 + lam/2*(sumsq(W) + sumsq(v))"
NETWORK_SHAPES = {"X": ("n", "d"), "y": ("n",), "W": ("d", "h"), "v": ("h",), "lam": ()}


def network(n=60, d=3, h=4):
    """A small network with tanh, its data, and a start."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, d))
    data = {"X": X, "y": np.sin(X.sum(axis=1)), "lam": 0.01}
    problem = dv.minimize(NETWORK, over=["W", "v"], variables=NETWORK_SHAPES)
    return problem, data, {"W": rng.standard_normal((d, h)) / 2, "v": rng.standard_normal(h) / 2}


def test_newtons_method_in_a_trust_region_ends_what_is_not_convex(monkeypatch):
    problem, data, start = network()
    monkeypatch.setattr(costs, "descents_first", lambda shapes, amount: 5)
    result = problem.solve(data, start=start)
    assert result.success and result.method == "newton"
    assert "after 5 steps" in result.plan.reason
    assert 5 < result.nit < 200 and result.certificate.stationarity < 1e-10
    short = problem.solve(data, start=start, max_iterations=3)
    assert short.nit == 3 and short.method == "lbfgs" and "after 3 iterations" in short.message
    few = problem.solve(data, start=start, max_iterations=7)
    assert few.nit == 7 and "after 7 iterations" in few.message


def test_prepared_networks_end_in_a_trust_region(monkeypatch):
    problem, data, start = network()
    monkeypatch.setattr(many, "descents_first", lambda shapes, amount: 5)
    fast = problem.prepare(data, start=start)
    answer = fast()
    assert fast.certify(answer).ok(), str(fast.certify(answer))


def test_prepared_fits_begin_anew_where_a_long_step_has_led_far_off():
    """L-BFGS finds an amplitude of 10⁵ at a frequency near 0."""
    x = np.linspace(0.0, 10.0, 300)
    y = 2.0 * np.sin(1.3 * x + 0.5) + 1.0 + 0.05 * np.random.default_rng(1).standard_normal(300)
    shapes = {"x": ("n",), "y": ("n",), "a": (), "b": (), "c": (), "d": ()}
    problem = dv.minimize("sumsq(y - a*sin(b*x + c) - d)/2", over=list("abcd"), variables=shapes)
    fast = problem.prepare(x=x, y=y, start={"a": 1.0, "b": 1.5, "c": 1.0, "d": 0.0})
    answer = fast()
    assert fast.certify(answer).ok()
    assert [answer[k] for k in "abcd"] == pytest.approx([2.0, 1.3, 0.5, 1.0], abs=0.02)


def test_steps_in_a_trust_region_say_whether_they_have_arrived():
    def rosenbrock(x):
        a, b = 1.0 - x[0], x[1] - x[0] ** 2
        return a * a + 100.0 * b * b, np.array([-2.0 * a - 400.0 * x[0] * b, 200.0 * b])

    def bends(x):
        return np.array([[2.0 - 400.0 * (x[1] - 3.0 * x[0] ** 2), -400.0 * x[0]], [-400.0 * x[0], 200.0]])

    x = np.array([-1.2, 1.0])
    assert not arrive(rosenbrock, bends, x.copy(), 2)
    assert arrive(rosenbrock, bends, x, 100)
    assert x == pytest.approx([1.0, 1.0], abs=1e-12)
    falling = np.array([1.0])
    assert not arrive(lambda z: (-(z[0] ** 2), -2.0 * z), lambda z: np.array([[-2.0]]), falling, 30)


def test_between_kinks_descent_on_their_pieces_goes_on(monkeypatch):
    problem, data, start = network()
    kinked = dv.minimize(NETWORK.replace("tanh", "relu"), over=["W", "v"], variables=NETWORK_SHAPES)
    assert problem._posed.is_smooth and not kinked._posed.is_smooth
    monkeypatch.setattr(costs, "descents_first", lambda shapes, amount: 5)
    assert kinked.solve(data, start=start, max_iterations=60).method == "pieces"
    assert kinked.solve(data, start=start, max_iterations=5).method == "lbfgs"


def test_certificates_of_more_unknowns_than_a_hessian_has_do_without():
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((90, 2)) @ rng.standard_normal((2, 70)) + 0.1 * rng.standard_normal((90, 70))
    text = "sumsq(U @ V.T - Y)/2 + lam/2*(sumsq(U) + sumsq(V))"
    shapes = {"Y": ("n", "m"), "U": ("n", "k"), "V": ("m", "k"), "lam": ()}
    start = {"U": rng.standard_normal((90, 10)), "V": rng.standard_normal((70, 10))}
    fast = dv.minimize(text, over=["U", "V"], variables=shapes).prepare(Y=Y, lam=0.5, start=start)
    answer = fast()
    proof = fast.certify(answer)
    assert proof.ok() and proof.condition is None
    moved = {**answer, "U": answer["U"] + 0.01}
    assert not fast.certify(moved).ok()


def test_what_only_the_interior_point_solves_goes_there_at_once_the_next_time():
    kernel = "(s*exp(-(x[:, None] - x)**2/2/l**2) + q*eye(n))"
    text = f"logdet({kernel})/2 + y @ solve({kernel}, y)/2"
    limits = ["s >= 1e-6", "l >= 1e-3", "q >= 1e-6"]
    shapes = {"x": ("n",), "y": ("n",), "s": (), "l": (), "q": ()}
    problem = dv.minimize(text, over=["s", "l", "q"], subject_to=limits, variables=shapes)
    x = np.linspace(0.0, 5.0, 30)
    y = np.sin(2.0 * x) + 0.1 * np.random.default_rng(0).standard_normal(30)
    fast = problem.prepare(x=x, y=y, start={"s": 1.0, "l": 1.0, "q": 0.1})
    first = fast()
    assert fast._ends_inside
    again = fast()
    assert fast.certify(again).ok()
    assert all(again[k] == pytest.approx(first[k], rel=1e-6) for k in first)


def test_directions_that_a_convex_objective_does_not_see_are_no_plateau(monkeypatch):
    """One number added to all intercepts changes nothing: two points far away show that, where 1200 were looked at."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((80, 4)), np.eye(3)[rng.integers(0, 3, 80)]
    problem = dv.minimize(
        "sum(logsumexp(X @ W + b, axis=1)) - sum(Y*(X @ W + b)) + lam/2*sumsq(W)",
        over=["W", "b"],
        variables={**SHAPES, "b": ("k",)},
        facts={"lam": ("nonnegative",)},
    )
    looked = []
    evaluated = Plateau._evaluated
    monkeypatch.setattr(Plateau, "_evaluated", lambda self, p: looked.append(p) or evaluated(self, p))
    result = problem.solve(X=X, Y=Y, lam=1.0)
    assert result.success and result.method == "newton" and result.certificate.condition > 1e12
    assert 0 < len(looked) <= 4
    apart = problem.solve(
        X=X, Y=np.eye(3)[(X[:, 0] > 0).astype(int)], lam=0.0
    )  # a class without rows, and separable
    assert not apart.success and "no minimum" in apart.message


@pytest.mark.parametrize(
    ("objective", "left"),
    [
        ("sumsq(maximum(X @ w, 0) - y)", "maximum"),
        ("sum(sqrt(abs(X @ w - y)))", "abs"),
        ("sumsq(relu(X @ w) - abs(w) @ w)", "relu and abs"),
        ("sum(abs(X @ w - y))", ""),
        ("sumsq(X @ w - y) + norm(w, 1)", ""),
        ("sumsq(X @ w - y) + norm(w)", ""),
        ("sumsq(X @ w - y) + sum(abs(y))", ""),
    ],
)
def test_the_plan_names_kinks_that_stay(objective: str, left: str) -> None:
    """Those that are neither split off nor smoothed by slack variables."""
    shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",)}
    printed = str(dv.minimize(objective, over="w", variables=shapes).plan(n=20, d=3))
    assert ("stay as they are" in printed) == bool(left)
    assert all(name in printed for name in left.split(" and "))


RNG = np.random.default_rng(7)
FACTORS = {"Y": ("n", "m"), "U": ("n", "k"), "V": ("m", "k")}
UNSEEN = {
    "rotations of components": (
        "sumsq(X - X @ W @ W.T)",
        ["W"],
        {"X": ("n", "d"), "W": ("d", "k")},
        {"X": RNG.standard_normal((40, 6)) * np.linspace(1.0, 3.0, 6)},
        {"W": RNG.standard_normal((6, 2)) / 4},
    ),
    "all changes of factors": (
        "sumsq(U @ V.T - Y)",
        ["U", "V"],
        FACTORS,
        {"Y": RNG.standard_normal((5, 4))},
        {"U": RNG.standard_normal((5, 2)), "V": RNG.standard_normal((4, 2))},
    ),
    "a linear network of three layers": (
        "sumsq(X @ A @ B @ v - y) + sumsq(A) + sumsq(B) + sumsq(v)",
        ["A", "B", "v"],
        {"X": ("n", "d"), "y": ("n",), "A": ("d", "h"), "B": ("h", "k"), "v": ("k",)},
        {"X": 3.0 * RNG.standard_normal((30, 3)), "y": 9.0 * RNG.standard_normal(30)},
        {"A": RNG.standard_normal((3, 2)), "B": RNG.standard_normal((2, 3)), "v": RNG.standard_normal(3)},
    ),
    "a shift of logits": (
        "sum(logsumexp(tanh(X @ A) @ B + b, axis=1)) - sum(Y*(tanh(X @ A) @ B + b)) + sumsq(A) + sumsq(B)",
        ["A", "B", "b"],
        {"X": ("n", "d"), "Y": ("n", "k"), "A": ("d", "h"), "B": ("h", "k"), "b": ("k",)},
        {"X": RNG.standard_normal((50, 2)), "Y": np.eye(3)[RNG.integers(0, 3, 50)]},
        {"A": RNG.standard_normal((2, 2)), "B": RNG.standard_normal((2, 3)), "b": np.zeros(3)},
    ),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_along_symmetries_nothing_is_explored(case, monkeypatch):
    """What an objective does not see wherever one begins needs no looking at: 1200 points were."""
    looked = []
    evaluated = Plateau._evaluated
    monkeypatch.setattr(Plateau, "_evaluated", lambda self, p: looked.append(p) or evaluated(self, p))
    text, over, shapes, data, start = UNSEEN[case]
    problem = dv.minimize(text, over=over, variables=shapes)
    fast = problem.prepare(**data, start=start)
    proof = fast.certify(fast())
    assert proof.ok() and proof.condition > 1e6
    assert problem.solve(**data, start=start).success
    assert not looked


def _left(text, point):
    """How many directions at a point no symmetry explains."""
    f, names = dv.parse(text, variables=dict.fromkeys(point, ())), list(point)
    slopes = {gradient_key(name): dv.gradient(f, name) for name in names}
    layout = Layout.of(dict.fromkeys(names, ()))

    def at(x):
        given = layout.unpack(x)
        with np.errstate(all="ignore"):
            return float(f.evaluate(given)), np.array([float(s.evaluate(given)) for s in slopes.values()])

    x, nodes = layout.pack(point), {k: s.node for k, s in slopes.items()}
    ways = symmetries_of(nodes, names).left(at, layout, x, np.maximum(np.abs(x), 1.0), np.eye(x.size))
    return ways.shape[1]


@pytest.mark.parametrize(
    ("text", "point", "left"),
    [
        ("(u - w)**2", {"u": 1.0, "w": 1.0}, 1),
        ("(u*w - 1)**2", {"u": 1.0, "w": 1.0}, 1),
        ("(w - 1)**2 + 0*u", {"u": 1.0, "w": 1.0}, 2),  # is explored, as what underflows is
        ("w**2 + u*exp(-(1 - u)**2)", {"u": 1e5, "w": 0.0}, 2),
        ("(w - tanh(1e4*u))**2", {"u": 1.0, "w": 1.0}, 2),  # saturated, wherever one looks but near 0
        ("(w - tanh(1e7*u))**2", {"u": 1.0, "w": 1.0}, 2),
        ("w**2 + exp(-1e5*u)", {"u": 1.0, "w": 0.0}, 2),
        ("1e12*w**2 + sigmoid(u)", {"u": 30.0, "w": 0.0}, 2),
        ("w**2 + maximum(u, 0)**2", {"u": -5.0, "w": 0.0}, 2),
        ("w**2 + 1e-14*u**4", {"u": 1e-3, "w": 0.0}, 2),
        ("(u*(1 - exp(-w)) - 1)**2", {"u": 1e10, "w": 1e-10}, 2),
    ],
)
def test_what_only_looks_like_a_symmetry_is_none(text, point, left):
    """Underflow, saturation and what is small beside other terms vanish at a point, and at many, but not at all."""
    assert _left(text, point) == left
