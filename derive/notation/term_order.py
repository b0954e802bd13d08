"""The order in which matrices are added, K + λ I, A + t B, and in which factors give up a minus."""

from __future__ import annotations

from collections.abc import Sequence

from ..sizes import is_negative
from .tree import Tree, parts, rendering


def matrices_first(terms: list[Tree]) -> list[Tree]:
    """t B + A -> A + t B,  λ I + K -> K + λ I"""
    first = _multiple(terms[0])
    if first is not None and first.op == "var" and first is not terms[0]:
        terms = sorted(terms, key=lambda t: t.op != "var")
    identities = [t for t in terms if (alone := _multiple(t)) is not None and alone.op == "eye"]
    return [*(t for t in terms if t not in identities), *identities] if identities else terms


def _multiple(t: Tree) -> Tree | None:
    """A named matrix or the identity, when the tree is it times named scalars and their powers."""
    if t.op in ("var", "eye"):
        return t if t.order else None
    if t.op != "mul" or t.data[1] < len(t.args):
        return None
    if any((x.args[0] if x.op == "pow" else x).op not in ("var", "eye") for x in t.args):
        return None
    return next((x for x in t.args if x.order and x.op != "pow"), None)


def minus_identity(t: Tree) -> bool:
    """Whether the tree is −c I."""
    c, nums, _ = parts(t)
    return is_negative(c) and any(x.op == "eye" for x in nums)


def by_number(trees: Sequence[Tree]) -> list[int]:
    """The places of the trees, those first that end in a number with a minus: h² − 1 becomes 1 − h²."""

    def other(k: int) -> bool:
        t = trees[k]
        while t.op in ("T", "diag"):
            t = t.args[0]
        last = t.args[-1] if t.op == "sum" else None
        return last is None or last.op != "num" or not is_negative(last.data)

    return sorted(range(len(trees)), key=other)


def is_late(t: Tree) -> bool:
    """Whether a term holds a name whose terms stand behind the others."""
    return t.data in rendering.late if t.op == "var" else any(map(is_late, t.args))
