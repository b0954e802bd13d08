"""Expressions of plain loops as LLVM values: see `translate`.

Names are looked up, numbers added, arrays indexed and sliced. Functions are called by `applied`.
"""

from __future__ import annotations

import ast
import builtins
import operator
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from .applied import NONE, Calls
from .values import BOOL, INT, REAL, Array, Beyond, Items, Number, Thing, size, whole

_I = ir.IntType(64)
_BIT = ir.IntType(1)
_COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class Carried(Beyond):
    """An array whose name is given anew in one block and used in another."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Expressions(Calls):
    """What a function's names stand for, and the values of its expressions.

    slots    the numbers that have a name: their type, and where they are kept
    arrays   the arrays that have a name in this block of the text
    carried  arrays whose name is given anew in one block and used in another: their type, and where they are kept
    groups   tuples: parameters, and names given once outside of all blocks
    seen     all names that arrays have had
    stores   how often the text assigns each name
    """

    def __init__(
        self, context: Any, typing: Any, described: Any, known: dict[str, Any], node: ast.FunctionDef
    ) -> None:
        super().__init__(context, typing)
        self.described, self.globals = described, known
        self.slots: dict[str, tuple[Any, Any]] = {}
        self.arrays: dict[str, Array] = {}
        self.carried: dict[str, Any] = {}
        self.groups: dict[str, Items] = {}
        self.seen: set[str] = set()
        self.nonnegative: set[str] = set()
        self.stores = Counter(
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        )

    def _place(self, node: ast.Subscript) -> tuple[Array, list[Any]]:
        """The array and the places of one entry."""
        array, indices = self._of(node.value), self._indices(node.slice)
        if not isinstance(array, Array) or len(indices) != array.kind.ndim:
            raise Beyond("entry")
        return array, [self.values.index(i, n) for i, n in zip(indices, array.shape, strict=True)]

    def _indices(self, node: ast.expr) -> list[Any]:
        found: list[Any] = []
        for each in node.elts if isinstance(node, ast.Tuple) else [node]:
            if not isinstance(each, ast.Slice):
                found.append(self._number(each))
            elif each.step is not None:
                raise Beyond("step")
            else:
                found.append(tuple(None if e is None else self._number(e) for e in (each.lower, each.upper)))
        return found

    def _of(self, node: ast.expr) -> Any:
        method: Callable[[Any], Any] | None = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is None or not isinstance(node, ast.expr):
            raise Beyond(type(node).__name__)
        return method(node)

    def _number(self, node: ast.expr) -> Number:
        found = self._of(node)
        if not isinstance(found, Number):
            raise Beyond("a number is wanted")
        return found

    def _truth(self, node: ast.expr) -> Any:
        found = self._number(node)
        if found.kind != BOOL:
            raise Beyond("a condition is wanted")
        return found.value

    def _constant(self, node: ast.Constant) -> Any:
        return self._known(node.value)

    def _known(self, value: Any) -> Any:
        """A constant, or what the module knows by a name."""
        if value is None:
            return NONE
        if isinstance(value, bool):
            return Number(BOOL, _BIT(int(value)))
        if isinstance(value, int):
            return whole(value)
        if isinstance(value, float):
            return Number(REAL, ir.DoubleType()(value))
        if isinstance(value, str | tuple | list | np.ndarray):
            raise Beyond(type(value).__name__)
        return Thing(value)

    def _name(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.slots:
            kind, slot = self.slots[name]
            return Number(kind, self.b.load(slot), name in self.nonnegative)
        if name in self.carried and self.carried[name] is not None:
            kind, slot = self.carried[name]
            return self.values.opened(kind, self.b.load(slot))
        if name in self.arrays:
            return self.arrays[name]
        if name in self.groups:
            return self.groups[name]
        if name in self.seen:
            raise Carried(name)
        if self.stores[name] or name in self.described.args:
            raise Beyond(f"{name} is not known here")
        if name in self.globals:
            return self._known(self.globals[name])
        if hasattr(builtins, name):
            return Thing(getattr(builtins, name))
        raise Beyond(name)

    def _tuple(self, node: ast.Tuple) -> Items:
        return Items(tuple(self._of(e) for e in node.elts))

    def _attribute(self, node: ast.Attribute) -> Any:
        base = self._of(node.value)
        if isinstance(base, Thing) and isinstance(base.value, ModuleType):
            return self._known(getattr(base.value, node.attr))
        if isinstance(base, Array):
            if node.attr == "T":
                return self.values.turned(base)
            if node.attr == "shape":
                return Items(tuple(size(n) for n in base.shape))
            if node.attr == "size":
                count = base.shape[0]
                for n in base.shape[1:]:
                    count = self.b.mul(count, n, flags=["nsw"])
                return size(count)
        raise Beyond(node.attr)

    def _subscript(self, node: ast.Subscript) -> Any:
        base, indices = self._of(node.value), self._indices(node.slice)
        if isinstance(base, Items):
            (place,) = indices
            if not isinstance(place, Number) or place.known is None:
                raise Beyond("an item")
            return base.values[place.known]
        if not isinstance(base, Array) or len(indices) > base.kind.ndim:
            raise Beyond("subscript")
        if len(indices) == base.kind.ndim and all(isinstance(i, Number) for i in indices):
            places = [self.values.index(i, n) for i, n in zip(indices, base.shape, strict=True)]
            return self.values.load(base, places)
        return self.values.part(base, indices)

    def _unaryop(self, node: ast.UnaryOp) -> Number:
        given = self._number(node.operand)
        if isinstance(node.op, ast.Not):
            if given.kind != BOOL:
                raise Beyond("not")
            return Number(BOOL, self.b.not_(given.value))
        if not isinstance(node.op, ast.USub) or given.kind == BOOL:
            raise Beyond("sign")
        if given.known is not None:
            return whole(-given.known)
        if given.kind == INT:
            return Number(INT, self.b.neg(given.value))
        return Number(given.kind, self.b.fneg(given.value))

    def _binop(self, node: ast.BinOp) -> Number:
        return self._arithmetic(node.op, self._number(node.left), self._number(node.right), node.right)

    def _arithmetic(self, op: ast.operator, left: Number, right: Number, written: ast.expr) -> Number:
        b = self.b
        kind = self.values.together(left, right)
        if isinstance(op, ast.Pow):
            return self._power(left, right, written)
        if isinstance(op, ast.Div) and kind == INT:
            kind = REAL
        x, y = self.values.cast(left, kind), self.values.cast(right, kind)
        floats = {ast.Add: b.fadd, ast.Sub: b.fsub, ast.Mult: b.fmul, ast.Div: b.fdiv}
        if kind != INT:
            if type(op) not in floats:
                raise Beyond(type(op).__name__)
            return Number(kind, floats[type(op)](x, y))
        above = left.nonnegative and right.nonnegative
        if isinstance(op, ast.Add):
            return Number(INT, b.add(x, y, flags=["nsw"]), above)
        if isinstance(op, ast.Sub):
            return Number(INT, b.sub(x, y, flags=["nsw"]))
        if isinstance(op, ast.Mult):
            return Number(INT, b.mul(x, y, flags=["nsw"]), above)
        if isinstance(op, ast.FloorDiv | ast.Mod):
            return self._divided(isinstance(op, ast.Mod), left, right)
        raise Beyond(type(op).__name__)

    def _divided(self, rest: bool, left: Number, right: Number) -> Number:
        """Quotient or remainder, rounded down; 0 where the divisor is."""
        b, x, y, zero, one = self.b, left.value, right.value, _I(0), _I(1)
        if not right.known:
            if right.known == 0:
                raise Beyond("division by 0")
            y = b.select(b.icmp_signed("==", y, zero), one, y)
        quotient, remainder = b.sdiv(x, y), b.srem(x, y)
        above = left.nonnegative and right.nonnegative
        if not above:
            off = b.and_(b.icmp_signed("!=", remainder, zero), b.icmp_signed("<", b.xor(remainder, y), zero))
            quotient = b.select(off, b.sub(quotient, one), quotient)
            remainder = b.select(off, b.add(remainder, y), remainder)
        found = remainder if rest else quotient
        if not right.known:
            found = b.select(b.icmp_signed("==", right.value, zero), zero, found)
        return Number(INT, found, above)

    def _power(self, base: Number, exponent: Number, written: ast.expr) -> Number:
        if exponent.known is None:
            return self._result(self._called(operator.pow, [base, exponent]))
        if base.kind == BOOL or not isinstance(written, ast.Constant | ast.UnaryOp):
            raise Beyond("power")
        b, n = self.b, abs(exponent.known)
        if base.kind == INT and exponent.known < 0:
            raise Beyond("power")
        times = b.mul if base.kind == INT else b.fmul
        one = self.context.get_constant(base.kind, 1)
        result, square = None, base.value
        while n:
            if n & 1:
                result = square if result is None else times(result, square)
            n >>= 1
            if n:
                square = times(square, square)
        result = one if result is None else result
        return Number(base.kind, b.fdiv(one, result) if exponent.known < 0 else result, base.nonnegative)

    def _compare(self, node: ast.Compare) -> Number:
        operands = [self._number(e) for e in (node.left, *node.comparators)]
        found = None
        for op, left, right in zip(node.ops, operands[:-1], operands[1:], strict=True):
            if type(op) not in _COMPARED:
                raise Beyond(type(op).__name__)
            sign = _COMPARED[type(op)]
            kind = self.values.together(left, right)
            x, y = self.values.cast(left, kind), self.values.cast(right, kind)
            if kind == INT:
                one = self.b.icmp_signed(sign, x, y)
            else:
                one = (self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered)(sign, x, y)
            found = one if found is None else self.b.and_(found, one)
        return Number(BOOL, found)

    def _boolop(self, node: ast.BoolOp) -> Number:
        """Operands are looked at as far as they have to be."""
        b = self.b
        result = cgutils.alloca_once(b, _BIT)
        end = b.append_basic_block("known")
        for k, operand in enumerate(node.values):
            value = self._truth(operand)
            b.store(value, result)
            if k + 1 < len(node.values):
                more = b.append_basic_block("more")
                if isinstance(node.op, ast.And):
                    b.cbranch(value, more, end)
                else:
                    b.cbranch(value, end, more)
                b.position_at_end(more)
        b.branch(end)
        b.position_at_end(end)
        return Number(BOOL, b.load(result))

    def _ifexp(self, node: ast.IfExp) -> Number:
        b = self.b
        condition = self._truth(node.test)
        if not any(
            isinstance(n, ast.Call | ast.Subscript) for e in (node.body, node.orelse) for n in ast.walk(e)
        ):
            return self.values.select(condition, self._number(node.body), self._number(node.orelse))
        first, second, end = (b.append_basic_block(n) for n in ("then", "else", "either"))
        b.cbranch(condition, first, second)
        found = []
        for block, each in ((first, node.body), (second, node.orelse)):
            b.position_at_end(block)
            found.append((self._number(each), b.block))
        kinds = [n for n, _ in found]
        kind = kinds[0].kind if kinds[0].kind == kinds[1].kind else self.values.together(*kinds)
        parts = []
        for number, block in found:
            b.position_at_end(block)
            parts.append((self.values.cast(number, kind), block))
            b.branch(end)
        b.position_at_end(end)
        joined = b.phi(self.context.get_value_type(kind))
        for value, block in parts:
            joined.add_incoming(value, block)
        return Number(kind, joined, all(n.nonnegative for n in kinds))

    def _call(self, node: ast.Call) -> Any:
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise Beyond("keywords")
        if isinstance(node.func, ast.Attribute):
            base = self._of(node.func.value)
            if isinstance(base, Array):
                return self._method(base, node.func.attr, [self._of(a) for a in node.args])
        function = self._of(node.func)
        if not isinstance(function, Thing):
            raise Beyond("call")
        return self._applied(function.value, [self._of(a) for a in node.args])
