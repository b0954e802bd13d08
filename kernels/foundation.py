"""What compiled code depends on: the text of its module, and of all modules of ours that it imports, however far.

Machine code holds parts of functions of other modules, their constants and the layout of what they take. numba looks
only at the file of the function itself, and would go on with code from before a change elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from os.path import basename, dirname, isfile, join

HOME = dirname(__file__)
#: What is imported from a module of ours: the module, then names, some of which may be modules.
_IMPORTS = re.compile(r"from (\.+|derive\.kernels\b\.?)([\w.]*) import (\([^)]*\)|[^\n]*)")


def foundation(text: str, home: str = HOME) -> str:
    """The hash of all modules of ours that a text in the folder `home` imports."""
    found: set[str] = set()
    new = list(_imported(text, home))
    while new:
        path = new.pop()
        if path not in found:
            found.add(path)
            new += _module(path)[1]
    return hashlib.sha256(b"".join(_module(path)[0] for path in sorted(found))).hexdigest()


@lru_cache(maxsize=512)
def of_module(path: str) -> str:
    """The hash of a module of ours and of all that it imports; "" for a file elsewhere."""
    if not path.startswith(join(HOME, "")):
        return ""
    return foundation(f"from .{basename(path).removesuffix('.py')} import all", dirname(path))


@lru_cache(maxsize=512)
def _module(path: str) -> tuple[bytes, tuple[str, ...]]:
    """The hash of one module, and those that it imports itself."""
    with open(path, "rb") as file:
        text = file.read()
    return hashlib.sha256(text).digest(), tuple(_imported(text.decode(), dirname(path)))


def _imported(text: str, home: str) -> Iterator[str]:
    for start, module, names in _IMPORTS.findall(text):
        folder = HOME if start.startswith("derive") else home
        for _ in range(start.count(".") - 1 if start.startswith(".") else 0):
            folder = dirname(folder)
        if folder == HOME or folder.startswith(join(HOME, "")):
            yield from _files(
                join(folder, *module.split(".")) if module else folder, re.findall(r"\w+", names)
            )


def _files(place: str, names: Iterable[str]) -> Iterator[str]:
    """The file of a module; of a package that of the package and of those names that are modules."""
    if _is_file(f"{place}.py"):
        yield f"{place}.py"
        return
    for name in ("__init__", *names):
        if _is_file(join(place, f"{name}.py")):
            yield join(place, f"{name}.py")


_is_file = lru_cache(maxsize=2048)(isfile)
