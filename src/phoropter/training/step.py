"""One optimiser step, or one of each network where the objective holds several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_
from torch.optim import Optimizer

from phoropter.core.protocols import Objective
from phoropter.training.feed import ALONE, Batch
from phoropter.training.numerics import Numerics
from phoropter.training.optimizers import plain_step
from phoropter.training.team import Team


class Stepper:
    """Turns batches into updates of the weights.

    Args:
        objective: Says which losses to descend, in which order, by which optimiser.
        optimizers: By the names the objective uses.
        accelerator: Runs backward and clips.
        numerics: The precision of the losses.
        clip: Largest gradient norm, or None.
        team: Whose gradients are summed before each update.
    """

    def __init__(
        self,
        objective: Objective,
        optimizers: Mapping[str, Optimizer],
        *,
        accelerator: Accelerator,
        numerics: Numerics,
        clip: float | None,
        team: Team = ALONE,
    ) -> None:
        self._objective = objective
        self._accelerator = accelerator
        self._numerics = numerics
        self._clip = clip
        self._team = team
        self._parameters = {
            name: [p for group in optimizer.param_groups for p in group["params"]]
            for name, optimizer in optimizers.items()
        }
        self._updates = {name: plain_step(optimizer) for name, optimizer in optimizers.items()}
        alone = accelerator.num_processes == 1 and accelerator.mixed_precision != "fp16"
        self._backward: Callable[[Tensor], None] = (
            Tensor.backward if alone else accelerator.backward
        )

    def __call__(
        self, micro: Sequence[Batch], *, measure_norms: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Makes every step the objective asks for on these batches, as if they were one.

        The objective's steps are asked for lazily, one after the other: a discriminator is
        updated before the generator's loss is computed.

        Returns:
            The loss, summed over the named steps, and the gradient norm of every parameter before
            clipping, in the order of the optimisers, where it was asked for or needed.
        """
        samples = sum(batch.whole for batch in micro)
        plans = [self._objective.steps(b.inputs, b.targets, b.generator) for b in micro]
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        for column in zip(*plans, strict=True):
            name = column[0][0]
            for parameter in self._parameters[name]:
                parameter.grad = None
            for batch, (_, loss_of) in zip(micro, column, strict=True):
                if not len(batch):
                    continue  # a small last batch is shared by fewer processes
                with self._numerics.precision(batch.inputs.device):
                    loss = loss_of()
                if len(batch) < samples:
                    loss = loss * (len(batch) / samples)
                self._backward(loss)
                losses.append(loss.detach())
            self._team.add_gradients(self._parameters[name])
            if self._clip is not None or measure_norms:
                norms.append(clipped_norms(self._parameters[name], self._clip))
            self._updates[name]()
        loss = _sum(losses) if losses else torch.zeros((), device=self._accelerator.device)
        return self._team.summed(loss), torch.cat(norms) if norms else None

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Every parameter that is updated, in the order of the norms."""
        return [p for parameters in self._parameters.values() for p in parameters]


def clipped_norms(parameters: Sequence[nn.Parameter], clip: float | None) -> Tensor:
    """The norm of each gradient; afterwards all are scaled down to `clip`, if they are longer."""
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    norms = torch.stack(torch._foreach_norm(gradients))
    if clip is not None:
        clip_grads_with_norm_(parameters, clip, torch.linalg.vector_norm(norms))
    return norms


def _sum(losses: list[Tensor]) -> Tensor:
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()
