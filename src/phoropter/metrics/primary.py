"""Which single number decides between two models."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phoropter.core.records import TargetSchema
from phoropter.core.registry import names
from phoropter.metrics import GROUP, named
from phoropter.metrics.expressions import is_expression

MILD_IMBALANCE = 3.0
"""Largest class over smallest. At 3 to 1, always naming the larger of two classes already scores
0.75, and one more right answer in the small class counts a third of what its size deserves."""

_OF_ERRORS = (
    "loss", "mse", "mae", "mape", "error", "perplexity", "entropy", "brier", "deviance",
    "divergence", "hinge",
)  # fmt: skip
_SHORT_OF_ERRORS = {"nll", "ece", "msle", "ppl", "wer", "cer", "fid"}
"""Likewise, as words of their own: they are parts of others."""


def is_greater_better(name: str) -> bool:
    """The direction of a number of somebody else's: a registered metric's own, else by its name.

    >>> [is_greater_better(name) for name in ("top1_accuracy", "val_rmse", "binary_crossentropy")]
    [True, False, False]
    """
    if name in names(GROUP) or is_expression(name):
        return named(name).greater_is_better
    lower = name.lower()
    short = _SHORT_OF_ERRORS & set(re.split(r"[^a-z]+", lower))
    return not (short or any(word in lower for word in _OF_ERRORS))


@dataclass(frozen=True, slots=True)
class PrimaryChoice:
    """The metric that comparisons use, and why.

    Args:
        name: A registered metric.
        reason: One sentence with the numbers behind the choice.
    """

    name: str
    reason: str


def choose_primary(schema: TargetSchema) -> PrimaryChoice:
    """Accuracy for classes of similar size, else macro F1; the root mean square error for numbers.

    Accuracy is refused once the largest class has more than 3 times the training samples of the
    smallest. Users override the choice by naming any registered metric.

    >>> choose_primary(TargetSchema("classes", ("cat", "dog"), counts=(950, 50)))
    ... # doctest: +NORMALIZE_WHITESPACE
    PrimaryChoice(name='macro_f1', reason="macro_f1, because the classes are imbalanced: 'cat' has
    950 samples, 'dog' has 50 (19 to 1); accuracy is refused, always answering 'cat' would score
    0.950.")
    """
    if schema.kind != "classes":
        return PrimaryChoice(
            "rmse", "rmse: it has the unit of the target and counts large errors more than small."
        )
    if not schema.counts:
        return PrimaryChoice("accuracy", "accuracy, as the sizes of the classes are not known.")
    by_size = sorted(zip(schema.counts, schema.names, strict=True))
    (least, rare), (most, frequent) = by_size[0], by_size[-1]
    sizes = f"{frequent!r} has {most} samples, {rare!r} has {least}"
    if most <= MILD_IMBALANCE * least:
        return PrimaryChoice("accuracy", f"accuracy, because the classes are balanced: {sizes}.")
    odds = f"{most / least:.3g} to 1" if least else "none at all"
    return PrimaryChoice(
        "macro_f1",
        f"macro_f1, because the classes are imbalanced: {sizes} ({odds}); accuracy is refused, "
        f"always answering {frequent!r} would score {most / sum(schema.counts):.3f}.",
    )
