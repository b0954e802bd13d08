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

#: The way in: what Ctrl-C ends before a run has begun is answered by the start.
SOLVE = '''
def solve(data, start=None, *, tolerance=1e-8, max_iterations={most}, max_time=None, seed=0):
    """The certified optimum on data: arrays by name in a dict, sizes that no array tells as numbers among them."""
    check_options(tolerance, max_iterations, max_time)
    found, sizes = checked(STATEMENT, dict(data), dict(start or {{}}))
    point = starting_point(STATEMENT, sizes, found, seed)
    others = None if start else seed
    with Interruptible():
        return solve_from(found, sizes, point, others, tolerance, max_iterations, max_time)
    message = "interrupted before the first step: this is the start, and not judged"
    return Solution(point, float("nan"), False, message, None, 0)
'''

SMOOTH = '''
def on_data(arrays, sizes):
    """Where the unknowns lie in a flat vector, and the data of the compiled loop."""
    layout = Layout.of({unknowns})
    return layout, {data}


def solve_from(found, sizes, point, others, tolerance, max_iterations, max_time):
    """The run from a point."""
    layout, data = on_data(found, sizes)
{before}    x = layout.pack(free_point(STATEMENT, point))

    def judge(x, magnitude):
        f, g = value_gradient(x, data)
        return certify(
            f,
            g,
            x,
{hessian}            at=lambda point: value_gradient(point, data),
            magnitude=magnitude,
            tolerance=tolerance,
            layout=layout,
        )

    with np.errstate(all="ignore"):
        x, proof, message, steps = descend(
            {turns},
            x,
            data,
            judge,
            tolerance=tolerance,
            max_iterations=max_iterations,
            max_time=max_time,
            second={second},
        )
{after}    value = -proof.value if STATEMENT.maximize else proof.value
    return Solution(
        stated_point(STATEMENT, layout.unpack(x)), value, proof.ok(tolerance), message, proof, steps{taken}
    )


def derivatives(data):
    """What `--check` compares: the size of a point, and (name, function, derivative)."""
    found, sizes = checked(STATEMENT, data, {{}})
    layout, data = on_data(found, sizes)
    pairs = [
        ("gradient", lambda x: value_gradient(x, data)[0], lambda x: value_gradient(x, data)[1]),
{pairs}    ]
    {compared}
'''

#: The loop of a method alone, and a quasi-Newton one that gives way to Newton's in a trust region.
ONE_TURN = "((begin, advance, max_iterations),)"
THREE_TURNS = """\
(
                (begin, advance, few_first(x.size, max_iterations)),
                (newton_begin, newton_advance, max_iterations),
                (begin, advance, max_iterations),
            )"""

#: The Hessian in the certificate of a method that has one at every point.
AT_ALL_POINTS = "            hessian=hessian(x, data),\n"

#: Value, gradient and Hessian of a smooth method.
SECOND = "lambda x: (*value_gradient(x, data), hessian(x, data))"

PAIRS = {
    "residual_jacobian": """\
        ("Jacobian", lambda x: residual_jacobian(x, data)[0], lambda x: residual_jacobian(x, data)[1]),
""",
    "hessian": '        ("Hessian", lambda x: value_gradient(x, data)[1], lambda x: hessian(x, data)),\n',
}

#: The data of a compiled loop, and those of a likelihood, whose unknowns are put together under Python.
LOOP_TUPLE = "loop_data(LOOP_DATA, {{**sizes, **arrays}}, layout{roots})"
EM_TUPLE = "(layout, *({{**sizes, **arrays}}[name] for name in LOOP_DATA))"

#: What goes before and after the run of a smooth method: nothing, or expectation–maximisation from the start.
PLAIN_RUN = {"before": "", "after": "", "taken": ""}
EM_RUN = {
    "before": """\
    with np.errstate(all="ignore"):
        point, taken, stopped, max_time = maximise_likelihood(
            likelihood, ascend, point, data[1:], ROLES, scale_of(sizes), max_iterations, max_time
        )
    max_iterations -= taken
""",
    "after": "    message = stopped or message\n",
    "taken": " + taken",
}

SEPARABLE = '''
def loop_on(l1, low, high, data):
    """The compiled loop on these data: a function of point, tolerance and most steps; status and steps."""
{loop}

def solve_from(found, sizes, point, others, tolerance, max_iterations, max_time):
    """The run from a point."""
    given = {{**sizes, **found}}
    layout, data = on_data(found, sizes)
    limits = caller(limits_evaluate, LIMITS_INPUTS, LIMITS_OUTPUTS, given)({{}})
    l1, low, high = limits_on(limits, WEIGHTS, BOUNDS, layout)
    stated = caller(stated_evaluate, STATED_INPUTS, STATED_OUTPUTS, given)
    x = layout.pack(point)

    def judge(x):
        f, g, h = oracle(x, data)
        value = float(stated(layout.unpack(x))["value"])
        return certify_separable(
            f,
            g,
            h,
            l1,
            low,
            high,
            x,
            statement_value=value,
            tolerance=tolerance,
            layout=layout,
            at=lambda point: oracle(point, data)[:2],
        )

    with np.errstate(all="ignore"):
        x, proof, message, steps = settle(
            loop_on(l1, low, high, data),
            judge,
            x,
            (l1, low, high),
            layout,
            max_iterations=max_iterations,
            max_time=max_time,
            few={few},
        )
    value = -proof.value if STATEMENT.maximize else proof.value
    return Solution(layout.unpack(x), value, proof.ok(), message, proof, steps)


def on_data(arrays, sizes):
    """Where the unknowns lie in a flat vector, and the data of the compiled loop."""
    layout = Layout.of({unknowns})
    return layout, loop_data(LOOP_DATA, {{**sizes, **arrays}}, layout)


def derivatives(data):
    """What `--check` compares: the size of a point, and (name, function, derivative), of the smooth part."""
    found, sizes = checked(STATEMENT, data, {{}})
    layout, data = on_data(found, sizes)
    pairs = [
        ("gradient", lambda x: oracle(x, data)[0], lambda x: oracle(x, data)[1]),
        ("Hessian", lambda x: oracle(x, data)[1], lambda x: oracle(x, data)[2]),
    ]
    {compared}
'''

NEWTON = """
    def loop(x, tolerance, most):
        _, _, status, steps, _ = proximal_newton(data, l1, low, high, x, tolerance, most)
        return status, steps

    return loop
"""

QUADRATIC = """
    _, g, h = oracle(np.zeros(l1.size), data)

    def loop(x, tolerance, most):
        status = minimum(h, g, l1, low, high, x, tolerance, most)  # 0: found, 1: not yet, 2: there is none
        return (0, STEPS, NO_MODEL)[status], most if status == 1 else 1

    return loop
"""

#: What is looked at under linear constraints, where no feasible point was found.
CONTRADICTION = """\
        if contradict(functions, answer.z):
            message = f"infeasible: no point satisfies the constraints ({proof.reason()})"
"""

#: Where all vanishes, rounding has nothing to be small beside: the point with slacks that fit it, and 0, may be judged.
ELSEWHERE = """\
        if not proof.ok() and not ended and not np.isinf(proof.drift):
            z, zero = answer.z, np.zeros(layout.size)
            points = (lambda: z, lambda: with_exact_slacks(layout, found, sizes, z), lambda: zero)
            for there in answers_at(points, functions, answer):
                other = judge(there)
                if other.ok():
                    answer, proof = there, other
                    break
"""

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
    layout = Layout.of(unknowns{idle})
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


def with_exact_slacks(layout, arrays, sizes, z):
    """The point with slacks equal to what they stand for."""
    given, point = {{**sizes, **arrays}}, layout.unpack(z)
    atoms = {atoms}
    for k, (name, _) in enumerate(SLACKS):
        point[name] = np.asarray(atoms(point)[str(k)])
    return layout.pack(point)


def solve_from(found, sizes, point, others, tolerance, max_iterations, max_time):
    """The run from a point, or where nothing is defined there from one that belongs to the seed `others`."""
    functions, layout = functions_on(found, sizes)
    given = {{**sizes, **found}}
    tries = [point]
    if others is not None:
        shapes = shapes_in_numbers(STATEMENT.unknowns, sizes)
        tries += [{{name: np.full(shape, c) for name, shape in shapes.items()}} for c in (1.0, 0.1, 10.0)]
        rng = np.random.default_rng(others)
        tries += [{{name: rng.random(shape) for name, shape in shapes.items()}} for _ in range(4)]
    with np.errstate(all="ignore"):
        for point in tries:
            z = first_point(layout, found, sizes, free_point(STATEMENT, point))
            v = functions.values(z)
            if v.finite() and (not v.e.size or np.abs(v.E).max(axis=1).min() > 0.0):
                break
        {run}
        evaluate = caller(stated_evaluate, STATED_INPUTS, STATED_OUTPUTS, given)

        def judge(answer):
            value = float(evaluate(stated_point(STATEMENT, layout.unpack(answer.z)))["value"])
            return {certify}, statement_value=value, tolerance=tolerance)

        proof = uninterrupted(judge, answer)
{elsewhere}    success = proof.ok() and "interrupted" not in ended  # what is certified as time runs out is the answer
    message = ("certified: " if success else f"{{ended}}; " if ended else "not certified: ") + proof.reason()
    if not success and not ended and {endless}:
        message = "the objective is unbounded below on the feasible set, or has no minimum that is attained"
    elif not success and not ended and proof.primal > tolerance:
        message = f"no feasible point was found: the constraints may be infeasible ({{proof.reason()}})"
{contradiction}    elif not success and not ended and answer.iterations >= max_iterations:
        message = f"not converged after {{answer.iterations}} iterations; {{proof.reason()}}"
    stated = stated_point(STATEMENT, layout.unpack(answer.z))
    value = -proof.value if STATEMENT.maximize else proof.value
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

    pairs = [
        ("gradient", lambda z: functions.values(z).f, lambda z: functions.values(z).g),
        ("equalities", lambda z: functions.values(z).e, lambda z: functions.values(z).E),
        ("inequalities", lambda z: functions.values(z).c, lambda z: functions.values(z).C),
        ("Hessian of the Lagrangian", slope, lambda z: functions.hessian(z, nu, lam)),
    ]
    {compared}
'''
