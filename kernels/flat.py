"""The unknowns of a kernel as parts of one flat vector, as source text.

Lines of generated code that take arrays out of a flat vector, and put gradients and blocks of Hessians into flat
arrays. Lengths have the names `k0_1`: the second length of the first unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from .oracle import VALUE, gradient_key, hessian_key

#: The end of a function that returns a Hessian, made symmetric to the last bit.
EVEN = """
    for i in range(size):
        for j in range(i):
            h[i, j] = 0.5 * (h[i, j] + h[j, i])
            h[j, i] = h[i, j]
    return h
"""


def identifier(key: str) -> str:
    """An identifier for an output; users' names never reach the source."""
    return "value" if key == VALUE else "r" + "".join(f"{ord(c):x}" for c in key)


class Flat:
    """Source text for the parts of a flat vector; `named` gives the identifiers of outputs."""

    def __init__(
        self,
        names: Sequence[str],
        orders: Sequence[int],
        named: Callable[[str], str] = identifier,
        vector: str = "x",
        lengths: str = "k",
    ) -> None:
        self.names, self.orders, self.named = tuple(names), list(orders), named
        self.vector, self._length = vector, lengths
        self.lengths = [f"{lengths}{i}_{j}" for i, order in enumerate(self.orders) for j in range(order)]
        self.starts = ["0"]
        for i in range(len(self.orders)):
            before = "" if self.starts[-1] == "0" else self.starts[-1] + " + "
            self.starts.append(before + self.count(i))

    def count(self, i: int) -> str:
        """The number of entries of an unknown."""
        return "*".join(self.lengths_of(i)) or "1"

    def lengths_of(self, i: int) -> list[str]:
        """The names of the lengths of an unknown."""
        return [f"{self._length}{i}_{j}" for j in range(self.orders[i])]

    def place(self, i: int) -> str:
        """Its index or slice."""
        return f"{self.starts[i]}:{self.starts[i + 1]}" if self.orders[i] else self.starts[i]

    def part(self, i: int) -> str:
        """The unknown itself, in its shape."""
        view = f"{self.vector}[{self.place(i)}]"
        if self.orders[i] < 2:
            return view
        return f"{view}.reshape(({', '.join(self.lengths_of(i))}))"

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
            lines += self.put(vector, key(a), i)
        return lines

    def put(self, vector: str, key: str, i: int) -> list[str]:
        """Lines that put an output in the shape of an unknown where that lies in a vector."""
        if not self.orders[i]:
            return [f"{vector}[{self.starts[i]}] = {self.named(key)}"]
        part = f"{vector}_part{i}"
        return [
            f"{part} = {self._flat(key, [self.count(i)] if self.orders[i] > 1 else [])}",
            f"for i in range({part}.size):",
            f"    {vector}[{self._sum(self.starts[i], 'i')}] = {part}[i]",
        ]

    def hessian(self, outputs: Collection[str]) -> list[str]:
        """Lines that put the blocks of the Hessian into one matrix; one that is missing is mirrored or zero."""
        if self.orders == [1] and hessian_key(self.names[0], self.names[0]) in outputs:
            return [f"h = {self.named(hessian_key(self.names[0], self.names[0]))}"]
        lines = ["h = np.zeros((size, size))"]
        for i, a in enumerate(self.names):
            for j, b in enumerate(self.names):
                if hessian_key(a, b) in outputs:
                    lines += self.put_block("h", hessian_key(a, b), i, self, j, mirrored=i != j)
        return lines

    def put_block(
        self, matrix: str, key: str, i: int, columns: Flat, j: int, mirrored: bool = False
    ) -> list[str]:
        """Lines that put an output with the axes of one unknown, then those of another of `columns`, into a matrix."""
        sides = [(flat, k, axis) for flat, k, axis in ((self, i, "i"), (columns, j, "j")) if flat.orders[k]]
        entry, lines = self.named(key), []
        if sides:
            entry = f"{matrix}_block{i}_{j}"
            several = any(flat.orders[k] > 1 for flat, k, _ in sides)
            lines.append(f"{entry} = {self._flat(key, [f.count(k) for f, k, _ in sides] if several else [])}")
            entry += f"[{', '.join(axis for _, _, axis in sides)}]"
        pad = ""
        for flat, k, axis in sides:
            lines.append(f"{pad}for {axis} in range({flat.count(k)}):")
            pad += "    "
        row = self._sum(self.starts[i], "i" if self.orders[i] else "")
        column = self._sum(columns.starts[j], "j" if columns.orders[j] else "")
        lines.append(f"{pad}{matrix}[{row}, {column}] = {entry}")
        if mirrored:
            lines.append(f"{pad}{matrix}[{column}, {row}] = {entry}")
        return lines

    def _flat(self, key: str, shape: Sequence[str]) -> str:
        return f"{self.named(key)}.reshape(({', '.join(shape)},))" if shape else self.named(key)

    @staticmethod
    def _sum(start: str, axis: str) -> str:
        return " + ".join(t for t in (start, axis) if t and t != "0") or "0"
