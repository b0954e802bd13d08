"""The interpreter, and the door at which data are checked: every refusal names the culprit."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.sparse
import sympy

from derive.build import add, einsum, inner, matmul, multiply, scale, transpose
from derive.errors import DataError, DeriveError, SizeError
from derive.evaluate import evaluate
from derive.node import delta, ones, variable
from derive.operators import apply
from derive.sizes import sizes

n, d = sizes("n d")
ONE = sympy.S.One
X = variable("X", (n, d))
w = variable("w", (d,))
y = variable("y", (n,))
lam = variable("lam", (), ("positive",))
S = variable("S", (d, d), ("symmetric",))
P = variable("P", (d, d), ("pd",))
rows = np.arange(6.0).reshape(3, 2)
residual = add([(ONE, matmul(X, w)), (-ONE, y)])
good = {"X": rows, "w": np.ones(2), "y": np.zeros(3)}


# ---------------------------------------------------------------- meaning


def test_products_mean_what_numpy_means() -> None:
    assert np.allclose(evaluate(matmul(X, w), {"X": rows, "w": np.ones(2)}), rows @ np.ones(2))
    assert np.allclose(evaluate(matmul(transpose(X), X), {"X": rows}), rows.T @ rows)
    assert np.allclose(evaluate(einsum([(X, (0, 1))], (1,)), {"X": rows}), rows.sum(axis=0))


def test_constants() -> None:
    """I, 1 and numbers; sizes in coefficients are bound."""
    assert np.allclose(evaluate(delta(n), {"n": 3}), np.eye(3))
    assert np.allclose(evaluate(ones((n,)), {"n": 2}), [1, 1])
    assert np.allclose(evaluate(scale(1 / n, inner(y, y)), {"y": np.array([1.0, 2.0])}), 2.5)


def test_many_digits() -> None:
    """√2 to 50 digits."""
    found = evaluate(apply("power", lam, exponent=sympy.S.Half), {"lam": 2}, digits=50)
    with mpmath.workdps(50):
        assert abs(found[()] - mpmath.sqrt(2)) < mpmath.mpf(10) ** -49


def test_whole_numbers_are_numbers() -> None:
    """Integer and Boolean arrays are accepted and computed with as reals."""
    assert np.allclose(evaluate(inner(w, w), {"w": np.array([1, 2])}), 5)
    assert np.allclose(evaluate(inner(w, w), {"w": [True, False]}), 1)


def test_input_is_not_changed() -> None:
    before = {k: v.copy() for k, v in good.items()}
    evaluate(inner(residual, residual), good)
    assert all(np.array_equal(before[k], good[k]) for k in good)


def test_a_second_argument_of_the_same_name_is_one_array() -> None:
    assert np.allclose(evaluate(multiply(w, w), {"w": np.array([2.0, 3.0])}), [4, 9])


def test_other_kinds_of_arrays() -> None:
    """Matrices, arrays with nothing masked, and objects that are numbers are arrays of numbers."""
    wanted = evaluate(inner(residual, residual), good)
    others = {
        "X": rows.view(np.matrix),
        "y": np.ma.array(good["y"]),
        "w": np.array([*map(float, good["w"])], dtype=object),
    }
    assert evaluate(inner(residual, residual), others) == pytest.approx(wanted)


# ---------------------------------------------------------------- bad input


def with_(**change: Any) -> dict[str, Any]:
    return {**good, **change}


BAD: dict[str, tuple[dict[str, Any], type[DeriveError], str]] = {
    "missing": ({"X": rows, "y": np.zeros(3)}, DataError, "no array was given for w"),
    "surplus": (with_(z=1.0), DataError, "'z', which does not occur; expected: X, w, y"),
    "wrong size": (with_(w=np.ones(3)), SizeError, r"w: axis 0 has length 3, but d = 2"),
    "size in conflict": (with_(y=np.zeros(4)), SizeError, r"y: axis 0 has length 4, but n = 3.*axis 0 of X"),
    "wrong order": (with_(w=np.ones((2, 1))), SizeError, r"w was declared with 1 axes.*\(2, 1\)"),
    "empty": (with_(X=np.zeros((0, 2))), SizeError, "X is empty"),
    "text": (with_(y=np.array(["a", "b", "c"])), DataError, "y has entries of type"),
    "complex": (with_(y=np.zeros(3, dtype=complex)), DataError, "y has entries of type complex"),
    "masked": (
        with_(y=np.ma.array([1.0, 2, 3], mask=[0, 1, 0])),
        DataError,
        "y has 1 masked entry, the first at",
    ),
    "objects": (with_(y=np.array([1, None, 2], dtype=object)), DataError, "y has None at"),
    "ragged": (with_(X=[[1.0, 2.0], [3.0]]), DataError, "X is not an array of numbers"),
    "sparse": (
        with_(X=scipy.sparse.csr_array(rows)),
        DataError,
        r"X is a sparse matrix \(csr_array\); give X",
    ),
    "NaN in a matrix": (
        with_(X=np.array([[0.0, 1], [2, np.nan], [3, 4]])),
        DataError,
        "X has nan at row 1, column 1",
    ),
    "infinity in a vector": (with_(y=np.array([0.0, np.inf, 1])), DataError, "y has inf at entry 1"),
    "several NaN": (with_(y=np.array([np.nan, 1, np.nan])), DataError, r"entry 0 \(2 such entries\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(name: str) -> None:
    """The message names the array, and the row and column where there are any."""
    data, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        evaluate(inner(residual, residual), data)


def test_scalars_that_are_not_finite() -> None:
    with pytest.raises(DataError, match="lam is nan"):
        evaluate(multiply(lam, lam), {"lam": float("nan")})


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "three", None, float("inf"), [1, 2]])
def test_sizes_must_be_whole(value: object) -> None:
    with pytest.raises(DataError, match="size n must be a whole number"):
        evaluate(ones((n,)), {"n": value})


def test_unbound_sizes() -> None:
    with pytest.raises(SizeError, match="size n is not bound: give an array that has it, or n="):
        evaluate(ones((n,)), {})


@pytest.mark.parametrize(
    ("v", "array", "message"),
    [
        (lam, np.array(-1.0), "lam was declared positive, but is -1.0"),
        (
            variable("v", (n,), ("nonnegative",)),
            np.array([1, -2.0]),
            r"v was declared nonnegative.*index \(1,\)",
        ),
        (variable("v", (n,), ("integer",)), np.array([1, 2.5]), "v was declared integer, but is 2.5"),
        (variable("v", (n,), ("nonzero",)), np.array([1, 0.0]), "v was declared nonzero"),
        (S, np.array([[1.0, 2], [3, 4]]), "S was declared symmetric, but entry"),
        (P, np.array([[1.0, 2], [2, 1]]), "P was declared positive definite, but has the eigenvalue -1"),
        (variable("v", (n,), ("simplex",)), np.array([0.5, 0.6]), "v was declared on the simplex"),
    ],
)
def test_facts_are_checked(v: Any, array: Any, message: str) -> None:
    """Declared facts are promises that the data must keep."""
    root = einsum([(v, tuple(range(v.order)))], ())
    with pytest.raises(DataError, match=message):
        evaluate(root, {v.name: array})


def test_singular_matrices() -> None:
    A = variable("A", (d, d))
    with pytest.raises(DataError, match=r"inv of a matrix of sizes \(d, d\).*[Ss]ingular"):
        evaluate(apply("inv", A), {"A": np.zeros((2, 2))})
    with pytest.raises(DataError, match="inv of a matrix"):
        evaluate(apply("inv", A), {"A": np.zeros((2, 2))}, digits=30)


def test_nothing_undefined_in_many_digits() -> None:
    with pytest.raises(DataError, match="no finite value"):
        evaluate(apply("power", w, exponent=-ONE), {"w": np.zeros(2)}, digits=30)


def test_lists_of_different_lengths_are_no_array() -> None:
    """The error names the array, also where sizes are learnt from it."""
    import derive as dv

    loss = dv.parse("sumsq(X @ w)", variables={"X": ("n", "d"), "w": ("d",)})
    with pytest.raises(
        DataError, match="X is not an array of numbers: the lists in it have different lengths"
    ):
        loss.evaluate(X=[[1, 2], [3]], w=[1, 2])
