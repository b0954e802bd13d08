"""Products over blocks with rows last agree with NumPy at all remainders, and write nowhere else."""

from __future__ import annotations

import numpy as np

import derive as dv
from derive.kernels.compile import compile_nodes
from derive.kernels.lanes import (
    cross_rows,
    cross_rows_about,
    cross_rows_symmetric,
    form_rows,
    form_rows_about,
    mix_rows,
    moments_rows,
    moments_rows_about,
    turn_rows,
)
from derive.kernels.special import compiled
from derive.models.gaussian_mixture import MODEL


@compiled
def _mix(P, V, m, out):
    mix_rows(P, V, m, out)


@compiled
def _mix_turned(P, V, m, out):
    mix_rows(P.T, V, m, out)


@compiled
def _cross(A, B, m, out):
    cross_rows(A, B, m, out)


@compiled
def _cross_symmetric(A, B, m, out):
    cross_rows_symmetric(A, B, m, out)


@compiled
def _moments(V, w, m, out):
    moments_rows(V, w, m, out)


@compiled
def _form(P, V, m, out):
    form_rows(P, V, m, out)


@compiled
def _about(P, V, c, w, m, form, sums, moments):
    form_rows_about(P, V, c, m, form)
    cross_rows_about(V, c, w, m, sums)
    moments_rows_about(V, c, w, m, moments)


@compiled
def _turn(X, out):
    turn_rows(X, out)


def test_products_and_moments_at_all_remainders():
    """PV and ABᵀ of the first m rows; columns beyond stay as they were."""
    rng = np.random.default_rng(0)
    for p, q in ((1, 1), (2, 3), (3, 8), (4, 5), (5, 4), (8, 1), (9, 10)):
        for m in (0, 1, 8, 15, 16, 17, 33):
            V, W, P = (rng.standard_normal(s) for s in ((q, 40), (p, 40), (p, q)))
            out = np.full((p, 40), 7.0)
            _mix(P, V, m, out)
            np.testing.assert_allclose(out[:, :m], P @ V[:, :m], rtol=1e-12, atol=1e-12)
            assert np.all(out[:, m:] == 7.0)
            out = np.full((q, 40), 7.0)
            _mix_turned(P, W, m, out)
            np.testing.assert_allclose(out[:, :m], P.T @ W[:, :m], rtol=1e-12, atol=1e-12)
            assert np.all(out[:, m:] == 7.0)
            for B in (V, V[0]):
                out = np.ones((p, q) if B.ndim == 2 else p)
                _cross(W, B, m, out)
                np.testing.assert_allclose(out, 1.0 + W[:, :m] @ B[..., :m].T, rtol=1e-12, atol=1e-12)
            weighted, out = W * V[0], np.ones((p, p))
            _cross_symmetric(W, weighted, m, out)
            np.testing.assert_allclose(out, 1.0 + W[:, :m] @ weighted[:, :m].T, rtol=1e-12, atol=1e-12)
            out = np.ones((p, p))
            _moments(W, V[0], m, out)
            np.testing.assert_allclose(out, 1.0 + W[:, :m] @ weighted[:, :m].T, rtol=1e-12, atol=1e-12)
            S, out = P @ P.T, np.full(40, 7.0)
            _form(S, W, m, out)
            np.testing.assert_allclose(out[:m], ((S @ W) * W).sum(axis=0)[:m], rtol=1e-11, atol=1e-11)
            assert np.all(out[m:] == 7.0)
            c, form, sums, moments = rng.standard_normal(p), np.full(40, 7.0), np.ones(p), np.ones((p, p))
            far = W - c[:, None]
            _about(S, W, c, V[0], m, form, sums, moments)
            np.testing.assert_allclose(form[:m], ((S @ far) * far).sum(axis=0)[:m], rtol=1e-11, atol=1e-11)
            assert np.all(form[m:] == 7.0)
            np.testing.assert_allclose(sums, 1.0 + far[:, :m] @ V[0, :m], rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(
                moments, 1.0 + (far * V[0])[:, :m] @ far[:, :m].T, rtol=1e-12, atol=1e-12
            )
            out = np.full((p, 40), 7.0)
            _turn(np.ascontiguousarray(W[:, :m].T), out)
            assert np.array_equal(out[:, :m], W[:, :m]) and np.all(out[:, m:] == 7.0)


def test_differences_from_centres_are_not_stored():
    """Forms, sums and moments of x − μₖ read x and μ; where something else reads the differences, they are kept."""
    problem = dv.minimize(
        MODEL.statement, over=list(MODEL.unknowns), variables=MODEL.variables, facts=MODEL.facts
    )
    outputs = dict(problem.posed.mixture.outputs)
    calls = ("form_rows_about(", "cross_rows_about(", "moments_rows_about(")
    assert all(call in compile_nodes(outputs).source for call in calls)
    shapes = {name: MODEL.variables[name] for name in ("X", "mu")}
    outputs["other"] = dv.parse("sum(tanh(X[:, None, :] - mu))", variables=shapes).node
    assert not any(call in compile_nodes(outputs).source for call in calls)
