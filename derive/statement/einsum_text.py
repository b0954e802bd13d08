"""Einstein summation from NumPy's subscripts: `"ij,jk->ik"`."""

from __future__ import annotations

import string
from collections.abc import Sequence

from ..build import einsum
from ..errors import ArgumentError, SizeError
from ..node import Node
from ..sizes import Size, same_size, show_shape
from .arithmetic import unequal


def contract(subscripts: str, operands: Sequence[Node]) -> Node:
    """The product of the operands over the letters; without `->` the output is NumPy's: the letters that
    occur once, in alphabetical order, behind the axes of an ellipsis. Unlike in NumPy, an axis of size 1 is not
    stretched."""
    left, arrow, right = _spelled_out(subscripts.replace(" ", ""), operands).partition("->")
    inputs = left.split(",")
    for letter in set(left + right) - {","}:
        if not (letter.isascii() and letter.isalpha()):
            raise ArgumentError(f"einsum: {letter!r} in {subscripts!r}; axes are named by letters a–z, A–Z")
    if len(inputs) != len(operands):
        raise ArgumentError(
            f"einsum: {subscripts!r} names {len(inputs)} operand(s), but {len(operands)} are given"
        )
    sizes: dict[str, Size] = {}
    for letters, node in zip(inputs, operands, strict=True):
        if len(letters) != node.order:
            raise SizeError(
                f"einsum: {letters!r} names {len(letters)} axes of an array of sizes {show_shape(node.shape)}"
            )
        for letter, size in zip(letters, node.shape, strict=True):
            known = sizes.setdefault(letter, size)
            if not same_size(known, size):
                message = f"einsum: axis {letter!r} has sizes {known} and {size} in {subscripts!r}"
                raise unequal(message, known, size)
    if not arrow:
        right = "".join(sorted(c for c in sizes if left.count(c) == 1))
    if len(set(right)) != len(right) or "," in right:
        raise ArgumentError(f"einsum: the output {right!r} must name each axis once")
    for letter in right:
        if letter not in sizes:
            raise ArgumentError(f"einsum: the output axis {letter!r} is on no operand")
    number = {letter: k for k, letter in enumerate(sorted(sizes))}
    factors = [(n, tuple(number[c] for c in ls)) for ls, n in zip(inputs, operands, strict=True)]
    return einsum(factors, tuple(number[c] for c in right))


def _spelled_out(subscripts: str, operands: Sequence[Node]) -> str:
    """The subscripts with letters for `...`: the same ones for every operand, counted from its last axis."""
    if "." not in subscripts:
        return subscripts
    left, arrow, right = subscripts.partition("->")
    words = left.split(",")
    spare = [c for c in string.ascii_letters if c not in subscripts]
    longest = 0
    for k, (word, node) in enumerate(zip(words, operands, strict=False)):
        front, dots, back = word.partition("...")
        if not dots:
            continue
        count = node.order - len(front) - len(back)
        if count < 0 or count > len(spare) or "." in front + back:
            raise SizeError(f"einsum: {word!r} does not fit an array of sizes {show_shape(node.shape)}")
        longest = max(longest, count)
        words[k] = front + "".join(reversed(spare[:count])) + back
    letters = "".join(reversed(spare[:longest]))
    if not arrow:
        right = "..." + "".join(sorted(c for c in set(left) - {",", "."} if left.count(c) == 1))
    if "..." not in right and longest:
        raise ArgumentError(f"einsum: the output of {subscripts!r} lacks the axes of the ellipsis")
    return ",".join(words) + "->" + right.replace("...", letters)
