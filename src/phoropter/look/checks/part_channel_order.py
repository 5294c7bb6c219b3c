"""A held-out part whose red and blue are exchanged against the training part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phoropter.core.records import Finding, Prescription
from phoropter.core.seed import generator
from phoropter.look.colour_order import Numbers, colour_balance, orientation, unseen_scores
from phoropter.look.evidence import Colours, LookEvidence
from phoropter.look.listing import listed

ASKED = 400
"""Pictures of a part that are looked at: of more the answer is no surer."""

FEWEST = 20
COLOURED = 0.01
"""Mean difference of red and blue above which a picture has a say."""

CLEAR = 6.0
"""Standard errors by which training pictures must be known from their exchanged copies."""

SURE = 4.0
ALIKE = (0.6, 1.5)
"""A part counts as exchanged if its mean score is minus so many times that of training. Exchanged
parts of eleven real sets had 0.7 to 1.3; of 110 pairs of different sets one came within."""


def check(evidence: LookEvidence) -> Iterable[Finding]:
    """One finding for each part, as the data give it, whose colours are exchanged.

    What tells red from blue is learnt from the training pictures and their exchanged copies, so
    nothing is supposed of how the world is coloured.
    """
    given = evidence.dataset.table["part"].is_not_null().to_numpy()
    names = np.unique(evidence.part_names[given & (evidence.parts != "train")]).tolist()
    colours = evidence.colours
    if colours is None or not any(names):
        return
    train = _balances(evidence, colours, evidence.parts == "train")
    if len(train) < FEWEST:
        return
    usual = unseen_scores(train, generator(evidence.seed, "channel-order", "folds"))
    if _standard_errors(usual) < CLEAR:
        return
    weights = orientation(train)
    for name in filter(None, names):
        mask = evidence.part_names == name
        scores = _balances(evidence, colours, mask) @ weights
        if len(scores) < FEWEST:
            continue
        share = -float(scores.mean() / usual.mean())
        if _standard_errors(scores) <= -SURE and ALIKE[0] <= share <= ALIKE[1]:
            yield _finding(evidence, name, scores, usual, share)


def _balances(evidence: LookEvidence, colours: Colours, mask: NDArray[np.bool_]) -> Numbers:
    """Of coloured pictures among some, drawn from one of each family."""
    rows = generator(evidence.seed, "channel-order", "rows").permutation(np.flatnonzero(mask))
    _, first = np.unique(evidence.families[rows], return_index=True)
    pictures = colours(np.sort(rows[np.sort(first)][:ASKED]))
    apart = np.abs(pictures[..., 0].astype(np.float64) - pictures[..., 2]).mean(axis=(1, 2)) / 255
    return colour_balance(pictures[apart > COLOURED])


def _standard_errors(scores: Numbers) -> float:
    """How many of them the mean is away from zero."""
    return float(scores.mean() / max(scores.std(ddof=1) / np.sqrt(len(scores)), 1e-12))


def _finding(
    evidence: LookEvidence, part: str, scores: Numbers, usual: Numbers, share: float
) -> Finding:
    rows = np.flatnonzero(evidence.part_names == part)
    return Finding(
        code="preprocessing-mismatch",
        severity="warning",
        confidence=0.98,  # the cause: before the covariate shift that it is as well
        message=(
            f"Red and blue of {part!r} are likely exchanged: by what tells them apart in the "
            f"training pictures, {float((scores < 0).mean()):.0%} of its pictures are the other "
            "way round."
        ),
        evidence={
            "from": "colours",
            "part": part,
            "exchanged_share": float((scores < 0).mean()),
            "train_exchanged_share": float((usual < 0).mean()),
            "standard_errors": _standard_errors(scores),
            "score_ratio": -share,
            "asked": len(scores),
            "samples": listed(str(evidence.ids[row]) for row in rows),
        },
        prescriptions=(_PRESCRIPTION,),
    )


_PRESCRIPTION = Prescription(
    change={},
    advice="Look at a few pictures of both parts; if colours differ, write the files of the "
    "exchanged ones again (OpenCV writes and reads red and blue in the opposite order).",
    expected_gain=None,
    cost=0.0,
    why="A model knows colours in the order in which it was trained.",
)
