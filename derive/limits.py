"""Caps on what is read, so that hostile input is refused at once instead of filling the memory."""

from __future__ import annotations

TEXT_LENGTH = 100_000  # characters of one formula
NESTING_DEPTH = 200  # parentheses within parentheses
DIGITS = 400  # digits of one number
EXPONENT = 10_000  # |exponent| of a constant power, and of a decimal number
NODES = 200_000  # nodes of one expression
ORDER = 8  # axes of one array
FIXED_SIZE = 10**9  # the largest size given as a number
ENTRIES = 10**10  # entries of one declared array, where its sizes are numbers
