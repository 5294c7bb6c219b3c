"""What the sets are taken from: folders, classes, and how many images of each for which part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from crops import boxes, textures
from glyphs import letters
from idx import garments, last_garments, more_garments
from symbols import icons, scripts
from tiles import tiles
from windows import Windows, cells, surfaces

COPIES = Path(__file__).with_name("copies.txt")
"""Copies that looking at the sets found, each seen to be true. They would be right findings, and
the runs on them not healthy."""


@dataclass(frozen=True)
class Source:
    """Where a set comes from, and how much of it is taken.

    Args:
        folder: Its name under the data folder, "" if built in.
        classes: Those taken.
        side: Pixels that the images are brought to.
        counts: Images of each class for train, val and test.
        grey: Whether colour is dropped (there is none).
        alike: Correlation of the pixels from which two photographs are one, and one is left out.
        copies: Further copies, of other classes, cropped or mirrored, CLASS/NAME as in `COPIES`.
        skipped: Images of each class, the first by name, that are another set's.
        places: Where the images of a class are, "{}" for its name.
        windows: What cuts the images from larger pictures instead, draws or unpacks them: a
            function of `windows.py`, `crops.py`, `glyphs.py`, `symbols.py`, `tiles.py` or `idx.py`.
    """

    folder: str
    classes: tuple[str, ...]
    side: int
    counts: tuple[int, int, int]
    grey: bool = False
    alike: float = 1.0
    copies: tuple[str, ...] = ()
    skipped: int = 0
    places: str = "*/{}/*"
    windows: Callable[[Path, tuple[str, ...], int], list[Windows]] | None = None


_TAKEN = {
    "digits": Source("", tuple("0123456789"), 8, (110, 40, 10), grey=True),
    "cifar_a": Source("cifar10_small", ("frog", "ship"), 32, (200, 100, 8), alike=0.85),
    "ants_bees": Source("ants_bees", ("ants", "bees"), 128, (120, 60, 10), alike=0.85),
    "mnist": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True),
    "cifar_b": Source("cifar10_small", ("deer", "truck"), 32, (200, 100, 20), alike=0.85),
    "mnist_b": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True, skipped=340),
    "cifar_c": Source("cifar10_small", ("automobile", "horse"), 32, (200, 100, 20), alike=0.85),
    "clothes": Source("clothing10", ("pants", "t-shirt"), 128, (52, 24, 8), alike=0.95),
    "cifar_d": Source("cifar10_small", ("airplane", "dog"), 32, (200, 100, 20), alike=0.85),
    "mnist_c": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True, skipped=680),
    "xray3": Source("xray3", ("Covid-19", "No_findings"), 128, (66, 34, 14), grey=True, alike=0.95),
    "cifar_e": Source("cifar10_small", ("bird", "cat"), 32, (500, 240, 40), alike=0.85),
    "garments": Source(
        "shift_cls_dev",
        ("dress", "longsleeve", "shoes"),
        128,
        (32, 14, 8),
        alike=0.95,
        places="t*[ne]/{}/*",  # train and test_same, not test_shifted, which is blurred
    ),
    "streets": Source(
        "camvid_small",
        ("building", "road", "tree"),
        24,
        (270, 110, 20),
        alike=0.95,
        windows=surfaces,
    ),
    "cells": Source(
        "nuclei_inst", ("middle", "edge"), 24, (260, 110, 30), grey=True, alike=0.98, windows=cells
    ),
    "apparel": Source(
        "fashion_mnist",
        ("trouser", "dress", "sandal", "bag", "boot"),
        28,
        (300, 120, 20),
        grey=True,
        windows=garments,
    ),
    "tops": Source(
        "fashion_mnist",
        ("t-shirt", "pullover", "sneaker"),
        28,
        (400, 160, 20),
        grey=True,
        windows=garments,
    ),
    "sleeves": Source(
        "fashion_mnist", ("coat", "shirt"), 28, (600, 250, 20), grey=True, windows=garments
    ),
    "cifar_f": Source(
        "cifar10_small",
        ("frog", "horse", "truck"),
        32,
        (340, 150, 20),
        alike=0.85,
        skipped=650,
    ),
    "cifar_g": Source(
        "cifar10_small",
        ("dog", "ship"),
        32,
        (330, 140, 20),
        alike=0.85,
        skipped=650,
    ),
    "kerbs": Source(
        "camvid_small",
        ("car", "pavement"),
        16,
        (190, 80, 20),
        alike=0.95,
        windows=surfaces,
    ),
    "wardrobe": Source(
        "fashion_mnist",
        ("t-shirt", "trouser", "pullover", "dress", "bag", "boot"),
        28,
        (200, 100, 20),
        grey=True,
        windows=more_garments,
    ),
    "shoes": Source(
        "fashion_mnist",
        ("sandal", "sneaker"),
        28,
        (500, 220, 20),
        grey=True,
        windows=more_garments,
    ),
    "cifar_h": Source(
        "cifar10_small",
        ("automobile", "deer"),
        32,
        (340, 150, 20),
        alike=0.85,
        skipped=650,
    ),
    "letters": Source(
        "aenigma", tuple("ACEHKS"), 28, (170, 70, 12), grey=True, alike=0.95, windows=letters
    ),
    "textures": Source(
        "skimage",
        ("grass", "gravel"),
        24,
        (290, 120, 20),
        grey=True,
        alike=0.95,
        windows=textures,
    ),
    "raccoons": Source(
        "raccoon_voc", ("raccoon", "beside"), 112, (84, 40, 8), alike=0.95, windows=boxes
    ),
    "scripts": Source(
        "noto",
        ("hieroglyphs", "cuneiform", "yi", "tangut"),
        24,
        (220, 100, 16),
        grey=True,
        alike=0.85,
        windows=scripts,
    ),
    "icons": Source(
        "material_icons",
        ("filled", "outline"),
        24,
        (280, 120, 16),
        grey=True,
        alike=0.85,
        windows=icons,
    ),
    "tiles": Source(
        "crossfire",
        ("wall", "creature"),
        32,
        (116, 56, 8),
        alike=0.75,
        windows=tiles,
    ),
    "closet": Source(
        "fashion_mnist",
        ("coat", "dress", "sandal", "bag"),
        28,
        (250, 120, 16),
        grey=True,
        windows=last_garments,
    ),
    "outfits": Source(
        "fashion_mnist",
        ("t-shirt", "trouser", "pullover", "boot"),
        28,
        (200, 110, 16),
        grey=True,
        windows=last_garments,
    ),
}


def _without_copies(taken: Mapping[str, Source]) -> dict[str, Source]:
    """The same with what `COPIES` lists, "SET CLASS/NAME" a line."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for line in COPIES.read_text().splitlines():
        name, _, copy = line.partition(" ")
        found[name] += (copy,)
    return {name: replace(source, copies=found[name]) for name, source in taken.items()}


SOURCES = _without_copies(_TAKEN)
