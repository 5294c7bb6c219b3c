"""Rates in logs of others, whose optimiser and whose weights before training nobody tells."""

import json

import numpy as np
import pytest

from phoropter.diagnosis.curves_file import read_curves
from phoropter.diagnosis.diagnose import diagnose
from phoropter.diagnosis.missing import unjudged


def written(path, **columns):
    """A CSV with these columns, one row an epoch."""
    columns = {"epoch": range(1, len(columns["train_loss"]) + 1), **columns}
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_curves(path)


def about_rates(evidence):
    return [finding for finding in diagnose(evidence) if finding.code.startswith("lr-")]


def sound(rate, path):
    time = np.arange(1, 31)
    train, val = 0.1 + 2.2 * np.exp(-time / 5), 0.15 + 2.2 * np.exp(-time / 5)
    return written(path, train_loss=train, val_loss=val, lr=[rate] * 30)


@pytest.mark.parametrize("rate", [2e-5, 1e-3, 0.1, 0.5])
def test_a_rate_that_some_optimiser_usually_stands_is_no_fault(tmp_path, rate):
    assert about_rates(sound(rate, tmp_path / "c.csv")) == []


def test_a_rate_that_no_optimiser_stands_is_named_without_one(tmp_path):
    [found] = about_rates(sound(30.0, tmp_path / "c.csv"))
    assert found.code == "lr-too-high"
    assert "A learning rate of 30 is 30 times the highest" in found.message
    assert "sgd" not in found.message


def test_a_rate_that_was_not_recorded_is_not_called_too_low(tmp_path):
    straight = np.linspace(2.3, 2.1, 10)
    known = {"step": range(100, 1001, 100), "train_loss": straight, "val_loss": straight}
    evidence = written(tmp_path / "c.csv", **known)
    assert about_rates(evidence) == []
    assert unjudged(evidence)["lr-too-low"] == "the learning rate"
    recorded = written(tmp_path / "c.csv", **known, lr=[1e-5] * 10)
    [found] = about_rates(recorded)
    assert found.code == "lr-too-low"
    assert found.message.endswith(" in 1000 steps.")
    assert "lr-too-low" not in unjudged(recorded)
    del known["step"]
    for moved in (straight, np.linspace(2.3, 2.28, 10)):
        by_pass = {"train_loss": moved, "val_loss": moved, "lr": [1e-6] * 10}
        [found] = about_rates(written(tmp_path / "c.csv", **by_pass))
        assert found.message.endswith(" in 10 passes.")


def test_curves_without_a_rate_can_still_show_that_it_is_too_high(tmp_path):
    restless = 1.0 + 0.3 * np.random.default_rng(0).standard_normal(40)
    evidence = written(tmp_path / "c.csv", train_loss=restless, val_loss=restless)
    [found] = about_rates(evidence)
    assert found.code == "lr-too-high"
    assert not {"lr", "usual_high"} & set(found.evidence)


def test_fine_tuning_at_a_usual_rate_is_no_fault(tmp_path):
    log = []
    losses = zip((0.45, 0.25, 0.15), (0.30, 0.26, 0.25), strict=True)
    for epoch, (train, val) in enumerate(losses, 1):
        for tenth in range(1, 11):
            at = epoch - 1 + tenth / 10
            rate = 2e-5 * (1 - at / 3)
            log.append({"epoch": at, "step": 100 * at, "loss": train, "learning_rate": rate})
        log.append({"epoch": float(epoch), "step": 1000 * epoch, "eval_loss": val})
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": log}), encoding="utf-8")
    evidence = read_curves(path)
    assert evidence.recipe.train.lr == pytest.approx(2e-5 * (1 - 0.1 / 3))
    assert evidence.history[0].lr == pytest.approx(2e-5 * 2 / 3)
    assert about_rates(evidence) == []
