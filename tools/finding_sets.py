"""The small data sets, healthy and sick, that the pages of docs/findings show.

    python tools/finding_sets.py mislabelled-digits FOLDER     makes FOLDER/mislabelled-digits
    python tools/finding_sets.py                               lists the names

All are made of what scikit-learn brings along: 1,797 handwritten digits of 8 x 8 pixels, squares
cut from its two photographs, and its table of wines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import finding_photographs as squares
import numpy as np
from finding_photographs import Pixels, write_images
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_wine

Make = Callable[[Path], None]


def make_data(name: str, work: Path) -> str:
    """The place of a data set: the built-in digits, or one of `SETS`, made in `work`."""
    if name == "digits":
        return name
    folder = work / name
    SETS[name](folder)
    return str(folder)


def how_made(names: Iterable[str]) -> str:
    """The commands that make some data sets, as the end of a sentence; "" for the built-in one."""
    made = [name for name in dict.fromkeys(names) if name != "digits"]
    if not made:
        return ""
    words = " and ".join(f"`python tools/finding_sets.py {name} .`" for name in made)
    return f"; {words} {'makes the set' if len(made) == 1 else 'make the sets'}"


def _digits() -> tuple[Pixels, NDArray[np.int64], np.random.Generator]:
    """Images (1797, 8, 8), labels, and draws; mixed, since writers follow each other."""
    bunch, draws = load_digits(), np.random.default_rng(0)
    rows = draws.permutation(len(bunch.target))
    return (bunch.images[rows] * 15.9).astype(np.uint8), bunch.target[rows], draws


def plain_digits(folder: Path, labels: NDArray[np.int64] | None = None) -> None:
    """The built-in digits as files, in no order."""
    images, true, _ = _digits()
    wanted = true if labels is None else labels
    write_images(folder, ((f"{wanted[row]}/{row}", images[row]) for row in range(len(images))))


def numbered_digits(folder: Path) -> None:
    """In the order of their writers, as the files of most collections are."""
    bunch = load_digits()
    images = (bunch.images * 15.9).astype(np.uint8)
    write_images(
        folder, ((f"{bunch.target[row]}/{row}", images[row]) for row in range(len(images)))
    )


def mislabelled_digits(folder: Path) -> None:
    """A fifth of the digits carry the label of another digit."""
    _, labels, draws = _digits()
    wrong = draws.random(len(labels)) < 0.2
    plain_digits(
        folder, np.where(wrong, (labels + draws.integers(1, 10, len(labels))) % 10, labels)
    )


def shuffled_digits(folder: Path) -> None:
    """Labels that have nothing to do with the pictures."""
    _, labels, draws = _digits()
    plain_digits(folder, draws.permutation(labels))


def few_digits(folder: Path) -> None:
    """A hundred digits to learn from, 600 to validate on, the others to test."""
    _portioned(folder, train=100, val=600)


def two_hundred_digits(folder: Path) -> None:
    """Two hundred digits to learn from, 800 to validate on, the others to test."""
    _portioned(folder, train=200, val=800)


def hardly_validated_digits(folder: Path) -> None:
    """Two hundred digits to learn from, 80 to validate on, the others to test."""
    _portioned(folder, train=200, val=80)


def _portioned(folder: Path, *, train: int, val: int) -> None:
    images, labels, draws = _digits()
    keep, sizes = draws.permutation(len(labels)), [train, val, len(labels) - train - val]
    parts = np.repeat(["train", "val", "test"], sizes)[keep.argsort()]
    write_images(folder, ((f"{parts[row]}/{labels[row]}/{row}", images[row]) for row in keep))


def eights(folder: Path) -> None:
    """Eights, and all other digits as one class."""
    images, labels, _ = _digits()
    names = np.where(labels == 8, "eight", "other")
    write_images(folder, ((f"{names[row]}/{row}", images[row]) for row in range(len(labels))))


def unequal_digits(folder: Path) -> None:
    """A tenth of the eights and nines."""
    images, labels, draws = _digits()
    keep = [row for row in range(len(labels)) if labels[row] < 8 or draws.random() < 0.1]
    write_images(folder, ((f"{labels[row]}/{row}", images[row]) for row in keep))


def copied_digits(folder: Path) -> None:
    """Forty files are there twice."""
    plain_digits(folder)
    images, labels, draws = _digits()
    rows = draws.permutation(len(labels))[:40]
    write_images(folder, ((f"{labels[row]}/{row}_copy", images[row]) for row in rows))


def contradicted_digits(folder: Path) -> None:
    """Twenty files are there twice, under two digits."""
    plain_digits(folder)
    images, labels, draws = _digits()
    rows = draws.permutation(len(labels))[:20]
    write_images(folder, ((f"{(labels[row] + 1) % 10}/{row}_again", images[row]) for row in rows))


def parted_digits(folder: Path, change: Callable[[Pixels], Pixels] = lambda image: image) -> None:
    """Given parts; `change` is done to the validation part."""
    images, labels, draws = _digits()
    parts = draws.choice(["train", "val", "test"], len(labels), p=[0.6, 0.2, 0.2])
    write_images(
        folder,
        (
            (f"{part}/{label}/{row}", change(image) if part == "val" else image)
            for row, (image, label, part) in enumerate(zip(images, labels, parts, strict=True))
        ),
    )


def shifted_digits(folder: Path) -> None:
    """Given parts; the validation part was photographed with less light."""
    parted_digits(folder, lambda image: (image * 0.4).astype(np.uint8))


def leaking_digits(folder: Path) -> None:
    """Given parts; fifty validation pictures are in the training part as well."""
    parted_digits(folder)
    for path in sorted((folder / "val").glob("*/*.png"))[::7][:50]:
        (folder / "train" / path.parent.name / path.name).write_bytes(path.read_bytes())


def rare_digits(folder: Path) -> None:
    """Six nines."""
    images, labels, _ = _digits()
    keep = [row for row in range(len(labels)) if labels[row] != 9]
    keep += list(np.flatnonzero(labels == 9)[:6])
    write_images(folder, ((f"{labels[row]}/{row}", images[row]) for row in keep))


def enlarged_digits(folder: Path) -> None:
    """The pictures of sevens have another size."""
    plain_digits(folder)
    for path in (folder / "7").iterdir():
        Image.open(path).resize((12, 10)).save(path)


def damaged_digits(folder: Path) -> None:
    """Thirty files end in the middle."""
    plain_digits(folder)
    for path in sorted(folder.glob("*/*.png"))[::60]:
        path.write_bytes(path.read_bytes()[:60])


def wines(folder: Path) -> None:
    """A table of three kinds of wine."""
    _table(folder, {})


def wines_in_two_units(folder: Path) -> None:
    """Alcohol is there in per cent and in grams a litre."""
    _table(folder, {"alcohol_g_per_l": 7.89 * load_wine(as_frame=True).frame["alcohol"]})


def _table(folder: Path, more: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    frame = load_wine(as_frame=True).frame
    frame.assign(**more).to_csv(folder / "wines.csv", index=False)


SETS: Mapping[str, Make] = {
    make.__name__.replace("_", "-"): make
    for make in (
        plain_digits,
        numbered_digits,
        mislabelled_digits,
        shuffled_digits,
        few_digits,
        two_hundred_digits,
        hardly_validated_digits,
        eights,
        unequal_digits,
        copied_digits,
        contradicted_digits,
        parted_digits,
        shifted_digits,
        leaking_digits,
        rare_digits,
        enlarged_digits,
        damaged_digits,
        squares.photographs,
        squares.large_photographs,
        squares.nearly_copied_photographs,
        squares.odd_photographs,
        squares.photographs_of_two_sizes,
        squares.tiny_photographs,
        wines,
        wines_in_two_units,
    )
}


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(make_data(sys.argv[1], Path(sys.argv[2])))
    else:
        print("\n".join(SETS))
