"""What names of LaTeX mean: `\\lambda` is a declared `lam` or `lambda`, `w_1` is `w1` or `w_1`, `x_i` a row of `X`.

A name that could be two declared ones is an error; a name that is none is an error with what is declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from ..errors import AmbiguityError, DeclarationError, ParseError, UnknownNameError
from ..node import Node
from .functions import FUNCTIONS
from .latex_tokens import Token, tokenize
from .text import size_names, suggestion

GREEK = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu nu xi omicron
    pi varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
    Upsilon Phi Psi Omega ell""".split()
)
ACCENTS = {
    **dict.fromkeys(("hat", "widehat"), "hat"),
    **dict.fromkeys(("tilde", "widetilde"), "tilde"),
    **dict.fromkeys(("bar", "overline"), "bar"),
    "dot": "dot",
    "ddot": "ddot",
    "check": "check",
    "breve": "breve",
}
#: Commands that change the look of a letter, not what it names.
STYLES = frozenset(
    """mathbf boldsymbol bm mathit mathrm mathsf mathtt mathcal mathscr mathfrak mathbb mathds mathbbm textbf textit
    text textrm vec underline pmb symbf operatorname""".split()
)
_OTHER_SPELLINGS = {
    "lambda": ("lam", "lmbda", "lamda"),
    "epsilon": ("eps", "varepsilon"),
    "varepsilon": ("eps", "epsilon"),
    "varphi": ("phi",),
    "vartheta": ("theta",),
    "varrho": ("rho",),
    "varsigma": ("sigma",),
    "varkappa": ("kappa",),
}
#: Capitals that stand for their Latin initials where only these are declared and do not occur themselves.
_INITIALS = {"Sigma": "S", "Lambda": "L"}


class Unbound(ParseError):
    """An index that no sum binds: an error, unless the formula is known to give the entries of an array."""

    def __init__(self, index: str, text: str, position: int, hint: str) -> None:
        super().__init__(f"the index `{index[:40]}` is not bound by any sum", text, position, hint)
        self.index = index


@final
@dataclass(frozen=True)
class Name:
    """A name as it is written: its letters, an accent such as `hat`, and `mark` for w* or w′."""

    base: str
    accent: str = ""
    mark: str = ""

    @property
    def shown(self) -> str:
        """The name in LaTeX."""
        base = f"\\{self.base}" if self.base in GREEK else self.base
        marked = {"star": "^*", "prime": "'"}.get(self.mark, "")
        return (f"\\{self.accent}{{{base}}}" if self.accent else base) + marked

    def spellings(self) -> list[str]:
        """The names under which this one may be declared."""
        found = []
        for base in (self.base, *_OTHER_SPELLINGS.get(self.base, ())):
            if self.accent:
                found += [f"{base}_{self.accent}", f"{base}{self.accent}", f"{self.accent}_{base}"]
            elif self.mark:
                found += [f"{base}_{self.mark}", f"{base}{self.mark}"]
            else:
                found += [base, f"{base}_"]
        return found

    def capital(self) -> Name:
        """The same name with a capital letter: x_i is a row of X."""
        return Name(self.base[:1].upper() + self.base[1:], self.accent, self.mark)


@final
@dataclass(frozen=True)
class Label:
    """One entry of a subscript: a letter or word, also `i+1`, a number, or `:` for all."""

    kind: str  # "name", "number", "all", "other"
    text: str
    position: int = 0
    offset: int = 0


@final
class Names:
    """Declared variables and sizes, and the renaming of LaTeX symbols."""

    def __init__(
        self,
        variables: Mapping[str, Node],
        sizes: Iterable[str] = (),
        symbols: Mapping[str, str] | None = None,
    ) -> None:
        self.variables = variables
        self.sizes = size_names(variables, sizes)
        self.letters: set[str] = set()  # Latin letters that the formula itself uses
        self.symbols: dict[str, str] = {}  # renamed single names, without backslash
        self.patterns: list[tuple[list[tuple[str, str]], str]] = []  # renamed longer ones, such as \sigma^2
        for key, target in (symbols or {}).items():
            self._rename(key, target)
        self.patterns.sort(key=lambda p: -len(p[0]))

    def _rename(self, key: str, target: str) -> None:
        if not isinstance(key, str) or not isinstance(target, str):
            raise DeclarationError(f"symbols: names are texts, not {key!r}: {target!r}")
        if target not in self.variables and target not in self.sizes and target not in FUNCTIONS:
            hint = suggestion(target, [*self.variables, *self.sizes])
            raise DeclarationError(
                f"symbols: {key!r} is to mean {target!r}, which is not declared; {hint}".rstrip("; ")
            )
        bare = key.strip().removeprefix("\\")
        if bare.isalpha() and (len(bare) == 1 or bare in GREEK or not key.strip().startswith("\\")):
            self.symbols[bare] = target
        else:
            tokens = tokenize(key)
            self.patterns.append((_signature(tokens), target))
            if (
                len(tokens) == 4
                and tokens[0].value in STYLES
                and (tokens[1].kind, tokens[3].kind) == ("{", "}")
            ):
                self.patterns.append((_signature([tokens[0], tokens[2]]), target))  # \mathbf{W} is \mathbf W

    @property
    def words(self) -> set[str]:
        """Names of more than one letter, which are read as one where their letters stand together."""
        return {w for w in (*self.variables, *self.sizes, *self.symbols) if len(w) > 1 and w not in GREEK}

    def renamed(self, tokens: list[Token]) -> list[Token]:
        """The tokens with every longer renamed symbol put as one word."""
        if not self.patterns:
            return tokens
        found: list[Token] = []
        k = 0
        signs = _signature(tokens)
        while k < len(tokens):
            for pattern, target in self.patterns:
                if signs[k : k + len(pattern)] == pattern:
                    last = tokens[k + len(pattern) - 1]
                    found.append(Token("declared", target, tokens[k].start, last.end))
                    k += len(pattern)
                    break
            else:
                found.append(tokens[k])
                k += 1
        return found

    def lookup(self, name: Name, text: str = "", position: int = 0) -> str | None:
        """The declared name that is meant, or None."""
        if not name.accent and not name.mark and name.base in self.symbols:
            return self.symbols[name.base]
        found = [s for s in name.spellings() if s in self.variables or s in self.sizes]
        if len(found) > 1 and len({*found}) > 1:
            raise AmbiguityError(
                f"{name.shown} could be any of {', '.join(found)}",
                tuple(found),
                text,
                position,
                f"say which with symbols={{{name.shown!r}: {found[0]!r}}}",
            )
        if not found and not name.accent and not name.mark and name.base in _INITIALS:
            initial = _INITIALS[name.base]
            return initial if initial in self.variables and initial not in self.letters else None
        return found[0] if found else None

    def joined(self, name: Name, labels: tuple[Label, ...]) -> str | None:
        """The declared name that a name with a subscript spells, such as w1 for w_1; or None."""
        if name.mark or any(label.kind not in ("name", "number") or label.offset for label in labels):
            return None
        words = [label.text for label in labels]
        found = []
        for base in name.spellings():
            tails = {"_" + "_".join(words), "_" + "".join(words)}
            if words and words[0].isdigit():
                tails.add("".join([words[0], *("_" + w for w in words[1:])]))
            elif len(words) == 1 and base + words[0] not in GREEK and len(base) == 1:
                tails.add(words[0])
            spelled = [base + tail for tail in sorted(tails)]
            found += [s for s in spelled if s in self.variables or s in self.sizes]
        return found[0] if found else None

    def unknown(self, name: Name, text: str, position: int) -> UnknownNameError:
        """The error for a name that is not declared."""
        known = sorted([*self.variables, *self.sizes])
        if name.base == "Phi":
            hint = "declare it; the normal distribution function is defined behind the formula: "
            hint += r"…, \Phi(z) = \tfrac12(1+\operatorname{erf}(z/\sqrt2))"
            return UnknownNameError(f"unknown name `{name.shown}`", text, position, hint)
        other = name.base.swapcase()
        if len(name.base) == 1 and other in self.sizes:
            hint = f"did you mean `{other}`? then give symbols={{{name.shown!r}: {other!r}}}"
            return UnknownNameError(f"unknown name `{name.shown}`", text, position, hint)
        hint = suggestion(name.base, known) if len(name.base) > 1 else ""
        if not hint:
            hint = f"declared: {', '.join(known[:12])}"
            hint += f"; if it is one of them, give symbols={{{name.shown!r}: …}}" if known else ""
        return UnknownNameError(f"unknown name `{name.shown[:40]}`", text, position, hint)


def _signature(tokens: list[Token]) -> list[tuple[str, str]]:
    """Tokens without their places; a name between braces alone is the name."""
    return [(t.kind, t.value) for t in tokens]
