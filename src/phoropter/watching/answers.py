"""What a network answers in a validation, as callbacks of others' trainers collect it."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from phoropter.core.errors import UsageError
from phoropter.watching.recording import Recording


class Answers:
    """Predictions and targets of the batches of a validation.

    A training that runs well must not end because of them: what is neither of classes nor of values
    is told once, and nothing of its kind is kept any more.
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._wanted = True

    def add(self, predictions: Any, targets: Any) -> None:
        """Keeps those of a batch: logits, probabilities or values, one row a sample, and truth."""
        if not self._wanted:
            return
        why = _unfit(predictions, targets) or self._unlike(predictions, targets)
        if why:
            self._refuse(why)
        else:
            self._pairs.append((predictions.detach().cpu(), targets.detach().cpu()))

    def clear(self) -> None:
        """Another validation begins."""
        self._pairs = []

    def end_pass(self, recording: Recording, **numbers: float | None) -> None:
        """Ends a pass of the recording with its numbers, and with the answers if there are any."""
        if self._pairs:
            predictions, targets = map(torch.cat, zip(*self._pairs, strict=True))
            self.clear()
            try:
                _refuse_several_labels(predictions, targets)
                recording.epoch(**numbers, predictions=predictions, targets=targets)
            except UsageError as error:
                self._refuse(str(error))
            else:
                return
        recording.epoch(**numbers)

    def _unlike(self, predictions: Tensor, targets: Tensor) -> str:
        if not self._pairs:
            return ""
        known = [part.shape[1:] for part in self._pairs[0]]
        new = [part.shape[1:] for part in (predictions, targets)]
        return "" if known == new else "batches have different numbers of columns."

    def _refuse(self, why: str) -> None:
        self._wanted, self._pairs = False, []
        warnings.warn(f"phoropter keeps no predictions from here on: {why}", stacklevel=4)


def _unfit(predictions: Any, targets: Any) -> str:
    """Why a batch's answers can be no table of one row a sample; empty if they can."""
    if not (isinstance(predictions, Tensor) and isinstance(targets, Tensor)):
        return "predictions and targets are no tensors."
    if not (predictions.layout == targets.layout == torch.strided):
        return "predictions or targets are sparse."
    if not (1 <= predictions.ndim <= 2 and 1 <= targets.ndim <= 2):
        return f"the shapes {tuple(predictions.shape)} and {tuple(targets.shape)} are no tables."
    if not (predictions.numel() and targets.numel()):
        return "predictions or targets are empty."
    if len(predictions) != len(targets):
        return f"predictions are for {len(predictions)} samples, targets for {len(targets)}."
    return ""


def _refuse_several_labels(predictions: Tensor, targets: Tensor) -> None:
    """Raises where logits stand beside marks: as values they would be judged by how far they miss.

    Marks are 0 and 1, and not one of each row; of values that are learnt few are far beyond both.
    """
    if targets.ndim < 2 or not targets.is_floating_point():
        return
    marks = bool(torch.isin(targets, targets.new_tensor([0.0, 1.0])).all())
    one_hot = bool((targets.sum(dim=1) == 1).all())
    if marks and not one_hot and bool(((predictions < -1) | (predictions > 2)).any()):
        raise UsageError("targets are marks of several labels a sample, predictions their logits.")
