"""What to do about faults in the set-up and in the data: mostly people's work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from phoropter.core.records import Finding, Prescription
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.norms import usual_rates
from phoropter.improvement.prescriptions.making import (
    advice,
    is_classic,
    is_small_net,
    prescription,
    rounded,
)

_ADVICE: Mapping[str, tuple[str, str]] = {
    "loss-at-init": (
        "Check the targets, the loss and the last layer before tuning anything.",
        "A sound classifier starts at the loss of guessing (Karpathy 2019, K8 and K9).",
    ),
    "cannot-overfit-batch": (
        "Look at a batch as it enters the network: images, labels, ranges.",
        "Every sound set-up can learn eight samples by heart (Karpathy 2019, K12 and K14).",
    ),
    "input-ignored": (
        "Check that labels belong to their images and that the images are not constant.",
        "A model must lose when its input is blanked (Karpathy 2019, K11).",
    ),
    "mode-mixup": (
        "Look at the network's train() and eval(), and for dropout without training=self.training.",
        "What is trained must be what answers, without its noise (Karpathy 2019, K7).",
    ),
    "batch-mixing": (
        "Look for view, reshape, softmax or mean over the batch, or attention without batch_first.",
        "Backpropagation shows which inputs an answer depends on (Karpathy 2019, K16).",
    ),
    "wrong-step": (
        "Look for weights that the forward pass replaces or writes, and for steps made twice.",
        "One step of the optimiser moves each trainable weight once (Karpathy 2019, K12).",
    ),
    "slow-input": (
        "Use a local disk, a larger PHOROPTER_STORE_GIB, less data.size or lighter augmentation.",
        "What is waited for is decoding, copying and varying images (docs/training.md).",
    ),
    "overfit-to-validation": (
        "Report the score on the test part, and enlarge the validation part before choosing again.",
        "The best of many is partly the luckiest (Tsamardinos et al. 2018).",
    ),
    "stale-gradient": (
        "Call optimizer.zero_grad() once a step, before the gradients are computed.",
        "A step by the sum of all gradients so far is far too long (Karpathy 2018).",
    ),
    "unshuffled": (
        "Shuffle the training samples anew in every pass (DataLoader: shuffle=True).",
        "Gradients of batches that are no random samples are biased (Bengio 2012).",
    ),
    "split-leak": (
        "Make the split again with the leaking samples on one side.",
        "What was trained on cannot measure anything.",
    ),
    "unreadable-files": (
        "Mend or replace the listed files.",
        "They are left out of everything as they are.",
    ),
    "label-errors": (
        "Go through the listed samples and correct their labels.",
        "A few per cent of wrong labels cap what can be measured (Northcutt et al. 2021).",
    ),
    "covariate-shift": (
        "Split again at random, or collect training samples like the shifted ones.",
        "A model is only as good as its training samples are like those it will see.",
    ),
}


def gate(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For the gates: what the recipe itself may have wrong, then where to look."""
    recipe = evidence.recipe
    usual = usual_rates(recipe)
    off = not usual.low / 10 <= recipe.train.lr <= usual.high
    if finding.code == "cannot-overfit-batch" and off and not is_classic(recipe):
        yield prescription(
            evidence,
            "usual-rate",
            {"train.lr": rounded(usual.usual)},
            f"Set the learning rate to {rounded(usual.usual):g} instead of {recipe.train.lr:g}.",
        )
    small = is_small_net(recipe) and recipe.model.norm == "none"
    if finding.code == "cannot-overfit-batch" and small:
        yield _normalised(evidence)
    yield from people(finding, evidence)


def unreached(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """For parameters without a gradient: where to look, by what is known of the cause."""
    if finding.evidence.get("cleared"):
        yield advice(
            "Call loss.backward() before optimizer.step(), and optimizer.zero_grad() before both "
            "or after both, not between them.",
            why="A step moves the weights by the gradients that are there when it is made.",
            cost=0.0,
        )
        return
    left_out = set(finding.evidence.get("not_in_optimizer", ()))
    frozen = set(finding.evidence.get("frozen_by_mistake", ()))
    asleep = bool(frozen) or finding.evidence.get("trainable") == 0
    unreached = set(finding.evidence.get("parameters", ())) - left_out - frozen
    if unreached or not (left_out or asleep):
        if is_small_net(evidence.recipe) and evidence.recipe.model.norm == "none":
            yield _normalised(evidence)
        yield advice(
            "Look at the way from these layers to the loss for what cuts the graph: detach(), "
            ".data, no_grad(), numpy, a rounding or argmax; and whether their output is used.",
            why="Backpropagation shows which inputs and layers matter (Karpathy 2019, K16).",
            cost=0.0,
        )
    if left_out:
        yield advice(
            "Make the optimiser from all parameters once the network is complete: one that is made "
            "before a layer is exchanged holds the old layer. What is to stay as it is gets "
            "requires_grad_(False).",
            why="An optimiser moves what it was handed, and nothing else.",
            cost=0.0,
        )
    if asleep:
        yield advice(
            "Set requires_grad to True for what is to learn.",
            why="Where requires_grad is False no gradient is computed.",
            cost=0.0,
        )


def _normalised(evidence: RunEvidence) -> Prescription:
    return prescription(
        evidence, "normalise", {"model.norm": "batch"}, "Put in normalisation layers."
    )


def preprocessing(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """The statistics that the weights were made with, or those of the data where there are none.

    Exchanged colours are a matter of the files, and keep the advice that they were found with.
    """
    if finding.evidence.get("from") == "colours":
        yield from finding.prescriptions
        return
    if finding.evidence.get("from") == "weights":
        change, whose = {"data.normalize": "weights"}, "the pretrained weights"
    else:
        change, whose = {"data.normalize": "data"}, "the training part"
    yield prescription(
        evidence, "matching-input", change, f"Normalise the input by the statistics of {whose}."
    )


def breaking(finding: Finding, evidence: RunEvidence) -> Iterator[Prescription]:
    """The same augmentation without what makes other classes of images: all of it, or a kind."""
    without: Mapping[str, Mapping[str, object]] = finding.evidence.get("without", {})
    if not without:
        return
    whole = {key: value for change in without.values() for key, value in change.items()}
    pipeline = evidence.recipe.data.augment.pipeline
    if "data.augment.pipeline" in whole:
        whole["data.augment.pipeline"] = [
            dict(entry) for entry in pipeline if next(iter(entry)) not in without
        ]
    yield prescription(
        evidence,
        "sound-labels",
        whole,
        f"Take {', '.join(map(repr, without))} out of the augmentation.",
    )


def people(finding: Finding, _evidence: RunEvidence) -> Iterator[Prescription]:
    """What only people can do about a finding."""
    if finding.code in _ADVICE:
        text, why = _ADVICE[finding.code]
        yield advice(text, why=why, cost=0.0)
