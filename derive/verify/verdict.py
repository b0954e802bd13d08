"""What the checker answers: a status, the reason, a counterexample to recompute by hand, a diagnosis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import mpmath
import numpy as np
import sympy

from ..domains import Array
from ..errors import UnsupportedError
from ..node import Node, Variable
from .numbers import largest, relative_gap

Status = Literal["proved", "refuted", "agrees", "unsupported"]
_SHOWN = 8  # rows and columns of an array that are printed


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a claim.

    kind   factor, sign, zero, log base, missing term, extra term, term factor, missing factor, extra factor,
           transpose, order, operand, product (entrywise for matrix), inverse, diagonal, index, size, power, function,
           normalisation, objective
           (the derivative of another objective), condition (right under a fact that is not declared),
           special point, scalar (right only at sizes 1), domain, undefined, convention, shape
    pieces the sentence in words and formulas, where it holds any
    """

    kind: str
    sentence: str
    pieces: tuple[str | Node, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Counterexample:
    """A point at which the claim differs from the derivative.

    sizes      numbers for the symbolic sizes
    data       exact rational entries for every variable
    claimed    the claim's value there, right the derivative's, to `digits` digits
    differing  the indices of the entries that differ
    worst      the largest difference over the largest entry
    """

    sizes: dict[str, int]
    data: dict[str, Array]
    claimed: Array
    right: Array
    differing: tuple[tuple[int, ...], ...]
    worst: float
    digits: int = 50

    def record(self) -> dict[str, Any]:
        """For JSON; numbers as text with all their digits."""
        return {
            "sizes": self.sizes,
            "data": {name: _texts(array, self.digits) for name, array in self.data.items()},
            "claimed": _texts(self.claimed, self.digits),
            "right": _texts(self.right, self.digits),
            "differing": [list(index) for index in self.differing],
            "worst": self.worst,
        }

    def __str__(self) -> str:
        lines = ["sizes: " + ", ".join(f"{k} = {v}" for k, v in self.sizes.items())] if self.sizes else []
        lines += [show_array(name, array, 12) for name, array in self.data.items()]
        lines.append(show_array("claimed value", self.claimed, self.digits))
        lines.append(show_array("right value", self.right, self.digits))
        total = int(np.asarray(self.right, dtype=object).size)
        where = ", ".join(str(list(i)) for i in self.differing[:6]) + (
            ", …" if len(self.differing) > 6 else ""
        )
        if total > 1:
            which = "every entry differs" if len(self.differing) == total else f"entries that differ: {where}"
            lines.append(
                which + (f"; worst relative difference {self.worst:.3g}" if self.worst < np.inf else "")
            )
        elif self.worst < np.inf:
            lines.append(f"relative difference {self.worst:.3g}")
        return "\n".join(lines)


@dataclass(frozen=True)
class About:
    """What a verdict is about: the claim as a formula (None for a function) and as it was written."""

    objective: Node
    wrt: Variable | None
    kind: str
    claim: Node | None
    source: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer to "is this formula the derivative?".

    status   "proved", "refuted", "agrees" (equal wherever tried, not proved) or "unsupported"
    reason   one sentence
    about    the claim, for reports
    right    what the claim should be, as derived, and `formula` the same in the notation of the claim
    """

    status: Status
    reason: str
    counterexample: Counterexample | None = None
    diagnosis: Diagnosis | None = None
    right: Node | None = None
    formula: str = ""
    about: About | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the claim: proved, or agreeing."""
        return self.status in ("proved", "agrees")

    def record(self) -> dict[str, Any]:
        """Everything, for JSON; numbers as text with all their digits."""
        found, example = self.diagnosis, self.counterexample
        return {
            "status": self.status,
            "reason": self.reason,
            "diagnosis": None if found is None else {"kind": found.kind, "sentence": found.sentence},
            "right": self.formula or None,
            "claim": None if self.about is None else self.about.source,
            "kind": None if self.about is None else self.about.kind,
            "wrt": None if self.about is None or self.about.wrt is None else self.about.wrt.name,
            "counterexample": None if example is None else example.record(),
        }

    def latex(self) -> str:
        """The verdict as a block of LaTeX (for amsmath)."""
        from .latex_report import report

        return report(self)

    def html(self, title: str = "Checked derivation") -> str:
        """The verdict as a self-contained HTML page."""
        from .page import page

        return page([(title, self)], title)

    def plot(self, axes: Any = None) -> Any:
        """The Taylor remainders of claimed and right gradient, log–log, on Matplotlib axes; the axes are returned.

        Raises `UnsupportedError` where the claim is no gradient given as a formula.
        """
        from .page import draw, remainders

        found = remainders(self)
        if found is None:
            raise UnsupportedError("only the verdict on a gradient given as a formula has a plot")
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(5.2, 3.2), layout="constrained").subplots()
        return draw(axes, found)

    def __str__(self) -> str:
        lines = [f"{self.status}: {self.reason}"]
        if self.diagnosis is not None:
            lines.append(f"diagnosis: {self.diagnosis.sentence}")
        elif self.status == "refuted" and self.right is not None:
            lines.append("diagnosis: no single slip was found that explains the difference")
        if self.status == "refuted" and self.formula:
            lines.append(f"right: {self.formula}")
        if self.counterexample is not None:
            lines.append("counterexample:")
            lines += ["  " + line for line in str(self.counterexample).splitlines()]
        return "\n".join(lines)


def differing_values(
    claimed: Array,
    right: Array,
    sizes: dict[str, int],
    data: Mapping[str, Array],
    tolerance: Any,
    digits: int,
) -> Counterexample:
    """The counterexample with the indices of the entries that differ by more than the tolerance."""
    scale = max(largest(claimed), largest(right))
    differing = tuple(i for i in np.ndindex(right.shape) if abs(claimed[i] - right[i]) > tolerance * scale)
    worst = float(relative_gap(claimed, right))
    return Counterexample(sizes, dict(data), claimed, right, differing, worst, digits)


def _texts(array: Array, digits: int) -> Any:
    """Nested lists of numbers as text."""
    array = np.asarray(array)
    if array.ndim == 0:
        return show_number(array[()], digits)
    return [_texts(inner, digits) for inner in array]


def exact(value: Any, digits: int) -> sympy.Rational | None:
    """The simple rational that an mpmath number stands for, if it is one to all its digits."""
    with mpmath.workdps(digits):
        number = mpmath.mpf(value)
        if number == 0:
            return sympy.S.Zero
        # Continued fraction: stop at the first convergent that is right to nearly all digits.
        a, b, p, q = 1, 0, int(mpmath.floor(number)), 1
        rest = number - p
        tolerance = mpmath.mpf(10) ** (6 - digits) * abs(number)
        while q < 10**9:
            if abs(number - mpmath.mpf(p) / q) <= tolerance:
                return sympy.Rational(p, q)
            if rest == 0:
                return None
            rest = 1 / rest
            k = int(mpmath.floor(rest))
            rest -= k
            a, b, p, q = p, q, k * p + a, k * q + b
    return None


def show_number(value: Any, digits: int) -> str:
    """A rational as it is, anything else to so many digits."""
    if isinstance(value, sympy.Rational):
        return str(value)
    if isinstance(value, float | np.floating):
        return f"{float(value):.17g}"
    if mpmath.isnan(value):
        return "undefined"
    simple = exact(value, digits)
    with mpmath.workdps(digits + 5):
        return str(simple) if simple is not None else str(mpmath.nstr(mpmath.mpf(value), digits))


def show_array(name: str, array: Array, digits: int) -> str:
    """`name = …`: scalars and vectors on one line, matrices row by row, long ones cut."""
    array = np.asarray(array)
    if array.ndim == 0:
        return f"{name} = {show_number(array[()], digits)}"
    cut = array[tuple(slice(_SHOWN) for _ in array.shape)]
    # Full precision belongs to single numbers; an array of long numbers is unreadable.
    texts = np.empty(cut.shape, dtype=object)
    for index in np.ndindex(cut.shape):
        texts[index] = show_number(cut[index], digits)
    if cut.size > 4 and max(len(t) for t in texts.flat) > 24:
        for index in np.ndindex(cut.shape):
            texts[index] = show_number(cut[index], min(digits, 20))
    more = " …" if cut.shape != array.shape else ""
    if array.ndim == 1:
        return f"{name} = [{', '.join(texts)}{more}]"
    width = max(len(t) for t in texts.flat)
    pad = " " * (len(name) + 3)
    if array.ndim == 2:
        rows = ["[" + ", ".join(t.rjust(width) for t in row) + more + "]" for row in texts]
        return f"{name} = [" + f",\n{pad} ".join(rows) + more + "]"
    slices = []
    for index in np.ndindex(cut.shape[:-2]):
        label = f"{name}[{', '.join(map(str, index))}]"
        slices.append(show_array(label, array[index], digits))
    return "\n".join(slices)
