"""The on-disk cache: private, written in one stroke, rebuilt when it is not what was written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from derive.kernels import cache
from derive.kernels.cache import CacheError, cache_clear, cache_folder, cache_info, key_of, load
from derive.kernels.foundation import HOME, foundation, of_module

SOURCE = '"""A test kernel."""\n\n\ndef evaluate(x):\n    return (x + {number},)\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own, and no modules remembered from other tests."""
    place = tmp_path / "kernels"
    monkeypatch.setenv("DERIVE_CACHE", str(place))
    forget()
    yield place
    forget()


def forget() -> None:
    for name in [m for m in sys.modules if m.startswith(cache._PREFIX)]:
        del sys.modules[name]


def file_of(folder: Path, source: str) -> Path:
    return folder / f"{cache._PREFIX}{key_of(source)}.py"


def test_source_becomes_a_module_file(folder: Path) -> None:
    source = SOURCE.format(number=1)
    module = load(source)
    assert module.evaluate(2) == (3,)
    assert file_of(folder, source).read_text() == source
    assert load(source) is module
    assert not list(folder.glob("*.tmp"))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_folder_is_private(folder: Path) -> None:
    """0700, also where the folder was more open before."""
    folder.mkdir(mode=0o755)
    load(SOURCE.format(number=1))
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_folder_of_other_things_is_refused(folder: Path) -> None:
    """Closing /tmp, or a project, would shut out whoever else uses it."""
    folder.mkdir(mode=0o755)
    (folder / "notes.txt").write_text("not ours")
    with pytest.raises(CacheError, match=r"holds other things \(notes.txt\); set DERIVE_CACHE"):
        load(SOURCE.format(number=1))
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o755
    assert len(list(folder.iterdir())) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o777, 0o755])
def test_kernels_of_a_folder_that_was_open(folder: Path, mode: int) -> None:
    """numba's index is a pickle: where others could write, nothing that lies there is read."""
    load(COMPILED).evaluate(1.0)
    folder.chmod(mode)
    forget()
    module = load(COMPILED)
    assert module.evaluate(1.0) == 2.0
    assert sum(module.evaluate.stats.cache_hits.values()) == (mode == 0o755)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_file_system_without_permissions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(os, "chmod", lambda *_: None)
    with pytest.raises(CacheError, match="cannot be made private"):
        cache_folder()


def test_place_that_cannot_be_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a folder below one, and a full disk: the error names the place and the remedy."""
    folder.write_text("a file")
    with pytest.raises(CacheError, match=r"kernels cannot be used: .*; set DERIVE_CACHE"):
        cache_folder()
    monkeypatch.setenv("DERIVE_CACHE", str(folder / "below"))
    with pytest.raises(CacheError, match=r"below cannot be used: .*; set DERIVE_CACHE"):
        cache_folder()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("DERIVE_CACHE", str(folder.parent / "other"))
    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(CacheError, match="other cannot be written: No space left"):
        load(SOURCE.format(number=1))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX ownership")
def test_foreign_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(folder).st_uid + 1)
    with pytest.raises(CacheError, match="another user"):
        cache_folder()


def test_link_is_refused(folder: Path, tmp_path: Path) -> None:
    """A link in place of the folder could point anywhere."""
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="not a folder"):
        cache_folder()


@pytest.mark.parametrize("damage", ["", "def evaluate(x):\n    return (99,)\n", "\x00\x00"])
def test_damaged_file_is_rebuilt(folder: Path, damage: str) -> None:
    """Truncated, foreign or garbled: never trusted, compiled leftovers included."""
    source = SOURCE.format(number=2)
    load(source)
    path = file_of(folder, source)
    path.write_text(damage)
    leftover = folder / "__pycache__" / f"{path.stem}.evaluate-1.py311.nbi"
    leftover.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"not an index")
    forget()
    assert load(source).evaluate(1) == (3,)
    assert path.read_text() == source
    assert not leftover.exists()


def test_key_depends_on_versions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another numba, NumPy, Python or processor gives another file."""
    before = key_of("x")
    monkeypatch.setattr(cache, "_stamp", lambda: "another machine")
    assert key_of("x") != before


def test_many_at_once(folder: Path) -> None:
    """Threads and a second process that build the same kernel at the same time end with one good file."""
    source = SOURCE.format(number=3)
    program = f"from derive.kernels.cache import load; print(load({source!r}).evaluate(1))"
    others = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=dict(os.environ))
        for _ in range(2)
    ]
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(load(source).evaluate(1))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [(4,)] * 4
    assert [o.communicate()[0].strip() for o in others] == [b"(4,)"] * 2
    assert file_of(folder, source).read_text() == source


def test_info_and_clear(folder: Path) -> None:
    for number in (1, 2):
        load(SOURCE.format(number=number))
    (folder / "notes.txt").write_text("not ours")
    assert cache_info()["kernels"] == 2
    assert cache_clear() == 2
    assert cache_info()["kernels"] == 0
    assert (folder / "notes.txt").exists()


COMPILED = '''"""A compiled test kernel."""

from derive.kernels.special import compiled


@compiled
def evaluate(x):
    """One more."""
    return x + 1.0
'''


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_compiled_code_is_compiled_again(folder: Path, suffix: str) -> None:
    """numba's own files, cut short or garbled, cost a compilation and nothing else."""
    assert load(COMPILED).evaluate(1.0) == 2.0
    (place,) = (folder / "__pycache__").glob(f"*.{suffix}")
    whole = place.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", b"garbage"):
        place.write_bytes(damage)
        forget()
        assert load(COMPILED).evaluate(1.0) == 2.0
        forget()
        module = load(COMPILED)
        assert module.evaluate(1.0) == 2.0
        assert sum(module.evaluate.stats.cache_hits.values()) == 1  # written anew


def test_a_killed_process_leaves_no_corrupt_cache(folder: Path) -> None:
    """Killed while it compiles or writes: the next process gets the right result."""
    program = f"from derive.kernels.cache import load; print('go', flush=True); print(load({COMPILED!r}).evaluate(1.0))"
    for wait in (0.0, 0.05, 0.3):
        victim = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(wait)
        victim.kill()
        victim.communicate()
    assert load(COMPILED).evaluate(1.0) == 2.0
    assert file_of(folder, COMPILED).read_text() == COMPILED


LINKED = '''"""Three functions, one of them called by its symbol."""

from derive.kernels.apart import inner
from derive.kernels.special import compiled


@inner
def base(x):
    """Twice."""
    return 2.0 * x


@compiled
def middle(x):
    """One more than twice."""
    return base(x) + 1.0


@compiled
def top(x):
    """Linked with `middle`, which calls `base`."""
    return middle(x) + 1.0
'''


def test_what_is_linked_with_code_from_the_cache_says_what_it_needs(folder: Path) -> None:
    """`middle` is compiled by one process, `top` by a second one that reads it: a third finds `base` in memory."""
    program = f"from derive.kernels.cache import load; print(load({LINKED!r}).{{}}(1.0))"
    for name, value in (("middle", b"3.0"), ("top", b"4.0"), ("top", b"4.0")):
        done = subprocess.run(
            [sys.executable, "-c", program.format(name)], capture_output=True, env=dict(os.environ)
        )
        assert (done.returncode, done.stdout.strip()) == (0, value), done.stderr


LEAF = """from derive.kernels.apart import inner


@inner
def leaf(x{more}):
    return x + {number}
"""
CALLER = """from derive.kernels.apart import apart

from .leaf import leaf


@apart
def caller(x):
    return leaf(x{more})
"""


def test_code_is_stale_where_what_it_imports_has_changed(tmp_path: Path) -> None:
    """A function of another module changes, even what it takes: numba alone would make the old call, and crash."""
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").write_text("")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
    program += f"from derive.kernels import foundation; foundation.HOME = {str(package)!r}; "
    program += "from ours.caller import caller; print(caller(1.0), sum(caller.stats.cache_hits.values()))"

    def found(number: int, more: str = "", given: str = "") -> list[str]:
        (package / "leaf.py").write_text(LEAF.format(number=number, more=more))
        text = CALLER.format(more=given)
        if not (package / "caller.py").exists() or (package / "caller.py").read_text() != text:
            (package / "caller.py").write_text(text)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return ran.stdout.split()

    assert found(1) == ["2.0", "0"]
    assert found(1) == ["2.0", "1"]
    assert found(3) == ["4.0", "0"]
    assert found(3, more=", y=5.0") == ["4.0", "0"]


def test_the_foundation_is_all_that_a_text_imports() -> None:
    """Relative and absolute, over several lines, modules as names; what is not ours is not read."""
    loops = foundation("from derive.kernels.optimizers.cone_loops import (\n    on_program,\n)\n")
    assert loops == foundation("from .optimizers.cone_loops import on_program  # a loop")
    assert loops != foundation("from .optimizers.lbfgs import step")
    assert foundation("from derive.kernels import clock, apart") == foundation("from . import apart, clock")
    assert foundation("import numpy as np\nfrom ..errors import DataError") == foundation("")
    path = f"{HOME}/optimizers/cone_loops.py"
    assert of_module(path) != of_module(f"{HOME}/optimizers/lbfgs.py")
    assert of_module(__file__) == ""


def test_library_code_where_its_folder_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation that can only be read, and no home: code of our library is kept in our folder, and cleared."""
    from numba.core import caching

    from derive.kernels.special import compiled

    usual = caching.CompileResultCacheImpl._locator_classes
    chosen = [c for c in usual if "UserProvided" in c.__name__]  # where `config.CACHE_DIR` says
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", chosen)
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    function = compiled(_one_more)
    assert function(1.0) == 2.0
    assert list((folder / "library").rglob("*.nbi"))
    again = compiled(_one_more)
    assert again(1.0) == 2.0 and sum(again.stats.cache_hits.values()) == 1
    cache_clear()
    assert not (folder / "library").exists()


def _one_more(x: float) -> float:
    return x + 1.0
