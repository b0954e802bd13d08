"""The text of one function of a generated module: its arguments are the names it uses and does not define."""

from __future__ import annotations

import re
from collections.abc import Sequence


class Function:
    """A function in the making; its arguments are the names it uses and does not define."""

    def __init__(
        self, name: str, body: list[str], results: Sequence[str], leading: Sequence[str] = ()
    ) -> None:
        self.name, self.body, self.results = name, body, list(results)
        found = [i for i in _free_names("\n".join([*body, *_returned(results)])) if i not in leading]
        self.leading = list(leading)
        self.arguments = [*leading, *sorted(found, key=_numbered)]

    def text(self, comment: str) -> str:
        """The function with its docstring."""
        own = self.name not in ("evaluate", "evaluate_into")
        lines = ["@inner" if own else "@compiled", f"def {self.name}({', '.join(self.arguments)}):"]
        lines.append(f'    """{comment}"""')
        lines += [f"    {line}" if line else "" for line in self.body]
        if self.results:
            lines.append(f"    return ({', '.join(self.results)},)")
        return "\n".join(lines)

    def call(self, **leading: str) -> str:
        """A line that calls it; `leading` are arguments that have other names there."""
        inside = ", ".join(leading.get(a, a) for a in self.arguments)
        target = f"({', '.join(self.results)},) = " if self.results else ""
        return f"{target}{self.name}({inside})"


def _returned(results: Sequence[str]) -> list[str]:
    return [f"_ = ({', '.join(results)},)"] if results else []


def _numbered(name: str) -> tuple[str, int]:
    return name[0], int(name[1:])


_TARGETS = re.compile(r"^ *([\w, ()]+?) [-+]?= ", re.M)
_NAMES = re.compile(r"\b[vn]\d+\b")


def _free_names(text: str) -> list[str]:
    """The names `v…` and `n…` that the lines read and do not assign: lines of our own, one assignment each."""
    code = re.sub("#.*", "", text)
    stored = {name for targets in _TARGETS.findall(code) for name in _NAMES.findall(targets)}
    return sorted(set(_NAMES.findall(code)) - stored)
