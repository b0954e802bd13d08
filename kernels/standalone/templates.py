"""The parts of a generated solver file that differ from problem to problem only by names: text with gaps."""

from __future__ import annotations

HEADER = '''#!/usr/bin/env python3
"""A solver for one problem, generated from its statement.

{about}

    python solver.py --data data.npz --out result.npz     arrays by name in, unknowns by name out
    python solver.py --check                              derivatives and certificate on random data

Exit status 0: certified, or the check passed; 1: not certified, or the check failed; 2: bad input.
Needs NumPy, SciPy and numba. Compiled code is kept in __pycache__ beside this file.
"""

from __future__ import annotations

'''

TABLES = """{statement}

{tables}"""

_RUN = '''
def begin(oracle, x, f, g):
    """The optimizer's first state."""
    return {begin}


def solve(data, start=None, *, tolerance=1e-8, max_iterations=10_000, max_time=None, seed=0):
    """The certified optimum on data: arrays by name in a dict, sizes that no array tells as numbers among them."""
    found, sizes = checked(STATEMENT, dict(data), dict(start or {{}}))
    oracle, hessian = functions_on(found, sizes)
    layout = oracle.layout
    x = layout.pack(free_point(STATEMENT, starting_point(STATEMENT, sizes, found, seed)))

    def judge(x, magnitude):
        f, g = oracle.value_gradient(x)
        return certify(
            f,
            g,
            x,
            hessian=None if hessian is None else hessian(x),
            gradient_at=lambda point: oracle.value_gradient(point)[1],
            magnitude=magnitude,
            tolerance=tolerance,
            layout=layout,
        )

    with np.errstate(all="ignore"):
        x, proof, message, steps = descend(
            oracle,
            {functions},
            begin,
            step,
            x,
            judge,
            tolerance=tolerance,
            max_iterations=max_iterations,
            max_time=max_time,
        )
    value = -proof.value if STATEMENT.maximize else proof.value
    return Solution(
        stated_point(STATEMENT, layout.unpack(x)), value, proof.ok(tolerance), message, proof, steps
    )


def derivatives(data):
    """What `--check` compares: the size of a point, and (name, function, derivative)."""
    found, sizes = checked(STATEMENT, data, {{}})
    oracle, hessian = functions_on(found, sizes)
    pairs = [("gradient", lambda x: oracle.value_gradient(x)[0], lambda x: oracle.value_gradient(x)[1])]
    if hessian is not None:
        pairs.append(("Hessian", lambda x: oracle.value_gradient(x)[1], hessian))
    return oracle.size, pairs
'''

FREE = (
    '''
def functions_on(arrays, sizes):
    """The objective on these data as functions of one flat vector, and its Hessian if there is one."""
    given = {{**sizes, **arrays}}
    layout = Layout.of({unknowns})
    value_gradient = caller(value_gradient_evaluate, VALUE_GRADIENT_INPUTS, VALUE_GRADIENT_OUTPUTS, given)
    oracle = oracle_of(
        layout,
        value_gradient,
        hessian={hessian},
        hvp={hvp},
    )
    return oracle, oracle.hessian if "hessian" in oracle.has else None

'''
    + _RUN
)

SQUARES = (
    '''
def functions_on(arrays, sizes):
    """½‖r(x)‖² on these data, r and its Jacobian as functions of one flat vector, and the Hessian."""
    given = {{**sizes, **arrays}}
    layout = Layout.of({unknowns})
    evaluate = caller(residual_evaluate, RESIDUAL_INPUTS, RESIDUAL_OUTPUTS, given)
    residual_jacobian = stacked(evaluate, layout, {shapes}, {roots})

    def value_gradient(x):
        r, J = residual_jacobian(x)
        return 0.5 * float(r @ r), J.T @ r

    blocks = caller(hessian_evaluate, HESSIAN_INPUTS, HESSIAN_OUTPUTS, given)
    oracle = Oracle(
        layout.size,
        value_gradient,
        hessian=lambda x: assemble(layout, blocks(layout.unpack(x))),
        residual_jacobian=residual_jacobian,
        layout=layout,
    )
    return oracle, oracle.hessian

'''
    + _RUN
)

CONSTRAINED = '''
SLACKS = {slacks}  # (name, +1: above what it stands for, -1: below)


def shapes_of(sizes):
    """The shapes of the unknowns, slacks included, of the multipliers, and of the constraints by kind."""
    unknowns = {unknowns}
    multipliers = {multipliers}
    return unknowns, multipliers, {{"equality": {equality}, "inequality": {inequality}}}


def functions_on(arrays, sizes):
    """The problem on these data as functions of one flat vector."""
    given = {{**sizes, **arrays}}
    unknowns, _, conditions = shapes_of(sizes)
    layout = Layout.of(unknowns)
    first = caller(first_evaluate, FIRST_INPUTS, FIRST_OUTPUTS, given)
    slopes = {slopes}
    second = {second}
    functions = functions_of(
        layout, first, slopes, second, conditions, linear={linear}, quadratic={quadratic}
    )
    return functions, layout


def first_point(layout, arrays, sizes, free):
    """The free unknowns with slacks on the right side of what they stand for."""
    given = {{**sizes, **arrays}}
    point = {{name: free.get(name, np.zeros(shape)) for name, shape in zip(layout.names, layout.shapes)}}
    signs = {signs}
    for sign in signs(point).values():
        if np.min(sign) < 0:
            raise DataError("the objective falls with a kink on these data: neither convex nor smooth")
    atoms = {atoms}
    for k, (name, sign) in enumerate(SLACKS):
        value = np.asarray(atoms(point)[str(k)])
        point[name] = value + sign * np.maximum(1.0, np.abs(value))
    return layout.pack(point)


def solve(data, start=None, *, tolerance=1e-8, max_iterations=400, max_time=None, seed=0):
    """The certified optimum on data: arrays by name in a dict, sizes that no array tells as numbers among them."""
    found, sizes = checked(STATEMENT, dict(data), dict(start or {{}}))
    functions, layout = functions_on(found, sizes)
    given = {{**sizes, **found}}
    tries = [starting_point(STATEMENT, sizes, found, seed)]
    if not start:
        shapes = shapes_in_numbers(STATEMENT.unknowns, sizes)
        tries += [{{name: np.full(shape, c) for name, shape in shapes.items()}} for c in (1.0, 0.1, 10.0)]
        rng = np.random.default_rng(seed)
        tries += [{{name: rng.random(shape) for name, shape in shapes.items()}} for _ in range(4)]
    with np.errstate(all="ignore"):
        for point in tries:
            z = first_point(layout, found, sizes, free_point(STATEMENT, point))
            v = functions.values(z)
            if v.finite() and (not v.e.size or np.abs(v.E).max(axis=1).min() > 0.0):
                break
        answer, ended = inside(functions, interior_point, z, max_time)
        stated = stated_point(STATEMENT, layout.unpack(answer.z))
        evaluate = caller(stated_evaluate, STATED_INPUTS, STATED_OUTPUTS, given)
        value = float(evaluate(stated)["value"])
        proof = certify_kkt(
            functions, layout, answer.z, answer.nu, answer.lam, statement_value=value, tolerance=tolerance
        )
    success = proof.ok() and not ended
    message = ("certified: " if success else f"{{ended}}; " if ended else "not certified: ") + proof.reason()
    if not success and not ended and proof.primal > tolerance:
        message = f"no feasible point was found: the constraints may be infeasible ({{proof.reason()}})"
    elif not success and not ended and answer.status == 3:
        message = "the objective is unbounded below on the feasible set, or has no minimum that is attained"
    value = -value if STATEMENT.maximize else value
    return Solution(stated, value, success, message, proof, answer.iterations)


def derivatives(data):
    """What `--check` compares: the size of a point, and (name, function, derivative)."""
    found, sizes = checked(STATEMENT, data, {{}})
    functions, layout = functions_on(found, sizes)
    v = functions.values(np.full(layout.size, 0.5))
    rng = np.random.default_rng(0)
    nu, lam = rng.standard_normal(v.e.size), rng.random(v.c.size)

    def slope(z):
        v = functions.values(z)
        return v.g - v.E.T @ nu - v.C.T @ lam

    return layout.size, [
        ("gradient", lambda z: functions.values(z).f, lambda z: functions.values(z).g),
        ("equalities", lambda z: functions.values(z).e, lambda z: functions.values(z).E),
        ("inequalities", lambda z: functions.values(z).c, lambda z: functions.values(z).C),
        ("Hessian of the Lagrangian", slope, lambda z: functions.hessian(z, nu, lam)),
    ]
'''
