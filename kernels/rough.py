"""The names of `library` for kernels whose long products are in single precision: first steps need no more digits.

    dot_rows, add_rows, add_then_dot, add_then_keep    sixteen columns at a time; sums of up to eight rows are singles

Gram matrices of such kernels are of rows in single precision, whose sums are singles within a block (`symmetric`).
What is added up over all rows are doubles, as ever. A sum of N products loses about √N·10⁻⁷ of itself, which no
kernel that anybody calls by name may do: these are for a metric, and for steps that others follow.
"""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic

from . import library
from .kept import keeping_of
from .rowwise import add_rows_as, add_then_dot_as, dot_rows_as, product_of


@intrinsic
def dot_rows(typing_context: Any, block: Any, w: Any, z: Any) -> Any:
    """zᵢ = Σⱼ blockᵢⱼ wⱼ."""
    return product_of(dot_rows_as, True, (block, w, z))


@intrinsic
def add_rows(typing_context: Any, block: Any, r: Any, g: Any) -> Any:
    """gⱼ += Σᵢ rᵢ blockᵢⱼ."""
    return product_of(add_rows_as, True, (block, r, g))


@intrinsic
def add_then_dot(typing_context: Any, block: Any, r: Any, g: Any, after: Any, w: Any, z: Any) -> Any:
    """gⱼ += Σᵢ rᵢ blockᵢⱼ, then zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    return product_of(add_then_dot_as, True, (block, r, g), (after, w, z))


@intrinsic
def add_then_keep(typing_context: Any, kept: Any, m: Any, r: Any, g: Any, after: Any, w: Any, z: Any) -> Any:
    """gⱼ += Σᵢ rᵢ keptᵢⱼ for the first m rows, then keptᵢ = afterᵢ and zᵢ = Σⱼ afterᵢⱼ wⱼ."""
    return keeping_of(True, kept, r, g, after, w, z)


def __getattr__(name: str) -> Any:
    """All other functions are those of the library."""
    return getattr(library, name)
