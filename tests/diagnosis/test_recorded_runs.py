"""The rules that read what happened inside the network, on real runs of the project's own loop."""

from dataclasses import replace

import numpy as np
import pytest

from phoropter.core.records import Metric
from phoropter.core.registry import load
from phoropter.core.run_records import Gate, PassSignals
from phoropter.diagnosis.diagnose import diagnose
from phoropter.diagnosis.passes import gradient_cosine, samples_a_step
from phoropter.improvement.prescriptions.prescribe import prescribe

HEALTHY = (
    "mlp",
    "mlp, no norm",
    "mlp, momentum",
    "mlp, dropout",
    "mlp, smoothed",
    "mlp, batches of 8",
    "deep tanh",
    "deep, normalised",
    "wide",
    "cnn",
    "cnn, varied",
    "cnn, batches of 4",
)
SICK = (
    "vanishing-gradient",
    "vanishing-gradient, momentum",
    "dead-activations",
    "batch-too-small",
    "batch-too-large",
    "batch-too-large, all",
    "label-noise",
    "label-noise, a tenth",
    "augmentation-too-strong",
    "augmentation-too-strong, no image left",
    "augmentation-too-weak",
)
INSIDE = sorted({name.partition(",")[0] for name in SICK})


def _rule(code, evidence):
    return list(load("phoropter.rules", code)(evidence))


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_healthy_runs(recorder, name):
    assert name in recorder.HEALTHY
    run = recorder.trained(name)
    assert run.signals
    assert run.dynamics is not None
    assert not [item.message for code in INSIDE for item in _rule(code, run)]
    assert not [item.code for item in diagnose(run) if item.severity != "info"]


@pytest.mark.parametrize("name", SICK)
def test_a_fault_is_found(recorder, name):
    code = name.partition(",")[0]
    found = {item.code: item for item in diagnose(recorder.trained(name))}
    assert code in found
    others = {item for item in found if item in INSIDE} - {code}
    assert not others
    assert (found[code].severity == "info") == (code == "augmentation-too-weak")
    if code not in {"augmentation-too-weak", "dead-activations"}:  # those are what others lead to
        loud = [item.code for item in found.values() if item.severity != "info"]
        assert loud[0] == code


@pytest.mark.parametrize("code", INSIDE)
def test_what_was_not_recorded_is_not_judged(evidence, predictions, code):
    assert not _rule(code, evidence())
    curves = {"train_loss": [2.3] * 9, "val_loss": [2.3] * 9, "running_loss": [2.3] * 9}
    assert not _rule(code, evidence(**curves))


@pytest.mark.parametrize(
    "name",
    [
        "vanishing-gradient",
        "dead-activations",
        "batch-too-small",
        "batch-too-large",
        "augmentation-too-strong",
    ],
)
def test_the_first_change_prescribed_cures_the_run(recorder, name):
    sick = recorder.trained(name)
    (finding,) = [item for item in diagnose(sick) if item.code == name]
    first = next(cure for cure in prescribe(finding, sick).prescriptions if cure.change)
    setup = recorder.SICK[name]
    cured = recorder.recorded(replace(setup, change={**setup.change, **first.change}))
    was, now = (max(row.val_metric for row in run.history) for run in (sick, cured))
    assert now > was + 0.05, first.advice


def test_the_share_of_wrong_labels_is_that_which_was_exchanged(recorder):
    run = recorder.trained("label-noise")
    (found,) = _rule("label-noise", run)
    assert found.evidence["low"] <= 0.2 <= found.evidence["high"]
    truth = recorder.digits(0.0)[1]
    for part in ("train", "val"):
        listed = [item for item in found.evidence["samples"] if item["part"] == part]
        right = [truth[int(item["id"])] == int(item["suggested"]) for item in listed]
        assert len(listed) >= 20
        assert np.mean(right) > 0.8


def test_wrong_training_labels_show_where_validation_is_clean(recorder):
    clean, wrong = recorder.digits(0.0)[1], recorder.digits(0.25)[1]
    images = recorder.digits()[0]
    labels = np.where(np.arange(len(clean)) < 800, wrong, clean)
    recipe = recorder.trained("label-noise").recipe
    run = recorder.run_on(images, labels, recipe, train=800, val=500)
    (found,) = _rule("label-noise", run)
    assert found.evidence["train_error"] > found.evidence["val_error"] + 0.1


def _signals(norms, *, inactive=None, cosine=0.1):
    blocks = tuple(f"b{place}" for place in range(len(norms)))
    ratios = (1e-3,) * len(norms)
    return tuple(
        PassSignals(epoch, blocks, tuple(norms), ratios, cosine, inactive or {})
        for epoch in (1, 2, 3, 4)
    )


HIGH = {"train_loss": [2.3, 2.2, 2.2, 2.2, 2.2], "val_loss": [2.3] * 5}


@pytest.mark.parametrize(
    ("norms", "speaks"),
    [
        (np.geomspace(1e-4, 1, 6), True),
        (np.geomspace(1e-2, 1, 6), False),  # within what healthy networks show
        ([1e-5, 1.0, 1.0, 1.0, 1.0, 1.0], False),  # no trend
        (np.geomspace(1, 1e-4, 6), False),
        (np.geomspace(1e-4, 1, 3), False),  # too few blocks
        ([0.0, *np.geomspace(1e-4, 1, 5)], True),
    ],
)
def test_a_gradient_vanishes_by_a_thousandfold_even_fall(evidence, norms, speaks):
    made = evidence(**HIGH, signals=_signals([float(value) for value in norms]))
    assert bool(_rule("vanishing-gradient", made)) == speaks
    learnt = evidence(
        train_loss=[2.3, 0.1, 0.1, 0.1, 0.1],
        val_loss=[2.3] * 5,
        signals=made.signals,
    )
    assert not _rule("vanishing-gradient", learnt)


@pytest.mark.parametrize(("loss", "speaks"), [(1.5, False), (2.25, True)])
def test_where_nothing_was_learnt_no_block_got_over_its_start(evidence, loss, speaks):
    """The last passes look sound; that came of a rate that had decayed, or of having learnt."""
    idle, sound = _signals(np.geomspace(1e-5, 1, 6)), _signals(np.geomspace(1e-2, 1, 6))
    made = evidence(
        train_loss=[2.3, *[loss] * 4], val_loss=[2.3] * 5, signals=(*idle[:2], *sound[2:])
    )
    soon = replace(made, signals=(*idle[:1], *sound[1:]))
    assert bool(_rule("vanishing-gradient", made)) == speaks
    assert not _rule("vanishing-gradient", soon)


@pytest.mark.parametrize(("loss", "speaks"), [(1.5, False), (2.25, True)])
def test_saturated_units_hold_back_all_at_once_where_nothing_is_learnt(evidence, loss, speaks):
    norms = [1e-6, 2e-6, 1e-6, 3e-6, 2e-5, 0.15]
    made = evidence(train_loss=[2.3, *[loss] * 4], val_loss=[2.3] * 5, signals=_signals(norms))
    assert bool(_rule("vanishing-gradient", made)) == speaks


@pytest.mark.parametrize(
    ("change", "loss", "speaks"),
    [
        ({}, 2.25, True),
        ({}, 1.5, False),  # it learns all the same
        ({"model.activation": "relu"}, 2.25, False),
        ({"model.norm": "batch"}, 2.25, False),
        ({"model.name": "resnet18"}, 2.25, False),  # whose activations the recipe does not choose
    ],
)
def test_of_a_network_that_saturates_a_hundredfold_fall_is_enough(evidence, change, loss, speaks):
    saturating = {"model.name": "cnn", "model.activation": "sigmoid", "model.norm": "none"}
    made = evidence(
        train_loss=[2.3, *[loss] * 4],
        val_loss=[2.3] * 5,
        signals=_signals([4e-3, 7e-4, 2e-2, 1e-3, 5e-3, 0.9]),
        change={**saturating, **change},
    )
    assert bool(_rule("vanishing-gradient", made)) == speaks


@pytest.mark.parametrize(
    ("norm", "end", "speaks"),
    [("none", 1.2, True), ("none", 0.3, False), ("batch", 1.2, False)],
)
def test_a_start_that_was_lost_to_saturated_units_is_told_unless_made_up_for(
    evidence, norm, end, speaks
):
    """Nothing was learnt for three passes; by the last ones the gradients are sound."""
    lost, sound = _signals(np.geomspace(1e-4, 1, 6)), _signals(np.geomspace(0.1, 1, 6))
    change = {"model.name": "cnn", "model.activation": "sigmoid", "model.norm": norm}
    made = evidence(
        train_loss=[2.3, 2.3, 2.3, 2.3, *[end] * 6],
        val_loss=[2.3] * 10,
        signals=(*lost[:3], *(replace(row, epoch=row.epoch + 3) for row in sound)),
        change=change,
    )
    found = _rule("vanishing-gradient", made)
    assert bool(found) == speaks
    assert [item.evidence["idle_epochs"] for item in found] == [3] * speaks


@pytest.mark.parametrize(
    ("share", "loss", "severity"),
    [(0.8, 2.2, None), (0.95, 2.2, "warning"), (1.0, 2.2, "critical"), (0.95, 0.1, "info")],
)
def test_dead_units_matter_as_far_as_the_loss_is_high(evidence, share, loss, severity):
    made = evidence(
        train_loss=[2.3, *[loss] * 4],
        val_loss=[2.3] * 5,
        signals=_signals([1.0], inactive={"a": 0.1, "b": share}),
    )
    assert not _rule("dead-activations", replace(made, recipe=narrow(made.recipe)))
    found = _rule("dead-activations", made)
    assert [item.severity for item in found] == ([severity] if severity else [])


def test_gradients_are_alike_where_a_tiny_rate_moves_nothing(recorder):
    run = recorder.trained("batch-too-large")
    assert _rule("batch-too-large", run)
    tiny = replace(run, recipe=run.recipe.changed({"train.lr": 1e-7}))
    assert not _rule("batch-too-large", tiny)


def test_few_steps_are_no_fault_of_the_batch_where_small_ones_would_be_few_as_well(recorder):
    run = recorder.trained("batch-too-large")
    size = run.recipe.train.batch_size
    for steps, told in ((200 * 32 // size + 1, True), (200 * 32 // size - 1, False)):
        made = replace(run, summary=replace(run.summary, steps=steps))
        assert bool(_rule("batch-too-large", made)) is told


def narrow(recipe):
    return recipe.changed({"model.width": 2})


def test_too_narrow_a_network_is_no_fault_of_the_set_up(evidence):
    gate = Gate("cannot-overfit-batch", 1.5, 0.1, False, {"timed_out": True})
    made = evidence(**HIGH, gates=(gate,))
    assert _rule("cannot-overfit-batch", made)
    assert not _rule("cannot-overfit-batch", replace(made, recipe=narrow(made.recipe)))


def test_a_batch_of_everything_has_no_noise(evidence):
    made = evidence(**HIGH, steps_per_epoch=1, signals=_signals([1.0], cosine=None))
    assert gradient_cosine(made) == 1.0
    assert gradient_cosine(evidence(**HIGH, signals=_signals([1.0], cosine=0.3))) == 0.3
    assert gradient_cosine(evidence(**HIGH)) is None


def test_a_step_has_the_samples_of_all_its_batches(evidence):
    made = evidence(**HIGH, change={"train.batch_size": 16, "train.accumulate": 4})
    assert samples_a_step(made) == 64
    assert samples_a_step(evidence(**HIGH, change={"train.batch_size": "auto"})) is None


def test_restless_noise_at_a_usual_rate_asks_for_larger_batches(evidence):
    loss = [2.3, *(1.2 + 0.3 * (-1) ** epoch for epoch in range(20))]
    made = evidence(train_loss=loss, val_loss=loss, signals=_signals([1.0], cosine=0.02))
    (found,) = _rule("batch-too-small", made)
    assert found.evidence["gradient_cosine"] == 0.02
    assert not _rule("batch-too-small", replace(made, signals=_signals([1.0], cosine=0.5)))
    fast = evidence(train_loss=loss, val_loss=loss, lr=0.1, signals=made.signals)
    assert not _rule("batch-too-small", fast)


@pytest.mark.parametrize(
    ("lr", "calm", "told"), [(1e-3, True, "info"), (1e-3, False, "warning"), (0.1, True, "warning")]
)
def test_a_loss_that_decay_brings_to_rest_was_restless_no_more_than_it_may(
    evidence, lr, calm, told
):
    """Not at a usual rate; beyond it the calm of the end proves nothing."""
    jumps = [0.1 * (-1) ** epoch * (0.1 if calm and epoch > 15 else 1.0) for epoch in range(21)]
    loss = [2.3, *(0.6 + jump for jump in jumps)]
    made = evidence(train_loss=loss, val_loss=loss, lr=lr, signals=_signals([1.0], cosine=0.02))
    (found,) = _rule("lr-too-high", made)
    assert found.severity == told
    assert bool(_rule("batch-too-small", made)) == (lr == 1e-3 and not calm)


def _chosen(predictions, evidence, *, val, test, n=1000, optimism=(0.008, 0.002, 0.02)):
    def part(right):
        truth = np.arange(n) % 10
        return predictions(truth, np.where(np.arange(n) < right * n, truth, (truth + 1) % 10))

    return evidence(
        predictions=part(val),
        test_predictions=None if test is None else part(test),
        optimism=Metric("optimism", *optimism, n),
    )


def test_a_test_part_that_is_certainly_worse_tells_of_choosing(evidence, predictions):
    (found,) = _rule("overfit-to-validation", _chosen(predictions, evidence, val=0.9, test=0.84))
    assert found.severity == "warning"
    assert "happens to like" in found.message
    (far,) = _rule("overfit-to-validation", _chosen(predictions, evidence, val=0.9, test=0.6))
    assert "of another kind" in far.message
    assert not _rule("overfit-to-validation", _chosen(predictions, evidence, val=0.9, test=0.89))
    alone = replace(_chosen(predictions, evidence, val=0.9, test=0.6), optimism=None)
    assert not _rule("overfit-to-validation", alone)


def test_optimism_beyond_the_standard_error_is_noted(evidence, predictions):
    large = (0.03, 0.01, 0.05)
    made = _chosen(predictions, evidence, val=0.9, test=None, optimism=large)
    (found,) = _rule("overfit-to-validation", made)
    assert found.severity == "info"
    for small in ((0.003, 0.001, 0.005), (0.03, 0.0, 0.06)):
        made = _chosen(predictions, evidence, val=0.9, test=None, optimism=small)
        assert not _rule("overfit-to-validation", made)


def test_tables_are_not_told_to_vary_their_images(recorder):
    run = recorder.trained("augmentation-too-weak")
    assert _rule("augmentation-too-weak", run)
    assert not _rule("augmentation-too-weak", replace(run, images=False))
