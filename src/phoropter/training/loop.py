"""The training loop: one for every task, model and number of optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from phoropter.core.checksums import check_unchanged, checksums, read_record, write_record
from phoropter.core.errors import CorruptFileError
from phoropter.core.events import Note
from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.run_records import KeptPass
from phoropter.training.checkpoint import BEST, drop_state, load_state, read_weights, write_kept
from phoropter.training.choices import choices
from phoropter.training.compiling import compile_for, nothing_more_compiled
from phoropter.training.direct import make_stepper
from phoropter.training.dynamics import FILE as DYNAMICS
from phoropter.training.feed import ALONE, Feed
from phoropter.training.history import HISTORY, keep_timing, read_history, write_history
from phoropter.training.interruption import interruptible
from phoropter.training.optimizers import make_optimizers
from phoropter.training.records import FitOutcome, TrainingData, Watch
from phoropter.training.rehearsal import memory_format, own_randomness, threads_kept
from phoropter.training.run import Parts, Run, identity, terms
from phoropter.training.signals import FILE as SIGNALS
from phoropter.training.signals import write_signals
from phoropter.training.summary import UNFINISHED
from phoropter.training.team import Team
from phoropter.training.unfreezing import unfreezing

OUTCOME = "outcome.json"


def fit(
    objective: Objective,
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    *,
    folder: Path,
    watch: Watch,
    team: Team = ALONE,
) -> FitOutcome:
    """Trains the network until the recipe, patience, the deadline or a divergence ends it.

    Afterwards the network holds the weights of the pass with the lowest validation loss, the
    start included. A run that was killed goes on from its last checkpoint and ends with the same
    bits, on a CPU, as one that was not; so does one that was cut by a deadline, when it is called
    again. A finished one is read, not repeated.

    Args:
        objective: What is descended; refers to the network.
        network: Holds every parameter that the objective trains.
        data: The samples.
        recipe: `seed` and `train` matter here.
        folder: The run's own folder.
        watch: Listener, deadline and clock.
        team: The processes that train it together; only the lead reads and writes the folder.

    Raises:
        InterruptedRunError: If the user stopped it; everything so far is kept.
        StorageError: If the folder cannot be written.
    """
    kept: FitOutcome | None = team.told(
        _finished(network, data, recipe, folder) if team.lead else None
    )
    if kept is not None:
        return kept
    with interruptible() as stop, own_randomness(recipe.seed, "training"), threads_kept():
        run = _opened(objective, network, data, recipe, folder=folder, watch=watch, team=team)
        with nothing_more_compiled(run.parts.numerics):
            _begin(run)
            while run.stopped_by is None:
                with closing(run.parts.feed.steps(run.epoch, start=run.position)) as steps:
                    for batches in steps:
                        run.take_step(batches)
                        run.look_up(asked_to_stop=stop.requested)
                        if run.stopped_by is not None:
                            break
                run.end_pass()
        return _closed(run)


def _opened(
    objective: Objective,
    network: nn.Module,
    data: TrainingData,
    recipe: Recipe,
    *,
    folder: Path,
    watch: Watch,
    team: Team,
) -> Run:
    """The run with everything it needs, before its first step."""
    accelerator = Accelerator()
    device = accelerator.device
    network.to(device).train()
    if team.size > 1:
        network.load_state_dict(team.told(network.state_dict()))
    chosen = (
        choices(objective, network, data, recipe, folder=folder, accelerator=accelerator, team=team)
        if team.lead
        else None
    )
    plan, numerics = team.told(chosen)
    torch.set_num_threads(numerics.threads)
    network.to(memory_format=memory_format(numerics))
    feed = Feed(data, plan, seed=recipe.seed, device=device, numerics=numerics, team=team)
    if numerics.compiled:
        with closing(feed.steps(1)) as steps:
            compile_for(objective, network, next(steps)[0], numerics=numerics)
    optimizers = make_optimizers(objective, recipe.train, network=network)
    step = make_stepper(
        objective,
        optimizers,
        accelerator=accelerator,
        numerics=numerics,
        clip=recipe.train.clip,
        team=team,
    )
    return Run(
        Parts(
            objective,
            network,
            data,
            recipe,
            plan,
            numerics,
            feed,
            step,
            optimizers,
            unfreezing(network, recipe, plan),
            folder,
            watch,
            team,
        )
    )


def _begin(run: Run) -> None:
    """Brings the run to its start, or to where its checkpoint left it."""
    watch, folder = run.parts.watch, run.parts.folder
    team = run.parts.team
    state = team.told(load_state(folder, listener=watch.listener) if team.lead else None)
    if state is not None and state["terms"] == terms(run.parts):
        run.load_state_dict(state)
        watch.listener(Note(f"Going on after step {run.taken} of {run.parts.plan.total_steps}."))
    else:
        if team.lead:
            write_history(folder, [])
            keep_timing(folder, [])
        run.measure_start()


def _closed(run: Run) -> FitOutcome:
    """Restores the best weights and writes what a finished run leaves."""
    parts = run.parts
    run.report(final=True)
    parts.unfreezing.release()
    run.best.restore(parts.network)
    parts.network.to(memory_format=torch.contiguous_format).eval()
    outcome = FitOutcome(
        history=tuple(run.history),
        epochs=run.history[-1].epoch,
        steps=run.taken,
        best_epoch=run.best.epoch,
        seconds=run.seconds,
        samples_per_second=run.samples / run.training_s if run.training_s > 0 else 0.0,
        stopped_by=str(run.stopped_by),
        numerics={
            "name": parts.numerics.name,
            "processes": parts.team.size,
            "batch_size": parts.plan.batch_size,
            **asdict(parts.numerics),
        },
        waiting=run.waited_s / run.training_s if run.training_s > 0 else 0.0,
        waited_s=run.waited_s,
    )
    if not parts.team.lead:
        return outcome
    run.write_history()
    write_history(parts.folder, outcome.history)
    write_signals(parts.folder, run.signals.rows)
    run.dynamics.write(parts.folder, parts.data.train_eval_rows)
    outcome = replace(outcome, kept=write_kept(parts.folder, run.best.kept))
    record = {name: value for name, value in asdict(outcome).items() if name != "history"}
    sums = checksums(parts.folder, _files(outcome.kept))
    own = identity(parts.recipe, parts.data)
    write_record(parts.folder / OUTCOME, {"identity": own, "files": sums, **record})
    if outcome.stopped_by not in UNFINISHED:
        drop_state(parts.folder)
    return outcome


def _finished(
    network: nn.Module, data: TrainingData, recipe: Recipe, folder: Path
) -> FitOutcome | None:
    """The outcome of a run that has already ended in this folder, its weights given back."""
    if not (folder / OUTCOME).exists():
        return None
    try:
        record = read_record(folder / OUTCOME)
        same = record.pop("identity") == identity(recipe, data)
        if not same or record["stopped_by"] in UNFINISHED:
            return None
        kept = tuple(KeptPass(**values) for values in record.pop("kept"))
        check_unchanged(folder, record.pop("files"), _files(kept), hint="")
        history = read_history(folder)
        weights = read_weights(folder)
    except (CorruptFileError, KeyError, TypeError):
        return None  # trained again: the bits come out the same
    network.load_state_dict(weights)
    network.eval()
    drop_state(folder)  # it may have been killed before it came to that
    return FitOutcome(history=history, kept=kept, **record)


def _files(kept: Sequence[KeptPass]) -> list[str]:
    """What the loop leaves besides its record."""
    return [HISTORY, SIGNALS, DYNAMICS, BEST, *(one.weights for one in kept[1:])]
