"""Sums written as NumPy broadcasts them: `X @ W + b`, `X[:, None, :] - mu`."""

from __future__ import annotations

from .makers import mul
from .tree import Tree, make, parts, rendering


def with_broadcasting(root: Tree) -> Tree:
    """In sums, what is repeated along axes written as NumPy broadcasts it: `b` on every row, `v[:, None]`."""
    done: dict[Tree, Tree] = {}
    stack: list[tuple[Tree, bool]] = [(root, False)]
    while stack:
        t, ready = stack.pop()
        if t in done:
            continue
        if not ready:
            stack.append((t, True))
            stack.extend((a, False) for a in t.args)
            continue
        args = [done[a] for a in t.args]
        if t.op == "sum" and t.order > 1:
            masks = [_repeated(a, new) for a, new in zip(t.args, args, strict=True)]
            covered = [any(m[0][k] for m in masks) for k in range(t.order)]
            if all(covered):
                args = [x for m in masks for x in _opened_spread(m[1])]
        new = t if tuple(args) == t.args else make(t.op, *args, data=t.data, order=t.order)
        if t in rendering.symmetric:
            rendering.symmetric.add(new)
        done[t] = new
    return done[root]


def _opened_spread(t: Tree) -> list[Tree]:
    """A repeated sum as its repeated terms."""
    if t.op == "spread" and t.args[0].op == "sum":
        kept = []
        for a in t.args[0].args:
            c, nums, dens = parts(a)
            at = [k for k, x in enumerate(nums) if x.order]
            if len(at) != 1 or any(x.order for x in dens):
                return [t]
            part = make("spread", nums[at[0]], data=t.data, order=t.order)
            kept.append(mul(c, [*nums[: at[0]], part, *nums[at[0] + 1 :]], dens))
        return kept
    return [t]


def _repeated(old: Tree, new: Tree) -> tuple[tuple[bool, ...], Tree]:
    """(the axes along which the term is not merely repeated, the term written with broadcasting)."""
    if not old.order:
        return (False,) * 8, new
    full = (True,) * old.order
    c, nums, dens = parts(new)
    at = [k for k, x in enumerate(nums) if x.order]
    if len(at) != 1 or any(x.order for x in dens):
        return full, new
    inner = nums[at[0]]
    if inner.op == "outer" and any(a.op == "ones" for a in inner.args):
        mask = tuple(a.op != "ones" for a in inner.args)
        real = [a for a in inner.args if a.op != "ones"]
    elif inner.op == "einsum":
        inputs, output = inner.data.split("->")
        pairs = [(a, s) for a, s in zip(inner.args, inputs.split(","), strict=True) if a.op != "ones"]
        if len(pairs) != 1 or len(set(pairs[0][1])) != len(pairs[0][1]):
            return full, new
        ((array, letters),) = pairs
        kept = [i for i in letters if i in output]
        if [i for i in output if i in letters] != kept:
            return full, new
        mask = tuple(i in letters for i in output)
        if len(kept) < len(
            letters
        ):  # a mean along an axis that is taken off: T − mean(T, axis=2)[:, :, None]
            array = make("einsum", array, data=f"{letters}->{''.join(kept)}", order=len(kept))
        real = [array]
    else:
        return full, new
    if len(real) != 1 or all(mask):
        return full, new
    spread = make("spread", real[0], data=mask, order=old.order)
    return mask, mul(c, [*nums[: at[0]], spread, *nums[at[0] + 1 :]], dens)
