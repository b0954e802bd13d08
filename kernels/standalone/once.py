"""Functions of a solver file that are compiled once, and called by compiled code instead of compiled again inside it.

What `apart` does for kernels, written for a file that has nothing but numba: its source goes into the file. Symbols
are named by the text of the file, not by its module, for a file is `__main__` when it is run and `solver` when it is
imported, and both share what is kept on disk.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite.binding
from numba import njit, types
from numba.core.registry import CPUDispatcher

#: The text of this file as a number: its symbols are not those of another file, wherever the file is moved.
SOURCE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()

#: Run before code from the disk that calls a function by its symbol: the function is in memory then.
LOADED_FIRST = """
import sys
for module in list(sys.modules.values()):
    names = getattr(module, "__dict__", {})
    if names.get("SOURCE") == source:
        names[name].compile(types)
        break
else:
    raise ImportError("import a solver file as a module, with its name in sys.modules")
"""


def once(**options: Any) -> Callable[[Any], Any]:
    """numba's `njit(cache=True, …)` for functions that compiled callers reach by a symbol.

    numba hands the code of a function to each caller, to be optimised again in there: six times over for a kernel
    in a solver. Here callers get a name to call, and who is read from the disk first brings what it calls. With
    `no_cpython_wrapper=True` there is no way in from Python, which is as much code as a short function.
    """

    def decorate(function: Any) -> Any:
        flags = {**njit(**options)(function).targetoptions, "no_cfunc_wrapper": True}
        made = Once(function, locals={}, targetoptions=flags)
        made.enable_caching()
        return made

    return decorate


class Once(CPUDispatcher):  # type: ignore[misc]
    """numba's dispatcher, but what compiled callers get to link with is a declaration."""

    def add_overload(self, result: Any) -> None:
        """Enter what was compiled; numba looks for a way in from Python, which there may not be."""
        if self.targetoptions.get("no_cpython_wrapper"):
            self.overloads[tuple(result.signature.args)] = result
        else:
            super().add_overload(result)

    def compile(self, sig: Any) -> Any:
        """The machine code for these types, and its symbol. A number that numba happens to know is any number."""
        sig, known = tuple(map(types.unliteral, sig)), set(self.overloads)
        try:
            entry = super().compile(sig)
        except (
            ImportError
        ):  # what lies on the disk was compiled when this file was imported under another name
            self._cache.flush()
            entry = super().compile(sig)
        for key in set(self.overloads) - known:
            result, name = self.overloads[key], self.py_func.__name__
            described, text = copy.copy(result.fndesc), f"{SOURCE} {name} {result.signature}"
            described.mangled_name = "solver_" + hashlib.sha256(text.encode()).hexdigest()[:32]
            address = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
            llvmlite.binding.add_symbol(described.mangled_name, address)
            again = partial(
                exec, LOADED_FIRST, {"source": SOURCE, "name": name, "types": result.signature.args}
            )
            self.targetctx.remove_user_function(result.entry_point)
            self.targetctx.insert_user_function(result.entry_point, described, [Elsewhere(again)])
        return entry


class Elsewhere:
    """A library without code, to be linked with: all it brings is what happens before its users are loaded."""

    def __init__(self, again: Callable[[], None]) -> None:
        self._reload_init = {again}

    def _ensure_finalized(self) -> None:
        """There is nothing to finish."""

    def _get_module_for_linking(self) -> Any:
        return llvmlite.binding.parse_assembly("")
