"""What the public functions return: frozen records whose fields are the JSON's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phoropter.core.decoding import Decoding
from phoropter.core.forecasts import Forecast
from phoropter.core.records import Finding, Metric, Rejected, Verdict
from phoropter.core.run_records import KeptPass, RangePoint, SliceScore
from phoropter.data.accounts import Ignored
from phoropter.data.writing import Lost


@dataclass(frozen=True, slots=True)
class LookResult:
    """What the data are and what is wrong with them.

    Args:
        project: Folder of the project.
        description: The layout in one line.
        layout: Name of the reader.
        task: The task the targets suggest.
        samples: Usable samples.
        classes: Samples a class (empty for regression).
        targets: Minimum, mean, maximum and standard deviation by target (empty for classification).
        rejected: Every file that is no sample, with its reason.
        findings: Most severe first.
        features: Where the features behind the findings came from.
        proposed: Corrections in `issues`, those that were accepted before included.
        issues: A table of corrections to accept or not (`path, problem, suggestion, accept`).
        report: The HTML page, or "" where none was asked for.
        modality: What a sample is: "image", "text" or "table" (a row).
        files: Where the data are a folder, what became of its files: `found` is the sum of
            `samples`, `sources` (read for what they say, or what they hold), `rejected` and
            `ignored`.
        ignored: The ignored ones by reason.
    """

    project: str
    description: str
    layout: str
    task: str
    samples: int
    classes: Mapping[str, int]
    targets: Mapping[str, Mapping[str, float]]
    rejected: tuple[Rejected, ...]
    findings: tuple[Finding, ...]
    features: str
    proposed: int = 0
    issues: str = ""
    report: str = ""
    modality: str = "image"
    files: Mapping[str, int] = field(default_factory=dict)
    ignored: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitResult:
    """How many samples each part has and why; `folds` are the sizes of those asked for, in order.

    They are one after the other for every repeat, and lie in the project's `data/folds.parquet`.
    """

    project: str
    parts: Mapping[str, int]
    reasons: tuple[str, ...]
    digest: str
    folds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """Annotated images in another format.

    Args:
        folder: Where they are now.
        description: What they were, in one line.
        layout: Name of the reader.
        to: Name of the writer.
        samples: Images that were written.
        objects: Objects that the writer was given.
        classes: Names of the classes, in the order of their numbers.
        linked: Images that are hard links to the source's.
        copied: Images that are copies.
        lost: What the new format could not hold, and what was not fit to be carried.
        rejected: What the reader left out, with its reason.
    """

    folder: str
    description: str
    layout: str
    to: str
    samples: int
    objects: int
    classes: tuple[str, ...]
    linked: int
    copied: int
    lost: tuple[Lost, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True)
class RunResult:
    """One run and its metrics on the validation part.

    Args:
        run: Its identifier.
        project: Folder of the project.
        epochs: Passes made; 0 for classic models.
        steps: Optimiser steps made.
        seconds: Wall time.
        samples_per_second: Training throughput.
        primary: Name of the primary metric.
        metrics: All of them, of the pass `epoch`.
        stopped_by: What ended it.
        curves: A page of its learning curves, or "".
        epoch: The pass whose weights were measured.
        kept: Every pass whose weights were kept, the best first.
        decoding: What follows the network: the temperature of its probabilities, and by which rule
            a class is named.
        slices: Where they were asked for.
    """

    run: str
    project: str
    epochs: int
    steps: int
    seconds: float
    samples_per_second: float
    primary: str
    metrics: tuple[Metric, ...]
    stopped_by: str
    curves: str = ""
    epoch: int = 0
    kept: tuple[KeptPass, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)
    slices: tuple[SliceScore, ...] = ()


@dataclass(frozen=True, slots=True)
class LrRangeResult:
    """How the loss answers to a rising learning rate.

    Args:
        project: Folder of the project.
        suggestion: The rate to try, or None where the loss hardly fell.
        rule: How it was found.
        lowest_at: The rate at which the smoothed loss was lowest.
        ended_at: The last rate: 10, or where the loss ran away.
        steps: Made.
        points: `lr`, `loss` and `smoothed` of each step.
        page: The picture.
    """

    project: str
    suggestion: float | None
    rule: str
    lowest_at: float
    ended_at: float
    steps: int
    points: tuple[RangePoint, ...]
    page: str


@dataclass(frozen=True, slots=True)
class AugmentResult:
    """What the network sees.

    Args:
        project: Folder of the project.
        page: The pictures.
        size: Side of the input, pixels.
        channels: 1 or 3.
        samples: Identifiers of the images shown.
        draws: Epochs shown of each.
        augment: The part of the recipe that varies them.
        change: Mean change of a pixel, in [0, 1].
        seen: Whether the recipe's model sees the variation; frozen and classic ones do not.
        lost: Classes that a kind of variation makes others of, the surest first: `kind`, `class`,
            `becomes`, `taken` of `samples` images, `chance` and `p_value`.
    """

    project: str
    page: str
    size: int
    channels: int
    samples: tuple[str, ...]
    draws: int
    augment: Mapping[str, Any]
    change: float
    seen: bool
    lost: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class DiagnoseResult:
    """The findings of one run, and what holds it back, as far as it was measured.

    Args:
        run: Identifier.
        findings: Most severe first.
        limits: Size of each part of the error budget, or None.
        budget: The known parts with their intervals.
        unknown: Why the others are not known.
        forecast: What more data would bring, where that was asked for.
        plan: Whether to label or to tune, one sentence each; empty without a forecast.
        unjudged: For loops of others: the codes of which nothing can be said, each with the record
            that it would need.
    """

    run: str
    findings: tuple[Finding, ...]
    limits: Mapping[str, float | None]
    budget: tuple[Metric, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    forecast: Forecast | None = None
    plan: tuple[str, ...] = ()
    unjudged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scores:
    """The primary metric and all of them."""

    primary: Metric
    metrics: tuple[Metric, ...]


STEERING = "steering"
"""What steps that the user decided have in the place of a finding."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the loop: a finding, the change it led to, and the verdict.

    Args:
        number: From 1.
        finding: The code that led to the change, or "idea", "search", "ensemble", "steering".
        change: Dotted recipe keys with their new values.
        advice: The change in words.
        a: Run identifier of the reference.
        b: Run identifier of the challenger, or "" where it was not run.
        metric: The compared metric.
        delta: Value of b minus value of a.
        low: Lower end of its 95 % interval.
        high: Upper end.
        verdict: Of b against a on the primary metric.
        accepted: Whether b became the reference.
        reason: Why it was accepted or refused, one sentence.
        seconds: Wall time of the step.
    """

    number: int
    finding: str
    change: Mapping[str, Any]
    advice: str
    a: str
    b: str
    metric: str
    delta: float
    low: float
    high: float
    verdict: Verdict
    accepted: bool
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ProjectResult:
    """What a project has reached.

    Args:
        project: Its folder.
        primary: Name of the primary metric.
        why_primary: The reason for it.
        run: The run that was chosen.
        baseline: Validation scores of the first run.
        validation: Validation scores of the chosen run.
        test: Scores on the sealed test part.
        test_parts: The same for each part of the test that the data name.
        steps: The ledger of the loop.
        conclusion: One sentence for each thing to be said about it.
        looks: Comparisons made on the validation part.
        openings: How often the seal has been opened.
        seconds: Wall time of this call.
        stopped_by: "budget" or "nothing worth trying".
        bundle: Folder of the model.
        report: The HTML page.
    """

    project: str
    primary: str
    why_primary: str
    run: str
    baseline: Scores
    validation: Scores
    test: Scores
    test_parts: Mapping[str, Scores]
    steps: tuple[Step, ...]
    conclusion: tuple[str, ...]
    looks: int
    openings: int
    seconds: float
    stopped_by: str
    bundle: str
    report: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """One opening of the seal."""

    __test__ = False

    project: str
    run: str
    primary: Metric
    metrics: tuple[Metric, ...]
    parts: Mapping[str, Scores]
    openings: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A bundle and how well its ONNX file agrees with the network on real samples."""

    run: str
    bundle: str
    files: tuple[str, ...]
    verified: int
    largest_difference: float


@dataclass(frozen=True, slots=True)
class ReportResult:
    """The page that was written."""

    project: str
    report: str


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """This machine, as far as it matters for learning."""

    python: str
    phoropter: str
    torch: str
    device: str
    cores: int
    threads: int
    memory_gib: float
    free_disk_gib: float
    weights: Mapping[str, bool]
    extras: Mapping[str, bool]
    cache: str
