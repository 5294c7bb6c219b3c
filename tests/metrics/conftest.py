import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions, ValuePredictions


@pytest.fixture
def from_probabilities():
    def make(truth, probabilities):
        probabilities = np.asarray(probabilities, dtype=np.float64)
        count = len(probabilities)
        return ClassPredictions(
            ids=np.array([f"s{row}" for row in range(count)], dtype=np.str_),
            truth=np.asarray(truth, dtype=np.int64),
            probabilities=probabilities,
            classes=tuple(f"c{column}" for column in range(probabilities.shape[1])),
        )

    return make


@pytest.fixture
def from_values():
    def make(truth, values):
        truth, values = np.asarray(truth, np.float64), np.asarray(values, np.float64)
        return ValuePredictions(
            ids=np.array([f"s{row}" for row in range(len(truth))], dtype=np.str_),
            truth=truth,
            values=values,
            names=tuple(f"v{column}" for column in range(truth.shape[1])),
        )

    return make


@pytest.fixture
def classifier(from_probabilities):
    """Predictions of a classifier whose scores for the truth stand out by `skill`."""

    def make(count, prior=(0.5, 0.5), skill=2.0, seed=0):
        draw = np.random.default_rng(seed)
        truth = draw.choice(len(prior), count, p=prior)
        scores = draw.normal(size=(count, len(prior)))
        scores[np.arange(count), truth] += skill
        odds = np.exp(scores)
        return from_probabilities(truth, odds / odds.sum(axis=1, keepdims=True))

    return make


@pytest.fixture
def regressor(from_values):
    """Predictions whose errors are normal with standard deviation 1."""

    def make(count, numbers=1, seed=0):
        draw = np.random.default_rng(seed)
        truth = draw.normal(10.0, 3.0, size=(count, numbers))
        return from_values(truth, truth + draw.normal(size=truth.shape))

    return make
