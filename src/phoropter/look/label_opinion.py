"""What samples say of each other's labels, whatever they are described by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription, Rows, Severity
from phoropter.core.seed import generator
from phoropter.look.class_probabilities import (
    FOLDS,
    MOST_FITTED,
    Model,
    family_folds,
    out_of_fold_probabilities,
)
from phoropter.look.confident import contradicted
from phoropter.look.evidence import LookEvidence
from phoropter.look.listing import counted
from phoropter.look.permutation import areas
from phoropter.look.threads import one_thread
from phoropter.metrics.noise_floor import NoiseFloor, fit_noise_floor
from phoropter.prediction.handcrafted import NAME as HANDCRAFTED

ALPHA = 0.01
"""False alarms on labels that are right, by the likelihood ratio of there being wrong ones. Labels
drawn from a model's own probabilities, 7 to 18 % of them not the likeliest, gave p <= 0.01 in 5 of
160 sets of some hundred; where classes lie apart it is 1."""

ROUGHNESS = 0.05
"""A temperature describes a model's own errors only roughly. Below this share of the labels that it
disagrees with, wrong labels cannot be told from that roughness: on 12,000 pictures of 32 pixels and
10,000 handwritten digits with hardly any, the lower end came to 0.015 and 0.01 of these."""

LEAST_KNOWN = 2 / 3
"""Share of the labels that colours and edges must agree with to be heard. Where they know less,
what they do not see passes for chance: of 597 photographs of clothes, half of them known so, they
called 139 sound labels wrong."""

CHANCE_ERRORS = 2.0
MANY_CLASSES = 5
"""From so many on, colours, edges and words that know none better than chance does are heard."""

WARNING_SHARE = 0.01
"""Lower end of the share of wrong labels from which training and measurement change visibly."""

CRITICAL_SHARE = 0.15
"""Lower end of the share of wrong labels from which no result can be trusted."""

_LEAST = 1e-12

DOUBT = 0.5
"""Labels are listed that are more likely drawn at random than not."""

MOST_TRUSTED = 50_000
"""Labels among which the later fits find their own: a fold takes a few thousand of them."""

LONGEST = 1_000
"""Entries of the list: every one has to be looked at by somebody."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the other samples say of each label.

    Args:
        labels: Given classes as numbers from 0 to k - 1, shape (m,).
        probabilities: Of each class, by a model that has not seen the sample, shape (m, k).
        floor: The fitted share of wrong labels.
        area: Mean area under the ROC curve of each class against the others, before any label was
            left out; 0.5 is chance.
        area_by_luck: What it may come to where labels have nothing to do with the samples.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    floor: NoiseFloor
    area: float = 1.0
    area_by_luck: float = 0.5

    @property
    def likely(self) -> NDArray[np.int64]:
        """The most probable class of each sample, shape (m,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def agreement(self) -> float:
        """Share of the labels that are the most probable class."""
        return float((self.likely == self.labels).mean())

    @property
    def suspects(self) -> NDArray[np.int64]:
        """Places of the labels that are likely wrong, the likeliest first."""
        found = np.flatnonzero((self.floor.wrong > DOUBT) & (self.likely != self.labels))
        return np.asarray(found[np.argsort(-self.floor.wrong[found], kind="stable")])


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Labels that it does not contradict, shape (n,); its loss (nats) and areas on unseen ones."""

    trusted: NDArray[np.bool_]
    loss: float
    area: float
    area_by_luck: float


def judge_labels(
    models: Sequence[Model],
    labels: NDArray[np.int64],
    families: NDArray[np.int64],
    *,
    seed: int,
    folds: int = FOLDS,
) -> Opinion:
    """Judges every label by the others.

    The model is fitted twice, the second time without the labels that the first fit contradicts
    (confident learning), so that wrong labels do not speak for each other; where samples are few
    enough for several models, a third time likewise. Families are judged as a
    whole: a copy under another label cannot vouch for itself. Of several models that one speaks
    which gives the labels that it has not seen the highest likelihood.

    Args:
        models: Each fits some samples and judges others.
        labels: Classes as numbers from 0 to k - 1, shape (m,), several samples each.
        families: A number for each sample, shape (m,); equal where samples belong together.
        seed: Draws the folds.
        folds: How many there are.
    """
    fold = family_folds(labels, families, seed=seed, count=folds)
    with one_thread():
        every = np.ones(len(labels), dtype=bool)
        firsts = [_trusted(model, labels, fold, every, seed=seed) for model in models]
        best = min(range(len(models)), key=lambda at: firsts[at].loss)
        model, first = models[best], firsts[best]
        trusted = first.trusted
        if len(models) > 1:
            trusted = _trusted(model, labels, fold, trusted, seed=seed).trusted
        probabilities = out_of_fold_probabilities(model, labels, fold, trusted=trusted, seed=seed)
    floor = fit_noise_floor(labels, probabilities)
    return Opinion(labels, probabilities, floor, first.area, first.area_by_luck)


def _trusted(
    model: Model,
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    known: NDArray[np.bool_],
    *,
    seed: int,
) -> _Fit:
    """What a fit to known labels makes of those it has not seen; of very many, of drawn ones."""
    rows = np.arange(len(labels))
    if len(rows) > MOST_TRUSTED:
        drawn = generator(seed, "trusted").choice(len(rows), MOST_TRUSTED, replace=False)
        rows = np.sort(drawn)

    def among(fitted: Rows, judged: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return model(rows[fitted], rows[judged])

    own = labels[rows]
    probabilities = out_of_fold_probabilities(
        among, own, fold[rows], trusted=known[rows], seed=seed
    )
    trusted = np.zeros(len(labels), dtype=bool)
    trusted[rows] = True
    trusted[rows[contradicted(own, probabilities)]] = False
    loss = -np.log(np.maximum(probabilities[np.arange(len(own)), own], _LEAST)).mean()
    return _Fit(trusted, float(loss), *_area(own, probabilities))


def _area(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> tuple[float, float]:
    """Mean area under the ROC curve of each class, and what it may come to by luck.

    By ranks, since among unequal classes a sound model may answer with one of them alone. The
    variance of an area by chance: Hanley and McNeil, Radiology 143, 1982.
    """
    classes = np.unique(labels)
    if len(classes) < 2:
        return 1.0, 0.5
    members = labels[:, None] == classes
    own = members.sum(axis=0)
    variances = (len(labels) + 1) / (12 * own * (len(labels) - own))
    error = float(np.sqrt(variances.sum())) / len(classes)
    mean = float(areas(probabilities[:, classes], members).mean())
    return mean, 0.5 + CHANCE_ERRORS * error


def doubtful_labels(
    evidence: LookEvidence,
    opinion: Opinion,
    *,
    rows: NDArray[np.int64],
    names: NDArray[np.str_],
    source: str,
) -> Finding | None:
    """The finding of an opinion, or None where sound labels explain what is seen.

    Args:
        evidence: The samples.
        opinion: On the labels of some of them.
        rows: Positions in the table of the samples judged, shape (m,).
        names: Of the classes, shape (k,).
        source: What the samples were described by.
    """
    floor, suspects = opinion.floor, opinion.suspects
    certain = floor.p_value <= ALPHA and floor.low >= ROUGHNESS * (1 - opinion.agreement)
    many = opinion.probabilities.shape[1] >= MANY_CLASSES
    knows = source != HANDCRAFTED or opinion.agreement >= LEAST_KNOWN
    sees = evidence.dataset.modality == "image" and source not in {HANDCRAFTED, "pixels"}
    if opinion.area <= opinion.area_by_luck and (many or sees):
        return _unrelated(opinion, source)
    if not (certain and knows and len(suspects)):
        return None
    return Finding(
        code="label-errors",
        severity=_severity(floor.low),
        confidence=0.95,
        message=(
            f"{counted(len(suspects), 'label')} of {len(rows):,} are likely wrong: what "
            f"other samples teach contradicts them. About {floor.share:.1%} of all labels "
            f"are wrong (95 % interval {floor.low:.1%} to {floor.high:.1%})."
        ),
        evidence={
            "count": len(suspects),
            "judged": len(rows),
            "most_fitted": MOST_FITTED,
            "share": floor.share,
            "low": floor.low,
            "high": floor.high,
            "p_value": floor.p_value,
            "alpha": ALPHA,
            "warning_share": WARNING_SHARE,
            "critical_share": CRITICAL_SHARE,
            "features": source,
            "agreement": opinion.agreement,
            "samples": _listed(evidence, opinion, rows=rows, names=names),
        },
        prescriptions=(_PRESCRIPTION,),
    )


def _listed(
    evidence: LookEvidence, opinion: Opinion, *, rows: Rows, names: NDArray[np.str_]
) -> list[dict[str, object]]:
    """The labels in doubt, with what they should likely be."""
    return [
        {
            "id": str(evidence.ids[rows[place]]),
            "given": str(names[opinion.labels[place]]),
            "suggested": str(names[opinion.likely[place]]),
            "doubt": round(float(opinion.floor.wrong[place]), 3),
            "part": str(evidence.parts[rows[place]]),
        }
        for place in opinion.suspects[:LONGEST].tolist()
    ]


def _unrelated(opinion: Opinion, source: str) -> Finding:
    """The finding where no label stands out, because none has to do with its sample."""
    floor, count = opinion.floor, len(opinion.labels)
    return Finding(
        code="label-errors",
        severity="critical",
        confidence=0.8,
        message=(
            f"The labels of {count:,} samples seem to have nothing to do with them: what others "
            f"teach tells no class from the rest (area under the ROC curve {opinion.area:.2f}, 0.5 "
            "is chance). Were they shuffled, or shifted by a row?"
        ),
        evidence={
            "count": count,
            "judged": count,
            "share": floor.share,
            "low": floor.low,
            "high": floor.high,
            "features": source,
            "agreement": opinion.agreement,
            "area_under_curve": opinion.area,
            "samples": [],
        },
        prescriptions=(_MATCH,),
    )


def _severity(low: float) -> Severity:
    if low < WARNING_SHARE:
        return "info"
    return "critical" if low >= CRITICAL_SHARE else "warning"


_PRESCRIPTION = Prescription(
    change={},
    advice="Look at the listed samples, the most doubtful first, and correct or delete those "
    "whose label is wrong; in the test part too, where nothing is ever changed for you.",
    expected_gain=None,
    cost=0.0,
    why="A wrong label teaches the wrong thing, and in a held-out part a right answer counts "
    "as a mistake (Northcutt et al. 2021).",
)

_MATCH = Prescription(
    change={},
    advice="Look at a few samples with their labels, and at how the two were brought together; if "
    "they belong together, describe the samples otherwise: what is asked for may not show in them.",
    expected_gain=None,
    cost=0.0,
    why="From labels that have nothing to do with the samples nothing can be learnt but these.",
)
