"""Kinks inside an objective: networks of rectified units end at local minima, at kinks or between them."""

import numpy as np
import pytest

import derive as dv
from derive.errors import NotCertifiedWarning
from derive.kernels.kinks import certify_on_pieces
from derive.kernels.optimizers.pieces import CONVERGED, descend
from derive.node import variables
from derive.smoothing import smooth
from derive.solving import costs
from derive.solving.instance import Instance
from derive.solving.left_kinks import LeftKinks

RNG = np.random.default_rng(3)
X = RNG.standard_normal((60, 3))
Y = np.sin(X @ [1.0, -2.0, 0.5]) + 0.1 * RNG.standard_normal(60)
ONE = {"X": ("n", "d"), "y": ("n",), "W": ("d", "h"), "b": ("h",), "v": ("h",)}
TWO = {"X": ("n", "d"), "y": ("n",), "W": ("d", "h"), "b": ("h",), "V": ("h", "g"), "c": ("g",), "v": ("g",)}
START = {"W": RNG.standard_normal((3, 4)), "b": RNG.standard_normal(4) / 3}
NETWORKS = {
    "regression": ("sumsq(relu(X @ W + b) @ v - y)", ONE, Y, {**START, "v": RNG.standard_normal(4)}),
    "with a penalty": (
        "sumsq(relu(X @ W + b) @ v - y)/2 + (sumsq(W) + sumsq(v))/10",
        ONE,
        Y,
        {**START, "v": RNG.standard_normal(4)},
    ),
    "leaky units": (
        "sumsq(maximum(X @ W + b, 0.1*(X @ W + b)) @ v - y)/2 + (sumsq(W) + sumsq(v))/10",
        ONE,
        Y,
        {**START, "v": RNG.standard_normal(4)},
    ),
    "sizes and least entries": (
        "sum(abs(minimum(X @ W + b, 1) @ v - y)**2) + (sumsq(W) + sumsq(v))/10",
        ONE,
        Y,
        {**START, "v": RNG.standard_normal(4)},
    ),
    "two layers, classes": (
        "sum(softplus(-y*(relu(relu(X @ W + b) @ V + c) @ v))) + (sumsq(W) + sumsq(V) + sumsq(v))/10",
        TWO,
        np.sign(X[:, 0] * X[:, 1]),
        {**START, "V": RNG.standard_normal((4, 3)), "c": np.ones(3) / 3, "v": RNG.standard_normal(3)},
    ),
}


def _lowest_nearby(problem, data, answer, f):
    """The least the objective changes by, over its size, a little beside the answer."""
    rng, least = np.random.default_rng(0), np.inf
    for size in 10.0 ** np.array([-7.0, -6.0, -5.0]):
        for _ in range(40):
            few = rng.choice([0.2, 1.0])
            moved = {
                k: a + size * rng.standard_normal(np.shape(a)) * (rng.random(np.shape(a)) < few)
                for k, a in answer.items()
            }
            least = min(least, (problem.objective.evaluate({**data, **moved}) - f) / abs(f))
    return least


@pytest.mark.parametrize("case", NETWORKS)
def test_networks_end_at_local_minima(case):
    """Before, descent ended between kinks at scaled gradients of 10⁻², and `prepare` raised or was as far off."""
    text, shapes, y, start = NETWORKS[case]
    problem, data = dv.minimize(text, over=list(start), variables=shapes), {"X": X, "y": y}
    result = problem.solve(**data, start=start)
    assert result.success, result.message
    assert _lowest_nearby(problem, data, {k: result[k] for k in start}, result.fun) >= -1e-13
    fast = problem.prepare(**data, start=start)
    answer = fast()
    proof = fast.certify(answer)
    assert proof.ok(), proof
    assert _lowest_nearby(problem, data, answer, proof.value) >= -1e-13


def _on_pieces(text, point):
    """A statement in numbers by the sides of its kinks, and the point as a vector."""
    problem = dv.minimize(text, over=list(point), variables=dict.fromkeys(point, ()))
    pieces = problem.posed.sided.bind(Instance(problem.posed, {}, {}), {}, "numpy")
    return pieces, pieces.layout.pack(point)


@pytest.mark.parametrize(
    ("text", "point", "said"),
    [
        ("8*abs(w**2 - u) + (1 - w)**2", {"u": 1.0, "w": 1.0}, ""),
        ("2*abs(u) + w**2 + u*w", {"u": 0.0, "w": 0.0}, ""),
        ("relu(u) + u**2 + w**2", {"u": 0.0, "w": 0.0}, ""),  # its weight is 0
        ("2*abs(u) - w**2 + w**4", {"u": 0.0, "w": 0.0}, "saddle"),
        ("2*abs(u - w**2) - w**2/2 + u", {"u": 0.0, "w": 0.0}, ""),
        ("abs(u - w**2)/4 - u + w**2/2", {"u": 0.0, "w": 0.0}, "Lagrangian"),  # no subgradient is 0
        ("u**2 - abs(u) + w**2", {"u": 0.0, "w": 0.0}, "Lagrangian"),  # falls with its kink
        ("u**2 - relu(u) + w**2", {"u": 0.0, "w": 0.0}, "does not rise"),  # its slope on the left is 0
        ("w*relu(u)*3 + u**2 + w**2", {"u": 0.0, "w": 0.0}, "does not rise"),  # on the right it bends down
        ("relu(relu(u) - w) + relu(w) - u/4 + u**2 + w**2", {"u": 0.0, "w": 0.0}, ""),
    ],
)
def test_what_is_a_local_minimum_at_kinks(text, point, said):
    pieces, x = _on_pieces(text, point)
    proof = certify_on_pieces(pieces, pieces.layout, x)
    assert proof.ok() == (not said), proof
    assert said in proof.reason()


def test_on_a_curved_kink_the_error_squares():
    """Steps of Newton's method along w² = u, where first-order methods crawl."""
    pieces, x = _on_pieces("8*abs(w**2 - u) + (1 - w)**2", {"u": 1.0, "w": -1.2})
    values = []
    found = descend(pieces, x, 200, lambda x, f, g: values.append(f))
    assert found.status == CONVERGED and found.steps < 60
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-9)


def test_clusters_are_prepared():
    """The least of some squares falls with its kinks: an answer is never at one."""
    points = np.vstack([RNG.standard_normal((40, 2)), RNG.standard_normal((40, 2)) + 4.0])
    text = "sum(min(sum((X[:, None, :] - C)**2, axis=2), axis=1))"
    problem = dv.minimize(text, over="C", variables={"X": ("n", "d"), "C": ("k", "d")})
    fast = problem.prepare(X=points, start={"C": [[0.0, 1.0], [3.0, 3.0]]})
    answer = fast()
    near = np.argmin(((points[:, None] - answer["C"]) ** 2).sum(axis=2), axis=1)
    assert fast.certify(answer).ok()
    for k in range(2):
        assert answer["C"][k] == pytest.approx(points[near == k].mean(axis=0), abs=1e-7)


def test_what_is_not_certified_names_the_kink():
    text, shapes, y, start = NETWORKS["regression"]
    problem = dv.minimize(text, over=list(start), variables=shapes)
    with pytest.warns(NotCertifiedWarning):
        result = problem.solve(X=X, y=y, start=start, max_iterations=3)
    assert "not converged after 3 iterations" in result.message
    assert "relu" in result.message and "softplus" in result.message


def test_iterations_and_time_of_all_ways_count(monkeypatch):
    monkeypatch.setattr(costs, "descents_first", lambda shapes, amount: 5)
    text, shapes, y, start = NETWORKS["regression"]
    problem = dv.minimize(text, over=list(start), variables=shapes)
    with pytest.warns(NotCertifiedWarning, match="not converged after 8 iterations"):
        result = problem.solve(X=X, y=y, start=start, max_iterations=8)
    assert result.method == "pieces" and result.nit == 8
    problem.solve(X=X, y=y, start=start)
    with pytest.warns(NotCertifiedWarning, match="max_time = 0.01 s"):
        assert problem.solve(X=X, y=y, start=start, max_time=0.01).method == "pieces"


def test_where_slopes_vanish_on_one_side_of_a_kink_nothing_is_certified():
    """relu'(0) = 0 made a minimum of the point at which the default start is."""
    problem = dv.minimize("u**2 - relu(u) + w**2", over=["u", "w"], variables={"u": (), "w": ()})
    with pytest.warns(NotCertifiedWarning, match="does not rise"):
        assert not problem.solve().success
    assert problem.solve(start={"u": 0.1, "w": 0.1}).success
    assert not problem.prepare().certify({"u": 0.0, "w": 0.0}).ok()


def test_slacks_of_some_kinks_are_no_proof_for_others():
    """Huber's loss as kinks inside kinks: some get slacks, whose multipliers stood in for the slope of the others."""
    text = "sumsq(relu(1 - abs(A.T @ x)) - 1)/2 + sum(relu(abs(A.T @ x) - 1)) + sumsq(x)/4 - c @ x"
    problem = dv.minimize(text, over="x", variables={"x": ("m",), "c": ("m",), "A": ("m", "n")})
    rng = np.random.default_rng(0)
    for _ in range(12):
        A, c = rng.normal(size=(2, 6)), 3 * rng.normal(size=2)
        result = problem.solve(A=A, c=c)
        slope = A @ np.clip(A.T @ result["x"], -1, 1) + result["x"] / 2 - c
        assert result.success and np.abs(slope).max() <= 1e-6, result.message


def test_kinks_that_are_left_and_met():
    """Only where the slope jumps: not at the edge of a square, not away from the kink, and not where it weighs 0."""
    f = dv.parse("x*relu(x - 1) + x*relu(2 - x)**2 + x*abs(x) + x*abs(x - 3)", variables={"x": ()}).node
    form = smooth(f, variables(f), (), ())
    assert not form.kinks
    left = LeftKinks(form)
    met = {x: left.at({}, {"x": np.asarray(x)}) for x in (0.0, 0.5, 1.0, 2.0, 3.0)}
    assert met == {0.0: (), 0.5: (), 1.0: ("relu",), 2.0: (), 3.0: ("abs",)}
