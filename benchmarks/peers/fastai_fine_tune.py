"""fastai's own short way to a classifier: `fine_tune(1)`, everything else as fastai sets it.

Run by time_to_accuracy.py with a Python that has fastai; prints the validation accuracy as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    Normalize,
    Resize,
    accuracy,
    set_seed,
    vision_learner,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="A state dict in timm's names.")
    parser.add_argument("--valid", default="validation", help="Name of the validation folder.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    set_seed(chosen.seed)
    half = (0.5, 0.5, 0.5)  # what these weights were trained with
    loaders = ImageDataLoaders.from_folder(
        chosen.data,
        train="train",
        valid=chosen.valid,
        item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(half, half),
    )
    learner = vision_learner(
        loaders, "tf_efficientnet_lite0", metrics=accuracy, pretrained=False, normalize=False
    )
    state = torch.load(chosen.weights, weights_only=True)
    learner.model[0].model.load_state_dict(state, strict=True)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(1)
    print(json.dumps({"accuracy": float(learner.recorder.values[-1][-1])}))


if __name__ == "__main__":
    main()
