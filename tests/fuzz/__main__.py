"""`make fuzz`, or `python -m tests.fuzz [--count 20000] [--compiled 1000]`: a campaign of random expressions.

Every expression is checked as `checks.check` says; of `--compiled` of them, spread evenly, the kernel is
compiled too. A campaign that was stopped goes on where it ended: its place, its counts and every operator
drawn are kept in `.fuzz/state.json`. What fails is shrunk and written to `.fuzz/failures/` as JSON; copied to
`tests/fuzz/regressions/` once it is understood, it stays a test for good.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from derive.errors import DeriveError
from derive.operators import REGISTRY

from .checks import Skip, Wrong, check, shrink
from .generate import Generator, Piece

#: A campaign in which an operator is drawn less often than this says little about it.
ENOUGH = 100
#: The share of expressions, in percent, that may be beyond what the engine can do.
UNSUPPORTED = 1.0


@dataclass
class State:
    """How far a campaign has come, and what it has found."""

    next: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    drawn: Counter[str] = field(default_factory=Counter)
    compiled: int = 0
    failures: list[int] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> State:
        if not path.exists():
            return cls()
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**kept, "outcomes": Counter(kept["outcomes"]), "drawn": Counter(kept["drawn"])})

    def save(self, path: Path) -> None:
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(vars(self), indent=1), encoding="utf-8")
        os.replace(draft, path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="expressions of the whole campaign")
    parser.add_argument("--compiled", type=int, default=1_000, help="how many of them are compiled too")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after that long")
    parser.add_argument("--first", type=int, default=0, help="first seed of the campaign")
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--state", type=Path, default=Path(".fuzz"), help="the folder of the campaign")
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
    options = parser.parse_args(arguments)
    options.state.mkdir(exist_ok=True)
    path = options.state / "state.json"
    state = State() if options.fresh else State.load(path)
    every = max(1, options.count // options.compiled) if options.compiled else 0
    begun = saved = time.monotonic()
    console = Console()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[found]}"))
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=options.count, completed=state.next, found="")
            while state.next < options.count and time.monotonic() - begun < options.seconds:
                compiled = bool(every) and state.next % every == 0
                said = _one(options.first + state.next, options.depth, compiled, state, options.state)
                if said:
                    console.print(said, markup=False, highlight=False)
                state.next += 1
                bar.update(task, completed=state.next, found=_summary(state))
                if time.monotonic() - saved > 2:
                    state.save(path)
                    saved = time.monotonic()
                if not console.is_terminal and state.next % 500 == 0:
                    print(f"{state.next} of {options.count}: {_summary(state)}", flush=True)
    except KeyboardInterrupt:
        console.print("stopped; the next run goes on from here")
    state.save(path)
    return _report(state, options.count)


def _summary(state: State) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(state.outcomes.items()))


def _report(state: State, wanted: int) -> int:
    """Print the counts; 1 if anything was wrong, or unsupported or drawn too little in a whole campaign."""
    counts = sorted(((state.drawn[name], name) for name in REGISTRY), reverse=True)
    print(f"{state.next} expressions, {state.compiled} of them compiled: {_summary(state)}")
    print("operators drawn: " + ", ".join(f"{name} {count}" for count, name in counts))
    bad = state.outcomes["wrong"] + state.outcomes["error"]
    if bad:
        print(f"failures: seeds {', '.join(map(str, state.failures[:20]))}")
    if state.next < wanted:
        return 1 if bad else 0
    beyond = sum(count for name, count in state.outcomes.items() if name.startswith("unsupported"))
    if 100 * beyond > UNSUPPORTED * state.next:
        print(f"{beyond} expressions are not supported: more than {UNSUPPORTED} %")
        bad += 1
    rare = [f"{name} ({count})" for count, name in counts if count < min(ENOUGH, state.next // 200)]
    if rare:
        print(f"drawn too rarely: {', '.join(rare)}")
    return 1 if bad or rare else 0


def _one(seed: int, depth: int, compiled: bool, state: State, folder: Path) -> str:
    """Check one expression and count the outcome; what there is to tell."""
    piece: Piece | None = None
    try:
        piece = Generator(seed).objective(depth)
        state.drawn.update({str(p.extra["op"]) for p in piece.walk() if p.kind == "apply"})
        check(piece, seed, compiled=compiled)
        state.compiled += compiled
        state.outcomes["right"] += 1
        return ""
    except Skip as reason:
        state.outcomes[f"skipped ({str(reason).split(':')[0]})"] += 1
        return ""
    except Wrong as error:
        outcome, text = "wrong", str(error)
    except DeriveError as error:
        outcome, text = f"unsupported ({type(error).__name__})", str(error)
    except Exception:
        outcome, text = "error", traceback.format_exc()
    state.outcomes[outcome] += 1
    state.failures.append(seed)
    if piece is not None:
        piece = shrink(piece, seed, compiled=compiled)
        where = folder / "failures" / f"{seed}.json"
        where.parent.mkdir(exist_ok=True)
        where.write_text(json.dumps({"seed": seed, "what": text, "piece": piece.to_json()}, indent=1))
    return f"seed {seed}: {outcome}: {text}\n  {piece}"


if __name__ == "__main__":
    sys.exit(main())
