import numpy as np
import pytest

from phoropter.core.predictions import ClassPredictions, ValuePredictions


def _probabilities(scores):
    odds = np.exp(scores)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.fixture
def rivals():
    """Two classifiers that err together, as two runs on one validation part do.

    `edge` is what the second one's scores of the truth have more than the first one's.
    """

    def make(count, seed, edge=0.0, prior=(0.5, 0.3, 0.2)):
        draw = np.random.default_rng(seed)
        truth = draw.choice(len(prior), count, p=prior)
        shape = (count, len(prior))
        shared = draw.normal(size=shape)
        shared[np.arange(count), truth] += 2.0
        own = 0.7 * draw.normal(size=(2, *shape))
        own[1, np.arange(count), truth] += edge
        ids = np.array([f"s{row}" for row in range(count)], dtype=np.str_)
        return tuple(
            ClassPredictions(ids, truth, _probabilities(shared + part), ("x", "y", "z"))
            for part in own
        )

    return make


@pytest.fixture
def rival_regressors():
    """Two regressors whose errors are correlated; `factor` stretches the second one's."""

    def make(count, seed, factor=1.0):
        draw = np.random.default_rng(seed)
        truth = draw.normal(size=(count, 1))
        shared = draw.normal(size=(count, 1))
        own = 0.5 * draw.normal(size=(2, count, 1))
        ids = np.array([f"s{row}" for row in range(count)], dtype=np.str_)
        errors = (shared + own[0], factor * (shared + own[1]))
        return tuple(ValuePredictions(ids, truth, truth + error, ("v",)) for error in errors)

    return make
