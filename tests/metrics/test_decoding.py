import numpy as np
import pytest

from phoropter.core.decoding import Decoding
from phoropter.core.predict_recipe import PredictRecipe
from phoropter.core.predictions import ClassPredictions
from phoropter.metrics import named
from phoropter.metrics.decoding import (
    FOLDS,
    _folds,
    cross_decoded,
    decoded,
    fit_decoding,
    left_in_each_fold,
    metric_names,
)
from phoropter.metrics.temperature import tempered

BOTH = PredictRecipe(calibration="temperature", threshold="f1")


def test_what_is_fitted_is_applied_temperature_first(classifier):
    sharp = tempered(classifier(2000, skill=1.0), 0.3)
    fitted = fit_decoding(sharp, BOTH, positive="c1")
    assert fitted.temperature == pytest.approx(1 / 0.3, rel=0.2)
    told = decoded(sharp, fitted)
    assert np.array_equal(
        told.predicted == 1, told.probabilities[:, 1] >= fitted.decision.threshold
    )
    assert named("f1(c1)")(told) >= named("f1(c1)")(sharp)
    assert named("ece")(told) < named("ece")(sharp)
    assert metric_names(fitted.decision) == (
        "precision(c1)",
        "recall(c1)",
        "specificity(c1)",
        "f1(c1)",
    )


def test_nothing_asked_for_is_nothing_done(classifier):
    predictions = classifier(50)
    assert fit_decoding(predictions, PredictRecipe(), positive="c1") == Decoding()
    assert decoded(predictions, Decoding()) is predictions


def test_a_fifth_is_judged_by_what_the_others_chose(classifier):
    predictions = tempered(classifier(200, prior=(0.8, 0.2)), 0.4)
    first = cross_decoded(predictions, BOTH, positive="c1", seed=0)
    assert first.ids.tolist() == predictions.ids.tolist()
    temperatures = np.log(predictions.probabilities[:, 1] / predictions.probabilities[:, 0]) / (
        np.log(first.probabilities[:, 1] / first.probabilities[:, 0])
    )
    assert len(np.unique(temperatures.round(6))) == FOLDS


def test_cross_decoding_is_not_flattering():
    """On pure noise the best threshold looks good where it was chosen, and not when crossed."""
    draw = np.random.default_rng(0)
    own, crossed = [], []
    for seed in range(60):
        truth = (np.arange(60) < 6).astype(np.int64)
        chances = draw.uniform(size=60)
        table = ClassPredictions(
            np.arange(60).astype(np.str_), truth, np.stack([1 - chances, chances], 1), ("a", "b")
        )
        rule = PredictRecipe(threshold="f1")
        own.append(named("f1(b)")(decoded(table, fit_decoding(table, rule, positive="b"))))
        crossed.append(named("f1(b)")(cross_decoded(table, rule, positive="b", seed=seed)))
    # A coin that says b always has F1 2 * 0.1 / 1.1 = 0.18.
    assert np.mean(own) > 0.22
    assert np.mean(crossed) < 0.2


def test_folds_hold_every_class_evenly(classifier):
    predictions = classifier(103, prior=(0.7, 0.3))
    fold = _folds(predictions.truth, 0)
    for place in (0, 1):
        sizes = np.bincount(fold[predictions.truth == place], minlength=FOLDS)
        count = int((predictions.truth == place).sum())
        assert np.ptp(sizes) <= 1
        assert count - sizes.max() == left_in_each_fold(count)
