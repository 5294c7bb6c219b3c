"""Which labels the audit of augmentation finds broken, by set and kind of variation.

    python benchmarks/label_survival.py --data DIR [--draws 5]

DIR holds mnist_png, clothing10, cifar10_small and xray3 (class folders, under `train` if there is
such a folder). The digits are scikit-learn's. Of each set up to 200 images a class are shown at
32 px, once for every draw of the images. Whatever is found by presets, policies, erasing, small
turns, or on photographs, is a false alarm. The table is in docs/findings.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from phoropter.augment.policies import augmenter
from phoropter.core.recipe import Recipe
from phoropter.core.records import TargetSchema
from phoropter.data.memory import MemoryInputs
from phoropter.training.records import TrainingData
from phoropter.training.surviving import label_gate

SETS = ("mnist_png", "clothing10", "cifar10_small", "xray3")
A_CLASS = 200
SIZE_PX = 32
SUFFIXES = {".png", ".jpg", ".jpeg"}


def _turn(*degrees: int) -> dict[str, Any]:
    return {"data.augment.pipeline": [{"torchvision.RandomRotation": {"degrees": list(degrees)}}]}


def _flip(name: str) -> dict[str, Any]:
    return {"data.augment.pipeline": [{f"torchvision.Random{name}Flip": {"p": 0.5}}]}


KINDS: dict[str, dict[str, Any]] = {
    "turned by 180": _turn(180, 180),
    "up to 180": _turn(-180, 180),
    "up to 30": _turn(-30, 30),
    "upside down": _flip("Vertical"),
    "mirrored": _flip("Horizontal"),
    **{name: {"data.augment.preset": name} for name in ("light", "medium", "strong")},
    "randaugment": {"data.augment.policy": "randaugment"},
    "trivialaugment": {"data.augment.policy": "trivialaugment"},
    "erasing": {"data.augment.erasing": 1.0},
}


def pictures(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, c, h, w) and their classes."""
    root = folder / "train" if (folder / "train").is_dir() else folder
    images, labels = [], []
    for label, place in enumerate(sorted(item for item in root.iterdir() if item.is_dir())):
        files = sorted(item for item in place.rglob("*") if item.suffix.lower() in SUFFIXES)
        for path in files[:A_CLASS]:
            picture = Image.open(path).convert("RGB").resize((SIZE_PX, SIZE_PX))
            images.append(np.asarray(picture).transpose(2, 0, 1))
            labels.append(label)
    return np.stack(images), np.array(labels, dtype=np.int64)


def found(
    images: NDArray[np.uint8], labels: NDArray[np.int64], *, draw: int
) -> Iterator[tuple[str, str]]:
    """Each kind that breaks labels, and which."""
    rows = np.arange(len(labels))
    names = tuple(map(str, range(int(labels.max()) + 1)))
    schema = TargetSchema("classes", names, counts=tuple(np.bincount(labels).tolist()))
    for kind, change in KINDS.items():
        recipe = Recipe().changed(
            {
                "seed": draw,
                "data.size": images.shape[-1],
                "data.channels": images.shape[1],
                "data.augment.flip": False,
                **change,
            }
        )
        vary = augmenter(recipe.data.augment, size=images.shape[-1], channels=images.shape[1])
        data = TrainingData(
            inputs=MemoryInputs(images),
            targets=torch.from_numpy(labels),
            train_rows=rows,
            val_rows=rows[:0],
            train_eval_rows=rows,
            metric=lambda _raw, _rows: 0.0,
            augment=vary,
        )
        gate = label_gate(recipe, data, schema)
        if gate is not None and not gate.passed:
            lost = gate.evidence["lost"]
            cases = (f"{it['class']}->{it['becomes']} {it['taken']}/{it['samples']}" for it in lost)
            yield kind, ", ".join(cases)


def main() -> None:
    """Prints what is found, a line for each set, draw and kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=5)
    chosen = parser.parse_args()
    bunch = load_digits()
    digits = np.rint(bunch.images[:, None] * 15.9375).astype(np.uint8)
    sets = {"digits": (digits, bunch.target.astype(np.int64))}
    sets |= {name: pictures(chosen.data / name) for name in SETS if (chosen.data / name).is_dir()}
    for name, (images, labels) in sets.items():
        for draw in range(chosen.draws):
            for kind, cases in found(images, labels, draw=draw):
                print(f"{name:14} draw {draw}  {kind:15} {cases}", flush=True)
        print(f"{name:14} {len(labels)} images, {len(KINDS)} kinds, {chosen.draws} draws: done")


if __name__ == "__main__":
    main()
