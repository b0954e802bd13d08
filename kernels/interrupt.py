"""Ctrl-C during compiled code.

Python hears it when the code returns. Where numba's way out runs a line of Python first, that line raises, and what is
seen is a SystemError, "returned a result with an exception set", caused by the interrupt or by another such error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final


def is_interrupt(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error."""
    behind: BaseException | None = error
    while isinstance(behind, SystemError):
        behind = behind.__cause__ or behind.__context__
    return isinstance(behind, KeyboardInterrupt)


@final
class Interruptible:
    """A block of code that Ctrl-C leaves as if it had come to its end; `left` tells that it did."""

    def __init__(self) -> None:
        self.left = False

    def __enter__(self) -> Interruptible:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        self.left = error is not None and is_interrupt(error)
        return self.left


def uninterrupted(call: Callable[..., Any], *given: Any) -> Any:
    """The call, once more if Ctrl-C ends it: what comes last, on an answer that would be lost."""
    with Interruptible():
        return call(*given)
    return call(*given)


def heard(error: SystemError) -> BaseException:
    """What is to be raised instead: the interrupt, where one is behind it."""
    return KeyboardInterrupt() if is_interrupt(error) else error


__all__ = ["Interruptible", "heard", "is_interrupt", "uninterrupted"]
