"""Deriving and printing as statements grow: networks of many layers, an attention block, the import itself.

Processor time of a process of its own, after another statement has loaded grammar and printers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .table import Table

ROOT = Path(__file__).resolve().parents[2]
_MEASURE = """
import json, time
began = time.process_time()
import derive as dv
from derive.expression import Expression
found = {"import": time.process_time() - began}
x = dv.vector("x", "k")
str(dv.gradient(dv.sumsq(x), x)), dv.gradient(dv.sumsq(x), x).latex()

def network(depth):
    h, Y = dv.matrix("X", "n", "d0"), dv.matrix("Y", "n", f"d{depth}")
    weights = []
    for k in range(depth):
        weights.append(dv.matrix(f"W{k}", f"d{k}", f"d{k + 1}"))
        h = dv.tanh(h @ weights[-1] + dv.vector(f"b{k}", f"d{k + 1}"))
    return dv.sumsq(h - Y) / 2, weights

for depth in (12, 25, 50):
    began = time.process_time()
    loss, weights = network(depth)
    first = dv.gradient(loss, weights[0])
    text, latex = str(first), first.latex()
    found[f"network of {depth} layers, gradient of the first"] = time.process_time() - began
    began = time.process_time()
    loss, weights = network(depth)
    for g in dv.gradient(loss, weights):
        str(g)
    found[f"network of {depth} layers, gradients of all weights"] = time.process_time() - began

began = time.process_time()
shapes = {"X": ("n", "e"), "A": ("e", "d"), "B": ("e", "d"), "C": ("e", "p"), "G": ("n", "p")}
block = "sum(G * (softmax(X @ A @ (X @ B).T / sqrt(d), axis=1) @ X @ C))"
for g in dv.gradient(dv.parse(block, variables=shapes), ["A", "B", "C", "X"]):
    str(g), g.latex()
found["attention block, four gradients"] = time.process_time() - began
print(json.dumps(found))
"""
AIMS = {
    "import": 0.8,
    "network of 50 layers, gradient of the first": 2.0,
    "attention block, four gradients": 0.2,
}


def table(quick: bool) -> Table:
    """One row per statement, the better of two runs."""
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", _MEASURE], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(1 if quick else 2)
    ]
    rows = [
        [
            name,
            f"{1000 * min(run[name] for run in runs):.0f}",
            f"{1000 * AIMS[name]:.0f}" if name in AIMS else "",
        ]
        for name in runs[0]
    ]
    return Table(
        "Deriving and printing as statements grow (ms)",
        ["", "time", "aim"],
        rows,
        "Processor time, as text; the gradient of the first layer and attention in LaTeX too. One formula per "
        "gradient: the text of all gradients of a network grows with the square of its depth.",
    )
