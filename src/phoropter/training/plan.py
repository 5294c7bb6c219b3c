"""How many batches, steps and samples a run is made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from phoropter.core.recipe import TrainRecipe

USUAL_BATCH = 64
"""What is reckoned with where a batch size has not been measured yet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The arithmetic of passes, steps and batches.

    >>> plan = make_plan(TrainRecipe(epochs=3, batch_size=4, accumulate=2), samples=10)
    >>> plan.batches_per_epoch, plan.steps_per_epoch, plan.total_steps
    (3, 2, 6)
    >>> [plan.samples_in(position) for position in range(2)]
    [8, 2]

    Args:
        samples: Training samples.
        batch_size: Samples of a full batch.
        accumulate: Batches to an optimiser step.
        epochs: Passes planned.
    """

    samples: int
    batch_size: int
    accumulate: int
    epochs: int

    @property
    def batches_per_epoch(self) -> int:
        """Batches of one pass.

        A last batch of a single sample is left out, for batch normalisation cannot work on it;
        the order changes every pass, so that it is another sample each time.
        """
        whole, rest = divmod(self.samples, self.batch_size)
        return whole + (1 if rest > 1 or whole == 0 else 0)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass; the last one may have fewer batches."""
        return ceil(self.batches_per_epoch / self.accumulate)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    def samples_in(self, position: int) -> int:
        """Samples of the step at `position` of a pass, from 0."""
        first = position * self.accumulate * self.batch_size
        last = min((position + 1) * self.accumulate, self.batches_per_epoch) * self.batch_size
        return min(last, self.samples) - first


def make_plan(recipe: TrainRecipe, *, samples: int, measured: int = USUAL_BATCH) -> Plan:
    """The plan of a recipe for so many training samples.

    Args:
        recipe: Its epochs, batch size and accumulation.
        samples: Training samples.
        measured: What `batch_size` "auto" stands for.
    """
    words = {"full": samples, "auto": measured}
    size = recipe.batch_size if isinstance(recipe.batch_size, int) else words[recipe.batch_size]
    return Plan(
        samples=samples,
        batch_size=max(min(size, samples), 1),
        accumulate=recipe.accumulate,
        epochs=recipe.epochs,
    )
