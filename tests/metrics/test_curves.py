import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from phoropter.metrics.curves import threshold_curve


@pytest.mark.parametrize("decimals", [1, 8])
def test_the_curves_are_scikit_learns(decimals):
    draw = np.random.default_rng(0)
    positive = draw.random(200) < 0.3
    scores = (draw.random(200) + 0.3 * positive).round(decimals)
    curve = threshold_curve(scores, positive)
    alarms, recall, thresholds = roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_alarms, alarms)
    np.testing.assert_allclose(curve.recall, recall)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    precision, recall, _ = precision_recall_curve(positive, scores)
    np.testing.assert_allclose(curve.precision, precision[::-1])
    np.testing.assert_allclose(curve.recall, recall[::-1])


def test_one_class_alone_has_no_curve():
    scores = np.array([0.3, 0.7])
    assert np.isnan(threshold_curve(scores, np.array([False, False])).recall).all()
    assert np.isnan(threshold_curve(scores, np.array([True, True])).false_alarms).all()
