"""The public face of a problem: an objective, its unknowns, and how to find the optimum.

Everything is derived from the statement: unconstrained form, gradient, Hessian, kernels, and the certificate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np

from .build import add, inner, negate
from .constrained import Constrained
from .constraint import Constraint
from .convexity import Convexity, problem_convexity
from .declaring import parse
from .differentiate import gradients, jacobian
from .errors import ArgumentError, DataError, SizeError, UnsupportedError
from .evaluate import bind
from .expression import Expression, merge_arrays
from .node import Node, Variable, size_symbols, variable
from .operations import find_variable, gradient, hessian
from .optimality import KKT, ClosedForm, Lagrangian, Relation, closed_forms, kkt_residual, lagrangian
from .reparametrise import Reparametrised, reparametrise
from .sizes import ONE, Binding
from .smoothing import has_kinks
from .squares import LeastSquares
from .stable import recognise
from .statement.arithmetic import binary

INTERRUPT, NO_VALUE = 3, 7  # the driver's status
#: Names under which the method for constraints is asked for.
_CONSTRAINED = ("interior-point", "trust-constr", "SLSQP")
_SQUARES = ("levenberg-marquardt", "lm", "leastsq")


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
        self, objective: Expression, over: Sequence[Variable], constraints: Sequence[Constraint], sense: str
    ) -> None:
        self.objective, self.sense, self.constraints = objective, sense, tuple(constraints)
        self._over = tuple(over)
        self._compiled: dict[Any, _Compiled] = {}
        self._constrained: Constrained | None = None
        self._squares: list[LeastSquares | None] = []

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names of what is sought."""
        return tuple(v.name for v in self._over)

    def __str__(self) -> str:
        head = f"{self.sense} {self.objective}\n  over {', '.join(self.unknowns)}"
        return head + "".join(f"\n  subject to {c}" for c in self.constraints)

    __repr__ = __str__

    def gradient(self) -> Any:
        """The gradient with respect to the unknowns (a list where there are several)."""
        return gradient(self.objective, self._wrt())

    def hessian(self) -> Any:
        """The Hessian with respect to the unknowns (a table of blocks where there are several)."""
        return hessian(self.objective, self._wrt())

    def lagrangian(self, names: Any = None) -> Expression:
        """The Lagrangian with one multiplier per constraint; `names` names them."""
        return Expression(self._lagrangian(names).node, self.objective.declared)

    def kkt(self, names: Any = None) -> KKT:
        """The Karush–Kuhn–Tucker conditions: `str()`, `.lines()`, `.latex()`."""
        return KKT(self._lagrangian(names))

    def kkt_residual(
        self, point: Mapping[str, Any], arrays: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Any:
        """How far a point is from satisfying the KKT conditions; missing multipliers are fitted."""
        return kkt_residual(self.kkt(), point, merge_arrays(arrays, more))

    def convexity(self) -> Convexity:
        """Is the problem convex? `.status` is "convex" (with `.proof`), "not convex" or "undecided"."""
        stated = [(c.left.node, c.relation, c.right.node) for c in self.constraints]
        return problem_convexity(self.objective.node, self._over, self.sense, stated)

    def closed_form(self) -> dict[str, ClosedForm]:
        """Where stationarity is linear in an unknown: its solution in matrix notation, by name."""
        return {v.name: c for v, c in closed_forms(self._lagrangian(None)).items()}

    def _lagrangian(self, names: Any) -> Lagrangian:
        relations = [Relation(c.left.node, c.relation, c.right.node) for c in self.constraints]
        return lagrangian(self.objective.node, self._over, relations, self.sense, names)

    def _wrt(self) -> Any:
        return self._over[0].name if len(self._over) == 1 else list(self.unknowns)

    def solve(
        self,
        arrays: Mapping[str, Any] | None = None,
        /,
        *,
        start: Mapping[str, Any] | None = None,
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
        **more: Any,
    ) -> Any:
        """The optimum on data: SciPy's `OptimizeResult`, with a certificate.

        Data come by keyword or as one mapping. `r["w"]` is the minimiser; `r.success` is true only when the
        interpreter, independently of the solver, finds the point stationary (see `r.certificate`).

        start      arrays for some or all unknowns; sizes that no data array shows are learnt from them,
                   or given by name (`k=3`)
        method     "newton", "lbfgs", "gradient-descent", "newton-cg", or SciPy's names; chosen if None
        precision  "high" refines a sum of squares in many digits; by itself where its condition asks for it
        max_time   seconds
        backend    "numba", or "numpy" for the interpreter; small problems are not worth compiling
        starts     that many runs, all but the first from random points (reproducible by `seed`); the best is kept
        """
        data = merge_arrays(arrays, more)
        if starts > 1:
            settings: dict[str, Any] = {
                "method": method,
                "precision": precision,
                "max_iterations": max_iterations,
            }
            settings |= {
                "tolerance": tolerance,
                "progress": progress,
                "callback": callback,
                "backend": backend,
            }
            return self._from_many(data, start, starts, seed, max_time, settings)
        binding = self._bind(data, dict(start or {}))
        shapes = {v.name: binding.shape(v.shape) for v in self._over}
        settings = {
            "tol": tolerance,
            "max_time": max_time,
            "max_iterations": max_iterations,
            "progress": progress,
            "callback": callback,
        }
        for name, value in (start or {}).items():
            if not np.isfinite(np.asarray(value, dtype=np.float64)).all():
                raise DataError(f"the start of {name} has entries that are not finite")
        point = {**self._default_start(shapes, binding, seed), **(start or {})}
        if method in _CONSTRAINED or (method is None and self._is_constrained()):
            try:
                return self._solve_constrained(data, binding, point, start is not None, settings, backend)
            except UnsupportedError:
                if self.constraints or method is not None:
                    raise
                # a kink on which the objective falls: descent along subgradients, judged by its certificate
        if self.constraints:
            raise ArgumentError(f"method {method} takes no constraints; leave the choice to the plan")
        if precision not in (None, "double", "high"):
            raise ArgumentError(f"precision is 'double' or 'high', not {precision!r}")
        squares = self._as_squares() if method in _SQUARES or method is None else None
        if squares is not None and (method is not None or squares.fits(binding)):
            result = self._solve_squares(squares, data, binding, point, settings, precision, backend)
            if method is not None:
                return result
            if not (result.certificate.saddle() and result.status != INTERRUPT):
                return self._or_constrained(result, data, binding, point, settings, backend)
            backend = backend or "numpy"  # a saddle of a small problem: Newton's method leaves it
        if method in _SQUARES:
            raise ArgumentError(
                f"method {method} is for sums of squares in vectors, and this objective is none"
            )
        if precision == "high":
            raise UnsupportedError("precision='high' is for sums of squares")
        compiled = self._prepare(method, shapes, backend or "numba")
        result = compiled.run(self, data, binding, compiled.free.backward(point), settings)
        if result.status == NO_VALUE and start is None:
            for moved in self._other_starts(shapes, np.random.default_rng(seed)):
                again = compiled.run(self, data, binding, compiled.free.backward(moved), settings)
                if again.status != NO_VALUE:
                    result = again
                    break
        if method is not None:
            return result
        return self._or_constrained(result, data, binding, point, settings, backend)

    def _from_many(
        self,
        data: Mapping[str, Any],
        start: Mapping[str, Any] | None,
        starts: int,
        seed: int,
        max_time: float | None,
        settings: Mapping[str, Any],
    ) -> Any:
        """The best of several runs: certified before not, then by value. `r.runs` holds value and success of each."""
        began = time.perf_counter()
        binding = self._bind(data, dict(start or {}))
        shapes = {v.name: binding.shape(v.shape) for v in self._over}
        sign = -1.0 if self.sense == "maximize" else 1.0
        best: Any = None
        runs: list[tuple[float, bool]] = []
        for k in range(starts):
            left = None if max_time is None else max_time - (time.perf_counter() - began)
            if left is not None and left <= 0 and best is not None:
                break
            point = start if k == 0 else self._random_start(shapes, np.random.default_rng([seed, k]))
            numbers = {s.name: n for s, n in binding.values.items()}
            result = self.solve({**numbers, **data}, start=point, max_time=left, seed=seed, **settings)
            runs.append((float(result.fun), bool(result.success)))
            rank = (not result.success, sign * result.fun if np.isfinite(result.fun) else np.inf)
            if best is None or rank < best[0]:
                best = (rank, result)
            if result.status == INTERRUPT and "interrupted" in result.message:
                break
        best[1].runs = runs
        return best[1]

    def _random_start(self, shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, Any]:
        """A random point that satisfies the facts."""
        found: dict[str, Any] = {}
        for v in self._over:
            shape = shapes[v.name]
            noise = rng.standard_normal(shape)
            if "simplex" in v.facts:
                weights = np.exp(noise)
                found[v.name] = weights / weights.sum(axis=-1, keepdims=True)
            elif "psd" in v.facts:
                square = noise @ np.swapaxes(noise, -1, -2) / shape[-1]
                found[v.name] = (square + np.swapaxes(square, -1, -2)) / 2 + 0.1 * np.eye(shape[-1])
            elif v.facts & {"positive", "nonnegative"}:
                found[v.name] = np.exp(noise)
            elif "symmetric" in v.facts:
                found[v.name] = (noise + np.swapaxes(noise, -1, -2)) / 2
            else:
                found[v.name] = noise
        return found

    def _other_starts(
        self, shapes: dict[str, tuple[int, ...]], rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        """Where to begin when the objective is not defined at the default start."""
        random = [self._random_start(shapes, rng) for _ in range(3)]
        if any(v.facts & {"psd", "simplex"} for v in self._over):
            return random
        return [{k: np.full(np.shape(a), c) for k, a in random[0].items()} for c in (1.0, 0.1, 10.0)] + random

    def _or_constrained(
        self,
        result: Any,
        data: Mapping[str, Any],
        binding: Binding,
        point: Mapping[str, Any],
        settings: Mapping[str, Any],
        backend: str | None,
    ) -> Any:
        """The result, or where it has failed, that with facts as constraints.

        The optimum may lie on the boundary of what the facts allow, where no free point reaches it.
        """
        inward = any(v.facts & {"positive", "simplex"} for v in self._over)
        if result.success or not inward or result.status == INTERRUPT:
            return result
        other = self._solve_constrained(data, binding, point, False, settings, backend)
        return other if other.success else result

    def plan(self, **sizes: int) -> Any:
        """The method that would be chosen for these sizes, and why."""
        from .kernels.plan import choose

        binding = Binding({s: sizes[s.name] for s in size_symbols(self.objective.node) if s.name in sizes})
        if self._is_constrained():
            from .kernels.plan import Plan

            return Plan("interior-point", self._derived().describe())
        squares = self._as_squares()
        if squares is not None and squares.fits(binding):
            from .kernels.plan import Plan

            return Plan("levenberg-marquardt", squares.describe())
        return choose(_count(binding.shape(v.shape) for v in self._over), max(v.order for v in self._over))

    # ------------------------------------------------------------ constraints and kinks

    def _is_constrained(self) -> bool:
        """Whether the problem has constraints, kinks, or facts that no free form provides."""
        if self.constraints:
            return True
        for v in self._over:
            if "psd" in v.facts and "pd" not in v.facts:
                return True
            if "nonnegative" in v.facts and not v.facts & {"positive", "simplex"}:
                return True
        return has_kinks(self._minimised(), self._over)

    def _minimised(self) -> Node:
        objective = recognise(self.objective.node)
        return negate(objective) if self.sense == "maximize" else objective

    def _derived(self) -> Constrained:
        """The smooth form with its derivatives, derived once."""
        if self._constrained is None:
            equalities: list[Node] = []
            inequalities: list[Node] = []
            for c in self.constraints:
                above = binary("-", c.left.node, c.right.node)
                if c.relation == "==":
                    equalities.append(above)
                else:
                    inequalities.append(above if c.relation == ">=" else negate(above))
            self._constrained = Constrained(self._minimised(), self._over, equalities, inequalities)
        return self._constrained

    def _solve_constrained(
        self,
        data: Mapping[str, Any],
        binding: Binding,
        point: Mapping[str, Any],
        given: bool,
        settings: Mapping[str, Any],
        backend: str | None,
    ) -> Any:
        from .kernels.plan import Plan

        derived = self._derived()
        result, found = derived.run(data, binding, point, given, settings, backend)
        if self.sense == "maximize":
            result.fun = -result.fun
        result.plan = Plan("interior-point", derived.describe())
        for name in self.unknowns:
            value = found[name]
            result[name] = float(value) if value.ndim == 0 else value
        return _unknowns_first(result, self.unknowns)

    def _as_squares(self) -> LeastSquares | None:
        """The sum of squares that the objective is, if it is one; derived once."""
        if not self._squares:
            self._squares.append(LeastSquares.of(self._minimised(), self._over))
        return self._squares[0]

    def _solve_squares(
        self,
        squares: LeastSquares,
        data: Mapping[str, Any],
        binding: Binding,
        point: Mapping[str, Any],
        settings: Mapping[str, Any],
        precision: str | None,
        backend: str | None,
    ) -> Any:
        from .kernels.plan import Plan

        result, found = squares.run(data, binding, point, settings, precision, backend)
        result.plan = Plan("levenberg-marquardt", squares.describe() + result.pop("note"))
        for name in self.unknowns:
            value = found[name]
            result[name] = float(value) if value.ndim == 0 else value
        return _unknowns_first(result, self.unknowns)

    # ------------------------------------------------------------ preparation

    def _bind(self, data: Mapping[str, Any], start: Mapping[str, Any]) -> Binding:
        """Check the data, and learn every size from them and from the start."""
        sides = [side for c in self.constraints for side in (c.left, c.right)]
        known_names = {v.name: v for e in (self.objective, *sides) for v in e.declared}
        given = [v for v in known_names.values() if v not in self._over]
        strangers = [k for k in start if k not in self.unknowns]
        if strangers:
            raise DataError(f"the start has {strangers[0]}, which is no unknown: {', '.join(self.unknowns)}")
        for name in self.unknowns:
            if name in data:
                raise DataError(f"{name} is an unknown of this problem: give it as start={{{name!r}: …}}")
        known = set(size_symbols(*self._over, *given, self.objective.node, *(e.node for e in sides)))
        _, binding = bind(given, data, sizes=known)
        for v in self._over:
            if v.name in start:
                binding.learn(v.name, v.shape, np.shape(start[v.name]))
        return binding

    def _default_start(
        self, shapes: dict[str, tuple[int, ...]], binding: Binding, seed: int
    ) -> dict[str, Any]:
        """Zero for vectors; small random numbers for matrices, where zero is often a saddle; inside constraints."""
        rng = np.random.default_rng(seed)
        found: dict[str, Any] = {}
        for v in self._over:
            shape = shapes[v.name]
            if "simplex" in v.facts:
                found[v.name] = np.full(shape, 1 / shape[-1])
            elif "psd" in v.facts:
                found[v.name] = np.broadcast_to(np.eye(shape[-1]), shape).copy()
            elif "positive" in v.facts:
                found[v.name] = np.ones(shape)
            elif v.order <= 1:
                found[v.name] = np.zeros(shape)
            else:
                found[v.name] = rng.standard_normal(shape) / np.sqrt(shape[-2])
                if "symmetric" in v.facts:
                    found[v.name] = (found[v.name] + np.swapaxes(found[v.name], -1, -2)) / 2
        return found

    def _prepare(self, method: str | None, shapes: dict[str, tuple[int, ...]], backend: str) -> _Compiled:
        from .kernels.plan import choose

        plan = choose(_count(shapes.values()), max(v.order for v in self._over), method)
        key = (plan.method, backend)
        if key not in self._compiled:
            objective = recognise(self.objective.node)
            if self.sense == "maximize":
                objective = negate(objective)
            self._compiled[key] = _Compiled(reparametrise(objective, self._over), plan, backend)
        return self._compiled[key]


class _Compiled:
    """A problem over free unknowns with its kernels: what one method needs."""

    def __init__(self, free: Reparametrised, plan: Any, backend: str) -> None:
        from .kernels.compile import compile_nodes
        from .kernels.oracle import VALUE, direction_name, gradient_key, hessian_key, hvp_key

        self.free, self.plan = free, plan
        unknowns = free.unknowns
        names = [v.name for v in unknowns]
        slopes = gradients(free.objective, unknowns)
        self.nodes: dict[str, Node] = {VALUE: free.objective}
        self.nodes.update({gradient_key(v.name): g for v, g in zip(unknowns, slopes, strict=True)})
        self.blocks: dict[str, Node] = {}
        self.products: dict[str, Node] = {}
        if plan.needs_hessian:
            for i, v in enumerate(unknowns):
                for u in unknowns[i:]:
                    self.blocks[hessian_key(v.name, u.name)] = jacobian(slopes[i], u)
        if plan.needs_hvp:
            directions = {v: variable(direction_name(v.name), v.shape) for v in unknowns}
            for v in unknowns:
                self.products[hvp_key(v.name)] = _mixed_product(free.objective, v, directions)
        self.value_gradient = compile_nodes(self.nodes, unknowns=names, backend=backend)
        self.hessian = compile_nodes(self.blocks, unknowns=names, backend=backend) if self.blocks else None
        extra = [direction_name(n) for n in names]
        self.hvp = (
            compile_nodes(self.products, unknowns=[*names, *extra], backend=backend)
            if self.products
            else None
        )

    def run(
        self,
        problem: Problem,
        data: Mapping[str, Any],
        binding: Binding,
        point: Mapping[str, Any],
        settings: dict[str, Any],
    ) -> Any:
        """Minimise from a point over the free unknowns, certify, and map the answer back."""
        from .kernels.certificate import certify_statement
        from .kernels.optimizers.driver import minimize as drive
        from .kernels.oracle import Layout, oracle_of

        layout = Layout.of({v.name: binding.shape(v.shape) for v in self.free.unknowns})
        numbers = {s.name: k for s, k in binding.values.items()}

        def bound(kernel: Any) -> Any:
            if kernel is None:
                return None
            known = {v for v in kernel.variables if v not in kernel.unknowns}
            sizes = {s.name for s in kernel.symbols}
            given = {k: a for k, a in data.items() if k in known}
            return kernel.bind({**{k: n for k, n in numbers.items() if k in sizes - known}, **given})

        oracle = oracle_of(
            layout,
            bound(self.value_gradient),
            hessian=bound(self.hessian),
            hvp=bound(self.hvp),
        )
        statement = {**self.nodes, **self.blocks}
        arrays = {**numbers, **data}

        def judge(x: Any, magnitude: float) -> Any:
            return certify_statement(
                statement, arrays, layout.unpack(x), magnitude=magnitude, tolerance=settings["tol"]
            )

        result: Any = drive(oracle, layout.pack(point), self.plan.method, certificate=judge, **settings)
        found = self.free.forward(layout.unpack(result.x))
        sign = -1.0 if problem.sense == "maximize" else 1.0
        result.fun = sign * result.fun
        result.plan = self.plan
        for name in reversed(problem.unknowns):
            value = found[name]
            result[name] = float(value) if value.ndim == 0 else value
        return _unknowns_first(result, problem.unknowns)


def _unknowns_first(result: Any, names: Sequence[str]) -> Any:
    ordered = {**{n: result[n] for n in names}, **{k: v for k, v in result.items() if k not in names}}
    result.clear()
    result.update(ordered)
    return result


def _mixed_product(objective: Node, v: Variable, directions: Mapping[Variable, Variable]) -> Node:
    """The part of the Hessian–vector product that belongs to one unknown: Σ_u ∇²_{vu} f · d_u."""
    slopes = gradients(objective, list(directions))
    along = add([(ONE, inner(g, directions[u])) for u, g in zip(directions, slopes, strict=True)], ())
    return gradients(along, [v])[0]


def _count(shapes: Any) -> int:
    return sum(int(np.prod(s, dtype=np.int64)) for s in shapes)


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
