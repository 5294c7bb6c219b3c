import numpy as np
import pytest

from phoropter.diagnosis.calibration import consistency
from phoropter.diagnosis.rules.miscalibrated import rule
from phoropter.metrics.calibration import expected_calibration_error


def _sampled(draws, n, classes=4, sharpen=1.0):
    """Truths drawn from the probabilities; then the probabilities are sharpened."""
    logits = 1.5 * draws.normal(size=(n, classes))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (honest.cumsum(1) > draws.random((n, 1))).argmax(1)
    sharp = np.exp(sharpen * logits)
    return truth, sharp / sharp.sum(1, keepdims=True)


def _predictions(predictions, truth, probabilities):
    from dataclasses import replace

    made = predictions(truth, probabilities.argmax(1), classes=probabilities.shape[1])
    return replace(made, probabilities=probabilities)


@pytest.mark.parametrize("n", [50, 333, 2000])
def test_the_error_is_the_metrics_one(predictions, n):
    truth, probabilities = _sampled(np.random.default_rng(n), n)
    made = _predictions(predictions, truth, probabilities)
    found = consistency(probabilities.max(1), made.predicted == truth)
    assert found.error == pytest.approx(expected_calibration_error(made), abs=1e-9)


def test_calibrated_models_rarely_exceed_the_limit():
    draws = np.random.default_rng(0)
    beyond = 0
    for seed in range(300):
        truth, probabilities = _sampled(draws, 120)
        found = consistency(probabilities.max(1), probabilities.argmax(1) == truth, seed=seed)
        beyond += found.error > found.quantile
    assert beyond <= 9  # 1 % of 300 is 3; ten or more have probability 0.0004


@pytest.mark.parametrize("n", [60, 200, 1000])
def test_the_rule_is_silent_on_calibrated_models(evidence, predictions, n):
    draws = np.random.default_rng(n)
    for _ in range(20):
        made = _predictions(predictions, *_sampled(draws, n))
        assert not list(rule(evidence(predictions=made)))


def test_the_rule_warns_of_overconfidence_and_only_notes_the_opposite(evidence, predictions):
    draws = np.random.default_rng(5)
    sure = _predictions(predictions, *_sampled(draws, 400, sharpen=4.0))
    (loud,) = rule(evidence(predictions=sure))
    assert loud.severity == "warning"
    assert loud.evidence["ece"] > loud.evidence["ece_limit"]
    timid = _predictions(predictions, *_sampled(draws, 400, sharpen=0.3))
    (quiet,) = rule(evidence(predictions=timid))
    assert quiet.severity == "info"
    assert quiet.evidence["overconfidence"] < 0


def test_too_few_samples_say_nothing(evidence, predictions):
    made = predictions(np.zeros(49, int), np.ones(49, int))
    assert not list(rule(evidence(predictions=made)))
