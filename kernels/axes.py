"""Operators along axes as text: log-sum-exp, softmax, extremes and their shares.

Where a row of the block is a vector the entries are turned first, so that the innermost loop runs over the
rows: short axes (ten classes, five components) then vectorise as well as long ones. Where it is a matrix or more
(the scores of an attention block) the loops run along the axes as they are. Log-sum-exp and softmax of the
same array share their exponentials.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..node import Labels
from .loops import Scope, globally, loops, read_text
from .statements import Statement


def along_axes(statements: Sequence[Statement], scope: Scope) -> list[str]:
    """The lines for one operator, or for log-sum-exp and softmax together."""
    exponential = {s.op: s for s in statements if s.op in ("logsumexp", "softmax")}
    first = statements[0]
    if exponential and first.row is not None and first.row not in first.axes and _is_flat(first):
        return _turned(exponential, scope)
    if exponential:
        return _shared(exponential, scope)
    return [line for s in statements for line in _plain(s, scope)]


def _is_flat(statement: Statement) -> bool:
    """Whether rows innermost means entries side by side, or at most the width of a row apart."""
    return any(r.item.turned for r in statement.reads) or len(statement.sizes) <= 2


def _order(statement: Statement) -> tuple[Labels, Labels]:
    """(labels kept, labels worked along)."""
    return tuple(i for i in statement.stored if i not in statement.axes), statement.axes


def _entry(statement: Statement, variables: dict[int, str], scope: Scope) -> str:
    texts = [read_text(r, variables, statement.row, scope) for r in statement.reads]
    return globally(statement.template, variables, statement.row).format(*texts)


def _plain(statement: Statement, scope: Scope) -> list[str]:
    """One result at a time."""
    name = scope.declare_target(statement)
    kept, along = _order(statement)
    variables = {label: f"i{k}" for k, label in enumerate((*kept, *along))}
    entry = _entry(statement, variables, scope)
    place = ", ".join(variables[i] for i in statement.stored)
    target = f"{name}[{place}]" if statement.output else name
    inner = loops(statement, along, scope, len(kept))
    pad, deep = "    " * len(kept), "    " * len(along)

    def over(*body: str) -> list[str]:
        return [pad + line for line in inner] + [pad + deep + line for line in body]

    def at(*body: str) -> list[str]:
        return [pad + line for line in body]

    choose, worst = ("smaller", "math.inf") if statement.op.startswith("min") else ("larger", "-math.inf")
    lines = [f"# {name}: {statement.op}", *loops(statement, kept, scope), *at(f"top = {worst}")]
    lines += over(f"top = {choose}(top, {entry})")
    if statement.op in ("max", "min"):
        return lines + at(f"{target} = top")
    lines += at("total = 0.0") + over(f"total += 1.0 if {entry} == top else 0.0")
    lines += at("share = 1.0 / total if total > 0.0 else math.nan")  # nothing equals nan
    return lines + over(f"{target} = share if {entry} == top else 0.0 * share")


def _shared(statements: dict[str, Statement], scope: Scope) -> list[str]:
    """Exponentials along the axes as they lie, for log-sum-exp, softmax or both."""
    first = next(iter(statements.values()))
    names = {op: scope.declare_target(s) for op, s in statements.items()}
    kept, along = _order(first)
    variables = {label: f"i{k}" for k, label in enumerate((*kept, *along))}
    entry = _entry(first, variables, scope)
    inner = loops(first, along, scope, len(kept))
    pad, deep = "    " * len(kept), "    " * len(along)

    def over(*body: str) -> list[str]:
        return [pad + line for line in inner] + [pad + deep + line for line in body]

    def at(*body: str) -> list[str]:
        return [pad + line for line in body]

    weights = ""
    if "softmax" in statements:
        weights = _target(statements["softmax"], first, variables, names["softmax"])
    title = "# " + "; ".join(f"{names[op]}: {op}" for op in statements)
    lines = [title, *loops(first, kept, scope), *at("top = -math.inf")]
    lines += over(f"top = larger(top, {entry})") + at("total = 0.0")
    lines += over(f"x = exp({entry} - top)", *([f"{weights} = x"] if weights else []), "total += x")
    if "logsumexp" in statements:
        place = _target(statements["logsumexp"], first, variables, names["logsumexp"])
        lines += at(f"{place} = log(total) + top")
    if weights:
        lines += at("share = 1.0 / total") + over(f"{weights} *= share")
    return lines


def _turned(statements: dict[str, Statement], scope: Scope) -> list[str]:
    """Exponentials with the rows innermost, for log-sum-exp, softmax or both."""
    first = next(iter(statements.values()))
    row = first.row
    assert row is not None
    kept, along = _order(first)
    outer = tuple(i for i in kept if i != row)
    order = (*outer, *along, row)
    variables = {label: f"i{k}" for k, label in enumerate(order)}
    entry = _entry(first, variables, scope)
    names = {op: scope.declare_target(s) for op, s in statements.items()}
    block = scope.block or ""
    softmax = statements.get("softmax")
    in_place = softmax is not None and softmax.target.turned and softmax.target.node.order == 1 + len(along)
    if softmax is not None and in_place:
        turned = names["softmax"]
    else:
        turned = scope.scratch([*(scope.size(first.sizes[i]) for i in along), block])
    top, total = scope.scratch([block]), scope.scratch([block])
    r = variables[row]
    cell = f"{turned}[{', '.join(variables[i] for i in (*along, row))}]"
    pad, deep = "    " * len(outer), "    " * len(along)
    inner = loops(first, along, scope, len(outer))
    rows = f"for {r} in range(m):"

    def each_row(*body: str) -> list[str]:
        return [pad + rows, *(f"{pad}    {line}" for line in body)]

    def each_entry(*body: str) -> list[str]:
        return [pad + line for line in inner] + [
            pad + deep + line for line in (rows, *("    " + b for b in body))
        ]

    title = "# " + "; ".join(f"{names[op]}: {op}" for op in statements)
    lines = [title, *loops(first, outer, scope)]
    lines += each_row(f"{top}[{r}] = -math.inf", f"{total}[{r}] = 0.0")
    lines += each_entry(f"x = {entry}", f"{cell} = x", f"{top}[{r}] = larger({top}[{r}], x)")
    lines += each_entry(f"x = exp({cell} - {top}[{r}])", f"{cell} = x", f"{total}[{r}] += x")
    if "logsumexp" in statements:
        target = _target(statements["logsumexp"], first, variables, names["logsumexp"])
        lines += each_row(f"{target} = log({total}[{r}]) + {top}[{r}]")
    if "softmax" in statements:
        target = _target(statements["softmax"], first, variables, names["softmax"])
        lines += each_row(f"{total}[{r}] = 1.0 / {total}[{r}]")
        lines += each_entry(f"{target} *= {total}[{r}]" if in_place else f"{target} = {cell} * {total}[{r}]")
    return lines


def _target(statement: Statement, first: Statement, variables: dict[int, str], name: str) -> str:
    """The entry of a result; its labels are matched with those of the first through the array both read."""
    named = variables
    own, others = ((s.reads[0].labels if s.reads else None) for s in (statement, first))
    if statement is not first and own is not None and others is not None:
        named = {mine: variables[other] for mine, other in zip(own, others, strict=True)}
    return f"{name}[{', '.join(named[i] for i in statement.stored)}]" if statement.output else name
