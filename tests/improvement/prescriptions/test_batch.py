"""A batch size never changes without the rate that belongs to it; long training without variety."""

from dataclasses import replace

import pytest

from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.batch import matching_rate
from phoropter.improvement.prescriptions.changes import FINE_TUNE_LR, fine_tuning
from phoropter.improvement.prescriptions.prescribe import prescribe

CNN = {"model.name": "cnn", "model.pretrained": False}


def finding(code):
    return Finding(code, "warning", 0.9, "m", {})


@pytest.mark.parametrize(
    ("optimizer", "factor"), [("sgd", 4), ("momentum", 4), ("adamw", 2), ("rmsprop", 2)]
)
def test_four_times_the_batch_takes_four_or_two_times_the_rate(optimizer, factor):
    recipe = Recipe().changed({"train.optimizer": optimizer, "train.lr": 0.01})
    assert matching_rate(recipe, 256, of=64) == pytest.approx(0.01 * factor)
    assert matching_rate(recipe, 16, of=64) == pytest.approx(0.01 / factor)
    assert matching_rate(recipe, 64, of=64) == 0.01


@pytest.mark.parametrize(
    ("code", "batch", "change"),
    [
        ("batch-too-small", 2, {"train.batch_size": 32, "train.lr": 0.003, "train.epochs": 75}),
        ("batch-too-large", 256, {"train.batch_size": 64, "train.lr": 0.0005}),
        ("batch-too-large", "full", {"train.batch_size": 25, "train.lr": 0.0005}),
        ("batch-too-large", 8, None),
        ("batch-too-small", "auto", None),
    ],
)
def test_the_rate_goes_with_the_batch(evidence, code, batch, change):
    run = evidence({**CNN, "train.batch_size": batch})
    found = [item.change for item in prescribe(finding(code), run).prescriptions]
    assert found == ([] if change is None else [change])


@pytest.mark.parametrize(("steps", "epochs"), [(30, None), (40, None), (41, 11), (9000, 150)])
def test_larger_batches_make_as_many_steps_or_those_of_a_fair_run(evidence, steps, epochs):
    run = evidence(
        {**CNN, "train.batch_size": 2, "train.epochs": 10}
    )  # 100 samples, 10 epochs: 4 steps a pass of 32
    run = replace(run, summary=replace(run.summary, steps=steps))
    (cure,) = prescribe(finding("batch-too-small"), run).prescriptions
    assert cure.change.get("train.epochs") == epochs
    assert cure.cost == (epochs or 10) / 10


def test_fine_tuning_in_small_batches_takes_smaller_steps():
    rates = {
        batch: fine_tuning(Recipe().changed({"train.batch_size": batch}), samples=400)["train.lr"]
        for batch in (8, 16, 256)
    }
    usual = FINE_TUNE_LR["adamw"]  # of batches of 32; 16 are the most, for a few passes to be steps
    assert rates == {8: usual / 2, 16: 0.00021, 256: 0.00021}


@pytest.mark.parametrize(("samples", "batch"), [(400, 16), (3_300, 32), (8_900, 64)])
def test_fine_tuning_on_many_images_takes_larger_batches(samples, batch):
    assert fine_tuning(Recipe(), samples=samples)["train.batch_size"] == batch


def test_much_longer_training_brings_more_variety_along(evidence):
    run = evidence({**CNN, "data.augment.preset": "light"})
    found = prescribe(finding("undertrained"), run).prescriptions
    by_epochs = {
        item.change["train.epochs"]: item for item in found if "train.epochs" in item.change
    }
    assert by_epochs[40].change == {"train.epochs": 40}
    assert by_epochs[80].change == {"train.epochs": 80, "data.augment.preset": "medium"}
    assert "vary the images more ('medium')" in by_epochs[80].advice
    for preset in ("none", "strong"):
        run = evidence({**CNN, "data.augment.preset": preset})
        found = prescribe(finding("undertrained"), run).prescriptions
        longer = [item.change for item in found if "train.epochs" in item.change]
        assert longer == [{"train.epochs": 40}]
