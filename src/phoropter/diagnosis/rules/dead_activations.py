"""Units that never answer, or always say the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phoropter.core.records import Finding, Severity
from phoropter.diagnosis.evidence import RunEvidence
from phoropter.diagnosis.passes import late, loss_left

MOST = 0.9  # of a layer's units: it works like one of a tenth of its width
ALL = 0.99  # nothing passes the layer
UNLEARNT = 0.1  # of the loss of a constant prediction: the run could have learnt more
NOTHING = 0.9  # likewise: nothing was learnt
SATURATING = ("sigmoid", "tanh")  # their units pale; what is to be named is the gradient
LEAST_WIDTH = 8  # units: of fewer it is chance that all die, and their number that is at fault
_SIZED = frozenset({"cnn", "mlp", "xception_small"})  # models whose width the recipe says


def rule(evidence: RunEvidence) -> Iterator[Finding]:
    """Speaks if nine of ten units of a layer are inactive on all of some hundred samples.

    In the second half of the run still. A warning only where the training loss is high: a network
    that is far too wide can do without most of its units.
    """
    rows, left = [row for row in late(evidence) if row.inactive], loss_left(evidence)
    model = evidence.recipe.model
    if not rows or left is None:
        return
    if model.name in _SIZED and (model.width < LEAST_WIDTH or model.activation in SATURATING):
        return
    shares = {
        layer: float(np.median([row.inactive.get(layer, 0.0) for row in rows]))
        for layer in rows[-1].inactive
    }
    layer = max(shares, key=lambda name: shares[name])
    share = shares[layer]
    if share < MOST:
        return
    yield Finding(
        "dead-activations",
        _severity(share, left),
        0.9,
        f"{share:.0%} of the units of layer {layer!r} are dead: they say the same whatever they "
        "see.",
        {
            "layer": layer,
            "share": share,
            "layers": shares,
            "layers_affected": sum(value >= MOST for value in shares.values()),
            "loss_left": left,
            "mark_epoch": rows[-1].epoch,
        },
    )


def _severity(share: float, left: float) -> Severity:
    if share >= ALL and left >= NOTHING:
        return "critical"
    return "warning" if left >= UNLEARNT else "info"
