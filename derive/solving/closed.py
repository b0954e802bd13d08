"""The closed form as a method: the optimum by formulas and decompositions, then the certificate, as for any method.

That the formula is a minimum was proved when it was derived (`optimality.closed_form`); what it gives in numbers
counts for nothing until the interpreter finds the conditions of an optimum satisfied. Quadratics in vectors do not come
this way: one step of Newton's method, or an orthogonal factorisation, is their closed form in fewer operations.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..build import split_power
from ..differentiate import gradients
from ..errors import DataError, UnsupportedError
from ..node import Apply, Node, Variable, topological, variables
from ..optimality import ClosedForm, evaluate_closed_form
from ..reparametrise import reparametrise
from ..second import second_derivative
from .answer import certificate
from .options import Options
from .placed import Placed

if TYPE_CHECKING:
    from .instance import Instance
    from .posed import Posed

#: Names for the method.
CLOSED_FORM = ("closed-form", "closed form", "direct", "exact")
#: Unknowns up to which the certificate looks at a Hessian.
CURVED = 300


def suits(posed: Posed) -> bool:
    """Whether the closed form would be the fastest way, if there is one: cheap to ask."""
    if posed.relations:
        return all(r.sign == "==" for r in posed.relations)
    composite = posed.composite
    if composite is None:
        return posed.squares is None
    if not composite.structure.is_plain:
        return False
    if composite.quadratic:
        return max(v.order for v in posed.unknowns) > 1
    return _is_quotient(posed)


def _is_quotient(posed: Posed) -> bool:
    """Whether the objective divides by an expression of the unknowns, as quotients with eigenvectors do."""
    moving = set(posed.unknowns)
    return any(
        split_power(node)[1].is_negative and moving & set(variables(node))
        for node in topological([posed.minimised])
        if isinstance(node, Apply) and node.op == "power"
    )


def describe(forms: Mapping[Variable, ClosedForm]) -> str:
    """The forms, and under which conditions they hold."""
    found = []
    for form in forms.values():
        said = form.lines()[0]
        found.append(f"{said}, if {form.condition}" if form.condition else said)
    return "; ".join(found)


def run(instance: Instance, forms: Mapping[Variable, ClosedForm], options: Options) -> Any:
    """SciPy's result and the arrays of the unknowns.

    Raises `UnsupportedError` where a condition of the form does not hold on these data.
    """
    from ..kernels.optimizers.result import History, Result

    began = time.perf_counter()
    posed = instance.posed
    try:
        found = evaluate_closed_form(forms, instance.numbers, instance.binding)
    except np.linalg.LinAlgError as error:
        raise UnsupportedError(f"the closed form cannot be evaluated on these data: {error}") from None
    found = {
        v.name: np.array(np.broadcast_to(found[v.name], instance.shapes[v.name]), dtype=np.float64)
        for v in posed.unknowns
    }
    instance.latest = lambda: found
    multipliers, proved = None, posed.facts.closed_forms is not None
    with np.errstate(all="ignore"):
        if posed.composite is not None:
            layout = posed.composite.layout(instance)
            point = layout.pack(found)
            proof = certificate(posed.composite, instance, instance.numbers, point, options.tolerance, proved)
        elif posed.is_constrained or any("orthogonal" in v.facts for v in posed.unknowns):
            placed = Placed(posed.constrained, instance.data, instance.binding)
            proof, multipliers = placed.certified(found, options.tolerance, proved)
        else:
            proof = _free(instance, found, options, proved)
    history = History()
    history.objective.append(proof.value)
    history.scaled_gradient.append(proof.stationarity)
    history.time.append(time.perf_counter() - began)
    result: Any = Result()
    result.update(
        x=np.concatenate([found[a].reshape(-1) for a in posed.names]),
        fun=proof.value,
        nit=0,
        nfev=1,
        status=0 if proof.ok() else 1,
        message=f"certified: {proof.reason()}" if proof.ok() else f"not certified: {proof.reason()}",
        success=proof.ok(),
        method="closed-form",
        certificate=proof,
        history=history,
        time=history.time[-1],
    )
    if multipliers is not None:
        result.multipliers = multipliers
    return result, found


def _free(instance: Instance, found: Mapping[str, Any], options: Options, proved: bool) -> Any:
    """The certificate of an unconstrained problem, in its free unknowns."""
    from ..kernels.certificate import certify_statement
    from ..kernels.oracle import VALUE, gradient_key, hessian_key

    posed = instance.posed
    free = posed.remembered("free form", lambda: reparametrise(posed.minimised, posed.unknowns))
    second = instance.count <= CURVED and not proved

    def derived() -> dict[str, Node]:
        slopes = gradients(free.objective, free.unknowns)
        nodes = {VALUE: free.objective}
        nodes |= {gradient_key(v.name): g for v, g in zip(free.unknowns, slopes, strict=True)}
        if second:
            for i, v in enumerate(free.unknowns):
                for u in free.unknowns[i:]:
                    nodes[hessian_key(v.name, u.name)] = second_derivative(slopes[i], v, u)
        return nodes

    nodes = posed.remembered(("free nodes", second), derived)
    try:
        point = free.backward(found)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise DataError(f"the closed form is on the boundary of what the facts allow: {error}") from None
    return certify_statement(
        nodes, instance.arrays, point, tolerance=options.tolerance, proved=proved, attained=proved
    )
