"""Atoms of LaTeX formulas: numbers, names, accents and styles, fractions, roots, and all kinds of brackets."""

from __future__ import annotations

from abc import abstractmethod
from typing import NoReturn

import sympy

from ..errors import AmbiguityError, LimitError, ParseError
from . import latex_densities
from .latex_conditions import Conditions
from .latex_names import ACCENTS, GREEK, STYLES, Label, Name, Names
from .latex_tokens import Token
from .latex_tree import Tree, is_number
from .latex_words import refusal
from .position import at

#: Norms and absolute values within each other, without a bracket between.
BARS = 12

FRACTIONS = frozenset("frac tfrac dfrac cfrac nicefrac sfrac".split())


class Atoms(Conditions):
    """The part of the grammar that reads one atom."""

    def __init__(
        self, text: str, tokens: list[Token], names: Names, local: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(text, tokens)
        self.names = names
        self.local = local  # names defined behind the formula
        self.words = names.words
        self.closing: list[str] = []  # the bars that are open, innermost last
        self.bound: list[str] = []
        self.behind: set[str] = set()
        self.arguments_of: dict[str, tuple[str, ...]] = {}  # ρ(x) defined behind the formula is one name

    @abstractmethod
    def expression(self) -> Tree:
        """Terms with signs."""

    def stray(self) -> NoReturn:
        """The error for a token at which the formula cannot go on."""
        token = self.token
        if token is None:
            raise ParseError("the formula ends where something is missing", self.text, len(self.text))
        if token.kind == "command":
            raise refusal(token.value, self.text, token.start)
        shown = self.text[token.start : token.end]
        why = {
            "close": f"`{shown}` closes nothing",
            "}": "`}` closes nothing",
            "=": "`=` within a formula",
            "break": "a line break between two factors: is this one formula?",
            ",": "`,` here is not between arguments",
        }
        raise ParseError(why.get(token.kind, f"`{shown}` is out of place"), self.text, token.start)

    def atom(self) -> Tree:
        """A number, a name, something in brackets, a fraction or a root."""
        token = self.next()
        start, end = token.start, token.end
        if (token.value in ("1", "I") or token.value in ("[", "cases")) and (
            found := self.conditional(token)
        ):
            return found
        if token.kind == "number":
            return Tree("number", (), sympy.Rational(token.value), start, end)
        if token.kind == "declared":
            return Tree("declared", (), token.value, start, end)
        if token.kind == "letter":
            return self.letters(token)
        if token.kind == "word":
            return self.word(token)
        if token.kind == "{":
            self.index -= 1
            return self.braces()
        if token.kind == "open":
            self.index -= 1
            if token.value == "<":
                return self.inner_product()
            args = self.bracketed()
            if len(args) != 1:
                raise ParseError("a comma between brackets that are no arguments", self.text, args[1].start)
            return Tree("group", args, token.value, start, self.tokens[self.index - 1].end)
        if token.kind == "bar":
            return self.bars(token)
        if token.kind == "command":
            return self.command(token)
        self.index -= 1
        self.stray()

    def conditional(self, token: Token) -> Tree | None:
        """`1[a<b]`, `I(a<b)`, `[a<b]` and cases, where one begins with this token."""
        if token.kind == "open":
            if token.value == "cases":
                return self.cases(token)
            self.index -= 1
            if self.relation_ahead():
                return self.indicator(token.start)
            self.index += 1
            return None
        declared = token.value == "I" and self.names.lookup(Name("I")) is not None
        return self.indicator(token.start) if not declared and self.indicator_follows() else None

    def letters(self, token: Token) -> Tree:
        """A letter, or the letters of a declared name that stand together."""
        run = self.run(self.index - 1)
        for length in range(len(run), 1, -1):
            word = run[:length]
            if word in self.words or word in self.local:
                single = [c for c in word if c in self.names.variables or c in self.names.sizes]
                if len(single) == length:
                    raise AmbiguityError(
                        f"`{word}` could be one name or a product",
                        (word, " @ ".join(word)),
                        self.text,
                        token.start,
                        f"write \\mathrm{{{word}}} for the name, or put spaces between the factors",
                    )
                last = token
                for _ in range(length - 1):
                    last = self.next()
                return Tree("name", (), Name(word), token.start, last.end)
        return Tree("name", (), Name(token.value), token.start, token.end)

    def word(self, token: Token) -> Tree:
        """A word in upright letters: a declared name, or a refusal."""
        value = token.value
        if len(value) == 1 or value in self.names.variables or value in self.words or value in self.local:
            return Tree("name", (), Name(value), token.start, token.end)
        if all(c in self.names.variables for c in value) and self.text.startswith("\\mathit", token.start):
            factors = tuple(Tree("name", (), Name(c), token.start, token.end) for c in value)
            return Tree("chain", factors, None, token.start, token.end)
        raise refusal(value, self.text, token.start, word=True)

    def command(self, token: Token) -> Tree:
        """A Greek letter, an accent, a style, a fraction, a root."""
        value, start = token.value, token.start
        if value in GREEK:
            return Tree("name", (), Name(value), start, token.end)
        if value == "pi":
            return Tree("name", (), Name("pi"), start, token.end)
        if value in ACCENTS:
            inner = self.argument()
            if inner.kind != "name" or inner.data.accent:
                raise ParseError(f"`\\{value}` over something that is not a name", self.text, start)
            return Tree("name", (), Name(inner.data.base, ACCENTS[value]), start, inner.end)
        if value in STYLES:
            return self.styled(token)
        if value in FRACTIONS:
            above, below = self.argument(), self.argument()
            return Tree("frac", (above, below), None, start, self.tokens[self.index - 1].end)
        if value == "sqrt":
            degree: tuple[Tree, ...] = ()
            if self.token is not None and self.token.kind == "open" and self.token.value == "[":
                degree = self.bracketed()
            inside = self.argument()
            return Tree("sqrt", (inside, *degree), None, start, self.tokens[self.index - 1].end)
        if value in ("nabla", "partial"):
            raise ParseError(
                f"`\\{value}` inside a formula", self.text, start, "derivatives stand on the left of `=` only"
            )
        raise refusal(value, self.text, start)

    def styled(self, token: Token) -> Tree:
        """`\\mathbf W`: the letter itself; `\\mathbf 1` and `\\mathbb 1` are the vector of ones."""
        inner = self.argument()
        if latex_densities.begins(token, inner) and (
            found := self.density(token.start, latex_densities.separator(self.tokens, self.index))
        ):
            return found
        if token.value == "mathrm" and inner.kind == "name" and inner.data == Name("pi"):
            return Tree("number", (), sympy.pi, token.start, inner.end)  # upright: the number
        blackboard = token.value in ("mathbb", "mathds", "mathbbm")
        one = is_number(inner) and inner.data == 1
        if (one or (inner.kind == "name" and inner.data == Name("I"))) and self.indicator_follows():
            return self.indicator(token.start)
        if is_number(inner) and token.value not in ("mathrm", "text", "mathcal"):
            if inner.data == 1:
                return Tree("ones", (), None, token.start, inner.end)
            if inner.data == 0 and not blackboard:
                return Tree("zeros", (), None, token.start, inner.end)
        unknown = inner.kind == "name" and inner.data.base != "I" and self.names.lookup(inner.data) is None
        if unknown and token.value in ("mathbb", "mathds"):
            raise refusal(f"mathbb{{{inner.data.base}}}", self.text, token.start)
        if inner.kind == "group" and inner.data == "brace":
            inner = inner.args[0]
        return Tree(inner.kind, inner.args, inner.data, token.start, inner.end)

    def density(self, start: int, middle: int | None) -> Tree | None:
        """`(x \\mid \\mu, \\Sigma)` with the token in the middle at that place; None where there is none."""
        if middle is None:
            return None
        bar = self.tokens[middle]
        self.tokens[middle] = Token(
            "bar", "|", bar.start, bar.end
        )  # closes x, as an absolute value is closed
        opened = self.next()
        self.closing.append("|")
        x = self.expression()
        self.closing.pop()
        if self.index != middle:
            self.stray()
        self.tokens[self.index] = Token("open", opened.value, bar.start, bar.end)
        args = self.bracketed()
        if len(args) != 2:
            raise ParseError(
                "a normal density has a mean and a variance",
                self.text,
                start,
                "\\mathcal N(x \\mid \\mu, \\Sigma)",
            )
        return Tree("density", (x, *args), None, start, self.tokens[self.index - 1].end)

    def bracketed(self) -> tuple[Tree, ...]:
        """`( a, b, … )` with any bracket; the closing one must match."""
        opened = self.next()
        self.closing, outer = [], self.closing
        found = [self.expression()]
        while self.token is not None and self.token.kind in (",", ";"):
            self.next()
            found.append(self.expression())
        self.closing = outer
        token = self.token
        if token is None:
            raise ParseError(
                f"`{self.text[opened.start : opened.end]}` is never closed", self.text, opened.start
            )
        if token.kind != "close" or token.value != opened.value:
            if token.kind == "close":
                first, second = self.text[opened.start : opened.end], self.text[token.start : token.end]
                raise ParseError(f"`{first}` is closed by `{second}`", self.text, token.start)
            self.stray()
        self.next()
        return tuple(found)

    def inner_product(self) -> Tree:
        """`\\langle a, b \\rangle`."""
        start = self.place
        args = self.bracketed()
        if len(args) != 2:
            raise ParseError("`\\langle … \\rangle` takes two parts with a comma between", self.text, start)
        if self.peek_is("_", 0):
            self.next()
            labels = self.labels()
            if [label.text for label in labels] != ["F"]:
                raise ParseError(
                    "an inner product with a subscript other than F is not read", self.text, start
                )
        return Tree("inner", args, None, start, self.tokens[self.index - 1].end)

    def bars(self, token: Token) -> Tree:
        """`| … |` or `\\| … \\|`; two single bars in a row open a norm."""
        kind = token.value
        if token.side == "right":
            raise ParseError(f"`{self.text[token.start : token.end]}` closes nothing", self.text, token.start)
        if kind == "|" and len(self.closing) < BARS and self.doubled(token):
            self.next()
            kind = "||"
        if len(self.closing) >= BARS:
            raise at(LimitError(f"more than {BARS} bars within each other"), self.text, token.start)
        self.closing.append(kind)
        inner = self.expression()
        self.closing.pop()
        end = self.token
        if end is None or end.kind != "bar" or end.side == "left":
            if end is not None and end.kind != "bar":
                self.stray()
            raise ParseError(
                f"`{self.text[token.start : token.end]}` is never closed", self.text, token.start
            )
        self.next()
        if kind == "||" and end.value == "|":
            second = self.token
            if second is None or second.kind != "bar" or second.value != "|":
                raise ParseError("a norm opened by two bars is closed by one", self.text, end.start)
            self.next()
        elif end.value != kind:
            raise ParseError("a bar is closed by another kind of bar", self.text, end.start)
        if kind == "|":
            return Tree("abs", (inner,), None, token.start, end.end)
        return self.norm(inner, token)

    def doubled(self, token: Token) -> bool:
        """Whether a single bar and the next one open a norm together."""
        following = self.token
        if (
            following is None
            or following.kind != "bar"
            or following.value != "|"
            or following.side != token.side
        ):
            return False
        if not token.side:
            return following.start == token.end
        depth, ends = 0, list[int]()
        for k in range(self.index - 1, len(self.tokens)):
            if self.tokens[k].kind == "bar" and self.tokens[k].side:
                depth += 1 if self.tokens[k].side == "left" else -1
                if depth <= 1 and self.tokens[k].side == "right":
                    ends.append(k)
                if depth == 0:
                    break
        return len(ends) >= 2 and ends[0] == ends[-1] - 1  # the inner pair closes right before the outer

    def norm(self, inner: Tree, token: Token) -> Tree:
        """A norm with its subscript, which may stand before or behind a power."""
        labels: tuple[Label, ...] = ()
        exponent = weight = None
        while self.token is not None and self.token.kind in ("_", "^"):
            if self.next().kind == "_":
                if labels or weight is not None:
                    raise ParseError("a norm with two subscripts", self.text, self.place)
                weight = self.weight()
                labels = self.labels() if weight is None else ()
            elif exponent is None:
                exponent = self.argument()
            else:
                raise ParseError("a norm with two powers", self.text, self.place)
        end = self.tokens[self.index - 1].end
        args = (inner,) if weight is None else (inner, weight)
        tree = Tree("norm", args, labels, token.start, end)
        return tree if exponent is None else Tree("power", (tree, exponent), "", token.start, end)
