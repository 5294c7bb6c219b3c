"""A callback that watches the Hugging Face `Trainer`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from phoropter.core.errors import UsageError
from phoropter.training.ears import Ear
from phoropter.watching.answers import Answers
from phoropter.watching.hearing import deafness
from phoropter.watching.outcomes import class_names
from phoropter.watching.recording import Recording, watch

try:
    from transformers import TrainerCallback
except ImportError:
    TrainerCallback = None
_Base: Any = TrainerCallback or object


class PhoropterCallback(_Base):  # type: ignore[misc]  # of a package that users bring
    """Records a training into a folder that `phoropter diagnose` reads.

    The loss of a step is what the model returns beside its logits. A validation ends a pass, or the
    Trainer's epoch where nothing is evaluated; its logits are kept where there is one row a label.

    Args:
        folder: Where the records go.
        classes: Names or number of the classes, where the loss is a cross-entropy.
        metric: Name of the validation metric, as `compute_metrics` has it.

    Raises:
        UsageError: If transformers is not installed.
    """

    def __init__(
        self,
        folder: str | Path = "watched",
        *,
        classes: int | Sequence[str] | None = None,
        metric: str | None = None,
    ) -> None:
        if TrainerCallback is None:
            raise UsageError(
                "Watching the Hugging Face Trainer needs the package 'transformers', which is not "
                "installed.",
                hint="Install it with: pip install 'transformers[torch]'",
            )
        self._folder, self._classes, self._metric = folder, classes, metric
        self._count = len(class_names(classes))
        self._recording: Recording | None = None
        self._handle: RemovableHandle | None = None
        self._losses: list[Tensor] = []
        self._answers = Answers()
        self._shares = False

    @override
    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Hooks are placed once the optimiser exists; what an interrupted training left goes."""
        self._close()
        if not state.is_world_process_zero:
            return
        model, optimizer = others["model"], others["optimizer"]
        while not type(optimizer).__module__.startswith("torch") and isinstance(
            getattr(optimizer, "optimizer", None), Optimizer
        ):
            optimizer = optimizer.optimizer  # accelerate's wrapper has no hooks of its own
        if why := _spread(args) or deafness([optimizer]):
            warnings.warn(f"phoropter records nothing: {why}", stacklevel=2)
            return
        self._recording = watch(
            model,
            optimizer,
            folder=self._folder,
            classes=self._classes,
            metric=self._metric,
        )
        self._handle = model.register_forward_hook(Ear(self._on_forward), with_kwargs=True)

    @override
    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """The weights were updated."""
        if self._recording is not None:
            shared = self._shares and self._losses
            losses = [torch.stack(self._losses).sum()] if shared else self._losses
            for loss in losses:
                self._recording.step(loss)
        self._losses = []

    @override
    def on_evaluate(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """The validation part was measured."""
        metrics: Mapping[str, float] = others["metrics"]
        if self._recording is not None:
            self._answers.end_pass(
                self._recording,
                val_loss=metrics.get("eval_loss"),
                val_metric=metrics.get(f"eval_{self._metric}"),
            )

    @override
    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """A pass is over; where one is evaluated, the evaluation that follows tells it."""
        if self._recording is not None and args.eval_strategy == "no":
            self._recording.epoch()

    @override
    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Nothing more is to come."""
        self._close()

    def _close(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self._losses, self._answers = [], Answers()

    def _on_forward(self, _model: Any, _inputs: Any, named: Any, outputs: Any) -> None:
        if not isinstance(outputs, Mapping):
            return
        if not torch.is_grad_enabled():
            self._on_answer(outputs.get("logits"), named.get("labels"))
        loss = outputs.get("loss")
        if isinstance(loss, Tensor) and loss.requires_grad:
            # Told how many items a step has, a model divides by them: the losses are its shares.
            self._shares = named.get("num_items_in_batch") is not None
            self._losses.append(loss.detach().float())

    def _on_answer(self, logits: Any, labels: Any) -> None:
        """Keeps answers of an evaluation, where they are surely those of a class or value a row."""
        if not (isinstance(logits, Tensor) and isinstance(labels, Tensor)):
            return
        if logits.ndim != 2 or labels.shape != logits.shape[:1]:
            return
        columns = logits.shape[1]
        if labels.is_floating_point():
            fits = columns == 1
        else:
            fits = columns > 1 and self._count in {0, columns} and int(labels.max()) < columns
        if fits:
            self._answers.add(logits, labels)


def _spread(args: Any) -> str:
    """Why no single device holds what the model says, as a sentence; empty if one does."""
    if args.n_gpu <= 1:
        return ""
    return (
        f"one process trains copies of the model on {args.n_gpu} GPUs; start it with torchrun, one "
        "process a GPU."
    )
