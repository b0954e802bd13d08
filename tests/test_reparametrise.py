"""Free forms of constrained unknowns: the maps, their derivatives, and what cannot be done."""

from __future__ import annotations

import numpy as np
import pytest

from derive.build import einsum, inner, total
from derive.differentiate import gradient
from derive.errors import DataError, UnsupportedError
from derive.evaluate import evaluate
from derive.node import Apply, topological, variable
from derive.operators import apply
from derive.reparametrise import reparametrise
from derive.sizes import sizes

k, d = sizes("k d")
PI = variable("p", (k,), ["simplex"])
RATE = variable("r", (k,), ["positive"])
SIGMA = variable("S", (k, d, d), ["pd"])


def _random_pd(rng: np.random.Generator) -> np.ndarray:
    a = rng.standard_normal((2, 3, 3))
    return a @ np.swapaxes(a, -1, -2) + np.eye(3)


def test_the_maps_are_inverse_to_each_other() -> None:
    """forward ∘ backward = id on the constraint set, up to rounding."""
    rng = np.random.default_rng(0)
    given = {"p": rng.dirichlet(np.ones(2)), "r": rng.uniform(0.1, 3, 2), "S": _random_pd(rng)}
    objective = total(PI)
    rep = reparametrise(objective, [PI, RATE, SIGMA])
    assert [u.name for u in rep.unknowns] == ["p_free", "r_free", "S_free"]
    back = rep.forward(rep.backward(given))
    for name, value in given.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-12)


def test_the_expression_is_the_map() -> None:
    """Symbolic and numeric forward agree: objective(free) = objective(forward(free))."""
    rng = np.random.default_rng(1)
    a = variable("a", (k, d))
    quadratic = einsum([(a, (0, 1)), (apply("inv", SIGMA), (0, 1, 2)), (a, (0, 2))], (0,))
    objective = inner(PI, quadratic)
    objective = apply("log", objective)
    rep = reparametrise(objective, [PI, SIGMA])
    free = {"p_free": rng.standard_normal(2), "S_free": rng.standard_normal((2, 3, 3))}
    A = rng.standard_normal((2, 3))
    left = evaluate(rep.objective, {**free, "a": A})
    right = evaluate(objective, {**rep.forward(free), "a": A})
    np.testing.assert_allclose(left, right, rtol=1e-12)


def test_log_determinant_is_linear_in_the_free_diagonal() -> None:
    """log det L Lᵀ = 2 Σ Σ̃ᵢᵢ: no determinant is left."""
    for statement in (total(apply("logdet", SIGMA)), total(apply("log", apply("det", SIGMA)))):
        rep = reparametrise(statement, [SIGMA])
        assert not any(isinstance(n, Apply) for n in topological([rep.objective]))
        free = np.random.default_rng(2).standard_normal((2, 3, 3))
        expected = np.linalg.slogdet(rep.forward({"S_free": free})["S"])[1].sum()
        np.testing.assert_allclose(evaluate(rep.objective, {"S_free": free}), expected, rtol=1e-12)


def test_quadratic_forms_become_sums_of_squares() -> None:
    """xᵀΣ⁻¹x = ‖L⁻¹x‖²: never negative, even where Σ is singular to double precision."""
    a = variable("a", (sizes("n"), k, d))
    quadratic = einsum([(a, (0, 1, 2)), (apply("inv", SIGMA), (1, 2, 3)), (a, (0, 1, 3))], (0, 1))
    rep = reparametrise(total(quadratic), [SIGMA])
    assert any(isinstance(n, Apply) and n.op == "power" for n in topological([rep.objective]))
    rng = np.random.default_rng(4)
    A, free = rng.standard_normal((5, 2, 3)), rng.standard_normal((2, 3, 3))
    expected = evaluate(total(quadratic), {"a": A, **rep.forward({"S_free": free})})
    np.testing.assert_allclose(evaluate(rep.objective, {"a": A, "S_free": free}), expected, rtol=1e-10)
    free[:, [0, 1, 2], [0, 1, 2]] = [-30, 0, 30]
    assert evaluate(rep.objective, {"a": A, "S_free": free}) > 0


def test_gradient_of_the_free_form() -> None:
    """Chain rule against central differences, entries above the diagonal included (they are 0)."""
    rng = np.random.default_rng(3)
    B = variable("B", (k, d, d))
    objective = apply("exp", inner(apply("inv", SIGMA), B))
    rep = reparametrise(objective, [SIGMA])
    derived = gradient(rep.objective, rep.unknowns[0])
    F, b = 0.3 * rng.standard_normal((2, 3, 3)), 0.1 * rng.standard_normal((2, 3, 3))
    found = evaluate(derived, {"S_free": F, "B": b})
    step = 1e-6
    for index in np.ndindex(F.shape):
        e = np.zeros_like(F)
        e[index] = step
        high, low = (evaluate(rep.objective, {"S_free": F + s * e, "B": b}) for s in (1, -1))
        np.testing.assert_allclose(found[index], (high - low) / (2 * step), rtol=1e-6, atol=1e-8)
    assert (found[:, 0, 1:] == 0).all()


def test_free_unknowns_stay_and_names_do_not_clash() -> None:
    w, taken = variable("w", (d,)), variable("r_free", (k,))
    objective = total(w)
    rep = reparametrise(inner(RATE, taken), [RATE, w])
    assert [u.name for u in rep.unknowns] == ["r_free_", "w"]
    assert rep.unknowns[1] is w
    assert not reparametrise(objective, [w]).changed


@pytest.mark.parametrize("fact", ["nonnegative", "integer", "orthogonal", "psd"])
def test_what_has_no_free_form_is_refused(fact: str) -> None:
    v = variable("v", (d, d), [fact])
    with pytest.raises(UnsupportedError, match=f"v is {fact}"):
        reparametrise(total(v), [v])


def test_a_start_on_the_boundary_is_refused() -> None:
    rep = reparametrise(total(PI), [PI, SIGMA])
    with pytest.raises(DataError, match=r"p must be positive, but p\[1\] is 0.0"):
        rep.backward({"p": np.array([1.0, 0.0]), "S": np.eye(3)[None]})
    with pytest.raises(DataError, match="S is not positive definite"):
        rep.backward({"p": np.array([0.5, 0.5]), "S": -np.eye(3)[None]})
