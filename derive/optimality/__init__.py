"""What a statement implies about its optimum: Lagrangian, KKT conditions, closed forms."""

from .kkt import KKT
from .lagrangian import Lagrangian, Relation, lagrangian
from .residual import Residual, kkt_residual

__all__ = ["KKT", "Lagrangian", "Relation", "Residual", "kkt_residual", "lagrangian"]
