"""The nouns of the project: frozen records without hidden behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
Severity = Literal["info", "warning", "critical"]
Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file or table row that is not in the data set, and why.

    Args:
        path: The file, relative to the data set's root, or the row as the user wrote it.
        reason: Why, in a few words.
        kind: "unreadable": meant as an image, but cannot be opened; "junk": never meant as one
            (notes, leftovers of a system); "unusable": a sound image or row that cannot take part
            (no target, no file, a class without training samples); "unlisted": an image that the
            table does not mention; "annotation": an annotation, or what a file of them says, that
            is wrong: the reason says what became of it.
    """

    path: str
    reason: str
    kind: Literal["unreadable", "junk", "unusable", "unlisted", "annotation"] = "unreadable"


@dataclass(frozen=True, slots=True)
class Dataset:
    """An immutable table of samples, one row each; no pixels inside.

    Args:
        name: What to call it; names the project folder.
        root: The folder that `path` is relative to.
        layout: The reader that built it ("folders", "csv", ...).
        description: One line for people ("image folders, 3 classes, 763 images").
        task: The task that the targets suggest: "classification", "multilabel", "regression",
            "detection", "instances" (objects with masks), "segmentation" (a mask an image),
            "unpaired" (two sets of images) or "unlabelled".
        targets: The columns of `table` that hold the target: one string column for
            classification, one column of lists of strings for multilabel, one or more float
            columns for regression; none where the target lies in `objects` or in `mask_path`.
        table: Columns `id` (unique, stable: the path relative to the root), `path`, the targets,
            `group` (str or null), `part` ("train", "val", "test" or null, as given by the data),
            `part_name` (the data's own word for it, or null). After indexing also `size_bytes`,
            `mtime_ns`, `digest` (of the content), `height`, `width`, `mode`, `format` and cheap
            pixel statistics. Segmentation has `mask_path`. Rows of text or of a table have `path`
            of the file they are in, their columns in `inputs`, and a `digest` of these. Images that
            a table names have `table_row` ("labels.csv#line12"). Annotated images have
            `annotation` (the file that describes them, or null), `stated_height` and
            `stated_width` (what that file says of the image, or null) and `source_id` (what it
            calls the image, or null).
        rejected: Every file that was found but is no sample.
        modality: What a sample is: an image file, a text or a row of a table.
        inputs: Columns of `table` that hold the input, where it is no image file.
        classes: Names of the classes of `objects` or masks, in the order of their numbers.
        objects: Annotated objects, one row each, or None: see `core.objects`.
        class_ids: The source's own number of each class, beside `classes`; the values of a mask's
            pixels, of a colour mask 65536 r + 256 g + b. Empty: 0, 1, 2, ...
        ignored_ids: Values of a mask's pixels that are of no class ("void", "unlabelled").
        sources: Files that were read for what they say of the samples (tables, annotations,
            lists), or that hold them (archives), relative to the folder that the reader was given.
    """

    name: str
    root: Path
    layout: str
    description: str
    task: str
    targets: tuple[str, ...]
    table: pl.DataFrame
    rejected: tuple[Rejected, ...] = ()
    modality: Literal["image", "text", "table"] = "image"
    inputs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    objects: pl.DataFrame | None = None
    class_ids: tuple[int, ...] = ()
    ignored_ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.table.height


@dataclass(frozen=True, slots=True)
class Split:
    """Which samples are for training, validation and the sealed test.

    Args:
        table: Columns `id`, `part` and `unit` (a name that samples which stay together share), one
            row for every sample of the data set; in the order of time also `moment` (whole
            numbers, the latest of the unit).
        reasons: One sentence for each decision that shaped it.
        seed: The seed of whatever was drawn at random.
        grouped: Whether whole groups (patients, writers, sessions) are held out, so that what is
            measured is measured on new ones.
    """

    table: pl.DataFrame
    reasons: tuple[str, ...]
    seed: int
    grouped: bool = False


@dataclass(frozen=True, slots=True)
class TargetSchema:
    """What the training part says about the target; travels with the model.

    Args:
        kind: Kind of the predictions: "classes" or "values".
        names: Class names, sorted, or the names of the predicted numbers.
        counts: Training samples a class (empty for numbers).
        offset: Mean of each number on the training part (empty for classes).
        scale: Standard deviation of each number there, never zero (empty for classes).
    """

    kind: str
    names: tuple[str, ...]
    counts: tuple[int, ...] = ()
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    @property
    def outputs(self) -> int:
        """Numbers a network must put out for one sample."""
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured number with its 95 % bootstrap interval and the samples it rests on."""

    name: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Prescription:
    """One change that may cure a finding.

    Args:
        change: Dotted recipe keys and their new values; empty where only people can act.
        advice: What to do, in one sentence.
        expected_gain: Expected gain of the primary metric, in its own unit; None if unknown.
        cost: Expected cost relative to one run of the present recipe (1.0 is one more such run).
        why: The reason, one sentence, with its source where it has one.
    """

    change: Mapping[str, Any]
    advice: str
    expected_gain: float | None
    cost: float
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed, with the numbers that show it.

    Args:
        code: A finding code of the contract, for example "overfit".
        severity: "info", "warning" or "critical"; a healthy run has only "info".
        confidence: How sure the rule is, in [0, 1].
        message: One sentence for people.
        evidence: The numbers behind it, JSON-able.
        prescriptions: What may cure it, best first.
    """

    code: str
    severity: Severity
    confidence: float
    message: str
    evidence: Mapping[str, Any]
    prescriptions: tuple[Prescription, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paired verdict on run `b` against run `a`, on the same validation samples.

    Args:
        a: Identifier of the reference run.
        b: Identifier of the challenger.
        metric: Name of the compared metric.
        delta: Value of `b` minus value of `a`, in the metric's unit.
        low: Lower end of the 95 % interval of `delta`.
        high: Upper end.
        p_value: Two-sided, before correction for the number of looks.
        looks: How many comparisons this validation part has seen, this one included.
        verdict: "better" or "worse" (of b) only if it survives the correction for looks.
    """

    a: str
    b: str
    metric: str
    delta: float
    low: float
    high: float
    p_value: float
    looks: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row of a run's history. Losses and metrics are measured in eval mode.

    Args:
        epoch: 0 is before the first step; n is after the n-th pass.
        step: Optimiser steps taken so far.
        lr: Learning rate of the last step.
        running_loss: Mean of the training losses of the pass, as optimised (augmented, train mode).
        train_loss: Loss on a fixed, unaugmented part of the training samples.
        val_loss: Loss on the validation part.
        train_metric: Primary metric on that fixed part.
        val_metric: Primary metric on the validation part.
        grad_norm: Median gradient norm of the pass before clipping.
        worst_loss: Largest single-step training loss of the pass (not finite after divergence).
    """

    epoch: int
    step: int
    lr: float
    running_loss: float | None
    train_loss: float | None
    val_loss: float | None
    train_metric: float | None
    val_metric: float | None
    grad_norm: float | None
    worst_loss: float | None


@dataclass(frozen=True, slots=True)
class PassSignals:
    """What happened inside the network in one pass; norms are Euclidean.

    Args:
        epoch: The pass, from 1.
        blocks: Names of the network's blocks, from the input to the output.
        grad_norms: Of each block, root mean square over the measured steps, before clipping.
        update_ratios: Of each block, the length of a step over that of the weights; None where all
            of them were zero, or nothing was measured.
        gradient_cosine: Of two consecutive steps' gradients; None if there was only one step.
        inactive: Share of units of each activation layer that are dead or saturated on all of the
            first training samples.
    """

    epoch: int
    blocks: tuple[str, ...]
    grad_norms: tuple[float | None, ...]
    update_ratios: tuple[float | None, ...]
    gradient_cosine: float | None
    inactive: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RangePoint:
    """One step of a range test.

    Args:
        lr: Its learning rate.
        loss: Of its batch, before the step.
        smoothed: Moving mean of the losses so far.
    """

    lr: float
    loss: float
    smoothed: float


@dataclass(frozen=True, slots=True)
class Gate:
    """The outcome of one check made before training.

    Args:
        name: "loss-at-init", "cannot-overfit-batch", "input-ignored", "no-gradient".
        measured: What was measured.
        expected: What a sound set-up shows.
        passed: Whether it is sound.
        evidence: Further numbers.
    """

    name: str
    measured: float
    expected: float
    passed: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The outcome of one recipe on one split (`run.json` in the run's folder).

    Args:
        run: Identifier: hash of recipe, data, split and code.
        metric: Name of the primary metric.
        epochs: Passes made (0 for classic models).
        steps: Optimiser steps made.
        best_epoch: The pass whose weights were kept.
        seconds: Wall time of the whole run.
        samples_per_second: Training throughput (0.0 for classic models).
        stopped_by: "finished", "patience", "budget", "diverged" or "interrupted".
        numerics: What was chosen and the measurements behind it.
        schema: The target's schema.
        features: Where the classic models' or the head's inputs came from ("pixels",
            "efficientnet_lite0", ...), or "" for a network on images.
        waiting: Share of the training time in which the network waited for its next batch.
        own: Hash of the source of each part of the user's own, by its recipe key.
    """

    run: str
    metric: str
    epochs: int
    steps: int
    best_epoch: int
    seconds: float
    samples_per_second: float
    stopped_by: str
    numerics: Mapping[str, Any]
    schema: TargetSchema
    features: str
    own: Mapping[str, str] = field(default_factory=dict)
    waiting: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a network costs on a machine, at 1,000 outputs, in float32.

    Args:
        size: Side of the images, pixels.
        batch: Images at once.
        device: Where it ran.
        threads: Of torch.
        forward_s: Seconds an image for answering.
        step_s: Seconds an image for a training step: forward, backward, AdamW.
        forward_cpu_s: Seconds of the processor an image for answering, of all threads together.
        step_cpu_s: Likewise for a training step.
        memory_bytes: Peak that building the network and training it added to the process.
        on: Date, ISO 8601.
    """

    size: int
    batch: int
    device: str
    threads: int
    forward_s: float
    step_s: float
    forward_cpu_s: float
    step_cpu_s: float
    memory_bytes: int
    on: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a model without importing it.

    Args:
        name: The name for `model.name`.
        family: "network" or "classic".
        tasks: Tasks it fits.
        input_px: Side of the square input its weights were trained at, 0 for any.
        mean: Per-channel mean its weights expect, of pixels in [0, 1].
        std: Per-channel standard deviation likewise.
        interpolation: "bicubic" or "bilinear".
        crop: Share of the resized side that the centre crop keeps.
        weights: "offline", "hub" or "" where it has no pretrained weights.
        licence: Licence of the weights, or of the code where it has none.
        parameters: Trainable numbers at 1,000 outputs, 0 if not stated.
        macs: Multiplications (with an addition each) that one image of `input_px` costs at 1,000
            outputs, 32 px if it is for any size; 0 if not stated.
        least_px: Smallest side that the network can work on, 0 for any.
        source: Where the network comes from.
        measured: What it costs on this machine, if that was measured.
    """

    name: str
    family: Literal["network", "classic"]
    tasks: tuple[str, ...]
    input_px: int = 0
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bilinear"
    crop: float = 1.0
    weights: Literal["offline", "hub", ""] = ""
    licence: str = "Apache-2.0"
    parameters: int = 0
    macs: int = 0
    least_px: int = 0
    source: str = "phoropter"
    measured: Measurement | None = None


@dataclass(frozen=True, slots=True)
class Normalization:
    """How pixels in [0, 1] become network input: (x - mean) / std for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Everything between a decoded image and the network; travels with the model.

    Args:
        size: Side of the square, pixels.
        resize: "crop" (resize the short side to size / crop_share, cut the centre), "stretch" or
            "letterbox" (see `pad`).
        channels: 1 or 3.
        interpolation: "bicubic" or "bilinear".
        crop_share: See `resize`; 1.0 cuts only what sticks out of the square.
        normalization: Applied to pixels in [0, 1], or to the columns.
        columns: Where a sample is a row of a table: its columns. Each is then a channel of an
            image of a single pixel, and nothing is resized.
        pad: What letterbox puts beside the image: "constant" (black), "reflect" or "symmetric"
            (its mirror image, without or with the border pixel).
    """

    size: int
    resize: str
    channels: int
    interpolation: str
    crop_share: float
    normalization: Normalization
    columns: tuple[str, ...] = ()
    pad: str = "constant"


Rows = NDArray[np.int64]
