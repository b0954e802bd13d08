"""What a statement implies about its optimum: Lagrangian, KKT conditions, closed forms."""

from .closed_form import ClosedForm, closed_form, closed_forms, evaluate_closed_form, joint_closed_form
from .kkt import KKT
from .lagrangian import Lagrangian, Relation, lagrangian
from .residual import Residual, kkt_residual

__all__ = [
    "KKT",
    "ClosedForm",
    "Lagrangian",
    "Relation",
    "Residual",
    "closed_form",
    "closed_forms",
    "evaluate_closed_form",
    "joint_closed_form",
    "kkt_residual",
    "lagrangian",
]
