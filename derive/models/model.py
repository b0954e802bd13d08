"""What a model is: a statement in the text language, its names, and the data that the demo fits it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from ..declaring import parse
from ..expression import Expression

Arrays = dict[str, Any]


@final
@dataclass(frozen=True)
class Claim:
    """A textbook result of a model: the gradient or the Hessian in one unknown, in the text language."""

    kind: str
    wrt: str
    formula: str


@final
@dataclass(frozen=True)
class Model:
    """One model, stated once.

    name       as in `derive models`
    title      for headings
    statement  the objective, to be minimised, in the text language
    variables  name → sizes
    facts      name → facts
    unknowns   what is fitted
    source     textbook and equation
    data_set   the shipped data set of the demo
    prepare    raw columns of the data set → arrays for the data variables (with units and scaling documented)
    claims     textbook derivatives, which the checker proves
    start      arrays, random generator → a start point for the unknowns
    """

    name: str
    title: str
    statement: str
    variables: Mapping[str, tuple[Any, ...]]
    unknowns: tuple[str, ...]
    data_set: str
    prepare: Callable[[Arrays], Arrays]
    start: Callable[[Arrays, np.random.Generator], Arrays]
    source: str
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()

    def expression(self) -> Expression:
        """The statement as an expression."""
        return parse(self.statement, variables=dict(self.variables), facts=dict(self.facts))

    def declaration(self) -> str:
        """The declared names in one line, as `X (n, d), y (n), lam positive`."""
        words = []
        for name, sizes in self.variables.items():
            word = name + (f" ({', '.join(map(str, sizes))})" if sizes else "")
            words.append(" ".join([word, *self.facts.get(name, ())]))
        return ", ".join(words)


def standardised(X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Columns with mean 0 and standard deviation 1; constant columns are dropped."""
    X = np.asarray(X, dtype=float)
    deviation = X.std(axis=0)
    kept = deviation > 0
    return np.asarray((X[:, kept] - X[:, kept].mean(axis=0)) / deviation[kept])


def with_intercept(X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A column of ones in front."""
    return np.column_stack([np.ones(len(X)), X])


def one_hot(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Class labels 0, 1, … as rows of the identity."""
    classes = np.asarray(labels, dtype=int)
    return np.asarray(np.eye(int(classes.max()) + 1)[classes])


def zeros(*names_and_sizes: tuple[str, str]) -> Callable[[Arrays, np.random.Generator], Arrays]:
    """A start at zero: (unknown, data variable whose columns it multiplies)."""

    def start(arrays: Arrays, rng: np.random.Generator) -> Arrays:
        return {name: np.zeros(np.shape(arrays[source])[1]) for name, source in names_and_sizes}

    return start
