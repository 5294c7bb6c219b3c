"""Photographs whose red and blue are exchanged."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.core.seed import generator
from phoropter.look.evidence import LookEvidence
from phoropter.look.two_samples import dealt

ASKED = 96
"""Images that the network is asked about, both ways: some seconds. Of photographs of insects it was
surer by seven standard errors for 128, of clothes before a wall by one: silence says nothing."""

FEWEST = 16
SURE = 4.0
"""Standard errors by which the exchanged images must be known better: by luck once in 30,000."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """Speaks if an ImageNet network is surer of the images with red and blue exchanged.

    It was trained on the right order. What it takes an image for does not matter, only how sure it
    is: the mean over all images of the logarithm of the highest probability. Grey ones have no
    say, for they are the same both ways. Of what the split kept together one is asked about: all
    frames of a road are one picture, and of one the network may be wrong.
    """
    if evidence.classifier is None:
        return
    rows = generator(evidence.seed, "channel-order").permutation(len(evidence.dataset))
    rows = rows[np.sort(np.unique(dealt(evidence)[rows], return_index=True)[1])][:ASKED]
    if len(rows) < FEWEST:
        return
    plain, exchanged = evidence.classifier(evidence.dataset, np.sort(rows))
    gain = _sureness(exchanged) - _sureness(plain)
    mean, error = float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain)))
    if mean <= SURE * error or mean <= 0:
        return
    yield Finding(
        code="preprocessing-mismatch",
        severity="warning",
        confidence=0.9,
        message=(
            f"Red and blue are likely exchanged: a network trained on photographs is surer of what "
            f"it sees in {float((gain > 0).mean()):.0%} of {len(gain)} images when they are "
            "exchanged back."
        ),
        evidence={
            "from": "colours",
            "gain": mean,
            "standard_error": error,
            "asked": len(gain),
            "surer": float((gain > 0).mean()),
        },
        prescriptions=(_PRESCRIPTION,),
    )


def _sureness(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logarithm of the highest probability of each image, shape (n,)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(-np.log(np.exp(shifted).sum(axis=1)))


_PRESCRIPTION = Prescription(
    change={},
    advice="Look at a few images; if skies are orange and skin is blue, write the files again with "
    "red and blue exchanged (OpenCV writes and reads them in the opposite order).",
    expected_gain=None,
    cost=0.0,
    why="Pretrained weights know colours in the order in which they were trained.",
)
