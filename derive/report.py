"""The report folder: formulas as LaTeX, plots as PNG, one page per model and an index that ties them together.

Files are written under a temporary name and renamed, the index last: whoever finds the index finds all that
it names. Matplotlib is imported when the first plot is drawn, without a window system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .agreement import Check
from .errors import DataError
from .files import atomic
from .models import Model
from .presenting import Derived
from .verify.sweep import StepSweep

INDEX = "index.md"
_PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath,amssymb,graphicx}
\usepackage[margin=2cm]{geometry}
\allowdisplaybreaks
\begin{document}
"""


@dataclass(frozen=True)
class Page:
    """All that the report says of one model."""

    model: Model
    statement: str  # the objective in LaTeX
    derived: Sequence[Derived]
    checks: Sequence[Check]
    sweeps: Sequence[StepSweep]
    facts: Sequence[tuple[str, str]]  # of the fit: what, value
    history: Any


def prepare(folder: Path) -> None:
    """Make the folder, or say why it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the report folder {folder} cannot be made: {error}") from None


def write_page(folder: Path, page: Page) -> list[Path]:
    """The files of one model: page, LaTeX, two plots."""
    name = page.model.name
    files = {
        "tex": folder / f"{name}.tex",
        "convergence": folder / f"{name}-convergence.png",
        "check": folder / f"{name}-check.png",
        "page": folder / f"{name}.md",
    }
    _write(files["tex"], _tex(page))
    _save(files["convergence"], _convergence(page))
    _save(files["check"], _steps(page))
    _write(files["page"], _markdown(page))
    return list(files.values())


def write_index(folder: Path, pages: Sequence[Page]) -> Path:
    """The page that ties the others together."""
    lines = [
        "# Report",
        "",
        "| model | minimise | worst check | objective | iterations | time |",
        "|---|---|---|---|---|---|",
    ]
    for page in pages:
        facts = dict(page.facts)
        exact = [c for c in page.checks if c.limit < 1e-15]
        agree = f"{min(c.digits for c in exact):.0f} of 50 digits" if exact else ""
        link = f"[{page.model.title}]({page.model.name}.md)"
        cells = [
            link,
            f"`{page.model.statement}`",
            agree,
            facts["objective"],
            facts["iterations"],
            facts["time"],
        ]
        # A long statement (the mixture's) would make the table unreadable.
        cells[1] = cells[1] if len(cells[1]) < 60 else "see the page"
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "The formulas as LaTeX: " + ", ".join(f"[{p.model.name}.tex]({p.model.name}.tex)" for p in pages),
        "",
    ]
    path = folder / INDEX
    _write(path, "\n".join(lines))
    return path


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _save(path: Path, figure: Any) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


# ---------------------------------------------------------------- text


def _markdown(page: Page) -> str:
    model = page.model
    lines = [f"# {model.title}", "", f"{model.declaration()}", "", "```", model.statement, "```", ""]
    lines += [f"$$f = {page.statement}$$", "", f"Source: {model.source}.", "", "## Derivatives", ""]
    for each in page.derived:
        lines += [f"**{each.heading}**", "", "```", *each.lines, "```", "", f"$${each.latex}$$", ""]
    lines += ["## Checks", "", "| what | where | worst relative error | |", "|---|---|---|---|"]
    lines += [f"| {c.what} | {c.where} | {c.error:.1e} | {'ok' if c.ok else 'FAILED'} |" for c in page.checks]
    lines += ["", f"![error against step size]({model.name}-check.png)", "", "## Fit", ""]
    lines += ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in page.facts)]
    lines += ["", f"![convergence]({model.name}-convergence.png)", ""]
    return "\n".join(lines)


def _tex(page: Page) -> str:
    name = page.model.name
    body = [f"\\section*{{{page.model.title}}}", _display(f"f = {page.statement}")]
    for each in page.derived:
        body += [f"% {each.heading}", _display(each.latex)]
    body += [f"\\includegraphics[width=0.48\\textwidth]{{{name}-convergence.png}}"]
    body += [f"\\includegraphics[width=0.48\\textwidth]{{{name}-check.png}}"]
    return _PREAMBLE + "\n".join(body) + "\n\\end{document}\n"


def _display(formula: str) -> str:
    return "\\[\n  " + formula + "\n\\]"


# ---------------------------------------------------------------- plots


def _figure() -> tuple[Any, Any]:
    """A figure drawn by Agg, without pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(True, which="major", linewidth=0.4, alpha=0.6)
    return figure, axes


def _convergence(page: Page) -> Any:
    """Objective above its least value and gradient norm, per iteration."""
    figure, axes = _figure()
    history = page.history
    least = min(history.objective)
    steps = range(len(history.objective))
    gap = [(k, f - least) for k, f in zip(steps, history.objective, strict=True) if f > least]
    slope = [(k, g) for k, g in zip(steps, history.gradient_norm, strict=True) if g > 0]
    marker = "o" if len(history.objective) < 40 else None
    for points, label in ((gap, "objective − least objective"), (slope, "largest |gradient entry|")):
        if points:
            axes.semilogy(*zip(*points, strict=True), marker=marker, markersize=3, label=label)
    axes.set_xlabel("iteration")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(f"{page.model.title}: convergence", fontsize=10)
    axes.legend(fontsize=8)
    return figure


def _steps(page: Page) -> Any:
    """Error against step size, log–log, with a line of slope 2 beside it."""
    figure, axes = _figure()
    styles = {"Taylor remainder": "o", "central difference": "s"}
    seen: list[tuple[float, float]] = []
    for k, sweep in enumerate(page.sweeps):
        exact = k >= 2  # the first two are in double precision, the others in 50 digits
        points = [(h, e) for h, e in zip(sweep.steps, sweep.errors, strict=True) if e > 0]
        vanishes = exact and sweep.slope != sweep.slope  # differences of a quadratic: rounding alone
        if vanishes or not points:
            continue
        slope = "" if sweep.slope != sweep.slope else f", slope {sweep.slope:.2f}"
        label = f"{sweep.kind}, {'50 digits' if exact else 'double'}{slope}"
        axes.loglog(
            *zip(*points, strict=True),
            marker=styles[sweep.kind],
            markersize=3,
            linewidth=1,
            color=f"C{k % 2}",
            linestyle="-" if exact else ":",
            label=label,
        )
        if exact and sweep.kind == "Taylor remainder":
            seen = points
    if seen:
        h, e = seen[0]
        guide = [step for step, _ in seen]
        axes.loglog(guide, [30 * e * (s / h) ** 2 for s in guide], "k--", linewidth=0.8, label="h²")
    axes.set_xlabel("step h")
    axes.set_ylabel("error")
    axes.set_title(f"{page.model.title}: derivative check", fontsize=10)
    axes.legend(fontsize=7)
    return figure


__all__ = ["INDEX", "Page", "prepare", "write_index", "write_page"]
