"""scikit-learn's faces for statements: fit is `solve`, predict is an expression evaluated at the fitted unknowns.

`estimator(problem)` makes one from any problem with data `X` and, if it predicts something, `y`; numbers among the
data become parameters of the estimator. The classes here are what the shipped estimators are built on. This
module needs scikit-learn (extra `[sklearn]`) and is imported only when an estimator is asked for.
"""

from __future__ import annotations

import inspect
import numbers
import warnings
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ..build import add, is_zero, negate, zero
from ..differentiate import substitute
from ..errors import ArgumentError, NotCertifiedWarning, UnsupportedError
from ..expression import Expression
from ..node import Apply, Variable, topological, variables
from ..problem import Problem
from ..problem_files import read, write
from ..simplify import expand
from ..sizes import ONE
from ..stable import recognise
from ..statement.text import parse_node

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        DensityMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:  # pragma: no cover
    raise UnsupportedError("estimators need scikit-learn: pip install 'gradsmith[sklearn]'") from error

#: Data of fewer numbers than this are not worth compiling for.
COMPILE_FROM = 200_000
Array = np.ndarray[Any, Any]


@lru_cache(maxsize=64)
def stated(text: str) -> Problem:
    """The problem of a text; derived once."""
    return read(text)


@lru_cache(maxsize=64)
def expression_of(text: str, formula: str) -> Expression:
    """A formula over the variables of a problem."""
    names = {v.name: v for v in stated(text).declared}
    return Expression(parse_node(formula, names), names.values())


class Statement(BaseEstimator):  # type: ignore[misc]
    """An estimator that is a statement. Fitted unknowns are attributes: `w` becomes `w_`.

    statement  the problem, in the grammar of problem files
    """

    statement: ClassVar[str] = ""

    def _solve(self, data: Mapping[str, Any], start: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """Solve on data; sets `result_`, `n_iter_` and the unknowns, and warns if the answer is not certified."""
        problem = stated(self.statement)
        amount = sum(int(np.size(a)) for a in data.values())
        how.setdefault("backend", None if amount >= COMPILE_FROM else "numpy")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotCertifiedWarning)  # scikit-learn's users look for its own
            result = problem.solve(data, start=start, **how)
        self.n_iter_ = max(1, int(result.nit))
        self.certificate_ = str(replace(result.certificate, guarantee=None))  # what is cheap of it
        for name in problem.unknowns:
            setattr(self, f"{name}_", result[name])
        if not result.success:
            warnings.warn(f"not certified: {result.message}", ConvergenceWarning, stacklevel=3)
        return result

    def _evaluate(self, formula: str, X: Array) -> Array:
        """A formula at the fitted unknowns."""
        problem = stated(self.statement)
        found = expression_of(self.statement, formula)
        used = {v.name for v in variables(found.node)}
        values = {n: getattr(self, f"{n}_") for n in problem.unknowns if n in used}
        values |= {n: getattr(self, n) for n in self.get_params() if n in used}
        if "X" in used:
            values["X"] = X
        return np.asarray(found.evaluate(values))

    def _checked(self, X: Any) -> Array:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def _numbers(self) -> dict[str, float]:
        """The parameters that the statement names."""
        names = {v.name for v in stated(self.statement).declared}
        return {name: self._number(name) for name in self.get_params() if name in names}

    def _number(self, name: str) -> float:
        """A parameter that is a number; what a statement says of it is checked where it is solved."""
        value = getattr(self, name)
        if not isinstance(value, numbers.Real):
            raise ValueError(f"{name} is a number, not {value!r}")
        return float(value)

    def _count(self, name: str) -> int:
        """A parameter that is a whole number from 1."""
        value = getattr(self, name)
        if not isinstance(value, numbers.Integral) or value < 1:
            raise ValueError(f"{name} is a whole number from 1, not {value!r}")
        return int(value)


class Regressor(RegressorMixin, Statement):  # type: ignore[misc]
    """Predicts a number: `prediction` is its formula."""

    prediction: ClassVar[str] = "X @ w + b"

    def fit(self, X: Any, y: Any) -> Any:
        """Fit to rows X (n, d) and targets y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        target = np.asarray(y, dtype=np.float64)
        self._check_target(target)
        self._solve({"X": X, "y": target, **self._numbers()})
        return self

    def _check_target(self, y: Array) -> None:
        """Raise ValueError for targets that the model cannot have."""

    def predict(self, X: Any) -> Array:
        """The predictions for rows X."""
        return self._evaluate(self.prediction, self._checked(X))


class Classifier(ClassifierMixin, Statement):  # type: ignore[misc]
    """Predicts a class: `score` is the formula of the decision, a number per row or per row and class.

    `binary` classifiers get y in {0, 1}, or in {−1, 1} where `signed`; others a row of the identity per label, as Y.
    """

    score_formula: ClassVar[str] = "X @ w + b"
    binary: ClassVar[bool] = True
    signed: ClassVar[bool] = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = not self.binary
        return tags

    def _labels(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Checked rows, and the place of every label in `classes_`."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if self.binary and kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a classifier needs labels of two classes, and there is 1 class: {self.classes_[0]}"
            )
        return X, places

    def fit(self, X: Any, y: Any) -> Any:
        """Fit to rows X (n, d) and labels y (n,)."""
        X, places = self._labels(X, y)
        if self.binary:
            target = {"y": 2.0 * places - 1.0 if self.signed else places.astype(np.float64)}
        else:
            target = {"Y": np.eye(len(self.classes_))[places]}
        self._solve({"X": X, **target, **self._numbers()}, self._start(X), **self._how())
        return self

    def _start(self, X: Array) -> dict[str, Array] | None:
        return None

    def _how(self) -> dict[str, Any]:
        return {}

    def decision_function(self, X: Any) -> Array:
        """The score of the second class (two classes), or of each class."""
        found = self._evaluate(self.score_formula, self._checked(X))
        if found.ndim == 2 and found.shape[1] == 2:
            return np.asarray(found[:, 1] - found[:, 0])
        return found

    def predict(self, X: Any) -> Array:
        """The labels for rows X."""
        found = self.decision_function(X)
        places = (found > 0).astype(int) if found.ndim == 1 else found.argmax(axis=1)
        return np.asarray(self.classes_[places])


class Probabilities:
    """Class probabilities of a classifier whose scores are log-odds."""

    def predict_proba(self: Any, X: Any) -> Array:
        """A probability per row and class."""
        found = self.decision_function(X)
        if found.ndim == 1:
            p = 0.5 * (1.0 + np.tanh(0.5 * found))
            return np.column_stack([1.0 - p, p])
        shifted = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    def predict_log_proba(self: Any, X: Any) -> Array:
        """The logarithms of the probabilities."""
        found = self.decision_function(X)
        if found.ndim == 1:
            return np.asarray(-np.logaddexp(0.0, np.column_stack([found, -found])))
        return np.asarray(found - np.logaddexp.reduce(found, axis=1, keepdims=True))


class Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Statement):  # type: ignore[misc]
    """Maps rows to rows; the names of what comes out are those of the class, numbered."""


class Density(DensityMixin, Statement):  # type: ignore[misc]
    """A density of rows."""


# ---------------------------------------------------------------- from any problem


def estimator(
    problem: Problem, *, predict: str | None = None, classes: bool = False, **settings: float
) -> Any:
    """A scikit-learn estimator whose `fit` solves the problem.

    problem   its data are `X` (n, d), `y` (n,) if it predicts something, and numbers, which become parameters
    predict   the formula of the prediction, such as "X @ w"; read off a sum of squares ‖f(X, w) − y‖² if None
    classes   whether y are labels: the sign of the prediction is the class, and the statement gets y in {0, 1}
    settings  first values of the parameters, 1 where they are not given

    >>> import derive as dv, numpy as np
    >>> text = "sumsq(X @ w - y)/2 + lam/2*sumsq(w)"
    >>> problem = dv.minimize(text, over="w", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()})
    >>> ridge = dv.estimator(problem, lam=0.5)
    >>> ridge.get_params()
    {'lam': 0.5}
    >>> ridge.fit(np.eye(2), [3.0, 6.0]).predict([[1.0, 1.0]]).round(6)
    array([6.])
    """
    text = write(problem)
    shapes = {v.name: v for v in problem.declared if v.name not in problem.unknowns}
    parameters = [name for name, v in shapes.items() if name not in ("X", "y") and v.order == 0]
    odd = [name for name in shapes if name not in ("X", "y", *parameters)]
    if "X" not in shapes or shapes["X"].order != 2 or odd:
        raise ArgumentError(
            "an estimator's data are X (n, d), y (n,) and numbers"
            + (f"; {odd[0]} has no place" if odd else "; there is no X of two axes")
        )
    strangers = [name for name in settings if name not in parameters]
    if strangers:
        known = ", ".join(parameters) or "none"
        raise ArgumentError(f"{strangers[0]} is no number of this problem; its numbers: {known}")
    formula = predict or ("" if "y" not in shapes else _prediction(problem, shapes["y"]))
    expression_of(text, formula or "X")  # a fault in it is reported here
    kind = _class_of(text, formula, classes, tuple((name, settings.get(name, 1.0)) for name in parameters))
    return kind()


def _prediction(problem: Problem, y: Variable) -> str:
    """f where the objective holds the squares of f − y, or of y − f."""
    for square in topological([recognise(problem.objective.node)]):
        if not (isinstance(square, Apply) and square.op == "power" and square.param("exponent") == 2):
            continue
        (node,) = square.operands
        if y not in variables(node):
            continue
        rest = substitute(node, {y: zero(y.shape)})
        for predicted, target in ((rest, negate(y)), (negate(rest), y)):  # f − y, or y − f
            whole = add([(ONE, rest), (ONE, target)], node.shape)
            if is_zero(expand(add([(ONE, node), (-ONE, whole)], node.shape))):
                return str(Expression(predicted))
    raise ArgumentError("say how the fitted unknowns predict y: predict='X @ w'")


@lru_cache(maxsize=64)
def _class_of(text: str, formula: str, classes: bool, parameters: tuple[tuple[str, float], ...]) -> type:
    """The class of estimators for one statement; its parameters are those of the statement."""
    base: type = Classifier if classes else Regressor if formula else Fitted

    def __init__(self: Any, **given: float) -> None:
        for name, value in parameters:
            setattr(self, name, given.get(name, value))

    keyword = inspect.Parameter.KEYWORD_ONLY
    arguments = [inspect.Parameter(name, keyword, default=value) for name, value in parameters]
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    __init__.__signature__ = inspect.Signature([first, *arguments])  # type: ignore[attr-defined]

    def __reduce__(self: Any) -> Any:
        return _restored, (text, formula, classes, parameters, self.__dict__.copy())

    space = {
        "__init__": __init__,
        "__reduce__": __reduce__,
        "__doc__": f"An estimator of\n\n{text}",
        "__module__": __name__,
        "statement": text,
        "prediction": formula,
        "score_formula": formula,
    }
    return type("Estimator", (base,), space)


def _restored(
    text: str, formula: str, classes: bool, parameters: tuple[tuple[str, float], ...], state: dict[str, Any]
) -> Any:
    """An estimator from its pickle: its statement as text, and its numbers."""
    made = _class_of(text, formula, classes, parameters)()
    made.__dict__.update(state)
    return made


class Fitted(Statement):
    """An estimator that fits unknowns to rows X and predicts nothing."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Fit to rows X (n, d)."""
        X = validate_data(self, X, dtype=np.float64)
        self._solve({"X": X, **self._numbers()})
        return self
