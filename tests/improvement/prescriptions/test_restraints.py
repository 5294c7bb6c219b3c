from dataclasses import replace

import pytest

from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.ideas import ideas
from phoropter.improvement.prescriptions.making import remaining_error
from phoropter.improvement.prescriptions.prescribe import prescribe
from phoropter.improvement.prescriptions.priors import PRIORS
from phoropter.improvement.prescriptions.restraints import OF_A_HEAD, of_a_head

RESTRAINTS = ("train.label_smoothing", "train.weight_decay", "model.dropout", "train.ema")
TRAINED = {"model.transfer": "finetune"}


def restraints(found, run):
    """The shares of the error that are expected of restraints alone, by their key."""
    return {
        key: cure.expected_gain / remaining_error(run)
        for cure in found.prescriptions
        for key in RESTRAINTS
        if set(cure.change) == {key}
    }


def test_next_to_nothing_is_expected_of_restraints_of_a_head_on_frozen_features(evidence):
    overfit = Finding("overfit", "warning", 0.9, "", {})
    for change, usual in (({}, False), (TRAINED, True)):
        run = evidence(change)
        (idea,) = ideas(run)
        found = restraints(prescribe(overfit, run), run) | restraints(idea, run)
        assert found == pytest.approx(
            {
                "train.label_smoothing": PRIORS["smooth-labels"].share if usual else OF_A_HEAD,
                "train.weight_decay": PRIORS["weight-decay"].share if usual else OF_A_HEAD,
                "model.dropout": PRIORS["dropout"].share if usual else OF_A_HEAD,
                "train.ema": PRIORS["ema"].share if usual else OF_A_HEAD,
            }
        )


@pytest.mark.parametrize("code", ["label-noise", "miscalibrated"])
def test_as_a_cure_of_what_was_found_it_is_believed_as_ever(evidence, code):
    run = evidence({"predict.calibration": "temperature"})
    found = prescribe(Finding(code, "warning", 0.9, "", {"overconfidence": 0.1}), run)
    smoothed = restraints(found, run)["train.label_smoothing"]
    assert smoothed == pytest.approx(PRIORS["smooth-labels"].share)


def test_nothing_was_measured_of_probabilities_and_values(evidence):
    assert of_a_head(evidence()) == OF_A_HEAD
    assert of_a_head(replace(evidence(), metric="log_loss")) is None
    assert of_a_head(evidence(values=True)) is None
    assert of_a_head(evidence(run="")) is None


def test_mirrored_views_come_before_restraints_of_a_head(evidence):
    (idea,) = ideas(evidence())
    keys = [key for cure in idea.prescriptions for key in cure.change]
    mirrored = keys.index("predict.tta")
    assert all(mirrored < keys.index(key) for key in RESTRAINTS if key in keys)


def test_a_restraint_is_still_the_first_cure_of_wrong_labels_that_a_head_has(evidence):
    found = prescribe(Finding("label-noise", "warning", 0.9, "", {}), evidence())
    assert found.prescriptions[0].change == {"train.label_smoothing": 0.1}
