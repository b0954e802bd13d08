"""Reductions that are no sums: log-sum-exp, softmax, and the largest or smallest entry along axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np
import sympy

from ..build import add, einsum, split_scale
from ..domains import Array, Domain
from ..node import Apply, Einsum, Node, Ones, Params
from ..sizes import Shape
from .base import Operator, apply, param, register, spelled


def _axes(params: Params) -> tuple[int, ...]:
    found: tuple[int, ...] = param(params, "axes")
    return found


def _labels(
    node: Apply, adjoint: Node, reduced: bool
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Labels of (adjoint, operand, adjoint of the operand) for an operator along axes."""
    operand = node.operands[0]
    lead = tuple(range(adjoint.order - node.order))
    inner = tuple(range(100, 100 + operand.order))
    kept = tuple(i for k, i in enumerate(inner) if not (reduced and k in _axes(node.params)))
    return (*lead, *kept), inner, (*lead, *inner)


def _extreme(a: Array, axes: tuple[int, ...], keep: bool, sign: int = 1) -> Array:
    """The largest (smallest) entry; nan where one is, also among Python numbers, which NumPy compares."""
    found = np.asarray((np.max if sign > 0 else np.min)(a, axis=axes, keepdims=keep), dtype=a.dtype)
    if a.dtype != object:
        return found
    lost = np.asarray(a != a)
    return np.where(lost.any(axis=axes, keepdims=keep), a[lost][0], found) if lost.any() else found


@final
class LogSumExp(Operator):
    """log Σ exp x over axes, computed after subtracting the largest entry."""

    name = "logsumexp"
    everywhere = True
    source = spelled(
        numpy="special.logsumexp({0}{axis})",
        jax="special.logsumexp({0}{axis})",
        torch="torch.logsumexp({0}{axis})",
        torch_all="torch.logsumexp({0}.reshape(-1), dim=0)",
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return tuple(s for k, s in enumerate(operands[0].shape) if k not in _axes(params))

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        return operands[0] if not _axes(params) else None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), axes = arrays, _axes(params)
        if domain.name == "sympy":
            total = np.asarray(domain.elementwise(sympy.exp, np.exp, [x])).sum(axis=axes)
            return domain.elementwise(sympy.log, np.log, [np.asarray(total, dtype=object)])
        top = _extreme(x, axes, True)
        if domain.name == "float":
            top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
        shifted = domain.elementwise(sympy.exp, np.exp, [np.asarray(x - top, dtype=x.dtype)])
        total = np.asarray(shifted.sum(axis=axes), dtype=x.dtype)
        return np.asarray(
            domain.elementwise(sympy.log, np.log, [total]) + np.squeeze(top, axis=axes), dtype=x.dtype
        )

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        outer, inner, result = _labels(node, adjoint, reduced=True)
        weights = apply("softmax", node.operands[0], axes=_axes(node.params))
        return einsum([(adjoint, outer), (weights, inner)], result)


@final
class Softmax(Operator):
    """exp x / Σ exp x over axes; positive, sums to one."""

    name = "softmax"
    everywhere = True
    source = spelled(
        numpy="special.softmax({0}{axis})",
        jax="jax.nn.softmax({0}{axis})",
        jax_all="jax.nn.softmax({0}, axis=None)",
        torch="torch.softmax({0}{axis})",
        torch_all="torch.softmax({0}.reshape(-1), dim=0).reshape({0}.shape)",
    )

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return operands[0].shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return ("positive", "nonnegative", "nonzero")

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """softmax ignores what is constant along its axes."""
        x, axes = operands[0], _axes(params)
        _, node = split_scale(x)
        if isinstance(node, Einsum) and any(
            isinstance(o, Ones) and set(ls) == set(axes) for o, ls in node.factors
        ):
            others = [ls for o, ls in node.factors if not isinstance(o, Ones)]
            if all(set(axes).isdisjoint(ls) for ls in others):
                from ..build import zero

                return apply("softmax", zero(x.shape), axes=axes)
        return None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), axes = arrays, _axes(params)
        if domain.name == "sympy":
            e = np.asarray(domain.elementwise(sympy.exp, np.exp, [x]))
        else:
            shifted = np.asarray(x - _extreme(x, axes, True), dtype=x.dtype)
            e = domain.elementwise(sympy.exp, np.exp, [shifted])
        return np.asarray(e / e.sum(axis=axes, keepdims=True), dtype=x.dtype)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        outer, inner, result = _labels(node, adjoint, reduced=False)
        kept = tuple(i for k, i in enumerate(inner) if k not in _axes(node.params))
        lead = outer[: adjoint.order - node.order]
        mean = einsum([(adjoint, outer), (node, inner)], (*lead, *kept))
        pulled = einsum([(adjoint, outer), (node, inner)], result)
        centre = einsum([(mean, (*lead, *kept)), (node, inner)], result)
        return add([(sympy.S.One, pulled), (sympy.S.NegativeOne, centre)])


@final
class Extreme(Operator):
    """The largest (smallest) entry along axes. Subgradient: shared equally among equal entries."""

    subgradient = "shared equally among the extreme entries"

    def __init__(self, name: str, sign: int) -> None:
        self.name, self.sign, self.kink, self.latex = name, sign, sign, f"\\{name}"
        plain = f"{{m}}.{name}({{0}}{{axis}})"
        self.source = {"numpy": plain, "jax": plain, "torch": f"torch.a{name}({{0}}{{axis}})"}

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return tuple(s for k, s in enumerate(operands[0].shape) if k not in _axes(params))

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"positive", "nonnegative", "nonzero", "integer"}

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        return operands[0] if not _axes(params) else None

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        if domain.name == "sympy":
            choose = sympy.Max if self.sign > 0 else sympy.Min
            return _reduce_objects(arrays[0], _axes(params), choose)
        return _extreme(arrays[0], _axes(params), False, self.sign)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        outer, inner, result = _labels(node, adjoint, reduced=True)
        where = apply(f"{self.name}_share", node.operands[0], axes=_axes(node.params))
        return einsum([(adjoint, outer), (where, inner)], result)


_SHARE = '''def <name>_share(x, {dim}=None):
    """1/k at each of the k <word> entries, else 0: a subgradient of the <word> entry."""
    hits = {m}.asarray(x == {m}.<extreme>(x, {dim}={dim}, {keepdims}=True), dtype=x.dtype)
    return hits / {m}.sum(hits, {dim}={dim}, {keepdims}=True)'''


@final
class ExtremeShare(Operator):
    """The subgradient of `max`/`min`: 1/k at each of the k extreme entries, else 0."""

    def __init__(self, name: str, sign: int) -> None:
        self.name, self.sign, self.latex = f"{name}_share", sign, f"\\partial\\{name}"
        self.source = f"{name}_share({{0}}{{axis}})"
        words = {"name": name, "word": "largest" if sign > 0 else "smallest"}
        text = _SHARE
        for word, value in words.items():
            text = text.replace(f"<{word}>", value)
        self.helper = {
            "numpy": text.replace("<extreme>", name),
            "jax": text.replace("<extreme>", name),
            "torch": text.replace("<extreme>", f"a{name}"),
        }

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return operands[0].shape

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return ("nonnegative",)

    def differentiable(self, index: int) -> bool:
        return False

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        (x,), axes = arrays, _axes(params)
        top = _extreme(x, axes, True, self.sign)
        hits = (x == top).astype(int)
        count = np.maximum(
            hits.sum(axis=axes, keepdims=True), 1
        )  # 0 where nan is the largest, which equals nothing
        return np.asarray(np.where(top != top, top, domain.array(hits) / domain.array(count)))

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        raise AssertionError("piecewise constant: not differentiable")


def _reduce_objects(x: Array, axes: tuple[int, ...], function: Any) -> Array:
    kept = [k for k in range(x.ndim) if k not in axes]
    moved = np.transpose(x, [*kept, *axes]).reshape([x.shape[k] for k in kept] + [-1])
    out = np.empty(moved.shape[:-1], dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = function(*moved[index])
    return out


register(LogSumExp())
register(Softmax())
for _name, _sign in (("max", 1), ("min", -1)):
    register(Extreme(_name, _sign))
    register(ExtremeShare(_name, _sign))
