from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from phoropter.core.errors import InputError
from phoropter.data import decode as module
from phoropter.data.decode import UnreadableImageError, decode, decode_with_header, header


def gradient(height: int = 40, width: int = 60) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 2 % 256], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_plain_rgb_is_returned_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    gradient().save(path)
    pixels = decode(path)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.asarray(gradient()))
    assert header(path) == module.Header(40, 60, "RGB", "PNG", 1)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_becomes_three_equal_channels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    stored = gradient().convert(mode)
    stored.save(path)
    pixels = decode(path)
    assert np.array_equal(pixels[..., 0], np.asarray(stored.convert("L")))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_sixteen_bit_grey_is_scaled_by_257(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        assert header(tmp_path / name).mode.startswith("I;16")
        assert decode(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_wide_integer_grey_is_taken_as_sixteen_bit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-5, 65535, 10**6]], dtype=np.int32)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif")[0, :, 1].tolist() == [0, 255, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([-3.0, -3.0, -3.0], [0, 0, 0]),
        ([float("nan"), 0.5, float("inf")], [0, 128, 0]),
    ],
)
def test_floating_point_grey(tmp_path: Path, values: list[float], expected: list[int]) -> None:
    Image.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "a.tif")
    assert decode(tmp_path / "a.tif")[0, :, 0].tolist() == expected


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    layered = Image.new("RGBA", (3, 1), (200, 0, 0, 255))
    layered.putpixel((1, 0), (200, 0, 0, 0))
    layered.putpixel((2, 0), (0, 0, 0, 51))
    layered.save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png")[0].tolist() == [[200, 0, 0], [255] * 3, [204] * 3]


def test_palette_with_a_transparent_colour_lies_on_white(tmp_path: Path) -> None:
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([10, 20, 30, 40, 50, 60])
    indexed.putpixel((1, 0), 1)
    for transparency in (1, b"\xff\x00"):
        indexed.save(tmp_path / "a.png", transparency=transparency)
        assert decode(tmp_path / "a.png")[0].tolist() == [[10, 20, 30], [255, 255, 255]]


def test_grey_with_alpha(tmp_path: Path) -> None:
    Image.new("LA", (1, 1), (0, 0)).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png")[0].tolist() == [[255, 255, 255]]


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert header(tmp_path / "a.jpg").mode == "CMYK"
    red, green, blue = decode(tmp_path / "a.jpg")[4, 4].tolist()
    assert red > 240
    assert max(green, blue) < 15


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert header(tmp_path / "a.gif").frames == 3
    head, pixels = decode_with_header(tmp_path / "a.gif")
    assert head.frames == 3
    assert pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_orientation_against_pillow(tmp_path: Path, orientation: int, suffix: str) -> None:
    from PIL import ImageOps

    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    gradient().save(path, exif=exif)
    with Image.open(path) as stored:
        stored.load()
        expected = ImageOps.exif_transpose(stored).convert("RGB")
    pixels = decode(path)
    assert np.array_equal(pixels, np.asarray(expected))
    head = header(path)
    assert (head.height, head.width) == pixels.shape[:2]
    assert decode_with_header(path)[0] == head


def test_orientation_out_of_range_or_broken_exif_is_ignored(tmp_path: Path) -> None:
    for number, exif in enumerate([b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"]):
        path = tmp_path / f"{number}.jpg"
        gradient().save(path, exif=exif)
        assert decode(path).shape == (40, 60, 3)


def test_name_and_extension_do_not_matter(tmp_path: Path) -> None:
    for name in ("a.jpg", "no extension", "é\n한글 \U0001f338.png", "-rf", "100%.jpg"):
        gradient().save(tmp_path / name, format="PNG")
        assert header(tmp_path / name).format == "PNG"
        assert decode(tmp_path / name).shape == (40, 60, 3)


@pytest.mark.parametrize("suffix", [".bmp", ".gif", ".ppm", ".tif", ".webp", ".avif", ".jp2"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    gradient().save(tmp_path / f"a{suffix}")
    assert decode(tmp_path / f"a{suffix}").shape == (40, 60, 3)


def test_draft_keeps_the_short_side_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    gradient(400, 600).save(path)
    assert decode(path, min_side_px=100).shape == (100, 150, 3)
    assert decode(path, min_side_px=101).shape == (200, 300, 3)
    assert decode(path, min_side_px=1000).shape == (400, 600, 3)
    assert header(path).height == decode_with_header(path, min_side_px=50)[0].height == 400


def test_draft_also_serves_turned_images(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    gradient(400, 600).save(tmp_path / "a.jpg", exif=exif)
    assert decode(tmp_path / "a.jpg", min_side_px=90).shape == (150, 100, 3)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    gradient().save(buffer, format="JPEG")
    return buffer.getvalue()


def png() -> bytes:
    buffer = io.BytesIO()
    gradient().save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (bytes(300), "only zeros"),
        (b"hello, I am a text", "text"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'<?xml version="1.0"?><svg></svg>', "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04\0\0", "ZIP"),
        (bytes(range(200, 256)), "no image format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "text"),
        (jpeg()[: len(jpeg()) * 6 // 10], "truncated"),
        (jpeg()[:-20], "truncated"),
        (png()[: len(png()) // 2], "truncated"),
        (bytes(200) + jpeg()[200:], "no image format"),
    ],
    ids=lambda value: f"{zlib.crc32(value):08x}" if isinstance(value, bytes) else value,
)
def test_what_is_no_image_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError) as caught:
        decode(path)
    assert reason in caught.value.reason
    assert repr(str(path)) in str(caught.value)
    assert isinstance(caught.value, InputError)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="no such file"):
        decode(tmp_path / "missing.png")
    with pytest.raises(UnreadableImageError, match="directory"):
        header(tmp_path)


@pytest.mark.parametrize("side", [13_400, 40_000])
def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )
    for function in (header, decode):
        with pytest.raises(UnreadableImageError, match="178,956,970"):
            function(path)


def test_limit_holds_even_where_pillows_own_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradient().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(module, "MAX_PIXELS", 2399)
    with pytest.raises(UnreadableImageError, match="60 x 40 pixels"):
        header(tmp_path / "a.png")


def test_pillows_warning_about_large_images_stays_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gradient().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1300)
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(tmp_path / "a.png").shape == (40, 60, 3)
    assert warnings.filters == before


def test_filters_are_restored_after_threads(tmp_path: Path) -> None:
    gradient().save(tmp_path / "a.png")
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [decode(tmp_path / "a.png") for _ in range(30)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_large_images_pass_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient().save(tmp_path / "a.png")
    monkeypatch.setattr(module, "LARGE_PIXELS", 100)
    assert np.array_equal(decode(tmp_path / "a.png"), np.asarray(gradient()))
    small = decode(tmp_path / "a.png", min_side_px=5)
    blocks = np.asarray(gradient()).reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - blocks).max() <= 0.5


def seeds() -> list[bytes]:
    contents = [jpeg(), png()]
    for form in ("GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF"):
        buffer = io.BytesIO()
        gradient(12, 12).save(buffer, format=form)
        contents.append(buffer.getvalue())
    return contents


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    which=st.integers(0, 8),
    changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
    keep=st.floats(0.05, 1.0),
)
def test_mutated_bytes_give_pixels_or_the_one_error(
    tmp_path: Path, which: int, changes: list[tuple[float, int]], keep: float
) -> None:
    content = bytearray(SEEDS[which])
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path / "mutant"
    path.write_bytes(content[: max(1, int(keep * len(content)))])
    try:
        pixels = decode(path, min_side_px=8)
    except UnreadableImageError as error:
        reason = error.reason
    else:
        reason = "none"
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.dtype == np.uint8
    assert reason
    assert "\n" not in reason


SEEDS = seeds()
