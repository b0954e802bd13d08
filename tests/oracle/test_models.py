"""SymPy's own derivative, component by component, is the derived one: the founding models."""

from __future__ import annotations

import pytest

from derive.build import scale
from derive.differentiate import gradient, hvp
from derive.node import variable
from derive.second import hessian
from derive.sizes import Binding
from derive.stable import recognise
from derive.verify.exact import Oracle
from tests.oracle.statements import MODELS

CASES = [(name, v) for name, (_, unknowns, _) in MODELS.items() for v in unknowns]


@pytest.mark.parametrize(("name", "wrt"), CASES, ids=[f"{n}-{v.name}" for n, v in CASES])
def test_gradient_and_hessian(name: str, wrt: object) -> None:
    """∇f and ∇²f: exactly where they are rational, to 50 digits elsewhere."""
    statement, unknowns, numbers = MODELS[name]
    wrt = next(v for v in unknowns if v is wrt)
    oracle = Oracle(statement, Binding(numbers))
    first = oracle.diff(oracle.value, wrt)
    assert oracle.disagreement(first, gradient(statement, wrt)) is None
    assert oracle.disagreement(first, gradient(recognise(statement), wrt)) is None
    assert oracle.disagreement(oracle.diff(first, wrt), hessian(recognise(statement), wrt)) is None


def test_mixed_second_derivatives() -> None:
    """∂²f/∂μ∂π of the mixture."""
    statement, (pi, mu, _), numbers = MODELS["gaussian_mixture"]
    oracle = Oracle(statement, Binding(numbers))
    mixed = oracle.diff(oracle.diff(oracle.value, mu), pi)
    assert oracle.disagreement(mixed, hessian(statement, mu, pi)) is None


def test_hessian_vector_product() -> None:
    """∇²f · V of the PCA reconstruction error, exactly."""
    statement, (W,), numbers = MODELS["pca"]
    V = variable("V", W.shape)
    product = hvp(statement, W, V)
    oracle = Oracle(statement, Binding(numbers), [V])
    second = oracle.diff(oracle.diff(oracle.value, W), W)
    expected = (second * oracle.arrays["V"]).sum(axis=(2, 3))
    assert oracle.disagreement(expected, product) is None


def test_a_wrong_factor_is_seen() -> None:
    """The oracle is no rubber stamp."""
    statement, (w, *_), numbers = MODELS["ridge"]
    oracle = Oracle(statement, Binding(numbers))
    first = oracle.diff(oracle.value, w)
    assert oracle.disagreement(first, scale(2, gradient(statement, w))) is not None
    statement, (w, *_), numbers = MODELS["logistic"]
    oracle = Oracle(statement, Binding(numbers))
    first = oracle.diff(oracle.value, w)
    assert oracle.disagreement(first, scale(2, gradient(statement, w))) is not None
