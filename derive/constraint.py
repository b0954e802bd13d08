"""Relations between expressions: what `<=`, `>=`, `==`, `<` and `>` of symbolic arrays give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from .statement.conditions import indicator

if TYPE_CHECKING:
    from .expression import Expression


@final
class Constraint:
    """`left <= right`, `left >= right` or `left == right`, entry by entry.

    `<` and `>` make conditions for `np.where`; an optimisation problem refuses them.
    """

    __slots__ = ("left", "relation", "right")

    def __init__(self, left: Expression, relation: str, right: Expression) -> None:
        self.left, self.relation, self.right = left, relation, right

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"

    __repr__ = __str__

    def latex(self) -> str:
        """The relation in LaTeX."""
        signs = {"==": "=", "<=": r"\le", ">=": r"\ge"}
        return f"{self.left.latex(False)} {signs.get(self.relation, self.relation)} {self.right.latex(False)}"

    def __bool__(self) -> bool:
        raise TypeError(
            f"the constraint {self} has no truth value; compare expressions with a.same_as(b), "
            "and write two-sided bounds as two constraints"
        )

    def indicator(self) -> Expression:
        """1 where the relation holds, else 0: what a comparison is as a number, and as a condition of `np.where`."""
        declared = (*self.left.declared, *self.right.declared)
        return type(self.left)(indicator(self.left.node, self.relation, self.right.node), declared)

    def __mul__(self, other: Any) -> Any:
        return self.indicator() * other

    __rmul__ = __mul__

    def __and__(self, other: Any) -> Any:
        """1 where both hold, as NumPy joins masks."""
        return self.indicator() * _mask(other)

    def __or__(self, other: Any) -> Any:
        """1 where one of them holds."""
        return 1 - (1 - self.indicator()) * (1 - _mask(other))

    def __invert__(self) -> Any:
        """1 where it does not hold."""
        return 1 - self.indicator()

    __rand__, __ror__ = __and__, __or__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self.indicator().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.indicator().__array_function__(func, types, args, kwargs)


def _mask(value: Any) -> Any:
    """A condition as numbers; what is made of conditions is that already."""
    return value.indicator() if isinstance(value, Constraint) else value
