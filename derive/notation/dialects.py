"""How NumPy, JAX and PyTorch spell the functions of the language, for generated source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True)
class Dialect:
    """One target: its imports, the names of its modules, and templates for the functions.

    `{0}`, `{1}` are arguments, `{axis}` is a trailing setting such as `, axis=1`, empty for all axes.
    """

    name: str
    imports: dict[str, str]
    module: str
    axis: str
    functions: dict[str, str] = field(default_factory=dict)


_SAME = (
    "exp log log1p expm1 sin cos tan sinh cosh tanh arcsin arccos arctan arcsinh arccosh arctanh sqrt abs sign"
).split()


def _common(m: str, axis: str) -> dict[str, str]:
    """What the three spell alike, but for the name of the module and of the axis."""
    found = {name: f"{m}.{name}({{0}})" for name in _SAME}
    found |= {
        "maximum": f"{m}.maximum({{0}}, {{1}})",
        "minimum": f"{m}.minimum({{0}}, {{1}})",
        "step": f"{m}.where({{0}} > 0, 1.0, 0.0)",
        "where": f"{m}.where({{0}} != 0, {{1}}, {{2}})",
        "where step": f"{m}.where({{0}} > 0, {{1}}, {{2}})",
        "sum": f"{m}.sum({{0}}{{axis}})",
        "mean": f"{m}.mean({{0}}{{axis}})",
        "max": f"{m}.max({{0}}{{axis}})",
        "min": f"{m}.min({{0}}{{axis}})",
        "max_share": "max_share({0}{axis})",
        "min_share": "min_share({0}{axis})",
        "take": "take({0}, {1}, axis={axis_value})",
        "scatter_add": "scatter_add({0}, {1}, axis={axis_value}, size={size})",
        "windows": "windows({0}, axis={axis_value}, size={size}{stride})",
        "overlap_add": "overlap_add({0}, axis={axis_value}, size={size}{stride})",
        "place": "place({all})",
        "norm": f"{m}.linalg.norm({{0}})",
        "inv": f"{m}.linalg.inv({{0}})",
        "det": f"{m}.linalg.det({{0}})",
        "logdet": f"{m}.linalg.slogdet({{0}})[1]",
        "solve": f"{m}.linalg.solve({{0}}, {{1}})",
        "cholesky": f"{m}.linalg.cholesky({{0}})",
        "tr": f"{m}.trace({{0}})",
        "diag": f"{m}.diag({{0}})",
        "outer": f"{m}.outer({{0}}, {{1}})",
        "kron": f"{m}.kron({{0}}, {{1}})",
        "tril": f"{m}.tril({{0}}, {{k}})",
        "cumsum": f"{m}.cumsum({{0}}, {{axis_value}})",
        "cumsum reverse": "{m}.flip({m}.cumsum({m}.flip({{0}}, {at}), {{axis_value}}), {at})".format(
            m=m, at="({axis_value},)"
        ),
        "reshape": f"{m}.reshape({{0}}, {{shape}})",
        "concatenate": f"{m}.concatenate(({{all}}), {axis}={{axis_value}})",
        "ones": f"{m}.ones({{shape}}{{like}})",
        "zeros": f"{m}.zeros({{shape}}{{like}})",
        "eye": f"{m}.eye({{0}}{{like}})",
        "einsum": f"{m}.einsum({{spec}}, {{all}})",
        "pow": f"{m}.power({{0}}, {{1}})",
    }
    return found


NUMPY = Dialect(
    "numpy",
    {"np": "import numpy as np", "special": "from scipy import special", "math": "import math"},
    "np",
    "axis",
    _common("np", "axis")
    | {
        "relu": "np.maximum({0}, 0)",
        "sigmoid": "special.expit({0})",
        "softplus": "np.logaddexp(0, {0})",
        "gelu": "{0} * special.ndtr({0})",
        "erf": "special.erf({0})",
        "erfc": "special.erfc({0})",
        "lgamma": "special.gammaln({0})",
        "digamma": "special.digamma({0})",
        "trigamma": "special.polygamma(1, {0})",
        "polygamma": "special.polygamma({0}, {1})",
        "softmax": "special.softmax({0}{axis})",
        "logsumexp": "special.logsumexp({0}{axis})",
    },
)

JAX = Dialect(
    "jax",
    {
        "jnp": "import jax.numpy as jnp",
        "jax": "import jax",
        "special": "from jax.scipy import special",
        "math": "import math",
    },
    "jnp",
    "axis",
    _common("jnp", "axis")
    | {
        "relu": "jax.nn.relu({0})",
        "sigmoid": "jax.nn.sigmoid({0})",
        "softplus": "jax.nn.softplus({0})",
        "gelu": "jax.nn.gelu({0}, approximate=False)",
        "erf": "special.erf({0})",
        "erfc": "special.erfc({0})",
        "lgamma": "special.gammaln({0})",
        "digamma": "special.digamma({0})",
        "trigamma": "special.polygamma(1, {0})",
        "polygamma": "special.polygamma({0}, {1})",
        "softmax": "jax.nn.softmax({0}{axis})",
        "softmax all": "jax.nn.softmax({0}, axis=None)",
        "cholesky": "jnp.linalg.cholesky({0}, symmetrize_input=False)",
        "logsumexp": "special.logsumexp({0}{axis})",
    },
)

TORCH = Dialect(
    "torch",
    {"torch": "import torch", "math": "import math"},
    "torch",
    "dim",
    _common("torch", "dim")
    | {
        "relu": "torch.relu({0})",
        "sigmoid": "torch.sigmoid({0})",
        "softplus": "torch.nn.functional.softplus({0})",
        "gelu": "torch.nn.functional.gelu({0})",
        "erf": "torch.erf({0})",
        "erfc": "torch.erfc({0})",
        "lgamma": "torch.lgamma({0})",
        "digamma": "torch.digamma({0})",
        "trigamma": "torch.polygamma(1, {0})",
        "polygamma": "torch.polygamma({0}, {1})",
        "softmax": "torch.softmax({0}{axis})",
        "softmax all": "torch.softmax({0}.reshape(-1), dim=0).reshape({0}.shape)",
        "logsumexp": "torch.logsumexp({0}{axis})",
        "logsumexp all": "torch.logsumexp({0}.reshape(-1), dim=0)",
        "max": "torch.amax({0}{axis})",
        "min": "torch.amin({0}{axis})",
        "concatenate": "torch.cat(({all}), dim={axis_value})",
        "pow": "torch.pow({0}, {1})",
        "step": "torch.asarray({0} > 0{like})",
        "number": "torch.tensor({0}{like})",
    },
)

DIALECTS = {d.name: d for d in (NUMPY, JAX, TORCH)}
