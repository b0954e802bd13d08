"""Plain loops to LLVM in one walk over their text.

numba translates a function in eleven passes: bytecode, its own instructions, single assignments, types, and then LLVM
instructions, which count references of every array at every step, so that LLVM has twice the code to look at. Generated
text and the loops of solvers need little of this. They are loops, numbers and arrays in which types are seen as the
text is read. What is written otherwise, or has a type that changes on the way, is left to numba as before (`Beyond`).

Functions that are called are found and typed by numba. References are counted for what was made here: arrays live as
long as the block of the text in which they were made, whoever gets one out of it gets a reference.
Numbers mean what they mean to numba, with its error model of NumPy.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, funcdesc
from numba.core.environment import Environment
from numba.core.errors import TypingError

from .arrays import _LINE, empty, shaped
from .values import BOOL, INT, REAL, SINGLE, Array, Beyond, Items, Number, Thing, Values, size, whole

_I = ir.IntType(64)
_BIT = ir.IntType(1)
_COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_NUMBERS = (INT, REAL, SINGLE, BOOL)
_NONE = Thing(None)


@lru_cache(maxsize=64)
def _functions(file: str) -> dict[str, ast.FunctionDef | None]:
    """The functions of a file by name; None where two have the same."""
    tree = ast.parse("".join(linecache.getlines(file)))
    found: dict[str, ast.FunctionDef | None] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None if node.name in found else node
    return found


def _written(function: Any) -> ast.FunctionDef:
    code = function.__code__
    node = _functions(code.co_filename).get(function.__name__)
    if node is None or function.__closure__ or function.__defaults__ or function.__kwdefaults__:
        raise Beyond("text")
    if tuple(a.arg for a in node.args.args) != code.co_varnames[: code.co_argcount] or node.args.vararg:
        raise Beyond("parameters")
    return node


def translated(state: Any) -> bool:
    """Whether the function that numba is about to compile has been, into `state`, up to its machine code."""
    function = state.func_id.func
    try:
        node = _written(function)
        library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library.enable_object_caching()
        library._reload_init.update(state.reload_init)
        with state.targetctx.push_code_library(library):
            walk = _Walk(state, library, node)
            walk.run()
            context, described, flags = walk.context, walk.described, state.flags
            if not flags.no_cpython_wrapper:
                context.create_cpython_wrapper(
                    library, described, walk.environment, walk.helper, release_gil=flags.release_gil
                )
    except Beyond:
        return False
    entry = state.targetctx.get_executable(library, described, walk.environment)
    state.targetctx.insert_user_function(entry, described, [library])
    state.reload_init.extend(library._reload_init)
    from numba.core.compiler import _LowerResult

    state.library, state.return_type, state.type_annotation = library, described.restype, ""
    state["cr"] = _LowerResult(described, walk.helper, cfunc=entry, env=walk.environment)
    return True


class _Walk:
    """The translation of one function for arguments of given types."""

    def __init__(self, state: Any, library: Any, node: ast.FunctionDef) -> None:
        identity = state.func_id
        function = identity.func
        self.node, self.library, self.typing = node, library, state.typingctx
        self.globals = function.__globals__
        names = tuple(a.arg for a in node.args.args)
        if len(names) != len(state.args):
            raise Beyond("arguments")
        self.described = funcdesc.PythonFunctionDescriptor(
            native=True,
            modname=function.__module__,
            qualname=identity.func_qualname,
            unique_name=identity.unique_name,
            doc=function.__doc__ or "",
            typemap={},
            restype=types.none,
            calltypes={},
            args=names,
            kws=(),
            mangler=state.targetctx.mangler,
            argtypes=tuple(state.args),
            inline=state.flags.forceinline,
            noalias=state.flags.noalias,
            abi_tags=[state.flags.get_mangle_string()],
            uid=identity.unique_id,
        )
        self.environment = Environment.from_fndesc(self.described)
        self.context = state.targetctx.subtarget(environment=self.environment, fndesc=self.described)
        self.module = library.create_ir_module(self.described.unique_name)
        self.returned: Any = None
        self.slots: dict[str, tuple[Any, Any]] = {}
        self.arrays: dict[str, Array] = {}
        self.owned: list[list[Array]] = [[]]
        self.loops: list[tuple[Any, Any, int]] = []
        self.resolved: dict[Any, Any] = {}
        self.stores = Counter(
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        )
        self.nonnegative: set[str] = set()

    def run(self) -> None:
        context = self.context
        context.declare_env_global(self.module, context.get_env_name(self.described))
        self.function = context.declare_function(self.module, self.described)
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.values = Values(context, self.b)
        self.helper = context.call_conv.init_call_helper(self.b)
        given = context.call_conv.decode_arguments(self.b, self.described.argtypes, self.function)
        for name, kind, value in zip(self.described.args, self.described.argtypes, given, strict=True):
            self._bind(name, self._value(kind, value))
            if kind == INT and self.stores[name] == 0 and (name in ("lo", "hi") or name.startswith("n")):
                self.nonnegative.add(name)  # rows and sizes
        start = self.b.append_basic_block("start")
        self.b.branch(start)
        self.b.position_at_end(start)
        self._suite(self.node.body)
        if not self.b.block.is_terminated:
            self._return(ast.Return(None))
        context.post_lowering(self.module, self.library)
        self.library.add_ir_module(self.module)

    # ---------------------------------------------------------------- names and blocks

    def _value(self, kind: Any, value: Any) -> Any:
        """What a value of numba's is here."""
        if kind in _NUMBERS:
            return Number(kind, value)
        if isinstance(kind, types.IntegerLiteral):
            return whole(kind.literal_value)
        if isinstance(kind, types.Array):
            return self.values.opened(kind, value)
        if isinstance(kind, types.BaseTuple):
            parts = (self._value(k, self.b.extract_value(value, i)) for i, k in enumerate(kind.types))
            return Items(tuple(parts))
        if kind == types.none:
            return _NONE
        raise Beyond(str(kind))

    def _bind(self, name: str, value: Any) -> None:
        if isinstance(value, Array):
            if name in self.slots:
                raise Beyond(f"{name} changes its type")
            self.arrays[name] = value
            return
        if not isinstance(value, Number) or name in self.arrays:
            raise Beyond(name)
        kind, slot = self.slots.get(name, (value.kind, None))
        if slot is None:
            slot = cgutils.alloca_once(self.b, self.context.get_value_type(kind))
            self.slots[name] = kind, slot
        if value.kind != kind and (kind, value.kind) not in (
            (REAL, INT),
            (REAL, SINGLE),
            (INT, BOOL),
            (REAL, BOOL),
        ):
            raise Beyond(f"{name} changes its type")
        self.b.store(self.values.cast(value, kind), slot)
        if value.nonnegative and self.stores[name] == 1:
            self.nonnegative.add(name)

    @contextmanager
    def _scope(self, body: Sequence[ast.stmt], repeated: bool) -> Iterator[None]:
        """A block of the text; arrays named inside are not known behind it, nor in its next turn."""
        inside = {
            n.id
            for s in body
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        outside = {k: a for k, a in self.arrays.items() if k not in inside}
        before = dict(self.arrays)
        if repeated:
            self.arrays = dict(outside)
        self.owned.append([])
        yield
        if not self.b.block.is_terminated:
            self._release(len(self.owned) - 1)
        self.owned.pop()
        kept = {k: a for k, a in before.items() if self.arrays.get(k) is a}
        self.arrays = outside if repeated else kept

    def _release(self, depth: int) -> None:
        for made in self.owned[depth:]:
            for array in made:
                self.context.nrt.decref(self.b, array.kind, self.values.closed(array))

    def _own(self, value: Any) -> Any:
        """A value of which the reference is ours."""
        if isinstance(value, Array):
            self.owned[-1].append(value)
        elif isinstance(value, Items):
            for each in value.values:
                self._own(each)
        return value

    # ---------------------------------------------------------------- statements

    def _suite(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self.b.block.is_terminated:
                return
            method: Callable[[Any], None] | None = getattr(self, "_" + type(statement).__name__.lower(), None)
            if method is None:
                raise Beyond(type(statement).__name__)
            method(statement)

    def _pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def _expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._of(node.value)

    def _assign(self, node: ast.Assign) -> None:
        value = self._of(node.value)
        for target in node.targets:
            self._put(target, value)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is None:
            raise Beyond("annotation")
        self._put(node.target, self._of(node.value))

    def _put(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._bind(target.id, value)
        elif isinstance(target, ast.Subscript):
            array, indices = self._place(target)
            if not isinstance(value, Number):
                raise Beyond("a slice is assigned")
            self.values.store(value, array, indices)
        elif isinstance(target, ast.Tuple) and isinstance(value, Items):
            if len(target.elts) != len(value.values):
                raise Beyond("lengths")
            for each, part in zip(target.elts, value.values, strict=True):
                self._put(each, part)
        else:
            raise Beyond("target")

    def _augassign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            old = self._name(node.target)
            self._bind(node.target.id, self._arithmetic(node.op, old, self._number(node.value), node.value))
        elif isinstance(node.target, ast.Subscript):
            array, indices = self._place(node.target)
            value = self._number(node.value)
            old = self.values.load(array, indices)
            self.values.store(self._arithmetic(node.op, old, value, node.value), array, indices)
        else:
            raise Beyond("target")

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

    def _for(self, node: ast.For) -> None:
        called = node.iter
        if node.orelse or not isinstance(node.target, ast.Name) or not isinstance(called, ast.Call):
            raise Beyond("for")
        if self._of(called.func) != Thing(range) or called.keywords:
            raise Beyond("for")
        given = [self._number(a) for a in called.args]
        if any(n.kind != INT for n in given):
            raise Beyond("range")
        start, stop, step = (whole(0), given[0], whole(1)) if len(given) == 1 else (*given, whole(1))[:3]
        down = step.known is not None and step.known < 0
        if step.known == 0 or not (down or step.nonnegative):
            raise Beyond("step")
        b, name = self.b, node.target.id
        counter = cgutils.alloca_once(b, _I)
        b.store(start.value, counter)
        head, inside, following, end = (b.append_basic_block(n) for n in ("head", "body", "next", "end"))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(b.icmp_signed(">" if down else "<", b.load(counter), stop.value), inside, end)
        b.position_at_end(inside)
        self._bind(name, Number(INT, b.load(counter)))
        above = (stop.known or 0) >= -1 and stop.known is not None if down else start.nonnegative
        (self.nonnegative.add if above else self.nonnegative.discard)(name)
        self._turns(node.body, following, end)
        b.position_at_end(following)
        b.store(b.add(b.load(counter), step.value, flags=["nsw"]), counter)
        b.branch(head)
        b.position_at_end(end)

    def _turns(self, body: Sequence[ast.stmt], following: Any, end: Any) -> None:
        """What is repeated."""
        self.loops.append((following, end, len(self.owned) + 1))
        with self._scope(body, True):
            self._suite(body)
        if not self.b.block.is_terminated:
            self.b.branch(following)
        self.loops.pop()

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            raise Beyond("while")
        b = self.b
        head, inside, end = (b.append_basic_block(n) for n in ("head", "body", "end"))
        b.branch(head)
        b.position_at_end(head)
        self.arrays, before = (
            {k: a for k, a in self.arrays.items() if not any(_stores(s, k) for s in node.body)},
            self.arrays,
        )
        b.cbranch(self._truth(node.test), inside, end)
        self.arrays = before
        b.position_at_end(inside)
        self._turns(node.body, head, end)
        b.position_at_end(end)

    def _break(self, node: ast.Break) -> None:
        self._leave(1)

    def _continue(self, node: ast.Continue) -> None:
        self._leave(0)

    def _leave(self, where: int) -> None:
        *targets, depth = self.loops[-1]
        self._release(depth - 1)
        self.b.branch(targets[where])

    def _if(self, node: ast.If) -> None:
        b = self.b
        first, second, end = (b.append_basic_block(n) for n in ("then", "else", "endif"))
        b.cbranch(self._truth(node.test), first, second)
        reached = False
        for block, body in ((first, node.body), (second, node.orelse)):
            b.position_at_end(block)
            with self._scope([*node.body, *node.orelse], False):
                self._suite(body)
            if not b.block.is_terminated:
                b.branch(end)
                reached = True
        b.position_at_end(end)
        if not reached:
            b.unreachable()

    def _return(self, node: ast.Return) -> None:
        b, convention = self.b, self.context.call_conv
        found = _NONE if node.value is None else self._of(node.value)
        kind, value = self._packed(found)
        if self.returned is None:
            self.returned = self.described.restype = kind
            signature = convention.get_function_type(kind, self.described.argtypes)
            self.function.ftype, self.function.type = signature, signature.as_pointer()
            self.function.args[0].type = signature.args[0]
        elif self.returned != kind:
            raise Beyond("results of several types")
        for array in _arrays_of(found):
            self.context.nrt.incref(b, array.kind, self.values.closed(array))
        self._release(0)
        convention.return_value(b, self.context.get_return_value(b, kind, value))

    def _packed(self, value: Any) -> tuple[Any, Any]:
        """The type and value that compiled functions know."""
        if isinstance(value, Number):
            return value.kind, value.value
        if isinstance(value, Array):
            return value.kind, self.values.closed(value)
        if isinstance(value, Items):
            pairs = [self._packed(v) for v in value.values]
            kind = types.BaseTuple.from_types([k for k, _ in pairs])
            return kind, self.context.make_tuple(self.b, kind, [v for _, v in pairs])
        if value == _NONE:
            return types.none, self.context.get_dummy_value()
        if isinstance(value.value, type) and issubclass(value.value, np.generic):
            return self.typing.resolve_value_type(value.value), self.context.get_dummy_value()
        raise Beyond(str(value))

    # ---------------------------------------------------------------- expressions

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
            return _NONE
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
        if name in self.arrays:
            return self.arrays[name]
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
            import operator

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

    # ---------------------------------------------------------------- calls

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
        given = [self._of(a) for a in node.args]
        own = _OWN.get(function.value) if function.value.__hash__ else None
        found = None if own is None else own(self, *given)
        return self._called(function.value, given) if found is None else found

    def _method(self, array: Array, name: str, given: list[Any]) -> Any:
        if name == "reshape":
            return self._shaped(array, given[0] if len(given) == 1 else Items(tuple(given)))
        function = self.typing.resolve_getattr(array.kind, name)
        if function is None:
            raise Beyond(name)
        return self._called(function, given, array)

    def _called(self, function: Any, given: Sequence[Any], this: Array | None = None) -> Any:
        """The result of a function that numba knows."""
        packed = [self._packed(g) for g in given]
        kinds = tuple(k for k, _ in packed)
        key = function, kinds
        if key not in self.resolved:
            kind = function if this is not None else self.typing.resolve_value_type(function)
            try:
                signature = self.typing.resolve_function_type(kind, kinds, {})
            except TypingError as error:
                raise Beyond(str(function)) from error
            if signature is None or len(signature.args) != len(kinds):
                raise Beyond(str(function))
            self.resolved[key] = signature, self.context.get_function(kind, signature)
        signature, implementation = self.resolved[key]
        context, b = self.context, self.b
        arguments = [
            v if k == w else context.cast(b, v, k, w)
            for (k, v), w in zip(packed, signature.args, strict=True)
        ]
        if this is not None:
            arguments.insert(0, self.values.closed(this))
        result = implementation(b, arguments)
        return self._own(self._value(signature.return_type, result))

    def _result(self, value: Any) -> Number:
        if not isinstance(value, Number):
            raise Beyond("a number is wanted")
        return value

    def _lengths(self, shape: Any) -> list[Any]:
        parts = shape.values if isinstance(shape, Items) else (shape,)
        if not all(isinstance(n, Number) and n.kind == INT for n in parts):
            raise Beyond("shape")
        if any(n.known is not None and n.known < 0 for n in parts):
            raise Beyond("shape")
        return [n.value for n in parts]

    def _shaped(self, array: Any, shape: Any) -> Array:
        return self.values.reshaped(array, self._lengths(shape))

    def _empty(self, shape: Any, dtype: Any = None) -> Array:
        kind = types.float64 if dtype is None else self._packed(dtype)[0].instance_type
        return self._own(self.values.empty(self._lengths(shape), kind, _LINE))

    def _integer(self, number: Number) -> Number:
        if number.kind in (INT, BOOL):
            return Number(INT, self.values.cast(number, INT), number.nonnegative)
        return Number(INT, self.b.fptosi(number.value, _I))

    def _float(self, number: Number) -> Number:
        return Number(REAL, self.values.cast(number, REAL))

    def _least(self, *given: Number) -> Number:
        return self._chosen("<", given)

    def _most(self, *given: Number) -> Number:
        return self._chosen(">", given)

    def _chosen(self, sign: str, given: Sequence[Number]) -> Number:
        """As Python does it: a later number if it is less, or more."""
        found = given[0]
        if len(given) < 2:
            raise Beyond("least of one")
        for other in given[1:]:
            kind = self.values.together(found, other)
            x, y = self.values.cast(found, kind), self.values.cast(other, kind)
            compared = self.b.icmp_signed if kind == INT else self.b.fcmp_ordered
            above = found.nonnegative and other.nonnegative
            above = above or (sign == ">" and (found.nonnegative or other.nonnegative))
            found = Number(kind, self.b.select(compared(sign, y, x), y, x), above)
        return found

    def _root(self, number: Number) -> Number:
        value = self.values.cast(number, REAL)
        return Number(REAL, self.b.call(self.module.declare_intrinsic("llvm.sqrt", [value.type]), [value]))

    def _magnitude(self, number: Number) -> Number | None:
        if number.kind not in (REAL, SINGLE):
            return None
        value = number.value
        return Number(
            number.kind, self.b.call(self.module.declare_intrinsic("llvm.fabs", [value.type]), [value])
        )


_OWN: dict[Any, Callable[..., Any]] = {
    shaped: _Walk._shaped,
    empty: _Walk._empty,
    np.empty: _Walk._empty,
    int: _Walk._integer,
    float: _Walk._float,
    min: _Walk._least,
    max: _Walk._most,
    abs: _Walk._magnitude,
    math.sqrt: _Walk._root,
}


def _arrays_of(value: Any) -> list[Array]:
    if isinstance(value, Array):
        return [value]
    return [a for v in value.values for a in _arrays_of(v)] if isinstance(value, Items) else []


def _stores(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(statement)
    )
