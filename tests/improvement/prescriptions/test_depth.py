"""What comes first for layers that let no gradient through."""

import pytest

from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.prescribe import prescribe


@pytest.mark.parametrize("code", ["lr-too-low", "undertrained", "vanishing-gradient"])
def test_unnormalised_sigmoids_are_replaced_first(evidence, code):
    sigmoids = {
        "model.name": "cnn",
        "model.pretrained": False,
        "model.transfer": "finetune",
        "model.activation": "sigmoid",
        "model.norm": "none",
    }
    first = prescribe(Finding(code, "warning", 0.9, "m", {}), evidence(sigmoids)).prescriptions[0]
    assert first.change == {"model.activation": "relu", "model.norm": "batch"}
