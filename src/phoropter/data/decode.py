"""From a file of unknown quality to RGB pixels, or to the reason why not."""

from __future__ import annotations

import logging
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from phoropter.core.errors import InputError

MAX_PIXELS = 178_956_970
"""Larger pictures are refused by their header: twice Pillow's own warning level, half a gigabyte
as RGB. A real photograph stays below; a few bytes can claim more and fill the memory."""

LARGE_PIXELS = 24_000_000
"""Pictures above this are decoded one at a time, so that threads do not add up their memory."""

_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

BROKEN_METADATA = (OSError, SyntaxError, ValueError)
"""What Pillow raises at damaged EXIF data: found by changing bytes of files 300,000 times."""

_PILLOW_LOG = logging.getLogger("PIL")
_large_gate = threading.Lock()


class UnreadableImageError(InputError):
    """A file cannot be used as an image; `reason` says why in a few words."""

    def __init__(self, reason: str, *, path: Path | None = None) -> None:
        where = "The file" if path is None else repr(str(path))
        super().__init__(f"{where} cannot be read as an image: {reason}.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says about itself before it is decoded.

    Args:
        height: Pixels from top to bottom, as shown (the camera's rotation applied).
        width: Pixels from left to right, as shown.
        mode: Pillow's name for the kind of pixels as stored ("RGB", "L", "CMYK", "I;16", ...).
        format: "JPEG", "PNG", ... by content, whatever the file is called.
        frames: Pictures in the file; more than 1 for animations and documents.
    """

    height: int
    width: int
    mode: str
    format: str
    frames: int


def header(path: Path) -> Header:
    """The picture's size and kind, read without decoding it.

    Raises:
        UnreadableImageError: If the file is no image of a known format or claims too many pixels.
    """
    with _opened(path) as image:
        return _header(image)


def decode(path: Path, *, min_side_px: int | None = None) -> NDArray[np.uint8]:
    """The picture as shown, (h, w, 3) uint8 RGB, rotated as its EXIF says.

    Grey becomes RGB, 16 bits become 8 by one fixed scale, CMYK and palettes are converted,
    transparency lies on white, of an animation the first frame counts.

    Args:
        path: The file; its name and extension do not matter.
        min_side_px: Where a JPEG's shorter side is larger, it may be decoded at 1/2, 1/4 or 1/8
            scale (by its DCT blocks, several times faster) as long as the side stays at least
            this long; very large images of other formats are reduced to no less than twice this.

    Raises:
        UnreadableImageError: If the file is no image, is damaged or truncated, or is too large.
    """
    with _opened(path) as image:
        return _decoded(image, min_side_px)


def decode_with_header(
    path: Path, *, min_side_px: int | None = None
) -> tuple[Header, NDArray[np.uint8]]:
    """What `header` and `decode` give, with the file opened once.

    Raises:
        UnreadableImageError: As `decode`.
    """
    with _opened(path) as image:
        head = _header(image)  # first: a reduced scale changes what the image says of its size
        return head, _decoded(image, min_side_px)


def decode_values(path: Path) -> tuple[Header, NDArray[np.int32]]:
    """A mask's header and its pixels' values as stored, (h, w) int32, not turned.

    Palettes give their index and grey of any depth its number. A colour gives 65536 r + 256 g + b,
    or its grey where all pixels of the picture are grey; transparency does not count.

    Raises:
        UnreadableImageError: As `decode`; also if the values are no whole numbers.
    """
    with _opened(path) as image:
        head = _header(image)
        if image.width * image.height <= LARGE_PIXELS:
            return head, _values(image)
        with _large_gate:
            return head, _values(image)


def _values(image: Image.Image) -> NDArray[np.int32]:
    image.load()
    if image.mode == "F":
        raise UnreadableImageError("its values are no whole numbers")
    if image.mode in {"LA", "La", "PA"}:
        image = image.getchannel(0)
    if image.mode in {"1", "L", "P"} or image.mode.startswith("I"):
        return np.asarray(image).astype(np.int32)
    colours = np.asarray(image.convert("RGB"))
    red, green, blue = colours[..., 0], colours[..., 1], colours[..., 2]
    packed = red.astype(np.int32)
    if (red == green).all() and (green == blue).all():
        return packed
    for channel in (green, blue):
        packed <<= 8
        packed |= channel
    return packed


def _header(image: Image.Image) -> Header:
    width, height = image.size
    if _orientation(image) >= 5 and image.format != "TIFF":  # Pillow has turned TIFF's size itself
        width, height = height, width
    return Header(
        height=height,
        width=width,
        mode=image.mode,
        format=image.format or "",
        frames=getattr(image, "n_frames", 1),
    )


def _decoded(image: Image.Image, min_side_px: int | None) -> NDArray[np.uint8]:
    if min_side_px is not None:
        scale = min_side_px / min(image.size)
        width, height = (math.ceil(side * scale) for side in image.size)
        image.draft(None, (width, height))
    if image.width * image.height <= LARGE_PIXELS:
        return _pixels(image)
    with _large_gate:
        # Means of whole blocks, down to twice what is needed: the rest is left to a finer filter.
        factor = min(image.size) // (2 * min_side_px) if min_side_px else 1
        return _pixels(image, block=max(1, factor))


def _pixels(image: Image.Image, *, block: int = 1) -> NDArray[np.uint8]:
    image.load()
    turn = _TURNS.get(_orientation(image))
    flat = _flat(image)
    if block > 1:
        flat = flat.reduce(block)
    if turn is not None:
        flat = flat.transpose(turn)
    return np.array(flat, dtype=np.uint8)


def _flat(image: Image.Image) -> Image.Image:
    """The image as plain RGB."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        ground = Image.new("RGB", layered.size, "white")
        ground.paste(layered, mask=layered.getchannel("A"))
        return ground
    return image.convert("RGB")


def _eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Grey values of more than 8 bits, brought to 8 by a scale that is the same for every image.

    Integers are taken as 16-bit. Floating-point grey has no fixed range: values within [0, 1]
    are shares, values within [0, 255] stay, anything else is stretched from least to greatest.
    """
    if np.issubdtype(values.dtype, np.integer):
        wide = np.clip(values.astype(np.int64), 0, 65_535)
        return ((wide + 128) // 257).astype(np.uint8)
    real = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = real.min(), real.max()
    if low >= 0 and high <= 1:
        real = real * 255
    elif low < 0 or high > 255:
        real = (real - low) * (255 / (high - low)) if high > low else np.zeros_like(real)
    return np.rint(real).astype(np.uint8)


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & image.info.keys():
        return 1  # asking Pillow would decode the whole image to look for a block behind it
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except BROKEN_METADATA:  # the pixels may be sound
        return 1
    return value if isinstance(value, int) else 1


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image with its header read, sizes checked; whatever Pillow raises becomes one error."""
    with quiet:
        try:
            Image.init()
            with Image.open(
                path, formats=[name for name in _FORMATS if name in Image.OPEN]
            ) as image:
                _refuse_oversize(image.width, image.height)
                yield image
        except (UnreadableImageError, MemoryError):
            raise
        except Exception as error:
            raise UnreadableImageError(_reason(path, error), path=path) from error


def _refuse_oversize(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(
            f"{width:,} x {height:,} pixels are more than the {MAX_PIXELS:,} that are decoded"
        )
    if width < 1 or height < 1:
        raise UnreadableImageError("it has no pixels")


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return _what_it_is(path)
    if isinstance(error, Image.DecompressionBombError):
        return f"it claims more than the {MAX_PIXELS:,} pixels that are decoded"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error).partition("\n")[0].strip(" .") or type(error).__name__
    return "the file is truncated" if "truncated" in text.casefold() else f"damaged ({text})"


def _what_it_is(path: Path) -> str:
    """What a file that no decoder knows seems to be."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "the file is empty"
    if not any(start):
        return "it holds only zeros"
    for magic, name in ((b"%PDF", "a PDF"), (b"PK\x03\x04", "a ZIP archive")):
        if start.startswith(magic):
            return f"it is {name}, not an image"
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, not an image"
    if b"<svg" in text:
        return "it is an SVG drawing, which has no pixels"
    if start.isascii() and b"\0" not in start:
        return "it is text, not an image"
    return "it is in no image format that is read, or its first bytes are damaged"


class _QuietPillow:
    """Keeps Pillow's warnings and logs about odd files from the user while any thread decodes.

    `warnings.catch_warnings` alone is not safe in threads: they would restore each other's
    filters. Here the first one in saves them and the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._scope = warnings.catch_warnings()
        self._level = logging.NOTSET

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._scope = warnings.catch_warnings()
                self._scope.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
                self._level = _PILLOW_LOG.level
                _PILLOW_LOG.setLevel(logging.CRITICAL)
            self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._scope.__exit__(kind, error, trace)
                _PILLOW_LOG.setLevel(self._level)


quiet = _QuietPillow()
