"""The NIST StRD files: models, starts, certified values and data, read from their headers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "data" / "nist"


@dataclass(frozen=True)
class Set:
    """One data set; `model` is the right-hand side in the text language."""

    name: str
    model: str
    parameters: tuple[str, ...]
    starts: tuple[tuple[float, ...], ...]
    certified: tuple[float, ...]
    y: np.ndarray
    x: np.ndarray  # observations by predictors
    written: np.ndarray  # response and predictors as decimals, exactly as in the file

    def digits(self, found: list[float]) -> float:
        """The log relative error of the worst parameter: its number of correct digits."""
        worst = 16.0
        for value, right in zip(found, self.certified, strict=True):
            error = abs(value - right) / abs(right) if right != 0 else abs(value)
            worst = min(worst, 16.0 if error == 0 else -np.log10(error))
        return float(worst)


def read(kind: str, name: str) -> Set:
    """`kind` is "linear" or "nonlinear"."""
    lines = (FOLDER / kind / f"{name}.dat").read_text(encoding="latin-1").splitlines()
    header = "\n".join(lines[:60])
    first, last = map(int, re.findall(r"Data +\(lines +(\d+) to +(\d+)\)", header)[0])
    words = [line.split() for line in lines[first - 1 : last] if line.split()]
    written = np.array([[Decimal(w) for w in row] for row in words], dtype=object)
    table = written.astype(float)
    y, x = table[:, 0], table[:, 1:]
    number = r"[-+]?\d*\.?\d+(?:[EeDd][-+]?\d+)?"
    if kind == "linear":
        rows = re.findall(rf"^ +(B\d+) +({number}) +({number})", header, re.M)
        names = tuple(r[0] for r in rows)
        terms = []
        for n in names:
            k = int(n[1:])
            several = x.shape[1] > 1
            terms.append(n if k == 0 else f"{n}*x{k}" if several else f"{n}*x**{k}")
        return Set(
            name,
            " + ".join(terms),
            names,
            ((0.0,) * len(names),),
            tuple(float(r[1]) for r in rows),
            y,
            x,
            written,
        )
    rows = re.findall(rf"^ +(b\d+) += +({number}) +({number}) +({number}) +({number})", header, re.M)
    names = tuple(r[0] for r in rows)
    text = re.search(r"^ +(?:y|log\[y\]) += +(.*?)\+ +e *$", header, re.M | re.S)
    assert text is not None
    model = " ".join(text.group(1).split()).replace("[", "(").replace("]", ")")
    starts = tuple(tuple(float(r[k]) for r in rows) for k in (1, 2))
    return Set(name, model, names, starts, tuple(float(r[3]) for r in rows), y, x, written)
