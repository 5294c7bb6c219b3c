"""Checksums, so that a file that a disk or a hand has changed is never mistaken for a sound one.

They tell accidents, not forgery: who can write the file can write the checksum as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from phoropter.core.errors import CorruptFileError
from phoropter.core.files import plain, read_json, write_json

_OWN = "checksum"


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """BLAKE2b-128 of those of the files that are there, by name, as hexadecimal digits."""
    present = {name: folder / name for name in names}
    return {name: _of(path) for name, path in present.items() if path.is_file()}


def check_unchanged(
    folder: Path, recorded: Mapping[str, str], names: Iterable[str], *, hint: str
) -> None:
    """Refuses files that are no longer what they were when their checksums were taken.

    Args:
        folder: Where they are.
        recorded: What `checksums` said; a name that is not in it is not checked.
        names: The files to look at.
        hint: What to do about a damaged one.

    Raises:
        CorruptFileError: If one is missing or has changed.
    """
    wanted = [name for name in names if name in recorded]
    found = checksums(folder, wanted)
    for name in wanted:
        if found.get(name) != recorded[name]:
            what = "has changed since it was written" if name in found else "is missing"
            raise CorruptFileError(f"{str(folder / name)!r} {what}.", hint=hint)


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Writes JSON that carries its own checksum, whole or not at all."""
    write_json(path, with_checksum(values))


def read_record(path: Path) -> dict[str, Any]:
    """What `write_record` wrote; a file without a checksum (of an older version) is believed.

    Raises:
        CorruptFileError: If it is damaged.
    """
    try:
        return checked(read_json(path))
    except ValueError as error:
        raise CorruptFileError(
            f"{str(path)!r} is damaged: {error}.", hint="Delete it and run the command again."
        ) from error


def with_checksum(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON knows them, and their checksum."""
    content = plain(values)
    return {**content, _OWN: _of_values(content)}


def checked(values: Any) -> dict[str, Any]:
    """What was given to `with_checksum`; values that carry none are believed.

    Raises:
        ValueError: If they are not what they were.
    """
    if isinstance(values, dict):
        content = {name: value for name, value in values.items() if name != _OWN}
        if values.get(_OWN) in {None, _of_values(content)}:
            return content
    message = "it has changed since it was written"
    raise ValueError(message)


def _of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _of_values(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
