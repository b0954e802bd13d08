"""Do interpreter, kernel and finite differences agree on a model's derivatives? A table of worst errors.

The interpreter is the reference meaning of a statement; kernels must give the same numbers, and both must
be the derivative that differences measure. In double precision a central difference is good to 7–10
digits; in 50 digits a right derivative agrees to more than 20, a nearly right one to a few.

Per entry, differences cost two evaluations for every unknown number, so they run on a few rows of the data; on
all rows they run in random directions, two evaluations each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import mpmath
import numpy as np

from . import Expression, gradient, tensor
from . import sum as total
from .domains import Float, Mp
from .evaluate import bind, evaluate_bound, run
from .models import Model
from .node import Node, Variable, size_symbols
from .sizes import Binding
from .stable import stabilise
from .verify.differences import compare, derivative_error, random_directions, thin
from .verify.sweep import StepSweep, step_sweep, taylor_sweep

Arrays = dict[str, Any]

ROWS = 12  # rows of the data for differences entry by entry
FEW = 2  # the same in 50 digits, for a model of many unknowns
MANY = 100  # unknown numbers from which on a model counts as one of many
NARROW = 3  # inner sizes (of no data array, as the width of a hidden layer) are then cut to this
PRODUCTS = 60_000  # rows × unknown numbers for one direction in 50 digits
DIGITS = 50

FLOAT_LIMIT = 1e-5  # central differences in double precision
EXACT_LIMIT = 1e-20  # differences in 50 digits
KERNEL_LIMIT = 1e-9  # interpreter against kernel
_FLOOR = 1e-2  # entries are measured against at least this fraction of the largest one


@final
@dataclass(frozen=True)
class Check:
    """One line of the table: the worst relative error of an entry, and whether it is small enough."""

    what: str
    where: str
    error: float
    limit: float

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return self.error <= self.limit

    @property
    def digits(self) -> float:
        """−log₁₀ of the error: agreeing digits."""
        return 50.0 if self.error == 0 else min(50.0, -float(np.log10(self.error)))


@final
class Subject:
    """A model at a generic point of its data set, with the nodes that the checks compare."""

    def __init__(self, model: Model, data: Arrays, point: Arrays) -> None:
        self.model = model
        self.expression = model.expression()
        self.unknowns = [self._variable(u) for u in model.unknowns]
        self.arrays, self.binding = bind(
            self.expression.declared, {**data, **point}, sizes=size_symbols(self.expression.node)
        )
        first = next(v for v in self.expression.declared if v.name not in model.unknowns and v.order)
        self.data_axis = first.shape[0]

    def _variable(self, name: str) -> Variable:
        return next(v for v in self.expression.declared if v.name == name)

    @cached_property
    def gradients(self) -> dict[str, Expression]:
        """The gradient by unknown."""
        found = gradient(self.expression, list(self.model.unknowns))
        return dict(zip(self.model.unknowns, found, strict=True))

    @cached_property
    def directions(self) -> dict[str, Expression]:
        """A direction for every unknown, of its shape."""
        return {
            v.name: tensor(f"along_{v.name}", *v.shape, symmetric="symmetric" in v.facts)
            for v in self.unknowns
        }

    @cached_property
    def slope(self) -> Expression:
        """⟨∇f, v⟩, over all unknowns."""
        found: Any = sum(total(self.gradients[u] * v) for u, v in self.directions.items())
        return found  # type: ignore[no-any-return]

    @cached_property
    def products(self) -> dict[str, Expression]:
        """The Hessian times the directions, all unknowns together: the gradient of ⟨∇f, v⟩."""
        found = gradient(self.slope, list(self.model.unknowns))
        return dict(zip(self.model.unknowns, found, strict=True))

    def place(self, binding: Binding) -> str:
        """Where a check was made, as `3 rows, d1 = 4`: the rows, and the sizes that were cut."""
        cut = [
            f"{s} = {k}"
            for s, k in sorted(binding.values.items(), key=str)
            if s != self.data_axis and self.binding.values[s] != k
        ]
        return ", ".join([f"{binding.values[self.data_axis]} rows", *cut])

    @property
    def entries(self) -> int:
        """The number of unknown numbers."""
        return sum(self.arrays[v.name].size for v in self.unknowns)

    @property
    def rows(self) -> int:
        """The number of rows of the data."""
        return self.binding.values[self.data_axis]

    def thinned(self, rows: int, narrow: bool = False) -> tuple[Arrays, Binding]:
        """The first rows of the data; with `narrow`, inner sizes cut as well."""
        arrays, binding = thin(self.expression.declared, self.arrays, self.binding, self.data_axis, rows)
        if narrow:
            data = {v for v in self.expression.declared if v.name not in self.model.unknowns}
            outer = {s for v in data for size in v.shape for s in size.free_symbols}
            for symbol in sorted(set(binding.values) - outer, key=str):
                arrays, binding = thin(self.expression.declared, arrays, binding, symbol, NARROW)
        return arrays, binding


def generic_point(model: Model, data: Arrays, seed: int = 1) -> Arrays:
    """The model's start, moved off its special values where no fact constrains the unknown."""
    rng = np.random.default_rng(seed)
    point = model.start(data, rng)
    return {
        name: value if model.facts.get(name) else value + 0.1 * rng.standard_normal(np.shape(value))
        for name, value in point.items()
    }


def subject(model: Model, data: Arrays) -> Subject:
    """The model at a generic point."""
    return Subject(model, data, generic_point(model, data))


def kernel_check(case: Subject, outputs: Mapping[str, Node], computed: Mapping[str, Any], what: str) -> Check:
    """Interpreter against kernel, all outputs, all rows."""
    names = list(outputs)
    nodes = stabilise([outputs[name] for name in names])
    found = evaluate_bound(nodes, case.arrays, case.binding)
    worst = max(
        float(compare(np.asarray(a), np.asarray(computed[name]), _FLOOR)[0])
        for name, a in zip(names, found, strict=True)
    )
    return Check(f"kernel = interpreter ({what})", f"{case.rows} rows", worst, KERNEL_LIMIT)


def gradient_checks(case: Subject) -> list[Check]:
    """The gradient against differences: per entry on few rows, in random directions on all."""
    value = case.expression.node
    few = case.thinned(ROWS)
    fewer = case.thinned(FEW, narrow=True) if case.entries > MANY else few
    wide = case.thinned(min(case.rows, max(FEW, PRODUCTS // case.entries)))

    def per_entry(at: tuple[Arrays, Binding], digits: int | None) -> float:
        return max(
            derivative_error(value, case.gradients[v.name].node, v, *at, digits=digits).worst
            for v in case.unknowns
        )

    def along(at: tuple[Arrays, Binding], digits: int | None, seeds: int) -> float:
        return max(_along(case, case.expression, case.slope, *at, digits, seed) for seed in range(seeds))

    exact = f"gradient = {DIGITS}-digit differences"
    return [
        Check(
            "gradient = central differences, per entry", case.place(few[1]), per_entry(few, None), FLOAT_LIMIT
        ),
        Check(f"{exact}, per entry", case.place(fewer[1]), per_entry(fewer, DIGITS), EXACT_LIMIT),
        Check(
            "gradient = central differences, 3 directions",
            case.place(case.binding),
            along((case.arrays, case.binding), None, 3),
            FLOAT_LIMIT,
        ),
        Check(f"{exact}, 1 direction", case.place(wide[1]), along(wide, DIGITS, 1), EXACT_LIMIT),
    ]


def hessian_checks(case: Subject) -> list[Check]:
    """The Hessian, along a random direction of all unknowns, against differences of the gradient."""
    many = case.entries > MANY
    found = []
    for digits, limit in ((None, FLOAT_LIMIT), (DIGITS, EXACT_LIMIT)):
        at = case.thinned(FEW, narrow=True) if many and digits is not None else case.thinned(ROWS)
        worst = max(
            _along(case, case.gradients[u], case.products[u], *at, digits, 0) for u in case.model.unknowns
        )
        name = "central" if digits is None else f"{digits}-digit"
        found.append(Check(f"Hessian · v = {name} differences", case.place(at[1]), worst, limit))
    return found


def _along(
    case: Subject,
    slope: Expression,
    derived: Expression,
    arrays: Arrays,
    binding: Binding,
    digits: int | None,
    seed: int,
) -> float:
    """Along the line x + t·v of all unknowns together: (f(x + hv) − f(x − hv))/2h against what was derived."""
    with mpmath.workdps(digits or 15):
        domain = Float() if digits is None else Mp(digits)
        h: Any = 2.0**-17 if digits is None else mpmath.mpf(10) ** -(3 * digits // 10)
        here = {name: domain.array(a) for name, a in arrays.items()}
        for k, v in enumerate(case.unknowns):
            (along,) = random_directions(v, binding, 1, 1000 * seed + k)
            here[f"along_{v.name}"] = domain.array(along)
        node, product = stabilise([slope.node, derived.node])

        def at(t: Any) -> Any:
            moved = {v.name: np.asarray(here[v.name] + t * here[f"along_{v.name}"]) for v in case.unknowns}
            return run([node], {**here, **moved}, binding, domain)[0]

        measured = np.asarray((at(h) - at(-h)) / (2 * h))
        (exact,) = run([product], here, binding, domain)
        return float(compare(np.asarray(exact), measured, _FLOOR)[0])


def sweeps(case: Subject) -> list[StepSweep]:
    """Error against step size for the plot, for the largest unknown.

    The Taylor remainder falls as h² for every model; so does the error of central differences, but for
    quadratic ones, where it vanishes.
    """
    arrays, binding = case.thinned(FEW if case.entries > MANY else ROWS, narrow=case.entries > MANY)
    largest = max(case.unknowns, key=lambda v: (arrays[v.name].size, v.name))
    derived = case.gradients[largest.name].node
    value = case.expression.node
    return [
        taylor_sweep(value, derived, largest, arrays, binding),
        step_sweep(value, derived, largest, arrays, binding),
        taylor_sweep(value, derived, largest, arrays, binding, digits=DIGITS),
        step_sweep(value, derived, largest, arrays, binding, digits=DIGITS),
    ]


__all__ = ["Check", "Subject", "gradient_checks", "hessian_checks", "kernel_check", "subject", "sweeps"]
