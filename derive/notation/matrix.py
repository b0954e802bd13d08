"""From nodes to display trees: matrix notation, rule by rule.

Products go through the index graph (`graph`), sums through factoring (`factor`). What cannot be reduced
prints as an `einsum` (text) or with an explicit sum (index notation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import sympy

from ..node import (
    Apply,
    Delta,
    Einsum,
    Node,
    Ones,
    Sum,
    Variable,
    raw_apply,
    raw_einsum,
    raw_sum,
    size_symbols,
    topological,
    transform,
    variables,
)
from ..operators import Operator, lookup
from ..operators.elementwise import Elementwise
from ..simplify import simplify
from ..sizes import ONE
from . import factor
from .broadcasting import with_broadcasting
from .comparing import condition
from .contents import content, without_content
from .graph import Graph, Labels
from .joined import joined
from .makers import even, inverse, mul, squared_norm_of, transpose
from .numerals import without_pi
from .orientation import both_ways
from .places import index_text, place_settings
from .rearranging import rearranged
from .tree import Tree, call, make, num, parts, rendering, var

LETTERS = "ijklmnopqrstuvabcdefgh"


def to_tree(root: Node) -> Tree:
    """The display tree of an expression."""
    node = simplify(root)
    if "pi" in {v.name for v in variables(node)} | {s.name for s in size_symbols(node)}:
        node = _pi_written_out(node)
    data_size = data_axis([node])
    rendering.start(data_size)
    tree = _trees(node)
    rooted = None
    if rendering.rooted is False:  # there are numbers that could be put back under roots and quotients
        rendering.start(data_size, rooted=True)
        rooted = True if _trees(node).cost <= tree.cost else None
        rendering.start(data_size, rooted=rooted)
        tree = _trees(node)
    kept = both_ways(tree)
    if kept:
        rendering.start(data_size, kept, rooted)
        again = _trees(node)
        if again.cost <= tree.cost:
            return with_broadcasting(again)
        rendering.start(data_size, rooted=rooted)
        tree = _trees(node)
    return with_broadcasting(tree)


def data_axis(roots: Iterable[Node]) -> sympy.Expr | None:
    """The size that most arrays have first: that of the data."""
    firsts = Counter(v.shape[0] for v in topological(roots) if isinstance(v, Variable) and v.order)
    return max(firsts, key=lambda size: firsts[size]) if firsts else None


def _trees(root: Node) -> Tree:
    """The trees of all nodes, operands first; that of the root."""
    trees: dict[Node, Tree] = {}

    def visit(n: Node, operands: tuple[Node, ...]) -> Node:
        trees[n] = _shaped(_tree(n, [trees[o] for o in operands]), n)
        if n.order == 2 and "symmetric" in n.facts:
            rendering.symmetric.add(trees[n])
        if n.order == 1:
            rendering.sizes[trees[n]] = n.shape[0]
        return n

    transform([root], visit)
    return trees[root]


def _shaped(tree: Tree, node: Node) -> Tree:
    """The tree, with the shape that it lost where all its terms or factors cancelled."""
    if tree.op == "zero" or (node.order and tree.op == "num" and tree.data == 0):
        return make("zeros", data=node.shape, order=node.order) if node.order else num(sympy.S.Zero)
    if tree.order < node.order:
        return mul(ONE, [tree, make("ones", data=node.shape, order=node.order)])
    return tree


def _pi_written_out(root: Node) -> Node:
    """The constant π as 4 arctan(1), beside a variable or size that is called pi."""

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if isinstance(node, Sum):
            terms = zip(map(without_pi, node.coefficients), operands, strict=True)
            return raw_sum(node.shape, terms, node.facts)
        if isinstance(node, Einsum):
            return raw_einsum(node.shape, operands, node.inputs, node.facts)
        if isinstance(node, Apply):
            params = tuple((k, without_pi(v) if k == "exponent" else v) for k, v in node.params)
            return raw_apply(node.op, node.shape, operands, params, node.facts)
        return node

    return transform([root], rule)[0]


def _tree(node: Node, operands: list[Tree]) -> Tree:
    if isinstance(node, Variable):
        return var(node.name, node.order)
    if isinstance(node, Ones):
        return make("ones", data=node.shape, order=node.order) if node.order else num(ONE)
    if isinstance(node, Delta):
        return make("eye", data=node.shape[:1], order=2)
    if isinstance(node, Sum):
        return _sum(node, operands)
    if isinstance(node, Einsum):
        return rearranged(product_tree(list(zip(operands, node.inputs, strict=True)), node))
    assert isinstance(node, Apply)
    return _application(node, operands)


def _sum(node: Sum, operands: list[Tree]) -> Tree:
    if not operands:
        return make("zeros", data=node.shape, order=node.order) if node.order else num(sympy.S.Zero)
    terms: list[Tree] = []
    constants: list[Tree] = []
    for c, n, t in zip(node.coefficients, node.operands, operands, strict=True):
        plain = isinstance(n, Ones) or (
            isinstance(n, Einsum) and all(isinstance(o, Ones) for o in n.operands)
        )
        if plain and node.order and len(node.operands) > 1:
            constants.append(num(c))  # broadcasting: 1 + x, not ones(n) + x
        elif (
            isinstance(n, Einsum)
            and node.order
            and len(node.operands) > 1
            and _scalar_broadcast(n, t) is not None
        ):
            constants.append(scaled(c, _scalar_broadcast(n, t) or t))
        else:
            terms.append(scaled(c, t))
    if constants and node.order == 2 and any(_algebraic(t) for t in terms):
        # beside I, u vᵀ or diag(v) a repeated number is written as the matrix it is: c 1 1ᵀ
        ones = make("ones", data=node.shape, order=2)
        terms += [mul(ONE, [c, ones]) for c in constants]
        constants = []
    if not any(t.order for t in terms):  # all are repeated scalars: nothing would carry the shape
        return factor.shortest([scaled(c, t) for c, t in zip(node.coefficients, operands, strict=True)], [])
    return factor.shortest(terms, constants)


def _algebraic(t: Tree) -> bool:
    """Whether a term of a sum belongs to matrix algebra rather than to elementwise arithmetic."""
    return any(
        x.op in ("eye", "diag", "T") or (x.op == "outer" and all(a.op != "ones" for a in x.args))
        for x in parts(t)[1]
    )


def scaled(c: sympy.Expr, tree: Tree) -> Tree:
    """c · tree."""
    if tree.op == "sum" and c.is_Rational and c != 1:
        spread = factor.shortest([mul(c, [t]) for t in tree.args], [])
        return min(mul(c, [tree]), spread, key=lambda t: t.cost)
    return mul(c, [tree])


def _scalar_broadcast(node: Einsum, tree: Tree) -> Tree | None:
    """The scalar when the node is a scalar repeated over all axes."""
    for o, ls in node.factors:
        if ls and not isinstance(o, Ones) and any(i in node.output for i in ls):
            return None
    if not any(isinstance(o, Ones) for o in node.operands):
        return None
    if tree.op == "mul":
        coefficient, split = tree.data
        nums = [a for a in tree.args[:split] if a.op != "ones"]
        if all(not a.order for a in (*nums, *tree.args[split:])):
            return mul(coefficient, nums, list(tree.args[split:]))
        outer = [a for a in nums if a.order]
        if all(a.op == "outer" and all(b.op == "ones" for b in a.args) for a in outer):
            return mul(coefficient, [a for a in nums if not a.order], list(tree.args[split:]))
    return None


def _application(node: Apply, operands: list[Tree]) -> Tree:
    if node.op == "power":
        return power_tree(node, operands[0])
    operator = lookup(node.op)
    if len(operands) > 1 and (node.op == "pow" or isinstance(operator, Elementwise)):
        operands = _scalars_bare(node, operands)
    if node.op == "pow":
        return make("pow", operands[0], operands[1], order=node.order)
    if node.op == "where":
        operands = [condition(operands[0]), *operands[1:]]
    if isinstance(operator, Elementwise):
        numbers = [num(v) for _, v in node.params]  # polygamma(2, x)
        if operator.even:
            operands = [even(a) for a in operands]
        return call(node.op, *numbers, *operands, order=node.order)
    if node.op in ("logsumexp", "softmax", "max", "min", "max_share", "min_share"):
        axes = node.param("axes")
        if len(axes) == 1 and node.operands[0].order == 2 and _better_turned(operands[0]):
            turned = call(node.op, transpose(operands[0]), data=[("axis", 1 - axes[0])], order=node.order)
            return transpose(turned)  # softmax(X @ W, axis=1).T, not softmax(W.T @ X.T, axis=0)
        settings = (
            [] if len(axes) == node.operands[0].order else [("axis", axes[0] if len(axes) == 1 else axes)]
        )
        return call(node.op, *operands, data=settings, order=node.order)
    if node.op == "reshape":
        return _reshaped(operands[0], node)
    if node.op == "inv" and node.order == 2:
        return inverse(operands[0])
    if node.op == "slice":
        return make("index", operands[0], data=index_text(node), order=node.order)
    if node.op == "concatenate":
        return joined(operands, node)
    if node.op == "place":
        return call("place", *operands, data=place_settings(node), order=node.order)
    settings = [pair for pair in node.params if not (pair[0] == "axis" and _has_one_axis(node, operator))]
    return call(node.op, *operands, data=settings, order=node.order)


def _better_turned(argument: Tree) -> bool:
    """Whether the transpose of a matrix is shorter, as it is written with broadcasting."""
    return with_broadcasting(transpose(argument)).cost < with_broadcasting(argument).cost


def _has_one_axis(node: Apply, operator: Operator) -> bool:
    """Whether the axis need not be said: there is one, and the function finds it by itself."""
    return operator.options is not None and node.operands[0].order == 1


def _scalars_bare(node: Apply, operands: list[Tree]) -> list[Tree]:
    """max(0, X), not max(0 · 1 1ᵀ, X): arguments that are repeated scalars, where another carries the shape."""
    if not node.order:
        return operands
    bare = [_repeated_scalar(t) for t in operands]
    if all(b is not None for b in bare):
        return operands
    return [t if b is None else b for t, b in zip(operands, bare, strict=True)]


def _repeated_scalar(t: Tree) -> Tree | None:
    """The scalar, where the tree is one that is repeated along all axes."""
    if t.op == "zeros":
        return num(sympy.S.Zero)
    c, nums, dens = parts(t)
    front = [x for x in nums if x.op != "ones"]
    return mul(c, front, dens) if all(not x.order for x in (*front, *dens)) else None


def _reshaped(inner: Tree, node: Apply) -> Tree:
    """A reshape; the Kronecker product and the columns of a matrix one below the other have names."""
    shape = node.param("shape")
    c, nums, dens = parts(inner)
    plain = call("reshape", inner, *(num(s) for s in shape), order=node.order)
    if dens or len(nums) != 1:
        return plain
    body, before = nums[0], node.operands[0].shape
    found: Tree | None = None
    if body.op == "einsum" and len(body.args) == 2 and len(before) == 4 and node.order == 2:
        inputs, output = body.data.split("->")
        places = [tuple(output.index(i) for i in letters) for letters in inputs.split(",")]
        if {tuple(sorted(p)) for p in places} == {(0, 2), (1, 3)} and shape == tuple(
            sympy.expand(a * b) for a, b in zip(before[::2], before[1::2], strict=True)
        ):
            turned = [transpose(t) if p[0] > p[1] else t for p, t in zip(places, body.args, strict=True)]
            left, right = turned if 0 in places[0] else turned[::-1]
            found = call("kron", left, right, order=2)
    elif node.order == 1 and len(before) == 2:
        if body.op == "outer":
            found = call("kron", *body.args, order=1)
        else:
            found = call("vec", transpose(body), order=1)
    return plain if found is None else min(plain, mul(c, [found]), key=lambda t: t.cost)


def power_tree(node: Apply, base: Tree) -> Tree:
    """x ** p; negative exponents as quotients, roots of sums of squares as norms."""
    exponent: sympy.Expr = node.param("exponent")
    inner = node.operands[0]
    number = (
        content(base) if exponent.is_Rational and (exponent.is_negative or not exponent.is_Integer) else ONE
    )
    if number != 1:
        rendering.rooted = bool(rendering.rooted)
        if rendering.rooted:
            bare = _power_tree(exponent, inner, without_content(base, number))
            return mul(number**exponent, [bare])
    return _power_tree(exponent, inner, base)


def _power_tree(exponent: sympy.Expr, inner: Node, base: Tree) -> Tree:
    if exponent.is_negative:
        positive = _positive_power(inner, base, -exponent)
        return mul(ONE, [], [positive])
    return _positive_power(inner, base, exponent)


def _positive_power(inner: Node, base: Tree, exponent: sympy.Expr) -> Tree:
    if exponent.is_even:
        base = even(base)
    doubled = 2 * exponent
    if doubled.is_Integer and not exponent.is_Integer and base.op in ("call", "chain") and not base.order:
        vector = squared_norm_of(base)
        if vector is not None:
            norm = call("norm", vector)
            return norm if doubled == 1 else make("pow", norm, num(doubled))
    if exponent == 1:
        return base
    if exponent == sympy.S.Half:
        return call("sqrt", base, order=base.order)
    return make("pow", base, num(exponent), order=base.order)


# ---------------------------------------------------------------- products


def product_tree(factors: list[tuple[Tree, Labels]], node: Einsum) -> Tree:
    """The tree of a product of trees over labelled axes."""
    added = _added_axes(factors, node)
    if not added or len(added) == node.order:
        return _product(factors, node.order, node.label_sizes())
    kept = [i for i in node.output if i not in added]
    places = {i: k for k, i in enumerate(kept)}
    inner = [(t, tuple(places.get(i, i) for i in ls)) for t, ls in factors if not (ls and ls[0] in added)]
    sizes = {places.get(i, i): s for i, s in node.label_sizes().items() if i not in added}
    c, nums, dens = parts(_product(inner, len(kept), sizes))
    body = mul(ONE, [t for t in nums if t.order], [t for t in dens if t.order])
    key = ", ".join("None" if i in added else ":" for i in node.output)
    found = make("index", body, data=key, order=node.order)
    return mul(c, [*(t for t in nums if not t.order), found], [t for t in dens if not t.order])


def _added_axes(factors: list[tuple[Tree, Labels]], node: Einsum) -> set[int]:
    """Axes of length 1 on which nothing depends: `x[:, None]`."""
    single = {ls[0] for t, ls in factors if t.op == "ones" and t.data == (ONE,) and ls[0] in node.output}
    if not any(ls and t.op != "ones" for t, ls in factors):
        return set()
    return single - {i for t, ls in factors if not (t.op == "ones" and t.data == (ONE,)) for i in ls}


def _product(factors: list[tuple[Tree, Labels]], order: int, sizes: dict[int, sympy.Expr]) -> Tree:
    if any(len(labels) > 2 for _, labels in factors):
        return einsum_tree(factors, order)
    graph = Graph(factors, set(range(order)), sizes)
    graph.reduce()
    stuck = any(i not in graph.output for _, i, j in graph.edges for i in (i, j))
    if stuck or order > 2:
        left: list[tuple[Tree, Labels]] = [(t, ()) for t in graph.scalars]
        left += [(t, (i,)) for i, ts in sorted(graph.vectors.items()) for t in ts]
        left += [(t, (i, j)) for t, i, j in graph.edges]
        return einsum_tree(left, order)
    return graph.finish(order)


def einsum_tree(factors: Sequence[tuple[Tree, Labels]], order: int) -> Tree:
    """The product as an explicit einsum call, scalars and numbers in front."""
    labels = sorted({i for _, ls in factors for i in ls})
    if len(labels) > len(LETTERS):
        letters = {i: chr(0x61 + k) if k < 26 else chr(0x41 + k - 26) for k, i in enumerate(labels)}
    else:
        letters = {i: LETTERS[k] for k, i in enumerate(labels)}
    front: list[Tree] = [t for t, ls in factors if not ls]
    inside = [(t, ls) for t, ls in factors if ls]
    if rendering.rooted:  # numbers go in front of the whole
        split = [(parts(t), ls) for t, ls in inside]
        front += [num(c) for (c, _, _), _ in split if c.is_number and c != 1]
        inside = [
            (t if not c.is_number else mul(ONE, a, b), ls)
            for (t, ls), ((c, a, b), _) in zip(inside, split, strict=True)
        ]
    spec = ",".join("".join(letters[i] for i in ls) for _, ls in inside)
    spec += "->" + "".join(letters[i] for i in range(order))
    body = make("einsum", *(t for t, _ in inside), data=spec, order=order)
    return mul(ONE, [*front, body])
