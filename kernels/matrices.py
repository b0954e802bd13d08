"""Inverses, determinants and solves as text: one factorisation for all that is asked of one matrix.

Positive definite matrices have their Cholesky factor from LAPACK; where there is none, NaN comes out. All others go
through Gauss–Jordan elimination with everything to be solved for on the right-hand side.
"""

from __future__ import annotations

from .loops import Scope, loops
from .program import Nest
from .statements import Statement


def matrix_functions(nest: Nest, scope: Scope) -> list[str]:
    """The lines for everything asked of the same matrices."""
    return _Matrices(nest, scope).text()


class _Matrices:
    def __init__(self, nest: Nest, scope: Scope) -> None:
        self.scope = scope
        first = nest.statements[0]
        self.item = first.reads[0].item
        self.size = scope.size(self.item.node.shape[-1])
        self.count = self.item.node.order - 2
        self.batch = first.stored[: self.count]
        self.first = first
        self.names = {s.op: scope.declare_target(s) for s in nest.statements if s.op != "solve"}
        self.solves = [s for s in nest.statements if s.op == "solve"]
        for s in self.solves:
            scope.declare_target(s)
        self.place = ", ".join(f"i{k}" for k in range(self.count))
        self.i, self.j = (f"i{self.count + k}" for k in range(2))

    def text(self) -> list[str]:
        asked = [f"{name}: {op}" for op, name in self.names.items()]
        asked += [f"{self.scope.names[s.target]}: solve" for s in self.solves]
        definite = "pd" in self.item.node.facts
        body = self._by_cholesky() if definite else self._by_elimination()
        title = "# " + "; ".join(asked) + (", by Cholesky" if definite else "")
        head = [title, *loops(self.first, self.batch, self.scope)]
        return head + ["    " * self.count + line for line in body]

    def _of(self, name: str) -> str:
        return f"{name}[{self.place}]" if self.count else name

    def _at(self, name: str, *indices: str) -> str:
        return f"{name}[{', '.join([*([self.place] if self.count else []), *indices])}]"

    @property
    def _given(self) -> str:
        return self.scope.names[self.item]

    def _each(self, *body: str, rows: str = "", columns: str = "") -> list[str]:
        head = f"for {self.i} in range({rows or self.size}):"
        return [head, f"    for {self.j} in range({columns or self.size}):", *(f"        {b}" for b in body)]

    # ---------------------------------------------------------------- positive definite

    def _by_cholesky(self) -> list[str]:
        i, j = self.i, self.j
        work = self.scope.scratch([self.size, self.size])
        self.scope.uses_dot = True
        lower = f"{i} + 1"
        lines = self._each(f"{work}[{i}, {j}] = {self._at(self._given, i, j)}", columns=lower)
        lines.append(f"potrf({work})")
        over = f"for {i} in range({self.size}):"
        if "logdet" in self.names:
            lines += ["total = 0.0", over, f"    total += log({work}[{i}, {i}])"]
            lines.append(f"{self._of(self.names['logdet'])} = 2.0 * total")
        if "det" in self.names:
            lines += ["total = 1.0", over, f"    total *= {work}[{i}, {i}]"]
            lines.append(f"{self._of(self.names['det'])} = total * total")
        for s in self.solves:
            lines += self._cholesky_solve(s, work)
        if "inv" in self.names:
            name = self.names["inv"]
            lines.append(f"potri({work})")
            both = [
                f"{self._at(name, i, j)} = {work}[{i}, {j}]",
                f"{self._at(name, j, i)} = {work}[{i}, {j}]",
            ]
            lines += self._each(*both, columns=lower)
        return lines

    def _cholesky_solve(self, s: Statement, work: str) -> list[str]:
        """Right-hand sides lie in rows: for LAPACK these are columns."""
        rest, indices, width = self._rest(s)
        right = self.scope.scratch([*(width or ["1"]), self.size])
        name, given = self.scope.names[s.target], self.scope.names[s.reads[1].item]
        head = [f"for {self.i} in range({self.size}):", *(f"    {line}" for line in rest)]
        pad = "    " * (1 + len(rest))
        cell = f"{right}[{', '.join([*(indices or ['0']), self.i])}]"
        flat = right if len(width) <= 1 else f"shaped({right}, ({' * '.join(width)}, {self.size}))"
        lines = [*head, f"{pad}{cell} = {self._at(given, self.i, *indices)}"]
        lines.append(f"potrs({work}, {flat})")
        return [*lines, *head, f"{pad}{self._at(name, self.i, *indices)} = {cell}"]

    def _rest(self, s: Statement) -> tuple[list[str], list[str], list[str]]:
        """Loops, indices and lengths of what a right-hand side has besides its first axis."""
        labels = s.stored[self.count + 1 :]
        start = self.count + 1
        indices = [f"i{start + k}" for k in range(len(labels))]
        return loops(s, labels, self.scope, start), indices, [self.scope.size(s.sizes[k]) for k in labels]

    # ---------------------------------------------------------------- all others

    def _by_elimination(self) -> list[str]:
        work = self.scope.scratch([self.size, self.size])
        targets = [self._of(self.names[op]) if op in self.names else "_" for op in ("det", "logdet")]
        results = "" if targets == ["_", "_"] else f"{', '.join(targets)} = "
        i, j = self.i, self.j
        if not self.solves and "inv" in self.names:
            inverse = self.names["inv"]
            lines = self._each(f"{self._at(inverse, i, j)} = 1.0 if {i} == {j} else 0.0")
            call = f"eliminate({self._of(self._given)}, {work}, {self._of(inverse)}, {self.size})"
            return [*lines, results + call]
        if not self.solves:
            return [f"{results}eliminate({self._of(self._given)}, {work}, {work}, 0)"]
        return self._eliminated_together(work, results)

    def _eliminated_together(self, work: str, results: str) -> list[str]:
        """The identity, if the inverse is wanted, and all right-hand sides side by side."""
        i, j = self.i, self.j
        parts = [self.size] if "inv" in self.names else []
        before, after = [], []
        places: list[str] = []
        for s in self.solves:
            rest, indices, width = self._rest(s)
            start = " + ".join(parts) or "0"
            places.append(start)
            flat = "0"
            for index, length in zip(indices, width, strict=True):
                flat = index if flat == "0" else f"({flat}) * {_bracketed(length)} + {index}"
            parts.append(" * ".join(map(_bracketed, width)) or "1")
            head = [f"for {i} in range({self.size}):", *(f"    {line}" for line in rest)]
            pad = "    " * (1 + len(rest))
            cell = f"right[{i}, {start} + {flat}]"
            name, given = self.scope.names[s.target], self.scope.names[s.reads[1].item]
            before += [*head, f"{pad}{cell} = {self._at(given, i, *indices)}"]
            after += [*head, f"{pad}{self._at(name, i, *indices)} = {cell}"]
        columns = " + ".join(parts)
        right = self.scope.scratch([self.size, columns])
        if "inv" in self.names:
            inverse = self.names["inv"]
            before += self._each(f"right[{i}, {j}] = 1.0 if {i} == {j} else 0.0")
            after += self._each(f"{self._at(inverse, i, j)} = right[{i}, {j}]")
        call = f"{results}eliminate({self._of(self._given)}, {work}, right, {columns})"
        return [line.replace("right", right) for line in [*before, call, *after]]


def _bracketed(text: str) -> str:
    return f"({text})" if any(c in text for c in " +-") else text
