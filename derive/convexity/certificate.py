"""The verdict on convexity: convex with a proof, not convex with a counterexample, or undecided.

A function on a convex set is convex if its second derivative along every line, the quadratic form of its
Hessian, is nonnegative there; kinks count as measures (see `curvature`). The rules are those of Klaus, Merk,
Wiedom, Laue, Giesen, Convexity Certificates from Hessians, NeurIPS 2022, read off the form instead of the
matrix, so that matrix unknowns, several unknowns and compositions need no rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from .. import notation
from ..build import constant_value, inner, is_zero, negate, total
from ..differentiate import substitute
from ..evaluate import evaluate
from ..node import Apply, Node, Variable, size_symbols, variable, variables
from ..operators import lookup
from ..sizes import Binding
from ..stable import recognise
from ..statement.arithmetic import sub
from .bounds import form_bounds, matrix_of
from .by_cases import without_cases
from .curvature import Line, Undecided
from .domains import check_domain, check_unknown, rounded, signed_where_defined
from .forms import prove_form
from .search import Counterexample, search
from .signs import Prover, Step
from .splitting import split

#: Where the second derivative has more parts than this, a counterexample is looked for before a proof: one that does
#: not exist may be sought for minutes.
LONG = 60


@final
@dataclass(frozen=True)
class Convexity:
    """The verdict. `status` is "convex", "not convex" or "undecided".

    `proof` is a tree of steps, `counterexample` a point and a direction; lower ≤ ∇²f ≤ upper where found.
    `bounds` are the same as quadratic forms in `directions`, one for each unknown, and `kinks` the measures in `form`
    with the operators whose kinks they are.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y) / 2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> print(dv.minimize(loss, over="w").convexity())
    convex: the second derivative along every direction d is nonnegative
    Hessian >= X.T @ X
    Hessian <= X.T @ X
      sumsq(X @ d_w) >= 0    [from the facts of its parts]
    """

    status: str
    reason: str
    proof: Step | None = None
    counterexample: Counterexample | None = None
    form: Node | None = None
    domain: tuple[str, ...] = ()
    bounds: tuple[Node | None, Node | None] = (None, None)
    directions: tuple[Variable, ...] = ()
    kinks: Mapping[Variable, Node] = field(default_factory=dict)

    @property
    def lower(self) -> Node | None:
        """The matrix of the lower bound, of a single unknown."""
        return self._matrix(self.bounds[0])

    @property
    def upper(self) -> Node | None:
        """The matrix of the upper bound, of a single unknown."""
        return self._matrix(self.bounds[1])

    def _matrix(self, bound: Node | None) -> Node | None:
        if bound is None or len(self.directions) != 1 or self.directions[0].order > 2:
            return None
        return matrix_of(bound, self.directions[0])

    def lines(self, steps: bool = True) -> list[str]:
        """The verdict and its grounds; the proof step by step, or its claim alone."""
        out = [self.status + (f": {self.reason}" if self.reason else "")]
        if self.domain:
            out.append("on the convex set " + ", ".join(self.domain))
        out += [f"{what} {sign} {shown}" for what, sign, shown in self.inequalities()]
        if self.proof is not None:
            shown = self.proof.lines(1) if steps else self.proof.lines(1)[:1]
            out += shown
            for kink, node in self.kinks.items():
                if any(kink.name in line for line in shown):
                    out.append(f"  {kink.name} is {_origin(node)}")
        if self.counterexample is not None:
            out.append(f"  {self.counterexample}")
        return out

    def inequalities(self) -> list[tuple[str, str, str]]:
        """The bounds of the Hessian as text: what, the sign, and the matrix; of several unknowns the form."""
        found = []
        for sign, bound, matrix in ((">=", self.bounds[0], self.lower), ("<=", self.bounds[1], self.upper)):
            if bound is None or (sign == ">=" and is_zero(bound)):
                continue
            if matrix is not None:
                found.append(("Hessian", sign, _shown(matrix)))
            else:
                found.append(("second derivative", sign, notation.text(bound)))
        return found

    def constants(
        self, arrays: Mapping[str, Any] | None = None, /, **more: Any
    ) -> tuple[float | None, float | None]:
        """(λ_min(lower), λ_max(upper)) on data: strong convexity, and the Lipschitz constant of the gradient.

        None stands for a bound that was not found.

        >>> import derive as dv
        >>> loss = dv.parse("sumsq(X @ w - y) / 2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
        >>> dv.minimize(loss, over="w").convexity().constants(X=[[3.0, 0.0], [0.0, 2.0]])
        (4.0, 9.0)
        """
        data = {**(arrays or {}), **more}
        bounds = [n for n in self.bounds if n is not None]
        whole = [*([] if self.form is None else [self.form]), *bounds, *self.kinks.values()]
        binding = Binding({s: int(data[s.name]) for s in size_symbols(*whole) if s.name in data})
        for v in variables(*whole):
            if v.name in data:
                binding.learn(v.name, v.shape, np.shape(data[v.name]))
        found = [
            None if b is None else np.linalg.eigvalsh(self.assembled(b, data, binding)) for b in self.bounds
        ]
        return (
            None if found[0] is None else float(found[0][0]),
            None if found[1] is None else float(found[1][-1]),
        )

    def assembled(self, bound: Node, data: Mapping[str, Any], binding: Binding) -> Any:
        """The matrix of one of `bounds` over all entries of the unknowns, in numbers."""
        sizes = {s.name: n for s, n in binding.values.items()}
        counts = [int(np.prod(binding.shape(d.shape), dtype=np.int64)) for d in self.directions]
        rows = []
        for i, d in enumerate(self.directions):
            row = []
            for j, e in enumerate(self.directions):
                node = matrix_of(bound, d, e)
                names = {v.name for v in variables(node)} | {s.name for s in size_symbols(node)}
                block = evaluate(node, {k: a for k, a in {**sizes, **data}.items() if k in names})
                row.append(np.broadcast_to(block, binding.shape(node.shape)).reshape(counts[i], counts[j]))
            rows.append(row)
        return np.block(rows)

    def record(self) -> dict[str, Any]:
        """The verdict as plain data."""
        bounds = {"lower": self.lower, "upper": self.upper}
        example = self.counterexample
        return {
            "status": self.status,
            "reason": self.reason,
            "domain": list(self.domain),
            "proof": self.proof.lines() if self.proof is not None else [],
            "kinks": {kink.name: notation.text(node) for kink, node in self.kinks.items()},
            **{k: notation.text(n) if n is not None else None for k, n in bounds.items()},
            "counterexample": None if example is None else str(example),
        }

    def latex(self) -> str:
        """Verdict, bounds of the Hessian and second derivative as one aligned block."""
        rows = [rf"&\text{{{self.status}}}"]
        if self.form is not None:
            rows.append(rf"&d^\top \nabla^2 f \, d = {notation.latex(self.form, named=False)}")
        if self.lower is not None:
            rows.append(rf"&\nabla^2 f \succeq {notation.latex(self.lower, named=False)}")
        if self.upper is not None:
            rows.append(rf"&\nabla^2 f \preceq {notation.latex(self.upper, named=False)}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def _origin(node: Node) -> str:
    """What a measure in a proof stands for."""
    curvature = lookup(node.op).curvature if isinstance(node, Apply) else 0
    if not curvature:
        return f"the second derivative of {notation.text(node)} at its kinks, a measure"
    word = "convex" if curvature > 0 else "concave"
    return f"the size of the second derivative of {notation.text(node)}, an operator known as {word}"


def _shown(bound: Node) -> str:
    """A bound as text, one of more than two axes in index notation."""
    return notation.text(bound) if bound.order <= 2 else notation.lines(bound)[0]


def convexity(
    objective: Node,
    unknowns: Sequence[Variable],
    *,
    seed: int = 0,
    look: bool = True,
    compose: bool = True,
    bounded: bool | None = None,
) -> Convexity:
    """Is the scalar convex in the unknowns jointly, for all data that satisfy the facts?

    `look` asks for a counterexample where no proof is found; `compose` allows the proof to take affine parts
    for unknowns of their own; `bounded` asks for bounds of the Hessian (by default as `look`).
    """
    root = recognise(objective)
    doubt: Counterexample | None = None
    directions = {v: variable(f"d_{v.name}", v.shape, v.facts & {"symmetric", "diagonal"}) for v in unknowns}
    form: Node | None = None
    reason = "no rule proves the second derivative nonnegative, and no counterexample was found"
    try:
        values, forms = Prover(), Prover(directions.values())
        for v in unknowns:
            check_unknown(v)
        line = Line(root, directions, rounded(values))
        form = line.jets[root].curvature
        domain = tuple(check_domain(root, line, values, forms))
        forms.positive, forms.negative = signed_where_defined(root)
        forms.kinks = frozenset(line.kinks)
        if form is None or is_zero(form):
            return Convexity("convex", "the objective is affine in the unknowns", domain=domain)
        if form.weight > LONG:
            doubt = search(root, unknowns, form, directions, tries=3, seed=seed)
        proof = None if doubt is not None else prove_form(forms, form)
        if proof is not None:
            because = "the second derivative along every direction d is nonnegative"
            bounds: tuple[Node | None, Node | None] = (None, None)
            if look if bounded is None else bounded:
                bounds = form_bounds(form, directions, line.kinks, forms)
            along = tuple(directions.values())
            return Convexity("convex", because, proof, None, form, domain, bounds, along, line.kinks)
    except Undecided as found:
        reason = str(found)
    apart = _by_cases(root, unknowns) if doubt is None else None
    if apart is not None:
        return apart
    composed = _of_affine_maps(root, unknowns) if compose and doubt is None else None
    if composed is not None:
        return composed
    example = doubt or (search(root, unknowns, form, directions, seed=seed) if look else None)
    if example is not None:
        what = "negative curvature" if example.kind == "curvature" else "a chord below the graph"
        return Convexity("not convex", f"{what}, checked to 50 digits", None, example, form)
    return Convexity("undecided", reason, None, None, form)


def _by_cases(root: Node, unknowns: Sequence[Variable]) -> Convexity | None:
    """Convex in losses that are stated by cases, and in what is left without them."""
    found = without_cases(root, unknowns)
    if found is None:
        return None
    rest, proofs = found
    left = convexity(rest, unknowns, look=False, compose=False)
    if left.status != "convex":
        return None
    claim = f"{notation.text(root)} is convex"
    premises = (*proofs, *([left.proof] if left.proof is not None else []))
    return Convexity(
        "convex",
        "its terms are, those by cases entry by entry",
        Step(claim, "a sum", premises),
        domain=left.domain,
    )


def _of_affine_maps(root: Node, unknowns: Sequence[Variable]) -> Convexity | None:
    """Convex in the values of its affine parts, taken for unknowns of their own: f(Ax + b, x)."""
    named = split(root, unknowns, {v.name for v in variables(root)} | {v.name for v in unknowns})
    if not named.named:
        return None
    found = convexity(named.objective, [*unknowns, *named.named], look=False, compose=False)
    if found.status != "convex":
        return None
    stands = ", ".join(f"{z.name} = {notation.text(part)}" for z, part in named.named.items())
    claim = f"{notation.text(named.objective)} is convex in {', '.join(v.name for v in [*named.named, *unknowns])}"
    premises = (found.proof,) if found.proof is not None else ()
    proof = Step(claim, "its second derivative along every direction is nonnegative", premises)
    return Convexity(
        "convex", f"a convex function of affine functions, {stands}", proof, None, None, found.domain
    )


def with_signs(
    objective: Node, unknowns: Sequence[Variable], relations: Iterable[tuple[Node, str, Node]]
) -> tuple[Node, list[Variable]]:
    """Bounds x >= c of unknowns by numbers c >= 0 as facts: objective and unknowns with signs."""
    signs: dict[Node, Node] = {}
    signed = list(unknowns)
    for left, sign, right in relations:
        x, bound = (left, right) if sign == ">=" else (right, left)
        number = constant_value(bound)
        if sign == "==" or x not in unknowns or number is None or not number.is_nonnegative:
            continue
        assert isinstance(x, Variable)
        found = variable(x.name, x.shape, {*x.facts, "positive" if number.is_positive else "nonnegative"})
        signs[x] = found
        signed = [found if v is x else v for v in signed]
    return (substitute(objective, signs) if signs else objective), signed


def problem_convexity(
    objective: Node,
    unknowns: Sequence[Variable],
    sense: str,
    relations: Iterable[tuple[Node, str, Node]] = (),
    look: bool = True,
) -> Convexity:
    """Is the problem convex: the objective (negated for a maximum), every g ≤ 0, and every equation affine?"""
    relations, least = list(relations), objective if sense == "minimize" else negate(objective)
    main = convexity(least, unknowns, look=look, bounded=True)
    if main.status != "convex":
        signed, bounded = with_signs(least, unknowns, relations)
        if signed is least:
            return main
        main = convexity(signed, bounded, look=look, bounded=False)
        if main.status != "convex":
            return main
        facts = tuple(
            f"{v.name} {'> 0' if 'positive' in v.facts else '>= 0'}" for v in bounded if v not in unknowns
        )
        main = Convexity("convex", main.reason, main.proof, domain=(*facts, *main.domain))
    premises = [main.proof] if main.proof is not None else []
    for left, sign, right in relations:
        residual = sub(right, left) if sign == ">=" else sub(left, right)
        shown = f"{notation.text(left)} {sign} {notation.text(right)}"
        weights = variable("_weight", residual.shape, ["nonnegative"])
        scalar = inner(weights, residual) if residual.order else total(residual)
        verdicts = [convexity(scalar, unknowns, look=False)]
        if sign == "==":
            verdicts.append(convexity(negate(scalar), unknowns, look=False))
        if any(v.status != "convex" for v in verdicts):
            kind = "affine" if sign == "==" else "convex"
            return Convexity("undecided", f"the objective is convex, but {shown} is not known to be {kind}")
        reason = "affine" if sign == "==" else "convex in the unknowns"
        premises.append(Step(shown, reason, tuple(v.proof for v in verdicts if v.proof is not None)))
    if len(premises) <= 1:
        return main
    claim = Step("the problem is convex", "objective and constraints", tuple(premises))
    return replace(main, proof=claim)
