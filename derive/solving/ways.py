"""Each way to an answer by itself: the solver's call, and its result under the names of the statement with the plan.

A way returns None where it does not reach the optimum and the next one should be tried; the order is in `route`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError, DeriveError, UnsupportedError
from ..node import Variable
from ..optimality import ClosedForm
from ..reparametrise import reparametrise
from ..sizes import Binding
from ..statuses import ITERATIONS, NO_STEP, TIME
from . import constrained_run, costs
from .answer import FIRST_ORDER, solve_composite
from .closed import CLOSED_FORM, describe, suits
from .closed import run as run_closed
from .composite import LARGEST
from .cones_run import solve_cones
from .facts import Facts
from .free import Free
from .groups import solve_groups
from .instance import Instance
from .kept_points import keeping
from .loops import EIGENVALUES_UP_TO
from .low_rank import solve_low_rank
from .options import Options
from .pieces_run import PIECES, solve_on_pieces
from .posed import Posed
from .reasons import at_the_edge, between_kinks, of_a_maximum

#: Names of methods for separable problems, of expectation–maximisation, of methods for sums of squares.
SEPARABLE = ("coordinate-descent", "proximal-newton", "active-set", *FIRST_ORDER)
EM = ("em", "expectation-maximisation")
#: Steps of Levenberg–Marquardt where nobody asked for it: where more would be needed, it mostly gets nowhere.
FITTING = 3000
SQUARES = ("levenberg-marquardt", "lm", "leastsq", "trf", "gauss-newton")


def suits_closed_form(instance: Instance, options: Options) -> bool:
    """Whether there is a closed form that is the fastest way, and nobody wants to watch a run."""
    if options.callback is not None or options.progress or options.checkpoint is not None:
        return False
    if options.precision == "high" or not suits(instance.posed):
        return False
    return instance.posed.facts.closed_forms is not None


def by_closed_form(instance: Instance, options: Options) -> Any:
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
    return _named(result, found, instance.posed, Plan("closed-form", why_closed_form(forms)))


def why_closed_form(forms: Mapping[Variable, ClosedForm]) -> str:
    """The formulas, and why they are minima."""
    proofs = "; ".join(dict.fromkeys(form.kind for form in forms.values() if form.kind))
    return f"{describe(forms)}; {proofs}" if proofs else describe(forms)


def suits_separable(instance: Instance, options: Options) -> bool:
    """Whether the problem is small and separable, and nobody wants to watch the run."""
    posed = instance.posed
    if options.progress or options.precision == "high" or posed.composite is None:
        return False
    if posed.composite.structure.is_plain:
        if posed.squares is not None or instance.count > LARGEST:
            return False
        if max(v.order for v in posed.unknowns) < 2 or posed.composite.quadratic:
            return True
        shapes = list(instance.shapes.values())
        return costs.hessian(shapes, instance.amount) < costs.SPARED or instance.facts.is_convex
    return True


def by_separable(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """By the loops for smooth objectives with weights on |x| and bounds: the result and the arrays of the unknowns."""
    from ..kernels.plan import Plan

    composite = instance.posed.composite
    if composite is None:
        raise ArgumentError(
            f"method {options.method} is for smooth objectives with weights on |x| and bounds; "
            "leave the choice to the plan"
        )
    if options.checkpoint is not None and composite.structure.is_plain:
        if options.method is None:
            return None  # smooth methods keep more than a point
        raise UnsupportedError(
            f"method {options.method} keeps no checkpoints of smooth problems over free unknowns; lbfgs, newton-cg, "
            "adam and others do; or leave it to the plan"
        )
    kept, point, options = keeping(instance, point, options)
    made = solve_composite(instance.posed.loops, instance, point, options)
    if made is None:
        return None
    result, found = made
    if kept is not None:
        kept.save(found)
    why = composite.describe() + (", on working sets" if result.pop("reduced") else "")
    if result.method == "fista":
        why = f"{why.partition(':')[0]}: accelerated proximal gradient"
        if instance.count <= EIGENVALUES_UP_TO and instance.constants.smooth is not None:
            result.step = 1.0 / instance.constants.smooth
            why += f"; first step 1/L = {result.step:.4g}, L = λ_max of {instance.constants.smooth_from}"
    return _named(result, found, instance.posed, Plan(result.method, why))


def by_proximal_gradient(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """Weights on norms of groups or of singular values."""
    from ..kernels.plan import Plan

    posed = instance.posed
    kept, point, options = keeping(instance, point, options)
    if posed.nuclear is not None:
        kind, made = posed.nuclear.describe(), solve_low_rank(posed.nuclear, instance, point, options)
    else:
        assert posed.grouped is not None
        kind, made = posed.grouped.describe(), solve_groups(posed.grouped, instance, point, options)
    if made is None:
        return None
    result, found = made
    if kept is not None:
        kept.save(found)
    return _named(result, found, posed, Plan(result.method, kind))


def steps_before_newton(posed: Posed, binding: Binding, facts: Facts) -> int:
    """How many steps of a quasi-Newton method come before Newton's; 0 where Hessians, or samples' ones, cost little."""
    composite = posed.composite
    if (
        composite is None
        or not composite.structure.is_plain
        or composite.quadratic
        or posed.squares is not None
    ):
        return 0
    shapes, given = (
        [binding.shape(v.shape) for v in variables] for variables in (posed.unknowns, posed.given)
    )
    steps = costs.quasi_newton_first(shapes, sum(map(math.prod, given)))
    if steps and facts.is_convex and composite.sampled(posed).are_ample(binding):
        return 0
    return steps


def why_quasi_newton(shapes: Sequence[tuple[int, ...]], amount: int) -> Any:
    """The plan in words."""
    from ..kernels.plan import Plan

    worth = costs.gradients_for_newton(shapes, amount)
    return Plan(
        "lbfgs",
        f"smooth: Newton's method would cost about {worth:.0f} gradients; a quasi-Newton method first, "
        "Newton's if that many do not suffice",
    )


def by_quasi_newton(instance: Instance, point: Mapping[str, Any], options: Options, most: int) -> Any:
    """L-BFGS for as long as Newton's method would take; compiled where a gradient is no small matter."""
    shapes = list(instance.shapes.values())
    compiled = costs.gradient(shapes, instance.amount) >= costs.WORTH_COMPILING
    backend = options.backend or ("numba" if compiled else "numpy")
    if options.checkpoint is None:
        options = replace(options, max_iterations=min(most, options.max_iterations))
    options = replace(options, backend=backend)
    return by_free_unknowns(instance, point, options, why_quasi_newton(shapes, instance.amount))


def by_free_unknowns(
    instance: Instance, point: Mapping[str, Any], options: Options, chosen: Any = None
) -> Any:
    """By an optimizer on free parameters, from which the unknowns follow."""
    from ..kernels.plan import choose

    posed = instance.posed
    chosen = chosen or choose(instance.count, max(v.order for v in posed.unknowns), options.method)
    backend = options.backend or "numba"
    key = (chosen.method, backend)
    if key not in posed.kernels:
        posed.kernels[key] = Free(reparametrise(posed.minimised, posed.unknowns), chosen, backend)
    result, found = posed.kernels[key].run(instance, point, options)
    used = chosen
    if not result.success and "unbounded" not in result.message:
        edge = at_the_edge(found, posed.unknowns)
        result.message += f"; {edge}" if edge else ""
    if "step_from" in result:
        used = replace(used, reason=f"{used.reason}; {result.pop('step_from')}")
    return _named(result, found, posed, used)


def by_descent(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """By the optimizer that is planned; where that does not arrive, Newton's method goes on from there.

    Along curved valleys, as of networks, quasi-Newton methods take steps without end. In a trust region Newton's method
    needs no convexity; where even that ends nowhere, the rest is left to the first. Between kinks each of them ends
    soon, and descent on the pieces goes on.
    """
    from ..kernels.plan import Plan, choose

    posed, shapes = instance.posed, list(instance.shapes.values())
    chosen = choose(instance.count, max(v.order for v in posed.unknowns), options.method)
    enough = costs.descents_first(shapes, instance.amount)
    first = partial(by_free_unknowns, chosen=chosen)
    asked = options.method is not None or options.checkpoint is not None or options.max_iterations <= enough
    alone = asked or instance.count > LARGEST
    if posed.sided is not None:
        further = () if alone else ((by_pieces, PIECES),)
        first_steps = options.max_iterations if alone else enough
        result = _in_turn([(first, first_steps), *further], instance, point, options)
        if result.status in (ITERATIONS, NO_STEP, TIME):
            result.message += between_kinks(posed)
        return result
    if alone or not posed.is_smooth or chosen.method != "lbfgs":
        return first(instance, point, options)
    newton = Plan(
        "newton", f"{chosen.reason}; in a trust region after {enough} steps of a quasi-Newton method"
    )
    most = options.max_iterations
    legs = [(first, enough), (partial(by_free_unknowns, chosen=newton), most), (first, most)]
    return _in_turn(legs, instance, point, options)


def _in_turn(
    legs: Sequence[tuple[Callable[..., Any], int]],
    instance: Instance,
    point: Mapping[str, Any],
    options: Options,
) -> Any:
    """One way after the other, each for so many iterations at most, from where the one before has led; until one
    arrives, or is ended from outside."""
    result: Any = None
    for way, most in legs:
        done = {k: 0 if result is None else result.get(k, 0) for k in ("nit", "nfev", "njev", "time")}
        left = None if options.max_time is None else max(options.max_time - done["time"], 1e-3)
        steps = min(most, options.max_iterations - done["nit"])
        spent = 0.0 if left is None or options.max_time is None else options.max_time - left
        own = replace(options, max_time=left, max_iterations=steps, made=done["nit"], spent=spent)
        result = way(instance, point, options=own)
        result.update({k: result[k] + before for k, before in done.items()})
        if (
            result.success
            or result.status not in (ITERATIONS, NO_STEP)
            or result.nit >= options.max_iterations
        ):
            break
        point = {name: np.asarray(result[name], dtype=np.float64) for name in instance.posed.names}
    return result


def by_pieces(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """By descent on the pieces between kinks, and along those at which the answer is."""
    from ..kernels.plan import Plan

    result, found = solve_on_pieces(instance, point, options)
    why = "kinks inside: a quasi-Newton method, then descent with kinks held open, by Newton's steps where they hold"
    return _named(result, found, instance.posed, Plan(result.method, why))


def by_em(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """Expectation–maximisation, then the certificate; L-BFGS covers what is left of the way."""
    from ..kernels.clock import now
    from ..kernels.optimizers.em import expectation_maximisation
    from ..kernels.plan import Plan

    mixture = instance.posed.mixture
    if mixture is None:
        raise ArgumentError(
            "method em is for mixture likelihoods: logsumexp over components, with weights on the simplex, means "
            "and positive definite covariances as the unknowns"
        )
    began = now()
    value_gradient = mixture.bind(instance, options.backend or "numba")
    if not mixture.is_step(instance, point, value_gradient):
        raise UnsupportedError(
            "the closed forms of the M-step do not maximise the bound of this statement at this start; "
            "use method='lbfgs'"
        )

    def late(iteration: int, value: float) -> bool:
        return options.max_time is not None and now() - began >= options.max_time

    found, values = expectation_maximisation(
        value_gradient,
        point,
        mixture.roles,
        mixture.scale(instance),
        tol=1e-15,
        most=options.max_iterations,
        watch=late,
    )
    left = None if options.max_time is None else max(options.max_time - (now() - began), 1e-3)
    most = max(options.max_iterations - len(values) + 1, 0)
    result = by_free_unknowns(
        instance, found, replace(options, method="lbfgs", max_iterations=most, max_time=left)
    )
    result.method = "em"
    result.nit += len(values) - 1
    result.plan = Plan("em", "a mixture likelihood: the E-step is the gradient of the log-sum-exp")
    return result


def by_squares(instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """By a method for sums of squares, on residuals and their Jacobian."""
    from ..kernels.plan import Plan

    squares = instance.posed.squares
    assert squares is not None
    if options.method is None:
        options = replace(options, max_iterations=options.most(FITTING))
    result, found = squares.run(
        instance,
        point,
        options.driver(),
        options.precision,
        options.backend,
        options.method or "levenberg-marquardt",
    )
    chosen = Plan(result.method, squares.describe() + result.pop("note"))
    return _named(result, found, instance.posed, chosen)


def by_cones(instance: Instance, options: Options) -> Any:
    """Norms as second-order cones; None where the problem has none, or this way does not end certified."""
    from ..kernels.plan import Plan

    form = instance.posed.cones
    if form is None or options.callback is not None or options.progress or options.checkpoint is not None:
        return None
    made = solve_cones(form, instance, options)
    return None if made is None else _named(*made, instance.posed, Plan("interior-point", form.describe()))


def by_constraints(instance: Instance, point: Mapping[str, Any], given: bool, options: Options) -> Any:
    """By a method for equalities and inequalities, on the smooth form."""
    from ..kernels.plan import Plan

    kept, point, options = keeping(instance, point, options)
    given = given or (kept is not None and kept.resumed)
    derived = instance.posed.constrained
    name = for_constraints(options.method) or "interior-point"
    result, found = constrained_run.run(instance, point, given, options.driver(), options.backend, name)
    if kept is not None:
        kept.save(found)
    return _named(result, found, instance.posed, Plan(name, derived.describe()))


def spelled(method: str | None, posed: Posed) -> str | None:
    """The name of a method as it is looked for; where L-BFGS-B is to keep bounds, that of the method for them."""
    if method is None:
        return None
    name = method.lower().replace("_", "-")
    if name == "l-bfgs-b" and (posed.relations or any("nonnegative" in v.facts for v in posed.unknowns)):
        return "projected-gradient"
    return name if name in (*SEPARABLE, *EM, *SQUARES, *CLOSED_FORM) else method


def for_constraints(method: str | None) -> str | None:
    """The method for constraints that is asked for, if it is one."""
    from ..kernels.optimizers import constrained_method

    found = constrained_method(method)
    return None if found is None else found.name


def _named(result: Any, found: Mapping[str, Any], posed: Posed, chosen: Any) -> Any:
    """The result with the plan, in the statement's sense, its unknowns by name and first."""
    result.fun = posed.sign * result.fun
    result.plan = chosen
    if posed.sense == "maximize":
        result.message = of_a_maximum(result.message)
    values = {name: float(found[name]) if found[name].ndim == 0 else found[name] for name in posed.names}
    rest = {k: v for k, v in result.items() if k not in values}
    result.clear()
    result.update({**values, **rest})
    return result
