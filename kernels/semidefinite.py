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

import numpy as np

from .certificate import TOLERANCE
from .kkt import KktCertificate, certify_kkt
from .natural import amount, objective_size
from .optimizers.halves import Block, matrix_at
from .optimizers.interior_point import Answer, Functions, Values
from .optimizers.semidefinite import curvature, faces, normals
from .oracle import Layout, Matrix, Vector


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

    quadratic  whether the objective is, under linear conditions, as of `certify_kkt`
    """
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
