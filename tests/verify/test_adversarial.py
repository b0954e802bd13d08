"""Wrong equations that look right are never proved, and never said to agree."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
import sympy

import derive as dv
from derive.build import add
from derive.declaring import parse
from derive.domains import Float
from derive.errors import DeriveError
from derive.evaluate import run
from derive.node import Node, topological, variables
from derive.sizes import same_shape
from derive.stable import stabilise
from derive.verify.points import Points
from derive.verify.proof import proof
from tests.fuzz.generate import Generator

from .adversarial import FACTS, VARIABLES, equations

ALL = list(equations())
HEAVY = {e for e in ALL if len(e[0]) > 150}


def test_there_are_many() -> None:
    assert len(ALL) >= 200


@pytest.mark.parametrize("batch", range(4))
def test_none_is_proved(batch: int) -> None:
    """The proof alone, without the points at which numbers refute the equation first."""
    for left, right in ALL[batch::4]:
        a, b = (parse(side, variables=VARIABLES, facts=FACTS).node for side in (left, right))
        if same_shape(a.shape, b.shape) and not _same_where_defined(left, right):
            assert proof(a, b) is None, f"{left} == {right}"


def _same_where_defined(left: str, right: str) -> bool:
    """Equations that are wrong only because one side is defined for fewer data."""
    return "log(" in left or "log(" in right


@pytest.mark.parametrize("batch", range(4))
def test_a_share_is_refuted(batch: int) -> None:
    """`python -m tests.verify.adversarial` checks all of them."""
    for left, right in [e for e in ALL if e not in HEAVY][batch::12]:
        found = dv.check_equal(left, right, variables=VARIABLES, facts=FACTS)
        assert found.status == "refuted", f"{left} == {right}: {found}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("relu(x - 100) * relu(101 - x)", "0*x"),
        ("sign(relu(x + 100))**2", "ones(n)"),
        ("abs(x)", "x*tanh(1000000*x)"),
        ("(1 + 1e-90)*x", "x"),
        ("sqrt(x)*sqrt(y)", "sqrt(x*y)"),
        ("exp(2*log(x))", "x**2"),
    ],
)
def test_what_ordinary_points_do_not_show(left: str, right: str) -> None:
    assert dv.check_equal(left, right, variables=VARIABLES, facts=FACTS).status == "refuted"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("M @ M - tr(M)*M + det(M)*eye(2)", "0*M"),
        ("x @ y", "y @ x"),
        ("relu(x) - relu(-x)", "x"),
        ("abs(x)", "relu(x) + relu(-x)"),
        ("sqrt(p*q)", "sqrt(p)*sqrt(q)"),
        ("log(p*q)", "log(p) + log(q)"),
        ("inv(A @ A.T)", "inv(A).T @ inv(A)"),
        ("softplus(1000*x) - 1000*x", "softplus(-1000*x)"),
    ],
)
def test_right_ones_are_not_accused_at_harder_points(left: str, right: str) -> None:
    assert dv.check_equal(left, right, variables=VARIABLES, facts=FACTS).ok


def pairs(seed: int) -> Iterator[tuple[Node, Node]]:
    """A random expression, and the same with one part of it replaced by another of its shape."""
    from derive.differentiate import substitute

    random = Random(seed)
    root = Generator(seed).objective(4).node
    parts = [n for n in topological([root]) if n is not root]
    for _ in range(6):
        old, new = random.choice(parts), random.choice(parts)
        if old is new or not same_shape(old.shape, new.shape):
            new = add([(sympy.Rational(3, 2), old)])
        try:
            changed = substitute(root, {old: new})
        except (DeriveError, ValueError, ZeroDivisionError):
            continue
        if changed is not root and variables(changed):
            yield root, changed


def _clearly_different(a: Node, b: Node) -> bool:
    """In double precision, apart from everything that decides a verdict."""
    for point in Points([a, b], 7, {}).generic(1):
        arrays = {name: np.asarray(x, dtype=float) for name, x in point.arrays.items()}
        try:
            with np.errstate(all="ignore"):
                first, second = run(stabilise([a, b]), arrays, point.binding, Float())
        except (DeriveError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
            continue
        gap, size = np.abs(first - second).max(), max(np.abs(first).max(), np.abs(second).max())
        if 1e-6 < size < 1e6 and gap > 1e-3 * size:
            return True
    return False


@pytest.mark.parametrize("batch", range(3))
def test_random_unequal_expressions_are_never_proved_equal(batch: int) -> None:
    tried = 0
    for seed in range(200 + 6 * batch, 206 + 6 * batch):
        for a, b in pairs(seed):
            if _clearly_different(a, b):
                tried += 1
                assert proof(a, b) is None, seed
    assert tried >= 5
