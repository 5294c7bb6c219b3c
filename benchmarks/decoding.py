"""How fast photographs become squares, against Pillow's full decode and resize.

Run: python benchmarks/decoding.py --photos FOLDER [--rounds N] [--store N]

Photographs of 3 megapixels (2048 x 1536, JPEG of quality 90) are made of those in FOLDER, of three
kinds, for the time depends on what is in a file: `mosaic`, pieces of 256 px side by side as they
are, so that the detail is that of real photographs and the files are large; `mosaic 4:4:4` and
`mosaic, progressive`, the same stored so; `enlarged`, one photograph each, without detail of its
own. Photographs in FOLDER of 2 megapixels and more are taken as they are, as `as found`.

Each file goes through both in turn, on one thread: ours as in training (`read_square`), theirs

    picture = Image.open(path).convert("RGB").resize((224, 224), kernel, box=...)

with the same box and kernel. Difference: mean over pixels and channels, of 255; beside it what
another kernel (bilinear for bicubic) changes of theirs. Then whole sets, ours as a store of decoded
squares on disk, by as many threads as there are cores, theirs through PyTorch's DataLoader with as
many processes. Aim: three times as fast.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import override

from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.images import files_below, is_image
from phoropter.data.index import index
from phoropter.data.open import open_dataset
from phoropter.data.parallel import thread_count
from phoropter.data.preprocess import read_square
from phoropter.data.store import open_store

SIDES = (2048, 1536)
PIECE = 256
FOUND_PIXELS = 2_000_000
HOW = Preprocessing(224, "crop", 3, "bicubic", 0.875, Normalization((0.5,) * 3, (0.25,) * 3))
KINDS: dict[str, dict[str, Any]] = {
    "mosaic": {},
    "mosaic 4:4:4": {"subsampling": 0},
    "mosaic, progressive": {"progressive": True},
    "enlarged": {},
}

Read = Callable[[Path], NDArray[np.uint8]]


def theirs(path: Path, kernel: Image.Resampling = Image.Resampling.BICUBIC) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    side = min(picture.size) * HOW.crop_share
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    square = (HOW.size, HOW.size)
    picture = picture.resize(square, kernel, box=(left, top, left + side, top + side))
    return np.asarray(picture).transpose(2, 0, 1).copy()


def ours(path: Path) -> NDArray[np.uint8]:
    return read_square(path, HOW)


def mosaic(photos: Iterator[Path]) -> Image.Image:
    whole = Image.new("RGB", SIDES)
    for top in range(0, SIDES[1], PIECE):
        for left in range(0, SIDES[0], PIECE):
            piece = Image.open(next(photos)).convert("RGB").crop((0, 0, PIECE, PIECE))
            whole.paste(piece, (left, top))
    return whole


def enlarged(photos: Iterator[Path]) -> Image.Image:
    return Image.open(next(photos)).convert("RGB").resize(SIDES, Image.Resampling.BICUBIC)


def make(folder: Path, photos: list[Path], count: int) -> dict[str, list[Path]]:
    made: dict[str, list[Path]] = {}
    for kind, how in KINDS.items():
        source = cycle(photos)
        paths = [folder / kind / f"{number}.jpg" for number in range(count)]
        paths[0].parent.mkdir()
        for path in paths:
            picture = enlarged(source) if kind == "enlarged" else mosaic(source)
            picture.save(path, quality=90, **how)
        made[kind] = paths
    return made


def pixels(path: Path) -> int:
    with Image.open(path) as image:
        return image.width * image.height


def seconds(read: Read, path: Path) -> float:
    started = time.perf_counter()
    read(path)
    return time.perf_counter() - started


def compare(kind: str, paths: list[Path], rounds: int) -> None:
    times = {
        read: [min(row) for row in zip(*rows, strict=True)]
        for read, rows in alternated(paths, rounds).items()
    }
    ratios = [a / b for a, b in zip(times[theirs], times[ours], strict=True)]
    off = [difference(ours(path), theirs(path)) for path in paths]
    bilinear = [difference(theirs(path, Image.Resampling.BILINEAR), theirs(path)) for path in paths]
    size = median(path.stat().st_size for path in paths) / 1024
    print(
        f"{kind:20} {len(paths):3} files of {size:5.0f} KiB: Pillow "
        f"{1e3 * median(times[theirs]):5.1f} ms, ours {1e3 * median(times[ours]):5.1f} ms, ratio "
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); difference "
        f"{median(off):.2f}, largest {max(off):.2f} (another kernel {median(bilinear):.2f})"
    )


def alternated(paths: list[Path], rounds: int) -> dict[Read, list[list[float]]]:
    times: dict[Read, list[list[float]]] = {theirs: [], ours: []}
    for _ in range(rounds):
        pairs = [(seconds(theirs, path), seconds(ours, path)) for path in paths]
        for read, row in zip(times, zip(*pairs, strict=True), strict=True):
            times[read].append(list(row))
    return times


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


class Photos(torch.utils.data.Dataset[torch.Tensor]):
    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    @override
    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(theirs(self.paths[row]))


def whole_sets(paths: list[Path], count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        for number, path in enumerate(islice(cycle(paths), count)):
            (data / f"c{number % 2}").mkdir(parents=True, exist_ok=True)
            (data / f"c{number % 2}" / f"{number}.jpg").symlink_to(path)
        dataset = index(open_dataset(data))
        files = [dataset.root / name for name in dataset.table["path"]]
        pairs = []
        for number in range(rounds):
            started = time.perf_counter()
            loader = torch.utils.data.DataLoader(
                Photos(files), batch_size=64, num_workers=thread_count()
            )
            read = sum(len(batch) for batch in loader)
            middle = time.perf_counter()
            stored = open_store(dataset, HOW, folder=Path(folder) / f"store{number}")
            pairs.append((middle - started, time.perf_counter() - middle))
            if not read == len(stored) == len(files):
                raise RuntimeError(f"{read}, {len(stored)} and {len(files)} images.")
    them, us = (median(side) for side in zip(*pairs, strict=True))
    print(
        f"whole set of {len(files)} mosaics: DataLoader with {thread_count()} processes "
        f"{them:.2f} s, store by {thread_count()} threads {us:.2f} s, median ratio "
        f"{median(a / b for a, b in pairs):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6, help="Files of each kind.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=int, default=200, help="Photographs of the whole set.")
    chosen = parser.parse_args()
    photos = [path for path in files_below(chosen.photos) if is_image(path)]
    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder), photos, chosen.count)
        if found := [path for path in photos if pixels(path) >= FOUND_PIXELS]:
            made["as found"] = found[: chosen.count]
        for kind, paths in made.items():
            compare(kind, paths, chosen.rounds)
        whole_sets(made["mosaic"], chosen.store, min(chosen.rounds, 3))


if __name__ == "__main__":
    main()
