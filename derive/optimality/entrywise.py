"""Closed forms where stationarity holds entry by entry in functions of one entry of the unknown.

    a vᵐ + b vᵏ = 0                  =>  v = (−b/a)^{1/(m−k)}          precisions, variances, rates
    a v² + b v + c = 0, v > 0        =>  the positive root, where a c < 0
    a φ(v) + b = 0                   =>  v = φ⁻¹(−b/a)                 φ = log, exp, sigmoid …, inverted by SymPy

and under one equation Σ g v = r over the last axis (mixture weights, maximum entropy), whose multiplier ν enters
as ν g: where the entries separate as v = u·τ(ν), the equation gives τ = r / Σ g u,

    −N/v + ν = 0,  Σ v = 1           =>  v = N / Σ N
    log v + b + ν = 0,  Σ v = 1      =>  v = exp(−b) / Σ exp(−b)       (softmax)

An inequality v ≥ 0 is met with multiplier zero, which needs the solution to be nonnegative: proved from facts,
or printed as a condition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import sympy

from .. import notation
from ..build import Factor, add, einsum, is_zero, power, scale, zero
from ..convexity.entry_functions import POSITIVE, REAL, entry, factors_of, scalar_function
from ..convexity.signs import Prover
from ..differentiate import jvp, substitute
from ..errors import UnsupportedError
from ..node import Labels, Node, Variable, depends_on, ones, variable
from ..operators import apply
from ..operators.scalar import to_node
from ..simplify import expand, simplify
from ..sizes import ONE, same_size
from ..stable import recognise
from ..sums import flat_terms
from .affine import MINUS, bare, constant_over
from .case import Case
from .common import without_common_factor
from .lagrangian import Condition
from .solutions import ClosedForm

_U = sympy.Symbol("u", real=True)
_LEAST = "a minimum, being the only stationary point, with a positive second derivative"


@final
@dataclass(frozen=True)
class Entries:
    """Σ weight·φ(v): what the gradient is, entry by entry, by the function φ of the entry z."""

    weights: dict[sympy.Expr, Node]

    @property
    def functions(self) -> list[sympy.Expr]:
        """The functions of z, constants left out."""
        return [f for f in self.weights if f != 1]

    def constant(self, like: Variable) -> Node:
        """The part that does not hold the unknown."""
        return self.weights.get(sympy.S.One, zero(like.shape))


def entries_of(slope: Node, unknown: Variable) -> Entries:
    """The gradient as a sum of functions of single entries; raises where it is none."""
    plain: Labels = tuple(range(unknown.order))
    z = entry(unknown)
    found: dict[sympy.Expr, list[tuple[sympy.Expr, Node]]] = {}
    for c, term in flat_terms(expand(slope)):
        function: sympy.Expr = ONE
        rest: list[Factor] = []
        for node, labels in factors_of(term):
            if not depends_on(node, unknown):
                rest.append((node, labels))
                continue
            if labels != plain:
                raise UnsupportedError(f"the entries of {unknown.name} are coupled in {notation.text(term)}")
            function = function * scalar_function(node, unknown)
        used = {i for _, ls in rest for i in ls}
        fill: list[Factor] = [(ones((unknown.shape[i],)), (i,)) for i in plain if i not in used]
        weight = einsum([*rest, *fill], plain)
        number, function = sympy.powsimp(function).as_independent(z, as_Add=False)
        found.setdefault(function, []).append((c * number, weight))
    weights = {f: add(terms, unknown.shape) for f, terms in found.items()}
    return Entries({f: w for f, w in weights.items() if not is_zero(w)})


def entrywise(case: Case) -> ClosedForm:
    """The solution of a stationarity condition that holds entry by entry."""
    unknown = case.unknown
    if unknown.order == 2 and unknown.facts & {"symmetric", "orthogonal"}:
        raise UnsupportedError("the entries of a symmetric or orthogonal matrix are no separate unknowns")
    equations = [c for c in case.binding if c.kind == "=="]
    slope = case.slope if equations else without_common_factor(case.slope)
    system = entries_of(slope, unknown)
    if not system.functions:
        raise UnsupportedError(f"stationarity does not determine {unknown.name}")
    for c in case.binding:
        sign = c.kind == "<=" and len(c.residual.shape) == unknown.order
        sign = sign and all(map(same_size, c.residual.shape, unknown.shape))
        sign = sign and is_zero(expand(add([(ONE, c.residual), (ONE, unknown)], unknown.shape)))
        if c.kind != "==" and not sign:
            raise UnsupportedError(f"an inequality other than {unknown.name} >= 0")
    if len(equations) > 1:
        raise UnsupportedError("this closed form is for at most one equation")
    multiplier: Node | None = None
    name, inside, least = "nu", False, ""
    if equations:
        solution, multiplier, conditions = _under_equation(unknown, system, equations[0])
        name = equations[0].multiplier.name if equations[0].multiplier else name
    else:
        solution, conditions, inside, least = solve_entries(system, unknown)
    solution = simplify(recognise(solution))
    strict = any(c.kind == "open" for c in case.conditions)
    requires: tuple[tuple[Node, str], ...] = ()
    signed = strict or any(c.kind == "<=" for c in case.binding)
    if signed and not inside and not Prover().prove(solution, strict):
        conditions = [f"{notation.text(solution)} {'>' if strict else '>='} 0"]
        requires = ((solution, ">" if strict else ">="),)
    proof = "put into the derived stationarity, it makes every entry zero, by SymPy in symbols for its parts"
    return ClosedForm(
        unknown,
        solution,
        system.weights[system.functions[0]],
        " and ".join(dict.fromkeys(conditions)),
        proof,
        multiplier,
        case.fixed,
        multiplier_name=name,
        kind=least,
        requires=requires,
    )


def solve_entries(system: Entries, unknown: Variable) -> tuple[Node, list[str], bool, str]:
    """v from Σ weight·φ(v) = 0, the conditions, whether v is positive under them, and why it is a minimum."""
    functions = sorted(system.weights, key=_exponent_key)
    z = entry(unknown)
    weights = [system.weights[f] for f in functions]
    prover = Prover()
    symbols = [_symbol(k, w, prover) for k, w in enumerate(weights)]
    positive = bool(unknown.facts & {"positive", "nonnegative"})
    exponents = [_exponent(f) for f in functions]
    conditions: list[str] = []
    inside, least = False, ""
    if len(functions) == 2 and all(e is not None for e in exponents):
        gap = exponents[1] - exponents[0]  # type: ignore[operator]
        if gap.is_integer and gap % 2 == 0 and not positive:
            raise UnsupportedError(f"both roots satisfy the stationarity in {unknown.name}: declare its sign")
        inverse = _root(-symbols[0] / symbols[1], gap, positive)
        if positive and (symbols[1].is_positive or symbols[0].is_negative):
            least = _LEAST  # the slope (gap)·a v^{m−1} of the gradient at its only zero is positive
        if symbols[1].is_nonzero is not True:
            conditions.append(f"{notation.text(bare(weights[1]))} != 0")
    elif len(functions) == 3 and positive and None not in exponents and _quadratic(exponents):
        c, b, a = symbols
        if not (a * c).is_negative:
            raise UnsupportedError("which root of the quadratic equation is positive depends on the data")
        inverse = (-b + (1 if a.is_positive else -1) * sympy.sqrt(b**2 - 4 * a * c)) / (2 * a)
        inside = True
        least = _LEAST if a.is_positive else ""
    elif len(system.functions) == 1 and len(functions) == 2:
        inverse = _inverse(system.functions[0], positive).subs(_U, -symbols[0] / symbols[1])
        if functions[0] != 1:
            inverse = _inverse(system.functions[0], positive).subs(_U, -symbols[1] / symbols[0])
    else:
        raise UnsupportedError(
            f"the stationarity in {unknown.name} has no solution in closed form that is known here"
        )
    for given, root in _signs(inverse, symbols):
        stationarity = sum(s * f.subs(z, root) for s, f in zip(symbols, functions, strict=True))
        _confirm(stationarity.subs(given), unknown)
    return (
        to_node(inverse, dict(zip(symbols, weights, strict=True)), unknown.shape),
        conditions,
        inside,
        least,
    )


def _root(ratio: sympy.Expr, degree: sympy.Expr, positive: bool) -> sympy.Expr:
    """The number with vᵐ = ratio; an odd root of a number of unknown sign is sign(ratio) |ratio|^{1/m}."""
    if positive or degree == 1 or ratio.is_nonnegative or not degree.is_integer:
        return ratio ** (1 / degree)
    if degree == -1:
        return 1 / ratio
    return sympy.sign(ratio) * sympy.Abs(ratio) ** (1 / degree)


def _signs(
    inverse: sympy.Expr, symbols: Sequence[sympy.Symbol]
) -> Iterator[tuple[dict[sympy.Symbol, sympy.Symbol], sympy.Expr]]:
    """The solution for either sign of the numbers whose absolute value it holds."""
    free = sorted(
        {s for a in inverse.atoms(sympy.Abs) for s in a.free_symbols if s.is_positive is None}, key=str
    )
    for signs in itertools.product(("positive", "negative"), repeat=len(free)):
        given = {s: sympy.Symbol(s.name, **{sign: True}) for s, sign in zip(free, signs, strict=True)}
        yield given, inverse.subs(given)


def _quadratic(exponents: list[sympy.Expr | None]) -> bool:
    low, middle, high = exponents
    return bool(middle - low == 1 and high - middle == 1)  # type: ignore[operator]


def _symbol(k: int, weight: Node, prover: Prover) -> sympy.Symbol:
    """A number with the sign that the weight is known to have."""
    if prover.prove(weight, True) is not None:
        return sympy.Symbol(f"a{k}", positive=True)
    if prover.prove(scale(MINUS, weight), True) is not None:
        return sympy.Symbol(f"a{k}", negative=True)
    return sympy.Symbol(f"a{k}", real=True, nonzero=True if "nonzero" in weight.facts else None)


def _confirm(residual: sympy.Expr, unknown: Variable) -> None:
    """Raise unless SymPy reduces the stationarity with the solution put in to zero."""
    for form in (residual, sympy.powsimp(sympy.expand_log(residual, force=True), force=True)):
        if sympy.simplify(form) == 0:
            return
    raise UnsupportedError(f"the candidate for {unknown.name} could not be shown to satisfy its stationarity")


def _inverse(function: sympy.Expr, positive: bool) -> sympy.Expr:
    """φ⁻¹(u) by SymPy, where it is one function; not of cases, whose inverses it takes apart wrongly."""
    if function.has(sympy.Piecewise, sympy.Abs, sympy.sign):
        raise UnsupportedError(f"no inverse is derived of {function}, which has cases")
    z = POSITIVE if positive else REAL
    try:
        found = sympy.solve(function - _U, z)
    except NotImplementedError:
        found = []
    if len(found) != 1:
        raise UnsupportedError(f"SymPy finds {len(found) or 'no'} inverse of {function}")
    (inverse,) = found
    return inverse


def _under_equation(unknown: Variable, system: Entries, equation: Condition) -> tuple[Node, Node, list[str]]:
    """v = u τ(ν) with τ from the equation Σ g v = r, the multiplier ν, and the conditions."""
    g = _gradient_of(equation, unknown)
    plain: Labels = tuple(range(unknown.order))
    over: Labels = tuple(range(equation.residual.order))
    r = scale(MINUS, substitute(equation.residual, {unknown: zero(unknown.shape)}))
    z = entry(unknown)
    (function, *more) = system.functions
    if more:
        raise UnsupportedError("under an equation one function of the entries can be solved for")
    weight, constant = system.weights[function], system.constant(unknown)
    a, b, k, nu = sympy.symbols("a b g nu", positive=True)
    if _exponent(function) == -1 and is_zero(constant):
        # a/v + ν g = 0  =>  v = u/ν with u = −a/g
        _confirm((a / z + nu * k).subs(z, -a / (nu * k)), unknown)
        base = _divided(scale(MINUS, weight), g)
        tau = _scaled_to(base, g, r, plain, over)
        return _spread(base, tau, plain, over), simplify(recognise(power(tau, MINUS))), []
    if function == sympy.log(z):
        # a log v + b + ν g = 0  =>  v = exp(−b/a) exp(−ν g/a), g/a the same for all entries of one equation
        _confirm((a * sympy.log(z) + b + nu * k).subs(z, sympy.exp(-b / a) * sympy.exp(-nu * k / a)), unknown)
        rate = constant_over(_divided(g, weight), len(over))
        if rate is None:
            raise UnsupportedError(
                "the weights differ from entry to entry: the multiplier has no closed form"
            )
        exponent, shift = _unshifted(scale(MINUS, _divided(constant, weight)), over)
        base = apply("exp", exponent)
        tau = _scaled_to(base, g, r, plain, over)
        total = einsum([(g, plain), (base, plain)], over)
        level = add([(ONE, shift), (ONE, apply("log", total)), (MINUS, apply("log", r))], total.shape)
        multiplier = simplify(recognise(_divided(level, rate)))
        return _spread(base, tau, plain, over), multiplier, []
    raise UnsupportedError(f"under an equation, {function} of the entries is not known to separate")


def _unshifted(exponent: Node, over: Labels) -> tuple[Node, Node]:
    """The exponent without its terms that are the same for all entries of one equation, and their sum."""
    varying: list[tuple[sympy.Expr, Node]] = []
    same: list[tuple[sympy.Expr, Node]] = []
    for c, term in flat_terms(expand(exponent)):
        constant = constant_over(term, len(over))
        if constant is None:
            varying.append((c, term))
        else:
            same.append((c, constant))
    return add(varying, exponent.shape), add(same, exponent.shape[: len(over)])


def _spread(base: Node, tau: Node, plain: Labels, over: Labels) -> Node:
    return einsum([(base, plain), (tau, over)], plain)


def _scaled_to(base: Node, g: Node, r: Node, plain: Labels, over: Labels) -> Node:
    """r / Σ g u."""
    total = einsum([(g, plain), (base, plain)], over)
    return einsum([(r, over), (power(total, MINUS), over)], over)


def _gradient_of(condition: Condition, unknown: Variable) -> Node:
    """g with residual = Σ_last g·v − r, in the shape of v; raises where the residual is none such."""
    step = variable("_step", unknown.shape)
    along = expand(jvp(condition.residual, unknown, step))
    plain: Labels = tuple(range(unknown.order))
    over = condition.residual.order
    found: list[tuple[sympy.Expr, Node]] = []
    for c, term in flat_terms(along):
        factors = factors_of(term)
        places = [k for k, (n, _) in enumerate(factors) if n is step]
        if len(places) != 1 or depends_on(term, unknown):
            raise UnsupportedError("the equation is not affine in the unknown")
        labels = factors[places[0]][1]
        if labels[:over] != plain[:over] or set(labels[over:]) & set(plain[:over]):
            raise UnsupportedError("the equation does not sum over the last axes of the unknown")
        rename = dict(zip(labels, plain, strict=True))
        rest = [
            (n, tuple(rename.get(i, i + 1000) for i in ls))
            for k, (n, ls) in enumerate(factors)
            if k != places[0]
        ]
        used = {i for _, ls in rest for i in ls}
        fill: list[Factor] = [(ones((unknown.shape[i],)), (i,)) for i in plain if i not in used]
        found.append((c, einsum([*rest, *fill], plain)))
    if not found:
        raise UnsupportedError(f"{unknown.name} does not occur in the equation")
    return add(found, unknown.shape)


def _exponent(function: sympy.Expr) -> sympy.Expr | None:
    if function == 1:
        return sympy.S.Zero
    base, exponent = function.as_base_exp()
    return exponent if base in (REAL, POSITIVE) and exponent.is_number else None


def _exponent_key(function: sympy.Expr) -> tuple[float, str]:
    exponent = _exponent(function)
    return (float(exponent) if exponent is not None else 1e9, str(function))


def _divided(a: Node, b: Node) -> Node:
    """a / b, entry by entry."""
    plain = tuple(range(a.order))
    return simplify(einsum([(a, plain), (power(b, MINUS), plain[: b.order])], plain))
