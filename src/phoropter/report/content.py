"""What a report is made of: records only, so that a page can be made without a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phoropter.core.checklist import Item
from phoropter.core.decoding import Decoding
from phoropter.core.predictions import Predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Dataset, Finding, Metric, Split, Verdict
from phoropter.core.run_records import Epoch, Gate, RunSummary, SliceScore


@dataclass(frozen=True, slots=True)
class ReportRun:
    """One run as the report shows it.

    Args:
        run: Its identifier.
        recipe: What decided it.
        changed: What it changed against the run it was compared with (empty for the first).
        summary: What became of it.
        history: Its epochs (empty for classic models).
        gates: The checks made before training.
        findings: Its diagnosis, most severe first, with prescriptions.
        metrics: On the validation part.
        decoding: The temperature and the decision that follow the network.
    """

    run: str
    recipe: Recipe
    summary: RunSummary
    metrics: tuple[Metric, ...]
    changed: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Epoch, ...] = ()
    gates: tuple[Gate, ...] = ()
    findings: tuple[Finding, ...] = ()
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True, slots=True)
class ReportStep:
    """One turn of the loop.

    Args:
        finding: The code that led to the change, or "idea".
        change: Dotted recipe keys with their new values.
        advice: The change in words.
        metric: The compared metric.
        delta: Value of the changed run minus value of the reference; None if it was not run.
        low: Lower end of its 95 % interval.
        high: Upper end.
        verdict: On the changed run; None if it was not run.
        accepted: Whether it became the reference.
        reason: Why it was accepted or refused, one sentence.
        seconds: Wall time.
        run: Identifier of the changed run, or "".
    """

    finding: str
    change: Mapping[str, Any]
    advice: str
    metric: str
    delta: float | None
    low: float | None
    high: float | None
    verdict: Verdict | None
    accepted: bool
    reason: str
    seconds: float
    run: str = ""


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything the page tells; what is not there yet is left out of the page.

    Args:
        name: What to call the project.
        dataset: The data, indexed.
        split: Its parts, with the reasons.
        final: The chosen run.
        validation: Its predictions on the validation part.
        primary: Name of the metric that was optimised.
        greater_is_better: Its direction.
        why_primary: Why it is this metric.
        runs: Every run, oldest first, the final one among them.
        ladder: Simple models on the same validation part: the metric `primary`, by model name.
        data_findings: What `look` found.
        checks_left_out: Names of its checks that there was no time for.
        steps: The loop's ledger, oldest first.
        conclusion: One sentence for each thing to be said about the outcome.
        limits: What is known to be missing or wrong, one sentence each.
        test: Metrics on the sealed test part, once it was opened; empty before.
        test_parts: The same for each part of the test that the data name.
        test_predictions: The predictions behind them.
        looks: Comparisons made on the validation part.
        openings: How often the seal was opened.
        seconds: Wall time of the whole project.
        bundle: Folder of the model, or "".
        commands: What to type to get the same result again.
        machine: Facts of the machine, by name.
        versions: Versions of the programs, by name.
        pictures: JPEG files by sample identifier; `wanted_pictures` says which are shown.
        means: JPEG files of the mean image of each class.
        slices: Results on slices of the validation part, the weak ones first.
        maps: JPEG files of where the network looked, by sample identifier.
        checklist: What a sound project has done, and whether this one has.
        rests: The runs or files that a sentence of `conclusion`, or a part of the page, rests on;
            parts by their anchor.
    """

    name: str
    dataset: Dataset
    split: Split
    final: ReportRun
    validation: Predictions
    primary: str
    greater_is_better: bool = True
    why_primary: str = ""
    runs: tuple[ReportRun, ...] = ()
    ladder: Mapping[str, Metric] = field(default_factory=dict)
    data_findings: tuple[Finding, ...] = ()
    checks_left_out: tuple[str, ...] = ()
    steps: tuple[ReportStep, ...] = ()
    conclusion: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    test: tuple[Metric, ...] = ()
    test_parts: Mapping[str, tuple[Metric, ...]] = field(default_factory=dict)
    test_predictions: Predictions | None = None
    looks: int = 0
    openings: int = 0
    seconds: float = 0.0
    bundle: str = ""
    commands: tuple[str, ...] = ()
    machine: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    means: Mapping[str, bytes] = field(default_factory=dict)
    slices: tuple[SliceScore, ...] = ()
    maps: Mapping[str, bytes] = field(default_factory=dict)
    checklist: tuple[Item, ...] = ()
    rests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
