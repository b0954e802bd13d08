"""Kinks become constraints: the epigraph form of `abs`, `relu`, `maximum`, `max` and Euclidean norms.

A convex kink φ(u) on which the objective depends increasingly is replaced by a slack t with

    |u|       t − u ≥ 0,  t + u ≥ 0          max(u, 0)    t − u ≥ 0,  t ≥ 0
    max(u,v)  t − u ≥ 0,  t − v ≥ 0          max_i u_i    t − u_i ≥ 0
    ‖u‖₂      t − ‖u‖²/t ≥ 0,  t ≥ 0         (Benson & Vanderbei, Math. Program. 95, 2003)
    ‖U‖_*     t − ½ tr S ≥ 0,  S₁₂ = U       ‖U‖_op       S₁₁ = tI,  S₂₂ = tI,  S₁₂ = U

with S ⪰ 0 of as many rows as U has rows and columns, for affine U (Fazel, Hindi & Boyd, ACC 2001), and min likewise
from below. At the optimum t = φ(u), so that both problems have the same solutions, and all functions of the new one are
smooth. Whether the objective increases in t is read off ∂f/∂t: from facts and conditions such as s ≥ 0, or from its
sign on the data (`Kink.slope`). A kink that is a term of conditions alone, as the inner one of max(|u| − ε, 0), needs
no slack: each condition is stated for each branch. What is left alone: kinks of any other kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from .build import add, broadcast, einsum, inner, is_zero, multiply, negate, power, scale
from .differentiate import gradients, substitute
from .domains import Array
from .node import Apply, Einsum, Node, Variable, delta, ones, topological, variable, variables
from .operators import apply
from .sizes import ONE
from .stable import recognise
from .sums import flat_terms

MINUS = sympy.S.NegativeOne
#: Kinks that are, entry by entry, the largest or the least of two others: see `_pieces`.
BRANCHED = ("abs", "relu", "maximum", "minimum")
#: Norms of the singular values of a matrix.
SINGULAR = ("nuclear_norm", "spectral_norm")


@dataclass(frozen=True)
class Kink:
    """One replaced kink: its slack, what it stands for, and the slope of the objective in the slack."""

    slack: Variable
    atom: Node
    sign: int  # +1: convex, the slack lies above; −1: concave, it lies below
    slope: Node | None  # free of unknowns, to be nonnegative times `sign`; None where facts prove it
    name: str
    matrix: Variable | None = None  # S of a norm of singular values


@dataclass(frozen=True)
class Smooth:
    """A smooth problem: minimise `objective` with `equalities` = 0 and `inequalities` ≥ 0."""

    objective: Node
    unknowns: tuple[Variable, ...]  # those of the statement, then the slacks
    equalities: tuple[Node, ...]
    inequalities: tuple[Node, ...]
    kinks: tuple[Kink, ...]


def smooth(
    objective: Node, unknowns: Sequence[Variable], equalities: Sequence[Node], inequalities: Sequence[Node]
) -> Smooth:
    """The epigraph form; the problem itself where there is no kink."""
    functions = [recognise(objective), *(recognise(c) for c in inequalities)]
    seen = list(unknowns)
    signed: dict[Node, Node] = {
        v: variable(v.name, v.shape, {*v.facts, "positive"})
        for v in seen
        if _kept_above_zero(v, functions[1:])
    }
    kinks: list[Kink] = []
    equal = [recognise(c) for c in equalities]
    passed: set[Node] = set()
    while True:
        atom = _outermost(functions, set(seen), passed)
        if atom is None:
            break
        passed.add(atom)
        if (split := _branches(functions, atom)) is not None:
            functions = split
            continue
        made = _replace(functions, atom, seen, signed, len(kinks))
        if made is None:
            continue
        kink, functions, conditions = made
        functions += conditions
        seen.append(kink.slack)
        if kink.matrix is not None:
            seen.append(kink.matrix)
            equal += _blocks(kink)
        kinks.append(kink)
    return Smooth(functions[0], tuple(seen), tuple(equal), tuple(functions[1:]), tuple(kinks))


def has_kinks(objective: Node, unknowns: Sequence[Variable], inequalities: Sequence[Node] = ()) -> bool:
    """Whether the objective has a kink in an unknown for which `smooth` needs no matrix."""
    return any(kink.matrix is None for kink in smooth(objective, unknowns, (), inequalities).kinks)


def bends_of(functions: Sequence[Node], unknowns: Iterable[Variable]) -> Iterator[tuple[Apply, Node]]:
    """The branched atoms that hold an unknown, inner ones first, each with the argument that vanishes at its kink."""
    moving = set(unknowns)
    for atom in topological(functions):
        if isinstance(atom, Apply) and atom.op in BRANCHED and moving & set(variables(atom)):
            first, second = atom.operands[0], atom.operands[-1]
            yield atom, first if len(atom.operands) == 1 else add([(ONE, first), (MINUS, second)], atom.shape)


def _kept_above_zero(v: Variable, conditions: Sequence[Node]) -> bool:
    """Whether a condition reads v ≥ 0, or v ≥ something that is nonnegative."""
    for condition in conditions:
        terms = flat_terms(condition)
        rest = add([(-c, term) for c, term in terms if term is not v], condition.shape)
        own = [c for c, term in terms if term is v]
        if own == [ONE] and (is_zero(rest) or "nonnegative" in rest.facts):
            return True
    return False


def _kind(node: Node) -> str:
    if isinstance(node, Apply) and node.op in ("abs", "relu", "maximum", "minimum", "max", "min"):
        return node.op
    if isinstance(node, Apply) and node.op in SINGULAR and node.operands[0].order == 2:
        return node.op
    return "norm" if _is_norm(node) else ""


def _is_norm(node: Node) -> bool:
    """(Σ u²)^½, over all axes or some."""
    if not (isinstance(node, Apply) and node.op == "power" and node.param("exponent") == sympy.S.Half):
        return False
    (squares,) = node.operands
    if not isinstance(squares, Einsum) or not squares.summed:
        return False
    core = squares.operands[0]
    alone = len(squares.operands) == 1 and isinstance(core, Apply) and core.op == "power"
    return alone and isinstance(core, Apply) and core.param("exponent") == 2


def _outermost(functions: Sequence[Node], unknowns: set[Variable], passed: set[Node]) -> Node | None:
    order = list(topological(functions))
    moving: set[Node] = set()
    for node in order:
        if node in unknowns or any(o in moving for o in node.operands):
            moving.add(node)
    for node in reversed(order):
        if node in moving and node not in passed and _kind(node):
            return node
    return None


def _branches(functions: Sequence[Node], atom: Node) -> list[Node] | None:
    """Without a slack, where the kink is a term of conditions c ≥ 0 alone: each condition once for each branch.

    c − α max(a, b) ≥ 0 with α > 0 holds where c − αa ≥ 0 and c − αb ≥ 0.
    """
    kind = _kind(atom)
    if kind not in BRANCHED:
        return None
    found: list[Node] = [functions[0]]
    if atom in topological([functions[0]]):
        return None
    for f in functions[1:]:
        if atom not in topological([f]):
            found.append(f)
            continue
        terms = flat_terms(f)
        own = [c for c, term in terms if term is atom]
        rest = [(c, term) for c, term in terms if term is not atom]
        alone = len(own) == 1 and atom not in topological([term for _, term in rest])
        if not alone or not (own[0].is_positive if kind == "minimum" else own[0].is_negative):
            return None
        found += [add([*rest, (own[0] * sign, branch)], f.shape) for sign, branch in _pieces(kind, atom)]
    return found


def _pieces(kind: str, atom: Node) -> list[tuple[sympy.Expr, Node]]:
    """What the kink is the largest, or the least, of: each with its sign."""
    first = broadcast(atom.operands[0], atom.shape)
    if kind == "abs":
        return [(ONE, first), (MINUS, first)]
    if kind == "relu":
        return [(ONE, first), (sympy.S.Zero, first)]
    return [(ONE, first), (ONE, broadcast(atom.operands[1], atom.shape))]


def _replace(
    functions: list[Node], atom: Node, unknowns: Sequence[Variable], signs: dict[Node, Node], count: int
) -> tuple[Kink, list[Node], list[Node]] | None:
    """The functions with the kink replaced and the new conditions, if its sense allows that."""
    kind = _kind(atom)
    sign = -1 if kind in ("min", "minimum") else 1
    taken = {v.name for v in variables(*functions)} | {v.name for v in unknowns}
    name = f"slack_{count}"
    while name in taken:
        name += "_"
    facts = ("nonnegative",) if kind in ("abs", "relu", "norm", *SINGULAR) else ()
    slack = variable(name, atom.shape, facts)
    matrix = None
    if kind in SINGULAR:
        (U,) = atom.operands
        if set(unknowns) & set(variables(*gradients(inner(variable("_weight", U.shape), U), list(unknowns)))):
            return None  # not affine
        side = U.shape[0] + U.shape[1]
        matrix = variable(f"{name}_matrix", (side, side), ["symmetric"])
    found = [substitute(f, {atom: slack}) for f in functions]
    weights = [variable(f"_weight_{k}", f.shape, ["nonnegative"]) for k, f in enumerate(found)]
    # The objective counts upwards, a condition c ≥ 0 downwards.
    rising = add(
        [(ONE if k == 0 else MINUS, inner(w, f)) for k, (w, f) in enumerate(zip(weights, found, strict=True))]
    )
    slope = gradients(rising, [slack])[0]
    signed = slope if sign > 0 else negate(slope)
    if "nonnegative" in substitute(signed, signs).facts:
        proof: Node | None = None
    elif {slack, *unknowns} & set(variables(slope)):
        return None
    else:
        proof = substitute(signed, {w: broadcast(ones(()), w.shape) for w in weights})
    kink = Kink(slack, atom, sign, proof, kind, matrix)
    return kink, found, conditions_of(kink)


def conditions_of(kink: Kink) -> list[Node]:
    """What the slack of a kink has to satisfy, each ≥ 0."""
    if kink.matrix is not None:
        half = scale(sympy.Rational(-1, 2), einsum([(kink.matrix, (0, 0))], ()))
        return [add([(ONE, kink.slack), (ONE, half)])] if kink.name == "nuclear_norm" else []
    return list(_conditions(kink.name, kink.atom, kink.slack))


def _blocks(kink: Kink) -> Iterator[Node]:
    """What the blocks of S are, each = 0."""
    (U,) = kink.atom.operands
    rows, columns = (("range", start, size, 1) for start, size in zip((0, U.shape[0]), U.shape, strict=True))

    matrix = kink.matrix
    assert matrix is not None

    def block(*index: tuple[object, ...]) -> Node:
        return apply("slice", matrix, index=index)

    yield add([(ONE, block(rows, columns)), (MINUS, U)], U.shape)
    for part, size in zip((rows, columns), U.shape, strict=True):
        if kink.name == "spectral_norm":
            identity = einsum([(kink.slack, ()), (delta(size), (0, 1))], (0, 1))
            yield add([(ONE, block(part, part)), (MINUS, identity)], (size, size))


def matrix_of(kind: str, U: Array) -> Array:
    """S at a matrix U, as small as may be: [[XΣXᵀ, U], [Uᵀ, YΣYᵀ]] with U = XΣYᵀ; for the spectral norm Σ is σ₁I."""
    X, sizes, Yt = np.linalg.svd(U, full_matrices=False)
    if kind == "spectral_norm":
        left, right = (float(sizes.max(initial=0.0)) * np.eye(k) for k in U.shape)
    else:
        left, right = (X * sizes) @ X.T, (Yt.T * sizes) @ Yt
    return np.block([[left, U], [U.T, right]])


def _conditions(kind: str, atom: Node, t: Node) -> Iterator[Node]:
    """What the slack has to satisfy, each ≥ 0."""
    operands = atom.operands
    if kind in BRANCHED:
        way = MINUS if kind == "minimum" else ONE
        for sign, branch in _pieces(kind, atom):
            yield add([(way, t), (-way * sign, branch)], t.shape)
    elif kind == "norm":
        yield add([(ONE, t), (MINUS, multiply(operands[0], power(t, MINUS)))])
        yield t
    else:
        assert isinstance(atom, Apply)
        way = ONE if kind == "max" else MINUS
        (u,) = operands
        axes = {int(a) for a in atom.param("axes")}
        kept = tuple(i for i in range(u.order) if i not in axes)
        labels = tuple(range(u.order))
        spread = einsum([(t, kept), *((ones((u.shape[i],)), (i,)) for i in axes)], labels)
        yield add([(way, spread), (-way, u)])
