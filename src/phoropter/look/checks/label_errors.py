"""Labels that the other samples contradict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.core.seed import derive
from phoropter.look.class_probabilities import (
    FOLDS,
    described_rows,
    family_folds,
    out_of_fold_probabilities,
)
from phoropter.look.confident import contradicted
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted
from phoropter.look.noise_floor import NoiseFloor, fit_noise_floor
from phoropter.look.threads import one_thread

ALPHA = 0.001
"""False alarms on labels that are right, by the likelihood ratio of there being wrong ones."""

CRITICAL_SHARE = 0.15
"""Lower end of the share of wrong labels from which no result can be trusted."""

DOUBT = 0.5
"""Labels are listed that are more likely drawn at random than not."""

FEWEST_OF_CLASS = 2 * FOLDS
FEWEST = 40

STRENGTH = 0.02
"""Of the logistic regression on standardised columns: strong regularisation, for wrong labels must
not be learnt. Set on handwritten digits and photographs with and without planted errors."""

LONGEST = 1_000
"""Entries of the list: every one has to be looked at by somebody."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the other samples say of each label.

    Args:
        rows: Positions in the table of the samples judged, shape (m,).
        names: Of the classes, shape (k,).
        labels: Given class of each judged sample, shape (m,).
        probabilities: Shape (m, k).
        floor: The fitted share of wrong labels.
    """

    rows: NDArray[np.int64]
    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    floor: NoiseFloor

    @property
    def suspects(self) -> NDArray[np.int64]:
        """Places in `rows` of the labels that are likely wrong, the likeliest first."""
        likely = self.probabilities.argmax(axis=1)
        found = np.flatnonzero((self.floor.wrong > DOUBT) & (likely != self.labels))
        return np.asarray(found[np.argsort(-self.floor.wrong[found], kind="stable")])


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for all labels in doubt; silent where sound labels explain what is seen."""
    opinion = form_opinion(evidence)
    if opinion is None or opinion.floor.p_value > ALPHA or not len(opinion.suspects):
        return
    floor, suspects = opinion.floor, opinion.suspects
    likely = opinion.probabilities.argmax(axis=1)
    yield Finding(
        code="label-errors",
        severity="critical" if floor.low >= CRITICAL_SHARE else "warning",
        confidence=0.95,
        message=(
            f"{counted(len(suspects), 'label')} of {len(opinion.rows):,} are likely wrong: what "
            f"other samples teach contradicts them. About {floor.share:.1%} of all labels "
            f"are wrong (95 % interval {floor.low:.1%} to {floor.high:.1%})."
        ),
        evidence={
            "count": len(suspects),
            "judged": len(opinion.rows),
            "share": floor.share,
            "low": floor.low,
            "high": floor.high,
            "p_value": floor.p_value,
            "alpha": ALPHA,
            "critical_share": CRITICAL_SHARE,
            "features": evidence.feature_source,
            "agreement": float((likely == opinion.labels).mean()),
            "samples": [
                {
                    "id": str(evidence.ids[opinion.rows[place]]),
                    "given": str(opinion.names[opinion.labels[place]]),
                    "suggested": str(opinion.names[likely[place]]),
                    "doubt": round(float(floor.wrong[place]), 3),
                    "part": str(evidence.parts[opinion.rows[place]]),
                }
                for place in suspects[:LONGEST].tolist()
            ],
        },
        prescriptions=_PRESCRIPTIONS,
    )


def form_opinion(evidence: LookEvidence) -> Opinion | None:
    """Judges every label by the others, or None where there are too few samples to tell.

    Classes with fewer than `FEWEST_OF_CLASS` samples and flat pictures are left out. The model is
    fitted twice, the second time without the labels that the first one contradicts (confident
    learning), so that wrong labels do not speak for each other. Families are judged as a whole: a
    copy under another label cannot vouch for itself.
    """
    if evidence.labels is None:
        return None
    names, numbers, counts = np.unique(evidence.labels, return_inverse=True, return_counts=True)
    judged = (counts >= FEWEST_OF_CLASS)[numbers] & (evidence.labels != "")
    rows = np.flatnonzero(judged & evidence.shows_something)
    names, labels = np.unique(evidence.labels[rows], return_inverse=True)
    if len(names) < 2 or len(rows) < FEWEST:
        return None
    labels = labels.astype(np.int64)
    seed = derive(evidence.seed, "label-errors")
    columns = described_rows(evidence, rows)
    fold = family_folds(labels, evidence.families[rows], seed=seed)
    judge = partial(out_of_fold_probabilities, columns, labels, fold, strength=STRENGTH, seed=seed)
    trusted = np.ones(len(rows), dtype=bool)
    with one_thread():
        trusted[contradicted(labels, judge(trusted=trusted))] = False
        probabilities = judge(trusted=trusted)
    return Opinion(rows, names, labels, probabilities, fit_noise_floor(labels, probabilities))


_PRESCRIPTIONS = (
    Prescription(
        change={},
        advice="Look at the listed pictures, the most doubtful first, and correct or delete those "
        "whose label is wrong; in the test part too, where nothing is ever changed for you.",
        expected_gain=None,
        cost=0.0,
        why="A wrong label teaches the wrong thing, and in a held-out part a right answer counts "
        "as a mistake (Northcutt et al. 2021).",
    ),
)
