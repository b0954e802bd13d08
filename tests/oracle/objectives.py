"""Objectives of layers, cells and losses beside JAX code for the same number, written from the mathematics.

    python -m tests.oracle.objectives            compare with JAX now
    python -m tests.oracle.objectives --write    and store its numbers

The cases stand in `tests/data/independent.json`. JAX works in double precision on the data of `data`. Stored are
⟨∇f, u⟩ and ⟨∇²f v, u⟩ for fixed u and v at two choices of sizes, so that the suite needs no JAX.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from derive.domains import Array

STORED = Path(__file__).resolve().parents[1] / "data" / "independent.json"
SIZES = (
    {"n": 5, "d": 3, "k": 4, "m": 7, "h": 2, "c": 3, "t": 6, "p": 8, "q": 9},
    {"n": 3, "d": 4, "k": 2, "m": 6, "h": 5, "c": 2, "t": 5, "p": 7, "q": 6},
)
Case = dict[str, Any]


def cases() -> list[Case]:
    found: list[Case] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def parse_declarations(text: str) -> tuple[dict[str, list[Any]], dict[str, list[str]]]:
    """`X:n,d W:3,k s:+` as shapes and facts: `+` positive, `!` positive definite, `#` indices below a size."""
    shapes: dict[str, list[Any]] = {}
    facts: dict[str, list[str]] = {}
    for part in text.split():
        name, _, axes = part.partition(":")
        marks = {"+": "positive", "!": "pd"}
        for mark, fact in marks.items():
            if mark in axes:
                facts[name] = [fact]
        if "#" in axes:
            facts[name] = ["integer"]
        bare = axes.split("#")[0].rstrip("+!")
        shapes[name] = [int(s) if s.isdigit() else s for s in bare.split(",") if s]
    return shapes, facts


def data(text: str, sizes: dict[str, int]) -> dict[str, Array]:
    """Numbers between −1 and 1 from sines, or whole numbers, or positive definite matrices."""
    shapes, facts = parse_declarations(text)
    found: dict[str, Array] = {}
    for place, (name, shape) in enumerate(shapes.items()):
        axes = [s if isinstance(s, int) else sizes[s] for s in shape]
        flat = np.arange(1, 1 + int(np.prod(axes)))
        array = np.sin(12.9898 * flat * (place + 1) + 78.233 * place).reshape(axes)
        if facts.get(name) == ["integer"]:
            top = text.split(f"{name}:")[1].split()[0].split("#")[1]
            array = np.floor((array + 1) / 2 * sizes.get(top, 3)).clip(0, sizes.get(top, 3) - 1)
        elif facts.get(name) == ["positive"]:
            array = np.abs(array) + 0.3
        elif facts.get(name) == ["pd"]:
            array = array @ array.T + np.eye(len(array))
        found[name] = array
    return found


def directions(shape: tuple[int, ...]) -> tuple[Array, Array]:
    """u and v for arrays of that shape."""
    flat = np.arange(1.0, 1 + int(np.prod(shape)))
    return np.cos(3.7 * flat).reshape(shape), np.sin(5.1 * flat + 1).reshape(shape)


def measured(case: Case, sizes: dict[str, int], jax: Any) -> dict[str, tuple[float, float]]:
    """⟨∇f, u⟩ and ⟨∇²f v, u⟩ by JAX for every unknown; ∇ in the space of symmetric matrices where it is one."""
    declared, wrt, code = case["declare"], case["wrt"], case["jax"]
    point = {k: jax.numpy.asarray(v) for k, v in data(declared, sizes).items()}
    _, facts = parse_declarations(declared)

    def numbers(point: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for name in wrt:
            u, v = directions(point[name].shape)
            if facts.get(name) == ["pd"]:
                u, v = (u + u.T) / 2, (v + v.T) / 2

            def f(value: Any, name: str = name) -> Any:
                return eval(code, {"jax": jax, "jnp": jax.numpy, **point, name: value})

            g, h = jax.jvp(jax.grad(f), (point[name],), (jax.numpy.asarray(v),))
            found[name] = ((g * u).sum(), (h * u).sum())
        return found

    fixed = {k: v for k, v in point.items() if facts.get(k) == ["integer"]}  # indices are no tracers
    rest = {k: v for k, v in point.items() if k not in fixed}
    result = jax.jit(lambda moving: numbers({**moving, **fixed}))(rest)
    jax.clear_caches()
    return {name: (float(g), float(h)) for name, (g, h) in result.items()}


def derived(case: Case, sizes: dict[str, int]) -> dict[str, tuple[float, float]]:
    """The same by the engine, evaluated by the interpreter."""
    from derive.differentiate import gradient, hvp
    from derive.evaluate import evaluate
    from derive.node import size_symbols, variable, variables
    from derive.stable import recognise
    from derive.statement.declarations import declare
    from derive.statement.text import parse_node

    declared, text, wrt = case["declare"], case["objective"], case["wrt"]
    shapes, facts = parse_declarations(declared)
    known = declare(shapes, facts)
    f = recognise(parse_node(text, known))
    point = data(declared, sizes)
    found = {}
    for name in wrt:
        u, v = directions(point[name].shape)
        if "symmetric" in known[name].facts:
            u, v = (u + u.T) / 2, (v + v.T) / 2
        direction = variable("_v", known[name].shape, {"symmetric"} & known[name].facts)
        numbers = []
        for node in (gradient(f, known[name]), hvp(f, known[name], direction)):
            arrays = {**point, "_v": v}
            given = {x.name: arrays[x.name] for x in variables(node)}
            given |= {s.name: np.asarray(sizes[s.name]) for s in size_symbols(node)}
            numbers.append(float((evaluate(node, given) * u).sum()))
        found[name] = (numbers[0], numbers[1])
    return found


def close(a: float, b: float) -> bool:
    return bool(abs(a - b) <= 1e-9 * (1 + abs(a) + abs(b)))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.objectives", description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    import jax

    jax.config.update("jax_enable_x64", True)
    wrong, every = 0, cases()
    for case in every:
        name, case["numbers"] = case["id"], []
        if options.only and name not in options.only.split(","):
            continue
        for k, sizes in enumerate(SIZES):
            wanted = measured(case, sizes, jax)
            case["numbers"].append(wanted)
            for v in faults(case, k):
                wrong += 1
                print(
                    f"{name} by {v}, sizes {k}: JAX {wanted[v]}, derived {derived(case, sizes)[v]}",
                    flush=True,
                )
    print(f"{len(every)} objectives, {wrong} faults")
    if options.write and not wrong and not options.only:
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in every)
        STORED.write_text("[\n" + lines + "\n]\n", encoding="utf-8")
    return 1 if wrong else 0


def faults(case: Case, which: int) -> list[str]:
    """The unknowns for which derived numbers are not those of JAX."""
    found = derived(case, SIZES[which])
    pairs = case["numbers"][which].items()
    return [v for v, pair in pairs if not all(close(a, b) for a, b in zip(pair, found[v], strict=True))]


if __name__ == "__main__":
    sys.exit(main())
