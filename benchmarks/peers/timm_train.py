"""The steps of timm's train.py with its defaults; the script itself is not in timm's package.

Run by throughput.py with a Python that has timm; prints when each pass ended as JSON. As there:
random crops, flips and colour jitter in worker processes, label smoothing, SGD with Nesterov's
momentum at 0.1 for 256 images, a cosine over the passes, the loss looked up after every step, an
incomplete last batch left out. The warm-up of five passes is left out of so short a training. Its
default of four workers is too many for two cores: as many as there are cores is what is used.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import torch
from timm import create_model
from timm.data import create_dataset, create_loader, resolve_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter, accuracy, random_seed
from torch import nn
from torch.utils.data import DataLoader

DEVICE = torch.device("cpu")


def loader_of(
    folder: Path, config: dict[str, object], *, batch: int, workers: int, training: bool
) -> DataLoader:
    return create_loader(
        create_dataset("", root=str(folder), split="train" if training else "val"),
        input_size=config["input_size"],
        batch_size=batch,
        is_training=training,
        interpolation="random" if training else config["interpolation"],
        mean=config["mean"],
        std=config["std"],
        crop_pct=config["crop_pct"],
        num_workers=workers,
        device=DEVICE,
    )


def train(
    network: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, loss_of: nn.Module
) -> None:
    network.train()
    losses = AverageMeter()
    optimizer.zero_grad()
    for images, labels in loader:
        loss = loss_of(network(images), labels)
        loss.backward()
        optimizer.step()
        losses.update(loss.item(), len(images))
        optimizer.zero_grad()


@torch.inference_mode()
def validated(network: nn.Module, loader: DataLoader) -> float:
    network.eval()
    losses, right = AverageMeter(), AverageMeter()
    for images, labels in loader:
        outputs = network(images)
        losses.update(nn.functional.cross_entropy(outputs, labels).item(), len(images))
        right.update(accuracy(outputs, labels)[0].item(), len(images))
    return right.avg / 100


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
    random_seed(chosen.seed)
    network = create_model(chosen.network, checkpoint_path=chosen.weights)
    network.reset_classifier(sum(1 for _ in (chosen.data / "train").iterdir()))
    config = resolve_data_config({"img_size": chosen.size}, model=network)
    shared = {"batch": chosen.batch, "workers": chosen.workers}
    loader = loader_of(chosen.data, config, training=True, **shared)
    held_out = loader_of(chosen.data, config, training=False, **shared)
    rate = 0.1 * chosen.batch / 256
    optimizer = create_optimizer_v2(network, opt="sgd", lr=rate, momentum=0.9, weight_decay=2e-5)
    schedule, epochs = create_scheduler_v2(optimizer, sched="cosine", num_epochs=chosen.epochs)
    loss_of = LabelSmoothingCrossEntropy(0.1)
    ends, validation_s, right = [], [], 0.0
    for epoch in range(epochs):
        train(network, loader, optimizer, loss_of)
        trained = time.perf_counter()
        right = validated(network, held_out)
        schedule.step(epoch + 1)
        ends.append(time.perf_counter())
        validation_s.append(ends[-1] - trained)
    facts = {
        "ends": ends,
        "validation_s": validation_s,
        "images": len(loader) * chosen.batch,
        "accuracy": right,
        "threads": torch.get_num_threads(),
        "workers": chosen.workers,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
