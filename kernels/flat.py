"""The unknowns of a kernel as parts of one flat vector, as source text.

Lines of generated code that take arrays out of a flat vector, and put gradients and blocks of Hessians into flat
arrays. Lengths have the names `k0_1`: the second length of the first unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from .oracle import VALUE, gradient_key, hessian_key


def identifier(key: str) -> str:
    """An identifier for an output; users' names never reach the source."""
    return "value" if key == VALUE else "r" + "".join(f"{ord(c):x}" for c in key)


class Flat:
    """Source text for the parts of a flat vector; `named` gives the identifiers of outputs."""

    def __init__(
        self, names: Sequence[str], orders: Sequence[int], named: Callable[[str], str] = identifier
    ) -> None:
        self.names, self.orders, self.named = tuple(names), list(orders), named
        self.lengths = [f"k{i}_{j}" for i, order in enumerate(self.orders) for j in range(order)]
        self.starts = ["0"]
        for i in range(len(self.orders)):
            before = "" if self.starts[-1] == "0" else self.starts[-1] + " + "
            self.starts.append(before + self.count(i))

    def count(self, i: int) -> str:
        """The number of entries of an unknown."""
        return "*".join(f"k{i}_{j}" for j in range(self.orders[i])) or "1"

    def place(self, i: int) -> str:
        """Its index or slice."""
        return f"{self.starts[i]}:{self.starts[i + 1]}" if self.orders[i] else self.starts[i]

    def part(self, i: int) -> str:
        """The unknown itself, in its shape."""
        view = f"x[{self.place(i)}]"
        if self.orders[i] < 2:
            return view
        return f"{view}.reshape(({', '.join(f'k{i}_{j}' for j in range(self.orders[i]))}))"

    def gathered(self, outputs: tuple[str, ...], single: bool, second: bool = True) -> list[str]:
        """Lines that put gradient and, if `second`, Hessian into flat arrays and return them."""
        first = ["value"] if VALUE in outputs else []
        if not second:
            made = [] if single else [f"size = {self.starts[-1]}"]
            return [*made, *self.gradient(gradient_key), f"return {', '.join([*first, 'g'])}"]
        if single:
            a = self.names[0]
            made = [self.named(gradient_key(a)), self.named(hessian_key(a, a))]
            if hessian_key(a, a) in outputs:
                return [f"return {', '.join([*first, *made])}"]
            return [f"g = {made[0]}", f"return {', '.join([*first, 'g', 'np.zeros((g.size, g.size))'])}"]
        made = [f"size = {self.starts[-1]}", *self.gradient(gradient_key), *self.hessian(outputs)]
        return [*made, f"return {', '.join([*first, 'g', 'h'])}"]

    def gradient(self, key: Callable[[str], str], vector: str = "g") -> list[str]:
        """Lines that put the outputs of that key for each unknown into one vector of length `size`.

        Loops rather than slices, whose errors of broadcasting take longer to compile than the kernel.
        """
        if self.orders == [1]:
            return [f"{vector} = {self.named(key(self.names[0]))}"]
        lines = [f"{vector} = np.empty(size)"]
        for i, a in enumerate(self.names):
            if not self.orders[i]:
                lines.append(f"{vector}[{self.starts[i]}] = {self.named(key(a))}")
                continue
            place = f"{self.starts[i]} + i" if self.starts[i] != "0" else "i"
            lines += [
                f"part{i} = {self._flat(key(a), [i])}",
                f"for i in range(part{i}.size):",
                f"    {vector}[{place}] = part{i}[i]",
            ]
        return lines

    def hessian(self, outputs: Collection[str]) -> list[str]:
        """Lines that put the blocks of the Hessian into one matrix; one that is missing is mirrored or zero."""
        if self.orders == [1] and hessian_key(self.names[0], self.names[0]) in outputs:
            return [f"h = {self.named(hessian_key(self.names[0], self.names[0]))}"]
        lines = ["h = np.zeros((size, size))"]
        for i, a in enumerate(self.names):
            for j, b in enumerate(self.names):
                if hessian_key(a, b) in outputs:
                    lines += self._block(i, j)
        return lines

    def _block(self, i: int, j: int) -> list[str]:
        """Lines that put one block of the Hessian where it belongs, and its mirror image."""
        key = hessian_key(self.names[i], self.names[j])
        kept = [k for k in (i, j) if self.orders[k]]
        entry = self.named(key)
        if not kept:
            lines = []
        else:
            entry, lines = f"block{i}_{j}", [f"block{i}_{j} = {self._flat(key, [i, j])}"]
        pad = ""
        for k, axis in zip((i, j), "ij", strict=True):
            if self.orders[k]:
                lines.append(f"{pad}for {axis} in range({self.count(k)}):")
                pad += "    "
        row, column = (
            " + ".join(t for t in (self.starts[k], axis if self.orders[k] else "") if t and t != "0") or "0"
            for k, axis in ((i, "i"), (j, "j"))
        )
        if kept:
            entry += f"[{', '.join(axis for k, axis in ((i, 'i'), (j, 'j')) if self.orders[k])}]"
        lines.append(f"{pad}h[{row}, {column}] = {entry}")
        if i != j:
            lines.append(f"{pad}h[{column}, {row}] = {entry}")
        return lines

    def _flat(self, key: str, unknowns: list[int]) -> str:
        kept = [i for i in unknowns if self.orders[i]]
        if all(self.orders[i] == 1 for i in kept):
            return self.named(key)
        return f"{self.named(key)}.reshape(({', '.join(self.count(i) for i in kept)},))"
