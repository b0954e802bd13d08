"""Time to derive and print gradients and Hessians of the six models.

Each model is measured in a process of its own, after import and after reading the statement: the first
time, when nothing is remembered, and the median of later times.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from .table import Table

ROOT = Path(__file__).resolve().parents[2]
_MEASURE = """
import gc, json, statistics, sys, time
import derive as dv
from derive.models import get

model = get(sys.argv[1])
names = list(model.unknowns)
# Another statement first, so that grammar, operators and printers are loaded.
x = dv.vector("x", "k")
for warm in (dv.gradient(dv.sumsq(x), x), dv.hessian(dv.sumsq(x), x)):
    str(warm)

def gradient():
    for g in dv.gradient(expression, names):
        str(g)

def hessian():
    for i, row in enumerate(dv.hessian(expression, names)):
        for block in row[i:]:  # those below the diagonal are transposes
            str(block)

found = {}
for task in (gradient, hessian):
    times = []
    for _ in range(int(sys.argv[2])):
        expression = model.expression()
        began = time.process_time()
        task()
        times.append(time.process_time() - began)
    found[task.__name__] = [times[0], statistics.median(times[1:])]
print(json.dumps(found))
"""
LIMITS = {"gradient": 20.0, "hessian": 150.0}  # milliseconds


def _measured(name: str, repeats: str) -> dict[str, list[float]]:
    """The first time and the median of later ones, in seconds, of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, name, repeats], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def table(quick: bool) -> Table:
    """One row per model, times in milliseconds."""
    from derive.models import REGISTRY

    rows = []
    for name in REGISTRY:
        runs = [_measured(name, "3" if quick else "7") for _ in range(1 if quick else 5)]
        row = [name]
        for task in ("gradient", "hessian"):
            row += [f"{1000 * statistics.median(run[task][k] for run in runs):.1f}" for k in (0, 1)]
        rows.append(row)
    columns = ["model", "gradient, first", "gradient, later", "Hessian, first", "Hessian, later"]
    return Table(
        "Deriving and printing (ms)",
        columns,
        rows,
        "As text, all unknowns, all different blocks of the Hessian, after import; medians of five processes. Aims: "
        "gradient below 20 ms, Hessian below 150 ms.",
    )
