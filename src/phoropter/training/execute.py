"""One recipe carried out: from the recipe to a run's folder.

Three ways lead to a network: a classic model fitted on features, a head trained on the features of
a frozen trunk, and a network trained on images. They differ in `_fitted` alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from phoropter.augment.mixing import mixer
from phoropter.augment.policies import augmenter
from phoropter.core import registry
from phoropter.core.events import Listener, RunBegun, RunEnded, silent
from phoropter.core.files import write_text
from phoropter.core.predictions import Predictions, write_predictions
from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe, read_recipe, to_yaml
from phoropter.core.records import Preprocessing, Rows
from phoropter.core.run_records import RunSummary
from phoropter.data.memory import MemoryInputs
from phoropter.metrics import named
from phoropter.models.build import build, build_trunk, untrained
from phoropter.models.catalog import frozen_trunk
from phoropter.models.classic import classic_from_state, fit_classic
from phoropter.models.network import Network
from phoropter.prediction.averaging import mean_predictions
from phoropter.prediction.run import outputs
from phoropter.prediction.views import FixedView
from phoropter.training.checkpoint import read_weights, weights_of, write_weights
from phoropter.training.conditions import conditions
from phoropter.training.decoding import applied, check_decoding, fit_and_apply
from phoropter.training.ensembles import averaged_network, check_no_pass, execute_ensemble
from phoropter.training.gates import input_ignored, read_gates, run_gates, write_gates
from phoropter.training.head_start import start_head
from phoropter.training.loop import fit
from phoropter.training.memory import keep_memory
from phoropter.training.problem import Problem, check_own, own_sources, run_id
from phoropter.training.records import (
    FitOutcome,
    Losing,
    TrainingData,
    Watch,
    sample_train_eval_rows,
)
from phoropter.training.sources import (
    Source,
    frozen,
    open_for_training,
    open_images,
    open_source,
)
from phoropter.training.summary import (
    SUMMARY,
    TEST_PREDICTIONS,
    check_files,
    is_done,
    read_preprocessing,
    read_summary,
    tell_if_fewer,
    write_summary,
)
from phoropter.training.team import Job, assembled
from phoropter.training.twins import adopt, twin
from phoropter.training.undersampling import learnt_from


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """A run while it is carried out: what it is, and what it works on."""

    recipe: Recipe
    problem: Problem
    folder: Path
    source: Source
    watch: Watch


def execute(
    recipe: Recipe,
    problem: Problem,
    *,
    runs: Path,
    deadline: float | None = None,
    keep: int = 1,
    losing: Losing | None = None,
    listener: Listener = silent,
) -> Path:
    """Carries out a recipe, or finds it done, and returns the run's folder.

    Args:
        recipe: What to do.
        problem: On what.
        runs: The folder of all runs.
        deadline: Reading of `time.monotonic` at which training must end; None: no limit.
        keep: How many of the passes with the lowest validation losses leave their weights. It
            decides nothing about the run, so it is no part of the recipe.
        losing: Asked after every pass whether the rest is worth its time; None: it is.
        listener: Told about the progress.

    Raises:
        PhoropterError: If the recipe does not fit the data or the machine.
        InterruptedRunError: If the user stops it; running it again goes on from there.
    """
    folder = runs / run_id(recipe, problem)
    if is_done(folder):
        tell_if_fewer(folder, keep, listener)
        return folder
    check_decoding(recipe, problem)
    if recipe.predict.ensemble:
        made = partial(
            execute, problem=problem, runs=runs, deadline=deadline, keep=keep, listener=listener
        )
        return execute_ensemble(recipe, problem, runs=runs, execute=made)
    keep_memory()
    begun = time.monotonic()
    if (folder / SUMMARY).exists():
        begun -= read_summary(folder).seconds
        (folder / TEST_PREDICTIONS).unlink(missing_ok=True)  # said of weights that now go on
    write_text(folder / "recipe.yaml", to_yaml(recipe))
    carried = Carried(
        recipe=recipe,
        problem=learnt_from(recipe, problem),
        folder=folder,
        source=open_for_training(recipe, problem, listener=listener),
        watch=Watch(listener=listener, deadline=deadline, keep=keep, losing=losing),
    )
    return carry_out(carried, begun=begun)


def carry_out(carried: Carried, *, begun: float) -> Path:
    """Fits the model, writes what a finished run leaves, and returns the run's folder."""
    listener, folder = carried.watch.listener, carried.folder
    listener(RunBegun(folder.name, carried.recipe))
    network, outcome = _fitted(carried)
    _write_predictions(carried, network)
    _write_summary(carried, outcome, seconds=time.monotonic() - begun)
    listener(RunEnded(folder.name))
    return folder


def restored(
    folder: Path, *, epoch: int | None = None
) -> tuple[nn.Module, Recipe, RunSummary, Preprocessing]:
    """The whole network of a finished run, from files alone, with what it needs to be used.

    Args:
        folder: Of the run.
        epoch: The kept pass whose weights are wanted; the best one if left out.

    Raises:
        CorruptFileError: If a file is missing or damaged.
        UsageError: If the pass was not kept.
        InputError: If the source of a part of the user's own is not what it was.
    """
    recipe = read_recipe(folder / "recipe.yaml")
    summary = read_summary(folder)
    how = read_preprocessing(folder)
    if summary.members:
        check_no_pass(folder, epoch)
        members = [restored(folder.parent / name) for name in dict.fromkeys(summary.members)]
        return averaged_network(members, summary.members).eval(), recipe, summary, how
    check_own(recipe, summary)
    name = weights_of(summary.kept, epoch)
    check_files(folder, ("recipe.yaml", name))
    state = read_weights(folder, name=name)
    if summary.features == "":
        network = build(untrained(recipe), summary.schema, columns=len(how.columns))
        network.load_state_dict(state)
        return network.eval(), recipe, summary, how
    if is_classic(recipe):
        head = classic_from_state(recipe.model.name, state)
    else:
        head = build(untrained(recipe), summary.schema).head
        head.load_state_dict(state)
    network = _on_trunk(head, summary.features, recipe)
    return network.eval(), recipe, summary, how


def predicted(
    folder: Path,
    problem: Problem,
    rows: Rows,
    *,
    epoch: int | None = None,
    listener: Listener = silent,
) -> Predictions:
    """What a finished run says of these rows of the data, with the weights of a kept pass."""
    summary = read_summary(folder)
    if summary.members:
        check_no_pass(folder, epoch)
        counts = Counter(summary.members)
        said = [predicted(folder.parent / name, problem, rows) for name in counts]
        return applied(mean_predictions(said, list(counts.values())), folder)
    network, recipe, summary, _ = restored(folder, epoch=epoch)
    source = open_source(recipe, problem, listener=listener)
    learner = network.head if summary.features and isinstance(network, Network) else network
    return applied(_spoken(learner, source, recipe, problem, rows), folder)


def is_classic(recipe: Recipe) -> bool:
    """Whether the model is fitted by scikit-learn instead of trained."""
    alone = not recipe.predict.ensemble
    return alone and recipe.model.name in registry.names("phoropter.classics")


def _fitted(carried: Carried) -> tuple[nn.Module, FitOutcome]:
    """The part of the network that speaks on the source's inputs, fitted, its weights saved."""
    recipe, problem = carried.recipe, carried.problem
    if is_classic(recipe):
        return _fitted_classic(carried)
    source = twin(recipe, problem, carried.folder.parent)
    if source is not None:
        adopt(source, carried.folder)
    learner, objective, data = learner_of(recipe, problem, carried.source)
    gates = read_gates(carried.folder)
    if source is None or not gates:
        gates = run_gates(
            learner,
            data,
            recipe,
            task=problem.task,
            schema=problem.schema,
            watch=carried.watch,
            how=carried.source.preprocessing,
        )
    start_head(learner, recipe, problem, listener=carried.watch.listener)
    team = assembled()
    team.told(Job(recipe, problem, carried.folder))
    outcome = fit(
        objective, learner, data, recipe, folder=carried.folder, watch=carried.watch, team=team
    )
    if outcome.best_epoch > 0 and source is None:
        gates = (*gates, input_ignored(objective, learner, data, recipe))
    write_gates(carried.folder, gates)
    return learner, outcome


def _fitted_classic(carried: Carried) -> tuple[nn.Module, FitOutcome]:
    begun = time.monotonic()
    rows = carried.problem.rows("train")
    features = carried.source.inputs.batch(rows).numpy()
    head = fit_classic(
        carried.recipe.model.name,
        features.reshape(len(rows), -1),
        _all_targets(carried.problem)[rows].numpy(),
        schema=carried.problem.schema,
        seed=carried.recipe.seed,
    )
    write_weights(carried.folder, head.state_dict())
    seconds = time.monotonic() - begun
    return head, FitOutcome((), 0, 0, 0, seconds, 0.0, "finished")


def learner_of(
    recipe: Recipe, problem: Problem, source: Source
) -> tuple[nn.Module, Objective, TrainingData]:
    """What is to be trained on a source's inputs: the network or its head, its aim, its samples."""
    network = build(recipe, problem.schema, columns=len(source.preprocessing.columns))
    learner: nn.Module = network.head if source.features else network
    mix = None if source.features else mixer(recipe.data.augment)
    objective = problem.task.objective(learner, recipe, problem.schema, mix=mix)
    return learner, objective, training_data(recipe, problem, source)


def training_data(recipe: Recipe, problem: Problem, source: Source) -> TrainingData:
    """The samples of a run as the training loop wants them."""
    targets = _all_targets(problem)
    images = source.features == "" and not source.preprocessing.columns
    return TrainingData(
        inputs=source.inputs,
        targets=targets,
        train_rows=problem.rows("train"),
        val_rows=problem.rows("val"),
        train_eval_rows=train_eval_rows(recipe, problem),
        metric=_output_metric(problem, targets),
        normalization=source.normalization,
        augment=(
            augmenter(recipe.data.augment, size=recipe.data.size, channels=recipe.data.channels)
            if images
            else None
        ),
        drawn=source.views,
    )


def train_eval_rows(recipe: Recipe, problem: Problem) -> Rows:
    """The fixed part of the training rows that is measured after every pass."""
    images = problem.dataset.modality != "table" and not frozen_trunk(recipe)
    return sample_train_eval_rows(
        problem.rows("train"),
        val_count=len(problem.rows("val")),
        seed=recipe.seed,
        numbers=recipe.data.channels * recipe.data.size**2 if images else 1,
    )


def _output_metric(problem: Problem, targets: Any) -> Callable[[NDArray[np.float32], Rows], float]:
    metric = named(problem.metric)

    def measure(raw: NDArray[np.float32], rows: Rows) -> float:
        ids = [""] * len(rows)
        return metric(problem.task.predictions(ids, targets[rows], raw, problem.schema))

    return measure


def _all_targets(problem: Problem) -> Any:
    rows = np.arange(len(problem.dataset), dtype=np.int64)
    return problem.task.encode(problem.dataset, rows, problem.schema)


def _write_predictions(carried: Carried, learner: nn.Module) -> None:
    recipe, problem, folder = carried.recipe, carried.problem, carried.folder

    def spoken(rows: Rows) -> Predictions:
        return _spoken(learner, carried.source, recipe, problem, rows)

    val = fit_and_apply(spoken(problem.rows("val")), recipe, problem, folder=folder)
    write_predictions(folder / "predictions.parquet", val)
    train = applied(spoken(train_eval_rows(recipe, problem)), folder)
    write_predictions(folder / "train_predictions.parquet", train)


def _on_trunk(head: nn.Module, features: str, recipe: Recipe) -> Network:
    trunk, feature_count = build_trunk(
        features,
        pretrained=features != "pixels",
        channels=recipe.data.channels,
        size=recipe.data.size,
        like=recipe.model,
    )
    return Network(trunk, head, feature_count)


def _spoken(
    learner: nn.Module, source: Source, recipe: Recipe, problem: Problem, rows: Rows
) -> Predictions:
    raw = _raw(learner, source, recipe, problem, rows)
    ids = problem.dataset.table["id"].gather(rows).to_list()
    targets = problem.task.encode(problem.dataset, rows, problem.schema)
    return problem.task.predictions(ids, targets, raw, problem.schema)


def _raw(
    learner: nn.Module, source: Source, recipe: Recipe, problem: Problem, rows: Rows
) -> NDArray[np.float32]:
    """The mean raw output over the recipe's views."""
    tta = recipe.predict.tta
    if tta > 1 and source.features not in {"", "pixels"}:
        views = [frozen(recipe, problem, view=FixedView(at), listener=silent) for at in range(tta)]
        seen = [MemoryInputs(deep(problem.dataset, rows)) for deep in views]
        places = np.arange(len(rows), dtype=np.int64)
        answers = [outputs(learner, features, places, normalization=None) for features in seen]
        mean: NDArray[np.float32] = np.stack(answers).mean(axis=0, dtype=np.float32)
        return mean
    if tta > 1 and source.features:
        learner = _on_trunk(learner, source.features, recipe)
        source = open_images(recipe, problem, listener=silent)
    return outputs(learner, source.inputs, rows, normalization=source.normalization, tta=tta)


def _write_summary(carried: Carried, outcome: FitOutcome, *, seconds: float) -> None:
    summary = RunSummary(
        run=carried.folder.name,
        metric=carried.problem.metric,
        epochs=outcome.epochs,
        steps=outcome.steps,
        best_epoch=outcome.best_epoch,
        seconds=seconds,
        samples_per_second=outcome.samples_per_second,
        stopped_by=outcome.stopped_by,
        numerics=outcome.numerics,
        schema=carried.problem.schema,
        features=carried.source.features,
        waiting=outcome.waiting,
        waited_s=outcome.waited_s,
        own=own_sources(carried.recipe),
        kept=outcome.kept,
        made_of=conditions(carried.recipe, carried.problem),
    )
    write_summary(carried.folder, summary, carried.source.preprocessing)
