"""What a file for a program over second-order cones is made of: kernels for its matrices, the loop, its last part."""

from __future__ import annotations

from typing import Any

from ..bundle import Bundle
from ..cones import certify_cones
from ..optimizers.cone_arranged import arranged_cones
from ..optimizers.cone_endless import falls_forever
from ..oracle import VALUE, Layout
from . import running
from .constrained_texts import add_kinks
from .kernel_texts import Kernels
from .templates import CONES
from .writing import called, in_table, in_tuple, shape_text


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
    bundle.add(Layout, arranged_cones, certify_cones, falls_forever, running.caller, running.over_cones)


def cone_tail(form: Any) -> str:
    """The last part of the file: the matrices, the run and its certificate."""
    kinks = form.derived.problem.kinks
    return CONES.format(
        unknowns=in_table({v.name: shape_text(v.shape) for v in form.unknowns}, 8),
        shapes=in_table({key: shape_text(node.shape) for key, node in form.stated.items()}, 8),
        atoms=called("atoms", bool(kinks)),
        signs=called("signs", any(k.slope is not None for k in kinks)),
        slacks=in_tuple(repr(k.slack.name) for k in kinks),
    )
