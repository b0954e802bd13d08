"""The limit of the kernel cache: what is used least recently leaves, and what is needed of it is made again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from derive.kernels import cache, eviction
from derive.kernels.cache import CacheError, cache_info, cache_limit, load
from derive.kernels.eviction import entries, trim
from tests.kernels.test_apart import AGAIN, CALLER, INNER
from tests.kernels.test_cache import COMPILED, SOURCE, file_of, folder, forget

__all__ = ["folder"]
HOUR = 3600.0


def age(*files: Path, hours: float) -> None:
    """As if last used and written so long ago."""
    for each in files:
        moment = time.time() - hours * HOUR
        os.utime(each, (moment, moment))


def age_all(folder: Path, hours: float = 1.0) -> None:
    age(*(f for f in folder.rglob("*") if f.is_file()), hours=hours)


def run(program: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_is_used_least_recently_leaves(folder: Path) -> None:
    """The oldest go, down to nine tenths of the limit; within it nothing does."""
    sources = [SOURCE.format(number=k) for k in range(4)]
    for k, source in enumerate(sources):
        load(source)
        age(file_of(folder, source), hours=9 - k)
    size = cache_info()["bytes"]
    assert trim(folder, cache._PREFIX, size) == 0
    assert trim(folder, cache._PREFIX, size - 1) == 1
    assert [file_of(folder, s).exists() for s in sources] == [False, True, True, True]
    age(file_of(folder, sources[1]), hours=0.0)
    assert trim(folder, cache._PREFIX, 1) == 2, "what is in use stays whatever the limit"
    assert [file_of(folder, s).exists() for s in sources] == [False, True, False, False]


def test_reading_is_using(folder: Path) -> None:
    """A module that is read counts as used, and what was compiled from it is not outdated by that."""
    assert load(COMPILED).evaluate(1.0) == 2.0
    path = file_of(folder, COMPILED)
    written = path.stat().st_mtime_ns
    os.utime(path, ns=(time.time_ns() - 10**13, written))
    forget()
    module = load(COMPILED)
    assert module.evaluate(1.0) == 2.0 and sum(module.evaluate.stats.cache_hits.values()) == 1
    assert path.stat().st_mtime_ns == written and time.time() - path.stat().st_atime < 60.0


def test_whoever_writes_looks_now_and_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to write in ten minutes removes what is beyond the limit, with all that was compiled from it."""
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", "0.1 kB")
    assert load(COMPILED).evaluate(1.0) == 2.0
    age_all(folder)
    load(SOURCE.format(number=1))
    assert cache_info()["kernels"] == 1 and not list((folder / "__pycache__").iterdir())
    age(file_of(folder, SOURCE.format(number=1)), hours=1.0)
    load(SOURCE.format(number=2))
    assert cache_info()["kernels"] == 2, "looked at a moment ago"


def test_what_takes_long_is_left_to_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that removes for too long stops, and whoever writes next goes on at once."""
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", "0.05 kB")
    monkeypatch.setattr(eviction, "LONGEST", -1.0)
    for number in range(2):
        load(SOURCE.format(number=number))
        age_all(folder)
    assert cache_info()["kernels"] == 2
    monkeypatch.setattr(eviction, "LONGEST", 60.0)
    load(SOURCE.format(number=2))
    assert cache_info()["kernels"] == 1


def test_what_others_call_is_made_again(folder: Path) -> None:
    """Code in the cache that calls removed code by its symbol: the next process makes what is not there."""
    module = load(INNER)
    caller = CALLER.format(name=module.__name__)
    assert run(AGAIN, INNER, caller) == ["28.0", "0"]
    found = entries(folder, cache._PREFIX)
    inner, outer = (found[file_of(folder, s).stem].files for s in (INNER, caller))
    data = [f for f in inner if f.endswith(".nbc")]
    for lost, hits in ((inner, "1"), (data, "1"), (inner + outer, "0")):
        assert all(Path(f).exists() for f in inner + outer)
        assert eviction.remove(lost)
        assert run(AGAIN, INNER, caller) == ["28.0", hits]


def test_removed_under_a_process_that_has_it(folder: Path) -> None:
    """It compiles for other types all the same, and what it leaves behind serves nobody wrongly."""
    module = load(COMPILED)
    assert module.evaluate(1.0) == 2.0
    age_all(folder)
    assert trim(folder, cache._PREFIX, 1) == 1 and not file_of(folder, COMPILED).exists()
    assert module.evaluate(1) == 2.0
    program = f"from derive.kernels.cache import load; f = load({COMPILED!r}).evaluate; print(f(1.0), f(1))"
    assert run(program) == ["2.0", "2.0"]


def test_data_of_other_types_are_not_run(folder: Path) -> None:
    """An index of one process and data of another."""
    module = load(COMPILED)
    assert module.evaluate(1.5) == 2.5 and module.evaluate(1) == 2.0
    first, second = sorted((folder / "__pycache__").glob("*.nbc"))
    first.write_bytes(second.read_bytes())
    forget()
    module = load(COMPILED)
    assert module.evaluate(1.5) == 2.5 and not module.evaluate.stats.cache_hits


def test_what_cannot_be_written_is_not_kept(folder: Path) -> None:
    """A full disk, or a folder that was emptied meanwhile, costs nothing but the next compilation."""
    module = load(COMPILED)
    for each in (folder / "__pycache__").iterdir():
        each.unlink()
    (folder / "__pycache__").rmdir()
    assert module.evaluate(1.0) == 2.0 and module.evaluate(1) == 2.0


BUSY = """
import sys
from derive.kernels.cache import load
print("go", flush=True)
for turn in range(30):
    for number in range(3):
        source = sys.argv[1].replace("x + 1.0", f"x + {number + 1}.0")
        module = load(source)
        assert module.evaluate(1.0) == 2.0 + number
        del sys.modules[module.__name__]
print("done")
"""


def test_removed_while_others_read_and_write(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything removed all the time: others compile more often, and that is all."""
    monkeypatch.setattr(eviction, "RECENT", -1.0)
    cache.cache_folder()
    other = subprocess.Popen(
        [sys.executable, "-c", BUSY, COMPILED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert other.stdout is not None
    other.stdout.readline()
    removed = 0
    while other.poll() is None:
        removed += trim(folder, cache._PREFIX, 1)
        time.sleep(0.003)
    out, err = other.communicate()
    assert other.returncode == 0 and "done" in out, err
    assert removed > 5


def test_files_of_killed_processes_leave(folder: Path) -> None:
    """Half-written files, ours and numba's, after a day; those of others never."""
    load(SOURCE.format(number=1))
    stem = file_of(folder, SOURCE.format(number=1)).stem
    (folder / "__pycache__").mkdir(exist_ok=True)
    names = [f"{stem}.abc.tmp", f"__pycache__/{stem}.evaluate-1.py311.nbi.tmp.0f", "notes.tmp", "notes.txt"]
    places = [folder / name for name in names]
    for hours, left in ((23.0, [True] * 4), (25.0, [False, False, True, True])):
        for place in places:
            place.write_text("half")
        age(*places, hours=hours)
        assert trim(folder, cache._PREFIX, 10**9) == 0
        assert [place.exists() for place in places] == left


@pytest.mark.parametrize(
    ("text", "size"),
    [("500 MB", 500_000_000), ("2gb", 2_000_000_000), ("1.5 kB", 1500), ("0", None), ("0 MB", None)],
)
def test_limit_is_a_size_with_its_unit(text: str, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", text)
    assert cache_limit() == size


@pytest.mark.parametrize("text", ["5", "much", "-1 GB", "1 GB please", "1e3 MB"])
def test_other_limits_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DERIVE_CACHE_LIMIT", text)
    with pytest.raises(CacheError, match=r"DERIVE_CACHE_LIMIT is .* give a size with its unit"):
        cache_limit()
