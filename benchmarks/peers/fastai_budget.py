"""fastai's `fine_tune` with its defaults, for as many epochs as fit into a budget of wall time.

Run by rivals.py with a Python that has fastai. DATA holds class folders under train, val and test.
What fits is found out by timing a few batches, on a clock that does not count; in its favour, too,
the images are as large as allows at least one frozen and one unfrozen pass, and a pass that would
end too late is cut rather than lost. Writes what is said of the test part and prints facts as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from fastai.vision.all import (
    Callback,
    CancelFitException,
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    accuracy,
    get_image_files,
    set_seed,
    vision_learner,
)

HALF = (0.5, 0.5, 0.5)  # what these weights were trained with
PROBED = 3  # batches, the first of which is not counted
MOST_EPOCHS = 50


class Deadline(Callback):
    """Ends training when its time is up."""

    def __init__(self, at: float) -> None:
        self.at, self.cut = at, False

    def after_batch(self) -> None:
        if self.training and time.time() > self.at:
            self.cut = True
            raise CancelFitException


def made(data: Path, weights: Path, size: int, seed: int) -> Learner:
    set_seed(seed)
    loaders = ImageDataLoaders.from_folder(
        data,
        train="train",
        valid="val",
        seed=seed,
        item_tfms=Resize(size),
        batch_tfms=Normalize.from_stats(HALF, HALF),
    )
    learner = vision_learner(
        loaders, "tf_efficientnet_lite0", metrics=accuracy, pretrained=False, normalize=False
    )
    state = torch.load(weights, weights_only=True)
    learner.model[0].model.load_state_dict(state, strict=True)
    return learner


def pass_s(learner: Learner, *, frozen: bool) -> float:
    """Seconds of a pass over the training part, from a few batches, with its validation."""
    learner.freeze() if frozen else learner.unfreeze()
    batches = len(learner.dls.train)
    spent: list[float] = []
    learner.create_opt()
    learner.model.train()
    for number, (x, y) in enumerate(learner.dls.train):
        if number == min(PROBED, batches):
            break
        begun = time.perf_counter()
        learner.loss_func(learner.model(x), y).backward()
        learner.opt.step()
        learner.opt.zero_grad()
        spent.append(time.perf_counter() - begun)
    step = min(spent[1:] or spent)
    forward = forward_s(learner)
    return step * batches + forward * len(learner.dls.valid_ds)


def forward_s(learner: Learner) -> float:
    """Seconds that an image takes to be answered, decoding left to the workers."""
    x, _ = learner.dls.one_batch()
    learner.model.eval()
    begun = time.perf_counter()
    with torch.inference_mode():
        learner.model(x)
    return (time.perf_counter() - begun) / len(x)


def costs(chosen: argparse.Namespace, size: int, files: int) -> tuple[float, float]:
    """Seconds of the test and a frozen pass together, and of an unfrozen pass."""
    learner = made(chosen.data, chosen.weights, size, chosen.seed)
    test = 1.2 * forward_s(learner) * files + 1.0
    return test + pass_s(learner, frozen=True), pass_s(learner, frozen=False)


def planned(chosen: argparse.Namespace, files: int, left: float) -> tuple[int, int]:
    """Side of the images and unfrozen passes that fit; the smallest side says what to try."""
    *others, least = chosen.sizes
    fixed, tuned = costs(chosen, least, files)
    for size in others:
        scale = (size / least) ** 2
        if 0.95 * left >= scale * (fixed + tuned):
            larger_fixed, larger_tuned = costs(chosen, size, files)
            epochs = int((0.95 * left - larger_fixed) / larger_tuned)
            if epochs >= 1:
                return size, min(epochs, MOST_EPOCHS)
    return least, max(1, min(int((0.95 * left - fixed) / tuned), MOST_EPOCHS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="A state dict in timm's names.")
    parser.add_argument("--budget", type=float, required=True)
    parser.add_argument("--started", type=float, required=True, help="When the process began.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 160, 128, 96, 64])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    files = get_image_files(chosen.data / "test")
    begun = time.time()
    size, epochs = planned(chosen, len(files), chosen.budget - (begun - chosen.started))
    free = time.time() - begun  # the planning is not charged
    learner = made(chosen.data, chosen.weights, size, chosen.seed)
    reserve = 1.3 * forward_s(learner) * len(files) + 1.0
    watch = Deadline(chosen.started + free + chosen.budget - reserve)
    learner.add_cb(watch)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs)
        shares, _ = learner.get_preds(dl=learner.dls.test_dl(files))
    np.savez(
        chosen.out,
        ids=np.array([str(file.relative_to(chosen.data)) for file in files]),
        probabilities=shares.numpy().astype(np.float64),
        classes=np.array([str(name) for name in learner.dls.vocab]),
    )
    facts = {"size": size, "epochs": epochs, "cut": watch.cut, "uncharged_s": free}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
