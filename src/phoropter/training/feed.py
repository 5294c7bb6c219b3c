"""Batches as the network gets them: on its device, as floats, varied, normalised."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phoropter.core.records import Normalization, Rows
from phoropter.core.seed import derive
from phoropter.data.batches import batches
from phoropter.data.streaming import AHEAD, in_order
from phoropter.training.numerics import Numerics
from phoropter.training.plan import Plan
from phoropter.training.records import Augment, TrainingData
from phoropter.training.team import Team

# Numbers of input an evaluation batch may hold: 170 images of 32 px. Eight times as many took twice
# as long (activations leave the caches) and eight times the memory.
EVALUATION_NUMBERS = 2**19
KEPT_NUMBERS = 2**20  # of input in evaluation batches that are held for the whole run: 4 MiB

ALONE = Team()


class Draws:
    """The randomness that belongs to a batch; most batches need none, so it is made when asked.

    Args:
        seed: The recipe's.
        position: What names the batch.
    """

    __slots__ = ("_generator", "_position", "_seed")

    def __init__(self, seed: int, *position: int) -> None:
        self._seed = seed
        self._position = position
        self._generator: torch.Generator | None = None

    @property
    def generator(self) -> torch.Generator:
        """On the CPU; always the same one."""
        if self._generator is None:
            self._generator = torch.Generator()
            self._generator.manual_seed(derive(self._seed, "batch", *self._position))
        return self._generator


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples on the device, and the randomness that belongs to them.

    Args:
        inputs: Shape (n, ...), float32.
        targets: Whatever the task encodes.
        draws: Augmentation has already drawn from it.
        whole: Samples of the batch in all processes together.
    """

    inputs: Tensor
    targets: Any
    draws: Draws
    whole: int

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def generator(self) -> torch.Generator:
        """Of the draws."""
        return self.draws.generator


class Feed:
    """Serves the samples of a run.

    Args:
        data: The samples.
        plan: Sizes of batches and steps.
        seed: The recipe's; order and augmentation follow from it and the position alone.
        device: Where the network is.
        numerics: Whose memory layout images get.
        team: Of whose batches this process serves its share.
    """

    def __init__(
        self,
        data: TrainingData,
        plan: Plan,
        *,
        seed: int,
        device: torch.device,
        numerics: Numerics,
        team: Team = ALONE,
    ) -> None:
        self._data = data
        self._plan = plan
        self._seed = seed
        self.device = device
        self._numerics = numerics
        self._team = team
        self._kept: dict[int, tuple[Rows, list[tuple[Tensor, Any]]]] = {}

    def steps(self, epoch: int, *, start: int = 0) -> Generator[list[Batch]]:
        """The batches of each optimiser step of a pass, from step `start` on."""
        plan = self._plan
        first = start * plan.accumulate
        order = list(
            islice(
                batches(
                    self._data.train_rows,
                    plan.batch_size,
                    seed=self._seed,
                    epoch=epoch,
                    start=first,
                ),
                max(plan.batches_per_epoch - first, 0),  # the last step may be a shorter one
            )
        )
        shares = map(self._team.share, order)
        with closing(in_order(self._data.inputs, shares, ahead=AHEAD)) as raw:
            remaining = zip(order, raw, count(first), strict=False)
            while step := [
                self._varied(rows, inputs, epoch, index)
                for rows, inputs, index in islice(remaining, plan.accumulate)
            ]:
                yield step

    def training_batch(self, rows: Rows, epoch: int, index: int) -> Batch:
        """This process's share of these rows, varied as the position (epoch, index) decides."""
        return self._varied(rows, self._data.inputs.batch(self._team.share(rows)), epoch, index)

    def evaluation(self, rows: Rows) -> Iterator[tuple[Tensor, Any]]:
        """Inputs and targets of this process's share, in order, in batches that fit memory.

        Those of few numbers are kept, for the same rows are asked for after every pass.
        """
        rows_kept, batches_kept = self._kept.get(id(rows), (None, []))
        if rows_kept is not rows:
            return self._prepared_batches(rows)
        return iter(batches_kept)

    def keep(self, rows: Rows) -> None:
        """Holds the evaluation batches of these rows if they are small."""
        if len(rows) and len(rows) * prod(self._data.inputs.batch(rows[:1]).shape) <= KEPT_NUMBERS:
            self._kept[id(rows)] = (rows, list(self._prepared_batches(rows)))

    def _prepared_batches(self, rows: Rows) -> Iterator[tuple[Tensor, Any]]:
        rows = np.array_split(rows, self._team.size)[self._team.rank]
        size = self._evaluation_batch(rows)
        blocks = [rows[first : first + size] for first in range(0, len(rows), size)]
        with closing(in_order(self._data.inputs, blocks, ahead=AHEAD)) as raw:
            for chosen, inputs in zip(blocks, raw, strict=True):
                yield self._prepared(inputs), self._targets(chosen)

    def _varied(self, rows: Rows, inputs: Tensor, epoch: int, index: int) -> Batch:
        own = (self._team.rank,) if self._team.size > 1 else ()
        draws = Draws(self._seed, epoch, index, *own)
        share = self._team.share(rows)
        if self._data.drawn is not None:
            inputs = self._data.drawn(share, draws.generator)
        return Batch(self._prepared(inputs, draws), self._targets(share), draws, len(rows))

    def _evaluation_batch(self, rows: Rows) -> int:
        if len(rows) <= self._plan.batch_size:
            return max(len(rows), 1)
        numbers = prod(self._data.inputs.batch(rows[:1]).shape)
        return max(self._plan.batch_size, EVALUATION_NUMBERS // max(numbers, 1))

    def _targets(self, rows: Rows) -> Any:
        targets, positions = self._data.targets, torch.from_numpy(rows)
        if isinstance(targets, Tensor):
            return _moved(targets.index_select(0, positions), self.device)  # faster than brackets
        return _moved(targets[positions], self.device)

    def _prepared(self, inputs: Tensor, draws: Draws | None = None) -> Tensor:
        augment = self._data.augment if draws is not None else None
        generator = draws.generator if augment and draws else None
        inputs = inputs.to(self.device, non_blocking=True)
        turned = self._numerics.channels_last and inputs.ndim == 4
        if turned and augment is None:  # bytes are turned in a quarter of the time of floats
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        inputs = prepared(inputs, self._data.normalization, augment, generator)
        return inputs.contiguous(memory_format=torch.channels_last) if turned else inputs


def prepared(
    inputs: Tensor,
    normalization: Normalization | None,
    augment: Augment | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Network inputs from stored ones; float features (n, d) are network inputs already.

    Args:
        inputs: uint8 images (n, c, h, w), or float32 of any shape.
        normalization: Applied to images in [0, 1], last.
        augment: Applied to images in [0, 1]; needs the generator.
        generator: What augmentation draws from.
    """
    if inputs.dtype != torch.uint8:
        return inputs
    images = inputs.float().div_(255)
    if augment is not None and generator is not None:
        images = augment(images, generator)
    if normalization is None:
        return images
    mean = torch.tensor(normalization.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(normalization.std, device=images.device).view(1, -1, 1, 1)
    if augment is None:
        return images.sub_(mean).div_(std)
    return (images - mean).div_(std)  # what an augmentation gives back may share its memory


def _moved(targets: Any, device: torch.device) -> Any:
    """Tensors inside lists, tuples and mappings too: targets may be ragged (boxes of an image)."""
    if isinstance(targets, Tensor):
        if device.type == "mps" and targets.dtype == torch.float64:
            targets = targets.float()  # that device knows no double precision
        return targets.to(device, non_blocking=True)
    if isinstance(targets, dict):
        return {key: _moved(value, device) for key, value in targets.items()}
    if isinstance(targets, list | tuple):
        return type(targets)(_moved(value, device) for value in targets)
    return targets
