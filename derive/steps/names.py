"""The names in a worked solution: of intermediates, and of the differentials that stand in its lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from .. import notation
from ..build import split_power, split_scale
from ..differentiate import jvp
from ..node import Apply, Node, Variable, size_symbols, topological, transform, variable, variables
from ..notation.names import latex_name
from ..operators import is_linear, rebuild
from .records import Line

#: Names for intermediates, by order; residuals, whose squares are summed, have the field's own.
_POOL = {0: "s t u v", 1: "z u v h g p q", 2: "Z U V H M P Q"}
_RESIDUAL = {0: "r s", 1: "r s", 2: "R S"}


@final
class Names:
    """Which nodes depend on the variable, what they are called, and what their differentials are called."""

    def __init__(self, root: Node, wrt: Variable) -> None:
        self.root, self.wrt = root, wrt
        self.order = list(topological([root]))
        self.active: set[Node] = set()
        for node in self.order:
            if node is wrt or any(o in self.active for o in node.operands):
                self.active.add(node)
        self.taken = {v.name for v in variables(root)} | {s.name for s in size_symbols(root)}
        self.function = self.fresh(["L", "f", "F", "J", "E"])
        self.names: dict[Node, Variable] = {}
        self.differentials: dict[Node, Variable] = {}
        self.tangent = self.differential_variable(f"d{wrt.name}", wrt)
        self.differentials[wrt] = self.tangent
        self.latex_of: dict[str, str] = {self.tangent.name: f"\\mathrm{{d}}{latex_name(wrt.name)}"}
        self.shown_memo: dict[Node, Node] = {}
        self.meanings: dict[Node, Node] = {}
        self.choose_names()

    # ------------------------------------------------------------ names

    def fresh(self, wanted: Iterable[str]) -> str:
        choices = list(wanted)
        for suffix in ("", *map(str, range(1, 1000))):
            for name in choices:
                if name + suffix not in self.taken and f"d{name}{suffix}" not in self.taken:
                    self.taken |= {name + suffix, f"d{name}{suffix}"}
                    return name + suffix
        raise AssertionError("more intermediates than names")

    def differential_variable(self, name: str, node: Node) -> Variable:
        """The variable that stands for a differential; it is as symmetric as what it is the differential of."""
        return variable(name, node.shape, node.facts & {"symmetric"})

    def choose_names(self) -> None:
        """Name what rules other than linearity are applied to, and what is used more than once."""
        users: dict[Node, int] = {}
        arguments: set[Node] = set()
        residuals: set[Node] = set()
        for node in self.order:
            if node not in self.active:
                continue
            for operand in dict.fromkeys(node.operands):
                if operand in self.active:
                    users[operand] = users.get(operand, 0) + 1
                    if isinstance(node, Apply) and not is_linear(node):
                        arguments.add(operand)
                        if node.op == "power" and node.param("exponent") == 2:
                            residuals.add(operand)
        for node in self.order:
            wanted = node in arguments or users.get(node, 0) > 1
            if node not in self.active or not wanted or isinstance(node, Variable) or node is self.root:
                continue
            if isinstance(split_power(node)[0], Variable) or isinstance(split_scale(node)[1], Variable):
                continue
            if node.order > 2 or notation.tokens(self.shown(node)) < 3:
                continue
            pool = (_RESIDUAL if node in residuals else _POOL)[node.order].split()
            self.names[node] = variable(self.fresh(pool), node.shape, node.facts)
            self.shown_memo.clear()

    def shown(self, node: Node, opened: bool = False) -> Node:
        """The node over named intermediates; `opened`, its own name is not used."""
        if not opened:
            memo = self.shown_memo
            memo.update(self.names)
            return transform([node], rebuild, memo)[0]
        return rebuild(node, tuple(self.shown(o) for o in node.operands))

    def differential(self, node: Node) -> Variable:
        """The variable that stands for d(node)."""
        found = self.differentials.get(node)
        if found is None:
            if node in self.names:
                name = f"d{self.names[node].name}"
                words = f"\\mathrm{{d}}{latex_name(self.names[node].name)}"
            else:
                name = f"d({notation.text(self.shown(node))})"
                words = f"\\mathrm{{d}}\\left({notation.latex(self.shown(node), False)}\\right)"
            found = self.differentials[node] = self.differential_variable(name, node)
            self.latex_of[name] = words
        return found

    # ------------------------------------------------------------ lines

    def line(self, left: str, left_latex: str, node: Node, text: str = "", latex: str = "") -> Line:
        return Line(
            left, node, self.meaning(node), text or notation.text(node), latex or self.latex(node), left_latex
        )

    def latex(self, node: Node) -> str:
        """LaTeX, in which differentials are set upright."""
        stand_ins: dict[Node, Node] = {}
        words: dict[str, str] = {}
        for k, v in enumerate(v for v in variables(node) if v.name in self.latex_of):
            name = "Dq" + "".join(chr(97 + int(digit)) for digit in str(k))  # digits would become subscripts
            stand_ins[v] = variable(name, v.shape, v.facts)
            words[latex_name(name)] = self.latex_of[v.name]
        found = notation.latex(transform([node], rebuild, stand_ins)[0], False)
        for old, new in words.items():
            found = found.replace(old, new)
        return found

    def meaning(self, node: Node) -> Node:
        """The line in terms of the variables of the statement and the tangent only."""
        for v in variables(node):
            if v in self.meanings:
                continue
            for source, name in self.names.items():
                if name is v:
                    self.meanings[v] = source
            for source, d in self.differentials.items():
                if d is v and v is not self.tangent:
                    self.meanings[v] = jvp(source, self.wrt, self.tangent)
        return transform([node], rebuild, dict(self.meanings))[0]
