"""Generated kernels as text under names of their own, with tables of the names of inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...evaluate import has_access
from ...node import Node
from ..compile import compile_nodes
from .writing import in_tuple


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

    def add(
        self,
        label: str,
        nodes: Mapping[str, Node],
        unknowns: Sequence[str],
        comment: str,
        tables: bool = True,
    ) -> None:
        """One kernel: its functions are called `label_…`, and its inputs and outputs are tables of strings."""
        kernel = compile_nodes(nodes, unknowns=list(unknowns))
        program = kernel.program
        self.checks |= has_access(list(nodes.values()))
        head, _, body = kernel.source.partition("\n\n\n")
        for end in ("def part(", "INTO = "):  # what standalone files have no use for
            body = body.partition(f"\n\n\n{end}")[0].rstrip() + "\n"
        body = body.replace("@inner\n", "@compiled\n")
        body = re.sub(
            r"\b(partial|before|between|after|evaluate_into|evaluate)((?:_\d+)?)\(",
            lambda m: f"{label}_{m.group(1)}{m.group(2)}(",
            body,
        )
        called = re.findall(r"^    (\w+),?$", head.partition("import (")[2], re.M)
        self.used |= {name for name in called if re.search(rf"\b{name}\b", body)}
        self.texts.append(f"# {comment}\n\n\n{body.rstrip()}")
        inputs = [v.name for v in program.inputs] + [s.name for s in program.size_inputs]
        self.inputs[label], self.outputs[label] = inputs, list(nodes)
        if tables:
            self.tables.append(f"{label.upper()}_INPUTS = {in_tuple(map(repr, inputs))}")
            self.tables.append(f"{label.upper()}_OUTPUTS = {in_tuple(map(repr, nodes))}")
        if not self.rows and program.data_size is not None and program.data_size.is_Symbol:
            self.rows = program.data_size.name
