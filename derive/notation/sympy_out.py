"""An expression as ordinary SymPy: matrix expressions up to order two, index notation beyond.

A vector of size n is an n×1 `MatrixSymbol`. What matrix expressions cannot say (results of order three, functions
of two matrices entry by entry) comes in index notation, `Sum` and `Indexed`, whose free indices i, j, k, … are the
axes of the result. `from_sympy` reads both back.
"""

from __future__ import annotations

import sympy
from sympy.matrices import expressions as ma
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalOf

from ..errors import UnsupportedError
from ..node import Node, Variable, variables
from ..operators import REGISTRY, Elementwise
from ..operators.scalar import SYMPY_FUNCTIONS
from .matrix import to_tree
from .sympy_indexed import indexed, symbol
from .tree import Tree, parts

_ENTRY = sympy.Symbol("u", real=True)


class NoMatrixForm(Exception):
    """The tree holds something that SymPy's matrix expressions cannot say."""


def to_sympy(node: Node) -> sympy.Expr:
    """The expression as SymPy; an `UnsupportedError` names what has no form there."""
    if node.order <= 2:
        try:
            return _Writer({v.name: v for v in variables(node)}).write(to_tree(node))
        except NoMatrixForm:
            pass
    return indexed(node, _matrix_form)


def _matrix_form(node: Node) -> sympy.MatrixExpr:
    """A matrix inside index notation, whose inverse or determinant is wanted."""
    try:
        return _Writer({v.name: v for v in variables(node)}).write(to_tree(node))
    except NoMatrixForm as error:
        raise UnsupportedError(f"{error} has no form as a SymPy matrix") from None


def scalar_function(name: str, *arguments: sympy.Expr) -> sympy.Expr:
    """An elementwise operator of one entry: SymPy's own function, or the operator's statement."""
    if name in SYMPY_FUNCTIONS:
        return SYMPY_FUNCTIONS[name](*arguments)
    operator = REGISTRY[name]
    assert isinstance(operator, Elementwise)
    return operator.statement(*arguments)


def times(coefficient: sympy.Expr, front: list[sympy.Expr], body: sympy.MatrixExpr) -> sympy.MatrixExpr:
    """A matrix with scalars in front."""
    scalars = sympy.Mul(coefficient, *front)
    if scalars == 1:
        return body
    return ma.MatMul(scalars, *(body.args if isinstance(body, ma.MatMul) else [body]))


class _Writer:
    """One rendering; vectors are columns, scalars are no matrices."""

    def __init__(self, variables_: dict[str, Variable]) -> None:
        self.variables = variables_

    def write(self, t: Tree) -> sympy.Expr:
        """The tree in SymPy."""
        args = t.args
        match t.op:
            case "var":
                v = self.variables[str(t.data)]
                if not v.order:
                    return symbol(v)
                return ma.MatrixSymbol(v.name, v.shape[0], v.shape[1] if v.order == 2 else 1)
            case "num":
                return t.data
            case "ones" if t.order <= 2:
                return ma.OneMatrix(t.data[0], t.data[1] if t.order == 2 else 1)
            case "zeros" if t.order <= 2:
                return ma.ZeroMatrix(t.data[0], t.data[1] if t.order == 2 else 1)
            case "eye":
                return ma.Identity(t.data[0])
            case "T" if t.order == 2:
                return self.write(args[0]).T
            case "chain":
                return self.chain(args)
            case "sum":
                return self.sum(t)
            case "mul":
                return self.product(t)
            case "pow":
                return self.power(t)
            case "outer":
                return self.write(args[0]) * self.write(args[1]).T
            case "diag":
                return DiagMatrix(self.write(args[0]))
            case "diagonal":
                return DiagonalOf(self.write(args[0]))
            case "index" if t.data in ("None, :", ":, None"):
                column = self.write(args[0])
                return column.T if t.data == "None, :" else column
            case "call":
                return self.call(t)
        raise NoMatrixForm(t.op)

    def chain(self, factors: tuple[Tree, ...]) -> sympy.Expr:
        inside = [k for k, f in enumerate(factors[1:-1], 1) if f.order == 1]
        if inside:  # (D.T @ X @ b) @ X @ c: what stands before is a vector, and the row of the rest
            words = [
                self.chain(factors[: inside[-1] + 1]),
                *(self.write(f) for f in factors[inside[-1] + 1 :]),
            ]
        else:
            words = [self.write(f) for f in factors]
        row = bool(inside) or factors[0].order == 1
        product = ma.MatMul(*([words[0].T, *words[1:]] if row else words))
        if not row:
            return product
        return ma.Trace(product) if factors[-1].order == 1 else product.T

    def sum(self, t: Tree) -> sympy.Expr:
        if not t.order:
            return sympy.Add(*(self.write(a) for a in t.args))
        bare = {k: self.write(a) for k, a in enumerate(t.args) if a.order == t.order and not _repeats(a)}
        if not bare:
            raise NoMatrixForm("a sum of repeated vectors")
        shape = next(iter(bare.values())).shape
        words = [bare[k] if k in bare else self.spread(a, shape) for k, a in enumerate(t.args)]
        return ma.MatAdd(*words)

    def spread(self, t: Tree, shape: tuple[sympy.Expr, sympy.Expr]) -> sympy.Expr:
        """A scalar or vector repeated to a matrix."""
        if not t.order:
            return self.write(t) * ma.OneMatrix(*shape)
        coefficient, nums, dens = parts(t)
        front = [self.write(a) for a in nums if not a.order] + [
            1 / self.write(a) for a in dens if not a.order
        ]
        (core,) = [a for a in nums if a.order]
        if core.op != "spread" or any(a.order for a in dens) or len(core.data) != 2:
            raise NoMatrixForm("a repeated vector")
        vector = self.write(core.args[0])
        body = vector * ma.OneMatrix(1, shape[1]) if core.data[0] else ma.OneMatrix(shape[0], 1) * vector.T
        return times(coefficient, front, body)

    def product(self, t: Tree) -> sympy.Expr:
        coefficient, nums, dens = parts(t)
        front = [self.write(a) for a in nums if not a.order] + [
            1 / self.write(a) for a in dens if not a.order
        ]
        tensors = [self.write(a) for a in nums if a.order]
        tensors += [ma.HadamardPower(self.write(a), -1) for a in dens if a.order]
        if not tensors:
            return sympy.Mul(coefficient, *front)
        body = tensors[0] if len(tensors) == 1 else ma.HadamardProduct(*tensors)
        return times(coefficient, front, body)

    def power(self, t: Tree) -> sympy.Expr:
        base, exponent = (self.write(a) for a in t.args)
        return ma.HadamardPower(base, exponent) if t.order else base**exponent

    def call(self, t: Tree) -> sympy.Expr:
        name, settings = t.data
        axis = dict(settings).get("axis")
        argument = t.args[0]
        if isinstance(REGISTRY.get(name), Elementwise) or name == "sqrt":
            return self.entrywise(t, name)
        if argument.order > 2:
            raise NoMatrixForm(name)
        x = self.write(argument)
        if name in ("sum", "mean", "logsumexp", "softmax") and argument.order:
            return self.reduction(name, x, axis if argument.order == 2 else None)
        match name:
            case "sumsq" if axis is None:
                return ma.Trace(x.T * x)
            case "norm" if axis is None and len(t.args) == 1:
                return sympy.sqrt(ma.Trace(x.T * x))
            case "tr":
                return ma.Trace(x)
            case "kron" if t.order == 2:
                return sympy.KroneckerProduct(*(self.write(a) for a in t.args))
            case "inv":
                return ma.Inverse(x)
            case "det":
                return ma.Determinant(x)
            case "logdet":
                return sympy.log(sympy.Abs(ma.Determinant(x), evaluate=False))
        raise NoMatrixForm(name)

    def entrywise(self, t: Tree, name: str) -> sympy.Expr:
        """A function of every entry."""
        if name == "sqrt":
            x = self.write(t.args[0])
            return ma.HadamardPower(x, sympy.S.Half) if t.order else sympy.sqrt(x)
        if t.data[1]:
            raise NoMatrixForm(name)
        words = [self.write(a) for a in t.args]
        if not t.order:
            return scalar_function(name, *words)
        if len(words) != 1:
            raise NoMatrixForm(name)
        return ElementwiseApplyFunction(sympy.Lambda(_ENTRY, scalar_function(name, _ENTRY)), words[0])

    def reduction(self, name: str, x: sympy.Expr, axis: object) -> sympy.Expr:
        """Sums by products with vectors of ones."""
        rows, columns = x.shape
        left, right = ma.OneMatrix(1, rows), ma.OneMatrix(columns, 1)
        if axis not in (None, 0, 1):
            raise NoMatrixForm(name)
        if name in ("sum", "mean"):
            if axis is None:
                total, count = ma.Trace(left * x * right), rows * columns
            else:
                total, count = ((left * x).T, rows) if axis == 0 else (x * right, columns)
            return total / count if name == "mean" else total
        e = ElementwiseApplyFunction(sympy.Lambda(_ENTRY, sympy.exp(_ENTRY)), x)
        log = sympy.Lambda(_ENTRY, sympy.log(_ENTRY))
        if axis is None:
            total = ma.Trace(left * e * right)
            return sympy.log(total) if name == "logsumexp" else ma.MatMul(1 / total, e)
        if name == "logsumexp":
            return ElementwiseApplyFunction(log, (left * e).T if axis == 0 else e * right)
        sums = ma.OneMatrix(rows, rows) * e if axis == 0 else e * ma.OneMatrix(columns, columns)
        return ma.HadamardProduct(e, ma.HadamardPower(sums, -1))


def _repeats(t: Tree) -> bool:
    """Whether a term of a sum is a vector that is repeated."""
    return t.op == "spread" or (t.op == "mul" and any(a.op == "spread" for a in t.args))
