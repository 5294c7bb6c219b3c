"""On which images fine-tuning is prescribed."""

import pytest

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.changes import fine_tuning
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


def test_fine_tuning_learns_from_samples_that_a_head_was_spared():
    spared = Recipe().changed({"data.most_of_class": 1.0})
    assert spared.changed(fine_tuning(spared, samples=400)).data.most_of_class is None
    assert "data.most_of_class" not in fine_tuning(Recipe(), samples=400)
