"""Gradients that die out on their way to the first layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import Finding
from phoropter.core.run_records import PassSignals
from phoropter.diagnosis.curves import slope
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.narrow import last_units
from phoropter.diagnosis.passes import late, loss_left

DECADES = 3.0  # a sigmoid's slope is 1/4 at most: five layers of them lose a factor of 4^5 = 1,000
KNOWN_DECADES = 2.0  # where sigmoids or tanh stand on one another unnormalised: four lose 4^4 = 256
LEAST_BLOCKS = 4  # fewer show no trend
LEARNT = 0.5  # of the loss of a constant prediction: below it the first layers cannot be idle
NOTHING = 0.9  # likewise: above it nothing was learnt
SATURATING = frozenset({"sigmoid", "tanh"})
SMALLEST = 1e-30  # a norm of zero has no logarithm


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gradient norm falls a thousandfold from the last block to the first.

    It must fall evenly (the whole interval of its slope over the blocks), in the second half of the
    run still, and the training loss must be high: many a deep network starts like this and gets
    over it. Where nothing was learnt, none did, and the whole run counts; nor need the fall be even
    there: saturated units below the last block hold back all at once. There a hundredfold is enough
    of a network that is built of activations that saturate, without normalisation.
    """
    left = loss_left(evidence)
    if left is None or left < LEARNT:
        return
    passes = evidence.signals if left >= NOTHING else late(evidence)
    rows = [row for row in passes if len(row.blocks) >= LEAST_BLOCKS]
    if not rows:
        return
    idle = left >= NOTHING
    known = idle and _saturates(evidence.recipe.model)
    falls = [
        max(_decades(row), _cliff(row) if idle else 0.0, _ends(row) if known else 0.0)
        for row in rows
    ]
    fall = float(np.median(falls))
    if fall < (KNOWN_DECADES if known else DECADES):
        return
    row = rows[-1]
    first, last = _norm(row.grad_norms[:1]), _norm(row.grad_norms[1:])
    yield Finding(
        "vanishing-gradient",
        "critical" if idle else "warning",
        0.9,
        f"The gradient vanishes: from block {row.blocks[-1]!r} to {row.blocks[0]!r} its norm falls "
        f"to a share of {10**-fall:.0e}, and the training loss is still at {left:.0%} of that of a "
        "constant prediction.",
        {
            "decades": fall,
            "first_norm": first,
            "largest_norm": last,
            "first_update_ratio": row.update_ratios[0],
            "blocks": list(row.blocks),
            "grad_norms": list(row.grad_norms),
            "loss_left": left,
            "mark_epoch": row.epoch,
        },
    )


def _decades(row: PassSignals) -> float:
    """By how many powers of ten the norm grows from the first block to the last; 0 if not surely.

    By the Theil-Sen slope, so that a block of another kind in the row (a normalisation, a head that
    starts small) does not decide.
    """
    norms = np.log10([_norm([value]) for value in row.grad_norms])
    found = slope(np.arange(len(norms)), norms)
    return found.value * (len(norms) - 1) if found.low > 0 else 0.0


def _cliff(row: PassSignals) -> float:
    """By how many powers of ten the norm of the last block exceeds that of any other."""
    return float(np.log10(_norm(row.grad_norms[-1:]) / _norm(row.grad_norms[:-1])))


def _ends(row: PassSignals) -> float:
    """By how many powers of ten the norm of the last block exceeds that of the first."""
    return float(np.log10(_norm(row.grad_norms[-1:]) / _norm(row.grad_norms[:1])))


def _saturates(model: ModelRecipe) -> bool:
    """Whether it is a network of ours, of saturating activations without normalisation."""
    return last_units(model) is not None and model.norm == "none" and model.activation in SATURATING


def _norm(norms: Sequence[float | None]) -> float:
    """The largest of some norms that are numbers."""
    return max((value for value in norms if value is not None), default=0.0) or SMALLEST
