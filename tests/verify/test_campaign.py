"""Right derivatives spoiled like hand derivations: all refuted, none accused, most of them explained."""

from __future__ import annotations

import pytest

from .campaign import campaign


@pytest.mark.parametrize("skip", [2, 5, 7])
def test_a_share_of_the_campaign(skip: int) -> None:
    """`python -m tests.verify.campaign` runs all of it."""
    score = campaign(step=9, skip=skip, every=12, heaviest=60)
    assert not score.missed
    assert not score.accused
    assert score.rate >= 0.85, "\n".join(score.wrong_words)
