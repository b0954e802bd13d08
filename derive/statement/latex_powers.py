"""Powers, transposes and inverses of LaTeX on values: what a superscript means on a matrix, a vector, an entry."""

from __future__ import annotations

import sympy

from ..build import number
from ..errors import (
    AmbiguityError,
    DeriveError,
    SizeError,
    UnsupportedError,
)
from . import arithmetic as ar
from . import latex_functions as lf
from . import latex_values as lv
from .latex_names import Name
from .latex_relations import Relations
from .latex_tree import Called, Tree
from .latex_values import Value


class Powers(Relations):
    """The part of the meaning of a tree that superscripts have."""

    def _T(self, tree: Tree) -> Value:
        base = tree.args[0]
        if base.kind in ("number", "ones") and base.kind == "number":
            raise AmbiguityError(
                "the transpose of a number: is the vector of ones meant?",
                (str(base.data), "ones(n)"),
                self.text,
                tree.start,
                "write \\mathbf 1^\\top",
            )
        if base.kind == "sub":
            self.doubtful_order(base, tree)
        return lv.transposed(self.value(base))

    def _invT(self, tree: Tree) -> Value:
        base = tree.args[0]
        if base.kind == "sub":
            self.doubtful_order(base, tree)
        return lv.transposed(lf.inverse(self.value(base)))

    def doubtful_order(self, sub: Tree, tree: Tree) -> None:
        """`A^\\top_{ij}` looks like `A_{ij}^\\top`: refuse what could be the entry of the transpose or inverse."""
        base = sub.args[0]
        if base.kind == "name" and self.names.joined(base.data, sub.data) is not None:
            return
        if base.kind == "name" and self.find(base.data, base.start) is None:
            return  # x_i^\top of a matrix X: a row
        value, _ = self.base_of(sub)
        transposing = tree.kind in ("T", "invT")
        if value.kind == "matrix" and (len(sub.data) == 2 or (transposing and tree.data == "first")):
            A, labels = self.spelled(base), ", ".join(label.text for label in sub.data)
            power = self.spelled(tree.args[1]) if tree.kind == "power" else ""
            whole, alone = {
                "T": (f"{A}.T[{labels}]", f"{A}[{labels}]"),
                "invT": (f"inv({A}).T[{labels}]", f"1 / {A}[{labels}]"),
                "power": (f"matrix_power({A}, {power})[{labels}]", f"{A}[{labels}] ** ({power})"),
            }[tree.kind]
            raise AmbiguityError(
                f"`{self.text[tree.start : tree.end]}`: the entry of the whole, or the whole of the entry?",
                (whole, alone),
                self.text,
                tree.start,
                "put brackets around the matrix with its superscript, as in (A^{-1})_{ij}",
            )

    def doubtful_bars(self, tree: Tree) -> None:
        """Refuse `|A|` of a square matrix where an array of its size may be meant: beside matrices, entry by entry."""
        if tree.kind == "abs":
            try:
                value = self.value(tree.args[0])
            except DeriveError:  # below an index that is not bound here
                return
            if value.square:
                A, where = lf.typed(value, self.spelled(tree.args[0]))
                raise AmbiguityError(
                    f"`{self.text[tree.start : tree.end]}`: the determinant, or every entry?",
                    (f"det({A})", f"abs({A})"),
                    self.text,
                    tree.start,
                    f"write \\det {A}, or {A} \\odot \\operatorname{{sign}}({A}){where}",
                )
        if tree.kind != "call" or tree.data.name != "log":
            for part in tree.args:
                self.doubtful_bars(part)

    def _power(self, tree: Tree) -> Value:
        base, exponent = tree.args
        if base.kind == "name" and base.data == Name("e"):
            declared = self.find(base.data, base.start)
            if declared is None or declared.kind != "scalar":  # a vector has no such power
                return lf.call(Called("exp"), [self.value(exponent)], [self.spelled(exponent)])
            if exponent.kind != "number":
                raise AmbiguityError(
                    "`e` is declared: is it the variable, or Euler's number?",
                    (f"e ** ({self.spelled(exponent)})", f"exp({self.spelled(exponent)})"),
                    self.text,
                    tree.start,
                    "write \\exp(…)",
                )
        above = self.value(exponent)
        value = self.value(base)
        if above.kind != "scalar":
            raise SizeError(f"{above.shown} as an exponent; write e^… or \\exp")
        constant = lv.constant(above)
        if tree.data == "odot":
            if value.kind == "scalar":
                self.doubtful_bars(base)
            if constant is None:
                raise UnsupportedError("an elementwise power whose exponent is not a number")
            return Value(ar.pow(value.node, above.node), value.kind, value.indices, True)
        if value.kind == "scalar":
            if (
                base.kind == "sub"
                and constant is not None
                and not (constant.is_Integer and constant > 0 and not tree.data)
            ):
                square = base.args[0].kind == "name" and self.base_of(base)[0].square
                if square and len(base.data) == 2:
                    self.doubtful_order(base, tree)
            nodes, indices, _ = lv.together([value, above], "a power")
            return Value(ar.pow(*nodes), "scalar", indices)
        if constant is None:
            raise UnsupportedError(f"{value.shown} to a power that is not a number")
        return self.matrix_power(tree, value, constant)

    def matrix_power(self, tree: Tree, value: Value, constant: sympy.Expr) -> Value:
        """A² = A A and A⁻¹ of square matrices; σ(z)² of entries; other powers of arrays are refused."""
        base = tree.args[0]
        x, where = lf.typed(value, self.spelled(base))
        if constant == 1:
            return value
        called = base.kind == "call" and value.entrywise
        behind = base.end < tree.end  # f(A)², not f²(A), which is of every entry
        if called and behind and value.square and constant.is_Integer and constant > 1:
            raise AmbiguityError(
                f"the power {constant} of a function of a square matrix: of every entry, or the product of matrices?",
                (f"{x} ** {constant}", f"matrix_power({x}, {constant})"),
                self.text,
                tree.start,
                f"write ^{{\\odot {constant}}}, or M^{constant} with \\quad M = … behind the formula{where}",
            )
        if called and not (constant == -1 and value.kind == "matrix"):
            return Value(ar.pow(value.node, number(constant)), value.kind, value.indices, True)
        if value.kind == "matrix" and constant.is_Integer and not called:
            if constant < 0:
                return lv.whole_power(lf.inverse(value), -int(constant))
            if constant > 0 and (value.square or any(map(lv.is_unknown, value.core))):
                return lv.whole_power(value, int(constant))
        other = f"{x} @ {x}" if value.kind != "matrix" else f"{x}.T @ {x}"
        above = f"{constant}" if constant.is_Integer and constant > 0 else f"({constant})"
        matrix = f"V @ diag(v ** {above}) @ inv(V)" if value.square else f"norm({x}) ** {above}"
        matrix = f"inv({x})" if value.square and constant == -1 else matrix
        readings = (f"({x}) ** {above}", other if constant == 2 else matrix)
        raise AmbiguityError(
            f"the power {constant} of {value.shown}",
            readings,
            self.text,
            tree.start,
            f"write ^{{\\odot 2}} or \\odot for entry by entry, \\|x\\|^2 for the norm{where}",
        )
