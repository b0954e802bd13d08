"""Which method, and why: decided from what is derived about a problem and from its sizes.

It chooses among the registered optimizers; it runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .optimizers import method

#: Newton's method is chosen up to this many unknowns: its step costs N³, a quasi-Newton step N.
NEWTON_UP_TO = 300


@dataclass(frozen=True)
class Plan:
    """The method and the reason for it, in words; `notes` are facts of the problem, derived when printed."""

    method: str
    reason: str
    notes: Callable[[], list[str]] | None = field(default=None, repr=False, compare=False)

    @property
    def needs_hessian(self) -> bool:
        """Whether the Hessian has to be derived and compiled."""
        return "hessian" in method(self.method).needs

    @property
    def needs_hvp(self) -> bool:
        """Whether Hessian-vector products have to be derived and compiled."""
        return "hvp" in method(self.method).needs and not self.needs_hessian

    @property
    def needs_batches(self) -> bool:
        """Whether gradients are to be estimated from mini-batches."""
        return "batch_gradient" in method(self.method).needs

    def __str__(self) -> str:
        more = [] if self.notes is None else self.notes()
        return "\n".join([f"{self.method}: {self.reason}", *more])


def choose(unknowns: int, highest_order: int, wanted: str | None = None) -> Plan:
    """The plan for so many scalar unknowns in arrays of at most that order; `wanted` overrides it."""
    if wanted is not None:
        return Plan(method(wanted).name, "as asked for")
    if highest_order <= 1 and unknowns <= NEWTON_UP_TO:
        return Plan("newton", f"{unknowns} unknowns in vectors: the Hessian is a small matrix")
    if highest_order <= 1:
        return Plan("lbfgs", f"{unknowns} unknowns: a quasi-Newton step costs less than a Hessian")
    return Plan("lbfgs", f"{unknowns} unknowns in matrices: their Hessian has order four")
