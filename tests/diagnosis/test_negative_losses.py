"""Losses that have no floor at zero: densities of values (Gaussian likelihoods, ELBO)."""

import numpy as np
import pytest

from phoropter.core.registry import load
from phoropter.diagnosis.curves_file import read_curves
from phoropter.improvement.prescriptions.prescribe import prescribe

PASSES = np.arange(21)


def told(code, train, val):
    """What a rule says of these curves."""
    made = read_curves({"loss": [*map(float, train)], "val_loss": [*map(float, val)]})
    return [prescribe(item, made) for item in load("phoropter.rules", code)(made)]


@pytest.mark.parametrize("start", [1.0, 0.02, -0.5])
def test_a_small_rise_below_zero_is_no_overfitting(start):
    train = start - 2 * (1 - np.exp(-PASSES / 5))
    val = start - 1.5 * (1 - np.exp(-PASSES / 2)) + 0.005 * np.maximum(PASSES - 12, 0)
    assert not told("overfit", train, val)


def test_a_rise_below_zero_is_told_by_its_ends():
    train = 1 - 2 * (1 - np.exp(-PASSES / 5))
    val = 1 - 2 * (1 - np.exp(-PASSES / 2)) + 0.1 * np.maximum(PASSES - 10, 0)
    (found,) = told("overfit", train, val)
    assert "the validation loss rose from -0.963" in found.message
    assert " to -0.0999 while" in found.message
    assert "val_loss_rise" not in found.evidence
    assert found.severity == "warning"


@pytest.mark.parametrize("train_end", [0.5, -0.5])
def test_a_loss_that_falls_below_zero_may_fall_farther(train_end):
    train, val = np.linspace(1.5, train_end, 8), np.linspace(1.5, -0.5, 8)
    (found,) = told("undertrained", train, val)
    assert 0.6 <= found.confidence <= 0.95
    gain = found.evidence["expected_fall"]
    assert gain > 1
    assert f"bring about {-0.5 - gain:.3g})" in found.message
    assert found.evidence["fall_if_so"] >= gain
    assert all((item.expected_gain or 0) >= 0 for item in found.prescriptions)


def test_a_loss_that_ends_at_zero_divides_nothing():
    (found,) = told("undertrained", np.linspace(1.5, 0.5, 7), np.linspace(1.5, 0.0, 7))
    assert found.confidence == 0.95
    assert "bring about 0)" in found.message
