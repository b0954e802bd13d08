"""Which way a problem goes, and what is tried when the first way fails.

    a closed form that is the fastest       formulas and decompositions             `closed`
    bounds, weights on |x|, few unknowns    coordinate descent, proximal Newton     `composite`
    weights on norms of groups              proximal gradient, Newton on the rest   `groups`
    weights on nuclear norms                proximal gradient, Newton on the rank   `low_rank`
    smooth, a Hessian costs much            quasi-Newton for as long, then Newton   `free`, `costs`
    constraints, kinks                      interior point on the smooth form       `constrained`, `constrained_run`
    a sum of squares of moderate size       Levenberg–Marquardt, direct if linear   `squares`
    anything else                           a smooth method over free unknowns      `free`

The certificate, not the method, says whether the answer is right; where it does not, the next way is tried. Each way by
itself is in `ways`, what would be chosen in `planning`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..errors import ArgumentError, UnsupportedError
from ..statuses import BY_HAND, INTERRUPT, ITERATIONS, NO_STEP, NO_VALUE, TIME
from .answer import FIRST_ORDER
from .closed import CLOSED_FORM
from .guarantee import Guarantee
from .instance import Instance
from .interrupted import at_the_latest, at_the_start
from .options import Options
from .pieces_run import judged_on_pieces
from .posed import Posed
from .starts import by_name, default_start, elsewhere, other_starts, random_start
from .tempered import first_point
from .ways import (
    EM,
    SEPARABLE,
    SQUARES,
    by_closed_form,
    by_cones,
    by_constraints,
    by_descent,
    by_em,
    by_free_unknowns,
    by_proximal_gradient,
    by_quasi_newton,
    by_separable,
    by_squares,
    for_constraints,
    spelled,
    steps_before_newton,
    suits_closed_form,
    suits_separable,
)

AFTER_PLATEAU = 300  # iterations
SMALL = 1 << 23  # entries of data, and of a Hessian; on a busy machine threads wait longer than they compute


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
    options.check()
    options = replace(options, method=spelled(options.method, posed))
    if not (isinstance(starts, int | np.integer) and starts >= 1):
        raise ArgumentError(f"starts is a whole number from 1, not {starts!r}")
    from ..kernels.interrupt import Interruptible, uninterrupted

    begin, instance, result, more = by_name(posed.names, start), None, None, None
    with Interruptible():
        with _one_thread():  # matrices are looked at, whether they are as declared
            instance = Instance(posed, data, begin)
        with _threads(instance):
            result = _best_of(instance, options, starts) if starts > 1 else _once(instance, options)
            more = _guarantee(instance, result) if guaranteed and result.success else None
    if instance is None:
        return at_the_start(posed, data, begin, options)
    if result is None:
        result = at_the_latest(instance, options)
    return uninterrupted(_with_guarantee, result, more, posed)


def _with_guarantee(result: Any, more: Guarantee | None, posed: Posed) -> Any:
    """The result, what the statement implies in its certificate, and the objective as stated, not its negative."""
    if more is None and posed.sign > 0.0:
        return result
    proof, found = result.certificate, type(result)(result)
    found.certificate = replace(proof, guarantee=more, value=posed.sign * proof.value)
    return found


def _guarantee(instance: Instance, result: Any) -> Guarantee:
    """What the statement implies at the answer."""
    posed = instance.posed
    found = {name: result[name] for name in posed.names}
    closed = ""
    if result.method == "closed-form" and (forms := posed.facts.closed_forms) is not None:
        closed = "; ".join(dict.fromkeys(form.kind for form in forms.values()))
    return Guarantee(instance, found, posed.sign * result.fun, result.get("multipliers"), closed)


def _threads(instance: Instance) -> AbstractContextManager[None]:
    """One thread for the linear algebra of small problems: several wait for one another longer than they compute."""
    entries = sum(int(np.size(a)) for a in instance.data.values())
    unknowns = instance.count if instance.posed.nuclear is not None else instance.count**2
    return _one_thread() if max(entries, unknowns) <= SMALL else nullcontext()


def _one_thread() -> AbstractContextManager[None]:
    """BLAS on one thread."""
    from ..kernels.threads import single_blas_thread

    return single_blas_thread()


def _once(instance: Instance, options: Options) -> Any:
    """One run from one start."""
    return judged_on_pieces(_run(instance, options), instance, options.tolerance)


def _run(instance: Instance, options: Options) -> Any:
    """The same, as certified by its method."""
    posed, method, given = instance.posed, options.method, bool(instance.start)
    if method in CLOSED_FORM or (method is None and suits_closed_form(instance, options)):
        result = by_closed_form(instance, options)
        if result is not None:
            return result
    point = {**default_start(posed.unknowns, instance.shapes, options.seed), **instance.start}
    if method in (None, *FIRST_ORDER) and (posed.nuclear or posed.grouped) is not None:
        found = by_proximal_gradient(instance, point, options)
        if found is not None:
            return found
        options, method = replace(options, method=None), None
    most = 0
    if method is None and options.precision != "high":
        most = steps_before_newton(posed, instance.binding, instance.facts)
    if most and instance.facts.is_convex:
        from ..kernels.clock import now

        began = now()
        result = _convex_after_all(by_quasi_newton(instance, point, options, most), instance)
        if (
            result.success
            or result.status not in (ITERATIONS, NO_STEP)
            or result.nit >= options.max_iterations
        ):
            return result
        point = {name: np.asarray(result[name], dtype=np.float64) for name in posed.names}
        if options.max_time is not None:
            left = options.max_time - (now() - began)
            options = replace(options, max_time=max(left, 1e-3))
        most = 0  # so many steps were not enough: the condition is bad, and Newton's method does not mind
    if method in SEPARABLE or (method is None and not most and suits_separable(instance, options)):
        found = by_separable(instance, point, options)
        if found is None and method is None and options.checkpoint is None:
            softer = first_point(instance, point, options.max_time)
            if softer is not None:
                point, found = softer, by_separable(instance, softer, options)
        if found is not None:
            return found
        options, method = replace(options, method=None), None  # not certified: as the plan would go on
    if method in EM:
        return by_em(instance, point, options)
    if for_constraints(method) is not None or (method is None and posed.is_constrained):
        try:
            found = by_cones(instance, options) if method is None and options.backend is None else None
            if found is None:
                found = by_constraints(instance, point, given, options)
        except UnsupportedError:
            if posed.relations or method is not None:
                raise
            # a kink on which the objective falls: descent along subgradients, judged by its certificate
        else:
            if method is not None:
                return found
            found = _or_on_pieces(found, instance, point, options)
            found = _away_from_saddle(found, instance, options, partial(by_constraints, given=True))
            return found if given else _from_elsewhere(found, instance, options)
    if posed.relations:
        from ..kernels.optimizers import CONSTRAINED
        from ..kernels.optimizers import method as known

        known(str(method))  # a name that is none is told first
        fitting = ", ".join(CONSTRAINED)
        raise ArgumentError(
            f"method {method} takes no constraints; those that do: {fitting}; or leave the choice to the plan"
        )
    if method is None and instance.on_simplexes:
        found = by_constraints(instance, point, given, options)
        rest = options.after(found)
        if found.success or found.status in BY_HAND or rest is None:
            return found
        options = rest
    before = None
    squares = posed.squares if method in SQUARES or method is None else None
    if squares is not None and (method is not None or squares.fits(instance.binding)):
        result = _convex_after_all(by_squares(instance, point, options), instance)
        if method is not None:
            return result
        if not (result.certificate.saddle() and result.status not in BY_HAND):
            return _or_constrained(result, instance, point, options)
        options = replace(options, backend=options.backend or "numpy")  # a small saddle: Newton leaves it
        options, before = _briefly(options, result), result
        if result.certificate.below is not None and not any(v.facts for v in posed.unknowns):
            point = {**point, **result.certificate.below}
    if method in SQUARES:
        raise ArgumentError(f"method {method} is for sums of squares in vectors, and this objective is none")
    if options.precision == "high":
        raise UnsupportedError("precision='high' is for sums of squares")
    result = _convex_after_all(by_descent(instance, point, options), instance)
    if result.status == NO_VALUE and not given:
        for moved in other_starts(posed.unknowns, instance.shapes, options.seed):
            again = by_descent(instance, moved, options)
            if again.status != NO_VALUE:
                result = again
                break
    if method is None:
        result = _away_from_saddle(result, instance, options, by_descent)
        result = _with_shorter_steps(result, instance, point, options)
        lost = not result.success and result.status not in BY_HAND
        if lost and before is not None and posed.sign * before.fun <= posed.sign * result.fun:
            result = before
        elif result.success and before is not None:
            result = _with_more_digits(result, instance, options)
    return result if method is not None else _or_constrained(result, instance, point, options)


def _away_from_saddle(result: Any, instance: Instance, options: Options, way: Callable[..., Any]) -> Any:
    """The result, or where it is stationary but no minimum, that of a run the same way from a point nearby."""
    proof, posed = result.certificate, instance.posed
    if result.success or result.status in BY_HAND or not (proof.stationary() and proof.saddle()):
        return result
    if any(v.facts for v in posed.unknowns):
        return result  # a point nearby might not have the facts
    rest = options.after(result)
    if rest is None:
        return result
    options, rng = _briefly(rest, result), np.random.default_rng(options.seed)
    steps = {name: rng.standard_normal(np.shape(result[name])) for name in posed.names}
    best, found = result, {name: np.asarray(result[name], dtype=np.float64) for name in posed.names}
    for side in (0.1, -0.1):
        size = {name: side * max(1.0, float(np.abs(x).max(initial=0.0))) for name, x in found.items()}
        moved = {name: x + size[name] * steps[name] for name, x in found.items()}
        if proof.below is not None and side > 0.0:
            moved = {**moved, **proof.below}
        again = way(instance, moved, options=options)
        if again.success:
            return again
        if posed.sign * again.fun < posed.sign * best.fun:
            best = again
    return best


def _or_on_pieces(result: Any, instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """The result, or where slacks have led nowhere, that of descent between the kinks for which they stand."""
    if result.success or instance.posed.sided is None or result.status in (TIME, *BY_HAND):
        return result
    left = None if options.max_time is None else max(options.max_time - result.time, 1e-3)
    other = by_descent(instance, point, replace(options, max_time=left))
    return other if other.success else result


def _briefly(options: Options, result: Any) -> Options:
    """The options of a run after one that has ended on a plateau, or nowhere: where it leads to a minimum it does so
    soon."""
    if not result.certificate.plateau and result.status != ITERATIONS:
        return options
    return replace(options, max_iterations=min(options.max_iterations, AFTER_PLATEAU))


def _from_elsewhere(result: Any, instance: Instance, options: Options) -> Any:
    """The result, or where a run has ended outside the constraints or near a saddle, that of one from a random point.

    Where the problem is convex, or the constraints linear, no other point leads anywhere else.
    """
    posed, proof = instance.posed, result.certificate
    if result.success or result.status in BY_HAND or options.callback is not None:
        return result
    lost = proof.saddle() or proof.primal > options.tolerance
    if not lost or posed.constrained.linear or instance.facts.is_convex:
        return result
    rest = options.after(result)
    for point in elsewhere(posed.unknowns, instance.shapes, options.seed):
        if rest is None:
            break
        again = by_constraints(instance, point, True, rest)
        if again.success:
            return again
        rest = rest.after(again)
    return result


def _with_shorter_steps(result: Any, instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """The result, or where a run has ended among meaningless numbers, that of a quasi-Newton method from its start.

    One long step may lead to where matrices are singular in double precision, and values are rounding.
    """
    from ..kernels.plan import Plan

    if (
        result.success
        or result.status != NO_STEP
        or result.certificate.plateau
        or result.method == "lbfgs"
        or options.checkpoint is not None
    ):
        return result
    rest = options.after(result)
    if rest is None:
        return result
    chosen = Plan(
        "lbfgs", "smooth: a quasi-Newton method, whose steps are shorter, where Newton's ends nowhere"
    )
    other = by_free_unknowns(instance, point, rest, chosen)
    return other if other.success else result


def _with_more_digits(result: Any, instance: Instance, options: Options) -> Any:
    """The result, or where it is a sum of squares, that of a method for these from there: beside residuals that vanish
    values tell of no more than half the digits."""
    rest = options.after(result)
    if rest is None:
        return result
    point = {name: np.asarray(result[name], dtype=np.float64) for name in instance.posed.names}
    other = by_squares(instance, point, rest)
    return other if other.success and abs(other.fun) < abs(result.fun) else result


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
    from ..kernels.clock import now
    from ..kernels.interrupt import Interruptible

    began = now()
    posed = instance.posed
    best: Any = None
    runs: list[tuple[float, bool]] = []
    for k in range(starts):
        left = None if options.max_time is None else options.max_time - (now() - began)
        if left is not None and left <= 0 and best is not None:
            break
        if k > 0:
            rng = np.random.default_rng([options.seed, k])
            instance.start = random_start(posed.unknowns, instance.shapes, rng)
        with Interruptible() as block:
            result = _once(instance, replace(options, max_time=left))
        if block.left:
            result = at_the_latest(instance, options)
        runs.append((float(result.fun), bool(result.success)))
        rank = (not result.success, posed.sign * result.fun if np.isfinite(result.fun) else np.inf)
        if best is None or rank < best[0]:
            best = (rank, result)
        if result.status == INTERRUPT:
            break
        if result.success and instance.facts.is_convex:
            break
    best[1].runs = runs
    return best[1]


def _or_constrained(result: Any, instance: Instance, point: Mapping[str, Any], options: Options) -> Any:
    """The result, or where it has failed, that with facts as constraints.

    The optimum may lie on the boundary of what the facts allow, where no free point reaches it.
    """
    inward = any(v.facts & {"positive", "simplex"} for v in instance.posed.unknowns)
    if result.success or not inward or result.status in BY_HAND:
        return result
    rest = options.after(result)
    if rest is None:
        return result
    other = by_constraints(instance, point, False, rest)
    return other if other.success else result
