"""Hessians by a matrix in blocks: the block of columns j and l of the unknown, in matrix notation.

    H_{ijkl} = Σ_m P_{mj} X_{mi} X_{mk} (δ_{jl} − P_{ml})    has the blocks    Xᵀ diag(p_j ∘ (δ_{jl} 1 − p_l)) X

for the columns p_j of P. What has a Kronecker form needs no blocks; what does not come apart in this way (a block that
is no matrix in i and k) comes in index notation alone. Blocks of rows, i and k, are tried after those of columns.
"""

from __future__ import annotations

from typing import Any, final

from ..operators import REGISTRY, Elementwise
from ..sizes import ONE
from .factor import shortest
from .graph import Graph
from .makers import mul, total
from .tree import Tree, make, parts

#: The letters of the four axes; blocks are by the second and fourth, or by the first and third.
AXES = "ijkl"


@final
class _NoBlocks(Exception):
    """The tree does not come apart into blocks."""


def blocks(t: Tree) -> tuple[str, Tree] | None:
    """The letters of the blocks ("jl" or "ik"), and a block as a matrix; None where there is none."""
    if t.order != 4:
        return None
    for by in ("jl", "ik"):
        try:
            found = _block(t, by)
        except _NoBlocks:
            continue
        if found.order == 2 and not any(x.op == "einsum" or x.order > 2 for x in _walk(found)):
            return by, found
    return None


def _walk(t: Tree) -> list[Tree]:
    found, seen, stack = [], set[Tree](), [t]
    while stack:
        t = stack.pop()
        if t not in seen:
            seen.add(t)
            found.append(t)
            stack.extend(t.args)
    return found


def _block(t: Tree, by: str) -> Tree:
    if t.op == "sum":
        return shortest([_block(a, by) for a in t.args], [])
    c, nums, dens = parts(t)
    tensors = [x for x in nums if x.order]
    if len(tensors) != 1 or any(d.order for d in dens):
        raise _NoBlocks
    core = tensors[0]
    if core.op == "sum":
        body = _block(core, by)
    elif core.op == "einsum":
        body = _product(core, by)
    else:
        raise _NoBlocks
    return mul(c, [*(x for x in nums if not x.order), body], dens)


def _product(t: Tree, by: str) -> Tree:
    inputs, output = t.data.split("->")
    fixed = {letter: name for letter, name in zip(output, AXES, strict=True) if name in by}
    free = [letter for letter in output if letter not in fixed]
    others = [letter for letter in dict.fromkeys(inputs.replace(",", "")) if letter not in output]
    labels = {letter: k for k, letter in enumerate([*free, *others])}
    factors: list[tuple[Tree, tuple[int, ...]]] = []
    for a, letters in zip(t.args, inputs.split(","), strict=True):
        held = [k for k, letter in enumerate(letters) if letter in fixed]
        if not held:
            factors.append((a, tuple(labels[i] for i in letters)))
            continue
        names = [fixed[i] for i in letters if i in fixed]
        rest = tuple(labels[i] for i in letters if i not in fixed)
        factors.append((_fixed(a, held, names), rest))
    if any(len(ls) > 2 for _, ls in factors):
        raise _NoBlocks
    graph = Graph(factors, {0, 1}, dict.fromkeys(labels.values(), ONE))
    graph.reduce()
    covered = {i for _, a, b in graph.edges for i in (a, b)} | set(graph.vectors)
    if any(i not in (0, 1) for i in covered) or not {0, 1} <= covered:
        raise _NoBlocks
    return graph.finish(2)


def _fixed(a: Tree, held: list[int], names: list[str]) -> Tree:
    """An entry, row or column of a named array."""
    if a.op == "eye" and len(held) == 2:
        i, j = sorted(names)
        return make("entry", data=("δ", (i, j)), order=0)
    if a.op == "T":
        return _fixed(a.args[0], [1 - k for k in held], names)
    if a.op in ("sum", "mul", "pow") or (a.op == "call" and isinstance(REGISTRY.get(a.data[0]), Elementwise)):
        return _entrywise(a, held, names)
    if a.op != "var" or a.order > 2:
        raise _NoBlocks
    wanted = dict(zip(held, names, strict=True))
    key: tuple[Any, ...] = tuple(wanted.get(k, ":") for k in range(a.order))
    return make("entry", data=(a.data, key), order=a.order - len(held))


def _entrywise(a: Tree, held: list[int], names: list[str]) -> Tree:
    """The same of arithmetic and functions that work entry by entry."""
    if any(x.order not in (0, a.order) for x in a.args):
        raise _NoBlocks
    args = [_fixed(x, held, names) if x.order else x for x in a.args]
    if a.op == "sum":
        return total(args)
    if a.op == "mul":
        coefficient, split = a.data
        return mul(coefficient, args[:split], args[split:])
    return make(a.op, *args, data=a.data, order=a.order - len(held))


__all__ = ["blocks"]
