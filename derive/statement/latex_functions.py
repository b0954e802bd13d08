"""Functions of LaTeX on values: entry by entry, or on the axes behind the indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy

from ..build import constant_value, einsum, number
from ..errors import AmbiguityError, ArgumentError, SizeError, UnsupportedError
from ..node import Apply, Node, Variable, delta
from ..operators import REGISTRY, Elementwise, apply
from ..sizes import HALF, Size
from . import arithmetic as ar
from . import latex_values as lv
from .functions import FUNCTIONS
from .latex_names import Label
from .latex_tree import Called
from .latex_values import Value
from .latex_whole import AXIS, on_whole_array, record_of
from .latex_words import MATRIX_FUNCTIONS


def core_axes(value: Value) -> tuple[int, ...]:
    """The axes behind the indices."""
    return tuple(range(len(value.indices), value.node.order))


def call(called: Called, args: Sequence[Value], spelled: Sequence[str]) -> Value:
    """A function on its arguments. `spelled` are the arguments as they are written, for messages."""
    name = called.name
    if called.primes:
        return _slope(name, called.primes, args)
    if name in ("max", "min") and len(args) == 2:
        return _entrywise("maximum" if name == "max" else "minimum", args)
    if name == "gamma" and len(args) == 1:
        logarithm = FUNCTIONS["lgamma"](args[0].node)
        return replace(args[0], node=FUNCTIONS["exp"](logarithm), entrywise=True)
    if name in ("kron", "dot", "outer") and len(args) == 2:
        return two_arguments(name, *args)
    whole = record_of(name) if name not in _LINEAR and name not in _ALONG else None
    if whole is not None and len(args) == 1:
        return on_whole_array(whole, args[0], called.labels, typed(args[0], spelled[0])[0])
    operator = REGISTRY.get(name)
    arity = operator.arity if isinstance(operator, Elementwise) else 1
    if len(args) != arity:
        raise ArgumentError(f"{name} takes {arity} argument{'s' if arity > 1 else ''}, not {len(args)}")
    if called.labels and not (name == "log" or name in _ALONG):
        raise ArgumentError(f"{name} has no subscript; put its argument in brackets and the subscript behind")
    if called.entries and not (name in MATRIX_FUNCTIONS or isinstance(operator, Elementwise)):
        raise ArgumentError(f"{name}^{{\\odot}} is read for functions of every entry only")
    if name == "sqrt" and args[0].square and not (args[0].entrywise or called.entries):
        raise _matrix_function(name, args[0], spelled[0])
    if name in _LINEAR:
        return _LINEAR[name](args[0])
    if name in _ALONG:
        return _along(name, args[0], called.labels, spelled[0])
    value = args[0]
    if name in MATRIX_FUNCTIONS and value.square and not value.entrywise and not called.entries:
        raise _matrix_function(name, args[0], spelled[0])
    if name == "log":
        return _logarithm(value, called.labels)
    return _entrywise(name, args)


def _matrix_function(name: str, value: Value, spelled: str) -> AmbiguityError:
    """The error for exp(A) of a square matrix, with both readings in the text language."""
    A, where = typed(value, spelled)
    here = f"{A}^{{\\odot 1/2}}" if name == "sqrt" else f"\\{name}^{{\\odot}}({A})"
    return AmbiguityError(
        f"{name} of a square matrix: of every entry, or the matrix function?",
        (f"{name}({A})", f"V @ diag({name}(v)) @ inv(V)"),
        hint=f"in LaTeX {here} for every entry; the matrix function is stated by eigenvectors V "
        f"and eigenvalues v, declared in the place of {A}{where}",
    )


def typed(value: Value, spelled: str) -> tuple[str, str]:
    """An argument as it can be typed in the text language, and what that stands for."""
    if isinstance(value.node, Variable):
        return value.node.name, ""
    return "A", f"; A stands for {spelled}"


def _entrywise(name: str, args: Sequence[Value]) -> Value:
    if len(args) == 1:
        return replace(args[0], node=ar.checked(FUNCTIONS[name](args[0].node)), entrywise=True)
    nodes, indices, kind = lv.together(args, name)
    return Value(ar.elementwise(name, *nodes), kind, indices, True)


def _slope(name: str, primes: int, args: Sequence[Value]) -> Value:
    """σ'(z): the derivative of a function of one number, as its statement gives it."""
    operator = REGISTRY.get(name)
    if not isinstance(operator, Elementwise) or operator.arity != 1 or primes > 1 or len(args) != 1:
        raise UnsupportedError(f"{name}{chr(39) * primes} is not read; write the derivative out")
    return replace(args[0], node=operator.partial(0, [args[0].node], ()), entrywise=True)


def _logarithm(value: Value, labels: Sequence[Label]) -> Value:
    base = 1
    if labels:
        if len(labels) != 1 or labels[0].kind not in ("number", "name"):
            raise ArgumentError("the base of a logarithm is a number")
        if labels[0].kind == "name" and labels[0].text != "e":
            raise ArgumentError(f"the base of a logarithm is a number, not {labels[0].text}")
        base = int(labels[0].text) if labels[0].kind == "number" else 1
    node = value.node
    if isinstance(node, Apply) and node.op == "abs":
        node = node.operands[0]
    if isinstance(node, Apply) and node.op == "det":  # log |det A| has a stable form of its own
        found = FUNCTIONS["logdet"](node.operands[0])
    else:
        found = FUNCTIONS["log"](value.node)
    if labels and labels[0].kind == "number":
        if base < 2:
            raise ArgumentError(f"a logarithm to the base {base}")
        found = ar.div(found, number(sympy.log(base)))
    return replace(value, node=found, entrywise=value.kind != "scalar")


# ---------------------------------------------------------------- functions along axes


_ALONG = {"softmax", "log_softmax", "logsumexp", "sum", "mean", "sumsq", "norm", "max", "min"}
_SAME_SHAPE = {"softmax", "log_softmax"}


def _along(name: str, value: Value, labels: Sequence[Label], spelled: str) -> Value:
    if value.kind == "scalar":
        hint = "; give it a vector, or write the sum over the index" if value.indices else ""
        raise SizeError(f"{name} of a scalar{hint}")
    if len(labels) > 1 or (labels and (value.kind != "matrix" or labels[0].text not in AXIS)):
        raise ArgumentError(f"{name}: the subscript of a matrix function is row or col")
    axes = core_axes(value)
    if labels:
        axes = (value.node.order + AXIS[labels[0].text],)
    elif value.kind == "matrix" and name in _SAME_SHAPE | {"logsumexp"}:
        A, where = typed(value, spelled)
        raise AmbiguityError(
            f"{name} of a matrix: over every row, every column, or all entries?",
            tuple(f"{name}({A}{axis})" for axis in (", axis=1", ", axis=0", "")),
            hint=rf"write \operatorname{{{name}}}_{{\mathrm{{row}}}}(…), or sum over an index{where}",
        )
    node = FUNCTIONS[name](value.node, axis=axes)
    if name in _SAME_SHAPE:
        return replace(value, node=node, entrywise=True)
    kind = "column" if labels else "scalar"
    return Value(node, kind, value.indices, False)


# ---------------------------------------------------------------- linear algebra


def _trace(value: Value) -> Value:
    if value.kind == "scalar":
        return value
    return Value(FUNCTIONS["tr"](_matrix("tr", value)), "scalar", value.indices)


def determinant(value: Value) -> Value:
    """det A; of a number, the number."""
    if value.kind == "scalar":
        return value
    return Value(FUNCTIONS["det"](_matrix("det", value)), "scalar", value.indices)


def _logdet(value: Value) -> Value:
    return Value(FUNCTIONS["logdet"](_matrix("logdet", value)), "scalar", value.indices)


def inverse(value: Value) -> Value:
    """A⁻¹; of a number, its reciprocal."""
    if value.kind == "scalar":
        return lv.reciprocal(value)
    return Value(FUNCTIONS["inv"](_matrix("the inverse", value)), "matrix", value.indices)


def _diagonal(value: Value) -> Value:
    if value.kind in ("column", "row"):
        axes, size = (0,), value.core[0]
        return lv.combine([(value, axes), (Value(delta(size), "matrix"), (0, 1))], (0, 1), "matrix")
    matrix = _matrix("diag", value)
    n = len(value.indices)
    labels = tuple(range(n))
    return Value(einsum([(matrix, (*labels, n, n))], (*labels, n)), "column", value.indices)


def _vec(value: Value) -> Value:
    if value.kind == "column":
        return value
    if value.kind != "matrix" or value.indices:
        raise UnsupportedError(f"vec of {value.shown} below an index")
    return Value(FUNCTIONS["vec"](value.node), "column")


def _matrix(name: str, value: Value) -> Node:
    if value.kind != "matrix":
        raise SizeError(f"{name} of {value.shown}: it needs a square matrix")
    (value,) = lv.unify([(value.core[0], value.core[1])], name, value)
    return value.node


def _square_root(value: Value) -> Value:
    return replace(value, node=ar.pow(value.node, number(HALF)), entrywise=value.kind != "scalar")


_LINEAR: dict[str, Callable[[Value], Value]] = {
    "tr": _trace,
    "det": determinant,
    "logdet": _logdet,
    "inv": inverse,
    "diag": _diagonal,
    "vec": _vec,
    "sqrt": _square_root,
}


def two_arguments(name: str, a: Value, b: Value) -> Value:
    """kron, dot and outer."""
    if name == "dot":
        return lv.dot(a, b)
    if name == "outer":
        return lv.product(replace(a, kind="column"), replace(b, kind="row"))
    if a.indices or b.indices:
        raise UnsupportedError("a Kronecker product below an index")
    if "scalar" in (a.kind, b.kind):
        return lv.product(a, b)
    if a.kind != "matrix" or b.kind != "matrix":
        if a.kind == b.kind:
            raise AmbiguityError(
                "`\\otimes` of two vectors: the outer product, or the Kronecker product?",
                ("outer(a, b)", "kron(a, b)"),
                hint="write a b^\\top for the outer product",
            )
        raise SizeError(f"a Kronecker product of {a.shown} and {b.shown}")
    if lv.has_unknown(a.node) and lv.has_unknown(b.node):
        raise SizeError("a Kronecker product of two identities of unknown size; write I_n")
    return Value(FUNCTIONS["kron"](a.node, b.node), "matrix")


# ---------------------------------------------------------------- norms


def norm(value: Value, labels: Sequence[Label], spelled: str) -> Value:
    """‖v‖ of a vector is the 2-norm; ‖A‖_F, ‖A‖_* and ‖A‖_op of a matrix; the rest is named or refused."""
    order = "".join(label.text for label in labels)
    if value.kind == "tensor":
        raise SizeError(f"a norm of {value.shown}")
    if value.kind == "matrix":
        if order in ("*", "\\ast", "\\star", "tr"):
            return Value(apply("nuclear_norm", value.node), "scalar", value.indices)
        if order in ("op", "\\sigma"):
            return Value(apply("spectral_norm", value.node), "scalar", value.indices)
        if order != "F":
            if order not in ("", "1", "2", "21", "\\infty"):
                raise UnsupportedError(
                    f"the norm with subscript {order} of a matrix is not part of the language"
                )
            raise _matrix_norm(order, value, spelled)
    axes = core_axes(value)
    if not axes:
        if order not in ("", "1", "2", "F"):
            raise ArgumentError(f"the norm with subscript {order} of a number")
        return replace(value, node=apply("abs", value.node))
    if order in ("", "2", "F"):
        found = FUNCTIONS["norm"](value.node, axis=axes)
    elif order == "1":
        found = FUNCTIONS["norm"](value.node, 1, axis=axes)
    elif order == "\\infty":
        found = FUNCTIONS["max"](apply("abs", value.node), axis=axes)
    elif order.isdigit() and 2 < int(order) < 100:
        powers = FUNCTIONS["sum"](ar.pow(apply("abs", value.node), number(int(order))), axis=axes)
        found = ar.pow(powers, number(sympy.Rational(1, int(order))))
    elif order == "0":
        raise UnsupportedError("the number of nonzero entries has no derivative")
    else:
        raise UnsupportedError(
            f"the norm with subscript {order} is not part of the language; write x^\\top A x for a weighted one"
        )
    return Value(found, "scalar", value.indices)


def _matrix_norm(order: str, value: Value, spelled: str) -> AmbiguityError:
    """The error for ‖A‖ of a matrix, with both readings in the text language, and in LaTeX what is read."""
    A, where = typed(value, spelled)
    readings, hint = {
        "1": (
            (f"norm({A}, 1)", f"max(sum(abs({A}), axis=0))"),
            r"write \sum_{i,j} |A_{ij}| for the former, \max_j \sum_i |A_{ij}| for the largest column sum",
        ),
        "\\infty": (
            (f"max(abs({A}))", f"max(sum(abs({A}), axis=1))"),
            r"write \max_{i,j} |A_{ij}| for the former, \max_i \sum_j |A_{ij}| for the largest row sum",
        ),
        "21": (
            (f"sum(norm({A}, axis=1))", f"sum(norm({A}, axis=0))"),
            r"write \sum_i \|a_i\| for the sum over the rows a_i, with A^\top for that over the columns",
        ),
    }.get(
        order,
        (
            (f"norm({A})", f"spectral_norm({A})"),
            "write \\|A\\|_F for the root of the sum of squares, \\|A\\|_{\\mathrm{op}} for the largest singular value",
        ),
    )
    what = f" with subscript {order}" if order else ""
    doubt = "of the rows, or of the columns" if order == "21" else "entry by entry, or the operator norm"
    return AmbiguityError(f"a matrix norm{what}: {doubt}?", readings, hint=hint + where)


def weighted_norm(value: Value, weight: Value) -> Value:
    """‖v‖_A = √(vᵀ A v) of a vector."""
    if value.kind != "column" or weight.kind != "matrix":
        raise UnsupportedError(f"the norm of {value.shown} with {weight.shown} as its subscript")
    square = lv.product(lv.transposed(value), lv.product(weight, value))
    return replace(square, node=ar.pow(square.node, number(HALF)))


def bars(value: Value, spelled: str) -> Value:
    """|x| of a number is its size, of a square matrix the determinant."""
    if value.kind == "scalar":
        return replace(value, node=apply("abs", value.node))
    if value.square:
        return determinant(value)
    A, where = typed(value, spelled)
    raise AmbiguityError(
        f"`|…|` of {value.shown}: every entry, or the norm?",
        (f"abs({A})", f"norm({A})"),
        hint=f"write \\|…\\| for a norm{where}",
    )


# ---------------------------------------------------------------- over an index


def over(operator: str, value: Value, index: str, size: Size) -> Value:
    """Σ, Π, max or min over an index."""
    if operator == "sum":
        return lv.summed(value, index, size)
    if operator == "prod":
        if "positive" not in value.node.facts:
            if index not in value.indices:
                return replace(value, node=ar.pow(value.node, number(size)))
            raise UnsupportedError(
                "\\prod of factors that are not known to be positive; declare the fact, or write \\exp\\sum_i\\log"
            )
        logs = lv.summed(replace(value, node=apply("log", value.node)), index, size)
        return replace(logs, node=apply("exp", logs.node))
    if index not in value.indices:
        return value
    axis = value.indices.index(index)
    node = FUNCTIONS[operator](value.node, axis=axis)
    return replace(value, node=node, indices=tuple(i for i in value.indices if i != index), entrywise=False)


def is_zero_constant(value: Value) -> bool:
    """Whether the value is the number 0."""
    return value.kind == "scalar" and constant_value(value.node) == 0
