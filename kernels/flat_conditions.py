"""A problem with constraints as functions of flat vectors and a tuple of data, as source text.

    conditions(x, data)          f, ∇f, e, E, c, C: the objective and its slope, conditions and their Jacobians
    curvature(x, nu, lam, data)  the Hessian of the Lagrangian

and, where conditions are linear, of the objective alone

    objective(x, data)           f, ∇f
    curvature(x, data)           its Hessian as a dense part and a diagonal

The entries of `data` are arrays, numbers and sizes by name, then the lengths of the unknowns and of the conditions; a 0
where there is none of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from .conditions import condition_key, jacobian_key, multiplier_name
from .flat import EVEN, Flat
from .oracle import VALUE, gradient_key, hessian_key

#: The multipliers of each kind of condition, and the letters of its values and Jacobian.
KINDS = {"equality": ("nu", "e", "E"), "inequality": ("lam", "c", "C")}

#: The name of a kernel, and those of its inputs and outputs.
Call = tuple[str, Sequence[str], Sequence[str]]


@final
class FlatConditions:
    """The two functions as text.

    orders  how many axes the unknowns have, and by kind the conditions
    data    the names of arrays and sizes, in order
    """

    def __init__(
        self,
        unknowns: Sequence[str],
        orders: Sequence[int],
        conditions: Mapping[str, Sequence[int]],
        data: Sequence[str],
    ) -> None:
        numbered = list(enumerate(unknowns))
        known = {VALUE: "value"}
        known |= {gradient_key(a): f"g{i}" for i, a in numbered}
        known |= {hessian_key(a, b): f"h{i}_{j}" for i, a in numbered for j, b in numbered}
        for kind, (_, vector, matrix) in KINDS.items():
            for k in range(len(conditions[kind])):
                known[condition_key(kind, k)] = f"{vector}{k}"
                known |= {jacobian_key(kind, k, a): f"{matrix}{k}_{i}" for i, a in numbered}
        self._known, self.data = known, list(data)
        self.flat = Flat(unknowns, orders, known.__getitem__)
        self.rows = {
            kind: Flat(
                [multiplier_name(kind, k) for k in range(len(conditions[kind]))],
                conditions[kind],
                known.__getitem__,
                vector=multipliers,
                lengths=f"{letter}k",
            )
            for kind, (multipliers, letter, _) in KINDS.items()
        }
        lengths = [*self.flat.lengths, *(name for flat in self.rows.values() for name in flat.lengths)]
        self._entries = ", ".join([*(f"d{k}" for k in range(len(self.data))), *lengths]) or "nothing"
        self._given = {name: f"d{k}" for k, name in enumerate(self.data)}
        for flat in (self.flat, *self.rows.values()):
            self._given |= {name: flat.part(i) for i, name in enumerate(flat.names)}

    def _head(self, signature: str, meaning: str, calls: Sequence[Call]) -> list[str]:
        lines = [f"def {signature}:", f'    """{meaning}"""']
        if calls:
            lines.append(f"    ({self._entries},) = data")
        for kernel, inputs, outputs in calls:
            arguments = ", ".join(self._given[name] for name in inputs)
            results = ", ".join(self._known[key] for key in outputs)
            lines.append(f"    ({results},) = {kernel}({arguments})")
        return [*lines, f"    size = {self.flat.starts[-1] if calls else 'x.size'}"]

    def conditions(self, *calls: Call) -> str:
        """The text around kernels of objective, conditions and slopes."""
        meaning = "The objective and its slope, equalities and their Jacobian, inequalities and theirs."
        lines = self._head("conditions(x, data)", meaning, calls)
        outputs = {key for _, _, keys in calls for key in keys}
        made = ["g = np.zeros(size)"]
        for i, a in enumerate(self.flat.names):
            if gradient_key(a) in outputs:
                made += self.flat.put("g", gradient_key(a), i)
        for kind, (_, vector, matrix) in KINDS.items():
            flat = self.rows[kind]
            made += [
                f"{vector} = np.zeros({flat.starts[-1]})",
                f"{matrix} = np.zeros(({flat.starts[-1]}, size))",
            ]
            for k in range(len(flat.names)):
                made += flat.put(vector, condition_key(kind, k), k)
                for i, a in enumerate(self.flat.names):
                    if jacobian_key(kind, k, a) in outputs:
                        made += flat.put_block(matrix, jacobian_key(kind, k, a), k, self.flat, i)
        return "\n".join([*lines, *(f"    {line}" for line in made), "    return value, g, e, E, c, C"])

    def curvature(self, *calls: Call) -> str:
        """The text around the kernel of second derivatives, if there is one; symmetric to the last bit."""
        lines = self._head("curvature(x, nu, lam, data)", "The Hessian of the Lagrangian.", calls)
        made = self.flat.hessian({key for _, _, keys in calls for key in keys})
        return "\n".join([*lines, *(f"    {line}" for line in made), EVEN.strip("\n")])

    def objective(self, *calls: Call) -> str:
        """The text around a kernel of the objective and its slope."""
        lines = self._head("objective(x, data)", "The objective and its slope.", calls)
        outputs = {key for _, _, keys in calls for key in keys}
        made = ["g = np.zeros(size)"]
        for i, a in enumerate(self.flat.names):
            if gradient_key(a) in outputs:
                made += self.flat.put("g", gradient_key(a), i)
        return "\n".join([*lines, *(f"    {line}" for line in made), "    return value, g"])

    def parts(self, dense: Sequence[str], *calls: Call) -> str:
        """The text around a kernel of the Hessian: its block in some unknowns, the diagonals of all others."""
        lines = self._head(
            "curvature(x, data)", "The dense block of the Hessian, and the rest, a diagonal.", calls
        )
        outputs = {key for _, _, keys in calls for key in keys}
        block = Flat(
            dense, [self.flat.orders[self.flat.names.index(a)] for a in dense], self.flat.named, lengths="b"
        )
        made = ["bend = np.zeros(size)"]
        for i, a in enumerate(self.flat.names):
            if a not in dense and hessian_key(a, a) in outputs:
                made += self.flat.put("bend", hessian_key(a, a), i)
        known = [name for a in dense for name in self.flat.lengths_of(self.flat.names.index(a))]
        made += [f"{new} = {old}" for new, old in zip(block.lengths, known, strict=True)]
        made += [f"size = {block.starts[-1]}", *block.hessian(outputs)]
        return "\n".join([*lines, *(f"    {line}" for line in made), "    return h, bend"])
