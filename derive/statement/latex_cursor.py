"""Walking along tokens: the one that comes next, those behind it, and the arguments that TeX takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

import sympy

from ..errors import ParseError
from .latex_names import Name
from .latex_tokens import Token
from .latex_tree import Tree


class Cursor(ABC):
    """A place among the tokens of a formula."""

    text: str
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
