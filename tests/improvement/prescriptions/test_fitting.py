"""What is prescribed fits the samples, the schedule and the loss."""

from phoropter.core.records import Finding
from phoropter.improvement.prescriptions.prescribe import prescribe


def test_of_rows_of_numbers_nothing_is_prescribed_that_is_about_images(evidence):
    change = {"model.name": "mlp", "model.pretrained": False, "model.width": 8}
    finding = Finding("overfit", "warning", 0.9, "", {})
    of_images, of_rows = (
        prescribe(finding, evidence(change, images=images)).prescriptions
        for images in (True, False)
    )
    about = ("data.", "model.pretrained", "predict.tta")
    assert any(key.startswith(about) for item in of_images for key in item.change)
    assert of_rows
    assert not any(key.startswith(about) for item in of_rows for key in item.change)


def test_what_a_schedule_or_a_loss_of_ones_own_ignores_is_not_prescribed(evidence, tmp_path):
    (tmp_path / "own.py").write_text("def hits(outputs, targets): ...\n")
    for code, change, key in (
        ("diverged", {"train.schedule": "one_cycle", "train.warmup": 0.0}, "train.warmup"),
        ("overfit", {"train.loss": f"{tmp_path / 'own.py'}:hits"}, "train.label_smoothing"),
    ):
        finding = Finding(code, "warning", 0.9, "", {})
        heeded, ignored = (
            {name for item in prescribe(finding, made).prescriptions for name in item.change}
            for made in (evidence({"train.warmup": 0.0}), evidence(change))
        )
        assert key in heeded
        assert key not in ignored
