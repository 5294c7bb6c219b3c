"""Lightning's real CSVLogger."""

import lightning.pytorch as lightning
import pytest
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from phoropter.diagnosis.curves_file import read_curves

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice on workers and loggers


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = nn.Linear(8, 2)

    def loss(self, batch):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def training_step(self, batch, _index):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, _index):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-2)
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)]


@pytest.mark.parametrize("interval", ["epoch", "step"])
def test_rates_that_are_logged_by_step_belong_to_their_epoch(tmp_path, interval):
    x = torch.randn(160, 8, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(x, (x[:, 0] > 0).long())
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        logger=CSVLogger(tmp_path),
        log_every_n_steps=4,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[LearningRateMonitor(interval, log_momentum=True)],
    )
    trainer.fit(Module(), DataLoader(data, batch_size=16), DataLoader(data, 64))
    [file] = tmp_path.rglob("metrics.csv")
    evidence = read_curves(file)
    assert [row.epoch for row in evidence.history] == [1, 2, 3]
    assert [row.lr for row in evidence.history] == pytest.approx([1e-2, 5e-3, 2.5e-3])
    assert evidence.recipe.train.lr == pytest.approx(1e-2)
    assert evidence.history[-1].train_loss < evidence.history[0].train_loss
    assert evidence.history[-1].val_loss == pytest.approx(
        float(trainer.callback_metrics["val_loss"])
    )
