"""Legendre's transform of a strictly convex piece of a function of one number: its slope inverted by SymPy.

Of several roots of f'(z) = u the one counts that lies in the piece and has the slope, at two slopes of the range. The
value u z(u) − f(z(u)) is written so that it can be computed in real numbers wherever the range has slopes.
"""

from __future__ import annotations

import sympy

from ..errors import UnsupportedError

U = sympy.Symbol("u", real=True)


def legendre(
    e: sympy.Expr, s: sympy.Expr, z: sympy.Symbol, a: sympy.Expr, b: sympy.Expr
) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """f*(u) of a function `e` with slope `s`, strictly convex on (a, b), and the ends of its slopes."""
    low = sympy.limit(s, z, a, "+")
    high = sympy.limit(s, z, b, "-")
    u = _slope_symbol(low, high)
    try:
        roots = sympy.solve(s - u, z)
    except NotImplementedError:
        roots = []
    probes = [_numbers(p, s, a, b) for p in _probes(low, high)]
    roots = [r for r in roots if all(_fits(r, u, s, z, *p) for p in probes)]
    if len(roots) != 1:
        raise UnsupportedError(f"SymPy does not invert the slope {s}")
    root = roots[0].subs(sympy.log(u + sympy.sqrt(u**2 + 1)), sympy.asinh(u))
    places = [(p[0], p[1]) for p in probes]
    if low.is_extended_negative and high.is_extended_positive:
        places.append((sympy.S.Zero, probes[0][1]))
    for form in (root, _rationalised(root)):
        value = u * form - e.subs(z, form)
        forms = [_tidied(value, u, *places[0]), sympy.simplify(value), value]
        forms = [f for f in forms if all(_has_value(f, {**given, u: at}) for at, given in places)]
        if forms:
            best = forms[0] if form is root else min(forms, key=sympy.count_ops)
            return best.subs(u, U), low, high
    raise UnsupportedError(f"the conjugate of {e} has no form that holds for slopes of both signs")


def _rationalised(root: sympy.Expr) -> sympy.Expr:
    """(a + √b)/c -> (a² − b)/(c (a − √b)), where c vanishes on both sides"""
    surds = [p for p in root.atoms(sympy.Pow) if p.exp == sympy.S.Half]
    if len(surds) != 1:
        return root
    surd = sympy.Dummy("s", positive=True)
    above, below = sympy.fraction(sympy.together(root.subs(surds[0], surd)))
    turned = above.subs(surd, -surd)
    product = sympy.expand(sympy.expand(above * turned).subs(surd**2, surds[0].base))
    return (sympy.cancel(product / below) / turned).subs(surd, surds[0])


def _has_value(e: sympy.Expr, numbers: dict[sympy.Symbol, sympy.Expr]) -> bool:
    """Whether it can be computed in real numbers: the logarithm of a product of two negative ones is no sum."""
    inside = [a.args[0] for a in e.atoms(sympy.log)]
    below = [p.base for p in e.atoms(sympy.Pow) if p.exp.is_negative]
    return all(sympy.N(a.subs(numbers)).is_positive for a in inside) and not any(
        sympy.N(b.subs(numbers)).is_zero for b in below
    )


def _slope_symbol(low: sympy.Expr, high: sympy.Expr) -> sympy.Symbol:
    """u with the sign that its interval gives it."""
    if low.is_nonnegative:
        return sympy.Symbol("u", positive=True)
    if high.is_nonpositive:
        return sympy.Symbol("u", negative=True)
    return U


def _probes(low: sympy.Expr, high: sympy.Expr) -> list[sympy.Expr]:
    """Two slopes in the range."""
    third = sympy.Rational(1, 3)
    if low.is_finite and high.is_finite:
        return [low + (high - low) * third, low + (high - low) * sympy.Rational(7, 9)]
    if low.is_finite:
        return [low + third, low + 2]
    if high.is_finite:
        return [high - third, high - 2]
    return [third, -sympy.Rational(5, 4)]


Probe = tuple[sympy.Expr, dict[sympy.Symbol, sympy.Expr], sympy.Expr, sympy.Expr]


def _numbers(probe: sympy.Expr, s: sympy.Expr, a: sympy.Expr, b: sympy.Expr) -> Probe:
    """A slope and numbers for the parameters that agree with their signs."""
    parameters = sorted((s.free_symbols | probe.free_symbols | a.free_symbols | b.free_symbols), key=str)
    given = {
        p: sympy.Rational(-7, 5) if p.is_negative else sympy.Rational(7 + k, 5)
        for k, p in enumerate(parameters)
    }
    return sympy.N(probe.subs(given)), given, a.subs(given), b.subs(given)


def _fits(
    root: sympy.Expr,
    u: sympy.Symbol,
    s: sympy.Expr,
    z: sympy.Symbol,
    probe: sympy.Expr,
    given: dict[sympy.Symbol, sympy.Expr],
    a: sympy.Expr,
    b: sympy.Expr,
) -> bool:
    """Whether the root lies in the interval and has the slope, in numbers."""
    at = sympy.N(root.subs(u, probe).subs({k: v for k, v in given.items() if k != z}))
    if not (at.is_real and at > a - 1e-12 and at < b + 1e-12):
        return False
    slope = sympy.N(s.subs(z, at).subs({k: v for k, v in given.items() if k != z}))
    return bool(abs(slope - probe) < 1e-9)


def _tidied(
    value: sympy.Expr, u: sympy.Symbol, probe: sympy.Expr, given: dict[sympy.Symbol, sympy.Expr]
) -> sympy.Expr:
    """The shortest of a few forms; logarithms of products and quotients opened, each of a positive number."""
    simple = sympy.simplify(value)
    if value.has(sympy.functions.elementary.hyperbolic.HyperbolicFunction):
        written = sympy.simplify(value.rewrite(sympy.exp))
        nested = any(
            a.has(sympy.functions.elementary.hyperbolic.HyperbolicFunction) for a in simple.atoms(sympy.log)
        )
        simple = written if nested else min(simple, written, key=sympy.count_ops)
    if simple.has(sympy.log):
        numbers = {**given, u: probe}
        opened = sympy.expand(simple).replace(
            lambda e: isinstance(e, sympy.log), lambda e: _opened(e.args[0], numbers)
        )
        opened = sympy.expand(opened)
        return sympy.collect(opened, sorted(opened.atoms(sympy.log), key=str))
    square = sympy.simplify(simple**2)
    if simple.has(sympy.sqrt(u)) or not square.is_polynomial(u) or simple.is_polynomial(u):
        return simple
    return sympy.sign(sympy.N(simple.subs({**given, u: probe}))) * sympy.sqrt(square)


def _opened(argument: sympy.Expr, numbers: dict[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """log of a product as a sum of logs, the factors turned so that each is positive."""
    number, factors = sympy.factor(sympy.together(argument)).as_coeff_mul()
    total = sympy.S.Zero
    for factor in factors:
        base, exponent = factor.as_base_exp()
        at = sympy.N(base.subs(numbers))
        if not at.is_real or not exponent.is_number:
            return sympy.log(argument)
        if at < 0:
            base = sympy.expand(-base)
            number = number * (-1) ** exponent
        inner = base.as_base_exp()[1] != 1 or base.as_numer_denom()[1] != 1
        total += exponent * (_opened(base, numbers) if inner else sympy.log(base))
    if not number.is_positive:
        return sympy.log(argument)
    return total + sympy.log(number)
