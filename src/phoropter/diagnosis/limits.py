"""What holds a model back: noise, bias, variance or shift, as far as it was measured."""

from __future__ import annotations

from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import gap


def error_budget(
    *, floor: float | None, train: float, train_dev: float | None, dev: float
) -> dict[str, float | None]:
    """The validation error taken apart: errors in, the size of each part out.

    Args:
        floor: Error that nobody can avoid (people, label noise); None if unknown, then it counts
            as bias.
        train: Error on training samples.
        train_dev: Error on unseen samples drawn like the training part; None if none were kept,
            then all of the gap counts as variance.
        dev: Error on the validation part.

    Source: Ng, Machine Learning Yearning, chapters 40 and 41.

    >>> error_budget(floor=0.0, train=0.1, train_dev=0.11, dev=0.2)["bias"]
    0.1
    """
    unseen = dev if train_dev is None else train_dev
    return {
        "noise_floor": floor,
        "bias": train - (floor or 0.0),
        "variance": unseen - train,
        "shift": None if train_dev is None else dev - train_dev,
    }


def limits(evidence: RunEvidence) -> dict[str, float | None]:
    """The error budget of a run; every part is None where the predictions were not recorded.

    Errors are 1 - accuracy (or mean recall), and the unexplained share of variance for numbers.
    """
    found = gap(evidence)
    if found is None:
        return dict.fromkeys(("noise_floor", "bias", "variance", "shift"))
    return error_budget(
        floor=None, train=1 - found.train.value, train_dev=None, dev=1 - found.val.value
    )
