"""The self-test and the command line of a generated solver file, as text."""

from __future__ import annotations

MAIN = '''
def check():
    """Derivatives against differences, then a certified optimum, on random data; true if both hold.

    Or where no random data have one because their conditions contradict each other, which is proved each time.
    """
    good, certified, contradicted = False, "", []
    with np.errstate(all="ignore"):
        for seed in range(16):
            data = random_data(STATEMENT, seed)
            try:
                size, pairs = derivatives(data)
                rng = np.random.default_rng(seed)
                around = rng.standard_normal(size)
                points = (0.3 + 0.4 * rng.random(size), 0.3 * around, 0.01 * around)
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
            except (DataError, IndexError):  # an index of the statement may lie beyond small sizes
                continue
            contradicted.append(found.message.startswith("infeasible"))
            if found.success:
                certified = found.message
                break
    if not good:
        print("the objective is not finite on any of the random data: nothing could be checked")
    elif not certified and contradicted and all(contradicted):
        print("the conditions of all random data contradict each other, so that there is no optimum to be found")
        return True
    elif not certified:
        print("no optimum was certified on random data; they may have none")
    else:
        print(f"optimum on random data: {certified}")
    return good and bool(certified)


def main(words=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FILE.npz", help="arrays by name")
    parser.add_argument("--start", metavar="FILE.npz", help="arrays of unknowns to begin from")
    parser.add_argument("--set", metavar="NAME=NUMBER", action="append", default=[], help="a number or a size")
    parser.add_argument("--out", metavar="FILE.npz", help="where the unknowns go")
    parser.add_argument("--max-time", type=float, metavar="SECONDS", help="the best point so far after that time")
    parser.add_argument("--max-iterations", type=int, metavar="NUMBER")
    parser.add_argument("--tolerance", type=float, default=1e-8, metavar="NUMBER", help="of the certificate, 1e-8")
    parser.add_argument("--check", action="store_true", help="test this file on random data")
    options = parser.parse_args(words)
    if options.check:
        return 0 if check() else 1
    with Interruptible() as block:
        try:
            data = load_arrays(options.data) if options.data else {}
            data.update(numbers(options.set))
            if not data and STATEMENT.data:
                names = ", ".join(STATEMENT.data)
                raise DataError(f"no data: --data FILE.npz with {names}; --help shows the statement")
            start = load_arrays(options.start) if options.start else {}
            limits = {} if options.max_iterations is None else {"max_iterations": options.max_iterations}
            found = solve(data, start, tolerance=options.tolerance, max_time=options.max_time, **limits)
            if options.out:
                save_arrays(options.out, found.unknowns)
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    if block.left:
        print("interrupted while data were read or written", file=sys.stderr)
        return 130
    print(found.message)
    print(f"objective {found.value:.15g} after {found.iterations} iterations")
    for name, value in found.unknowns.items():
        print(f"{name} = {np.array2string(np.asarray(value), precision=8, threshold=40)}")
    return 0 if found.success else 1


if __name__ == "__main__":
    sys.exit(main())
'''
