"""Right derivatives of every model and sample statement, spoiled in every way a hand derivation goes wrong.

`python -m tests.verify.campaign` runs them all and prints the rates; the suite runs a share of it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import sympy

from derive.build import add, einsum, negate, scale, swap_last
from derive.declaring import parse
from derive.differentiate import gradient, jacobian, reverse, substitute
from derive.domains import Float
from derive.errors import DeriveError
from derive.evaluate import run
from derive.models import REGISTRY
from derive.node import (
    Apply,
    Delta,
    Einsum,
    Node,
    Ones,
    Sum,
    Variable,
    delta,
    size_symbols,
    topological,
    variables,
)
from derive.operators import apply
from derive.second import hessian
from derive.simplify import expand, simplify
from derive.sizes import ONE, same_shape, same_size
from derive.stable import recognise, stabilise
from derive.verify import check_claim
from derive.verify.points import Points
from derive.verify.verdict import Verdict
from tests.statement.corpus import cases

#: Which diagnoses are right for a mutation: some slips are the same slip in two words.
ACCEPTED = {
    "factor": {"factor", "term factor"},
    "mean": {"factor"},
    "sign": {"sign"},
    "log base": {"log base"},
    "missing term": {"missing term", "zero"},
    "extra term": {"extra term", "factor", "term factor"},  # 3x where 2x is right
    "term sign": {"sign"},
    "term factor": {"term factor", "factor"},
    "tiny": {"term factor", "factor"},
    "transpose": {"transpose", "condition", "convention"},
    "inner transpose": {"transpose", "condition"},
    "missing factor": {"missing factor", "factor", "term factor", "function", "normalisation"},
    "argument sign": {"sign"},
    "order": {"order", "transpose", "condition"},
    "diagonal": {"diagonal"},
    "operand": {"operand", "sign", "factor", "zero", "undefined"},  # x − x where x − a is right
    "inverse": {"inverse"},
    "regulariser": {"missing term", "term factor", "factor", "sign"},
    "index": {"index", "normalisation", "size"},
    "convention": {"convention"},
}
MILLIONTH = 1 + sympy.Rational(1, 10**6)


@dataclass(frozen=True)
class Case:
    """One right derivative."""

    name: str
    objective: Node
    wrt: Variable
    order: int | str
    right: Node


def all_cases() -> Iterator[Case]:
    """Gradients and Hessians of the models, and the sample statements."""
    for model in REGISTRY.values():
        expression = model.expression()
        for unknown in model.unknowns:
            wrt = next(v for v in expression.declared if v.name == unknown)
            node = recognise(expression.node)
            yield Case(f"{model.name}/{unknown}", node, wrt, 1, gradient(node, wrt))
            if len(model.unknowns) == 1 and wrt.order == 1:
                yield Case(f"{model.name}/{unknown}/2", node, wrt, 2, hessian(node, wrt))
    for case in (*cases("gradients"), *cases("textbook")):
        expression = parse(case["objective"], variables=case["declare"], facts=case["facts"])
        node = recognise(expression.node)
        wrt = next(v for v in expression.declared if v.name == case["wrt"])
        order = case["order"]
        derive = {1: gradient, 2: hessian, "jacobian": jacobian}[order]
        yield Case(case["id"], node, wrt, order, derive(node, wrt))


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(all_cases())


def mutants(case: Case) -> Iterator[tuple[str, Node]]:
    """(kind, wrong claim), each a single slip."""
    right = simplify(case.right)
    if not right.operands:
        return
    yield "factor", scale(sympy.Integer(2), right)
    yield "factor", scale(sympy.S.Half, right)
    yield "sign", negate(right)
    yield "log base", scale(1 / sympy.log(2), right)
    sizes = sorted({s for v in variables(case.objective) for d in v.shape for s in d.free_symbols}, key=str)
    for s in sizes[:2]:
        yield "mean", scale(1 / s, right)
    whole, core = (
        (right.coefficients[0], right.operands[0])
        if len(right.operands) == 1 and isinstance(right, Sum)
        else (ONE, right)
    )
    if isinstance(core, Sum) and len(core.operands) > 1:
        pairs = [(whole * c, t) for c, t in core.terms]
        for k, (c, t) in enumerate(pairs[:3]):
            rest = pairs[:k] + pairs[k + 1 :]
            yield "missing term", add(rest, right.shape)
            yield "term sign", add([*rest, (-c, t)], right.shape)
            yield "term factor", add([*rest, (2 * c, t)], right.shape)
            yield "tiny", add([*rest, (MILLIONTH * c, t)], right.shape)
    else:
        yield "tiny", scale(MILLIONTH, right)
    for v in variables(case.objective):
        if same_shape(v.shape, right.shape):
            yield "extra term", add([(ONE, right), (ONE, v)])
            break
    if right.order == 2 and same_size(*right.shape) and "symmetric" not in right.facts:
        yield "transpose", swap_last(right)
    yield from _regularisers(right)
    yield from _conventions(case)
    yield from _inside(right, case)


def _regularisers(right: Node) -> Iterator[tuple[str, Node]]:
    """The terms that hold a penalty's weight, dropped or with the wrong factor."""
    if not isinstance(right, Sum) or len(right.operands) < 2:
        return
    pairs = list(right.terms)
    for k, (c, t) in enumerate(pairs):
        if any(v.name in ("lam", "mu", "alpha", "rho") and not v.order for v in variables(t)):
            rest = pairs[:k] + pairs[k + 1 :]
            for factor in (sympy.S.Zero, sympy.S.Half, sympy.Integer(2)):
                yield "regulariser", add([*rest, (factor * c, t)], right.shape)
            return


def _conventions(case: Case) -> Iterator[tuple[str, Node]]:
    """The entries of a symmetric unknown as independent, or each pair as one; the other layout of a Jacobian."""
    right, wrt = case.right, case.wrt
    if case.order == 1 and "symmetric" in wrt.facts and wrt.order == 2:
        yield "convention", reverse(case.objective, [wrt])[0]
        diagonal = einsum([(right, (0, 1)), (delta(wrt.shape[0]), (0, 1))], (0, 1))
        yield "convention", add([(sympy.Integer(2), right), (-ONE, diagonal)])
    if case.order == "jacobian" and right.order == 2 and same_size(*right.shape) and wrt.order == 1:
        yield "convention", swap_last(right)


def _inside(right: Node, case: Case) -> Iterator[tuple[str, Node]]:
    """Slips inside the formula, the first few of each kind."""
    seen: Counter[str] = Counter()
    named = variables(case.objective)
    for node in topological([right]):
        for kind, after in _slips(node, named):
            if seen[kind] < 2 and after is not node:
                try:
                    wrong = after if node is right else substitute(right, {node: after})
                except (DeriveError, ValueError):
                    continue
                seen[kind] += 1
                yield kind, wrong


def _slips(node: Node, named: tuple[Variable, ...]) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Variable):
        square = node.order == 2 and same_size(*node.shape)
        if square and "symmetric" not in node.facts:
            yield "inner transpose", swap_last(node)
        if square and "diagonal" not in node.facts:
            yield "diagonal", einsum([(node, (0, 1)), (delta(node.shape[0]), (0, 1))], (0, 1))
        for other in named:
            if other is not node and node.order and same_shape(other.shape, node.shape):
                yield "operand", other
    if isinstance(node, Apply):
        if node.op == "inv":
            yield "inverse", node.operands[0]
        if node.op == "softmax" and node.operands[0].order == 2 and len(node.param("axes")) == 1:
            yield "index", apply(node.op, node.operands[0], axes=(1 - node.param("axes")[0],))
        if (
            node.op != "inv"
            and len(node.operands) == 1
            and node.op not in ("power", "abs", "cos", "det", "logdet")
        ):
            yield "argument sign", apply(node.op, negate(node.operands[0]), **dict(node.params))
    if isinstance(node, Einsum) and len(node.operands) > 1:
        factors = list(node.factors)
        for k, (o, ls) in enumerate(factors):
            rest = factors[:k] + factors[k + 1 :]
            if not isinstance(o, Ones | Delta) and set(ls) <= {i for _, other in rest for i in other}:
                yield "missing factor", einsum(rest, node.output)
            for m in range(k):
                other, lm = factors[m]
                if other is not o and o.order == 2 and same_shape(o.shape, other.shape):
                    swapped = list(factors)
                    swapped[k], swapped[m] = (other, ls), (o, lm)
                    yield "order", einsum(swapped, node.output)


def differs(claim: Node, case: Case) -> bool:
    """Whether the mutation is one: a plain evaluation in double precision, apart from the checker."""
    a, b = stabilise([claim, case.right])
    apart = 0
    for point in Points([case.objective, case.right], 99, {}).generic(2):
        arrays = {name: np.asarray(x, dtype=float) for name, x in point.arrays.items()}
        try:
            with np.errstate(all="ignore"):
                claimed, right = run([a, b], arrays, point.binding, Float())
        except (DeriveError, ValueError, ZeroDivisionError):
            continue
        size = float(np.abs(right).max())
        if not 1e-9 < size < 1e9:
            continue  # a singular matrix, or a derivative that vanishes but for rounding
        apart += float(np.abs(claimed - right).max()) > 1e-8 * size
    return apart >= 2 or (apart >= 1 and not size_symbols(case.objective))


@dataclass
class Score:
    """Counts by kind of mutation."""

    total: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    diagnosed: Counter[str] = field(default_factory=Counter)
    wrong_words: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)
    right: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    times: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The share of right diagnoses."""
        return sum(self.diagnosed.values()) / max(1, sum(self.total.values()))

    def merge(self, other: Score) -> None:
        """Add the counts of another part of the campaign."""
        for counts, more in (
            (self.total, other.total),
            (self.diagnosed, other.diagnosed),
            (self.right, other.right),
        ):
            counts.update(more)
        self.missed += other.missed
        self.wrong_words += other.wrong_words
        self.accused += other.accused
        self.times += other.times
        self.slowest = max(self.slowest, other.slowest)

    def spoiled(self, case: Case, kind: str, claim: Node) -> None:
        if not differs(claim, case):
            return
        found = self._check(case, claim)
        self.total[kind] += 1
        if found.status != "refuted":
            self.missed.append(f"{case.name}: {kind}: {found}")
        elif "+" in kind:  # two slips need only be refuted, with the right formula
            self.diagnosed[kind] += found.right is not None
        elif found.diagnosis is not None and found.diagnosis.kind in ACCEPTED[kind]:
            self.diagnosed[kind] += 1
        else:
            self.wrong_words.append(
                f"{case.name}: {kind}: {found.diagnosis and (found.diagnosis.kind, str(found.diagnosis))}"
            )

    def correct(self, case: Case, claim: Node) -> None:
        found = self._check(case, claim)
        self.right[found.status] += 1
        if found.status == "refuted":
            self.accused.append(f"{case.name}: {found}")

    def _check(self, case: Case, claim: Node) -> Verdict:
        start = time.process_time()
        found = check_claim(case.objective, case.wrt, claim, case.order)  # type: ignore[arg-type]
        self.times.append(time.process_time() - start)
        self.slowest = max(self.slowest, time.process_time() - start)
        return found

    def report(self) -> str:
        lines = [f"{'mutation':16} {'wrong':>6} {'diagnosed':>9}"]
        lines += [f"{k:16} {n:6d} {self.diagnosed[k]:9d}" for k, n in sorted(self.total.items())]
        total = sum(self.total.values())
        lines.append(f"{'all':16} {total:6d} {sum(self.diagnosed.values()):9d}   {100 * self.rate:.1f} %")
        lines.append(
            f"not refuted: {len(self.missed)}; right claims: {dict(self.right)}, refuted {len(self.accused)}"
        )
        lines.append(f"typical check {float(np.median(self.times)):.3f} s, slowest {self.slowest:.2f} s")
        return "\n".join(lines)


def pairs_of_slips(case: Case) -> Iterator[tuple[str, Node]]:
    """Two slips at once: a slip of a kind, and a slip in what came of it."""
    first = dict(mutants(case))
    kinds = [k for k in first if k not in ("factor", "mean", "log base")][:3]
    for kind in kinds:
        again = Case(case.name, case.objective, case.wrt, case.order, first[kind])
        second = {k: c for k, c in mutants(again) if k != kind}
        for other in list(second)[:3]:
            yield f"{kind} + {other}", second[other]


def campaign(
    step: int = 1, skip: int = 0, every: int = 1, heaviest: int = 10**9, pairs: bool = False
) -> Score:
    """Check `every`-th mutant of every `step`-th case (from `skip` on) whose derivative is not too heavy."""
    score = Score()
    count = 0
    for k, case in enumerate(_cases()):
        if k % step != skip or case.right.weight > heaviest:
            continue
        for claim in dict.fromkeys((case.right, simplify(case.right), expand(case.right, 60))):
            score.correct(case, claim)
        for kind, claim in mutants(case):
            count += 1
            if count % every == 0:
                score.spoiled(case, kind, claim)
        for kind, claim in pairs_of_slips(case) if pairs else ():
            score.spoiled(case, kind, claim)
    return score


def main() -> None:
    """The whole campaign, or every K-th case from J on (`--step K --skip J`), with `--pairs` of slips."""
    words = sys.argv[1:]
    step, skip = (
        int(words[words.index(f) + 1]) if f in words else d for f, d in (("--step", 1), ("--skip", 0))
    )
    start_time = time.process_time()
    score = Score()
    for k in range(skip, len(_cases()), step):
        score.merge(campaign(step=10**6, skip=k, pairs="--pairs" in words))
        if k % 20 == skip % 20 and sys.stderr.isatty():
            print(f"{k} cases: {sum(score.total.values())} claims", file=sys.stderr)
        if "--part" in words and k % 10 == skip % 10:
            print(score.report(), flush=True)
    if "-v" in words:
        print("\n".join([*score.missed, *score.accused, *score.wrong_words]))
    print(score.report())
    print(f"{time.process_time() - start_time:.0f} s of process time")


if __name__ == "__main__":
    main()
