from phoropter.core.registry import names
from phoropter.diagnosis.curves_file import read_curves
from phoropter.diagnosis.missing import NEEDS, unjudged


def test_every_rule_says_what_it_needs():
    assert set(names("phoropter.rules")) == set(NEEDS)


def test_what_is_there_is_not_said_to_be_missing():
    history = {"loss": [1.0, 0.5, 0.4], "val_loss": [1.1, 0.8, 0.7]}
    missing = unjudged(read_curves(history))
    assert not {"diverged", "overfit", "undertrained", "lr-too-high"} & set(missing)
    assert "predictions" in missing["miscalibrated"]
    assert "chosen" in missing["overfit-to-validation"]
    assert "watched" in missing["mode-mixup"]
    assert "validation loss" in unjudged(read_curves({"loss": [1.0, 0.5, 0.4]}))["overfit"]
