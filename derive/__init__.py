"""State a machine-learning model once, symbolically; everything else is derived from that statement.

This module is a lazy front: a name is imported when it is first used, so that `derive --help` needs no SymPy
and deriving a gradient needs no numba.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .checking import check, check_equal
    from .compiled import compile
    from .constraint import Constraint
    from .declaring import from_sympy, matrix, parse, parse_latex, scalar, tensor, vector
    from .errors import DeriveError
    from .expression import Expression
    from .kernels.codegen import codegen
    from .kernels.estimator import estimator
    from .operations import (
        code,
        derivation,
        gradient,
        hessian,
        hvp,
        jacobian,
        jvp,
        state,
        taylor,
        vjp,
    )
    from .problem import Problem, maximize, minimize
    from .problem_files import load, read, save, write
    from .sizes import sizes
    from .verify.functions import assert_gradient, check_gradient

#: Where each public name lives.
_HOME = {
    "DeriveError": "errors",
    "sizes": "sizes",
    "Problem": "problem",
    "check": "checking",
    "check_equal": "checking",
    "compile": "compiled",
    "assert_gradient": "verify.functions",
    "check_gradient": "verify.functions",
    "minimize": "problem",
    "maximize": "problem",
    **dict.fromkeys("load read save write".split(), "problem_files"),
    "codegen": "kernels.codegen",
    "estimator": "kernels.estimator",
    "Constraint": "constraint",
    "Expression": "expression",
    **dict.fromkeys("from_sympy matrix parse parse_latex scalar tensor vector".split(), "declaring"),
    **dict.fromkeys(
        "code derivation gradient hessian hvp jacobian jvp state taylor vjp".split(),
        "operations",
    ),
}

__all__ = [
    "Constraint",
    "DeriveError",
    "Expression",
    "Problem",
    "assert_gradient",
    "check",
    "check_equal",
    "check_gradient",
    "code",
    "codegen",
    "compile",
    "derivation",
    "estimator",
    "from_sympy",
    "gradient",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "load",
    "matrix",
    "maximize",
    "minimize",
    "parse",
    "parse_latex",
    "read",
    "save",
    "scalar",
    "sizes",
    "state",
    "taylor",
    "tensor",
    "vector",
    "vjp",
    "write",
]


class _Front(ModuleType):
    """A package in which `derive.sizes` is the function: importing the module of that name would hide it."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value.sizes if name == "sizes" and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Front


def __getattr__(name: str) -> Any:
    """Public names on first use; every function of the text language is here too (`dv.sumsq`, `dv.logdet`)."""
    if name.startswith("_"):
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    if name in _HOME:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    else:
        if name not in import_module(".statement.functions", __name__).FUNCTIONS:
            raise AttributeError(f"module 'derive' has no attribute {name!r}")
        value = import_module(".expression", __name__).function(name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
