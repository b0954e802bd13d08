"""A solver as one readable file: the statement and its derivatives, kernels, optimizer, certificate, command line.

The file needs NumPy, SciPy and numba, and nothing of this project. Kernels are the generated source of `emit`;
everything else is the source of functions that run here too (`bundle`). Names of the user's appear in the
docstring and as strings in tables, never as code. The same problem gives the same text, byte for byte.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Sequence
from typing import Any

import sympy

from ..build import add, inner
from ..differentiate import gradients, jacobian
from ..errors import ArgumentError, UnsupportedError
from ..node import Node, variable
from ..problem import Problem
from ..reparametrise import Reparametrised, reparametrise
from ..sizes import ONE
from ..solving.conditions import free_form
from .bundle import Bundle
from .certificate import certify
from .flat_conditions import FlatConditions
from .inline import on_data
from .interrupt import uninterrupted
from .optimizers import (
    METHODS,
    em,
    halves,
    proximal_newton,
    quadratic,
)
from .optimizers.state import scaled_gradient
from .optimizers.vectors import dot, norm, turned_times
from .oracle import VALUE, Layout, direction_name, gradient_key, hessian_key, hvp_key
from .separable import certify_separable
from .standalone import data, files, points, running, separable, trial
from .standalone.choice import way_of
from .standalone.command_line import MAIN
from .standalone.cone_texts import CONES, add_cones, cone_tail
from .standalone.constrained_texts import add_constrained, constrained_tail, flat_functions, joined_text
from .standalone.frame import IMPORTS, about, compiling, library, tables, with_ways_in
from .standalone.kernel_texts import Kernels
from .standalone.library import LIBRARY
from .standalone.loop_texts import FlatFunctions, loop_text, step_functions
from .standalone.mixtures import LikelihoodFunction, check_step, em_functions
from .standalone.templates import (
    AT_ALL_POINTS,
    CONSTRAINED,
    EM_RUN,
    EM_TUPLE,
    HEADER,
    LOOP_TUPLE,
    NEWTON,
    ONE_TURN,
    PAIRS,
    PLAIN_RUN,
    QUADRATIC,
    SECOND,
    SEPARABLE,
    SMOOTH,
    SOLVE,
    THREE_TURNS,
)
from .standalone.writing import in_table, in_tuple, shape_text, size_text, title

#: The state in which a run of each method begins, in the names of the generated file.
BEGIN = {
    **dict.fromkeys(("newton", "newton-cholesky", "dogleg"), "x, f, g, hessian(x, data)"),
    **dict.fromkeys(
        ("levenberg-marquardt", "gauss-newton"), "x, lambda point: residual_jacobian(point, data)"
    ),
    "newton-cg": "x, f, g",
    "lbfgs": "x, f, g, np.ones(x.size), 10",
    **dict.fromkeys(("bfgs", "gradient-descent"), "x, f, g, np.ones(x.size)"),
    **dict.fromkeys(
        (
            "nonlinear-cg",
            "nesterov",
            "gradient-descent-fixed",
            "gradient-descent-armijo",
            "gradient-descent-wolfe",
        ),
        "x, f, g, 1.0 / max(1.0, np.sqrt(np.dot(g, g)))",
    ),
}


def codegen(problem: Problem, *, method: str | None = None) -> str:
    """The text of a standalone solver for a problem.

    method  the optimizer, by our name or SciPy's; chosen from the structure of the problem if None

    Raises `UnsupportedError` for methods and shapes that a standalone file cannot have.

    >>> import derive as dv
    >>> loss = dv.parse("sumsq(X @ w - y)/2", variables={"X": ("n", "d"), "y": ("n",), "w": ("d",)})
    >>> text = dv.codegen(dv.minimize(loss, over="w"))
    >>> text.splitlines()[1]
    '\"\"\"A solver for one problem, generated from its statement.'
    """
    return _File(problem, method).text()


class _File:
    """The file in the making."""

    def __init__(self, problem: Problem, wanted: str | None) -> None:
        self.problem, self.posed = problem, problem.posed
        way = way_of(problem, wanted)
        self.method, self.then = way.method, way.then
        self.kernels = Kernels()
        errors = {
            name: inspect.getsource(getattr(data, name)).rstrip() for name in ("DataError", "SizeError")
        }
        self.bundle = Bundle(errors, outside=LIBRARY)
        self.bundle.add(data.DataError, data.SizeError)
        self.roots: list[str] = []
        self.loop = ""
        self.flat: FlatFunctions | None = None
        self.em: LikelihoodFunction | None = None
        self.joined: FlatConditions | None = None
        self.tail = {"separable": SEPARABLE, "constrained": CONSTRAINED, "cones": CONES}.get(way.kind, SMOOTH)
        if way.kind == "separable":
            self._separable(self.posed.composite)
        elif way.kind == "constrained":
            self._constrained()
        elif way.kind == "cones":
            self._cones(self.posed.cones)
        elif way.kind == "mixture":
            self._mixture()
        elif way.kind == "squares":
            self._squares(self.posed.squares)
        else:
            self._free(reparametrise(self.posed.minimised, self.posed.unknowns))

    # ---------------------------------------------------------------- the ways

    def _optimizer(self, compiled: bool = True) -> None:
        """The methods' steps and loops; the functions of a flat vector that they call are made after."""
        for name, prefix in ((self.method, ""), (self.then, f"{self.then}_")):
            if name:
                self._loop(name, prefix, compiled)
        self.bundle.add(scaled_gradient, norm, certify, Layout, running.descend, running.loop_data)
        if self.then:
            self.bundle.add(running.few_first)

    def _loop(self, name: str, prefix: str, compiled: bool) -> None:
        record = METHODS[name]
        if name not in BEGIN:
            raise UnsupportedError(
                f"method {name} has no standalone form; those that have: {', '.join(BEGIN)}"
            )
        self.bundle.compiled |= step_functions(record, compiled, prefix)
        self.bundle.add(sys.modules[record.step.__module__].start, record.step, prefix=prefix)
        self.loop = _joined([self.loop, loop_text(record, BEGIN[name], compiled, prefix)])

    def _flat(self, free: Reparametrised, terms: int = 0) -> FlatFunctions:
        names, orders = [v.name for v in free.unknowns], [v.order for v in free.unknowns]
        return FlatFunctions(self.kernels, names, orders, terms)

    def _free(self, free: Reparametrised) -> None:
        self.free = free
        names, slopes = self._value_gradient(free)
        needs = {n for name in (self.method, self.then) if name for n in METHODS[name].needs}
        if "hessian" in needs:
            self._hessian(free, slopes)
        if "hvp" in needs:
            directions = {v: variable(direction_name(v.name), v.shape) for v in free.unknowns}
            along = add(
                [(ONE, inner(g, directions[u])) for u, g in zip(free.unknowns, slopes, strict=True)], ()
            )
            products = dict(
                zip((hvp_key(n) for n in names), gradients(along, list(free.unknowns)), strict=True)
            )
            more = [d.name for d in directions.values()]
            self.kernels.add("hvp", products, [*names, *more], "The Hessian times a direction.", tables=False)
        self._optimizer()
        self.flat = self._flat(free)
        self.flat.value_gradient()
        if "hessian" in needs:
            self.flat.hessian()
        if "hvp" in needs:
            self.flat.hvp()

    def _mixture(self) -> None:
        """Expectation–maximisation in the unknowns as stated, then L-BFGS in free ones, for the certificate."""
        mixture = self.posed.mixture
        if mixture is None:
            raise ArgumentError(
                "method em is for mixture likelihoods: logsumexp over components, with weights on the simplex, means "
                "and positive definite covariances as the unknowns; leave the choice to the plan"
            )
        self.free = reparametrise(self.posed.minimised, self.posed.unknowns)
        self._optimizer(compiled=False)
        names = [v.name for v in mixture.unknowns]
        self.kernels.add("mixture", mixture.outputs, names, "The likelihood and its slopes.", tables=False)
        check_step(self.posed, self.problem.declared, self.kernels.rows)
        self.em = LikelihoodFunction(self.kernels, mixture.roles, size_text(mixture.coefficient))
        self.bundle.compiled |= em_functions()
        self.bundle.add(em.climb, running.maximise_likelihood, points.free_slopes)

    def _value_gradient(self, free: Reparametrised) -> tuple[list[str], list[Node]]:
        names = [v.name for v in free.unknowns]
        slopes = gradients(free.objective, list(free.unknowns))
        nodes = {VALUE: free.objective, **dict(zip(map(gradient_key, names), slopes, strict=True))}
        self.kernels.add("value_gradient", nodes, names, "The objective and its gradient.", tables=False)
        return names, slopes

    def _hessian(self, free: Reparametrised, slopes: Sequence[Node]) -> None:
        blocks = {
            hessian_key(v.name, u.name): jacobian(slopes[i], u)
            for i, v in enumerate(free.unknowns)
            for u in free.unknowns[i:]
        }
        names = [v.name for v in free.unknowns]
        self.kernels.add("hessian", blocks, names, "The Hessian, in blocks.", tables=False)

    def _squares(self, squares: Any) -> None:
        self.free = squares.free
        names = [v.name for v in self.free.unknowns]
        self.kernels.add("residual", squares.outputs, names, "Residuals and their Jacobians.", tables=False)
        self._hessian(self.free, gradients(self.free.objective, list(self.free.unknowns)))
        terms = squares.terms
        self._optimizer()
        self.bundle.add(dot, turned_times)
        self.flat = self._flat(self.free, len(terms))
        self.roots = [f"float({size_text(sympy.sqrt(2 * t.weight))})" for t in terms]
        self.flat.squares([len(t.node.shape) for t in terms])
        self.flat.hessian()

    def _separable(self, composite: Any) -> None:
        self.free, _ = free_form(self.posed.minimised, self.posed.unknowns)  # facts are bounds of the loop
        names = [v.name for v in composite.unknowns]
        smooth = {**composite.outputs, **composite.blocks}
        self.kernels.add(
            "smooth", smooth, names, "The smooth part, its gradient and its Hessian.", tables=False
        )
        limits = "Weights of |x|, slopes and offsets of bounds."
        self.kernels.add_plain("limits", composite.limits, names, limits)
        whole = "The objective as it was stated."
        self.kernels.add_plain("stated", {VALUE: self.posed.minimised}, names, whole)
        self.bundle.add(
            certify_separable,
            Layout,
            separable.limits_on,
            separable.settle,
            running.caller,
            running.loop_data,
        )
        if composite.quadratic:
            self.bundle.add(quadratic.minimum)
        else:
            loop = proximal_newton.proximal_newton
            self.bundle.compiled["proximal_newton"] = f"@compiled\n{on_data(loop, ['oracle'])}"
            self.bundle.add(loop)
        self.flat = FlatFunctions(self.kernels, names, [v.order for v in composite.unknowns])
        self.flat.oracle()
        structure = composite.structure
        self.kernels.tables += [
            f"WEIGHTS = {in_tuple(repr(v.name) for v in structure.weights)}",
            f"BOUNDS = {in_tuple(repr(b.unknown.name) for b in structure.bounds)}",
        ]

    def _constrained(self) -> None:
        derived = self.posed.constrained
        self.free = derived.free
        add_constrained(derived, self.kernels, self.bundle)
        self.joined = joined_text(derived, self.kernels)

    def _cones(self, form: Any) -> None:
        self.free = form.derived.free
        add_cones(form, self.kernels, self.bundle)

    # ---------------------------------------------------------------- the text

    def text(self) -> str:
        """All of it."""
        self.bundle.add(
            uninterrupted,
            data.Statement,
            data.Solution,
            data.checked,
            data.check_options,
            points.starting_point,
            points.free_point,
            points.stated_point,
            files.load_arrays,
            files.save_arrays,
            files.numbers,
            trial.random_data,
            trial.difference_error,
        )
        if self._symmetric():
            self.bundle.add(trial.along_symmetric, halves.Halves, halves.blocks_of)
        texts = [*self.kernels.texts, *self.bundle.parts.values()]
        if re.search(r"(?<![\w.])empty\(", "\n".join(texts)):
            self.kernels.used.add("empty")
        parts = [
            HEADER.format(about=about(self.problem, self._name())) + "\n".join(self._imports()),
            title("functions compiled once") + compiling(),
            title("what kernels call") + library(self.kernels.used | self.bundle.called, self.kernels.checks),
            title("kernels") + "\n\n\n".join(self.kernels.texts),
            title(f"optimizer ({self._name()}), certificate, files") + self.bundle.text(),
            title("names") + self._tables(),
            title("the solver") + self._tail(),
            MAIN.rstrip() + "\n",
        ]
        return with_ways_in(_joined(parts) + "\n")

    def _name(self) -> str:
        if self.em is not None:
            return f"em, then {self.method}"
        return f"{self.method}, then {self.then}" if self.then else self.method

    def _imports(self) -> list[str]:
        lines = self.bundle.imports
        lines |= {"import argparse", "import math", "import sys", "import numpy as np"}
        lines |= IMPORTS | self.kernels.imports
        return self.bundle.import_lines()

    def _tables(self) -> str:
        more = []
        if self.em is not None:
            more.append(f"LOOP_DATA = {in_tuple(map(repr, self.em.data))}  # d0, d1, … of `likelihood`")
            more.append(f"ROLES = {in_tuple(map(repr, self.em.roles))}  # weights, means, covariances")
        loop = self.flat or self.joined
        if loop is not None:
            more.append(f"LOOP_DATA = {in_tuple(map(repr, loop.data))}  # d0, d1, … of the compiled loop")
        return tables(self.problem, self.free, self.kernels, more)

    def _symmetric(self) -> list[str]:
        """The unknowns of the run that are symmetric matrices."""
        kinks = self.posed.constrained.problem.kinks if self.tail is CONSTRAINED else ()
        moving = [*self.free.unknowns, *(kink.matrix for kink in kinks if kink.matrix is not None)]
        return [v.name for v in moving if "symmetric" in v.facts and v.order > 1]

    def _compared(self) -> str:
        """What `derivatives` returns: derivatives along symmetric matrices where an unknown is one."""
        if not self._symmetric():
            return "return layout.size, pairs"
        names = in_tuple(map(repr, self._symmetric()))
        return f"return along_symmetric(pairs, Halves.of(layout.size, blocks_of(layout, {names})))"

    def _tail(self) -> str:
        if self.tail is CONSTRAINED:
            texts = [] if self.joined is None else flat_functions(self.joined, self.kernels)
            tail = constrained_tail(self.posed.constrained, self._compared())
            return _joined([*texts, tail, SOLVE.format(most=400)])
        if self.tail is CONES:
            return _joined([cone_tail(self.posed.cones), SOLVE.format(most=80)])
        texts = [] if self.flat is None else self.flat.texts
        unknowns = in_table({v.name: shape_text(v.shape) for v in self.free.unknowns}, 8)
        if self.tail is SEPARABLE:
            composite = self.posed.composite
            assert composite is not None
            tail = SEPARABLE.format(
                unknowns=unknowns,
                loop=(QUADRATIC if composite.quadratic else NEWTON).strip("\n") + "\n",
                few=100 if composite.quadratic else 1,
                compared=self._compared(),
            )
            return _joined([*texts, tail, SOLVE.format(most=5000 if composite.quadratic else 100)])
        kinds = [k for k in PAIRS if re.search(rf"^def {k}\(", "\n".join(texts), re.M)]
        tail = SMOOTH.format(
            unknowns=unknowns,
            data=(LOOP_TUPLE if self.em is None else EM_TUPLE).format(
                roots=f", {in_tuple(self.roots)}" if self.roots else ""
            ),
            hessian=AT_ALL_POINTS if "hessian" in kinds and not self.then else "",
            turns=THREE_TURNS if self.then else ONE_TURN,
            second=SECOND if "hessian" in kinds else "None",
            pairs="".join(PAIRS[k] for k in kinds),
            compared=self._compared(),
            **(PLAIN_RUN if self.em is None else EM_RUN),
        )
        more = [] if self.em is None else [self.em.text]
        return _joined([*texts, *more, self.loop, tail, SOLVE.format(most="10_000")])


def _joined(texts: Sequence[str]) -> str:
    """Parts of a file, two empty lines between them."""
    return "\n\n\n".join(text.strip("\n") for text in texts)
