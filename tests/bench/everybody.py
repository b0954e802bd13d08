"""All threads for everybody: some of the cases once more, in a process of its own.

Libraries read their number of threads when they are loaded, so the process with one thread cannot do it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .table import Table, duration

ROOT = Path(__file__).resolve().parents[2]
#: Seconds between two turns, in which threads that look for work go to sleep.
PAUSE = 0.1
CHOSEN = ("logistic 200000 × 100", "logistic 20000 × 1000", "softmax regression 100000 × 50 → 10")


def table(quick: bool) -> Table:
    """Wall time of everybody on all processors."""
    count = str(os.cpu_count() or 1)
    settings = {f"{name}_NUM_THREADS": count for name in ("OPENBLAS", "MKL", "OMP", "NUMBA")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.everybody", "quick" if quick else "full"],
        cwd=ROOT,
        env={**os.environ, **settings, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true"},
        capture_output=True,
        text=True,
        check=False,
    )
    columns = ["NumPy", "jax", "torch", "autograd", "kernel on one thread"]
    rows = []
    for line in done.stdout.splitlines():
        case, found = json.loads(line)
        ours = found["ours"]
        rows.append(
            [case, duration(ours), *(f"{found[c] / ours:.2f}" if c in found else "–" for c in columns)]
        )
    failed = (
        "" if done.returncode == 0 else " The process ended early: " + done.stderr.strip().splitlines()[-1]
    )
    return Table(
        "All threads: everybody's time as a multiple of the kernel's (wall time)",
        ["case", "kernel", *columns],
        rows,
        f"{count} threads for all, {os.cpu_count()} cores; a tenth of a second between two turns, in which the threads "
        f"of libraries that wait for work go to sleep.{failed}",
    )


def main(quick: bool) -> None:
    """One line of JSON per case."""
    from . import compute, rows
    from .kernels import agree, interleaved

    for case in [*rows.cases(), *compute.CASES]:
        if f"{case.name} {case.size}" not in CHOSEN:
            continue
        arrays = case.arrays()
        point = {k: a for k, a in arrays.items() if k in case.unknowns}
        one = compute.kernel(case).bind({k: a for k, a in arrays.items() if k not in point})
        one(point)
        bound: Any = one.kernel.bind(one.arrays, threads=0)
        calls = compute.calls(case, arrays, ("jax", "torch", "autograd"))
        for other, call in calls.items():
            agree(list(bound(point).values()), [np.asarray(a) for a in call()], f"{case.name}, {other}")
        everybody = {
            "ours": lambda f=bound, p=point: f(p),
            "kernel on one thread": lambda f=one, p=point: f(p),
            **calls,
        }
        found = interleaved(everybody, 0.3 if quick else 8.0, time.perf_counter, pause=PAUSE)
        print(json.dumps([f"{case.name}, {case.size}", found]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] == "quick")
