"""Printing keeps no state that threads share: many at once print what one prints."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import derive as dv
from derive import simplify
from tests.notation.test_length import CASES, derived


def printed(seed: int) -> list[str]:
    """Text and LaTeX of some results, from another one on in each thread."""
    some = CASES[::25]
    turned = [*some[seed:], *some[:seed]]
    words = {case["id"]: (str(result := derived(case)), result.latex()) for case in turned}
    return [word for case in some for word in words[case["id"]]]


def test_many_at_once() -> None:
    simplify._known.clear()  # so that all of them rewrite, rather than look up
    alone = printed(0)
    simplify._known.clear()
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(printed, range(0, 16, 4)):
            assert found == alone


def test_memory_is_bounded() -> None:
    """What is remembered of rewritten nodes is replaced when it has grown: another thread may be reading it."""
    before = simplify._known
    many = simplify._MOST_KNOWN
    try:
        simplify._MOST_KNOWN = 0
        str(dv.gradient(dv.parse("sumsq(X @ w)", variables={"X": ("n", "d"), "w": ("d",)}), "w"))
        assert simplify._known is not before
    finally:
        simplify._MOST_KNOWN = many
