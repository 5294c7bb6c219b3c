"""Several processes that train one network: each takes a share of every batch.

The gradients are summed after the backward pass, over `torch.distributed`, instead of by a wrapper
around the network: an objective may hold any number of networks and call them as it likes. After
every step all processes hold the same weights and statistics, so one of them, the lead, can do
everything else alone: read, decide, write.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from phoropter.core.errors import TeamError
from phoropter.core.recipe import Recipe
from phoropter.core.records import Rows
from phoropter.training.problem import Problem

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=7)
"""How long a process waits for the lead, which may be looking at data or testing a gate."""

BUCKET_NUMBERS = 2**24
"""Gradients summed in one message: 64 MiB, which bounds the memory of the copy."""

LEAST_SHARE = 2
"""Samples in the smallest share: batch normalisation cannot work on a single one."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What the lead tells the others to train with it.

    Args:
        recipe: What to do.
        problem: On what; its paths must lead to the same files everywhere.
        folder: Of the run.
    """

    recipe: Recipe
    problem: Problem
    folder: Path


@dataclass(frozen=True, slots=True, eq=False)
class Team:
    """The processes of a run, seen from one of them.

    Args:
        rank: Of this process; 0 is the lead.
        size: How many there are; everything below is free of cost for one.
        control: The group that messages between the processes' memories go through.
    """

    rank: int = 0
    size: int = 1
    control: dist.ProcessGroup | None = None

    @property
    def lead(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def share(self, rows: Rows) -> Rows:
        """This process's part of a batch: none is lost, none comes twice, none is of one sample.

        >>> [Team(rank, 3).share(np.arange(5)).tolist() for rank in range(3)]
        [[0, 1, 2], [3, 4], []]
        """
        if self.size == 1:
            return rows
        takers = min(self.size, max(1, len(rows) // LEAST_SHARE))
        return np.array_split(rows, takers)[self.rank] if self.rank < takers else rows[:0]

    def told(self, value: Any) -> Any:
        """The lead's value, on every process; what the others give is not looked at."""
        if self.size == 1:
            return value
        box = [value if self.lead else None]
        with _losses_told():
            dist.broadcast_object_list(box, src=0, group=self.control)
        return box[0]

    def gathered(self, value: T) -> list[T]:
        """Every process's value, in the order of their ranks."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _losses_told():
            dist.all_gather_object(values, value, group=self.control)
        return values

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Of each flag, whether it is raised on any process."""
        if self.size == 1:
            return flags
        raised = torch.tensor(flags, dtype=torch.int32)
        with _losses_told():
            dist.all_reduce(raised, op=dist.ReduceOp.MAX, group=self.control)
        return tuple(map(bool, raised.tolist()))

    def summed(self, value: Tensor) -> Tensor:
        """The sum of a tensor over the processes."""
        if self.size > 1:
            value = _added_up(value.clone())
        return value

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replaces every gradient by its sum over the processes.

        A parameter that no process has a gradient for keeps none, so that the optimiser passes
        over it as it would in one process.
        """
        if self.size == 1:
            return
        for bucket in _buckets([p for p in parameters if p.requires_grad]):
            present = [float(p.grad is not None) for p in bucket]
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            flat = torch.cat([bucket[0].new_tensor(present), *(g.reshape(-1) for g in gradients)])
            flat = _added_up(flat)
            counts, sums = flat[: len(bucket)].tolist(), flat[len(bucket) :]
            parts = torch.split(sums, [p.numel() for p in bucket])
            for parameter, count, part in zip(bucket, counts, parts, strict=True):
                if count > 0:
                    parameter.grad = part.view_as(parameter).clone(
                        memory_format=torch.preserve_format
                    )

    def level_statistics(self, network: nn.Module) -> None:
        """Replaces running statistics (of batch normalisation) by their mean over the processes.

        What is in eval mode has not moved, and stays as it is to the last bit.
        """
        if self.size == 1:
            return  # asked after every step, and listing the modules of a network takes time
        moving = [module for module in network.modules() if module.training]
        each = [b for module in moving for b in module.buffers(recurse=False)]
        buffers = [b for b in each if b.is_floating_point()]
        if not buffers:
            return
        flat = _added_up(torch.cat([b.reshape(-1) for b in buffers]))
        parts = torch.split(flat.div_(self.size), [b.numel() for b in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.copy_(part.view_as(buffer))


def _added_up(tensor: Tensor) -> Tensor:
    """The tensor itself, now the sum over the processes."""
    with _losses_told():
        dist.all_reduce(tensor)
    return tensor


@contextmanager
def _losses_told() -> Iterator[None]:
    """Says in words that another process has gone."""
    try:
        yield
    except RuntimeError as error:
        raise TeamError(
            f"Another process of this training has ended or cannot be reached: {error}.",
            hint="Its own message says why; run the same command again to go on from the last "
            "checkpoint.",
        ) from error


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Parameters of one type and device, in order, in groups of bounded size."""
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        alike = not bucket or (parameter.dtype, parameter.device) == (
            bucket[0].dtype,
            bucket[0].device,
        )
        if bucket and (not alike or sum(p.numel() for p in bucket) >= BUCKET_NUMBERS):
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket


def assembled() -> Team:
    """The team that a launcher (`torchrun`, Ray Train) has started this process in; or it alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Team()
    from accelerate import PartialState

    state = PartialState(cpu=not torch.accelerator.is_available(), timeout=LONGEST_WAIT)
    return Team(state.process_index, state.num_processes, _control_group())


@cache
def _control_group() -> dist.ProcessGroup:
    """A group for objects in main memory: the default one may speak to GPUs only."""
    group = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
    if not isinstance(group, dist.ProcessGroup):
        raise TypeError(f"This process is no member of the team: {group!r}.")
    return group
