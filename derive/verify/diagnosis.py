"""What is wrong with a refuted claim: the smallest slip that explains it, tested at several generic points.

An explanation such as "the claim is the right formula times c" is accepted only if one and the same c (a
rational, perhaps times a size or a constant) fits every point, so that it is a statement about formulas and
not about numbers. The order of the tests is the order of plausibility: conventions first (they are no
mistakes), then sign and factor, single terms, single edits of the claim and of the right formula, facts that
would make the claim right, and edits of the objective.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
import sympy

from ..build import scale
from ..differentiate import reverse
from ..domains import Array
from ..node import Node, Sum, Variable, size_symbols, variables
from ..simplify import expand, simplify
from ..sizes import Coefficient
from . import conditions, slips
from .numbers import NotFinite, largest, values
from .ratios import DIGITS, TOLERANCE, Ratios, close, combination, one_formula, ratios
from .sampling import Point
from .verdict import Diagnosis
from .wording import Formulas

Name = Callable[[Node], str]
_OPENED = 60  # terms of a formula that is multiplied out


@dataclass(frozen=True)
class Evidence:
    """One generic point with the claim's and the right value there."""

    point: Point
    claimed: Array
    right: Array


def swapped(a: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(a, -1, -2)


def diagnose(
    objective: Node,
    wrt: Variable | None,
    claim: Node | None,
    right: Node,
    evidence: Sequence[Evidence],
    order: object,
    name: Name,
    derived: Node | None = None,
) -> Diagnosis | None:
    """The first explanation that fits all the evidence; `derived` is the right formula before it was tidied up."""
    formulas = Formulas(name)
    return formulas.spoken(_first(objective, wrt, claim, right, evidence, order, formulas, derived or right))


def _first(
    objective: Node,
    wrt: Variable | None,
    claim: Node | None,
    right: Node,
    evidence: Sequence[Evidence],
    order: object,
    name: Name,
    derived: Node,
) -> Diagnosis | None:
    evidence = _telling(evidence)
    with mpmath.workdps(DIGITS + 10):
        scalars = [v.name for v in variables(objective, right) if not v.order]
        found = _convention(objective, wrt, evidence, order)
        found = found or _factor(evidence, scalars) or _transposed(evidence, right)
        if found is not None or claim is None:
            return found
        found = _one_term(claim, right, evidence, name, scalars)
        if found is not None:
            return found
        points = [e.point for e in evidence]
        usual = conditions.needed(claim, right, points, only="symmetric")
        usual = usual or conditions.needed(claim, right, points, only="sum to 1")
        claimed, correct = [e.claimed for e in evidence], [e.right for e in evidence]
        forms = [
            expand(right, _OPENED),
            *(f for f in (derived, simplify(derived)) if _collected(f)),
        ]
        search = slips.Search(claim, right, points, claimed, correct, name, forms)
        slip = search.find(1 if usual else 2)
        if slip is not None and usual is not None:
            return Diagnosis(slip.kind, f"{slip.sentence}; {usual[1]}")
        if slip is not None:
            return slip
        found = None if usual else _opened_terms(right, evidence, name, scalars)
        if found is not None:
            return found
        needed = usual or conditions.needed(claim, right, points)
        if needed is not None:
            return Diagnosis(*needed)
        slip = search.find(9)
        if slip is None and wrt is not None and order != "value":
            slip = slips.of_objective(objective, wrt, claim, order, points, claimed, name)
        if slip is not None:
            return slip
        needed = conditions.needed(claim, right, points, rank=1)
        if needed is not None:
            return Diagnosis(*needed)
        slip = search.with_factor()
        if slip is not None:
            return slip
        needed = conditions.needed(claim, right, points, rank=2, at=None if order == "value" else wrt)
        return Diagnosis(*needed) if needed is not None else _only_at_size_one(evidence)


def _telling(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    """Without points at which everything is far smaller than elsewhere: few digits are left there."""
    sizes = [max(largest(e.claimed), largest(e.right)) for e in evidence]
    bound = max(sizes, default=0) * mpmath.mpf(10) ** -25
    return [e for e, size in zip(evidence, sizes, strict=True) if size > bound or size == 0] or evidence


def _only_at_size_one(evidence: Sequence[Evidence]) -> Diagnosis | None:
    """A formula of scalar calculus, right where every array has one entry."""
    ones = [e for e in evidence if set(e.point.binding.values.values()) == {1}]
    if ones and all(close(e.claimed, e.right) for e in ones):
        return Diagnosis(
            "scalar", "the claim is right only if all sizes are 1: a formula for numbers, not for arrays"
        )
    return None


def _everywhere(evidence: Sequence[Evidence], test: Callable[[Array, Array], bool]) -> bool:
    return bool(evidence) and all(test(e.claimed, e.right) for e in evidence)


def _doubled(right: Array) -> Array:
    """2G − diag(G): every entry of a symmetric matrix counted as one unknown."""
    n = right.shape[-1]
    weight = np.array([[mpmath.mpf(1 if i == j else 2) for j in range(n)] for i in range(n)], dtype=object)
    return np.asarray(right * weight)


def _convention(
    objective: Node, wrt: Variable | None, evidence: Sequence[Evidence], order: object
) -> Diagnosis | None:
    if wrt is None:
        return None
    if "symmetric" in wrt.facts and wrt.order >= 2 and order in (1, "gradient"):
        if _everywhere(evidence, lambda c, r: close(c, _doubled(r))):
            return Diagnosis(
                "convention",
                f"the claim is 2G − diag(G), which counts {wrt.name}[i,j] and {wrt.name}[j,i] as one "
                "unknown; here the gradient is taken in the space of symmetric matrices",
            )
        (free,) = reverse(objective, [wrt])
        try:
            loose = [values([free], e.point, DIGITS + 10)[0] for e in evidence]
        except NotFinite:
            return None
        pairs = list(zip(evidence, loose, strict=True))
        if loose and (
            all(close(e.claimed, g) for e, g in pairs) or all(close(e.claimed, swapped(g)) for e, g in pairs)
        ):
            return Diagnosis(
                "convention",
                f"the claim treats the entries of the symmetric {wrt.name} as independent; "
                "the gradient in the space of symmetric matrices is its symmetric part (G + Gᵀ)/2",
            )
    if order == "jacobian" and evidence:
        k = evidence[0].right.ndim - wrt.order
        axes = [*range(k, evidence[0].right.ndim), *range(k)]
        # At sizes 1 every layout is the same: one point must tell them apart.
        if k and wrt.order and _everywhere(evidence, lambda c, r: close(c, np.transpose(r, axes))):
            return Diagnosis(
                "convention",
                "the claim is the transposed (denominator) layout: here the axes of the output come first, "
                "then those of the unknown",
            )
    return None


def layout(claimed: tuple[sympy.Expr, ...], right: tuple[sympy.Expr, ...], inner: int) -> str | None:
    """A sentence when the claim's shape is that of another layout of the right derivative."""
    if claimed == (*right[inner:], *right[:inner]) and claimed != right and inner:
        return "the claim has the axes of the unknown first (denominator layout)"
    if len(right) == 4 and len(claimed) == 2:
        first, second = sympy.expand(right[0] * right[1]), sympy.expand(right[2] * right[3])
        if sympy.expand(claimed[0] - first) == 0 and sympy.expand(claimed[1] - second) == 0:
            return "the claim has the shape of a derivative with respect to the stacked entries (vec layout)"
    if tuple(s for s in claimed if s != 1) == tuple(s for s in right if s != 1) and claimed != right:
        return "the shapes differ only by axes of size 1: vectors have one axis here"
    return None


def _factor(evidence: Sequence[Evidence], scalars: Sequence[str]) -> Diagnosis | None:
    """claim = c · right."""
    if all(largest(e.claimed) == 0 for e in evidence):
        return Diagnosis("zero", "the claim is zero, the derivative is not")
    c = one_formula(ratios([(e.point, e.claimed, e.right) for e in evidence]), scalars)
    if c is None or c in (0, 1):
        return None
    if c == -1:
        return Diagnosis("sign", "the claim has the opposite sign")
    if c.has(sympy.log(2), sympy.log(10)):
        base = 2 if c.has(sympy.log(2)) else 10
        return Diagnosis(
            "log base", f"the claim is {_times(c)} the right formula: a logarithm to base {base}"
        )
    return Diagnosis("factor", f"the claim is {_times(c)} the right formula; {_remedy(c)}{_mean(c)}")


def _mean(c: Coefficient) -> str:
    """A remark on factors that are sizes."""
    if c.is_Symbol and c.is_integer:
        return f" (a sum where there should be a mean over {c})"
    if (1 / c).is_Symbol and c.free_symbols and all(s.is_integer for s in c.free_symbols):
        return f" (a mean over {1 / c} where there should be a sum)"
    parts = c.as_numer_denom()
    if all(p.is_Symbol and p.is_integer for p in parts):
        return f" ({parts[1]} stands where {parts[0]} should)"
    return ""


def _times(c: Coefficient) -> str:
    return f"{c} times" if c.is_Integer or not c.is_Rational else f"({c}) times"


def _remedy(c: Coefficient) -> str:
    missing = sympy.cancel(1 / c)
    return f"a factor {missing} is missing" if c.is_number and abs(c) < 1 else f"multiply it by {missing}"


def _transposed(evidence: Sequence[Evidence], right: Node) -> Diagnosis | None:
    if right.order >= 2 and right.shape[-1] == right.shape[-2]:
        if _everywhere(evidence, lambda c, r: close(c, swapped(r))):
            return Diagnosis("transpose", "the claim is the transpose of the right formula")
        if _everywhere(evidence, lambda c, r: close(c, -swapped(r))):
            return Diagnosis(
                "transpose", "the claim is the transpose of the right formula, with opposite sign"
            )
    return None


# ---------------------------------------------------------------- single terms


def terms(node: Node, coefficient: Coefficient = sympy.S.One) -> Iterator[tuple[Coefficient, Node]]:
    """The terms of a formula as one would read them: nested sums and their common factors opened."""
    if isinstance(node, Sum):
        for c, inner in node.terms:
            yield from terms(inner, coefficient * c)
    else:
        yield coefficient, node


def _own_terms(right: Node) -> list[Node]:
    """The terms of the right formula, as it is; multiplied out where parts of two of them are alike."""
    whole = right if _collected(right) else expand(right, _OPENED)
    return [scale(c, t) for c, t in terms(whole)]


def _collected(formula: Node) -> bool:
    """Whether no parts of two terms are alike: halves of one term would be taken for terms of their own."""
    own = [t for _, t in terms(formula)]
    apart = sum(len(list(terms(expand(t, _OPENED)))) for t in own) if len(own) > 1 else 0
    return len(own) < 2 or apart == len(list(terms(expand(formula, _OPENED))))


def _one_term(
    claim: Node, right: Node, evidence: Sequence[Evidence], name: Name, scalars: Sequence[str]
) -> Diagnosis | None:
    """claim − right = r · (one term of either), with the same r at all points."""
    gaps = [e.claimed - e.right for e in evidence]
    own = _own_terms(right)
    for candidates, from_right in (
        (own, True),
        ([scale(c, t) for c, t in terms(claim)], False),
        (_finer_terms(right), True),
    ):
        found = _off_by(gaps, candidates, from_right, evidence, name, scalars)
        # A part that is missing where products are multiplied out is a missing factor, as likely as not.
        if found is not None and not (found.kind == "missing term" and candidates is not own):
            return found
    return None


def _finer_terms(right: Node) -> list[Node]:
    """The terms of the right formula with its products multiplied out."""
    own = _own_terms(right)
    return [t for t in (scale(c, t) for c, t in terms(expand(right, _OPENED))) if t not in own]


def _opened_terms(
    right: Node, evidence: Sequence[Evidence], name: Name, scalars: Sequence[str]
) -> Diagnosis | None:
    """The same with the terms of the right formula multiplied out, and with several of them at once."""
    gaps = [e.claimed - e.right for e in evidence]
    finer = _finer_terms(right)
    found = _off_by(gaps, finer, True, evidence, name, scalars)
    found = found or _several_terms(_own_terms(right), evidence, name)
    opened = [scale(c, t) for c, t in terms(expand(right, _OPENED))]
    return found or (_several_terms(opened, evidence, name) if finer else None)


def _off_by(
    gaps: list[Array],
    candidates: Sequence[Node],
    from_right: bool,
    evidence: Sequence[Evidence],
    name: Name,
    scalars: Sequence[str],
) -> Diagnosis | None:
    for term in candidates:
        found = _gap_ratios(gaps, term, evidence)
        if found is None:
            continue
        # The claim has the term 1 + r times (right formula's term), or should have it 1 − r times.
        share = one_formula([(p, 1 + r if from_right else 1 - r) for p, r in found], scalars)
        if share is not None and share != 1:
            about = _about_right_term if from_right else _about_claimed_term
            return about(term, share, name)
    return None


def _several_terms(own: Sequence[Node], evidence: Sequence[Evidence], name: Name) -> Diagnosis | None:
    """claim = Σ cⱼ (terms of the right formula), with simple cⱼ."""
    if not 2 <= len(own) <= 6:
        return None
    try:
        parts = [values(own, e.point, DIGITS + 10) for e in evidence]
    except NotFinite:
        return None
    shares = combination([e.claimed for e in evidence], parts)
    if shares is None:
        return None
    wrong = [(t, c) for t, c in zip(own, shares, strict=True) if c != 1]
    if not wrong:
        return None
    first = _about_right_term(*wrong[0], name)
    sentences = [_about_right_term(t, c, name).sentence for t, c in wrong]
    return Diagnosis(first.kind, "; ".join(sentences))


def _about_claimed_term(term: Node, wanted: Coefficient, name: Name) -> Diagnosis:
    """The right formula has `wanted` times a term of the claim."""
    if wanted == 0:
        return Diagnosis("extra term", f"the term {name(term)} does not belong there")
    if wanted == -1:
        return Diagnosis("sign", f"the term {name(term)} has the wrong sign")
    remark = _mean(1 / wanted)
    return Diagnosis("term factor", f"the term {name(term)} should be multiplied by {wanted}{remark}")


def _about_right_term(term: Node, have: Coefficient, name: Name) -> Diagnosis:
    """The claim has `have` times a term that should be there once."""
    if have == 0:
        return Diagnosis("missing term", f"the term {name(term)} is missing")
    if have == -1:
        return Diagnosis("sign", f"the term {name(term)} has the wrong sign")
    words = f"the claim has {_times(have)} the term {name(term)}; {_remedy(have)}{_mean(have)}"
    return Diagnosis("term factor", words)


def _gap_ratios(gaps: list[Array], term: Node, evidence: Sequence[Evidence]) -> Ratios | None:
    pairs = []
    for gap, e in zip(gaps, evidence, strict=True):
        if not {v.name for v in variables(term)} <= set(e.point.arrays):
            return None
        if not set(size_symbols(term)) <= set(e.point.binding.values):
            return None
        try:
            (value,) = values([term], e.point, DIGITS + 10)
        except NotFinite:
            return None
        # A gap of pure rounding is none: its ratio is 0.
        rounding = TOLERANCE * max(largest(e.claimed), largest(e.right), largest(value))
        pairs.append((e.point, gap if largest(gap) > rounding else gap * 0, value))
    return ratios(pairs)
