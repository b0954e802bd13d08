"""LaTeX out and LaTeX in: what `latex` prints is read as the same thing, or refused by a typed error.

    python -m tests.fuzz.latex_round_trip [--start 0] [--count 1000]

Print in LaTeX is for readers: index notation names what no formula of matrices says, and long functions have no
LaTeX of their own. So refusals are counted and no error; a formula that is read as something else is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter

from derive import notation
from derive.errors import DeriveError
from derive.node import Node, size_symbols, variables
from derive.sizes import same_shape
from derive.statement.latex import parse_latex_node

from .checks import Wrong
from .round_trip import compare, pieces, small

#: Where positions, names and numbers of a message stand; left out where refusals are counted.
_DETAILS = re.compile(r"`[^`]*`|\(line.*|\d+|\n.*", re.S)


def read_again(node: Node, text: str) -> Node:
    """The expression printed in LaTeX and parsed, its shape known as a user of a printed gradient knows it."""
    known = {v.name: v for v in variables(node)}
    return parse_latex_node(text, known, None, [s.name for s in size_symbols(node)], node.shape)


def check(node: Node, seed: int = 0) -> str:
    """`same`, `equal` or `undefined`, or `refused: …` with the gist of the message."""
    if node.order > 2:
        return "refused: more than two axes, printed entry by entry"
    try:
        text = notation.latex(node)
        again = read_again(node, text)
    except DeriveError as error:
        return f"refused: {type(error).__name__} {_DETAILS.sub('…', str(error)).strip()[:70]}"
    if not same_shape(again.shape, node.shape):
        raise Wrong(f"{text}\n  has shape {again.shape} instead of {node.shape}")
    return compare(node, again, text, seed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.latex_round_trip", description=__doc__)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--show", default="", help="print the formulas whose refusal holds this")
    options = parser.parse_args(arguments)
    outcomes: Counter[str] = Counter()
    for seed in range(options.start, options.start + options.count):
        for what, node in pieces(seed, options.depth):
            if not small(node):
                continue
            try:
                outcome = check(node, seed)
            except Exception as error:
                outcome = "wrong" if isinstance(error, Wrong) else "error"
                print(f"seed {seed} {what}: {type(error).__name__}: {str(error)[:700]}")
                print(f"  the node: {notation.text(node)[:400]}", flush=True)
            if options.show and options.show in outcome:
                print(f"seed {seed} {what}: {outcome}\n  {notation.latex(node)[:400]}", flush=True)
            outcomes[outcome] += 1
    for outcome, count in outcomes.most_common():
        print(f"{count:6d}  {outcome}")
    return 1 if outcomes["wrong"] or outcomes["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
