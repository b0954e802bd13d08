"""SymPy expressions are read with their meaning, and what is not understood is refused by name.

The reference is SymPy itself: matrices are made explicit at small sizes and evaluated entry by entry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf

import derive as dv
from derive.declaring import from_sympy
from derive.errors import DeriveError, LimitError, SizeError, UnsupportedError
from derive.node import size_symbols

n, d = sp.symbols("n d")
X, Z = sp.MatrixSymbol("X", n, d), sp.MatrixSymbol("Z", n, d)
A, S = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("S", n, n)
x, y, w = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1), sp.MatrixSymbol("w", d, 1)
lam, t = sp.Symbol("lam", positive=True), sp.Symbol("t", real=True)
SIZES = {"n": 3, "d": 2}
RNG = np.random.default_rng(5)
ARRAYS: dict[str, Any] = {
    "X": RNG.standard_normal((3, 2)),
    "Z": RNG.standard_normal((3, 2)),
    "A": RNG.standard_normal((3, 3)) + 3 * np.eye(3),
    "S": RNG.standard_normal((3, 3)) + 3 * np.eye(3),
    "x": RNG.uniform(0.2, 1, 3),
    "y": RNG.standard_normal(3),
    "w": RNG.standard_normal(2),
    "lam": 0.3,
    "t": -0.7,
}
entry = sp.Symbol("u", real=True)

MATRIX = [
    X * w - y,
    x.T * A * x,
    lam * X.T * X + 2 * sp.Identity(d),
    A**2 + A**-1,
    A.I * x,
    sp.Transpose(X) * y,
    sp.Adjoint(X) * y,
    sp.MatPow(A, 3),
    sp.MatPow(A, -2),
    sp.HadamardProduct(X, Z),
    sp.HadamardPower(x, sp.Rational(1, 2)),
    sp.HadamardPower(2, X),
    DiagMatrix(x) * A,
    X.applyfunc(sp.exp),
    (X * w).applyfunc(sp.Lambda(entry, sp.log(1 + sp.exp(-entry)))),
    x.applyfunc(sp.Lambda(entry, lam * entry**2 + sp.Abs(entry))),
    y.applyfunc(sp.Lambda(entry, sp.Piecewise((entry, entry > 0), (0, True)))),
    y.applyfunc(sp.Lambda(entry, sp.Piecewise((-1, entry <= -1), (entry, entry < 1), (1, True)))),
    y.applyfunc(sp.Lambda(entry, sp.Max(entry, 0) + sp.Min(entry, t) + sp.sign(entry))),
    y.applyfunc(sp.Lambda(entry, sp.Heaviside(entry))),
    x.applyfunc(sp.Lambda(entry, sp.loggamma(entry) + sp.digamma(entry) + sp.polygamma(2, entry))),
    sp.KroneckerProduct(X, A),
    sp.KroneckerProduct(x, y),
    sp.OneMatrix(n, 1) * x.T,
    X - sp.OneMatrix(n, d) + sp.ZeroMatrix(n, d),
    sp.OneMatrix(1, n) * X,
    x * y.T,
    (x.T * y) * (y.T * x),
    y * (x.T * A * x),
]
SCALAR = [
    sp.Trace(A) ** 2,
    sp.Trace(X.T * X) / 2 + lam * sp.Trace(w.T * w),
    sp.log(sp.Determinant(A) ** 2),
    sp.Determinant(A) / (1 + t**2),
    A[0, 1] * x[2, 0] + t,
    sp.exp(-t) * sp.sin(t) + sp.pi,
    sp.sqrt(sp.Trace(x.T * x)),
    lam**t,
    n * sp.Trace(X * X.T) / (d + 1),
]


def explicit(expression: Any) -> Any:
    """The value by SymPy: sizes, matrices and scalars replaced, entries worked out."""
    found = expression.subs({n: 3, d: 2})
    for symbol in sorted(found.atoms(sp.MatrixSymbol), key=str):
        array = np.asarray(ARRAYS[symbol.name], dtype=float).reshape(symbol.shape)
        found = found.subs(symbol, sp.ImmutableMatrix(array.tolist()))
    found = found.subs({lam: ARRAYS["lam"], t: ARRAYS["t"]}).doit()
    if isinstance(found, sp.MatrixExpr):
        found = sp.Matrix(found.shape[0], found.shape[1], lambda i, j: found[i, j])
    if isinstance(found, sp.MatrixBase):
        found = found.applyfunc(lambda v: v.doit())
        return np.array(found.evalf().tolist(), dtype=float)
    return float(found.evalf())


def value(expression: dv.Expression) -> Any:
    """The value by the interpreter."""
    sizes = {s.name: SIZES[s.name] for s in size_symbols(expression.node)}
    return expression.evaluate({v: ARRAYS[v] for v in expression.variables}, **sizes)


@pytest.mark.parametrize("expression", MATRIX + SCALAR, ids=str)
def test_meaning(expression: Any) -> None:
    """The statement has the value that SymPy's expression has; axes of size 1 are dropped."""
    wanted = np.squeeze(np.asarray(explicit(expression)))
    np.testing.assert_allclose(value(from_sympy(expression)), wanted, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------- index notation

i, j, k = sp.symbols("i j k", integer=True)
Xi, Ai, xi, yi, wi = (sp.IndexedBase(name) for name in "XAxyw")
a = {name: np.asarray(v) for name, v in ARRAYS.items()}


def over(body: Any, *names: Any) -> Any:
    """Σ over whole axes; i and k run over n, j over d."""
    return sp.Sum(body, *((s, 0, (d if s == j else n) - 1) for s in names))


INDEXED: list[tuple[Any, Any]] = [
    (over(xi[i] * yi[i], i), a["x"] @ a["y"]),
    (sp.Sum(xi[i] * yi[i], (i, 1, n)), a["x"] @ a["y"]),
    (over(Xi[i, j] ** 2, i, j), (a["X"] ** 2).sum()),
    (over((over(Xi[i, j] * wi[j], j) - yi[i]) ** 2, i), ((a["X"] @ a["w"] - a["y"]) ** 2).sum()),
    (
        over(sp.log(1 + sp.exp(-yi[i] * over(Xi[i, j] * wi[j], j))), i) / n,
        np.log1p(np.exp(-a["y"] * (a["X"] @ a["w"]))).mean(),
    ),
    (over(Ai[i, i], i), np.trace(a["A"])),
    (over(xi[i], i, k), 3 * a["x"].sum()),
    (over(sp.KroneckerDelta(i, k) * xi[i] * yi[k], i, k), a["x"] @ a["y"]),
    (over(A[i, k] * x[k, 0], i, k), (a["A"] @ a["x"]).sum()),
    (over(xi[i], i) * over(yi[i], i), a["x"].sum() * a["y"].sum()),
    (over(over(xi[i], i) * yi[i], i), a["x"].sum() * a["y"].sum()),  # the same name inside and outside
    (over(A.I[i, i], i), np.trace(np.linalg.inv(a["A"]))),
    ((X * w)[1, 0], (a["X"] @ a["w"])[1]),  # SymPy makes this a sum over entries
    (DiagonalOf(A), np.diag(a["A"])),
    (DiagonalMatrix(A), np.diag(np.diag(a["A"]))),
]


@pytest.mark.parametrize(("expression", "wanted"), INDEXED, ids=[str(e) for e, _ in INDEXED])
def test_index_notation(expression: Any, wanted: Any) -> None:
    """Sums over indices are sums over whole axes, counted from 0 or from 1."""
    assert value(from_sympy(expression)) == pytest.approx(wanted, rel=1e-12)


def test_free_indices_are_axes() -> None:
    """Σ_j X_ij w_j with i free is the vector X w."""
    row, column = sp.Idx("i", n), sp.Idx("j", d)
    assert str(from_sympy(sp.Sum(Xi[row, column] * wi[column], (column, 0, d - 1)))) == "X @ w"
    shaped = sp.IndexedBase("X", shape=(n, d))
    assert str(from_sympy(shaped[j, i])) == "X.T"  # the axes of the result are in alphabetical order


# ---------------------------------------------------------------- with the rest of the house


def test_gradient_of_a_sympy_objective() -> None:
    """The four silent failures of SymPy's own matrix derivative come out right."""
    r = X * w - y
    ridge = sp.Trace(r.T * r) / 2 + lam / 2 * sp.Trace(w.T * w)
    assert str(dv.gradient(ridge, w)) == "X.T @ (X @ w - y) + lam * w"
    assert str(dv.gradient(sp.log(sp.Determinant(A)), A)) == "inv(A).T"
    assert str(dv.hessian(ridge, "w")) == "X.T @ X + lam * eye(d)"


def test_claims() -> None:
    """A claim may be SymPy; its symbols mean the variables of the statement."""
    loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    assert dv.check(loss, "w", claim=X.T * (X * w - y)).status != "refuted"
    assert dv.check(loss, "w", claim=X.T * (X * w + y)).status == "refuted"
    assert dv.check(sp.Trace(w.T * w), w, claim=2 * w).status != "refuted"
    quadratic = dv.parse("lam**2", variables={"lam": ()})
    assert dv.check(quadratic, "lam", claim=2 * sp.Symbol("lam")).status != "refuted"


def test_mixed_arithmetic() -> None:
    """SymPy on either side of an operator, symbols meaning the variables of the other side."""
    loss = dv.parse("sumsq(X @ w)", variables={"X": ("n", "d"), "w": ("d",)}, facts={"w": ["positive"]})
    known = dv.vector("w", "d", positive=True)
    assert (loss + lam * sp.Trace(w.T * w)).same_as(loss + dv.scalar("lam", positive=True) * dv.sumsq(known))
    assert "positive" in (loss + sp.Trace(w.T * w)).declared[-1].facts
    assert (sp.Trace(w.T * w) - loss).same_as(dv.sumsq(known) - loss)
    assert str(lam * loss) == "lam * sumsq(X @ w)"
    assert str(sp.Symbol("n", integer=True, positive=True) * loss) == "n * sumsq(X @ w)"


def test_facts() -> None:
    """Assumptions of symbols become facts; others are given by name."""
    assert "positive" in from_sympy(lam * t).declared[0].facts
    found = from_sympy(sp.log(sp.Determinant(S)), facts={"S": ["pd"]})
    assert "pd" in found.declared[0].facts
    with pytest.raises(UnsupportedError, match="does not occur"):
        from_sympy(t, facts={"S": ["pd"]})


def test_sizes_may_be_arithmetic() -> None:
    """Shapes such as n − 1 and sizes as scalars keep their meaning, whatever the assumptions of the symbol."""
    B = sp.MatrixSymbol("B", n - 1, n)
    found = from_sympy(sp.Trace(B * B.T) / n)
    assert found.evaluate(B=np.ones((2, 3))) == 2.0


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        (sp.Matrix([[1, 2], [3, 4]]), "Matrix"),
        (sp.ImmutableMatrix([[1, t]]), "Matrix"),
        (sp.BlockMatrix([[A, S]]), "BlockMatrix"),
        (X[0:1, :], "MatrixSlice"),
        (sp.Function("f")(t), "undefined function"),
        (x.applyfunc(sp.Function("f")), "refused|understood"),
        (sp.Derivative(t**2 * sp.Symbol("s"), t), "Derivative"),
        (sp.Integral(t, t), "Integral"),
        (sp.Product(xi[i], (i, 0, n - 1)), "Product"),
        (sp.cot(t), "cot"),
        (sp.floor(t), "floor"),
        (sp.I * t, "ImaginaryUnit|real"),
        (sp.oo * lam, "Infinity|real|understood"),
        (sp.nan, "real"),
        (sp.MatPow(A, sp.Rational(1, 2)), "MatPow"),
        (sp.MatPow(A, n), "MatPow"),
        (sp.Sum(i * xi[i], (i, 0, n - 1)), "index i stands as a number"),
        (sp.Sum(xi[i + 1], (i, 0, n - 1)), "whole axis"),
        (sp.Sum(xi[i], (i, 2, n)), "starts at 2"),
        (sp.Sum(Ai[i, k], (k, 0, i), (i, 0, n - 1)), "depends on another index"),
        (xi[i], "no range"),
        (xi[0], "shape"),
        (sp.Sum(x[i, 0], (i, 1, n - 1)), "runs over|counted from 0|whole axis"),
        (sp.Eq(t, 1), "Equality"),
        (sp.Symbol("z", imaginary=True), "real"),
        (sp.exp(X.T * X), "exp"),
        (sp.Piecewise((t, t > 0)), "last case"),
        (sp.And(t > 0, t < 1), "And"),
        ("x + 1", "not a SymPy expression"),
    ],
    ids=str,
)
def test_refused_by_name(expression: Any, word: str) -> None:
    """What stands in no table is an error that names the node type."""
    with pytest.raises(DeriveError, match=word):
        from_sympy(expression)


def test_sizes_have_to_agree() -> None:
    """One name cannot have two shapes."""
    with pytest.raises(SizeError, match="X has sizes"):
        from_sympy(sp.Trace(X.T * X) + sp.Trace(sp.MatrixSymbol("X", n, n)))


def test_caps() -> None:
    """Powers and depth beyond all measure end in the project's own error."""
    with pytest.raises(LimitError):
        from_sympy(sp.MatPow(A, 10**9))
    deep: Any = t
    for _ in range(3000):
        deep = sp.sin(deep, evaluate=False)
    with pytest.raises(DeriveError):
        from_sympy(deep)
