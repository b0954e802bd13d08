"""From constrained unknowns to free ones.

A parameter with a constraint is stated as itself; what an unconstrained optimizer sees is derived here by
substituting a smooth map from all of ℝᴺ onto the (interior of the) constraint set:

    simplex (last axis)       π = softmax(π̃)
    positive                  a = exp(ã)
    pd (last two axes)        Σ = L Lᵀ,  L = tril₋₁(Σ̃) + diag(exp(diag Σ̃))        (log-Cholesky)

With the log-Cholesky factor (Pinheiro & Bates, Unconstrained parametrizations for variance-covariance
matrices, Statistics and Computing 6, 1996) log det Σ is 2 Σᵢ Σ̃ᵢᵢ, Σ⁻¹ is L⁻ᵀL⁻¹ and xᵀΣ⁻¹x is ‖L⁻¹x‖²; all
are written so. The last cannot turn negative by rounding: with an inverse of a nearly singular Σ it does,
and a minimiser follows it to −∞.

π̃ has as many entries as π. The objective then does not change along 1, its gradient is orthogonal to 1,
so that L-BFGS stays where it started in that direction, and Newton's trust region leaves directions alone
that have neither slope nor curvature. Fixing one entry at 0 instead would treat the classes unequally and
worsen the conditioning. Likewise the entries of Σ̃ above the diagonal are there but have no effect.

Not done here: optima on the boundary (`nonnegative`, `psd`), which need a method for constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from .build import Factor, add, einsum, scale
from .domains import Array
from .errors import DataError, UnsupportedError
from .node import Einsum, Labels, Node, Variable, delta, topological, variable, variables
from .operators import apply, rebuild
from .sizes import ONE, show_shape
from .stable import recognise

TWO = sympy.Integer(2)


@dataclass(frozen=True)
class Parametrisation:
    """How one unknown is expressed by a free one, symbolically and in numbers."""

    constrained: Variable
    free: Variable
    node: Node  # the constrained value as an expression in `free`
    inverse_factor: Node | None  # L⁻¹, for a positive definite value
    log_determinant: Node | None  # of that value, where there is a shorter form
    forward: Callable[[Array], Array]
    backward: Callable[[Array], Array]


@dataclass(frozen=True)
class Reparametrised:
    """An objective over free unknowns, and the maps between the two spaces."""

    objective: Node
    unknowns: tuple[Variable, ...]
    parts: tuple[Parametrisation, ...]

    @property
    def changed(self) -> bool:
        """Whether any unknown was constrained."""
        return any(p.free is not p.constrained for p in self.parts)

    def forward(self, values: Mapping[str, Any]) -> dict[str, Array]:
        """Constrained values, by the names of the statement, from free ones."""
        with np.errstate(over="ignore"):  # of what runs away
            return {p.constrained.name: p.forward(_given(values, p.free)) for p in self.parts}

    def backward(self, values: Mapping[str, Any]) -> dict[str, Array]:
        """Free values from constrained ones, which must lie in the interior of their sets."""
        return {p.free.name: p.backward(_given(values, p.constrained)) for p in self.parts}

    def express(self, node: Node) -> Node:
        """Any expression in the constrained unknowns, in the free ones."""
        return _substitute(node, self.parts)


def reparametrise(objective: Node, unknowns: Sequence[Variable]) -> Reparametrised:
    """The objective over free unknowns; unknowns without constraints stay as they are.

    Raises `UnsupportedError` for facts that no map of this table provides.
    """
    taken = {v.name for v in variables(objective)} | {v.name for v in unknowns}
    parts = []
    for unknown in unknowns:
        part = _parametrisation(unknown, taken)
        taken.add(part.free.name)
        parts.append(part)
    found = tuple(parts)
    return Reparametrised(_substitute(objective, found), tuple(p.free for p in found), found)


def _given(values: Mapping[str, Any], v: Variable) -> Array:
    if v.name not in values:
        raise DataError(f"no array was given for {v.name}")
    array = np.asarray(values[v.name], dtype=np.float64)
    if array.ndim != v.order:
        raise DataError(f"{v.name} was declared {show_shape(v.shape)}, but the array has shape {array.shape}")
    return array


def _free_name(name: str, taken: Iterable[str]) -> str:
    found = name + "_free"
    while found in taken:
        found += "_"
    return found


def _parametrisation(v: Variable, taken: set[str]) -> Parametrisation:
    facts = v.facts
    for fact, remedy in _UNSUPPORTED.items():
        if fact in facts and not (fact == "nonnegative" and facts & {"positive", "simplex"}):
            if fact == "psd" and "pd" in facts:
                continue
            if fact == "diagonal" and "pd" in facts:
                continue
            raise UnsupportedError(f"the unknown {v.name} is {fact}: {remedy}")
    kinds = [k for k in ("simplex", "positive", "pd") if k in facts]
    if {"positive", "pd"} <= set(kinds):
        raise UnsupportedError(
            f"the unknown {v.name} is both positive and pd: there is no free form for that"
        )
    if not kinds:
        return Parametrisation(v, v, v, None, None, _same, _same)
    kept = {"symmetric"} & facts if kinds[0] == "positive" else set()
    free = variable(_free_name(v.name, taken), v.shape, kept)
    if kinds[0] == "simplex":
        return _simplex(v, free)
    if kinds[0] == "positive":
        return Parametrisation(
            v, free, apply("exp", free), None, None, np.exp, lambda a: np.log(_interior(v, a))
        )
    return _positive_definite(v, free)


_UNSUPPORTED = {
    "integer": "whole numbers cannot be found by a smooth method",
    "orthogonal": "there is no free form; add A.T @ A == eye(n) as a constraint",
    "nonnegative": "its optimum may lie on the boundary, which needs a method for bounds; "
    "declare it positive if it cannot be 0",
    "psd": "its optimum may be singular, which has no free form; declare it pd if it cannot be",
    "diagonal": "declare a vector v and write diag(v)",
}


def _same(array: Array) -> Array:
    return array


def _interior(v: Variable, array: Array) -> Array:
    if not (array > 0).all():
        where = tuple(int(i) for i in np.argwhere(~(array > 0))[0])
        entry = f"{v.name}[{', '.join(map(str, where))}]" if where else v.name
        raise DataError(f"the start of {v.name} must be positive, but {entry} is {array[where]}")
    return array


def _simplex(v: Variable, free: Variable) -> Parametrisation:
    def forward(a: Array) -> Array:
        e = np.exp(a - a.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))

    def backward(a: Array) -> Array:
        logs = np.log(_interior(v, a))
        return np.asarray(logs - logs.mean(axis=-1, keepdims=True))

    return Parametrisation(
        v, free, apply("softmax", free, axes=(v.order - 1,)), None, None, forward, backward
    )


def _positive_definite(v: Variable, free: Variable) -> Parametrisation:
    diagonal_only = "diagonal" in v.facts
    batch = tuple(range(v.order - 2))
    i, j, k = v.order, v.order + 1, v.order + 2
    logs = einsum([(free, (*batch, i, i))], (*batch, i))
    spread = einsum([(apply("exp", logs), (*batch, i)), (delta(v.shape[-1]), (i, j))], (*batch, i, j))
    factor = spread if diagonal_only else add([(ONE, apply("tril", free, k=-1)), (ONE, spread)])
    node = einsum([(factor, (*batch, i, k)), (factor, (*batch, j, k))], (*batch, i, j))
    inverse_factor = apply("inv", factor)
    log_determinant = scale(TWO, einsum([(free, (*batch, i, i))], batch))

    def forward(a: Array) -> Array:
        d = np.diagonal(a, axis1=-2, axis2=-1)
        lower = np.zeros_like(a) if diagonal_only else np.tril(a, -1)
        lower = lower + np.exp(d)[..., None] * np.eye(a.shape[-1])
        return np.asarray(lower @ np.swapaxes(lower, -1, -2))

    def backward(a: Array) -> Array:
        try:
            lower = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            raise DataError(f"the start of {v.name} is not positive definite") from None
        d = np.diagonal(lower, axis1=-2, axis2=-1)
        return np.asarray(np.tril(lower, -1) + np.log(d)[..., None] * np.eye(a.shape[-1]))

    return Parametrisation(v, free, node, inverse_factor, log_determinant, forward, backward)


def _substitute(root: Node, parts: Sequence[Parametrisation]) -> Node:
    """The expression over the free unknowns; log det Σ, det Σ, Σ⁻¹ and xᵀΣ⁻¹x take their own forms."""
    done: dict[Node, Node] = {p.constrained: p.node for p in parts}
    inverses: dict[Node, Node] = {}
    for p in parts:
        if p.log_determinant is not None:
            done[apply("logdet", p.constrained)] = p.log_determinant
            done[apply("det", p.constrained)] = apply("exp", p.log_determinant)
        if p.inverse_factor is not None:
            batch = tuple(range(p.free.order - 2))
            labels = (*batch, -1, -2), (*batch, -1, -3)
            gram = einsum([(p.inverse_factor, ls) for ls in labels], (*batch, -2, -3))
            inverse = apply("inv", p.constrained)
            done[inverse], inverses[inverse] = gram, p.inverse_factor
    for node in topological([root]):
        if node in done:
            continue
        if isinstance(node, Einsum):
            factors = list(node.factors)
            squared = _as_squares(factors, node.output, inverses, done)
            done[node] = einsum([(done.get(o, o), labels) for o, labels in squared], node.output)
        else:
            done[node] = rebuild(node, tuple(done[o] for o in node.operands))
    return recognise(done[root])


def _as_squares(
    factors: list[Factor], output: Labels, inverses: Mapping[Node, Node], done: Mapping[Node, Node]
) -> list[Factor]:
    """Σᵢⱼ xᵢ (L⁻ᵀL⁻¹)ᵢⱼ xⱼ -> Σ_c y_c y_c with y = L⁻¹x, within a product and with batches."""
    for place, (node, labels) in enumerate(factors):
        if node not in inverses:
            continue
        *batch, i, j = labels
        rest = [f for k, f in enumerate(factors) if k != place]
        left = [f for f in rest if i in f[1]]
        right = [f for f in rest if j in f[1]]
        if i == j or {i, j} & set(output) or len(left) != 1 or len(right) != 1:
            continue
        (x, here), (other, there) = left[0], right[0]
        if x is not other or tuple(j if label == i else label for label in here) != there:
            continue
        c = min([0, *(label for _, ls in factors for label in ls)]) - 1
        kept = [*dict.fromkeys([*batch, *(label for label in here if label != i)]), c]
        y = einsum([(inverses[node], (*batch, c, i)), (done[x], here)], tuple(kept))
        others = [f for f in rest if f is not left[0] and f is not right[0]]
        return _as_squares([*others, (y, tuple(kept)), (y, tuple(kept))], output, inverses, done)
    return factors
