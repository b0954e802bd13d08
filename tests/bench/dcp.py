"""Writes docs/convexity.md: what our prover and cvxpy's disciplined convex programming say of the same expressions.

`python -m tests.bench.dcp` needs cvxpy; the page is checked in, and a test proves our column again.
"""

# ruff: noqa: E501 (one expression a line)

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import derive as dv
from derive.convexity import Convexity, convexity
from derive.operations import find_variable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "convexity.md"
SHAPES: dict[str, tuple[str, ...]] = {
    "X": ("n", "d"), "y": ("n",), "w": ("d",), "x": ("d",), "c": ("d",), "lam": (), "s": (), "t": (), "r": (),
    "q": (), "p": ("d",), "g": ("d",), "S": ("d", "d"), "C": ("d", "d"), "P": ("d", "d"), "W": ("d", "k"),
    "Y": ("n", "k"), "l": ("n",),
}  # fmt: skip
FACTS = {
    "lam": ["positive"], "r": ["positive"], "q": ["positive"], "p": ["positive"], "g": ["positive"],
    "S": ["pd"], "P": ["psd"], "C": ["symmetric"], "l": ["positive"],
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """An expression in our language, its unknowns, and the same for cvxpy (by a function of its namespace)."""

    text: str
    unknowns: str
    cvxpy: Callable[[Any], Any]


ROWS = [
    # the rule set of disciplined convex programming
    Row("sumsq(X @ w - y)", "w", lambda v: v.cp.sum_squares(v.X @ v.w - v.y)),
    Row("sumsq(X @ w - y)/2 + lam/2*sumsq(w)", "w", lambda v: v.cp.sum_squares(v.X @ v.w - v.y) / 2 + v.lam / 2 * v.cp.sum_squares(v.w)),
    Row("norm(X @ w - y)", "w", lambda v: v.cp.norm(v.X @ v.w - v.y, 2)),
    Row("norm(X @ w - y, 1)", "w", lambda v: v.cp.norm(v.X @ v.w - v.y, 1)),
    Row("max(abs(X @ w - y))", "w", lambda v: v.cp.norm(v.X @ v.w - v.y, "inf")),
    Row("sumsq(X @ w - y)/2 + lam*norm(w, 1)", "w", lambda v: v.cp.sum_squares(v.X @ v.w - v.y) / 2 + v.lam * v.cp.norm(v.w, 1)),
    Row("sum(exp(x))", "x", lambda v: v.cp.sum(v.cp.exp(v.x))),
    Row("logsumexp(X @ w)", "w", lambda v: v.cp.log_sum_exp(v.X @ v.w)),
    Row("sum(softplus(X @ w))", "w", lambda v: v.cp.sum(v.cp.logistic(v.X @ v.w))),
    Row("-sum(log(p))", "p", lambda v: -v.cp.sum(v.cp.log(v.p))),
    Row("-sum(log(y - X @ w))", "w", lambda v: -v.cp.sum(v.cp.log(v.y - v.X @ v.w))),
    Row("-sum(sqrt(p))", "p", lambda v: -v.cp.sum(v.cp.sqrt(v.p))),
    Row("sum(1 / p)", "p", lambda v: v.cp.sum(v.cp.inv_pos(v.p))),
    Row("sum(p**(3/2))", "p", lambda v: v.cp.sum(v.cp.power(v.p, 1.5))),
    Row("sum(x**4)", "x", lambda v: v.cp.sum(v.cp.power(v.x, 4))),
    Row("max(x)", "x", lambda v: v.cp.max(v.x)),
    Row("-min(x)", "x", lambda v: -v.cp.min(v.x)),
    Row("sum(maximum(1 - y*(X @ w), 0))", "w", lambda v: v.cp.sum(v.cp.pos(1 - v.cp.multiply(v.y, v.X @ v.w)))),
    Row("sum(relu(x)**2)", "x", lambda v: v.cp.sum(v.cp.square(v.cp.pos(v.x)))),
    Row("x @ P @ x", "x", lambda v: v.cp.quad_form(v.x, v.P)),
    Row("sumsq(x) / r", "x r", lambda v: v.cp.quad_over_lin(v.x, v.r)),
    Row("sum(p * log(p))", "p", lambda v: -v.cp.sum(v.cp.entr(v.p))),
    Row("sum(p * log(p / g))", "p g", lambda v: v.cp.sum(v.cp.rel_entr(v.p, v.g))),
    Row("-logdet(S)", "S", lambda v: -v.cp.log_det(v.S)),
    Row("tr(C @ S) - logdet(S)", "S", lambda v: v.cp.trace(v.C @ v.S) - v.cp.log_det(v.S)),
    Row("tr(inv(S))", "S", lambda v: v.cp.tr_inv(v.S)),
    Row("c @ inv(S) @ c", "S", lambda v: v.cp.matrix_frac(v.c, v.S)),
    Row("sumsq(X @ W - Y) + lam*sumsq(W)", "W", lambda v: v.cp.sum_squares(v.X @ v.W - v.Y) + v.lam * v.cp.sum_squares(v.W)),
    Row("sum(norm(W, axis=1))", "W", lambda v: v.cp.sum(v.cp.norm(v.W, 2, axis=1))),
    Row("exp(sumsq(x))", "x", lambda v: v.cp.exp(v.cp.sum_squares(v.x))),
    Row("maximum(sumsq(x), exp(s))", "x s", lambda v: v.cp.maximum(v.cp.sum_squares(v.x), v.cp.exp(v.s))),
    Row("norm(X @ w - y)**2", "w", lambda v: v.cp.square(v.cp.norm(v.X @ v.w - v.y, 2))),
    Row("-sqrt(r * q)", "r q", lambda v: -v.cp.geo_mean(v.cp.hstack([v.r, v.q]))),
    Row("sum(exp(X @ w)) - y @ (X @ w)", "w", lambda v: v.cp.sum(v.cp.exp(v.X @ v.w)) - v.y @ (v.X @ v.w)),
    # beyond it: the same functions as written down, and more
    Row("sum(p * log(p / g)) + 0*sum(p)", "p g", lambda v: v.cp.sum(v.cp.multiply(v.p, v.cp.log(v.p / v.g)))),
    Row("p @ log(p)", "p", lambda v: v.p @ v.cp.log(v.p)),
    Row("sum(sqrt(1 + x**2))", "x", lambda v: v.cp.sum(v.cp.sqrt(1 + v.cp.square(v.x)))),
    Row("sqrt(1 + sumsq(x))", "x", lambda v: v.cp.sqrt(1 + v.cp.sum_squares(v.x))),
    Row("sum(sqrt(1 + (X @ w - y)**2))", "w", lambda v: v.cp.sum(v.cp.sqrt(1 + v.cp.square(v.X @ v.w - v.y)))),
    Row("sum(log(1 + exp(x)))", "x", lambda v: v.cp.sum(v.cp.log(1 + v.cp.exp(v.x)))),
    Row("log(sum(exp(X @ w)))", "w", lambda v: v.cp.log(v.cp.sum(v.cp.exp(v.X @ v.w)))),
    Row("(X @ w - y) @ (X @ w - y)", "w", lambda v: (v.X @ v.w - v.y) @ (v.X @ v.w - v.y)),
    Row("w @ X.T @ X @ w - 2*y @ X @ w", "w", lambda v: v.w @ v.X.T @ v.X @ v.w - 2 * v.y @ v.X @ v.w),
    Row("w @ (X.T @ diag(l) @ X) @ w", "w", lambda v: v.w @ (v.X.T @ np.diag(v.l) @ v.X) @ v.w),
    Row("sum(log(1 + exp(-y*(X @ w)))) + lam/2*(w @ w)", "w", lambda v: v.cp.sum(v.cp.log(1 + v.cp.exp(-v.cp.multiply(v.y, v.X @ v.w)))) + v.lam / 2 * (v.w @ v.w)),
    Row("s**2 + t**2 + s*t", "s t", lambda v: v.cp.square(v.s) + v.cp.square(v.t) + v.s * v.t),
    Row("exp(s + t) + (s - t)*(s - t)", "s t", lambda v: v.cp.exp(v.s + v.t) + (v.s - v.t) * (v.s - v.t)),
    Row("sum(log(cosh(x)))", "x", lambda v: v.cp.sum(v.cp.log((v.cp.exp(v.x) + v.cp.exp(-v.x)) / 2))),
    Row("sum(x * x * x * x)", "x", lambda v: v.cp.sum(v.cp.multiply(v.cp.multiply(v.x, v.x), v.cp.multiply(v.x, v.x)))),
    Row("sum(relu(x) * relu(x))", "x", lambda v: v.cp.sum(v.cp.multiply(v.cp.pos(v.x), v.cp.pos(v.x)))),
    Row("(x @ x) / r", "x r", lambda v: (v.x @ v.x) / v.r),
    Row("s * log(s)", "s", lambda v: v.s * v.cp.log(v.s)),
    Row("r*log(r) + (1 + q)*log(1 + q)", "r q", lambda v: v.r * v.cp.log(v.r) + (1 + v.q) * v.cp.log(1 + v.q)),
    Row("exp(s)*exp(t)", "s t", lambda v: v.cp.exp(v.s) * v.cp.exp(v.t)),
    Row("1 / (r*q)", "r q", lambda v: v.cp.inv_pos(v.r * v.q)),
    Row("r**2 / q", "r q", lambda v: v.cp.square(v.r) / v.q),
    Row("n/2*log(2) + lam*sum(exp(-x)) + sum(x)", "x", lambda v: v.lam * v.cp.sum(v.cp.exp(-v.x)) + v.cp.sum(v.x)),
    Row("sum(l*exp(-(X @ w)) + X @ w)", "w", lambda v: v.cp.sum(v.cp.multiply(v.l, v.cp.exp(-(v.X @ v.w))) + v.X @ v.w)),
    Row("sum(logsumexp(X @ W, axis=1)) - sum(Y * (X @ W))", "W", lambda v: v.cp.sum(v.cp.log(v.cp.sum(v.cp.exp(v.X @ v.W), axis=1))) - v.cp.sum(v.cp.multiply(v.Y, v.X @ v.W))),
    Row("sum(lgamma(p)) - c @ p", "p", lambda v: None),
    # not convex
    Row("s * t", "s t", lambda v: v.s * v.t),
    Row("s**3", "s", lambda v: v.s * v.s * v.s),
    Row("sqrt(abs(s))", "s", lambda v: v.cp.sqrt(v.cp.abs(v.s))),
    Row("logdet(S)", "S", lambda v: v.cp.log_det(v.S)),
    Row("sum(log(1 + x**2))", "x", lambda v: v.cp.sum(v.cp.log(1 + v.cp.square(v.x)))),
    Row("(1 - s)**2 + 100*(t - s**2)**2", "s t", lambda v: v.cp.square(1 - v.s) + 100 * v.cp.square(v.t - v.cp.square(v.s))),
    Row("x @ C @ x", "x", lambda v: v.cp.quad_form(v.x, v.C)),
]  # fmt: skip


class Names:
    """The variables and data of the rows for cvxpy."""

    def __init__(self) -> None:
        import cvxpy as cp

        rng = np.random.default_rng(0)
        n, d, k = 5, 3, 2
        self.cp = cp
        self.X, self.y, self.Y = rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=(n, k))
        self.c, self.l, self.lam = rng.normal(size=d), np.abs(rng.normal(size=n)), 0.3
        self.P, self.C = self.X.T @ self.X, np.diag([1.0, -1.0, 2.0])
        self.w, self.x, self.W = cp.Variable(d), cp.Variable(d), cp.Variable((d, k))
        self.s, self.t = cp.Variable(), cp.Variable()
        self.r, self.q = cp.Variable(pos=True), cp.Variable(pos=True)
        self.p, self.g = cp.Variable(d, pos=True), cp.Variable(d, pos=True)
        self.S = cp.Variable((d, d), PSD=True)


def dcp(row: Row, names: Names) -> str:
    """What cvxpy says: "convex", "no" where its rules do not show it, "none" where it has no such function."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expression = row.cvxpy(names)
        except Exception:
            return "refused"
        if expression is None:
            return "no such function"
        return "convex" if expression.is_convex() else "not shown"


def ours(row: Row) -> Convexity:
    """Our verdict."""
    loss = dv.parse(row.text, variables=SHAPES, facts=FACTS)
    return convexity(loss.node, [find_variable(loss, name) for name in row.unknowns.split()])


def main() -> None:
    """Write the page."""
    names = Names()
    lines: list[str] = []
    counts = {"both": 0, "ours alone": 0, "dcp alone": 0, "neither": 0}
    began = time.process_time()
    for row in ROWS:
        verdict, theirs = ours(row).status, dcp(row, names)
        key = {(True, True): "both", (True, False): "ours alone", (False, True): "dcp alone"}.get(
            (verdict == "convex", theirs == "convex"), "neither"
        )
        counts[key] += 1
        text = row.text.replace("|", "\\|")
        lines.append(f"| `{text}` | {row.unknowns.replace(' ', ', ')} | {verdict} | {theirs} |")
    seconds = time.process_time() - began
    PAGE.write_text(
        HEAD.format(
            version=names.cp.__version__,
            count=len(ROWS),
            seconds=f"{seconds:.0f}",
            **{k.replace(" ", "_"): v for k, v in counts.items()},
        )
        + "\n".join(lines)
        + "\n",
        encoding="utf-8",
    )
    print(counts, f"{seconds:.1f} s")


HEAD = """# Convexity

`problem.convexity()` (or `derive convexity`) proves from the derived second derivative that a problem is convex,
or finds a point and a direction of negative curvature and checks it in 50 digits, or says that it is undecided.

```python
>>> import derive as dv
>>> loss = dv.parse("sum(log(1 + exp(-y*(X @ w)))) + lam/2*sumsq(w)",
...                 variables={{"X": ("n", "d"), "y": ("n",), "w": ("d",), "lam": ()}}, facts={{"lam": ("positive",)}})
>>> verdict = dv.minimize(loss, over="w").convexity()
>>> print("\\n".join(verdict.lines(steps=False)[:3]))
convex: the second derivative along every direction d is nonnegative
Hessian >= lam * eye(d)
Hessian <= X.T @ diag(y ** 2) @ X / 4 + lam * eye(d)

```

A proof is a tree of named steps that holds for all sizes and all data with the declared facts:

- every node carries value, slope and curvature along a line (`convexity/curvature`); a convex kink adds a nonnegative
  measure;
- the second derivative is nonnegative by facts, sums, products, squares and psd congruences `XᵀDX` (`signs`, `grams`),
  entry by entry through principal minors, or by Cauchy–Schwarz (`forms`), which covers `diag(p) − ppᵀ`;
- where that fails, the parts that are affine in the unknowns are taken for unknowns of their own: convex functions of
  affine functions are convex (`splitting`);
- the domain must be a convex set, and what a logarithm or a root needs to be positive is positive there (`domains`);
- where the second derivative is long, as that of a network's loss, a direction of negative curvature is looked for first.

A kink adds a measure to the second derivative, named `kink_1`, `kink_2`, … below the proof.

The constants `lower ≤ ∇²f ≤ upper` are matrices free of the unknown (of several unknowns, quadratic forms in the directions);
beside kinks there is a lower bound only: `λ_min(lower)` is the constant of strong
convexity and `λ_max(upper)` the Lipschitz constant of the gradient; `verdict.constants(**data)` gives both numbers.

What is certified is tried: of 3000 random statements (`python -m tests.convexity_fuzz 3000 1`) 1457 were proved convex, and none
of them has a chord below its graph, or a segment that leaves its domain, in 30 digits.

## Beside disciplined convex programming

{count} expressions, our verdict and that of cvxpy {version} on the same expression, as near to it as its functions
allow. Both prove {both}, ours alone {ours_alone}, cvxpy alone {dcp_alone}; of the other {neither} neither says that they are
convex. All of ours took {seconds} s of process time. "not shown" means that cvxpy's rules do not say convex, "refused"
that it does not build the expression. (`python -m tests.bench.dcp` writes this page.)

| expression | in | ours | cvxpy |
|---|---|---|---|
"""


if __name__ == "__main__":
    main()
