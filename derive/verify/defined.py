"""Where a formula has values: what it divides by, what it takes roots and logarithms of, what it inverts.

A proof of equality speaks of the data for which both sides have values. Where one side asks for more than the other,
as x/x does in x/x = 1, the verdict says so; also where what asked for it has cancelled when the formula was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..build import split_power, split_scale
from ..errors import DeriveError
from ..node import Apply, Node, topological
from ..notation import text
from .verdict import Verdict

_MOST = 3  # conditions that are named
_INVERTIBLE = frozenset("pd orthogonal invertible".split())
_UNIT = frozenset("arcsin arccos arctanh".split())


def demands(formulas: Iterable[Node]) -> list[str]:
    """What has to hold of the data for the formulas to have values, in words."""
    found = (_demand(n) for n in topological(formulas) if isinstance(n, Apply))
    return list(dict.fromkeys(words for words in found if words))


def _demand(node: Apply) -> str:
    base = split_scale(node.operands[0])[1]
    facts = base.facts
    if node.op == "power":
        exponent = node.param("exponent")
        if "positive" in facts or (exponent.is_Integer and (exponent.is_positive or "nonzero" in facts)):
            return ""
        if exponent.is_Integer:
            return _entries(base, "no", "zero")
        if exponent.is_positive:
            return "" if "nonnegative" in facts else _entries(node.operands[0], "no", "negative")
        return _positive(node.operands[0])
    if node.op in ("log", "pow"):
        return _positive(node.operands[0])
    if node.op == "inv":
        return "" if facts & _INVERTIBLE else _said(base, "is invertible")
    if node.op in _UNIT:
        return _said(node.operands[0], "lies between -1 and 1")
    return ""


def _positive(base: Node) -> str:
    if "positive" in base.facts:
        return ""
    if "nonnegative" in base.facts:
        inside = split_power(split_scale(base)[1])[0]
        while isinstance(inside, Apply) and inside.op == "abs":
            inside = inside.operands[0]
        return _entries(inside, "no", "zero")
    return _entries(base, "every", "positive")


def _entries(base: Node, which: str, word: str) -> str:
    if base.order:
        return _said(base, f"is {word}", f"{which} entry of ")
    return _said(base, f"is {word}" if which == "every" else f"is not {word}")


def _said(base: Node, words: str, before: str = "") -> str:
    try:
        return f"{before}{text(base)} {words}"
    except DeriveError:
        return ""


def with_domain(
    verdict: Verdict, sides: Sequence[tuple[str, Iterable[Node]]], both_ways: bool = False
) -> Verdict:
    """A proof with what one side asks for and the other does not; `sides` are names and formulas, and what was built
    when they were read. Without `both_ways` only the first side is spoken of."""
    if verdict.status != "proved":
        return verdict
    (first, left), (second, right) = sides
    asked = {first: demands(left), second: demands(right)}
    reason = verdict.reason
    for name, other in ((first, second), (second, first))[: 2 if both_ways else 1]:
        only = [d for d in asked[name] if d not in asked[other]]
        if only:
            shown = " and ".join(only[:_MOST]) + (" …" if len(only) > _MOST else "")
            reason += f"; where {shown}: elsewhere {name} has no value"
    return replace(verdict, reason=reason)


__all__ = ["demands", "with_domain"]
