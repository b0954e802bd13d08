"""The inside of a pass as text: what is done before the first block of rows, and for every block.

Each nest is written by whoever knows its kind; some statements are computed in pairs or chains, or one block later,
elsewhere than they stand. How many rows a block has follows from what is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..node import Variable
from ..sizes import Size, product
from .access import called, cholesky_factors, gathered, put_together, running, scattered
from .axes import along_axes
from .gram import NARROW
from .loops import Scope, fused, reshaped
from .matrices import matrix_functions
from .products import product_lines
from .program import Nest, Pass
from .reuse import reusable
from .rowwise import FEW, MANY
from .sampled import chains
from .statements import Item
from .symmetric import gram_lines
from .tiles import lag_of
from .turned import Joined, joined, turned_rows
from .vectors import FIRST_CACHE, ZEN

#: Rows of a block for a symmetric update by BLAS: OpenBLAS takes a sixth longer where they are a multiple of 256.
GRAM_ROWS = 176
#: Numbers in a block of a lagged pass: two such blocks are in the first cache together. Where lines are fetched into
#: that cache, it holds more of them.
LAGGED = 1600 if ZEN else 2400
#: Data of so many numbers stay in the last cache, where it is instructions that count, unless rows are wide.
CACHED, WIDE = 3_000_000, 160
#: Columns of a row whose copy is in the first cache for long, with the unknowns and the sum; numbers of rows in a copy.
KEPT, COPY = 25 * FIRST_CACHE, 1024


@final
@dataclass(frozen=True)
class Inside:
    """Lines before the first block, for each, at its end and after the last; the text of how many rows it has."""

    head: list[str]
    lines: list[str]
    tail: list[str]
    end: list[str]
    rows: str


def inside(sweep: Pass, scope: Scope, fetching: bool = True) -> Inside:
    """The text of a pass but for its frame; what the lines need declared is in the scope.

    fetching  whether products fetch the rows that come next
    """
    inner: list[str] = []
    head, tail, end = _lagged(sweep, scope, ZEN and fetching)
    lag = lag_of(sweep)
    scope.ahead = _streamed(sweep, scope) if fetching else []
    read = {r.item for nest in sweep.nests for s in nest.statements for r in s.reads}
    scope.placed = {i for i in sweep.written if i.storage == tuple(range(i.node.order)) and i not in read}
    scope.placed &= {s.target for nest in sweep.nests for s in nest.statements if s.kind == "map"}
    pairs = joined(sweep, scope.program, scope.dtype)
    through = chains(sweep, scope.program, scope.dtype)
    skipped = pairs.skipped | through.skipped
    if lag is None and not skipped:  # nothing is computed elsewhere than it stands
        scope.reused = reusable(sweep, scope.program.used)
    for nest in sweep.nests:
        first = nest.statements[0]
        if (lag is None or not lag.covers(nest)) and first.target not in skipped:
            inner += pairs.lines(first, scope) or through.lines(first, scope) or nest_lines(nest, scope)
    for item in sweep.written:
        if item not in scope.placed:
            inner += _written(item, scope)
    return Inside(head, inner, tail, end, _block_rows(sweep, scope, pairs))


def nest_lines(nest: Nest, scope: Scope) -> list[str]:
    """The lines of a nest."""
    first = nest.statements[0]
    turned = turned_rows(first, scope) if len(nest.statements) == 1 else None
    if turned is not None:
        return turned
    if first.kind == "map" or (first.kind == "sum" and nest.orders[0]):
        return fused(nest, scope)
    if first.kind == "rows":
        name, given = scope.names[first.target], scope.names[first.reads[0].item]
        return [f"{name} = {given}[b:b + m]"]
    if first.kind == "sum":
        return product_lines(first, scope)
    if first.kind == "gram":
        return gram_lines(first, scope)
    if first.kind == "pieces":
        return put_together(first, scope)
    if first.kind == "gather":
        return gathered(first, scope)
    if first.kind == "scatter":
        return scattered(first, scope)
    if first.kind == "call":
        return called(first, scope)
    if first.op in ("cumsum", "cumsum_back"):
        return running(first, scope)
    if first.op == "cholesky":
        return cholesky_factors(first, scope)
    if first.kind == "axis":
        return along_axes(nest.statements, scope)
    if first.kind == "matrix":
        return matrix_functions(nest, scope)
    assert first.kind == "reshape"
    return reshaped(first, scope)


def _streamed(sweep: Pass, scope: Scope) -> list[str]:
    """The blocks of data whose successors products may fetch."""
    blocks = [s for nest in sweep.nests for s in nest.statements if isinstance(s.target.node, Variable)]
    reads = [s.reads[0].item for s in blocks if s.target.row == 0]
    return [f"{scope.names[item]}[b:b + m]" for item in reads if item.node.order == 2]


def _lagged(sweep: Pass, scope: Scope, keeping: bool) -> tuple[list[str], list[str], list[str]]:
    """The products of a lag: the first block's before the loop, the next block's at its end, and the sum at last.

    keeping  whether rows may be kept in a copy
    """
    lag = lag_of(sweep)
    if lag is None:
        return [], [], []
    (first,), (second,) = lag.dot.statements, lag.add.statements
    scope.declare_target(first)
    names = scope.names
    rows, w, r = (names[i] for i in (Item(lag.rows.item.node), lag.by.item, lag.weights.item))
    z, g = names[first.target], names[second.target]
    data, columns = (scope.size(s) for s in lag.rows.item.node.shape)
    long, start, coming = (
        f"{columns} > {FEW}",
        f"{rows}[lo:min(hi, lo + block)]",
        f"{rows}[e:min(hi, e + block)]",
    )
    beside = [f"{v}_beside = alongside({start}, {v}) if {long} else {v}" for v in (w, g)]
    begin = [f"dot_rows({start}, {w}_beside, {z})"]
    go_on = [f"add_then_dot({rows}[b:e], {r}, {g}_beside, {coming}, {w}_beside, {z})"]
    if keeping:
        beside += [
            f"{rows}_kept = room_alongside({start}, 0 if {columns} > {KEPT} or {_small(columns, data)} else block)",
            f"keeping = {rows}_kept.shape[0] > 0",
        ]
        begin, go_on = (
            [
                "if keeping:",
                f"    add_then_keep({rows}_kept, {count}, {r}, {g}_beside, {block}, {w}_beside, {z})",
                "else:",
                f"    {otherwise}",
            ]
            for count, block, (otherwise,) in ((0, start, begin), ("m", coming, go_on))
        )
    head = [*beside, f"# {z}: {first.note}, of the first block", *begin]
    tail = [f"# {g}: {second.note}; {z}: {first.note}, of the next block", "e = b + m", *go_on]
    return head, tail, [f"if {long}:", f"    assign({g}, {g}_beside)"]


def _small(columns: str, data: str) -> str:
    """Whether many rows are a block: they are short, or not read from memory."""
    return f"{columns} <= {FEW} or {columns} <= {WIDE} and {columns} * {data} <= {CACHED}"


def _block_rows(sweep: Pass, scope: Scope, pairs: Joined) -> str:
    """Rows per block: the block stays in the first cache, or in the second where BLAS wants bulk."""
    width: Size = product(())
    for item in sweep.buffers:
        if item not in scope.program.used or item in pairs.skipped or item in scope.reused:
            continue  # it lives in a register, or in memory that is counted already
        width = width + product(s for k, s in enumerate(item.node.shape) if k != item.row)
    if any(item.turned for item in sweep.buffers) and not scope.uses_dot:
        return f"max(64, min(224, 8192 // ({scope.size(width)}))) // 32 * 32"
    lag = lag_of(sweep)
    if lag is not None and not scope.uses_dot:
        fitting = f"{LAGGED} // ({scope.size(width)})"
        if not ZEN:
            return f"max(8, min(256, {fitting})) // 8 * 8"
        data, columns = (scope.size(s) for s in lag.rows.item.node.shape)
        fitting_few = f"{COPY} // {columns}"  # functions go by eight rows, if there are so many
        few = f"max({fitting_few} // 8 * 8, min({fitting_few}, 7), 1) if {columns} <= {KEPT} else 4"
        return f"(max({MANY}, min(256, {fitting})) // 8 * 8 if {_small(columns, data)} else {few})"
    room = 65536 if scope.uses_dot else 4096
    if any(item.node.order > 2 for item in sweep.buffers):  # a row may fill the cache by itself
        return f"max(1, min(256, {room} // ({scope.size(width)})))"
    most = "256"
    for statement in (nest.statements[0] for nest in sweep.nests):
        if statement.kind == "gram":
            columns = scope.size(statement.sizes[statement.output[0]])
            most = f"({GRAM_ROWS} if {columns} > {NARROW} else 256)"
    return f"max(16, min({most}, {room} // ({scope.size(width)}))) // 8 * 8"


def _written(item: Item, scope: Scope) -> list[str]:
    """A block copied into the array that is returned."""
    name = scope.names[item]
    stored = item.storage
    indices = {axis: f"i{position}" for position, axis in enumerate(stored)}
    lines = []
    for position, axis in enumerate(stored):
        size = "m" if axis == item.row else scope.size(item.node.shape[axis])
        lines.append("    " * position + f"for i{position} in range({size}):")
    indices[item.row or 0] = f"b + {indices[item.row or 0]}"
    left = ", ".join(indices[k] for k in range(item.node.order))
    right = ", ".join(f"i{p}" for p in range(item.node.order))
    lines.append("    " * len(stored) + f"out_{name}[{left}] = {name}[{right}]")
    return lines
