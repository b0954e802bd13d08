"""The private on-disk cache: generated source as real module files, compiled code beside them.

numba keeps compiled code only for functions of a real file, and its index is a pickle: whoever can write
there can run code. So the folder belongs to the user alone (0700, ownership checked) and is used by no one
else. A module file is named by the hash of everything its compiled code depends on, read back and compared
before it is used, and written to a temporary name first, so that neither a killed process nor two at once
leave half a file. `DERIVE_CACHE` names another folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DeriveError

_PREFIX = "derive_kernel_"
#: The modules whose functions are compiled into kernels.
LIBRARY = (
    "special arrays values applied expressions walk translate apart gamma rowwise narrow lanes machine smallproducts "
    "weighted lapack library entrance entrance_code"
).split()
_DIGEST = 32  # bytes of a checksum in front of machine code
_lock = threading.RLock()


class CacheError(DeriveError):
    """A cache folder that cannot be trusted."""


def cache_folder() -> Path:
    """The folder, created if need be; refused if it is not private to this user."""
    chosen = os.environ.get("DERIVE_CACHE")
    base = Path(chosen) if chosen else _default()
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_private(base)
    return base


def _default() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "derive" / "kernels"
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "derive" / "kernels"


def _check_private(folder: Path) -> None:
    """On POSIX: a real folder, owned by this user, writable by nobody else."""
    if sys.platform == "win32":
        return
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise CacheError(f"the kernel cache {folder} is not a folder; set DERIVE_CACHE to another place")
    if found.st_uid != os.getuid():
        raise CacheError(
            f"the kernel cache {folder} belongs to another user; set DERIVE_CACHE to another place"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        os.chmod(folder, 0o700)


@lru_cache(maxsize=1)
def _stamp() -> str:
    """Everything besides the source that compiled code depends on: versions, processor, our library."""
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    library = b"".join((Path(__file__).parent / f"{name}.py").read_bytes() for name in LIBRARY)
    parts = [
        numba.__version__,
        llvmlite.__version__,
        numpy.__version__,
        platform.python_version(),
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
        hashlib.sha256(library).hexdigest(),
    ]
    return "|".join(parts)


@lru_cache(maxsize=1)
def _optimizers() -> str:
    """What compiled loops have of our optimizers: parts of them built in, others called by their symbols."""
    folder = Path(__file__).parent / "optimizers"
    return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(folder.glob("*.py")))).hexdigest()


def key_of(source: str) -> str:
    """The name under which a source is kept."""
    stamp = _stamp() + (_optimizers() if "derive.kernels.optimizers" in source else "")
    return hashlib.sha256((stamp + "\n" + source).encode()).hexdigest()[:32]


def load(source: str) -> ModuleType:
    """The module of that source, from this process, from the folder, or newly written."""
    with _lock:
        name = _PREFIX + key_of(source)
        found = sys.modules.get(name)
        if found is not None:
            return found
        path = cache_folder() / f"{name}.py"
        if not _is_ours(path, source):
            _forget(path)
            _write(path, source.encode())
        return _import(name, path)


def machine_code(name: str, make: Callable[[], bytes], kind: str = "") -> bytes:
    """Machine code of our library: from the folder if it is whole, else made and kept.

    kind  tells apart what has one name
    """
    with _lock:
        path = cache_folder() / f"{_PREFIX}{name}_{key_of(name + kind)}.o"
        if path.is_file() and _owned(os.lstat(path)):
            kept = path.read_bytes()
            if hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST]:
                return kept[_DIGEST:]
        made = make()
        _write(path, hashlib.sha256(made).digest() + made)
        return made


def _owned(found: os.stat_result) -> bool:
    """A plain file of this user."""
    return stat.S_ISREG(found.st_mode) and (sys.platform == "win32" or found.st_uid == os.getuid())


def _is_ours(path: Path, source: str) -> bool:
    """Whether the file holds exactly this source and is a plain file of this user."""
    try:
        return _owned(os.lstat(path)) and path.read_bytes() == source.encode()
    except OSError:
        return False


def _forget(path: Path) -> None:
    """Remove a file and whatever was compiled from it."""
    for each in [path, *_compiled(path)]:
        each.unlink(missing_ok=True)


def _compiled(path: Path) -> list[Path]:
    folder = path.parent / "__pycache__"
    return sorted(folder.glob(f"{path.stem}.*")) if folder.is_dir() else []


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks the module up while it compiles
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def guarded(function: Any) -> Any:
    """The function with numba's cache of it made safe.

    numba writes its files in one stroke, but trusts what it finds: code that cannot be read back (a full disk, a
    stroke of bad luck) is compiled again. And what comes from the cache does not tell those that link with it what has
    to be in memory before it; they would be kept without that, and crash a later process.
    """
    kept: Any = function._cache
    read = kept.load_overload

    def load_overload(signature: Any, context: Any) -> Any:
        try:
            found = read(signature, context)
        except Exception:
            kept.flush()
            return None
        if found is not None:
            found.library._reload_init.update(found.reload_init)
        return found

    kept.load_overload = load_overload
    return function


def cache_info() -> dict[str, Any]:
    """Where the cache is, how many kernels it holds and how many bytes."""
    folder = cache_folder()
    files = [f for f in folder.rglob("*") if f.is_file()]
    kernels = [f for f in files if f.suffix == ".py" and f.name.startswith(_PREFIX)]
    return {"folder": str(folder), "kernels": len(kernels), "bytes": sum(f.stat().st_size for f in files)}


def cache_clear() -> int:
    """Remove every kernel of ours from the folder; returns how many there were."""
    folder = cache_folder()
    kernels = sorted(folder.glob(f"{_PREFIX}*.py"))
    for path in kernels:
        _forget(path)
    for path in folder.glob(f"{_PREFIX}*.o"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return len(kernels)
