"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from phoropter.core.recipe import TrainRecipe

# Smith & Topin 2018, with the numbers of torch's OneCycleLR: up to the peak in 30 % of the steps
# from 1/25 of it, then down to a ten-thousandth of the start.
_ONE_CYCLE_RISE = 0.3
_ONE_CYCLE_START = 1 / 25
_ONE_CYCLE_END = _ONE_CYCLE_START / 1e4


def lr_factor(step: int, total: int, recipe: TrainRecipe) -> float:
    """What the peak learning rate is multiplied by in step `step` of `total`, in [0, 1].

    The rate rises linearly over the first `warmup` share of the steps. Then it

    - stays ("constant", and "plateau", which falls by what is measured; see `callbacks.plateau`),
    - falls along half a cosine to zero ("cosine", Loshchilov & Hutter 2017),
    - is multiplied by `decay` every `decay_every` share of the steps that are left ("step"), or
      by as much in as long a time but smoothly ("exponential").

    "one_cycle" has no warm-up besides its own rise, along half a cosine (Smith & Topin 2018).

    >>> cosine = TrainRecipe(schedule="cosine", warmup=0.25)
    >>> [round(lr_factor(step, 8, cosine), 2) for step in range(8)]
    [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07]
    >>> steps = TrainRecipe(schedule="step", warmup=0, decay=0.5, decay_every=0.25)
    >>> [lr_factor(step, 8, steps) for step in range(8)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]

    Args:
        step: From 0; the step about to be made.
        total: Steps of the whole run.
        recipe: Its schedule, and the numbers that shape it.
    """
    if recipe.schedule == "one_cycle":
        return _one_cycle(step, total)
    rising = round(recipe.warmup * total)
    if step < rising:
        return (step + 1) / rising
    step, total = step - rising, total - rising
    if recipe.schedule == "cosine":
        return _between(1.0, 0.0, step / total)
    if recipe.schedule in {"step", "exponential"}:
        period = max(1, round(recipe.decay_every * total))
        falls = step // period if recipe.schedule == "step" else step / period
        return float(recipe.decay**falls)
    return 1.0


def _one_cycle(step: int, total: int) -> float:
    peak = max(_ONE_CYCLE_RISE * total - 1, 0.0)
    if step <= peak:
        return _between(_ONE_CYCLE_START, 1.0, step / peak if peak else 1.0)
    return _between(1.0, _ONE_CYCLE_END, (step - peak) / (total - 1 - peak))


def _between(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
