"""JAX and PyTorch as far as generated source uses them, on NumPy arrays: so that it can be run without them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import scipy.special as special


def jax() -> dict[str, ModuleType]:
    """`jax`, `jax.numpy`, `jax.scipy`."""
    package, arrays, scipy = ModuleType("jax"), ModuleType("jax.numpy"), ModuleType("jax.scipy")
    arrays.__dict__.update({k: v for k, v in vars(np).items() if not k.startswith("__")})
    package.nn = SimpleNamespace(  # type: ignore[attr-defined]
        relu=lambda x: np.maximum(x, 0),
        sigmoid=special.expit,
        softplus=lambda x: np.logaddexp(0, x),
        softmax=special.softmax,
        gelu=lambda x, approximate: x * special.ndtr(x),
    )
    arrays.linalg = SimpleNamespace(  # type: ignore[attr-defined]
        **{k: v for k, v in vars(np.linalg).items() if not k.startswith("__")}
        | {"cholesky": lambda x, symmetrize_input: np.linalg.cholesky(x)}
    )
    scipy.special = special  # type: ignore[attr-defined]
    package.numpy, package.scipy = arrays, scipy  # type: ignore[attr-defined]
    return {"jax": package, "jax.numpy": arrays, "jax.scipy": scipy}


def _along(function: Any) -> Any:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def _softmax(x: Any, dim: int) -> Any:
    return special.softmax(x, axis=dim)


def torch() -> dict[str, ModuleType]:
    """`torch`, which has no reductions over all axes for softmax, logsumexp."""
    module = ModuleType("torch")
    same = "exp log log1p expm1 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh sqrt abs sign"
    same += " maximum minimum where trace diag outer tril kron reshape einsum zeros ones eye asarray flip"
    for name in same.split():
        setattr(module, name, getattr(np, name))
    module.__dict__.update(
        float64=np.float64,
        sum=_along(np.sum),
        mean=_along(np.mean),
        amax=_along(np.max),
        amin=_along(np.min),
        softmax=_softmax,
        logsumexp=lambda x, dim: special.logsumexp(x, axis=dim),
        linalg=np.linalg,
        sigmoid=special.expit,
        relu=lambda x: np.maximum(x, 0),
        erf=special.erf,
        erfc=special.erfc,
        lgamma=special.gammaln,
        digamma=special.digamma,
        polygamma=special.polygamma,
        pow=np.power,
        cat=lambda arrays, dim: np.concatenate(arrays, axis=dim),
        cumsum=np.cumsum,
        tensor=np.asarray,
        nn=SimpleNamespace(
            functional=SimpleNamespace(
                softplus=lambda x: np.logaddexp(0, x), gelu=lambda x: x * special.ndtr(x)
            )
        ),
    )
    return {"torch": module}
