"""Printing and reading again: `parse(str(e))` has the shape of `e` and its value on random data.

    python -m tests.fuzz.round_trip [--start 0] [--count 1000]

Compared are values in double precision at several sizes (1 and unequal ones among them), and with 50 digits
where those differ. Counted, but no error: expressions that are not given back as the same normal form.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import mpmath
import numpy as np

from derive import differentiate, notation
from derive.domains import Domain, Float, Mp
from derive.errors import DeriveError, LimitError
from derive.evaluate import run
from derive.limits import ORDER
from derive.node import Node, Variable, size_symbols, topological, variables
from derive.simplify import expand, simplify
from derive.sizes import Binding
from derive.stable import recognise, stabilise
from derive.statement.text import parse_node
from derive.verify.sampling import draw

from .checks import Wrong
from .generate import Generator, Piece, product

TOKEN = re.compile(r"\.T\b|\*\*|[A-Za-z_]\w*|\d+\.?\d*(?:e-?\d+)?|\S")
#: Results of more nodes than this are not compared: they take seconds each.
MOST = 3000


def read_again(node: Node, text: str | None = None) -> Node:
    """The expression printed and parsed."""
    known = {v.name: v for v in variables(node)}
    text = notation.text(node) if text is None else text
    return parse_node(text, known, [s.name for s in size_symbols(node)])


def same_form(a: Node, b: Node) -> bool:
    """Whether both have one normal form, as `Expression.same_as` decides it."""
    a, b = recognise(a), recognise(b)
    return a is b or simplify(a) is simplify(b) or expand(a) is expand(b)


def bindings(*roots: Node) -> Iterator[Binding]:
    """Sizes that differ, all ones, and sizes that differ the other way round."""
    symbols = size_symbols(*roots)
    for start in (2, 4, 0):
        values = {s: start + 1 + k if start != 4 else 4 - k for k, s in enumerate(symbols)}
        if start == 0:
            values = dict.fromkeys(symbols, 1)
        binding = Binding({s: max(1, v) for s, v in values.items()})
        derived = (s for n in topological(roots) for s in n.shape)
        if all((binding.number(s, default=None) or 0) >= 1 for s in derived):
            yield binding


def values(roots: list[Node], binding: Binding, seed: int, domain: Domain) -> list[Any] | None:
    """The values on random data; None where they are no finite numbers."""
    found = {v for root in roots for v in variables(root)}
    point = draw(found, binding, seed)
    arrays = {k: domain.array(a) for k, a in point.arrays.items()}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = run(stabilise(roots), arrays, binding, domain)
    except (ZeroDivisionError, OverflowError, ValueError, TypeError, DeriveError):
        return None
    for r in results:
        for x in np.asarray(r, dtype=object).flat:
            if isinstance(x, mpmath.mpc | complex) or not mpmath.isfinite(x) or abs(x) > 1e25:
                return None
    return results


def gap(a: Any, b: Any) -> float:
    """The largest difference, relative to the largest entry or 1."""
    a, b = np.asarray(a, dtype=object), np.asarray(b, dtype=object)
    size = max([1, *(abs(x) for x in a.flat)])
    return float(max([0, *(abs(x - y) for x, y in zip(a.flat, b.flat, strict=True))]) / size)


def check(node: Node, seed: int = 0) -> str:
    """`same` (one normal form) or `equal` (equal numbers); `undefined` where nothing could be compared."""
    text = notation.text(node)
    try:
        again = read_again(node, text)
    except LimitError:
        return "beyond the limits"
    except DeriveError as error:
        if "division by zero" in str(error):  # 1/√0 inside σ, which NumPy would let pass
            return "undefined"
        if not any(values([node], b, seed, Float()) for b in bindings(node)):
            return "undefined"
        raise Wrong(f"{text}\n  cannot be read: {error}") from None
    if again.shape != node.shape:
        raise Wrong(f"{text}\n  has shape {again.shape} instead of {node.shape}")
    count = len(TOKEN.findall(text))
    if notation.tokens(node) != count:
        raise Wrong(f"{text}\n  has {count} tokens, not {notation.tokens(node)}")
    return compare(node, again, text, seed)


def compare(node: Node, again: Node, text: str, seed: int) -> str:
    """What was printed and what was read: `same`, `equal` or `undefined`; raises `Wrong` where values differ."""
    if same_form(again, node):
        return "same"
    compared = 0
    for k, binding in enumerate(bindings(node)):
        pair = values([node, again], binding, seed + k, Float())
        if pair is None:
            continue
        compared += 1
        if gap(*pair) > 1e-10:
            with mpmath.workdps(50):
                pair = values([node, again], binding, seed + k, Mp(50))
                if pair is None:
                    continue
                if gap(*pair) > 1e-30:
                    raise Wrong(f"{text}\n  differs by {gap(*pair):.2g} at {binding.values}")
    return "equal" if compared else "undefined"


def small(node: Node) -> bool:
    """Whether the expression is worth printing, and within the limits of the language."""
    nodes = list(topological([node]))
    return max(n.order for n in nodes) <= ORDER and len(nodes) <= MOST and node.weight <= 20_000


def results(node: Node, wrt: Iterable[Variable]) -> Iterator[tuple[str, Node]]:
    """An expression and its derivatives of first and second order."""
    yield "value", node
    for v in wrt:
        if node.order:
            yield f"Jacobian in {v.name}", differentiate.jacobian(node, v)
            continue
        first = differentiate.gradient(node, v)
        yield f"gradient in {v.name}", first
        if small(first):
            yield f"Hessian in {v.name}", differentiate.jacobian(first, v)


def pieces(seed: int, depth: int = 4) -> Iterator[tuple[str, Node]]:
    """A random scalar with its derivatives, and the array inside it with its Jacobian."""
    piece = Generator(seed).objective(depth)
    for what, node in _of(piece, 2):
        yield what, node
    inner = piece.parts[0] if piece.parts else piece
    if inner.shape:
        for what, node in _of(inner, 1):
            yield f"inner {what}", node


def _of(piece: Piece, most: int) -> Iterator[tuple[str, Node]]:
    return results(piece.node, variables(piece.node)[:most])


def shrink(piece: Piece, seed: int) -> str:
    """The smallest part that fails by itself, as it prints."""
    for part in sorted(piece.walk(), key=lambda p: len(p.walk())):
        for candidate in (part, product([part], [tuple(range(len(part.shape)))], ())):
            for what, node in _of(candidate, 3):
                try:
                    if small(node):
                        check(node, seed)
                except Exception as error:
                    return f"{what} of {candidate}\n  {type(error).__name__}: {error}"
    return "only the whole fails"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.round_trip", description=__doc__)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--show", action="store_true", help="print what is equal but not of one normal form")
    options = parser.parse_args(arguments)
    outcomes: Counter[str] = Counter()
    for seed in range(options.start, options.start + options.count):
        for what, node in pieces(seed, options.depth):
            if not small(node):
                outcomes["too large"] += 1
                continue
            try:
                outcome = check(node, seed)
                if options.show and outcome == "equal":
                    print(f"seed {seed} {what}: {notation.text(node)}")
            except Exception as error:
                outcome = "wrong" if isinstance(error, Wrong) else "error"
                message = f"{type(error).__name__}: {str(error)[:400]}"
                print(f"seed {seed} {what}: {message}")
                print("  shrunk:", shrink(Generator(seed).objective(options.depth), seed)[:600], flush=True)
                outcomes[outcome] += 1
                break
            outcomes[outcome] += 1
    print(dict(outcomes))
    return 1 if outcomes["wrong"] or outcomes["error"] else 0


def of_case(case: Mapping[str, Any], parse: Any) -> Iterator[tuple[str, Node]]:
    """A stated objective with its derivatives."""
    objective, declared = parse(case)
    yield from results(objective, [v for v in declared if isinstance(v, Variable)])


if __name__ == "__main__":
    sys.exit(main())
