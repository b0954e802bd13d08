"""Words and commands of LaTeX: which are functions, and what is refused by name with a remedy."""

from __future__ import annotations

import difflib

from ..errors import ParseError, UnknownNameError
from ..operators import REGISTRY, Elementwise
from .functions import FUNCTIONS
from .latex_whole import record_of

#: Functions that are commands, by the name under which they are known here.
COMMAND_FUNCTIONS = {
    **{n: n for n in "exp log sin cos tan sinh cosh tanh arcsin arccos arctan det max min".split()},
    **{n: n for n in "sec csc cot sech csch coth".split()},
    "ln": "log",
    "Tr": "tr",
    "tr": "tr",
    "diag": "diag",
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "relu": "relu",
    "ReLU": "relu",
    "sign": "sign",
    "sgn": "sign",
    "logsumexp": "logsumexp",
}
#: Greek letters that are functions where they are applied to an argument and not declared.
SIGMA_LIKE = {"sigma": "sigmoid", "Gamma": "gamma", "psi": "digamma"}
#: Functions of matrices: without brackets they take the whole product that follows.
WHOLE_PRODUCT = frozenset({"tr", "det", "logdet", "vec", "diag", "inv"})
#: Functions that mean something else than entry by entry on a square matrix.
MATRIX_FUNCTIONS = frozenset({"exp", "log", "sqrt", "sin", "cos", "sinh", "cosh"})

_WORDS = {
    "trace": "tr",
    "ln": "log",
    "sgn": "sign",
    "signum": "sign",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "sigm": "sigmoid",
    "lse": "logsumexp",
    "log_sum_exp": "logsumexp",
    "log_softmax": "log_softmax",
    "logsoftmax": "log_softmax",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "arctanh": "arctanh",
    "log_det": "logdet",
    "vect": "vec",
    "log1p": "log1p",
    "gammaln": "lgamma",
    "abs": "abs",
    "determinant": "det",
}
_ALLOWED = (
    {"tr", "det", "logdet", "inv", "diag", "vec", "sum", "mean", "sumsq", "norm", "softmax"}
    | {
        "logsumexp",
        "log_softmax",
        "max",
        "min",
        "sqrt",
        "square",
        "kron",
        "dot",
        "outer",
    }
    | set("sec csc cot sech csch coth".split())
)
#: What stands in lecture notes and is not read, with what to write instead.
REFUSED = {
    "infty": "numbers are finite",
    "pinv": "write (X^\\top X)^{-1} X^\\top",
    "dagger": "write (X^\\top X)^{-1} X^\\top for the pseudo-inverse",
    "int": "integrals are not part of the language",
    "iint": "integrals are not part of the language",
    "oint": "integrals are not part of the language",
    "lim": "limits are not part of the language",
    "sup": "write \\max over an index, or give the value",
    "inf": "write \\min over an index, or give the value",
    "argmax": "state the objective itself",
    "argmin": "state the objective itself",
    "arg": "state the objective itself",
    "mathbb{E}": "write the mean as \\frac1n\\sum_i",
    "mathbb{R}": "sizes are declared, not written into the formula",
    "mathbb{P}": "write the probability as a formula",
    "mathcal{N}": "write the density out",
    "rank": "the rank is not differentiable",
    "dots": "write the sum with \\sum",
    "ldots": "write the sum with \\sum",
    "cdots": "write the sum with \\sum",
    "ddots": "matrices are declared, not written out",
    "vdots": "matrices are declared, not written out",
    "oplus": "write + or concatenation in the text language",
    "boxtimes": "write \\otimes for the Kronecker product",
    "cup": "sets are not part of the language",
    "cap": "sets are not part of the language",
    "in": "sets are not part of the language",
    "forall": "quantifiers are not part of the language",
    "mid": "conditional densities are written out",
    "given": "conditional densities are written out",
    "lfloor": "rounding is not part of the language",
    "lceil": "rounding is not part of the language",
    "binom": "write \\exp of log-gamma functions",
    "Pr": "write the probability as a formula",
    "sim": "distributions are written out as densities",
    "approx": "an approximation is no statement",
    "propto": "write the equation with its factor",
    "le": "constraints are given apart from the formula",
    "leq": "constraints are given apart from the formula",
    "ge": "constraints are given apart from the formula",
    "geq": "constraints are given apart from the formula",
    "neq": "constraints are given apart from the formula",
    "to": "write \\leftarrow for an update, = for an equation",
    "mapsto": "write \\leftarrow for an update, = for an equation",
}


def word_function(word: str) -> str | None:
    """The function that a word such as `Tr` or `ReLU` names, or None."""
    if word in _WORDS or word.lower() in _WORDS:
        return _WORDS.get(word) or _WORDS[word.lower()]
    for name in (word, word.lower()):
        if name in _ALLOWED and name in FUNCTIONS:
            return name
        operator = REGISTRY.get(name)
        if isinstance(operator, Elementwise) and name in FUNCTIONS:
            return name
    for operator in REGISTRY.values():  # printed with a space, which is lost in reading
        if (
            isinstance(operator, Elementwise)
            and "_" in operator.name
            and operator.name.replace("_", "") == word
        ):
            return operator.name
    whole = record_of(word)
    return whole.name if whole is not None else "tr" if word == "Tr" else None


def refusal(name: str, text: str, position: int, word: bool = False) -> ParseError:
    """The error for a command or word that is not read, with a suggestion."""
    shown = name if word else f"\\{name}"
    shown = shown if len(shown) <= 40 else shown[:37] + "…"
    hint = REFUSED.get(name, "")
    if not hint:
        known = [w for w in ([*COMMAND_FUNCTIONS, *REGISTRY, *FUNCTIONS] if word else _COMMANDS) if w != name]
        close = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.6)
        hint = f"did you mean `{'' if word else chr(92)}{close[0]}`?" if close else ""
    if word:
        return UnknownNameError(f"`{shown}` is neither declared nor a function", text, position, hint)
    return UnknownNameError(f"`{shown}` is not read here", text, position, hint)


_COMMANDS = [
    *COMMAND_FUNCTIONS,
    *"""frac tfrac dfrac sqrt sum prod cdot times odot circ otimes oslash top intercal mathbf boldsymbol bm mathrm
    operatorname text left right lVert rVert lvert rvert langle rangle quad nabla partial mathbb hat bar tilde
    alpha beta gamma delta epsilon eta theta lambda mu nu pi rho sigma tau phi psi omega Sigma Lambda Theta
    Omega Phi Psi""".split(),
]
