"""Positive semidefinite unknowns whose optimum is singular: found, and certified with their multipliers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import DataError, UnsupportedError

RNG = np.random.default_rng(3)
Q = RNG.standard_normal((6, 6))
Q = (Q + Q.T) / 2
VALUES, VECTORS = np.linalg.eigh(Q)


def stated(objective: str, subject_to: Any = (), sense: Any = dv.minimize) -> Any:
    shapes = {"Q": ("n", "n"), "Z": ("n", "n")}
    facts = {"Q": ("symmetric",), "Z": ("psd",)}
    return sense(objective, over="Z", variables=shapes, facts=facts, subject_to=subject_to)


def test_projection_onto_the_cone() -> None:
    """argmin ‖Z − Q‖² over Z ⪰ 0 leaves the positive eigenvalues (Higham 1988); Λ is the rest, ZΛ = 0."""
    found = stated("sumsq(Z - Q)/2").solve(Q=Q)
    assert found.success, found.message
    kept = (VECTORS * np.maximum(VALUES, 0.0)) @ VECTORS.T
    np.testing.assert_allclose(found["Z"], kept, atol=1e-12)
    np.testing.assert_allclose(found.multipliers["psd"][0], kept - Q, atol=1e-12)


def test_nearest_correlation_matrix() -> None:
    """Z = (Q + diag y)₊ with diag Z = 1 (Qi & Sun 2006): checked by the multipliers y of the diagonal."""
    found = stated("sumsq(Z - Q)/2", ["diag(Z) == 1"]).solve(Q=Q)
    assert found.success, found.message
    moved, turned = np.linalg.eigh(Q + np.diag(found.multipliers["equality"][0]))
    np.testing.assert_allclose(found["Z"], (turned * np.maximum(moved, 0.0)) @ turned.T, atol=1e-10)
    np.testing.assert_allclose(np.diagonal(found["Z"]), 1.0, atol=1e-12)


def test_largest_eigenvalue_as_a_linear_program_over_the_cone() -> None:
    """max tr(QZ) with tr Z = 1 is λ_max, at the projector onto its eigenvector: rank 1."""
    found = stated("tr(Q @ Z)", ["tr(Z) == 1"], dv.maximize).solve(Q=Q)
    assert found.success and found.fun == pytest.approx(VALUES[-1], abs=1e-10)
    np.testing.assert_allclose(found["Z"], np.outer(VECTORS[:, -1], VECTORS[:, -1]), atol=1e-10)


@pytest.mark.parametrize(
    ("objective", "subject_to"),
    [
        ("sumsq(Z - Q)", ["Z >= 0"]),
        ("sumsq(Z - Q) + norm(Z, 1)", []),
        ("sum(exp(Z)) - tr(Q @ Z)", ["Z[0, 0] <= 1"]),
    ],
)
def test_with_other_constraints_and_kinks(objective: str, subject_to: list[str]) -> None:
    """Bounds, kinks with degenerate multipliers, a smooth objective; no random feasible point is better."""
    problem = stated(objective, subject_to)
    found = problem.solve(Q=Q)
    assert found.success, found.message
    for _ in range(20):
        step = RNG.standard_normal((6, 2))
        other = 0.999 * found["Z"] + 1e-3 * np.abs(step @ step.T)
        if subject_to and other[0, 0] > 1.0 and "<=" in subject_to[0]:
            continue
        if np.linalg.eigvalsh(other)[0] >= 0.0:
            assert problem.objective.evaluate(Q=Q, Z=other) >= found.fun - 1e-9


def test_what_is_no_optimum_is_not_certified() -> None:
    """Constraints that exclude the cone, an objective without end, a method that leaves the cone."""
    contradiction = stated("sumsq(Z - Q)", ["diag(Z) == -1"]).solve(Q=Q)
    assert not contradiction.success and "may be infeasible" in contradiction.message
    endless = stated("tr(Q @ Z)").solve(Q=Q)
    assert not endless.success and "minimum" in endless.message and "attained" in endless.message
    with pytest.raises(UnsupportedError, match="does not keep Z positive semidefinite"):
        stated("sumsq(Z - Q)").solve(Q=Q, method="augmented-lagrangian")


@pytest.mark.parametrize(
    "weight", ["norm(T, 1) - norm(diag(T), 1)", "sum(abs(T)) - sum(abs(diag(T)))", "norm(T, 1) - tr(T)"]
)
def test_graphical_lasso_without_its_diagonal(weight: str) -> None:
    """|Tᵢᵢ| = Tᵢᵢ for positive definite T, so that leaving the diagonal out is convex; ∂ at the optimum by hand."""
    X = np.random.default_rng(0).standard_normal((30, 4))
    S = X.T @ X / 30
    problem = dv.minimize(
        f"tr(S @ T) - logdet(T) + 0.1*({weight})", over="T", variables={"S": ("n", "n"), "T": ("n", "n")},
        facts={"T": ("pd",), "S": ("psd",)},
    )  # fmt: skip
    found = problem.solve(S=S)
    assert found.success, found.message
    gap = S - np.linalg.inv(found["T"])
    np.testing.assert_allclose(np.diagonal(gap), 0.0, atol=1e-8)
    off = ~np.eye(4, dtype=bool)
    moving = off & (np.abs(found["T"]) > 1e-7)
    np.testing.assert_allclose(gap[moving], -0.1 * np.sign(found["T"][moving]), atol=1e-7)
    assert np.abs(gap[off]).max() <= 0.1 + 1e-7


def test_optimal_design() -> None:
    """Weights on the simplex, most of them zero: by Kiefer and Wolfowitz no variance is above the dimension."""
    V = np.random.default_rng(3).standard_normal((40, 3))
    problem = dv.minimize(
        "-logdet(V.T @ diag(w) @ V)",
        over="w",
        variables={"w": ("m",), "V": ("m", "d")},
        facts={"w": ("simplex",)},
    )
    result = problem.solve(V=V)
    assert result.success and result.method == "interior-point"
    variances = np.einsum("ia,ab,ib->i", V, np.linalg.inv(V.T @ np.diag(result["w"]) @ V), V)
    assert variances.max() <= 3 * (1 + 1e-7) and (result["w"] < 1e-9).sum() > 20
    # a determinant that vanishes whatever the weights is no reason against convexity
    assert problem.convexity().status != "not convex"


def test_zero_matrix_is_certified() -> None:
    """The projection of a negative definite matrix: directions that are not symmetric promise nothing."""
    A = np.array([[-17.44246878, -4.9721682], [-4.9721682, -11.97290432]])
    problem = dv.minimize(
        "sumsq(S - A)/2", over="S", variables={"S": ("n", "n"), "A": ("n", "n")}, facts={"S": ("psd",)}
    )
    result = problem.solve(A=A)
    assert result.success and np.abs(result["S"]).max() < 1e-12


def relaxations(n: int, seed: int) -> Any:
    """Programs with a psd unknown by name: objective, conditions, data; loops differ with what they meet."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, n))
    A = (A + A.T) / 2
    M = np.triu((rng.random((n, n)) < 0.4) * 1.0, 1)
    yield "max-cut", "tr(Q @ Z)", ["diag(Z) == 1"], A
    yield "correlation", "sumsq(Z - Q)/2", ["diag(Z) == 1"], A
    yield "nonnegative", "sumsq(Z - Q)/2", ["Z >= 0"], A
    yield "eigenvalue", "tr(Q @ Z)", ["tr(Z) == 1"], A
    yield "clusters", "tr(Q @ Z)", ["tr(Z) == 2", "Z @ ones(n) == ones(n)", "Z >= 0"], np.abs(A)
    yield "theta", "-sum(Z)", ["tr(Z) == 1", "Q * Z == 0"], M + M.T
    yield "sparse", "sumsq(Z - Q)/2 + norm(Z, 1)/5", [], A
    yield "one row", "sumsq(Z - Q)/2 + tr(Z)", ["sum(Z) <= 1"], A


@pytest.mark.parametrize("n", [2, 5, 12])
def test_prepared_is_solve(n: int) -> None:
    """The compiled loop, its inverse known or not, and a second call with other data."""
    for name, objective, subject_to, data in relaxations(n, n):
        problem = stated(objective, subject_to)
        fast = problem.prepare(Q=data)
        for given in (data, 3.0 * data):
            Z, found = fast(Q=given)["Z"], problem.solve(Q=given)
            size = max(1.0, abs(found.fun))
            assert found.success, (name, found.message)
            assert abs(problem.objective.evaluate(Q=given, Z=Z) - found.fun) <= 1e-8 * size, name
            assert np.linalg.eigvalsh(Z)[0] >= -1e-9 * max(1.0, np.abs(Z).max()), name
            np.testing.assert_array_equal(Z, Z.T)
            proof = fast.certify({"Z": Z})
            assert proof.ok(), (name, proof)
            assert not fast.certify({"Z": Z + 1e-3 * np.abs(Z).max() * np.eye(n)}).ok(), name


def test_runs_that_are_watched() -> None:
    """With a callback the loop is that of Python: conditions on both triangles are met once, and nothing is dropped."""
    for name, objective, subject_to, data in relaxations(12, 12):
        seen: list[float] = []
        found = stated(objective, subject_to).solve(Q=data, callback=lambda r, seen=seen: seen.append(r.fun))
        assert found.success and len(seen) > 3, (name, found.message)
    crossed = stated("sumsq(Z - Q)/2", ["Z[0, 1] == 0.5", "Z[1, 0] == 0.25"]).solve(Q=Q)
    assert not crossed.success and "infeasible" in crossed.message
    with pytest.raises(DataError, match="infeasible"):
        stated("sumsq(Z - Q)/2", ["Z[0, 1] == 0.5", "Z[1, 0] == 0.25"]).prepare(Q=Q)()
    bent = stated("sumsq(Z - Q)/2", ["Z[0, 1]**3 == 0", "Z[1, 0]**2 >= 0.01"]).solve(Q=Q)
    assert not bent.success


def test_prepared_of_one_entry() -> None:
    """A matrix of one entry is a number that is not negative."""
    fast = stated("sumsq(Z - Q)/2").prepare(Q=np.array([[2.0]]))
    assert fast()["Z"] == pytest.approx(2.0, abs=1e-8)
    assert fast(Q=np.array([[-2.0]]))["Z"] == pytest.approx(0.0, abs=1e-8)


def test_what_is_no_program_is_not_prepared() -> None:
    """Objectives that are not quadratic, or not convex; contradictions are named as by `solve`."""
    for objective in ("sum(exp(Z)) - tr(Q @ Z)", "tr(Q @ Z) - sumsq(Z)"):
        with pytest.raises(UnsupportedError, match="convex quadratic objectives and linear conditions alone"):
            stated(objective, ["diag(Z) == 1"]).prepare(Q=Q)
    with pytest.raises(DataError, match="may be infeasible"):
        stated("tr(Q @ Z)", ["diag(Z) == -1"]).prepare(Q=Q)()


def eigenvalue(*seeds: int, n: int = 3) -> Any:
    """The least of the largest eigenvalues of A₀ + x₁A₁ + x₂A₂, as a matrix inequality, and its data."""
    data = {}
    for k, seed in enumerate(seeds):
        A = np.random.default_rng(seed).standard_normal((n, n))
        data[f"A{k}"] = (A + A.T) / 2
    shapes = {"t": (), "x": (2,), "S": ("n", "n"), **dict.fromkeys(data, ("n", "n"))}
    problem = dv.minimize(
        "t", over=["t", "x", "S"], variables=shapes, subject_to=["S == t*eye(n) - A0 - x[0]*A1 - x[1]*A2"],
        facts={"S": ("psd",), **dict.fromkeys(data, ("symmetric",))},
    )  # fmt: skip
    return problem, data


def test_matrix_inequalities() -> None:
    """Unknowns without a cone beside the matrix: at the optimum no combination of matrices lowers both; or none is."""
    problem, data = eigenvalue(0, 1, 2, n=4)
    data["A2"] = data["A2"] - np.trace(data["A2"]) / 4 * np.eye(4)
    data["A1"] = data["A1"] - np.trace(data["A1"]) / 4 * np.eye(4)
    found, fast = problem.solve(data), problem.prepare(data)()
    assert found.success and fast["t"] == pytest.approx(found.fun, abs=1e-8)
    A, B, C = data.values()
    for x in np.random.default_rng(3).standard_normal((200, 2)):
        assert np.linalg.eigvalsh(A + x[0] * B + x[1] * C)[-1] >= found.fun - 1e-9
    data["A2"] = -np.eye(4)  # t falls with x₂
    endless = problem.solve(data)
    assert not endless.success and "unbounded below" in endless.message


def test_unknowns_that_nothing_pulls_at() -> None:
    """Multipliers of rounding give no lengths: free unknowns, a matrix and a norm of one, without an objective."""
    rng = np.random.default_rng(0)
    A, u = rng.standard_normal((3, 3)), rng.standard_normal(3)
    alone = stated("sumsq(Z - Q)", []).solve(Q=(A + A.T) / 2)
    for extra, name, shape, facts in (
        ("tr(Z) == sum(x)", "x", ("k",), ()),
        ("spectral_norm(x) <= 2", "x", ("k", "k"), ("psd",)),
        ("diag(x) == 1", "x", ("k", "k"), ("psd",)),
        ("x <= 2", "x", ("k",), ()),
    ):
        for more in ([], ["dot(u, Z @ u) <= 1"]):
            problem = dv.minimize(
                "sumsq(Z - Q)", over=["Z", name], subject_to=[extra, *more],
                variables={"Q": ("n", "n"), "Z": ("n", "n"), "u": ("n",), name: shape},
                facts={"Q": ("symmetric",), "Z": ("psd",), name: facts},
            )  # fmt: skip
            data = {"Q": (A + A.T) / 2, "k": 2} | ({"u": u} if more else {})
            found, fast = problem.solve(data), problem.prepare(data)
            assert found.success, (extra, more, found.message)
            prepared = fast()
            assert np.isfinite(prepared[name]).all() and np.isfinite(prepared["Z"]).all()
            value = problem.objective.evaluate(Q=data["Q"], Z=prepared["Z"])
            assert abs(value - found.fun) <= 1e-8 * max(1.0, abs(found.fun)), (extra, more)
            assert more or abs(value - alone.fun) <= 1e-8 * max(1.0, abs(alone.fun)), extra


def test_bounds_by_the_largest_entry() -> None:
    """Λ hardly presses where few entries determine the optimum: its curvature tells of no size of unknowns."""
    for seed in range(6):
        A = np.random.default_rng(seed).standard_normal((3, 3))
        problem, data = stated("max(abs(Z - Q))", ["tr(Z) == 1"]), (A + A.T) / 2
        fast = problem.prepare(Q=data)
        proof = fast.certify(fast())
        assert proof.ok() and proof.value == pytest.approx(problem.solve(Q=data).fun, abs=1e-8), proof


def test_points_without_multipliers() -> None:
    """Multipliers are fitted on the directions in which Z vanishes: optima are certified, other points are not."""
    for name, objective, subject_to, data in relaxations(6, 0):
        problem = stated(objective, subject_to)
        found = problem.solve(Q=data)
        proof = problem.prepare(Q=data).certify({"Z": found["Z"]})
        assert proof.ok(), (name, proof)
        pushed = found["Z"] + 1e-4 * np.outer(VECTORS[0], VECTORS[0])
        assert not problem.prepare(Q=data).certify({"Z": pushed}).ok(), name


@pytest.mark.parametrize(("fact", "subject_to"), [("pd", ["tr(T) <= 2"]), ("symmetric", ["T >= 0"])])
def test_condition_of_what_means_something(fact: str, subject_to: list[str]) -> None:
    """Steps that leave the symmetric matrices, or fill a triangle that is not used, have no curvature to be told."""
    S = np.cov(np.random.default_rng(0).standard_normal((4, 40)))
    objective = "tr(S @ T) - logdet(T)" if fact == "pd" else "sumsq(T - S)"
    shapes = {"S": ("n", "n"), "T": ("n", "n")}
    problem = dv.minimize(
        objective, over="T", variables=shapes, facts={"T": (fact,), "S": ("psd",)}, subject_to=subject_to
    )
    proof = problem.solve(S=S).certificate
    assert proof.ok() and proof.curvature > 1e-3 and proof.condition < 100.0
