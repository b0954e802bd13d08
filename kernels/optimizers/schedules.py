"""Learning rates that change during a run of mini-batches.

    constant   η
    inverse    η / (1 + 10t/T), which falls like 1/t             (Robbins & Monro 1951)
    step       η / 10^⌊3t/T⌋
    cosine     ½η(1 + cos πt/T)                                  (Loshchilov & Hutter 2017, eq. 5 without restarts)

for batch t of T. In the first `warm-up` share of the run every one of them is multiplied by a line from 0 to 1.
"""

from __future__ import annotations

import numpy as np

SCHEDULES = {"constant": 0, "inverse": 1, "step": 2, "cosine": 3}


def rate_at(schedule: int, rate: float, warmup: float, t: int, total: int) -> float:
    """The learning rate of batch t of `total`."""
    share = t / total
    found = rate
    if schedule == 1:
        found = rate / (1.0 + 10.0 * share)
    elif schedule == 2:
        found = rate * 0.1 ** int(3.0 * share)
    elif schedule == 3:
        found = 0.5 * rate * (1.0 + np.cos(np.pi * share))
    if share < warmup:
        found *= (t + 1) / (warmup * total)
    return float(min(found, rate))
