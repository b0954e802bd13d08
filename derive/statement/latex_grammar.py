"""From LaTeX tokens to a tree: a precedence parser written by hand, with the rules of mathematical typography.

Loosest first:

    + -                      terms
    \\odot \\circ \\oslash \\otimes   parts of a term (where a bracketing is in doubt, sizes decide later)
    / \\cdot \\times *        factors with a sign between
    side by side             products
    \\log x                   a function without brackets takes the product that follows: numbers and names with
                             their scripts, up to a sign, a bracket, another function or a big operator
    ^ _ '                    scripts

`\\sin^2 x` is (sin x)²; `f(x)^2` is f(x)²; `\\log\\|v\\|^2` is log(‖v‖²); a big operator takes the rest of its
term, and those further terms that hold its index. Whatever could be read in two ways is refused.
"""

from __future__ import annotations

from typing import NoReturn, final

from ..errors import AmbiguityError, LimitError, ParseError
from .latex_application import BIG, CIRCLED, CONNECTORS, Application
from .latex_atoms import FRACTIONS
from .latex_tree import Tree, free_labels, is_number, is_open, replaced, trailing_big
from .position import at

#: Factors of one product.
FACTORS = 200


@final
class Parser(Application):
    """One formula. `names` decides which letters stand together and which commands are functions."""

    def whole(self) -> Tree:
        """All of the tokens as one expression."""
        tree = self.expression()
        if self.token is not None:
            self.stray()
        return tree

    def expression(self) -> Tree:
        """Terms with signs."""
        start = self.place
        signs, terms = [self.sign()], [self.term()]
        while True:
            self.skip_breaks()
            if not self.at_sign():
                break
            sign, term = self.sign(), self.term()
            if not self.absorb(terms, sign, term):
                signs.append(sign)
                terms.append(term)
        if len(terms) == 1 and signs == [1]:
            return terms[0]
        return Tree("sum", tuple(terms), tuple(signs), start, terms[-1].end)

    def at_sign(self) -> bool:
        """Whether a sign comes next."""
        token = self.token
        if token is not None and token.kind == "command" and token.value in ("pm", "mp"):
            raise ParseError(
                f"`\\{token.value}` means two formulas; write the one that is meant", self.text, token.start
            )
        return token is not None and token.kind in ("+", "-")

    def sign(self) -> int:
        """The signs before a term."""
        found = 1
        self.skip_breaks()
        while self.at_sign():
            found *= -1 if self.next().kind == "-" else 1
            self.skip_breaks()
        return found

    def absorb(self, terms: list[Tree], sign: int, term: Tree) -> bool:
        """Whether the term belongs to a sum before it, because it holds that sum's index.

        `\\sum_i y_i \\log p_i + (1-y_i)\\log(1-p_i)` has one reading only: outside the sum, i means nothing.
        """
        labels = free_labels(term) - set(self.bound)
        chain: list[Tree] = []
        big = trailing_big(terms[-1])
        while big is not None:
            chain.append(big)
            body = big.args[0]
            big = trailing_big(body if body.kind != "sum" else body.args[-1])
        holding = [b for b in chain if labels & set(b.data.indices)]
        if not holding:
            return False
        owner = holding[-1]
        if owner is not chain[-1]:
            inner = self.snippet(chain[-1])
            raise AmbiguityError(
                f"`{self.snippet(term)}` could belong inside `{inner}` or behind it",
                (),
                self.text,
                term.start,
                "put brackets around what is summed",
            )
        if owner.data.operator != "sum":
            raise AmbiguityError(
                f"`{self.snippet(term)}` could belong to `{self.snippet(owner)}`",
                (),
                self.text,
                term.start,
                "put brackets around it",
            )
        body = owner.args[0]
        if body.kind == "sum":
            body = Tree("sum", (*body.args, term), (*body.data, sign), body.start, term.end)
        else:
            body = Tree("sum", (body, term), (1, sign), body.start, term.end)
        new = Tree("big", (body, *owner.args[1:]), owner.data, owner.start, term.end)
        last = terms.pop()
        for outer in reversed(chain[:-1]):  # bodies of outer sums end with the inner one
            content = replaced(outer.args[0], owner, new)
            owner, new = outer, Tree("big", (content, *outer.args[1:]), outer.data, outer.start, term.end)
        terms.append(replaced(last, owner, new))
        return True

    def term(self) -> Tree:
        """Parts joined by circled operators."""
        parts, operators = [self.product()], list[str]()
        while (token := self.token) is not None and token.kind == "command" and token.value in CIRCLED:
            operators.append(CIRCLED[self.next().value])
            self.skip_breaks()
            parts.append(self.product())
            if len(parts) > FACTORS:
                raise at(LimitError(f"more than {FACTORS} factors in one product"), self.text, token.start)
        if not operators:
            return parts[0]
        return Tree("circled", tuple(parts), tuple(operators), parts[0].start, parts[-1].end)

    def product(self) -> Tree:
        """Chains joined by signs of multiplication and division."""
        parts, connectors = [self.chain()], list[str]()
        while (token := self.token) is not None:
            if token.kind in ("*", "/"):
                connectors.append(self.next().kind)
            elif token.kind == "command" and token.value in CONNECTORS:
                connectors.append(CONNECTORS[self.next().value])
            elif token.kind == "command" and token.value == "div":
                self.next()
                connectors.append("/")
            else:
                break
            self.skip_breaks()
            if connectors[-1] == "/":
                parts.append(self.denominator(parts[-1]))
                rest = self.token
                if rest is not None and self.starts_factor():
                    connectors.append("beside")  # 1/n \sum …: the only case that denominator() lets through
                    parts.append(self.chain())
            else:
                parts.append(self.chain())
            if len(parts) > FACTORS:
                raise at(LimitError(f"more than {FACTORS} factors in one product"), self.text, token.start)
        if not connectors:
            return parts[0]
        return Tree("product", tuple(parts), tuple(connectors), parts[0].start, parts[-1].end)

    def denominator(self, above: Tree) -> Tree:
        """What stands below a slash: one factor. `a/bc` is refused, `1/n \\sum` and `1/2 \\|v\\|` are not."""
        below = self.factor()
        if below.kind == "big" and below.args[0].kind in ("chain", "product", "circled"):
            parts = below.args[0].args
            if any(not free_labels(p) & set(below.data.indices) for p in parts[1:]):
                self.slash(above, below, self.snippet(parts[-1]), below.start)
        token = self.token
        if token is not None and self.starts_factor():
            big = token.kind == "command" and token.value in BIG
            bar = token.kind == "bar" and self.bar_opens(token)
            simple = is_number(above) and is_open(below)
            if not (simple and (big or (bar and is_number(below)))):
                mark = self.index
                after = self.factor()
                self.index = mark
                self.slash(above, below, self.snippet(after), token.start)
        return below

    def slash(self, above: Tree, below: Tree, after: str, position: int) -> NoReturn:
        top, low = self.snippet(above), self.snippet(below)
        raise AmbiguityError(
            "what stands below the slash?",
            (f"({top}/({low})) * {after}", f"{top}/({low} * {after})"),
            self.text,
            position,
            "put brackets, or write \\frac",
        )

    def chain(self) -> Tree:
        """Factors side by side."""
        factors = [self.factor()]
        while self.starts_factor():
            token = self.token
            assert token is not None
            previous = factors[-1]
            if token.kind == "number" and is_number(previous):
                raise ParseError(
                    "two numbers side by side", self.text, token.start, "write \\cdot between them"
                )
            if token.kind == "command" and token.value in FRACTIONS and is_number(previous):
                fraction = self.factor()
                if all(is_number(a) for a in fraction.args):
                    whole, part = previous.data, fraction.args[0].data / fraction.args[1].data
                    raise AmbiguityError(
                        "a number beside a fraction of numbers",
                        (f"{whole} * ({part})", f"{whole} + {part}"),
                        self.text,
                        token.start,
                    )
                factors.append(fraction)
                continue
            factors.append(self.factor())
            if len(factors) > FACTORS:
                raise at(LimitError(f"more than {FACTORS} factors in one product"), self.text, token.start)
        if len(factors) == 1:
            return factors[0]
        return Tree("chain", tuple(factors), None, factors[0].start, factors[-1].end)
