"""Display trees as expressions of a Python library, by the templates of its dialect.

Matrix products are computed from the side of the vector, and `solve` stands for an inverse that multiplies something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, final

import sympy

from ..errors import UnsupportedError
from ..operators import REGISTRY, Elementwise
from ..sizes import tuple_text
from .costs import ATOM, POWER, SUM, below, quotient, spread_key, stands_bare, starts_negative
from .dialects import Dialect
from .makers import transpose
from .numerals import in_product, number_text
from .tree import Tree

_CONSTANTS = {"pi": "pi", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_CONSTANTS |= {"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "abs": "fabs", "ceiling": "ceil"}
_CONSTANTS |= {name: name for name in "sqrt exp log sin cos tan sinh cosh tanh erf erfc lgamma".split()}


@final
class Source:
    """The expressions of one function, with what they turn out to need.

    dialect      the library
    safe         identifiers by the names of variables and sizes
    symbols      sizes by their names
    with_helper  operators for which a function of its own is put before the text
    like         what makes new arrays of the dtype of the others
    imports      modules that are named, by their names in the text
    helpers      operators of `with_helper` that are called
    sizes        names of sizes that occur
    """

    def __init__(
        self,
        dialect: Dialect,
        safe: Mapping[str, str],
        symbols: Mapping[str, sympy.Symbol],
        with_helper: set[str],
        like: str,
    ) -> None:
        self.dialect, self.safe, self.symbols = dialect, safe, symbols
        self.with_helper, self.like = with_helper, like
        self.imports: set[str] = set()
        self.helpers: set[str] = set()
        self.sizes: set[str] = set()

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
        """Text of a coefficient with safe names, functions and constants from `math`."""

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
        """A shape as text of a tuple."""
        return tuple_text([self.number(s) for s in shape])

    def wrap(self, t: Tree, level: int) -> str:
        """The source of a tree, in parentheses where it does not hold together so tightly."""
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
            case "compare":
                return f"{self.expression(args[0])} {t.data} {self.expression(args[1])}"
            case "call":
                return self.call(t)
        raise UnsupportedError(f"{t.op} has no form in {self.dialect.name} source")

    def index(self, t: Tree) -> str:
        """Entries or slices of an array."""
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
        """Terms with their signs."""
        text = self.expression(t.args[0])
        for a in t.args[1:]:
            piece = self.expression(a)
            text += " - " + piece[1:] if starts_negative(a) and piece.startswith("-") else " + " + piece
        return text

    def product(self, t: Tree) -> str:
        """Factors above, factors below."""
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
        """A function of the language, by the template of the dialect."""
        name, settings = t.data
        args = t.args
        given: Mapping[str, Any] = dict(settings)
        words = [self.expression(a) for a in args]
        if name == "sumsq":
            squares = f"{self.wrap(args[0], ATOM)} ** 2"
            return self.function("sum", [squares], axis=self.axis_text(given))
        if name == "where" and args[0].op == "compare":
            return self.function("where compare", words)
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
        several = name == "stack" or (isinstance(operator, Elementwise) and operator.arity > 1)
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
