"""What a statement implies about its optimum: Lagrangian, KKT conditions, closed forms."""

from .closed_form import ClosedForm, closed_form, closed_forms, evaluate_closed_form, joint_closed_form
from .conjugate import Conjugate, conjugate
from .dual import Dual, dual
from .kkt import KKT, without_facts
from .lagrangian import Lagrangian, Relation, lagrangian
from .residual import Residual, kkt_residual
from .second_order import Curvature, SecondOrder
from .surrogate import Surrogate, surrogate

__all__ = [
    "KKT",
    "ClosedForm",
    "Conjugate",
    "Curvature",
    "Dual",
    "Lagrangian",
    "Relation",
    "Residual",
    "SecondOrder",
    "Surrogate",
    "closed_form",
    "closed_forms",
    "conjugate",
    "dual",
    "evaluate_closed_form",
    "joint_closed_form",
    "kkt_residual",
    "lagrangian",
    "surrogate",
    "without_facts",
]
