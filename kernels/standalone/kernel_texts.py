"""Generated kernels as text under names of their own, with tables of the names of inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import UnsupportedError
from ...evaluate import has_access
from ...node import Node
from ..compile import compile_nodes
from ..emit import LIBRARY as CALLED
from ..emit import functions_alone
from ..program import Program
from .library import LIBRARY, PLAIN
from .plain_texts import plain_functions
from .writing import in_tuple

#: What kernels may call.
FUNCTIONS = {*CALLED, *LIBRARY, *PLAIN}


def _with_numpy(text: str) -> str:
    """Other shapes as NumPy writes them, and numbers of one kind alone."""
    text = re.sub(r"\bempty\((\(.*\)), np\.float64\)", r"empty(\1)", text)
    return re.sub(r"\bshaped\((\w+(?:\[[^\[\]]*\])?), (\(.*\))\)", r"\1.reshape(\2)", text)


@dataclass
class Kernels:
    """Generated kernels under names of their own, and the helper functions that they use."""

    texts: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)
    checks: bool = False
    rows: str = ""
    imports: set[str] = field(default_factory=set)

    def add(
        self,
        label: str,
        nodes: Mapping[str, Node],
        unknowns: Sequence[str],
        comment: str,
        tables: bool = True,
    ) -> None:
        """One kernel: its functions are called `label_…`, and its inputs and outputs are tables of strings."""
        program = compile_nodes(nodes, unknowns=list(unknowns)).program
        self.checks |= has_access(list(nodes.values()))
        body = functions_alone(program).replace("@inner\n", "@compiled\n")
        body = re.sub(
            r"\b(partial|before|between|after|evaluate)((?:_\d+)?)\(",
            lambda m: f"{label}_{m.group(1)}{m.group(2)}(",
            body,
        )
        body = _with_numpy(body)
        self.used |= {name for name in FUNCTIONS if re.search(rf"\b{name}\(", body)}
        self.texts.append(f"# {comment}\n\n\n{body.rstrip()}")
        inputs = [v.name for v in program.inputs] + [s.name for s in program.size_inputs]
        self.inputs[label], self.outputs[label] = inputs, list(nodes)
        if tables:
            self.tables.append(f"{label.upper()}_INPUTS = {in_tuple(map(repr, inputs))}")
            self.tables.append(f"{label.upper()}_OUTPUTS = {in_tuple(map(repr, nodes))}")
        self._rows(program)

    def add_plain(self, label: str, nodes: Mapping[str, Node], unknowns: Sequence[str], comment: str) -> None:
        """What is evaluated a few times in a run: NumPy as a person would write it, for compiling takes longer.

        A kernel where there is no such source.
        """
        program = compile_nodes(nodes, unknowns=list(unknowns)).program
        try:
            text, names, imports = plain_functions(label, nodes)
        except UnsupportedError:
            self.add(label, nodes, unknowns, comment)
            return
        self.imports |= imports
        self.texts.append(f"# {comment}\n\n\n{text}")
        self.inputs[label], self.outputs[label] = names, list(nodes)
        self.tables.append(f"{label.upper()}_INPUTS = {in_tuple(map(repr, names))}")
        self.tables.append(f"{label.upper()}_OUTPUTS = {in_tuple(map(repr, nodes))}")
        self._rows(program)

    def _rows(self, program: Program) -> None:
        if not self.rows and program.data_size is not None and program.data_size.is_Symbol:
            self.rows = program.data_size.name
