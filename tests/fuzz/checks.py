"""What must hold of any expression: its meaning, its gradient, its Hessian–vector product, its facts.

Derivatives are held against central differences in 50-digit mpmath to a relative 1e-20. A mismatch is
measured again with 120 digits, and forward against backward differences: at a kink it is a convention.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from random import Random
from typing import Any

import mpmath
import numpy as np

from derive.differentiate import gradient, hvp
from derive.domains import Array, Float, Mp
from derive.errors import DeriveError
from derive.evaluate import _check_facts, run, value_of
from derive.kernels.compile import compile_nodes
from derive.node import Apply, Einsum, Node, Sum, Variable, topological, variable, variables
from derive.simplify import simplify
from derive.sizes import Binding
from derive.stable import recognise, stabilise
from derive.verify.sampling import draw

from .generate import SIZES, Piece

TOLERANCE = 1e-20
#: Operators with a kink where their argument is 0, or where two arguments are equal.
KINKS = frozenset("abs sign relu step maximum minimum".split())
#: Operators with a kink where the largest, or smallest, entry is there more than once.
TIES = frozenset("max min max_share min_share".split())


class Wrong(AssertionError):
    """A result that is not what it should be."""


class Skip(Exception):
    """A point that decides nothing: outside the domain, a kink, or numbers of absurd size."""


@dataclass
class Case:
    """An objective at a point, in mpmath."""

    piece: Piece
    wrt: Variable
    direction: Variable
    arrays: dict[str, Array]
    binding: Binding


def prepare(piece: Piece, seed: int) -> Case:
    """A point and an unknown for an objective."""
    random = Random(seed)
    inside = [p.node for p in piece.walk() if p.kind == "variable"]
    if not inside:
        raise Skip("no variable")
    # Prefer unknowns that survived the algebra, but ask for vanished ones too.
    alive = list(variables(piece.node))
    wrt = random.choice(alive if alive and random.random() < 0.95 else inside)
    assert isinstance(wrt, Variable)
    direction = variable("_v", wrt.shape, {"symmetric"} & wrt.facts)
    binding = Binding(dict(SIZES))
    point = draw({*inside, direction}, binding, seed, "generic")
    return Case(piece, wrt, direction, point.arrays, binding)


def check(piece: Piece, seed: int, deep: bool = True, compiled: bool = False) -> set[str]:
    """Raise `Wrong` when anything about the objective is; the operators that were exercised."""
    case = prepare(piece, seed)
    node = piece.node
    first = gradient(node, case.wrt)
    second = hvp(node, case.wrt, case.direction) if deep else None
    try:
        derived = _same_meaning(case, first, 50)
    except Wrong:  # cancellation can eat 20 digits; it cannot eat 120
        derived = _same_meaning(case, first, 150)
    _against_differences(node, derived, case, "gradient")
    if second is not None:
        with mpmath.workdps(50):
            (along,) = _values([second], case, 50)
        _against_differences(first, along, case, "hvp", case.arrays["_v"])
    roots = [node, first, *([second] if second is not None else [])]
    _facts(roots, case)
    _kernel(roots, case, "python")
    if compiled:
        _kernel(roots, case, "numba")
    return {n.op for n in topological(roots) if hasattr(n, "op")}


def _kernel(roots: list[Node], case: Case, backend: str) -> None:
    """The emitted source, run as plain Python or compiled, gives what the interpreter gives.

    To 1e-12 of the largest entry, and 100 times more than double precision itself is off: the interpreter
    from 50 digits, and from itself when the data move by one unit in the last place.
    """
    outputs = {f"r{k}": node for k, node in enumerate(roots)}
    kernel = compile_nodes(outputs, backend=backend)
    data = {k: Float().array(a) for k, a in case.arrays.items()}
    numbers = {s.name: case.binding.values[s] for s in kernel.symbols}
    stable = stabilise(roots)
    exact = _values(stable, case, 50)
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # overflow in a branch not taken
        warnings.simplefilter("ignore")
        found = kernel({**{v: data[v] for v in kernel.variables}, **numbers})
        plain = run(stable, data, case.binding, Float())
    for name, ordinary, wanted in zip(outputs, plain, exact, strict=True):
        want = np.asarray(wanted, dtype=float)
        size = max(1.0, float(np.abs(want).max()))
        noise = float(np.abs(ordinary - want).max()) / size
        gap = float(np.abs(found[name] - want).max()) / size
        if not np.isfinite(noise) or noise > 1e-6 or gap <= 1e-12 + 100 * noise:
            continue
        noise += _sensitivity(stable, data, case, list(outputs).index(name)) / size
        if not gap <= 1e-12 + 100 * noise:
            raise Wrong(f"{backend} kernel of {name}: {gap:.1e} off; double precision is {noise:.1e} off")


def _sensitivity(roots: list[Node], data: dict[str, Array], case: Case, which: int) -> float:
    """How far a result moves when every number, of the data and in between, moves by a unit in the last place."""
    rng = np.random.default_rng(0)
    moved = {k: a if _whole(a) else _moved(a, rng) for k, a in data.items()}
    gaps = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        here = run(roots, data, case.binding, Float())[which]
        for arrays, between in ((moved, False), (data, True), (data, True)):
            values: dict[Node, Array] = {}
            for n in topological(roots):
                value = value_of(n, [values[o] for o in n.operands], arrays, case.binding, Float())
                exact = "integer" in n.facts or (isinstance(n, Apply) and n.op in KINKS)
                rounded = between and isinstance(n, Apply | Einsum | Sum) and not exact
                values[n] = _moved(value, rng) if rounded else value
            gaps.append(float(np.abs(here - values[roots[which]]).max()))
    return max((g for g in gaps if np.isfinite(g)), default=0.0)


def _moved(a: Array, rng: np.random.Generator) -> Array:
    """Every number of the array moved by a unit in the last place, up or down."""
    return np.nextafter(a, rng.choice([-np.inf, np.inf], a.shape))


def _whole(array: Array) -> bool:
    return bool(np.all(array == np.round(array)))


def _same_meaning(case: Case, first: Node, digits: int) -> Array:
    """Recipe, normal form, recognised and stable forms have one value. The value of the gradient."""
    node = case.piece.node
    with mpmath.workdps(digits):
        meaning = _meaning(case, digits)
        value, derived = _values([node, first], case, digits)
        _close(value, meaning, "the normal form differs from what was stated")
        stable = stabilise([node, first])
        with_stable = _values([*stable, recognise(node), simplify(node), simplify(first)], case, digits)
        _close(with_stable[0], value, "the stable form of the value")
        _close(with_stable[1], derived, "the stable form of the gradient")
        _close(with_stable[2], value, "the recognised form of the value")
        _close(with_stable[3], value, "the simplified value")
        _close(with_stable[4], derived, "the simplified gradient")
        return derived


def _meaning(case: Case, digits: int) -> Array:
    domain = Mp(digits)
    arrays = {k: domain.array(a) for k, a in case.arrays.items()}
    memo: dict[int, Any] = {}
    try:
        found = case.piece.value(arrays, case.binding, domain, memo)
    except (ZeroDivisionError, OverflowError, ValueError, DeriveError, TypeError, np.linalg.LinAlgError) as e:
        raise Skip(f"undefined: {e}") from None
    _sane(found)
    for part in case.piece.walk():
        # On the border of `where` a difference sees one branch and the formula the other, and rounding decides
        # whether 1/3 + 1/3 + 1/3 - 1 is on it.
        if part.extra.get("op") == "where":
            border = np.asarray(memo[id(part.parts[0])]).flat
            if any(abs(c) < mpmath.mpf(10) ** (10 - digits) for c in border):
                raise Skip("kink")
    return np.asarray(found)


def _sane(array: Any) -> None:
    for v in np.asarray(array, dtype=object).flat:
        if isinstance(v, mpmath.mpc) or not mpmath.isfinite(v) or abs(v) > 1e25:
            raise Skip("not a reasonable number")


def _values(nodes: list[Node], case: Case, digits: int, moved: Array | None = None) -> list[Array]:
    with mpmath.workdps(digits):
        domain = Mp(digits)
        arrays = {k: domain.array(a) for k, a in case.arrays.items()}
        if moved is not None:
            arrays[case.wrt.name] = moved
        try:
            found = run(nodes, arrays, case.binding, domain)
        except (ZeroDivisionError, OverflowError) as error:
            raise Skip(f"undefined: {error}") from None
        for f in found:
            _sane(f)
        return found


def _close(a: Array, b: Array, what: str) -> None:
    if np.shape(a) != np.shape(b):
        raise Wrong(f"{what}: shapes {np.shape(a)} and {np.shape(b)}")
    gap = _largest(a - b)
    if gap > mpmath.mpf(10) ** -30 * max(1, _largest(a), _largest(b)):
        raise Wrong(f"{what}: {mpmath.nstr(gap, 5)} on values of size {mpmath.nstr(_largest(a), 5)}")


def _largest(a: Any) -> Any:
    return max((abs(v) for v in np.asarray(a, dtype=object).flat), default=0)


def _steps(case: Case, along: Array | None) -> list[tuple[tuple[int, ...], Array]]:
    shape = case.binding.shape(case.wrt.shape)
    if along is not None:
        return [((), along)]
    indices = list(np.ndindex(shape))
    found = []
    for index in Random(len(indices)).sample(indices, min(5, len(indices))):
        step = np.zeros(shape, dtype=int).astype(object)
        step[index] = 2
        if "symmetric" in case.wrt.facts and len(shape) >= 2:
            # Twice the symmetric unit step: whole numbers stay exact.
            step = (step + np.swapaxes(step, -1, -2)) / 2
        found.append((index, step))
    return found


def _against_differences(
    function: Node, derived: Array, case: Case, what: str, along: Array | None = None
) -> None:
    for index, step in _steps(case, along):
        with mpmath.workdps(50):
            expected = derived if along is not None else 2 * derived[index]
        if _gap(function, expected, case, step, 50) <= TOLERANCE:
            continue
        # Where the objective jumps its gradient may be continuous and yet tell nothing.
        if _kink(function, case, step) or _kink(case.piece.node, case, step):
            raise Skip("kink")
        gap = _gap(function, None, case, step, 120, (what, index, along))
        if gap > TOLERANCE:
            raise Wrong(
                f"{what} with respect to {case.wrt.name}{list(case.wrt.shape)} at {index}: "
                f"relative difference {mpmath.nstr(gap, 5)}"
            )


def _difference(function: Node, case: Case, step: Array, digits: int, side: int = 0) -> Array:
    with mpmath.workdps(digits):
        domain = Mp(digits)
        x, v = domain.array(case.arrays[case.wrt.name]), domain.array(step)
        h = mpmath.mpf(10) ** (-digits // 3)
        ahead = _values([function], case, digits, np.asarray(x + v * (h if side >= 0 else 0)))[0]
        behind = _values([function], case, digits, np.asarray(x - v * (h if side <= 0 else 0)))[0]
        return np.asarray((ahead - behind) / (h * (2 if side == 0 else 1)))


def _gap(
    function: Node,
    expected: Array | None,
    case: Case,
    step: Array,
    digits: int,
    again: tuple[str, tuple[int, ...], Array | None] | None = None,
) -> Any:
    with mpmath.workdps(digits):
        if again is not None:  # the derived value anew, with more digits
            what, index, along = again
            node = gradient(case.piece.node, case.wrt)
            if what == "hvp":
                node = hvp(case.piece.node, case.wrt, case.direction)
            value = _values([node], case, digits)[0]
            expected = value if along is not None else 2 * value[index]
        measured = _difference(function, case, step, digits)
        assert expected is not None
        return _largest(measured - expected) / max(
            _largest(measured), _largest(expected), mpmath.mpf(10) ** -8
        )


def _kink(function: Node, case: Case, step: Array) -> bool:
    """Whether there is no derivative here: it differs from ahead and behind, or an operator is at its kink."""
    with mpmath.workdps(60):
        ahead, behind = (_difference(function, case, step, 60, side) for side in (1, -1))
        size = max(_largest(ahead), _largest(behind), mpmath.mpf(10) ** -8)
        jump = _largest(ahead) > 1e15  # h is 1e-20: a jump of the function itself
        return bool(jump or _largest(ahead - behind) > 1e-12 * size) or _at_kink(function, case)


def _at_kink(function: Node, case: Case) -> bool:
    """Whether an argument is exactly where its operator has a kink: |x||y| at 0 has equal slopes on both sides."""
    kinks = [n for n in topological([function]) if isinstance(n, Apply) and n.op in KINKS | TIES]
    for node, arguments in zip(kinks, (_values(list(n.operands), case, 60) for n in kinks), strict=True):
        if node.op in TIES:
            if _tied(arguments[0], node):
                return True
            continue
        gap = arguments[0] - arguments[1] if node.op in ("maximum", "minimum") else arguments[0]
        if any(v == 0 for v in np.asarray(gap, dtype=object).flat):
            return True
    return False


def _tied(array: Array, node: Apply) -> bool:
    """Whether two entries share the extreme: entries that are 0 by a fact are equal, and bend apart."""
    axes = tuple(node.param("axes", range(array.ndim)))
    best = (np.max if node.op.startswith("max") else np.min)(array, axis=axes, keepdims=True)
    return bool(np.any(np.sum(array == best, axis=axes) > 1))


def _facts(roots: list[Node], case: Case) -> None:
    """Every fact that a node claims is true of its value."""
    wanted = [n for n in topological(roots) if n.facts]
    with mpmath.workdps(30):
        for node, value in zip(wanted, _values(wanted, case, 30), strict=True):
            try:
                _fact(node, value)
            except DeriveError as error:
                raise Wrong(f"a fact of {show(node)} is false: {error}") from None


SIGNS = {
    "positive": lambda v: v > 0,
    "nonnegative": lambda v: v >= 0,
    "nonzero": lambda v: v != 0,
    "integer": lambda v: v == mpmath.nint(v),
}


def _fact(node: Node, value: Array) -> None:
    """Signs exactly (but for rounding at 30 digits), matrix facts as at the door."""
    size = max(_largest(value), mpmath.mpf(10) ** -300)
    for fact, test in SIGNS.items():
        for v in np.asarray(value, dtype=object).flat:
            if fact in node.facts and not test(v) and not any(test(v + s * size * 1e-25) for s in (-1, 1)):
                raise Wrong(f"{show(node)} claims to be {fact}, but has the entry {mpmath.nstr(v, 10)}")
    rest = node.facts - set(SIGNS)
    found = np.asarray(value / size, dtype=float)
    _check_facts(variable("x", node.shape, rest), found)
    if "invertible" in rest and value.ndim >= 2 and any(map(_singular, value.reshape(-1, *value.shape[-2:]))):
        raise Wrong(f"{show(node)} is not invertible")
    if (
        "diagonal" in rest
        and value.ndim >= 2
        and np.abs(found - found * np.eye(found.shape[-1])).max() > 1e-15
    ):
        raise Wrong(f"{show(node)} is not diagonal")
    if "orthogonal" in rest:
        matrix = np.asarray(value, dtype=float)
        if np.abs(np.swapaxes(matrix, -1, -2) @ matrix - np.eye(matrix.shape[-1])).max() > 1e-9:
            raise Wrong(f"{show(node)} is not orthogonal")


def _singular(matrix: Array) -> bool:
    """Whether the determinant is rounding at 30 digits, with rows of length 1."""
    lengths = [mpmath.norm(list(row)) for row in matrix]
    if not all(lengths):
        return True
    rows = [[v / length for v in row] for row, length in zip(matrix, lengths, strict=True)]
    return bool(abs(mpmath.det(mpmath.matrix(rows))) <= 1e-25)


def show(node: Node, depth: int = 3) -> str:
    """A node for an error message."""
    name = getattr(node, "name", None) or getattr(node, "op", None) or type(node).__name__
    if depth == 0 or not node.operands:
        return str(name)
    extra = getattr(node, "inputs", "") or (getattr(node, "coefficients", ""))
    return f"{name}{extra}({', '.join(show(o, depth - 1) for o in node.operands)})"


def shrink(piece: Piece, seed: int, compiled: bool = False) -> Piece:
    """The smallest part that fails by itself, if one does."""
    from .generate import product

    best = piece
    for part in sorted(piece.walk(), key=lambda p: len(p.walk())):
        labels = tuple(range(len(part.shape)))
        whole = product([part], [labels], ())
        for k in range(3):
            try:
                check(whole, seed + k, compiled=compiled)
            except Skip:
                continue
            except Wrong:
                return whole
            except Exception:
                return whole
    return best
