"""What was aimed at, what this run measured, and whether it was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .table import RESULTS, Table

PEERS = ("NumPy", "jax", "torch", "torch.compile", "autograd", "pytensor")

Measured = dict[str, float]


@dataclass(frozen=True)
class Target:
    """One line: a case, what is compared, and the bound. `floor`: at least, else at most."""

    case: str
    what: str
    measure: Callable[[Measured], float | None]
    bound: float
    floor: bool = True


def best(found: Measured) -> float | None:
    """The quickest peer against the kernel."""
    times = [found[p] for p in PEERS if p in found]
    return min(times) / found["ours"] if times else None


def derived(found: Measured) -> float | None:
    """The quickest peer that derives, against the kernel: all but NumPy by hand."""
    times = [found[p] for p in PEERS if p in found and p != "NumPy"]
    return min(times) / found["ours"] if times else None


def against(other: str) -> Callable[[Measured], float | None]:
    return lambda found: found[other] / found["ours"] if other in found else None


def share(other: str) -> Callable[[Measured], float | None]:
    return lambda found: found["ours"] / found[other] if other in found else None


def _targets() -> list[Target]:
    found = []
    wide = ("logistic 20000 × 1000", "logistic 20000 × 2000", "least squares 20000 × 1000")
    for case in ("logistic 200000 × 100", "least squares 200000 × 100", *wide):
        found.append(Target(case, "best peer", best, 1.8))
        limit = 1.10 if case in wide else 1.35
        found.append(Target(case, "of one read of X", share("read"), limit, floor=False))
        found.append(Target(case, "of loops by hand", share("by hand"), 1.10, floor=False))
    for case in ("logistic 200 × 10", "least squares 200 × 10"):
        found.append(Target(case, "NumPy", against("NumPy"), 4.0))
        found.append(Target(case, "JAX", against("jax"), 15.0))
        found.append(Target(case, "of loops by hand", share("by hand"), 1.10, floor=False))
    found += [
        Target("softmax regression 100000 × 50 → 10", "best peer", best, 2.5),
        Target("network 10000, 64-128-10", "best peer", best, 2.0),
        Target("mixture, covariances 50000 × 8, k = 5", "best peer", best, 7.0),
        *(
            Target(case, "of loops by hand", share("by hand"), 1.10, floor=False)
            for case in (
                "softmax regression 100000 × 50 → 10",
                "network 10000, 64-128-10",
                "mixture, covariances 50000 × 8, k = 5",
            )
        ),
        Target(
            "attention batch 8, length 128, width 64", "of its products", share("floor"), 1.3, floor=False
        ),
        Target(
            "convolution 64 signals, 16 × 512, 32 kernels of 5",
            "of its products",
            share("floor"),
            1.3,
            floor=False,
        ),
        Target("logistic, Hessian 20000 × 200", "JAX", against("jax"), 5.0),
        Target("dsyrk 20000 × 200", "of dsyrk alone", share("dsyrk"), 1.2, floor=False),
        Target("network, Hessian 1000, 8-16-3 (195 unknowns)", "best peer", best, 3.0),
        Target("factorisation, Hessian times vector 1000 × 1000, k = 5", "best peer", best, 3.0),
    ]
    for case, bound in (("Hessian", 20.0), ("structured Hessian", 200.0)):
        case = f"factorisation, {case} 100 × 100, k = 5"
        found.append(Target(case, "best peer that derives", derived, bound))
        found.append(
            Target(case, "of NumPy with the zeros put in by hand", share("NumPy"), 1.10, floor=False)
        )
    for case in RESULTS:
        if case.startswith("threads, "):
            memory = case.startswith(("threads, logistic", "threads, least"))
            two = against_two
            found.append(Target(case, "two threads", two, 1.35 if memory else 1.7))
    return found


def against_two(found: Measured) -> float | None:
    """One thread's time against two's."""
    return found["one"] / found["two"]


def table(quick: bool) -> Table:
    """Every target whose case was measured in this run."""
    rows = []
    for target in _targets():
        found = RESULTS.get(target.case)
        value = None if found is None else target.measure(found)
        wanted = f"{'≥' if target.floor else '≤'} {target.bound:g}"
        if value is None:
            rows.append([target.case, target.what, wanted, "–", "not measured"])
            continue
        reached = value >= target.bound if target.floor else value <= target.bound
        share_ = value / target.bound if target.floor else target.bound / value
        verdict = "reached" if reached else f"missed by {100 * (1 - share_):.0f} %"
        if not reached and found is not None and "both" in found:
            verdict += f"; two copies side by side gain {2 * found['one'] / found['both']:.2f}"
        rows.append([target.case, target.what, wanted, f"{value:.2f}", verdict])
    missed = sum(row[-1].startswith("missed") for row in rows)
    return Table(
        "Targets",
        ["case", "against", "wanted", "this run", ""],
        rows,
        f"{len(rows)} lines, {missed} missed. `best peer` is the quickest among NumPy by hand, JAX, PyTorch, "
        "torch.compile, autograd and PyTensor; `best peer that derives` leaves NumPy out. Ratios of medians within "
        "this run. The factorisation's Hessian is that in one factor, masked. 20 and 200 are the distances, when they "
        "were set, of the quickest library that derives it from a prototype: two lines of NumPy in which the zeros of "
        "the Hessian were put in by hand. The kernel is held against both; nothing is 20 times as quick as that "
        "prototype, which spends half its time and more on the writing of two megabytes.",
    )
