"""Images that are learnt by heart and hardly varied."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.augment_recipe import AugmentRecipe
from phoropter.core.records import Finding
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.scores import gap

WIDE = 0.08  # training score minus validation score, as for "overfit"
ERRORS = 3.0  # standard errors of it
ROOM = 0.02  # validation error below which nothing is to be won


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """An "info" beside "overfit": its usual reason where images are varied little or not at all."""
    found = gap(evidence)
    if not evidence.images or not evidence.history or evidence.summary.features or found is None:
        return
    if found.value < max(WIDE, ERRORS * found.error) or 1 - found.val.value < ROOM:
        return
    augment = evidence.recipe.data.augment
    plain = AugmentRecipe(preset=augment.preset, flip=augment.flip)
    if augment != plain or augment.preset not in {"none", "light"}:
        return
    yield Finding(
        "augmentation-too-weak",
        "info",
        0.7,
        f"The training images are varied little (augmentation {augment.preset!r}), and the model "
        f"scores {found.value:.1%} better on them than on validation.",
        {
            "preset": augment.preset,
            "train_score": found.train.value,
            "val_score": found.val.value,
            "gap": found.value,
            "gap_error": found.error,
        },
    )
