"""The functions of the language, as formulas on nodes: importing this fills the table.

Elementwise operators of the registry are functions under their own names, and so are operators on whole arrays whose
records say how they are called; all others are stated in the modules imported here, one small function each. None of
them knows anything about parsing.
"""

from __future__ import annotations

from . import entrywise as _entrywise  # noqa: F401  (each of them registers its functions)
from . import layers as _layers  # noqa: F401
from . import parts as _parts  # noqa: F401
from . import products as _products  # noqa: F401
from . import reductions as _reductions  # noqa: F401
from . import shapes as _shapes  # noqa: F401
from . import whole_arrays as _whole_arrays  # noqa: F401
from .signature import FUNCTIONS, Function

__all__ = ["FUNCTIONS", "Function"]
