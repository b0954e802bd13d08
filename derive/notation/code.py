"""An expression as the source of a plain function, for NumPy, JAX or PyTorch.

The function is what a person would write: matrix products from the side of the vector, `solve` for an inverse
that multiplies something, shared parts computed once, and the stable forms of `stable`. It is made from the
expression as it is computed, not as it is printed. Names in it are those of the variables, made safe; text of
the user's never reaches it otherwise.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any, final

import sympy

from ..build import is_zero
from ..errors import ArgumentError, UnsupportedError
from ..node import Apply, Delta, Node, Ones, Variable, size_symbols, topological, variables
from ..operators import REGISTRY, Elementwise, spelled_out
from ..sizes import Shape, check_name, show_shape
from ..stable import stabilise
from .broadcasting import with_broadcasting
from .costs import ATOM, POWER, SUM, below, quotient, spread_key, stands_bare, starts_negative
from .dialects import DIALECTS, Dialect
from .makers import transpose
from .matrix import _tree, data_axis, to_tree
from .naming import _fresh
from .numerals import in_product, number_text
from .text import write as write_text
from .tree import Tree, rendering, var

_CONSTANTS = {"pi": "pi", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_CONSTANTS |= {"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "abs": "fabs", "ceiling": "ceil"}
_CONSTANTS |= {name: name for name in "sqrt exp log sin cos tan sinh cosh tanh erf erfc lgamma".split()}


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
        self.with_helper = {op for op in called if dialect.helper(op)}
        reserved = {*keyword.kwlist, *dialect.imports, *self.with_helper, name}
        self.safe: dict[str, str] = {}
        for word in sorted(self.used):
            new = word
            while new in reserved or (new != word and new in self.used):
                new += "_"
            self.safe[word] = new
        self.used |= set(self.safe.values()) | reserved
        self.imports: set[str] = set()
        self.helpers: set[str] = set()
        #: New arrays have the dtype of the first argument, where the target does not see to it by itself.
        arrays = [v for v in self.arguments if v.order] or self.arguments
        dtype = f"{self.safe[arrays[0].name]}.dtype" if arrays else "torch.float64"
        self.like = f", dtype={dtype}" if dialect.name == "torch" else ""
        self.sizes: set[str] = set()

    # ------------------------------------------------------------ statements

    def source(self) -> str:
        """The whole text."""
        lines, result = self.statements()
        body = [f"    {name} = {self.expression(t)}" for name, t in lines]
        body.append(f"    return {self.result(result)}")
        head, extra = self.size_lines()
        arguments = [self.safe[v.name] for v in self.arguments]
        signature = ", ".join([*arguments, *(["*", *extra] if extra else [])])
        text = [f"def {self.name}({signature}):", *self.docstring(), *head, *body]
        for helper in sorted(self.helpers):
            self.imports.add(self.dialect.module)
            text = [str(self.dialect.helper(helper)), "", "", *text]
        order = [m for m in ("math", "jax", "jnp", "np", "torch", "special") if m in self.imports]
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
        left = sorted(self.sizes)
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
            return self.function("zeros", [], shape=self.shape_text(self.root.shape))
        return self.expression(tree)

    # ------------------------------------------------------------ expressions

    def function(self, name: str, words: Iterable[str], variant: str = "", **settings: Any) -> str:
        """A call by the dialect's template."""
        template = self.dialect.template(name, variant)
        if template is None:
            raise UnsupportedError(f"{name} has no form in {self.dialect.name} source")
        given = list(words)
        for module in self.dialect.imports:
            if re.search(rf"(?<![\w.]){module}\.", template):
                self.imports.add(module)
        if name in self.with_helper:
            self.helpers.add(name)
        settings.setdefault("axis", "")
        settings.setdefault("like", self.like)
        text = template.format(*given, all=", ".join(given), **settings)
        return text if _is_call(text) else f"({text})"

    def number(self, value: sympy.Expr) -> str:
        """A coefficient; constants that are no fractions come from `math`."""
        self.sizes |= {s.name for s in value.free_symbols}
        return self.in_python(number_text(value))

    def in_python(self, text: str) -> str:
        def word(match: re.Match[str]) -> str:
            found = match.group()
            if found in self.symbols:
                self.sizes.add(found)
                return self.safe[found]
            if found == "None":
                return found
            if found in ("maximum", "minimum"):
                return found[:3]
            if found in _CONSTANTS:
                self.imports.add("math")
                return f"math.{_CONSTANTS[found]}"
            raise UnsupportedError(f"the constant {text} has no form in {self.dialect.name} source")

        return re.sub(r"[A-Za-z_]\w*", word, text)

    def shape_text(self, shape: Iterable[sympy.Expr]) -> str:
        sizes = [self.number(s) for s in shape]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def wrap(self, t: Tree, level: int) -> str:
        text = self.expression(t)
        return f"({text})" if t.level < level else text

    def expression(self, t: Tree) -> str:
        """The source of a tree."""
        args = t.args
        match t.op:
            case "var":
                return self.safe[str(t.data)]
            case "num":
                return self.number(t.data)
            case "ones" | "zeros":
                return self.function(t.op, [], shape=self.shape_text(t.data))
            case "eye":
                return self.function("eye", [self.number(t.data[0])])
            case "zero":
                return "0.0"
            case "T":
                return self.wrap(args[0], ATOM) + ".T"
            case "chain":
                return self.chain(list(args))
            case "sum":
                return self.sum(t)
            case "mul":
                return self.product(t)
            case "pow":
                return f"{self.wrap(args[0], ATOM)} ** {self.wrap(args[1], ATOM)}"
            case "outer" | "diag":
                return self.function(t.op, [self.expression(a) for a in args])
            case "diagonal":
                return self.function("diag", [self.expression(args[0])])
            case "spread":
                key = spread_key(t.data)
                return f"{self.wrap(args[0], ATOM)}[{key}]" if key else self.expression(args[0])
            case "index":
                return self.index(t)
            case "einsum":
                return self.function("einsum", [self.expression(a) for a in args], spec=f'"{t.data}"')
            case "call":
                return self.call(t)
        raise UnsupportedError(f"{t.op} has no form in {self.dialect.name} source")

    def index(self, t: Tree) -> str:
        array, key = self.wrap(t.args[0], ATOM), str(t.data)
        entries = key.split(", ")
        turned = [
            k for k, e in enumerate(entries) if e.count(":") == 2 and e.rpartition(":")[2].startswith("-")
        ]
        if turned and self.dialect.name == "torch":  # which has no negative steps
            if any(entries[k] != "::-1" for k in turned):
                raise UnsupportedError(f"the slice [{key}] has no form in torch source")
            self.imports.add("torch")
            array = f"torch.flip({array}, {tuple(turned)})"
            key = ", ".join(":" if k in turned else e for k, e in enumerate(entries))
        return array if set(key) <= set(":, ") else f"{array}[{self.in_python(key)}]"

    def sum(self, t: Tree) -> str:
        text = self.expression(t.args[0])
        for a in t.args[1:]:
            piece = self.expression(a)
            text += " - " + piece[1:] if starts_negative(a) and piece.startswith("-") else " + " + piece
        return text

    def product(self, t: Tree) -> str:
        coefficient, split = t.data
        nums, dens = t.args[:split], t.args[split:]
        minus, p, q = quotient(coefficient)
        words = [self.in_python(in_product(p))] if p != 1 or not nums else []
        self.sizes |= {s.name for s in coefficient.free_symbols}
        bare = [stands_bare(a, nums) and not (words and a.op == "chain") for a in nums]
        words += [
            self.expression(a) if alone else f"({self.expression(a)})"
            for a, alone in zip(nums, bare, strict=True)
        ]
        text = ("-" if minus else "") + " * ".join(words)
        under = [self.in_python(b) for b in below(q)] + [self.wrap(a, POWER) for a in dens]
        if len(under) > 1:
            return f"{text} / ({' * '.join(under)})"
        return f"{text} / {under[0]}" if under else text

    def chain(self, factors: list[Tree]) -> str:
        """A matrix product, begun at the side of the vector; diag(v) scales rows or columns."""
        inside = [k for k, f in enumerate(factors[1:-1], 1) if f.order == 1]
        if inside:  # (D.T @ X @ b) @ X @ c: what stands before is a vector
            left, rest = factors[: inside[-1] + 1], factors[inside[-1] + 1 :]
            right = self.chain(rest) if len(rest) > 1 else self.wrap(rest[0], POWER)
            return f"({self.chain(left)}) @ ({right})" if len(rest) > 1 else f"({self.chain(left)}) @ {right}"
        if factors[-1].order == 1 or factors[0].order == 2:
            text, atomic = self.wrap(factors[-1], POWER), True
            for f in reversed(factors[:-1]):
                right = text if atomic else f"({text})"
                vector = factors[-1].order == 1
                if f.op == "diag":
                    scale = self.wrap(f.args[0], POWER if vector else ATOM)
                    text = f"{scale} * {right}" if vector else f"{scale}[:, None] * {right}"
                elif f.op == "call" and f.data[0] == "inv":
                    text = self.function("solve", [self.expression(f.args[0]), text])
                    atomic = True
                    continue
                else:
                    text = f"{self.wrap(f, POWER)} @ {right}"
                atomic = False
            return text
        text = self.wrap(factors[0], POWER)  # a row on the left
        for f in factors[1:]:
            if f.op == "diag":
                text = (
                    f"({text} * {self.wrap(f.args[0], POWER)})"
                    if f is not factors[-1]
                    else f"{text} * {self.wrap(f.args[0], POWER)}"
                )
            else:
                text = f"{text} @ {self.wrap(f, POWER)}"
        return text

    def call(self, t: Tree) -> str:
        name, settings = t.data
        args = t.args
        given: Mapping[str, Any] = dict(settings)
        words = [self.expression(a) for a in args]
        if name == "sumsq":
            squares = f"{self.wrap(args[0], ATOM)} ** 2"
            return self.function("sum", [squares], axis=self.axis_text(given))
        if name == "where" and args[0].op == "call" and args[0].data[0] == "step":
            return self.function("where step", [self.wrap(args[0].args[0], POWER), *words[1:]])
        if name == "vec":
            return self.function("reshape", [self.expression(transpose(args[0]))], shape="(-1,)")
        if name == "reshape":
            return self.function(
                name,
                words[:1],
                shape=f"({', '.join(words[1:])},)" if len(words) == 2 else f"({', '.join(words[1:])})",
            )
        variant = "reverse" if given.get("reverse") else "" if "axis" in given else "all"
        if self.dialect.template(name, variant) is None:
            variant = ""
        template = str(self.dialect.template(name, variant))
        for k, a in enumerate(args):
            words[k] = self.wrap(a, _level(template, k))
        operator = REGISTRY.get(name)
        several = isinstance(operator, Elementwise) and operator.arity > 1
        if several and "number" in self.dialect.functions:  # functions of several arrays take no numbers
            words = [
                self.function("number", [w]) if a.op == "num" else w for w, a in zip(words, args, strict=True)
            ]
        words += [self.in_python(str(value)) for key, value in settings if not key]
        sizes = {key: self.number(v) if isinstance(v, sympy.Expr) else v for key, v in given.items() if key}
        sizes |= {"axis": self.axis_text(given), "axis_value": given.get("axis", 0), "k": given.get("k", 0)}
        sizes["stride"] = f", stride={sizes['stride']}" if "stride" in sizes else ""
        sizes = {o.name: o.default for o in (operator.options if operator else None) or ()} | sizes
        return self.function(name, words, variant, **sizes)

    def axis_text(self, settings: Mapping[str, Any]) -> str:
        """`, axis=1`, or nothing for all axes."""
        return f", {self.dialect.words['dim']}={settings['axis']}" if "axis" in settings else ""


def _level(template: str, place: int) -> int:
    """How tightly an argument must hold together where the template puts it."""
    level = SUM
    for match in re.finditer(rf"\{{{place}\}}", template):
        before, behind = template[: match.start()].rstrip(), template[match.end() :].lstrip()
        if behind[:1] in (">", "!"):
            level = max(level, POWER)
        elif not (before.endswith(("(", ",")) and behind[:1] in (")", ",", "{")):
            return ATOM
    return level


def _is_call(text: str) -> bool:
    """Whether a piece of source needs no parentheses: no operator stands outside of brackets."""
    depth = 0
    for letter in text:
        depth += letter in "([{"
        depth -= letter in ")]}"
        if not depth and letter == " ":
            return False
    return True
