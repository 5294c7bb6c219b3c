from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from phoropter.augment.policies import augmenter
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.training import surviving as module
from phoropter.training.records import TrainingData
from phoropter.training.surviving import BLOCK, audit_s, label_gate

SCHEMA = TargetSchema("classes", tuple("0123456789"), counts=(90,) * 10)
TURN = {"torchvision.RandomRotation": {"degrees": [180, 180]}}


@pytest.fixture(scope="module")
def data():
    bunch = load_digits()
    pixels = np.rint(bunch.images[:900, None] * 15.9375).astype(np.uint8)
    rows = np.arange(900)
    return TrainingData(
        inputs=MemoryInputs(pixels),
        targets=torch.from_numpy(bunch.target[:900].astype(np.int64)),
        train_rows=rows,
        val_rows=rows[:0],
        train_eval_rows=rows,
        metric=lambda raw, rows: 0.0,
    )


def gate_of(data, change, schema=SCHEMA):
    recipe = Recipe().changed({"data.size": 8, "data.channels": 1, **change})
    vary = augmenter(recipe.data.augment, size=8, channels=1)
    return label_gate(recipe, replace(data, augment=vary), schema)


def test_what_turns_digits_over_is_named_with_its_cure(data):
    change = {"data.augment.pipeline": [TURN], "data.augment.erasing": 0.2}
    gate = gate_of(data, change)
    assert not gate.passed
    assert gate.measured > 0.2
    assert gate.evidence["kinds"] == ["torchvision.RandomRotation", "erasing"]
    worst = gate.evidence["lost"][0]
    assert (worst["class"], worst["becomes"]) == ("6", "9")
    assert gate.evidence["without"] == {"torchvision.RandomRotation": {"data.augment.pipeline": []}}


def test_harmless_augmentation_passes_and_is_the_same_each_time(data):
    change = {"data.augment.preset": "medium", "data.augment.flip": False}
    gate = gate_of(data, change)
    assert gate.passed
    assert gate.measured == 0.0
    assert gate == gate_of(data, change)


def test_half_of_the_draws_do_nothing_and_are_drawn_again(data):
    seldom = {"torchvision.RandomApply": {"p": 0.5, "transforms": [TURN]}}
    always, halved = (
        gate_of(data, {"data.augment.pipeline": [entry]}).measured for entry in (TURN, seldom)
    )
    assert 0.7 * always < halved <= always  # three draws leave an eighth as it was


def test_values_features_and_plain_training_are_not_audited(data):
    preset = {"data.augment.preset": "medium"}
    assert gate_of(data, {}) is None
    assert gate_of(data, preset, TargetSchema("values", ("angle",))) is None
    features = MemoryInputs(np.zeros((900, 5), np.float32))
    assert gate_of(replace(data, inputs=features), preset) is None


def test_what_the_audit_takes_is_told_from_a_block_of_each_kind(data, monkeypatch):
    """A clock that ticks once for an image: 900 plain ones, 500 for each of two kinds."""
    clock, timed = [0], []

    def seen(inputs, rows, vary=None):
        timed.append(len(rows))
        clock[0] += len(rows)

    monkeypatch.setattr(module, "_seen", seen)
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    augment = {"data.augment.erasing": 0.2, "data.augment.pipeline": [TURN]}
    recipe = Recipe().changed({"data.size": 8, "data.channels": 1, **augment})
    varied = replace(data, augment=augmenter(recipe.data.augment, size=8, channels=1))
    assert audit_s(recipe, varied, SCHEMA) == pytest.approx(900 + 2 * 500)
    assert timed == [BLOCK] * 3
    assert audit_s(recipe, replace(data, augment=None), SCHEMA) == 0
