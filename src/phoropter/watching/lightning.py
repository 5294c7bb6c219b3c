"""A callback that watches a Lightning `Trainer`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from typing_extensions import override

from phoropter.core.errors import UsageError
from phoropter.watching.answers import Answers
from phoropter.watching.hearing import deafness
from phoropter.watching.recording import Recording, watch

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        Callback = None
_Base: Any = Callback or object


class PhoropterCallback(_Base):  # type: ignore[misc]  # of a package that users bring
    """Records a fit into a folder that `phoropter diagnose` reads.

    The loss of a step is what `training_step` returns. Validation numbers are those that the module
    logs under `val_loss` and the name of the metric (`val_accuracy`, `accuracy`); if
    `validation_step` returns a dictionary with `predictions` and `targets`, these are kept too.

    Args:
        folder: Where the records go.
        classes: Names or number of the classes, where the loss is a cross-entropy.
        metric: Name of the validation metric as logged; by default the first `val_` one that is no
            loss.

    Raises:
        UsageError: If Lightning is not installed.
    """

    def __init__(
        self,
        folder: str | Path = "watched",
        *,
        classes: int | Sequence[str] | None = None,
        metric: str | None = None,
    ) -> None:
        if Callback is None:
            raise UsageError(
                "Watching Lightning needs the package 'lightning', which is not installed.",
                hint="Install it with: pip install lightning",
            )
        super().__init__()
        self._folder, self._classes, self._metric = folder, classes, metric
        self._recording: Recording | None = None
        self._logged = metric
        self._answers = Answers()
        self._validated = False

    @override
    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Hooks are placed once the optimisers exist."""
        self._validated, self._logged, self._answers = False, self._metric, Answers()
        if not trainer.is_global_zero:
            return
        if why := deafness(trainer.optimizers):
            warnings.warn(f"phoropter records nothing: {why}", stacklevel=2)
            return
        self._recording = watch(
            pl_module,
            trainer.optimizers,
            folder=self._folder,
            classes=self._classes,
            metric=None if self._metric is None else metric_name(self._metric),
        )

    @override
    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Lightning calls `training_step`, so that the module itself is not heard."""
        self._begin(batch)

    @override
    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Of several validations in a pass the last one counts."""
        self._answers.clear()

    @override
    def on_validation_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Likewise."""
        self._begin(batch)

    @override
    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, *where: Any, **named: Any
    ) -> None:
        """What was answered, if the module says so."""
        told = isinstance(outputs, Mapping) and {"predictions", "targets"} <= outputs.keys()
        if self._recording is not None and told:
            self._answers.add(outputs["predictions"], outputs["targets"])

    @override
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """There are new numbers; where no pass is validated Lightning still has the old ones."""
        self._validated = not trainer.sanity_checking

    @override
    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The loss of the batch, if the module returned one."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if self._recording is not None and isinstance(loss, Tensor) and loss.numel() == 1:
            # Lightning divides the loss by the batches that are added up to one step.
            self._recording.step(loss.detach() * trainer.accumulate_grad_batches)

    @override
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """The pass is over, and its validation too."""
        if self._recording is not None:
            logged = trainer.callback_metrics if self._validated else {}
            numbers = {name: float(value) for name, value in logged.items()}
            self._answers.end_pass(
                self._recording,
                val_loss=numbers.get("val_loss"),
                val_metric=self._metric_of(numbers),
            )
            self._validated = False

    @override
    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Nothing more is to come."""
        self._close()

    @override
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """What was recorded stays."""
        self._close()

    def _begin(self, batch: Any) -> None:
        if self._recording is not None:
            self._recording.batch(parts_of(batch))

    def _close(self) -> None:
        if self._recording is not None:
            self._recording.close()
            self._recording = None

    def _metric_of(self, logged: Mapping[str, float]) -> float | None:
        name = self._logged
        if name is None:
            name = next((n for n in logged if n.startswith("val_") and "loss" not in n), None)
            if name is None or self._recording is None:
                return None
            self._logged, self._recording.metric = name, metric_name(name)
        return logged.get(name, logged.get(f"val_{name}"))


def parts_of(batch: Any) -> Iterable[Any]:
    """What a batch consists of; nothing where it is of a kind that is not known.

    >>> list(parts_of({"x": 1, "y": 2})), list(parts_of([1, 2])), list(parts_of(object()))
    ([1, 2], [1, 2], [])
    """
    if isinstance(batch, Mapping):
        return batch.values()
    if isinstance(batch, Tensor):
        return (batch,)
    if isinstance(batch, list | tuple):
        return batch
    if is_dataclass(batch):
        return [getattr(batch, field.name, None) for field in fields(batch)]
    return ()


def metric_name(logged: str) -> str:
    """What a number measures, by the name under which it is logged.

    >>> metric_name("val_mae"), metric_name("val_acc"), metric_name("accuracy")
    ('mae', 'accuracy', 'accuracy')
    """
    name = logged.removeprefix("val_").partition("/dataloader_idx_")[0]
    return "accuracy" if name == "acc" else name
