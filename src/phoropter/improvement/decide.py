"""Whether a challenger replaces the reference."""

from __future__ import annotations

from dataclasses import dataclass

from phoropter.improvement.trial import Judgement

SUPPORT = 0.1
"""Largest p-value of the primary metric at which the proper score may decide. Two seeds of one
recipe differ in how sure they are far more than samples explain: without this, 12 % of 200 pairs
were accepted, with it 2 %; of real gains (half as many training samples more) half."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Accepted or refused, and the reason in one sentence."""

    accepted: bool
    reason: str


def decide(judgement: Judgement, *, greater_is_better: bool, retrained: bool = True) -> Decision:
    """Accepts a challenger that is shown to be better, never one that only looks better.

    Two tests may show it, each at what this look may spend on one test: the primary metric itself,
    or the proper score (log loss, squared error), which sees every sample's confidence and so
    needs far fewer samples, provided that the primary metric points the same way and is unlikely
    to do so by chance. Both are fixed before the run is made.

    Where only what is made of the outputs has changed (`retrained` is false), the same weights
    speak twice: the score's difference is no luck of a training, and a better score suffices as
    long as the primary metric does not fall. A temperature leaves accuracy as it is.
    """
    comparison = judgement.comparison
    level = judgement.threshold
    sign = 1.0 if greater_is_better else -1.0
    gain = sign * comparison.delta
    numbers = f"{comparison.metric} {comparison.delta:+.4f}, p = {comparison.p_value:.3g}"
    limit = f"{level:.2g} at look {comparison.looks}"
    if gain > 0 and comparison.p_value <= level:
        return Decision(accepted=True, reason=f"Better: {numbers} (limit {limit}).")
    proper = f"score {judgement.score_delta:+.4f}, p = {judgement.score_p_value:.3g}"
    backed = gain > 0 and comparison.p_value <= SUPPORT
    if backed and judgement.score_delta < 0 and judgement.score_p_value <= level:
        return Decision(
            accepted=True, reason=f"Surer and better: {proper} (limit {limit}); {numbers}."
        )
    surer = judgement.score_delta < 0 and judgement.score_p_value <= level
    if not retrained and gain >= 0 and surer:
        return Decision(accepted=True, reason=f"Truer: {proper} (limit {limit}); {numbers}.")
    if gain < 0 and comparison.p_value <= level:
        return Decision(accepted=False, reason=f"Worse: {numbers} (limit {limit}).")
    return Decision(
        accepted=False, reason=f"Not shown to help: {numbers}; {proper}; limit {limit}."
    )
