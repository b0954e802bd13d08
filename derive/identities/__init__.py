"""Small identities by which results become shorter in print: a table of named rewrite rules.

Each rule is a function `Node -> Node | None` with its identity in the docstring. They never apply to what is
computed, only to what is printed; the order of the table does not matter for the meaning.
"""

from __future__ import annotations

from collections.abc import Callable

from ..hyperbolic import sinh_over_cosh
from ..node import Node
from ..stable import log_of_softmax
from .cases import branches_within_branches, known_where_it_counts, powers_of_step, step_of_cut
from .contractions import contraction_over_itself, scalar_out_of_power
from .distributions import (
    constants_out_of_mean,
    simplex_sums_to_one,
    softmax_of_shifted,
    softmax_sums_to_one,
)
from .entrywise import (
    branches_together,
    complementary_sigmoids,
    double_logistic_is_tanh,
    exp_of_log,
    one_minus_sigmoid_of_negative,
    powers_of_one_base,
    sign_squared,
    softmax_of_equal_entries,
    softplus_of_both_signs,
)
from .inverses import (
    inverse_of_inverses,
    inverse_of_multiple,
    inverse_of_product,
    inverse_takes_denominator,
    inverse_times_matrix,
    inverse_times_sum,
)
from .kronecker import (
    inner_product_of_reshaped,
    inverse_of_kronecker,
    kronecker_times_vector,
    products_of_matrices_opened,
    reshape_of_products,
    transposed_kronecker,
)
from .mirrored import differences_turned
from .placed import placed_side_by_side, reversed_order, sum_of_placed
from .products import (
    distribute_broadcast,
    distribute_deltas,
    distribute_powers,
    multiplied_out,
    opened,
    opened_where_terms_cancel,
    permute_terms,
    reshape_of_ones,
    reshape_undone,
    total_of_terms,
)
from .sliced import part_of_joined, part_of_part, sum_of_one_entry, sums_from_the_end

Rule = Callable[[Node], Node | None]

RULES: tuple[Rule, ...] = (
    inverse_times_matrix,
    inverse_of_multiple,
    branches_together,
    softmax_sums_to_one,
    softmax_of_equal_entries,
    softmax_of_shifted,
    distribute_broadcast,
    distribute_deltas,
    permute_terms,
    opened_where_terms_cancel,
    double_logistic_is_tanh,
    one_minus_sigmoid_of_negative,
    complementary_sigmoids,
    softplus_of_both_signs,
    exp_of_log,
    log_of_softmax,
    powers_of_one_base,
    sign_squared,
    reshape_of_ones,
    reshape_undone,
    sinh_over_cosh,
    powers_of_step,
    step_of_cut,
    known_where_it_counts,
    inverse_of_product,
    simplex_sums_to_one,
    distribute_powers,
    total_of_terms,
    contraction_over_itself,
    scalar_out_of_power,
    branches_within_branches,
    constants_out_of_mean,
    inverse_of_inverses,
    inverse_takes_denominator,
    inverse_times_sum,
    sum_of_placed,
    reversed_order,
    placed_side_by_side,
    part_of_part,
    part_of_joined,
    sum_of_one_entry,
    sums_from_the_end,
    inner_product_of_reshaped,
    inverse_of_kronecker,
    kronecker_times_vector,
    products_of_matrices_opened,
    reshape_of_products,
    transposed_kronecker,
    differences_turned,
)

__all__ = [
    "RULES",
    "Rule",
    "softmax_of_equal_entries",
    "softmax_of_shifted",
    "double_logistic_is_tanh",
    "one_minus_sigmoid_of_negative",
    "complementary_sigmoids",
    "exp_of_log",
    "log_of_softmax",
    "powers_of_one_base",
    "sign_squared",
    "sinh_over_cosh",
    "powers_of_step",
    "step_of_cut",
    "known_where_it_counts",
    "branches_together",
    "inverse_times_matrix",
    "inverse_of_product",
    "inverse_of_multiple",
    "distribute_broadcast",
    "distribute_deltas",
    "permute_terms",
    "opened_where_terms_cancel",
    "softmax_sums_to_one",
    "softplus_of_both_signs",
    "simplex_sums_to_one",
    "distribute_powers",
    "total_of_terms",
    "contraction_over_itself",
    "scalar_out_of_power",
    "branches_within_branches",
    "constants_out_of_mean",
    "inverse_of_inverses",
    "inverse_takes_denominator",
    "inverse_times_sum",
    "sum_of_placed",
    "reversed_order",
    "placed_side_by_side",
    "part_of_part",
    "part_of_joined",
    "sum_of_one_entry",
    "sums_from_the_end",
    "differences_turned",
    "inner_product_of_reshaped",
    "inverse_of_kronecker",
    "kronecker_times_vector",
    "products_of_matrices_opened",
    "reshape_of_products",
    "transposed_kronecker",
    "reshape_of_ones",
    "reshape_undone",
    "multiplied_out",
    "opened",
]
