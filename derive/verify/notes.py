r"""Files of claims: a page of notes whose formulas are all checked.

Plain text (`.dv`, `.txt`): one directive per line, continued on indented lines.

    given X (n, d), y (n), w (d), lam positive
    objective sumsq(X @ w - y)/2 + lam/2*sumsq(w)
    claim gradient w: X.T @ (X @ w - y) + lam*w
    claim minimiser w: inv(X.T @ X + lam*eye(d)) @ X.T @ y
    assuming sum(y) == 1
    claim value: (X @ w - y) @ (X @ w - y)/2 + lam/2*(w @ w)

`symbols \Sigma = S` renames LaTeX symbols. A claim is of one of the kinds `gradient hessian jacobian minimiser
step value`; `line:` is the next line of a derivation that began with the objective or the line before. `assuming`
holds until the next objective. Formulas are in the text language, or LaTeX where they hold a backslash.

Markdown: directives stand in fenced blocks called `derive`. LaTeX: in comments `% derive: …`. There a directive
whose formula is missing takes the next displayed formula (`$$…$$`, `\[…\]`, `equation`, `align`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import DeclarationError, DeriveError, LimitError, ParseError
from ..limits import TEXT_LENGTH
from ..node import Node, Variable, made
from ..notation import text
from ..stable import recognise
from ..statement.declarations import declare
from ..statement.text import parse_node
from .assumptions import read as read_assumptions
from .check import check_same
from .defined import with_domain
from .kinds import KINDS, check_kind
from .style import in_style, is_latex
from .verdict import About, Verdict

SUFFIXES = (".dv", ".txt", ".md", ".markdown", ".tex")
_LONGEST = 100 * TEXT_LENGTH
_HEAD = re.compile(r"(given|find|symbols|objective|minimi[sz]e|assuming|claim|line)\b[ \t]*(.*)", re.DOTALL)
_ITEM = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*([A-Za-z\s]*)$", re.ASCII)
_DISPLAY = re.compile(
    r"\$\$(?P<dollars>.+?)\$\$|\\\[(?P<brackets>.+?)\\\]"
    r"|\\begin\{(?P<name>equation|align|displaymath|gather|multline)(?P<star>\*?)\}(?P<body>.+?)\\end\{(?P=name)(?P=star)\}",
    re.DOTALL,
)


@dataclass(frozen=True)
class Directive:
    """One directive, the line on which it stands, and where the text behind it begins."""

    text: str
    line: int
    end: int


@dataclass(frozen=True)
class Result:
    """One checked claim: where it stands, what it says, and the verdict."""

    line: int
    kind: str
    wrt: str
    claim: str
    verdict: Verdict

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "line": self.line,
            "kind": self.kind,
            "wrt": self.wrt,
            "claim": self.claim,
            **self.verdict.record(),
        }


@dataclass
class _Page:
    """What is known at a place of the file."""

    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    assuming: list[str] = field(default_factory=list)
    objective: str | None = None
    before: Node | None = None  # the last line of a derivation
    claimed: Node | None = None  # the claim at hand

    def names(self) -> dict[str, Variable]:
        return dict(declare(self.shapes, self.facts))


def directives(source: str, suffix: str) -> list[Directive]:
    """The directives of a file, by its suffix."""
    if suffix in (".md", ".markdown"):
        return list(_fenced(source))
    if suffix == ".tex":
        return list(_comments(source))
    return list(_plain(source, 0, 1))


def _plain(source: str, offset: int, first: int) -> Iterator[Directive]:
    """Lines; an indented line goes on with the one before, `#` begins a comment line."""
    held: list[str] = []
    start = line = first
    end = offset
    for line, row in enumerate(source.split("\n"), first):
        end_here = end + len(row) + 1
        if row.strip() and not row.lstrip().startswith("#"):
            if row[:1].isspace() and held:
                held.append(row.strip())
            else:
                if held:
                    yield Directive(" ".join(held), start, end)
                held, start = [row.strip()], line
        end = end_here
    if held:
        yield Directive(" ".join(held), start, end)


def _fenced(source: str) -> Iterator[Directive]:
    for block in re.finditer(r"^```[ \t]*derive[ \t]*\n(.*?)^```[ \t]*$", source, re.DOTALL | re.MULTILINE):
        first = source.count("\n", 0, block.start(1)) + 1
        for d in _plain(block.group(1), block.start(1), first):
            yield Directive(d.text, d.line, block.end())


def _comments(source: str) -> Iterator[Directive]:
    for found in re.finditer(r"^[ \t]*%+[ \t]*derive:[ \t]*(.+)$", source, re.MULTILINE):
        yield Directive(found.group(1).strip(), source.count("\n", 0, found.start()) + 1, found.end())


def _displayed(source: str, start: int) -> str:
    """The next displayed formula."""
    found = _DISPLAY.search(source, start)
    if found is None:
        raise DeclarationError("no displayed formula follows")
    body = found.group("dollars") or found.group("brackets") or found.group("body")
    body = re.sub(r"(?<!\\)%.*|\\label\{[^}]*\}|\\(nonumber|notag)\b", "", body).replace("&", " ")
    return re.sub(r"[.,;]?\s*(\\\\)?\s*$", "", body).strip()


def check_file(
    path: str | Path, progress: Callable[[int, int], None] | None = None, seed: int = 0
) -> list[Result]:
    """Every claim of a file, in its order."""
    path = Path(path)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: the file cannot be read: {error}") from None
    return check_text(source, path.suffix.lower(), progress, seed)


def check_text(
    source: str, suffix: str = ".dv", progress: Callable[[int, int], None] | None = None, seed: int = 0
) -> list[Result]:
    """Every claim of a text. `progress` is told how many claims are done, of how many."""
    if len(source) > _LONGEST:
        raise LimitError(f"a file of claims has at most {_LONGEST} characters")
    found = directives(source.replace("\r\n", "\n"), suffix)
    total = sum(d.text.startswith(("claim", "line")) for d in found)
    page, results = _Page(), []
    for d in found:
        result = _obey(page, d, source, seed)
        if result is not None:
            results.append(result)
            if progress is not None:
                progress(len(results), total)
    if not results:
        raise DeclarationError("the file has no claims: a claim is a line such as `claim gradient w: 2*w`")
    return results


def _obey(page: _Page, d: Directive, source: str, seed: int) -> Result | None:
    parts = _HEAD.match(d.text)
    try:
        if parts is None:
            raise DeclarationError(f"expected given, objective, assuming, claim or line, not {d.text[:40]!r}")
        head, rest = parts.group(1), parts.group(2).strip()
        if head in ("claim", "line"):
            return _claim(page, head, rest, d, source, seed)
        if head in ("given", "find"):
            _declare(page, rest)
        elif head == "symbols":
            for pair in rest.split(","):
                symbol, _, name = pair.partition("=")
                page.symbols[symbol.strip()] = name.strip()
        elif head == "assuming":
            page.assuming.append(rest)
        else:
            page.objective = rest.removeprefix(":").strip() or _displayed(source, d.end)
            page.assuming, page.before = [], None
    except DeriveError as error:
        raise DeclarationError(f"line {d.line}: {error}") from None
    return None


def _declare(page: _Page, text: str) -> None:
    for item in re.split(r",(?![^(]*\))", text):
        parts = _ITEM.match(item)
        if parts is None:
            raise DeclarationError(f"{item.strip()!r} is no declaration; write X (n, d) or lam positive")
        name, sizes, facts = parts.groups()
        page.shapes[name] = tuple(s.strip() for s in sizes.split(",") if s.strip()) if sizes else ()
        page.facts[name] = tuple(facts.split())


def _claim(page: _Page, head: str, rest: str, d: Directive, source: str, seed: int) -> Result:
    words, _, formula = rest.partition(":")
    kind, wrt = [*words.split(), "", ""][:2] if head == "claim" else ("line", "")
    if page.objective is None:
        raise DeclarationError("a claim needs an objective before it")
    formula = formula.strip() or _displayed(source, d.end)
    try:
        verdict = _styled(_verdict(page, kind, wrt, formula, seed), page, kind, wrt, formula)
    except DeriveError as error:
        verdict = Verdict("unsupported", str(error))
    return Result(d.line, kind, wrt, formula, verdict)


def _styled(verdict: Verdict, page: _Page, kind: str, wrt: str, formula: str) -> Verdict:
    """With what it is about, and the right formula in the notation of the claim."""
    names = page.names()
    objective = recognise(formula_node(page.objective or "", names, page.symbols))
    words = in_style(formula, verdict.right, page.symbols) if verdict.right is not None else ""
    node = page.claimed
    about = About(objective, names.get(wrt), kind, node, formula)
    return replace(verdict, formula=words, about=about)


def _verdict(page: _Page, kind: str, wrt: str, formula: str, seed: int) -> Verdict:
    names = page.names()
    objective = recognise(formula_node(page.objective or "", names, page.symbols))
    conditions = read_assumptions(page.assuming, names)

    def name(node: Node) -> str:
        return in_style(formula, node, page.symbols) or text(node)

    if kind == "line":
        before = page.before if page.before is not None else objective
        with made() as built:
            page.claimed = node = formula_node(formula, names, page.symbols, before.shape)
        page.before = node
        found = check_same(node, before, seed, name=name, assuming=conditions, subject="the line before")
        sides = ("this line", [node, *built]), ("the line before", [before])
        return with_domain(found, sides, both_ways=True)
    if kind not in KINDS:
        raise DeclarationError(f"a claim is of one of the kinds {', '.join(KINDS)}, not {kind!r}")
    if kind == "value":
        with made() as built:
            page.claimed = node = formula_node(formula, names, page.symbols, objective.shape)
        found = check_same(node, objective, seed, name=name, assuming=conditions, subject="the objective")
        return with_domain(found, (("the claim", [node, *built]), ("the objective", [objective])))
    if wrt not in names:
        raise DeclarationError(f"no variable is called {wrt!r}; write `claim {kind} w: …`")
    target = names[wrt]
    shape = target.shape * 2 if kind == "hessian" else target.shape
    if kind == "jacobian":
        shape = (*objective.shape, *target.shape)
    with made() as built:
        page.claimed = node = formula_node(formula, names, page.symbols, shape)
    found = check_kind(objective, target, node, kind, seed, name=name, assuming=conditions)
    if kind not in ("gradient", "hessian", "jacobian"):
        return found
    other = [n for n in (objective, found.right) if n is not None]
    return with_domain(found, (("the claim", [node, *built]), ("the objective", other)))


def formula_node(
    text: str, names: Mapping[str, Variable], symbols: Mapping[str, str] | None = None, shape: Any = None
) -> Node:
    """A formula in the text language, or in LaTeX where it looks like that."""
    from ..statement.latex import parse_latex_node

    if is_latex(text):
        return parse_latex_node(text, names, symbols, shape=shape)
    try:
        return parse_node(text, names)
    except ParseError as error:
        try:  # LaTeX need not hold a backslash: 2AX, 2(x-a)
            return parse_latex_node(text, names, symbols, shape=shape)
        except DeriveError:
            raise error from None


def html_page(results: Iterable[Result], title: str) -> str:
    """A self-contained HTML page: the table of verdicts, then each with its formulas."""
    from .page import page

    return page([(f"line {r.line}: {r.kind} {r.wrt}".strip(), r.verdict) for r in results], title)


def latex_page(results: Iterable[Result]) -> str:
    """The verdicts as a LaTeX document."""
    body = [f"\\paragraph{{Line {r.line}: {r.kind} {r.wrt}}}\n{r.verdict.latex()}" for r in results]
    head = "\\documentclass{article}\n\\usepackage{amsmath,amssymb}\n\\begin{document}\n"
    return head + "\n".join(body) + "\n\\end{document}\n"


def summary(results: Iterable[Result]) -> str:
    """A table of the verdicts, and how many there are of each."""
    found = list(results)
    rows = [("line", "claim", "verdict", "")]
    for r in found:
        remark = str(r.verdict.diagnosis or "") if r.verdict.status == "refuted" else ""
        if r.verdict.status == "unsupported" or (r.verdict.status == "refuted" and not remark):
            remark = r.verdict.reason
        what = f"{r.kind} {r.wrt}".strip()
        rows.append((str(r.line), what, r.verdict.status, _short(remark)))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]).rstrip() for row in rows
    ]
    counts = [f"{n} {s}" for s in ("proved", "agrees", "refuted", "unsupported") if (n := _count(found, s))]
    return "\n".join([*lines, "", f"{len(found)} claims: {', '.join(counts)}"])


def _short(text: str) -> str:
    line = text.split("\n")[0]
    return line if len(line) <= 90 else line[:87] + "…"


def _count(results: list[Result], status: str) -> int:
    return sum(r.verdict.status == status for r in results)


def exit_status(results: Iterable[Result]) -> int:
    """0: nothing speaks against any claim; 1: one is refuted; 2: one could not be checked."""
    found = {r.verdict.status for r in results}
    return 1 if "refuted" in found else 2 if "unsupported" in found else 0


__all__ = [
    "SUFFIXES",
    "Result",
    "check_file",
    "check_text",
    "exit_status",
    "formula_node",
    "html_page",
    "latex_page",
    "summary",
]
