"""Functions and big operators of LaTeX: where their arguments begin and end.

With brackets the argument is what they hold. Without, it is the product that follows: numbers and names with their
scripts, up to a sign, a bracket, another function or a big operator. Doubtful ends are refused.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

from ..errors import AmbiguityError, LimitError, ParseError
from .latex_atoms import FRACTIONS, Atoms
from .latex_conditions import relation
from .latex_names import Label, Name
from .latex_tokens import Token
from .latex_tree import Big, Called, Tree, free_labels, is_number, is_open
from .latex_words import COMMAND_FUNCTIONS, SIGMA_LIKE, WHOLE_PRODUCT, word_function
from .position import at

#: Big operators within each other.
BIG_DEPTH = 6

CIRCLED = {
    "odot": "odot",
    "circ": "odot",
    "oslash": "oslash",
    "otimes": "otimes",
    "ast": "star",
    "star": "star",
}
CONNECTORS = {"cdot": "cdot", "times": "times", "bullet": "times"}
BIG = {"sum": "sum", "prod": "prod", "max": "max", "min": "min"}


class Application(Atoms):
    """The part of the grammar that reads one factor."""

    @abstractmethod
    def term(self) -> Tree:
        """Factors multiplied."""

    @abstractmethod
    def sign(self) -> int:
        """The signs before a term."""

    def starts_factor(self) -> bool:
        """Whether the next token can begin a factor."""
        token = self.token
        if token is None:
            return False
        if token.kind == "bar":
            return self.bar_opens(token)
        if token.kind == "command":
            joins = token.value in CIRCLED or token.value in CONNECTORS or token.value in ("div", "pm", "mp")
            return not joins and relation(token) is None
        return token.kind in ("letter", "number", "word", "declared", "open", "{")

    def bar_opens(self, token: Token) -> bool:
        """Whether a bar behind a factor opens something new."""
        if token.side:
            return token.side == "left"
        return not self.closing

    def factor(self) -> Tree:
        """A function with its argument, a big operator, or an atom with scripts."""
        token = self.token
        if token is None:
            self.stray()
        if token.kind == "command":
            if token.value in ("sum", "prod"):
                return self.big()
            if token.value in ("max", "min") and self.peek_is("_", 1):
                return self.big()
            if token.value in COMMAND_FUNCTIONS:
                self.next()
                return self.application(COMMAND_FUNCTIONS[token.value], token)
            if token.value in SIGMA_LIKE and self.applied(token):
                self.next()
                return self.application(SIGMA_LIKE[token.value], token)
        name = self.function_word(token)
        if name is not None:
            return self.application(name, token)
        atom = self.atom()
        if atom.kind == "name" and atom.data.shown in self.arguments_of:
            atom = self.applied_definition(atom)
        return self.scripts(atom)

    def applied_definition(self, atom: Tree) -> Tree:
        """A function that is defined behind the formula, with its argument."""
        wanted = self.arguments_of[atom.data.shown]
        parameters = wanted[1:-1:2]
        undeclared = all(self.names.lookup(Name(p)) is None for p in parameters)
        if undeclared and set(wanted[2:-1:2]) <= {","} and self.peek_is("open", 0):
            args = self.bracketed()
            if len(args) == len(parameters) == len(set(parameters)):
                return Tree(
                    "applied",
                    args,
                    (atom.data.shown, parameters),
                    atom.start,
                    self.tokens[self.index - 1].end,
                )
        found = tuple(t.value for t in self.tokens[self.index : self.index + len(wanted)])
        if found != wanted:
            raise ParseError(
                f"`{atom.data.shown}` is defined with another argument",
                self.text,
                atom.start,
                "write it the same way, or define it for an argument whose name is not declared",
            )
        self.index += len(wanted)
        return atom

    def function_word(self, token: Token) -> str | None:
        """The function that a word, or letters that stand together, name; the tokens are consumed."""
        if token.kind == "word":
            if token.value in self.words or token.value in self.names.variables or token.value in self.local:
                return None
            name = word_function(token.value)
            if name is None and self.names.symbols.get(token.value) is not None:
                return None
            if name is not None:
                self.next()
            return name
        if token.kind == "declared":
            return None
        if token.kind == "letter" and token.value not in self.names.variables:
            run = self.run()
            name = word_function(run) if len(run) > 1 and run not in self.words else None
            if name is not None:
                letters = [c for c in run if c in self.names.variables or c in self.names.sizes]
                if len(letters) == len(run):
                    raise AmbiguityError(
                        f"`{run}` could be a function or a product of variables",
                        (f"{name}(…)", " @ ".join(run)),
                        self.text,
                        token.start,
                        f"write \\operatorname{{{run}}} for the function",
                    )
                for _ in run:
                    self.next()
            return name
        return None

    def applied(self, token: Token) -> bool:
        """Whether a Greek letter such as σ that is not declared is applied to an argument."""
        if self.names.lookup(Name(token.value)) is not None or token.value in self.local:
            return False
        k = 1
        while self.peek_is("'", k):
            k += 1
        follower = self.peek(k)
        if follower is not None and follower.kind == "^":
            behind = self.peek(k + 2)
            if behind is not None and behind.kind == "open":
                shown = self.text[token.start : token.end]
                raise AmbiguityError(
                    f"`{shown}` with a power before a bracket: the function, or a factor that is not declared?",
                    (f"{SIGMA_LIKE[token.value]}(…) ** 2", f"{token.value} ** 2 * (…)"),
                    self.text,
                    token.start,
                    f"declare {token.value}, or write {shown}(…)^2",
                )
        return follower is not None and follower.kind == "open" and follower.value in "([{"

    def application(self, name: str, token: Token) -> Tree:
        """A function with its scripts and its argument."""
        exponent, labels, primes, entries = None, tuple[Label, ...](), 0, False
        while self.token is not None and self.token.kind in ("^", "_", "'"):
            sign = self.next()
            if sign.kind == "'":
                primes += 1
            elif sign.kind == "_":
                labels = (*labels, *self.labels())
            elif self.circle():
                entries = True
            else:
                exponent = self.argument()
                if exponent.kind == "sum" and exponent.data == (-1,):
                    shown = self.text[token.start : token.end]
                    raise AmbiguityError(
                        f"`{shown}^{{-1}}` could be the inverse function or the reciprocal",
                        (f"arc{name}(x)", f"1 / {name}(x)"),
                        self.text,
                        sign.start,
                    )
        args, bracketed = self.arguments(name, token)
        end = self.tokens[self.index - 1].end
        call = Tree("call", args, Called(name, primes, labels, bracketed, entries), token.start, end)
        if exponent is not None:
            call = Tree("power", (call, exponent), "", token.start, end)
            return call
        return self.scripts(call) if bracketed else call

    def circle(self) -> bool:
        """`{\\odot}` or `\\odot` above a function, and nothing else: consumed."""
        braced = self.peek_is("{", 0)
        sign = self.peek(1 if braced else 0)
        if sign is None or sign.kind != "command" or CIRCLED.get(sign.value) != "odot":
            return False
        if braced and not self.peek_is("}", 2):
            return False
        self.index += 3 if braced else 1
        return True

    def arguments(self, name: str, function: Token) -> tuple[tuple[Tree, ...], bool]:
        """The arguments of a function, and whether they stood in brackets."""
        token = self.token
        if token is None:
            shown = self.text[function.start : function.end]
            raise ParseError(f"`{shown}` without an argument", self.text, function.start)
        if token.kind == "open" and token.value != "<":
            return self.bracketed(), True
        if token.kind == "{":
            inner = self.braces()
            return ((inner.args[0] if inner.kind == "group" else inner),), True
        first = self.factor()
        if first.kind == "big" and first.args[0].kind in ("chain", "product", "circled"):
            last = first.args[0].args[-1]
            if not free_labels(last) & set(
                first.data.indices
            ):  # log Σ_i x_i z: log(Σ x_i) z, or log(Σ x_i z)?
                self.doubtful(name, [first], Token("", "", last.start, last.end))
        found = [first]
        whole = name in WHOLE_PRODUCT
        if is_open(first) or whole:
            while self.starts_factor() and (token := self.token) is not None:
                bracket = token.kind in ("open", "bar", "{")
                command = token.value if token.kind == "command" else ""
                if command in COMMAND_FUNCTIONS or command in BIG or token.kind == "word":
                    if whole and token.kind == "word" and token.value not in self.names.variables:
                        self.doubtful(name, found, token)
                    if token.kind != "word" or token.value not in self.names.variables:
                        break
                if bracket and name in (
                    "det",
                    "logdet",
                ):  # a determinant is a factor more often than it has such ones
                    self.doubtful(name, found, token)
                if not whole and (bracket or command in FRACTIONS):
                    if not all(is_number(f) for f in found):
                        self.doubtful(name, found, token)
                    found.append(self.factor())
                    break
                found.append(self.factor())
        elif self.starts_factor() and first.kind in ("frac", "sqrt") and (token := self.token) is not None:
            command = token.value if token.kind == "command" else ""
            if command not in COMMAND_FUNCTIONS and command not in BIG:
                self.doubtful(name, found, token)
        if len(found) == 1:
            return (first,), False
        return (Tree("chain", tuple(found), None, first.start, found[-1].end),), False

    def doubtful(self, name: str, found: list[Tree], token: Token) -> NoReturn:
        """A function without brackets before something that may or may not belong to its argument."""
        inside = self.text[found[0].start : found[-1].end]
        raise AmbiguityError(
            f"where does the argument of {name} end?",
            (f"{name}({inside}) * …", f"{name}({inside} * …)"),
            self.text,
            token.start,
            "put brackets around the argument",
        )

    def big(self) -> Tree:
        """`\\sum_{i=1}^n body`, and \\prod, \\max, \\min over an index."""
        token = self.next()
        if len(self.bound) >= BIG_DEPTH:
            raise at(
                LimitError(f"more than {BIG_DEPTH} big operators within each other"), self.text, token.start
            )
        indices: tuple[str, ...] = ()
        lower, upper, condition = 1, None, None
        while self.token is not None and self.token.kind in ("^", "_"):
            if self.next().kind == "_":
                indices, lower, inside, condition = self.bounds(token)
                upper = inside or upper
            else:
                upper = self.argument()
        before = self.to_index(indices, upper) if upper is not None and token.value == "sum" else None
        if before is not None and lower == 1 and condition is None:
            upper, condition = None, before
        if not indices:
            raise ParseError(
                f"`\\{token.value}` without an index",
                self.text,
                token.start,
                f"write \\{token.value}_i or \\{token.value}_{{i=1}}^n",
            )
        self.bound.extend(indices)
        if token.value in ("max", "min") and self.token is not None and self.token.kind == "open":
            body = self.scripts(self.atom())
        else:
            sign = self.sign()
            body = self.term()
            if sign < 0:
                body = Tree("sum", (body,), (-1,), body.start, body.end)
        del self.bound[-len(indices) :]
        self.behind.update(indices)
        if token.value != "sum" and body.kind in ("chain", "product", "circled"):
            outside = [p for p in body.args if not free_labels(p) & set(indices)]
            if outside:
                raise AmbiguityError(
                    f"does `{self.snippet(outside[-1])}` belong to `\\{token.value}`?",
                    (),
                    self.text,
                    outside[-1].start,
                    "put brackets around it",
                )
        bounds = () if upper is None else (upper,)
        if condition is not None:
            bounds = (*bounds, condition)
        data = Big(BIG[token.value], indices, lower, upper is not None, condition is not None)
        return Tree("big", (body, *bounds), data, token.start, body.end)
