"""Tables that Hugging Face `datasets` keeps on disk: Arrow streams and Parquet with features."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from phoropter.core.errors import InputError
from phoropter.data.parts import part_of
from phoropter.data.sound_file import check_sound, read_binary

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
_ARROW_FILE = b"ARROW1"


@dataclass(frozen=True, slots=True)
class ArrowPart:
    """The files of one split.

    Args:
        files: Arrow or Parquet files, in order.
        name: The source's word for the split, or None.
        features: What the source says of each column; empty where it says nothing.
    """

    files: tuple[Path, ...]
    name: str | None
    features: Mapping[str, Any]


def arrow_parts(path: Path) -> list[ArrowPart]:
    """The splits at a path: a folder of `save_to_disk`, or Parquet files with embedded images.

    Raises:
        InputError: If a file that describes them is damaged.
    """
    if path.is_file():
        return [_parquet_part([path], None)] if path.suffix.casefold() == ".parquet" else []
    if (path / STATE).is_file():
        return [_saved(path, None)]
    if (path / SPLITS).is_file():
        names = _json(path / SPLITS).get("splits")
        if not isinstance(names, list) or not all(_is_plain(name) for name in names):
            raise InputError(f"{str(path / SPLITS)!r} does not list the splits.")
        return [_saved(path / name, name) for name in names if (path / name / STATE).is_file()]
    files = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    by_part: dict[str | None, list[Path]] = {}
    for file in files:
        word = file.stem.split("-")[0]
        by_part.setdefault(word if part_of(word) else None, []).append(file)
    return [_parquet_part(members, name) for name, members in by_part.items()]


def read_frame(path: Path) -> pl.DataFrame:
    """The table in an Arrow or Parquet file.

    Raises:
        InputError: If it cannot be read.
    """
    if path.suffix.casefold() == ".parquet":
        return read_binary(path, "parquet")
    try:
        with path.open("rb") as file:
            as_file = file.read(len(_ARROW_FILE)) == _ARROW_FILE
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    return read_binary(path, "ipc" if as_file else "ipc_stream")


def schema_of(path: Path) -> pl.Schema:
    """The columns of a Parquet file.

    Raises:
        InputError: If it cannot be read.
    """
    check_sound(path, "parquet")
    return pl.Schema(pl.read_parquet_schema(path))


def image_column(schema: pl.Schema) -> str | None:
    """The first column of images: records of `bytes` (and `path`), or bytes called so."""
    for name, dtype in schema.items():
        if isinstance(dtype, pl.Struct):
            kinds = {field.name: field.dtype for field in dtype.fields}
            if kinds.get("bytes") == pl.Binary:
                return name
        elif dtype == pl.Binary and name.casefold() in {"image", "img", "bytes", "image_bytes"}:
            return name
    return None


def class_names(feature: Any) -> tuple[str, ...]:
    """Names of the classes in the description of a column, or of the items of a list."""
    if isinstance(feature, list) and len(feature) == 1:
        return class_names(feature[0])
    if not isinstance(feature, Mapping):
        return ()
    if feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return tuple(str(name) for name in feature["names"])
    inner = feature.get("feature")
    return class_names(inner) if inner is not None else ()


def image_bytes(column: pl.Series) -> Iterator[tuple[bytes, str]]:
    """The encoded images of a column and the names that the source gives them."""
    for value in column:
        if isinstance(value, Mapping):
            yield value.get("bytes") or b"", str(value.get("path") or "")
        else:
            yield value or b"", ""


def _saved(folder: Path, name: str | None) -> ArrowPart:
    state = _json(folder / STATE)
    entries = state.get("_data_files")
    listed = entries if isinstance(entries, list) else []
    names = [str(entry.get("filename")) for entry in listed if isinstance(entry, dict)]
    if not names or not all(map(_is_plain, names)):
        raise InputError(
            f"{str(folder / STATE)!r} names no files.", hint="Save the data set to disk again."
        )
    info = _json(folder / INFO) if (folder / INFO).is_file() else {}
    word = name or state.get("_split")
    return ArrowPart(
        tuple(folder / file for file in names),
        word if isinstance(word, str) else None,
        _features(info),
    )


def features_told(path: Path) -> bool:
    """Whether a Parquet file carries the description that Hugging Face `datasets` writes.

    Raises:
        InputError: If it cannot be read.
    """
    check_sound(path, "parquet")
    return "huggingface" in pl.read_parquet_metadata(path)


def _parquet_part(files: Sequence[Path], name: str | None) -> ArrowPart:
    check_sound(files[0], "parquet")
    try:
        about = json.loads(pl.read_parquet_metadata(files[0]).get("huggingface", "{}"))
    except ValueError:  # what says nothing about the columns leaves them to be found out
        about = {}
    info = about.get("info") if isinstance(about, dict) else None
    return ArrowPart(tuple(files), name, _features(info))


def _features(info: object) -> Mapping[str, Any]:
    features = info.get("features") if isinstance(info, Mapping) else None
    return features if isinstance(features, Mapping) else {}


def _is_plain(name: object) -> bool:
    """Whether a name from a file is one of a file beside it, and leads nowhere else."""
    return isinstance(name, str) and Path(name).name == name and name not in {"", ".", ".."}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is damaged: {error}.") from error
    if not isinstance(value, dict):
        raise InputError(f"{str(path)!r} is damaged: it holds no object.")
    return value
