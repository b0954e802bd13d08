"""An expression as the source of a plain function, for NumPy, JAX or PyTorch.

The function is what a person would write: matrix products from the side of the vector, `solve` for an inverse
that multiplies something, shared parts computed once, and the stable forms of `stable`. It is made from the
expression as it is computed, not as it is printed. Names in it are those of the variables, made safe; text of
the user's never reaches it otherwise.
"""

from __future__ import annotations

import keyword
from typing import final

import sympy

from ..build import is_zero
from ..errors import ArgumentError
from ..node import Apply, Delta, Node, Ones, Variable, size_symbols, topological, variables
from ..operators import spelled_out
from ..sizes import Shape, check_name, show_shape
from ..stable import stabilise
from .broadcasting import with_broadcasting
from .dialects import DIALECTS, Dialect
from .matrix import _tree, data_axis, to_tree
from .naming import _fresh
from .source import Source
from .text import write as write_text
from .tree import Tree, rendering, var

#: Parts of more tokens get a name of their own, so that lines stay readable.
LONGEST = 24


def code(root: Node, target: str = "numpy", name: str = "f") -> str:
    """The source of a function of the variables that occur, in the order of their names."""
    if target not in DIALECTS:
        raise ArgumentError(f"there is no target {target!r}; targets: {', '.join(DIALECTS)}")
    check_name(name, "function")
    return _Function(root, DIALECTS[target], name).source()


def named_code(root: Node, target: str, name: str) -> tuple[str, dict[str, str]]:
    """The source, and the names of variables and sizes by the identifiers that stand for them in it."""
    function = _Function(root, DIALECTS[target], name)
    known = [*(v.name for v in function.arguments), *function.symbols]
    return function.source(), {function.safe[word]: word for word in known}


@final
class _Function:
    """The work of one call."""

    def __init__(self, root: Node, dialect: Dialect, name: str) -> None:
        self.dialect, self.name, self.stated = dialect, name, root
        (self.root,) = stabilise(spelled_out([root], dialect.has))
        self.arguments = variables(self.root)
        self.symbols = {s.name: s for s in size_symbols(self.root)}
        self.used = {v.name for v in self.arguments} | set(self.symbols)
        called = {n.op for n in topological([self.root]) if isinstance(n, Apply)}
        with_helper = {op for op in called if dialect.helper(op)}
        reserved = {*keyword.kwlist, *dialect.imports, *with_helper, name}
        self.safe: dict[str, str] = {}
        for word in sorted(self.used):
            new = word
            while new in reserved or (new != word and new in self.used):
                new += "_"
            self.safe[word] = new
        self.used |= set(self.safe.values()) | reserved
        #: New arrays have the dtype of the first argument, where the target does not see to it by itself.
        arrays = [v for v in self.arguments if v.order] or self.arguments
        dtype = f"{self.safe[arrays[0].name]}.dtype" if arrays else "torch.float64"
        like = f", dtype={dtype}" if dialect.name == "torch" else ""
        self.written = Source(dialect, self.safe, self.symbols, with_helper, like)

    # ------------------------------------------------------------ statements

    def source(self) -> str:
        """The whole text."""
        lines, result = self.statements()
        body = [f"    {name} = {self.written.expression(t)}" for name, t in lines]
        body.append(f"    return {self.result(result)}")
        head, extra = self.size_lines()
        arguments = [self.safe[v.name] for v in self.arguments]
        signature = ", ".join([*arguments, *(["*", *extra] if extra else [])])
        text = [f"def {self.name}({signature}):", *self.docstring(), *head, *body]
        for helper in sorted(self.written.helpers):
            self.written.imports.add(self.dialect.module)
            text = [str(self.dialect.helper(helper)), "", "", *text]
        order = [m for m in ("math", "jax", "jnp", "np", "torch", "special") if m in self.written.imports]
        imports = [self.dialect.imports[m] for m in order]
        return "\n".join([*imports, *(["", ""] if imports else []), *text]) + "\n"

    def docstring(self) -> list[str]:
        words = "See the arguments for the shapes."
        if (
            self.stated.weight <= LONGEST
        ):  # written out as one formula, long ones would take longer than the work
            formula = write_text(to_tree(self.stated))
            words = f"{formula}." if len(formula) <= 90 else words
        where = [f"    {self.safe[v.name]} : {show_shape(v.shape)}" for v in self.arguments if v.shape]
        if not where:
            return [f'    """{words}"""']
        return [f'    """{words}', "", *where, '    """']

    def statements(self) -> tuple[list[tuple[str, Tree]], Tree]:
        """Shared parts by name, in the order in which they are computed, and the result."""
        users: dict[Node, int] = {}
        order = list(topological([self.root]))
        for node in order:
            for operand in node.operands:
                users[operand] = users.get(operand, 0) + 1
        rendering.start(data_axis([self.root]))
        trees: dict[Node, Tree] = {}
        lines: list[tuple[str, Tree]] = []
        for node in order:
            tree = _tree(node, [trees[o] for o in node.operands])
            shared = users.get(node, 0) > 1 and tree.cost >= 3
            long = tree.cost > LONGEST and node is not self.root
            if (shared or long) and not isinstance(node, Variable | Ones | Delta):
                tree = with_broadcasting(tree)
                name = self.fresh(tree)
                lines.append((name, tree))
                tree = var(name, node.order)
            if node.order == 2 and "symmetric" in node.facts:
                rendering.symmetric.add(tree)
            trees[node] = tree
        return lines, with_broadcasting(trees[self.root])

    def fresh(self, tree: Tree) -> str:
        if tree.order <= 2:
            name = _fresh(tree, self.used)
        else:
            name = next(f"t{k}" for k in range(10_000) if f"t{k}" not in self.used)
        self.used.add(name)
        self.safe[name] = name
        return name

    def size_lines(self) -> tuple[list[str], list[str]]:
        """Lines that read the sizes off the arguments, and sizes that no argument shows."""
        lines, extra = [], []
        left = sorted(self.written.sizes)
        for v in self.arguments:
            names = [s.name if s.is_Symbol else None for s in v.shape]
            wanted = [n for n in names if n in left]
            if len(wanted) > 1 and None not in names and len(set(names)) == len(names):
                words = [self.safe[str(n)] if n in wanted else "_" for n in names]
                lines.append(f"    {', '.join(words)} = {self.safe[v.name]}.shape")
                left = [n for n in left if n not in wanted]
        for name in left:
            for v in self.arguments:
                found = self.read_size(self.symbols[name], v.shape, self.safe[v.name])
                if found:
                    lines.append(f"    {self.safe[name]} = {found}")
                    break
            else:
                extra.append(self.safe[name])
        return lines, extra

    def read_size(self, symbol: sympy.Symbol, shape: Shape, name: str) -> str | None:
        for axis, size in enumerate(shape):
            if size == symbol:
                return f"{name}.shape[{axis}]"
        for axis, size in enumerate(shape):
            rest = sympy.expand(size - symbol)
            if rest.is_Integer and size.free_symbols == {symbol}:
                sign = "-" if rest > 0 else "+"
                return f"{name}.shape[{axis}] {sign} {abs(rest)}"
        return None

    def result(self, tree: Tree) -> str:
        if self.root.order and is_zero(self.root):
            return self.written.function("zeros", [], shape=self.written.shape_text(self.root.shape))
        return self.written.expression(tree)
