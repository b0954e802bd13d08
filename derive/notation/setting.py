"""What trees are for one who sets them in LaTeX: norms, columns, objectives with penalties, scalars beside arrays."""

from __future__ import annotations

from ..operators import REGISTRY, Elementwise
from ..sizes import ONE
from .makers import mul
from .tree import Tree, make, parts


def filled(t: Tree, whole: Tree) -> Tree:
    """A term of a sum: a scalar c beside vectors is c 𝟏, beside matrices c 𝟏𝟏ᵀ, beside rows c 𝟏ᵀ."""
    if t.order or not whole.order:
        return t
    beside = next((a for a in whole.args if a.op == "index" and a.data in ("None, :", ":, None")), None)
    ones = make("ones", data=(), order=1 if beside else whole.order)
    if beside:
        ones = make("index", ones, data=beside.data, order=2)
    return mul(ONE, [t, ones])


def is_composed(t: Tree) -> bool:
    """Whether a function is written as one of another: (\\log\\Gamma(z))², not \\log\\Gamma(z)²."""
    operator = REGISTRY.get(t.data[0])
    return isinstance(operator, Elementwise) and operator.latex.partition("(")[0].count("\\") > 1


def is_column(t: Tree) -> bool:
    """Whether the tree is a matrix times a vector."""
    return t.op == "chain" and t.order == 1 and t.args[0].order == 2


def is_row_sums(t: Tree) -> bool:
    """Whether the tree is written A 𝟏 or Aᵀ 𝟏."""
    return t.op == "call" and t.data[0] == "sum" and t.order > 0


def is_inner_product(t: Tree) -> bool:
    """Whether a scalar is written uᵀ A v or 𝟏ᵀ v."""
    return t.op == "chain" or (t.op == "call" and t.data[0] == "sum" and not is_one_norm(t))


def is_one_norm(t: Tree) -> bool:
    """Σᵢ |vᵢ| of a vector, written ‖v‖₁."""
    inner = t.args[0]
    return not t.order and inner.order == 1 and inner.op == "call" and inner.data[0] == "abs"


def is_norm(a: Tree) -> bool:
    """‖A‖², ‖v‖₁, a power of a norm, or a sum that holds one."""
    if a.op == "pow":
        return is_norm(a.args[0])
    if a.op == "sum":
        return any(is_norm(b) for term in a.args for b in parts(term)[1])
    return a.op == "call" and (a.data[0] in ("norm", "sumsq") or (a.data[0] == "sum" and is_one_norm(a)))


def spread_out(t: Tree) -> Tree | None:
    """½ (‖r‖² + λ ‖w‖²) as ½ ‖r‖² + λ/2 ‖w‖², which is how penalised objectives are written."""
    coefficient, nums, dens = parts(t)
    if t.order or dens or len(nums) != 1 or nums[0].op != "sum" or coefficient.is_integer:
        return None
    if not is_norm(nums[0]):
        return None
    return make("sum", *(mul(coefficient, [term]) for term in nums[0].args))
