"""What trust regions have in common: how far a model is believed, and the radius that follows.

Source: Nocedal & Wright, Numerical Optimization (2nd ed.), algorithm 4.1.
"""

from __future__ import annotations


def indistinct(f: float, f_new: float, gain: float, noise: float) -> bool:
    """Whether neither the promised fall nor the one that was seen is beyond rounding: values say nothing then."""
    return gain <= noise and abs(f_new - f) <= 10.0 * noise


def believed(f: float, f_new: float, gain: float, noise: float) -> float:
    """The fall that was seen over the one that was promised, 1 where both are rounding."""
    return (f - f_new + 0.1 * noise) / (gain + 0.1 * noise)


def next_radius(radius: float, good: float, size: float) -> float:
    """The radius after a step of this size; 0 means that none is known yet."""
    if good < 0.25:
        return 0.25 * size
    if radius == 0.0:
        return 2.0 * size
    if good > 0.75 and size > 0.9 * radius:
        return 2.5 * radius
    return radius
