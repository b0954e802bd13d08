"""The limit of the kernel cache: entries that were used least recently leave when the folder has grown too large.

An entry is a module file, or a file of machine code, with all that was compiled from it. Its time of use is the access
time of that file, which `used` sets: the time of the last change cannot serve, for numba takes code that is older or
younger than its source for outdated.

Whoever is interrupted, and whoever works in the folder at the same time, finds less than there was but nothing wrong:
numba's data go before the index that names them, and that before the source. An entry in use a short while ago stays
whatever the limit, so that nothing is removed that another process has just loaded or is about to write. Code that
calls a removed entry by its symbol has it made again when it is read (`apart`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

#: Seconds for which an entry is left alone after its last use.
RECENT = 600.0
#: Seconds between two looks at the sizes of all files, by any process.
PAUSE = 600.0
#: What the entries are brought down to, as a share of the limit.
SHARE = 0.9
#: Seconds that whoever writes spends on removing: a first look at an old folder may find tens of thousands of files.
LONGEST = 1.0
#: Seconds after which a half-written file is the rest of a killed process.
ABANDONED = 86_400.0
#: The order in which the files of an entry are removed; all others, numba's data among them, go first.
_LAST = (".nbi", ".py", ".o")
#: The file whose time of change says when somebody looked.
LOOKED = ".looked"


@dataclass
class Entry:
    """A module or machine code.

    main        the path of its own file, where that is there
    files       that and what was compiled from it
    unfinished  what somebody is writing, or was when he was killed
    used        when it was last used or written
    """

    main: str = ""
    files: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    bytes: int = 0
    used: float = 0.0

    @property
    def is_kernel(self) -> bool:
        """Whether it is a module."""
        return self.main.endswith(".py")

    def is_used_since(self, moment: float) -> bool:
        """Whether that is so now, whatever was seen before."""
        try:
            seen = os.stat(self.main) if self.main else None
        except FileNotFoundError:
            return False
        return seen is not None and max(seen.st_atime, seen.st_mtime) > moment


def entries(folder: Path, prefix: str) -> dict[str, Entry]:
    """All that is in the cache, by the stems of the files."""
    found: dict[str, Entry] = {}
    for at_top, place in ((True, folder), (False, folder / "__pycache__")):
        with suppress(FileNotFoundError), os.scandir(place) as listed:
            for each in listed:
                if each.name.startswith(prefix) and each.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        seen = each.stat(follow_symlinks=False)
                        entry = found.setdefault(each.name.partition(".")[0], Entry())
                        _enter(entry, each, seen, at_top)
    return found


def _enter(entry: Entry, file: os.DirEntry[str], seen: os.stat_result, at_top: bool) -> None:
    entry.bytes += seen.st_size
    entry.used = max(entry.used, seen.st_mtime)
    if ".tmp" in file.name:
        entry.unfinished.append(file.path)
        return
    entry.files.append(file.path)
    if at_top:
        entry.main, entry.used = file.path, max(entry.used, seen.st_atime)


def used(path: Path, seen: os.stat_result) -> None:
    """Note that a file is in use; its time of change stays as it is."""
    if time.time() - seen.st_atime > RECENT / 10:
        with suppress(OSError):  # a folder that can only be read
            os.utime(path, ns=(time.time_ns(), seen.st_mtime_ns))


def is_due(folder: Path) -> bool:
    """Whether nobody has looked at the sizes for a while; whoever asks is the one to look."""
    mark = folder / LOOKED
    try:
        if 0.0 <= time.time() - mark.stat().st_mtime < PAUSE:
            return False
    except FileNotFoundError:
        pass
    mark.touch()
    return True


def trim(folder: Path, prefix: str, limit: int, seconds: float = float("inf")) -> int:
    """Remove what was used least recently where there is more than the limit; the number of entries removed.

    After so many seconds it stops, and the next to write goes on.
    """
    end = time.monotonic() + seconds
    now, found = time.time(), entries(folder, prefix)
    for place in (f for e in found.values() for f in e.unfinished):
        with suppress(OSError):
            if now - os.stat(place).st_mtime > ABANDONED:
                os.unlink(place)
    total, count = sum(e.bytes for e in found.values()), 0
    if total <= limit:
        return 0
    for entry in sorted(found.values(), key=lambda e: e.used):
        if total <= SHARE * limit or now - entry.used < RECENT:
            break
        if time.monotonic() > end:
            (folder / LOOKED).unlink(missing_ok=True)
            break
        if not entry.is_used_since(now - RECENT) and remove(entry.files):
            total, count = total - entry.bytes, count + 1
    return count


def remove(files: Iterable[str]) -> bool:
    """Remove the files of an entry, its own last; whether they are gone, which on Windows those in use are not."""
    try:
        for each in sorted(
            files, key=lambda f: next((k for k, end in enumerate(_LAST) if f.endswith(end)), -1)
        ):
            with suppress(FileNotFoundError):
                os.unlink(each)
    except OSError:
        return False
    return True


__all__ = ["LOOKED", "Entry", "entries", "is_due", "remove", "trim", "used"]
