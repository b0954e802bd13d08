"""The private on-disk cache: generated source as real module files, compiled code beside them.

numba keeps compiled code only for functions of a real file, and its index is a pickle: whoever can write
there can run code. So the folder belongs to the user alone (0700, ownership checked) and is used by no one
else: one that others could write to is emptied of kernels, one that is open and holds other things is refused.
A module file is named by the hash of everything its compiled code depends on, read back and compared before it
is used, and written to a temporary name first, so that neither a killed process nor two at once leave half a
file. `DERIVE_CACHE` names another folder.

Beyond `DERIVE_CACHE_LIMIT` (1 GB unless it says otherwise; 0: no limit) entries that were used least recently leave
(`eviction`). Whoever writes looks after that, once in ten minutes, so that the folder may be larger for a while.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import DeriveError
from . import eviction
from .foundation import foundation, of_module

_PREFIX = "derive_kernel_"
#: What else a cache holds.
_LIBRARY = "library"
_AROUND = ("__pycache__", eviction.LOOKED, _LIBRARY)
_DIGEST = 32  # bytes of a checksum in front of machine code
_lock = threading.RLock()
_TRIES = 20  # of reading what others remove
_LIMIT = "1 GB"
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class CacheError(DeriveError):
    """A cache folder that cannot be trusted, or a limit of it that cannot be read."""


def cache_folder() -> Path:
    """The folder, created if need be; refused if it is not private to this user."""
    chosen = os.environ.get("DERIVE_CACHE")
    base = Path(chosen) if chosen else _default()
    try:
        if not base.is_symlink():
            base.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_private(base)
    except OSError as error:
        raise _unusable(base, f"cannot be used: {error.strerror}") from error
    return base


def _unusable(folder: Path, reason: str) -> CacheError:
    return CacheError(f"the kernel cache {folder} {reason}; set DERIVE_CACHE to another place")


def cache_limit() -> int | None:
    """How many bytes the folder may hold before entries leave; None for any number."""
    text = os.environ.get("DERIVE_CACHE_LIMIT") or _LIMIT
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]B)?\s*", text, re.IGNORECASE)
    size = None if found is None else float(found[1])
    if size == 0.0:
        return None
    unit = "" if found is None or found[2] is None else found[2][0].upper().replace("K", "k") + "B"
    if size is None or not unit:
        raise CacheError(
            f"DERIVE_CACHE_LIMIT is {text!r}: give a size with its unit, as 500 MB or 2 GB, or 0 for no limit"
        )
    return int(size * _UNITS[unit])


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
        raise _unusable(folder, "is not a folder")
    if found.st_uid != os.getuid():
        raise _unusable(folder, "belongs to another user")
    mode = stat.S_IMODE(found.st_mode)
    if mode == 0o700:
        return
    others = sorted(n for n in os.listdir(folder) if not n.startswith(_PREFIX) and n not in _AROUND)
    if mode & 0o077 and others:  # /tmp, or a project: closing it would shut out whoever else uses it
        raise _unusable(folder, f"is open to others and holds other things ({others[0]})")
    os.chmod(folder, 0o700)
    if stat.S_IMODE(os.lstat(folder).st_mode) & 0o077:
        raise _unusable(folder, "cannot be made private to this user on its file system")
    if mode & 0o022:  # what is there may be of anybody's making
        for inside in ("__pycache__", _LIBRARY):
            shutil.rmtree(folder / inside, ignore_errors=True)
        for each in eviction.entries(folder, _PREFIX).values():
            eviction.remove([*each.files, *each.unfinished])


@lru_cache(maxsize=1)
def _stamp() -> str:
    """What compiled code depends on besides our own text: versions and the processor."""
    import llvmlite
    import llvmlite.binding
    import numba
    import numpy

    parts = [
        numba.__version__,
        llvmlite.__version__,
        numpy.__version__,
        platform.python_version(),
        platform.machine(),
        llvmlite.binding.get_host_cpu_name(),
        llvmlite.binding.get_host_cpu_features().flatten(),
    ]
    return "|".join(parts)


def key_of(source: str) -> str:
    """The name under which a source is kept."""
    parts = (_stamp(), foundation(source), source)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def load(source: str) -> ModuleType:
    """The module of that source, from this process, from the folder, or newly written."""
    with _lock:
        name = _PREFIX + key_of(source)
        found = sys.modules.get(name)
        if found is not None:
            return found
        folder = cache_folder()
        path = folder / f"{name}.py"
        for _ in range(_TRIES):
            if not _is_ours(path, source):
                _forget(path)
                _keep_limit(folder)  # before: where clocks disagree, what is new may look old
                _write(path, source.encode())
            try:
                return _import(name, path)
            except Exception:
                if path.exists():
                    raise  # else another process has removed it since it was looked at
        raise CacheError(f"{path} vanishes as soon as it is written; set DERIVE_CACHE to another place")


def machine_code(name: str, make: Callable[[], bytes], kind: str = "") -> bytes:
    """Machine code of our library: from the folder if it is whole, else made and kept.

    kind  tells apart what has one name
    """
    with _lock:
        folder = cache_folder()
        path = folder / f"{_PREFIX}{name}_{key_of(name + kind + of_module(inspect.getfile(make)))}.o"
        kept = _read(path) or b""
        if hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST]:
            return kept[_DIGEST:]
        made = make()
        _keep_limit(folder)
        _write(path, hashlib.sha256(made).digest() + made)
        return made


def _read(path: Path) -> bytes | None:
    """What is in a plain file of this user, now in use; None where there is none."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.getuid()):
            return None
        eviction.used(path, found)
        return path.read_bytes()
    except OSError:
        return None


def _is_ours(path: Path, source: str) -> bool:
    """Whether the file holds exactly this source and is a plain file of this user."""
    return _read(path) == source.encode()


def _forget(path: Path) -> None:
    """Remove a file and whatever was compiled from it."""
    eviction.remove(map(str, [path, *(path.parent / "__pycache__").glob(f"{path.stem}.*")]))


def _keep_limit(folder: Path) -> None:
    limit = cache_limit()
    with suppress(OSError):  # who cannot write there is told so by `_write`
        if limit is not None and eviction.is_due(folder):
            eviction.trim(folder, _PREFIX, limit, eviction.LONGEST)


def _write(path: Path, content: bytes) -> None:
    try:
        _replace(path, content)
    except OSError as error:
        raise _unusable(path.parent, f"cannot be written: {error.strerror}") from error


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")
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


def on_disk(function: Any) -> Any:
    """A compiled function whose code is kept: beside its module, or in our folder where that can only be read."""
    from numba import config

    with _lock:
        usual = config.CACHE_DIR
        try:
            function.enable_caching()
        except RuntimeError:  # an installation that can only be read, and no home
            config.CACHE_DIR = str(cache_folder() / _LIBRARY)
            function.enable_caching()
        finally:
            config.CACHE_DIR = usual
    return guarded(function)


def guarded(function: Any) -> Any:
    """The function with numba's cache of it made safe.

    numba writes its files in one stroke, but trusts what it finds: code that cannot be read back (a full disk, a
    stroke of bad luck) is compiled again, and so is code for other types, to which an index leads whose data were
    removed and written anew by others. Code that cannot be written is not kept. And what comes from the cache does not
    tell those that link with it what has to be in memory before it; they would be kept without that, and crash a later
    process. And code of our library is stale where anything that its module imports has changed, not its file alone.
    """
    from numba.core.sigutils import normalize_signature

    kept: Any = function._cache
    read, write = kept.load_overload, kept.save_overload
    index = kept._cache_file
    index._source_stamp = (index._source_stamp, of_module(function.py_func.__code__.co_filename))

    def load_overload(signature: Any, context: Any) -> Any:
        try:
            found = read(signature, context)
            if found is not None and found.signature.args != normalize_signature(signature)[0]:
                raise CacheError("code for other types")
        except Exception:
            kept.flush()
            return None
        if found is not None:
            found.library._reload_init.update(found.reload_init)
        return found

    def save_overload(signature: Any, result: Any) -> None:
        with suppress(OSError):
            write(signature, result)

    kept.load_overload, kept.save_overload = load_overload, save_overload
    return function


def cache_info() -> dict[str, Any]:
    """Where the cache is, how many kernels it holds, how many bytes, and how many it may hold (None: any number)."""
    folder = cache_folder()
    found = eviction.entries(folder, _PREFIX).values()
    return {
        "folder": str(folder),
        "kernels": sum(e.is_kernel for e in found),
        "bytes": sum(e.bytes for e in found),
        "limit": cache_limit(),
    }


def cache_clear() -> int:
    """Remove every kernel of ours from the folder; returns how many there were."""
    folder = cache_folder()
    found = eviction.entries(folder, _PREFIX).values()
    for each in found:
        eviction.remove([*each.files, *each.unfinished])
    shutil.rmtree(folder / _LIBRARY, ignore_errors=True)
    return sum(each.is_kernel for each in found)
