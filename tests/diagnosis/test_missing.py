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


def test_steps_that_nobody_counted_are_missing(tmp_path):
    losses = {"loss": [1.0, 0.99, 1.0, 0.99], "val_loss": [1.0, 0.99, 1.0, 1.0]}
    assert "steps" in unjudged(read_curves(losses))["plateau"]
    rows = [f"{n},{40 * n},1.0,1.0" for n in range(1, 5)]
    path = tmp_path / "curves.csv"
    path.write_text("\n".join(["epoch,step,train_loss,val_loss", *rows]), encoding="utf-8")
    assert "plateau" not in unjudged(read_curves(path))
