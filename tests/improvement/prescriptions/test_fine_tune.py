"""On which images fine-tuning is prescribed."""

import pytest

from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.prescribe import prescribe


@pytest.mark.parametrize(("side", "smaller"), [(288, 160), (128, 96), (96, 64), (64, None)])
def test_fine_tuning_is_also_prescribed_on_smaller_images(evidence, side, smaller):
    found = prescribe(
        Finding("underfit", "warning", 0.9, "m", {}), evidence({"data.size": side})
    ).prescriptions
    tuned = [item for item in found if item.change.get("model.transfer") == "finetune"]
    sides = {item.change.get("data.size", side) for item in tuned}
    assert sides == ({side} if smaller is None else {side, smaller})
    for frozen in (True, False):
        costs = {
            item.change.get("data.size", side): item.cost
            for item in tuned
            if ("train.frozen" in item.change) == frozen
        }
        assert smaller is None or costs[smaller] < costs[side]
