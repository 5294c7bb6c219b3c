"""How long the texts are, how rich their vocabulary is, and which are far longer or shorter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted, listed
from phoropter.look.text_profile import words_of

SPREAD = 2.0
"""Texts are out of range that lie this many times the middle nine tenths away from these, on a
logarithmic scale: lengths differ by factors, and a long tail of them is usual."""

WARNING_SHARE = 0.01
"""Share of texts out of range from which training and measurement change visibly."""

FEWEST = 20


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """A remark on lengths and vocabulary, and a finding where single texts are out of range."""
    texts = evidence.texts
    if not texts:
        return
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    yield _statistics(evidence, texts, lengths)
    if len(texts) >= FEWEST:
        yield from _odd(evidence, lengths)


def _statistics(
    evidence: LookEvidence, texts: Sequence[str], lengths: NDArray[np.float64]
) -> Finding:
    words = [words_of(text) for text in texts]
    counts = Counter(word for found in words for word in found)
    once = sum(count == 1 for count in counts.values())
    unseen = _unseen(words, evidence.parts)
    told = f"; {unseen:.0%} of the words of the test part are not in training" if unseen else ""
    return Finding(
        code="text-statistics",
        severity="info",
        confidence=1.0,
        message=(
            f"Texts have {np.median(lengths):.0f} characters (median; 5 to 95 %: "
            f"{np.quantile(lengths, 0.05):.0f} to {np.quantile(lengths, 0.95):.0f}) and "
            f"{len(counts):,} different words{told}."
        ),
        evidence={
            "characters": _quantiles(lengths),
            "words": _quantiles(np.array([len(found) for found in words], dtype=np.float64)),
            "vocabulary": len(counts),
            "words_seen_once": once,
            "unseen_in_training": unseen,
            "most_frequent": [[word, count] for word, count in counts.most_common(20)],
        },
    )


def _unseen(words: Sequence[Sequence[str]], parts: NDArray[np.str_]) -> float | None:
    """Share of the different words of the test part that training does not have."""
    known, asked = (
        {word for found, own in zip(words, parts, strict=True) if own == part for word in found}
        for part in ("train", "test")
    )
    return len(asked - known) / len(asked) if known and asked else None


def _odd(evidence: LookEvidence, lengths: NDArray[np.float64]) -> Iterable[Finding]:
    scale = np.log(np.maximum(lengths, 1))
    low, high = np.quantile(scale, [0.05, 0.95])
    reach = SPREAD * max(float(high - low), np.log(2))
    odd = np.flatnonzero((scale < low - reach) | (scale > high + reach))
    if not len(odd):
        return
    odd = odd[np.argsort(-np.abs(scale[odd] - np.median(scale)), kind="stable")]
    share = len(odd) / len(lengths)
    yield Finding(
        code="outliers",
        severity="warning" if share >= WARNING_SHARE else "info",
        confidence=0.9,
        message=(
            f"{counted(len(odd), 'text')} far out of the usual range of "
            f"{np.exp(low):.0f} to {np.exp(high):.0f} characters: {int(lengths[odd[0]]):,} first."
        ),
        evidence={
            "count": len(odd),
            "share": share,
            "warning_share": WARNING_SHARE,
            "shortest": float(np.exp(low - reach)),
            "longest": float(np.exp(high + reach)),
            "samples": listed(
                {"id": str(evidence.ids[row]), "characters": int(lengths[row])} for row in odd
            ),
        },
        prescriptions=(
            Prescription(
                change={},
                advice="Read the listed texts; cut or delete those that do not belong.",
                expected_gain=None,
                cost=0.0,
                why="A text of one letter cannot be learnt from, and a whole book in one cell "
                "mostly comes from a quotation mark that was not closed.",
            ),
        ),
    )


def _quantiles(values: NDArray[np.float64]) -> list[float]:
    """Least, 5 %, median, 95 % and largest."""
    return [float(value) for value in np.quantile(values, [0, 0.05, 0.5, 0.95, 1])]
