"""Display trees spelled in LaTeX, as a textbook sets them.

Vectors are columns; `u v^\\top` is an outer product, `\\odot` and `\\oslash` are elementwise, `\\mathbf 1` is the
vector of ones. Results of order three and more come in index notation (see `index`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from ..operators import REGISTRY, Elementwise
from ..sizes import ONE
from . import index, setting
from .comparing import compared, indicated
from .costs import ATOM, POWER, PRODUCT, SUM, quotient
from .makers import transpose
from .names import latex_name
from .numerals import latex_number as number
from .tree import Tree, make, num, parts, rendering
from .whole_arrays import axis_label, head, picked, stacked

_SIGNS = {"<": "<", ">": ">", "<=": "\\le", ">=": "\\ge"}
#: 2 𝟏[z > 0], which would read as 21
_ONE_AFTER_DIGIT = re.compile(r"(\d) (\\mathbf\{1\}\[)")


def latex(t: Tree) -> str:
    """The tree in LaTeX; index notation where matrix notation does not reach."""
    if index.needed(t):
        return index.latex(t)
    return _ONE_AFTER_DIGIT.sub(r"\1 \\, \2", _write(t))


def bracket(text: str) -> str:
    """The text in parentheses, as large as it needs."""
    return (
        f"\\left({text}\\right)"
        if any(word in text for word in ("\\frac", "\\sum", "\\begin"))
        else f"({text})"
    )


def _wrap(t: Tree, level: int) -> str:
    text = _write(t)
    return bracket(text) if _latex_level(t) < level else text


def _latex_level(t: Tree) -> int:
    if t.op == "index" and "None" in t.data:
        return POWER if t.data == "None, :" else _latex_level(t.args[0])
    if t.op in ("outer", "chain", "spread"):
        return PRODUCT
    if t.op == "mul":
        return PRODUCT
    if t.op == "call" and (t.data[0] == "kron" or (t.data[0] == "sum" and not setting.is_one_norm(t))):
        return PRODUCT
    if t.op == "call" and t.data[0] == "logdet":
        return PRODUCT
    if t.op == "call" and t.data[0] == "inv":
        return POWER
    if t.op == "call" and t.data[0] == "where" and indicated(t) is None:
        return SUM
    if t.op in ("pow", "T"):
        return POWER
    if t.op in ("num",):
        quotient_or_sign = t.data.is_Rational and not (t.data.is_Integer and t.data >= 0)
        if t.data.is_Pow:
            return POWER if t.data.exp.is_positive else PRODUCT
        return SUM if t.data.is_Add else PRODUCT if t.data.is_Mul or quotient_or_sign else ATOM
    return t.level


def _row(t: Tree) -> str:
    """vᵀ for a vector tree."""
    return _wrap(t, ATOM) + "^\\top"


def _write(t: Tree) -> str:
    args = t.args
    match t.op:
        case "var":
            return latex_name(t.data)
        case "entry":
            name, key = t.data
            base = "\\delta" if name == "δ" else latex_name(name)
            return f"{{{base}}}_{{{' '.join(key)}}}" if "_" in base else f"{base}_{{{' '.join(key)}}}"
        case "num":
            return number(t.data)
        case "ones":
            return "\\mathbf{1}" if t.order < 2 else "\\mathbf{1}\\mathbf{1}^\\top"
        case "eye":
            return "I"
        case "zeros" | "zero":
            return "0"
        case "T":
            return _transposed(args[0])
        case "chain":
            return _chain(t)
        case "sum":
            terms = [setting.filled(a, t) for a in args]
            text = _write(terms[0])
            for a in terms[1:]:
                piece = _write(a)
                text += f" - {piece[1:].lstrip()}" if piece.startswith("-") else f" + {piece}"
            return text
        case "mul":
            return _product(t)
        case "pow":
            return _power(t)
        case "spread":
            left, _ = t.data
            return (
                f"{_wrap(args[0], POWER)} \\mathbf{{1}}^\\top" if left else f"\\mathbf{{1}} {_row(args[0])}"
            )
        case "outer":
            return _outer(*args)
        case "compare":
            return f"{_write(args[0])} {_SIGNS[t.data]} {_write(args[1])}"
        case "diag" | "diagonal":
            return f"\\operatorname{{diag}}{bracket(_write(args[0]))}"
        case "call":
            return _call(t)
        case "index" if t.data == "None, :":  # one row
            return _row(args[0])
        case "index" if t.data in (":, None", "None"):  # one column
            return _write(args[0])
        case "index":
            return f"{_array(args[0])}_{{[{t.data.replace(' * ', ' ')}]}}"
    raise AssertionError(f"no LaTeX for a tree of kind {t.op}")


def _array(a: Tree) -> str:
    """What takes a subscript."""
    text = _wrap(a, ATOM)
    return f"{{{text}}}" if "_" in text or "^" in text else text


def _transposed(a: Tree) -> str:
    if a.op == "call" and a.data[0] == "inv":
        return f"{_wrap(a.args[0], ATOM)}^{{-\\top}}"
    return f"{_wrap(a, ATOM)}^\\top"


def _chain(t: Tree) -> str:
    factors = list(t.args)
    inner = next((k for k in range(len(factors) - 2, 0, -1) if factors[k].order == 1), None)
    if inner is not None:  # (A u)ᵀ B v
        left, right = (make("chain", *fs) for fs in (factors[: inner + 1], factors[inner + 1 :]))
        return f"({_chain(left)})^\\top {_chain(right)}"
    if factors[0].order == 1 and factors[-1].order == 2:  # a row times a matrix, written as a column
        factors = [transpose(f) if f.order == 2 else f for f in reversed(factors)]
    words: list[str] = []
    k = 0
    while k < len(factors):
        f, same = factors[k], 1
        while f.order == 2 and factors[k : k + same + 1] == [f] * (same + 1):
            same += 1
        words.append(_row(f) if k == 0 and f.order == 1 and len(factors) > 1 else _matrix_power(f, same))
        k += same
    return " ".join(words)


def _matrix_power(f: Tree, exponent: int) -> str:
    """A factor of a matrix product; a repeated one as a power: A², A⁻²."""
    if exponent == 1:
        return _write(f) if f.op == "outer" else _wrap(f, POWER)
    if f.op == "call" and f.data[0] == "inv":
        return f"{_wrap(f.args[0], ATOM)}^{{-{exponent}}}"
    return f"{_wrap(f, ATOM)}^{exponent}"


def _outer(u: Tree, v: Tree) -> str:
    """u vᵀ; a product A u in front needs no parentheses, one behind is transposed where that is no longer."""
    if u.op == "ones" and u.data == (ONE,):  # a row on its own
        return _row(v)
    if v.op == "ones" and v.data == (ONE,):
        return _write(u)
    left = _write(u) if setting.is_column(u) else _wrap(u, POWER)
    if setting.is_column(v):
        turned = [transpose(f) for f in reversed(v.args[:-1])]
        if sum(f.cost for f in turned) <= sum(f.cost for f in v.args[:-1]):
            return " ".join([left, _row(v.args[-1]), *(_wrap(f, POWER) for f in turned)])
    return f"{left} {_row(v)}"


def _is_tall(a: Tree) -> bool:
    """Whether a scalar stands behind a fraction of numbers rather than in it."""
    if a.op == "pow":
        return _is_tall(a.args[0]) or a.args[0].op == "sum"
    return a.op == "call" and a.data[0] not in ("norm", "sumsq", "sum", "mean", "tr", "det", "sqrt", "abs")


def _stands_behind(a: Tree, numbers_only: bool) -> bool:
    """Whether a scalar of a fraction is set behind it: ½ ‖r‖², λ/2 wᵀw, ½ (a + b), ½ exp(a); but xᵀx / t², exp(a) / t.

    No fraction stands in a fraction.
    """
    if not numbers_only:
        return (a.op in ("sum", "pow") or _is_tall(a)) and "\\frac" in _write(a)
    long = a.op in ("chain", "sum") or (a.op == "call" and a.data[0] in ("sum", "mean", "tr"))
    return _is_tall(a) or long or setting.is_norm(a)


def _product(t: Tree) -> str:
    opened = setting.spread_out(t)
    if opened is not None:
        return _write(opened)
    coefficient, nums, dens = parts(t)
    minus, p, q = quotient(coefficient)
    sign = "-" if minus else ""
    scalars = [a for a in nums if not a.order]
    tensors = [a for a in nums if a.order]
    under = [a for a in dens if not a.order]
    below = [a for a in dens if a.order]
    behind: list[Tree] = []
    if under or q != 1:
        behind = [a for a in scalars if _stands_behind(a, not under)]
        scalars = [a for a in scalars if a not in behind]
    if len(tensors) == 1 and not below and p == 1 and under and not scalars and not behind:
        bottom = [number(q)] if q != 1 else []
        bottom += [_factor(a) for a in under] if bottom or len(under) > 1 else [_write(under[0])]
        top = _write(tensors[0])
        if "\\frac" not in top:  # no fraction within a fraction: 1/s (a − b/c)
            return f"{sign}\\frac{{{top}}}{{{' '.join(bottom)}}}"
    front = _fraction(p, q, scalars, under, bool(tensors or below or behind))
    front = " ".join([*([front] if front else []), *_scalars(behind, bool(tensors or below))])
    if not tensors and not below:
        alone = sign and len(scalars) == 1 and scalars[0].op == "sum" and not under and p == q == 1
        return sign + (bracket(front) if alone else front or "1")
    if not tensors:
        above = front or ("\\mathbf{1}" if t.order < 2 else "\\mathbf{1}\\mathbf{1}^\\top")
        body = f"{above} \\oslash {_joined(below)}"
        return sign + body
    several = len(tensors) + len(below) > 1
    factors = [
        _write(a)
        if not several and (a.op in ("chain", "outer") or setting.is_row_sums(a))
        else _hadamard_factor(a, several or bool(front) or (minus and a.op == "sum"))
        for a in tensors
    ]
    body = " \\odot ".join(factors)
    if below:
        body += f" \\oslash {_joined(below)}"
        return sign + (f"{front} \\, {body}" if front else body)
    if front and len(tensors) > 1:
        body = bracket(body)
    if front and front[-1].isdigit() and body[:1].isdigit():
        front += " \\cdot"
    return sign + (f"{front} {body}" if front else body)


def _fraction(p: sympy.Expr, q: sympy.Expr, scalars: list[Tree], under: list[Tree], followed: bool) -> str:
    """Numbers and scalars over numbers and scalars, all of one product; "" when there are none."""
    numbers = [bracket(number(p)) if p.is_Add and (scalars or followed) else number(p)] if p != 1 else []
    if q == 1 and not under:
        if len(scalars) == 1 and not numbers and not followed:
            return _write(scalars[0])
        return " ".join([*numbers, *_scalars(scalars, followed)])
    if p.is_Pow and q.is_Pow and p.exp == q.exp == sympy.S.Half:  # √(2/π)
        root = f"\\sqrt{{\\frac{{{number(p.base)}}}{{{number(q.base)}}}}}"
        rest = _fraction(sympy.S.One, sympy.S.One, scalars, under, followed)
        return f"{root} {rest}".strip()
    if len(scalars) == 1 and not numbers:
        top = _write(scalars[0])
    else:
        top = " ".join([*numbers, *_scalars(scalars, False)]) or "1"
    if q == 1 and len(under) == 1:
        bottom = _write(under[0])
    else:
        divisor = [bracket(number(q)) if q.is_Add and under else number(q)] if q != 1 else []
        bottom = " ".join([*divisor, *(_factor(a) for a in under)])
    return f"\\frac{{{top}}}{{{bottom}}}"


def _joined(below: list[Tree]) -> str:
    words = " \\odot ".join(_wrap(b, POWER) for b in below)
    return f"({words})" if len(below) > 1 else words


def _scalars(trees: Sequence[Tree], followed: bool) -> list[str]:
    """Scalar factors; at the end λ wᵀw needs no parentheses."""
    words = [_factor(a) for a in trees]
    if trees and not followed and setting.is_inner_product(trees[-1]):
        words[-1] = _write(trees[-1])
    return words


def _factor(a: Tree) -> str:
    """A scalar among others."""
    if setting.is_inner_product(a):
        return bracket(_write(a))
    return _wrap(a, PRODUCT) if a.op != "sum" else bracket(_write(a))


def _hadamard_factor(a: Tree, several: bool) -> str:
    if a.op == "sum" and several:
        return bracket(_write(a))
    return _wrap(a, POWER if several else SUM)


def _power(t: Tree) -> str:
    base, exponent = t.args
    power = _exponent(exponent)
    if base.op == "call" and base.data[0] == "norm" and exponent.op == "num":
        return f"{_write(base)}^{power}"
    if base.op == "call" and base.data[0] == "sumsq" and exponent.op == "num":  # (‖v‖²)² is ‖v‖⁴
        return f"{_write(base).removesuffix('^2')}^{_exponent(num(2 * exponent.data))}"
    body = bracket(_write(base)) if base.op == "call" and setting.is_composed(base) else _wrap(base, ATOM)
    if base.order:
        return f"{body}^{{\\odot {power.removeprefix('{').removesuffix('}')}}}"
    return f"{body}^{power}"


def _exponent(t: Tree) -> str:
    """An exponent: a digit as it is, a quotient in one line."""
    if t.op == "num" and t.data.is_Rational and not t.data.is_Integer:
        return f"{{{t.data.p}/{t.data.q}}}"
    text = _write(t)
    return text if len(text) == 1 else f"{{{text}}}"


def _call(t: Tree) -> str:
    name, settings = t.data
    args = t.args
    axis = dict(settings).get("axis")
    match name:
        case "norm":
            return f"\\lVert {_write(args[0])} \\rVert{'_F' if args[0].order == 2 else '_2'}"
        case "sumsq":
            return f"\\lVert {_write(args[0])} \\rVert{'_F' if args[0].order == 2 else '_2'}^2"
        case "sum" if setting.is_one_norm(t):
            return f"\\lVert {_write(args[0].args[0])} \\rVert_1"
        case "sum" if axis is None:
            body = _wrap(args[0], POWER)
            return f"\\mathbf{{1}}^\\top {body}" + (" \\mathbf{1}" if args[0].order == 2 else "")
        case "sum" if axis == 0 and args[0].op == "mul":
            return f"{_wrap(args[0], ATOM)}^\\top \\mathbf{{1}}"
        case "sum":
            matrix = transpose(args[0]) if axis == 0 else args[0]
            return f"{_wrap(matrix, POWER)} \\mathbf{{1}}"
        case "take" | "scatter_add":
            return picked(t, _write, _array)
        case "concatenate" | "stack" if t.order < 3:
            return stacked(t, _write)
        case "where":
            if (test := indicated(t)) is not None:
                return f"\\mathbf{{1}}[{_write(test)}]"
            truth = _write(args[0]) + ("" if args[0].op == "compare" else " \\neq 0")
            rows = f"{_write(args[1])} & {truth} \\\\ {_write(args[2])} & \\text{{otherwise}}"
            return f"\\begin{{cases}} {rows} \\end{{cases}}"
        case "step":
            return f"\\mathbf{{1}}[{_write(compared(args[0]))}]"
        case "kron":  # sizes of identities show in the size of the whole
            words = [f"I_{{{number(a.data[0])}}}" if a.op == "eye" else _wrap(a, POWER) for a in args]
            return " \\otimes ".join(words)
        case "tr":
            return f"\\operatorname{{tr}}{bracket(_write(args[0]))}"
        case "inv":
            return f"{_wrap(args[0], ATOM)}^{{-1}}"
        case "logdet":
            if args[0] in rendering.symmetric:
                return f"\\log\\det {_wrap(args[0], ATOM)}"
            return f"\\log\\lvert\\det {_wrap(args[0], ATOM)}\\rvert"
        case "sqrt":
            return f"\\sqrt{{{_write(args[0])}}}"
        case "abs":
            return f"\\lvert {_write(args[0])} \\rvert"
        case "det":
            return f"\\det{bracket(_write(args[0]))}"
    operator = REGISTRY.get(name)
    if isinstance(operator, Elementwise) and operator.settings:
        words = [_write(a) for a in args]
        named = dict(zip(operator.settings, words, strict=False))
        return operator.latex.format(*words[len(named) :], **named)
    inside = ", ".join(_write(a) for a in args)
    if isinstance(operator, Elementwise) and operator.arity == 1:
        front, rest = operator.latex.split("{0}")[0], operator.latex.split("{0}")[-1]
        if front.endswith("(") and rest == ")":
            return front[:-1] + bracket(inside)
        return operator.latex.replace("{0}", inside)
    if isinstance(operator, Elementwise):
        words = [_write(a) for a in args]  # in one sweep: an argument may hold `{1}` itself
        return re.sub(r"\{(\d)\}", lambda found: words[int(found[1])], operator.latex)
    special = head(t)
    if special is not None:
        return f"{special}{bracket(inside if name != 'reshape' else _write(args[0]))}"
    label = axis_label(axis, args[0].order)
    where = f"_{{{label}}}" if label else ""
    if operator is not None and any(key not in ("axis", "") for key, _ in settings):
        words = [f"{key}={value}" for key, value in settings if key]
        where = f"_{{\\mathrm{{{', '.join(words)}}}}}"
    word = operator.latex if operator is not None else ""
    if "{0}" in word:
        return word.replace("{0}", inside)
    word = word or f"\\operatorname{{{name.replace('_', ' ')}}}"
    return f"{word}{where}{bracket(inside)}"
