"""A model's derivatives, ready to print: gradients, blocks of the Hessian, Hessian-vector products.

A block of the Hessian with four axes or more is hard to read as an array, so its product with a direction
comes first, in matrix notation, and the block itself follows in index notation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import Expression, gradient, hessian, hvp, tensor
from .errors import DeriveError
from .models import Model
from .notation.names import latex_name
from .sizes import show_shape


@dataclass(frozen=True)
class Derived:
    """One derivative of a model.

    kind      "gradient", "Hessian" or "Hessian-vector product"
    wrt       the unknowns: one for a gradient, two for a block of the Hessian
    formula   the derivative
    direction the variable that a Hessian-vector product is taken along
    """

    kind: str
    wrt: tuple[str, ...]
    formula: Expression
    direction: str = ""

    @property
    def heading(self) -> str:
        """As `Hessian W, W  (d, r, d, r)`."""
        along = f" along {self.direction}" if self.direction else ""
        return f"{self.kind} {', '.join(dict.fromkeys(self.wrt))}{along}  {show_shape(self.formula.shape)}"

    @property
    def lines(self) -> list[str]:
        """The terminal form."""
        return self.formula.lines()

    @property
    def latex(self) -> str:
        """`\\nabla_{w} f = …`"""
        names = [latex_name(name) for name in self.wrt]
        if self.kind == "gradient":
            left = f"\\nabla_{{{names[0]}}} f"
        elif len(set(names)) == 1:
            left = f"\\nabla_{{{names[0]}}}^2 f"
        else:
            left = f"\\nabla_{{{names[0]}, {names[1]}}}^2 f"
        if self.direction:
            left += f" \\cdot {latex_name(self.direction)}"
        return f"{left} = {self.formula.latex()}"


def gradients(model: Model) -> list[Derived]:
    """The gradient with respect to every unknown."""
    found = gradient(model.expression(), list(model.unknowns))
    return [Derived("gradient", (u,), g) for u, g in zip(model.unknowns, found, strict=True)]


def hessians(model: Model) -> list[Derived]:
    """The blocks on and above the diagonal; those below are their transposes."""
    return list(_hessians(model))


def _hessians(model: Model) -> Iterator[Derived]:
    expression, names = model.expression(), model.unknowns
    table = hessian(expression, list(names))
    for i, row in enumerate(names):
        if 2 * len(model.variables[row]) >= 4:
            v = direction(expression, row)
            yield Derived("Hessian-vector product", (row, row), hvp(expression, row, v), v.name)
        for j in range(i, len(names)):
            yield Derived("Hessian", (row, names[j]), table[i][j])


def direction(expression: Expression, unknown: str) -> Expression:
    """A variable of the unknown's shape, called V, or v for a vector, unless that name is taken."""
    target = next(v for v in expression.declared if v.name == unknown)
    shape = target.shape
    taken = {v.name for v in expression.declared} | {
        str(s) for v in expression.declared for size in v.shape for s in size.free_symbols
    }
    wanted = ["v", "u", "s"] if len(shape) == 1 else ["V", "U", "D"]
    name = next((name for name in wanted if name not in taken), None)
    if name is None:
        raise DeriveError(f"no name is left for a direction of {unknown}")
    # A step from one symmetric matrix to another is symmetric.
    return tensor(name, *shape, symmetric="symmetric" in target.facts)


def present(model: Model, form: str = "text") -> str:
    """Statement and derivatives as terminal text or as LaTeX."""
    derived = gradients(model) + hessians(model)
    if form == "latex":
        return "\n".join([f"f = {model.expression().latex()}", *(d.latex for d in derived)])
    lines = [f"{model.title}  ({model.source})", f"  {model.declaration()}", f"  minimise {model.statement}"]
    for each in derived:
        lines += ["", each.heading, *("  " + line for line in each.lines)]
    return "\n".join(lines)


def present_json(model: Model) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "name": model.name,
        "title": model.title,
        "statement": model.statement,
        "latex": model.expression().latex(named=False),
        "variables": {k: list(map(str, v)) for k, v in model.variables.items()},
        "facts": {k: list(v) for k, v in model.facts.items()},
        "unknowns": list(model.unknowns),
        "source": model.source,
        "derivatives": [
            {
                "kind": d.kind,
                "wrt": list(d.wrt),
                "text": str(d.formula),
                "latex": d.formula.latex(named=False),
                "shape": [str(s) for s in d.formula.shape],
            }
            for d in gradients(model) + hessians(model)
        ],
    }
