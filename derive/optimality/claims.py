"""A claimed system of KKT conditions against the derived one.

Every condition of the claim has to be one of the derived ones, and none may be missing. Both sides may be
moved about, a condition may be multiplied by a number (positive for an inequality), the multiplier of an equation may
have either sign, complementary slackness may be summed, and the multipliers may have any names.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import mpmath
import sympy

from ..build import negate, scale, total, zero
from ..differentiate import substitute
from ..errors import DeriveError, ParseError
from ..node import Node, Variable, size_symbols
from ..sizes import same_shape
from ..statement.text import parse_constraint
from ..verify.assumptions import Assumptions
from ..verify.check import check_same
from ..verify.numbers import NotFinite, values
from ..verify.points import Points
from ..verify.ratios import DIGITS, one_formula, ratios
from ..verify.verdict import Diagnosis, Status, Verdict
from .kkt import KKT, Line

MINUS = sympy.S.NegativeOne
Condition = tuple[Node, str, str]  # residual, sign (residual sign 0), its text
_MOST_MULTIPLIERS = 5


def check_kkt(
    system: Callable[[Sequence[str]], KKT],
    claimed: str | Iterable[str],
    known: Sequence[Variable],
    seed: int = 0,
    *,
    assuming: Assumptions | None = None,
) -> Verdict:
    """The verdict on a claimed KKT system.

    system   the derived conditions, for given names of the multipliers
    claimed  conditions, one per line or as a list: `X.T @ (X @ w - y) - mu == 0`, `mu >= 0`, `mu * w == 0`, …
    known    the declared variables; other names in the claim are multipliers
    """
    lines = claimed.splitlines() if isinstance(claimed, str) else [str(line) for line in claimed]
    lines = [line.strip().rstrip(",;.") for line in lines if line.strip()]
    derived = system(())
    names = _new_names(lines, known, derived)
    count = len(derived.multipliers)
    if len(names) > count or count > _MOST_MULTIPLIERS:
        reason = f"the claim has the multipliers {', '.join(names)}, the problem has {count}"
        return Verdict("refuted" if len(names) > count else "unsupported", reason)
    best: Verdict | None = None
    fewest = len(lines) + 100
    for order in itertools.permutations(range(count), len(names)):
        given = {place: name for name, place in zip(names, order, strict=True)}
        try:
            kkt = system(given)  # type: ignore[arg-type]
            conditions = list(_read(lines, [*known, *kkt.multipliers]))
        except ParseError:
            raise
        except DeriveError:
            continue
        for kkt_side in _orientations(kkt):
            verdict, wrong = _compare(kkt_side, conditions, seed, assuming)
            if verdict.status in ("proved", "agrees"):
                return verdict
            if wrong < fewest:
                best, fewest = verdict, wrong
    return best or Verdict("unsupported", "the multipliers of the claim fit no constraint of the problem")


def _new_names(lines: Sequence[str], known: Sequence[Variable], derived: KKT) -> list[str]:
    """Names that are neither declared nor functions, in the order in which they occur."""
    from ..statement.functions import FUNCTIONS

    old = {v.name for v in known} | {s.name for v in known for s in size_symbols(v)} | {"T", "axis", "pi"}
    found = [n for line in lines for n in re.findall(r"[A-Za-z_]\w*", line, re.ASCII)]
    return [n for n in dict.fromkeys(found) if n not in old and n not in FUNCTIONS]


def _read(lines: Sequence[str], variables: Sequence[Variable]) -> Iterator[Condition]:
    names = {v.name: v for v in variables}
    for line in lines:
        for c in parse_constraint(line, names):
            left, right = (c.right, c.left) if c.sign == ">=" else (c.left, c.right)
            yield _difference(left, right), "==" if c.sign == "==" else "<=", c.text


def _difference(left: Node, right: Node) -> Node:
    from ..statement.arithmetic import sub

    return sub(left, right)


def _orientations(kkt: KKT) -> Iterator[list[tuple[str, Condition]]]:
    """The derived conditions, with either sign of the multipliers of equations."""
    free = [c.multiplier for c in kkt.lagrangian.conditions if c.kind == "==" and c.multiplier is not None]
    lines = [(group, _standard(line)) for group, ls in kkt.groups().items() for line in ls]
    for signs in itertools.product((1, -1), repeat=len(free)):
        change: dict[Node, Node] = {v: negate(v) for v, s in zip(free, signs, strict=True) if s < 0}
        yield [
            (group, (substitute(n, change) if change else n, sign, text)) for group, (n, sign, text) in lines
        ]


def _standard(line: Line) -> Condition:
    right = line.right if line.right is not None else zero(line.left.shape)
    if line.sign in (">=", ">"):
        return _difference(right, line.left), "<=", line.text()
    return _difference(line.left, right), "==" if line.sign == "==" else line.sign, line.text()


def _compare(
    derived: list[tuple[str, Condition]], claimed: list[Condition], seed: int, assuming: Assumptions | None
) -> tuple[Verdict, int]:
    """The verdict for one choice of names and signs, and how many conditions did not fit."""
    left = list(derived)
    proved = True
    wrong: list[Condition] = []
    for condition in claimed:
        found = None
        for item in left:
            found = _same(condition, item[1], item[0], seed, assuming)
            if found is not None:
                left.remove(item)
                proved &= found == "proved"
                break
        if found is None:
            wrong.append(condition)
    count = len(wrong) + len(left)
    if not count:
        status: Status = "proved" if proved else "agrees"
        how = "each is proved to be a derived one" if proved else "each agrees with a derived one"
        return Verdict(status, f"the claim has all {len(derived)} KKT conditions; {how}"), 0
    return _refuted(wrong, left, seed, assuming), count


def _refuted(
    wrong: list[Condition], left: list[tuple[str, Condition]], seed: int, assuming: Assumptions | None
) -> Verdict:
    if wrong:
        residual, sign, text = wrong[0]
        near = [c for _, c in left if c[1] == sign and same_shape(c[0].shape, residual.shape)]
        right = "; the derived ones that are left are " + ", ".join(c[2] for _, c in left) if left else ""
        reason = f"{text} is none of the KKT conditions{right}"
        if near:
            v = check_same(
                residual, near[0][0], seed, assuming=assuming, subject=f"the condition {near[0][2]}"
            )
            return Verdict("refuted", reason, v.counterexample, v.diagnosis, near[0][0], near[0][2])
        return Verdict(
            "refuted", reason, diagnosis=Diagnosis("extra condition", f"{text} does not belong there")
        )
    group, condition = left[0]
    reason = f"the claim lacks {len(left)} of the KKT conditions"
    found = Diagnosis("missing condition", f"{group} is missing: {condition[2]}")
    return Verdict("refuted", reason, diagnosis=found, right=condition[0], formula=condition[2])


def _same(
    claimed: Condition, derived: Condition, group: str, seed: int, assuming: Assumptions | None
) -> str | None:
    """Whether the two say the same; "proved" or "agrees"."""
    a, sign, _ = claimed
    b, other, _ = derived
    if sign != other:
        return None
    forms = [b, total(b)] if group == "complementary slackness" and b.order else [b]
    for form in forms:
        if not same_shape(a.shape, form.shape):
            continue
        c = _ratio(a, form, seed, assuming)
        if c is None or (sign == "<=" and not c.is_positive):
            continue
        found = check_same(a, scale(c, form), seed, assuming=assuming)
        if found.ok:
            return found.status
    return None


def _ratio(a: Node, b: Node, seed: int, assuming: Assumptions | None) -> sympy.Expr | None:
    pairs = []
    for point in Points([a, b], seed, {}, assuming.apply if assuming else None).generic(1):
        try:
            x, y = values([a, b], point, DIGITS + 10)
        except (NotFinite, DeriveError):
            return None
        pairs.append((point, x, y))
    with mpmath.workdps(DIGITS + 10):
        return one_formula(ratios(pairs))


__all__ = ["check_kkt"]
