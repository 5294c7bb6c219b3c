"""Limits near which healthy runs lie: what is within the luck of their samples is no warning."""

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions
from phoropter.core.records import Finding
from phoropter.core.registry import load
from phoropter.core.run_records import Gate
from phoropter.diagnosis.diagnose import without_consequences
from phoropter.diagnosis.norms import usual_rates
from phoropter.diagnosis.scores import Gap, Score, gap

SMALL = {"model.pretrained": False, "model.transfer": "finetune"}
FLAT = [0.69, *[0.3] * 8]


def _loud(code, evidence):
    return [item for item in load("phoropter.rules", code)(evidence) if item.severity != "info"]


def _answers(predictions, right, of):
    """Predictions on two equal classes of which so many are right, spread over both."""
    truth = np.arange(of) % 2
    wrong = np.linspace(0, of - 1, of - right).astype(np.int64) if right < of else []
    guess = truth.copy()
    guess[wrong] = 1 - guess[wrong]
    return predictions(truth, guess, classes=2)


def test_a_training_part_that_was_asked_as_a_whole_is_no_sample(evidence, predictions):
    part = _answers(predictions, 40, 40)
    common = {"predictions": _answers(predictions, 160, 200), "train_predictions": part}
    whole, half = (gap(evidence(**common, counts=(n, n))) for n in (20, 40))
    assert whole.error == pytest.approx(whole.val.error)
    assert half.error**2 == pytest.approx(half.val.error**2 + half.train.error**2 / 2)
    alone = Gap(Score(0.9, 0.03, 0.5, 100), Score(0.8, 0.04, 0.5, 100))
    assert alone.error == pytest.approx(0.05)


@pytest.mark.parametrize(("right", "told"), [(0.81, 0), (0.76, 1)])
def test_a_notable_gap_is_not_wide_by_the_luck_of_the_samples(evidence, predictions, right, told):
    """Of 200 samples, where nine points could be five."""
    made = evidence(
        train_loss=FLAT,
        val_loss=FLAT,
        predictions=_answers(predictions, round(right * 200), 200),
        train_predictions=_answers(predictions, 450, 500),
        counts=(250, 250),
    )
    assert len(_loud("overfit", made)) == told


def test_all_of_a_few_known_by_heart_and_others_not_is_overfitting(evidence, predictions):
    made = evidence(
        train_loss=FLAT,
        val_loss=FLAT,
        predictions=_answers(predictions, 171, 200),
        train_predictions=_answers(predictions, 24, 24),
        counts=(12, 12),
    )
    assert _loud("overfit", made)


@pytest.mark.parametrize(("counts", "told"), [((12, 12), 1), ((120, 120), 0)])
def test_of_a_handful_that_is_known_by_heart_in_the_end_a_rise_is_overfitting(
    evidence, predictions, counts, told
):
    """The kept weights, of the fifth pass, do not know all of them yet."""
    made = evidence(
        train_loss=[0.69, 0.6, 0.5, 0.4, 0.3, *[0.001] * 6],
        val_loss=[0.69, 0.6, 0.5, 0.4, 0.37, 0.4, 0.45, 0.5, 0.54, 0.57, 0.57],
        val_metric=[0.5, 0.6, 0.7, 0.8, 0.84, *[0.83] * 6],
        predictions=_answers(predictions, 168, 200),
        train_predictions=_answers(predictions, 22, 24),
        counts=counts,
    )
    found = _loud("overfit", made)
    assert len(found) == told
    for item in found:
        assert item.evidence["gap"] == pytest.approx(0.17, abs=0.005)


@pytest.mark.parametrize(("end", "told"), [(0.001, 0), (0.2, 1)])
def test_a_short_run_that_knows_its_samples_in_the_end_is_not_too_short(
    evidence, predictions, end, told
):
    made = evidence(
        train_loss=[0.69, 0.6, 0.5, 0.4, end],
        val_loss=[0.69, 0.6, 0.5, 0.6, 0.6],
        predictions=_answers(predictions, 168, 200),
        train_predictions=_answers(predictions, 22, 24),
        steps_per_epoch=20,
        change={**SMALL, "model.name": "cnn", "model.width": 16},
    )
    assert len(_loud("undertrained", made)) == told


@pytest.mark.parametrize(("width", "told"), [(6, 1), (3, 0)])
def test_a_first_stage_of_a_few_channels_is_not_narrow(evidence, predictions, width, told):
    """Three stages, the last one four times as wide: a run of 30 steps is too short for it."""
    made = evidence(
        train_loss=[1.1, 0.4],
        val_loss=[1.1, 0.4],
        predictions=_answers(predictions, 186, 200),
        train_predictions=_answers(predictions, 182, 200),
        change={**SMALL, "model.name": "cnn", "model.width": width, "model.depth": 3},
    )
    assert len(_loud("undertrained", made)) == told


@pytest.mark.parametrize(("noise", "told"), [(0.0, 1), (0.1, 0)])
def test_what_noise_may_promise_is_no_reason_to_train_longer(evidence, noise, told):
    curve = 0.3 + 0.39 * np.exp(-np.arange(17) / 9)
    jumps = noise * np.array([0, *[0, 1, 0, 0.5] * 4]) * (np.arange(17) < 15)
    made = evidence(train_loss=curve, val_loss=curve + jumps, counts=(100, 100))
    assert len(_loud("undertrained", made)) == told


def test_a_low_score_alone_is_blamed_on_the_network_only_where_it_is_very_low(
    evidence, predictions
):
    common = {"train_loss": FLAT, "val_loss": FLAT, "counts": (250, 250)}
    for right, told in ((0.75, 0), (0.6, 1)):
        part = _answers(predictions, round(right * 500), 500)
        made = evidence(**common, predictions=part, train_predictions=part)
        assert len(_loud("underfit", made)) == told


def test_a_network_too_narrow_to_learn_is_told_so_and_not_that_nothing_was_learnt(
    evidence, predictions
):
    part = predictions(np.arange(200) % 2, np.zeros(200, np.int64), classes=2)
    idle = {"train_loss": [0.694] * 9, "val_loss": [0.694] * 9, "counts": (100, 100)}
    for width, narrow in ((4, True), (64, False)):
        change = {**SMALL, "model.name": "mlp", "model.width": width}
        made = evidence(**idle, predictions=part, train_predictions=part, change=change)
        assert _loud("underfit", made)
        for code in ("plateau", "majority-collapse"):
            assert bool(_loud(code, made)) != narrow


def test_a_tiny_rate_that_moves_nothing_is_to_blame(evidence):
    draws = np.random.default_rng(0)
    still = 0.7 + 0.001 * draws.standard_normal(12)
    for rate, told in ((1e-6, 1), (1e-3, 0)):
        made = evidence(train_loss=still, val_loss=still, lr=rate, change={"train.lr": rate})
        assert len(_loud("lr-too-low", made)) == told


@pytest.mark.parametrize(("end", "told"), [(0.999, 0), (0.9, 1)])
def test_a_usual_rate_that_brings_nothing_on_others_is_not_to_blame(evidence, end, told):
    """Shuffled labels are learnt by heart, slowly; validation is as good as at guessing."""
    steps = np.linspace(0, 1, 13)
    level = np.log(2)
    made = evidence(
        train_loss=level * (1 - 0.1 * steps),
        val_loss=level * (1 - (1 - end) * steps),
        counts=(100, 100),
    )
    assert len(_loud("lr-too-low", made)) == told


@pytest.mark.parametrize(("lr", "end", "told"), [(1e-6, 0.74, 1), (1e-6, 0.3, 0), (5e-5, 0.74, 0)])
def test_a_slip_of_the_pen_is_told_though_the_loss_bends(evidence, lr, end, told):
    """A head on good features learns something even so."""
    losses = np.log(2) * (end + (1 - end) * np.exp(-np.arange(25) / 3))
    made = evidence(train_loss=losses, val_loss=losses, counts=(100, 100), change={"train.lr": lr})
    assert len(_loud("lr-too-low", made)) == told


@pytest.mark.parametrize(("lr", "told"), [(1e-3, 1), (6e-3, 0)])
def test_a_rate_beyond_a_safe_start_is_not_too_low(evidence, lr, told):
    losses = np.log(2) * (1 - 0.2 * np.linspace(0, 1, 13))
    change = {**SMALL, "model.name": "cnn", "train.lr": lr, "train.optimizer": "rmsprop"}
    made = evidence(train_loss=losses, val_loss=losses, counts=(100, 100), change=change)
    assert len(_loud("lr-too-low", made)) == told


@pytest.mark.parametrize(("activation", "told"), [("sigmoid", 0), ("relu", 1)])
def test_a_high_rate_is_not_to_blame_where_no_gradient_passes(evidence, activation, told):
    change = {**SMALL, "model.name": "cnn", "model.norm": "none", "model.activation": activation}
    made = evidence(
        train_loss=[0.694] * 9,
        val_loss=[0.694] * 9,
        running_loss=[None, *[0.7] * 8],
        counts=(100, 100),
        change={**change, "train.lr": 0.03, "train.optimizer": "adamax"},
    )
    assert len(_loud("lr-too-high", made)) == told


@pytest.mark.parametrize(("count", "told"), [(12, 0), (100, 1)])
def test_a_handful_that_was_learnt_by_heart_proves_nothing_of_labels(
    evidence, predictions, count, told
):
    gate = Gate(
        name="input-ignored",
        passed=True,
        measured=0.001,
        expected=0.0,
        evidence={"standard_error": 0.02, "loss": 0.69},
    )
    made = evidence(
        train_loss=[0.7, *[0.05] * 8],
        val_loss=[0.7, *[0.9] * 8],
        predictions=_answers(predictions, 102, 200),
        train_predictions=_answers(predictions, 24, 24),
        counts=(count, count),
        gates=(gate,),
    )
    assert len(_loud("input-ignored", made)) == told


def test_wrong_labels_of_validation_must_show_in_training_for_certain(evidence):
    """Sure mistakes on others, of a network that knows all but four of its 24 samples."""

    def said(n, wrong):
        """Every fourth answer is sure; of these so many are wrong, of the others none."""
        truth, sure = np.arange(n) % 2, np.arange(n) % 4 == 0
        guess = np.where(sure & (np.cumsum(sure) <= wrong), 1 - truth, truth)
        most = np.where(sure, 0.9999, 0.75)[:, None]
        shares = np.where(np.arange(2) == guess[:, None], most, 1 - most)
        return ClassPredictions(np.arange(n).astype(str), truth, shares, ("a", "b"))

    for n, wrong, told in ((24, 4, 0), (240, 40, 1)):
        made = evidence(
            train_loss=FLAT,
            val_loss=FLAT,
            predictions=said(200, 20),
            train_predictions=said(n, wrong),
            counts=(n // 2, n // 2),
        )
        assert len(_loud("label-noise", made)) == told


@pytest.mark.parametrize(("noise", "told"), [(0.02, 0), (0.001, 1)])
def test_what_was_lost_by_luck_was_not_lost(evidence, noise, told):
    """At a constant rate the loss jumps: the lowest of its points is a lucky one."""
    jumps = noise * np.random.default_rng(1).standard_normal(31)
    losses = 0.42 + jumps
    losses[0], losses[-6], losses[-3:] = 0.69, 0.36, 0.435
    made = evidence(train_loss=losses, val_loss=losses, counts=(50, 50))
    assert len(_loud("lr-too-high", made)) == told


def test_a_shift_explains_that_validation_still_falls():
    shift, late = (
        Finding(code, "warning", 0.9, code, {}) for code in ("covariate-shift", "undertrained")
    )
    assert without_consequences([shift, late]) == [shift]


def test_small_networks_take_twice_adams_rate_with_adamax(evidence):
    small = {**SMALL, "model.name": "cnn"}
    adam, adamax = (
        usual_rates(evidence(change={**small, "train.optimizer": name}).recipe)
        for name in ("adam", "adamax")
    )
    assert adamax.usual == pytest.approx(2 * adam.usual)
