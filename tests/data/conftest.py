from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phoropter.core.records import Normalization, Preprocessing

Painter = Callable[..., Path]


@pytest.fixture
def paint() -> Painter:
    """Writes a small image whose content depends on `seed` and returns its path."""

    def painted(path: Path, *, seed: int = 0, size: tuple[int, int] = (12, 16)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return painted


@pytest.fixture
def class_folders(tmp_path: Path, paint: Painter) -> Callable[[Mapping[str, int]], Path]:
    """Writes `count` images into each folder and returns the root."""

    def written(counts: Mapping[str, int]) -> Path:
        root = tmp_path / "photos"
        root.mkdir()
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True)
            for number in range(count):
                seed += 1
                paint(root / folder / f"{number:03d}.png", seed=seed)
        return root

    return written


@pytest.fixture
def small() -> Preprocessing:
    return Preprocessing(8, "crop", 3, "bilinear", 1.0, Normalization((0.5,) * 3, (0.5,) * 3))
