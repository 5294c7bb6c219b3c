"""Which layers are trained in a step, and which keep the statistics of their weights.

Gradual unfreezing (Howard & Ruder 2018, arXiv:1801.06146, section 3.3) trains the head alone at
first, then one layer after the other below it: a new head sends random gradients, and would spoil
pretrained layers before it has learnt anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from phoropter.core.recipe import Recipe
from phoropter.models.catalog import starts_from_weights
from phoropter.models.layer_groups import LayerGroup, layer_groups
from phoropter.training.plan import Plan

LEAST_BATCH = 16
"""Samples from which on the statistics of a batch are good enough to normalise by."""


class Unfreezing:
    """Freezes the lower layers of a network and releases them again, as a function of the step.

    A frozen layer has no gradient, so the optimiser passes over it: nothing of it moves, neither
    by decay nor by momentum, and its batch normalisation works, and stays, as in eval mode.
    Nothing is computed backwards below the lowest layer that is trained.

    Args:
        layers: From the input to the head.
        steps: After which all are trained; 0: all from the start.
        never: How many of them, from the input on, are not trained at all.
        kept: Whether batch normalisation stays in eval mode in the layers that are trained, too.
    """

    def __init__(
        self, layers: Sequence[LayerGroup], *, steps: float, kept: bool, never: int = 0
    ) -> None:
        self._layers = layers
        self._most = len(layers) - min(never, max(len(layers) - 1, 0))
        self._steps = steps if len(layers) > 1 else 0.0
        self._kept = kept
        self._trained = len(layers)

    def trained(self, step: int) -> int:
        """How many layers, from the head down, are trained in a step, from 0.

        >>> [Unfreezing(range(4), steps=6, kept=False).trained(step) for step in range(8)]
        [1, 1, 2, 2, 3, 3, 4, 4]
        """
        if step >= self._steps:
            return self._most
        return 1 + int(step * (self._most - 1) / self._steps)

    def complete(self, step: int) -> bool:
        """Whether all layers that ever will be are trained in this step."""
        return step >= self._steps

    def apply(self, step: int) -> bool:
        """Brings the network into the state for a step; whether other layers are trained now.

        To be called before every step: an evaluation puts the whole network into train mode.
        """
        all_trained = self._trained == self._most == len(self._layers)
        if not self._kept and all_trained and self.complete(step):
            return False
        before, self._trained = self._trained, self.trained(step)
        frozen = len(self._layers) - self._trained
        for at, layer in enumerate(self._layers):
            if before != self._trained:
                for parameter in layer.parameters:
                    parameter.requires_grad_(at >= frozen)
            for module in layer.statistics:
                module.training = at >= frozen and not self._kept
        return before != self._trained

    def release(self) -> None:
        """Makes every layer trainable again."""
        for layer in self._layers:
            for parameter in layer.parameters:
                parameter.requires_grad_(True)
        self._trained = len(self._layers)


def unfreezing(network: nn.Module, recipe: Recipe, plan: Plan) -> Unfreezing:
    """What the recipe asks for, for a network of which everything is trainable yet."""
    steps = recipe.train.unfreeze * plan.total_steps
    kept = keeps_statistics(recipe, batch_size=plan.batch_size)
    share = recipe.train.frozen
    layers = layer_groups(network) if steps or kept or share else ()
    return Unfreezing(layers, steps=steps, kept=kept, never=round(share * len(layers)))


def keeps_statistics(recipe: Recipe, *, batch_size: int) -> bool:
    """Whether batch normalisation works by the statistics it starts with, as in eval mode.

    Those of small batches are noisy, and the training then differs from the answering (Wu &
    Johnson 2021, arXiv:2105.07576, section 3). A head that was fitted on frozen features was fitted
    on those statistics. What was measured is in docs/transfer.md.
    """
    choice = recipe.train.norm_statistics
    if choice != "auto":
        return choice == "kept"
    fine_tuned = recipe.model.transfer == "finetune" and starts_from_weights(recipe.model)
    return fine_tuned and (batch_size < LEAST_BATCH or recipe.train.head_start)
