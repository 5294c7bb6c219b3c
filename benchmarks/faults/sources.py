"""What the sets are taken from: folders, classes, and how many images of each for which part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from windows import Windows, cells, surfaces


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
        copies: Further copies, of other classes, cropped or mirrored, seen to be true.
            They would be right findings, and the runs on them not healthy.
        skipped: Images of each class, the first by name, that are another set's.
        places: Where the images of a class are, "{}" for its name.
        windows: What cuts the images from larger pictures instead, a function of `windows.py`.
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


SOURCES = {
    "digits": Source("", tuple("0123456789"), 8, (110, 40, 10), grey=True),
    "cifar_a": Source(
        "cifar10_small",
        ("frog", "ship"),
        32,
        (200, 100, 8),
        alike=0.85,
        copies=(
            "frog/0095.jpg",
            "frog/0736.jpg",
            "frog/1453.jpg",
            "ship/0714.jpg",
            "frog/2342.jpg",
        ),
    ),
    "ants_bees": Source("ants_bees", ("ants", "bees"), 128, (120, 60, 10), alike=0.85),
    "mnist": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True),
    "cifar_b": Source(
        "cifar10_small",
        ("deer", "truck"),
        32,
        (200, 100, 20),
        alike=0.85,
        copies=(
            "deer/1398.jpg",
            "deer/1624.jpg",
            "deer/1632.jpg",
            "deer/1005.jpg",
            "deer/0589.jpg",
            "deer/0902.jpg",
            "deer/2138.jpg",
            "truck/0229.jpg",
            "truck/1744.jpg",
            "truck/0606.jpg",
        ),
    ),
    "mnist_b": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True, skipped=340),
    "cifar_c": Source(
        "cifar10_small",
        ("automobile", "horse"),
        32,
        (200, 100, 20),
        alike=0.85,
        copies=(
            "automobile/0277.jpg",
            "automobile/0337.jpg",
            "automobile/0357.jpg",
            "automobile/0560.jpg",
            "automobile/0742.jpg",
            "automobile/0759.jpg",
            "automobile/0784.jpg",
            "automobile/0896.jpg",
            "automobile/1523.jpg",
            "automobile/1577.jpg",
            "automobile/1590.jpg",
            "automobile/1732.jpg",
            "automobile/2120.jpg",
            "automobile/2138.jpg",
            "automobile/2139.jpg",
            "horse/1333.jpg",
            "horse/2028.jpg",
        ),
    ),
    "clothes": Source("clothing10", ("pants", "t-shirt"), 128, (52, 24, 8), alike=0.95),
    "cifar_d": Source(
        "cifar10_small",
        ("airplane", "dog"),
        32,
        (200, 100, 20),
        alike=0.85,
        copies=(
            "airplane/0945.jpg",
            "airplane/1377.jpg",
            "airplane/1750.jpg",
            "dog/0622.jpg",
        ),
    ),
    "mnist_c": Source("mnist_png", tuple("0123456789"), 28, (120, 40, 10), grey=True, skipped=680),
    "xray3": Source("xray3", ("Covid-19", "No_findings"), 128, (66, 34, 14), grey=True, alike=0.95),
    "cifar_e": Source(
        "cifar10_small",
        ("bird", "cat"),
        32,
        (500, 240, 40),
        alike=0.85,
        copies=(
            "bird/1274.jpg",
            "bird/1305.jpg",
            "bird/2087.jpg",
            "bird/3391.jpg",
            "bird/3423.jpg",
            "bird/3775.jpg",
            "bird/4349.jpg",
            "cat/0687.jpg",
            "cat/0909.jpg",
            "cat/1651.jpg",
            "cat/2257.jpg",
            "cat/2292.jpg",
            "cat/2388.jpg",
            "cat/3851.jpg",
            "cat/4397.jpg",
            "cat/4602.jpg",
            "cat/4750.jpg",
            "cat/4825.jpg",
            "cat/4873.jpg",
        ),
    ),
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
        copies=(
            "building/0006R0_f01980",
            "building/0016E5_04530",
            "building/0016E5_05580",
            "building/0016E5_08127",
            "building/0016E5_08139",
            "building/0016E5_08149",
            "building/Seq05VD_f02820",
            "road/0016E5_08017",
            "road/Seq05VD_f00600",
            "road/Seq05VD_f02640",
            "tree/0016E5_04560",
            "tree/0016E5_04590",
            "tree/0016E5_04860",
            "tree/0016E5_04920",
            "tree/0016E5_05130",
            "tree/0016E5_05370",
            "tree/0016E5_05490",
            "tree/0016E5_05550",
            "tree/0016E5_05640",
            "tree/0016E5_05730",
            "tree/0016E5_07350",
            "tree/0016E5_07967",
            "tree/0016E5_07991",
            "tree/0016E5_05250",
            "tree/Seq05VD_f02250",
            "tree/Seq05VD_f02280",
            "tree/Seq05VD_f02460",
            "tree/Seq05VD_f02700",
            "road/0016E5_04860",
            "road/Seq05VD_f02070",
            "tree/Seq05VD_f01980",
            "tree/Seq05VD_f02070",
            "tree/Seq05VD_f02100",
            "tree/Seq05VD_f02130",
            "tree/Seq05VD_f02340",
            "tree/Seq05VD_f02370",
            "tree/Seq05VD_f02490",
            "tree/Seq05VD_f02520",
        ),
        windows=surfaces,
    ),
    "cells": Source(
        "nuclei_inst",
        ("middle", "edge"),
        24,
        (260, 110, 30),
        grey=True,
        alike=0.98,
        copies=(
            "edge/453ab234fed99d02ea8ffcebafe7ddbc0954b9ce7bd9cde038a133cf0d508853",
            "edge/a9c172ffd136d7c12e6723bfba9a12f8cfc746668076135f61cb9374b16b9e33",
            "middle/94e3dd72df51cd922a7ca27dedb9c6eb36090f563a90ff939d672bd64783c74d",
        ),
        windows=cells,
    ),
}
