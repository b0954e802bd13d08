"""A program over cones from its matrices by name: what was derived, evaluated on data, put in rows and columns.

    f                  the objective          c w, Q w v       its slope and curvature in unknowns w, v
    E 0, E 0 w, …      equations, slopes      C 0, C 0 w, …    conditions ≥ 0, slopes
    U 0, U 0 w, …      u of ‖u‖ ≤ t, slopes

Where these stand for the point 0 they are the constants of the program; constants at other points are the residuals
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..oracle import Array, Layout, Matrix, Vector
from .cone_problem import ConeProgram
from .second_order import Cones

#: Of an array of norms: the slack that stands for it, the axes of u, and those of them that count the norms.
Norms = tuple[str, tuple[int, ...], tuple[int, ...]]


def arranged_cones(
    found: Mapping[str, Any], layout: Layout, shapes: Mapping[str, tuple[int, ...]], norms: Sequence[Norms]
) -> ConeProgram:
    """The program.

    found   arrays by name, as above
    shapes  of the equations, conditions and norms: "E 0", "C 0", "U 0", …
    """
    n = layout.size
    lengths = dict(zip(layout.names, layout.sizes, strict=True))
    Q, c = np.zeros((n, n)), np.zeros(n)
    for key, part in found.items():
        kind, *names = key.split(" ")
        if kind == "c":
            c[layout.slices[names[0]]] = np.ravel(part)
        if kind == "Q":
            a, b = (layout.slices[name] for name in names)
            Q[a, b] = np.reshape(part, (lengths[names[0]], lengths[names[1]]))
            Q[b, a] = Q[a, b].T
    rows = {key: rows_of(found, key, shape, layout) for key, shape in shapes.items()}
    none = [(np.zeros((0, n)), np.zeros(0))]
    E, e = zip(*none, *(part for key, part in rows.items() if key[0] == "E"), strict=True)
    parts = [*none, *(part for key, part in rows.items() if key[0] == "C")]
    orthant, widths = sum(constants.size for _, constants in parts), []
    for k, (slack, labels, output) in enumerate(norms):
        U, u = rows[f"U {k}"]
        owner = owners(labels, output, shapes[f"U {k}"])
        order = np.argsort(owner, kind="stable")
        heads = range(layout.slices[slack].start, layout.slices[slack].stop)
        for head, inside in zip(
            heads, np.split(order, np.searchsorted(owner[order], np.arange(1, len(heads)))), strict=True
        ):
            row = np.zeros((1, n))
            row[0, head] = 1.0
            parts += [(row, np.zeros(1)), (U[inside], u[inside])]
            widths.append(1 + inside.size)
    G, g = zip(*parts, strict=True)
    cones = Cones(orthant, widths)
    return ConeProgram(
        Q, c, float(found["f"]), np.vstack(E), np.concatenate(e), np.vstack(G), np.concatenate(g), cones
    )


def rows_of(
    found: Mapping[str, Any], key: str, shape: tuple[int, ...], layout: Layout
) -> tuple[Matrix, Vector]:
    """The rows and constants of one array of conditions."""
    constants = np.ravel(found[key]).astype(np.float64)
    matrix = np.zeros((constants.size, layout.size))
    for name, place in layout.slices.items():
        if f"{key} {name}" in found:
            matrix[:, place] = np.reshape(found[f"{key} {name}"], (constants.size, place.stop - place.start))
    return matrix, constants


def owners(labels: tuple[int, ...], output: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """For each entry of u the number of the norm that it belongs to."""
    index = np.indices(shape).reshape(len(shape), -1)
    if not output:
        return np.zeros(index.shape[1], dtype=np.intp)
    lengths = tuple(shape[labels.index(i)] for i in output)
    return np.asarray(np.ravel_multi_index(tuple(index[labels.index(i)] for i in output), lengths))
