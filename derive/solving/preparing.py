"""What prepared solvers share: data that change, linear algebra on one thread, and what to do where nothing helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..errors import DataError
from ..evaluate import as_data, check_finite
from .instance import Instance


def alone(loop: Callable[..., Any], *arguments: Any) -> Any:
    """The loop with BLAS on one thread: for products of a block of rows others cost more than they bring."""
    from ..kernels.threads import single_blas_thread

    with single_blas_thread():
        return loop(*arguments)


#: Up to matrices of so many rows BLAS takes one thread of itself: saying so takes it four microseconds.
BLAS_FROM = 48


#: The same where products and factors of matrices are our own.
OWN_FROM = 320


def on_one_thread(loop: Callable[..., Any], size: int) -> Callable[..., Any]:
    """A loop of programs with dense matrices of this size, which go to BLAS where they are large."""
    from ..kernels.machine import has_wide_vectors

    return loop if size <= (OWN_FROM if has_wide_vectors() else BLAS_FROM) else partial(alone, loop)


def dense_loop(size: int) -> Any:
    """The loop of quadratic programs with dense matrices of this size."""
    from ..kernels.optimizers.quadratic_program import interior

    return on_one_thread(interior, size)


#: What to do where nothing can be compiled whole.
REMEDY = (
    "only smooth objectives with weights on |x| and bounds, problems with constraints of few unknowns and mixture "
    "likelihoods (method='em') can be prepared; use solve(backend='numba')"
)


def as_stated(proof: Any, instance: Instance) -> Any:
    """The certificate with the objective as stated, which of a maximum is not what was minimised."""
    return replace(proof, value=instance.posed.sign * proof.value)


def changed_data(instance: Instance, arrays: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The data with some arrays replaced by others of the same shape, checked."""
    found = dict(arrays)
    known = {v.name: v for v in instance.posed.given}
    idle = {v.name for v in instance.posed.idle}
    for name, value in changed.items():
        if name in idle:
            continue
        if name not in known:
            raise DataError(f"{name} is no data of this problem: {', '.join(known)}")
        array = as_data(name, value, known[name].order)
        check_finite(name, array)
        if array.shape != found[name].shape:
            raise DataError(f"{name} has shape {array.shape}, not {found[name].shape} as when prepared")
        found[name] = array
    return found
