"""`python -m tests.fuzz [--seconds 60] [--start 0] [--count N]`: many random expressions, resumable.

Progress is kept in `.fuzz/next`; every failure is written to `.fuzz/` as JSON. Copy it to
`tests/fuzz/regressions/` once it is understood, and it stays a test for good.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from .checks import Skip, Wrong, check, shrink
from .generate import Generator

STATE = Path(".fuzz")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument(
        "--start", type=int, default=None, help="first seed; by default where the last run ended"
    )
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--depth", type=int, default=4)
    options = parser.parse_args(arguments)
    STATE.mkdir(exist_ok=True)
    marker = STATE / "next"
    seed = options.start
    if seed is None:
        seed = int(marker.read_text()) if marker.exists() else 0
    begun, outcomes, operators = time.monotonic(), Counter[str](), Counter[str]()
    last = seed + options.count
    try:
        while seed < last and time.monotonic() - begun < options.seconds:
            outcomes[_one(seed, options.depth, operators)] += 1
            seed += 1
            if options.start is None:
                marker.write_text(str(seed))
            if sum(outcomes.values()) % 200 == 0:
                print(f"seed {seed}: {dict(outcomes)}", flush=True)
    except KeyboardInterrupt:
        print()
    print(f"up to seed {seed}: {dict(outcomes)}")
    print("operators: " + ", ".join(f"{name} {count}" for name, count in operators.most_common()))
    return 1 if outcomes["wrong"] or outcomes["error"] else 0


def _one(seed: int, depth: int, operators: Counter[str]) -> str:
    piece = None
    try:
        piece = Generator(seed).objective(depth)
        operators.update(check(piece, seed))
        return "right"
    except Skip as reason:
        return f"skipped ({str(reason).split(':')[0]})"
    except Wrong as error:
        outcome, text = "wrong", str(error)
    except Exception:
        outcome, text = "error", traceback.format_exc()
    if piece is not None:
        piece = shrink(piece, seed)
        (STATE / f"{seed}.json").write_text(
            json.dumps({"seed": seed, "what": text, "piece": piece.to_json()})
        )
    print(f"seed {seed}: {outcome}: {text}\n  {piece}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
