"""Learning rates that are known to work, by optimiser: a prior, never the only evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phoropter.core.recipe import Recipe
from phoropter.diagnosis.evidence import RunEvidence


@dataclass(frozen=True, slots=True)
class Range:
    """The usual rates of an optimiser.

    Args:
        low: Below it training is usually slow.
        usual: A safe start.
        high: Above it training is usually unstable.
    """

    low: float
    usual: float
    high: float

    def holds(self, rate: float) -> bool:
        """Whether a rate is a usual one.

        >>> Range(1e-4, 1e-3, 1e-2).holds(1e-5)
        False
        """
        return self.low <= rate <= self.high


# Adam: 3e-4 is safe (Karpathy 2019), 1e-3 is the authors' default (Kingma & Ba 2015); Adamax: twice
# that (the same paper). RMSProp divides by the same mean as Adam, without its memory of the
# direction. AdaGrad's steps only ever shrink, so it starts at ten times the rate. SGD with momentum
# 0.9: 0.1 at batch 256 (Goyal et al. 2017), 0.01 to 0.03 at the small batches used here; plain SGD
# takes ten times the rate of momentum 0.9, whose steps add up to 1 / (1 - 0.9).
_ADAM = Range(1e-4, 1e-3, 1e-2)
_ADAMAX = Range(2e-4, 2e-3, 2e-2)
_MOMENTUM = Range(3e-3, 2e-2, 0.3)
_RANGES = {
    "adagrad": Range(1e-3, 1e-2, 0.1),
    "adam": _ADAM,
    "adamax": _ADAMAX,
    "adamw": _ADAM,
    "momentum": _MOMENTUM,
    "nesterov": _MOMENTUM,
    "rmsprop": _ADAM,
    "sgd": Range(1e-2, 0.1, 1.0),
}
_SMALL = frozenset({"cnn", "mlp", "xception_small"})
_SMALL_LR = 3e-3  # from 0.002 to 0.016 small networks learnt alike on three sets (project/baseline)
FINE_TUNING = 10  # pretrained weights want about a tenth (Kornblith et al. 2019, table of searches)


def usual_rates(recipe: Recipe) -> Range:
    """The usual learning rates for a recipe.

    >>> from phoropter.core.recipe import Recipe
    >>> usual_rates(Recipe()).usual
    0.001
    """
    found = _RANGES[recipe.train.optimizer]
    if recipe.model.pretrained and recipe.model.transfer == "finetune":
        return Range(found.low / FINE_TUNING, found.usual / 3, found.high / 3)
    if recipe.model.name in _SMALL and not recipe.model.pretrained:
        times = {_ADAM: 1, _ADAMAX: 2}.get(found)
        return found if times is None else replace(found, usual=times * _SMALL_LR)
    return found


def usual_rates_of(evidence: RunEvidence) -> Range:
    """The usual learning rates for a run.

    Where nobody tells whether its weights were trained before, those of fine-tuning are usual too.
    """
    found = usual_rates(evidence.recipe)
    if "model.pretrained" in evidence.unknown:
        return replace(found, low=found.low / FINE_TUNING)
    return found


def likely_optimizer(rate: float) -> str:
    """The first of the common optimisers that usually stands a rate, where nobody tells which.

    >>> [likely_optimizer(rate) for rate in (2e-5, 1e-2, 0.1, 30.0)]
    ['adamw', 'adamw', 'momentum', 'sgd']
    """
    common = ("adamw", "momentum", "sgd")
    return next((name for name in common if rate <= _RANGES[name].high), common[-1])
