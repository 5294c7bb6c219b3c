"""Opens every file once: what cannot be decoded is rejected, the rest is measured."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.events import Listener, Note, Progress, silent
from phoropter.core.records import Dataset, Rejected, Rows
from phoropter.core.tables import read_table, write_table
from phoropter.data.decode import (
    Header,
    UnreadableImageError,
    decode,
    decode_with_header,
    quiet,
)
from phoropter.data.parallel import ordered
from phoropter.data.usable import usable

THUMBNAIL_PX = 32

_DECODE_PX = 2 * THUMBNAIL_PX  # twice the thumbnail, so that its pixels are true averages
_SIDE = 64  # of the square on which sharpness and entropy are measured, so that sizes compare
_VERSION = 2  # raise when a column changes its meaning, so that old caches are not reused
_BLOCK_FILES = 256
_BLOCK_S = 0.5
_KEEP_EVERY_S = 30.0
"""What was measured is written this often, so that a kill costs no more than that."""

_KEY = ("path", "size_bytes", "mtime_ns")
MEASURED: dict[str, type[pl.DataType]] = {
    "digest": pl.String,
    "height": pl.Int64,
    "width": pl.Int64,
    "mode": pl.String,
    "format": pl.String,
    "frames": pl.Int64,
    "brightness": pl.Float64,
    "contrast": pl.Float64,
    "sharpness": pl.Float64,
    "entropy": pl.Float64,
    "problem": pl.String,
    "thumbnail": pl.Binary,
}
"""Columns that the index adds, measured from the content of each file."""

_SCHEMA: dict[str, type[pl.DataType]] = {
    "path": pl.String,
    "size_bytes": pl.Int64,
    "mtime_ns": pl.Int64,
    **MEASURED,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """One file, decoded.

    Args:
        digest: Of its bytes.
        head: What it says of itself.
        histogram: Of its grey pixels, 256 counts.
        square: Grey, of `_SIDE` pixels a side.
        thumbnail: Grey, of `THUMBNAIL_PX` pixels a side, as bytes.
    """

    digest: str
    head: Header
    histogram: list[int]
    square: Image.Image
    thumbnail: bytes


def index(dataset: Dataset, *, cache: Path | None = None, listener: Listener = silent) -> Dataset:
    """The data set with every file decoded once: unreadable ones rejected, the others measured.

    Adds the columns `size_bytes`, `mtime_ns`, `digest` (BLAKE2b-128 of the bytes), `height` and
    `width` (pixels, as shown), `mode`, `format`, `frames`, and of grey in [0, 1] the mean
    (`brightness`), the standard deviation (`contrast`), the variance of the Laplacian (`sharpness`,
    at 64 x 64 pixels) and the entropy of its histogram in bits (`entropy`). Samples that are no
    images stay as they are: their reader has read them whole.

    Args:
        dataset: As a reader gives it.
        cache: A Parquet file of earlier measurements, used where size and time of change are the
            same, and brought up to date.
        listener: Hears of progress, stage "indexing".

    Raises:
        NothingUsableError: If no sample, or fewer than two classes, are left.
    """
    if dataset.modality != "image":
        return dataset
    measured = _measurements(dataset, cache, listener=listener)
    columns = [name for name in _SCHEMA if name != "thumbnail"]
    table = dataset.table.join(
        measured.select(columns), on="path", how="left", maintain_order="left"
    )
    bad = table.filter(pl.col("problem").is_not_null())
    rejected = tuple(
        Rejected(path, problem, "unreadable")
        for path, problem in bad.select("path", "problem").unique(maintain_order=True).iter_rows()
    )
    description = dataset.description
    if rejected:
        description += f"; {len(rejected)} unreadable"
        listener(Note(f"{len(rejected)} of {len(dataset)} images cannot be read."))
    good = table.filter(pl.col("problem").is_null()).drop("problem")
    return usable(
        replace(dataset, table=good, rejected=dataset.rejected + rejected, description=description)
    )


def thumbnails(dataset: Dataset, cache: Path | None) -> NDArray[np.uint8]:
    """The images of an indexed data set as 32 x 32 grey, (n, 32, 32) uint8, in table order.

    They are squashed, not cut, and come from the index's cache where they are in it. Samples that
    are no images have flat ones.

    Args:
        dataset: An indexed data set.
        cache: The file that was given to `index`, or None to decode every image again.
    """
    result = np.zeros((len(dataset), THUMBNAIL_PX, THUMBNAIL_PX), dtype=np.uint8)
    if dataset.modality != "image":
        return result
    measured = _measurements(dataset, cache, listener=silent)
    pictures = dataset.table.select("path").join(
        measured.select("path", "thumbnail"), on="path", how="left", maintain_order="left"
    )["thumbnail"]
    for place, picture in zip(result, pictures, strict=True):
        if picture is not None:
            place[:] = np.frombuffer(picture, dtype=np.uint8).reshape(place.shape)
    return result


def colour_thumbnails(dataset: Dataset, rows: Rows) -> NDArray[np.uint8]:
    """The images of some rows as 32 x 32 RGB, (m, 32, 32, 3) uint8, squashed; decoded anew.

    Raises:
        UnreadableImageError: If a file has changed since it was indexed and is no image any more.
    """
    result = np.empty((len(rows), THUMBNAIL_PX, THUMBNAIL_PX, 3), dtype=np.uint8)
    paths = [dataset.root / path for path in dataset.table["path"].gather(rows)]
    for place, picture in zip(result, ordered(_colour_thumbnail, paths), strict=True):
        place[:] = picture
    return result


def _measurements(dataset: Dataset, cache: Path | None, *, listener: Listener) -> pl.DataFrame:
    """One row for each file of the data set, from the cache or measured now."""
    paths = sorted(set(dataset.table["path"]))
    present = _stated(dataset.root, paths)
    known = present.join(_read_cache(cache), on=_KEY, how="inner")
    new = present.join(known, on="path", how="anti")
    if not new.height:
        return known
    full = known.select(list(_SCHEMA))
    with quiet:  # once, not for each file
        for some in _in_portions(_measured(dataset.root, new, listener=listener)):
            full = pl.concat([full, pl.DataFrame(some, schema=_SCHEMA, orient="row")])
            if cache is not None:
                write_table(cache, full.sort("path"), {"version": str(_VERSION)})
    return full.sort("path")


def _in_portions(rows: Iterator[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    """The rows as they come, in lists; a new one is begun every `_KEEP_EVERY_S` seconds."""
    portion: list[tuple[object, ...]] = []
    begun = time.monotonic()
    for row in rows:
        portion.append(row)
        if time.monotonic() - begun >= _KEEP_EVERY_S:
            yield portion
            portion, begun = [], time.monotonic()
    if portion:
        yield portion


def _stated(root: Path, paths: list[str]) -> pl.DataFrame:
    """Size and time of change of each file; -1 for one that is gone."""
    sizes, times = [], []
    for path in paths:
        try:
            found = (root / path).stat()
        except OSError:  # gone since it was listed: measuring it gives the reason
            sizes.append(-1)
            times.append(-1)
        else:
            sizes.append(found.st_size)
            times.append(found.st_mtime_ns)
    schema = {name: _SCHEMA[name] for name in _KEY}
    return pl.DataFrame({"path": paths, "size_bytes": sizes, "mtime_ns": times}, schema=schema)


def _read_cache(cache: Path | None) -> pl.DataFrame:
    """The measurements of earlier calls; none where the file is missing, damaged or outdated."""
    nothing = pl.DataFrame(schema=_SCHEMA)
    if cache is None or not cache.exists():
        return nothing
    try:
        table, about = read_table(cache)
    except (ValueError, OSError):  # everything in it can be measured again
        return nothing
    sound = about.get("version") == str(_VERSION) and table.schema == pl.Schema(_SCHEMA)
    return table if sound else nothing


def _measured(
    root: Path, files: pl.DataFrame, *, listener: Listener
) -> Iterator[tuple[object, ...]]:
    keys = files.iter_rows()
    read = ordered(lambda path: _read(root / path), files["path"])
    done = 0
    while block := _block(read):
        for values in _rows(block):
            yield (*next(keys), *values)
            done += 1
            listener(Progress("indexing", done, files.height))


def _block(read: Iterator[_Read | str]) -> list[_Read | str]:
    """The next files, as many as are worth it to be measured together; none at the end."""
    block: list[_Read | str] = []
    begun = time.monotonic()
    for one in read:
        block.append(one)
        if len(block) == _BLOCK_FILES or time.monotonic() - begun >= _BLOCK_S:
            break
    return block


def _read(path: Path) -> _Read | str:
    """What is read of one file, or why it cannot be."""
    try:
        head, pixels = decode_with_header(path, min_side_px=_DECODE_PX)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except UnreadableImageError as error:
        return error.reason
    except OSError as error:
        return str(error.strerror).lower()
    grey = Image.fromarray(pixels).convert("L")
    square = grey.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    thumbnail = grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return _Read(digest, head, grey.histogram(), square, thumbnail.tobytes())


def _rows(found: list[_Read | str]) -> Iterator[tuple[object, ...]]:
    """The values of `MEASURED` for each file: all numbers of a block at once."""
    sound = [one for one in found if not isinstance(one, str)]
    numbers = iter(_numbers(sound) if sound else [])
    for one in found:
        if isinstance(one, str):
            yield (*[None] * (len(MEASURED) - 2), one, None)
        else:
            head = one.head
            shape = (head.height, head.width, head.mode, head.format, head.frames)
            yield (one.digest, *shape, *next(numbers), None, one.thumbnail)


def _numbers(read: list[_Read]) -> list[list[float]]:
    """Brightness, contrast, sharpness and entropy of each.

    Source of the variance of the Laplacian as a measure of focus: Pech-Pacheco et al., "Diatom
    autofocusing in brightfield microscopy", ICPR 2000.
    """
    greys = _shares([one.histogram for one in read])
    levels = np.arange(256) / 255
    # Sums of rows, not a matrix product: its last digits would depend on the size of the block.
    mean = (greys * levels).sum(axis=1)
    deviation = np.sqrt((greys * (levels - mean[:, None]) ** 2).sum(axis=1))
    pixels = np.stack([np.asarray(one.square) for one in read]).astype(np.float32) / 255
    around = pixels[:, :-2, 1:-1] + pixels[:, 2:, 1:-1] + pixels[:, 1:-1, :-2] + pixels[:, 1:-1, 2:]
    sharpness = (around - 4 * pixels[:, 1:-1, 1:-1]).var(axis=(1, 2))
    shares = _shares([one.square.histogram() for one in read])
    entropy = (shares * np.log2(1 / np.where(shares > 0, shares, 1))).sum(axis=1)
    values: list[list[float]] = np.stack([mean, deviation, sharpness, entropy], axis=1).tolist()
    return values


def _shares(histograms: list[list[int]]) -> NDArray[np.float64]:
    """Histograms (n, 256) that sum to one."""
    counts = np.asarray(histograms, dtype=np.float64)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _colour_thumbnail(path: Path) -> NDArray[np.uint8]:
    image = Image.fromarray(decode(path, min_side_px=_DECODE_PX))
    return np.asarray(image.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX))
