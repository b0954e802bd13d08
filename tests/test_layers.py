"""The house has floors: a module imports only modules below it.

The rule is read off the import statements, so a breach is found even in code that no test runs.
What is free: imports under `if TYPE_CHECKING`, which do not exist at run time. What is not: an import
inside a function, which is still a dependence; the few that may point upwards are the lazy doors below.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A unit is a module, or a package with all that is in it. Lowest floor first; units of one floor may
# import each other.
CORE = (
    "kernels.clock "
    "kernels.scalars kernels.factoring kernels.contraction kernels.solves kernels.structure kernels.statements "
    "kernels.gram kernels.ties "
    "kernels.lowering_access kernels.lowering_parts kernels.lowering kernels.schedule kernels.program kernels.loops "
    "kernels.matrices kernels.access kernels.axes "
    "kernels.tiles kernels.turned kernels.halved kernels.reuse kernels.products kernels.sampled kernels.symmetric "
    "kernels.sweeps kernels.functions kernels.parts kernels.emit "
    "kernels.eviction kernels.foundation kernels.cache kernels.vectors kernels.rowwise kernels.kept "
    "kernels.narrow kernels.lanes kernels.machine kernels.cholesky kernels.smallproducts kernels.arrays "
    "kernels.values kernels.applied kernels.expressions kernels.walk kernels.translate "
    "kernels.special kernels.apart kernels.gamma kernels.lapack kernels.weighted "
    "kernels.library kernels.rough kernels.plain "
    "kernels.moments kernels.threads kernels.streams kernels.cluster kernels.calls kernels.entrance_code "
    "kernels.entrance kernels.bound "
    "kernels.structured kernels.blocks kernels.ranks kernels.sparse kernels.compile kernels.structured_kernel "
    "kernels.interrupt kernels.oracle kernels.batches kernels.optimizers kernels.neighbourhood kernels.plateau "
    "kernels.invariance kernels.precision kernels.settled kernels.certificate "
    "kernels.natural kernels.conditions kernels.kkt kernels.kinks kernels.semidefinite kernels.penalised "
    "kernels.separable kernels.groups kernels.cones kernels.low_rank "
    "kernels.inline kernels.flat kernels.flat_conditions kernels.whole kernels.joined kernels.joined_program"
)
LAYERS = [
    "errors",
    "limits statuses",
    "files",
    "arrays_in_files",
    "sizes",
    "node",
    "domains",
    "sums",
    "factors",
    "build",
    "operators",
    "shifting",
    "exponentials",
    "hyperbolic",
    "stable",
    "evaluate",
    "identities",
    "simplify",
    "differentiate",
    "second",
    "reparametrise",
    "smoothing",
    "statement",
    "notation",
    "steps",
    "verify",
    "convexity",
    "optimality",
    CORE,
    "kernels",  # kernels/__init__.py, the front of the numeric half
    "array_methods constraint given",
    "expression",
    "together",
    "declaring",
    "operations compiled",
    "checking",
    "solving",
    "problem",
    "problem_files",
    "kernels.bundle kernels.standalone kernels.plan kernels.codegen kernels.estimator",
    "derive",  # derive/__init__.py, the lazy front
    "data",
    "models",
    "estimators",
    "presenting",
    "fitting",
    "agreement",
    "report",
    "demo",
    "cli",
    "__main__",
]
FLOOR = {unit: floor for floor, units in enumerate(LAYERS) for unit in units.split()}

# The numeric core receives ready expressions and knows nothing of how they came about.
CORE_MAY_IMPORT = {
    *"errors limits statuses files sizes node domains sums factors build operators shifting stable evaluate".split(),
    *CORE.split(),
}

# Loaded only by who asks for them by name, so that they may import the kernels at their top.
NUMERIC_FACES = ("estimators",)

# Functions in these may import from any floor: the faces reach the kernels, the fronts name everything.
LAZY_DOORS = {
    "expression": "kernels",
    "compiled": "kernels",
    "solving": "kernels",
    "problem": "kernels",
    "kernels": "kernels",
    "derive": "",
}


@dataclass(frozen=True)
class Import:
    """One imported module of ours: its dotted name, the line, and whether it waits inside a function."""

    target: str
    line: int
    lazy: bool


@cache
def modules() -> dict[str, Path]:
    """All modules of the project by dotted name; kernels/ is imported as `derive.kernels`."""
    found = {}
    for folder, package in (("derive", "derive"), ("kernels", "derive.kernels")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
    return found


def unit(module: str) -> str:
    """`derive.operators.linear -> operators`, `derive.kernels.emit -> kernels.emit`, `derive -> derive`."""
    parts = module.split(".")
    depth = 3 if parts[1:2] == ["kernels"] else 2
    return ".".join(parts[1:depth]) or "derive"


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def imports(module: str, source: str, is_package: bool, known: set[str]) -> list[Import]:
    """The modules of ours that `source` imports, by statement or by `import_module("...")`."""
    package = module if is_package else module.rpartition(".")[0]

    def absolute(name: str | None, level: int) -> str:
        if level == 0:
            return name or ""
        base = package.split(".")[: len(package.split(".")) - level + 1]
        return ".".join([*base, name] if name else base)

    def named(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node.module, node.level)
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                yield inner if inner in known else origin
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "import_module" and isinstance(node.args[0].value, str):
                text = node.args[0].value
                level = len(text) - len(text.lstrip("."))
                yield absolute(text[level:] or None, level)

    found: list[Import] = []
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(source), False)]
    while waiting:
        node, lazy = waiting.pop()
        ours = [name for name in named(node) if name == "derive" or name.startswith("derive.")]
        found += [Import(name, getattr(node, "lineno", 0), lazy) for name in dict.fromkeys(ours)]
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and is_type_checking(node.test):
            waiting += [(child, inside) for child in node.orelse]
        else:
            waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
    return sorted(found, key=lambda found: found.line)


def fault(importer: str, target: str, lazy: bool) -> str | None:
    """Why the unit `importer` must not import the unit `target`, or None if it may."""
    if importer == target:
        return None
    for name in (importer, target):
        if name not in FLOOR:
            return f"`{name}` is on no floor: place it in LAYERS of tests/test_layers.py"
    numeric = target.split(".")[0] == "kernels"
    if lazy and importer in LAZY_DOORS and target.startswith(LAZY_DOORS[importer]):
        return None
    if importer in CORE.split() and target not in CORE_MAY_IMPORT:
        return f"the numeric core must not know `{target}`"
    if FLOOR[target] > FLOOR[importer]:
        return f"`{target}` lies above `{importer}`"
    if numeric and importer.split(".")[0] not in ("kernels", *NUMERIC_FACES) and not lazy:
        return f"`{importer}` must import `{target}` inside a function: importing derive must not load numba"
    return None


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    path = modules()[module]
    source = path.read_text(encoding="utf-8")
    return tuple(imports(module, source, path.name == "__init__.py", set(modules())))


@pytest.mark.parametrize("module", sorted(modules()))
def test_module_is_on_a_floor(module: str) -> None:
    """Every module has its place."""
    assert unit(module) in FLOOR, (
        f"{modules()[module].relative_to(ROOT)} is on no floor: place it in LAYERS of tests/test_layers.py"
    )


@pytest.mark.parametrize("module", sorted(modules()))
def test_module_imports_only_what_lies_below(module: str) -> None:
    """A module imports only modules listed above it in the design, that is, on a lower floor."""
    place = modules()[module].relative_to(ROOT)
    faults = [
        f"{place}:{found.line}: {why}"
        for found in imports_of(module)
        if (why := fault(unit(module), unit(found.target), found.lazy))
    ]
    assert not faults, "\n".join(faults)


def test_no_cycles() -> None:
    """Modules of one floor may import each other, but not in a circle."""
    graph = {
        module: {
            found.target
            for found in imports_of(module)
            if not found.lazy and found.target in modules() and found.target != module
        }
        for module in modules()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("import cycle: " + " -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    ("importer", "target", "lazy", "allowed"),
    [
        ("node", "sizes", False, True),
        ("node", "operators", False, False),
        ("node", "operators", True, False),  # hiding an import in a function does not help
        ("kernels.emit", "kernels.program", False, True),
        ("kernels.emit", "evaluate", False, True),
        ("kernels.emit", "differentiate", False, False),
        ("kernels.oracle", "expression", True, False),
        ("kernels.plan", "problem", False, True),
        ("expression", "kernels.compile", False, False),
        ("expression", "kernels.compile", True, True),
        ("problem", "kernels.plan", True, True),
        ("verify", "kernels.compile", True, False),
        ("demo", "kernels.oracle", True, True),
        ("demo", "kernels.oracle", False, False),
        ("derive", "cli", True, True),
        ("cli", "derive", False, True),
        ("notation", "derive", False, False),  # the inside does not go out by the front door
        ("novelty", "errors", False, False),
    ],
)
def test_the_rule_itself(importer: str, target: str, lazy: bool, allowed: bool) -> None:
    """The rule says yes and no where the design does."""
    assert (fault(importer, target, lazy) is None) == allowed


def test_import_statements_are_read() -> None:
    """Relative, absolute, lazy and dynamic imports are seen; those for type checkers are not."""
    source = """
from typing import TYPE_CHECKING
import numpy, derive.sizes
from ..node import Node
from . import emit, helper
if TYPE_CHECKING:
    from ..problem import Problem
else:
    from ..errors import DeriveError
def door():
    from importlib import import_module
    import_module("derive.kernels.plan")
    return import_module(".oracle", __package__)
"""
    found = imports("derive.kernels.program", source, False, {"derive.kernels.emit"})
    assert [(each.target, each.lazy) for each in found] == [
        ("derive.sizes", False),
        ("derive.node", False),
        ("derive.kernels.emit", False),
        ("derive.kernels", False),  # `helper` is no module, so it is a name of the package
        ("derive.errors", False),
        ("derive.kernels.plan", True),
        ("derive.kernels.oracle", True),
    ]


def test_packages_are_listed() -> None:
    """The wheel holds every package: the list in pyproject.toml names the folders that exist."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {module for module, path in modules().items() if path.name == "__init__.py"}
    assert set(settings["packages"]) == folders


def loaded(code: str, *packages: str) -> set[str]:
    """Those of `packages` that are loaded after a fresh interpreter has run `code`."""
    report = f"import sys\n{code}\nprint('loaded:', *({set(packages)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def command(*arguments: str) -> str:
    """Code that runs the command line in this process and goes on after it."""
    return f"""
from contextlib import suppress
from derive.cli import main
sys.argv = ["derive", *{list(arguments)!r}]
with suppress(SystemExit):
    main()
"""


def test_import_is_light() -> None:
    """`import derive` loads neither numba nor matplotlib nor scipy."""
    assert loaded("import derive", "numba", "matplotlib", "scipy") == set()


def test_help_is_light() -> None:
    """`derive --help` answers without SymPy."""
    assert loaded(command("--help"), "sympy", "numba", "matplotlib", "scipy") == set()


def test_deriving_is_light() -> None:
    """`derive grad` derives and prints without numba, matplotlib or scipy."""
    grad = command("grad", "sumsq(X @ w)", "--var", "X:n,d", "--var", "w:d", "--wrt", "w")
    assert loaded(grad, "numba", "matplotlib", "scipy") == set()
