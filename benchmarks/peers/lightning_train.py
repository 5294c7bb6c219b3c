"""Lightning's Trainer on torchvision's ImageFolder, as its users write it.

Run by throughput.py with a Python that has Lightning; prints when each pass ended as JSON. Worker
processes, one a core, resize, crop and flip, and are kept from pass to pass, as Lightning advises;
AdamW with a cosine; float32. Progress bar, logger and checkpoints are off.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from pathlib import Path

import timm
import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder


class Classifier(LightningModule):
    def __init__(self, network: torch.nn.Module, epochs: int) -> None:
        super().__init__()
        self.network = network
        self.epochs = epochs

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        images, labels = batch
        loss = cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _index: int) -> None:
        images, labels = batch
        outputs = self.network(images)
        self.log("val_loss", cross_entropy(outputs, labels))
        self.log("accuracy", (outputs.argmax(1) == labels).float().mean())

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs)
        return {"optimizer": optimizer, "lr_scheduler": schedule}


class Clock(Callback):
    """Notes when passes end, and how long their validation took."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.validation_s: list[float] = []

    def on_validation_start(self, *_: object) -> None:
        self.validating = time.perf_counter()

    def on_validation_end(self, *_: object) -> None:
        self.validation_s.append(time.perf_counter() - self.validating)

    def on_train_epoch_end(self, *_: object) -> None:
        self.ends.append(time.perf_counter())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--network", required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="", help="A state dict in timm's names.")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    seed_everything(chosen.seed, workers=True, verbose=False)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    network = timm.create_model(chosen.network, checkpoint_path=chosen.weights)
    square = [transforms.Resize(chosen.size), transforms.CenterCrop(chosen.size)]
    last = [
        transforms.ToTensor(),
        transforms.Normalize(network.default_cfg["mean"], network.default_cfg["std"]),
    ]
    train = ImageFolder(
        chosen.data / "train",
        transforms.Compose([*square, transforms.RandomHorizontalFlip(), *last]),
    )
    val = ImageFolder(chosen.data / "val", transforms.Compose([*square, *last]))
    network.reset_classifier(len(train.classes))
    kept = {"num_workers": chosen.workers, "persistent_workers": chosen.workers > 0}
    clock = Clock()
    trainer = Trainer(
        max_epochs=chosen.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[clock],
    )
    trainer.fit(
        Classifier(network, chosen.epochs),
        DataLoader(train, batch_size=chosen.batch, shuffle=True, **kept),
        DataLoader(val, batch_size=chosen.batch, **kept),
    )
    facts = {
        "ends": clock.ends,
        "validation_s": clock.validation_s,
        "images": len(train),
        "accuracy": float(trainer.callback_metrics["accuracy"]),
        "threads": torch.get_num_threads(),
        "workers": chosen.workers,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
