"""Which changed copies are found: planted ones, by kind, against equal perceptual hashes.

Run: python benchmarks/planted_copies.py --data FOLDER [--copies 150] [--limit N]

FOLDER holds images, for example CIFAR-10 as files. Copies of each kind are made of its pictures,
other ones for each kind, and saved as files would be. Real near copies that the folder itself holds
are looked for first and do not count as errors; `--show FILE` writes them side by side, so that you
can judge them. The peer, in the same run, calls pictures copies if their 64-bit perceptual hashes
are equal (the `imagehash` package, its usual rule). Aim: recall and precision of 0.95 for each.
"""

from __future__ import annotations

import argparse
import io
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from phoropter.look.copies import find_copies

Picture = Image.Image
Pairs = set[tuple[int, int]]


def encoded(image: Picture, quality: int) -> Picture:
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def resized(image: Picture, rng: np.random.Generator) -> Picture:
    factor = rng.choice([0.625, 0.75, 1.5, 2.0])
    return image.resize((round(image.width * factor), round(image.height * factor)), 3)


def cropped(image: Picture, rng: np.random.Generator) -> Picture:
    """28 of 32 pixels, anywhere, enlarged again."""
    width, height = image.width * 7 // 8, image.height * 7 // 8
    x, y = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    return image.crop((x, y, x + width, y + height)).resize(image.size, Image.Resampling.BICUBIC)


def shifted(image: Picture, rng: np.random.Generator) -> Picture:
    """By 2 of 32 pixels in one of eight directions, the border repeated."""
    step = max(image.width // 16, 1)
    down, right = rng.choice([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]) * step
    pixels = np.pad(np.asarray(image), ((step, step), (step, step), (0, 0)), mode="edge")
    y, x = step + down, step + right
    return Image.fromarray(pixels[y : y + image.height, x : x + image.width])


KINDS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "JPEG quality 50": lambda image, _: encoded(image, 50),
    "resized": resized,
    "cropped 28 to 32": cropped,
    "shifted by 2 px": shifted,
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "grey": lambda image, _: image.convert("L"),
    "brightness": lambda image, rng: ImageEnhance.Brightness(image).enhance(rng.choice([0.6, 1.4])),
    "turned by 5 degrees": lambda image, rng: image.rotate(rng.choice([-5, 5]), 3),
}


def thumbnail(image: Picture) -> NDArray[np.uint8]:
    """As the index makes it."""
    grey = image.convert("RGB").convert("L")
    return np.asarray(grey.resize((32, 32), Image.Resampling.BOX), dtype=np.uint8)


def planted(images: list[Picture], count: int) -> tuple[list[Picture], dict[tuple[int, int], str]]:
    """The images and their copies; and of what kind the pair of rows is."""
    rng = np.random.default_rng(0)
    every, truth = list(images), {}
    sources = iter(rng.permutation(len(images)).tolist())
    for kind, change in KINDS.items():
        for _ in range(count):
            source = next(sources)
            truth[source, len(every)] = kind
            copy = change(images[source], rng)
            every.append(copy if kind.startswith("JPEG") else encoded(copy, 90))
    return every, truth


def found(images: list[Picture]) -> Pairs:
    thumbnails = np.stack([thumbnail(image) for image in images])
    return {(int(a), int(b)) for a, b in find_copies(thumbnails, seed=0).pairs}


def hashed(images: list[Picture]) -> Pairs:
    from imagehash import phash

    same = defaultdict(list)
    for row, image in enumerate(images):
        same[str(phash(image))].append(row)
    return {
        (rows[a], rows[b]) for rows in same.values() for b in range(len(rows)) for a in range(b)
    }


def table(name: str, pairs: Pairs, truth: dict[tuple[int, int], str], real: Pairs) -> None:
    """Recall for each kind; and its precision, where a pair counts for the kind of its copy.

    A pair of two relatives of one real near copy, or of a copy and a relative, is no error.
    """
    count = max(second for _, second in truth) + 1
    leader = np.arange(count)
    for first, second in sorted([*truth, *real]):
        leader[leader == leader[second]] = leader[first]
    kind_of = {second: kind for (_, second), kind in truth.items()}
    wrong: dict[str, int] = defaultdict(int)
    for first, second in pairs:
        if leader[first] != leader[second]:
            wrong[kind_of.get(second, "none")] += 1
    errors = sum(wrong.values())
    print(f"\n{name}: {len(pairs)} pairs, {errors} wrong ({wrong['none']} without copies)")
    for kind in KINDS:
        planted_pairs = [pair for pair, of in truth.items() if of == kind]
        hits = sum(pair in pairs for pair in planted_pairs)
        precision = hits / (hits + wrong[kind]) if hits else float("nan")
        print(f"  {kind:20s} recall {hits / len(planted_pairs):.3f}   precision {precision:.3f}")


def show(images: list[Picture], pairs: Pairs, path: Path) -> None:
    """The pairs side by side, ten in a row."""
    side = 64
    sheet = Image.new("RGB", (10 * (2 * side + 6), -(-len(pairs) // 10) * (side + 6)))
    for place, pair in enumerate(sorted(pairs)):
        x, y = place % 10 * (2 * side + 6), place // 10 * (side + 6)
        for offset, row in enumerate(pair):
            sheet.paste(images[row].resize((side, side)), (x + offset * side, y))
    sheet.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=150, help="of each kind")
    parser.add_argument("--limit", type=int, default=None, help="use so many images")
    parser.add_argument("--show", type=Path, default=None)
    arguments = parser.parse_args()
    files = sorted(
        path for path in arguments.data.rglob("*") if path.suffix.lower() in {".jpg", ".png"}
    )
    chosen = np.random.default_rng(0).permutation(len(files))[: arguments.limit]
    images = [Image.open(files[row]).convert("RGB") for row in sorted(chosen)]
    real = found(images)
    print(f"{len(images)} images, {len(real)} pairs of real near copies among them")
    if arguments.show:
        show(images, real, arguments.show)
    every, truth = planted(images, arguments.copies)
    start = time.perf_counter()
    pairs = found(every)
    seconds = time.perf_counter() - start
    table(f"phoropter ({seconds:.0f} s)", pairs, truth, real)
    table("equal perceptual hashes", hashed(every), truth, real)


if __name__ == "__main__":
    main()
