"""What dense Hessians and gradients cost on given sizes: which comes first, and for how long.

Per evaluation, in multiplications, with N unknowns of which one data entry meets k (the columns of a matrix of
coefficients) and A numbers of data,

    value and gradient   4 A k                  Hessian and its factor   A N k + N³/3

Matrix products run about five times faster than passes over the data. So Newton's method, about eight Hessians, costs
as much as a number of gradients that follows from the sizes. Where that is more than a quasi-Newton method takes on a
problem of middling condition, the quasi-Newton method goes first and is given that many: together they cost at most
about twice the better one, whatever the condition, which nobody knows beforehand. Counts of operations, never clocks:
the same sizes go the same way on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from .composite import LARGEST

#: Above this many numbers in the data kernels are compiled; below, compiling costs more than it saves.
COMPILE_FROM = 200_000
#: Hessians that Newton's method takes; how much faster products of matrices run than passes over data.
NEWTON_STEPS, FASTER = 8, 5.0
#: Gradients that a quasi-Newton method takes where the condition is middling.
GRADIENTS = 55
#: How many times as many Hessians it takes along curved valleys; the least number of quasi-Newton steps there, for one
#: unknown more, and for many.
CURVED, FEW_DESCENTS, MANY_DESCENTS = 10, 20, 1000
#: Multiplications of one Hessian above which kernels are compiled for it, and above which a certificate does without
#: where convexity is proved; of one gradient above which its kernel is compiled.
COMPILED, SPARED, WORTH_COMPILING = 2e7, 2e6, 2e5
#: Steps of an interior point on a quadratic program, and multiplications in a second where a run has to end in time.
PROGRAM_STEPS, PER_SECOND = 15, 1e10


def gradients_for_newton(shapes: Sequence[tuple[int, ...]], amount: int) -> float:
    """How many gradients Newton's method is worth."""
    return NEWTON_STEPS * hessian(shapes, amount) / (FASTER * gradient(shapes, amount))


def hessian(shapes: Sequence[tuple[int, ...]], amount: int) -> float:
    """Multiplications of one dense Hessian and its factorisation."""
    unknowns, columns = _sizes(shapes)
    return float(amount) * unknowns * columns + unknowns**3 / 3.0


def program(unknowns: int, conditions: int) -> float:
    """Multiplications of a quadratic program by an interior point with dense matrices."""
    return PROGRAM_STEPS * unknowns**2 * (conditions / 2.0 + unknowns / 6.0)


def gradient(shapes: Sequence[tuple[int, ...]], amount: int) -> float:
    """Multiplications of the value and one gradient."""
    return 4.0 * max(amount, 1) * _sizes(shapes)[1]


def quasi_newton_first(shapes: Sequence[tuple[int, ...]], amount: int) -> int:
    """Steps that a quasi-Newton method gets before Newton's; 0 where Newton's method goes first."""
    unknowns, _ = _sizes(shapes)
    if unknowns > LARGEST:
        return 0  # no Hessian is formed at all
    worth = gradients_for_newton(shapes, amount)
    return int(worth) if worth >= GRADIENTS else 0


def descents_first(shapes: Sequence[tuple[int, ...]], amount: int) -> int:
    """Steps of a quasi-Newton method before Newton's in a trust region, where nothing is proved to be convex.

    Newton's method takes some hundred steps along curved valleys, not eight; so this many cost about as much.
    """
    least = min(FEW_DESCENTS * (_sizes(shapes)[0] + 5), MANY_DESCENTS)
    return max(least, int(CURVED * gradients_for_newton(shapes, amount)))


def _sizes(shapes: Sequence[tuple[int, ...]]) -> tuple[int, float]:
    """The number of unknowns, and how many of them one entry of the data meets."""
    counts = [_product(s) for s in shapes]
    largest = max(range(len(shapes)), key=counts.__getitem__)
    widest = max(shapes[largest], default=1)
    return sum(counts), counts[largest] / max(widest, 1)


def _product(shape: Sequence[int]) -> int:
    found = 1
    for k in shape:
        found *= k
    return found
