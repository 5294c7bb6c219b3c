"""Everything a rule may look at: the records of one run, never live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from phoropter.core.forecasts import Forecast
from phoropter.core.predictions import Predictions
from phoropter.core.recipe import Recipe
from phoropter.core.records import Finding, Metric
from phoropter.core.run_records import Epoch, Gate, PassSignals, RunSummary, SampleDynamics


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What one model says of training samples that it has not seen, and of the validation part.

    Args:
        train_dev: On the former: drawn like the training part.
        val: On the latter.
    """

    train_dev: Predictions
    val: Predictions


@dataclass(frozen=True, slots=True, eq=False)
class RunEvidence:
    """The records of one run. What was not recorded is empty or None, and rules then keep silent.

    Args:
        summary: The outcome of the run.
        recipe: What decided it.
        history: One row an epoch; empty for classic models.
        gates: Outcomes of the checks made before training.
        predictions: On the validation part, by the weights that were kept; None for curves alone.
        train_predictions: On a fixed, unaugmented part of the training samples.
        metric: Name of the primary metric.
        greater_is_better: Its direction.
        ladder: Primary metric of classic baselines on the same validation samples, by name.
        ladder_recipes: What decided those baselines, by the same names; may be empty.
        floor: The error that nobody can avoid, by what it was estimated from.
        held_out: A model of the same recipe on unseen samples of both kinds.
        optimism: By how much the validation error flatters the run that was chosen for it.
        forecast: What more data would bring.
        data_findings: What looking at the data found.
        repeats: Primary metric of the same recipe under other seeds.
        signals: What happened inside the network, one row a sampled pass.
        dynamics: How the samples of `train_predictions` fared in these passes.
        test_predictions: On the sealed test part, once it was opened for this run.
        images: Whether the samples are images, which augmentation can vary.
        unknown: Keys of the recipe that are a guess, because a loop of others does not tell them.
    """

    summary: RunSummary
    recipe: Recipe
    history: tuple[Epoch, ...]
    gates: tuple[Gate, ...]
    predictions: Predictions | None
    train_predictions: Predictions | None
    metric: str
    greater_is_better: bool
    ladder: Mapping[str, Metric] = field(default_factory=dict)
    data_findings: tuple[Finding, ...] = ()
    repeats: tuple[float, ...] = ()
    ladder_recipes: Mapping[str, Recipe] = field(default_factory=dict)
    floor: Metric | None = None
    held_out: HeldOut | None = None
    optimism: Metric | None = None
    forecast: Forecast | None = None
    signals: tuple[PassSignals, ...] = ()
    dynamics: SampleDynamics | None = None
    test_predictions: Predictions | None = None
    images: bool = True
    unknown: frozenset[str] = frozenset()
