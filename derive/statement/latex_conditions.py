"""Comparisons in LaTeX formulas: indicators, cases, and conditions below a sum.

\\mathbb 1[y_i < 1], \\mathbf 1\\{…\\}, \\mathbb I(…), \\mathbb 1_{\\{…\\}}, [a < b]    1 where it holds, else 0
\\begin{cases} a & x > 0 \\\\ b & \\text{otherwise} \\end{cases}
\\sum_{i : y_i > 0}, \\sum_{i < j}, \\sum_{i \\ne j}                             the terms for which it holds
"""

from __future__ import annotations

from ..errors import ParseError
from .latex_names import GREEK
from .latex_scripts import Scripts
from .latex_tokens import Token
from .latex_tree import Tree

#: How a relation is written, by its sign in the text language.
RELATIONS = {
    "<": "<",
    "lt": "<",
    ">": ">",
    "gt": ">",
    "=": "==",
    "le": "<=",
    "leq": "<=",
    "leqslant": "<=",
    "ge": ">=",
    "geq": ">=",
    "geqslant": ">=",
    "ne": "!=",
    "neq": "!=",
}
_ELSE = frozenset({"otherwise", "else", "sonst"})
_IF = frozenset({"if", "when", "for"})


def relation(token: Token | None) -> str | None:
    """The sign of a token that relates two sides, or None."""
    if token is None or token.kind not in ("<", ">", "=", "command"):
        return None
    return RELATIONS.get(token.value)


class Conditions(Scripts):
    """The part of the grammar that reads comparisons."""

    closing: list[str]
    rows = 0  # environments of cases that are open: there a line break ends a row

    def comparison(self) -> Tree:
        """`a < b`, or `a < b < c`."""
        sides, signs = [self.expression()], list[str]()
        while (sign := relation(self.token)) is not None:
            self.next()
            signs.append(sign)
            sides.append(self.expression())
        if not signs:
            self.stray()
        return Tree("indicator", tuple(sides), tuple(signs), sides[0].start, sides[-1].end)

    def relation_ahead(self, ahead: int = 0) -> bool:
        """Whether the bracket or group that comes next holds a relation that is in no inner bracket."""
        opened = self.peek(ahead)
        if opened is None or opened.kind not in ("open", "{"):
            return False
        depth = 0
        inner = self.peek(ahead + 1)
        outer = 2 if opened.kind == "{" and inner is not None and inner.kind == "open" else 1  # _{\{ … \}}
        for token in self.tokens[self.index + ahead :]:
            depth += {"open": 1, "{": 1, "close": -1, "}": -1}.get(token.kind, 0)
            if depth == 0:
                return False
            if 1 <= depth <= outer and relation(token) is not None:
                return True
        return False

    def indicator_follows(self) -> bool:
        """Whether a bracket with a comparison follows a 1 or an I."""
        token = self.token
        if token is None:
            return False
        if token.kind == "_":
            return self.relation_ahead(1)
        return token.kind == "open" and token.value != "<" and self.relation_ahead()

    def indicator(self, start: int) -> Tree:
        """The comparison in brackets, or in a subscript."""
        closers = list[str]()
        if self.peek_is("_", 0):
            self.next()
        while self.token is not None and self.token.kind in ("open", "{"):
            opened = self.next()
            closers.append("}" if opened.kind == "{" else "close")
        self.closing, outer = [], self.closing
        found = self.comparison()
        self.closing = outer
        for kind in reversed(closers):
            if not self.peek_is(kind, 0):
                self.stray()
            self.next()
        return Tree("indicator", found.args, found.data, start, self.tokens[self.index - 1].end)

    def cases(self, opened: Token) -> Tree:
        """The rows of `\\begin{cases}`: values, conditions, and a value without a condition at the end."""
        self.closing, outer = [], self.closing
        self.rows += 1
        found: list[Tree] = []
        while True:
            self.past("break")
            found.append(self.expression())
            self.past(",")
            self.past("&")
            token = self.token
            if token is not None and token.kind == "word" and token.value in _IF:
                self.next()
                token = self.token
            last = token is not None and token.kind == "word" and token.value in _ELSE
            if last:
                self.next()
            else:
                found.append(self.comparison())
            self.past(",")
            self.past(".")
            self.past("break")
            token = self.token
            if token is not None and token.kind == "close" and token.value == "cases":
                break
            if last or token is None:
                self.stray()
        self.rows -= 1
        self.closing = outer
        return Tree("cases", tuple(found), None, opened.start, self.next().end)

    def past(self, kind: str) -> None:
        """Go behind a token of that kind, if it comes next."""
        while self.peek_is(kind, 0):
            self.next()

    def below(self, operator: Token, indices: list[str], count: int) -> tuple[tuple[str, ...], Tree] | None:
        """`i : y_i > 0` and `i < j` below a sum: the indices that it binds, and the condition; else None."""
        mark = self.index
        follower = self.peek(1 + count)
        if not self.peek_is("{", 0) or follower is None:
            return None
        if follower.kind in (":", "bar") or (follower.kind == "command" and follower.value == "mid"):
            self.index += 2 + count
        elif relation(follower) in ("<", ">", "!=", "<=", ">=") and len(indices) == 1:
            other = self.peek(2 + count)
            letter = other is not None and (other.kind == "letter" or other.value in GREEK)
            if other is None or not letter or not self.peek_is("}", 3 + count):
                return None
            if other.value not in self.bound:
                indices.append(other.value)
            self.index += 1
        else:
            return None
        if operator.value != "sum":
            raise ParseError(f"a condition below `\\{operator.value}` is not read", self.text, follower.start)
        self.bound.extend(indices)
        condition = self.comparison()
        del self.bound[-len(indices) :]
        if not self.peek_is("}", 0):
            self.index = mark
            return None
        self.next()
        return tuple(indices), condition
