"""Which way a problem goes, and what is tried when the first way fails.

    a closed form that is the fastest       formulas and decompositions             `closed`
    bounds, weights on |x|, few unknowns    coordinate descent, proximal Newton     `composite`
    weights on norms of groups              proximal gradient, Newton on the rest   `groups`
    constraints, kinks                      interior point on the smooth form       `constrained`
    a sum of squares of moderate size       Levenberg–Marquardt, direct if linear   `squares`
    anything else                           a smooth method over free unknowns      `free`

The certificate, not the method, says whether the answer is right; where it does not, the next way is tried.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError, DeriveError, UnsupportedError
from ..node import Variable
from ..optimality import ClosedForm
from ..reparametrise import reparametrise
from ..sizes import Binding
from .answer import FIRST_ORDER, solve_composite
from .closed import CLOSED_FORM, describe, suits
from .closed import run as run_closed
from .composite import LARGEST
from .free import Free
from .groups import solve_groups
from .guarantee import Guarantee
from .instance import Instance
from .loops import EIGENVALUES_UP_TO
from .options import Options
from .posed import Posed
from .starts import default_start, other_starts, random_start

INTERRUPT, NO_VALUE = 3, 7  # the driver's status
_COMPOSITE = ("coordinate-descent", "proximal-newton", "active-set", *FIRST_ORDER)
_EM = ("em", "expectation-maximisation")
_SQUARES = ("levenberg-marquardt", "lm", "leastsq", "gauss-newton")


def plan(posed: Posed, given: Mapping[str, Any]) -> Any:
    """The method that would be chosen for these sizes, or data, and why; with the facts that are known."""
    known = {v.name: v for v in posed.given}
    for name in given:
        if name not in known and name not in {s.name for s in posed.symbols}:
            raise ArgumentError(f"{name} is neither a size nor data of this problem")
    instance = Instance(posed, given, {}) if all(name in given for name in known) else None
    chosen = _planned(posed, instance, given)
    return replace(chosen, notes=lambda: _notes(posed, instance))


def _notes(posed: Posed, instance: Instance | None) -> list[str]:
    """What is proved of the problem, and the constants on data."""
    facts = posed.facts if instance is None else instance.facts
    if not facts.is_convex:
        return []
    kind = "concave" if posed.sign < 0.0 else "convex"
    if facts.posed.signs:
        kind += f" for {facts.posed.signs}"
    found = [f"  proved {kind}: every certified answer is a global optimum"]
    if instance is None:
        assert facts.convexity is not None
        for _, sign, bound in facts.convexity.inequalities():
            which = "strong convexity: Hessian" if sign == ">=" else "smoothness: Hessian"
            found.append(f"  {which} {sign} {bound}")
        return found
    constants = instance.constants
    found += constants.lines()
    if constants.condition is not None:
        found.append(f"  condition            {constants.condition:.4g}   (L/μ)")
    return found


def _planned(posed: Posed, instance: Instance | None, given: Mapping[str, Any]) -> Any:
    from ..kernels.plan import Plan, choose

    if suits(posed) and (forms := posed.facts.closed_forms) is not None:
        return Plan("closed-form", _why_closed(forms))
    if instance is not None:
        binding = instance.binding
    else:
        binding = Binding({s: int(given[s.name]) for s in posed.symbols if s.name in given})
        for v in posed.given:
            if v.name in given:
                binding.learn(v.name, v.shape, np.shape(given[v.name]))
    shapes = [binding.shape(v.shape) for v in posed.unknowns]
    composite = posed.composite
    if composite is not None:
        few = _count(shapes) <= LARGEST
        if few and (posed.squares is None or not composite.structure.is_plain):
            return Plan(composite.method, composite.describe())
        if not composite.structure.is_plain:
            return Plan("fista", "weights on |x| or bounds, and too many unknowns for a Hessian")
    if posed.grouped is not None:
        return Plan("proximal-gradient", posed.grouped.describe())
    if posed.is_constrained:
        return Plan("interior-point", posed.constrained.describe())
    if posed.squares is not None and posed.squares.fits(binding):
        return Plan("levenberg-marquardt", posed.squares.describe())
    return choose(_count(shapes), max(v.order for v in posed.unknowns))


def solve(
    posed: Posed,
    data: Mapping[str, Any],
    start: Mapping[str, Any] | None,
    options: Options,
    starts: int = 1,
    guaranteed: bool = True,
) -> Any:
    """The optimum on data: SciPy's result with a certificate, the unknowns by name first.

    `guaranteed` attaches what the statement implies beyond the neighbourhood of the answer.
    """
    if options.precision not in (None, "double", "high"):
        raise ArgumentError(f"precision is 'double' or 'high', not {options.precision!r}")
    if options.max_time is not None and not options.max_time > 0:
        raise ArgumentError(f"max_time is a number of seconds above 0, not {options.max_time}")
    if options.max_iterations < 1 or starts < 1:
        raise ArgumentError("max_iterations and starts are whole numbers from 1")
    if not 0.0 < options.tolerance < 1.0:
        raise ArgumentError(f"tolerance is a number between 0 and 1, not {options.tolerance}")
    instance = Instance(posed, data, start or {})
    result = _best_of(instance, options, starts) if starts > 1 else _once(instance, options)
    more = None
    if guaranteed and result.success:
        found = {name: result[name] for name in posed.names}
        closed = ""
        if result.method == "closed-form" and (forms := posed.facts.closed_forms) is not None:
            closed = "; ".join(dict.fromkeys(form.kind for form in forms.values()))
        more = Guarantee(instance, found, posed.sign * result.fun, result.get("multipliers"), closed)
    if more is not None or posed.sign < 0.0:  # the objective as stated, not its negative
        result.certificate = replace(
            result.certificate, guarantee=more, value=posed.sign * result.certificate.value
        )
    return result


def _once(instance: Instance, options: Options) -> Any:
    """One run from one start."""
    posed, method, given = instance.posed, options.method, bool(instance.start)
    if method in CLOSED_FORM or (method is None and _suits_closed(instance, options)):
        result = _closed(instance, options)
        if result is not None:
            return result
    point = {**default_start(posed.unknowns, instance.shapes, options.seed), **instance.start}
    if method in (None, *FIRST_ORDER) and posed.grouped is not None and options.callback is None:
        found = _groups(instance, point, options)
        if found is not None:
            return found
        options, method = replace(options, method=None), None
    if method in _COMPOSITE or (method is None and _suits_composite(instance, options)):
        found = _composite(instance, point, options)
        if found is not None:
            return found
        options, method = replace(options, method=None), None  # not certified: as the plan would go on
    if method in _EM:
        return _em(instance, point, options)
    if _for_constraints(method) is not None or (method is None and posed.is_constrained):
        try:
            return _constrained(instance, point, given, options)
        except UnsupportedError:
            if posed.relations or method is not None:
                raise
            # a kink on which the objective falls: descent along subgradients, judged by its certificate
    if posed.relations:
        from ..kernels.optimizers import CONSTRAINED

        fitting = ", ".join(CONSTRAINED)
        raise ArgumentError(
            f"method {method} takes no constraints; those that do: {fitting}; or leave the choice to the plan"
        )
    squares = posed.squares if method in _SQUARES or method is None else None
    if squares is not None and (method is not None or squares.fits(instance.binding)):
        result = _convex_after_all(_squares(instance, point, options), instance)
        if method is not None:
            return result
        if not (result.certificate.saddle() and result.status != INTERRUPT):
            return _or_constrained(result, instance, point, options)
        options = replace(options, backend=options.backend or "numpy")  # a small saddle: Newton leaves it
    if method in _SQUARES:
        raise ArgumentError(f"method {method} is for sums of squares in vectors, and this objective is none")
    if options.precision == "high":
        raise UnsupportedError("precision='high' is for sums of squares")
    result = _convex_after_all(_free(instance, point, options), instance)
    if result.status == NO_VALUE and not given:
        for moved in other_starts(posed.unknowns, instance.shapes, options.seed):
            again = _free(instance, moved, options)
            if again.status != NO_VALUE:
                result = again
                break
    if method is None:
        result = _away_from_saddle(result, instance, options)
    return result if method is not None else _or_constrained(result, instance, point, options)


def _away_from_saddle(result: Any, instance: Instance, options: Options) -> Any:
    """The result, or where it is stationary but no minimum, that of a run from a point nearby."""
    proof, posed = result.certificate, instance.posed
    if result.success or result.status == INTERRUPT or not (proof.stationary() and proof.saddle()):
        return result
    if any(v.facts for v in posed.unknowns):
        return result  # a point nearby might not have the facts
    rng = np.random.default_rng(options.seed)
    steps = {name: rng.standard_normal(np.shape(result[name])) for name in posed.names}
    best, found = result, {name: np.asarray(result[name], dtype=np.float64) for name in posed.names}
    for side in (0.1, -0.1):
        size = {name: side * max(1.0, float(np.abs(x).max(initial=0.0))) for name, x in found.items()}
        moved = {name: x + size[name] * steps[name] for name, x in found.items()}
        again = _free(instance, moved, options)
        if again.success:
            return again
        if posed.sign * again.fun < posed.sign * best.fun:
            best = again
    return best


def _convex_after_all(result: Any, instance: Instance) -> Any:
    """The result, certified where only rounding speaks of a saddle: a problem proved to be convex has none."""
    if result.success or not result.certificate.saddle() or any(v.facts for v in instance.posed.unknowns):
        return result
    proof = replace(result.certificate, proved=instance.facts.is_convex)
    if proof.ok():
        result.certificate, result.success, result.status = proof, True, 0
        result.message = f"certified: {proof.reason()}"
    return result


def _best_of(instance: Instance, options: Options, starts: int) -> Any:
    """The best of several runs: certified before not, then by value. `r.runs` holds value and success of each.

    Where the problem is proved to be convex, the first certified run is the last: no other ends lower.
    """
    began = time.perf_counter()
    posed = instance.posed
    best: Any = None
    runs: list[tuple[float, bool]] = []
    for k in range(starts):
        left = None if options.max_time is None else options.max_time - (time.perf_counter() - began)
        if left is not None and left <= 0 and best is not None:
            break
        if k > 0:
            rng = np.random.default_rng([options.seed, k])
            instance.start = random_start(posed.unknowns, instance.shapes, rng)
        result = _once(instance, replace(options, max_time=left))
        runs.append((float(result.fun), bool(result.success)))
        rank = (not result.success, posed.sign * result.fun if np.isfinite(result.fun) else np.inf)
        if best is None or rank < best[0]:
            best = (rank, result)
        if result.status == INTERRUPT and "interrupted" in result.message:
            break
        if result.success and instance.facts.is_convex:
            break
    best[1].runs = runs
    return best[1]


# ---------------------------------------------------------------- the ways


def _suits_closed(instance: Instance, options: Options) -> bool:
    """Whether there is a closed form that is the fastest way, and nobody wants to watch a run."""
    if options.callback is not None or options.progress or options.checkpoint is not None:
        return False
    if options.precision == "high" or not suits(instance.posed):
        return False
    return instance.posed.facts.closed_forms is not None


def _closed(instance: Instance, options: Options) -> Any:
    """The optimum by its closed form; None where the plan chose it and it is not certified on these data."""
    from ..kernels.plan import Plan

    facts = instance.posed.facts
    forms = facts.stationary_forms
    if isinstance(forms, DeriveError):
        raise UnsupportedError(f"this problem has no closed form: {forms}")
    try:
        result, found = run_closed(instance, forms, options)
    except (UnsupportedError, DataError):
        if options.method is not None:
            raise
        return None
    if not result.success and options.method is None:
        return None
    return _named(result, found, instance.posed, Plan("closed-form", _why_closed(forms)))


def _why_closed(forms: Mapping[Variable, ClosedForm]) -> str:
    proofs = "; ".join(dict.fromkeys(form.kind for form in forms.values() if form.kind))
    return f"{describe(forms)}; {proofs}" if proofs else describe(forms)


def _suits_composite(instance: Instance, options: Options) -> bool:
    """Whether the problem is small and separable, and nobody wants to watch the run."""
    posed = instance.posed
    if options.progress or options.precision == "high" or posed.composite is None:
        return False
    if posed.composite.structure.is_plain:
        return posed.squares is None and instance.count <= LARGEST
    return True


def _composite(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    from ..kernels.plan import Plan

    composite = instance.posed.composite
    if composite is None:
        raise ArgumentError(
            f"method {options.method} is for smooth objectives with weights on |x| and bounds; "
            "leave the choice to the plan"
        )
    if options.checkpoint is not None and options.method is None:
        return None
    _no_checkpoint(options)
    made = solve_composite(instance.posed.loops, instance, point, options)
    if made is None:
        return None
    result, found = made
    why = composite.describe()
    if result.method == "fista":
        why = f"{why.partition(':')[0]}: accelerated proximal gradient"
        if instance.count <= EIGENVALUES_UP_TO and instance.constants.smooth is not None:
            result.step = 1.0 / instance.constants.smooth
            why += f"; first step 1/L = {result.step:.4g}, L = λ_max of {instance.constants.smooth_from}"
    return _named(result, found, instance.posed, Plan(result.method, why))


def _groups(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    from ..kernels.plan import Plan

    grouped = instance.posed.grouped
    assert grouped is not None
    if options.progress or options.checkpoint is not None:
        return None
    made = solve_groups(grouped, instance, point, options)
    if made is None:
        return None
    result, found = made
    return _named(result, found, instance.posed, Plan(result.method, grouped.describe()))


def _free(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    from ..kernels.plan import choose

    posed = instance.posed
    chosen = choose(instance.count, max(v.order for v in posed.unknowns), options.method)
    backend = options.backend or "numba"
    key = (chosen.method, backend)
    if key not in posed.kernels:
        posed.kernels[key] = Free(reparametrise(posed.minimised, posed.unknowns), chosen, backend)
    result, found = posed.kernels[key].run(instance, point, options)
    used = posed.kernels[key].plan
    if "step_from" in result:
        used = replace(used, reason=f"{used.reason}; {result.pop('step_from')}")
    return _named(result, found, posed, used)


def _em(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """Expectation–maximisation, then the certificate; L-BFGS covers what is left of the way."""
    from ..kernels.optimizers.em import expectation_maximisation
    from ..kernels.plan import Plan

    mixture = instance.posed.mixture
    if mixture is None:
        raise ArgumentError(
            "method em is for mixture likelihoods: logsumexp over components, with weights on the simplex, means "
            "and positive definite covariances as the unknowns"
        )
    began = time.perf_counter()
    value_gradient = mixture.bind(instance, options.backend or "numba")
    if not mixture.is_step(instance, point, value_gradient):
        raise UnsupportedError(
            "the closed forms of the M-step do not maximise the bound of this statement at this start; "
            "use method='lbfgs'"
        )

    def late(iteration: int, value: float) -> bool:
        return options.max_time is not None and time.perf_counter() - began >= options.max_time

    found, values = expectation_maximisation(
        value_gradient,
        point,
        mixture.roles,
        mixture.scale(instance),
        tol=1e-15,
        most=options.max_iterations,
        watch=late,
    )
    left = None if options.max_time is None else max(options.max_time - (time.perf_counter() - began), 1e-3)
    most = max(options.max_iterations - len(values) + 1, 0)
    result = _free(instance, found, replace(options, method="lbfgs", max_iterations=most, max_time=left))
    result.method = "em"
    result.nit += len(values) - 1
    result.plan = Plan("em", "a mixture likelihood: the E-step is the gradient of the log-sum-exp")
    return result


def _squares(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    from ..kernels.plan import Plan

    squares = instance.posed.squares
    assert squares is not None
    result, found = squares.run(
        instance.data,
        instance.binding,
        point,
        options.driver(),
        options.precision,
        options.backend,
        options.method or "levenberg-marquardt",
        instance.exact,
    )
    chosen = Plan(result.method, squares.describe() + result.pop("note"))
    return _named(result, found, instance.posed, chosen)


def _constrained(instance: Instance, point: Mapping[str, Any], given: bool, options: Options) -> Any:
    from ..kernels.plan import Plan

    _no_checkpoint(options)
    derived = instance.posed.constrained
    name = _for_constraints(options.method) or "interior-point"
    result, found = derived.run(
        instance.data, instance.binding, point, given, options.driver(), options.backend, name
    )
    return _named(result, found, instance.posed, Plan(name, derived.describe()))


def _no_checkpoint(options: Options) -> None:
    if options.checkpoint is not None:
        raise UnsupportedError(
            "this problem is solved by a method that keeps no checkpoints; those that do are the methods for smooth "
            "problems over free unknowns, such as lbfgs, newton-cg and adam"
        )


def _for_constraints(method: str | None) -> str | None:
    """The method for constraints that is asked for, if it is one."""
    from ..kernels.optimizers import constrained_method

    found = constrained_method(method)
    return None if found is None else found.name


def _or_constrained(result: Any, instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """The result, or where it has failed, that with facts as constraints.

    The optimum may lie on the boundary of what the facts allow, where no free point reaches it.
    """
    inward = any(v.facts & {"positive", "simplex"} for v in instance.posed.unknowns)
    if result.success or not inward or result.status == INTERRUPT:
        return result
    other = _constrained(instance, point, False, options)
    return other if other.success else result


def _named(result: Any, found: Mapping[str, Any], posed: Posed, chosen: Any) -> Any:
    """The result with the plan, in the statement's sense, its unknowns by name and first."""
    result.fun = posed.sign * result.fun
    result.plan = chosen
    values = {name: float(found[name]) if found[name].ndim == 0 else found[name] for name in posed.names}
    rest = {k: v for k, v in result.items() if k not in values}
    result.clear()
    result.update({**values, **rest})
    return result


def _count(shapes: Any) -> int:
    return sum(int(np.prod(s, dtype=np.int64)) for s in shapes)
