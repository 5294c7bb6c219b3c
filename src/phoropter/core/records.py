"""The nouns of the project: frozen records without hidden behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
        measured: What it brought when it was tried before, one sentence, or "".
    """

    change: Mapping[str, Any]
    advice: str
    expected_gain: float | None
    cost: float
    why: str
    measured: str = ""


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
        method: Which test decided and why, one sentence.
        trainings: Models of each recipe that were compared; 1 is about these two models alone.
        seed_spread: Standard deviation of the metric over trainings of one recipe that differ in
            their seed alone; None where it was not measured.
        rope: Half the width of the region of practical equivalence, in the metric's unit; None
            where none was asked for.
        equivalent: Whether the 95 % interval of `delta` lies within it; None without one.
        detectable: The smallest difference in accuracy that these samples would show at this look
            in four cases of five; None for other metrics, or where none would do.
        note: What else is to be done before anything is claimed, one sentence, or "".
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
    method: str = ""
    trainings: int = 1
    seed_spread: float | None = None
    rope: float | None = None
    equivalent: bool | None = None
    detectable: float | None = None
    note: str = ""


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
