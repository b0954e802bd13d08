"""`python -m tests.bench`: how long deriving, printing and kernels take, and how long results are in print.

Prints the tables and writes them to docs/benchmarks.md, with the machine they were measured on.
Nothing here is asserted but correctness: a kernel is timed only after it agreed with NumPy to 1e-9.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from . import deriving, kernels, lengths, solvers
from .table import Table

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "benchmarks.md"
PARTS = {
    "deriving": deriving.table,
    "kernels": kernels.table,
    "hessians": kernels.hessians,
    "threads": kernels.threads,
    "growth": kernels.growth,
    "lengths": lengths.table,
    "solvers": solvers.table,
}


def machine() -> str:
    """Processor, cores, versions."""
    name = platform.processor() or platform.machine()
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.split(":", 1)[1].strip() for line in cpu.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        pass
    installed = [p for p in kernels.peers.PEERS if p not in kernels.peers.missing()]
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "numba", "sympy", *installed))
    python = platform.python_version()
    return f"{name}, {os.cpu_count()} cores; Python {python}, {packages}; one thread unless said otherwise."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, nothing written")
    options = parser.parse_args()
    tables: list[Table] = []
    for name in options.what or PARTS:
        tables.append(PARTS[name](options.quick))
        print(tables[-1].text(), flush=True)
    if not options.quick and not options.what:
        text = "\n".join(
            [
                "# Benchmarks",
                "",
                "Written by `make bench`.",
                "",
                machine(),
                "",
                *(t.markdown() for t in tables),
            ]
        )
        temporary = OUT.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(OUT)
        print(f"written: {OUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
