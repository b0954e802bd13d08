"""What a file for a problem with constraints is made of: its kernels, the functions it takes along, its last part."""

from __future__ import annotations

from typing import Any

from ...solving.reasons import contradict, falls_forever
from ..bundle import Bundle
from ..kkt import certify_kkt, functions_of
from ..optimizers import halves, interior_point, quadratic_program
from ..oracle import VALUE
from ..semidefinite import certify_semidefinite
from . import running
from .kernel_texts import Kernels
from .templates import CONSTRAINED, CONTRADICTION
from .writing import called, in_table, in_tuple, shape_text


def add_constrained(derived: Any, kernels: Kernels, bundle: Bundle) -> None:
    """The kernels of a problem with constraints, and the methods that run on them."""
    moving = [v.name for v in derived.problem.unknowns]
    duals = [v.name for v in derived.multipliers]
    few = (
        kernels.add_plain if derived.quadratic and not derived.cones else kernels.add
    )  # as the loop is compiled
    few("first", derived.first, moving, "The objective, its gradient, and the constraints.")
    if derived.slopes:
        add = kernels.add_plain if derived.linear else kernels.add
        add("slopes", derived.slopes, moving, "The Jacobians of the constraints.")
    if derived.second:
        few("second", derived.second, [*moving, *duals], "The Hessian of the Lagrangian, in blocks.")
    wanted = [v.name for v in derived.wanted]
    kernels.add_plain("stated", {VALUE: derived.original}, wanted, "The objective as it was stated.")
    atoms = {str(k): kink.atom for k, kink in enumerate(derived.problem.kinks)}
    if atoms:
        kernels.add_plain("atoms", atoms, moving, "What the slack variables stand for.")
    signs = {str(k): kink.slope for k, kink in enumerate(derived.problem.kinks) if kink.slope is not None}
    if signs:
        meaning = "How the objective changes with them; must not be negative."
        kernels.add_plain("signs", signs, moving, meaning)
    bundle.add(functions_of, running.caller, interior_point.Functions)
    if derived.linear:
        bundle.add(contradict)
    if derived.quadratic and not derived.cones:
        bundle.add(falls_forever)
    if derived.cones:
        bundle.add(certify_semidefinite, running.inside_cones, halves.blocks_of)
        return
    bundle.add(interior_point.solve, certify_kkt, running.inside)
    source = bundle.parts.pop("solve")
    bundle.parts["interior_point"] = source.replace("def solve(", "def interior_point(", 1)
    if derived.quadratic:
        bundle.add(quadratic_program.solve_program)


def constrained_tail(derived: Any, compared: str) -> str:
    """The last part of the file: layout, functions, the run and its certificate."""
    kinks = derived.problem.kinks
    shapes = {
        kind: "{" + ", ".join(f"{k}: {shape_text(node.shape)}" for k, node in enumerate(nodes)) + "}"
        for kind, nodes in derived.conditions.items()
    }
    return CONSTRAINED.format(
        unknowns=in_table({v.name: shape_text(v.shape) for v in derived.problem.unknowns}, 8),
        multipliers=in_table({v.name: shape_text(v.shape) for v in derived.multipliers}, 8),
        equality=shapes["equality"],
        inequality=shapes["inequality"],
        run=_run(derived),
        compared=compared,
        certify="certify_semidefinite(functions, layout, answer, cone, blocks"
        if derived.cones
        else "certify_kkt(functions, layout, answer.z, answer.nu, answer.lam",
        linear=derived.linear,
        contradiction=CONTRADICTION if derived.linear else "",
        endless="falls_forever(functions, answer.z) and not contradict(functions, answer.z)"
        if derived.quadratic and not derived.cones
        else "answer.status == 3 and proof.primal <= tolerance",
        quadratic=derived.quadratic,
        slopes=called("slopes", bool(derived.slopes)),
        second=called("second", bool(derived.second)),
        atoms=called("atoms", bool(kinks)),
        signs=called("signs", any(k.slope is not None for k in kinks)),
        slacks=in_tuple(repr((k.slack.name, k.sign)) for k in kinks),
    )


def _run(derived: Any) -> str:
    """The lines that call the method."""
    if derived.cones:
        return (
            f"blocks = blocks_of(layout, {in_tuple(map(repr, sorted(derived.cones)))})\n"
            "        answer, cone, ended = inside_cones(functions, blocks, z, max_iterations, max_time)"
        )
    ways = in_tuple(["solve_program"] * derived.quadratic + ["interior_point"])
    return f"answer, ended = inside(functions, {ways}, z, max_iterations, max_time)"
