"""Data sets that come with the package's own dependencies, written once as ordinary files."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from phoropter.data.cache import cache_folder, folder_once
from phoropter.data.digit_scenes import write_digit_scenes

_VERSION = "1"  # raise when the files written change


def builtin_names() -> tuple[str, ...]:
    """The names of the built-in data sets, sorted.

    >>> builtin_names()
    ('blobs', 'breast_cancer', 'diabetes', 'digit_scenes', 'digits', 'iris', 'wine')
    """
    return tuple(sorted(_WRITERS))


def builtin_folder(name: str) -> Path:
    """The folder of a built-in data set, written at the first call.

    It lies in the user's cache, or in the folder that the environment variable PHOROPTER_CACHE
    names, and appears whole or not at all.

    Raises:
        StorageError: If the cache cannot be written.
    """
    folder = cache_folder() / "builtin" / f"{name}-{_VERSION}" / name
    return folder_once(folder, _WRITERS[name])


def _write_digits(folder: Path) -> None:
    """scikit-learn's 1,797 handwritten digits (UCI, 8 x 8, 17 grey levels), one folder a digit."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
        place = folder / str(label)
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04d}.png")


def _write_table(folder: Path, *, load: str) -> None:
    """One of scikit-learn's tables, the classes by their names, the target in the last column."""
    from sklearn import datasets

    bunch = getattr(datasets, load)()
    classes = [str(name) for name in getattr(bunch, "target_names", ())]
    target = [classes[number] for number in bunch.target] if classes else bunch.target.tolist()
    names = [str(name) for name in bunch.feature_names]
    _write_rows(folder, [*names, "target"], bunch.data, target)


def _write_blobs(folder: Path) -> None:
    """Four round clouds of points in a plane, 1,000 in all, which overlap."""
    from sklearn.datasets import make_blobs

    points, numbers = make_blobs(1000, centers=4, cluster_std=2, random_state=2)
    _write_rows(folder, ["x", "y", "target"], points, [f"blob {number}" for number in numbers])


def _write_rows(folder: Path, names: list[str], rows: Any, target: list[Any]) -> None:
    with (folder / f"{folder.name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row, value in zip(rows.tolist(), target, strict=True):
            writer.writerow([*row, value])


_WRITERS: dict[str, Callable[[Path], None]] = {
    "blobs": _write_blobs,
    "breast_cancer": partial(_write_table, load="load_breast_cancer"),
    "diabetes": partial(_write_table, load="load_diabetes"),
    "digit_scenes": write_digit_scenes,
    "digits": _write_digits,
    "iris": partial(_write_table, load="load_iris"),
    "wine": partial(_write_table, load="load_wine"),
}
