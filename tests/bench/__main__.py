"""`python -m tests.bench`: how long deriving, printing and kernels take, and how long results are in print.

Prints the tables and writes them to docs/benchmarks.md, with the machine they were measured on and the targets.
Nothing here is asserted but correctness: a kernel is timed only after it agreed with all peers to 1e-9.
Everything runs in this one process on one thread; the table with all threads is made by a second process, because
libraries read their number of threads once.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_info

from . import bounds, compute, depth, deriving, everybody, kernels, lengths, rows, solvers, targets, threads
from .table import Table

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "benchmarks.md"
PARTS = {
    "deriving": deriving.table,
    "depth": depth.table,
    "rows": rows.table,
    "compute": compute.table,
    "bounds": bounds.table,
    "models": kernels.table,
    "hessians": kernels.hessians,
    "threads": threads.table,
    "all-threads": everybody.table,
    "growth": kernels.growth,
    "lengths": lengths.table,
    "solvers": solvers.table,
    "targets": targets.table,
}


def machine() -> str:
    """Processor, cores, versions."""
    name = platform.processor() or platform.machine()
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.split(":", 1)[1].strip() for line in cpu.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        pass
    installed = sorted({p for p in kernels.peers.PACKAGES.values() if kernels.peers.is_installed(p)})
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "numba", "sympy", *installed))
    python = platform.python_version()
    settings = ", ".join(f"{k}={os.environ[k]}" for k in sorted(os.environ) if k.endswith("_NUM_THREADS"))
    ours = [each for each in threadpool_info() if "numpy" in each["filepath"] or "scipy" in each["filepath"]]
    blas = sorted({f"{each['internal_api']} for {each['architecture']}" for each in ours})
    about = f"{name}, {os.cpu_count()} cores; Python {python}, {packages}; {', '.join(blas)}"
    return f"{about}. {settings} unless said otherwise."


def write(tables: list[Table], whole: bool) -> None:
    """All tables, targets first; of a part of them only their sections, if the rest is from the same machine."""
    head = f"# Benchmarks\n\nWritten by `make bench`.\n\n{machine()}\n"
    sections: dict[str, str] = {}
    if not whole:
        before, *rest = OUT.read_text(encoding="utf-8").split("\n## ")
        if before.strip() != head.strip():
            print("not written: the file is from another machine or other versions; run all parts")
            return
        sections = {text.partition("\n")[0]: f"## {text.strip()}\n" for text in rest}
    sections.update({t.title: t.markdown() for t in tables})
    order = sorted(sections, key=lambda title: title != "Targets")
    temporary = OUT.with_suffix(".tmp")
    temporary.write_text("\n".join([head, *(sections[title] for title in order)]), encoding="utf-8")
    temporary.replace(OUT)
    print(f"written: {OUT.relative_to(ROOT)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, nothing written")
    options = parser.parse_args()
    tables: list[Table] = []
    for name in options.what or PARTS:
        tables.append(PARTS[name](options.quick))
        print(tables[-1].text(), flush=True)
    if not options.quick:
        write(tables, whole=not options.what)
    return 0


if __name__ == "__main__":
    sys.exit(main())
