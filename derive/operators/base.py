"""What an operator is: one record with its size rule, meaning, derivative and faces.

Records register themselves by name; everything else in the project finds them in `REGISTRY`. Adding an
operator means adding one record to one of the files of this folder: the function of the language, its derivative,
its printed forms, its source code in NumPy, JAX and PyTorch and its kernel are on the record or follow from it.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, final

from ..build import add, einsum
from ..domains import Array, Domain
from ..errors import ArgumentError, UnsupportedError
from ..node import Apply, Einsum, Node, Params, Sum, raw_apply, topological, transform
from ..sizes import Shape

REGISTRY: dict[str, Operator] = {}
_listeners: list[Callable[[Operator], None]] = []
T = TypeVar("T", bound="Operator")


@final
@dataclass(frozen=True)
class Option:
    """A setting as the text language names it; what is the default is left out of nodes and of print.

    kind      "axis" (one axis of the first operand, from the end where negative), "integer", "size" or "flag"
    default   what it is where nothing is said; None: it must be said
    """

    name: str
    kind: str
    default: Any = None


class Operator(ABC):
    """One operator. `params` are hashable settings such as axes or a constant exponent."""

    name: str
    arity: int = 1
    #: What is returned at points where the derivative does not exist; printed with results.
    subgradient: str = ""
    #: How it is headed in LaTeX, or with `{0}` in the place of the operand; `\\operatorname{name}` if nothing is said.
    latex: str = ""
    #: How generated source writes it: one template for all targets, or one for each of "numpy", "jax", "torch", of
    #: which "torch all" is the form without an axis. `{m}` is the module of arrays, `{0}`, `{1}`, … or `{all}` the
    #: operands, `{axis}` a trailing `, axis=1`; settings stand under their names. Without one: the definition.
    source: str | Mapping[str, str] = ""
    #: A function that the template calls and no target has, put in front of the generated one; same form.
    helper: str | Mapping[str, str] = ""
    #: Scalar Python for compiled loops, where the operator acts entry by entry; `{0}`, `{1}` are the arguments.
    kernel: str = ""
    #: Python for compiled loops, where it acts on whole arrays: `def loops(x, …, out, axis, …)` of the operands, the
    #: array of the result and the options. A result without axes is the only entry of that array.
    loops: str = ""
    #: The settings of a function of the text language that takes the operands and these; None: it is stated there.
    options: tuple[Option, ...] | None = None
    #: Whether it is a linear map of those operands together that carry derivatives.
    linear: bool = False
    #: Where it is defined: for entries that are "positive", "within 1" or "above 1"; "" if nothing is said.
    domain: str = ""
    #: Whether it is defined and twice differentiable everywhere, apart from kinks. Linear operators are.
    everywhere: bool = False
    #: The direction in which its kinks bend: 1 as |x|, -1 as min(x, 0); 0 without kinks.
    kink: int = 0
    #: 1 if every entry of the result is a convex function of all operands jointly, -1 if a concave one; 0 if nothing
    #: is said, and the second derivative has to tell.
    curvature: int = 0

    @abstractmethod
    def shape(self, operands: Sequence[Node], params: Params) -> Shape:
        """The shape of the result; raises `SizeError` naming both sizes."""

    @abstractmethod
    def value(self, arrays: list[Array], params: Params, domain: Domain) -> Array:
        """The meaning of the operator."""

    @abstractmethod
    def vjp(self, node: Apply, index: int, adjoint: Node) -> Node:
        """The adjoint of operand `index`.

        `adjoint` has the axes of the differentiated output in front and the axes of `node` behind them;
        so has the result, with the axes of the operand.
        """

    def facts(self, operands: Sequence[Node], params: Params) -> Iterable[str]:
        """What is known of the result."""
        return ()

    def rewrite(self, operands: Sequence[Node], params: Params) -> Node | None:
        """A simpler node that is always equal, or None."""
        return None

    def definition(self, operands: Sequence[Node], params: Params) -> Node | None:
        """The same in terms of other operators: what kernels and source use that have no form of its own."""
        return None

    def differentiable(self, index: int) -> bool:
        """Whether operand `index` carries a derivative at all."""
        return True

    def apart(self, node: Apply, axis: int) -> bool:
        """Whether entries of the result along an axis need the same entries of every operand only."""
        return False

    def check(  # noqa: B027  (most operators fit always)
        self, shapes: Sequence[tuple[int, ...]], data: Sequence[Array | None], params: Params
    ) -> None:
        """Raise where operands of these shapes in numbers do not fit; `params` are in numbers too.

        `data` holds the arrays of the operands that are variables. Compiled code does not look; it is
        preceded by this.
        """


def register(operator: T) -> T:
    """Add a record to the registry."""
    if operator.name in REGISTRY:
        raise ArgumentError(f"an operator called {operator.name!r} is registered already")
    REGISTRY[operator.name] = operator
    for listener in _listeners:
        listener(operator)
    return operator


def spelled(every: str = "", **targets: str) -> Mapping[str, str]:
    """Templates for `source` and `helper`: one for all targets, and those of targets (`torch=`, `torch_all=`)."""
    found = {name.replace("_", " "): template for name, template in targets.items()}
    if "reverse" in found:
        found["all reverse"] = found.pop("reverse")
    return {**({"all": every} if every else {}), **found}


def on_register(listener: Callable[[Operator], None]) -> None:
    """Call this with every operator, those registered already and those to come."""
    for operator in list(REGISTRY.values()):
        listener(operator)
    _listeners.append(listener)


def lookup(name: str) -> Operator:
    """The record of that name."""
    found = REGISTRY.get(name)
    if found is None:
        close = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UnsupportedError(f"there is no operator called {name!r}{hint}")
    return found


def apply(name: str, *operands: Node, **params: Any) -> Node:
    """The operator applied, in normal form."""
    operator = lookup(name)
    if operator.arity >= 0 and len(operands) != operator.arity:
        raise ArgumentError(f"{name} takes {operator.arity} argument(s), not {len(operands)}")
    for option in operator.options or ():
        if option.name in params and option.kind != "axis" and params[option.name] == option.default:
            del params[option.name]
    settings: Params = tuple(sorted(params.items()))
    shape = operator.shape(operands, settings)
    rewritten = operator.rewrite(operands, settings)
    if rewritten is not None:
        return rewritten
    return raw_apply(name, shape, operands, settings, frozenset(operator.facts(operands, settings)))


def is_linear(node: Node) -> bool:
    """Whether the node is an operator that is linear in the operands that carry derivatives."""
    return isinstance(node, Apply) and node.op in REGISTRY and REGISTRY[node.op].linear


def param(params: Params, name: str, default: Any = None) -> Any:
    """The setting of that name."""
    return next((v for k, v in params if k == name), default)


def normal_axes(axes: object, order: int, what: str) -> tuple[int, ...]:
    """Axes as sorted nonnegative numbers; None means all of them."""
    from ..errors import SizeError

    if axes is None:
        return tuple(range(order))
    wanted = [axes] if isinstance(axes, int) else list(axes)  # type: ignore[call-overload]
    found: list[int] = []
    for axis in wanted:
        if not isinstance(axis, int) or isinstance(axis, bool):
            raise ArgumentError(f"{what}: an axis is a whole number, not {axis!r}")
        if not -order <= axis < order:
            raise SizeError(
                f"{what}: axis {axis} of an array with {order} {'axis' if order == 1 else 'axes'}"
            )
        found.append(axis % order)
    if len(set(found)) != len(found):
        raise ArgumentError(f"{what}: an axis is named twice in {axes!r}")
    return tuple(sorted(found))


def spelled_out(roots: Sequence[Node], has_form: Callable[[Operator], bool]) -> list[Node]:
    """Operators that have no form in some target, written by their definitions where they have one."""

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        if isinstance(node, Apply) and node.op in REGISTRY and not has_form(REGISTRY[node.op]):
            found = REGISTRY[node.op].definition(operands, node.params)
            if found is not None:
                return spelled_out([found], has_form)[0]
        return rebuild(node, operands)

    applied = {n.op for n in topological(roots) if isinstance(n, Apply)}
    if all(name not in REGISTRY or has_form(REGISTRY[name]) for name in applied):
        return list(roots)
    return transform(roots, rule)


def rewritten(root: Node, rule: Callable[[Node], Node | None]) -> Node:
    """The expression with a rule applied from its leaves up, to each node for as long as the rule gives another."""

    def rewrite(node: Node, operands: tuple[Node, ...]) -> Node:
        current = rebuild(node, operands)
        for _ in range(20):
            better = rule(current)
            if better is None:
                return current
            current = better
        return current

    return transform([root], rewrite)[0]


def rebuild(node: Node, operands: tuple[Node, ...]) -> Node:
    """The node over new operands, in normal form."""
    if operands == node.operands:
        return node
    if isinstance(node, Sum):
        return add(list(zip(node.coefficients, operands, strict=True)), node.shape)
    if isinstance(node, Einsum):
        return einsum(list(zip(operands, node.inputs, strict=True)), node.output)
    assert isinstance(node, Apply)
    return apply(node.op, *operands, **dict(node.params))
