"""Rules that read predictions, baselines, repeats and gates."""

from dataclasses import replace

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions, ValuePredictions
from phoropter.core.records import Metric
from phoropter.core.registry import load
from phoropter.core.run_records import Gate

FLAT = {"train_loss": [2.3, 0.5, 0.4], "val_loss": [2.3, 0.6, 0.5]}


def _run(code, evidence):
    return list(load("phoropter.rules", code)(evidence))


@pytest.mark.parametrize(
    "name",
    [
        "loss-at-init",
        "cannot-overfit-batch",
        "input-ignored",
        "no-gradient",
        "mode-mixup",
        "batch-mixing",
        "wrong-step",
    ],
)
def test_gates_speak_only_when_they_fail(evidence, name):
    failed = Gate(name, 5.0, 2.3, False, {"classes": 10})
    (found,) = _run(name, evidence(gates=(failed,)))
    assert found.code == name
    assert found.severity == ("warning" if name == "loss-at-init" else "critical")
    assert found.evidence == {"measured": 5.0, "expected": 2.3, "classes": 10}
    assert not _run(name, evidence(gates=(Gate(name, 2.3, 2.3, True),)))
    assert not _run(name, evidence(gates=(Gate("other", 5.0, 2.3, False),)))
    assert not _run(name, evidence())


def test_a_wrong_mode_and_a_wrong_step_are_told_which_way_round(evidence):
    def message(name, facts):
        (found,) = _run(name, evidence(gates=(Gate(name, 1.0, 0.0, False, facts),)))
        return found.message

    off = message("mode-mixup", {"off_in_training": ["drop"]})
    assert off.startswith("Some layers stay in eval mode")
    on = message("mode-mixup", {"on_in_evaluation": ["drop"], "off_in_training": []})
    assert on.startswith("The network answers as if")
    assert "does not move" in message("wrong-step", {"unmoved": ["a"]})
    assert "frozen" in message("wrong-step", {"unmoved": [], "moved": ["a"]})
    (twice,) = _run("wrong-step", evidence(gates=(Gate("wrong-step", 2.0, 1.0, False, {}),)))
    assert "2 steps" in twice.message


def test_what_gets_no_gradient_is_named_by_its_cause(evidence):
    def message(measured, **facts):
        gate = Gate("no-gradient", measured, 0.0, False, facts)
        (found,) = _run("no-gradient", evidence(gates=(gate,)))
        assert found.evidence["measured"] == measured
        return found.message

    names = [f"{n}.weight" for n in range(20)]
    assert message(1.0, parameters=names[:1]) == (
        "Training does not reach 1 parameter: no gradient comes to 0.weight."
    )
    assert message(
        39.0,
        parameters=names,
        not_in_optimizer=["head.bias"],
        left_out=1,
        frozen_by_mistake=["trunk.a", "trunk.b", "trunk.c", "trunk.d", "trunk.e"],
        frozen=6,
    ) == (
        "Training does not reach 39 parameters: no gradient comes to 0.weight, 1.weight, "
        "2.weight, 3.weight and 28 more; the optimiser does not hold head.bias; requires_grad is "
        "False for trunk.a, trunk.b, trunk.c, trunk.d and 2 more."
    )
    assert message(0.0, parameters=[], trainable=0).startswith("Nothing can learn: requires_grad")


def test_a_mismatch_is_told_from_weights_and_from_inputs(evidence):
    def found(measured, facts):
        gate = Gate("preprocessing-mismatch", measured, 0.25, False, facts)
        (finding,) = _run("preprocessing-mismatch", evidence(gates=(gate,)))
        return finding

    assert found(1.0, {"from": "weights"}).severity == "warning"
    assert found(0.3, {"from": "weights"}).severity == "info"
    of_inputs = found(60.0, {"from": "inputs", "farthest": 2.1})
    assert of_inputs.severity == "warning"
    assert "standard deviation of 60" in of_inputs.message


def test_lost_labels_are_told_with_their_classes(evidence):
    lost = [
        {"kind": "mirror", "class": "b", "becomes": "d", "taken": 9, "samples": 30, "p_value": 0.0}
    ]
    gate = Gate("label-breaking-augmentation", 0.3, 0.0, False, {"lost": lost, "without": {}})
    (finding,) = _run("label-breaking-augmentation", evidence(gates=(gate,)))
    assert "mirror turns 9 of 30 'b' into 'd'" in finding.message


@pytest.mark.parametrize(
    ("classes", "taken_for_it", "severity"),
    [(4, 0.25, "warning"), (4, 0.08, "info"), (2, 0.0, "warning")],
)
def test_classes_that_the_network_tells_apart_are_not_lost(
    evidence, predictions, classes, taken_for_it, severity
):
    """Of three wrong answers to the second class some name the first one; of others any class."""
    lost = [{"kind": "mirror", "class": "c0", "becomes": "c1", "taken": 9, "samples": 30}]
    gate = Gate("label-breaking-augmentation", 0.3, 0.0, False, {"lost": lost, "without": {}})
    truth = np.arange(400) % classes
    guess = np.where(np.arange(400) % 10 == 0, (truth + 1) % classes, truth)
    ones = np.flatnonzero(truth == 1)
    guess[ones] = np.where(np.arange(len(ones)) < taken_for_it * len(ones), 0, 1)
    asked = predictions(truth, guess, classes=classes)
    made = evidence(gates=(gate,), train_predictions=asked)
    (finding,) = _run("label-breaking-augmentation", made)
    assert finding.severity == severity
    assert ("tells these classes apart" in finding.message) == (severity == "info")


@pytest.mark.parametrize(
    ("kind", "sure", "counts", "severity"),
    [
        ("mirror", 0.95, (100, 100), "info"),
        ("mirror", 0.8, (100, 100), "warning"),  # .22, and .13 is half of ln 1.3
        ("mirror", 0.8, (900, 100), "info"),  # nine times as many among them: half of ln 3.7
        ("mirror", 0.95, (5, 100), "warning"),
        ("turn", 0.95, (100, 100), "warning"),  # of how many images, nobody says
    ],
)
def test_two_classes_that_validation_tells_apart_are_not_lost_by_the_mirror(
    evidence, kind, sure, counts, severity
):
    lost = [{"kind": kind, "class": "c0", "becomes": "c1", "taken": 9, "samples": 30}]
    gate = Gate("label-breaking-augmentation", 0.3, 0.0, False, {"lost": lost, "without": {}})
    truth = np.arange(200) % 2
    shares = np.where(np.arange(2) == truth[:, None], sure, 1 - sure)
    told = ClassPredictions(truth.astype(str), truth, shares, ("c0", "c1"))
    made = evidence(gates=(gate,), predictions=told, train_predictions=told, counts=counts)
    (finding,) = _run("label-breaking-augmentation", made)
    assert finding.severity == severity


def test_too_narrow_a_network_is_not_asked_what_a_mirror_does(evidence):
    lost = [{"kind": "mirror", "class": "c0", "becomes": "c1", "taken": 9, "samples": 30}]
    gate = Gate("label-breaking-augmentation", 0.3, 0.0, False, {"lost": lost, "without": {}})
    change = {"model.name": "mlp", "model.pretrained": False, "model.width": 4}
    (finding,) = _run("label-breaking-augmentation", evidence(gates=(gate,), change=change))
    assert finding.severity == "info"
    assert "too narrow" in finding.message


def test_always_the_same_answer_is_a_collapse(evidence, predictions):
    truth = np.arange(100) % 10
    (found,) = _run("majority-collapse", evidence(predictions=predictions(truth, 0 * truth)))
    assert found.severity == "critical"
    assert found.evidence["class"] == "c0"


@pytest.mark.parametrize(
    ("learnt", "counts", "told"),
    [
        (60, (10,) * 10, False),
        (60, (15, *(10,) * 8, 6), False),  # a hundred drawn at random
        (40, (10,) * 10, True),
        (60, (100, *(10,) * 9), True),
    ],
)
def test_what_was_learnt_by_heart_is_no_collapse(evidence, predictions, learnt, counts, told):
    """Of a hundred training samples of ten classes 60 right are more than half of the way."""
    truth = np.arange(100) % 10
    made = evidence(
        predictions=predictions(truth, 0 * truth),
        train_predictions=predictions(truth, np.where(np.arange(100) < learnt, truth, 0)),
    )
    schema = replace(made.summary.schema, counts=counts)
    made = replace(made, summary=replace(made.summary, schema=schema))
    assert bool(_run("majority-collapse", made)) == told


def test_weights_kept_from_before_anything_was_learnt_are_no_collapse(evidence, predictions):
    truth = np.arange(100) % 10
    same = predictions(truth, 0 * truth)
    for end, told in ((0.01, False), (2.2, True)):
        loss = np.linspace(2.3, end, 20)
        made = evidence(
            train_loss=loss, val_loss=loss[::-1], predictions=same, train_predictions=same
        )
        assert bool(_run("majority-collapse", made)) == told


def test_a_right_answer_that_is_nearly_always_the_same_is_none(evidence, predictions):
    truth = np.array([0] * 96 + [1] * 4)
    assert not _run("majority-collapse", evidence(predictions=predictions(truth, 0 * truth)))
    truth = np.array([0] * 990 + [1] * 10)
    assert not _run("majority-collapse", evidence(predictions=predictions(truth, truth)))


def test_the_majority_baseline_is_not_blamed_for_what_it_is(evidence, predictions):
    truth = np.arange(100) % 10
    made = evidence(predictions=predictions(truth, 0 * truth), change={"model.name": "majority"})
    assert not _run("majority-collapse", made)
    assert not _run("miscalibrated", made)


def _imbalanced(predictions, missed):
    truth = np.array([0] * 200 + [1] * 40)
    guess = truth.copy()
    guess[200 : 200 + missed] = 0
    return predictions(truth, guess, classes=2)


@pytest.mark.parametrize(("missed", "speaks"), [(0, False), (2, False), (24, True), (40, True)])
def test_rare_classes_are_defended_when_they_are_missed(evidence, predictions, missed, speaks):
    made = evidence(predictions=_imbalanced(predictions, missed), counts=(900, 100))
    found = _run("class-imbalance", made)
    assert bool(found) == speaks
    if found:
        assert found[0].evidence["rare_classes"] == ["c1"]


def test_a_missed_class_that_is_not_rare_is_no_imbalance(evidence, predictions):
    made = evidence(predictions=_imbalanced(predictions, 40), counts=(500, 400))
    assert not _run("class-imbalance", made)


def test_two_rare_samples_prove_nothing(evidence, predictions):
    truth = np.array([0] * 98 + [1] * 2)
    made = evidence(predictions=predictions(truth, 0 * truth, classes=2), counts=(900, 20))
    assert not _run("class-imbalance", made)


@pytest.mark.parametrize(
    ("value", "severity"), [(0.98, "warning"), (0.905, "info"), (0.9, "info"), (0.8, None)]
)
def test_a_classic_model_wins_by_its_interval(evidence, predictions, value, severity):
    truth = np.arange(200) % 10
    guess = np.where(np.arange(200) < 180, truth, (truth + 1) % 10)
    rival = Metric("accuracy", value, value - 0.03, value + 0.03, 200)
    weak = Metric("accuracy", 0.1, 0.06, 0.14, 200)
    made = evidence(
        predictions=predictions(truth, guess), ladder={"knn": rival, "majority": weak}, **FLAT
    )
    found = _run("classic-wins", made)
    assert [item.severity for item in found] == ([severity] if severity else [])
    if found:
        assert found[0].evidence["baseline"] == "knn"


def test_a_classic_run_does_not_compete_with_itself(evidence, predictions):
    truth = np.arange(200) % 10
    made = evidence(
        predictions=predictions(truth, truth), ladder={"knn": Metric("accuracy", 1, 1, 1, 200)}
    )
    assert not _run("classic-wins", made)


def test_lower_is_better_for_errors(evidence):
    truth = np.linspace(0, 1, 100)[:, None]
    ids = np.array([str(index) for index in range(100)])
    made = ValuePredictions(ids, truth, truth + 0.2, ("v",))
    common = {"predictions": made, "metric": "rmse", "greater_is_better": False, **FLAT}
    better = evidence(ladder={"ridge": Metric("rmse", 0.1, 0.08, 0.12, 100)}, **common)
    assert _run("classic-wins", better)[0].severity == "warning"
    worse = evidence(ladder={"ridge": Metric("rmse", 0.3, 0.28, 0.32, 100)}, **common)
    assert not _run("classic-wins", worse)


def test_seed_noise_needs_repeats(evidence, predictions):
    truth = np.arange(500) % 10
    guess = np.where(np.arange(500) < 475, truth, (truth + 1) % 10)
    made = {"predictions": predictions(truth, guess), **FLAT}
    rival = {"knn": Metric("accuracy", 0.948, 0.93, 0.97, 500)}
    assert not _run("seed-noise", evidence(**made, ladder=rival))
    (lead,) = _run("seed-noise", evidence(**made, ladder=rival, repeats=(0.947, 0.953)))
    assert lead.severity == "info"
    (wild,) = _run("seed-noise", evidence(**made, repeats=(0.7, 0.85)))
    assert wild.severity == "warning"
    far = {"knn": Metric("accuracy", 0.8, 0.76, 0.84, 500)}
    assert not _run("seed-noise", evidence(**made, ladder=far, repeats=(0.947, 0.953)))


def test_accuracy_is_refused_where_guessing_scores_high(evidence, predictions):
    made = predictions([0] * 90 + [1] * 10, [0] * 100, classes=2)
    (found,) = _run("wrong-metric", evidence(predictions=made, counts=(900, 100)))
    assert found.evidence["majority_share"] == pytest.approx(0.9)
    assert not _run("wrong-metric", evidence(predictions=made, counts=(600, 400)))
    fair = evidence(predictions=made, counts=(900, 100), metric="macro_f1")
    assert not _run("wrong-metric", fair)


def test_percentages_near_zero_are_refused(evidence):
    truth = np.concatenate([np.zeros(5), np.linspace(1, 2, 95)])[:, None]
    ids = np.array([str(index) for index in range(100)])
    made = ValuePredictions(ids, truth, truth, ("v",))
    assert _run("wrong-metric", evidence(predictions=made, metric="mape"))
    assert not _run("wrong-metric", evidence(predictions=made, metric="rmse"))


def test_underfitting_is_only_noted_where_no_baseline_does_better(evidence, predictions):
    truth = np.arange(300) % 10
    guess = np.where(np.arange(300) % 3 == 0, truth, (truth + 1) % 10)
    weak = predictions(truth, guess)
    common = {
        "predictions": weak,
        "train_predictions": weak,
        "train_loss": [2.3, *[1.8] * 20],
        "val_loss": [2.3, *[1.8] * 20],
    }
    assert _run("underfit", evidence(**common))[0].severity == "warning"
    low = {"knn": Metric("accuracy", 0.3, 0.25, 0.35, 300)}
    assert _run("underfit", evidence(**common, ladder=low))[0].severity == "info"
    high = {"knn": Metric("accuracy", 0.9, 0.86, 0.93, 300)}
    assert _run("underfit", evidence(**common, ladder=high))[0].severity == "warning"


@pytest.mark.parametrize(
    ("waiting", "seconds", "severity"),
    [(0.3, 600.0, None), (0.4, 600.0, "info"), (0.6, 600.0, "warning"), (0.6, 10.0, None)],
)
def test_waiting_for_data_is_told_where_it_costs_something(evidence, waiting, seconds, severity):
    plain = evidence(train_loss=[2.3, 1.0], val_loss=[2.3, 1.1])
    summary = replace(plain.summary, waiting=waiting, seconds=seconds)

    found = _run("slow-input", replace(plain, summary=summary))

    assert [item.severity for item in found] == ([] if severity is None else [severity])
    if found:
        assert found[0].evidence["fastest"] == pytest.approx(1 / (1 - waiting))


@pytest.mark.parametrize(("waited", "told"), [(8.0, 0), (12.0, 1)])
def test_waiting_is_counted_in_seconds_of_training(evidence, waited, told):
    """Four fifths of a short training; validation took most of the ten minutes."""
    plain = evidence(train_loss=[2.3, 1.0], val_loss=[2.3, 1.1])
    summary = replace(plain.summary, waiting=0.8, seconds=600.0, waited_s=waited)
    found = _run("slow-input", replace(plain, summary=summary))
    assert [item.evidence["waited_s"] for item in found] == [waited] * told


def _learnt_by_heart(evidence, predictions, *, train_loss=0.01, val_loss=None, **fields):
    """A loop of others that is right in 80 % of its validation part, and told no training score."""
    truth = np.arange(400) % 10
    told = predictions(truth, np.where(np.arange(400) % 5 == 0, (truth + 1) % 10, truth))
    own = -np.log(told.probabilities[np.arange(400), truth]).mean()
    ends = own if val_loss is None else val_loss
    curves = {"train_loss": [2.3, *[train_loss] * 10], "val_loss": [2.3, *[ends] * 10]}
    return _run("overfit", evidence(predictions=told, **curves, **fields))


def test_the_training_loss_proves_a_gap_where_no_training_score_is_known(evidence, predictions):
    (found,) = _learnt_by_heart(evidence, predictions)
    assert found.severity == "warning"
    assert found.evidence["train_score"] == pytest.approx(1 - 0.01 / np.log(2))
    assert found.evidence["gap"] == pytest.approx(found.evidence["train_score"] - 0.8)
    assert "by its loss it scores at least 98.6% on training samples" in found.message


def test_a_loss_proves_nothing_where_it_is_large_or_another_one(evidence, predictions):
    assert not _learnt_by_heart(evidence, predictions, train_loss=0.13)  # 81 % right, or more
    assert not _learnt_by_heart(evidence, predictions, val_loss=0.4)  # such as a focal loss
    assert not _learnt_by_heart(evidence, predictions, metric="macro_f1")


def test_the_bound_is_markovs():
    """Losses of misjudged samples are ln 2 at least, whatever the probabilities are."""
    draw = np.random.default_rng(0)
    shares = draw.dirichlet(np.ones(3) * 0.3, 5000)
    truth = draw.integers(0, 3, 5000)
    wrong = shares.argmax(axis=1) != truth
    losses = -np.log(np.maximum(shares[np.arange(5000), truth], 1e-300))
    assert losses[wrong].min() >= np.log(2)
