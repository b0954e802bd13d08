"""The certificate of an optimum with positive semidefinite unknowns.

To the conditions of `kkt`, with ∇f − Λ in the place of ∇f, come

    feasibility       the smallest eigenvalue of Z ≥ −ε max |Zᵢⱼ|
    dual feasibility  the smallest eigenvalue of Λ ≥ −ε F / max |Zᵢⱼ|
    complementarity   |tr(ΛZ)| ≤ ε F, for a convex problem part of the duality gap

Curvature is judged on the matrices that vanish where Λ presses, the curvature of that set included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .certificate import TOLERANCE
from .kkt import KktCertificate, certify_kkt
from .natural import amount, objective_size
from .optimizers.halves import Block, matrix_at
from .optimizers.interior_point import Answer, Functions, Values
from .optimizers.semidefinite import curvature, faces, normals
from .oracle import Layout, Matrix, Vector

#: A multiplier that pulls less, beside what pulls most, may be rounding.
HARDLY = 1e-10


def certify_semidefinite(
    functions: Functions,
    layout: Layout,
    answer: Answer,
    cone: Vector,
    blocks: Sequence[Block],
    *,
    statement_value: float | None = None,
    tolerance: float = TOLERANCE,
    quadratic: bool = False,
) -> KktCertificate:
    """The certificate of a point with its multipliers, `cone` those of Z ⪰ 0; `functions` are the interpreter's.

    Where it does not hold, multipliers that are rounding beside the others are 0: unknowns that nothing else pulls at
    would have lengths by them.

    quadratic  whether the objective is, under linear conditions, as of `certify_kkt`
    """
    told: dict[str, Any] = {
        "statement_value": statement_value, "tolerance": tolerance, "quadratic": quadratic,
    }  # fmt: skip
    first = _certified(functions, layout, answer, cone, blocks, **told)
    if first.ok() or not np.isfinite(first.value):
        return first
    v = functions.values(answer.z)
    pulls = [np.abs(v.E).max(axis=1, initial=0.0), np.abs(v.C).max(axis=1, initial=0.0)]
    pulls = [np.abs(m) * p for m, p in zip((answer.nu, answer.lam), pulls, strict=True)]
    least = HARDLY * max(float(np.abs(a).max(initial=0.0)) for a in (v.g, cone, *pulls))
    nu, lam = (np.where(p > least, m, 0.0) for m, p in zip((answer.nu, answer.lam), pulls, strict=True))
    pressing = cone.copy()
    for start, side in blocks:
        block = pressing[start : start + side * side]
        if np.abs(block).max(initial=0.0) <= least:
            block[:] = 0.0
    second = _certified(functions, layout, replace(answer, nu=nu, lam=lam), pressing, blocks, **told)
    return second if second.ok() else first


def _certified(
    functions: Functions,
    layout: Layout,
    answer: Answer,
    cone: Vector,
    blocks: Sequence[Block],
    *,
    statement_value: float | None,
    tolerance: float,
    quadratic: bool,
) -> KktCertificate:
    z = answer.z
    found = faces(z, cone, blocks)
    normal, bend = normals(z.size, blocks, found), curvature(cone, blocks, found)
    free = np.zeros(normal.shape[0])

    def values(point: Vector) -> Values:
        v = functions.values(point)
        return replace(
            v, g=v.g - cone, e=np.concatenate([v.e, normal @ (point - z)]), E=np.vstack([v.E, normal])
        )

    def hessian(point: Vector, nu: Vector, lam: Vector) -> Matrix:
        return functions.hessian(point, nu[: answer.nu.size], lam)

    seen = Functions(functions.size, values, hessian)
    proof = certify_kkt(
        seen,
        layout,
        z,
        np.concatenate([answer.nu, free]),
        answer.lam,
        statement_value=statement_value,
        tolerance=tolerance,
        quadratic=quadratic,
        bend=bend,
    )
    if not np.isfinite(proof.value):
        return proof
    v = seen.values(z)
    size = objective_size(v.f, amount(z, None, np.abs(v.g) + 2.0 * np.abs(cone)))
    primal, dual, slack = proof.primal, proof.dual, proof.complementarity
    where = proof.where
    for block in blocks:
        Z, L = matrix_at(z, block), matrix_at(cone, block)
        reach = float(np.abs(Z).max()) or 1.0
        low = -float(np.linalg.eigvalsh(Z)[0]) / reach
        if low > primal:
            primal, where = low, "an eigenvalue below 0"
        dual = max(dual, -float(np.linalg.eigvalsh(L)[0]) * reach / size)
        slack += abs(float((Z * L).sum())) / size
    return replace(proof, primal=primal, dual=dual, complementarity=slack, where=where)


__all__ = ["certify_semidefinite"]
