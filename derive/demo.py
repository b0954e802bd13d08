"""The main job, end to end: each model is stated, derived, compiled, checked, fitted and reported.

What is printed is plain text when piped. The checks in 50 digits are pure Python, so they run in a second
process beside compiling and fitting; everything is reproducible, whatever the number of processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import agreement, fitting, models, report
from .agreement import Check, Subject
from .models import Model
from .presenting import Derived, gradients, hessians
from .verify.sweep import StepSweep

DENSE_HESSIAN = 2  # axes up to which a Hessian is compiled; beyond, the optimizers use products

Agreement = tuple[list[Check], list[StepSweep]]


def run(names: Sequence[str], out: Path, console: Console | None = None) -> bool:
    """The demo for the models named, or for all; whether every check passed and every fit is certified."""
    chosen = [models.get(name) for name in dict.fromkeys(names)] or list(models.REGISTRY.values())
    report.prepare(out)
    console = console or Console(highlight=False, markup=False, emoji=False)
    began = time.perf_counter()
    pages, good = [], True
    with _checker(chosen) as checks_of:
        for model in chosen:
            page, fine = _model(model, checks_of, console, out)
            pages.append(page)
            good = good and fine
    index = report.write_index(out, pages)
    _say(console, f"report: {index}    total time {time.perf_counter() - began:.1f} s")
    if not good:
        _say(console, "some checks failed or some fits are not certified; see above")
    return good


@contextmanager
def _checker(chosen: Sequence[Model]) -> Iterator[Callable[[Model], Agreement]]:
    """The differences of every model: in a second process where there is one to spare, else here."""
    try:
        # spawn, because forking a process with compiled threads in it is unsafe
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn")) if _spare(chosen) else None
    except (OSError, NotImplementedError, ImportError):  # no semaphores on this system
        pool = None
    if pool is None:
        yield lambda model: differences(model.name)
        return
    with pool:
        waiting = {model.name: pool.submit(differences, model.name) for model in chosen}
        try:
            yield lambda model: waiting[model.name].result()
        finally:
            for each in waiting.values():
                each.cancel()


def _spare(chosen: Sequence[Model]) -> bool:
    return len(chosen) > 1 and (os.cpu_count() or 1) > 1


def differences(name: str) -> Agreement:
    """Checks and step sweeps of one model on its own data."""
    model = models.get(name)
    case = agreement.subject(model, fitting.arrays_of(model))
    return agreement.gradient_checks(case) + agreement.hessian_checks(case), agreement.sweeps(case)


def _model(
    model: Model, checks_of: Callable[[Model], Agreement], console: Console, out: Path
) -> tuple[report.Page, bool]:
    console.rule(model.title, style="bold")
    statement = model.expression().latex()
    _heading(console, 1, f"statement  ({model.source})")
    _say(console, f"  {model.declaration()}", f"  minimise {model.statement}", f"  LaTeX: {statement}")

    _heading(console, 2, "derivatives")
    began = time.perf_counter()
    derived = gradients(model) + hessians(model)
    _say(console, f"  derived in {1000 * (time.perf_counter() - began):.0f} ms")
    for each in derived:
        _show(console, each)

    arrays = fitting.arrays_of(model)
    case = agreement.subject(model, arrays)
    _heading(console, 3, "compiled with numba")
    kernel_checks = [_compiled(case, what, console) for what in _outputs(case)]

    # The fit runs before the checks are shown, because these come from another process.
    result, elapsed = _fitted(model, arrays)
    found, sweeps = checks_of(model)
    checks = kernel_checks + found
    _heading(console, 4, "checks: worst relative error of an entry")
    console.print(_table(checks))

    _heading(console, 5, f"fit on {model.data_set}, {case.rows} rows")
    facts = _facts(result, elapsed)
    _say(console, *(f"  {what:<16} {value}" for what, value in facts))

    page = report.Page(model, statement, derived, checks, sweeps, facts, result.history)
    files = report.write_page(out, page)
    _heading(console, 6, "report")
    _say(console, "  " + ", ".join(str(path) for path in files), "")
    return page, all(c.ok for c in checks) and bool(result.success)


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)


def _heading(console: Console, number: int, text: str) -> None:
    console.print(f"{number}. {text}", style="bold", soft_wrap=True)


def _show(console: Console, each: Derived) -> None:
    _say(console, f"  {each.heading}")
    for line in each.lines:
        console.print(f"    {line}", style="green", soft_wrap=True)
    console.print(f"    LaTeX: {each.latex}", style="dim", soft_wrap=True)


# ---------------------------------------------------------------- kernels


def _outputs(case: Subject) -> list[tuple[str, Mapping[str, Any]]]:
    """What is compiled: value and gradient together; the Hessian where it is a matrix."""
    from .kernels.oracle import VALUE, gradient_key, hessian_key

    value = {VALUE: case.expression.node}
    value.update({gradient_key(u): g.node for u, g in case.gradients.items()})
    found: list[tuple[str, Mapping[str, Any]]] = [("value, gradient", value)]
    if 2 * max(v.order for v in case.unknowns) <= DENSE_HESSIAN:
        from . import hessian

        names = list(case.model.unknowns)
        table = hessian(case.expression, names)
        blocks = {
            hessian_key(a, b): table[i][j].node
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if j >= i
        }
        found.append(("Hessian", blocks))
    return found


def _compiled(case: Subject, outputs: tuple[str, Mapping[str, Any]], console: Console) -> Check:
    """Compile, time a call, and compare with the interpreter on all rows."""
    from .kernels.compile import compile_nodes
    from .stable import recognise

    what, nodes = outputs
    began = time.perf_counter()
    kernel = compile_nodes({k: recognise(n) for k, n in nodes.items()}, unknowns=case.model.unknowns)
    names = set(kernel.variables)
    sizes = {s.name: k for s, k in case.binding.values.items() if s in kernel.symbols}
    data = {k: a for k, a in case.arrays.items() if k in names and k not in case.model.unknowns}
    bound = kernel.bind({**data, **{k: n for k, n in sizes.items() if k not in data}})
    point = {u: case.arrays[u] for u in case.model.unknowns}
    computed = bound(**point)
    compiling = time.perf_counter() - began
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < 0.02:
        bound(**point)
        calls += 1
    per_call = (time.perf_counter() - began) / calls
    _say(console, f"  {what}: ready in {compiling:.2f} s, then {_duration(per_call)} per call")
    return agreement.kernel_check(case, nodes, computed, what)


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1e3 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


# ---------------------------------------------------------------- fit


def _fitted(model: Model, arrays: dict[str, Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    result = fitting.fit(model, arrays, progress=True)
    return result, time.perf_counter() - began


def _facts(result: Any, elapsed: float) -> list[tuple[str, str]]:
    certificate = result.certificate
    return [
        ("objective", f"{float(result.fun):.12g}"),
        ("gradient norm", f"{certificate.gradient_norm:.2e} (scaled {certificate.stationarity:.2e})"),
        ("iterations", f"{result.nit} of {result.method}"),
        ("time", f"{_duration(result.time)} ({elapsed:.2f} s with compiling)"),
        ("certificate", str(result.message)),
    ]


def _table(checks: Sequence[Check]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=False)
    for k in range(4):
        table.add_column(justify="right" if k == 2 else "left", no_wrap=True)
    for check in checks:
        word = "ok" if check.ok else f"FAILED (limit {check.limit:.0e})"
        style = "" if check.ok else "bold red"
        table.add_row(check.what, check.where, f"{check.error:.1e}", word, style=style)
    return table


__all__ = ["differences", "run"]
