"""Gains are capped by the part of the error that a change is aimed at."""

import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Prescription, TargetSchema
from phoropter.core.run_records import RunSummary
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.aim import aimed, part_aimed_at

CNN = Recipe().changed({"model.name": "cnn", "data.augment.preset": "light"})


def table(wrong, count):
    truth = np.zeros(count, dtype=np.int64)
    shares = np.tile([0.9, 0.1], (count, 1))
    shares[:wrong] = [0.1, 0.9]
    return ClassPredictions(np.arange(count).astype(np.str_), truth, shares, ("a", "b"))


def evidence(predictions, train_predictions):
    """Of a finished run of a small network."""
    schema = TargetSchema("classes", ("a", "b"), (90, 10))
    summary = RunSummary("r", "accuracy", 10, 300, 10, 5.0, 9.0, "finished", {}, schema, "")
    return RunEvidence(
        summary=summary,
        recipe=CNN,
        history=(),
        gates=(),
        predictions=predictions,
        train_predictions=train_predictions,
        metric="accuracy",
        greater_is_better=True,
    )


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"model.width": 64}, "bias"),
        ({"model.width": 8}, "variance"),
        ({"model.dropout": 0.0}, "bias"),
        ({"train.label_smoothing": 0.1, "model.dropout": 0.5}, "variance"),
        ({"data.augment.preset": "strong"}, "variance"),
        ({"data.augment.preset": "none"}, "bias"),
        ({"model.width": 64, "model.dropout": 0.5}, None),
        ({"train.epochs": 99}, None),
        ({"model.width": 64, "train.lr": 0.1}, None),
    ],
)
def test_what_a_change_is_aimed_at(change, part):
    assert part_aimed_at(change, CNN) == part


def test_a_network_that_knows_its_training_part_needs_no_more_room():
    """No error in 2,000 training samples, 300 in 1,000 others: all of it is variance."""
    run = evidence(table(300, 1000), table(0, 2000))
    cures = tuple(
        Prescription(change, "", gain, 1.0, "")
        for change, gain in (
            ({"model.width": 64}, 0.06),
            ({"model.dropout": 0.4}, 0.06),
            ({"train.epochs": 99}, 0.06),
            ({"model.width": 128}, None),
        )
    )
    (finding,) = aimed([Finding("idea", "info", 0.3, "", {}, cures)], run)
    wider, dropout, longer, unknown = (cure.expected_gain for cure in finding.prescriptions)
    assert wider < 0.003
    assert (dropout, longer, unknown) == (0.06, 0.06, None)
