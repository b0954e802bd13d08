"""The forms in which a quadratic program may be solved, the quickest first, and a solver that tries them in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..oracle import Array
from . import sparse_system
from .interior_point import CONVERGED, Answer, Functions
from .program_arranged import arranged_program, as_stated, padded, unit_of
from .sparse_order import sparse_arranged
from .sparse_program import condensed

#: Steps at most.
MOST = 100
#: What is accepted where rounding does not let a form come nearer.
ENOUGH = 1e-10


class Form(NamedTuple):
    """The order of the variables, slacks last; the loop and what it takes before the start; the objective's unit."""

    order: Array
    loop: Callable[..., Any]
    parts: tuple[Any, ...]
    unit: float


def forms(functions: Functions, z: Array, sparse: bool, dense: Callable[[int], Any]) -> Iterator[Form]:
    """Those that suit: sparse, of low rank, as stated. Whether a program is convex, its numbers tell.

    sparse  whether the matrices of the functions are sparse
    dense   the loop for dense matrices of a size, `quadratic_program.interior`
    """
    for order, parts, unit in sparse_arranged(functions, z):
        yield Form(order, sparse_system.interior, parts, unit)
    ways: Any = arranged_program, as_stated
    for arrange in (condensed,) if sparse else ways:
        made = arrange(functions, z)
        if made is None:
            continue
        order, (H, h, g, *others, rest, own) = made
        unit = unit_of(H, h, g)
        parts = H / unit, h / unit, g / unit, *others, rest / unit, own
        loop = dense(max(H.shape[1], len(others[0])))
        yield Form(order, loop, parts, unit)
        if H.shape[1] < len(H) and not H.all():  # whole: the weights of equalities keep digits
            yield Form(order, dense(len(H)), (np.diagflat(parts[0]), *parts[1:]), unit)
        if order.size == z.size:  # as it was stated
            break


class ProgramSolver:
    """A quadratic program whose matrices are evaluated once, in the first of the forms that solves it."""

    def __init__(self, found: Iterator[Form], start: Array) -> None:
        self._forms, self._first = found, start
        self.form: Form | None = None

    def take(self) -> bool:
        """Whether there was another form, which is the one from now on."""
        with np.errstate(all="ignore"):
            form = next(self._forms, None)
        if form is None:
            return False
        self.form = form
        self._start = padded(self._first, form.order)
        self._places = np.argsort(form.order)[: self._first.size]
        return True

    def solve(self, tolerance: float) -> tuple[Array, Array, Array] | None:
        """z, ν, λ as `answer` takes them; None where no form is left."""
        while self.form is not None:
            _, loop, parts, _ = self.form
            aims = (tolerance, ENOUGH) if loop is not sparse_system.interior else (ENOUGH,)
            for aim in aims if tolerance < ENOUGH else (tolerance,):
                x, nu, lam, status, _ = loop(*parts, self._start.copy(), aim, MOST)
                if status == 0:
                    return x.take(self._places), nu, lam
            if not self.take():
                break
        return None

    def answer(self, found: tuple[Array, Array, Array]) -> Answer:
        """The same in the units of the program, its own equalities alone."""
        assert self.form is not None
        z, nu, lam = found
        own = self._start.size - z.size  # equalities that say what variables for the rank of the Hessian are
        return Answer(z, self.form.unit * nu[: nu.size - own], self.form.unit * lam, CONVERGED, 0)
