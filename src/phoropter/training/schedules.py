"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math


def lr_factor(step: int, total: int, *, schedule: str, warmup: float) -> float:
    """What the peak learning rate is multiplied by in step `step` of `total`, in (0, 1].

    The rate rises linearly over the first `warmup` share of the steps, and then stays
    ("constant") or falls along half a cosine to zero ("cosine", Loshchilov & Hutter 2017).

    >>> [round(lr_factor(s, 8, schedule="cosine", warmup=0.25), 2) for s in range(8)]
    [0.5, 1.0, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07]

    Args:
        step: From 0; the step about to be made.
        total: Steps of the whole run.
        schedule: "constant" or "cosine".
        warmup: Share of the steps in which the rate rises.
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))
