"""The state of a run while it is trained, and what is done with it between the steps."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim import Optimizer

from phoropter.core.errors import InterruptedRunError
from phoropter.core.events import PassMeasured, Progress
from phoropter.core.protocols import Objective
from phoropter.core.recipe import Recipe
from phoropter.core.run_records import Epoch
from phoropter.training.callbacks.average import WeightAverage
from phoropter.training.callbacks.best import BestWeights
from phoropter.training.callbacks.patience import Patience
from phoropter.training.callbacks.plateau import Plateau
from phoropter.training.checkpoint import save_state
from phoropter.training.direct import DirectStepper
from phoropter.training.dynamics import Dynamics
from phoropter.training.evaluation import Evaluation
from phoropter.training.feed import Batch, Feed
from phoropter.training.history import (
    Spent,
    append_history,
    epoch_from,
    epoch_values,
    keep_timing,
    write_history,
)
from phoropter.training.judge import Judge
from phoropter.training.meter import Meter
from phoropter.training.numerics import Numerics
from phoropter.training.optimizers import set_lr
from phoropter.training.plan import Plan
from phoropter.training.records import TrainingData, Watch
from phoropter.training.rehearsal import reseed
from phoropter.training.schedules import lr_factor
from phoropter.training.signals import Signals, is_sampled
from phoropter.training.step import Stepper
from phoropter.training.team import Team
from phoropter.training.unfreezing import Unfreezing

NORM_EVERY = 4  # steps between measured gradient norms; reading all weights costs a few per cent
NORMS_PER_PASS = 8  # where a pass has many steps, those between are more
CHECK_EVERY = 32  # steps between checks for divergence; each one waits for the device
REPORT_EVERY_S = 0.25
WRITE_EVERY_S = 0.5  # rows of the history; a kill loses none, for checkpoints hold them too
SAVE_EVERY_S = 20.0
SAVING_SHARE = 1 / 100  # of the time that checkpoints may take


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a run is made of; none of it changes identity while it lasts."""

    objective: Objective
    network: nn.Module
    data: TrainingData
    recipe: Recipe
    plan: Plan
    numerics: Numerics
    feed: Feed
    step: Stepper | DirectStepper
    optimizers: Mapping[str, Optimizer]
    unfreezing: Unfreezing
    folder: Path
    watch: Watch
    team: Team


class Companion(Protocol):
    """Something with a state that outlives a kill."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        ...

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """The reverse of `state_dict`."""
        ...


class Run:
    """A run between its first and its last step.

    Attributes:
        epoch: The pass under way, from 1.
        position: Optimiser steps made in it.
        taken: Optimiser steps made in all.
        stopped_by: Why no further step is made, or None.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.epoch, self.position, self.taken = 1, 0, 0
        self.stopped_by: str | None = None
        self.history: list[Epoch] = []
        self.meter = Meter()
        self.best = BestWeights(parts.watch.keep)
        train = parts.recipe.train
        self.patience = Patience(train.patience, min_delta=train.min_delta)
        self.plateau = Plateau(train.decay_patience, decay=train.decay, min_delta=train.min_delta)
        self.average = WeightAverage(parts.network, decay=train.ema) if train.ema else None
        self.judge = Judge(
            parts.objective,
            parts.network,
            parts.data,
            feed=parts.feed,
            numerics=parts.numerics,
            average=self.average,
            team=parts.team,
        )
        plan = parts.plan
        self.signals = Signals(
            parts.network,
            parts.step.parameters,
            epochs=plan.epochs,
            steps_per_epoch=plan.steps_per_epoch,
        )
        self._norm_every = max(NORM_EVERY, plan.steps_per_epoch // NORMS_PER_PASS)
        self.dynamics = Dynamics()
        self.companions: dict[str, Companion] = {
            "meter": self.meter,
            "best": self.best,
            "patience": self.patience,
            "plateau": self.plateau,
            "signals": self.signals,
            "dynamics": self.dynamics,
        }
        if self.average is not None:
            self.companions["average"] = self.average
        self._unwritten: list[tuple[Epoch, Spent]] = []
        self.lr = 0.0
        self.samples = 0
        self.training_s = self.waited_s = 0.0
        self._seconds_before = 0.0
        self._started = self._now = self._reported = self._saved = parts.watch.clock()
        self._written = -math.inf
        self._saving_s = 0.0

    @property
    def seconds(self) -> float:
        """Wall time so far, of all sessions."""
        return self._seconds_before + self.parts.watch.clock() - self._started

    def take_step(self, batches: list[Batch]) -> None:
        """Updates the weights by one step, and notes what it showed."""
        parts = self.parts
        train = parts.recipe.train
        self.lr = train.lr * lr_factor(self.taken, parts.plan.total_steps, train)
        if train.schedule == "plateau":
            self.lr *= self.plateau.factor
        set_lr(parts.optimizers, self.lr)
        if parts.unfreezing.apply(self.taken):
            self.signals.forget_gradient()
        if parts.team.size > 1:
            # Each process needs draws of its own, and a resumed one the same as before.
            reseed(parts.recipe.seed, "training", self.taken, parts.team.rank)
        self.waited_s += parts.watch.clock() - self._now
        self.signals.before_step(self.epoch, self.position)
        wanted = self.position % self._norm_every == 0
        wanted = wanted or self.signals.wanted(self.epoch, self.position)
        loss, norms = parts.step(batches, measure_norms=wanted)
        self.signals.after_step(self.epoch, self.position, norms)
        parts.team.level_statistics(parts.network)
        self.meter.add(loss, norms)
        if self.average is not None:
            self.average.update(parts.network)
        self.samples += sum(batch.whole for batch in batches)
        self.position += 1
        self.taken += 1
        now = parts.watch.clock()
        self.training_s += now - self._now
        self._now = now

    def look_up(self, *, asked_to_stop: bool) -> None:
        """Between two steps: is there a reason to stop, to tell, to save?

        Raises:
            InterruptedRunError: If the user asked one of the processes to stop.
        """
        late, interrupted = self.parts.team.any(self._out_of_time(), asked_to_stop)
        if self.position % CHECK_EVERY == 0 and not self.meter.all_finite():
            self.stopped_by = "diverged"
        elif late:
            self.stopped_by = "budget"
            self.save()  # before the pass is cut short: with more time, it is continued instead
        if self._now - self._reported >= REPORT_EVERY_S:
            self.report()
        if self._now - self._saved >= max(SAVE_EVERY_S, self._saving_s / SAVING_SHARE):
            self.save()
        if interrupted:
            self._interrupt()
        now = self.parts.watch.clock()  # the losses that were waited for above are no data
        self.training_s += now - self._now
        self._now = now

    def measure_start(self) -> None:
        """Row 0 of the history: what the network knows before the first step."""
        train, val = self.judge(self.parts.watch.clock)
        self._now = self.parts.watch.clock()
        self.dynamics.add(0, train.losses, train.outputs)
        self._note(_row(self, 0, train=train, val=val), val)
        if self.parts.team.any(self._out_of_time())[0]:
            self.stopped_by = "budget"
            self.save()

    def end_pass(self) -> None:
        """Measures the network after a pass, whole or cut short, and decides how to go on."""
        parts = self.parts
        train = val = None
        sampled = is_sampled(self.epoch, epochs=parts.plan.epochs)
        if self.meter.all_finite():
            train, val = self.judge(parts.watch.clock, watch_activity=sampled)
            self._now = parts.watch.clock()
        self.signals.end_pass(self.epoch, self.judge.activity.inactive)
        if val is None or not math.isfinite(val.loss):
            self.stopped_by = "diverged"
            self._record(_row(self, self.epoch, train=None, val=None))
            return
        if sampled and train is not None:
            self.dynamics.add(self.epoch, train.losses, train.outputs)
        exhausted = self._note(_row(self, self.epoch, train=train, val=val), val)
        complete = self.position == parts.plan.steps_per_epoch
        if complete and self.epoch == parts.plan.epochs:
            self.stopped_by = "finished"
        elif exhausted and self.stopped_by is None:
            self.stopped_by = "patience"
        if self.stopped_by is None:
            self.epoch, self.position = self.epoch + 1, 0
            self.meter.clear()
            asked = parts.watch.losing
            losing = parts.team.any(asked is not None and asked(self.history))[0]
            if losing or self._now - self._saved >= self._saving_s / SAVING_SHARE:
                self.save()
            if losing:
                self.stopped_by = "losing"

    def _interrupt(self) -> None:
        """Keeps everything and ends the process's work on the run."""
        self.save()
        raise InterruptedRunError(
            f"Training was stopped in pass {self.epoch} of {self.parts.plan.epochs}, "
            f"after {self.taken} steps; everything so far is kept.",
            hint="Run the same command again to go on from here.",
        )

    def save(self) -> None:
        """Writes a checkpoint, where this process is the one that writes."""
        started = self.parts.watch.clock()
        if self.parts.team.lead:
            self.write_history()
            save_state(self.parts.folder, self.state_dict())
        self._now = self._saved = self.parts.watch.clock()
        self._saving_s = self._saved - started

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run must know, as tensors and plain values."""
        parts = self.parts
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {
            "terms": terms(parts),
            "place": [self.epoch, self.position, self.taken],
            "lr": self.lr,
            "spent": [self.samples, self.training_s, self.waited_s, self.seconds],
            "history": [epoch_values(row) for row in self.history],
            "network": parts.network.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in parts.optimizers.items()},
            "companions": {name: one.state_dict() for name, one in self.companions.items()},
            "randomness": [torch.get_rng_state(), *cuda],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`; also brings the files of the history into line."""
        parts = self.parts
        self.epoch, self.position, self.taken = state["place"]
        self.lr = state["lr"]
        if self.taken:
            parts.unfreezing.apply(self.taken - 1)  # what the next step releases is new to it alone
        self.samples, self.training_s, self.waited_s, self._seconds_before = state["spent"]
        self.history = [epoch_from(row) for row in state["history"]]
        parts.network.load_state_dict(state["network"])
        for name, optimizer in parts.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, companion in self.companions.items():
            companion.load_state_dict(state["companions"][name])
        own, *cuda = state["randomness"]
        torch.set_rng_state(own)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if parts.team.lead:
            write_history(parts.folder, self.history)
            keep_timing(parts.folder, self.history)
        self._now = parts.watch.clock()  # reading the checkpoint was neither training nor waiting

    def report(self, *, final: bool = False) -> None:
        """Tells the listener how far the run has come."""
        plan = self.parts.plan
        losses = self.meter.losses[-CHECK_EVERY:]
        detail = f"pass {self.epoch} of {plan.epochs}"
        if losses:
            detail += f", loss {sum(losses) / len(losses):.4g}"
        total = (self.taken if final else 0) or plan.total_steps
        self.parts.watch.listener(Progress("training", self.taken, total, detail))
        self._reported = self._now

    def _out_of_time(self) -> bool:
        """Whether only the last evaluation still fits before the deadline, or no step is left."""
        steps = self.parts.watch.steps
        if steps is not None and self.taken >= steps:
            return True
        deadline = self.parts.watch.deadline  # known to the lead alone
        closing = 1.2 * self.judge.seconds + self._saving_s
        return deadline is not None and self._now + closing >= deadline

    def _note(self, row: Epoch, val: Evaluation) -> bool:
        """Records a measured pass; whether the patience is at its end."""
        with self.judge.judged_weights():
            self.best.offer(self.parts.network, loss=val.loss, epoch=row.epoch)
        self._record(row)
        if not self.parts.unfreezing.complete(self.taken):
            return False  # that a part of the network has learnt all it can is no reason to stop
        self.plateau.factor_after(val.loss)
        return self.patience.exhausted_after(val.loss)

    def _record(self, row: Epoch) -> None:
        self.history.append(row)
        spent = Spent(round(self.seconds, 4), round(self.waited_s, 4))
        self._unwritten.append((row, spent))
        if self._now - self._written >= WRITE_EVERY_S or self.stopped_by is not None:
            self.write_history()
        self.parts.watch.listener(PassMeasured(self.parts.folder.name, row))

    def write_history(self) -> None:
        """Writes the rows that have not been written yet."""
        if self.parts.team.lead:
            append_history(self.parts.folder, self._unwritten)
        self._unwritten.clear()
        self._written = self._now


def _row(run: Run, number: int, *, train: Evaluation | None, val: Evaluation | None) -> Epoch:
    samples = [run.parts.plan.samples_in(position) for position in range(run.position)]
    return Epoch(
        epoch=number,
        step=run.taken,
        lr=run.lr,
        running_loss=run.meter.mean(samples) if samples else None,
        train_loss=train.loss if train else None,
        val_loss=val.loss if val else None,
        train_metric=train.metric if train else None,
        val_metric=val.metric if val else None,
        grad_norm=run.meter.median_norm(),
        worst_loss=run.meter.worst() if samples else None,
    )


def identity(recipe: Recipe, data: TrainingData) -> str:
    """What recipe and samples must be for a run to be the same."""
    rows = b"".join(part.tobytes() for part in (data.train_rows, data.val_rows))
    return f"{recipe.trained_as.digest}-{hashlib.sha256(rows).hexdigest()[:16]}"


def terms(parts: Parts) -> dict[str, Any]:
    """What must be equal for a checkpoint to be continued with the same bits."""
    numerics = parts.numerics
    return {
        "identity": identity(parts.recipe, parts.data),
        "numerics": [
            numerics.autocast,
            numerics.channels_last,
            numerics.threads,
            numerics.compiled,
        ],
        "batch_size": parts.plan.batch_size,
    }
