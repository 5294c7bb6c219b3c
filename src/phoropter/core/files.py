"""Files that are written whole or not at all, and JSON that every parser accepts."""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phoropter.core.errors import CorruptFileError, PhoropterError, StorageError

PARTIAL = ".part"
"""How the names of files and folders end that are being written."""

REPLACED = "replaced"
"""What the former folder is called, inside the new one's, for the moment of their exchange."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_PROBE_BYTES = 1 << 16
_UNWRITABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,  # a file where a folder should be
    errno.EEXIST,  # the same, as `mkdir` puts it
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.EFBIG,  # beyond what the file system, or a limit of the process, allows a file
}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Hands out a temporary path beside `path`, and renames it into place when the block ends well.

    The content is flushed to the disk before the rename, so that after a power cut the file is
    either the old or the new one.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent)
        os.close(handle)
    partial = Path(name)
    try:
        with storage_errors(path):
            with _room_doubted(partial):
                yield partial
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.chmod(0o644)
            partial.replace(path)
            _sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _room_doubted(partial: Path) -> Iterator[None]:
    """Asks the disk itself whether it is full, whenever writing a file fails.

    torch, safetensors and polars each report a full disk with an exception of their own, and numpy
    with one that has no number; the next write fails plainly.
    """
    try:
        yield
    except Exception as error:
        understood = isinstance(error, OSError) and error.errno is not None
        if not understood and not isinstance(error, PhoropterError):
            with partial.open("ab") as file:
                file.write(bytes(_PROBE_BYTES))
        raise


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns the operating system's complaints about writing `path` into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(path) from error
        if error.errno in _UNWRITABLE:
            raise StorageError(
                f"Cannot write {str(path)!r}: {error.strerror}.",
                hint="Choose a writable place with --project DIR.",
            ) from error
        raise


def disk_full(path: Path) -> StorageError:
    """What is said where there is no room to write `path`."""
    return StorageError(
        f"No space left on the disk while writing {str(path)!r}.",
        hint="Free some space and run the same command again; nothing finished is lost.",
    )


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Writes `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file of ours.

    Raises:
        CorruptFileError: If it is not valid JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error}.", hint="Delete it and run the command again."
        ) from error


def plain(value: object) -> Any:
    """`value` in types that JSON knows; NaN and infinities become None.

    >>> plain({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable; Windows has no handle for folders and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
