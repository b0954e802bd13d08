"""A multiplier that normalises exponentials has a closed form: Σ exp(t − ν) + ν turns into log Σ exp(t).

    sup_ν −Σ exp(t − ν) − ν = −1 − log Σ exp(t),   attained where exp(ν) = Σ exp(t)

(Boyd & Vandenberghe, Convex Optimization, §5.1.6: the dual of entropy maximisation.)
"""

from __future__ import annotations

import sympy

from ..build import add, einsum, power, scale, split_scale
from ..convexity.entry_functions import factors_of
from ..differentiate import substitute
from ..node import Apply, Node, Ones, Variable, depends_on, topological, transform
from ..operators import apply, rebuild
from ..simplify import expand, simplify
from ..sizes import ONE
from ..stable import recognise
from ..sums import flat_terms
from .affine import sum_last
from .solutions import ClosedForm


def exponents_opened(root: Node, v: Variable) -> Node:
    """exp(a + c·v) as exp(a)·exp(c·v), v being a number."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if not (isinstance(new, Apply) and new.op == "exp" and depends_on(new, v)):
            return new
        terms = flat_terms(expand(new.operands[0]))
        moving = [(c, t) for c, t in terms if depends_on(t, v)]
        if len(moving) != 1 or any(
            n is not v and not isinstance(n, Ones) for n, _ in factors_of(moving[0][1])
        ):
            return new  # v is weighted entry by entry: the exponential does not split
        fixed = add([(c, t) for c, t in terms if not depends_on(t, v)], new.shape)
        plain = tuple(range(new.order))
        scaled = apply("exp", scale(moving[0][0], v))
        return einsum([(apply("exp", fixed), plain), (scaled, ())], plain)

    return transform([root], rewrite)[0]


def at_best(root: Node, v: Variable, form: ClosedForm, best: Node) -> Node:
    """The expression at v = log Σ exp(t): exp(c v) is written (Σ exp(t))ᶜ, so that sums cancel."""
    total = simplify(apply("exp", form.node))
    replacements: dict[Node, Node] = {}
    for node in topological([root]):
        if isinstance(node, Apply) and node.op == "exp" and depends_on(node, v):
            c, core = split_scale(node.operands[0])
            if core is v:
                replacements[node] = power(_partition(form.node) or total, c)
    found = substitute(root, replacements)
    return shifted(simplify(recognise(expand(substitute(found, {v: best})))))


def _partition(node: Node) -> Node | None:
    """Σ exp(t) for log Σ exp(t)."""
    if isinstance(node, Apply) and node.op == "logsumexp" and not node.order:
        (t,) = node.operands
        return einsum([(apply("exp", t), tuple(range(t.order)))], ())
    if isinstance(node, Apply) and node.op == "log":
        return node.operands[0]
    return None


def shifted(root: Node) -> Node:
    """log Σ exp(t + c) -> c + log Σ exp(t), and softmax(t + c) -> softmax(t), for what is the same in all entries."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if not isinstance(new, Apply) or new.op not in ("logsumexp", "softmax"):
            return new
        (t,) = new.operands
        if t.order != 1:
            return new
        same: list[tuple[sympy.Expr, Node]] = []
        varying: list[tuple[sympy.Expr, Node]] = []
        for c, term in flat_terms(t):
            constant = sum_last(term)
            if constant is None:
                varying.append((c, term))
            else:
                same.append((c, constant))
        if not same or not varying:
            return new
        core = apply(new.op, add(varying, t.shape), **dict(new.params))
        return core if new.op == "softmax" else add([(ONE, core), *same], ())

    return transform([root], rewrite)[0]
