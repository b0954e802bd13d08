"""Sylvester's equation on the last two axes: the Y with A Y + Y B = C.

It is closed under differentiation: dY solves the equation with dC − dA Y − Y dB on its right. With Z the solution for
Aᵀ, Bᵀ and the adjoint of Y, the adjoints of C, A and B are Z, −Z Yᵀ and −Yᵀ Z. There is one solution where no
eigenvalue of A is the negative of one of B.
Source: Bartels & Stewart, Communications of the ACM 15 (1972).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import sympy

from ..build import einsum, is_zero, scale, split_scale, swap_last, zero
from ..domains import Array, Domain
from ..errors import SizeError
from ..node import Apply, Node, Params
from ..sizes import Shape, same_size, show_shape
from .base import Operator, apply, register, spelled

_HELPER = '''def sylvester(a, b, c):
    """The Y with A Y + Y B = C, by the matrix of the equation."""
    m, n = c.shape[-2:]
    left = a[..., :, None, :, None] * {m}.eye(n<type>)[:, None, :]
    right = {m}.eye(m<type>)[:, None, :, None] * {m}.swapaxes(b, -1, -2)[..., None, :, None, :]
    whole = (left + right).reshape((*a.shape[:-2], m * n, m * n))
    return {m}.linalg.solve(whole, c.reshape((*c.shape[:-2], m * n, 1))).reshape(c.shape)'''


def sylvester(a: Node, b: Node, c: Node) -> Node:
    """The Y with A Y + Y B = C."""
    return apply("sylvester", a, b, c)


@final
class Sylvester(Operator):
    """The matrix Y that solves A Y + Y B = C, on the last two axes."""

    name = "sylvester"
    arity = 3
    options = ()
    source = "sylvester({0}, {1}, {2})"
    helper = spelled(_HELPER.replace("<type>", ""), torch=_HELPER.replace("<type>", ", dtype=c.dtype"))
    loops = """
def loops(a, b, c, out):
    m, n = a.shape[-1], b.shape[-1]
    lefts, rights = a.reshape((-1, m, m)), b.reshape((-1, n, n))
    given, found = c.reshape((-1, m, n)), out.reshape((-1, m, n))
    for k in range(given.shape[0]):
        left, right = lefts[k % lefts.shape[0]], rights[k % rights.shape[0]]
        whole = np.zeros((m * n, m * n))
        for i in range(m):
            for j in range(n):
                for p in range(m):
                    whole[i * n + j, p * n + j] += left[i, p]
                for q in range(n):
                    whole[i * n + j, i * n + q] += right[q, j]
        if np.isfinite(whole).all() and np.isfinite(given[k]).all():
            found[k] = np.linalg.solve(whole, given[k].copy().reshape(m * n)).reshape((m, n))
        else:
            found[k] = math.nan
"""

    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        a, b, c = (o.shape for o in operands)
        square = all(len(s) > 1 and same_size(s[-1], s[-2]) for s in (a, b))
        fits = square and len(c) > 1 and same_size(c[-2], a[-1]) and same_size(c[-1], b[-1])
        front = c[len(c) - len(a) : -2] if len(c) >= len(a) == len(b) else None
        batch = (
            front is not None and all(map(same_size, a[:-2], front)) and all(map(same_size, b[:-2], front))
        )
        if not fits or not batch:
            shown = ", ".join(map(show_shape, (a, b, c)))
            raise SizeError(f"sylvester needs A (m, m), B (n, n) and C (m, n), got sizes {shown}")
        return c

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """Coefficients of C go outside; a solution for 0 is 0."""
        a, b, c = operands
        if is_zero(c):
            return zero(c.shape)
        factor, core = split_scale(c)
        return scale(factor, sylvester(a, b, core)) if factor != 1 else None

    def apart(self, node: Apply, axis: int) -> bool:
        return axis < node.order - 2 and node.operands[0].order == node.order

    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        a, b, c = arrays
        out = np.empty(c.shape, dtype=c.dtype)
        batch = a.shape[:-2]
        for index in np.ndindex(c.shape[:-2]):
            place = index[len(index) - len(batch) :]
            out[index] = _solved(a[place], b[place], c[index], domain)
        return out

    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        a, b, _ = node.operands
        z = sylvester(swap_last(a), swap_last(b), adjoint)
        if index == 2:
            return z
        back = tuple(range(adjoint.order - node.order))  # axes of what is differentiated
        here = tuple(range(50, 50 + node.order - 2))
        kept = (*back, *here[len(here) - (a.order - 2) :])
        i, j, k = 90, 91, 92
        if index == 0:
            product = einsum([(z, (*back, *here, i, k)), (node, (*here, j, k))], (*kept, i, j))
        else:
            product = einsum([(node, (*here, k, i)), (z, (*back, *here, k, j))], (*kept, i, j))
        return scale(sympy.S.NegativeOne, product)


def _solved(a: Array, b: Array, c: Array, domain: Domain) -> Any:
    """One equation."""
    m, n = c.shape
    if domain.name == "float":
        if not all(np.isfinite(x).all() for x in (a, b, c)):
            return np.full((m, n), np.nan)
        import scipy.linalg  # deriving alone does not load it

        return scipy.linalg.solve_sylvester(a, b, c)
    eye = [domain.array(np.eye(k, dtype=int)) for k in (m, n)]
    left = np.einsum("ip,jq->ijpq", a, eye[1])
    right = np.einsum("ip,qj->ijpq", eye[0], b)
    whole = np.asarray(left + right, dtype=object).reshape(m * n, m * n)
    return (domain.inv(whole) @ c.reshape(m * n)).reshape(m, n)


register(Sylvester())
