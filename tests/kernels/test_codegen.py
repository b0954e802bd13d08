"""Standalone solvers: they run where nothing of this project can be imported, and find what the project finds."""

from __future__ import annotations

import ast
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import ArgumentError, UnsupportedError
from derive.kernels import emit
from derive.kernels.bundle import Bundle
from derive.kernels.codegen import BEGIN
from derive.kernels.optimizers import METHODS, em, levenberg_marquardt, state, vectors
from derive.kernels.standalone.frame import with_ways_in
from derive.kernels.standalone.library import PLAIN, library_text
from derive.kernels.standalone.vector_texts import VECTORS
from derive.models.gaussian_mixture import MODEL

SHAPES = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((16, 3))
DATA = {"X": X, "y": X @ [1.0, 0.0, -2.0] + 0.1 * RNG.standard_normal(16), "lam": 2.0}
#: Refuses every import but of the standard library, NumPy, SciPy and numba with its compiler.
GUARD = """
import sys

class Guard:
    allowed = {*sys.stdlib_module_names, "numpy", "scipy", "numba", "llvmlite", "sitecustomize"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in self.allowed and not name.startswith("_"):
            raise ImportError(f"{name} is out of reach")

sys.meta_path.insert(0, Guard())
"""


def stated(objective: str, used: str, facts: Any = None, subject_to: Any = ()) -> Any:
    shapes = {name: SHAPES[name] for name in used.split()}
    return dv.minimize(objective, over="w", variables=shapes, facts=facts, subject_to=subject_to)


LASSO = stated("sumsq(X @ w - y)/2 + lam*sum(abs(w))", "X y w lam", {"lam": ("positive",)})
LOGISTIC = stated("sum(softplus(X @ w)) - y @ X @ w + lam/2*sumsq(w)", "X y w lam", {"lam": ("positive",)})


def run(folder: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The file in a process of its own, which cannot import this project."""
    (folder / "sitecustomize.py").write_text(GUARD)
    (folder / "solver.py").write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "solver.py", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def loaded(text: str) -> dict[str, Any]:
    """The file's names, its kernels as plain Python: quick, and the same numbers."""
    text = text.replace(
        "from numba import njit, types", "def njit(**settings):\n    return lambda function: function"
    ).replace(
        "    def decorate(function: Any) -> Any:\n", "    def decorate(function):\n        return function\n"
    )
    space: dict[str, Any] = {"__name__": "solver"}
    module = type(sys)("solver")
    module.__file__ = __file__  # something to read
    sys.modules["solver"] = module  # dataclasses look their module up
    try:
        exec(compile(text, "solver.py", "exec"), module.__dict__)  # our own text
    finally:
        del sys.modules["solver"]
    space.update(module.__dict__)
    return space


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the solver of the lasso and data, compiled once for all tests."""
    place = tmp_path_factory.mktemp("solver")
    np.savez(place / "data.npz", **DATA)
    np.savez(place / "bad.npz", **{**DATA, "y": np.full(16, np.nan)})
    return place


def test_check_and_solve_alone(folder: Path) -> None:
    """`--check` passes; `--data` finds the optimum that `solve` finds; bad data end with status 2."""
    text = dv.codegen(LOGISTIC, method="nonlinear-cg")  # whose loop compiles soonest
    tested = run(folder, text, "--check")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "gradient: agrees" in tested.stdout and "certified" in tested.stdout
    labels = {**DATA, "y": (DATA["y"] > 0).astype(float)}
    np.savez(folder / "labels.npz", **labels)
    solved = run(folder, text, "--data", "labels.npz", "--out", "result.npz")
    assert solved.returncode == 0 and solved.stdout.startswith("certified"), solved.stdout + solved.stderr
    expected = LOGISTIC.solve(labels, backend="numpy")
    with np.load(folder / "result.npz", allow_pickle=False) as found:
        np.testing.assert_allclose(found["w"], expected["w"], rtol=1e-8)
    moved = shutil.copytree(folder, folder / "moved")  # with what was compiled
    before = {path.name for path in moved.glob("__pycache__/*.nbc")}
    again = run(moved, text, "--data", "labels.npz")
    assert again.returncode == 0 and again.stdout.startswith("certified"), again.stdout + again.stderr
    assert before and {path.name for path in moved.glob("__pycache__/*.nbc")} >= before
    bad = run(folder, text, "--data", "bad.npz")
    assert bad.returncode == 2 and "y[0] is not finite" in bad.stderr


def test_constraints_alone(folder: Path) -> None:
    """The interior point compiled with its kernels, by numba alone."""
    problem = dv.minimize("sum(exp(w))", over="w", subject_to=["sumsq(w - c) <= 1"], variables=BALL)
    np.savez(folder / "ball.npz", c=[1.0, -1.0])
    solved = run(folder, dv.codegen(problem), "--data", "ball.npz", "--out", "result.npz")
    assert solved.returncode == 0 and solved.stdout.startswith("certified"), solved.stdout + solved.stderr
    with np.load(folder / "result.npz", allow_pickle=False) as found:
        np.testing.assert_allclose(found["w"], problem.solve(c=[1.0, -1.0])["w"], rtol=1e-8)
    compiled = list(folder.glob("__pycache__/*.exchanged-*.nbc"))
    assert len(compiled) == 1, "for any whole numbers, not for each that numba happens to know"


def test_programs_run_again_from_the_disk(folder: Path) -> None:
    """A quadratic program's file, whose functions call one another by symbols: compiled, then read."""
    np.savez(folder / "program.npz", **{k: DATA[k] for k in ("X", "y")})
    text = dv.codegen(CASES["equality"])
    for _ in range(2):  # a constant of the loops once had the name of what is run when code is read
        solved = run(folder, text, "--data", "program.npz", "--out", "result.npz")
        assert solved.returncode == 0 and solved.stdout.startswith("certified"), solved.stdout + solved.stderr


def test_no_name_has_two_meanings() -> None:
    """Parts of a file come from several places; a name that two of them define is refused."""
    with pytest.raises(UnsupportedError, match="two meanings of AIM"):
        with_ways_in("AIM = 1\n\n\ndef step(): pass\n\n\n(AIM, NOISE) = 2, 3\n")


BALL = {"w": ("d",), "c": ("d",)}
SQUARES = stated("sumsq(y - sin(X @ w))", "X y w")
CASES = {
    "logistic": LOGISTIC,
    "lasso": LASSO,
    "nonnegative": stated("sumsq(X @ w - y)", "X y w", subject_to=["w >= 0"]),
    "nonnegative fact": stated("sumsq(X @ w - y)", "X y w", {"w": ("nonnegative",)}),
    "box": stated("sumsq(X @ w - y)", "X y w", subject_to=["w >= -1/4", "w <= 1/2"]),
    "simplex": stated("sumsq(X @ w - y)", "X y w", {"w": ("simplex",)}),
    "square-root lasso": stated("norm(X @ w - y) + lam*norm(w, 1)/16", "X y w lam", {"lam": ("positive",)}),
    "norm ball": stated("sumsq(X @ w - y)", "X y w", subject_to=["norm(w) <= 1/2", "norm(w[1:] - 1) <= 3"]),
    "equality": stated("sumsq(X @ w - y)", "X y w", subject_to=["sum(w) == 1", "w[0] <= 1/4"]),
}
OTHERS = {
    "normal": dv.maximize(
        "-n/2*log(s) - sumsq(y - m)/(2*s)",
        over=["m", "s"],
        variables={"y": ("n",), "m": (), "s": ()},
        facts={"s": ("positive",)},
    ),
    "covariance": dv.minimize(
        "logdet(S) + tr(inv(S) @ X.T @ X)/n", over="S", variables={"X": ("n", "d"), "S": ("d", "d")},
        facts={"S": ("pd",)},
    ),
    "ball": stated(
        "sum(softplus(X @ w)) - y @ X @ w", "X y w", subject_to=["sumsq(w) <= 1/4", "sum(w) == 0", "w <= 0.3"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*CASES, *OTHERS])
def test_the_answer_is_that_of_solve(name: str) -> None:
    """Free unknowns, sums of squares, constraints and kinks; facts on unknowns; a maximum."""
    stated = CASES.get(name) or OTHERS[name]
    names = {v.name for v in stated.declared}
    data = {k: v for k, v in DATA.items() if k in names}
    if name == "logistic":
        data["y"] = (data["y"] > 0).astype(float)
    solver = loaded(dv.codegen(stated))
    found = solver["solve"](data)
    expected = stated.solve(data, backend="numpy")
    assert found.success, found.message
    assert found.value == pytest.approx(expected.fun, rel=1e-9)
    for unknown in stated.unknowns:
        np.testing.assert_allclose(found.unknowns[unknown], expected[unknown], rtol=1e-6, atol=1e-8)
    watched = solver["solve"](
        data, max_time=60.0
    )  # comes back to look at the clock, and ends there all the same
    assert watched.success, watched.message
    assert watched.value == pytest.approx(expected.fun, rel=1e-9)


@pytest.mark.parametrize("name", sorted({begin: name for name, begin in BEGIN.items()}.values()))
def test_optimizers_have_files(name: str) -> None:
    """One method of each way to begin; all that have a standalone form are registered."""
    assert set(BEGIN) <= set(METHODS)
    squares = METHODS[name].needs == {"residual_jacobian"}
    space = loaded(dv.codegen(SQUARES if squares else LOGISTIC, method=name))
    data = {"X": X, "y": np.sin(X @ [0.3, 0.0, -0.4])} if squares else {**DATA, "y": DATA["y"] > 0}
    found = space["solve"](data)
    assert found.success, found.message


def test_large_residuals_end_in_steps_of_newton() -> None:
    """Steps by the Jacobian alone came to rest at a gradient of 10⁻⁷, where values are equal to rounding."""
    solve = loaded(dv.codegen(stated("sumsq(y - sin(X @ w))", "X y w")))["solve"]
    for seed in (7, 21, 35, 65):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(1, 8))
        n = int(rng.integers(d, 80))
        rows = rng.standard_normal((n, d)) * 10 ** rng.uniform(-1, 1)
        found = solve({"X": rows, "y": rng.standard_normal(n) * 10 ** rng.uniform(-2, 1)})
        assert found.success, found.message


def test_newton_goes_on_where_a_quasi_newton_method_gives_way() -> None:
    """A network's file holds both loops; the second begins at the best point of the first, and steps are counted on."""
    network = dv.minimize(
        "sumsq(tanh(X @ W) @ v - y)/2 + lam/2*(sumsq(W) + sumsq(v))",
        over=["W", "v"],
        variables={"X": ("n", "d"), "y": ("n",), "lam": (), "W": ("d", "h"), "v": ("h",)},
    )
    space = loaded(dv.codegen(network))["solve"].__globals__
    assert [space["few_first"](n, 10_000) for n in (3, 45, 1501)] == [160, 1000, 10_000]
    begun: list[float] = []
    begin = space["newton_begin"]
    space["few_first"] = lambda unknowns, most: min(5, most)
    space["newton_begin"] = lambda x, data: (
        begun.append(space["value_gradient"](x, data)[0]) or begin(x, data)
    )
    data = {**DATA, "lam": 0.1, "h": 2}
    found = space["solve"](data)
    assert found.success and len(begun) == 1 and 5 < found.iterations < 100, found.message
    assert found.value < begun[0]
    short = space["solve"](data, max_iterations=4)
    assert short.message.startswith("not converged after 4 iterations") and len(begun) == 1
    expected = network.solve(data, start=found.unknowns, backend="numpy")
    assert found.value == pytest.approx(expected.fun, rel=1e-9)
    alone = dv.codegen(network, method="lbfgs")
    assert "newton_begin" not in alone


def test_the_conditions_of_random_data_may_contradict_each_other() -> None:
    """Then the self-test says so, and passes on what it could compare."""
    transport = dv.minimize(
        "sum(C*P)", over="P", subject_to=["P >= 0", "sum(P, axis=1) == a", "sum(P, axis=0) == b"],
        variables={"C": ("n", "m"), "P": ("n", "m"), "a": ("n",), "b": ("m",)},
    )  # fmt: skip
    space = loaded(dv.codegen(transport))
    assert space["check"]()


def test_an_optimum_where_all_vanishes_is_certified() -> None:
    """No slack, no objective: violations of conditions beside numbers at rounding were as large as these."""
    dantzig = dv.minimize(
        "norm(w, 1)", over="w", subject_to=["abs(h - G @ w) <= 5"],
        variables={"G": ("d", "d"), "h": ("d",), "w": ("d",)},
    )  # fmt: skip
    found = loaded(dv.codegen(dantzig))["solve"]({"G": X.T @ X, "h": [1.0, -2.0, 3.0]})
    assert found.success and not found.unknowns["w"].any(), found.message


def test_arrays_that_no_formula_needs_may_be_given() -> None:
    """The same data that `solve` takes; they are looked at like others, and tell sizes."""
    problem = dv.minimize("sum(exp(-w)) + sum(exp(w))", over="w", variables={"w": ("d",), "c": ("d",)})
    solve = loaded(dv.codegen(problem))["solve"]
    assert solve({"c": np.ones(3)}).unknowns["w"].shape == problem.solve(c=np.ones(3))["w"].shape == (3,)
    with pytest.raises(ValueError, match="c\\[1\\] is not finite"):
        solve({"c": [1.0, np.nan]})
    with pytest.raises(ValueError, match="z is not among the data"):
        solve({"c": np.ones(3), "z": 1.0})


def test_bad_input_is_named() -> None:
    """Every fault of data and start, by the array's name."""
    space = loaded(dv.codegen(LASSO))
    solve, error = space["solve"], space["DataError"]
    with pytest.raises(error, match="no array was given for y"):
        solve({"X": X, "lam": 1.0})
    with pytest.raises(error, match=r"axis 0 of y has length 15, but n is 16"):
        solve({**DATA, "y": DATA["y"][1:]})
    with pytest.raises(error, match="lam is stated to be positive"):
        solve({**DATA, "lam": -1.0})
    with pytest.raises(error, match="z is not among the data"):
        solve({**DATA, "z": 1.0})
    with pytest.raises(error, match="axis 0 of w has length 4"):
        solve(DATA, {"w": np.zeros(4)})
    with pytest.raises(error, match="X holds complex numbers"):
        solve({**DATA, "X": X * 1j})
    with pytest.raises(error, match=r"X is empty: its shape is \(0, 3\)"):
        solve({**DATA, "X": X[:0]})
    with pytest.raises(error, match=r"y has the shape \(16, 1\); it is stated to be \(n\)"):
        solve({**DATA, "y": DATA["y"].reshape(-1, 1)})
    with pytest.raises(error, match=r"d is a size, a whole number from 1 on, not 2\.5"):
        solve({**DATA, "d": 2.5})
    with pytest.raises(error, match="the tolerance is a positive number"):
        solve(DATA, tolerance=-1.0)
    with pytest.raises(error, match="which is no unknown"):
        solve(DATA, {"v": np.zeros(3)})


def test_what_has_no_optimum_is_named() -> None:
    """Separable data, infeasible constraints, a time that is too short."""
    bare = stated("sum(softplus(X @ w)) - y @ X @ w", "X y w")
    separable = {"X": X, "y": (X[:, 0] > 0).astype(float)}
    found = loaded(dv.codegen(bare))["solve"](separable)
    assert not found.success and "no minimum is attained" in found.message
    wrong = stated("sumsq(X @ w - y)", "X y w", subject_to=["w >= 1", "sum(w) <= 1"])
    data = {"X": X, "y": DATA["y"]}
    found = loaded(dv.codegen(wrong))["solve"](data)
    assert not found.success and found.message.startswith("infeasible: no point satisfies")
    endless = stated("sum(w * lam)", "lam w", subject_to=["sum(w[:2]) == 1"])
    found = loaded(dv.codegen(endless))["solve"]({"lam": 2.0, "d": 3})
    assert not found.success and found.message.startswith("the objective is unbounded below")
    late = loaded(dv.codegen(CASES["equality"]))["solve"](data, max_time=1e-9)
    assert late.success, late.message  # what is certified as time runs out is the answer
    hurried = loaded(dv.codegen(bare, method="lbfgs"))["solve"](separable, max_time=1e-9)
    assert not hurried.success and "not converged within" in hurried.message


def test_cones_without_an_optimum_are_named() -> None:
    """Balls that do not meet; an objective that falls along what no cone bounds; no step, and no time at all."""
    apart = stated("sumsq(X @ w - y)", "X y w", subject_to=["norm(w) <= 1", "norm(w - 3) <= 1"])
    data = {"X": X, "y": DATA["y"]}
    found = loaded(dv.codegen(apart))["solve"](data)
    assert not found.success and found.message.startswith("no feasible point was found")
    endless = stated("sum(w * lam)", "lam w", subject_to=["norm(w[:2]) <= 1"])
    found = loaded(dv.codegen(endless))["solve"]({"lam": 2.0, "d": 3})
    assert not found.success and found.message.startswith("the objective is unbounded below")
    solve = loaded(dv.codegen(CASES["norm ball"]))["solve"]
    found = solve(data, max_iterations=1)
    assert not found.success and found.message.startswith("not converged after 1 iterations")
    assert np.isfinite(found.unknowns["w"]).all()
    hurried = solve(data, max_time=1e-9)
    assert not hurried.success and hurried.message.startswith("not converged within")
    vanishing = loaded(dv.codegen(CASES["square-root lasso"]))["solve"]({**data, "lam": 1e3})
    assert vanishing.success and np.abs(vanishing.unknowns["w"]).max() <= 1e-9


def test_names_never_become_code() -> None:
    """Names of the user's are strings, whatever they are; the text is the same each time."""
    shapes = {"lambda": (), "__import__": ("print", "self"), "start": ("print",), "sizes": ("self",)}
    problem = dv.minimize(
        "sumsq(__import__ @ sizes - start) + lambda*sumsq(sizes)", over="sizes", variables=shapes
    )
    text = dv.codegen(problem)
    assert text == dv.codegen(problem)
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert not names & {"__import__", "lambda"}
    data = {"__import__": X, "start": DATA["y"], "lambda": 1.0}
    found = loaded(text)["solve"](data)
    assert found.success
    expected = np.linalg.solve(X.T @ X + np.eye(3), X.T @ DATA["y"])
    np.testing.assert_allclose(found.unknowns["sizes"], expected, rtol=1e-10)


def test_every_function_of_kernels_has_a_text() -> None:
    """What kernels may call is there without LLVM as well."""
    space: dict[str, Any] = {"math": math, "np": np, "compiled": lambda function: function}
    for name in set(emit.LIBRARY) - {"compiled", "inner"} - set(PLAIN):
        text = library_text(name)
        assert text.startswith("@compiled\ndef " + name + "(")
        exec(text, space)  # our own text
    m = X.T @ X
    factor, solved = m.copy(), np.ones((2, 3))
    space["potrf"](factor)
    np.testing.assert_allclose(np.tril(factor), np.linalg.cholesky(m), rtol=1e-12)
    space["potrs"](factor, solved)
    np.testing.assert_allclose(solved @ m, np.ones((2, 3)), rtol=1e-12)
    space["potri"](factor)
    np.testing.assert_allclose(np.tril(factor), np.tril(np.linalg.inv(m)), rtol=1e-12)
    wide = RNG.standard_normal((70, 80))  # more than one block of columns
    large = wide @ wide.T + np.eye(70)
    found = large.copy()
    space["potrf"](found)
    np.testing.assert_allclose(np.tril(found), np.linalg.cholesky(large), rtol=1e-9, atol=1e-9)
    tall = np.vstack([large, wide[:3, :70]])  # with rows below
    space["potrf"](tall)
    np.testing.assert_allclose(tall[70:] @ np.linalg.cholesky(large).T, wide[:3, :70], rtol=1e-9, atol=1e-9)
    broken = -m
    space["potrf"](broken)
    assert np.isnan(broken[0, 0])


HOMES = (vectors, state, em, levenberg_marquardt)


def test_loops_mean_what_numpy_means() -> None:
    """Every function of vectors that a file holds as plain loops, against the one that runs here."""
    space: dict[str, Any] = {"math": math, "np": np, "empty": np.empty, "EPS": levenberg_marquardt.EPS}
    for text in VECTORS.values():
        exec(text, space)  # our own text
        called = {
            n.func.id
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert not called & (set(VECTORS) - {"empty"}), text  # a text is there without the others
    v, u, m = RNG.standard_normal(4), RNG.standard_normal(4), RNG.standard_normal((4, 3))
    square, d = m @ m.T, np.exp(v)
    spread = np.stack([square + np.eye(4), np.eye(4)])
    slopes = np.stack([square, -square])
    em_point = (np.array([0.4, 0.6]), m.T[:2], spread, -d[:2], m.T[1:], slopes, -2.0)
    given: dict[str, Any] = {
        "norm": [(v,)], "zeros": [(3,)], "along": [(v, 0.5, u)], "scaled": [(0.5, v)],
        "times": [(m, v[:3])], "turned_times": [(m, v)], "divided": [(square, d)],
        "finite_entries": [(m,), (m * math.inf,)],
        "columns_divided": [(m, d[:3])], "lengths": [(m,), (0.0 * m,)], "angle": [(v, m), (0.0 * v, m)],
        "damping": [(np.sort(d)[::-1], u, 0.1), (np.sort(d)[::-1], u, 1e3)], "undamped": [(d, u, d[1])],
        "damped": [(d, u, 0.3)], "same": [(v, v), (v, u)], "all_finite": [(1.0, v), (1.0, v * math.inf), (math.nan, v)],
        "scaled_gradient": [(v, 2.0, u, 1.0), (v, 0.0, 0.0 * u, 1.0), (v, 0.0, math.nan * u, 1.0)],
        "maximised": [em_point, (em_point[0] * [1.0, -1.0], *em_point[1:])],
    }  # fmt: skip
    with np.errstate(all="ignore"):
        for name in set(VECTORS) - {"put"}:
            for arguments in given.get(name, [(v, u)]):
                here = next(getattr(home, name) for home in HOMES if hasattr(home, name))
                expected, found = here(*arguments), space[name](*arguments)
                pairs = (
                    zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
                )
                for a, b in pairs:
                    np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13, err_msg=name)
    rows = np.zeros((2, 4))
    space["put"](rows, 1, v)
    np.testing.assert_array_equal(rows, [0.0 * v, v])


def test_quadratic_programs_run_a_compiled_loop() -> None:
    """The file holds Mehrotra's loop, and its BLAS as plain text; without quadratic form the interior point alone."""
    text = dv.codegen(CASES["equality"])
    for name in ("interior", "eliminate_slacks", "syrk", "potrf"):
        assert f"compiled\ndef {name}(" in text, name
    assert "def by_active_bounds(" in text
    assert "def guessed_bounds(" not in text  # half of the time to compile
    assert "from_inside(functions, (solve_program, by_interior_point), z, max_iterations" in text
    ball = dv.codegen(stated("sumsq(X @ w - y)", "X y w", subject_to=["sumsq(w) <= 1"]))
    assert "solve_program" not in ball
    assert "def interior_point(" in ball and "curvature(z, " in ball and "toward(" in ball


def mixture(statement: str = MODEL.statement) -> Any:
    return dv.minimize(statement, over=list(MODEL.unknowns), variables=MODEL.variables, facts=MODEL.facts)


def test_mixtures_have_files_of_expectation_maximisation() -> None:
    """EM in the unknowns as stated, compiled, then the certificate; the optimum is that of `solve` from there."""
    rows = np.concatenate([RNG.standard_normal((20, 2)) + 5 * k for k in range(2)])
    start = {"pi_": np.full(2, 0.5), "mu": rows[[0, 30]], "Sigma": np.stack([np.eye(2)] * 2)}
    text = dv.codegen(mixture(), method="em")
    assert "@inside\ndef climb(data, s: State" in text and "@inner_strict\ndef maximised(" in text
    found = loaded(text)["solve"]({"X": rows}, start)
    assert found.success, found.message
    expected = mixture().solve(X=rows, start=start, method="em", backend="numpy")
    assert found.value == pytest.approx(expected.fun, rel=1e-10)
    stopped = loaded(text)["solve"]({"X": rows}, start, max_iterations=1)
    assert not stopped.success and stopped.iterations == 1


def test_matrices_in_their_cone_have_files() -> None:
    """A psd unknown with a singular optimum: the nearest correlation matrix."""
    problem = dv.minimize(
        "sumsq(Z - Q)/2", over="Z", variables={"Z": ("n", "n"), "Q": ("n", "n")}, facts={"Z": ("psd",)},
        subject_to=["diag(Z) == 1"],
    )  # fmt: skip
    solver = loaded(dv.codegen(problem))
    Q = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    found = solver["solve"]({"Q": Q})
    assert found.success, found.message
    np.testing.assert_allclose(found.unknowns["Z"], problem.solve(Q=Q)["Z"], atol=1e-9)
    assert abs(np.linalg.eigvalsh(found.unknowns["Z"])[0]) < 1e-12
    size, pairs = solver["derivatives"]({"Q": Q})
    assert size == 6 and all(solver["difference_error"](f, g, np.full(6, 0.3)) < 1e-9 for _, f, g in pairs)


def test_falling_kinks_have_files_of_a_smooth_method() -> None:
    """k-means, whose objective falls with its kinks: no slack variables, as in `solve`."""
    shapes = {"X": ("n", "d"), "C": ("k", "d")}
    squares = "sum((X[:, None, :] - C[None, :, :])**2, axis=2)"
    problem = dv.minimize(f"sum(min({squares}, axis=1))", over="C", variables=shapes)
    rows = np.concatenate([RNG.standard_normal((20, 2)) + 9 * k for k in range(2)])
    found = loaded(dv.codegen(problem))["solve"]({"X": rows}, {"C": rows[[0, 30]]})
    assert found.success, found.message
    np.testing.assert_allclose(
        found.unknowns["C"], [rows[:20].mean(axis=0), rows[20:].mean(axis=0)], rtol=1e-7
    )


def test_what_has_no_file_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="method adam has no standalone form"):
        dv.codegen(LOGISTIC, method="adam")
    with pytest.raises(ArgumentError, match="sums of squares"):
        dv.codegen(LOGISTIC, method="lm")
    with pytest.raises(ArgumentError, match="mixture likelihoods"):
        dv.codegen(LOGISTIC, method="em")
    with pytest.raises(UnsupportedError, match=r"M-step .* use method='lbfgs'"):
        dv.codegen(mixture(MODEL.statement.replace("logdet(Sigma)/2", "logdet(Sigma)")), method="em")
    with pytest.raises(ArgumentError, match="takes no constraints"):
        dv.codegen(CASES["nonnegative"], method="lbfgs")


def test_bundles_hold_one_meaning_of_a_name() -> None:
    """Two functions of one name cannot share a file."""
    from derive.kernels.optimizers import lbfgs, newton

    bundle = Bundle()
    bundle.add(lbfgs.step)
    with pytest.raises(UnsupportedError, match="two meanings of step"):
        bundle.add(newton.step)


@pytest.mark.parametrize(
    "problem",
    [
        LASSO,
        LOGISTIC,
        stated("sumsq(y - sin(X @ w))", "X y w"),
        stated("sum(exp(X @ w))", "X w", subject_to=["sumsq(w) <= 0.1"]),
        stated("sum(abs(X @ w - y))", "X y w"),
    ],
)
def test_an_interrupt_of_a_file_loses_nothing(problem: Any) -> None:
    """Ctrl-C at calls spread over a file's `solve`: the latest point or the start comes back, nothing is raised."""
    solve = loaded(dv.codegen(problem))["solve"]
    given = {v.name: DATA[v.name] for v in problem.posed.given}
    calls, last = 0, 0

    def interrupt(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"
        if event == "call" and calls == last:
            sys.setprofile(None)
            raise KeyboardInterrupt

    for share in (0.0, 0.25, 0.5, 0.75):
        last, calls = int(share * calls), 0
        sys.setprofile(interrupt)
        try:
            found = solve(given)
        finally:
            sys.setprofile(None)
        assert last == 0 or found.success or "interrupted" in found.message
        assert np.isfinite(found.unknowns["w"]).all()
        calls = calls if last == 0 else int(last / share)
