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

LIBRARY = {
    "sigmoid": '''
@compiled
def sigmoid(x):
    """1 / (1 + e⁻ˣ), through e^−|x| so that nothing overflows."""
    e = math.exp(-abs(x))
    return e / (1.0 + e) if x < 0.0 else 1.0 / (1.0 + e)
''',
    "softplus": '''
@compiled
def softplus(x):
    """log(1 + eˣ)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
''',
    "cosigmoid": '''
@compiled
def cosigmoid(x):
    """1 / (1 + eˣ)."""
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x < 0.0 else e / (1.0 + e)
''',
    "larger": '''
@compiled
def larger(a, b):
    """The larger number; NaN where either is."""
    return a if a > b or a != a else b
''',
    "smaller": '''
@compiled
def smaller(a, b):
    """The smaller number; NaN where either is."""
    return a if a < b or a != a else b
''',
    "gemm": '''
@compiled
def gemm(left, right, out):
    """out = left · right."""
    out[:, :] = np.dot(left, right)
''',
    "gemm_add": '''
@compiled
def gemm_add(left, right, out):
    """out += left · right."""
    out += np.dot(left, right)
''',
    "gemm_ahead": '''
@compiled
def gemm_ahead(left, right, out, rows):
    """out = left · right; nothing is fetched here."""
    out[:, :] = np.dot(left, right)
''',
    "gemm_add_ahead": '''
@compiled
def gemm_add_ahead(left, right, out, rows):
    """out += left · right; nothing is fetched here."""
    out += np.dot(left, right)
''',
    "full_width": '''
@compiled
def full_width():
    """Nothing to arrange here."""
''',
    "dot_rows": '''
@compiled
def dot_rows(block, w, z):
    """zᵢ = Σⱼ blockᵢⱼ wⱼ."""
    for i in range(block.shape[0]):
        total = 0.0
        for j in range(block.shape[1]):
            total += block[i, j] * w[j]
        z[i] = total
''',
    "add_rows": '''
@compiled
def add_rows(block, r, g):
    """gⱼ += Σᵢ rᵢ blockᵢⱼ."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            g[j] += r[i] * block[i, j]
''',
    "add_then_dot": '''
@compiled
def add_then_dot(block, r, g, after, w, z):
    """gⱼ += Σᵢ rᵢ blockᵢⱼ, then zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            g[j] += r[i] * block[i, j]
    for i in range(after.shape[0]):
        total = 0.0
        for j in range(after.shape[1]):
            total += after[i, j] * w[j]
        z[i] = total
''',
    "mix_rows": '''
@compiled
def mix_rows(matrix, block, m, out):
    """outᵢᵣ = Σⱼ Pᵢⱼ Vⱼᵣ for the first m rows."""
    for i in range(matrix.shape[0]):
        for r in range(m):
            out[i, r] = 0.0
        for j in range(matrix.shape[1]):
            for r in range(m):
                out[i, r] += matrix[i, j] * block[j, r]
''',
    "cross_rows": '''
@compiled
def cross_rows(left, right, m, out):
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ; B may be a vector."""
    for i in range(left.shape[0]):
        if right.ndim == 1:
            total = 0.0
            for r in range(m):
                total += left[i, r] * right[r]
            out[i] += total
        else:
            for j in range(right.shape[0]):
                total = 0.0
                for r in range(m):
                    total += left[i, r] * right[j, r]
                out[i, j] += total
''',
    "cross_rows_symmetric": '''
@compiled
def cross_rows_symmetric(left, right, m, out):
    """outᵢⱼ += Σᵣ Aᵢᵣ Bⱼᵣ where that is symmetric."""
    for i in range(left.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for r in range(m):
                total += left[i, r] * right[j, r]
            out[i, j] += total
            if j < i:
                out[j, i] += total
''',
    "turn_rows": '''
@compiled
def turn_rows(block, out):
    """outⱼᵣ = blockᵣⱼ."""
    for r in range(block.shape[0]):
        for j in range(block.shape[1]):
            out[j, r] = block[r, j]
''',
    "moments_rows": '''
@compiled
def moments_rows(block, weights, m, out):
    """outᵢⱼ += Σᵣ wᵣ Vᵢᵣ Vⱼᵣ."""
    for i in range(block.shape[0]):
        for j in range(i + 1):
            total = 0.0
            for r in range(m):
                total += weights[r] * block[i, r] * block[j, r]
            out[i, j] += total
            if j < i:
                out[j, i] += total
''',
    "form_rows": '''
@compiled
def form_rows(matrix, block, m, out):
    """outᵣ = Σᵢⱼ Pᵢⱼ Vᵢᵣ Vⱼᵣ for the first m rows, P symmetric."""
    for r in range(m):
        out[r] = 0.0
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            weight = matrix[i, j] if i == j else 2.0 * matrix[i, j]
            for r in range(m):
                out[r] += weight * block[i, r] * block[j, r]
''',
    "potrf": '''
@compiled
def potrf(matrix):
    """The Cholesky factor in place of the lower triangle; NaN where there is none."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = rest / matrix[j, j]
            elif rest > 0.0:
                matrix[i, i] = math.sqrt(rest)
            else:
                matrix[0, 0] = math.nan
                return
''',
    "potri": '''
@compiled
def potri(factor):
    """The lower triangle of the inverse in place of a Cholesky factor."""
    size = factor.shape[0]
    column, found = np.zeros(size), np.zeros((size, size))
    for c in range(size):
        for i in range(size):
            column[i] = 1.0 if i == c else 0.0
        for i in range(size):
            for k in range(i):
                column[i] -= factor[i, k] * column[k]
            column[i] /= factor[i, i]
        for k in range(size):
            i = size - 1 - k
            for j in range(i + 1, size):
                column[i] -= factor[j, i] * column[j]
            column[i] /= factor[i, i]
        for i in range(size):
            found[i, c] = column[i]
    for i in range(size):
        for j in range(i + 1):
            factor[i, j] = found[i, j]
''',
    "potrs": '''
@compiled
def potrs(factor, right):
    """Every row of `right` solved for, in place, by a Cholesky factor."""
    size = factor.shape[0]
    for r in range(right.shape[0]):
        for i in range(size):
            for k in range(i):
                right[r, i] -= factor[i, k] * right[r, k]
            right[r, i] /= factor[i, i]
        for k in range(size):
            i = size - 1 - k
            for j in range(i + 1, size):
                right[r, i] -= factor[j, i] * right[r, j]
            right[r, i] /= factor[i, i]
''',
    "syrk": '''
@compiled
def syrk(block, factor, out):
    """out += factor · blockᵀ block."""
    out += factor * np.dot(block.T, block)
''',
}

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

MAIN = '''
def check():
    """Derivatives against differences, then a certified optimum, on random data; true if both hold."""
    good, certified = False, ""
    with np.errstate(all="ignore"):
        for seed in range(8):
            data = random_data(STATEMENT, seed)
            try:
                size, pairs = derivatives(data)
                rng = np.random.default_rng(seed)
                points = (0.3 + 0.4 * rng.random(size), 0.3 * rng.standard_normal(size))
                errors = [
                    {name: difference_error(f, slope, x) for name, f, slope in pairs} for x in points
                ]
                errors = [e for e in errors if np.isfinite(list(e.values())).all()]
                if errors and not good:
                    good = all(e <= 1e-6 for e in errors[0].values())
                    for name, error in errors[0].items():
                        verdict = "agrees with" if error <= 1e-6 else "DIFFERS FROM"
                        print(f"{name}: {verdict} differences to {error:.1e}")
                    if not good:
                        return False
                found = solve(data, max_time=20.0)
            except DataError:
                continue
            if found.success:
                certified = found.message
                break
    if not good:
        print("the objective is not finite on any of the random data: nothing could be checked")
    elif not certified:
        print("no optimum was certified on random data; they may have none")
    else:
        print(f"optimum on random data: {certified}")
    return good and bool(certified)


def main(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description="Solve the problem stated at the top of this file.")
    parser.add_argument("--data", metavar="FILE.npz", help="arrays by name")
    parser.add_argument("--start", metavar="FILE.npz", help="arrays of unknowns to begin from")
    parser.add_argument("--set", metavar="NAME=NUMBER", action="append", default=[], help="a number or a size")
    parser.add_argument("--out", metavar="FILE.npz", help="where the unknowns go")
    parser.add_argument("--max-time", type=float, metavar="SECONDS")
    parser.add_argument("--max-iterations", type=int)
    parser.add_argument("--tolerance", type=float, default=1e-8)
    parser.add_argument("--check", action="store_true", help="test this file on random data")
    options = parser.parse_args(words)
    if options.check:
        return 0 if check() else 1
    try:
        data = load_arrays(options.data) if options.data else {}
        data.update(numbers(options.set))
        start = load_arrays(options.start) if options.start else {}
        limits = {} if options.max_iterations is None else {"max_iterations": options.max_iterations}
        found = solve(data, start, tolerance=options.tolerance, max_time=options.max_time, **limits)
        if options.out:
            save_arrays(options.out, found.unknowns)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(found.message)
    print(f"objective {found.value:.15g} after {found.iterations} iterations")
    for name, value in found.unknowns.items():
        print(f"{name} = {np.array2string(np.asarray(value), precision=8, threshold=40)}")
    return 0 if found.success else 1


if __name__ == "__main__":
    sys.exit(main())
'''
