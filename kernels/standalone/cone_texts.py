"""What a file for a program over second-order cones is made of: kernels for its matrices, the loop, its last part."""

from __future__ import annotations

from typing import Any

from ..bundle import Bundle
from ..cones import certify_cones
from ..optimizers.cone_arranged import arranged_cones
from ..optimizers.cone_endless import falls_along_recession
from ..oracle import VALUE, Layout
from . import running
from .constrained_texts import add_kinks
from .kernel_texts import Kernels
from .writing import called, idle_of, in_table, in_tuple, shape_text


def add_cones(form: Any, kernels: Kernels, bundle: Bundle) -> None:
    """The kernels of a program, and what runs on its matrices: NumPy, for these are steps of large blocks."""
    derived = form.derived
    moving = [v.name for v in form.unknowns]
    meaning = (
        "The objective, equations, conditions and norms, and their slopes and curvature in the unknowns."
    )
    kernels.add_plain("program", form.nodes, moving, meaning)
    wanted = [v.name for v in derived.wanted]
    kernels.add_plain("stated", {VALUE: derived.original}, wanted, "The objective as it was stated.")
    add_kinks(derived, kernels)
    kernels.tables.append(
        f"NORMS = {in_tuple(map(repr, form.axes))}  # slack, axes of u, those that count norms"
    )
    bundle.add(
        Layout, arranged_cones, certify_cones, falls_along_recession, running.caller, running.over_cones
    )


def cone_tail(form: Any) -> str:
    """The last part of the file: the matrices, the run and its certificate."""
    kinks = form.derived.problem.kinks
    return CONES.format(
        unknowns=in_table({v.name: shape_text(v.shape) for v in form.unknowns}, 8),
        idle=idle_of(form.derived),
        shapes=in_table({key: shape_text(node.shape) for key, node in form.stated.items()}, 8),
        atoms=called("atoms", bool(kinks)),
        signs=called("signs", any(k.slope is not None for k in kinks)),
        slacks=in_tuple(repr(k.slack.name) for k in kinks),
    )


#: The last part of the file.
CONES = '''
SLACKS = {slacks}  # what stands for norms and other kinks


def layout_of(sizes):
    """Where the unknowns lie in a flat vector, slacks included, and the shapes of the conditions."""
    layout = Layout.of({unknowns}{idle})
    return layout, {shapes}


def program_on(arrays, sizes, z):
    """The program on these data, its constants those at the point z."""
    layout, shapes = layout_of(sizes)
    given = {{**sizes, **arrays}}
    found = caller(program_evaluate, PROGRAM_INPUTS, PROGRAM_OUTPUTS, given)(layout.unpack(z))
    for name, value in found.items():
        if not np.isfinite(value).all():
            raise DataError(f"{{name}} of the program is not finite on these data")
    return arranged_cones(found, layout, shapes, NORMS)


def where_all_vanishes(arrays, sizes):
    """The point 0, its slacks as small as may be."""
    layout, _ = layout_of(sizes)
    given = {{**sizes, **arrays}}
    point = layout.unpack(np.zeros(layout.size))
    signs = {signs}
    for sign in signs(point).values():
        if np.min(sign) < 0:
            raise DataError("the objective falls with a kink on these data: neither convex nor smooth")
    atoms = {atoms}
    for k, name in enumerate(SLACKS):
        point[name] = np.asarray(atoms(point)[str(k)])
    return layout.pack(point)


def solve_from(found, sizes, point, others, tolerance, max_iterations, max_time):
    """The run; it has a beginning of its own."""
    layout, _ = layout_of(sizes)
    given = {{**sizes, **found}}
    evaluate = caller(stated_evaluate, STATED_INPUTS, STATED_OUTPUTS, given)
    with np.errstate(all="ignore"):
        program = program_on(found, sizes, np.zeros(layout.size))

        def judge(answer):
            value = float(evaluate(stated_point(STATEMENT, layout.unpack(answer.x)))["value"])
            return certify_cones(program, layout, answer, statement_value=value, tolerance=tolerance)

        answer, ended = over_cones(program, judge, where_all_vanishes(found, sizes), max_iterations, max_time)
        proof = uninterrupted(judge, answer)
    success = proof.ok() and "interrupted" not in ended  # what is certified as time runs out is the answer
    message = ("certified: " if success else f"{{ended}}; " if ended else "not certified: ") + proof.reason()
    if not success and not ended and proof.primal <= 1e-5 and falls_along_recession(program):
        message = "the objective is unbounded below on the feasible set, or has no minimum that is attained"
    elif not success and not ended and proof.primal > tolerance:
        message = f"no feasible point was found: the constraints may be infeasible ({{proof.reason()}})"
    value = -proof.value if STATEMENT.maximize else proof.value
    return Solution(
        stated_point(STATEMENT, layout.unpack(answer.x)), value, success, message, proof, answer.iterations
    )


def derivatives(data):
    """What `--check` compares: the size of a point, and (name, function, derivative)."""
    found, sizes = checked(STATEMENT, data, {{}})
    layout, _ = layout_of(sizes)
    program = program_on(found, sizes, np.zeros(layout.size))
    heads = program.cones.heads

    def at(z):
        return program_on(found, sizes, z)

    pairs = [
        ("gradient", lambda z: at(z).f0, lambda z: program.Q @ z + program.c),
        ("equalities", lambda z: at(z).e, lambda z: program.E),
        ("rows of cones", lambda z: np.delete(at(z).g, heads), lambda z: np.delete(program.G, heads, axis=0)),
    ]
    return layout.size, pairs
'''
