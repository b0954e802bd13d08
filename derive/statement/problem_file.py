"""Problem files (`.dv`): declarations, unknowns, objective and constraints as a person writes them.

    sizes n d
    given X (n, d)
    given y (n)
    given lam positive
    find w (d)
    minimize sumsq(X @ w - y)/2 + lam/2*sumsq(w)
    subject to
      w >= 0
      sum(w) == 1

One declaration per `given` or `find`, or several on indented lines below it; a name without sizes is a
scalar; facts follow the sizes. A formula goes on over indented lines. Lines that start with `#` are
comments and blank lines are skipped. `sizes` is optional: sizes are what the declarations name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar, final

from ..errors import DeclarationError, DeriveError, LimitError, ParseError
from ..limits import TEXT_LENGTH
from ..node import KNOWN_FACTS, Node, Variable
from ..sizes import check_name
from .declarations import check_size_names, declare
from .position import at
from .text import Constraint, parse_constraint, parse_node, suggestion

_HEADS = ("sizes", "given", "find", "minimize", "maximize", "subject to")
_HEAD = re.compile(r"(sizes|given|find|minimi[sz]e|maximi[sz]e|subject[ \t]+to)(?![A-Za-z_0-9])[ \t]*:?")
_DECLARATION = re.compile(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*([\w\s,]*)$", re.ASCII)
_FILE_LENGTH = 10 * TEXT_LENGTH
Shape = tuple[str, ...]
T = TypeVar("T")
P = ParamSpec("P")


@final
@dataclass(frozen=True)
class ProblemStatement:
    """What a problem file says. Texts are kept as they were written; nodes are parsed from them."""

    sizes: tuple[str, ...]
    given: dict[str, Shape]
    find: dict[str, Shape]
    facts: dict[str, tuple[str, ...]]
    sense: str  # "minimize" or "maximize"
    objective: str
    constraints: tuple[str, ...] = ()
    variables: dict[str, Variable] = field(default_factory=dict, repr=False)

    @property
    def node(self) -> Node:
        """The objective."""
        return parse_node(self.objective, self.variables, self.sizes)

    @property
    def conditions(self) -> list[Constraint]:
        """The constraints, each `a <= b`, `a >= b` or `a == b`."""
        return [c for text in self.constraints for c in parse_constraint(text, self.variables, self.sizes)]


@final
@dataclass
class _Part:
    """A piece of text and where it begins in the file."""

    text: str
    position: int


def _blocks(text: str) -> Iterator[tuple[str, int, list[_Part]]]:
    """(head, its position, the lines that belong to it), block by block."""
    head, where, parts = "", 0, list[_Part]()
    position = 0
    for line in text.split("\n"):
        if line.strip():
            match = _HEAD.match(line)
            if line[0] in " \t":
                if not head:
                    raise ParseError("an indented line before the first block", text, position)
                parts.append(_Part(line, position))
            elif match is None:
                word = re.split(r"[\s(:]", line)[0][:40]
                hint = suggestion(word.lower(), _HEADS) or f"a line begins with {', '.join(_HEADS)}"
                raise ParseError(f"`{word}` does not begin a block", text, position, hint)
            else:
                if head:
                    yield head, where, parts
                head = re.sub(r"\s+", " ", match.group(1)).replace("ise", "ize")
                where, parts = position, []
                if line[match.end() :].strip():
                    parts.append(_Part(line[match.end() :], position + match.end()))
        position += len(line) + 1
    if head:
        yield head, where, parts


def read_problem(text: str) -> ProblemStatement:
    """Read a problem file. Every fault is reported with its line and column in the file."""
    if len(text) > _FILE_LENGTH:
        raise LimitError(f"the file has {len(text)} characters; the limit is {_FILE_LENGTH}")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    reader = _Reader(re.sub(r"(?m)^[ \t]*#.*$", lambda m: " " * len(m.group()), text))
    for head, where, parts in _blocks(reader.text):
        if not parts:
            raise ParseError(f"`{head}` is followed by nothing", reader.text, where + len(head))
        reader.block(head, where, parts)
    return reader.finish()


@final
class _Reader:
    """The work of reading one file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sizes: dict[str, int] = {}  # name -> position
        self.declared: dict[str, dict[str, Shape]] = {"given": {}, "find": {}}
        self.facts: dict[str, tuple[str, ...]] = {}
        self.places: dict[str, int] = {}
        self.goal: tuple[str, _Part] | None = None
        self.constraints: list[_Part] = []

    def block(self, head: str, where: int, parts: list[_Part]) -> None:
        """Take in one block."""
        if head == "sizes":
            for part in parts:
                for match in re.finditer(r"[^\s,]+", part.text):
                    place = part.position + match.start()
                    self.sizes[self._checked(place, check_name, match.group(), "size")] = place
        elif head in self.declared:
            for part in parts:
                for piece in _listed(part):
                    self._declaration(head, piece)
        elif head == "subject to":
            self.constraints += _joined(parts)
        elif self.goal is not None:
            raise ParseError("a problem has one objective", self.text, where)
        else:
            end = parts[-1].position + len(parts[-1].text)
            self.goal = head, _Part(self.text[parts[0].position : end], parts[0].position)

    def _declaration(self, head: str, part: _Part) -> None:
        """`X (n, d) symmetric`"""
        match = _DECLARATION.match(part.text)
        place = part.position + len(part.text) - len(part.text.lstrip())
        if match is None:
            hint = "a declaration is a name, its sizes and facts, as in S (d, d) symmetric"
            raise ParseError("this is no declaration", self.text, place, hint)
        name, sizes, facts = match.group(1), match.group(2), match.group(3)
        if name in self.places:
            raise at(DeclarationError(f"{name} is declared twice"), self.text, place)
        shape = tuple(s.strip() for s in sizes.rstrip(" ,").split(",")) if sizes and sizes.strip() else ()
        self.declared[head][name], self.places[name] = shape, place
        words = tuple(facts.replace(",", " ").split())
        if words:
            self.facts[name] = words

    def _checked(self, place: int, work: Callable[P, T], *args: P.args, **keywords: P.kwargs) -> T:
        """The result of some work; a declaration error gets its place."""
        try:
            return work(*args, **keywords)
        except DeclarationError as error:
            raise at(error, self.text, place) from None

    def _formula(self, part: _Part, parse: Callable[[str], T]) -> T:
        """Parse a piece of the file; positions in errors are those in the file."""
        try:
            return parse(part.text)
        except ParseError as error:
            raise type(error)(error.problem, self.text, part.position + error.position, error.hint) from None
        except DeriveError as error:
            problem = str(getattr(error, "problem", error))
            raise at(
                type(error)(problem), self.text, part.position + int(getattr(error, "position", 0))
            ) from None

    def finish(self) -> ProblemStatement:
        """Check what has been read as a whole."""
        end = len(self.text.rstrip())
        if self.goal is None:
            raise ParseError("there is no objective", self.text, end, "add a line `minimize …`")
        if not self.declared["find"]:
            raise ParseError("there is no unknown", self.text, end, "add a line such as `find w (d)`")
        variables: dict[str, Variable] = {}
        for name, shape in {**self.declared["given"], **self.declared["find"]}.items():
            facts = {name: self.facts[name]} if name in self.facts else {}
            variables |= self._checked(self.places[name], declare, {name: shape}, facts)
        for name, place in self.sizes.items():
            self._checked(place, check_size_names, variables, [name])
        for name, place in self.places.items():
            self._checked(place, check_size_names, {**variables, name: variables[name]})
        sense, formula = self.goal
        self._formula(formula, lambda text: parse_node(text, variables, self.sizes))
        for part in self.constraints:
            self._formula(part, lambda text: parse_constraint(text, variables, self.sizes))
        used = {s.name for v in variables.values() for size in v.shape for s in size.free_symbols}
        return ProblemStatement(
            (*self.sizes, *sorted(used - set(self.sizes))),
            self.declared["given"],
            self.declared["find"],
            self.facts,
            sense,
            " ".join(formula.text.split()),
            tuple(" ".join(part.text.split()) for part in self.constraints),
            variables,
        )


def _listed(part: _Part) -> Iterator[_Part]:
    """The declarations of a line, at the commas between them: `X (n, d), y (n) positive, S (d, d) symmetric, pd`."""
    start = depth = 0
    for k, letter in enumerate(part.text):
        depth += (letter == "(") - (letter == ")")
        behind = re.match(r"\s*([A-Za-z_]\w*)\s*(\()?", part.text[k + 1 :])
        if letter != "," or depth or behind is None or behind.group(1) in KNOWN_FACTS:
            continue
        if behind.group(2) or re.fullmatch(r"\s*\w+\s*(\([^()]*\))?\s*", part.text[start:k]):
            yield _Part(part.text[start:k], part.position + start)
            start = k + 1
    yield _Part(part.text[start:], part.position + start)


def _joined(parts: list[_Part]) -> list[_Part]:
    """Lines in which a bracket stays open go on in the next one."""
    found: list[_Part] = []
    open_ = 0
    for part in parts:
        if open_ > 0:
            before = found.pop()
            gap = part.position - before.position - len(before.text)
            part = _Part(before.text + " " * gap + part.text, before.position)
        found.append(part)
        open_ = sum(part.text.count(c) for c in "([") - sum(part.text.count(c) for c in ")]")
    return found


def write_problem(problem: ProblemStatement) -> str:
    """The problem as a file; `read_problem` gives it back."""

    def declared(head: str, name: str, shape: Shape) -> str:
        words = [head, name, *([f"({', '.join(map(str, shape))})"] if shape else [])]
        return " ".join([*words, *problem.facts.get(name, ())])

    lines = [f"sizes {' '.join(problem.sizes)}"] if problem.sizes else []
    lines += [declared("given", name, shape) for name, shape in problem.given.items()]
    lines += [declared("find", name, shape) for name, shape in problem.find.items()]
    lines.append(f"{problem.sense} {problem.objective}")
    if problem.constraints:
        lines += ["subject to", *(f"  {text}" for text in problem.constraints)]
    return "\n".join(lines) + "\n"
