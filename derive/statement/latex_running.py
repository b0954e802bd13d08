"""Big operators: how far their indices run, and the sums and products over them.

Where an index picks from a matrix and the size of the index is not given, rows are tried before columns: the
row is the convention, the column what remains where rows do not conform.
"""

from __future__ import annotations

import sympy

from ..errors import AmbiguityError, DeriveError, ParseError, SizeError
from ..sizes import Size, same_size
from . import latex_functions as lf
from . import latex_values as lv
from .latex_powers import Powers
from .latex_tree import Tree
from .latex_values import Value


class Running(Powers):
    """The value of a big operator, from that of its body at each index."""

    def _big(self, tree: Tree) -> Value:
        return self.over(tree, list(tree.data.indices))

    def over(self, tree: Tree, indices: list[str]) -> Value:
        """The operator over the first index, the others inside it."""
        if not indices:
            body = self.value(tree.args[0])
            if not tree.data.conditional:
                return body
            condition = self.value(tree.args[-1])
            if condition.kind != "scalar":
                raise SizeError(f"the condition below a sum compares {condition.shown}, not numbers")
            return lv.scaled(condition, body)
        name = indices[0]
        failure: DeriveError | None = None
        found: Value | None = None
        for size in self.candidates(tree, name):
            outer, starts = self.scope, self.first
            self.scope = {**outer, name: size}
            self.first = {**starts, name: max(0, tree.data.lower - 1)}
            try:
                inner = self.over(tree, indices[1:])
            except SizeError as error:
                failure = failure or error
                continue
            finally:
                self.scope, self.first = outer, starts
            other = lf.over(tree.data.operator, inner, name, size)
            if found is None:
                found = other
            elif str(size) == name and other.node is not found.node:
                raise AmbiguityError(
                    f"does {name} run over the rows or over the columns?",
                    (),
                    self.text,
                    tree.start,
                    f"write the bound, as in \\{tree.data.operator}_{{{name}=1}}^{{{size}}}",
                )
        if found is not None:
            return found
        if failure is not None:
            raise failure
        raise ParseError(
            f"nothing says how far {name} runs",
            self.text,
            tree.start,
            f"write \\{tree.data.operator}_{{{name}=1}}^n with a declared size",
        )

    def candidates(self, tree: Tree, name: str) -> list[Size]:
        """How far an index can run: its bound, or the axes that it picks from."""
        if tree.data.bounded:
            bound = self.value(tree.args[1])
            size = lv.constant(bound)
            if size is None:
                raise ParseError("the bound is not a size", self.text, tree.args[1].start)
            size = size + 1 - tree.data.lower
            if size.is_integer is not True or size.is_nonpositive:
                raise ParseError("the bound is not a size", self.text, tree.args[1].start)
            return [sympy.expand(size)]
        if tree.data.lower > 1:
            return [sympy.expand(s - tree.data.lower + 1) for s in self.axes_of(tree.args[0], name)]
        found = self.axes_of(tree.args[0], name)
        return found or (self.axes_of(tree.args[-1], name) if tree.data.conditional else [])

    def axes_of(self, body: Tree, name: str) -> list[Size]:
        """The sizes of the axes that an index picks from; a single certain one where there is one."""
        certain: list[Size] = []
        possible: list[Size] = []
        for part in body.walk():
            if part.kind == "big" and name in part.data.indices:
                continue
            if part.kind != "sub" or all(label.text != name for label in part.data):
                continue
            shape = self.shape_below(part)
            if shape is None:
                continue
            labels = [label.text for label in part.data]
            if len(labels) == 1 and len(shape) == 2:
                possible += shape
            elif len(labels) <= len(shape):
                certain += [shape[k] for k, label in enumerate(labels) if label == name]
        found: list[Size] = []
        for size in [*certain[:1], *(possible if not certain else ())]:
            if not any(same_size(size, s) for s in found):
                found.append(size)
        return found

    def shape_below(self, part: Tree) -> tuple[Size, ...] | None:
        """The sizes of what a subscript picks from, where that can be said before the index runs."""
        base = part.args[0]
        if base.kind == "sub":
            inner = self.shape_below(base)
            return None if inner is None else inner[len(base.data) :]
        if base.kind == "name" and self.names.joined(base.data, part.data) is not None:
            return None
        try:
            return self.base_of(part)[0].core
        except DeriveError:
            return None
