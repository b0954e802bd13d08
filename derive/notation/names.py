"""How names are written in LaTeX: Greek as Greek, digits and underscores as subscripts."""

from __future__ import annotations

import re

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
).split()
_SPECIAL = {
    "lam": "\\lambda",
    "lambda": "\\lambda",
    "eps": "\\varepsilon",
    "ell": "\\ell",
    "epsilon": "\\varepsilon",
}


def latex_name(name: str) -> str:
    """`mu` → \\mu, `W1` → W_{1}, `x_train` → x_{\\mathrm{train}}, `rate` → \\mathrm{rate}."""
    head, _, tail = name.strip("_").partition("_")
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", head)
    subscript = []
    if match:
        head, digits = match.groups()
        subscript.append(digits)
    if tail:
        subscript += [_word(part) for part in tail.split("_") if part]
    return _word(head) + ("_{" + ",".join(subscript) + "}" if subscript else "")


def _word(word: str) -> str:
    if word in _SPECIAL:
        return _SPECIAL[word]
    if word in _GREEK:
        return "\\" + word
    if len(word) == 1 or word.isdigit():
        return word
    return "\\mathrm{" + word + "}"
