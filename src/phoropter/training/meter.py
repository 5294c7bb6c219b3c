"""Losses and gradient norms of one pass, read from the device as rarely as possible."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor


class Meter:
    """Collects scalars as tensors, and turns them into numbers a few at a time.

    Every reading of a GPU's number waits for the GPU, so it is done in bundles.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Starts a new pass."""
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._waiting: list[Tensor] = []
        self._waiting_norms: list[Tensor] = []

    def add(self, loss: Tensor, norms: Tensor | None) -> None:
        """Takes the loss of one step, and the gradient norms of its parameters if measured."""
        self._waiting.append(loss)
        if norms is not None:
            self._waiting_norms.append(norms)

    @property
    def losses(self) -> Sequence[float]:
        """Losses of the pass so far, one a step; waits for the device."""
        if self._waiting:
            self._losses += torch.stack(self._waiting).tolist()
            self._waiting = []
        return self._losses

    def all_finite(self) -> bool:
        """Whether every loss so far is a finite number."""
        return math.isfinite(sum(self.losses))

    def mean(self, weights: Sequence[int]) -> float:
        """Mean loss, each step weighing as many samples as it had."""
        total = (
            math.fsum(loss * weight for loss, weight in zip(self.losses, weights, strict=True))
            if self.all_finite()
            else sum(self.losses)
        )
        return total / sum(weights)

    def worst(self) -> float:
        """The largest loss; not finite if any is not."""
        losses = self.losses
        return next((loss for loss in losses if not math.isfinite(loss)), max(losses))

    def median_norm(self) -> float | None:
        """Median of the gradient norms; None if none was measured."""
        if self._waiting_norms:
            each = torch.stack(self._waiting_norms)
            self._norms += torch.linalg.vector_norm(each, dim=1).tolist()
            self._waiting_norms = []
        return median(self._norms) if self._norms else None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        self.median_norm()
        return {"losses": list(self.losses), "norms": list(self._norms)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse of `state_dict`."""
        self._losses, self._norms = list(state["losses"]), list(state["norms"])
        self._waiting, self._waiting_norms = [], []
