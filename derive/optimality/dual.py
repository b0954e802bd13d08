"""The Lagrange dual of a convex problem, block by block.

    g(λ, ν) = inf_x f(x) + ⟨λ, g(x)⟩ + ⟨ν, h(x)⟩,       maximise g over λ ≥ 0

Data maps inside the objective are named first (`splitting`: z = Xw, with a multiplier of its own), so that the
Lagrangian falls into blocks z, w, each of which has its least value in closed form (`inner`). Facts on an unknown
are its domain and get no multiplier. Multipliers λ ≥ 0 that occur only in an equation r − λ = 0 are slack: r ≥ 0.
Weak duality holds always; where the problem is convex and Slater's condition holds, so does strong duality
(Boyd & Vandenberghe, Convex Optimization, §5.1–5.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from .. import notation
from ..build import (
    add,
    constant_value,
    inner,
    is_zero,
    multiply,
    negate,
    power,
    scale,
    split_power,
    split_scale,
    zero,
)
from ..convexity.certificate import convexity, with_signs
from ..convexity.splitting import Split, fresh_name, split
from ..differentiate import gradient, jvp, substitute
from ..errors import ArgumentError, DeclarationError, UnsupportedError
from ..node import (
    Apply,
    Node,
    Variable,
    depends_on,
    size_symbols,
    transform,
    variable,
    variables,
)
from ..operators import rebuild
from ..simplify import expand, simplify
from ..sizes import ONE, check_name
from ..stable import recognise
from ..statement.arithmetic import sub
from ..sums import flat_terms
from .affine import MINUS
from .closed_form import closed_form, minimised
from .gram import kernelised
from .inner import Inner, Terms, inner_minimum, narrow, parts
from .lagrangian import Lagrangian, Relation, without_simplex
from .partition import at_best, exponents_opened, shifted


@final
@dataclass(frozen=True)
class Dual:
    """A dual problem and how it came about.

    objective    to be maximised (minimised where the primal is a maximum) over `unknowns` under `relations`
    primal       unknowns of the primal in terms of an optimal dual point, where that is determined
    multipliers  a dual point from a primal one: the slope of the loss at the data map (see `candidate`)
    steps        the derivation, one line per block
    conditions   what else has to hold
    """

    objective: Node
    unknowns: tuple[Variable, ...]
    relations: tuple[Relation, ...]
    sense: str
    primal: Mapping[Variable, Node]
    multipliers: Mapping[Variable, Node]
    steps: tuple[str, ...]
    conditions: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The derivation and what it yields."""
        out = list(self.steps)
        out += [f"{v.name} = {notation.text(node)}" for v, node in self.primal.items()]
        return out + [f"if {c}" for c in self.conditions]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def dual(
    stated: Lagrangian,
    kernels: Mapping[str, str] | None = None,
    names: Mapping[int, str] | Sequence[str] = (),
) -> Dual:
    """The dual of the problem; `stated` is its Lagrangian, whose multipliers of constraints are used.

    `kernels` maps names of data matrices to names of their Gram matrices, {"X": "K"} for K = XXᵀ;
    `names` are names for the multipliers of data maps. Raises `UnsupportedError` where an inner minimum has
    no form that is known, or is not proved to be a minimum.
    """
    objective = recognise(minimised(stated))
    own = [c.statement for c in stated.conditions if c.statement is not None]
    signed = with_signs(objective, stated.unknowns, [(r.left, r.sign, r.right) for r in own])
    if all(convexity(*f, look=False).status != "convex" for f in ((objective, stated.unknowns), signed)):
        raise UnsupportedError(
            "the dual is derived for convex objectives, and this one is not proved to be convex"
        )
    attempts = [False, True] if any(c.statement is not None for c in stated.conditions) else [True]
    found: list[_Attempt] = []
    reasons: list[UnsupportedError] = []
    for splits in attempts:
        try:
            attempt = _Attempt(stated, objective, splits, names)
        except UnsupportedError as error:
            reasons.append(error)
            continue
        if not attempt.conditions:
            return attempt.result(kernels or {})
        found.append(attempt)
    if found:
        return found[0].result(kernels or {})
    opened = without_simplex(stated)
    if opened is not None:
        return dual(opened, kernels, names)
    raise reasons[-1]


class _Attempt:
    """The dual with data maps named, or not."""

    def __init__(
        self, stated: Lagrangian, objective: Node, splits: bool, names: Mapping[int, str] | Sequence[str]
    ) -> None:
        self.stated = stated
        self.own = [c for c in stated.conditions if c.statement is not None]
        everything = [objective, *(c.residual for c in stated.conditions)]
        self.taken = {v.name for v in variables(*everything)} | {v.name for v in stated.unknowns}
        self.taken |= {s.name for s in size_symbols(*everything)} | {v.name for v in stated.multipliers}
        named = split(objective, stated.unknowns, self.taken) if splits else Split(objective, {})
        if splits and not named.named and not self.own:
            raise UnsupportedError(
                "there is nothing to dualise: no constraint, and no data map such as X @ w inside a convex function"
            )
        wanted = dict(names.items() if isinstance(names, Mapping) else enumerate(names))
        self.maps: dict[Variable, Variable] = {}  # z -> its multiplier
        for k, z in enumerate(named.named):
            self.maps[z] = variable(self._name(wanted.pop(k, None)), z.shape)
        if wanted:
            raise ArgumentError(f"there are {len(self.maps)} data maps, but more names were given")
        self.named = named
        self.steps = [
            f"name {z.name} = {notation.text(part)}, with multiplier {self.maps[z].name}"
            for z, part in named.named.items()
        ]
        self.relations: list[Relation] = []
        self.primal: dict[Variable, Node] = {}
        self.conditions: list[str] = []
        self.added: list[Variable] = []
        self.value = self._eliminate()

    def _name(self, wanted: str | None) -> str:
        if wanted is None:
            return fresh_name("alpha", self.taken)
        check_name(wanted, "multiplier")
        if wanted in self.taken:
            raise DeclarationError(f"a multiplier cannot be called {wanted}: the name is taken")
        self.taken.add(wanted)
        return wanted

    def _eliminate(self) -> Node:
        """The Lagrangian with every block at its least value."""
        terms = [(ONE, self.named.objective)]
        for z, part in self.named.named.items():
            gap = add([(ONE, part), (MINUS, z)], z.shape)
            terms.append((ONE, inner(self.maps[z], gap)))
        for c in self.own:
            assert c.multiplier is not None
            terms.append((c.orientation, inner(c.multiplier, c.residual)))
        whole = expand(_shifts_opened(recognise(add(terms, ())), self.stated.unknowns))
        finished: Terms = []
        blocks = [*self.named.named, *self.stated.unknowns]
        for k, v in enumerate(blocks):
            nonlinear, slope, rest = parts(flat_terms(whole), v)
            if nonlinear and any(depends_on(t, u) for _, t in nonlinear for u in blocks[k + 1 :]):
                others = [u.name for u in blocks[k + 1 :] if any(depends_on(t, u) for _, t in nonlinear)]
                raise UnsupportedError(f"the Lagrangian does not separate {v.name} from {', '.join(others)}")
            if not nonlinear and is_zero(simplify(slope)):
                continue
            if any(depends_on(slope, u) for u in blocks):
                raise UnsupportedError(f"the Lagrangian does not separate {v.name} from the other unknowns")
            found = inner_minimum(nonlinear, slope, v, self.taken)
            self._note(v, found)
            finished.append((ONE, found.value))
            whole = add(rest, ())
        return recognise(add([*finished, *((c, simplify(t)) for c, t in flat_terms(whole))], ()))

    def _note(self, v: Variable, found: Inner) -> None:
        self.steps.append(f"over {v.name}: {found.reason}")
        self.relations += list(found.relations)
        self.conditions += list(found.conditions)
        self.added += list(found.added)
        if found.minimiser is not None and v in self.stated.unknowns:
            self.primal[v] = simplify(found.minimiser)

    def result(self, kernels: Mapping[str, str]) -> Dual:
        """The dual problem, tidied."""
        unknowns = [
            *self.maps.values(),
            *(c.multiplier for c in self.own if c.multiplier is not None),
            *self.added,
        ]
        relations, unknowns = self._without_slack(unknowns)
        value = self.value
        value, unknowns = self._without_normaliser(value, relations, unknowns)
        if not any(depends_on(value, v) for v in unknowns) and not relations:
            raise UnsupportedError("the dual has no unknowns left")
        value, relations = self._with_kernels(value, relations, kernels)
        value, relations, unknowns = self._signed(value, relations, unknowns)
        largest = self.stated.sense == "minimize"
        shown = [r for r in (_tidy(r) for r in relations) if r is not None]
        slopes = {alpha: simplify(gradient(self.named.objective, z)) for z, alpha in self.maps.items()}
        named: dict[Node, Node] = dict[Node, Node](list(self.named.named.items()))
        back = {alpha: substitute(s, named) for alpha, s in slopes.items()}
        return Dual(
            value if largest else simplify(negate(value)),
            tuple(unknowns),
            tuple(shown),
            "maximize" if largest else "minimize",
            self.primal,
            {alpha: node for alpha, node in back.items() if alpha in unknowns},
            tuple(self.steps),
            tuple(dict.fromkeys(self.conditions)),
        )

    def _signed(
        self, value: Node, relations: list[Relation], unknowns: list[Variable]
    ) -> tuple[Node, list[Relation], list[Variable]]:
        """α ≥ 0 as a fact on α."""
        new: dict[Node, Node] = {}
        for r in relations:
            if r.sign == ">=" and isinstance(r.left, Variable) and r.left in unknowns and is_zero(r.right):
                new[r.left] = variable(r.left.name, r.left.shape, {*r.left.facts, "nonnegative"})
        if not new:
            return value, relations, unknowns
        moved = [Relation(substitute(r.left, new), r.sign, substitute(r.right, new)) for r in relations]
        self.maps = {z: new.get(a, a) for z, a in self.maps.items()}  # type: ignore[misc]
        self.primal = {v: substitute(n, new) for v, n in self.primal.items()}
        return substitute(value, new), moved, [new.get(v, v) for v in unknowns]  # type: ignore[misc]

    def _without_slack(self, unknowns: list[Variable]) -> tuple[list[Relation], list[Variable]]:
        """r − λ = 0 with λ ≥ 0 that occurs nowhere else: r ≥ 0."""
        relations = list(self.relations)
        left = list(unknowns)
        for v in unknowns:
            if "nonnegative" not in v.facts or depends_on(self.value, v):
                continue
            places = [k for k, r in enumerate(relations) if depends_on(r.left, v) or depends_on(r.right, v)]
            if len(places) != 1 or relations[places[0]].sign != "==":
                continue
            r = relations[places[0]]
            residual = expand(sub(r.left, r.right))
            alone = [(c, t) for c, t in flat_terms(residual) if depends_on(t, v)]
            if len(alone) != 1 or alone[0][1] is not v or not alone[0][0].is_number:
                continue
            rest = add([(c, t) for c, t in flat_terms(residual) if t is not v], residual.shape)
            positive = simplify(scale(-1 / alone[0][0], rest))  # λ
            relations[places[0]] = Relation(positive, ">=", zero(()))
            left.remove(v)
            self.steps.append(f"{v.name} = {notation.text(positive)} >= 0 is a slack")
        return relations, left

    def _without_normaliser(
        self, value: Node, relations: list[Relation], unknowns: list[Variable]
    ) -> tuple[Node, list[Variable]]:
        """The best value of a scalar multiplier in closed form: Σ exp turns into log Σ exp."""
        for v in list(unknowns):
            used = any(depends_on(side, v) for r in relations for side in (r.left, r.right))
            if v.order or used or len(unknowns) < 2 or not depends_on(value, v) or v.facts:
                continue
            step = variable("_step", v.shape)
            if not depends_on(expand(jvp(jvp(value, v, step), v, step)), v):
                continue  # quadratic: a multiplier like any other
            try:
                opened = exponents_opened(value, v)
                form = closed_form(negate(opened), v)
                best = shifted(form.node)
            except UnsupportedError:
                continue
            value = at_best(opened, v, form, best)
            self.primal = {u: at_best(exponents_opened(n, v), v, form, best) for u, n in self.primal.items()}
            unknowns = [u for u in unknowns if u is not v]
            self.steps.append(f"best over {v.name}: {v.name} = {notation.text(best)}")
        return value, unknowns

    def _with_kernels(
        self, value: Node, relations: list[Relation], kernels: Mapping[str, str]
    ) -> tuple[Node, list[Relation]]:
        for name, kernel in kernels.items():
            sides = [side for r in relations for side in (r.left, r.right)]
            data = next((v for v in variables(value, *sides) if v.name == name), None)
            if data is None or data.order != 2:
                raise UnsupportedError(
                    f"the dual holds no data matrix {name} whose Gram matrix could be named"
                )
            if kernel in self.taken:
                raise DeclarationError(f"the Gram matrix cannot be called {kernel}: the name is taken")
            gram = variable(kernel, (data.shape[0], data.shape[0]), ["psd"])
            value = simplify(kernelised(value, data, gram))
            if depends_on(value, data) or any(depends_on(side, data) for side in sides):
                raise UnsupportedError(f"the dual holds {name} other than through {name} @ {name}.T")
            self.steps.append(f"{kernel} = {name} @ {name}.T, or any positive semidefinite kernel matrix")
            self.primal = {}
        return value, relations


def _shifts_opened(root: Node, unknowns: Sequence[Variable]) -> Node:
    """‖w − c‖² multiplied out where w is an unknown itself, so that its entries stand alone."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if not isinstance(new, Apply) or split_power(new)[1] != 2 or not new.order:
            return new
        base = split_power(new)[0]
        terms = flat_terms(base)
        moving = [(c, t) for c, t in terms if any(depends_on(t, u) for u in unknowns)]
        if len(terms) < 2 or len(moving) != 1 or moving[0][1] not in unknowns:
            return new
        c, w = moving[0]
        rest = add([(e, t) for e, t in terms if t is not w], base.shape)
        two = sympy.Integer(2)
        return add([(c**2, power(w, two)), (2 * c, multiply(w, rest)), (ONE, power(rest, two))], base.shape)

    return transform([root], rewrite)[0]


def _tidy(r: Relation) -> Relation | None:
    """A relation with its constant terms on the right and no common factor; None where it says nothing."""
    residual = simplify(sub(r.left, r.right))
    if is_zero(residual):
        return None
    c, core = split_scale(simplify(r.left))
    if r.sign == "==" and is_zero(r.right):
        return _numbers_right(core)
    if c.is_number and c < 0 and not is_zero(r.right):  # −x ≤ b as x ≥ −b
        sign = {">=": "<=", "<=": ">=", "==": "=="}[r.sign]
        return Relation(scale(-c, core), sign, simplify(negate(r.right)))
    if r.sign == ">=" and isinstance(r.left, Variable) and "nonnegative" in r.left.facts and is_zero(r.right):
        return None
    if r.sign in (">=", "<=") and is_zero(r.right):
        return _turned(residual, r)
    return r


def _numbers_right(core: Node) -> Relation:
    """Σα − 1 = 0 as Σα = 1."""
    terms = flat_terms(core)
    fixed = [(c, t) for c, t in terms if constant_value(t) is not None]
    if not fixed or len(fixed) == len(terms):
        return Relation(core, "==", zero(()))
    rest = add([(c, t) for c, t in terms if constant_value(t) is None], core.shape)
    right = add([(-c, t) for c, t in fixed], core.shape)
    c, bare = split_scale(rest)
    return (
        Relation(bare, "==", narrow(scale(1 / c, right)))
        if c.is_number
        else Relation(rest, "==", narrow(right))
    )


def _turned(residual: Node, r: Relation) -> Relation:
    """a − x ≥ 0 as x ≤ a, where a holds no unknown of the dual in a product."""
    terms = flat_terms(residual)
    negative = [(c, t) for c, t in terms if c.is_number and c < 0]
    positive = [(c, t) for c, t in terms if not (c.is_number and c < 0)]
    if not negative or not positive:
        c, core = split_scale(residual)
        flipped = bool(c.is_number and c < 0)
        sign = {">=": "<=", "<=": ">="}[r.sign] if flipped else r.sign
        return Relation(core if c.is_number else residual, sign if c.is_number else r.sign, r.right)
    left = simplify(add([(-c, t) for c, t in negative], residual.shape))
    right = simplify(add(positive, residual.shape))
    right = narrow(right)
    return Relation(narrow(left) if right.order else left, "<=" if r.sign == ">=" else ">=", right)


__all__ = ["Dual", "dual"]
