"""The elementwise operators of the language, each stated as one SymPy expression (see `Elementwise`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from ..build import power
from ..node import Node, Params
from ..sizes import ONE
from .base import param, register
from .elementwise import Elementwise, Statement

# ---------------------------------------------------------------- NumPy forms


def _special(name: str) -> Callable[..., Any]:
    """A SciPy special function, imported when first used: `import derive` stays light."""

    def function(*arrays: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*arrays)

    return function


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _maximum_statement(x: Any, y: Any) -> sympy.Expr:
    return (x + y + ABS(x - y)) / 2


def _power(x: Any, exponent: float) -> Any:
    if exponent == 2:
        return x * x
    if exponent == 0.5:
        return np.sqrt(x)
    if exponent == -1:
        return 1 / x
    if exponent == -0.5:
        return 1 / np.sqrt(x)
    return np.power(x, int(exponent) if exponent == int(exponent) and exponent > 0 else exponent)


def SIGN(x: Any) -> sympy.Expr:
    """sign with sign(0) = 0, as cases that SymPy can differentiate."""
    return sympy.Piecewise((-1, x < 0), (1, x > 0), (0, True))


def ABS(x: Any) -> sympy.Expr:
    """|x| as cases, so that SymPy derives sign(x) and not a distribution."""
    return sympy.Piecewise((-x, x < 0), (x, x > 0), (0, True))


def STEP(x: Any) -> sympy.Expr:
    """1 for x > 0, else 0."""
    return sympy.Piecewise((1, x > 0), (0, True))


_SQRT2 = sympy.sqrt(2)


def _record(
    name: str,
    statement: Statement,
    numpy: Callable[..., Any],
    kernel: str,
    latex: str = "",
    source: str | Mapping[str, str] = "{m}.{name}({all})",
    **more: Any,
) -> None:
    register(Elementwise(name, statement, numpy, kernel, latex, source=source, **more))


def _spelled(scipy: str, torch: str, jax: str = "") -> dict[str, str]:
    """A function of SciPy, which JAX mirrors, and its name in PyTorch."""
    return {"numpy": scipy, "jax": jax or scipy, "torch": torch}


_POSITIVE = ("positive", "nonnegative", "nonzero")

_record("exp", sympy.exp, np.exp, "exp({0})", "\\exp({0})", sign=_POSITIVE, everywhere=True)
_record("log", sympy.log, np.log, "log({0})", "\\log({0})", domain="positive")
_record("log1p", lambda x: sympy.log(1 + x), np.log1p, "log1p({0})", keeps=_POSITIVE, domain="positive")
_record("expm1", lambda x: sympy.exp(x) - 1, np.expm1, "expm1({0})", keeps=_POSITIVE, everywhere=True)
_record("sin", sympy.sin, np.sin, "sin({0})", "\\sin({0})", odd=True, everywhere=True)
_record("cos", sympy.cos, np.cos, "cos({0})", "\\cos({0})", even=True, everywhere=True)
_record("tan", sympy.tan, np.tan, "tan({0})", "\\tan({0})", odd=True)
_record("sinh", sympy.sinh, np.sinh, "sinh({0})", "\\sinh({0})", odd=True, keeps=_POSITIVE, everywhere=True)
_record("cosh", sympy.cosh, np.cosh, "cosh({0})", "\\cosh({0})", even=True, sign=_POSITIVE, everywhere=True)
_record("tanh", sympy.tanh, np.tanh, "tanh({0})", "\\tanh({0})", odd=True, keeps=_POSITIVE, everywhere=True)
_record("arcsin", sympy.asin, np.arcsin, "asin({0})", "\\arcsin({0})", odd=True, domain="within 1")
_record("arccos", sympy.acos, np.arccos, "acos({0})", "\\arccos({0})", domain="within 1")
_record(
    "arctan", sympy.atan, np.arctan, "atan({0})", "\\arctan({0})", odd=True, keeps=_POSITIVE, everywhere=True
)
_record("arcsinh", sympy.asinh, np.arcsinh, "asinh({0})", odd=True, keeps=_POSITIVE, everywhere=True)
_record("arccosh", sympy.acosh, np.arccosh, "acosh({0})", domain="above 1")
_record("arctanh", sympy.atanh, np.arctanh, "atanh({0})", odd=True, domain="within 1")
_record(
    "erf",
    sympy.erf,
    _special("erf"),
    "erf({0})",
    odd=True,
    keeps=_POSITIVE,
    source=_spelled("special.erf({0})", "torch.erf({0})"),
    everywhere=True,
)
_record(
    "erfc",
    sympy.erfc,
    _special("erfc"),
    "erfc({0})",
    sign=_POSITIVE,
    source=_spelled("special.erfc({0})", "torch.erfc({0})"),
    everywhere=True,
)
# The gamma family of a constant stays as it is: SymPy would write ψ(10⁹) as a fraction of 10⁹ digits.
_GAMMA: dict[str, Any] = {"constants": False, "domain": "positive"}
_record(
    "lgamma",
    sympy.loggamma,
    _special("gammaln"),
    "lgamma({0})",
    "\\log\\Gamma({0})",
    **_GAMMA,
    source=_spelled("special.gammaln({0})", "torch.lgamma({0})"),
)
_record(
    "digamma",
    sympy.digamma,
    _special("digamma"),
    "digamma({0})",
    "\\psi({0})",
    **_GAMMA,
    source=_spelled("special.digamma({0})", "torch.digamma({0})"),
)
_record(
    "trigamma",
    lambda x: sympy.polygamma(1, x),
    lambda x: _special("polygamma")(1, x),
    "trigamma({0})",
    "\\psi'({0})",
    sign=_POSITIVE,
    constants=False,
    domain="positive",
    source=_spelled("special.polygamma(1, {0})", "torch.polygamma(1, {0})"),
)
_record(
    "polygamma",
    lambda x, order: sympy.polygamma(order, x),
    lambda x, order: _special("polygamma")(order, x),
    "polygamma({order}, {0})",
    "\\psi^{{({order})}}({0})",
    settings=("order",),
    **_GAMMA,
    source=_spelled("special.polygamma({0}, {1})", "torch.polygamma({0}, {1})"),
)
_record(
    "sigmoid",
    lambda x: 1 / (1 + sympy.exp(-x)),
    _sigmoid,
    "sigmoid({0})",
    "\\sigma({0})",
    sign=_POSITIVE,
    source=_spelled("special.expit({0})", "torch.sigmoid({0})", "jax.nn.sigmoid({0})"),
    everywhere=True,
)
_record(
    "softplus",
    lambda x: sympy.log(1 + sympy.exp(x)),
    _softplus,
    "softplus({0})",
    sign=_POSITIVE,
    source=_spelled("np.logaddexp(0, {0})", "torch.nn.functional.softplus({0})", "jax.nn.softplus({0})"),
    everywhere=True,
)
_record(
    "gelu",
    lambda x: x * (1 + sympy.erf(x / _SQRT2)) / 2,
    lambda x: x * _special("ndtr")(x),
    "({0}) * 0.5 * erfc(-({0}) * 0.7071067811865476)",
    source=_spelled(
        "{0} * special.ndtr({0})", "torch.nn.functional.gelu({0})", "jax.nn.gelu({0}, approximate=False)"
    ),
    everywhere=True,
)
_record(
    "abs",
    ABS,
    np.abs,
    "abs({0})",
    "|{0}|",
    sign=("nonnegative",),
    keeps=("positive", "nonzero", "integer"),
    even=True,
    same_on="nonnegative",
    subgradient="sign(0) = 0",
    kink=1,
)
_record(  # the kernels of cases are selections and no calls, so that loops around them vectorise; nan stays nan
    "sign",
    SIGN,
    np.sign,
    "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else {0})",
    sign=("integer",),
    keeps=_POSITIVE,
    odd=True,
)
_record(
    "relu",
    lambda x: sympy.Piecewise((x, x > 0), (0, True)),
    lambda x: np.maximum(x, 0),
    "max({0}, 0.0)",
    sign=("nonnegative",),
    keeps=("positive", "integer"),
    same_on="nonnegative",
    subgradient="relu'(0) = 0",
    source=_spelled("np.maximum({0}, 0)", "torch.relu({0})", "jax.nn.relu({0})"),
    kink=1,
)
_record(
    "step",
    STEP,
    lambda x: np.where(x > 0, 1.0, 0.0).astype(np.result_type(x)),
    "(1.0 if {0} > 0.0 else 0.0 if {0} <= 0.0 else {0})",
    "\\mathbf{1}[{0} > 0]",
    sign=("nonnegative", "integer"),
    source=_spelled(
        "np.where({0} > 0, 1.0, 0.0)", "torch.asarray({0} > 0{like})", "jnp.where({0} > 0, 1.0, 0.0)"
    ),
)
_record(
    "maximum",
    _maximum_statement,
    np.maximum,
    "larger({0}, {1})",
    "\\max({0}, {1})",
    arity=2,
    keeps=_POSITIVE,
    one_sided=lambda x, c: sympy.Piecewise((x, x > c), (c, True)),
    subgradient="½ to each argument where they are equal, 0 beside a number",
    kink=1,
)
_record(
    "minimum",
    lambda x, y: (x + y - ABS(x - y)) / 2,
    np.minimum,
    "smaller({0}, {1})",
    "\\min({0}, {1})",
    arity=2,
    keeps=_POSITIVE,
    one_sided=lambda x, c: sympy.Piecewise((x, x < c), (c, True)),
    subgradient="½ to each argument where they are equal, 0 beside a number",
    kink=-1,
)
_record(
    "where",
    lambda c, a, b: sympy.Piecewise((b, sympy.Eq(c, 0)), (a, True)),
    lambda c, a, b: np.where(c != 0, a, b),
    # no {0} != {0} for NaN: an expression worked out twice may differ from itself by a rounding
    "({1} if {0} > 0.0 or {0} < 0.0 else {2} if {0} == 0.0 else {0})",
    "\\operatorname{where}({0}, {1}, {2})",
    arity=3,
    deciding=1,
    source="{m}.where({0} != 0, {1}, {2})",
)
_record(
    "pow",
    lambda x, y: x**y,
    lambda x, y: np.power(x, y),
    "pow({0}, {1})",
    "{0}^{{{1}}}",
    arity=2,
    source=_spelled("np.power({0}, {1})", "torch.pow({0}, {1})", "jnp.power({0}, {1})"),
)


def _power_normal(operands: Sequence[Node], params: Params) -> Node | None:
    """Constant powers have their own normal form in `build.power`."""
    return power(operands[0], param(params, "exponent", ONE))


_record(
    "power",
    lambda x, exponent: x**exponent,
    _power,
    "pow({0}, {exponent})",
    "{0}^{{{exponent}}}",
    normal=_power_normal,
    settings=("exponent",),
)
