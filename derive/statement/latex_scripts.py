"""What TeX hangs on a symbol: subscripts, powers, transposition, indices.

In print a subscript and a superscript stand above each other, so their order in the source says nothing;
here the subscript is always taken inside, and the rare cases where that matters are decided, or refused,
when sizes are known (`first` marks a superscript that was typed before the subscript).
"""

from __future__ import annotations

from abc import abstractmethod

from ..errors import AmbiguityError, ParseError, UnsupportedError
from .latex_cursor import Cursor
from .latex_names import GREEK, Label, Name, Names
from .latex_tokens import Token
from .latex_tree import Tree, is_number
from .latex_words import refusal
from .position import at

_TOPS = frozenset({"top", "intercal", "transp", "T", "mathsf"})


class Scripts(Cursor):
    """The parts of the grammar that do not look beyond one symbol."""

    names: Names
    bound: list[str]
    behind: set[str]  # indices of sums that ended; further terms may hold them

    @abstractmethod
    def below(self, operator: Token, indices: list[str], count: int) -> tuple[tuple[str, ...], Tree] | None:
        """A condition below a sum."""

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
            if letter.kind == "letter" and letter.value not in self.bound and letter.value not in self.behind:
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

    def from_index(self, indices: list[str], rest: list[Token]) -> Tree | None:
        """`= i` and `= i + 1` below a sum over j, as the condition that j is not before i, or behind it."""
        values = [t.value for t in rest]
        if (
            len(indices) != 1
            or values[0] != "="
            or values[1:2] == indices
            or values[2:] not in ([], ["+", "1"])
        ):
            return None
        if len(values) == 1 or values[1] not in self.bound:
            return None
        return self.between(indices[0], ">" if values[2:] else ">=", rest[1])

    def to_index(self, indices: tuple[str, ...], upper: Tree) -> Tree | None:
        """`i` and `i - 1` above a sum over j, as the condition that j is not behind i, or before it."""
        while upper.kind == "group":
            upper = upper.args[0]
        sign = "<="
        if (
            upper.kind == "sum"
            and upper.data == (1, -1)
            and is_number(upper.args[1])
            and upper.args[1].data == 1
        ):
            sign, upper = "<", upper.args[0]
        name = upper.data.shown if upper.kind == "name" else ""
        if len(indices) != 1 or name not in self.bound or name in indices:
            return None
        return self.between(indices[0], sign, Token("letter", name, upper.start, upper.end))

    def between(self, index: str, sign: str, other: Token) -> Tree:
        """The relation of two indices."""
        names = [Tree("name", (), Name(i), other.start, other.end) for i in (index, other.value)]
        return Tree("indicator", tuple(names), (sign,), other.start, other.end)

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
        from_index = self.from_index(indices, rest) if operator.value == "sum" else None
        if from_index is not None:
            self.skip_group()
            return tuple(indices), 1, None, from_index
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
