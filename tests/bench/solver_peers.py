"""The specialists, each set to reach 1e-8 in the objective: functions that solve and return the minimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

Array = np.ndarray[Any, Any]
Run = Callable[[], Any]
#: Above this many entries of the data general-purpose cone solvers take minutes.
CONES_UP_TO = 100_000


def cvxpy(build: Callable[[Any], tuple[Any, Any]], solvers: tuple[str, ...]) -> dict[str, Run]:
    """CVXPY with each solver; `build(cp)` gives the problem and its variable.

    Each has a problem of its own: one that changes its solver is arranged anew each time.
    """
    made: dict[str, tuple[Any, Any]] = {}

    def run(solver: str) -> Any:
        import cvxpy as cp

        if solver not in made:
            made[solver] = build(cp)
        options: dict[str, Any] = {}
        if solver == "OSQP":  # which would begin at the answer of the run before
            options = {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iter": 100_000, "warm_start": False}
        problem, variable = made[solver]
        problem.solve(solver=solver, **options)
        return variable.value

    return {f"cvxpy {s.title()}": lambda s=s: run(s) for s in solvers}


def logistic(X: Array, t: Array, lam: float, objective: Callable[[Array], float]) -> dict[str, Run]:
    """SciPy with an objective in NumPy and with our compiled one, scikit-learn's solvers, optax."""
    n, d = X.shape
    y01 = (t > 0).astype(float)
    start = np.zeros(d)
    options = {"ftol": 1e-12, "gtol": 1e-6 * n, "maxiter": 10_000, "maxfun": 100_000}

    def value_gradient(w: Array) -> tuple[float, Array]:
        z = X @ w
        e = np.exp(-np.abs(z))
        value = (np.maximum(z, 0) + np.log1p(e) - y01 * z).sum() + 0.5 * lam * w @ w
        return float(value), X.T @ (np.where(z >= 0, 1, e) / (1 + e) - y01) + lam * w

    def lbfgsb(function: Callable[[Array], Any]) -> Run:
        return lambda: (
            scipy.optimize.minimize(function, start, jac=True, method="L-BFGS-B", options=options).x
        )

    import derive as dv

    loss = dv.parse(
        "sum(softplus(-t*(X @ w))) + lam/2*sumsq(w)",
        variables={"X": ("n", "d"), "t": ("n",), "w": ("d",), "lam": ()},
    )
    bound = dv.compile({"f": loss, "g": dv.gradient(loss, "w")}).bind(X=X, t=t, lam=lam)

    def compiled(w: Array) -> tuple[float, Array]:
        out = bound(w=w)
        return out["f"], out["g"]

    def sklearn(solver: str, tol: float) -> Run:
        def run() -> Any:
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(
                C=1 / lam, fit_intercept=False, solver=solver, max_iter=10_000, tol=tol
            )
            return model.fit(X, t).coef_.ravel()

        return run

    def optax_run() -> Any:
        return _optax(X, y01, lam, made)

    made: list[Any] = []
    tight = 1e-5
    return {
        "scipy L-BFGS-B, numpy": lbfgsb(value_gradient),
        "scipy L-BFGS-B, compiled": lbfgsb(compiled),
        "sklearn lbfgs": sklearn("lbfgs", tight),
        "sklearn newton-cholesky": sklearn("newton-cholesky", 1e-4),
        "sklearn newton-cg": sklearn("newton-cg", 1e-4),
        "liblinear": sklearn("liblinear", 1e-5),
        "optax lbfgs": optax_run,
    }


def _optax(X: Array, y: Array, lam: float, made: list[Any]) -> Any:
    """optax.lbfgs inside one jitted loop."""
    import jax
    import jax.numpy as jnp
    import optax

    if not made:
        jax.config.update("jax_enable_x64", True)
        data = jnp.asarray(X), jnp.asarray(y)
        optimizer = optax.lbfgs()
        aim = 1e-6 * len(X)

        def loss(w: Any, X: Any, y: Any) -> Any:
            z = X @ w
            return jnp.sum(jax.nn.softplus(z) - y * z) + 0.5 * lam * w @ w

        @jax.jit
        def run(w: Any, X: Any, y: Any) -> Any:
            def function(w: Any) -> Any:
                return loss(w, X, y)

            both = optax.value_and_grad_from_state(function)

            def step(carry: Any) -> Any:
                w, state, k, _ = carry
                value, g = both(w, state=state)
                moves, state = optimizer.update(g, state, w, value=value, grad=g, value_fn=function)
                return optax.apply_updates(w, moves), state, k + 1, jnp.max(jnp.abs(g))

            return jax.lax.while_loop(
                lambda c: (c[2] < 3000) & (c[3] > aim), step, (w, optimizer.init(w), 0, jnp.inf)
            )[0]

        made.append(lambda: np.asarray(run(jnp.zeros(X.shape[1]), *data)))
    return made[0]()


def lasso(X: Array, y: Array, lam: float) -> dict[str, Run]:
    """scikit-learn, skglm, celer, CVXPY."""
    n = len(y)
    F = np.asfortranarray(X)

    def estimator(module: str, name: str, **settings: Any) -> Run:
        def run() -> Any:
            import importlib

            made = getattr(importlib.import_module(module), name)(
                alpha=lam / n, fit_intercept=False, **settings
            )
            return made.fit(F, y).coef_

        return run

    def build(cp: Any) -> tuple[Any, Any]:
        w = cp.Variable(X.shape[1])
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(X @ w - y) + lam * cp.norm1(w))), w

    runs = {
        "sklearn Lasso": estimator("sklearn.linear_model", "Lasso", tol=1e-8, max_iter=100_000),
        "sklearn Lasso, Gram": estimator(
            "sklearn.linear_model", "Lasso", tol=1e-8, precompute=True, max_iter=100_000
        ),
        "skglm": estimator("skglm", "Lasso", tol=1e-8),
        "celer": estimator("celer", "Lasso", tol=1e-8),
    }
    return runs | (cvxpy(build, ("CLARABEL", "OSQP")) if X.size <= CONES_UP_TO else {})


def path(X: Array, y: Array, lams: Array, ratio: float) -> dict[str, Run]:
    """The paths of scikit-learn, skglm and celer; their α is λ over the number of rows."""
    n = len(y)
    F = np.asfortranarray(X)
    alphas = lams / n

    def sklearn() -> Any:
        from sklearn.linear_model import enet_path

        return enet_path(F, y, l1_ratio=ratio, alphas=alphas, tol=1e-8, max_iter=100_000, precompute=True)[
            1
        ].T

    def sklearn_plain() -> Any:
        from sklearn.linear_model import enet_path

        return enet_path(F, y, l1_ratio=ratio, alphas=alphas, tol=1e-8, max_iter=100_000, precompute=False)[
            1
        ].T

    def celer() -> Any:
        import celer

        if ratio == 1.0:
            return celer.celer_path(F, y, "lasso", alphas=alphas, tol=1e-8)[1].T
        return celer.celer_path(F, y, "lasso", alphas=alphas, l1_ratio=ratio, tol=1e-8)[1].T

    def skglm() -> Any:
        from skglm.datafits import Quadratic
        from skglm.penalties import L1, L1_plus_L2
        from skglm.solvers import AndersonCD

        penalty = L1(1.0) if ratio == 1.0 else L1_plus_L2(1.0, ratio)
        solver = AndersonCD(tol=1e-9, fit_intercept=False, max_iter=200)
        return solver.path(F, y, Quadratic(), penalty, alphas=alphas)[1].T

    return {
        "sklearn path, Gram": sklearn,
        "sklearn path": sklearn_plain,
        "celer path": celer,
        "skglm path": skglm,
    }


def nonnegative(X: Array, y: Array) -> dict[str, Run]:
    """SciPy's active set, CVXPY."""

    def build(cp: Any) -> tuple[Any, Any]:
        w = cp.Variable(X.shape[1])
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(X @ w - y)), [w >= 0]), w

    runs: dict[str, Run] = {"scipy nnls": lambda: scipy.optimize.nnls(X, y)[0]}
    return runs | (cvxpy(build, ("CLARABEL", "OSQP")) if X.size <= CONES_UP_TO else {})


def support_vectors(X: Array, t: Array, C: float) -> dict[str, Run]:
    """liblinear through scikit-learn, CVXPY on the primal."""

    def liblinear() -> Any:
        from sklearn.svm import LinearSVC

        model = LinearSVC(C=C, loss="hinge", dual=True, fit_intercept=False, tol=1e-7, max_iter=1_000_000)
        return model.fit(X, t).coef_.ravel()

    def build(cp: Any) -> tuple[Any, Any]:
        w = cp.Variable(X.shape[1])
        hinge = cp.sum(cp.pos(1 - cp.multiply(t, X @ w)))
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(w) + C * hinge)), w

    runs: dict[str, Run] = {"liblinear": liblinear}
    return runs | (cvxpy(build, ("CLARABEL", "OSQP")) if X.size <= CONES_UP_TO else {})


def mixture(X: Array, start: dict[str, Array], iterations: int) -> dict[str, Run]:
    """scikit-learn's mixture without its ridge on the covariances."""

    def run() -> Any:
        from sklearn.mixture import GaussianMixture

        model = GaussianMixture(
            len(start["pi_"]),
            init_params="random_from_data",
            weights_init=start["pi_"],
            means_init=start["mu"],
            precisions_init=start["Sigma"],  # identities
            max_iter=iterations,
            tol=0.0,
            reg_covar=0.0,
        ).fit(X)
        return np.concatenate([np.ravel(a) for a in (model.weights_, model.means_, model.covariances_)])

    return {"sklearn GaussianMixture": run}


def softmax(X: Array, labels: Array, lam: float) -> dict[str, Run]:
    """SciPy with an objective in NumPy, scikit-learn's L-BFGS and Newton's method."""
    d, k = X.shape[1], int(labels.max()) + 1
    Y = np.eye(k)[labels]

    def value_gradient(w: Array) -> tuple[float, Array]:
        W = w.reshape(d, k)
        Z = X @ W
        top = Z.max(axis=1, keepdims=True)
        E = np.exp(Z - top)
        total = E.sum(axis=1, keepdims=True)
        value = (np.log(total) + top).sum() - (Y * Z).sum() + 0.5 * lam * (W * W).sum()
        return float(value), (X.T @ (E / total - Y) + lam * W).ravel()

    def lbfgsb() -> Any:
        options = {"ftol": 1e-14, "gtol": 1e-5, "maxiter": 10_000, "maxfun": 100_000}
        start = np.zeros(d * k)
        return scipy.optimize.minimize(
            value_gradient, start, jac=True, method="L-BFGS-B", options=options
        ).x.reshape(d, k)

    def sklearn(solver: str) -> Run:
        def run() -> Any:
            from sklearn.linear_model import LogisticRegression

            model = LogisticRegression(
                C=1 / lam, fit_intercept=False, solver=solver, max_iter=10_000, tol=1e-6
            )
            return model.fit(X, labels).coef_.T

        return run

    names = ("lbfgs", "newton-cg", "newton-cholesky")
    return {"scipy L-BFGS-B, numpy": lbfgsb} | {f"sklearn {s}": sklearn(s) for s in names}


def groups(X: Array, y: Array, lam: float) -> dict[str, Run]:
    """skglm's group lasso."""
    n, count, size = X.shape
    F = np.asfortranarray(X.reshape(n, count * size))

    def run() -> Any:
        from skglm.estimators import GroupLasso

        model = GroupLasso(groups=size, alpha=lam / n, weights=np.ones(count), fit_intercept=False, tol=1e-8)
        return model.fit(F, y).coef_

    return {"skglm GroupLasso": run}


def tasks(X: Array, Y: Array, lam: float) -> dict[str, Run]:
    """scikit-learn's multi-task lasso."""
    n, F = len(X), np.asfortranarray(X)

    def run() -> Any:
        from sklearn.linear_model import MultiTaskLasso

        model = MultiTaskLasso(alpha=lam / n, fit_intercept=False, tol=1e-8, max_iter=100_000)
        return model.fit(F, Y).coef_.T

    return {"sklearn MultiTaskLasso": run}


def program(name: str, data: dict[str, Any]) -> dict[str, Run]:
    """CVXPY on the same quadratic program."""
    X, y, t, Q, K, mu, C, b, c = (data[k] for k in ("X", "y", "t", "Q", "K", "mu", "C", "b", "c"))

    def build(cp: Any) -> tuple[Any, Any]:
        n, d = X.shape
        w = cp.Variable(n if name == "svm" else d)
        goal, conditions = {
            "simplex": lambda: (0.5 * cp.sum_squares(X @ w - y), [w >= 0, cp.sum(w) == 1]),
            "portfolio": lambda: (cp.quad_form(w, cp.psd_wrap(Q)) - mu @ w, [w >= 0, cp.sum(w) == 1]),
            "svm": lambda: (
                0.5 * cp.quad_form(cp.multiply(w, t), cp.psd_wrap(K)) - cp.sum(w),
                [w >= 0, w <= C, w @ t == 0],
            ),
            "absolute": lambda: (cp.norm1(X @ w - y) + 0.5 * cp.sum_squares(w), []),
            "quantile": lambda: (cp.sum(cp.maximum(0.3 * (y - X @ w), -0.7 * (y - X @ w))), []),
            "hinge": lambda: (cp.sum(cp.pos(1 - cp.multiply(t, X @ w))) + 0.5 * cp.sum_squares(w), []),
            "linear": lambda: (-c @ w, [X @ w <= b]),
        }[name]()
        return cp.Problem(cp.Minimize(goal), conditions), w

    quick = (
        ("CLARABEL",) if name in ("quantile", "hinge", "linear") else ("CLARABEL", "OSQP")
    )  # OSQP: minutes
    return cvxpy(build, quick)
