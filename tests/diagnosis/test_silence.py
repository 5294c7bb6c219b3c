"""Curves that only look bad: every rule that reads curves is silent under noise."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.records import Finding
from phoropter.core.registry import load
from phoropter.core.run_records import Gate
from phoropter.diagnosis.diagnose import rank

CURVE_RULES = (
    "diverged",
    "lr-too-high",
    "lr-too-low",
    "undertrained",
    "underfit",
    "overfit",
    "plateau",
    "exploding-gradient",
)


def _loud(evidence):
    found = [item for code in CURVE_RULES for item in load("phoropter.rules", code)(evidence)]
    return [item for item in found if item.severity != "info"]


@given(
    epochs=st.integers(8, 120),
    level=st.floats(0.02, 1.0),
    noise=st.floats(0.0, 0.07),
    speed=st.floats(8.0, 30.0),
    seed=st.integers(0, 10_000),
)
def test_runs_that_converged_are_left_alone(evidence, epochs, level, noise, speed, seed):
    """Noise in proportion to the loss, as validation parts of a hundred samples show it."""
    draws = np.random.default_rng(seed)
    time = np.arange(epochs + 1) / epochs
    fall = 2.3 * np.exp(-speed * time)
    val = (level + fall) * (1 + noise * draws.normal(size=epochs + 1))
    train = (0.8 * level + fall) * (1 + 0.5 * noise * draws.normal(size=epochs + 1))
    made = evidence(
        train_loss=train,
        val_loss=val,
        running_loss=[None, *np.maximum(train[1:], 0.01)],
        grad_norm=[None, *np.abs(1 + 0.3 * draws.normal(size=epochs))],
    )
    assert not _loud(made)


@given(epochs=st.integers(10, 60), share=st.floats(0.0, 0.15), seed=st.integers(0, 10_000))
def test_a_small_noisy_rise_of_the_validation_loss_is_no_overfitting(evidence, epochs, share, seed):
    draws = np.random.default_rng(seed)
    time = np.arange(epochs + 1) / epochs
    train = 0.1 + 2.2 * np.exp(-15 * time)
    val = 0.5 + 1.8 * np.exp(-15 * time) + 0.5 * share * np.clip(time - 0.4, 0, 1)
    val = val + 0.005 * draws.normal(size=epochs + 1)
    assert not _loud(evidence(train_loss=train, val_loss=val))


@pytest.mark.parametrize("code", CURVE_RULES)
@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_rules_stand_missing_and_short_histories(evidence, code, epochs):
    curves = np.full(epochs + 1, 2.2)
    rule = load("phoropter.rules", code)
    assert not list(rule(evidence()))
    short = list(rule(evidence(train_loss=curves, val_loss=curves)))
    assert all(item.severity == "info" for item in short)


def test_a_loss_that_rises_after_its_minimum_is_overfitting(evidence):
    time = np.arange(41) / 40
    train = 2.3 * np.exp(-6 * time)
    val = 0.6 + 1.7 * np.exp(-12 * time) + 0.8 * np.clip(time - 0.3, 0, 1)
    (found,) = load("phoropter.rules", "overfit")(evidence(train_loss=train, val_loss=val))
    assert found.severity == "warning"
    assert found.evidence["mark_epoch"] == int(val.argmin())


def test_a_cosine_schedule_does_not_hide_a_short_run(evidence):
    """The curve is flat at the end only because the rate has gone to zero."""
    from dataclasses import replace

    epochs = 10
    rates = 0.5 * (1 + np.cos(np.pi * np.arange(epochs + 1) / epochs))
    time = np.concatenate([[0], np.cumsum((rates[1:] + rates[:-1]) / 2)])
    loss = 2.3 * np.exp(-0.15 * time)
    made = evidence(train_loss=loss, val_loss=loss + 0.01)
    history = tuple(replace(row, lr=rate) for row, rate in zip(made.history, rates, strict=True))
    (found,) = load("phoropter.rules", "undertrained")(replace(made, history=history))
    expected = loss[-1] - 2.3 * np.exp(-0.3 * time[-1])
    assert found.evidence["expected_fall"] == pytest.approx(expected, rel=0.1)


def test_runs_that_stopped_for_want_of_progress_are_not_called_short(evidence):
    loss = 2.3 * np.exp(-0.05 * np.arange(11))
    rule = load("phoropter.rules", "undertrained")
    assert list(rule(evidence(train_loss=loss, val_loss=loss)))
    assert not list(rule(evidence(train_loss=loss, val_loss=loss, stopped_by="patience")))


def test_an_exploding_gradient_is_marked_where_it_explodes(evidence):
    loss = np.full(11, 1.0)
    running = [None] + [1.0] * 5 + [4.0] + [2.0] * 4
    norms = [None] + [0.5] * 5 + [300.0] + [5.0] * 4
    made = evidence(train_loss=loss, val_loss=loss, running_loss=running, grad_norm=norms)
    (found,) = load("phoropter.rules", "exploding-gradient")(made)
    assert found.evidence["mark_epoch"] == 6
    calm = evidence(train_loss=loss, val_loss=loss, grad_norm=[None] + [900.0] * 10)
    assert not list(load("phoropter.rules", "exploding-gradient")(calm))


def test_a_loss_near_zero_that_is_many_times_what_it_was_is_no_explosion(evidence):
    loss = [2.3, 0.5, 0.1, 0.01, *[1e-3] * 7]
    running = [None, 1.0, 0.2, 0.05, 1e-3, 1e-3, 0.07, *[1e-3] * 4]
    norms = [None, 1.0, 1.0, 0.1, 0.02, 0.02, 3.4, *[0.02] * 4]
    made = evidence(train_loss=loss, val_loss=loss, running_loss=running, grad_norm=norms)
    rule = load("phoropter.rules", "exploding-gradient")
    assert not list(rule(made))
    running[6] = 1.1
    made = evidence(train_loss=loss, val_loss=loss, running_loss=running, grad_norm=norms)
    assert list(rule(made))


def test_a_finite_explosion_is_a_divergence(evidence):
    (found,) = load("phoropter.rules", "diverged")(
        evidence(train_loss=[2.3, 5.0, 40.0, 90.0], val_loss=[2.3, 5.0, 40.0, 90.0])
    )
    assert found.evidence["mark_epoch"] == 2


def test_what_is_learnt_and_lost_again_was_too_fast(evidence):
    loss = [2.3, 1.9, 2.5, 2.4, 2.33, *[2.3] * 8]
    rule = load("phoropter.rules", "lr-too-high")
    (found,) = rule(evidence(train_loss=loss, val_loss=loss))
    assert found.severity == "critical"
    assert found.evidence["mark_epoch"] == 1
    weighted = {"train.class_weights": "balanced"}
    assert not list(rule(evidence(train_loss=loss, val_loss=loss, change=weighted)))


def test_nothing_learnt_at_an_unusual_rate_is_blamed_on_the_rate(evidence):
    loss = [2.3] * 10
    rule = load("phoropter.rules", "lr-too-high")
    assert list(rule(evidence(train_loss=loss, val_loss=loss, lr=0.5)))
    assert not list(rule(evidence(train_loss=loss, val_loss=loss)))


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("speed", [0.2, 0.6, 1.2])
def test_a_short_run_that_fell_to_its_end_has_lost_nothing(evidence, epochs, speed):
    """Its last three points reach back to its start."""
    loss = 2.3 * np.exp(-speed * np.arange(epochs + 1))
    made = evidence(train_loss=loss, val_loss=loss, running_loss=[None, *loss[:-1]])
    assert not list(load("phoropter.rules", "lr-too-high")(made))


def test_a_jump_that_validation_never_got_over_is_no_rough_start(evidence):
    """The training samples were learnt by heart all the same, and the first weights were kept."""
    train = [0.75, 0.8, 0.3, 0.2, 0.05, 0.02, 0.01, 0.005]
    running = [None, 2.9, 2.0, 2.1, 1.9, 1.7, 1.6, 1.5]
    rule, counts = load("phoropter.rules", "lr-too-high"), (50, 50)
    harmed = evidence(
        train_loss=train, val_loss=[0.73, *[1.5] * 7], running_loss=running, counts=counts
    )
    recovered = evidence(
        train_loss=train, val_loss=[0.73, 1.5, *[0.4] * 6], running_loss=running, counts=counts
    )
    assert [item.severity for item in rule(harmed)] == ["critical"]
    assert [item.severity for item in rule(recovered)] == ["info"]


def test_labels_that_are_only_learnt_by_heart_have_nothing_to_do_with_the_input(
    evidence, predictions
):
    """The gate cannot ask where the untrained weights were kept."""
    truth = np.arange(200) % 2
    val = predictions(truth, 0 * truth, classes=2)
    train, held = np.linspace(0.69, 0.4, 9), np.linspace(0.69, 0.9, 9)
    rule = load("phoropter.rules", "input-ignored")
    common = {"train_loss": train, "predictions": val, "counts": (100, 100)}
    (found,) = rule(evidence(val_loss=held, **common))
    assert found.severity == "critical"
    assert found.evidence["chance"] == 0.5
    useful = np.array([0.69, *[0.6] * 8])
    assert not list(rule(evidence(val_loss=useful, **common)))
    slow = {**common, "train_loss": np.linspace(0.69, 0.67, 9), "train_predictions": val}
    for reached, told in ((0.52, 0), (0.7, 1)):
        made = evidence(val_loss=held, **slow)
        scores = np.linspace(0.5, reached, 9).tolist()
        passes = zip(made.history, scores, strict=True)
        history = tuple(replace(row, train_metric=value) for row, value in passes)
        assert len(list(rule(replace(made, history=history)))) == told
    balanced = {"train.class_weights": "balanced"}
    assert not list(rule(evidence(val_loss=held, change=balanced, **common)))


def test_an_error_for_a_metric_does_not_hide_that_the_answers_are_of_use(evidence, predictions):
    """Training learns, the validation loss rises from its start, and most answers are right."""
    truth = np.arange(200) % 2
    rule = load("phoropter.rules", "input-ignored")
    for wrong, told in ((6, 0), (100, 1)):
        made = evidence(
            train_loss=np.linspace(0.69, 0.05, 9),
            val_loss=np.linspace(0.69, 0.9, 9),
            val_metric=np.linspace(0.69, 0.9, 9),
            predictions=predictions(truth, np.where(np.arange(200) < wrong, 1 - truth, truth), 2),
            counts=(100, 100),
            metric="log_loss",
            greater_is_better=False,
        )
        assert len(list(rule(made))) == told


def test_exchanging_the_inputs_of_one_class_says_nothing(evidence, predictions):
    gate = Gate("input-ignored", 0.0, 0.01, passed=False)
    rule = load("phoropter.rules", "input-ignored")
    one, two = np.zeros(40, int), np.arange(40) % 2
    assert not list(rule(evidence(gates=(gate,), predictions=predictions(one, one, classes=2))))
    assert list(rule(evidence(gates=(gate,), predictions=predictions(two, two, classes=2))))


def test_images_that_are_varied_beyond_recognition_teach_nothing(evidence, predictions):
    """The loss on them stays at chance; that plain ones get easier shows that the network could."""
    truth = np.arange(200) % 10
    poor = predictions(truth, np.where(np.arange(200) % 4, 0, truth))
    rule = load("phoropter.rules", "augmentation-too-strong")
    common = {"predictions": poor, "train_predictions": poor}
    common["change"] = {"data.augment.policy": "randaugment"}
    plain, stuck = np.linspace(2.3, 1.9, 9), [None, *[2.29] * 8]
    assert list(rule(evidence(train_loss=plain, val_loss=plain, running_loss=stuck, **common)))
    idle = np.linspace(2.3, 2.28, 9)
    common |= {"train_loss": idle, "val_loss": idle, "running_loss": stuck}
    assert not list(rule(evidence(**common)))
    # What neighbours still know of varied images; a tiny rate would be reason enough.
    for left, lr, told in ((0.05, 1e-6, 1), (0.2, 1e-3, 1), (0.2, 1e-6, 0), (0.4, 1e-3, 0)):
        common["change"] = {"data.augment.policy": "randaugment", "train.lr": lr}
        gate = Gate(
            "label-breaking-augmentation", 0.0, 0.0, True, {"recognised": {"randaugment": left}}
        )
        assert len(list(rule(evidence(gates=(gate,), **common)))) == told


@pytest.mark.parametrize(("ops", "lr", "told"), [(8, 1e-3, 1), (2, 1e-3, 0), (8, 1e-6, 0)])
def test_more_operations_than_were_ever_of_use_are_to_blame_where_nothing_is_learnt(
    evidence, ops, lr, told
):
    """Neighbours do not know the images unvaried either, so that nobody says what is left."""
    idle = np.linspace(2.3, 2.28, 9)
    policy = {"data.augment.policy": "randaugment", "data.augment.policy_ops": ops, "train.lr": lr}
    made = evidence(train_loss=idle, val_loss=idle, change=policy)
    assert len(list(load("phoropter.rules", "augmentation-too-strong")(made))) == told


@pytest.mark.parametrize(
    ("left", "train", "val", "told"),
    [
        (0.05, 0.8, 0.8, 1),
        (0.05, 1.0, 1.0, 0),  # it has learnt them all the same
        (0.05, 0.85, 0.6, 0),  # what is learnt by heart is not to be varied less
        (0.4, 0.8, 0.8, 0),
    ],
)
def test_beyond_recognition_and_learnt_badly(evidence, predictions, left, train, val, told):
    truth = np.arange(500) % 10
    first, second = (
        predictions(truth, np.where(np.arange(500) < share * 500, truth, (truth + 1) % 10))
        for share in (train, val)
    )
    gate = Gate("label-breaking-augmentation", 0.0, 0.0, True, {"recognised": {"turn": left}})
    losses = np.linspace(2.3, 0.6, 9)
    found = list(
        load("phoropter.rules", "augmentation-too-strong")(
            evidence(
                train_loss=losses,
                val_loss=losses,
                running_loss=losses,
                train_predictions=first,
                predictions=second,
                gates=(gate,),
                change={"data.augment.own": "turn"},
            )
        )
    )
    assert len(found) == told


def test_what_costs_only_time_comes_after_what_costs_answers():
    slow, fault = (
        Finding(code, "warning", 0.9, "A sentence.", {}) for code in ("slow-input", "overfit")
    )
    assert sorted([slow, fault], key=rank) == [fault, slow]


@pytest.mark.parametrize(("samples", "told"), [(200, 0), (4000, 1)])
def test_a_gain_within_the_luck_of_the_samples_is_no_reason_to_train_longer(
    evidence, predictions, samples, told
):
    """The same curve, whose next half promises .07, judged by few samples and by many."""
    truth = np.arange(samples) % 10
    guess = np.where(np.arange(samples) % 10 < 8, truth, (truth + 1) % 10)
    losses = 0.6 + 1.7 * 0.3 ** (np.arange(9) / 4)
    found = list(
        load("phoropter.rules", "undertrained")(
            evidence(train_loss=losses, val_loss=losses, predictions=predictions(truth, guess))
        )
    )
    assert len(found) == told
