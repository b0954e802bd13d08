"""Every model ships its textbook gradient and Hessian, and the checker proves them for all sizes."""

from __future__ import annotations

import pytest

import derive as dv
from derive.models import REGISTRY

CLAIMS = [(m, c) for m in REGISTRY.values() for c in m.claims]


@pytest.mark.parametrize(("model", "claim"), CLAIMS, ids=lambda x: getattr(x, "name", getattr(x, "kind", "")))
def test_is_proved(model: object, claim: object) -> None:
    found = dv.check(model.expression(), claim.wrt, claim=claim.formula, kind=claim.kind)  # type: ignore[attr-defined]
    assert found.status == "proved", found


@pytest.mark.parametrize("model", REGISTRY.values(), ids=lambda m: m.name)
def test_every_unknown_has_its_gradient_and_its_hessian(model: object) -> None:
    stated = {(c.kind, c.wrt) for c in model.claims}  # type: ignore[attr-defined]
    wanted = {(kind, w) for kind in ("gradient", "hessian") for w in model.unknowns}  # type: ignore[attr-defined]
    assert wanted == stated
