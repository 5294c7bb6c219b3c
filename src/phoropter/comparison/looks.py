"""How strong evidence must be when one validation part is asked again and again."""

from __future__ import annotations

from phoropter.core.errors import UsageError

ALPHA = 0.025
"""Chance of a false verdict by one test in the life of a validation part. Each look asks two: the
metric and, in the loop, the proper score; together they stay below 5 %."""


def threshold(look: int, alpha: float = ALPHA) -> float:
    """The p-value that comparison number `look` (from 1) must not exceed to give a verdict.

    It is alpha / (k (k + 1)). The sum over all looks, however many, is alpha: the chance of even
    one false verdict in the life of a validation part stays below alpha (Bonferroni's inequality),
    with no need to know beforehand how often one will look.

    Raises:
        UsageError: If the look is not 1 or more, or alpha is not in (0, 1).

    >>> threshold(1), round(threshold(5), 6)
    (0.0125, 0.000833)
    """
    if look < 1:
        raise UsageError(f"There is no look number {look}.", hint="The first comparison is 1.")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha}.", hint="Give a probability between 0 and 1.")
    return alpha / (look * (look + 1))
