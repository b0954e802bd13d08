"""The meaning of a LaTeX tree: values by kind of part, indices by the sums that bind them.

    x_i        an entry of a vector, or row i of a matrix as a column; also row i of X where x is not declared
    W_{ij}     an entry
    \\Sigma_k  matrix k of a declared tensor

How far an index runs that a sum binds is in `latex_running`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import sympy

from ..build import number
from ..errors import (
    AmbiguityError,
    LimitError,
    ParseError,
    SizeError,
    UnsupportedError,
)
from . import arithmetic as ar
from . import latex_densities as ld
from . import latex_functions as lf
from . import latex_values as lv
from .latex_names import Name, Unbound
from .latex_running import Running
from .latex_tree import Called, Tree, is_number
from .latex_values import Value
from .position import at

#: Functions defined behind a formula that are put in, each with its argument.
APPLICATIONS = 200


@final
class Meaning(Running):
    """The values of all kinds of part."""

    applications = 0

    # ------------------------------------------------------------ brackets

    def _group(self, tree: Tree) -> Value:
        return self.value(tree.args[0])

    def _plus(self, tree: Tree) -> Value:

        return lf.call(Called("relu"), [self.value(tree.args[0])], [self.spelled(tree.args[0])])

    def _applied(self, tree: Tree) -> Value:
        """f(a) with f(x) = … behind the formula: what stands there, x being a."""
        name, parameters = tree.data
        values = [self.value(a) for a in tree.args]
        both = sorted(self.bound_within(name) & {i for value in values for i in value.indices})
        if both or name in self.under_way:
            problem = (
                f"the index {both[0]} runs in `{name}` too" if both else f"`{name}` is defined by itself"
            )
            raise ParseError(problem, self.text, tree.start, "rename one of them" if both else "")
        self.applications += 1
        if self.applications > APPLICATIONS:  # f(x) = g(x) g(x), g(x) = h(x) h(x), … doubles with every line
            raise at(LimitError(f"more than {APPLICATIONS} functions to put in"), self.text, tree.start)
        outer = self.local, self.done, self.scope
        self.local = {**self.local, **dict(zip(parameters, tree.args, strict=True))}
        self.done = dict(zip(parameters, values, strict=True))
        self.scope = {}
        self.under_way.append(name)
        try:
            return self.value(self.local[name])
        finally:
            self.local, self.done, self.scope = outer
            self.under_way.pop()

    def bound_within(self, name: str) -> set[str]:
        """The indices that run in a definition, or in one that it uses."""
        found, seen, waiting = set[str](), {name}, [name]
        while waiting:
            for part in self.local[waiting.pop()].walk():
                if part.kind == "big":
                    found |= set(part.data.indices)
                used = {"name": lambda p: p.data.shown, "applied": lambda p: p.data[0]}.get(part.kind)
                key = used(part) if used else None
                if key in self.local and key not in seen:
                    seen.add(key)
                    waiting.append(key)
        return found

    def _density(self, tree: Tree) -> Value:
        return ld.normal(*(self.value(a) for a in tree.args))

    def _factorial(self, tree: Tree) -> Value:
        return ld.factorial(self.value(tree.args[0]))

    def _abs(self, tree: Tree) -> Value:
        return lf.bars(self.value(tree.args[0]), self.spelled(tree.args[0]))

    def _norm(self, tree: Tree) -> Value:
        if len(tree.args) == 2:
            return lf.weighted_norm(*(self.value(a) for a in tree.args))
        value = self.value(tree.args[0])
        if value.kind == "scalar":
            self.doubtful_bars(tree.args[0])
        return lf.norm(value, tree.data, self.spelled(tree.args[0]))

    def _inner(self, tree: Tree) -> Value:
        return lv.dot(*(self.value(a) for a in tree.args))

    # ------------------------------------------------------------ arithmetic

    def _sum(self, tree: Tree) -> Value:
        values = [self.value(a) for a in tree.args]
        if len(values) == 1:
            return lv.negated(values[0]) if tree.data[0] < 0 else values[0]
        scalars = [v for v in values if v.kind == "scalar"]
        matrices = [(v, a) for v, a in zip(values, tree.args, strict=True) if v.kind != "scalar"]
        if scalars and any(v.square for v, _ in matrices):
            for v, term in zip(values, tree.args, strict=True):
                if v.kind == "scalar":
                    self.doubtful_bars(term)
        if (
            scalars
            and matrices
            and any(v.square for v, _ in matrices)
            and not any(v.entrywise for v, _ in matrices)
        ):
            k = next(k for k, v in enumerate(values) if v.kind == "scalar")
            if lv.constant(values[k]) != 0:
                s, A = self.spelled(tree.args[k]), self.spelled(matrices[0][1])
                raise AmbiguityError(
                    "a number added to a square matrix",
                    (f"{A} + {s} * eye(n)", f"{A} + {s}"),
                    self.text,
                    tree.args[k].start,
                    "write \\lambda I, or \\mathbf 1\\mathbf 1^\\top for a matrix of ones",
                )
        try:
            return lv.add(list(zip(tree.data, values, strict=True)))
        except SizeError as error:
            for k in range(1, len(values)):  # the first term that does not fit
                try:
                    lv.add(list(zip(tree.data[: k + 1], values[: k + 1], strict=True)))
                except SizeError as first:
                    part = self.text[tree.args[0].start : tree.args[k].end]
                    raise at(first, self.text, tree.args[k].start, part) from None
            raise error

    def _chain(self, tree: Tree) -> Value:
        values = [self.value(a) for a in tree.args]
        for k, value in enumerate(values[1:], 1):
            part = tree.args[k]
            if (
                part.kind == "name"
                and part.data == Name("pi")
                and value.kind != "scalar"
                and is_number(tree.args[k - 1])
            ):
                if "pi" in self.picked:  # beside π_k, 2π is the number
                    values[k] = Value(number(sympy.pi), "scalar")
                    continue
                raise AmbiguityError(
                    "`\\pi` is declared: is it the variable, or the number 3.14…?",
                    (
                        f"{tree.args[k - 1].data} * {self.spelled(part)}",
                        f"{tree.args[k - 1].data} * 3.14159…",
                    ),
                    self.text,
                    part.start,
                    "declare the variable under another name and give symbols",
                )
        return lv.chain(values)

    def _product(self, tree: Tree) -> Value:
        found = self.value(tree.args[0])
        for k, connector in enumerate(tree.data):
            part = tree.args[k + 1]
            other = self.value(part)
            if connector == "/":
                found = self.divided(found, other, tree)
            elif connector == "cdot" and (found.kind, other.kind) == ("column", "column"):
                found = lv.dot(found, other)
            elif connector in ("*", "times") and "scalar" not in (found.kind, other.kind):
                shown = "*" if connector == "*" else "\\times"
                raise AmbiguityError(
                    f"`{shown}` between {found.shown} and {other.shown}",
                    ("a * b", "a @ b"),
                    self.text,
                    part.start,
                    "write \\odot for entry by entry, nothing for the matrix product",
                )
            else:
                found = lv.chain([found, other])
        return found

    def divided(self, above: Value, below: Value, tree: Tree) -> Value:
        """a / b: by a number, or entry by entry where nothing else can be meant."""
        if below.kind == "scalar":
            return lv.scaled(lv.reciprocal(below), above)
        if below.square and not below.entrywise:
            raise AmbiguityError(
                "division by a square matrix",
                ("A / B", "A @ inv(B)"),
                self.text,
                tree.start,
                "write B^{-1}, or \\oslash for entry by entry",
            )
        if above.kind == "scalar":
            return replace(lv.scaled(above, lv.reciprocal(below)), entrywise=True)
        return lv.hadamard(above, lv.reciprocal(below))

    def _frac(self, tree: Tree) -> Value:
        return self.divided(self.value(tree.args[0]), self.value(tree.args[1]), tree)

    def _sqrt(self, tree: Tree) -> Value:

        value = self.value(tree.args[0])
        if len(tree.args) == 2:
            degree = lv.constant(self.value(tree.args[1]))
            if degree is None or not degree.is_Integer or not 1 < degree < 100 or value.kind != "scalar":
                raise UnsupportedError("a root other than a small whole root of a number")
            return Value(ar.pow(value.node, number(1 / degree)), "scalar", value.indices)
        return lf.call(Called("sqrt"), [value], [self.spelled(tree.args[0])])

    # ------------------------------------------------------------ circled operators

    def _circled(self, tree: Tree) -> Value:
        """`A \\odot B C`: where more than one bracketing conforms and they differ, it is refused."""
        groups = [[self.value(f) for f in (a.args if a.kind == "chain" else (a,))] for a in tree.args]
        if "star" in tree.data:
            raise UnsupportedError(
                "`\\ast` (convolution, or a product?) is not read; write \\odot or nothing"
            )
        if not set(tree.data) <= {"otimes"}:
            for k, part in enumerate(tree.args):
                for value, factor in zip(
                    groups[k], part.args if part.kind == "chain" else (part,), strict=True
                ):
                    if value.kind == "scalar":
                        self.doubtful_bars(factor)
        readings: list[Value] = []
        failure: SizeError | None = None
        for tight in (False, True):
            try:
                found = self._loose(groups, tree.data) if not tight else self._tight(groups, tree.data)
            except SizeError as error:
                failure = failure or error
                continue
            if all(found.node is not r.node or found.kind != r.kind for r in readings):
                readings.append(found)
        if not readings:
            assert failure is not None
            raise failure
        if len(readings) > 1:
            left, right = self.text[tree.start : tree.args[0].end], self.text[tree.args[1].start : tree.end]
            raise AmbiguityError(
                "a product beside an elementwise or Kronecker product",
                (f"({left}) * ({right})", "the product inside first"),
                self.text,
                tree.args[1].start,
                "put brackets around the part that is meant to be worked out first",
            )
        return readings[0]

    def _joined(self, operator: str, a: Value, b: Value) -> Value:
        if operator == "odot":
            return lv.hadamard(a, b)
        if operator == "oslash":
            return self._slashed(a, b)
        return lf.two_arguments("kron", a, b)

    def _slashed(self, a: Value, b: Value) -> Value:
        if a.kind == "scalar":
            return replace(lv.scaled(a, lv.reciprocal(b)), entrywise=True)
        return lv.hadamard(a, lv.reciprocal(b))

    def _loose(self, groups: list[list[Value]], operators: Sequence[str]) -> Value:
        """Products first, circled operators after them, from the left."""
        found = lv.chain(groups[0])
        for operator, group in zip(operators, groups[1:], strict=True):
            found = self._joined(operator, found, lv.chain(group))
        return found

    def _tight(self, groups: list[list[Value]], operators: Sequence[str]) -> Value:
        """Circled operators between neighbours first, products after them."""
        factors = list(groups[0])
        for operator, group in zip(operators, groups[1:], strict=True):
            factors[-1] = self._joined(operator, factors[-1], group[0])
            factors += group[1:]
        return lv.chain(factors)

    # ------------------------------------------------------------ functions

    def _call(self, tree: Tree) -> Value:
        first = tree.args[0]
        if tree.data.name == "log" and not tree.data.bracketed and first.kind == "power":
            inner = first.args[0]
            if inner.kind == "call" and inner.data.name == "gamma":
                x, k = self.spelled(inner.args[0]), self.spelled(first.args[1])
                raise AmbiguityError(
                    "is the power that of the logarithm, or that of the gamma function?",
                    (f"lgamma({x}) ** {k}", f"{k} * lgamma({x})"),
                    self.text,
                    tree.start,
                    r"write (\log\Gamma(x))^2, or \log(\Gamma(x)^2)",
                )
        if tree.data.name == "diag" and len(tree.args) == 1:
            values = [self.diagonal(first)]
        else:
            values = [self.value(a) for a in tree.args]
        return lf.call(tree.data, values, [self.spelled(a) for a in tree.args])

    def diagonal(self, tree: Tree) -> Value:
        """What stands on a diagonal, also by its entries: diag(p_i (1 - p_i))."""
        try:
            return self.value(tree)
        except Unbound as error:
            if len(error.index) != 1 or self.scope:
                raise
            return self.by_entries(tree, (error.index,))
