"""Walking along tokens, and what TeX hangs on a symbol: subscripts, powers, transposition, indices.

In print a subscript and a superscript stand above each other, so their order in the source says nothing;
here the subscript is always taken inside, and the rare cases where that matters are decided, or refused,
when sizes are known (`first` marks a superscript that was typed before the subscript).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

import sympy

from ..errors import AmbiguityError, ParseError, UnsupportedError
from .latex_names import GREEK, Label, Name, Names
from .latex_tokens import Token
from .latex_tree import Tree
from .latex_words import refusal
from .position import at

_TOPS = frozenset({"top", "intercal", "transp", "T", "mathsf"})


class Scripts(ABC):
    """The cursor, and the parts of the grammar that do not look beyond one symbol."""

    text: str
    names: Names
    bound: list[str]
    rows = 0  # environments of cases that are open

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.index = text, 0
        self.tokens: list[Token] = []
        for token in tokens:
            if token.kind == "}" and self.tokens and self.tokens[-1].kind == "{":
                self.tokens.pop()  # `{}` sets nothing
            else:
                self.tokens.append(token)

    @abstractmethod
    def expression(self) -> Tree:
        """Terms with signs."""

    @abstractmethod
    def below(self, operator: Token, indices: list[str], count: int) -> tuple[tuple[str, ...], Tree] | None:
        """A condition below a sum."""

    @abstractmethod
    def command(self, token: Token) -> Tree:
        """An atom that begins with a command."""

    @abstractmethod
    def stray(self) -> NoReturn:
        """The error for a token that is out of place."""

    # ------------------------------------------------------------ the cursor

    @property
    def token(self) -> Token | None:
        """The token that comes next."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def peek(self, ahead: int) -> Token | None:
        """The token so far ahead."""
        k = self.index + ahead
        return self.tokens[k] if k < len(self.tokens) else None

    def peek_is(self, kind: str, ahead: int) -> bool:
        """Whether the token so far ahead is of that kind."""
        token = self.peek(ahead)
        return token is not None and token.kind == kind

    def next(self) -> Token:
        """The token, with the cursor moved behind it."""
        if self.index >= len(self.tokens):
            raise ParseError(
                "the formula ends where something is missing", self.text, len(self.text.rstrip())
            )
        self.index += 1
        return self.tokens[self.index - 1]

    @property
    def place(self) -> int:
        """The offset of the token that comes next."""
        token = self.token
        return len(self.text) if token is None else token.start

    def skip_breaks(self) -> None:
        """Line breaks are harmless next to a sign, but for those between the rows of cases."""
        if self.rows:
            return
        mark = self.index
        while self.peek_is("break", 0):
            self.index += 1
        before = self.tokens[mark - 1].kind if mark else "="
        token = self.token
        beside = token is not None and (token.kind in "+-=*/" or token.kind == "command")
        if self.index > mark and before not in "+-=*/(" and before != "command" and not beside:
            self.index = mark

    def snippet(self, tree: Tree) -> str:
        """The source of a part."""
        source = " ".join(self.text[tree.start : tree.end].split())
        return source if len(source) <= 60 else f"{source[:40]} … {source[-15:]}"

    def run(self, start: int | None = None) -> str:
        """The letters that stand together from here."""
        k = self.index if start is None else start
        found = ""
        while k < len(self.tokens) and self.tokens[k].kind == "letter" and len(found) < 40:
            if found and self.tokens[k].start != self.tokens[k - 1].end:
                break
            found += self.tokens[k].value
            k += 1
        return found

    # ------------------------------------------------------------ arguments of commands

    def braces(self) -> Tree:
        """`{ … }`: an expression; a lone name or number is itself."""
        opened = self.next()
        inner = self.expression()
        token = self.token
        if token is None:
            raise ParseError("`{` is never closed", self.text, opened.start)
        if token.kind != "}":
            self.stray()
        self.next()
        if inner.kind in ("name", "number", "ones", "zeros", "declared"):
            return Tree(inner.kind, inner.args, inner.data, opened.start, token.end)
        return Tree("group", (inner,), "brace", opened.start, token.end)

    def argument(self) -> Tree:
        """What TeX takes as an argument: a group in braces, or one sign."""
        token = self.token
        if token is None:
            raise ParseError("an argument is missing", self.text, len(self.text.rstrip()))
        if token.kind == "{":
            tree = self.braces()
            return tree.args[0] if tree.kind == "group" else tree
        if token.kind == "number" and len(token.value) > 1:
            if "." in token.value:
                raise ParseError("a decimal number needs braces here", self.text, token.start)
            rest = Token("number", token.value[1:], token.start + 1, token.end)
            head = Token("number", token.value[0], token.start, token.start + 1)
            self.tokens[self.index : self.index + 1] = [head, rest]
            token = head
        self.next()
        if token.kind == "number":
            return Tree("number", (), sympy.Integer(int(token.value)), token.start, token.end)
        if token.kind in ("letter", "word"):
            return Tree("name", (), Name(token.value), token.start, token.end)
        if token.kind == "declared":
            return Tree("declared", (), token.value, token.start, token.end)
        if token.kind == "command":
            return self.command(token)
        raise ParseError("an argument needs braces here", self.text, token.start)

    def group_tokens(self) -> list[Token]:
        """The tokens of the argument that comes next, without its braces; the cursor stays."""
        if not self.peek_is("{", 0):
            token = self.token
            return [] if token is None else [token]
        depth, found = 0, list[Token]()
        for token in self.tokens[self.index :]:
            depth += {"{": 1, "}": -1}.get(token.kind, 0)
            if depth == 0:
                return found[1:]
            found.append(token)
        raise ParseError("`{` is never closed", self.text, self.place)

    def skip_group(self) -> int:
        """The cursor behind the argument that comes next; gives its end in the text."""
        self.index += len(self.group_tokens()) + (2 if self.peek_is("{", 0) else 0)
        return self.tokens[self.index - 1].end

    # ------------------------------------------------------------ scripts

    def scripts(self, base: Tree) -> Tree:
        """The base with all that hangs on it."""
        labels: tuple[Label, ...] = ()
        above: list[tuple[str, Tree | None, bool, int]] = []
        end = base.end
        has_power = False
        while (token := self.token) is not None and token.kind in ("^", "_", "'"):
            self.next()
            if token.kind == "'":
                above.append(("prime", None, False, token.end))
            elif token.kind == "_":
                if labels:
                    raise ParseError(
                        "two subscripts", self.text, token.start, "put braces around both: X_{ij}"
                    )
                if [t.kind for t in self.group_tokens()] == ["+"]:
                    above.append(("plus", None, False, self.skip_group()))
                    continue
                self.one_digit("_")
                labels = self.labels()
                above = [(kind, tree, True, stop) for kind, tree, _, stop in above]
            else:
                if has_power:
                    raise ParseError(
                        "two superscripts", self.text, token.start, "put brackets around the inner power"
                    )
                index = self.upper_index()
                if index is not None:
                    base = Tree("sub", (base,), index, base.start, self.tokens[self.index - 1].end)
                    continue
                has_power = True
                self.one_digit("^")
                kind, tree = self.superscript(base, token)
                above.append((kind, tree, False, self.tokens[self.index - 1].end))
            end = self.tokens[self.index - 1].end
        found = base
        if any(kind == "star" for kind, _, _, _ in above) and base.kind == "name":
            found = Tree("name", (), Name(base.data.base, base.data.accent, "star"), base.start, end)
            above = [entry for entry in above if entry[0] != "star"]
        if labels:
            found = Tree("sub", (found,), labels, base.start, end)
        for kind, tree, first, stop in above:
            mark = "first" if first else ""
            if kind == "odot":
                kind, mark = "power", "odot"
            args = (found,) if tree is None else (found, tree)
            found = Tree(kind, args, mark, base.start, stop)
        return self.factorial(found, bool(above))

    def factorial(self, base: Tree, raised: bool) -> Tree:
        """`y_i!`; beside a power brackets say of what."""
        token = self.token
        if token is None or token.kind != "!":
            return base
        self.next()
        if raised or base.kind == "number" or (self.token is not None and self.token.kind in ("^", "_", "!")):
            raise ParseError(
                "a factorial beside another sign",
                self.text,
                token.start,
                "put brackets: (x!)^2; write numbers out",
            )
        return Tree("factorial", (base,), None, base.start, token.end)

    def weight(self) -> Tree | None:
        """The matrix in the subscript of a norm, as in \\|v\\|_{\\Sigma^{-1}}; None for a number, F, ∞, *."""
        inner = self.group_tokens()
        first = inner[0] if inner else None
        if first is None or first.kind == "number" or first.value in ("infty", "*", "ast", "star", "tr", "2"):
            return None
        if (
            first.kind in ("letter", "word")
            and len(inner) == 1
            and self.names.lookup(Name(first.value)) is None
        ):
            return None
        return self.argument()

    def one_digit(self, sign: str) -> None:
        """TeX takes one digit only; more of them are meant otherwise."""
        token = self.token
        if token is not None and token.kind == "number" and len(token.value) > 1:
            raise ParseError(
                f"TeX sets only the first digit behind `{sign}`",
                self.text,
                token.start,
                f"write {sign}{{{token.value}}}",
            )

    def upper_index(self) -> tuple[Label, ...] | None:
        """`(i)` as a superscript, the i-th sample, where i is an index; else None."""
        inner = self.group_tokens()
        if [t.kind for t in inner] in (["open", "letter", "close"], ["open", "number", "close"]):
            letter = inner[1]
            if letter.kind == "letter" and letter.value not in self.bound:
                raise ParseError(
                    f"the superscript ({letter.value}) is not an index here",
                    self.text,
                    letter.start,
                    "write \\sum_i",
                )
            if letter.kind == "number":
                raise ParseError(
                    "a number in brackets as a superscript", self.text, letter.start, "write x_1, or a name"
                )
            self.skip_group()
            return (Label("name", letter.value, letter.start),)
        return None

    def superscript(self, base: Tree, sign: Token) -> tuple[str, Tree | None]:
        """The kind of a superscript and, for a power, its exponent."""
        inner = self.group_tokens()
        values = [t.value for t in inner]
        if not inner:
            raise ParseError("`^` without an exponent", self.text, sign.start)
        tail = inner[1:] if values[0] == "-" else inner
        if len(tail) == 1 and tail[0].kind in ("command", "letter", "word") and tail[0].value in _TOPS:
            declared = {*self.names.variables, *self.names.sizes, *self.names.symbols}
            if tail[0].kind != "command" and "T" in declared:
                raise AmbiguityError(
                    f"`^T` could be the transpose or the power T of `{self.snippet(base)}`",
                    (f"{self.snippet(base)}.T", f"{self.snippet(base)} ** T"),
                    self.text,
                    sign.start,
                    "write ^\\top for the transpose",
                )
            self.skip_group()
            return ("T" if len(tail) == len(inner) else "invT"), None
        if all(t.kind == "'" for t in inner):
            self.skip_group()
            return "prime", None
        if len(inner) == 1 and values[0] in ("*", "star", "ast"):
            self.skip_group()
            return "star", None
        if values[0] in ("odot", "circ") and inner[0].kind == "command":
            return self.entrywise_power(inner)
        if values[0] in ("dagger", "+", "ddagger"):
            raise UnsupportedError(str(refusal("dagger", self.text, sign.start)))
        if values == ["H"] and "H" not in self.names.variables:
            raise ParseError("`^H` (conjugate transpose) is not read", self.text, sign.start, "write ^\\top")
        return "power", self.argument()

    def entrywise_power(self, inner: list[Token]) -> tuple[str, Tree | None]:
        """`^{\\odot 2}`."""
        if len(inner) < 2:
            raise ParseError("`\\odot` without an exponent", self.text, inner[0].start, "write ^{\\odot 2}")
        self.next()  # {
        self.next()  # \odot
        exponent = self.expression()
        if not self.peek_is("}", 0):
            self.stray()
        self.next()
        return "odot", exponent

    # ------------------------------------------------------------ subscripts

    def labels(self) -> tuple[Label, ...]:
        """The entries of a subscript: letters, numbers, words, `:`."""
        inner = self.group_tokens()
        if not inner:
            raise ParseError("an empty subscript", self.text, self.place)
        found: list[Label] = []
        for k, token in enumerate(inner):
            kind, value = token.kind, token.value
            if kind == ",":
                continue
            if kind in ("+", "-") and found and found[-1].kind == "name" and not found[-1].offset:
                step = inner[k + 1] if k + 1 < len(inner) else None
                if (
                    step is not None
                    and step.kind == "number"
                    and step.value.isdigit()
                    and len(step.value) < 6
                ):
                    offset = int(step.value) * (1 if kind == "+" else -1)
                    found[-1] = Label("name", found[-1].text, found[-1].position, offset)
                    continue
            if kind == "number" and k and inner[k - 1].kind in ("+", "-") and found and found[-1].offset:
                continue  # taken with its sign
            if kind == "'" and found:
                found[-1] = Label(found[-1].kind, found[-1].text + "'", found[-1].position)
            elif kind in ("letter", "word") or (kind == "command" and value in GREEK):
                found.append(Label("name", value, token.start))
            elif kind == "number":
                found.append(Label("number", value, token.start))
            elif kind == ":" or (kind == "command" and value in ("cdot", "bullet")):
                found.append(Label("all", ":", token.start))
            else:
                found.append(Label("other", self.text[token.start : token.end], token.start))
        self.skip_group()
        if not found:
            raise ParseError("an empty subscript", self.text, self.place)
        return tuple(found)

    def bounds(self, operator: Token) -> tuple[tuple[str, ...], int, Tree | None, Tree | None]:
        """`i`, `ij`, `i,j=1`, `i=2`, `i \\in [n]`, `i<j` below a big operator: indices, bounds, condition."""
        inner = self.group_tokens()
        indices: list[str] = []
        k = 0
        while k < len(inner) and (
            inner[k].kind in ("letter", ",", "'") or (inner[k].kind == "command" and inner[k].value in GREEK)
        ):
            if inner[k].kind == "'" and indices:
                indices[-1] += "'"
            elif inner[k].kind != ",":
                indices.append(inner[k].value)
            k += 1
        rest = inner[k:]
        if not indices or len(set(indices)) != len(indices):
            raise ParseError(f"`\\{operator.value}` without a readable index", self.text, self.place)
        if not rest:
            self.skip_group()
            return tuple(indices), 1, None, None
        values = [t.value for t in rest]
        if values[0] == "=" and len(rest) == 2 and values[1].isdigit() and len(values[1]) < 6:
            self.skip_group()
            return tuple(indices), int(values[1]), None, None
        restricted = self.below(operator, indices, k)
        if restricted is not None:
            return restricted[0], 1, None, restricted[1]
        if rest[0].kind == "command" and values[0] == "in" and len(rest) == 4 and values[1::2] == ["[", "["]:
            self.index += 1 + k + 2  # {, the indices, \in, [
            upper = self.expression()
            self.index += 2  # ], }
            return tuple(indices), 1, upper, None
        where = self.text[inner[0].start : inner[-1].end]
        problem = UnsupportedError(
            f"`\\{operator.value}` over `{where}`: sums run over whole axes, as in i=1 to n"
        )
        raise at(problem, self.text, inner[0].start)
