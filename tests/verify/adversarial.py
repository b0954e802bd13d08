"""Equations that are wrong, and made to look right: for every class of trick a few.

`equations()` yields (left, right), in the names of `VARIABLES`. `python -m tests.verify.adversarial` checks them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

VARIABLES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys("xyupq", ("n",)),
    **dict.fromkeys("vz", ("m",)),
    **dict.fromkeys("st", ()),
    **dict.fromkeys("ABCDS", ("d", "d")),
    "X": ("n", "d"),
    "w": ("d",),
    **dict.fromkeys("MNKL", (2, 2)),
    **dict.fromkeys("PQR", (3, 3)),
    "h": (2,),
    "g": (3,),
    "e": (1,),
}
FACTS = {"p": ("positive",), "q": ("positive",), "S": ("symmetric",)}


def standard(names: str) -> str:
    """Σ sign(π) A_π(1) ⋯ A_π(k): zero for all matrices smaller than k/2 + 1 (Amitsur, Levitzki)."""
    parts = []
    for order in itertools.permutations(range(len(names))):
        inversions = sum(a > b for a, b in itertools.combinations(order, 2))
        product = " @ ".join(names[i] for i in order)
        parts.append(("- " if inversions % 2 else "+ ") + product)
    return " ".join(parts).removeprefix("+ ")


def equations() -> Iterator[tuple[str, str]]:
    # True for matrices of one row or two, for no larger ones.
    yield standard("AB"), "0*A"
    yield standard("ABC"), "0*A"
    yield standard("ABCD"), "0*A"
    yield "A @ B", "B @ A"
    yield "tr(A @ B)", "tr(A) * tr(B)"
    yield "tr(A @ B @ C)", "tr(A @ C @ B)"
    yield "(A @ B - B @ A) @ (A @ B - B @ A) @ C", "C @ (A @ B - B @ A) @ (A @ B - B @ A)"
    yield "A @ A - tr(A) * A + det(A) * eye(d)", "0*A"
    yield "A @ A - tr(A) * A + (tr(A)**2 - tr(A @ A))/2 * eye(d)", "0*A"
    yield "det(A)", "(tr(A)**2 - tr(A @ A))/2"
    yield "det(A + B)", "det(A) + det(B)"
    yield "det(A + B)", "det(A) + det(B) + tr(A)*tr(B) - tr(A @ B)"
    yield "det(2*A)", "2*det(A)"
    yield "det(2*A)", "4*det(A)"
    yield "det(-A)", "det(A)"
    yield "det(-A)", "-det(A)"
    yield "inv(A)", "(tr(A)*eye(d) - A)/det(A)"
    yield "inv(A)", "A.T/det(A)"
    yield "inv(A + B)", "inv(A) + inv(B)"
    yield "inv(A @ B)", "inv(A) @ inv(B)"
    yield "inv(A).T @ B", "inv(A) @ B"
    yield "tr(inv(A))", "1/tr(A)"
    yield "tr(A @ inv(B))", "tr(A)/tr(B)"
    yield "logdet(A + B)", "logdet(A) + logdet(B)"
    yield "logdet(A)", "sum(log(diag(A)))"
    yield "logdet(A)", "log(tr(A))"
    yield "tr(A.T @ A)", "tr(A @ A)"
    yield "tr(A.T @ A)", "tr(A)**2"
    yield "sum(A * B)", "tr(A @ B)"
    yield "A * B", "A @ B"
    yield "A", "A.T"
    yield "A + A.T", "2*A"
    yield "S @ A", "A @ S"
    yield "(S @ A).T", "S @ A"
    yield "diag(diag(A))", "A"
    yield "diag(A @ B)", "diag(A) * diag(B)"
    yield "diag(A) @ diag(B)", "tr(A @ B)"
    yield "norm(A @ B)", "norm(A) * norm(B)"
    yield "X.T @ X", "diag(diag(X.T @ X))"
    yield "outer(w, w)", "diag(w*w)"
    yield "sum(outer(w, w))", "w @ w"
    yield "A @ w * w", "w @ A.T * w.T + 0*w + 1e-30*w"
    powers = {2: "tr(A @ A)", 3: "tr(A @ A @ A)", 4: "tr(A @ A @ A @ A)"}
    second = f"(tr(A)**2 - {powers[2]})/2"
    third = f"(tr(A)**3 - 3*tr(A)*{powers[2]} + 2*{powers[3]})/6"
    yield third, "0"
    yield f"A @ A @ A - tr(A) * A @ A + {second} * A", f"{third} * eye(d)"
    fourth = (
        f"(tr(A)**4 - 6*tr(A)**2*{powers[2]} + 3*{powers[2]}**2 + 8*tr(A)*{powers[3]} - 6*{powers[4]})/24"
    )
    yield fourth, "0"
    yield f"A @ A @ A @ A - tr(A) * A @ A @ A + {second} * A @ A - {third} * A", f"-{fourth} * eye(d)"
    # Small fixed sizes: what is true at 2 is not at 3.
    yield "P @ P - tr(P)*P + det(P)*eye(3)", "0*P"
    yield standard("PQ"), "0*P"
    yield "det(P)", "(tr(P)**2 - tr(P @ P))/2"
    yield "det(2*P)", "4*det(P)"
    yield "tr(eye(3))", "2"
    yield "det(M)", "M[0, 0]*M[1, 1] + M[0, 1]*M[1, 0]"
    yield "inv(M)", "(tr(M)*eye(2) + M)/det(M)"
    yield "M @ N", "N @ M"
    yield "M @ M", "tr(M)*M"
    yield "sum(h**2)", "2*h[0]*h[1]"
    yield "g[0]", "g[1]"
    yield "softmax(h)", "sigmoid(h)"
    yield "logsumexp(h)", "softplus(h[1] - h[0])"
    yield "softmax(e)", "e"
    # Sizes.
    yield "sum(x)/n", "sum(x)/m"
    yield "mean(x)", "sum(x)/(n - 1)"
    yield "sum(x)/n", "sum(x)/n**2"
    yield "sum(x)", "n*x[0]"
    yield "tr(eye(d))", "d**2"
    yield "sum(ones(n, m))", "n + m"
    yield "n*m", "n + m"
    yield "n**2", "2*n"
    yield "(n - 1)*(n - 2)*(n - 3)", "0"
    yield "(n - 1)*(n - 2)*(n - 3)*(n - 4)*(n - 5)*sum(x)", "0"
    yield "(d - 1)*(d - 2)*(d - 3)*(d - 4)*A", "0*A"
    yield "mean(x)*mean(y)", "mean(x*y)"
    yield "sum(x)*sum(y)", "sum(x*y)"
    yield "sum(x)**2", "sum(x**2)"
    yield "sum(x)**2", "n*sum(x**2)"
    yield "(x - mean(x)) @ (y - mean(y))", "x @ y"
    yield "(x - mean(x)) @ (y - mean(y))", "(x @ y)*(n - 1)/n"
    yield "norm(x)", "norm(x, 1)"
    yield "norm(x + y)", "norm(x) + norm(y)"
    yield "norm(x, 1)", "sqrt(n)*norm(x)"
    yield "max(x)", "mean(x)"
    yield "max(x)", "x[0]"
    yield "sum(max(X, axis=1))", "max(sum(X, axis=1))"
    # Coefficients that are nearly right.
    for error in ("1e-6", "1e-12", "1e-30", "1e-45", "1e-60", "1e-90"):
        yield f"(1 + {error})*x", "x"
        yield f"X.T @ (X @ w) + {error}*w", "X.T @ (X @ w)"
        yield f"exp(x) + {error}", "exp(x)"
    yield "3.14159265358979323846264338327950288419716939937510582*x", "pi*x"
    yield "2.71828182845904523536028747135266249775724709369995957*s", "exp(1)*s"
    yield "0.69314718055994530941723212145817656807550013436025525*s", "log(2)*s"
    yield "1.41421356237309504880168872420969807856967187537694807*s", "sqrt(2)*s"
    # Multiples of well-known primes, and very large numbers.
    for prime in (2**31 - 1, 2**61 - 1, 2**89 - 1, 2**127 - 1, 2**255 - 19):
        yield f"{prime}*(A @ B - B @ A)", "0*A"
        yield f"x + {prime}*y", "x"
        yield f"exp({prime}*s)", "1"
    yield "170141183460469231731687303715884105727*exp(x) - exp(x)", "-exp(x)"
    # Branches of logarithms, roots and powers.
    yield "log(x**2)", "2*log(x)"
    yield "log(x*y)", "log(x) + log(y)"
    yield "log(x/y)", "log(x) - log(y)"
    yield "sqrt(x**2)", "x"
    yield "sqrt(x*y)", "sqrt(x)*sqrt(y)"
    yield "(x**2)**(3/2)", "x**3"
    yield "(x**3)**(1/3)", "x"
    yield "(x**4)**(1/4)", "x"
    yield "sqrt(x**6)", "x**3"
    yield "exp(log(x))", "x"
    yield "exp(2*log(x))", "x**2"
    yield "log(exp(x)*y)", "x + y"
    yield "abs(x)", "x"
    yield "abs(x*y)", "x*abs(y)"
    yield "abs(x + y)", "abs(x) + abs(y)"
    yield "sqrt((x - y)**2)", "x - y"
    yield "arcsin(sin(x))", "x"
    yield "arccos(cos(x))", "x"
    yield "arctan(tan(x))", "x"
    yield "logdet(A)", "log(det(A))/1 + 0*logdet(A) + 1e-50"
    yield "sqrt(p + q)", "sqrt(p) + sqrt(q)"
    yield "log(p + q)", "log(p) + log(q)"
    yield "log(p)*log(q)", "log(p*q)"
    yield "exp(x + y)", "exp(x) + exp(y)"
    yield "exp(x*y)", "exp(x)*exp(y)"
    yield "exp(x)**2", "exp(x**2)"
    yield "exp(s)*x", "exp(s*x)"
    yield "p**x * p**y", "p**(x*y)"
    # Kinks and thresholds far from where one looks.
    yield "relu(x - 100)", "0*x"
    yield "relu(x + 100)", "x + 100"
    yield "relu(x - 1000000)", "0*x"
    yield "relu(x - 100) * relu(101 - x)", "0*x"
    yield "sign(relu(x + 100))**2", "ones(n)"
    yield "sign(relu(x + 100))", "ones(n)"
    yield "step(x + 50)", "ones(n)"
    yield "step(relu(x))", "(1 + sign(relu(x)))/2"
    yield "abs(x + 1000)", "x + 1000"
    yield "maximum(x, y - 500)", "x"
    yield "minimum(x, 300)", "x"
    yield "sign(x)", "tanh(100000*x)"
    yield "sign(x)", "erf(1000*x)"
    yield "step(x)", "sigmoid(100000*x)"
    yield "relu(x)", "softplus(1000000*x)/1000000"
    yield "abs(x)", "sqrt(x**2 + 1e-100)"
    yield "abs(x)", "x*tanh(1000000*x)"
    yield "x/(abs(x) + 1e-60)", "sign(x)"
    yield "maximum(x, y)", "(x + y + abs(x - y))/2 + 1e-55"
    yield "maximum(x, y)", "log(exp(1000*x) + exp(1000*y))/1000"
    yield "max(x)", "logsumexp(100000*x)/100000"
    yield "exp(-1000000*x**2)", "0*x"
    yield "1/(1 + exp(-10000*x))", "step(x)"
    yield "tanh(100*A @ A.T)", "ones(d, d)"
    # Zero over zero, nowhere defined, differences of domains.
    yield "x*(sin(x)**2 + cos(x)**2 - 1)/(sin(x)**2 + cos(x)**2 - 1)**2", "x"
    yield "x + log(-exp(x))", "x"
    yield "sqrt(-1 - x**2)", "0*x"
    yield "x*log(x)/log(x)", "x + 1e-70"
    yield "inv(A - A.T - A + A.T + 0*A)", "A"
    yield "inv(outer(w, w))", "outer(1/w, 1/w)"
    yield "arcsin(2 + x**2)", "x"
    # Functions taken for one another.
    yield "sigmoid(x)*sigmoid(-x)", "sigmoid(x)*(1 + sigmoid(x))"
    yield "1 - tanh(x)**2", "1 - tanh(x)"
    yield "1 - tanh(x)**2", "sigmoid(2*x)*(1 - sigmoid(2*x))"
    yield "cosh(x)**2 + sinh(x)**2", "ones(n)"
    yield "sin(2*x)", "2*sin(x)"
    yield "cos(2*x)", "cos(x)**2 + sin(x)**2"
    yield "sin(x)**2 - cos(x)**2", "ones(n)"
    yield "tan(x)**2", "1/cos(x)**2"
    yield "softmax(x + y)", "softmax(x)*softmax(y)"
    yield "softmax(2*x)", "softmax(x)"
    yield "softmax(x)", "exp(x)"
    yield "softmax(x + s)", "softmax(x) + s"
    yield "logsumexp(x + s)", "logsumexp(x)"
    yield "logsumexp(x)", "sum(x)"
    yield "softplus(x) + softplus(-x)", "abs(x)"
    yield "softplus(-x)", "-softplus(x)"
    yield "gelu(x)", "x*sigmoid(x)"
    yield "gelu(x)", "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))/2"
    yield "lgamma(p + 1)", "lgamma(p) + p"
    yield "erf(x)", "tanh(2*x/sqrt(pi))"
    # Sums and inverses of rank-deficient products.
    yield "inv(X.T @ X) @ X.T", "X.T"
    yield "inv(X.T @ X + eye(d)) @ X.T", "X.T @ inv(X @ X.T + 2*eye(n))"
    yield "inv(X.T @ X + eye(d)) @ X.T", "inv(X.T @ X) @ X.T"
    yield "inv(A + outer(w, w))", "inv(A) - outer(inv(A) @ w, inv(A) @ w)/(1 + w @ inv(A) @ w)"
    yield "det(eye(d) + outer(w, w))", "1 - w @ w"
    yield "X @ inv(X.T @ X) @ X.T", "eye(n)"
    yield "inv(eye(d) + A)", "eye(d) - A"
    yield "inv(eye(d) - A)", "eye(d) + A + A @ A + A @ A @ A"
    yield "inv(A) @ inv(B)", "inv(A @ B)"


if __name__ == "__main__":
    from collections import Counter

    import derive as dv

    counts: Counter[str] = Counter()
    for left, right in equations():
        found = dv.check_equal(left, right, variables=VARIABLES, facts=FACTS)
        counts[found.status] += 1
        if found.status != "refuted":
            print(f"{left} == {right}\n  {found}")
    print(dict(counts))
