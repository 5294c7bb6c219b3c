"""EXIF data of every format that has them are read, and damaged ones say nothing."""

import io
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from phoropter.data.decode import UnreadableImageError, header
from phoropter.data.exif import Shot, shot, shots

FORMATS = ("JPEG", "MPO", "TIFF", "WEBP")
SHORT, LONG = 150, 5_000
TOKENS = (b"\0", b"\xff\xff\xff\xff", b"II*\0", b"MM\0*", b"Exif\0\0", b"\x87\x69", b"\x69\x87",
          b"\x7f\xff\xff\xff", b"\0\0\0\0")  # fmt: skip


def photograph(form):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "Model", 6
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA431] = "2024:05:01 09:00:00", "17"
    exif[0x8769] = details  # which Pillow's writer of TIFF asks for
    image = Image.new("RGB", (24, 18), (90, 20, 200))
    more = {"save_all": True, "append_images": [image]} if form == "MPO" else {}
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif, **more)
    return buffer.getvalue()


def mutated(content, draw):
    """The bytes with some changes, most of them where the metadata are."""
    data = bytearray(content)
    for _ in range(int(draw.integers(1, 6))):
        near = min(len(data), 400) if draw.random() < 0.8 else len(data)
        if not near:
            break
        at, length = int(draw.integers(near)), int(draw.integers(1, 30))
        match int(draw.integers(6)):
            case 0:
                data[at] = int(draw.integers(256))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                token = TOKENS[int(draw.integers(len(TOKENS)))]
                data[at : at + len(token)] = token
            case 4:
                data = data[:at]
            case _:
                data[at : at + length] = draw.integers(0, 256, length, dtype=np.uint8).tobytes()
    return bytes(data)


@pytest.mark.parametrize("form", FORMATS)
def test_camera_and_time(form, tmp_path):
    (tmp_path / "a.img").write_bytes(photograph(form))
    assert shot(tmp_path / "a.img") == Shot("Maker Model 17", datetime(2024, 5, 1, 9))


def test_a_few_headers_decide_whether_all_are_asked(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "plain.jpg")
    (tmp_path / "shot.jpg").write_bytes(photograph("JPEG"))
    assert shots(tmp_path, ["plain.jpg"] * 3) == [Shot("", None)] * 3
    assert [bool(one.taken) for one in shots(tmp_path, ["plain.jpg", "shot.jpg"])] == [False, True]


def bombard(form, file, count):
    sound = photograph(form)
    draw = np.random.default_rng(FORMATS.index(form))
    told = 0
    for _ in range(count):
        content = mutated(sound, draw)
        file.write_bytes(content)
        try:
            told += shot(file).taken is not None
            header(file)
        except UnreadableImageError as error:
            assert error.reason  # noqa: PT017 - some mutants are images, some are not
        except Exception as error:
            error.add_note(f"while reading {content!r}")
            raise
    return told


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_metadata_say_nothing(form, tmp_path):
    assert 0 < bombard(form, tmp_path / "mutant", SHORT) < SHORT


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", FORMATS)
def test_much_damaged_metadata_say_nothing(form, tmp_path):
    assert 0 < bombard(form, tmp_path / "mutant", LONG) < LONG
