"""Second-order conditions: known minima, saddles and degenerate points; the Hessian by differences."""

from __future__ import annotations

import numpy as np
import pytest

import derive as dv
from derive.errors import UnsupportedError

RAYLEIGH = {"C": ("d", "d"), "w": ("d",)}


def sphere(sense: str = "minimize") -> dv.Problem:
    loss = dv.parse("w @ C @ w", variables=RAYLEIGH, facts={"C": ["symmetric"]})
    return getattr(dv, sense)(loss, over="w", subject_to=["w @ w == 1"])


def test_rayleigh_quotient_on_the_sphere() -> None:
    """The smallest eigenvector is the minimum, the largest the maximum, those between are saddles."""
    matrix = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 1]])
    _, vectors = np.linalg.eigh(matrix)
    found = [sphere().second_order().at({"w": vectors[:, k]}, C=matrix) for k in range(3)]
    assert [f.status for f in found] == ["minimum", "saddle", "saddle"]
    assert [f.inertia for f in found] == [(2, 0, 0), (1, 1, 0), (0, 2, 0)]
    assert sphere("maximize").second_order().at({"w": vectors[:, 2]}, C=matrix).status == "maximum"
    assert sphere().second_order().at({"w": vectors[:, 0]}, C=np.eye(3)).status == "degenerate"
    assert sphere().second_order().at({"w": [0.6, 0.8, 0.0]}, C=matrix).status == "not stationary"
    assert "2 of 3 dimensions" in str(found[0])


def test_text_and_latex() -> None:
    """The Hessian of the Lagrangian is that of the objective plus the multiplier's part."""
    conditions = sphere().second_order()
    assert conditions.lines() == [
        "Hessian of the Lagrangian",
        "  2 * (C + nu_1 * eye(d))    (in w, w)",
        "tangent space",
        "  2 * w @ d_w == 0",
    ]
    assert r"\nabla^2_{w w} L &= 2 (C + \nu_{1} I)" in conditions.latex()


def test_active_inequalities_leave_the_tangent_space() -> None:
    """A concave objective is at a minimum in a corner; with a zero multiplier it is not decided."""
    sizes = {"w": ("d",), "c": ("d",)}
    box = dv.minimize("-sumsq(w)/2 + c @ w", over="w", subject_to=["w >= 0", "w <= 1"], variables=sizes)
    corner = box.second_order().at({"w": [0.0, 1.0]}, c=[1.0, 0.5])
    assert corner.status == "minimum" and corner.inertia == (0, 0, 0) and corner.active == 2
    assert box.second_order().at({"w": [0.5, 1.0]}, c=[0.5, 0.5]).status == "saddle"
    weak = dv.minimize("-sumsq(w)/2", over="w", subject_to=["w >= 0", "w <= 1"], variables={"w": ("d",)})
    assert weak.second_order().at({"w": [0.0, 1.0]}).status == "degenerate"


def test_several_unknowns_and_symmetric_matrices() -> None:
    """A matrix factorisation at zero is a saddle; the Gaussian likelihood has a minimum in the symmetric space."""
    sizes = {"X": ("n", "d"), "U": ("n", "k"), "W": ("d", "k")}
    factors = dv.minimize("sumsq(X - U @ W.T)", over=["U", "W"], variables=sizes)
    x = np.outer([1.0, 2.0, 0.5], [1.0, -1.0])
    zero = factors.second_order().at({"U": np.zeros((3, 1)), "W": np.zeros((2, 1))}, X=x)
    assert zero.status == "saddle"
    exact = factors.second_order().at({"U": [[1.0], [2.0], [0.5]], "W": [[1.0], [-1.0]]}, X=x)
    assert exact.status == "degenerate" and exact.inertia[1:] == (0, 1)  # U and W may be rescaled
    loss = dv.parse("logdet(S) + tr(inv(S) @ A)", variables={"S": ("d", "d"), "A": ("d", "d")},
                    facts={"S": ["pd"], "A": ["pd"]})  # fmt: skip
    a = np.array([[2.0, 0.3], [0.3, 1.0]])
    found = dv.minimize(loss, over="S").second_order().at({"S": a}, A=a)
    assert found.status == "minimum" and found.basis.shape == (4, 3)
    psd = dv.parse(
        "tr(S @ A)", variables={"S": ("d", "d"), "A": ("d", "d")}, facts={"S": ["psd"], "A": ["pd"]}
    )
    with pytest.raises(UnsupportedError, match="psd cone"):
        dv.minimize(psd, over="S").second_order().at({"S": np.zeros((2, 2))}, A=a)


def test_hessian_of_the_lagrangian_by_differences() -> None:
    """ZᵀHZ against second differences of L along the tangent space."""
    sizes = {"X": ("n", "d"), "w": ("d",), "A": ("m", "d"), "b": ("m",)}
    stated = dv.minimize(
        "sum(exp(X @ w))", over="w", subject_to=["A @ w == b", "sumsq(w) <= 4"], variables=sizes
    )
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(6, 4)), "A": rng.normal(size=(1, 4)), "b": np.array([0.3])}
    best = stated.solve(data, backend="numpy")
    found = stated.second_order().at({"w": best["w"]}, data)
    assert found.status == "minimum"
    lagrangian = stated.lagrangian()
    point = {**data, **found.residual.multipliers}

    def at(step: np.ndarray) -> float:
        return float(lagrangian.evaluate({**point, "w": best["w"] + step}))

    for k in range(found.basis.shape[1]):
        z = found.basis[:, k] * 1e-3
        second = (at(z) - 2 * at(0 * z) + at(-z)) / 1e-6
        assert second == pytest.approx(found.reduced[k, k], rel=1e-4)
