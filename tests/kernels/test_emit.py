"""The text of a kernel: readable, ours, and the same in every process."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from derive.build import matmul, total
from derive.kernels.compile import compile_nodes
from derive.node import variable
from derive.operators import apply
from derive.sizes import sizes
from tests.kernels.statements import OBJECTIVES, derivatives

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import hashlib
from derive.kernels.compile import compile_nodes
from tests.kernels.statements import OBJECTIVES, derivatives
for name, make in OBJECTIVES.items():
    objective = make()
    source = compile_nodes(derivatives(objective), unknowns=[v.name for v in objective[1]]).source
    print(name, hashlib.sha256(source.encode()).hexdigest())
"""


def test_same_text_under_every_hash_seed() -> None:
    """Two processes with other hash seeds write the same source."""
    runs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(done.stdout)
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) == len(OBJECTIVES)


def test_users_names_stay_outside() -> None:
    """Names of variables and sizes never reach the source, whatever they are."""
    rows, columns = sizes("secret_rows secret_columns")
    data = variable("__import__", (rows, columns))
    weights = variable("secret_weights", (columns,))
    kernel = compile_nodes(
        {"secret": total(apply("exp", matmul(data, weights)))}, unknowns=["secret_weights"]
    )
    assert "secret" not in kernel.source
    assert "__import__" not in kernel.source


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_names_of_our_own(name: str) -> None:
    """Every identifier is a numbered one, a library function, or one of the few words of the template."""
    objective = OBJECTIVES[name]()
    tree = ast.parse(compile_nodes(derivatives(objective), unknowns=[v.name for v in objective[1]]).source)
    words = set(
        "acc b block chunk chunks depth e entry hi lo m pairs place range rest rows share top total tree "
        "weight width x min max float abs int np math compiled before partial after evaluate part finish "
        "between evaluate_into begin room state share spread turns parts total INTO BLOCKS CARRIES SINGLES _ "
        "patience count people me k who first last left step".split()
    )
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}
    numbered = re.compile(r"[vnixtwsro]\d+_?|[xr]\d+_\d|(enter_)?(before|partial|after|between)(_\d+)?")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            assert node.id in words | imported or numbered.fullmatch(node.id), node.id


def test_shape_of_the_module() -> None:
    """One pass: partial, after, evaluate; comments describe, nothing is imported but our library."""
    objective = OBJECTIVES["ridge"]()
    source = compile_nodes(derivatives(objective, second=False), unknowns=["w"]).source
    names = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    compiled = ["partial", "after", "evaluate_into", "evaluate"]
    parts = ["part", "finish", "begin", "room", "share", "spread", "enter_partial", "enter_after"]
    assert names == [*compiled, *parts]
    assert "# v" in source
