"""The same values and gradients by automatic differentiation: JAX, PyTorch as it is and compiled, HIPS autograd,
PyTensor, where installed.

The objectives are written once over a namespace with NumPy's names, as a user of those libraries would.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Call = Callable[[], Sequence[Any]]
#: Threads for everybody: what the environment of this process says, so that one setting holds for all.
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
#: Peers, and the package that each needs.
PACKAGES = {
    "jax": "jax",
    "torch": "torch",
    "torch.compile": "torch",
    "autograd": "autograd",
    "pytensor": "pytensor",
}
PEERS = tuple(PACKAGES)


def least_squares(xp: Any, X: Any, y: Any, w: Any) -> Any:
    r = X @ w - y
    return (r * r).sum() / 2


def ridge(xp: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    return least_squares(xp, X, y, w) + lam / 2 * (w * w).sum()


def logistic(xp: Any, X: Any, y: Any, w: Any, lam: Any) -> Any:
    z = X @ w
    return (xp.logaddexp(0 * z, z) - y * z).sum() + lam / 2 * (w * w).sum()


def gaussian_mixture(xp: Any, X: Any, pi_: Any, mu: Any, Sigma: Any) -> Any:
    d = X.shape[1]
    r = X[:, None, :] - mu
    s = xp.einsum("kab,nkb->nka", xp.linalg.inv(Sigma), r)
    constant = xp.log(pi_) - xp.linalg.slogdet(Sigma)[1] / 2 - d / 2 * math.log(2 * math.pi)
    return -xp.log(xp.exp(constant - (r * s).sum(-1) / 2).sum(1)).mean()


def mlp(xp: Any, X: Any, Y: Any, lam: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    Z = xp.tanh(X @ W1 + b1) @ W2 + b2
    fit = (xp.log(xp.exp(Z).sum(1)) - (Y * Z).sum(1)).mean()
    return fit + lam / 2 * ((W1 * W1).sum() + (W2 * W2).sum())


def pca(xp: Any, X: Any, W: Any) -> Any:
    R = X - (X @ W) @ W.T
    return (R * R).sum() / (2 * len(X))


OBJECTIVES: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (least_squares, ridge, logistic, gaussian_mixture, mlp, pca)
}


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def missing() -> list[str]:
    """Peers that are not installed."""
    return [name for name, package in PACKAGES.items() if not is_installed(package)]


def _jax(objective: Any, arrays: dict[str, Any], unknowns: Sequence[str]) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    data = {k: jax.numpy.asarray(a) for k, a in arrays.items() if k not in unknowns}
    point = {k: jax.numpy.asarray(arrays[k]) for k in unknowns}
    both = jax.jit(jax.value_and_grad(lambda p, q: objective(jax.numpy, **p, **q)))

    def call() -> Sequence[Any]:
        value, slopes = jax.block_until_ready(both(point, data))
        return [value, *(slopes[u] for u in unknowns)]

    return call


def _torch(objective: Any, arrays: dict[str, Any], unknowns: Sequence[str]) -> Call:
    import torch

    torch.set_num_threads(THREADS)
    given = {k: torch.as_tensor(a, dtype=torch.float64) for k, a in arrays.items()}
    point = [given[u].requires_grad_() for u in unknowns]

    def call() -> Sequence[Any]:
        value = objective(torch, **given)
        return [value.detach(), *torch.autograd.grad(value, point)]

    return call


def _torch_compiled(objective: Any, arrays: dict[str, Any], unknowns: Sequence[str]) -> Call:
    import torch

    torch.set_num_threads(THREADS)
    given = {k: torch.as_tensor(a, dtype=torch.float64) for k, a in arrays.items()}
    point = [given[u].requires_grad_() for u in unknowns]
    compiled = torch.compile(lambda given: objective(torch, **given))

    def call() -> Sequence[Any]:
        value = compiled(given)
        return [value.detach(), *torch.autograd.grad(value, point)]

    return call


class _PyTensorNames:
    """NumPy's names for PyTensor's functions."""

    __name__ = "pytensor"

    def __getattr__(self, name: str) -> Any:
        import pytensor.tensor as pt

        return getattr(pt, name)

    def logaddexp(self, a: Any, b: Any) -> Any:
        """log(eᵃ + eᵇ), which there is only as softplus."""
        import pytensor.tensor as pt

        return a + pt.softplus(b - a)


def _pytensor(objective: Any, arrays: dict[str, Any], unknowns: Sequence[str]) -> Call:
    import pytensor
    import pytensor.tensor as pt

    point = {u: pt.tensor(u, dtype="float64", shape=arrays[u].shape) for u in unknowns}
    data = {k: pytensor.shared(np.asarray(a, dtype=float)) for k, a in arrays.items() if k not in point}
    value = objective(_PyTensorNames(), **point, **data)
    slopes = pt.grad(value, list(point.values()))
    inputs = [pytensor.In(p, borrow=True) for p in point.values()]
    function = pytensor.function(inputs, [value, *slopes], mode="NUMBA")
    given = [arrays[u] for u in unknowns]
    return lambda: function(*given)


def _autograd(objective: Any, arrays: dict[str, Any], unknowns: Sequence[str]) -> Call:
    import autograd
    import autograd.numpy as xp

    data = {k: a for k, a in arrays.items() if k not in unknowns}
    both = autograd.value_and_grad(lambda p: objective(xp, **p, **data))

    def call() -> Sequence[Any]:
        value, slopes = both({u: arrays[u] for u in unknowns})
        return [value, *(slopes[u] for u in unknowns)]

    return call


def calls(
    name: str, arrays: dict[str, Any], unknowns: Sequence[str], wanted: Sequence[str] = PEERS
) -> dict[str, Call]:
    """The installed ones among some peers, ready to be called with nothing."""
    makers = {
        "jax": _jax,
        "torch": _torch,
        "torch.compile": _torch_compiled,
        "autograd": _autograd,
        "pytensor": _pytensor,
    }
    absent = missing()
    return {
        peer: make(OBJECTIVES[name], arrays, unknowns)
        for peer, make in makers.items()
        if peer in wanted and peer not in absent
    }
