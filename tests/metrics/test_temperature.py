import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from phoropter.metrics import named
from phoropter.metrics.temperature import LEAST, MOST, fit_temperature, tempered


@pytest.mark.parametrize(("skill", "sharpened"), [(1.0, 3.0), (2.0, 1.0), (2.0, 0.4)])
def test_it_is_where_scipy_finds_the_least_log_loss(classifier, skill, sharpened):
    predictions = tempered(classifier(400, prior=(0.5, 0.3, 0.2), skill=skill), 1 / sharpened)

    def loss(log_temperature):
        scaled = tempered(predictions, float(np.exp(log_temperature)))
        return log_loss(scaled.truth, scaled.probabilities, labels=[0, 1, 2])

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8})
    assert fit_temperature(predictions) == pytest.approx(np.exp(found.x), rel=1e-4)
    assert loss(np.log(fit_temperature(predictions))) <= loss(0.0) + 1e-12


@pytest.mark.parametrize(("claimed", "right"), [(0.99, 70), (0.6, 90), (0.8, 80)])
def test_one_confidence_for_all_becomes_the_share_of_hits(from_probabilities, claimed, right):
    predictions = from_probabilities(
        [0] * right + [1] * (100 - right), [[claimed, 1 - claimed]] * 100
    )
    temperature = fit_temperature(predictions)
    assert temperature == pytest.approx(
        np.log(claimed / (1 - claimed)) / np.log(right / (100 - right)), rel=1e-5
    )
    scaled = tempered(predictions, temperature).probabilities[:, 0]
    np.testing.assert_allclose(scaled, right / 100, atol=1e-6)


def test_probabilities_that_are_true_are_left_alone(classifier):
    assert fit_temperature(classifier(20_000, skill=1.0)) == pytest.approx(1.0, abs=0.05)


def test_it_stays_within_its_limits(from_probabilities):
    flawless = from_probabilities([0, 1], [[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(flawless) == LEAST
    hopeless = from_probabilities([1, 0], [[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(hopeless) == MOST
    assert fit_temperature(from_probabilities([0, 1], [[0.5, 0.5]] * 2)) == 1.0
    assert fit_temperature(from_probabilities([-1, -1], [[0.9, 0.1]] * 2)) == 1.0
    certain = from_probabilities([0, 0, 1], [[1.0, 0.0]] * 3)
    assert LEAST <= fit_temperature(certain) <= MOST


def test_only_the_confidence_changes(classifier):
    predictions = classifier(300, prior=(0.4, 0.3, 0.3))
    scaled = tempered(predictions, 2.5)
    np.testing.assert_allclose(scaled.probabilities.sum(axis=1), 1.0)
    assert np.array_equal(scaled.predicted, predictions.predicted)
    assert named("accuracy")(scaled) == named("accuracy")(predictions)
    assert tempered(predictions, 1.0) is predictions
