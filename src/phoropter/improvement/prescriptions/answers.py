"""Changes of what is made of the network's outputs: nothing is trained again for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phoropter.core.records import Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions.making import prescription

COST = 0.05
"""Of a run: predictions are made anew, with the weights there are."""


def temperature(evidence: RunEvidence) -> Iterator[Prescription]:
    """One number that the logits are divided by; the most probable class stays what it is."""
    known = evidence.summary.schema.kind == "classes"
    if not known or evidence.recipe.predict.calibration != "none":
        return
    yield Prescription(
        {"predict.calibration": "temperature"},
        "Divide the logits by the temperature that gives the least log loss on validation.",
        None,  # of accuracy there is no gain to be had; of the proper score all that is amiss
        COST,
        "One number mends most miscalibration and costs no accuracy (Guo et al. 2017).",
    )


def fitting_answers(evidence: RunEvidence) -> Iterator[Prescription]:
    """The decision that the primary metric asks for, where the most probable class is not it."""
    schema = evidence.summary.schema
    if evidence.recipe.predict.threshold != "none" or schema.kind != "classes":
        return
    if evidence.metric.startswith("cost("):
        yield prescription(
            evidence,
            "least-cost",
            {"predict.threshold": evidence.metric},
            "Name the class of least expected cost instead of the most probable one.",
            cost=COST,
        )
    elif found := re.fullmatch(r"(f\d+(?:\.\d+)?)\((.+)\)", evidence.metric, re.DOTALL):
        yield from _threshold(evidence, found[1], found[2])
    elif evidence.metric == "macro_f1" and len(schema.names) == 2:
        rarest = min(zip(schema.counts, schema.names, strict=True))[1]
        yield from _threshold(evidence, "f1", rarest)


def _threshold(evidence: RunEvidence, rule: str, name: str) -> Iterator[Prescription]:
    yield prescription(
        evidence,
        "threshold",
        {"predict.threshold": rule, "predict.positive": name},
        f"Name {name!r} from the probability on that gives the largest {rule.upper()}.",
        cost=COST,
    )
