"""Gradients that die out on their way to the first layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from phoropter.core.recipe import ModelRecipe
from phoropter.core.records import Finding
from phoropter.core.run_records import PassSignals
from phoropter.diagnosis.curves import slope
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.narrow import last_units
from phoropter.diagnosis.passes import late, loss_left
from phoropter.diagnosis.signals import chance_loss, curve

DECADES = 3.0  # a sigmoid's slope is 1/4 at most: five layers of them lose a factor of 4^5 = 1,000
KNOWN_DECADES = 2.0  # where sigmoids or tanh stand on one another unnormalised: four lose 4^4 = 256
LEAST_BLOCKS = 4  # fewer show no trend
LEARNT = 0.5  # of the loss of a constant prediction: below it the first layers cannot be idle
NOTHING = 0.9  # likewise: above it nothing was learnt
IDLE_PASSES = 2  # at the start, above that: fewer are those of any warm-up
LATE_LOSS = 0.25  # likewise: below it the time that was lost at the start is made up for
SATURATING = frozenset({"sigmoid", "tanh"})
SMALLEST = 1e-30  # a norm of zero has no logarithm


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if the gradient norm falls a thousandfold from the last block to the first.

    It must fall evenly (the whole interval of its slope over the blocks), in the second half of the
    run still, and the training loss must be high: many a deep network starts like this and gets
    over it. Where nothing was learnt, none did, and the whole run counts; nor need the fall be even
    there: saturated units below the last block hold back all at once. There a hundredfold is enough
    of a network that is built of activations that saturate, without normalisation. Such a network
    is told, too, that its first passes were lost to this, if it has not made up for them.
    """
    left = loss_left(evidence)
    if left is None:
        return
    yield from tuple(_to_the_end(evidence, left)) or _at_the_start(evidence, left)


def _to_the_end(evidence: RunEvidence, left: float) -> Iterator[Finding]:
    if left < LEARNT:
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
    yield Finding(
        "vanishing-gradient",
        "critical" if idle else "warning",
        0.9,
        f"The gradient vanishes: from block {row.blocks[-1]!r} to {row.blocks[0]!r} its norm falls "
        f"to a share of {10**-fall:.0e}, and the training loss is still at {left:.0%} of that of a "
        "constant prediction.",
        _numbers(row, fall, left),
    )


def _at_the_start(evidence: RunEvidence, left: float) -> Iterator[Finding]:
    """A network that saturates learnt nothing in its first passes, and too little after them."""
    level, losses = chance_loss(evidence), curve(evidence, "train_loss")
    if left < LATE_LOSS or level is None or not _saturates(evidence.recipe.model):
        return
    begun = int(np.argmax([*(losses.values < NOTHING * level), True]))
    if not IDLE_PASSES < begun < len(losses):
        return
    idle = int(losses.epochs[begun]) - 1
    rows = [row for row in evidence.signals if row.epoch <= idle]
    falls = [max(_decades(row), _ends(row)) for row in rows if len(row.blocks) >= LEAST_BLOCKS]
    if not falls or (fall := float(np.median(falls))) < KNOWN_DECADES:
        return
    row = rows[-1]
    yield Finding(
        "vanishing-gradient",
        "warning",
        0.8,
        f"The gradient vanished for the first {idle} of {evidence.summary.epochs} epochs: from "
        f"block {row.blocks[-1]!r} to {row.blocks[0]!r} its norm fell to a share of "
        f"{10**-fall:.0e}, and nothing was learnt meanwhile.",
        {**_numbers(row, fall, left), "idle_epochs": idle},
    )


def _numbers(row: PassSignals, fall: float, left: float) -> Mapping[str, Any]:
    return {
        "decades": fall,
        "first_norm": _norm(row.grad_norms[:1]),
        "largest_norm": _norm(row.grad_norms[1:]),
        "first_update_ratio": row.update_ratios[0],
        "blocks": list(row.blocks),
        "grad_norms": list(row.grad_norms),
        "loss_left": left,
        "mark_epoch": row.epoch,
    }


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
