"""Elementwise operators, each stated as one SymPy expression.

The statement is the operator's meaning. SymPy differentiates it, and `scalar` translates the result back
into operators; no derivative is typed in anywhere. Beside the statement a record may hold what numbers need:
the stable NumPy form, the scalar template for compiled kernels, and how the operator is written in LaTeX and
in source code. What it does not hold follows from the statement:

    register(Elementwise("mish", lambda x: x * sympy.tanh(sympy.log(1 + sympy.exp(x)))))

is a function of the language with its derivatives, print, source for three targets and kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import sympy

from ..build import constant_value, einsum, full, negate, repeated_along, scale, split_scale, without_axis
from ..domains import Array, Domain
from ..errors import SizeError
from ..factors import mirrored
from ..node import Apply, Node, Params
from ..sizes import Shape, is_negative, same_shape, show_shape, tidy
from .base import Operator

Statement = Callable[..., sympy.Expr]
ONE_SIDED = -1  # instead of the index of an operand: the other one is a number


@final
@dataclass(eq=False)
class Elementwise(Operator):
    """An operator that acts on every entry by itself.

    name        as in the text language
    statement   the SymPy expression of the entries
    numpy       the same on arrays, stable
    kernel      the same as a line of scalar Python for numba; `{0}`, `{1}` are the arguments
    latex       how it is written; `{0}` is the argument
    source      how NumPy, JAX and PyTorch spell it (see `Operator`); without one, as its statement
    sign        facts that every result has; `keeps` lists facts handed on from the operands
    odd, even   f(-x) = -f(x), f(-x) = f(x)
    one_sided   the statement in x and c where one of two operands is a number c, whose cases say which slope counts
                where they are equal
    deciding    how many of the first operands make nan where they are nan; all of them if 0
    domain      where it is defined: for arguments that are "positive", "within 1" or "above 1"
    everywhere, kink, curvature   what proofs of convexity ask (see `Operator`)
    """

    name: str
    statement: Statement
    numpy: Callable[..., Any] = None  # type: ignore[assignment]  # filled in from the statement
    kernel: str = ""
    latex: str = ""
    arity: int = 1
    sign: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    odd: bool = False
    even: bool = False
    same_on: str = ""  # a fact of the argument under which f(x) = x
    one_sided: Statement | None = None
    deciding: int = 0
    everywhere: bool = False
    kink: int = 0
    curvature: int = 0
    domain: str = ""
    subgradient: str = ""
    constants: bool = True  # whether a constant argument is worked out exactly by SymPy
    settings: tuple[
        str, ...
    ] = ()  # the names of the parameters, arguments of the statement after the operands
    normal: Callable[[Sequence[Node], Params], Node | None] | None = None  # a normal form of its own
    source: str | Mapping[str, str] = ""
    helper: str | Mapping[str, str] = ""
    _partials: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.latex = self.latex or "\\operatorname{" + self.name.replace("_", " ") + "}({0})"
        if self.numpy is None:
            self.numpy = _lambdified(self.statement, self.arity + len(self.settings))

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        first = operands[0].shape
        for other in operands[1:]:
            if not same_shape(first, other.shape):
                raise SizeError(f"{self.name} of sizes {show_shape(first)} and {show_shape(other.shape)}")
        return first

    def scalar(self, params: Params) -> Statement:
        """The statement with the parameters put in."""
        if not params:
            return self.statement
        key = ("statement", params)
        if key not in self._partials:
            values = [v for _, v in params]
            self._partials[key] = lambda *xs: self.statement(*xs, *values)
        found: Statement = self._partials[key]
        return found

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        numbers = [float(v) for _, v in params]
        found = domain.elementwise(
            self.scalar(params), lambda *xs: self.numpy(*xs, *numbers) if numbers else self.numpy(*xs), arrays
        )
        if domain.name == "sympy" or not self.has_cases(params):
            return found
        lost = functools.reduce(np.logical_or, [a != a for a in arrays[: self.deciding or self.arity]])
        if not np.any(lost):
            return found
        return np.where(lost, domain.array(np.nan), found).astype(found.dtype)

    def has_cases(self, params: Params) -> bool:
        """Whether the statement tells cases apart, none of which holds at nan."""
        key = ("cases", params)
        if key not in self._partials:
            symbols = sympy.symbols(f"x:{self.arity}", real=True)
            self._partials[key] = sympy.sympify(self.scalar(params)(*symbols)).has(sympy.Piecewise)
        return bool(self._partials[key])

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        found = set(self.sign)
        shared = frozenset.intersection(*(o.facts for o in operands))
        found |= shared & set(self.keeps)
        if "symmetric" in shared or (self.even and operands[0].order == 2 and mirrored(operands[0])):
            found.add("symmetric")
        return found

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        if self.normal is not None:
            return self.normal(operands, params)
        shape = operands[0].shape
        constants = [constant_value(o) for o in operands]
        if self.constants and all(c is not None and not c.free_symbols for c in constants):
            value = self.scalar(params)(*constants)
            if value.is_real and value.is_finite and not value.has(sympy.Piecewise):
                return scale(tidy(value), full(shape))
        if self.same_on and self.same_on in operands[0].facts:
            return operands[0]
        if self.arity == 1 and (self.odd or self.even):
            c, _ = split_scale(operands[0])
            if is_negative(c):
                flipped = self._apply(negate(operands[0]), params)
                return negate(flipped) if self.odd else flipped
        return self._push_inside(operands, params)

    def _apply(self, operand: Node, params: Params) -> Node:
        from .base import apply

        return apply(self.name, operand, **dict(params))

    def _push_inside(self, operands: Sequence[Node], params: Params) -> Node | None:
        """f(x repeated along an axis) = f(x) repeated along that axis."""
        if self.arity != 1:
            return None
        for axis, size in enumerate(operands[0].shape):
            once = without_axis(operands[0], axis)
            if once is not None:
                return repeated_along(self._apply(once, params), axis, size)
        return None

    def definition(self, operands: Sequence[Node], params: Params) -> Node | None:
        """The statement, in the operators that its parts are."""
        from .scalar import to_node

        symbols = sympy.symbols(f"x:{self.arity}", real=True)
        bindings = dict(zip(symbols, operands, strict=True))
        return to_node(self.scalar(params)(*symbols), bindings, operands[0].shape)

    def partial(self, index: int, operands: Sequence[Node], params: Params) -> Node:
        """∂f/∂(operand `index`) at the operands, derived by SymPy."""
        from .scalar import derivative, to_node

        if self.one_sided is not None and constant_value(operands[1 - index]) is not None:
            operands, index = (operands[index], operands[1 - index]), ONE_SIDED
        expression, symbols = derivative(self, index, params)
        return to_node(expression, dict(zip(symbols, operands, strict=True)), operands[0].shape)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        slope = self.partial(index, node.operands, node.params)
        labels = tuple(range(adjoint.order))
        return einsum([(adjoint, labels), (slope, labels[adjoint.order - node.order :])], labels)


def _lambdified(statement: Statement, arity: int) -> Callable[..., Any]:
    """The statement in NumPy and SciPy, made when first used."""
    made: list[Callable[..., Any]] = []

    def function(*arrays: Any) -> Any:
        if not made:
            symbols = sympy.symbols(f"x:{arity}", real=True)
            made.append(sympy.lambdify(symbols, statement(*symbols), modules=["scipy", "numpy"]))
        with np.errstate(all="ignore"):
            return np.broadcast_to(made[0](*arrays), np.broadcast_shapes(*(np.shape(a) for a in arrays)))

    return function
