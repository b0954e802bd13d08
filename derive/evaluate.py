"""The interpreter: the reference meaning of every node, in any number system.

Slow and plain on purpose; kernels are checked against it. `bind` checks data at the door.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np
import sympy

from .domains import Array, Domain, Float, Mp
from .errors import DataError, DeriveError, SizeError
from .node import (
    Apply,
    Delta,
    Einsum,
    Node,
    Ones,
    Params,
    Sum,
    Variable,
    size_symbols,
    topological,
    variables,
)
from .operators import Operator, lookup
from .sizes import Binding, show_shape


def bound_params(params: Params, binding: Binding) -> Params:
    """Operator settings with the symbolic sizes in them replaced by numbers."""

    def bound(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(bound(v) for v in value)
        if isinstance(value, sympy.Expr) and value.free_symbols:
            return binding.substitute(value)
        return value

    return tuple((k, bound(v)) for k, v in params)


Evaluator = Callable[[Mapping[str, Array]], list[Array]]


def planned(roots: Sequence[Node], binding: Binding, domain: Domain) -> Evaluator:
    """The nodes as a function of arrays, one per variable name, of the domain; sizes and settings are fixed.

    Everything that does not depend on the arrays is worked out here, once: for repeated evaluation.
    """
    order = list(topological(roots))
    place = {node: k for k, node in enumerate(order)}
    steps: list[tuple[Any, tuple[int, ...]]] = [
        (_operation(node, binding, domain), tuple(place[o] for o in node.operands))
        if not isinstance(node, Variable)
        else (node.name, ())
        for node in order
    ]
    wanted = [place[root] for root in roots]

    def evaluate(arrays: Mapping[str, Array]) -> list[Array]:
        done: list[Array] = []
        for operation, operands in steps:
            if operation.__class__ is str:
                done.append(arrays[operation])
            else:
                done.append(operation([done[k] for k in operands]))
        found = [done[k] for k in wanted]
        return [
            a if a.flags.writeable else a.copy() for a in found
        ]  # constants are kept, and stay as they are

    return evaluate


def run(roots: Sequence[Node], arrays: Mapping[str, Array], binding: Binding, domain: Domain) -> list[Array]:
    """Evaluate the nodes. `arrays` holds one array of the domain per variable name."""
    if not isinstance(domain, Float):
        return planned(roots, binding, domain)(arrays)
    return _plan(tuple(roots), tuple(binding.values.items()), domain.dtype)(arrays)


@lru_cache(maxsize=32)
def _plan(roots: tuple[Node, ...], sizes: tuple[tuple[sympy.Symbol, int], ...], dtype: Any) -> Evaluator:
    """The plans of late: solvers and certificates evaluate the same nodes at one point after another."""
    return planned(roots, Binding(dict(sizes)), Float(dtype))


def _kept(constant: Array) -> Array:
    """The constant, safe from whoever gets it as a result."""
    constant.flags.writeable = False
    return constant


def value_of(
    node: Node, operands: list[Array], arrays: Mapping[str, Array], binding: Binding, domain: Domain
) -> Array:
    """One node on the values of its operands."""
    if isinstance(node, Variable):
        return arrays[node.name]
    found: Array = _operation(node, binding, domain)(operands)
    return found


def _operation(node: Node, binding: Binding, domain: Domain) -> Any:
    """What a node does to its operands."""
    if isinstance(node, Ones):
        constant = _kept(domain.array(np.ones(binding.shape(node.shape), dtype=int)))
        return lambda operands: constant
    if isinstance(node, Delta):
        constant = _kept(domain.array(np.eye(*binding.shape(node.shape), dtype=int)))
        return lambda operands: constant
    if isinstance(node, Sum):
        return _weighted(node, binding, domain)
    if isinstance(node, Einsum):
        inputs, output = list(node.inputs), node.output
        return lambda operands: domain.einsum(inputs, output, operands)
    assert isinstance(node, Apply)
    value, params, name = lookup(node.op).value, bound_params(node.params, binding), node.op
    sizes = show_shape(node.operands[0].shape) if node.operands else ""

    def applied(operands: list[Array]) -> Array:
        try:
            return value(operands, params, domain)
        except np.linalg.LinAlgError as error:
            raise DataError(f"{name} of a matrix of sizes {sizes}: {error}") from None

    return applied


def _weighted(node: Sum, binding: Binding, domain: Domain) -> Any:
    """The sum of terms, each times its coefficient."""
    shape, dtype = binding.shape(node.shape), domain.dtype
    factors = [None if c == 1 else domain.number(binding.coefficient(c)) for c in node.coefficients]
    if not factors:
        return lambda operands: domain.array(np.zeros(shape, dtype=int))

    def added(operands: list[Array]) -> Array:
        total: Any = None
        for factor, term in zip(factors, operands, strict=True):
            # array first: an mpmath number on the left would print the whole array before it gives way
            value = term if factor is None else term * factor
            total = value if total is None else total + value
        if total is operands[0]:
            total = np.array(total)
        return np.asarray(total, dtype=dtype)

    return added


# ---------------------------------------------------------------- data at the door


def bind(
    wanted: Iterable[Variable],
    data: Mapping[str, Any],
    *,
    sizes: Iterable[sympy.Symbol] = (),
    dtype: Any = np.float64,
    extra: bool = False,
    check_facts: bool = True,
    rows: Collection[str] = (),
) -> tuple[dict[str, Array], Binding]:
    """Check and convert the arrays for some variables, and learn the sizes from them.

    Every array given must be wanted (unless `extra`), every wanted one given; entries are numbers,
    finite, of the declared sizes, and satisfy the declared facts. Sizes may be given as numbers by name. The
    arrays named in `rows` stay as they are, without a look at their entries: whoever reads them block by block
    converts and checks (`check_entries`) the blocks.
    Raises `DataError` or `SizeError` naming the array, the row and the column.
    """
    variables_ = {v.name: v for v in wanted}
    size_names = {s.name: s for s in sizes}
    missing = [name for name in variables_ if name not in data]
    if missing:
        raise DataError(f"no array was given for {', '.join(sorted(missing))}")
    binding = Binding()
    for name, value in data.items():
        if name in size_names and name not in variables_:
            if not _is_size(value):
                raise DataError(f"size {name} must be a whole number ≥ 1, not {value!r}")
            binding.values[size_names[name]] = int(value)
        elif name not in variables_ and not extra:
            expected = ", ".join(sorted(variables_)) or "none"
            raise DataError(f"an array was given for {name!r}, which does not occur; expected: {expected}")
    kinds = {name: getattr(data[name], "dtype", dtype) if name in rows else dtype for name in variables_}
    arrays = {name: as_data(name, data[name], v.order, kinds[name]) for name, v in sorted(variables_.items())}
    for name, v in sorted(variables_.items()):
        binding.learn(name, v.shape, arrays[name].shape)
    for name, v in sorted(variables_.items()):  # sizes such as n - k + 1, once n and k are known
        binding.learn(name, v.shape, arrays[name].shape)
        if name not in rows:
            check_entries(v, arrays[name], check_facts)
    return arrays, binding


def check_entries(v: Variable, array: Array, check_facts: bool = True, first: int = 0) -> None:
    """Raise a `DataError` where an entry is not finite, or not as the facts say; rows count from `first`."""
    check_finite(v.name, array, first)
    if check_facts and v.facts:
        _check_facts(v, array, first)


def has_access(roots: Sequence[Node]) -> bool:
    """Whether there is anything that `check_access` would look at."""
    applied = (node for node in topological(roots) if isinstance(node, Apply))
    return any(type(lookup(node.op)).check is not Operator.check for node in applied)


def check_access(roots: Sequence[Node], arrays: Mapping[str, Array], binding: Binding) -> None:
    """Check what only numbers decide: that slices and windows fit, and that whole-number indices are in range.

    Compiled kernels, which do not look, are preceded by this; indices are checked where they are given as data.
    """
    for node in topological(roots):
        if not isinstance(node, Apply):
            continue
        shapes = [binding.shape(o.shape) for o in node.operands]
        data = [arrays.get(o.name) if isinstance(o, Variable) else None for o in node.operands]
        try:
            lookup(node.op).check(shapes, data, bound_params(node.params, binding))
        except DataError as error:
            names = ", ".join(o.name for o in node.operands if isinstance(o, Variable))
            raise DataError(f"{error}, in {node.op} of {names}") from None


def _is_size(value: Any) -> bool:
    """Whether the value is a whole number ≥ 1."""
    try:
        return not isinstance(value, bool) and int(value) == value and bool(value >= 1)
    except (TypeError, ValueError, OverflowError):
        return False


def as_plain(name: str, value: Any) -> Array:
    """`value` as an ordinary array: no matrix, nothing masked, no objects where these are numbers."""
    if isinstance(value, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(value)
        if hidden.any():
            where = tuple(int(i) for i in np.argwhere(hidden)[0])
            count = int(hidden.sum())
            entries = "entry" if count == 1 else "entries"
            raise DataError(f"{name} has {count} masked {entries}, the first at {where}; fill or drop them")
        value = value.data
    if type(value).__module__.startswith("scipy.sparse"):
        raise DataError(f"{name} is a sparse matrix ({type(value).__name__}); give {name}.toarray()")
    try:
        array = (
            np.asarray(value) if isinstance(value, np.matrix) or not isinstance(value, np.ndarray) else value
        )
    except (ValueError, TypeError) as error:
        ragged = "inhomogeneous" in str(error)
        what = "the lists in it have different lengths" if ragged else str(error)
        raise DataError(f"{name} is not an array of numbers: {what}") from None
    if array.dtype != object:
        return array
    for where, entry in np.ndenumerate(array):
        if not isinstance(entry, numbers.Real | np.bool_ | Decimal):
            spot = f" at {tuple(map(int, where))}" if where else ""
            raise DataError(f"{name} has {_short(entry)}{spot}, which is no real number")
    try:
        return array.astype(np.float64)
    except (OverflowError, ValueError, TypeError) as error:
        raise DataError(f"{name} does not hold numbers that fit into double precision: {error}") from None


def _short(entry: Any) -> str:
    """An entry as it is written, if that is short, else its type."""
    text = repr(entry)
    return text if len(text) <= 40 else f"an entry of type {type(entry).__name__}"


def as_data(name: str, value: Any, order: int, dtype: Any = np.float64) -> Array:
    """`value` as a floating array, or a `DataError` naming it. No copy where none is needed."""
    array = as_plain(name, value)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has entries of type {array.dtype}, not real numbers")
    if array.ndim != order:
        raise SizeError(f"{name} was declared with {order} axes, but the array has shape {array.shape}")
    if array.size == 0:
        raise SizeError(f"{name} is empty (shape {array.shape}); sizes are at least 1")
    if array.dtype.kind == "f" and dtype is None:
        return array
    return array if array.dtype == np.dtype(dtype) else array.astype(dtype)


#: Entries that are looked at together: as many as stay in cache.
BLOCK_ENTRIES = 1 << 17


def check_finite(name: str, array: Array, first: int = 0) -> None:
    """Raise a `DataError` naming the first entry that is NaN or infinite; memory does not grow with the array."""
    if array.dtype.kind != "f":
        return
    if array.ndim and array.size > BLOCK_ENTRIES:
        step = max(1, BLOCK_ENTRIES * len(array) // array.size)
        for start in range(0, len(array), step):
            check_finite(name, array[start : start + step], first + start)
        return
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        with np.errstate(all="ignore"):
            if np.isfinite(
                np.add.reduce(flat)
            ):  # no overflow, and nothing that is not finite; BLAS would wait for threads
                return
    finite = np.isfinite(array)
    if finite.all():
        return
    where = tuple(int(i) for i in np.argwhere(~finite)[0])
    value = array[where]
    where = (where[0] + first, *where[1:]) if where else where
    if array.ndim == 0:
        raise DataError(f"{name} is {value}")
    places = (
        ["row", "column"] if array.ndim == 2 else ["entry"] if array.ndim == 1 else ["index"] * array.ndim
    )
    spot = ", ".join(f"{p} {i}" for p, i in zip(places, where, strict=True))
    count = int((~finite).sum())
    more = f" ({count} such entries)" if count > 1 else ""
    raise DataError(f"{name} has {value} at {spot}{more}; remove or impute it first")


def _check_facts(v: Variable, array: Array, first: int = 0) -> None:
    tests: dict[str, Callable[[Array], Array]] = {
        "positive": lambda a: a > 0,
        "nonnegative": lambda a: a >= 0,
        "nonzero": lambda a: a != 0,
        "integer": lambda a: np.asarray(a == np.round(a)),
    }
    for fact, test in tests.items():
        if fact in v.facts and not test(array).all():
            where = tuple(int(i) for i in np.argwhere(~test(array))[0])
            value = array[where]
            where = (where[0] + first, *where[1:]) if where else where
            place = f" at index {where}" if where else ""
            raise DataError(f"{v.name} was declared {fact}, but is {value}{place}")
    if "symmetric" in v.facts and array.ndim >= 2:
        gap = np.abs(array - np.swapaxes(array, -1, -2))
        if gap.max() > 1e-8 * max(1e-300, float(np.abs(array).max())):
            where = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
            raise DataError(
                f"{v.name} was declared symmetric, but entry {where} differs from its mirror image"
            )
    if "psd" in v.facts and array.ndim >= 2:
        room = 1e-8 * max(1e-300, float(np.abs(array).max()))
        lowest = 0.0
        try:
            np.linalg.cholesky(array + 0.5 * room * np.eye(array.shape[-1]))
        except np.linalg.LinAlgError:  # eigenvalues take twenty times as long
            lowest = float(np.linalg.eigvalsh(array).min())
        if lowest < -room:
            kind = "positive definite" if "pd" in v.facts else "positive semidefinite"
            raise DataError(f"{v.name} was declared {kind}, but has the eigenvalue {lowest:.3g}")
    if "simplex" in v.facts and (array.min() < 0 or abs(array.sum(axis=-1) - 1).max() > 1e-8):
        raise DataError(f"{v.name} was declared on the simplex, but is negative or does not sum to 1")


def evaluate(
    root: Node, data: Mapping[str, Any], *, digits: int | None = None, dtype: Any = np.float64
) -> Array:
    """The value of an expression on data: in floating point, or in mpmath with that many digits.

    Data variables may be given for names that do not occur only if they are sizes.
    """
    from .stable import stabilise

    (node,) = stabilise([root])
    wanted = variables(root)
    symbols = size_symbols(root)
    arrays, binding = bind(wanted, data, sizes=symbols, dtype=dtype)
    check_access([node], arrays, binding)
    return evaluate_bound([node], arrays, binding, digits=digits, dtype=dtype)[0]


def evaluate_bound(
    nodes: Sequence[Node],
    arrays: Mapping[str, Array],
    binding: Binding,
    *,
    digits: int | None = None,
    dtype: Any = np.float64,
) -> list[Array]:
    """Values on arrays that `bind` has checked; constants of a result keep their shape."""
    try:
        if digits is None:
            return run(nodes, arrays, binding, Float(dtype))
        with mpmath.workdps(digits):
            domain = Mp(digits)
            return run(nodes, {k: domain.array(a) for k, a in arrays.items()}, binding, domain)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        if isinstance(error, DeriveError):
            raise
        raise DataError(f"the expression has no finite value at this point: {error}") from None
