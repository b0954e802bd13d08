"""Functions that are compiled once, and called by compiled code instead of compiled again inside it.

numba hands the code of a function to every caller, to be optimised and translated once more there. The pass over the
data is most of a kernel's compile time, and would be compiled three times over: as itself, inside its driver, inside a
solver. A function marked here is known to its callers by a symbol alone. So it is one piece of machine code whoever
calls it, threads, clusters and solvers included, and its results cannot depend on the caller.

The symbol is the hash of module, name and types, so that code from the cache finds it in any process; whoever
is read from the cache brings the functions it calls into memory first.
"""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import llvmlite.binding
from numba.core import typed_passes as typed
from numba.core import untyped_passes as untyped
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.registry import CPUDispatcher

from .cache import on_disk
from .special import compiled
from .translate import translated


def apart(function: Callable[..., Any]) -> Any:
    """The function, compiled for each combination of argument types and never inside its callers."""
    options = {**compiled(function).targetoptions, "no_cfunc_wrapper": True}
    made = _Apart(function, locals={}, targetoptions=options, pipeline_class=_Pipeline)
    return on_disk(made)


def inner(function: Callable[..., Any]) -> Any:
    """The same for what compiled code alone calls: a way in from Python costs as much as a short function."""
    options = {**compiled(function).targetoptions, "no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    made = _Inner(function, locals={}, targetoptions=options, pipeline_class=_Pipeline)
    return on_disk(made)


def elsewhere(function: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    """The text of a function, compiled or not, with other meanings of the names it mentions, to be compiled."""
    function = getattr(function, "py_func", function)
    assert isinstance(function, FunctionType)
    return FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)


class _Apart(CPUDispatcher):  # type: ignore[misc]
    """numba's dispatcher, but what compiled callers get to link with is a declaration."""

    def compile(self, sig: Any) -> Any:
        known = len(self.overloads)
        entry = super().compile(sig)
        if len(self.overloads) > known:
            (result,) = (r for r in self.overloads.values() if r.entry_point is entry)
            self._declare(result)
        return entry

    def _declare(self, result: Any) -> None:
        """Callers find `result` by its symbol; numba asks for what was entered last."""
        described = copy.copy(result.fndesc)
        key = f"{self.__module__}.{self.py_func.__name__}{result.signature}"
        described.mangled_name = "derive_" + hashlib.sha256(key.encode()).hexdigest()[:32]
        address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        llvmlite.binding.add_symbol(described.mangled_name, address)
        context = self.targetctx
        again = _Again(self.__module__, self.py_func.__name__, result.signature.args)
        context.remove_user_function(result.entry_point)
        context.insert_user_function(result.entry_point, described, [_Elsewhere(again)])


class _Inner(_Apart):
    """Without a way in from Python, which has to be told so."""

    def add_overload(self, result: Any) -> None:
        self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} is called by compiled code only")


class _Pipeline(CompilerBase):  # type: ignore[misc]
    """numba's passes but those for what generated text never holds: closures, contexts, literals, whole-array sums."""

    _PASSES = (
        untyped.TranslateByteCode,
        untyped.FixupArgs,
        untyped.IRProcessing,
        untyped.GenericRewrites,
        untyped.ReconstructSSA,
        typed.NopythonTypeInference,
        typed.PreLowerStripPhis,
        typed.IRLegalization,
        typed.AnnotateTypes,
        typed.NativeLowering,
        typed.NoPythonBackend,
    )

    def define_pipelines(self) -> list[Any]:
        passes = PassManager("generated text")
        for each in (typed.NoPythonBackend,) if translated(self.state) else self._PASSES:
            passes.add_pass(each, each.__name__)
        passes.finalize()
        return [passes]


class _Again(NamedTuple):
    """The function is in memory, with its symbol, before code that calls it is."""

    module: str
    name: str
    types: Any

    def __call__(self) -> None:
        getattr(sys.modules[self.module], self.name).compile(self.types)


class _Elsewhere:
    """A library without code, to be linked with: all it brings is what happens before its users are loaded."""

    def __init__(self, again: _Again) -> None:
        self._reload_init = {again}

    def _ensure_finalized(self) -> None:
        """There is nothing to finish."""

    def _get_module_for_linking(self) -> Any:
        return llvmlite.binding.parse_assembly("")
