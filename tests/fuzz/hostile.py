"""Broken and hostile input for every way in: only the project's own errors, in time, in bounds.

    python -m tests.fuzz.hostile [--seconds 120] [--seed 0] [--only text,latex,problem,notes,sympy]

Good examples are mutated: bytes put in, taken out and repeated, pieces of other examples spliced in, numbers blown up,
brackets nested, letters replaced by look-alikes. What is accepted is differentiated and printed as well.
"""

from __future__ import annotations

import argparse
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import sympy
from sympy.matrices import expressions as ma

from derive import from_sympy, notation
from derive.differentiate import gradient
from derive.errors import DeriveError
from derive.node import Node, Variable, variables
from derive.problem_files import read as read_problem
from derive.statement.declarations import declare
from derive.statement.latex import parse_latex_statement
from derive.statement.text import parse_constraint, parse_node
from derive.verify.notes import check_text
from tests.statement.corpus import cases

#: Seconds of processor time and megabytes that one input may take.
SECONDS, MEGABYTES = 2.0, 500
NAMES = declare(
    {"X": ["n", "d"], "A": ["n", "n"], "w": ["d"], "y": ["n"], "x": ["n"], "lam": [], "W": ["d", "k"]}
)
BLOCKS = [
    "9**9**9",
    "**9999999",
    "1e400",
    "0",
    "-",
    "(" * 80,
    ")" * 80,
    "[" * 50,
    "{" * 70,
    "\\left(",
    "\\frac",
    "^{9^{9}}",
    "^",
    "_",
    "\\",
    "$",
    "&",
    "%",
    "#",
    "\n",
    "\n\n  ",
    "\t",
    "\x00",
    "\ufeff",
    "\u202e",
    "е",
    "х",
    "λ",
    "∑",
    "’",
    "\ud800",
    "__import__('os')",
    "lambda: 0",
    "{0.__class__}",
    "%s%n",
    "a" * 300,
    "9" * 300,
    " " * 300,
    "e" * 40,
    ",",
    ";",
    ":",
    "=",
    "==",
    "<=",
    "@",
    ".T",
    "[::-1]",
    "[0]",
    "[10**9]",
    "axis=",
    "eye(n)",
    "n",
    "1/3",
    "\\sum_i ",
    "\\sum_{i=1}^{n}",
    "\\cdot",
    "\\text{",
    "\\begin{cases}",
    "\\end{cases}",
    "```",
    "```derive\n",
    "% derive: ",
    "claim gradient w: ",
    "objective ",
    "given ",
    "subject to\n",
    "minimize ",
    "find ",
    "sizes ",
    "reshape(X, 10**8, -1)",
    "ones(10**9)",
    "kron(A, kron(A, A))",
    "matrix_power(A, 10**6)",
    'einsum("ij,jk->ik", ',
    "where(",
    "prod(",
    "polygamma(99, y)",
    "y ** y ** y",
]
PROBLEM = """\
sizes n d
given X (n, d), y (n)
  lam positive
find w (d) nonnegative
minimize
  sumsq(X @ w - y)/2 + lam/2*sumsq(w)
subject to
  sum(w) == 1
  0 <= w <= maximum(lam, 1)
"""
NOTES = [
    (
        ".md",
        "# Ridge\n```derive\ngiven X (n, d), y (n), w (d), lam positive\nobjective sumsq(X @ w - y)/2\n"
        "claim gradient w: X.T @ (X @ w - y)\nassuming sum(y) == 1\nclaim gradient w:\n```\n$$ X^\\top(Xw-y) $$\n",
    ),
    (
        ".tex",
        "% derive: given X (n, d), y (n), w (d)\n% derive: objective\n\\begin{equation} \\frac{1}{2}\\lVert Xw-y"
        "\\rVert_2^2 \\end{equation}\n% derive: claim gradient w:\n\\[ X^\\top (Xw - y) \\]\n",
    ),
    (".dv", "given w (d)\nobjective sumsq(w)\nclaim gradient w: 2*w\nline: w @ w\n"),
]


def mutated(random: Random, text: str, others: list[str]) -> str:
    """The text with one to five faults; half of the time a small one, which may still be read."""
    if random.random() < 0.5:
        words = re.findall(r"\\?[A-Za-z]+|\s+|\d+|\S", text)
        for _ in range(random.choice((1, 1, 2))):
            k = random.randrange(len(words)) if words else 0
            other = re.findall(r"\\?[A-Za-z]+|\d+|\S", random.choice(others))
            words[k : k + random.choice((0, 1, 1, 2))] = random.choice(
                ([], [random.choice(other)], words[k : k + 1] * 2)
            )
        return "".join(words)
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        i = random.randint(0, len(text))
        j = min(len(text), i + random.choice((0, 1, 1, 2, 5, 20)))
        roll = random.random()
        if roll < 0.3:
            text = text[:i] + random.choice(BLOCKS) + text[j:]
        elif roll < 0.5:
            text = text[:i] + text[j:]
        elif roll < 0.65:
            other = random.choice(others)
            k = random.randint(0, len(other))
            text = text[:i] + other[k : k + random.choice((3, 10, 60))] + text[j:]
        elif roll < 0.75:
            text = text[:i] + text[i:j] * random.choice((2, 5, 50, 400)) + text[j:]
        elif roll < 0.85:
            letters = [random.choice((random.randrange(256), random.randrange(0x11000))) for _ in range(4)]
            text = text[:i] + "".join(map(chr, letters)) + text[j:]
        elif roll < 0.9:
            text = (
                random.choice(("(", "-", "exp(", "\\sqrt{", "{", "[", "|")) * random.choice((3, 40, 3000))
                + text
            )
        elif roll < 0.95:
            text = bytes(random.randrange(256) for _ in range(random.choice((5, 50)))).decode(
                random.choice(("latin-1", "utf-8")), "surrogateescape"
            )
        else:
            text = random.choice(("+", " ", "*", " @ ")).join([text] * random.choice((2, 10, 200)))
    return text


def derived(node: Node) -> None:
    """What is done with a statement that was accepted."""
    if node.order == 0 and node.weight < 3000:
        for v in variables(node)[:1]:
            notation.text(gradient(node, v))
            notation.latex(node)


def text_input(random: Random, examples: list[str]) -> tuple[str, Callable[[], Any]]:
    text = mutated(random, random.choice(examples), examples)

    def work() -> None:
        try:
            derived(parse_node(text, NAMES))
        except DeriveError:
            parse_constraint(text, NAMES)

    return text, work


def latex_input(random: Random, examples: list[str]) -> tuple[str, Callable[[], Any]]:
    text = mutated(random, random.choice(examples), examples)
    return text, lambda: derived(parse_latex_statement(text, NAMES).node)


def problem_input(random: Random, examples: list[str]) -> tuple[str, Callable[[], Any]]:
    text = mutated(random, PROBLEM, examples)
    return text, lambda: str(read_problem(text))


def notes_input(random: Random, examples: list[str]) -> tuple[str, Callable[[], Any]]:
    suffix, page = random.choice(NOTES)
    text = mutated(random, page, examples)[:3000]  # every claim is checked, which takes its time
    return f"{suffix}: {text}", lambda: check_text(text, suffix)


def sympy_input(random: Random, _: list[str]) -> tuple[str, Callable[[], Any]]:
    tree = sympy_tree(random, random.choice((2, 3, 4)))
    try:
        shown = sympy.srepr(tree)[:2000]
    except Exception:  # SymPy cannot show it; ours has to refuse it all the same
        shown = "not printable"
    return shown, lambda: derived(from_sympy(tree).node)


def sympy_tree(random: Random, depth: int) -> Any:
    """A tree of SymPy nodes that need not fit."""
    n, d = sympy.symbols("n d", integer=True, positive=True)
    i, j = sympy.symbols("i j", integer=True)
    if depth == 0:
        return random.choice(
            [
                sympy.Symbol("t"),
                sympy.Symbol("X"),
                sympy.Symbol("n"),
                sympy.Integer(random.choice((0, -1, 2, 10**30))),
                sympy.Float("1e400"),
                sympy.Float("nan"),
                sympy.zoo,
                sympy.oo,
                sympy.I,
                sympy.pi,
                sympy.true,
                n,
                i,
                ma.MatrixSymbol("X", n, d),
                ma.MatrixSymbol("A", n, n),
                ma.MatrixSymbol("w", d, 1),
                ma.MatrixSymbol("X", d, n),
                ma.MatrixSymbol("Z", n + 1, 2 * d),
                ma.MatrixSymbol("Q", 2, 3),
                ma.Identity(n),
                ma.OneMatrix(n, 1),
                ma.ZeroMatrix(n, d),
                sympy.Matrix([[1, 2], [3, sympy.Symbol("t")]]),
                sympy.IndexedBase("x")[i],
                sympy.IndexedBase("W")[i, j],
                sympy.IndexedBase("x")[i + 1],
                sympy.Function("f")(n),
                sympy.DiracDelta(sympy.Symbol("t")),
                sympy.Symbol("x y; import os"),
                sympy.Symbol("λ", commutative=False),
            ]
        )
    kids = [sympy_tree(random, depth - 1) for _ in range(2)]
    makers: list[Callable[..., Any]] = [
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: b * a,
        lambda a, b: a**b,
        lambda a, b: a.T,
        lambda a, b: a.I,
        lambda a, b: ma.Trace(a),
        lambda a, b: ma.Determinant(a),
        lambda a, b: ma.HadamardProduct(a, b),
        lambda a, b: ma.KroneckerProduct(a, b),
        lambda a, b: ma.HadamardPower(a, b),
        lambda a, b: a.applyfunc(random.choice([sympy.exp, sympy.log, sympy.sin, sympy.gamma, sympy.Abs])),
        lambda a, b: random.choice([sympy.exp, sympy.log, sympy.sqrt, sympy.Abs, sympy.gamma, sympy.airyai])(
            a
        ),
        lambda a, b: sympy.Sum(
            a, (sympy.Symbol("i", integer=True), random.choice((0, 1, b)), random.choice((9, b)))
        ),
        lambda a, b: sympy.Piecewise((a, sympy.Symbol("t") > 0), (b, True)),
        lambda a, b: sympy.Derivative(a, sympy.Symbol("t")),
        lambda a, b: sympy.Integral(a, sympy.Symbol("t")),
        lambda a, b: ma.MatMul(a, b, evaluate=False),
        lambda a, b: ma.MatAdd(a, b, evaluate=False),
        lambda a, b: sympy.Mul(a, b, evaluate=False),
        lambda a, b: a[0, 0],
        lambda a, b: a[:2, :2],
        lambda a, b: sympy.Max(a, b),
        lambda a, b: ma.BlockMatrix([[a, b]]),
        lambda a, b: ma.MatPow(a, b),
    ]
    for _ in range(20):
        try:
            return random.choice(makers)(*kids)
        except Exception:
            continue
    return kids[0]


WAYS = {
    "text": text_input,
    "latex": latex_input,
    "problem": problem_input,
    "notes": notes_input,
    "sympy": sympy_input,
}


def examples(way: str) -> list[str]:
    """Good formulas, pieces of which are put into others."""
    if way == "latex":
        return [c["latex"] for name in ("latex_formulas", "textbook") for c in cases(name)]
    return [c["objective"] for c in cases("gradients")] + [c["answer"] for c in cases("textbook")]


def _too_long(number: int, frame: Any) -> None:
    raise TimeoutError("more than 30 s")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.hostile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(WAYS))
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGALRM, _too_long)
    warnings.simplefilter("ignore")  # SymPy's, while trees are made
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    outcomes: Counter[str] = Counter()
    ways = options.only.split(",")
    began, seed, faults = time.monotonic(), options.seed, 0
    while time.monotonic() - began < options.seconds:
        seed += 1
        random = Random(seed)
        way = random.choice(ways)
        signal.alarm(20)
        try:
            shown, work = WAYS[way](random, examples(way))
        except TimeoutError:  # SymPy's own work on a tree
            continue
        signal.alarm(0)
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        outcome, problem = "accepted", ""
        try:
            signal.alarm(30)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.simplefilter("ignore", sympy.utilities.exceptions.SymPyDeprecationWarning)
                work()
        except DeriveError:
            outcome = "refused"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            where = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in reversed(frames))
            outcome, problem = "crash", f"{type(error).__name__}: {str(error)[:200]} at {where}"
        signal.alarm(0)
        took = time.process_time() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if not problem and took > SECONDS * (
            5 if way == "notes" else 1
        ):  # claims are proved, which takes its time
            outcome, problem = "slow", f"{outcome} after {took:.1f} s"
        if not problem and grown > MEGABYTES:
            outcome, problem = "large", f"{outcome} with {grown:.0f} MB more"
        outcomes[f"{way} {outcome}"] += 1
        if problem:
            faults += 1
            print(f"seed {seed} {way} {problem}\n    {shown[:300]!r}", flush=True)
    print(dict(sorted(outcomes.items())), "next seed", seed)
    return 1 if faults else 0


__all__ = ["Variable", "main"]

if __name__ == "__main__":
    sys.exit(main())
