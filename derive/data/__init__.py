"""Six small public data sets, one for each founding model.

What it is: a table of records (`describe`) and one reader of CSV text (`load`). What it is not: a
preprocessor. Columns come back raw, in the units of the source; whoever standardises says so in their
own code. Provenance, licence and every column are written out in `README.md` beside this file.

Each file has one header line; its last column is the target, all others are features. So

    X : (n, d)  float64, the features in file order
    y : (n,)    the target: float64 for a measured quantity, int64 for a class label 0, 1, ...
    names : (d,) str, the feature names
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError

__all__ = ["DataSet", "describe", "load", "names"]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before its numbers are read."""

    name: str
    title: str
    rows: int
    features: int
    target: str  # what `y` is, with its unit or its coding
    classes: int  # number of class labels; 0 when `y` is a measured quantity
    units: str  # units of the columns of `X`
    source: str
    licence: str
    model: str  # the founding model fitted on it

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.title}",
            f"  X : ({self.rows}, {self.features})  {self.units}",
            f"  y : ({self.rows},)  {self.target}",
            f"  source: {self.source}",
            f"  licence: {self.licence}",
        ]
        return "\n".join(lines)


_SETS = {
    record.name: record
    for record in (
        DataSet(
            name="longley",
            title="employment in the United States, 1947-1962",
            rows=16,
            features=6,
            target="total employment, thousands of persons",
            classes=0,
            units="price index, millions of dollars, thousands of persons (three columns), calendar year",
            source="NIST Statistical Reference Datasets; Longley (1967), JASA 62, 819-841",
            licence="public domain (work of the United States government)",
            model="least_squares",
        ),
        DataSet(
            name="diabetes",
            title="progression of diabetes one year after baseline",
            rows=442,
            features=10,
            target="disease progression, a score without unit",
            classes=0,
            units="years, code 1/2, kg/m^2, blood pressure, six blood serum measurements",
            source="Efron, Hastie, Johnstone, Tibshirani (2004), Annals of Statistics 32, 407-499",
            licence="no licence known; offered publicly by the authors with the article",
            model="ridge",
        ),
        DataSet(
            name="breast_cancer",
            title="breast cancer Wisconsin (diagnostic)",
            rows=569,
            features=30,
            target="0 malignant, 1 benign",
            classes=2,
            units="geometry of cell nuclei, units of the image as given by the source",
            source="Wolberg, Mangasarian, Street, Street (1993), UCI repository, doi:10.24432/C5DW2B",
            licence="CC BY 4.0",
            model="logistic",
        ),
        DataSet(
            name="iris",
            title="sepals and petals of three species of iris",
            rows=150,
            features=4,
            target="0 setosa, 1 versicolor, 2 virginica",
            classes=3,
            units="centimetres",
            source="Fisher (1936), Annals of Eugenics 7, 179-188; UCI repository, doi:10.24432/C56C76",
            licence="CC BY 4.0",
            model="gaussian_mixture",
        ),
        DataSet(
            name="digits",
            title="handwritten digits, 8 x 8 pixels",
            rows=1797,
            features=64,
            target="the digit, 0 to 9",
            classes=10,
            units="inked cells in a 4 x 4 block, 0 to 16, rows of the image one after another",
            source="Alpaydin, Kaynak (1998), UCI repository (test part), doi:10.24432/C50P49",
            licence="CC BY 4.0",
            model="mlp",
        ),
        DataSet(
            name="wine",
            title="chemical analysis of wines of three cultivars",
            rows=178,
            features=13,
            target="cultivar, 0 to 2",
            classes=3,
            units="mixed and not stated by the source; standardise before comparing variances",
            source="Aeberhard, Forina (1992), UCI repository, doi:10.24432/C5PC7J",
            licence="CC BY 4.0",
            model="pca",
        ),
    )
}


def names() -> list[str]:
    """Return the names of the data sets.

    >>> names()
    ['longley', 'diabetes', 'breast_cancer', 'iris', 'digits', 'wine']
    """
    return list(_SETS)


def describe(name: str) -> DataSet:
    """Return the record of a data set: shapes, units, source, licence.

    Raises `ArgumentError` for a name that is not in `names()`.

    >>> print(describe("iris"))
    iris: sepals and petals of three species of iris
      X : (150, 4)  centimetres
      y : (150,)  0 setosa, 1 versicolor, 2 virginica
      source: Fisher (1936), Annals of Eugenics 7, 179-188; UCI repository, doi:10.24432/C56C76
      licence: CC BY 4.0
    """
    record = _SETS.get(name)
    if record is None:
        near = difflib.get_close_matches(str(name), _SETS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_SETS)}"
        raise ArgumentError(f"unknown data set {name!r}; {hint}")
    return record


def load(name: str) -> dict[str, NDArray[Any]]:
    """Return the raw columns of a data set: `X` : (n, d), `y` : (n,), `names` : (d,).

    Every call reads the file anew, so the arrays are the caller's own to change.
    Raises `ArgumentError` for an unknown name and `DataError` if the file is not as described.

    Longley's table is a classic test of least squares, whose answer NIST certifies to 15 digits
    (B0 = -3482258.63459582, B6 = 1829.15146461355). Centring first keeps most of them:

    >>> longley = load("longley")
    >>> X, y = longley["X"], longley["y"]
    >>> B, *_ = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean(), rcond=None)
    >>> bool(np.isclose(B[5], 1829.15146461355, rtol=1e-9))
    True
    >>> bool(np.isclose(y.mean() - X.mean(axis=0) @ B, -3482258.63459582, rtol=1e-9))
    True
    >>> print(", ".join(longley["names"]))
    gnp_deflator, gnp, unemployed, armed_forces, population, year
    """
    record = describe(name)
    text = resources.files(__package__).joinpath(f"{record.name}.csv").read_text(encoding="ascii")
    header, *lines = text.splitlines()
    columns = header.split(",")[:-1]
    table = np.loadtxt(lines, delimiter=",", dtype=np.float64, ndmin=2)
    if table.shape != (record.rows, record.features + 1) or len(columns) != record.features:
        raise DataError(
            f"{record.name}.csv holds a {table.shape[0]} x {table.shape[1]} table under "
            f"{len(columns) + 1} names; {record.rows} x {record.features + 1} expected: install again"
        )
    X = np.ascontiguousarray(table[:, :-1])
    target = table[:, -1]
    y = target.astype(np.int64) if record.classes else target.copy()
    return {"X": X, "y": y, "names": np.array(columns)}
