"""How long results are in print: tokens of our text over the shortest known form of a textbook's answer."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

from .table import Table

DATA = Path(__file__).resolve().parents[1] / "data"
CASES = [DATA / "textbook.json", DATA / "results.json"]
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d+)?|\.T\b|\*\*|\S")


def tokens(text: str) -> int:
    """Names, numbers, `.T`, `**`, and single marks."""
    return len(_TOKEN.findall(text))


def printed(case: dict[str, Any]) -> str:
    """Our text for the case."""
    import derive as dv

    expression = dv.parse(case["objective"], variables=case["declare"], facts=case["facts"])
    derive = {1: dv.gradient, 2: dv.hessian}.get(case["order"], dv.jacobian)
    return str(derive(expression, case["wrt"]))


def ratios() -> dict[str, float]:
    """By case: our tokens over the fewest."""
    cases = [case for path in CASES for case in json.loads(path.read_text(encoding="utf-8"))]
    return {case["id"]: tokens(printed(case)) / case["tokens_min"] for case in cases}


def table(quick: bool) -> Table:
    """The distribution, and the worst cases by name."""
    found = sorted(ratios().items(), key=lambda item: -item[1])
    values = [ratio for _, ratio in found]
    within = sum(r <= 1.25 for r in values)
    worst = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found[:5])
    rows = [
        ["cases", str(len(values))],
        ["median ratio", f"{statistics.median(values):.2f}"],
        ["within 1.25", f"{within} ({100 * within / len(values):.0f} %)"],
        ["no longer than the textbook", str(sum(r <= 1.0 for r in values))],
        ["worst", worst],
    ]
    return Table("Printed length against textbooks", ["", ""], rows, "Tokens of the printed text.")
