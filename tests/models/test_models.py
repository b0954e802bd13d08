"""Every registered model: its statement parses, and its derivatives are the ones that differences measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import derive as dv
from derive import agreement, data, fitting
from derive.evaluate import bind
from derive.models import REGISTRY, Model, get
from derive.models.mlp import ACTIVATIONS, LOSSES, mlp
from derive.node import size_symbols
from derive.sizes import Binding
from derive.verify.differences import derivative_error
from derive.verify.sampling import draw

MODELS = list(REGISTRY)
# Distinct sizes, and one where all but the data axis are 1.
SIZES: Sequence[Sequence[int]] = ((5, 3, 2, 4, 6, 7), (4, 1, 1, 1, 1, 1))


def errors(model: Model, numbers: Sequence[int], digits: int | None = None) -> tuple[float, float]:
    """The worst relative errors of gradients and of the Hessian's blocks, entry by entry."""
    expression = model.expression()
    names = list(model.unknowns)
    symbols = size_symbols(expression.node, *expression.declared)
    first = next(v for v in expression.declared if v.name == "X").shape[0]
    ordered = [first, *(s for s in symbols if s != first)]
    binding = Binding(dict(zip(ordered, numbers, strict=False)))
    arrays = draw(expression.declared, binding, 1, "generic").arrays
    if digits is None:
        # Small numbers, lest a softmax saturates and its derivatives drown in rounding.
        arrays = {name: np.asarray(a, dtype=float) / 4 for name, a in arrays.items()}
    unknowns = {v.name: v for v in expression.declared if v.name in names}
    gradients = dict(zip(names, dv.gradient(expression, names), strict=True))
    table = dv.hessian(expression, names)

    def worst(value: dv.Expression, derived: dv.Expression, name: str) -> float:
        return derivative_error(
            value.node, derived.node, unknowns[name], arrays, binding, digits=digits
        ).worst

    first_order = max(worst(expression, gradients[u], u) for u in names)
    second = max(
        worst(gradients[a], table[i][j], b) for i, a in enumerate(names) for j, b in enumerate(names)
    )
    return first_order, second


@pytest.mark.parametrize("name", MODELS)
def test_statement_round_trip(name: str) -> None:
    """A statement's text is read again as the same expression."""
    model = get(name)
    expression = model.expression()
    again = dv.parse(str(expression), variables=dict(model.variables), facts=dict(model.facts))
    assert again.same_as(expression)


@pytest.mark.parametrize("numbers", SIZES, ids=["distinct", "ones"])
@pytest.mark.parametrize("name", MODELS)
def test_derivatives(name: str, numbers: Sequence[int]) -> None:
    """Gradient and Hessian agree with 50-digit differences to 20 digits, all blocks, all entries."""
    first, second = errors(get(name), numbers, digits=50)
    assert first < 1e-20 and second < 1e-20


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_perceptrons(layers: int, activation: str, loss: str) -> None:
    """One to four layers, every activation and loss: gradient and Hessian against differences."""
    first, second = errors(mlp(layers, activation, loss), (3, 2, 3, 2, 3, 2))
    assert first < 1e-6 and second < 1e-6


def test_perceptron_refuses_nonsense() -> None:
    """There is no network without layers."""
    with pytest.raises(ValueError, match="layers"):
        mlp(0)
    with pytest.raises(ValueError, match="activation"):
        mlp(2, "sine")


@pytest.mark.parametrize("name", MODELS)
def test_data_fit_the_statement(name: str) -> None:
    """The shipped data and the start have the declared sizes and facts."""
    model = get(name)
    arrays = fitting.arrays_of(model)
    expression = model.expression()
    bind(
        expression.declared,
        {**arrays, **fitting.start_of(model, arrays)},
        sizes=size_symbols(expression.node),
    )
    assert data.describe(model.data_set).model == name


@pytest.mark.parametrize("name", MODELS)
def test_generic_point_is_reproducible(name: str) -> None:
    """The checks of the demo are made at the same point every time."""
    model = get(name)
    arrays = fitting.arrays_of(model)
    one, two = (agreement.generic_point(model, arrays) for _ in range(2))
    assert all(np.array_equal(one[u], two[u]) for u in model.unknowns)


def test_unknown_model() -> None:
    """A near miss is named."""
    with pytest.raises(dv.DeriveError, match="did you mean ridge"):
        get("rigde")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("least_squares", {"w": [-3482258.63459582, 15.0618722713733, -0.358191792925910e-01,
                                 -2.02022980381683, -1.03322686717359, -0.511041056535807e-01,
                                 1829.15146461355]}),  # certified by NIST
        ("ridge", None),
    ],
)  # fmt: skip
def test_fits_have_the_known_answer(name: str, known: dict[str, list[float]] | None) -> None:
    """Longley's certified coefficients; ridge by its normal equations."""
    model = get(name)
    arrays = fitting.arrays_of(model)
    result = fitting.fit(model, arrays)
    assert result.success
    if known is None:
        X, y, lam = arrays["X"], arrays["y"], arrays["lam"]
        known = {"w": np.linalg.solve(X.T @ X + lam * np.eye(X.shape[1]), X.T @ y)}
    for unknown, value in known.items():
        np.testing.assert_allclose(result[unknown], value, rtol=1e-6)
