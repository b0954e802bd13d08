"""How NumPy, JAX and PyTorch are written, for generated source.

What an operator is called there stands on its record (`Operator.source`). Here are the modules, and the forms
that are no operators: sums, norms, traces, constants, einsum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from ..operators import REGISTRY, Operator


@final
@dataclass(frozen=True)
class Dialect:
    """One target: its imports, its module of arrays, and words that templates use.

    `{0}`, `{1}` in a template are arguments, `{axis}` is a trailing setting such as `, axis=1`, empty for all axes.
    """

    name: str
    imports: dict[str, str]
    module: str
    words: dict[str, str]
    functions: dict[str, str] = field(default_factory=dict)

    def template(self, name: str, variant: str = "") -> str | None:
        """How the function or operator of that name is written; `variant` is "all" or "reverse"."""
        key = f"{name} {variant}".strip()
        found = self.functions.get(key) or (None if variant else _FORMS.get(name))
        operator = REGISTRY.get(name)
        if found is None and operator is not None:
            found = self._of(operator.source, variant)
        return None if found is None else self._filled(found.replace("{name}", name))

    def helper(self, name: str) -> str | None:
        """The function that stands in front of source that calls it."""
        operator = REGISTRY.get(name)
        found = self._of(operator.helper) if operator is not None else None
        return None if found is None else self._filled(found)

    def has(self, operator: Operator) -> bool:
        """Whether it can write the operator without its definition."""
        return operator.name == "power" or self.template(operator.name) is not None

    def _of(self, given: str | Mapping[str, str], variant: str = "") -> str | None:
        if isinstance(given, str):
            return given if given and not variant else None
        for target in (self.name, "all"):
            found = given.get(f"{target} {variant}".strip())
            if found is not None:
                return found
        return None

    def _filled(self, template: str) -> str:
        for word, text in self.words.items():
            template = template.replace(f"{{{word}}}", text)
        return template


_FORMS = {
    "where compare": "{m}.where({0}, {1}, {2})",
    "sum": "{m}.sum({0}{axis})",
    "mean": "{m}.mean({0}{axis})",
    "norm": "{m}.linalg.norm({0})",
    "solve": "{m}.linalg.solve({0}, {1})",
    "tr": "{m}.trace({0})",
    "diag": "{m}.diag({0})",
    "outer": "{m}.outer({0}, {1})",
    "kron": "{m}.kron({0}, {1})",
    "stack": "{m}.stack(({all}), {dim}={axis_value})",
    "ones": "{m}.ones({shape}{like})",
    "zeros": "{m}.zeros({shape}{like})",
    "eye": "{m}.eye({0}{like})",
    "einsum": "{m}.einsum({spec}, {all})",
    "sqrt": "{m}.sqrt({0})",
}


def _words(module: str, axis: str, keepdims: str, zeros: str, dtype: str) -> dict[str, str]:
    """`{dim}` is the name of the axis argument, `{zeros}` with `{dtype}` makes zeros of the type of x."""
    return {"m": module, "dim": axis, "keepdims": keepdims, "zeros": zeros, "dtype": dtype}


NUMPY = Dialect(
    "numpy",
    {"np": "import numpy as np", "special": "from scipy import special", "math": "import math"},
    "np",
    _words("np", "axis", "keepdims", "np.zeros", ", x.dtype"),
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
    _words("jnp", "axis", "keepdims", "jnp.zeros", ", x.dtype"),
)

TORCH = Dialect(
    "torch",
    {"torch": "import torch", "math": "import math"},
    "torch",
    _words("torch", "dim", "keepdim", "x.new_zeros", ""),
    {"number": "torch.tensor({0}{like})"},
)

DIALECTS = {d.name: d for d in (NUMPY, JAX, TORCH)}
