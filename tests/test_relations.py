"""Relations that hold of any derivative: linear, chain rule, symmetric, transposes, sizes put in early or late."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from derive.build import add, einsum, swap_last
from derive.differentiate import gradient, jacobian, substitute
from derive.domains import Array
from derive.errors import SizeError
from derive.node import Node, Variable, variable, variables
from derive.operators import apply
from derive.second import hessian
from derive.sizes import ONE
from derive.statement.declarations import declare
from derive.statement.text import parse_node
from tests.fuzz.checks import Case, Skip, _largest, _values, prepare
from tests.fuzz.generate import Generator
from tests.statement.corpus import Case as Sample
from tests.statement.corpus import cases, draw, exact

TWO, THREE = sympy.Integer(2), sympy.Integer(-3)
SEEDS = [7, 19, 23, 42, 58, 77]


def _case(seed: int) -> tuple[Case, Node, Node, Variable]:
    """Two objectives over the same variables, data for them, and an unknown."""
    generator = Generator(seed)
    f, g = generator.objective(3), generator.objective(3)
    case = prepare(f, seed)
    known = set(case.arrays)
    second = g.node if all(v.name in known for v in variables(g.node)) else f.node
    return case, f.node, second, case.wrt


def _same(case: Case, a: Node, b: Node) -> None:
    with mpmath.workdps(50):
        left, right = _values([a, b], case, 50)
        assert _largest(np.asarray(left - right)) <= mpmath.mpf(10) ** -35 * max(1, _largest(left))


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_and_by_the_chain_rule(seed: int) -> None:
    """∇(2f − 3g) = 2∇f − 3∇g;  ∇ sin(f) = cos(f) ∇f."""
    try:
        case, f, g, x = _case(seed)
        whole = gradient(add([(TWO, f), (THREE, g)]), x)
        _same(case, whole, add([(TWO, gradient(f, x)), (THREE, gradient(g, x))], x.shape))
        labels = tuple(range(x.order))
        chained = einsum([(apply("cos", f), ()), (gradient(f, x), labels)], labels)
        _same(case, gradient(apply("sin", f), x), chained)
    except Skip:
        pytest.skip("no such point")


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_hessians_are_symmetric(seed: int) -> None:
    """∂²f/∂xᵢ∂xⱼ = ∂²f/∂xⱼ∂xᵢ."""
    try:
        case, f, _, x = _case(seed)
        with mpmath.workdps(50):
            (found,) = _values([hessian(f, x)], case, 50)
    except Skip:
        pytest.skip("no such point")
    order = x.order
    mirrored: Array = np.transpose(found, [*range(order, 2 * order), *range(order)])
    with mpmath.workdps(50):
        assert _largest(found - mirrored) <= mpmath.mpf(10) ** -35 * max(1, _largest(found))


# ---------------------------------------------------------------- transposes

#: Facts that a transposed matrix of the same entries does not have, or that tie the entries together.
PLAIN = [c for c in cases("gradients") if not c["facts"].get(c["wrt"]) and c["order"] != "jacobian"]
MATRICES = [c for c in PLAIN if len(c["declare"][c["wrt"]]) == 2]


def _turned(root: Node, x: Variable) -> tuple[Node, Variable]:
    """f(Yᵀ) and Y."""
    y = variable("_y", (*x.shape[:-2], x.shape[-1], x.shape[-2]), x.facts & {"positive", "nonnegative"})
    return substitute(root, {x: swap_last(y)}), y


@pytest.mark.parametrize("case", MATRICES, ids=[c["id"] for c in MATRICES])
def test_transposed_unknown(case: Sample) -> None:
    """g(Y) = f(Yᵀ) has ∇g(Y) = (∇f(Yᵀ))ᵀ: on objectives of the literature."""
    variables_, sizes = declare(case["declare"], case["facts"]), case["sizes"][0]
    f, x = parse_node(case["objective"], variables_), variables_[case["wrt"]]
    g, y = _turned(f, x)
    arrays = draw(case, sizes)
    turned = {**arrays, "_y": np.swapaxes(arrays[x.name], -1, -2)}
    with mpmath.workdps(50):
        wanted = np.swapaxes(exact(gradient(f, x), arrays, sizes), -1, -2)
        found = exact(gradient(g, y), turned, sizes)
        assert _largest(found - wanted) <= mpmath.mpf(10) ** -35 * max(1, _largest(wanted))


def test_transposed_unknowns_of_random_expressions() -> None:
    """The same for the matrices of random expressions, batches of them included."""
    tried = 0
    for seed in range(60):
        try:
            case = prepare(Generator(seed).objective(3), seed)
            x, f = case.wrt, case.piece.node
            if x.order < 2 or x.facts & {"symmetric", "diagonal", "orthogonal"}:
                continue
            g, y = _turned(f, x)
            case.arrays["_y"] = np.swapaxes(case.arrays[x.name], -1, -2)
            _same(case, gradient(g, y), swap_last(gradient(f, x)))
            tried += 1
        except Skip:
            continue
    assert tried >= 10


# ---------------------------------------------------------------- sizes

#: Objectives that do not name a size as a number: their sizes can be numbers from the start.
FREE = [
    c
    for c in cases("gradients")
    if any(c["declare"].values())
    and not {str(s) for shape in c["declare"].values() for s in shape}
    & set("".join(ch if ch.isalnum() or ch == "_" else " " for ch in c["objective"]).split())
]


def _derived(case: Sample, declared: dict[str, list[object]]) -> Node:
    found = declare(declared, case["facts"])
    objective, wrt = parse_node(case["objective"], found), found[case["wrt"]]
    if case["order"] == "jacobian":
        return jacobian(objective, wrt)
    return hessian(objective, wrt) if case["order"] == 2 else gradient(objective, wrt)


@pytest.mark.parametrize("case", FREE, ids=[c["id"] for c in FREE])
def test_sizes_before_or_after(case: Sample) -> None:
    """Derived for n and then evaluated at n = 5 is derived for 5; the same where all sizes are one symbol, or 1."""
    symbolic = _derived(case, case["declare"])
    names = sorted({s for shape in case["declare"].values() for s in shape if isinstance(s, str)})
    for numbers in (case["sizes"][0], dict.fromkeys(names, 3), dict.fromkeys(names, 1)):
        arrays = draw(case, numbers, 1)
        try:
            wanted = exact(symbolic, arrays, numbers)
        except (SizeError, ZeroDivisionError, np.linalg.LinAlgError):
            continue  # a window of two does not fit an axis of one
        forms = [{k: [numbers.get(s, s) for s in shape] for k, shape in case["declare"].items()}]
        if len(set(numbers.values())) == 1 and numbers[names[0]] > 1:
            forms.append(
                {k: ["size" if isinstance(s, str) else s for s in v] for k, v in case["declare"].items()}
            )
        for declared in forms:
            found = exact(_derived(case, declared), arrays, {"size": max(numbers.values())})
            with mpmath.workdps(50):
                assert found.shape == wanted.shape
                gap = _largest(np.asarray(found - wanted, dtype=object))
                assert gap <= mpmath.mpf(10) ** -35 * max(1, _largest(np.asarray(wanted, dtype=object)))


def test_a_size_of_one_is_a_size() -> None:
    """∇ ½‖Xw − y‖² with d = 1 put in at the end, in the middle and at the start."""
    for d in ("d", 1):
        found = declare({"X": ["n", d], "w": [d], "y": ["n"]}, {})
        slope = gradient(parse_node("sumsq(X @ w - y) / 2", found), found["w"])
        assert slope.shape == found["w"].shape and (d == "d" or slope.shape == (ONE,))
        arrays = {"X": np.array([[2.0], [3.0]]), "w": np.array([5.0]), "y": np.array([1.0, -1.0])}
        assert exact(slope, arrays, {"n": 2, "d": 1}) == [2 * 9 + 3 * 16]
