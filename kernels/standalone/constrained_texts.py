"""What a file for a problem with constraints is made of: its kernels, the functions it takes along, its last part."""

from __future__ import annotations

from typing import Any

from ...solving.reasons import answers_at, contradict, falls_along_recession
from ..bundle import Bundle
from ..conditions import functions_of
from ..flat_conditions import Call, FlatConditions
from ..inline import on_data
from ..kkt import certify_kkt
from ..optimizers import halves, interior_loops, interior_point, quadratic_program
from ..oracle import VALUE
from ..semidefinite import certify_semidefinite
from . import running
from .kernel_texts import Kernels
from .templates import CONSTRAINED, CONTRADICTION, ELSEWHERE
from .writing import called, idle_of, in_table, in_tuple, shape_text

#: Active sets halve the time of a loop, which is little of a file's run, and take five seconds to compile: files go
#: without.
WITHOUT = {
    "all_bounds": """@compiled
def all_bounds(rows):
    \"""Whether the run may end by an active set: not here.\"""
    return False
""",
    "by_active_bounds": """@compiled
def by_active_bounds(H, h, g, E, e, rows, c, own, tol, z, nu, s, lam):
    \"""Not asked for here.\"""
    return False
""",
}


def add_constrained(derived: Any, kernels: Kernels, bundle: Bundle) -> None:
    """The kernels of a problem with constraints, and the methods that run on them."""
    moving = [v.name for v in derived.problem.unknowns]
    duals = [v.name for v in derived.multipliers]
    few = (
        kernels.add_plain if derived.quadratic and not derived.cones else kernels.add
    )  # as the loop is compiled
    few("first", derived.first, moving, "The objective, its gradient, and the constraints.")
    if derived.slopes:
        add = kernels.add_plain if derived.linear and few == kernels.add_plain else kernels.add
        add("slopes", derived.slopes, moving, "The Jacobians of the constraints.")
    if derived.second:
        few("second", derived.second, [*moving, *duals], "The Hessian of the Lagrangian, in blocks.")
    wanted = [v.name for v in derived.wanted]
    kernels.add_plain("stated", {VALUE: derived.original}, wanted, "The objective as it was stated.")
    add_kinks(derived, kernels)
    bundle.add(functions_of, running.caller, interior_point.Functions)
    if derived.linear:
        bundle.add(contradict)
    if derived.quadratic and not derived.cones:
        bundle.add(falls_along_recession)
    if derived.cones:
        bundle.add(certify_semidefinite, running.inside_cones, halves.blocks_of)
        return
    bundle.add(certify_kkt, running.from_inside, answers_at)
    if derived.quadratic:
        bundle.replaced |= WITHOUT
        bundle.add(quadratic_program.solve_program, interior_point.solve)
        source = bundle.parts.pop("solve")
        bundle.parts["by_interior_point"] = source.replace("def solve(", "def by_interior_point(", 1)
        return
    loops = interior_loops
    bundle.add(loops.begin, loops.ended, loops.aimed, loops.accepted, loops.moved_on, loops.finite)
    bundle.add(loops.scaled_by, loops.stepped, running.joined, running.loop_data)
    text = on_data(interior_point.interior_point, ("conditions", "curvature"))
    bundle.parts["interior_point"] = f"@strict\n{text}"


def add_kinks(derived: Any, kernels: Kernels) -> None:
    """The kernels for kinks: what their slacks stand for, and how the objective changes with them."""
    moving = [v.name for v in derived.problem.unknowns]
    atoms = {str(k): kink.atom for k, kink in enumerate(derived.problem.kinks)}
    if atoms:
        kernels.add_plain("atoms", atoms, moving, "What the slack variables stand for.")
    signs = {str(k): kink.slope for k, kink in enumerate(derived.problem.kinks) if kink.slope is not None}
    if signs:
        meaning = "How the objective changes with them; must not be negative."
        kernels.add_plain("signs", signs, moving, meaning)


def joined_text(derived: Any, kernels: Kernels) -> FlatConditions | None:
    """The kernels as functions of flat vectors, where the loop is compiled with them; their text is in `texts`."""
    if derived.quadratic or derived.cones:
        return None
    unknowns = derived.problem.unknowns
    moving = {v.name for v in (*unknowns, *derived.multipliers)}
    labels = [label for label in ("first", "slopes", "second") if label in kernels.inputs]
    used = [name for label in labels for name in kernels.inputs[label] if name not in moving]
    orders = {kind: [len(node.shape) for node in nodes] for kind, nodes in derived.conditions.items()}
    return FlatConditions(
        [v.name for v in unknowns], [len(v.shape) for v in unknowns], orders, list(dict.fromkeys(used))
    )


def flat_functions(text: FlatConditions, kernels: Kernels) -> list[str]:
    """The two functions that the loop calls."""

    def calls(*labels: str) -> list[Call]:
        known = [label for label in labels if label in kernels.inputs]
        return [(f"{label}_evaluate", kernels.inputs[label], kernels.outputs[label]) for label in known]

    return [
        "@strict\n" + text.conditions(*calls("first", "slopes")),
        "@strict\n" + text.curvature(*calls("second")),
    ]


def constrained_tail(derived: Any, compared: str) -> str:
    """The last part of the file: layout, functions, the run and its certificate."""
    kinks = derived.problem.kinks
    shapes = {
        kind: "{" + ", ".join(f"{k}: {shape_text(node.shape)}" for k, node in enumerate(nodes)) + "}"
        for kind, nodes in derived.conditions.items()
    }
    return CONSTRAINED.format(
        unknowns=in_table({v.name: shape_text(v.shape) for v in derived.problem.unknowns}, 8),
        idle=idle_of(derived),
        multipliers=in_table({v.name: shape_text(v.shape) for v in derived.multipliers}, 8),
        equality=shapes["equality"],
        inequality=shapes["inequality"],
        run=_run(derived),
        compared=compared,
        certify=f"certify_semidefinite(functions, layout, answer, cone, blocks, quadratic={derived.quadratic}"
        if derived.cones
        else f"certify_kkt(functions, layout, answer.z, answer.nu, answer.lam, quadratic={derived.quadratic}",
        linear=derived.linear,
        elsewhere="" if derived.cones else ELSEWHERE,
        contradiction=CONTRADICTION if derived.linear else "",
        endless="falls_along_recession(functions, answer.z) and not contradict(functions, answer.z)"
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
    if derived.quadratic:
        return "answer, ended = from_inside(functions, (solve_program, by_interior_point), z, max_iterations, max_time)"
    return (
        "data = loop_data(LOOP_DATA, given, layout)\n"
        "        way = joined(interior_point, data, shapes_of(sizes)[2], z)\n"
        "        answer, ended = from_inside(functions, (way,), z, max_iterations, max_time)"
    )
