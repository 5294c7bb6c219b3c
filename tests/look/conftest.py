"""Small tables and real pictures to look at."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from phoropter.core.records import Dataset
from phoropter.look.evidence import LookEvidence

FREE = {"mtime_ns": 0, "mode": "RGB", "format": "JPEG", "height": 100, "width": 100}


def thumbnail(pixels):
    """Grey 32 x 32 of an (h, w) or (h, w, 3) array, as the index makes it."""
    return np.asarray(
        Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.uint8
    )


@pytest.fixture(scope="session")
def patches():
    """A function that cuts up to 120 patches, (n, 64, 64, 3), out of two photographs."""
    photos = load_sample_images().images
    cells = [(p, y, x) for p in range(2) for y in range(0, 384, 64) for x in range(0, 640, 64)]

    def cut(count, seed=0):
        order = np.random.default_rng(seed).permutation(len(cells))[:count]
        chosen = [cells[place] for place in order]
        return np.stack([photos[p][y : y + 64, x : x + 64] for p, y, x in chosen])

    return cut


@pytest.fixture(scope="session")
def digits():
    """The 1,797 handwritten digits as thumbnails, and their labels."""
    data = load_digits()
    scaled = (data.images * 255 / 16).round().astype(np.uint8)
    return np.stack([thumbnail(image) for image in scaled]), data.target.astype(str)


@pytest.fixture
def evidence_of():
    """A function that builds evidence from thumbnails, labels and any columns of the table."""

    def build(
        thumbnails, labels=None, *, features=None, rejected=(), split=None, seed=0, **columns
    ):
        count = len(thumbnails)
        labels = np.zeros(count) if labels is None else np.asarray(labels)
        names = [f"{row:05d}.jpg" for row in range(count)]
        values = {
            "id": names,
            "path": names,
            "target": labels,
            "group": [None] * count,
            "part": [None] * count,
            "part_name": [None] * count,
            "digest": [hashlib.md5(f"{row}".encode()).hexdigest() for row in range(count)],
            "size_bytes": 1000 + np.random.default_rng(seed).integers(0, 300, count),
            **{name: [value] * count for name, value in FREE.items()},
        }
        values |= columns
        text = dict.fromkeys(("group", "part", "part_name"), pl.String)
        table = pl.DataFrame(values, schema_overrides=text)
        task = "regression" if table["target"].dtype.is_numeric() else "classification"
        dataset = Dataset("toy", Path(), "folders", "", task, ("target",), table, rejected)
        return LookEvidence(dataset, split, features, np.asarray(thumbnails), seed)

    return build
