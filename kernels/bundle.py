"""Our own functions as text: the source of what a standalone file needs, each once, callees first.

A bundle starts from functions and classes and follows the names that they mention, through the globals of
their modules: functions, classes and numbers of ours are written out, modules become imports, aliases of types
become `np.ndarray` or `Callable`. What is written is the very source that runs here, decorators of numba removed;
nothing is generated from a user's text.
"""

from __future__ import annotations

import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Collection
from types import FunctionType, GenericAlias, ModuleType
from typing import Any, final

from derive.errors import UnsupportedError

_LIBRARIES = (
    "numpy",
    "scipy",
    "math",
    "time",
    "numba",
    "argparse",
    "sys",
    "os",
    "tempfile",
    "warnings",
    "zipfile",
)


@final
class Bundle:
    """Text in the making.

    `replaced` maps names to text that takes the place of their source and of all that it mentions, `compiled` names to
    text that takes the place of the source alone. Functions of numba's machine code have no source; those named in
    `outside` are left to whoever writes the file, and `called` says which are needed.
    """

    def __init__(self, replaced: dict[str, str] | None = None, outside: Collection[str] = ()) -> None:
        self.replaced, self.outside = dict(replaced or {}), frozenset(outside)
        self.called: set[str] = set()
        self.compiled: dict[str, str] = {}
        self.imports: set[str] = set()
        self.constants: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self._origin: dict[str, Any] = {}

    def add(self, *objects: Any, prefix: str = "") -> None:
        """Functions or classes with all that they mention; `prefix` goes before their own names alone."""
        for one in objects:
            self._define(prefix + one.__name__, one)

    def _claim(self, name: str, value: Any) -> bool:
        """Whether the name is new; two meanings of one name are an error."""
        if name in self._origin:
            if name in self.replaced:
                return False
            known = self._origin[name]
            if known is not value and known != value:
                raise UnsupportedError(f"the standalone file would need two meanings of {name}")
            return False
        self._origin[name] = value
        return True

    def _define(self, name: str, value: Any) -> None:
        function = getattr(value, "py_func", None)  # compiled by numba: its source, to be compiled there
        if not self._claim(name, value):
            return
        value = value if function is None else function
        if name in self.replaced:
            self.parts[name] = self.replaced[name]
            return
        source = textwrap.dedent(inspect.getsource(value))
        tree = ast.parse(source).body[0]
        if isinstance(tree, ast.FunctionDef | ast.ClassDef):
            tree.decorator_list = [d for d in tree.decorator_list if _mentions(d) & {"dataclass"}]
        space = getattr(value, "__globals__", None) or vars(sys.modules[value.__module__])
        local = _own_names(tree)
        self.imports |= {f"import scipy.{part}" for part in _parts_of_scipy(tree)}
        for mentioned in _names(tree):
            if mentioned in space and mentioned not in local and mentioned != name:
                self._resolve(mentioned, space[mentioned])
        plain = _without_decorators(source)
        if name != value.__name__:
            plain = plain.replace(f"def {value.__name__}(", f"def {name}(", 1)
        self.parts[name] = self.compiled.get(name) or (plain if function is None else f"@compiled\n{plain}")

    def _resolve(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType):
            self._import_module(name, value)
        elif name in self.outside and getattr(value, "__module__", "").startswith("derive.kernels."):
            self.called.add(name)
        elif isinstance(
            getattr(value, "py_func", value), FunctionType | type
        ) and value.__module__.startswith("derive."):
            self._define(name, value)
        elif _is_standard(value) and getattr(value, "__name__", "") == name:
            self.imports.add(f"from {value.__module__} import {name}")
        elif isinstance(value, GenericAlias) or str(value).startswith(("typing.", "collections.abc.")):
            self._alias(name, value)
        elif isinstance(value, bool | int | float | str | tuple | frozenset):
            if self._claim(name, repr(value)):
                odd = isinstance(value, float) and not math.isfinite(value)
                self.constants[name] = f'float("{value}")' if odd else repr(value)
        elif callable(value) and getattr(value, "__module__", "").split(".")[0] in _LIBRARIES:
            self.imports.add(f"from {value.__module__} import {name}")
        elif name not in ("annotations",):
            raise UnsupportedError(f"{name} has no place in a standalone file ({type(value).__name__})")

    def _import_module(self, name: str, value: ModuleType) -> None:
        if value.__name__.split(".")[0] not in _LIBRARIES:
            raise UnsupportedError(f"{value.__name__} has no place in a standalone file")
        if name != "scipy":  # its parts are reached through the package, and are imported by name
            self.imports.add(f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else ""))

    def _alias(self, name: str, value: Any) -> None:
        text = str(value)
        if text == "typing.Any":
            self.imports.add("from typing import Any")
            return
        calls = "Callable" in text
        meaning = "Callable[..., Any]" if calls else "tuple" if text.startswith("tuple[") else "np.ndarray"
        if self._claim(name, meaning):
            self.constants[name] = meaning
            more = ("from collections.abc import Callable", "from typing import Any")
            self.imports.update(more if calls else ("import numpy as np",))

    def text(self) -> str:
        """Constants, then functions and classes."""
        head = "\n".join(f"{name} = {value}" for name, value in self.constants.items())
        return "\n\n\n".join([*([head] if head else []), *self.parts.values()])

    def import_lines(self) -> list[str]:
        """The imports, standard library first."""
        plain = {line for line in self.imports if not line.startswith("from ")}
        grouped: dict[str, set[str]] = {}
        for line in self.imports - plain:
            _, module, _, name = line.split(" ", 3)
            grouped.setdefault(module, set()).add(name)
        froms = [f"from {module} import {', '.join(sorted(names))}" for module, names in grouped.items()]
        outside = ("numpy", "scipy", "numba")
        first = sorted(line for line in [*plain, *froms] if line.split()[1].split(".")[0] not in outside)
        last = sorted(line for line in [*plain, *froms] if line.split()[1].split(".")[0] in outside)
        return [*first, "", *last]


def _names(tree: ast.AST) -> list[str]:
    """All names that are read, annotations included, in order."""
    found = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(found))


def _parts_of_scipy(tree: ast.AST) -> set[str]:
    """The parts of SciPy that are reached through its name."""
    reached = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
    return {n.attr for n in reached if isinstance(n.value, ast.Name) and n.value.id == "scipy"}


def _mentions(tree: ast.AST) -> set[str]:
    return set(_names(tree))


def _own_names(tree: ast.AST) -> set[str]:
    """Parameters and names that the function itself assigns."""
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    return own


def _without_decorators(source: str) -> str:
    """The text without decorators of ours or numba's; `@dataclass` stays."""
    lines = source.rstrip().split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith(("def ", "class ")))
    kept = [line for line in lines[:start] if line.startswith("@dataclass")]
    return "\n".join([*kept, *lines[start:]])


def _is_standard(value: Any) -> bool:
    """Whether a class or function is of the standard library."""
    home = getattr(value, "__module__", None) or ""
    return home.split(".")[0] in sys.stdlib_module_names and home != "builtins"
