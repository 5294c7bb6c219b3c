"""By how much the best of several models looks better on validation than it is."""

from __future__ import annotations

import numpy as np

from phoropter.core.records import Metric
from phoropter.core.seed import derive
from phoropter.metrics.function import Floats
from phoropter.metrics.resampling import resample_counts

DRAWS = 400
MANY = 10_000  # samples beyond which fewer draws are as exact
LEAST_DRAWS = 50
GROUPS = 20  # left out in turn for the standard error; of fewer samples single ones
LEAST_SAMPLES = 3  # fewer leave none to be judged on, once one is left out
_HALF_WIDTH = 1.96  # of a 95 % interval, in standard errors


def optimism(losses: Floats, *, seed: int = 0) -> Metric:
    """The expected optimism of the lowest of several errors on the same samples, with its interval.

    On resampled validation parts the best model is chosen anew and judged on the samples that were
    not drawn; by how much the mean of these judgements exceeds the lowest error is the estimate.
    Models that agree on nearly all samples leave luck little to choose from, which a formula of
    their number alone would miss. The interval comes from leaving out groups of samples in turn.

    >>> optimism(np.zeros((1, 50))).value
    0.0

    Args:
        losses: Of each model on each sample, in [0, 1], shape (k, n), n at least 2.
        seed: Decides the resamples.

    Source: Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107, 2018.
    """
    n = losses.shape[1]
    value = _estimate(losses, seed)
    group = np.arange(n) % min(GROUPS, n)
    left_out = np.array(
        [_estimate(losses[:, group != number], seed) for number in range(group.max() + 1)]
        if n >= LEAST_SAMPLES
        else [value]
    )
    spread = float(np.sqrt((len(left_out) - 1) * left_out.var()))
    low, high = value - _HALF_WIDTH * spread, value + _HALF_WIDTH * spread
    return Metric("optimism", value, max(low, 0.0), high, n)


def _estimate(losses: Floats, seed: int) -> float:
    if len(losses) < 2:
        return 0.0  # nothing was chosen
    n = losses.shape[1]
    draws = min(DRAWS, max(DRAWS * MANY // n, LEAST_DRAWS))
    judged = [
        _judged_unseen(losses, counts)
        for counts in resample_counts(n, draws, derive(seed, "optimism"))
    ]
    unseen = float(np.nanmean(np.concatenate(judged)))
    return max(unseen - float(losses.mean(axis=1).min()), 0.0)


def _judged_unseen(losses: Floats, counts: Floats) -> Floats:
    """Mean loss on the samples not drawn, of the model that is best on those drawn, (draws,).

    NaN where all were drawn.
    """
    chosen = (counts @ losses.T).argmin(axis=1)
    unseen = (counts == 0).astype(np.float64)
    sums = (unseen @ losses.T)[np.arange(len(counts)), chosen]
    count = unseen.sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
