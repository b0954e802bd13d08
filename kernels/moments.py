"""Data that enter only through sums of squares and products, compressed to as many rows as they have columns.

Least squares, and reconstruction by principal components, touch their data only through AᵀA, where A = [X y …]
holds all data columns side by side. A triangular factor R with RᵀR = AᵀA (the QR decomposition of A) may
then take the place of A: `‖Xw − y‖² = ‖R_X w − R_y‖²`, for every w, at a cost that no longer depends on the
number of rows. AᵀA itself is never formed: that would square the condition number, and a small residual would
drown in the rounding errors of `yᵀy`. Orthogonal factors are backward stable, so values and gradients are as
accurate as from the data.

It costs about 2nk² operations for k columns, as much as some tens of evaluations; blocks of rows are folded in
one by one, so memory does not grow with n. Bound kernels and solvers alone use this: unasked where data are so few that
it takes less than a millisecond, else on request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from ..domains import Array
from ..node import Apply, Delta, Einsum, Node, Ones, Sum, Variable, topological
from ..sizes import Size, same_size

_BLOCK = 4096
#: Fewer rows than this many per column are not worth it.
_ROWS_PER_COLUMN = 4
#: Three digits of sixteen may get lost unasked.
_UNEVEN = 1000.0


def compressible(roots: Sequence[Node], data: Collection[str], rows: Size | None) -> bool:
    """Whether `Qᵀ` in front of all data, Q orthogonal, changes no result.

    Every array over the rows is linear in the data and without a constant, or a product of two such; only
    products of two are summed over the rows; and the number of rows occurs in no coefficient.
    """
    if rows is None or not rows.is_Symbol:
        return False
    degree: dict[Node, int] = {}
    for node in topological(roots):
        known = [degree[o] for o in node.operands]
        found = _degree(node, known, data, rows)
        if found is None:
            return False
        degree[node] = found
    return all(degree[root] == 0 for root in roots)


def _degree(node: Node, below: Sequence[int], data: Collection[str], rows: Size) -> int | None:
    """How many factors from one row of the data an entry has: 0 (no axis over the rows), 1, 2; else None."""
    count = sum(same_size(size, rows) for size in node.shape)
    if count > 1 or any(size.has(rows) for size in node.shape if not same_size(size, rows)):
        return None
    if isinstance(node, Variable):
        return count if not count or node.name in data else None
    if isinstance(node, Ones | Delta):
        return None if count else 0
    if isinstance(node, Sum):
        if any(c.has(rows) for c in node.coefficients) or len(set(below)) > 1:
            return None
        return below[0] if below else None if count else 0
    if isinstance(node, Einsum):
        return _product_degree(node, below, rows)
    assert isinstance(node, Apply)
    if _mentions(node.params, rows):
        return None
    if node.op == "power" and node.param("exponent") == 2 and below[0] == 1:
        return 2
    return None if count or any(below) else 0


def _product_degree(node: Einsum, below: Sequence[int], rows: Size) -> int | None:
    kept = 0
    for label in {i for i, size in node.label_sizes().items() if same_size(size, rows)}:
        total = sum(b * ls.count(label) for b, ls in zip(below, node.inputs, strict=True))
        if node.output.count(label) == 1 and total in (1, 2):
            kept = total
        elif label in node.output or total != 2:
            return None
    return kept


def _mentions(params: object, rows: Size) -> bool:
    if isinstance(params, tuple):
        return any(_mentions(p, rows) for p in params)
    return rows in getattr(params, "free_symbols", ())


def _is_even(arrays: Sequence[Array]) -> bool:
    """Whether no row is `_UNEVEN` times longer than another."""
    lengths = np.sqrt(sum(np.square(a, dtype=np.float64).reshape(len(a), -1).sum(axis=1) for a in arrays))
    return bool(lengths.max() < _UNEVEN * lengths.min())


def compressed(
    arrays: Mapping[str, Array], axes: Mapping[str, int], even: bool = False
) -> dict[str, Array] | None:
    """The arrays with the rows of their joint triangular factor; None where too few rows make it a loss.

    axes  which axis of an array runs over the rows; arrays that are not named here stay
    even  None, too, where some rows are a thousand times longer than others: an orthogonal factor loses of every row
          what the longest one's size asks for, the statement itself what that row's own does
    """
    if not axes:
        return None
    turned = {name: np.moveaxis(arrays[name], axis, 0) for name, axis in sorted(axes.items())}
    count = len(next(iter(turned.values())))
    widths = [a[0].size for a in turned.values()]
    width = sum(widths)
    if count < _ROWS_PER_COLUMN * width or (even and not _is_even(list(turned.values()))):
        return None
    factor = np.zeros((0, width))
    for start in range(0, count, _BLOCK):
        blocks = [
            a[start : start + _BLOCK].reshape(-1, k) for a, k in zip(turned.values(), widths, strict=True)
        ]
        stacked = np.vstack([factor, np.hstack(blocks, dtype=np.float64)])
        factor = np.asarray(np.linalg.qr(stacked, mode="r"))
    found, place = dict(arrays), 0
    for (name, array), columns in zip(turned.items(), widths, strict=True):
        part = factor[:, place : place + columns].reshape(width, *array.shape[1:])
        kind = array.dtype if array.dtype.kind == "f" else np.dtype(np.float64)
        found[name] = np.ascontiguousarray(np.moveaxis(part, 0, axes[name]), dtype=kind)
        place += columns
    return found
