"""One slip between claim and right formula: an edit of either that gives the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import sympy

from ..build import inner, negate, power, total
from ..differentiate import gradient, jacobian
from ..domains import Array
from ..errors import DeriveError
from ..node import Apply, Einsum, Node, Variable, topological
from ..notation import text
from ..operators import apply
from ..second import hessian
from .conditions import holds
from .edit import Edit
from .edits import edits, pool
from .numbers import NotFinite, values
from .quick import Quick
from .ratios import DIGITS, one_formula, ratios
from .sampling import Point
from .verdict import Diagnosis

Name = Callable[[Node], str]
_MOST = 30_000  # nodes of the candidates tried in double precision
_OPPOSITE = {
    "missing term": "extra term",
    "extra term": "missing term",
    "missing factor": "extra factor",
    "extra factor": "missing factor",
}


class Search:
    """The edits of one claim and of the right formula, tried in order of their cost; `forms` are other ways to
    write the right formula."""

    def __init__(
        self,
        claim: Node,
        right: Node,
        points: Sequence[Point],
        claimed: Sequence[Array],
        correct: Sequence[Array],
        name: Name,
        forms: Sequence[Node] = (),
    ) -> None:
        self.claim, self.right, self.points, self.name = claim, right, points, name
        self.claimed, self.correct = claimed, correct
        chosen = _telling(points, _precise(points, [(claim, claimed), (right, correct)]))
        self.quick = Quick([points[k] for k in chosen])
        to_right = [np.asarray(correct[k], dtype=float) for k in chosen]
        to_claim = [np.asarray(claimed[k], dtype=float) for k in chosen]
        material = pool(right, claim)
        tried = [(e, claim, to_right, True) for e in edits(claim, material)]
        for form in dict.fromkeys((right, *forms)):
            tried += [(e, form, to_claim, False) for e in edits(form, material)]
        most = max(150, _MOST // len(list(topological([claim, right]))))
        self.waiting = sorted(tried, key=lambda item: item[0].cost)[:most]
        self.nearly: list[tuple[Edit, Node, bool]] = []

    def find(self, cost: int) -> Diagnosis | None:
        """The smallest edit up to this cost of the claim that gives the right formula, or of the right formula
        that gives the claim."""
        while self.waiting and self.waiting[0][0].cost <= cost:
            edit, start, target, repairs = self.waiting.pop(0)
            candidate = edit.of(start)
            if candidate is None:
                continue
            if self.quick.same(candidate, target):
                if holds(candidate, self.right if repairs else self.claim, self.points):
                    return _sentence(edit, repairs, self.name)
            elif edit.cost <= 3 and len(self.nearly) < 20 and self.quick.proportional(candidate, target):
                self.nearly.append((edit, candidate, repairs))
        return None

    def with_factor(self) -> Diagnosis | None:
        """An edit after which only a constant factor is missing."""
        for edit, candidate, repairs in self.nearly:
            goal = self.correct if repairs else self.claimed
            found = _with_factor(edit, candidate, repairs, self.points, goal, self.name)
            if found is not None:
                return found
        return None


def _precise(points: Sequence[Point], known: Sequence[tuple[Node, Sequence[Array]]]) -> list[int]:
    """The points at which double precision is good enough for these formulas; all where it is at none."""
    quick = [Quick([p]) for p in points]
    good = [
        k
        for k in range(len(points))
        if all(quick[k].same(node, [np.asarray(found[k], dtype=float)]) for node, found in known)
    ]
    return good or list(range(len(points)))


def _telling(points: Sequence[Point], among: Sequence[int] | None = None) -> list[int]:
    """A few points: large sizes first, of at least two choices of sizes."""
    among = range(len(points)) if among is None else among
    order = sorted(among, key=lambda k: -sum(points[k].binding.values.values()))
    first: dict[tuple[tuple[str, int], ...], int] = {}
    for k in order:
        first.setdefault(tuple(points[k].sizes.items()), k)
    chosen = list(first.values())[:3]
    return chosen + [k for k in order if k not in chosen][: max(0, 3 - len(chosen))]


def _with_factor(
    edit: Edit, candidate: Node, repairs: bool, points: Sequence[Point], goal: Sequence[Array], name: Name
) -> Diagnosis | None:
    pairs = []
    for point, target in zip(points, goal, strict=True):
        try:
            pairs.append((point, target, values([candidate], point, DIGITS + 10)[0]))
        except (NotFinite, DeriveError):
            return None
    c = one_formula(ratios(pairs))
    if c is None or c in (0, 1):
        return None
    found = _sentence(edit, repairs, name)
    times = c if repairs else 1 / c
    return Diagnosis(found.kind, f"{found.sentence}; then the whole is to be multiplied by {times}")


def _sentence(edit: Edit, repairs: bool, name: Name) -> Diagnosis:
    wrong, right = (edit.before, edit.after) if repairs else (edit.after, edit.before)
    kind = edit.kind if repairs else _OPPOSITE.get(edit.kind, edit.kind)
    part = name(edit.part) if edit.part is not None else ""
    if kind != "sign" and text(wrong).startswith("-"):  # the same said of the opposites
        wrong, right = negate(wrong), negate(right)
    change = f"{name(wrong)} should be {name(right)}"
    if kind == "sign":
        about = part or name(right if repairs else edit.before)
        words = f"the sign of {about} is wrong: {change}"
    elif kind == "transpose":
        words = f"a transpose is wrong: {change}"
    elif kind == "missing factor":
        words = f"the factor {part} (of the chain or product rule) is missing: {change}"
    elif kind == "extra factor":
        words = f"the factor {part} does not belong there: {change}"
    elif kind == "missing term":
        words = f"the term {part} is missing: {change}"
    elif kind == "extra term":
        words = f"the term {part} does not belong there: {change}"
    elif kind == "order":
        words = f"the operands are in the wrong order: {change}"
    elif kind == "operand":
        words = f"{name(wrong)} stands where {name(right)} should"
    elif kind == "product":
        words = f"a product entry by entry and a product of matrices are confused: {change}"
    elif kind == "diagonal":
        words = f"a diagonal and the full matrix are confused: {change}"
    elif kind == "inverse":
        words = f"an inverse is missing or too many: {change}"
    elif kind == "size":
        words = f"a size is wrong in a factor: {change}"
    elif kind == "index":
        words = f"the wrong axis: {change}"
    elif kind == "normalisation":
        words = f"the normalisation is missing: {change}"
    else:
        words = change
    return Diagnosis(kind, words)


def _norms(objective: Node) -> Iterator[Edit]:
    """Σ |z| and ‖z‖₂ taken for one another."""
    half = sympy.S.Half
    for node in topological([objective]):
        if isinstance(node, Einsum) and not node.order and len(node.operands) == 1:
            (inside,) = node.operands
            if isinstance(inside, Apply) and inside.op == "abs":
                z = inside.operands[0]
                yield Edit("objective", node, power(inner(z, z), half))
        if (
            isinstance(node, Apply)
            and node.op == "power"
            and node.param("exponent") == half
            and not node.order
        ):
            square = node.operands[0]
            if isinstance(square, Einsum) and len(square.operands) == 1:
                (base,) = square.operands
                if isinstance(base, Apply) and base.op == "power" and base.param("exponent") == 2:
                    yield Edit("objective", node, total(apply("abs", base.operands[0])))


def of_objective(
    objective: Node,
    wrt: Variable,
    claim: Node,
    order: object,
    points: Sequence[Point],
    claimed: Sequence[Array],
    name: Name,
) -> Diagnosis | None:
    """The claim as the derivative of a slightly different objective."""
    chosen = _telling(points)
    quick = Quick([points[k] for k in chosen])
    target = [np.asarray(claimed[k], dtype=float) for k in chosen]
    kinds = ("function", "power", "extra factor", "term factor")
    tried = [*_norms(objective), *(e for e in edits(objective, pool(objective)) if e.kind in kinds)]
    for edit in tried[:60]:
        changed = edit.of(objective)
        if changed is None:
            continue
        try:
            derived = (
                jacobian(changed, wrt)
                if order == "jacobian"
                else gradient(changed, wrt)
                if order in (1, "gradient")
                else hessian(changed, wrt)
            )
        except DeriveError:
            continue
        if quick.same(derived, target) and holds(derived, claim, points):
            return Diagnosis(
                "objective",
                "the claim is the derivative of another objective, "
                f"with {name(edit.after)} where {name(edit.before)} is",
            )
    return None
