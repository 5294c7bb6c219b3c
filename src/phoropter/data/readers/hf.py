"""Hugging Face data sets on disk: folders of `save_to_disk`, and Parquet with embedded images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from phoropter.core.errors import InputError, UsageError, nearest
from phoropter.core.records import Dataset
from phoropter.data.arrow_files import (
    INFO,
    SPLITS,
    STATE,
    ArrowPart,
    arrow_parts,
    class_names,
    features_told,
    image_bytes,
    image_column,
    read_frame,
    schema_of,
)
from phoropter.data.parts import part_of
from phoropter.data.row_columns import text_columns
from phoropter.data.row_dataset import dataset_of_rows
from phoropter.data.row_files import RowFiles
from phoropter.data.table_columns import TARGET_NAMES
from phoropter.data.table_file import TableFile, cells_of
from phoropter.data.unpacked import About, Kind, Label, Packed, digest_of, read_unpacked, unpack

_FEW = 20


@dataclass(frozen=True, slots=True)
class _Goal:
    """The column to be predicted and how it is read."""

    column: str | None
    kind: Kind
    names: tuple[str, ...] = ()


def detects(path: Path) -> float:
    """How sure this reader is that `path` is of Hugging Face `datasets`, in [0, 1]."""
    if path.is_dir() and ((path / STATE).is_file() or (path / SPLITS).is_file()):
        return 0.95
    parquet = [path] if path.suffix.casefold() == ".parquet" and path.is_file() else []
    if path.is_dir():
        parquet = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    return 0.95 if parquet and _has_images(parquet[0]) else 0.0


def _has_images(file: Path) -> bool:
    """Whether a Parquet file is of this kind: it says so, or holds encoded images."""
    try:
        return features_told(file) or image_column(schema_of(file)) is not None
    except InputError:  # the readers of tables say what is wrong with it
        return False


def read(path: Path, *, target: str | None) -> Dataset:
    """The samples of all splits; images are written once into the cache, bytes as they are.

    Without images, the columns are texts or a table, and read as such. Class numbers are shown by
    their names where the data set knows them.

    Args:
        path: A folder of `save_to_disk`, a Parquet file, or a folder of such files.
        target: The column to predict; a column of class labels, or of a usual name, if left out.

    Raises:
        InputError: If a file is damaged.
        UsageError: If the target is not clear or not there.
        StorageError: If the cache has no room for the images.
    """
    parts = [part for part in arrow_parts(path) if part.files]
    if not parts:
        raise InputError(f"There is no data set of Hugging Face at {str(path)!r}.")
    first = read_frame(parts[0].files[0])
    column = image_column(first.schema)
    name = path.stem if path.is_file() else path.name
    if column is None:
        rows = _rows(path, name, parts)
        modality = "text" if text_columns(rows.table.cells) else "table"
        dataset = dataset_of_rows(
            rows, modality="text" if modality == "text" else "table", layout="hf", target=target
        )
        return replace(dataset, sources=_sources(path, parts))
    goal = _goal(first, parts[0], column, target)
    folder = unpack(
        lambda: _packed(parts, column, goal),
        About("hf", f"Hugging Face data set {name}", goal.kind, (goal.column or "label",)),
        name=name,
        key=digest_of(*(file for part in parts for file in part.files)) + str(goal),
    )
    dataset = read_unpacked(folder, target=goal.column if goal.kind != "none" else None)
    return replace(dataset, sources=_sources(path, parts))


def _sources(path: Path, parts: Sequence[ArrowPart]) -> tuple[str, ...]:
    """The files of the samples, and those that say what is in them."""
    root = path if path.is_dir() else path.parent
    files = [file for part in parts for file in part.files]
    places = dict.fromkeys([root, *(file.parent for file in files)])
    told = [place / name for place in places for name in (SPLITS, STATE, INFO)]
    read = [*files, *(file for file in told if file.is_file())]
    return tuple(dict.fromkeys(file.relative_to(root).as_posix() for file in read))


def _goal(frame: pl.DataFrame, part: ArrowPart, image: str, target: str | None) -> _Goal:
    free = [name for name in frame.columns if name != image]
    if target is not None and target not in free:
        raise UsageError(f"There is no column {target!r}.", hint=nearest(target, free))
    named = [name for name in free if class_names(part.features.get(name))]
    usual = [name for name in free if name.casefold() in TARGET_NAMES]
    candidates = (
        [target] if target else named[:1] if len(named) == 1 else usual[:1] or named or free
    )
    if not candidates:
        return _Goal(None, "none")
    if len(candidates) > 1:
        raise UsageError(
            f"The data set does not say which column is to be predicted: {', '.join(candidates)}.",
            hint=f"Choose one with --target, for example --target {candidates[0]!r}.",
        )
    column = frame[candidates[0]]
    names = class_names(part.features.get(column.name))
    return _Goal(column.name, _kind(column, names), names)


def _candidates(free: list[str], named: list[str], usual: list[str]) -> list[str]:
    """Columns that may be the target: the only one of class labels, one of a usual name, others."""
    return named if len(named) == 1 else usual[:1] or named or free


def _kind(column: pl.Series, names: Sequence[str]) -> Kind:
    if isinstance(column.dtype, pl.List | pl.Array):
        return "labels"
    if names or column.dtype in {pl.String, pl.Boolean} or not column.dtype.is_numeric():
        return "class"
    if column.dtype.is_integer():
        many = column.n_unique() > max(_FEW, len(column) / 5)
        return "numbers" if many else "class"
    return "numbers"


def _packed(parts: Sequence[ArrowPart], image: str, goal: _Goal) -> Iterator[Packed]:
    for part in parts:
        for file in part.files:
            frame = read_frame(file)
            wanted = [name for name in (image, goal.column) if name]
            if not set(wanted) <= set(frame.columns):
                raise InputError(f"{str(file)!r} has no column {' or '.join(wanted)}.")
            labels = frame[goal.column] if goal.column else [None] * frame.height
            pairs = zip(image_bytes(frame[image]), labels, strict=True)
            for at, ((content, name), label) in enumerate(pairs):
                shown = f"{file.name}[{at}]" + (f" {name}" if name else "")
                yield Packed(content, _label(label, goal), part.name, shown)


def _label(value: Any, goal: _Goal) -> Label:
    if value is None or goal.kind == "none":
        return None
    if goal.kind == "labels":
        return tuple(sorted(_named(item, goal.names) for item in value))
    return (float(value),) if goal.kind == "numbers" else _named(value, goal.names) or None


def _named(value: Any, names: Sequence[str]) -> str:
    if names and isinstance(value, int):
        return names[value] if 0 <= value < len(names) else ""  # -1 stands for "no label"
    return str(value)


def _rows(path: Path, name: str, parts: Sequence[ArrowPart]) -> RowFiles:
    """The cells of all splits as text, class numbers by their names."""
    tables, origins = [], []
    root = path if path.is_dir() else path.parent
    for part in parts:
        for file in part.files:
            frame = read_frame(file)
            cells = cells_of(frame).with_columns(
                _spelt(frame[column], class_names(part.features.get(column)))
                for column in frame.columns
                if class_names(part.features.get(column)) and frame[column].dtype.is_integer()
            )
            tables.append(cells)
            origins.append(_origin(file.relative_to(root).as_posix(), cells.height, part.name))
    cells = pl.concat(tables, how="diagonal").with_columns(pl.all().fill_null(""))
    if not cells.height or not cells.width:
        raise InputError(f"The data set {str(path)!r} has no rows.")
    origin = pl.concat(origins)
    files = tuple(origin["path"].unique(maintain_order=True))
    table = TableFile(cells, tuple(origin["line"].to_list()))
    return RowFiles(root, name, files, table, origin)


def _spelt(column: pl.Series, names: Sequence[str]) -> pl.Series:
    words = ["" if value is None else _named(value, names) for value in column.to_list()]
    return pl.Series(column.name, words, dtype=pl.String)


def _origin(path: str, count: int, word: str | None) -> pl.DataFrame:
    part = part_of(word) if word else None
    return pl.DataFrame(
        {
            "path": [path] * count,
            "line": list(range(1, count + 1)),
            "part": [part] * count,
            "part_name": [word if part else None] * count,
        },
        schema={"path": pl.String, "line": pl.Int64, "part": pl.String, "part_name": pl.String},
    )
