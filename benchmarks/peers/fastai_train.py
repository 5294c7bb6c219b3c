"""fastai's usual way to train a network of timm's: its loaders, its Adam, its one-cycle policy.

Run by throughput.py with a Python that has fastai; prints when each pass ended as JSON. Everything
that is not named here is as fastai sets it: float32, images resized and cropped in as many worker
processes as there are cores, no further augmentation, an incomplete last batch left out.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import timm
import torch
from fastai.vision.all import (
    Callback,
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    accuracy,
    set_seed,
)


class Clock(Callback):
    """Notes when passes end, and how long their validation took."""

    def before_fit(self) -> None:
        self.ends, self.validation_s = [], []

    def before_validate(self) -> None:
        self.validating = time.perf_counter()

    def after_validate(self) -> None:
        self.validation_s.append(time.perf_counter() - self.validating)

    def after_epoch(self) -> None:
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
    parser.add_argument("--workers", type=int, help="Left out: fastai's own choice.")
    chosen = parser.parse_args()
    set_seed(chosen.seed)
    workers = {} if chosen.workers is None else {"num_workers": chosen.workers}
    network = timm.create_model(chosen.network, checkpoint_path=chosen.weights)
    loaders = ImageDataLoaders.from_folder(
        chosen.data,
        train="train",
        valid="val",
        item_tfms=Resize(chosen.size),
        batch_tfms=Normalize.from_stats(network.default_cfg["mean"], network.default_cfg["std"]),
        bs=chosen.batch,
        **workers,
    )
    network.reset_classifier(loaders.c)
    clock = Clock()
    learner = Learner(loaders, network, metrics=accuracy, cbs=clock)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(chosen.epochs)
    facts = {
        "ends": clock.ends,
        "validation_s": clock.validation_s,
        "images": len(loaders.train) * chosen.batch,
        "accuracy": float(learner.recorder.values[-1][-1]),
        "threads": torch.get_num_threads(),
        "workers": loaders.train.fake_l.num_workers,
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
