"""Signs of expressions in a few numbers, decided by SymPy and by Sturm's theorem; never by sampling."""

from __future__ import annotations

import itertools

import mpmath
import sympy


def nonnegative(e: sympy.Expr, strict: bool = False) -> bool:
    """Whether the expression is provably ≥ 0 (> 0) for all values that the assumptions of its symbols allow."""
    if _sign(e, strict):
        return True
    if _refuted(e):
        return False
    tried: set[sympy.Expr] = {e}
    for form in _forms(e):
        if form not in tried:
            tried.add(form)
            if _sign(form, strict):
                return True
    return False


_SAMPLES = (0.31, -0.73, 1.9, -2.3, 0.06, 7.1, -5.2, 0.9, -0.11, 3.4, -1.3, 0.52, 2.7)


def _refuted(e: sympy.Expr) -> bool:
    """Whether the expression is negative at one of a few points, so that no proof need be tried."""
    symbols = sorted(e.free_symbols, key=str)
    function = sympy.lambdify(symbols, e, "mpmath")
    for k in range(8):
        values = [_SAMPLES[(k * (j + 2) + 3 * j) % len(_SAMPLES)] for j in range(len(symbols))]
        given = [mpmath.mpf(abs(v) if s.is_nonnegative else v) for s, v in zip(symbols, values, strict=True)]
        try:
            value = function(*given)
            if mpmath.im(value) == 0 and mpmath.re(value) < -1e-10:
                return True
        except (ArithmeticError, ValueError, TypeError, NameError):
            continue
    return False


def _forms(e: sympy.Expr) -> list[sympy.Expr]:
    found = [e]
    if sympy.count_ops(e) > 70:
        return found
    exponential = (
        e.rewrite(sympy.exp) if e.has(sympy.functions.elementary.hyperbolic.HyperbolicFunction) else e
    )
    for z in sorted(exponential.free_symbols, key=str):
        if exponential.has(sympy.exp):
            exponential = exponential.subs(sympy.exp(z), sympy.Dummy(f"e_{z}", positive=True))
    for base in dict.fromkeys((e, exponential)):
        together = sympy.together(base)
        found += [together, sympy.factor(together)]
        if base.has(sympy.Pow) and sympy.count_ops(base) < 40:
            found.append(sympy.factor(sympy.powsimp(sympy.simplify(together))))
    return found


def _sign(e: sympy.Expr, strict: bool) -> bool:
    if e.is_positive or (not strict and e.is_nonnegative):
        return True
    if e.is_number or e.is_Symbol:
        return False
    if e.is_Mul:
        good = True
        flips = 0
        for factor in e.args:
            if _sign(factor, strict):
                continue
            if (factor.is_number or factor.is_Add) and _sign(sympy.expand(-factor), strict):
                flips += 1
                continue
            good = False
        return good and flips % 2 == 0
    if e.is_Pow and e.exp.is_number and e.exp.is_real:
        if not strict and e.exp.is_integer and e.exp % 2 == 0 and e.base.is_real:
            return True
        return _sign(e.base, strict)
    if e.is_Add:
        if all(_sign(a, False) for a in e.args):
            return not strict or any(_sign(a, True) for a in e.args)
        return _polynomial(e, strict)
    return False


def _polynomial(e: sympy.Expr, strict: bool) -> bool:
    """A polynomial in one symbol has the sign that it has at one point if it has no root (Sturm)."""
    symbols = e.free_symbols
    if len(symbols) != 1 or not e.is_polynomial(*symbols):
        return False
    (x,) = symbols
    p = sympy.Poly(e, x)
    if not all(c.is_Rational for c in p.all_coeffs()):
        return False
    if x.is_nonnegative:
        roots = p.count_roots(0, None) - (1 if p.eval(0) == 0 and x.is_positive else 0)
    else:
        roots = p.count_roots()
    return bool(roots == 0 and p.eval(1) > 0)


def _determinant(m: sympy.Matrix) -> sympy.Expr:
    """The determinant of a matrix of size 1 to 3, as it stands: SymPy's cancels on the way, which may take minutes."""
    if m.shape[0] == 1:
        return m[0, 0]
    if m.shape[0] == 2:
        return m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    return sum((-1) ** k * m[0, k] * _determinant(m.minor_submatrix(0, k)) for k in range(3))


def psd(matrix: sympy.Matrix) -> bool:
    """Whether all principal minors are provably ≥ 0, which is equivalent to psd for symmetric matrices."""
    n = matrix.shape[0]
    if n > 3:
        return False
    return all(
        nonnegative(_determinant(matrix.extract(list(rows), list(rows))))
        for k in range(1, n + 1)
        for rows in itertools.combinations(range(n), k)
    )
