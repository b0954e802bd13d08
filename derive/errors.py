"""The one hierarchy of public errors.

Everything that this project raises on purpose is a `DeriveError`; nothing unsupported ever comes
back as a number. Messages name the expression, the sizes and the remedy. An answer that is not certified is
a warning and a result, never an error.
"""

from __future__ import annotations


class DeriveError(Exception):
    """The root of every error that this project raises on purpose."""


class ParseError(DeriveError):
    """Text that is not in the language, with the place where it stops being so.

    `text` is the whole input, `position` the offset of the fault (0-based), `hint` a remedy.
    """

    def __init__(self, message: str, text: str = "", position: int = 0, hint: str = "") -> None:
        self.problem, self.text, self.position, self.hint = message, text, position, hint
        self.line = text.count("\n", 0, position) + 1
        self.column = position - (text.rfind("\n", 0, position) + 1) + 1
        super().__init__(self._report())

    def _report(self) -> str:
        lines = [f"{self.problem} (line {self.line}, column {self.column})"]
        source = self.text.split("\n")  # as lines are counted; never at U+2028 and the like
        if self.text:
            line = source[min(self.line, len(source)) - 1]
            start = max(0, self.column - 60)  # long lines: show the neighbourhood of the fault only
            shown = "".join(
                c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in line[start : start + 100]
            )
            lines += ["  " + shown, "  " + " " * (self.column - 1 - start) + "^"]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class AmbiguityError(ParseError):
    """A formula that can be read in more than one way; `readings` are the ways, in the text language."""

    def __init__(
        self, message: str, readings: tuple[str, ...] = (), text: str = "", position: int = 0, hint: str = ""
    ) -> None:
        self.readings, self.remedy = readings, hint
        shown = "it can be read as " + ", or as ".join(f"`{r}`" for r in readings) if readings else ""
        super().__init__(message, text, position, "\n".join(part for part in (shown, hint) if part))


class UnknownNameError(ParseError):
    """A name that is neither declared nor a function of the language."""


class DeclarationError(DeriveError):
    """A declaration (name, sizes, facts) that cannot stand."""


class SizeError(DeriveError, ValueError):
    """Sizes that do not fit, or that cannot be shown to fit."""


class ArgumentError(DeriveError, TypeError):
    """A function or operator called with the wrong number or kind of arguments."""


class DataError(DeriveError, ValueError):
    """Numeric input that is missing, surplus, of a wrong size or type, or not finite."""


class UnsupportedError(DeriveError, NotImplementedError):
    """A statement that the engine understands but cannot carry out; the remedy is in the message."""


class LimitError(DeriveError):
    """Input beyond the caps of `derive.limits`."""


class NotCertifiedWarning(UserWarning):
    """An answer came back that is not certified: its `message` says why, and its `success` is false."""
