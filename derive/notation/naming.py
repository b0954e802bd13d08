"""Named intermediates: what occurs more than once in a large result gets a name, shown once.

    X^\\top R + \\lambda W,   where  R = \\operatorname{softmax}(XW) - Y

Only the display is affected: `str()` stays one formula that parses back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import index
from .tree import Tree, make, names_in, rendering, var

#: Names tried for intermediates, by the number of axes.
_POOL = {
    0: "s t u v c q".split(),
    1: "r p q u v z g h".split(),
    2: "R P Q A B C D E F G H K M T U V Z".split(),
}
_BY_FUNCTION = {
    "softmax": {1: "p", 2: "P"},
    "sigmoid": {1: "p", 2: "P"},
    "tanh": {2: "H", 1: "h"},
    "inv": {2: "M"},
}


@dataclass(frozen=True)
class Named:
    """A result and the names used in it, in the order in which they can be computed."""

    mains: tuple[Tree, ...]
    where: tuple[tuple[str, Tree], ...]


def with_names(mains: Sequence[Tree], taken: Iterable[str], shortest: int = 40, smallest: int = 5) -> Named:
    """Give names to repeated parts of results of more than `shortest` tokens together.

    A part is named when it has at least `smallest` tokens, occurs twice or more and at most two axes.
    """
    used = set(taken)
    where: list[tuple[str, Tree]] = []
    mains, count = list(mains), len(mains)
    while len(where) < 60:
        roots = [*mains, *(t for _, t in where)]
        best = _unsayable(roots)
        if best is None and sum(t.cost for t in mains) > shortest:
            best = _most_saving(roots, smallest) or _out_of_reach(roots)
        if best is None:
            break
        name = _fresh(best, used)
        used.add(name)
        symbol = var(name, best.order)
        if best in rendering.symmetric:
            rendering.symmetric.add(symbol)
        found = _replace(roots, best, symbol)
        mains = found[:count]
        where = [(n, t) for (n, _), t in zip(where, found[count:], strict=True)]
        where.append((name, best))
    return Named(tuple(mains), tuple(_ordered(where)))


def _most_saving(roots: list[Tree], smallest: int) -> Tree | None:
    uses = _uses(roots)
    best: Tree | None = None
    saving = 0
    for t in uses:
        if t.order > 2 or t.cost < smallest or t.op in ("var", "num", "T", "diag", "ones", "eye", "compare"):
            continue
        if t.op == "mul" and len(t.args) == 1 and t.data[0].is_number:  # a multiple of one thing: −y₀
            continue
        gain = (uses[t] - 1) * (t.cost - 1) - 3
        if uses[t] > 1 and gain > saving:
            best, saving = t, gain
    return best


def _out_of_reach(roots: list[Tree]) -> Tree | None:
    """A part that needs index notation of its own, such as the responsibilities of a mixture."""
    for t in _uses(roots):
        large = t.op == "call" and t.data[0] in ("softmax", "logsumexp") and 0 < t.order < 3
        if large and t not in roots and index.needed(t):
            return t
    return None


def _unsayable(roots: list[Tree]) -> Tree | None:
    """What an inverse or a determinant is taken of, where only its entries can be written."""
    for t in _uses(roots):
        whole = t.op == "call" and t.data[0] in ("inv", "det", "logdet") and t.args[0].order == 2
        if whole and index.needed(t.args[0]):
            return t.args[0]
    return None


def _uses(roots: list[Tree]) -> dict[Tree, int]:
    """How often each part is written out (parents that share a child count once each)."""
    found: dict[Tree, int] = {}
    seen: set[Tree] = set()
    stack = list(roots)
    for root in roots:
        found[root] = found.get(root, 0) + 1
    while stack:
        t = stack.pop()
        if t in seen:
            continue
        seen.add(t)
        for a in t.args:
            found[a] = found.get(a, 0) + 1
            stack.append(a)
    return found


def _fresh(t: Tree, used: set[str]) -> str:
    wanted = _BY_FUNCTION.get(t.data[0], {}).get(t.order) if t.op == "call" else None
    pool = ([wanted] if wanted else []) + _POOL[t.order]
    for suffix in ("", *map(str, range(1, 100))):
        for base in pool:
            if base + suffix not in used:
                return base + suffix
    raise AssertionError("more intermediates than names")


def _replace(roots: list[Tree], old: Tree, new: Tree) -> list[Tree]:
    """One part of the trees replaced by another; what does not hold it stays the same object."""
    done: dict[Tree, Tree] = {old: new}
    stack: list[tuple[Tree, bool]] = [(t, False) for t in roots]
    while stack:
        t, ready = stack.pop()
        if t in done:
            continue
        if not ready:
            stack.append((t, True))
            stack += [(a, False) for a in t.args if a not in done]
            continue
        args = tuple([done[a] for a in t.args])
        done[t] = t if args == t.args else make(t.op, *args, data=t.data, order=t.order)
        if t in rendering.symmetric:
            rendering.symmetric.add(done[t])
    return [done[t] for t in roots]


def _ordered(where: list[tuple[str, Tree]]) -> list[tuple[str, Tree]]:
    """Names that others use come first."""
    left = dict(where)
    done: list[tuple[str, Tree]] = []
    while left:
        for name, t in list(left.items()):
            if not (names_in(t) & (set(left) - {name})):
                done.append((name, t))
                del left[name]
                break
        else:
            raise AssertionError("intermediates depend on each other in a circle")
    return done
