"""The text of a pass in parts: functions for rows that are elsewhere, and for several threads.

    begin(…)                    what the pass needs beforehand, and arrays for results
    room(…)                     how many numbers the sums are, and the rows of a block
    part(lo, hi, acc, …)        the sums over some rows, added to `acc`
    spread(turns, parts, …)     chunks of rows for one of several threads; `share` is its compiled inside
    finish(acc, …)              the outputs from the sums over all rows

All but `share` are plain Python around functions of the module, which they enter through `enter_…`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .functions import Function
from .program import Program
from .statements import Item


def faces(
    functions: Mapping[str, Function],
    *,
    inputs: str,
    made: Sequence[str],
    state: Sequence[str],
    sums: Sequence[str],
    results: Sequence[str],
    room: str,
) -> list[str]:
    """Their texts.

    inputs   the names of sizes and inputs
    made     lines that make arrays for results
    state    the names of what `begin` returns and the others are given
    sums     lines that name the sums inside `acc`, where nothing is done after them
    results  the names of the outputs
    room     the text of the number of sums and of the rows of a block
    """
    taken = "".join(f"{name}, " for name in state)
    opened = [f"({taken}) = state"] if state else []
    partial, before, after = (functions.get(name) for name in ("partial", "before", "after"))
    assert partial is not None
    begin = [*made, *([_entered(before)] if before else []), f"return ({taken})"]
    finish = [*opened, *([_entered(after)] if after else sums), f"return ({', '.join(results)},)"]
    own = [name for name in partial.arguments if name not in partial.leading]
    given = ", ".join(["turns, parts, rows, total, patience", *own])
    chunk = partial.call(lo="chunk * rows", hi="min(total, (chunk + 1) * rows)", acc="parts[chunk]")
    share = [
        "count = parts.shape[0]",
        "people = turns.shape[0] - count - 2",
        "me = take(turns, people)",
        "for k in range(people):  # a stretch of its own, then what is left of the others'",
        "    who = (me + k) % people",
        "    first, last = who * count // people, (who + 1) * count // people",
        "    chunk = first + take(turns, who)",
        "    while chunk < last:",
        "        clear(parts[chunk])",
        f"        {chunk}",
        "        left, step = chunk, 1",
        "        while step < count:  # up the tree, as far as the other half is there",
        "            left = left // (2 * step) * (2 * step)",
        "            if left + step < count:",
        "                if take(turns, people + 2 + left + step) == 0:",
        "                    break",
        "                accumulate(parts[left], parts[left + step])",
        "            step *= 2",
        "        if step >= count:",
        "            take(turns, people + 1)",
        "        chunk = first + take(turns, who)",
        "while taken(turns, people + 1) == 0 and patience > 0:",
        "    patience -= 1",
    ]
    return [
        _text(
            f"part(lo, hi, acc, state, {inputs})",
            "The sums over rows lo to hi, added to acc.",
            [*opened, _entered(partial)],
        ),
        _text(f"finish(acc, state, {inputs})", "The outputs from the sums over all rows.", finish),
        _text(f"begin({inputs})", "What the pass needs beforehand, and arrays for results.", begin),
        _text(
            f"room({inputs})",
            "How many numbers the sums are, and the rows of a block.",
            [f"return {room}"],
        ),
        "@compiled\n"
        + _text(
            f"share({given})",
            "Chunks of rows that nobody has taken yet, added up in a fixed tree; then a while for the others.",
            share,
        ),
        _text(
            f"spread(turns, parts, rows, total, patience, state, {inputs})",
            "Sums over chunks of `rows` rows, a row of `parts` each, with whoever else is at it.",
            [*opened, f"share({given})"],
        ),
        *(_entry(f) for f in (before, partial, after) if f is not None),
    ]


def _entered(function: Function) -> str:
    """Its call from Python."""
    return function.call().replace(f"{function.name}(", f"enter_{function.name}(", 1)


def _entry(function: Function) -> str:
    """The way in from Python, compiled when it is gone for the first time."""
    arguments = ", ".join(function.arguments)
    body = f"return {function.name}({arguments})" if function.results else f"{function.name}({arguments})"
    return "@compiled\n" + _text(f"enter_{function.name}({arguments})", "The way in from Python.", [body])


def _text(head: str, comment: str, body: Sequence[str]) -> str:
    return "\n".join([f"def {head}:", f'    """{comment}"""', *(f"    {line}" for line in body)])


def block_arrays(
    program: Program, names: Mapping[Item, str], functions: Mapping[str, Function]
) -> tuple[int, ...] | None:
    """Which inputs are read in blocks of rows and in no other way; None if the pass looks further."""
    found, rest = [], "\n".join(functions["partial"].body) if "partial" in functions else ""
    for k, v in enumerate(program.inputs):
        name = names[Item(v)]
        slices = (
            rf"\b{name}\[((b:b \+ m|b:e|lo:min\(hi, lo \+ block\)|e:min\(hi, e \+ block\))\]"
            r"|b \+ i\d+(?=[,\]]))"
        )
        if program.data_size in v.shape:
            rest, count = re.subn(slices, "", rest)
            elsewhere = any(name in functions[f].arguments for f in ("before", "after") if f in functions)
            if not count or elsewhere or v.shape.count(program.data_size) > 1:
                return None
            found.append(k)
    rest = re.sub(r"for b in range\(lo, hi, block\)|min\(block, hi - b\)|e = b \+ m", "", rest)
    reads = {names[Item(program.inputs[k])] for k in found} | {"b"}
    left = set(re.findall(r"\b\w+\b", re.sub("#.*", "", rest)))
    return None if left & reads else tuple(found)


def single_arrays(
    program: Program, names: Mapping[Item, str], functions: Mapping[str, Function], blocks: Sequence[int]
) -> tuple[int, ...]:
    """Which of these are read by products of rows alone, which take rows in single precision for what they are."""
    found, body = [], re.sub("#.*", "", "\n".join(functions["partial"].body))
    for k in blocks:
        name = names[Item(program.inputs[k])]
        slices = rf"{name}\[[^\]]*\]"
        rest = re.sub(rf"add_then_(dot\({slices}|keep\(\w+, \w+), \w+, \w+, {slices}", "", body)
        same = [name, *re.findall(rf"(\w+) = {name}\[b:b \+ m\]\n", rest)]
        rest = re.sub(rf"\w+ = {name}\[b:b \+ m\]\n", "", rest)
        rest = re.sub(
            rf"\b(dot_rows|add_rows|alongside|room_alongside)\(({'|'.join(same)})\[[^\]]*\]", "", rest
        )
        if not re.search(rf"\b({'|'.join(same)})\b", rest):
            found.append(k)
    return tuple(found)
