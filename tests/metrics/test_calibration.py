import numpy as np
import pytest
import torch
from torchmetrics.functional.classification.calibration_error import _ce_compute

from phoropter.core.errors import UsageError
from phoropter.metrics import named
from phoropter.metrics.calibration import calibration_error, reliability


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
