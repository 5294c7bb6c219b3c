"""A model that fails on its training samples more than anybody must."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.limits import budget
from phoropter.diagnosis.scores import CONSTANT_MODELS

LEAST = 0.02  # avoidable bias, at the lower end of its interval
LARGEST = 0.5  # of what can be avoided at all


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if avoidable bias is most of the error above the floor; an "info".

    Silent where the floor is unknown: what looks like bias may then be noise.
    """
    found = budget(evidence)
    bias = found.parts.get("bias")
    if bias is None or found.error is None or "noise_floor" not in found.parts:
        return
    if evidence.recipe.model.name in CONSTANT_MODELS or bias.low < LEAST:
        return
    floor = found.value("noise_floor")
    avoidable = found.error - floor
    if bias.value < LARGEST * avoidable:
        return
    yield Finding(
        "capacity-limited",
        "info",
        0.7,
        f"Of the validation error of {found.error:.1%}, {bias.value:.1%} are there on training "
        f"samples already, where {floor:.1%} cannot be avoided: the model is too weak.",
        {"bias": bias.value, "low": bias.low, "high": bias.high, "noise_floor": floor},
    )
