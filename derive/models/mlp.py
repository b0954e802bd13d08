"""Multilayer perceptron: any number of layers, tanh, relu or softplus, squared or cross-entropy loss.

The statement is generated, layer by layer, as one formula of the text language.
"""

from __future__ import annotations

import numpy as np

from .model import Arrays, Claim, Model, one_hot

ACTIVATIONS = ("tanh", "relu", "softplus")
LOSSES = ("cross_entropy", "squared")


def mlp(layers: int = 2, activation: str = "tanh", loss: str = "cross_entropy") -> Model:
    """The model with that many layers of weights.

    Shapes: X (n, d0), Wl (d{l-1}, dl), bl (dl), Y (n, d{layers}); lam weighs the squared weights.
    """
    if layers < 1 or activation not in ACTIVATIONS or loss not in LOSSES:
        raise ValueError(f"mlp needs layers ≥ 1, an activation of {ACTIVATIONS} and a loss of {LOSSES}")
    output = "X"
    for level in range(1, layers + 1):
        output = f"{output} @ W{level} + b{level}"
        if level < layers:
            output = f"{activation}({output})"
    if loss == "cross_entropy":
        data_term = f"mean(logsumexp({output}, axis=1)) - sum(Y * ({output}))/n"
    else:
        data_term = f"sumsq({output} - Y)/(2*n)"
    penalty = " + ".join(f"sumsq(W{level})" for level in range(1, layers + 1))
    variables: dict[str, tuple[str, ...]] = {"X": ("n", "d0"), "Y": ("n", f"d{layers}"), "lam": ()}
    unknowns: list[str] = []
    for level in range(1, layers + 1):
        variables[f"W{level}"] = (f"d{level - 1}", f"d{level}")
        variables[f"b{level}"] = (f"d{level}",)
        unknowns += [f"W{level}", f"b{level}"]

    def start(arrays: Arrays, rng: np.random.Generator) -> Arrays:
        widths = [arrays["X"].shape[1], *[16] * (layers - 1), arrays["Y"].shape[1]]
        point: Arrays = {}
        for level in range(1, layers + 1):
            fan_in, fan_out = widths[level - 1], widths[level]
            point[f"W{level}"] = rng.standard_normal((fan_in, fan_out)) * np.sqrt(1 / fan_in)
            point[f"b{level}"] = np.zeros(fan_out)
        return point

    return Model(
        name="mlp",
        title=f"Multilayer perceptron ({layers} layers, {activation}, {loss.replace('_', ' ')})",
        statement=f"{data_term} + lam/2*({penalty})",
        variables=variables,
        facts={"lam": ("positive",)},
        unknowns=tuple(unknowns),
        data_set="digits",
        prepare=lambda raw: {"X": raw["X"] / 16.0, "Y": one_hot(raw["y"]), "lam": 1e-3},
        start=start,
        claims=_textbook() if (layers, activation, loss) == (2, "tanh", "cross_entropy") else (),
        source="Goodfellow, Bengio, Courville, Deep Learning, ch. 6",
    )


def _textbook() -> tuple[Claim, ...]:
    """Back-propagation through two layers, and the blocks of the Hessian on its diagonal (Bishop, §5.3 and §5.4)."""
    hidden = "tanh(X @ W1 + b1)"
    shares = f"softmax({hidden} @ W2 + b2, axis=1)"
    slope = f"(1 - {hidden}**2)"
    back = f"(({shares} - Y) @ W2.T*{slope})"
    bend = f"(-2*{hidden}*{back})"
    mixed = f"(({shares} @ W2.T)*{slope})"
    return (
        Claim("gradient", "W1", f"X.T @ {back}/n + lam*W1"),
        Claim("gradient", "b1", f"sum({back}, axis=0)/n"),
        Claim("gradient", "W2", f"{hidden}.T @ ({shares} - Y)/n + lam*W2"),
        Claim("gradient", "b2", f"sum({shares} - Y, axis=0)/n"),
        Claim(
            "hessian",
            "W1",
            f'(einsum("ni,nj,na,ar,nr,br,nb->iajb", X, X, {slope}, W2, {shares}, W2, {slope})'
            f' - einsum("ni,nj,na,nb->iajb", X, X, {mixed}, {mixed})'
            f' + einsum("ni,nj,na,ab->iajb", X, X, {bend}, eye(d1)))/n'
            ' + lam*einsum("ij,ab->iajb", eye(d0), eye(d1))',
        ),
        Claim(
            "hessian",
            "b1",
            f'(einsum("na,ar,nr,br,nb->ab", {slope}, W2, {shares}, W2, {slope}) - {mixed}.T @ {mixed}'
            f" + diag(sum({bend}, axis=0)))/n",
        ),
        Claim(
            "hessian",
            "W2",
            f'(einsum("na,nb,nr,rs->arbs", {hidden}, {hidden}, {shares}, eye(d2))'
            f' - einsum("na,nb,nr,ns->arbs", {hidden}, {hidden}, {shares}, {shares}))/n'
            ' + lam*einsum("ab,rs->arbs", eye(d1), eye(d2))',
        ),
        Claim("hessian", "b2", f"(diag(sum({shares}, axis=0)) - ({shares}).T @ {shares})/n"),
    )


MODEL = mlp()
