"""A Lightning module for digits, and its fit under watch."""

from __future__ import annotations

import logging

import lightning
import torch
from loops import digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from phoropter.watching.lightning import PhoropterCallback


class Digits(lightning.LightningModule):
    def __init__(self, network: nn.Module, lr: float, learnt: nn.Module, epochs: int) -> None:
        super().__init__()
        self.network, self.learnt, self.lr, self.epochs = network, learnt, lr, epochs

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        return cross_entropy(self.network(batch[0]), batch[1])

    def validation_step(self, batch: list[Tensor], _index: int) -> None:
        outputs = self.network(batch[0])
        self.log("val_loss", cross_entropy(outputs, batch[1]))
        self.log("val_accuracy", (outputs.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.learnt.parameters(), lr=self.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def fit(
    network: nn.Module, *, folder: str, lr: float, epochs: int, learnt: nn.Module | None = None
) -> None:
    """Fits; `learnt` is the part that the optimiser gets, by default all."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    train, val = digits()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[PhoropterCallback(folder, classes=10)],
    )
    trainer.fit(
        Digits(network, lr, learnt if learnt is not None else network, epochs),
        DataLoader(train, batch_size=32, shuffle=True),
        DataLoader(val, batch_size=250),
    )
