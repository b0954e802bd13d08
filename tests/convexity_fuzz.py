"""Random statements for the prover of convexity: whatever it certifies must pass the midpoint test in 30 digits.

`python -m tests.convexity_fuzz 3000` runs a campaign and prints what it counted; a certified statement with a
chord below its graph, or with a domain that a segment leaves, is printed and makes the exit status 1.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import mpmath
import numpy as np

import derive as dv
from derive.convexity import convexity
from derive.errors import DeriveError
from derive.operations import find_variable

SIZES = {"n": 3, "d": 2}
SHAPES: dict[str, tuple[str, ...]] = {
    "s": (),
    "t": (),
    "r": (),
    "x": ("d",),
    "p": ("d",),
    "X": ("n", "d"),
    "y": ("n",),
    "P": ("d", "d"),
}
FACTS = {"r": ["positive"], "p": ["positive"], "P": ["psd"]}


@dataclass(frozen=True)
class Outcome:
    """What became of one statement."""

    text: str
    status: str
    violation: str = ""


def scalar(rng: np.random.Generator, depth: int) -> str:
    """A random scalar of s, t, x (of either sign), r, p > 0 and data."""
    if depth == 0 or rng.random() < 0.12:
        return str(rng.choice(["s", "t", "r", "(s + t)", "(s - 2*t)", "2", "sum(x)", "(x @ p)", "r"]))
    a, b = scalar(rng, depth - 1), scalar(rng, depth - 1)
    forms = [
        f"({a} + {b})", f"({a} - {b})", f"({a} * {b})", f"({a})**2", f"({a})**3", f"exp({a})",
        f"log(1 + exp({a}))", f"sqrt(1 + ({a})**2)", f"abs({a})", f"relu({a})", f"({a}) / r", f"({a})**2 / r",
        f"log(r) * ({a})", "r * log(r)", f"-log({a})", f"log({a})", f"maximum({a}, {b})", f"minimum({a}, {b})",
        f"tanh({a})", f"1 / ({a})", f"({a})**(3/2)", f"sqrt({a})", f"({a})**4", f"sigmoid({a})",
    ]  # fmt: skip
    if rng.random() < 0.4:
        v = vector(rng, depth - 1)
        forms = [
            f"sumsq({v})", f"norm({v})", f"norm({v}, 1)", f"max({v})", f"min({v})", f"logsumexp({v})",
            f"sum({v})", f"sum(exp({v}))", f"-sum(log({v}))", f"sum({v} * log({v}))", f"sum({v})**2 / r",
            f"sumsq({v}) / r", f"sum(1 / {v})", f"sqrt({a} + sumsq({v}))", f"norm({v}) * ({a})",
        ]  # fmt: skip
        if v in ("x", "p"):
            forms += [
                f"{v} @ P @ {v}",
                f"sum(p * log(p / {v}))",
                f"sumsq(X @ {v} - y) / r",
                f"exp(-({v} @ P @ {v}))",
            ]
    return str(rng.choice(forms))


def vector(rng: np.random.Generator, depth: int) -> str:
    """A random vector."""
    if depth <= 0 or rng.random() < 0.5:
        return str(
            rng.choice(["x", "p", "(x + p)", "(X @ x - y)", "(y - X @ x)", "(x - s)", "(p + r)", "p * r"])
        )
    v = vector(rng, depth - 1)
    forms = [f"({v})**2", f"exp({v})", f"abs({v})", f"relu({v})", f"log(1 + exp({v}))", f"(2*{v} + r)"]
    forms += [f"({v} * {scalar(rng, 0)})", f"sqrt(1 + ({v})**2)", f"maximum({v}, {vector(rng, 0)})"]
    return str(rng.choice(forms))


def outcome(text: str, rng: np.random.Generator, pairs: int = 12) -> Outcome:
    """The verdict on one statement in all its unknowns, and the midpoint test where it is "convex"."""
    try:
        loss = dv.parse(text, variables=SHAPES, facts=FACTS)
        names = [v for v in ("s", "t", "r", "x", "p") if v in loss.variables]
        if not names:
            return Outcome(text, "skipped")
        found = convexity(loss.node, [find_variable(loss, n) for n in names], look=False)
    except DeriveError:
        return Outcome(text, "skipped")
    if found.status != "convex":
        return Outcome(text, found.status)
    for _ in range(pairs):
        spread = float(rng.choice([0.1, 1.0, 3.0]))
        ends = [_point(rng, 2.0), _point(rng, 2.0)]
        ends[1] = {
            k: _grid(ends[0][k] + spread * (ends[1][k] - ends[0][k]) / 2) if k in names else ends[0][k]
            for k in ends[0]
        }
        if any((np.asarray(ends[1][k]) <= 0).any() for k in ("r", "p")):
            continue
        middle = {k: (ends[0][k] + ends[1][k]) / 2 for k in ends[0]}
        try:
            a, b = (loss.evaluate(point, digits=30) for point in ends)
        except (DeriveError, ArithmeticError):
            continue
        if not all(mpmath.isfinite(v) and abs(mpmath.im(v)) == 0 for v in (a, b)):
            continue
        try:
            m = loss.evaluate(middle, digits=30)
        except (DeriveError, ArithmeticError):
            m = mpmath.nan
        if not (mpmath.isfinite(m) and mpmath.im(m) == 0):
            return Outcome(text, "convex", f"the segment leaves the domain between {ends}")
        with mpmath.workdps(30):
            above = m > (a + b) / 2 + mpmath.mpf(10) ** -18 * (1 + abs(a) + abs(b))
        if above:
            return Outcome(text, "convex", f"chord {mpmath.nstr((a + b) / 2 - m, 5)} between {ends}")
    return Outcome(text, "convex")


def _point(rng: np.random.Generator, scale: float) -> dict[str, np.ndarray]:
    found = {}
    for name, shape in SHAPES.items():
        a = np.asarray(rng.standard_normal(tuple(SIZES[i] for i in shape)) * scale)
        if "positive" in FACTS.get(name, ()):
            a = np.abs(a) + 0.01
        if "psd" in FACTS.get(name, ()):
            a = a @ a.T
        found[name] = _grid(a)
    return found


def _grid(a: np.ndarray) -> np.ndarray:
    """Multiples of 1/256, so that the middle of two points is exact."""
    return np.round(np.asarray(a) * 256) / 256


def main(count: int, seed: int = 0) -> int:
    """A campaign; returns the number of violations."""
    tally: dict[str, int] = {}
    bad = 0
    began = time.process_time()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        found = outcome(scalar(rng, int(rng.integers(1, 4))), rng)
        tally[found.status] = tally.get(found.status, 0) + 1
        if found.violation:
            bad += 1
            print(f"VIOLATION {found.text}: {found.violation}", flush=True)
        if k % 250 == 249:
            print(k + 1, tally, f"{time.process_time() - began:.0f} s", flush=True)
    print(
        f"{count} statements, {tally}, {bad} violations, {time.process_time() - began:.0f} s of process time"
    )
    return bad


if __name__ == "__main__":
    words = [int(w) for w in sys.argv[1:]] or [500]
    sys.exit(1 if main(*words) else 0)
