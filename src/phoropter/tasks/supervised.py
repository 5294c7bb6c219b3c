"""The optimisation problem of one network that is told the right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from phoropter.core.protocols import Mix, ParameterGroup

OPTIMIZER = "main"


@dataclass(frozen=True, slots=True)
class Losses:
    """The two losses of a supervised task.

    Args:
        training: Outputs and targets to the scalar mean that is descended.
        plain: Outputs and targets to the loss of each sample (n,), comparable between runs.
        slope: The training loss and its derivative by the outputs, where that needs no autograd.
    """

    training: Callable[[Tensor, Any], Tensor]
    plain: Callable[[Tensor, Any], Tensor]
    slope: Callable[[Tensor, Any], tuple[Tensor, Tensor]] | None = None


class Supervised:
    """One network, one loss, one optimiser named "main".

    Args:
        network: From inputs to raw outputs; its attribute `head`, if any, is the last layer.
        losses: What is descended, and what is reported.
        head_lr_factor: The head learns at the learning rate times this.
        mix: Blends samples; the loss is blended in the same proportion (Zhang et al. 2018).
    """

    def __init__(
        self,
        network: nn.Module,
        losses: Losses,
        *,
        head_lr_factor: float = 1.0,
        mix: Mix | None = None,
    ) -> None:
        self.network = network
        self.losses = losses
        self.head_lr_factor = head_lr_factor
        self.mix = mix

    def parameters(self) -> Mapping[str, Sequence[ParameterGroup]]:
        """The trainable parameters as the groups of the only optimiser."""
        return {OPTIMIZER: parameter_groups(self.network, head_lr_factor=self.head_lr_factor)}

    def steps(
        self, inputs: Tensor, targets: Any, generator: torch.Generator
    ) -> Iterator[tuple[str, Callable[[], Tensor]]]:
        """One step: the training loss of the batch."""
        yield OPTIMIZER, partial(self._training_loss, inputs, targets, generator)

    @torch.no_grad()
    def evaluate(self, inputs: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
        """Raw outputs as float32 (n, k) and the plain loss of each sample (n,)."""
        outputs = self.network(inputs).float()
        return outputs, self.losses.plain(outputs, targets)

    def _training_loss(self, inputs: Tensor, targets: Any, generator: torch.Generator) -> Tensor:
        if self.mix is None:
            return self.losses.training(self.network(inputs), targets)
        blended, partner, share = self.mix(inputs, generator)
        outputs = self.network(blended)
        own = self.losses.training(outputs, targets)
        other = self.losses.training(outputs, targets[partner])
        return share * own + (1 - share) * other


def parameter_groups(network: nn.Module, *, head_lr_factor: float = 1.0) -> list[ParameterGroup]:
    """The trainable parameters, grouped by learning-rate factor and weight decay.

    Vectors (biases, the gains of normalisation layers) are not decayed: pulling them towards zero
    takes away scale without making the function simpler (He et al. 2019, arXiv:1812.01187).

    >>> [group.decay for group in parameter_groups(nn.Linear(2, 3))]
    [True, False]
    """
    head = getattr(network, "head", None)
    in_head = {id(p) for p in head.parameters()} if isinstance(head, nn.Module) else set()
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {
        key: [] for key in product((1.0, head_lr_factor), (True, False))
    }
    for parameter in network.parameters():
        if parameter.requires_grad:
            factor = head_lr_factor if id(parameter) in in_head else 1.0
            groups[factor, parameter.ndim > 1].append(parameter)
    return [
        ParameterGroup(parameters, lr_factor=factor, decay=decay)
        for (factor, decay), parameters in groups.items()
        if parameters
    ]
