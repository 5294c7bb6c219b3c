from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_image

from phoropter.core.records import Normalization, Preprocessing
from phoropter.data.decode import decode
from phoropter.data.preprocess import read_square, side_needed, to_square

PLAIN = Preprocessing(8, "crop", 3, "bilinear", 1.0, Normalization((0.5,), (0.5,)))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    size=st.integers(1, 40),
    resize=st.sampled_from(["crop", "stretch", "letterbox"]),
    channels=st.sampled_from([1, 3]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
    share=st.floats(0.5, 1.0),
)
def test_every_image_becomes_a_square_of_bytes(
    height: int, width: int, size: int, resize: str, channels: int, interpolation: str, share: float
) -> None:
    how = Preprocessing(size, resize, channels, interpolation, share, PLAIN.normalization)
    square = to_square(noise(height, width), how)
    assert square.shape == (channels, size, size)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert square.flags.writeable


def test_a_square_of_the_right_size_is_untouched() -> None:
    image = noise(8, 8)
    for resize in ("crop", "stretch", "letterbox"):
        square = to_square(image, replace(PLAIN, resize=resize))
        assert np.array_equal(square, image.transpose(2, 0, 1))


def test_crop_takes_the_centre() -> None:
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 4:12] = 200
    assert (to_square(image, PLAIN) == 200).all()
    assert to_square(image, replace(PLAIN, resize="stretch")).min() == 0


def test_crop_share_equals_resizing_all_and_cutting_the_centre() -> None:
    image = np.kron(noise(8, 8), np.ones((8, 8, 1), np.uint8))
    how = replace(PLAIN, size=16, crop_share=0.5, interpolation="bicubic")
    whole = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC))
    expected = whole[8:24, 8:24].transpose(2, 0, 1).astype(int)
    inside = (slice(None), slice(2, -2), slice(2, -2))  # the rim sees nothing beyond the cut
    assert np.abs(to_square(image, how).astype(int) - expected)[inside].max() <= 1


def test_letterbox_pads_with_black() -> None:
    square = to_square(np.full((4, 8, 3), 90, np.uint8), replace(PLAIN, resize="letterbox"))
    assert (square[:, 2:6] == 90).all()
    assert square[:, :2].max() == square[:, 6:].max() == 0


@pytest.mark.parametrize("pad", ["reflect", "symmetric"])
@pytest.mark.parametrize(("height", "width"), [(4, 9), (9, 4), (1, 9), (5, 9)])
def test_letterbox_mirrors_as_numpy_and_torchvision_do(pad: str, height: int, width: int) -> None:
    from torch import from_numpy
    from torchvision.transforms.v2 import functional

    image = noise(height, width)
    how = replace(PLAIN, size=9, resize="letterbox", pad=pad)
    top, left = (9 - height) // 2, (9 - width) // 2
    bottom, right = 9 - height - top, 9 - width - left
    expected = np.pad(image, [(top, bottom), (left, right), (0, 0)], mode=pad).transpose(2, 0, 1)
    assert np.array_equal(to_square(image, how), expected)
    if max(top, left, bottom, right) < min(height, width):  # torch pads no further than that
        tensor = from_numpy(image.transpose(2, 0, 1).copy())
        theirs = functional.pad(tensor, [left, top, right, bottom], padding_mode=pad)
        assert np.array_equal(theirs.numpy(), expected)
    grey = to_square(image, replace(how, channels=1))
    assert grey.shape == (1, 9, 9)


def test_reduction_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    square = to_square(stripes, PLAIN)
    assert np.abs(square.astype(int) - 127).max() <= 5


def test_one_channel_is_luminance_and_grey_stays_grey() -> None:
    grey = noise(8, 8)[..., :1]
    one = replace(PLAIN, channels=1)
    expected = grey[..., 0]
    assert np.array_equal(to_square(grey, one)[0], expected)
    assert np.array_equal(to_square(grey[..., 0], one)[0], expected)
    assert np.array_equal(to_square(grey.repeat(3, axis=2), one)[0], expected)
    assert np.array_equal(to_square(grey, PLAIN)[2], expected)


def test_a_long_strip_costs_no_memory() -> None:
    square = to_square(noise(2, 60_000), replace(PLAIN, size=224))
    assert square.shape == (3, 224, 224)


def test_side_needed() -> None:
    assert side_needed(replace(PLAIN, size=224, crop_share=0.875)) == 256
    assert side_needed(replace(PLAIN, size=224, crop_share=0.875, resize="stretch")) == 224


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_reading_a_file_is_decoding_and_squaring(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise(90, 120)).save(path)
    expected = to_square(decode(path, min_side_px=8), PLAIN)
    assert np.array_equal(read_square(path, PLAIN), expected)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """A real photograph, 640 x 427."""
    return Image.fromarray(load_sample_image("china.jpg"))


def turned(orientation: int) -> dict[str, Image.Exif]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        ("RGB", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
        ("RGB", turned(6)),
        ("RGB", turned(3)),
        ("L", {}),
        ("CMYK", {}),
    ],
    ids=["plain", "progressive", "4:4:4", "turned left", "upside down", "grey", "CMYK"],
)
@pytest.mark.parametrize("resize", ["crop", "stretch", "letterbox"])
def test_decoding_at_a_reduced_scale_is_close_to_full_decoding(
    tmp_path: Path, photo: Image.Image, mode: str, how: dict[str, Any], resize: str
) -> None:
    """Within 1 % of the range on average: about what another kernel changes (1.7 of 255)."""
    path = tmp_path / "a.jpg"
    photo.convert(mode).save(path, quality=90, **how)
    wanted = replace(PLAIN, size=64, resize=resize, interpolation="bicubic")
    whole = decode(path)
    assert decode(path, min_side_px=64).size < whole.size / 15
    off = np.abs(to_square(whole, wanted).astype(float) - read_square(path, wanted))
    assert off.mean() < 0.01 * 255
