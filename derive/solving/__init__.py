"""From a problem and its data to a certified answer: binding, starting, choosing a method, running it.

`problem` is the face; here are the parts below it, each of which knows the problem as bare nodes (`Posed`).
"""

from .instance import Instance
from .options import Options
from .planning import plan
from .posed import Posed
from .prepared import prepare
from .route import solve

__all__ = ["Instance", "Options", "Posed", "plan", "prepare", "solve"]
