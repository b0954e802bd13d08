"""Results of order four as matrices: the Kronecker form of a linear map between matrices.

The columns of a matrix stand one below the other in its `vec`, so that vec(P V Qᵀ) = (Q ⊗ P) vec V:

    H_{ijkl} = P_{ik} Q_{jl}   is   Q ⊗ P
    H_{ijkl} = P_{il} Q_{kj}   is   (Qᵀ ⊗ P) K,   with the commutation matrix K vec V = vec Vᵀ
    H_{ijkl} = P_{ij} Q_{kl}   is   vec(P) vec(Q)ᵀ
    H_{ijkl} = E_{ij} δ_{ik} δ_{jl}   is   diag(vec E)

The first two axes are the rows, the last two the columns. What has none of these forms comes in index notation alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from .chains import chain
from .factor import shortest
from .makers import mul, outer, transpose
from .tree import Tree, call, make, parts, var


def kronecker(t: Tree, commutation: str) -> Tree | None:
    """The matrix of a tree of order four, if it has a Kronecker form; `commutation` is the name of K."""
    if t.order != 4:
        return None
    terms = []
    for term in t.args if t.op == "sum" else (t,):
        found = _term(term, commutation)
        if found is None:
            return None
        terms.append(found)
    return shortest(terms, [])


def commutation(taken: Iterable[str]) -> str:
    """A name for the commutation matrix."""
    known = set(taken)
    return next(name for k in range(100) if (name := "K" + "_" * k) not in known)


def uses(t: Tree, name: str) -> bool:
    """Whether the name occurs in the tree."""
    return (t.op == "var" and t.data == name) or any(uses(a, name) for a in t.args)


def _term(t: Tree, commutation: str) -> Tree | None:
    c, nums, dens = parts(t)
    tensors = [x for x in nums if x.order]
    if len(tensors) != 1 or any(d.order for d in dens):
        return None
    core = tensors[0]
    body = kronecker(core, commutation) if core.op == "sum" else _product(core, commutation)
    return None if body is None else mul(c, [*(x for x in nums if not x.order), body], dens)


def _product(t: Tree, commutation: str) -> Tree | None:
    if t.op != "einsum":
        return None
    inputs, output = t.data.split("->")
    places = {letter: k for k, letter in enumerate(output)}
    by_axes: dict[tuple[int, ...], Tree] = {}
    for a, letters in zip(t.args, inputs.split(","), strict=True):
        if not 1 <= a.order <= 2 or len(set(letters)) < a.order or not set(letters) <= set(places):
            return None
        axes = tuple(places[i] for i in letters)
        a, axes = (transpose(a), axes[::-1]) if axes[0] > axes[-1] else (a, axes)
        if axes in by_axes:
            return None
        by_axes[axes] = a
    _pair_vectors(by_axes)
    match sorted(by_axes):
        case [(0, 2), (1, 3)]:
            return _kron(by_axes[1, 3], by_axes[0, 2])
        case [(0, 3), (1, 2)]:
            return chain(_kron(by_axes[1, 2], by_axes[0, 3]), var(commutation, 2))
        case [(0, 1), (2, 3)]:
            return outer(*(_vec(by_axes[axes]) for axes in ((0, 1), (2, 3))))
        case [(0, 1), (0, 2), (1, 3)] if by_axes[0, 2].op == by_axes[1, 3].op == "eye":
            return make("diag", _vec(by_axes[0, 1]), order=2)
    return None


def _pair_vectors(by_axes: dict[tuple[int, ...], Tree]) -> None:
    """u_i v_j as the matrix (u vᵀ)_{ij}, where that leaves matrices alone."""
    alone = sorted(axes[0] for axes in by_axes if len(axes) == 1)
    pairs = {2: [alone], 4: [[0, 1], [2, 3]]}.get(len(alone), [])
    for i, j in pairs:
        by_axes[i, j] = outer(by_axes.pop((i,)), by_axes.pop((j,)))


def _kron(a: Tree, b: Tree) -> Tree:
    if a.op == b.op == "eye":
        return make("eye", data=(a.data[0] * b.data[0],), order=2)
    return call("kron", a, b, order=2)


def _vec(a: Tree) -> Tree:
    if a.op == "outer":  # vec(u vᵀ) = v ⊗ u
        return call("kron", a.args[1], a.args[0], order=1)
    return call("vec", a, order=1)
