"""The public face of a problem: an objective, its unknowns, and how to find the optimum.

Everything is derived from the statement: unconstrained form, gradient, Hessian, kernels, and the certificate.
The parts are below: `optimality` and `convexity` for symbols, `solving` for numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from . import notation
from .build import negate
from .constraint import Constraint
from .convexity import Convexity, problem_convexity
from .declaring import parse
from .errors import ArgumentError, NotCertifiedWarning, SizeError
from .expression import Expression
from .given import merge_arrays
from .node import Variable, close_facts, variables
from .operations import find_variable, gradient, hessian
from .optimality import (
    KKT,
    ClosedForm,
    Dual,
    Lagrangian,
    Relation,
    SecondOrder,
    closed_forms,
    dual,
    joint_closed_form,
    kkt_residual,
    lagrangian,
    surrogate,
    without_facts,
)
from .simplify import simplify
from .solving import Options, Posed, plan, prepare, solve


@final
class Problem:
    """Minimise (or maximise) a scalar expression over some of its variables.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> problem = dv.minimize(loss, over="w")
    >>> result = problem.solve(X=[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], y=[3.0, 8.0, 1.0], backend="numpy")
    >>> result.success, result["w"].round(6).tolist()
    (True, [3.0, 4.0])
    """

    def __init__(
        self,
        objective: Expression,
        over: Sequence[Variable],
        constraints: Sequence[Constraint],
        sense: str,
        derivation: Dual | None = None,
    ) -> None:
        self.objective, self.sense, self.constraints = objective, sense, tuple(constraints)
        self.derivation = derivation  # of a dual: its steps, and the primal unknowns in terms of its own
        self._over = tuple(over)
        relations = [Relation(c.left.node, c.relation, c.right.node) for c in constraints]
        sides = [side for c in constraints for side in (c.left, c.right)]
        declared = {v.name: v for e in (objective, *sides) for v in e.declared}
        self._posed = Posed(objective.node, self._over, relations, sense, list(declared.values()))

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names of what is sought."""
        return tuple(v.name for v in self._over)

    @property
    def declared(self) -> tuple[Variable, ...]:
        """All variables, data first, in the order of their names."""
        data = (*self._posed.given, *self._posed.idle)
        return (*sorted(data, key=lambda v: v.name), *self._over)

    @property
    def posed(self) -> Posed:
        """The problem as bare nodes, for the layers that generate solvers from it."""
        return self._posed

    def __str__(self) -> str:
        head = f"{self.sense} {self.objective}\n  over {', '.join(_with_facts(v) for v in self._over)}"
        return head + "".join(f"\n  subject to {c}" for c in self.constraints)

    __repr__ = __str__

    def latex(self) -> str:
        """The problem in LaTeX, as one aligned block."""
        facts = [f"{notation.latex(v)} {sign}" for v in self._over for sign in _signs(v)]
        for v in self._over:
            if "orthogonal" in v.facts:
                facts.append(rf"{notation.latex(v)}^\top {notation.latex(v)} = I")
        names = ", ".join(notation.latex(v) for v in self._over)
        rows = [rf"\{self.sense[:3]}_{{{names}}} \quad & {self.objective.latex(named=False)}"]
        conditions = [*(c.latex() for c in self.constraints), *facts]
        rows += [
            rf"{chr(92)}text{{s.t.}} \quad & {c}" if k == 0 else f"& {c}" for k, c in enumerate(conditions)
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def gradient(self) -> Any:
        """The gradient with respect to the unknowns (a list where there are several)."""
        return gradient(self.objective, self._wrt())

    def hessian(self) -> Any:
        """The Hessian with respect to the unknowns (a table of blocks where there are several)."""
        return hessian(self.objective, self._wrt())

    def lagrangian(self, names: Any = None) -> Expression:
        """The Lagrangian with one multiplier per constraint; `names` names them."""
        node = without_facts(self._lagrangian(names).node)
        named = {v.name for v in variables(node)}
        return Expression(node, [v for v in self.objective.declared if v.name not in named])

    def kkt(self, names: Any = None) -> KKT:
        """The Karush–Kuhn–Tucker conditions: `str()`, `.lines()`, `.latex()`."""
        return KKT(self._lagrangian(names))

    def kkt_residual(
        self, point: Mapping[str, Any], arrays: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Any:
        """How far a point is from satisfying the KKT conditions; missing multipliers are fitted."""
        return kkt_residual(self.kkt(), point, merge_arrays(arrays, more))

    def second_order(self, names: Any = None) -> SecondOrder:
        """The Hessian of the Lagrangian and the tangent space; `.at(point, **data)` classifies a point."""
        return SecondOrder(self.kkt(names))

    def convexity(self) -> Convexity:
        """Is the problem convex? `.status` is "convex" (with `.proof`), "not convex" or "undecided"."""
        if self.derivation is not None:
            return Convexity("convex", "a dual function is an infimum of affine functions of its multipliers")
        stated = [(c.left.node, c.relation, c.right.node) for c in self.constraints]
        return problem_convexity(self.objective.node, self._over, self.sense, stated)

    def closed_form(self, joint: bool = False) -> dict[str, ClosedForm]:
        """Where stationarity is solved by a formula or a decomposition: the solution of each unknown, by name.

        The other unknowns are held fixed (the steps of an alternating scheme); with `joint` the forms are the
        optimum in all unknowns, in the order in which they are to be evaluated.
        """
        find = joint_closed_form if joint else closed_forms
        return {v.name: c for v, c in find(self._lagrangian(None)).items()}

    def expectation(self) -> tuple[Problem, dict[str, Expression]]:
        """The steps of EM: the M-step as a problem, and the responsibilities (the E-step) by name.

        The responsibilities are the gradient of the log-sum-exp in the objective; with them for data, the M-step has
        closed forms where the statement has none.
        """
        found = surrogate(self._posed.minimised, self._over)
        node = found.objective if self.sense == "minimize" else simplify(negate(found.objective))
        declared = (*self.objective.declared, *found.responsibilities)
        step = Problem(Expression(node, declared), self._over, self.constraints, self.sense)
        shares = {v.name: Expression(n, self.objective.declared) for v, n in found.responsibilities.items()}
        return step, shares

    def dual(self, kernels: Mapping[str, str] | None = None, names: Any = ()) -> Problem:
        """The Lagrange dual: a problem of its own, whose `derivation` holds the steps and the way back.

        `kernels` names Gram matrices, {"X": "K"} for K = X @ X.T; `names` are names for the multipliers of data
        maps. Raises `UnsupportedError` where the objective is not proved convex, or an inner minimum has no form.
        """
        found = dual(self._lagrangian(None), kernels, names)
        added = {v for node in (found.objective, *(r.left for r in found.relations)) for v in variables(node)}
        sides = [side for c in self.constraints for side in (c.left, c.right)]
        declared = {v for e in (self.objective, *sides) for v in e.declared} - set(self._over)
        if kernels:
            declared -= {v for v in declared if v.name in kernels}
        objective = Expression(found.objective, declared | added)
        conditions = [Constraint(Expression(r.left), r.sign, Expression(r.right)) for r in found.relations]
        return Problem(objective, found.unknowns, conditions, found.sense, found)

    def _lagrangian(self, names: Any) -> Lagrangian:
        return lagrangian(self.objective.node, self._over, self._posed.relations, self.sense, names)

    def _wrt(self) -> Any:
        return self._over[0].name if len(self._over) == 1 else list(self.unknowns)

    def solve(
        self,
        arrays: Mapping[str, Any] | None = None,
        /,
        *,
        start: Any = None,
        method: str | None = None,
        precision: str | None = None,
        max_time: float | None = None,
        max_iterations: int = 10_000,
        tolerance: float = 1e-8,
        progress: bool = False,
        callback: Callable[[Any], None] | None = None,
        backend: str | None = None,
        seed: int = 0,
        starts: int = 1,
        options: Mapping[str, Any] | None = None,
        checkpoint: str | Path | None = None,
        **more: Any,
    ) -> Any:
        """The optimum on data: SciPy's `OptimizeResult`, with a certificate.

        Data come by keyword or as one mapping. `r["w"]` is the minimiser; `r.success` is true only when the
        interpreter, independently of the solver, finds the point stationary (see `r.certificate`); what is not
        certified comes with a `NotCertifiedWarning` whose text is `r.message`.

        start      arrays for some or all unknowns, or an earlier result; sizes that no data array shows are learnt from
                   them, or given by name (`k=3`); an array alone is that of the only unknown
        method     "newton", "lbfgs", "adam", … (`derive.kernels.optimizers.METHODS`), or SciPy's names; chosen if None
        precision  "high" refines a sum of squares in many digits; by itself where its condition asks for it
        max_time   seconds for the iterations; making kernels, which happens once, is not counted
        backend    "numba", or "numpy" for the interpreter; small problems are not worth compiling
        starts     that many runs, all but the first from random points (reproducible by `seed`); the best is kept
        options    of the method, such as {"learning_rate": 0.1, "batch_size": 64}; an unknown one names those there are
        checkpoint a file (.npz) that keeps a long run; if it is there, the run goes on from it
        """
        chosen = Options(
            method=method,
            precision=precision,
            max_time=max_time,
            max_iterations=max_iterations,
            tolerance=tolerance,
            progress=progress,
            callback=callback,
            backend=backend,
            seed=seed,
            of_method=dict(options or {}),
            checkpoint=checkpoint,
        )
        result = solve(self._posed, merge_arrays(arrays, more), start, chosen, starts)
        if not result.success:
            warnings.warn(f"the answer is not certified: {result.message}", NotCertifiedWarning, stacklevel=2)
        return result

    def prepare(
        self,
        arrays: Mapping[str, Any] | None = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
        method: str | None = None,
        **more: Any,
    ) -> Any:
        """A solver for these data whose whole loop is compiled: `fast()` gives the minimiser, `fast(lam=0.2)` that
        for changed data, `fast.path("lam", values)` many in a row.

        Of many unknowns the kernels are compiled, and the loop around them is the one that `solve` would take.
        Under constraints it is the interior point on up to 400 unknowns, slacks included (2500 of smooth objectives
        under linear conditions), and `start` decides between minima. With method "em" it is
        expectation–maximisation: `fast(iterations=20)`. It proves nothing: `fast.certify(answer)` does.
        Raises `UnsupportedError` unless the problem is smooth with weights on |x| and bounds, has constraints (facts on
        vectors too) without semidefinite matrices or, for "em", is a mixture likelihood. Ctrl-C raises
        `KeyboardInterrupt` here and in calls: unlike `solve`, neither has a point to give back.

        >>> import derive as dv
        >>> text = "sumsq(X @ w - y)/2 + lam*norm(w, 1)"
        >>> shapes = {"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}
        >>> fast = dv.minimize(text, over="w", variables=shapes).prepare(X=[[1.0], [2.0]], y=[1.0, 3.0], lam=1.0)
        >>> fast()["w"].tolist(), fast(lam=7.0)["w"].tolist()
        ([1.2], [0.0])
        """
        return prepare(self._posed, merge_arrays(arrays, more), start, method)

    def plan(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The method that would be chosen for these sizes, or data, and why.

        Printed with what is proved: convexity, and on data the constants of strong convexity and smoothness.

        >>> import derive as dv
        >>> loss = dv.parse("sumsq(X @ w - y) / 2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
        >>> print(dv.minimize(loss, over="w").plan(X=[[3.0, 0.0], [0.0, 2.0]], y=[1.0, 1.0]))
        levenberg-marquardt: linear least squares: orthogonal factorisation
          proved convex: every certified answer is a global optimum
          strong convexity     4   (μ = λ_min of X.T @ X)
          smoothness           9   (L = λ_max of X.T @ X)
          condition            2.25   (L/μ)
        """
        return plan(self._posed, merge_arrays(arrays, more))


def _signs(v: Variable) -> list[str]:
    """What the facts say of an unknown, as relations in LaTeX."""
    found = []
    if "simplex" in v.facts:
        found.append(rf"\ge 0, \; \mathbf{{1}}^\top {notation.latex(v)} = 1")
    elif "positive" in v.facts:
        found.append("> 0")
    elif "nonnegative" in v.facts:
        found.append(r"\ge 0")
    if "pd" in v.facts:
        found.append(r"\succ 0")
    elif "psd" in v.facts:
        found.append(r"\succeq 0")
    return found


def _with_facts(v: Variable) -> str:
    """The name, and what confines it: facts on an unknown are constraints."""
    implied = {fact for other in v.facts for fact in close_facts([other]) - {other}}
    found = sorted(v.facts - implied)
    return f"{v.name} ({', '.join(found)})" if found else v.name


def minimize(
    objective: Expression | str,
    over: Any,
    subject_to: Sequence[Any] = (),
    *,
    variables: Mapping[str, Sequence[Any]] | None = None,
    facts: Mapping[str, Sequence[str]] | None = None,
) -> Problem:
    """The problem of minimising an expression over some of its variables.

    `objective` is an expression, or text with `variables` (and `facts`) as in `parse`; `over` is a variable,
    its name, or a list of them. Facts on an unknown (`positive`, `simplex`, `pd`) are constraints.
    """
    return _problem("minimize", objective, over, subject_to, variables, facts)


def maximize(
    objective: Expression | str,
    over: Any,
    subject_to: Sequence[Any] = (),
    *,
    variables: Mapping[str, Sequence[Any]] | None = None,
    facts: Mapping[str, Sequence[str]] | None = None,
) -> Problem:
    """The problem of maximising an expression; see `minimize`."""
    return _problem("maximize", objective, over, subject_to, variables, facts)


def _problem(
    sense: str, objective: Any, over: Any, subject_to: Sequence[Any], variables: Any, facts: Any
) -> Problem:
    if isinstance(objective, str):
        objective = parse(objective, variables=variables, facts=facts)
    elif variables or facts:
        raise ArgumentError("variables and facts are for an objective given as text")
    if objective.shape:
        raise SizeError(f"an objective is a number, but this one has sizes {objective.shape}")
    unknowns = [find_variable(objective, w) for w in (over if isinstance(over, list | tuple) else [over])]
    if not unknowns:
        raise ArgumentError(f"{sense} needs at least one unknown")
    constraints: list[Constraint] = []
    for condition in [subject_to] if isinstance(subject_to, str | Constraint) else subject_to:
        constraints += _constraints(condition, objective)
    return Problem(objective, unknowns, constraints, sense)


def _constraints(condition: Any, objective: Expression) -> list[Constraint]:
    if isinstance(condition, Constraint):
        if condition.relation in ("<", ">"):
            raise ArgumentError(f"{condition}: a strict inequality cannot be a constraint; write <= or >=")
        return [condition]
    if isinstance(condition, str):
        from .statement.text import parse_constraint

        found = parse_constraint(condition, {v.name: v for v in objective.declared})
        return [Constraint(Expression(c.left), c.sign, Expression(c.right)) for c in found]
    raise ArgumentError(f"{condition!r} is not a constraint; write it as w >= 0, or as text")
