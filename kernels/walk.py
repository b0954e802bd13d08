"""The statements of plain loops as LLVM instructions: names, blocks, loops, results. See `translate`.

References are counted for what was made here: arrays live as long as the block of the text in which they were made,
whoever gets one out of it gets a reference.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, funcdesc
from numba.core.environment import Environment

from .applied import NONE
from .expressions import Expressions
from .machine import has_wide_vectors
from .values import BOOL, INT, REAL, SINGLE, Array, Beyond, Items, Number, Thing, Values, whole

_I = ir.IntType(64)
#: Loops around elementary functions take four vectors of eight at a time from so many turns on. These functions are
#: chains in which each operation waits for the one before, and processors do not look far enough ahead to find several
#: by themselves. With eight vectors all divisions would come at the end; for fewer turns, a loop of its own, since of
#: what is left over the compiler takes half vectors. Not loops that add up: their sums would be in as many parts.
_MANY = 32


class Walk(Expressions):
    """The translation of one function for arguments of given types."""

    def __init__(self, state: Any, library: Any, node: ast.FunctionDef, carried: set[str]) -> None:
        identity = state.func_id
        function = identity.func
        self.node, self.library = node, library
        names = tuple(a.arg for a in node.args.args)
        if len(names) != len(state.args):
            raise Beyond("arguments")
        described = funcdesc.PythonFunctionDescriptor(
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
        self.environment = Environment.from_fndesc(described)
        context = state.targetctx.subtarget(environment=self.environment, fndesc=described)
        self.module = library.create_ir_module(described.unique_name)
        super().__init__(context, state.typingctx, described, function.__globals__, node)
        self.carried = dict.fromkeys(carried)
        self.returned: Any = None
        self.loops: list[tuple[Any, Any, int]] = []
        loops = (n.target for n in ast.walk(node) if isinstance(n, ast.For))
        self.counters = Counter(t.id for t in loops if isinstance(t, ast.Name))

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
            if kind == INT and self.stores[name] == 0 and re.fullmatch(r"lo|hi|n\d*", name):
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

    def _bind(self, name: str, value: Any) -> None:
        if isinstance(value, Array):
            if name in self.slots:
                raise Beyond(f"{name} changes its type")
            self.seen.add(name)
            if name in self.carried:
                self._carry(name, value)
            else:
                self.arrays[name] = value
            return
        if isinstance(value, Items) and self._is_lasting(name):
            self.groups[name] = value
            return
        if not isinstance(value, Number) or name in self.seen:
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
        if value.nonnegative and self.stores[name] == 1 and name not in self.described.args:
            self.nonnegative.add(name)

    def _is_lasting(self, name: str) -> bool:
        """Whether a name stands for the same tuple to the end, whose arrays nobody gives back before."""
        if name in self.described.args:
            return not self.stores[name]
        return self.stores[name] == 1 and len(self.owned) == 1 and not self.carried

    def _carry(self, name: str, value: Array) -> None:
        """An array that outlives its block: with a reference of its own, given back when another takes its place."""
        if self.carried[name] is None:
            slot = cgutils.alloca_once(self.b, self.context.get_value_type(value.kind), zfill=True)
            self.carried[name] = value.kind, slot
        kind, slot = self.carried[name]
        if kind != value.kind:
            raise Beyond(f"{name} changes its type")
        closed, old = self.values.closed(value), self.b.load(slot)
        self.context.nrt.incref(self.b, kind, closed)
        self.context.nrt.decref(self.b, kind, old)
        self.b.store(closed, slot)

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

    def _for(self, node: ast.For) -> None:
        called = node.iter
        if isinstance(called, ast.Tuple):
            self._each(node, called)
            return
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
        if step.known is None:
            zero = b.icmp_signed("==", step.value, whole(0).value)
            with b.if_then(zero, likely=False):
                message = ("range() arg 3 must not be zero",)
                self.context.call_conv.return_user_exc(b, ValueError, message)
        counter = cgutils.alloca_once(b, _I)
        b.store(start.value, counter)
        above = (stop.known or 0) >= -1 and stop.known is not None if down else start.nonnegative
        above = above and self.counters[name] == self.stores[name] and name not in self.described.args
        before, end, chains = b.block, b.append_basic_block("end"), self.chains
        head, turn, straight = self._loop(node, counter, stop, step, down, above, end)
        sums = any(isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name) for s in node.body)
        long = None
        if straight and self.chains > chains and not sums and step.known == 1 and has_wide_vectors():
            _hint(self.module, turn, {"vectorize.width": 8, "interleave.count": 1})
            long, turn, _ = self._loop(node, counter, stop, step, down, above, end)
            _hint(self.module, turn, {"interleave.count": 4})
        b.position_at_end(before)
        if long is None:
            b.branch(head)
        else:
            count = b.sub(stop.value, start.value)
            b.cbranch(b.icmp_signed("<", count, _I(_MANY)), head, long)
        b.position_at_end(end)

    def _loop(
        self, node: ast.For, counter: Any, stop: Number, step: Number, down: bool, above: bool, end: Any
    ) -> tuple[Any, Any, bool]:
        """A loop to `end`: where it begins, where it turns back, and whether its turns are without branches."""
        b, name = self.b, node.target.id  # type: ignore[attr-defined]
        head, inside, following = (b.append_basic_block(n) for n in ("head", "body", "next"))
        b.position_at_end(head)
        b.cbranch(b.icmp_signed(">" if down else "<", b.load(counter), stop.value), inside, end)
        b.position_at_end(inside)
        self._bind(name, Number(INT, b.load(counter)))
        (self.nonnegative.add if above else self.nonnegative.discard)(name)
        self._turns(node.body, following, end)
        straight = inside.is_terminated and inside.terminator.operands == [following]
        b.position_at_end(following)
        b.store(b.add(b.load(counter), step.value, flags=["nsw"]), counter)
        return head, b.branch(head), straight

    def _each(self, node: ast.For, items: ast.Tuple) -> None:
        """A loop over a few values, written out."""
        if node.orelse or any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(node)):
            raise Beyond("for")
        for value in [self._of(e) for e in items.elts]:
            with self._scope(node.body, True):
                self._put(node.target, value)
                self._suite(node.body)

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
        found = NONE if node.value is None else self._of(node.value)
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
        for held, slot in filter(None, self.carried.values()):
            self.context.nrt.decref(b, held, b.load(slot))
        convention.return_value(b, self.context.get_return_value(b, kind, value))


def _hint(module: Any, turn: Any, wanted: dict[str, int]) -> None:
    """Tells the compiler how many turns of a loop to take at a time, vectors times their number."""
    text = (ir.MetaDataString(module, f"llvm.loop.{name}") for name in wanted)
    hints = [module.add_metadata([t, ir.IntType(32)(n)]) for t, n in zip(text, wanted.values(), strict=True)]
    loop = ir.values.MDValue(module, hints, str(len(module.metadata)))
    loop.operands = (loop, *hints)  # refers to itself: each loop has its own
    turn.set_metadata("llvm.loop", loop)


def _arrays_of(value: Any) -> list[Array]:
    if isinstance(value, Array):
        return [value]
    return [a for v in value.values for a in _arrays_of(v)] if isinstance(value, Items) else []


def _stores(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(statement)
    )
