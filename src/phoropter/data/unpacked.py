"""Containers of images (arrays, archives, objects of other libraries) as ordinary files.

They are unpacked once, into the cache: images that are encoded keep their bytes, arrays become PNG.
A table beside them, `unpacked.parquet`, keeps what the container says of each.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from phoropter.core.errors import CorruptFileError, InputError, UsageError
from phoropter.core.records import PARTS, Dataset, Rejected
from phoropter.data.cache import cache_folder, check_space, folder_by_content, folder_once
from phoropter.data.decode import MAX_PIXELS
from phoropter.data.parts import part_of

MANIFEST = "unpacked.parquet"
TARGET = "label"

LARGEST_IMAGE = 1 << 30
"""Bytes of one encoded image; more is no image."""

Kind = Literal["class", "numbers", "labels", "none"]
Label = str | tuple[str, ...] | tuple[float, ...] | None
Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_VERSION = 1  # raise when what is written changes
_PER_FOLDER = 1000
_TASKS: dict[str, str] = {
    "class": "classification",
    "numbers": "regression",
    "labels": "multilabel",
    "none": "unlabelled",
}
_ENDINGS = (
    (b"\xff\xd8\xff", ".jpg"), (b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"),
    (b"II*\0", ".tif"), (b"MM\0*", ".tif"), (b"RIFF", ".webp"),
)  # fmt: skip
_NO_LABEL = "it has no label"
_SCHEMA = {
    "path": pl.String,
    "name": pl.String,
    "label": pl.String,
    "part_name": pl.String,
    "problem": pl.String,
}


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """One sample of a container.

    Args:
        content: An encoded image, or pixels of shape (h, w) or (h, w, 1, 3 or 4).
        label: A class, labels, or numbers; None where there is none.
        part_name: The container's word for the part, or None.
        name: What the container calls the sample.
        problem: Why it is no sample, "" if it is one.
    """

    content: bytes | Pixels
    label: Label
    part_name: str | None = None
    name: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What holds for all samples of a container.

    Args:
        layout: Name of the reader.
        source: The container in words ("arrays of digits.npz").
        kind: What the labels are.
        targets: Names of the numbers; one name for everything else.
    """

    layout: str
    source: str
    kind: Kind
    targets: tuple[str, ...] = (TARGET,)


def unpack(
    samples: Callable[[], Iterable[Packed]], about: About, *, name: str, key: str | None
) -> Path:
    """The folder with the samples of a container as files; written at the first call.

    Args:
        samples: Gives the samples; only called if they are not unpacked yet, or without a key.
        about: What holds for all of them.
        name: Name of the folder, and so of the data set.
        key: A hash of the container; None to take one of what is unpacked.

    Raises:
        StorageError: If the cache cannot be written or has no room.
    """
    place = cache_folder() / "unpacked"
    plain = re.sub(r"[^\w.-]+", "_", name).strip(".") or "data"
    if key is None:
        return folder_by_content(place, plain, lambda draft: _write(draft, samples(), about))
    facts = json.dumps([_VERSION, key, about.layout, about.kind, about.targets])
    short = hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()

    def write(draft: Path) -> None:
        _write(draft, samples(), about)

    return folder_once(place / short / plain, write)


def read_unpacked(folder: Path, *, target: str | None) -> Dataset:
    """The data set that `unpack` wrote.

    Raises:
        UsageError: If another target is asked for.
        CorruptFileError: If the table of the samples is damaged.
    """
    try:
        facts = json.loads(pl.read_parquet_metadata(folder / MANIFEST)["about"])
        about = About(facts["layout"], facts["source"], facts["kind"], tuple(facts["targets"]))
        table = pl.read_parquet(folder / MANIFEST)
    except (pl.exceptions.PolarsError, OSError, KeyError, ValueError, TypeError) as error:
        raise CorruptFileError(
            f"{str(folder / MANIFEST)!r} is damaged: {error}.", hint=f"Delete {str(folder)!r}."
        ) from error
    if target not in {None, *about.targets, ", ".join(about.targets), ",".join(about.targets)}:
        raise UsageError(
            f"There is no column {target!r}: the target of {about.source} is "
            f"{', '.join(about.targets)}.",
            hint="Leave --target out.",
        )
    if about.kind != "none":
        silent = (pl.col("problem") == "") & pl.col("label").is_null()
        unlabelled = pl.when(silent).then(pl.lit(_NO_LABEL)).otherwise("problem")
        table = table.with_columns(unlabelled.alias("problem"))
    sound = pl.col("problem") == ""
    frame = _frame(table.filter(sound), about)
    return Dataset(
        name=folder.name,
        root=folder,
        layout=about.layout,
        description=_description(frame, about),
        task=_TASKS[about.kind],
        targets=() if about.kind == "none" else about.targets,
        table=frame,
        sources=(MANIFEST,),
        rejected=tuple(
            Rejected(name, problem, "unusable" if problem == _NO_LABEL else "unreadable")
            for name, problem in table.filter(~sound).select("name", "problem").iter_rows()
        ),
    )


def digest_of(path: Path, *more: Path) -> str:
    """A hash of the contents of files, in their order.

    Raises:
        InputError: If one cannot be read.
    """
    whole = hashlib.blake2b(digest_size=16)
    for each in (path, *more):
        try:
            with each.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        except OSError as error:
            raise InputError(f"Cannot read {str(each)!r}: {error.strerror}.") from error
        whole.update(digest.digest())
    return whole.hexdigest()


def _write(folder: Path, samples: Iterable[Packed], about: About) -> str:
    """Fills the folder and returns a hash of everything in it."""
    whole = hashlib.blake2b(json.dumps([_VERSION, about.kind]).encode(), digest_size=12)
    rows: list[tuple[str, str, str | None, str | None, str]] = []
    for number, sample in enumerate(samples):
        content, problem = _encoded(sample)
        path = ""
        if not problem:
            path = f"{number // _PER_FOLDER:04d}/{number:07d}{_ending(content)}"
            check_space(len(content))
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        label = None if sample.label is None else json.dumps(sample.label, ensure_ascii=False)
        row = (path, sample.name or f"sample {number}", label, sample.part_name, problem)
        rows.append(row)
        whole.update(hashlib.blake2b(content, digest_size=16).digest() + json.dumps(row).encode())
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    facts = {name: getattr(about, name) for name in ("layout", "source", "kind", "targets")}
    table.write_parquet(folder / MANIFEST, metadata={"about": json.dumps(facts)})
    return whole.hexdigest()


def _encoded(sample: Packed) -> tuple[bytes, str]:
    if sample.problem:
        return b"", sample.problem
    if isinstance(sample.content, bytes):
        if len(sample.content) > LARGEST_IMAGE:
            return b"", f"{len(sample.content):,} bytes, too many for an image"
        return sample.content, "" if sample.content else "empty"
    pixels = sample.content
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if 0 in pixels.shape or not (pixels.ndim == 2 or pixels.shape[2:] in {(3,), (4,)}):
        return b"", f"shape {tuple(sample.content.shape)} is no image"
    if pixels.shape[0] * pixels.shape[1] > MAX_PIXELS:
        return b"", f"{pixels.shape[0]} x {pixels.shape[1]} pixels, too many"
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), ""


def _ending(content: bytes) -> str:
    """By content, for names in containers need not be right; ".img" leaves it to the decoder."""
    return next((ending for start, ending in _ENDINGS if content.startswith(start)), ".img")


def _frame(table: pl.DataFrame, about: About) -> pl.DataFrame:
    labels = [None if text is None else json.loads(text) for text in table["label"]]
    parts = [part_of(word) if word else None for word in table["part_name"]]
    columns = {
        "id": table["path"],
        "path": table["path"],
        **_targets(labels, about),
        "group": pl.Series([None] * table.height, dtype=pl.String),
        "part": pl.Series(parts, dtype=pl.String),
        "part_name": table["part_name"],
    }
    return pl.DataFrame(columns)


def _targets(labels: Sequence[object], about: About) -> dict[str, pl.Series]:
    if about.kind == "none":
        return {}
    if about.kind == "numbers":
        values = np.array(labels, dtype=np.float64).reshape(len(labels), len(about.targets))
        return {name: pl.Series(values[:, at]) for at, name in enumerate(about.targets)}
    dtype = pl.List(pl.String) if about.kind == "labels" else pl.String()
    return {about.targets[0]: pl.Series(labels, dtype=dtype)}


def _description(frame: pl.DataFrame, about: About) -> str:
    parts = [part for part in PARTS if part in frame["part"].unique()]
    text = about.source
    if about.kind == "class":
        text += f", {frame[about.targets[0]].n_unique()} classes"
    elif about.kind == "labels":
        count = frame[about.targets[0]].explode().drop_nulls().n_unique()
        text += f", {count} labels, several an image"
    elif about.kind == "numbers":
        text += f", target {', '.join(about.targets)} (numbers)"
    text += f", {frame.height:,} images"
    return f"{text}, given parts: {', '.join(parts)}" if parts else text
