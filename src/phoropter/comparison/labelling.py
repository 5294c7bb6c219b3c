"""Which class to label next: where its error, its share and what labels did so far promise most."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phoropter.comparison.forecast import Trained
from phoropter.core.forecasts import Forecast, Worth
from phoropter.metrics.function import Floats

LABELS = 100  # that a worth is stated for
HALF, WHOLE = 1, 0  # levels: trained on half of the samples, on all


def label_next(
    trained: Trained,
    found: Forecast,
    truth: NDArray[np.int64],
    names: Sequence[str],
    counts: Sequence[int],
) -> tuple[Worth, ...]:
    """The classes, those first whose labels are expected to lower the error most.

    A class's error fell by some amount when its labels, with all others, were doubled last. That
    amount is noisy, so it is drawn towards the fall that all classes share in proportion to their
    errors, the more the fewer validation samples tell of it (empirical Bayes); the next doubling
    brings as much of it as the forecast expects for the whole. What labels of one class do to the
    others is left out, so this ranks classes and promises nothing.

    Args:
        trained: With models of half and of all samples.
        found: The forecast for them.
        truth: Class of each validation sample, int64, shape (n,).
        names: Of the classes, k.
        counts: Training samples of each.

    Source: Efron and Morris (1975), JASA 70:311, for the shrinkage.
    """
    if not found.gains or not np.any(trained.levels == HALF):
        return ()
    present = np.array([label for label in range(len(names)) if counts[label] and label in truth])
    before, after = (_errors(trained, level, truth, present) for level in (HALF, WHOLE))
    held = np.array([np.sum(truth == label) for label in present])
    share = np.array([trained.weight[truth == label].sum() for label in present]) / len(truth)
    fall, whole = before - after, float(share @ (before - after))
    common = max(whole, 0.0) / max(float(share @ after), 1e-12) * after
    noise = (before * (1 - before) + after * (1 - after) + 0.5 / held) / held
    spread = max(float(np.mean((fall - common) ** 2 - noise)), 0.0)
    drawn = np.maximum((spread * fall + noise * common) / (spread + noise), 0.0)
    total = float(share @ drawn)
    onward = min(max(found.gains[0].value, 0.0) / total, 1.0) if total > 0 else 0.0
    own = np.array([counts[label] for label in present])
    worth = share * drawn * onward * LABELS / own
    order = np.argsort(-worth, kind="stable")
    return tuple(
        Worth(names[present[at]], int(own[at]), float(after[at]), float(worth[at])) for at in order
    )


def _errors(
    trained: Trained, level: int, truth: NDArray[np.int64], present: NDArray[np.int64]
) -> Floats:
    """Share of each class that is missed, the mean over the models of a level, shape (k,)."""
    wrong = trained.wrong[trained.levels == level].mean(axis=0)
    return np.array([wrong[truth == label].mean() for label in present])
