"""What could not be judged, because the record that it needs was not made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from phoropter.core.registry import names
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.signals import Field, curve

LEAST_PASSES = 3


@dataclass(frozen=True, slots=True)
class Record:
    """Something that a run may leave, and whether it did."""

    words: str
    there: Callable[[RunEvidence], bool]


def _curve(field: Field, words: str) -> Record:
    return Record(words, lambda evidence: len(curve(evidence, field)) >= LEAST_PASSES)


def _gate(name: str, words: str) -> Record:
    return Record(words, lambda evidence: any(gate.name == name for gate in evidence.gates))


TRAIN_LOSS = _curve("train_loss", "the training loss of three passes")
STEPS = Record("how many steps were made", lambda evidence: evidence.summary.steps > 0)
VAL_LOSS = _curve("val_loss", "the validation loss of three passes")
RATE = Record("the learning rate", lambda evidence: "train.lr" not in evidence.unknown)
NORMS = Record("gradient norms", lambda evidence: len(curve(evidence, "grad_norm")) > 0)
LAYERS = Record("gradients of each layer", lambda evidence: bool(evidence.signals))
NOISE = Record(
    "gradients of consecutive steps",
    lambda evidence: any(row.gradient_cosine is not None for row in evidence.signals),
)
UNITS = Record(
    "activation layers to listen to",
    lambda evidence: any(row.inactive for row in evidence.signals),
)
ANSWERS = Record(
    "predictions and truth of the validation part",
    lambda evidence: evidence.predictions is not None,
)
TRAIN_ANSWERS = Record(
    "predictions and truth of training samples",
    lambda evidence: evidence.train_predictions is not None,
)
SAMPLES = Record("losses of single samples", lambda evidence: evidence.dynamics is not None)
CHOICE = Record(
    "other runs that it was chosen from", lambda evidence: evidence.optimism is not None
)
TIME = Record(
    "how long the loop waited for its data", lambda evidence: evidence.summary.seconds > 0
)
FLOOR = Record(
    "the error of people, or of wrong labels", lambda evidence: evidence.floor is not None
)
PARTS = Record("trainings on parts of the data", lambda evidence: evidence.forecast is not None)
HELD_OUT = Record(
    "predictions on unseen samples like those of training",
    lambda evidence: evidence.held_out is not None,
)
BASELINES = Record("baselines on the same samples", lambda evidence: bool(evidence.ladder))
SEEDS = Record("the same run under other seeds", lambda evidence: bool(evidence.repeats))
_LOOP = "a loop that is watched while it runs"
_ALONE = "a try of the network before the run"

NEEDS: Mapping[str, tuple[Record, ...]] = {
    "augmentation-too-strong": (TRAIN_ANSWERS,),
    "augmentation-too-weak": (TRAIN_ANSWERS,),
    "batch-mixing": (_gate("batch-mixing", _ALONE),),
    "batch-too-large": (NOISE,),
    "batch-too-small": (NOISE,),
    "cannot-overfit-batch": (
        _gate("cannot-overfit-batch", "a training on one small batch before the run"),
    ),
    "capacity-limited": (TRAIN_ANSWERS, ANSWERS, FLOOR),
    "class-imbalance": (ANSWERS,),
    "classic-wins": (BASELINES,),
    "data-limited": (PARTS,),
    "data-mismatch": (HELD_OUT,),
    "dead-activations": (UNITS,),
    "diverged": (),
    "exploding-gradient": (NORMS,),
    "input-ignored": (_gate("input-ignored", "predictions on inputs that were exchanged"),),
    "label-breaking-augmentation": (
        _gate("label-breaking-augmentation", "predictions on augmented images"),
    ),
    "label-noise": (SAMPLES,),
    "loss-at-init": (
        _gate("loss-at-init", "the loss before the first step, and the number of classes"),
    ),
    "lr-too-high": (TRAIN_LOSS,),
    "lr-too-low": (TRAIN_LOSS, VAL_LOSS, RATE),
    "majority-collapse": (ANSWERS,),
    "miscalibrated": (ANSWERS,),
    "mode-mixup": (_gate("mode-mixup", _LOOP),),
    "no-gradient": (_gate("no-gradient", _LOOP),),
    "noise-limited": (ANSWERS, FLOOR),
    "overfit": (TRAIN_LOSS, VAL_LOSS),
    "overfit-to-validation": (CHOICE,),
    "plateau": (TRAIN_LOSS, STEPS),
    "preprocessing-mismatch": (
        _gate("preprocessing-mismatch", "what reaches the network, and what its weights expect"),
    ),
    "seed-noise": (SEEDS,),
    "slow-input": (TIME,),
    "stale-gradient": (_gate("stale-gradient", _LOOP),),
    "underfit": (TRAIN_ANSWERS, ANSWERS),
    "undertrained": (TRAIN_LOSS, VAL_LOSS),
    "unshuffled": (_gate("unshuffled", "two passes of the same twelve steps or more, watched"),),
    "vanishing-gradient": (LAYERS,),
    "wrong-metric": (ANSWERS,),
    "wrong-step": (_gate("wrong-step", _ALONE),),
}
"""The records without which a rule is always silent."""


def unjudged(evidence: RunEvidence) -> dict[str, str]:
    """The codes of which nothing can be said, each with the first record that is wanting."""
    found = {}
    for code in names("phoropter.rules"):
        missing = [record for record in NEEDS.get(code, ()) if not record.there(evidence)]
        if missing:
            found[code] = missing[0].words
    return found
