"""What every reader promises, checked on an example: for our own readers and those of others.

from phoropter.testing.reader_contract import broken_promises

def test_my_reader(tmp_path):
write_an_example(tmp_path)
assert broken_promises(my_reader, tmp_path) == []
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import polars as pl

from phoropter.core.errors import PhoropterError
from phoropter.core.objects import OBJECTS_SCHEMA
from phoropter.core.protocols import Reader
from phoropter.core.records import PARTS, Dataset
from phoropter.data.accounts import account

_TEXT = ("id", "path", "group", "part", "part_name")
_TARGETS = {
    "classification": pl.String(),
    "regression": pl.Float64(),
    "multilabel": pl.List(pl.String),
}


def broken_promises(reader: Reader, path: Path, *, target: str | None = None) -> list[str]:
    """Every promise that the reader breaks on a sound example, in words; none for a good reader.

    Args:
        reader: The reader.
        path: An example of its layout; nothing in it may be written to.
        target: The target, where the layout needs it to be said.
    """
    before = _state(path)
    broken = list(_detection(reader, path))
    dataset = reader.read(path, target=target)
    again = reader.read(path, target=target)
    if not dataset.table.equals(again.table) or dataset.rejected != again.rejected:
        broken.append("reading twice gives two different data sets")
    broken += _record(dataset)
    broken += _table(dataset)
    broken += _files(dataset) if dataset.modality == "image" else _rows(dataset)
    broken += _objects(dataset)
    if path.is_dir():
        broken += _accounts(path, dataset)
    broken += _wrong_target(reader, path)
    if _state(path) != before:
        broken.append("the example was changed by being read")
    return broken


def _detection(reader: Reader, path: Path) -> Iterator[str]:
    sure = reader.detects(path)
    if not 0 < sure <= 1:
        yield f"it is {sure} sure of its own example, not in (0, 1]"
    with tempfile.TemporaryDirectory() as folder:
        stranger = Path(folder, "notes.odd")
        stranger.write_bytes(b"\x00\x01 neither a picture nor a table")
        for other in (stranger, stranger.parent):
            if reader.detects(other) != 0:
                yield f"it claims {'a file of nothing' if other.is_file() else 'an empty folder'}"


def _record(dataset: Dataset) -> Iterator[str]:
    for name in ("name", "layout", "description", "task"):
        text = getattr(dataset, name)
        if not text or "\n" in text:
            yield f"{name} is no line of text: {text!r}"
    if not len(dataset):
        yield "no sample was read"
    for item in dataset.rejected:
        if not item.path or not item.reason:
            yield f"something was rejected without a path or reason: {item}"


def _table(dataset: Dataset) -> Iterator[str]:
    table = dataset.table
    lacking = [name for name in (*_TEXT, *dataset.targets, *dataset.inputs) if name not in table]
    if lacking:
        yield f"the table lacks {', '.join(lacking)}"
        return
    for name in _TEXT:
        if table[name].dtype != pl.String:
            yield f"{name} is {table[name].dtype}, not text"
    if table["id"].null_count() or table["id"].n_unique() != table.height:
        yield "identifiers are missing or repeated"
    strangers = set(table["part"].drop_nulls()) - set(PARTS)
    if strangers:
        yield f"parts are {', '.join(sorted(strangers))}"
    wanted = _TARGETS.get(dataset.task)
    for name in dataset.targets:
        if wanted is not None and table[name].dtype != wanted:
            yield f"the target {name} is {table[name].dtype}, not {wanted}"
        if table[name].null_count():
            yield f"the target {name} is missing in kept rows"


def _files(dataset: Dataset) -> Iterator[str]:
    if dataset.inputs:
        yield "images have no input columns"
    for path in dataset.table["path"]:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or not (dataset.root / path).is_file():
            yield f"{path!r} is no file below the root"
            return


def _rows(dataset: Dataset) -> Iterator[str]:
    if not dataset.inputs:
        yield "rows need input columns"
    if set(dataset.inputs) & set(dataset.targets):
        yield "a target is among the inputs"
    if "digest" not in dataset.table or dataset.table["digest"].null_count():
        yield "rows need a digest of their inputs"


def _objects(dataset: Dataset) -> Iterator[str]:
    objects = dataset.objects
    if objects is None:
        return
    if objects.schema != OBJECTS_SCHEMA:
        yield f"objects have the columns {', '.join(objects.columns)}"
        return
    unnamed = set(objects["label"].drop_nulls()) - set(dataset.classes)
    if unnamed:
        yield f"objects are of classes that are not listed: {', '.join(sorted(unnamed))}"
    strangers = set(objects["id"]) - set(dataset.table["id"])
    if strangers:
        yield f"objects are on images that are none: {', '.join(sorted(strangers))}"
    if dataset.class_ids and len(dataset.class_ids) != len(dataset.classes):
        yield "there are not as many numbers of classes as names"
    for place in objects["mask_path"].drop_nulls().unique():
        if not (dataset.root / place).is_file():
            yield f"{place!r} is no mask below the root"
            return


def _accounts(path: Path, dataset: Dataset) -> Iterator[str]:
    """Of a sound example every file is used or rejected; what is not there was not read."""
    for source in dataset.sources:
        if not (path / source).is_file():
            yield f"{source!r}, which it says it read, is no file of the example"
    for item in account(path, dataset).ignored:
        yield f"{item.count} files were left out without a word: {', '.join(item.examples)}"


def _wrong_target(reader: Reader, path: Path) -> Iterator[str]:
    try:
        reader.read(path, target="no such column")
    except PhoropterError as error:
        if not error.hint:
            yield f"a wrong target gives no hint: {error.message}"
    else:
        yield "a target that is not there is accepted"


def _state(path: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file of the example."""
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}
