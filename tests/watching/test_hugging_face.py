"""The Hugging Face Trainer, in an environment that has it (benchmarks/peers/transformers.txt)."""

from types import SimpleNamespace

import pytest
import torch

from phoropter.core.errors import UsageError
from phoropter.watching import hugging_face
from phoropter.watching.folder import read_watched


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr(hugging_face, "TrainerCallback", None)
    with pytest.raises(UsageError, match="transformers"):
        hugging_face.PhoropterCallback("run")


class Unhooked:
    """As DeepSpeed's optimisers, which are none of torch's."""


@pytest.mark.parametrize(
    ("gpus", "hooked", "why"),
    [(2, True, "2 GPUs; start it with torchrun"), (1, False, "'Unhooked'")],
)
def test_what_cannot_be_heard_is_not_recorded(monkeypatch, tmp_path, gpus, hooked, why):
    monkeypatch.setattr(hugging_face, "TrainerCallback", object)
    network = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1) if hooked else Unhooked()
    callback = hugging_face.PhoropterCallback(tmp_path / "run")
    args, state = SimpleNamespace(n_gpu=gpus), SimpleNamespace(is_world_process_zero=True)
    with pytest.warns(UserWarning, match=why):
        callback.on_train_begin(args, state, None, model=network, optimizer=optimizer)
    network(torch.ones(1, 4))
    callback.on_step_end(args, state, None)
    callback.on_evaluate(args, state, None, metrics={"eval_loss": 1.0})
    callback.on_train_end(args, state, None)
    assert not (tmp_path / "run").exists()


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
def test_a_training_is_recorded(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.default_generator.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=8,
        patch_size=4,
        num_channels=1,
        num_labels=2,
    )
    images = torch.randn(128, 1, 8, 8)
    rows = [{"pixel_values": image, "labels": int(image.mean() > 0)} for image in images]
    trainer = transformers.Trainer(
        model=transformers.ViTForImageClassification(config),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path / "hf"),
            num_train_epochs=2,
            per_device_train_batch_size=16,
            eval_strategy="epoch",
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        ),
        train_dataset=rows,
        eval_dataset=rows[:64],
        compute_metrics=lambda said: {
            "accuracy": float((said.predictions.argmax(1) == said.label_ids).mean())
        },
        callbacks=[hugging_face.PhoropterCallback(tmp_path / "run", classes=2, metric="accuracy")],
    )
    trainer.train()

    watched = read_watched(tmp_path / "run")
    assert [(row.epoch, row.step) for row in watched.history] == [(0, 0), (1, 8), (2, 16)]
    assert watched.history[1].val_loss == pytest.approx(0.7, abs=0.3)
    assert watched.history[0].train_loss == pytest.approx(0.7, abs=0.3)
    assert 0 <= watched.history[-1].val_metric <= 1
    assert len(watched.predictions) == 64
    right = (watched.predictions.predicted == watched.predictions.truth).mean()
    assert watched.history[-1].val_metric == pytest.approx(right)
    assert any("act" in name for name in watched.signals[-1].inactive)
    gates = {gate.name: gate.passed for gate in watched.gates}
    assert gates["no-gradient"]
    assert gates["stale-gradient"]
    assert watched.summary.stopped_by == "finished"
