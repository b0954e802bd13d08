"""The course of a worked solution: rules applied from the outside in, then the derivative read off."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from .. import notation
from ..build import add, inner, is_zero, swap_last, zero
from ..differentiate import reverse
from ..node import Node, Variable, topological, transform, variables
from ..notation.names import latex_name
from ..operators import rebuild
from ..sizes import HALF
from .names import Names
from .records import Derivation, Line, Step
from .rules import LINEARITY, Rule, Rules


def derive_steps(root: Node, wrt: Variable) -> Derivation:
    """The derivation of the derivative of an expression with respect to a variable."""
    return _Solution(root, wrt).solve()


@final
class _Solution:
    """The work of one derivation."""

    def __init__(self, root: Node, wrt: Variable) -> None:
        self.names = Names(root, wrt)
        self.rules = Rules(self.names)

    # ------------------------------------------------------------ the solution

    def solve(self) -> Derivation:
        f, df = self.names.function, f"d{self.names.function}"
        f_latex, df_latex = latex_name(f), f"\\mathrm{{d}}{latex_name(f)}"
        start = self.names.line(f, f_latex, self.names.shown(self.names.root, True))
        current: Node = (
            self.names.differential(self.names.root)
            if self.names.root in self.names.active
            else zero(self.names.root.shape)
        )
        self.names.latex_of[self.names.differential(self.names.root).name] = df_latex
        before = self.names.line(df, df_latex, current, text=df, latex=df_latex)
        steps: list[Step] = []

        def advance(rule: Rule, after: Line) -> None:
            nonlocal before
            if after.text != before.text or after.left != before.left:
                steps.append(Step(*rule, before, after))
                before = after

        while True:
            batch = self.next_batch(current)
            if not batch:
                break
            rule, replacements = batch
            if rule is LINEARITY:
                rule = self.substituted(replacements) or rule
            current = transform([current], rebuild, dict(replacements))[0]
            advance(rule, self.names.line(df, df_latex, current))
        self.read_off(current, df, df_latex, advance)
        where = tuple(
            self.names.line(v.name, latex_name(v.name), self.names.shown(node, True))
            for node, v in self.names.names.items()
        )
        return Derivation(start, where, tuple(steps), self.names.tangent)

    def read_off(self, current: Node, df: str, df_latex: str, advance: Callable[[Rule, Line], None]) -> None:
        """The derivative is what multiplies the tangent."""
        w, dw = self.names.wrt.name, self.names.tangent.name
        w_latex, dw_latex = latex_name(w), self.names.latex_of[dw]
        found = reverse(current, [self.names.tangent])[0]
        if self.names.root.order:
            left, left_latex = (
                f"d{self.names.function}/d{w}",
                f"\\frac{{\\partial {latex_name(self.names.function)}}}{{\\partial {w_latex}}}",
            )
            rule = ("the Jacobian is the linear map", f"{df} = J {dw}", f"{df_latex} = J \\, {dw_latex}")
        else:
            left, left_latex = f"grad_{w}", f"\\nabla_{{{w_latex}}} {latex_name(self.names.function)}"
            rule = (
                "the gradient is what multiplies the differential",
                f"{df} = <grad, {dw}>",
                f"{df_latex} = \\langle \\nabla, {dw_latex} \\rangle",
            )
            text, latex = notation.text(found), self.names.latex(found)
            pair = {0: f"({text}) * {dw}", 1: f"({text}) @ {dw}"}.get(found.order, f"sum(({text}) * {dw})")
            column = f"\\left({latex}\\right)"
            pair_latex = {0: f"{column} {dw_latex}", 1: f"{column}^\\top {dw_latex}"}
            full = pair_latex.get(
                found.order, f"\\operatorname{{tr}}\\left({column}^\\top {dw_latex}\\right)"
            )
            if found.order > 2:
                full = f"\\langle {latex}, {dw_latex} \\rangle"
            if not is_zero(found):
                collected = self.names.line(df, df_latex, inner(found, self.names.tangent), pair, full)
                advance((f"collect {dw}", "", ""), collected)
        result = found
        symmetric = "symmetric" in self.names.wrt.facts and self.names.wrt.order >= 2
        if symmetric:
            result = add([(HALF, found), (HALF, swap_last(found))], found.shape)
        if symmetric and result is not found:
            rule = (
                f"symmetric part, since {dw} is symmetric",
                f"<G, {dw}> = <(G + G.T)/2, {dw}>",
                f"\\langle G, {dw_latex} \\rangle = \\langle (G + G^\\top)/2, {dw_latex} \\rangle",
            )
        advance(rule, self.names.line(left, left_latex, result))
        opened = transform([result], rebuild, {v: self.names.meaning(v) for v in self.names.names.values()})[
            0
        ]
        if opened is not result:
            names = ", ".join(v.name for v in variables(result) if v in set(self.names.names.values()))
            advance((f"insert {names}", "", ""), self.names.line(left, left_latex, opened))

    def next_batch(self, current: Node) -> tuple[Rule, dict[Node, Node]] | None:
        """The outermost differentials of the line that fall under one rule, with what they are equal to."""
        pending = {d: node for node, d in self.names.differentials.items() if d is not self.names.tangent}
        place = {node: k for k, node in enumerate(self.names.order)}
        here = sorted(
            ((place[pending[v]], v.name, v) for v in variables(current) if v in pending), reverse=True
        )
        if not here:
            return None
        first = pending[here[0][2]]
        rule = self.rules.rule(first)
        found: dict[Node, Node] = {}
        for _, _, v in here:
            node = pending[v]
            if self.rules.rule(node) == rule and not any(
                self.uses(pending[u], node) for _, _, u in here if u is not v
            ):
                found[v] = self.rules.expand(node)
        return rule, found

    def substituted(self, replacements: dict[Node, Node]) -> Rule | None:
        """The rule by which differentials of named parts go: not that they are linear, but what they are."""
        named = {
            v.name: name
            for node, v in self.names.differentials.items()
            if (name := self.names.names.get(node))
        }
        pairs = [(v, d) for v, d in replacements.items() if isinstance(v, Variable) and v.name in named]
        if len(pairs) < len(replacements) or len(pairs) > 2:
            return None
        text = ", ".join(f"{v.name} = {notation.text(d)}" for v, d in pairs)
        latex = ",\\; ".join(f"{self.names.latex(v)} = {self.names.latex(d)}" for v, d in pairs)
        return LINEARITY[0], text, latex

    def uses(self, user: Node, node: Node) -> bool:
        """Whether the differential of `user` will bring up that of `node` again."""
        return any(n is node for n in topological([user]))
