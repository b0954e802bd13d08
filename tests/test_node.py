"""Nodes: hash-consed, ordered the same in every process, traversed without recursion."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import threading

import pytest
import sympy

from derive.build import add, matmul, multiply, scale, total
from derive.node import (
    close_facts,
    delta,
    depends_on,
    ones,
    size_symbols,
    topological,
    transform,
    variable,
    variables,
)
from derive.operators import apply, rebuild
from derive.sizes import sizes

n, d = sizes("n d")
X = variable("X", (n, d))
w = variable("w", (d,))


def test_equal_structure_is_one_object() -> None:
    assert variable("X", (n, d)) is X
    assert matmul(X, w) is matmul(variable("X", (n, d)), variable("w", (d,)))
    assert delta(n) is delta(n)
    assert ones((n,)) is ones((n,))


def test_different_structure_is_not() -> None:
    """Name, sizes, facts and parameters all count."""
    assert variable("X", (d, n)) is not X
    assert variable("X", (n, d), ("positive",)) is not X
    assert apply("power", w, exponent=sympy.Integer(3)) is not apply("power", w, exponent=sympy.Integer(4))
    assert apply("logsumexp", X, axes=(0,)) is not apply("logsumexp", X, axes=(1,))


def test_the_table_does_not_keep_nodes_alive() -> None:
    import weakref

    node = apply("tanh", variable("only_here", (n,)))
    watch = weakref.ref(node)
    del node
    gc.collect()
    assert watch() is None


def test_facts_imply_facts() -> None:
    """pd → psd → symmetric; positive → nonnegative, nonzero."""
    assert close_facts(["pd"]) == {"pd", "psd", "symmetric", "invertible"}
    assert close_facts(["positive"]) == {"positive", "nonnegative", "nonzero"}


def test_a_deep_chain_needs_no_recursion() -> None:
    """10,000 operators on top of each other: built, walked, rewritten, hashed."""
    node = w
    for _ in range(10_000):
        node = apply("sin", node)
    assert sum(1 for _ in topological([node])) == 10_001
    assert depends_on(node, w)
    other = variable("u", (d,))
    (moved,) = transform([node], rebuild, {w: other})
    assert variables(moved) == (other,)


def test_a_shared_dag_is_walked_once() -> None:
    """2¹⁰⁰ leaves as a tree, 101 nodes as a DAG."""
    node = w
    for _ in range(100):
        node = apply("sin", multiply(node, apply("cos", node)))
    assert sum(1 for _ in topological([node])) < 500
    assert node.weight <= 10**9


def test_operands_come_before_users() -> None:
    root = total(apply("exp", matmul(X, w)))
    seen = set()
    for node in topological([root]):
        assert all(o in seen for o in node.operands)
        seen.add(node)


def test_size_symbols_are_found_everywhere() -> None:
    """In shapes, in coefficients, in parameters."""
    assert set(size_symbols(scale(1 / n, variable("s", ())))) == {n}
    part = apply("slice", w, index=(("at", n - 1),))
    assert set(size_symbols(part)) == {n, d}


def test_digests_do_not_depend_on_the_process() -> None:
    """The same digest under another hash seed."""
    code = (
        "from derive.sizes import sizes; from derive.node import variable; from derive.build import *;"
        "from derive.operators import apply; n, d = sizes('n d');"
        "X, w = variable('X', (n, d)), variable('w', (d,));"
        "r = apply('exp', matmul(X, w));"
        "print(add([(1, total(r)), (2, inner(w, w)), (-3, inner(r, r))]).digest.hex())"
    )
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_threads_share_one_table() -> None:
    found: list[object] = []

    def build() -> None:
        for k in range(50):
            found.append(add([(sympy.S.One, w), (sympy.Integer(k + 2), apply("sin", w))]))

    workers = [threading.Thread(target=build) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({id(node) for node in found}) == 50


def test_nodes_are_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(X)


def test_nothing_can_be_set_on_a_node() -> None:
    node = variable("a", ())
    for name in ("shape", "name", "other"):
        with pytest.raises(AttributeError, match="do not change"):
            setattr(node, name, ())
