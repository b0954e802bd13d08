"""Contractions as text: BLAS for products of matrices, hand-shaped loops for everything else.

A product of two arrays is a matrix product when its labels fall into rows (in the left factor and the
result), columns (in the right factor and the result) and summed ones (in both factors), each group stored
side by side. With only rows or only columns it is a matrix-vector product: plain loops over a block in
cache beat BLAS there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from ..node import Labels
from .loops import Scope, globally, loops, read_text
from .statements import Read, Statement, is_matrix_product, plain_label
from .tiles import tiled_lines


def product_lines(statement: Statement, scope: Scope) -> list[str]:
    """The lines of one contraction."""
    form = _matrix_form(statement)
    if form is not None:
        return _blas(statement, form, scope)
    return _plain(statement, scope)


def stored_labels(read: Read) -> Labels | None:
    """The labels of a read in storage order, or None if an index is not a label or one occurs twice."""
    found = [plain_label(e) for e in read.stored]
    labels = tuple(i for i in found if i is not None)
    return labels if len(labels) == len(found) == len(set(labels)) else None


# ---------------------------------------------------------------- matrix products


@final
@dataclass(frozen=True)
class _Form:
    """A product of matrices: which read is left, and the three groups of labels."""

    left: Read
    right: Read
    rows: Labels
    columns: Labels
    summed: Labels


def _matrix_form(statement: Statement) -> _Form | None:
    if not is_matrix_product(statement) or any(r.item.turned for r in statement.reads):
        return None
    a, b = statement.reads
    la, lb = stored_labels(a), stored_labels(b)
    if la is None or lb is None:
        return None
    output = set(statement.output)
    if any(i in lb and i in output for i in la) or any(i not in (*la, *lb) for i in statement.output):
        return None
    row = statement.row
    for read, labels in ((a, la), (b, lb)):  # rows of a whole array have no block of their own
        if row in labels and read.item.row is None:
            return None
    summed = tuple(i for i in la if i in lb)
    if any(i not in output and i not in summed for i in (*la, *lb)):
        return None
    rows = tuple(i for i in la if i in output)
    columns = tuple(i for i in lb if i in output)
    if not (rows and columns and summed):
        return None
    stored = statement.stored
    if stored[: len(columns)] == columns and stored != (*rows, *columns):
        a, b, rows, columns = b, a, columns, rows
    if row in columns:
        a, b, rows, columns = b, a, columns, rows
    # the rows of a block come first in storage: a group that holds them starts with them
    return _Form(a, b, _led_by(row, rows), columns, _led_by(row, summed))


def _led_by(row: int | None, labels: Labels) -> Labels:
    """The labels with the row label, if it is among them, in front."""
    return (row, *(i for i in labels if i != row)) if row is not None and row in labels else labels


def _as_matrix(
    read: Read, first: Labels, second: Labels, statement: Statement, scope: Scope, lines: list[str]
) -> str:
    """The read as a matrix with these groups of labels as its axes; copied where it is stored otherwise."""
    labels = stored_labels(read)
    assert labels is not None
    name = scope.names[read.item]
    block = f"{name}[:m]" if read.item.row is not None else name
    for turned, (p, q) in ((False, (first, second)), (True, (second, first))):
        if labels == (*p, *q):
            text = block
            if len(p) > 1 or len(q) > 1:
                text += f".reshape(({_count(p, statement, scope)}, {_count(q, statement, scope)}))"
            return text + (".T" if turned else "")
    if statement.row in second:  # the rows of a block come first in storage, whatever the product wants
        return _packed(read, second, first, statement, scope, lines) + ".T"
    return _packed(read, first, second, statement, scope, lines)


def _packed(
    read: Read, first: Labels, second: Labels, statement: Statement, scope: Scope, lines: list[str]
) -> str:
    """A copy of the read with its axes in the wanted order."""
    order = (*first, *second)
    extents = [_room(i, statement, scope) for i in order]
    copy = scope.scratch(extents)
    variables = {label: f"i{k}" for k, label in enumerate(order)}
    lines += loops(statement, order, scope)
    place = ", ".join(f"i{k}" for k in range(len(order)))
    lines.append(
        "    " * len(order) + f"{copy}[{place}] = {read_text(read, variables, statement.row, scope)}"
    )
    part = f"{copy}[:m]" if order[0] == statement.row else copy
    if len(order) == 2:
        return part
    return f"{part}.reshape(({_count(first, statement, scope)}, {_count(second, statement, scope)}))"


def _room(label: int, statement: Statement, scope: Scope) -> str:
    return (scope.block or "") if label == statement.row else scope.size(statement.sizes[label])


def _count(labels: Labels, statement: Statement, scope: Scope) -> str:
    return " * ".join(_factor(scope.extent(statement, i)) for i in labels)


def _factor(text: str) -> str:
    return f"({text})" if any(c in text for c in " +-") else text


def _blas(statement: Statement, form: _Form, scope: Scope) -> list[str]:
    scope.uses_dot = True
    name = scope.declare_target(statement)
    lines = [f"# {name}: matrix product"]
    left = _as_matrix(form.left, form.rows, form.summed, statement, scope, lines)
    right = _as_matrix(form.right, form.summed, form.columns, statement, scope, lines)
    order = (*form.rows, *form.columns)
    if statement.stored == order and not statement.accumulates:
        target = f"{name}[:m]" if statement.target.row is not None else name
        if len(order) > 2:
            target += (
                f".reshape(({_count(form.rows, statement, scope)}, {_count(form.columns, statement, scope)}))"
            )
        return [*lines, f"gemm({left}, {right}, {target})"]
    extents = [_room(i, statement, scope) for i in order]
    product = scope.scratch(extents)
    whole = f"{product}[:m]" if order[0] == statement.row else product
    if len(order) > 2:
        whole += (
            f".reshape(({_count(form.rows, statement, scope)}, {_count(form.columns, statement, scope)}))"
        )
    lines.append(f"gemm({left}, {right}, {whole})")
    variables = {label: f"i{k}" for k, label in enumerate(order)}
    lines += loops(statement, order, scope)
    place = ", ".join(variables[i] for i in statement.stored)
    source = ", ".join(f"i{k}" for k in range(len(order)))
    sign = "+=" if statement.accumulates else "="
    lines.append("    " * len(order) + f"{name}[{place}] {sign} {product}[{source}]")
    return lines


# ---------------------------------------------------------------- plain loops


def _inner_label(statement: Statement, candidates: Sequence[int]) -> int:
    """The label whose loop runs innermost: along the last axis of as many arrays as can be."""

    def score(label: int) -> int:
        total = 0
        arrays = [tuple(plain_label(e) for e in r.stored) for r in statement.reads]
        arrays.append(tuple(statement.stored))
        for axes in arrays:
            if label in axes:
                total += 1 if axes[-1] == label else -2
        return total

    return max(candidates, key=lambda i: (score(i), i != statement.row, i not in statement.output, -i))


def _plain(statement: Statement, scope: Scope) -> list[str]:
    """Loops around one multiply-add, values read as far out as they can be."""
    summed = statement.summed
    everything = [*statement.stored, *summed]
    inner = _inner_label(statement, everything)
    outer = [i for i in everything if i != inner]
    if statement.row in outer and not any(r.item.turned for r in statement.reads):
        outer.remove(statement.row)
        outer.insert(0, statement.row)
    order = (*outer, inner)
    variables = {label: f"i{k}" for k, label in enumerate(order)}
    tiled = tiled_lines(statement, order, scope)
    if tiled is not None:
        return tiled
    name = scope.declare_target(statement)
    scalar = all(i in summed for i in order[len(statement.stored) :]) and set(
        order[: len(statement.stored)]
    ) == set(statement.stored)
    depth = len(order)
    lines: list[list[str]] = [[] for _ in range(depth + 1)]
    texts = []
    for k, read in enumerate(statement.reads):
        text = read_text(read, variables, statement.row, scope)
        if read.item.node.order:
            used = [p for p in range(depth) if f"i{p}" in _names(text)]
            level = max(used, default=-1) + 1
            lines[level].append(f"x{k} = {text}")
            text = f"x{k}"
        texts.append(text)
    value = globally(statement.template, variables, statement.row).format(*texts)
    place = ", ".join(variables[i] for i in statement.stored)
    target = f"{name}[{place}]" if statement.output else name
    head = [f"# {name}: {statement.note}"]
    kept = len(statement.stored)
    tail: list[list[str]] = [[] for _ in range(depth + 1)]
    if not statement.output:
        if scope.block is None:
            head.append(f"{name} = 0.0")
        lines[depth].append(f"{name} += {value}")
    elif scalar:
        lines[kept].append("total = 0.0")
        lines[depth].append(f"total += {value}")
        tail[kept].append(f"{target} {'+=' if statement.accumulates else '='} total")
    else:
        if not statement.accumulates:
            head += loops(statement, statement.stored, scope)
            zeroed = ", ".join(f"i{k}" for k in range(len(statement.stored)))
            head.append("    " * len(statement.stored) + f"{name}[{zeroed}] = 0.0")
        lines[depth].append(f"{target} += {value}")
    out = head
    for level in range(depth + 1):
        out += ["    " * level + line for line in lines[level]]
        if level < depth:
            out.append("    " * level + f"for i{level} in range({scope.extent(statement, order[level])}):")
    for level in range(depth, -1, -1):
        out += ["    " * level + line for line in tail[level]]
    return out


def _names(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text).split())
