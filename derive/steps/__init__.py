"""A derivative rule by rule, as a worked solution: differential form first, then one rule per line.

The differential of a node is a sum over its operands: each operator says what it contributes, through the same
records from which gradients are derived (`differentiate`). A line is an expression in which differentials that
are still to be worked out stand as variables, `d(sumsq(r))` or `dr`; a step replaces the outermost of them.
When only `dw` is left, the line is linear in it, and the gradient is what multiplies it.

Nothing here knows a model: names, rules and identities are read off the expression.
"""

from __future__ import annotations

from .records import Derivation, Line, Step
from .solution import derive_steps

__all__ = ["Derivation", "Line", "Step", "derive_steps"]
