"""What may help a run in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.improvement.prescriptions import changes, restraints
from phoropter.improvement.prescriptions.answers import fitting_answers
from phoropter.improvement.prescriptions.making import is_classic
from phoropter.improvement.prescriptions.prescribe import sensible

CODE = "idea"
CONFIDENCE = 0.3  # most ideas that help on average change nothing in a given case


def ideas(evidence: RunEvidence) -> tuple[Finding, ...]:
    """Generic candidates for a run, as one "info" of the code "idea".

    For classic models only what is made of their probabilities can change.

    They are not cures: nothing in the run asks for them. They come from the literature, ranked by
    what they brought there for what they cost.
    """
    candidates = fitting_answers if is_classic(evidence.recipe) else _candidates
    found = sensible(candidates(evidence), evidence)
    if not found:
        return ()
    message = "Nothing in the run asks for these changes, but they often help."
    return (Finding(CODE, "info", CONFIDENCE, message, {}, found),)


def _candidates(evidence: RunEvidence) -> Iterator[Prescription]:
    share = restraints.of_a_head(evidence)
    yield from fitting_answers(evidence)
    yield from changes.fine_tune(evidence)
    yield from changes.pretrained_trunk(evidence)
    yield from changes.more_augmentation(evidence)
    yield from changes.larger_images(evidence)
    yield from changes.wider(evidence)
    yield from changes.mixed_samples(evidence)
    yield from restraints.averaged_weights(evidence, share=share)
    yield from changes.mirrored_views(evidence)
    yield from restraints.smoother_labels(evidence, share=share)
    yield from restraints.more_weight_decay(evidence, share=share)
    yield from changes.longer(evidence)
