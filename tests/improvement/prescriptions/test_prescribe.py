from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoropter.core.records import Finding, Metric, Prescription
from phoropter.core.registry import names
from phoropter.improvement.prescriptions.ideas import ideas
from phoropter.improvement.prescriptions.making import UNKNOWN_GAIN
from phoropter.improvement.prescriptions.prescribe import prescribe, sensible
from phoropter.improvement.prescriptions.priors import PRIORS

RECIPES = {
    "frozen features": {},
    "fine-tuned": {
        "model.transfer": "finetune",
        "train.lr": 3e-4,
        "train.head_lr_factor": 10.0,
        "data.augment.preset": "medium",
    },
    "small cnn": {"model.name": "cnn", "model.pretrained": False, "data.size": 32},
    "mlp on digits": {
        "model.name": "mlp",
        "model.pretrained": False,
        "data.size": 8,
        "data.augment.flip": False,
        "model.norm": "none",
        "model.activation": "sigmoid",
        "train.schedule": "constant",
    },
    "all at its bounds": {
        "model.name": "cnn",
        "model.pretrained": False,
        "model.width": 4096,
        "model.depth": 12,
        "model.dropout": 0.9,
        "data.size": 2048,
        "data.augment.preset": "strong",
        "data.augment.mixup": 2.0,
        "train.epochs": 100_000,
        "train.lr": 1000.0,
        "train.weight_decay": 5.0,
        "train.warmup": 0.9,
        "train.label_smoothing": 0.9,
        "train.class_weights": "balanced",
        "train.clip": 1e-3,
        "train.ema": 0.5,
        "predict.tta": 5,
    },
    "tiny everything": {
        "model.name": "mlp",
        "model.pretrained": False,
        "model.width": 1,
        "model.depth": 1,
        "data.size": 4,
        "train.epochs": 1,
        "train.lr": 1e-9,
        "train.weight_decay": 0.0,
        "train.optimizer": "sgd",
    },
    "momentum": {"train.optimizer": "momentum", "train.lr": 5.0, "model.transfer": "finetune"},
    "classic": {"model.name": "knn"},
}

NUMBERS = {
    "val_loss": 1.0,
    "expected_fall": 0.3,
    "overconfidence": -0.1,
    "baseline": "random_forest",
    "lead": 0.07,
}


def _finding(code, severity="warning", **numbers):
    return Finding(code, severity, 0.9, "A sentence.", numbers)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("code", names("phoropter.prescriptions"))
@pytest.mark.parametrize("values", [False, True])
def test_every_change_applies_and_changes_something(evidence, recipe, code, values):
    run = evidence(RECIPES[recipe], values=values)
    for numbers in ({}, NUMBERS):
        found = prescribe(_finding(code, **numbers), run).prescriptions
        digests = [run.recipe.changed(item.change).digest for item in found if item.change]
        assert run.recipe.digest not in digests
        assert len(set(digests)) == len(digests)
        _check_sane(found)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("values", [False, True])
def test_ideas_apply_too_and_are_only_notes(evidence, recipe, values):
    run = evidence(RECIPES[recipe], values=values)
    for item in ideas(run):
        assert (item.code, item.severity) == ("idea", "info")
        assert all(run.recipe.changed(cure.change) != run.recipe for cure in item.prescriptions)
        _check_sane(item.prescriptions)
    assert bool(ideas(run)) == (recipe != "classic")


def _check_sane(found):
    for item in found:
        assert item.advice.endswith(".")
        assert item.why.endswith(".")
        assert item.cost >= 0
        assert item.expected_gain is None or 0 <= item.expected_gain <= 0.9
    kinds = [bool(item.change) for item in found]
    assert kinds == sorted(kinds, reverse=True)
    gains = [
        (UNKNOWN_GAIN if item.expected_gain is None else item.expected_gain, item.cost)
        for item in found
        if item.change
    ]
    ranks = [gain / (1 + cost) ** 0.5 for gain, cost in gains]
    assert ranks == sorted(ranks, reverse=True)


@given(
    st.floats(1e-8, 1e3),
    st.sampled_from(["sgd", "momentum", "adamw"]),
    st.sampled_from(["lr-too-high", "lr-too-low", "diverged"]),
)
def test_rates_move_the_right_way(evidence, lr, optimizer, code):
    run = evidence({"train.lr": lr, "train.optimizer": optimizer, "model.transfer": "finetune"})
    for item in prescribe(_finding(code), run).prescriptions:
        if "train.lr" in item.change:
            assert (item.change["train.lr"] > lr) == (code == "lr-too-low")


def test_far_off_rates_are_set_to_a_usual_one_first(evidence):
    for lr, code in ((1.0, "lr-too-high"), (1e-7, "lr-too-low"), (5e-5, "lr-too-low")):
        run = evidence({"train.lr": lr, "model.name": "cnn", "model.pretrained": False})
        first = prescribe(_finding(code), run).prescriptions[0]
        assert first.change == {"train.lr": 0.003}


def test_fine_tuning_brings_the_rates_it_needs(evidence):
    found = prescribe(_finding("underfit"), evidence()).prescriptions
    change = next(item.change for item in found if "model.transfer" in item.change)
    assert 1e-4 <= change["train.lr"] <= 1e-3
    assert change["train.head_start"]
    assert 0 < change["train.frozen"] < 1


def test_frozen_features_are_never_told_to_augment(evidence):
    for code in names("phoropter.prescriptions"):
        for item in prescribe(_finding(code), evidence()).prescriptions:
            varied = "data.augment.preset" in item.change
            assert varied == (item.change.get("model.transfer") == "finetune")


def test_mirrored_views_need_that_flips_are_allowed(evidence):
    for flip in (True, False):
        change = {"model.transfer": "finetune", "data.augment.flip": flip}
        (item,) = ideas(evidence(change))
        assert any("predict.tta" in cure.change for cure in item.prescriptions) == flip


def test_a_winning_baseline_is_prescribed_with_its_measured_lead(evidence):
    from phoropter.core.recipe import Recipe

    found = _finding("classic-wins", baseline="knn", lead=0.07)
    (plain, *_) = prescribe(found, evidence()).prescriptions
    assert plain.change == {"model.name": "knn", "model.backbone": "efficientnet_lite0"}
    assert plain.expected_gain == 0.07
    rival = Recipe().changed({"model.name": "knn", "data.size": 64})
    run = evidence(
        ladder={"knn": Metric("accuracy", 0.9, 0.8, 1, 100)}, ladder_recipes={"knn": rival}
    )
    (exact, *_) = prescribe(found, run).prescriptions
    assert run.recipe.changed(exact.change) == rival


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"parameters": ["a"]}, ["detach()"]),
        ({"parameters": ["a"], "not_in_optimizer": ["a"]}, ["optimiser from all parameters"]),
        (
            {"parameters": ["b", "a"], "not_in_optimizer": ["a"]},
            ["detach()", "optimiser from all parameters"],
        ),
        ({"parameters": ["a"], "frozen_by_mistake": ["a"]}, ["requires_grad to True"]),
        ({"parameters": [], "trainable": 0}, ["requires_grad to True"]),
        ({}, ["detach()"]),
    ],
)
def test_where_to_look_for_a_gradient_follows_from_its_cause(evidence, facts, words):
    told = prescribe(_finding("no-gradient", **facts), evidence()).prescriptions
    assert [word in cure.advice for word, cure in zip(words, told, strict=True)] == [True] * len(
        words
    )


def test_what_breaks_labels_is_taken_out_and_nothing_else(evidence):
    turn, blur = {"torchvision.RandomRotation": {"degrees": 180}}, {"own.Blur": {}}
    scratch = {"model.name": "cnn", "model.pretrained": False}
    run = evidence({**scratch, "data.augment.pipeline": [turn, blur, turn]})
    without = {
        "torchvision.RandomRotation": {"data.augment.pipeline": [blur]},
        "mirror": {"data.augment.flip": False},
    }
    found = _finding("label-breaking-augmentation", without=without)
    (cure,) = prescribe(found, run).prescriptions
    assert cure.change == {"data.augment.pipeline": [blur], "data.augment.flip": False}
    assert "'torchvision.RandomRotation', 'mirror'" in cure.advice


def test_input_is_normalised_as_the_weights_want_it_or_as_the_data_are(evidence):
    run = evidence({"data.normalize": "none"})
    for origin, wanted in (("weights", "weights"), ("inputs", "data")):
        found = _finding("preprocessing-mismatch", **{"from": origin})
        (cure,) = prescribe(found, run).prescriptions
        assert cure.change == {"data.normalize": wanted}


def steps_made(run, steps):
    return replace(run, summary=replace(run.summary, steps=steps))


def test_longer_training_is_promised_what_the_curve_promises(evidence):
    run = steps_made(evidence({"model.transfer": "finetune"}), 400)
    told = {"val_loss": 1.0, "expected_fall": 0.3, "times_longer": 6, "fall_if_so": 0.6}
    first, second, *_ = prescribe(_finding("undertrained", **told), run).prescriptions
    assert first.change == {"train.epochs": 120}
    assert first.expected_gain == pytest.approx(0.2 * 0.6)
    assert second.change == {"train.epochs": 40}
    assert second.expected_gain == pytest.approx(0.2 * 0.3)
    cures = prescribe(_finding("undertrained", **told), steps_made(run, 70)).prescriptions
    epochs = [cure.change["train.epochs"] for cure in cures if set(cure.change) == {"train.epochs"}]
    assert epochs == [120]  # twice 70 steps are no fair run either


ADJUSTED = {"train.class_weights": "adjusted"}
DRAWN = {
    **ADJUSTED,
    "data.most_of_class": 1.0,
    "predict.ensemble": [{"seed": seed} for seed in (1, 2, 3, 4)],
}
NETWORK = {"model.name": "cnn", "model.pretrained": False, "model.transfer": "finetune"}


@pytest.mark.parametrize("code", ["class-imbalance", "majority-collapse"])
@pytest.mark.parametrize(
    ("change", "counts", "wanted"),
    [
        ({}, (198, 2), {**DRAWN, "train.epochs": 80}),  # 4 steps a pass become one
        ({}, (300, 300, 30, 30), {**DRAWN, "train.epochs": 110}),  # 11 become two
        ({}, (2000, 40), ADJUSTED),  # enough of them, and most would be left out
        ({}, (200, 200, 200, 2), ADJUSTED),  # three classes would pay for one
        ({}, (198, 198, 2, 2), {**DRAWN, "train.epochs": 140}),
        ({"data.most_of_class": 1.0}, (200, 2), ADJUSTED),
        ({"predict.ensemble": [{"seed": 1}]}, (200, 2), ADJUSTED),
        (NETWORK, (200, 2), {**ADJUSTED, "train.epochs": 80}),
        (NETWORK, (200, 22), ADJUSTED),
    ],
)
def test_rare_classes_are_cured_by_how_rare_they_are_and_what_is_learnt(
    evidence, code, change, counts, wanted
):
    run = evidence({"train.epochs": 20, **change})
    names = tuple("abcd"[: len(counts)])
    schema = replace(run.summary.schema, names=names, counts=counts)
    steps = run.summary.epochs * ceil(sum(counts) / run.recipe.train.batch_size)
    run = replace(run, summary=replace(run.summary, schema=schema, steps=steps))
    first, *_ = prescribe(_finding(code), run).prescriptions
    assert first.change == wanted
    if "train.epochs" in wanted:
        assert f"for {wanted['train.epochs']} epochs instead of 20" in first.advice


@pytest.mark.parametrize(
    ("preset", "count", "wanted"),
    [("none", 12, "strong"), ("none", 40, "medium"), ("light", 12, "medium")],
)
def test_a_handful_of_a_class_is_varied_strongly_at_once(evidence, preset, count, wanted):
    run = evidence({**NETWORK, "data.size": 16, "data.augment.preset": preset})
    schema = replace(run.summary.schema, names=("a", "b"), counts=(count, count))
    run = replace(run, summary=replace(run.summary, schema=schema))
    changes = [cure.change for cure in prescribe(_finding("overfit"), run).prescriptions]
    assert {"data.augment.preset": wanted} in changes
    assert preset != "none" or changes[0] == {"data.augment.preset": wanted}


SIGMOIDS = {
    "model.name": "cnn",
    "model.pretrained": False,
    "model.transfer": "finetune",
    "model.activation": "sigmoid",
    "model.norm": "none",
}
PASSING = {"model.activation": "relu", "model.norm": "batch"}


@pytest.mark.parametrize("code", ["vanishing-gradient", "plateau", "undertrained"])
@pytest.mark.parametrize("lr", [0.003, 0.005])
def test_sigmoids_without_normalisation_are_exchanged_for_both_at_once(evidence, code, lr):
    told = {"val_loss": 1.0, "expected_fall": 0.3, "times_longer": 3, "fall_if_so": 0.6}
    cures = prescribe(_finding(code, **told), evidence({**SIGMOIDS, "train.lr": lr})).prescriptions
    assert cures[0].change == PASSING
    for sound in ({"model.activation": "relu"}, {"model.norm": "group"}):
        run = evidence({**SIGMOIDS, **sound, "train.lr": lr})
        cures = prescribe(_finding(code, **told), run).prescriptions
        assert PASSING not in [cure.change for cure in cures]


def test_a_plateau_at_a_rate_beyond_the_usual_is_first_of_all_one_of_the_rate(evidence):
    cures = prescribe(_finding("plateau"), evidence({**SIGMOIDS, "train.lr": 0.3})).prescriptions
    assert cures[0].change == {"train.lr": 0.003}


def test_longer_steps_are_for_rates_below_the_usual_of_runs_that_can_be_judged(evidence):
    for lr, times, offered in ((1e-4, 3, True), (1e-3, 3, False), (1e-4, 12, False)):
        told = {"val_loss": 1.0, "expected_fall": 0.3, "times_longer": times, "fall_if_so": 0.6}
        run = evidence({"model.transfer": "finetune", "model.pretrained": False, "train.lr": lr})
        found = prescribe(_finding("undertrained", **told), run).prescriptions
        assert any("train.lr" in item.change for item in found) == offered


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (("mlp", 4, 2), {"model.width": 128}),
        (("mlp", 128, 2), {"model.width": 256}),
        (("cnn", 1, 1), {"model.width": 32, "model.depth": 2}),
        (("xception_small", 4, 2), {"model.width": 32}),
        (("cnn", 32, 1), {"model.width": 64}),
        (("mlp", 512, 2), {"model.depth": 3}),
    ],
)
def test_room_is_given_as_far_as_a_network_usually_needs_it(evidence, model, wanted):
    keys = dict(zip(("model.name", "model.width", "model.depth"), model, strict=True))
    scratch = {"model.pretrained": False, "model.transfer": "finetune"}
    cures = prescribe(_finding("underfit"), evidence({**scratch, **keys})).prescriptions
    assert wanted in [dict(cure.change) for cure in cures]


def test_unknown_findings_pass_unchanged(evidence):
    finding = _finding("drift")
    assert prescribe(finding, evidence()) is finding


def test_foreign_loops_get_advice_instead_of_keys(evidence):
    found = prescribe(_finding("overfit"), evidence(run="")).prescriptions
    assert found
    assert not any(item.change for item in found)


def test_changes_that_make_no_recipe_are_dropped(evidence):
    wrong = Prescription({"train.epochs": -1}, "Train backwards.", 0.1, 1.0, "No reason.")
    assert sensible([wrong], evidence()) == ()


def test_priors_are_shares_with_sources():
    for prior in PRIORS.values():
        assert 0 < prior.share <= 0.5
        assert prior.why.endswith(".")


def test_a_temperature_comes_first_for_what_is_too_sure(evidence):
    run = evidence({"model.name": "cnn", "model.pretrained": False})
    finding = Finding("miscalibrated", "warning", 0.9, "m", {"overconfidence": 0.1})
    first = prescribe(finding, run).prescriptions[0]
    assert first.change == {"predict.calibration": "temperature"}
    done = evidence({"predict.calibration": "temperature"})
    changes = [item.change for item in prescribe(finding, done).prescriptions]
    assert first.change not in changes
    classic = prescribe(finding, evidence({"model.name": "logistic"})).prescriptions
    assert [item.change for item in classic if item.change] == [first.change]


@pytest.mark.parametrize(
    ("metric", "change"),
    [
        ("cost(a>b=9)", {"predict.threshold": "cost(a>b=9)"}),
        ("f2(a)", {"predict.threshold": "f2", "predict.positive": "a"}),
        ("macro_f1", {"predict.threshold": "f1", "predict.positive": "b"}),
        ("accuracy", None),
    ],
)
@pytest.mark.parametrize("model", ["efficientnet_lite0", "logistic"])
def test_the_metric_decides_what_is_to_be_named(evidence, metric, change, model):
    run = replace(evidence({"model.name": model}), metric=metric)
    offered = [item.change for idea in ideas(run) for item in idea.prescriptions]
    decisions = [change for change in offered if "predict.threshold" in change]
    assert decisions == ([] if change is None else [change])
    decided = evidence({"model.name": model, "predict.threshold": "f1"})
    again = [
        item.change
        for idea in ideas(replace(decided, metric=metric))
        for item in idea.prescriptions
    ]
    assert not any("predict.threshold" in change for change in again)
