r"""LaTeX as papers and lecture notes write it, read by a typed grammar; what is ambiguous is an error.

`parse_latex_node` gives the right side of a formula as a node; `parse_latex_statement` also says what stood on
the left. Names are declared as in the text language; `symbols` renames what the paper calls otherwise.

- vectors are columns, `x^\top` is a row, products side by side conform as matrices do
- `x_i` below `\sum_i` is an entry of the vector x, or row i of the matrix X as a column
- functions without brackets take the product that follows (`\log y_i x_i`, `\sin 2x`), `\sin^2 x` is (sin x)²
- `\sigma(z)`, `\tanh(XW)` and other functions act entry by entry; `\exp`, `\log`, `\sqrt` of a square matrix,
  powers of vectors, `\|A\|` without F, `|v|` of a vector and `1/2n` could mean two things and are refused
- `\log|\Sigma|` and `\log\det\Sigma` are log |det Σ|; `I` and `\mathbf 1` take the size that fits
- behind the formula may stand what its letters mean: `…, \quad r = Xw - y`, `…, p_i = \sigma(x_i^\top w)`
- `\bar x` that is not declared is the mean of the x_i that the formula picks
- in a chain `f = A = B` all formulas must be equal; the first one is the statement
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from ..build import einsum, full, zero
from ..errors import DeriveError, LimitError, ParseError, SizeError
from ..node import Node
from ..sizes import Shape, Size, same_size
from ..stable import recognise
from . import latex_left as ll
from . import latex_sides as ls
from . import latex_values as lv
from .latex_chain import equal
from .latex_functions import is_zero_constant
from .latex_grammar import Parser
from .latex_marks import without_marks
from .latex_meaning import Meaning
from .latex_names import Label, Name, Names, Unbound
from .latex_tokens import Token, tokenize
from .latex_tree import Tree
from .latex_values import Value
from .position import at

_SEPARATORS = frozenset({"where", "with", "for"})


@final
@dataclass(frozen=True)
class LatexStatement:
    """A formula with its left side.

    kind    "value", "gradient", "hessian", "jacobian", "minimiser", "update"
    wrt     the declared name with respect to which, None where the left side does not say
    row     whether the right side is a row (its node has one axis either way)
    """

    kind: str
    wrt: str | None
    node: Node
    row: bool = False


def parse_latex_node(
    text: str,
    variables: Mapping[str, Node],
    symbols: Mapping[str, str] | None = None,
    sizes: Iterable[str] = (),
    shape: Shape | None = None,
) -> Node:
    """The right side of a formula as a node, its naive spellings replaced by stable operators.

    symbols   LaTeX symbols that mean declared names, as {"\\\\Sigma": "S"}
    shape     the shape it is known to have, which decides the size of a bare `I` or `\\mathbf 1`
    """
    return parse_latex_statement(text, variables, symbols, sizes, shape).node


def parse_latex_statement(
    text: str,
    variables: Mapping[str, Node],
    symbols: Mapping[str, str] | None = None,
    sizes: Iterable[str] = (),
    shape: Shape | None = None,
) -> LatexStatement:
    """A formula with its left side read."""
    try:
        return _Statement(text, Names(variables, sizes, symbols)).read(shape)
    except RecursionError:
        raise LimitError("the formula is nested too deeply") from None


@final
class _Statement:
    """The work of one text."""

    def __init__(self, text: str, names: Names) -> None:
        self.text, self.names = text, names
        self.applied: dict[str, tuple[str, ...]] = {}  # names defined as functions, such as \\rho(x) = …
        self.local: dict[str, Tree] = {}  # names defined behind the formula
        self.indices: dict[str, tuple[str, ...]] = {}
        self.squared: set[str] = set()  # s² = … defines s ≥ 0

    def read(self, shape: Shape | None) -> LatexStatement:
        tokens = tokenize(self.text)
        self.names.letters = {t.value for t in tokens if t.kind in ("letter", "word")}
        main, definitions = self.parts(self.names.renamed(tokens))
        main = ls.objective(main, self.text, self.names)
        main, counted = ls.without_steps(main, self.text, self.names)
        sides, arrow = ls.sides(main, self.text)
        left, formulas = self.left_sides(sides, arrow or counted)
        wrt = self.names.lookup(left.wrt) if left.wrt is not None else None
        if (named := left.wrt) is not None and wrt is None and left.labels:
            joined = self.names.joined(named, left.labels)
            if joined is not None:
                wrt, left = joined, ll.Left(left.kind, named)
            else:
                wrt = self.names.lookup(named.capital())
        if wrt is not None and wrt not in self.names.variables:
            wrt = None
        unknown = self.names.variables[wrt] if wrt is not None else None
        if left.kind == "jacobian" and unknown is not None and len(left.labels) != len(shape or ()):
            left = ll.Left("gradient", left.wrt, left.labels[-unknown.order :])  # L_{ce} is a name
        if shape is None and unknown is not None and not left.labels:
            shape = {"gradient": unknown.shape, "hessian": unknown.shape * 2, "minimiser": unknown.shape}.get(
                left.kind
            )
        self.local = {
            name: self.tree(tokens, frozenset(definitions), indices)
            for name, (tokens, indices) in definitions.items()
        }
        for name in self.squared:
            square = self.local[name]
            self.local[name] = Tree("sqrt", (square,), None, square.start, square.end)
        self.indices = {name: indices for name, (_, indices) in definitions.items()}
        if left.of:
            self.formula(list(left.of), None, None, ())  # what is differentiated has to be a formula, too
        labels = left.labels
        if not labels and shape and left.kind in ("value", "gradient", "hessian"):
            labels = self.entries(formulas[0], shape)
        found = [(f, *self.formula(f, shape, unknown, labels, left.kind)) for f in formulas]
        first, node, row = found[0]
        for other, value, _ in found[1:]:
            if not equal(node, value):
                raise ParseError(
                    "what stands left and right of this `=` is not equal",
                    self.text,
                    self.text.rfind("=", 0, other[0].start) if "=" in self.text else first[0].start,
                    "a formula is read, or a chain of equal ones; conditions and claims are given apart",
                )
        return LatexStatement(left.kind, wrt, recognise(node), row)

    def left_sides(self, sides: list[list[Token]], update: bool) -> tuple[ll.Left, list[list[Token]]]:
        """What stands on the left, and the formulas of a chain: `f(w) = A`, `H = \\nabla^2 f = A`, `A = B`."""
        if len(sides) == 1:
            return ll.Left(), sides
        try:
            left = ll.read(sides[0], self.text, self.names, update)
        except ParseError as refused:
            try:  # a formula, and equal ones behind it
                self.formula(sides[0], None, None, ())
            except DeriveError:
                raise refused from None
            return ll.Left(), sides
        rest = sides[1:]
        while len(rest) > 1:
            try:
                more = ll.read(rest[0], self.text, self.names, False)
            except ParseError:
                break
            if more.kind == "minimiser":
                break
            left, rest = (more if more.kind != "value" else left), rest[1:]
        return left, rest

    def entries(self, tokens: list[Token], shape: Shape) -> tuple[Label, ...]:
        """The indices that nothing binds, where the formula gives the entries of an array of that shape.

        One index is that of a vector; of several, the order in which they stand has to be that of their letters.
        """
        free: list[Label] = []
        while True:
            try:
                self.formula(tokens, shape, None, tuple(free))
                break
            except Unbound as error:
                known = error.index in {label.text for label in free}
                if known or len(error.index) != 1 or len(free) == len(shape):
                    raise
                free.append(Label("name", error.index, error.position))
            except DeriveError:
                break
        if not free and len(shape) == 1:
            free = self.beside_a_sum(tokens)
        names = [label.text for label in free]
        if free and (len(free) != len(shape) or names != sorted(names)):
            hint = f"say what these are the entries of: \\frac{{\\partial f}}{{\\partial W_{{{''.join(names)}}}}} = …"
            raise Unbound(names[0], self.text, free[0].position, hint)
        return tuple(free)

    def beside_a_sum(self, tokens: list[Token]) -> list[Label]:
        """i, where a number is read and every sum is like \\sum_{j > i}: the entry i is meant, not a sum over both."""
        try:
            value = self.formula(tokens, None, None, ())[0]
            parts = list(self.tree(tokens, frozenset(self.local), ()).walk())
        except DeriveError:
            return []
        sums = [p for p in parts if p.kind == "big"]
        if value.order or not sums or not all(p.data.conditional and len(p.data.indices) == 2 for p in sums):
            return []
        others = {p.data.indices[1] for p in sums}
        return [Label("name", others.pop(), sums[0].start)] if len(others) == 1 else []

    def formula(
        self,
        tokens: list[Token],
        shape: Shape | None,
        unknown: Node | None,
        labels: tuple[Label, ...],
        kind: str = "value",
    ) -> tuple[Node, bool]:
        """The node of one formula, and whether it is a row; over the indices of the left side where there are any."""
        indices = tuple(label.text for label in labels)
        tree = self.tree(tokens, frozenset(self.local), indices)
        meaning = Meaning(self.text, self.names, self.local)
        meaning.indices = self.indices
        meaning.picked = {
            part.args[0].data.base
            for t in (tree, *self.local.values())
            for part in t.walk()
            if part.kind == "sub" and part.args[0].kind == "name"
        }
        if labels:
            if unknown is not None and kind != "jacobian":
                shape = unknown.shape * (2 if kind == "hessian" else 1)
            if shape is None:
                problem = "the left side has indices, but what it is differentiated by is not declared"
                raise ParseError(problem, self.text, labels[0].position)
            return self.indexed(meaning, tree, shape, labels), False
        value = self.sized(meaning.value(tree), shape, tree)
        return value.node, value.kind == "row"

    def parts(
        self, tokens: list[Token]
    ) -> tuple[list[Token], dict[str, tuple[list[Token], tuple[str, ...]]]]:
        """The formula, and the definitions that follow it behind commas."""
        pieces: list[list[Token]] = [[]]
        depth = 0
        for token in tokens:
            depth += {"{": 1, "open": 1, "}": -1, "close": -1}.get(token.kind, 0)
            separator = token.kind in (",", ";") or (token.kind == "word" and token.value in _SEPARATORS)
            if depth == 0 and separator:
                pieces.append([])
            else:
                pieces[-1].append(token)
        pieces = [list(p) for p in pieces if any(t.kind != "break" for t in p)]
        if not pieces:
            raise ParseError("there is no formula", self.text, 0)
        pieces = without_marks(pieces, self.text, self.names)
        found: dict[str, tuple[list[Token], tuple[str, ...]]] = {}
        for piece in pieces[1:]:
            left, right, arrow = ls.split(piece, self.text)
            if not left or arrow:
                raise ParseError(
                    "behind the comma stands no definition",
                    self.text,
                    piece[0].start,
                    "one formula at a time",
                )
            name, indices, arguments, squared = ls.definition(left, self.text)
            if squared:
                self.squared.add(name)
            if arguments:
                self.applied[name] = tuple(t.value for t in left[-arguments:])
            if name in found:
                raise ParseError(f"`{name}` is defined twice", self.text, piece[0].start)
            found[name] = (right, indices)
        return pieces[0], found

    def tree(self, tokens: list[Token], local: frozenset[str], bound: tuple[str, ...]) -> Tree:
        """The tree of some tokens."""
        parser = Parser(self.text, tokens, self.names, local)
        parser.bound, parser.arguments_of = list(bound), self.applied
        if not parser.tokens:
            raise ParseError("there is no formula", self.text, len(self.text))
        return parser.whole()

    def sized(self, value: Value, shape: Shape | None, tree: Tree) -> Value:
        """The value with nothing left open."""
        if value.indices:
            problem = ParseError(f"the index {value.indices[0]} is not bound", self.text, tree.start)
            raise problem
        if shape is not None and len(shape) == 4 and len(value.core) == 2:  # a Hessian by a matrix, on vec
            stacked = (shape[0] * shape[1], shape[2] * shape[3])
            for size, wanted in zip(value.core, stacked, strict=True):
                value = lv.resized(value, lv.solved(size, wanted))
        if shape is not None and len(shape) == len(value.core):
            pairs = [(a, b) for a, b in zip(value.core, shape, strict=True) if lv.is_unknown(a)]
            value = lv.resized(value, dict(pairs))
        if shape is not None and len(shape) == 2 and len(value.core) == 1:
            value = _with_axis(value, shape)
        if shape and is_zero_constant(value):
            return Value(zero(shape), {1: "column", 2: "matrix"}.get(len(shape), "tensor"))
        if lv.has_unknown(value.node):
            problem_ = SizeError(
                "the size of `I` or `\\mathbf 1` is not decided by what stands around it; write I_n"
            )
            raise at(problem_, self.text, tree.start)
        return value

    def indexed(self, meaning: Meaning, tree: Tree, shape: Shape, labels: tuple[Label, ...]) -> Node:
        """The array whose entries the right side gives: ∂L/∂W_ij = … over i and j."""
        names = [label.text for label in labels]
        if len(names) > len(shape) or any(label.kind != "name" for label in labels):
            raise ParseError("these subscripts on the left are not read", self.text, labels[0].position)
        if len(set(names)) != len(names):
            raise ParseError("one index twice on the left", self.text, labels[0].position)
        failure: DeriveError | None = None
        columns = len(names) == 1 and len(shape) == 2
        for axes in [(0,), (1,)] if columns else [tuple(range(len(names)))]:
            meaning.scope = {name: shape[a] for name, a in zip(names, axes, strict=True)}
            rest = tuple(s for k, s in enumerate(shape) if k not in axes)
            try:
                value = meaning.value(tree)
                return self.placed(value, names, meaning.scope, axes, rest, tree)
            except SizeError as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def placed(
        self,
        value: Value,
        names: list[str],
        scope: dict[str, Size],
        axes: tuple[int, ...],
        rest: Shape,
        tree: Tree,
    ) -> Node:
        """The node with the axes of the indices where they belong."""
        pairs = [(a, b) for a, b in zip(value.core, rest, strict=False) if lv.is_unknown(a)]
        value = lv.resized(value, dict(pairs))
        fits = len(value.core) == len(rest) and all(
            same_size(a, b) for a, b in zip(value.core, rest, strict=True)
        )
        if not fits:
            problem = SizeError(f"the right side is {value.shown}, which does not fit the left side")
            raise at(problem, self.text, tree.start)
        if lv.has_unknown(value.node):
            raise at(
                SizeError("the size of `I` or `\\mathbf 1` is not decided; write I_n"), self.text, tree.start
            )
        node = lv.arranged(value, names, scope)
        if axes == (1,):
            node = einsum([(node, (0, 1))], (1, 0))
        return node


def _with_axis(value: Value, shape: Shape) -> Value:
    """A column where a matrix with one column is known to stand, a row where one with one row is."""
    axis = {"column": 1, "row": 0}.get(value.kind)
    if axis is None or shape[axis] != 1 or not same_size(value.core[0], shape[1 - axis]):
        return value
    return Value(einsum([(value.node, (1 - axis,)), (full((shape[axis],)), (axis,))], (0, 1)), "matrix")


__all__ = ["LatexStatement", "Name", "parse_latex_node", "parse_latex_statement"]
