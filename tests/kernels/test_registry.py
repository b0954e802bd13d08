"""Kernels mean what the interpreter means, operator by operator.

The emitted source runs under plain Python here, which is quick; that numba agrees with Python on it is the
business of `test_compiled`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import derive.differentiate as differentiate
from derive.build import add, einsum, power, total, transpose, zero
from derive.errors import SizeError
from derive.kernels.compile import compile_nodes
from derive.node import Node, delta, ones, variable, variables
from derive.operators import REGISTRY, Elementwise, Operator, apply
from derive.operators.cumulative import cumsum
from derive.operators.windows import overlap_add, windows
from tests.kernels.statements import assert_close, d, k, n, reference
from tests.oracle.samples import counting, settings_of

S = sympy.S
CUBE = sympy.Integer(3)
SIZES = [{"n": 5, "d": 3, "k": 4}, {"n": 1, "d": 2, "k": 1}, {"n": 3, "d": 1, "k": 2}]
A = variable("a", (n, d, k))
MATRICES, SQUARE = variable("m", (n, d, d)), variable("q", (d, d))
C1, C2 = variable("c", (n, S.One, k)), variable("e", (S(2), d, k))
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "power": [
        {"exponent": S(e)}
        for e in (2, 3, -1, -2, S.Half, -S.Half, S(3) / 2, -S(3) / 2, S(1) / 3, S(20), S(7) / 3)
    ],
    "polygamma": [{"order": S(o)} for o in (2, 3, 4)],
}
ALL_AXES = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


def part(*entries: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    return tuple(("at", S(e[0])) if len(e) == 1 else ("range", *(S(v) for v in e)) for e in entries)


def definite(x: Node) -> Node:
    """A Aᵀ + I on the last two axes."""
    batch = tuple(range(x.order - 2))
    gram = einsum([(x, (*batch, 50, 52)), (x, (*batch, 51, 52))], (*batch, 50, 51))
    eye = [(delta(x.shape[-1]), (50, 51)), *((ones((s,)), (i,)) for i, s in enumerate(x.shape[:-2]))]
    return add([(S.One, gram), (S.One, einsum(eye, (*batch, 50, 51)))])


PARTS = [
    part((0, n, 1), (0, d, 1), (k - 1,)),
    part((0, n, 1), (0,), (0, k, 1)),
    part((0, n, 1), (d - 1, d, -1), (0, k, 1)),
    part((n - 1,), (0, d, 1), (0,)),
]
#: Applications of the operators that are not elementwise and have more settings than the options of their records.
OTHERS: dict[str, Callable[[], list[Node]]] = {
    **{
        op: lambda op=op: [apply(op, A, axes=axes) for axes in ALL_AXES]  # type: ignore[misc]
        for op in ("logsumexp", "softmax", "max", "min", "max_share", "min_share")
    },
    **{op: lambda op=op: [apply(op, MATRICES), apply(op, SQUARE)] for op in ("inv", "det", "logdet")},  # type: ignore[misc]
    "tril": lambda: [apply("tril", A, k=o) for o in (0, -1, 1)],
    "reshape": lambda: [
        apply("reshape", A, shape=(n, d * k)),
        apply("reshape", A, shape=(n * d * k,)),
        apply("reshape", transpose(A), shape=(k, d * n)),
    ],
    "slice": lambda: [apply("slice", A, index=index) for index in PARTS],
    "place": lambda: [
        apply("place", apply("slice", A, index=index), index=index, shape=(n, d, k)) for index in PARTS
    ],
    "concatenate": lambda: [
        apply("concatenate", A, C1, A, axis=1),
        apply("concatenate", A, C2, axis=0),
    ],
    "cholesky": lambda: [apply("cholesky", definite(MATRICES)), apply("cholesky", definite(SQUARE))],
    "cumsum": lambda: [cumsum(A, axis, back) for axis in range(3) for back in (False, True)],
    "windows": lambda: [
        *(windows(A, A.shape[axis], axis) for axis in range(3)),
        *(windows(A, S.One, axis, S(2)) for axis in range(3)),
        windows(apply("concatenate", A, A, axis=1), S(2), 1, S(2)),
        windows(apply("concatenate", A, A, axis=0), n, 0, k),
    ],
    "overlap_add": lambda: [
        overlap_add(A, n + k - 1, 0),
        overlap_add(A, k + 2 * d - 2, 1, S(2)),
    ],
    "take": lambda: [
        apply("take", A, counting(d), axis=1),
        apply("take", A, zero((n, S(2))), axis=0),
        apply("take", A, counting(n), axis=0),
        apply("take", A, zero(()), axis=2),
        apply("take", A, zero((k,)), axis=1),
    ],
    "scatter_add": lambda: [
        apply("scatter_add", A, counting(n), axis=0, size=n + 1),
        apply("scatter_add", A, zero((n, d)), axis=0, size=S(2)),
        apply("scatter_add", A, counting(d), axis=1, size=d),
        apply("scatter_add", A, zero((d, k)), axis=1, size=n),
    ],
}


def outputs_of(node: Node) -> dict[str, Node]:
    """The application itself, a sum over it, and that sum's gradients."""
    loss = total(power(node, CUBE))
    found = {"itself": node, "sum": loss}
    for v in (A, MATRICES, SQUARE, C1, *ELEMENTWISE):
        gradient = differentiate.gradient(loss, v)
        if gradient.operands:
            found[f"gradient_{v.name}"] = gradient
    return found


ELEMENTWISE = [variable(f"x{i}", (n, d)) for i in range(3)]


def sample(node: Node, numbers: dict[str, int]) -> dict[str, Any]:
    """Data where every entry is well inside the domain of the operator."""
    shapes = {
        v.name: [int(s.subs({t: numbers[t.name] for t in s.free_symbols})) for s in v.shape]
        for v in variables(node)
    }
    for low, high in ((-2.0, 2.0), (0.1, 0.9), (1.1, 3.0)):
        rng = np.random.default_rng(7)
        data: dict[str, Any] = {name: rng.uniform(low, high, shape) for name, shape in shapes.items()}
        if all(np.isfinite(reference(o, data, **numbers)).all() for o in outputs_of(node).values()):
            return data
    raise AssertionError("the operator is finite on none of the sample ranges")


def applications() -> list[Any]:
    found = []
    for name, operator in sorted(REGISTRY.items()):
        if isinstance(operator, Elementwise):
            for settings in SETTINGS.get(name, [{}]):
                node = apply(name, *ELEMENTWISE[: operator.arity], **settings)
                found.append(pytest.param(node, id=f"{name}{list(settings.values()) or ''}"))
            continue
        nodes = OTHERS[name]() if name in OTHERS else examples(operator)
        found += [pytest.param(node, id=f"{name}-{i}") for i, node in enumerate(nodes)]
    return found


def examples(operator: Operator) -> list[Node]:
    """Applications by the options that the record states."""
    count = max(operator.arity, 1)
    for operand in (A, MATRICES):  # some take square matrices only
        try:
            return [
                apply(operator.name, *[operand] * count, **settings) for settings in settings_of(operator)
            ]
        except SizeError:
            continue
    raise AssertionError(f"no operands of {operator.name} were found: give applications in OTHERS")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # probing the domain
@pytest.mark.parametrize("node", applications())
def test_kernel_is_interpreter(node: Node) -> None:
    """The application, a sum over it and its gradients, at distinct and at size-1 sizes."""
    outputs = outputs_of(node)
    kernel = compile_nodes(outputs, backend="python")
    for numbers in SIZES:
        data = sample(node, numbers)
        used = {name: data[name] for name in kernel.variables}
        found = kernel(used)
        for name, output in outputs.items():
            assert_close(found[name], reference(output, data, **numbers), 1e-10, f"{name} at {numbers}")
