import numpy as np
import pytest
import torch
from torchmetrics.functional.classification.calibration_error import _ce_compute

from phoropter.core.errors import UsageError
from phoropter.metrics import named
from phoropter.metrics.calibration import calibration_ends, calibration_error, reliability
from phoropter.metrics.interval import interval


@pytest.mark.parametrize("bins", [1, 7, 15, 40])
@pytest.mark.parametrize("classes", [2, 5])
def test_error_as_torchmetrics(bins, classes, classifier):
    table = classifier(500, prior=np.full(classes, 1 / classes), skill=1.5, seed=bins)
    # Its public function rounds to float32 first; this is the arithmetic behind it.
    expected = _ce_compute(
        torch.from_numpy(table.probabilities.max(axis=1)),
        torch.from_numpy((table.predicted == table.truth).astype(np.float64)),
        bins,
    ).item()
    ours = calibration_error(bins)(table)(np.ones((1, 500)))[0]
    assert ours == pytest.approx(expected, abs=1e-9)


def test_the_registered_error_has_fifteen_bins(classifier):
    table = classifier(200)
    assert named("ece")(table) == calibration_error(15)(table)(np.ones((1, 200)))[0]


def test_certainty_belongs_to_the_last_bin(from_probabilities):
    # torchmetrics gives exact certainty a bin of its own; there the gaps below would not cancel.
    table = from_probabilities([0, 1], [[1.0, 0.0], [0.98, 0.02]])
    assert reliability(table).counts.tolist() == [0] * 14 + [2]
    assert named("ece")(table) == pytest.approx(0.49)


def test_reliability_by_hand(from_probabilities):
    table = from_probabilities([0, 0, 1, -1], [[0.6, 0.4], [0.7, 0.3], [0.95, 0.05], [0.95, 0.05]])
    found = reliability(table, bins=4)
    assert found.counts.tolist() == [0, 0, 2, 1]
    np.testing.assert_allclose(found.confidence, [np.nan, np.nan, 0.65, 0.95])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 1.0, 0.0])
    np.testing.assert_allclose(found.edges, [0, 0.25, 0.5, 0.75, 1])


def test_the_error_is_the_weighted_gap_of_the_table(classifier):
    table = classifier(300)
    found = reliability(table)
    gaps = np.abs(found.accuracy - found.confidence) * found.counts
    assert named("ece")(table) == pytest.approx(np.nansum(gaps) / 300, abs=1e-12)


def test_no_bins_are_refused(classifier):
    with pytest.raises(UsageError, match="0 bins"):
        reliability(classifier(3), bins=0)


def spoken(from_probabilities, count, *, sureness, seed):
    """Classes drawn from the very probabilities, which are then sharpened by `sureness`."""
    draw = np.random.default_rng(seed)
    true = draw.dirichlet((1.0, 0.6, 0.4), size=count)
    truth = (true.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1).clip(max=2)
    said = true**sureness
    return from_probabilities(truth, said / said.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("sureness", [1.0, 1.5, 2.5])
def test_the_interval_holds_the_true_error_of_calibrated_models_too(from_probabilities, sureness):
    ends, error = calibration_ends(15), calibration_error(15)
    large = spoken(from_probabilities, 400_000, sureness=sureness, seed=0)
    truth = error(large)(np.ones((1, 400_000)))[0]
    held = []
    for seed in range(100):
        low, high = ends(spoken(from_probabilities, 300, sureness=sureness, seed=1 + seed))
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.88  # three standard errors below 95 %


def test_the_interval_of_a_calibrated_model_reaches_zero(from_probabilities):
    table = spoken(from_probabilities, 1000, sureness=1.0, seed=3)
    low, high = interval(named("ece"), table)
    assert low == 0.0
    assert high >= named("ece")(table) > 0.01
    surer = spoken(from_probabilities, 1000, sureness=2.5, seed=3)
    assert interval(named("ece"), surer)[0] > 0.1


def test_of_one_bin_it_is_the_normal_interval(from_probabilities):
    """With one bin, all gaps of one sign and far from zero, the error is a mean."""
    table = spoken(from_probabilities, 2000, sureness=2.5, seed=4)
    low, high = calibration_ends(1)(table)
    hits = table.predicted == table.truth
    apart = table.probabilities.max(axis=1) - hits
    half = 1.96 * apart.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((apart.mean() - half, apart.mean() + half), abs=0.002)
