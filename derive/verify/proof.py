"""Proofs of equality, in two steps that never guess.

1. **Normal form.** The rules that bring an expression to its normal form are identities for all sizes
   (linearity, the algebra of sums over labelled axes, A⁻¹A = I, facts such as symmetry), so a difference
   that vanishes under them is zero wherever both sides are defined.
2. **Exact test.** The difference as a rational function of its entries, of free symbols for functions, and of
   the sizes, evaluated at random points modulo a random prime (`modular`), on arrays long enough to speak for
   all sizes (`bounds`). Zero there means identically zero, up to the stated probability.

Nothing follows from a difference that does not vanish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import sympy

from ..build import add, is_zero
from ..errors import DeriveError
from ..node import Apply, Node, close_facts, topological, variables
from ..simplify import expand
from ..sizes import ONE
from ..stable import recognise
from .bounds import Bounds, speaks_for_all
from .canonical import KINKED, canonical
from .clearing import vanishes_when_cleared
from .conditional import Rule
from .modular import Field, Unlucky

_USED = ("symmetric", "psd", "pd", "diagonal", "orthogonal", "positive", "nonnegative", "simplex")
_ERROR = 80  # the exact test is wrong with probability below 2^-80
_LONGEST = 14  # of an axis; beyond this the test would take too long


def proof(
    claim: Node,
    right: Node,
    conditions: Mapping[Node, sympy.Expr] | None = None,
    rules: Sequence[Rule] = (),
) -> str | None:
    """Why the two are equal for all sizes, or None where that is not shown.

    conditions   sums that are assumed to have a value, Σ y ↦ 1
    rules        what follows from other conditions, such as y² = 1
    """
    difference = add([(ONE, recognise(claim)), (sympy.S.NegativeOne, recognise(right))], right.shape)
    under = _under(claim, right)
    if is_zero(difference) or is_zero(expand(difference)):
        return f"their difference multiplies out to zero, for all sizes{under}"
    kinks = {n.op for n in topological([difference]) if isinstance(n, Apply)} & KINKED
    away = f", away from the kinks of {', '.join(sorted(kinks))}" if kinks else ""
    sums = {**simplex_sums(claim, right), **(conditions or {})}
    normal = canonical(difference, sums, rules)
    if is_zero(normal):
        return f"their difference multiplies out to zero, for all sizes{away}{under}"
    if vanishes_when_cleared(normal, lambda node: canonical(node, sums, rules)):
        return (
            f"their difference multiplies out to zero once inverses are cleared, for all sizes{away}{under}"
        )
    try:
        found = vanishes(normal)
    except (DeriveError, RecursionError, ZeroDivisionError):
        return None
    if found is None:
        return None
    lengths, bits = found
    at = ", ".join(f"{s} = {k}" for s, k in sorted(lengths.items(), key=lambda item: str(item[0])))
    sizes = f" at {at}, which is large enough to speak for all sizes" if lengths else ""
    return (
        f"their difference vanishes identically: exact arithmetic modulo a random prime of {bits} bits at a random "
        f"point{sizes}; the chance of error is below 2^-{_ERROR}{away}{under}"
    )


def simplex_sums(*nodes: Node) -> dict[Node, sympy.Expr]:
    """Σ over the last axis is 1 for everything on the simplex."""
    from ..build import einsum

    return {
        einsum([(v, tuple(range(v.order)))], tuple(range(v.order - 1))): ONE
        for v in variables(*nodes)
        if "simplex" in v.facts and v.order
    }


def vanishes(root: Node) -> tuple[dict[sympy.Expr, int], int] | None:
    """The lengths and the bits of the prime at which the expression was shown to vanish for all sizes."""
    if not speaks_for_all(root):
        return None
    bounds = Bounds(root)
    lengths = bounds.lengths()
    if max(lengths.values(), default=0) > _LONGEST:
        return None
    bits = max(127, _ERROR + bounds.degree(lengths).bit_length() + 8)
    if bits > 4000:
        return None
    for attempt in range(3):
        seed = blake2b(root.digest, digest_size=32, salt=bytes([attempt])).digest()
        field = Field(random_prime(bits, seed), seed, lengths)
        try:
            value = field.value(root)
        except Unlucky:
            continue
        return (lengths, bits) if not any(value.flat) else None
    return None


def random_prime(bits: int, seed: bytes) -> int:
    """A prime of so many bits that is 1 mod 4, chosen by the seed."""
    text = b"".join(blake2b(seed, digest_size=64, salt=bytes([k])).digest() for k in range(bits // 512 + 1))
    start = int.from_bytes(text, "big") % (1 << (bits - 1)) | (1 << (bits - 1))
    candidate = start - start % 4 + 1
    while not sympy.isprime(candidate):
        candidate += 4
    return candidate


def _under(*nodes: Node) -> str:
    facts = sorted(
        f"{v.name} is {fact}"
        for v in variables(*nodes)
        for fact in _USED
        if fact in v.facts and not any(fact in close_facts([f]) for f in v.facts & set(_USED) - {fact})
    )
    return f", given that {', '.join(facts)}" if facts else ""


__all__ = ["proof", "random_prime", "simplex_sums", "vanishes"]
