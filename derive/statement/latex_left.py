"""What stands left of `=`: `f(w)`, `\\nabla_w f`, `\\frac{\\partial L}{\\partial W_{ij}}`, `w^*`; and what it says.

The left side is not part of the formula. It says what kind of thing the right side is, with respect to what,
and which indices are free there: in ∂L/∂W_ij = … the letters i and j run over the axes of W.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..errors import ParseError
from .latex_names import GREEK, STYLES, Label, Name, Names
from .latex_tokens import Token

#: The kinds of left side.
KINDS = ("value", "gradient", "hessian", "jacobian", "minimiser", "update")


@final
@dataclass(frozen=True)
class Left:
    """The kind of a left side, the name with respect to which, and the subscripts of that name.

    `of` are the tokens of the formula that is differentiated, where it stands there: `\\nabla_w \\|w\\|^2`.
    """

    kind: str = "value"
    wrt: Name | None = None
    labels: tuple[Label, ...] = ()
    of: tuple[Token, ...] = ()


def read(tokens: list[Token], text: str, names: Names, update: bool) -> Left:
    """What a left side says."""
    return Reader([t for t in tokens if t.kind != "break"], text, names).read(update)


@final
class Reader:
    """A cursor over the tokens of a left side."""

    def __init__(self, tokens: list[Token], text: str, names: Names) -> None:
        self.tokens, self.text, self.names, self.index = tokens, text, names, 0

    @property
    def token(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    @property
    def place(self) -> int:
        token = self.token
        return token.start if token else (self.tokens[-1].end if self.tokens else 0)

    def is_(self, *values: str) -> bool:
        """Whether the next token is one of these commands, letters or signs."""
        return self.token is not None and self.token.value in values

    def refuse(self) -> ParseError:
        return ParseError(
            "this left side is not read",
            self.text,
            self.place,
            "left of `=` stands f(w), \\nabla_w f, \\frac{\\partial f}{\\partial w}, or the name of an unknown",
        )

    # ------------------------------------------------------------ the forms

    def read(self, update: bool) -> Left:
        if not self.tokens:
            return Left()
        if self.token is not None and self.token.kind == "open":
            found = self.entry()
        elif self.is_("nabla"):
            found = self.nabla()
        elif self.is_("frac", "dfrac", "tfrac"):
            found = self.fraction()
        elif self.is_("partial"):
            found = self.partial()
        else:
            found = self.plain(update)
        if self.index != len(self.tokens):
            raise self.refuse()
        return found

    def entry(self) -> Left:
        """`(\\nabla f)_j`, `[\\nabla_W f]_{ij}`, `(\\nabla^2 f)_{ij}`: the entries of a derivative."""
        count = self.arguments()
        inner = Reader(self.tokens[1 : count - 1], self.text, self.names)
        if not inner.is_("nabla") or not self.is_("_"):
            self.index = 0
            raise self.refuse()
        left = inner.read(False)
        self.index += 1
        group = self.group(self.index)
        self.skip(group)
        labels = tuple(Label("name", t.value, t.start) for t in group if t.kind != ",")
        return Left(left.kind, left.wrt, labels, left.of)

    def plain(self, update: bool) -> Left:
        """`f(w)`, `L`, `w^*`, `w` of an update."""
        differential = (
            self.is_("D") and self.index + 1 < len(self.tokens) and self.names.lookup(Name("D")) is None
        )
        if differential and self.tokens[1].kind == "letter":
            self.index += 1
            _, _ = self.name()
            return Left("jacobian", self.argument_name())
        if (logarithm := self.logarithm()) is not None:
            return logarithm
        name, labels = self.name()
        if name is None:
            raise self.refuse()
        declared = self.declared(name, labels)
        star = self.star()
        if declared is not None:
            return Left("update" if update else "minimiser", declared, ())
        if update:
            raise self.names.unknown(name, self.text, self.tokens[0].start)
        self.argument_name()
        return Left("minimiser" if star else "value", None)

    def logarithm(self) -> Left | None:
        """`\\log p(y \\mid x)`, `-\\ln L(w)` of something that is no data: a name for the value, as f(w) is."""
        start = self.index
        if self.token is not None and self.token.kind == "-":
            self.index += 1
        if self.is_("log", "ln"):
            self.index += 1
            name, labels = self.name()
            if name is not None and self.declared(name, labels) is None and self.arguments():
                return Left("value", None)
        self.index = start
        return None

    def star(self) -> bool:
        """Whether `^*` or `^\\star` follows."""
        if not self.is_("^"):
            return False
        group = self.group(self.index + 1)
        if [t.value for t in group] not in (["*"], ["star"], ["ast"]):
            raise self.refuse()
        self.index += 1
        self.skip(group)
        return True

    def declared(self, name: Name, labels: tuple[Label, ...]) -> Name | None:
        """The name as it is declared, a hat or star taken off, or None."""
        if labels:
            joined = self.names.joined(name, labels)
            return Name(joined) if joined else None
        for form in (name, Name(name.base)):
            if self.names.lookup(form) in self.names.variables:
                return form
        return None

    def nabla(self) -> Left:
        """`\\nabla f`, `\\nabla_w f(w)`, `\\nabla^2_w f`, `\\nabla_{ww}^2 f`."""
        self.index += 1
        wrt: Name | None = None
        labels: tuple[Label, ...] = ()
        hessian = False
        while self.is_("_", "^"):
            sign = self.token
            assert sign is not None
            self.index += 1
            group = self.group(self.index)
            if sign.value == "^":
                if [t.value for t in group] != ["2"]:
                    raise self.refuse()
                hessian = True
            else:
                inner = Reader(group, self.text, self.names)
                wrt, labels = inner.name()
                while inner.token is not None:  # \nabla^2_{ww}
                    again, _ = inner.name()
                    if again != wrt or again is None:
                        raise self.refuse()
            self.skip(group)
        argument, of = self.differentiated(wrt) if self.token is not None or wrt is None else (None, ())
        return Left("hessian" if hessian else "gradient", wrt or argument, labels, of)

    def differentiated(self, wrt: Name | None) -> tuple[Name | None, tuple[Token, ...]]:
        """`f(w)`, or a whole formula: the argument, and the tokens of the formula."""
        start = self.index
        try:
            name = self.function()
            known = any(t.kind != "open" for t in self.tokens[start : start + 1])
            if self.index == len(self.tokens) and known and not self.formula(self.tokens[start:]):
                return name, ()
        except ParseError:
            pass
        if wrt is None:
            self.index = start
            raise self.refuse()
        self.index = len(self.tokens)
        return None, tuple(self.tokens[start:])

    def formula(self, tokens: list[Token]) -> bool:
        """Whether a name is that of declared data, and so no function that the text speaks of."""
        name, labels = Reader(tokens, self.text, self.names).name()
        return name is not None and not labels and self.names.lookup(name) in self.names.variables

    def function(self) -> Name | None:
        """`f`, `f(w)`, `\\mathcal L(W, b)`; gives the argument where there is one."""
        bracket = self.token is not None and self.token.kind == "open"
        if not bracket:
            name, _ = self.name()
            if name is None:
                raise self.refuse()
        return self.argument_name()

    def partial(self) -> Left:
        """`\\partial_w f`, `\\partial f / \\partial w`."""
        self.index += 1
        if self.is_("_"):
            self.index += 1
            group = self.group(self.index)
            wrt, labels = Reader(group, self.text, self.names).name()
            self.skip(group)
            _, of = self.differentiated(wrt)
            return Left("gradient", wrt, labels, of)
        self.function()
        if not self.is_("/"):
            raise self.refuse()
        self.index += 1
        if not self.is_("partial"):
            raise self.refuse()
        self.index += 1
        wrt, labels = self.name()
        return Left("gradient", wrt, labels)

    def fraction(self) -> Left:
        """`\\frac{\\partial L}{\\partial W}`, `\\frac{d^2 f}{d w^2}`, `\\frac{\\partial}{\\partial w} f`."""
        self.index += 1
        above = self.group(self.index)
        self.skip(above)
        below = self.group(self.index)
        self.skip(below)
        if not above or not _is_d(above[0]):
            raise self.refuse()
        twice = len(above) > 2 and above[1].value == "^" and above[2].value in ("2", "{")
        wrt, labels, count = _below(below, self)
        kind = "hessian" if twice or count > 1 else "gradient"
        upper = Reader(above[3 if twice and above[2].value == "2" else 1 :], self.text, self.names)
        if twice and above[2].value != "2":  # \\partial^{2}
            upper.tokens = above[5:]
        if self.index < len(self.tokens):
            if upper.token is not None:  # \\frac{\\partial f}{\\partial w}(w)
                return Left(kind, wrt or self.argument_name(), labels)
            argument, of = self.differentiated(wrt)
            return Left(kind, wrt or argument, labels, of)
        above_labels = self.entries_above(upper) if labels else ()
        if above_labels:  # \\frac{\\partial f_i}{\\partial x_j}
            return Left("jacobian", wrt, (*above_labels, *labels))
        of = upper.differentiated(wrt)[1] if upper.token is not None else ()
        return Left(kind, wrt, labels, of)

    def entries_above(self, upper: Reader) -> tuple[Label, ...]:
        """The indices of a function above ∂, one that is no data: f_i, and not L_{ridge}."""
        start = upper.index
        name, labels = upper.name()
        single = all(label.kind == "name" and len(label.text) == 1 for label in labels)
        if name is not None and single and upper.token is None and self.declared(name, labels) is None:
            return labels
        upper.index = start
        return ()

    # ------------------------------------------------------------ pieces

    def group(self, start: int) -> list[Token]:
        """The tokens of the argument at a place, without its braces."""
        if start >= len(self.tokens):
            raise self.refuse()
        if self.tokens[start].kind != "{":
            return [self.tokens[start]]
        depth = 0
        for k in range(start, len(self.tokens)):
            depth += {"{": 1, "}": -1}.get(self.tokens[k].kind, 0)
            if depth == 0:
                return self.tokens[start + 1 : k]
        raise ParseError("`{` is never closed", self.text, self.tokens[start].start)

    def skip(self, group: list[Token]) -> None:
        """Go behind an argument."""
        self.index += len(group) + (2 if self.token is not None and self.token.kind == "{" else 0)

    def bare(self) -> int:
        """How many tokens a name without scripts takes; 0 where there is none."""
        tokens = [t if t.value not in ("_", "^") else Token("stop", "", t.start, t.end) for t in self.tokens]
        reader = Reader(tokens, self.text, self.names)
        name, _ = reader.name()
        return reader.index if name is not None else 0

    def name(self) -> tuple[Name | None, tuple[Label, ...]]:
        """A name with a style, accent and subscript."""
        token = self.token
        if token is None:
            return None, ()
        name: Name | None = None
        if token.kind in ("letter", "word", "declared"):
            name = Name(token.value)
            self.index += 1
            if token.kind == "letter":
                self.longer(token)
                name = Name(self.text[token.start : self.tokens[self.index - 1].end])
        elif token.kind == "command" and (token.value in GREEK or token.value == "pi"):
            name = Name(token.value)
            self.index += 1
        elif token.kind == "command" and (token.value in STYLES or token.value in ("hat", "bar", "tilde")):
            self.index += 1
            group = self.group(self.index)
            inner, _ = Reader(group, self.text, self.names).name()
            self.skip(group)
            if inner is not None:
                name = Name(
                    inner.base, token.value if token.value in ("hat", "bar", "tilde") else inner.accent
                )
        elif token.kind == "{":
            group = self.group(self.index)
            name, _ = Reader(group, self.text, self.names).name()
            self.skip(group)
        labels: tuple[Label, ...] = ()
        if name is not None and self.is_("_"):
            self.index += 1
            group = self.group(self.index)
            labels = tuple(
                Label("number" if t.kind == "number" else "name", t.value, t.start)
                for t in group
                if t.kind != ","
            )
            self.skip(group)
        return name, labels

    def longer(self, token: Token) -> None:
        """Go on over the letters of a declared name of several letters."""
        for length in range(min(40, len(self.tokens) - self.index + 1), 1, -1):
            word = self.text[token.start : token.start + length]
            if word in self.names.words and self.tokens[self.index - 2 + length].end == token.start + length:
                self.index += length - 1
                return

    def arguments(self) -> int:
        """Go behind `(w)`; gives the number of tokens."""
        token = self.token
        if token is None or token.kind != "open":
            return 0
        start, depth = self.index, 0
        for k in range(start, len(self.tokens)):
            depth += {"open": 1, "close": -1}.get(self.tokens[k].kind, 0)
            if depth == 0:
                self.index = k + 1
                return k + 1 - start
        raise ParseError("a bracket is never closed", self.text, token.start)

    def argument_name(self) -> Name | None:
        """The one name in the brackets behind a function, or None."""
        start = self.index
        count = self.arguments()
        if count < 3:
            return None
        inner = Reader(self.tokens[start + 1 : start + count - 1], self.text, self.names)
        name, labels = inner.name()
        return name if name is not None and not labels and inner.token is None else None


def _is_d(token: Token) -> bool:
    return token.value in ("partial", "d")


def _below(tokens: list[Token], outer: Reader) -> tuple[Name | None, tuple[Label, ...], int]:
    """What stands below ∂: the name, its subscripts, and how often it is differentiated."""
    reader = Reader(tokens, outer.text, outer.names)
    names: list[tuple[Name, tuple[Label, ...]]] = []
    while reader.token is not None:
        if not _is_d(reader.token):
            raise outer.refuse()
        reader.index += 1
        name, labels = reader.name()
        if name is None:
            raise outer.refuse()
        names.append((name, labels))
        if reader.is_("^"):
            reader.index += 1
            group = reader.group(reader.index)
            reader.skip(group)
            if [t.value for t in group] == ["2"]:
                names.append((name, labels))
            elif [t.value for t in group] not in (["top"], ["T"], ["intercal"]):
                raise outer.refuse()
    if not names or len(names) > 2:
        raise outer.refuse()
    if len({name for name, _ in names}) > 1:
        raise ParseError("a mixed second derivative on the left is not read", outer.text, tokens[0].start)
    labels = tuple(label for _, ls in names for label in ls)
    return names[0][0], labels, len(names)
