"""A step as machine code: the function and all that it calls, compiled without change.

Steps are plain Python functions of one module that call plain functions of others. `nopython` follows those
calls through the globals and compiles each function once; `closure_of` lists the same functions, those
called before those that call, which is the order in which a standalone file has to hold them.
numba is imported only here, and only when something is compiled.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

PACKAGE = __name__.rpartition(".")[0]


def _names(code: CodeType) -> set[str]:
    """The global names that a function mentions, inner functions included."""
    found = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _callees(function: FunctionType) -> dict[str, FunctionType]:
    """The plain functions of this package that the function calls, by the name it calls them."""
    return {
        name: value
        for name in sorted(_names(function.__code__))
        if isinstance(value := function.__globals__.get(name), FunctionType)
        and value.__module__.startswith(PACKAGE)
    }


def closure_of(function: FunctionType) -> list[FunctionType]:
    """The function and all that it calls, each once, callees first."""
    found: dict[FunctionType, None] = {}

    def visit(current: FunctionType) -> None:
        for callee in _callees(current).values():
            if callee not in found:
                visit(callee)
        found[current] = None

    visit(function)
    return list(found)


@lru_cache(maxsize=256)
def nopython(function: Callable[..., Any]) -> Callable[..., Any]:
    """The numba-compiled form; NumPy's rules for division, no fast-math."""
    import numba

    assert isinstance(function, FunctionType)
    namespace = dict(function.__globals__)
    namespace.update({name: nopython(callee) for name, callee in _callees(function).items()})
    copy = FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    compiled: Callable[..., Any] = numba.njit(error_model="numpy")(copy)
    return compiled
