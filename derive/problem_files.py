"""Problems as files: `load` and `save` a `.dv` file, `read` and `write` its text."""

from __future__ import annotations

from pathlib import Path

from .constraint import Constraint
from .errors import DataError
from .expression import Expression
from .problem import Problem, maximize, minimize
from .statement.problem_file import ProblemStatement, read_problem, write_problem

#: Facts that follow from others, and need not be written.
_IMPLIED = {"pd": {"psd", "symmetric"}, "psd": {"symmetric"}, "positive": {"nonnegative", "nonzero"}}


def read(text: str) -> Problem:
    """The problem that a text states, in the grammar of problem files.

    >>> import derive as dv
    >>> print(dv.read("given y (n)\\nfind w\\nminimize sumsq(y - w)"))
    minimize sumsq(y - w)
      over w
    """
    stated = read_problem(text)
    objective = Expression(stated.node, stated.variables.values())
    conditions = [Constraint(Expression(c.left), c.sign, Expression(c.right)) for c in stated.conditions]
    made = minimize if stated.sense == "minimize" else maximize
    return made(objective, over=list(stated.find), subject_to=conditions)


def load(path: str | Path) -> Problem:
    """The problem in a file; a fault in it is reported with its line and column."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    return read(text)


def write(problem: Problem) -> str:
    """The problem as text; `read` gives it back.

    >>> import derive as dv
    >>> print(dv.write(dv.minimize("sumsq(y - w)", over="w", variables={"y": ("n",), "w": ()})), end="")
    sizes n
    given y (n)
    find w
    minimize sumsq(y - w)
    """
    declared = {v.name: v for v in problem.declared}
    shapes = {name: tuple(str(s) for s in v.shape) for name, v in declared.items()}
    facts = {}
    for name, v in declared.items():
        implied = set().union(*(_IMPLIED.get(fact, set()) for fact in v.facts))
        if v.facts - implied:
            facts[name] = tuple(sorted(v.facts - implied))
    sizes = sorted({str(s) for v in declared.values() for size in v.shape for s in size.free_symbols})
    stated = ProblemStatement(
        tuple(sizes),
        {name: shape for name, shape in shapes.items() if name not in problem.unknowns},
        {name: shapes[name] for name in problem.unknowns},
        facts,
        problem.sense,
        str(problem.objective),
        tuple(str(c) for c in problem.constraints),
    )
    return write_problem(stated)


def save(problem: Problem, path: str | Path) -> None:
    """Write the problem to a file, under a temporary name first."""
    from .files import atomic

    with atomic(Path(path)) as temporary:
        temporary.write_text(write(problem), encoding="utf-8")
