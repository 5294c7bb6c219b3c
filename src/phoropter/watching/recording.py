"""`phoropter.watch`: a training loop of others is recorded, step by step, and not changed.

Everything is heard through hooks: of the optimiser (learning rate, gradients, lengths of steps), of
the network (modes, waiting, batch size; on sampled steps the activations) and of one parameter
(whether gradients were cleared). No random number is drawn and nothing is written to the network,
so that the loop ends with the same bits as without.
"""

from __future__ import annotations

import atexit
import math
import warnings
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from phoropter.core.errors import StorageError, UsageError
from phoropter.core.predictions import Predictions
from phoropter.core.run_records import Epoch, Gate
from phoropter.training.history import Spent
from phoropter.training.meter import Meter
from phoropter.watching.folder import Facts
from phoropter.watching.hearing import Hearing, deafness
from phoropter.watching.outcomes import as_predictions, class_names, metric_of, schema_of
from phoropter.watching.pace import Order
from phoropter.watching.settings import seen_of
from phoropter.watching.writing import Writing

PARTIAL_EVERY_S = 5.0
INITIAL_TOLERANCE = 0.4  # twice that of the gate before training: this is the loss of one batch
INITIAL_SLACK = 0.2  # nats, likewise
ACCURACY = "accuracy"  # a number that nobody named is taken for it


def watch(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    *,
    folder: str | Path = "watched",
    classes: int | Sequence[str] | None = None,
    metric: str | None = None,
) -> Recording:
    """Begins to record a training loop into a folder that `phoropter diagnose` reads.

    Call it once the network and the optimiser exist; then `step` after each step of the optimiser,
    and `epoch` after each pass. A watched run that is in the folder already is replaced.

    Args:
        model: The network that is trained.
        optimizer: What updates it; several that make one step together as a list.
        folder: Where the records go.
        classes: Names or number of the classes, where the loss is a cross-entropy: it tells where
            the loss should begin.
        metric: What `val_metric` measures ("accuracy", "rmse"); of errors less is better.

    Raises:
        UsageError: If the folder is that of another run, or there is no optimiser of torch.
        StorageError: If the folder cannot be written.
    """
    optimizers: list[Optimizer] = (
        list(optimizer) if isinstance(optimizer, Iterable) else [optimizer]
    )
    if not optimizers:
        raise UsageError("There is no optimizer to watch.", hint="watch(model, optimizer)")
    if why := deafness(optimizers):
        raise UsageError(why, hint="Hand over the torch.optim.Optimizer that makes the steps.")
    return Recording(
        Hearing(model, optimizers),
        optimizers,
        Writing(Path(folder)),
        classes=class_names(classes),
        metric=metric,
    )


class Recording:
    """A loop under watch; made by `watch`.

    Args:
        hearing: The hooks.
        optimizers: Of the loop.
        writing: The folder.
        classes: Names of the classes, or empty.
        metric: Of `val_metric`, or None.

    Attributes:
        metric: The same; it may be told later, and is empty where a number can be no accuracy and
            nobody says what it is.
    """

    def __init__(
        self,
        hearing: Hearing,
        optimizers: Sequence[Optimizer],
        writing: Writing,
        *,
        classes: tuple[str, ...],
        metric: str | None,
    ) -> None:
        self._hearing, self._optimizers, self._writing = hearing, optimizers, writing
        self._classes, self.metric = classes, metric
        self._order, self._meter = Order(), Meter()
        self._predictions: Predictions | None = None
        self._initial: float | None = None
        self._start: dict[str, Any] = {}
        self._history: list[Epoch] = []
        self._samples = self._batches = 0
        self._looked_at = 0.0
        self._open = True
        self._at_exit = _closing(self)
        atexit.register(self._at_exit)
        self._save(ended=False)

    def step(self, loss: Tensor | float) -> None:
        """Takes the loss of a batch; call it after the optimiser's step.

        Where gradients of several batches are added up, call it for each batch with the loss as it
        is before it is divided, or once a step.

        Raises:
            UsageError: If the loss is more than one number.
        """
        value = loss.detach() if isinstance(loss, Tensor) else torch.tensor(float(loss))
        if value.numel() != 1:
            raise UsageError(
                f"The loss has the shape {tuple(value.shape)}.", hint="Hand over its mean."
            )
        self._meter.add(value.reshape(()).float().clone(), self._hearing.take_norms())
        if self._initial is None:
            self._initial = float(value)
        self._batches += 1
        self._hearing.pace.on_step()
        now = self._hearing.pace.seconds
        if now - self._looked_at >= PARTIAL_EVERY_S and self._writing.due:
            self._looked_at = now
            self._save(ended=False)

    def epoch(
        self,
        *,
        val_loss: Any = None,
        val_metric: Any = None,
        train_loss: Any = None,
        train_metric: Any = None,
        predictions: Any = None,
        targets: Any = None,
    ) -> None:
        """Ends a pass, with what is known of it; each number more lets diagnosis say more.

        Where no step was made since the last call, the numbers are added to that pass, or to the
        start.

        Args:
            val_loss: On the validation part, in eval mode.
            val_metric: On the validation part.
            train_loss: On training samples in eval mode; else the mean loss of the steps is taken.
            train_metric: On training samples in eval mode.
            predictions: On the validation part: logits or probabilities (n, k), or values.
            targets: Their truth: numbers of the classes (n,), or values.

        Raises:
            UsageError: If predictions and targets do not belong together.
        """
        told = {
            "val_loss": val_loss,
            "val_metric": val_metric,
            "train_loss": train_loss,
            "train_metric": train_metric,
        }
        numbers = {name: float(value) for name, value in told.items() if value is not None}
        score = numbers.get("val_metric", 0.0)
        if self.metric in {None, ACCURACY} and (score < 0 or score > 1):
            self.metric = ""
        if predictions is not None:
            self._predictions = as_predictions(predictions, targets, self._classes)
            if not self.metric or "val_metric" not in numbers:
                self.metric, numbers["val_metric"] = metric_of(self._predictions, self.metric)
        if numbers:
            self._hearing.on_validation()
        if self._hearing.position:
            self._end_pass(numbers)
        else:
            self._amend(numbers)
        self._hearing.pace.on_validation()
        if self._writing.due:
            self._save(ended=False)

    def batch(self, inputs: Iterable[Any]) -> None:
        """Says that a forward pass begins, where something else than the network is called."""
        self._hearing.on_batch(inputs)

    def close(self) -> None:
        """Ends the recording and takes the hooks away; else the end of the program does it."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self._at_exit)
        if self._hearing.position:
            self._end_pass({})
        self._hearing.close()
        self._save(ended=True)

    def _end_pass(self, numbers: dict[str, Any]) -> None:
        if not self._history:
            start = {"train_loss": self._initial, **self._start}
            self._append(Epoch(0, 0, math.nan, *[None] * 7), start)
        losses = self._meter.losses
        self._order.end_pass(losses, self._level)
        self._samples += self._batches * (self._hearing.batch_size or 0)
        self._append(self._row(), numbers)
        self._hearing.end_pass()
        self._meter.clear()
        self._batches = 0

    def _amend(self, numbers: dict[str, Any]) -> None:
        if not self._history:
            self._start |= numbers
        elif numbers:
            self._history[-1] = replace(self._history[-1], **numbers)
            self._guarded(self._writing.history, self._history)

    def _row(self) -> Epoch:
        losses = self._meter.losses
        mean = self._meter.mean([1] * len(losses)) if losses else None
        return Epoch(
            epoch=self._hearing.epoch,
            step=self._hearing.steps,
            lr=self._hearing.lr,
            running_loss=mean,
            train_loss=mean,
            val_loss=None,
            train_metric=None,
            val_metric=None,
            grad_norm=self._meter.median_norm(),
            worst_loss=self._meter.worst() if losses else None,
        )

    def _append(self, row: Epoch, numbers: dict[str, Any]) -> None:
        row = replace(row, **numbers)
        self._history.append(row)
        pace = self._hearing.pace
        self._guarded(self._writing.add, row, Spent(pace.seconds, pace.waited_s))

    def _save(self, *, ended: bool) -> None:
        gates = [*self._hearing.gates(), *self._initial_gate()]
        order = self._order.gate()
        gates += [order] if order is not None else []
        facts = self._facts(ended=ended)
        self._guarded(self._writing.save, facts, gates, self._hearing.signals, self._predictions)

    def _guarded(self, write: Any, *what: Any) -> None:
        """Writes; a full disk ends the recording, and must not end the training."""
        if self._writing.failed:
            return
        try:
            write(*what)
        except StorageError as error:
            self._writing.failed = True
            warnings.warn(f"The watch records nothing more: {error}", stacklevel=3)

    def _facts(self, *, ended: bool) -> Facts:
        hearing, pace = self._hearing, self._hearing.pace
        working = pace.training_s
        samples = self._samples // max(hearing.epoch - 1, 1)  # of a pass; 0 before the first's end
        return Facts(
            recipe=seen_of(self._optimizers, hearing),
            metric=ACCURACY if self.metric is None else self.metric,
            schema=schema_of(self._predictions, self._classes, samples=samples),
            steps=hearing.steps,
            seconds=pace.seconds,
            samples_per_second=self._samples / working if working > 0 else 0.0,
            waiting=pace.waited_s / working if working > 0 else 0.0,
            waited_s=pace.waited_s,
            ended=ended,
            partial=self._row() if hearing.position else None,
        )

    @property
    def _guessing(self) -> float | None:
        """The cross-entropy of equal odds; None where the classes are not known."""
        count = len(schema_of(self._predictions, self._classes).names)
        return math.log(count) if count > 1 else None

    @property
    def _level(self) -> float:
        """The loss of a constant prediction; 0.0 where nothing tells it."""
        if all(gate.passed for gate in self._initial_gate()):
            return self._guessing or self._initial or 0.0
        return self._initial or 0.0

    def _initial_gate(self) -> list[Gate]:
        """The loss of the first batch against that of guessing, where the classes are known."""
        first, expected = self._initial, self._guessing
        if first is None or expected is None:
            return []
        allowed = INITIAL_TOLERANCE * expected + INITIAL_SLACK
        # Below it is no fault here: the network may have been trained before.
        passed = first - expected <= allowed
        evidence = {"allowed": allowed, "batch_size": self._hearing.batch_size}
        return [Gate("loss-at-init", first, expected, passed, evidence)]


def _closing(recording: Recording) -> Any:
    """What the end of the program calls; it does not keep the recording alive."""
    reference = weakref.ref(recording)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    return close
