"""What a closed form says: a formula, eigenvectors, or the orthonormal factor of a polar decomposition.

Each prints as text and LaTeX and is evaluated in double precision; the interpreter provides the matrices,
LAPACK their decompositions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from .. import notation
from ..domains import Array
from ..errors import DataError, UnsupportedError
from ..evaluate import bind, evaluate_bound
from ..node import Node, Variable, size_symbols, variables
from ..sizes import Binding, Size
from ..stable import stabilise


@final
@dataclass(frozen=True)
class Eigenvectors:
    """`count` eigenvectors of A w = ρ B w to the largest or smallest ρ, with WᵀBW = I; B = I if None."""

    matrix: Node
    metric: Node | None
    largest: bool
    count: Size | None  # None: one vector

    def __str__(self) -> str:
        which = "largest" if self.largest else "smallest"
        metric = "" if self.metric is None else f" relative to {notation.text(self.metric)}"
        of = f"{notation.text(self.matrix)}{metric}"
        if self.count is None:
            return f"the eigenvector of {of} to the {which} eigenvalue"
        return f"the eigenvectors of {of} to the {self.count} {which} eigenvalues, as columns"

    def latex(self, name: str) -> str:
        """The eigenproblem in LaTeX."""
        metric = "" if self.metric is None else notation.latex(self.metric, named=False) + " "
        matrix = notation.latex(self.matrix, named=False)
        matrix = rf"\left({matrix}\right)" if " + " in matrix or " - " in matrix else matrix
        which = "largest" if self.largest else "smallest"
        if self.count is None:
            return rf"{matrix} {name} = \rho \, {metric}{name}, \quad \rho \text{{ {which}}}"
        tail = rf"\text{{ the {_latex_size(self.count)} {which}}}"
        return (
            rf"{matrix} {name} = {metric}{name} \operatorname{{diag}}(\rho), \quad \rho_1, \dots, "
            rf"\rho_{{{_latex_size(self.count)}}} {tail}"
        )

    def nodes(self) -> list[Node]:
        """The matrices that are needed in numbers."""
        return [self.matrix] if self.metric is None else [self.matrix, self.metric]

    def value(self, arrays: list[Array], binding: Binding) -> Array:
        """The eigenvectors, by LAPACK."""
        from scipy.linalg import eigh

        a = (arrays[0] + arrays[0].T) / 2
        k = 1 if self.count is None else binding.shape((self.count,))[0]
        if k > len(a):
            raise DataError(f"{k} eigenvectors are wanted of a matrix of size {len(a)}")
        where = (len(a) - k, len(a) - 1) if self.largest else (0, k - 1)
        _, vectors = eigh(a, arrays[1] if len(arrays) > 1 else None, subset_by_index=where)
        found: Array = vectors[:, ::-1] if self.largest else vectors
        return found[:, 0] if self.count is None else found


@final
@dataclass(frozen=True)
class Polar:
    """U Vᵀ for the singular value decomposition M = U Σ Vᵀ: the matrix with orthonormal columns nearest to M."""

    matrix: Node

    def __str__(self) -> str:
        return f"U @ V.T, where U @ diag(s) @ V.T = {notation.text(self.matrix)} (singular values)"

    def latex(self, name: str) -> str:
        """The decomposition in LaTeX."""
        matrix = notation.latex(self.matrix, named=False)
        return rf"{name} = U V^\top, \quad {matrix} = U \operatorname{{diag}}(s) V^\top"

    def nodes(self) -> list[Node]:
        """The matrix that is decomposed."""
        return [self.matrix]

    def value(self, arrays: list[Array], binding: Binding) -> Array:
        """The orthonormal factor, by LAPACK."""
        if arrays[0].shape[0] < arrays[0].shape[1]:
            raise DataError("more orthonormal columns are wanted than there are rows")
        left, _, right = np.linalg.svd(arrays[0], full_matrices=False)
        return np.asarray(left @ right)


def _latex_size(size: Size) -> str:
    return str(size)


Solution = Node | Eigenvectors | Polar


@final
@dataclass(frozen=True)
class ClosedForm:
    """`unknown = solution`, where `condition` holds; `matrix` is what has to be inverted or decomposed.

    `otherwise` is a solution for the case that the condition fails; `kind` says whether it is a minimum;
    `requires` are the inequalities of the condition, which `evaluate` checks: (node, ">", ">=" or "pd").

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> form = dv.minimize(loss, over="w").closed_form()["w"]
    >>> form.lines()[0]
    'w = inv(X.T @ X) @ X.T @ y'
    >>> form.evaluate(X=[[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], y=[3.0, 8.0, 1.0]).tolist()
    [3.0, 4.0]
    """

    unknown: Variable
    solution: Solution
    matrix: Node
    condition: str
    proof: str
    multiplier: Node | None = None
    fixed: tuple[str, ...] = ()
    otherwise: str = ""
    affine: Any = None
    multiplier_name: str = "nu"
    kind: str = ""
    requires: tuple[tuple[Node, str], ...] = ()

    @property
    def node(self) -> Node:
        """The solution as an expression; raises `UnsupportedError` where it is a decomposition."""
        if isinstance(self.solution, Node):
            return self.solution
        raise UnsupportedError(f"{self.unknown.name} is {self.solution}: no formula in the language")

    def lines(self) -> list[str]:
        """The solution, its condition and the reason, in the text language."""
        shown = {v.name for v in variables(*self.needs())}
        fixed = [name for name in self.fixed if name in shown]
        held = f" for fixed {', '.join(fixed)}" if fixed else ""
        if isinstance(self.solution, Node):
            out = [f"{self.unknown.name} = {notation.text(self.solution)}{held}"]
        else:
            out = [f"{self.unknown.name} = {self.solution}{held}"]
        if self.multiplier is not None:
            out.append(f"{self.multiplier_name} = {notation.text(self.multiplier)}")
        if self.condition:
            out.append(f"  if {self.condition}")
        if self.otherwise:
            out.append(f"  otherwise {self.otherwise}")
        out.append(f"  because {self.proof}")
        return [*out, f"  {self.kind}"] if self.kind else out

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def latex(self) -> str:
        """The solution in LaTeX."""
        name = notation.latex(self.unknown)
        if isinstance(self.solution, Node):
            return f"{name} = {notation.latex(self.solution, named=False)}"
        return self.solution.latex(name)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def needs(self) -> list[Node]:
        """The expressions that have to be evaluated."""
        return [self.solution] if isinstance(self.solution, Node) else self.solution.nodes()

    def evaluate(self, arrays: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The solution on data, in double precision.

        Where a matrix that must be inverted turns out to be singular, the solution of least norm is returned
        if stationarity is linear, and `UnsupportedError` raised if it is not.
        """
        nodes = [*self.needs(), *(n for n, _ in self.requires)]
        if self.affine is not None:
            nodes.append(self.affine.constant)
        wanted = variables(*nodes)
        symbols = set(size_symbols(*nodes, self.unknown))
        if not isinstance(self.solution, Node) and self.solution.__class__ is Eigenvectors:
            symbols |= set(getattr(self.solution.count, "free_symbols", set()))
        data = {**(arrays or {}), **more}
        names = {v.name for v in wanted} | {s.name for s in symbols}
        data = {k: a for k, a in data.items() if k in names}
        bound, binding = bind(list(wanted), data, sizes=symbols)
        return self.at(bound, binding)

    def at(self, arrays: Mapping[str, Array], binding: Binding) -> Array:
        """The solution on arrays that have been checked and bound to sizes."""
        self._check(arrays, binding)
        if not isinstance(self.solution, Node):
            found = evaluate_bound(stabilise(self.solution.nodes()), dict(arrays), binding)
            try:
                return self.solution.value(found, binding)
            except np.linalg.LinAlgError:
                raise UnsupportedError(
                    f"the closed form of {self.unknown.name} holds only if {self.condition}"
                ) from None
        singular = False
        try:
            with np.errstate(all="ignore"):
                (value,) = evaluate_bound(stabilise([self.solution]), dict(arrays), binding)
            singular = not np.isfinite(value).all() or self._is_singular(arrays, binding)
        except (np.linalg.LinAlgError, DataError):
            singular = True
        if not singular:
            return np.asarray(value)
        if self.affine is None or self.multiplier is not None:
            raise UnsupportedError(f"the closed form of {self.unknown.name} holds only if {self.condition}")
        return self._least_norm(arrays, binding)

    def _check(self, arrays: Mapping[str, Array], binding: Binding) -> None:
        """Raise where an inequality of the condition fails."""
        try:
            with np.errstate(all="ignore"):
                found = evaluate_bound(stabilise([n for n, _ in self.requires]), dict(arrays), binding)
        except (np.linalg.LinAlgError, DataError):
            found = [np.array(np.nan)] * len(self.requires)
        for (node, sign), a in zip(self.requires, found, strict=True):
            least = np.linalg.eigvalsh(a).min() if sign == "pd" and np.isfinite(a).all() else np.min(a)
            if not (least >= 0 if sign == ">=" else least > 0):
                what = "be positive definite" if sign == "pd" else f"be {sign} 0"
                raise UnsupportedError(
                    f"the closed form of {self.unknown.name} needs {notation.text(node)} to {what}"
                )

    def _is_singular(self, arrays: Mapping[str, Array], binding: Binding) -> bool:
        """Whether the matrix is singular to working precision."""
        if self.affine is None or self.affine.side in ("scalar", "entries"):
            return False
        (a,) = evaluate_bound(stabilise([self.affine.matrix]), dict(arrays), binding)
        return bool(np.linalg.cond(a).max() > 1e14)

    def _least_norm(self, arrays: Mapping[str, Array], binding: Binding) -> Array:
        nodes = [self.affine.matrix, self.affine.constant]
        a, b = evaluate_bound(stabilise(nodes), dict(arrays), binding)
        if self.affine.side not in ("left", "right"):
            raise UnsupportedError(f"the closed form of {self.unknown.name} holds only if {self.condition}")
        inverse = np.linalg.pinv(a, rcond=1e-12, hermitian=True)
        found = inverse @ b if self.affine.side == "left" else b @ inverse
        missed = (a @ found if self.affine.side == "left" else found @ a) - b
        if np.abs(missed).max() > 1e-8 * (np.abs(b).max() + np.finfo(float).tiny):
            raise UnsupportedError(f"no {self.unknown.name} makes the gradient zero for these data")
        return np.asarray(found)
