"""Networks whose answers all have to pass a layer that is too narrow for them."""

from __future__ import annotations

from phoropter.core.recipe import ModelRecipe
from phoropter.diagnosis.evidence import RunEvidence

FEWEST_UNITS = 8
"""Units or channels of the last stage: of fewer it is chance what is left of a sample, whatever the
number of classes. The sound networks of docs/faults.md, which learn their samples, have 12 and
more."""
FEWEST_CHANNELS = 4  # of the first stage, which may hold no colours else; sound networks have six


def too_narrow(evidence: RunEvidence) -> bool:
    """Whether the last layer before the answers has fewer units or channels than classes, less one.

    The scores of all samples are then a matrix of a lower rank than those of classes that are told
    apart freely (Yang et al. 2018, "Breaking the softmax bottleneck"). What is learnt through it is
    learnt slowly and never well, which looks like a short run or a low rate. The same goes for a
    last stage of less than `FEWEST_UNITS` and a first one of less than `FEWEST_CHANNELS`. Known of
    the small networks alone, whose width the recipe says.
    """
    model = evidence.recipe.model
    units = last_units(model)
    if units is None:
        return False
    if units < FEWEST_UNITS or model.width < FEWEST_CHANNELS:
        return True
    return units < sum(count > 0 for count in evidence.summary.schema.counts) - 1


def last_units(model: ModelRecipe) -> int | None:
    """Units or channels of the last stage of a network built here by its width; else None.

    >>> last_units(ModelRecipe(name="cnn", width=4, depth=2))
    8
    """
    doublings = {"mlp": 0, "cnn": model.depth - 1, "xception_small": model.depth}.get(model.name)
    return None if doublings is None else model.width * 2**doublings
