"""LaTeX formulas have the values of their readings in the text language."""

from __future__ import annotations

import numpy as np
import pytest

from derive.build import is_zero
from derive.domains import Array
from derive.errors import DeriveError
from derive.evaluate import evaluate
from derive.node import Node, size_symbols
from derive.node import variables as occurring
from derive.statement.declarations import declare
from derive.statement.latex import parse_latex_node, parse_latex_statement
from derive.statement.text import parse_node

from .corpus import Case, cases

SHAPES = {
    "X": ["n", "d"],
    "w": ["d"],
    "y": ["n"],
    "lam": [],
    "A": ["n", "n"],
    "B": ["n", "n"],
    "W": ["d", "k"],
    "Y": ["n", "k"],
    "S": ["d", "d"],
    "mu": ["k", "d"],
    "m": ["d"],
    "b": ["k"],
    "x": ["n"],
    "z": ["n"],
    "c": ["n"],
    "C": ["k", "d", "d"],
    "p": ["k"],
    "eta": [],
    "w1": ["d"],
    "W1": ["d", "h"],
    "sg": [],
    "P": ["n", "q"],
    "Q": ["n", "q"],
    "s": [],
}
FACTS = {"S": ["pd"], "p": ["positive"], "sg": ["positive"]}
VARIABLES = declare(SHAPES, FACTS)
SIZES = {"n": 5, "d": 3, "k": 4, "q": 2, "h": 2}


def data() -> dict[str, Array]:
    """Numbers for all of them: S and the C_k positive definite, p and the scalars positive."""
    rng = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for name, sizes in SHAPES.items():
        array = np.asarray(rng.standard_normal([SIZES[s] for s in sizes]))
        found[name] = np.abs(array) + 0.5 if not sizes or name == "p" else array
    found["S"] = found["S"] @ found["S"].T + np.eye(3)
    found["C"] = np.einsum("kij,klj->kil", found["C"], found["C"]) + np.eye(3)
    return found


DATA = data()


def value(node: Node) -> Array:
    names = {v.name for v in occurring(node)} | {s.name for s in size_symbols(node)}
    return evaluate(node, {k: v for k, v in {**SIZES, **DATA}.items() if k in names})


FORMULAS: list[tuple[str, str, dict[str, str] | None]] = [
    (
        r"\frac1n\sum_{i=1}^n \log(1+e^{-y_i x_i^\top w})+\frac\lambda2\|w\|_2^2",
        "mean(log(1+exp(-y*(X@w))))+lam/2*sumsq(w)",
        {"x": "X"},
    ),
    (r"\sum_{i=1}^n \log(1+e^{-y_i X_i^\top w})", "sum(log(1+exp(-y*(X@w))))", None),
    (
        r"-\sum_{i=1}^n y_i\log\sigma(x_i^\top w)+(1-y_i)\log(1-\sigma(x_i^\top w))",
        "-sum(y*log(sigmoid(X@w))+(1-y)*log(1-sigmoid(X@w)))",
        {"x": "X"},
    ),
    (
        r"-\sum_i\Big[ y_i\log\sigma(X_i^\top w)+(1-y_i)\log\big(1-\sigma(X_i^\top w)\big)\Big]",
        "-sum(y*log(sigmoid(X@w))+(1-y)*log(1-sigmoid(X@w)))",
        None,
    ),
    (
        r"-\sum_{i=1}^n\sum_{j=1}^k Y_{ij}\log\frac{e^{w_j^\top X_i}}{\sum_{l=1}^k e^{w_l^\top X_i}}",
        "-sum(Y*log_softmax(X@W,axis=1))",
        {"w": "W"},
    ),
    (r"\sum_{i,j} X_{ij}^2", "sumsq(X)", None),
    (r"\sum_{ij} X_{ij}^2", "sumsq(X)", None),
    (r"\sum_{i=1}^{n}\sum_{j=1}^{d}|X_{ij}|", "sum(abs(X))", None),
    (r"\operatorname{tr}(X^\top A X)", "tr(X.T@A@X)", None),
    (r"\mathrm{tr}\,X^TAX", "tr(X.T@A@X)", None),
    (r"\text{Tr}\big[X^{\mathsf T}AX\big]", "tr(X.T@A@X)", None),
    (r"tr(A X X^{\intercal})", "tr(A@X@X.T)", None),
    (r"\log|\Sigma|+\operatorname{tr}(\Sigma^{-1})", "logdet(S)+tr(inv(S))", None),
    (r"\log\det\Sigma", "logdet(S)", None),
    (r"\ln\lvert\Sigma\rvert", "logdet(S)", None),
    (r"\ln\det(\Sigma)", "logdet(S)", None),
    (r"\sum_{k=1}^{k}\|\mu_k\|_2", "sum(sqrt(sum(mu**2,axis=1)))", None),
    (r"\sum_{j}\log\det\Sigma_j", "sum(logdet(C))", {r"\Sigma": "C"}),
    (
        r"-\sum_{i=1}^n\log\sum_{j=1}^k\pi_j\,|\Sigma_j|^{-1/2}\exp\left(-\frac12(X_i-\mu_j)^\top\Sigma_j^{-1}(X_i-\mu_j)\right)",
        '-sum(log(einsum("j,j,ij->i",p,det(C)**(-1/2),exp(-einsum("ija,jab,ijb->ij",X[:,None,:]-mu[None,:,:],inv(C),X[:,None,:]-mu[None,:,:])/2))))',
        {r"\Sigma": "C", r"\pi": "p"},
    ),
    (r"y\odot(Xw)", "y*(X@w)", None),
    (r"y \odot X w", "y*(X@w)", None),
    (r"y\circ Xw", "y*(X@w)", None),
    (r"\langle y, Xw\rangle", "y@X@w", None),
    (r"y\cdot Xw", "y@(X@w)", None),
    (r"\left\langle A, B\right\rangle", "sum(A*B)", None),
    (r"\langle A,B\rangle_F", "sum(A*B)", None),
    (r"A\otimes B", "kron(A,B)", None),
    (r"\mathbf{1}^\top X\mathbf 1", "sum(X)", None),
    (r"\mathbb{1}_n^\top y", "sum(y)", None),
    (r"\frac1n\mathbf 1^\top(Xw-y)", "mean(X@w-y)", None),
    (r"X^\top\left(I-\frac1n\mathbf 1\mathbf 1^\top\right)X", "X.T@(eye(n)-ones(n,n)/n)@X", None),
    (r"(X^\top X+\lambda I_d)^{-1}X^\top y", "inv(X.T@X+lam*eye(d))@X.T@y", None),
    (r"(X^\top X+n\lambda \mathbf I)^{-1}X^\top y", "inv(X.T@X+n*lam*eye(d))@X.T@y", None),
    (r"w^* = (X^\top X)^{-1}X^\top y", "inv(X.T@X)@X.T@y", None),
    (r"\hat w = (X^\top X)^{-1}X^\top y", "inv(X.T@X)@X.T@y", None),
    (r"\frac{\partial L}{\partial w_j} = \sum_{i=1}^n (X_i^\top w - y_i)X_{ij}", "X.T@(X@w-y)", None),
    (
        r"\frac{\partial L}{\partial W_{jk}} = \sum_i X_{ij}(\sum_l X_{il}W_{lk} - Y_{ik})",
        "X.T@(X@W-Y)",
        None,
    ),
    (r"\frac{\partial f}{\partial w_j} = \sum_i x_{ij}(x_i^\top w-y_i)", "X.T@(X@w-y)", {"x": "X"}),
    (
        r"\nabla^2 f(w) = X^\top \operatorname{diag}(\sigma(Xw)\odot(1-\sigma(Xw)))X",
        "X.T@diag(sigmoid(X@w)*(1-sigmoid(X@w)))@X",
        None,
    ),
    (r"\nabla_w^2 f = 2I", "2*eye(d)", None),
    (r"\nabla^2_w f = X^\top X + \lambda I", "X.T@X+lam*eye(d)", None),
    (
        r"H = X^\top D X,\quad D=\operatorname{diag}(u\odot(1-u)),\; u=\sigma(Xw)",
        "X.T@diag(sigmoid(X@w)*(1-sigmoid(X@w)))@X",
        None,
    ),
    (r"\sum_{i=1}^n \max\{0, 1-y_i w^\top X_i\}", "sum(relu(1-y*(X@w)))", None),
    (r"\sum_i [1-y_i X_i^\top w]_+", "sum(relu(1-y*(X@w)))", None),
    (r"\sum_i (1-y_i X_i^\top w)_+^2", "sum(relu(1-y*(X@w))**2)", None),
    (r"\|Xw-y\|_1", "norm(X@w-y,1)", None),
    (r"\|w\|_\infty", "max(abs(w))", None),
    (r"||Xw-y||^2", "sumsq(X@w-y)", None),
    (r"\left|\left| Xw-y\right|\right|^2", "sumsq(X@w-y)", None),
    (r"\sum_{i=1}^n (y^{(i)} - w^\top x^{(i)})^2", "sumsq(y-X@w)", {"x": "X"}),
    (r"\sqrt{w^\top w+1}", "sqrt(w@w+1)", None),
    (r"\sqrt[3]{w^\top w}", "(w@w)**(1/3)", None),
    (r"\sigma'(Xw)", "sigmoid(X@w)*(1-sigmoid(X@w))", None),
    (r"\tanh'(Xw)", "1-tanh(X@w)**2", None),
    (r"\operatorname{logsumexp}(Xw)", "logsumexp(X@w)", None),
    (r"\log\sum_i\exp(X_i^\top w)", "logsumexp(X@w)", None),
    (r"\frac12\lVert Xw-y\rVert^2+\lambda\lVert w\rVert_1", "sumsq(X@w-y)/2+lam*norm(w,1)", None),
    (r"\mathbf{X}^\top(\mathbf{X}\mathbf{w}-\mathbf{y})", "X.T@(X@w-y)", None),
    (r"\bm{X}^{\top}\bm{y}", "X.T@y", None),
    (r"x^\top A x\cdot x", "(x@A@x)*x", None),
    (r"A\,x^\top x", "A*(x@x)", None),
    (r"x x^\top z", "x*(x@z)", None),
    (r"xx^\top", "outer(x,x)", None),
    (r"A^2", "A@A", None),
    (r"A^{-2}", "inv(A)@inv(A)", None),
    (r"A^{-\top}x", "inv(A).T@x", None),
    (r"A^{-T}x", "inv(A).T@x", None),
    (r"\sum_i\sum_j A_{ij}x_ix_j", "x@A@x", None),
    (r"\sum_{i,j=1}^n A_{ij}x_i x_j", "x@A@x", None),
    (r"\sum_i A_{ii}", "tr(A)", None),
    (
        r"\sum_{i=1}^n \log \left( \sum_{j=1}^k e^{\mu_j^\top X_i} \right)",
        "sum(logsumexp(X@mu.T,axis=1))",
        None,
    ),
    (r"\max_i x_i", "max(x)", None),
    (r"\frac{1}{n}\sum_{i}\left(X_{i}^{\top}w-y_{i}\right)X_{i}", "X.T@(X@w-y)/n", None),
    (r"e^{-\frac{\|x-z\|^2}{2}}", "exp(-sumsq(x-z)/2)", None),
    (r"\exp\{-\|x-z\|^2\}", "exp(-sumsq(x-z))", None),
    (r"\|w_1\|^2", "sumsq(w1)", None),
    (r"XW_1", "X@W1", None),
    (r"\eta w", "eta*w", None),
    (r"\cos(x)\odot z", "cos(x)*z", None),
    (r"\frac{\mathrm d f}{\mathrm d w} = X^\top y", "X.T@y", None),
    (r"$\nabla f(w) = X^\top y$", "X.T@y", None),
    (
        r"\begin{align*} f(w) &= \frac12\|Xw-y\|^2 \\ &\quad + \lambda\|w\|_1 \end{align*}",
        "sumsq(X@w-y)/2+lam*norm(w,1)",
        None,
    ),
    (r"\[ X^\top y. \]", "X.T@y", None),
    (r"w^\top X^\top", "X@w", None),
    (r"\operatorname{vec}(X)", "vec(X)", None),
    (r"\operatorname{diag}(x)A", "diag(x)@A", None),
    (r"x^\top A^{-1} x", "x@inv(A)@x", None),
    (r"\sum_{k}\pi_k \log \pi_k", "sum(p*log(p))", {r"\pi": "p"}),
    (r"\log_2 (s)", "log(s)/log(2)", None),
    (r"\sin^2 (s)+\cos^2(s)", "1+0*s", None),
    (r"\sum_i\sin^2 x_i", "sum(sin(x)**2)", None),
    (r"\sin 2x", "sin(2*x)", None),
    (r"\frac{1}{2\sigma^2}\|Xw-y\|^2 + n\log\sigma", "sumsq(X@w-y)/(2*sg**2)+n*log(sg)", {r"\sigma": "sg"}),
    (r"1/n \sum_{i=1}^n (X_i^\top w-y_i)^2", "mean((X@w-y)**2)", None),
    (r"(1/n)\|Xw-y\|^2", "sumsq(X@w-y)/n", None),
    (r"\|Xw-y\|^2/n", "sumsq(X@w-y)/n", None),
    (r"\|Xw-y\|^2/(2n)", "sumsq(X@w-y)/(2*n)", None),
    (r"\prod_j \pi_j", "exp(sum(log(p)))", {r"\pi": "p"}),
    (r"\nabla_{\mu_k} f = \sum_i Y_{ik}(\mu_k - X_i)", "diag(sum(Y,axis=0))@mu-Y.T@X", None),
    (
        r"\nabla_{W}f = X^\top(\operatorname{softmax}_{\mathrm{row}}(XW)-Y)",
        "X.T@(softmax(X@W,axis=1)-Y)",
        None,
    ),
    (r"\|P\odot(Q-P)\|_F^2", "sumsq(P*(Q-P))", None),
    (r"\sum_i \mathbb{1}[x_i \le z_i] c_i", "sum(where(x<=z,c,0))", None),
    (r"\sum_i X_i \mathbf 1\{0 < x_i < z_i\}", "sum(where(0<x<z,1,0)[:,None]*X,axis=0)", None),
    (r"\sum_i \mathbb 1_{\{x_i \neq z_i\}}[c_i > 0]", "sum(where(x!=z,where(c>0,1,0),0))", None),
    (r"X^\top \mathbb I(Xw > y)", "X.T@where(X@w>y,1,0)", None),
    (r"\sum_{i : x_i > z_i} X_i", "sum(where(x>z,1,0)[:,None]*X,axis=0)", None),
    (r"\sum_{i \mid x_i \ge 0} c_i", "sum(where(x>=0,c,0))", None),
    (r"\sum_{i<j} A_{ij} + \sum_{i \ge j} B_{ij}", "sum(triu(A,1))+sum(tril(B))", None),
    (r"\sum_{i=1}^n x_i \sum_{j \ne i} z_j", "sum(x)*sum(z)-x@z", None),
    (r"\sum_{i,j} \mathbb 1[i = j] A_{ij}", "tr(A)", None),
    (r"\sum_{i=1}^{n-2} (x_{i+2}-2x_{i+1}+x_i)^2", "sumsq(x[2:]-2*x[1:-1]+x[:-2])", None),
    (r"\sum_{t=2}^{n} X_{t-1}^\top X_t", "sum(X[:-1]*X[1:])", None),
    (
        r"\sum_i \begin{cases} \frac12 x_i^2 & \text{if } |x_i| \le 1, \\ |x_i|-\frac12 & \text{else} \end{cases}",
        "sum(where(abs(x)<=1,x**2/2,abs(x)-1/2))",
        None,
    ),
    (r"\begin{cases} x & x_1 > z_1 \\ -z & x_1 \le z_1 \end{cases}", "where(x[0]>z[0],x,-z)", None),
    (r"(A+B)'x + X'^\top w", "(A+B).T@x+X@w", None),
    (r"\log\Gamma(s) + \psi(s)", "lgamma(s)+digamma(s)", None),
    (r"\|w-m\|_{S^{-1}}^2", "(w-m)@inv(S)@(w-m)", None),
    (r"\min_{w \in \mathbb R^d} \|Xw-y\|^2", "sumsq(X@w-y)", None),
    (r"\underset{w}{\text{minimize}} \; w^\top w", "sumsq(w)", None),
    (r"\operatorname{tr} A B", "tr(A@B)", None),
    (r"X_1^\top w", "X[0]@w", None),
    (r"x_1+x_n", "x[0]+x[-1]", None),
    (r"\sum_i (Xw-y)_i^2", "sumsq(X@w-y)", None),
    (r"(Xw)_1", "(X@w)[0]", None),
    (r"-\log\frac{e^{x_1}}{\sum_j e^{x_j}}", "-log_softmax(x)[0]", None),
    (r"A_{1,2}", "A[0,1]", None),
    (r"X_{:,1}", "X[:,0]", None),
    (r"X_{\cdot 1}", "X[:,0]", None),
    (r"X_{1:}", "X[0]", None),
    (r"\frac{2}{n}X^{\top}(Xw-y)+2\lambda w", "2/n*X.T@(X@w-y)+2*lam*w", None),
    (r"(y - Xw)^\top (y - Xw)", "sumsq(y-X@w)", None),
    (r"\tfrac{1}{2}w^{\!\top}Sw", "w@S@w/2", None),
    (
        r"\frac d2\log 2\pi+\frac12\ln|S|+\frac12(w-m)^\top S^{-1}(w-m)",
        "d/2*log(2*pi)+logdet(S)/2+(w-m)@inv(S)@(w-m)/2",
        None,
    ),
]


@pytest.mark.parametrize(("latex", "text", "symbols"), FORMULAS, ids=[f[0] for f in FORMULAS])
def test_reading(latex: str, text: str, symbols: dict[str, str] | None) -> None:
    """The LaTeX formula and the text formula agree entry by entry."""
    found = value(parse_latex_node(latex, VARIABLES, symbols))
    expected = value(parse_node(text, VARIABLES))
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("latex", "kind", "wrt"),
    [
        (r"f(w) = \|w\|^2", "value", None),
        (r"J(\theta)=\|w\|^2", "value", None),
        (r"\mathcal{L}(W, w) := \|w\|^2", "value", None),
        (r"\|w\|^2", "value", None),
        (r"\nabla_w f = 2w", "gradient", "w"),
        (r"\nabla f(w) = 2w", "gradient", "w"),
        (r"\nabla_{w}J= 2w", "gradient", "w"),
        (r"\nabla f = 2w", "gradient", None),
        (r"\frac{\partial L}{\partial w} = 2w", "gradient", "w"),
        (r"\partial f/\partial w = 2w", "gradient", "w"),
        (r"\partial_w f = 2w", "gradient", "w"),
        (r"\frac{\partial}{\partial w} f(w) = 2w", "gradient", "w"),
        (r"\frac{\partial L}{\partial \mathbf{w}} = 2\mathbf w", "gradient", "w"),
        (r"\nabla^2 f(w) = 2I", "hessian", "w"),
        (r"\nabla_w^2 f = 2I", "hessian", "w"),
        (r"\nabla^2_{ww} f = 2I", "hessian", "w"),
        (r"\frac{\partial^2 f}{\partial w \partial w^\top} = 2I", "hessian", "w"),
        (r"\frac{\partial^2 f}{\partial w^2} = 2I", "hessian", "w"),
        (r"w^\star = (X^\top X)^{-1}X^\top y", "minimiser", "w"),
        (r"\hat{w} = (X^\top X)^{-1}X^\top y", "minimiser", "w"),
        (r"w \leftarrow w - \eta X^\top(Xw-y)", "update", "w"),
        (r"\frac{\partial L}{\partial W_{jk}} = W_{jk}", "gradient", "W"),
    ],
)
def test_left_side(latex: str, kind: str, wrt: str | None) -> None:
    """The left side says what the right side is, and with respect to what."""
    found = parse_latex_statement(latex, VARIABLES)
    assert (found.kind, found.wrt) == (kind, wrt)


def test_rows_are_known() -> None:
    """A row has one axis, as a column has; the statement says which it is."""
    assert parse_latex_statement(r"w^\top X^\top", VARIABLES).row
    assert not parse_latex_statement(r"Xw", VARIABLES).row


def test_zero_takes_the_shape_of_the_unknown() -> None:
    """∇_w f = 0 is the zero vector."""
    node = parse_latex_node(r"\nabla_w f = 0", VARIABLES)
    assert is_zero(node) and node.shape == VARIABLES["w"].shape


@pytest.mark.parametrize("latex", ["I", r"\mathbf 1", r"2I - \tfrac1n\mathbf 1\mathbf 1^\top"])
def test_sizes_by_the_expected_shape(latex: str) -> None:
    """A lone identity takes the size that is asked for, and is an error otherwise."""
    order = 1 if latex == r"\mathbf 1" else 2
    shape = VARIABLES["w"].shape * order
    assert parse_latex_node(latex, VARIABLES, shape=shape).shape == shape
    with pytest.raises(DeriveError, match="size"):
        parse_latex_node(latex, VARIABLES)


@pytest.mark.parametrize("case", cases("latex_formulas"), ids=lambda c: c["latex"])
def test_spellings(case: Case) -> None:
    """Formulas as papers write them have the values of the same formulas in the text language."""
    declared = declare(case["declare"], case["facts"])
    nodes = parse_latex_node(case["latex"], declared, case["symbols"]), parse_node(case["text"], declared)
    rng = np.random.default_rng(1)
    sizes = {"n": 5, "d": 3, "k": 4}
    arrays = {}
    for name, shape in case["declare"].items():
        array = np.asarray(rng.standard_normal([sizes[s] for s in shape]))
        if "pd" in case["facts"].get(name, ()):
            array = array @ array.T + np.eye(len(array))
        arrays[name] = np.abs(array) + 0.5 if array.ndim < 2 else array
    found, expected = (
        evaluate(
            node,
            {
                **{v.name: arrays[v.name] for v in occurring(node)},
                **{s.name: sizes[s.name] for s in size_symbols(node)},
            },
        )
        for node in nodes
    )
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-10, atol=1e-12)
