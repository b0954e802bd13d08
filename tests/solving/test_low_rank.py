"""Weights on nuclear norms: read off any spelling, solved to a certified optimum, judged by the dual norm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derive as dv
from derive.errors import NotCertifiedWarning

SHAPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("X", "T", "M", "S", "Z"), ("m", "n")),
    **{"A": ("k", "m"), "B": ("k", "n"), "b": ("k",), "lam": (), "mu": ()},
}
RNG = np.random.default_rng(4)


def problem(objective: str, over: Any, **more: Any) -> Any:
    used = {v: s for v, s in SHAPES.items() if v in objective.replace("max", "")}
    facts = {v: ("positive",) for v in ("lam", "mu") if v in used}
    return dv.minimize(objective, over=over, variables=used, facts=facts, **more)


def below(slope: Any, X: Any, lam: float) -> bool:
    """−G ∈ λ ∂‖X‖_*: its largest singular value is at most λ, and ⟨−G, X⟩ = λ‖X‖_*."""
    sizes = np.linalg.svd(X)[1]
    return bool(
        np.linalg.norm(slope, 2) <= lam * (1 + 1e-8)
        and abs((slope * X).sum() + lam * sizes.sum()) <= 1e-7 * lam
    )


def test_soft_threshold() -> None:
    """½‖X − T‖² + λ‖X‖_* has the shrunk singular values, at all sizes, also where all vanish."""
    p = problem('sumsq(X - T)/2 + lam*norm(X, "nuc")', "X")
    for (m, n), lam in [((4, 3), 0.7), ((1, 1), 0.1), ((1, 5), 0.3), ((6, 1), 0.3), ((3, 3), 50.0)]:
        T = RNG.standard_normal((m, n))
        r = p.solve(T=T, lam=lam)
        u, s, v = np.linalg.svd(T, full_matrices=False)
        assert r.success and r.method == "proximal-gradient"
        assert np.allclose(r["X"], (u * np.maximum(s - lam, 0.0)) @ v, atol=1e-8)
    assert "nuclear norm of X" in str(p.plan(m=3, n=4)) and "proved convex" in str(p.plan(m=3, n=4))


def test_matrix_completion() -> None:
    """Entries that are seen, with noise: of low rank and of high."""
    p = problem("sumsq(M*(T - X))/2 + lam*normnuc(X)", "X")
    T = RNG.standard_normal((20, 3)) @ RNG.standard_normal((3, 15)) + 0.1 * RNG.standard_normal((20, 15))
    M = (RNG.random((20, 15)) < 0.6) * 1.0
    for lam, rank in ((2.0, 3), (0.05, None)):
        r = p.solve(T=T, M=M, lam=lam)
        assert r.success and below(M * (r["X"] - T), r["X"], lam)
        assert rank is None or np.linalg.matrix_rank(r["X"], 1e-6) == rank
        assert r.certificate.stationarity < 1e-10 and r.certificate.proved


def test_beside_other_unknowns() -> None:
    """Low rank plus sparse, with bounds on a shift: each part by its own condition."""
    p = problem(
        "sumsq(A @ X + outer(b, ones(n)) - B)/2 + lam*nuclear_norm(X)",
        ["X", "b"],
        subject_to=["b >= 0", "b <= 1/2"],
    )
    A, B = RNG.standard_normal((7, 4)), RNG.standard_normal((7, 5)) + 0.2
    r = p.solve(A=A, B=B, lam=1.5)
    rest = A @ r["X"] + r["b"][:, None] - B
    assert r.success and below(A.T @ rest, r["X"], 1.5)
    slope = rest.sum(axis=1)
    assert np.allclose(
        np.where(r["b"] <= 0, np.minimum(slope, 0), np.where(r["b"] >= 0.5, np.maximum(slope, 0), slope)),
        0,
        atol=1e-7,
    )
    p = problem("sumsq(X + S - T)/2 + lam*nuclear_norm(X) + mu*norm(S, 1)", ["X", "S"])
    T = np.outer(RNG.standard_normal(8), RNG.standard_normal(6))
    T[2, 3] += 5.0
    r = p.solve(T=T, lam=0.5, mu=0.2)
    rest = r["X"] + r["S"] - T
    assert r.success and below(rest, r["X"], 0.5) and np.abs(rest).max() <= 0.2 * (1 + 1e-8)


def test_logistic_and_not_convex() -> None:
    """Losses that are no quadratics; where convexity is not proved, curvature is looked for in the factors."""
    p = problem("sum(M*log(1 + exp(-Z*X))) + lam*nuclear_norm(X)", "X")
    Z, M = np.sign(RNG.standard_normal((6, 4))), (RNG.random((6, 4)) < 0.8) * 1.0
    r = p.solve(Z=Z, M=M, lam=0.4)
    assert r.success and below(-M * Z / (1 + np.exp(Z * r["X"])), r["X"], 0.4)
    p = problem("sum(log(1 + (X - T)**2)) + lam*nuclear_norm(X)", "X")
    r = p.solve(T=RNG.standard_normal((4, 3)), lam=0.3)
    assert r.success and not r.certificate.proved and r.certificate.curvature is not None


def test_what_it_ends_with() -> None:
    """Too few steps and a callback that stops are named; the point so far is kept."""
    p = problem("sumsq(M*(T - X))/2 + lam*nuclear_norm(X)", "X")
    data = {"T": RNG.standard_normal((9, 7)), "M": (RNG.random((9, 7)) < 0.5) * 1.0, "lam": 0.05}
    with pytest.warns(NotCertifiedWarning, match="not converged after 3 iterations; the gradient"):
        r = p.solve(data, max_iterations=3)
    assert not r.success and r.status == 1 and r.nit == 3 and np.isfinite(r["X"]).all()

    def enough(step: Any) -> None:
        if step.nit >= 4:
            raise StopIteration

    with pytest.warns(NotCertifiedWarning, match="stopped by the callback"):
        r = p.solve(data, callback=enough)
    assert not r.success and r.nit == 4 and len(r.history.objective) >= 4


def test_no_solver_file() -> None:
    """A file's smooth methods end nowhere near an optimum of low rank."""
    p = problem("sumsq(M*(T - X))/2 + lam*nuclear_norm(X)", "X")
    with pytest.raises(dv.DeriveError, match="nuclear norm of X"):
        dv.codegen(p)
