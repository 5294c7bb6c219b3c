"""Lightning's real Trainer."""

from dataclasses import dataclass
from types import SimpleNamespace

import lightning.pytorch as lightning
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import phoropter
from phoropter.watching.folder import read_watched

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers and loggers


class Module(lightning.LightningModule):
    def __init__(self, *, asleep=False, told=False, drop=None):
        super().__init__()
        self.told, self.drop = told, drop
        self.network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
        if asleep:
            self.network.eval()  # kept by Lightning: a part that comes from elsewhere

    def forward(self, x):
        return self.drop(self, self.network(x))

    def answers(self, x):
        """Lightning's own modules are called as a whole, or their parts are."""
        return self.network(x) if self.drop is None else self(x)

    def training_step(self, batch, _index):
        return functional.cross_entropy(self.answers(batch[0]), batch[1])

    def validation_step(self, batch, _index):
        outputs = self.answers(batch[0])
        self.log("val_loss", functional.cross_entropy(outputs, batch[1]))
        self.log("val_accuracy", (outputs.argmax(1) == batch[1]).float().mean())
        return {"predictions": outputs, "targets": batch[1]} if self.told else None

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def fitted(folder, *, kind=Module, classes=2, collate=None, callback=None, **options):
    from phoropter.watching.lightning import PhoropterCallback

    torch.default_generator.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(320, 8, generator=generator)
    data = TensorDataset(x, (x[:, 0] > 0).long())
    accumulate = options.pop("accumulate", 1)
    passes = options.pop("passes", {"max_epochs": 3})
    trainer = lightning.Trainer(
        **passes,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accumulate_grad_batches=accumulate,
        callbacks=[callback or PhoropterCallback(folder, classes=classes)],
    )
    trainer.fit(
        kind(**options),
        DataLoader(data, batch_size=16, shuffle=True, collate_fn=collate),
        DataLoader(data, 64, collate_fn=collate),
    )


def test_a_fit_is_recorded(tmp_path):
    fitted(tmp_path)
    watched = read_watched(tmp_path)
    assert [(row.epoch, row.step) for row in watched.history] == [(0, 0), (1, 20), (2, 40), (3, 60)]
    assert watched.history[0].train_loss == pytest.approx(0.7, abs=0.35)
    assert watched.history[-1].val_loss < watched.history[1].val_loss
    assert 0.5 < watched.history[-1].val_metric <= 1.0
    assert watched.summary.stopped_by == "finished"
    assert watched.signals[-1].blocks == ("network.0", "network.3")
    assert {gate.name for gate in watched.gates} >= {"no-gradient", "stale-gradient", "mode-mixup"}
    assert all(gate.passed for gate in watched.gates)


def test_numbers_of_an_earlier_validation_are_not_recorded_again(tmp_path):
    fitted(tmp_path, told=True, passes={"max_epochs": 5, "check_val_every_n_epoch": 2})
    rows = read_watched(tmp_path).history[1:]
    validated = [row.epoch for row in rows if row.val_loss is not None]
    assert validated == [row.epoch for row in rows if row.val_metric is not None] == [2, 4]
    assert len({row.val_loss for row in rows}) == 3


def test_of_validations_within_a_pass_the_last_is_recorded_at_its_end(tmp_path):
    fitted(tmp_path, told=True, passes={"max_epochs": 2, "val_check_interval": 0.5})
    watched = read_watched(tmp_path)
    assert all(row.val_loss is not None for row in watched.history[1:])
    assert len(watched.predictions) == 320


def test_a_part_in_eval_mode_is_diagnosed(tmp_path):
    fitted(tmp_path, asleep=True)
    gates = {gate.name: gate.passed for gate in read_watched(tmp_path).gates}
    assert not gates["mode-mixup"]


@pytest.mark.parametrize("mode_is_told", [True, False])
def test_dropout_as_a_function_is_heard_in_a_module_that_is_called(tmp_path, mode_is_told):
    def drop(module, outputs):
        return functional.dropout(outputs, 0.3, module.training if mode_is_told else True)

    fitted(tmp_path, drop=drop)
    gates = {gate.name: gate for gate in read_watched(tmp_path).gates}
    assert gates["mode-mixup"].passed == mode_is_told
    assert gates["mode-mixup"].evidence["on_in_evaluation"] == (
        [] if mode_is_told else ["dropout()"]
    )


def test_losses_of_added_up_batches_are_whole(tmp_path):
    fitted(tmp_path, accumulate=4)
    watched = read_watched(tmp_path)
    assert watched.history[1].step == 5
    assert watched.history[0].train_loss == pytest.approx(0.7, abs=0.35)


@pytest.mark.parametrize("told", [True, False])
def test_diagnosis_reads_it(tmp_path, told):
    fitted(tmp_path, told=told)
    unjudged = phoropter.diagnose(tmp_path).unjudged
    assert "no-gradient" not in unjudged
    assert ("majority-collapse" in unjudged) == (not told)
    predictions = read_watched(tmp_path).predictions
    assert (0 if predictions is None else len(predictions)) == (320 if told else 0)


class Regression(Module):
    def training_step(self, batch, _index):
        return functional.mse_loss(self.network(batch[0])[:, 0], batch[0][:, 0])

    def validation_step(self, batch, _index):
        missed = self.network(batch[0])[:, 0] - batch[0][:, 0]
        self.log("val_loss", missed.square().mean())
        self.log("val_mae", missed.abs().mean())


def test_the_metric_is_called_what_it_was_logged_as(tmp_path):
    fitted(tmp_path, kind=Regression, classes=None)
    watched = read_watched(tmp_path)
    assert watched.summary.metric == "mae"
    assert watched.history[-1].val_metric < watched.history[1].val_metric


class SeveralLabels(Module):
    """Marks of several labels a sample beside their logits."""

    def validation_step(self, batch, _index):
        outputs = self.network(batch[0])
        self.log("val_loss", functional.cross_entropy(outputs, batch[1]))
        return {"predictions": 10 * outputs, "targets": torch.ones_like(outputs)}


def test_answers_of_several_labels_end_no_training(tmp_path):
    with pytest.warns(UserWarning, match="keeps no predictions .* several labels"):
        fitted(tmp_path, kind=SeveralLabels)
    watched = read_watched(tmp_path)
    assert watched.predictions is None
    assert [row.step for row in watched.history] == [0, 20, 40, 60]
    assert all(row.val_loss is not None for row in watched.history[1:])


def test_what_one_fit_was_refused_is_kept_of_the_next(tmp_path):
    from phoropter.watching.lightning import PhoropterCallback

    callback = PhoropterCallback(tmp_path, classes=2)
    with pytest.warns(UserWarning, match="keeps no predictions"):
        fitted(tmp_path, kind=SeveralLabels, callback=callback)
    fitted(tmp_path, told=True, callback=callback)
    assert len(read_watched(tmp_path).predictions) == 320


class TwoLosses(Module):
    """Optimises by itself, and returns more than one number."""

    automatic_optimization = False

    def training_step(self, batch, index):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        loss = super().training_step(batch, index)
        self.manual_backward(loss)
        optimizer.step()
        return torch.stack([loss, loss])


def test_losses_that_are_no_number_end_no_training(tmp_path):
    fitted(tmp_path, kind=TwoLosses)
    assert read_watched(tmp_path).history[-1].step == 60


@dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor


def as_batch(rows):
    return Batch(*map(torch.stack, zip(*rows, strict=True)))


class OfBatches(Module):
    def training_step(self, batch, index):
        return super().training_step((batch.x, batch.y), index)

    def validation_step(self, batch, index):
        return super().validation_step((batch.x, batch.y), index)


def test_batches_may_be_dataclasses(tmp_path):
    fitted(tmp_path, kind=OfBatches, collate=as_batch)
    watched = read_watched(tmp_path)
    assert watched.recipe.train.batch_size == 16
    assert watched.summary.stopped_by == "finished"


class Unhooked:
    """As DeepSpeed's optimisers, which are none of torch's."""


def test_nothing_is_recorded_of_an_optimizer_without_hooks(tmp_path):
    from phoropter.watching.lightning import PhoropterCallback

    callback = PhoropterCallback(tmp_path / "run")
    trainer = SimpleNamespace(is_global_zero=True, optimizers=[Unhooked()])
    with pytest.warns(UserWarning, match="'Unhooked'"):
        callback.on_train_start(trainer, Module())
    callback.on_fit_end(trainer, None)
    assert not (tmp_path / "run").exists()
