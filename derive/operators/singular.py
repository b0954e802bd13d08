"""Sums and largest of singular values on the last two axes, and what their derivatives are made of.

With X = U diag(σ) Vᵀ,

    nuclear_norm(X) = Σ σᵢ      its slope   polar(X) = U Vᵀ, over the σᵢ that are not zero
    spectral_norm(X) = σ₁       its slope   leading_dyad(X) = u₁ v₁ᵀ; of k equal σ₁ the mean of their uᵢ vᵢᵀ

Where they are differentiable, with Q = polar(X) and W = leading_dyad(X),

    dQ solves   (X Qᵀ) dQ + dQ (Qᵀ X) = dX − Q dXᵀ Q
    dW = M⁻¹ (I − W Wᵀ)(σ dX WᵀW + X dXᵀ W) + (σ W Wᵀ dX + W dXᵀ X)(I − WᵀW) N⁻¹,
         M = σ²(I + W Wᵀ) − X Xᵀ,   N = σ²(I + WᵀW) − Xᵀ X,   σ = σ₁

Both maps are their own adjoints, for they are second derivatives. So the four are closed under differentiation.
Sources: Watson, Characterization of the subdifferential of some matrix norms, Linear Algebra Appl. 170 (1992), for the
slopes; Higham, Functions of Matrices (2008), problem 8.20, for the polar factor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import final

import sympy

from ..build import add, einsum, is_zero, number, power, scale, split_scale, swap_last, zero
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Delta, Einsum, Node, Params, delta, ones
from ..sizes import ONE, Shape, show_shape, tidy
from .base import Operator, apply, register, spelled
from .singular_values import (
    dyad,
    each,
    exact_dyad,
    exact_nuclear,
    exact_polar,
    exact_spectral,
    polar,
)
from .sylvester import sylvester

MINUS = sympy.S.NegativeOne

#: The loop of a kernel over the matrices of a batch.
_EACH = """
def loops(x, out):
    m, n = x.shape[-2], x.shape[-1]
    given, found = x.reshape((-1, m, n)), out.reshape({shape})
    for k in range(given.shape[0]):
        found[k] = math.nan
        if np.isfinite(given[k]).all():
            {body}
"""
#: U Vᵀ over some of the singular values.
_PRODUCT = """u, s, v = np.linalg.svd(given[k].copy(), False)
            count = 0
            for i in range(s.size):
                if {kept}:
                    count += 1
                else:
                    u[:, i] = 0.0
            found[k] = np.dot(np.ascontiguousarray(u), np.ascontiguousarray(v))"""
_POLAR = '''def polar(x):
    """U Vᵀ of the singular values that are not zero."""
    u, s, v = {m}.linalg.svd(x, full_matrices=False)
    kept = s > s[..., :1] * (max(x.shape[-2:]) * 2.2e-16)
    return (u * kept[..., None, :]) @ v'''
_DYAD = '''def leading_dyad(x):
    """u vᵀ of the largest singular value; the mean of those that are equal."""
    u, s, v = {m}.linalg.svd(x, full_matrices=False)
    kept = (s >= s[..., :1] * (1 - 1e-12)) & (s > 0)
    count = kept.sum(-1)[..., None]
    return (u * (kept / (count + (count == 0)))[..., None, :]) @ v'''


def _matrix(name: str, node: Node) -> Shape:
    if node.order < 2:
        raise SizeError(f"{name} needs a matrix, got sizes {show_shape(node.shape)}")
    return node.shape


def _identity(node: Node) -> Node | None:
    return node if isinstance(node, Delta) and node.order == 2 else None


def _turned(node: Node) -> Node | None:
    """X where the operand is Xᵀ, for both have the same singular values."""
    if not isinstance(node, Einsum) or len(node.operands) != 1:
        return None
    (given,) = node.inputs
    own = tuple(range(node.order))
    if node.output != own or given != (*own[:-2], own[-1], own[-2]):
        return None
    return node.operands[0]


class _Norm(Operator):
    """A norm of the singular values."""

    options = ()
    everywhere, curvature = True, 1
    slope = ""

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return _matrix(self.name, operands[0])[:-2]

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return ("nonnegative",)

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """‖cX‖ → |c| ‖X‖, ‖Xᵀ‖ → ‖X‖, ‖I‖ → a number."""
        c, core = split_scale(operands[0])
        if is_zero(operands[0]):
            return zero(operands[0].shape[:-2])
        if c != 1 and c.is_number:
            return scale(tidy(abs(c)), apply(self.name, core))
        if (x := _turned(core)) is not None and c == 1:
            return apply(self.name, x)
        return self.of_identity(core) if c == 1 and _identity(core) is not None else None

    @abstractmethod
    def of_identity(self, node: Node) -> Node:
        """The norm of the identity."""

    def apart(self, node: Apply, axis: int) -> bool:
        return True

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        labels = tuple(range(adjoint.order))
        own = labels[adjoint.order - node.order :]
        return einsum(
            [(adjoint, labels), (apply(self.slope, node.operands[0]), (*own, 90, 91))], (*labels, 90, 91)
        )


@final
class NuclearNorm(_Norm):
    """The sum of the singular values, on the last two axes."""

    name, slope = "nuclear_norm", "polar"
    latex = "\\lVert {0} \\rVert_*"
    subgradient = "U V' of the singular values that are not zero"
    source = spelled(
        "{m}.linalg.norm({0}, 'nuc', axis=(-2, -1))", torch="torch.linalg.matrix_norm({0}, 'nuc')"
    )
    loops = _EACH.format(shape=-1, body="found[k] = np.linalg.svd(given[k].copy())[1].sum()")

    def of_identity(self, node: Node) -> Node:
        return number(node.shape[0])

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return each(arrays[0], domain, lambda u, s, v: s.sum(), exact_nuclear, 2)


@final
class SpectralNorm(_Norm):
    """The largest singular value, on the last two axes."""

    name, slope = "spectral_norm", "leading_dyad"
    latex = "\\lVert {0} \\rVert_{\\mathrm{op}}"
    subgradient = "u v' of the largest singular value, the mean of those that are equal"
    source = spelled("{m}.linalg.norm({0}, 2, axis=(-2, -1))", torch="torch.linalg.matrix_norm({0}, 2)")
    loops = _EACH.format(shape=-1, body="found[k] = np.linalg.svd(given[k].copy())[1][0]")

    def of_identity(self, node: Node) -> Node:
        return number(ONE)

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return each(arrays[0], domain, lambda u, s, v: s[0], exact_spectral, 2)


class _Factor(Operator):
    """A matrix with the singular vectors of another."""

    options = ()

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        return _matrix(self.name, operands[0])

    def apart(self, node: Apply, axis: int) -> bool:
        return axis < node.order - 2

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """The factor of cX is that of X times the sign of c."""
        c, core = split_scale(operands[0])
        if is_zero(operands[0]):
            return zero(operands[0].shape)
        if c != 1 and c.is_number:
            return scale(sympy.sign(c), apply(self.name, core))
        if c == 1 and _identity(core) is not None:
            return self.of_identity(core)
        return None

    def of_identity(self, node: Node) -> Node:
        """The factor of the identity."""
        return node


@final
class Polar(_Factor):
    """The factor U V.T of the singular value decomposition, over the singular values that are not zero."""

    name = "polar"
    source = "polar({0})"
    helper = _POLAR
    loops = _EACH.format(shape="(-1, m, n)", body=_PRODUCT.format(kept="s[i] > s[0] * (max(m, n) * 2.2e-16)"))

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        return operands[0].facts & {"symmetric", "diagonal"}

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return each(arrays[0], domain, polar, exact_polar, 0)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        (x,) = node.operands
        back = tuple(range(adjoint.order - node.order))
        here = tuple(range(50, 50 + node.order - 2))
        front, i, j, k, m = (*back, *here), 90, 91, 92, 93
        left = einsum([(x, (*here, i, k)), (node, (*here, j, k))], (*here, i, j))
        right = einsum([(node, (*here, k, i)), (x, (*here, k, j))], (*here, i, j))
        turned = einsum(
            [(node, (*here, i, k)), (adjoint, (*front, m, k)), (node, (*here, m, j))], (*front, i, j)
        )
        return sylvester(left, right, add([(ONE, adjoint), (MINUS, turned)]))


@final
class LeadingDyad(_Factor):
    """The outer product u v.T of the leading singular vectors; the mean where several singular values are largest."""

    name = "leading_dyad"
    latex = "\\operatorname{dyad}"
    source = "leading_dyad({0})"
    helper = _DYAD
    loops = _EACH.format(
        shape="(-1, m, n)",
        body=_PRODUCT.format(kept="s[i] >= s[0] * (1.0 - 1e-12) and s[i] > 0.0") + " / max(count, 1)",
    )

    def of_identity(self, node: Node) -> Node:
        return scale(tidy(1 / node.shape[0]), node)

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        return each(arrays[0], domain, dyad, exact_dyad, 0)

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        (x,) = node.operands
        batch = node.order - 2
        back, here = tuple(range(adjoint.order - node.order)), tuple(range(50, 50 + batch))
        front, i, j, k, m = (*back, *here), 90, 91, 92, 93
        size = apply("spectral_norm", x)
        square = power(size, sympy.Integer(2))
        sides = []
        for turned in (False, True):  # the rows, then the columns
            w, z, g = (swap_last(a) if turned else a for a in (node, x, adjoint))
            eye = delta(w.shape[-2])
            spread = [(ones((s,)), (b,)) for s, b in zip(w.shape[:-2], here, strict=True)]
            unit = einsum([(eye, (i, j)), *spread], (*here, i, j))
            own = einsum([(w, (*here, i, k)), (w, (*here, j, k))], (*here, i, j))
            other = einsum([(w, (*here, k, i)), (w, (*here, k, j))], (*here, i, j))
            gram = einsum([(z, (*here, i, k)), (z, (*here, j, k))], (*here, i, j))
            lifted = einsum([(square, here), (add([(ONE, unit), (ONE, own)]), (*here, i, j))], (*here, i, j))
            inverse = apply("inv", add([(ONE, lifted), (MINUS, gram)]))
            moved = add(
                [
                    (
                        ONE,
                        einsum([(size, here), (g, (*front, i, k)), (other, (*here, k, j))], (*front, i, j)),
                    ),
                    (
                        ONE,
                        einsum([(z, (*here, i, k)), (g, (*front, m, k)), (w, (*here, m, j))], (*front, i, j)),
                    ),
                ]
            )
            across = add([(ONE, unit), (MINUS, own)])
            side = einsum(
                [(inverse, (*here, i, k)), (across, (*here, k, m)), (moved, (*front, m, j))], (*front, i, j)
            )
            sides.append((ONE, swap_last(side) if turned else side))
        return add(sides)


for _record in (NuclearNorm(), SpectralNorm(), Polar(), LeadingDyad()):
    register(_record)
